#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Orange Money of Sonatel: token, onestep, links, search, status, cash-in, callbacks.

Rail answers the merchant's calls, sonatel_control the test's under /lab/, sonatel_ledger keeps codes,
debits and cash-ins. Every call is in the journal, without its code; see README.md. What no paper tells
(the code of an error about an OTP) is this lab's own, and the daemon may not count on it.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import re
import secrets
import sys
import time
import urllib.parse

import lab_http
import lab_rail
from lab_http import Response, reply
from lab_rail import MAX_COPIES, RailError, ms
from sonatel_control import Lab
from sonatel_key import Key
from sonatel_ledger import Ledger, Refused

NATIONAL = re.compile(r"7[0-9]{8}")
MERCHANT = re.compile(r"[0-9]{6}")
MIN_AMOUNT = 10
MAX_VALIDITY = 86400
CALLBACK = {"drop", "duplicate", "forge", "delay"}
OPS = {"token", "pay", "link", "search", "status", "key", "cashin"}
TITLES = {"2001": "Invalid customer MSISDN", "2020": "Insufficient customer balance",
          "2040": "Invalid OTP", "4003": "Public key revoked", "60": "Resource not found",
          "27": "Invalid body field", "41": "Expired credentials", "1": "Internal error",
          "50": "Access denied"}


def signature(secret, body, t, between=","):
    return hmac.new(secret.encode(), str(t).encode() + between.encode() + body,
                    hashlib.sha256).hexdigest()


