# SPDX-License-Identifier: Apache-2.0
"""Every carrier over HTTP, played by the lab's phones on one daemon: begin, continue, bad choice, more,
back, home, end, long dial, notices, duplicates, stale hops, a wrong secret, a malformed body. The phones
were written from the carriers' documents, the profiles too, and neither from the other. A carrier of the
lab without its profile is a failure, and a profile over HTTP without its phone."""
import json
import re

import pytest

from support import TOP, wait_until
from ussd_carriers_kit import CODE, NAMES, POSTED, carriers, pick, turn, welcome  # noqa: F401

from carriers import PHONES
from carriers.con_end import ConEnd

each = pytest.mark.parametrize("name", NAMES)
BAD = "77"
SORRY = b"plus tard"   # of the polite END for what cannot be a hop


def having(test):
    """The carriers of which this is true."""
    return pytest.mark.parametrize("name", [n for n in NAMES if test(PHONES[n])])


@each
def test_the_profile_is_there(name):
    profile = json.loads((TOP / f"gateway/ussd/profiles/{name}.json").read_text())
    assert profile["name"] == name


def test_every_profile_over_http_has_a_phone():
    profiles = [json.loads(f.read_text()) for f in (TOP / "gateway/ussd/profiles").glob("*.json")]
    assert {p["name"] for p in profiles if p["body"] != "smpp"} == set(NAMES)


@each
def test_a_dialogue_from_begin_to_end(carriers, name):  # noqa: F811
    """begin, continue, bad choice, more, back, home, end: each screen judged by the carrier's rules."""
    phone = welcome(carriers.phone(name))
    home = phone.last
    assert "Découvrir" in home and not phone.ended
    pick(phone, "découvrir")
    discover = phone.last
    assert "Nouveautés" in discover
    if phone.can_type(BAD):
        phone.send(BAD)
        assert discover.splitlines()[-1] in phone.last and phone.last != discover, "the screen, and why"
    pick(phone, "nouveautés")
    first = phone.last
    turn(phone, "98", "suite")
    assert phone.last != first and not phone.ended, "more"
    turn(phone, "00", "accueil")
    assert phone.last == home, "home"
    pick(phone, "découvrir")
    turn(phone, "0", "retour")
    assert phone.last == home, "back"
    ending(carriers, name)


def ending(carriers, name):  # noqa: F811
    """A number that no network has is told so on a last screen."""
    phone = carriers.phone(name, 12)
    phone.dial()
    assert phone.ended and not re.search(r"^0 ", phone.last, re.M), "an end asks nothing"
    return phone


@each
def test_a_duplicate_is_the_same_answer(carriers, name):  # noqa: F811
    phone = welcome(carriers.phone(name))
    assert all(phone.last_reply.same(again) for again in phone.repeat(2))
    pick(phone, "découvrir")
    assert all(phone.last_reply.same(again) for again in phone.repeat(2))


@having(lambda p: (p.sequence or p.whole_path or p.named_hops) and
        p.carrier not in ("restcomm", "mtn_comviva", "huawei"))
def test_a_stale_hop_moves_nothing(carriers, name):  # noqa: F811
    phone = welcome(carriers.phone(name))
    pick(phone, "découvrir")
    pick(phone, "nouveautés")
    now = phone.last
    stale = phone.stale(1)
    assert stale.status == 200
    assert phone.judge(stale)[1] is False, "the session goes on"
    pick_again = phone.repeat()[0]
    assert phone.judge(pick_again)[0] == now, "and stands where it stood"


@having(lambda p: p.long_dial and p.carrier not in ("orange_xhtml", "cellcube"))
def test_a_long_dial_walks(carriers, name):  # noqa: F811
    """A book's code behind the service code shows the book at once, and the session goes on."""
    phone = welcome(carriers.phone(name))
    phone.dial(f"{phone.stem}*201#")
    assert re.search(r"\d+ ép", phone.last) and not phone.ended
    pick(phone, "résumé")
    assert not phone.ended


@having(lambda p: not p.long_dial)
def test_a_dial_without_inputs_begins(carriers, name):  # noqa: F811
    phone = welcome(carriers.phone(name))
    phone.dial()
    assert "Découvrir" in phone.last and not phone.ended


@pytest.mark.parametrize("name,kind", [(n, k) for n in NAMES for k in PHONES[n].endings
                                       if (n, k) != ("infobip", "timeout")])   # told as an abort
def test_a_notice_shows_no_screen_and_keeps_the_place(carriers, name, kind):  # noqa: F811
    verdict = f'verdict="{"timeout" if kind == "timeout" else "abort"}"'
    phone = welcome(carriers.phone(name))
    before = carriers.metric("coko_ussd_verdicts_total", verdict)
    phone.hang_up(kind)
    assert "Découvrir" not in phone.last_reply.body.decode("utf-8")
    wait_until(lambda: carriers.metric("coko_ussd_verdicts_total", verdict) == before + 1, "the notice heard")
    phone.dial()
    assert not phone.ended


