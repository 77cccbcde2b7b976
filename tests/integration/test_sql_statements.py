# SPDX-License-Identifier: Apache-2.0
"""Statements of the rails against our books, and the close of a day: zero, or explained (I5, I9, hard cases 9 and 41)."""
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg2
import pytest

import test_charges_desk as desk
from sqlfixtures import *  # noqa: F401,F403
from support import wait_until


def txn(world, charge):
    return world.value("select rail_txn from billing.charge where id = %s", charge)


def line(id, gross=100, kind="payment", fee=0, withheld=0, ref="", currency="XOF", at=None):
    return {"id": id, "ref": ref, "kind": kind, "gross": gross, "fee": fee, "withheld": withheld, "currency": currency, "at": at}


def bring(world, *lines, day=None, rail="mtn_momo", zone="UTC", to=None, bytes_=None):
    """A statement of these lines; a line without a time is of now."""
    now = world.value("select to_char(ops.now() at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS') || '+00:00'")
    rows = [{**one, "no": n, "at": one["at"] or now} for n, one in enumerate(lines, 2)]
    digest = hashlib.sha256(bytes_ or os.urandom(8)).digest()
    return world.call("billing.statement_import", rail, psycopg2.Binary(digest), zone, day, to or day, rows, "root")


def match(world, day=None):
    got = world.one("billing.statement_match", 0, 1000, day, "root")
    got["missing"] = world.value("select billing.statement_missing_find((ops.now() at time zone 'utc')::date - 7, (ops.now() at time zone 'utc')::date)")
    return {k: v for k, v in got.items() if v and k != "last_id"}


def alerts(world, kind):
    return world.value("select count(*) from ops.audit where kind = %s", "alert.statement_" + kind)


def entries(world, where="t.line_id is not null"):
    return {(r["part"], r["account"]): int(r["sum"]) for r in world.rows(
        f"select coalesce(t.line_part, t.kind) as part, e.account, sum(e.amount_minor) from billing.ledger_txn t join billing.ledger_entry e on e.txn_id = t.id where {where} group by 1, 2")}


def today(world):
    return world.value("select (ops.now() at time zone 'utc')::date")


def noon(world, days=1):
    """The next day at noon, so that what follows is of one day."""
    world.rows("update ops.clock set shift = shift + (date_trunc('day', ops.now() at time zone 'utc') + %s * interval '1 day' + interval '12 hours'"
               " - ops.now() at time zone 'utc')", days)
    return today(world)


def shop_of(world):
    """Two persons who may decide, at noon of a day."""
    desk.desk_of(world)
    noon(world)
    return world


@pytest.fixture
def shop(world):
    return shop_of(world)


# ---- the import ----

def test_a_file_is_imported_once(shop):
    charge = shop.buy(shop.dial())["charge_id"]
    first = bring(shop, line(txn(shop, charge)), bytes_=b"the file")
    assert first[0]["outcome"] == "ok" and first[0]["line_no"] == 1
    again = bring(shop, line(txn(shop, charge)), bytes_=b"the file")
    assert again[0]["outcome"] == "already" and "by root" in again[0]["detail"]
    assert shop.value("select count(*) from billing.statement") == 1


def test_days_without_a_transaction_have_the_same_file(shop):
    day = today(shop)
    for d in (day - timedelta(days=2), day - timedelta(days=1)):
        assert bring(shop, day=d, bytes_=b"the head line")[0]["outcome"] == "ok"
    assert bring(shop, day=day - timedelta(days=1), bytes_=b"the head line")[0]["outcome"] == "already"
    assert shop.value("select count(*) from billing.statement") == 2


def test_a_transaction_is_one_line_whatever_statements_tell_it(shop):
    charge = shop.buy(shop.dial())["charge_id"]
    one = line(txn(shop, charge), fee=2)
    assert bring(shop, one)[0]["line_no"] == 1
    assert match(shop) == {"matched": 1}
    assert bring(shop, one, line("other", kind="fee", gross=0, fee=5))[0]["line_no"] == 1
    assert match(shop) == {"matched": 1} and entries(shop) == {
        ("fee", "fees"): 7, ("fee", "clearing"): -7}


