# SPDX-License-Identifier: Apache-2.0
"""The outbox on the wire: the SMS room between PostgreSQL and a message centre that misbehaves (M1-M4)."""
import pytest

from smsworld import NUMBER, sealed, sms  # noqa: F401
from sqlfixtures import sql_server  # noqa: F401
from support import wait_until

OTHER = "+2250505060708"


def plain(text):
    """White space and cuts aside: what a reader reads."""
    return " ".join(text.split())


# --- the way it should be ------------------------------------------------------------------------
def test_instalment_of_five_parts_is_delivered_with_a_receipt_on_each(sms):  # noqa: F811
    book = sms.world.book()
    reader = sms.reader()
    made = sms.chapter(reader, book)
    assert made["segments"] == 5
    sms.room()
    text = sms.texts()[0]
    body = sms.world.value("select body from messaging.message where id = %s", made["message_id"])
    assert plain(text["text"]) == plain(body)
    sms.wait_state(made["message_id"], "delivered")
    assert sms.part_states(made["message_id"]) == ["delivered"] * 5
    parts = sms.parts()
    assert [p["registered_delivery"] for p in parts] == [1] * 5
    assert sms.stats()["duplicate_parts"] == 0
    assert sms.world.value("select parts from messaging.message where id = %s", made["message_id"]) == 5


def test_queued_while_running_leaves_by_the_poll(sms):  # noqa: F811
    sms.room()
    message = sms.notice(sms.reader())
    sms.wait_state(message, "delivered")


def test_code_is_sent_and_its_body_wiped(sms):  # noqa: F811
    body, _ = sealed("otp.body", "Coko : votre code est 123456.")
    blob, lookup = sealed("auth.identity", NUMBER[1:])
    sms.world.one("auth.request_otp", lookup, blob, 1, "CI", "orange", b"h" * 32, body, None)
    sms.room()
    assert sms.texts()[0]["text"] == "Coko : votre code est 123456."
    row = wait_until(lambda: sms.world.rows("select * from messaging.message where state = 'delivered'"), "the receipt")[0]
    assert row["body_sealed"] is None and row["body"] is None
    assert "123456" not in sms.rooms[0].log.read_text()


@pytest.mark.parametrize("concat", ["udh8", "udh16", "sar", "payload"])
def test_each_way_of_joining_parts(sms, concat):  # noqa: F811
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.room(concat=concat)
    body = sms.world.value("select body from messaging.message where id = %s", made["message_id"])
    assert plain(sms.texts()[0]["text"]) == plain(body)
    sms.wait_state(made["message_id"], "delivered")


# --- ids and receipts ----------------------------------------------------------------------------
@pytest.mark.parametrize("forms,id_form", [
    ({"resp": "hex", "receipt": "dec"}, "auto"), ({"resp": "dec", "receipt": "HEX0"}, "auto"),
    ({"resp": "hex", "receipt": "dec"}, "receipt_dec"), ({"resp": "dec0", "receipt": "HEX"}, "receipt_hex"),
    ({"resp": "dec0", "receipt": "dec"}, "same")])
def test_receipt_writes_the_id_in_another_form(sms, forms, id_form):  # noqa: F811
    """smpp.md hard case 12."""
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.fault(id_form=forms)
    sms.room(id_form=id_form)
    sms.wait_state(made["message_id"], "delivered")


def test_receipt_before_response(sms):  # noqa: F811
    """smpp.md hard case 11."""
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.fault(receipt_before_resp=5)
    sms.room()
    sms.wait_state(made["message_id"], "delivered")
    assert sms.stats()["deliver_refused"] == 0


def test_one_part_undeliverable_makes_it_partial(sms):  # noqa: F811
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.fault(receipt_state={"value": "UNDELIV", "count": 1})
    sms.room()
    sms.wait_state(made["message_id"], "partial")


