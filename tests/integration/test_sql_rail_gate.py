# SPDX-License-Identifier: Apache-2.0
"""The circuit breaker of a rail: what opens it, who waits behind it, and that one submit over all workers closes it again."""
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from sqlfixtures import *  # noqa: F401,F403

OPEN_AFTER = 5


def readers(world, count, first=0):
    return [world.dial(f"+22505{first + n:08}") for n in range(count)]


def started(world, count, first=0):
    """Charges of as many readers, all due."""
    ids = [world.start(reader)["charge_id"] for reader in readers(world, count, first)]
    world.rows("update billing.charge set due_at = ops.now() where id = any(%s)", ids)
    return ids


def claim(world, most=100, conn=None, owner="w:1"):
    return world.call("billing.claim_rail_work", owner, 1, most, conn=conn)


def tell(world, row, event="unknown", http=0, reason="timeout", conn=None):
    return world.answer(row, event, conn, http=http, reason=reason)


def gate(world):
    return world.row("select * from billing.rail_gate where rail = 'mtn_momo'")


def alerts(world):
    return [r["kind"] for r in world.rows("select kind from ops.audit where subject = 'rail:mtn_momo' order by id")]


def opened(world, first=0):
    """The rail did not answer; who was sent then is asked about no more."""
    started(world, OPEN_AFTER, first)
    for row in claim(world):
        tell(world, row)
    world.rows("update billing.charge set due_at = null")
    assert gate(world)["state"] == "open"


def over(world):
    """The pause is over."""
    world.rows("update ops.clock set shift = shift + (select until from billing.rail_gate) - ops.now() + interval '8 seconds'")


@pytest.mark.parametrize("event, http, reason, fault", [
    ("unknown", 0, "timeout", True), ("unknown", 200, "", True), ("unknown", 503, "SERVICE_UNAVAILABLE", True), ("unknown", 500, "", True),
    ("not_sent", 0, "refused", True), ("not_sent", 0, "no token", True), ("not_sent", 429, "", True), ("not_sent", 401, "", True),
    ("accepted", 202, "", False), ("duplicate", 409, "", False), ("sync_success", 200, "", False), ("declined", 500, "NOT_ENOUGH_FUNDS", False),
    ("rejected", 400, "BAD_REQUEST", False), ("unknown", 200, "A_WORD_NEVER_SEEN", False),
    ("not_sent", 0, "rail not configured", None), ("not_sent", 0, "too late to send", None), ("rejected", 0, "not to be sent", None)])
def test_no_answer_is_a_fault_and_a_refusal_is_an_answer(world, event, http, reason, fault):
    assert world.value("select billing.is_rail_fault(%s, %s, %s)", event, http, reason) is fault


def test_a_rail_in_health_writes_nothing(world):
    world.buy(world.dial())
    assert world.rows("select 1 from billing.rail_gate") == [] and alerts(world) == []


def test_faults_in_a_row_open_it_and_one_answer_between_does_not(world):
    started(world, 2 * OPEN_AFTER - 1)
    rows = claim(world)
    for n, row in enumerate(rows):
        if n == OPEN_AFTER - 1:
            tell(world, row, "accepted", 202, "")
            assert gate(world)["faults"] == 0
        else:
            tell(world, row)
            assert gate(world)["state"] == "closed" and alerts(world) == []
    started(world, 1, 50)
    tell(world, next(r for r in claim(world) if r["action"] == "submit"))
    g = gate(world)
    assert (g["state"], g["faults"], g["opened"]) == ("open", OPEN_AFTER, 1) and alerts(world) == ["alert.rail_open"]
    assert timedelta(seconds=8) <= g["until"] - g["changed_at"] <= timedelta(seconds=12)


