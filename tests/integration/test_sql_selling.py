# SPDX-License-Identifier: Apache-2.0
"""What is sold beside a pass for oneself, and what keeps a reader: kept prices, credit, gifts, books, trials, vouchers,
better passes, reminders, grace. Case numbers are of the list of hard payment cases."""
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import key
from test_sql_billing import bodies, charge, ledger_sum

FRIEND = "+2250709080706"


def price(world, plan, amount, country="CI"):
    world.rows("insert into billing.price (plan_id, country, amount_minor, currency, valid_from) select id, %s, %s, 'XOF', ops.now()"
               " from billing.plan where code = %s", country, amount, plan)


def passes(world, reader):
    return world.rows("select p.code, e.* from billing.entitlement e join billing.plan p on p.id = e.plan_id where e.user_id = %s"
                      " order by e.starts_at", reader["user_id"])


def credit(world, reader):
    return world.value("select billing.credit_left(%s, 'XOF', null)", reader["user_id"])


def pay_twice(world, reader, plan="day", amount=100):
    """Two charges of one period succeed: the second is credit."""
    world.start(reader, plan)
    world.event(world.claim_one(), "accepted", amount=amount)
    world.later("16 minutes")
    world.one("billing.supersede_charge", reader["user_id"], os.urandom(4).hex())
    world.start(reader, plan)
    world.later("10 seconds")
    for claim in world.call("billing.claim_rail_work", "w:1", 1, 10):
        world.event(claim, "success" if claim["action"] == "poll" else "sync_success", os.urandom(4).hex(), amount)


# ---- prices ----

def test_an_old_subscriber_keeps_her_price_and_a_cheaper_one_is_everybodys(world):
    old, new = world.dial("+2250501"), world.dial("+2250502")
    world.buy(old, "month", 1500)
    price(world, "month", 2000)
    assert [world.offer(r, "month")["amount_minor"] for r in (old, new)] == [1500, 2000]
    world.later("29 days")
    kept = world.offer(old, "month")
    got = world.one("billing.start_charge", old["user_id"], old["identity_id"], kept["plan_id"], kept["price_id"], "k", "1 500 F", "ussd")
    assert (got["outcome"], got["amount_minor"]) == ("created", 1500)
    world.event(world.claim_one(), "declined")
    world.later("5 days")  # past the end and its grace
    assert world.offer(old, "month")["amount_minor"] == 2000
    price(world, "month", 1200)
    assert [world.offer(r, "month")["amount_minor"] for r in (old, new)] == [1200, 1200]


def test_students_alone_are_offered_their_pass(world):
    reader = world.dial()
    offered = lambda: {r["label"] for r in world.call("billing.offers", reader["user_id"], "fr")}  # noqa: E731
    assert "Pass étudiant" not in offered()
    assert world.start(reader, "student")["outcome"] == "price_changed"
    world.rows("select billing.student_set(%s, ops.now() + interval '1 year', 'lycee')", reader["user_id"])
    assert "Pass étudiant" in offered()
    world.later("366 days")
    assert "Pass étudiant" not in offered()


@pytest.mark.parametrize("plan", ["trial", "book", "free"])
def test_what_is_no_pass_is_not_sold_as_one(world, plan):
    assert world.start(world.dial(), plan)["outcome"] == "price_changed"


# ---- credit ----

def test_a_double_payment_pays_the_next_pass_whole(world):  # case 10, I5
    reader = world.dial()
    pay_twice(world, reader)
    assert credit(world, reader) == 100 and "gardés" in bodies(world, reader)[-1]
    world.later("23 hours")
    got = world.start(reader)
    assert (got["outcome"], got["rail"]) == ("paid", "wallet")
    c = charge(world, got["charge_id"])
    assert (c["state"], c["settlement"], c["amount_minor"], c["credit_minor"], c["due_at"]) == ("SUCCEEDED", "granted", 0, 100, None)
    assert credit(world, reader) == 0 and len(passes(world, reader)) == 2 and ledger_sum(world) == []
    assert "Payé : 100 F" in bodies(world, reader)[-1]
    assert world.call("billing.claim_rail_work", "w", 1, 10) == []


