# SPDX-License-Identifier: Apache-2.0
"""Carriers as data on the real daemon: one dialogue a family in its own octets, a carrier that is a
file of the deployment, who may call, links, second starts. Numbers in names are the hard cases."""
import itertools
import json
import re
import sys
import time
import uuid
import xml.etree.ElementTree as ET
from urllib.parse import urlencode

import pytest
import redis as redis_client

from daemon import Daemon, template_values
from database import sql
from support import TOP, http_request

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone  # noqa: E402

CODE = "*384*26#"
NUMBERS = (f"22507{n:08d}" for n in itertools.count(90000001))
OWN = {  # an aggregator nobody has heard of, of a known family
    "name": "lobby", "method": "POST", "body": "json", "input": "last", "step": "message", "repeat_ms": 60000,
    "fields": {"session": "dialogue.id", "number": "who", "input": "typed", "kind": "dialogue.step"},
    "kinds": {"open": "begin", "gone": "abort", "*": "continue"}, "country": "CI", "charset": "gsm7",
    "reply": {"type": "application/json", "continue": {"say": "$text", "wait": True},
              "end": {"say": "$text", "wait": False}, "silent": {"say": "", "wait": False}}}
NAMES = ("arkesel", "beem", "infobip", "mtn_comviva", "airtel_comviva", "moov", "orange_xhtml", "cellcube",
         "aat", "cellulant", "restcomm", "advanta", "mtn_madapi", "africastalking")


def start(folder, database, redis, extra):
    own = folder / "profiles"
    own.mkdir(parents=True)
    (own / "lobby.json").write_text(json.dumps(OWN))
    carriers = {f"carrier {name}": {"secret": "demo", "short_code": CODE, "country": "CI"}
                for name in (*NAMES, "lobby")}
    for name, keys in extra.items():
        carriers[f"carrier {name}"].update(keys)
    return Daemon(folder, template_values(database, redis.url),
                  {"coko": {"workers": 1, "profiles_dir": own}, "http": {"trusted_proxies": "127.0.0.1"},
                   **carriers})


@pytest.fixture(scope="module")
def coko(work_dir, migrated_db, redis):
    redis_client.Redis.from_url(redis.url).flushall()
    one = start(work_dir / f"carriers-{uuid.uuid4().hex[:6]}", migrated_db, redis, {})
    yield one
    one.stop()


@pytest.fixture
def session():
    return uuid.uuid4().hex[:16]


@pytest.fixture
def number():
    return next(NUMBERS)


def ask(coko, carrier, tail="", query=None, body=None, method=None, headers=None):
    target = f"/ussd/{carrier}/demo{tail}" + (f"?{urlencode(query)}" if query is not None else "")
    if isinstance(body, dict):
        body = json.dumps(body)
    return http_request(method or ("POST" if body is not None else "GET"), coko.url + target,
                        body.encode() if isinstance(body, str) else body, headers=headers or {})


def good(reply):
    assert reply.status == 200, reply.status
    return reply


# ---- one hop of each carrier: returns (screen, goes on) -------------------------------------------

def arkesel(coko, session, number, step, text):
    r = json.loads(good(ask(coko, "arkesel", body={
        "sessionID": session, "userID": "APP", "newSession": step == 0, "msisdn": number,
        "userData": text, "network": "MTN"})).text)
    assert (r["sessionID"], r["userID"], r["msisdn"]) == (session, "APP", number)
    return r["message"], r["continueSession"]


def beem(coko, session, number, step, text):
    r = json.loads(good(ask(coko, "beem", body={
        "command": "continue" if step else "initiate", "msisdn": number, "session_id": session,
        "operator": "x", "payload": {"request_id": step, "response": text}})).text)
    assert r["payload"]["request_id"] == step + 1
    return r["payload"]["request"], r["command"] == "continue"


def infobip(coko, session, number, step, text):
    r = json.loads(good(ask(coko, "infobip", f"/session/{session}/{'response' if step else 'start'}",
                            body={"msisdn": number, "text": text, "shortCode": CODE})).text)
    return r["ussdMenu"], not r["shouldClose"]


