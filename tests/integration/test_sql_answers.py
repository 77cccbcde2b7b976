# SPDX-License-Identifier: Apache-2.0
"""Answers of rails that are recorded together: each is told in its row, none waits for another's reader, and what they leave
behind is what they leave one by one."""
import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from sqlfixtures import *  # noqa: F401,F403
from support import wait_until
from test_sql_rails import LINK, charge, crowd, shop  # noqa: F401

def answers(world, rows, wait=False, conn=None):
    """Their outcomes: rows are of (claim, event), or (claim, event, more)."""
    said = [{"charge": c["charge_id"], "version": c["version"], "event": event, "http": 200, "reason": "", "next_poll_s": 0, "expires_s": 0,
             **(more[0] if more else {})} for c, event, *more in rows]
    return [(r["outcome"], r["state"]) for r in world.rows("select * from billing.rail_answers(%s, %s)", json.dumps(said), wait, conn=conn)]


def paid(claim):
    return claim, "success", {"txn": f"t{claim['charge_id']}", "amount": 100, "currency": "XOF"}


def test_answers_together_are_told_each_in_its_row(world, crowd):  # noqa: F811
    a, b, c, d, e, *_ = world.call("billing.claim_rail_work", "w:1", 1, 10)
    late, stranger = {**c, "version": c["version"] - 1}, {**d, "charge_id": 0}
    assert answers(world, [(e, "accepted"), paid(a), (late, "accepted"), (stranger, "accepted"), (b, "declined")]) == \
        [("ok", "PENDING"), ("ok", "SUCCEEDED"), ("stale", "SUBMITTING"), ("busy", None), ("ok", "FAILED")]
    assert answers(world, [(stranger, "accepted")], wait=True) == [("missing", None)]
    assert answers(world, [paid(a), (b, "accepted")]) == [("stale", "SUCCEEDED"), ("stale", "FAILED")]    # recorded twice


def test_answers_together_keep_what_the_rail_made(shop):  # noqa: F811
    world = shop("link")
    reader = world.dial()
    started = world.start(reader)
    made = {"rail_ref": "cos-1", "link": LINK, "link_sealed": b"sealed".hex(), "memo_sealed": b"memo".hex(), "callback_mac": b"mac".hex(),
            "expires_s": 1800}
    assert answers(world, [(world.claim_one(), "accepted", made)]) == [("ok", "PENDING")]
    c = charge(world, started)
    assert (c["rail_ref"], *(bytes(c[name]) for name in ("link_sealed", "memo_sealed", "callback_mac"))) == ("cos-1", b"sealed", b"memo", b"mac")


@pytest.mark.parametrize("lock", ["select 1 from auth.users u join billing.charge c on c.user_id = u.id where c.id = %s for update of u",
                                  "select 1 from billing.charge c where c.id = %s for update"])
def test_who_is_busy_is_left_out_and_the_others_wait_for_nobody(world, crowd, lock):
    a, b, c, *_ = world.call("billing.claim_rail_work", "w:1", 1, 10)
    other = psycopg2.connect(world.url)
    try:
        other.cursor().execute(lock, (b["charge_id"],))
        assert answers(world, [paid(x) for x in (a, b, c)]) == [("ok", "SUCCEEDED"), ("busy", None), ("ok", "SUCCEEDED")]
    finally:
        other.close()
    assert answers(world, [paid(b)], wait=True) == [("ok", "SUCCEEDED")]


@pytest.mark.parametrize("first", ["the newer answer", "the older answer"])
def test_two_answers_of_one_charge_in_two_batches_at_once_and_the_newer_claim_counts(world, crowd, first):
    """Its claim lapsed and it was asked about again: a late answer of the old claim meets that of the new one."""
    olds = world.call("billing.claim_rail_work", "w:1", 1, 10)
    old, beside = olds[0], olds[1]
    world.rows("update billing.charge set due_at = ops.now() - interval '1 second' where id = %s", old["charge_id"])
    new = world.one("billing.claim_rail_work", "w:2", 1, 1)
    assert (new["charge_id"], new["action"]) == (old["charge_id"], "poll") and new["version"] > old["version"]
    ahead, behind = (paid(new), (old, "declined")) if first == "the newer answer" else ((old, "declined"), paid(new))
    other = psycopg2.connect(world.url)
    try:
        outcome = answers(world, [ahead], conn=other)
        assert answers(world, [behind, paid(beside)]) == [("busy", None), ("ok", "SUCCEEDED")]
        other.commit()
    finally:
        other.close()
    assert [*outcome, *answers(world, [behind], wait=True)] == (
        [("ok", "SUCCEEDED"), ("stale", "SUCCEEDED")] if first == "the newer answer" else [("stale", "UNKNOWN"), ("ok", "SUCCEEDED")])
    assert world.value("select count(*) from billing.entitlement where charge_id = %s", old["charge_id"]) == 1
    assert world.value("select count(*) from billing.ledger_txn where charge_id = %s", old["charge_id"]) == 1


