# SPDX-License-Identifier: Apache-2.0
"""Refunds in SQL: two persons, never more than was paid, one way out, the books to the franc (hard case 34, I5, I9)."""
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg2
import pytest

from sqlfixtures import *  # noqa: F401,F403


def ask(world, charge_id, amount=None, who="awa", conn=None):
    return world.one("billing.refund_request", charge_id, amount, "double paiement", who, conn=conn)


def approved(world, charge_id, amount=None):
    """Asked for and approved; its id."""
    asked = ask(world, charge_id, amount)
    assert asked["outcome"] == "ok", asked
    assert world.one("billing.refund_approve", asked["refund_id"], "binta") == {"outcome": "ok", "state": "APPROVED"}
    return asked["refund_id"]


def claim(world):
    world.rows("update ops.clock set shift = shift + greatest((select min(due_at) from billing.refund) - ops.now(), '0')")
    return world.one("billing.claim_refunds", "w:1", 10)


def event(world, claimed, word, amount=None, txn=None, conn=None):
    return world.one("billing.refund_event", claimed["refund_id"], claimed["version"], word, 200, word.upper(), None, txn, amount,
                     "XOF" if amount is not None else None, 0, conn=conn)


def refund(world, refund_id):
    return world.row("select * from billing.refund where id = %s", refund_id)


def books(world, charge_id):
    """Sums by account of all that was booked about a charge; zero accounts are left out."""
    return {r["account"]: int(r["sum"]) for r in world.rows(
        "select e.account, sum(e.amount_minor) from billing.ledger_entry e join billing.ledger_txn t on t.id = e.txn_id"
        " where t.charge_id = %s group by 1 having sum(e.amount_minor) <> 0", charge_id)}


def test_a_refund_takes_two_persons_and_gives_everything_back(world):
    reader = world.dial()
    charge = world.buy(reader)["charge_id"]
    assert world.value("select billing.may_read(%s, %s, 2, null)", reader["user_id"], world.book())
    asked = ask(world, charge, who="Awa ")
    assert (asked["outcome"], asked["left_minor"]) == ("ok", 0)
    assert world.call("billing.claim_refunds", "w:1", 10) == []
    assert world.one("billing.refund_approve", asked["refund_id"], " AWA")["outcome"] == "same_person"
    assert world.call("billing.claim_refunds", "w:1", 10) == []
    assert world.one("billing.refund_approve", asked["refund_id"], "binta")["outcome"] == "ok"
    assert world.one("billing.refund_approve", asked["refund_id"], "coumba") == {"outcome": "decided", "state": "APPROVED"}
    assert books(world, charge) == {"clearing": 100, "refunds": -100}
    sent = world.one("billing.claim_refunds", "w:1", 10)
    assert (sent["action"], sent["amount_minor"], sent["currency"]) == ("submit", 100, "XOF")
    assert world.row("select n, done_at from billing.refund_attempt") == {"n": 1, "done_at": None}  # I2
    assert event(world, sent, "accepted")["state"] == "REFUNDING"
    done = claim(world)
    assert (done["action"], done["our_ref"]) == ("poll", sent["our_ref"])
    assert event(world, done, "success", 100, "R1")["state"] == "REFUNDED"
    assert books(world, charge) == {}
    assert world.value("select state from billing.charge where id = %s", charge) == "SUCCEEDED"  # I10: a reversal is new entries
    assert not world.value("select billing.may_read(%s, 1000001, 2, null)", reader["user_id"])
    assert "100 F" in world.messages(reader, "receipt")[-1]["body"]
    assert [r["actor"] for r in world.rows("select actor from ops.audit where kind like 'refund.%%' order by id")] == ["awa", "binta"]
    assert world.start(reader)["outcome"] == "created"


def test_the_constraint_behind_two_persons(world):
    charge = world.buy(world.dial())["charge_id"]
    with pytest.raises(psycopg2.errors.CheckViolation):
        ask(world, charge, who=" ")
    asked = ask(world, charge)
    with pytest.raises(psycopg2.errors.CheckViolation):
        world.rows("update billing.refund set state = 'APPROVED', decided_by = requested_by, decided_at = ops.now() where id = %s",
                   asked["refund_id"])
    with pytest.raises(psycopg2.errors.CheckViolation):
        world.rows("update billing.refund set state = 'REFUNDING' where id = %s", asked["refund_id"])


