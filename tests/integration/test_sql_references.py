# SPDX-License-Identifier: Apache-2.0
"""Receipts that give our own name of a part back (user_message_reference): they find it without its response. And ids that
another reading makes the id of another part."""
import json
import threading

import pytest

from sqlfixtures import sql_server, world  # noqa: F401
from sqlworld import key
from support import wait_until

NUMBER = "+2250501020304"


def unknown_notices(world, count):  # noqa: F811
    """Messages of one phone whose sender died before any response was recorded."""
    reader = world.dial(NUMBER)
    made = [world.one("messaging.enqueue", reader["identity_id"], "notice", "fr", "help", {}, None)["message_id"] for _ in range(count)]
    world.claim_sms()
    world.one("messaging.recover", "lab", 2)
    return made


def named_receipt(world, ref, message, no=1):  # noqa: F811
    own = world.value("select messaging.part_reference(%s, %s)", message, no)
    return world.call("messaging.receipts", "lab", [
        {"ref": ref, "alt": [], "state": "DELIVRD", "err": 0, "number_lookup": key(NUMBER).hex(), "own": own}])


def test_a_receipt_while_the_account_is_taken_over_finds_its_part(world):  # noqa: F811
    """Found as a text whose receipt came between the bind and the end of messaging.recover: each missed the other, and
    it stayed unknown for five minutes. Here the receipt is not committed yet when the takeover begins."""
    reader = world.dial(NUMBER)
    m = world.one("messaging.enqueue", reader["identity_id"], "notice", "fr", "help", {}, None)["message_id"]
    world.claim_sms()
    own = world.value("select messaging.part_reference(%s, 1)", m)
    receipt = [{"ref": "z", "alt": [], "state": "DELIVRD", "err": 0, "number_lookup": key(NUMBER).hex(), "own": own}]
    other = world.connect()
    other.autocommit = False
    with other.cursor() as cur:
        cur.execute("select * from messaging.receipts('lab', %s)", (json.dumps(receipt),))
        taken_over = threading.Thread(target=lambda: world.one("messaging.recover", "lab", 2))
        taken_over.start()
        wait_until(lambda: not taken_over.is_alive() or waits_for_a_lock(cur), "the takeover to end or to wait")
        other.commit()
    taken_over.join()
    other.close()
    assert states(world, m) == ["delivered"]


def waits_for_a_lock(cur):
    cur.execute("select exists (select 1 from pg_locks where locktype = 'advisory' and not granted)")
    return cur.fetchone()[0]


def states(world, *messages):  # noqa: F811
    return [world.value("select state from messaging.message where id = %s", m) for m in messages]


def test_rule_is_that_of_compose_reference(world):  # noqa: F811
    assert world.row("select messaging.part_reference(1, 1) as a, messaging.part_reference(255, 2) as b,"
                     " messaging.part_reference(281474976710655, 255) as c") == {"a": 259, "b": 3, "c": 256}


def test_receipt_of_a_lost_response_went_to_the_oldest_message_of_the_phone(world):  # noqa: F811
    """smpp.md hard cases 17, 18: found by the chaos run. The carrier has only the second: so says the outbox."""
    first, second = unknown_notices(world, 2)
    named_receipt(world, "z", second)
    assert states(world, first, second) == ["unknown", "delivered"]
    assert world.value("select ref from messaging.part where message_id = %s", second) == "z"


def test_named_receipt_comes_before_the_outcome_is_recorded(world):  # noqa: F811
    """smpp.md hard case 11: it waits as an orphan and is met by the record, not five minutes later."""
    reader = world.dial(NUMBER)
    (m,) = (world.one("messaging.enqueue", reader["identity_id"], "notice", "fr", "help", {}, None)["message_id"],)
    world.claim_sms()
    named_receipt(world, "z", m)
    assert states(world, m) == ["sending"]
    world.call("messaging.record", "lab", 1, [{"m": m, "no": 1, "of": 1, "ref": None, "status": "unknown", "code": 0}])
    assert states(world, m) == ["delivered"]


def test_named_receipt_of_another_part_is_not_a_guess(world):  # noqa: F811
    """After five minutes a receipt without a name is guessed; one with the name of a part we do not miss is not."""
    (m,) = unknown_notices(world, 1)
    named_receipt(world, "z", m + 1)
    world.later("6 minutes")
    assert world.value("select messaging.match_orphans('lab', 10)") == 0
    assert world.value("select messaging.adopt_orphans(%s)", m) == 0
    assert states(world, m) == ["unknown"]


def two_readers(world):  # noqa: F811
    """Each with a message that is being sent."""
    made = []
    for number in (NUMBER, NUMBER[:-1] + "5"):
        reader = world.dial(number)
        made.append(world.one("messaging.enqueue", reader["identity_id"], "notice", "fr", "help", {}, None)["message_id"])
    world.claim_sms()
    return made