def test_two_batches_take_the_gates_of_rails_in_one_order(world, crowd):  # noqa: F811
    """One batch says of two rails that they do not answer, another the same in the other order."""
    made = world.call("billing.claim_rail_work", "w:1", 1, 10)
    (a, b, *_), (c, d, *_) = (sorted((x for x in made if (x["rail"] == "mtn_momo") == mtn), key=lambda x: x["charge_id"]) for mtn in (True, False))
    rails = sorted({x["rail"] for x in made})
    low, high = ((a, b), (c, d)) if rails[0] == "mtn_momo" else ((c, d), (a, b))
    first, second = psycopg2.connect(world.url), world.connect()
    try:
        answers(world, [(low[0], "unknown")], conn=first)
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(answers, world, [(high[1], "unknown"), (low[1], "unknown")], conn=second)
            wait_until(lambda: world.value("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%%rail_answers%%'"),
                       "a batch behind the other's gate")
            answers(world, [(high[0], "unknown")], conn=first)
            first.commit()
            assert other.result(30) == [("ok", "UNKNOWN"), ("ok", "UNKNOWN")]
    finally:
        first.close()
        second.close()
    assert world.value("select sum(faults) from billing.rail_gate") == 4


def test_an_answer_that_raises_takes_the_others_back_with_it(world, crowd):  # noqa: F811
    a, b, *_ = world.call("billing.claim_rail_work", "w:1", 1, 10)
    with pytest.raises(psycopg2.Error, match="no such charge event"):
        answers(world, [paid(a), (b, "nonsense")])
    assert world.value("select count(*) from billing.ledger_txn") == 0
    assert answers(world, [paid(a)]) == [("ok", "SUCCEEDED")]                # alone, its claim still counts


def test_the_second_answer_of_a_reader_in_a_batch_goes_alone(world):
    """Two charges of hers for one period, both paid: what the second is worth is known when the first has its pass (I1)."""
    reader = world.dial()
    first = world.start(reader)["charge_id"]
    world.event(world.claim_one(), "accepted")
    world.later("20 minutes")
    world.rows("update billing.charge set due_at = null")
    assert world.one("billing.supersede_charge", reader["user_id"], "again")["outcome"] == "ok"
    second = world.start(reader)["charge_id"]
    world.event(world.claim_one(), "accepted")
    world.rows("update billing.charge set due_at = ops.now()")
    old, new = sorted(world.call("billing.claim_rail_work", "w:1", 1, 10), key=lambda x: x["charge_id"])
    assert (old["charge_id"], new["charge_id"]) == (first, second)
    assert answers(world, [paid(old), paid(new)]) == [("ok", "SUCCEEDED"), ("busy", None)]
    assert answers(world, [paid(new)], wait=True) == [("ok", "SUCCEEDED")]
    assert world.rows("select settlement from billing.charge order by id") == [{"settlement": "granted"}, {"settlement": "credited"}]


def test_one_transaction_of_a_rail_for_two_charges_of_a_batch_settles_none_then_one(world, crowd):  # noqa: F811
    a, b, c, *_ = world.call("billing.claim_rail_work", "w:1", 1, 10)
    same = {"txn": "t1", "amount": 100, "currency": "XOF"}
    with pytest.raises(psycopg2.errors.UniqueViolation):
        answers(world, [(a, "success", same), (b, "success", same), paid(c)])
    assert [answers(world, [x], wait=True)[0][1] for x in ((a, "success", same), (b, "success", same), paid(c))] == \
        ["SUCCEEDED", "REVIEW", "SUCCEEDED"]


