# SPDX-License-Identifier: Apache-2.0
"""The test's side of the M-Pesa rail: everything under /lab/."""

import asyncio

import lab_rail
from lab_http import HttpError, reply
from lab_rail import MAX_COPIES
from mpesa_ledger import LedgerError


class Lab(lab_rail.Control):
    """One method a path; ROUTES names them."""

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

    async def busy(self, request):
        """The phone is in another session, or no longer: {msisdn, busy}."""
        body = request.json()
        change = self.rail.ledger.busy.add if body.get("busy") else self.rail.ledger.busy.discard
        change(str(body.get("msisdn", "")).lstrip("+"))
        return reply({"busy": sorted(self.rail.ledger.busy)})

    async def approve(self, request):
        push = self.rail.ledger.pick(request.json())
        done = self.rail.ledger.approve(push)
        return reply(dict(push.record(), done=done), 200 if done else 409)

    async def fail(self, request):
        body = request.json()
        push = self.rail.ledger.pick(body)
        done = self.rail.ledger.fail(push, str(body.get("result", "1032")))
        return reply(dict(push.record(), done=done), 200 if done else 409)

    async def callback(self, request):
        """Send a callback now, true or forged: checkout or msisdn, set (members of stkCallback), url, copies."""
        body, rail = request.json(), self.rail
        push = rail.ledger.pick(body)
        sent = push.callback_body() if push.result else {"Body": {"stkCallback": {
            "MerchantRequestID": push.merchant, "CheckoutRequestID": push.checkout}}}
        sent["Body"]["stkCallback"].update(body.get("set", {}))
        copies = max(1, min(int(body.get("copies", 1)), MAX_COPIES))
        url = body.get("url") or push.callback
        statuses = await asyncio.gather(*[rail.post(push, url, sent, "lab") for _ in range(copies)])
        return reply({"statuses": list(statuses)})

    async def settings(self, request):
        """token_ttl; drop_tokens; numbers (as: text or number, for codes of answers)."""
        body, rail = request.json(), self.rail
        rail.token_ttl = int(body.get("token_ttl", rail.token_ttl))
        rail.codes_are_numbers = bool(body.get("codes_are_numbers", rail.codes_are_numbers))
        if body.get("drop_tokens"):
            rail.tokens.clear()
        return reply({"token_ttl": rail.token_ttl, "codes_are_numbers": rail.codes_are_numbers})

    ROUTES = {("GET", "/lab/ledger"): ledger, ("POST", "/lab/payer"): payer,
              ("POST", "/lab/busy"): busy, ("POST", "/lab/approve"): approve,
              ("POST", "/lab/fail"): fail, ("POST", "/lab/callback"): callback,
              ("POST", "/lab/settings"): settings}
