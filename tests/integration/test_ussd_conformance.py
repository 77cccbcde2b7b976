# SPDX-License-Identifier: Apache-2.0
"""Every carrier over HTTP, played by the lab's phones on one daemon: begin, continue, bad choice, more,
back, home, end, long dial, notices, duplicates, stale hops, a wrong secret, a malformed body. The phones
were written from the carriers' documents, the profiles too, and neither from the other. A carrier of the
lab without its profile is a failure, and a profile over HTTP without its phone."""
import json
import re

import pytest

from database import sql
from support import TOP, wait_until
from ussd_carriers_kit import CODE, NAMES, POSTED, carriers, pick, turn  # noqa: F401
from ussdkit import welcome
from ussd_octets import ACKNOWLEDGEMENT, CONTENT_TYPE, notice, octets
from ussd_plays import PLAYED, PLAYS, PROFILES, played, reasons, table

from carriers import PHONES

each = pytest.mark.parametrize("name", NAMES)
BAD = "77"
SORRY = b"plus tard"   # of the polite END for what cannot be a hop


def those(test):
    """The carriers of which this is true."""
    return [n for n in NAMES if test(PHONES[n])]


def exact(phone, reply=None):
    """The reply is the one that is written down for this carrier and this screen, octet for octet."""
    reply = reply or phone.last_reply
    if phone.carrier in POSTED:
        assert reply.body.decode() == ACKNOWLEDGEMENT[phone.carrier]
        assert phone.last_call.headers["content-type"] == CONTENT_TYPE[phone.carrier]
        assert phone.last_call.body.decode() == octets(phone)
    else:
        assert reply.headers["content-type"] == CONTENT_TYPE.get(phone.carrier, "text/plain; charset=utf-8")
        assert reply.body.decode() == octets(phone)


@each
def test_the_profile_is_there(name):
    profile = json.loads((TOP / f"gateway/ussd/profiles/{name}.json").read_text())
    assert profile["name"] == name


def test_every_profile_over_http_has_a_phone():
    profiles = [json.loads(f.read_text()) for f in (TOP / "gateway/ussd/profiles").glob("*.json")]
    assert {p["name"] for p in profiles if p["body"] != "smpp"} == set(NAMES)


def test_every_profile_plays_the_eleven_or_says_why_not():
    """ussd_not_played.json has what a carrier's interface does not have; what is played needs no reason."""
    import test_ussd_conformance_smpp  # noqa: F401    its plays are entered
    why = reasons()
    missing = {(play, name) for play in PLAYS for name in PROFILES if name not in PLAYED[play]}
    assert missing == set(why), "\n".join(table())
    assert all(len(reason) > 20 for reason in why.values())


@played(NAMES, "begin", "continue", "bad choice", "more", "home", "back", "end")
def test_a_dialogue_from_begin_to_end(carriers, name):  # noqa: F811
    """Each screen judged by the carrier's rules, each reply by its octets."""
    phone = carriers.phone(name)
    phone.dial()
    assert "Bienvenue" in phone.last and not phone.ended, "begin"
    exact(phone)
    phone.send("1")
    home = phone.last
    assert "Découvrir" in home and not phone.ended, "continue"
    exact(phone)
    pick(phone, "découvrir")
    discover = phone.last
    assert "Nouveautés" in discover
    exact(phone)
    wrong(phone)
    assert discover.splitlines()[-1] in phone.last and phone.last != discover, "the screen, and why"
    exact(phone)
    pick(phone, "nouveautés")
    first = phone.last
    turn(phone, "98", "suite")
    assert phone.last != first and not phone.ended, "more"
    exact(phone)
    turn(phone, "00", "accueil")
    assert phone.last == home, "home"
    exact(phone)
    pick(phone, "découvrir")
    pick(phone, "chercher")
    exact(phone)   # a free input
    turn(phone, "0", "retour")
    turn(phone, "0", "retour")
    assert phone.last == home, "back"
    exact(ending(carriers, name))


def wrong(phone):
    """A choice that the screen does not have; behind links only who edits an address can make it."""
    return phone.send(BAD) if phone.can_type(BAD) else phone._exchange(phone.edited(BAD), BAD)


