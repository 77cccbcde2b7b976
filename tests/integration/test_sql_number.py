# SPDX-License-Identifier: Apache-2.0
"""A change of number: by the reader's code, by two persons with three days' notice, and a number with a new holder. What is
hers goes with her, nothing of it is seen by who holds the old number next, and no money finds nobody."""
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import key
from test_sql_selling import credit, pay_twice

OLD, NEW, OTHER = "+2250501020304", "+2250709080706", "+2250101010101"


def code_of(text):
    return key("code " + text)


def give(world, reader, code, after="0"):
    """A code as gateway/jobs/recovery.c gives it."""
    world.rows("select auth.recovery_want(%s, %s)", reader["identity_id"], after)
    wanted = {w["identity_id"]: w["body"] for w in world.call("auth.recovery_wanted", 10)}
    assert "{recovery}" in wanted[reader["identity_id"]]
    return world.value("select auth.recovery_give(%s)", json.dumps(
        [{"identity": reader["identity_id"], "mac": code_of(code).hex(), "body": b"sealed".hex()}]))


def redeem(world, reader, code, step=None, conn=None):
    return world.row("select * from auth.number_redeem(%s, %s, %s)", reader["identity_id"], [code_of(code)], step or os.urandom(8).hex(), conn=conn)


def gone(world, number=OLD):
    """What who dials next from a number finds."""
    found = world.dial(number)
    return found["is_new"] and not found["continue_title"] and found["pass_until"] is None and not found["pending"]


def reader_of(world):
    """She reads a book, in English, each morning, with a pass."""
    found = world.dial(OLD)
    book = world.book()
    world.one("auth.welcomed", found["identity_id"])
    world.one("reading.save_position", found["user_id"], book, 2, 40, "ussd")
    world.buy(found)
    world.one("auth.set_language", found["user_id"], "en")
    world.one("messaging.set_schedule", found["user_id"], found["identity_id"], "am", "s", "ussd")
    return {**found, "book": book}


@pytest.fixture
def reader(world):
    return reader_of(world)


def bodies(world, identity):
    return [r["body"] for r in world.rows("select body from messaging.message where identity_id = %s and body is not null order by id", identity)]


# ---- the code ----

def test_the_first_purchase_brings_a_code_and_the_next_does_not(world, reader):
    due = world.row("select wanted_at - ops.now() as wait, code_mac from auth.recovery_code where identity_id = %s", reader["identity_id"])
    assert timedelta(0) < due["wait"] <= timedelta(minutes=10) and due["code_mac"] is None
    assert world.call("auth.recovery_wanted", 10) == [], "the receipt first"
    world.later("11 minutes")
    (wanted,) = world.call("auth.recovery_wanted", 10)
    assert wanted["identity_id"] == reader["identity_id"]
    assert world.call("auth.recovery_wanted", 10) == [], "one makes it"
    world.later("61 seconds")
    assert len(world.call("auth.recovery_wanted", 10)) == 1, "unless that one died"
    world.later("61 seconds")
    assert give(world, reader, "a") == 1
    world.later("2 days")
    world.buy(reader)
    assert world.value("select wanted_at from auth.recovery_code") is None


def test_a_code_is_a_hash_and_its_message_is_sealed_and_wiped_S5(world, reader):
    give(world, reader, "a")
    message = world.row("select * from messaging.message where identity_id = %s and kind = 'otp'", reader["identity_id"])
    assert message["body"] is None and message["body_sealed"] is not None
    world.later("25 hours")
    while world.value("select ops.expire_rows(1000)"):
        pass
    assert world.value("select body_sealed from messaging.message where id = %s", message["id"]) is None
    assert world.value("select auth.recovery_give('[{\"identity\": 1, \"mac\": \"00\", \"body\": \"00\"}]')") == 0, "nobody waits for it"


