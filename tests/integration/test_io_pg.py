# SPDX-License-Identifier: Apache-2.0
"""gateway/io/pg against a real PostgreSQL: hard cases 47, 48, 52, and the lanes."""
import os
import signal
import urllib.parse

import psycopg2
import pytest
from io_probe import Probe
from support import wait_until

MONEY = 1
STATEMENTS = (
    ("one", "read", 1, 0, "select $1::text"),
    ("wone", "write", 1, 0, "select $1::text"),
    ("div", "read", 1, 0, "select 1 / $1::int"),
    ("rsleep", "read", 1, 0, "select pg_sleep($1::float8)"),
    ("wsleep", "write", 1, 0, "select pg_sleep($1::float8)"),
    ("ssleep", "slow", 1, 0, "select pg_sleep($1::float8)"),
    ("pid", "read", 0, 0, "select pg_backend_pid()"),
    ("star", "read", 0, 0, "select * from io_star"),
    ("wstar", "write", 0, MONEY, "select * from io_star"),
    ("add", "write", 1, 0, "insert into io_unique values ($1::int)"),
    ("refuse", "read", 0, 0, "insert into io_unique values (99)"),
    ("settings", "batch", 0, 0,
     "select current_setting('enable_seqscan') || current_setting('plan_cache_mode') || current_setting('jit')"),
)


@pytest.fixture
def probe(own_pg):
    with psycopg2.connect(own_pg.url) as db, db.cursor() as c:
        c.execute("drop table if exists io_star, io_unique; create table io_star (a int);"
                  "insert into io_star values (1); create table io_unique (id int primary key)")
    one = Probe("pg", own_pg.url)
    for row in STATEMENTS:
        one.say("stmt", *row)
    wait_until(lambda: one.ask("up") == ["1"], "all lanes to connect")
    yield one
    one.stop()


def admin(own_pg, text):
    db = psycopg2.connect(own_pg.url)
    db.autocommit = True
    with db.cursor() as c:
        c.execute(text)
        rows = c.fetchall() if c.description else []
    db.close()
    return rows


def test_results_and_nulls(probe):
    probe.say("run", "a", "one", "héllo")
    assert probe.answer("a") == ["ok", "1", "héllo"]
    probe.say("run", "a", "one", "again, prepared")
    assert probe.answer("a") == ["ok", "1", "again, prepared"]
    probe.say("run", "b", "one")  # a parameter is missing
    assert probe.answer("b")[:2] == ["fail", "bad_input"]


def test_case_48_one_failure_in_a_pipeline_fails_alone(probe):
    for n in range(40):
        probe.say("run", f"t{n}", *(("div", 0) if n % 4 == 1 else ("one", n)))
    for n in range(40):
        answer = probe.answer(f"t{n}")
        if n % 4 == 1:
            assert answer[:4] == ["fail", "db", "22012", "known"]
        else:
            assert answer == ["ok", "1", str(n)]


def test_slow_lane_does_not_delay_the_others(probe):
    probe.say("run", "slow", "ssleep", 3)
    for n in range(20):
        probe.say("run", f"r{n}", "one", n)
    order = [probe.next()[0] for _ in range(21)]
    assert order[-1] == "slow"


def test_sqlstates_have_their_codes(probe):
    probe.say("run", "a", "add", 1)
    assert probe.answer("a")[0] == "ok"
    probe.say("run", "a", "add", 1)
    assert probe.answer("a")[:4] == ["fail", "db_unique", "23505", "known"]
    probe.say("run", "a", "refuse")  # the read lane is read only
    assert probe.answer("a")[2] == "25006"
    probe.say("run", "a", "rsleep", 2)  # statement_timeout of the read lane
    assert probe.answer("a")[:3] == ["fail", "db_timeout", "57014"]
    probe.say("run", "a", "settings")
    assert probe.answer("a") == ["ok", "1", "offforce_generic_planoff"]


