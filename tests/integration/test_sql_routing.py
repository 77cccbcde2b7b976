# SPDX-License-Identifier: Apache-2.0
"""Which way a message goes: network of a number, health, priority and price of accounts."""
import os
import re
import subprocess

import psycopg2
import pytest

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import key
from support import COKO, TEST_KEYS, TOP


def route(world, account, country="CI", network="*", prio=100):
    world.rows("insert into messaging.account (name) values (%s) on conflict do nothing", account)
    world.rows("insert into messaging.route (country, network, account, prio) values (%s, %s, %s, %s)", country, network, account, prio)


def cost(world, account, currency, units, country="CI", network="*", ago="1 day"):
    world.rows("insert into messaging.route_cost values (%s, %s, %s, %s, %s, ops.now() - %s::interval)",
               account, country, network, currency, round(units * 1_000_000), ago)


def health(world, account, up, ago="0 s", seen="0 s"):
    world.rows("insert into messaging.account_health values (%s, 1, %s, ops.now() - %s::interval, ops.now() - %s::interval)"
               " on conflict (account) do update set up = excluded.up, since = excluded.since, seen_at = excluded.seen_at",
               account, up, ago, seen)


def chosen(world, country="CI", network="mtn"):
    return world.value("select messaging.account_for(%s, %s)", country, network)


# ---- the network of a number ----

@pytest.mark.parametrize("said, network", [
    ("61203+2250501", "orange"),  # ported: the carrier knows better than the prefix
    ("ORANGE+2250501", "orange"), ("+2250501", "mtn"), ("+22507", "orange"), ("99999+2250501", "mtn"),  # a sandbox's code
    ("62001+2250501", "mtn"),  # a network of another country says nothing of this one
    ("99999", "99999"), ("+9999999", ""), ("", ""), ("+", "")])
def test_network_by_the_carriers_word_else_by_the_longest_prefix(world, said, network):
    world.dial(network=said)
    assert world.value("select network from auth.identity") == network


def test_longest_prefix_wins(world):
    world.rows("insert into ops.network_prefix values ('225050', 'CI', 'moov')")
    assert world.value("select ops.network_guess('CI', '+2250501')") == "moov"
    assert world.value("select ops.network_guess('CI', '+2250511')") == "mtn"


def test_a_prefix_corrects_nobody(world):
    for said, network in (("+2250501", "mtn"), ("61203+2250501", "orange"), ("+2250501", "orange"), ("99999+2250501", "orange"),
                          ("61205+2250501", "mtn")):
        world.dial(network=said)
        assert world.value("select network from auth.identity") == network, said


def test_a_text_and_a_code_find_the_network_too(world):
    world.one("messaging.inbound", "lab", key("a"), b"s", 1, "CI", "+2250701", "AIDE", "", "fr", b"d")
    world.one("auth.request_otp", key("b"), b"s", 1, "SN", "+2217712", b"h", b"sealed", None)
    assert [r["network"] for r in world.rows("select network from auth.identity order by id")] == ["orange", "orange"]


# ---- the choice ----

def test_named_before_any_then_priority_then_price(world):
    assert chosen(world) == "lab"
    route(world, "dear", prio=50)
    route(world, "cheap", prio=50)
    cost(world, "dear", "EUR", 0.03)
    cost(world, "cheap", "EUR", 0.02)
    assert chosen(world) == "cheap"  # the country before '*', and equal priority means cheaper first
    world.rows("update messaging.route set prio = 49 where account = 'dear'")
    assert chosen(world) == "dear"
    route(world, "direct", network="mtn", prio=900)
    assert chosen(world) == "direct" and chosen(world, network="orange") == "dear" and chosen(world, "GH", "mtn") == "lab"


def test_prices_compare_across_currencies_and_change_with_time(world):
    for name in ("euro", "franc", "unknown"):
        route(world, name)
    cost(world, "euro", "EUR", 0.02)      # 13.1 F
    cost(world, "franc", "XOF", 12)
    assert chosen(world) == "franc"
    cost(world, "franc", "XOF", 14, ago="1 hour")
    assert chosen(world) == "euro"
    cost(world, "euro", "EUR", 0.01, network="orange")
    cost(world, "euro", "EUR", 0.09, ago="-1 hour")  # from an hour on
    assert world.one("messaging.cost_of", "euro", "CI", "orange") == {"currency": "EUR", "cost": 10_000}
    world.later("2 hours")
    assert chosen(world) == "franc" and chosen(world, network="orange") == "euro"


