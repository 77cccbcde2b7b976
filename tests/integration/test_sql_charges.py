# SPDX-License-Identifier: Apache-2.0
"""What tests/fault/money_sim found in the charge machine, and what keeps a rail in trouble from harm."""
from datetime import timedelta

from sqlfixtures import *  # noqa: F401,F403
from test_sql_billing import charge


def lost(world):
    """A charge whose submit got no answer."""
    started = world.start(world.dial())
    assert world.event(world.claim_one(), "unknown")["state"] == "UNKNOWN"
    return started["charge_id"]


def test_no_answer_between_two_not_founds_takes_nothing_back(world):
    """Seed 54: a rail that fails every other question was never asked to take the charge again."""
    charge_id = lost(world)
    words = []
    while charge(world, charge_id)["state"] == "UNKNOWN":
        words.append(("unknown", "not_found")[len(words) % 2])
        world.event(world.claim_one(), words[-1], wait=40)
        assert len(words) < 10
    assert words.count("not_found") == 3
    assert charge(world, charge_id)["state"] == "READY"


def test_a_word_of_the_rail_takes_the_not_founds_back(world):
    charge_id = lost(world)
    for word in ("not_found", "not_found", "pending"):
        world.event(world.claim_one(), word, wait=40)
    assert (charge(world, charge_id)["state"], charge(world, charge_id)["not_found"]) == ("PENDING", 0)


def unresolved(world):
    charge_id = lost(world)
    world.later("25 hours")
    claim = world.claim_one()
    assert claim["state"] == "UNRESOLVED"
    return charge_id, claim


def test_a_charge_that_the_rail_never_had_ends_I13(world):
    """Seed 54 again: it was asked about each hour for ever, and its reader could buy nothing."""
    charge_id, claim = unresolved(world)
    states = [world.event(claim, "not_found")["state"]]
    while states[-1] == "UNRESOLVED":
        states.append(world.event(world.claim_one(), "not_found")["state"])
        assert len(states) < 10
    c = charge(world, charge_id)
    assert states == ["UNRESOLVED", "UNRESOLVED", "EXPIRED"]
    assert c["due_at"] is not None, "one more question: a success is found even now"
    assert world.event(world.claim_one(), "success", "late-1")["state"] == "SUCCEEDED_LATE"


def test_an_unresolved_charge_is_not_ended_within_the_hour(world):
    _, claim = unresolved(world)
    world.event(claim, "not_found")
    for _ in range(4):
        world.rows("update billing.charge set due_at = ops.now() + interval '1 minute'")
        claim = world.claim_one()
        assert world.event(claim, "not_found")["state"] == "UNRESOLVED"
    assert world.value("select ops.now() - first_not_found_at from billing.charge") < timedelta(hours=1)


def test_a_rail_that_cannot_find_our_reference_ends_nothing_by_not_finding(world):
    world.rows("update billing.rail set takes_our_ref = false where code = 'mtn_momo'")
    _, claim = unresolved(world)
    world.event(claim, "not_found")
    for _ in range(5):
        assert world.event(world.claim_one(), "not_found")["state"] == "UNRESOLVED"


def test_a_callback_takes_no_later_question_away(world):
    """Seed 126: success at hour 23, its callback came, the rail denied the charge in that very second,
    and the question at hour 24 was not asked any more."""
    started = world.start(world.dial())
    world.event(world.claim_one(), "accepted")
    world.event(world.claim_one(), "expired")
    world.event(world.claim_one(), "expired")          # the question an hour later
    world.later("21 hours")
    world.one("billing.inbox_put", "mtn_momo", b"late", b"h", b"b", False, started["our_ref"])
    assert world.event(world.one("billing.claim_rail_work", "w:1", 1, 10), "not_found")["state"] == "EXPIRED"
    assert world.event(world.claim_one(), "success", "t-23h")["state"] == "SUCCEEDED_LATE"


def test_ended_charges_are_asked_about_twice_more_and_then_no_more(world):
    started = world.start(world.dial())
    world.event(world.claim_one(), "declined")
    ended, asked = world.now(), []
    while charge(world, started["charge_id"])["due_at"]:
        claim = world.claim_one()
        asked.append(round((world.now() - ended) / timedelta(hours=1)))
        assert world.event(claim, "declined")["state"] == "FAILED"
    assert asked == [1, 24]
