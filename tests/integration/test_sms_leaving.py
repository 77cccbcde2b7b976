# SPDX-License-Identifier: Apache-2.0
"""A room that drains: what it still takes from the carrier."""
import signal

from smsworld import sms  # noqa: F401
from sqlfixtures import sql_server  # noqa: F401
from support import wait_until


def test_receipts_are_taken_while_a_response_is_awaited(sms):  # noqa: F811
    """Expected: a part in flight keeps the room, and meanwhile it takes the receipts of others."""
    reader = sms.reader()
    sms.fault(hold_receipts=True)
    room = sms.room()
    first = sms.notice(reader)
    sms.wait_state(first, "accepted")
    sms.fault(hold_resp=True, receipt_delay_ms=60000)
    second = sms.notice(reader)
    sms.stats(submits=2)
    room.signal(signal.SIGTERM)
    wait_until(lambda: room.has_logged("draining"), "the room to leave")
    sms.fault(hold_receipts=False)
    sms.wait_state(first, "delivered")
    sms.fault(hold_resp=False)
    sms.rooms.pop().end()
    assert (sms.state(first), sms.state(second)) == ("delivered", "accepted")