def test_a_new_code_ends_the_old_one_and_is_asked_for_once_an_hour(world, reader):
    world.later("2 hours")
    ask = lambda step: world.one("auth.recovery_ask", reader["identity_id"], step)["outcome"]  # noqa: E731
    assert [ask("1"), ask("1")] == ["asked", "asked"]  # S2
    give(world, reader, "a")
    assert [ask("2"), ask("2"), ask("1")] == ["limited", "limited", "asked"]
    world.later("61 minutes")
    assert ask("3") == "asked"
    new = world.dial(NEW)
    assert redeem(world, new, "b")["outcome"] == "unknown"
    give(world, reader, "b")
    assert redeem(world, new, "a")["outcome"] == "unknown"
    assert redeem(world, new, "b")["outcome"] == "ok"


# ---- what a move does ----

def test_all_that_is_hers_goes_with_her_and_the_old_number_is_nobodys(world, reader):
    pay_twice(world, reader, "week", 500)
    owed = credit(world, reader)
    right = world.value("select count(*) from billing.entitlement where user_id = %s", reader["user_id"])
    give(world, reader, "a")
    new = world.dial(NEW)
    assert new["user_id"] != reader["user_id"]
    got = redeem(world, new, "a")
    assert (got["outcome"], got["user_id"], got["lang"], got["continue_title"]) == ("ok", reader["user_id"], "en", "Le livre pirogue")
    assert got["pass_until"] > world.now()
    after = world.dial(NEW)
    assert after["user_id"] == reader["user_id"] and after["identity_id"] == new["identity_id"]
    assert credit(world, after) == owed > 0
    assert world.value("select count(*) from billing.entitlement where user_id = %s", after["user_id"]) == right
    assert world.row("select part, at from reading.position where user_id = %s", after["user_id"]) == {"part": 2, "at": 40}
    assert world.value("select identity_id from messaging.schedule where user_id = %s", after["user_id"]) == new["identity_id"]
    assert world.value("select status from auth.users where id = %s", new["user_id"]) == "deleted"
    assert "nouveau numéro" in bodies(world, reader["identity_id"])[-1] and "sur ce numéro" in bodies(world, new["identity_id"])[-1]
    assert gone(world) and world.dial(OLD)["identity_id"] != reader["identity_id"] and world.dial(OLD)["lang"] == "fr"
    assert [r["identity_id"] for r in world.call("auth.recovery_wanted", 10)] == [new["identity_id"]], "the new number's own code"
    assert world.row("select kind, state, left_user from auth.number_move") == {"kind": "code", "state": "done", "left_user": new["user_id"]}


def test_a_step_repeated_moves_once_and_says_the_same_S2(world, reader):
    give(world, reader, "a")
    new = world.dial(NEW)
    first = redeem(world, new, "a", "k")
    assert redeem(world, new, "a", "k") == first and first["outcome"] == "ok"
    assert world.value("select count(*) from auth.number_move") == 1
    assert redeem(world, new, "a")["outcome"] == "unknown", "a code opens once"


def test_a_book_begun_on_the_new_number_goes_on_and_hers_stays_where_it_was(world, reader):
    second = world.book("neuf")
    new = world.dial(NEW)
    world.one("reading.save_position", new["user_id"], second, 1, 30, "ussd")
    world.one("reading.save_position", new["user_id"], reader["book"], 1, 5, "ussd")
    give(world, reader, "a")
    assert redeem(world, new, "a")["outcome"] == "ok"
    assert world.rows("select book_id, part, at from reading.position where user_id = %s order by book_id", reader["user_id"]) == [
        {"book_id": reader["book"], "part": 2, "at": 40}, {"book_id": second, "part": 1, "at": 30}]


