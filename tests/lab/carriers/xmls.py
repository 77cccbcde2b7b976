# SPDX-License-Identifier: Apache-2.0
"""Carriers that read XML: MTN Comviva, Moov, AAT and Restcomm."""
import re
import secrets
import time
import urllib.parse
from xml.sax.saxutils import escape, quoteattr

from carriers.base import Call, Phone
from carriers.xml_reader import read


class Xml(Phone):
    content_type = "text/xml; charset=utf-8"
    media = ("text/xml", "application/xml")

    def new_session(self):
        return str(secrets.randbelow(10 ** 9) + 10 ** 9)

    def root(self, reply, name, doctypes=()):
        self.judge_head(reply, *self.media)
        try:
            root = read(reply.body, doctypes)
        except ValueError as error:
            self.fail(f"no well-formed XML: {error}", reply)
        self.need(root.tag == name, f"the root is {root.tag}, not {name}", reply)
        return root

    def child(self, parent, name, reply):
        """The text of the one child of this name."""
        found = parent.findall(name)
        self.need(len(found) == 1, f"{len(found)} of {name}", reply)
        return found[0].text or ""

    def malformed(self):
        return Call("POST", body=b"<request><", headers={"Content-Type": self.content_type})


class ComvivaPhone(Xml):
    """MTN's Flares: request type pull or cleanup, 160 septets, freeflowState FC or FB."""

    carrier = "mtn_comviva"
    named_hops = True
    number = "+250788000000"
    max_septets = 160
    long_dial = False    # 939 is what comes, without what was dialled behind it
    endings = ("abort",)

    def start(self, code):
        return self.pull(self.service_code.strip("*#"), "1", "FD")

    def hop(self, text):
        return self.pull(text, "0", "FE")

    def leave(self, kind):
        return self.pull("", "0", "FE", "cleanup")

    def pull(self, text, new, mode, kind="pull"):
        return (f'<?xml version="1.0" encoding="UTF-8"?>\n<request type="{kind}">'
                f"<transactionId>{self.session}{self.hops:04d}</transactionId>"
                f"<subscriberInput>{escape(text)}</subscriberInput>"
                f"<sessionId>{self.session}</sessionId><msisdn>{self.digits}</msisdn>"
                f"<newRequest>{new}</newRequest><parameters/><freeflow><mode>{mode}</mode></freeflow>"
                f"<dateFormat>{time.strftime('%Y-%m-%d %H:%M:%S')}</dateFormat></request>")

    def judge(self, reply):
        root = self.root(reply, "response")
        self.need(self.child(root, "sessionid", reply) == self.session, "another sessionid", reply)
        self.need(self.child(root, "msisdn", reply) == self.digits, "another msisdn", reply)
        flow = root.findall("freeflow")
        self.need(len(flow) == 1, "no freeflow", reply)
        state = self.child(flow[0], "freeflowState", reply)
        self.need(state in ("FC", "FB"), "freeflowState is neither FC nor FB", reply)
        self.need(self.child(flow[0], "freeflowCharging", reply) in ("N", "Y"), "freeflowCharging", reply)
        self.need(self.child(flow[0], "freeflowChargingAmount", reply).isdigit(),
                  "freeflowChargingAmount is no number", reply)
        text = self.child(root, "applicationResponse", reply)
        self.judge_screen(text, reply)
        return text, state == "FB"


class MoovPhone(Xml):
    """GET; req_no counts; the gateway draws the numbers of a menu's options and asks nothing else."""

    carrier = "moov"
    number = "+22994558779"
    sequence = True
    long_dial = False    # user_input is empty at first

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.screen_id, self.options = "", []

    def start(self, code):
        self.screen_id = ""
        return self.ask("")

    def hop(self, text):
        return self.ask(text)

    def ask(self, text):
        return Call(query={"lang": "eng", "msisdn": self.digits, "req_no": str(self.hops + 1),
                           "sc": self.service_code.strip("*#"), "screen_id": self.screen_id,
                           "session_id": self.session, "user_input": text})

    def malformed(self):
        return Call(query={"req_no": "1", "session_id": "m1", "user_input": ""})

    def judge(self, reply):
        root = self.root(reply, "response")
        kind = self.child(root, "screen_type", reply)
        self.need(kind in ("menu", "form"), "screen_type is neither menu nor form", reply)
        op = self.child(root, "session_op", reply)
        self.need(op in ("continue", "end"), "session_op is neither continue nor end", reply)
        links = [self.child(root, name, reply) for name in ("back_link", "home_link")]
        self.need(set(links) <= {"0", "1"}, "a link is neither 0 nor 1", reply)
        self.screen_id = self.child(root, "screen_id", reply)
        self.options = root.findall("options/option")
        self.need(kind == "menu" or not self.options, "a form with options", reply)
        self.need(all((o.get("choice") or "").strip() and (o.text or "").strip() for o in self.options),
                  "an option without choice or text", reply)
        text = "\n".join([self.child(root, "text", reply),
                          *(f"{o.get('choice')} {o.text}" for o in self.options)])
        self.judge_screen(text, reply)
        return text, op == "end"


