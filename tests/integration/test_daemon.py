# SPDX-License-Identifier: Apache-2.0
"""The daemon as its operators see it: ready by asking, measured, restarted, ended."""
import os
import signal
import subprocess

import pytest

from database import coko_run, sql
from support import alive, wait_until


def test_ready_then_ends_with_0(daemon):
    d = daemon()
    assert d.get("/health/").status == 200
    # one worker made it ready, the other may answer this
    ready = wait_until(lambda: (lambda r: r if r["postgres"] and r["redis"] else None)(d.get("/health/ready").json()),
                       "PostgreSQL and Redis at the worker that answers")
    assert not ready["draining"]
    d.stop()


def test_a_killed_worker_is_replaced(daemon):
    d = daemon()
    workers = d.children()
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    wait_until(lambda: not alive(workers[0]), "the worker to die")
    wait_until(lambda: len(set(d.children()) - {workers[0]}) == len(workers), "a new worker")
    wait_until(d.is_ready, "ready again")


def test_metrics_stand_on_their_own_port(daemon):
    d = daemon()
    assert d.get("/metrics").status == 404
    assert d.metric("coko_build_info") == 1


def test_a_first_dial_is_answered(daemon):
    d = daemon()
    answer = d.post("/ussd/africastalking/demo", [
        ("sessionId", "s1"), ("serviceCode", "*384*26#"), ("phoneNumber", "+2250700000001"),
        ("networkCode", "62003"), ("text", "")])
    assert answer.status == 200 and answer.text.startswith("CON "), answer


def test_a_wrong_secret_is_refused(daemon):
    assert daemon().post("/ussd/africastalking/guess", [("sessionId", "s1")]).status == 404


def test_every_fault_of_a_configuration_is_listed(daemon):
    d = daemon({"coko": {"workers": "many", "no_such_key": "1"}, "nonsense": {"a": "b"}}, wait=False)
    assert d.process.wait() == 1
    d.killed = True
    text = d.process.log.read_text()
    for word in ("workers", "no_such_key", "nonsense"):
        assert f"{d.ini}:" in text and word in text, text


def test_migrate_again_changes_nothing(migrated_db):
    before = sql(migrated_db, "select count(*) from ops.migration")
    coko_run("migrate", url=migrated_db)
    assert sql(migrated_db, "select count(*) from ops.migration") == before


@pytest.mark.parametrize("args, code", [(["nonsense"], 2), ([], 2), (["version"], 0)])
def test_exit_codes(coko_bin, args, code):
    assert subprocess.run([coko_bin, *args], capture_output=True, check=False).returncode == code
