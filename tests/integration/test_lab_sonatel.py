# SPDX-License-Identifier: Apache-2.0
"""The lab's Orange Money, by hand: what the real one insists on, its codes, what it lists. No client of it that others
wrote was found, so this file reads the published tables a second time, and openssl checks the key."""
import base64
import json
import subprocess
import urllib.parse
import uuid

import pytest

from support import http_request

PAYER = "771234567"


class Merchant:
    def __init__(self, rail):
        self.url = f"http://127.0.0.1:{rail.port}"
        self.rail, self.bearer = rail, None

    def token(self, **form):
        body = {"grant_type": "client_credentials", "client_id": "lab-client", "client_secret": "lab-client/secret+1", **form}
        return http_request("POST", self.url + "/oauth/v1/token", urllib.parse.urlencode(body).encode(),
                            {"Content-Type": "application/x-www-form-urlencoded"})

    def call(self, method, path, body=None, **headers):
        if self.bearer is None:
            self.bearer = self.token().json()["access_token"]
        sent = {"Authorization": f"Bearer {self.bearer}", "Content_Type": "application/json", **headers}
        answer = http_request(method, self.url + path, None if body is None else json.dumps(body).encode(),
                              {k.replace("_", "-"): v for k, v in sent.items() if v is not None})
        return answer.status, json.loads(answer.body or b"null")

    def otp(self, **more):
        return self.rail.control("POST", "/lab/otp", {"msisdn": PAYER, **more})["otp"]

    def pay(self, otp, ref=None, **more):
        return self.call("POST", "/api/eWallet/v1/payments/onestep", {
            "customer": {"idType": "MSISDN", "id": PAYER, "otp": otp}, "partner": {"idType": "CODE", "id": "123456"},
            "amount": {"value": 100, "unit": "XOF"}, "reference": ref or str(uuid.uuid4()), **more})

    def search(self, reference, **more):
        return self.call("GET", f"/api/eWallet/v1/transactions?reference={reference}", **more)

    def debits(self):
        return self.rail.control("GET", "/lab/ledger")["debits"]


@pytest.fixture
def merchant(sonatel):
    return Merchant(sonatel)


def test_a_token_lives_299_seconds_and_wants_a_form(merchant):
    assert merchant.token().json()["expires_in"] == 299
    assert merchant.token(client_secret="wrong").status == 401
    assert merchant.call("GET", "/api/account/v1/publicKeys", Authorization="Bearer x")[0] == 401


def test_json_is_wanted_on_get_too(merchant):
    status, body = merchant.search("x", Content_Type=None)
    assert status == 415 and (body["status"], type(body["code"])) == ("415", str)


def test_a_code_pays_once_for_its_amount_and_payer(merchant):
    reference = str(uuid.uuid4())
    code = merchant.otp()
    assert merchant.pay("000000" if code != "000000" else "000001")[1]["title"] == "Invalid OTP"
    status, body = merchant.pay(code, reference)
    assert (status, body["status"], body["reference"]) == (200, "SUCCESS", reference) and "amount" not in body
    assert merchant.pay(code)[0] == 400
    assert merchant.pay(merchant.otp(amount=500))[0] == 400
    merchant.rail.control("POST", "/lab/settings", {"otp_ttl_ms": 0})
    assert merchant.pay(merchant.otp())[0] == 400
    assert [d["amount"] for d in merchant.debits()] == [100]
    item, = merchant.search(reference)[1]
    assert isinstance(item["amount"]["value"], float) and item["amount"] == {"value": 100.0, "unit": "XOF"}
    assert merchant.call("GET", f"/api/eWallet/v1/transactions/{item['transactionId']}/status")[1] == {"status": "SUCCESS"}
    assert merchant.search(f"{reference}&type=MERCHANT_PAYMENT")[1] == []


@pytest.mark.parametrize("change", [{"amount": {"value": 9, "unit": "XOF"}}, {"amount": {"value": "100", "unit": "XOF"}},
                                    {"amount": {"value": 100, "unit": "XAF"}}, {"reference": ""},
                                    {"customer": {"idType": "MSISDN", "id": "221771234567", "otp": "1"}},
                                    {"partner": {"idType": "CODE", "id": "12345"}}, {"partner": {"idType": "CODE", "id": "654321"}}], ids=str)
def test_what_is_refused_uses_no_code_up(merchant, change):
    code = merchant.otp()
    assert merchant.pay(code, **change)[0] in (400, 403)
    assert merchant.debits() == [] and merchant.pay(code)[1]["status"] == "SUCCESS"


def test_an_unpaid_link_is_not_listed(merchant):
    reference = str(uuid.uuid4())
    status, link = merchant.call("POST", "/api/eWallet/v4/qrcode", {
        "code": "123456", "name": "Coko", "amount": {"value": 100, "unit": "XOF"}, "validity": 600, "reference": reference})
    assert status == 200 and link["shortLink"].startswith("https://") and merchant.search(reference)[1] == []
    merchant.rail.control("POST", "/lab/pay_link", {"reference": reference, "msisdn": PAYER})
    assert [t["status"] for t in merchant.search(reference)[1]] == ["SUCCESS"] and len(merchant.debits()) == 1


def test_a_cash_in_opens_the_pin(merchant, tmp_path):
    _, key = merchant.call("GET", "/api/account/v1/publicKeys")
    (tmp_path / "key").write_bytes(base64.b64decode(key["key"]))

    def cash_in(pin):
        sealed = subprocess.run(["openssl", "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", tmp_path / "key"],
                                input=pin.encode(), capture_output=True, check=True).stdout
        assert len(base64.b64encode(sealed)) == 344
        return merchant.call("POST", "/api/eWallet/v1/cashins", {
            "partner": {"idType": "MSISDN", "id": "771000001", "encryptedPinCode": base64.b64encode(sealed).decode()},
            "customer": {"idType": "MSISDN", "id": PAYER}, "amount": {"value": 100, "unit": "XOF"}, "reference": "r1"})
    assert cash_in("0000")[0] == 400
    assert cash_in("2468")[1]["status"] == "SUCCESS"
    merchant.rail.control("POST", "/lab/settings", {"drop_keys": True})
    assert cash_in("2468")[1]["code"] == "4003"
    assert len(merchant.rail.control("GET", "/lab/ledger")["cash_ins"]) == 1
