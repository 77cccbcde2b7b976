# SPDX-License-Identifier: Apache-2.0
"""The migrations, their comments, identities, codes, catalogue, positions, leases and jobs."""
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

import sqltest
from sqlfixtures import *  # noqa: F401,F403
from sqlworld import book_json, key


def test_migrations_apply_twice_as_no_op(sql_server):
    url = sql_server.empty("twice")
    assert len(sqltest.migrate(url)) == len(sqltest.files())
    assert sqltest.migrate(url) == []
    again = sqltest.migrate(url, again=True, check=True)
    assert again and all(not name[0].isdigit() for name in again)
    sqltest.seed(url)


def test_seed_twice_changes_nothing(world):
    count = "select (select count(*) from billing.price), (select count(*) from billing.plan), (select count(*) from catalog.category)"
    before = world.row("select * from (" + count + ") as x(a, b, c)")
    world.rows((sqltest.TOP / "deploy/sample/seed.sql").read_text())
    assert world.row("select * from (" + count + ") as x(a, b, c)") == before


def test_migrations_wait_for_no_lock_for_ever():
    for path in sqltest.SCHEMA.glob("[0-9]*.sql"):
        assert re.search(r"^set local lock_timeout = '\d+s';$", path.read_text(), re.M), path


def test_nothing_notifies():
    """pg_notify holds one global lock through the commit: only the workers' wake connections notify."""
    for path in sqltest.files():
        assert not re.search(r"pg_notify\s*\(|^\s*notify\s", path.read_text(), re.I | re.M), path


def test_every_table_and_function_says_what_it_is(world):
    assert world.rows("select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                      " where c.relkind in ('r', 'p') and not c.relispartition and obj_description(c.oid) is null"
                      " and n.nspname in ('ops','auth','catalog','reading','billing','messaging','recommendation')"
                      " and c.relname not in ('migration', 'schema_file', 'migrator')") == []
    assert world.rows("select p.oid::regprocedure::text as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
                      " where obj_description(p.oid) is null"
                      " and n.nspname in ('ops','auth','catalog','reading','billing','messaging','recommendation')") == []


def test_foreign_keys_have_an_index(world):
    """Deleting or locking a parent must not walk the child; references to small fixed tables are exempt."""
    small = ("ops.country", "ops.network", "billing.plan", "billing.price", "billing.rail", "billing.ledger_account", "messaging.account",
             "auth.role", "catalog.category", "auth.users", "auth.identity", "catalog.book", "billing.charge")
    missing = world.rows("""
        select c.conrelid::regclass::text as child, c.confrelid::regclass::text as parent from pg_constraint c
        where c.contype = 'f' and not exists (
            select 1 from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])""")
    assert [m for m in missing if m["parent"] not in small] == []


def test_clock_is_the_only_clock():
    for path in sqltest.SCHEMA.glob("functions/**/*.sql"):
        text = re.sub(r"ops\.now\(\)|--.*", "", path.read_text())
        assert not re.search(r"\b(now\(\)|current_timestamp|clock_timestamp|statement_timestamp)", text), path


# ---- identities ----

def test_first_dials_at_once_make_one_reader_and_all_are_welcomed(world):
    conns = [world.connect() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda c: world.dial(conn=c), conns))
    [c.close() for c in conns]
    assert len({g["user_id"] for g in got}) == 1 and [g["is_new"] for g in got] == [True] * 8
    assert world.value("select count(*) from auth.users") == 1
    first = got[0]
    assert (first["lang"], first["pending"], first["continue_title"], first["pass_until"]) == ("fr", "", "", None)
    assert world.dial()["is_new"], "until she went on"
    assert world.one("auth.welcomed", first["identity_id"]) == {"outcome": "ok"}
    told = world.value("select welcomed_at from auth.identity")
    assert told and not world.dial()["is_new"]
    assert world.one("auth.welcomed", first["identity_id"]) == {"outcome": "ok"}
    assert world.value("select welcomed_at from auth.identity") == told


