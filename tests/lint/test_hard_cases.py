# SPDX-License-Identifier: Apache-2.0
"""tests/hard_cases_*.md: every row in order, and every test they name exists."""
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", re.M)
NAME = re.compile(r"^(?:static void (\w+)\(void \*\*|def (test_\w+)\()", re.M)


def names():
    found = set()
    for path in [*TESTS.glob("unit/test_*.c"), *TESTS.glob("integration/test_*.py")]:
        found.update(c or py for c, py in NAME.findall(path.read_text()))
    return found


def faults(text, known, count):
    rows = ROW.findall(text)
    out = [f"row {n}: no such test: {test}" for n, _, _, tests in rows
           for test in re.findall(r"`(\w+)`", tests) if test not in known]
    if [int(row[0]) for row in rows] != list(range(1, count + 1)):
        out.append(f"the rows are not 1 to {count}")
    return out + [f"row {n}: names nothing" for n, _, _, tests in rows if tests != "-" and "`" not in tests]


@pytest.mark.parametrize("room,count", [("smpp", 40), ("ussd", 44)])
def test_every_named_test_exists(room, count):
    assert faults((TESTS / f"hard_cases_{room}.md").read_text(), names(), count) == []


def test_a_missing_test_and_a_missing_row_are_told():
    assert faults("| 1 | a | b | `gone` `there` |\n", {"there"}, 40) == [
        "row 1: no such test: gone", "the rows are not 1 to 40"]
    assert "row 2: names nothing" in faults("| 2 | a | b | soon |\n", set(), 40)
