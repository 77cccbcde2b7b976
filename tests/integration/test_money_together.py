# SPDX-License-Identifier: Apache-2.0
"""Many payments at one rail. Answers that are recorded together (charge_record.c): none keeps another waiting, none is lost with
another. Fewer places than payments (billing.rail.places): each that is free again is taken."""
import psycopg2
import pytest

from database import sql
from support import wait_until


@pytest.fixture
def tills(mtn_shop):
    """Three readers whose payments wait at the rail."""
    first = mtn_shop.till()
    three = [first, first.another(), first.another()]
    for till in three:
        till.behave("pending")
        till.charge_id = till.start()
        till.drive(till.charge_id, "PENDING")
    return three


@pytest.fixture
def lock(migrated_db):
    """A transaction that holds what it is told to, until the test lets go."""
    conn = psycopg2.connect(migrated_db)
    yield conn
    conn.close()


def crowd(till, count):
    """So many readers behind one phone, each with a payment that is due to be sent: their charges."""
    till.reader()
    till.behave("pending")
    kept = till.start()
    return [kept] + [r["id"] for r in till.sql(
        "with u as (insert into auth.users (country, lang, created_at) select u.country, u.lang, u.created_at from auth.users u,"
        " generate_series(2, %s) where u.id = %s returning id) insert into billing.charge (user_id, identity_id, plan_id, price_id, period_no,"
        " rail, amount_minor, currency, channel, consent, state, created_at, due_at) select u.id, c.identity_id, c.plan_id, c.price_id,"
        " c.period_no, c.rail, c.amount_minor, c.currency, c.channel, c.consent, 'READY', c.created_at, c.created_at from u, billing.charge c"
        " where c.id = %s returning id", count, till.user, kept)]


def full_house(till, count):
    """A crowd whose payments wait at the rail: their charges."""
    till.fault("callback", "drop", count)
    made = crowd(till, count)

    def all_wait():
        till.nudge(made[0])
        return till.value("select count(*) from billing.charge where id = any(%s) and state = 'PENDING' and claimed_by is null", made) == count
    wait_until(all_wait, "all to wait at the rail", 60)
    return made


def approve(tills):
    """The rail's callback, or the next question, finds them paid."""
    for till in tills:
        till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})


def all_paid_once(tills):
    for till in tills:
        till.drive(till.charge_id, "SUCCEEDED")
        till.paid_once(till.charge_id)


def said(till, event):
    return [line for line in till.daemon.log_lines() if line["event"] == event]


def test_a_reader_who_is_busy_keeps_no_other_payment_waiting(tills, lock):
    busy, *others = tills
    lock.cursor().execute("select 1 from auth.users where id = %s for no key update", (busy.user,))
    approve(tills)
    wait_until(lambda: busy.nudge(busy.charge_id) or said(busy, "charge event not recorded"), "a record that waits for her", 60)
    for till in others:
        till.drive(till.charge_id, "SUCCEEDED")
    assert busy.state(busy.charge_id) == "PENDING"
    lock.rollback()
    all_paid_once(tills)


def test_a_batch_whose_connection_dies_is_recorded_one_by_one(tills, lock):
    first = tills[0]
    lock.cursor().execute("lock table messaging.message in exclusive mode")
    approve(tills)
    batch = wait_until(lambda: first.nudge(first.charge_id) or first.sql(
        "select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%%rail_answers%%false%%'"), "a batch that waits")
    first.sql("select pg_terminate_backend(%s)", batch[0]["pid"])
    wait_until(lambda: said(first, "charge events not recorded together"), "the batch to be given up")
    lock.rollback()
    all_paid_once(tills)


def test_a_batch_that_was_recorded_and_not_answered_changes_nothing_twice(tills, lock):
    """Its answer is late: each of its payments is recorded alone, and found done."""
    first = tills[0]
    lock.cursor().execute("lock table messaging.message in exclusive mode")
    approve(tills)
    wait_until(lambda: first.nudge(first.charge_id) or first.sql(
        "select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%%rail_answers%%false%%'"), "a batch that waits")
    wait_until(lambda: said(first, "charge events not recorded together"), "its limit of five seconds", 60)
    lock.rollback()
    all_paid_once(tills)


@pytest.fixture
def slow_receipts(migrated_db):
    """Each takes a tenth of a second: answers come faster than a batch of them is recorded."""
    sql(migrated_db, "create function messaging.test_slow() returns trigger language plpgsql as 'begin perform pg_sleep(0.1); return new; end';"
                     " create trigger test_slow before insert on messaging.message for each row execute function messaging.test_slow()")
    yield
    sql(migrated_db, "drop function messaging.test_slow() cascade")


