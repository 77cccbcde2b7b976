# SPDX-License-Identifier: Apache-2.0
"""Readers' rules in SQL: keywords, the consent ledger, pauses, instalments sent again (M3, S2)."""
import pytest

from sqlfixtures import *  # noqa: F401,F403
from test_sql_messaging import chapter, place, say, state


def ledger(world):
    return [(c["what"], c["way"], c["granted"], c["text_key"]) for c in world.rows("select * from auth.consent order by id")]


def delivered(world, reader, book):
    """One instalment, all the way."""
    m = world.row("select * from messaging.message where id = %s", chapter(world, reader, book)["message_id"])
    world.claim_sms()
    world.accept(m["id"], f"r{m['id']}", parts=m["segments"])
    for n in range(m["segments"]):
        world.receipt(f"r{m['id']}" + "bcdefghij"[n - 1:n] if n else f"r{m['id']}")
    assert state(world, m["id"]) == "delivered"
    return m


@pytest.mark.parametrize("word", ["STOP", "stop", "Arrêt", "ARRET", "désabo", "DESABO", "annuler", "ANNULÉR"])
def test_every_word_of_stop(world, word):
    reader = world.dial()
    assert say(world, reader, word)["outcome"] == "stopped"
    assert ledger(world) == [("stop", "sms", False, "stop_done")]


def test_stop_keeps_what_is_paid(world):
    reader = world.dial()
    world.buy(reader)
    before = world.rows("select * from billing.entitlement")
    assert say(world, reader, "STOP")["outcome"] == "stopped"
    assert world.rows("select * from billing.entitlement") == before
    assert world.one("billing.my_pass", reader["user_id"], "fr")["outcome"] == "active"


def test_hard_case_31_stop_while_queued_sending_and_in_retry(world):
    """STOP with one book queued, one in flight, one in retry: queued and retried are cancelled, the flagged one is told to the
    sender, and the confirmation leaves only when it is over."""
    reader = world.dial()
    retry, flying, queued = (world.book(s) for s in ("un", "deux", "trois"))
    ids = [chapter(world, reader, b)["message_id"] for b in (retry, flying)]
    world.claim_sms()
    world.call("messaging.record", "lab", 1, [{"m": ids[0], "no": 1, "of": 1, "status": "retry", "code": 88}])
    ids.append(chapter(world, reader, queued)["message_id"])
    assert [state(world, i) for i in ids] == ["queued", "sending", "queued"]
    assert say(world, reader, "STOP")["outcome"] == "stopped"
    assert [state(world, i) for i in ids] == ["cancelled", "sending", "cancelled"]
    assert place(world, reader, retry) == place(world, reader, queued) == (1, 0)
    world.later("1 hour")
    assert world.claim_sms() == []
    # The carrier refuses the one in flight for now: it is not tried again.
    world.call("messaging.record", "lab", 1, [{"m": ids[1], "no": 1, "of": 1, "status": "retry", "code": 88}])
    assert state(world, ids[1]) == "cancelled"
    assert "plus nos SMS" in world.messages(reader, "reply")[-1]["body"]


def test_pause_and_its_end(world):
    reader, book = world.dial(), world.book()
    m = chapter(world, reader, book)["message_id"]
    assert say(world, reader, "pause")["outcome"] == "paused"
    assert state(world, m) == "cancelled" and place(world, reader, book) == (1, 0)
    assert say(world, reader, "PAUSE")["outcome"] == "already"
    assert say(world, reader, "SUITE")["outcome"] == "queued"  # asked for: it comes
    assert say(world, reader, "Reprendre")["outcome"] == "started"
    assert say(world, reader, "RESUME")["outcome"] == "already"
    assert ledger(world) == [("pause", "sms", False, "pause_done"), ("resume", "sms", True, "start_done")]


def test_pause_waits_for_what_is_being_sent(world):  # M3
    reader, book = world.dial(), world.book()
    m = chapter(world, reader, book)["message_id"]
    world.claim_sms()
    assert say(world, reader, "PAUSE")["outcome"] == "paused"
    assert world.claim_sms() == [] and [x["message_id"] for x in world.call("messaging.cancelled", "lab")] == [m]
    parts = world.value("select segments from messaging.message where id = %s", m)
    world.accept(m, "r", parts=parts)
    assert ["pause" in x["body"] for x in world.claim_sms()] == [True]


def test_reprendre_ends_stop_too(world):
    reader = world.dial()
    world.one("auth.stop_by", reader["identity_id"], "s1", "ussd")
    assert say(world, reader, "REPRENDRE")["outcome"] == "started"
    assert world.value("select stopped_at from auth.identity") is None
    assert [(what, way) for what, way, _, _ in ledger(world)] == [("stop", "ussd"), ("start", "sms")]


def test_pause_by_step_runs_once(world):  # S2
    reader = world.dial()
    first = world.one("auth.pause_by", reader["identity_id"], "s1", "ussd")
    world.one("auth.start_again_by", reader["identity_id"], "s2", "ussd")
    assert world.one("auth.pause_by", reader["identity_id"], "s1", "ussd") == first
    assert world.value("select paused_at from auth.identity") is None


def test_repeat_sends_the_last_text_again_and_counts(world):
    reader, book = world.dial(), world.book()
    assert say(world, reader, "REPETER")["outcome"] == "none"
    m = delivered(world, reader, book)
    at = place(world, reader, book)
    got = say(world, reader, "répéter")
    again = world.row("select * from messaging.message where id = %s", got["message_id"])
    assert got["outcome"] == "queued" and (again["body"], again["repeats"]) == (m["body"], m["id"])
    assert place(world, reader, book) == at
    assert world.value("select segments from messaging.usage") == 2 * m["segments"]
    assert say(world, reader, "REPEAT")["outcome"] == "busy"


def test_repeat_that_fails_moves_nothing(world):
    reader, book = world.dial(), world.book()
    delivered(world, reader, book)
    at = place(world, reader, book)
    again = say(world, reader, "REPETER")["message_id"]
    world.claim_sms()
    world.call("messaging.record", "lab", 1, [{"m": again, "no": 1, "of": 1, "status": "failed", "code": 11}])
    assert state(world, again) == "failed" and place(world, reader, book) == at


def test_repeat_beyond_the_allowance(world):
    reader, book = world.dial(), world.book()
    m = delivered(world, reader, book)
    world.rows("update billing.plan set seg_day = %s where code = 'free'", 2 * m["segments"] - 1)
    assert say(world, reader, "REPETER")["outcome"] == "allowance"
    assert "quota" in world.messages(reader, "reply")[-1]["body"]


def test_repeat_by_step_runs_once(world):  # S2
    reader, book = world.dial(), world.book()
    delivered(world, reader, book)
    first = world.one("messaging.repeat_instalment", reader["user_id"], reader["identity_id"], "s1")
    assert first["outcome"] == "queued"
    assert world.one("messaging.repeat_instalment", reader["user_id"], reader["identity_id"], "s1") == first


def test_menu_tells_what_to_dial(world):
    reader = world.dial()
    world.rows("insert into messaging.dial_code values ('CI', '*26#')")
    assert say(world, reader, "menu")["outcome"] == "menu"
    assert "*26#" in world.messages(reader, "reply")[-1]["body"]


def test_ledger_and_effect_are_one_transaction(world):
    """A ledger that cannot be written leaves the reader as he was."""
    reader = world.dial()
    world.rows("alter table auth.consent add constraint shut check (what <> 'pause')")
    with pytest.raises(Exception, match="shut"):
        say(world, reader, "PAUSE")
    assert world.value("select paused_at from auth.identity") is None and world.messages(reader) == []