def test_language_of_the_country_until_chosen(world):
    reader = world.dial("+233241112223", "GH", "mtn")
    assert reader["lang"] == "en"
    assert world.one("auth.set_language", reader["user_id"], "fr") == {"outcome": "ok", "lang": "fr"}
    assert world.one("auth.set_language", reader["user_id"], "x'; --") == {"outcome": "unknown", "lang": "fr"}
    assert world.dial("+233241112223", "GH", "mtn")["lang"] == "fr"


def test_dial_again_knows_book_pass_and_new_network(world):
    reader, book = world.dial(), world.book()
    world.one("reading.save_position", reader["user_id"], book, 1, 10, "ussd")
    world.buy(reader)
    world.one("auth.welcomed", reader["identity_id"])
    again = world.dial(network="orange")
    assert again["continue_title"] == "Le livre pirogue" and again["pass_until"] > world.now() and not again["is_new"]
    assert world.value("select network from auth.identity") == "orange"


def ask(world, number="+2250501020304", ip=None, conn=None):
    return world.one("auth.request_otp", key(number), b"s", 1, "CI", "mtn", b"hash-of-code", b"sealed", ip, conn=conn)


def check(world, request, code=b"hash-of-code", number="+2250501020304", conn=None):
    return world.one("auth.verify_otp", request, key(number), code, key(str(request) + str(id(conn))), "test", conn=conn)


def test_otp_right_code_logs_in_the_same_reader(world):
    reader = world.dial()
    got = ask(world)
    assert (got["outcome"], got["retry_after_s"]) == ("sent", 0)
    done = check(world, got["request_id"])
    assert (done["outcome"], done["user_id"]) == ("ok", reader["user_id"]) and done["session_id"]
    assert check(world, got["request_id"])["outcome"] == "expired"  # used
    assert world.value("select verified_at is not null from auth.identity")


def test_otp_wrong_late_replaced_or_of_another_number(world):  # REST case 23
    first = ask(world)["request_id"]
    assert check(world, first, b"no")["tries_left"] == 4
    assert check(world, first, number="+2250999")["outcome"] == "expired"
    second = ask(world)["request_id"]
    assert check(world, first)["outcome"] == "expired"
    world.later("11 minutes")
    assert check(world, second)["outcome"] == "expired"


def test_otp_five_wrong_tries_at_once_lock(world):  # REST case 23
    request = ask(world)["request_id"]
    conns = [world.connect() for _ in range(9)]
    with ThreadPoolExecutor(9) as pool:
        got = list(pool.map(lambda c: check(world, request, b"no", conn=c)["outcome"], conns))
    [c.close() for c in conns]
    assert got.count("wrong") == 4 and got.count("locked") == 5
    assert check(world, request)["outcome"] == "locked"
    assert world.value("select tries from auth.otp_request") == 5


def test_otp_limits(world):
    assert [ask(world)["outcome"] for _ in range(4)] == ["sent"] * 3 + ["limited"]
    assert 1 <= ask(world)["retry_after_s"] <= 600
    for _ in range(3):
        world.later("11 minutes")
        last = [ask(world)["outcome"] for _ in range(3)]
    assert last == ["sent", "limited", "limited"]  # ten a day
    assert ask(world)["retry_after_s"] > 3600
    assert ask(world, "+2250700000000")["outcome"] == "sent"


def test_otp_limit_holds_in_parallel_and_by_address(world):
    conns = [world.connect() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda c: ask(world, conn=c)["outcome"], conns))
    [c.close() for c in conns]
    assert got.count("sent") == 3
    assert [ask(world, f"+22507{n:08}", b"ip")["outcome"] for n in range(21)].count("sent") == 20


# ---- catalogue and reading ----

