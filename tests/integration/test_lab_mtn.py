# SPDX-License-Identifier: Apache-2.0
"""The lab's MTN rail, judged by npm "mtn-momo" as the merchant, and by hand where that client cannot:
validations, duplicates, behaviours of payers, faults, callbacks. The ledger is asked every time."""
import base64
import json
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab_fixtures import catcher, node_peer  # noqa: F401
from support import Lab, http_request, wait_until

from mtn_ledger import REASONS, add_decimal

PAYER = "2250500000001"
USER, KEY, SUBSCRIPTION = ("11111111-2222-4333-8444-555555555555", "lab-api-key",
                           "lab-subscription-key")


class Merchant:
    """The collections API by hand, so that every header can be wrong on purpose."""

    def __init__(self, url):
        self.url, self.bearer = url, None

    def token(self, body=None, **headers):
        basic = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
        answer = http_request("POST", self.url + "/collection/token/", body, {
            "Authorization": f"Basic {basic}", "Ocp-Apim-Subscription-Key": SUBSCRIPTION,
            "Content-Length": str(len(body or b"")), **headers})
        if answer.status == 200 and answer.headers["content-type"] == "application/json":
            self.bearer = answer.json()["access_token"]
        return answer

    def headers(self, **more):
        if self.bearer is None:
            self.token()
        found = {"Authorization": f"Bearer {self.bearer}",
                 "Ocp-Apim-Subscription-Key": SUBSCRIPTION, "X-Target-Environment": "sandbox"}
        found.update({k.replace("_", "-"): v for k, v in more.items()})
        return {k: v for k, v in found.items() if v is not None}

    def pay(self, reference=None, headers=None, **fields):
        reference = reference or str(uuid.uuid4())
        body = {"amount": "500", "currency": "EUR", "externalId": "7",
                "payer": {"partyIdType": "MSISDN", "partyId": PAYER},
                "payerMessage": "Pass 1 jour", "payeeNote": "Coko", **fields}
        answer = http_request(
            "POST", self.url + "/collection/v1_0/requesttopay",
            json.dumps(body, ensure_ascii=False).encode(),
            self.headers(**{"X_Reference_Id": reference, "Content-Type": "application/json",
                            **(headers or {})}))
        return reference, answer

    def status(self, reference, timeout=10):
        return http_request("GET", f"{self.url}/collection/v1_0/requesttopay/{reference}",
                            headers=self.headers(), timeout=timeout)

    def settled(self, reference):
        """The status reply once it is final."""
        return wait_until(lambda: (lambda r: r if r["status"] != "PENDING" else None)(
            self.status(reference).json()), "a final status")


@pytest.fixture(scope="module")
def program(work_dir):
    """One rail for the module: each test gets it empty."""
    one = Lab("mtn_rail.py", work_dir / "mtn-of-the-lab.log", "--port", "0")
    yield one
    assert one.stop() == 0


@pytest.fixture
def mtn(program):
    program.control("POST", "/lab/reset")
    return program


@pytest.fixture
def merchant(mtn):
    return Merchant(mtn.url)


def payer(mtn, behaviour, msisdn=PAYER, **more):
    mtn.control("POST", "/lab/payer", {"msisdn": msisdn, "behaviour": behaviour, **more})


def ledger(mtn, count=0, wait=0):
    return mtn.control("GET", f"/lab/ledger?count={count}&wait_ms={wait}")


def journal(mtn, **query):
    return mtn.control("GET", "/lab/requests?" + "&".join(f"{k}={v}" for k, v in query.items())
                       )["requests"]


# --- the independent merchant ------------------------------------------------------------------
@pytest.fixture
def momo(mtn, node_peer):  # noqa: F811
    peer = node_peer("mtn_client.js", "--base", mtn.url)
    assert peer.ask("provision")["ok"]
    return peer


def test_npm_client_provisions_pays_and_learns_the_end(mtn, momo):
    payer(mtn, "ignore")
    reference = momo.ask("pay", payer=PAYER, amount="500", currency="EUR")["reference"]
    assert momo.ask("status", reference=reference)["transaction"]["status"] == "PENDING"
    assert ledger(mtn)["count"] == 0
    mtn.control("POST", "/lab/approve", {"reference": reference})
    done = momo.ask("status", reference=reference)["transaction"]
    [debit] = ledger(mtn)["debits"]
    assert done["status"] == "SUCCESSFUL" and done["payer"]["partyId"] == PAYER
    assert done["financialTransactionId"] == debit["financialTransactionId"]
    assert momo.ask("balance")["balance"]["currency"] == "EUR"
    assert momo.ask("active", payer=PAYER)["active"] == {"result": True}
    assert [e["op"] for e in journal(mtn, limit=3)][0] in ("provision", "status", "pay")
    assert len(journal(mtn, op="token")) == 1


