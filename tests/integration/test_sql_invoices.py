# SPDX-License-Identifier: Apache-2.0
"""Invoices and credit notes: due with the money, numbered later without a gap whatever rolls back, in the ledger's figures, and changed by nobody
(hard cases 33, 34, 44, 46; of REST, 37)."""
import random
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from sqlfixtures import *  # noqa: F401,F403
from test_sql_refunds import approved, claim, credited, event, held_for_review


def papers(world, charge=None):
    """Numbers all that is due, as the job does; what is out then."""
    while world.value("select billing.number_papers(50)"):
        pass
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


def mid_month(world):
    """Noon of a tenth: no year of numbers ends meanwhile."""
    world.rows("update ops.clock set shift = date_trunc('month', clock_timestamp()) + interval '1 month 9 days 12 hours' - clock_timestamp()")


def pending(world, n, country="CI"):
    """Charges that only wait for the rail's word, each of its own reader: id and version."""
    made = []
    for i in range(n):
        charge = world.start(world.dial({"CI": "+22505010", "SN": "+22177010"}[country] + f"{i:05}", country))["charge_id"]
        made.append(world.row("update billing.charge set state = 'PENDING', prompt_expires_at = ops.now(), due_at = null, version = 2"
                              " where id = %s returning id as charge_id, version", charge))
    return made


def settled(world, *due):
    """One after the other: the order in which their papers are due."""
    for one in due:
        assert world.event(one, "success", f"t{one['charge_id']}")["state"] == "SUCCEEDED"


def given_back(world, one):
    """All of a charge, to the end: a credit note is due; its refund."""
    refund = approved(world, one["charge_id"])
    assert event(world, claim(world), "success", 100)["state"] == "REFUNDED"
    return refund


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
    assert world.rows("select 1 from billing.paper_due") == [] == papers(world)
    reader = world.dial("+2250505050505")
    first = credited(world, reader)
    (paper,) = papers(world)  # two payments of one period, one sale
    assert paper["charge_id"] != first
    approved(world, first)
    assert event(world, claim(world), "success", 100)["state"] == "REFUNDED"
    assert len(papers(world)) == 1, "credit that goes back is taken out of no sale"
    assert alerts(world) == []


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
        said = world.event(due, "success", f"t{due['charge_id']}", conn=conn)
        assert (said["outcome"], said["state"]) == ("ok", "SUCCEEDED")
        cur.execute("select count(*) from billing.paper_due where charge_id = %s", (due["charge_id"],))
        assert cur.fetchone() == (1,), "due in the transaction that settles, before any numbering can see it"
    if how == "commit":
        conn.commit()
        return True
    conn.rollback()
    return False


def number_or_not(conn, how, most):
    """One numbering, kept or taken back; how many papers it had."""
    with conn.cursor() as cur:
        cur.execute("select billing.number_papers(%s)", (most,))
        got = cur.fetchone()[0]
    if how == "commit":
        conn.commit()
    else:
        conn.rollback()
    return got


def settle_all(world, mine, luck):
    conn = psycopg2.connect(world.url)
    for one in mine:
        while not settle_or_not(world, conn, one, luck.choice(["commit", "rollback", "commit"])):
            if luck.random() < 0.5:
                conn.close()  # the daemon is killed here
                conn = psycopg2.connect(world.url)
    conn.close()


def number_all(world, total, luck):
    """Numbers until all is numbered, some of it for nothing; how many papers were taken back."""
    conn, taken_back = psycopg2.connect(world.url), 0
    while invoices(conn) < total:
        how = luck.choice(["commit", "rollback", "commit"]) if taken_back else "rollback"
        got = number_or_not(conn, how, luck.randint(1, 7))
        if how == "rollback":
            taken_back += got
            if luck.random() < 0.5:
                conn.close()
                conn = psycopg2.connect(world.url)
    conn.close()
    return taken_back


def invoices(conn):
    with conn.cursor() as cur:
        cur.execute("select count(*) from billing.invoice")
        got = cur.fetchone()[0]
    conn.rollback()
    return got