def test_equal_currency_needs_no_rate(world):
    for name, units in (("a", 0.5), ("b", 0.4)):
        route(world, name, "GH")
        cost(world, name, "GHS", units, "GH")
    assert world.value("select ops.per_eur('GHS')") is None and chosen(world, "GH") == "b"


def test_an_account_that_is_down_paused_or_disabled_is_passed_over(world):
    route(world, "first", prio=1)
    route(world, "second", prio=2)
    health(world, "first", True, "1 day")
    health(world, "second", True, "1 day")
    assert chosen(world) == "first"
    health(world, "first", False, "20 s")
    assert chosen(world) == "first"  # a reconnect is not an outage
    health(world, "first", False, "31 s")
    assert chosen(world) == "second"
    world.rows("update messaging.account set down_after = '1 hour' where name = 'first'")
    assert chosen(world) == "first"
    health(world, "first", True, "1 day", seen="61 s")
    assert chosen(world) == "second"  # its holder died and nobody has taken it
    health(world, "first", True, "1 day")
    world.rows("update messaging.account set paused_at = ops.now() where name = 'first'")
    assert chosen(world) == "second"
    world.rows("update messaging.account set paused_at = null, enabled = false where name = 'first'")
    assert chosen(world) == "second"


def test_with_no_account_up_a_message_waits_on_the_best(world):
    route(world, "first", prio=1)
    route(world, "second", prio=2)
    world.rows("update messaging.account set enabled = false where name = 'lab'")
    health(world, "first", False, "1 day")
    health(world, "second", False, "1 day")
    assert chosen(world) == "first"
    world.rows("update messaging.account set paused_at = ops.now() where name = 'first'")
    assert chosen(world) == "second"
    world.rows("update messaging.account set enabled = false")
    assert chosen(world) is None


def test_an_account_no_daemon_has_is_taken_last_of_the_living(world):
    route(world, "nobodys", prio=1)
    route(world, "ours", prio=2)
    assert chosen(world) == "nobodys"
    health(world, "ours", True)
    assert chosen(world) == "ours"
    health(world, "ours", False, "1 day")
    assert chosen(world) == "nobodys"


# ---- failover ----

def two(world):
    """Accounts a (first) and b (second) of the Ivory Coast, both up; lab out of the way."""
    world.rows("update messaging.account set enabled = false where name = 'lab'")
    for prio, name in enumerate("ab"):
        route(world, name, prio=prio)
        health(world, name, True, "1 day")


def notice(world, reader):
    return world.one("messaging.enqueue", reader["identity_id"], "receipt", "fr", "help", {}, None)["message_id"]


def message(world, number):
    return world.row("select account, state, refused_by, parts, tries from messaging.message where id = %s", number)


def record(world, account, *results):
    return world.call("messaging.record", account, 1, [{"code": 0, "ref": "", **r} for r in results])


def test_report_keeps_since_and_hears_no_older_epoch(world):
    two(world)
    world.value("select messaging.report('a', 2, true, 10)")
    first = world.row("select * from messaging.account_health where account = 'a'")
    world.later("1 minute")
    world.value("select messaging.report('a', 2, true, 10)")
    world.value("select messaging.report('a', 1, false, 10)")
    second = world.row("select * from messaging.account_health where account = 'a'")
    assert second["up"] and second["since"] == first["since"] and second["seen_at"] > first["seen_at"]
    world.value("select messaging.report('a', 2, false, 10)")
    assert world.value("select up from messaging.account_health where account = 'a'") is False
    assert world.value("select messaging.report('nobody', 1, true, 10)") == 0


@pytest.mark.parametrize("why", ["down", "paused", "disabled"])
def test_queued_messages_of_a_dead_account_go_whole_to_the_next(world, why):
    two(world)
    reader = world.dial()
    messages = [notice(world, reader) for _ in range(5)]
    assert world.value("select messaging.report('b', 1, true, 10)") == 0  # a lives
    if why == "down":
        health(world, "a", False, "31 s")
    else:
        world.rows("update messaging.account set " + {"paused": "paused_at = ops.now()", "disabled": "enabled = false"}[why]
                   + " where name = 'a'")
    assert world.value("select messaging.report('b', 1, false, 10)") == 0  # it could not send them
    assert [world.value("select messaging.report('b', 1, true, 3)") for _ in range(3)] == [3, 2, 0]
    assert {message(world, m)["account"] for m in messages} == {"b"}
    assert len(world.claim_sms(account="b")) == 5 and world.claim_sms(account="a") == []