@pytest.mark.parametrize("amount", [0, -1, 101, 2 ** 62])
def test_never_above_what_was_paid_and_never_negative_case_34(world, amount):
    charge = world.buy(world.dial())["charge_id"]
    assert ask(world, charge, amount)["outcome"] == "above"
    assert world.rows("select 1 from billing.refund") == []


def test_what_is_asked_for_is_reserved_case_34(world):
    charge = world.buy(world.dial())["charge_id"]
    first = ask(world, charge, 60)
    assert (first["outcome"], first["left_minor"]) == ("ok", 40)
    assert ask(world, charge, 41) == {"outcome": "above", "refund_id": None, "left_minor": 40}
    assert world.one("billing.refund_refuse", first["refund_id"], "awa") == {"outcome": "ok", "state": "REFUSED"}
    assert world.one("billing.refund_approve", first["refund_id"], "binta") == {"outcome": "decided", "state": "REFUSED"}
    assert ask(world, charge, 100)["outcome"] == "ok"
    assert ask(world, charge)["outcome"] == "above"


def test_sixteen_persons_at_once_give_back_once_case_34(world):
    charge = world.buy(world.dial())["charge_id"]
    conns = [world.connect() for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda n: ask(world, charge, 30, f"person{n}", conns[n])["outcome"], range(16)))
    assert sorted(got) == ["above"] * 13 + ["ok"] * 3
    ids = [r["id"] for r in world.rows("select id from billing.refund")]
    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(lambda n: world.one("billing.refund_approve", ids[n % 3], f"other{n}", conn=conns[n])["outcome"], range(16)))
    assert sorted(done) == ["decided"] * 13 + ["ok"] * 3
    [c.close() for c in conns]
    assert books(world, charge)["refunds"] == -90


@pytest.mark.parametrize("parts", [(100,), (1, 99), (33, 33, 34), (50, 49, 1), tuple([10] * 10)])
def test_parts_add_up_to_the_whole_with_its_vat(world, parts):
    reader = world.dial()
    charge = world.buy(reader)["charge_id"]
    for n, part in enumerate(parts):
        assert world.value("select count(*) from billing.entitlement where ends_at > ops.now()") == 1
        approved(world, charge, part)
        assert event(world, claim(world), "sync_success", part, f"R{n}")["state"] == "REFUNDED"
        assert books(world, charge).get("clearing", 0) == 100 - sum(parts[:n + 1])
    assert books(world, charge) == {}
    assert world.value("select count(*) from billing.entitlement where ends_at > ops.now()") == 0
    assert ask(world, charge)["outcome"] == "above"


def test_a_refund_that_fails_frees_what_it_held_and_calls_a_person(world):
    reader = world.dial()
    charge = world.buy(reader)["charge_id"]
    before = books(world, charge)
    approved(world, charge)
    assert event(world, claim(world), "rejected")["state"] == "REFUND_FAILED"
    assert books(world, charge) == before
    assert world.value("select count(*) from ops.audit where kind = 'alert.refund_failed'") == 1
    assert len(world.messages(reader, "receipt")) == 1 and world.value("select count(*) from billing.entitlement where ends_at > ops.now()") == 1
    approved(world, charge)
    assert event(world, claim(world), "sync_success", 100)["state"] == "REFUNDED"
    assert books(world, charge) == {}


def test_a_lost_reply_is_unknown_and_asked_about_under_the_same_reference_case_34(world):
    charge = world.buy(world.dial())["charge_id"]
    approved(world, charge)
    first = claim(world)
    assert event(world, first, "unknown")["state"] == "REFUND_UNKNOWN"
    states, again = [], claim(world)
    while again["action"] == "poll":
        states.append(event(world, again, "not_found")["state"])
        if len(states) == 1:
            started = world.now()
        told, again = world.now(), claim(world)
    assert states == ["REFUND_UNKNOWN"] * (len(states) - 1) + ["APPROVED"] and 3 <= len(states) < 8
    assert told - started >= timedelta(seconds=60)
    assert again["action"] == "submit" and again["our_ref"] == first["our_ref"]
    assert event(world, again, "duplicate")["state"] == "REFUNDING"
    assert event(world, claim(world), "success", 100)["state"] == "REFUNDED"
    assert books(world, charge) == {}


