# SPDX-License-Identifier: Apache-2.0
"""The lab's operator billing, by hand: what it refuses, what it keeps, what it sends. The rules are read off CAMARA's Carrier
Billing and Carrier Billing Refund; no client of others speaks them. The ledger is asked every time."""
import base64
import json

import pytest

from lab_fixtures import catcher  # noqa: F401
from support import Lab, http_request, wait_until

PAY, READ = "carrier-billing:payments:create", "carrier-billing:payments:read"
GIVE, SEE = "carrier-billing-refund:refunds:create", "carrier-billing-refund:refunds:read"
BILLING, REFUNDS = "/carrier-billing/v0.5", "/carrier-billing-refund/v0.3"
LINE = "+2250700000001"


@pytest.fixture(scope="module")
def program(work_dir):
    one = Lab("airtime_rail.py", work_dir / "airtime-of-the-lab.log", "--port", "0", "--behaviour", "at_once")
    yield one
    assert one.stop() == 0


@pytest.fixture
def operator(program):
    program.control("POST", "/lab/reset")
    program.control("POST", "/lab/payer", {"msisdn": "*", "behaviour": "at_once"})
    return program


def token(operator, *scopes, secret="lab-client-secret"):
    pair = base64.b64encode(f"lab-client:{secret}".encode()).decode()
    form = f"grant_type=client_credentials&scope={'+'.join(scopes)}".encode()
    return http_request("POST", operator.url + "/oauth2/token", form, {"Authorization": f"Basic {pair}",
                        "Content-Type": "application/x-www-form-urlencoded"})


def call(operator, method, path, body=None, scopes=(PAY, READ, GIVE, SEE)):
    bearer = token(operator, *scopes).json()["access_token"]
    headers = {"Authorization": f"Bearer {bearer}", "x-correlator": "c-1", "Content-Type": "application/json"}
    return http_request(method, operator.url + path, json.dumps(body).encode() if body is not None else b"", headers)


def money(**more):
    return {"chargingInformation": {"amount": 100, "currency": "XOF", "description": "Coko", "isTaxIncluded": True, **more}}


def payment(reference="r-1", correlator="r-1", amount=None, **more):
    return {"amountTransaction": {"phoneNumber": LINE, "clientCorrelator": correlator, "referenceCode": reference,
                                  "paymentAmount": amount or money()}, **more}


def pay(operator, *args, **more):
    answer = call(operator, "POST", BILLING + "/payments", payment(*args, **more))
    assert answer.status == 201, answer.body
    return answer.json()


def ledger(operator):
    return operator.control("GET", "/lab/ledger")


def refused(answer, status, code):
    assert (answer.status, answer.json()["status"], answer.json()["code"]) == (status, status, code), answer.body
    return answer.json()["message"]


def test_a_payment_is_one_debit_and_a_repetition_none(operator):
    made = pay(operator)
    assert made["paymentStatus"] == "succeeded" and made["amountTransaction"]["serverReferenceCode"]
    assert "already exist" in refused(call(operator, "POST", BILLING + "/payments", payment("r-2")), 400, "INVALID_ARGUMENT")
    refused(call(operator, "POST", BILLING + "/payments", payment(correlator="r-2")), 409, "ALREADY_EXISTS")
    assert call(operator, "GET", f"{BILLING}/payments/{made['paymentId']}").json() == made
    refused(call(operator, "GET", BILLING + "/payments/AK0"), 404, "NOT_FOUND")
    debit, = ledger(operator)["debits"]
    assert (debit["payer"], debit["amount"], debit["reference"]) == (LINE[1:], 100, "r-1") and ledger(operator)["duplicates"] == 2


@pytest.mark.parametrize("wrong, code", [
    ({"phoneNumber": "2250700000001"}, "INVALID_ARGUMENT"), ({"referenceCode": ""}, "INVALID_ARGUMENT"),
    ({"paymentAmount": money(amount="100")}, "INVALID_ARGUMENT"), ({"paymentAmount": money(amount=0)}, "INVALID_ARGUMENT"),
    ({"paymentAmount": money(currency="XAF")}, "INVALID_ARGUMENT"), ({"paymentAmount": {}}, "INVALID_ARGUMENT"),
    ({"clientCorrelator": 1}, "INVALID_ARGUMENT")], ids=str)
def test_bodies_that_are_refused(operator, wrong, code):
    body = payment()
    body["amountTransaction"].update(wrong)
    refused(call(operator, "POST", BILLING + "/payments", body), 400, code)
    refused(call(operator, "POST", BILLING + "/payments", payment(sink="http://us.test/")), 400, "INVALID_SINK")
    assert ledger(operator)["payments"] == []


def test_who_may_do_what(operator):
    assert token(operator, PAY, secret="other").status == 401 and token(operator, "all").status == 400
    for method, path, scope in (("POST", BILLING + "/payments", READ), ("GET", BILLING + "/payments", GIVE),
                                ("GET", REFUNDS + "/payments/x/refunds", PAY)):
        refused(call(operator, method, path, payment() if method == "POST" else None, scopes=(scope,)), 403, "PERMISSION_DENIED")
    assert http_request("GET", operator.url + BILLING + "/payments").status == 401


