# SPDX-License-Identifier: Apache-2.0
"""Test numbers and their rails; a carrier's figures by day, kept when the log of hops has gone; one dialogue's trace."""
import json

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import key

NUMBER = "+2250501020304"


def set_test(world, on=True, number=NUMBER):
    return world.value("select billing.test_number_set(%s, %s, 'the bench', 'awa')", key(number), on)


def no_lab(world):
    world.rows("update billing.rail set lab = false")


def test_a_test_number_meets_no_rail_but_the_labs(world):  # hard case 43
    reader, other = world.dial(NUMBER), world.dial("+2250501020399")
    assert set_test(world) == "set" and set_test(world) == "there"
    assert world.start(reader)["outcome"] == "created", "the demo's rail is the lab's"
    world.rows("update billing.charge set state = 'EXPIRED', due_at = null")
    no_lab(world)
    assert world.start(reader)["outcome"] == "no_rail"
    assert world.start(other)["outcome"] == "created", "any other number is a reader's"
    assert set_test(world, False) == "set" and set_test(world, False) == "none"
    assert world.start(reader)["outcome"] == "created"


def test_the_labs_rail_comes_before_none(world):
    """Two rails of a network: the test number has the one that is the lab's, whatever its turn."""
    reader = world.dial(NUMBER)
    set_test(world)
    no_lab(world)
    world.rows("update billing.rail set enabled = true, lab = true where code = 'wave'")
    assert world.start(reader)["rail"] == "wave"


def test_a_number_that_becomes_one_before_the_submit_is_not_charged(world):
    no_lab(world)
    reader = world.dial(NUMBER)
    charge = world.start(reader)["charge_id"]
    set_test(world)
    world.later("1 minute")
    assert world.call("billing.claim_rail_work", "w:1", 1, 10) == []
    row = world.row("select state, reason, due_at, attempts from billing.charge where id = %s", charge)
    assert row == {"state": "EXPIRED", "reason": "a test number", "due_at": None, "attempts": 0}
    assert world.rows("select * from billing.attempt") == []
    assert [a["kind"] for a in world.rows("select kind from ops.audit where kind like 'alert%%'")] == ["alert.charge_of_test_number"]
    assert len(world.messages(reader)) == 1, "and its holder is told"


def test_what_was_sent_is_asked_about_all_the_same(world):  # M4
    no_lab(world)
    reader = world.dial(NUMBER)
    world.start(reader)
    assert world.claim_one()["action"] == "submit"
    set_test(world)
    assert world.claim_one()["action"] == "poll"


def test_who_said_so_is_in_the_audit_and_the_number_is_not(world):
    set_test(world)
    row = world.row("select actor, kind, subject, detail::text from ops.audit where kind = 'billing.test_number'")
    assert row["actor"] == "awa" and key(NUMBER).hex() not in json.dumps(row)


# --- usage ---------------------------------------------------------------------------------------

def put(world, *rows):
    """(session, kind, from, screen, ended, ms): hubtel, a second apart, from ops.now() on."""
    now = world.value("select floor(extract(epoch from now()) * 1000000)::bigint")
    world.value("select ops.hops_put(%s)", json.dumps([
        {"at": now + n * 1_000_000, "session": f"{r[0]:016x}", "n": n, "carrier": "hubtel", "country": "GH", "lang": "en", "from": r[2],
         "screen": r[3], "kind": r[1], "ended": r[4], "ms": r[5]} for n, r in enumerate(rows, 1)]))


def usage(world):
    return [tuple(r.values())[2:] for r in world.rows("select * from ops.carrier_usage(ops.now()::date)")]


def test_a_day_is_a_row_and_stays_when_the_log_has_gone(world):
    """Two days in the middle of a month, then the next of them, then the log is gone, then another month."""
    world.rows("update ops.clock set shift = date_trunc('month', now()) + interval '14 days 12 hours' - now()")
    put(world, (1, "begin", "", "home", False, 3), (1, "answered", "home", "bye", True, 9), (2, "begin", "", "home", False, 5),
        (2, "abort", "home", "", False, 1))
    world.later("1 day")
    put(world, (3, "begin", "", "home", False, 4), (3, "failed", "home", "", False, 40))
    want = [(2, 1, 1, 0, 4, 3, 9), (1, 0, 0, 1, 2, 4, 40)]  # sessions ended dropped failed hops half most
    assert usage(world) == want
    assert world.value("select ops.carrier_days_keep()") == 1, "today is not over"
    assert usage(world) == want, "no day counts twice"
    world.later("1 day")
    assert world.value("select ops.carrier_days_keep()") == 1 and world.value("select ops.carrier_days_keep()") == 0
    world.rows("delete from ops.hop")
    assert usage(world) == want
    world.later("1 month")
    assert usage(world) == []


def test_the_daily_job_keeps_days_before_it_drops_them(world):
    put(world, (1, "begin", "", "home", False, 3))
    world.later("3 days")
    world.value("select ops.hop_days(1)")
    assert world.value("select count(*) from ops.hop") == 0
    assert world.value("select sum(sessions) from ops.carrier_day") == 1


def test_a_trace_is_one_dialogue_without_its_reader(world):
    put(world, (1, "begin", "", "home", False, 3), (2, "begin", "", "home", False, 3), (1, "answered", "home", "help", False, 7))
    rows = world.rows("select * from ops.hop_trace('hubtel', (select max(at) from ops.hop))")
    assert [(r["session"], r["ms"], r["kind"], r["screen"], r["ours_ms"]) for r in rows] == [
        (f"{1:016x}", 0, "begin", "home", 3), (f"{1:016x}", 2000, "answered", "help", 7)]
    assert world.rows("select * from ops.hop_trace('hubtel', (select min(at) - interval '1 second' from ops.hop))") == []
    assert world.rows("select * from ops.hop_trace('orange_xhtml', ops.now())") == []
