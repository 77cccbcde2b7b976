#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for MTN MoMo Collections: provisioning, token, requesttopay, status, callbacks, faults.

Rail answers the merchant's calls, mtn_control the test's under /lab/, mtn_ledger keeps the debits.
One port serves all. Every call is in the journal, with the fault that struck it. See README.md.
"""

import argparse
import asyncio
import base64
import itertools
import json
import os
import re
import secrets
import sys
import time
import urllib.parse
from collections import deque

import lab_http
from lab_http import HttpError, Response, reply
from mtn_control import MAX_COPIES, Lab
from mtn_ledger import Charge, Ledger

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.I)
AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,2})?")
ZERO_EXPONENT = {"XOF", "XAF", "GNF", "RWF", "UGX"}
MAX_JOURNAL = 100000
MAX_NOTED = 16384                     # octets of a body kept in the journal
MAX_CHARGES = 1000000
MAX_NOTE = 160
HTML = b"<html><head><title>Request Rejected</title></head><body>Rejected.</body></html>"

BEFORE = {"drop", "hang", "error", "html", "throttle", "unauthorized", "not_found", "redirect",
          "raw"}
AFTER = {"cut", "cut_after", "hang_after", "error_after", "html_after", "delay_after", "truncate",
         "wrong", "big"}
EITHER = {"delay"}
CALLBACK = {"drop", "duplicate", "forge", "early", "method", "delay"}
OPS = {"any", "provision", "token", "pay", "status", "balance", "active", "callback"}


class RailError(Exception):
    """A refusal the merchant sees: HTTP status, code and message."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class FaultBook:
    """Programmed faults in the order they were set; each strikes `count` times (-1: always)."""

    def __init__(self):
        self.rules = []

    def add(self, body):
        op, fault = body.get("op", "any"), body.get("fault")
        allowed = CALLBACK if op == "callback" else BEFORE | AFTER | EITHER
        if op not in OPS or fault not in allowed:
            raise HttpError(400, f"op {op!r} has no fault {fault!r}; faults: {sorted(allowed)}")
        try:
            count = int(body.get("count", 1))
        except (TypeError, ValueError):
            raise HttpError(400, "count must be a number") from None
        rule = dict(body, op=op, left=count, struck=0)
        self.rules.append(rule)
        return rule

    def take(self, op, payer=None, reference=None, names=None):
        """The first live rule that fits, used up once; None if no fault strikes."""
        for rule in self.rules:
            if (rule["left"] == 0 or rule["op"] not in (op, "any")
                    or (rule["op"] == "any" and op == "callback")
                    or (names and rule["fault"] not in names)
                    or ("payer" in rule and rule["payer"] != payer)
                    or ("reference" in rule and rule["reference"] != reference)):
                continue
            if rule["left"] > 0:
                rule["left"] -= 1
            rule["struck"] += 1
            return rule
        return None


