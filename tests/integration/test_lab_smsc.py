# SPDX-License-Identifier: Apache-2.0
"""The lab's SMSC, judged by npm "smpp" as the ESME: texts, receipts, every fault, bad PDUs, speed."""
import asyncio
import random
import re
import struct
import subprocess

import pytest

from lab_fixtures import node_peer, npm_smsc  # noqa: F401
from support import Lab, wait_until

import gsm0338
import lab_http
import smpp_codec as codec

READER = "2250500000001"
FRENCH = "Il était une fois à Abidjan, près du marché: l'été, le riz à 50 € [env.] ~ok~ "
CURLY = "« L’œuvre » — Ọ̀ṣun, 日本, 🌍🌍 "


@pytest.fixture(scope="module")
def program(work_dir):
    """One SMSC for the module: each test gets it empty."""
    one = Lab("smsc.py", work_dir / "smsc-of-the-lab.log", "--port", "0", "--control-port", "0")
    yield one
    assert one.stop() == 0


@pytest.fixture
def smsc(program):
    program.control("POST", "/kick", {"how": "rst"})
    wait_until(lambda: not program.control("GET", "/links")["links"], "the links to close")
    program.control("POST", "/reset")
    return program


@pytest.fixture
def esme(smsc, node_peer):  # noqa: F811
    """A bound transceiver of npm smpp."""
    peer = node_peer("smpp_client.js", "--port", smsc.port)
    peer.expect("connected")
    assert peer.bind()["status"] == 0
    return peer


def texts(smsc, to=READER, count=1, wait=30000, **query):
    more = "".join(f"&{k}={v}" for k, v in query.items())
    return smsc.control("GET", f"/messages?to={to}&count={count}&wait_ms={wait}{more}")["messages"]


def stats(smsc, **wanted):
    more = "&".join(f"{k}={v}" for k, v in wanted.items())
    return smsc.control("GET", f"/stats?wait_ms=30000&{more}" if more else "/stats")


# --- binds -----------------------------------------------------------------------------------
@pytest.mark.parametrize("system_id,password,status", [
    ("nobody", "secret", codec.RINVSYSID), ("coko", "wrong", codec.RINVPASWD)])
def test_bind_is_refused(smsc, node_peer, system_id, password, status):  # noqa: F811
    peer = node_peer("smpp_client.js", "--port", smsc.port)
    assert peer.bind(system_id, password)["status"] == status
    assert stats(smsc)["binds_refused"] == 1


def test_bind_twice_and_version(esme):
    assert next(e for e in esme.seen if e["event"] == "bound")["version"] == 0x34
    assert esme.bind()["status"] == codec.RALYBND


def test_enquire_query_unbind(smsc, esme):
    esme.tell("enquire")
    assert esme.expect("enquired")["status"] == 0
    esme.tell("submit", to=READER, text="x")
    number = esme.expect("submitted")["message_id"]
    texts(smsc, state="delivered")
    esme.tell("query", message_id=number)
    assert esme.expect("queried")["state"] == 2
    esme.tell("query", message_id="77")
    assert esme.expect("queried")["status"] == codec.RQUERYFAIL
    esme.tell("unbind")
    assert esme.expect("unbound")["status"] == 0
    esme.expect("closed")
    wait_until(lambda: stats(smsc)["links"] == 0, "the link to close")


def test_receiver_may_not_submit_and_transmitter_gets_no_receipt(smsc, node_peer):  # noqa: F811
    sender = node_peer("smpp_client.js", "--port", smsc.port)
    receiver = node_peer("smpp_client.js", "--port", smsc.port)
    assert sender.bind(kind="transmitter")["status"] == 0
    assert receiver.bind(kind="receiver")["status"] == 0
    receiver.tell("submit", to=READER, text="no")
    assert receiver.expect("submitted")["status"] == codec.RINVBNDSTS
    sender.tell("submit", to=READER, text="yes")
    number = sender.expect("submitted")["message_id"]
    assert f"id:{number} " in receiver.expect("deliver")["text"]
    assert not [e for e in sender.seen if e["event"] == "deliver"]


# --- texts -----------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["SUITE", "@", FRENCH, FRENCH * 12, CURLY, CURLY * 20, "x" * 160,
                                  "€" * 200], ids=len)