def mtn_comviva(coko, session, number, step, text):
    root = ET.fromstring(good(ask(coko, "mtn_comviva", body=(
        f"<request type='pull'><transactionId>{session}{step}</transactionId><subscriberInput>{text}"
        f"</subscriberInput><sessionId>{session}</sessionId><msisdn>{number}</msisdn><newRequest>"
        f"{int(step == 0)}</newRequest><freeflow><mode>FD</mode></freeflow></request>"))).body)
    assert root.findtext("sessionid") == session
    return root.findtext("applicationResponse"), root.findtext("freeflow/freeflowState") == "FC"


def airtel_comviva(coko, session, number, step, text):
    r = good(ask(coko, "airtel_comviva", query={
        "userid": "u", "password": "p", "MSISDN": number, "MSC": "1",
        "input": text if step else "38426", "SessionID": session}))
    assert r.headers["charge"] == "N" and r.headers["cache-control"] == "max-age=0"
    return r.text, r.headers["freeflow"] == "FC"


def moov(coko, session, number, step, text):
    root = ET.fromstring(good(ask(coko, "moov", query={
        "lang": "fr", "msisdn": number, "req_no": step + 1, "sc": "551", "screen_id": step,
        "session_id": session, "user_input": text if step else ""})).body)
    rows = [f"{o.get('choice')} {o.text}" for o in root.iter("option")]
    return "\n".join([root.findtext("text"), *rows]), root.findtext("session_op") == "continue"


def cellulant(coko, session, number, step, text):
    fields = good(ask(coko, "cellulant", query={
        "MSISDN": number, "INPUT": text, "opCode": "" if step else "BEG", "ABORT": "0",
        "sessionID": session})).text.split("|")
    assert len(fields) == 6
    return fields[1], fields[4] != "end"


def mtn_madapi(coko, session, number, step, text):
    r = json.loads(good(ask(coko, "mtn_madapi", body={
        "sessionId": session, "messageType": "1" if step else "0", "msisdn": number, "serviceCode": CODE,
        "ussdString": text})).text)["data"]
    return r["inboundResponse"], r["messageType"] == 1


def lobby(coko, session, number, step, text):
    r = json.loads(good(ask(coko, "lobby", body={
        "dialogue": {"id": session, "step": "next" if step else "open"}, "who": number, "typed": text})).text)
    return r["say"], r["wait"]


HOPS = [arkesel, beem, infobip, mtn_comviva, airtel_comviva, moov, cellulant, mtn_madapi, lobby]


def home_of(hop, coko, session, number):
    """The home screen and the step after it: a first dial may show the notice before."""
    screen, goes_on = hop(coko, session, number, 0, CODE)
    assert goes_on
    if "Bienvenue" in screen:  # 01: where nothing counts, the same message soon after is the same hop
        screen, goes_on = hop(coko, session, number, 1, "01")
        assert goes_on
        return screen, 2
    return screen, 1


@pytest.mark.parametrize("hop", HOPS, ids=lambda h: h.__name__)
def test_a_dialogue_there_and_back(coko, session, number, hop):
    home, step = home_of(hop, coko, session, number)
    below, goes_on = hop(coko, session, number, step, "1")
    assert goes_on and below != home
    back, goes_on = hop(coko, session, number, step + 1, "0")
    assert goes_on and back == home
    wrong, goes_on = hop(coko, session, number, step + 2, "77")
    assert goes_on and wrong != home and home.splitlines()[-1] in wrong, "the screen again, with a reason"


@pytest.mark.parametrize("hop", [beem, moov, mtn_comviva, lobby], ids=lambda h: h.__name__)
def test_01_the_same_hop_twice_is_one(coko, session, number, hop):
    home, step = home_of(hop, coko, session, number)
    first = hop(coko, session, number, step, "1")
    assert hop(coko, session, number, step, "1") == first
    assert hop(coko, session, number, step + 1, "0")[0] == home, "one step down, not two"


