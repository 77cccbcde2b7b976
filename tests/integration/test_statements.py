# SPDX-License-Identifier: Apache-2.0
"""`coko statements` and `coko close`, from a rail's CSV to a closed day; and the gauges of money of a running daemon."""
import os
import subprocess
from datetime import timedelta

import pytest

from sqlworld import World
from support import COKO, TEST_KEYS, wait_until

HEAD = "Id,External Transaction Id,Date,Status,Type,From,Amount,Fee,Currency\r\n"
NUMBER = "2250501020304"


@pytest.fixture
def coko(migrated_db):
    def run(*args, code=0, key_line=None):
        env = {**os.environ, "DATABASE_URL": migrated_db, "COKO_KEYS": TEST_KEYS, "COKO_OPERATOR": "root"}
        done = subprocess.run([str(COKO), *map(str, args)], capture_output=True, text=True, check=False, env=env, cwd="/", input=key_line or "")
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr
    return run


@pytest.fixture
def shop(migrated_db):
    world = World(migrated_db)
    world.rows("update ops.clock set shift = date_trunc('day', now()) + interval '12 hours' - now()")
    yield world
    world.close()


def row(id, ref, at, gross=100, fee=2, status="Successful", kind="Payment"):
    return f'{id},{ref},{at},{status},{kind},{NUMBER},"{gross}",{fee},XOF\r\n'


def test_from_the_rails_file_to_a_closed_day(coko, shop, tmp_path, daemon):
    secret = coko("staff", "join", "awa", "--country", "CI").splitlines()[0]
    day = shop.value("select (ops.now() at time zone 'utc')::date")
    for n in range(2):
        shop.buy(shop.dial(f"+22505010203{n:02}"))
    ours = shop.rows("select rail_txn, our_ref::text as ref from billing.charge order by id")
    shop.later("1 day")
    at = f"{day} 12:00:30"
    file = tmp_path / "mtn.csv"

    # A bad line is named and keeps everything out.
    file.write_text("\ufeffAccount;x\r\n" + HEAD + row(ours[0]["rail_txn"], ours[0]["ref"], at) + row("x", "", at, "12.5") + row("y", "", "yesterday"))
    told = coko("statements", "import", "mtn_momo", file, code=1)
    assert f'{file}:4: "Amount"' in told and f'{file}:5: "Date"' in told and "nothing was imported" in told
    file.write_text(HEAD + row(ours[0]["rail_txn"], ours[0]["ref"], at) + row("x", "", "2020-01-01 10:00:00"))
    assert f"{file}:3: not of these days" in coko("statements", "import", "mtn_momo", file, "--day", day, code=1)
    assert "all columns of wave" in coko("statements", "import", "wave", file, code=1)
    assert shop.value("select count(*) from billing.statement_line") == 0

    # The whole day: one of ours, one that failed there, one of nobody's; ours of the second is missing.
    file.write_text(HEAD + row(ours[0]["rail_txn"], "", at) + row("F", "", at, status="Failed") + row("stray", NUMBER, at, "700", 7))
    assert "2 new lines of 2" in coko("statements", "import", "mtn_momo", file, "--day", day)
    assert "already imported: statement 1" in coko("statements", "import", "mtn_momo", file, code=1)
    assert "matched 1, waiting 0, review 0, suspense 1, noted 0; newly missing at the rails 1" in coko("statements", "match")
    assert "matched 0, waiting 0, review 0, suspense 1, noted 0; newly missing at the rails 0" in coko("statements", "match", "--day", day)
    shown = coko("statements", "show", "--day", day)
    assert "no charge of ours" in shown and "is in no statement" in shown and "1 matched, 1 suspense" in shown and NUMBER not in shown

    # The page of the day; no key, no close; open, no close.
    page = coko("close", day, "--look", code=1)
    for part in (f"money of {day}", "mtn_momo XOF", "charges, our books", "200", "-600", "see below", "in suspense now", "stray: no charge of ours",
                 "OPEN", "differences without explanation (coko statements explain): 2"):
        assert part in page, part
    assert "nobody's" in coko("close", day, code=1, key_line="0" * 32)
    assert "nobody's" in coko("statements", "explain", "m1", "--text", "x", code=1, key_line="0" * 32)
    assert "differences without explanation" in coko("close", day, code=1, key_line=secret)

    # What an alarm looks at: one process tells it.
    one = daemon()
    wait_until(lambda: one.metric("coko_statement_mismatches", 'rail="mtn_momo"') == 2, "the leader's figures", 30)
    assert one.metric("coko_suspense_minor_units", 'currency="XOF"') == 700 and one.metric("coko_money_close_backlog") == 1
    one.stop()

    stray = shop.value("select id from billing.statement_line where state = 'suspense'")
    assert "explained (suspense)" in coko("statements", "explain", stray, "--text", "a payer's mistake, given back", key_line=secret)
    assert "explained (missing)" in coko("statements", "explain", "m1", "--text", "the rail's ticket 4711", key_line=secret)
    assert "no open difference" in coko("statements", "explain", "m1", "--text", "again", code=1, key_line=secret)
    key_file = tmp_path / "key"
    key_file.write_text(secret)
    closed = coko("close", day, "--key-file", key_file)
    assert f"{day} closed by awa" in closed and "the rail's ticket 4711" in closed and "OPEN" not in closed
    assert "was closed by awa" in coko("close", day, "--look")
    assert shop.value("select closed_by from billing.money_close where day = %s", day) == "awa"
    assert NUMBER not in str(shop.rows("select * from billing.statement_line")) + str(shop.rows("select * from ops.audit"))


