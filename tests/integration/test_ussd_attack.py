# SPDX-License-Identifier: Apache-2.0
"""The USSD turn attacked: session ids used again (S2), a store that refuses or lies, paths replayed
after a loss, every page of every sample book, an end while the database stands still.
Numbers in names are the hard cases of callbacks."""
import contextlib
import json
import os
import random
import re
import signal
import socket
import struct
import sys

import psycopg2
import pytest
import redis as redis_client

from database import sql
from story import letters
from support import TOP, wait_until
from ussdkit import frozen, pick, welcome

sys.path.insert(0, str(TOP / "tests/lab"))
import gsm0338  # noqa: E402
from carriers.xmls import MoovPhone  # noqa: E402
from ussd_client import AtPhone, HubtelPhone, at_once  # noqa: E402

BUDGET_S = 4.5  # 3.5 s of ours and room for a sanitized build


@pytest.fixture
def coko(two_workers, clean_redis):
    return two_workers.next_test()


@pytest.fixture
def alone(two_workers):
    """For a test with a daemon of its own."""
    two_workers.close()


def instalments(url):
    return sql(url, "select count(*) from messaging.message where kind = 'instalment'")[0][0]


def delivered(url):
    sql(url, "update messaging.message set state = 'delivered', done_at = ops.now()"
        " where kind = 'instalment'")


class SameIdPhone(MoovPhone):
    """A carrier that counts its sessions from the same number every day."""

    def new_session(self):
        return "4711"


# --- S2 --------------------------------------------------------------------------------------------


def test_05_a_session_id_used_again_has_its_own_effects(alone, daemon, migrated_db):
    coko = daemon(config={"coko": {"workers": 2}, "carrier moov": {"secret": "demo", "short_code": "*384*26#", "country": "BJ"}})
    phone = SameIdPhone(coko.url, "demo", MoovPhone.number)
    welcome(phone)
    before = instalments(migrated_db)
    for day in (1, 2):
        phone.dial()
        for words in ("Découvrir", "Nouveautés", "Trois lettres", "SMS"):  # each day the same step
            pick(phone, words)
        assert instalments(migrated_db) == before + day, "yesterday's answer was told as today's"
        delivered(migrated_db)
    assert phone.last_reply.same(phone.repeat()[0])
    assert instalments(migrated_db) == before + 2


def test_s2_an_effect_whose_screen_was_not_stored_is_not_done_again(alone, daemon, own_redis, migrated_db):
    coko = daemon(redis_url=own_redis.url)
    store = redis_client.Redis.from_url(own_redis.url)
    phone = HubtelPhone(coko.url, "demo", "+233240000502")
    phone.dial("*384*26*202#")
    assert "Welcome" in phone.last
    phone.send("1")
    before = instalments(migrated_db)
    store.config_set("maxmemory", 1)  # reads go on, writes are refused
    pick(phone, "SMS")
    assert phone.ended and phone.last_reply.seconds < BUDGET_S
    assert "Nothing is lost" in phone.last, "41: the reader's own language, once it is known"
    assert instalments(migrated_db) == before + 1
    store.config_set("maxmemory", 0)
    again = phone.repeat(3)
    assert again[0].same(again[1]) and again[0].same(again[2])
    assert json.loads(again[0].body)["Type"] == "response", "the step's own screen at last"
    assert instalments(migrated_db) == before + 1


@pytest.mark.parametrize("kind", [AtPhone, HubtelPhone])
def test_s1_repetitions_of_two_steps_at_once(coko, kind):
    """Repetitions of the last hop race with the next one on two workers: one reply a step, and a straggler gets either."""
    phone = kind(coko.url, "demo", {AtPhone: "+2250700000503", HubtelPhone: "+233240000505"}[kind])
    welcome(phone)
    dice = random.Random(1)
    for _step in range(12):
        old, last = phone._body, phone.last_reply
        new = phone.hop(dice.choice(["1", "2", "0", "98", "7"]))
        got = at_once([lambda: phone.post_raw(old)] * 4 + [lambda: phone.post_raw(new)] * 4)
        phone.hops += 1
        phone._body, phone.last_reply = new, got[4]
        phone.last, phone.ended = phone.judge(got[4])
        assert not phone.ended
        assert all(reply.same(got[4]) for reply in got[5:])
        assert all(reply.same(last) or reply.same(got[4]) for reply in got[:4])
        assert phone.post_raw(new).same(got[4])


