# SPDX-License-Identifier: Apache-2.0
"""A phone whose USSD carrier speaks SMPP: it talks through the lab's SMSC (smsc.py, control API).

    phone = SmppPhone(smsc.control, "+2250700000041", "6d")
    phone.dial("*384*26#"); phone.send("1"); phone.last, phone.ended, phone.seconds, phone.statuses
    phone.deliver("begin", "*384*26#"); phone.hang_up(); phone.answer_ring(part)

One table says the five dialects once more, in bytes of its own: no line is shared with the daemon. A
submit_sm that a handset's network would refuse is an AssertionError.
"""
import itertools
import time

OP, INFO, REFERENCE = "0501", "1383", "0204"
# where the session stands, op or service_type of each kind, end bit, what asks and what closes
DIALECTS = {
    "tata": {"at": INFO, "end_bit": True, "ask": "02", "close": "02"},
    "6d": {"at": INFO, "end_bit": True, "ask": "02", "close": "11"},
    "mica": {"at": REFERENCE, "end_bit": False, "ask": "02", "close": "11"},
    "nowsms": {"at": INFO, "end_bit": False, "ask": "02", "close": "11"},
    "huawei": {"at": None, "end_bit": False, "ask": "CR", "close": "EF"},
}
OPS = {"begin": "01", "answer": "12", "told": "13", "abort": "81"}
TYPES = {"begin": "BR", "answer": "CA", "told": "CN", "abort": "AF"}
SESSIONS = itertools.count(1)


class SmppPhone:
    def __init__(self, control, number, dialect="tata", code="*384*26#", session=None):
        self.control, self.number, self.code = control, number, code
        self.name, self.dialect = dialect, DIALECTS[dialect]
        self.session = session or f"{next(SESSIONS) * 2 % 65536:04x}"
        self.after, self.last, self.ended, self.part, self.previous = 0, None, False, None, None
        self.statuses, self.sent_at, self.seconds = [], 0.0, 0.0

    # --- what goes out -------------------------------------------------------------------------
    def deliver(self, kind, text="", tlvs=None, **more):
        """One deliver_sm; the statuses it was answered with."""
        body = {"from": self.number, "to": self.code, "text": text, "esm_class": 0}
        if self.dialect["at"]:
            body["service_type"] = "USSD"
            body["tlvs"] = {OP: OPS.get(kind, kind), self.dialect["at"]: self.session}
        else:
            body["service_type"] = TYPES.get(kind, kind)
        body["tlvs"] = {**body.get("tlvs", {}), **(tlvs or {})}
        self.sent_at = time.time()
        self.statuses = self.control("POST", "/mo?wait_ms=30000", {**body, **more})["statuses"]
        return self.statuses

    def dial(self, text=None, begins=True):
        assert self.deliver("begin" if begins else "answer", text or self.code) == [0]
        return self.reply()

    def send(self, key):
        """The same key twice in a second and a half is one delivery: no thumb is so fast."""
        key = key + " " if key == self.previous else key
        self.previous = key
        assert self.deliver("answer", key) == [0]
        return self.reply()

    def hang_up(self):
        return self.deliver("abort")

    # --- what comes in -------------------------------------------------------------------------
    def parts(self, count=0, wait_ms=0):
        return self.control("GET", f"/parts?to={self.number.lstrip('+')}&after={self.after}"
                                   f"&count={count}&wait_ms={wait_ms}")["parts"]

    def mine(self, part):
        at = self.dialect["at"]
        if not at:
            return True
        seen = part["tlvs"].get(at, "")
        return seen[:-1] == self.session[:-1] and int(seen, 16) | 1 == int(self.session, 16) | 1

    def reply(self, timeout=30.0):
        """The next submit_sm of this session, judged."""
        end = time.time() + timeout
        while time.time() < end:
            for part in self.parts(1, 1000):
                self.after = part["seq"]
                if self.mine(part):
                    return self.judge(part)
        raise AssertionError(f"{self.name}: no reply in {timeout} s")

    def judge(self, part):
        """Only what a dialogue may hold: one short text, no receipt asked, no header."""
        assert part["registered_delivery"] == 0 and part["esm_class"] == 0 and not part["udh"], part
        assert part["octets"] <= 182 and not part["defects"], part
        assert part["from"] == self.code, part
        dialect = self.dialect
        if dialect["at"]:
            assert part["service_type"] == "USSD", part
            said = part["tlvs"][OP]
            bit = dialect["at"] == INFO and int(part["tlvs"][INFO][-2:], 16) & 1 == 1
            ended = bit if dialect["end_bit"] else said == dialect["close"]
        else:
            assert OP not in part["tlvs"] and INFO not in part["tlvs"], part
            said = part["service_type"]
            ended = said == dialect["close"]
        assert said == (dialect["close"] if ended else dialect["ask"]), part
        self.part, self.last, self.ended = part, part["text"], ended
        self.seconds = part["submitted_at"] - self.sent_at
        return self.last
