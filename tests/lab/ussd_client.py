#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Phones behind a USSD gateway: Africa's Talking (form, whole path) and Hubtel (JSON, last input).

A phone dials, sends and repeats in its carrier's exact wire format, and every reply is judged by
that carrier's rules: Nonconformity is raised when the carrier would have dropped the session.
Use from a test:  phone = AtPhone(url, "demo", "+2250500000001"); phone.dial("*384*26#");
phone.send("1"); assert "Prix" in phone.last; phone.ended. As a program: see --help or README.md.
"""

import argparse
import http.client
import json
import os
import secrets
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import gsm0338  # noqa: E402

MAX_REPLY = 256 * 1024


class Nonconformity(AssertionError):
    """The reply breaks the carrier's rules: on a real network the reader would see an error."""


class Reply:
    """One HTTP answer: status, headers (lower case), body octets, seconds it took."""

    __slots__ = ("status", "headers", "body", "seconds")

    def __init__(self, status, headers, body, seconds):
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds

    def same(self, other):
        """True when the carrier could not tell the two apart (S1: byte for byte)."""
        return (self.status, self.body, self.headers.get("content-type")) == (
            other.status, other.body, other.headers.get("content-type"))

    def __repr__(self):
        return f"<Reply {self.status} {self.body[:200]!r} {self.seconds:.3f}s>"


class Phone:
    """What the carriers have in common. carrier, build() and judge() come from the subclass."""

    carrier = None
    deadline_s = 10.0

    def __init__(self, base_url, secret, msisdn, service_code="*384*26#", *, max_septets=182,
                 max_ucs2=80, timeout=20.0, strict=True):
        self.url = f"{base_url.rstrip('/')}/ussd/{self.carrier}/{secret}"
        self.msisdn, self.service_code = msisdn, service_code
        self.max_septets, self.max_ucs2 = max_septets, max_ucs2
        self.timeout, self.strict = timeout, strict
        self.session = None
        self.last = ""               # the screen, as the reader sees it
        self.last_reply = None       # Reply
        self.ended = True
        self.hops = 0
        self.history = []            # (input, screen)
        self._body = None

    # --- to be given by a carrier --------------------------------------------------------------
    content_type = None

    def start(self, code):
        raise NotImplementedError

    def hop(self, text):
        raise NotImplementedError

    def judge(self, reply):
        """(screen text, ended) or Nonconformity."""
        raise NotImplementedError

    # --- the phone -----------------------------------------------------------------------------
    def dial(self, code=None):
        """Open a new session; a code longer than the service code is a long dial."""
        self.session, self.ended, self.hops, self.history = None, False, 0, []
        return self._exchange(self.start(code or self.service_code), code or self.service_code)

    def send(self, text):
        """Answer the screen. AssertionError when the session is over: a phone could not."""
        assert not self.ended, f"the session has ended; last screen: {self.last!r}"
        return self._exchange(self.hop(str(text)), str(text))

    def walk(self, *inputs):
        """dial() if needed, then send each input; returns the last screen."""
        if self.ended:
            self.dial()
        for text in inputs:
            self.send(text)
        return self.last

    def repeat(self, times=1, concurrent=False):
        """The carrier delivers the last hop again: the same octets. Returns the replies.

        The phone's state does not move; judge the replies with Reply.same().
        """
        if concurrent:
            return at_once([lambda: self.post_raw(self._body)] * times)
        return [self.post_raw(self._body) for _ in range(times)]

    def _exchange(self, body, typed):
        self._body, self.hops = body, self.hops + 1
        self.last_reply = self.post_raw(body)
        self.last, self.ended = self.judge(self.last_reply)
        self.history.append((typed, self.last))
        return self.last

    def post_raw(self, body, content_type=None, *, url=None, method="POST", headers=()):
        """Any octets to the carrier's URL, without judgement; returns the Reply."""
        parts = urllib.parse.urlsplit(url or self.url)
        maker = (http.client.HTTPSConnection if parts.scheme == "https"
                 else http.client.HTTPConnection)
        link = maker(parts.hostname, parts.port, timeout=self.timeout)
        began = time.monotonic()
        try:
            octets = body.encode() if isinstance(body, str) else body
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            link.request(method, path, octets, {
                "Content-Type": content_type or self.content_type, **dict(headers)})
            answer = link.getresponse()
            content = answer.read(MAX_REPLY)
            fields = {k.lower(): v for k, v in answer.getheaders()}
            return Reply(answer.status, fields, content, time.monotonic() - began)
        finally:
            link.close()

    # --- rules that hold for every carrier --------------------------------------------------------
    def fail(self, why, reply):
        raise Nonconformity(f"{self.carrier}: {why}: {reply!r}")

    def judge_common(self, reply, media):
        """Success status, media type, UTF-8, in time; returns the decoded body."""
        if reply.status != 200:
            self.fail("the status is not 200", reply)
        kind, _, parameters = reply.headers.get("content-type", "").partition(";")
        if kind.strip().lower() != media:
            self.fail(f"the content type is not {media}", reply)
        charset = parameters.strip().lower().replace('"', "")
        if charset not in ("", "charset=utf-8"):
            self.fail("the charset is not UTF-8", reply)
        if reply.seconds > self.deadline_s:
            self.fail(f"slower than {self.deadline_s} s", reply)
        try:
            return reply.body.decode("utf-8")
        except UnicodeDecodeError:
            self.fail("the body is no UTF-8", reply)

    def judge_screen(self, text, reply):
        """The text fits one screen and holds nothing that a handset cannot show (S6)."""
        if not self.strict:
            return
        if not text.strip():
            self.fail("the screen is empty", reply)
        if any(ord(c) < 32 and c != "\n" or 0x7F <= ord(c) < 0xA0 for c in text):
            self.fail("a control character on the screen", reply)
        if gsm0338.fits(text):
            if gsm0338.septets(text) > self.max_septets:
                self.fail(f"{gsm0338.septets(text)} septets, {self.max_septets} fit", reply)
        elif len(text.encode("utf-16-be")) // 2 > self.max_ucs2:
            self.fail(f"{len(text)} characters outside GSM 03.38, {self.max_ucs2} fit", reply)


