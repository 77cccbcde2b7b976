# SPDX-License-Identifier: Apache-2.0
"""Orange Money where it takes no code: dial, END, a link by SMS, Orange's page, the receipt. One daemon, one rail and one
message centre for the whole file; each test has a reader of its own. Case numbers are of the list of hard payment cases."""
import json
import os
import re
import uuid

import pytest
import redis as redis_client

from daemon import Daemon, template_values
from money_kit import Till, clear_places, read_sms
from support import Lab, http_request, wait_until

SECRET = "lab-orangeweb-secret-01"


class Shop:
    """What the tests share."""

    def __init__(self, daemon, rail, smsc, url):
        self.daemon, self.rail, self.smsc, self.url = daemon, rail, smsc, url


@pytest.fixture(scope="module")
def shop(work_dir, migrated_db, redis, coko_bin):
    redis_client.Redis.from_url(redis.url).flushall()
    rail = Lab("orangeweb_rail.py", work_dir / "orangeweb.log", "--port", "0")
    smsc = Lab("smsc.py", work_dir / "orangeweb-smsc.log", "--port", "0", "--control-port", "0")
    daemon = Daemon(work_dir / f"orangeweb-{os.urandom(3).hex()}", template_values(migrated_db, redis.url, smsc=smsc), {
        "coko": {"workers": 1},
        "orange_web": {"base_url": f"{rail.url}/orange-money-webpay/ci/v1", "token_url": f"{rail.url}/oauth/v3/token",
                       "client_id": "lab-client", "client_secret": "lab-secret", "merchant_key": "lab-merchant-key",
                       "callback_url": "https://coko.example/pay/orange_web", "callback_secret": SECRET,
                       "return_url": "https://coko.example/paid"}})
    yield Shop(daemon, rail, smsc, migrated_db)
    daemon.stop()
    assert rail.stop() == 0 and smsc.stop() == 0


class WebTill(Till):
    """A reader of Orange in Ivory Coast; mtn is the Web Payment lab here."""

    rail = "orange_web"
    network, prefix, digits = "61203", "+22507", 8

    def behave(self, behaviour, **_):
        """Who opens a page decides there: pay() and end()."""

    def orders(self):
        return self.mtn.control("GET", "/lab/ledger")["orders"]

    def order(self, charge):
        """Of this charge: the rail knows our reference by the address that it notifies."""
        ref = str(self.charge(charge)["our_ref"])
        found, = [o for o in self.orders() if o["notif_url"].endswith("/" + ref)]
        return found

    def pay(self, charge, **more):
        return self.mtn.control("POST", "/lab/pay", {"order_id": self.order(charge)["order_id"], "msisdn": self.payer, **more})

    def end(self, charge, status):
        return self.mtn.control("POST", "/lab/end", {"order_id": self.order(charge)["order_id"], "status": status})

    def debits(self):
        return [d for d in self.mtn.control("GET", "/lab/ledger")["debits"] if d["payer"] == self.payer]

    def paid_once(self, charge_id):
        debit, = self.debits()
        assert (debit["amount"], debit["currency"], debit["txnid"]) == (100, "XOF", self.charge(charge_id)["rail_txn"])
        assert debit["order_id"] == self.order(charge_id)["order_id"]
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

    def notify(self, tail, body):
        return http_request("POST", f"{self.daemon.url}/pay/orange_web/{SECRET}/{tail}", json.dumps(body).encode(),
                            {"Content-Type": "application/json"}).status


@pytest.fixture
def till(shop):
    shop.rail.control("POST", "/lab/reset")
    shop.rail.control("POST", "/lab/settings", {"deliver_to": shop.daemon.url})
    till = WebTill(shop.daemon, shop.rail, shop.url)
    till.sql("update billing.rail set enabled = true, lab = true where code = 'orange_web'")
    return till


def test_from_the_dial_to_the_receipt_S5(shop, till, redis):
    charge, phone = till.buy()
    assert "lien pour payer avec Orange Money" in phone.last
    sms = read_sms(shop.smsc, till, "webpay.orange.test")
    assert "100 F" in sms and re.search(r"https://\S+", sms).group() == f"https://webpay.orange.test/p/{till.order(charge)['pay_token']}"
    till.pay(charge)
    till.drive(charge, "SUCCEEDED")          # pulled forward by the notification; by the ladder were it lost
    till.paid_once(charge)
    assert "Pass jour" in read_sms(shop.smsc, till, till.charge(charge)["rail_txn"])
    text, tables = clear_places(shop.daemon, redis, shop.url)
    for secret in ("lab-client", "lab-secret", "lab-merchant-key", SECRET, till.payer, till.order(charge)["pay_token"]):
        assert secret not in text, secret
        # the page's address has the token: it is a bearer's right, and only the message that hands it out has it
        named = {n for n, rows in tables.items() if secret in rows}
        assert named <= ({"messaging.message"} if secret == till.order(charge)["pay_token"] else set()), (secret, named)
    # this rail has no call that gives money back: a person does it
    assert till.sql("select * from billing.refund_request(%s, null, 'double', 'awa')", charge)[0]["outcome"] == "by_hand"


@pytest.mark.parametrize("status, state, template", [("FAILED", "FAILED", "declined"), ("EXPIRED", "EXPIRED", "expired")])
def test_a_page_that_came_to_nothing_and_was_paid_after_all_case_9(till, status, state, template):
    charge = till.linked()
    assert till.ask_once(charge)["state"] == "PENDING"       # INITIATED: nobody opened it, and that is no failure
    till.end(charge, "PENDING")
    assert till.ask_once(charge)["state"] == "PENDING"
    till.end(charge, status)
    till.drive(charge, state)
    assert till.messages(charge) == ["pay_link", template] and till.entitlements(charge) == 0 and till.debits() == []
    till.pay(charge, late=True)
    till.drive(charge, "SUCCEEDED_LATE")
    till.paid_once(charge)