@pytest.mark.parametrize("reverse", [False, True])
def test_text_arrives_whole(smsc, esme, text, reverse):
    """Hard case 26: parts in any order; each part has its receipt."""
    cost = gsm0338.septets(text) if gsm0338.fits(text) else 2 * len(text.encode("utf-16-be")) // 2
    short = cost <= (160 if gsm0338.fits(text) else 140)
    esme.tell("submit" if short else "submit_long", to=READER, text=text, reverse=reverse)
    [message] = texts(smsc, state="delivered")
    assert message["text"] == text and message["complete"] and message["defects"] == []
    assert message["encoding"] == ("gsm7" if gsm0338.fits(text) else "ucs2")
    for _ in message["parts"]:
        receipt = esme.expect("deliver", esm_class=4)
        assert re.fullmatch(r"id:\d+ sub:001 dlvrd:001 submit date:\d{10} done date:\d{10} "
                            r"stat:DELIVRD err:000 text:.*", receipt["text"], re.S)
    numbers = {p["message_id"] for p in message["parts"]}
    assert numbers == {e["message_id"] for e in esme.seen if e["event"] == "submitted"}
    stats(smsc, deliver_acked=len(numbers))
    assert all(p["receipts"] == 1 for p in texts(smsc)[0]["parts"])


def test_duplicates_are_counted(smsc, esme):
    for text in ("a", "b", "a"):
        esme.tell("submit", to=READER, text=text)
    texts(smsc, count=3)
    assert stats(smsc)["duplicate_texts"] == 1 and stats(smsc)["duplicate_parts"] == 1


def test_reused_reference_makes_a_new_text(smsc, esme):
    """Hard case 26: a reference that comes round; an unfinished set never completes."""
    for part in ("050003070201", "050003070201", "050003070202"):
        body = codec.build_sm(codec.SUBMIT_SM, 900, src=b"C", dst=READER.encode(), esm_class=0x40,
                              message=bytes.fromhex(part) + b"z")
        esme.tell("raw", hex=body.hex())
    [message] = texts(smsc)
    assert message["text"] == "zz"
    assert stats(smsc)["incomplete"] == 1 and stats(smsc)["duplicate_parts"] == 1


def test_part_that_is_too_long_and_torn_escape(smsc, esme):
    """Hard case 28: an escape torn from its letter is seen; 161 septets are refused."""
    esme.tell("raw", hex=codec.build_sm(codec.SUBMIT_SM, 901, src=b"C", dst=READER.encode(),
                                        message=b"x" * 161).hex())
    esme.tell("raw", hex=codec.build_sm(codec.SUBMIT_SM, 902, src=b"C", dst=READER.encode(),
                                        message=b"ab\x1b").hex())
    [message] = texts(smsc)
    assert message["defects"] == ["escape_at_end_of_part"]
    assert stats(smsc)["refusals"] == {"0x1": 1}


def raw_sm(esme, command=codec.SUBMIT_SM, **fields):
    """A message in a shape that npm smpp would not write by itself."""
    esme.tell("raw", hex=codec.build_sm(command, 903, src=b"COKO", dst=READER.encode(),
                                        **fields).hex())


@pytest.mark.parametrize("coding,octets,text,defects", [
    (0x00, b"l'\x05t\x05 \x1be", "l'été €", []),
    (0x01, b"a_b@", "a_b@", []), (0x03, b"\xe9\xe0", "éà", []),
    (0x08, "Ọ🌍".encode("utf-16-be"), "Ọ🌍", []), (0x11, b"\x05", "é", []),
    (0x18, "é".encode("utf-16-be"), "é", []), (0xF1, b"\x05", "é", []), (0x04, b"\xff", "ff", []),
    (0x08, b"\0a\0", "a", ["ucs2_odd_length"]), (0x08, b"\xd8\x3c", "\ud83c", ["lone_surrogate"]),
    (0x00, b"\xe9", "i", ["gsm_octet_over_7f"]), (0x00, b"\x1bz", "z", ["unknown_extension"])])
def test_data_coding(smsc, esme, coding, octets, text, defects):
    """Hard case 30."""
    raw_sm(esme, data_coding=coding, message=octets)
    [message] = texts(smsc)
    assert message["text"] == text and message["defects"] == defects


