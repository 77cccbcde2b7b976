# SPDX-License-Identifier: Apache-2.0
"""Money in SQL: the state machine, I1-I13, entitlements and the ledger. Case numbers are of the list of hard payment cases."""
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import psycopg2
import pytest

from sqlfixtures import *  # noqa: F401,F403


def charge(world, charge_id):
    return world.row("select * from billing.charge where id = %s", charge_id)


def bodies(world, reader):
    return [m["body"] for m in world.messages(reader, "receipt")]


def ledger_sum(world):
    return world.rows("select txn_id, currency from billing.ledger_entry group by 1, 2 having sum(amount_minor) <> 0")


def test_paid_pass_has_right_ledger_and_receipt_in_one_step(world):
    reader = world.dial()
    assert not world.value("select billing.may_read(%s, %s, 2, null)", reader["user_id"], world.book())
    started = world.buy(reader)
    c = charge(world, started["charge_id"])
    assert (c["state"], c["settlement"], c["due_at"]) == ("SUCCEEDED", "granted", None)
    assert world.value("select billing.may_read(%s, 1000001, 2, null)", reader["user_id"])
    e = world.row("select * from billing.entitlement where charge_id = %s", c["id"])
    assert e["ends_at"] - e["starts_at"] == timedelta(days=1)
    entries = world.rows("select account, amount_minor from billing.ledger_entry order by amount_minor")
    assert entries == [{"account": "revenue", "amount_minor": -85}, {"account": "tva", "amount_minor": -15},
                       {"account": "clearing", "amount_minor": 100}]
    (body,) = bodies(world, reader)
    assert "Pass jour" in body and "100 F" in body and len(body) <= 160
    assert world.one("billing.my_pass", reader["user_id"], "fr")["outcome"] == "active"


def test_start_charge_outcomes(world):
    reader = world.dial()
    offer = world.offer(reader)
    wrong = world.one("billing.start_charge", reader["user_id"], reader["identity_id"], offer["plan_id"], 999999, "s0", "c", "ussd")
    assert (wrong["outcome"], wrong["amount_minor"]) == ("price_changed", 100)
    first = world.start(reader, step="s1")
    assert first["outcome"] == "created" and "*133#" in first["hint"] and first["rail"] == "mtn_momo"
    assert world.start(reader, step="s1") == first  # S2: the same step
    again = world.start(reader, "week", step="s2")  # case 24
    assert (again["outcome"], again["charge_id"]) == ("pending", first["charge_id"])
    assert world.dial()["pending"] == "charge" and world.dial()["pending_ref"] == first["our_ref"]
    world.event(world.claim_one(), "sync_success", "t1")
    assert world.start(reader)["outcome"] == "active"
    assert world.start(reader, "week")["outcome"] == "created"
    kenyan = world.dial("+254711000111", "KE", "safaricom")
    assert world.start(kenyan)["outcome"] == "price_changed"
    world.rows("insert into billing.price (plan_id, country, amount_minor, currency, valid_from)"
               " select id, 'KE', 2000, 'KES', '2026-01-01' from billing.plan where code = 'day'")
    assert world.start(kenyan)["outcome"] == "no_rail"


def test_price_change_between_menu_and_confirmation_asks_again(world):  # case 36
    reader = world.dial()
    old = world.offer(reader)
    world.rows("insert into billing.price (plan_id, country, amount_minor, currency, valid_from) values (%s, 'CI', 150, 'XOF', ops.now())",
               old["plan_id"])
    got = world.one("billing.start_charge", reader["user_id"], reader["identity_id"], old["plan_id"], old["price_id"], "s", "c", "ussd")
    assert (got["outcome"], got["amount_minor"]) == ("price_changed", 150)


@pytest.mark.parametrize("same_step", [True, False])
def test_one_charge_from_many_connections_at_once(world, same_step):  # case 25, I1
    reader = world.dial()
    conns = [world.connect() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: world.start(reader, step="s" if same_step else f"s{n}", conn=conns[n]), range(8)))
    assert world.value("select count(*) from billing.charge") == 1
    assert len({g["charge_id"] for g in got}) == 1
    assert sorted(g["outcome"] for g in got) == (["created"] * 8 if same_step else ["created"] + ["pending"] * 7)
    [c.close() for c in conns]


