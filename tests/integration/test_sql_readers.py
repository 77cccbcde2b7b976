# SPDX-License-Identifier: Apache-2.0
"""Readers' rules in SQL: keywords, the consent ledger, pauses, instalments sent again, quiet hours, pace (M1, M3, S2)."""
from datetime import time

import pytest

from sqlfixtures import *  # noqa: F401,F403
from sqltest import SCHEMA
from sqlworld import key
from test_sql_messaging import chapter, notice, place, say, state


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
    world.rows("insert into messaging.dial_code values ('CI', '*26#') on conflict (country) do update set code = excluded.code")
    assert say(world, reader, "menu")["outcome"] == "menu"
    assert "*26#" in world.messages(reader, "reply")[-1]["body"]


def test_ledger_and_effect_are_one_transaction(world):
    """A ledger that cannot be written leaves the reader as he was."""
    reader = world.dial()
    world.rows("alter table auth.consent add constraint shut check (what <> 'pause')")
    with pytest.raises(Exception, match="shut"):
        say(world, reader, "PAUSE")
    assert world.value("select paused_at from auth.identity") is None and world.messages(reader) == []


# ---- quiet hours ----

def night(world, country="CI", zone="Africa/Abidjan", begin="21:00", end="07:00"):
    world.rows("insert into messaging.quiet_hours values (%s, %s, %s, %s)", country, zone, begin, end)


def at(world, moment):
    """Moves the clock of every rule to a moment."""
    world.rows("update ops.clock set shift = shift + (%s::timestamptz - ops.now())", moment)


@pytest.mark.parametrize("moment, end", [
    ("2026-06-01 20:59+00", None), ("2026-06-01 21:00+00", "2026-06-02 07:00+00"), ("2026-06-02 06:59+00", "2026-06-02 07:00+00"),
    ("2026-06-02 07:00+00", None)])
def test_quiet_hours_over_midnight(world, moment, end):
    night(world)
    assert world.value("select messaging.quiet_end('CI', %s) is not distinct from %s::timestamptz", moment, end)


@pytest.mark.parametrize("zone, moment, end", [
    ("Africa/Cairo", "2024-04-25 20:00+00", "2024-04-26 04:00+00"),       # 22:00 in winter time; the night is an hour short
    ("Africa/Cairo", "2024-10-31 19:30+00", "2024-11-01 05:00+00"),       # and one hour long
    ("Africa/Casablanca", "2024-03-09 22:00+00", "2024-03-10 07:00+00"),  # Ramadan: +01 becomes +00
    ("Africa/Casablanca", "2024-04-13 22:00+00", "2024-04-14 06:00+00")])
def test_hard_case_32_the_clock_jumps_in_quiet_hours(world, zone, moment, end):
    """Expected: the quiet hours end when the wall shows 07:00, whatever the night's length."""
    night(world, zone=zone)
    assert world.value("select messaging.quiet_end('CI', %s) = %s::timestamptz", moment, end)


def test_notice_in_quiet_hours_waits_and_the_rest_does_not(world):
    reader = world.dial()
    night(world)
    at(world, "2030-06-01 23:00+00")
    held = notice(world, reader)["message_id"]
    free = [notice(world, reader, kind=k)["message_id"] for k in ("reply", "receipt")]
    assert [m["message_id"] for m in world.claim_sms()] == free
    at(world, "2030-06-02 07:00:01+00")
    (m,) = world.claim_sms()
    assert m["message_id"] == held and m["validity_s"] <= 14 * 3600


def test_hard_case_32_quiet_hours_overtake_a_queue(world):
    """Expected: the validity ends as the quiet hours begin; what was not written by then waits for their end and is not lost."""
    reader = world.dial()
    night(world)
    at(world, "2030-06-01 20:30+00")
    sent, late = (notice(world, reader)["message_id"] for _ in range(2))
    (m,) = world.claim_sms(limit=1)
    assert m["message_id"] == sent and 1790 <= m["validity_s"] <= 1800
    at(world, "2030-06-01 21:05+00")
    assert world.claim_sms() == [] and state(world, late) == "queued"
    at(world, "2030-06-02 07:00:01+00")
    assert [m["message_id"] for m in world.claim_sms()] == [late]