def test_import_outcomes(world):
    book, parts = book_json("x")
    made = world.one("catalog.import_book", book, parts)
    assert made["outcome"] == "created"
    assert world.one("catalog.import_book", book, parts) == {"book_id": made["book_id"], "outcome": "same"}
    again = world.one("catalog.import_book", {**book, "title": "Autre", "categories": ["conte", "neuve"]}, parts[:2])
    assert again == {"book_id": made["book_id"], "outcome": "replaced"}
    b = world.row("select * from catalog.book")
    assert (b["title"], b["parts"], b["version"], b["author_line"]) == ("Autre", 2, 2, "Awa Ndiaye")
    assert [c["slug"] for c in b["categories"]] == ["conte", "neuve"] and b["authors"][0]["name"] == "Awa Ndiaye"
    assert {c["slug"]: c["books"] for c in world.call("catalog.categories", "fr")} == {"conte": 1, "neuve": 1}
    assert [c["label"] for c in world.call("catalog.categories", "en")] == ["Tales", "Neuve"], "French shelves, named in English"


def test_import_refuses_nonsense_and_leaves_no_half_book(world):
    book, parts = book_json("x")
    for bad in ([], [{**parts[0], "no": 2}], [{**parts[0], "body": ""}], [{**parts[0], "ends": [10, 9999999], "septets": [1, 2]}]):
        with pytest.raises(Exception):
            world.one("catalog.import_book", book, bad)
    assert world.value("select count(*) from catalog.book") == 0


def test_text_after_the_last_end_is_kept(world):
    world.one("catalog.import_book", {"slug": "x", "title": "X"}, [{"body": "Un. Deux", "ends": [4], "septets": [4]}])
    assert world.row("select ends, septets from catalog.part") == {"ends": [4, 8], "septets": [4, 8]}


def test_replaced_book_keeps_positions_inside(world):
    reader, book = world.dial(), world.book(parts=3)
    world.one("reading.save_position", reader["user_id"], book, 3, 500, "ussd")
    b, parts = book_json("pirogue", parts=2, sentences=2)
    world.one("catalog.import_book", b, parts)
    p = world.row("select part, at from reading.position")
    assert p == {"part": 2, "at": len(parts[1]["body"])}


def test_lists_and_search(world):
    for n, slug in enumerate(["pecheur", "reine", "taxi"]):
        world.book(slug, parts=1, sentences=1, published_at=f"2026-01-0{n + 1}T00:00:00Z", title="", summary="Une pirogue" if n else "")
        world.rows("update catalog.book set title = %s where slug = %s", slug, slug)
    new = world.call("catalog.books_new", "fr", 2)
    assert [b["label"] for b in new] == ["taxi", "reine"] and new[0]["author"] == "Awa Ndiaye"
    roman = world.value("select id from catalog.category where slug = 'roman'")
    assert [b["label"] for b in world.call("catalog.books_in", roman, "fr", 5)] == ["taxi", "reine", "pecheur"]
    assert [b["label"] for b in world.call("catalog.search", "PIRÔGU", "fr", 5)] == ["taxi", "reine"]
    assert len(world.call("catalog.search", "ndiaye awa", "fr", 5)) == 3
    for nothing in ("", "   ", "'); drop table", "&|!", None, "zzz"):
        assert world.call("catalog.search", nothing, "fr", 5) == []
    assert [b["label"] for b in world.call("catalog.search", str(new[0]["code"]), "fr", 5)] == ["taxi"]
    reader = world.dial()
    world.one("reading.save_position", reader["user_id"], new[1]["id"], 1, 0, "ussd")
    world.value("select recommendation.refresh_popularity('2020-01-01')")
    assert world.call("catalog.books_popular", "fr", 5)[0]["label"] == "reine"


