# SPDX-License-Identifier: Apache-2.0
"""Carriers that are acknowledged at once and answered by a call of ours: Huawei SDP and Integrat.

A Gateway is the carrier's own HTTP server, where our calls arrive; many phones may stand behind one. A phone
without one opens its own: start it with `with` or close() it. A screen is what arrives there for the session:
last_call; last_reply stays the acknowledgement.
"""
import hashlib
import http.server
import secrets
import threading
import time
from xml.sax.saxutils import escape, quoteattr

from carriers.base import Call, Reply
from carriers.xmls import Xml
from carriers.xml_reader import read

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


def local(element):
    """The name without its prefix: what it stands for is the carrier's own affair."""
    return element.tag.rpartition(":")[2]


class Gateway:
    """Takes the daemon's calls and hands each to the phone whose session it names."""

    content_type, parse = "text/xml; charset=utf-8", staticmethod(read)

    def __init__(self, confirmation=b"", port=0, answer=200):
        self.confirmation = confirmation  # the body of a 200
        self.answer = answer              # the status, or a list of them in turn; 0: none at all
        self.arrived, self.more = [], threading.Condition()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def take(self, mine, seconds):
        """The first call whose root mine() accepts, as (Reply, root); None after so many seconds."""
        with self.more:
            self.more.wait_for(lambda: any(mine(root) for _, root in self.arrived), seconds)
            for call in self.arrived:
                if mine(call[1]):
                    self.arrived.remove(call)
                    return call
        return None

    def put(self, call):
        try:
            root = self.parse(call.body)
        except ValueError:
            root = None                   # nobody's: the phone that waits for it says so
        with self.more:
            self.arrived.append((call, root))
            self.more.notify_all()

    def status(self):
        if not isinstance(self.answer, list):
            return self.answer
        return self.answer.pop(0) if len(self.answer) > 1 else self.answer[0]

    def answers(self, path, heads, body):
        """What one call is answered: the status, the content, and whether it arrives."""
        status = self.status()
        return status, self.confirmation if status == 200 else b"", True

    def handler(self):
        gateway = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                heads = {k.lower(): v for k, v in self.headers.items()}
                status, content, arrives = gateway.answers(self.path, heads, body)
                if status == 0:               # nobody answers
                    self.close_connection = True
                else:
                    self.send_response(status)
                    self.send_header("Content-Type", gateway.content_type)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                if arrives:
                    gateway.put(Reply(status, heads, body, 0.0))

            def log_message(self, *_):
                pass

        return Handler


class Asynchronous(Xml):
    """The wait; acknowledged(reply), mine(root) and screen(root, call) come from the subclass."""

    confirmation = b""

    def __init__(self, *args, gateway=None, port=0, answer=200, **options):
        super().__init__(*args, **options)
        self.own = None if gateway else Gateway(self.confirmation, port, answer)
        self.gateway = gateway or self.own
        self.reply_url = self.gateway.url
        self.last_call = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.own:
            self.own.close()

    def judge(self, reply):
        self.acknowledged(reply)
        found = self.gateway.take(lambda root: root is None or self.mine(root), self.deadline_s)
        if not found:
            self.fail("acknowledged, but no call came", reply)
        self.last_call, root = found
        self.need(root is not None, "no well-formed XML", self.last_call)
        return self.screen(root, self.last_call)

    def repeat(self, times=1, concurrent=False):
        """One after the other: each is acknowledged, and the same screen is posted again."""
        assert not concurrent, "deliver() at once: how many calls follow is the daemon's affair"
        replies, seen = [], (self.last, self.ended)
        for _ in range(times):
            replies.append(self.deliver(self._body))
            self.need(self.judge(replies[-1]) == seen, "another screen", self.last_call)
        return replies

    def stale(self, back=1):
        reply = super().stale(back)
        self.judge(reply)
        return reply

    def judge_silent(self, reply):
        super().judge_silent(reply)
        self.acknowledged(reply)