def test_s2_a_row_that_is_locked_is_asked_for_again(coko, migrated_db):
    phone = welcome(AtPhone(coko.url, "demo", "+2250700000509"))
    phone.dial()
    pick(phone, "pass")
    pick(phone, "pass")
    phone.send("1")
    confirm = phone.last
    mine = ("select count(*) from billing.charge where user_id = (select max(id) from auth.users)",)
    with psycopg2.connect(migrated_db) as conn, conn.cursor() as cursor:
        cursor.execute("select 1 from auth.users for update")
        phone.send("9")
        assert "demand" in phone.last and not phone.ended and phone.last_reply.seconds < BUDGET_S
    assert sql(migrated_db, *mine)[0][0] == 0
    phone.send("1")
    assert phone.last == confirm
    phone.send("9")
    assert phone.ended
    assert all(reply.same(phone.last_reply) for reply in phone.repeat(4, concurrent=True))
    assert sql(migrated_db, *mine)[0][0] == 1


# --- the store -------------------------------------------------------------------------------------


def only_key(store):
    keys = list(store.scan_iter("*:s:*"))
    assert len(keys) == 1
    return keys[0]


DAMAGE = {
    "noise": lambda v: b"\xa7" * 200,
    "short": lambda v: v[:3],
    "empty": lambda v: b"",
    "state": lambda v: v[:48] + b"\xff" * 30 + v[78:],
    "lengths": lambda v: v[:36] + b"\x00\x01\x00\x01" + v[40:],
    "format": lambda v: b"\x01" + v[1:],  # what the version before wrote
    "version": lambda v: v[:1] + b"\x00" * 4 + v[5:],
    "last version": lambda v: v[:1] + b"\xff" * 4 + v[5:],
    "longer": lambda v: v + b"x",
}


def test_a_corrupted_session_begins_again_and_goes_on(coko, clean_redis):
    store = redis_client.Redis.from_url(clean_redis.url)
    for name, damage in DAMAGE.items():
        store.flushall()
        phone = welcome(HubtelPhone(coko.url, "demo", "+233240000503"))
        key = only_key(store)
        store.set(key, damage(store.get(key)))
        phone.send("1")
        assert not phone.ended, (name, phone.last)
        first = phone.last
        phone.send("00")
        assert not phone.ended and phone.repeat()[0].same(phone.last_reply), (name, first)
        assert 0 < store.pttl(key) <= 240_000


def test_a_value_of_another_type_is_a_polite_end(coko, clean_redis):
    store = redis_client.Redis.from_url(clean_redis.url)
    phone = welcome(AtPhone(coko.url, "demo", "+2250700000504"))
    key = only_key(store)
    store.delete(key)
    store.rpush(key, "not", "ours")
    phone.send("1")
    assert phone.ended and phone.last_reply.seconds < BUDGET_S


def test_27_redis_turned_replica_gives_a_polite_end_and_comes_back(alone, daemon, own_redis):
    coko = daemon(config={"coko": {"workers": 1}}, redis_url=own_redis.url)  # readiness is a worker's
    store = redis_client.Redis.from_url(own_redis.url)
    phone = welcome(AtPhone(coko.url, "demo", "+2250700000505"))
    store.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        phone.send("1")
        assert phone.ended and phone.last_reply.seconds < BUDGET_S
    finally:
        store.execute_command("REPLICAOF", "NO", "ONE")
    wait_until(coko.is_ready, "ready with a master again", 30)
    assert not welcome(phone).ended


# --- paths -----------------------------------------------------------------------------------------


def place(url, phone_digits_book):
    return sql(url, "select p.part, p.at from reading.position p join catalog.book b on b.id ="
               " p.book_id where b.code = %s order by p.updated_at desc limit 1",
               (phone_digits_book,))[0]


