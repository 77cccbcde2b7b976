# SPDX-License-Identifier: Apache-2.0
"""The lab's Wave, by hand: what it refuses, what it keeps, what it sends. No client of others speaks Wave, so the rules here
are read off its documentation; the signatures are those of its published vector. The ledger is asked every time."""
import hashlib
import hmac
import json
import time

import pytest

from lab_fixtures import catcher  # noqa: F401
from support import Lab, http_request, wait_until

import wave_rail

KEY, SIGNING, HOOK = "lab-wave-key", "lab-wave-signing-secret", "lab-wave-webhook-secret"
GOOD = {"amount": "2500", "currency": "XOF", "client_reference": "r-1", "success_url": "https://us.test/ok",
        "error_url": "https://us.test/no"}


@pytest.fixture(scope="module")
def program(work_dir):
    one = Lab("wave_rail.py", work_dir / "wave-of-the-lab.log", "--port", "0", "--retry-ms", "50", "--currency", "XOF",
              "--currency", "GMD")
    yield one
    assert one.stop() == 0


@pytest.fixture
def wave(program):
    program.control("POST", "/lab/reset")
    program.control("POST", "/lab/behave", {"behaviour": "wait"})
    return program


def call(wave, method, path, body=None, key=KEY, **headers):
    text = json.dumps(body).encode() if body is not None else b""
    sent = {"Authorization": f"Bearer {key}", **({"Content-Type": "application/json"} if body is not None else {})}
    sent.update({k.replace("_", "-"): v for k, v in headers.items()})
    return http_request(method, wave.url + "/v1/checkout/sessions" + path, text, {k: v for k, v in sent.items() if v is not None})


def create(wave, **fields):
    answer = call(wave, "POST", "", {**GOOD, **fields})
    assert answer.status == 200, answer.body
    return answer.json()


def ledger(wave):
    return wave.control("GET", "/lab/ledger")


def test_the_vector_that_wave_publishes():
    body = (b'{"id": "AE_ijzo7oGgrlM7", "type": "checkout.session.completed", "data": {"id": "cos-1b01sghpg100j", "amount": "100", '
            b'"checkout_status": "complete", "client_reference": null, "currency": "XOF", "error_url": "https://example.com/error", '
            b'"last_payment_error": null, "business_name": "Annas Apiaries", "payment_status": "succeeded", '
            b'"success_url": "https://example.com/success", "wave_launch_url": '
            b'"https://pay.wave.com/c/cos-1b01sghpg100j?a=100&c=XOF&m=Annas%20Apiaries", "when_completed": "2022-11-08T15:05:45Z", '
            b'"when_created": "2022-11-08T15:05:32Z", "when_expires": "2022-11-09T15:05:32Z", "transaction_id": "TCN4Y4ZC3FM"}}')
    assert hashlib.sha256(body).hexdigest() == "4b38375855c258e2f278a9406a3cca460f9897eb6b12cf6219a625e3ab597bb3"
    secret = "wave_sn_WHS_xz4m6g8rjs9bshxy05xj4khcvjv7j3hcp4fbpvv6met0zdrjvezg"
    assert wave_rail.signature(secret, body, 1667920421) == "53c971695230e9c51b1030d673eee76e70bbcdf8a7c5b8c1d44e0b8b1329647b"


def test_a_session_is_paid_once(wave):
    made = create(wave)
    assert made["id"].startswith("cos-") and made["wave_launch_url"].startswith("https://")
    assert (made["checkout_status"], made["payment_status"], made["amount"]) == ("open", "processing", "2500")
    assert made["when_created"] < made["when_expires"] and "transaction_id" not in made
    paid = wave.control("POST", "/lab/pay", {"link": made["wave_launch_url"]})
    assert paid["done"] and http_request("POST", wave.control_url + "/lab/pay", {"id": made["id"]}).status == 409
    shown = call(wave, "GET", "/" + made["id"]).json()
    assert (shown["checkout_status"], shown["payment_status"]) == ("complete", "succeeded")
    debit, = ledger(wave)["debits"]
    assert (debit["id"], debit["transaction_id"], debit["amount"]) == (made["id"], shown["transaction_id"], "2500")
    assert call(wave, "GET", f"?transaction_id={shown['transaction_id']}").json()["id"] == made["id"]


def test_who_is_refused(wave):
    for key, code in ((None, "missing-auth-header"), ("Basic x", "invalid-auth"), ("Bearer ", "api-key-not-provided"),
                      ("Bearer other", "no-matching-api-key")):
        answer = call(wave, "POST", "", GOOD, Authorization=key)
        assert (answer.status, answer.json()["code"]) == (401, code)
    assert ledger(wave)["sessions"] == {}


@pytest.mark.parametrize("wrong", [
    {"amount": 2500}, {"amount": "2500.00"}, {"amount": "02500"}, {"amount": "0"}, {"amount": "-1"}, {"amount": None},
    {"currency": "EUR"}, {"success_url": "http://us.test/"}, {"error_url": None}, {"client_reference": "x" * 256},
    {"restrict_payer_mobile": "771234567"}, {"label": "x"}], ids=str)
def test_bodies_that_are_refused(wave, wrong):
    answer = call(wave, "POST", "", {**GOOD, **wrong})
    assert (answer.status, answer.json()["code"]) == (422, "request-validation-error")
    assert ledger(wave)["sessions"] == {}


