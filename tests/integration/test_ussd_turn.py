# SPDX-License-Identifier: Apache-2.0
"""The USSD turn on the real daemon, PostgreSQL and Redis: repetitions (S1), one effect a step (S2),
an answer whatever is down (S3), any worker (S4), nothing private in Redis or the log (S5).
Numbers in names are the hard cases of callbacks."""
import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis as redis_client

from database import Held, sql
from support import TOP, wait_until
from ussdkit import dial_in

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone, HubtelPhone, at_once  # noqa: E402

NUMBER = "+2250700000041"
ONE = {"coko": {"workers": 1}}  # readiness is one worker's: another may still be reconnecting
BUDGET_S = 4.5  # 3.5 s of ours and room for a sanitized build


@pytest.fixture
def coko(two_workers, clean_redis):
    return two_workers.next_test()


@pytest.fixture
def alone(two_workers):
    """For a test with a daemon of its own."""
    two_workers.close()


def at_phone(coko, number=NUMBER):
    return AtPhone(coko.url, "demo", number)


def hubtel_phone(coko, number="+233240000041"):
    return HubtelPhone(coko.url, "demo", number, operator="mtn")


def to_offers(phone):
    """From the dial to the list of passes, whatever the reader's state shifts in the menu."""
    dial_in(phone, "*384*26#")
    if "Bienvenue" in phone.last or "Welcome" in phone.last:
        phone.send("1")
    pick(phone, "pass")
    pick(phone, "pass")


def pick(phone, word):
    """Choose the option whose label has this word."""
    for line in phone.last.splitlines()[1:]:
        key, _, label = line.partition(" ")
        if key.isdigit() and word.lower() in label.lower():
            return phone.send(key)
    raise AssertionError(f"no option with {word!r} in:\n{phone.last}")


def send_on(phone, key, sorry):
    """A hop, which the carrier delivers again while a worker that has just started, on a busy machine, can only ask for patience:
    nothing of such a hop is kept."""
    def again():
        if phone.last not in sorry:
            return True
        phone.last, phone.ended = phone.judge(phone.repeat()[0])
        return False

    phone.send(key)
    wait_until(again, lambda: f"a screen: {phone.last}", 60)
    return phone.last


@pytest.mark.parametrize("phone_of", [at_phone, hubtel_phone])
def test_01_a_repeated_hop_gets_the_same_bytes(coko, phone_of):
    phone = phone_of(coko)
    dial_in(phone, "*384*26#")
    for key in ("1", "1", "1"):
        first = phone.last_reply
        assert all(first.same(again) for again in phone.repeat(3))
        phone.send(key)
    assert coko.metric("coko_ussd_verdicts_total", 'verdict="repeated"') == 9


@pytest.mark.parametrize("phone_of", [at_phone, hubtel_phone])
def test_02_concurrent_repetitions_share_one_reply_and_one_effect(coko, migrated_db, phone_of):
    phone = phone_of(coko, {at_phone: "+2250700000042", hubtel_phone: "+233240000042"}[phone_of])
    to_offers(phone)
    phone.send("1")
    sent = phone.post_raw
    bodies = []
    phone.post_raw = lambda body: bodies.append(body) or sent(body)
    phone.send("9")
    assert phone.ended
    replies = at_once([lambda: sent(bodies[-1])] * 16)
    assert all(phone.last_reply.same(r) for r in replies)
    assert sql(migrated_db, "select count(*) from billing.charge c join auth.identity i on"
               " i.id = c.identity_id where i.country = '%s'" %
               ("CI" if phone_of is at_phone else "GH"))[0][0] == 1


def test_02_sixteen_first_deliveries_at_once_make_one_reader(coko, migrated_db):
    phone = at_phone(coko, "+2250700000043")
    before = sql(migrated_db, "select count(*) from auth.users")[0][0]
    body = phone.start("*384*26#")
    replies = at_once([lambda: phone.post_raw(body)] * 16)
    assert all(replies[0].same(r) for r in replies)
    assert sql(migrated_db, "select count(*) from auth.users")[0][0] == before + 1