def test_07_a_path_replayed_after_a_loss_turns_no_pages(coko, clean_redis, migrated_db):
    phone = welcome(AtPhone(coko.url, "demo", "+2250700000506"))
    phone.dial("*384*26*103#")
    pick(phone, "Lire")
    for _page in range(6):
        phone.send("1")
    before, shown = place(migrated_db, 103), phone.last
    redis_client.Redis.from_url(clean_redis.url).flushall()
    phone.send("1")
    assert not phone.ended
    assert place(migrated_db, 103) == before
    assert phone.last[:60] == shown[:60], "the page that was on the screen"
    phone.send("1")
    assert place(migrated_db, 103) > before


def test_07_a_path_replayed_after_a_loss_never_sends_or_pays(coko, clean_redis, migrated_db):
    phone = welcome(AtPhone(coko.url, "demo", "+2250700000507"))
    phone.dial("*384*26*104#")
    pick(phone, "SMS")
    sent = instalments(migrated_db)
    delivered(migrated_db)
    redis_client.Redis.from_url(clean_redis.url).flushall()
    assert phone.post_raw(phone._body).status == 200
    assert instalments(migrated_db) == sent
    phone.dial()
    phone.send("2")  # not back to the book: home
    pick(phone, "pass")
    pick(phone, "pass")
    phone.send("1")
    phone.send("9")
    assert phone.ended
    sql(migrated_db, "set session_replication_role = replica; delete from billing.attempt; delete from billing.charge")
    redis_client.Redis.from_url(clean_redis.url).flushall()
    assert phone.post_raw(phone._body).status == 200
    assert sql(migrated_db, "select count(*) from billing.charge")[0][0] == 0


def test_22_an_end_repeated_after_its_tombstone_begins_and_does_nothing(coko, clean_redis, migrated_db):
    phone = welcome(HubtelPhone(coko.url, "demo", "+233240000540"))
    phone.dial()
    pick(phone, "pass")
    pick(phone, "pass")
    phone.send("1")
    phone.send("9")
    assert phone.ended
    charges = "select id, state from billing.charge order by id"
    before, steps = sql(migrated_db, charges), sql(migrated_db, "select count(*) from ops.step_effect")
    store = redis_client.Redis.from_url(clean_redis.url)
    assert 0 < store.pttl(sorted(store.scan_iter("*:s:*"), key=store.pttl)[0]) <= 60_000
    store.flushall()
    assert all(r.status == 200 for r in phone.repeat(2))
    assert [r[0] for r in sql(migrated_db, charges)] == [r[0] for r in before]
    assert sql(migrated_db, "select count(*) from ops.step_effect") == steps


