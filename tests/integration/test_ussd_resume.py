# SPDX-License-Identifier: Apache-2.0
"""A reader whose dialogue dropped dials again (S4): each screen says whether he is taken back at once,
asked first, or begins anew; on another worker, on another carrier, within half an hour; never into
money. Numbers in names are the hard cases of callbacks."""
import os
import random
import re
import signal
import sys

import pytest
import redis as redis_client

from database import sql
from support import TOP, wait_until
from ussdkit import ask_of, dial_home, pick, place

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone, HubtelPhone  # noqa: E402


@pytest.fixture
def coko(two_workers, clean_redis):
    return two_workers.next_test()


@pytest.fixture
def store(clean_redis):
    return redis_client.Redis.from_url(clean_redis.url)


def pointers(store):
    return list(store.scan_iter("*:r:*"))


def sessions(store):
    return list(store.scan_iter("*:s:*"))


def reading(phone, code, pages):
    """Opens the book and turns pages; the last screen is a page of it."""
    dial_home(phone, f"*384*26*{code}#")
    pick(phone, "Lire", "Read")
    for _page in range(pages):
        phone.send("1")
    return phone.last


@pytest.mark.parametrize("first, second", [(AtPhone, HubtelPhone), (HubtelPhone, AtPhone)])
def test_s4_auto_takes_the_reader_back_to_his_page_over_carriers_and_workers(coko, migrated_db, first, second):
    number = {AtPhone: "+2250700001001", HubtelPhone: "+2250700001002"}[first]
    shown = reading(first(coko.url, "demo", number), 103, 3)
    before = place(migrated_db, 103)
    for pid in coko.children():
        os.kill(pid, signal.SIGKILL)
    wait_until(coko.is_ready, "workers again", 30)
    phone = second(coko.url, "demo", number)
    phone.dial()
    assert phone.last == shown, "the very page"
    assert place(migrated_db, 103) == before
    phone.send("1")
    assert not phone.ended and phone.last != shown and place(migrated_db, 103) > before
    assert coko.metric("coko_ussd_recovered_total", 'method="auto"') == 1


def test_s4_ask_asks_and_does_what_it_is_told(coko):
    phone = AtPhone(coko.url, "demo", "+2250700001003")
    dial_home(phone, "*384*26*101#")
    card = phone.last
    phone.dial()
    assert ask_of(phone)
    question = phone.last
    for typed in ("7", "", "x", "9", "0"):
        phone.send(typed)
        assert ask_of(phone) and not phone.ended, (typed, phone.last)
    for typed in ("1", "01", "1.", " 1"):  # hard case 35
        phone.send(typed)
        assert phone.last == card, typed
        phone.dial()
        assert phone.last == question
    phone.send("2")
    assert "Mon pass" in phone.last
    home_screen = phone.last
    phone.dial()
    assert phone.last == home_screen, "home is no place to come back to"
    dial_home(phone, "*384*26*101#")
    phone.dial()
    assert phone.send("00") == home_screen


def test_s4_a_question_that_dropped_is_asked_again(coko):
    phone = HubtelPhone(coko.url, "demo", "+233240001004")
    dial_home(phone, "*384*26*201#")
    card = phone.last
    for _time in range(3):
        phone.dial()
        assert ask_of(phone)
        assert phone.repeat()[0].same(phone.last_reply)
        phone.hang_up()
    phone.dial()
    assert phone.send("1") == card


def test_s4_what_was_dialled_wins_over_what_dropped(coko):
    phone = AtPhone(coko.url, "demo", "+2250700001005")
    reading(phone, 103, 1)
    phone.dial("*384*26*101#")
    assert "taxi" in phone.last


def test_23_24_money_is_never_taken_up_again(coko, store, migrated_db):
    phone = AtPhone(coko.url, "demo", "+2250700001006")
    dial_home(phone)
    first = phone.last
    pick(phone, "pass")
    pick(phone, "pass")
    assert len(pointers(store)) == 1, "the offers may be resumed"
    phone.send("1")
    confirm = phone.last
    assert not pointers(store), "a confirm may not"
    phone.dial()
    assert phone.last == first and phone.last != confirm
    pick(phone, "pass")
    pick(phone, "pass")
    phone.send("1")
    phone.send("9")
    assert phone.ended
    charges = sql(migrated_db, "select count(*) from billing.charge")[0][0]
    phone.dial()
    assert not ask_of(phone) and sql(migrated_db, "select count(*) from billing.charge")[0][0] == charges


def test_22_an_end_takes_its_own_pointer_and_no_other(coko, store):
    """Case 21 as well: two dialogues of one reader, the last to write has the pointer."""
    number = "+2250700001007"
    one, two = AtPhone(coko.url, "demo", number), HubtelPhone(coko.url, "demo", number)
    dial_home(one)
    pick(one, "pass")
    pick(one, "pass")
    dial_home(two, "*384*26*103#")
    pointer, = pointers(store)
    kept = store.get(pointer)
    one.send("1")
    one.send("9")
    assert one.ended and store.get(pointer) == kept, "the other dialogue's"
    two.dial()
    assert ask_of(two)