@pytest.mark.parametrize("phone_of, code", [(at_phone, "*384*26#"), (at_phone, "*384*26*101#"),
                                            (hubtel_phone, "*384*26#")])
def test_03_a_start_that_comes_twice_is_no_input(coko, phone_of, code):
    phone = phone_of(coko)
    phone.dial(code)
    again = phone.repeat(2)
    assert all(phone.last_reply.same(r) for r in again)
    first = phone.last
    phone.send("1")
    assert phone.last != first and not phone.ended


def test_06_the_first_sight_of_a_session_begins_it_and_an_empty_text_does_not(coko):
    phone = at_phone(coko, "+2250700000048")
    phone.dial("*384*26#")
    if "Bienvenue" in phone.last:
        phone.send("1")
    phone.send("1")
    shown = phone.last_reply
    assert phone.post_raw(phone.form("")).same(shown), "a straggler of a live session, not a start"
    phone.session = "ATUid_never_seen"
    unknown = phone.post_raw(phone.form("101"))
    assert unknown.body.startswith(b"CON ") and b"taxi" in unknown.body, "unknown, with a path: it begins"


class NoSessionPhone(HubtelPhone):
    carrier = "nosession"


def test_08_without_a_session_id_the_number_is_the_key(alone, daemon, tmp_path, migrated_db):
    for name in ("menus", "api", "deploy"):
        (tmp_path / name).symlink_to(TOP / name)
    folder = tmp_path / "gateway/ussd/profiles"
    folder.mkdir(parents=True)
    for file in (TOP / "gateway/ussd/profiles").glob("*.json"):
        (folder / file.name).write_text(file.read_text())
    text = (folder / "hubtel.json").read_text().replace('"name": "hubtel"', '"name": "nosession"')
    text = text.replace('"fresh_ids": true,', "")   # a number comes again
    (folder / "nosession.json").write_text(text.replace('"SessionId"', '"Mobile"'))
    coko = daemon(config={"coko": {"data_dir": tmp_path}, "carrier nosession": {"secret": "demo", "short_code": "*384*26#"}})
    one, two = (NoSessionPhone(coko.url, "demo", f"+23324000004{n}") for n in (8, 9))
    for phone in (one, two):
        phone.dial("*384*26#")
        phone.send("1")
    before = one.last
    pick(one, "pass")
    assert two.repeat()[0].same(two.last_reply), "another number, another dialogue"
    one.dial("*384*26#")
    assert one.last == before, "a start begins, whatever the same key has stored"
    assert one.repeat()[0].same(one.last_reply)


def test_24_hanging_up_while_a_payment_starts_leaves_one_charge(coko, migrated_db):
    phone = hubtel_phone(coko, "+233240000047")
    to_offers(phone)
    phone.send("1")
    before = sql(migrated_db, "select count(*) from billing.charge")[0][0]
    accept, release = phone.hop("9"), phone.json("release", "", phone.hops + 2)

    def hangs_up():
        wait_until(lambda: sql(migrated_db, "select 1 from pg_locks where not granted and relation = 'billing.charge'::regclass"),
                   "the payment to start", every=0.01)
        return phone.post_raw(release)
    locked = Held(migrated_db, "lock table billing.charge in share mode")  # nobody makes a charge before both hung up
    with ThreadPoolExecutor(5) as pool:
        with locked:
            posts = [pool.submit(phone.post_raw, accept) for _ in range(3)]
            gone = [pool.submit(hangs_up) for _ in range(2)]
            assert all(one.result().status == 200 for one in gone)
        assert all(one.result().status == 200 for one in posts)
    assert sql(migrated_db, "select count(*) from billing.charge")[0][0] == before + 1
    phone.ended = True
    phone.dial("*384*26#")
    assert not phone.ended and sql(migrated_db, "select count(*) from billing.charge")[0][0] == before + 1