def test_lines_behave(operator):
    for kind, status, code in (("refuse", 403, "CARRIER_BILLING.PAYMENT_DENIED"), ("nobody", 404, "IDENTIFIER_NOT_FOUND"),
                               ("above", 422, "CARRIER_BILLING.USER_AMOUNT_THRESHOLD_OVERPASSED"),
                               ("not_sold", 422, "SERVICE_NOT_APPLICABLE")):
        operator.control("POST", "/lab/payer", {"msisdn": LINE, "behaviour": kind})
        refused(call(operator, "POST", BILLING + "/payments", payment()), status, code)
    assert ledger(operator)["payments"] == []
    for kind, end in (("approve", "succeeded"), ("deny", "denied"), ("lapse", "cancelled")):
        operator.control("POST", "/lab/payer", {"msisdn": LINE, "behaviour": kind, "delay_ms": 0})
        assert pay(operator, kind, kind)["paymentStatus"] == "processing"
        wait_until(lambda end=end: ledger(operator)["payments"][-1]["status"] == end, end)
    assert operator.control("POST", "/lab/succeed", {"reference": "lapse", "late": True})["done"]
    assert [d["reference"] for d in ledger(operator)["debits"]] == ["approve", "lapse"]


def test_the_list_has_pages_and_a_window(operator):
    operator.control("POST", "/lab/crowd", {"count": 12, "at_s": -3600})
    operator.control("POST", "/lab/crowd", {"count": 12})
    made = pay(operator)

    def page(query):
        answer = call(operator, "GET", f"{BILLING}/payments?{query}")
        return [p["amountTransaction"]["referenceCode"] for p in answer.json()], answer.headers.get("x-total-count")
    newest, total = page("")
    assert newest[0] == "r-1" and len(newest) == 10 and total == "25"
    assert page("order=asc&perPage=100")[0][-1] == "r-1" and page("order=asc&perPage=20&page=2")[0][-1] == "r-1"
    assert page("page=4") == ([], "25")
    hour = made["paymentCreationDate"]
    assert page(f"paymentCreationDate.gte={hour}&paymentCreationDate.lte={hour}")[0] == ["r-1"]
    operator.control("POST", "/lab/settings", {"page_most": 5, "totals": False})
    newest, total = page("perPage=100")
    assert len(newest) == 5 and total is None


def test_refunds_are_never_above_what_was_paid(operator):
    made = pay(operator)
    path = f"{REFUNDS}/payments/{made['paymentId']}/refunds"

    def give(reference, amount, **more):
        return call(operator, "POST", path, {"type": "partial", "amountTransaction": {
            "clientCorrelator": reference, "referenceCode": reference, "refundAmount": money(amount=amount, **more)}})
    refused(give("f-1", 60, isTaxIncluded=False), 422, "CARRIER_BILLING_REFUND.TAXES_MANAGEMENT_MISMATCH")
    first = give("f-1", 60).json()
    assert first["refundStatus"] == "succeeded" and call(operator, "GET", f"{path}/{first['refundId']}").json() == first
    refused(give("f-1", 40), 400, "INVALID_ARGUMENT")
    refused(give("f-2", 41), 422, "CARRIER_BILLING_REFUND.UNAUTHORIZED_AMOUNT")
    operator.control("POST", "/lab/refund", {"behaviour": "deny", "delay_ms": 0})
    denied = give("f-2", 40).json()["refundId"]
    wait_until(lambda: call(operator, "GET", f"{path}/{denied}").json()["refundStatus"] == "denied", "its end")
    operator.control("POST", "/lab/refund", {"behaviour": "approve"})
    assert give("f-3", 40).status == 201
    assert [c["amount"] for c in ledger(operator)["credits"]] == [60, 40] and len(call(operator, "GET", path).json()) == 3
    refused(call(operator, "POST", f"{REFUNDS}/payments/AK0/refunds", {"type": "total", "amountTransaction": {}}), 404, "NOT_FOUND")


def test_notifications_bring_their_bearer(operator, catcher):  # noqa: F811
    operator.control("POST", "/lab/settings", {"deliver_to": catcher.url})
    credential = {"credentialType": "ACCESSTOKEN", "accessToken": "bearer-1", "accessTokenType": "bearer",
                  "accessTokenExpiresUtc": "2099-01-01T00:00:00Z"}
    made = pay(operator, sink="https://us.test/pay/airtime/s/r-1", sinkCredential=credential)
    got, = catcher.wait(1)
    event = json.loads(got["body"])
    assert got["headers"]["authorization"] == "Bearer bearer-1" and got["headers"]["content-type"] == "application/cloudevents+json"
    assert event["type"].endswith("payment-completed") and event["data"]["paymentId"] == made["paymentId"]
    assert event["specversion"] == "1.0" and event["data"]["status"] == "succeeded"
    assert "bearer-1" not in json.dumps(operator.control("GET", "/lab/requests"))


def test_faults_strike_around_the_work(operator):
    for n, (fault, made) in enumerate((("drop", 0), ("html", 0), ("cut", 1), ("html_after", 1))):
        operator.control("POST", "/lab/faults", {"op": "pay", "fault": fault})
        before = len(ledger(operator)["debits"])
        try:
            assert call(operator, "POST", BILLING + "/payments", payment(f"r{n}", f"r{n}")).body.startswith(b"<html>")
        except OSError:
            pass
        assert len(ledger(operator)["debits"]) - before == made, fault
    operator.control("POST", "/lab/faults", {"op": "list", "fault": "wrong", "set": {"amountTransaction": {"referenceCode": "x"}}})
    shown = call(operator, "GET", BILLING + "/payments").json()
    assert {p["amountTransaction"]["referenceCode"] for p in shown} == {"x"} and shown[0]["amountTransaction"]["phoneNumber"] == LINE