def test_the_other_ways_to_split(smsc, esme):
    """Hard cases 26 and 27: 16-bit references, SAR, payload, other elements first."""
    for n in (2, 1):
        for ref in (1, 2):            # the high octet of the reference counts
            raw_sm(esme, esm_class=0x40, message=bytes((6, 8, 4, ref, 44, 2, n)) + b"ab"[n - 1:n])
        raw_sm(esme, message=b"cd"[n - 1:n], tlvs=[
            (codec.T_SAR_REF, b"\1\2"), (codec.T_SAR_TOTAL, b"\2"), (codec.T_SAR_SEQ, bytes((n,)))])
        raw_sm(esme, esm_class=0x40, message=bytes((9, 0x24, 1, 3, 0, 3, 9, 2, n, 0)) + b"ef"[n - 1:n])
    raw_sm(esme, message=b"p" * 300)
    found = texts(smsc, count=5)
    assert [m["text"] for m in found] == ["ab", "ab", "cd", "ef", "p" * 300]
    assert [(m["ref_width"], m["ref"]) for m in found] == [
        (16, 300), (16, 556), ("sar", 258), (8, 9), (None, None)]
    raw_sm(esme, esm_class=0x40, message=bytes((5, 0, 3, 7, 0, 1)) + b"total 0")
    raw_sm(esme, esm_class=0x40, message=bytes((5, 0, 3, 7, 2, 3)) + b"3 of 2")
    assert [m["text"] for m in texts(smsc, count=7)[5:]] == ["total 0", "3 of 2"]
    raw_sm(esme, esm_class=0x40, message=bytes((5, 0, 3, 8, 2, 1)) + b"x",
           tlvs=[(codec.T_SAR_REF, b"\1\2")])
    raw_sm(esme, esm_class=0x40, message=b"\x20udh past the end")
    stats(smsc, refused=1, malformed=1)


def test_data_sm_and_bad_fields(smsc, esme):
    body = b"\0\1\1COKO\0\1\1" + READER.encode() + b"\0\0\1\0" + codec.tlv(codec.T_PAYLOAD, b"data")
    esme.tell("raw", hex=codec.pack(codec.DATA_SM, 0, 904, body).hex())
    assert texts(smsc)[0]["text"] == "data"
    assert submit(esme, validity_period="26112")["status"] == 0     # npm completes it
    short = codec.build_sm(codec.SUBMIT_SM, 905, src=b"C", dst=READER.encode(), message=b"x")
    esme.tell("raw", hex=codec.pack(codec.SUBMIT_SM, 0, 905, short[16:].replace(
        b"\0\0\0\0\0\0", b"\0\0\0\0" + b"2611\0\0", 1)).hex())
    esme.tell("raw", hex=codec.build_sm(codec.SUBMIT_SM, 906, src=b"C", dst=b"", message=b"x").hex())
    assert stats(smsc, refused=2)["refusals"] == {"0x61": 1, "0xb": 1}


@pytest.mark.parametrize("asked,state,heard", [
    (0, "DELIVRD", 0), (1, "DELIVRD", 1), (2, "DELIVRD", 0), (2, "UNDELIV", 1), (17, "DELIVRD", 1)])
def test_registered_delivery(smsc, esme, asked, state, heard):
    faults(smsc, receipt_state=state)
    submit(esme, registered_delivery=asked)
    final = {"DELIVRD": "delivered", "UNDELIV": "failed"}[state]
    assert texts(smsc, state=final)[0]["state"] == final
    assert stats(smsc)["receipts"] == heard


# --- from the phone --------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["SUITE", FRENCH * 5, CURLY * 5], ids=len)
def test_mobile_originated(smsc, esme, text):
    answer = smsc.control("POST", "/mo?wait_ms=5000",
                          {"from": "+" + READER, "to": "2600", "text": text})
    assert answer["statuses"] == [0] * answer["parts"]
    got = [esme.expect("deliver", esm_class=0x40 if answer["parts"] > 1 else 0)
           for _ in range(answer["parts"])]
    assert "".join(e["text"] for e in got) == text
    assert {(e["from"], e["to"]) for e in got} == {(READER, "2600")}


def test_deliver_waits_for_a_link_and_is_retried(smsc, node_peer):  # noqa: F811
    smsc.control("POST", "/mo", {"from": READER, "to": "2600", "text": "STOP"})
    peer = node_peer("smpp_client.js", "--port", smsc.port)
    peer.ask("deliver_status", status=codec.RMSGQFUL)
    peer.bind()
    peer.expect("deliver", text="STOP")
    peer.ask("deliver_status", status=0)
    peer.expect("deliver", text="STOP")
    assert stats(smsc, deliver_acked=1)["deliver_retries"] == 1


