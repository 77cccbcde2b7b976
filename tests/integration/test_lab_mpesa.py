# SPDX-License-Identifier: Apache-2.0
"""The lab's M-Pesa, judged by npm "mpesa-node" as the merchant, and by hand where that client cannot. The ledger is asked
every time."""
import base64
import json
import time

import pytest

from lab_fixtures import catcher, node_peer  # noqa: F401
from support import Lab, http_request, wait_until

from mpesa_ledger import RESULTS

PAYER = 254708374149
KEY, SECRET, CODE, PASS = "lab-consumer-key", "lab-consumer-secret", "174379", "lab-passkey"


@pytest.fixture(scope="module")
def program(work_dir):
    one = Lab("mpesa_rail.py", work_dir / "mpesa-of-the-lab.log", "--port", "0", "--behaviour", "pending")
    yield one
    assert one.stop() == 0


@pytest.fixture
def mpesa(program):
    program.control("POST", "/lab/reset")
    return program


@pytest.fixture
def merchant(mpesa, node_peer):  # noqa: F811
    return node_peer("mpesa_client.js", "--base", mpesa.url)


def ledger(mpesa):
    return mpesa.control("GET", "/lab/ledger")


def push(merchant, url="http://127.0.0.1:9/x", **more):
    return merchant.ask("push", payer=PAYER, amount=150, callback=url, account="abc123", **more)


def test_npm_client_pushes_and_learns_the_end(mpesa, merchant, catcher):  # noqa: F811
    token = merchant.ask("token")["answer"]
    assert token["access_token"] and token["expires_in"] == "3599"
    made = push(merchant, catcher.url + "/cb/ref-1")["answer"]
    assert made["ResponseCode"] == "0" and made["CheckoutRequestID"].startswith("ws_CO_")
    waiting = merchant.ask("query", checkout=made["CheckoutRequestID"])
    assert (waiting["ok"], waiting["status"], waiting["answer"]["errorMessage"]) == (False, 500, "The transaction is being processed")
    mpesa.control("POST", "/lab/approve", {"checkout": made["CheckoutRequestID"]})
    done = merchant.ask("query", checkout=made["CheckoutRequestID"])["answer"]
    assert (done["ResultCode"], done["MerchantRequestID"]) == ("0", made["MerchantRequestID"])
    debit, = ledger(mpesa)["debits"]
    assert (debit["amount"], debit["payer"], debit["account"]) == (150, str(PAYER), "abc123")
    told = json.loads(catcher.wait(1)[0]["body"])["Body"]["stkCallback"]
    items = {i["Name"]: i.get("Value") for i in told["CallbackMetadata"]["Item"]}
    assert told["ResultCode"] == 0 and items["MpesaReceiptNumber"] == debit["receipt"] and items["PhoneNumber"] == PAYER
    assert mpesa.control("GET", "/lab/requests?op=push")["requests"][0]["reference"] == "ref-1"


def test_npm_client_learns_every_result(mpesa, merchant):
    for result in sorted(set(RESULTS) - {"0"}):
        made = push(merchant)["answer"]["CheckoutRequestID"]
        mpesa.control("POST", "/lab/fail", {"checkout": made, "result": result})
        got = merchant.ask("query", checkout=made)["answer"]
        assert (got["ResultCode"], got["ResultDesc"]) == (result, RESULTS[result])
    assert ledger(mpesa)["count"] == 0


def test_npm_client_meets_refusals(mpesa, merchant, node_peer):  # noqa: F811
    bad = merchant.ask("push", payer=33612345678, amount=150, callback="http://x.test/", account="abc")
    assert (bad["status"], bad["answer"]["errorCode"]) == (400, "400.002.02")
    assert merchant.ask("query", checkout="ws_CO_nothing")["status"] == 400
    assert not node_peer("mpesa_client.js", "--base", mpesa.url, "--secret", "wrong").ask("token")["ok"]
    wrong = node_peer("mpesa_client.js", "--base", mpesa.url, "--passkey", "wrong")
    assert push(wrong)["answer"]["errorMessage"] == "Wrong credentials"
    mpesa.control("POST", "/lab/busy", {"msisdn": str(PAYER), "busy": True})
    assert "Unable to lock subscriber" in push(merchant)["answer"]["errorMessage"]
    assert ledger(mpesa)["pushes"] == []


# --- by hand ------------------------------------------------------------------------------------------
def bearer(mpesa):
    basic = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
    return http_request("GET", mpesa.url + "/oauth/v1/generate?grant_type=client_credentials",
                        headers={"Authorization": f"Basic {basic}"}).json()["access_token"]


def body(**more):
    stamp = time.strftime("%Y%m%d%H%M%S")
    return {"BusinessShortCode": CODE, "Password": base64.b64encode(f"{CODE}{PASS}{stamp}".encode()).decode(), "Timestamp": stamp,
            "TransactionType": "CustomerPayBillOnline", "Amount": 150, "PartyA": str(PAYER), "PartyB": CODE, "PhoneNumber": str(PAYER),
            "CallBackURL": "https://us.test/cb", "AccountReference": "abc", "TransactionDesc": "Coko", **more}


def call(mpesa, path, fields, token=None):
    return http_request("POST", mpesa.url + path, json.dumps(fields).encode(), {
        "Authorization": f"Bearer {token or bearer(mpesa)}", "Content-Type": "application/json"})


@pytest.mark.parametrize("wrong", [{"Amount": 0}, {"Amount": "1.50"}, {"Amount": -1}, {"Timestamp": "now"}, {"PartyA": "254700000000"},
                                   {"AccountReference": "thirteen-long"}, {"TransactionType": "Other"}, {"CallBackURL": "us"}], ids=str)
def test_bodies_that_are_refused(mpesa, wrong):
    answer = call(mpesa, "/mpesa/stkpush/v1/processrequest", body(**wrong))
    assert (answer.status, answer.json()["errorCode"]) == (400, "400.002.02")
    assert ledger(mpesa)["pushes"] == []


def test_tokens_end(mpesa):
    mpesa.control("POST", "/lab/settings", {"token_ttl": 0})
    answer = call(mpesa, "/mpesa/stkpush/v1/processrequest", body())
    assert (answer.status, answer.json()["errorCode"]) == (404, "404.001.03")


def test_two_pushes_of_one_merchant_are_two(mpesa):
    """No reference makes them one: what the daemon must never lose."""
    ids = {call(mpesa, "/mpesa/stkpush/v1/processrequest", body()).json()["CheckoutRequestID"] for _ in range(2)}
    assert len(ids) == 2 and all(i.endswith(str(PAYER)[-9:]) for i in ids)


def test_an_unreachable_phone_pays_all_the_same(mpesa):
    mpesa.control("POST", "/lab/payer", {"msisdn": str(PAYER), "behaviour": "unreachable", "late_ms": 1})
    made = call(mpesa, "/mpesa/stkpush/v1/processrequest", body()).json()["CheckoutRequestID"]
    wait_until(lambda: ledger(mpesa)["count"] == 1, "the late debit")
    assert call(mpesa, "/mpesa/stkpushquery/v1/query", body(CheckoutRequestID=made)).json()["ResultCode"] == "0"
