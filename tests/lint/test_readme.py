# SPDX-License-Identifier: Apache-2.0
"""README.md and CONTRIBUTING.md name only what is there: paths, commands, options, tests, pictures.

Each check is a function from text to the list of its faults; the tests below give it the real
files, and show that it fires.
"""
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "CONTRIBUTING.md"]
ROOTS = ("gateway", "smpp", "sessions", "menus", "api", "deploy", "tests", "build", ".ci")

# What a clone does not have: made by the two commands.
MADE = re.compile(r"build(/|$)")
PATH = re.compile(r"(?<![\w./$-])((?:%s)/[\w./*<>-]*\w\*?|(?:CMakeLists\.txt|coko\.ini))"
                  % "|".join(re.escape(r) for r in ROOTS))
TEST_FILE = re.compile(r"(?<![\w/])((?:test|fuzz)_\w+\.(?:c|py))")
COMMAND = re.compile(r"(?<![\w/.])(?:build/)?coko ([a-z]+)(?: ([a-z]+))?(?: (--\w[\w-]*))?")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| `([^`]+)` \|", re.M)
SECTION = re.compile(r"^## (.+)$", re.M)


def page(name):
    return (TOP / name).read_text()


def section(text, title):
    """The text under a heading, to the next of its rank."""
    start = text.index(f"\n## {title}\n")
    end = text.find("\n## ", start + 4)
    return text[start:end if end > 0 else len(text)]


def code(text):
    """What stands as code: between backticks, in fences, or indented by four spaces."""
    blocks = re.findall(r"^```.*?^```", text, re.M | re.S)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    lines = [line for line in rest.splitlines() if line.startswith("    ")]
    spans = re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", rest)
    return "\n".join(blocks + lines + spans)


def there(path):
    if MADE.match(path) or "<" in path:
        return True
    path = re.sub(r"\bX\b|(?<=_)X\b", "*", path)  # CONTRIBUTING's "any name"
    if "*" in path:
        return any(TOP.glob(path))
    return (TOP / path).exists()


def missing_paths(text):
    paths = {p.rstrip(".") for p in PATH.findall(text)} - {"coko.ini"}
    return sorted(p for p in paths if not there(p))


def missing_tests(text):
    names = {p.name for p in (TOP / "tests").rglob("*_*.*")}
    return sorted(set(TEST_FILE.findall(text)) - names - {"test_X.c", "fuzz_X.c"})


def commands():
    """name: usage and help of each command, from the table of gateway/main.c."""
    table = page("gateway/main.c").partition("commands[] = {")[2].partition("\n};")[0]
    rows = re.split(r'^    \{\s*"(\w+)",', table, flags=re.M)[1:]
    assert len(rows) > 10, "the table of gateway/main.c has another form"
    return dict(zip(rows[::2], rows[1::2]))


def missing_commands(text):
    known, faults = commands(), []
    for name, sub, flag in COMMAND.findall(code(text)):
        if name not in known:
            faults.append(name)
        elif flag and flag != "--help" and flag not in known[name]:
            faults.append(f"{name} {flag}")
        elif sub and name in ("menus", "smpp") and sub not in known[name]:
            faults.append(f"{name} {sub}")
    return faults


def broken_links(text, folder=TOP):
    faults = []
    for link in LINK.findall(text):
        if not re.match(r"[a-z]+:", link) and not (folder / link.partition("#")[0]).exists():
            faults.append(link)
    return faults


def picture_faults(text):
    """Well-formed, and draws itself: no script, no font, no picture from elsewhere."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        return [str(error)]
    faults = [] if root.tag.endswith("}svg") and root.get("viewBox") else ["no svg with a viewBox"]
    for node in root.iter():
        name = node.tag.rpartition("}")[2]
        if name in ("script", "image", "use", "foreignObject"):
            faults.append(f"<{name}>")
        faults += [f"{k}={v}" for k, v in node.attrib.items()
                   if k.endswith("href") or k.startswith("on") or "url(" in v]
    if re.search(r"@import|@font-face|url\s*\(|<!DOCTYPE|<!ENTITY|<\?xml-stylesheet", text):
        faults.append("a reference to elsewhere")
    return faults


def missing_defs(text):
    """Test functions that the table of invariants names without test_, perhaps cut by a *."""
    tests = "".join(p.read_text() for room in ("unit", "integration")
                    for p in (TOP / "tests" / room).glob("test_*.[cp]*"))
    names = re.findall(r"(?<![\w.`/])([a-z]+(?:_[a-z0-9]+){2,}\*?)", text)
    return [n for n in names if not re.search(
        r"\b(?:def |void )(?:test_)?%s\w*\(" % n.rstrip("*_"), tests)]


@pytest.mark.parametrize("name", PAGES)
def test_paths_exist(name):
    assert missing_paths(page(name)) == []


@pytest.mark.parametrize("name", PAGES)
def test_named_tests_exist(name):
    assert missing_tests(page(name)) == []


