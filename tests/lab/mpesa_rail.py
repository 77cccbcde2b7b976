#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for M-Pesa Express of Daraja: token, STK push, query, callbacks, faults.

Rail answers the merchant's calls, mpesa_control the test's under /lab/, mpesa_ledger keeps the debits.
One port serves all. Every call is in the journal, with the fault that struck it. See README.md.
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

import lab_http
import lab_rail
from lab_http import Response, reply
from lab_rail import RailError, ms
from mpesa_control import Lab
from mpesa_ledger import RESULTS, Ledger, Push

MSISDN = re.compile(r"254(7|1)[0-9]{8}")
STAMP = re.compile(r"20[0-9]{12}")
TYPES = ("CustomerPayBillOnline", "CustomerBuyGoodsOnline")
CALLBACK = {"drop", "duplicate", "forge", "delay"}
OPS = {"token", "push", "query"}
BUSY = ("500.001.1001", "Unable to lock subscriber, a transaction is already in process for the "
                        "current subscriber")


class Rail(lab_rail.Rail):
    """The merchant's side of the API."""

    NOT_FOUND = ("404.001.01", "Resource not found")

    def __init__(self, args):
        self.args = args
        super().__init__(Ledger({"behaviour": args.behaviour, "delay_ms": args.delay_ms}), OPS,
                         CALLBACK)
        self.ledger.on_final = self.on_final
        self.requests = itertools.count(1)
        self.tokens = {}                      # token -> expiry
        self.lab = Lab(self)
        self.reset()

    def reset(self):
        super().reset()                       # tokens live on: a merchant is not told of a reset
        self.token_ttl = self.args.token_ttl
        self.codes_are_numbers = False

    def identify(self, op, request, tail):
        """The callback's last part is what our merchant gives; a query names the push."""
        try:
            body = json.loads(request.body)
            push = self.ledger.pushes.get(body.get("CheckoutRequestID"))
            payer = push.payer if push else body.get("PhoneNumber")
            url = push.callback if push else body.get("CallBackURL", "")
            return str(url).rpartition("/")[2], str(payer) if payer else None
        except (ValueError, AttributeError, RecursionError):
            return "", None

    def refusal(self, status, code, message):
        return reply({"requestId": f"4788-{next(self.requests)}-1", "errorCode": code,
                      "errorMessage": message}, status)

    def unauthorized(self):
        return self.refusal(404, "404.001.03", "Invalid Access Token")

    # --- checks ----------------------------------------------------------------------------------
    def token(self, request):
        if request.query.get("grant_type") != "client_credentials":
            raise RailError(400, "400.008.02", "Invalid grant type passed")
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        try:
            pair = base64.b64decode(value, validate=True).decode()
        except ValueError:
            pair = ""
        if scheme != "Basic" or pair != f"{self.args.consumer_key}:{self.args.consumer_secret}":
            raise RailError(400, "400.008.01", "Invalid Authentication passed")
        token = secrets.token_urlsafe(21)
        self.tokens[token] = time.monotonic() + self.token_ttl
        return reply({"access_token": token, "expires_in": str(self.token_ttl)})

    def merchant(self, request):
        """The body of a merchant who may call, whose password is of now."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self.tokens.get(token, 0) < time.monotonic():
            raise RailError(404, "404.001.03", "Invalid Access Token")
        try:
            body = json.loads(request.body)
            code, stamp = str(body["BusinessShortCode"]), str(body["Timestamp"])
            password = base64.b64decode(body["Password"], validate=True).decode()
        except (ValueError, KeyError, TypeError, RecursionError):
            raise RailError(400, *bad("Body")) from None
        if not STAMP.fullmatch(stamp):
            raise RailError(400, *bad("Timestamp"))
        if password != f"{code}{self.args.passkey}{stamp}" or code != self.args.short_code:
            raise RailError(500, "500.001.1001", "Wrong credentials")
        return body

    # --- push and query --------------------------------------------------------------------------
    def push(self, request):
        body = self.merchant(request)
        push = Push()
        push.short_code, push.party = self.args.short_code, str(body.get("PartyB"))
        push.payer, push.callback = str(body.get("PhoneNumber")), body.get("CallBackURL")
        push.account, push.desc = body.get("AccountReference"), body.get("TransactionDesc")
        self.judge(body, push)
        if push.payer in self.ledger.busy:
            raise RailError(500, *BUSY)
        self.ledger.open(push)
        return reply({"MerchantRequestID": push.merchant, "CheckoutRequestID": push.checkout,
                      "ResponseCode": self.code("0"),
                      "ResponseDescription": "Success. Request accepted for processing",
                      "CustomerMessage": "Success. Request accepted for processing"})

    def judge(self, body, push):
        amount = str(body.get("Amount"))
        if not re.fullmatch(r"[1-9][0-9]{0,5}", amount):
            raise RailError(400, *bad("Amount"))
        push.amount = int(amount)
        if body.get("TransactionType") not in TYPES:
            raise RailError(400, *bad("TransactionType"))
        if not MSISDN.fullmatch(push.payer) or str(body.get("PartyA")) != push.payer:
            raise RailError(400, *bad("PhoneNumber"))
        if not isinstance(push.callback, str) or not re.match(r"https?://", push.callback):
            raise RailError(400, *bad("CallBackURL"))
        if not isinstance(push.account, str) or not 1 <= len(push.account) <= 12:
            raise RailError(400, *bad("AccountReference"))
        if not isinstance(push.desc, str) or not 1 <= len(push.desc) <= 20:
            raise RailError(400, *bad("TransactionDesc"))

    def query(self, request):
        push = self.ledger.pushes.get(self.merchant(request).get("CheckoutRequestID"))
        if push is None:
            raise RailError(400, *bad("CheckoutRequestID"))
        if push.result is None:
            raise RailError(500, "500.001.1001", "The transaction is being processed")
        return reply({"ResponseCode": self.code("0"),
                      "ResponseDescription": "The service request has been accepted successsfully",
                      "MerchantRequestID": push.merchant, "CheckoutRequestID": push.checkout,
                      "ResultCode": self.code(push.result), "ResultDesc": RESULTS[push.result]})

    def code(self, text):
        return int(text) if self.codes_are_numbers else text

    # --- callbacks -------------------------------------------------------------------------------
    def on_final(self, push):
        self.spawn(self.send(push, push.callback_body()))

    async def send(self, push, body):
        """Once: nobody sends it again. A fault of op callback may change that."""
        rule = self.faults.take("callback", push.payer, push.callback.rpartition("/")[2])
        fault, copies = (rule["fault"] if rule else None), 1
        if fault == "drop":
            self.note_sent(push, push.callback, body, None, fault)
            return
        if fault == "delay":
            await asyncio.sleep(ms(rule))
        elif fault == "duplicate":
            copies = min(int(rule.get("copies", 2)), lab_rail.MAX_COPIES)
        elif fault == "forge":
            forged = {"Body": {"stkCallback": {**body["Body"]["stkCallback"], **rule.get("set", {})}}}
            await self.post(push, push.callback, forged, fault)
        await asyncio.gather(*[self.post(push, push.callback, body, fault) for _ in range(copies)])

    async def post(self, push, url, body, fault):
        status, _ = await lab_http.call("POST", url, json.dumps(body).encode(),
                                        [("Content-Type", "application/json")])
        self.note_sent(push, url, body, status, fault)
        return status

    def note_sent(self, push, url, body, status, fault):
        self.note_callback("POST", url, url.rpartition("/")[2], push.payer, json.dumps(body), status,
                           fault)

    ROUTES = [
        ("GET", r"/oauth/v1/generate", "token", token),
        ("POST", r"/mpesa/stkpush/v1/processrequest", "push", push),
        ("POST", r"/mpesa/stkpushquery/v1/query", "query", query),
    ]


def bad(what):
    return "400.002.02", f"Bad Request - Invalid {what}"


def parse_args(argv):
    parser = argparse.ArgumentParser(description="fake M-Pesa Express for tests")
    lab_rail.arguments(parser)
    parser.add_argument("--consumer-key", default="lab-consumer-key")
    parser.add_argument("--consumer-secret", default="lab-consumer-secret")
    parser.add_argument("--short-code", default="174379")
    parser.add_argument("--passkey", default="lab-passkey")
    parser.add_argument("--behaviour", default="approve", help="of payers without a setting")
    parser.add_argument("--delay-ms", type=int, default=500)
    parser.add_argument("--token-ttl", type=int, default=3599)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(lab_rail.main(Rail, parse_args(sys.argv[1:])))