# --- faults ----------------------------------------------------------------------------------
def faults(smsc, **body):
    return smsc.control("POST", "/faults", body)


def submit(esme, text="x", to=READER, **more):
    esme.tell("submit", to=to, text=text, **more)
    return esme.expect("submitted")


def test_throttled_for_the_next_two_of_one_number(smsc, esme):
    """Hard case 16."""
    faults(smsc, resp_status="0x58", count=2, to="+" + READER)
    assert submit(esme, to="2250500000002")["status"] == 0
    assert [submit(esme)["status"] for _ in range(3)] == [0x58, 0x58, 0]
    assert len(texts(smsc)) == 1


def test_rate_limit(smsc, esme):
    faults(smsc, max_per_s=5)
    statuses = [submit(esme)["status"] for _ in range(8)]
    assert statuses[:5] == [0] * 5 and codec.RTHROTTLED in statuses


def test_dropped_response_and_dropped_receipt(smsc, esme):
    faults(smsc, drop_resp=1)
    esme.tell("submit", to=READER, text="lost", tag="lost")
    assert submit(esme, "kept", tag="kept")["tag"] == "kept"
    assert [m["text"] for m in texts(smsc, count=2)] == ["lost", "kept"]
    faults(smsc, drop_receipt=1)
    submit(esme, "silent", "2250500000003")
    submit(esme, "heard", "2250500000004")
    esme.expect("deliver", **{"from": "2250500000004"})
    assert not [e for e in esme.seen if e.get("from") == "2250500000003"]


def test_receipt_states_order_and_copies(smsc, esme):
    """Hard case 15: ACCEPTD, DELIVRD, UNDELIV, each twice."""
    faults(smsc, receipt_state=["ACCEPTD", "DELIVRD", "UNDELIV"], duplicate_receipt=1, count=1)
    submit(esme)
    states = [re.search(r"stat:(\w+)", esme.expect("deliver")["text"])[1] for _ in range(6)]
    assert states == ["ACCEPTD"] * 2 + ["DELIVRD"] * 2 + ["UNDELIV"] * 2


def test_receipt_before_response(smsc, esme):
    """Hard case 11."""
    faults(smsc, receipt_before_resp=1)
    number = submit(esme)["message_id"]
    order = [e["event"] for e in esme.seen[-2:]]
    assert order == ["deliver", "submitted"] and f"id:{number} " in esme.seen[-2]["text"]


@pytest.mark.parametrize("resp,receipt,check", [
    ("hex", "dec", lambda a, b: int(a, 16) == int(b)),
    ("dec", "HEX0", lambda a, b: int(b, 16) == int(a) and len(b) == 16),
    ("dec", "dec0", lambda a, b: b == a.zfill(20)),
    ("hex", "HEX", lambda a, b: b == a.upper() and (b != a or a.isdigit())),
    ("constant", "constant", lambda a, b: a == b == "msg_id_not_implemented")])
def test_id_forms(smsc, esme, resp, receipt, check):
    """Hard cases 12 and 13. Receipts are IA5 octets, which npm smpp reads as GSM: _ becomes §."""
    faults(smsc, id_form={"resp": resp, "receipt": receipt})
    number = submit(esme)["message_id"]
    text = esme.expect("deliver")["text"].replace("§", "_")
    assert check(number, re.search(r"id:(\S+)", text)[1])


@pytest.mark.parametrize("form", ["tlv", "both", "payload", "short", "reordered", "no_class",
                                  "truncated"])
def test_receipt_forms(smsc, esme, form):
    """Hard case 14."""
    faults(smsc, receipt_form=form)
    number = submit(esme)["message_id"]
    got = esme.expect("deliver")
    if form in ("tlv", "both", "no_class"):
        assert (got["receipted_message_id"], got["message_state"]) == (number, 2)
    if form != "tlv":
        assert f"id:{number}" in (got.get("payload") or got["text"])
    assert got["esm_class"] == (0 if form == "no_class" else 4)


@pytest.mark.parametrize("form", ["no_body", "nul", "tlv", "long_id"])
def test_response_forms(smsc, esme, form):
    """Hard case 6; wrong_command is in the next test."""
    faults(smsc, resp_form=form)
    got = submit(esme)
    assert got["status"] == 0
    assert len(got.get("message_id") or "") == {"no_body": 0, "nul": 0, "tlv": 16, "long_id": 200}[form]