@pytest.mark.parametrize("seed", range(3))
def test_many_settle_and_two_number_at_once_some_taken_back_and_no_gap_rest_case_37(world, seed):
    threads, each = 10, 6
    total = threads * each
    due = pending(world, total)
    with ThreadPoolExecutor(threads + 2) as pool:
        settling = [pool.submit(settle_all, world, due[n::threads], random.Random(seed * 1000 + n)) for n in range(threads)]
        numbering = [pool.submit(number_all, world, total, random.Random(seed * 1000 + 500 + n)) for n in range(2)]
        for one in settling:
            one.result()
        assert sum(one.result() for one in numbering) > 0
    got = world.rows("select seq, number, issued_at from billing.invoice order by seq")
    assert [g["seq"] for g in got] == list(range(1, total + 1))
    assert got == sorted(got, key=lambda g: g["issued_at"]), "numbers and times ascend together"
    assert world.value("select last from billing.invoice_counter") == total
    assert world.value("select count(distinct charge_id) from billing.invoice") == total
    assert world.rows("select 1 from billing.paper_due") == [] == alerts(world)


def alerts(world):
    return [a["subject"] for a in world.rows("select subject from ops.audit where kind = 'alert.paper_failed' order by at, subject")]


def last_seq(world):
    return world.value("select coalesce(sum(last), 0) from billing.invoice_counter")


def test_a_settled_charge_has_a_paper_due_and_a_number_later_once(world):
    charge = world.buy(world.dial())["charge_id"]
    assert [d["charge_id"] for d in world.rows("select * from billing.paper_due")] == [charge]
    assert world.rows("select 1 from billing.invoice") == [] and last_seq(world) == 0
    assert world.value("select billing.number_papers(0)") == 0
    assert [world.value("select billing.number_papers(10)") for _ in range(2)] == [1, 0]
    assert world.value("select number from billing.invoice").endswith("-F000001")
    assert world.rows("select 1 from billing.paper_due") == []


def test_the_rate_on_paper_is_the_one_that_was_booked(world):
    charge = world.buy(world.dial())["charge_id"]
    world.rows("update ops.country set tva_permille = 200 where code = 'CI'")
    (paper,) = papers(world)
    assert paper["tva_permille"] == 180 and on_paper(world, charge) == in_the_books(world, charge)


def test_a_numbering_that_rolls_back_gives_its_numbers_back(world):
    settled(world, *pending(world, 3))
    conn = psycopg2.connect(world.url)
    assert number_or_not(conn, "rollback", 2) == 2
    conn.close()
    assert last_seq(world) == 0 and world.rows("select 1 from billing.invoice") == []
    assert [p["number"][-7:] for p in papers(world)] == ["F000001", "F000002", "F000003"]


def test_who_numbers_second_waits_for_the_first(world):
    settled(world, *pending(world, 2))
    first, second = psycopg2.connect(world.url), psycopg2.connect(world.url)
    with first.cursor() as cur, ThreadPoolExecutor(1) as pool:
        cur.execute("select billing.number_papers(1)")
        later = pool.submit(number_or_not, second, "commit", 5)
        end = time.monotonic() + 10
        while not world.value("select count(*) from pg_locks where not granted"):
            assert time.monotonic() < end and not later.done()
            time.sleep(0.01)
        first.commit()
        assert later.result() == 1
    first.close()
    second.close()
    assert alerts(world) == [] and [p["seq"] for p in papers(world)] == [1, 2]


def failing(world, where):
    world.rows("create function public.full() returns trigger language plpgsql as $$ begin raise exception 'disk full'; end $$")
    world.rows(f"create trigger full_disk after insert on billing.invoice for each row when ({where}) execute function public.full()")


def mended(world):
    world.rows("drop trigger full_disk on billing.invoice")
    world.later("1 hour")


def test_a_paper_that_cannot_be_made_is_an_alert_and_the_others_do_not_wait(world):
    mid_month(world)
    due = pending(world, 3)
    settled(world, *due)
    failing(world, f"new.charge_id = {due[0]['charge_id']}")
    assert [world.value("select billing.number_papers(1)") for _ in range(4)] == [1, 1, 1, 0]
    assert alerts(world) == [f"charge:{due[0]['charge_id']}"]
    assert [(p["number"][-7:], p["charge_id"]) for p in papers(world)] == [("F000001", due[1]["charge_id"]), ("F000002", due[2]["charge_id"])]
    mended(world)
    assert papers(world)[-1]["seq"] == 3 and papers(world, due[0]["charge_id"])[0]["seq"] == 3
    assert world.value("select count(*) from billing.entitlement") == 3, "no settlement knew of it (case 44)"


