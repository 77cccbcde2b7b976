# SPDX-License-Identifier: Apache-2.0
"""A pass that renews itself: who is offered it, her yes and her wallet's, the notice, the debit, and every way it ends.
Case numbers are of the list of hard payment cases."""
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import key
from test_sql_billing import bodies, charge, ledger_sum
from test_sql_selling import passes, price

WORDS = "Pass mois : 1 500 F par 1 mois, débités sans demande"


def allow(world):
    # noon: what waits for a decent hour is a test's to arrange
    world.rows("update ops.clock set shift = date_trunc('day', clock_timestamp()) + interval '36 hours' - clock_timestamp()")
    world.rows("update billing.auto_debit set enabled = true where country = 'CI' and rail = 'mtn_momo'")
    return world


@pytest.fixture
def auto(world):
    """A world where MTN of Ivory Coast may debit by pre-approval."""
    return allow(world)


def offer(world, reader):
    return world.one("billing.auto_offer", reader["user_id"], reader["identity_id"], "fr")


def agree(world, reader, step=None, conn=None):
    o = offer(world, reader)
    return world.one("billing.auto_ask", reader["user_id"], reader["identity_id"], o["plan_id"], o["price_id"],
                     step or os.urandom(6).hex(), WORDS, "ussd", conn=conn)


def mandate(world, reader):
    return world.row("select * from billing.mandate where user_id = %s order by id desc limit 1", reader["user_id"])


def claim(world):
    """The one mandate whose work is due, whatever its wait."""
    world.rows("update ops.clock set shift = shift + greatest((select min(due_at) from billing.mandate) - ops.now(), '0')")
    return world.one("billing.claim_mandates", "w:1", 10)


def answer(world, work, event, text=None):
    return world.one("billing.mandate_event", work["mandate_id"], work["version"], event, 200, text, 0)


def renewing(world, reader=None, plan="month", amount=1500):
    """A reader whose pass renews itself: bought, agreed, approved by her wallet."""
    reader = reader or world.dial()
    world.buy(reader, plan, amount)
    assert agree(world, reader)["outcome"] == "created"
    assert answer(world, claim(world), "accepted")["state"] == "ASKED"
    assert answer(world, claim(world), "success")["state"] == "ACTIVE"
    return reader


def look(world):
    """The job runs as often as it finds something; the clock moves to the next look first."""
    world.rows("update ops.clock set shift = shift + greatest((select min(renew_at) from billing.mandate) - ops.now(), '0')")
    for _ in range(20):
        if world.value("select billing.run_renewals(10)") == 0:
            return
    raise AssertionError("the job never ends")


def told(world, reader):
    """Templates of the SMS about her mandate, by what only each says."""
    marks = {"pas d'accord": "refused", "sera renouvelé": "due", "se renouvelle seul": "active", "pas renouvelé": "failed", "plus seul, rien": "asleep",
             "maintenant": "price", "accord terminé": "ended", "renouvelé, fin": "receipt",
             "plus de renouvellement automatique": "off"}
    sms = [m["body"] for m in world.messages(reader) if m["kind"] in ("receipt", "reply")]
    return [next((m for text, m in marks.items() if text in body), "other") for body in sms]


def to_debit(world, reader):
    """Until a charge under her mandate is ready; its row."""
    for _ in range(6):
        look(world)
        m = mandate(world, reader)
        if m["charge_id"]:
            return charge(world, m["charge_id"])
    raise AssertionError(m)


def debit(world, reader, event, **more):
    """The charge that is ready is submitted, accepted and answered."""
    c = to_debit(world, reader)
    world.rows("update billing.charge set due_at = null where state = 'FAILED'")  # its later questions are another test's
    assert world.event(world.claim_one(), "accepted")["state"] == "PENDING"
    world.event(world.claim_one(), event, amount=c["amount_minor"], **more)
    look(world)
    return charge(world, c["id"])


# ---- who is offered it ----

def test_it_is_off_until_an_operator_turns_it_on(world):
    reader = world.dial()
    world.buy(reader, "month", 1500)
    assert offer(world, reader)["outcome"] == "none"
    assert world.value("select count(*) from billing.auto_debit where enabled") == 0
    got = world.one("billing.auto_ask", reader["user_id"], reader["identity_id"], 1, 1, "k", WORDS, "ussd")
    assert got["outcome"] == "none" and world.value("select count(*) from billing.mandate") == 0


