# SPDX-License-Identifier: Apache-2.0
"""Orange Money through the menu: dial, END with the code to dial, dial again, type the code, the receipt.

Case numbers are of the list of hard payment cases. One daemon and one rail serve the whole file; each test has a
reader of its own.
"""
import json
import os
import re
import subprocess

import pytest
import redis as redis_client

from daemon import TEMPLATE, Daemon, parse_ini, template_values
from money_kit import Till
from support import Lab, http_request, wait_until
from test_money_wave import drive_refund, refunded
from ussd_client import AtPhone, at_once

SECRET = "lab-orange-callback-0001"
SECTION = parse_ini(TEMPLATE.read_text())["orange_sonatel"]


class OrangeTill(Till):
    """A reader of Orange in Senegal, whose charges wait for a code."""

    def __init__(self, daemon, rail, url, first=True):
        super().__init__(daemon, rail, url, first=False)
        self.network = "60801"
        self.number = f"+22177{next(OrangeTill.numbers):07}"
        self.payer = self.number[1:]
        self.sql("update billing.rail set enabled = true, lab = true, push_delay_s = 0 where code in ('orange_sonatel', 'orange_qr')")
        if first:
            self.sql("update billing.charge set due_at = null, superseded = true where due_at is not null")
            self.sql("delete from billing.rail_gate")  # what other tests left unanswered

    numbers = iter(range(int.from_bytes(os.urandom(2), "big") * 100, 10 ** 7))

    def behave(self, behaviour, **_):
        if getattr(self, "payer", "").startswith("22177"):
            self.mtn.control("POST", "/lab/payer", {"msisdn": self.payer, "behaviour": behaviour})

    def another(self):
        return OrangeTill(self.daemon, self.mtn, self.url, first=False)

    typed = []                   # every code, for the search at the end (S5)

    def otp(self, **more):
        OrangeTill.typed.append(self.mtn.control("POST", "/lab/otp", {"msisdn": self.payer, **more})["otp"])
        return OrangeTill.typed[-1]

    def wrong(self):
        """A code that nobody gave out."""
        OrangeTill.typed.append(f"{int.from_bytes(os.urandom(4), 'big') % 10 ** 8:08}")
        return OrangeTill.typed[-1]

    def confirm(self):
        """To the END after the confirm screen: (charge, phone)."""
        phone = self.to_confirm()
        phone.send("9")
        assert phone.ended, phone.last
        row = self.sql("select c.id, c.user_id, c.identity_id from billing.charge c join auth.identity i on i.id = c.identity_id"
                       " order by c.id desc limit 1")[0]
        self.user, self.identity = row["user_id"], row["identity_id"]
        return row["id"], phone

    def dial(self):
        phone = self.phone()
        phone.dial()
        return phone

    def type(self, code, phone=None):
        phone = phone or self.dial()
        assert "Tapez le code" in phone.last, phone.last
        phone.send(code)
        return phone

    def callback(self, body, secret=SECRET, rail="orange_sonatel", headers=None):
        return http_request("POST", f"{self.daemon.url}/pay/{rail}/{secret}", json.dumps(body).encode(),
                            {"Content-Type": "application/json", **(headers or {})})

    def cash_ins(self):
        return self.mtn.control("GET", f"/lab/ledger?payer={self.payer}")["cash_ins"]

    def paid_once(self, charge_id):
        debits = self.debits()
        assert len(debits) == 1 and debits[0]["amount"] == 100, debits
        assert debits[0]["reference"] == str(self.charge(charge_id)["our_ref"])
        assert debits[0]["payer"] == self.payer[3:]
        assert self.entitlements(charge_id) == 1
        assert self.messages(charge_id).count("receipt") == 1, self.messages(charge_id)
        assert self.ledger_sum() == 0


@pytest.fixture(scope="module")
def world(work_dir, migrated_db, redis, coko_bin):
    """One daemon, its rail, its log; what they hold at the end is searched for codes (S5)."""
    redis_client.Redis.from_url(redis.url).flushall()
    rail = Lab("sonatel_rail.py", work_dir / f"sonatel-{os.urandom(3).hex()}.log", "--port", "0", "--control-port", "0",
               "--signing-secret", "lab-orange-signing")
    one = Daemon(work_dir / f"orange-{os.urandom(3).hex()}", template_values(migrated_db, redis.url, sonatel=rail),
                 {"coko": {"workers": 1, "log_level": "debug"}}, None)
    rail.control("POST", "/lab/settings", {"callback_url": f"{one.url}/pay/orange_sonatel/{SECRET}"})
    yield one, rail
    one.stop()
    rail.stop()