def test_receipts_wait_at_the_carrier_while_the_database_is_away(sms):  # noqa: F811
    """smpp.md hard case 37: none lost; the carrier hears 0x64 and delivers again."""
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.fault(hold_receipts=True)
    sms.room()
    sms.wait_state(made["message_id"], "accepted")
    with sms.world.connect() as locker:
        locker.autocommit = False
        with locker.cursor() as cur:
            cur.execute("lock table messaging.part in access exclusive mode")
            sms.fault(hold_receipts=False)
            sms.stats(deliver_retries=1)
        locker.rollback()
    sms.wait_state(made["message_id"], "delivered", 30)
    assert sms.stats()["deliver_refused"] == 0


# --- no answer (M4) ------------------------------------------------------------------------------
def test_dropped_response_is_unknown_then_the_receipt_settles_it(sms):  # noqa: F811
    reader = sms.reader()
    sms.fault(drop_resp=1)
    sms.room(response_timeout="1s")
    message = sms.notice(reader)
    sms.wait_state(message, "unknown")
    wait_until(lambda: sms.world.rows("select 1 from messaging.part where message_id is null"), "the receipt, as an orphan")
    sms.world.later("6 minutes")
    sms.world.call("messaging.match_orphans", "lab", 100)
    assert sms.state(message) == "delivered"
    assert sms.stats()["submits"] == 1


def test_late_response_names_its_part(sms):  # noqa: F811
    """smpp.md hard case 8."""
    reader = sms.reader()
    sms.fault(hold_resp=True, hold_receipts=True)
    sms.room(response_timeout="1s")
    message = sms.notice(reader)
    sms.wait_state(message, "unknown")
    sms.fault(hold_resp=False)
    sms.fault(hold_receipts=False)
    sms.wait_state(message, "delivered")
    assert sms.stats()["submits"] == 1


def test_link_lost_in_the_middle_of_a_message(sms):  # noqa: F811
    """smpp.md hard case 17: no duplicate, no lost part; the part without an answer waits for its receipt."""
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.fault(close_after_n=3)
    sms.room(window=1)
    sms.stats(accepted=5)
    sms.wait_state(made["message_id"], "unknown")
    assert sms.stats()["duplicate_parts"] == 0
    wait_until(lambda: sms.world.rows("select 1 from messaging.part where message_id is null"), "the receipt, as an orphan")
    sms.world.later("6 minutes")
    sms.world.call("messaging.match_orphans", "lab", 100)
    sms.wait_state(made["message_id"], "delivered")


def test_link_lost_with_a_full_window(sms):  # noqa: F811
    """What was written and never answered is not written again (M4); each part has its row."""
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.fault(close_after_n=2)
    sms.room()
    wait_until(lambda: len(sms.part_states(made["message_id"])) == 5, lambda: f"five parts: {sms.rooms[0].tail()}")
    message = sms.notice(sms.reader(OTHER))
    sms.wait_state(message, "delivered")
    assert sms.state(made["message_id"]) == "unknown"
    assert sms.stats()["duplicate_parts"] == 0


# --- the carrier says wait -----------------------------------------------------------------------
@pytest.mark.parametrize("nth", [1, 4])
def test_throttled_keeps_the_order_and_loses_nothing(sms, nth):  # noqa: F811
    """smpp.md hard case 16."""
    readers = [sms.reader(), sms.reader(OTHER)]
    book = sms.world.book()
    made = [sms.chapter(r, book) for r in readers]
    sms.fault(resp_status={"value": 0x58, "count": nth})
    sms.room(window=1)
    for one in made:
        sms.wait_state(one["message_id"], "delivered", 40)
    log = sms.smsc.control("GET", "/parts")["parts"]
    first = [p for p in log if p["to"].lstrip("+") == NUMBER[1:]]
    assert log[:5] == first, "the second message overtook the first"
    assert sms.stats()["duplicate_parts"] == 0 and sms.stats()["accepted"] == 10


def test_queue_full_for_a_moment_is_tried_again(sms):  # noqa: F811
    reader = sms.reader()
    sms.fault(resp_status={"value": 0x14, "count": 2})
    sms.room()
    sms.wait_state(sms.notice(reader), "delivered")
    assert sms.stats()["accepted"] == 1