def test_never_without_her_yes_and_never_a_day_pass(auto):
    reader = auto.dial()
    assert offer(auto, reader)["outcome"] == "none", "no pass"
    auto.buy(reader)
    assert offer(auto, reader)["outcome"] == "none", "a day"
    auto.buy(reader, "month", 1500)
    got = offer(auto, reader)
    assert (got["outcome"], got["amount_minor"], got["currency"], got["rail"]) == ("offer", 1500, "XOF", "mtn_momo")
    assert auto.value("select count(*) from billing.mandate") == 0


@pytest.mark.parametrize("who", ["other network", "abroad", "stopped", "somebody else's phone", "test number"])
def test_who_cannot_agree_is_not_offered_it(auto, who):
    reader = auto.dial(country="SN" if who == "abroad" else "CI", network="moov" if who == "other network" else "mtn")
    auto.rows("select billing.grant_pass(%s, (select id from billing.plan where code = 'month'), 'trial', null, null, 0)", reader["user_id"])
    if who == "stopped":
        auto.one("auth.stop_by", reader["identity_id"], "x", "ussd")
    elif who == "test number":
        auto.rows("update billing.rail set lab = false")
        auto.value("select billing.test_number_set(%s, true, '', 'awa')", key("+2250501020304"))
    elif who == "somebody else's phone":
        reader = dict(reader, identity_id=auto.dial("+2250509")["identity_id"])
    assert offer(auto, reader)["outcome"] == "none"


def test_the_evidence_is_what_was_shown(auto):
    reader = auto.dial()
    auto.buy(reader, "month", 1500)
    o = offer(auto, reader)
    assert agree(auto, reader, "s1")["hint"].startswith("Une demande MTN MoMo")
    row = auto.row("select * from billing.mandate_consent")
    assert (row["body"], row["amount_minor"], row["currency"], row["period"], row["channel"], row["price_id"]) == (
        WORDS, 1500, "XOF", "1 mois", "ussd", o["price_id"])
    with pytest.raises(Exception, match="append-only|refused|not allowed|never"):
        auto.rows("update billing.mandate_consent set body = 'x'")


def test_a_price_of_before_is_not_agreed_to(auto):
    reader = auto.dial()
    auto.buy(reader, "month", 1500)
    o = offer(auto, reader)
    price(auto, "month", 1200)
    got = auto.one("billing.auto_ask", reader["user_id"], reader["identity_id"], o["plan_id"], o["price_id"], "k", WORDS, "ussd")
    assert (got["outcome"], got["amount_minor"]) == ("price_changed", 1200)


