# SPDX-License-Identifier: Apache-2.0
"""The lab's Web Payment, by hand: what it refuses, what it keeps, what it sends. No client of others speaks it, so the rules
here are read off its documentation."""
import base64
import json

import pytest

from lab_fixtures import catcher  # noqa: F401
from support import Lab, http_request

ORDER = {"merchant_key": "lab-merchant-key", "currency": "XOF", "order_id": "1E7PTVMW597P92VT1MF2YEJBBG", "amount": 2500,
         "return_url": "https://us.test/back", "cancel_url": "https://us.test/back", "notif_url": "https://us.test/pay/x",
         "lang": "fr", "reference": "Coko"}


@pytest.fixture(scope="module")
def program(work_dir):
    one = Lab("orangeweb_rail.py", work_dir / "orangeweb-of-the-lab.log", "--port", "0")
    yield one
    assert one.stop() == 0


@pytest.fixture
def rail(program):
    program.control("POST", "/lab/reset")
    return program


def token(rail, secret="lab-secret", body=b"grant_type=client_credentials"):
    pair = base64.b64encode(f"lab-client:{secret}".encode()).decode()
    return http_request("POST", rail.url + "/oauth/v3/token", body,
                        {"Authorization": f"Basic {pair}", "Content-Type": "application/x-www-form-urlencoded"})


def call(rail, what, body, bearer=None):
    bearer = bearer or token(rail).json()["access_token"]
    return http_request("POST", f"{rail.url}/orange-money-webpay/ci/v1/{what}", json.dumps(body).encode(),
                        {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"})


def opened(rail, **fields):
    answer = call(rail, "webpayment", {**ORDER, **fields})
    assert answer.status == 201, answer.body
    return answer.json()


def refused(rail, body):
    return http_request("POST", rail.control_url + "/lab/pay", body).status == 409


def test_token(rail):
    assert token(rail).json()["expires_in"] == 7776000
    assert token(rail, "guess").status == 401 and token(rail, body=b'{"grant_type":"client_credentials"}').status == 400
    assert call(rail, "webpayment", ORDER, "guess").status == 401


@pytest.mark.parametrize("wrong, code", [
    ({"merchant_key": "guess"}, 1201), ({"currency": "OUV"}, 1202), ({"amount": "2500"}, 1203), ({"amount": 0}, 1203), ({"amount": True}, 1203),
    ({"order_id": "x" * 31}, 1205), ({"reference": "x" * 31}, 1205), ({"order_id": "0b8f6d6e-9c2a-4f64-8b7a-0d1e2f3a4b5c"}, 1205),
    ({"notif_url": "https://localhost/x"}, 1206), ({"return_url": "http://us.test/"}, 1206), ({"cancel_url": "https://us.test/" + "x" * 105}, 1206),
    ({"more": 1}, 22)], ids=str)
def test_what_it_refuses_case_30(rail, wrong, code):
    answer = call(rail, "webpayment", {**ORDER, **wrong})
    assert answer.status in (400, 403) and answer.json()["code"] == code
    assert rail.control("GET", "/lab/ledger")["orders"] == []


def test_an_order_is_paid_once_and_asked_about_by_three_things(rail):
    page = opened(rail)
    assert call(rail, "webpayment", ORDER).json()["code"] == 1204
    ask = {"order_id": ORDER["order_id"], "amount": 2500, "pay_token": page["pay_token"]}
    assert call(rail, "transactionstatus", ask).json()["status"] == "INITIATED"
    for wrong in ({"amount": 2501}, {"pay_token": page["notif_token"]}, {"order_id": "other"}):
        assert call(rail, "transactionstatus", {**ask, **wrong}).status == 404
    assert rail.control("POST", "/lab/pay", {"msisdn": "0700000001"})["done"]
    assert refused(rail, {"msisdn": "0700000002"})
    ledger = rail.control("GET", "/lab/ledger")
    debit, = ledger["debits"]
    answer = call(rail, "transactionstatus", ask)
    assert answer.status == 201 and answer.json() == {"status": "SUCCESS", "order_id": ORDER["order_id"], "txnid": debit["txnid"]}
    assert (debit["amount"], debit["payer"]) == (2500, "0700000001")
    assert page["pay_token"] not in json.dumps(rail.control("GET", "/lab/requests")["requests"])


def test_an_end_without_a_debit_may_still_be_paid(rail):
    opened(rail)
    rail.control("POST", "/lab/end", {"status": "EXPIRED"})
    assert refused(rail, {})
    assert rail.control("GET", "/lab/ledger")["debits"] == []
    assert rail.control("POST", "/lab/pay", {"late": True})["done"]
    assert len(rail.control("GET", "/lab/ledger")["debits"]) == 1


def test_its_notification_names_no_order_and_no_amount(rail, catcher):  # noqa: F811
    page = opened(rail)
    rail.control("POST", "/lab/settings", {"deliver_to": catcher.url})
    rail.control("POST", "/lab/pay", {})
    body = json.loads(catcher.wait(1)[0]["body"])
    assert body.keys() == {"status", "notif_token", "txnid"} and body["notif_token"] == page["notif_token"]
