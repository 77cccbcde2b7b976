# SPDX-License-Identifier: Apache-2.0
"""The sample catalogue's checker accepts the catalogue and fires on each fault put into a copy."""
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import check_sample  # noqa: E402

SAMPLE = HERE.parents[1] / "deploy" / "sample"
BOOK = "le-taxi-de-nuit.txt"


@pytest.fixture(name="copy")
def catalogue_copy(tmp_path):
    """A copy of the catalogue that a test may spoil."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "sample"))


def faults(root, capsys):
    """Return the messages of a check."""
    report = check_sample.Report()
    check_sample.check_catalogue(root, report, False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == report.count
    return lines


def test_catalogue_is_good(copy, capsys):
    assert faults(copy, capsys) == []


@pytest.mark.parametrize("old, new, line, message", [
    ("Code: 101", "Code: 102", 2, "code 102 is that of"),
    ("Code: 101", "Code: 011", 2, "bad code"),
    ("Title: ", "Title: " + "a" * 40, 1, "at most 40"),
    ("Language: fr", "Language: xx", 3, "unknown language"),
    ("Category: polar", "Category: crime", 5, "no such category"),
    ("Category: polar", "Genre: polar", 5, "not a known"),
    ("Summary: ", "Summary: " + "a" * 240, 7, "at most 240"),
    ("parce que", "parce  que", 11, "two spaces"),
    ("é", "e\u0301", 7, "not NFC"),
    ("'", "\u2019", 7, "U+2019"),
    ("« Au port, dit-elle.", "«\u00a0Au port, dit-elle.", 15, "U+00A0"),
    ("« Au port, dit-elle.", "Au port, dit-elle.", 15, "unbalanced"),
    ("# Le palmier vert\n\n", "", None, "5 parts, at least 6"),
    ("# Le palmier vert", "#Le palmier vert", None, "'# Title'"),
    ("# Le palmier vert", "# Le coffre", None, None),
    ("# Le palmier vert", "# Le prix d'une course", None, "part title used twice"),
    ("\n\n# La cliente", "\n\n\n# La cliente", 9, "two empty lines"),
])
def test_fault_is_told_with_its_line(copy, capsys, old, new, line, message):
    book = copy / "books" / BOOK
    text = book.read_bytes().decode()
    book.write_bytes(text.replace(old, new, 1).encode())
    told = faults(copy, capsys)
    if message is None:
        assert told == []
        return
    where = f"{book}:{line}:" if line else f"{book}:"
    assert any(one.startswith(where) and message in one for one in told), told


def test_part_too_short_and_too_long(copy, capsys):
    book = copy / "books" / BOOK
    head, *parts = book.read_text(encoding="utf-8").split("\n# ")
    parts[0] = "Courte\n\nUn mot.\n"
    parts[1] = "Longue\n\n" + "mot " * 700 + "mot.\n"
    book.write_text("\n# ".join([head, *parts]), encoding="utf-8")
    told = "\n".join(faults(copy, capsys))
    assert "'Courte' has 2 words" in told and "'Longue' has 701 words" in told


def test_too_few_serials(copy, capsys):
    for book in sorted((copy / "books").glob("*.txt"))[11:]:
        book.unlink()
    assert any("11 serials, at least 12" in one for one in faults(copy, capsys))


def test_too_few_in_english(copy, capsys):
    for book in (copy / "books").glob("the-*.txt"):
        book.unlink()
    assert any("0 serials in English" in one for one in faults(copy, capsys))


def test_not_utf8(copy, capsys):
    (copy / "books" / "x.txt").write_bytes(b"Title: A\nCode: \xe9\n")
    assert any("x.txt:2: not UTF-8" in one for one in faults(copy, capsys))


def test_crlf(copy, capsys):
    book = copy / "books" / BOOK
    book.write_bytes(book.read_bytes().replace(b"\n", b"\r\n"))
    assert any("U+000D" in one for one in faults(copy, capsys))