class AatPhone(Xml):
    """GET; a session that goes on is one whose URL came from an option's callback."""

    carrier = "aat"
    named_hops = True
    number = "+27731234567"

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.options = []

    def start(self, code):
        return self.ask(code, None)

    def hop(self, text):
        """The option of this order, or the one that is not shown and takes whatever was typed."""
        taken = [o for o in self.options if o.get("order") == text and o.get("display") != "false"]
        taken = taken or [o for o in self.options if o.get("display") == "false"]
        assert taken, f"no option takes {text!r} on {self.last!r}"
        return self.ask(text, taken[0].get("callback"))

    def can_type(self, text):
        return any(o.get("order") == text or o.get("display") == "false" for o in self.options)

    def ask(self, text, url):
        return Call(url=url, query={"msisdn": self.digits, "provider": "Vodacom", "request": text,
                                    "ussdSessionId": self.session})

    def malformed(self):
        return Call(query={"provider": "Vodacom", "request": "1", "ussdSessionId": "m1"})

    def judge(self, reply):
        root = self.root(reply, "request")
        self.options = root.findall("options/option")
        for option in self.options:
            self.need(urllib.parse.urlsplit(option.get("callback") or "").scheme in ("http", "https"),
                      "a callback is no URL", reply)
            self.need((option.get("command") or "").isdigit() and (option.get("order") or "").isdigit(),
                      "command or order is no number", reply)
        shown = [f"{o.get('order')} {o.text}" for o in self.options
                 if o.get("display") != "false" and (o.text or "").strip()]
        text = "\n".join([self.child(root, "headertext", reply), *shown])
        self.judge_screen(text, reply)
        return text, not self.options


class RestcommPhone(Xml):
    """A dialog; the answer to the end carries the first invokeId, userObject is echoed."""

    carrier = "restcomm"
    named_hops = True
    deadline_s = 25.0
    endings = ("abort", "timeout")
    FIRST_INVOKE = "7"

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.user_object = None

    def start(self, code):
        self.user_object = None
        return self.dialog("Begin", "<processUnstructuredSSRequest_Request"
                           f' invokeId="{self.FIRST_INVOKE}" dataCodingScheme="15" string={quoteattr(code)}>'
                           f'<msisdn number="{self.digits}" nai="international_number" npi="ISDN"/>'
                           "</processUnstructuredSSRequest_Request>")

    def hop(self, text):
        return self.dialog("Continue", f'<unstructuredSSRequest_Response invokeId="{self.hops}"'
                           f' dataCodingScheme="15" string={quoteattr(text)}/>')

    def leave(self, kind):
        if kind == "abort":
            return self.dialog("Abort", "", ' mapUserAbortChoice="userSpecificReason"')
        return self.dialog("Continue", "", ' dialogTimedOut="true"')

    def dialog(self, kind, inner, more=""):
        echo = f" userObject={quoteattr(self.user_object)}" if self.user_object else ""
        return (f'<?xml version="1.0" encoding="UTF-8"?>\n<dialog type="{kind}"'
                ' appCntx="networkUnstructuredSsContext_version2" networkId="0"'
                f' localId="{self.session}" remoteId="{int(self.session) % 65536}" mapMessagesSize="'
                f'{1 if inner else 0}"{more}{echo}>{inner}</dialog>')

    def judge(self, reply):
        root = self.root(reply, "dialog")
        kind = root.get("type")
        self.need(kind in ("Continue", "End"), "the dialog's type is neither Continue nor End", reply)
        self.user_object = root.get("userObject") or self.user_object
        name = ("unstructuredSSRequest_Request" if kind == "Continue"
                else "processUnstructuredSSRequest_Response")
        found = root.findall(name)
        self.need(len(found) == 1 and len(root) == 1, f"not one {name}", reply)
        self.need(found[0].get("dataCodingScheme") in ("15", "72"), "dataCodingScheme", reply)
        self.need(root.get("mapMessagesSize") == "1", "mapMessagesSize is not 1", reply)
        if kind == "End":
            self.need(found[0].get("invokeId") == self.FIRST_INVOKE, "not the first invokeId", reply)
            self.need(root.get("prearrangedEnd") == "false", "prearrangedEnd is not false", reply)
        written = re.search(rb'string=("[^"]*"|\'[^\']*\')', reply.body)
        self.need(written and b"\n" not in written.group(1),
                  "a raw newline in an attribute, which a parser reads as a space", reply)
        text = found[0].get("string") or ""
        self.judge_screen(text, reply)
        return text, kind == "End"