def test_credit_pays_its_part_and_is_reserved_once(world):
    reader = world.dial()
    pay_twice(world, reader)
    got = world.start(reader, "week")
    assert (got["outcome"], got["amount_minor"]) == ("created", 400)
    assert credit(world, reader) == 0
    assert world.event(world.claim_one(), "sync_success", "w", 400)["state"] == "SUCCEEDED"
    sale = {e["account"]: e["amount_minor"] for e in world.rows(
        "select e.account, e.amount_minor from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id"
        " where t.charge_id = %s", got["charge_id"])}
    assert sale == {"clearing": 400, "liability": 100, "revenue": -424, "tva": -76}
    assert credit(world, reader) == 0 and ledger_sum(world) == []


def test_credit_of_a_failed_charge_is_free_again(world):
    reader = world.dial()
    pay_twice(world, reader)
    world.start(reader, "week")
    world.event(world.claim_one(), "declined")
    assert credit(world, reader) == 100


def test_a_late_success_whose_credit_was_spent_is_credit(world):  # case 9, I5
    reader = world.dial()
    pay_twice(world, reader)
    late = world.start(reader, "week")
    world.event(world.claim_one(), "declined")
    world.rows("update billing.charge set due_at = ops.now() + interval '2 days' where id = %s", late["charge_id"])
    world.later("1 day")
    assert world.start(reader)["outcome"] == "paid"
    assert world.event(world.claim_one(), "success", "late", 400)["state"] == "SUCCEEDED_LATE"
    assert charge(world, late["charge_id"])["settlement"] == "credited"
    assert credit(world, reader) == 400 and ledger_sum(world) == []


def test_a_whole_refund_gives_the_credits_part_back_as_credit(world):
    reader = world.dial()
    pay_twice(world, reader)
    paid = world.start(reader, "week")
    world.event(world.claim_one(), "sync_success", "w", 400)
    asked = world.one("billing.refund_request", paid["charge_id"], None, "asked", "awa")
    assert world.one("billing.refund_approve", asked["refund_id"], "bob")["outcome"] == "ok"
    assert credit(world, reader) == 0
    claim = world.one("billing.claim_refunds", "w", 1)
    world.one("billing.refund_event", claim["refund_id"], claim["version"], "sync_success", 200, None, "r1", None, 400, "XOF", 0)
    assert credit(world, reader) == 100 and ledger_sum(world) == []
    left = world.rows("select e.account, sum(e.amount_minor) as s from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id"
                      " where t.charge_id = %s group by 1 having sum(e.amount_minor) <> 0", paid["charge_id"])
    assert left == []


# ---- gifts ----

def friend_json(number=FRIEND, country="CI"):
    return {"lookup": key(number).hex(), "sealed": "00", "key_id": 1, "country": country, "network": "mtn", "mark": number[-2:]}


def give(world, giver, friend, plan="day", step=None):
    return world.start({"user_id": friend, "identity_id": giver["identity_id"]}, plan, step)


def test_a_gift_is_told_to_both_and_is_the_friends(world):  # case 33
    giver = world.dial()
    to = world.one("billing.gift_to", giver["identity_id"], friend_json())
    assert (to["outcome"], to["mark"]) == ("ok", "06")
    got = give(world, giver, to["user_id"])
    friend = world.dial(FRIEND)
    assert friend["user_id"] == to["user_id"] and friend["pending"] == "", "who pays is asked, not who is given"
    assert world.dial()["pending"] == "charge"
    assert world.one("billing.my_pass", giver["user_id"], "fr")["outcome"] == "pending"
    assert world.event(world.claim_one(), "sync_success", "g")["state"] == "SUCCEEDED"
    assert charge(world, got["charge_id"])["gift_by"] == giver["user_id"]
    assert "offert" in bodies(world, giver)[-1] and "Composez *384*26#" in bodies(world, friend)[-1]
    assert len(bodies(world, giver)) == len(bodies(world, friend)) == 1
    assert world.one("billing.my_pass", friend["user_id"], "fr")["outcome"] == "active"


@pytest.mark.parametrize("number, country, outcome", [("+2250501020304", "CI", "self"), ("+233201234567", "GH", "abroad")])
def test_a_gift_goes_to_another_number_of_the_country(world, number, country, outcome):
    giver = world.dial()
    assert world.one("billing.gift_to", giver["identity_id"], friend_json(number, country))["outcome"] == outcome


