# SPDX-License-Identifier: Apache-2.0
"""Airtime from the dial to the receipt: an operator bills the line, and what was lost is found in his list of payments. One
daemon, one rail and one message centre for the whole file; each test has a reader of its own. Case numbers are of the list of
hard payment cases."""
import json
import os
import uuid

import pytest
import redis as redis_client

from daemon import Daemon, template_values
from database import sql
from money_kit import Till, clear_places, read_sms
from support import Lab, http_request, wait_until
from test_money_wave import drive_refund, refunded

SECRET, BEARER = "lab-airtime-callback-1", "lab-airtime-bearer-1"


class Shop:
    """What the tests share."""

    def __init__(self, daemon, rail, smsc, url):
        self.daemon, self.rail, self.smsc, self.url = daemon, rail, smsc, url


@pytest.fixture(scope="module")
def shop(work_dir, migrated_db, redis, coko_bin):
    redis_client.Redis.from_url(redis.url).flushall()
    rail = Lab("airtime_rail.py", work_dir / "airtime.log", "--port", "0")
    smsc = Lab("smsc.py", work_dir / "airtime-smsc.log", "--port", "0", "--control-port", "0")
    # what an operator of the service does for a network that bills: the schema has no route
    assert sql(migrated_db, "select count(*) from billing.rail_route where rail = 'airtime'") == [(0,)]
    sql(migrated_db, "insert into billing.rail_route (country, network, rail, prio) values ('CI', 'moov', 'airtime', 10)")
    sql(migrated_db, "update billing.rail set enabled = true, lab = true where code = 'airtime'")
    daemon = Daemon(work_dir / f"airtime-{os.urandom(3).hex()}", template_values(migrated_db, redis.url, smsc=smsc), {
        "coko": {"workers": 1},
        "airtime": {"base_url": f"{rail.url}/carrier-billing/v0.5", "refund_url": f"{rail.url}/carrier-billing-refund/v0.3",
                    "token_url": f"{rail.url}/oauth2/token", "client_id": "lab-client", "client_secret": "lab-client-secret",
                    "callback_url": "https://coko.example/pay/airtime", "callback_secret": SECRET, "callback_token": BEARER}})
    yield Shop(daemon, rail, smsc, migrated_db)
    daemon.stop()
    assert rail.stop() == 0 and smsc.stop() == 0


class AirtimeTill(Till):
    """A reader of Moov in Ivory Coast; mtn is the operator's lab here, whose clock goes with the database's."""

    rail = "airtime"
    network, prefix, digits = "61202", "+22501", 8

    def agree(self):
        self.mtn.control("POST", "/lab/settings", {"shift_s": float(self.value("select extract(epoch from shift) from ops.clock"))})

    def nudge(self, charge_id, version=None):
        super().nudge(charge_id, version)
        self.agree()

    def later(self, seconds):
        super().later(seconds)
        self.agree()

    def held(self, *faults):
        """A charge that leaves when it is driven, into these faults: (op, fault, more)."""
        self.reader()
        self.hold_pushes()
        charge = self.start()
        for op, fault, more in faults:
            self.fault(op, fault, **more)
        return charge

    def payments(self):
        return self.mtn.control("GET", f"/lab/ledger?payer={self.payer}")["payments"]

    def credits(self):
        return self.mtn.control("GET", f"/lab/ledger?payer={self.payer}")["credits"]

    def asked(self, reference):
        """What the operator was asked about a reference, questions that follow each other told once."""
        told = [r["op"] for r in self.journal(reference=str(reference)) if r["op"] != "callback"]
        return [op for n, op in enumerate(told) if told[n - 1:n] != [op]]

    def ref(self, charge):
        return str(self.charge(charge)["our_ref"])

    def notify(self, tail, bearer):
        body = {"id": uuid.uuid4().hex, "data": {"status": "succeeded"}}
        return http_request("POST", f"{self.daemon.url}/pay/airtime/{SECRET}/{tail}", json.dumps(body).encode(), {
            "Content-Type": "application/cloudevents+json", "Authorization": f"Bearer {bearer}"}).status


@pytest.fixture
def till(shop):
    shop.rail.control("POST", "/lab/reset")
    shop.rail.control("POST", "/lab/settings", {"deliver_to": shop.daemon.url})
    till = AirtimeTill(shop.daemon, shop.rail, shop.url)
    till.agree()
    return till


def test_from_the_dial_to_the_receipt_and_back_again_S5(shop, till, redis):
    till.behave("at_once")
    charge, phone = till.buy()
    assert "votre credit" in phone.last.replace("é", "e"), phone.last
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert till.asked(till.ref(charge)) == ["pay"]           # the answer said it: nothing was asked
    assert till.charge(charge)["rail_txn"] == till.debits()[0]["txn"]
    assert "Pass jour" in read_sms(shop.smsc, till, till.debits()[0]["txn"])
    row = drive_refund(till, refunded(till, charge), "REFUNDED")
    assert [(c["reference"], c["amount"]) for c in till.credits()] == [(str(row["our_ref"]), 100)] and till.ledger_sum() == 0
    assert "100 F" in read_sms(shop.smsc, till, "rendus")
    text, tables = clear_places(shop.daemon, redis, shop.url)
    for secret in ("lab-client-secret", SECRET, BEARER, till.payer):
        assert secret not in text, secret
        assert not [n for n, rows in tables.items() if secret in rows], secret


