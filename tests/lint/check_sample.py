#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check the sample catalogue: deploy/sample/categories.json and deploy/sample/books/*.txt.

Each problem is printed as file:line: message; the exit status is 1 when there is any.
The format is described in deploy/sample/README.md.
"""

import argparse
import json
import pathlib
import re
import sys
import unicodedata

MAX_TITLE = 40
MAX_SUMMARY = 240
MIN_PARTS = 6
MIN_WORDS, MAX_WORDS = 300, 700
MIN_SERIALS, MIN_ENGLISH = 12, 3

REQUIRED = ("Title", "Code", "Language", "Author", "Category", "Summary")
REPEATABLE = ("Author", "Category")
LANGUAGES = ("fr", "en")

ACCENTED = "àâäçéèêëîïôöùûüÿœæ"
ALLOWED = set(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    " .,;:!?'()-\"%/+«»" + ACCENTED + ACCENTED.upper()
)

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
CODE = re.compile(r"[1-9][0-9]{2,5}\Z")
HEADER = re.compile(r"([A-Z][a-z]+): (\S.*)\Z")
WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")


class Report:
    """Collects file:line messages."""

    def __init__(self):
        self.count = 0

    def add(self, path, line, message):
        self.count += 1
        print(f"{path}:{line}: {message}")


def read_text(path, report):
    """Return the file as text, or None when it is not UTF-8."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        report.add(path, raw[: exc.start].count(b"\n") + 1, "not UTF-8")
        return None
    if text.startswith("\ufeff"):
        report.add(path, 1, "byte order mark")
    if not text.endswith("\n") or text.endswith("\n\n"):
        report.add(path, text.count("\n") + 1, "must end with exactly one line feed")
    return text


def read_categories(path, report):
    """Return the set of category slugs."""
    text = read_text(path, report)
    if text is None:
        return set()
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as exc:
        report.add(path, exc.lineno, f"not JSON: {exc.msg}")
        return set()
    slugs, sorts = set(), set()
    for row in rows:
        slug, names, sort = row.get("slug", ""), row.get("names", {}), row.get("sort")
        if not SLUG.match(slug) or slug in slugs:
            report.add(path, 1, f"bad or repeated slug {slug!r}")
        if set(names) != set(LANGUAGES) or not all(names.values()):
            report.add(path, 1, f"{slug}: names must be given in fr and en")
        if not isinstance(sort, int) or sort in sorts:
            report.add(path, 1, f"{slug}: sort must be a whole number, used once")
        slugs.add(slug)
        sorts.add(sort)
    return slugs


def check_line(path, number, line, report):
    """What holds for every line, header or prose."""
    if unicodedata.normalize("NFC", line) != line:
        report.add(path, number, "not NFC")
    if line != line.strip():
        report.add(path, number, "space at the start or the end of the line")
    if "  " in line:
        report.add(path, number, "two spaces in a row")
    body = line[2:] if line.startswith("# ") else line
    for char in sorted(set(body) - ALLOWED):
        report.add(path, number, f"character not allowed: U+{ord(char):04X} {char!r}")
    if line.count("«") != line.count("»"):
        report.add(path, number, "unbalanced « »")


def read_header(path, lines, report):
    """Return (fields, index of the first line after the header)."""
    fields = {}
    for index, line in enumerate(lines):
        if line == "":
            break
        match = HEADER.match(line)
        if not match or match[1] not in REQUIRED:
            report.add(path, index + 1, "not a known 'Key: value' header")
            continue
        key = match[1]
        if key in fields and key not in REPEATABLE:
            report.add(path, index + 1, f"{key} given twice")
        fields.setdefault(key, []).append((index + 1, match[2]))
    else:
        index = len(lines)
    for key in REQUIRED:
        if key not in fields:
            report.add(path, 1, f"{key} is missing")
            fields[key] = [(1, "")]
    return fields, index + 1


