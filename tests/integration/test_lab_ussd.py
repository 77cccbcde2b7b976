# SPDX-License-Identifier: Apache-2.0
"""The lab's USSD phones against a scripted service: what they send, octet by octet, and what they
refuse to accept. The daemon's own hops are tested elsewhere, with these phones."""
import json
import re
import subprocess
import sys
import urllib.parse

import pytest

from lab_fixtures import catcher  # noqa: F401
from support import TOP

import ussd_client
from ussd_client import AtPhone, HubtelPhone, Nonconformity

READER = "+2250500000001"


def script(catcher, kind, *bodies):  # noqa: F811
    """The service answers these bodies in turn."""
    left = list(bodies)
    catcher.answer = lambda request: (200, kind, left.pop(0) if len(left) > 1 else left[0])


def forms(catcher):  # noqa: F811
    return [dict(urllib.parse.parse_qsl(r["body"].decode(), keep_blank_values=True))
            for r in catcher.requests]


# --- Africa's Talking -------------------------------------------------------------------------
def test_at_accumulates_the_path(catcher):  # noqa: F811
    """ussd-carriers 2.1: the fields, the path, and + as %2B."""
    script(catcher, "text/plain", b"CON Menu", b"CON Liste", b"CON Nom?", b"END Merci")
    phone = AtPhone(catcher.url, "demo", READER)
    assert phone.dial("*384*26#") == "Menu" and not phone.ended
    assert phone.walk("1", "a*b", "Awa d'Abidjan") == "Merci" and phone.ended
    got = forms(catcher)
    assert [f["text"] for f in got] == ["", "1", "1*a*b", "1*a*b*Awa d'Abidjan"]
    assert len({f["sessionId"] for f in got}) == 1
    assert set(got[0]) == {"sessionId", "serviceCode", "phoneNumber", "text", "networkCode"}
    assert got[0]["phoneNumber"] == READER and got[0]["serviceCode"] == "*384*26#"
    first = catcher.requests[0]
    assert b"phoneNumber=%2B225" in first["body"] and first["path"] == "/ussd/africastalking/demo"
    assert first["headers"]["content-type"] == "application/x-www-form-urlencoded"
    with pytest.raises(AssertionError, match="ended"):
        phone.send("1")


def test_at_long_dial_and_new_session(catcher):  # noqa: F811
    script(catcher, "text/plain; charset=utf-8", b"CON x")
    phone = AtPhone(catcher.url, "demo", READER, network_code=None)
    phone.dial("*384*26*412*1#")
    phone.send("2")
    phone.dial()
    got = forms(catcher)
    assert [f["text"] for f in got] == ["412*1", "412*1*2", ""]
    assert got[0]["sessionId"] != got[2]["sessionId"] and "networkCode" not in got[0]


def test_at_empty_input_is_a_star(catcher):  # noqa: F811
    """Hard case 12 of the carriers' reference: 1**2."""
    script(catcher, "text/plain", b"CON x")
    AtPhone(catcher.url, "demo", READER).walk("1", "", "2")
    assert forms(catcher)[-1]["text"] == "1**2"


def test_repeat_sends_the_same_octets(catcher):  # noqa: F811
    """S1, as the carrier sees it: also from 16 links at once."""
    script(catcher, "text/plain", b"CON x")
    phone = AtPhone(catcher.url, "demo", READER)
    phone.walk("1")
    replies = phone.repeat(2) + phone.repeat(16, concurrent=True)
    assert len({r["body"] for r in catcher.requests[1:]}) == 1 and len(catcher.requests) == 20
    assert all(r.same(phone.last_reply) for r in replies)
    assert phone.hops == 2


@pytest.mark.parametrize("kind,body,why", [
    ("text/html", b"CON x", "content type"), ("text/plain", b"con x", "CON or END"),
    ("text/plain", b" CON x", "CON or END"), ("text/plain", b"CONx", "CON or END"),
    ("text/plain", b"\xef\xbb\xbfCON x", "CON or END"), ("text/plain", b"", "CON or END"),
    ("text/plain", b"CON \xff", "UTF-8"), ("text/plain; charset=latin-1", b"CON x", "charset"),
    ("text/plain", b"CON a\x00b", "control"), ("text/plain", b"END  ", "empty"),
    ("text/plain", b"CON " + b"x" * 183, "183 septets"),
    ("text/plain", "CON ".encode() + "€".encode() * 92, "184 septets"),
    ("text/plain", "CON ".encode() + "œ".encode() * 81, "outside GSM")])
def test_at_refuses(catcher, kind, body, why):  # noqa: F811
    script(catcher, kind, body)
    with pytest.raises(Nonconformity, match=why):
        AtPhone(catcher.url, "demo", READER).dial()