def test_stop_goes_with_her_and_a_pause_for_a_dead_phone_does_not(world, reader):
    world.rows("update auth.identity set paused_at = ops.now(), paused_for = 'failures' where id = %s", reader["identity_id"])
    world.one("auth.stop_by", reader["identity_id"], "s", "sms")
    give(world, reader, "a")
    new = world.dial(NEW)
    assert redeem(world, new, "a")["outcome"] == "ok"
    assert world.row("select stopped_at is null as free, paused_at is null as awake from auth.identity where id = %s",
                     new["identity_id"]) == {"free": False, "awake": True}
    assert world.value("select what || way from auth.consent where identity_id = %s", new["identity_id"]) == "stoprule"


def test_nothing_leaves_for_the_old_number_any_more_but_the_word_that_it_moved(world, reader):
    world.one("messaging.enqueue_instalment", reader["user_id"], reader["identity_id"], reader["book"], "i")
    place = world.value("select at from reading.position where user_id = %s and book_id = %s", reader["user_id"], reader["book"])
    give(world, reader, "a")
    code = world.value("select max(id) from messaging.message where kind = 'otp'")
    new = world.dial(NEW)
    assert redeem(world, new, "a")["outcome"] == "ok"
    left = world.rows("select kind, body from messaging.message where identity_id = %s and state = 'queued' and kind <> 'receipt'", reader["identity_id"])
    assert left == [] and place > 40
    assert world.value("select at from reading.position where user_id = %s and book_id = %s", reader["user_id"], reader["book"]) == 40, "sent again"
    assert world.row("select state, body_sealed from messaging.message where id = %s", code) == {"state": "cancelled", "body_sealed": None}
    charge = world.value("select max(id) from billing.charge")
    world.rows("select billing.charge_notice(%s, 'declined')", charge)
    assert "refusé" in bodies(world, new["identity_id"])[-1], "her own phone hears of a payment of the old one"
    assert world.one("messaging.enqueue_instalment", reader["user_id"], reader["identity_id"], reader["book"], "j")["outcome"] == "none"
    assert world.start(reader, "month")["outcome"] == "no_rail", "an old session of the old phone buys nothing"


def test_reminders_and_hours_find_the_new_phone(world, reader):
    give(world, reader, "a")
    new = world.dial(NEW)
    redeem(world, new, "a")
    world.rows("update billing.entitlement set ends_at = ops.now() + interval '20 hours', starts_at = ops.now() - interval '20 days', remind_at = ops.now()")
    world.rows("update ops.clock set shift = shift + (date_trunc('day', ops.now()) + interval '34 hours' - ops.now())")
    world.rows("update billing.entitlement set ends_at = ops.now() + interval '3 days', remind_at = ops.now()")
    assert world.value("select billing.run_reminders(10)") == 1
    assert world.rows("select 1 from messaging.message where identity_id = %s and kind = 'notice'", reader["identity_id"]) == []
    assert world.rows("select 1 from messaging.message where identity_id = %s and kind = 'notice'", new["identity_id"])


def test_logins_of_both_end(world, reader):
    new = world.dial(NEW)
    for who in (reader, new):
        world.rows("insert into auth.session (user_id, identity_id, refresh_hash, created_at, last_seen_at, expires_at)"
                   " values (%s, %s, %s, ops.now(), ops.now(), ops.now() + interval '1 day')", who["user_id"], who["identity_id"], os.urandom(32))
    otp = world.one("auth.request_otp", key(OLD), b"s", 1, "CI", "mtn", b"h", b"sealed", None)
    give(world, reader, "a")
    redeem(world, new, "a")
    assert world.value("select count(*) from auth.session where revoked_at is null") == 0
    assert world.one("auth.verify_otp", otp["request_id"], key(OLD), b"h", key("r"), "")["outcome"] == "expired"


# ---- what is refused ----