class Rail(lab_rail.Rail):
    """The merchant's side of the API."""

    NOT_FOUND = ("60", "Resource not found")

    def __init__(self, args):
        self.args = args
        super().__init__(Ledger(args.behaviour, args.otp_ttl_ms), OPS, CALLBACK)
        self.ledger.on_final = self.on_final
        self.keys = []
        self.lab = Lab(self)
        self.reset()

    def reset(self):
        super().reset()
        self.tokens = {}
        self.token_ttl = self.args.token_ttl
        self.callback_url = self.args.callback_url
        self.api_key, self.signing_secrets = self.args.callback_api_key, list(self.args.signing_secret)
        self.status_call = True
        self.unlisted = False               # the search is behind

    # --- the frame ---------------------------------------------------------------------------------
    def refusal(self, status, code, message):
        return Response(status, json.dumps(
            {"type": "about:blank", "title": TITLES.get(code, "Error"), "instance": secrets.token_hex(8),
             "status": str(status), "code": code, "detail": message}).encode(),
            "application/problem+json")

    def unauthorized(self):
        return self.refusal(401, "41", "The access token has expired.")

    def error(self, rule):
        return self.refusal(int(rule.get("status", 500)), str(rule.get("code", "1")),
                            rule.get("message", "Internal error"))

    def identify(self, op, request, tail):
        try:
            body = json.loads(request.body or b"{}")
            return (str(body.get("reference", request.query.get("reference", tail[0] if tail else ""))),
                    body.get("customer", {}).get("id"))
        except (ValueError, AttributeError, RecursionError):
            return "", None

    def note(self, op, request, tail):
        """A code and a PIN are not kept."""
        entry = super().note(op, request, tail)
        entry["body"] = re.sub(r'("(?:otp|encryptedPinCode|client_secret)": ?)"[^"]*"', r'\1"..."',
                               entry["body"])
        entry["body"] = re.sub(r"client_secret=[^&]*", "client_secret=...", entry["body"])
        return entry

    # --- checks ------------------------------------------------------------------------------------
    def check(self, request):
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            raise RailError(415, "27", "Content-Type must be application/json.")   # of a GET too
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self.tokens.get(token, 0) < time.monotonic():
            raise RailError(401, "41", "The access token is missing or has expired.")

    @staticmethod
    def body_of(request):
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise RailError(400, "27", "The body is no JSON object.")
        return body

    @staticmethod
    def money_of(body):
        amount = body.get("amount")
        value, unit = (amount.get("value"), amount.get("unit")) if isinstance(amount, dict) else (0, "")
        if isinstance(value, bool) or not isinstance(value, int) or value < MIN_AMOUNT or unit != "XOF":
            raise RailError(400, "27", "amount: a whole number of XOF, 10 or more")
        if not isinstance(body.get("reference"), str) or not 1 <= len(body["reference"]) <= 40:
            raise RailError(400, "27", "reference: 1 to 40 characters")
        return value, unit, body["reference"]

    @staticmethod
    def party(body, name, kind, form):
        who = body.get(name)
        if not isinstance(who, dict) or who.get("idType") != kind \
                or not form.fullmatch(str(who.get("id"))):
            raise RailError(400, "2001" if name == "customer" else "27", f"{name}: {kind} is needed")
        return who

    # --- calls -------------------------------------------------------------------------------------
    def token(self, request):
        form = dict(urllib.parse.parse_qsl(request.body.decode("latin-1")))
        if "form" not in request.headers.get("content-type", ""):
            raise RailError(415, "27", "A form is needed.")
        if form != {"grant_type": "client_credentials", "client_id": self.args.client_id,
                    "client_secret": self.args.client_secret}:
            raise RailError(401, "41", "Invalid client or Invalid client credentials")
        token = secrets.token_urlsafe(48)
        self.tokens[token] = time.monotonic() + self.token_ttl
        return reply({"access_token": token, "token_type": "Bearer", "expires_in": self.token_ttl,
                      "scope": "apimanagement", "refresh_token": secrets.token_urlsafe(16),
                      "refresh_expires_in": 1800})

    def pay(self, request):
        self.check(request)
        body = self.body_of(request)
        customer = self.party(body, "customer", "MSISDN", NATIONAL)
        partner = self.party(body, "partner", "CODE", MERCHANT)
        value, unit, reference = self.money_of(body)
        if partner["id"] != self.args.merchant_code:
            raise RailError(403, "50", "Not your merchant code.")
        try:
            done = self.ledger.pay(customer["id"], customer.get("otp"), value, unit, reference,
                                   self.callback_url)
        except Refused as why:
            code = {"otp": "2040", "no_funds": "2020", "nobody": "2001"}[str(why)]
            raise RailError(400, code, TITLES[code]) from None
        return reply({"transactionId": done.id, "requestId": secrets.token_hex(8), "reference": reference,
                      "status": done.status, "description": "Processed"})

    def link(self, request):
        self.check(request)
        body = self.body_of(request)
        value, unit, reference = self.money_of(body)
        validity, callback = body.get("validity", 900), request.headers.get("x-callback-url")
        if body.get("code") != self.args.merchant_code or not isinstance(body.get("name"), str):
            raise RailError(403, "50", "Not your merchant code.")
        if isinstance(validity, bool) or not isinstance(validity, int) \
                or not 0 < validity <= MAX_VALIDITY:
            raise RailError(400, "27", "validity: up to 86400")
        qr = secrets.token_urlsafe(16)
        self.ledger.open_link(qr, value, unit, reference, callback or self.callback_url)
        return reply({"qrId": qr, "qrCode": "iVBORw0KGgo=", "validity": validity,
                      "validFor": {"startDateTime": "", "endDateTime": ""},
                      "deepLink": f"https://sugu.orange.test/mp/{qr}",
                      "deepLinks": {"OM": f"https://om.orange.test/{qr}",
                                    "MAXIT": f"https://maxit.orange.test/{qr}"},
                      "shortLink": f"https://s.orange.test/{qr[:10]}"})

    def search(self, request):
        self.check(request)
        if "type" in request.query:
            return reply([])                # as production does
        reference = request.query.get("reference")
        return reply([] if self.unlisted else [t.view() for t in self.ledger.listed(reference)])

    def status(self, request, number):
        self.check(request)
        found = self.ledger.by_id(number)
        if not found or not self.status_call:
            raise RailError(404, *self.NOT_FOUND)
        return reply({"status": found.status})

    def key(self, request):
        self.check(request)
        if not self.keys:
            self.keys.append(Key())
        return reply({"key": self.keys[-1].public, "keyId": self.keys[-1].id, "keyType": "RSA",
                      "keySize": 2048})

    def cashin(self, request):
        self.check(request)
        body = self.body_of(request)
        customer = self.party(body, "customer", "MSISDN", NATIONAL)
        partner = self.party(body, "partner", "MSISDN", NATIONAL)
        value, unit, reference = self.money_of(body)
        pin = self.keys[-1].open(partner.get("encryptedPinCode", "")) if self.keys else None
        if pin is None:
            raise RailError(400, "4003", "The key was revoked.")
        if (partner["id"], pin) != (self.args.retailer, self.args.retailer_pin):
            raise RailError(400, "2010", "Wrong PIN.")
        done = self.ledger.cash_in(customer["id"], value, unit, reference)
        return reply({"transactionId": done.id, "requestId": secrets.token_hex(8), "reference": reference,
                      "status": done.status, "description": "Processed"})

    # --- callbacks ---------------------------------------------------------------------------------
    def on_final(self, transaction):
        if transaction.callback:
            self.spawn(self.send_callback(transaction))

    async def send_callback(self, transaction):
        rule = self.faults.take("callback", transaction.payer, transaction.reference, CALLBACK)
        fault, copies, body = (rule["fault"] if rule else None), 1, transaction.view()
        if fault == "drop":
            self.note_callback("POST", transaction.callback, transaction.reference, transaction.payer,
                               "", None, "drop")
            return
        if fault == "delay":
            await asyncio.sleep(ms(rule))
        elif fault == "duplicate":
            copies = min(int(rule.get("copies", 2)), MAX_COPIES)
        elif fault == "forge":
            body = {**body, **rule.get("set", {})}
        event = secrets.token_hex(8)
        await asyncio.gather(*[self.post(transaction, body, event, fault)
                                        for _ in range(copies)])

    async def post(self, transaction, body, event, fault, url=None, headers=None):
        """One callback; headers: what stands in place of the true signature and key."""
        text, url = json.dumps(body).encode(), url or transaction.callback
        sent = [("Content-Type", "application/json"), ("X-Sonatel-Idempotency-Key", event)]
        sent += list(headers.items()) if headers is not None else self.proofs(text)
        status, _ = await lab_http.call("POST", url, text, sent)
        self.note_callback("POST", url, transaction.reference, transaction.payer, text.decode(), status,
                           fault)
        return status

    def proofs(self, text, t=None):
        t = int(time.time()) if t is None else t
        out = [("Authorization", f"Basic {self.api_key}")] if self.api_key else []
        if self.signing_secrets:
            signed = ",".join(f"v1={signature(s, text, t)}" for s in self.signing_secrets)
            out.append(("X-Sonatel-Signature", f"t={t},{signed}"))
        return out

    ROUTES = [
        ("POST", r"/oauth/(?:v1/)?token", "token", token),
        ("POST", r"/api/eWallet/v1/payments/onestep", "pay", pay),
        ("POST", r"/api/eWallet/v4/qrcode", "link", link),
        ("GET", r"/api/eWallet/v1/transactions", "search", search),
        ("GET", r"/api/eWallet/v1/transactions/([^/]+)/status", "status", status),
        ("GET", r"/api/account/v1/publicKeys", "key", key),
        ("POST", r"/api/eWallet/v1/cashins", "cashin", cashin),
    ]


def parse_args(argv):
    parser = argparse.ArgumentParser(description="fake Orange Money of Sonatel for tests")
    lab_rail.arguments(parser)
    parser.add_argument("--client-id", default="lab-client")
    parser.add_argument("--client-secret", default="lab-client/secret+1")
    parser.add_argument("--merchant-code", default="123456")
    parser.add_argument("--retailer", default="771000001")
    parser.add_argument("--retailer-pin", default="2468")
    parser.add_argument("--behaviour", default="approve", help="of payers without a setting")
    parser.add_argument("--otp-ttl-ms", type=int, default=900000)
    parser.add_argument("--token-ttl", type=int, default=299)
    parser.add_argument("--callback-url", help="as registered for the merchant code")
    parser.add_argument("--callback-api-key", default="lab-api-key-of-callbacks")
    parser.add_argument("--signing-secret", action="append", default=[])
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(lab_rail.main(Rail, parse_args(sys.argv[1:])))
