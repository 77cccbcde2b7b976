# SPDX-License-Identifier: Apache-2.0
"""The test's side of the MTN rail: everything under /lab/."""

import asyncio

import lab_rail
from lab_http import HttpError, reply
from lab_rail import MAX_COPIES
from mtn_ledger import Charge, LedgerError, check_behaviour


class Lab(lab_rail.Control):
    """One method a path; ROUTES names them."""

    WRONG = LedgerError

    async def reset(self, request):
        """As at the start; with tokens=kept a merchant who goes on needs no new one."""
        rail = self.rail
        kept = [dict(tokens) if request.query.get("tokens") == "kept" else {} for tokens in (rail.tokens, rail.refund_tokens)]
        rail.reset()
        rail.tokens.update(kept[0])
        rail.refund_tokens.update(kept[1])
        return reply({"reset": True})

    async def ledger(self, request):
        payer = request.query.get("payer")
        await self.wait(request, lambda: [d for d in self.rail.ledger.debits
                                          if payer in (None, d["payer"])])
        return reply(self.rail.ledger.summary(payer))

    async def charges(self, request):
        payer, status = request.query.get("payer"), request.query.get("status")

        def find():
            return [c for c in self.rail.ledger.charges.values()
                    if payer in (None, c.payer) and status in (None, c.status)]

        return reply({"charges": [c.record() for c in await self.wait(request, find)]})

    async def pending(self, request):
        payer = request.query.get("payer")
        found = await self.wait(request, lambda: self.rail.ledger.pending(payer))
        return reply({"pending": [c.record() for c in found]})

    async def payer(self, request):
        body = request.json()
        msisdn = str(body.get("msisdn", "")).lstrip("+")
        if not msisdn:
            raise HttpError(400, "msisdn is needed (* for everybody)")
        return reply({"msisdn": msisdn, **self.rail.ledger.set_payer(msisdn, body)})

    async def approve(self, request):
        body = request.json()
        late = bool(body.get("late"))
        charge = self.rail.ledger.pick(body.get("reference"), body.get("msisdn"), not late)
        done = self.rail.ledger.approve(charge, late)
        return reply(dict(charge.record(), done=done), 200 if done else 409)

    async def reject(self, request):
        return await self.end(request, "APPROVAL_REJECTED")

    async def expire(self, request):
        return await self.end(request, "EXPIRED")

    async def end(self, request, reason):
        body = request.json()
        charge = self.rail.ledger.pick(body.get("reference"), body.get("msisdn"))
        done = self.rail.ledger.fail(charge, body.get("reason", reason))
        return reply(dict(charge.record(), done=done), 200 if done else 409)

    async def callback(self, request):
        """Send a callback now, true or forged: reference, set, url, method, copies."""
        body, rail = request.json(), self.rail
        charge = rail.ledger.pick(body.get("reference"), body.get("msisdn"), False)
        target = Charge()
        target.reference, target.payer = charge.reference, charge.payer
        target.callback = body.get("url") or charge.callback
        if not target.callback:
            raise HttpError(400, "the charge has no callback URL; give url")
        sent = {**charge.view(rail.reason_form), **body.get("set", {})}
        sent = {k: v for k, v in sent.items() if v is not None}
        copies = max(1, min(int(body.get("copies", 1)), MAX_COPIES))
        statuses = await asyncio.gather(*[
            rail.put(target, body.get("method", "PUT"), sent, "lab") for _ in range(copies)])
        return reply({"statuses": list(statuses)})

    async def refunds(self, request):
        """Every refund, every credit, and how many came twice: the oracle of money given back."""
        ledger, of = self.rail.ledger, request.query.get("of")
        return reply({"refunds": [r.record() for r in ledger.refunds.values()
                                  if of in (None, r.of.reference)],
                      "credits": [c for c in ledger.credits if of in (None, c["of"])],
                      "duplicate_submits": ledger.refund_duplicates})

    async def refund(self, request):
        """How refunds end from now on: behaviour approve, fail (reason) or pending, delay_ms."""
        setting = check_behaviour(request.json())
        if setting["behaviour"] not in ("approve", "fail", "pending"):
            raise HttpError(400, "a refund is approved, fails or stays pending")
        self.rail.ledger.refund_setting = setting
        return reply(setting)

    async def leaves(self, request):
        """Pre-approvals as the rail knows them, and how many were asked twice."""
        payer, ledger = request.query.get("payer"), self.rail.ledger
        found = await self.wait(request, lambda: [x for x in ledger.leaves.values()
                                                  if payer in (None, x.payer)])
        return reply({"leaves": [x.record() for x in found],
                      "duplicate_submits": ledger.leave_duplicates})

    async def leave(self, request):
        """msisdn, and of: asked (answer approve, reject or pending), debits (a payer's behaviour
        under his leave), answer (yes or no to what is pending), take_back."""
        body, ledger = request.json(), self.rail.ledger
        msisdn = str(body.get("msisdn", "")).lstrip("+")
        if body.get("asked") not in (None, "approve", "reject", "pending"):
            raise HttpError(400, "asked is approve, reject or pending")
        if body.get("asked"):
            ledger.asked_settings[msisdn] = body["asked"]
        if body.get("debits"):
            ledger.leave_settings[msisdn] = check_behaviour(body["debits"])
        if body.get("answer"):
            yes = body["answer"] == "yes"
            for leave in [x for x in ledger.leaves.values() if x.payer == msisdn]:
                ledger.answer_leave(leave, "SUCCESSFUL" if yes else "FAILED",
                                    None if yes else "APPROVAL_REJECTED")
        ended = ledger.take_back(msisdn) if body.get("take_back") else 0
        return reply({"msisdn": msisdn, "ended": ended})

    async def settings(self, request):
        """currency (list), environment, reason_form, token_ttl, lapse_ms; drop_tokens."""
        body, rail = request.json(), self.rail
        if body.get("reason_form", "string") not in ("string", "object"):
            raise HttpError(400, "reason_form is string or object")
        rail.currencies = set(body.get("currency", rail.currencies))
        rail.environment = body.get("environment", rail.environment)
        rail.reason_form = body.get("reason_form", rail.reason_form)
        rail.token_ttl = int(body.get("token_ttl", rail.token_ttl))
        rail.ledger.lapse_ms = int(body.get("lapse_ms", rail.ledger.lapse_ms))
        if body.get("drop_tokens"):
            rail.tokens.clear()
            rail.refund_tokens.clear()
        return reply({"currency": sorted(rail.currencies), "environment": rail.environment,
                      "reason_form": rail.reason_form, "token_ttl": rail.token_ttl,
                      "lapse_ms": rail.ledger.lapse_ms})

    ROUTES = {("GET", "/lab/ledger"): ledger, ("GET", "/lab/charges"): charges, ("GET", "/lab/pending"): pending,
              ("POST", "/lab/payer"): payer, ("POST", "/lab/approve"): approve,
              ("POST", "/lab/reject"): reject, ("POST", "/lab/expire"): expire,
              ("GET", "/lab/refunds"): refunds, ("POST", "/lab/refund"): refund,
              ("GET", "/lab/leaves"): leaves, ("POST", "/lab/leave"): leave,
              ("POST", "/lab/callback"): callback, ("POST", "/lab/settings"): settings, ("POST", "/lab/reset"): reset}