def test_wrong_codes_are_locked_after_five_in_an_hour_and_twenty_in_a_day(world, reader):
    give(world, reader, "a")
    thief = world.dial(OTHER)
    assert [redeem(world, thief, str(n))["outcome"] for n in range(6)] == ["unknown"] * 5 + ["limited"]
    assert redeem(world, thief, "a")["outcome"] == "limited", "even the right one"
    assert world.row("select outcome from billing.redeem(%s, %s, '{}', 's', 'ussd')", thief["user_id"], thief["identity_id"])["outcome"] == "limited"
    for _ in range(3):
        world.later("61 minutes")
        assert {redeem(world, thief, "x")["outcome"] for _ in range(5)} == {"unknown"}
    world.later("61 minutes")
    assert redeem(world, thief, "a")["outcome"] == "limited"
    assert redeem(world, world.dial(NEW), "a")["outcome"] == "ok", "nobody else is kept out"


@pytest.mark.parametrize("side", ["old", "new"])
def test_an_open_payment_of_either_side_comes_first(world, reader, side):  # I5
    give(world, reader, "a")
    new = world.dial(NEW)
    who = reader if side == "old" else new
    world.later("2 days")
    assert world.start(who, "week" if side == "new" else "day")["outcome"] == "created"
    assert redeem(world, new, "a")["outcome"] == "open"
    assert not gone(world) and world.dial(NEW)["user_id"] == new["user_id"]
    world.event(world.claim_one(), "declined")
    if side == "new":
        assert redeem(world, new, "a")["outcome"] == "open", "it is asked about once more: a late success would be nobody's"
        world.rows("update billing.charge set due_at = null")
    assert redeem(world, new, "a")["outcome"] == "ok"


def test_a_gift_on_its_way_comes_first(world, reader):
    give(world, reader, "a")
    new = world.dial(NEW)
    offer = world.offer(new)
    assert world.one("billing.start_charge", world.dial(OTHER)["user_id"], new["identity_id"], offer["plan_id"], offer["price_id"], "g", "c",
                     "ussd")["outcome"] == "created"
    assert redeem(world, new, "a")["outcome"] == "open"


def test_a_number_with_a_pass_of_its_own_is_not_merged(world, reader):
    give(world, reader, "a")
    new = world.dial(NEW)
    world.buy(new)
    world.rows("update billing.charge set due_at = null")
    assert redeem(world, new, "a")["outcome"] == "own"
    assert world.dial(NEW)["pass_until"] is not None and world.dial(NEW)["user_id"] == new["user_id"] and not gone(world)
    world.later("2 days")
    assert redeem(world, new, "a")["outcome"] == "ok", "once it is over"


def test_her_own_code_and_another_country_move_nothing(world, reader):
    give(world, reader, "a")
    assert redeem(world, reader, "a")["outcome"] == "same"
    assert redeem(world, world.dial("+233241112223", "GH"), "a")["outcome"] == "abroad"
    assert not gone(world)


# ---- races ----

def test_two_phones_with_one_code_one_has_it(world, reader):
    give(world, reader, "a")
    phones = [world.dial(n) for n in (NEW, OTHER)]
    conns = [world.connect() for _ in phones]
    with ThreadPoolExecutor(2) as pool:
        got = list(pool.map(lambda p: redeem(world, p[0], "a", conn=p[1])["outcome"], zip(phones, conns)))
    [c.close() for c in conns]
    assert sorted(got) == ["ok", "unknown"]
    assert world.value("select count(*) from auth.identity where user_id = %s and gone_at is null", reader["user_id"]) == 1


def test_a_purchase_that_waited_for_a_move_pays_nothing_for_nobody(world, reader):
    """The purchase read the number's reader, then waited for her row: she is not there any more."""
    give(world, reader, "a")
    new = world.dial(NEW)
    moving, buying = world.connect(), world.connect()
    moving.autocommit = False
    assert redeem(world, new, "a", conn=moving)["outcome"] == "ok"
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(world.start, new, "week", None, buying)
        waits_for(world)
        moving.commit()
        assert later.result()["outcome"] == "no_rail"
    [c.close() for c in (moving, buying)]
    assert world.value("select count(*) from billing.charge where user_id = %s", new["user_id"]) == 0