def test_submits_wait_behind_it_and_questions_go_on(world):
    asked = started(world, 1, 90)
    tell(world, claim(world)[0], "accepted", 202, "")
    opened(world)
    waiting = started(world, 40, 100)
    other = started(world, 1, 80)
    world.rows("update billing.charge set rail = 'wave' where id = %s", other[0])
    world.rows("update billing.charge set due_at = ops.now() where id = any(%s)", asked)
    # three places are enough: those that wait take none
    assert sorted((r["charge_id"], r["action"]) for r in claim(world, 3)) == sorted([(asked[0], "poll"), (other[0], "submit")])
    held = world.rows("select state, due_at, attempts, claimed_by from billing.charge where id = any(%s)", waiting)
    assert {(r["state"], r["attempts"], r["claimed_by"]) for r in held} == {("READY", 0, None)}
    assert all(r["due_at"] >= gate(world)["until"] for r in held)
    assert {r["value"].split(", tried")[0] for r in world.rows("select value from ops.status() where section = 'rails'")} == {"open, 40 wait"}


def test_half_open_sends_one_over_all_workers(world):
    opened(world)
    started(world, 40, 100)
    claim(world)
    over(world)
    conns = [world.connect() for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda n: claim(world, 10, conns[n], f"w:{n}"), range(16)))
    [c.close() for c in conns]
    sent = [r for rows in got for r in rows]
    assert [r["action"] for r in sent] == ["submit"] and gate(world)["probe"] == sent[0]["charge_id"]
    assert world.value("select count(*) from billing.attempt where done_at is null") == 1
    world.later("6 seconds")
    assert claim(world) == []
    # it is answered: everybody goes, and the next trouble begins with a short pause
    tell(world, sent[0], "accepted", 202, "")
    assert (gate(world)["state"], gate(world)["faults"], gate(world)["pause_s"]) == ("closed", 0, 10)
    assert alerts(world) == ["alert.rail_open", "rail.closed"]
    world.later("8 seconds")
    assert len([r for r in claim(world) if r["action"] == "submit"]) == 39


def test_a_probe_without_an_answer_doubles_the_pause_up_to_five_minutes(world):
    opened(world)
    started(world, 12, 100)
    claim(world)
    pauses = []
    for _ in range(8):
        over(world)
        row, = [r for r in claim(world) if r["action"] == "submit"]
        tell(world, row)
        world.rows("update billing.charge set due_at = null where id = %s", row["charge_id"])
        pauses.append((gate(world)["until"] - gate(world)["changed_at"]).total_seconds())
    for pause, want in zip(pauses, [20, 40, 80, 160, 300, 300, 300, 300]):
        assert 0.8 * want <= pause <= 1.2 * want, pauses
    assert alerts(world) == ["alert.rail_open"] + ["rail.open_on"] * 8 and gate(world)["opened"] == 9


def test_what_was_sent_before_moves_nothing(world):
    started(world, OPEN_AFTER + 2)
    rows = claim(world)
    for row in rows[:OPEN_AFTER]:
        tell(world, row)
    before = gate(world)
    tell(world, rows[-2], "accepted", 202, "")
    assert gate(world) == before
    over(world)
    started(world, 1, 100)
    probe, = [r for r in claim(world) if r["action"] == "submit"]
    tell(world, {**rows[-1], "version": world.value("select version from billing.charge where id = %s", rows[-1]["charge_id"])}, "pending", 200, "")
    assert gate(world)["state"] == "half"
    tell(world, probe, "rejected", 400, "BAD_REQUEST")             # a refusal is an answer
    assert gate(world)["state"] == "closed"


def test_a_probe_whose_worker_died_is_followed_by_another(world):
    opened(world)
    started(world, 3, 100)
    claim(world)
    over(world)
    first, = [r for r in claim(world) if r["action"] == "submit"]
    world.later("44 seconds")
    assert [r for r in claim(world) if r["action"] == "submit"] == []
    world.later("10 seconds")
    second, = [r for r in claim(world) if r["action"] == "submit"]
    assert second["charge_id"] != first["charge_id"] and gate(world)["probe"] == second["charge_id"]
    tell(world, second, "accepted", 202, "")
    assert gate(world)["state"] == "closed"


