# SPDX-License-Identifier: Apache-2.0
"""What readers do, counted on the real daemon: hops in batches, exact figures of screens, the funnel, the drawing, languages."""
import json
import sys
from xml.etree import ElementTree

from database import coko_run, sql
from support import TOP, wait_until
from ussdkit import dial_in

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone, HubtelPhone  # noqa: E402

ONE = {"coko": {"workers": 1}}
SPAN = "ops.now() - interval '1 day', ops.now()"
FLOW = json.loads((TOP / "menus/coko/flow.json").read_text())
TEXTS = {lang: json.loads((TOP / f"menus/coko/text/{lang}.json").read_text()) for lang in FLOW["languages"]}


def at_phone(coko, number):
    return AtPhone(coko.url, "demo", number)


def hubtel_phone(coko, number):
    return HubtelPhone(coko.url, "demo", number, operator="mtn")


def wait_hops(db, n):
    wait_until(lambda: sql(db, "select count(*) from ops.hop")[0][0] == n, lambda: f"{n} hops, have {sql(db, 'select * from ops.hop')}", 20)


def stats(db):
    return {row[0]: row[1:-1] for row in sql(db, f"select * from ops.screen_stats({SPAN})")}


ENDS = [("coko_ussd_sessions_total", 'outcome="end"'), ("coko_ussd_sessions_total", 'outcome="abort"'),
        ("coko_ussd_session_hops_total", 'hops="2-3"'), ("coko_ussd_session_hops_total", 'hops="4-7"')]


def ends(coko):
    return [coko.metric(*one) for one in ENDS]


def wake(coko, db):
    """The first hop of each worker is slow, on a busy machine a polite END: here they are of others, and taken out of the count."""
    for n in range(12):                              # two workers share them
        dial_in(hubtel_phone(coko, f"+2332400009{n:02}"), "*384*26#")
    wait_until(lambda: sql(db, "select count(*) from ops.hop where not ended")[0][0] == 12, "a screen of each")
    sql(db, "delete from ops.hop")
    return ends(coko)


def test_every_screen_is_counted_exactly(daemon, migrated_db):
    coko = daemon(config={"coko": {"workers": 2}})
    before = wake(coko, migrated_db)
    reader = at_phone(coko, "+2250700000061")       # leaves from Discover, ten minutes ago
    reader.dial("*384*26#")
    for key in ("1", "1", "1", "99", "0"):
        reader.send(key)
    reader.repeat(3)                                 # a repetition is no hop
    hangs_up = hubtel_phone(coko, "+233240000061")   # on the home screen
    hangs_up.dial("*384*26#")
    hangs_up.send("1")
    hangs_up.hang_up()
    buyer = at_phone(coko, "+2250700000062")
    buyer.dial("*384*26#")
    for key in ("1", "2", "1", "1", "9"):
        buyer.send(key)
    assert buyer.ended
    wait_hops(migrated_db, 6 + 3 + 6)
    expected = {  # entered answered invalid back dropped
        "notice": (3, 3, 0, 0, 0), "home": (3, 2, 0, 0, 1), "discover": (2, 1, 0, 0, 0), "list_new": (1, 0, 1, 1, 0),
        "pass_none": (1, 1, 0, 0, 0), "offers": (1, 1, 0, 0, 0), "confirm": (1, 1, 0, 0, 0), "pay_sent": (1, 0, 0, 0, 0)}
    assert stats(migrated_db) == expected
    sql(migrated_db, "update ops.clock set shift = '20 minutes'")
    assert stats(migrated_db) == {**expected, "discover": (2, 1, 0, 0, 1)}, "whoever is silent for ten minutes was lost"
    assert dict(sql(migrated_db, f"select name, sessions from ops.funnel({SPAN})")) == {
        "dial": 3, "choose": 1, "book": 0, "read": 0, "locked": 1, "offers": 1, "confirm": 1, "asked": 1, "paid": 0}
    assert [now - then for now, then in zip(ends(coko), before)] == [1, 1, 1, 1]
    assert coko.metric("coko_ussd_recovered_total", 'method="replay"') == 3
    assert coko.metric("coko_ussd_insight_dropped_total") == 0
    drawn(migrated_db)
    sql(migrated_db, "update ops.clock set shift = '0'")


def drawn(db):
    """The drawing and its JSON have these very figures."""
    got = json.loads(coko_run("menus", "graph", "--json", "--stats", "--lang", "en", url=db))
    seen = {s["name"]: s["seen"] for s in got["screens"] if "seen" in s}
    assert {k: (v["entered"], v["dropped"]) for k, v in seen.items()} == {k: (v[0], v[4]) for k, v in stats(db).items()}
    times = {(e["from"], e["to"]): e["times"] for e in got["edges"]}
    assert times["dial", "notice"] == 3 and times["route", "home"] == 3 and times["confirm", "pay"] == times["pay", "pay_sent"] == 1
    assert "3 seen  33.3 % lost" in coko_run("menus", "graph", "--dot", "--stats", "--days", "1", url=db)