@pytest.fixture
def till(world, migrated_db):
    one, rail = world
    till = OrangeTill(one, rail, migrated_db)
    till.heal()
    rail.control("POST", "/lab/settings", {"unlisted": False, "status_call": True, "repeat_ms": 0, "otp_digits": 8,
                                           "otp_ttl_ms": 900000})
    return till


def test_dial_code_dial_again_pay(till):
    charge, phone = till.confirm()
    assert "#144#391#" in phone.last and "100 F" in phone.last
    c = till.charge(charge)
    assert (c["state"], c["attempts"]) == ("CREATED", 0) and till.journal(payer=till.payer[3:]) == []
    phone = till.type(till.otp())
    assert not phone.ended and "Payé" in phone.last and "Pass jour" in phone.last, phone.last
    assert till.state(charge) == "SUCCEEDED"
    till.paid_once(charge)
    assert till.charge(charge)["rail_txn"].startswith("MP")


# ---- codes that are no good (case 26) ----

def test_three_wrong_codes_lock_cases_26_28(till):
    charge, _ = till.confirm()
    references = {till.charge(charge)["our_ref"]}
    phone = till.type(till.wrong())
    assert "Code refusé" in phone.last and "Tapez le code" in phone.last
    assert till.state(charge) == "CREATED"
    references.add(till.charge(charge)["our_ref"])
    phone = till.type(till.wrong(), phone)
    assert "Code refusé" in phone.last
    references.add(till.charge(charge)["our_ref"])
    phone = till.type(till.wrong(), phone)
    assert phone.ended and "Trois codes" in phone.last
    assert till.state(charge) == "FAILED" and len(references) == 3
    till.not_paid(charge, "wrong_codes")
    phone = till.to_confirm()                                # the same amount again at once: announced, not tried
    phone.send("9")
    assert "attendez 2 minutes" in phone.last and not phone.ended
    assert till.value("select count(*) from billing.charge where user_id = %s", till.user) == 1
    till.later(121)
    again, phone = till.confirm()
    assert again != charge
    till.type(till.otp())
    till.paid_once(again)


@pytest.mark.parametrize("why", ["used", "over", "another amount"])
def test_a_code_that_no_longer_pays_is_asked_for_again_case_26(till, why):
    if why == "over":
        till.mtn.control("POST", "/lab/settings", {"otp_ttl_ms": 0})
    code = till.otp(**({"amount": 500} if why == "another amount" else {}))
    if why == "used":
        other, _ = till.confirm()
        till.type(code)
        till.paid_once(other)
        till.sql("update billing.entitlement set ends_at = starts_at + interval '1 second' where charge_id = %s", other)
        till.later(121)
    charge, _ = till.confirm()
    assert "Code refusé" in till.type(code).last
    assert till.state(charge) == "CREATED" and till.entitlements(charge) == 0
    till.mtn.control("POST", "/lab/settings", {"otp_ttl_ms": 900000})
    assert "Payé" in till.type(till.otp()).last
    assert till.entitlements(charge) == 1


def test_while_the_rail_is_away_a_code_does_not_leave_and_its_payer_is_told_so_at_once(till):
    charge, _ = till.confirm()
    till.sql("insert into billing.rail_gate (rail, state, until, changed_at) values ('orange_sonatel', 'open', ops.now() + interval '1 hour', ops.now())"
             " on conflict (rail) do update set state = 'open', until = excluded.until, probe = null")
    phone = till.type(till.otp())
    assert phone.ended and "Orange ne répond pas" in phone.last and "rien n'a été débité" in phone.last, phone.last
    assert till.journal(payer=till.payer[3:]) == [] and till.charge(charge)["state"] == "CREATED"
    till.sql("update billing.rail_gate set until = ops.now()")
    assert "Payé" in till.type(till.otp()).last
    till.paid_once(charge)
    assert till.value("select state from billing.rail_gate where rail = 'orange_sonatel'") == "closed"