class HuaweiPhone(Asynchronous):
    """parlayx ussd v1_0: notifyUssdReception to us, sendUssd to the SDP."""

    carrier = "huawei"
    named_hops = True
    number = "+2348090000000"
    endings = ("abort", "end")
    sp_id, sp_password, service_id = "000201", "sdp-password", "0002012000001234"
    rev_id, rev_password = "coko", "rev-password"
    ours = "FFFFFFFF"
    RECEPTION = "http://www.csapi.org/schema/parlayx/ussd/notification/v1_0/local"
    SEND = "http://www.csapi.org/schema/parlayx/ussd/send/v1_0/local"
    HEAD = "http://www.huawei.com.cn/schema/common/v2_1"
    confirmation = (f'<soapenv:Envelope xmlns:soapenv="{SOAP}"><soapenv:Body><ns1:sendUssdResponse'
                    f' xmlns:ns1="{SEND}"><ns1:result>0</ns1:result></ns1:sendUssdResponse>'
                    "</soapenv:Body></soapenv:Envelope>").encode()

    def start(self, code):
        return self.reception("0", "1", code)

    def hop(self, text):
        return self.reception("1", "3", text)

    def leave(self, kind):
        if kind == "end":
            return self.reception("2", "4", "")
        return self.soap("notifyUssdAbort", f"<ns2:abortReason>UserAbort</ns2:abortReason>{self.ids()}")

    def ids(self):
        return (f"<ns2:senderCB>{self.session}</ns2:senderCB>"
                f"<ns2:receiveCB>{'FFFFFFFF' if self.hops == 0 else self.ours}</ns2:receiveCB>")

    def reception(self, kind, op, text):
        return self.soap("notifyUssdReception", (
            f"<ns2:msgType>{kind}</ns2:msgType>{self.ids()}<ns2:ussdOpType>{op}</ns2:ussdOpType>"
            f"<ns2:msIsdn>{self.digits}</ns2:msIsdn>"
            f"<ns2:serviceCode>{self.service_code.strip('*#')}</ns2:serviceCode>"
            f"<ns2:codeScheme>15</ns2:codeScheme><ns2:ussdString>{escape(text)}</ns2:ussdString>"))

    def soap(self, name, inner):
        stamp = time.strftime("%Y%m%d%H%M%S")
        return (f'<?xml version="1.0" encoding="utf-8"?><soapenv:Envelope xmlns:soapenv="{SOAP}">'
                f'<soapenv:Header><ns1:NotifySOAPHeader xmlns:ns1="{self.HEAD}">'
                f"<ns1:spRevId>{self.rev_id}</ns1:spRevId>"
                f"<ns1:spRevpassword>{self.rev_password}</ns1:spRevpassword>"
                f"<ns1:spId>{self.sp_id}</ns1:spId><ns1:serviceId>{self.service_id}</ns1:serviceId>"
                f"<ns1:timeStamp>{stamp}</ns1:timeStamp><ns1:linkid>{self.session}01</ns1:linkid>"
                f"<ns1:traceUniqueID>{self.session}{self.hops:04d}</ns1:traceUniqueID>"
                "<ns1:OperatorID>23420</ns1:OperatorID></ns1:NotifySOAPHeader></soapenv:Header>"
                f'<soapenv:Body><ns2:{name} xmlns:ns2="{self.RECEPTION}">{inner}</ns2:{name}>'
                "</soapenv:Body></soapenv:Envelope>")

    def acknowledged(self, reply):
        root = self.root(reply, "soapenv:Envelope")
        results = [e.text for e in root.iter() if local(e) == "result"]
        self.need(results == ["0"], "the acknowledgement is not result 0", reply)

    def mine(self, root):
        return self.session in [e.text for e in root.iter() if local(e) == "receiveCB"]

    def screen(self, root, call):
        values = {local(e): e.text or "" for e in root.iter()}
        self.need("sendUssd" in values, "no sendUssd", call)
        digest = hashlib.md5((self.sp_id + self.sp_password + values.get("timeStamp", "")).encode())
        self.need(values.get("spId") == self.sp_id, "another spId", call)
        self.need(values.get("spPassword", "").lower() == digest.hexdigest(),
                  "spPassword is not MD5(spId+password+timeStamp)", call)
        self.ours = values.get("senderCB", "")
        self.need(self.ours, "no senderCB of ours", call)
        pair = (values.get("msgType"), values.get("ussdOpType"))
        self.need(pair in (("1", "1"), ("2", "3")), f"msgType and ussdOpType are {pair}", call)
        self.need(values.get("msIsdn") == self.digits, "another msIsdn", call)
        self.need(values.get("codeScheme") in ("15", "17", "68", "72"), "codeScheme", call)
        self.judge_screen(values.get("ussdString", ""), call)
        return values["ussdString"], pair == ("2", "3")


class IntegratPhone(Asynchronous):
    """OnUSSEvent: New and Open both arrive at a beginning and a Request REQ too; only Open is one."""

    carrier = "integrat"
    number = "+27821234567"
    endings = ("abort",)
    long_dial = False

    def dial(self, code=None, *, same_id=False):
        if not (same_id and self.session):
            self.session = self.new_session()
        for kind, text in (("New", code or self.service_code), ("Request", "REQ")):
            self.acknowledged(self.post_raw(self.event(kind, text)))
        return super().dial(code, same_id=True)

    def start(self, code):
        return self.event("Open", code)

    def hop(self, text):
        return self.event("Request", text)

    def leave(self, kind):
        return self.event("Close", "")

    def event(self, kind, text):
        return ('<?xml version="1.0" encoding="UTF-8"?><Message><Version Version="1.0"/>'
                '<Response Type="OnUSSEvent"><SystemID>Higate</SystemID><UserID>coko</UserID>'
                f'<Service>coko</Service><Network ID="1" MCC="655" MNC="001"/>'
                f'<OnUSSEvent Type="{kind}"><USSContext SessionID="{self.session}" NetworkSID="1"'
                f' MSISDN="{self.digits}" Script="{self.service_code}" ConnStr={quoteattr(self.stem + "#")}/>'
                f'<USSText Type="TEXT">{escape(text)}</USSText></OnUSSEvent></Response></Message>')

    def acknowledged(self, reply):
        self.need(reply.status == 200 and reply.body == b"", "the acknowledgement is no empty 200", reply)

    def mine(self, root):
        return self.session in [e.get("SessionID") for e in root.iter()]

    def screen(self, root, call):
        found = [e for e in root.iter("USSText")]
        send = [e for e in root.iter() if e.get("Flags") is not None]
        self.need(len(found) == 1 and len(send) == 1, "not one USSText and one Flags", call)
        self.need(send[0].get("Flags") in ("0", "1"), "Flags is neither 0 nor 1", call)
        self.judge_screen(found[0].text or "", call)
        return found[0].text, send[0].get("Flags") == "1"

    def new_session(self):
        return str(secrets.randbelow(10 ** 9) + 10 ** 9)

    def malformed(self):
        return Call("POST", body=b"<Message><", headers={"Content-Type": self.content_type})
