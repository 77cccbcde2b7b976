# SPDX-License-Identifier: Apache-2.0
"""Hard cases of smpp.md that no other file has; tests/lint/test_hard_cases.py lists all forty."""
import re

from smsworld import sms  # noqa: F401
from sqlfixtures import sql_server  # noqa: F401
from support import wait_until

PAUSE = re.compile(r"link waits.*?ms=(\d+)")


def pauses(room):
    return [int(ms) for ms in PAUSE.findall(room.log.read_text())]


def test_case_11_receipt_that_gives_our_reference_back(sms):  # noqa: F811
    """The response is lost, the receipt names the part all the same: delivered, not unknown until somebody guesses."""
    sms.fault(drop_resp=2)
    sms.room(reference="yes", response_timeout="2s")
    made = [sms.notice(sms.reader()) for _ in range(3)]
    for message in made:
        sms.wait_state(message, "delivered")
    assert sms.stats()["submits"] == 3


def test_case_15_one_receipt_fifty_times(sms):  # noqa: F811
    """Each is acknowledged, the first counts; what comes after the final state changes nothing."""
    sms.fault(duplicate_receipt=49, receipt_state=["DELIVRD"])
    sms.room()
    message = sms.notice(sms.reader())
    sms.wait_state(message, "delivered")
    first = sms.world.rows("select receipt_at from messaging.part")
    sms.stats(deliver_acked=50)
    assert sms.world.rows("select receipt_at from messaging.part") == first
    assert sms.stats()["deliver_refused"] == 0 and sms.part_states(message) == ["delivered"]


def test_case_22_bind_accepted_then_closed_forever(sms):  # noqa: F811
    """Such a bind is not a good one: the pauses go on growing, as for a refused connection. The message waits."""
    sms.fault(close_after_bind=-1)
    room = sms.room(wait=False, retry="20ms")
    message = sms.notice(sms.reader())
    wait_until(lambda: len(pauses(room)) >= 6, lambda: f"pauses: {pauses(room)}\n{room.tail()}", 40)
    got = pauses(room)[:6]
    assert all(later > 2 * sooner for sooner, later in zip(got, got[2:])), got     # a quarter of jitter each way
    assert sms.state(message) in ("queued", "sending", "unknown")


def test_case_22_a_bind_that_held_starts_the_pauses_anew(sms):  # noqa: F811
    """Option stable: after it the next loss is the first again, else links cut every ten seconds would wait a minute."""
    room = sms.room(stable="10ms", retry="20ms")
    for turn in range(6):
        sms.wait_state(sms.notice(sms.reader()), "delivered")
        sms.smsc.control("POST", "/kick", {"how": "rst"})
        sms.stats(binds=turn + 2)
    assert max(pauses(room)) <= 30, pauses(room)


def test_case_39_senders_and_numbers_that_are_nobodys(sms):  # noqa: F811
    """A name as source cannot be answered, an empty or unknown destination is as good as ours: acknowledged, the carrier does not
    deliver it for ever, nothing is sent back to a name, and the link lives."""
    sms.room()
    for source, to in ((b"ORANGE", b"2626"), (b"2250701020304", b""), (b"2250701020304", b"99999")):
        ton = b"\5\0" if source == b"ORANGE" else b"\1\1"
        sm = b"\0" + ton + source + b"\0\1\1" + to + b"\0\0\0\0" + b"\0\0" + bytes((0, 0, 0, 0, 4)) + b"AIDE"
        pdu = (16 + len(sm)).to_bytes(4, "big") + (5).to_bytes(4, "big") + bytes(4) + (9100 + len(to)).to_bytes(4, "big") + sm
        sms.smsc.control("POST", "/raw", {"hex": pdu.hex()})
    sms.stats(unmatched_deliver_resp=3)
    sms.wait_state(sms.notice(sms.reader("+2250505060708")), "delivered")
    assert sms.stats()["binds"] == 1
    assert sms.texts("+2250505060708")
    assert len(sms.texts("+2250701020304", count=2)) == 2, "an answer to each AIDE of the phone"
    assert sms.world.value("select count(*) from messaging.message where kind = 'reply'") == 2, "and none to the name"


def test_case_24_a_carrier_that_stops_reading(sms):  # noqa: F811
    """It takes what its socket holds and answers nothing: no more than a window flies, the link check ends the link, and what was not
    written goes by the next one; nothing twice."""
    sms.fault(stop_reading=True)
    room = sms.room(wait=False, window=3, enquire_link="300ms", enquire_timeout="300ms", bind_timeout="500ms", stable="100ms",
                    response_timeout="20s", reference="yes")
    sms.fault(stop_reading=False)
    sms.stats(bound=1)
    sms.wait_state(sms.notice(sms.reader()), "delivered")
    sms.fault(stop_reading=True)
    book = sms.world.book()
    made = [sms.chapter(sms.reader(f"+22507010203{n:02}"), book)["message_id"] for n in range(4)]
    wait_until(lambda: "why=dead" in room.log.read_text(), lambda: f"the dead link to be closed\n{room.tail()}", 20)
    written = sms.world.value("select count(*) from messaging.part")
    assert written - 1 <= 3, f"{written} parts for a window of 3"
    sms.fault(stop_reading=False)
    for message in made[1:]:
        sms.wait_state(message, "delivered", 30)
    assert sms.stats()["duplicate_parts"] == 0


def test_case_24_a_carrier_that_writes_octet_by_octet(sms):  # noqa: F811
    """Slow, but every PDU is whole within its ten seconds: responses, receipts and a reader's text all count."""
    sms.room()
    sms.fault(one_byte_writes=True)
    sms.wait_state(sms.notice(sms.reader()), "delivered", 30)
    assert sms.type("AIDE") == [0]
    assert sms.stats()["binds"] == 1


def test_case_39_ussd_on_a_bind_of_texts(sms):  # noqa: F811
    """No carrier profile claims the bind: refused for good (0x65), not sent to a text's keywords, and the link lives."""
    sms.room()
    assert sms.type("*384*26#", tlvs={"0501": "01", "1383": "0a00"}, service_type="USSD") == [0x65]
    assert sms.type("AIDE") == [0]
    assert sms.world.value("select count(*) from messaging.inbound") == 1
    assert sms.stats()["binds"] == 1
