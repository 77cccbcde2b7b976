# SPDX-License-Identifier: Apache-2.0
"""Retention: what is over leaves the outbox in batches for a table that is dropped a month at a time, and is still a figure there."""
from sqlfixtures import *  # noqa: F401,F403
from test_sql_deliveries import sent
from test_sql_messaging import chapter, notice, say
from test_sql_readers import at, delivered


def expire(world, rows=100):
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


def test_the_author_sees_a_book_by_part_and_state_over_both(world):
    reader, book = world.dial(), world.book()
    other = world.book("autre")
    delivered(world, reader, book)
    world.later("91 days")
    expire(world)
    sent(world, reader, book)
    sent(world, reader, book)
    chapter(world, reader, other)
    got = [(r["part"], r["state"], r["messages"]) for r in world.call("messaging.book_deliveries", "pirogue")]
    assert got == [(1, "delivered", 1), (1, "failed", 2)]
    assert world.call("messaging.book_deliveries", "nobody") == []
