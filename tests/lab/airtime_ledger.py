# SPDX-License-Identifier: Apache-2.0
"""The operator's own truth: payments by line, how they ended, every debit and every credit ever made.

Ledger.open() takes a payment that was accepted and lets its line behave; succeed() is the only way to a
debit, once a payment. A clientCorrelator and a referenceCode are used once. give() opens a refund, whose
end is a credit, never above what is left. This ledger is the oracle of the airtime tests. No HTTP here;
`on_final` is called with each payment that ends.
"""

import asyncio
import itertools
import time

from lab_http import Changes

# approve: processing, succeeds after delay_ms. at_once: the submit's answer says succeeded. deny: denied
# after delay_ms. lapse: cancelled after delay_ms and, with late_ms, debited after all. pending: until a
# control call. The rest is refused, and no payment is made.
REFUSALS = {
    "refuse": (403, "CARRIER_BILLING.PAYMENT_DENIED", "Payment denied by business."),
    "above": (422, "CARRIER_BILLING.USER_AMOUNT_THRESHOLD_OVERPASSED",
              "Unauthorized payment request. Accumulated user mobile payments overpass account amount "
              "threshold."),
    "nobody": (404, "IDENTIFIER_NOT_FOUND", "phoneNumber not found."),
    "not_sold": (422, "SERVICE_NOT_APPLICABLE",
                 "The service is not available for the provided identifier."),
}
BEHAVIOURS = {"approve", "at_once", "deny", "lapse", "pending", *REFUSALS}
REFUND_BEHAVIOURS = {"approve", "later", "deny", "pending"}
FINAL = {"succeeded", "denied", "cancelled"}


class LedgerError(ValueError):
    """A behaviour that does not exist, or a payment that is not there."""


class Payment:
    __slots__ = ("id", "payer", "correlator", "reference", "amount", "currency", "description", "taxed",
                 "sink", "credential", "status", "txn", "created", "paid", "timers", "reason")

    def charging(self):
        return {"amount": self.amount, "currency": self.currency, "description": self.description,
                "isTaxIncluded": self.taxed}

    def view(self):
        """As the API shows it."""
        transaction = {"phoneNumber": "+" + self.payer, "referenceCode": self.reference,
                       "paymentAmount": {"chargingInformation": self.charging()}}
        if self.correlator:
            transaction["clientCorrelator"] = self.correlator
        if self.txn:
            transaction["serverReferenceCode"] = self.txn
        out = {"paymentId": self.id, "paymentStatus": self.status, "amountTransaction": transaction,
               "paymentCreationDate": stamp(self.created)}
        if self.paid:
            out["paymentDate"] = stamp(self.paid)
        if self.sink:
            out["sink"] = self.sink
        return out

    def record(self):
        """As the control API shows it."""
        return {"id": self.id, "payer": self.payer, "reference": self.reference, "amount": self.amount,
                "currency": self.currency, "status": self.status, "txn": self.txn,
                "description": self.description, "sink": self.sink}


class Refund:
    __slots__ = ("id", "of", "kind", "correlator", "reference", "amount", "status", "created", "timers")

    def view(self):
        charging = {"amount": self.amount, "currency": self.of.currency,
                    "description": self.of.description, "isTaxIncluded": self.of.taxed}
        return {"refundId": self.id, "refundStatus": self.status, "type": self.kind,
                "refundCreationDate": stamp(self.created),
                "amountTransaction": {"clientCorrelator": self.correlator,
                                      "referenceCode": self.reference,
                                      "refundAmount": {"chargingInformation": charging}
                                      if self.kind == "partial" else {}}}


