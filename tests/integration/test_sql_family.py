# SPDX-License-Identifier: Apache-2.0
"""A family reads under one pass: who is asked, who says yes, the place that nobody has twice, and what ends the right (rest hard
case 36: the sixth, the host who stops paying, who leaves)."""
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import key
from test_sql_number import OLD, NEW, answer, asked, desk, give, redeem  # noqa: F401
from test_sql_readers import at, night
from test_sql_selling import friend_json

HOST, HERS = "+2250501010102", "+2250700000606"


def bodies(world, reader):
    return [m["body"] for m in world.messages(reader) if m["body"]]


def ask(world, host, number=HERS, step=None, conn=None, country="CI"):
    return world.one("billing.family_invite", host["user_id"], host["identity_id"], friend_json(number, country), step or os.urandom(8).hex(), "rest",
                     conn=conn)["outcome"]


def place(world, reader):
    found = world.rows("select * from billing.family_member where user_id = %s order by id desc", reader["user_id"])
    return found[0] if found else None


def join(world, reader, member=None, step=None, conn=None):
    return world.one("billing.family_join", reader["user_id"], reader["identity_id"], member or place(world, reader)["id"], "Oui, je lis avec lui",
                     step or os.urandom(8).hex(), "ussd", conn=conn)


def end(world, reader, member, step=None):
    return world.one("billing.family_end", reader["user_id"], member, step or os.urandom(8).hex(), "rest")["outcome"]


def text(world, number, word):
    return world.one("messaging.inbound", "lab", key(number), b"s", 1, "CI", "mtn", word, "", "", os.urandom(8))


def right(world, reader):
    """What each way asks: the screen, SMS, my pass, the daily hour."""
    book = world.value("select min(id) from catalog.book")
    ways = {world.value("select billing.may_read(%s, %s, 3, null)", reader["user_id"], book),
            world.value("select billing.may_send(%s, %s, 3, null)", reader["user_id"], book),
            world.one("billing.my_pass", reader["user_id"], "fr")["outcome"] == "active",
            world.value("select billing.pass_until(%s, ops.now()) is not null", reader["user_id"])}
    assert len(ways) == 1, ways
    return ways.pop()


def family_of(world, *numbers):
    """A host with the family's pass, and who joined."""
    world.book()
    host = world.dial(HOST)
    world.buy(host, "family", 4000)
    members = []
    for number in numbers:
        assert ask(world, host, number) == "ok"
        members.append(world.dial(number))
        assert join(world, members[-1])["outcome"] == "ok"
    return host, *members


def refund(world, reader, amount=4000):
    charge = world.value("select max(id) from billing.charge where user_id = %s", reader["user_id"])
    made = world.one("billing.refund_request", charge, None, "asked", "awa")
    world.one("billing.refund_approve", made["refund_id"], "bob")
    claim = world.one("billing.claim_refunds", "w", 1)
    world.one("billing.refund_event", claim["refund_id"], claim["version"], "sync_success", 200, None, "r1", None, amount, "XOF", 0)


# ---- who is asked ----

def test_who_is_asked_and_says_yes_reads_as_its_host_does(world):
    host, = family_of(world)
    assert ask(world, host) == "ok"
    reader = world.dial(HERS)
    assert not right(world, reader), "a question is no right"
    (told,) = bodies(world, reader)
    assert "Pass famille" in told and "FAMILLE" in told and "NON" in told
    asked_row, = world.call("billing.family_asked", reader["user_id"], "fr")
    got = join(world, reader, asked_row["member_id"])
    assert (got["outcome"], got["label"]) == ("ok", "Pass famille") and right(world, reader)
    row = place(world, reader)
    assert (row["state"], row["consent"], row["channel"], row["mark"]) == ("member", "Oui, je lis avec lui", "ussd", "06")
    assert "..06 lit maintenant" in bodies(world, host)[-1]
    mine = world.one("billing.my_pass", reader["user_id"], "fr")
    assert (mine["label"], mine["seg_left_day"], mine["until"]) == ("Pass famille", 40, world.value("select ends_at from billing.entitlement"))
    assert world.one("billing.allowance", reader["user_id"])["plan_code"] == "family"


