# SPDX-License-Identifier: Apache-2.0
"""Hard case 35: many passes that end in one moment are spoken of at the pace of billing.reminder_pace, in small
transactions, by day, and each once."""
from datetime import timedelta

import pytest

from sqlfixtures import *  # noqa: F401,F403

NOON = "update ops.clock set shift = date_trunc('day', clock_timestamp()) + interval '1 day 12 hours' - clock_timestamp()"


def crowd(world, count, network="mtn", first=1):
    """Readers of Abidjan whose weeks end now."""
    world.rows("""
        with u as (insert into auth.users (lang, country, created_at) select 'fr', 'CI', ops.now() from generate_series(1, %s) returning id),
             i as (insert into auth.identity (user_id, lookup, sealed, key_id, country, network, last_seen_at, created_at)
                   select id, sha256(('crowd' || id)::bytea), 's', 1, 'CI', %s, ops.now(), ops.now() from u returning user_id)
        insert into billing.entitlement (user_id, plan_id, origin, starts_at, ends_at, anchor_day, created_at, remind_at)
        select i.user_id, p.id, 'trial', ops.now() - interval '7 days', ops.now(), 1, ops.now() - interval '7 days', ops.now()
        from i, billing.plan p where p.code = 'week'""", count, network)


def pace(world, **lanes):
    """a_minute of lanes; `_` stands for the colon, `all` for '*'."""
    for lane, a_minute in lanes.items():
        name = "*" if lane == "all" else lane.replace("_", ":", 1)
        world.rows("insert into billing.reminder_pace (lane, a_minute) values (%s, %s)"
                   " on conflict (lane) do update set a_minute = excluded.a_minute", name, a_minute)


def run(world, most=50):
    """The job: in steps until one finds nothing. Returns how many each looked at."""
    looked = []
    while not looked or looked[-1]:
        looked.append(world.value("select billing.run_reminders(%s)", most))
        assert looked[-1] <= most
    return looked


def said(world, network=None):
    return world.value("select count(*) from messaging.message m join auth.identity i on i.id = m.identity_id"
                       " where m.kind = 'notice' and (%s is null or i.network = %s)", network, network)


def day_of_jobs(world, minutes, every=1):
    """Runs the job each minute; what was said in each."""
    out = []
    for _ in range(0, minutes, every):
        before = said(world)
        run(world)
        out.append(said(world) - before)
        world.later(f"{every} minutes")
    return out


def at_noon(world):
    world.rows(NOON)
    return world


@pytest.fixture
def noon(world):
    return at_noon(world)


def test_a_crowd_is_said_at_its_pace_and_each_once(noon):
    pace(noon, all=60)
    crowd(noon, 400)
    a_minute = day_of_jobs(noon, 8)
    assert a_minute[0] <= 11 and max(a_minute) <= 61 and sum(a_minute) == 400, a_minute
    assert noon.value("select count(distinct identity_id) from messaging.message where kind = 'notice'") == 400


def test_a_run_looks_at_no_more_than_it_may(noon):
    crowd(noon, 120)
    assert run(noon, 50) == [50, 50, 20, 0]


def test_places_are_given_in_the_order_of_falling_due(noon):
    pace(noon, all=60)
    crowd(noon, 100)
    run(noon)
    rows = noon.rows("select remind_at from billing.entitlement where remind_place is not null order by user_id")
    gaps = [(b["remind_at"] - a["remind_at"]) / timedelta(seconds=1) for a, b in zip(rows, rows[1:])]
    assert len(rows) >= 89 and all(g == pytest.approx(1, abs=0.001) for g in gaps)


@pytest.mark.parametrize("lanes", [{"rail_wave": 6}, {"account_slow": 6}])
def test_a_slow_lane_makes_its_own_readers_wait_and_nobody_elses(noon, lanes):
    """By the rail that they would pay by, or the account that sends to them."""
    noon.rows("update billing.rail set enabled = true where code = 'wave'")
    noon.rows("insert into messaging.account (name) values ('slow')")
    noon.rows("insert into messaging.route (country, network, account) values ('CI', 'moov', 'slow')")
    noon.rows("insert into billing.rail_route (country, network, rail, prio) values ('CI', 'moov', 'wave', 1) on conflict do nothing")
    pace(noon, all=600, **lanes)
    crowd(noon, 40, "moov")
    crowd(noon, 40, "mtn")
    run(noon)
    assert said(noon, "mtn") == 40, "they stood behind forty who wait"
    assert said(noon, "moov") <= 2
    for minute in range(1, 4):
        noon.later("1 minute")
        run(noon)
        assert 6 * minute <= said(noon, "moov") <= 6 * minute + 2


def test_who_has_a_place_is_not_late_for_a_new_crowd(noon):
    pace(noon, all=60)
    crowd(noon, 100)
    run(noon)
    noon.later("30 seconds")
    crowd(noon, 200)
    noon.rows("update billing.entitlement set remind_at = ops.now() - interval '1 minute' where remind_place is null and remind_at = ends_at")
    due = noon.value("select count(*) from billing.entitlement where remind_place <= ops.now()")
    before = said(noon)
    assert due >= 19 and noon.value("select billing.run_reminders(%s)", due) == due
    assert said(noon) - before == due


def test_what_does_not_fit_into_the_day_is_said_in_the_morning(noon):
    pace(noon, all=60)
    noon.later("7 hours 58 minutes")
    crowd(noon, 300)
    run(noon)
    rows = noon.rows("select remind_at, remind_place from billing.entitlement where remind_at is not null order by remind_at")
    evening = [r for r in rows if r["remind_place"]]
    morning = [r["remind_at"] for r in rows if not r["remind_place"] and r["remind_at"] < noon.now() + timedelta(hours=14)]
    assert 100 <= len(evening) <= 120 and all(r["remind_at"].hour < 20 for r in evening)
    assert len(evening) + len(morning) + said(noon) == 300
    assert all(m.hour == 8 for m in morning) and max(morning) - min(morning) > timedelta(minutes=45), "no crowd at eight"
    noon.rows("update ops.clock set shift = shift + (%s - ops.now())", min(morning).replace(minute=0, second=0, microsecond=0))
    a_minute = day_of_jobs(noon, 70)
    assert sum(a_minute) == len(evening) + len(morning) and max(a_minute) <= 71, a_minute


def test_a_night_is_no_crowd_in_the_morning(noon):
    noon.later("14 hours")
    crowd(noon, 200)
    run(noon)
    rows = noon.rows("select remind_at from billing.entitlement")
    assert said(noon) == 0 and all(r["remind_at"].hour == 8 for r in rows)
    assert max(sum(r["remind_at"].minute // 10 == k for r in rows) for k in range(6)) < 60


def test_places_that_nobody_came_to_are_asked_for_again(noon):
    """No daemon for an hour: what it missed is not said in one burst."""
    pace(noon, all=60)
    crowd(noon, 200)
    run(noon)
    first = said(noon)
    noon.later("1 hour")
    assert day_of_jobs(noon, 5)[0] <= 11
    assert said(noon) == 200 and first <= 11


def test_who_said_stop_meanwhile_hears_nothing_at_her_place(noon):
    pace(noon, all=60)
    crowd(noon, 60)
    run(noon)
    waiting = noon.rows("select i.id from billing.entitlement e join auth.identity i on i.user_id = e.user_id where e.remind_place is not null")
    for row in waiting:
        noon.one("auth.stop_by", row["id"], None, "ussd")
    before = said(noon)
    noon.later("2 minutes")
    run(noon)
    assert said(noon) == before
    assert noon.value("select count(*) from billing.entitlement where remind_place is not null") == 0