@having(lambda p: p.begins and p.carrier not in ("infobip", "hubtel"))   # no id comes twice there
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


# --- the exact bytes -------------------------------------------------------------------------------

def con_end(phone, text, more):
    return f"{'CON' if more else 'END'} {text}"


def cellulant(phone, text, more):
    return f"1|{text}|null|null|{'null' if more else 'end'}|null"


def airtel(phone, text, more):
    return text


EXACT = {"cellulant": cellulant, "airtel_comviva": airtel,
         **{n: con_end for n in NAMES if issubclass(PHONES[n], ConEnd)}}
MEMBERS = {  # of a JSON reply: all it must have; what it may have beside
    "hubtel": ({"Type", "Message"}, {"ClientState", "Label", "DataType", "FieldType", "FieldName", "Data",
                                     "Item", "SessionId"}),
    "arkesel": ({"sessionID", "userID", "msisdn", "message", "continueSession"}, set()),
    "nalo": ({"USERID", "MSG", "MSGTYPE"}, {"MSISDN"}),
    "dmark": ({"responseString", "action"}, set()),
    "hollatags": ({f"session_{n}" for n in ("msisdn", "operation", "msg", "id", "from", "type", "mno")}, set()),
    "korba": ({"message", "ussdServiceOp"}, set()),
    "nsano": ({"USSDResp"}, set()),
    "beem": ({"msisdn", "operator", "session_id", "command", "payload"}, set()),
    "infobip": ({"ussdMenu", "shouldClose", "responseExitCode", "responseMessage"}, {"thirdPartyId"}),
    "mtn_madapi": ({"statusCode", "statusMessage", "transactionId", "data"}, {"_link"})}
ELEMENTS = {  # of an XML reply, in order of the document
    "mtn_comviva": r"response msisdn sessionid (transactionid )?freeflow freeflowState freeflowCharging "
                   r"freeflowChargingAmount applicationResponse",
    "moov": r"response screen_type text (options (option )*)?back_link home_link session_op screen_id",
    "aat": r"request headertext( options( option)*)?",
    "huawei": r"soapenv:Envelope soapenv:Header tns:RequestSOAPHeader tns:spId tns:spPassword tns:serviceId "
              r"tns:timeStamp tns:OA tns:FA tns:linkid soapenv:Body loc:sendUssd loc:msgType loc:senderCB "
              r"loc:receiveCB loc:ussdOpType loc:msIsdn loc:serviceCode loc:codeScheme loc:ussdString",
    "integrat": r"Message Version Request UserID Password USSText",
    "restcomm": r"dialog (unstructuredSSRequest_Request|processUnstructuredSSRequest_Response)"}


def last_and_ended(carriers, name):  # noqa: F811
    """A phone on a screen that goes on, and then on one that ends."""
    phone = welcome(carriers.phone(name))
    yield phone
    yield ending(carriers, name)


@pytest.mark.parametrize("name", EXACT)
def test_exact_bytes_of_a_text_reply(carriers, name):  # noqa: F811
    for phone in last_and_ended(carriers, name):
        assert phone.last_reply.body.decode() == EXACT[name](phone, phone.last, not phone.ended)


@pytest.mark.parametrize("name", MEMBERS)
def test_exact_members_of_a_json_reply(carriers, name):  # noqa: F811
    needed, allowed = MEMBERS[name]
    for phone in last_and_ended(carriers, name):
        members = set(json.loads(phone.last_reply.body))
        assert needed <= members <= needed | allowed


@pytest.mark.parametrize("name", ELEMENTS)
def test_exact_elements_of_an_xml_reply(carriers, name):  # noqa: F811
    for phone in last_and_ended(carriers, name):
        body = (phone.last_call if name in POSTED else phone.last_reply).body.decode()
        found = " ".join(re.findall(r"<([A-Za-z_][\w:]*)", body))
        assert re.fullmatch(ELEMENTS[name], found), body


ACK = {"integrat": "", "huawei": (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<loc:notifyUssdReceptionResponse xmlns:loc="http://www.csapi.org/schema/parlayx/ussd/notification/v1_0/local">'
    '<loc:result>0</loc:result></loc:notifyUssdReceptionResponse></soapenv:Body></soapenv:Envelope>')}


@pytest.mark.parametrize("name", POSTED)
def test_exact_bytes_of_an_acknowledgement(carriers, name):  # noqa: F811
    for phone in last_and_ended(carriers, name):
        assert phone.last_reply.body.decode() == ACK[name]