def test_submit_writes_the_attempt_first_and_end_comes_before_the_push(world):  # I2, case 23
    reader = world.dial()
    started = world.start(reader)
    assert world.call("billing.claim_rail_work", "w:1", 1, 10) == []
    world.later("4 seconds")
    claim = world.one("billing.claim_rail_work", "w:1", 1, 10)
    assert (claim["action"], claim["state"], str(claim["our_ref"])) == ("submit", "SUBMITTING", started["our_ref"])
    assert world.row("select n, done_at, owner from billing.attempt") == {"n": 1, "done_at": None, "owner": "w:1"}
    assert world.call("billing.claim_rail_work", "w:2", 1, 10) == []
    world.event(claim, "accepted")
    assert world.row("select event, http_status from billing.attempt") == {"event": "accepted", "http_status": 200}


def test_killed_after_claim_is_asked_about_and_resubmitted_with_the_same_ref(world):  # cases 1, 2, I3
    started = world.start(world.dial())
    world.later("4 seconds")
    old = world.one("billing.claim_rail_work", "w:1", 1, 10)
    world.later("50 seconds")
    claim = world.one("billing.claim_rail_work", "w:2", 2, 10)
    assert (claim["action"], claim["state"]) == ("poll", "UNKNOWN")
    assert world.event(old, "accepted")["outcome"] == "stale"
    states = []
    for _ in range(3):
        states.append(world.event(claim, "not_found")["state"])
        claim = world.claim_one()
    while states[-1] != "READY":
        states.append(world.event(claim, "not_found")["state"])
        claim = world.claim_one()
        assert len(states) < 10
    first = world.value("select min(sent_at) from billing.attempt")
    assert world.now() - first >= timedelta(seconds=60) and states.count("UNKNOWN") >= 2
    assert (claim["action"], str(claim["our_ref"])) == ("submit", started["our_ref"])
    assert world.event(claim, "duplicate")["state"] == "PENDING"  # case 4


def test_not_found_never_resubmits_before_sixty_seconds(world):
    world.start(world.dial())
    claim = world.claim_one()
    world.event(claim, "unknown", wait=1)
    for _ in range(5):
        claim = world.claim_one()
        assert claim["action"] == "poll"
        assert world.event(claim, "not_found", wait=2)["state"] == "UNKNOWN"


def test_a_rail_without_our_reference_is_never_sent_again(world):
    world.rows("update billing.rail set takes_our_ref = false where code = 'mtn_momo'")
    world.start(world.dial())
    world.event(world.claim_one(), "unknown")
    for _ in range(8):
        assert world.event(world.claim_one(), "not_found", wait=60)["state"] == "UNKNOWN"


def test_not_sent_goes_back_with_growing_waits(world):
    world.start(world.dial())
    waits = []
    for n in range(4):
        claim = world.claim_one()
        assert claim["action"] == "submit"
        assert world.event(claim, "not_sent")["state"] == "READY"
        waits.append((world.value("select due_at from billing.charge") - world.now()).total_seconds())
        assert 0.75 * 5 * 2 ** n <= waits[-1] <= 1.25 * 5 * 2 ** n


@pytest.mark.parametrize("event, state, words", [("declined", "FAILED", "refusé"), ("expired", "EXPIRED", "expiré"),
                                                 ("rejected", "FAILED", "refusé")])
def test_each_end_tells_the_reader_once_and_frees_him(world, event, state, words):
    reader = world.dial()
    started = world.start(reader)
    world.event(world.claim_one(), "accepted" if event != "rejected" else "rejected", reason="NOT_ENOUGH_FUNDS")
    if event != "rejected":
        assert world.event(world.claim_one(), event, reason="NOT_ENOUGH_FUNDS")["state"] == state
    c = charge(world, started["charge_id"])
    assert (c["state"], c["reason"]) == (state, "NOT_ENOUGH_FUNDS")
    (body,) = bodies(world, reader)
    assert words in body and len(body) <= 160
    assert world.start(reader)["outcome"] == "created"
    assert world.dial()["pending"] == "charge"


def test_unanswered_prompt_is_told_once_and_polling_goes_on(world):
    reader = world.dial()
    started = world.start(reader)
    world.event(world.claim_one(), "accepted")
    world.later("6 minutes")
    for _ in range(3):
        assert world.event(world.claim_one(), "pending")["state"] == "PENDING"
    assert len(bodies(world, reader)) == 1 and "pas encore de réponse" in bodies(world, reader)[0]
    c = charge(world, started["charge_id"])
    assert c["prompt_expired"] and c["due_at"] is not None


