# SPDX-License-Identifier: Apache-2.0
"""The test's side of the airtime rail: everything under /lab/."""

import asyncio

import lab_rail
from airtime_ledger import REFUND_BEHAVIOURS, LedgerError, check_behaviour
from lab_http import HttpError, reply
from lab_rail import MAX_COPIES


class Lab(lab_rail.Control):
    """One method a path; ROUTES names them. A payment is named by id, reference or msisdn (its newest)."""

    WRONG = LedgerError

    async def ledger(self, request):
        payer = request.query.get("payer")
        await self.wait(request, lambda: self.rail.ledger.summary(payer)["debits"])
        return reply(self.rail.ledger.summary(payer))

    async def payer(self, request):
        body = request.json()
        msisdn = str(body.get("msisdn", "")).lstrip("+")
        if not msisdn:
            raise HttpError(400, "msisdn is needed (* for everybody)")
        return reply({"msisdn": msisdn, **self.rail.ledger.set_payer(msisdn, body)})

    async def refund(self, request):
        """How refunds end from now on: behaviour, delay_ms."""
        self.rail.ledger.refund_behaviour = check_behaviour(request.json(), REFUND_BEHAVIOURS)
        return reply(self.rail.ledger.refund_behaviour)

    async def succeed(self, request):
        body = request.json()
        payment = self.rail.ledger.pick(body)
        done = self.rail.ledger.succeed(payment, bool(body.get("late")))
        return reply(dict(payment.record(), done=done), 200 if done else 409)

    async def end(self, request):
        """Without a debit: status denied or cancelled."""
        body = request.json()
        payment = self.rail.ledger.pick(body)
        done = self.rail.ledger.fail(payment, body.get("status", "denied"))
        return reply(dict(payment.record(), done=done), 200 if done else 409)

    async def callback(self, request):
        """A notification now, true or forged: set (members of data), event (members of the envelope), token,
        url, copies."""
        body, rail = request.json(), self.rail
        payment = rail.ledger.pick(body)
        event = {**rail.event(payment), **body.get("event", {})}
        event["data"] = {**event["data"], **body.get("set", {})}
        copies = max(1, min(int(body.get("copies", 1)), MAX_COPIES))
        statuses = await asyncio.gather(*[rail.post(payment, event, "lab", body.get("url"), body.get("token"))
                                          for _ in range(copies)])
        return reply({"statuses": list(statuses)})

    async def settings(self, request):
        """deliver_to, shift_s (of this operator's clock), page_most, totals, odd_ids, token_ttl, drop_tokens."""
        body, rail = request.json(), self.rail
        for name in ("deliver_to", "page_most", "totals", "odd_ids", "token_ttl"):
            setattr(rail, name, body.get(name, getattr(rail, name)))
        rail.ledger.shift_s = body.get("shift_s", rail.ledger.shift_s)
        if body.get("drop_tokens"):
            rail.tokens.clear()
        return reply({"deliver_to": rail.deliver_to, "shift_s": rail.ledger.shift_s})

    async def crowd(self, request):
        """Payments of others, made now: count, at_s (before or after now)."""
        body = request.json()
        for _ in range(min(int(body.get("count", 1)), 2000)):
            self.rail.crowd(float(body.get("at_s", 0)))
        return reply({"payments": len(self.rail.ledger.payments)})

    ROUTES = {("GET", "/lab/ledger"): ledger, ("POST", "/lab/payer"): payer,
              ("POST", "/lab/refund"): refund, ("POST", "/lab/succeed"): succeed,
              ("POST", "/lab/end"): end, ("POST", "/lab/callback"): callback,
              ("POST", "/lab/settings"): settings, ("POST", "/lab/crowd"): crowd}