def waits_for(world):
    """Until some connection waits for a lock."""
    while world.value("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 0:
        pass


def test_a_text_that_waited_for_a_move_is_of_who_holds_the_number_now(world, reader):
    give(world, reader, "a")
    new = world.dial(NEW)
    moving, texting = world.connect(), world.connect()
    moving.autocommit = False
    redeem(world, new, "a", conn=moving)
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(world.one, "messaging.inbound_text", "lab", key(NEW), b"s", 1, "CI", "mtn", "SUITE", "", None, b"d", conn=texting)
        waits_for(world)
        moving.commit()
        assert later.result()["outcome"] == "queued"
    [c.close() for c in (moving, texting)]
    assert world.value("select user_id from messaging.message where kind = 'instalment'") == reader["user_id"]


def test_a_voucher_typed_in_an_old_session_of_the_new_number_is_not_lost(world, reader):
    give(world, reader, "a")
    new = world.dial(NEW)
    redeem(world, new, "a")
    world.row("select * from billing.voucher_make('week', 'CI', %s, 0, ops.now() + interval '9 days', '', 'awa')", [key("v")])
    got = world.row("select outcome from billing.redeem(%s, %s, %s, 's', 'ussd')", new["user_id"], new["identity_id"], [key("v")])
    assert got["outcome"] == "unknown" and world.value("select redeemed_at from billing.voucher") is None


# ---- the desk ----

def number(text, country="CI"):
    return {"lookup": key(text).hex(), "sealed": b"s".hex(), "key_id": 1, "country": country, "network": "mtn", "mark": text[-2:]}


def desk_of(world):
    for name in ("awa", "binta"):
        world.one("auth.staff_join", name, "CI", key("key of " + name), "root")
    return world


@pytest.fixture
def desk(world):
    return desk_of(world)


def ask(world, who, old, new, reason="SIM perdue"):
    return world.row("select * from auth.desk_ask(%s, 'root', %s::jsonb, %s::jsonb, %s)", [key("key of " + who)], json.dumps(old),
                     new and json.dumps(new), reason)


def answer(world, who, move, what="approve"):
    return world.row("select * from auth.desk_answer(%s, 'root', %s, %s)", [key("key of " + who)], move, what)


def asked(world, new=number(NEW)):
    got = ask(world, "awa", number(OLD), new)
    assert got["outcome"] == "ok", got
    return int(got["detail"])


def state(world, move):
    return world.value("select state from auth.number_move where id = %s", move)


def test_two_persons_and_three_days_move_a_reader_and_the_old_number_is_told(desk, reader):
    move = asked(desk)
    assert answer(desk, "awa", move)["outcome"] == "same_person"
    assert answer(desk, "nobody", move)["outcome"] == "who" and ask(desk, "nobody", number(OLD), number(OTHER))["outcome"] == "who"
    assert ask(desk, "binta", number(OLD), number(OTHER))["outcome"] == "asked_already"
    desk.later("80 hours")
    assert desk.value("select auth.run_moves(10)") == 0 and not gone(desk), "one person is not enough"
    assert answer(desk, "binta", move)["outcome"] == "ok" and answer(desk, "binta", move)["outcome"] == "decided"
    assert "Répondez NON" in bodies(desk, reader["identity_id"])[-1]
    desk.later("71 hours")
    assert desk.value("select auth.run_moves(10)") == 0 and not gone(desk)
    assert [r["state"] for r in desk.call("auth.move_list")] == ["waits"]
    desk.later("61 minutes")
    assert desk.value("select auth.run_moves(10)") == 1 and desk.value("select auth.run_moves(10)") == 0
    assert state(desk, move) == "done" and desk.dial(NEW)["user_id"] == reader["user_id"] and gone(desk)
    assert desk.value("select count(*) from ops.audit where kind in ('number.asked', 'number.approved', 'number.moved')") == 3


@pytest.mark.parametrize("way", ["sms", "ussd"])
def test_the_old_number_says_no(desk, reader, way):
    move = asked(desk)
    answer(desk, "binta", move)
    assert desk.value("select auth.move_waits(%s)", reader["identity_id"])
    if way == "sms":
        assert desk.one("messaging.inbound_text", "lab", key(OLD), b"s", 1, "CI", "mtn", "Non", "", None, b"d")["outcome"] == "kept"
        assert "rien ne change" in bodies(desk, reader["identity_id"])[-1]
    else:
        assert desk.value("select auth.move_keep(%s, 'ussd')", reader["identity_id"]) == "kept"
    assert state(desk, move) == "kept" and not desk.value("select auth.move_waits(%s)", reader["identity_id"])
    desk.later("100 hours")
    assert desk.value("select auth.run_moves(10)") == 0 and not gone(desk)
    assert desk.value("select count(*) from ops.audit where kind = 'alert.number_kept'") == 1
    assert desk.one("messaging.inbound_text", "lab", key(OLD), b"s", 1, "CI", "mtn", "NON", "", None, b"e")["outcome"] == "unknown"


def test_the_new_number_cannot_say_no_and_a_refusal_ends_it(desk, reader):
    move = asked(desk)
    answer(desk, "binta", move)
    assert desk.one("messaging.inbound_text", "lab", key(NEW), b"s", 1, "CI", "mtn", "NON", "", None, b"d")["outcome"] == "unknown"
    assert answer(desk, "awa", move, "refuse")["outcome"] == "ok" and state(desk, move) == "refused"
    desk.later("100 hours")
    assert desk.value("select auth.run_moves(10)") == 0 and not gone(desk)


def test_a_request_that_nobody_approves_ends_after_a_week(desk, reader):
    first = asked(desk)
    desk.later("8 days")
    assert answer(desk, "binta", first) == {"outcome": "decided", "detail": "expired"} and state(desk, first) == "failed"
    second = asked(desk)
    desk.later("8 days")
    desk.value("select auth.run_moves(10)")
    assert state(desk, second) == "failed" and not gone(desk)


def test_an_open_payment_puts_a_move_off_and_a_pass_of_its_own_ends_it(desk, reader):
    move = asked(desk)
    answer(desk, "binta", move)
    desk.later("72 hours")
    assert desk.start(reader)["outcome"] == "created"
    assert desk.value("select auth.run_moves(10)") == 1 and state(desk, move) == "waits"
    desk.event(desk.claim_one(), "declined")
    new = desk.dial(NEW)
    desk.buy(new, "month", 1500)
    desk.later("61 minutes")
    desk.rows("update billing.charge set due_at = null")
    desk.value("select auth.run_moves(10)")
    assert desk.row("select state, why from auth.number_move where id = %s", move) == {"state": "failed", "why": "own"}
    assert desk.dial(NEW)["user_id"] == new["user_id"] and not gone(desk)


def test_the_code_is_faster_than_the_desk(desk, reader):
    move = asked(desk)
    answer(desk, "binta", move)
    give(desk, reader, "a")
    other = desk.dial(OTHER)
    assert redeem(desk, other, "a")["outcome"] == "ok"
    assert state(desk, move) == "failed"
    desk.later("80 hours")
    assert desk.value("select auth.run_moves(10)") == 0 and desk.dial(OTHER)["user_id"] == reader["user_id"]


def test_two_jobs_at_once_move_once(desk, reader):
    answer(desk, "binta", asked(desk))
    desk.later("73 hours")
    conns = [desk.connect() for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda c: desk.value("select auth.run_moves(10)", conn=c), conns))
    [c.close() for c in conns]
    assert desk.rows("select state from auth.number_move") == [{"state": "done"}]
    assert len([b for b in bodies(desk, reader["identity_id"]) if "nouveau numéro" in b]) == 1


