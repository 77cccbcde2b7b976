# SPDX-License-Identifier: Apache-2.0
"""deploy/demo keeps its contract: ready when it returns, safe to run again, and gone when stopped.
It runs in a folder of its own, beside a demo that somebody may have running."""
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo():
    folder = TOP / "build/demo-test"
    env = {**os.environ, "COKO_DEMO": str(folder)}

    def run(*args):
        return subprocess.run([TOP / "deploy/demo", *args], env=env, text=True, timeout=600,
                              capture_output=True, stdin=subprocess.DEVNULL, check=False)

    run.folder = folder
    if not (TOP / "gateway/main.c").exists():
        pytest.skip("there is no daemon yet")
    run("--reset")
    yield run
    run("--reset")
    shutil.rmtree(folder, ignore_errors=True)


def facts(folder):
    lines = (folder / "env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)



def test_detach_returns_when_ready(demo):
    done = demo("--detach")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "*384*26#" in done.stdout
    env = facts(demo.folder)
    assert urllib.request.urlopen(env["COKO_URL"] + "/health/ready", timeout=5).status == 200
    assert b"\n" in urllib.request.urlopen(env["COKO_METRICS_URL"], timeout=5).read()
    assert (demo.folder / "env").stat().st_mode & 0o077 == 0
    for secret in (demo.folder / "secrets").iterdir():
        assert secret.stat().st_mode & 0o177 == 0, secret


def test_again_says_that_it_runs(demo):
    before = facts(demo.folder)
    done = demo("--detach")
    assert done.returncode == 0 and "already running" in done.stdout
    assert facts(demo.folder) == before


def test_stop_leaves_nothing_running_and_keeps_the_data(demo):
    before = facts(demo.folder)
    pids = {p: p.read_text().split()[0] for p in demo.folder.glob("*.pid")}
    done = demo("--stop")
    assert done.returncode == 0, done.stderr
    for pid in pids.values():
        stat = Path(f"/proc/{pid}/stat")
        assert not stat.exists() or ") Z " in stat.read_text()
    assert demo("--detach").returncode == 0
    assert facts(demo.folder)["DATABASE_URL"] == before["DATABASE_URL"]


def test_reset_forgets(demo):
    assert demo("--reset").returncode == 0
    assert not demo.folder.exists()


def test_wrong_usage_exits_2():
    done = subprocess.run([TOP / "deploy/demo", "--nonsense"], capture_output=True, text=True)
    assert done.returncode == 2 and "--detach" in done.stderr
