# SPDX-License-Identifier: Apache-2.0
"""What phones behind every carrier have in common: dial, answer, repeat, come late, leave, judge.

A carrier's class builds each hop as the octets of a POST to its URL or as a Call (any method, URL,
headers), and judges the reply by the carrier's own rules: Nonconformity is raised when a real
gateway would have dropped the session. Class attributes tell what the carrier has, so that one
test can be played over all of them; they are read from the specification, never from the daemon.
"""
import http.client
import threading
import time
import urllib.parse

import gsm0338

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


class Call:
    """One request of a carrier. url None is the phone's own, query is appended to it."""

    __slots__ = ("method", "url", "query", "body", "headers")

    def __init__(self, method="GET", url=None, query=None, body=None, headers=None):
        self.method, self.url, self.query = method, url, query or {}
        self.body, self.headers = body, headers or {}

    def whole(self, base):
        url = self.url or base
        if not self.query:
            return url
        return f"{url}{'&' if '?' in url else '?'}{urllib.parse.urlencode(self.query)}"


class Phone:
    """What the carriers have in common. carrier, start(), hop() and judge() come from the subclass."""

    carrier = None
    content_type = None
    deadline_s = 10.0
    max_septets = 182
    number = "+2250500000000"    # a possible number of the carrier's country
    begins = True                # the first hop says that it is one
    sequence = False             # something numbers the hops
    whole_path = False           # each hop carries all inputs so far
    named_hops = False           # each hop has a name of its own, or follows a link that has
    long_dial = True             # what is dialled behind the code reaches us
    endings = ()                 # abort, timeout: what the carrier tells us at an end
    charsets = ("", "charset=utf-8")

    def __init__(self, base_url, secret, msisdn, service_code="*384*26#", *, max_septets=None,
                 max_ucs2=80, timeout=20.0, strict=True):
        self.url = f"{base_url.rstrip('/')}/ussd/{self.carrier}/{secret}"
        self.msisdn, self.service_code = msisdn, service_code
        self.max_septets, self.max_ucs2 = max_septets or self.max_septets, max_ucs2
        self.timeout, self.strict = timeout, strict
        self.session = None
        self.last = ""               # the screen, as the reader sees it
        self.last_reply = None       # Reply
        self.ended = True
        self.hops = 0
        self.history = []            # (input, screen)
        self.calls = []              # what was sent, hop by hop
        self._body = None

    # --- to be given by a carrier --------------------------------------------------------------
    def new_session(self):
        raise NotImplementedError

    def start(self, code):
        """The first hop, as octets to POST or a Call."""
        raise NotImplementedError

    def hop(self, text):
        """A later hop."""
        raise NotImplementedError

    def leave(self, kind):
        """The notice of an ending of `endings`."""
        raise NotImplementedError

    def judge(self, reply):
        """(screen text, ended) or Nonconformity."""
        raise NotImplementedError

    def can_type(self, text):
        """Whether the screen lets the subscriber send this: links and forms do not take anything."""
        return not self.ended

    # --- the phone -----------------------------------------------------------------------------
    @property
    def digits(self):
        return self.msisdn.lstrip("+")

    @property
    def tells_hops_apart(self):
        """Whether the same key typed twice is told from one that is delivered twice, however soon."""
        return self.sequence or self.whole_path or self.named_hops

    @property
    def stem(self):
        return self.service_code.rstrip("#")

    def dialled(self, code):
        """What was dialled behind the service code: *384*26*1*2# gives 1*2."""
        assert code.startswith(self.stem), f"{code} is not under {self.service_code}"
        return code[len(self.stem):].rstrip("#").lstrip("*")

    def dial(self, code=None, *, same_id=False):
        """Open a new session, with the id of the last one when asked; a code longer than the service
        code is a long dial."""
        if not (same_id and self.session):
            self.session = self.new_session()
        self.ended, self.hops, self.history, self.calls = False, 0, [], []
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
            return at_once([lambda: self.deliver(self._body)] * times)
        return [self.deliver(self._body) for _ in range(times)]

    def stale(self, back=1):
        """A hop of `back` steps ago comes again; the phone's state does not move."""
        return self.deliver(self.calls[-1 - back])

    def hang_up(self, kind="abort"):
        """The subscriber leaves (abort) or lets it lapse (timeout); the reply is not shown."""
        assert kind in self.endings, f"{self.carrier} does not tell of {kind}"
        self._body, self.ended = self.leave(kind), True
        self.hops += 1
        self.last_reply = self.deliver(self._body)
        self.judge_silent(self.last_reply)
        return self.last_reply

    def malformed(self):
        """What no gateway of this carrier sends: the engine must not take it for a hop."""
        return Call("POST", body=b"\xff\xfe{<", headers={"Content-Type": self.content_type})

    def judge_silent(self, reply):
        """The carrier reads no more than the status of an answer to a notice."""
        if reply.status != 200:
            self.fail("the status is not 200", reply)

    def _exchange(self, body, typed):
        self._body, self.hops = body, self.hops + 1
        self.calls.append(body)
        self.last_reply = self.deliver(body)
        self.last, self.ended = self.judge(self.last_reply)
        self.history.append((typed, self.last))
        return self.last

    def deliver(self, call):
        """A hop's octets or Call to the daemon, without judgement; returns the Reply."""
        if not isinstance(call, Call):
            return self.post_raw(call)
        return self.post_raw(call.body, url=call.whole(self.url), method=call.method,
                             headers=call.headers)

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
            fields = dict(headers)
            if content_type or octets is not None and "Content-Type" not in fields:
                fields["Content-Type"] = content_type or self.content_type
            link.request(method, path, octets, fields)
            answer = link.getresponse()
            content = answer.read(MAX_REPLY)
            fields = {k.lower(): v for k, v in answer.getheaders()}
            return Reply(answer.status, fields, content, time.monotonic() - began)
        finally:
            link.close()

    # --- rules that hold for every carrier --------------------------------------------------------
    def fail(self, why, reply):
        raise Nonconformity(f"{self.carrier}: {why}: {reply!r}")

    def need(self, true, why, reply):
        if not true:
            self.fail(why, reply)

    def judge_head(self, reply, *media):
        """Success status, media type, charset, in time."""
        if reply.status != 200:
            self.fail("the status is not 200", reply)
        kind, _, parameters = reply.headers.get("content-type", "").partition(";")
        if kind.strip().lower() not in media:
            self.fail(f"the content type is not {' or '.join(media)}", reply)
        if parameters.strip().lower().replace('"', "") not in self.charsets:
            self.fail("the charset is not UTF-8", reply)
        if reply.seconds > self.deadline_s:
            self.fail(f"slower than {self.deadline_s} s", reply)

    def judge_common(self, reply, *media):
        """The head, and UTF-8; returns the decoded body."""
        self.judge_head(reply, *media)
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
