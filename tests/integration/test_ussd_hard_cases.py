# SPDX-License-Identifier: Apache-2.0
"""Hard cases of carriers over HTTP that no other file has; tests/lint/test_hard_cases.py lists all 44."""
import json
import re

import pytest
import redis as redis_client

from ussd_carriers_kit import NAMES, carriers, pick, welcome  # noqa: F401
from ussdkit import dial_home

from carriers import PHONES
from carriers.base import at_once

WIDE_HASH = "＃"


def refused(reply):
    """Malformed: the carrier's own success status all the same, and a polite END."""
    assert reply.status == 200
    return b"plus tard" in reply.body


def home_of(carriers, name):  # noqa: F811
    phone = welcome(carriers.phone(name))
    return phone, phone.last


@pytest.mark.parametrize("name", ["safaricom", "advanta", "africastalking"])
def test_a_session_that_starts_twice_is_one_beginning_case_03(carriers, name):  # noqa: F811
    """A prefix diff would make the second start look like input 26."""
    phone = welcome(carriers.phone(name))
    phone.dial()
    home = phone.last_reply
    assert all(home.same(again) for again in phone.repeat(3))
    pick(phone, "découvrir")
    assert "Nouveautés" in phone.last


@pytest.mark.parametrize("name", [n for n in NAMES if not PHONES[n].begins and PHONES[n].long_dial])
def test_without_a_flag_the_first_sight_begins_case_06(carriers, name):  # noqa: F811
    """An input on a session never seen is no answer to anything: the reader starts where it may start."""
    phone = welcome(carriers.phone(name))
    phone.session, phone.hops, phone.ended = phone.new_session(), 0, False
    phone.send("1")
    assert not phone.ended and phone.last.strip()


def test_no_session_id_falls_back_to_the_number_case_08(carriers):  # noqa: F811
    """Airtel's and Orange's identifiers may be missing: the number and the code are the dialogue."""
    phone = carriers.phone("airtel_comviva")
    strip = phone.ask
    phone.ask = lambda text: drop(strip(text), "SessionID")
    welcome(phone)
    pick(phone, "découvrir")
    assert "Nouveautés" in phone.last
    other = carriers.phone("orange_xhtml")
    who = other.identity
    other.identity = lambda: {k: v for k, v in who().items() if k != "User-SessionId"}
    welcome(other)
    pick(other, "découvrir")
    assert "Nouveautés" in other.last


def test_who_dials_again_without_a_session_id_begins_again_case_08(carriers):  # noqa: F811
    """The number is the same with every dial: the code that is dialled tells that it is a new one."""
    phone = carriers.phone("airtel_comviva")
    strip = phone.ask
    phone.ask = lambda text: drop(strip(text), "SessionID")
    home = welcome(phone).last
    pick(phone, "découvrir")
    assert phone.dial() == home and phone.repeat()[0].same(phone.last_reply)
    pick(phone, "découvrir")
    assert "Nouveautés" in phone.last


@pytest.mark.parametrize("name", NAMES)
def test_s5_no_number_in_redis_whatever_a_reply_repeats_case_39(carriers, redis, name):  # noqa: F811
    phone = welcome(carriers.phone(name))
    pick(phone, "découvrir")
    store = redis_client.Redis.from_url(redis.url)
    kept = [key for key in store.scan_iter("*") if store.type(key) == b"string"]
    assert len(kept) > 1
    for key in kept:
        assert phone.digits[4:].encode() not in key + (store.get(key) or b"")


def drop(call, name):
    del call.query[name]
    return call


@pytest.mark.parametrize("name", ["arkesel", "hubtel", "korba"])
def test_a_full_width_hash_ends_a_dial_string_case_11(carriers, name):  # noqa: F811
    phone, home = home_of(carriers, name)
    phone.dial(phone.service_code.replace("#", WIDE_HASH))
    assert phone.last == home
    phone.dial(f"{phone.stem}*201{WIDE_HASH}")
    assert "épisodes" in phone.last


