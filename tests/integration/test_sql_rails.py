# SPDX-License-Identifier: Apache-2.0
"""What rails make, in SQL: links, their own references, codes, secrets of callbacks. Case numbers are of the list of
hard payment cases."""
from datetime import timedelta

import pytest

from sqlfixtures import *  # noqa: F401,F403

LINK = "https://pay.example.net/c/cos-1?a=100"


@pytest.fixture
def shop(world):
    """A world whose only rail is of another kind: shop("link")."""
    def of(flow):
        world.rows("update billing.rail set flow = %s, takes_our_ref = false where code = 'mtn_momo'", flow)
        return world
    return of


def charge(world, started):
    return world.row("select * from billing.charge where id = %s", started["charge_id"])


def answer(world, claim, event, ref=None, link=None, memo=None, key=None, over=0, txn=None):
    return world.answer(claim, event, txn=txn, amount=100, currency="XOF", rail_ref=ref, link=link, link_sealed=link and b"sealed".hex(),
                        memo_sealed=memo and memo.hex(), callback_mac=key and key.hex(), expires_s=over)


def links(world, reader):
    return [m for m in world.messages(reader, "receipt") if "https://" in (m["body"] or "")]


def test_a_link_is_recorded_and_sent_in_the_step_that_makes_the_charge_pending(shop):
    world = shop("link")
    reader = world.dial()
    started = world.start(reader)
    got = answer(world, world.claim_one(), "accepted", "cos-1", LINK, b"memo", b"mac", 1800)
    c = charge(world, started)
    assert got["state"] == "PENDING" and (c["rail_ref"], bytes(c["memo_sealed"]), bytes(c["callback_mac"])) == ("cos-1", b"memo", b"mac")
    sms = links(world, reader)
    assert len(sms) == 1 and LINK in sms[0]["body"] and "100 F" in sms[0]["body"] and not sms[0]["unasked"]
    assert c["link_message"] == sms[0]["id"] and bytes(c["link_sealed"]) == b"sealed"
    # the link is good as long as the rail says, its reader waits no longer than for any prompt
    assert timedelta(minutes=29) < c["link_expires_at"] - world.now() <= timedelta(minutes=30)
    assert timedelta(minutes=4) < c["prompt_expires_at"] - world.now() <= timedelta(minutes=5)
    work = world.call("billing.claim_rail_work", "w:1", 1, 10)
    assert work == []                                                     # not due yet
    world.later("15 seconds")
    work = world.one("billing.claim_rail_work", "w:1", 1, 10)
    assert (work["rail_ref"], bytes(work["memo_sealed"]), bytes(work["link_sealed"]), work["payer_country"], work["payer_network"]) == \
        ("cos-1", b"memo", b"sealed", "CI", "mtn")


def test_a_link_comes_by_night_too(shop):
    world = shop("link")
    reader = world.dial()
    world.rows("update messaging.quiet_hours set quiet_from = '00:00', quiet_to = '23:59' where country = 'CI'")
    world.start(reader)
    answer(world, world.claim_one(), "accepted", "cos-1", LINK)
    sms = links(world, reader)[0]
    assert sms["due_at"] <= world.now()


def test_an_answer_of_a_lapsed_claim_hands_out_no_link(shop):
    world = shop("link")
    reader = world.dial()
    started = world.start(reader)
    old = world.claim_one()
    world.later("60 seconds")
    world.claim_one()
    assert answer(world, old, "accepted", "cos-1", LINK)["outcome"] == "stale"
    c = charge(world, started)
    assert c["rail_ref"] is None and c["link_sealed"] is None and links(world, reader) == []


def test_never_issued_is_a_new_reference_case_31_I3(shop):
    """The create's answer was lost, a search finds nothing: the link was provably not delivered."""
    world = shop("link")
    reader = world.dial()
    started = world.start(reader)
    first = charge(world, started)["our_ref"]
    assert world.event(world.claim_one(), "unknown")["state"] == "UNKNOWN"
    assert answer(world, world.claim_one(), "not_issued")["state"] == "READY"
    c = charge(world, started)
    assert c["our_ref"] != first and c["rail_ref"] is None
    attempt = world.row("select * from billing.attempt where charge_id = %s", c["id"])
    assert attempt["our_ref"] == first and attempt["event"] == "not_issued"
    assert answer(world, world.claim_one(), "accepted", "cos-2", LINK)["state"] == "PENDING"
    assert len(links(world, reader)) == 1


def test_a_link_that_was_handed_out_keeps_its_reference_I3(shop):
    world = shop("link")
    started = world.start(world.dial())
    answer(world, world.claim_one(), "accepted", "cos-1", LINK)
    before = charge(world, started)["our_ref"]
    assert answer(world, world.claim_one(), "not_issued")["state"] == "PENDING"
    world.rows("update billing.charge set state = 'UNKNOWN'")
    assert answer(world, world.claim_one(), "not_issued")["state"] == "UNKNOWN"
    assert charge(world, started)["our_ref"] == before