@pytest.mark.parametrize("bad,what", [
    ([line("a", currency="EUR")], "EUR is not a currency of this rail"),
    ([line("a"), line("a")], "the same transaction as line 3"),
    ([line("a", at="2026-01-01 10:00:00")], "not of these days"),
    ([line("known", gross=99)], "tells this transaction otherwise: 100 XOF"),
    ([line("known", fee=1)], "tells this transaction otherwise"),
    ([line("a", at="2099-01-01 10:00:00")], "a day to come")])
def test_one_bad_line_keeps_the_whole_file_out_and_is_named(shop, bad, what):
    bring(shop, line("known"))
    got = bring(shop, line("good"), *bad, day=today(shop))
    assert ("fault", len(bad) + 2) in [(g["outcome"], g["line_no"]) for g in got if what in g["detail"]], got
    assert {g["outcome"] for g in got} == {"fault"}
    assert shop.value("select count(*) from billing.statement_line") == 1 and shop.value("select count(*) from billing.statement") == 1


def test_a_file_is_of_a_rail_that_has_one_and_of_a_day(shop):
    assert bring(shop, rail="nobody")[0]["outcome"] == "no_rail"
    assert bring(shop, rail="orange_qr")[0] == {"outcome": "no_rail", "line_no": None, "detail": "orange_qr"}
    assert bring(shop)[0]["outcome"] == "no_day"
    assert bring(shop, day=today(shop))[0]["outcome"] == "ok", "a day without a line is told too"


def test_a_time_without_a_zone_is_of_the_rails_clock(shop):
    day = today(shop) - timedelta(days=1)
    assert bring(shop, line("a", at=f"{day} 01:30:00", currency="KES"), rail="mpesa", zone="Africa/Nairobi")[0]["outcome"] == "ok"
    assert shop.value("select to_char(at at time zone 'utc', 'HH24:MI') from billing.statement_line") == "22:30"
    told = shop.row("select to_char(from_at at time zone 'utc', 'HH24') as a, to_at - from_at as long from billing.statement")
    assert told == {"a": "21", "long": timedelta(days=1)}


def test_a_day_that_is_not_over_is_told_to_its_last_line_only(shop):
    bring(shop, line("a"))
    assert shop.value("select to_at <= ops.now() + interval '1 second' from billing.statement")


