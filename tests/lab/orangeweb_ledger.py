# SPDX-License-Identifier: Apache-2.0
"""Web Payment's own truth: orders, who opened their page, how they ended, and every debit ever made.

open() makes an order, INITIATED until somebody opens its page; start(), pay(), fail(), expire() are what
happens there. A debit is written only by pay(), once an order. It never looks at what the merchant
believes; `on_final` is called with each order that ends.
"""

import itertools
import time

from lab_http import Changes

FINAL = {"SUCCESS", "FAILED", "EXPIRED"}


class LedgerError(ValueError):
    """An order that is not there."""


class Order:
    __slots__ = ("order_id", "amount", "currency", "pay_token", "notif_token", "notif_url", "status",
                 "txnid", "payer", "at")

    def view(self):
        return {"status": self.status, "order_id": self.order_id, "txnid": self.txnid}

    def record(self):
        return {**self.view(), "amount": self.amount, "currency": self.currency, "payer": self.payer,
                "notif_url": self.notif_url, "pay_token": self.pay_token}


class Ledger:
    def __init__(self):
        self.changes = Changes()
        self.on_final = lambda order: None
        self.numbers = itertools.count(int(time.time()))
        self.clear()

    def clear(self):
        self.orders, self.debits = {}, []

    def open(self, order):
        order.status, order.txnid, order.payer, order.at = "INITIATED", None, None, time.time()
        self.orders[order.order_id] = order
        self.changes.note()

    def pick(self, order_id):
        if order_id is None and self.orders:
            return list(self.orders.values())[-1]
        try:
            return self.orders[order_id]
        except KeyError:
            raise LedgerError("no such order") from None

    def start(self, order, payer):
        """The page is open: the payer types number and code."""
        order.status, order.payer = "PENDING", payer
        self.changes.note()

    def pay(self, order, payer=None, late=False):
        if order.status == "SUCCESS" or (order.status in FINAL and not late):
            return False
        order.status, order.payer = "SUCCESS", payer or order.payer or "770000000"
        order.txnid = f"MP{time.strftime('%y%m%d')}.{next(self.numbers)}.A"
        self.debits.append({"order_id": order.order_id, "amount": order.amount, "currency": order.currency,
                            "payer": order.payer, "txnid": order.txnid})
        return self.ended(order)

    def end(self, order, status):
        if order.status in FINAL:
            return False
        order.status = status
        return self.ended(order)

    def ended(self, order):
        self.changes.note()
        self.on_final(order)
        return True