def test_34_a_message_begun_is_never_split_over_two_routes(world):
    """Expected: parts 2 and 3 stay with the account that took part 1, be it dead; nothing goes to the other."""
    two(world)
    m = notice(world, world.dial())
    world.claim_sms(account="a")
    record(world, "a", {"m": m, "no": 1, "of": 3, "ref": "r1", "status": "accepted"})
    health(world, "a", False, "1 hour")
    assert world.value("select messaging.report('b', 1, true, 10)") == 0
    assert message(world, m)["account"] == "a" and message(world, m)["state"] == "sending"
    record(world, "a", *[{"m": m, "no": n, "of": 3, "status": "retry", "code": 8} for n in (2, 3)])
    assert world.value("select messaging.report('b', 1, true, 10)") == 0 and message(world, m)["account"] == "a"


def test_a_code_that_may_have_left_stays(world):
    two(world)
    world.one("auth.request_otp", key("+2250501020304"), b"s", 1, "CI", "mtn", b"h", b"sealed body", None)
    (m,) = world.claim_sms(account="a")
    world.one("messaging.recover", "a", 2)  # its sender died
    assert message(world, m["message_id"])["state"] == "queued"
    health(world, "a", False, "1 hour")
    assert world.value("select messaging.report('b', 1, true, 10)") == 0
    assert message(world, m["message_id"])["account"] == "a"


REFUSED = {"no": 1, "of": 1, "status": "failed", "code": 11}


def test_33_number_ported_goes_to_the_next_route_once(world):
    """Expected: a answers 0x0B; the message leaves by b with an id of b's; never on both, and b's refusal is final."""
    two(world)
    m, n = notice(world, world.dial()), notice(world, world.dial())
    world.claim_sms(account="a")
    record(world, "a", {"m": m, **REFUSED}, {"m": n, **REFUSED})
    assert message(world, m) == {"account": "b", "state": "queued", "refused_by": "a", "parts": 0, "tries": 0}
    assert len(world.claim_sms(account="b")) == 2 and world.claim_sms(account="a") == []
    record(world, "a", {"m": m, **REFUSED}, {"m": n, **REFUSED})  # the batch again: its answer was lost
    assert world.value("select count(*) from messaging.part") == 0
    record(world, "b", {"m": m, "no": 1, "of": 1, "ref": "b1", "status": "accepted"}, {"m": n, **REFUSED})
    assert message(world, m)["state"] == "accepted" and message(world, n)["state"] == "failed"
    assert [(r["account"], r["ref"]) for r in world.rows("select account, ref from messaging.part where message_id = %s", m)] == [("b", "b1")]


def test_33_a_part_was_taken_so_nothing_is_rerouted(world):
    two(world)
    m = notice(world, world.dial())
    world.claim_sms(account="a")
    record(world, "a", {"m": m, "no": 1, "of": 2, "status": "failed", "code": 11}, {"m": m, "no": 2, "of": 2, "ref": "r", "status": "accepted"})
    assert message(world, m)["account"] == "a" and message(world, m)["refused_by"] is None


@pytest.mark.parametrize("why", ["other code", "no route", "the other is down"])
def test_33_what_is_not_rerouted_fails(world, why):
    two(world)
    if why == "no route":
        world.rows("delete from messaging.route where account = 'b'")
    if why == "the other is down":
        health(world, "b", False, "1 hour")
    m = notice(world, world.dial())
    world.claim_sms(account="a")
    record(world, "a", {"m": m, **REFUSED, "code": 10 if why == "other code" else 11})
    assert message(world, m)["state"] == "failed"


# ---- who it is from ----

def sender(world, kind, text, two_way, country="CI", account="lab"):
    world.rows("insert into messaging.sender values (%s, %s, %s, %s, %s)", account, country, kind, text, two_way)


def test_sender_by_account_and_country(world):
    m = notice(world, world.dial())
    assert world.call("messaging.sender_of", "lab", m) == []  # the link's own
    sender(world, "numeric", "22501020304", True, "*")
    assert world.one("messaging.sender_of", "lab", m) == {"sender": "22501020304", "kind": "numeric"}
    sender(world, "alphanumeric", "Coko", False)
    assert world.one("messaging.sender_of", "lab", m) == {"sender": "Coko", "kind": "alphanumeric"}


@pytest.mark.parametrize("kind, text, two_way", [
    ("alphanumeric", "Coko", True), ("alphanumeric", "Twelve chars", False), ("alphanumeric", "Liré", False), ("numeric", "Coko", True),
    ("short_code", "+26", True)])
