# SPDX-License-Identifier: Apache-2.0
"""Answers that are recorded together (charge_record.c): none keeps another waiting, none is lost with another."""
import psycopg2
import pytest

from support import wait_until


@pytest.fixture
def tills(mtn_shop):
    """Three readers whose payments wait at the rail."""
    first = mtn_shop.till()
    three = [first, first.another(), first.another()]
    for till in three:
        till.behave("pending")
        till.charge_id = till.start()
        till.drive(till.charge_id, "PENDING")
    return three


@pytest.fixture
def lock(migrated_db):
    """A transaction that holds what it is told to, until the test lets go."""
    conn = psycopg2.connect(migrated_db)
    yield conn
    conn.close()


def approve(tills):
    """The rail's callback, or the next question, finds them paid."""
    for till in tills:
        till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})


def all_paid_once(tills):
    for till in tills:
        till.drive(till.charge_id, "SUCCEEDED")
        till.paid_once(till.charge_id)


def said(till, event):
    return [line for line in till.daemon.log_lines() if line["event"] == event]


def test_a_reader_who_is_busy_keeps_no_other_payment_waiting(tills, lock):
    busy, *others = tills
    lock.cursor().execute("select 1 from auth.users where id = %s for no key update", (busy.user,))
    approve(tills)
    wait_until(lambda: busy.nudge(busy.charge_id) or said(busy, "charge event not recorded"), "a record that waits for her", 60)
    for till in others:
        till.drive(till.charge_id, "SUCCEEDED")
    assert busy.state(busy.charge_id) == "PENDING"
    lock.rollback()
    all_paid_once(tills)


def test_a_batch_whose_connection_dies_is_recorded_one_by_one(tills, lock):
    first = tills[0]
    lock.cursor().execute("lock table messaging.message in exclusive mode")
    approve(tills)
    batch = wait_until(lambda: first.nudge(first.charge_id) or first.sql(
        "select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%%rail_answers%%false%%'"), "a batch that waits")
    first.sql("select pg_terminate_backend(%s)", batch[0]["pid"])
    wait_until(lambda: said(first, "charge events not recorded together"), "the batch to be given up")
    lock.rollback()
    all_paid_once(tills)


def test_a_batch_that_was_recorded_and_not_answered_changes_nothing_twice(tills, lock):
    """Its answer is late: each of its payments is recorded alone, and found done."""
    first = tills[0]
    lock.cursor().execute("lock table messaging.message in exclusive mode")
    approve(tills)
    wait_until(lambda: first.nudge(first.charge_id) or first.sql(
        "select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%%rail_answers%%false%%'"), "a batch that waits")
    wait_until(lambda: said(first, "charge events not recorded together"), "its limit of five seconds", 60)
    lock.rollback()
    all_paid_once(tills)