def test_04_a_straggler_gets_the_present_screen(coko):
    phone = at_phone(coko)
    bodies = []
    sent = phone.post_raw
    phone.post_raw = lambda body: bodies.append(body) or sent(body)
    phone.dial("*384*26#")
    phone.send("1")
    phone.send("1")
    assert sent(bodies[1]).same(phone.last_reply)
    phone.send("0")
    assert coko.metric("coko_ussd_verdicts_total", 'verdict="stale"') == 1


def test_09_a_long_dial_never_pays(coko, migrated_db):
    phone = at_phone(coko, "+2250700000044")
    phone.dial("*384*26#")
    before = sql(migrated_db, "select count(*) from billing.charge")[0][0]
    phone = at_phone(coko, "+2250700000044")
    phone.dial("*384*26*2*1*1*9#")
    assert sql(migrated_db, "select count(*) from billing.charge")[0][0] == before
    assert not phone.ended


def test_09_a_book_is_dialled_by_its_code(coko):
    phone = at_phone(coko)
    phone.dial("*384*26*101#")
    if "Bienvenue" in phone.last:
        phone.send("1")
    assert "Le taxi de nuit" in phone.last
    ghana = hubtel_phone(coko)
    ghana.dial("*384*26*201#")
    if "Welcome" in ghana.last:
        ghana.send("1")
    assert "The Second-Hand Phone" in ghana.last


def test_the_pages_of_the_day_without_a_pass(coko, migrated_db):
    sql(migrated_db, "update billing.plan set pages_day = 3 where code = 'free'")
    phone = at_phone(coko, "+2250700000047")
    phone.dial("*384*26*101#")
    if "Bienvenue" in phone.last:
        phone.send("1")
    pick(phone, "Lire")
    for _ in range(60):  # more than the free part has
        if "demain" in phone.last:
            break
        phone.send("1")
    assert "Vos pages offertes du jour sont lues" in phone.last
    assert sql(migrated_db, "select count(*), min(part), max(part) from reading.free_page") == [(3, 2, 2)]
    pick(phone, "pass")
    assert "100 F" in phone.last


def test_22_after_the_end_comes_the_end(coko):
    phone = at_phone(coko, "+2250700000045")
    to_offers(phone)
    phone.send("1")
    phone.send("9")
    assert phone.ended
    assert phone.post_raw(phone.hop("1")).same(phone.last_reply)


def test_23_hanging_up_shows_no_screen(coko):
    phone = hubtel_phone(coko)
    phone.dial("*384*26#")
    reply = phone.hang_up()
    assert reply.status == 200
    wait_until(lambda: coko.metric("coko_ussd_verdicts_total", 'verdict="abort"') == 1, "the notice at work")


@pytest.mark.parametrize("body", [
    b"", b"text=1", b"sessionId=a&phoneNumber=%00&text=", b"sessionId=a&sessionId=b&phoneNumber=1",
    b"\xff\xfe", b"sessionId=" + b"a" * 4000 + b"&phoneNumber=1&text="])
def test_malformed_callbacks_get_a_polite_end_and_are_counted(coko, body):
    phone = at_phone(coko)
    reply = phone.post_raw(body)
    assert reply.status == 200 and reply.body.startswith(b"END ") and b"plus tard" in reply.body
    assert coko.metric("coko_ussd_refused_total", 'reason="malformed"') == 1


def test_18_an_impossible_number_gets_a_polite_end(coko):
    phone = at_phone(coko)
    reply = phone.post_raw("sessionId=x1&serviceCode=%2A384%2A26%23&phoneNumber=12&text=")
    assert reply.status == 200 and reply.body.startswith(b"END ")


def test_40_an_unknown_carrier_and_a_wrong_secret_look_alike(coko):
    one = coko.post("/ussd/africastalking/wrong", b"x=1")
    two = coko.post("/ussd/nosuch/demo", b"x=1")
    assert (one.status, one.body) == (two.status, two.body) == (404, b"")