def test_a_charge_that_somebody_holds_keeps_no_other_paper_waiting(world):
    """Its paper waits for that lock at each halving; each wait was a second, and ten of them ended the whole batch."""
    due = pending(world, 9)
    settled(world, *due)
    other, batch = psycopg2.connect(world.url), psycopg2.connect(world.url, options="-c lock_timeout=1000 -c statement_timeout=2500")
    try:
        other.cursor().execute("select 1 from billing.charge where id = %s for update", (due[4]["charge_id"],))
        batch.cursor().execute("select billing.number_papers(50)")
        batch.commit()
    finally:
        other.close()
        batch.close()
    assert alerts(world) == [] and last_seq(world) == 8
    world.later("1 minute")
    assert world.value("select billing.number_papers(50)") == 1
    assert papers(world, due[4]["charge_id"])[0]["seq"] == 9


def watched(world):
    """The counters write down each of their steps from now on; taken() has them."""
    world.rows("create table public.step (id int generated always as identity, country text, year int, kind text, last bigint);"
               "create function public.step() returns trigger language plpgsql as"
               " $$ begin insert into public.step (country, year, kind, last) values (new.country, new.year, new.kind, new.last); return null; end $$;"
               "create trigger step after insert or update on billing.invoice_counter for each row execute function public.step()")


def taken(world):
    return [tuple(r.values()) for r in world.rows("select country, year, kind, last from public.step order by id")]


def test_of_a_batch_one_fails_and_the_others_have_their_numbers_in_the_order_in_which_they_were_due(world):
    mid_month(world)
    a, b, c, d, e = pending(world, 5)
    settled(world, d, b)
    refund = given_back(world, b)
    settled(world, e, a, c)
    failing(world, f"new.charge_id = {b['charge_id']}")
    assert [world.value("select billing.number_papers(10)") for _ in range(2)] == [6, 0]
    assert alerts(world) == [f"charge:{b['charge_id']}", f"refund:{refund}"] and last_seq(world) == 4
    assert [(p["seq"], p["charge_id"]) for p in papers(world)] == [(n, one["charge_id"]) for n, one in enumerate((d, e, a, c), 1)]
    mended(world)
    assert [p["number"][-7:] for p in papers(world, b["charge_id"])] == ["F000005", "A000001"]


def test_a_batch_takes_one_step_of_each_countrys_counter_in_its_own_year(world):
    world.rows("update ops.country set time_zone = 'Africa/Nairobi' where code = 'CI'")
    abidjan, dakar = pending(world, 3), pending(world, 3, "SN")
    at(world, "2026-12-31 20:59:00+00")
    settled(world, abidjan[0], dakar[0])
    assert len(papers(world)) == 2
    at(world, "2026-12-31 21:00:00+00")
    settled(world, dakar[2], abidjan[2], abidjan[1], dakar[1])
    watched(world)
    assert world.value("select billing.number_papers(10)") == 4
    assert [(p["number"], p["charge_id"]) for p in papers(world)[2:]] == [
        ("SN-2026-F000002", dakar[2]["charge_id"]), ("CI-2027-F000001", abidjan[2]["charge_id"]),
        ("CI-2027-F000002", abidjan[1]["charge_id"]), ("SN-2026-F000003", dakar[1]["charge_id"])]
    assert sorted(taken(world)) == [("CI", 2027, "invoice", 2), ("SN", 2026, "invoice", 3)] and alerts(world) == []


def test_a_batch_numbers_invoices_and_credit_notes_each_in_the_order_in_which_they_were_due(world):
    mid_month(world)
    a, b, c = pending(world, 3)
    settled(world, a)
    assert len(papers(world)) == 1
    settled(world, c)
    given_back(world, c)
    given_back(world, a)
    settled(world, b)
    given_back(world, b)
    watched(world)
    assert world.value("select billing.number_papers(10)") == 5
    assert [step[2:] for step in taken(world)] == [("invoice", 3), ("credit", 1), ("credit", 2), ("credit", 3)]
    first, *made = papers(world)
    assert [(p["number"][-7:], p["charge_id"]) for p in made] == [
        (number, one["charge_id"]) for number, one in zip(("F000002", "F000003", "A000001", "A000002", "A000003"), (c, b, c, a, b))]
    assert [p["of_invoice"] for p in made[2:]] == [made[0]["id"], first["id"], made[1]["id"]]
    assert all(on_paper(world, one["charge_id"]) == in_the_books(world, one["charge_id"]) == (0, 0) for one in (a, b, c))
    assert alerts(world) == []