def test_04_beem_a_stale_count_shows_the_present_screen(coko, session, number):
    home, step = home_of(beem, coko, session, number)
    below = beem(coko, session, number, step, "1")[0]
    r = json.loads(ask(coko, "beem", body={
        "command": "continue", "msisdn": number, "session_id": session, "operator": "x",
        "payload": {"request_id": step - 1, "response": "2"}}).text)
    assert r["payload"] == {"request_id": step + 1, "request": below}
    assert beem(coko, session, number, step + 1, "0")[0] == home


def test_05_a_session_id_begins_again(coko, session, number):
    home, step = home_of(beem, coko, session, number)
    beem(coko, session, number, step, "1")
    assert beem(coko, session, number, 0, CODE)[0] == home


def test_15_a_path_with_our_suffix_before_it(coko, session, number):
    def hop(path):
        return good(ask(coko, "advanta", query={"SESSIONID": session, "MSISDN": number, "USSDCODE": "*384#",
                                                "INPUT": path})).text
    first = hop("26")
    path = "26*1" if "Bienvenue" in first else "26"
    home = hop(path)
    assert home.startswith("CON ") and hop(path + "*1") not in (home, "")
    assert hop(path + "*1*0") == home
    assert hop(path + "*1*0") == home, "hard case 3: the same path is the same step"


# ---- links (44) -----------------------------------------------------------------------------------

class Browser:
    def __init__(self, coko, carrier, session, number):
        self.coko, self.carrier, self.pages = coko, carrier, []
        self.headers = {"User-MSISDN": f"tel:+{number}", "User-SessionId": session, "User-Language": "fr"}

    def get(self, target):
        self.page = good(http_request("GET", self.coko.url + target, headers=self.headers))
        root = ET.fromstring(re.sub(r"<!DOCTYPE[^>]*>", "", self.page.text))
        self.links = {}
        for node in root.iter():
            node.tag = node.tag.rsplit("}", 1)[-1]
            if node.tag == "a":
                self.links[node.get("href").rsplit("=", 1)[1]] = node.get("href")
        self.text = "\n".join(t.strip() for t in root.itertext() if t.strip())
        self.pages.append(target)
        return self.text

    def dial(self):
        return self.get(f"/ussd/{self.carrier}/demo")

    def follow(self, key):
        return self.get(self.links[key])


@pytest.mark.parametrize("carrier", ["orange_xhtml", "cellcube"])
def test_44_pages_with_links_and_an_old_one(coko, session, number, carrier):
    phone = Browser(coko, carrier, session, number)
    home = phone.dial()
    if "1" in phone.links and "Bienvenue" in home:
        home = phone.follow("1")
    at_home = dict(phone.links)
    below = phone.follow("1")
    assert below != home
    assert phone.get(at_home["2"]) == below, "an old link shows where we are, and is not followed"
    assert phone.get(phone.pages[-2]) == below, "the same link once more is the same step"
    assert phone.follow("0") == home
    stranger = Browser(coko, carrier, session, next(NUMBERS))
    assert stranger.get(at_home["1"]) != below, "somebody else's link begins at the beginning"


def test_44_a_link_of_another_dialogue_is_not_followed(coko, session, number):
    phone = Browser(coko, "orange_xhtml", session, number)
    phone.dial()
    link = phone.links["1"]
    other = Browser(coko, "orange_xhtml", session + "b", number)
    first = other.dial()
    assert other.get(link) == first
    assert coko.metric("coko_ussd_verdicts_total", 'verdict="link"') >= 1


def test_44_the_secret_is_in_no_stored_page(coko, session, number, redis):
    phone = Browser(coko, "orange_xhtml", session, number)
    phone.dial()
    assert "/ussd/orange_xhtml/demo/" in phone.page.text
    store = redis_client.Redis.from_url(redis.url)
    assert not any(b"orange_xhtml/demo" in store.get(key) for key in store.keys("*:s:*"))


