# SPDX-License-Identifier: Apache-2.0
"""Each invariant of README.md has a unit or integration test that cites it by its number."""
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
INVARIANTS = [f"{letter}{n}" for letter, last in (("S", 6), ("M", 4), ("I", 13), ("R", 3)) for n in range(1, last + 1)]


def uncited(texts):
    """A test's name may end in it: test_lost_M4."""
    said = set(re.findall(r"(?<![A-Za-z0-9])([SMIR]\d+)(?!\w)", "\n".join(texts)))
    return [i for i in INVARIANTS if i not in said]


def test_every_invariant_has_a_test():
    assert uncited(p.read_text() for p in [*TESTS.glob("unit/test_*.c"), *TESTS.glob("integration/test_*.py")]) == []


def test_one_that_nobody_cites_is_told():
    assert uncited(["I1 I12, test_it_I13(", *INVARIANTS[:9]])[:2] == ["M4", "I2"]
