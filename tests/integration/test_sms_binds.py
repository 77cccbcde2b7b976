# SPDX-License-Identifier: Apache-2.0
"""Several binds of one account (option binds): one lease, one queue and one rate, a window and a back-off each."""
import json

import pytest

from database import coko_run
from smsworld import sms  # noqa: F401
from sqlfixtures import sql_server  # noqa: F401
from support import free_port, wait_until


def chapters(sms, count):  # noqa: F811
    book = sms.world.book()
    return [sms.chapter(sms.reader(f"+22507010203{n:02}"), book)["message_id"] for n in range(count)]


def bound(sms, count):  # noqa: F811
    wait_until(lambda: sms.stats()["bound"] == count, lambda: f"{count} binds: {sms.stats()['bound']}\n{sms.rooms[0].tail()}", 20)


def links_of_texts(sms, count):  # noqa: F811
    """The links that carried each whole text."""
    got = sms.smsc.control("GET", f"/messages?count={count}&wait_ms=15000")["messages"]
    return [[part["link"] for part in message["parts"]] for message in got]


def test_11_parts_go_by_one_bind_and_receipts_come_by_any(sms):  # noqa: F811
    """Chapters of five parts through windows of two: each by one link, all links used, receipts by any of them."""
    made = chapters(sms, 9)
    sms.fault(resp_delay_ms=30)
    sms.room(binds=3, window=2)
    bound(sms, 3)
    used = links_of_texts(sms, 9)
    assert all(len(parts) == 5 and len(set(parts)) == 1 for parts in used), used
    assert len({parts[0] for parts in used}) == 3, used
    for message in made:
        sms.wait_state(message, "delivered")
    order = {}
    for part in sms.smsc.control("GET", "/parts")["parts"]:
        order.setdefault(part["to"], []).append(part["n"])
    assert all(numbers == [1, 2, 3, 4, 5] for numbers in order.values()), order
    assert sms.stats()["duplicate_parts"] == 0


def test_texts_to_one_phone_keep_their_order(sms):  # noqa: F811
    """Two texts to each of four phones through windows of one: the second begins once the first is written, other phones go on."""
    sms.fault(resp_delay_ms=30)
    sms.room(binds=3, window=1)
    bound(sms, 3)
    sms.world.rows(
        "insert into messaging.message (account, identity_id, kind, priority, body, lang, segments, due_at, expires_at, created_at)"
        " select 'lab', i, 'notice', 2, case n when 1 then %s else 'Second.' end, 'fr', 3, t, t + interval '1 day', t"
        " from unnest(%s) i, generate_series(1, 2) n, (select ops.now() as t) x order by i, n",
        "Premier. " * 45, [sms.reader(f"+22507010203{n:02}")["identity_id"] for n in range(4)])  # three parts and one
    sms.stats(accepted=16)
    order, links = {}, set()
    for part in sms.smsc.control("GET", "/parts")["parts"]:
        order.setdefault(part["to"], []).append(("Second" in part["text"], part["n"]))
        links.add(part["link"])
    assert all(got == [(False, 1), (False, 2), (False, 3), (True, 1)] for got in order.values()) and len(order) == 4, order
    assert len(links) == 3, links


def test_17_a_lost_bind_takes_nothing_from_the_others(sms):  # noqa: F811
    """One of three links is reset under its window: its parts are unknown until their receipts, the rest goes by the others."""
    made = chapters(sms, 6)
    sms.fault(resp_delay_ms=150, receipt_delay_ms=400)
    sms.room(binds=3, window=2, retry="2s", reference="yes")
    sms.stats(accepted=8)
    victim = sms.smsc.control("GET", "/links")["links"][0]["id"]
    kept = {link["id"] for link in sms.smsc.control("GET", "/links")["links"]} - {victim}
    sms.smsc.control("POST", "/kick", {"how": "rst", "link": victim})
    for message in made:
        sms.wait_state(message, "delivered")
    stats = sms.stats()
    assert stats["accepted"] == 30 and stats["duplicate_parts"] == 0
    bound(sms, 3)
    assert kept < {link["id"] for link in sms.smsc.control("GET", "/links")["links"]}, "the others stayed as they were"
    assert sms.stats()["binds"] == 4


