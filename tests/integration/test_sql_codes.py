# SPDX-License-Identifier: Apache-2.0
"""Charges that wait for a code, in SQL: the claim of the one who typed it, what he is told, ways out. The code itself
is in none of these statements (S5). Case numbers are of the list of hard payment cases."""
import pytest

from sqlfixtures import *  # noqa: F401,F403
from test_sql_selling import FRIEND, buy_book, give, last, pay_twice, text


def code_shop(world):
    """A world whose only rail wants a code, and may hand out a link instead."""
    world.rows("update billing.rail set flow = 'code', takes_our_ref = false, prompt_s = 600, link_rail = 'orange_qr' where code = 'mtn_momo'")
    world.rows("update billing.rail set enabled = code in ('mtn_momo', 'orange_qr')")
    return world


@pytest.fixture
def shop(world):
    return code_shop(world)


def charge(world, started):
    return world.row("select * from billing.charge where id = %s", started["charge_id"])


def type_code(world, reader, step="s1"):
    return world.call("billing.claim_code", "w:1", reader["user_id"], step)


def told(world, reader, step="s1"):
    return world.value("select billing.code_state(%s, %s)", reader["user_id"], step)


def stage(world, reader):
    return world.rows("select * from billing.live_stage(%s, 'fr')", reader["user_id"])


def templates(world, reader):
    return [m["dedupe"].split(":")[2] for m in world.messages(reader, "receipt")]


def test_a_charge_waits_for_its_code_and_nobody_else_claims_it(shop):
    reader = shop.dial()
    started = shop.start(reader)
    assert started["outcome"] == "code" and charge(shop, started)["state"] == "CREATED"
    assert shop.call("billing.claim_rail_work", "w:1", 1, 10) == []
    assert [(s["stage"], s["amount_text"], s["link"]) for s in stage(shop, reader)] == [("code", "100 F", "1")]
    assert shop.start(reader)["outcome"] == "pending"                     # case 24


def test_the_claim_commits_the_attempt_and_names_no_other_charge_I2(shop):
    reader, other = shop.dial(), shop.dial("+2250501020305")
    started = shop.start(reader)
    shop.start(other)
    row, = type_code(shop, reader)
    c = charge(shop, started)
    assert (row["charge_id"], row["action"], row["flow"], row["version"]) == (c["id"], "submit", "code", c["version"])
    assert (c["state"], c["attempts"], c["claimed_by"]) == ("SUBMITTING", 1, "w:1")
    attempt = shop.row("select * from billing.attempt")
    assert (attempt["charge_id"], attempt["done_at"]) == (c["id"], None)
    assert stage(shop, reader)[0]["stage"] == "checking"


def test_one_step_claims_once_S2(shop):
    reader = shop.dial()
    shop.start(reader)
    assert len(type_code(shop, reader)) == 1
    assert type_code(shop, reader) == [] and type_code(shop, reader, "s2") == []
    assert shop.value("select count(*) from billing.attempt") == 1
    assert told(shop, reader) == told(shop, reader, "s2") == "slow"


@pytest.mark.parametrize("state", ["none", "push"])
def test_no_charge_waits_no_claim(shop, state):
    reader = shop.dial()
    if state == "push":
        shop.rows("update billing.rail set flow = 'push' where code = 'mtn_momo'")
        assert shop.start(reader)["outcome"] == "created"
    assert type_code(shop, reader) == []
    assert told(shop, reader) == ("none" if state == "none" else "slow")


def test_a_test_number_sends_no_code_to_a_real_rail(shop):
    reader = shop.dial()
    shop.start(reader)
    shop.rows("insert into billing.test_number select lookup, '', 'x', ops.now() from auth.identity")
    shop.rows("update billing.rail set lab = false")
    assert type_code(shop, reader) == [] and told(shop, reader) == "waiting"


@pytest.mark.parametrize("event, outcome, state", [
    ("sync_success", "paid", "SUCCEEDED"), ("code_refused", "wrong", "CREATED"), ("not_sent", "waiting", "CREATED"),
    ("declined", "declined", "FAILED"), ("rejected", "declined", "FAILED"), ("pending", "slow", "PENDING"), ("unknown", "slow", "UNKNOWN"),
    ("mismatch", "slow", "REVIEW")])
def test_what_the_reader_is_told(shop, event, outcome, state):
    reader = shop.dial()
    started = shop.start(reader)
    row, = type_code(shop, reader)
    assert shop.event(row, event, "T1")["state"] == state
    assert told(shop, reader) == outcome
    assert charge(shop, started)["state"] == state


