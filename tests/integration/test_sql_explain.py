# SPDX-License-Identifier: Apache-2.0
"""No statement walks a hot table: not on an empty database, not on a large one.

Two databases: just migrated, and filled (200,000 rows a hot table; 1,000,000 when COKO_LONG is set). Plans are generic,
as on the daemon's connections. Reads are explained; functions run under auto_explain, which shows the plan of every
statement inside them. A fault is a sequential scan of a hot table, or an index walked without a condition (a
primary-key walk), but for the few of WALKS.
"""
import json
import os
import subprocess

import psycopg2
import pytest

import sqltest
from sqlfixtures import *  # noqa: F401,F403
from sqlworld import World, book_json
from support import COKO

ROWS = 1_000_000 if os.environ.get("COKO_LONG") else 100_000
HOT = {"users", "identity", "otp_request", "session", "consent", "book", "part", "book_category", "book_author", "position", "charge",
       "attempt", "entitlement", "ledger_txn", "ledger_entry", "inbox", "message", "usage", "inbound", "step_effect", "job", "audit",
       "interaction", "esme_message", "esme_receipt", "esme_multi", "esme_text", "voucher",
       "voucher_try", "book_right", "family_member", "trial", "recovery_code", "number_move", "statement_line", "paper_due"}
# Indexes that may be walked whole: a list in its own order, cut by LIMIT; partial ones that hold only what is in flight; the rails.
WALKS = {"book_new_all", "message_sending", "message_unrouted", "message_esme_queued", "rail_pkey", "paper_due_pkey", "number_move_open"}

