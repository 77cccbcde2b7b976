# SPDX-License-Identifier: Apache-2.0
"""Leases and jobs on real daemons: one leader, takeovers, work done once, work that fails.

Time passes by ops.clock, which every lease and job is read by; it only ever goes forward here.
"""
import json
import os
import signal
import subprocess
import uuid

import psycopg2
import pytest

from database import sql
from support import COKO, alive, wait_until


@pytest.fixture
def node(daemon):
    """node("a"): a daemon with one worker that does jobs and stands for leader."""
    def start(name, roles="worker scheduler", **kwargs):
        return daemon({"coko": {"instance": name, "workers": "1"}}, roles=roles, **kwargs)
    return start


@pytest.fixture(autouse=True)
def fresh(migrated_db):
    sql(migrated_db, "delete from ops.job; delete from ops.step_effect")
    # no lease of the test before lives, and no period of a job ends in the next
    sql(migrated_db, "update ops.clock set shift = shift + date_trunc('day', ops.now()) + interval '36.5 hours' - ops.now()")


def later(url, interval):
    sql(url, "update ops.clock set shift = shift + %s::interval", [interval])


def leader(url):
    """(owner, epoch) of who leads now, or None."""
    rows = sql(url, "select owner, epoch from ops.lease where name = 'scheduler' and until > ops.now()")
    return rows[0] if rows else None


def wait_leader(url, owner, timeout=30.0):
    wait_until(lambda: (leader(url) or ("",))[0] == owner, lambda: f"{owner} to lead: {leader(url)}", timeout)
    return leader(url)[1]


def crash(d):
    """Every process of a daemon at once, as a power cut: nothing is released."""
    workers = d.children()
    d.process.signal(signal.SIGSTOP)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    d.kill()
    wait_until(lambda: not any(alive(pid) for pid in workers), "the workers to die")


def enqueue(url, kind="audit_partitions", args="{}", key=None, run_at=None):
    return sql(url, "select ops.enqueue('default', %s, %s, %s, %s)", [kind, args, run_at, key])[0][0]


def job(url, number):
    row = sql(url, "select state, attempts, coalesce(last_error, ''), owner from ops.job where id = %s", [number])
    return row[0] if row else None


def wait_job(url, number, state):
    wait_until(lambda: job(url, number)[0] == state, lambda: f"{state}: {job(url, number)}")
    return job(url, number)


def test_one_leads_and_a_crash_is_taken_over_when_the_lease_ends(node, migrated_db):
    a = node("a")
    epoch = wait_leader(migrated_db, "a:0")
    b = node("b")
    wait_until(lambda: a.metric("coko_scheduler_leader") == 1, "a to know")
    assert b.metric("coko_scheduler_leader") == 0
    crash(a)
    assert leader(migrated_db) == ("a:0", epoch)
    later(migrated_db, "16 s")
    assert wait_leader(migrated_db, "b:0") == epoch + 1
    wait_until(lambda: b.metric("coko_scheduler_leader") == 1, "b to know")


def test_a_restarted_worker_takes_its_own_lease_back_at_once(node, migrated_db):
    a = node("a")
    epoch = wait_leader(migrated_db, "a:0")
    worker = a.children()[0]
    os.kill(worker, signal.SIGSTOP)
    sql(migrated_db, "update ops.lease set until = ops.now() + interval '1 hour' where name = 'scheduler'")  # it is not waited for
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: leader(migrated_db) == ("a:0", epoch + 1), lambda: leader(migrated_db))


def test_an_ended_daemon_gives_its_lease_back(node, migrated_db):
    a = node("a")
    epoch = wait_leader(migrated_db, "a:0")
    a.stop()
    assert leader(migrated_db) is None
    node("b")
    assert wait_leader(migrated_db, "b:0") == epoch + 1


def statement(name):
    out = subprocess.run([COKO, "sql"], capture_output=True, text=True, check=True).stdout
    found = [json.loads(line) for line in out.splitlines()]
    return next(s["sql"] for s in found if s["name"] == name)