def test_28_a_carrier_that_hangs_up_on_us_gets_the_reply_when_it_asks_again(coko, migrated_db):
    phone = welcome(AtPhone(coko.url, "demo", "+2250700000550"), "*384*26*105#")
    before = instalments(migrated_db)
    body = phone.hop(next(line.split(" ")[0] for line in phone.last.splitlines() if "SMS" in line)).encode()
    for _time in range(3):
        with socket.create_connection(("127.0.0.1", coko.port), 5) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            link.sendall(b"POST /ussd/africastalking/demo HTTP/1.1\r\nHost: x\r\nContent-Type: "
                         b"application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            wait_until(lambda: instalments(migrated_db) > before, "the effect")
    first = phone.post_raw(body)
    assert first.status == 200 and first.body.startswith(b"CON ") and phone.post_raw(body).same(first)
    assert instalments(migrated_db) == before + 1


def test_12_13_14_paths_out_of_step(coko):
    phone = welcome(AtPhone(coko.url, "demo", "+2250700000551"))
    phone.dial()
    home = phone.last
    pick(phone, "Aide")
    help_screen = phone.last
    stem = phone.path
    for text in (stem + "*", stem + "**"):  # Send on an empty line
        reply = phone.post_raw(phone.form(text))
        assert help_screen.splitlines()[0] in reply.body.decode(), "12: the same screen, nothing advanced"
    phone.path = stem + "**"
    for other in ("9*9*9*9", stem + "x*1*1", "*" * 300):
        reply = phone.post_raw(phone.form(other))
        assert reply.status == 200 and reply.body.startswith(b"CON "), "13: resynchronised"
    assert coko.metric("coko_ussd_verdicts_total", 'verdict="resync"') >= 2
    phone.dial()
    pick(phone, "Aide")
    assert phone.send("0") == home, "14: back, though the path grows"


TYPED = ["*", "**", "#", "1*", "*1", "a*b", "1#", "O", "٣", " 1 ", "+1", "-1", "99999999999", "1.", "%s%n",
         "CON 1", "'; drop--", "😀", "é" * 180, "\u202e1", "|", "\r\nX: y", "\u200f0", "\x7f", "\x1b[2J"]


def test_10_35_whatever_is_typed_is_answered(coko):
    for phone in (AtPhone(coko.url, "demo", "+2250700000508"),
                  HubtelPhone(coko.url, "demo", "+233240000508")):
        for typed in TYPED:
            welcome(phone)
            for text in (typed, "00", "0"):
                phone.send(text)
                assert not phone.ended, (typed, phone.last)


def test_16_a_path_grows_to_its_ceiling_and_no_further(coko):
    phone = welcome(AtPhone(coko.url, "demo", "+2250700000509"))
    while len(phone.path.encode()) + 60 < 2048:
        phone.send("7" * 50)
        assert not phone.ended
    reply = phone.post_raw(phone.hop("8" * 400))
    assert reply.status == 200 and reply.body.startswith(b"END ") and b"plus tard" in reply.body


def test_first_dials_of_one_number_at_once_all_show_the_welcome(coko):
    HubtelPhone(coko.url, "demo", "+233240000560").dial()  # the daemon's connections have their plans
    phones = [HubtelPhone(coko.url, "demo", "+233240000510") for _ in range(8)]
    shown = at_once([phone.dial for phone in phones])
    assert len(set(shown)) == 1 and "Welcome" in shown[0]
    phones[0].send("1")
    late = HubtelPhone(coko.url, "demo", "+233240000510")
    assert late.dial() == phones[0].last and "Welcome" not in late.last


def test_4_a_late_initiation_restarts_nothing(coko):
    """Hubtel draws an id for each dialogue: its first hop delivered again after the second is a straggler."""
    phone = welcome(HubtelPhone(coko.url, "demo", "+233240000509"))
    home = phone.last
    pick(phone, "Aide", "Help")
    shown = phone.last
    late = phone.deliver(phone.calls[0])
    assert phone.judge(late) == (shown, False), "the dialogue stands where it stood"
    assert coko.metric("coko_ussd_verdicts_total", 'verdict="stale"') == 1
    assert phone.send("0") == home, "and goes on from there"


def test_36_a_price_that_changes_after_the_list_is_asked_again(coko, migrated_db):
    phone = welcome(AtPhone(coko.url, "demo", "+2250700000520"))
    phone.dial()
    pick(phone, "pass")
    pick(phone, "pass")
    last = sql(migrated_db, "select coalesce(max(id), 0) from billing.charge")[0][0]
    sql(migrated_db, "insert into billing.price (plan_id, country, amount_minor, currency, valid_from)"
        " select plan_id, country, amount_minor + 50, currency, ops.now() - interval '1 second' from"
        " billing.price where country = 'CI'")
    phone.send("1")
    assert "100" in phone.last, "the confirm shows what the list showed"
    phone.send("9")
    assert not phone.ended and "150" in phone.last
    mine = "select amount_minor, consent from billing.charge where id > %s"
    assert sql(migrated_db, mine, (last,)) == []
    phone.send("1")
    assert "150" in phone.last
    phone.send("9")
    assert phone.ended
    (amount, consent), = sql(migrated_db, mine, (last,))
    assert amount == 150 and "150" in consent


def test_36_a_number_means_the_book_that_was_shown(coko, migrated_db):
    phone = welcome(AtPhone(coko.url, "demo", "+2250700000521"))
    phone.dial()
    pick(phone, "Découvrir")
    phone.send("1")
    label = next(line for line in phone.last.splitlines() if line.startswith("2 "))[2:]
    first = next(line for line in phone.last.splitlines() if line.startswith("1 "))[2:]
    sql(migrated_db, "update catalog.book set status = 'archived' where title like %s", (first[:12] + "%",))
    phone.send("2")
    assert label[:12] in phone.last
    phone.send("0")
    phone.send("1")
    assert first[:12] not in phone.last and not phone.ended
    sql(migrated_db, "update catalog.book set status = 'published' where status = 'archived'")


# --- S3 --------------------------------------------------------------------------------------------


def test_s3_more_dials_than_turns_are_all_answered(alone, daemon, own_pg, own_db):
    """4,400 dials while the database stands still: 4,096 turns, the rest at once."""
    coko = daemon(database=own_db, config={"coko": {"workers": 1}})
    phone = AtPhone(coko.url, "demo", "+2250700000610")
    links = []
    with frozen(own_pg):
        for n in range(4400):
            phone.msisdn = f"+22507001{n:05d}"
            body = phone.start("*384*26#").encode()
            link = socket.create_connection(("127.0.0.1", coko.port), 20)
            link.sendall(b"POST /ussd/africastalking/demo HTTP/1.1\r\nHost: x\r\nContent-Type: "
                         b"application/x-www-form-urlencoded\r\nContent-Length: %d\r\n"
                         b"Connection: close\r\n\r\n" % len(body) + body)
            links.append(link)
        answers = []
        for link in links:
            answers.append(b"".join(iter(lambda link=link: link.recv(4096), b"")))
            link.close()
    assert all(a.startswith(b"HTTP/1.1 200 ") and b"\r\n\r\nEND " in a for a in answers)
    wait_until(coko.is_ready, "ready again", 30)
    assert not welcome(AtPhone(coko.url, "demo", "+2250700000611")).ended


def test_s3_an_end_while_the_database_stands_still(alone, daemon, own_pg, own_db):
    coko = daemon(database=own_db, config={"coko": {"workers": 1}})
    phones = [AtPhone(coko.url, "demo", f"+22507000006{n:02d}") for n in range(30)]
    with frozen(own_pg):
        def dial(phone):
            try:
                return phone.dial()
            except OSError:
                return None  # closed by the end of the drain

        def browse():
            try:
                return coko.get("/api/v1/catalog/books", timeout=20).status
            except OSError:
                return None

        at_once([lambda p=p: dial(p) for p in phones] + [browse] * 8 +
                [lambda: coko.process.signal(signal.SIGTERM)])
        assert coko.process.wait(30) == 0


def test_s3_an_end_while_redis_stands_still(alone, daemon, own_redis):
    coko = daemon(redis_url=own_redis.url, config={"coko": {"workers": 1}})
    phones = [AtPhone(coko.url, "demo", f"+22507000007{n:02d}") for n in range(20)]
    answers = []

    def dial(phone):
        with contextlib.suppress(OSError):
            phone.dial()
            answers.append(phone.ended and phone.last_reply.seconds < BUDGET_S)

    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        at_once([lambda p=p: dial(p) for p in phones] + [lambda: coko.process.signal(signal.SIGTERM)])
        assert coko.process.wait(30) == 0
        assert all(answers)
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)