def test_a_killed_submit_is_asked_about_and_its_late_answer_changes_nothing(world):
    approved(world, world.buy(world.dial())["charge_id"])
    old = claim(world)
    world.later("50 seconds")
    new = world.one("billing.claim_refunds", "w:2", 10)
    assert new["action"] == "poll" and refund(world, new["refund_id"])["state"] == "REFUND_UNKNOWN"
    assert event(world, old, "success", 100)["outcome"] == "stale"
    assert world.row("select event from billing.refund_attempt") == {"event": "unknown"}


def test_where_the_rail_does_not_take_our_reference_nothing_is_sent_twice(world):
    world.rows("update billing.rail set refund_takes_our_ref = false where code = 'mtn_momo'")
    approved(world, world.buy(world.dial())["charge_id"])
    event(world, claim(world), "unknown")
    for _ in range(8):
        again = claim(world)
        assert again["action"] == "poll"
        assert event(world, again, "not_found")["state"] == "REFUND_UNKNOWN"


def test_a_refused_repetition_proves_nothing(world):
    approved(world, world.buy(world.dial())["charge_id"])
    event(world, claim(world), "unknown")
    again = claim(world)
    while again["action"] == "poll":
        event(world, again, "not_found")
        again = claim(world)
    assert event(world, again, "rejected")["state"] == "REFUND_UNKNOWN"


def refused_repetition(world):
    approved(world, world.buy(world.dial())["charge_id"])
    event(world, claim(world), "unknown")
    again = claim(world)
    while again["action"] == "poll":
        event(world, again, "not_found")
        again = claim(world)
    assert event(world, again, "rejected")["state"] == "REFUND_UNKNOWN"
    return again["refund_id"]


def test_a_refused_repetition_that_the_rail_never_had_ends_after_a_day(world):
    """Seed 1310 of tests/fault/money_sim: refused, denied, sent again, refused ... for ever."""
    refund_id, began = refused_repetition(world), world.now()
    while refund(world, refund_id)["state"] == "REFUND_UNKNOWN":
        again = claim(world)
        assert again["action"] == "poll", "what the rail refused is not sent again"
        event(world, again, "not_found")
    assert refund(world, refund_id)["state"] == "REFUND_FAILED"
    assert timedelta(hours=23) < world.now() - began < timedelta(hours=26)
    assert world.value("select count(*) from ops.audit where kind = 'alert.refund_failed'") == 1
    assert ask(world, refund(world, refund_id)["charge_id"])["outcome"] == "ok"  # the money is there to be given back


def test_a_refused_repetition_whose_first_was_carried_out_is_found(world):
    refund_id = refused_repetition(world)
    world.later("25 hours")
    for _ in range(2):
        event(world, claim(world), "not_found")
    assert event(world, claim(world), "success", 100, "R")["state"] == "REFUNDED"
    assert books(world, refund(world, refund_id)["charge_id"]) == {}


def test_no_answer_between_two_not_founds_takes_nothing_back(world):
    """A rail that fails every other question was never asked to give the money back again."""
    approved(world, world.buy(world.dial())["charge_id"])
    event(world, claim(world), "unknown")
    for word in ("not_found", "unknown") * 8:
        again = claim(world)
        if again["action"] == "submit":
            return
        event(world, again, word)
    raise AssertionError("eight not-founds, and it was not sent again")


def test_what_was_not_sent_goes_again(world):
    approved(world, world.buy(world.dial())["charge_id"])
    first = claim(world)
    assert event(world, first, "not_sent")["state"] == "APPROVED"
    again = claim(world)
    assert (again["action"], again["our_ref"]) == ("submit", first["our_ref"])
    assert event(world, again, "rejected")["state"] == "REFUND_FAILED"  # nothing of the first left


def test_another_amount_than_ours_is_no_success(world):
    charge = world.buy(world.dial())["charge_id"]
    approved(world, charge)
    assert event(world, claim(world), "success", 10000)["state"] == "REFUND_UNKNOWN"
    assert world.value("select count(*) from ops.audit where kind = 'alert.refund_event'") == 1
    assert books(world, charge) == {"clearing": 100, "refunds": -100}


