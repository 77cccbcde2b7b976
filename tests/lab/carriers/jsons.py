# SPDX-License-Identifier: Apache-2.0
"""Carriers that speak JSON: Hubtel, Arkesel, Nalo, Korba, Nsano, Beem, Infobip, MTN MADAPI.

Names and types are judged as written in their documents: a number is no string, a boolean is no
word; what a carrier sends as a string is sent as one.
"""
import json
import secrets
import time

from carriers.base import Call, Phone
from carriers.pushing import Rung


class Json(Phone):
    content_type = "application/json"

    def new_session(self):
        return secrets.token_hex(16)

    def pack(self, value):
        return json.dumps(value, ensure_ascii=False)

    def read(self, reply, **types):
        """The reply's object with these members of these types."""
        body = self.judge_common(reply, "application/json")
        try:
            value = json.loads(body, object_pairs_hook=lambda pairs: self.unique(pairs, reply))
        except ValueError:
            self.fail("the body is no JSON", reply)
        self.need(isinstance(value, dict), "the body is no JSON object", reply)
        return self.members(value, reply, **types)

    def unique(self, pairs, reply):
        self.need(len({k for k, _ in pairs}) == len(pairs), "a member twice", reply)
        return dict(pairs)

    def members(self, value, reply, **types):
        for name, kind in types.items():
            self.need(type(value.get(name)) is kind, f"{name} is no {kind.__name__}", reply)
        return value

    def echoes(self, value, reply, **expected):
        """Members that must come back as they were sent."""
        for name, want in expected.items():
            self.need(value.get(name) == want, f"{name} is not {want!r}", reply)


class HubtelPhone(Json):
    """Hubtel Programmable Services: JSON POST, last input only, Sequence counts the hops."""

    carrier = "hubtel"
    number = "+233246000000"
    deadline_s = 5.0
    sequence = True
    endings = ("abort", "timeout")
    TYPES = {"response", "release", "AddToCart"}
    DATA_TYPES = {None, "", "menu", "input", "select", "display"}

    def __init__(self, base_url, secret, msisdn, service_code="*384*26#", operator="mtn",
                 **options):
        super().__init__(base_url, secret, msisdn, service_code, **options)
        self.operator = operator
        self.client_state = ""
        self.data_type = None

    def start(self, code):
        self.client_state = ""
        return self.json("initiation", code)

    def hop(self, text):
        return self.json("response", text)

    def leave(self, kind):
        return self.json({"abort": "release"}.get(kind, kind), "")

    def json(self, kind, message, sequence=None):
        return self.pack({
            "Type": kind, "Message": message, "ServiceCode": self.service_code.strip("*#"),
            "Operator": self.operator, "ClientState": self.client_state,
            "Mobile": self.digits, "SessionId": self.session,
            "Sequence": str(sequence or self.hops + 1), "Platform": "USSD"})

    def judge(self, reply):
        body = self.judge_common(reply, "application/json")
        try:
            value = json.loads(body)
        except ValueError:
            self.fail("the body is no JSON", reply)
        if not isinstance(value, dict) or value.get("Type") not in self.TYPES:
            self.fail("Type is not response, release or AddToCart", reply)
        for name in ("Message", "Label", "ClientState", "FieldName", "FieldType"):
            if not isinstance(value.get(name, ""), str):
                self.fail(f"{name} is no string", reply)
        if value.get("DataType") not in self.DATA_TYPES:
            self.fail("DataType is not menu, input, select or display", reply)
        self.client_state, self.data_type = value.get("ClientState", ""), value.get("DataType")
        self.judge_screen(value.get("Message", ""), reply)
        return value["Message"], value["Type"] == "release"

    def hang_up(self, kind="release"):
        """release and timeout are Hubtel's own words for abort and timeout."""
        return super().hang_up({"release": "abort"}.get(kind, kind))


class ArkeselPhone(Json):
    """userID is our application's id, the only credential; the service code is in the first userData."""

    carrier = "arkesel"
    number = "+233271000000"
    user_id, network = "USSD_COKO", "AIRTELTIGO"

    def start(self, code):
        return self.json(True, code)

    def hop(self, text):
        return self.json(False, text)

    def json(self, new, text):
        return self.pack({"sessionID": self.session, "userID": self.user_id, "newSession": new,
                          "msisdn": self.digits, "userData": text, "network": self.network})

    def judge(self, reply):
        value = self.read(reply, sessionID=str, userID=str, msisdn=str, message=str,
                          continueSession=bool)
        self.echoes(value, reply, sessionID=self.session, userID=self.user_id, msisdn=self.digits)
        self.judge_screen(value["message"], reply)
        return value["message"], not value["continueSession"]