def test_a_found_session_is_adopted_with_its_link_case_31(shop):
    world = shop("link")
    reader = world.dial()
    started = world.start(reader)
    world.event(world.claim_one(), "unknown")
    assert answer(world, world.claim_one(), "pending", "cos-7", LINK)["state"] == "PENDING"
    assert charge(world, started)["rail_ref"] == "cos-7" and len(links(world, reader)) == 1


def test_what_is_never_issued_for_an_hour_ends_and_is_told(shop):
    world = shop("link")
    reader = world.dial()
    started = world.start(reader)
    for _ in range(40):
        claim = world.call("billing.claim_rail_work", "w:1", 1, 1)
        if charge(world, started)["state"] == "EXPIRED":
            break
        for row in claim:
            world.event(row, "unknown" if row["action"] == "submit" else "not_issued")
        world.later("3 minutes")
    c = charge(world, started)
    assert (c["state"], c["reason"], c["due_at"]) == ("EXPIRED", "not sent for an hour", None)
    assert len(world.messages(reader, "receipt")) == 1


def test_a_wrong_code_asks_for_another_under_a_new_reference_case_26(shop):
    world = shop("code")
    started = world.start(world.dial())
    references = set()
    for left in (2, 1):
        world.rows("update billing.charge set state = 'READY', due_at = ops.now()")
        claim = world.claim_one()
        references.add(claim["our_ref"])
        assert world.event(claim, "code_refused")["state"] == "CREATED", left
    world.rows("update billing.charge set state = 'READY', due_at = ops.now()")
    claim = world.claim_one()
    references.add(claim["our_ref"])
    assert world.event(claim, "code_refused")["state"] == "FAILED"        # the third locks
    assert len(references) == 3
    assert {a["our_ref"] for a in world.rows("select * from billing.attempt where n < 3")} == references - {claim["our_ref"]}
    assert charge(world, started)["settlement"] is None


def test_a_code_that_does_not_come_ends_the_charge_and_is_told(shop):
    world = shop("code")
    reader = world.dial()
    started = world.start(reader)
    world.rows("update billing.charge set state = 'CREATED', due_at = ops.now() + interval '15 minutes'")
    world.later("16 minutes")
    assert world.call("billing.claim_rail_work", "w:1", 1, 10) == []
    c = charge(world, started)
    assert (c["state"], c["due_at"]) == ("EXPIRED", None) and len(world.messages(reader, "receipt")) == 1
    assert world.rows("select * from billing.attempt") == []


def test_a_callback_brings_the_charges_own_secret_case_18(shop):
    world = shop("link")
    one, two = world.start(world.dial()), world.start(world.dial("+2250501020305"))
    for claim, key in zip(world.call("billing.claim_rail_work", "w", 1, 10) or
                          (world.later("10 seconds") or world.call("billing.claim_rail_work", "w", 1, 10)), (b"key1", b"key2")):
        answer(world, claim, "accepted", f"r{claim['charge_id']}", LINK, key=key)
    refs = [str(charge(world, s)["our_ref"]) for s in (one, two)]

    def put(ref, proof, key):
        return world.one("billing.inbox_store", "mtn_momo", key, b"h", b"b", False, ref, proof)["outcome"]
    assert put(refs[0], b"key2", b"1") == "refused"
    assert put(refs[0], b"", b"2") == "refused"
    assert put("00000000-0000-4000-8000-000000000000", b"key1", b"3") == "refused"
    assert world.value("select count(*) from billing.inbox") == 0
    assert put(refs[0], b"key1", b"4") == "new" and put(refs[0], b"key1", b"4") == "seen"
    row = world.row("select * from billing.inbox")
    assert row["verified"] and row["charge_id"] == one["charge_id"]
    assert charge(world, two)["hinted_at"] is None


def test_a_callback_may_name_the_rails_own_reference(shop):
    world = shop("link")
    started = world.start(world.dial())
    answer(world, world.claim_one(), "accepted", "ws_CO_1", LINK)
    assert world.one("billing.inbox_store", "wave", b"k", b"h", b"b", True, "ws_CO_1", None)["outcome"] == "new"
    assert charge(world, started)["hinted_at"] is None                    # another rail's
    assert world.one("billing.inbox_store", "mtn_momo", b"k", b"h", b"b", True, "ws_CO_1", None)["outcome"] == "new"
    assert charge(world, started)["hinted_at"] is not None