def test_one_yes_from_many_connections_is_one_mandate(auto):
    reader = auto.dial()
    auto.buy(reader, "month", 1500)
    conns = [auto.connect() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        got = list(pool.map(lambda c: agree(auto, reader, "same" if c in conns[:3] else None, c)["outcome"], conns))
    [c.close() for c in conns]
    assert sorted(set(got)) in (["already", "created"], ["created"]) and auto.value("select count(*) from billing.mandate") == 1
    assert auto.value("select count(*) from billing.mandate_consent") == 1


# ---- the rail ----

def test_the_reference_is_committed_first_and_kept(auto):  # I2, I3, cases 1, 2, 4
    reader = auto.dial()
    auto.buy(reader, "month", 1500)
    agree(auto, reader)
    ref = mandate(auto, reader)["our_ref"]
    work = claim(auto)
    assert (work["action"], work["our_ref"], mandate(auto, reader)["state"]) == ("submit", ref, "ASKING")
    # killed: the lease lapses, and what may have left is asked about
    work = claim(auto)
    assert (work["action"], work["our_ref"], mandate(auto, reader)["state"]) == ("poll", ref, "UNKNOWN")
    for n in range(3):
        got = answer(auto, work, "not_found")
        assert got["state"] == ("WANTED" if n == 2 else "UNKNOWN")
        auto.later("40 seconds")
        work = claim(auto)
    assert (work["action"], work["our_ref"]) == ("submit", ref)
    assert answer(auto, work, "duplicate")["state"] == "ASKED"


def test_an_answer_of_an_older_claim_and_a_word_never_seen_change_nothing(auto):  # M4, I12
    reader = auto.dial()
    auto.buy(reader, "month", 1500)
    agree(auto, reader)
    old = claim(auto)
    work = claim(auto)
    assert answer(auto, old, "success")["outcome"] == "stale"
    assert answer(auto, work, "unknown", "QUARANTINED")["state"] == "UNKNOWN"
    assert mandate(auto, reader)["answer"] == "QUARANTINED"


@pytest.mark.parametrize("how", ["declined", "rejected", "a day"])
def test_no_yes_of_the_wallet_is_no_mandate_and_she_is_told(auto, how):
    reader = auto.dial()
    auto.buy(reader, "month", 1500)
    agree(auto, reader)
    work = claim(auto)
    if how == "a day":
        answer(auto, work, "accepted")
        auto.later("25 hours")
        answer(auto, claim(auto), "pending")
        assert mandate(auto, reader)["state"] == "ENDING"
        assert answer(auto, claim(auto), "not_found")["state"] == "ENDED"
    else:
        assert answer(auto, work, how)["state"] == "REFUSED"
    assert told(auto, reader)[-1] == "refused" and offer(auto, reader)["outcome"] == "offer"
    assert auto.value("select count(*) from billing.mandate where renew_at is not null or due_at is not null") == 0


def test_what_could_not_leave_for_an_hour_is_given_up(auto):
    reader = auto.dial()
    auto.buy(reader, "month", 1500)
    agree(auto, reader)
    assert answer(auto, claim(auto), "not_sent")["state"] == "WANTED"
    auto.later("1 hour")
    assert answer(auto, claim(auto), "not_sent")["state"] == "REFUSED"


def test_a_callback_pulls_one_question_forward_and_settles_nothing(auto):  # I7, case 11
    reader = auto.dial()
    auto.buy(reader, "month", 1500)
    agree(auto, reader)
    answer(auto, claim(auto), "accepted")
    m = mandate(auto, reader)
    store = lambda rail, n: auto.one("billing.inbox_store", rail, key(n), b"h", b"b", False, str(m["our_ref"]), None)  # noqa: E731
    assert store("wave", "other rail")["outcome"] == "new" and mandate(auto, reader)["due_at"] == m["due_at"]
    assert store("mtn_momo", "mine")["outcome"] == "new"
    now = mandate(auto, reader)
    assert now["state"] == "ASKED" and now["due_at"] <= min(m["due_at"], m["polled_at"] + timedelta(seconds=11))
    assert auto.value("select count(*) from billing.inbox where mandate_id = %s", m["id"]) == 1
    assert auto.value("select billing.inbox_match(10)") == 0, "the other rail's is nobody's"


# ---- renewal ----

def test_one_notice_then_one_debit_then_a_receipt_and_the_next(auto):
    reader = renewing(auto)
    assert told(auto, reader)[-1] == "active"
    end = passes(auto, reader)[-1]["ends_at"]
    look(auto)
    assert told(auto, reader)[-1] == "due" and 24 <= (end - auto.now()).total_seconds() / 3600 <= 41
    body = bodies(auto, reader)[-1]
    assert "1 500 F" in body and "RESILIER" in body and "STOP" in body
    c = to_debit(auto, reader)
    assert (c["state"], c["amount_minor"], c["channel"], c["consent"], c["rail"]) == ("READY", 1500, "auto", WORDS, "mtn_momo")
    assert 0 <= (end - auto.now()).total_seconds() <= 17 * 3600 and 8 <= auto.now().hour < 20
    auto.event(auto.claim_one(), "accepted")
    auto.event(auto.claim_one(), "success", "t1", 1500)
    look(auto)
    assert told(auto, reader)[-3:] == ["active", "due", "receipt"] and "Paiement unique" not in bodies(auto, reader)[-1]
    after = passes(auto, reader)
    assert len(after) == 2 and after[1]["starts_at"] == max(after[0]["ends_at"], after[1]["created_at"]) and ledger_sum(auto) == []
    m = mandate(auto, reader)
    assert (m["state"], m["charge_id"], m["failures"]) == ("ACTIVE", None, 0)
    debit(auto, reader, "success", txn="t2")
    assert len(passes(auto, reader)) == 3 and told(auto, reader)[-2:] == ["due", "receipt"]


@pytest.mark.parametrize("ends, debit", [("03:00", "11:00"), ("07:30", "15:30"), ("12:00", "08:00"), ("20:30", "14:30"), ("23:59", "17:59")])
def test_it_is_debited_before_the_end_at_a_decent_hour(auto, ends, debit):
    reader = renewing(auto)
    auto.rows("update billing.entitlement set ends_at = date_trunc('day', ends_at) + %s::interval", ends)
    auto.rows("update billing.mandate set renew_at = ops.now()")
    to_debit(auto, reader)
    at, end = mandate(auto, reader)["debit_at"], passes(auto, reader)[-1]["ends_at"]
    assert at.strftime("%H:%M") == debit and 0 < (end - at).total_seconds() <= 16 * 3600


def test_nobody_is_debited_without_the_notice(auto):
    """Also when the job slept over the end: then the notice comes late, and the debit a day after it."""
    reader = renewing(auto)
    auto.later("33 days")
    look(auto)
    assert told(auto, reader)[-1] == "due" and mandate(auto, reader)["charge_id"] is None
    at = auto.now()
    to_debit(auto, reader)
    assert mandate(auto, reader)["debit_at"] - at >= timedelta(hours=23, minutes=59)


def test_a_yes_on_the_last_day_is_its_own_notice(auto):
    reader = auto.dial()
    auto.buy(reader, "month", 1500)
    auto.later("29 days 12 hours")
    auto.rows("update billing.entitlement set ends_at = ops.now() + interval '20 hours' where user_id = %s", reader["user_id"])
    agree(auto, reader)
    answer(auto, claim(auto), "accepted")
    answer(auto, claim(auto), "success")
    assert to_debit(auto, reader)["state"] == "READY" and told(auto, reader)[1:] == ["active"]


def test_a_pass_that_renews_itself_is_not_spoken_of_besides(auto):
    reader = renewing(auto)
    auto.later("29 days")
    while auto.value("select billing.run_reminders(10)"):
        pass
    assert auto.messages(reader, "notice") == []


def test_a_pass_bought_meanwhile_moves_the_renewal(auto):
    reader = renewing(auto)
    auto.later("28 days")
    auto.buy(reader, "month", 1500)
    look(auto)
    assert told(auto, reader).count("due") == 0 and mandate(auto, reader)["charge_id"] is None
    c = to_debit(auto, reader)
    assert c["period_no"] == 3


def test_two_schedulers_debit_each_once(auto):  # case 35
    readers = [renewing(auto, auto.dial(f"+22505{n:06}")) for n in range(6)]
    auto.rows("update billing.mandate set renew_at = (select max(renew_at) from billing.mandate)")
    look(auto)
    auto.rows("update ops.clock set shift = shift + ((select max(debit_at) from billing.mandate) - ops.now())")
    conns = [auto.connect() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda c: [auto.value("select billing.run_renewals(3)", conn=c) for _ in range(6)], conns))
    [c.close() for c in conns]
    assert auto.value("select count(*) from billing.charge where mandate_id is not null") == len(readers)
    assert [told(auto, r).count("due") for r in readers] == [1] * len(readers)


