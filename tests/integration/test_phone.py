# SPDX-License-Identifier: Apache-2.0
"""`coko phone`, piped and on a terminal, and the page at /phone/, against the daemon and the lab.

The terminal phone speaks each carrier from its profile, as the daemon does; whether the profile is
the carrier's format is for tests/lab/ussd_client.py, which shares nothing with either. What a real Chromium makes of the page is in phone_browser.py, run here.
"""
import json
import os
import pty
import re
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab_fixtures import catcher  # noqa: F401
from support import COKO, TOP, http_request
from ussd_carriers_kit import CREDENTIALS, NAMES, POSTED, carriers, numbers  # noqa: F401

sys.path.insert(0, str(TOP / "tests/lab"))
import smpp_codec as codec  # noqa: E402

READER = "+2250700000077"
CALM = {"ASAN_OPTIONS": "detect_leaks=1:exitcode=99"}


def send_sms(smsc, to, text):
    """One SMS to a phone, through the lab's SMSC as any sender would."""
    with socket.create_connection(("127.0.0.1", smsc.port), timeout=10) as link:
        link.sendall(codec.pack(codec.BIND_TRX, 0, 1, b"coko\0secret\0\0\x34\0\0\0"))
        assert link.recv(4096)
        link.sendall(codec.build_sm(codec.SUBMIT_SM, 2, src=b"COKO", dst=to.lstrip("+").encode(),
                                    message=text.encode("ascii")))
        assert link.recv(4096)
    smsc.control("GET", f"/messages?to={to.lstrip('+')}&count=1&wait_ms=5000")


def phone(d, lines, *args, code=0, smsc=None):
    """The terminal phone driven by a script: what it printed."""
    where = ["--sms-url", smsc.control_url] if smsc else ["--sms-url", ""]
    done = subprocess.run([COKO, "phone", "--url", d.url, *where, *args],
                          input="".join(f"{line}\n" for line in lines), capture_output=True,
                          text=True, env={**os.environ, **CALM}, timeout=60, check=False)
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def screens(out):
    """The printed screens: (text, septets used, state)."""
    return [(text.strip("\n"), int(used), state) for text, used, state in
            re.findall(r"(.*?)\[(\d+)/\d+(?: UCS-2)?, ([^\]]+)\]\n", out, re.S)]


# --- in a terminal ---------------------------------------------------------------------------
@pytest.mark.parametrize("carrier", ["africastalking", "hubtel"])
def test_dial_walk_and_come_back(daemon, carrier):
    d = daemon()
    seen = screens(phone(d, ["*384*26#", "1", "0"], "--carrier", carrier))
    assert len(seen) == 3
    assert all(0 < used <= 160 and state == "answer" for _, used, state in seen), seen
    assert seen[0][0] != seen[1][0]


def test_the_first_line_may_be_empty_and_the_input_may_be_a_file(daemon, tmp_path):
    d = daemon()
    script = tmp_path / "script"
    script.write_text("\n1")                      # no line end after the last answer
    with script.open() as file:
        done = subprocess.run([COKO, "phone", "--url", d.url, "--sms-url", ""], stdin=file,
                              capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and len(screens(done.stdout)) == 2, done


@pytest.mark.parametrize("carrier", ["africastalking", "hubtel"])
def test_the_same_hop_again_has_the_same_answer(daemon, carrier):
    """Hard case 1, S1."""
    out = phone(daemon(), ["*384*26#", "/again", "1", "/again", "/again"], "--carrier", carrier)
    assert out.count("the same answer, byte for byte") == 3
    assert len(screens(out)) == 2


def test_what_is_typed_after_the_end_is_dialled(daemon, catcher):  # noqa: F811
    catcher.answer = lambda request: (200, "text/plain", b"END bye")
    out = phone(catcher, ["", "*384*26*12#"])
    assert [s[2] for s in screens(out)] == ["session ended"] * 2
    bodies = [dict(pair.split("=") for pair in r["body"].decode().split("&"))
              for r in catcher.requests]
    assert [b["text"] for b in bodies] == ["", "12"]
    assert bodies[0]["sessionId"] != bodies[1]["sessionId"]


def test_the_path_accumulates_as_at_the_carrier(catcher):  # noqa: F811
    catcher.answer = lambda request: (200, "text/plain", b"CON more")
    phone(catcher, ["", "1", "a b*", "", "0"], "--number", READER)
    texts = [re.search(r"text=(.*)$", r["body"].decode())[1] for r in catcher.requests]
    assert texts == ["", "1", "1%2Aa%20b%2A", "1%2Aa%20b%2A%2A", "1%2Aa%20b%2A%2A%2A0"]
    assert b"phoneNumber=%2B2250700000077" in catcher.requests[0]["body"]


def test_hubtel_counts(catcher):  # noqa: F811
    catcher.answer = lambda request: (200, "application/json", json.dumps(
        {"SessionId": json.loads(request["body"])["SessionId"], "Type": "response", "Message": "more",
         "Label": "Coko", "ClientState": "", "DataType": "input", "FieldType": "text"},
        separators=(",", ":")).encode())
    phone(catcher, ["", "1", "2", "/hang"], "--carrier", "hubtel", "--number", "+233240000009",
          "--network", "mtn")
    got = [json.loads(r["body"]) for r in catcher.requests]
    assert [(g["Type"], g.get("Message"), g["Sequence"], g["Operator"]) for g in got] == [
        ("initiation", "*384*26#", "1", "mtn"), ("response", "1", "2", "mtn"),
        ("response", "2", "3", "mtn"), ("release", None, "4", "mtn")]
    assert {g["Mobile"] for g in got} == {"233240000009"} and len({g["SessionId"] for g in got}) == 1


def play(carriers, name, lines, **more):  # noqa: F811
    credentials = [f"--{k}={v}".split("=")[i] for k, v in CREDENTIALS.get(name, {}).items() for i in (0, 1)]
    return phone(carriers, lines, "--carrier", name, "--number", f"+{next(numbers)}", *credentials, **more)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in POSTED])   # those: test_carrier.py