class NaloPhone(Json):
    """120 septets a screen; MSGTYPE true is a beginning in the request and a question in the reply."""

    carrier = "nalo"
    number = "+233244000000"
    max_septets = 120
    user_id, network = "NALOCOKO", "MTN"

    def start(self, code):
        return self.json(True, code)

    def hop(self, text):
        return self.json(False, text)

    def json(self, new, text):
        return self.pack({"USERID": self.user_id, "MSISDN": self.digits, "USERDATA": text[:120],
                          "MSGTYPE": new, "NETWORK": self.network, "SESSIONID": self.session})

    def judge(self, reply):
        value = self.read(reply, USERID=str, MSG=str, MSGTYPE=bool)
        self.echoes(value, reply, USERID=self.user_id)
        self.need(value.get("MSISDN", self.digits) == self.digits, "another MSISDN", reply)
        self.judge_screen(value["MSG"], reply)
        return value["MSG"], not value["MSGTYPE"]


class KorbaPhone(Json):
    """ussdServiceOp as over SMPP, in decimal: 1 begins, 18 answers; 2 asks, 17 ends."""

    carrier = "korba"
    number = "+233245000000"
    endings = ("abort",)

    def start(self, code):
        return self.json(1, code)

    def hop(self, text):
        return self.json(18, text)

    def leave(self, kind):
        return self.json(30, "")

    def json(self, op, text):
        return self.pack({"sessionID": self.session, "msisdn": "+" + self.digits, "network": "06",
                          "ussdString": text, "ussdServiceOp": op})

    def judge(self, reply):
        value = self.read(reply, message=str, ussdServiceOp=int)
        self.need(value["ussdServiceOp"] in (2, 17), "ussdServiceOp is not 2 or 17", reply)
        self.judge_screen(value["message"], reply)
        return value["message"], value["ussdServiceOp"] == 17


class NsanoPhone(Json):
    """The first sight of a session begins it; prompt ends, showMenu lists what can be chosen."""

    carrier = "nsano"
    number = "+233247000000"
    begins = False

    def start(self, code):
        return self.json(code)

    def hop(self, text):
        return self.json(text)

    def json(self, text):
        return self.pack({"UserSessionID": self.session, "msisdn": self.digits, "network": "MTN",
                          "msg": text})

    def judge(self, reply):
        inner = self.members(self.read(reply, USSDResp=dict)["USSDResp"], reply, action=str, title=str)
        action, menus = inner["action"], inner.get("menus")
        self.need(action in ("input", "prompt", "showMenu"), "action is not one of the three", reply)
        self.need(menus == "" or isinstance(menus, list) and all(isinstance(m, str) for m in menus),
                  "menus is neither empty nor a list of strings", reply)
        self.need(action == "showMenu" or not menus, "menus without showMenu", reply)
        text = "\n".join([inner["title"], *(menus or [])])
        self.judge_screen(text, reply)
        return text, action == "prompt"


class BeemPhone(Json):
    """Session ids are short integers and come again; request_id is ours and comes back."""

    carrier = "beem"
    number = "+255754000000"
    sequence = True
    long_dial = False    # 0 stands where a dial string could
    endings = ("abort",)

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.request_id = 0

    def new_session(self):
        return str(secrets.randbelow(9000) + 1000)

    def start(self, code):
        self.request_id = 0
        return self.json("initiate", 0)

    def hop(self, text):
        return self.json("continue", text)

    def leave(self, kind):
        return self.json("terminate", 0)

    def json(self, command, text):
        return self.pack({"command": command, "msisdn": self.digits, "session_id": self.session,
                          "operator": "vodacom",
                          "payload": {"request_id": self.request_id, "response": text}})

    def judge(self, reply):
        value = self.read(reply, msisdn=str, operator=str, session_id=str, command=str, payload=dict)
        self.echoes(value, reply, msisdn=self.digits, operator="vodacom", session_id=self.session)
        self.need(value["command"] in ("continue", "terminate"), "command is neither", reply)
        payload = self.members(value["payload"], reply, request_id=int, request=str)
        self.request_id = payload["request_id"]
        self.judge_screen(payload["request"], reply)
        return payload["request"], value["command"] == "terminate"