def test_s4_a_session_survives_its_worker(coko):
    texts = json.loads((TOP / "menus/coko/text/fr.json").read_text())["fail"]
    sorry = (texts["busy"], texts["down"])
    phone = at_phone(coko, "+2250700000047")
    phone.dial("*384*26#")
    seen = [phone.last]
    for key in ("1", "1", "0"):
        for pid in coko.children():
            os.kill(pid, signal.SIGKILL)
        wait_until(coko.is_ready, "workers again", 30)
        seen.append(send_on(phone, key, sorry))
    assert seen[3] == seen[1] != seen[2], "back where the first key led"


def test_27_redis_down_gives_a_polite_end_and_comes_back(alone, daemon, own_redis):
    coko = daemon(config=ONE, redis_url=own_redis.url)
    phone = at_phone(coko)
    phone.dial("*384*26#")
    own_redis.stop()
    reply = phone.post_raw(phone.hop("1"))
    assert reply.status == 200 and reply.body.startswith(b"END ") and reply.seconds < BUDGET_S
    own_redis.start()
    wait_until(coko.is_ready, "ready with Redis again", 30)
    phone = at_phone(coko)
    phone.dial("*384*26#")
    assert not phone.ended


def test_27_redis_frozen_is_answered_inside_the_budget(alone, daemon, own_redis):
    coko = daemon(config=ONE, redis_url=own_redis.url)
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        phone = at_phone(coko)
        phone.dial("*384*26#")
        assert phone.ended and phone.last_reply.seconds < BUDGET_S
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)


def test_redis_emptied_replays_the_path_without_effects(coko, clean_redis):
    phone = at_phone(coko)
    phone.dial("*384*26#")
    if "Bienvenue" in phone.last:
        phone.send("1")
    redis_client.Redis.from_url(clean_redis.url).flushall()
    phone.send("1")
    assert not phone.ended


def test_36_postgres_down_gives_a_polite_screen_and_comes_back(alone, daemon, own_pg, own_db):
    coko = daemon(config=ONE, database=own_db)
    phone = at_phone(coko)
    phone.dial("*384*26#")
    assert "Bienvenue" in phone.last
    own_pg.crash()
    other = at_phone(coko, "+2250700000046")
    other.dial("*384*26#")
    assert other.last_reply.seconds < BUDGET_S and other.ended
    phone.send("1")  # the notice, then home and Discover: screens that ask nothing
    phone.send("1")
    phone.send("1")
    assert not phone.ended and "essayer" in phone.last, "the menu's own answer, the place kept"
    own_pg.start()
    wait_until(coko.is_ready, "ready with PostgreSQL again", 30)
    other.dial("*384*26#")
    assert "Bienvenue" in other.last


@pytest.mark.parametrize("phone_of, account, daily, both", [
    (at_phone, "compte", "par jour", "Matin et soir (08:00, 19:00)"),
    (hubtel_phone, "account", "daily", "Morning and evening (09:30, 17:30)")])
def test_daily_reading_names_hours_that_are_not_quiet(coko, migrated_db, phone_of, account, daily, both):
    """The country's, in the reader's language; a wrong key shows them again."""
    sql(migrated_db, "insert into messaging.quiet_hours values ('CI', 'Africa/Abidjan', '21:00', '08:00'), ('GH', 'Africa/Accra', '18:30', '09:30')")
    try:
        phone = phone_of(coko)
        phone.dial("*384*26#")
        if "Bienvenue" in phone.last or "Welcome" in phone.last:
            phone.send("1")
        pick(phone, account)
        while daily not in phone.last.lower():
            assert "98" in phone.last, phone.last
            phone.send("98")
        pick(phone, daily)
        assert f"3 {both}" in phone.last, phone.last
        phone.send("77")
        assert f"3 {both}" in phone.last, phone.last
    finally:
        sql(migrated_db, "delete from messaging.quiet_hours")


def test_s5_no_number_in_redis_or_in_the_log(coko, clean_redis):
    phone = at_phone(coko, "+2250700987654")
    phone.dial("*384*26#")
    phone.send("1")
    store = redis_client.Redis.from_url(clean_redis.url)
    for key in store.keys():
        assert b"700987654" not in key + store.get(key)
    assert "700987654" not in coko.process.log.read_text()