def test_each_reader_has_the_allowance(world):
    host, reader = family_of(world, HERS)
    world.rows("insert into messaging.usage (user_id, day, segments) values (%s, (ops.now() at time zone 'UTC')::date, 40)", host["user_id"])
    assert [world.one("billing.allowance", r["user_id"])["left_day"] for r in (host, reader)] == [0, 40]


@pytest.mark.parametrize("number, country, outcome", [(HOST, "CI", "self"), ("+233246912184", "GH", "abroad"), (HERS, "CI", "known")])
def test_whom_no_host_can_ask(world, number, country, outcome):
    host, _reader = family_of(world, HERS)
    assert ask(world, host, number, country=country) == outcome


def test_only_a_running_pass_of_a_family_asks(world):
    world.book()
    host = world.dial(HOST)
    assert ask(world, host) == "none"
    world.buy(host, "month", 1500)
    assert ask(world, host) == "none" and world.rows("select 1 from billing.family_member") == []
    world.buy(host, "family", 4000)
    assert ask(world, host) == "ok", "the better pass begins at once"
    stranger = world.dial(NEW)
    assert world.one("billing.family_invite", host["user_id"], stranger["identity_id"], friend_json(OLD), None, "rest")["outcome"] == "none"


def test_an_invitation_twice_is_one_and_asked_again_by_step_says_the_same_S2(world):
    host, = family_of(world)
    assert [ask(world, host, step="a"), ask(world, host, step="a"), ask(world, host, step="b")] == ["ok", "ok", "known"]
    reader = world.dial(HERS)
    member = place(world, reader)["id"]
    assert len(bodies(world, reader)) == 1
    assert [join(world, reader, member, "j")["outcome"], join(world, reader, member, "j")["outcome"], join(world, reader, member)["outcome"]] == ["ok"] * 3
    assert [end(world, reader, member, "e"), end(world, reader, member, "e"), end(world, reader, member)] == ["left", "left", "none"]
    assert len([b for b in bodies(world, host) if "..06" in b]) == 2


def test_who_said_stop_hears_nothing_and_the_host_is_told_nothing_of_it(world):
    host, = family_of(world)
    reader = world.dial(HERS)
    world.one("auth.stop", reader["identity_id"], "s")
    before = len(bodies(world, reader))
    assert ask(world, host) == "ok" and len(bodies(world, reader)) == before
    assert len(world.call("billing.family_asked", reader["user_id"], "fr")) == 1, "her own dial asks her"


def test_a_host_is_no_machine_that_writes_to_strangers(world):
    host, = family_of(world)
    for n in range(12):
        assert ask(world, host, f"+22507000000{n:02}") == "ok"
        assert end(world, host, world.value("select max(id) from billing.family_member")) == "withdrawn"
    assert ask(world, host) == "limited"
    world.later("29 days")
    world.later("25 hours")
    world.buy(host, "family", 4000)
    assert ask(world, host) == "ok"
    reader = world.dial(HERS)
    assert end(world, reader, place(world, reader)["id"]) == "declined"
    assert ask(world, host) == "limited", "she said no"


def test_a_week_without_an_answer_frees_the_place(world):
    host, = family_of(world)
    ask(world, host)
    reader = world.dial(HERS)
    old = place(world, reader)["id"]
    assert world.value("select billing.family_places(%s)", host["user_id"]) == 3
    world.later("7 days")
    assert world.value("select billing.family_places(%s)", host["user_id"]) == 4
    assert join(world, reader, old)["outcome"] == "none" and world.call("billing.family_list", host["user_id"], "fr") == []
    assert ask(world, host) == "ok"
    assert world.value("select ended_why from billing.family_member where id = %s", old) == "expired"
    assert place(world, reader)["seat"] == 1