def test_what_is_no_code_is_not_sent(till):
    charge, _ = till.confirm()
    phone = till.dial()
    for text in ("123", "123456789", "abcdef", "12 34 56"):
        phone.send(text)
        assert "Code non valable" in phone.last, phone.last
    assert till.charge(charge)["attempts"] == 0
    phone.send("0")
    assert "Découvrir" in phone.last


def test_no_code_comes_and_the_charge_ends(till):
    charge, _ = till.confirm()
    till.later(601)
    till.drive(charge, "EXPIRED")
    till.not_paid(charge, "expired")
    assert "Découvrir" in till.dial().last


def test_the_reader_gives_up(till):
    charge, _ = till.confirm()
    till.choose(till.dial(), "Annuler")
    assert till.state(charge) == "EXPIRED" and till.messages(charge) == []
    again, _ = till.confirm()                                # nothing was sent: no need to wait
    assert again != charge


# ---- refusals ----

@pytest.mark.parametrize("behaviour", ["no_funds", "nobody", "fail"])
def test_refused_by_the_rail(till, behaviour):
    till.behave(behaviour)
    charge, _ = till.confirm()
    phone = till.type(till.otp())
    assert phone.ended and "Paiement refusé" in phone.last
    assert till.state(charge) == "FAILED"
    till.not_paid(charge, "declined")


def test_refused_for_our_own_fault_calls_a_person(till):
    charge, _ = till.confirm()
    till.fault("pay", "error", status=403, code="50")
    assert "Paiement refusé" in till.type(till.otp()).last
    assert till.state(charge) == "FAILED" and till.charge(charge)["reason"] == "50"
    assert till.value("select count(*) from ops.audit where kind = 'alert.charge_rejected' and subject = %s", f"charge:{charge}") == 1


# ---- slow and lost (cases 2, 27) ----

def test_slower_than_the_screen_is_told_by_sms_case_27(till):
    """The answer comes when the reader is gone: END within the carrier's time, then the receipt."""
    charge, _ = till.confirm()
    till.fault("pay", "hold_after")
    phone = till.type(till.otp())
    assert phone.ended and "Un SMS suivra" in phone.last
    assert phone.last_reply.seconds < 6                      # ours, and not the rail's cap
    assert till.entitlements(charge) == 0 and till.state(charge) in ("SUBMITTING", "UNKNOWN")
    assert "en vérification" in till.dial().last             # case 24
    till.release()
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_slower_than_the_cap_is_unknown_and_searched_case_27(till):
    charge, _ = till.confirm()
    till.fault("callback", "drop")                           # or it would pull the question forward
    till.fault("pay", "hold_after")
    phone = till.type(till.otp())
    assert phone.ended and "Un SMS suivra" in phone.last
    wait_until(lambda: till.state(charge) == "UNKNOWN", lambda: till.story(charge), 60)
    till.leave_alone(charge)
    till.release()
    assert "en vérification" in till.dial().last
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert len(till.journal(op="pay", payer=till.payer[3:])) == 1


@pytest.mark.parametrize("fault, more", [("cut", {}), ("truncate", {}), ("html_after", {}), ("error_after", {"status": 503}),
                                         ("error_after", {"status": 500, "code": "2020"}), ("cut_after", {"octets": 20})], ids=str)
def test_a_lost_answer_is_searched_never_sent_again_M4(till, fault, more):
    charge, _ = till.confirm()
    till.fault("pay", fault, **more)
    phone = till.type(till.otp())
    assert phone.ended and "Un SMS suivra" in phone.last, phone.last
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert len(till.journal(op="pay", payer=till.payer[3:])) == 1


def test_lost_before_it_was_done_stays_unknown(till):
    """Nobody can tell from here: it is asked about, a person is called after a day, and nothing is debited by us."""
    charge, _ = till.confirm()
    till.fault("pay", "drop")
    assert "Un SMS suivra" in till.type(till.otp()).last
    for _ in range(4):
        assert till.ask_once(charge)["state"] == "UNKNOWN"
        till.later(60)
    till.later(25 * 3600)
    till.drive(charge, "UNRESOLVED")
    assert len(till.journal(op="pay", payer=till.payer[3:])) == 1 and till.debits() == []


def test_a_late_refusal_is_told_by_sms_for_it_was_promised(till):
    charge, _ = till.confirm()
    till.fault("pay", "hold_after")
    phone = till.type(till.wrong())
    assert phone.ended and "Un SMS suivra" in phone.last
    till.release()
    wait_until(lambda: till.state(charge) == "CREATED", lambda: till.story(charge))
    assert till.messages(charge) == ["code_again"]
    assert "Payé" in till.type(till.otp()).last
    till.paid_once(charge)


