#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Wave Checkout: sessions, search, expire, refund, signed webhooks, faults.

Rail answers the merchant's calls, wave_control the test's under /lab/, wave_ledger keeps the debits.
One port serves all. Every call is in the journal, with the fault that struck it. See README.md.
"""

import argparse
import asyncio
import hashlib
import hmac
import itertools
import json
import re
import sys
import time

import lab_http
import lab_rail
from lab_http import Response, reply
from lab_rail import RailError, ms
from wave_control import Lab
from wave_ledger import Ledger, Session

WHOLE = re.compile(r"[1-9][0-9]{0,14}")
DECIMAL = re.compile(r"(0|[1-9][0-9]{0,12})(\.[0-9]{1,2})?")
MOBILE = re.compile(r"\+[1-9][0-9]{7,14}")
ZERO_EXPONENT = {"XOF", "UGX"}
KNOWN = {"amount", "currency", "success_url", "error_url", "client_reference",
         "restrict_payer_mobile", "aggregated_merchant_id"}
MAX_REFERENCE = 255
MAX_AGE_S = 300
CALLBACK = {"drop", "duplicate", "forge", "delay", "reorder"}
OPS = {"create", "show", "search", "expire", "refund"}


def signature(secret, body, t, between=""):
    """One v1: HMAC-SHA256 over the time and the body, with what a wrong merchant puts between."""
    text = str(t).encode() + between.encode() + body
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


class Rail(lab_rail.Rail):
    """The merchant's side of the API."""

    NOT_FOUND = ("checkout-session-not-found", "Checkout session not found.")

    def __init__(self, args):
        self.args = args
        super().__init__(Ledger(args.host_of_links, args.business,
                                {"behaviour": args.behaviour, "delay_ms": args.delay_ms},
                                args.lapse_ms), OPS, CALLBACK)
        self.ledger.on_event = self.on_event
        self.events = itertools.count(1)
        self.lab = Lab(self)
        self.reset()

    def reset(self):
        super().reset()
        self.api_key = self.args.api_key
        self.signing_secret = self.args.signing_secret
        self.webhook_url = self.args.webhook_url
        self.webhook_secrets = list(self.args.webhook_secret)
        self.strategy = self.args.strategy
        self.currencies = set(self.args.currency)

    def identify(self, op, request, tail):
        session = self.ledger.sessions.get(tail[0]) if tail else None
        reference = session.reference if session else request.query.get("client_reference", "")
        if op == "create":
            try:
                reference = str(json.loads(request.body)["client_reference"])
            except (ValueError, KeyError, TypeError, RecursionError):
                pass
        return reference, session.payer if session else None

    def unauthorized(self):
        return self.refusal(401, "no-matching-api-key", "Your key does not exist.")

    # --- checks ----------------------------------------------------------------------------------
    def check(self, request):
        header = request.headers.get("authorization")
        if header is None:
            raise RailError(401, "missing-auth-header", "Your request has no Authorization header.")
        scheme, _, key = header.partition(" ")
        if scheme != "Bearer":
            raise RailError(401, "invalid-auth", "The scheme must be Bearer.")
        if not key:
            raise RailError(401, "api-key-not-provided", "There is no key.")
        if key != self.api_key:
            raise RailError(401, "no-matching-api-key", "Your key does not exist.")
        if self.signing_secret:
            self.check_signature(request)

    def check_signature(self, request):
        header = request.headers.get("wave-signature")
        if header is None:
            raise RailError(401, "missing-signature", "This key wants a Wave-Signature.")
        parts = [part.partition("=")[::2] for part in header.split(",")]
        times = [value for name, value in parts if name == "t"]
        if len(times) != 1 or not times[0].isdigit() \
                or abs(time.time() - int(times[0])) > MAX_AGE_S:
            raise RailError(401, "invalid-signature", "The time is not one of now.")
        mine = signature(self.signing_secret, request.body, times[0])
        if not any(name == "v1" and hmac.compare_digest(value, mine) for name, value in parts):
            raise RailError(401, "invalid-signature", "The signature is not that of the body.")

    # --- sessions --------------------------------------------------------------------------------
    def create(self, request):
        self.check(request)
        if "json" not in request.headers.get("content-type", ""):
            raise RailError(422, *invalid("Content-Type must be JSON."))
        try:
            body = json.loads(request.body)
            unknown = set(body) - KNOWN
        except (ValueError, TypeError, RecursionError):
            raise RailError(422, *invalid("The body is no JSON object.")) from None
        if unknown:
            raise RailError(422, *invalid(f"Unknown: {sorted(unknown)}"))
        session = self.session_of(body)
        self.ledger.open(session)
        return reply(session.view())

    def session_of(self, body):
        session = Session()
        session.amount, session.currency = body.get("amount"), body.get("currency")
        session.success_url, session.error_url = body.get("success_url"), body.get("error_url")
        session.reference = body.get("client_reference")
        session.restrict = body.get("restrict_payer_mobile")
        if session.currency not in self.currencies:
            raise RailError(422, *invalid("currency"))
        form = WHOLE if session.currency in ZERO_EXPONENT else DECIMAL
        if not isinstance(session.amount, str) or not form.fullmatch(session.amount) \
                or float(session.amount) <= 0:
            raise RailError(422, *invalid("amount"))
        for url in (session.success_url, session.error_url):
            if not isinstance(url, str) or not url.startswith("https://"):
                raise RailError(422, *invalid("success_url, error_url: https"))
        if session.reference is not None and (not isinstance(session.reference, str)
                                              or len(session.reference) > MAX_REFERENCE):
            raise RailError(422, *invalid("client_reference"))
        if session.restrict is not None and not MOBILE.fullmatch(str(session.restrict)):
            raise RailError(422, *invalid("restrict_payer_mobile"))
        return session

    def find(self, request, sid):
        self.check(request)
        session = self.ledger.sessions.get(sid)
        if session is None:
            raise RailError(404, *self.NOT_FOUND)
        return session

    def show(self, request, sid):
        return reply(self.find(request, sid).view())

    def by_transaction(self, request):
        self.check(request)
        for session in self.ledger.sessions.values():
            if session.transaction and session.transaction == request.query.get("transaction_id"):
                return reply(session.view())
        raise RailError(404, *self.NOT_FOUND)

    def search(self, request):
        self.check(request)
        reference = request.query.get("client_reference")
        if not reference:
            raise RailError(422, *invalid("client_reference"))
        return reply({"result": [s.view() for s in self.ledger.of_reference(reference)]})

    def expire(self, request, sid):
        session = self.find(request, sid)
        if not self.ledger.expire(session):
            raise RailError(409, "checkout-session-not-open",
                            f"The session is {session.checkout}.")
        return Response(200)

    def refund(self, request, sid):
        session = self.find(request, sid)
        if request.body:
            raise RailError(422, *invalid("A refund has no body."))
        if not self.ledger.refund(session):
            raise RailError(400, "checkout-refund-failed", "Nothing was paid.")
        return Response(200)

    # --- webhooks --------------------------------------------------------------------------------
    def event(self, kind, session):
        return {"id": f"EV_{next(self.events)}", "type": kind, "data": session.view()}

    def on_event(self, kind, session):
        if self.webhook_url:
            self.spawn(self.send(session, self.event(kind, session)))

    async def send(self, session, event):
        """Until it is taken, as often as --retries says; a fault of op callback may change that."""
        rule = self.faults.take("callback", session.payer, session.reference)
        fault, copies = (rule["fault"] if rule else None), 1
        if fault == "drop":
            self.note_callback("POST", self.webhook_url, session.reference, session.payer,
                               json.dumps(event), None, fault)
            return
        if fault == "delay":
            await asyncio.sleep(ms(rule))
        elif fault == "duplicate":
            copies = min(int(rule.get("copies", 2)), lab_rail.MAX_COPIES)
        elif fault == "forge":
            forged = {**event, "data": {**event["data"], **rule.get("set", {})}}
            await self.post(session, forged, fault, sign={"secrets": ["guess"]})
        elif fault == "reorder":
            failed = self.event("checkout.session.payment_failed", session)
            self.spawn(self.later(session, failed, ms(rule)))
        await asyncio.gather(*[self.deliver(session, event, fault) for _ in range(copies)])

    async def later(self, session, event, seconds):
        await asyncio.sleep(seconds)
        await self.deliver(session, event, "reorder")

    async def deliver(self, session, event, fault):
        for attempt in range(self.args.retries + 1):
            if attempt:
                await asyncio.sleep(self.args.retry_ms / 1000)
            if 200 <= (await self.post(session, event, fault) or 0) < 300:
                return

    async def post(self, session, event, fault, sign=None):
        """sign: secrets, age_s, between, header, strategy of a webhook that is wrong on purpose."""
        sign = {"secrets": self.webhook_secrets, "strategy": self.strategy, **(sign or {})}
        body = json.dumps(event).encode()
        t = int(time.time()) - int(sign.get("age_s", 0))
        made = ",".join([f"t={t}"] + [f"v1={signature(s, body, t, sign.get('between', ''))}"
                                      for s in sign["secrets"]])
        headers = [("Content-Type", "application/json")]
        if sign["strategy"] == "bearer":
            headers.append(("Authorization", f"Bearer {sign['secrets'][0]}"))
        else:
            headers.append(("Wave-Signature", sign.get("header", made)))
        status, _ = await lab_http.call("POST", self.webhook_url, body, headers)
        self.note_callback("POST", self.webhook_url, session.reference, session.payer,
                           body.decode(), status, fault)
        return status

    ROUTES = [
        ("POST", r"/v1/checkout/sessions", "create", create),
        ("GET", r"/v1/checkout/sessions", "show", by_transaction),
        ("GET", r"/v1/checkout/sessions/search", "search", search),
        ("GET", r"/v1/checkout/sessions/([^/]+)", "show", show),
        ("POST", r"/v1/checkout/sessions/([^/]+)/expire", "expire", expire),
        ("POST", r"/v1/checkout/sessions/([^/]+)/refund", "refund", refund),
    ]