def test_a_host_hears_of_a_no_but_not_at_night_nor_after_stop(world):
    night(world)
    at(world, "2026-06-01 18:00+00")
    host, = family_of(world)
    ask(world, host)
    reader = world.dial(HERS)
    at(world, "2026-06-01 22:30+00")
    step = os.urandom(8).hex()
    assert [end(world, reader, place(world, reader)["id"], step) for _twice in range(2)] == ["declined"] * 2
    told = [m for m in world.messages(host) if "ne veut pas" in (m["body"] or "")]
    assert [(m["kind"], m["due_at"]) for m in told] == [("notice", world.value("select '2026-06-02 07:00+00'::timestamptz"))]
    assert "..06" in told[0]["body"] and "ne veut pas" not in "".join(bodies(world, reader))
    world.one("auth.stop_by", host["identity_id"], "x", "ussd")
    ask(world, host, NEW)
    other = world.dial(NEW)
    assert end(world, other, place(world, other)["id"]) == "declined"
    assert not [m for m in world.messages(host) if m["state"] == "queued" and "ne veut pas" in (m["body"] or "")]


def test_a_host_who_takes_his_question_back_is_told_nothing(world):
    host, = family_of(world)
    ask(world, host)
    before = len(world.messages(host))
    assert end(world, host, place(world, world.dial(HERS))["id"]) == "withdrawn"
    assert len(world.messages(host)) == before


# ---- by SMS ----

def test_yes_and_no_by_sms(world):
    host, = family_of(world)
    reader = world.dial(HERS)
    assert text(world, HERS, "FAMILLE")["outcome"] == "unknown", "nobody asked her"
    ask(world, host)
    invited = bodies(world, reader)[-1]
    assert text(world, HERS, "Famille")["outcome"] == "ok" and right(world, reader)
    assert "vous lisez avec" in bodies(world, reader)[-1] and place(world, reader)["consent"] == invited and place(world, reader)["channel"] == "sms"
    other = world.dial(NEW)
    ask(world, host, NEW)
    assert text(world, NEW, "non")["outcome"] == "declined" and "..06 ne veut pas" in bodies(world, host)[-1]
    assert place(world, other)["ended_why"] == "declined" and text(world, NEW, "non")["outcome"] == "unknown"


def test_where_nobody_can_answer_an_sms_none_asks_for_a_word(world):
    host, = family_of(world)
    world.rows("insert into messaging.sender (account, country, kind, sender, two_way) values ('lab', 'CI', 'alphanumeric', 'COKO', false)")
    ask(world, host)
    (told,) = bodies(world, world.dial(HERS))
    assert "*384*26#" in told and "FAMILLE" not in told


# ---- places ----

def test_the_sixth_finds_no_place_and_one_that_leaves_makes_room(world):  # rest case 36
    host, *members = family_of(world, *[f"+22507000000{n:02}" for n in range(4)])
    assert all(right(world, r) for r in members)
    assert ask(world, host) == "full" and world.value("select count(*) from auth.identity") == 6
    assert end(world, members[1], place(world, members[1])["id"]) == "left"
    assert not right(world, members[1]) and "..01 ne lit plus" in bodies(world, host)[-1]
    assert ask(world, host) == "ok" and ask(world, host, NEW) == "full", "who is asked holds the place"
    assert place(world, world.dial(HERS))["seat"] == 2


def test_two_at_once_on_the_last_place_one_has_it(world):
    host, *_ = family_of(world, *[f"+22507000000{n:02}" for n in range(3)])
    numbers = [f"+22507000001{n:02}" for n in range(6)]
    for n in numbers:
        world.dial(n)
    conns = [world.connect() for _ in numbers]
    with ThreadPoolExecutor(len(numbers)) as pool:
        got = list(pool.map(lambda x: ask(world, host, x[0], conn=x[1]), zip(numbers, conns)))
    [c.close() for c in conns]
    assert sorted(got) == ["full"] * 5 + ["ok"]