def test_s6_a_profile_narrower_than_the_proof_stops_the_start(alone, daemon, tmp_path):
    for name in ("menus", "gateway", "api", "deploy"):
        if name != "gateway":
            (tmp_path / name).symlink_to(TOP / name)
    folder = tmp_path / "gateway/ussd/profiles"
    folder.mkdir(parents=True)
    for file in (TOP / "gateway/ussd/profiles").glob("*.json"):
        (folder / file.name).write_text(file.read_text().replace('"limit": 160', '"limit": 119'))
    coko = daemon(config={"coko": {"data_dir": tmp_path}}, wait=False)
    wait_until(lambda: "flow.json proves no limit as narrow as 119" in coko.process.log.read_text(), "the fault")
    coko.kill()


# --- S6, and the books themselves ------------------------------------------------------------------


def read_whole(phone):
    """Every page from here to the end of the book, without the head and the line of keys."""
    pages = []
    while re.search(r"^1 ", phone.last.split("\n")[-1]):
        assert gsm0338.septets(phone.last) <= 160, phone.last
        pages.append("\n".join(phone.last.split("\n")[1:-1]))
        assert letters(pages[-1]), f"an empty page: {phone.last!r}"
        assert pages[-1][0] not in "!?:;)", f"a page begins with the end of the one before: {phone.last!r}"
        assert len(pages) < 1000
        phone.send("1")
    return pages


