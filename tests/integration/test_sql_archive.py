# SPDX-License-Identifier: Apache-2.0
"""Retention: what is over leaves the outbox in batches for a table that is dropped a month at a time, and is still a figure there."""
import psycopg2
import pytest

from sqlfixtures import *  # noqa: F401,F403
from test_sql_deliveries import sent
from test_sql_messaging import chapter, notice, say
from test_sql_readers import at, delivered


def expire(world, rows=100):
    world.value("select messaging.count_deliveries()")
    return world.value("select ops.expire_rows(%s)", rows)


def months(world):
    return [r["relname"] for r in world.rows(
        "select c.relname from pg_inherits h join pg_class c on c.oid = h.inhrelid where h.inhparent = 'messaging.archive'::regclass"
        " and c.relname <> 'archive_other' order by 1")]


def test_what_is_over_is_in_one_place_without_reader_or_text(world):
    at(world, "2030-03-10 12:00+00")
    world.value("select messaging.archive_months(13)")
    reader, book = world.dial(), world.book()
    m = delivered(world, reader, book)
    notice(world, reader)  # waits in the queue: never archived
    world.later("91 days")
    world.value("select messaging.archive_months(13)")
    assert expire(world) >= 1
    row = world.row("select * from messaging.archive")
    assert (row["message_id"], row["state"], row["book_id"], row["part"], row["segments"]) == (m["id"], "delivered", book, 1, m["segments"])
    assert not {"identity_id", "user_id", "body", "dedupe"} & set(row)
    assert world.value("select tableoid::regclass::text from messaging.archive") == "messaging.archive_203003"
    assert world.value("select count(*) from messaging.message where id = %s", m["id"]) == 0
    assert world.value("select count(*) from messaging.part") == 0
    assert [x["kind"] for x in world.messages(reader)] == ["notice"]


def test_batches_are_bounded(world):
    reader = world.dial()
    for n in range(5):
        notice(world, reader, f"n{n}")
    world.rows("update messaging.message set state = 'delivered', done_at = ops.now()")
    world.later("91 days")
    assert expire(world, 2) == 2 and world.value("select count(*) from messaging.archive") == 2
    assert expire(world, 2) == 2 and expire(world, 2) == 1 and expire(world, 2) == 0
    assert world.value("select count(*) from messaging.archive") == 5


def test_an_instalment_goes_after_its_repetition(world):
    """bug: the retention of a text that REPETER had sent again failed on the reference, and with it all retention"""
    reader, book = world.dial(), world.book()
    delivered(world, reader, book)
    world.later("1 day")
    assert say(world, reader, "REPETER")["outcome"] == "queued"
    again = world.messages(reader, "instalment")[-1]
    world.claim_sms()
    world.accept(again["id"], "again", parts=again["segments"])
    for n in range(again["segments"]):
        world.receipt("again" + "bcdefghij"[n - 1:n] if n else "again")
    world.later("89 days 12 hours")
    expire(world)
    assert world.value("select count(*) from messaging.message where kind = 'instalment'") == 2
    world.later("1 day")
    while expire(world):
        pass
    assert world.value("select count(*) from messaging.message where kind = 'instalment'") == 0
    assert world.value("select count(*) from messaging.archive") == 2


def test_months_are_made_once_and_dropped_whole(world):
    at(world, "2030-03-31 23:59+00")
    assert world.value("select messaging.archive_months(13)") == 5 and world.value("select messaging.archive_months(13)") == 0
    assert months(world) == ["archive_202911", "archive_202912", "archive_203001", "archive_203002", "archive_203003"]
    world.rows("insert into messaging.archive (message_id, created_at, kind, state, lang, segments, parts, tries)"
               " values (1, '2029-11-30 23:59:59+00', 'notice', 'delivered', 'fr', 1, 1, 1), (2, '2029-12-01 00:00+00', 'notice', 'failed', 'fr', 1, 1, 1)")
    at(world, "2030-12-31 23:59+00")
    world.value("select messaging.archive_months(13)")
    assert "archive_202911" in months(world)
    at(world, "2031-01-01 00:01+00")
    world.value("select messaging.archive_months(13)")
    assert months(world)[0] == "archive_202912" and world.value("select message_id from messaging.archive") == 2


def test_rows_of_a_month_without_partition_are_kept(world):
    at(world, "2030-03-10 12:00+00")
    world.rows("insert into messaging.archive (message_id, created_at, kind, state, lang, segments, parts, tries)"
               " values (1, '2030-03-01 00:00+00', 'notice', 'delivered', 'fr', 1, 1, 1)")
    assert world.value("select messaging.archive_months(13)") == 4
    assert world.value("select tableoid::regclass::text from messaging.archive") == "messaging.archive_other"


def seen(world, slug="pirogue"):
    world.value("select messaging.count_deliveries()")
    return [(r["part"], r["state"], r["messages"]) for r in world.call("messaging.book_deliveries", slug)]