def test_unknown_same_and_foreign_numbers_are_refused_at_the_desk(desk, reader):
    assert ask(desk, "awa", number(OTHER), number(NEW))["outcome"] == "missing"
    assert desk.value("select count(*) from auth.identity") == 1, "a question makes nobody"
    assert ask(desk, "awa", number(OLD), number(OLD))["outcome"] == "same"
    assert ask(desk, "awa", number(OLD), number("+233241112223", "GH"))["outcome"] == "abroad"
    assert answer(desk, "awa", 12345)["outcome"] == "missing"


# ---- a number with a new holder ----

def test_the_next_holder_of_a_recycled_number_starts_empty(desk, reader):
    pay_twice(desk, reader, "week", 500)
    desk.one("messaging.enqueue_instalment", reader["user_id"], reader["identity_id"], reader["book"], "i")
    desk.one("billing.choose_wallet", reader["user_id"], reader["identity_id"], "mtn_momo")
    move = asked(desk, None)
    assert answer(desk, "awa", move)["outcome"] == "same_person" and not gone(desk)
    assert answer(desk, "binta", move)["outcome"] == "ok"
    assert desk.rows("select 1 from messaging.message where identity_id = %s and state = 'queued'", reader["identity_id"]) == []
    holder = desk.dial(OLD)
    assert holder["user_id"] != reader["user_id"] and holder["identity_id"] != reader["identity_id"]
    assert gone(desk) and holder["lang"] == "fr" and credit(desk, holder) == 0
    user, phone = holder["user_id"], holder["identity_id"]
    assert desk.one("billing.my_pass", user, "fr")["outcome"] == "none"
    assert desk.call("messaging.my_deliveries", user, "fr") == [] and desk.call("reading.continue", user) == []
    assert desk.one("messaging.repeat_instalment", user, phone, "r")["outcome"] == "none"
    assert desk.row("select rail, stopped_at, paused_at, verified_at, welcomed_at from auth.identity where id = %s", phone) == {
        "rail": None, "stopped_at": None, "paused_at": None, "verified_at": None, "welcomed_at": None}
    assert desk.rows("select 1 from messaging.schedule") == []
    desk.rows("select billing.charge_notice(max(id), 'declined') from billing.charge")
    assert bodies(desk, phone) == [] and desk.messages(reader)[-1]["state"] != "queued", "who has no phone hears nothing, and nobody else does"


