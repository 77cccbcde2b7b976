# SPDX-License-Identifier: Apache-2.0
"""Invoices and credit notes: the ledger's figures, numbers without a gap whatever rolls back, and papers that nobody changes
(hard cases 33, 34, 44, 46; of REST, 37)."""
import random
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from sqlfixtures import *  # noqa: F401,F403
from test_sql_refunds import approved, claim, credited, event, held_for_review


def papers(world, charge=None):
    return world.rows("select * from billing.invoice where %s is null or charge_id = %s order by id", charge, charge)


def in_the_books(world, charge):
    """Revenue and VAT that the ledger has of a charge."""
    got = {r["account"]: int(-r["sum"]) for r in world.rows(
        "select e.account, sum(e.amount_minor) from billing.ledger_entry e join billing.ledger_txn t on t.id = e.txn_id"
        " where t.charge_id = %s and e.account in ('revenue', 'tva') group by 1", charge)}
    return got.get("revenue", 0), got.get("tva", 0)


def on_paper(world, charge):
    got = papers(world, charge)
    return sum(p["ht_minor"] for p in got), sum(p["tva_minor"] for p in got)


def at(world, time):
    """Sets the clock of every rule."""
    world.rows("update ops.clock set shift = %s::timestamptz - now()", time)


def pending(world, n, country="CI"):
    """Charges that only wait for the rail's word, each of its own reader: id and version."""
    made = []
    for i in range(n):
        charge = world.start(world.dial(f"+22505010{i:05}", country))["charge_id"]
        made.append(world.row("update billing.charge set state = 'PENDING', prompt_expires_at = ops.now(), due_at = null, version = 2"
                              " where id = %s returning id as charge_id, version", charge))
    return made


def test_a_sale_has_its_invoice_in_the_ledgers_figures(world):
    at(world, "2026-11-24 10:00+00")
    reader = world.dial()
    charge = world.buy(reader)["charge_id"]
    (paper,) = papers(world)
    assert (paper["number"], paper["kind"], paper["charge_id"], paper["user_id"]) == ("CI-2026-F000001", "invoice", charge, reader["user_id"])
    assert (paper["ht_minor"], paper["tva_minor"], paper["ttc_minor"], paper["tva_permille"]) == (85, 15, 100, 180)
    assert on_paper(world, charge) == in_the_books(world, charge)
    assert paper["label"].startswith("Pass jour, 24/11/2026 ") and paper["label"].count("/2026") == 2


def test_who_pays_a_gift_has_the_paper_case_33(world):
    payer, friend = world.dial(), world.dial("+2250709080706")
    offer = world.offer(friend)
    started = world.one("billing.start_charge", friend["user_id"], payer["identity_id"], offer["plan_id"], offer["price_id"], "g", "100 F", "ussd")
    world.event(world.claim_one(), "accepted")
    assert world.event(world.claim_one(), "success", "t")["state"] == "SUCCEEDED"
    assert [(p["charge_id"], p["user_id"]) for p in papers(world)] == [(started["charge_id"], payer["user_id"])]


def test_what_is_no_sale_has_no_invoice(world):
    held_for_review(world)
    assert papers(world) == []
    reader = world.dial("+2250505050505")
    first = credited(world, reader)
    (paper,) = papers(world)  # two payments of one period, one sale
    assert paper["charge_id"] != first
    approved(world, first)
    assert event(world, claim(world), "success", 100)["state"] == "REFUNDED"
    assert len(papers(world)) == 1, "credit that goes back is taken out of no sale"


def test_a_sale_that_credit_pays_says_so(world):
    reader = world.dial()
    credited(world, reader)
    world.later("25 hours")
    assert world.start(reader)["outcome"] == "paid"
    last = papers(world)[-1]
    assert (last["number"][-7:], last["ttc_minor"], last["credit_minor"]) == ("F000002", 100, 100)


def settle_or_not(world, conn, due, how):
    """One settlement, kept or taken back; True: kept."""
    with conn.cursor() as cur:
        cur.execute("select outcome, state from billing.charge_event(%s, %s, 'success', 200, null, %s, 100, 'XOF', 0)",
                    (due["charge_id"], due["version"], f"t{due['charge_id']}"))
        assert cur.fetchone() == ("ok", "SUCCEEDED")
    if how == "commit":
        conn.commit()
        return True
    conn.rollback()
    return False


