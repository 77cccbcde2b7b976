# SPDX-License-Identifier: Apache-2.0
"""The money room at the daemon's end: work in flight is finished, or cut loose without a leak or a
touch of freed memory (the daemon's exit code and log are the judge), and nothing is lost by it."""
import os
import signal

import psycopg2
import pytest

from money_kit import SECRET, Till
from support import http_request, wait_until
from ussd_client import at_once


def hang(till, op, fault="hang"):
    """A charge whose work waits for the rail."""
    till.fault(op, fault, 1)
    charge = till.start()
    till.nudge_until(charge, lambda: till.journal(op=op, fault=fault), f"{fault} of {op}")
    return charge


def recover(till, charge):
    """A new daemon, no faults: the lease runs out, the rail is asked, one debit."""
    till.heal()
    till.daemon.start()

    def there():
        till.sql("update ops.clock set shift = shift + greatest((select due_at from billing.charge where id = %s) - ops.now(), '0')",
                 charge)
        till.wake()
        return till.state(charge) == "SUCCEEDED"
    wait_until(there, lambda: str(till.story(charge)), 60, 0.2)
    till.paid_once(charge)


@pytest.mark.parametrize("op, fault", [("token", "hang"), ("pay", "hang"), ("pay", "hang_after"), ("status", "hang")])
def test_cut_loose_at_the_drain_limit(daemon, mtn, migrated_db, op, fault):
    till = Till(daemon({"coko": {"drain_limit": "300ms"}}, mtn=mtn), mtn, migrated_db)
    charge = hang(till, op, fault)
    till.daemon.stop()
    recover(till, charge)


def test_work_in_flight_is_finished_before_the_end(daemon, mtn, migrated_db):
    till = Till(daemon(mtn=mtn), mtn, migrated_db)
    till.behave("pending")
    till.fault("pay", "hold_after")
    charge = till.start()
    till.nudge_until(charge, lambda: till.journal(op="pay"), "the submit")
    till.daemon.process.signal(signal.SIGTERM)
    wait_until(lambda: any(line["event"] == "draining" for line in till.daemon.log_lines()), "the daemon to drain")
    till.release()
    till.daemon.stop()
    assert till.state(charge) == "PENDING"
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    recover(till, charge)


def test_a_callback_that_waits_for_the_database_at_the_end(daemon, mtn, migrated_db):
    """Its exchange and its statement are both alive when the room is freed."""
    till = Till(daemon({"coko": {"drain_limit": "300ms"}}, mtn=mtn), mtn, migrated_db)
    till.behave("pending")
    charge = till.start()
    till.drive(charge, "PENDING")
    lock = psycopg2.connect(migrated_db)
    try:
        lock.cursor().execute("lock table billing.inbox in access exclusive mode")
        pid = till.daemon.pid

        def call(n):
            try:
                return http_request("PUT", f"{till.daemon.url}/pay/mtn_momo/{SECRET}", b'{"n":%d}' % n, timeout=5).status
            except OSError:
                return 0

        def end():
            wait_until(lambda: till.value("select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                                          " and query like '%%inbox_store%%'"), "a statement that waits")
            os.kill(pid, signal.SIGTERM)
        answers = at_once([lambda n=n: call(n) for n in range(8)] + [end])
        assert 200 not in answers
        till.daemon.process.wait()
    finally:
        lock.rollback()
        lock.close()


def test_the_records_statement_waits_at_the_end(daemon, mtn, migrated_db):
    """The rail answered, the database did not take it yet: asked again later, booked once."""
    till = Till(daemon({"coko": {"drain_limit": "300ms"}}, mtn=mtn), mtn, migrated_db)
    till.behave("pending")
    charge = till.start()
    till.drive(charge, "PENDING")
    till.fault("status", "hold_after")
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    lock = psycopg2.connect(migrated_db)
    try:
        till.nudge_until(charge, lambda: till.journal(op="status", fault="hold_after"), "the question")
        lock.cursor().execute("select 1 from billing.charge where id = %s for update", (charge,))
        till.release()
        wait_until(lambda: till.value("select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                                      " and query like '%%rail_answer%%'"), "a record that waits", every=0.01)
        till.daemon.stop()
    finally:
        lock.rollback()
        lock.close()
    recover(till, charge)