def test_22_a_bind_that_is_refused_waits_alone(sms):  # noqa: F811
    """The contract allows two: the third hears ESME_RALYBND and is patient (45 s), the two work."""
    sms.fault(bind_status={"status": 5, "count": 1})
    room = sms.room(binds=3)
    bound(sms, 2)
    wait_until(lambda: room.has_logged("bind refused"), "the refusal")
    sms.wait_state(sms.notice(sms.reader()), "delivered")
    assert sms.stats()["bind_attempts"] == 3
    states = lambda: sorted(b["state"] for b in json.loads(coko_run("status", "--json", url=sms.url))["links"] if b["bind"])  # noqa: E731
    wait_until(lambda: states() == ["bound", "bound", "waiting"], lambda: f"{states()}", 10)


def test_16_throttled_on_one_bind_pauses_all(sms):  # noqa: F811
    """0x58 is the account's: no link writes for a second, then the oldest goes on, whichever link it was."""
    made = chapters(sms, 6)
    sms.fault(resp_status={"status": 0x58, "count": 1, "to": "22507010203" + "02"})
    sms.room(binds=3, window=1)
    for message in made:
        sms.wait_state(message, "delivered", 30)
    at = sorted(p["submitted_at"] for p in sms.smsc.control("GET", "/parts")["parts"])
    gaps = [later - sooner for sooner, later in zip(at, at[1:])]
    assert len(at) == 30 and max(gaps) > 0.7, gaps      # a pause of 1 s, and no link that wrote in it
    assert sms.stats()["duplicate_parts"] == 0


@pytest.mark.parametrize("reverse", [False, True])
def test_26_parts_of_a_readers_text_over_two_binds(sms, reverse):  # noqa: F811
    """The carrier delivers each part by the next link, the last first: one text, read once."""
    sms.room(binds=2)
    bound(sms, 2)
    text = "AIDE " + "je ne comprends pas comment lire la suite " * 9
    assert set(sms.type(text, reverse=reverse)) == {0}
    sms.texts()
    rows = sms.world.rows("select action from messaging.inbound")
    assert len(rows) == 1, rows
    assert all(link["deliver_sent"] > 0 for link in sms.smsc.control("GET", "/links")["links"])


def test_drain_unbinds_every_link(sms):  # noqa: F811
    room = sms.room(binds=4)
    bound(sms, 4)
    room.end()
    assert sms.stats()["unbinds"] == 4 and sms.stats()["bound"] == 0
    sms.rooms.remove(room)
    assert not sms.world.rows("select 1 from ops.lease where name = 'bind:lab' and until > ops.now()")


def test_21_the_carrier_connects_to_us_and_says_outbind(sms):  # noqa: F811
    """Its outbind with the right password is followed by our bind, over which texts go both ways; a wrong one is closed."""
    port = free_port()
    room = sms.room(wait=False, outbind_host="127.0.0.1", outbind_port=port, outbind_system_id="LAB", outbind_password="ring")
    wait_until(lambda: room.has_logged("lease") and "-> listening" in room.log.read_text(), lambda: f"the link to listen\n{room.tail()}", 20)
    assert sms.stats()["connections"] == 0
    sms.smsc.control("POST", "/outbind", {"port": port, "password": "guess"})
    wait_until(lambda: room.has_logged("outbind refused"), "the stranger to be closed")
    sms.smsc.control("POST", "/outbind", {"port": port, "password": "ring"})
    bound(sms, 1)
    sms.wait_state(sms.notice(sms.reader()), "delivered")
    assert sms.type("AIDE") == [0]
    sms.smsc.control("POST", "/kick", {"how": "rst"})
    wait_until(lambda: room.log.read_text().count("-> listening") == 2, "the link to listen again")
    sms.smsc.control("POST", "/outbind", {"port": port, "password": "ring"})
    bound(sms, 1)
    assert "guess" not in room.log.read_text() and "ring" not in room.log.read_text().replace("string", "")
