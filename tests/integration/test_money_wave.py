# SPDX-License-Identifier: Apache-2.0
"""Wave from the dial to the receipt: a link by SMS, whoever opens it pays, the rail's own ledger is the oracle. One
daemon, one rail and one message centre for the whole file; each test has a reader of its own."""
import hashlib
import hmac
import json
import os
import re
import time

import pytest
import redis as redis_client

from daemon import Daemon, template_values
from money_kit import Till, clear_places, read_sms
from support import Lab, http_request, wait_until

KEY, SIGNING, WEBHOOK, PATH = ("lab-wave-key", "lab-wave-signing-secret", "lab-wave-webhook-secret",
                               "lab-wave-callback-0001")


class Shop:
    """What the tests share."""

    def __init__(self, daemon, wave, smsc, url):
        self.daemon, self.wave, self.smsc, self.url = daemon, wave, smsc, url


@pytest.fixture(scope="module")
def shop(work_dir, migrated_db, redis, coko_bin):
    redis_client.Redis.from_url(redis.url).flushall()
    wave = Lab("wave_rail.py", work_dir / "wave.log", "--port", "0", "--signing-secret", SIGNING, "--retry-ms", "100")
    smsc = Lab("smsc.py", work_dir / "wave-smsc.log", "--port", "0", "--control-port", "0")
    daemon = Daemon(work_dir / f"wave-{os.urandom(3).hex()}", template_values(migrated_db, redis.url, smsc=smsc, wave=wave),
                    {"coko": {"workers": 1}})
    yield Shop(daemon, wave, smsc, migrated_db)
    daemon.stop()
    assert wave.stop() == 0 and smsc.stop() == 0


class WaveTill(Till):
    """A reader in Senegal whose network has no rail of its own; mtn is the Wave lab here."""

    rail = "wave"
    network, prefix, digits = "60802", "+22176", 7
    usual = "wait"

    def behave(self, behaviour, **more):
        self.mtn.control("POST", "/lab/behave", {"behaviour": behaviour, **more})

    def ref(self, charge):
        return str(self.charge(charge)["our_ref"])

    def sessions(self, charge, **query):
        text = "".join(f"&{k}={v}" for k, v in query.items())
        return self.mtn.control("GET", f"/lab/sessions?reference={self.ref(charge)}{text}")["sessions"]

    def pay(self, charge, **more):
        return self.mtn.control("POST", "/lab/pay", {"reference": self.ref(charge), **more})

    def debits(self):
        refs = {str(r["our_ref"]) for r in self.sql("select our_ref from billing.charge where user_id = %s", self.user)}
        return [d for d in self.mtn.control("GET", "/lab/ledger")["debits"] if d["reference"] in refs]

    def refunds(self, charge):
        return [r for r in self.mtn.control("GET", "/lab/ledger")["refunds"] if r["reference"] == self.ref(charge)]

    def paid_once(self, charge_id):
        """One debit, one pass, one receipt behind one link, zero sums; the transaction is Wave's."""
        debit, = self.debits()
        now = self.charge(charge_id)
        assert (debit["reference"], debit["id"], debit["transaction_id"]) == (str(now["our_ref"]), now["rail_ref"], now["rail_txn"])
        assert (debit["amount"], debit["currency"]) == ("100", "XOF")
        assert self.entitlements(charge_id) == 1
        told = self.messages(charge_id)
        assert (told.count("pay_link"), told.count("receipt")) == (1, 1), told
        assert self.ledger_sum() == 0

    def linked(self):
        """A charge whose link was handed out."""
        charge = self.start()
        self.drive(charge, "PENDING")
        assert self.messages(charge) == ["pay_link"]
        return charge


@pytest.fixture
def till(shop):
    shop.wave.control("POST", "/lab/reset")
    shop.wave.control("POST", "/lab/settings", {"webhook_url": f"{shop.daemon.url}/pay/wave/{PATH}"})
    return WaveTill(shop.daemon, shop.wave, shop.url)