BOOKS = sorted((TOP / "deploy/sample/books").glob("*.txt"))


def test_29_every_page_of_every_book_in_both_languages(coko, migrated_db):
    sql(migrated_db, "update catalog.book set free_parts = parts")
    codes = [r[0] for r in sql(migrated_db, "select code from catalog.book order by code")]
    assert len(codes) == len(BOOKS)

    def reader(lang, mine, n):
        phone = HubtelPhone(coko.url, "demo", f"+2332400007{n:02d}", max_septets=160)
        if lang == "fr":
            phone = AtPhone(coko.url, "demo", f"+22507000007{n:02d}", max_septets=160)
        welcome(phone)
        for code in mine:
            phone.dial(f"*384*26*{code}#")
            pick(phone, "Résumé", "Resume", "Summary", "About")
            assert letters(phone.last)
            phone.send("0")
            pick(phone, "Lire", "Read")
            want = sql(migrated_db, "select string_agg(p.body, '' order by p.no) from catalog.part p"
                       " join catalog.book b on b.id = p.book_id where b.code = %s", (code,))[0][0]
            assert letters("".join(read_whole(phone))) == letters(want), (lang, code)

    halves = [codes[::2], codes[1::2]]
    at_once([lambda i=i, lang=lang: reader(lang, halves[i], 2 * i + (lang == "fr"))
             for i in (0, 1) for lang in ("fr", "en")])
    assert coko.metric("coko_ussd_clipped_total") == 0


def test_29_the_longest_names_fit_every_screen(coko, migrated_db):
    """S6 with names nobody measured: letters that fold into two, marks that take two septets."""
    long = "Œuvre «[€]» ç|{~} œdème " * 12
    sql(migrated_db, "update catalog.book set title = left(%s, 200), author_line = left(%s, 200), summary ="
        " left(%s, 500), free_parts = 1", (long, long, long))
    sql(migrated_db, "update catalog.part set title = left(%s, 200)", (long,))
    sql(migrated_db, "update catalog.category set names = jsonb_build_object('fr', left(%s, 100), 'en',"
        " left(%s, 100))", (long, long))
    for phone in (AtPhone(coko.url, "demo", "+2250700000530", max_septets=160),
                  HubtelPhone(coko.url, "demo", "+233240000530", max_septets=160)):
        dice = random.Random(530)
        welcome(phone, "*384*26*101#")
        for _step in range(400):
            if phone.ended:
                welcome(phone)
            keys = [line.split(" ")[0] for line in re.split(r"\n|  ", phone.last)
                    if line.split(" ")[0].isdigit()]
            phone.send(dice.choice(keys + ["98", "7"]) if keys else "œ")
    assert coko.metric("coko_ussd_clipped_total") == 0
    assert coko.metric("coko_ussd_failed_total") == 0
    assert coko.metric("coko_ussd_actions_failed_total") == 0
    assert coko.metric("coko_ussd_states_refused_total") == 0


def test_18_20_fields_nobody_expects_give_a_screen_or_a_polite_end(coko):
    phone = AtPhone(coko.url, "demo", "+2250700000531", network_code=None)
    for network in ("", "x" * 32, "'; drop table--", "é" * 16, "61205", "99999", "😀", "\\x00", "null"):
        phone.network_code = network
        assert not welcome(phone).ended, network
    phone.network_code = "61205"
    for number in ("33612345678", "15551234567", "0700000532", "00225070000533", "225 07 00 00 05 34",
                   "tel:+2250700000535", "12345678", "9" * 15, "9" * 16, "0"):
        phone.msisdn = number
        body = phone.start("*384*26#").replace("phoneNumber=%2B", "phoneNumber=")
        reply = phone.post_raw(body)
        assert reply.status == 200 and reply.body[:4] in (b"CON ", b"END "), (number, reply)
    assert coko.metric("coko_ussd_actions_failed_total") == 0
