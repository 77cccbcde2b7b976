# SPDX-License-Identifier: Apache-2.0
"""Carriers that ask by GET: Airtel Comviva (headers) and Cellulant (pipes) read plain text, Dmark and
Hollatags read JSON."""
import secrets

from carriers.base import Call, Phone
from carriers.jsons import Json


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


class DmarkPhone(Json):
    """response false begins a transaction; that the subscriber left is never told."""

    carrier = "dmark"
    number = "+256772000000"

    def start(self, code):
        return self.ask(code, "false")

    def hop(self, text):
        return self.ask(text, "true")

    def ask(self, text, answers):
        return Call(query={"transactionId": self.session, "msisdn": self.digits,
                           "ussdServiceCode": self.service_code, "transactionTime": "20260101T10:00:00",
                           "ussdRequestString": text, "creationTime": "20260101T10:00:00",
                           "response": answers})

    def malformed(self):
        return Call(query={"transactionId": "m1", "response": "true"})

    def judge(self, reply):
        value = self.read(reply, responseString=str, action=str)
        self.need(value["action"] in ("request", "end"), "action is neither request nor end", reply)
        self.judge_screen(value["responseString"], reply)
        return value["responseString"], value["action"] == "end"


class HollatagsPhone(Json):
    """What goes back has the names of what came; 160 characters a message."""

    carrier = "hollatags"
    number = "+2348030000000"
    max_septets = 160
    endings = ("abort",)

    def start(self, code):
        return self.ask(code, "begin", "1")

    def hop(self, text):
        return self.ask(text, "continue", "2")

    def leave(self, kind):
        return self.ask("", "end", "3")

    def ask(self, text, operation, kind):
        return Call(query={"session_msisdn": self.digits, "session_operation": operation,
                           "session_msg": text[:160], "session_id": self.session,
                           "session_from": self.service_code, "session_type": kind,
                           "session_mno": "MTN"})

    def malformed(self):
        return Call(query={"session_id": "m1", "session_operation": "continue"})

    def judge(self, reply):
        value = self.read(reply, session_operation=str, session_type=str, session_id=str,
                          session_msg=str, session_from=str, session_msisdn=str, session_mno=str)
        self.echoes(value, reply, session_id=self.session, session_msisdn=self.digits,
                    session_from=self.service_code, session_mno="MTN")
        self.need(value["session_operation"] in ("continue", "end"), "session_operation", reply)
        self.judge_screen(value["session_msg"], reply)
        return value["session_msg"], value["session_operation"] == "end"