def test_poll_ladder(world):
    for polls, want in [(0, 10), (1, 20), (2, 30), (3, 45), (4, 60), (5, 90), (6, 120), (19, 120), (20, 900), (113, 900), (114, 3600), (9999, 3600)]:
        got = [world.value("select extract(epoch from billing.next_poll(%s))::float8", polls) for _ in range(20)]
        assert all(0.8 * want <= g <= 1.2 * want for g in got) and len(set(got)) > 1
    assert 86000 <= sum(10 if n == 0 else world.value(
        "select delay_s from billing.poll_ladder where poll <= %s order by poll desc limit 1", n) for n in range(114)) <= 87500


def test_a_day_without_an_answer_is_unresolved_then_settles(world):
    reader = world.dial()
    started = world.start(reader)
    world.event(world.claim_one(), "accepted")
    world.later("25 hours")
    claim = world.claim_one()
    assert claim["state"] == "UNRESOLVED"
    assert "vérification" in bodies(world, reader)[-1]
    assert world.event(claim, "pending")["state"] == "UNRESOLVED"
    assert 2800 <= (charge(world, started["charge_id"])["due_at"] - world.now()).total_seconds() <= 4400
    assert world.event(world.claim_one(), "success", "late")["state"] == "SUCCEEDED"


def test_late_success_after_expiry_grants(world):  # case 9
    reader = world.dial()
    started = world.start(reader)
    world.event(world.claim_one(), "accepted")
    world.event(world.claim_one(), "expired")
    claim = world.claim_one()
    assert 3500 <= (world.now() - charge(world, started["charge_id"])["ended_at"]).total_seconds() <= 3700
    assert world.event(claim, "success", "late")["state"] == "SUCCEEDED_LATE"
    assert world.one("billing.my_pass", reader["user_id"], "fr")["outcome"] == "active"
    assert ledger_sum(world) == []


def test_final_failure_is_asked_twice_more_then_left(world):
    started = world.start(world.dial())
    world.event(world.claim_one(), "accepted")
    world.event(world.claim_one(), "declined")
    world.event(world.claim_one(), "declined")
    assert charge(world, started["charge_id"])["due_at"] == charge(world, started["charge_id"])["ended_at"] + timedelta(hours=24)
    world.event(world.claim_one(), "declined")
    assert charge(world, started["charge_id"])["due_at"] is None


def test_late_success_of_a_failed_charge_after_paying_anew_is_credit(world):  # case 10, I5
    reader = world.dial()
    old = world.start(reader)
    world.event(world.claim_one(), "accepted")
    world.event(world.claim_one(), "declined")
    world.rows("update billing.charge set due_at = ops.now() + interval '2 days'")
    world.buy(reader)
    world.later("2 days")
    assert world.event(world.claim_one(), "success", "old")["state"] == "SUCCEEDED_LATE"
    assert charge(world, old["charge_id"])["settlement"] == "credited"
    assert world.value("select count(*) from billing.entitlement") == 1
    assert world.value("select sum(amount_minor) from billing.ledger_entry where account = 'liability'") == -100
    assert ledger_sum(world) == []


def test_superseded_charge_both_succeed_one_grant_one_credit(world):  # I1, I13
    reader = world.dial()
    old = world.start(reader)
    world.event(world.claim_one(), "accepted")
    assert world.one("billing.supersede_charge", reader["user_id"], "x1")["outcome"] == "too_early"
    world.later("16 minutes")
    assert world.one("billing.supersede_charge", reader["user_id"], "x2") == {"outcome": "ok", "charge_id": old["charge_id"]}
    assert world.one("billing.supersede_charge", reader["user_id"], "x2")["outcome"] == "ok"
    new = world.start(reader)
    assert new["outcome"] == "created"
    world.later("10 seconds")
    claims = {c["charge_id"]: c for c in world.call("billing.claim_rail_work", "w:1", 1, 10)}
    assert world.event(claims[old["charge_id"]], "success", "t-old")["state"] == "SUCCEEDED"
    assert world.event(claims[new["charge_id"]], "sync_success", "t-new")["state"] == "SUCCEEDED"
    assert world.rows("select id, settlement from billing.charge order by id") == [
        {"id": old["charge_id"], "settlement": "granted"}, {"id": new["charge_id"], "settlement": "credited"}]
    world.later("2 days")
    assert world.start(reader)["outcome"] == "paid", "by the credit"
    assert world.value("select count(*) from billing.entitlement") == 2 and ledger_sum(world) == []