def test_who_waited_an_hour_is_told_and_the_gate_is_no_reason_to_keep_him(world):
    opened(world)
    charge = started(world, 1, 100)[0]
    world.rows("update billing.rail_gate set until = ops.now() + interval '2 hours'")
    claim(world)
    world.later("61 minutes")
    world.rows("update billing.charge set due_at = ops.now() where id = %s", charge)
    claim(world)
    assert world.value("select state from billing.charge where id = %s", charge) == "EXPIRED"


def news(world, conn=None):
    return [(r["rail"], r["state"], r["opened"], r["held"]) for r in world.call("billing.rail_news", conn=conn)]


def test_each_change_is_told_once_over_all_workers(world):
    assert news(world) == []
    opened(world)
    started(world, 3, 100)
    claim(world)
    conns = [world.connect() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        told = [row for rows in pool.map(lambda c: news(world, c), conns) for row in rows]
    [c.close() for c in conns]
    assert told == [("mtn_momo", "open", 1, 3)]
    over(world)
    probe, = [r for r in claim(world) if r["action"] == "submit"]
    assert news(world) == [("mtn_momo", "half", 1, 2)] and news(world) == []
    tell(world, probe, "accepted", 202, "")
    assert news(world) == [("mtn_momo", "closed", 1, 0)]


def test_a_late_answer_of_before_is_no_probe(world):
    started(world, OPEN_AFTER + 1)
    rows = claim(world)
    for row in rows[:OPEN_AFTER]:
        tell(world, row)
    over(world)
    before = gate(world)
    tell(world, rows[-1], "accepted", 202, "")
    assert gate(world) == before and before["state"] == "open"


# ---- what else begins at a rail ----

def test_a_typed_code_does_not_leave_while_it_is_open_and_is_the_probe_after_the_pause(world):
    opened(world)
    world.rows("update billing.rail set flow = 'code', prompt_s = 600 where code = 'mtn_momo'")
    first, second = readers(world, 2, 100)
    ids = [world.start(reader)["charge_id"] for reader in (first, second)]
    world.later("9 minutes")
    world.rows("update billing.rail_gate set until = ops.now() + interval '2 minutes'")
    typed = lambda reader, step: world.call("billing.claim_code", "w:1", reader["user_id"], step)  # noqa: E731
    told = lambda reader, step: world.value("select billing.code_state(%s, %s)", reader["user_id"], step)  # noqa: E731
    assert [typed(first, "s1") for _again in range(2)] == [[], []] and told(first, "s1") == told(first, "s1") == "away"
    c = world.row("select *, due_at - ops.now() as left from billing.charge where id = %s", ids[0])
    assert (c["state"], c["attempts"]) == ("CREATED", 0) and c["left"] > timedelta(minutes=9), "time to fetch another code"
    assert world.rows("select 1 from billing.attempt where charge_id = %s", ids[0]) == []
    over(world)
    probe, = typed(first, "s2")
    assert gate(world)["state"] == "half" and gate(world)["probe"] == probe["charge_id"] == ids[0]
    assert typed(second, "t1") == [] and told(second, "t1") == "away", "one at a time"
    tell(world, probe, "code_refused", 400, "2033")
    assert gate(world)["state"] == "closed" and told(first, "s2") == "wrong", "a refusal is an answer"
    assert len(typed(second, "t2")) == 1 and told(second, "t1") == "away" and told(second, "t2") == "slow"


def test_codes_that_are_typed_while_the_rail_is_away_keep_a_charge_for_an_hour_at_most(world):
    """A link in the place of the code would have ended it at the claim, told as sent."""
    world.rows("update billing.rail set flow = 'code', takes_our_ref = false, prompt_s = 600 where code = 'mtn_momo'")
    reader, = readers(world, 1, 100)
    assert world.start(reader)["outcome"] == "code"
    world.rows("insert into billing.rail_gate (rail, state, until, changed_at) values ('mtn_momo', 'open', ops.now() + interval '1 day', ops.now())")
    for n in range(7):
        assert world.call("billing.claim_code", "w:1", reader["user_id"], f"s{n}") == []
        assert world.value("select billing.code_state(%s, %s)", reader["user_id"], f"s{n}") == "away" and claim(world) == []
        world.later("9 minutes")
    assert claim(world) == [] and world.row("select state, reason from billing.charge") == {"state": "EXPIRED", "reason": "no code came"}


def refundable(world, count):
    """Approved refunds of paid charges, all due."""
    for reader in readers(world, count, 200):
        world.buy(reader)
        made = world.one("billing.refund_request", world.value("select max(id) from billing.charge"), None, "asked", "awa")
        world.one("billing.refund_approve", made["refund_id"], "bob")
    return [r["id"] for r in world.rows("select id from billing.refund order by id")]


def test_approved_refunds_wait_for_the_end_of_the_pause_and_questions_go_on(world):
    asked, *waiting = refundable(world, 12)
    row, = world.call("billing.claim_refunds", "w:1", 1)
    world.one("billing.refund_event", row["refund_id"], row["version"], "accepted", 202, None, None, None, None, None, 0)
    opened(world)
    world.later("1 minute")
    world.rows("update billing.rail_gate set until = ops.now() + interval '2 minutes'")
    world.rows("update billing.refund set due_at = ops.now() - case state when 'APPROVED' then interval '1 second' else '0' end")
    # one place is enough: those that wait take none
    assert [(r["refund_id"], r["action"]) for r in world.call("billing.claim_refunds", "w:1", 1)] == [(asked, "poll")]
    held = world.rows("select state, attempts, due_at from billing.refund where id = any(%s)", waiting)
    assert {(r["state"], r["attempts"]) for r in held} == {("APPROVED", 0)} and all(r["due_at"] >= gate(world)["until"] for r in held)
    assert [r["held"] for r in world.call("billing.rail_gates")] == [len(waiting)], "a person sees that money waits to be given back"
    over(world)
    assert sorted((r["refund_id"], r["action"]) for r in world.call("billing.claim_refunds", "w:1", 100) if r["action"] == "submit") == \
        [(w, "submit") for w in waiting]
    assert gate(world)["state"] == "open", "by another door: no probe"


def test_a_refund_of_another_rail_does_not_wait(world):
    other, = refundable(world, 1)
    world.rows("update billing.charge set rail = 'wave'")
    opened(world)
    assert [r["refund_id"] for r in world.call("billing.claim_refunds", "w:1", 10)] == [other]


def test_a_mandate_is_asked_for_after_the_pause_and_after_an_hour_in_any_case(world):
    world.rows("update billing.auto_debit set enabled = true where country = 'CI' and rail = 'mtn_momo'")
    reader = world.dial("+2250500000300")
    world.buy(reader, "month", 1500)
    o = world.one("billing.auto_offer", reader["user_id"], reader["identity_id"], "fr")
    assert world.one("billing.auto_ask", reader["user_id"], reader["identity_id"], o["plan_id"], o["price_id"], "k", "1 500 F", "ussd")["outcome"] == "created"
    opened(world)
    world.later("1 minute")
    for minutes, claimed in ((5, 0), (40, 0), (20, 1)):
        world.later(f"{minutes} minutes")
        world.rows("update billing.rail_gate set until = ops.now() + interval '2 minutes'")
        world.rows("update billing.mandate set due_at = ops.now()")
        got = world.call("billing.claim_mandates", "w:1", 10)
        assert len(got) == claimed, minutes
    answer = world.one("billing.mandate_event", got[0]["mandate_id"], got[0]["version"], "not_sent", 0, "", 0)
    assert answer["state"] == "REFUSED", "she hears of it"
    assert world.value("select count(*) from messaging.message where identity_id = %s and kind = 'receipt' and body like '%%accord%%'",
                       reader["identity_id"]) == 1


def test_it_can_be_taken_out(world):
    world.rows("update billing.rail set open_after = 0 where code = 'mtn_momo'")
    started(world, 3 * OPEN_AFTER)
    for row in claim(world):
        tell(world, row)
    assert gate(world)["state"] == "closed"