def test_a_format_of_ones_own_and_an_empty_day(coko, shop, tmp_path):
    day = shop.value("select (ops.now() at time zone 'utc')::date") - timedelta(days=1)
    format_, file = tmp_path / "f.json", tmp_path / "s.csv"
    format_.write_text('{"name": "wave", "columns": {"id": "N", "at": "Quand", "amount": "Combien"}, "currency": "XOF", "time": "%d.%m.%Y"}')
    file.write_text(f"Quand;N;Combien\n{day:%d.%m.%Y};A1;2500\n")
    assert "1 new lines of 1" in coko("statements", "import", "wave", file, "--format", format_)
    assert "a format of wave, not of mpesa" in coko("statements", "import", "mpesa", file, "--format", format_, code=1)
    file.write_text("Quand;N;Combien\n")
    assert "of which day" in coko("statements", "import", "wave", file, "--format", format_, code=1)
    assert "0 new lines of 0" in coko("statements", "import", "wave", file, "--format", format_, "--day", day)
    assert "No such file" in coko("statements", "import", "wave", tmp_path / "none", code=1)
    assert "No such file" in coko("statements", "import", "nobody", file, code=1)
    assert "no rail has a statement named" in coko("statements", "import", "orange_qr", file, "--day", day, "--format",
                                                   qr(tmp_path), code=1)


def qr(folder):
    path = folder / "qr.json"
    path.write_text('{"name": "orange_qr", "columns": {"id": "N", "at": "Quand", "amount": "Combien"}, "currency": "XOF", "time": "%d.%m.%Y"}')
    return path


def test_the_commands_refuse_what_they_do_not_know(coko):
    for bad in (["statements"], ["statements", "import"], ["statements", "import", "wave"], ["statements", "import", "../x", "f"],
                ["statements", "match", "x"], ["statements", "match", "--day", "2026-1-1"], ["statements", "import", "wave", "f", "--from", "2026-01-01"],
                ["statements", "explain", "1"], ["statements", "explain", "1", "--text", ""], ["statements", "explain", "1", "--text", "x" * 301],
                ["close"], ["close", "yesterday"], ["close", "2026-11-29", "x"], ["close", "2026-11-29", "--day"]):
        assert "usage" in coko(*bad, code=2), bad
    for name in ("statements", "close"):
        assert coko(name, "--help").startswith(f"usage: coko {name} ")