def test_wrong_number_fails_once_and_stops_the_rest(sms):  # noqa: F811
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.fault(resp_status={"value": 0x0B, "count": 100})
    sms.room(window=1)
    sms.wait_state(made["message_id"], "failed")
    assert sms.stats()["submits"] == 1


# --- STOP (M3) -----------------------------------------------------------------------------------
def test_stop_while_parts_are_queued(sms):  # noqa: F811
    """smpp.md hard case 31: nothing after the confirmation."""
    reader = sms.reader()
    made = sms.chapter(reader, sms.world.book())
    sms.room(rate=1, burst=1)
    sms.stats(accepted=1)
    assert sms.type("stop.") == [0]
    confirmation = sms.texts(contains="recevrez")[0]
    sms.wait_state(made["message_id"], "partial")
    log = sms.parts()
    assert log[-1]["id"] == confirmation["parts"][0]["id"]
    assert 1 < len(log) < 6
    count = len(log)
    sms.notice(sms.reader(OTHER))
    sms.texts(OTHER)
    assert len(sms.parts()) == count


# --- keywords ------------------------------------------------------------------------------------
def test_keywords_run_and_are_answered(sms):  # noqa: F811
    book = sms.world.book()
    code = sms.world.value("select code from catalog.book where id = %s", book)
    sms.room()
    assert sms.type("Aide") == [0]
    assert "SUITE" in sms.texts()[0]["text"]
    assert sms.type(f"liré {code}") == [0]
    assert "Chapitre 1" in sms.texts(count=2)[1]["text"]
    message = sms.world.value("select id from messaging.message where kind = 'instalment'")
    sms.wait_state(message, "delivered")
    assert sms.type("« Suite ! »") == [0]
    sms.texts(count=3)
    assert sms.world.value("select count(*) from messaging.message where kind = 'instalment'") == 2
    assert sms.type("STOP") == [0]
    assert "START" in sms.texts(contains="recevrez")[0]["text"]
    assert sms.world.value("select stopped_at is not null from auth.identity")


def test_long_text_from_a_reader_is_joined(sms):  # noqa: F811
    sms.room()
    assert set(sms.type("Aide " + "je ne comprends pas " * 20, reverse=True)) == {0}
    sms.texts()
    assert sms.world.value("select count(*) from messaging.inbound") == 1
    assert sms.world.value("select outcome from messaging.inbound") == "help"


# --- two processes, one account ------------------------------------------------------------------
def test_owner_dies_and_the_other_takes_over(sms):  # noqa: F811
    """smpp.md hard cases 18 and 40: one bind at a time, no part twice."""
    readers = [sms.reader(f"+22507010203{n:02}") for n in range(6)]
    book = sms.world.book()
    first = sms.room("a:0", rate=20, lease="2s")
    sms.room("b:0", wait=False, rate=20, lease="2s")
    for reader in readers:
        sms.chapter(reader, book)
    sms.stats(accepted=7)
    assert sms.stats()["bound"] == 1
    first.kill()
    wait_until(lambda: sms.stats()["bind_attempts"] >= 2, "the other to bind")
    late = sms.notice(sms.reader(OTHER))
    sms.wait_state(late, "delivered")
    wait_until(lambda: not sms.world.rows("select 1 from messaging.message where state in ('queued', 'sending')"), "the outbox to be empty")
    assert sms.stats()["duplicate_parts"] == 0 and sms.stats()["bound"] == 1


def test_orderly_end_hands_back_what_was_not_begun(sms):  # noqa: F811
    readers = [sms.reader(f"+22507010203{n:02}") for n in range(4)]
    book = sms.world.book()
    made = [sms.chapter(r, book)["message_id"] for r in readers]
    first = sms.room("a:0", rate=40, burst=1, window=1)
    sms.stats(accepted=2)
    first.end()
    assert not sms.world.rows("select 1 from messaging.message where state in ('sending', 'unknown')")
    sms.room("b:0")
    for message in made:
        sms.wait_state(message, "delivered", 30)
    assert sms.stats()["duplicate_parts"] == 0 and sms.stats()["accepted"] == 20
