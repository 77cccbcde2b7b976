# SPDX-License-Identifier: Apache-2.0
"""Royalties: a month is divided to the last franc, once; refunds take theirs back of the month that was sold (hard case of REST 38)."""
import os
import random
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlfixtures import *  # noqa: F401,F403
from test_sql_invoices import at
from test_sql_refunds import approved, claim, event

MONTH, NEXT, THIRD = "2026-10-01", "2026-11-01", "2026-12-01"


@pytest.fixture
def shop(world):
    return shop_of(world)


def shop_of(world):
    """In October. Rails keep nothing, so that sums can be read; a test of fees says otherwise."""
    at(world, "2026-10-05 10:00+00")
    world.rows("update billing.rail set fee_permille = 0")
    return world


def read(world, reader, book, part):
    """The reader turns the last page of a part."""
    chars = world.value("select chars from catalog.part where book_id = %s and no = %s", book, part)
    world.one("reading.save_position", reader["user_id"], book, part, 1, "ussd")
    world.one("reading.save_position", reader["user_id"], book, part, chars, "ussd")


def buy_book(world, reader, book, amount=300):
    offer = world.one("billing.book_offer", reader["user_id"], book)
    started = world.one("billing.buy_book", reader["user_id"], reader["identity_id"], book, offer["price_id"], f"b{book}{reader['user_id']}",
                        "300 F", "ussd")
    world.event(world.claim_one(), "accepted")
    assert world.event(world.claim_one(), "success", f"tb{started['charge_id']}", amount)["state"] == "SUCCEEDED"
    return started["charge_id"]


def run(world, month=MONTH, country="CI", conn=None):
    return world.one("billing.royalty_run", month, country, "awa", conn=conn)


def after(world, month):
    at(world, {MONTH: "2026-11-01 06:00+00", NEXT: "2026-12-01 06:00+00", THIRD: "2027-01-01 06:00+00"}[month])
    return run(world, month)


def rows(world, month=None):
    return world.rows("select r.*, x.month::text, a.slug from billing.royalty r join billing.royalty_run x on x.id = r.run_id"
                      " join catalog.author a on a.id = r.author_id where %s is null or x.month = %s::date order by r.id", month, month)


def by_author(world, month=None):
    got = {}
    for r in rows(world, month):
        got[r["slug"]] = got.get(r["slug"], 0) + r["amount_minor"]
    return got


def give_back(world, charge, amount):
    approved(world, charge, amount)
    assert event(world, claim(world), "sync_success", amount, os.urandom(6).hex())["state"] == "REFUNDED"


def due_to_authors(world):
    return int(world.value("select coalesce(-sum(amount_minor), 0) from billing.ledger_entry where account = 'authors'"))


# ---- the division ----