class InfobipPhone(Json):
    """Four addresses: what a hop is stands in the path. shortCode is often missing."""

    carrier = "infobip"
    number = "+254722000000"
    endings = ("abort", "timeout")
    EXIT = {"abort": (200, "User abort"), "timeout": (500, "Session timeout")}

    def start(self, code):
        return self.at("POST", "start", self.json(code, shortCode=self.service_code))

    def hop(self, text):
        return self.at("POST", "response", self.json(text))

    def leave(self, kind):
        code, reason = self.EXIT[kind]
        return self.at("PUT", "end", {"exitCode": code, "reason": reason})

    def dial(self, code=None, *, same_id=False):
        """A notice of an end is answered before it is acted on: its id begins again once the session is closed."""
        deadline = time.monotonic() + self.deadline_s
        while same_id and self.session and self.status() and time.monotonic() < deadline:
            time.sleep(0.02)
        return super().dial(code, same_id=same_id)

    def at(self, method, verb, value):
        return Call(method, f"{self.url}/session/{self.session}/{verb}", body=self.pack(value),
                    headers={"Content-Type": self.content_type})

    def json(self, text, **more):
        return {"msisdn": self.digits, "imsi": "639020000000001", "text": text, "language": None,
                "optional": None, "ussdGwId": "live2", **more}

    def status(self):
        """Whether the daemon holds the session, by its own word."""
        reply = self.deliver(self.at("POST", "status", {}))
        value = self.read(reply, sessionActive=bool, responseExitCode=int, responseMessage=str)
        return value["sessionActive"]

    def malformed(self):
        return Call("POST", f"{self.url}/session/m1/start", body=b"\xff{",
                    headers={"Content-Type": self.content_type})

    def judge(self, reply):
        value = self.read(reply, ussdMenu=str, shouldClose=bool, responseExitCode=int,
                          responseMessage=str)
        self.need(value["responseExitCode"] == 200, "responseExitCode is not 200", reply)
        self.judge_screen(value["ussdMenu"], reply)
        return value["ussdMenu"], value["shouldClose"]


class MadapiPhone(Rung, Json):
    """messageType is a string in the request and an int in the reply. What rings it begins a dialogue (0) or only
    tells (3)."""

    carrier = "mtn_madapi"
    number = "+2250504000000"
    endings = ("abort", "timeout", "end")
    TYPES = {"end": "2", "abort": "4", "timeout": "5"}

    def __init__(self, *args, gateway=None, **options):
        super().__init__(*args, **options)
        self.gateway = gateway

    def judge_push(self, push):
        for name in ("sessionId", "messageType", "msisdn", "serviceCode", "ussdString"):
            self.need(isinstance(push.get(name), str) and push[name], f"{name} is no text", self.last_push)
        self.need(len(push) == 5 and push["serviceCode"] == self.service_code, "not a push of ours", self.last_push)
        self.need(push["messageType"] in ("0", "3"), "messageType begins nothing", self.last_push)
        self.judge_screen(push["ussdString"], self.last_push)
        return push["ussdString"], push["messageType"] == "3"

    def start(self, code):
        return self.json("0", code)

    def hop(self, text):
        return self.json("1", text)

    def leave(self, kind):
        return self.json(self.TYPES[kind], "user abort" if kind == "abort" else "")

    def json(self, kind, text):
        return self.pack({"sessionId": self.session, "messageType": kind, "msisdn": self.digits,
                          "serviceCode": self.service_code, "ussdString": text})

    def judge(self, reply):
        value = self.read(reply, statusCode=str, statusMessage=str, transactionId=str, data=dict)
        self.need(value["statusCode"] == "0000", "statusCode is not 0000", reply)
        data = self.members(value["data"], reply, inboundResponse=str, userInputRequired=bool,
                            messageType=int, serviceCode=str, msisdn=str, sessionId=str)
        self.echoes(data, reply, msisdn=self.digits, sessionId=self.session)
        self.need(data["messageType"] == (1 if data["userInputRequired"] else 2),
                  "messageType does not go with userInputRequired", reply)
        self.judge_screen(data["inboundResponse"], reply)
        return data["inboundResponse"], not data["userInputRequired"]