@pytest.mark.parametrize("name", ["africastalking", "arkesel", "mtn_comviva", "moov", "beem"])
def test_a_very_long_input_shows_the_screen_again_case_17(carriers, name):  # noqa: F811
    phone, _ = home_of(carriers, name)
    pick(phone, "découvrir")
    pick(phone, "chercher")
    phone.send("a" * 180)
    assert not phone.ended
    phone.send("00")
    assert "Découvrir" in phone.last


FORMS = ("+{0}", "{0}", "00{0}", "tel:+{0}", "{1}")


@pytest.mark.parametrize("form", FORMS)
def test_a_number_in_any_form_is_the_same_reader_case_18(carriers, form):  # noqa: F811
    phone, home = home_of(carriers, "hubtel")
    body = json.loads(phone.start(phone.service_code))
    body.update(SessionId=phone.new_session(), Mobile=form.format(phone.digits, phone.digits[3:]))
    text, _ = phone.judge(phone.post_raw(json.dumps(body)))
    assert text == home, "known, so without the welcome of a new reader"


def test_a_raw_plus_is_repaired_case_18(carriers):  # noqa: F811
    phone, home = home_of(carriers, "africastalking")
    phone.session = phone.new_session()
    body = phone.form("").replace("%2B", "+")
    assert phone.judge(phone.post_raw(body))[0] == home


@pytest.mark.parametrize("name", ["africastalking", "hubtel", "beem", "moov", "orange_xhtml"])
def test_two_sessions_of_one_reader_are_two_case_21(carriers, name):  # noqa: F811
    one, home = home_of(carriers, name)
    two = carriers.phone(name, one.digits)
    two.dial()
    pick(one, "découvrir")
    pick(two, "aide")
    assert "Nouveautés" in one.last and "Nouveautés" not in two.last
    two.send("0")
    assert two.last == home
    pick(one, "nouveautés")


BROKEN = [b"\xed\xa0\x80", b"\xc0\xaf", b"\xff", b"\xe9t\xe9"]


@pytest.mark.parametrize("octets", BROKEN, ids=lambda o: o.hex())
@pytest.mark.parametrize("name", ["hubtel", "mtn_comviva", "africastalking", "cellulant"])
def test_broken_utf8_is_no_input_case_30(carriers, name, octets):  # noqa: F811
    """Half a pair, overlong, Latin-1 where UTF-8 is promised: refused, or the screen again; never taken."""
    phone, _ = home_of(carriers, name)
    pick(phone, "découvrir")
    pick(phone, "chercher")
    asked = phone.last
    call = phone.hop("MARK")
    if isinstance(call, str):
        wrong = octets if name != "africastalking" else b"".join(b"%%%02X" % o for o in octets)
        reply = phone.post_raw(call.encode().replace(b"MARK", wrong))
    else:
        call.query["INPUT"] = octets
        reply = phone.deliver(call)
    if not refused(reply):
        assert asked.splitlines()[0] in phone.judge(reply)[0]


@pytest.mark.parametrize("octet", ["\x00", "\x1b", "\x7f", "\r\nSet-Cookie: a=b"], ids=ascii)
@pytest.mark.parametrize("name", ["hubtel", "africastalking", "airtel_comviva", "cellulant", "moov"])
def test_controls_and_line_ends_reach_nothing_case_31(carriers, name, octet):  # noqa: F811
    phone, _ = home_of(carriers, name)
    pick(phone, "découvrir")
    pick(phone, "chercher")
    reply = phone.deliver(phone.hop(f"zz{octet}"))
    assert "set-cookie" not in reply.headers
    phone.judge(reply)


