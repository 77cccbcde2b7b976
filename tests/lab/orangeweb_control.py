# SPDX-License-Identifier: Apache-2.0
"""The test's side of the Web Payment rail: everything under /lab/."""

import asyncio

import lab_rail
from lab_http import HttpError, reply
from lab_rail import MAX_COPIES
from orangeweb_ledger import FINAL, LedgerError


class Lab(lab_rail.Control):
    """One method a path; ROUTES names them. order_id absent: the newest order."""

    WRONG = LedgerError

    async def ledger(self, request):
        await self.wait(request, lambda: self.rail.ledger.debits)
        return reply({"debits": self.rail.ledger.debits,
                      "orders": [o.record() for o in self.rail.ledger.orders.values()]})

    async def pay(self, request):
        """Somebody opens the page and pays: order_id, msisdn, late."""
        body = request.json()
        order = self.rail.ledger.pick(body.get("order_id"))
        done = self.rail.ledger.pay(order, body.get("msisdn"), bool(body.get("late")))
        return reply(dict(order.record(), done=done), 200 if done else 409)

    async def end(self, request):
        """PENDING (the page is open), or an end without a debit."""
        body = request.json()
        order, status = self.rail.ledger.pick(body.get("order_id")), body.get("status", "FAILED")
        if status == "PENDING":
            self.rail.ledger.start(order, body.get("msisdn", "770000000"))
            return reply(order.record())
        if status not in FINAL - {"SUCCESS"}:
            raise HttpError(400, "status is PENDING, FAILED or EXPIRED")
        done = self.rail.ledger.end(order, status)
        return reply(dict(order.record(), done=done), 200 if done else 409)

    async def callback(self, request):
        """A notification now, true or forged: order_id, set, url, copies."""
        body, rail = request.json(), self.rail
        order = rail.ledger.pick(body.get("order_id"))
        sent = {"status": order.status, "notif_token": order.notif_token, "txnid": order.txnid,
                **body.get("set", {})}
        copies = max(1, min(int(body.get("copies", 1)), MAX_COPIES))
        sent = {k: v for k, v in sent.items() if v is not None}
        statuses = await asyncio.gather(*[rail.post(order, sent, "lab", body.get("url"))
                                          for _ in range(copies)])
        return reply({"statuses": list(statuses)})

    async def settings(self, request):
        """deliver_to, drop_tokens."""
        body = request.json()
        self.rail.deliver_to = body.get("deliver_to", self.rail.deliver_to)
        if body.get("drop_tokens"):
            self.rail.tokens.clear()
        return reply({"deliver_to": self.rail.deliver_to})

    ROUTES = {("GET", "/lab/ledger"): ledger, ("POST", "/lab/pay"): pay, ("POST", "/lab/end"): end,
              ("POST", "/lab/callback"): callback, ("POST", "/lab/settings"): settings}