def ending(carriers, name):  # noqa: F811
    """A number that no network has is told so on a last screen."""
    phone = carriers.phone(name, 12)
    phone.dial()
    assert phone.ended and not re.search(r"^0 ", phone.last, re.M), "an end asks nothing"
    return phone


@played(NAMES, "duplicate")
def test_a_duplicate_is_the_same_answer(carriers, name):  # noqa: F811
    phone = welcome(carriers.phone(name))
    assert all(phone.last_reply.same(again) for again in phone.repeat(2))
    pick(phone, "découvrir")
    assert all(phone.last_reply.same(again) for again in phone.repeat(2))
    exact(phone)


@played(those(lambda p: p.sequence or p.whole_path or p.named_hops), "stale")
def test_a_stale_hop_moves_nothing(carriers, name):  # noqa: F811
    """Case 4: one of two steps ago, and of one; the session goes on and stands where it stood."""
    phone = welcome(carriers.phone(name))
    pick(phone, "découvrir")
    pick(phone, "nouveautés")
    now = phone.last
    for call in (phone.calls[-3], phone.calls[-2], phone.calls[-1]):
        late = phone.deliver(call)
        assert late.status == 200 and phone.judge(late) == (now, False)
        exact(phone, late)
    turn(phone, "0", "retour")
    assert "Nouveautés" in phone.last


@each
def test_a_stale_hop_pays_nothing_whoever_cannot_tell_it(carriers, name, migrated_db):  # noqa: F811
    """Where nothing numbers the hops an old one is a key: on the confirm screen no earlier key accepts (S2)."""
    charges = "select count(*) from billing.charge"
    before = sql(migrated_db, charges)
    phone = welcome(carriers.phone(name))
    pick(phone, "mon pass")
    pick(phone, "pass")
    pick(phone, "jour")
    assert "Payer" in phone.last
    for call in reversed(phone.calls[1:]):
        shown = phone.judge(phone.deliver(call))
        assert shown[0].strip() and not shown[1]
    assert sql(migrated_db, charges) == before


@played(those(lambda p: p.long_dial), "long dial")
def test_a_long_dial_walks(carriers, name):  # noqa: F811
    """A book's code behind the service code shows the book at once, and the session goes on."""
    phone = welcome(carriers.phone(name))
    phone.dial(f"{phone.stem}*201#")
    assert re.search(r"\d+ ép", phone.last) and not phone.ended
    exact(phone)
    pick(phone, "résumé")
    assert not phone.ended


@pytest.mark.parametrize("name", those(lambda p: not p.long_dial))
def test_a_dial_without_inputs_begins(carriers, name):  # noqa: F811
    phone = welcome(carriers.phone(name))
    phone.dial()
    assert "Découvrir" in phone.last and not phone.ended


@played(those(lambda p: p.endings), "notice")
def test_a_notice_shows_no_screen_and_keeps_the_place(carriers, name):  # noqa: F811
    for kind in PHONES[name].endings:
        told = "timeout" if kind == "timeout" and name != "infobip" else "abort"   # Infobip has one address for both
        phone = welcome(carriers.phone(name))
        pick(phone, "découvrir")
        pick(phone, "nouveautés")
        place = phone.last
        before = carriers.metric("coko_ussd_verdicts_total", f'verdict="{told}"')
        phone.hang_up(kind)
        assert phone.last_reply.body.decode() == notice(phone, kind)
        wait_until(lambda: carriers.metric("coko_ussd_verdicts_total", f'verdict="{told}"') == before + 1, "the notice heard")
        phone.dial()
        pick(phone, "reprendre")
        assert phone.last == place


@pytest.mark.parametrize("name", those(lambda p: p.begins and p.carrier not in ("infobip", "hubtel")))   # no id comes twice there
def test_a_session_id_used_again_is_a_new_dialogue(carriers, name):  # noqa: F811
    phone = welcome(carriers.phone(name))
    home = phone.last
    pick(phone, "découvrir")
    phone.dial(same_id=True)
    assert phone.last == home


@each
def test_a_wrong_secret_is_a_bare_404(carriers, name):  # noqa: F811
    phone = carriers.phone(name)
    before = carriers.refused("unknown")
    phone.url = phone.url.replace("/demo", "/dem0")
    phone.session = phone.new_session()
    reply = phone.deliver(phone.start(CODE))
    assert (reply.status, reply.body) == (404, b"")
    assert carriers.refused("unknown") == before + 1