def test_aat_the_callback_address_holds_the_place(coko, session, number):
    def get(target, text):
        root = ET.fromstring(good(http_request("GET", coko.url + target + "?" + urlencode(
            {"msisdn": number, "provider": "vodacom", "request": text, "ussdSessionId": session}))).body)
        option = root.find("options/option")
        return root.findtext("headertext"), option.get("callback") if option is not None else None
    screen, link = get("/ussd/aat/demo", CODE)
    if "Bienvenue" in screen:
        screen, link = get(link, "1")
    below, deeper = get(link, "1")
    assert get(link, "1") == (below, deeper)
    assert get(deeper, "0")[0] == screen


# ---- a number told once ---------------------------------------------------------------------------

def test_19_restcomm_brings_the_sealed_number_back(coko, session, number):
    def post(body):
        return ET.fromstring(good(ask(coko, "restcomm", body=body)).body)

    def answer(text, state, invoke):
        return post(f"<dialog type='Continue' localId='{session}' userObject='{state}'>"
                    f"<unstructuredSSRequest_Response invokeId='{invoke}' string='{text}'/></dialog>")

    root = post(f"<dialog type='Begin' localId='{session}'><processUnstructuredSSRequest_Request invokeId='5'"
                f" string='{CODE}'><msisdn number='{number}'/></processUnstructuredSSRequest_Request></dialog>")
    state = root.get("userObject")
    assert number not in ET.tostring(root, "unicode"), "sealed"
    ask_for = root.find("unstructuredSSRequest_Request")
    assert ask_for is not None
    invoke = 6
    if "Bienvenue" in ask_for.get("string"):
        root = answer("1", state, invoke)
        invoke += 1
    home = root.find("unstructuredSSRequest_Request").get("string")
    assert "\n" in home, "lines survive in an attribute"
    below = answer("1", state, invoke).find("unstructuredSSRequest_Request").get("string")
    assert below != home
    forged = good(ask(coko, "restcomm", body=f"<dialog type='Continue' localId='{session}' userObject='forged'>"
                      "<unstructuredSSRequest_Response string='1'/></dialog>"))
    assert "plus tard" in ET.fromstring(forged.body).find("processUnstructuredSSRequest_Response").get("string")
    silent = good(ask(coko, "restcomm", body=f"<dialog type='Abort' localId='{session}' mapUserAbortChoice='x'/>"))
    assert ET.fromstring(silent.body).get("mapMessagesSize") == "0"


# ---- Infobip's four addresses ---------------------------------------------------------------------

def test_infobip_a_second_start_is_400_in_the_body(coko, session, number):
    home_of(infobip, coko, session, number)
    again = good(ask(coko, "infobip", f"/session/{session}/start", body={"msisdn": number, "text": "other"}))
    assert json.loads(again.text)["responseExitCode"] == 400
    status = json.loads(good(ask(coko, "infobip", f"/session/{session}/status", body={})).text)
    assert status["sessionActive"] is True
    end = good(ask(coko, "infobip", f"/session/{session}/end", body={"exitCode": 200, "reason": ""}, method="PUT"))
    assert json.loads(end.text) == {"responseExitCode": 200, "responseMessage": ""}
    assert ask(coko, "infobip", f"/session/{session}/end", body={}).status == 405
    assert ask(coko, "infobip", f"/session/{session}/other", body={}).status == 404


def test_23_a_cleanup_shows_no_screen(coko, session, number):
    home_of(airtel_comviva, coko, session, number)
    r = good(ask(coko, "airtel_comviva", query={"userid": "u", "password": "p", "clean": "clean-session",
                                                "error": "522", "msisdn": number, "SessionID": session}))
    assert r.body == b"" and "freeflow" not in r.headers


# ---- trials (43) ----------------------------------------------------------------------------------