@pytest.mark.parametrize("behaviour, state, template, reason", [
    ("deny", "FAILED", "declined", "denied"), ("lapse", "EXPIRED", "expired", "cancelled"),
    ("refuse", "FAILED", "declined", "CARRIER_BILLING.PAYMENT_DENIED"), ("nobody", "FAILED", "declined", "IDENTIFIER_NOT_FOUND"),
    ("above", "FAILED", "declined", "CARRIER_BILLING.USER_AMOUNT_THRESHOLD_OVERPASSED")])
def test_how_it_ends(till, behaviour, state, template, reason):
    till.behave(behaviour, delay_ms=0)
    charge = till.start()
    till.drive(charge, state)
    till.not_paid(charge, template)
    assert till.charge(charge)["reason"] == reason


def test_a_success_after_its_end_is_found_case_9(till):
    till.behave("lapse", delay_ms=0)
    charge = till.start()
    till.drive(charge, "EXPIRED")
    till.mtn.control("POST", "/lab/succeed", {"msisdn": till.payer, "late": True})
    till.drive(charge, "SUCCEEDED_LATE")
    till.paid_once(charge)


LOST = {
    "reply cut": ([("pay", "cut", {})], ["pay", "list"]),
    "page for a reply": ([("pay", "html_after", {})], ["pay", "list"]),
    "503 behind the work": ([("pay", "error_after", {"status": 503})], ["pay", "list"]),
    "an answer to another": ([("pay", "wrong", {"set": {"amountTransaction": {"referenceCode": "x"}}})], ["pay", "list"]),
    "no answer in time": ([("pay", "hang_after", {})], ["pay", "list"]),
    "never arrived": ([("pay", "drop", {})], ["pay", "list", "pay"]),
    "too many": ([("pay", "throttle", {})], ["pay"]),
    "not listed at first": ([("pay", "cut", {})] + [("list", "raw", {"body": "[]"})] * 2, ["pay", "list"]),
    "listed after a repetition": ([("pay", "cut", {})] + [("list", "raw", {"body": "[]"})] * 4, ["pay", "list", "pay", "list"]),
    "the list fails": ([("pay", "cut", {}), ("list", "error", {"status": 500}), ("list", "html", {})], ["pay", "list"]),
}


@pytest.mark.parametrize("lost", LOST)
def test_whatever_is_lost_it_is_one_debit_under_one_reference_cases_1_2_4(till, lost):
    faults, asked = LOST[lost]
    till.behave("at_once")
    charge = till.held(("callback", "drop", {}), *faults)
    reference = till.ref(charge)
    till.drive(charge, "SUCCEEDED", timeout=60)
    till.paid_once(charge)
    assert till.asked(reference) == asked and till.ref(charge) == reference
    assert till.mtn.control("GET", "/lab/ledger")["duplicates"] == (1 if lost == "listed after a repetition" else 0)


def test_an_outcome_that_is_not_known_is_never_a_failure_M4(till):
    """Ours is behind more payments than are read at once: it is neither failed nor sent again, and found when the list is short."""
    till.behave("at_once")
    charge = till.held(("pay", "cut", {}), ("callback", "drop", {}))
    till.mtn.control("POST", "/lab/crowd", {"count": 60, "at_s": -30})
    till.mtn.control("POST", "/lab/settings", {"page_most": 10, "totals": False})
    till.drive(charge, "UNKNOWN")
    for _ in range(4):
        c = till.ask_once(charge)
        assert (c["state"], c["not_found"]) == ("UNKNOWN", 0)
    assert len(till.journal(op="pay")) == 1
    assert {r["query"]["page"] for r in till.journal(op="list")} == {"1", "2", "3", "4", "5"}
    till.mtn.control("POST", "/lab/settings", {"page_most": 25})
    till.drive(charge, "SUCCEEDED")
    assert till.journal(op="list")[-1]["query"]["page"] == "3"
    till.paid_once(charge)


def test_an_id_that_cannot_stand_in_an_address_is_not_used(till):
    till.mtn.control("POST", "/lab/settings", {"odd_ids": True})
    charge = till.start()
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert till.charge(charge)["rail_ref"] is None and till.asked(till.ref(charge)) == ["pay", "list"]


@pytest.mark.parametrize("wrong", [
    {"amountTransaction": {"referenceCode": "another"}}, {"amountTransaction": {"clientCorrelator": "another"}},
    {"amountTransaction": {"paymentAmount": {"chargingInformation": {"amount": 10000}}}},
    {"amountTransaction": {"paymentAmount": {"chargingInformation": {"currency": "XAF"}}}},
    {"amountTransaction": {"paymentAmount": None}}], ids=str)