@pytest.mark.parametrize("most", [1, 10])
def test_a_credit_note_comes_after_its_invoice_when_both_wait(world, most):
    charge = world.buy(world.dial())["charge_id"]
    approved(world, charge)
    assert event(world, claim(world), "success", 100)["state"] == "REFUNDED"
    assert world.value("select count(*) from billing.paper_due") == 2
    assert world.value("select billing.number_papers(%s)", most) == min(most, 2)
    invoice, note = papers(world)
    assert (invoice["kind"], note["kind"], note["of_invoice"]) == ("invoice", "credit", invoice["id"])
    assert on_paper(world, charge) == in_the_books(world, charge) == (0, 0)


def test_a_credit_note_waits_for_an_invoice_that_cannot_be_made(world):
    charge = world.buy(world.dial())["charge_id"]
    failing(world, "new.kind = 'invoice'")
    refund = approved(world, charge)
    assert event(world, claim(world), "success", 100)["state"] == "REFUNDED"
    assert papers(world) == [] and alerts(world) == [f"charge:{charge}", f"refund:{refund}"]
    mended(world)
    assert [(p["kind"], p["seq"]) for p in papers(world)] == [("invoice", 1), ("credit", 1)]


def test_a_year_begins_at_one_on_the_countrys_calendar(world):
    world.rows("update ops.country set time_zone = 'Africa/Nairobi' where code = 'CI'")
    one, two, three = pending(world, 3)
    at(world, "2026-12-31 20:59:00+00")
    world.event(one, "success", "t1")
    assert len(papers(world)) == 1
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
    assert len(papers(world)) == 1
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
    assert len(papers(world)) == 1
    with pytest.raises(psycopg2.errors.RestrictViolation):
        world.rows(change)


def test_the_seller_is_who_it_was_on_the_day(world):
    world.rows("insert into billing.seller values ('CI', ops.now() - interval '1 hour', 'La maison', E'Plateau\\nNCC 123'),"
               " ('CI', ops.now() + interval '1 day', 'Les suivants', '')")
    one, two = pending(world, 2)
    world.event(one, "success", "t1")
    assert len(papers(world)) == 1
    world.later("2 days")
    world.event(two, "success", "t2")
    assert [(p["seller_name"], p["seller_particulars"]) for p in papers(world)] == [("La maison", "Plateau\nNCC 123"), ("Les suivants", "")]


def test_papers_are_french_or_english_by_what_the_reader_speaks(world):
    langs = ("fr", "wo", "en", "pt", "sw", "ha")
    for one, lang in zip(due := pending(world, len(langs)), langs):
        world.rows("update auth.users u set lang = %s from billing.charge c where c.id = %s and u.id = c.user_id", lang, one["charge_id"])
    settled(world, *due)
    assert dict(zip(langs, (p["lang"] for p in papers(world)))) == {"fr": "fr", "wo": "fr", "en": "en", "pt": "en", "sw": "en", "ha": "en"}
    reader = world.dial()
    world.rows("update auth.users set lang = 'sw' where id = %s", reader["user_id"])
    world.buy(reader, "month", 1500)
    paper = world.one("billing.invoice_paper", papers(world)[-1]["number"].lower())
    assert paper["label"].startswith("Month pass, ") and (paper["ht"], paper["tva"], paper["ttc"], paper["rate"]) == (
        "1 271 FCFA", "229 FCFA", "1 500 FCFA", "18")
    assert world.call("billing.invoice_paper", "CI-2026-F999999") == []


def test_numbers_grow_past_six_digits(world):
    mid_month(world)
    world.rows("insert into billing.invoice_counter select 'CI', extract(year from ops.now()), 'invoice', 999999, ops.now()")
    world.buy(world.dial())
    assert papers(world)[0]["number"].endswith("-F1000000")