NPM_ERRORS = {reason: "".join(w.capitalize() for w in reason.split("_")) + "Error"
              for reason in REASONS}
NPM_ERRORS.update(INTERNAL_PROCESSING_ERROR="InternalProcessingError",
                  TRANSACTION_CANCELED="TransactionCancelledError",
                  COULD_NOT_PERFORM_TRANSACTION="UnspecifiedError",
                  SENDER_ACCOUNT_NOT_ACTIVE="UnspecifiedError")


def test_npm_client_knows_every_reason(mtn, momo):
    for number, reason in enumerate(REASONS):
        msisdn = f"22505000010{number:02}"
        payer(mtn, "fail", msisdn, reason=reason)
        reference = momo.ask("pay", payer=msisdn, amount="500", currency="EUR")["reference"]
        mtn.control("GET", f"/lab/charges?payer={msisdn}&status=FAILED&wait_ms=5000")
        got = momo.ask("status", reference=reference)
        assert (got["error"], got["transaction"]["reason"]) == (NPM_ERRORS[reason], reason)
    assert ledger(mtn)["count"] == 0


def test_npm_client_meets_refusals(mtn, momo, node_peer):  # noqa: F811
    assert momo.ask("pay", payer=PAYER, amount="5", currency="XOF")["error"] == "InvalidCurrencyError"
    assert not momo.ask("pay", payer=PAYER, amount="5", currency="EUR", message="l'abonnement")["ok"]
    got = momo.ask("pay", payer=PAYER, amount="5", currency="EUR", callbackUrl="http://evil.example/")
    assert got["error"] == "InvalidCallbackUrlHostError"
    stranger = node_peer("mtn_client.js", "--base", mtn.url, "--key", "wrong")
    assert not stranger.ask("provision")["ok"]
    assert ledger(mtn)["charges"] == {}


# --- validations -------------------------------------------------------------------------------
def test_token(mtn, merchant):
    """Section 3: no body with a length, or JSON; a form gets HTML with 200; no length gets 411."""
    assert merchant.token().json()["expires_in"] == 3600
    assert merchant.token(b'{"grant_type":"client_credentials"}',
                          **{"Content-Type": "application/json"}).status == 200
    html = merchant.token(b"grant_type=client_credentials",
                          **{"Content-Type": "application/x-www-form-urlencoded"})
    assert html.status == 200 and "Request Rejected" in html.text
    assert merchant.token(Authorization="Basic eDp5").status == 401
    wrong = base64.b64encode(f"{USER}:wrong".encode()).decode()
    assert merchant.token(Authorization=f"Basic {wrong}").status == 401
    assert merchant.token(**{"Ocp-Apim-Subscription-Key": "x"}).status == 401
    with socket.create_connection(("127.0.0.1", mtn.port), 5) as bare:
        bare.sendall(f"POST /collection/token/ HTTP/1.1\r\nHost: x\r\nOcp-Apim-Subscription-Key: "
                     f"{SUBSCRIPTION}\r\n\r\n".encode())
        assert b" 411 " in bare.recv(4096)