def test_from_the_dial_to_the_receipt_and_back_S5(shop, till, redis):
    """The dial, the link by SMS, a relative pays, the receipt; and nothing of it stands where it must not."""
    till.hold_pushes(0)
    charge, phone = till.buy()
    assert "Wave" in phone.last and "SMS" in phone.last, phone.last
    sms = read_sms(shop.smsc, till, "pay.wave.test")
    link = re.search(r"https://\S+", sms).group()
    assert "100 F" in sms and link.startswith("https://pay.wave.test/c/cos-")
    create = till.wait_journal(op="create", reference=till.ref(charge))[0]
    assert "restrict_payer_mobile" not in json.loads(create["body"]) and till.payer not in create["body"]
    assert create["headers"]["wave-signature"].startswith("t=")
    till.mtn.control("POST", "/lab/pay", {"link": link, "payer": "+33612345678"})
    till.drive(charge, "SUCCEEDED")          # pulled forward by the webhook; by the ladder were it lost
    till.paid_once(charge)
    assert "Pass jour" in read_sms(shop.smsc, till, till.charge(charge)["rail_txn"])

    text, tables = clear_places(shop.daemon, redis, shop.url)
    for secret in (KEY, SIGNING, WEBHOOK, PATH, till.payer, "33612345678", link.split("/c/")[1]):
        assert secret not in text, secret
        named = {n for n, rows in tables.items() if secret in rows}
        # the link is a bearer's right: only the message that hands it out has it, for who has no internet to send it on
        assert named <= ({"messaging.message"} if secret in link else set()), (secret, named)

    def refund(who, function, *args):
        marks = ", ".join(["%s"] * len(args))
        return till.sql(f"select * from billing.{function}({marks}, %s)", *args, who)[0]
    asked = refund("awa", "refund_request", charge, None, "double")
    assert refund("binta", "refund_approve", asked["refund_id"])["outcome"] == "ok"
    till.wake()
    wait_until(lambda: till.value("select state from billing.refund where id = %s", asked["refund_id"]) == "REFUNDED",
               "the refund")
    assert len(till.refunds(charge)) == 1 and till.entitlements(charge) == 1
    assert till.value("select max(ends_at) <= ops.now() from billing.entitlement where charge_id = %s", charge)
    assert till.ledger_sum() == 0
    assert "100 F" in read_sms(shop.smsc, till, "rendus")


def test_a_failed_attempt_leaves_the_link_payable(till):
    charge = till.linked()
    till.mtn.control("POST", "/lab/fail", {"reference": till.ref(charge), "code": "insufficient-funds"})
    wait_until(lambda: till.sql("select 1 from billing.inbox where charge_id = %s and verified", charge), "the webhook")
    till.ask_once(charge)
    assert till.state(charge) == "PENDING" and till.debits() == []
    till.pay(charge)
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_a_link_that_nobody_pays_ends_expired_and_says_so(till):
    till.mtn.control("POST", "/lab/settings", {"lapse_ms": 0})
    charge = till.start()
    till.drive(charge, "EXPIRED")
    assert (till.messages(charge), till.debits(), till.entitlements(charge)) == (["pay_link", "expired"], [], 0)


def test_late_success_after_expired_case_9(till):
    till.mtn.control("POST", "/lab/settings", {"lapse_ms": 0})
    charge = till.start()
    till.drive(charge, "EXPIRED")
    till.pay(charge, late=True)
    till.drive(charge, "SUCCEEDED_LATE")
    till.paid_once(charge)


def test_a_link_is_ended_at_the_rail_when_its_time_with_us_is_over_I13(till):
    """The rail would leave it open for a day; its reader was told after half an hour, and nobody pays it unseen."""
    charge = till.linked()
    now = till.charge(charge)
    assert now["prompt_expires_at"] - now["submitted_at"] < now["link_expires_at"] - now["submitted_at"]
    till.later(31 * 60)
    till.ask_once(charge)
    assert till.messages(charge) == ["pay_link", "unanswered"] and till.sessions(charge)[0]["checkout_status"] == "open"
    till.later(12 * 3600)
    till.drive(charge, "EXPIRED")
    assert till.sessions(charge)[0]["checkout_status"] == "expired" and till.debits() == []


# ---- the create's answer is lost (hard case 31) ----