def test_other_money_goes_to_review_cases_15_16_17(till, wrong):
    charge = till.held(("show", "wrong", {"count": -1, "set": wrong}))
    till.drive(charge, "REVIEW")
    assert till.entitlements(charge) == 0 and till.ledger_sum() == 0


def test_an_answer_that_is_none_changes_nothing_cases_21_47(till):
    till.behave("pending")
    charge = till.start()
    till.drive(charge, "PENDING")
    for fault, more in (("html", {}), ("not_found", {}), ("wrong", {"set": {"paymentStatus": "charged"}}), ("error", {"status": 503}),
                        ("wrong", {"set": {"paymentStatus": "denied", "amountTransaction": {"referenceCode": "x"}}})):
        till.fault("show", fault, **more)
        assert till.ask_once(charge)["state"] == "PENDING"
    till.later(6 * 60)
    till.ask_once(charge)
    assert till.messages(charge) == ["unanswered"]
    till.mtn.control("POST", "/lab/succeed", {"msisdn": till.payer})
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_refused_for_our_own_fault_calls_a_person(till):
    charge = till.held(("pay", "error", {"status": 422, "code": "UNNECESSARY_IDENTIFIER"}))
    till.drive(charge, "FAILED")
    till.not_paid(charge, "declined")
    assert till.value("select count(*) from ops.audit where kind = 'alert.charge_rejected' and subject = %s", f"charge:{charge}") == 1


def test_a_token_that_is_not_known_any_more_is_minted_once_case_19(till):
    till.drive(till.start(), "SUCCEEDED")
    till.mtn.control("POST", "/lab/settings", {"drop_tokens": True})
    other = till.another()
    charge = other.start()
    other.drive(charge, "SUCCEEDED")
    other.paid_once(charge)
    assert [r["status"] for r in till.journal(op="pay", payer=other.payer)] == [401, 201]


def test_notifications_are_hints_that_prove_themselves_cases_5_7_11(till):
    till.behave("pending")
    charge = till.start()
    till.drive(charge, "PENDING")
    ref = till.ref(charge)
    # without the bearer nothing is kept, and an unknown reference is answered like a known one
    for tail, bearer, status in ((ref, "guess", 401), (ref, "", 401), (str(uuid.uuid4()), "guess", 401), (ref, BEARER, 200),
                                 (str(uuid.uuid4()), BEARER, 200)):
        assert till.notify(tail, bearer) == status
    assert till.ask_once(charge)["state"] == "PENDING" and till.entitlements(charge) == 0     # a success that was no more than said
    till.fault("callback", "duplicate", copies=32)
    till.mtn.control("POST", "/lab/succeed", {"msisdn": till.payer})
    wait_until(lambda: sorted(r["seen"] for r in till.sql("select seen from billing.inbox where charge_id = %s and verified", charge))
               == [1, 32], "the copies")
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


# ---- refunds ----

GIVEN = {
    "nothing lost": ([], ["refund"]),
    "reply cut": ([("refund", "cut", {})], ["refund", "refund_list"]),
    "503 behind the work": ([("refund", "error_after", {"status": 503})], ["refund", "refund_list"]),
    "never arrived": ([("refund", "drop", {})], ["refund", "refund_list", "refund"]),
    "found after a repetition": ([("refund", "cut", {})] + [("refund_list", "raw", {"body": "[]"})] * 4,
                                 ["refund", "refund_list", "refund", "refund_list"]),
    "too many": ([("refund", "throttle", {})], ["refund"]),
    "a question fails": ([("refund", "cut", {}), ("refund_list", "html", {})], ["refund", "refund_list"]),
}


def test_whatever_is_lost_a_refund_is_one_credit_case_34(till):
    charge = till.start()
    till.drive(charge, "SUCCEEDED")
    for n, (name, (faults, asked)) in enumerate(GIVEN.items(), 1):
        till.heal()
        for op, fault, more in faults:
            till.fault(op, fault, **more)
        row = drive_refund(till, refunded(till, charge, 10), "REFUNDED")
        assert [c["reference"] for c in till.credits()][n - 1:] == [str(row["our_ref"])] and till.credits()[-1]["amount"] == 10, name
        assert till.asked(row["our_ref"]) == asked and till.ledger_sum() == 0, name
    till.heal()
    till.mtn.control("POST", "/lab/refund", {"behaviour": "later", "delay_ms": 0})
    row = drive_refund(till, refunded(till, charge, 10), "REFUNDED")
    assert till.asked(row["our_ref"]) == ["refund", "refund_show"] and row["rail_ref"] == till.credits()[-1]["id"]
    till.mtn.control("POST", "/lab/refund", {"behaviour": "deny", "delay_ms": 0})
    row = drive_refund(till, refunded(till, charge), "REFUND_FAILED")
    assert (row["answer"], row["attempts"]) == ("denied", 1) and sum(c["amount"] for c in till.credits()) == 80
    assert till.sql("select * from billing.refund_request(%s, 21, 'more', 'awa')", charge)[0]["outcome"] == "above"
    assert not any(till.payer in r["body"] for r in till.journal(op="refund"))
    assert json.loads(till.journal(op="refund")[0]["body"])["type"] == "partial"