def test_every_profile_is_spoken(carriers, name):  # noqa: F811
    """dial, answer, the same hop again, leave: the words, links and counts are the profile's alone."""
    out = play(carriers, name, ["", "1", "/again", "4", "/hang"])
    assert "the same answer, byte for byte" in out
    seen = screens(out)
    assert [s[2] for s in seen] == ["answer"] * 3, out
    assert "Bienvenue" in seen[0][0] and "Découvrir" in seen[1][0] and "Aide Coko" in seen[2][0], out
    profile = (TOP / f"gateway/ussd/profiles/{name}.json").read_text()
    assert ("the service knows" in out) == ('"abort"' in profile), out
    assert carriers.refused("malformed") == 0, "the daemon read every field"


@pytest.mark.parametrize("name", ["orange_xhtml", "cellcube"])
def test_a_page_has_only_its_links(carriers, name):  # noqa: F811
    assert "no link 77" in play(carriers, name, ["", "77"], code=1)


def test_a_new_carrier_is_a_file(carriers, catcher, tmp_path):  # noqa: F811
    """The words of a carrier that nobody heard of, from a folder of one's own."""
    (tmp_path / "newtel.json").write_text(json.dumps({
        "name": "newtel", "method": "POST", "body": "xml", "input": "last", "step": "echo", "country": "SN",
        "charset": "gsm7", "fields": {"session": "head/@id", "number": "head/@who", "input": "said",
                                      "sequence": "@n", "kind": "@kind"},
        "kinds": {"new": "begin", "*": "continue"},
        "reply": {"type": "text/xml", "continue": "<r n=\"$step\"><t>$text</t></r>", "end": "<e>$text</e>",
                  "silent": ""}}))
    catcher.answer = lambda request: (200, "text/xml", b"<r n=\"7\"><t>a &lt;b&gt;&#10;c</t></r>")
    out = phone(catcher, ["", "x<y"], "--carrier", "newtel", "--profiles", str(tmp_path), "--number", "221770000001")
    assert screens(out)[0][0] == "a <b>\nc"
    first, second = (ElementTree.fromstring(r["body"]) for r in catcher.requests)
    assert (first.get("kind"), first.find("said").text, first.find("head").get("who")) == ("new", "*384*26#", "221770000001")
    assert (second.get("kind"), second.get("n"), second.find("said").text) == ("0", "7", "x<y")
    assert first.find("head").get("id") == second.find("head").get("id")


@pytest.mark.parametrize("status, body", [(500, b"CON x"), (200, b"hello"), (200, b"")])
def test_what_the_carrier_would_refuse_is_refused(catcher, status, body):  # noqa: F811
    catcher.answer = lambda request: (status, "text/plain", body)
    out = phone(catcher, [""], code=1)
    assert "invalid MMI code" in out


def test_a_screen_over_the_limit_is_a_fault(catcher):  # noqa: F811
    """S6: 159 letters and one euro are 161 septets."""
    catcher.answer = lambda request: (200, "text/plain", ("END " + "x" * 159 + "€").encode())
    assert "[161/160, TOO LONG]" in phone(catcher, [""], code=1)


def test_no_escape_sequence_of_the_service_reaches_the_terminal(catcher):  # noqa: F811
    catcher.answer = lambda request: (200, "text/plain", b"END a\x1b[2Jb\x9b\xff")
    assert "a?[2Jb" in phone(catcher, [""])