FILL = """
set session_replication_role = replica;
insert into auth.users (lang, country, created_at)
    select 'fr', 'CI', now() from generate_series(1, %(n)s);
insert into auth.identity (user_id, lookup, sealed, key_id, country, network, last_seen_at, created_at)
    select i, sha256(i::text::bytea), 's', 1, 'CI', 'mtn', now(), now() from generate_series(1, %(n)s) i;
insert into catalog.category (slug) select 'c' || i from generate_series(1, 30) i;
insert into catalog.book (slug, code, title, language, published_at, created_at, updated_at, parts, content_hash, search, popularity)
    select 'b' || i, i + 50000, 'Titre ' || i, case when i %% 5 = 0 then 'en' else 'fr' end, now() - i * interval '1 minute', now(), now(), 5, '',
           to_tsvector('simple', 'titre ' || i || ' mot' || i %% 997), (i * 7919) %% 10007 from generate_series(1, %(n)s / 10) i;
insert into catalog.part (book_id, no, title, body, chars, ends, septets)
    select b.id, n, 'P', repeat('Une phrase. ', 100), 1200, array(select g * 12 from generate_series(1, 100) g),
           array(select g * 12 from generate_series(1, 100) g) from catalog.book b, generate_series(1, 5) n;
insert into catalog.author (slug, name) select 'a' || i, 'Auteur ' || i from generate_series(1, 1000) i;
insert into catalog.book_author (book_id, author_id) select b.id, 1 + b.id %% 1000 from catalog.book b;
insert into catalog.book_category (book_id, category_id, language, published_at)
    select b.id, (select min(id) from catalog.category) + b.id %% 30, b.language, b.published_at from catalog.book b;
insert into catalog.category_count (category_id, lang, books) select category_id, language, count(*) from catalog.book_category group by 1, 2;
insert into reading.position (user_id, book_id, part, at, source, updated_at)
    select i, 1000001 + i %% (%(n)s / 10), 1, 0, 'ussd', now() - i * interval '1 second' from generate_series(1, %(n)s) i;
insert into recommendation.interaction (user_id, book_id, kind, source, at)
    select i, 1000001 + i %% (%(n)s / 10), 'read_start', 'ussd', now() - i * interval '1 minute' from generate_series(1, %(n)s) i;
insert into billing.charge (user_id, identity_id, plan_id, price_id, period_no, rail, amount_minor, currency, channel, consent, state,
                            settlement, rail_txn, created_at, due_at)
    select i, i, (select id from billing.plan where code = 'day'), 1, 1, 'mtn_momo', 100, 'XOF', 'ussd', 'c',
           case when i %% 50 = 0 then 'PENDING' else 'SUCCEEDED' end, case when i %% 50 = 0 then null else 'granted' end,
           case when i %% 50 = 0 then null else 't' || i end, now() - interval '1 hour',
           case when i %% 50 = 0 then now() + i * interval '1 second' - interval '1000 seconds' end from generate_series(1, %(n)s) i;
insert into billing.attempt (charge_id, n, sent_at, owner, epoch) select id, 1, now(), 'w', 1 from billing.charge;
insert into billing.entitlement (user_id, plan_id, charge_id, starts_at, ends_at, anchor_day, created_at)
    select user_id, plan_id, id, now() - interval '1 hour', now() + interval '1 day', 1, now() from billing.charge where settlement = 'granted';
update billing.entitlement set remind_at = now() + id * interval '1 second' - interval '100 seconds', remind_place = case when id %% 2 = 0 then now() + id * interval '1 second' - interval '100 seconds' end;
insert into billing.voucher_batch (plan_id, expires_at, made_by, made_at) select id, now() + interval '1 year', 'x', now() from billing.plan where code = 'day';
insert into billing.voucher (code_mac, batch_id) select sha256(i::text::bytea), (select max(id) from billing.voucher_batch) from generate_series(1, %(n)s) i;
insert into billing.voucher_try (identity_id, at) select i, now() from generate_series(1, %(n)s) i;
insert into billing.trial (lookup, user_id, plan_id, consent, channel, at)
    select sha256(i::text::bytea), i, (select id from billing.plan where code = 'trial'), 'c', 'ussd', now() from generate_series(1, %(n)s) i where i %% 7 = 0;
insert into auth.recovery_code (identity_id, code_mac, made_at, wanted_at)
    select i, sha256(('code ' || i)::bytea), now(), case when i %% 100 = 0 then now() end from generate_series(1, %(n)s) i;
insert into auth.number_move (kind, state, old_identity, new_identity, user_id, asked_by, asked_at, due_at, ended_at)
    select 'desk', case when i %% 100 = 0 then 'waits' else 'done' end, i, i + 1, i, 'awa', now(), now() + i * interval '1 second' - interval '500 seconds',
           case when i %% 100 <> 0 then now() end from generate_series(1, %(n)s - 1) i;
insert into billing.book_right (user_id, book_id, charge_id, at)
    select user_id, 1000001 + user_id %% (%(n)s / 10), id, now() from billing.charge where settlement = 'granted';
insert into billing.plan (code, names, period_unit, members) values ('many', '{}', 'month', 20);
update billing.entitlement set plan_id = (select id from billing.plan where code = 'many') where user_id %% 50 = 1;
delete from billing.entitlement where user_id %% 50 between 2 and 19 and user_id %% 3 = 0;
insert into billing.family_member (host_id, seat, user_id, identity_id, mark, state, invited_at, joined_at, consent, channel)
    select i - i %% 50 + 1, 1 + i %% 50, i, i, '06', case when i %% 3 = 0 then 'member' else 'invited' end, now(), case when i %% 3 = 0 then now() end,
           case when i %% 3 = 0 then 'c' end, case when i %% 3 = 0 then 'ussd' end from generate_series(1, %(n)s) i where i %% 50 between 2 and 19;
insert into billing.ledger_txn (kind, charge_id, user_id, at) select 'sale', id, user_id, now() from billing.charge where settlement = 'granted';
insert into billing.ledger_entry (txn_id, account, amount_minor, currency)
    select id, a, m, 'XOF' from billing.ledger_txn, (values ('clearing', 100), ('revenue', -100)) v(a, m);
insert into billing.refund (charge_id, amount_minor, currency, reason, state, requested_by, requested_at, decided_by, decided_at)
    select min(id), 100, 'XOF', 'r', 'REFUNDED', 'awa', now(), 'binta', now() from billing.charge where settlement is null;
insert into billing.paper_due (refund_id) select id from billing.refund;
insert into billing.paper_due (charge_id, country, tva_permille) select id, 'CI', 180 from billing.charge where settlement = 'granted';
insert into billing.statement (rail, sha256, from_at, to_at, lines, imported_by, imported_at)
    select 'mtn_momo', sha256('s'), now() - interval '1 day', now(), 1, 'x', now();
insert into billing.statement_line (statement_id, line_no, rail, rail_txn_id, kind, gross_minor, fee_minor, withholding_minor, currency, at, state)
    select 1, i, 'mtn_momo', 't' || i, 'payment', 100, 2, 0, 'XOF', now() - i * interval '1 minute', case when i %% 100 = 1 then 'open' else 'matched' end
    from generate_series(1, %(n)s) i;
insert into billing.inbox (rail, dedupe_key, headers_sealed, body_sealed, verified, received_at)
    select 'mtn_momo', i::text::bytea, 'h', 'b', true, now() from generate_series(1, %(n)s) i;
insert into messaging.message (account, identity_id, user_id, kind, priority, state, body, lang, due_at, expires_at, created_at, parts, sent_at,
                               book_id, from_part, from_at, to_part, to_at)
    select 'lab', i, i, case when i %% 2 = 0 then 'instalment' else 'receipt' end, case when i %% 2 = 0 then 3 else 1 end,
           case i %% 100 when 0 then 'queued' when 1 then 'queued' when 2 then 'sending' else 'delivered' end, 'text', 'fr',
           now() - interval '1 hour', now() + interval '1 day', now(), 1, now(), 1000001 + i %% (%(n)s / 10), 1, 0, 1, 100
    from generate_series(1, %(n)s) i;
insert into messaging.part (account, ref, message_id, no, state, at)
    select 'lab', 'r' || id, id, 1, 'delivered', now() from messaging.message where state = 'delivered';
insert into messaging.part (account, ref, state, at, lookup, alt)
    select 'lab', 'o' || i, 'delivered', now(), sha256(i::text::bytea), '{}' from generate_series(1, 1000) i;
insert into messaging.esme_message (message_id, esme, source, source_kind, plain, udhi, registered)
    select id, 'shop', 'SHOP', 'alphanumeric', true, false, 1 from messaging.message where id %% 2 = 1;
insert into messaging.esme_receipt (message_id, esme, state, parts, delivered, holder, due_at, created_at)
    select message_id, 'e' || message_id %% 50, 'delivered', 1, 1, case when message_id %% 1001 = 0 then 'esme:a' end, now(), now()
    from messaging.esme_message;
insert into messaging.esme_multi (message_id, multi)
    select message_id, message_id - message_id %% 100 + 1 from messaging.esme_message where message_id %% 10 = 1;
insert into messaging.esme_text (esme, dedupe, pdu_sealed, holder, due_at, created_at)
    select 'e' || i %% 50, i::text::bytea, 'p', case when i %% 1001 = 0 then 'esme:a' end, now(), now() from generate_series(1, %(n)s) i;
insert into messaging.usage (user_id, day, segments) select i, current_date, 3 from generate_series(1, %(n)s) i;
insert into messaging.inbound (account, dedupe, identity_id, action, outcome, received_at)
    select 'lab', i::text::bytea, i, 'next', 'queued', now() from generate_series(1, %(n)s) i;
insert into auth.otp_request (identity_id, otp_hash, created_at, expires_at) select i, 'h', now(), now() from generate_series(1, %(n)s) i;
insert into auth.session (user_id, refresh_hash, created_at, last_seen_at, expires_at)
    select i, sha256(i::text::bytea), now(), now(), now() from generate_series(1, %(n)s) i;
insert into auth.consent (identity_id, granted, at) select i, true, now() from generate_series(1, %(n)s) i;
insert into ops.step_effect (step_key, action, result, created_at) select 'k' || i, 'a', '{}', now() from generate_series(1, %(n)s) i;
insert into ops.job (queue, kind, state, run_at, created_at, finished_at)
    select 'q', 'k', case when i %% 20 = 0 then 'ready' else 'done' end, now() + i * interval '1 second' - interval '500 seconds', now(),
           case when i %% 20 <> 0 then now() end from generate_series(1, %(n)s) i;
insert into ops.audit (at, actor, kind, subject) select now(), 'a', 'k', 's' || i from generate_series(1, %(n)s) i;
analyze;
"""