def test_close_in_the_middle_reorder_and_wrong_command(smsc, esme):
    """Hard cases 7 and 17: the third is accepted and never answered."""
    faults(smsc, reorder=3)
    for tag in "abc":
        esme.tell("submit", to="2250500000009", text=tag, tag=tag)
    assert [esme.expect("submitted")["tag"] for _ in range(3)] == ["c", "b", "a"]
    faults(smsc, resp_form="wrong_command")
    assert submit(esme)["status"] == 0
    faults(smsc, close_after_n=3)
    for tag in "123":
        esme.tell("submit", to="2250500000010", text=tag, tag=tag)
    esme.expect("closed")
    assert [e["tag"] for e in esme.seen if e["event"] == "submitted" and e.get("tag") in tuple("123")
            ] == ["1", "2"]
    assert len(texts(smsc, "2250500000010", count=3)) == 3


def test_one_octet_at_a_time(smsc, esme):
    """Hard case 1."""
    faults(smsc, one_byte_writes=True)
    number = submit(esme, "slow")["message_id"]
    assert f"id:{number} " in esme.expect("deliver")["text"]
    esme.tell("unbind")
    assert esme.expect("unbound")["status"] == 0


def test_garbage_is_garbage(smsc, esme):
    """npm smpp reads the well-framed garbage as what it is."""
    faults(smsc, garbage="nack_zero")
    assert esme.expect("nack")["seq"] == 0
    faults(smsc, garbage="unknown_response")
    faults(smsc, garbage="unmatched_response")
    assert submit(esme)["status"] == 0
    faults(smsc, garbage="length_huge")
    assert "too large" in esme.expect("error")["message"]


def test_bind_faults_and_kick(smsc, node_peer):  # noqa: F811
    """Hard case 22: bound, then closed at once."""
    faults(smsc, bind_status=0x0D)
    peer = node_peer("smpp_client.js", "--port", smsc.port)
    assert peer.bind()["status"] == 0x0D
    faults(smsc, close_after_bind=1)
    peer.bind()
    peer.expect("closed")
    again = node_peer("smpp_client.js", "--port", smsc.port)
    again.bind()
    assert smsc.control("POST", "/kick", {"how": "rst"})["kicked"] == 1
    again.expect("closed")


def test_silences(smsc, esme, node_peer):  # noqa: F811
    """Hard cases 19 to 21: no answer to enquire_link, unbind, bind; then none to anything."""
    faults(smsc, enquire_silent=1, unbind_silent=1, bind_silent=1)
    esme.tell("enquire")
    esme.tell("unbind")
    assert submit(esme)["status"] == 0
    assert not {"enquired", "unbound"} & {e["event"] for e in esme.seen}
    esme.tell("enquire")
    assert esme.expect("enquired")["status"] == 0
    peer = node_peer("smpp_client.js", "--port", smsc.port)
    peer.tell("bind", system_id="coko", password="secret")
    stats(smsc, bind_attempts=2)
    assert stats(smsc)["bound"] == 1
    faults(smsc, silent=True)
    esme.tell("submit", to=READER, text="void")
    with pytest.raises(AssertionError, match="no submitted"):
        esme.expect("submitted", timeout=0.5)
    assert stats(smsc)["submits"] == 1


def test_stop_reading_is_back_pressure(smsc, esme):
    """Hard case 24: what was not read is there afterwards."""
    faults(smsc, stop_reading=True)
    esme.tell("submit", to=READER, text="later")
    with pytest.raises(AssertionError, match="no submitted"):
        esme.expect("submitted", timeout=0.5)
    faults(smsc, stop_reading=False)
    assert esme.expect("submitted")["status"] == 0


def test_delayed_and_doubled_responses(smsc, esme):
    """Hard cases 7 and 8: a slow answer does not hold the next one's place."""
    faults(smsc, resp_delay_ms=3000)
    esme.tell("submit", to=READER, text="slow", tag="slow")
    texts(smsc)
    faults(smsc, resp_delay_ms=0, duplicate_resp=1)
    esme.tell("submit", to=READER, text="fast", tag="fast")
    assert esme.expect("submitted")["tag"] == "fast"
    assert esme.expect("submitted")["tag"] == "slow"