class Ledger:
    def __init__(self, default):
        self.default_setting = default
        self.changes = Changes()
        self.on_final = lambda payment: None
        self.numbers = itertools.count(1)
        self.payments, self.refunds = {}, {}
        self.clear()

    def clear(self):
        for one in [*self.payments.values(), *self.refunds.values()]:
            for timer in one.timers:
                timer.cancel()
        self.payments, self.refunds = {}, {}     # id -> Payment, Refund; in the order of their making
        self.debits, self.credits = [], []
        self.payers = {}                         # msisdn -> behaviour set by a test
        self.default = check_behaviour(self.default_setting)
        self.refund_behaviour = {"behaviour": "approve", "delay_ms": 0}
        self.duplicates = 0                      # repetitions that were refused
        self.shift_s = 0                         # of this operator's clock

    def now(self):
        return time.time() + self.shift_s

    def setting(self, payer):
        return self.payers.get(payer) or self.default

    def set_payer(self, msisdn, body):
        setting = check_behaviour(body)
        if msisdn == "*":
            self.default = setting
        else:
            self.payers[msisdn] = setting
        return setting

    def used(self, correlator, reference, of):
        """"correlator" or "reference" when one of `of` (payments, refunds) has it."""
        for one in of.values():
            if correlator and one.correlator == correlator:
                self.duplicates += 1
                return "correlator"
            if one.reference == reference:
                self.duplicates += 1
                return "reference"
        return None

    # --- payments --------------------------------------------------------------------------------
    def open(self, payment):
        payment.id = f"AK{next(self.numbers):06d}-rfweSBuWGFUEWF"
        payment.status, payment.txn, payment.paid, payment.reason = "processing", None, None, None
        payment.created, payment.timers = self.now(), []
        self.payments[payment.id] = payment
        setting = self.setting(payment.payer)
        delay, kind = setting["delay_ms"] or 0, setting["behaviour"]
        if kind == "at_once":
            self.succeed(payment)
        elif kind == "approve":
            self.after(payment, delay, self.succeed, payment)
        elif kind == "deny":
            self.after(payment, delay, self.fail, payment, "denied")
        elif kind == "lapse":
            self.after(payment, delay, self.fail, payment, "cancelled")
            if setting["late_ms"] is not None:
                self.after(payment, delay + setting["late_ms"], self.succeed, payment, True)
        self.changes.note()

    @staticmethod
    def after(one, delay_ms, verb, *args):
        one.timers.append(asyncio.get_running_loop().call_later(delay_ms / 1000, verb, *args))

    def succeed(self, payment, late=False):
        """Debit the line once; True when this call did it. late: an end without a debit is no hindrance."""
        if payment.status == "succeeded" or (payment.status in FINAL and not late):
            return False
        payment.status, payment.paid = "succeeded", self.now()
        payment.txn = f"OP{int(payment.paid)}.{next(self.numbers)}"
        self.debits.append({"id": payment.id, "payer": payment.payer, "amount": payment.amount,
                            "currency": payment.currency, "reference": payment.reference,
                            "txn": payment.txn})
        return self.ended(payment)

    def fail(self, payment, status):
        """denied or cancelled; True when this call did it."""
        if status not in FINAL - {"succeeded"}:
            raise LedgerError("status is denied or cancelled")
        if payment.status in FINAL:
            return False
        payment.status, payment.reason = status, "User is blocked due to pending debt"
        return self.ended(payment)

    def ended(self, payment):
        self.changes.note()
        self.on_final(payment)
        return True

    def pick(self, body):
        """One payment by its id or our reference, or the line's newest."""
        for payment in reversed(self.payments.values()):
            if body.get("id") == payment.id or body.get("reference") == payment.reference \
                    or body.get("msisdn") == payment.payer:
                return payment
        raise LedgerError("no such payment")

    # --- refunds ---------------------------------------------------------------------------------
    def left(self, payment):
        return payment.amount - sum(r.amount for r in self.refunds.values()
                                    if r.of is payment and r.status != "denied")

    def give(self, refund):
        refund.id = f"RF{next(self.numbers):06d}"
        refund.status, refund.created, refund.timers = "processing", self.now(), []
        self.refunds[refund.id] = refund
        kind, delay = self.refund_behaviour["behaviour"], self.refund_behaviour["delay_ms"] or 0
        if kind == "approve":
            self.end_refund(refund, "succeeded")
        elif kind in ("later", "deny"):
            self.after(refund, delay, self.end_refund, refund,
                       "succeeded" if kind == "later" else "denied")
        self.changes.note()

    def end_refund(self, refund, status):
        refund.status = status
        if status == "succeeded":
            self.credits.append({"id": refund.id, "of": refund.of.id, "reference": refund.reference,
                                 "payer": refund.of.payer, "amount": refund.amount})
        self.changes.note()

    def summary(self, payer=None):
        def mine(rows):
            return [r for r in rows if payer in (None, r["payer"])]
        return {"debits": mine(self.debits), "credits": mine(self.credits),
                "payments": mine([p.record() for p in self.payments.values()]),
                "refunds": [r.view() for r in self.refunds.values() if payer in (None, r.of.payer)],
                "duplicates": self.duplicates}


def stamp(at):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"


def check_behaviour(body, known=BEHAVIOURS):
    """{"behaviour", "delay_ms", "late_ms"}, validated."""
    if body.get("behaviour") not in known:
        raise LedgerError(f"behaviour is one of {sorted(known)}")
    out = {"behaviour": body["behaviour"]}
    for name in ("delay_ms", "late_ms"):
        value = body.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))
                                  or value < 0):
            raise LedgerError(f"{name} must be a number of milliseconds")
        out[name] = value
    return out
