# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the daemon at random points while 100 readers pay (500 in the long run): from the dial to the receipt, behind
three rails that lose replies, repeat callbacks, decline, and succeed late. In the end the rails' own ledgers and ours
agree to the franc, and nothing that is a secret stands anywhere.

    COKO_LONG=1         500 readers, 60 kills
    COKO_CHAOS_SEED=7   another crowd and other points; the seed is printed
"""
import os
import random
import re
import signal
import time

import pytest

from daemon import rail_secrets
from money_kit import clear_places
from money_rush import SECTIONS, Rush
from support import TEST_KEYS, wait_until

LONG = bool(os.environ.get("COKO_LONG"))
SEED = int(os.environ.get("COKO_CHAOS_SEED") or 1)
READERS, KILLS = (500, 60) if LONG else (100, 12)
SETTLE_S = 900 if LONG else 240
WORKERS = 2


@pytest.fixture
def rush(daemon, mtn, sonatel, lab, migrated_db):
    wave = lab("wave_rail.py", "--port", "0", "--signing-secret", SECTIONS["wave"]["signing_secret"], "--retry-ms", "100")
    d = daemon(config={"coko": {"log_level": "debug"}, "wave": {"base_url": wave.url}}, mtn=mtn, sonatel=sonatel)
    return Rush(d, {"mtn_momo": mtn, "wave": wave, "orange_sonatel": sonatel}, migrated_db, SEED, READERS)


# ---- death ----

def kill_all(d, _dice):
    """Supervisor and workers in one blow."""
    os.killpg(d.pid, signal.SIGKILL)
    d.process.wait()


def kill_the_supervisor(d, _dice):
    """Its workers see their control socket close, and end while the new ones begin."""
    d.kill()


def kill_a_worker(d, dice):
    workers = d.children()
    if workers:
        os.kill(dice.choice(workers), signal.SIGKILL)


def kills(rush, dice, count, done):
    """At least so many, and until it is done; the seed says which and after how long."""
    n = 0
    while n < count or not done():
        time.sleep(0.2 + dice.random() ** 2 * 2.5)      # the random point, not a wait for anything
        dice.choice([kill_all, kill_all, kill_the_supervisor, kill_a_worker, kill_a_worker])(rush.daemon, dice)
        n += 1
        if not rush.daemon.process.running():
            rush.daemon.start(wait=dice.random() < 0.7)  # else the next blow may meet it while it starts
        if n > count:                                    # a slow machine gets on all the same
            wait_until(rush.daemon.is_ready, "ready after a kill", 60)
            time.sleep(min(n - count, 10) * 0.5)
        rush.strike()
    rush.daemon.killed = False
    return n


# ---- the oracles ----

CHARGES = """
select c.id, c.rail, c.our_ref::text, c.state, c.settlement, c.amount_minor, c.not_found, i.lookup,
    array(select a.our_ref::text from billing.attempt a where a.charge_id = c.id and a.our_ref is not null) as old_refs,
    (select count(*) from billing.attempt a where a.charge_id = c.id) as attempts,
    (select count(*) from billing.entitlement e where e.charge_id = c.id) as passes,
    (select count(*) from messaging.message m where m.dedupe like 'charge:' || c.id || ':%' and split_part(m.dedupe, ':', 3) = 'receipt')
        as receipts,
    coalesce((select sum(e.amount_minor) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id
              where t.charge_id = c.id and t.refund_id is null and e.account = 'clearing'), 0) as booked,
    coalesce((select sum(f.amount_minor) from billing.refund f where f.charge_id = c.id and f.state = 'REFUNDED'), 0) as refunded