@pytest.mark.parametrize("receipt_first", [True, False])
def test_another_reading_of_the_id_is_not_another_readers_part(world, receipt_first):  # noqa: F811
    """smpp.md hard case 12: a carrier counts its ids in decimal; 256, read as hexadecimal, is 598, which is another phone's.
    The receipt of 256 came before its response: it ended that other part, and its own was accepted for ever."""
    one, two = two_readers(world)
    lookup = key(NUMBER[:-1] + "5")
    if receipt_first:
        world.receipt("256", "UNDELIV", lookup=lookup, alt=["100", "598"])
    world.accept(one, "598")
    if not receipt_first:
        world.receipt("256", "UNDELIV", lookup=lookup, alt=["100", "598"])
    assert states(world, one) == ["accepted"]
    world.accept(two, "256")
    world.receipt("598", lookup=key(NUMBER), alt=["256"])
    assert states(world, one, two) == ["delivered", "failed"]


def test_a_receipt_that_names_nobody_we_know_is_found_by_any_reading(world):  # noqa: F811
    """Some carriers mask the phone, or write the sender in its place."""
    one, two = two_readers(world)
    world.accept(one, "598")
    world.receipt("256", lookup=None, alt=["598"])
    world.receipt("100", lookup=key("+2252626"), alt=["256"])
    world.accept(two, "256")
    assert states(world, one, two) == ["delivered", "delivered"]


def without_an_id(world, message, state="DELIVRD", number=NUMBER, no=1):  # noqa: F811
    own = world.value("select messaging.part_reference(%s, %s)", message, no)
    world.call("messaging.receipts", "lab", [{"state": state, "err": 0, "number_lookup": key(number).hex(), "own": own}])


@pytest.mark.parametrize("answered", [True, False])
def test_a_receipt_without_an_id_finds_its_part_by_our_name(world, answered):  # noqa: F811
    """Found as receipts told to be unreadable: they carried user_message_reference and no message id."""
    first, second = unknown_notices(world, 2)
    if answered:
        world.accept(first, "r")
    without_an_id(world, first)
    without_an_id(world, first, "UNDELIV")  # the first final state stays
    assert states(world, first, second) == ["delivered", "unknown"]
    without_an_id(world, second, number="+2250700000000")  # another phone: not this part
    without_an_id(world, second, "ENROUTE")
    assert states(world, first, second) == ["delivered", "unknown"]


def test_a_receipt_without_an_id_waits_for_its_response(world):  # noqa: F811
    reader = world.dial(NUMBER)
    m = world.one("messaging.enqueue", reader["identity_id"], "notice", "fr", "help", {}, None)["message_id"]
    world.claim_sms()
    without_an_id(world, m)
    without_an_id(world, m)
    world.accept(m, "r")
    assert states(world, m) == ["accepted"]
    world.later("6 minutes")
    assert world.value("select messaging.match_orphans('lab', 10)") == 1
    assert states(world, m) == ["delivered"]
    assert world.rows("select ref from messaging.part") == [{"ref": "r"}]


def chapter(world, reader, book):  # noqa: F811
    return world.one("messaging.enqueue_instalment", reader["user_id"], reader["identity_id"], book, None)


def test_a_payload_whose_sender_died_is_one_part(world):  # noqa: F811
    """Found as a chapter that stayed unknown though its one part was delivered: recovery made a place for each segment."""
    reader, book = world.dial(), world.book()
    world.one("messaging.take_over", "lab", 1, True)
    m = world.row("select * from messaging.message where id = %s", chapter(world, reader, book)["message_id"])
    assert m["segments"] > 1
    world.claim_sms(epoch=1)
    assert world.one("messaging.take_over", "lab", 2, False)["recovered"] == 1
    own = world.value("select messaging.part_reference(%s, 1)", m["id"])
    world.call("messaging.receipts", "lab", [{"ref": "z", "state": "DELIVRD", "err": 0, "own": own,
                                              "number_lookup": key(NUMBER).hex()}])
    assert states(world, m["id"]) == ["delivered"]


def test_a_link_that_cuts_texts_again_counts_their_parts(world):  # noqa: F811
    """What was given back to the queue under the old way, and what waits; an older holder says nothing more."""
    reader, book = world.dial(), world.book()
    world.one("messaging.take_over", "lab", 1, True)
    m = world.row("select * from messaging.message where id = %s", chapter(world, reader, book)["message_id"])
    world.claim_sms(epoch=1)
    world.call("messaging.record", "lab", 1, [{"m": m["id"], "no": 1, "of": 1, "status": "retry", "code": 88}])
    world.one("messaging.take_over", "lab", 2, False)
    world.one("messaging.take_over", "lab", 1, True)
    world.later("1 minute")
    assert [x["message_id"] for x in world.claim_sms(epoch=2)] == [m["id"]]
    assert world.value("select parts from messaging.message where id = %s", m["id"]) == m["segments"]
