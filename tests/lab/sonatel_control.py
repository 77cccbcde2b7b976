# SPDX-License-Identifier: Apache-2.0
"""The test's side of the Orange Money rail: everything under /lab/."""

import asyncio
import secrets

import lab_rail
from lab_http import HttpError, reply
from lab_rail import MAX_COPIES
from sonatel_ledger import FINAL, TRANSIENT, LedgerError


def national(value):
    digits = str(value or "").lstrip("+")
    return digits[3:] if digits.startswith("221") else digits


class Lab(lab_rail.Control):
    """One method a path; ROUTES names them."""

    WRONG = LedgerError

    async def ledger(self, request):
        payer = national(request.query["payer"]) if "payer" in request.query else None
        await self.wait(request, lambda: self.rail.ledger.summary(payer)["debits"])
        return reply(self.rail.ledger.summary(payer))

    async def otp(self, request):
        """What the payer does on the operator's own menu: {"msisdn", "amount"?}."""
        body = request.json()
        return reply({"otp": self.rail.ledger.otp(national(body.get("msisdn")), body.get("amount"))})

    async def payer(self, request):
        body = request.json()
        self.rail.ledger.behave(national(body.get("msisdn")), body.get("behaviour"))
        return reply({"behaviour": body["behaviour"]})

    async def pay_link(self, request):
        """Somebody opens the link of this reference."""
        body = request.json()
        done = self.rail.ledger.pay_link(body.get("reference"), national(body.get("msisdn", "770000000")))
        return reply(done.view())

    async def end(self, request):
        """A transaction that is open ends, or one that failed is paid after all."""
        body = request.json()
        status = body.get("status", "SUCCESS")
        if status not in FINAL | TRANSIENT:
            raise HttpError(400, f"status is one of {sorted(FINAL | TRANSIENT)}")
        found = self.rail.ledger.pick(body.get("reference"), national(body.get("msisdn")) or None)
        done = self.rail.ledger.end(found, status)
        return reply(dict(found.view(), done=done), 200 if done else 409)

    async def callback(self, request):
        """Send a callback now, true or forged: reference, set, headers, url, copies, event."""
        body, rail = request.json(), self.rail
        found = rail.ledger.pick(body.get("reference"), national(body.get("msisdn")) or None)
        copies = max(1, min(int(body.get("copies", 1)), MAX_COPIES))
        text = {**found.view(), **body.get("set", {})}
        event = body.get("event", secrets.token_hex(8))
        statuses = await asyncio.gather(*[
            rail.post(found, text, event, "lab", body.get("url"), body.get("headers"))
            for _ in range(copies)])
        return reply({"statuses": list(statuses)})

    async def settings(self, request):
        """callback_url, api_key, signing_secrets, token_ttl, otp_ttl_ms, otp_digits, repeat_ms,
        status_call, unlisted; drop_tokens, drop_keys."""
        body, rail = request.json(), self.rail
        for name in ("callback_url", "api_key", "signing_secrets", "token_ttl", "status_call", "unlisted"):
            setattr(rail, name, body.get(name, getattr(rail, name)))
        for name in ("otp_ttl_ms", "otp_digits", "repeat_ms"):
            setattr(rail.ledger, name, body.get(name, getattr(rail.ledger, name)))
        if body.get("drop_tokens"):
            rail.tokens.clear()
        if body.get("drop_keys"):
            rail.keys.clear()
        return reply({"callback_url": rail.callback_url, "token_ttl": rail.token_ttl})

    ROUTES = {("GET", "/lab/ledger"): ledger, ("POST", "/lab/otp"): otp, ("POST", "/lab/payer"): payer,
              ("POST", "/lab/pay_link"): pay_link, ("POST", "/lab/end"): end,
              ("POST", "/lab/callback"): callback, ("POST", "/lab/settings"): settings}