class AtPhone(Phone):
    """Africa's Talking: form POST, `text` grows with every input, CON / END replies."""

    carrier = "africastalking"
    content_type = "application/x-www-form-urlencoded"

    def __init__(self, base_url, secret, msisdn, service_code="*384*26#", network_code="61205",
                 **options):
        super().__init__(base_url, secret, msisdn, service_code, **options)
        self.network_code = network_code
        self.path = ""

    def start(self, code):
        """*384*26*1*2# arrives as text=1*2 on the first hop."""
        self.session = "ATUid_" + secrets.token_hex(16)
        stem = self.service_code.rstrip("#")
        assert code.startswith(stem), f"{code} is not under {self.service_code}"
        self.path = code[len(stem):].rstrip("#").lstrip("*")
        return self.form(self.path)

    def hop(self, text):
        # the first input of a session has no star before it, as long as nothing was dialled
        self.path = f"{self.path}*{text}" if self.path or self.hops > 1 else text
        return self.form(self.path)

    def form(self, text):
        fields = {"sessionId": self.session, "serviceCode": self.service_code,
                  "phoneNumber": "+" + self.msisdn.lstrip("+"), "text": text}
        if self.network_code:
            fields["networkCode"] = self.network_code
        return urllib.parse.urlencode(fields)

    def judge(self, reply):
        body = self.judge_common(reply, "text/plain")
        if body[:4] not in ("CON ", "END "):
            self.fail("the body does not begin with CON or END", reply)
        self.judge_screen(body[4:], reply)
        return body[4:], body[:4] == "END "

    def notify_end(self, url, status="Incomplete", error=""):
        """The end-of-session notification Africa's Talking posts to a URL of its own."""
        self.ended = True
        return self.post_raw(urllib.parse.urlencode({
            "date": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()), "sessionId": self.session,
            "serviceCode": self.service_code, "networkCode": self.network_code or "",
            "phoneNumber": "+" + self.msisdn.lstrip("+"), "status": status, "cost": "XOF 1.00",
            "durationInMillis": str(1000 * self.hops), "hopsCount": str(self.hops),
            "input": self.path, "lastAppResponse": self.last, "errorMessage": error}), url=url)


