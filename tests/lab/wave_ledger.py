# SPDX-License-Identifier: Apache-2.0
"""Wave's own truth: sessions, what became of each, every debit and every refund ever made.

A session is open until somebody pays it, it is expired by its merchant, or its time is over; an
attempt that fails leaves it open. pay() is the only way to a debit, once a session. This ledger is
the oracle of the Wave tests: it never looks at what the merchant believes. No HTTP here; `on_event`
is called with (type, session) for what Wave tells by webhook.
"""

import asyncio
import itertools
import secrets
import string
import time
from datetime import datetime, timezone

from lab_http import Changes

ERRORS = ("insufficient-funds blocked-account payer-mobile-mismatch payment-failure "
          "cross-border-payment-not-allowed customer-age-restricted kyb-limits-exceeded").split()

# wait: nobody opens the link. pay: after delay_ms. fail: an attempt after delay_ms, with the code.
# lapse: over after lapse_ms. late: like lapse, then paid after late_ms more.
BEHAVIOURS = {"wait", "pay", "fail", "lapse", "late"}
LETTERS = string.ascii_lowercase + string.digits


class LedgerError(ValueError):
    """A behaviour or code that does not exist, or a session that is not there."""


def stamp(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Session:
    __slots__ = ("id", "amount", "currency", "reference", "success_url", "error_url", "restrict",
                 "checkout", "payment", "error", "transaction", "created", "expires", "completed",
                 "payer", "refunded", "timers", "host", "business")

    @property
    def link(self):
        return f"https://{self.host}/c/{self.id}?a={self.amount}&c={self.currency}"

    def view(self):
        """The object that the API and the webhooks show."""
        body = {"id": self.id, "amount": self.amount, "checkout_status": self.checkout,
                "client_reference": self.reference, "currency": self.currency,
                "error_url": self.error_url, "last_payment_error": None,
                "business_name": self.business, "payment_status": self.payment,
                "success_url": self.success_url, "wave_launch_url": self.link,
                "when_created": stamp(self.created), "when_expires": stamp(self.expires)}
        if self.restrict:
            body["restrict_payer_mobile"] = self.restrict
        if self.completed:
            body["when_completed"] = stamp(self.completed)
        if self.transaction:
            body["transaction_id"] = self.transaction
        if self.error:
            body["last_payment_error"] = {"code": self.error,
                                          "message": self.error.replace("-", " ")}
        return body


class Ledger:
    def __init__(self, host, business, default, lapse_ms):
        self.host, self.business = host, business
        self.default_setting, self.lapse_default = default, lapse_ms
        self.changes = Changes()
        self.on_event = lambda kind, session: None
        self.transactions = itertools.count(int(time.time()))
        self.sessions = {}
        self.clear()

    def clear(self):
        for session in self.sessions.values():
            for timer in session.timers:
                timer.cancel()
        self.sessions = {}                  # id -> Session
        self.debits = []
        self.refunds = []
        self.behaviour = check_behaviour(self.default_setting)
        self.lapse_ms = self.lapse_default

    def open(self, session):
        """Keep a new session; its payer, whoever that is, acts in his own time."""
        session.id = "cos-" + "".join(secrets.choice(LETTERS) for _ in range(13))
        session.checkout, session.payment = "open", "processing"
        session.error = session.transaction = session.completed = session.payer = None
        session.refunded, session.timers = False, []
        session.host, session.business = self.host, self.business
        kind = self.behaviour
        lapse = kind["lapse_ms"] if kind["lapse_ms"] is not None else self.lapse_ms
        session.created = time.time()
        session.expires = session.created + lapse / 1000
        self.sessions[session.id] = session
        self._after(session, lapse, self.expire, session)
        if kind["behaviour"] == "pay":
            self._after(session, kind["delay_ms"] or 0, self.pay, session)
        elif kind["behaviour"] == "fail":
            self._after(session, kind["delay_ms"] or 0, self.fail, session, kind["code"])
        elif kind["behaviour"] == "late":
            self._after(session, lapse + (kind["late_ms"] or 0), self.pay, session, None, True)
        self.changes.note()

    def _after(self, session, delay_ms, verb, *args):
        session.timers.append(
            asyncio.get_running_loop().call_later(delay_ms / 1000, verb, *args))

    def pay(self, session, payer=None, late=False):
        """Debit somebody, once a session; True when this call did it. late: also when it is over."""
        if session.checkout == "complete" or (session.checkout == "expired" and not late):
            return False
        session.checkout, session.payment, session.error = "complete", "succeeded", None
        session.transaction = f"TCN{next(self.transactions)}"
        session.completed, session.payer = time.time(), payer or session.restrict or "+221770000000"
        self.debits.append({
            "id": session.id, "reference": session.reference, "payer": session.payer,
            "amount": session.amount, "currency": session.currency,
            "transaction_id": session.transaction, "at": session.completed})
        self._event("checkout.session.completed", session)
        return True

    def fail(self, session, code):
        """An attempt without a debit; the session stays as it is."""
        if code not in ERRORS:
            raise LedgerError(f"code is one of {ERRORS}")
        if session.checkout != "open":
            return False
        session.error, session.payment = code, "cancelled"
        self._event("checkout.session.payment_failed", session)
        return True

    def expire(self, session):
        """Over without a debit; True when this call did it. Wave tells nobody."""
        if session.checkout != "open":
            return False
        session.checkout, session.payment = "expired", "cancelled"
        session.completed = time.time()
        self.changes.note()
        return True

    def refund(self, session):
        """The whole amount, once, however often it is asked for; False when nothing was paid."""
        if session.payment != "succeeded":
            return False
        if not session.refunded:
            session.refunded = True
            self.refunds.append({"id": session.id, "reference": session.reference,
                                 "amount": session.amount, "currency": session.currency,
                                 "at": time.time()})
            self.changes.note()
        return True

    def _event(self, kind, session):
        self.changes.note()
        self.on_event(kind, session)

    def of_reference(self, reference):
        return [s for s in self.sessions.values() if s.reference == reference]

    def pick(self, body):
        """One session by id or link, else the newest of a reference."""
        for name, of in (("id", lambda s: s.id), ("link", lambda s: s.link),
                         ("reference", lambda s: s.reference)):
            if body.get(name):
                found = [s for s in self.sessions.values() if of(s) == body[name]]
                if found:
                    return found[-1]
                break
        raise LedgerError("no such session")

    def summary(self):
        return {"debits": self.debits, "count": len(self.debits), "refunds": self.refunds,
                "sessions": {s.id: [s.reference, s.checkout, s.payment]
                             for s in self.sessions.values()}}


def check_behaviour(body):
    """{"behaviour", "delay_ms", "lapse_ms", "late_ms", "code"}, validated."""
    if body.get("behaviour") not in BEHAVIOURS:
        raise LedgerError(f"behaviour is one of {sorted(BEHAVIOURS)}")
    out = {"behaviour": body["behaviour"], "code": body.get("code", "insufficient-funds")}
    if out["code"] not in ERRORS:
        raise LedgerError(f"code is one of {ERRORS}")
    for name in ("delay_ms", "lapse_ms", "late_ms"):
        value = body.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))
                                  or value < 0):
            raise LedgerError(f"{name} must be a number of milliseconds")
        out[name] = value
    return out