def test_money_is_settled_by_the_answer_that_names_the_rails_reference(shop):
    world = shop("link")
    reader = world.dial()
    started = world.start(reader)
    answer(world, world.claim_one(), "accepted", "cos-1", LINK)
    assert answer(world, world.claim_one(), "success", txn="T1")["state"] == "SUCCEEDED"
    c = charge(world, started)
    assert (c["rail_ref"], c["rail_txn"], c["settlement"]) == ("cos-1", "T1", "granted")
    assert [m["dedupe"].split(":")[2] for m in world.messages(reader, "receipt")] == ["pay_link", "receipt"]


@pytest.mark.parametrize("flow", ["push", "code"])
def test_a_rail_that_debits_without_a_link_never_gets_a_new_reference_I3(shop, flow):
    """Whatever its file says: only who needs the link cannot have paid."""
    world = shop(flow)
    started = world.start(world.dial())
    before = charge(world, started)["our_ref"]
    world.rows("update billing.charge set state = 'READY', due_at = ops.now()")
    world.event(world.claim_one(), "unknown")
    for _ in range(3):
        assert answer(world, world.claim_one(), "not_issued")["state"] == "UNKNOWN"
    assert charge(world, started)["our_ref"] == before


def works(world):
    """What is due now, by charge: its action."""
    world.later("20 minutes")
    return {w["charge_id"]: w["action"] for w in world.call("billing.claim_rail_work", "w:1", 1, 10)}


def handed_out(world, reader, over=86400):
    started = world.start(reader)
    answer(world, world.claim_one(), "accepted", f"cos-{started['charge_id']}", LINK, over=over)
    return started["charge_id"]


def test_a_link_is_revoked_when_its_time_with_us_is_over_I13(shop):
    world = shop("link")
    charge_id = handed_out(world, world.dial())
    assert charge(world, {"charge_id": charge_id})["link_expires_at"] - world.now() <= timedelta(hours=12)
    assert works(world) == {charge_id: "poll"}
    world.later("12 hours")
    assert works(world) == {charge_id: "revoke"}


def test_what_has_no_link_is_never_revoked(shop):
    world = shop("push")
    started = world.start(world.dial())
    world.event(world.claim_one(), "accepted")
    world.rows("update billing.charge set superseded = true")
    assert works(world) == {started["charge_id"]: "poll"}


def give_up(world, reader, charge_id):
    """The reader asks for another way to pay; the newer charge."""
    world.later("20 minutes")
    assert world.one("billing.supersede_charge", reader["user_id"], f"s{charge_id}")["outcome"] == "ok"
    return world.start(reader)["charge_id"]


def test_the_old_link_is_asked_about_before_the_newer_charge_is_sent_case_32(shop):
    world = shop("link")
    reader = world.dial()
    old = handed_out(world, reader)
    new = give_up(world, reader, old)
    claimed = world.one("billing.claim_rail_work", "w:1", 1, 10)          # at once, though no poll was due
    assert (claimed["charge_id"], claimed["action"]) == (old, "revoke")
    world.later("10 seconds")
    assert world.call("billing.claim_rail_work", "w:1", 1, 10) == []      # while the rail is asked
    assert world.event(claimed, "expired")["state"] == "EXPIRED"
    world.later("3 seconds")
    assert [(w["charge_id"], w["action"]) for w in world.call("billing.claim_rail_work", "w:1", 1, 10)] == [(new, "submit")]
    # of what the reader gave up nothing is told but its link
    assert [m["dedupe"].split(":")[2] for m in world.messages(reader, "receipt")] == ["pay_link"]


def test_a_rail_that_does_not_answer_holds_the_newer_charge_up_for_a_minute(shop):
    world = shop("link")
    reader = world.dial()
    old = handed_out(world, reader)
    new = give_up(world, reader, old)
    world.one("billing.claim_rail_work", "w:1", 1, 10)
    world.later("25 seconds")
    assert world.call("billing.claim_rail_work", "w:1", 1, 10) == []
    world.later("40 seconds")
    assert (new, "submit") in [(w["charge_id"], w["action"]) for w in world.call("billing.claim_rail_work", "w:1", 1, 10)]


def test_a_newer_charge_whose_period_was_paid_meanwhile_is_never_sent_case_32(shop):
    world = shop("link")
    reader = world.dial()
    old = handed_out(world, reader)
    new = give_up(world, reader, old)
    claimed = world.one("billing.claim_rail_work", "w:1", 1, 10)
    assert answer(world, claimed, "success", txn="T1")["state"] == "SUCCEEDED"
    world.later("10 seconds")
    assert world.call("billing.claim_rail_work", "w:1", 1, 10) == []
    c = charge(world, {"charge_id": new})
    assert (c["state"], c["reason"], c["attempts"], c["due_at"]) == ("EXPIRED", "paid by an earlier charge", 0, None)
    assert [m["dedupe"].split(":")[2] for m in world.messages(reader, "receipt")] == ["pay_link", "receipt"]