@pytest.mark.parametrize("seed", range(3))
def test_many_settlements_at_once_some_taken_back_leave_no_gap_rest_case_37(world, seed):
    threads, each, rng = 12, 5, random.Random(seed)
    due = pending(world, threads * each)

    def work(n):
        mine, kept, luck = due[n::threads], 0, random.Random(seed * 1000 + n)
        conn = psycopg2.connect(world.url)
        for one in mine:
            while not settle_or_not(world, conn, one, luck.choice(["commit", "rollback", "commit"])):
                if luck.random() < 0.5:
                    conn.close()  # the daemon is killed here
                    conn = psycopg2.connect(world.url)
            kept += 1
        conn.close()
        return kept

    with ThreadPoolExecutor(threads) as pool:
        assert sum(pool.map(work, rng.sample(range(threads), threads))) == threads * each
    got = world.rows("select seq, number, issued_at from billing.invoice order by seq")
    assert [g["seq"] for g in got] == list(range(1, threads * each + 1))
    assert got == sorted(got, key=lambda g: g["issued_at"]), "numbers and times ascend together"
    assert world.value("select last from billing.invoice_counter") == threads * each
    assert world.value("select count(distinct charge_id) from billing.invoice") == threads * each


def test_a_settlement_that_cannot_end_takes_its_number_with_it_case_44(world):
    charge = world.start(world.dial())["charge_id"]
    world.event(world.claim_one(), "accepted")
    world.rows("create function public.full() returns trigger language plpgsql as $$ begin raise exception 'disk full'; end $$")
    world.rows("create trigger full_disk after insert on billing.invoice for each row execute function public.full()")
    due = world.claim_one()
    with pytest.raises(psycopg2.errors.RaiseException):
        world.event(due, "success", "t")
    assert world.rows("select 1 from billing.entitlement") == [] and in_the_books(world, charge) == (0, 0)
    world.rows("drop trigger full_disk on billing.invoice")
    assert world.event(due, "success", "t")["state"] == "SUCCEEDED"
    assert [p["number"][-7:] for p in papers(world)] == ["F000001"]


def test_a_year_begins_at_one_on_the_countrys_calendar(world):
    world.rows("update ops.country set time_zone = 'Africa/Nairobi' where code = 'CI'")
    one, two, three = pending(world, 3)
    at(world, "2026-12-31 20:59:00+00")
    world.event(one, "success", "t1")
    at(world, "2026-12-31 21:00:00+00")
    world.event(two, "success", "t2")
    world.event(three, "success", "t3")
    assert [p["number"] for p in papers(world)] == ["CI-2026-F000001", "CI-2027-F000001", "CI-2027-F000002"]
    other = world.start(world.dial("+221771234567", "SN"))["charge_id"]
    version = world.value("update billing.charge set state = 'PENDING', prompt_expires_at = ops.now() where id = %s returning version", other)
    world.event({"charge_id": other, "version": version}, "success", "t4")
    assert papers(world, other)[0]["number"] == "SN-2026-F000001", "in Dakar it is still the old year"


def test_a_clock_that_goes_back_makes_no_earlier_paper(world):
    at(world, "2026-11-24 10:00+00")
    one, two = pending(world, 2)
    world.event(one, "success", "t1")
    at(world, "2026-11-24 09:00+00")
    world.event(two, "success", "t2")
    first, second = papers(world)
    assert second["seq"] == 2 and second["issued_at"] == first["issued_at"]


