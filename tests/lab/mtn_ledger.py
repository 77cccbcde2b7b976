# SPDX-License-Identifier: Apache-2.0
"""The rail's own truth: who was asked to pay what, how it ended, and every debit ever made.

Ledger.open() takes an accepted requesttopay and lets its payer behave; approve(), fail() end it; a
debit is written only by approve(), once a reference. This ledger is the oracle of the money tests:
it never looks at what the merchant believes. No HTTP here; `on_final` is called with each charge
that ends. Refunds have books of their own: open_refund() takes an accepted one, give() writes the one
credit that its reference ever earns, deny() ends it without. Leaves (pre-approvals) have theirs:
open_leave() takes an asked one and lets its payer answer; under one that he gave, a charge needs no
prompt and ends as leave_setting says, until he takes it back (take_back) or the merchant ends it.
"""

import asyncio
import itertools
import time
from decimal import Decimal

from lab_http import Changes

REASONS = (
    "PAYEE_NOT_FOUND PAYER_NOT_FOUND NOT_ALLOWED NOT_ALLOWED_TARGET_ENVIRONMENT "
    "INVALID_CALLBACK_URL_HOST INVALID_CURRENCY SERVICE_UNAVAILABLE INTERNAL_PROCESSING_ERROR "
    "NOT_ENOUGH_FUNDS PAYER_LIMIT_REACHED PAYEE_NOT_ALLOWED_TO_RECEIVE PAYMENT_NOT_APPROVED "
    "RESOURCE_NOT_FOUND APPROVAL_REJECTED EXPIRED TRANSACTION_CANCELED RESOURCE_ALREADY_EXIST "
    "COULD_NOT_PERFORM_TRANSACTION SENDER_ACCOUNT_NOT_ACTIVE").split()

# approve: after delay_ms. reject, no_funds, fail: after delay_ms, with the reason. ignore: nothing
# until lapse_ms, then FAILED. late: like ignore, then SUCCESSFUL after late_ms more. pending: for
# ever, until a control call. With "takes" the rail debits that amount instead of what was asked.
BEHAVIOURS = {"approve", "reject", "no_funds", "fail", "ignore", "late", "pending"}


class LedgerError(ValueError):
    """A behaviour or reason that does not exist, or a charge that is not there."""


class Charge:
    __slots__ = ("reference", "payer", "amount", "currency", "external_id", "message", "note",
                 "callback", "status", "reason", "transaction", "opened", "ended", "timers",
                 "user", "early", "leave")

    def view(self, reason_form="string"):
        """The body of the status reply and of the callback."""
        body = {"amount": self.amount, "currency": self.currency, "externalId": self.external_id,
                "payer": {"partyIdType": "MSISDN", "partyId": self.payer},
                "payerMessage": self.message, "payeeNote": self.note, "status": self.status}
        if self.status == "SUCCESSFUL":
            body["financialTransactionId"] = self.transaction
        if self.status == "FAILED":
            body["reason"] = self.reason if reason_form == "string" else {
                "code": self.reason, "message": self.reason.replace("_", " ").capitalize()}
        return body

    def record(self):
        """The charge as the control API shows it."""
        return dict(self.view(), reference=self.reference, opened_at=self.opened,
                    ended_at=self.ended, callback=self.callback)


class Refund(Charge):
    """Money on its way back to the payer of `of`, a charge."""
    __slots__ = ("of",)

    def view(self, reason_form="string"):
        body = super().view(reason_form)
        body["payee"] = body.pop("payer")
        return body

    def record(self):
        return dict(self.view(), reference=self.reference, of=self.of.reference)


class Leave:
    """A payer's leave to be debited without a prompt: PENDING, SUCCESSFUL, FAILED or CANCELLED."""
    __slots__ = ("reference", "payer", "currency", "message", "validity", "callback", "status",
                 "reason", "opened", "ends", "user")

    def view(self, reason_form="string"):
        body = {"payer": {"partyIdType": "MSISDN", "partyId": self.payer},
                "payerCurrency": self.currency, "payerMessage": self.message, "status": self.status,
                "expirationDateTime": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.ends))}
        if self.status == "FAILED":
            body["reason"] = self.reason if reason_form == "string" else {
                "code": self.reason, "message": self.reason.replace("_", " ").capitalize()}
        return body

    def record(self):
        return dict(self.view(), reference=self.reference, validity=self.validity,
                    opened_at=self.opened)


