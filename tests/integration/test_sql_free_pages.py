# SPDX-License-Identifier: Apache-2.0
"""Pages on the screen without a pass: so many a day as the plan 'free' says, and a page counts once."""
import pytest

from sqlfixtures import *  # noqa: F401,F403


@pytest.fixture
def reader(world):
    world.rows("update ops.clock set shift = date_trunc('day', clock_timestamp()) + interval '36 hours' - clock_timestamp()")  # no midnight passes
    world.value("update billing.plan set pages_day = 2 where code = 'free' returning 1")
    return world.dial()


@pytest.fixture
def book(world):
    return world.book(parts=3, sentences=8)


def page(world, reader, book, part=None, at=None, chars=40):
    return world.one("reading.screen_page", reader["user_id"], book, part, at, chars)


def place(world):
    return world.row("select part, at from reading.position")


def test_so_many_locked_pages_a_day(world, reader, book):
    body = world.value("select body from catalog.part where no = 2")
    assert page(world, reader, book, 2, 0)["body"] == body[:40]
    assert page(world, reader, book, 2, 40)["body"] == body[40:80]
    third = page(world, reader, book, 2, 80)
    assert (third["outcome"], third["part"], third["at"], third["body"]) == ("tomorrow", 2, 80, "")
    assert (place(world)["part"], place(world)["at"]) == (2, 80)  # kept for the day there is a pass


def test_the_same_page_again_costs_nothing(world, reader, book):
    first = page(world, reader, book, 2, 0)
    assert [page(world, reader, book, 2, 0) for _ in range(5)] == [first] * 5
    assert page(world, reader, book, 2, 40)["outcome"] == "ok"
    assert page(world, reader, book, 2, 0) == first  # back, after the last one is used


def test_a_new_day_has_its_own(world, reader, book):
    for at in (0, 40):
        page(world, reader, book, 2, at)
    assert page(world, reader, book, 2, 80)["outcome"] == "tomorrow"
    world.later("1 day")
    assert page(world, reader, book, None, None)["outcome"] == "ok"
    assert (place(world)["part"], place(world)["at"]) == (2, 80)


def test_free_parts_and_passes_use_none(world, reader, book):
    for at in range(0, 200, 40):
        assert page(world, reader, book, 1, at)["outcome"] == "ok"
    world.buy(reader)
    for at in range(0, 200, 40):
        assert page(world, reader, book, 2, at)["outcome"] == "ok"
    assert world.value("select count(*) from reading.free_page") == 0


def test_none_where_the_plan_gives_none(world, reader, book):
    world.value("update billing.plan set pages_day = 0 where code = 'free' returning 1")
    assert page(world, reader, book, 2, 0)["outcome"] == "locked"
    assert world.value("select count(*) from reading.free_page") == 0


def test_the_end_and_no_book(world, reader, book):
    assert page(world, reader, book, 9, 0)["outcome"] == "end"
    assert world.value("select finished_at is not null from reading.position")
    assert world.call("reading.screen_page", reader["user_id"], -1, 1, 0, 40) == []


def test_old_ones_are_taken_away(world, reader, book):
    page(world, reader, book, 2, 0)
    world.later("2 days")
    world.value("select ops.expire_rows(100)")
    assert world.value("select count(*) from reading.free_page") == 1
    world.later("1 day")
    world.value("select ops.expire_rows(100)")
    assert world.value("select count(*) from reading.free_page") == 0