from billing.charge c join auth.identity i on i.id = c.identity_id order by c.id"""


def classes(charges):
    """I5: what each franc became, by our rows: exactly one of these a charge."""
    sums = dict.fromkeys(("granted", "credited", "refunded", "review"), 0)
    for c in charges:
        if c["settlement"]:
            sums["refunded" if c["refunded"] else c["settlement"]] += c["booked"]
    return sums


def each_charge_agrees(rush, charges, debits):
    for c in charges:
        taken = debits.get(c["our_ref"], [])
        story = (c, taken, rush.of(c["lookup"]).plan)
        assert len(taken) <= 1, f"debited twice under one reference: {story}"
        assert not any(debits.get(ref) for ref in c["old_refs"]), f"a reference that was given up was paid: {story}"
        assert c["booked"] == sum(taken), f"not to the franc: {story}"
        assert bool(taken) == bool(c["settlement"]), story
        granted = c["settlement"] == "granted"                    # I4
        assert (c["passes"], c["receipts"]) == ((1, 1) if granted else (0, 0)), story
        assert c["state"] in ("SUCCEEDED", "SUCCEEDED_LATE", "FAILED", "EXPIRED", "REVIEW") \
            or (c["rail"], c["state"]) == ("orange_sonatel", "UNRESOLVED") and c["not_found"] >= 3, f"left open: {story}"


def each_reference_was_ours_first(rush, charges):
    """I2, I3: a submit has its row, and a charge that may have been sent keeps its reference."""
    ours = {ref: c for c in charges for ref in [c["our_ref"], *c["old_refs"]]}
    for rail, op in (("mtn_momo", "pay"), ("wave", "create"), ("orange_sonatel", "pay")):
        sent = {}
        for call in rush.labs[rail].control("GET", f"/lab/requests?op={op}&limit=100000")["requests"]:
            sent.setdefault(call["reference"], []).append(call)
        for ref, calls in sent.items():
            assert ref in ours, f"{rail} was sent a reference that no row has: {ref}"
            assert len(calls) <= 2 * ours[ref]["attempts"], (ours[ref], calls)     # 401: each once more, under a new token
            assert rail != "mtn_momo" or [c.get("answered") for c in calls].count(202) <= 1, calls


def ledgers_agree(rush):
    charges, debits = rush.sql(CHARGES), rush.debits()
    each_charge_agrees(rush, charges, debits)
    each_reference_was_ours_first(rush, charges)
    taken, sums = sum(sum(d) for d in debits.values()), classes(charges)
    assert taken == sum(sums.values()), (taken, sums)
    back = sum(int(r["amount"]) for r in rush.labs["wave"].control("GET", "/lab/ledger")["refunds"])
    assert back == sums["refunded"], (back, sums)
    accounts = {r["account"]: r["sum"] for r in rush.sql("select account, sum(amount_minor) from billing.ledger_entry group by account")}
    assert accounts["clearing"] == taken - back and sum(accounts.values()) == 0, accounts                      # I9
    assert rush.sql("select txn_id from billing.ledger_entry group by txn_id, currency having sum(amount_minor) <> 0") == []
    for c in rush.customers:                                                                                    # I1
        assert len(c.charges()) == 1 or c.plan == "stuck" and len(c.charges()) == 2, (c.plan, c.charges())
    return sums, charges


def everything_happened(sums, charges):
    """The crowd was no crowd of good payers."""
    states = {c["state"] for c in charges}
    assert all(sums.values()), sums
    assert states >= {"SUCCEEDED", "SUCCEEDED_LATE", "FAILED", "EXPIRED", "REVIEW"}, states
    assert {c["rail"] for c in charges} == {"mtn_momo", "wave", "orange_sonatel"}


def no_secret_stands_anywhere(rush, redis):
    """S5, I11: logs, metrics, Redis and every table."""
    text, tables = clear_places(rush.daemon, redis, rush.url)
    words = rail_secrets(rush.daemon.ini.read_text()) | {TEST_KEYS.split(":")[1]}
    numbers = {n for c in rush.customers for n in (c.payer, c.payer[3:])} | set(rush.codes)
    assert len(words) >= 12 and len(rush.codes) >= 3 and rush.links
    links = {link.split("/c/")[1] for link in rush.links}
    for place, held in {"log, metrics, Redis": text, **tables}.items():
        said = set(re.findall(r"(?<![0-9A-Fa-f])[0-9]{8,15}(?![0-9A-Fa-f])", held))
        assert not said & numbers, (place, said & numbers)
        assert not (found := [w for w in words | {c.payer for c in rush.customers} if w in held]), (place, found)
        # the link is a bearer's right: only the message that hands it out has it
        assert place == "messaging.message" or not any(link in held for link in links), place


def test_killed_while_readers_pay(rush, redis):
    dice = random.Random(SEED)
    print(f"COKO_CHAOS_SEED={SEED}: {READERS} readers")
    rush.start()
    first = kills(rush, dice, KILLS * 2 // 3, rush.all_bought)
    wait_until(rush.daemon.is_ready, "ready", 60)
    hung, back = rush.pay_anew(), rush.refund()
    second = kills(rush, dice, KILLS - KILLS * 2 // 3, lambda: True)
    wait_until(rush.daemon.is_ready, "ready after the last kill", 60)
    try:
        rush.settle(SETTLE_S)
    finally:
        for worker in (*rush.threads, rush.clock, rush.openers):
            worker.stop()
    sums, charges = ledgers_agree(rush)
    everything_happened(sums, charges)
    no_secret_stands_anywhere(rush, redis)
    print(f"{first} and {second} kills, {len(charges)} charges, {hung} paid anew, {back} refunds asked: "
          f"{ {k: int(v) for k, v in sums.items()} }")
