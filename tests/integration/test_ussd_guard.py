# SPDX-License-Identifier: Apache-2.0
"""Hard case 26: actions that take longer than a carrier waits. The reader gets the screen for meanwhile
in time, the action goes on, its result is shown on a later hop by whatever worker, its effect happens
once. The actions are the service's own, held in PostgreSQL until the test lets them go; other readers notice
nothing."""
import os
import re
import shutil
import signal
import sys

import pytest
import redis as redis_client

from database import Turnstile, sql
from support import TOP, wait_until
from ussdkit import ask_of, dial_home, frozen, pick

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone, HubtelPhone, at_once  # noqa: E402

BUDGET_S = 4.5  # 3.5 s of ours and room for a sanitized build
MEANWHILE = re.compile("Coko y travaille|Coko is working on it")
KEY = 26


@pytest.fixture
def held(migrated_db):
    """with held(): the actions of slow() do not go on."""
    return lambda: Turnstile(migrated_db, KEY)


@pytest.fixture
def slow(daemon, tmp_path, migrated_db):
    """A daemon whose named actions first wait in PostgreSQL as long as they are held."""
    sql(migrated_db, "create or replace function public.turnstile() returns void language plpgsql as $$ begin"
        f" while not pg_try_advisory_xact_lock_shared({KEY}) loop perform pg_sleep(0.02); end loop; end $$")
    for name in ("api", "gateway", "deploy"):
        (tmp_path / name).symlink_to(TOP / name)
    (tmp_path / "menus").mkdir()
    shutil.copytree(TOP / "menus/coko", tmp_path / "menus/coko")

    def start(*actions, workers=2):
        for name in actions:
            file = tmp_path / f"menus/coko/actions/{name}.sql"
            text = file.read_text().replace("-- lane: write", "-- lane: slow")
            at = text.rindex("from ") + 5
            file.write_text(f"{text[:at]}(select public.turnstile() offset 0) as slow cross join lateral {text[at:]}")
        return daemon(config={"coko": {"workers": workers, "data_dir": tmp_path}})
    return start


def parts(url):
    return sql(url, "select count(*) from messaging.message where kind = 'instalment'")[0][0]


def late(coko, result, n=1):
    wait_until(lambda: coko.metric("coko_ussd_late_total", f'result="{result}"') == n, f"a late result {result}", 30)


def promises(url):
    return list(redis_client.Redis.from_url(url).scan_iter("*:l:*"))


def asks_by_sms(phone, code):
    """To the guard screen of the book's next part by SMS; returns the screen it was asked from."""
    dial_home(phone, f"*384*26*{code}#")
    card = phone.last
    pick(phone, "SMS")
    assert MEANWHILE.search(phone.last) and not phone.ended, phone.last
    assert phone.last_reply.seconds < BUDGET_S
    return card


@pytest.mark.parametrize("kind, number, code", [(AtPhone, "+2250700001501", 103), (HubtelPhone, "+233240001501", 203)])
def test_26_the_result_of_a_slow_action_is_shown_on_a_later_hop_and_happens_once(slow, held, migrated_db, kind, number, code):
    coko = slow("sms_next")
    before = parts(migrated_db)
    phone = kind(coko.url, "demo", number)
    with held():
        asks_by_sms(phone, code)
        assert parts(migrated_db) == before, "it is still at work"
        other = AtPhone(coko.url, "demo", number[:-1] + "9")
        dial_home(other)
        assert not other.ended and not MEANWHILE.search(other.last), "nothing else waits for it"
        assert all(r.same(phone.last_reply) for r in phone.repeat(4, concurrent=True)), "S1"
        phone.send("1")
        assert MEANWHILE.search(phone.last), "not yet"
    late(coko, "kept")
    assert phone.repeat()[0].same(phone.last_reply), "S1: the step's reply stays what it was"
    phone.send("1")
    assert "SMS" in phone.last and not MEANWHILE.search(phone.last) and not phone.ended
    assert parts(migrated_db) == before + 1
    assert all(r.same(phone.last_reply) for r in phone.repeat(4, concurrent=True)), "S1"
    pick(phone, "Lire", "Read")
    assert not phone.ended and parts(migrated_db) == before + 1
    assert coko.metric("coko_ussd_guarded_total") == 2 and coko.metric("coko_ussd_late") == 0


def test_26_one_step_twice_at_once_makes_one_effect(slow, held, migrated_db):
    """Both deliveries run the action, on two workers perhaps; one promises, either keeps."""
    coko = slow("sms_next")
    before = parts(migrated_db)
    phone = HubtelPhone(coko.url, "demo", "+233240001502")
    dial_home(phone, "*384*26*203#")
    key = next(line.split(" ")[0] for line in phone.last.splitlines() if "SMS" in line)
    body = phone.hop(key)
    with held():
        replies = at_once([lambda: phone.post_raw(body)] * 3)
    assert all(r.same(replies[0]) and MEANWHILE.search(phone.judge(r)[0]) for r in replies), "S1"
    late(coko, "kept")
    phone.hops += 1
    wait_until(lambda: not MEANWHILE.search(phone.send("1")), "the result", 30)
    assert not phone.ended and parts(migrated_db) == before + 1


