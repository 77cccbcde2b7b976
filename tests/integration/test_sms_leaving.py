# SPDX-License-Identifier: Apache-2.0
"""A room that drains: what it still takes from the carrier, and what it leaves there for the next."""
from smsworld import sms  # noqa: F401
from sqlfixtures import sql_server  # noqa: F401
from support import wait_until

COPIES = 20000


def leave(sms):  # noqa: F811
    sms.rooms.pop().end()


def test_receipts_that_a_room_leaves_behind_come_to_the_next(sms):  # noqa: F811
    """Expected: the room unbinds over a queue of receipts and refuses none; the next is given every one of them."""
    sms.fault(duplicate_receipt=COPIES - 1, deliver_window=1000)  # two batches' worth: there is always another
    sms.room()
    message = sms.notice(sms.reader())
    sms.wait_state(message, "delivered")
    leave(sms)
    left = sms.stats()
    assert left["deliver_acked"] < COPIES and left["deliver_queued"] > 0, left
    assert left["deliver_refused"] == 0 and left["unbinds"] == 1
    sms.room()
    wait_until(lambda: sms.stats()["deliver_acked"] == COPIES, lambda: f"the rest: {sms.stats()}", 90)
    assert sms.stats()["accepted"] == 1 and sms.state(message) == "delivered"


def test_receipts_are_taken_while_a_response_is_awaited(sms):  # noqa: F811
    """Expected: a part in flight keeps the room, and meanwhile it takes the receipts of others."""
    reader = sms.reader()
    sms.fault(receipt_delay_ms=1000)
    sms.room(response_timeout="10s")
    first = sms.notice(reader)
    sms.wait_state(first, "accepted")
    sms.fault(resp_delay_ms=3000, receipt_delay_ms=60000)
    second = sms.notice(reader)
    sms.stats(submits=2)
    leave(sms)
    assert (sms.state(first), sms.state(second)) == ("delivered", "accepted")