@pytest.mark.parametrize("name", PAGES)
def test_commands_exist(name):
    assert missing_commands(page(name)) == []


@pytest.mark.parametrize("name", PAGES + ["menus/README.md", "tests/lab/README.md"])
def test_links_resolve(name):
    assert broken_links(page(name), (TOP / name).parent) == []


def test_every_command_is_in_the_readme():
    named = {match[0] for match in COMMAND.findall(code(page("README.md")))}
    assert set(commands()) - named == set()


def test_the_tour_names_files_once_and_they_exist():
    files = ROW.findall(section(page("README.md"), "Tour of the files"))
    assert len(files) >= 30
    assert len(set(files)) == len(files)
    assert [f for f in files if not (TOP / f).is_file()] == []


def test_invariants_name_tests_that_exist():
    text = "".join(line.rpartition("|")[0].rpartition("|")[2]
                   for line in section(page("README.md"), "What is kept true").splitlines()
                   if line.startswith("| "))
    assert missing_defs(text) == []


def test_where_an_invariant_is_kept_it_is_cited():
    """Each row's files, or the room they stand in, name the invariant."""
    rows = re.findall(r"^\| ([SMIR]\d+) \|[^|]*\|([^|]*)\|",
                      section(page("README.md"), "What is kept true"), re.M)
    assert len(rows) >= 20
    for number, kept in rows:
        folders = {str(Path(p).parent) for p in PATH.findall(kept)}
        found = subprocess.run(["grep", "-rlwE", "--include=*.[chs]*", number, *folders], cwd=TOP,
                               capture_output=True, text=True, check=False).stdout
        assert found, f"{number} is not cited in {folders}"


def test_counts_of_the_sample_library():
    books = len(list((TOP / "deploy/sample/books").glob("*.txt")))
    assert f"has {books} serials" in page("README.md")


def test_metrics_that_are_named_exist():
    source = "".join(p.read_text() for room in ("gateway", "smpp", "sessions", "api")
                     for p in (TOP / room).rglob("*.c"))
    names = set(re.findall(r"\bcoko_(?:smpp|ussd|redis|worker|config)_\w+", page("README.md")))
    assert len(names) > 4
    assert {n for n in names if f'"{n}"' not in source} == set()


def test_options_of_the_example_exist():
    sources = [*(TOP / "gateway").rglob("*.c"), *(TOP / "api").glob("*.c")]
    rows = "".join(p.read_text() for p in sources)
    known = set(re.findall(r'\{"(\w+)", "(\w+)", OPTION_', rows))
    secret = set(re.findall(r'\{"(\w+)", "(\w+)", OPTION_SECRET', rows))
    example = "\n".join(re.findall(r"^```ini\n(.*?)^```", page("README.md"), re.M | re.S))
    kind, seen = "", 0
    for line in example.splitlines():
        if line.startswith("["):
            kind = line.strip("[]").split()[0]
        elif line and line[0] not in ";#":
            key = line.split("=")[0].strip()
            assert (kind, key) in known or (kind, key.removesuffix("_file")) in secret, (kind, key)
            seen += 1
    assert seen >= 10


@pytest.mark.parametrize("path", sorted(TOP.glob("deploy/pictures/*.svg")), ids=lambda p: p.name)
def test_pictures_stand_alone(path):
    assert picture_faults(path.read_text()) == []
    assert len(path.read_bytes()) < 20000


def test_readme_shows_every_picture():
    shown = {link for link in LINK.findall(page("README.md")) if link.endswith(".svg")}
    assert shown == {str(p.relative_to(TOP)) for p in TOP.glob("deploy/pictures/*.svg")}


@pytest.mark.parametrize("check, text", [
    (missing_paths, "see `gateway/lib/nothing.c`"),
    (missing_paths, "see `tests/lab/*.rb`"),
    (missing_tests, "`test_nothing.py` proves it"),
    (missing_commands, "    build/coko fly\n"),
    (missing_commands, "run `coko check --fly`"),
    (missing_commands, "run `coko menus fly`"),
    (broken_links, "[a page](deploy/nothing.md)"),
    (missing_defs, "| no_such_test_here |"),
    (picture_faults, "<svg"),
    (picture_faults, "<svg xmlns='http://www.w3.org/2000/svg'/>"),
    (picture_faults, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><script/></svg>"),
    (picture_faults, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'>"
                     "<image href='http://a/b.png'/></svg>"),
    (picture_faults, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'>"
                     "<style>@font-face { src: url(x) }</style></svg>"),
])
def test_the_checks_fire(check, text):
    assert check(text) != []


@pytest.mark.parametrize("check, text", [
    (missing_paths, "`gateway/lib/err.h`, `tests/unit/test_*.c`, `build/demo/env`"),
    (missing_commands, "`coko check --print` and `coko menus check`, a coko book"),
    (broken_links, "[here](README.md#the-house) and [there](https://example.net)"),
])
def test_the_checks_are_quiet(check, text):
    assert check(text) == []