def check_header(path, fields, categories, report):
    """Check the values of the header."""
    line, title = fields["Title"][0]
    if len(title) > MAX_TITLE:
        report.add(path, line, f"title of {len(title)} characters, at most {MAX_TITLE}")
    line, code = fields["Code"][0]
    if not CODE.match(code):
        report.add(path, line, f"bad code {code!r}")
    line, language = fields["Language"][0]
    if language not in LANGUAGES:
        report.add(path, line, f"unknown language {language!r}")
    line, summary = fields["Summary"][0]
    if len(summary) > MAX_SUMMARY:
        report.add(path, line, f"summary of {len(summary)} characters, at most {MAX_SUMMARY}")
    for line, slug in fields["Category"]:
        if slug not in categories:
            report.add(path, line, f"no such category {slug!r}")
    for key in REPEATABLE:
        values = [value for _, value in fields[key]]
        if len(set(values)) != len(values):
            report.add(path, fields[key][-1][0], f"{key} repeats a value")


def read_parts(path, lines, start, report):
    """Return [(line, title, words)] and check the layout of the body."""
    parts, paragraphs = [], set()
    for index in range(start, len(lines)):
        number, line = index + 1, lines[index]
        if line == "":
            if lines[index - 1] == "":
                report.add(path, number, "two empty lines in a row")
            continue
        if lines[index - 1] != "":
            report.add(path, number, "paragraphs and titles are set apart by an empty line")
        if line.startswith("#"):
            title = line[2:]
            if not line.startswith("# ") or not title:
                report.add(path, number, "a part title is '# Title'")
            if len(title) > MAX_TITLE:
                report.add(path, number, f"part title of {len(title)} characters")
            if title in [other[1] for other in parts]:
                report.add(path, number, "part title used twice")
            parts.append([number, title, 0])
            continue
        if not parts:
            report.add(path, number, "prose before the first part title")
            continue
        words = len(WORD.findall(line))
        parts[-1][2] += words
        if words > 12 and line in paragraphs:
            report.add(path, number, "paragraph repeated")
        paragraphs.add(line)
    return parts


def check_book(path, categories, report):
    """Check one serial; return (code, line of the code, language, part word counts)."""
    text = read_text(path, report)
    if text is None:
        return None
    if not SLUG.match(path.stem):
        report.add(path, 1, f"bad slug {path.stem!r}")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    for index, line in enumerate(lines):
        check_line(path, index + 1, line, report)
    fields, start = read_header(path, lines, report)
    check_header(path, fields, categories, report)
    parts = read_parts(path, lines, start, report)
    if len(parts) < MIN_PARTS:
        report.add(path, len(lines), f"{len(parts)} parts, at least {MIN_PARTS}")
    for number, title, words in parts:
        if not MIN_WORDS <= words <= MAX_WORDS:
            report.add(path, number, f"{title!r} has {words} words, not {MIN_WORDS}-{MAX_WORDS}")
    line, code = fields["Code"][0]
    return code, line, fields["Language"][0][1], [part[2] for part in parts]


def check_catalogue(root, report, verbose):
    """Check the whole catalogue under root."""
    categories = read_categories(root / "categories.json", report)
    books, codes, slugs, english = sorted((root / "books").glob("*.txt")), {}, {}, 0
    total = 0
    for path in books:
        found = check_book(path, categories, report)
        if found is None:
            continue
        code, line, language, words = found
        if code in codes:
            report.add(path, line, f"code {code} is that of {codes[code]}")
        codes.setdefault(code, path)
        if path.stem.casefold() in slugs:
            report.add(path, 1, f"slug is that of {slugs[path.stem.casefold()]}")
        slugs.setdefault(path.stem.casefold(), path)
        english += language == "en"
        total += sum(words)
        if verbose:
            print(f"{path.stem}: {code} {language} {words}")
    if len(books) < MIN_SERIALS:
        report.add(root / "books", 1, f"{len(books)} serials, at least {MIN_SERIALS}")
    if english < MIN_ENGLISH:
        report.add(root / "books", 1, f"{english} serials in English, at least {MIN_ENGLISH}")
    return len(books), english, total


def main():
    """Run the checks on the catalogue named on the command line."""
    default = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "sample"
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=default)
    parser.add_argument("-v", "--verbose", action="store_true", help="word counts of each part")
    args = parser.parse_args()
    report = Report()
    if not (args.root / "categories.json").is_file():
        parser.error(f"no categories.json in {args.root}")
    count, english, total = check_catalogue(args.root, report, args.verbose)
    if report.count:
        print(f"{report.count} problems", file=sys.stderr)
        return 1
    print(f"{count} serials ({english} in English), {total} words: good")
    return 0


if __name__ == "__main__":
    sys.exit(main())