READS = [
    ("select * from catalog.categories($1)", ("fr",)),
    ("select * from catalog.books_new($1, $2)", ("fr", 20)),
    ("select * from catalog.books_popular($1, $2)", ("fr", 20)),
    ("select * from catalog.books_in($1, $2, $3)", (1, "fr", 20)),
    ("select * from catalog.search($1, $2, $3)", ("mot5", "fr", 20)),
    ("select * from catalog.book_card($1, $2, $3)", (5, "50005", "fr")),
    ("select * from reading.slice($1, $2, $3, $4, $5)", (5, 1000001, 1, 0, 200)),
    ("select * from reading.continue($1)", (5,)),
    ("select * from billing.offers($1, $2)", (5, "fr")),
    ("select * from billing.my_charges($1, $2, $3, $4)", (5, "fr", 2**62, 20)),
    ("select * from messaging.cancelled($1)", ("lab",)),
    ("select * from messaging.esme_query($1, $2)", ("shop", 5)),
    ("select * from messaging.outbox_unknown($1, $2, $3)", ("", "1 hour", 100)),
    ("select * from messaging.deliveries($1, $2, $3)", (5, 2**62, 20)),
]


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def faults(plan, where):
    """What a plan must not have, as text."""
    found = []
    for node in nodes(plan):
        kind, table, index = node["Node Type"], node.get("Relation Name", ""), node.get("Index Name", "")
        table = "audit" if table.startswith("audit_") else table
        if kind == "Seq Scan" and table in HOT:
            found.append(f"{where}: sequential scan of {table}")
        if kind in ("Index Scan", "Index Only Scan", "Bitmap Index Scan") and "Index Cond" not in node and index not in WALKS \
                and (table in HOT or kind == "Bitmap Index Scan"):
            found.append(f"{where}: whole walk of {index}")
    return found