class Rail:
    """The merchant's side of the API."""

    def __init__(self, args):
        self.args = args
        with open(args.sandbox_table, encoding="utf-8") as table:
            payers = json.load(table)["payers"]
        self.ledger = Ledger(payers, {"behaviour": args.behaviour, "delay_ms": args.delay_ms},
                             args.lapse_ms)
        self.ledger.on_final = self.on_final
        self.faults = FaultBook()
        self.journal = deque(maxlen=MAX_JOURNAL)
        self.numbers = itertools.count(1)
        self.users = {}                       # uuid -> {"host", "key"}
        self.tokens = {}                      # token -> (api user, expiry)
        self.tasks = set()
        self.lab = Lab(self)
        self.reset()

    def reset(self):
        self.ledger.clear()
        self.faults.rules.clear()
        self.journal.clear()
        self.tokens.clear()
        self.users = {self.args.api_user.lower(): {"host": self.args.callback_host,
                                                   "key": self.args.api_key}}
        self.reason_form = self.args.reason_form
        self.token_ttl = self.args.token_ttl
        self.currencies = set(self.args.currency)
        self.environment = self.args.environment

    async def __call__(self, request):
        if request.path.startswith("/lab/"):
            return await self.lab(request)
        op, handler, tail = self.route(request)
        entry = self.note(op, request, tail)
        rule = self.faults.take(op, entry["payer"], entry["reference"])
        response = await self.serve(handler, request, tail, rule, entry)
        entry["status"] = 0 if response.cut or response.hang else response.status
        self.ledger.changes.note()
        return response

    def route(self, request):
        for method, pattern, op, handler in self.ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                return op, handler, match.groups()
        return "unknown", Rail.unknown, ()

    def note(self, op, request, tail):
        """Journal the call before anything can go wrong with it; secrets are not kept."""
        reference = (request.headers.get("x-reference-id") or (tail[0] if tail else "")).lower()
        payer = None
        if op == "pay":
            try:
                payer = json.loads(request.body)["payer"]["partyId"]
            except (ValueError, KeyError, TypeError, RecursionError):
                pass
        elif op == "status" and reference in self.ledger.charges:
            payer = self.ledger.charges[reference].payer
        entry = {"seq": next(self.numbers), "at": time.time(), "op": op, "method": request.method,
                 "path": request.path, "reference": reference, "payer": payer,
                 "headers": {k: v if k not in ("authorization", "ocp-apim-subscription-key")
                             else v.split(" ")[0][:6] + "..." for k, v in request.headers.items()},
                 "body": request.body[:MAX_NOTED].decode("utf-8", "replace"), "status": None,
                 "fault": None}
        self.journal.append(entry)
        return entry

    async def serve(self, handler, request, tail, rule, entry):
        """Run the call with the fault around it: before, instead of, or after the real work."""
        fault = rule["fault"] if rule else None
        entry["fault"] = fault
        if fault == "delay":
            await asyncio.sleep(ms(rule))
        elif fault in BEFORE:
            return self.instead(rule, fault)
        try:
            response = handler(self, request, *tail)
        except RailError as error:
            response = reply({"code": error.code, "message": error.message}, error.status)
        entry["answered"] = response.status
        charge = self.ledger.charges.get(entry["reference"])
        if entry["op"] == "pay" and response.status == 202 and charge:
            await self.prompt(charge)
        return await self.afterwards(rule, fault, response) if fault in AFTER else response

    async def prompt(self, charge):
        """Show the prompt; with an `early` callback fault the result overtakes our 202."""
        if self.faults.take("callback", charge.payer, charge.reference, {"early"}):
            charge.early = True
            self.ledger.approve(charge)
            await self.send_callback(charge)
        else:
            self.ledger.prompt(charge)

    @staticmethod
    def instead(rule, fault):
        """The answer when the call is not processed at all."""
        if fault == "drop":
            return Response(cut=True)
        if fault == "hang":
            return Response(hang=True)
        if fault == "html":
            return Response(int(rule.get("status", 200)), HTML, "text/html")
        if fault == "throttle":
            return Response(429, b'{"statusCode":429,"message":"Rate limit is exceeded."}',
                            headers=[("Retry-After", rule.get("retry_after", 1))])
        if fault == "unauthorized":
            return reply({"statusCode": 401, "message": "Unauthorized"}, 401)
        if fault == "not_found":
            return reply(NOT_FOUND, 404)
        if fault == "redirect":
            return Response(302, headers=[("Location", rule.get("location", "http://127.0.0.1/"))])
        if fault == "raw":
            return Response(int(rule.get("status", 200)), str(rule.get("body", "")),
                            rule.get("content_type", "application/json"))
        return error_reply(rule)

    @staticmethod
    async def afterwards(rule, fault, response):
        """The answer when the call was processed, but the merchant shall not learn it plainly."""
        if fault == "cut":
            return Response(cut=True)
        if fault == "hang_after":
            return Response(hang=True)
        if fault == "html_after":
            return Response(200, HTML, "text/html")
        if fault == "error_after":
            return error_reply(rule)
        if fault == "delay_after":
            await asyncio.sleep(ms(rule))
        elif fault == "cut_after":
            response.cut_after = int(rule.get("octets", 10))
        elif fault == "truncate":
            response.body = response.body[:int(rule.get("octets", len(response.body) // 2))]
        elif fault == "big":
            response.body += b" " * min(int(rule.get("octets", 1 << 20)), 64 << 20)
        elif fault == "wrong":
            body = json.loads(response.body or b"{}")
            body.update(rule.get("set", {}))
            response = reply({k: v for k, v in body.items() if v is not None}, response.status)
        return response

    # --- checks ------------------------------------------------------------------------------
    def check_key(self, request):
        key = request.headers.get("ocp-apim-subscription-key")
        if key not in self.args.subscription_key:
            raise RailError(401, "ACCESS_DENIED",
                            "Access denied due to missing or invalid subscription key.")

    def check_bearer(self, request):
        """The API user behind the bearer token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        user, expiry = self.tokens.get(token, (None, 0))
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
        """Basic in, bearer out. A form body gets the sandbox firewall's HTML page."""
        self.check_key(request)
        if "content-length" not in request.headers and not request.body:
            return Response(411, b"Length Required", "text/plain")
        if request.body and "json" not in request.headers.get("content-type", ""):
            return Response(200, HTML, "text/html")
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, key = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            user, key = "", ""
        known = self.users.get(user.lower())
        if scheme != "Basic" or not known or not known["key"] or known["key"] != key:
            return reply({"error": "login_failed"}, 401)
        if len(self.tokens) > 10000:
            self.tokens.clear()
        token = secrets.token_urlsafe(48)
        self.tokens[token] = (user.lower(), time.monotonic() + self.token_ttl)
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

    def unknown(self, _request):
        raise RailError(404, *NOT_FOUND.values())

    # --- callbacks -------------------------------------------------------------------------------
    def on_final(self, charge):
        if charge.callback and not charge.early:
            self.spawn(self.send_callback(charge))
        charge.early = False

    def spawn(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def send_callback(self, charge):
        """The final result, once, unless a fault says otherwise. Nothing authenticates it."""
        if not charge.callback:
            return
        body = charge.view(self.reason_form)
        rule = self.faults.take("callback", charge.payer, charge.reference, CALLBACK - {"early"})
        fault, method, copies = (rule["fault"] if rule else None), "PUT", 1
        if fault == "drop":
            self.note_callback(charge, method, body, None, "drop")
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
        self.note_callback(charge, method, body, status, fault)
        return status

    def note_callback(self, charge, method, body, status, fault):
        self.journal.append({
            "seq": next(self.numbers), "at": time.time(), "op": "callback", "method": method,
            "path": charge.callback, "reference": charge.reference, "payer": charge.payer,
            "headers": {}, "body": json.dumps(body), "status": status, "fault": fault})
        self.ledger.changes.note()

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
    ]


NOT_FOUND = {"code": "RESOURCE_NOT_FOUND", "message": "Requested resource was not found."}
ALREADY = ("RESOURCE_ALREADY_EXIST", "Duplicated reference id. Creation of resource failed.")


def ms(rule):
    return min(float(rule.get("delay_ms", 1000)), 600000) / 1000


def error_reply(rule):
    code = rule.get("code", "INTERNAL_PROCESSING_ERROR")
    return reply({"code": code, "message": rule.get("message", "An internal error occurred.")},
                 int(rule.get("status", 500)))


def reference_of(request):
    """X-Reference-Id, lower case; the rail takes UUID version 4 only."""
    reference = request.headers.get("x-reference-id", "")
    if not UUID4.fullmatch(reference):
        raise RailError(400, "BAD_REQUEST", "X-Reference-Id must be a UUID version 4.")
    return reference.lower()


def parse_args(argv):
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description="fake MTN MoMo Collections for tests")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0,
                        help="a second port for the same service; 0: --port serves /lab/ as well")
    parser.add_argument("--subscription-key", action="append", default=[])
    parser.add_argument("--api-user", default="11111111-2222-4333-8444-555555555555")
    parser.add_argument("--api-key", default="lab-api-key")
    parser.add_argument("--callback-host", default="127.0.0.1")
    parser.add_argument("--environment", default="sandbox")
    parser.add_argument("--currency", action="append", default=[], help="default EUR; repeatable")
    parser.add_argument("--behaviour", default="approve", help="of payers without a setting")
    parser.add_argument("--delay-ms", type=int, default=500)
    parser.add_argument("--lapse-ms", type=int, default=300000, help="life of a prompt")
    parser.add_argument("--token-ttl", type=int, default=3600)
    parser.add_argument("--reason-form", choices=("string", "object"), default="string")
    parser.add_argument("--sandbox-table", default=os.path.join(here, "mtn_sandbox.json"))
    parser.add_argument("--die-with-parent", action="store_true")
    args = parser.parse_args(argv)
    args.subscription_key = args.subscription_key or ["lab-subscription-key"]
    args.currency = args.currency or ["EUR"]
    return args


async def serve(args):
    rail = Rail(args)
    server, port = await lab_http.serve(rail, args.host, args.port)
    control, control_port = None, port
    if args.control_port:
        control, control_port = await lab_http.serve(rail, "127.0.0.1", args.control_port)
    await lab_http.run(port=port, control=control_port, control_port=control_port)
    server.close()
    if control:
        control.close()
    rail.ledger.clear()
    for task in list(rail.tasks):
        task.cancel()


def main(argv=None):
    args = parse_args(argv)
    if args.die_with_parent:
        lab_http.die_with_parent()
    asyncio.run(serve(args))
    return 0


if __name__ == "__main__":
    sys.exit(main())