def test_open_dialogues_are_a_gauge_over_all_workers(daemon):
    """Each connection may meet the other worker: the sum is right all the same."""
    coko = daemon(config={"coko": {"workers": 2}})

    def active():
        return coko.metric("coko_ussd_sessions_active")
    phones = [hubtel_phone(coko, f"+2332400001{n:02}") for n in range(11)] + [at_phone(coko, "+2250700000065")]
    for phone in phones:
        phone.dial("*384*26#")
    wait_until(lambda: active() == 12, lambda: f"12 open, have {active()}", 20)
    for phone in phones:
        phone.send("1")
        phone.repeat(2)
    assert active() == 12, "an answer opens no other dialogue, a repetition none at all"
    for phone in phones[:5]:
        phone.hang_up()
    for key in ("2", "1", "1", "9"):
        phones[11].send(key)
    assert phones[11].ended
    wait_until(lambda: active() == 6, lambda: f"6 open, have {active()}", 20)


def test_the_flow_is_drawn():
    drawing = ElementTree.fromstring(coko_run("menus", "graph", "--lang", "sw", url=""))
    assert drawing.tag.endswith("}svg") and "Chagua pasi yako" in " ".join(drawing.itertext())


def test_a_dialogue_is_no_number_and_no_identity(daemon, migrated_db):
    coko = daemon(config=ONE)
    before = sql(migrated_db, "select count(*) from ops.hop")[0][0]
    for _ in range(2):
        at_phone(coko, "+2250700000063").dial("*384*26#")
    wait_hops(migrated_db, before + 2)
    rows = sql(migrated_db, "select h.session, to_jsonb(h)::text from ops.hop h order by at desc limit 2")
    assert rows[0][0] != rows[1][0], "two dialogues of one reader have nothing in common"
    assert all("700000063" not in text for _, text in rows)


def test_hops_wait_for_the_database_and_come_once(daemon, own_pg, own_db):
    coko = daemon(config=ONE, database=own_db)
    phone = at_phone(coko, "+2250700000064")
    phone.dial("*384*26#")
    wait_hops(own_db, 1)
    sql(own_db, "checkpoint")  # the log commits without waiting for the disk: a power cut may take its last moment
    own_pg.crash()
    for key in ("1", "1", "0", "4"):  # screens that ask the database nothing
        phone.send(key)
    assert not phone.ended
    wait_until(lambda: coko.process.log.read_text().count("hops not logged") >= 1, "a batch that failed", 20)
    own_pg.start()
    wait_until(coko.is_ready, "ready with PostgreSQL again", 30)
    wait_hops(own_db, 5)
    assert [r[0] for r in sql(own_db, "select kind from ops.hop order by at")] == ["begin", "answered", "answered", "back", "answered"]
    wait_until(lambda: coko.metric("coko_ussd_insight_logged_total") == 5, "the figure of what was logged")
    assert coko.metric("coko_ussd_insight_dropped_total") == 0


def test_what_waits_is_written_before_the_end(daemon, migrated_db):
    coko = daemon(config=ONE)
    before = sql(migrated_db, "select count(*) from ops.hop")[0][0]
    at_phone(coko, "+2250700000065").dial("*384*26#")
    coko.stop()
    assert sql(migrated_db, "select count(*) from ops.hop")[0][0] == before + 1


def test_messages_of_every_language_were_migrated(migrated_db):
    assert set(sql(migrated_db, "select key, lang from messaging.template")) == {(k, lang) for lang in TEXTS for k in TEXTS[lang]["sms"]}


def test_41_first_contact_language_by_country_switched_in_one_key_and_remembered(daemon, migrated_db):
    coko = daemon(config=ONE)
    phone = at_phone(coko, "+221771234567")
    phone.dial("*384*26#")
    assert "Bienvenue" in phone.last and "2 Wolof" in phone.last
    phone.send("2")
    assert "Dalal jàmm" in phone.last and "2 Fran" in phone.last
    again = at_phone(coko, "+221771234567")
    again.dial("*384*26#")
    assert "Dalal jàmm" in again.last, "remembered: the welcome that nobody went on from, in Wolof"
    again.send("1")
    once_more = at_phone(coko, "+221771234567")
    once_more.dial("*384*26#")
    assert once_more.last == again.last and "Seet téere" in again.last, "and from then on the home screen"
    again.send("1")
    again.send("1")
    assert again.last.splitlines()[1].startswith("1 "), "no Wolof book yet: the books are French"
    assert not coko.metric("coko_ussd_clipped_total")


def test_41_the_account_offers_every_other_language(daemon, migrated_db):
    coko = daemon(config=ONE)
    phone = at_phone(coko, "+254712345678")
    phone.dial("*384*26#")
    assert "Karibu Coko" in phone.last and "2 English" in phone.last
    phone.send("1")
    phone.send("3")
    assert "1 Lugha / Language" in phone.last
    phone.send("1")
    assert {line[2:] for line in phone.last.splitlines()[1:6]} == {"Francais", "English", "Wolof", "Portugues", "Hausa"}
    phone.send("5")
    assert "Nemo littafi" in phone.last and "Hausa" in phone.last
    assert not coko.metric("coko_ussd_clipped_total")