def test_a_gift_and_her_own_purchase_do_not_meet(world):  # case 25, I1
    giver, friend = world.dial(), world.dial(FRIEND)
    assert world.start(friend)["outcome"] == "created"
    assert give(world, giver, friend["user_id"])["outcome"] == "created"
    assert give(world, giver, friend["user_id"])["outcome"] == "pending", "one open charge a payer"
    world.later("5 seconds")
    for claim in world.call("billing.claim_rail_work", "w", 1, 10):
        assert world.event(claim, "sync_success", os.urandom(4).hex())["state"] == "SUCCEEDED"
    a, b = passes(world, friend)
    assert b["starts_at"] == a["ends_at"]


def test_a_gift_first_leaves_her_free_to_buy(world):
    giver, friend = world.dial(), world.dial(FRIEND)
    give(world, giver, friend["user_id"])
    assert world.start(friend)["outcome"] == "created"


def test_a_gift_paid_twice_is_the_givers_credit(world):  # case 10
    giver, friend = world.dial(), world.dial(FRIEND)
    give(world, giver, friend["user_id"])
    world.event(world.claim_one(), "accepted")
    world.later("16 minutes")
    assert world.one("billing.supersede_charge", giver["user_id"], "s")["outcome"] == "ok"
    give(world, giver, friend["user_id"])
    world.later("10 seconds")
    for claim in world.call("billing.claim_rail_work", "w:1", 1, 10):
        world.event(claim, "success" if claim["action"] == "poll" else "sync_success", os.urandom(4).hex())
    assert (credit(world, giver), credit(world, friend)) == (100, 0)
    assert len(passes(world, friend)) == 1 and ledger_sum(world) == []


# ---- one book ----

def buy_book(world, reader, book, step=None):
    o = world.one("billing.book_offer", reader["user_id"], book)
    return world.one("billing.buy_book", reader["user_id"], reader["identity_id"], book, o["price_id"], step or os.urandom(4).hex(), "c", "ussd")


def test_one_book_is_hers_for_ever_and_no_other(world):
    reader, book, other = world.dial(), world.book("pirogue"), world.book("fleuve")
    got = buy_book(world, reader, book, "b1")
    assert (got["outcome"], got["amount_minor"]) == ("created", 300)
    assert world.event(world.claim_one(), "sync_success", "b", 300)["state"] == "SUCCEEDED"
    world.later("400 days")
    may = lambda b: world.value("select billing.may_read(%s, %s, 2, null)", reader["user_id"], b)  # noqa: E731
    assert may(book) and not may(other) and passes(world, reader) == []
    assert "pour toujours" in bodies(world, reader)[-1]
    assert world.call("billing.book_offer", reader["user_id"], book) == []
    again = world.one("billing.buy_book", reader["user_id"], reader["identity_id"], book, 1, "b2", "c", "ussd")
    assert again["outcome"] == "active"
    assert world.value("select plan_code from billing.allowance(%s)", reader["user_id"]) == "book"


def test_two_books_whose_charges_cross_are_both_granted(world):
    reader, book, other = world.dial(), world.book("pirogue"), world.book("fleuve")
    buy_book(world, reader, book)
    world.event(world.claim_one(), "accepted", amount=300)
    world.later("16 minutes")
    world.one("billing.supersede_charge", reader["user_id"], "s")
    buy_book(world, reader, other)
    world.later("10 seconds")
    for claim in world.call("billing.claim_rail_work", "w:1", 1, 10):
        world.event(claim, "success" if claim["action"] == "poll" else "sync_success", os.urandom(4).hex(), 300)
    assert world.value("select count(*) from billing.book_right") == 2 and credit(world, reader) == 0


def test_a_book_paid_first_does_not_end_the_charge_of_another(world):
    """The one that took its place is for another book: it is still sent."""
    reader, book, other = world.dial(), world.book("pirogue"), world.book("fleuve")
    buy_book(world, reader, book)
    world.event(world.claim_one(), "accepted", amount=300)
    world.later("16 minutes")
    world.one("billing.supersede_charge", reader["user_id"], "s")
    world.event(world.claim_one(), "success", "first", 300)
    second = buy_book(world, reader, other)
    assert world.event(world.claim_one(), "sync_success", "second", 300)["state"] == "SUCCEEDED"
    assert charge(world, second["charge_id"])["settlement"] == "granted"
    assert world.value("select count(*) from billing.book_right") == 2