def as_delivered(world):
    """The quiet hours of deploy/schema/data, which the seed of the tests takes away."""
    world.rows((SCHEMA / "data/quiet_hours.sql").read_text())


def test_every_country_has_quiet_hours_on_its_own_clock(world):
    as_delivered(world)
    rows = world.rows("select c.code, c.time_zone, q.time_zone as zone, q.quiet_from::text, q.quiet_to::text"
                      " from ops.country c left join messaging.quiet_hours q on q.country = c.code")
    assert len(rows) >= 12
    assert all((r["zone"], r["quiet_from"], r["quiet_to"]) == (r["time_zone"], "21:00:00", "08:00:00") for r in rows), rows


def test_an_operators_hours_are_never_put_back(world):
    night(world, end="06:30")
    as_delivered(world)
    assert world.value("select quiet_to = '06:30' from messaging.quiet_hours where country = 'CI'")


@pytest.mark.parametrize("country, moment, begins", [
    ("CI", "2030-06-01 19:30+00", "2030-06-01 21:00+00"), ("SN", "2030-06-01 20:59+00", "2030-06-01 21:00+00"),
    ("CM", "2030-06-01 19:30+00", "2030-06-01 20:00+00"), ("KE", "2030-06-01 05:00+00", "2030-06-01 18:00+00")])
def test_validity_ends_before_the_quiet_hours_begin(world, country, moment, begins):
    as_delivered(world)
    reader = world.dial(country=country)
    world.rows("insert into messaging.route values (%s, '*', 'lab') on conflict do nothing", country)
    at(world, moment)
    notice(world, reader)
    (m,) = world.claim_sms()
    assert world.value("select ops.now() + %s * interval '1 second' <= %s::timestamptz + interval '1 second'", m["validity_s"], begins)


@pytest.mark.parametrize("word", ["SUITE", "REPETER", "AIDE", "code"])
def test_what_a_reader_asks_for_comes_at_night(world, word):
    as_delivered(world)
    reader, book = world.dial(), world.book()
    delivered(world, reader, book)
    at(world, "2030-06-01 23:30+00")
    if word == "code":
        world.one("auth.request_otp", key("+2250501020304"), b"s", 1, "CI", "mtn", b"h", b"body", None)
    else:
        say(world, reader, word)
    (m,) = world.claim_sms()
    assert m["kind"] == {"code": "otp", "AIDE": "reply"}.get(word, "instalment")
    assert m["validity_s"] >= 600  # a code's own ten minutes; the night ends nothing


# ---- pace ----

def pace(world, reader, want):
    return world.one("messaging.set_schedule", reader["user_id"], reader["identity_id"], want, None, "ussd")["outcome"]


def paced(world, want="both"):
    """A reader with a month's pass, in the middle of a book, before the first slot of a day."""
    reader, book = world.dial(), world.book()
    at(world, "2030-06-01 05:00+00")
    world.buy(reader, "month", world.value("select amount_minor from billing.price r join billing.plan p on p.id = r.plan_id"
                                           " where p.code = 'month' and r.country = 'CI' order by r.valid_from desc limit 1"))
    world.one("reading.save_position", reader["user_id"], book, 1, 0, "ussd")
    at(world, "2030-06-01 06:00+00")
    assert pace(world, reader, want) == "ok"
    return reader, book


def run(world):
    return world.value("select messaging.run_schedule(100)")


def arrive(world, reader):
    world.rows("update messaging.message set state = 'delivered' where identity_id = %s and kind = 'instalment'", reader["identity_id"])