def test_a_sender_that_cannot_be_is_refused(world, kind, text, two_way):
    with pytest.raises(psycopg2.errors.CheckViolation):
        sender(world, kind, text, two_way)


def test_a_foot_offers_only_what_works_on_its_route(world):
    """A name cannot be answered: no keyword at the foot of what it sends, but the code to dial, or nothing where there is none."""
    world.rows("insert into messaging.template values ('instalment_foot_dial', 'fr', 'Suite : {code}'), ('help_dial', 'fr', 'Aide : {code}')")
    reader, book = world.dial(), world.book()

    def body(of):
        return world.value("select body from messaging.message where id = %s", of)

    def chapter():
        world.rows("delete from reading.position; delete from messaging.usage")
        got = world.one("messaging.enqueue_instalment", reader["user_id"], reader["identity_id"], book, None)
        world.rows("update messaging.message set state = 'delivered' where id = %s", got["message_id"])
        return body(got["message_id"])

    assert chapter().endswith("\nSUITE pour lire la suite") and "STOP" in body(notice(world, reader))
    sender(world, "alphanumeric", "Coko", False)
    assert chapter().endswith("\nSuite : *384*26#") and body(notice(world, reader)) == "Aide : *384*26#"
    world.rows("delete from messaging.dial_code")
    assert "uite :" not in chapter() and "SUITE pour" not in chapter()


# ---- what it costs ----

def line(world, plan, country="CI"):
    return world.row("select * from billing.margin(30) where plan = %s and country = %s", plan, country)


def test_margin_of_a_plan_and_the_alert_of_one_that_loses(world):
    world.rows("delete from messaging.route_cost")
    cost(world, "lab", "XOF", 0.5)
    reader = world.dial()
    world.buy(reader)
    for _ in range(3):
        m = notice(world, reader)
        world.claim_sms()
        world.accept(m, f"r{m}", parts=10)
    got = line(world, "day")
    # 3 x 10 segments and the receipt's one, at half a franc; 100 F hold 15 of VAT where it is 18 %
    assert (got["passes"], got["revenue_minor"] + world.value("select billing.tva_of(100, tva_permille) from ops.country where code = 'CI'"),
            got["unpriced"]) == (1, 100, 0)
    assert got["cost_minor"] == -(-got["segments"] // 2) and got["segments"] >= 30
    assert got["margin_minor"] == got["revenue_minor"] - got["cost_minor"] > 0 and got["verdict"] == "ok"
    assert got["full_cost_minor"] == 15  # 30 segments a day
    assert world.value("select billing.margin_alert(30)") == 0
    cost(world, "lab", "EUR", 0.02, ago="1 hour")  # 13.1 F
    got = line(world, "day")
    assert got["margin_minor"] < 0 and got["verdict"] == "loses" and got["full_cost_minor"] == 394
    assert world.value("select billing.margin_alert(30)") == 1
    assert world.value("select subject from ops.audit where kind = 'alert.plan_loses'") == "plan:day:CI"
    world.later("31 days")
    assert line(world, "day")["passes"] == 0 and line(world, "day")["verdict"] == "loses at full use"


def test_margin_says_what_has_no_price(world):
    world.rows("delete from messaging.route_cost")
    reader = world.dial()
    m = notice(world, reader)
    world.claim_sms()
    world.accept(m, "r")
    got = line(world, "free")
    assert (got["segments"], got["unpriced"], got["cost_minor"], got["verdict"]) == (1, 1, 0, "free")
    assert line(world, "day")["full_cost_minor"] is None and line(world, "day")["verdict"] == "ok"


def test_coko_margin_prints_the_table_and_fails_when_a_plan_loses(world):
    def margin(*args):
        return subprocess.run([COKO, "margin", *args], cwd=TOP, capture_output=True, text=True, check=False,
                              env={**os.environ, "DATABASE_URL": world.url, "COKO_KEYS": TEST_KEYS})

    if not COKO.exists():
        pytest.skip(f"{COKO} is not built")
    reader = world.dial()
    world.buy(reader)
    done = margin("--days", "7")
    assert done.returncode == 0 and re.search(r"^day +CI +XOF +1 ", done.stdout, re.M), done
    cost(world, "lab", "XOF", 1000, network="mtn", ago="1 hour")
    m = notice(world, reader)
    world.claim_sms()
    world.accept(m, "r")
    done = margin()
    assert done.returncode == 1 and re.search(r"^day .* loses$", done.stdout, re.M), done
    assert world.value("select count(*) from ops.audit where kind = 'alert.plan_loses'") == 1
    assert margin("--days", "x").returncode == 2