@pytest.mark.parametrize("amount, currency, txn", [(99, "XOF", "t"), (10000, "XOF", "t"), (None, "XOF", "t"), (100, "XAF", "t"),
                                                   (100, None, "t"), (0, "XOF", "t"), (-1, "XOF", "t"), (2 ** 63 - 1, "XOF", "t")])
def test_other_money_is_held_for_a_person(world, amount, currency, txn):  # cases 15, 16, I8
    reader = world.dial()
    started = world.start(reader)
    world.event(world.claim_one(), "accepted")
    assert world.event(world.claim_one(), "success", txn, amount, currency)["state"] == "REVIEW"
    c = charge(world, started["charge_id"])
    assert (c["settlement"], c["due_at"]) == ("review", None)
    assert world.value("select count(*) from billing.entitlement") == 0
    held = world.rows("select amount_minor, currency from billing.ledger_entry where account = 'suspense'")
    assert held == ([{"amount_minor": -amount, "currency": currency}] if amount and amount > 0 and currency else [])
    assert world.value("select count(*) from ops.audit where kind = 'alert.charge_review'") == 1
    assert "vérification" in bodies(world, reader)[-1]


def test_a_transaction_of_another_charge_is_held(world):  # case 17
    a, b = world.dial("+2250501"), world.dial("+2250502")
    world.start(a)
    world.event(world.claim_one(), "sync_success", "same")
    world.start(b)
    assert world.event(world.claim_one(), "sync_success", "same")["state"] == "REVIEW"


def test_mismatch_on_a_failed_charge_whose_period_is_paid(world):
    reader = world.dial()
    world.start(reader)
    world.event(world.claim_one(), "accepted")
    world.event(world.claim_one(), "declined")
    world.rows("update billing.charge set due_at = ops.now() + interval '20 minutes'")
    world.buy(reader)
    assert world.event(world.claim_one(), "success", "odd", 7)["state"] == "REVIEW"


def test_nothing_undoes_success(world):  # case 8, I10
    started = world.start(world.dial())
    claim = world.claim_one()
    world.event(claim, "sync_success", "t")
    now = {**claim, "version": charge(world, started["charge_id"])["version"]}
    for event in ("declined", "expired", "unknown", "not_found", "pending", "accepted", "success", "mismatch", "rejected"):
        assert world.event(now, event, "t")["outcome"] == "ignored"
    assert charge(world, started["charge_id"])["state"] == "SUCCEEDED"
    assert world.value("select count(*) from billing.entitlement") == 1


def test_sixty_four_equal_answers_settle_once(world):  # case 7, case 3
    reader = world.dial()
    world.start(reader)
    claim = world.claim_one()
    conns = [world.connect() for _ in range(64)]
    with ThreadPoolExecutor(64) as pool:
        got = list(pool.map(lambda c: world.event(claim, "sync_success", "t", conn=c), conns))
    assert sorted(g["outcome"] for g in got) == ["ok"] + ["stale"] * 63
    assert len(bodies(world, reader)) == 1 and world.value("select count(*) from billing.ledger_txn") == 1
    [c.close() for c in conns]


def test_sixty_four_callbacks_are_one_row_and_one_early_query(world):  # case 7, I6, I7
    started = world.start(world.dial())
    world.event(world.claim_one(), "accepted", wait=600)
    ref = started["our_ref"]
    conns = [world.connect() for _ in range(64)]
    with ThreadPoolExecutor(64) as pool:
        got = list(pool.map(lambda c: world.one("billing.inbox_put", "mtn_momo", b"k", b"h", b"b", False, ref, conn=c)["outcome"], conns))
    [c.close() for c in conns]
    assert sorted(got) == ["new"] + ["seen"] * 63
    assert world.row("select seen, charge_id from billing.inbox") == {"seen": 64, "charge_id": started["charge_id"]}
    assert charge(world, started["charge_id"])["state"] == "PENDING"
    claim = world.one("billing.claim_rail_work", "w:1", 1, 10)
    world.event(claim, "pending", wait=600)
    world.one("billing.inbox_put", "mtn_momo", b"k2", b"h", b"b", False, ref)  # case 11: not below 10 s after the last
    assert charge(world, started["charge_id"])["due_at"] - charge(world, started["charge_id"])["last_polled_at"] == timedelta(seconds=10)


