# SPDX-License-Identifier: Apache-2.0
"""A room that drains: what it still takes from the carrier."""
from smsworld import sms  # noqa: F401
from sqlfixtures import sql_server  # noqa: F401


def leave(sms):  # noqa: F811
    sms.rooms.pop().end()


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