def test_a_book_paid_twice_is_granted_once(world):  # I4, I5
    reader, book = world.dial(), world.book()
    buy_book(world, reader, book)
    world.event(world.claim_one(), "accepted", amount=300)
    world.later("16 minutes")
    world.one("billing.supersede_charge", reader["user_id"], "s")
    buy_book(world, reader, book)
    world.later("10 seconds")
    for claim in world.call("billing.claim_rail_work", "w:1", 1, 10):
        world.event(claim, "success" if claim["action"] == "poll" else "sync_success", os.urandom(4).hex(), 300)
    assert world.value("select count(*) from billing.book_right") == 1 and credit(world, reader) == 300


def test_a_refunded_book_is_hers_no_more(world):
    reader, book = world.dial(), world.book()
    paid = buy_book(world, reader, book)
    world.event(world.claim_one(), "sync_success", "b", 300)
    asked = world.one("billing.refund_request", paid["charge_id"], None, "asked", "awa")
    world.one("billing.refund_approve", asked["refund_id"], "bob")
    claim = world.one("billing.claim_refunds", "w", 1)
    world.one("billing.refund_event", claim["refund_id"], claim["version"], "sync_success", 200, None, "r1", None, 300, "XOF", 0)
    assert not world.value("select billing.may_read(%s, %s, 2, null)", reader["user_id"], book)


# ---- trials ----

def trial(world, reader, step=None):
    return world.one("billing.start_trial", reader["user_id"], reader["identity_id"], "3 jours, sans rien payer", step or os.urandom(4).hex(), "ussd")


def test_a_trial_once_a_number_without_a_debit(world):
    reader = world.dial()
    first = trial(world, reader, "t")
    assert first["outcome"] == "granted" and trial(world, reader, "t") == first
    assert passes(world, reader)[0]["ends_at"] - passes(world, reader)[0]["starts_at"] == timedelta(days=3)
    assert world.value("select consent from billing.trial") == "3 jours, sans rien payer"
    world.later("30 days")
    assert trial(world, reader)["outcome"] == "none"
    assert world.value("select count(*) from billing.charge") == 0 and "sans rien payer" in bodies(world, reader)[-1]


def test_a_number_that_comes_to_another_reader_has_no_second_trial(world):
    reader = world.dial()
    trial(world, reader)
    other = world.dial("+2250502")
    world.rows("update auth.identity set user_id = %s where id = %s", other["user_id"], reader["identity_id"])
    assert trial(world, {"user_id": other["user_id"], "identity_id": reader["identity_id"]})["outcome"] == "none"


def test_who_ever_paid_has_no_trial(world):
    reader = world.dial()
    world.buy(reader)
    assert trial(world, reader)["outcome"] == "none"


# ---- vouchers ----

def vouchers(world, *codes, plan="week", country="CI", amount=0, days=30):
    made = world.rows("select * from billing.voucher_make(%s, %s, %s, %s, ops.now() + make_interval(days => %s), 'lot', 'awa')",
                      plan, country, [key(c) for c in codes], amount, days)[0]
    assert made["outcome"] == "ok", made
    return made["batch_id"]


def redeem(world, reader, code, step=None, conn=None):
    return world.rows("select * from billing.redeem(%s, %s, %s, %s, 'ussd')", reader["user_id"], reader["identity_id"], [key("old"), key(code)],
                      step or os.urandom(4).hex(), conn=conn)[0]


def test_a_voucher_becomes_a_pass_once(world):
    reader, other = world.dial("+2250501"), world.dial("+2250502")
    vouchers(world, "123456789012", amount=500)
    got = redeem(world, reader, "123456789012", "r")
    assert got["outcome"] == "granted" and redeem(world, reader, "123456789012", "r") == got
    assert redeem(world, reader, "123456789012")["outcome"] == "yours"
    assert redeem(world, other, "123456789012")["outcome"] == "used"
    assert len(passes(world, reader)) == 1 and passes(world, other) == [] and ledger_sum(world) == []
    assert world.value("select amount_minor from billing.ledger_entry where account = 'vouchers'") == 500
    assert "avec votre code. Composez *384*26#" in bodies(world, reader)[-1]


def test_one_voucher_from_two_callers_at_once(world):  # case 38
    readers = [world.dial(f"+22505{n:04}") for n in range(8)]
    vouchers(world, "777777777777")
    conns = [world.connect() for _ in readers]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: redeem(world, readers[n], "777777777777", conn=conns[n])["outcome"], range(8)))
    [c.close() for c in conns]
    assert sorted(got) == ["granted"] + ["used"] * 7
    assert world.value("select count(*) from billing.entitlement") == 1


