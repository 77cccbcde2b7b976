# SPDX-License-Identifier: Apache-2.0
"""Hard cases of carriers over HTTP that no other file has; tests/lint/test_hard_cases.py lists all 44."""
import json
import re

import pytest
import redis as redis_client

from database import sql
from ussd_carriers_kit import CODE, NAMES, POSTED, carriers, pick  # noqa: F401
from ussdkit import welcome
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
    assert kept, "no session of this very reader"
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


# --- who it is: 19 ---------------------------------------------------------------------------------


def by_reference(phone, call):
    """The number where Restcomm puts it when the first message has none of its own."""
    child = f'<msisdn number="{phone.digits}" nai="international_number" npi="ISDN"/>'
    assert child in call
    whole = call.replace(child, "").replace("></processUnstructuredSSRequest_Request>", "/>")
    return whole.replace("</dialog>", f'<originationReference number="{phone.digits}" nai="international_number" npi="ISDN"/></dialog>')


def test_19_an_origination_reference_is_who_dials(carriers):  # noqa: F811
    """And it is told once, so that the later hops are his too."""
    phone, home = home_of(carriers, "restcomm")
    begin = phone.start
    phone.start = lambda code: by_reference(phone, begin(code))
    assert phone.dial() == home, "the reader who was welcomed by her number"
    pick(phone, "découvrir")
    assert "Nouveautés" in phone.last and phone.repeat()[0].same(phone.last_reply)
    phone.send("0")
    assert phone.last == home


def test_19_a_sealed_number_of_another_dialogue_is_nobody(carriers):  # noqa: F811
    """Two readers' dialogues whose states are mixed up on the way: a last screen, never the other's."""
    one, other = home_of(carriers, "restcomm")[0], home_of(carriers, "restcomm")[0]
    pick(other, "découvrir")
    before = carriers.refused("malformed")
    mine, one.user_object = one.user_object, other.user_object
    reply = one.deliver(one.hop("1"))
    assert refused(reply) and b"Nouveaut" not in reply.body
    assert carriers.refused("malformed") == before + 1
    one.user_object = mine
    pick(one, "découvrir")
    assert "Nouveautés" in one.last, "its own still opens"


IMSI = "612030000000019"
NAMELESS = [
    ("infobip", lambda body: body.replace('"msisdn": "', '"other": "').replace("639020000000001", IMSI)),
    ("mtn_madapi", lambda body: body.replace('"msisdn": "', f'"imsi": "{IMSI}", "other": "')),
    ("restcomm", lambda body: re.sub("<msisdn [^>]*>", f'<imsi number="{IMSI}"/>', body)),
    ("huawei", lambda body: re.sub(r"<ns2:msIsdn>\d+</ns2:msIsdn>", f"<ns2:imsi>{IMSI}</ns2:imsi>", body))]


@pytest.mark.parametrize("name,change", NAMELESS, ids=[name for name, _ in NAMELESS])
def test_19_an_imsi_alone_is_nobody(carriers, migrated_db, redis, name, change):  # noqa: F811
    """The carrier's own success, no screen of anybody's, no reader made, and the IMSI is kept nowhere."""
    readers = "select count(*) from auth.identity"
    phone = carriers.phone(name)
    phone.session = phone.new_session()
    call = phone.start(phone.service_code)
    had, body = sql(migrated_db, readers), call if isinstance(call, str) else call.body
    assert change(body) != body
    if isinstance(call, str):
        call = change(body)
    else:
        call.body = change(body)
    before = carriers.refused("malformed")
    reply = phone.deliver(call)
    assert carriers.refused("malformed") == before + 1 and sql(migrated_db, readers) == had
    if name in POSTED:
        phone.acknowledged(reply)
        assert not phone.gateway.take(lambda root: root is not None and phone.mine(root), 0), "nothing is posted to nobody"
    else:
        assert refused(reply)
    store = redis_client.Redis.from_url(redis.url)
    assert not [key for key in store.scan_iter("*") if IMSI.encode() in key + store.dump(key)]
    assert IMSI not in carriers.process.log.read_text()