@pytest.mark.parametrize("parts", [(100,), (33, 33, 34), (1, 99), (7, 80)])
def test_a_refund_has_a_credit_note_of_what_it_took_out_of_the_sale_case_34(world, parts):
    charge = world.buy(world.dial())["charge_id"]
    invoice = papers(world)[0]
    for n, part in enumerate(parts):
        approved(world, charge, part)
        assert len(papers(world)) == 1 + n, "a refund on its way is none yet"
        assert event(world, claim(world), "sync_success", part, f"R{n}")["state"] == "REFUNDED"
        note = papers(world)[-1]
        assert (note["kind"], note["ttc_minor"], note["of_invoice"], note["lang"]) == ("credit", -part, invoice["id"], invoice["lang"])
        assert note["number"] == invoice["number"].replace("F000001", f"A{n + 1:06}")
        assert on_paper(world, charge) == in_the_books(world, charge)
    if sum(parts) == 100:
        assert on_paper(world, charge) == (0, 0)


def test_a_refund_that_fails_has_none_and_leaves_no_gap(world):
    charge = world.buy(world.dial())["charge_id"]
    approved(world, charge)
    assert event(world, claim(world), "rejected")["state"] == "REFUND_FAILED"
    approved(world, charge)
    event(world, claim(world), "sync_success", 100)
    assert [p["number"][-7:] for p in papers(world)] == ["F000001", "A000001"]


def test_credit_that_paid_a_part_goes_back_on_paper_too(world):
    reader = world.dial()
    credited(world, reader)
    world.later("25 hours")
    offer = world.offer(reader, "week")
    week = world.one("billing.start_charge", reader["user_id"], reader["identity_id"], offer["plan_id"], offer["price_id"], "w", "500 F", "ussd")
    assert week["amount_minor"] == 400
    world.event(world.claim_one(), "accepted")
    world.event(world.claim_one(), "success", "tw", 400)
    assert papers(world, week["charge_id"])[0]["credit_minor"] == 100
    approved(world, week["charge_id"])
    event(world, claim(world), "success", 400)
    invoice, note = papers(world, week["charge_id"])
    assert (invoice["ttc_minor"], note["ttc_minor"], note["credit_minor"]) == (500, -500, -100)
    assert on_paper(world, week["charge_id"]) == in_the_books(world, week["charge_id"]) == (0, 0)


@pytest.mark.parametrize("change", ["update billing.invoice set ttc_minor = 1", "delete from billing.invoice", "truncate billing.invoice cascade"])
def test_a_paper_that_is_out_is_not_changed(world, change):
    world.buy(world.dial())
    with pytest.raises(psycopg2.errors.RestrictViolation):
        world.rows(change)


def test_the_seller_is_who_it_was_on_the_day(world):
    world.rows("insert into billing.seller values ('CI', ops.now() - interval '1 hour', 'La maison', E'Plateau\\nNCC 123'),"
               " ('CI', ops.now() + interval '1 day', 'Les suivants', '')")
    one, two = pending(world, 2)
    world.event(one, "success", "t1")
    world.later("2 days")
    world.event(two, "success", "t2")
    assert [(p["seller_name"], p["seller_particulars"]) for p in papers(world)] == [("La maison", "Plateau\nNCC 123"), ("Les suivants", "")]


def test_papers_are_french_or_english_by_what_the_reader_speaks(world):
    reader = world.dial()
    got = {}
    for lang in ("fr", "wo", "en", "pt", "sw", "ha"):
        world.rows("update auth.users set lang = %s where id = %s", lang, reader["user_id"])
        got[lang] = world.value("select billing.paper_lang(%s)", reader["user_id"])
    assert got == {"fr": "fr", "wo": "fr", "en": "en", "pt": "en", "sw": "en", "ha": "en"}
    world.rows("update auth.users set lang = 'sw' where id = %s", reader["user_id"])
    world.buy(reader, "month", 1500)
    paper = world.one("billing.invoice_paper", papers(world)[0]["number"].lower())
    assert paper["label"].startswith("Month pass, ") and (paper["ht"], paper["tva"], paper["ttc"], paper["rate"]) == (
        "1 271 FCFA", "229 FCFA", "1 500 FCFA", "18")
    assert world.call("billing.invoice_paper", "CI-2026-F999999") == []


def test_numbers_grow_past_six_digits(world):
    world.rows("insert into billing.invoice_counter select 'CI', extract(year from ops.now()), 'invoice', 999999, ops.now()")
    world.buy(world.dial())
    assert papers(world)[0]["number"].endswith("-F1000000")