def pay(phone):
    """From the dial over the offers to the accepted consent."""
    phone.dial(CODE)
    if "Bienvenue" in phone.last:
        phone.send("1")
    for _ in range(2):
        keys = [line.split(" ")[0] for line in phone.last.splitlines()[1:] if "pass" in line.lower()]
        phone.send(keys[0])
    phone.send("1")
    phone.send("9")


def test_43_a_trial_never_reaches_a_rail(coko, migrated_db, number):
    def charges():
        return sql(migrated_db, "select count(*) from billing.charge")[0][0]
    before = charges()
    pay(AtPhone(coko.url, "demo", f"+{number}", network_code="99999"))
    assert charges() == before
    pay(AtPhone(coko.url, "demo", f"+{next(NUMBERS)}", network_code="61205"))
    assert charges() == before + 1, "the same walk of a subscriber pays"


# ---- who may call (40) ----------------------------------------------------------------------------

def test_40_only_who_is_the_carrier_comes_in(work_dir, migrated_db, redis, session, number):
    coko = start(work_dir / f"access-{uuid.uuid4().hex[:6]}", migrated_db, redis, {
        "arkesel": {"user": "APP"}, "airtel_comviva": {"user": "u", "password": "p"},
        "beem": {"networks": "192.0.2.0/24"}, "moov": {"client_subject": "CN=moov"},
        "lobby": {"rate": 1}})
    try:
        check_access(coko, session, number)
    finally:
        coko.stop()


def check_access(coko, session, number):
    bare = ask(coko, "nosuch", body={})
    assert (bare.status, bare.body) == (404, b"")
    hop = {"sessionID": session, "userID": "APP", "newSession": True, "msisdn": number, "userData": CODE}
    assert ask(coko, "arkesel", body=hop).status == 200
    refused = ask(coko, "arkesel", body={**hop, "userID": "APQ"})
    assert (refused.status, refused.body) == (404, b"")
    query = {"userid": "u", "password": "p", "MSISDN": number, "input": "1", "SessionID": session}
    assert ask(coko, "airtel_comviva", query=query).status == 200
    assert ask(coko, "airtel_comviva", query={**query, "password": "q"}).status == 404
    assert ask(coko, "airtel_comviva", query={k: v for k, v in query.items() if k != "userid"}).status == 404
    hop = {"command": "initiate", "msisdn": number, "session_id": session, "operator": "x",
           "payload": {"request_id": 0, "response": 0}}
    assert ask(coko, "beem", body=hop).status == 404
    assert ask(coko, "beem", body=hop, headers={"X-Forwarded-For": "192.0.2.77"}).status == 200
    assert ask(coko, "beem", body=hop, headers={"X-Forwarded-For": "192.0.3.1"}).status == 404
    query = {"msisdn": number, "req_no": 1, "session_id": session, "user_input": ""}
    assert ask(coko, "moov", query=query).status == 404
    assert ask(coko, "moov", query=query, headers={"X-SSL-Client-S-DN": "CN=other"}).status == 404
    assert ask(coko, "moov", query=query, headers={"X-SSL-Client-S-DN": "CN=moov"}).status == 200
    assert coko.metric("coko_ussd_refused_total", 'reason="credentials"') == 3
    assert coko.metric("coko_ussd_refused_total", 'reason="unknown"') == 5
    began = time.monotonic()
    waits = [lobby(coko, f"{session}{n}", number, 0, CODE)[1] for n in range(8)]
    assert waits[0] and sum(waits) <= 2 + time.monotonic() - began, "beyond the rate a last screen"
    shed = coko.metric("coko_ussd_refused_total", 'reason="rate"')
    assert shed == waits.count(False)
    gone = {"dialogue": {"id": session, "step": "gone"}, "who": number, "typed": ""}
    told = [json.loads(good(ask(coko, "lobby", body=gone)).text) for _ in range(6)]
    assert told == [{"say": "", "wait": False}] * 6, "a notice has no screen, not even that one"
    assert coko.metric("coko_ussd_refused_total", 'reason="rate"') - shed >= 6 - 2 - (time.monotonic() - began)
