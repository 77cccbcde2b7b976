# SPDX-License-Identifier: Apache-2.0
"""The outbox in bulk: a batch of which one row is odd, old messages found without an index of their birth, a lost claim."""
import json

import psycopg2
import pytest

from sqlfixtures import *  # noqa: F401,F403
from test_sql_messaging import notice, state


def test_one_odd_outcome_among_many(world):
    """A batch whose parts are new but for one that its receipt was faster than, and receipts of which one is a stranger's."""
    reader = world.dial()
    ids = [notice(world, reader)["message_id"] for _ in range(6)]
    world.claim_sms()
    assert world.receipt("r3") == []
    rows = [{"m": m, "no": 1, "of": 1, "ref": f"r{k}", "status": "accepted", "code": 0} for k, m in enumerate(ids)]
    for _ in range(2):  # the second: its answer was lost
        world.call("messaging.record", "lab", 1, rows)
        assert [state(world, m) for m in ids] == ["accepted"] * 3 + ["delivered"] + ["accepted"] * 2
        assert world.value("select count(*) from messaging.part") == 6
    world.call("messaging.receipts", "lab", [{"ref": f"r{k}", "alt": [], "state": "DELIVRD", "err": 0} for k in (0, 1, 9, 4)]
               + [{"ref": "r1", "alt": [], "state": "UNDELIV", "err": 5}])
    assert [state(world, m) for m in ids] == ["delivered", "delivered", "accepted", "delivered", "delivered", "accepted"]
    assert world.rows("select ref from messaging.part where message_id is null") == [{"ref": "r9"}]


def test_old_messages_are_found_by_their_number(world):
    reader = world.dial()
    world.rows("insert into messaging.message (account, identity_id, kind, priority, state, body, lang, due_at, expires_at, created_at)"
               " select 'lab', %s, 'notice', 2, 'delivered', 'x', 'fr', t, t, t"
               " from (select ops.now() - n * interval '1 day' + interval '6 hours' as t from generate_series(200, 1, -1) n) d", reader["identity_id"])
    world.rows("insert into messaging.part (account, ref, message_id, no, state, at)"
               " select 'lab', 'r' || id, id, 1, 'delivered', created_at from messaging.message")
    for days in (300, 200, 120, 1, 0):
        want = world.value("select count(*) from messaging.message where created_at >= ops.now() - %s * interval '1 day'", days)
        assert world.value("select count(*) from messaging.message where id >= messaging.first_since(ops.now() - %s * interval '1 day')", days) == want
    world.value("select messaging.count_deliveries()")  # nothing leaves uncounted
    assert world.value("select ops.expire_rows(50)") == 50 and world.value("select ops.expire_rows(1000)") == 60
    assert world.value("select count(*) from messaging.message") == 90 == world.value("select count(*) from messaging.part")
    assert world.value("select min(created_at) > ops.now() - interval '90 days' from messaging.message")


def test_wait_of_a_part_is_told_once(world):
    """From the response to the first final receipt, in whatever form of the id; an orphan waited for nothing."""
    ids = [notice(world, world.dial())["message_id"] for _ in range(3)]
    world.claim_sms()
    world.accept(ids[0], "plain")
    world.accept(ids[1], "255")
    world.receipt("early")
    world.accept(ids[2], "early")
    world.later("90 s")

    def waits(*receipts):
        rows = [{"ref": ref, "alt": alt, "state": word, "err": 0} for ref, alt, word in receipts]
        return [round(r["w"] / 1000) for r in world.rows("select messaging.receipts_waits('lab', %s::jsonb) as w", json.dumps(rows))]

    assert waits(("plain", [], "ENROUTE")) == []
    assert waits(("plain", [], "DELIVRD"), ("ff", ["255"], "UNDELIV"), ("early", [], "DELIVRD"), ("nobodys", [], "DELIVRD")) == [90, 90]
    assert waits(("plain", [], "DELIVRD"), ("ff", ["255"], "DELIVRD"), ("nobodys", [], "DELIVRD")) == []
    assert [state(world, m) for m in ids] == ["delivered", "failed", "delivered"]


def test_what_a_lost_claim_took_is_handed_back_also_while_it_runs(world):
    """Asked before the claim's commit, it saw nothing to hand back, and the rows were 'sending' until another came (M1)."""
    made = notice(world, world.dial())["message_id"]
    other = world.connect()
    other.autocommit = False
    assert [r["message_id"] for r in world.claim_sms(conn=other)] == [made]
    world.rows("set statement_timeout = '200ms'")
    with pytest.raises(psycopg2.errors.QueryCanceled):
        world.value("select messaging.hand_back('lab', 'w:1', 1, '{}')")
    world.rows("reset statement_timeout")
    other.commit()
    other.close()
    assert world.value("select messaging.hand_back('lab', 'w:1', 1, '{}')") == 1
    assert state(world, made) == "queued"