def test_sixteen_equal_answers_give_back_once(world):
    charge = world.buy(world.dial())["charge_id"]
    approved(world, charge)
    claimed = claim(world)
    conns = [world.connect() for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda n: event(world, claimed, "success", 100, "R", conns[n % 16])["outcome"], range(16)))
    [c.close() for c in conns]
    assert sorted(got) == ["ok"] + ["stale"] * 15
    assert books(world, charge) == {}
    final = refund(world, claimed["refund_id"])
    assert event(world, {**claimed, "version": final["version"]}, "declined")["outcome"] == "ignored"


def test_a_late_decline_of_the_charge_changes_no_refund_case_34(world):
    charge = world.buy(world.dial())["charge_id"]
    approved(world, charge)
    claimed = claim(world)
    version = world.value("select version from billing.charge where id = %s", charge)
    got = world.event({"charge_id": charge, "version": version}, "declined")
    assert (got["outcome"], got["state"]) == ("ignored", "SUCCEEDED")
    assert event(world, claimed, "success", 100)["state"] == "REFUNDED"
    assert books(world, charge) == {}


def test_what_was_never_paid_is_not_given_back(world):
    started = world.start(world.dial())
    assert ask(world, started["charge_id"])["outcome"] == "not_paid"
    world.event(world.claim_one(), "declined")
    assert ask(world, started["charge_id"])["outcome"] == "not_paid"
    assert ask(world, 999)["outcome"] == "missing"


def test_rails_that_give_back_whole_charges_or_nothing(world):
    charge = world.buy(world.dial())["charge_id"]
    world.rows("update billing.rail set refunds = 'full' where code = 'mtn_momo'")
    assert ask(world, charge, 50)["outcome"] == "whole_only"
    world.rows("update billing.rail set refunds = 'none' where code = 'mtn_momo'")
    assert ask(world, charge)["outcome"] == "by_hand"


def held_for_review(world):
    started = world.start(world.dial())
    world.event(world.claim_one(), "accepted")
    assert world.event(world.claim_one(), "success", "t", 250)["state"] == "REVIEW"
    return started["charge_id"]


def test_money_held_for_review_goes_back_as_it_came(world):
    charge = held_for_review(world)
    assert books(world, charge) == {"clearing": 250, "suspense": -250}
    approved(world, charge)
    assert event(world, claim(world), "success", 250)["state"] == "REFUNDED"
    assert books(world, charge) == {}


def credited(world, reader):
    """Two payments of one period: the second became the reader's credit; its charge."""
    first = world.start(reader)["charge_id"]
    world.event(world.claim_one(), "accepted")
    world.later("20 minutes")
    world.one("billing.supersede_charge", reader["user_id"], "s")
    second = world.start(reader)["charge_id"]
    for charge in (second, first):
        version = world.value("select version from billing.charge where id = %s", charge)
        world.rows("update billing.charge set state = 'PENDING', prompt_expires_at = ops.now() where id = %s", charge)
        assert world.event({"charge_id": charge, "version": version}, "success", f"t{charge}")["state"] == "SUCCEEDED"
    assert world.value("select settlement from billing.charge where id = %s", first) == "credited"
    return first


def test_credit_goes_back(world):
    charge = credited(world, world.dial())
    approved(world, charge)
    assert books(world, charge) == {"clearing": 100, "refunds": -100}
    assert event(world, claim(world), "declined")["state"] == "REFUND_FAILED"
    assert books(world, charge) == {"clearing": 100, "liability": -100}
    approved(world, charge)
    assert event(world, claim(world), "success", 100)["state"] == "REFUNDED"
    assert books(world, charge) == {}


def bought_by_credit(world, reader):
    """A pass that her credit paid whole; its charge."""
    credited(world, reader)
    world.later("23 hours")
    got = world.start(reader)
    assert (got["outcome"], got["rail"]) == ("paid", "wallet")
    return got["charge_id"]


def credit_left(world, reader):
    return world.value("select billing.credit_left(%s, 'XOF', null)", reader["user_id"])