UNREAD = ("arkesel", "nalo", "huawei")   # whose credentials stand in a body that is none


@each
def test_a_malformed_callback_gets_a_polite_end_and_is_counted(carriers, name):  # noqa: F811
    reason = "credentials" if name in UNREAD else "malformed"
    phone = carriers.phone(name)
    before = carriers.refused(reason)
    reply = phone.deliver(phone.malformed())
    assert carriers.refused(reason) == before + 1
    if name in UNREAD:
        assert (reply.status, reply.body) == (404, b"")
    elif name in POSTED:
        phone.acknowledged(reply)
    else:
        assert reply.status == 200 and SORRY in reply.body


@pytest.mark.parametrize("name", ["arkesel", "nalo"])
def test_a_malformed_callback_with_good_credentials_gets_a_polite_end(carriers, name):  # noqa: F811
    phone = carriers.phone(name)
    phone.session = phone.new_session()
    call = json.loads(phone.start(CODE))
    call.pop("msisdn" if name == "arkesel" else "MSISDN")
    before = carriers.refused("malformed")
    reply = phone.deliver(phone.pack(call))
    assert reply.status == 200 and SORRY in reply.body and carriers.refused("malformed") == before + 1
    call = {k: "STRANGER" if k.upper() == "USERID" else v for k, v in call.items()}
    reply = phone.deliver(phone.pack(call))
    assert (reply.status, reply.body) == (404, b""), "a stranger learns nothing"


def test_infobip_an_end_without_a_number_closes_the_session(carriers):  # noqa: F811
    """Its address alone says which: the status then tells the truth, and the id may begin again."""
    phone = welcome(carriers.phone("infobip"))
    session = phone.session
    assert phone.status() is True
    phone.hang_up()
    wait_until(lambda: phone.status() is False, "the session closed")
    phone.dial(same_id=True)
    assert phone.session == session and not phone.ended and phone.status() is True
    phone.session = phone.new_session()
    assert phone.status() is False, "a session that never was"


def test_22_infobip_an_answer_that_its_end_overtook_gets_a_last_screen(carriers):  # noqa: F811
    """The tombstone holds a screen that closes, not the blank answer of the notice."""
    phone = welcome(carriers.phone("infobip"))
    place, session = phone.last, phone.session
    phone.hang_up()
    wait_until(lambda: phone.status() is False, "the session closed")
    late = phone.deliver(phone.hop("1"))
    text, ended = phone.judge(late)
    assert ended and "expiré" in text
    assert phone.deliver(phone.hop("1")).same(late)
    phone.session = session
    assert phone.dial(same_id=True) == place, "and the place is kept"


def test_22_infobip_an_answer_after_our_own_end_gets_it_again(carriers):  # noqa: F811
    """Infobip tells the end of a session that we closed as well: the stored END stays."""
    phone = ending(carriers, "infobip")
    last = phone.last_reply
    phone.hang_up()
    assert phone.deliver(phone.hop("1")).body != b"" and phone.repeat()[0].status == 200
    text, ended = phone.judge(phone.deliver(phone.hop("1")))
    assert ended and text == phone.judge(last)[0]


def test_infobip_a_session_that_we_ended_is_not_active(carriers):  # noqa: F811
    assert welcome(carriers.phone("infobip")).status() is True
    phone = ending(carriers, "infobip")
    assert phone.ended and phone.status() is False


def test_africastalking_a_session_that_ended_well_is_no_drop(carriers):  # noqa: F811
    """Success tells the end of what we ended ourselves, any other status that somebody left; path and screen are unread."""
    phone = welcome(carriers.phone("africastalking"))
    place = phone.last
    aborted = carriers.metric("coko_ussd_verdicts_total", 'verdict="abort"')
    assert phone.post_raw(phone.notification("Success")).body == b"END "
    assert phone.send("77").endswith(place.splitlines()[-1]), "nothing was done"
    assert phone.post_raw(phone.notification("Failed", "HTTP 500")).body == b"END "
    wait_until(lambda: carriers.metric("coko_ussd_verdicts_total", 'verdict="abort"') == aborted + 1, "the one that was left")