@pytest.mark.parametrize("headers,status,code", [
    ({"X_Target_Environment": None}, 400, "BAD_REQUEST"),
    ({"X_Target_Environment": "mtnbenin"}, 500, "NOT_ALLOWED_TARGET_ENVIRONMENT"),
    ({"Authorization": "Bearer forged"}, 401, "ACCESS_DENIED"),
    ({"Authorization": None}, 401, "ACCESS_DENIED"),
    ({"Ocp_Apim_Subscription_Key": None}, 401, "ACCESS_DENIED"),
    ({"X_Reference_Id": "not-a-uuid"}, 400, "BAD_REQUEST"),
    ({"X_Reference_Id": str(uuid.uuid1())}, 400, "BAD_REQUEST"),
    ({"Content-Type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ({"X_Callback_Url": "http://elsewhere.example/x"}, 500, "INVALID_CALLBACK_URL_HOST")])
def test_headers(mtn, merchant, headers, status, code):
    _, answer = merchant.pay(headers=headers)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert ledger(mtn)["charges"] == {}


@pytest.mark.parametrize("fields,status", [
    ({"payerMessage": "l'abonnement"}, 400), ({"payeeNote": "x" * 161}, 400),
    ({"payeeNote": "x" * 160}, 202), ({"currency": "XOF"}, 500), ({"amount": 500}, 400),
    ({"amount": "0"}, 400), ({"amount": "-5"}, 400), ({"amount": "1e3"}, 400),
    ({"amount": "5.005"}, 400), ({"amount": "5.50"}, 202), ({"payer": {}}, 400),
    ({"payer": {"partyIdType": "MSISDN", "partyId": "+2250500000001"}}, 400),
    ({"payer": {"partyIdType": "EMAIL", "partyId": "a@b"}}, 400)])
def test_body(mtn, merchant, fields, status):
    """Hard cases 15 and 29 of the money reference."""
    assert merchant.pay(**fields)[1].status == status


def test_xof_has_no_decimals_and_settings_follow_the_country(mtn, merchant):
    mtn.control("POST", "/lab/settings", {"currency": ["XOF"], "environment": "mtnivorycoast"})
    headers = {"X_Target_Environment": "mtnivorycoast"}
    assert merchant.pay(headers=headers, currency="XOF", amount="250.00")[1].status == 400
    assert merchant.pay(headers=headers, currency="XOF", amount="250")[1].status == 202
    assert merchant.pay(headers=headers)[1].status == 500


def test_expired_token_is_refused(mtn, merchant):
    """Hard case 19: dropped by the rail, or its life is over."""
    merchant.token()
    mtn.control("POST", "/lab/settings", {"drop_tokens": True})
    assert merchant.pay()[1].status == 401
    mtn.control("POST", "/lab/settings", {"token_ttl": 0})
    assert merchant.token().json()["expires_in"] == 0
    assert merchant.pay()[1].status == 401


# --- one debit a reference -----------------------------------------------------------------------
def test_duplicate_reference(mtn, merchant):
    """Hard case 4: 409, and one debit however many submit at once."""
    payer(mtn, "approve", delay_ms=0)
    reference, first = merchant.pay()
    assert first.status == 202 and first.body == b""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(merchant.pay(reference.upper())[1]))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert {a.status for a in answers} == {409}
    assert answers[0].json()["code"] == "RESOURCE_ALREADY_EXIST"
    assert merchant.settled(reference)["status"] == "SUCCESSFUL"
    book = ledger(mtn)
    assert book["count"] == 1 and book["duplicate_submits"] == 8
    assert book["by_payer"] == {PAYER: {"count": 1, "amounts": {"EUR": "500"}}}
    assert merchant.status(str(uuid.uuid4())).json()["code"] == "RESOURCE_NOT_FOUND"


def test_add_decimal():
    assert add_decimal("0.10", "0.20") == "0.30" and add_decimal("999.99", "0.01") == "1000"
    assert add_decimal("5.5", "1") == "6.50"


# --- payers ------------------------------------------------------------------------------------
@pytest.mark.parametrize("behaviour,more,status,reason", [
    ("approve", {"delay_ms": 50}, "SUCCESSFUL", None),
    ("reject", {}, "FAILED", "APPROVAL_REJECTED"),
    ("no_funds", {}, "FAILED", "NOT_ENOUGH_FUNDS"),
    ("ignore", {"lapse_ms": 50}, "FAILED", "EXPIRED"),
    ("ignore", {"lapse_ms": 50, "reason": "COULD_NOT_PERFORM_TRANSACTION"}, "FAILED",
     "COULD_NOT_PERFORM_TRANSACTION")])
def test_behaviours(mtn, merchant, behaviour, more, status, reason):
    payer(mtn, behaviour, **more)
    reference, _ = merchant.pay()
    done = merchant.settled(reference)
    assert (done["status"], done.get("reason")) == (status, reason)
    assert ledger(mtn)["count"] == (1 if status == "SUCCESSFUL" else 0)


def test_late_success(mtn, merchant):
    """Hard case 9: FAILED, EXPIRED, and then debited all the same."""
    payer(mtn, "late", lapse_ms=0, late_ms=300)
    reference, _ = merchant.pay()
    assert merchant.settled(reference)["reason"] == "EXPIRED"
    assert ledger(mtn, count=1, wait=5000)["count"] == 1
    assert merchant.status(reference).json()["status"] == "SUCCESSFUL"


def test_by_hand_and_default_and_table(mtn, merchant):
    payer(mtn, "pending", "*")
    first, _ = merchant.pay()
    second, _ = merchant.pay()
    [a, b] = mtn.control("GET", f"/lab/pending?payer={PAYER}&count=2&wait_ms=2000")["pending"]
    assert [a["reference"], b["reference"]] == [first, second]
    mtn.control("POST", "/lab/approve", {"msisdn": PAYER})
    mtn.control("POST", "/lab/reject", {"reference": second})
    assert merchant.status(second).json()["reason"] == "APPROVAL_REJECTED"
    for verb in ("approve", "reject", "expire"):             # the end is the end
        with pytest.raises(AssertionError, match="409"):
            mtn.control("POST", f"/lab/{verb}", {"reference": first})
    assert merchant.status(first).json()["status"] == "SUCCESSFUL"
    mtn.control("POST", "/lab/approve", {"reference": second, "late": True})
    assert ledger(mtn)["count"] == 2
    rejecting, _ = merchant.pay(payer={"partyIdType": "MSISDN", "partyId": "46733123451"})
    assert merchant.settled(rejecting)["reason"] == "APPROVAL_REJECTED"
    mtn.control("POST", "/lab/settings", {"reason_form": "object"})
    assert merchant.status(rejecting).json()["reason"]["code"] == "APPROVAL_REJECTED"


# --- faults ------------------------------------------------------------------------------------
def fault(mtn, op, name, **more):
    mtn.control("POST", "/lab/faults", {"op": op, "fault": name, **more})


@pytest.mark.parametrize("name,charged", [("drop", False), ("cut", True)])
def test_lost_submit(mtn, merchant, name, charged):
    """Hard cases 1 to 4: the merchant sees the same, the ledger does not."""
    payer(mtn, "approve", delay_ms=0)
    merchant.token()
    fault(mtn, "pay", name)
    reference = str(uuid.uuid4())
    with pytest.raises(OSError):
        merchant.pay(reference)
    assert merchant.status(reference).status == (200 if charged else 404)
    assert merchant.pay(reference)[1].status == (409 if charged else 202)
    merchant.settled(reference)
    assert ledger(mtn)["count"] == 1
    assert [e["fault"] for e in journal(mtn, op="pay")] == [name, None]


@pytest.mark.parametrize("name,more,status", [
    ("error", {"code": "SERVICE_UNAVAILABLE", "status": 503}, 503), ("error", {}, 500),
    ("html", {}, 200), ("throttle", {"retry_after": 2}, 429), ("unauthorized", {}, 401),
    ("redirect", {}, 302), ("raw", {"body": '{"status":', "status": 200}, 200)])
def test_fault_instead_of_the_work(mtn, merchant, name, more, status):
    """Hard case 21, and I3: the retry with the same reference is the first one the rail knows."""
    fault(mtn, "pay", name, **more)
    reference, answer = merchant.pay()
    assert answer.status == status
    assert ("html" in answer.headers["content-type"]) == (name == "html")
    assert merchant.pay(reference)[1].status == 202


@pytest.mark.parametrize("name,more", [
    ("error_after", {}), ("html_after", {}), ("delay_after", {"delay_ms": 10})])
def test_fault_after_the_work(mtn, merchant, name, more):
    fault(mtn, "pay", name, **more)
    reference, _ = merchant.pay()
    assert merchant.pay(reference)[1].status == 409


def test_status_lies_and_breaks(mtn, merchant):
    """Hard cases 15, 16, 17, 21 and 47, on one charge; the ledger is not moved by any."""
    payer(mtn, "approve", delay_ms=0)
    reference, _ = merchant.pay()
    merchant.settled(reference)
    for wrong in ({"amount": "50000"}, {"currency": "XAF"}, {"externalId": "other"},
                  {"status": "MAYBE"}, {"amount": None}):
        fault(mtn, "status", "wrong", set=wrong)
        got = merchant.status(reference).json()
        assert all(got.get(k) == v for k, v in wrong.items())
    fault(mtn, "status", "truncate", octets=20)
    assert len(merchant.status(reference).body) == 20
    fault(mtn, "status", "big", octets=100000)
    assert len(merchant.status(reference).body) > 100000
    fault(mtn, "status", "cut_after", octets=30)
    with pytest.raises(Exception):
        merchant.status(reference).json()
    for name in ("hang", "hang_after", "delay"):
        fault(mtn, "status", name, delay_ms=2000)
        with pytest.raises(TimeoutError):
            merchant.status(reference, timeout=0.3)
    for name in ("hold", "hold_after"):
        fault(mtn, "status", name)
        with ThreadPoolExecutor(1) as one:
            held = one.submit(merchant.status, reference)
            mtn.control("GET", f"/lab/requests?op=status&fault={name}&wait_ms=15000")
            assert not held.done() and merchant.status(reference).status == 200, "others are not held"
            mtn.control("POST", "/lab/release")
            assert held.result().status == 200
    fault(mtn, "status", "not_found", count=2)
    assert [merchant.status(reference).status for _ in range(3)] == [404, 404, 200]
    assert ledger(mtn)["count"] == 1


def test_faults_choose_their_payer_and_refuse_nonsense(mtn, merchant):
    fault(mtn, "pay", "error", payer="2250500000099", count=-1)
    assert merchant.pay()[1].status == 202
    other = {"partyIdType": "MSISDN", "partyId": "2250500000099"}
    assert [merchant.pay(payer=other)[1].status for _ in range(2)] == [500, 500]
    for bad in ({"op": "pay", "fault": "explode"}, {"op": "callback", "fault": "cut"},
                {"op": "pya", "fault": "cut"}):
        with pytest.raises(AssertionError, match="400"):
            mtn.control("POST", "/lab/faults", bad)
    mtn.control("POST", "/lab/faults", {"clear": True})
    assert merchant.pay(payer=other)[1].status == 202


# --- callbacks ---------------------------------------------------------------------------------
def call_back(merchant, catcher, **fields):  # noqa: F811
    return merchant.pay(headers={"X_Callback_Url": catcher.url + "/pay/mtn/cb"}, **fields)[0]


def test_callback_is_the_status_reply(mtn, merchant, catcher):  # noqa: F811
    payer(mtn, "approve", delay_ms=0)
    reference = call_back(merchant, catcher)
    [got] = catcher.wait(1)
    assert (got["method"], got["path"]) == ("PUT", "/pay/mtn/cb")
    assert json.loads(got["body"]) == merchant.status(reference).json()
    assert wait_until(lambda: journal(mtn, op="callback"), "the journal")[0]["status"] == 200


def test_duplicated_forged_early_and_lost_callbacks(mtn, merchant, catcher):  # noqa: F811
    """Hard cases 5, 7 and 11."""
    payer(mtn, "approve", delay_ms=0)
    fault(mtn, "callback", "duplicate", copies=64)
    call_back(merchant, catcher)
    assert len({r["body"] for r in catcher.wait(64)}) == 1
    catcher.requests.clear()
    fault(mtn, "callback", "forge", set={"status": "FAILED", "reason": "EXPIRED"})
    call_back(merchant, catcher)
    assert [json.loads(r["body"])["status"] for r in catcher.wait(2)] == ["FAILED", "SUCCESSFUL"]
    catcher.requests.clear()
    fault(mtn, "callback", "early")
    call_back(merchant, catcher)
    assert len(catcher.requests) == 1              # it was there before our 202
    fault(mtn, "callback", "drop")
    call_back(merchant, catcher)
    wait_until(lambda: journal(mtn, op="callback", fault="drop"), "the dropped callback")
    fault(mtn, "callback", "method", method="POST")
    call_back(merchant, catcher)
    assert catcher.wait(2)[-1]["method"] == "POST"
    assert ledger(mtn)["count"] == 5


def test_an_early_callback_is_of_who_approves(mtn, merchant, catcher):  # noqa: F811
    """Before, it made a payer pay who was told to leave his prompt open."""
    fault(mtn, "callback", "early")
    payer(mtn, "pending")
    assert merchant.status(call_back(merchant, catcher)).json()["status"] == "PENDING"
    payer(mtn, "reject", delay_ms=60000)
    assert merchant.status(call_back(merchant, catcher)).json()["status"] == "PENDING" and catcher.requests == []
    payer(mtn, "approve", delay_ms=60000)
    assert merchant.status(call_back(merchant, catcher)).json()["status"] == "SUCCESSFUL", "the fault still waited for him"


def test_callback_from_the_lab(mtn, merchant, catcher):  # noqa: F811
    payer(mtn, "pending")
    reference = call_back(merchant, catcher)
    answer = mtn.control("POST", "/lab/callback", {
        "reference": reference, "set": {"status": "SUCCESSFUL"}, "copies": 3})
    assert answer["statuses"] == [200] * 3
    assert json.loads(catcher.requests[0]["body"])["status"] == "SUCCESSFUL"
    assert merchant.status(reference).json()["status"] == "PENDING" and ledger(mtn)["count"] == 0


def test_reset(mtn, merchant):
    merchant.pay()
    mtn.control("POST", "/lab/reset")
    assert ledger(mtn)["charges"] == {} and journal(mtn) == []
    merchant.bearer = None
    assert merchant.pay()[1].status == 202