def test_callback_before_the_answer_keeps_the_lease_and_is_remembered(world):  # case 5
    started = world.start(world.dial())
    claim = world.claim_one()
    lease = charge(world, started["charge_id"])["due_at"]
    world.one("billing.inbox_put", "mtn_momo", b"k", b"h", b"b", False, started["our_ref"])
    assert charge(world, started["charge_id"])["due_at"] == lease
    world.event(claim, "accepted", wait=600)
    assert charge(world, started["charge_id"])["due_at"] <= world.now() + timedelta(seconds=10)


def test_unknown_reference_gets_the_same_answer_and_is_kept(world):  # cases 6, 11
    ref = "0d7d4bca-3f0e-4f6d-9d6d-1d1f0a2b3c4d"
    assert world.one("billing.inbox_put", "mtn_momo", b"a", b"h", b"b", False, ref)["outcome"] == "new"
    assert world.one("billing.inbox_put", "mtn_momo", b"b", b"h", b"b", False, "' or 1=1")["outcome"] == "new"
    assert world.value("select billing.inbox_match(10)") == 0
    started = world.start(world.dial())
    world.rows("update billing.inbox set our_ref_hint = %s where dedupe_key = 'a'", started["our_ref"])
    assert world.value("select billing.inbox_match(10)") == 1


def test_two_claimers_never_share_a_charge(world):
    for n in range(40):
        world.start(world.dial(f"+22505{n:06}"))
    world.later("5 seconds")
    conns = [world.connect() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda c: [r["charge_id"] for r in world.call("billing.claim_rail_work", "w", 1, 10, conn=c)], conns))
    flat = [i for g in got for i in g]
    assert len(flat) == len(set(flat)) and all(len(g) <= 10 for g in got)
    assert world.value("select count(*) from billing.attempt") == len(flat)
    [c.close() for c in conns]


def test_payer_is_not_the_reader(world):  # case 33
    reader, payer = world.dial("+2250501"), world.dial("+2250502")
    world.start({**reader, "identity_id": payer["identity_id"]})
    world.event(world.claim_one(), "sync_success", "t")
    assert world.one("billing.my_pass", reader["user_id"], "fr")["outcome"] == "active"
    assert world.one("billing.my_pass", payer["user_id"], "fr")["outcome"] == "none"
    assert len(bodies(world, reader)) == 1 and len(bodies(world, payer)) == 1


def test_every_move_of_the_table_is_taken_and_no_other(world):
    """Each (state, event): what charge_event does is what the rows say."""
    legal = {}
    for t in world.rows("select * from billing.charge_transition"):
        legal.setdefault((t["from_state"], t["event"]), set()).add(t["to_state"])
    events = ["accepted", "duplicate", "pending", "sync_success", "success", "declined", "expired", "not_sent", "unknown", "rejected",
              "not_found", "not_issued", "code_refused", "unresolved", "mismatch"]
    started = world.start(world.dial())
    before = charge(world, started["charge_id"])
    n = 0
    for state in ("SUBMITTING", "PENDING", "UNKNOWN", "UNRESOLVED", "FAILED", "EXPIRED", "SUCCEEDED", "REVIEW"):
        for event in events:
            n += 1
            conn = psycopg2.connect(world.url)
            with conn.cursor() as cur:
                cur.execute("update billing.charge set state = %s, settlement = case %s when 'SUCCEEDED' then 'granted' when 'REVIEW' then 'review' end",
                            (state, state))
            said = world.event({"charge_id": before["id"], "version": before["version"]}, event, f"t{n}", conn=conn)
            outcome, got = said["outcome"], said["state"]
            conn.rollback()
            conn.close()
            if (state, event) in legal:
                assert outcome == "ok" and got in legal[(state, event)], (state, event, got)
            else:
                assert (outcome, got) == ("ignored", state), (state, event, got)


@pytest.mark.parametrize("start, unit, anchor, ends", [
    ((2026, 1, 31), "month", 31, [(2026, 2, 28), (2026, 3, 31), (2026, 4, 30), (2026, 5, 31)]),
    ((2028, 1, 30), "month", 30, [(2028, 2, 29), (2028, 3, 30)]),
    ((2028, 2, 29), "year", 29, [(2029, 2, 28), (2030, 2, 28), (2031, 2, 28), (2032, 2, 29)]),
    ((2026, 12, 15), "month", 15, [(2027, 1, 15)]),
    ((2026, 2, 27), "week", 27, [(2026, 3, 6)]),
    ((2026, 2, 28), "day", 28, [(2026, 3, 1)])])
