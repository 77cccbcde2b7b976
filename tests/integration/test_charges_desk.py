# SPDX-License-Identifier: Apache-2.0
"""`coko charges` and `coko staff`: who may decide about money proves it with a secret of his own; a refund takes two such
persons; a review is ended by one; nothing that is shown has a number in it."""
import os
import re
import subprocess

import psycopg2
import pytest

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import World, key
from support import COKO, TEST_KEYS

NUMBER = "+2250501020304"


def join(world, name, country="CI"):
    return world.one("auth.staff_join", name, country, key("key of " + name), "root")


def keys(name):
    return [key("an older one"), key("key of " + name)]


def desk_of(world):
    for name in ("awa", "binta"):
        assert join(world, name) == {"outcome": "ok", "active": True}
    return world


@pytest.fixture
def desk(world):
    return desk_of(world)


def ask(world, charge, who="awa", amount=None, by_hand=False):
    return world.row("select * from billing.desk_refund(%s::bytea[], 'root', %s, %s, 'double', %s)", keys(who), charge, amount, by_hand)


def answer(world, refund, who, what="approve"):
    return world.row("select * from billing.desk_answer(%s::bytea[], 'root', %s, %s)", keys(who), refund, what)


def made(world, refund, who, txn=None, why=None):
    return world.row("select * from billing.desk_made(%s::bytea[], 'root', %s, %s, %s)", keys(who), refund, txn, why)


def decide(world, charge, what, who="awa"):
    return world.row("select * from billing.desk_decide(%s::bytea[], 'root', %s, %s, 'seen at the back office')", keys(who), charge, what)


def books(world, charge):
    return {r["account"]: int(r["sum"]) for r in world.rows(
        "select e.account, sum(e.amount_minor) from billing.ledger_entry e join billing.ledger_txn t on t.id = e.txn_id"
        " where t.charge_id = %s group by 1 having sum(e.amount_minor) <> 0", charge)}


def review(world, reader, amount=90, currency="XOF"):
    """A charge whose rail told of other money; its id."""
    charge = world.start(reader)["charge_id"]
    world.event(world.claim_one(), "accepted")
    assert world.event(world.claim_one(), "success", os.urandom(6).hex(), amount, currency)["state"] == "REVIEW"
    return charge


# ---- persons ----

def test_the_first_two_are_active_and_a_third_needs_both(desk):
    assert join(desk, "coumba") == {"outcome": "ok", "active": False}
    charge = desk.buy(desk.dial())["charge_id"]
    assert ask(desk, charge, "coumba")["outcome"] == "who"

    def vouch(who, name):
        return desk.row("select * from auth.staff_vouch_for(%s::bytea[], %s, 'root')", keys(who), name)
    assert vouch("coumba", "coumba")["outcome"] == "who"
    assert vouch("awa", "Coumba") == vouch("awa", "coumba") == {"outcome": "ok", "active": False}
    assert vouch("awa", "awa")["outcome"] == "same_person" and vouch("awa", "nobody")["outcome"] == "missing"
    assert vouch("binta", "coumba") == {"outcome": "ok", "active": True}
    assert ask(desk, charge, "coumba")["outcome"] == "ok"
    assert desk.value("select count(*) from ops.audit where kind = 'alert.staff_joined'") == 3


def test_names_and_secrets_are_given_once(desk):
    assert join(desk, "awa")["outcome"] == "taken" and join(desk, "AWA ")["outcome"] == "taken"
    assert join(desk, "é")["outcome"] == "bad_name" and join(desk, "dado", "XX")["outcome"] == "no_country"
    with pytest.raises(psycopg2.errors.UniqueViolation):
        desk.one("auth.staff_join", "dado", "CI", key("key of awa"), "root")


