# SPDX-License-Identifier: Apache-2.0
"""What became of instalments: told to readers and to who made the book, and what three failures in a week do."""
import pytest

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import key
from test_sql_messaging import chapter, place, say, state
from test_sql_readers import at, delivered, ledger, paced, run


def plenty(world):
    """No allowance stands in the way of one instalment after another."""
    world.rows("update billing.plan set seg_day = 1000, seg_month = 1000")


def sent(world, reader, book, word="UNDELIV", code=None):
    """An instalment that left: every part accepted and then told about by a word, or refused with a code."""
    plenty(world)
    m = world.row("select * from messaging.message where id = %s", chapter(world, reader, book)["message_id"])
    world.claim_sms()
    if code is not None:
        world.call("messaging.record", "lab", 1, [{"m": m["id"], "no": n + 1, "of": m["segments"], "status": "failed", "code": code}
                                                  for n in range(m["segments"])])
        return m["id"]
    world.accept(m["id"], f"r{m['id']}", parts=m["segments"])
    for n in range(m["segments"]):
        world.receipt(f"r{m['id']}" + "bcdefghij"[n - 1:n] if n else f"r{m['id']}", word)
    return m["id"]


def paused_for(world):
    return world.value("select paused_for from auth.identity order by id limit 1")


# ---- three failures in seven days ----

@pytest.mark.parametrize("how", [{"word": "UNDELIV"}, {"word": "EXPIRED"}, {"code": 11}])
def test_three_failures_in_a_week_pause_what_comes_unasked(world, how):
    reader, book = world.dial(), world.book()
    for n in range(3):
        assert paused_for(world) is None
        assert state(world, sent(world, reader, book, **how)) == "failed"
        world.later("1 day")
    assert paused_for(world) == "failures" and place(world, reader, book) == (1, 0)
    assert ledger(world) == [("pause", "rule", False, "pause_failures")]
    assert chapter(world, reader, book)["outcome"] == "queued"  # asked for: it is tried


def test_a_fourth_failure_writes_no_second_row(world):
    reader, book = world.dial(), world.book()
    for _ in range(4):
        sent(world, reader, book)
    assert len(ledger(world)) == 1


def test_failures_over_more_than_a_week_do_not_count(world):
    reader, book = world.dial(), world.book()
    for _ in range(4):
        sent(world, reader, book)
        world.later("3 days 12 hours")
    assert paused_for(world) is None


def test_a_success_resets_the_count(world):
    reader, book = world.dial(), world.book()
    for _ in range(2):
        sent(world, reader, book)
    delivered(world, reader, book)
    for _ in range(2):
        sent(world, reader, book)
    assert paused_for(world) is None
    sent(world, reader, book)
    assert paused_for(world) == "failures"


@pytest.mark.parametrize("code", [0x58, 0x08, 0x45])
def test_what_the_route_refused_is_not_the_phone(world, code):
    reader, book = world.dial(), world.book()
    for _ in range(4):
        assert state(world, sent(world, reader, book, code=code)) == "failed"
    assert paused_for(world) is None


def test_our_own_queue_and_the_operator_are_not_the_phone(world):
    reader, book = world.dial(), world.book()
    plenty(world)
    for _ in range(3):
        m = chapter(world, reader, book)["message_id"]
        world.later("13 hours")
        world.claim_sms()
        assert state(world, m) == "expired"
    for _ in range(3):
        m = chapter(world, reader, book)["message_id"]
        world.claim_sms()
        world.call("messaging.record", "lab", 1, [{"m": m, "no": 1, "of": 1, "status": "unknown", "code": 0}])
        world.rows("select * from messaging.outbox_decide('w', 'give_up', array[%s]::bigint[])", m)
        assert state(world, m) == "failed"
    assert paused_for(world) is None


def test_notices_and_replies_do_not_count(world):
    reader = world.dial()
    for n in range(4):
        m = world.one("messaging.enqueue", reader["identity_id"], "reply", "fr", "help", {}, None)["message_id"]
        world.claim_sms()
        world.accept(m, f"r{m}")
        world.receipt(f"r{m}", "UNDELIV")
        assert state(world, m) == "failed"
    assert paused_for(world) is None


@pytest.mark.parametrize("way", ["REPRENDRE", "ussd"])
def test_the_reader_resumes_and_the_count_begins_anew(world, way):
    reader, book = world.dial(), world.book()
    for _ in range(3):
        sent(world, reader, book)
    if way == "ussd":
        assert world.one("auth.start_again_by", reader["identity_id"], "s1", "ussd")["outcome"] == "started"
    else:
        assert say(world, reader, way)["outcome"] == "started"
    assert paused_for(world) is None
    world.later("1 second")
    for _ in range(2):
        sent(world, reader, book)
    assert paused_for(world) is None