def test_the_author_sees_a_book_by_part_and_state_over_both(world):
    reader, book = world.dial(), world.book()
    other = world.book("autre")
    delivered(world, reader, book)
    world.later("91 days")
    expire(world)
    sent(world, reader, book)
    sent(world, reader, book)
    chapter(world, reader, other)
    assert world.value("select count(*) from messaging.archive") == 1
    assert seen(world) == seen(world) == [(1, "delivered", 1), (1, "failed", 2)]
    assert seen(world, "nobody") == []


def test_open_counts_follow_their_messages_and_closed_ones_are_added_once(world):
    reader, book = world.dial(), world.book()
    m = chapter(world, reader, book)
    assert seen(world) == [(1, "waiting", 1)]
    world.claim_sms()
    world.accept(m["message_id"], "w", parts=m["segments"])
    assert seen(world) == [(1, "on_the_way", 1)]
    for n in range(m["segments"]):
        world.receipt("w" + "bcdefghij"[n - 1:n] if n else "w")
    for days in ("0 days", "6 days", "2 days", "1 day"):  # open, open, closed, closed
        world.later(days)
        assert seen(world) == [(1, "delivered", 1)]
    assert [r["closed"] for r in world.rows("select closed from messaging.book_count")] == [True]
    assert world.value("select closed_id from messaging.book_counted") > m["message_id"]


def test_nothing_leaves_uncounted(world):
    reader, book = world.dial(), world.book()
    delivered(world, reader, book)
    world.later("91 days")
    world.value("select ops.expire_rows(100)")
    assert world.value("select count(*) from messaging.archive") == 0
    expire(world)
    assert world.value("select count(*) from messaging.archive") == 1 and seen(world) == [(1, "delivered", 1)]


def test_what_has_no_route_ends_and_gives_the_text_back(world):
    """Only a claim ended an instalment past its end, and nobody claims what has no account: it was queued for ever."""
    reader, book = world.dial(), world.book()
    made = chapter(world, reader, book)
    other = notice(world, world.dial("+2250501029999"))["message_id"]  # whose account nobody holds
    world.rows("update messaging.message set account = null where id = %s", made["message_id"])
    assert world.value("select at from reading.position where user_id = %s", reader["user_id"]) > 0
    expire(world)
    assert world.value("select state from messaging.message where id = %s", made["message_id"]) == "queued"
    world.later("30 days")
    expire(world)
    assert world.value("select state from messaging.message where id = %s", made["message_id"]) == "expired"
    assert world.value("select at from reading.position where user_id = %s", reader["user_id"]) == 0
    assert world.value("select state from messaging.message where id = %s", other) == "expired"


def test_two_counts_at_once_are_one(world):
    """The second waits for the first's row and begins where it ended."""
    reader, book = world.dial(), world.book()
    delivered(world, reader, book)
    world.later("8 days")
    other = world.connect()
    other.autocommit = False
    with other.cursor() as cur:
        cur.execute("select messaging.count_deliveries()")
        world.rows("set statement_timeout = '200ms'")
        with pytest.raises(psycopg2.errors.QueryCanceled):
            world.value("select messaging.count_deliveries()")
        world.rows("reset statement_timeout")
        other.commit()
    other.close()
    assert seen(world) == [(1, "delivered", 1)]


# ---- the author's account ----

def of_author(world, reader, after=(0, 0), rows=20):
    return world.call("messaging.author_deliveries", reader["user_id"], *after, rows)


def bind_author(world, reader, slug):
    who = reader if isinstance(reader, str) else world.value("select public_id::text from auth.users where id = %s", reader["user_id"])
    return world.value("select catalog.set_author_reader('w', %s, %s)", slug, who)


def test_an_author_sees_his_own_books_and_nobody_elses(world):
    reader, book = world.dial(), world.book()
    author, other = world.dial("+2250709090909"), world.book("autre")
    world.rows("insert into catalog.author (slug, name) values ('a', 'A'), ('b', 'B')")
    world.rows("insert into catalog.book_author (book_id, author_id) select %s, id from catalog.author where slug = 'a'", book)
    world.rows("insert into catalog.book_author (book_id, author_id) select %s, id from catalog.author where slug = 'b'", other)
    sent(world, reader, book)
    chapter(world, reader, other)
    seen(world)
    assert of_author(world, author) == []
    assert bind_author(world, author, "a") == "set"
    got = of_author(world, author)
    assert [(r["book_id"], r["part"], r["failed"], r["delivered"], r["waiting"]) for r in got] == [(book, 1, 1, 0, 0)]
    assert not {"user_id", "identity_id"} & set(got[0])
    assert of_author(world, reader) == [] and of_author(world, author, (book, 1)) == []
    assert bind_author(world, "nobody", "a") == "set" and of_author(world, author) == []


@pytest.mark.parametrize("reader,slug,outcome", [
    ("nobody", "unknown", "no_author"), ("00000000-0000-4000-8000-000000000000", "a", "no_reader"),
    ("", "a", "no_reader"), ("+2250701020304", "a", "no_reader"), ("x' or '1'='1", "a", "no_reader")])
def test_an_author_is_bound_to_a_reader_that_exists(world, reader, slug, outcome):
    world.rows("insert into catalog.author (slug, name) values ('a', 'A')")
    assert bind_author(world, reader, slug) == outcome
    assert world.value("select count(*) from ops.audit where kind = 'author.reader'") == 0
