# SPDX-License-Identifier: Apache-2.0
"""Whom and what a mandate must not reach: other readers, other rails, money that was given back; and who waits behind whom."""
import pytest

import test_sql_refunds as refunds
from sqlfixtures import *  # noqa: F401,F403
from test_sql_billing import charge
from test_sql_mandate import auto, debit, look, mandate, renewing, to_debit, told  # noqa: F401
from test_sql_selling import passes

# ---- whom it must not reach ----

def debits(world):
    return world.value("select count(*) from billing.charge where mandate_id is not null")


def test_a_number_that_another_reader_moves_to_is_debited_for_nobody_else(auto):
    """A reader with two phones agreed with one of them; that number is another reader's now, she stays with the other phone."""
    one, other, owner = renewing(auto), auto.dial("+2250502"), auto.dial("+2250503")
    auto.rows("update auth.identity set user_id = %s where id = %s", one["user_id"], other["identity_id"])
    auto.rows("update billing.entitlement set starts_at = ops.now() - interval '31 days', ends_at = ops.now() - interval '1 hour'")
    assert auto.value("select auth.number_shift(%s, %s)", owner["identity_id"], one["identity_id"]) == "ok"
    assert auto.row("select state, renew_at from billing.mandate") == {"state": "ENDING", "renew_at": None}
    auto.rows("update billing.mandate set state = 'ACTIVE', renew_at = ops.now()")  # and should one be forgotten, nothing is debited
    look(auto)
    look(auto)
    assert debits(auto) == 0 and auto.row("select state, why from billing.mandate") == {"state": "SLEEPING", "why": "wallet"}


def test_money_that_was_given_back_is_not_taken_again(auto):
    """The next period is debited some hours early and given back whole before it begins: its pass leaves no trace."""
    reader = renewing(auto)
    c = debit(auto, reader, "success", txn="t1")
    refunds.approved(auto, c["id"])
    assert refunds.event(auto, refunds.claim(auto), "success", 1500, "R1")["state"] == "REFUNDED"
    assert len(passes(auto, reader)) == 1
    m = mandate(auto, reader)
    assert (m["state"], m["noticed_for"]) == ("SLEEPING", None) and told(auto, reader)[-1] == "asleep"
    auto.later("31 days")
    look(auto)
    assert debits(auto) == 1


@pytest.mark.parametrize("credit", [1400, 1500])
def test_credit_that_leaves_too_little_for_her_rail_asks_no_other_one(auto, credit):
    reader = renewing(auto)
    auto.rows("update billing.rail set enabled = true where code = 'wave'")
    auto.rows("update billing.rail set min_minor = 200 where code = 'mtn_momo'")
    auto.rows("with t as (insert into billing.ledger_txn (kind, charge_id, user_id, at) select 'credit', id, user_id, ops.now() from billing.charge"
              " returning id) insert into billing.ledger_entry (txn_id, account, rail, amount_minor, currency)"
              " select t.id, a, r, n, 'XOF' from t, (values ('clearing', 'mtn_momo', %s), ('liability', null, -%s)) v(a, r, n)", credit, credit)
    for _ in range(5):
        look(auto)
    asked = auto.rows("select rail, settlement from billing.charge where mandate_id is not null order by id limit 1")
    if credit == 1500:
        assert asked == [{"rail": "wallet", "settlement": "granted"}]
    else:
        assert asked == [] and mandate(auto, reader)["state"] == "SLEEPING"


def lost_at_the_rail(world, claimed):
    """Sent, no answer, and then the rail does not know it: it would be sent again."""
    world.event(claimed, "unknown")
    for _ in range(3):
        world.later("40 seconds")
        state = world.event(world.claim_one(), "not_found")["state"]
    assert state == "READY"


@pytest.mark.parametrize("when", ["pays another way", "night"])
def test_what_the_rail_lost_is_not_sent_again_behind_her_back(auto, when):
    reader = renewing(auto)
    c = to_debit(auto, reader)
    lost_at_the_rail(auto, auto.claim_one())
    if when == "night":
        auto.rows("update ops.clock set shift = shift + (date_trunc('day', ops.now()) + interval '26 hours' - ops.now())")
    else:
        auto.rows("update billing.charge set superseded = true where id = %s", c["id"])
        auto.later("1 minute")
    assert auto.call("billing.claim_rail_work", "w", 1, 10) == []
    c = charge(auto, c["id"])
    assert c["state"] == "EXPIRED" and c["due_at"] is not None, "and is asked about once more (M4)"


def test_a_second_stop_ends_what_was_agreed_to_after_the_first(auto):
    reader, phone = auto.dial(), auto.dial("+2250502")
    auto.rows("update auth.identity set user_id = %s where id = %s", reader["user_id"], phone["identity_id"])
    auto.one("auth.stop_by", phone["identity_id"], None, "sms")
    renewing(auto, reader)
    assert auto.one("auth.stop_by", phone["identity_id"], None, "sms")["outcome"] == "already"
    assert mandate(auto, reader)["state"] == "ENDING"


# ---- a rail that is away, a charge that hangs, a bug ----

def test_a_rail_that_is_away_gets_no_charge_each_hour_only_to_lapse(auto):
    reader = renewing(auto)
    look(auto)
    auto.rows("update ops.clock set shift = shift + (select debit_at from billing.mandate) - ops.now()")
    auto.rows("insert into billing.rail_gate (rail, state, until, changed_at) values ('mtn_momo', 'open', ops.now() + interval '2 hours', ops.now())")
    assert auto.value("select billing.run_renewals(10)") == 1 and debits(auto) == 0 and mandate(auto, reader)["renew_at"] > auto.now()
    auto.rows("delete from billing.rail_gate")
    assert to_debit(auto, reader)["state"] == "READY"


def test_a_debit_that_hangs_is_looked_at_ever_less(auto):
    reader = renewing(auto)
    to_debit(auto, reader)
    auto.event(auto.claim_one(), "accepted")
    waits = []
    for hours in (0, 4, 40):
        auto.later(f"{hours} hours 2 minutes")
        auto.value("select billing.run_renewals(10)")
        waits.append((mandate(auto, reader)["renew_at"] - auto.now()).total_seconds())
    assert waits[0] <= 61 < waits[1] <= waits[2] + 1 <= 3602


def test_a_renewal_that_raises_keeps_no_other_waiting(auto):
    one, two = renewing(auto), renewing(auto, auto.dial("+2250502"))
    auto.rows("create function public.bad() returns trigger language plpgsql as $$ begin raise exception 'a bug'; end $$")
    auto.rows("create trigger bad before update of noticed_for on billing.mandate for each row when (old.user_id = %s) execute function public.bad()",
              one["user_id"])
    auto.rows("update billing.mandate set renew_at = (select max(renew_at) from billing.mandate)")
    for _ in range(4):
        look(auto)
        if told(auto, two)[-1] == "due":
            break
    assert told(auto, two)[-1] == "due" and told(auto, one)[-1] == "active" and mandate(auto, one)["renew_at"] > auto.now()
    assert auto.value("select count(*) from ops.audit where kind = 'alert.renewal_failed'") >= 1