def test_a_reader_whose_number_was_recycled_comes_back_with_her_code(desk, reader):
    give(desk, reader, "a")
    desk.later("31 days")
    desk.buy(reader)
    answer(desk, "binta", asked(desk, None))
    holder = desk.dial(OLD)
    assert redeem(desk, desk.dial(NEW), "a")["outcome"] == "ok"
    assert desk.dial(NEW)["user_id"] == reader["user_id"] and desk.dial(NEW)["pass_until"] is not None
    assert desk.dial(OLD)["user_id"] == holder["user_id"] and bodies(desk, holder["identity_id"]) == []


def test_a_number_is_not_recycled_while_a_payment_is_open(desk, reader):
    desk.later("2 days")
    desk.start(reader)
    move = asked(desk, None)
    assert answer(desk, "binta", move)["outcome"] == "open" and state(desk, move) == "asked"
    for left in (2, 1, 0):  # the rail is asked twice more: a late success would be for nobody
        desk.event(desk.claim_one(), "declined")
        assert answer(desk, "binta", move)["outcome"] == ("open" if left else "ok")
    assert gone(desk)


# ---- who holds the number now ----

def test_a_code_that_still_waits_is_not_sent_to_the_next_holder(desk, reader):
    """Her first purchase was minutes ago: the code that opens all that is hers would go to a stranger."""
    assert answer(desk, "binta", asked(desk, None))["outcome"] == "ok"
    desk.later("11 minutes")
    assert desk.call("auth.recovery_wanted", 10) == []
    given = json.dumps([{"identity": reader["identity_id"], "mac": code_of("a").hex(), "body": b"sealed".hex()}])
    assert desk.value("select auth.recovery_give(%s)", given) == 0
    assert desk.rows("select 1 from messaging.message where kind = 'otp' and state = 'queued'") == []


