# SPDX-License-Identifier: Apache-2.0
"""deploy/alerts: Prometheus' own tool reads the rules and plays each alarm, firing and silent; what they look at exists."""
import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
ALERTS = TOP / "deploy/alerts"
RULES = sorted(p for p in ALERTS.glob("*.yml") if not p.stem.endswith("_test"))


def promtool(*args):
    done = subprocess.run(["promtool", *map(str, args)], capture_output=True, text=True, cwd=ALERTS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def metrics():
    """Every family that the daemon declares."""
    sources = [*TOP.glob("gateway/**/*.c"), *TOP.glob("smpp/*.c"), *TOP.glob("api/*.c")]
    return {name for path in sources for name in re.findall(r'"(coko_[a-z0-9_]+)"', path.read_text())}


@pytest.mark.parametrize("path", RULES, ids=lambda p: p.stem)
def test_rules_are_read_and_each_alarm_fires_and_is_silent(path):
    assert "SUCCESS" in promtool("check", "rules", path.name)
    tests = path.with_name(path.stem + "_test.yml")
    promtool("test", "rules", tests.name)
    alarms, said = re.findall(r"alert: (\w+)", path.read_text()), tests.read_text()
    assert alarms and all(f"name: {a} fires" in said and f"name: {a} is silent" in said for a in alarms)


@pytest.mark.parametrize("path", RULES, ids=lambda p: p.stem)
def test_what_the_rules_look_at_exists(path):
    named = set(re.findall(r"\b(coko_[a-z0-9_]+)\b", "".join(re.findall(r"expr: (.*)", path.read_text()))))
    assert named and named <= metrics(), named - metrics()


@pytest.mark.parametrize("path", RULES, ids=lambda p: p.stem)
def test_each_alarm_says_how_bad_it_is_and_what_to_do(path):
    text = path.read_text()
    for alarm in text.split("- alert: ")[1:]:
        assert re.search(r"severity: (page|ticket)\b", alarm) and "summary: " in alarm and "runbook: " in alarm, alarm
