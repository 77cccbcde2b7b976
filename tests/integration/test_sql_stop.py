# SPDX-License-Identifier: Apache-2.0
"""M3 at one moment with what ends: STOP beside a refusal, beside the ends of two messages, beside who sends again."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from database import Held
from sqlfixtures import *  # noqa: F401,F403
from support import wait_until


def notice(world, reader):
    return world.one("messaging.enqueue", reader["identity_id"], "notice", "fr", "help", {}, None)["message_id"]


def state(world, message):
    return world.value("select state from messaging.message where id = %s", message)


def record(world, account, message, status, conn=None):
    world.call("messaging.record", account, 1, [{"m": message, "no": 1, "of": 1, "status": status, "code": 0}], conn=conn)


def waiting(world):
    return world.value("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")


def test_stop_cancels_what_a_refusal_gives_back_meanwhile(world):
    """STOP has looked at the queue and waits for a row of it; by the time it flags what is being sent, the refused message
    is queued: neither cancelled nor flagged, it left a quarter of a minute after the reader was told."""
    reader = world.dial()
    refused = notice(world, reader)
    world.claim_sms()
    queued = notice(world, reader)
    a, b = world.connect(), world.connect()
    with ThreadPoolExecutor(2) as pool:
        with Held(world.url, f"select 1 from messaging.message where id = {queued} for update"):
            stop = pool.submit(world.one, "auth.stop", reader["identity_id"], "s", conn=a)
            wait_until(lambda: waiting(world) > 0, "STOP to wait")
            answer = pool.submit(record, world, "lab", refused, "retry", b)
            wait_until(lambda: answer.done() or waiting(world) > 1, "the refusal to be recorded or to wait")
        stop.result()
        answer.result()
    assert (state(world, refused), state(world, queued)) == ("cancelled", "cancelled")
    world.later("1 hour")
    assert [m["kind"] for m in world.claim_sms()] in ([], ["reply"])
    a.close()
    b.close()


def test_two_that_end_at_once_release_the_confirmation(world):
    """Each saw the other still being sent: the confirmation of STOP was held for ever."""
    world.rows("insert into messaging.account (name) values ('other')")
    reader = world.dial()
    first, second = notice(world, reader), notice(world, reader)
    world.rows("update messaging.message set account = 'other' where id = %s", second)
    world.claim_sms()
    world.claim_sms(account="other")
    confirmation = world.one("auth.stop", reader["identity_id"], "s")["message_id"]
    a, b = world.connect(), world.connect()
    a.autocommit = False
    record(world, "lab", first, "cancelled", conn=a)
    with ThreadPoolExecutor(1) as pool:
        ends = pool.submit(record, world, "other", second, "cancelled", b)
        wait_until(lambda: ends.done() or waiting(world) > 0, "the second to end or to wait")
        a.commit()
        ends.result()
    assert world.value("select due_at <= ops.now() from messaging.message where id = %s", confirmation)
    a.close()
    b.close()


@pytest.mark.parametrize("again", ["select * from messaging.settle_unknown('lab', 10)",
                                   "select * from messaging.outbox_decide('w', 'requeue', array[{m}]::bigint[])"])
def test_stop_waits_for_who_sends_an_unknown_one_again(world, again):
    """STOP passed by the row that a policy, or an operator, was putting back into the queue: it left after the confirmation."""
    world.rows("update messaging.unknown_policy set action = 'resend', after = '1 minute', max = 3 where kind = 'notice'")
    reader = world.dial()
    m = notice(world, reader)
    world.claim_sms()
    record(world, "lab", m, "unknown")
    world.later("2 minutes")
    a, b = world.connect(), world.connect()
    a.autocommit = False
    world.rows(again.format(m=m), conn=a)
    with ThreadPoolExecutor(1) as pool:
        stop = pool.submit(world.one, "auth.stop", reader["identity_id"], "s", conn=b)
        wait_until(lambda: stop.done() or waiting(world) > 0, "STOP to end or to wait")
        a.commit()
        stop.result()
    assert state(world, m) == "cancelled"
    assert [x["kind"] for x in world.claim_sms()] == ["reply"]
    a.close()
    b.close()