def explain(conn, statement, params):
    """The generic plan of a statement; params decide nothing but their number."""
    with conn.cursor() as cur:
        cur.execute("set plan_cache_mode = force_generic_plan")
        cur.execute("deallocate all")
        cur.execute("prepare q as " + statement)
        marks = ", ".join(["%s"] * len(params))
        cur.execute("explain (format json) execute q" + (f"({marks})" if params else ""), params or None)
        return cur.fetchone()[0][0]["Plan"]


@pytest.fixture(scope="module", params=["empty", "large"])
def plans(request, sql_server):
    world = World(sql_server.database(request.param))
    if request.param == "large":
        for statement in (FILL % {"n": ROWS}).split(";\n"):
            if statement.strip():
                world.rows(statement)
    yield world
    world.close()


@pytest.mark.parametrize("statement, params", READS, ids=[r[0].split("from ")[1].split("(")[0] for r in READS])
def test_reads(plans, statement, params):
    assert faults(explain(plans.conn, statement, params), statement) == []


def test_reads_are_inlined(plans):
    """A list function leaves no Function Scan: it was planned with its caller."""
    for statement, params in READS:
        assert all(n["Node Type"] != "Function Scan" or n["Function Name"] == "regexp_matches"
                   for n in nodes(explain(plans.conn, statement, params))), statement


def traced(world, statement, params=None, batch=False):
    """Runs a statement and gives back the plans of everything inside it; nothing stays.

    On the empty database some find nothing to work on and fail on a foreign key: what ran until then is judged."""
    conn = psycopg2.connect(world.url)
    try:
        with conn.cursor() as cur:
            cur.execute("set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;"
                        " set auto_explain.log_format = json; set auto_explain.log_level = notice; set plan_cache_mode = force_generic_plan;"
                        + ("set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off" if batch else ""))
            conn.notices = Notices()
            cur.execute(statement, params)
    except psycopg2.IntegrityError:
        assert world.value("select count(*) from auth.users") == 0
    finally:
        conn.rollback()
        conn.close()
    return list(conn.notices.plans())


class Notices:
    """Every notice of a connection. Of a list psycopg2 keeps the last 50, of a heir of list too."""

    def __init__(self):
        self.all = []
        self.append = self.all.append

    def plans(self):
        for notice in self.all:
            if "plan:" in notice:
                plan = json.loads(notice[notice.index("{"):notice.rindex("}") + 1])
                yield plan["Query Text"], plan["Plan"]