def test_book_card_by_code_or_id(world):
    reader, book = world.dial(), world.book(code=123)
    card = world.one("catalog.book_card", reader["user_id"], "123", "fr")
    assert card == world.one("catalog.book_card", reader["user_id"], str(book), "fr")
    assert (card["id"], card["parts"], card["free_parts"], card["may_read"], card["position_part"]) == (book, 3, 1, True, 0)
    world.one("reading.save_position", reader["user_id"], book, 2, 0, "ussd")
    assert world.one("catalog.book_card", reader["user_id"], "123", "fr")["may_read"] is False
    for bad in ("", "x", "999", "99999999999999999999", "-1", None):
        assert world.call("catalog.book_card", reader["user_id"], bad, "fr") == []


def test_slices_of_the_screen(world):
    reader, book = world.dial(), world.book(parts=2, sentences=2)
    u, body = reader["user_id"], world.value("select body from catalog.part where no = 1")
    got = world.one("reading.slice", u, book, 1, 0, 30)
    assert (got["outcome"], got["body"], got["at_end"], got["next_part"]) == ("ok", body[:30], False, 2)
    got = world.one("reading.slice", u, book, 1, len(body) - 5, 30)
    assert (got["body"], got["at_end"]) == (body[-5:], True)
    locked = world.one("reading.slice", u, book, 1, len(body), 30)
    assert (locked["outcome"], locked["part"], locked["body"]) == ("locked", 2, "")
    world.buy(reader)
    assert world.one("reading.slice", u, book, 2, 0, 30)["outcome"] == "ok"
    last = world.value("select chars from catalog.part where no = 2")
    assert world.one("reading.slice", u, book, 2, last, 30)["outcome"] == "end"
    assert world.one("reading.slice", u, book, 9, 0, 30)["outcome"] == "end"
    assert world.call("reading.slice", u, -1, 1, 0, 30) == []


def test_position_is_brought_inside(world):
    reader, book = world.dial(), world.book(parts=2)
    u, chars = reader["user_id"], world.value("select chars from catalog.part where no = 1")
    for part, at, want in [(1, -5, (1, 0)), (1, chars, (2, 0)), (0, 3, (1, 3)), (99, 0, (2, chars)), (2, 10 ** 9, (2, chars))]:
        got = world.one("reading.save_position", u, book, part, at, "rest")
        assert (got["outcome"], (got["part"], got["at"])) == ("ok", want)
    assert world.one("reading.save_position", u, -1, 1, 1, "rest")["outcome"] == "none"
    assert world.call("reading.continue", u) == []
    world.one("reading.save_position", u, book, 1, 5, "rest")
    assert world.one("reading.continue", u)["at"] == 5


# ---- leases, jobs, housekeeping ----

def test_lease(world):
    a = world.one("ops.lease_take", "bind:lab", "h:1", 10)
    assert a == {"ok": True, "epoch": 1}
    assert world.one("ops.lease_take", "bind:lab", "h:2", 10) == {"ok": False, "epoch": 1}
    assert world.one("ops.lease_take", "bind:lab", "h:1", 10) == {"ok": True, "epoch": 2}  # a restarted slot
    assert not world.value("select ops.lease_renew('bind:lab', 'h:1', 1, 10)")
    assert world.value("select ops.lease_renew('bind:lab', 'h:1', 2, 10)")
    world.later("11 seconds")
    assert world.one("ops.lease_take", "bind:lab", "h:2", 10) == {"ok": True, "epoch": 3}
    assert not world.value("select ops.lease_release('bind:lab', 'h:1', 2)")
    assert world.value("select ops.lease_release('bind:lab', 'h:2', 3)")
    assert world.one("ops.lease_take", "bind:lab", "h:1", 10)["epoch"] == 4


def test_one_of_many_takes_the_lease(world):
    conns = [world.connect() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: world.one("ops.lease_take", "x", f"o{n}", 10, conn=conns[n])["ok"], range(8)))
    [c.close() for c in conns]
    assert got.count(True) == 1


