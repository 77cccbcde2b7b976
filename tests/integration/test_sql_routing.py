# SPDX-License-Identifier: Apache-2.0
"""Which way a message goes: network of a number, health, priority and price of accounts."""
import pytest

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import key


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
