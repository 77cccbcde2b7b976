# SPDX-License-Identifier: Apache-2.0
"""Every way a payment can end, through the real daemon, the lab's rail and the menu."""
import pytest

from support import wait_until


@pytest.fixture
def till(mtn_shop):
    return mtn_shop.till()


def test_approved_by_the_menu_is_one_debit_one_pass_one_receipt(till):
    charge, phone = till.buy()
    assert "Demande de 100 F" in phone.last
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert till.charge(charge)["consent"].startswith("Pass jour")


@pytest.mark.parametrize("form", ["string", "object"])
@pytest.mark.parametrize("behaviour, state, template", [
    ("reject", "FAILED", "declined"), ("no_funds", "FAILED", "declined"), ("fail", "FAILED", "declined")])
def test_refused_ends_failed_and_says_so(till, behaviour, state, template, form):
    till.mtn.control("POST", "/lab/settings", {"reason_form": form})
    till.behave(behaviour)
    charge = till.start()
    till.drive(charge, state)
    till.not_paid(charge, template)


def test_expired_prompt_ends_expired_and_says_so(till):
    till.behave("ignore", lapse_ms=0)
    charge = till.start()
    till.drive(charge, "EXPIRED")
    till.not_paid(charge, "expired")


def test_unanswered_prompt_is_told_once_and_polled_on(till):
    till.behave("pending")
    charge = till.start()
    till.drive(charge, "PENDING")
    for _ in range(20):
        if till.charge(charge)["prompt_expired"]:
            break
        till.ask_once(charge)
    assert till.charge(charge)["prompt_expired"] and till.state(charge) == "PENDING"
    till.ask_once(charge)
    assert till.messages(charge) == ["unanswered"]
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_a_day_without_an_answer_is_unresolved_and_still_settles(till):
    till.behave("pending")
    charge = till.start()
    till.drive(charge, "PENDING")
    till.later(25 * 3600)
    till.drive(charge, "UNRESOLVED")
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_late_success_after_expired_case_9(till):
    """Minute 40: the first of the later questions finds it."""
    till.behave("ignore", lapse_ms=0)
    charge = till.start()
    till.drive(charge, "EXPIRED")
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer, "late": True})
    till.drive(charge, "SUCCEEDED_LATE")
    assert till.entitlements(charge) == 1 and len(till.debits()) == 1
    assert till.messages(charge) == ["expired", "receipt"]


def test_success_at_hour_30_is_found_by_its_callback_case_9(till):
    """Both later questions were asked before; the callback still pulls one forward."""
    till.behave("ignore", lapse_ms=0)
    charge = till.start()
    till.drive(charge, "EXPIRED")
    till.ask_to_the_end(charge)
    till.later(6 * 3600)
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer, "late": True})
    wait_until(lambda: till.charge(charge)["due_at"] or till.state(charge) == "SUCCEEDED_LATE",
               lambda: f"the callback to be heard: {till.story(charge)} {till.journal(op='callback')}")
    till.drive(charge, "SUCCEEDED_LATE")
    assert till.entitlements(charge) == 1 and len(till.debits()) == 1


def test_a_rail_that_is_down_at_the_later_question_is_asked_again(till):
    """A question without an answer is not one of the two that follow a failure (case 9)."""
    till.behave("ignore", lapse_ms=0)
    charge = till.start()
    till.drive(charge, "EXPIRED")
    till.fault("status", "error", -1, status=503)          # before its callback pulls a question forward
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer, "late": True})
    for _ in range(4):
        till.ask_once(charge)
        assert till.charge(charge)["due_at"] is not None
    till.heal()
    till.drive(charge, "SUCCEEDED_LATE")
    assert till.entitlements(charge) == 1


@pytest.mark.parametrize("wrong", [
    {"amount": "250000"}, {"amount": "10000"}, {"amount": "0"}, {"amount": "-100"}, {"amount": "9223372036854775808"},
    {"amount": "0x64"}, {"amount": "NaN"}, {"amount": None}, {"amount": 100.5}, {"amount": [100]},
    {"currency": "XAF"}, {"currency": "EUR"}, {"currency": None}, {"currency": "XOFX"},
    {"externalId": "11111111-2222-4333-8444-555555555555"}, {"externalId": None}], ids=str)
def test_other_money_goes_to_review_cases_15_16_17(till, wrong):
    till.hold_pushes()
    charge = till.start()
    till.fault("status", "wrong", -1, set=wrong)
    till.drive(charge, "REVIEW")
    assert till.entitlements(charge) == 0 and till.ledger_sum() == 0
    assert till.messages(charge) == ["pending_review"]
    assert till.value("select count(*) from ops.audit where kind = 'alert.charge_review' and subject = %s",
                      f"charge:{charge}") == 1