def test_codes_that_do_not_work_say_why(world):
    reader, abroad = world.dial(), world.dial("+233201", "GH")
    batch = vouchers(world, "1", "2", days=2)
    assert redeem(world, abroad, "1")["outcome"] == "unknown"
    assert world.value("select billing.voucher_close(%s, 'awa')", batch) == "ok"
    assert redeem(world, reader, "1")["outcome"] == "over"
    vouchers(world, "3", days=2)
    world.later("3 days")
    assert redeem(world, reader, "3")["outcome"] == "over"
    assert passes(world, reader) == []


def test_guessing_is_limited_by_phone(world):
    reader, other = world.dial("+2250501"), world.dial("+2250502")
    vouchers(world, "good", "good2")
    assert [redeem(world, reader, f"bad{n}")["outcome"] for n in range(6)] == ["unknown"] * 5 + ["limited"]
    assert redeem(world, reader, "good")["outcome"] == "limited", "a code that exists is no way to find out"
    assert redeem(world, other, "good2")["outcome"] == "granted"
    world.later("61 minutes")
    assert redeem(world, reader, "good")["outcome"] == "granted"
    for hour in range(4):
        for n in range(5):
            redeem(world, reader, f"more{hour}{n}")
        world.later("61 minutes")
    assert redeem(world, reader, "one more")["outcome"] == "limited"


# ---- a better pass ----

def better(world, level=2):
    world.rows("insert into billing.plan (code, names, period_unit, level) values ('gold', '{\"fr\": \"Pass or\"}', 'month', %s)", level)
    price(world, "gold", 3000)


def test_a_better_pass_begins_now_and_takes_the_unused_days_over(world):
    reader = world.dial()
    world.buy(reader, "month", 1500)
    better(world)
    first = passes(world, reader)[0]
    days = round((first["ends_at"] - first["starts_at"]) / timedelta(days=1))
    world.later("10 days 1 hour")
    unused = days - 11
    new_days = world.value("select billing.plan_days(p, ops.now(), 'Africa/Abidjan') from billing.plan p where code = 'gold'")
    told = world.one("billing.taken_over", reader["user_id"], world.value("select id from billing.plan where code = 'gold'"))
    assert told["days"] == unused and told["plan_days"] == 1500 * unused * new_days // (days * 3000)
    world.buy(reader, "gold", 3000)
    old, new = passes(world, reader)
    assert old["ends_at"] == new["starts_at"] and new["code"] == "gold"
    assert new["ends_at"] - new["starts_at"] == timedelta(days=new_days + told["plan_days"])
    assert new["worth_minor"] == 3000 + told["worth_minor"]


def test_a_trial_is_worth_nothing_in_a_better_pass(world):
    reader = world.dial()
    trial(world, reader)
    better(world)
    world.buy(reader, "gold", 3000)
    new = passes(world, reader)[-1]
    assert new["worth_minor"] == 3000 and new["starts_at"] == passes(world, reader)[0]["ends_at"]


def test_an_equal_pass_begins_at_the_end(world):
    reader = world.dial()
    world.buy(reader, "week", 500)
    better(world, level=1)
    world.buy(reader, "gold", 3000)
    a, b = passes(world, reader)
    assert b["starts_at"] == a["ends_at"] and b["worth_minor"] == 3000


# ---- grace ----

def test_grace_is_for_the_screen_alone_and_three_days(world):
    reader, book = world.dial(), world.book()
    world.buy(reader, "month", 1500)
    end = passes(world, reader)[0]["ends_at"]
    world.rows("update ops.clock set shift = shift + (%s - ops.now()) + interval '1 hour'", end)
    may = lambda kind: world.value(f"select billing.{kind}(%s, %s, 2, null)", reader["user_id"], book)  # noqa: E731
    mine = world.one("billing.my_pass", reader["user_id"], "fr")
    assert may("may_read") and not may("may_send")
    assert (mine["outcome"], mine["until"]) == ("grace", end + timedelta(days=3))
    world.rows("insert into reading.position (user_id, book_id, part, at, source, updated_at) values (%s, %s, 2, 0, 'ussd', ops.now())",
               reader["user_id"], book)
    assert world.one("messaging.enqueue_instalment", reader["user_id"], reader["identity_id"], book, "i")["outcome"] == "locked"
    world.later("3 days")
    assert not may("may_read") and world.one("billing.my_pass", reader["user_id"], "fr")["outcome"] == "none"