def test_a_refusal_that_was_read_on_the_screen_is_no_sms(till):
    charge, _ = till.confirm()
    till.type(till.wrong())
    assert till.messages(charge) == []


def test_no_token_no_code_left_us(till):
    charge, _ = till.confirm()
    till.mtn.control("POST", "/lab/settings", {"drop_tokens": True})
    till.fault("token", "error", -1, status=503)
    phone = till.type(till.otp())
    assert "Pas envoyé" in phone.last and "Tapez le code" in phone.last
    c = till.charge(charge)
    assert c["state"] == "CREATED" and till.journal(op="pay", payer=till.payer[3:], fault="") == []
    till.heal()
    assert "Payé" in till.type(till.otp(), phone).last
    till.paid_once(charge)


def test_a_token_that_ran_out_is_minted_once_case_19(till):
    charge, _ = till.confirm()
    till.mtn.control("POST", "/lab/settings", {"drop_tokens": True})
    before = len(till.journal(op="token"))
    assert "Payé" in till.type(till.otp()).last
    till.paid_once(charge)
    assert len(till.journal(op="token")) == before + 1
    assert [r["status"] for r in till.journal(op="pay", payer=till.payer[3:])] == [401, 200]


# ---- the rail thinks about it ----

def test_paid_but_not_listed_yet(till):
    charge, _ = till.confirm()
    till.mtn.control("POST", "/lab/settings", {"unlisted": True})
    phone = till.type(till.otp())
    assert phone.ended and "Un SMS suivra" in phone.last
    assert till.state(charge) == "PENDING" and till.entitlements(charge) == 0
    assert till.ask_once(charge)["state"] == "PENDING"       # its own status says success, and not how much (I8)
    assert {r["op"] for r in till.journal(reference=till.charge(charge)["rail_ref"])} == {"status"}
    till.mtn.control("POST", "/lab/settings", {"unlisted": False})
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_pending_then_refused_then_paid_after_all_case_9(till):
    till.behave("pending")
    charge, _ = till.confirm()
    assert "Un SMS suivra" in till.type(till.otp()).last
    assert till.state(charge) == "PENDING"
    till.mtn.control("POST", "/lab/end", {"msisdn": till.payer, "status": "REJECTED"})
    till.drive(charge, "FAILED")
    till.not_paid(charge, "declined")
    till.mtn.control("POST", "/lab/end", {"msisdn": till.payer})
    till.drive(charge, "SUCCEEDED_LATE")
    assert till.entitlements(charge) == 1 and len(till.debits()) == 1
    assert till.messages(charge) == ["declined", "receipt"]


@pytest.mark.parametrize("wrong", [{"value": 100.5, "unit": "XOF"}, {"value": 10000.0, "unit": "XOF"}, {"value": 100.0, "unit": "XAF"},
                                   {"value": -100.0, "unit": "XOF"}, None], ids=str)
def test_other_money_goes_to_review_cases_15_16(till, wrong):
    till.behave("pending")
    charge, _ = till.confirm()
    till.type(till.otp())
    item = {"reference": str(till.charge(charge)["our_ref"]), "status": "SUCCESS", "transactionId": f"MP-{charge}", "amount": wrong}
    till.fault("search", "raw", -1, body=json.dumps([item]), reference=item["reference"])
    till.drive(charge, "REVIEW")
    assert till.entitlements(charge) == 0 and till.messages(charge) == ["pending_review"] and till.ledger_sum() == 0


# ---- callbacks ----