@pytest.mark.parametrize("same", [{"amount": "100.00"}, {"amount": 100}, {"amount": 100.0}, {"amount": "0100"}], ids=str)
def test_the_same_money_written_otherwise_is_taken_case_15(till, same):
    till.hold_pushes()
    charge = till.start()
    till.fault("status", "wrong", -1, set=same)
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_a_long_accented_reason_does_not_stop_the_record(till):
    """Cut inside a character it would be no text for the database, and the money never booked."""
    till.hold_pushes()
    charge = till.start()
    till.fault("status", "wrong", -1, set={"reason": "é" * 40 + "x", "financialTransactionId": "é" * 40})
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_a_status_word_never_seen_waits_and_is_kept_case_47(till):
    till.hold_pushes()
    charge = till.start()
    till.fault("status", "wrong", -1, set={"status": "QUARANTINED"})
    till.drive(charge, "PENDING")
    now = till.ask_once(charge)
    assert now["state"] == "PENDING" and now["reason"] == "QUARANTINED", now
    assert any(x.get("event") == "rail says a word never seen" for x in till.daemon.log_lines())
    till.heal()
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_stop_while_pending_the_success_is_honoured_case_37(till):
    """STOP ends the messages, not the pass that was paid for; the settlement does not trip over it."""
    till.behave("pending")
    charge = till.start()
    till.drive(charge, "PENDING")
    till.sql("select * from auth.stop(%s, 'stop-37')", till.identity)
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    till.drive(charge, "SUCCEEDED")
    assert till.entitlements(charge) == 1 and len(till.debits()) == 1 and till.ledger_sum() == 0


def test_no_route_for_the_receipt_does_not_stop_the_settlement(till):
    till.behave("pending")
    charge = till.start()
    till.drive(charge, "PENDING")
    till.sql("update messaging.route set country = 'ZZ'")
    try:
        till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
        till.drive(charge, "SUCCEEDED")
        till.paid_once(charge)
    finally:
        till.sql("update messaging.route set country = '*'")


def test_an_english_reader_reads_an_english_receipt(till):
    till.reader()
    till.sql("select auth.set_language(%s, 'en')", till.user)
    charge = till.start()
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert till.value("select lang from messaging.message where dedupe like %s", f"charge:{charge}:receipt:%") == "en"


def test_cedis_have_two_decimals_on_the_wire(till):
    """150 pesewas are 1.50 to the rail, and 1.50 from it is 150 again. The carrier names the network by its
    MCC+MNC, the rail's route by our word for it: both meet."""
    till.mtn.control("POST", "/lab/settings", {"currency": ["GHS"]})
    till.number = "+23324" + till.number[-7:]
    till.payer, till.network = till.number[1:], "62001"
    till.behave("approve", delay_ms=0)
    till.reader()
    assert till.value("select network from auth.identity where id = %s", till.identity) == "mtn"
    charge = till.start()
    till.drive(charge, "SUCCEEDED")
    assert [(d["amount"], d["currency"]) for d in till.debits()] == [("1.50", "GHS")]
    assert till.entitlements(charge) == 1 and till.ledger_sum() == 0
    assert till.charge(charge)["amount_minor"] == 150


def test_a_label_with_an_apostrophe_is_paid_case_29(till):
    till.sql("update billing.plan set names = '{\"fr\": \"L\u2019abonnement d''un jour, \u00e7a c''est \U0001F4DA\"}' where code = 'day'")
    try:
        charge = till.start()
        till.drive(charge, "SUCCEEDED")
        till.paid_once(charge)
    finally:
        till.sql("update billing.plan set names = '{\"fr\": \"Pass jour\", \"en\": \"Day pass\"}' where code = 'day'")


def test_a_number_that_no_longer_opens_does_not_stop_the_question(till):
    """A key lost after the submit: the reference is enough to ask, and the money is booked."""
    till.behave("pending")
    charge = till.start()
    till.drive(charge, "PENDING")
    till.sql("update auth.identity set sealed = 'broken' where id = %s", till.identity)
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_a_number_that_does_not_open_is_never_submitted(mtn_shop):
    """By a daemon that has just started: not even a token is asked for."""
    mtn_shop.close()
    till = mtn_shop.till()
    till.reader()
    till.sql("update auth.identity set sealed = 'broken' where id = %s", till.identity)
    charge = till.start()
    till.nudge_until(charge, lambda: till.charge(charge)["attempts"] >= 2, "two attempts")
    assert till.journal(op="pay") == [] and till.journal(op="token") == []
    till.later_between_attempts(charge, 3600)
    till.drive(charge, "EXPIRED")
    till.not_paid(charge, "expired")