def test_two_batches_are_on_their_way_and_one_that_dies_takes_nothing_of_the_other(mtn_shop, slow_receipts):
    till = mtn_shop.till()
    made = full_house(till, 64)
    for row in till.sql("select our_ref from billing.charge where id = any(%s)", made):
        till.mtn.control("POST", "/lab/approve", {"reference": str(row["our_ref"])})
    till.sql("update billing.charge set due_at = ops.now() where id = any(%s) and claimed_by is null", made)
    till.wake()

    def two():
        found = till.sql("select pid from pg_stat_activity where state = 'active' and query like '%%rail_answers%%false%%'"
                         " and datname = current_database() and pid <> pg_backend_pid() order by query_start desc")
        return found if len(found) == 2 else None
    one, _ = wait_until(two, "two batches on their way", 30)
    till.sql("select pg_terminate_backend(%s)", one["pid"])
    wait_until(lambda: said(till, "charge events not recorded together"), "one of them to be given up")

    def all_paid():
        till.sql("update billing.charge set due_at = ops.now() where id = any(%s) and due_at > ops.now() and claimed_by is null", made)
        till.wake()
        return till.value("select count(*) from billing.charge where id = any(%s) and state = 'SUCCEEDED'", made) == len(made)
    wait_until(all_paid, lambda: f"all to be paid: {till.sql('select state, count(*) from billing.charge group by 1')}", 60)
    once = till.sql("select (select count(*) from billing.entitlement e where e.charge_id = c.id) as passes, (select count(*) from billing.ledger_txn t"
                    " where t.charge_id = c.id) as sales, (select count(*) from messaging.message m where m.dedupe like 'charge:' || c.id || ':receipt:%%')"
                    " as receipts from billing.charge c where c.id = any(%s)", made)
    assert [(r["passes"], r["sales"], r["receipts"]) for r in once] == [(1, 1, 1)] * len(made)
    assert sorted(d["reference"] for d in till.debits()) == sorted(
        str(r["our_ref"]) for r in till.sql("select our_ref from billing.charge where id = any(%s)", made))
    assert till.ledger_sum() == 0


@pytest.fixture
def one_place(migrated_db):
    """The rail is asked for one payment at a time; each that is sent wakes the workers, as a reader who confirms another does."""
    sql(migrated_db, "update billing.rail set places = 1;"
                     " create function billing.test_wake() returns trigger language plpgsql as 'begin notify coko_charge; return new; end';"
                     " create trigger test_wake after insert on billing.attempt for each row execute function billing.test_wake()")
    yield
    sql(migrated_db, "drop function billing.test_wake() cascade; update billing.rail set places = default")


def test_a_claim_that_found_no_free_place_is_not_the_last_before_the_next_poll(mtn_shop, one_place):
    """While a payment is being sent, a claim finds its place taken. The worker then waited for its poll, a second away, though it
    sees itself when the place is free: a busy rail stood at a tenth of its pace."""
    till = mtn_shop.till()
    till.fault("pay", "delay", 30, delay_ms=60)
    made = crowd(till, 30)
    till.wake()

    def sent():
        return till.value("select count(*) from billing.charge where id = any(%s) and state = 'PENDING'", made) == len(made)
    wait_until(sent, lambda: f"all to be sent: {till.sql('select state, count(*) from billing.charge group by 1')}", 120)
    gaps = [r["gap"] for r in till.sql("select extract(epoch from sent_at - lag(sent_at) over (order by sent_at))::float as gap"
                                       " from billing.attempt where charge_id = any(%s) offset 1", made)]
    assert sum(gap < 0.5 for gap in gaps) > len(gaps) / 2, f"most of them waited for a poll: {gaps}"


@pytest.fixture
def eight_places(migrated_db):
    sql(migrated_db, "update billing.rail set places = 8")
    yield
    sql(migrated_db, "update billing.rail set places = default")


def test_a_rail_of_few_places_does_not_wait_for_its_second_behind_one_slow_answer(mtn_shop, eight_places):
    """The next claim came with the step's number of ends, or the last one: seven places of eight stood empty most of each second."""
    till = mtn_shop.till()
    till.fault("pay", "delay", 1, delay_ms=10000)
    made = crowd(till, 40)
    till.wake()
    wait_until(lambda: till.value("select count(*) from billing.charge where id = any(%s) and state = 'PENDING'", made) >= 39, "all but one to be sent", 60)
    took = till.value("select extract(epoch from max(sent_at) - min(sent_at))::float from billing.attempt where charge_id = any(%s)", made)
    assert took < 3, f"seven a second: {took}"