def test_no_money_is_tried_on_days_1_3_7_and_then_sleeps(auto):
    reader = renewing(auto)
    days, first = [], None
    for _ in range(4):
        debit(auto, reader, "declined", reason="NOT_ENOUGH_FUNDS")
        at = auto.row("select created_at from billing.charge where mandate_id is not null order by id desc limit 1")["created_at"]
        first = first or at
        assert 8 <= at.hour < 20
        days.append(round((at - first).total_seconds() / 86400))
    assert days == [0, 1, 3, 7] and mandate(auto, reader)["state"] == "SLEEPING"
    assert told(auto, reader)[-3:] == ["due", "failed", "asleep"], "not each time"
    auto.later("30 days")
    look_again = auto.value("select billing.run_renewals(10)")
    assert look_again == 0 and auto.value("select count(*) from billing.charge where mandate_id is not null") == 4


def test_money_on_the_second_try_begins_anew(auto):
    reader = renewing(auto)
    debit(auto, reader, "declined", reason="NOT_ENOUGH_FUNDS")
    c = debit(auto, reader, "success", txn="t2")
    assert c["settlement"] == "granted" and mandate(auto, reader)["failures"] == 0 and len(passes(auto, reader)) == 2


def test_a_rail_that_is_down_is_no_failure_of_hers(auto):
    reader = renewing(auto)
    c = to_debit(auto, reader)
    auto.event(auto.claim_one(), "not_sent")
    auto.later("61 minutes")
    assert auto.call("billing.claim_rail_work", "w", 1, 10) == [] and charge(auto, c["id"])["state"] == "EXPIRED"
    look(auto)
    m = mandate(auto, reader)
    assert (m["state"], m["failures"], m["charge_id"]) == ("ACTIVE", 0, None)
    assert to_debit(auto, reader)["id"] > c["id"] and told(auto, reader)[-1] == "due"