def check_behaviour(body):
    """The settings of a payer, validated: {"behaviour", "delay_ms", "reason", ...}."""
    behaviour = body.get("behaviour", "approve")
    if behaviour not in BEHAVIOURS:
        raise LedgerError(f"behaviour is one of {sorted(BEHAVIOURS)}")
    if body.get("reason") not in (None, *REASONS):
        raise LedgerError(f"no such reason: {body['reason']}")
    out = {"behaviour": behaviour, "reason": body.get("reason")}
    for name in ("delay_ms", "lapse_ms", "late_ms"):
        value = body.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))
                                  or value < 0):
            raise LedgerError(f"{name} must be a number of milliseconds")
        out[name] = value
    if body.get("takes") is not None and not str(body["takes"]).isdigit():
        raise LedgerError("takes must be a whole amount")
    out["takes"] = body.get("takes")
    return out


class Ledger:
    def __init__(self, table, default, lapse_ms):
        self.table = table                  # msisdn -> behaviour, as the sandbox publishes
        self.default_setting = default
        self.lapse_default = lapse_ms
        self.changes = Changes()
        self.on_final = lambda charge: None
        self.transactions = itertools.count(int(time.time()) * 1000)
        self.charges, self.refunds = {}, {}
        self.clear()

    def clear(self):
        for charge in [*self.charges.values(), *self.refunds.values()]:
            for timer in charge.timers:
                timer.cancel()
        self.charges = {}                   # reference -> Charge
        self.refunds = {}                   # reference -> Refund
        self.credits = []
        self.refund_duplicates = 0
        self.refund_setting = check_behaviour({"behaviour": "approve"})
        self.leaves = {}                    # reference -> Leave
        self.leave_duplicates = 0
        self.leave_settings = {}            # msisdn -> how debits under a leave end
        self.asked_settings = {}            # msisdn -> how the payer answers when asked for one
        self.debits = []
        self.duplicates = 0                 # submits refused because the reference was known
        self.payers = {}                    # msisdn -> behaviour set by a test
        self.default = dict(self.default_setting)
        self.lapse_ms = self.lapse_default

    def set_payer(self, msisdn, body):
        setting = check_behaviour(body)
        if msisdn in ("*", "default"):
            self.default = setting
        else:
            self.payers[msisdn] = setting
        return setting

    def setting(self, msisdn):
        return self.payers.get(msisdn) or self.table.get(msisdn) or self.default

    def open(self, charge):
        """Keep a new charge, PENDING, and let its payer act in its own time."""
        charge.status, charge.reason, charge.transaction = "PENDING", None, None
        charge.opened, charge.ended, charge.timers = time.time(), None, []
        charge.leave = None
        self.charges[charge.reference] = charge
        self.changes.note()

    def answer_of(self, charge):
        """How this charge will end: as its payer behaves; under a leave no prompt is shown, only the account answers."""
        charge.leave = self.leave_of(charge.payer)
        if charge.leave is not None:
            return self.leave_settings.get(charge.payer, check_behaviour({}))
        return check_behaviour(self.setting(charge.payer))

    def prompt(self, charge):
        """The payer sees the PIN prompt: from here the behaviour runs."""
        setting = self.answer_of(charge)
        kind, delay = setting["behaviour"], setting["delay_ms"] or 0
        lapse = self.lapse_ms if setting["lapse_ms"] is None else setting["lapse_ms"]
        if kind == "approve":
            self._after(charge, delay, self.approve, charge)
            if delay > lapse:
                self._after(charge, lapse, self.fail, charge, "EXPIRED")
        elif kind in ("reject", "no_funds", "fail"):
            reason = setting["reason"] or {"reject": "APPROVAL_REJECTED",
                                           "no_funds": "NOT_ENOUGH_FUNDS"}.get(
                                               kind, "INTERNAL_PROCESSING_ERROR")
            self._after(charge, delay, self.fail, charge, reason)
        elif kind in ("ignore", "late"):
            self._after(charge, lapse, self.fail, charge, setting["reason"] or "EXPIRED")
            if kind == "late":
                self._after(charge, lapse + (setting["late_ms"] or 0), self.approve, charge, True)

    def _after(self, charge, delay_ms, verb, *args):
        charge.timers.append(
            asyncio.get_running_loop().call_later(delay_ms / 1000, verb, *args))

    def approve(self, charge, late=False):
        """Debit the payer once; True when this call did it. late: also after a failure."""
        if charge.status == "SUCCESSFUL" or (charge.status == "FAILED" and not late):
            return False
        charge.status, charge.reason = "SUCCESSFUL", None
        charge.amount = str(check_behaviour(self.setting(charge.payer))["takes"] or charge.amount)
        charge.transaction, charge.ended = str(next(self.transactions)), time.time()
        self.debits.append({
            "reference": charge.reference, "payer": charge.payer, "amount": charge.amount,
            "currency": charge.currency, "externalId": charge.external_id,
            "financialTransactionId": charge.transaction, "at": charge.ended,
            "leave": charge.leave})
        self._final(charge)
        return True

    def fail(self, charge, reason):
        """End a pending charge without a debit; True when this call did it."""
        if charge.status != "PENDING":
            return False
        charge.status, charge.reason, charge.ended = "FAILED", reason, time.time()
        self._final(charge)
        return True

    def _final(self, charge):
        self.changes.note()
        self.on_final(charge)

    # --- refunds -----------------------------------------------------------------------------
    def left(self, charge):
        """How much of a charge is neither given back nor on its way."""
        return Decimal(charge.amount) - sum(Decimal(r.amount) for r in self.refunds.values()
                                            if r.of is charge and r.status != "FAILED")

    def open_refund(self, refund):
        """Keep a new refund, PENDING, and end it as refund_setting says: approve, fail, pending."""
        refund.status, refund.reason, refund.transaction = "PENDING", None, None
        refund.opened, refund.ended, refund.timers = time.time(), None, []
        self.refunds[refund.reference] = refund
        setting = self.refund_setting
        delay = setting["delay_ms"] or 0
        if setting["behaviour"] == "approve":
            self._after(refund, delay, self.give, refund)
        elif setting["behaviour"] == "fail":
            self._after(refund, delay, self.deny, refund, setting["reason"] or "NOT_ENOUGH_FUNDS")
        self.changes.note()

    def give(self, refund):
        """Credit the payer once; True when this call did it."""
        if refund.status != "PENDING":
            return False
        refund.status, refund.ended = "SUCCESSFUL", time.time()
        refund.transaction = str(next(self.transactions))
        self.credits.append({
            "reference": refund.reference, "of": refund.of.reference, "payer": refund.payer,
            "amount": refund.amount, "currency": refund.currency,
            "financialTransactionId": refund.transaction, "at": refund.ended})
        self.changes.note()
        return True

    def deny(self, refund, reason):
        """End a pending refund without a credit."""
        if refund.status == "PENDING":
            refund.status, refund.reason, refund.ended = "FAILED", reason, time.time()
            self.changes.note()

    # --- leaves ------------------------------------------------------------------------------
    def leave_of(self, msisdn):
        """The reference of the leave that a payer gave and that still stands, or None."""
        return next((x.reference for x in self.leaves.values()
                     if x.payer == msisdn and x.status == "SUCCESSFUL" and x.ends > time.time()), None)

    def open_leave(self, leave):
        """Keep what was asked, PENDING; its payer approves at once unless a test said otherwise."""
        leave.status, leave.reason = "PENDING", None
        leave.opened, leave.ends = time.time(), time.time() + leave.validity
        self.leaves[leave.reference] = leave
        kind = self.asked_settings.get(leave.payer, "approve")
        if kind != "pending":
            self.answer_leave(leave, "SUCCESSFUL" if kind == "approve" else "FAILED",
                              None if kind == "approve" else "APPROVAL_REJECTED")
        self.changes.note()

    def answer_leave(self, leave, status, reason=None):
        if leave.status == "PENDING":
            leave.status, leave.reason = status, reason
            self.changes.note()
            self.on_final(leave)

    def take_back(self, msisdn):
        """The payer ends his leave at his wallet; the merchant is not told. How many he ended."""
        mine = [x for x in self.leaves.values() if x.payer == msisdn and x.status == "SUCCESSFUL"]
        for leave in mine:
            leave.status = "CANCELLED"
        self.changes.note()
        return len(mine)

    def pick(self, reference=None, msisdn=None, pending_only=True):
        """One charge by reference, or the payer's oldest (pending) one."""
        if reference:
            charge = self.charges.get(str(reference).lower())
            if charge is None:
                raise LedgerError("no such reference")
            return charge
        for charge in self.charges.values():
            if charge.payer == msisdn and (charge.status == "PENDING" or not pending_only):
                return charge
        raise LedgerError("no such charge")

    def pending(self, msisdn=None):
        return [c for c in self.charges.values()
                if c.status == "PENDING" and msisdn in (None, c.payer)]

    def summary(self, payer=None):
        """Debits, and their sums by payer and currency in minor-free decimal text."""
        debits = [d for d in self.debits if payer in (None, d["payer"])]
        sums = {}
        for debit in debits:
            entry = sums.setdefault(debit["payer"], {"count": 0, "amounts": {}})
            entry["count"] += 1
            amounts = entry["amounts"]
            amounts[debit["currency"]] = add_decimal(amounts.get(debit["currency"], "0"),
                                                     debit["amount"])
        return {"debits": debits, "count": len(debits), "by_payer": sums,
                "duplicate_submits": self.duplicates,
                "charges": {c.reference: c.status for c in self.charges.values()
                            if payer in (None, c.payer)}}


def add_decimal(a, b):
    """Sum of two decimal strings, exactly."""
    def hundredths(text):
        whole, _, part = text.partition(".")
        return int(whole) * 100 + int((part + "00")[:2])
    total = hundredths(a) + hundredths(b)
    return str(total // 100) + (f".{total % 100:02}" if total % 100 else "")
