# SPDX-License-Identifier: Apache-2.0
"""Death at random points (cases 1, 2, 3, 44): workers and supervisor killed with -9, database
connections cut, the server crashed, leases made to lapse under the living. The rail's own ledger is
the oracle, after a phase without faults: one debit a paid charge, passes = debits, books at zero.

A failing seed is in the test's name; COKO_SEEDS=200 runs more of them.
"""
import os
import random
import signal
import time

import psycopg2
import pytest

from database import sql
from money_kit import Till
from support import alive, wait_until

WORKERS = 2
SEEDS = range(int(os.environ.get("COKO_SEEDS", "8")))
FINAL = ("SUCCEEDED", "SUCCEEDED_LATE", "FAILED", "EXPIRED")
RAIL_FAULTS = [("pay", "cut"), ("pay", "drop"), ("pay", "error_after"), ("pay", "delay_after"), ("status", "cut"),
               ("status", "delay_after"), ("status", "not_found"), ("token", "delay"), ("pay", "unauthorized"),
               ("callback", "early"), ("callback", "duplicate"), ("callback", "drop")]


def kill_a_worker(till, dice):
    workers = till.daemon.children()
    if workers:
        os.kill(dice.choice(workers), signal.SIGKILL)


def kill_the_supervisor(till, dice):
    """The workers see their control socket close; a new daemon takes over in the same folder."""
    orphans = till.daemon.children()
    till.daemon.kill()
    for pid in orphans:
        if dice.random() < 0.7 and alive(pid):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in orphans), "the orphans to end", 60)
    till.daemon.start()
    till.daemon.killed = False


def stop_a_worker(till, dice):
    """A worker that sleeps over its leases and wakes up with a claim of the past."""
    workers = till.daemon.children()
    if not workers:
        return
    pid = dice.choice(workers)
    os.kill(pid, signal.SIGSTOP)
    try:
        till.later(50)
        time.sleep(0.05)
    finally:
        if alive(pid):
            os.kill(pid, signal.SIGCONT)


def cut_connections(till, _dice):
    till.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
             " and pid <> pg_backend_pid()")


def lapse_leases(till, dice):
    till.later(dice.choice([31, 46, 61]))


def settle(tills, timeout=60):
    """No faults any more: the clock goes from due time to due time, over dead claims too."""
    def there():
        left = [(t, c) for t, c in tills if t.state(c) not in FINAL]
        for t, c in left:
            t.sql("update ops.clock set shift = shift + greatest((select due_at from billing.charge where id = %s)"
                  " - ops.now(), '0')", c)
        tills[0][0].wake()
        return not left
    wait_until(there, lambda: str([t.story(c) for t, c in tills if t.state(c) not in FINAL]), timeout, 0.2)


def oracle(tills, behaviours):
    for (till, charge), behaviour in zip(tills, behaviours):
        debits, state = till.debits(), till.state(charge)
        story = (behaviour, debits, till.story(charge))
        assert len(debits) == 1 or (len(debits) == 0 and behaviour != "approve"), story
        assert till.entitlements(charge) == len(debits), story
        assert (state in ("SUCCEEDED", "SUCCEEDED_LATE")) == bool(debits), story
        pays = till.journal(op="pay", payer=till.payer)
        assert {p["reference"] for p in pays} == {str(till.charge(charge)["our_ref"])}, story
        sms = till.messages(charge)
        assert len(sms) == len(set(sms)), story
        assert sms.count("receipt") == len(debits), story
        assert till.ledger_sum() == 0
        accepted = [p for p in pays if p.get("answered") == 202]
        assert len(accepted) == 1, story


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_a_random_point(daemon, mtn, migrated_db, seed):
    dice = random.Random(seed)
    d = daemon(mtn=mtn)
    tills, behaviours = [], []
    for n in range(3):
        till = Till(d, mtn, migrated_db, first=n == 0)
        till.reader()
        behaviours.append(dice.choice(["approve", "approve", "approve", "reject"]))
        till.behave(behaviours[-1], delay_ms=dice.choice([0, 0, 100, 700]))
        tills.append((till, None))
    for op, fault in dice.sample(RAIL_FAULTS, dice.randint(0, 3)):
        tills[0][0].fault(op, fault, dice.randint(1, 2), delay_ms=dice.randint(50, 600), status=500, code="X", copies=3)
    tills = [(t, t.start()) for t, _ in tills]
    for _ in range(dice.randint(1, 4)):
        time.sleep(dice.random() ** 2 * 0.8)      # the random point, not a wait for anything
        dice.choice([kill_a_worker, kill_a_worker, kill_a_worker, kill_the_supervisor, stop_a_worker, cut_connections,
                     lapse_leases])(tills[0][0], dice)
        tills[0][0].nudge(dice.choice(tills)[1])
    tills[0][0].heal()
    wait_until(lambda: d.process.running() and d.is_ready(), "ready again", 30)
    settle(tills)
    oracle(tills, behaviours)


def test_the_server_crashes_in_the_middle_case_44(daemon, mtn, own_pg, own_db):
    url = own_db
    d = daemon(mtn=mtn, database=url)
    for moment in range(4):
        till = Till(d, mtn, url, delay_ms=200)
        charge = till.start()
        time.sleep(0.15 * moment)                 # a point in the middle
        own_pg.crash()
        own_pg.start()
        wait_until(lambda: connects(url), "the server to recover")
        settle([(till, charge)])
        oracle([(till, charge)], ["approve"])


def connects(url):
    try:
        psycopg2.connect(url).close()
        return True
    except psycopg2.OperationalError:
        return False


def test_killed_between_every_step_of_one_charge_cases_1_2_3(daemon, mtn, migrated_db):
    """The rail shows where the charge stands; the workers die there, all of them."""
    d = daemon(mtn=mtn)
    for where in ("claimed", "sent", "answered", "paid", "asked"):
        till = Till(d, mtn, migrated_db)
        till.reader()
        till.behave("approve", delay_ms=0)
        if where == "claimed":
            till.fault("token", "hold")
            mtn.control("POST", "/lab/settings", {"drop_tokens": True})
        elif where == "asked":
            till.fault("status", "hold_after")
        else:
            till.fault("pay", {"sent": "hold", "answered": "hold_after", "paid": "cut_after"}[where], octets=3)
        charge = till.start()
        if where == "claimed":
            wait_until(lambda: till.state(charge) == "SUBMITTING" or till.nudge(charge), "the claim")
        elif where == "asked":
            till.nudge_until(charge, lambda: till.journal(op="status", fault="hold_after"), "the question")
        else:
            till.wait_journal(op="pay", payer=till.payer)
        before = d.children()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(alive(p) for p in before), "the workers to die")
        till.release()                                     # what the rail was asked by the dead, it does now
        wait_until(lambda: len(set(d.children()) - set(before)) == len(before), "new workers")
        settle([(till, charge)])
        oracle([(till, charge)], ["approve"])
        if where == "claimed":
            # case 1: found out by asking, sent with the same reference; a token that came too late on a busy machine left nothing
            assert till.value("select count(*) from billing.attempt where charge_id = %s and event is distinct from 'not_sent'", charge) == 2
        elif where != "sent":                              # "sent": the lab worked on it after the death
            assert till.charge(charge)["attempts"] == 1    # cases 2, 3: asked about, never sent again
        till.heal()