def test_a_stopped_leader_wakes_up_as_none(node, migrated_db):
    """It slept through its lease: the other leads; awake, it steps down and its epoch is void."""
    a = node("a")
    old = wait_leader(migrated_db, "a:0")
    b = node("b")
    worker = a.children()[0]
    os.kill(worker, signal.SIGSTOP)
    later(migrated_db, "20 s")
    new = wait_leader(migrated_db, "b:0")
    assert new == old + 1
    sql(migrated_db, "delete from ops.job")
    tick = statement("scheduler.tick").replace("$1", "%s").replace("$2", "%s")
    assert sql(migrated_db, tick, ["a:0", old]) == []  # bug: the tick asked for no epoch
    os.kill(worker, signal.SIGCONT)
    wait_until(lambda: a.metric("coko_scheduler_leader") == 0, "a to step down")
    assert leader(migrated_db) == ("b:0", new) and b.metric("coko_scheduler_leader") == 1
    lines = [r["msg"] for r in a.log_lines() if r["event"] == "lease" and "scheduler: " in r["msg"]]
    assert "-> wanted" in lines[-1], lines


def test_a_periodic_job_once_a_period_whoever_leads(node, migrated_db):
    def periodic():  # of an hour and longer: a minute's or five minutes' job may fall due twice here
        return dict(sql(migrated_db, "select kind, count(*) from ops.job where unique_key like kind || ':%%'"
                        " and kind not in ('run_schedule', 'run_reminders', 'ring_endings', 'number_papers', 'run_moves', 'run_renewals')"
                        " group by 1", []))
    a = node("a")
    wait_until(lambda: periodic() == {
        "expire_rows": 1, "audit_partitions": 1, "archive_months": 1, "refresh_popularity": 1, "margin": 1,
        "hop_days": 1, "count_deliveries": 1}, periodic)
    ticks = a.metric("coko_scheduler_ticks_total")
    assert ticks >= 1
    a.stop()
    b = node("b")
    wait_until(lambda: b.metric("coko_scheduler_ticks_total") >= 1, "b's tick")
    wait_until(lambda: not sql(migrated_db, "select 1 from ops.job where state <> 'done'"), "both to be done")
    keys = sql(migrated_db, "select unique_key, count(*) from ops.job group by 1 having count(*) > 1")
    assert keys == []


def test_each_job_is_run_once_by_two_workers(node, migrated_db):
    node("a", roles="worker")
    node("b", roles="worker")
    sql(migrated_db, "select ops.enqueue('default', 'audit_partitions', '{}', null, 'k' || i)"
        " from generate_series(1, 200) i")
    wait_until(lambda: sql(migrated_db, "select count(*) from ops.job where state = 'done'") == [(200,)],
               lambda: sql(migrated_db, "select state, count(*) from ops.job group by 1"), 60)
    assert sql(migrated_db, "select max(attempts), min(attempts) from ops.job") == [(1, 1)]


@pytest.mark.parametrize("kind, args, why", [
    ("expire_rows", '{"max": "many"}', "many"), ("no_such_kind", "{}", "no such kind")])
def test_a_job_that_fails_is_tried_again_then_dead(node, migrated_db, kind, args, why):
    d = node("a", roles="worker")
    number = enqueue(migrated_db, kind, args)
    sql(migrated_db, "update ops.job set max_attempts = 2 where id = %s", [number])
    wait_until(lambda: job(migrated_db, number)[:2] == ("ready", 1), lambda: job(migrated_db, number))
    assert why in job(migrated_db, number)[2]
    assert sql(migrated_db, "select run_at > ops.now() from ops.job where id = %s", [number]) == [(True,)]
    later(migrated_db, "10 s")
    state, attempts, error, _ = wait_job(migrated_db, number, "dead")
    assert attempts == 2 and why in error
    assert sql(migrated_db, "select count(*) from ops.audit where kind = 'alert.job_dead' and subject = %s",
               [f"job:{number}"]) == [(1,)]
    assert d.metric("coko_jobs_finished_total", 'outcome="failed"') == 2


def test_an_abandoned_job_is_run_by_another(node, migrated_db):
    number = enqueue(migrated_db)
    assert len(sql(migrated_db, "select id from ops.job_claim('default', 'dead:0', 5, 60)")) == 1
    node("a", roles="worker")
    assert job(migrated_db, number)[0] == "running"
    later(migrated_db, "61 s")
    assert wait_job(migrated_db, number, "done")[1] == 2
    assert sql(migrated_db, "select ops.job_done(%s, 'dead:0')", [number]) == [(False,)]


