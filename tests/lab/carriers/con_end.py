# SPDX-License-Identifier: Apache-2.0
"""Carriers that are answered with CON and END: Africa's Talking (form) and its look-alikes (query).

Each hop carries the whole path, '*' between the inputs. On a shared code the path of Advanta,
JazaAfrica, Speedocom and Safaricom begins with the tenant's own suffix: *384*26# is suffix 26 of
*384#, and the path is 26, 26*1, ...
"""
import secrets
import time
import urllib.parse

from carriers.base import Call, Phone


class ConEnd(Phone):
    """The path and the judgement; fields(path) comes from the subclass."""

    number = "+254711000000"
    begins, whole_path = False, True
    deadline_s = 15.0

    def __init__(self, *args, network_code="63902", **options):
        super().__init__(*args, **options)
        self.network_code = network_code
        self.path = ""

    def new_session(self):
        return secrets.token_hex(16)

    def start(self, code):
        """*384*26*1*2# arrives as text=1*2 on the first hop."""
        self.path = self.dialled(code)
        return self.form(self.path)

    def hop(self, text):
        # the first input of a session has no star before it, as long as nothing was dialled
        self.path = f"{self.path}*{text}" if self.path or self.hops > 1 else text
        return self.form(self.path)

    def form(self, text):
        raise NotImplementedError

    def judge(self, reply):
        body = self.judge_common(reply, "text/plain")
        if body[:4] not in ("CON ", "END "):
            self.fail("the body does not begin with CON or END", reply)
        self.judge_screen(body[4:], reply)
        return body[4:], body[:4] == "END "


class AtPhone(ConEnd):
    """Africa's Talking: form POST, `text` grows with every input, CON / END replies."""

    carrier = "africastalking"
    content_type = "application/x-www-form-urlencoded"
    endings = ("abort",)

    def __init__(self, base_url, secret, msisdn, service_code="*384*26#", network_code="61205",
                 **options):
        super().__init__(base_url, secret, msisdn, service_code, network_code=network_code, **options)

    def new_session(self):
        return "ATUid_" + secrets.token_hex(16)

    def form(self, text):
        fields = {"sessionId": self.session, "serviceCode": self.service_code,
                  "phoneNumber": "+" + self.digits, "text": text}
        if self.network_code:
            fields["networkCode"] = self.network_code
        return urllib.parse.urlencode(fields)

    def leave(self, kind):
        return self.notification("Incomplete")

    def notify_end(self, url, status="Incomplete", error=""):
        """The end-of-session notification Africa's Talking posts to a URL of its own."""
        self.ended = True
        return self.post_raw(self.notification(status, error), url=url)

    def notification(self, status, error=""):
        return urllib.parse.urlencode({
            "date": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()), "sessionId": self.session,
            "serviceCode": self.service_code, "networkCode": self.network_code or "",
            "phoneNumber": "+" + self.digits, "status": status, "cost": "XOF 1.00",
            "durationInMillis": str(1000 * self.hops), "hopsCount": str(self.hops),
            "input": self.path, "lastAppResponse": self.last, "errorMessage": error})


class HellioPhone(AtPhone):
    """Hellio: the names of Africa's Talking."""

    carrier = "hellio"
    endings = ()


class MobilesasaPhone(AtPhone):
    """MobileSasa: the names of Africa's Talking."""

    carrier = "mobilesasa"
    endings = ()


class QueryPath(ConEnd):
    """The same in a GET's query; names: session, number, code, path, network."""

    names = {}

    def form(self, text):
        values = {"session": self.session, "number": self.digits, "code": self.service_code,
                  "path": text, "network": self.network_code}
        return Call(query={name: values[ours] for ours, name in self.names.items()})

    def malformed(self):
        """A callback without its number."""
        return Call(query={self.names["session"]: "m1", self.names["path"]: "1"})


class CrossgatePhone(QueryPath):
    carrier = "crossgate"
    names = {"session": "session_id", "number": "msisdn", "network": "network_code",
             "path": "ussd_string", "code": "service_code"}


class BongaPhone(QueryPath):
    carrier = "bonga"
    names = {"number": "mobile_number", "session": "session_id", "path": "message",
             "code": "service_code", "network": "network"}


class SharedCode(QueryPath):
    """The code belongs to several tenants; the path begins with our suffix."""

    def start(self, code):
        suffix = self.stem.rpartition("*")[2]
        dialled = self.dialled(code)
        self.path = f"{suffix}*{dialled}" if dialled else suffix
        return self.form(self.path)

    def hop(self, text):
        self.path = f"{self.path}*{text}"
        return self.form(self.path)

    def form(self, text):
        call = super().form(text)
        call.query[self.names["code"]] = self.stem.rpartition("*")[0] + "#"
        return call


class AdvantaPhone(SharedCode):
    carrier = "advanta"
    names = {"session": "SESSIONID", "code": "USSDCODE", "number": "MSISDN", "path": "INPUT"}


class JazaafricaPhone(AdvantaPhone):
    carrier = "jazaafrica"


class SpeedocomPhone(AdvantaPhone):
    carrier = "speedocom"


class SafaricomPhone(SharedCode):
    """Direct, the older interface: a session's start may come twice."""

    carrier = "safaricom"
    names = {"number": "ORIG", "code": "DEST", "session": "SESSION_ID", "path": "USSD_PARAMS"}