def test_what_did_not_leave_is_never_sent_later_S5(shop):
    """The code was in memory only: without it there is nothing to send."""
    reader = shop.dial()
    started = shop.start(reader)
    before = charge(shop, started)["our_ref"]
    row, = type_code(shop, reader)
    shop.event(row, "not_sent")
    c = charge(shop, started)
    assert c["state"] == "CREATED" and c["our_ref"] == before
    assert shop.value("select due_at - ops.now() between interval '590 seconds' and interval '600 seconds' from billing.charge")
    assert len(type_code(shop, reader, "s2")) == 1


def test_a_claim_whose_holder_died_is_asked_about_M4(shop):
    reader = shop.dial()
    started = shop.start(reader)
    type_code(shop, reader)
    shop.later("46 seconds")
    claim = shop.one("billing.claim_rail_work", "w:2", 1, 10)
    assert claim["action"] == "poll" and charge(shop, started)["state"] == "UNKNOWN"
    for _ in range(4):
        shop.event(claim, "not_found")
        shop.later("10 minutes")
        claim = shop.one("billing.claim_rail_work", "w:2", 1, 10)
    assert charge(shop, started)["state"] == "UNKNOWN"                    # no guess: it may have been sent


def test_the_third_wrong_code_locks_case_26(shop):
    reader = shop.dial()
    started = shop.start(reader)
    for step, outcome in (("s1", "wrong"), ("s2", "wrong"), ("s3", "locked")):
        row, = type_code(shop, reader, step)
        shop.event(row, "code_refused")
        assert told(shop, reader, step) == outcome
    assert told(shop, reader, "s1") == "wrong"                            # what a repeated step hears
    assert charge(shop, started)["state"] == "FAILED" and templates(shop, reader) == ["wrong_codes"]
    assert stage(shop, reader) == []


def test_a_promised_sms_comes_and_an_unpromised_one_does_not(shop):
    reader = shop.dial()
    shop.start(reader)
    row, = type_code(shop, reader)
    shop.event(row, "code_refused")
    assert templates(shop, reader) == []
    for step, event in (("s2", "code_refused"), ("s3", "not_sent")):
        row, = type_code(shop, reader, step)
        assert told(shop, reader, step) == "slow"
        shop.event(row, event)
    assert templates(shop, reader) == ["code_again", "code_again"]


def test_the_same_amount_again_is_announced_case_28(shop):
    shop.rows("update billing.rail set repeat_wait_s = 120 where code = 'mtn_momo'")
    reader = shop.dial()
    shop.start(reader)
    row, = type_code(shop, reader)
    shop.event(row, "declined")
    assert shop.start(reader)["outcome"] == "wait"
    assert shop.start(reader, "week")["outcome"] == "code"                # another amount
    shop.value("select billing.code_cancel(%s, 'c1')", reader["user_id"])
    assert shop.start(shop.dial("+2250501020305"))["outcome"] == "code"   # another number
    shop.later("121 seconds")
    assert shop.start(reader)["outcome"] == "code"


def test_below_the_least_amount_another_rail_serves(shop):
    shop.rows("update billing.rail set min_minor = 101 where code = 'mtn_momo'")
    reader = shop.dial()
    assert shop.start(reader)["outcome"] == "no_rail"
    assert shop.start(reader, "week")["outcome"] == "code"


def test_given_up_and_not_twice(shop):
    reader = shop.dial()
    started = shop.start(reader)
    cancel = lambda step: shop.value("select billing.code_cancel(%s, %s)", reader["user_id"], step)  # noqa: E731
    assert [cancel("c1"), cancel("c1"), cancel("c2")] == ["ok", "ok", "none"]
    c = charge(shop, started)
    assert (c["state"], c["due_at"], c["reason"]) == ("EXPIRED", None, "given up by the reader") and templates(shop, reader) == []
    shop.start(reader)
    type_code(shop, reader)
    assert cancel("c3") == "none"                                         # the code may be with the rail


def test_a_link_takes_the_place_of_the_code(shop):
    reader = shop.dial()
    started = shop.start(reader)
    row, = type_code(shop, reader)
    shop.event(row, "code_refused")
    link = lambda step: shop.value("select billing.code_to_link(%s, %s)", reader["user_id"], step)  # noqa: E731
    assert [link("l1"), link("l1"), link("l2")] == ["ok", "ok", "none"]
    c = charge(shop, started)
    assert (c["rail"], c["state"]) == ("orange_qr", "READY") and stage(shop, reader)[0]["stage"] == "charge"
    assert type_code(shop, reader, "s9") == []
    claim = shop.claim_one()
    assert (claim["action"], claim["rail"]) == ("submit", "orange_qr")