def test_a_job_is_born_with_its_transaction(node, migrated_db):
    node("a", roles="worker")
    key = uuid.uuid4().hex
    conn = psycopg2.connect(migrated_db)
    try:
        with conn.cursor() as cursor:
            cursor.execute("select ops.enqueue('default', 'audit_partitions', '{}', null, %s)", [key])
            first = cursor.fetchone()[0]
            wait_job(migrated_db, enqueue(migrated_db), "done")  # the worker has looked meanwhile
            assert job(migrated_db, first) is None
            conn.rollback()
            cursor.execute("select ops.enqueue('default', 'audit_partitions', '{}', null, %s)", [key])
            second = cursor.fetchone()[0]
            conn.commit()
    finally:
        conn.close()
    assert wait_job(migrated_db, second, "done")[1] == 1
    assert job(migrated_db, first) is None


def test_a_job_waits_for_its_time(node, migrated_db):
    node("a", roles="worker")
    run_at = sql(migrated_db, "select ops.now() + interval '1 hour'")[0][0]
    number = enqueue(migrated_db, run_at=run_at)
    wait_job(migrated_db, enqueue(migrated_db), "done")
    assert job(migrated_db, number)[:2] == ("ready", 0)
    later(migrated_db, "1 hour")
    assert wait_job(migrated_db, number, "done")[1] == 1


def ended_passes(url, count):
    """Passes of readers without a phone, whose end is to be spoken of: a step of the job clears them."""
    sql(url, "insert into billing.plan (code, names, period_unit) values ('ended', '{}', 'week') on conflict do nothing")
    sql(url, "delete from billing.entitlement")
    sql(url, "with u as (insert into auth.users (lang, country, created_at) select 'fr', 'CI', ops.now() from generate_series(1, %s) returning id)"
             " insert into billing.entitlement (user_id, plan_id, origin, starts_at, ends_at, anchor_day, created_at, remind_at)"
             " select u.id, p.id, 'trial', ops.now() - interval '7 days', ops.now(), 1, ops.now(), ops.now()"
             " from u, billing.plan p where p.code = 'ended'", [count])


def left(url):
    return sql(url, "select count(*) from billing.entitlement where remind_at is not null")[0][0]


def test_a_job_of_many_steps_leaves_the_database_to_others_between_two(node, migrated_db):
    ended_passes(migrated_db, 8)
    d = node("a", roles="worker")
    before = sql(migrated_db, "select clock_timestamp()")[0][0]
    enqueue(migrated_db, "run_reminders", '{"max": 1}')
    wait_until(lambda: left(migrated_db) == 0, lambda: left(migrated_db))
    assert (sql(migrated_db, "select clock_timestamp()")[0][0] - before).total_seconds() >= 0.7, "a tenth of a second after each of seven"
    wait_until(lambda: sql(migrated_db, "select state from ops.job") == [("done",)], "the job's end")
    assert d.metric("coko_jobs_finished_total", "done") == 1


def test_a_drain_ends_a_job_between_two_steps(node, migrated_db):
    ended_passes(migrated_db, 500)
    d = node("a", roles="worker")
    enqueue(migrated_db, "run_reminders", '{"max": 1}')
    wait_until(lambda: left(migrated_db) < 500, "the first step")
    d.stop()
    assert 0 < left(migrated_db) < 500 and sql(migrated_db, "select state from ops.job") == [("done",)]


def test_old_rows_go_in_one_run_however_many(node, migrated_db):
    """Bug: 5,000 a table and hour were deleted; a busy day writes more, and the table never shrank."""
    sql(migrated_db, "insert into ops.step_effect (step_key, action, result, created_at)"
        " select 's' || i, 'a', '{}', ops.now() - interval '8 days' from generate_series(1, 12001) i")
    node("a", roles="worker")
    number = enqueue(migrated_db, "expire_rows")
    assert wait_job(migrated_db, number, "done")[1] == 1
    assert sql(migrated_db, "select count(*) from ops.step_effect") == [(0,)]