def test_stale_plan_is_prepared_again_but_never_for_money(probe, own_pg):
    for name in ("star", "wstar"):
        for n in range(8):  # on every connection
            probe.say("run", f"{name}{n}", name)
        for n in range(8):
            assert probe.answer(f"{name}{n}")[0] == "ok"
    admin(own_pg, "alter table io_star add b int")
    for n in range(8):
        probe.say("run", f"s{n}", "star")
    for n in range(8):
        assert probe.answer(f"s{n}") == ["ok", "1", "1"]
    probe.say("run", "w", "wstar")
    assert probe.answer("w")[:3] == ["fail", "db", "0A000"]


def test_killed_backend_fails_as_unknown_and_recovers(probe, own_pg):
    probe.say("run", "w", "wsleep", 1)
    victim = wait_until(
        lambda: admin(own_pg, "select pid from pg_stat_activity where query like '%pg_sleep%'"
                              " and state = 'active' and pid <> pg_backend_pid()"),
        "the sleeping backend")
    admin(own_pg, f"select pg_terminate_backend({victim[0][0]})")
    answer = probe.answer("w")
    assert answer[:2] == ["fail", "db"] and answer[3] == "unknown"
    wait_until(lambda: probe.ask("up") == ["1"], "the lane to be back")
    probe.say("run", "x", "wone", "back")
    assert probe.answer("x") == ["ok", "1", "back"]


def test_case_47_restart_loses_nothing_that_waits(probe, own_pg):
    own_pg.crash()
    wait_until(lambda: probe.ask("up") == ["0"], "the loss to be seen")
    probe.say("run", "early", "one", "too early")
    assert probe.answer("early")[:2] == ["fail", "timeout"]  # waited until its deadline: not run
    own_pg.start()
    probe.say("run", "late", "one", "waited")
    assert probe.answer("late") == ["ok", "1", "waited"]
    wait_until(lambda: probe.ask("up") == ["1"], "all lanes")


def test_frozen_backend_is_given_up(probe, own_pg):
    pids = [r[0] for r in admin(own_pg, "select pid from pg_stat_activity where application_name"
                                        " = 'coko'")]
    assert len(pids) == 9
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        probe.say("run", "a", "one", 1)
        answer = probe.answer("a")
        assert answer[:2] == ["fail", "timeout"] or answer[3] == "unknown"
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: probe.ask("up") == ["1"], "fresh connections")
    probe.say("run", "b", "one", 2)
    assert probe.answer("b") == ["ok", "1", "2"]


def test_case_52_too_many_clients_is_tried_again(own_pg):
    admin(own_pg, "create role io_few login password 'few' connection limit 3")
    parts = urllib.parse.urlsplit(own_pg.url)
    one = Probe("pg", urllib.parse.urlunsplit(
        parts._replace(netloc=f"io_few:few@{parts.netloc.rsplit('@', 1)[-1]}")))
    try:
        wait_until(lambda: any("too many connections" in line for line in one.stderr),
                   "the refusal")
        assert one.ask("up") == ["0"]
        admin(own_pg, "alter role io_few connection limit 20")
        wait_until(lambda: one.ask("up") == ["1"], "all lanes to connect")
    finally:
        one.stop()


def test_cancelled_answer_is_dropped_in_its_order(probe):
    probe.say("run", "gone", "rsleep", 0.2)
    probe.say("cancel", "gone")
    for n in range(8):
        probe.say("run", f"t{n}", "one", n)
    for n in range(8):
        assert probe.answer(f"t{n}") == ["ok", "1", str(n)]
    assert not probe.early


def test_queue_is_bounded(probe):
    for n in range(300):
        probe.say("run", f"t{n}", "ssleep", 0.001)
    answers = [probe.answer(f"t{n}") for n in range(300)]
    assert answers[0][0] == "ok"
    busy = [a for a in answers if a[:2] == ["fail", "busy"]]
    assert 0 < len(busy) <= 44


def test_wake_ups_are_coalesced(probe, own_pg):
    probe.say("listen", "coko_job")
    assert probe.answer("woken") == ["coko_job"]  # at once: what was missed
    for _ in range(500):
        probe.say("dirty", "coko_job")
    probe.answer("woken")
    probe.say("run", "a", "rsleep", 0.3)
    probe.answer("a")
    assert len([a for a in probe.early if a[0] == "woken"]) < 50
    probe.early.clear()
    admin(own_pg, "notify coko_job")
    assert probe.answer("woken") == ["coko_job"]