def test_a_foreign_code_is_not_dialled(catcher):  # noqa: F811
    assert "no code of this service" in phone(catcher, ["*100#", "*384*260#"], code=1)
    assert not catcher.requests


def test_nobody_answers():
    class Nowhere:
        url = "http://127.0.0.1:1"
    assert "invalid MMI code" in phone(Nowhere, [""], code=1)


def test_sms_are_shown(smsc, catcher):  # noqa: F811
    send_sms(smsc, READER, "Bonjour")
    out = phone(catcher, ["/sms 1"], "--number", READER, smsc=smsc)
    assert "[SMS from COKO, 1 part]\nBonjour\n" in out
    assert "[no SMS]" in phone(catcher, ["/sms"], smsc=smsc)


@pytest.mark.parametrize("args, code", [
    (["--carrier", "nobody"], 2), (["--url"], 2), (["--nonsense", "1"], 2), (["--help"], 0)])
def test_usage(coko_bin, args, code):
    done = subprocess.run([coko_bin, "phone", *args], capture_output=True, check=False)
    assert done.returncode == code


class Tty:
    """The phone on a pseudo terminal."""

    def __init__(self, *args):
        self.text, self.pid = "", 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(CALM)
            os.execv(COKO, [str(COKO), "phone", *args])

    def type(self, line):
        os.write(self.fd, line.encode() + b"\n")

    def expect(self, words, timeout=15):
        end = time.monotonic() + timeout
        while words not in self.text:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {words!r} in:\n{self.text}"
            self.text += os.read(self.fd, 65536).decode(errors="replace")

    def end(self):
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return code


def test_on_a_terminal_the_handset_is_drawn_and_sms_come_by_themselves(daemon, smsc):
    d = daemon()
    tty = Tty("--url", d.url, "--sms-url", smsc.control_url, "--number", READER)
    tty.expect("> ")
    tty.type("*384*26#")
    tty.expect("answer │")
    frame = [line for line in tty.text.replace("\r", "").splitlines() if line[:1] in "╭│╰"]
    assert {len(line) for line in frame} == {38}, tty.text
    send_sms(smsc, READER, "par SMS")
    tty.expect("┃ par SMS")
    tty.type("/quit")
    assert tty.end() == 0


# --- the page --------------------------------------------------------------------------------
def test_the_page_is_small_local_and_cached(daemon, smsc):
    d = daemon(smsc=smsc)
    pages = {path: d.get(f"/phone/{path}")
             for path in ("", "phone.css", "phone.js", "icon.svg", "config.json")}
    assert all(p.status == 200 for p in pages.values()), pages
    assert sum(len(p.body) for p in pages.values()) < 30 * 1024
    page = pages[""]
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert policy.endswith(f"connect-src 'self' {smsc.control_url}")
    again = http_request("GET", d.url + "/phone/", headers={"If-None-Match": page.headers["etag"]})
    assert again.status == 304 and not again.body
    assert d.get("/phone").headers["location"] == "/phone/"
    assert d.get("/phone/secrets/keys").status == 404
    assert d.post("/phone/", {}).status == 405
    config = pages["config.json"].json()
    assert config["sms_url"] == smsc.control_url
    assert {c["name"] for c in config["carriers"]} == {"africastalking", "hubtel"}
    assert "demo" not in pages["config.json"].text        # no secret of a carrier


def test_there_is_no_page_outside_a_sandbox(daemon):
    assert daemon({"coko": {"sandbox": "no"}}).get("/phone/").status == 404


def test_a_crooked_sms_address_stops_the_start(daemon):
    d = daemon({"coko": {"sandbox_sms_url": "http://x; script-src *"}}, wait=False)
    assert d.process.wait() == 1
    d.killed = True
    assert re.search(r"coko\.ini:\d*:? .*sandbox_sms_url", d.process.log.read_text())