def test_26_a_slow_search_shows_what_it_found(slow, held, clean_redis):
    coko = slow("search")
    phone = AtPhone(coko.url, "demo", "+2250700001503")
    dial_home(phone)
    pick(phone, "couvrir")
    pick(phone, "cherch")
    with held():
        phone.send("taxi")
        assert MEANWHILE.search(phone.last) and phone.last_reply.seconds < BUDGET_S
    late(coko, "kept")
    key, = promises(clean_redis.url)
    assert b"taxi" not in redis_client.Redis.from_url(clean_redis.url).get(key), "S5: rows are sealed"
    with held():
        phone.send("1")
        assert "1 Le taxi de nuit" in phone.last, "found once, not searched for again"
        assert phone.repeat()[0].same(phone.last_reply)
    phone.send("1")
    assert phone.last.startswith("Le taxi de nuit") and not phone.ended
    assert coko.metric("coko_ussd_guarded_total") == 1


def test_26_a_payment_that_takes_long_ends_on_a_later_hop(slow, held, migrated_db):
    coko = slow("start_charge")
    before = sql(migrated_db, "select count(*) from billing.charge")[0][0]
    phone = HubtelPhone(coko.url, "demo", "+233240001504")
    dial_home(phone)
    pick(phone, "pass")
    pick(phone, "pass")
    phone.send("1")
    with held():
        phone.send("9")
        assert MEANWHILE.search(phone.last) and not phone.ended
        assert all(r.same(phone.last_reply) for r in phone.repeat(3, concurrent=True))
    late(coko, "kept")
    phone.send("1")
    assert phone.ended, "the charge was made: last words, and then the prompt"
    assert phone.repeat()[0].same(phone.last_reply)
    assert sql(migrated_db, "select count(*) from billing.charge")[0][0] == before + 1


def test_26_a_reader_who_left_is_not_fetched_back(slow, held, migrated_db):
    coko = slow("sms_next")
    before = parts(migrated_db)
    home, back, gone = (AtPhone(coko.url, "demo", f"+225070000151{n}") for n in range(3))
    with held():
        cards = at_once([lambda p=p: asks_by_sms(p, 103) for p in (home, back, gone)])
        home.send("00")
        screen = home.last
        assert "Mon pass" in screen and back.send("0") == cards[1], "the book's card"
        gone.dial()
        assert ask_of(gone) and gone.send("1") == cards[2], "where he asked, without the wait"
    late(coko, "kept", 3)
    assert home.send("00") == screen and gone.repeat()[0].same(gone.last_reply)
    assert parts(migrated_db) == before + 3, "each has what he asked for, once"


def test_26_a_worker_that_dies_is_taken_over_without_a_second_effect(slow, held, migrated_db, clean_redis):
    coko = slow("sms_next", workers=1)
    before = parts(migrated_db)
    phone = HubtelPhone(coko.url, "demo", "+233240001520")
    with held():
        asks_by_sms(phone, 203)
        for pid in coko.children():
            os.kill(pid, signal.SIGKILL)
        wait_until(coko.is_ready, "a worker again", 60)
        assert MEANWHILE.search(phone.send("1")), "promised, and for a while believed"
        store = redis_client.Redis.from_url(clean_redis.url)
        for key in promises(clean_redis.url):
            assert 0 < store.pttl(key) <= 25_000
            store.delete(key)
        assert MEANWHILE.search(phone.send("1")), "sent once more, as slow as the first"
    late(coko, "kept")
    phone.send("1")
    assert "SMS" in phone.last and not phone.ended
    assert parts(migrated_db) == before + 1, "under the first hop's step: one effect, whoever finished it"


def test_26_redis_lost_while_an_action_runs(slow, held, migrated_db, clean_redis):
    coko = slow("sms_next")
    before = parts(migrated_db)
    phone = AtPhone(coko.url, "demo", "+2250700001530")
    with held():
        asks_by_sms(phone, 103)
        redis_client.Redis.from_url(clean_redis.url).flushall()
    late(coko, "kept")
    phone.send("1")
    assert not phone.ended and not MEANWHILE.search(phone.last), "the path is walked again, to where it may"
    assert parts(migrated_db) == before + 1


def test_26_a_frozen_database_is_a_screen_for_meanwhile_and_then_goes_on(daemon, own_pg, own_db):
    coko = daemon(config={"coko": {"workers": 1}}, database=own_db)
    phone = HubtelPhone(coko.url, "demo", "+233240001540")
    dial_home(phone, "*384*26*203#")
    with frozen(own_pg):
        pick(phone, "Read")
        assert MEANWHILE.search(phone.last) and phone.last_reply.seconds < BUDGET_S
    wait_until(lambda: not MEANWHILE.search(phone.send("1")), "the page", 30)
    assert not phone.ended and "1 More" in phone.last