# --- the wrong language at first: 41 ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["orange_xhtml", "cellcube", "infobip", "mtn_madapi"])
def test_41_the_carrier_s_word_is_switched_in_one_key_and_remembered(carriers, name):  # noqa: F811
    """A French country, a phone that is set to English: one key makes it French, whatever the carrier goes on to say."""
    phone = carriers.phone(name)
    says(phone, "eng")
    phone.dial()
    assert "Welcome" in phone.last and "2 Francais" in phone.last.replace("ç", "c")
    pick(phone, "fran")
    assert "Bienvenue" in phone.last and "2 English" in phone.last
    pick(phone, "continuer")
    home = phone.last
    phone.dial()
    assert phone.last == home and "Découvrir" in home
    other = carriers.phone(name)
    says(other, "?;q=1" if name != "mtn_madapi" else "x" * 300)
    assert "Bienvenue" in other.dial(), "what is no language is none"


def says(phone, language):
    """The subscriber's language as this carrier tells it."""
    phone.language = language
    if hasattr(phone, "json"):
        pack = phone.json
        field = '"language": null' if phone.carrier == "infobip" else '"serviceCode": '
        phone.json = lambda *args, **more: (
            {**pack(*args, **more), "language": language} if phone.carrier == "infobip"
            else pack(*args, **more).replace(field, f'"language": "{language}", {field}'))


def test_41_moov_says_eng_of_everybody(carriers):  # noqa: F811
    phone = carriers.phone("moov")
    assert "lang=eng" in phone.start(CODE).whole(phone.url)
    assert "Bienvenue" in phone.dial()


# --- who may call: 40 ------------------------------------------------------------------------------


def seen_by_a_stranger(reply):
    return reply.status, reply.body, {k: v for k, v in reply.headers.items() if k != "date"}


def test_40_whoever_is_not_let_in_sees_one_answer(carriers):  # noqa: F811
    """Which carriers there are, how much of a secret is right, whose credentials are wrong: one answer tells nothing."""
    phone = carriers.phone("hubtel")
    phone.session = phone.new_session()
    body, base = phone.start(CODE), carriers.url + "/ussd/"
    urls = [base + at for at in ("nobody/demo", "hubtel/dem0", "hubtel/dem", "hubtel/demo1", "hubtel/DEMO", "hubtel/", "hubtel",
                                 "hubtel/%64emo%20", "hubtel/" + "d" * 4000, "HUBTEL/demo",
                                 "hubtel/demo/more", "hubtel/demo/ring", "smpp_tata/demo", "infobip/demo/session/1/other")]
    answers = [seen_by_a_stranger(phone.post_raw(body, url=url)) for url in urls]
    stranger = carriers.phone("arkesel")
    stranger.user_id, stranger.session = "STRANGER", stranger.new_session()
    answers.append(seen_by_a_stranger(stranger.deliver(stranger.start(CODE))))
    huawei = carriers.phone("huawei")
    huawei.rev_password, huawei.session = "rev-passwore", huawei.new_session()
    answers.append(seen_by_a_stranger(huawei.deliver(huawei.start(CODE))))
    assert [a for a in answers if a != answers[0]] == [] and answers[0][:2] == (404, b"")


def test_40_a_header_of_somebody_who_is_no_proxy_is_not_believed(carriers):  # noqa: F811
    """Cellulant may call from 127.0.0.1 alone: a forwarded address neither opens that nor shuts it."""
    phone = welcome(carriers.phone("cellulant"))
    shown = phone.last
    before = carriers.refused("unknown")
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
        call = phone._body
        call.headers = {header: "192.0.2.1"}
        assert phone.judge(phone.deliver(call)) == (shown, False)
    assert carriers.refused("unknown") == before


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