def test_the_page_in_a_browser(daemon, smsc, tmp_path):
    from phone_browser import Browser, missing
    if missing():
        pytest.skip(missing())
    d = daemon(smsc=smsc)
    shots = Path(os.environ.get("COKO_SCREENSHOTS", tmp_path))
    for width, height, language in ((320, 640, "fr"), (1280, 900, "en")):
        number = f"+22507000{width:05d}"
        with Browser(tmp_path / f"profile-{width}", width, height, language) as b:
            b.open(d.url + "/phone/")
            b.wait("return document.body.dataset.ready == 'yes'")
            assert b.run("return document.documentElement.lang") == language
            assert b.run("return innerWidth") == width
            assert b.run("return document.documentElement.scrollWidth") <= width
            b.run("document.getElementById('number').value = arguments[0];"
                  "document.getElementById('number').dispatchEvent(new Event('change'))", number)
            b.click("#call")
            b.wait("return document.getElementById('calltext').textContent != arguments[0]",
                   b.run("return T.call"))
            first = b.text("#screen")
            assert re.fullmatch(r"\d+/160", b.text("#count")), b.text("#count")
            b.click("[data-key='1']")
            b.click("#call")
            b.wait("return !busy && document.getElementById('screen').textContent != arguments[0]",
                   first)
            b.shot(shots / f"phone-{width}.png")
            b.click("#again")
            b.wait("return document.getElementById('note').textContent == T.same")
            b.wait("return document.getElementById('nosms').textContent == T.none")
            send_sms(smsc, number, "Episode 1. La calebasse parlait.")
            b.wait("return document.querySelector('#sms li.new') != null")
            assert "La calebasse parlait." in b.text("#sms li")
            b.click("#mail")
            b.shot(shots / f"inbox-{width}.png")
            b.run("const c = document.getElementById('carrier'); c.value = 'hubtel';"
                  "c.dispatchEvent(new Event('change'))")
            b.click("#call")
            b.wait("return !busy && session && session.open && session.carrier == 'hubtel'")
            unnamed = b.run("return [...document.querySelectorAll('button,input,select')].filter("
                            "e => !e.textContent.trim() && !e.getAttribute('aria-label') && "
                            "!(e.labels && e.labels.length)).map(e => e.outerHTML)")
            assert unnamed == [] and b.console() == []


def test_the_page_speaks_every_kind_of_carrier(daemon, smsc, tmp_path):
    """A GET with XML back, links, XML both ways, JSON with credentials: what each speaks is its profile's."""
    from phone_browser import Browser, missing
    if missing():
        pytest.skip(missing())
    extra = {"moov": {}, "orange_xhtml": {}, "mtn_comviva": {}, "beem": {}, "airtel_comviva": CREDENTIALS["airtel_comviva"]}
    d = daemon({f"carrier {name}": {"secret": "demo", "short_code": "*384*26#", "country": "CI", **more}
                for name, more in extra.items()}, smsc=smsc)
    with Browser(tmp_path / "profile", 400, 800, "fr") as b:
        b.open(d.url + "/phone/")
        b.wait("return document.body.dataset.ready == 'yes'")
        assert set(b.run("return config.carriers.map(c => c.name)")) == {"africastalking", "hubtel", *extra}
        for i, name in enumerate(extra):
            b.run("const c = document.getElementById('carrier'); c.value = arguments[0];"
                  "c.dispatchEvent(new Event('change'))", name)
            b.run("document.getElementById('number').value = arguments[0];"
                  "document.getElementById('number').dispatchEvent(new Event('change'))", f"+22507000092{i:02d}")
            assert b.run("return document.getElementById('credentials').hidden") == (name != "airtel_comviva")
            b.run("document.getElementById('user').value = arguments[0]; document.getElementById('password').value = arguments[1]",
                  extra[name].get("user", ""), extra[name].get("password", ""))
            b.click("#call")
            b.wait("return !busy && session && session.open && session.carrier == arguments[0]", name)
            assert "Bienvenue" in b.text("#screen"), name
            b.click("[data-key='1']")
            b.click("#call")
            b.wait("return !busy && document.getElementById('screen').textContent.includes('Découvrir')")
            assert re.fullmatch(r"\d+/160", b.text("#count"))
            b.click("#again")
            b.wait("return document.getElementById('note').textContent == T.same")
            if name == "orange_xhtml":
                for key in "77":
                    b.click(f"[data-key='{key}']")
                b.click("#call")
                b.wait("return !busy && document.getElementById('note').textContent.includes('no link 77')")
                assert "Découvrir" in b.text("#screen") and b.run("return session.open")
        assert d.metric("coko_ussd_refused_total") == 0 and b.console() == []


def test_what_the_page_asks_is_bounded(daemon):
    d = daemon()
    assert d.post("/phone/write", {"carrier": "nobody"}).json() == {"error": "no such carrier"}
    assert "error" in http_request("POST", d.url + "/phone/write", b"{").json()
    assert "no session" not in d.post("/phone/write", {"carrier": "hubtel", "code": "*384*26#", "dial": ""}).text
    assert "no code" in d.post("/phone/write", {"carrier": "hubtel", "code": "*384*26#", "dial": "*9#"}).json()["error"]
    bad = d.post("/phone/read", {"carrier": "africastalking", "status": 200, "headers": {}, "body": "hello"}).json()
    assert "form of no reply" in bad["error"]
    assert http_request("POST", d.url + "/phone/read", b" " * 300_000).status == 413
    assert d.post("/phone/index.html", {}).status == 405
