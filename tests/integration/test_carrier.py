# SPDX-License-Identifier: Apache-2.0
"""`coko carrier`: each profile's sheet, whose sample exchanges are what the daemon really answers; the
conformance run on the live link; a trace and the usage of what was dialled; test numbers."""
import csv
import functools
import html
import io
import json
import re
import subprocess
import sys
import uuid
import xml.etree.ElementTree as ET

import pytest
import redis as redis_client

from daemon import template_values
from database import sql
from support import COKO, TOP, free_port, http_request, wait_until
from ussd_carriers_kit import CODE, CREDENTIALS, NAMES, PHONES, POSTED, Carriers, numbers

sys.path.insert(0, str(TOP / "tests/lab"))
import smpp_codec as codec  # noqa: E402
from carriers.asynchronous import Gateway  # noqa: E402
from ussd_smpp import INFO, OP, REFERENCE  # noqa: E402

PROFILES = sorted(p.stem for p in (TOP / "gateway/ussd/profiles").glob("*.json"))
OVER_SMPP = [n for n in PROFILES if n.startswith("smpp_")]
ANSWERED = [n for n in NAMES if n not in POSTED]   # in the callback's own reply
TEST_NUMBER = "+2250700000901"


@pytest.fixture(scope="module")
def link(work_dir, migrated_db, redis, coko_bin):
    """Every carrier over HTTP on one daemon; .heard[name] is where what is posted arrives."""
    redis_client.Redis.from_url(redis.url).flushall()
    port = free_port()
    heard = {name: f"127.0.0.1:{free_port()}" for name in POSTED}
    sections = {f"carrier {name}": {"secret": "demo-secret", "short_code": CODE, "country": "CI",
                                    **CREDENTIALS.get(name, {})} for name in NAMES}
    for name in POSTED:
        sections[f"carrier {name}"]["send_url"] = f"http://{heard[name]}/"
    one = Carriers(work_dir / f"carrier-{uuid.uuid4().hex[:6]}", template_values(migrated_db, redis.url),
                   {"coko": {"workers": 1}, "http": {"listen": f"127.0.0.1:{port}"}, **sections}, wait=False)
    one.port, one.url, one.heard, one.db = port, f"http://127.0.0.1:{port}", heard, migrated_db
    one.wait_ready(120)
    yield one
    one.stop()


def carrier(*args, code=0, where=None):
    done = subprocess.run([COKO, "carrier", *map(str, args)], capture_output=True, text=True, cwd=where or TOP,
                          timeout=120, check=False)
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout if code == 0 else done.stdout + done.stderr


@functools.cache
def sheet(name, *args):
    return carrier("sheet", name, "--country", "CI", "--code", CODE, *args)


def blocks(text, *kinds):
    """[(kind, bytes)] of the fenced blocks."""
    found = re.findall(r"^```(\w+)\n(.*?)\n```$", text, re.M | re.S)
    return [(kind, body) for kind, body in found if not kinds or kind in kinds]


# --- the sheet -----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_has_a_sheet(name):
    profile = json.loads((TOP / f"gateway/ussd/profiles/{name}.json").read_text())
    text = sheet(name)
    assert f"# Coko: USSD interface for {name}" in text
    assert f"| {profile['limit']} septets" in text and f"{profile['deadline_ms']} ms" in text
    for field in profile.get("fields", {}).values():
        for place in [field] if isinstance(field, str) else field:
            bare = place.rpartition(":")[2]
            assert f"`{bare}`" in text or place.startswith("path:"), place
    assert len(blocks(text, "request", "deliver_sm")) >= (2 if name in OVER_SMPP else 3)


def test_a_sheet_is_the_same_each_time():
    assert sheet("beem") == sheet.__wrapped__("beem")


def test_a_sheet_as_a_page():
    page = sheet("moov", "--html")
    assert page.startswith("<!DOCTYPE html>") and page.endswith("</body></html>\n")
    assert "<code>req_no</code>" in page and "&lt;screen_type&gt;" in page


def test_a_name_that_is_none():
    assert "africastalking airtel" in carrier("sheet", "nobody", code=2)