CALLS = {
    "dial": "select * from auth.dial(sha256('5'), 's', 1, 'CI', 'mtn', '')",
    "welcomed": "select * from auth.welcomed(5)",
    "dial_new": "select * from auth.dial_in(sha256('new'), 's', 1, 'CI', 'mtn', '', 'eng')",
    "set_language": "select * from auth.set_language(5, 'en')",
    "stop": "select * from auth.stop(6, 's1')",
    "pause": "select * from auth.pause_by(10, 's2', 'ussd')",
    "schedule": "select * from messaging.set_schedule(9, 9, 'both', 's4', 'ussd')",
    "run_schedule": "select messaging.run_schedule(10)",
    "repeat": "select * from messaging.repeat_instalment(8, 8, 's3')",
    "request_otp": "select * from auth.request_otp(sha256('7'), 's', 1, 'CI', 'mtn', 'h', 'b', 'ip')",
    "verify_otp": "select * from auth.verify_otp((select public_id from auth.otp_request where id = 8), sha256('8'), 'h', 'r', 'ua')",
    "may_read": "select billing.may_read(5, 1000001, 3, null)",
    "my_pass": "select * from billing.my_pass(5, 'fr')",
    "start_charge": "select * from billing.start_charge(49, 49, (select id from billing.plan where code = 'month'), (select max(id) from billing.price where country = 'CI'), 's', 'c', 'ussd')",
    "price_of": "select billing.price_of(49, (select id from billing.plan where code = 'day'))",
    "taken_over": "select * from billing.taken_over(49, (select id from billing.plan where code = 'month'))",
    "redeem": "select * from billing.redeem(49, 49, '{}', 's', 'ussd')",
    "number_redeem": "select * from auth.number_redeem(49, array[sha256('code 51')], 's')",
    "number_shift": "select auth.number_shift(51, 49)",
    "recovery_ask": "select * from auth.recovery_ask(49, 's')",
    "recovery_wanted": "select * from auth.recovery_wanted(10)",
    "run_moves": "select auth.run_moves(10)",
    "renewal": "select * from billing.renew(49, 49, 'sms')",
    "cancel_renewal": "select * from billing.cancel_renewal(49, 49, 's', 'ussd')",
    "trial": "select * from billing.start_trial(49, 49, 'c', 's', 'ussd')",
    "book_offer": "select * from billing.book_offer(49, 1000003)",
    "buy_book": "select * from billing.buy_book(49, 49, 1000003, 1, 's', 'c', 'ussd')",
    "gift_to": "select * from billing.gift_to(49, jsonb_build_object('lookup', encode(sha256('51'), 'hex'), 'sealed', '00', 'key_id', 1, 'country', 'CI', 'network', 'mtn', 'mark', '51'))",
    "gift": "select * from billing.start_charge(51, 49, (select id from billing.plan where code = 'month'), (select max(id) from billing.price where country = 'CI'), 'g', 'c', 'ussd')",
    "pass_of_a_member": "select billing.pass_of(54, now())",
    "may_read_of_a_member": "select billing.may_read(54, 1000001, 3, null)",
    "in_grace": "select * from billing.in_grace(54, now())",
    "pass_until": "select billing.pass_until(54, now())",
    "my_pass_of_a_member": "select * from billing.my_pass(54, 'fr')",
    "part_done": "select reading.part_done(54, 1000001, 1, 2, 0)",
    "family_invite": "select * from billing.family_invite(51, 51, jsonb_build_object('lookup', encode(sha256('99'), 'hex'), 'sealed', '00', 'key_id', 1, 'country', 'CI', 'network', 'mtn', 'mark', '99'), 's', 'rest')",
    "family_join": "select * from billing.family_join(52, 52, (select id from billing.family_member where user_id = 52), 'c', 's', 'rest')",
    "family_end": "select * from billing.family_end(51, (select id from billing.family_member where user_id = 57), 's', 'rest')",
    "family_list": "select * from billing.family_list(51, 'fr')",
    "family_asked": "select * from billing.family_asked(52, 'fr')",
    "family_role": "select * from billing.family_role(51)",
    "family_move": "select billing.family_move(52, 1)",
    "family_recycle": "select billing.family_recycle(54)",
    "family_word": "select * from billing.family_word(52, 52, true)",
    "wallets": "select * from billing.wallets(49)",
    "choose_wallet": "select * from billing.choose_wallet(49, 49, 'mtn_momo')",
    "run_reminders": "select billing.run_reminders(10)",
    "number_papers": "select billing.number_papers(10)",
    "pass_word": "select * from billing.keyword_do(49, 49, 'status', null)",
    "stuck": "select billing.is_stuck(50)",
    "success": "select * from billing.rail_answers((select jsonb_agg(jsonb_build_object('charge', c.id, 'version', 1, 'event', 'success', 'txn', 'tx' || c.id,"
               " 'amount', 100, 'currency', 'XOF')) from (select id from billing.charge where state = 'PENDING' order by id limit 32) c), false)",
    "claim_rail_work": "select * from billing.claim_rail_work('w', 1, 10)",
    "claim_code": "select * from billing.claim_code('w', 50, 's')",
    "claim_refunds": "select * from billing.claim_refunds('w', 10)",
    "claim_mandates": "select * from billing.claim_mandates('w', 10)",
    "rail_answer": "select * from billing.rail_answers((select jsonb_build_array(jsonb_build_object('charge', min(id), 'version', 1, 'event', 'pending', 'rail_ref', 'r',"
                   " 'link', 'https://l', 'link_sealed', '00', 'memo_sealed', '00', 'callback_mac', '00', 'expires_s', 60)) from billing.charge where state = 'PENDING'), true)",
    "rail_answers": "select * from billing.rail_answers((select jsonb_agg(jsonb_build_object('charge', c.id, 'version', 1, 'event', 'pending', 'http', 200,"
                    " 'reason', '', 'next_poll_s', 0, 'expires_s', 0)) from (select id from billing.charge where state = 'PENDING' order by id limit 32) c), false)",
    "inbox_store": "select * from billing.inbox_store('mtn_momo', 'new', 'h', 'b', false, '0d7d4bca-3f0e-4f6d-9d6d-1d1f0a2b3c4d', 's')",
    "inbox_store_own": "select * from billing.inbox_store('mtn_momo', 'new', 'h', 'b', false, 'cos-1', null)",
    "inbox_put": "select * from billing.inbox_put('mtn_momo', 'new', 'h', 'b', false, '0d7d4bca-3f0e-4f6d-9d6d-1d1f0a2b3c4d')",
    "inbox_match": "select billing.inbox_match(10)",
    "statement_match": "select * from billing.statement_match(0, 20, null, 'x')",
    "supersede": "select * from billing.supersede_charge(50, 's')",
    "enqueue": "select * from messaging.enqueue(5, 'receipt', 'fr', 'help', '{}', 'd')",
    "instalment": "select * from messaging.enqueue_instalment(7, 7, 1000003, 's')",
    "claim": "select * from messaging.claim('lab', 'w', 1, 50)",
    "record": "select * from messaging.record('lab', 1, '[{\"m\": 2, \"no\": 1, \"of\": 1, \"ref\": \"new\", \"status\": \"accepted\"}, {\"m\": 102, \"no\": 1, \"of\": 1, \"status\": \"retry\"}]')",
    "receipts": "select * from messaging.receipts('lab', '[{\"ref\": \"r5\", \"state\": \"DELIVRD\"}, {\"ref\": \"zz\", \"alt\": [\"r6\", \"zzz\"], \"state\": \"DELIVRD\"}]')",
    "pause_failing": "select messaging.pause_failing('{5, 6}')",
    "my_deliveries": "select * from messaging.my_deliveries(5, 'fr')",
    "match_orphans": "select messaging.match_orphans('lab', 10)",
    "named": "select * from messaging.receipts('lab', '[{\"ref\": \"zy\", \"state\": \"DELIVRD\", \"own\": 7, \"number_lookup\": \"00ff\"}]')",
    "settle_unknown": "select * from messaging.settle_unknown('lab', 10)",
    "recover": "select * from messaging.take_over('lab', 1, true)",
    "sender_of": "select * from messaging.sender_of('lab', 7)",
    "reroute": "select messaging.reroute('lab', 'lab', 10)",
    "inbound": "select * from messaging.inbound('lab', sha256('9'), 's', 1, 'CI', 'mtn', 'SUITE', '', 'fr', 'new')",
    "bind_report": "select * from messaging.bind_report('[]')",
    "outbox_decide": "select * from messaging.outbox_decide('w', 'requeue', '{2, 102}')",
    "submit": "select * from messaging.submit('shop', '{CI}', ('[{\"n\": 0, \"dedupe\": \"d0\", \"lookup\": \"' || repeat('ab', 32) || '\", \"sealed\": \"00\","
              " \"key_id\": 1, \"country\": \"CI\", \"network\": \"+2250501\", \"body\": \"00\", \"source\": \"\", \"source_kind\": \"\", \"plain\": true,"
              " \"udhi\": false, \"parts\": 1, \"priority\": 2, \"due_s\": 0, \"validity_s\": 60, \"registered\": 1}]')::jsonb)",
    "submit_multi": "select * from messaging.submit('shop', '{}', ('[{\"n\": 0, \"multi\": 1, \"dedupe\": \"d1\", \"lookup\": \"' || repeat('ac', 32)"
                    " || '\", \"sealed\": \"00\", \"key_id\": 1, \"country\": \"CI\", \"network\": \"+2250501\", \"body\": \"00\", \"source\": \"\","
                    " \"source_kind\": \"\", \"plain\": true, \"udhi\": false, \"parts\": 1, \"priority\": 2, \"due_s\": 0, \"validity_s\": 60,"
                    " \"registered\": 1}]')::jsonb)",
    "wire_of": "select * from messaging.wire_of('lab', 7, 'esme')",
    "esme_cancel": "select messaging.esme_cancel('shop', 101)",
    "esme_replace": "select messaging.esme_replace('shop', 101, 'x', 1, null, null, 1)",
    "esme_take": "select * from messaging.esme_take('e5', 'esme:a', 10)",
    "esme_answered": "select messaging.esme_answered('[{\"id\": 5, \"answer\": \"done\"}, {\"id\": 6, \"answer\": \"lost\"}]')",
    "esme_release": "select messaging.esme_release('esme:a')",
    "esme_text_put": "select messaging.esme_text_put('shop', 'new', 'p')",
    "esme_take_texts": "select * from messaging.esme_take_texts('e5', 'esme:a', 10)",
    "esme_texts_answered": "select messaging.esme_texts_answered('[{\"text\": 5, \"answer\": \"done\"}, {\"text\": 6, \"answer\": \"lost\"}]')",
    "esme_meet": "select * from messaging.esme_meet('esme:a', 1, '[{\"esme\": \"shop\", \"binds\": 1, \"wants\": 1, \"max\": 2, \"used\": 5}]')",
    "esme_ended": "update messaging.message set kind = 'esme', state = 'failed' where id = 5",
    "save_position": "select * from reading.save_position(5, 1000001, 2, 10, 'ussd')",
    "screen_page": "select * from reading.screen_page(5, 1000001, 2, 10, 100)",
    "job_claim": "select * from ops.job_claim('q', 'w', 10, 30)",
    "job_enqueue": "select ops.enqueue('q', 'k', '{}', null, 'u')",
    "expire_rows": "select ops.expire_rows(100)",
    "refresh_popularity": "select recommendation.refresh_popularity(now() - interval '1 hour')",
    "hops_put": "select ops.hops_put('[{\"at\": 1700000000000000, \"session\": \"0000000000000001\", \"n\": 1, \"carrier\": \"hubtel\", \"country\": \"GH\","
                " \"lang\": \"en\", \"from\": \"\", \"screen\": \"home\", \"kind\": \"begin\", \"ended\": false, \"ms\": 1}]')",
    "hop_days": "select ops.hop_days(60)",
    "import": None,
}
# These run on batch connections, which forbid sequential scans and hash and merge joins.
BATCH = {"esme_take", "esme_take_texts", "esme_texts_answered", "esme_answered", "esme_release", "claim_rail_work",
         "claim_refunds", "claim_mandates",
         "rail_answer", "rail_answers", "success", "inbox_match", "claim", "record", "receipts", "match_orphans", "recover", "reroute",
         "named", "settle_unknown", "outbox_decide", "job_claim",
         "job_enqueue", "hop_days", "expire_rows", "refresh_popularity", "run_schedule", "run_reminders", "number_papers", "pause_failing",
         "recovery_wanted", "run_moves"}