def test_no_link_while_a_code_is_out_or_its_rail_is_off(shop):
    reader = shop.dial()
    shop.start(reader)
    shop.rows("update billing.rail set enabled = false where code = 'orange_qr'")
    assert stage(shop, reader)[0]["link"] == "" and shop.value("select billing.code_to_link(%s, 'l1')", reader["user_id"]) == "none"
    shop.rows("update billing.rail set enabled = true where code = 'orange_qr'")
    type_code(shop, reader)
    assert shop.value("select billing.code_to_link(%s, 'l2')", reader["user_id"]) == "none"


# ---- what else is sold: who pays has the code ----

def test_a_gift_waits_for_the_code_of_who_pays_it(shop):
    giver, friend = shop.dial(), shop.dial(FRIEND)
    got = give(shop, giver, friend["user_id"])
    assert got["outcome"] == "code" and [s["stage"] for s in stage(shop, giver)] == ["code"]
    assert stage(shop, friend) == [] and type_code(shop, friend, "f1") == [] and told(shop, friend, "f1") == "none"
    assert shop.value("select billing.code_cancel(%s, 'f2')", friend["user_id"]) == "none"
    row, = type_code(shop, giver)
    assert row["payer_sealed"] is not None and shop.event(row, "sync_success", "g1")["state"] == "SUCCEEDED"
    assert told(shop, giver) == "paid" and shop.one("billing.my_pass", friend["user_id"], "fr")["outcome"] == "active"


def test_a_gift_is_given_up_by_who_pays_it(shop):
    giver, friend = shop.dial(), shop.dial(FRIEND)
    give(shop, giver, friend["user_id"])
    assert shop.value("select billing.code_to_link(%s, 'l1')", friend["user_id"]) == "none"
    assert shop.value("select billing.code_cancel(%s, 'c1')", giver["user_id"]) == "ok"
    give(shop, giver, friend["user_id"])
    assert shop.value("select billing.code_to_link(%s, 'l2')", giver["user_id"]) == "ok"


def test_a_book_waits_for_its_code(shop):
    reader = shop.dial()
    assert buy_book(shop, reader, shop.book("pirogue"))["outcome"] == "code"
    row, = type_code(shop, reader)
    shop.event(row, "sync_success", "b1", row["amount_minor"])
    assert told(shop, reader) == "paid" and shop.value("select count(*) from billing.book_right") == 1


def test_credit_pays_its_part_and_the_code_the_rest(world):
    reader = world.dial()
    pay_twice(world, reader)
    shop = code_shop(world)
    shop.rows("update billing.rail set min_minor = 401 where code = 'mtn_momo'")
    assert shop.start(reader, "week")["outcome"] == "no_rail", "100 of 500 are credit: the rail is asked for less than it takes"
    shop.rows("update billing.rail set min_minor = 400 where code = 'mtn_momo'")
    got = shop.start(reader, "week")
    assert (got["outcome"], got["amount_minor"]) == ("code", 400)
    row, = type_code(shop, reader)
    assert row["amount_minor"] == 400 and shop.event(row, "sync_success", "w1", 400)["state"] == "SUCCEEDED"
    assert told(shop, reader) == "paid"


def test_the_word_that_renews_tells_where_the_code_is_fetched(world):
    reader = world.dial()
    world.buy(reader, "week", 500)
    shop = code_shop(world)
    shop.rows("update billing.rail set repeat_wait_s = 120 where code = 'mtn_momo'")
    shop.later("6 days 12 hours")
    for word, outcome in (("renouveler", "code"), ("renouveler", "pending")):
        assert text(shop, word)["outcome"] == outcome
        assert "500 F" in last(shop, reader) and "*133#" in last(shop, reader)
    shop.later("1 day")
    assert text(shop, "pass")["outcome"] == "pending"
    assert "500 F" in last(shop, reader) and "*133#" in last(shop, reader), "nothing is checked while her code is waited for"
    row, = type_code(shop, reader)
    assert text(shop, "pass")["outcome"] == "pending" and "pas encore de réponse" in last(shop, reader)
    shop.event(row, "declined")
    assert text(shop, "renouveler")["outcome"] == "wait" and "a expiré" in last(shop, reader)