def test_a_signed_callback_pulls_the_question_forward(till):
    till.behave("pending")
    charge, _ = till.confirm()
    till.type(till.otp())
    till.ask_once(charge)
    till.mtn.control("POST", "/lab/end", {"msisdn": till.payer})
    ref = str(till.charge(charge)["our_ref"])
    wait_until(lambda: till.sql("select 1 from billing.inbox where our_ref_hint = %s and verified", ref), "the callback")
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_callbacks_that_are_refused_and_taken_cases_7_12_43(till):
    till.behave("pending")
    charge, _ = till.confirm()
    till.type(till.otp())
    ref = str(till.charge(charge)["our_ref"])
    lab = lambda **more: till.mtn.control("POST", "/lab/callback", {"reference": ref, **more})["statuses"]  # noqa: E731
    assert lab(copies=32, event="one") == [200] * 32
    assert till.value("select count(*) from billing.inbox where our_ref_hint = %s", ref) == 1
    good = {"X-Sonatel-Signature": "t=1,v1=" + "0" * 64}
    for headers in ({}, good, {"Authorization": "Basic lab-api-key-of-callbacks"}, {"X-Sonatel-Signature": "x" * 9000}):
        assert lab(headers=headers, set={"status": "SUCCESS"}) == [401] or headers.get("X-Sonatel-Signature", "").startswith("xx")
    unknown = {"reference": "00000000-0000-4000-8000-000000000000"}
    assert lab(set=unknown) == [200]                         # a 4xx would lose it for ever
    assert till.ask_once(charge)["state"] == "PENDING" and till.entitlements(charge) == 0
    assert till.callback({"reference": ref}).status == 401
    assert till.callback({"reference": ref}, secret="guess").status == 404


# ---- by link ----

def link_of(till, charge):
    return re.search(r"https://\S+", till.value("select body from messaging.message where dedupe like %s", f"charge:{charge}:pay_link:%")).group()


def test_a_smartphone_pays_by_link_instead(till):
    charge, _ = till.confirm()
    till.type(till.wrong())
    till.choose(till.dial(), "Lien par SMS")
    till.drive(charge, "PENDING")
    c = till.charge(charge)
    assert c["rail"] == "orange_qr" and link_of(till, charge).startswith("https://s.orange.test/")
    assert "lien" in till.dial().last                        # what to do, not a code any more
    assert till.ask_once(charge)["state"] == "PENDING"       # an unpaid link is not listed
    till.mtn.control("POST", "/lab/pay_link", {"reference": str(c["our_ref"]), "msisdn": till.payer})
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert till.messages(charge) == ["pay_link", "receipt"]


def test_a_link_whose_answer_was_lost_is_made_again_case_31(till):
    charge, _ = till.confirm()
    first = str(till.charge(charge)["our_ref"])
    till.fault("link", "cut")
    till.choose(till.dial(), "Lien par SMS")
    till.drive(charge, "PENDING")
    assert str(till.charge(charge)["our_ref"]) != first and len(till.journal(op="link")) >= 2
    assert till.messages(charge) == ["pay_link"]


def test_a_link_that_nobody_opened_ends_and_a_late_payment_is_taken_case_9(till):
    charge, _ = till.confirm()
    till.choose(till.dial(), "Lien par SMS")
    till.drive(charge, "PENDING")
    till.later(1801)
    till.drive(charge, "EXPIRED")
    assert till.messages(charge) == ["pay_link", "expired"]
    till.mtn.control("POST", "/lab/pay_link", {"reference": str(till.charge(charge)["our_ref"]), "msisdn": till.payer})
    till.drive(charge, "SUCCEEDED_LATE")
    assert till.entitlements(charge) == 1 and len(till.debits()) == 1


def test_no_link_where_its_rail_is_off(till):
    till.sql("update billing.rail set enabled = false where code = 'orange_qr'")
    till.confirm()
    assert "Lien" not in till.dial().last


# ---- refunds (case 34) ----

def paid(till):
    charge, _ = till.confirm()
    till.type(till.otp())
    assert till.state(charge) == "SUCCEEDED"
    return charge


@pytest.mark.parametrize("op, fault, more", [(None, None, {}), ("cashin", "cut", {}), ("cashin", "error", {"status": 400, "code": "4003"}),
                                             ("key", "hang", {}), ("key", "error", {"status": 503}), ("cashin", "unauthorized", {})], ids=str)
def test_money_back_is_one_cash_in(till, op, fault, more):
    charge = paid(till)
    if op:
        till.fault(op, fault, **more)
    refund = refunded(till, charge)
    row = drive_refund(till, refund, "REFUNDED")
    cash_ins = till.cash_ins()
    assert [(c["reference"], c["amount"], c["payer"]) for c in cash_ins] == [(str(row["our_ref"]), 100, till.payer[3:])]
    assert till.ledger_sum() == 0 and "2468" not in json.dumps(till.journal(op="cashin"))
    assert till.sql("select left_minor from billing.refund_left(%s)", charge)[0]["left_minor"] == 0