@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(total=st.integers(0, 10 ** 15), weights=st.lists(st.integers(0, 10 ** 12), min_size=1, max_size=40))
def test_parts_sum_to_the_whole_and_are_within_one_of_their_share(world, total, weights):
    got = world.value("select billing.largest_remainder(%s, %s::bigint[])", total, weights)
    whole = sum(weights)
    if whole == 0:
        assert got == [None] * len(weights)
        return
    assert sum(got) == total
    rest = [total * w % whole for w in weights]
    up = [g - total * w // whole for g, w in zip(got, weights)]
    assert set(up) <= {0, 1}
    gets, gets_not = [(rest[i], -i) for i, u in enumerate(up) if u], [(rest[i], -i) for i, u in enumerate(up) if not u]
    assert not gets or not gets_not or min(gets) > max(gets_not), "the largest remainders, ties to the first"


def test_any_pot_is_divided_to_the_last_franc_and_taken_back_to_nothing(shop):
    """Random books, people, shares, reading and pots; then refunds in random steps up to all of it."""
    rng = random.Random(38)
    books = [shop.book(f"b{n}", authors=[f"Auteur {rng.randrange(9)}" for _ in range(rng.randint(1, 3))]) for n in range(6)]
    shop.rows("insert into billing.author_share select book_id, author_id, 1 + mod(book_id + author_id, 4) from catalog.book_author where mod(author_id, 2) = 0")
    reader = shop.dial()
    for n in range(25):
        month = f"20{10 + n}-01-01"
        for book in rng.sample(books, rng.randint(1, 6)):
            shop.rows("insert into reading.part_read values (%s, %s, 1, %s, %s)", month, book, reader["user_id"], rng.choice([1, 7, 1000, 10 ** 6]))
        pot = rng.choice([1, 2, 5, 99, 1000, rng.randrange(10 ** 7)])
        run_id = shop.value("insert into billing.royalty_run (month, country, currency, ht_minor, fee_minor, pool_permille, sale_permille, pot_minor,"
                            " chars, made_by, made_at) values (%s, 'CI', 'XOF', 0, 0, 500, 700, %s, 1, 'awa', ops.now()) returning id", month, pot)
        shop.rows("select billing.royalty_pool(r) from billing.royalty_run r where id = %s", run_id)
        total = "select coalesce(sum(amount_minor), 0)::bigint from billing.royalty where of_run = %s"
        assert shop.value(total, run_id) == pot
        for back in sorted(rng.randrange(pot + 1) for _ in range(3)) + [pot]:
            run_again = shop.value("insert into billing.royalty_run (month, country, currency, ht_minor, fee_minor, pool_permille, sale_permille,"
                                   " pot_minor, chars, made_by, made_at) select (max(month) + interval '1 month')::date, 'SN', 'XOF', 0, 0, 0, 0, 0, 0,"
                                   " 'awa', ops.now() from billing.royalty_run returning id")
            shop.rows("select billing.royalty_reverse(r, %s, null, %s) from billing.royalty_run r where id = %s", run_id, back, run_again)
            assert shop.value(total, run_id) == pot - back
            assert shop.rows("select 1 from billing.royalty where of_run = %s group by book_id, author_id having sum(amount_minor) < 0", run_id) == []
        assert shop.rows("select 1 from billing.royalty where of_run = %s group by book_id, author_id having sum(amount_minor) <> 0", run_id) == []


# ---- what counts as read ----

def parts_read(world):
    return [(r["book_id"], r["part"], str(r["month"])) for r in world.rows("select * from reading.part_read order by book_id, part, month")]


def test_a_part_counts_at_its_end_once_a_month_under_a_paid_pass(shop):
    reader, book = shop.dial(), shop.book(parts=3)
    read(shop, reader, book, 1)
    assert parts_read(shop) == [], "free, and nobody paid"
    shop.buy(reader, "month", 1500)
    shop.one("reading.save_position", reader["user_id"], book, 2, 400, "ussd")
    assert parts_read(shop) == [], "half a part"
    read(shop, reader, book, 2)
    read(shop, reader, book, 2)
    read(shop, reader, book, 3)
    for _ in range(2):  # the end, shown again
        shop.one("reading.save_position", reader["user_id"], book, 4, 0, "ussd")
    assert parts_read(shop) == [(book, 2, MONTH), (book, 3, MONTH)]
    at(shop, "2026-11-01 00:30+00")
    shop.one("reading.save_position", reader["user_id"], book, 4, 0, "ussd")
    assert len(parts_read(shop)) == 2, "the last screen of a book is not read anew each month"
    read(shop, reader, book, 2)
    assert parts_read(shop)[1:2] == [(book, 2, NEXT)]


def test_a_leap_over_parts_reads_none_of_them(shop):
    reader, book = shop.dial(), shop.book(parts=5)
    shop.buy(reader, "month", 1500)
    shop.one("reading.save_position", reader["user_id"], book, 1, 10, "rest")
    shop.one("reading.save_position", reader["user_id"], book, 4, 0, "rest")
    shop.one("reading.save_position", reader["user_id"], book, 6, 0, "rest")
    assert parts_read(shop) == []


def test_a_trial_pays_nobody(shop):
    reader, book = shop.dial(), shop.book()
    assert shop.one("billing.start_trial", reader["user_id"], reader["identity_id"], "words", "s", "ussd")["outcome"] == "granted"
    read(shop, reader, book, 2)
    assert parts_read(shop) == []


def test_what_was_read_is_kept_thirteen_months(shop):
    reader, book = shop.dial(), shop.book()
    shop.buy(reader, "month", 1500)
    read(shop, reader, book, 2)
    shop.later("390 days")
    shop.value("select ops.expire_rows(100)")
    assert len(parts_read(shop)) == 1
    shop.later("60 days")
    shop.value("select ops.expire_rows(100)")
    assert parts_read(shop) == []


# ---- a month ----

def two_books(world):
    """Fatou's book is read twice as much as Modou's; a pass of 1 500 F: HT 1 271, a pot of 635."""
    mine, other = world.book("fleuve", authors=["Fatou"]), world.book("sable", authors=["Modou"])
    reader = world.dial()
    charge = world.buy(reader, "month", 1500)["charge_id"]
    read(world, reader, mine, 2)
    read(world, reader, mine, 3)
    read(world, reader, other, 2)
    return reader, mine, other, charge


def test_a_month_is_divided_once_by_what_was_read(shop):
    two_books(shop)
    assert run(shop)["outcome"] == "not_over"
    got = after(shop, MONTH)
    assert (got["outcome"], got["currency"], got["pot_minor"], got["total_minor"]) == ("ok", "XOF", 635, 635)
    chars = {r["slug"]: r["n"] for r in shop.rows(
        "select b.slug, sum(p.chars)::int as n from reading.part_read p join catalog.book b on b.id = p.book_id group by 1")}
    had = by_author(shop)
    assert abs(had["fatou"] - 635 * chars["fleuve"] / sum(chars.values())) < 1 and sum(had.values()) == 635
    assert due_to_authors(shop) == 635
    again = run(shop)
    assert again == {**got, "outcome": "done"} and due_to_authors(shop) == 635
    assert run(shop, MONTH, "SN")["total_minor"] == 0
    with pytest.raises(psycopg2.errors.RestrictViolation):
        shop.rows("update billing.royalty set amount_minor = 1")


def test_the_month_ends_on_the_countrys_calendar(shop):
    two_books(shop)
    at(shop, "2026-11-01 00:59+00")
    assert run(shop)["outcome"] == "not_over"
    at(shop, "2026-11-01 01:01+00")
    assert run(shop)["outcome"] == "ok"
    shop.rows("delete from billing.royalty_rule where country = 'SN'")
    assert run(shop, MONTH, "SN")["outcome"] == "no_rule"


def test_two_runs_at_once_are_one(shop):
    two_books(shop)
    at(shop, "2026-11-02 00:00+00")
    conns = [shop.connect() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        got = sorted(g["outcome"] for g in pool.map(lambda c: run(shop, conn=c), conns))
    [c.close() for c in conns]
    assert got == ["done"] * 5 + ["ok"] and due_to_authors(shop) == 635


def test_fees_of_the_rail_are_not_the_authors(shop):
    shop.rows("update billing.rail set fee_permille = 25 where code = 'mtn_momo'")
    two_books(shop)
    got = after(shop, MONTH)
    assert got["pot_minor"] == (1271 - 38) // 2  # 2,5 % of 1 500 F
    assert shop.row("select ht_minor, fee_minor from billing.royalty_run") == {"ht_minor": 1271, "fee_minor": 38}


def test_what_nobody_read_is_not_divided(shop):
    shop.buy(shop.dial(), "month", 1500)
    got = after(shop, MONTH)
    assert (got["outcome"], got["pot_minor"], got["total_minor"]) == ("ok", 0, 0) and due_to_authors(shop) == 0


def test_a_book_sold_alone_is_its_own_peoples_by_their_shares(shop):
    book = shop.book("deux", authors=["Fatou", "Modou"])
    shop.rows("insert into billing.author_share select %s, id, 3 from catalog.author where slug = 'fatou'", book)
    charge = buy_book(shop, shop.dial(), book)
    got = after(shop, MONTH)
    assert (got["pot_minor"], got["total_minor"]) == (0, 254 * 7 // 10)  # HT 254 of 300 F
    assert by_author(shop) == {"fatou": 133, "modou": 44} and {r["charge_id"] for r in rows(shop)} == {charge}


def test_a_book_whose_people_share_in_nothing_leaves_the_pot_to_the_others(shop):
    _, mine, _, _ = two_books(shop)
    shop.rows("insert into billing.author_share select book_id, author_id, 0 from catalog.book_author where book_id = %s", mine)
    after(shop, MONTH)
    assert by_author(shop) == {"modou": 635}


# ---- refunds ----

def test_a_refund_of_a_later_month_takes_back_of_the_month_that_was_sold(shop):
    reader, _, _, charge = two_books(shop)
    after(shop, MONTH)
    had = by_author(shop)
    give_back(shop, charge, 500)
    after(shop, NEXT)
    part = by_author(shop, NEXT)
    assert sum(part.values()) == -(635 - 635 * (1271 - 424) // 1271) and set(part) == set(had)  # HT 424 of 500 F went
    assert {str(r["of_run"]) for r in rows(shop, NEXT)} == {str(shop.value("select id from billing.royalty_run where month = %s", MONTH))}
    give_back(shop, charge, 1000)
    after(shop, THIRD)
    assert by_author(shop) == {slug: 0 for slug in had} and due_to_authors(shop) == 0
    assert shop.value("select count(*) from billing.royalty_refund") == 2


def test_a_refund_within_the_month_was_never_in_the_pot(shop):
    reader, _, _, charge = two_books(shop)
    second = shop.buy(shop.dial("+2250505050505"), "month", 1500)["charge_id"]
    give_back(shop, second, 1500)
    assert after(shop, MONTH)["pot_minor"] == 635
    after(shop, NEXT)
    assert rows(shop, NEXT) == [] and due_to_authors(shop) == 635


def test_a_refund_that_ended_before_a_late_run_is_taken_back_in_the_next(shop):
    """October is divided only after a refund of November; nothing is lost, nothing is taken twice."""
    reader, _, _, charge = two_books(shop)
    at(shop, "2026-11-20 00:00+00")
    give_back(shop, charge, 1500)
    at(shop, "2026-12-01 06:00+00")
    assert run(shop, NEXT)["total_minor"] == 0
    assert run(shop, MONTH)["total_minor"] == 635
    assert after(shop, THIRD)["total_minor"] == -635
    assert set(by_author(shop).values()) == {0}


@pytest.mark.parametrize("late", [False, True])
def test_a_book_given_back_takes_back_its_own_sale(shop, late):
    book = shop.book("deux", authors=["Fatou", "Modou", "Aïcha"])
    kept, charge = buy_book(shop, shop.dial(), book), buy_book(shop, shop.dial("+2250505050505"), book)
    if late:
        after(shop, MONTH)
    give_back(shop, charge, 150)
    give_back(shop, charge, 150)
    after(shop, NEXT if late else MONTH)
    assert {c: sum(r["amount_minor"] for r in rows(shop) if r["charge_id"] == c) for c in (kept, charge)} == {kept: 177, charge: 0}
    assert due_to_authors(shop) == 177
    assert shop.rows("select 1 from billing.royalty where charge_id = %s group by author_id having sum(amount_minor) <> 0", charge) == []


def test_the_ledger_of_runs_sums_to_zero_and_refunds_see_none_of_it(shop):
    reader, _, _, charge = two_books(shop)
    after(shop, MONTH)
    assert shop.rows("select t.kind from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id"
                     " group by t.id, t.kind having sum(e.amount_minor) <> 0") == []
    give_back(shop, charge, 1500)
    assert shop.value("select coalesce(sum(e.amount_minor), 0) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id"
                      " where t.charge_id = %s", charge) == 0
    after(shop, NEXT)
    assert int(shop.value("select sum(amount_minor) from billing.ledger_entry where account = 'revenue'")) == 0


def test_vouchers_are_in_the_pot(shop):
    two_books(shop)
    made = shop.row("select * from billing.voucher_make('month', 'CI', array[%s::bytea], 1000, ops.now() + interval '1 year', '', 'awa')", b"m" * 32)
    assert made["outcome"] == "ok"
    reader = shop.dial("+2250505050505")
    assert shop.row("select outcome from billing.redeem(%s, %s, array[%s::bytea], 'v', 'ussd')", reader["user_id"], reader["identity_id"],
                    b"m" * 32)["outcome"] == "granted"
    assert after(shop, MONTH)["pot_minor"] == (1271 + 847) // 2