def test_a_smaller_plan_keeps_its_first_places(world):
    host, one, two = family_of(world, HERS, NEW)
    ask(world, host, OLD)
    third = world.dial(OLD)
    world.rows("update billing.plan set members = 1 where code = 'family'")
    assert [right(world, r) for r in (host, one, two)] == [True, True, False]
    assert join(world, third)["outcome"] == "full" and ask(world, host, "+2250700000077") == "full"


def test_two_families_that_ask_one_reader_at_once_get_one_yes(world):
    host, = family_of(world)
    second = world.dial(OLD)
    world.buy(second, "family", 4000)
    assert [ask(world, h) for h in (host, second)] == ["ok", "ok"]
    reader = world.dial(HERS)
    members = [r["id"] for r in world.rows("select id from billing.family_member order by id")]
    conns = [world.connect() for _ in members]
    with ThreadPoolExecutor(2) as pool:
        got = list(pool.map(lambda x: join(world, reader, x[0], conn=x[1])["outcome"], zip(members, conns)))
    [c.close() for c in conns]
    assert sorted(got) == ["elsewhere", "ok"]


def test_a_family_that_lapsed_is_left_for_one_that_reads(world):
    host, reader = family_of(world, HERS)
    old = place(world, reader)["id"]
    world.later("40 days")
    second = world.dial(OLD)
    world.buy(second, "family", 4000)
    ask(world, second)
    assert join(world, reader)["outcome"] == "ok" and right(world, reader)
    assert world.value("select ended_why from billing.family_member where id = %s", old) == "lapsed"


# ---- what ends it ----

def test_the_end_of_the_pass_ends_the_right_and_the_next_one_brings_it_back(world):  # rest case 36
    host, reader = family_of(world, HERS)
    world.rows("update ops.clock set shift = shift + ((select ends_at from billing.entitlement) - ops.now()) + interval '1 second'")
    book = world.value("select min(id) from catalog.book")
    mine = world.one("billing.my_pass", reader["user_id"], "fr")
    assert mine["outcome"] == "grace" and mine["label"] == "Pass famille"
    may = lambda what: world.value(f"select billing.may_{what}(%s, %s, 3, null)", reader["user_id"], book)  # noqa: E731
    assert may("read") and not may("send"), "grace, on the screen alone, as her host"
    world.later("3 days")
    assert not right(world, reader) and place(world, reader)["state"] == "member"
    world.buy(host, "family", 4000)
    assert right(world, reader)
    world.later("5 weeks")
    world.buy(host, "week", 500)
    assert right(world, host) and not right(world, reader), "a pass for one"


def test_a_refund_ends_it_for_all_at_once(world):
    host, reader = family_of(world, HERS)
    refund(world, host)
    assert not right(world, host) and not right(world, reader)
    assert world.call("billing.in_grace", reader["user_id"], world.now()) == []


def test_her_own_pass_is_hers_first_and_makes_no_chain(world):
    _host, reader = family_of(world, HERS)
    world.buy(reader, "week", 500)
    assert world.one("billing.my_pass", reader["user_id"], "fr")["label"] == "Pass semaine"
    assert ask(world, reader, NEW) == "none", "what she reads under is not hers to share"
    world.later("8 days")
    assert world.one("billing.my_pass", reader["user_id"], "fr")["label"] == "Pass famille"


def test_a_host_takes_somebody_out_and_nobody_else_can(world):
    host, reader, other = family_of(world, HERS, NEW)
    member = place(world, reader)["id"]
    assert end(world, other, member) == "none" and right(world, reader)
    assert join(world, other, member)["outcome"] == "none"
    assert end(world, host, member) == "removed" and not right(world, reader)
    assert "ne partage plus" in bodies(world, reader)[-1]
    assert [(r["role"], r["mark"]) for r in world.call("billing.family_list", host["user_id"], "fr")] == [("host", NEW[-2:])]
    assert [(r["role"], r["mark"]) for r in world.call("billing.family_list", other["user_id"], "fr")] == [("member", "")]