def test_nobody_opened_it_until_its_time_was_over_I13(till):
    """The page cannot be ended at the rail: it is asked about once more, and who pays it all the same gets his pass."""
    charge = till.linked()
    till.later(12 * 3600 + 1)
    till.drive(charge, "EXPIRED")
    assert till.messages(charge) == ["pay_link", "expired"] and till.debits() == []
    till.pay(charge)
    till.drive(charge, "SUCCEEDED_LATE")
    till.paid_once(charge)


def test_an_older_page_that_is_paid_after_a_newer_one_becomes_credit_cases_10_32(till):
    old = till.linked()
    till.later(41 * 60)
    till.ask_once(old)
    assert till.sql("select * from billing.supersede_charge(%s, %s)", till.user, os.urandom(6).hex())[0]["outcome"] == "ok"
    new = till.start()
    till.drive(new, "PENDING")
    till.pay(new)
    till.drive(new, "SUCCEEDED")
    till.paid_once(new)
    till.pay(old)
    till.drive(old, "SUCCEEDED_LATE")
    assert till.entitlements(old) == 0 and till.charge(old)["settlement"] == "credited" and till.ledger_sum() == 0


@pytest.mark.parametrize("fault, more", [("cut", {}), ("error_after", {"status": 503}), ("hang_after", {}), ("drop", {})], ids=str)
def test_a_lost_answer_is_a_new_order_for_nobody_has_the_link_case_31(till, fault, more):
    till.reader()
    till.hold_pushes()
    charge = till.start()
    first = str(till.charge(charge)["our_ref"])
    till.fault("init", fault, **more)
    till.drive(charge, "PENDING", timeout=60)
    assert str(till.charge(charge)["our_ref"]) != first and till.messages(charge) == ["pay_link"]
    assert len({o["order_id"] for o in till.orders()}) == len(till.orders()) == (1 if fault == "drop" else 2)
    till.pay(charge)
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


@pytest.mark.parametrize("fault, more", [("cut", {}), ("html", {}), ("error", {"status": 503})], ids=str)
def test_a_question_without_an_answer_is_asked_again(till, fault, more):
    charge = till.linked()
    till.fault("callback", "drop", -1)                       # the rail may say nothing at all
    till.fault("status", fault, **more)
    till.pay(charge)
    assert till.ask_once(charge)["state"] == "PENDING"
    till.drive(charge, "SUCCEEDED", timeout=60)
    till.paid_once(charge)


@pytest.mark.parametrize("wrong", [{"order_id": "00000000000000000000000000"}, {"amount": 10000, "currency": "XOF"},
                                   {"amount": 100, "currency": "XAF"}, {"order_id": None}], ids=str)
def test_other_money_goes_to_review_cases_15_16_17(till, wrong):
    charge = till.linked()
    till.fault("status", "wrong", -1, set=wrong)
    till.pay(charge)
    till.drive(charge, "REVIEW")
    assert till.entitlements(charge) == 0 and till.ledger_sum() == 0


def test_refused_for_our_own_fault_calls_a_person(till):
    till.reader()
    till.hold_pushes()
    charge = till.start()
    till.fault("init", "error", status=400, code=1204)
    till.drive(charge, "FAILED")
    till.not_paid(charge, "declined")
    assert till.charge(charge)["reason"] == "1204"
    assert till.value("select count(*) from ops.audit where kind = 'alert.charge_rejected' and subject = %s", f"charge:{charge}") == 1


def test_a_token_that_is_not_known_any_more_is_minted_once_case_19(till):
    till.linked()
    till.mtn.control("POST", "/lab/settings", {"drop_tokens": True})
    other = till.another()
    charge = other.linked()
    assert [r["status"] for r in till.journal(op="init")] == [201, 401, 201] and len(till.journal(op="token")) <= 2
    other.pay(charge)
    other.drive(charge, "SUCCEEDED")
    other.paid_once(charge)


# ---- notifications ----

def inbox(till, charge):
    return till.sql("select * from billing.inbox where charge_id = %s", charge)


def test_a_true_notification_pulls_the_question_forward_once_however_often_it_comes_case_7(till):
    charge = till.linked()
    till.ask_once(charge)
    till.fault("callback", "duplicate", copies=32)
    till.pay(charge)
    wait_until(lambda: [r["seen"] for r in inbox(till, charge)] == [32], "the copies")
    assert inbox(till, charge)[0]["verified"]
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_a_token_of_another_order_is_refused_case_18(till):
    charge = till.linked()
    other = till.another()
    second = other.linked()
    mine, ref, theirs = till.order(charge)["order_id"], str(till.charge(charge)["our_ref"]), str(other.charge(second)["our_ref"])
    assert till.mtn.control("POST", "/lab/callback", {"order_id": mine})["statuses"] == [200]
    # its token under the other's address, the wrong token, none, an order that is none: alike, and nothing is kept
    assert till.mtn.control("POST", "/lab/callback", {"order_id": mine,
                                                      "url": f"https://x.test/pay/orange_web/{SECRET}/{theirs}"})["statuses"] == [401]
    for tail, body in ((ref, {"status": "SUCCESS", "notif_token": "guess"}), (ref, {"status": "SUCCESS"}), (ref, {}),
                       (str(uuid.uuid4()), {"status": "SUCCESS", "notif_token": "guess"}), ("x" * 300, {"notif_token": "y"})):
        assert till.notify(tail, body) == 401
    assert len(inbox(till, charge)) == 1 and inbox(till, second) == []
    assert till.ask_once(charge)["state"] == "PENDING" and till.entitlements(charge) == 0     # a success that was no more than said