def test_responses_and_receipts_are_kept_until_the_fault_is_taken_off(smsc, esme):
    faults(smsc, hold_resp=True, hold_receipts=True)
    for text in ("one", "two"):
        esme.tell("submit", to=READER, text=text, tag=text)
    texts(smsc, count=2)
    esme.tell("enquire")
    esme.expect("enquired")
    assert not [e for e in esme.seen if e["event"] == "submitted"]
    faults(smsc, hold_resp=False)
    assert [esme.expect("submitted")["tag"] for _ in range(2)] == ["one", "two"]
    assert smsc.control("GET", "/stats")["receipts_planned"] == 2
    faults(smsc, hold_receipts=False)
    assert [esme.expect("deliver")["esm_class"] for _ in range(2)] == [4, 4]


def test_window_of_deliveries(smsc, esme):
    """Unanswered deliver_sm stop at the window and are sent again on the next link."""
    faults(smsc, deliver_window=2)
    esme.ask("deaf", deaf=True)
    for n in range(5):
        smsc.control("POST", "/mo", {"from": READER, "to": "2600", "text": f"mo {n}"})
    assert [esme.expect("deliver")["text"] for _ in range(2)] == ["mo 0", "mo 1"]
    figures = stats(smsc)
    assert figures["deliver_outstanding"] == 2 and figures["deliver_queued"] == 3
    smsc.control("POST", "/kick", {"how": "rst"})
    wait_until(lambda: not smsc.control("GET", "/links")["links"], "the link to close")
    assert stats(smsc)["deliver_queued"] == 5


def test_unbind_from_the_carrier(smsc, esme):
    """Hard case 21."""
    smsc.control("POST", "/kick", {"how": "unbind"})
    esme.expect("unbind")
    smsc.control("POST", "/raw", {"hex": codec.pack(codec.ENQUIRE_LINK | codec.RESP, 0, 9).hex()})
    assert submit(esme)["status"] == 0


def test_tls(lab, node_peer, tmp_path):  # noqa: F811
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", tmp_path / "key", "-out", tmp_path / "crt"],
                   check=True, capture_output=True)
    own = lab("smsc.py", "--port", "0", "--tls-cert", tmp_path / "crt", "--tls-key", tmp_path / "key")
    peer = node_peer("smpp_client.js", "--port", own.port, "--tls")
    assert peer.bind()["status"] == 0
    assert submit(peer, FRENCH)["status"] == 0


def test_misspelt_fault_is_refused(smsc):
    for body in ({"drop_rsep": 1}, {"id_form": "octal"}, {"resp_status": "many"}):
        with pytest.raises(AssertionError, match="400"):
            faults(smsc, **body)
    assert faults(smsc)["armed"] == {}


# --- malformed PDUs --------------------------------------------------------------------------
def head(length, command, seq):
    return struct.pack(">IIII", length, command, 0, seq).hex()


@pytest.mark.parametrize("length", [0, 4, 15, 0x7FFFFFFF, 0xFFFFFFFF])
def test_impossible_length_is_nacked_and_closed(smsc, esme, length):
    """Hard case 2."""
    esme.tell("raw", hex=head(length, codec.SUBMIT_SM, 5))
    assert esme.expect("nack")["status"] == codec.RINVCMDLEN
    esme.expect("closed")


def test_unknown_command_is_nacked_with_its_sequence(esme):
    esme.tell("raw", hex=head(16, 0x777, 0x71717171))
    got = esme.expect("nack")
    assert (got["status"], got["seq"]) == (codec.RINVCMDID, 0x71717171)


def test_every_cut_of_a_submit_is_answered_and_the_link_lives(smsc, esme):
    """Hard cases 3 to 5: each truncation is refused with its own sequence, none is kept."""
    whole = codec.build_sm(codec.SUBMIT_SM, 1, src=b"COKO", dst=READER.encode(), esm_class=0x40,
                           message=bytes.fromhex("050003010101") + b"text",
                           tlvs=[(0x1400, b"value")])[16:]
    tolerated = {len(whole), len(whole) - 9} | {len(whole) - 9 + n for n in (1, 2, 3)}
    cuts = [n for n in range(len(whole)) if n not in tolerated]
    esme.tell("raw", hex="".join(
        (bytes.fromhex(head(16 + n, codec.SUBMIT_SM, 5000 + n)) + whole[:n]).hex() for n in cuts))
    assert [esme.expect("nack")["seq"] for _ in cuts] == [5000 + n for n in cuts]
    assert submit(esme)["status"] == 0
    assert stats(smsc)["malformed"] == len(cuts) and len(texts(smsc)) == 1


