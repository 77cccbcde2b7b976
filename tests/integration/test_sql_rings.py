# SPDX-License-Identifier: Apache-2.0
"""Rings in SQL: a row before the network (M1), pushed once (M4), to nobody who said STOP (M3), each of a purpose once."""
import threading

import pytest

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import key
from test_sql_messaging import state
from test_sql_readers import at, night

PUSHING = "mtn_madapi"
NUMBER = "+2250501020304"


def claim(world, most=10, carriers=(PUSHING,), owner="g:1", conn=None):
    return world.rows("select * from messaging.ring_claim(%s, %s, %s)", owner, list(carriers), [most] * len(carriers), conn=conn)


def dial(world, number=NUMBER, carrier=PUSHING):
    return world.one("auth.dial", key(number), b"sealed" + number[-2:].encode(), 1, "CI", "mtn", carrier)


def put(world, reader, purpose="asked", body="Bonjour", after="0", lasts="1 hour", dedupe=None, carrier=PUSHING):
    return world.one("messaging.ring_put", reader["identity_id"], carrier, purpose, body, after, lasts, dedupe)


def end(world, ring, event, epoch=None, reason=""):
    return world.one("messaging.ring_end", ring["ring_id"], epoch or ring["epoch"], event, reason)["outcome"]


def ring(world, ring_id):
    return world.row("select * from messaging.ring where id = %s", ring_id)


@pytest.fixture
def reader(world):
    claim(world)
    return dial(world)


def test_nobody_is_rung_through_a_carrier_that_nobody_can_ring_through(world):
    reader = dial(world)
    assert put(world, reader)["outcome"] == "no_carrier"
    claim(world)
    assert put(world, reader)["outcome"] == "queued"
    world.later("25 hours")
    assert put(world, reader, "pass_ending")["outcome"] == "no_carrier", "whose gateway has gone"


def test_m4_a_ring_is_pushed_once_and_without_an_answer_it_is_unknown(world, reader):
    made = put(world, reader)
    got, = claim(world)
    assert (got["ring_id"], got["purpose"], got["body"], got["tries"]) == (made["ring_id"], "asked", "Bonjour", 1)
    assert bytes(got["number_sealed"]) == b"sealed04"
    assert claim(world) == [], "it is being pushed"
    world.later("46 seconds")
    assert claim(world) == []
    assert ring(world, made["ring_id"])["state"] == "unknown"
    assert end(world, got, "not_sent") == "stale", "what nobody knows is not pushed again"
    assert end(world, got, "accepted") == "accepted", "but an answer that comes late still says what happened"
    assert end(world, got, "refused") == "stale"


def test_what_did_not_leave_is_tried_again_under_a_new_epoch_until_its_end(world, reader):
    made = put(world, reader, lasts="1 minute")
    first, = claim(world)
    assert end(world, first, "not_sent", reason="the bind is down") == "queued"
    assert claim(world) == [], "after a while"
    world.later("11 seconds")
    second, = claim(world)
    assert second["epoch"] == first["epoch"] + 1 and second["tries"] == 2
    assert end(world, first, "accepted") == "stale", "an answer of an older epoch"
    assert end(world, second, "not_sent") == "queued"
    world.later("1 minute")
    assert claim(world) == []
    assert ring(world, made["ring_id"])["state"] == "expired"


def test_one_ring_a_phone_and_purpose(world, reader):
    assert put(world, reader)["outcome"] == "queued"
    assert put(world, reader, body="encore")["outcome"] == "seen"
    assert put(world, reader, "pass_ending", dedupe="ending:1")["outcome"] == "queued"
    for got in claim(world):
        assert end(world, got, "accepted") == "accepted"
    assert put(world, reader)["outcome"] == "queued", "the next, once the first is over"
    assert put(world, reader, "pass_ending", dedupe="ending:1")["outcome"] == "seen", "but not of the same cause"