@pytest.mark.parametrize("fault, more", [("cut", {}), ("html_after", {}), ("wrong", {"set": {"amount": "9"}})], ids=str)
def test_one_session_is_adopted_case_31(till, fault, more):
    till.hold_pushes()
    charge = till.start()
    ref = till.ref(charge)
    till.fault("create", fault, **more)
    till.drive(charge, "UNKNOWN", "PENDING")
    till.drive(charge, "PENDING")
    assert len(till.journal(op="create")) == 1 and till.ref(charge) == ref
    till.pay(charge)
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


@pytest.mark.parametrize("fault, more", [("drop", {}), ("error", {"status": 500})], ids=str)
def test_none_is_a_new_session_with_a_new_reference_case_31(till, fault, more):
    till.hold_pushes()
    charge = till.start()
    ref = till.ref(charge)
    till.fault("create", fault, **more)
    till.drive(charge, "UNKNOWN")
    till.drive(charge, "PENDING")
    assert till.ref(charge) != ref and len(till.sessions(charge)) == 1
    assert [str(r["our_ref"] or "") for r in till.sql("select our_ref from billing.attempt where charge_id = %s order by n", charge)] \
        == [ref, ""]
    till.pay(charge)
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def merchant(till, body):
    """A session made behind our back, by a request that the rail takes for ours."""
    text, t = json.dumps(body).encode(), int(time.time())
    v1 = hmac.new(SIGNING.encode(), str(t).encode() + text, hashlib.sha256).hexdigest()
    answer = http_request("POST", f"{till.mtn.url}/v1/checkout/sessions", text, {
        "Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "Wave-Signature": f"t={t},v1={v1}"})
    assert answer.status == 200, answer.body
    return answer.json()


def test_of_two_one_is_expired_and_one_adopted_case_31(till):
    till.hold_pushes()
    charge = till.start()
    till.fault("create", "cut")
    till.fault("search", "error", -1, status=503)
    till.drive(charge, "UNKNOWN")
    till.ask_once(charge)
    assert till.state(charge) == "UNKNOWN"                # the search itself fails
    more = {"amount": "100", "currency": "XOF", "success_url": "https://x.test/", "error_url": "https://x.test/"}
    merchant(till, {**more, "client_reference": till.ref(charge)})
    foreign = merchant(till, {**more, "client_reference": "somebody else's"})
    till.heal()
    till.drive(charge, "PENDING")
    by_status = {s["checkout_status"]: s for s in till.sessions(charge)}
    assert set(by_status) == {"open", "expired"} and by_status["open"]["id"] == till.charge(charge)["rail_ref"]
    assert till.mtn.control("GET", f"/lab/sessions?status=open&reference=somebody%20else%27s")["sessions"][0]["id"] == foreign["id"]
    till.pay(charge, id=till.charge(charge)["rail_ref"])
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_a_reply_after_the_deadline_is_unknown_then_adopted(till):
    till.fault("create", "hang_after")
    charge = till.start()
    till.nudge(charge)
    wait_until(lambda: till.state(charge) == "UNKNOWN", "the deadline of the create", 60)
    till.drive(charge, "PENDING")
    till.pay(charge)
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


@pytest.mark.parametrize("fault, more", [("throttle", {"retry_after": 7}), ("unauthorized", {})], ids=str)
def test_not_carried_out_is_sent_again_under_the_same_reference(till, fault, more):
    till.hold_pushes()
    charge = till.start()
    ref = till.ref(charge)
    till.fault("create", fault, 2, **more)
    till.drive(charge, "PENDING", timeout=60)
    assert till.ref(charge) == ref and len(till.sessions(charge)) == 1


def test_a_refusal_fails_it_and_calls_a_person(till):
    till.hold_pushes()
    charge = till.start()
    till.fault("create", "error", status=422, code="request-validation-error")
    till.drive(charge, "FAILED")
    till.not_paid(charge, "declined")
    assert till.value("select count(*) from ops.audit where kind = 'alert.charge_rejected' and subject = %s", f"charge:{charge}") == 1


# ---- questions ----

@pytest.mark.parametrize("wrong", [{"amount": "10000"}, {"currency": "XAF"}, {"client_reference": None}], ids=str)
def test_other_money_goes_to_review_cases_15_16_17(till, wrong):
    charge = till.linked()
    till.fault("show", "wrong", -1, set=wrong)
    till.pay(charge)
    till.drive(charge, "REVIEW")
    assert till.entitlements(charge) == 0 and till.ledger_sum() == 0
    assert till.messages(charge) == ["pay_link", "pending_review"]


def test_success_takes_both_words(till):
    charge = till.linked()
    till.fault("show", "wrong", -1, set={"payment_status": "succeeded"})
    for _ in range(2):
        assert till.ask_once(charge)["state"] == "PENDING"
    assert any(x.get("event") == "rail says a word never seen" for x in till.daemon.log_lines())
    till.heal()
    till.pay(charge)
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


# ---- a newer charge (hard case 32) ----

def supersede(till, charge):
    till.later(41 * 60)
    till.ask_once(charge)
    row = till.sql("select * from billing.supersede_charge(%s, %s)", till.user, os.urandom(6).hex())[0]
    assert row["outcome"] == "ok", row
    return till.start()


def test_the_old_link_is_expired_before_the_new_one_goes_out_case_32(till):
    old = till.linked()
    new = supersede(till, old)
    till.drive(new, "PENDING")
    expired = till.journal(op="expire")[0]
    created = till.journal(op="create", reference=till.ref(new))[0]
    assert expired["seq"] < created["seq"] and expired["reference"] == till.ref(old)
    assert till.state(old) == "EXPIRED" and till.messages(old) == ["pay_link", "unanswered"]
    till.pay(new)
    till.drive(new, "SUCCEEDED")
    till.paid_once(new)
    assert till.entitlements(old) == 0


def test_an_old_link_that_was_paid_is_adopted_and_no_new_one_goes_out_case_32(till):
    """Its webhook is lost, and the reader asks for another way: the 409 of the expire tells that it was paid."""
    old = till.linked()
    till.later(41 * 60)
    till.ask_once(old)
    till.fault("callback", "drop", -1)
    till.pay(old)
    assert till.sql("select * from billing.supersede_charge(%s, %s)", till.user, os.urandom(6).hex())[0]["outcome"] == "ok"
    new = till.start()
    till.drive(old, "SUCCEEDED")
    till.drive(new, "EXPIRED")
    assert till.journal(op="expire")[0]["status"] == 409 and till.journal(op="create", reference=till.ref(new)) == []
    assert (till.charge(new)["reason"], till.messages(new)) == ("paid by an earlier charge", [])
    till.paid_once(old)


def test_a_rail_that_cannot_expire_holds_the_new_charge_up_for_a_minute_at_most(till):
    old = till.linked()
    till.fault("expire", "error", -1, status=503)
    new = supersede(till, old)
    till.drive(new, "PENDING")
    assert till.state(old) == "PENDING" and len(till.sessions(old, status="open")) == 1
    till.pay(old)
    till.heal()
    till.pay(new)
    till.drive(new, "SUCCEEDED")
    till.drive(old, "SUCCEEDED")
    settled = {till.charge(c)["settlement"] for c in (old, new)}
    assert settled == {"granted", "credited"} and len(till.debits()) == 2 and till.ledger_sum() == 0     # both known, one granted


# ---- webhooks ----

def webhook(till, charge, **how):
    return till.mtn.control("POST", "/lab/webhook", {"reference": till.ref(charge), **how})["statuses"]


def inbox(till, charge):
    return till.sql("select * from billing.inbox where our_ref_hint = %s", till.ref(charge))


STRANGERS = {"stripe": {"between": "."}, "sonatel": {"between": ","}, "old": {"age_s": 301}, "future": {"age_s": -60},
             "guessed": {"secrets": ["guess"]}, "unsigned": {"secrets": []}, "no header": {"header": ""},
             "long header": {"header": "t=1," + "v1=" + "0" * 10000}, "bearer": {"strategy": "bearer"}}


def test_a_webhook_that_wave_did_not_write_changes_nothing_cases_12_14(till):
    charge = till.linked()
    till.leave_alone(charge)
    version, refused = till.charge(charge)["version"], till.daemon.metric("coko_webhooks_in_total", "refused")
    for name, how in STRANGERS.items():
        assert webhook(till, charge, **how) == [401], name
    assert inbox(till, charge) == [] and till.charge(charge)["hinted_at"] is None
    assert till.charge(charge)["version"] == version
    assert till.daemon.metric("coko_webhooks_in_total", "refused") == refused + len(STRANGERS)


def test_rotation_either_v1_is_believed_case_13(till):
    charge = till.linked()
    assert webhook(till, charge, secrets=["the next one", WEBHOOK]) == [200]
    assert webhook(till, charge, secrets=[WEBHOOK, "the next one"], event_id="EV_other") == [200]
    assert [r["verified"] for r in inbox(till, charge)] == [True, True]
    assert till.ask_once(charge)["state"] == "PENDING"    # signed, and still not believed (I7)


def test_a_webhook_too_late_for_its_signature_and_the_poll_settles_case_14(till):
    charge = till.linked()
    till.fault("callback", "drop", -1)
    till.pay(charge)
    assert webhook(till, charge, age_s=400) == [401]
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_sixty_four_copies_of_an_event_are_one_case_7(till):
    charge = till.linked()
    till.fault("callback", "drop", -1)
    till.pay(charge)
    assert webhook(till, charge, event_id="EV_one", copies=64) == [200] * 64
    # the same event in other bytes is the same event (I6)
    assert webhook(till, charge, event_id="EV_one", set={"business_name": "other"}) == [200]
    row, = inbox(till, charge)
    assert row["seen"] == 65 and row["charge_id"] == charge
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_failed_after_success_is_ignored_case_8(till):
    charge = till.linked()
    till.pay(charge)
    till.drive(charge, "SUCCEEDED")
    assert webhook(till, charge, type="checkout.session.payment_failed", set={"payment_status": "cancelled"}) == [200]
    assert till.state(charge) == "SUCCEEDED" and till.entitlements(charge) == 1


# ---- refunds (hard case 34) ----

def refunded(till, charge, amount=None):
    asked = till.sql("select * from billing.refund_request(%s, %s, 'double', 'awa')", charge, amount)[0]
    assert till.sql("select * from billing.refund_approve(%s, 'binta')", asked["refund_id"])[0]["outcome"] == "ok"
    return asked["refund_id"]


def drive_refund(till, refund, *states, polls=0):
    def there():
        row = till.sql("select * from billing.refund where id = %s", refund)[0]
        if row["state"] in states and row["polls"] >= polls:
            return row
        till.sql("update ops.clock set shift = shift + greatest(r.due_at - ops.now(), '0') from billing.refund r"
                 " where r.id = %s and r.claimed_by is null and r.due_at is not null and r.version = %s", refund, row["version"])
        till.wake()
        return None
    return wait_until(there, lambda: str(till.sql("select * from billing.refund where id = %s", refund)), 60, 0.05)


def paid(till):
    charge = till.linked()
    till.pay(charge)
    till.drive(charge, "SUCCEEDED")
    return charge


@pytest.mark.parametrize("fault, more", [("cut", {}), ("drop", {}), ("throttle", {})], ids=str)
def test_a_refund_whose_answer_is_lost_is_one_refund_case_34(till, fault, more):
    charge = paid(till)
    till.fault("refund", fault, 1, **more)
    drive_refund(till, refunded(till, charge), "REFUNDED")
    assert len(till.refunds(charge)) == 1 and till.ledger_sum() == 0
    assert till.value("select coalesce(sum(e.amount_minor), 0) from billing.ledger_entry e join billing.ledger_txn t on t.id = e.txn_id"
                      " where t.charge_id = %s and e.account = 'clearing'", charge) == 0
    left = till.sql("select left_minor from billing.refund_left(%s)", charge)[0]["left_minor"]
    assert left == 0 and till.sql("select * from billing.refund_request(%s, null, 'again', 'awa')", charge)[0]["outcome"] == "above"


def test_a_refund_that_the_rail_refuses_is_booked_back_and_calls_a_person(till):
    charge = paid(till)
    till.fault("refund", "error", -1, status=400, code="checkout-refund-failed")
    row = drive_refund(till, refunded(till, charge), "REFUND_FAILED")
    assert row["answer"] == "checkout-refund-failed" and till.refunds(charge) == [] and till.ledger_sum() == 0
    assert till.value("select count(*) from ops.audit where kind = 'alert.refund_failed' and subject = %s", f"charge:{charge}") == 1
    till.heal()
    drive_refund(till, refunded(till, charge), "REFUNDED")
    assert len(till.refunds(charge)) == 1