def test_period_arithmetic(world, start, unit, anchor, ends):  # case 45
    at = datetime(*start, 9, 30, tzinfo=timezone.utc)
    for end in ends:
        at = world.value("select billing.add_period(%s, %s, 1, %s, 'Africa/Dakar')", at, unit, anchor)
        assert at.astimezone(timezone.utc) == datetime(*end, 9, 30, tzinfo=timezone.utc)


def test_passes_follow_each_other_without_a_lost_hour(world):
    reader = world.dial()
    world.buy(reader)
    world.buy(reader, "week", 500)
    a, b = world.rows("select * from billing.entitlement order by starts_at")
    assert b["starts_at"] == a["ends_at"] and b["ends_at"] - b["starts_at"] == timedelta(days=7)
    world.later("23 hours")  # the renewal window of the day pass
    world.rows("delete from billing.entitlement where id = %s", b["id"])
    world.buy(reader)
    assert world.value("select max(starts_at) from billing.entitlement") == a["ends_at"]
    assert world.start(reader)["outcome"] == "active"


def test_tva_over_all_amounts(world):  # case 46
    assert world.value("select count(*) from generate_series(1, 1000000) ttc"
                       " where billing.tva_of(ttc, 180) <> floor(ttc * 18::numeric / 118 + 0.5)") == 0


def test_money_text(world):
    assert world.value("select billing.money_text(2500, 'XOF')") == "2 500 F"
    assert world.value("select billing.money_text(2505, 'GHS')") == "25.05 GHS"


@pytest.mark.parametrize("entries", ["", "(%(t)s, 'clearing', 5, 'XOF')", "(%(t)s, 'clearing', 5, 'XOF'), (%(t)s, 'revenue', -4, 'XOF')",
                                     "(%(t)s, 'clearing', 5, 'XOF'), (%(t)s, 'revenue', -5, 'XAF')"])
def test_ledger_refuses_what_does_not_sum_to_zero(world, entries):  # I9
    conn = psycopg2.connect(world.url)
    with conn.cursor() as cur:
        cur.execute("insert into billing.ledger_txn (kind, at) values ('fee', now()) returning id")
        txn = cur.fetchone()[0]
        if entries:
            cur.execute("insert into billing.ledger_entry (txn_id, account, amount_minor, currency) values " + entries, {"t": txn})
    with pytest.raises(psycopg2.errors.CheckViolation):
        conn.commit()
    conn.close()


def test_ledger_is_append_only_and_closed(world):  # I9
    world.buy(world.dial())
    for statement in ("update billing.ledger_entry set amount_minor = 1", "delete from billing.ledger_entry",
                      "truncate billing.ledger_entry", "delete from billing.ledger_txn", "truncate billing.ledger_txn cascade",
                      "update ops.audit set actor = ''", "delete from auth.consent", "truncate ops.audit"):
        if "consent" in statement or "audit" in statement:
            world.rows("select ops.audit_put('t', 't', 't', '{}')")
            world.rows("insert into auth.consent (identity_id, granted, at) values (1, true, now())")
        with pytest.raises(psycopg2.errors.RestrictViolation):
            world.rows(statement)
    with pytest.raises(psycopg2.errors.CheckViolation):
        world.rows("insert into billing.ledger_entry (txn_id, account, amount_minor, currency)"
                   " select max(id), a, n, 'XOF' from billing.ledger_txn, (values ('clearing', 3), ('revenue', -3)) v(a, n) group by a, n")


def test_settlement_is_all_or_nothing(world):  # case 44
    reader = world.dial()
    started = world.start(reader)
    claim = world.claim_one()
    world.rows("alter table billing.ledger_entry add constraint broken check (account <> 'tva')")
    with pytest.raises(psycopg2.errors.CheckViolation):
        world.event(claim, "sync_success", "t")
    assert charge(world, started["charge_id"])["state"] == "SUBMITTING"
    assert world.value("select count(*) from billing.entitlement") == 0 and bodies(world, reader) == []
    world.rows("alter table billing.ledger_entry drop constraint broken")
    assert world.event(claim, "sync_success", "t")["state"] == "SUCCEEDED"


def test_receipt_fits_one_sms_whatever_the_rail_says(world):
    reader = world.dial()
    world.start(reader)
    world.event(world.claim_one(), "sync_success", "X" * 120)
    (body,) = bodies(world, reader)
    assert world.value("select messaging.septets(%s)", body) <= 160