class HubtelPhone(Phone):
    """Hubtel Programmable Services: JSON POST, last input only, Sequence counts the hops."""

    carrier = "hubtel"
    content_type = "application/json"
    deadline_s = 5.0
    TYPES = {"response", "release", "AddToCart"}
    DATA_TYPES = {None, "", "menu", "input", "select", "display"}

    def __init__(self, base_url, secret, msisdn, service_code="*384*26#", operator="mtn",
                 **options):
        super().__init__(base_url, secret, msisdn, service_code, **options)
        self.operator = operator
        self.client_state = ""
        self.data_type = None

    def start(self, code):
        self.session, self.client_state = secrets.token_hex(16), ""
        return self.json("initiation", code)

    def hop(self, text):
        return self.json("response", text)

    def json(self, kind, message, sequence=None):
        return json.dumps({
            "Type": kind, "Message": message, "ServiceCode": self.service_code.strip("*#"),
            "Operator": self.operator, "ClientState": self.client_state,
            "Mobile": self.msisdn.lstrip("+"), "SessionId": self.session,
            "Sequence": str(sequence or self.hops + 1), "Platform": "USSD"}, ensure_ascii=False)

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
        """The subscriber leaves (release) or lets it lapse (timeout); the reply is not shown."""
        self._body, self.hops, self.ended = self.json(kind, ""), self.hops + 1, True
        self.last_reply = self.post_raw(self._body)
        if self.last_reply.status != 200:
            self.fail("the status is not 200", self.last_reply)
        return self.last_reply


PHONES = {"africastalking": AtPhone, "hubtel": HubtelPhone}


def at_once(calls):
    """Run the calls at the same instant, each in its thread; returns their results in order."""
    gate, out = threading.Barrier(len(calls)), [None] * len(calls)

    def go(i, call):
        gate.wait()
        try:
            out[i] = call()
        except Exception as error:           # handed to the caller below
            out[i] = error

    threads = [threading.Thread(target=go, args=item, daemon=True) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for result in out:
        if isinstance(result, Exception):
            raise result
    return out


def show(phone):
    print(phone.last)
    print(f"--- {'END' if phone.ended else 'CON'} hop {phone.hops} "
          f"{phone.last_reply.seconds * 1000:.0f} ms", flush=True)


def main(argv=None):
    parser = argparse.ArgumentParser(description="dial a USSD service as a carrier would")
    parser.add_argument("--base", default=os.environ.get("COKO_URL", "http://127.0.0.1:8080"))
    parser.add_argument("--carrier", choices=sorted(PHONES), default="africastalking")
    parser.add_argument("--secret", default="demo")
    parser.add_argument("--msisdn", default="+2250500000001")
    parser.add_argument("--service-code", default="*384*26#")
    parser.add_argument("--dial", help="default: the service code")
    parser.add_argument("inputs", nargs="*", help="none: type them, one a line")
    args = parser.parse_args(argv)
    phone = PHONES[args.carrier](args.base, args.secret, args.msisdn, args.service_code)
    try:
        phone.dial(args.dial)
        show(phone)
        for text in args.inputs or (line.rstrip("\n") for line in sys.stdin):
            if phone.ended:
                break
            phone.send(text)
            show(phone)
    except Nonconformity as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{phone.url}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