def test_no_grace_after_a_day_nor_after_a_refund(world):
    reader, book = world.dial(), world.book()
    paid = world.buy(reader)
    world.later("25 hours")
    assert not world.value("select billing.may_read(%s, %s, 2, null)", reader["user_id"], book)
    paid = world.buy(reader, "month", 1500)
    asked = world.one("billing.refund_request", paid["charge_id"], None, "asked", "awa")
    world.one("billing.refund_approve", asked["refund_id"], "bob")
    claim = world.one("billing.claim_refunds", "w", 1)
    world.one("billing.refund_event", claim["refund_id"], claim["version"], "sync_success", 200, None, "r1", None, 1500, "XOF", 0)
    world.later("1 second")
    assert not world.value("select billing.may_read(%s, %s, 2, null)", reader["user_id"], book)


# ---- reminders ----

def reminded(world, reader, days=12):
    """Days from the end of the last pass on which a reminder came, the job running each hour."""
    end = passes(world, reader)[-1]["ends_at"]
    world.rows("update ops.clock set shift = shift + greatest((%s - interval '4 days') - ops.now(), '0')", end)
    out = []
    for _ in range(days * 24):
        before = len(world.messages(reader, "notice"))
        while world.value("select billing.run_reminders(10)"):
            pass
        assert len(world.messages(reader, "notice")) - before in (0, 1)
        if len(world.messages(reader, "notice")) > before:
            now = world.now()
            assert 8 <= now.hour < 20, "decent hours, on the clock of Abidjan"
            out.append(round((now - end) / timedelta(days=1), 1))
        world.later("1 hour")
    return out


@pytest.mark.parametrize("plan, amount, steps", [("month", 1500, [-3, -1, 0, 1, 3, 7]), ("week", 500, [-3, -1, 0, 1, 3]), ("day", 100, [0])])
def test_the_end_is_spoken_of_before_and_after_it(world, plan, amount, steps):
    reader = world.dial()
    world.buy(reader, plan, amount)
    got = reminded(world, reader)
    assert len(got) == len(steps) and all(0 <= g - s < 0.6 for g, s in zip(got, steps)), got
    text = world.messages(reader, "notice")[0]["body"]
    assert ("100 F" if plan == "day" else {"month": "1 500 F", "week": "500 F"}[plan]) in text and "*384*26#" in text


@pytest.mark.parametrize("what", ["cancel", "stop", "pause", "refusal", "later pass", "refund"])
def test_who_said_no_is_not_reminded(world, what):
    reader = world.dial()
    paid = world.buy(reader, "month", 1500)
    if what == "cancel":
        got = world.one("billing.cancel_renewal", reader["user_id"], reader["identity_id"], "c1", "ussd")
        again = world.one("billing.cancel_renewal", reader["user_id"], reader["identity_id"], "c2", "ussd")
        assert (got["outcome"], again["outcome"]) == ("cancelled", "already")
        assert world.one("billing.my_pass", reader["user_id"], "fr")["outcome"] == "active", "to the period's end"
        assert len(world.messages(reader, "reply")) == 1
    elif what in ("stop", "pause"):
        world.one(f"auth.{what}_by", reader["identity_id"], "x", "ussd")
    elif what == "refusal":
        world.later("28 days")
        world.start(reader, "month")
        world.event(world.claim_one(), "declined", reason="APPROVAL_REJECTED")
    elif what == "later pass":
        world.buy(reader, "week", 500)
        world.rows("update billing.entitlement set remind_at = null where plan_id = (select id from billing.plan where code = 'week')")
    else:
        asked = world.one("billing.refund_request", paid["charge_id"], None, "asked", "awa")
        world.one("billing.refund_approve", asked["refund_id"], "bob")
        claim = world.one("billing.claim_refunds", "w", 1)
        world.one("billing.refund_event", claim["refund_id"], claim["version"], "sync_success", 200, None, "r1", None, 1500, "XOF", 0)
    assert reminded(world, reader) == []


def test_no_money_is_no_refusal(world):
    reader = world.dial()
    world.buy(reader, "month", 1500)
    world.later("28 days")
    world.start(reader, "month")
    world.event(world.claim_one(), "declined", reason="NOT_ENOUGH_FUNDS")
    assert len(reminded(world, reader)) >= 4