def test_other_currencies_take_decimals(wave):
    assert create(wave, amount="25.50", currency="GMD")["amount"] == "25.50"


def test_search_expire_and_its_conflicts(wave):
    assert call(wave, "GET", "/search?client_reference=r-1").json() == {"result": []}
    one, two = create(wave), create(wave)
    other = create(wave, client_reference="r-2")
    assert [s["id"] for s in call(wave, "GET", "/search?client_reference=r-1").json()["result"]] == [one["id"], two["id"]]
    assert call(wave, "POST", f"/{one['id']}/expire").status == 200
    assert call(wave, "POST", f"/{one['id']}/expire").status == 409
    wave.control("POST", "/lab/pay", {"id": two["id"]})
    assert call(wave, "POST", f"/{two['id']}/expire").status == 409
    assert http_request("POST", wave.control_url + "/lab/pay", {"id": one["id"]}).status == 409      # over is over
    assert call(wave, "GET", "/" + other["id"]).json()["checkout_status"] == "open"
    gone = call(wave, "GET", "/cos-nothing")
    assert (gone.status, gone.json()["code"]) == (404, "checkout-session-not-found")


def test_refund_is_idempotent_and_tells_nobody(wave):
    made = create(wave)
    refused = call(wave, "POST", f"/{made['id']}/refund")
    assert (refused.status, refused.json()["code"]) == (400, "checkout-refund-failed")
    wave.control("POST", "/lab/pay", {"id": made["id"]})
    assert [call(wave, "POST", f"/{made['id']}/refund").status for _ in range(3)] == [200] * 3
    assert [r["id"] for r in ledger(wave)["refunds"]] == [made["id"]]


def test_behaviours(wave):
    for kind, want in (("pay", ["complete", "succeeded"]), ("lapse", ["expired", "cancelled"]), ("late", ["complete", "succeeded"]),
                       ("fail", ["open", "cancelled"])):
        wave.control("POST", "/lab/behave", {"behaviour": kind, "lapse_ms": 0 if kind in ("lapse", "late") else 600_000})
        made = create(wave)
        wait_until(lambda made=made: ledger(wave)["sessions"][made["id"]][1:] == want,
                   lambda kind=kind, made=made: f"{kind}: {ledger(wave)['sessions'][made['id']]}")
    shown = call(wave, "GET", "/" + made["id"]).json()
    assert shown["last_payment_error"]["code"] == "insufficient-funds"


def signed(body, secret, age_s=0, between=b""):
    t = int(time.time()) - age_s
    return f"t={t},v1={hmac.new(secret.encode(), str(t).encode() + between + body, hashlib.sha256).hexdigest()}"


def test_a_key_that_wants_signatures(wave):
    wave.control("POST", "/lab/settings", {"signing_secret": SIGNING})
    body = json.dumps(GOOD).encode()
    for header, status in ((None, 401), (signed(body, SIGNING), 200), (signed(body, "other"), 401), (signed(body, SIGNING, 400), 401),
                           (signed(body, SIGNING, between=b"."), 401), (signed(b"", SIGNING), 401), ("v1=" + "0" * 64, 401)):
        assert call(wave, "POST", "", GOOD, Wave_Signature=header).status == status, header
    assert call(wave, "GET", "/search?client_reference=r-1").json()["code"] == "missing-signature"
    assert call(wave, "GET", "/search?client_reference=r-1", Wave_Signature=signed(b"", SIGNING)).status == 200


def test_webhooks_are_signed_and_come_again_until_taken(wave, catcher):  # noqa: F811
    answers = iter([(503, "text/plain", b""), (200, "text/plain", b"")])
    catcher.answer = lambda request: next(answers, (200, "text/plain", b""))
    wave.control("POST", "/lab/settings", {"webhook_url": catcher.url + "/hook", "webhook_secrets": ["new", HOOK]})
    made = create(wave)
    wave.control("POST", "/lab/pay", {"id": made["id"]})
    first, second = catcher.wait(2)[:2]
    assert first["body"] == second["body"]
    event = json.loads(first["body"])
    assert event["type"] == "checkout.session.completed" and event["data"]["id"] == made["id"]
    parts = [p.partition("=")[::2] for p in second["headers"]["wave-signature"].split(",")]
    assert [name for name, _ in parts] == ["t", "v1", "v1"]
    text = parts[0][1].encode() + second["body"]
    assert [value for _, value in parts[1:]] == [hmac.new(s, text, hashlib.sha256).hexdigest() for s in (b"new", HOOK.encode())]
    wave.control("POST", "/lab/settings", {"strategy": "bearer"})
    wave.control("POST", "/lab/webhook", {"id": made["id"]})
    last = catcher.wait(3)[-1]["headers"]
    assert last["authorization"] == "Bearer new" and "wave-signature" not in last


def test_faults_strike_around_the_work(wave):
    for fault, made in (("drop", 0), ("html", 0), ("cut", 1), ("html_after", 1)):
        wave.control("POST", "/lab/faults", {"op": "create", "fault": fault})
        before = len(ledger(wave)["sessions"])
        try:
            assert call(wave, "POST", "", GOOD).body.startswith(b"<html>")
        except OSError:
            pass
        assert len(ledger(wave)["sessions"]) - before == made, fault
    assert [e["fault"] for e in wave.control("GET", "/lab/requests?op=create")["requests"]] == ["drop", "html", "cut", "html_after"]
