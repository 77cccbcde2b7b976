# SPDX-License-Identifier: Apache-2.0
"""M-Pesa from the dial to the receipt, in Kenya and in Swahili: a push that has no reference of ours. One daemon, one rail
and one message centre for the whole file; each test has a reader of its own."""
import json
import os

import pytest
import redis as redis_client

from daemon import Daemon, template_values
from database import sql
from money_kit import Till, clear_places, read_sms
from support import Lab, http_request, wait_until

PATH = "lab-mpesa-callback-01"


class Shop:
    """What the tests share."""

    def __init__(self, daemon, rail, smsc, url):
        self.daemon, self.rail, self.smsc, self.url = daemon, rail, smsc, url


def open_in_kenya(url):
    """What an operator does for a country and a rail that stands in the schema, disabled."""
    sql(url, "insert into billing.price (plan_id, country, amount_minor, currency, valid_from)"
             " select id, 'KE', 2000, 'KES', '2026-01-01 00:00+00' from billing.plan where code = 'day'")
    sql(url, "insert into messaging.dial_code (country, code) values ('KE', '*384*26#')")
    assert sql(url, "update billing.rail set lab = true, enabled = true where code = 'mpesa' and not enabled returning code")


@pytest.fixture(scope="module")
def shop(work_dir, migrated_db, redis, coko_bin):
    redis_client.Redis.from_url(redis.url).flushall()
    rail = Lab("mpesa_rail.py", work_dir / "mpesa.log", "--port", "0")
    smsc = Lab("smsc.py", work_dir / "mpesa-smsc.log", "--port", "0", "--control-port", "0")
    open_in_kenya(migrated_db)
    daemon = Daemon(work_dir / f"mpesa-{os.urandom(3).hex()}", template_values(migrated_db, redis.url, smsc=smsc),
                    {"coko": {"workers": 1}, "mpesa": {
                        "base_url": rail.url, "consumer_key": "lab-consumer-key", "consumer_secret": "lab-consumer-secret",
                        "short_code": "174379", "passkey": "lab-passkey", "callback_secret": PATH,
                        "callback_url": "http://127.0.0.1:@HTTP_PORT@/pay/mpesa"}})
    yield Shop(daemon, rail, smsc, migrated_db)
    daemon.stop()
    assert rail.stop() == 0 and smsc.stop() == 0


class MpesaTill(Till):
    """A Safaricom number; mtn is the M-Pesa lab here."""

    rail, paid_minor = "mpesa", 2000
    network, prefix, digits = "63902", "+25472", 7

    def ref(self, charge):
        return str(self.charge(charge)["our_ref"])

    def debits(self):
        return self.mtn.control("GET", f"/lab/ledger?payer={self.payer}")["debits"]

    def pushes(self):
        return self.mtn.control("GET", f"/lab/ledger?payer={self.payer}")["pushes"]

    def paid_once(self, charge_id):
        debit, = self.debits()
        assert (debit["amount"], debit["account"]) == (20, self.ref(charge_id).replace("-", "")[:12])
        assert self.entitlements(charge_id) == 1 and self.ledger_sum() == 0
        assert self.messages(charge_id).count("receipt") == 1, self.messages(charge_id)
        assert self.value("select sum(e.amount_minor) from billing.ledger_entry e join billing.ledger_txn t on t.id = e.txn_id"
                          " where t.charge_id = %s and e.account = 'clearing'", charge_id) == 2000

    def callback(self, charge, body, secret=PATH):
        return http_request("POST", f"{self.daemon.url}/pay/mpesa/{secret}/{self.ref(charge)}", json.dumps(body).encode(),
                            {"Content-Type": "application/json"})


@pytest.fixture
def till(shop):
    shop.rail.control("POST", "/lab/reset")
    return MpesaTill(shop.daemon, shop.rail, shop.url)


def test_from_the_dial_to_the_receipt_S5(shop, till, redis):
    phone = till.phone()
    phone.dial()
    for label in ("Endelea", "Pasi yangu", "Ona pasi", "Pasi ya siku"):
        till.choose(phone, label)
    assert "20.00 KES" in phone.last, phone.last
    till.choose(phone, "Lipa")
    assert phone.ended and "M-Pesa" in phone.last, phone.last
    row = till.sql("select id, user_id, identity_id from billing.charge order by id desc limit 1")[0]
    charge, till.user, till.identity = row["id"], row["user_id"], row["identity_id"]
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert "Pasi ya siku" in read_sms(shop.smsc, till, "Pasi")
    text, tables = clear_places(shop.daemon, redis, shop.url)
    # the rail's own id ends with the number: it is sealed
    assert till.pushes()[0]["checkout"].endswith(till.payer[-9:])
    for secret in ("lab-consumer-key", "lab-consumer-secret", "lab-passkey", PATH, till.payer[-9:]):
        assert secret not in text, secret
        assert not [n for n, rows in tables.items() if secret in rows], secret


@pytest.mark.parametrize("result, state, template", [("1", "FAILED", "declined"), ("1032", "FAILED", "declined"),
                                                     ("1019", "EXPIRED", "expired")])
def test_how_it_ends(till, result, state, template):
    till.behave("fail", result=result, delay_ms=0)
    charge = till.start()
    till.drive(charge, state)
    till.not_paid(charge, template)
    assert till.charge(charge)["reason"].startswith(result + " ")