class Exchange:
    """The blocks of a sheet in the words of this daemon and of a reader of its own."""

    def __init__(self, name, base):
        self.name, self.base, self.number = name, base, str(next(numbers))
        self.seen = []                     # (of the sheet, real): tokens, sealed words
        self.own = f"/ussd/{name}/demo-secret"

    def ours(self, text):
        text = text.replace("2250700000001", self.number)
        text = text.replace(f"https://YOUR-COKO/ussd/{self.name}/SECRET", self.own).replace("/SECRET", "/demo-secret")
        for key, word in (("user", "USER"), ("password", "PASSWORD")):
            value = CREDENTIALS.get(self.name, {}).get(key)
            if value:
                text = re.sub(rf"(?<![A-Za-z-]){word}(?![A-Za-z-])", value, text)
        for old, new in self.seen:
            text = text.replace(old, new)
        return text

    def send(self, block):
        head, _, body = self.ours(block).partition("\n\n")
        first, *lines = head.split("\n")
        method, target, _ = first.split(" ")
        headers = dict(line.split(": ", 1) for line in lines if line)
        return http_request(method, self.base + target, body.encode() if body else None, headers=headers)

    def compare(self, block, body, headers):
        head, _, want = self.ours(block).partition("\n\n")
        pattern = r'(?:(?<=demo-secret/)|(?<=userObject="))[A-Za-z0-9_=-]{16,}'
        for old, new in zip(re.findall(pattern, want), re.findall(pattern, body)):
            self.seen.append((old, new))
        want = self.ours(want)
        assert body == want
        for line in head.split("\n")[1:]:
            key, value = line.split(": ", 1)
            assert headers[key.lower()] == value, line


@pytest.mark.parametrize("name", ANSWERED)
def test_the_sample_exchange_is_what_the_daemon_answers(link, name):
    one, pending = Exchange(name, link.url), None
    text = sheet(name)
    for kind, block in blocks(text, "request", "reply"):
        if kind == "request":
            pending = one.send(block)
            continue
        assert pending.status == 200, block
        one.compare(block, pending.text, pending.headers)
    assert "Bienvenue" in text and "Découvrir" in text


def test_the_sample_of_a_posted_reply_is_what_is_posted(link):
    one = Exchange("huawei", link.url)
    found = blocks(sheet("huawei"), "request", "ack", "reply")
    request, ack, reply = (b for _, b in found[:3])
    gateway = Gateway(PHONES["huawei"].confirmation, port=int(link.heard["huawei"].rpartition(":")[2]))
    try:
        acknowledged = one.send(request)
        assert acknowledged.status == 200
        one.compare(ack, acknowledged.text, acknowledged.headers)
        call, _ = gateway.take(lambda root: root is not None, 10)
    finally:
        gateway.close()
    tree, want = ET.fromstring(call.body), one.ours(reply).partition("\n\n")[2]
    real = {e.tag.rpartition("}")[2]: e.text for e in tree.iter()}
    for tag in ("receiveCB", "msgType", "ussdOpType", "msIsdn", "codeScheme", "ussdString"):
        assert html.unescape(re.search(rf"<\w+:{tag}>(.*?)</", want, re.S)[1]) == real[tag], tag
    assert real["spId"] == CREDENTIALS["huawei"]["send_user"]


