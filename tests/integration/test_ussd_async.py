# SPDX-License-Identifier: Apache-2.0
"""Carriers that are answered by a call of ours (hard case 42): the callback is acknowledged at once,
the screen is posted to their gateway, tried once more when it fails, then dropped with a count."""
import hashlib
import http.server
import queue
import threading
import uuid
import xml.etree.ElementTree as ET

import pytest

from support import http_request, wait_until

NUMBER = "2250790500001"
WAIT_S = 15


class Gateway(http.server.ThreadingHTTPServer):
    """The carrier's own address: keeps what is posted, answers with the statuses it was told."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.posted, self.statuses = queue.Queue(), []
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/send"

    def next(self):
        return self.posted.get(timeout=WAIT_S)

    def stop(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.server.posted.put((dict(self.headers), ET.fromstring(body)))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def gateway():
    one = Gateway()
    yield one
    one.stop()


@pytest.fixture
def coko(daemon, gateway):
    carriers = {f"carrier {name}": {"secret": "demo", "short_code": "*384*26#", "country": "CI",
                                    "send_url": gateway.url, "send_user": "us", "send_password": "p&w"}
                for name in ("integrat", "huawei")}
    return daemon(config={"coko": {"workers": 1}, **carriers})


def event(coko, session, kind, text=""):
    body = (f"<Message><Version Version='1.0'/><Response Type='OnUSSEvent'><OnUSSEvent Type='{kind}'>"
            f"<USSContext SessionID='{session}' NetworkSID='n' MSISDN='{NUMBER}' ConnStr='*384*26#'/>"
            f"<USSText Type='TEXT'>{text}</USSText></OnUSSEvent></Response></Message>")
    reply = http_request("POST", coko.url + "/ussd/integrat/demo", body.encode())
    assert (reply.status, reply.body) == (200, b"")


def screen(gateway, session, flags="0"):
    headers, root = gateway.next()
    assert headers["Content-Type"].startswith("text/xml")
    request = root.find("Request")
    assert (request.get("Type"), request.get("SessionID"), request.get("Flags")) == ("USSReply", session, flags)
    assert (request.findtext("UserID"), request.findtext("Password")) == ("us", "p&w")
    return request.findtext("USSText")


def posts(coko, result):
    return coko.metric("coko_ussd_posts_total", f'result="{result}"')


def test_integrat_is_acknowledged_and_then_answered(coko, gateway):
    session = uuid.uuid4().hex
    event(coko, session, "New")
    event(coko, session, "Request", "REQ")
    event(coko, session, "Open")
    first = screen(gateway, session)
    assert "Bienvenue" in first
    event(coko, session, "Request", "01")
    home = screen(gateway, session)
    event(coko, session, "Request", "1")
    assert screen(gateway, session) != home
    event(coko, session, "Close")
    wait_until(lambda: coko.metric("coko_ussd_verdicts_total", 'verdict="abort"') == 1, "the close")
    wait_until(lambda: posts(coko, "accepted") == 3, "three screens accepted")
    assert gateway.posted.empty(), "neither New nor REQ nor Close has a screen"


def test_42_a_failed_reply_is_tried_once_more_and_dropped(coko, gateway):
    session = uuid.uuid4().hex
    gateway.statuses = [503]
    event(coko, session, "Open")
    assert screen(gateway, session) == screen(gateway, session)
    wait_until(lambda: posts(coko, "accepted") == 1, "the second attempt accepted")
    gateway.statuses = [503, 503]
    event(coko, session, "Request", "01")
    assert screen(gateway, session) == screen(gateway, session)
    wait_until(lambda: posts(coko, "dropped") == 1, "the reply dropped")
    gateway.statuses = [403]
    event(coko, session, "Request", "1")
    screen(gateway, session)
    wait_until(lambda: posts(coko, "refused") == 1, "a refusal is not tried again")
    assert posts(coko, "retried") == 2 and gateway.posted.empty()


def soap(coko, session, kind, text, trace):
    body = ("<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Header><h:NotifySOAPHeader"
            f" xmlns:h='urn:h'><h:serviceId>35000</h:serviceId><h:linkid>L7</h:linkid><h:traceUniqueID>{trace}"
            "</h:traceUniqueID></h:NotifySOAPHeader></s:Header><s:Body><n:notifyUssdReception xmlns:n='urn:n'>"
            f"<n:msgType>{kind}</n:msgType><n:senderCB>{session}</n:senderCB><n:receiveCB>FFFFFFFF</n:receiveCB>"
            f"<n:ussdOpType>1</n:ussdOpType><n:msIsdn>{NUMBER}</n:msIsdn><n:serviceCode>384</n:serviceCode>"
            f"<n:codeScheme>15</n:codeScheme><n:ussdString>{text}</n:ussdString></n:notifyUssdReception></s:Body>"
            "</s:Envelope>")
    reply = http_request("POST", coko.url + "/ussd/huawei/demo", body.encode())
    assert reply.status == 200
    assert flat(ET.fromstring(reply.body))["result"] == "0"


def flat(root):
    return {node.tag.rsplit("}", 1)[-1]: node.text for node in root.iter()}


def test_huawei_is_called_with_its_own_digest(coko, gateway, clean_redis):
    soap(coko, "320207", "0", "*384*26#", "T1")
    headers, root = gateway.next()
    call = flat(root)
    assert headers["SOAPAction"] == '""'
    assert call["spPassword"] == hashlib.md5(f"usp&w{call['timeStamp']}".encode()).hexdigest()
    assert (call["receiveCB"], call["msgType"], call["ussdOpType"]) == ("320207", "1", "1")
    assert (call["serviceId"], call["linkid"], call["msIsdn"]) == ("35000", "L7", NUMBER)
    assert "\n" in call["ussdString"] and len(call["senderCB"]) == 8
    soap(coko, "320207", "1", "1", "T2")
    below = flat(gateway.next()[1])
    assert below["ussdString"] != call["ussdString"] and below["senderCB"] == call["senderCB"]
    # once the first post is over: a callback that comes again meanwhile has its answer on the way
    wait_until(lambda: posts(coko, "accepted") == 2, "two screens accepted")
    soap(coko, "320207", "1", "1", "T2")
    assert flat(gateway.next()[1])["ussdString"] == below["ussdString"], "the same trace is the same step"