def sends(world, charge_id):
    s = world.one("billing.sends_of", charge_id)
    return s["first_sent_s"], s["last_sent_s"]


def test_a_rail_is_searched_around_the_submits_that_may_have_left(world):
    """Not around those of which no byte did, nor those of a reference that is over."""
    def submitted(event):
        claim = world.claim_one()
        assert claim["action"] == "submit"
        sent = world.value("select sent_at from billing.attempt order by sent_at desc limit 1").timestamp()
        world.event(claim, event)
        return round(sent)
    charge_id = world.start(world.dial())["charge_id"]
    assert sends(world, charge_id) == (0, 0)
    submitted("not_sent")
    assert sends(world, charge_id) == (0, 0)
    world.later("10 minutes")
    first = submitted("unknown")
    assert sends(world, charge_id) == (first, first)
    for _ in range(3):
        world.event(world.claim_one(), "not_found", wait=60)
    last = submitted("duplicate")
    assert last > first + 60 and sends(world, charge_id) == (first, last)
    world.rows("update billing.attempt set our_ref = gen_random_uuid() where charge_id = %s", charge_id)
    assert sends(world, charge_id) == (0, 0)


# ---- places ----

@pytest.fixture
def crowd(world):
    """Five charges due at MTN, then two at M-Pesa."""
    readers = [world.dial(f"+22505010203{n:02}") for n in range(7)]
    made = [world.start(r)["charge_id"] for r in readers]
    world.rows("update billing.charge set rail = 'mpesa' where id = any(%s)", made[5:])
    world.later("10 seconds")
    return made


def claimed(world, most=10, owner="w:1"):
    return sorted(w["charge_id"] for w in world.call("billing.claim_rail_work", owner, 1, most))


def test_a_rail_is_asked_about_no_more_charges_than_it_has_places_whoever_claims(world, crowd):
    world.rows("update billing.rail set places = 2 where code = 'mtn_momo'")
    assert claimed(world) == crowd[:2] + crowd[5:]            # its queue holds up no other rail
    assert claimed(world, owner="w:2") == []
    world.rows("update billing.rail set places = 3 where code = 'mtn_momo'")
    assert claimed(world, owner="w:2") == crowd[2:3]


def test_an_answer_and_a_lapsed_lease_give_their_place_back(world, crowd):
    world.rows("update billing.rail set places = 1 where code = 'mtn_momo'")
    first = world.call("billing.claim_rail_work", "w:1", 1, 10)[0]
    assert claimed(world) == []
    world.event(first, "accepted")
    assert claimed(world) == crowd[1:2]
    assert claimed(world) == []
    world.later("5 minutes")                                   # who had it is dead
    assert claimed(world) == crowd[2:3] + crowd[5:]


def test_a_claim_takes_the_oldest_of_all_rails(world, crowd):
    world.rows("update billing.charge set due_at = due_at - interval '1 minute' where id = %s", crowd[6])
    assert claimed(world, 3) == sorted([crowd[6], *crowd[:2]])


def test_an_older_link_in_the_same_claim_goes_before_the_new_charge(shop):
    """Case 32: one claim finds both due; the older link is asked about, the newer charge waits for that answer."""
    world = shop("link")
    reader = world.dial()
    older = handed_out(world, reader)
    newer = give_up(world, reader, older)
    world.rows("update billing.charge set due_at = ops.now() - interval '1 second', last_polled_at = ops.now() + interval '1 second'"
               " where id = any(%s)", [older, newer])
    (only,) = world.call("billing.claim_rail_work", "w:1", 1, 10)
    assert (only["charge_id"], only["action"]) == (older, "revoke")
    world.later("5 seconds")
    assert world.call("billing.claim_rail_work", "w:1", 1, 10) == []          # claimed, and not answered
    world.answer(only, "expired")
    world.later("5 seconds")
    (next_one,) = world.call("billing.claim_rail_work", "w:1", 1, 10)
    assert (next_one["charge_id"], next_one["action"]) == (newer, "submit")


@pytest.mark.parametrize("since, state", [("2 minutes", "PENDING"), ("1 second", "EXPIRED")])
def test_an_older_link_in_the_same_claim_holds_nothing_after_a_minute_nor_once_it_is_over(shop, since, state):
    world = shop("link")
    reader = world.dial()
    older = handed_out(world, reader)
    newer = give_up(world, reader, older)
    world.rows("update billing.charge set state = %s, last_polled_at = ops.now() + interval '1 second' where id = %s", state, older)
    world.rows("update billing.charge set due_at = ops.now() - interval '1 second', created_at = ops.now() - %s::interval where id = any(%s)",
               since, [older, newer])
    assert {(r["charge_id"], r["action"]) for r in world.call("billing.claim_rail_work", "w:1", 1, 10)} >= {(newer, "submit")}