def test_codec_raises_only_malformed():
    """Seeded noise through every parser: Malformed or a result, nothing else."""
    noise = random.Random(7)
    seed = codec.build_sm(codec.SUBMIT_SM, 1, src=b"COKO", dst=b"225", esm_class=0x40,
                          message=bytes.fromhex("050003010101") + b"text",
                          tlvs=[(0x0204, b"\0\1"), (0x1383, b"\5\3")])
    bind = codec.pack(codec.BIND_TRX, 0, 1, b"coko\0secret\0\0\x34\0\0\0")
    for _ in range(20000):
        pdu = bytearray(noise.choice((seed, bind)))
        for _ in range(noise.randrange(1, 8)):
            pdu[noise.randrange(16, len(pdu))] = noise.randrange(256)
        pdu = bytes(pdu[:noise.randrange(16, len(pdu) + 1)])
        for parse in (codec.parse_sm, codec.parse_data_sm, codec.parse_bind, codec.parse_query):
            try:
                result = parse(pdu)
                if parse is codec.parse_sm:
                    udh, rest = codec.split_udh(result)
                    codec.concat_of(udh, result.tlvs)
                    codec.text_of(result.data_coding, rest)
            except codec.Malformed as bad:
                assert bad.status


def test_framer_at_every_boundary():
    """Hard case 1: any cut of a stream gives the same PDUs."""
    pdus = [codec.pack(codec.ENQUIRE_LINK, 0, n) for n in (1, 2)] + [
        codec.build_sm(codec.SUBMIT_SM, 3, src=b"a", dst=b"b", message=b"c")]
    stream = b"".join(pdus)
    for cut in range(len(stream) + 1):
        framer = codec.Framer()
        assert [*framer.feed(stream[:cut]), *framer.feed(stream[cut:])] == pdus
    framer = codec.Framer()
    assert [p for octet in stream for p in framer.feed(bytes((octet,)))] == pdus


# --- as a program ----------------------------------------------------------------------------
def test_a_flood_of_twenty_thousand_is_answered_and_receipted(smsc, esme):
    """How fast is the bench's business: a busy machine must not fail this."""
    esme.tell("flood", count=20000, window=100, to="2257", text="x", registered_delivery=1)
    flood = esme.expect("flood", timeout=120)
    assert flood["refused"] == 0, flood
    figures = smsc.control("GET", "/stats?wait_ms=30000&deliver_acked=20000")
    assert figures["deliver_acked"] == figures["accepted"] == 20000


def test_reset_keeps_the_links(smsc, esme):
    submit(esme)
    smsc.control("POST", "/reset")
    assert stats(smsc)["messages"] == 0 and stats(smsc)["links"] == 1
    assert submit(esme)["status"] == 0


def test_a_cancelled_long_poll_ends_while_something_changes():
    """The end of a server cancels its polls and closes its links, which is a change, in one turn."""
    async def scene():
        changes = lab_http.Changes()
        poll = asyncio.ensure_future(changes.until(lambda: False, 30))
        await asyncio.sleep(0)
        poll.cancel()
        changes.note()
        await asyncio.wait([poll], timeout=5)
        return poll.cancelled()

    assert asyncio.run(scene())


def test_term_ends_it_with_its_links(lab, node_peer):  # noqa: F811
    own = lab("smsc.py", "--port", "0")
    peer = node_peer("smpp_client.js", "--port", own.port)
    peer.bind()
    assert own.stop() == 0
    peer.expect("closed")


def test_npm_smsc_has_the_same_control_api(npm_smsc, node_peer):  # noqa: F811
    peer = node_peer("smpp_client.js", "--port", npm_smsc.port)
    assert peer.bind(password="wrong")["status"] == codec.RINVPASWD
    assert peer.bind()["status"] == 0
    peer.tell("submit_long", to=READER, text=FRENCH * 5)
    [message] = texts(npm_smsc, state="delivered")
    assert message["text"] == FRENCH * 5 and len(message["parts"]) == 3
    assert "stat:DELIVRD" in peer.expect("deliver")["text"]
    answer = npm_smsc.control("POST", "/mo?wait_ms=5000",
                              {"from": READER, "to": "2600", "text": CURLY * 4})
    assert answer["statuses"] == [0] * answer["parts"]
    assert stats(npm_smsc, deliver_acked=3 + answer["parts"])["deliver_timeouts"] == 0
    npm_smsc.control("POST", "/reset")
    assert stats(npm_smsc)["messages"] == 0