@pytest.mark.parametrize("ref,kept", [("+2250501020304", None), ("2250501020304", None), ("254712345678", None), ("Jean Pierre", None), ("", None),
                                      ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8")])
def test_what_a_payer_typed_as_a_reference_is_not_kept_S5(shop, ref, kept):
    bring(shop, line("a", ref=ref))
    assert shop.value("select reference from billing.statement_line") == kept


# ---- matching ----

def test_gross_is_matched_and_fee_and_withholding_are_booked_apart_I9(shop):
    """Senegal: 0.5 % is withheld from what a merchant receives; what arrives is not what was paid."""
    charge = shop.buy(shop.dial())["charge_id"]
    before = entries(shop, "t.charge_id is not null")
    bring(shop, line(txn(shop, charge), 100, fee=2, withheld=1))
    assert match(shop) == {"matched": 1} and match(shop) == {}
    assert entries(shop) == {("fee", "fees"): 2, ("fee", "clearing"): -2, ("withholding", "withholding"): 1, ("withholding", "clearing"): -1}
    assert entries(shop, "t.charge_id is not null") == before
    assert shop.row("select left_minor, paid_minor from billing.refund_left(%s)", charge) == {"left_minor": 100, "paid_minor": 100}
    assert shop.value("select count(*) from (select txn_id from billing.ledger_entry group by txn_id, currency having sum(amount_minor) <> 0) x") == 0


def test_matching_the_line_again_books_nothing_again(shop):
    charge = shop.buy(shop.dial())["charge_id"]
    bring(shop, line(txn(shop, charge), fee=2, withheld=1), line("nobody", fee=3))
    match(shop)
    before = shop.rows("select * from billing.ledger_entry order by id")
    for row in shop.rows("select id from billing.statement_line"):
        shop.value("select billing.statement_line_match(l, 'root') from billing.statement_line l where l.id = %s", row["id"])
    assert shop.rows("select * from billing.ledger_entry order by id") == before
    with pytest.raises(psycopg2.errors.UniqueViolation):
        shop.rows("insert into billing.ledger_txn (kind, line_id, line_part, at) select 'fee', min(id), 'fee', ops.now() from billing.statement_line")


def test_case_41_a_line_without_a_charge_is_in_suspense_and_an_alert(shop):
    bring(shop, line("stray", 700, fee=7))
    assert match(shop) == {"suspense": 1} and match(shop) == {"suspense": 1}
    assert entries(shop) == {("held", "suspense"): -700, ("held", "clearing"): 700, ("fee", "fees"): 7, ("fee", "clearing"): -7}
    assert alerts(shop, "suspense") == 1, "once"
    assert shop.value("select value from billing.money_figures() where figure = 'suspense' and labels like '%%XOF%%'") == 700
    assert shop.value("select value from billing.money_figures() where figure = 'mismatches' and labels like '%%mtn%%'") == 1
    assert [r["item"] for r in shop.call("billing.statement_open", None, 10)] == [str(shop.value("select id from billing.statement_line"))]


def test_case_41_a_refund_that_we_did_not_make_is_in_suspense_the_other_way(shop):
    bring(shop, line("back", 50, "refund"))
    assert match(shop) == {"suspense": 1}
    assert entries(shop) == {("held", "suspense"): 50, ("held", "clearing"): -50}


def test_case_41_the_reverse_a_success_without_a_line_is_missing_and_an_alert(shop):
    charge = shop.buy(shop.dial())["charge_id"]
    day = today(shop)
    assert match(shop) == {}, "no statement tells of that time yet"
    noon(shop)
    bring(shop, line("unrelated", at=f"{day} 10:00:00"), day=day)
    assert match(shop) == {"suspense": 1, "missing": 1} and match(shop) == {"suspense": 1}
    assert alerts(shop, "missing") == 1
    assert shop.row("select charge_id, day, amount_minor from billing.statement_missing") == {"charge_id": charge, "day": day, "amount_minor": 100}
    assert "m1" in [r["item"] for r in shop.call("billing.statement_open", day, 10)]
    # A statement of the next day tells it after all.
    bring(shop, line(txn(shop, charge)))
    assert match(shop)["matched"] == 1
    assert "m1" not in [r["item"] for r in shop.call("billing.statement_open", None, 10)]
    assert shop.value("select line_id is not null from billing.statement_missing")


def test_what_the_rail_can_have_done_before_its_statement_begins_is_not_missing(shop):
    """Sent before midnight, learnt after it: a statement of the second day alone proves nothing."""
    shop.rows("update ops.clock set shift = shift + interval '11 hours 59 minutes 50 seconds'")
    shop.start(shop.dial())
    shop.event(shop.claim_one(), "accepted")
    shop.rows("update ops.clock set shift = shift + interval '1 minute'")
    shop.event(shop.claim_one(), "success", "T9")
    day = today(shop)
    noon(shop)
    bring(shop, day=day)
    assert match(shop) == {}
    bring(shop, day=day - timedelta(days=1))
    assert match(shop) == {"missing": 1}


def test_case_9_a_line_of_an_expired_charge_asks_the_rail_and_settles_nothing_I7(shop):
    reader = shop.dial()
    started = shop.start(reader)
    shop.event(shop.claim_one(), "accepted")
    shop.event(shop.claim_one(), "expired")
    before = shop.row("select state, version from billing.charge")
    bring(shop, line("T1", 100, fee=2, ref=started["our_ref"]))
    assert match(shop) == {"waiting": 1}
    assert shop.row("select state, version from billing.charge") == before and entries(shop) == {}
    assert not shop.rows("select 1 from billing.entitlement") and not shop.rows("select 1 from billing.ledger_txn")
    assert shop.value("select due_at - ops.now() < interval '11 seconds' from billing.charge")
    assert match(shop) == {"waiting": 1}
    assert shop.event(shop.claim_one(), "success", "T1")["state"] == "SUCCEEDED_LATE"
    assert match(shop) == {"matched": 1} and entries(shop) == {("fee", "fees"): 2, ("fee", "clearing"): -2}
    assert len(shop.rows("select 1 from billing.entitlement")) == 1


def test_money_in_suspense_leaves_it_when_its_charge_has_booked_it(shop):
    """The rail told no reference; the question brought the transaction."""
    shop.start(shop.dial())
    shop.event(shop.claim_one(), "accepted")
    bring(shop, line("T7", 100, fee=2))
    assert match(shop) == {"suspense": 1}
    shop.event(shop.claim_one(), "success", "T7")
    assert match(shop) == {"matched": 1} and match(shop) == {}
    net = {}
    for (_, account), amount in entries(shop).items():
        net[account] = net.get(account, 0) + amount
    assert net == {"suspense": 0, "fees": 2, "clearing": -2}


@pytest.mark.parametrize("gross", [99, 101, 10000])
def test_another_amount_is_for_a_person_and_books_nothing(shop, gross):
    charge = shop.buy(shop.dial())["charge_id"]
    bring(shop, line(txn(shop, charge), gross, fee=1))
    assert match(shop) == {"review": 1} and match(shop) == {"review": 1}
    assert entries(shop) == {} and alerts(shop, "review") == 1
    assert f"charge {charge} has 100 XOF" in shop.call("billing.statement_open", None, 9)[0]["what"]


def test_a_second_debit_of_one_charge_is_money_of_nobody_I1(shop):
    started = shop.buy(shop.dial())
    bring(shop, line(txn(shop, started["charge_id"])), line("twice", ref=started["our_ref"]))
    assert match(shop) == {"matched": 1, "suspense": 1}
    assert entries(shop) == {("held", "suspense"): -100, ("held", "clearing"): 100}


def test_a_charge_that_was_never_sent_cannot_have_been_paid(shop):
    started = shop.start(shop.dial())
    bring(shop, line("T", ref=started["our_ref"]))
    assert match(shop) == {"review": 1} and alerts(shop, "review") == 1


def test_a_charge_in_review_matches_what_is_held_of_it(shop):
    charge = desk.review(shop, shop.dial(), 90)
    ref = shop.value("select our_ref::text from billing.charge where id = %s", charge)
    unknown = desk.review(shop, shop.dial("+2250501020305"), None, None)
    other = shop.value("select our_ref::text from billing.charge where id = %s", unknown)
    bring(shop, line("R1", 90, ref=ref), line("R2", 100, ref=other))
    assert match(shop) == {"matched": 1, "review": 1}


@pytest.mark.parametrize("form", ["whole", "hex", "twelve", "order"])
def test_our_reference_in_each_form_that_rails_print(shop, form):
    started = shop.buy(shop.dial())
    ref = shop.value("select our_ref::text from billing.charge")
    letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    bits = f"{int(ref.replace('-', ''), 16):0128b}00"
    text = {"whole": ref, "hex": ref.replace("-", "").upper(), "twelve": ref.replace("-", "")[:12],
            "order": "".join(letters[int(bits[i:i + 5], 2)] for i in range(0, 130, 5))}[form]
    shop.rows("update billing.charge set rail_txn = null where id = %s", started["charge_id"])
    bring(shop, line("X1", ref=text))
    assert match(shop) == {"matched": 1}, text


def test_the_statement_of_one_wallet_has_the_money_of_both_its_rails(shop):
    charge = shop.buy(shop.dial())["charge_id"]
    shop.rows("update billing.rail_route set country = 'CI' where rail = 'orange_sonatel'")
    shop.rows("update billing.charge set rail = 'orange_qr' where id = %s", charge)
    bring(shop, line(txn(shop, charge), fee=1), rail="orange_sonatel")
    assert match(shop) == {"matched": 1}
    assert shop.value("select rail from billing.ledger_entry e join billing.ledger_txn t on t.id = e.txn_id where t.line_part = 'fee' and account = 'clearing'") == "orange_qr"


def test_another_rails_transaction_of_the_same_id_is_not_ours(shop):
    charge = shop.buy(shop.dial())["charge_id"]
    bring(shop, line(txn(shop, charge)), rail="wave")
    assert match(shop) == {"suspense": 1}


def give_back(world, charge, txn_id="R1", amount=100):
    refund = desk.ask(world, charge)["detail"]
    desk.answer(world, refund, "binta")
    f = world.one("billing.claim_refunds", "w:1", 10)
    return f, (lambda: world.one("billing.refund_event", f["refund_id"], f["version"], "sync_success", 200, "", None, txn_id, amount, "XOF", 0))


def test_a_refund_is_matched_asked_about_and_missed_like_a_charge(shop):
    first, second = shop.buy(shop.dial())["charge_id"], shop.buy(shop.dial("+2250501020305"))["charge_id"]
    f, end = give_back(shop, first)
    bring(shop, line(txn(shop, first)), line(txn(shop, second)), line("R1", 100, "refund", ref=str(f["our_ref"])))
    assert match(shop) == {"matched": 2, "waiting": 1}
    end()
    assert match(shop) == {"matched": 1}
    day = today(shop)
    _, end = give_back(shop, second, "R2")
    end()
    noon(shop)
    bring(shop, day=day)
    assert match(shop) == {"missing": 1}
    assert shop.value("select refund_id is not null from billing.statement_missing")


def test_every_success_of_a_rail_ends_as_exactly_one_thing_I5(shop):
    """A day with everything in it: what the statement says that payers paid is what is granted, credited, held or waits."""
    buyers = [shop.dial(f"+22505010203{n:02}") for n in range(6)]
    paid = [shop.buy(b)["charge_id"] for b in buyers[:3]]
    held = desk.review(shop, buyers[3], 90)
    late = shop.start(buyers[4])
    shop.event(shop.claim_one(), "accepted")
    shop.event(shop.claim_one(), "expired")
    lines = [line(txn(shop, c), fee=2) for c in paid]
    lines += [line("H", 90, ref=shop.value("select our_ref::text from billing.charge where id = %s", held)), line("L", ref=late["our_ref"]), line("N", 300)]
    bring(shop, *lines)
    assert match(shop) == {"matched": 4, "waiting": 1, "suspense": 1}
    shop.event(shop.claim_one(), "success", "L")
    match(shop)
    told = shop.value("select sum(gross_minor) from billing.statement_line where kind = 'payment'")
    in_books = shop.value("select sum(e.amount_minor) from billing.ledger_entry e join billing.ledger_txn t on t.id = e.txn_id"
                          " where e.account = 'clearing' and t.kind <> 'fee'")
    assert told == in_books == 3 * 100 + 90 + 100 + 300
    assert shop.value("select count(*) from billing.charge where settlement = 'granted'") == 4
    owed = shop.value("select sum(amount_minor) from billing.ledger_entry where account = 'clearing'")
    assert owed == told - shop.value("select sum(fee_minor + withholding_minor) from billing.statement_line")


# ---- the close ----

def close(world, day, who="awa"):
    return world.row("select * from billing.close_day(%s::bytea[], 'root', %s)", desk.keys(who), day)


def explain(world, item, text="seen at the back office", who="awa"):
    return world.row("select * from billing.statement_explain(%s::bytea[], 'root', %s, %s)", desk.keys(who), str(item), text)


def test_a_day_is_closed_once_when_it_is_zero(shop):
    day, charge = today(shop), shop.buy(shop.dial())["charge_id"]
    bring(shop, line(txn(shop, charge), fee=2, withheld=1), day=day)
    match(shop)
    assert close(shop, day) == {"outcome": "not_over", "detail": None}
    noon(shop)
    assert close(shop, day)["outcome"] == "no_statement", "what was imported at noon did not tell the evening"
    bring(shop, day=day)
    assert shop.value("select billing.days_not_closed()") == 1
    assert close(shop, day, "nobody")["outcome"] == "who"
    assert close(shop, day) == {"outcome": "ok", "detail": "awa"}
    assert close(shop, day, "binta")["outcome"] == "closed" and shop.value("select billing.days_not_closed()") == 0
    kept = {f["name"]: f for f in shop.value("select figures from billing.money_close")}
    assert (kept["charges, our books"]["n"], kept["charges, our books"]["amount"]) == ("1", "100")
    assert kept["payments, the rail"]["amount"] == "100" and kept["fees"]["amount"] == "2" and kept["withheld"]["amount"] == "1"
    assert kept["difference"] == {"section": "mtn_momo XOF", "name": "difference", "n": None, "amount": "0", "word": "zero"}
    assert kept["VAT"]["amount"] == "15"
    with pytest.raises(psycopg2.Error):
        shop.rows("update billing.money_close set closed_by = 'x'")


def test_what_is_judged_is_what_is_recorded(shop):
    """A line comes in while the day is being closed: it is of the next day's differences, not in the record as an open one."""
    day = today(shop)
    noon(shop)
    bring(shop, day=day)
    shop.rows("alter function billing.close_state(date) rename to close_judged")
    shop.rows("create function billing.close_state(p_day date) returns table (outcome text, detail text) language plpgsql stable as $$"
              " begin return query select * from billing.close_judged(p_day); perform pg_advisory_lock(12); end $$")
    conns = [shop.connect() for _ in range(2)]
    with ThreadPoolExecutor(1) as pool, conns[0].cursor() as gate, conns[1].cursor() as closing:
        gate.execute("select pg_advisory_lock(12)")
        done = pool.submit(closing.execute, "select outcome from billing.close_day(%s::bytea[], 'root', %s)", (desk.keys("awa"), day))
        wait_until(lambda: shop.value("select count(*) from pg_locks where locktype = 'advisory' and objid = 12 and not granted"), "the judgement")
        bring(shop, line("meanwhile", 700, at=f"{day} 13:00:00"), day=day)
        gate.execute("select pg_advisory_unlock(12)")
        done.result()
        assert closing.fetchone()[0] == "ok"
    for conn in conns:
        conn.close()
    assert shop.value("select items from billing.money_close where day = %s", day) == []
    assert [i["what"] for i in shop.call("billing.close_items", day + timedelta(days=1))] == ["meanwhile of a closed day: not matched yet"]


def test_a_difference_keeps_the_day_open_until_a_person_explains_it(shop):
    day, charge = today(shop), shop.buy(shop.dial())["charge_id"]
    wrong = shop.buy(shop.dial("+2250501020305"))["charge_id"]
    shop.buy(shop.dial("+2250501020306"))
    noon(shop)
    bring(shop, line(txn(shop, charge), at=f"{day} 12:30:00"), line("stray", 700, at=f"{day} 13:00:00"), line(txn(shop, wrong), 130, at=f"{day} 13:00:00"),
          line("sweep", -5000, "other", at=f"{day} 23:00:00"), day=day)
    assert close(shop, day) == {"outcome": "open", "detail": "7"}, "nobody matched"
    match(shop)
    items = shop.call("billing.close_items", day)
    assert sorted(int(i["amount_minor"]) for i in items) == [-700, -30, 0, 100]
    figures = shop.row("select difference, explained from billing.close_rails(%s)", day)
    assert figures == {"difference": -630, "explained": -630}
    for n, item in enumerate(items):
        assert close(shop, day) == {"outcome": "open", "detail": str(4 - n)}
        assert explain(shop, item["item"], who="nobody")["outcome"] == "who"
        assert explain(shop, item["item"])["outcome"] == "ok" and explain(shop, item["item"])["outcome"] == "nothing_open"
    assert close(shop, day)["outcome"] == "ok"
    kept = shop.value("select items from billing.money_close")
    assert len(kept) == 4 and all(k["explanation"] == "seen at the back office" and not k["is_open"] for k in kept)
    assert shop.value("select count(*) from ops.audit where kind = 'statement.explained' and actor = 'awa'") == 4
    assert explain(shop, "x")["outcome"] == explain(shop, 99999)["outcome"] == explain(shop, "m99")["outcome"] == "nothing_open"


def test_midnight_explains_itself(shop):
    """Paid before it at the rail, learnt after it by us: two days whose differences make up for each other."""
    day = today(shop)
    shop.rows("update ops.clock set shift = shift + interval '11 hours 59 minutes 50 seconds'")
    shop.start(shop.dial())
    shop.event(shop.claim_one(), "accepted")
    shop.rows("update ops.clock set shift = shift + interval '1 minute'")
    shop.event(shop.claim_one(), "success", "T9")
    noon(shop)
    bring(shop, line("T9", at=f"{day} 23:59:58"), day=day, to=day + timedelta(days=1))
    match(shop)
    for d, amount in ((day, -100), (day + timedelta(days=1), 100)):
        assert shop.row("select difference, explained from billing.close_rails(%s)", d) == {"difference": amount, "explained": amount}
        assert [i["is_open"] for i in shop.call("billing.close_items", d)] == [False]
        assert close(shop, d)["outcome"] == "ok"


def test_what_is_told_of_a_closed_day_stands_in_the_next(shop):
    day = today(shop)
    shop.buy(shop.dial())
    charge = shop.value("select max(id) from billing.charge")
    noon(shop)
    bring(shop, line(txn(shop, charge), at=f"{day} 12:10:00"), day=day)
    match(shop)
    assert close(shop, day)["outcome"] == "ok"
    bring(shop, line("late", at=f"{day} 20:00:00"), day=day, to=day + timedelta(days=1))
    match(shop)
    noon(shop)
    bring(shop, day=day + timedelta(days=1))
    assert close(shop, day + timedelta(days=1)) == {"outcome": "open", "detail": "1"}
    assert explain(shop, shop.value("select id from billing.statement_line where rail_txn_id = 'late'"))["outcome"] == "ok"
    assert close(shop, day + timedelta(days=1))["outcome"] == "ok"


def test_a_day_waits_for_the_statement_of_each_rail_that_had_money(shop):
    day = today(shop)
    shop.buy(shop.dial())
    noon(shop)
    assert close(shop, day) == {"outcome": "no_statement", "detail": "mtn_momo"}
    bring(shop, day=day - timedelta(days=5), rail="wave")
    bring(shop, day=day)
    assert close(shop, day) == {"outcome": "no_statement", "detail": "wave"}, "which told of this month"


def test_what_has_not_ended_is_shown_and_counted(shop):
    desk.review(shop, shop.dial("+2250501020305"), 90)
    shop.start(shop.dial())
    shop.event(shop.claim_one(), "unknown")
    figures = {r["labels"]: r["value"] for r in shop.call("billing.money_figures") if r["figure"] == "charges"}
    assert figures['rail="mtn_momo",state="unknown"'] == 1 and figures['rail="mtn_momo",state="review"'] == 1 and sum(figures.values()) == 2
    shown = {(r["section"], r["name"]): r["n"] for r in shop.call("billing.close_figures", today(shop))}
    assert shown[("not ended", "mtn_momo UNKNOWN")] == "1" and shown[("not ended", "mtn_momo REVIEW")] == "1"


def test_nothing_shown_has_a_number(shop):
    shop.buy(shop.dial())
    bring(shop, line("a", ref="2250501020304"), line("b", ref="+221770000001"))
    match(shop)
    text = str(shop.rows("select * from billing.statement_line")) + str(shop.call("billing.statement_open", None, 9)) + str(
        shop.call("billing.statement_list", 9)) + str(shop.rows("select * from ops.audit"))
    assert "0501020304" not in text and "770000001" not in text