def test_a_slot_runs_once_and_the_next_in_its_time(world):
    reader, _ = paced(world)
    assert run(world) == 0
    counts = []
    for moment in ("07:00:30", "07:01:30", "18:59", "19:00:10", "23:00"):
        at(world, f"2030-06-01 {moment}+00")
        run(world)
        counts.append(len(world.messages(reader, "instalment")))
        arrive(world, reader)
    assert counts == [1, 1, 1, 2, 2]
    assert ledger(world)[-1] == ("schedule", "ussd", True, "daily_both")
    assert pace(world, reader, "off") == "off"
    at(world, "2030-06-02 07:00:30+00")
    assert run(world) == 0
    assert ledger(world)[-1] == ("schedule", "ussd", False, "daily_off")


@pytest.mark.parametrize("why", ["stop", "pause", "no pass", "late"])
def test_nothing_comes_by_itself(world, why):
    reader, _ = paced(world)
    if why == "stop":
        world.one("auth.stop_by", reader["identity_id"], None, "ussd")
    elif why == "pause":
        world.one("auth.pause_by", reader["identity_id"], None, "sms")
    elif why == "no pass":
        world.rows("delete from billing.entitlement")
    at(world, "2030-06-01 10:30+00" if why == "late" else "2030-06-01 07:00:30+00")
    assert run(world) == 1 and world.messages(reader, "instalment") == []
    assert run(world) == 0


def test_end_of_the_book_ends_the_schedule(world):
    reader, book = paced(world)
    world.rows("update reading.position set part = 3, at = (select chars from catalog.part where book_id = %s and no = 3)", book)
    at(world, "2030-06-01 07:00:30+00")
    assert run(world) == 1 and world.value("select count(*) from messaging.schedule") == 0


def test_schedule_of_a_reader_who_stopped(world):
    reader = world.dial()
    world.one("auth.stop_by", reader["identity_id"], None, "ussd")
    assert pace(world, reader, "am") == "stopped" and pace(world, reader, "often") == "unknown"


def test_a_slot_in_quiet_hours_waits_for_their_end(world):
    reader, _ = paced(world)
    night(world, end="08:00")
    at(world, "2030-06-01 07:00:30+00")
    assert run(world) == 1 and all(m["kind"] != "instalment" for m in world.claim_sms())
    assert world.value("select due_at = '2030-06-01 08:00+00' and expires_at <= '2030-06-01 21:00+00' from messaging.message"
                       " where kind = 'instalment'")


@pytest.mark.parametrize("begin, end, slots", [
    (None, None, "07:00 19:00"), ("21:00", "08:00", "08:00 19:00"), ("19:00", "07:00", "07:00 18:00"),
    ("18:30", "09:15", "09:15 17:30"), ("12:00", "14:00", "07:00 19:00"), ("06:00", "07:30", "07:30 19:00")])
def test_daily_hours_that_are_offered_are_not_quiet(world, begin, end, slots):
    """What the menu shows is what the schedule keeps, and what comes at that hour does not wait."""
    if begin:
        night(world, begin=begin, end=end)
    assert world.value("select to_char(morning, 'HH24:MI') || ' ' || to_char(evening, 'HH24:MI') from messaging.daily_slots('CI')") == slots
    reader, _ = paced(world)
    morning, evening = slots.split()
    assert world.value("select slots from messaging.schedule") == [time.fromisoformat(morning), time.fromisoformat(evening)]
    for no, hour in enumerate((morning, evening), 1):
        at(world, f"2030-06-01 {hour}:01+00")
        assert run(world) == 1
        assert "instalment" in [m["kind"] for m in world.claim_sms()], hour
        arrive(world, reader)
        assert len(world.messages(reader, "instalment")) == no


def test_two_schedulers_at_once_send_one(world):
    reader, _ = paced(world)
    at(world, "2030-06-01 07:00:30+00")
    other = world.connect()
    assert run(world) + world.value("select messaging.run_schedule(100)", conn=other) == 1
    other.close()
    assert len(world.messages(reader, "instalment")) == 1
