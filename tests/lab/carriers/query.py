# SPDX-License-Identifier: Apache-2.0
"""Carriers that ask by GET and read plain text: Airtel Comviva (headers) and Cellulant (pipes)."""
import secrets

from carriers.base import Call, Phone


class AirtelPhone(Phone):
    """Whether it goes on stands in the header Freeflow; clean=clean-session tells an end."""

    carrier = "airtel_comviva"
    number = "+254733000000"
    begins = False
    long_dial = False    # the code comes without the stars that could part it
    endings = ("abort",)
    userid, password = "coko", "airtel-password"

    def new_session(self):
        return str(secrets.randbelow(10 ** 12) + 10 ** 12)

    def start(self, code):
        return self.ask(code.replace("*", "").replace("#", ""))

    def hop(self, text):
        return self.ask(text)

    def ask(self, text):
        return Call(query={"userid": self.userid, "password": self.password, "MSISDN": self.digits,
                           "MSC": "254733000999", "input": text, "SessionID": self.session})

    def leave(self, kind):
        return Call(query={"userid": self.userid, "password": self.password, "clean": "clean-session",
                           "error": "522", "msisdn": self.digits, "SessionID": self.session})

    def judge_silent(self, reply):
        super().judge_silent(reply)
        self.need(reply.body == b"", "a clean-session is answered with text", reply)

    def malformed(self):
        return Call(query={"userid": self.userid, "password": self.password, "SessionID": "m1",
                           "input": "1"})

    def judge(self, reply):
        text = self.judge_common(reply, "text/plain")
        heads = reply.headers
        self.need(heads.get("freeflow") in ("FC", "FB"), "Freeflow is neither FC nor FB", reply)
        self.need(heads.get("charge") in ("Y", "N"), "charge is neither Y nor N", reply)
        self.need((heads.get("amount") or "x").isdigit(), "amount is no number", reply)
        self.need(heads.get("expires") == "-1" and heads.get("pragma") == "no-cache"
                  and "max-age=0" in heads.get("cache-control", ""), "the reply may be cached", reply)
        self.need(not text.startswith("\n"), "a leading newline", reply)
        self.judge_screen(text, reply)
        return text, heads["freeflow"] == "FB"


class CellulantPhone(Phone):
    """1|text|null|null|end or null|null: no bar in the text."""

    carrier = "cellulant"
    number = "+254720000000"
    endings = ("abort",)

    def new_session(self):
        return str(secrets.randbelow(10 ** 9) + 10 ** 9)

    def start(self, code):
        return self.ask(code, "BEG")

    def hop(self, text):
        return self.ask(text, "")

    def leave(self, kind):
        return self.ask("", "ABO", abort="1")

    def ask(self, text, op, abort="0"):
        return Call(query={"MSISDN": self.digits, "INPUT": text, "opCode": op, "ABORT": abort,
                           "sessionID": self.session})

    def malformed(self):
        return Call(query={"INPUT": "1", "opCode": "", "sessionID": "m1"})

    def judge(self, reply):
        fields = self.judge_common(reply, "text/plain").split("|")
        self.need(len(fields) == 6, f"{len(fields)} fields, not 6", reply)
        self.need(fields[0] == "1" and fields[2:4] == ["null", "null"] and fields[5] == "null"
                  and fields[4] in ("end", "null"), "a field is not as written", reply)
        self.judge_screen(fields[1], reply)
        return fields[1], fields[4] == "end"