@pytest.mark.parametrize("reason", ["APPROVAL_REJECTED", "PAYMENT_NOT_APPROVED"])
def test_the_payers_no_at_his_wallet_ends_it(auto, reason):
    reader = renewing(auto)
    debit(auto, reader, "declined", reason=reason)
    m = mandate(auto, reader)
    assert m["state"] == "ENDING" and reason in m["why"] and told(auto, reader)[-1] == "ended"
    assert claim(auto)["action"] == "end"


def test_a_new_price_is_never_debited_without_a_new_yes(auto):  # case 36
    reader = renewing(auto)
    auto.rows("update billing.plan set grace = '0' where code = 'month'")
    auto.later("32 days")
    price(auto, "month", 1800)
    look(auto)
    look(auto)
    assert mandate(auto, reader)["state"] == "SLEEPING" and told(auto, reader)[-1] == "price" and "1 800 F" in bodies(auto, reader)[-1]
    assert auto.value("select count(*) from billing.charge where mandate_id is not null") == 0
    assert passes(auto, reader)[-1]["remind_at"] is not None, "push to renew again"
    # she buys once more, and says yes again: her wallet's leave still stands
    auto.buy(reader, "month", 1800)
    assert agree(auto, reader)["outcome"] == "active"
    m = mandate(auto, reader)
    assert (m["state"], m["amount_minor"], m["attempts"]) == ("ACTIVE", 1800, 1)
    assert [c["amount_minor"] for c in auto.rows("select amount_minor from billing.mandate_consent order by at")] == [1500, 1800]


@pytest.mark.parametrize("when", ["before the notice", "after it"])
def test_another_period_at_the_same_price_is_not_debited_without_a_new_yes(auto, when):  # case 36
    reader = renewing(auto)
    if when == "after it":
        look(auto)
        assert told(auto, reader)[-1] == "due"
    auto.rows("update billing.plan set period_unit = 'week' where code = 'month'")
    look(auto)
    m = mandate(auto, reader)
    assert (m["state"], m["why"]) == ("SLEEPING", "period") and told(auto, reader)[-1] == "asleep"
    assert auto.value("select count(*) from billing.charge where mandate_id is not null") == 0
    assert passes(auto, reader)[-1]["remind_at"] is not None, "push to renew again"
    assert agree(auto, reader)["outcome"] == "active", "her wallet's leave still stands"
    m = mandate(auto, reader)
    assert (m["period_unit"], m["period_count"]) == ("week", 1)
    assert to_debit(auto, reader)["amount_minor"] == 1500


@pytest.mark.parametrize("what", ["wallet", "operator", "plan", "given back"])
def test_what_she_did_not_agree_to_is_not_debited(auto, what):
    reader = renewing(auto)
    if what == "wallet":
        auto.rows("update billing.rail set enabled = true where code = 'wave'")
        assert auto.one("billing.choose_wallet", reader["user_id"], reader["identity_id"], "wave")["outcome"] == "ok"
    elif what == "operator":
        auto.rows("update billing.auto_debit set enabled = false")
    elif what == "plan":
        auto.rows("update billing.plan set on_sale = false where code = 'month'")
    else:
        auto.rows("update billing.entitlement set given_back = true, ends_at = ops.now() + interval '1 hour'")
    look(auto)
    assert mandate(auto, reader)["state"] == "SLEEPING" and told(auto, reader)[-1] == "asleep"
    assert auto.value("select count(*) from billing.charge where mandate_id is not null") == 0


# ---- every way it ends ----