def test_the_daily_hour_reads_under_the_host_s_pass(world):
    host, reader = family_of(world, HERS)
    world.one("reading.save_position", reader["user_id"], world.value("select min(id) from catalog.book"), 2, 0, "ussd")
    world.one("messaging.set_schedule", reader["user_id"], reader["identity_id"], "am", "s", "ussd")
    due = "update messaging.schedule set next_at = ops.now()"
    world.rows(due)
    assert world.value("select messaging.run_schedule(10)") == 1 and len(world.messages(reader, "instalment")) == 1
    end(world, host, place(world, reader)["id"])
    world.rows(due)
    assert world.value("select messaging.run_schedule(10)") == 1 and len(world.messages(reader, "instalment")) == 1


def test_what_a_family_reads_counts_for_authors_and_its_sms_for_the_plan(world):
    host, reader = family_of(world, HERS)
    book = world.value("select min(id) from catalog.book")
    world.rows("select reading.part_done(%s, %s, 1, 2, 0)", reader["user_id"], book)
    assert world.value("select count(*) from reading.part_read where user_id = %s", reader["user_id"]) == 1
    def line(plan):
        return world.row("select * from billing.margin(30) where plan = %s and country = 'CI'", plan)

    assert line("family")["full_cost_minor"] == world.value(
        "select ceil(5 * 400 * billing.segment_cost(messaging.account_for('CI', '*'), 'CI', '*'))")
    for m in world.claim_sms():
        world.accept(m["message_id"], f"r{m['message_id']}")
    before = line("family")["segments"], line("free")["segments"]
    world.one("messaging.enqueue_instalment", reader["user_id"], reader["identity_id"], book, "i")
    for m in world.claim_sms():
        world.accept(m["message_id"], f"r{m['message_id']}")
    assert line("family")["segments"] > before[0] and line("free")["segments"] == before[1]


# ---- numbers ----

def test_her_place_goes_with_her_to_another_number_and_not_to_who_dials_next(desk):  # noqa: F811
    host, reader = family_of(desk, OLD)
    give(desk, reader, "a")
    new = desk.dial(NEW)
    assert redeem(desk, new, "a")["outcome"] == "ok"
    assert right(desk, reader) and place(desk, reader)["identity_id"] == new["identity_id"]
    assert not right(desk, desk.dial(OLD)) and desk.call("billing.family_list", desk.dial(OLD)["user_id"], "fr") == []


def test_who_is_asked_on_her_new_number_first_keeps_the_place(desk):  # noqa: F811
    host, = family_of(desk)
    reader = desk.dial(OLD)
    give(desk, reader, "a")
    assert ask(desk, host, NEW) == "ok"
    new = desk.dial(NEW)
    join(desk, new)
    assert redeem(desk, new, "a")["outcome"] == "ok"
    assert desk.dial(NEW)["user_id"] == reader["user_id"] and right(desk, reader) and desk.dial(NEW)["pass_until"] is not None


def test_a_host_who_was_asked_by_herself_has_no_place_with_herself(desk):  # noqa: F811
    host, = family_of(desk)
    give(desk, host, "a")
    ask(desk, host, NEW)
    new = desk.dial(NEW)
    assert redeem(desk, new, "a")["outcome"] == "ok"
    assert desk.value("select ended_why from billing.family_member") == "moved" and right(desk, desk.dial(NEW))


def test_the_next_holder_of_a_recycled_number_has_no_place(desk):  # noqa: F811
    host, reader = family_of(desk, OLD)
    assert answer(desk, "binta", asked(desk, None))["outcome"] == "ok"
    assert place(desk, reader)["ended_why"] == "recycled" and "ne lit plus" in bodies(desk, host)[-1]
    holder = desk.dial(OLD)
    assert not right(desk, holder) and desk.value("select billing.family_places(%s)", host["user_id"]) == 4
    assert ask(desk, host, OLD) == "ok" and place(desk, holder)["state"] == "invited"