def test_an_unreachable_phone_may_have_paid(till):
    """1037 is no failure: nothing is told, and the question goes on until it is known."""
    till.behave("unreachable", delay_ms=0)
    charge = till.start()
    till.drive(charge, "PENDING")
    for _ in range(3):
        assert till.ask_once(charge)["state"] == "PENDING"
    assert till.messages(charge) == [] and till.charge(charge)["reason"] == "1037 phone unreachable"
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_success_after_expired_is_found_by_its_callback_case_9(till):
    till.behave("fail", result="1019", delay_ms=0)
    charge = till.start()
    till.drive(charge, "EXPIRED")
    till.ask_to_the_end(charge)
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    wait_until(lambda: till.charge(charge)["due_at"] or till.state(charge) == "SUCCEEDED_LATE", "the callback to be heard")
    till.drive(charge, "SUCCEEDED_LATE")
    till.paid_once(charge)


def test_unanswered_prompt_is_told_once_and_polled_on(till):
    till.behave("pending")
    charge = till.start()
    till.drive(charge, "PENDING")
    till.later(6 * 60)
    till.ask_once(charge)
    assert till.messages(charge) == ["unanswered"] and till.state(charge) == "PENDING"
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


@pytest.mark.parametrize("fault", ["cut", "drop", "hang_after"])
def test_a_lost_reply_is_unknown_and_goes_to_a_person_M4(till, fault):
    """It may have debited and has no name to ask by: never sent again, never failed, never settled by a callback that
    anybody may write; a day later a person is called, and until then the reader is told that we look."""
    till.behave("approve", delay_ms=0)
    till.fault("push", fault)
    charge = till.start()
    till.nudge(charge)
    wait_until(lambda: till.state(charge) == "UNKNOWN", lambda: str(till.story(charge)), 60)
    if fault != "drop":
        assert len(till.debits()) == 1
        wait_until(lambda: till.sql("select 1 from billing.inbox where charge_id = %s", charge), "its callback, which is kept")
    for _ in range(3):
        assert till.ask_once(charge)["state"] == "UNKNOWN"
    assert len(till.journal(op="push")) == 1 and till.journal(op="query") == []
    till.later(25 * 3600)
    till.drive(charge, "UNRESOLVED")
    assert till.messages(charge)[-1] == "pending_review" and till.entitlements(charge) == 0
    assert till.value("select count(*) from ops.audit where kind = 'alert.charge_unresolved' and subject = %s", f"charge:{charge}") == 1
    assert len(till.journal(op="push")) == 1


def test_a_callback_before_the_answer_is_kept_and_settles_once_case_5(till):
    """The payer was quicker than the rail's answer: the path names the charge before anybody knows the rail's id."""
    till.behave("approve", delay_ms=0)
    till.fault("push", "hold_after")
    charge = till.start()
    till.nudge(charge)
    wait_until(lambda: till.sql("select 1 from billing.inbox where charge_id = %s", charge), "its callback")
    assert till.state(charge) == "SUBMITTING" and till.entitlements(charge) == 0
    till.release()
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert len(till.pushes()) == 1


def test_a_phone_in_another_session_is_asked_later_case_23(till):
    """Our own dialogue may not be over: the same charge again, one push on the phone."""
    till.mtn.control("POST", "/lab/busy", {"msisdn": till.payer, "busy": True})
    charge = till.start()
    till.nudge_until(charge, lambda: till.charge(charge)["attempts"] >= 2, "two attempts")
    assert till.pushes() == []
    till.mtn.control("POST", "/lab/busy", {"msisdn": till.payer, "busy": False})
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert len(till.pushes()) == 1


def test_a_refusal_fails_it_and_calls_a_person(till):
    till.fault("push", "error", status=400, code="400.002.02")
    charge = till.start()
    till.drive(charge, "FAILED")
    till.not_paid(charge, "declined")


def test_a_token_that_is_not_known_any_more_is_minted_once_case_19(till):
    warm = till.start()
    till.drive(warm, "SUCCEEDED")
    till.mtn.control("POST", "/lab/settings", {"drop_tokens": True, "codes_are_numbers": True})
    other = till.another()
    charge = other.start()
    other.drive(charge, "SUCCEEDED")
    other.paid_once(charge)
    assert [p["status"] for p in other.journal(op="push", payer=other.payer)] == [404, 200]


@pytest.mark.parametrize("fault, more", [("html", {}), ("raw", {"status": 200, "body": '{"ResultCode":"0"}'}),
                                         ("wrong", {"set": {"CheckoutRequestID": "ws_CO_of_another"}}),
                                         ("wrong", {"set": {"ResultCode": "8006"}})], ids=str)
def test_an_answer_that_is_none_changes_nothing_cases_17_21_47(till, fault, more):
    till.hold_pushes()
    charge = till.start()
    till.fault("query", fault, -1, **more)
    till.drive(charge, "PENDING")
    for _ in range(2):
        assert till.ask_once(charge)["state"] == "PENDING"
    till.heal()
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_a_forged_success_is_one_early_question_and_no_state_case_11(till):
    till.behave("pending")
    charge = till.start()
    till.drive(charge, "PENDING")
    for n in range(5):
        forged = {"Body": {"stkCallback": {"CheckoutRequestID": till.pushes()[0]["checkout"], "ResultCode": 0, "CallbackMetadata": {
            "Item": [{"Name": "Amount", "Value": 20}, {"Name": "MpesaReceiptNumber", "Value": f"FORGED{n}"}]}}}}
        assert till.callback(charge, forged).status == 200
        assert till.callback(charge, forged, "guess").status == 404
    assert till.ask_once(charge)["state"] == "PENDING" and till.entitlements(charge) == 0
    rows = till.sql("select verified, our_ref_hint from billing.inbox where charge_id = %s", charge)
    assert [r["verified"] for r in rows] == [False] * 5
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    done = till.mtn.control("POST", "/lab/callback", {"msisdn": till.payer, "copies": 64})
    assert done["statuses"] == [200] * 64                    # case 7
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
