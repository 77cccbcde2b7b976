# SPDX-License-Identifier: Apache-2.0
"""Two accounts, two message centres: what leaves by the second when the first cannot or will not."""
import pytest

from smsworld import NUMBER, sms  # noqa: F401
from sqlfixtures import *  # noqa: F401,F403
from support import Lab, wait_until


@pytest.fixture
def spare(sms):  # noqa: F811
    """The other message centre; account `spare` sends to it, after `lab`."""
    other = Lab("smsc.py", sms.folder / "spare.log", "--port", "0", "--control-port", "0")
    sms.world.rows("insert into messaging.account (name) values ('spare')")
    sms.world.rows("insert into messaging.route (country, network, account, prio) values ('*', '*', 'spare', 200)")
    sms.world.rows("update messaging.account set down_after = '1 hour'")
    try:
        yield other
    finally:
        other.stop()


def both(sms, spare):  # noqa: F811
    """A process for each account; both have told that their bind is up."""
    rooms = sms.room(), sms.room(owner="b:0", wait=False, port=spare.port, account="spare")
    wait_until(lambda: up(sms) == {"lab", "spare"}, lambda: f"both to be up: {rooms[1].tail()}", 30)
    return rooms


def up(sms):  # noqa: F811
    return {r["account"] for r in sms.world.rows("select account from messaging.account_health where up")}


def ids(smsc):
    return [p["message_id"] for p in smsc.control("GET", f"/parts?to={NUMBER[1:]}")["parts"]]


def test_a_dead_account_hands_its_queue_to_the_next_route(sms, spare):  # noqa: F811
    """Expected: what waits for the first goes whole by the second; nothing of it reaches the first, nothing is sent twice."""
    reader = sms.reader()
    both(sms, spare)
    first = sms.notice(reader)
    sms.wait_state(first, "delivered")
    sms.smsc.stop()
    chapter = sms.chapter(reader, sms.world.book())["message_id"]
    assert sms.world.value("select account from messaging.message where id = %s", chapter) == "lab"
    sms.world.rows("update messaging.account set down_after = '1 second' where name = 'lab'")
    sms.wait_state(chapter, "delivered", 60)
    got = sms.world.row("select account, parts from messaging.message where id = %s", chapter)
    assert got["account"] == "spare" and len(ids(spare)) == got["parts"] > 1
    later = sms.notice(reader)
    assert sms.world.value("select account from messaging.message where id = %s", later) == "spare"
    sms.wait_state(later, "delivered")


def test_33_number_ported_answers_0x0b_and_goes_by_the_other_with_a_new_id(sms, spare):  # noqa: F811
    """Expected: the first refuses every part; the second takes all; each part has one row, with the second's id."""
    reader = sms.reader()
    both(sms, spare)
    sms.fault(resp_status=0x0B, count=-1)
    chapter = sms.chapter(reader, sms.world.book())["message_id"]
    sms.wait_state(chapter, "delivered", 60)
    got = sms.world.row("select account, refused_by, parts from messaging.message where id = %s", chapter)
    assert got["account"] == "spare" and got["refused_by"] == "lab" and got["parts"] > 1
    assert sms.stats()["accepted"] == 0 and len(ids(spare)) == got["parts"]
    assert {r["account"] for r in sms.world.rows("select account from messaging.part where message_id = %s", chapter)} == {"spare"}


def test_a_message_leaves_under_the_sender_of_its_country(sms):  # noqa: F811
    """Expected: letters with TON 5, on every part, instead of the link's own."""
    sms.world.rows("insert into messaging.sender values ('lab', 'CI', 'alphanumeric', 'Coko', false)")
    reader = sms.reader()
    sms.room()
    chapter = sms.chapter(reader, sms.world.book())["message_id"]
    sms.wait_state(chapter, "delivered")
    assert {(p["from"], p["from_ton"]) for p in sms.parts()} == {("Coko", 5)}