def test_who_is_closed_decides_nothing_and_his_word_for_another_is_void(desk):
    charge = desk.buy(desk.dial())["charge_id"]
    refund = ask(desk, charge)["detail"]
    join(desk, "coumba")
    desk.row("select * from auth.staff_vouch_for(%s::bytea[], 'coumba', 'root')", keys("binta"))
    assert desk.row("select * from auth.staff_close(%s::bytea[], 'binta', 'root')", keys("awa")) == {"outcome": "ok"}
    assert answer(desk, refund, "binta")["outcome"] == "who"
    assert not desk.row("select * from auth.staff_vouch_for(%s::bytea[], 'coumba', 'root')", keys("awa"))["active"]
    assert join(desk, "binta")["outcome"] == "taken"
    assert desk.value("select count(*) from ops.audit where kind = 'alert.staff_refused'") == 1


# ---- refunds ----

def test_a_refund_takes_two_secrets_of_two_persons(desk):
    charge = desk.buy(desk.dial())["charge_id"]
    assert ask(desk, charge, "nobody")["outcome"] == "who" and desk.rows("select 1 from billing.refund") == []
    refund = ask(desk, charge)["detail"]
    assert answer(desk, refund, "awa")["outcome"] == "same_person"
    assert answer(desk, refund, "nobody")["outcome"] == "who"
    assert desk.call("billing.claim_refunds", "w:1", 10) == []
    assert answer(desk, refund, "binta") == {"outcome": "ok", "detail": "APPROVED"}
    assert desk.row("select requested_by, decided_by from billing.refund") == {"requested_by": "awa", "decided_by": "binta"}
    assert len(desk.call("billing.claim_refunds", "w:1", 10)) == 1
    assert made(desk, refund, "awa", "T1")["outcome"] == "not_by_hand"


@pytest.mark.parametrize("rail", ["mpesa", "orange_web", "orange_qr"])
def test_a_refund_by_hand_is_booked_when_a_person_tells_the_rails_id(desk, rail):
    reader = desk.dial()
    charge = desk.buy(reader)["charge_id"]
    before = books(desk, charge)
    desk.rows("update billing.charge set rail = %s where id = %s", rail, charge)
    assert ask(desk, charge) == {"outcome": "by_hand", "detail": "100"}
    refund = ask(desk, charge, by_hand=True)["detail"]
    assert made(desk, refund, "awa", "OM1")["outcome"] == "not_approved"
    assert answer(desk, refund, "awa")["outcome"] == "same_person"
    assert answer(desk, refund, "binta")["outcome"] == "ok"
    assert desk.call("billing.claim_refunds", "w:1", 10) == [], "no byte of it leaves here"
    assert books(desk, charge) == {"clearing": before["clearing"], "refunds": -100}
    assert made(desk, refund, "nobody", "OM1")["outcome"] == "who"
    assert made(desk, refund, "awa", " OM1 ") == {"outcome": "ok", "detail": "REFUNDED"}
    assert made(desk, refund, "awa", "OM2") == {"outcome": "not_approved", "detail": "REFUNDED"}
    assert books(desk, charge) == {}
    assert desk.row("select rail_txn, made_by, due_at from billing.refund") == {"rail_txn": "OM1", "made_by": "awa", "due_at": None}
    assert "100 F" in desk.messages(reader, "receipt")[-1]["body"]
    assert not desk.rows("select 1 from billing.entitlement where ends_at > ops.now()")


def test_one_act_at_the_back_office_pays_for_one_refund(desk):
    charge = desk.buy(desk.dial())["charge_id"]
    first, second = ask(desk, charge, amount=40, by_hand=True)["detail"], ask(desk, charge, amount=60, by_hand=True)["detail"]
    for refund in (first, second):
        assert answer(desk, refund, "binta")["outcome"] == "ok"
    assert made(desk, first, "awa", "T1")["outcome"] == "ok" and made(desk, second, "awa", "T1")["outcome"] == "seen"
    assert made(desk, second, "binta", why="the wallet is closed") == {"outcome": "ok", "detail": "REFUND_FAILED"}
    assert books(desk, charge)["clearing"] == 60 and "refunds" not in books(desk, charge)
    assert ask(desk, charge, by_hand=True)["outcome"] == "ok", "what was not made may be asked for again"
    assert desk.value("select count(*) from ops.audit where kind = 'alert.refund_failed'") == 1


