# SPDX-License-Identifier: Apache-2.0
"""A phone that takes no SMS any more, through `coko serve`: paused after the third failure, told at the next dial, resumed there;
and what became of each instalment, on the screen and over REST."""
import sys

from database import coko_run, sql
from story import Story
from support import TOP, wait_until

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone  # noqa: E402

NUMBER = "+2250700000071"


def failing_chapters(story, code, count):
    for n in range(1, count + 1):
        story.send_by_sms(code)
        story.wait_instalment_state(n, "failed")
        story.phone.send("00")


def test_paused_after_three_failures_told_at_the_dial_and_resumed_there(daemon, smsc, migrated_db):
    sql(migrated_db, "update billing.plan set seg_day = 1000, seg_month = 1000")
    one = daemon(smsc=smsc)
    story = Story(one, smsc, None, AtPhone(one.url, "demo", NUMBER))
    smsc.control("POST", "/faults", {"receipt_state": {"value": "UNDELIV", "count": 100}})
    story.dial()
    assert not story.sees("en pause")
    failing_chapters(story, 101, 3)
    wait_until(lambda: sql(migrated_db, "select paused_for from auth.identity where paused_for is not null") == [("failures",)], "the pause")
    smsc.control("POST", "/faults", {"receipt_state": None})

    token = story.login()
    answer = story.rest("GET", "/reading/deliveries?limit=2", token=token)
    assert answer.status == 200, answer
    rows = answer.json()["data"]
    assert [(r["state"], r["part"], r["arrived"], r["book"]["code"]) for r in rows] == [("failed", 1, 0, 101)] * 2
    assert answer.json()["has_more"] and NUMBER[1:] not in answer.text

    story.phone.dial("*384*26#")
    assert story.sees("en pause"), story.phone.last
    story.choose("Reprendre")
    assert story.sees("SMS repris"), story.phone.last
    assert sql(migrated_db, "select what, way, text_key from auth.consent order by id") == [
        ("pause", "rule", "pause_failures"), ("resume", "ussd", "start_done")]
    story.dial()
    assert not story.sees("en pause")

    story.choose("compte")
    story.choose("envois")
    assert story.sees("Partie 1 : non livr"), story.phone.last
    story.choose("Partie")
    story.choose("Renvoyer")
    story.wait_instalment_state(4, "delivered")
    story.dial()
    story.choose("compte")
    story.choose("envois")
    assert story.sees("Partie 1 : livr"), story.phone.last
    rows = story.rest("GET", "/reading/deliveries?limit=1", token=token).json()["data"]
    assert rows[0]["state"] == "delivered" and rows[0]["arrived"] == rows[0]["segments"]

    assert story.rest("GET", "/author/deliveries", token=token).json() == {"data": [], "next_cursor": None, "has_more": False}
    [(slug,)] = sql(migrated_db, "select distinct a.slug from catalog.author a join catalog.book_author x on x.author_id = a.id"
                                 " join catalog.book b on b.id = x.book_id where b.code = 101")
    me = sql(migrated_db, "select public_id::text from auth.users order by id desc limit 1")[0][0]
    coko_run("book", "author", slug, me, url=migrated_db)
    coko_run("book", "deliveries", "x", url=migrated_db)  # counts
    answer = story.rest("GET", "/author/deliveries", token=token)
    assert [{n: r[n] for n in ("part", "delivered", "failed", "on_the_way")} for r in answer.json()["data"]] == [
        {"part": 1, "delivered": 1, "failed": 3, "on_the_way": 0}]
    assert answer.json()["data"][0]["book"]["code"] == 101 and NUMBER[1:] not in answer.text
    assert story.rest("GET", "/author/deliveries").status == 401