def test_two_gateways_claim_no_ring_twice(world, reader):
    for n in range(20):
        put(world, dial(world, f"+22505010300{n:02}"))
    found, conns = [], [world.connect() for _ in range(4)]
    threads = [threading.Thread(target=lambda c=c: found.extend(claim(world, 20, conn=c))) for c in conns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for conn in conns:
        conn.close()
    assert sorted(g["ring_id"] for g in found) == sorted({g["ring_id"] for g in found}) and len(found) == 20


def test_a_claim_takes_no_more_than_it_may_and_only_of_its_carriers(world, reader):
    claim(world, carriers=["smpp_6d"])
    for n in range(5):
        put(world, dial(world, f"+22505010400{n:02}"))
    put(world, reader, carrier="smpp_6d")
    assert len(claim(world, 2)) == 2
    assert len(claim(world, 0)) == 0
    assert len(claim(world, 9)) == 3
    assert [g["carrier"] for g in claim(world, carriers=["smpp_6d"])] == ["smpp_6d"]


@pytest.mark.parametrize("stop", ["stop_by", "pause_by"])
def test_m3_who_said_stop_is_not_rung(world, reader, stop):
    made = put(world, reader)
    world.one(f"auth.{stop}", reader["identity_id"], "s1", "sms")
    assert (ring(world, made["ring_id"])["state"], ring(world, made["ring_id"])["reason"]) == ("expired", "stopped")
    assert put(world, reader)["outcome"] == "stopped"
    world.one("auth.start_again_by", reader["identity_id"], "s2", "sms")
    assert put(world, reader)["outcome"] == "queued"


@pytest.mark.parametrize("event", ["accepted", "refused", "unknown", "not_sent", None])
def test_m3_the_confirmation_of_stop_waits_for_a_ring_that_is_being_pushed(world, reader, event):
    put(world, reader)
    got, = claim(world)
    said = world.one("auth.stop_by", reader["identity_id"], "s1", "sms")["message_id"]
    assert world.claim_sms() == []
    if event:
        end(world, got, event)
    else:
        world.later("46 seconds")   # its gateway died
    assert claim(world) == []
    assert [m["message_id"] for m in world.claim_sms()] == [said] and state(world, said) in ("claimed", "sending")
    world.later("1 hour")
    assert claim(world) == [], "and what did not leave does not leave afterwards"


def test_quiet_hours_hold_what_was_asked_for_and_drop_what_we_thought_of(world, reader):
    night(world)
    at(world, "2030-06-01 23:00+00")
    claim(world)
    assert put(world, reader, "pass_active", body=None, lasts="10 minutes")["outcome"] == "quiet"
    made = put(world, reader)
    assert claim(world) == []
    assert world.value("select due_at = messaging.quiet_end('CI', ops.now()) and expires_at = due_at + interval '1 hour'"
                       " from messaging.ring where id = %s", made["ring_id"])
    at(world, "2030-06-02 07:00:01+00")
    assert [g["ring_id"] for g in claim(world)] == [made["ring_id"]]


def test_a_pass_bought_on_the_screen_rings_once_after_the_rails_prompt(world, reader):
    world.buy(reader)
    assert claim(world) == [], "the rail's own prompt is there first"
    world.later("21 seconds")
    got, = claim(world)
    assert (got["purpose"], got["body"], got["carrier"]) == ("pass_active", None, PUSHING)
    charge = world.value("select id from billing.charge")
    world.rows("select messaging.ring_pass(%s)", charge)
    assert world.value("select count(*) from messaging.ring") == 1, "once, also when it is over"


@pytest.mark.parametrize("case", ["another carrier", "over sms", "stopped", "nobody pushes"])
def test_a_pass_rings_nobody_else(world, case):
    if case != "nobody pushes":
        claim(world)
    reader = dial(world, carrier="africastalking" if case == "another carrier" else PUSHING)
    if case == "stopped":
        world.one("auth.stop_by", reader["identity_id"], "s1", "sms")
    started = world.start(reader)
    assert started["outcome"] == "created"
    if case == "over sms":
        world.rows("update billing.charge set channel = 'sms'")
    world.event(world.claim_one(), "accepted")
    assert world.event(world.claim_one(), "success", "t1", 100)["state"] == "SUCCEEDED"
    assert world.rows("select * from messaging.ring") == []


def test_the_last_carrier_counts(world, reader):
    dial(world, carrier="africastalking")
    world.buy(reader)
    assert world.rows("select * from messaging.ring") == [], "he came by another way meanwhile"
    assert world.value("select ds from auth.identity") == "africastalking"


def test_the_end_of_a_pass_is_told_once(world, reader):
    world.buy(reader)
    assert world.value("select messaging.ring_endings(10)") == 0, "a day is left"
    world.later("22 hours")
    claim(world)
    assert world.value("select messaging.ring_endings(10)") == 1
    assert world.value("select messaging.ring_endings(10)") == 0
    got = [g for g in claim(world) if g["purpose"] == "pass_ending"]
    assert len(got) == 1 and "{" not in got[0]["body"] and "Pass jour" in got[0]["body"], got


def test_the_end_of_a_pass_that_goes_on_is_no_end(world, reader):
    world.buy(reader)
    world.later("22 hours")
    world.buy(reader)
    claim(world)
    assert world.value("select messaging.ring_endings(10)") == 0


def test_somebody_asks_to_ring_a_number(world):
    """Before any gateway has claimed: the one that was asked may ring."""
    args = (key(NUMBER), b"sealed04", 1, "CI", "+2250501", PUSHING, "Votre livre est là")
    assert world.one("messaging.ring_number", *args)["outcome"] == "queued"
    assert world.one("messaging.ring_number", *args)["outcome"] == "seen"
    assert world.value("select count(*) from auth.identity") == 1


def test_status_shows_what_waits_and_what_nobody_answered(world, reader):
    put(world, reader)
    put(world, reader, "pass_ending")
    claim(world, 1)
    world.later("1 minute")
    claim(world, 0)
    rows = {r["name"] for r in world.rows("select * from ops.status() where section = 'rings'")}
    assert rows == {"unknown asked", "queued pass_ending"}