def test_the_table_itself_refuses_what_was_made_by_nobody_or_sent(desk):
    charge = desk.buy(desk.dial())["charge_id"]
    refund = ask(desk, charge, by_hand=True)["detail"]
    answer(desk, refund, "binta")
    for bad in ("state = 'REFUNDED'", "due_at = ops.now()", "made_by = 'awa'", "decided_by = requested_by"):
        with pytest.raises(psycopg2.errors.CheckViolation):
            desk.rows(f"update billing.refund set {bad}")


# ---- reviews ----

def test_a_review_is_granted_when_the_price_did_come(desk):
    reader = desk.dial()
    desk.rows("update billing.charge set rail_txn = 'T' where id = %s", desk.buy(desk.dial("+2250501020399"))["charge_id"])
    charge = desk.start(reader)["charge_id"]
    desk.event(desk.claim_one(), "accepted")
    assert desk.event(desk.claim_one(), "success", "T", 100)["state"] == "REVIEW"  # I8: the transaction of another charge
    assert books(desk, charge) == {"clearing": 100, "suspense": -100}
    assert decide(desk, charge, "grant", "nobody")["outcome"] == "who" and decide(desk, charge, "dismiss")["outcome"] == "held"
    assert decide(desk, charge, "grant") == {"outcome": "ok", "detail": "granted"}
    assert decide(desk, charge, "credit") == {"outcome": "no_review", "detail": "granted"}
    sold = books(desk, charge)
    assert sold.pop("clearing") == 100 and sum(sold.values()) == -100 and set(sold) == {"revenue", "tva"}
    assert desk.value("select count(*) from billing.entitlement") == 2  # I4
    refund = ask(desk, charge)["detail"]
    assert answer(desk, refund, "binta")["outcome"] == "ok"
    done = desk.one("billing.claim_refunds", "w:1", 10)
    desk.one("billing.refund_event", done["refund_id"], done["version"], "sync_success", 200, "", None, "R", 100, "XOF", 0)
    assert books(desk, charge) == {}


@pytest.mark.parametrize("amount", [90, 250000])
def test_what_is_not_the_price_becomes_credit_or_goes_back(desk, amount):
    reader = desk.dial()
    charge = review(desk, reader, amount)
    assert decide(desk, charge, "grant")["outcome"] == "not_the_price"
    refund = ask(desk, charge)["detail"]
    assert decide(desk, charge, "credit")["outcome"] == "refunding"
    answer(desk, refund, "awa", "refuse")
    assert decide(desk, charge, "credit") == {"outcome": "ok", "detail": "credited"}
    assert books(desk, charge) == {"clearing": amount, "liability": -amount}
    assert desk.value("select billing.credit_left(%s, 'XOF', null)", reader["user_id"]) == amount
    assert f"{amount:,}".replace(",", " ") in desk.messages(reader, "receipt")[-1]["body"]
    assert desk.start(reader)["outcome"] == ("created" if amount < 100 else "paid")


def test_another_currency_can_only_go_back_and_then_waits_for_nobody(desk):
    charge = review(desk, desk.dial(), 100, "XAF")
    assert {decide(desk, charge, what)["outcome"] for what in ("grant", "credit")} == {"other_currency"}
    assert [r["id"] for r in desk.call("billing.charge_list", "review", 9)] == [str(charge)]
    refund = ask(desk, charge, by_hand=True)["detail"]
    answer(desk, refund, "binta")
    assert made(desk, refund, "awa", "X1")["outcome"] == "ok"
    assert books(desk, charge) == {} and desk.call("billing.charge_list", "review", 9) == []
    assert desk.rows("select 1 from ops.status() where section = 'charges'") == []