def test_a_pass_after_a_cancel_is_spoken_of_again(world):
    reader = world.dial()
    world.buy(reader, "week", 500)
    world.one("billing.cancel_renewal", reader["user_id"], reader["identity_id"], "c1", "ussd")
    world.later("6 days 12 hours")
    world.buy(reader, "week", 500)
    assert len(reminded(world, reader)) == 5


def test_reminders_of_two_schedulers_are_said_once(world):  # case 35
    readers = [world.dial(f"+22505{n:06}") for n in range(30)]
    for reader in readers:
        world.rows("select billing.grant_pass(%s, (select id from billing.plan where code = 'week'), 'trial', null, null, 0)", reader["user_id"])
    world.later("6 days")
    world.rows("update ops.clock set shift = shift + (billing.decent_hour('CI', ops.now()) - ops.now())")
    conns = [world.connect() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        looked = list(pool.map(lambda c: [world.value("select billing.run_reminders(5)", conn=c) for _ in range(8)], conns))
    [c.close() for c in conns]
    assert sum(map(sum, looked)) == 30 and all(n <= 5 for got in looked for n in got)
    assert world.value("select count(*) from messaging.message where kind = 'notice'") == 30


def test_cancel_without_a_pass(world):
    reader = world.dial()
    assert world.one("billing.cancel_renewal", reader["user_id"], reader["identity_id"], "c", "sms")["outcome"] == "none"


# ---- the wallet ----

def test_a_ported_number_says_its_wallet_and_keeps_it(world):  # case 39
    world.rows("update billing.rail set enabled = true where code = 'wave'")
    world.rows("delete from billing.rail_route where network = '*' and rail <> 'wave'")
    reader = world.dial(network="mtn")
    assert [(w["rail"], w["chosen"]) for w in world.call("billing.wallets", reader["identity_id"])] == [("mtn_momo", True), ("wave", False)]
    choose = lambda rail: world.one("billing.choose_wallet", reader["user_id"], reader["identity_id"], rail)["outcome"]  # noqa: E731
    assert choose("wave") == "ok" and choose("orange_web") == "unknown" and choose("wallet") == "unknown"
    assert world.start(reader)["rail"] == "wave"
    assert world.dial(network="mtn")["pending"] == "charge"
    assert [w["chosen"] for w in world.call("billing.wallets", reader["identity_id"])] == [False, True]


# ---- by SMS ----

def text(world, word, macs=None, number="+2250501020304"):
    return world.rows("select * from messaging.inbound_text('lab', %s, 's', 1, 'CI', 'mtn', %s, '', %s, %s)",
                      key(number), word, macs, os.urandom(8))[0]


def last(world, reader):
    return world.rows("select body from messaging.message where identity_id = %s order by id desc limit 1", reader["identity_id"])[0]["body"]


def test_words_about_a_pass(world):
    reader = world.dial()
    assert text(world, "pass")["outcome"] == "none" and "pas de pass" in last(world, reader)
    assert text(world, "RENOUVELER")["outcome"] == "none"
    vouchers(world, "555555555555")
    for code, outcome, words in (("999", "unknown", "inconnu"), ("555555555555", "granted", "avec votre code"),
                                 ("555555555555", "yours", "avec votre code")):
        assert text(world, "code", [key(code)])["outcome"] == outcome
        assert words in last(world, reader)
    assert text(world, "PASS")["outcome"] == "active" and "jusqu" in last(world, reader)
    assert text(world, "resilier")["outcome"] == "cancelled" and "pas de renouvellement" in last(world, reader)
    assert text(world, "RESILIER")["outcome"] == "already"


def test_renewing_by_one_word_asks_the_wallet(world):
    reader = world.dial()
    world.buy(reader, "week", 500)
    assert text(world, "renouveler")["outcome"] == "active"
    world.later("6 days 12 hours")
    assert text(world, "renouveler")["outcome"] == "created"
    assert "500 F" in last(world, reader) and "*133#" in last(world, reader)
    c = world.row("select * from billing.charge order by id desc limit 1")
    assert c["channel"] == "sms" and "500 F" in c["consent"]
    assert text(world, "renouveler")["outcome"] == "pending"
    assert world.value("select count(*) from billing.charge") == 2


def test_the_word_of_the_release_before_still_works(world):
    reader = world.dial()
    got = world.one("messaging.inbound", "lab", key("+2250501020304"), b"s", 1, "CI", "mtn", "AIDE", "", "fr", os.urandom(8))
    assert got["outcome"] == "help" and last(world, reader).startswith("Coko")