def test_21_two_dialogues_of_one_reader_keep_apart(coko):
    number = "+2250700001008"
    one, two = AtPhone(coko.url, "demo", number), HubtelPhone(coko.url, "demo", number)
    page = reading(one, 103, 1)
    two.dial("*384*26*101#")
    card = two.last
    pick(two, "Résumé", "Resume")
    summary = two.last
    assert one.repeat()[0].same(one.last_reply) and two.repeat()[0].same(two.last_reply)
    two.send("0")
    assert two.last == card != summary
    one.send("97")
    assert one.last.splitlines()[0] == page.splitlines()[0], "still the book that it read"
    third = AtPhone(coko.url, "demo", number)
    third.dial()
    assert third.last == one.last, "the last to write"


def test_07_an_answer_to_a_forgotten_screen_resumes_or_goes_home(coko, store):
    phone = HubtelPhone(coko.url, "demo", "+233240001009")
    page = reading(phone, 203, 2)
    for key in sessions(store):
        store.delete(key)
    phone.send("1")
    assert not phone.ended and phone.last == page, "the page is shown, the key turned nothing"
    store.flushall()
    for typed in ("1", "2*1*9", "201"):
        phone.send(typed)
        assert not phone.ended and "Coko" in phone.last, "no error, and what was typed opens nothing"
        store.flushall()
    assert coko.metric("coko_ussd_verdicts_total", 'verdict="unknown"') == 4


def test_38_how_long_each_state_is_kept(coko, store):
    phone = AtPhone(coko.url, "demo", "+2250700001010")
    reading(phone, 103, 0)
    (live,), (pointer,) = sessions(store), pointers(store)
    assert 200_000 < store.pttl(live) <= 240_000
    assert 1_700_000 < store.pttl(pointer) <= 1_800_000
    store.pexpire(live, 100_000)
    phone.send("1")
    assert store.pttl(live) > 200_000, "the hop's own write refreshes it"
    phone.send("00")
    assert not pointers(store)
    pick(phone, "pass")
    pick(phone, "pass")
    phone.send("1")
    phone.send("9")
    assert phone.ended and not pointers(store)
    assert 50_000 < store.pttl(live) <= 60_000, "a tombstone"


def test_38_a_session_that_expires_within_its_hop_is_stored_anew(coko, store):
    phone = HubtelPhone(coko.url, "demo", "+233240001011")
    dial_home(phone, "*384*26*201#")
    (live,), (pointer,) = sessions(store), pointers(store)
    store.delete(live)
    phone.send("3")
    assert ask_of(phone) and phone.repeat()[0].same(phone.last_reply)


DAMAGE = {"noise": b"\xa7" * 60, "empty": b"", "head": b"\x01" * 9, "format": b"\x02" + b"\x00" * 40,
          "huge": b"\x01" + b"x" * 9000}


def test_a_pointer_that_cannot_be_read_is_none(coko, store):
    phone = AtPhone(coko.url, "demo", "+2250700001012")
    dial_home(phone)
    first = phone.last
    dial_home(phone, "*384*26*101#")
    pointer, = pointers(store)
    whole = store.get(pointer)
    damages = {**DAMAGE, "cut": whole[:-3], "longer": whole + b"x", "version": whole[:10] + b"\0" * 8 + whole[18:]}
    for name, bytes_ in damages.items():
        store.set(pointer, bytes_)
        phone.dial()
        assert phone.last == first, name
    store.delete(pointer)
    store.rpush(pointer, "not", "ours")
    phone.dial()
    assert phone.last == first


def test_s5_a_pointer_holds_no_number(coko, store):
    phone = AtPhone(coko.url, "demo", "+2250700987653")
    reading(phone, 103, 0)
    for key in store.keys():
        assert b"700987653" not in key + store.get(key)


def test_a_stored_session_takes_at_most_600_bytes(coko, store):
    """On every screen that a curious reader finds, and the pointer beside it no more than that."""
    dice, seen, worst = random.Random(13), set(), [(0, ""), (0, "")]
    for phone in (AtPhone(coko.url, "demo", "+2250700001013"), HubtelPhone(coko.url, "demo", "+233240001013")):
        for _step in range(200):
            if phone.ended or dice.random() < 0.04:
                dial_home(phone, dice.choice([None, "*384*26*101#", "*384*26*103#"]))
            keys = [line.split(" ")[0] for line in re.split(r"\n|  ", phone.last) if line.split(" ")[0].isdigit()]
            phone.send(dice.choice(keys) if keys and dice.random() < 0.95 else "la nuit")
            seen.add(phone.last.split("\n")[0][:12])
            for i, found in enumerate((sessions(store), pointers(store))):
                worst[i] = max([worst[i]] + [(store.strlen(key), phone.last) for key in found])
    assert len(seen) > 25, seen
    assert worst[0][0] <= 600 and worst[1][0] <= 600, worst


def test_four_offers_shown_again_take_no_more_than_at_first(coko, store):
    """What was chosen from them goes when they are shown anew, but the number of its price; what back leads to stays."""
    phone = HubtelPhone(coko.url, "demo", "+233240001014")
    dial_home(phone, "*384*26*201#")
    title = phone.last
    pick(phone, "pass")
    offers, (key,) = phone.last, sessions(store)
    assert len(re.findall(r"^[1-9] Pass|^[1-9] .* pass", offers, re.M | re.I)) == 4, offers
    first, most = store.strlen(key), 0
    for number in "1234":
        phone.send(number)
        most = max(most, store.strlen(key))
        while phone.last != offers:
            phone.send("0")
            most = max(most, store.strlen(key))
        assert first <= store.strlen(key) <= first + 22, number
    assert most <= 600
    phone.send("0")
    assert phone.last == title
