# SPDX-License-Identifier: Apache-2.0
"""The test's side of the Wave rail: everything under /lab/."""

import asyncio

import lab_rail
from lab_http import HttpError, reply
from lab_rail import MAX_COPIES
from wave_ledger import LedgerError, check_behaviour


class Lab(lab_rail.Control):
    """One method a path; ROUTES names them."""

    WRONG = LedgerError

    async def ledger(self, request):
        await self.wait(request, lambda: self.rail.ledger.debits)
        return reply(self.rail.ledger.summary())

    async def sessions(self, request):
        reference, status = request.query.get("reference"), request.query.get("status")

        def find():
            return [s for s in self.rail.ledger.sessions.values()
                    if reference in (None, s.reference) and status in (None, s.checkout)]

        return reply({"sessions": [s.view() for s in await self.wait(request, find)]})

    async def behave(self, request):
        """Of whoever will open the links of the sessions made from now on."""
        self.rail.ledger.behaviour = check_behaviour(request.json())
        return reply(self.rail.ledger.behaviour)

    async def pay(self, request):
        body = request.json()
        session = self.rail.ledger.pick(body)
        done = self.rail.ledger.pay(session, body.get("payer"), bool(body.get("late")))
        return reply(dict(session.view(), done=done), 200 if done else 409)

    async def fail(self, request):
        body = request.json()
        session = self.rail.ledger.pick(body)
        done = self.rail.ledger.fail(session, body.get("code", "insufficient-funds"))
        return reply(dict(session.view(), done=done), 200 if done else 409)

    async def expire(self, request):
        session = self.rail.ledger.pick(request.json())
        done = self.rail.ledger.expire(session)
        return reply(dict(session.view(), done=done), 200 if done else 409)

    async def webhook(self, request):
        """Send a webhook now, true or forged: session, type, set, event_id, copies, and how it is signed."""
        body, rail = request.json(), self.rail
        session = rail.ledger.pick(body)
        event = rail.event(body.get("type", "checkout.session.completed"), session)
        event["id"] = body.get("event_id", event["id"])
        event["data"] = {**event["data"], **body.get("set", {})}
        copies = max(1, min(int(body.get("copies", 1)), MAX_COPIES))
        statuses = await asyncio.gather(*[
            rail.post(session, event, "lab", sign={k: body[k] for k in (
                "secrets", "age_s", "between", "header", "strategy") if k in body})
            for _ in range(copies)])
        return reply({"statuses": list(statuses)})

    async def settings(self, request):
        """api_key, signing_secret, webhook_url, webhook_secrets (list), strategy, currencies, lapse_ms."""
        body, rail = request.json(), self.rail
        if body.get("strategy", "signature") not in ("signature", "bearer"):
            raise HttpError(400, "strategy is signature or bearer")
        for name in ("api_key", "signing_secret", "webhook_url", "webhook_secrets", "strategy"):
            setattr(rail, name, body.get(name, getattr(rail, name)))
        rail.currencies = set(body.get("currencies", rail.currencies))
        rail.ledger.lapse_ms = int(body.get("lapse_ms", rail.ledger.lapse_ms))
        return reply({"webhook_url": rail.webhook_url, "strategy": rail.strategy,
                      "currencies": sorted(rail.currencies), "lapse_ms": rail.ledger.lapse_ms})

    ROUTES = {("GET", "/lab/ledger"): ledger, ("GET", "/lab/sessions"): sessions,
              ("POST", "/lab/behave"): behave, ("POST", "/lab/pay"): pay,
              ("POST", "/lab/fail"): fail, ("POST", "/lab/expire"): expire,
              ("POST", "/lab/webhook"): webhook, ("POST", "/lab/settings"): settings}
