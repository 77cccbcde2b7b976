#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Orange Money Web Payment: token, init, status, notifications, faults.

Rail answers the merchant's calls, orangeweb_control the test's under /lab/, orangeweb_ledger keeps the
debits. Notifications go to https addresses that a test does not have: --deliver-to takes their place.
See README.md.
"""

import argparse
import asyncio
import base64
import json
import re
import secrets
import sys
import time
import urllib.parse

import lab_http
import lab_rail
from lab_http import reply
from lab_rail import MAX_COPIES, RailError, ms
from orangeweb_control import Lab
from orangeweb_ledger import Ledger, Order

NAME = re.compile(r"[A-Za-z0-9_.-]{1,30}")
CALLBACK = {"drop", "duplicate", "forge", "delay"}
OPS = {"token", "init", "status"}
MAX_URL = 120
FIELDS = {"merchant_key", "currency", "order_id", "amount", "return_url", "cancel_url", "notif_url", "lang",
          "reference"}


class Rail(lab_rail.Rail):
    """The merchant's side of the API."""

    NOT_FOUND = (60, "Resource not found")

    def __init__(self, args):
        self.args = args
        super().__init__(Ledger(), OPS, CALLBACK)
        self.ledger.on_final = self.on_final
        self.lab = Lab(self)
        self.tokens = {}                      # they outlive a reset, as the merchant's copies do
        self.reset()

    def reset(self):
        super().reset()
        self.deliver_to = self.args.deliver_to

    def refusal(self, status, code, message):
        return reply({"code": code, "message": message, "description": message}, status)

    def unauthorized(self):
        return self.refusal(401, 42, "Expired credentials")

    def identify(self, op, request, tail):
        try:
            return str(json.loads(request.body or b"{}").get("order_id", "")), None
        except (ValueError, AttributeError, RecursionError):
            return "", None

    def note(self, op, request, tail):
        """Tokens and keys are not kept."""
        entry = super().note(op, request, tail)
        entry["body"] = re.sub(r'("(?:pay_token|merchant_key)": ?)"[^"]*"', r'\1"..."', entry["body"])
        return entry

    def check(self, request):
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self.tokens.get(token, 0) < time.monotonic():
            raise RailError(401, 42, "Expired credentials")
        if "json" not in request.headers.get("content-type", ""):
            raise RailError(415, 47, "Unsupported media type")
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise RailError(400, 22, "Invalid body")
        return body

    # --- calls -------------------------------------------------------------------------------------
    def token(self, request):
        pair = base64.b64encode(f"{self.args.client_id}:{self.args.client_secret}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {pair}":
            raise RailError(401, 41, "Invalid client")
        if request.body != b"grant_type=client_credentials" \
                or "form" not in request.headers.get("content-type", ""):
            raise RailError(400, 22, "A form is needed")
        token = secrets.token_urlsafe(40)
        self.tokens[token] = time.monotonic() + self.args.token_ttl
        return reply({"access_token": token, "token_type": "Bearer", "expires_in": self.args.token_ttl})

    def init(self, request):
        body = self.check(request)
        if set(body) != FIELDS:
            raise RailError(400, 22, f"Wanted: {sorted(FIELDS)}")
        if body["merchant_key"] != self.args.merchant_key:
            raise RailError(403, 1201, "Unknown merchant key")
        if body["currency"] != self.args.currency:
            raise RailError(400, 1202, "Currency")
        if isinstance(body["amount"], bool) or not isinstance(body["amount"], int) or body["amount"] <= 0:
            raise RailError(400, 1203, "Amount")
        self.check_texts(body)
        if body["order_id"] in self.ledger.orders:
            raise RailError(400, 1204, "Duplicate order")
        order = Order()
        order.order_id, order.amount, order.currency = body["order_id"], body["amount"], body["currency"]
        order.notif_url = body["notif_url"]
        order.pay_token, order.notif_token = secrets.token_hex(32), secrets.token_hex(16)
        self.ledger.open(order)
        return reply({"status": 201, "message": "OK", "pay_token": order.pay_token,
                      "payment_url": f"https://webpay.orange.test/p/{order.pay_token}",
                      "notif_token": order.notif_token}, 201)

    @staticmethod
    def check_texts(body):
        for name in ("order_id", "reference"):
            if not isinstance(body[name], str) or not NAME.fullmatch(body[name]):
                raise RailError(400, 1205, f"{name}: 1 to 30 characters")
        for name in ("return_url", "cancel_url", "notif_url"):
            parts = urllib.parse.urlsplit(str(body[name]))
            if parts.scheme != "https" or len(body[name]) > MAX_URL \
                    or parts.hostname in (None, "localhost", "127.0.0.1"):
                raise RailError(400, 1206, f"{name}: https, public, at most 120 characters")

    def status(self, request):
        body = self.check(request)
        order = self.ledger.orders.get(body.get("order_id"))
        if order is None or (body.get("amount"), body.get("pay_token")) != (order.amount, order.pay_token):
            raise RailError(404, *self.NOT_FOUND)
        return reply(order.view(), 201)

    # --- notifications -----------------------------------------------------------------------------
    def on_final(self, order):
        self.spawn(self.notify(order))

    async def notify(self, order):
        rule = self.faults.take("callback", None, order.order_id, CALLBACK)
        fault, copies = (rule["fault"] if rule else None), 1
        body = {"status": order.status, "notif_token": order.notif_token, "txnid": order.txnid}
        if fault == "drop":
            self.note_callback("POST", order.notif_url, order.order_id, order.payer, "", None, "drop")
            return
        if fault == "delay":
            await asyncio.sleep(ms(rule))
        elif fault == "duplicate":
            copies = min(int(rule.get("copies", 2)), MAX_COPIES)
        elif fault == "forge":
            body = {**body, **rule.get("set", {})}
        await asyncio.gather(*[self.post(order, body, fault) for _ in range(copies)])

    async def post(self, order, body, fault, url=None):
        url = url or order.notif_url
        if self.deliver_to:
            parts = urllib.parse.urlsplit(url)
            url = self.deliver_to.rstrip("/") + parts.path
        status, _ = await lab_http.call("POST", url, json.dumps(body).encode(),
                                        [("Content-Type", "application/json")])
        self.note_callback("POST", url, order.order_id, order.payer,
                           json.dumps({**body, "notif_token": "..."}), status, fault)
        return status

    ROUTES = [
        ("POST", r"/oauth/v3/token", "token", token),
        ("POST", r"/orange-money-webpay/[a-z]+/v1/webpayment", "init", init),
        ("POST", r"/orange-money-webpay/[a-z]+/v1/transactionstatus", "status", status),
    ]


def parse_args(argv):
    parser = argparse.ArgumentParser(description="fake Orange Money Web Payment for tests")
    lab_rail.arguments(parser)
    parser.add_argument("--client-id", default="lab-client")
    parser.add_argument("--client-secret", default="lab-secret")
    parser.add_argument("--merchant-key", default="lab-merchant-key")
    parser.add_argument("--currency", default="XOF", help="OUV: the sandbox")
    parser.add_argument("--token-ttl", type=int, default=7776000)
    parser.add_argument("--deliver-to", default="", help="http://host:port in place of each notif_url's")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(lab_rail.main(Rail, parse_args(sys.argv[1:])))
