# SPDX-License-Identifier: Apache-2.0
"""M-Pesa's own truth: who was asked for how much, how it ended, and every debit ever made.

A push has no reference of the merchant's that it could be found by: a second one of the same merchant
is a second push. Ledger.open() takes an accepted one and lets its payer behave; approve() is the only
way to a debit, once a push. This ledger is the oracle of the M-Pesa tests. No HTTP here; `on_final` is
called with each push that ends.
"""

import asyncio
import itertools
import time

from lab_http import Changes

RESULTS = {
    "0": "The service request is processed successfully.",
    "1": "The balance is insufficient for the transaction.",
    "17": "System internal error.",
    "1001": "Unable to lock subscriber, a transaction is already in process for the current subscriber",
    "1019": "Transaction has expired",
    "1025": "An error occurred while sending a push request",
    "1032": "Request cancelled by user",
    "1037": "DS timeout user cannot be reached",
    "2001": "The initiator information is invalid.",
    "9999": "An error occurred while sending a push request",
}

# approve: after delay_ms. fail: after delay_ms, with the result. pending: until a control call.
# unreachable: 1037 after delay_ms, and the payer answers after late_ms all the same.
BEHAVIOURS = {"approve", "fail", "pending", "unreachable"}


class LedgerError(ValueError):
    """A behaviour or result that does not exist, or a push that is not there."""


class Push:
    __slots__ = ("checkout", "merchant", "payer", "amount", "account", "desc", "callback", "short_code",
                 "party", "result", "receipt", "opened", "ended", "timers")

    def record(self):
        """The push as the control API shows it."""
        return {"checkout": self.checkout, "merchant": self.merchant, "payer": self.payer,
                "amount": self.amount, "account": self.account, "desc": self.desc,
                "callback": self.callback, "party": self.party, "result": self.result,
                "receipt": self.receipt}

    def callback_body(self):
        body = {"MerchantRequestID": self.merchant, "CheckoutRequestID": self.checkout,
                "ResultCode": int(self.result), "ResultDesc": RESULTS[self.result]}
        if self.result == "0":
            stamp = int(time.strftime("%Y%m%d%H%M%S", time.gmtime(self.ended + 3 * 3600)))
            body["CallbackMetadata"] = {"Item": [
                {"Name": "Amount", "Value": float(self.amount)},
                {"Name": "MpesaReceiptNumber", "Value": self.receipt}, {"Name": "Balance"},
                {"Name": "TransactionDate", "Value": stamp},
                {"Name": "PhoneNumber", "Value": int(self.payer)}]}
        return {"Body": {"stkCallback": body}}


class Ledger:
    def __init__(self, default):
        self.default_setting = default
        self.changes = Changes()
        self.on_final = lambda push: None
        self.numbers = itertools.count(1)
        self.pushes = {}
        self.clear()

    def clear(self):
        for push in self.pushes.values():
            for timer in push.timers:
                timer.cancel()
        self.pushes = {}                    # CheckoutRequestID -> Push
        self.debits = []
        self.payers = {}                    # msisdn -> behaviour set by a test
        self.busy = set()                   # msisdns with another session on the phone
        self.default = check_behaviour(self.default_setting)

    def set_payer(self, msisdn, body):
        setting = check_behaviour(body)
        if msisdn == "*":
            self.default = setting
        else:
            self.payers[msisdn] = setting
        return setting

    def open(self, push):
        """Keep a new push; the prompt is on the phone."""
        number = next(self.numbers)
        day = time.strftime("%d%m%Y%H%M%S", time.gmtime())
        push.merchant = f"29115-{34620561 + number}-1"
        push.checkout = f"ws_CO_{day}{number:03}{push.payer[-9:]}"     # as the real one: with the number
        push.result = push.receipt = push.ended = None
        push.opened, push.timers = time.time(), []
        self.pushes[push.checkout] = push
        setting = self.payers.get(push.payer) or self.default
        delay = setting["delay_ms"] or 0
        if setting["behaviour"] == "approve":
            self._after(push, delay, self.approve, push)
        elif setting["behaviour"] == "fail":
            self._after(push, delay, self.fail, push, setting["result"])
        elif setting["behaviour"] == "unreachable":
            self._after(push, delay, self.fail, push, "1037")
            if setting["late_ms"] is not None:
                self._after(push, delay + setting["late_ms"], self.approve, push)
        self.changes.note()

    def _after(self, push, delay_ms, verb, *args):
        push.timers.append(asyncio.get_running_loop().call_later(delay_ms / 1000, verb, *args))

    def approve(self, push):
        """Debit the payer once; True when this call did it. Also after a failure: 1037 proves nothing."""
        if push.result == "0":
            return False
        push.result, push.ended = "0", time.time()
        push.receipt = f"TK{next(self.numbers):08X}"
        self.debits.append({"checkout": push.checkout, "payer": push.payer, "amount": push.amount,
                            "account": push.account, "receipt": push.receipt, "at": push.ended})
        self._final(push)
        return True

    def fail(self, push, result):
        """End a push without a debit; True when this call did it."""
        if result not in RESULTS or result == "0":
            raise LedgerError(f"result is one of {sorted(set(RESULTS) - {'0'})}")
        if push.result is not None:
            return False
        push.result, push.ended = result, time.time()
        self._final(push)
        return True

    def _final(self, push):
        self.changes.note()
        self.on_final(push)

    def pick(self, body):
        """One push by its id, or the payer's newest."""
        for push in reversed(self.pushes.values()):
            if push.checkout == body.get("checkout") or push.payer == body.get("msisdn"):
                return push
        raise LedgerError("no such push")

    def summary(self, payer=None):
        return {"debits": [d for d in self.debits if payer in (None, d["payer"])],
                "count": len([d for d in self.debits if payer in (None, d["payer"])]),
                "pushes": [p.record() for p in self.pushes.values() if payer in (None, p.payer)]}


def check_behaviour(body):
    """{"behaviour", "delay_ms", "late_ms", "result"}, validated."""
    if body.get("behaviour") not in BEHAVIOURS:
        raise LedgerError(f"behaviour is one of {sorted(BEHAVIOURS)}")
    out = {"behaviour": body["behaviour"], "result": str(body.get("result", "1032"))}
    if out["result"] not in RESULTS:
        raise LedgerError(f"result is one of {sorted(RESULTS)}")
    for name in ("delay_ms", "late_ms"):
        value = body.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))
                                  or value < 0):
            raise LedgerError(f"{name} must be a number of milliseconds")
        out[name] = value
    return out