ENDS = {
    "cancel": lambda w, r: w.one("billing.cancel_renewal", r["user_id"], r["identity_id"], None, "sms"),
    "stop": lambda w, r: w.one("auth.stop_by", r["identity_id"], None, "sms"),
    "moved": lambda w, r: w.value("select auth.number_shift(%s, %s)", r["identity_id"], w.dial("+2250777")["identity_id"]),
    "recycled": lambda w, r: w.value("select auth.identity_retire(%s, 'recycled')", r["identity_id"]),
}


@pytest.mark.parametrize("how", ENDS)
def test_it_ends_at_once_and_the_rail_is_told_until_it_forgot(auto, how):
    reader = renewing(auto)
    ENDS[how](auto, reader)
    m = auto.row("select * from billing.mandate")
    assert (m["state"], m["renew_at"]) == ("ENDING", None)
    work = claim(auto)
    assert work["action"] == "end"
    assert answer(auto, work, "unknown")["state"] == "ENDING"
    assert answer(auto, claim(auto), "success")["state"] == "ENDED"
    auto.later("40 days")
    assert auto.value("select billing.run_renewals(10)") == 0
    assert auto.value("select count(*) from billing.charge where mandate_id is not null") == 0
    assert auto.row("select due_at from billing.mandate")["due_at"] is None


@pytest.mark.parametrize("how", ["cancel", "stop"])
def test_a_debit_that_has_not_left_does_not_any_more_and_one_that_did_is_honoured(auto, how):  # case 37
    reader = renewing(auto)
    c = to_debit(auto, reader)
    ENDS[how](auto, reader)
    auto.later("10 seconds")
    assert auto.call("billing.claim_rail_work", "w", 1, 10) == []
    assert charge(auto, c["id"])["state"] == "EXPIRED" and len(passes(auto, reader)) == 1
    answer(auto, claim(auto), "success")
    other = renewing(auto, auto.dial("+2250808"))
    sent = to_debit(auto, other)
    auto.event(auto.claim_one(), "accepted")
    ENDS[how](auto, other)
    assert auto.event(auto.claim_one(), "success", "t", 1500)["state"] == "SUCCEEDED"
    assert len(passes(auto, other)) == 2 and sent["id"] != c["id"]


def test_an_end_while_it_is_asked_waits_for_the_question_in_flight(auto):
    reader = auto.dial()
    auto.buy(reader, "month", 1500)
    agree(auto, reader)
    work = claim(auto)
    lease = mandate(auto, reader)["due_at"]
    ENDS["cancel"](auto, reader)
    m = mandate(auto, reader)
    assert (m["state"], m["due_at"]) == ("ENDING", lease)
    assert answer(auto, work, "accepted")["outcome"] == "stale"
    assert claim(auto)["action"] == "end"


def test_what_was_never_sent_ends_without_a_word_to_the_rail(auto):
    reader = auto.dial()
    auto.buy(reader, "month", 1500)
    agree(auto, reader)
    ENDS["stop"](auto, reader)
    assert (mandate(auto, reader)["state"], mandate(auto, reader)["due_at"]) == ("ENDED", None)


def test_cancel_after_the_pass_ended_still_ends_it(auto):
    reader = renewing(auto)
    auto.rows("update billing.entitlement set starts_at = ops.now() - interval '31 days',"
              " ends_at = ops.now() - interval '1 day', remind_at = null")
    assert ENDS["cancel"](auto, reader)["outcome"] == "cancelled"
    assert told(auto, reader)[-1] == "off" and mandate(auto, reader)["state"] == "ENDING"


def test_a_silent_rail_is_let_be_after_a_week(auto):
    reader = renewing(auto)
    ENDS["cancel"](auto, reader)
    answer(auto, claim(auto), "unknown")
    auto.later("8 days")
    assert answer(auto, claim(auto), "unknown")["state"] == "ENDED"


def test_its_time_runs_out_and_she_is_told(auto):
    reader = renewing(auto)
    auto.rows("update billing.mandate set expires_at = ops.now()")
    look(auto)
    assert mandate(auto, reader)["state"] == "ENDING" and told(auto, reader)[-1] == "ended"


def test_the_desk_sees_the_mandate_and_no_number(auto):
    reader = renewing(auto)
    c = to_debit(auto, reader)
    line, = [r["value"] for r in auto.call("billing.charge_head", c["id"]) if r["name"] == "mandate"]
    assert line.startswith(f"{mandate(auto, reader)['id']} ACTIVE, 1500 XOF, agreed ") and line.endswith("by ussd")
