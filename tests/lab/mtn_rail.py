#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for MTN MoMo Collections: provisioning, token, requesttopay, status, callbacks, faults;
and of Disbursement what gives money back: a token of its own, refund, status. Collections' pre-approval
too: asked, status, ended; a charge of a payer who gave one is not prompted.

Rail answers the merchant's calls, mtn_control the test's under /lab/, mtn_ledger keeps the debits.
One port serves all. Every call is in the journal, with the fault that struck it. See README.md.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import secrets
import sys
import time
import urllib.parse

import lab_http
import lab_rail
from lab_rail import HTML, MAX_COPIES, RailError, ms
from lab_http import Response, reply
from mtn_control import Lab
from mtn_ledger import Charge, Leave, Ledger, Refund

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.I)
AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,2})?")
ZERO_EXPONENT = {"XOF", "XAF", "GNF", "RWF", "UGX"}
MAX_CHARGES = 1000000
MAX_NOTE = 160
CALLBACK = {"drop", "duplicate", "forge", "early", "method", "delay"}
OPS = {"provision", "token", "pay", "status", "balance", "active",
       "refund_token", "refund", "refund_status", "leave", "leave_status", "leave_end"}
NOT_FOUND = {"code": "RESOURCE_NOT_FOUND", "message": "Requested resource was not found."}
ALREADY = ("RESOURCE_ALREADY_EXIST", "Duplicated reference id. Creation of resource failed.")