# What a batch leaves behind; not what chance makes: waits of the ladder, new references.
TRACES = """
select 'charge', to_jsonb(c) - 'due_at' - 'our_ref' - 'link_message'
    || jsonb_build_object('due', c.due_at is not null, 'linked', c.link_message is not null) from billing.charge c
union all select 'attempt', to_jsonb(a) from billing.attempt a
union all select 'change', to_jsonb(h) - 'id' from billing.charge_change h
union all select 'pass', to_jsonb(e) - 'id' from billing.entitlement e
union all select 'txn', jsonb_build_array(t.kind, t.charge_id, t.user_id, (
    select jsonb_agg(jsonb_build_array(e.account, e.rail, e.amount_minor, e.currency) order by e.account) from billing.ledger_entry e where e.txn_id = t.id))
    from billing.ledger_txn t
union all select 'paper', jsonb_build_array(p.charge_id, p.country, p.tva_permille) from billing.paper_due p
union all select 'message', jsonb_build_array(m.identity_id, m.kind, m.dedupe, m.body) from messaging.message m
union all select 'code', to_jsonb(r) from auth.recovery_code r
union all select 'audit', jsonb_build_array(a.actor, a.kind, a.subject, a.detail - 'pause_s') from ops.audit a
union all select 'gate', to_jsonb(g) - 'until' - 'pause_s' from billing.rail_gate g"""
WORDS = ["accepted", "duplicate", "pending", "sync_success", "success", "success", "success", "declined", "expired", "not_sent", "unknown",
         "rejected", "not_found", "not_issued", "code_refused", "mismatch"]


def said_of(dice, claim):
    """A claim, a word, and what may come with it, some of it wrong."""
    more = {"http": dice.choice([0, 200, 202, 409, 500]), "reason": dice.choice(["", "PENDING", "timeout", None]),
            "txn": f"t{claim['charge_id']}", "amount": dice.choice([100, 100, 100, 95, None]), "currency": dice.choice(["XOF", "XOF", "XOF", "EUR"]),
            "next_poll_s": dice.choice([0, 0, 7])}
    if dice.random() < 0.3:
        more |= {"rail_ref": f"r{claim['charge_id']}", "link": LINK, "link_sealed": b"l".hex(), "memo_sealed": b"m".hex(),
                 "callback_mac": b"c".hex(), "expires_s": dice.choice([0, 60, 90000])}
    return claim, dice.choice(WORDS), more


@pytest.mark.parametrize("seed", range(6))
def test_answers_together_leave_what_they_leave_one_by_one(world, seed):
    """Readers of three rails, words and values at random, five rounds: a batch, taken back, then the same answers alone."""
    dice, conn = random.Random(seed), psycopg2.connect(world.url)
    world.rows("update billing.rail set flow = 'link', takes_our_ref = false where code = 'wave'")
    for n in range(24):
        world.start(world.dial(f"+22505010203{n:02}"))
    world.rows("update billing.charge set rail = (array['mtn_momo', 'mpesa', 'wave'])[1 + id % 3]")
    met = set()
    for _ in range(5):
        world.later("90 seconds")
        world.rows("update billing.charge set due_at = ops.now() where due_at is not null")
        rows = [said_of(dice, c) for c in world.call("billing.claim_rail_work", "w:1", 1, 100)]
        dice.shuffle(rows)
        world.rows("savepoint batch", conn=conn)
        together, left = answers(world, rows, conn=conn), Counter(map(str, world.rows(TRACES, conn=conn)))
        world.rows("rollback to savepoint batch", conn=conn)
        alone = [answers(world, [row], wait=True, conn=conn)[0] for row in rows]
        also = Counter(map(str, world.rows(TRACES, conn=conn)))
        assert (alone, also - left, left - also) == (together, Counter(), Counter())
        conn.commit()
        met |= {(event, *end) for (_, event, _), end in zip(rows, alone)}
    conn.close()
    assert len(met) > 20, met


def test_nothing_is_granted_without_its_sale_in_the_ledger(world):
    """Of a country that is not ours there is no rate of VAT (a bug of ours): the sale raises, and no book is granted beside the ledger (I4, I9)."""
    reader, book = world.dial(), world.book()
    world.start(reader)
    world.rows("update billing.charge set book_id = %s", book)
    claim = world.claim_one()
    world.rows("update auth.users set country = 'ZZ' where id = %s", reader["user_id"])
    with pytest.raises(psycopg2.errors.CheckViolation):
        answers(world, [paid(claim)])
    assert world.value("select count(*) from billing.book_right") == 0
