# SPDX-License-Identifier: Apache-2.0
"""The eleven plays of a carrier's conformance, and which profile is in which.

    @played(names, "begin", "end")      parametrizes a test with `name`, and enters them all
    reasons()                           {(play, profile): why it is not played}, of ussd_not_played.json

As a program it prints the table: a tick, or the number of the reason below."""
import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROFILES = sorted(file.stem for file in (HERE.parents[1] / "gateway/ussd/profiles").glob("*.json"))
PLAYS = ("begin", "continue", "long dial", "bad choice", "back", "home", "more", "end", "notice", "duplicate", "stale")
PLAYED = {play: set() for play in PLAYS}


def played(names, *plays):
    for play in plays:
        PLAYED[play].update(names)
    return pytest.mark.parametrize("name", names)


def reasons():
    rows = json.loads((HERE / "ussd_not_played.json").read_text())
    return {(row["play"], name): row["why"] for row in rows for name in row["profiles"]}


def table():
    """Lines of text: a profile a line, then the reasons."""
    why, numbers = reasons(), {}
    for reason in why.values():
        numbers.setdefault(reason, len(numbers) + 1)
    lines = [" " * 16 + " ".join(f"{play:>10}" for play in PLAYS)]
    for name in PROFILES:
        cells = ["yes" if name in PLAYED[play] else f"({numbers[why[play, name]]})" if (play, name) in why else "MISSING"
                 for play in PLAYS]
        lines.append(f"{name:16}" + " ".join(f"{cell:>10}" for cell in cells))
    return lines + ["", *(f"({number}) {reason}" for reason, number in numbers.items())]


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.modules["ussd_plays"] = sys.modules["__main__"]
    import test_ussd_conformance  # noqa: F401
    import test_ussd_conformance_smpp  # noqa: F401
    print("\n".join(table()))