@pytest.mark.parametrize("what,state,end", [("dismiss", "FAILED", {}), ("credit", "SUCCEEDED_LATE", {"clearing": 100, "liability": -100})])
def test_a_review_of_which_no_amount_was_ever_known(desk, what, state, end):
    reader = desk.dial()
    charge = review(desk, reader, None, None)
    assert books(desk, charge) == {}
    assert decide(desk, charge, what)["outcome"] == "ok"
    assert desk.value("select state from billing.charge where id = %s", charge) == state and books(desk, charge) == end
    assert decide(desk, charge, what)["outcome"] == "no_review"


# ---- looking ----

def test_asking_now_changes_no_state_and_is_no_flood(world):
    charge = world.start(world.dial())["charge_id"]
    assert world.one("billing.poll_now", charge, "root")["outcome"] == "nothing_to_ask"
    sent = world.claim_one()
    assert world.one("billing.poll_now", charge, "root")["outcome"] == "nothing_to_ask"
    world.event(sent, "accepted")
    world.event(world.claim_one(), "pending", wait=3600)
    world.later("1 second")
    assert world.one("billing.poll_now", charge, "root")["outcome"] == "ok"
    row = world.row("select state, due_at - last_polled_at as wait from billing.charge")
    assert row["state"] == "PENDING" and row["wait"].total_seconds() == 10
    world.later("10 seconds")
    assert world.one("billing.claim_rail_work", "w:1", 1, 10)["action"] == "poll"
    assert world.one("billing.poll_now", charge, "root")["outcome"] == "asked_now"
    assert world.one("billing.poll_now", -1, "root")["outcome"] == "missing"
    assert world.value("select count(*) from ops.audit where kind = 'charge.poll_now'") == 1


def test_a_failed_charge_is_asked_about_again(world):
    charge = world.start(world.dial())["charge_id"]
    assert world.event(world.claim_one(), "rejected")["state"] == "FAILED"
    assert world.value("select due_at from billing.charge") is None
    assert world.one("billing.poll_now", charge, "root")["outcome"] == "ok"
    assert world.event(world.claim_one(), "success", "T", 100)["state"] == "SUCCEEDED_LATE"


def test_a_charge_is_found_by_what_people_have_in_hand(world):
    charge = world.buy(world.dial())["charge_id"]
    row = world.row("select our_ref::text as ref, rail_txn as txn from billing.charge")
    for text in (str(charge), row["ref"], row["ref"].upper(), f" {row['ref'][:8]} ", row["txn"]):
        assert world.value("select billing.charge_find(%s)", text) == charge, text
    for text in ("", "x", "99999999999999999999", "0", "%", row["ref"][:7]):
        assert world.value("select billing.charge_find(%s)", text) is None, text


@pytest.mark.parametrize("text,shown", [
    ("payer 2250501020304 said no", "payer (number) said no"), ("+225 05 01 02 03 04", "(number)"), ("07.01-02/03 04", "(number)"),
    ("NOT_ENOUGH_FUNDS 2500", "NOT_ENOUGH_FUNDS 2500"), ("250 000 F", "250 000 F"), (None, None)])
def test_numbers_in_free_words_are_not_shown(world, text, shown):
    assert world.value("select billing.no_number(%s)", text) == shown


# ---- the command ----

@pytest.fixture
def coko(migrated_db):
    def run(*args, code=0, key_line=None):
        env = {**os.environ, "DATABASE_URL": migrated_db, "COKO_KEYS": TEST_KEYS, "COKO_OPERATOR": "root"}
        done = subprocess.run([str(COKO), *map(str, args)], capture_output=True, text=True, check=False, env=env, cwd="/", input=key_line or "")
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr
    return run