def test_job_life(world):
    job = world.value("select ops.enqueue('q', 'k', '{\"a\": 1}', null, 'u')")
    assert world.value("select ops.enqueue('q', 'k', '{}', null, 'u')") == job
    (got,) = world.call("ops.job_claim", "q", "w1", 5, 30)
    assert (got["id"], got["args"], got["attempts"]) == (job, {"a": 1}, 1)
    assert world.call("ops.job_claim", "q", "w2", 5, 30) == []
    world.later("31 seconds")  # the worker died
    assert world.call("ops.job_claim", "q", "w2", 5, 30)[0]["attempts"] == 2
    assert not world.value("select ops.job_done(%s, 'w1')", job)
    assert world.value("select ops.job_done(%s, 'w2')", job)
    assert world.value("select ops.enqueue('q', 'k', '{}', null, 'u')") != job


def test_job_fails_with_growing_waits_then_dies(world):
    job = world.value("select ops.enqueue('q', 'k', '{}', ops.now(), null)")
    last = 0
    for n in range(8):
        assert len(world.call("ops.job_claim", "q", "w", 5, 30)) == 1
        got = world.one("ops.job_fail", job, "w", "boom")
        if n < 7:
            wait = (got["run_at"] - world.now()).total_seconds()
            assert got["outcome"] == "retry" and 0.79 * 5 * 2 ** n <= wait <= 1.21 * 5 * 2 ** n and wait > last * 1.2
            last = wait
            world.later(f"{wait + 1} seconds")
    assert got["outcome"] == "dead" and world.one("ops.job_fail", job, "w", "x")["outcome"] == "lost"
    assert world.value("select count(*) from ops.audit where kind = 'alert.job_dead'") == 1


def test_two_claimers_never_share_a_job(world):
    world.rows("select ops.enqueue('q', 'k', '{}', null, null) from generate_series(1, 100)")
    conns = [world.connect() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        got = [j["id"] for g in pool.map(lambda c: world.call("ops.job_claim", "q", "w", 25, 30, conn=c), conns) for j in g]
    [c.close() for c in conns]
    assert len(got) == len(set(got))


def test_rows_that_have_an_end_go(world):
    world.start(world.dial(), step="s")
    world.one("billing.inbox_put", "mtn_momo", b"k", b"h", b"b", True, None)
    assert world.value("select ops.expire_rows(100)") == 0
    world.later("31 days")
    assert world.value("select ops.expire_rows(100)") >= 2
    assert world.value("select count(*) from ops.step_effect") + world.value("select count(*) from billing.inbox") == 0


def test_audit_partitions(world):
    assert world.value("select ops.audit_partitions(2)") == 3 and world.value("select ops.audit_partitions(2)") == 0
    world.rows("select ops.audit_put('t', 'k', 's', '{}')")
    assert world.value("select count(*) from ops.audit_other") == 0 and world.value("select count(*) from ops.audit") == 1


# ---- reference data ----

def test_networks_by_prefix_and_code(world):
    def network(number):
        return world.row("select country, network from ops.network_prefix where %s like prefix || '%%' order by length(prefix) desc limit 1", number)
    for number, want in {"221771234567": ("SN", "orange"), "2250501020304": ("CI", "mtn"), "2290197000000": ("BJ", "mtn"),
                         "254712345678": ("KE", "safaricom"), "2348031234567": ("NG", "mtn"), "233241234567": ("GH", "mtn")}.items():
        assert tuple(network(number).values()) == want
    for code, want in {"60801": "orange", "61205": "mtn", "62130": "mtn", "63902": "safaricom"}.items():
        assert world.value("select network from ops.network_code where code = %s", code) == want
    assert world.value("select count(*) from ops.country") == 17
    assert world.rows("select c.code from ops.country c where not exists (select 1 from ops.network_prefix p where p.country = c.code)") == []
    assert world.rows("select p.prefix from ops.network_prefix p join ops.country c on c.code = p.country"
                      " where left(p.prefix, length(c.dialling)) <> c.dialling") == []
    assert world.rows("select name from pg_timezone_names where name = 'Africa/Abidjan'") != []
    assert world.rows("select code from ops.country where time_zone not in (select name from pg_timezone_names)") == []