def invalid(what):
    return "request-validation-error", what


def parse_args(argv):
    parser = argparse.ArgumentParser(description="fake Wave Checkout for tests")
    lab_rail.arguments(parser)
    parser.add_argument("--api-key", default="lab-wave-key")
    parser.add_argument("--signing-secret", default="", help="calls must be signed; empty: not")
    parser.add_argument("--webhook-url", default="", help="empty: no webhooks")
    parser.add_argument("--webhook-secret", action="append", default=[],
                        help="repeatable: one v1 each")
    parser.add_argument("--strategy", choices=("signature", "bearer"), default="signature")
    parser.add_argument("--retries", type=int, default=5, help="of a webhook that is not taken")
    parser.add_argument("--retry-ms", type=int, default=1000)
    parser.add_argument("--currency", action="append", default=[], help="default XOF; repeatable")
    parser.add_argument("--behaviour", default="wait", help="of who opens the links")
    parser.add_argument("--delay-ms", type=int, default=500)
    parser.add_argument("--lapse-ms", type=int, default=86400000, help="life of a session")
    parser.add_argument("--host-of-links", default="pay.wave.test")
    parser.add_argument("--business", default="Coko")
    args = parser.parse_args(argv)
    args.webhook_secret = args.webhook_secret or ["lab-wave-webhook-secret"]
    args.currency = args.currency or ["XOF"]
    return args


if __name__ == "__main__":
    sys.exit(lab_rail.main(Rail, parse_args(sys.argv[1:])))