SMUGGLED = ["CON 1", "END x", "%s%n%x", "a|b|c", "<b>&\"']]>", "\"}{\"Type\":\"release\"", "{{text}}$text$link",
            "*3\r\n$3\r\nDEL", "<!ENTITY x>", "&lt;&#0;"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_typed_stays_text_in_every_reply_case_32(carriers, name):  # noqa: F811
    """The search that finds nothing shows a screen; the phone's own parser reads it."""
    phone, _ = home_of(carriers, name)
    pick(phone, "découvrir")
    pick(phone, "chercher")
    for typed in SMUGGLED:
        if not phone.can_type(typed):
            pick(phone, "chercher")
        if name == "safaricom" or "*" not in typed:
            reply = phone.deliver(phone.hop(typed))
            if not refused(reply):
                phone.last, phone.ended = phone.judge(reply)
                assert not phone.ended
        return_to_search(phone)


def return_to_search(phone):
    dial_home(phone)
    pick(phone, "découvrir")
    pick(phone, "chercher")


@pytest.mark.parametrize("name,change", [
    ("arkesel", lambda b: b.replace('"newSession": true', '"newSession": "true"')),
    ("korba", lambda b: b.replace('"ussdServiceOp": 1', '"ussdServiceOp": "1"')),
    ("beem", lambda b: b.replace('"response": 0', '"response": "0"')),
    ("mtn_madapi", lambda b: b.replace('"messageType": "0"', '"messageType": 0'))])
def test_numbers_and_booleans_as_strings_are_taken_case_33(carriers, name, change):  # noqa: F811
    phone, home = home_of(carriers, name)
    phone.session = phone.new_session()
    body = phone.start(phone.service_code)
    assert change(body) != body
    assert phone.judge(phone.post_raw(change(body)))[0] == home


TWICE = [("arkesel", lambda b: b[:-1] + ', "userData": "2"}'),
         ("africastalking", lambda b: b + "&text=2"),
         ("mtn_comviva", lambda b: b.replace("<sessionId>", "<sessionId>1</sessionId><sessionId>"))]


@pytest.mark.parametrize("name,change", TWICE)
def test_a_field_twice_is_refused_case_33(carriers, name, change):  # noqa: F811
    phone, _ = home_of(carriers, name)
    reply = phone.post_raw(change(phone.hop("1")))
    if name == "arkesel":   # a body that cannot be read hides its credentials too
        assert (reply.status, reply.body) == (404, b"")
    else:
        assert refused(reply)


BOMBS = ['<!DOCTYPE r [<!ENTITY a "b">]>', '<!DOCTYPE r SYSTEM "file:///etc/passwd">',
         '<!DOCTYPE r [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x">%x;]>']


@pytest.mark.parametrize("dtd", BOMBS)
@pytest.mark.parametrize("name", ["mtn_comviva", "restcomm"])
def test_no_document_type_is_read_case_33(carriers, name, dtd):  # noqa: F811
    phone, _ = home_of(carriers, name)
    body = re.sub(r"\?>\n", f"?>\n{dtd}".replace("\\", r"\\"), phone.hop("1"), count=1)
    assert dtd in body and refused(phone.post_raw(body))


@pytest.mark.parametrize("name", NAMES)
def test_no_reply_may_be_cached_case_34(carriers, name):  # noqa: F811
    phone, _ = home_of(carriers, name)
    rule = phone.last_reply.headers.get("cache-control", "")
    assert "no-store" in rule or "max-age=0" in rule


@pytest.mark.parametrize("name", ["hubtel", "beem", "moov", "restcomm"])
def test_a_race_of_two_deliveries_is_one_step_case_02(carriers, name):  # noqa: F811
    phone, _ = home_of(carriers, name)
    key = next(line.split()[0] for line in phone.last.splitlines() if "Découvrir" in line)
    call = phone.hop(key)
    replies = at_once([lambda: phone.deliver(call)] * 8)
    assert all(replies[0].same(r) for r in replies)
    assert "Nouveautés" in phone.judge(replies[0])[0]


@pytest.mark.parametrize("name", ["orange_xhtml", "cellcube", "aat"])
def test_an_old_link_shows_the_present_screen_case_44(carriers, name):  # noqa: F811
    phone, _ = home_of(carriers, name)
    pick(phone, "découvrir")
    pick(phone, "nouveautés")
    here = phone.last
    for back in (1, 2):
        assert phone.judge(phone.stale(back))[0] in (here, here.replace("\n\n", "\n"))
