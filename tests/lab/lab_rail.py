# SPDX-License-Identifier: Apache-2.0
"""What every money rail of the lab does alike: routes, the journal of calls, programmed faults, /lab/.

Rail takes the merchant's calls and lets a fault strike before, instead of or after the real work;
Control is the test's side. What a rail is, is its own: ROUTES, its ledger, how a call is identified
and how it refuses. A ledger has `changes` (lab_http.Changes) and clear().
"""

import asyncio
import itertools
import json
import re
import time
from collections import deque

import lab_http
from lab_http import HttpError, Response, reply

MAX_JOURNAL = 100000
MAX_NOTED = 16384                     # octets of a body kept in the journal
MAX_COPIES = 256                      # of one callback
HTML = b"<html><head><title>Request Rejected</title></head><body>Rejected.</body></html>"

BEFORE = {"drop", "hang", "error", "html", "throttle", "unauthorized", "not_found", "redirect",
          "raw"}
AFTER = {"cut", "cut_after", "hang_after", "error_after", "html_after", "delay_after", "truncate",
         "wrong", "big"}
EITHER = {"delay", "hold", "hold_after"}       # the last two: until /lab/release, or the faults are cleared


class RailError(Exception):
    """A refusal the merchant sees: HTTP status, code and message."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class FaultBook:
    """Programmed faults in the order they were set; each strikes `count` times (-1: always)."""

    def __init__(self, ops, callback):
        self.ops, self.callback = ops | {"any", "callback"}, callback
        self.rules = []
        self.gate = asyncio.Event()

    def release(self):
        """What is held goes on; what comes is held anew."""
        self.gate.set()
        self.gate = asyncio.Event()

    def clear(self):
        self.rules.clear()
        self.release()

    def add(self, body):
        op, fault = body.get("op", "any"), body.get("fault")
        allowed = self.callback if op == "callback" else BEFORE | AFTER | EITHER
        if op not in self.ops or fault not in allowed:
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
    """The merchant's side of an API."""

    ROUTES = ()             # (method, pattern of the path, op, handler)
    SECRET = ("authorization",)  # headers of which the journal keeps the first letters
    NOT_FOUND = ("NOT_FOUND", "Not found.")

    def __init__(self, ledger, ops, callback):
        self.ledger = ledger
        self.faults = FaultBook(ops, callback)
        self.journal = deque(maxlen=MAX_JOURNAL)
        self.numbers = itertools.count(1)
        self.tasks = set()
        self.lab = None                       # a Control

    def reset(self):
        self.ledger.clear()
        self.faults.clear()
        self.journal.clear()

    # --- what a rail says of itself --------------------------------------------------------------
    def identify(self, op, request, tail):
        """(our reference, the payer) of a call, as far as it tells."""
        raise NotImplementedError

    def refusal(self, status, code, message):
        return reply({"code": code, "message": message}, status)

    def unauthorized(self):
        """The answer of the fault of that name."""
        return reply({"statusCode": 401, "message": "Unauthorized"}, 401)

    async def served(self, entry, response):
        """After the real work, before a fault touches its answer."""

    # --- a call ----------------------------------------------------------------------------------
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

    def unknown(self, _request):
        raise RailError(404, *self.NOT_FOUND)

    def note(self, op, request, tail):
        """Journal the call before anything can go wrong with it; secrets are not kept."""
        reference, payer = self.identify(op, request, tail)
        entry = {"seq": next(self.numbers), "at": time.time(), "op": op, "method": request.method,
                 "path": request.path, "query": request.query, "reference": reference,
                 "payer": payer,
                 "headers": {k: v if k not in self.SECRET else v.split(" ")[0][:6] + "..."
                             for k, v in request.headers.items()},
                 "body": request.body[:MAX_NOTED].decode("utf-8", "replace"), "status": None,
                 "fault": None}
        self.journal.append(entry)
        self.ledger.changes.note()
        return entry

    def note_callback(self, method, path, reference, payer, body, status, fault):
        self.journal.append({
            "seq": next(self.numbers), "at": time.time(), "op": "callback", "method": method,
            "path": path, "query": {}, "reference": reference, "payer": payer, "headers": {},
            "body": body, "status": status, "fault": fault})
        self.ledger.changes.note()

    async def serve(self, handler, request, tail, rule, entry):
        """Run the call with the fault around it: before, instead of, or after the real work."""
        fault = rule["fault"] if rule else None
        entry["fault"] = fault
        if fault == "delay":
            await asyncio.sleep(ms(rule))
        elif fault == "hold":
            await self.faults.gate.wait()
        elif fault in BEFORE:
            return self.instead(rule, fault)
        try:
            response = handler(self, request, *tail)
        except RailError as error:
            response = self.refusal(error.status, error.code, error.message)
        entry["answered"] = response.status
        await self.served(entry, response)
        if fault == "hold_after":
            await self.faults.gate.wait()
        return await self.afterwards(rule, fault, response) if fault in AFTER else response

    def instead(self, rule, fault):
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
            return self.unauthorized()
        if fault == "not_found":
            return self.refusal(404, *self.NOT_FOUND)
        if fault == "redirect":
            return Response(302, headers=[("Location", rule.get("location", "http://127.0.0.1/"))])
        if fault == "raw":
            return Response(int(rule.get("status", 200)), str(rule.get("body", "")),
                            rule.get("content_type", "application/json"))
        return self.error(rule)

    async def afterwards(self, rule, fault, response):
        """The answer when the call was processed, but the merchant shall not learn it plainly."""
        if fault == "cut":
            return Response(cut=True)
        if fault == "hang_after":
            return Response(hang=True)
        if fault == "html_after":
            return Response(200, HTML, "text/html")
        if fault == "error_after":
            return self.error(rule)
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

    def error(self, rule):
        return self.refusal(int(rule.get("status", 500)),
                            rule.get("code", "INTERNAL_PROCESSING_ERROR"),
                            rule.get("message", "An internal error occurred."))

    def spawn(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Control:
    """The test's side, under /lab/: one method a path; ROUTES names them. WRONG: what a ledger raises."""

    ROUTES = {}
    WRONG = ValueError

    def __init__(self, rail):
        self.rail = rail

    async def __call__(self, request):
        handler = {**Control.SHARED, **self.ROUTES}.get((request.method, request.path))
        if handler is None:
            raise HttpError(404, f"no {request.method} {request.path}")
        try:
            return await handler(self, request)
        except self.WRONG as error:
            raise HttpError(400, str(error)) from None

    async def wait(self, request, probe):
        """Long poll: until probe() has `count` items (default 1), at most wait_ms."""
        want = request.number("count", 1)
        await self.rail.ledger.changes.until(lambda: len(probe()) >= want, request.wait_s())
        return probe()

    async def requests(self, request):
        query = request.query

        def find():
            return [e for e in self.rail.journal if e["seq"] > request.number("after")
                    and all(query[k] == e[k] for k in ("op", "reference", "payer", "fault")
                            if k in query)]

        found = await self.wait(request, find)
        return reply({"requests": found[-request.number("limit", 1000):], "count": len(found)})

    async def faults(self, request):
        body = request.json()
        if isinstance(body, dict) and body.get("clear"):
            self.rail.faults.clear()
        else:
            for rule in body if isinstance(body, list) else [body]:
                if not isinstance(rule, dict):
                    raise HttpError(400, "a fault is an object")
                self.rail.faults.add(rule)
        return await self.show_faults(request)

    async def release(self, _request):
        self.rail.faults.release()
        return reply({"released": True})

    async def show_faults(self, _request):
        return reply({"faults": self.rail.faults.rules})

    async def reset(self, _request):
        self.rail.reset()
        return reply({"reset": True})

    SHARED = {("GET", "/lab/requests"): requests, ("POST", "/lab/faults"): faults,
              ("POST", "/lab/release"): release, ("GET", "/lab/faults"): show_faults, ("POST", "/lab/reset"): reset}


def ms(rule):
    return min(float(rule.get("delay_ms", 1000)), 600000) / 1000


async def serve(rail, args):
    """Listen for merchants, and on --control-port for tests alone, until we are told to end."""
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


def arguments(parser):
    """The options that every rail has."""
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0,
                        help="a second port for the same service; 0: --port serves /lab/ as well")
    parser.add_argument("--die-with-parent", action="store_true")


def main(make, args):
    """make(args) is the rail, made inside the loop's thread but before it runs."""
    if args.die_with_parent:
        lab_http.die_with_parent()
    asyncio.run(serve(make(args), args))
    return 0
