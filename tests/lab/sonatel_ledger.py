# SPDX-License-Identifier: Apache-2.0
"""Orange Money's own truth: codes given out, transactions, every debit and every cash-in ever made.

A payer fetches a one-time code (otp), which pays once and for a while; pay() takes a onestep payment,
open_link() and pay_link() one by QR, cash_in() gives money back. Nothing here looks at what the
merchant believes, and a reference that comes twice is paid twice: the merchant has to know better.
"""

import itertools
import random
import time

from lab_http import Changes

FINAL = {"SUCCESS", "FAILED", "REJECTED", "CANCELLED"}
TRANSIENT = {"PRE_INITIATED", "INITIATED", "PENDING", "ACCEPTED"}

# What a payer's wallet does with a good code: approve it, refuse for want of funds, be no customer,
# fail without an error, or leave it open for a control call.
BEHAVIOURS = {"approve", "no_funds", "nobody", "fail", "pending"}


class LedgerError(ValueError):
    """A behaviour that does not exist, or a transaction that is not there."""


class Refused(Exception):
    """What the rail refuses without a transaction: its code."""


class Transaction:
    __slots__ = ("id", "reference", "payer", "amount", "unit", "kind", "status", "callback", "at",
                 "listed", "link")

    def view(self):
        return {"transactionId": self.id, "reference": self.reference, "status": self.status,
                "type": self.kind, "amount": {"value": float(self.amount), "unit": self.unit},
                "customer": {"idType": "MSISDN", "id": self.payer}, "metadata": {}}


class Ledger:
    def __init__(self, behaviour, otp_ttl_ms):
        self.default, self.otp_ttl_default = behaviour, otp_ttl_ms
        self.changes = Changes()
        self.on_final = lambda transaction: None
        self.numbers = itertools.count(int(time.time()) * 100)
        self.dice = random.Random(26)
        self.clear()

    def clear(self):
        self.transactions = []
        self.debits, self.cash_ins = [], []
        self.otps = {}                      # (payer, code) -> {"until", "amount", "used"}
        self.payers = {}
        self.links = {}                     # qr id -> the transaction it would make
        self.otp_ttl_ms, self.otp_digits = self.otp_ttl_default, 6
        self.repeat_ms = 0                  # the same number and amount again within this is refused

    def behave(self, payer, behaviour):
        if behaviour not in BEHAVIOURS:
            raise LedgerError(f"behaviour is one of {sorted(BEHAVIOURS)}")
        self.payers[payer] = behaviour

    # --- codes -------------------------------------------------------------------------------------
    def otp(self, payer, amount=None):
        """A new code, as the operator's menu shows it; some countries bind it to an amount."""
        while True:
            code = f"{self.dice.randrange(10 ** self.otp_digits):0{self.otp_digits}}"
            if (payer, code) not in self.otps:
                break
        self.otps[payer, code] = {"until": time.monotonic() + self.otp_ttl_ms / 1000,
                                  "amount": amount, "used": False}
        return code

    def take_otp(self, payer, code, amount):
        found = self.otps.get((payer, code))
        if not found or found["used"] or found["until"] < time.monotonic() \
                or found["amount"] not in (None, amount):
            raise Refused("otp")
        found["used"] = True

    # --- payments ----------------------------------------------------------------------------------
    def pay(self, payer, code, amount, unit, reference, callback):
        behaviour = self.payers.get(payer, self.default)
        if behaviour == "nobody":
            raise Refused("nobody")
        self.take_otp(payer, code, amount)
        if behaviour == "no_funds":
            raise Refused("no_funds")
        transaction = self.make(payer, amount, unit, reference, "MERCHANT_PAYMENT", callback)
        if behaviour == "fail" or self.too_soon(transaction):
            self.end(transaction, "FAILED")
        elif behaviour == "approve":
            self.end(transaction, "SUCCESS")
        return transaction

    def too_soon(self, one):
        return any(d["payer"] == one.payer and d["amount"] == one.amount
                   and d["at"] > time.time() - self.repeat_ms / 1000 for d in self.debits)

    def make(self, payer, amount, unit, reference, kind, callback):
        t = Transaction()
        t.id = f"MP{time.strftime('%y%m%d')}.{next(self.numbers)}"
        t.payer, t.amount, t.unit, t.reference, t.kind = payer, amount, unit, reference, kind
        t.status, t.callback, t.at, t.listed, t.link = "INITIATED", callback, time.time(), True, None
        self.transactions.append(t)
        self.changes.note()
        return t

    def open_link(self, qr, amount, unit, reference, callback):
        """An unpaid link is no transaction: nothing lists it."""
        t = self.make(None, amount, unit, reference, "MERCHANT_PAYMENT", callback)
        t.listed, t.link = False, qr
        self.links[qr] = t

    def pay_link(self, reference, payer):
        for t in self.links.values():
            if t.reference == reference and t.status not in FINAL:
                t.payer, t.listed = payer, True
                self.end(t, "SUCCESS")
                return t
        raise LedgerError("no such link, or it was paid")

    def end(self, t, status):
        """A transient transaction ends, once; a debit is written only here."""
        if t.status in FINAL and not (t.status != "SUCCESS" and status == "SUCCESS"):
            return False
        t.status = status
        if status == "SUCCESS":
            self.debits.append({"reference": t.reference, "payer": t.payer, "amount": t.amount,
                                "unit": t.unit, "transactionId": t.id, "at": time.time()})
        self.changes.note()
        self.on_final(t)
        return True

    def cash_in(self, payer, amount, unit, reference):
        t = self.make(payer, amount, unit, reference, "CASHIN", None)
        t.status = "SUCCESS"
        self.cash_ins.append({"reference": reference, "payer": payer, "amount": amount, "unit": unit,
                              "transactionId": t.id, "at": time.time()})
        self.changes.note()
        return t

    # --- looking -----------------------------------------------------------------------------------
    def listed(self, reference):
        return [t for t in self.transactions if t.reference == reference and t.listed]

    def by_id(self, number):
        return next((t for t in self.transactions if t.id == number), None)

    def pick(self, reference=None, payer=None):
        for t in reversed(self.transactions):
            if reference == t.reference or (reference is None and payer == t.payer):
                return t
        raise LedgerError("no such transaction")

    def summary(self, payer=None):
        return {"debits": [d for d in self.debits if payer in (None, d["payer"])],
                "cash_ins": [c for c in self.cash_ins if payer in (None, c["payer"])],
                "transactions": [t.view() for t in self.transactions if payer in (None, t.payer)]}