@pytest.fixture(scope="module")
def second_db(pg, template_db):
    """For daemons that hold the bind, which the one of link holds in the module's own."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    sql(pg.url_of("postgres"), f"create database {name} template {template_db}")
    yield pg.url_of(name)
    sql(pg.url_of("postgres"), f"drop database {name} with (force)")


@pytest.mark.parametrize("name", OVER_SMPP)
def test_the_sample_pdus_are_what_the_daemon_submits(daemon, smsc, second_db, name):
    text = sheet(name)
    deliver, submit = (bytes.fromhex(b) for _, b in blocks(text, "deliver_sm", "submit_sm")[:2])
    asked, want = codec.parse_sm(deliver), codec.parse_sm(submit)
    daemon(config={"coko": {"workers": 1}, f"carrier {name}": {"link": "lab", "short_code": CODE, "country": "CI"}},
           smsc=smsc, database=second_db)
    smsc.control("GET", "/stats?wait_ms=15000&bound=1")
    # the same PDU for a reader of this test's own
    number = f"22507{OVER_SMPP.index(name):08}"
    smsc.control("POST", "/raw", {"hex": deliver.replace(b"2250700000001", number.encode()).hex()})
    part = smsc.control("GET", f"/parts?to={number}&count=1&wait_ms=9000")["parts"][0]
    assert part["text"] == codec.text_of(want.data_coding, want.message)[0]
    assert part["service_type"].encode() == want.service_type and part["from"] == CODE
    tlvs = {f"{tag:04x}": value.hex() for tag, value in want.tlvs.items()}
    assert {k: part["tlvs"].get(k) for k in (OP, INFO, REFERENCE)} == {k: tlvs.get(k) for k in (OP, INFO, REFERENCE)}
    assert asked.src == b"2250700000001"


# --- the live link -------------------------------------------------------------------------------

def certify(link, name, *args, code=0):
    return carrier("certify", name, "-c", link.ini, "--number", TEST_NUMBER, "--url", link.url, *args, code=code)


def test_only_a_test_number_may_certify(link):
    assert "not a test number" in certify(link, "africastalking", code=1)


@pytest.fixture
def test_number(link):
    carrier("test-number", "add", "-c", link.ini, "--number", TEST_NUMBER, "--note", "certification", "--by", "awa")


@pytest.mark.parametrize("name", ANSWERED)
def test_every_carrier_certifies(link, test_number, name):
    report = certify(link, name)
    assert "CONFORMING: " in report and "NOT CONFORMING" not in report and "FAIL" not in report
    assert report.count("| pass |") >= 9 and "| the carrier |" in report
    assert "demo-secret" not in report and "***01" in report
    for value in CREDENTIALS.get(name, {}).values():
        assert value not in report.replace(f"profile | {name}", ""), "no credential in a paper"


@pytest.mark.parametrize("name,word", [("integrat", "USSReply"), ("huawei", "sendUssd")])
def test_a_carrier_whose_replies_are_posted(link, test_number, name, word):
    report = certify(link, name, "--listen", link.heard[name])
    assert "CONFORMING: " in report and "FAIL" not in report and word in report
    assert CREDENTIALS[name]["send_password"] not in report, "no credential in a paper"
    assert "--listen" in certify(link, name, code=1)


def test_the_phone_hears_what_is_posted(link):
    done = subprocess.run([COKO, "phone", "--url", link.url, "--secret", "demo-secret", "--sms-url", "", "--carrier", "integrat",
                           "--listen", link.heard["integrat"], "--number", f"+{next(numbers)}"], input="\n1\n4\n/again\n/hang\n",
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout.count(", answer]") == 3, done.stdout
    assert "Bienvenue" in done.stdout and "Aide Coko" in done.stdout and "acknowledged" in done.stdout


def test_what_does_not_conform_is_said(link, test_number, tmp_path):
    """The same link under a profile that promises what the daemon does not do."""
    profile = json.loads((TOP / "gateway/ussd/profiles/hubtel.json").read_text())
    profile["reply"]["continue"]["Label"] = "Koko"
    (tmp_path / "hubtel.json").write_text(json.dumps(profile))
    report = certify(link, "hubtel", "--profiles", tmp_path, code=1)
    assert "NOT CONFORMING" in report and "has the form of no reply" in report


# --- test numbers ----------------------------------------------------------------------------------

def test_a_test_number_is_kept_as_a_hash_and_audited(link, test_number):
    rows = carrier("test-number", "list", "-c", link.ini)
    assert "certification" in rows and "awa" in rows and TEST_NUMBER[1:] not in rows
    assert carrier("test-number", "add", "-c", link.ini, "--number", TEST_NUMBER).strip() == "there"
    assert sql(link.db, "select actor from ops.audit where kind = 'billing.test_number'")[0][0] == "awa"
    assert carrier("test-number", "remove", "-c", link.ini, "--number", TEST_NUMBER).strip() == "set"
    assert carrier("test-number", "remove", "-c", link.ini, "--number", TEST_NUMBER).strip() == "none"


# --- what was dialled --------------------------------------------------------------------------------

def test_a_trace_and_the_usage_of_a_dialogue(link):
    phone = link.phone("beem")
    phone.url = phone.url.replace("/demo", "/demo-secret")
    before = sql(link.db, "select count(*) from ops.hop")[0][0]
    phone.dial()
    for key in ("1", "4", "0"):
        phone.send(key)
    wait_until(lambda: sql(link.db, "select count(*) from ops.hop")[0][0] == before + 4, "four hops logged", 30)
    trace = carrier("trace", "beem", "-c", link.ini)
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in trace.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [r[3] for r in rows] == ["begin", "answered", "answered", "back"], trace
    assert [r[4] for r in rows] == ["notice", "home", "help", "home"]
    assert rows[0][5] == "(not shown)" and "Aide Coko" in rows[2][5]
    assert [int(r[1]) for r in rows] == sorted(int(r[1]) for r in rows) and rows[0][1] == "0"
    assert phone.digits not in trace and phone.digits[-8:] not in trace
    day = sql(link.db, "select to_char(ops.now() at time zone 'UTC', 'YYYY-MM-DD')")[0][0]
    usage = list(csv.DictReader(io.StringIO(carrier("usage", "beem", "--month", day[:7], "-c", link.ini))))
    assert [u["day"] for u in usage] == [day] and {u["carrier"] for u in usage} == {"beem"}
    want = sql(link.db, "select count(*) filter (where kind = 'begin'), count(*) from ops.hop where carrier = 'beem'")[0]
    assert (int(usage[0]["sessions"]), int(usage[0]["hops"])) == want
    assert "no dialogue" in carrier("trace", "beem", "--at", "2020-01-01", "-c", link.ini, code=1)


@pytest.mark.parametrize("args", [(), ("usage", "--month", "2026-13"), ("sheet",), ("certify",), ("draw", "x"),
                                  ("test-number", "add"), ("usage", "--month")])
def test_usage_of_the_words(coko_bin, args):
    assert subprocess.run([coko_bin, "carrier", *args], capture_output=True, check=False).returncode == 2
