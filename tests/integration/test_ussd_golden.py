# SPDX-License-Identifier: Apache-2.0
"""tests/golden: .dial scripts played through the carriers, their transcripts compared line by line.

COKO_GOLDEN=write rewrites the transcripts; read the difference before you commit it."""
import os
import subprocess
import sys

import pytest

from support import TOP
from ussd_carriers_kit import CODE, carriers, numbers  # noqa: F401

from carriers import PHONES
from carriers.base import Reply
from carriers.script import ScriptFault, parse, run

GOLDEN = TOP / "tests/golden"
BROWSING = ("orange_xhtml", "cellcube")   # links are all that a reader has
TYPING = tuple(name for name in PHONES if name not in BROWSING)
RUNG = [("ring", "mtn_madapi")]   # played by test_ussd_rings.py
PLAYED = [(script, name) for script in ("reading", "trouble") for name in TYPING] + [("browsing", name) for name in BROWSING]


def compare(path, transcript):
    if os.environ.get("COKO_GOLDEN") == "write":
        path.write_text(transcript)
    assert path.exists(), f"{path.name} is missing: run with COKO_GOLDEN=write"
    assert transcript == path.read_text()


@pytest.mark.parametrize("script,name", PLAYED)
def test_a_script_tells_its_golden_transcript(carriers, script, name):  # noqa: F811
    text = (GOLDEN / f"{script}.dial").read_text()
    compare(GOLDEN / f"{script}.{name}.txt", run(carriers.phone(name), text))


def test_no_transcript_is_left_over():
    assert {p.stem for p in GOLDEN.glob("*.txt")} == {f"{s}.{n}" for s, n in PLAYED + RUNG}


def test_a_script_as_a_program(carriers):  # noqa: F811
    done = subprocess.run(
        [sys.executable, TOP / "tests/lab/ussd_client.py", "--base", carriers.url, "--carrier", "hubtel",
         "--msisdn", f"+{next(numbers)}", "--service-code", CODE, "--script", GOLDEN / "reading.dial"],
        capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == (GOLDEN / "reading.hubtel.txt").read_text(), done.stderr


class Told(PHONES["africastalking"]):
    """A phone whose service answers what it is told."""

    def __init__(self, *answers):
        super().__init__("http://127.0.0.1:1", "demo", "+2250500000001")
        self.answers = list(answers)

    def post_raw(self, body, *_, **__):
        return Reply(200, {"content-type": "text/plain"}, self.answers.pop(0), 0.0)


@pytest.mark.parametrize("script,answers,fault", [
    ("dial\nexpect y", [b"CON x"], "line 2: expect y"), ("jump", [], "line 1: jump"),
    ("repeat x", [], "takes a number"), ("dial\nend", [b"CON x"], "it is open"),
    ("dial\nopen", [b"END x"], "it is over"), ("dial\nanswer 1", [b"END x"], "the session has ended"),
    ("dial\nrepeat 2", [b"CON x", b"CON x", b"CON y"], "another answer"),
    ("\n# c\ndial\nchoose no", [b"CON 1 yes"] * 6, "line 4: choose no")])
def test_a_script_that_is_not_kept_says_its_line(script, answers, fault):
    with pytest.raises(ScriptFault, match=fault):
        run(Told(*answers), script)


def test_the_transcript_of_a_script():
    phone = Told(b"CON 1 yes\n2 no", b"CON 1 yes\n2 no", b"END ok")
    assert run(phone, "dial 3\nexpect yes\nrepeat\nchoose NO\nend") == (
        "> dial 3\n1 yes\n2 no\n= open\n> repeat\n> choose NO\nok\n= end\n")
    assert phone.path == "3*2" and parse("# only\n\n") == []