def test_the_command_from_the_key_to_the_money_back(coko, migrated_db, tmp_path):
    world = World(migrated_db)
    secret = {name: coko("staff", "join", name, "--country", "ci") for name in ("awa", "binta", "coumba")}
    assert all(re.fullmatch(r"([0-9a-f]{4}-){7}[0-9a-f]{4}\n", s) for s in secret.values()) and len(set(secret.values())) == 3
    assert [line.split()[1] for line in coko("staff", "list").splitlines()[1:]] == ["active", "active", "waits"]
    assert "one more" in coko("staff", "vouch", "coumba", key_line=secret["awa"])
    assert "active" in coko("staff", "vouch", "coumba", key_line=secret["binta"].upper().replace("-", " "))

    reader = world.dial(NUMBER)
    charge = world.buy(reader)["charge_id"]
    world.rows("update billing.charge set rail = 'orange_web', reason = %s where id = %s", f"ok {NUMBER}", charge)
    ref = world.value("select our_ref::text from billing.charge")
    refund = ["charges", "refund", ref[:8], "--reason", f"asked by {NUMBER}"]
    assert "back office" in coko(*refund, code=1, key_line=secret["awa"])
    assert "nobody's" in coko(*refund, code=1, key_line="0" * 32)
    for bad in ("", "short", "g" * 32, secret["awa"].strip() + "0"):
        assert "hexadecimal" in coko(*refund, code=1, key_line=bad)
    got = coko(*refund, "--by-hand", key_line=secret["awa"]).split()[-1]
    file = tmp_path / "key"
    file.write_text(secret["awa"])
    assert "takes another person" in coko("charges", "approve", got, "--key-file", file, code=1)
    file.write_text(secret["coumba"])
    assert "APPROVED" in coko("charges", "approve", got, "--key-file", file)
    assert "by hand" in coko("charges", "refunds") and "awa, coumba" in coko("charges", "refunds")
    assert "REFUNDED" in coko("charges", "made", got, "MP261130.0042", key_line=secret["awa"])
    shown = coko("charges", "show", charge)
    for part in ("PENDING -> SUCCEEDED", "attempt 1: accepted", "clearing +100 XOF", "asked for by awa: 100 XOF by hand", "approved by coumba",
                 "REFUNDED, MP261130.0042 by awa", "receipt", "refund.made", "CI mtn", ref):
        assert part in shown, part
    assert coko("charges", "show", "MP261130.0042", code=1)
    everything = shown + "".join(coko("charges", "list", which) for which in ("open", "last", "review", "succeeded")) + coko("charges", "refunds")
    assert NUMBER[1:] not in everything and "0501020304" not in everything
    assert f"{charge} SUCCEEDED" in coko("charges", "list", "last")
    assert "settled" in coko("charges", "poll", charge, code=1)
    with psycopg2.connect(migrated_db) as conn, conn.cursor() as cur:
        cur.execute("select string_agg(x, ' ') from (select s::text as x from auth.staff s union all select a::text from ops.audit a) x")
        kept = cur.fetchone()[0]
    assert not any(s.strip() in kept or s.strip().replace("-", "") in kept for s in secret.values())
    world.close()


def test_the_command_refuses_what_it_does_not_know(coko):
    for bad in (["charges"], ["charges", "spend"], ["charges", "show"], ["charges", "decide", "1", "keep", "--reason", "x"],
                ["charges", "decide", "1", "grant"], ["charges", "refund", "1", "-5", "--reason", "x"], ["charges", "refund", "1", "0", "--reason", "x"],
                ["charges", "refund", "1"], ["charges", "approve", "x"], ["charges", "made", "1"], ["charges", "list", "--max", "0"],
                ["charges", "refund", "1", "--reason", "x" * 201], ["staff"], ["staff", "join"], ["staff", "list", "x"]):
        assert "usage" in coko(*bad, code=2)
    assert "no charge" in coko("charges", "show", "77", code=1)
    for help_of in ("charges", "staff"):
        assert coko(help_of, "--help").startswith(f"usage: coko {help_of} ")