def inside(seen):
    """The test's own sub-selects stand in the outermost statement; what is inside the function is what counts."""
    return [(q, p) for q, p in seen if not q.startswith(("select * from", "select ops.", "select billing.", "select messaging.",
                                                         "select recommendation."))]


@pytest.mark.parametrize("name", CALLS)
def test_inside_functions(plans, name):
    statement, params = CALLS[name], None
    if name == "import":
        book, parts = book_json("neuf")
        statement, params = "select * from catalog.import_book(%s, %s)", (json.dumps(book), json.dumps(parts))
    seen = traced(plans, statement, params, name in BATCH)
    assert seen, "auto_explain showed nothing"
    bad = [f for query, plan in inside(seen) for f in faults(plan, " ".join(query.split())[:110])]
    assert not bad, "\n".join(bad)


def test_every_plan_of_a_long_call_is_seen(plans):
    """Of a list, and of its heirs, psycopg2 keeps the last 50 notices: the plans before them were judged by nobody."""
    seen = traced(plans, "do $$ begin for n in 1..120 loop perform count(*) from ops.clock where shift > make_interval(secs => n); end loop; end $$")
    assert sum("from ops.clock" in text for text, _plan in seen) == 120


def test_claims_walk_exactly_their_index(plans):
    """The claim of each queue is an ordered walk of its partial index: no sort, and the index by name."""
    for name, index in (("claim", "message_due"), ("claim_rail_work", "charge_due"), ("job_claim", "job_due")):
        seen = traced(plans, CALLS[name], batch=True)
        walks = [[n for n in nodes(plan)] for query, plan in seen if "skip locked" in query]
        assert walks, name
        for walk in walks:
            if name == "job_claim":
                walk = [n for n in walk if n.get("Alias") == "j" or n["Node Type"] == "Sort"]
            elif name == "claim_rail_work":  # what each rail's walk gave is sorted once more: no more than a claim
                walk = [n for n in walk if n.get("Alias") == "x"]
            assert any(n.get("Index Name") == index for n in walk), (name, [n.get("Index Name") for n in walk])
            assert all("run_at" not in str(n.get("Sort Key")) and "due_at" not in str(n.get("Sort Key")) for n in walk), name