@pytest.mark.parametrize("parts", [(None,), (30, 70), (1, 98, None)])
@pytest.mark.parametrize("function", ["refund_request", "refund_ask"])
def test_what_credit_paid_is_credit_again_with_the_second_persons_yes(world, parts, function):
    """No rail is asked, nor a person at its back office; the sale and its VAT are taken back to the franc (I9)."""
    reader = world.dial()
    charge = bought_by_credit(world, reader)
    sold, back = books(world, charge), 0
    assert (sold["liability"], credit_left(world, reader)) == (100, 0)
    for part in parts:
        asked = world.one(f"billing.{function}", charge, part, "erreur", "awa", *([True] if function == "refund_ask" else []))
        assert world.one("billing.refund_approve", asked["refund_id"], "awa")["outcome"] == "same_person"
        assert credit_left(world, reader) == back, "nothing moves by one person"
        assert world.one("billing.refund_approve", asked["refund_id"], "binta") == {"outcome": "ok", "state": "REFUNDED"}
        back = 100 - asked["left_minor"]
        assert (credit_left(world, reader), books(world, charge).get("liability", 0)) == (back, 100 - back)
    assert ask(world, charge)["outcome"] == "above" and books(world, charge) == {}
    assert world.call("billing.claim_refunds", "w:1", 10) == []
    assert world.rows("select txn_id from billing.ledger_entry group by txn_id having sum(amount_minor) <> 0") == []
    assert "rendus et gardés" in world.messages(reader, "receipt")[-1]["body"]
    assert world.value("select count(*) from billing.entitlement e where e.charge_id = %s and e.ends_at > ops.now() and not e.given_back", charge) == 0
    while world.value("select billing.number_papers(50)"):
        pass
    notes = world.rows("select i.ttc_minor, i.credit_minor from billing.invoice i where i.charge_id = %s order by i.id", charge)
    assert notes[0]["ttc_minor"] == 100 and sum(n["ttc_minor"] for n in notes) == sum(n["credit_minor"] for n in notes) == 0
    assert world.start(reader)["outcome"] == "paid", "it pays the next one"


def test_credit_that_was_spent_stays(world):
    reader = world.dial()
    asked = ask(world, credited(world, reader))
    world.rows("with t as (insert into billing.ledger_txn (kind, user_id, at) values ('sale', %s, ops.now()) returning id)"
               " insert into billing.ledger_entry (txn_id, account, amount_minor, currency)"
               " select t.id, v.a, v.m, 'XOF' from t, (values ('liability', 1), ('revenue', -1)) v(a, m)", reader["user_id"])
    assert world.one("billing.refund_approve", asked["refund_id"], "binta") == {"outcome": "spent", "state": "REQUESTED"}
    assert world.call("billing.claim_refunds", "w:1", 10) == []


def test_passes_that_follow_move_up(world):
    reader = world.dial()
    first = world.buy(reader)["charge_id"]
    second = world.buy(reader, "week", 500)["charge_id"]
    world.later("6 hours")
    approved(world, first)
    event(world, claim(world), "success", 100)
    one, two = (world.row("select starts_at, ends_at from billing.entitlement where charge_id = %s", c) for c in (first, second))
    assert one["ends_at"] == two["starts_at"] and two["ends_at"] - two["starts_at"] == timedelta(days=7)
    assert two["starts_at"] <= world.now()
    third = world.buy(reader, "month", 1500)["charge_id"]
    approved(world, third)
    event(world, claim(world), "success", 1500)
    assert world.rows("select 1 from billing.entitlement where charge_id = %s", third) == []  # it never began


def test_a_refund_nobody_answers_calls_a_person_after_a_day(world):
    approved(world, world.buy(world.dial())["charge_id"])
    event(world, claim(world), "unknown")
    world.later("25 hours")
    event(world, claim(world), "unknown")
    assert world.value("select count(*) from ops.audit where kind = 'alert.refund_unresolved'") == 1


def test_the_words_of_refund_events_are_those_of_charges(world):
    mine = {r["event"] for r in world.rows("select distinct event from billing.refund_transition")}
    assert mine <= {r["event"] for r in world.rows("select distinct event from billing.charge_transition")}
    states = {r["to_state"] for r in world.rows("select distinct to_state from billing.refund_transition")}
    for state in ("REFUNDED", "REFUND_FAILED"):
        assert state in states and not world.rows("select 1 from billing.refund_transition where from_state = %s", state)