@pytest.mark.parametrize("body", [b"x" * 182, "€".encode() * 91, "œ".encode() * 80, b"a\nb"])
def test_at_accepts(catcher, body):  # noqa: F811
    script(catcher, "text/plain", b"CON " + body)
    assert AtPhone(catcher.url, "demo", READER).dial() == body.decode()


@pytest.mark.parametrize("status", [201, 400, 404, 500])
def test_status_must_be_success(catcher, status):  # noqa: F811
    catcher.answer = lambda request: (status, "text/plain", b"CON x")
    with pytest.raises(Nonconformity, match="200"):
        AtPhone(catcher.url, "demo", READER).dial()
    assert AtPhone(catcher.url, "demo", READER).post_raw("text=").status == status


def test_at_end_notification(catcher):  # noqa: F811
    script(catcher, "text/plain", b"CON Menu")
    phone = AtPhone(catcher.url, "demo", READER)
    phone.walk("1")
    phone.notify_end(catcher.url + "/end")
    got = forms(catcher)[-1]
    assert (got["status"], got["input"], got["hopsCount"]) == ("Incomplete", "1", "2")
    assert got["lastAppResponse"] == "Menu" and catcher.requests[-1]["path"] == "/end"


# --- Hubtel --------------------------------------------------------------------------------------
def hubtel(kind="response", message="Menu", **more):
    return json.dumps({"Type": kind, "Message": message, **more}).encode()


def test_hubtel_sends_the_last_input_and_counts(catcher):  # noqa: F811
    """ussd-carriers 2.3: names, types, ClientState once only."""
    script(catcher, "application/json", hubtel(ClientState="s1"), hubtel(), hubtel("release", "Fin"))
    phone = HubtelPhone(catcher.url, "demo", "+233246912184")
    phone.dial()
    phone.send("1")
    assert phone.send("Awa") == "Fin" and phone.ended
    got = [json.loads(r["body"]) for r in catcher.requests]
    assert [(g["Type"], g["Message"], g["Sequence"]) for g in got] == [
        ("initiation", "*384*26#", "1"), ("response", "1", "2"), ("response", "Awa", "3")]
    assert [g["ClientState"] for g in got] == ["", "s1", ""]
    assert set(got[0]) == {"Type", "Message", "ServiceCode", "Operator", "ClientState", "Mobile",
                           "SessionId", "Sequence", "Platform"}
    assert got[0]["Mobile"] == "233246912184" and got[0]["ServiceCode"] == "384*26"
    assert re.fullmatch("[0-9a-f]{32}", got[0]["SessionId"])
    assert catcher.requests[0]["path"] == "/ussd/hubtel/demo"
    assert all(isinstance(value, str) for value in got[0].values())


@pytest.mark.parametrize("kind,body,why", [
    ("text/plain", hubtel(), "content type"), ("application/json", b"{", "no JSON"),
    ("application/json", b"[]", "Type"), ("application/json", hubtel("Response"), "Type"),
    ("application/json", hubtel(message=5), "Message"),
    ("application/json", hubtel(ClientState={}), "ClientState"),
    ("application/json", hubtel(DataType="list"), "DataType"),
    ("application/json", hubtel(message="x" * 183), "septets")])
def test_hubtel_refuses(catcher, kind, body, why):  # noqa: F811
    script(catcher, kind, body)
    with pytest.raises(Nonconformity, match=why):
        HubtelPhone(catcher.url, "demo", READER).dial()


def test_hubtel_hang_up(catcher):  # noqa: F811
    script(catcher, "application/json", hubtel())
    phone = HubtelPhone(catcher.url, "demo", READER)
    phone.dial()
    phone.hang_up()
    last = json.loads(catcher.requests[-1]["body"])
    assert (last["Type"], last["Message"], last["Sequence"]) == ("release", "", "2")
    assert phone.ended


def test_slow_reply_is_no_reply(catcher, monkeypatch):  # noqa: F811
    monkeypatch.setattr(HubtelPhone, "deadline_s", 0.0)
    script(catcher, "application/json", hubtel())
    with pytest.raises(Nonconformity, match="slower"):
        HubtelPhone(catcher.url, "demo", READER).dial()


# --- as a program --------------------------------------------------------------------------------
def test_command_line(catcher):  # noqa: F811
    script(catcher, "text/plain", b"CON Menu", "END Tchao, à demain".encode())
    done = subprocess.run(
        [sys.executable, TOP / "tests/lab/ussd_client.py", "--base", catcher.url, "1"],
        capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0 and "Menu" in done.stdout and "à demain\n--- END hop 2" in done.stdout
    script(catcher, "text/plain", b"oops")
    done = subprocess.run(
        [sys.executable, TOP / "tests/lab/ussd_client.py", "--base", catcher.url],
        capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "CON or END" in done.stderr
    assert len(ussd_client.PHONES) == 29 and all(k == p.carrier for k, p in ussd_client.PHONES.items())