class Rail(lab_rail.Rail):
    """The merchant's side of the API."""

    SECRET = ("authorization", "ocp-apim-subscription-key")
    NOT_FOUND = tuple(NOT_FOUND.values())

    def __init__(self, args):
        self.args = args
        with open(args.sandbox_table, encoding="utf-8") as table:
            payers = json.load(table)["payers"]
        super().__init__(Ledger(payers, {"behaviour": args.behaviour, "delay_ms": args.delay_ms},
                                args.lapse_ms), OPS, CALLBACK)
        self.ledger.on_final = self.on_final
        self.users = {}                       # uuid -> {"host", "key"}
        self.tokens = {}                      # token -> (api user, expiry)
        self.refund_tokens = {}               # likewise; one product's token is not the other's
        self.lab = Lab(self)
        self.reset()

    def reset(self):
        super().reset()
        self.tokens.clear()
        self.refund_tokens.clear()
        self.givers = {self.args.disbursement_user.lower(): {"key": self.args.disbursement_api_key}}
        self.users = {self.args.api_user.lower(): {"host": self.args.callback_host,
                                                   "key": self.args.api_key}}
        self.reason_form = self.args.reason_form
        self.token_ttl = self.args.token_ttl
        self.currencies = set(self.args.currency)
        self.environment = self.args.environment

    def identify(self, op, request, tail):
        reference = (request.headers.get("x-reference-id") or (tail[0] if tail else "")).lower()
        payer = None
        if op in ("pay", "leave"):
            try:
                payer = json.loads(request.body)["payer"]["partyId"]
            except (ValueError, KeyError, TypeError, RecursionError):
                pass
        elif op == "status" and reference in self.ledger.charges:
            payer = self.ledger.charges[reference].payer
        elif op == "refund_status" and reference in self.ledger.refunds:
            payer = self.ledger.refunds[reference].payer
        elif op in ("leave_status", "leave_end") and reference in self.ledger.leaves:
            payer = self.ledger.leaves[reference].payer
        return reference, payer

    async def served(self, entry, response):
        charge = self.ledger.charges.get(entry["reference"])
        if entry["op"] == "pay" and response.status == 202 and charge:
            await self.prompt(charge)

    async def prompt(self, charge):
        """Show the prompt; with an `early` callback fault the yes of a payer who approves overtakes our 202."""
        if self.ledger.answer_of(charge)["behaviour"] == "approve" \
                and self.faults.take("callback", charge.payer, charge.reference, {"early"}):
            charge.early = True
            self.ledger.approve(charge)
            await self.send_callback(charge)
        else:
            self.ledger.prompt(charge)

    # --- checks ------------------------------------------------------------------------------
    def check_key(self, request, keys=None):
        key = request.headers.get("ocp-apim-subscription-key")
        if key not in (keys or self.args.subscription_key):
            raise RailError(401, "ACCESS_DENIED",
                            "Access denied due to missing or invalid subscription key.")

    def check_bearer(self, request, tokens=None):
        """The API user behind the bearer token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        user, expiry = (self.tokens if tokens is None else tokens).get(token, (None, 0))
        if scheme != "Bearer" or user is None or expiry < time.monotonic():
            raise RailError(401, "ACCESS_DENIED", "The access token is missing or has expired.")
        return user

    def check_environment(self, request):
        target = request.headers.get("x-target-environment")
        if not target:
            raise RailError(400, "BAD_REQUEST", "X-Target-Environment is missing.")
        if target != self.environment:
            raise RailError(500, "NOT_ALLOWED_TARGET_ENVIRONMENT",
                            "Access to target environment is forbidden.")

    def check_callback(self, request, user):
        url = request.headers.get("x-callback-url")
        if url is None:
            return None
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname != self.users[user]["host"]:
            raise RailError(500, "INVALID_CALLBACK_URL_HOST",
                            "Callback URL with different host name than configured.")
        return url

    # --- provisioning and token ----------------------------------------------------------------
    def create_user(self, request):
        self.check_key(request)
        reference = reference_of(request)
        if reference in self.users:
            raise RailError(409, *ALREADY)
        try:
            host = json.loads(request.body)["providerCallbackHost"]
        except (ValueError, KeyError, TypeError):
            raise RailError(400, "BAD_REQUEST", "providerCallbackHost is missing.") from None
        self.users[reference] = {"host": host, "key": None}
        return Response(201)

    def create_key(self, request, user):
        self.check_key(request)
        if user.lower() not in self.users:
            raise RailError(404, *NOT_FOUND.values())
        self.users[user.lower()]["key"] = secrets.token_hex(16)
        return reply({"apiKey": self.users[user.lower()]["key"]}, 201)

    def show_user(self, request, user):
        self.check_key(request)
        if user.lower() not in self.users:
            raise RailError(404, *NOT_FOUND.values())
        return reply({"providerCallbackHost": self.users[user.lower()]["host"],
                      "targetEnvironment": self.environment})

    def token(self, request):
        self.check_key(request)
        return self.mint(request, self.users, self.tokens)

    def mint(self, request, users, tokens):
        """Basic in, bearer out. A form body gets the sandbox firewall's HTML page."""
        if "content-length" not in request.headers and not request.body:
            return Response(411, b"Length Required", "text/plain")
        if request.body and "json" not in request.headers.get("content-type", ""):
            return Response(200, HTML, "text/html")
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, key = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            user, key = "", ""
        known = users.get(user.lower())
        if scheme != "Basic" or not known or not known["key"] or known["key"] != key:
            return reply({"error": "login_failed"}, 401)
        if len(tokens) > 10000:
            tokens.clear()
        token = secrets.token_urlsafe(48)
        tokens[token] = (user.lower(), time.monotonic() + self.token_ttl)
        return reply({"access_token": token, "token_type": "access_token",
                      "expires_in": self.token_ttl})

    # --- collections -----------------------------------------------------------------------------
    def pay(self, request):
        self.check_key(request)
        user = self.check_bearer(request)
        self.check_environment(request)
        reference = reference_of(request)
        charge = self.charge_of(request)
        charge.callback = self.check_callback(request, user)
        charge.reference, charge.user, charge.early = reference, user, False
        if reference in self.ledger.charges:
            self.ledger.duplicates += 1
            raise RailError(409, *ALREADY)
        if len(self.ledger.charges) >= MAX_CHARGES:
            raise RailError(503, "SERVICE_UNAVAILABLE", "The lab's ledger is full.")
        self.ledger.open(charge)
        return Response(202)

    def charge_of(self, request):
        """A Charge from the body, or the 400 that a wrong body earns."""
        if "json" not in request.headers.get("content-type", ""):
            raise RailError(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be JSON.")
        if b"'" in request.body:
            raise RailError(400, "BAD_REQUEST", "The body holds a forbidden character.")
        try:
            body = json.loads(request.body)
            payer = body["payer"]
            charge = Charge()
            charge.payer, kind = payer["partyId"], payer["partyIdType"]
            charge.amount, charge.currency = body["amount"], body["currency"]
            charge.external_id = body.get("externalId", "")
            charge.message = body.get("payerMessage", "")
            charge.note = body.get("payeeNote", "")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise RailError(400, "BAD_REQUEST", "The body is not a requesttopay.") from None
        self.judge_charge(charge, kind)
        return charge

    def judge_charge(self, charge, kind):
        texts = (charge.external_id, charge.message, charge.note, charge.currency)
        if not all(isinstance(t, str) and len(t) <= MAX_NOTE for t in texts):
            raise RailError(400, "BAD_REQUEST", "A text is no string or is over 160 characters.")
        if kind != "MSISDN" or not re.fullmatch(r"[1-9][0-9]{7,14}", str(charge.payer)):
            raise RailError(400, "BAD_REQUEST", "The payer is no MSISDN.")
        if not isinstance(charge.amount, str) or not AMOUNT.fullmatch(charge.amount) \
                or float(charge.amount) <= 0:
            raise RailError(400, "BAD_REQUEST", "The amount is no positive decimal string.")
        if charge.currency not in self.currencies:
            raise RailError(500, "INVALID_CURRENCY", "Currency not supported.")
        if charge.currency in ZERO_EXPONENT and "." in charge.amount:
            raise RailError(400, "BAD_REQUEST", "This currency has no decimals.")

    def status(self, request, reference):
        self.check_key(request)
        self.check_bearer(request)
        self.check_environment(request)
        charge = self.ledger.charges.get(reference.lower())
        if charge is None:
            raise RailError(404, *NOT_FOUND.values())
        return reply(charge.view(self.reason_form))

    def balance(self, request):
        self.check_key(request)
        self.check_bearer(request)
        self.check_environment(request)
        return reply({"availableBalance": "1000000", "currency": sorted(self.currencies)[0]})

    def active(self, request, _kind, msisdn):
        self.check_key(request)
        self.check_bearer(request)
        self.check_environment(request)
        setting = self.ledger.setting(msisdn)
        return reply({"result": setting.get("reason") != "PAYER_NOT_FOUND"})

    # --- pre-approval ----------------------------------------------------------------------------
    def leave(self, request):
        self.check_key(request)
        user = self.check_bearer(request)
        self.check_environment(request)
        reference = reference_of(request)
        leave = self.leave_asked(request)
        leave.callback = self.check_callback(request, user)
        leave.reference, leave.user = reference, user
        if reference in self.ledger.leaves:
            self.ledger.leave_duplicates += 1
            raise RailError(409, *ALREADY)
        self.ledger.open_leave(leave)
        return Response(202)

    def leave_asked(self, request):
        """A Leave from the body, or the 400 that a wrong body earns."""
        if "json" not in request.headers.get("content-type", ""):
            raise RailError(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be JSON.")
        leave = Leave()
        try:
            body = json.loads(request.body)
            leave.payer, kind = body["payer"]["partyId"], body["payer"]["partyIdType"]
            leave.currency, leave.message = body["payerCurrency"], body["payerMessage"]
            leave.validity = body["validityTime"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise RailError(400, "BAD_REQUEST", "The body is not a preapproval.") from None
        if b"'" in request.body or kind != "MSISDN" or not re.fullmatch(r"[1-9][0-9]{7,14}", str(leave.payer)) \
                or not isinstance(leave.message, str) or len(leave.message) > MAX_NOTE \
                or isinstance(leave.validity, bool) or not isinstance(leave.validity, int) \
                or not 0 < leave.validity <= 800 * 86400:
            raise RailError(400, "BAD_REQUEST", "The body is not a preapproval.")
        if leave.currency not in self.currencies:
            raise RailError(500, "INVALID_CURRENCY", "Currency not supported.")
        return leave

    def leave_known(self, request, reference):
        self.check_key(request)
        self.check_bearer(request)
        self.check_environment(request)
        leave = self.ledger.leaves.get(reference.lower())
        if leave is None:
            raise RailError(404, *NOT_FOUND.values())
        return leave

    def leave_status(self, request, reference):
        return reply(self.leave_known(request, reference).view(self.reason_form))

    def leave_end(self, request, reference):
        leave = self.leave_known(request, reference)
        leave.status = "CANCELLED"
        return Response(200)

    # --- disbursement ----------------------------------------------------------------------------
    def check_giver(self, request):
        self.check_key(request, [self.args.disbursement_key])
        self.check_bearer(request, self.refund_tokens)
        self.check_environment(request)

    def refund_token(self, request):
        self.check_key(request, [self.args.disbursement_key])
        return self.mint(request, self.givers, self.refund_tokens)

    def refund(self, request):
        self.check_giver(request)
        reference = reference_of(request)
        refund = self.refund_of(request)
        refund.reference = reference
        if reference in self.ledger.refunds:
            self.ledger.refund_duplicates += 1
            raise RailError(409, *ALREADY)
        if float(refund.amount) > self.ledger.left(refund.of):
            raise RailError(500, "NOT_ALLOWED", "More than is left of that payment.")
        self.ledger.open_refund(refund)
        return Response(202)

    def refund_of(self, request):
        """A Refund from the body of a charge that was paid, or the refusal that a wrong one earns."""
        if "json" not in request.headers.get("content-type", ""):
            raise RailError(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be JSON.")
        if b"'" in request.body:
            raise RailError(400, "BAD_REQUEST", "The body holds a forbidden character.")
        refund = Refund()
        try:
            body = json.loads(request.body)
            of = str(body["referenceIdToRefund"]).lower()
            refund.amount, refund.currency = body["amount"], body["currency"]
            refund.external_id = body.get("externalId", "")
            refund.message, refund.note = body.get("payerMessage", ""), body.get("payeeNote", "")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise RailError(400, "BAD_REQUEST", "The body is not a refund.") from None
        refund.of = self.ledger.charges.get(of)
        if refund.of is None or refund.of.status != "SUCCESSFUL":
            raise RailError(404, *NOT_FOUND.values())
        refund.payer = refund.of.payer
        self.judge_charge(refund, "MSISDN")
        if refund.currency != refund.of.currency:
            raise RailError(500, "INVALID_CURRENCY", "Not the currency of that payment.")
        return refund

    def refund_status(self, request, reference):
        self.check_giver(request)
        refund = self.ledger.refunds.get(reference.lower())
        if refund is None:
            raise RailError(404, *NOT_FOUND.values())
        return reply(refund.view(self.reason_form))

    # --- callbacks -------------------------------------------------------------------------------
    def on_final(self, charge):
        if isinstance(charge, Leave):
            if charge.callback:
                self.spawn(self.put(charge, "PUT", charge.view(self.reason_form), None))
            return
        if charge.callback and not charge.early:
            self.spawn(self.send_callback(charge))
        charge.early = False

    async def send_callback(self, charge):
        """The final result, once, unless a fault says otherwise. Nothing authenticates it."""
        if not charge.callback:
            return
        body = charge.view(self.reason_form)
        rule = self.faults.take("callback", charge.payer, charge.reference, CALLBACK - {"early"})
        fault, method, copies = (rule["fault"] if rule else None), "PUT", 1
        if fault == "drop":
            self.note_sent(charge, method, body, None, "drop")
            return
        if fault == "method":
            method = rule.get("method", "POST")
        elif fault == "duplicate":
            copies = min(int(rule.get("copies", 2)), MAX_COPIES)
        elif fault == "delay":
            await asyncio.sleep(ms(rule))
        elif fault == "forge":
            forged = {**body, **rule.get("set", {})}
            await self.put(charge, method, {k: v for k, v in forged.items() if v is not None},
                           "forge")
        await asyncio.gather(*[self.put(charge, method, body, fault) for _ in range(copies)])

    async def put(self, charge, method, body, fault):
        status, _ = await lab_http.call(
            method, charge.callback, json.dumps(body).encode(),
            [("Content-Type", "application/json"), ("X-Reference-Id", charge.reference)])
        self.note_sent(charge, method, body, status, fault)
        return status

    def note_sent(self, charge, method, body, status, fault):
        self.note_callback(method, charge.callback, charge.reference, charge.payer,
                           json.dumps(body), status, fault)

    ROUTES = [
        ("POST", r"/v1_0/apiuser", "provision", create_user),
        ("POST", r"/v1_0/apiuser/([^/]+)/apikey", "provision", create_key),
        ("GET", r"/v1_0/apiuser/([^/]+)", "provision", show_user),
        ("POST", r"/collection/token/?", "token", token),
        ("POST", r"/collection/v1_0/requesttopay", "pay", pay),
        ("GET", r"/collection/v1_0/requesttopay/([^/]+)", "status", status),
        ("GET", r"/collection/v1_0/account/balance", "balance", balance),
        ("GET", r"/collection/v1_0/accountholder/(msisdn|MSISDN)/([0-9]+)/active", "active",
         active),
        ("POST", r"/collection/v2_0/preapproval", "leave", leave),
        ("GET", r"/collection/v2_0/preapproval/([^/]+)", "leave_status", leave_status),
        ("DELETE", r"/collection/v1_0/preapproval/([^/]+)", "leave_end", leave_end),
        ("POST", r"/disbursement/token/?", "refund_token", refund_token),
        ("POST", r"/disbursement/v1_0/refund", "refund", refund),
        ("GET", r"/disbursement/v1_0/refund/([^/]+)", "refund_status", refund_status),
    ]


def reference_of(request):
    """X-Reference-Id, lower case; the rail takes UUID version 4 only."""
    reference = request.headers.get("x-reference-id", "")
    if not UUID4.fullmatch(reference):
        raise RailError(400, "BAD_REQUEST", "X-Reference-Id must be a UUID version 4.")
    return reference.lower()


def parse_args(argv):
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description="fake MTN MoMo Collections for tests")
    lab_rail.arguments(parser)
    parser.add_argument("--subscription-key", action="append", default=[])
    parser.add_argument("--api-user", default="11111111-2222-4333-8444-555555555555")
    parser.add_argument("--api-key", default="lab-api-key")
    parser.add_argument("--disbursement-user", default="22222222-3333-4444-8555-666666666666")
    parser.add_argument("--disbursement-api-key", default="lab-disbursement-api-key")
    parser.add_argument("--disbursement-key", default="lab-disbursement-key")
    parser.add_argument("--callback-host", default="127.0.0.1")
    parser.add_argument("--environment", default="sandbox")
    parser.add_argument("--currency", action="append", default=[], help="default EUR; repeatable")
    parser.add_argument("--behaviour", default="approve", help="of payers without a setting")
    parser.add_argument("--delay-ms", type=int, default=500)
    parser.add_argument("--lapse-ms", type=int, default=300000, help="life of a prompt")
    parser.add_argument("--token-ttl", type=int, default=3600)
    parser.add_argument("--reason-form", choices=("string", "object"), default="string")
    parser.add_argument("--sandbox-table", default=os.path.join(here, "mtn_sandbox.json"))
    args = parser.parse_args(argv)
    args.subscription_key = args.subscription_key or ["lab-subscription-key"]
    args.currency = args.currency or ["EUR"]
    return args


if __name__ == "__main__":
    sys.exit(lab_rail.main(Rail, parse_args(sys.argv[1:])))
