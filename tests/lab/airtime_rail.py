#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for an operator's Carrier Billing: one-step payments, their list, refunds, notifications, faults.

Shaped like CAMARA's Carrier Billing and Carrier Billing Refund. Rail answers the merchant's calls,
airtime_control the test's under /lab/, airtime_ledger keeps debits and credits. One port serves all. Every
call is in the journal, with the fault that struck it. See README.md.
"""

import argparse
import asyncio
import base64
import itertools
import json
import re
import secrets
import sys
import time
import urllib.parse

import lab_http
import lab_rail
from airtime_control import Lab
from airtime_ledger import REFUSALS, Ledger, Payment, Refund, stamp
from lab_http import reply
from lab_rail import MAX_COPIES, RailError, ms

BILLING, REFUNDS = r"/carrier-billing/v0\.5", r"/carrier-billing-refund/v0\.3"
PHONE = re.compile(r"\+[1-9][0-9]{4,14}")
CORRELATOR = re.compile(r"[a-zA-Z0-9-_:;./<>{}]{0,256}")
PAY, READ = "carrier-billing:payments:create", "carrier-billing:payments:read"
GIVE, SEE = "carrier-billing-refund:refunds:create", "carrier-billing-refund:refunds:read"
CALLBACK = {"drop", "duplicate", "forge", "delay"}
OPS = {"token", "pay", "show", "list", "refund", "refund_show", "refund_list"}
INVALID = (400, "INVALID_ARGUMENT", "Client specified an invalid argument, request body or query param.")
USED = {"correlator": (400, "INVALID_ARGUMENT", "clientCorrelator already exist on server."),
        "reference": (409, "ALREADY_EXISTS", "The resource that a client tried to create already exists.")}
REFUND = "CARRIER_BILLING_REFUND."


class Rail(lab_rail.Rail):
    """The merchant's side of the API."""

    NOT_FOUND = ("NOT_FOUND", "The specified resource is not found.")

    def __init__(self, args):
        self.args = args
        super().__init__(Ledger({"behaviour": args.behaviour, "delay_ms": args.delay_ms}), OPS, CALLBACK)
        self.ledger.on_final = lambda payment: self.spawn(self.notify(payment))
        self.events, self.others = itertools.count(1), itertools.count(1)
        self.tokens = {}                      # token -> (expiry, scopes)
        self.lab = Lab(self)
        self.reset()

    def reset(self):
        super().reset()                       # tokens live on: a merchant is not told of a reset
        self.token_ttl, self.deliver_to = self.args.token_ttl, self.args.deliver_to
        self.page_most, self.totals, self.odd_ids = 100, True, False

    def identify(self, op, request, tail):
        """Our merchant's x-correlator is his reference."""
        payment = self.ledger.payments.get(tail[0]) if tail else None
        payer = payment.payer if payment else None
        if op == "pay":
            try:
                payer = json.loads(request.body)["amountTransaction"]["phoneNumber"].lstrip("+")
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                pass
        return request.headers.get("x-correlator", ""), payer

    def note(self, op, request, tail):
        entry = super().note(op, request, tail)
        entry["body"] = re.sub(r'("accessToken": ?)"[^"]*"', r'\1"..."', entry["body"])
        return entry

    def refusal(self, status, code, message):
        return reply({"status": status, "code": code, "message": message}, status)

    def unauthorized(self):
        return self.refusal(401, "UNAUTHENTICATED", "Request not authenticated due to missing, invalid, or "
                                                    "expired credentials.")

    async def afterwards(self, rule, fault, response):
        """`wrong` reaches into what is inside of a payment, and into each of a list."""
        if fault != "wrong":
            return await super().afterwards(rule, fault, response)
        body = json.loads(response.body)
        for one in body if isinstance(body, list) else [body]:
            merge(one, rule.get("set", {}))
        response.body = json.dumps(body).encode()
        return response

    # --- who asks --------------------------------------------------------------------------------
    def token(self, request):
        pair = base64.b64encode(f"{self.args.client_id}:{self.args.client_secret}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {pair}":
            raise RailError(401, "invalid_client", "Client authentication failed.")
        form = urllib.parse.parse_qs(request.body.decode("utf-8", "replace"))
        scopes = set(" ".join(form.get("scope", [])).split())
        if form.get("grant_type") != ["client_credentials"] or not scopes <= {PAY, READ, GIVE, SEE}:
            raise RailError(400, "invalid_request", "grant_type or scope")
        token = secrets.token_urlsafe(30)
        self.tokens[token] = time.monotonic() + self.token_ttl, scopes
        return reply({"access_token": token, "token_type": "bearer", "expires_in": self.token_ttl,
                      "scope": " ".join(sorted(scopes))})

    def check(self, request, scope):
        """The body of a merchant who may; {} of a GET."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        until, scopes = self.tokens.get(token, (0, set()))
        if scheme != "Bearer" or until < time.monotonic():
            raise RailError(401, "UNAUTHENTICATED", "A new authentication is required.")
        if scope not in scopes:
            raise RailError(403, "PERMISSION_DENIED", "Client does not have sufficient permissions.")
        if not CORRELATOR.fullmatch(request.headers.get("x-correlator", "")):
            raise RailError(*INVALID)
        if request.method == "GET":
            return {}
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            body = None
        if "json" not in request.headers.get("content-type", "") or not isinstance(body, dict):
            raise RailError(*INVALID)
        return body

    # --- payments --------------------------------------------------------------------------------
    def pay(self, request):
        body = self.check(request, PAY)
        transaction = body.get("amountTransaction")
        if not isinstance(transaction, dict) or set(body) - {"amountTransaction", "sink", "sinkCredential"}:
            raise RailError(*INVALID)
        payment = Payment()
        if not PHONE.fullmatch(str(transaction.get("phoneNumber"))):
            raise RailError(*INVALID)
        payment.payer = transaction["phoneNumber"][1:]
        payment.correlator, payment.reference = references(transaction)
        payment.amount, payment.currency, payment.description, payment.taxed = \
            self.charging(transaction.get("paymentAmount"))
        payment.sink, payment.credential = sink_of(body)
        used = self.ledger.used(payment.correlator, payment.reference, self.ledger.payments)
        if used:
            raise RailError(*USED[used])
        refused = REFUSALS.get(self.ledger.setting(payment.payer)["behaviour"])
        if refused:
            raise RailError(*refused)
        self.ledger.open(payment)
        return reply(self.shown(payment), 201)

    def charging(self, amount):
        it = amount.get("chargingInformation") if isinstance(amount, dict) else None
        if not isinstance(it, dict) or not {"amount", "currency", "description"} <= set(it):
            raise RailError(*INVALID)
        value = it["amount"]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0.001 \
                or not isinstance(it["description"], str):
            raise RailError(*INVALID)
        if it["currency"] != self.args.currency:
            raise RailError(400, "INVALID_ARGUMENT", "Currency is unknown or not authorized.")
        return value, it["currency"], it["description"], bool(it.get("isTaxIncluded", False))

    def shown(self, payment):
        view = payment.view()
        if self.odd_ids:
            view["paymentId"] = "urn:payments/" + view["paymentId"]
        return view

    def show(self, request, pid):
        self.check(request, READ)
        if pid not in self.ledger.payments:
            raise RailError(404, *self.NOT_FOUND)
        return reply(self.shown(self.ledger.payments[pid]))

    def payments(self, request):
        self.check(request, READ)
        query = request.query
        found = [p for p in self.ledger.payments.values()
                 if query.get("paymentCreationDate.gte", "") <= stamp(p.created)
                 <= query.get("paymentCreationDate.lte", "9")
                 and query.get("paymentStatus", p.status) == p.status]
        found.sort(key=lambda p: p.created, reverse=query.get("order", "desc") == "desc")
        return self.page(request, [self.shown(p) for p in found])

    def page(self, request, found):
        size = max(1, min(request.number("perPage", 10), self.page_most))
        start = (max(1, request.number("page", 1)) - 1) * size
        answer = reply(found[start:start + size])
        if self.totals:
            answer.headers.append(("X-Total-Count", len(found)))
        return answer

    def crowd(self, at_s):
        """A payment of somebody else's, made at_s from now."""
        number, payment = next(self.others), Payment()
        payment.payer, payment.correlator, payment.reference = "22500000000", None, f"other-{number}"
        payment.amount, payment.currency, payment.description = 100, self.args.currency, "Other"
        payment.taxed, payment.sink, payment.credential = True, None, None
        self.ledger.payers.setdefault(payment.payer, {"behaviour": "pending", "delay_ms": 0,
                                                      "late_ms": None})
        self.ledger.open(payment)
        payment.created += at_s

    # --- refunds ---------------------------------------------------------------------------------
    def of(self, pid):
        if pid not in self.ledger.payments:
            raise RailError(404, *self.NOT_FOUND)
        return self.ledger.payments[pid]

    def refund(self, request, pid):
        body = self.check(request, GIVE)
        payment, refund, transaction = self.of(pid), Refund(), body.get("amountTransaction")
        if body.get("type") not in ("total", "partial") or not isinstance(transaction, dict):
            raise RailError(*INVALID)
        refund.of, refund.kind = payment, body["type"]
        refund.correlator, refund.reference = references(transaction)
        refund.amount, taxed = self.ledger.left(payment), payment.taxed
        if refund.kind == "partial":
            refund.amount, _, _, taxed = self.charging(transaction.get("refundAmount"))
        used = self.ledger.used(refund.correlator, refund.reference, self.ledger.refunds)
        if used:
            raise RailError(*USED[used])
        if payment.status != "succeeded":
            raise RailError(422, REFUND + "INVALID_PAYMENT_STATUS", "Payment is not yet completed.")
        if taxed != payment.taxed:
            raise RailError(422, REFUND + "TAXES_MANAGEMENT_MISMATCH", "Inconsistent isTaxIncluded value.")
        if refund.amount <= 0 or refund.amount > self.ledger.left(payment):
            raise RailError(422, REFUND + "UNAUTHORIZED_AMOUNT", "Unauthorized amount requested.")
        self.ledger.give(refund)
        return reply(refund.view(), 201)

    def refund_list(self, request, pid):
        self.check(request, SEE)
        payment = self.of(pid)
        return self.page(request, [r.view() for r in self.ledger.refunds.values() if r.of is payment])

    def refund_show(self, request, pid, rid):
        self.check(request, SEE)
        refund = self.ledger.refunds.get(rid)
        if refund is None or refund.of is not self.of(pid):
            raise RailError(404, *self.NOT_FOUND)
        return reply(refund.view())

    # --- notifications ---------------------------------------------------------------------------
    def event(self, payment):
        paid = payment.status == "succeeded"
        data = {"paymentId": payment.id, "status": "succeeded" if paid else "failed",
                "description": "Payment Notification"}
        data.update({"paymentDate": stamp(payment.paid)} if paid else {"denialReason": payment.reason})
        word = {"succeeded": "completed"}.get(payment.status, payment.status)
        return {"id": f"sd5e-{next(self.events)}", "source": "https://notification.operator.test",
                "type": f"org.camaraproject.carrier-billing.v0.payment-{word}", "specversion": "1.0",
                "datacontenttype": "application/json", "time": stamp(self.ledger.now()), "data": data}

    async def notify(self, payment):
        """Once: nobody sends it again. A fault of op callback may change that."""
        if payment.sink is None:
            return
        rule = self.faults.take("callback", payment.payer, payment.reference)
        fault, copies, event = (rule["fault"] if rule else None), 1, self.event(payment)
        if fault == "drop":
            self.note_callback("POST", payment.sink, payment.reference, payment.payer, "", None, fault)
            return
        if fault == "delay":
            await asyncio.sleep(ms(rule))
        elif fault == "duplicate":
            copies = min(int(rule.get("copies", 2)), MAX_COPIES)
        elif fault == "forge":
            event["data"].update(rule.get("set", {}))
        await asyncio.gather(*[self.post(payment, event, fault) for _ in range(copies)])

    async def post(self, payment, event, fault, url=None, token=None):
        url = url or payment.sink
        if self.deliver_to:
            url = self.deliver_to.rstrip("/") + urllib.parse.urlsplit(url).path
        headers = [("Content-Type", "application/cloudevents+json")]
        token = payment.credential if token is None else token
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        status, _ = await lab_http.call("POST", url, json.dumps(event).encode(), headers)
        self.note_callback("POST", url, payment.reference, payment.payer, json.dumps(event), status, fault)
        return status

    ROUTES = [
        ("POST", r"/oauth2/token", "token", token),
        ("POST", BILLING + r"/payments", "pay", pay),
        ("GET", BILLING + r"/payments", "list", payments),
        ("GET", BILLING + r"/payments/([^/]+)", "show", show),
        ("POST", REFUNDS + r"/payments/([^/]+)/refunds", "refund", refund),
        ("GET", REFUNDS + r"/payments/([^/]+)/refunds", "refund_list", refund_list),
        ("GET", REFUNDS + r"/payments/([^/]+)/refunds/([^/]+)", "refund_show", refund_show),
    ]


def merge(into, what):
    """what's members into a nested object; null takes one away."""
    for key, value in what.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        elif value is None:
            into.pop(key, None)
        else:
            into[key] = value


def references(transaction):
    """(clientCorrelator or None, referenceCode)."""
    correlator, reference = transaction.get("clientCorrelator"), transaction.get("referenceCode")
    if not isinstance(reference, str) or not reference \
            or not isinstance(correlator, (str, type(None))):
        raise RailError(*INVALID)
    return correlator, reference


def sink_of(body):
    """(address, bearer) of the notifications, or (None, None)."""
    sink, credential = body.get("sink"), body.get("sinkCredential")
    if sink is None:
        return None, None
    if not isinstance(sink, str) or not re.fullmatch(r"https://.+", sink):
        raise RailError(400, "INVALID_SINK", "sink not valid for the specified protocol")
    if credential is None:
        return sink, None
    if not isinstance(credential, dict) or credential.get("credentialType") != "ACCESSTOKEN":
        raise RailError(400, "INVALID_CREDENTIAL", "Only Access token is supported")
    if credential.get("accessTokenType") != "bearer":
        raise RailError(400, "INVALID_TOKEN", "Only bearer token is supported")
    if not isinstance(credential.get("accessToken"), str) \
            or not re.fullmatch(r"2[0-9]{3}-[0-9-]{5}T[0-9:.]+Z", str(credential.get("accessTokenExpiresUtc"))):
        raise RailError(*INVALID)
    return sink, credential["accessToken"]


def parse_args(argv):
    parser = argparse.ArgumentParser(description="fake operator billing for tests")
    lab_rail.arguments(parser)
    parser.add_argument("--client-id", default="lab-client")
    parser.add_argument("--client-secret", default="lab-client-secret")
    parser.add_argument("--currency", default="XOF")
    parser.add_argument("--behaviour", default="approve", help="of lines without a setting")
    parser.add_argument("--delay-ms", type=int, default=500)
    parser.add_argument("--token-ttl", type=int, default=3600)
    parser.add_argument("--deliver-to", default="", help="http://host:port in place of each sink's")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(lab_rail.main(Rail, parse_args(sys.argv[1:])))