def test_a_cash_in_that_is_refused_is_booked_back_and_calls_a_person(till):
    charge = paid(till)
    till.fault("cashin", "error", -1, status=400, code="2010", message="Wrong PIN")
    row = drive_refund(till, refunded(till, charge), "REFUND_FAILED")
    assert row["answer"] == "2010" and till.cash_ins() == [] and till.ledger_sum() == 0
    assert till.value("select count(*) from ops.audit where kind = 'alert.refund_failed' and subject = %s", f"charge:{charge}") == 1


def test_what_was_paid_by_link_goes_back_by_hand(till):
    charge, _ = till.confirm()
    till.choose(till.dial(), "Lien par SMS")
    till.drive(charge, "PENDING")
    till.mtn.control("POST", "/lab/pay_link", {"reference": str(till.charge(charge)["our_ref"])})
    till.drive(charge, "SUCCEEDED")
    assert till.sql("select * from billing.refund_request(%s, null, 'double', 'awa')", charge)[0]["outcome"] == "by_hand"


# ---- repetition and death ----

def test_the_same_step_at_once_and_again_sends_one_code_S1_S2(till):
    charge, _ = till.confirm()
    phone = till.dial()
    code = till.otp()
    till.fault("pay", "delay_after", delay_ms=500)
    octets = phone.hop(code)                                 # the carrier delivers it four times at once
    first = at_once([lambda: phone.deliver(octets)] * 4)
    again = phone.deliver(octets)
    assert len({r.body for r in [*first, again]}) == 1, first
    wait_until(lambda: till.state(charge) == "SUCCEEDED", lambda: till.story(charge))
    till.paid_once(charge)
    assert len(till.journal(op="pay", payer=till.payer[3:])) == 1


def test_a_killed_worker_loses_the_code_never_the_money_case_2(till):
    charge, _ = till.confirm()
    till.fault("pay", "hang_after")
    phone = till.dial()
    code = till.otp()

    def kill():
        till.wait_journal(op="pay", payer=till.payer[3:])
        for pid in till.daemon.children():
            os.kill(pid, 9)

    def type_it():
        with pytest.raises(OSError):                         # its screen goes with the worker
            phone.deliver(phone.hop(code))
    at_once([type_it, kill])
    wait_until(till.daemon.is_ready, "the next worker")
    till.later(46)                                           # the lease of the submit
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert len(till.journal(op="pay", payer=till.payer[3:])) == 1


def test_a_worker_without_the_rail_sends_nothing(till, daemon):
    """Its reader is told so, types again where it can leave, and pays once."""
    charge, _ = till.confirm()
    other = daemon({"orange_sonatel": dict.fromkeys(SECTION)}, roles="gateway")
    phone = AtPhone(other.url, "demo", till.number, network_code=till.network)
    phone.dial()
    till.type(till.otp(), phone)
    assert "Pas envoyé" in phone.last and till.state(charge) == "CREATED"
    assert till.journal(op="pay", payer=till.payer[3:]) == []
    till.type(till.otp())
    till.paid_once(charge)


# ---- S5 ----

def test_no_code_is_kept_anywhere_S5(till, redis, work_dir, migrated_db):
    """After all of the above: logs, metrics, Redis, tables. The carrier sends the whole path with each hop."""
    charge, _ = till.confirm()
    phone = till.dial()                                      # a dialogue that is still open behind a code
    till.type(till.wrong(), phone)
    till.type(till.otp(), phone)
    assert not phone.ended and till.entitlements(charge) == 1
    kept = redis_client.Redis.from_url(redis.url)
    places = {"log": till.daemon.process.log.read_text(errors="replace"),
              "metrics": http_request("GET", till.daemon.metrics_url + "/metrics").text,
              "redis": "\n".join(f"{k!r} {kept.dump(k)!r} {kept.get(k)!r}" for k in kept.scan_iter()),
              "tables": subprocess.run(["pg_dump", "--data-only", "--inserts", migrated_db], capture_output=True, check=True,
                                       text=True, errors="replace").stdout}
    assert "coko_typed_codes_total" in places["metrics"] and str(till.charge(charge)["our_ref"]) in places["tables"]
    assert len(kept.keys()) > 0 and len(OrangeTill.typed) >= 2  # many more after the whole file
    for place, text in places.items():
        for code in OrangeTill.typed:
            assert code not in text, (place, code)