def test_stop_is_not_turned_into_a_pause(world):
    reader, book = world.dial(), world.book()
    for _ in range(2):
        sent(world, reader, book)
    m = chapter(world, reader, book)
    world.claim_sms()
    world.accept(m["message_id"], "z", parts=m["segments"])
    world.one("auth.stop_by", reader["identity_id"], None, "ussd")
    for n in range(m["segments"]):
        world.receipt("z" + "bcdefghij"[n - 1:n] if n else "z", "UNDELIV")
    assert paused_for(world) is None and world.value("select stopped_at is not null from auth.identity")


def test_nothing_comes_by_itself_to_a_phone_that_fails(world):
    reader, book = paced(world)
    for _ in range(3):
        sent(world, reader, book)
    at(world, "2030-06-01 07:00:30+00")
    before = len(world.messages(reader, "instalment"))
    assert run(world) == 1 and len(world.messages(reader, "instalment")) == before


def test_a_pause_missed_under_a_lock_comes_with_the_next_slot(world):
    """Receipts never wait for a reader's row, which a dial may hold: locks are taken identities before messages."""
    reader, book = paced(world)
    for _ in range(2):
        sent(world, reader, book)
    other = world.connect()
    other.autocommit = False
    with other.cursor() as cur:
        cur.execute("select 1 from auth.identity where id = %s for no key update", (reader["identity_id"],))
        m = world.row("select * from messaging.message where id = %s", chapter_free(world, reader, book))
        for n in range(m["segments"]):
            world.receipt(f"r{m['id']}" + "bcdefghij"[n - 1:n] if n else f"r{m['id']}", "UNDELIV")
    other.rollback()
    other.close()
    assert state(world, m["id"]) == "failed" and paused_for(world) is None
    at(world, "2030-06-01 07:00:30+00")
    before = len(world.messages(reader, "instalment"))
    assert run(world) == 1 and paused_for(world) == "failures"
    assert len(world.messages(reader, "instalment")) == before


def chapter_free(world, reader, book):
    """An instalment in the carrier's hands, made without the row of the phone that another holds."""
    world.rows("insert into messaging.message (account, identity_id, user_id, kind, priority, state, body, lang, segments, parts, due_at,"
               " expires_at, book_id, from_part, from_at, to_part, to_at, created_at, sent_at, epoch)"
               " select 'lab', %s, %s, 'instalment', 3, 'sending', 'x', 'fr', 1, 1, ops.now(), ops.now() + interval '1 hour', %s, 1, 0, 1, 9,"
               " ops.now(), ops.now(), 1", reader["identity_id"], reader["user_id"], book)
    m = world.value("select max(id) from messaging.message")
    world.accept(m, f"r{m}")
    return m


# ---- told ----

def told(world, reader, before=2**63 - 1, rows=20):
    return world.call("messaging.deliveries", reader["user_id"], before, rows)


def lines(world, reader, lang="fr"):
    return [r["label"] for r in world.call("messaging.my_deliveries", reader["user_id"], lang)]


def test_each_state_in_the_readers_words(world):
    reader, book = world.dial(), world.book()
    at(world, "2030-06-01 14:05:00+00")
    delivered(world, reader, book)
    got = world.one("messaging.deliveries", reader["user_id"], 2**63 - 1, 20)
    assert (got["state"], got["part"], got["arrived"]) == ("delivered", 1, got["segments"])
    assert lines(world, reader) == ["Partie 1 : livré 14:05"]
    sent(world, reader, book)
    m = chapter(world, reader, book)["message_id"]
    assert [r["state"] for r in told(world, reader)] == ["waiting", "failed", "delivered"]
    world.claim_sms()
    assert lines(world, reader)[0] == "Partie 1 : en route"
    world.one("auth.stop_by", reader["identity_id"], None, "ussd")
    world.call("messaging.record", "lab", 1, [{"m": m, "no": 1, "of": 1, "status": "cancelled", "code": 0}])
    assert told(world, reader)[0]["state"] == "cancelled"
    at(world, "2030-06-02 09:00:00+00")
    assert lines(world, reader)[-1] == "Partie 1 : livré 01/06 14:05"
    assert world.value("select max(char_length(label)) from messaging.my_deliveries(%s, 'fr')", reader["user_id"]) <= 32


def test_deliveries_are_the_readers_own_on_every_phone_and_page_by_key(world):
    reader, book = world.dial(), world.book()
    other = world.dial("+2250709090909")
    for _ in range(3):
        sent(world, reader, book)
    chapter(world, other, book)
    world.rows("insert into auth.identity (kind, user_id, lookup, sealed, key_id, country, network, last_seen_at, created_at)"
               " values ('phone', %s, %s, 's', 1, 'CI', 'mtn', ops.now(), ops.now())", reader["user_id"], key("second"))
    second = {"user_id": reader["user_id"], "identity_id": world.value("select max(id) from auth.identity")}
    chapter(world, second, book)
    mine = [r["id"] for r in told(world, reader)]
    assert len(mine) == 4 and mine == sorted(mine, reverse=True)
    walked, before = [], 2**63 - 1
    while page := told(world, reader, before, 2):
        walked += [r["id"] for r in page]
        before = walked[-1]
    assert walked == mine and len(told(world, other)) == 1