def prepared_faults(world, name, text, lane=""):
    """Faults in the generic plan of a statement with any parameters, made as on a connection of its lane."""
    may = "off" if lane == "batch" else "on"
    with world.conn.cursor() as cur:
        cur.execute("deallocate all")
        cur.execute("set plan_cache_mode = force_generic_plan")
        cur.execute(f"set enable_seqscan = {may}; set enable_hashjoin = {may}; set enable_mergejoin = {may}")
        cur.execute("prepare q as " + text)
        cur.execute("select cardinality(parameter_types) from pg_prepared_statements where name = 'q'")
        args = cur.fetchone()[0]
        cur.execute("explain (format json) execute q" + (f"({', '.join(['null'] * args)})" if args else ""))
        return faults(cur.fetchone()[0][0]["Plan"], name)


def test_statements_of_menus_and_routes(plans):
    """The data files that carry SQL: actions of menus, routes of the API."""
    found = sorted([*sqltest.TOP.glob("menus/*/actions/*.sql"), *sqltest.TOP.glob("api/routes/**/*.sql")])
    bad = []
    for path in found:
        bad += prepared_faults(plans, str(path.relative_to(sqltest.TOP)), path.read_text().rstrip().rstrip(";"))
    assert not bad, "\n".join(bad)


def test_statements_of_the_daemon(plans):
    """Every statement that the daemon itself declares: `coko sql` prints one JSON object a line."""
    done = subprocess.run([str(COKO), "sql"], capture_output=True, text=True, cwd=sqltest.TOP, check=False)
    assert done.returncode == 0, done.stderr
    bad = []
    for line in done.stdout.splitlines():
        row = json.loads(line)
        if row["sql"].split()[0].lower() in ("select", "with", "insert", "update", "delete"):
            bad += prepared_faults(plans, row["name"], row["sql"], row["lane"])
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize("path", sorted((sqltest.TOP / "api/routes").glob("*/*.sql")), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_statements_of_routes(plans, path):
    """Every statement of a REST route: the reads by their own plan, what is inside the writes by CALLS."""
    with plans.conn.cursor() as cur:
        cur.execute("deallocate all; set plan_cache_mode = force_generic_plan")
        cur.execute("prepare q as " + path.read_text())
        cur.execute("select cardinality(parameter_types) from pg_prepared_statements where name = 'q'")
        marks = ", ".join(["null"] * cur.fetchone()[0])
        cur.execute(f"explain (format json) execute q({marks})")
        assert faults(cur.fetchone()[0][0]["Plan"], path.name) == []
