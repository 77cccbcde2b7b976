# SPDX-License-Identifier: Apache-2.0
"""The faults a test may programme into the SMSC, and how often each still strikes.

Faults.set(dict) merges a POST /faults body and refuses unknown names, so that a misspelt fault
cannot make a test pass. A counted fault strikes `count` times (-1: until reset); `to` limits it
to one destination. Faults.take(name, to) says whether it strikes now and uses it up. A chance strikes
by the dice of `seed`, as often as its probability says; with `run` it then strikes so many times in a row.
"""

import random

from smsc_store import digits

# name -> kind. counted: strikes n times; value: carries a setting and strikes n times; plain: a
# standing setting
KINDS = {
    "resp_status": "value", "drop_resp": "counted", "drop_receipt": "counted",
    "receipt_state": "value", "receipt_before_resp": "counted", "duplicate_receipt": "value",
    "reorder": "value", "resp_form": "value", "duplicate_resp": "counted",
    "bind_status": "value", "bind_silent": "counted", "close_after_bind": "counted",
    "enquire_silent": "counted", "unbind_silent": "counted",
    "resp_delay_ms": "plain", "receipt_delay_ms": "plain", "id_form": "plain",
    "receipt_spread_ms": "plain", "receipt_form": "plain", "close_after_n": "plain", "close_answers": "plain",
    "one_byte_writes": "plain", "silent": "plain", "stop_reading": "plain",
    "max_per_s": "plain", "deliver_window": "plain", "hold_resp": "plain", "hold_receipts": "plain",
}
RESP_FORMS = {"no_body", "nul", "no_id", "tlv", "wrong_command", "long_id"}
ID_FORMS = {"dec", "dec0", "hex", "HEX", "hex0", "HEX0", "constant"}
RECEIPT_FORMS = {"text", "tlv", "both", "payload", "short", "reordered", "no_class", "truncated"}
PLAIN_DEFAULTS = {"resp_delay_ms": 0, "receipt_delay_ms": None, "receipt_spread_ms": 0,
                  "id_form": {}, "close_after_n": 0, "receipt_form": "text", "close_answers": False, "one_byte_writes": False,
                  "silent": False, "stop_reading": False, "max_per_s": 0, "deliver_window": None,
                  "hold_resp": False, "hold_receipts": False}


class FaultError(ValueError):
    """The fault is not known, or its value cannot be."""


def as_int(value, name):
    try:
        return int(value, 0) if isinstance(value, str) else int(value)
    except (TypeError, ValueError):
        raise FaultError(f"{name}: not a number: {value!r}") from None


class Faults:
    def __init__(self):
        self.clear()

    def clear(self):
        self.plain = dict(PLAIN_DEFAULTS)
        self.armed = {}                # name -> {"value", "count", "to"}
        self.chances = {}              # name -> {"p", "value", "run", "left"}
        self.dice = random.Random(0)
        self.struck = {}               # name -> times

    def set(self, body):
        """Merge {name: value, "count": n, "to": number}; a value of 0, null or false disarms."""
        count, to = body.get("count"), body.get("to")
        for name, value in body.items():
            if name in ("count", "to"):
                continue
            if name == "chance":
                self._set_chances(dict(value or {}))
                continue
            kind = KINDS.get(name)
            if kind is None:
                raise FaultError(f"no such fault: {name}")
            if kind == "plain":
                self._set_plain(name, value)
            else:
                self._arm(name, kind, value, count, to)

    def _set_chances(self, body):
        """{"seed": n, name: probability or {"p", "value", "run"}}; replaces the chances before."""
        self.dice, self.chances = random.Random(body.pop("seed", 0)), {}
        for name, row in body.items():
            if KINDS.get(name, "plain") == "plain":
                raise FaultError(f"no such chance: {name}")
            row = dict(row) if isinstance(row, dict) else {"p": row}
            self.chances[name] = {"p": float(row["p"]), "value": row.get("value", True),
                                  "run": int(row.get("run", 1)), "left": 0}

    def _chance(self, name):
        chance = self.chances.get(name)
        if chance is None:
            return None
        if chance["left"] == 0:
            if self.dice.random() >= chance["p"]:
                return None
            chance["left"] = chance["run"]
        chance["left"] -= 1
        self.struck[name] = self.struck.get(name, 0) + 1
        return chance["value"]

    def active(self):
        return bool(self.armed or self.chances)

    def _set_plain(self, name, value):
        if name == "id_form":
            if isinstance(value, str):
                value = {"receipt": value}
            value = dict(value or {})
            if set(value) - {"resp", "receipt"} or set(value.values()) - ID_FORMS:
                raise FaultError(f"id_form: {value!r}")
        elif name == "receipt_form":
            value = value or "text"
            if value not in RECEIPT_FORMS:
                raise FaultError(f"receipt_form: {value!r}")
        elif name in ("close_answers", "one_byte_writes", "silent", "stop_reading", "hold_resp", "hold_receipts"):
            value = bool(value)
        else:
            value = PLAIN_DEFAULTS[name] if value is None else as_int(value, name)
        self.plain[name] = value

    def _arm(self, name, kind, value, count, to):
        if isinstance(value, dict):
            count, to = value.get("count", count), value.get("to", to)
            value = value.get("value", value.get("status", value.get("state", 1)))
        if value in (0, None, False):
            self.armed.pop(name, None)
            return
        if kind == "counted":
            count = as_int(value if value is not True else (count or 1), name)
            value = True
        elif name in ("resp_status", "bind_status", "duplicate_receipt", "reorder"):
            value = as_int(value, name)
        elif name == "resp_form" and value not in RESP_FORMS:
            raise FaultError(f"resp_form: {value!r}")
        default = 1 if name in ("resp_status", "bind_status", "resp_form", "reorder") else -1
        count = default if count is None else as_int(count, "count")
        self.armed[name] = {"value": value, "count": count, "to": digits(to) if to else None}

    def take(self, name, to=None):
        """The fault's value if it strikes now (and is used up once), else None."""
        fault = self.armed.get(name)
        if fault is None or (fault["to"] and (to is None or digits(to) != fault["to"])):
            return self._chance(name)
        if fault["count"] > 0:
            fault["count"] -= 1
            if fault["count"] == 0:
                del self.armed[name]
        self.struck[name] = self.struck.get(name, 0) + 1
        return fault["value"]

    def view(self):
        return {"armed": self.armed, "chances": self.chances, "settings": self.plain,
                "struck": self.struck}