def test_a_code_asked_for_since_the_number_may_have_been_his_dies_with_it(desk, reader):
    give(desk, reader, "a")
    got = answer(desk, "binta", asked(desk, None))
    assert got["outcome"] == "ok" and "no code" in got["detail"]
    assert redeem(desk, desk.dial(OLD), "a")["outcome"] == "unknown"


def test_a_request_is_about_one_reader_not_about_who_holds_the_number_later(desk):
    asker = desk.dial(OLD)
    move = asked(desk)
    assert answer(desk, "binta", move)["outcome"] == "ok"
    later = desk.dial(OTHER)
    desk.buy(later, "week", 500)
    give(desk, later, "b")
    assert redeem(desk, desk.dial(OLD), "b")["outcome"] == "ok"
    desk.later("73 hours")
    desk.value("select auth.run_moves(50)")
    assert desk.dial(OLD)["user_id"] == later["user_id"] and desk.dial(NEW)["user_id"] not in (later["user_id"], asker["user_id"])
    assert state(desk, move) == "failed"


def test_a_dialogue_of_the_old_number_reads_and_sends_nothing_more(desk, reader):
    user, phone = reader["user_id"], reader["identity_id"]
    give(desk, reader, "a")
    assert redeem(desk, desk.dial(NEW), "a")["outcome"] == "ok"
    assert desk.call("auth.holder", phone, user) == []
    assert desk.one("auth.start_again_by", phone, "x1", "ussd")["outcome"] == "already"
    assert desk.one("messaging.set_schedule", user, phone, "both", "x2", "ussd")["outcome"] == "unknown"
    assert desk.one("messaging.enqueue_instalment", user, phone, reader["book"], "x3")["outcome"] == "none"
    assert desk.one("messaging.repeat_instalment", user, phone, "x4")["outcome"] == "none"
    assert desk.value("select stopped_at is not null from auth.identity where id = %s", phone)


def test_a_late_success_of_who_was_merged_is_for_who_she_is_now_case_9(desk, reader):
    before = desk.dial(NEW)
    charge_id = desk.start(before)["charge_id"]
    desk.event(desk.claim_one(), "accepted")
    while desk.value("select due_at is not null from billing.charge where id = %s", charge_id):
        desk.event(desk.claim_one(), "declined")
    give(desk, reader, "a")
    assert redeem(desk, desk.dial(NEW), "a")["outcome"] == "ok"
    desk.rows("select billing.inbox_hint(rail, our_ref::text) from billing.charge where id = %s", charge_id)
    desk.event(desk.claim_one(), "success", "late", 100)
    assert desk.value("select user_id from billing.charge where id = %s and settlement is not null", charge_id) == reader["user_id"]


def test_a_number_is_not_recycled_while_a_payment_that_was_given_up_may_succeed(desk, reader):
    desk.later("2 days")
    desk.start(reader)
    desk.event(desk.claim_one(), "unknown")
    desk.later("20 minutes")
    assert desk.one("billing.supersede_charge", reader["user_id"], "s")["outcome"] == "ok"
    assert answer(desk, "binta", asked(desk, None))["outcome"] == "open"


def test_a_refund_does_not_go_by_itself_to_a_number_with_a_new_holder(desk, reader):
    charge_id = desk.value("select max(id) from billing.charge where settlement = 'granted'")
    refund = desk.one("billing.refund_request", charge_id, None, "x", "awa")["refund_id"]
    assert answer(desk, "binta", asked(desk, None))["outcome"] == "ok"
    assert desk.one("billing.refund_approve", refund, "binta")["outcome"] == "recycled"
