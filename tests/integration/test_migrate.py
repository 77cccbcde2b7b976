# SPDX-License-Identifier: Apache-2.0
"""`coko migrate`: from nothing to this release, again, at once, and what it refuses."""
import json
import os
import shutil
import subprocess
import uuid

import pytest

from database import sql
from support import COKO, TEST_KEYS, TOP


@pytest.fixture
def empty_db(pg):
    name = f"m_{uuid.uuid4().hex[:12]}"
    sql(pg.url_of("postgres"), f"create database {name}")
    yield pg.url_of(name)
    sql(pg.url_of("postgres"), f"drop database {name} with (force)")


@pytest.fixture
def copy_db(pg, template_db):
    """A current database of the test's own."""
    name = f"m_{uuid.uuid4().hex[:12]}"
    sql(pg.url_of("postgres"), f"create database {name} template {template_db}")
    yield pg.url_of(name)
    sql(pg.url_of("postgres"), f"drop database {name} with (force)")


@pytest.fixture
def release(tmp_path):
    """A copy of what the migrator reads, to be changed."""
    shutil.copytree(TOP / "deploy/schema", tmp_path / "deploy/schema")
    shutil.copytree(TOP / "menus/coko/text", tmp_path / "menus/coko/text")
    return tmp_path


def start(url, folder=TOP):
    return subprocess.Popen(
        [COKO, "migrate"], cwd=TOP, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "DATABASE_URL": url, "COKO_KEYS": TEST_KEYS, "COKO_DATA_DIR": str(folder)})


def migrate(url, folder=TOP):
    """(exit code, stdout, stderr)"""
    child = start(url, folder)
    out, err = child.communicate(timeout=120)
    return child.returncode, out, err


def state(url):
    return (sql(url, "select version, name, checksum from ops.migration order by 1"),
            sql(url, "select path, checksum from ops.schema_file order by 1"),
            sql(url, "select key, lang, body from messaging.template order by 1, 2"))


def test_two_at_once_on_an_empty_database_then_again(empty_db):
    """"If not exists" is no guard against another session's: the bookkeeping is made under a lock."""
    runs = [start(empty_db) for _ in range(3)]
    outs = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], outs
    applied = sorted(line for out, _ in outs for line in out.splitlines())
    assert len(applied) == len(set(applied)) > 30
    now = state(empty_db)
    assert len(now[0]) == len(list((TOP / "deploy/schema").glob("0*.sql")))
    assert sql(empty_db, "select count(*) from ops.migrator") == [(0,)]
    assert migrate(empty_db) == (0, "", "")
    assert state(empty_db) == now


def test_an_edited_migration_is_refused(copy_db, release):
    first = sorted((release / "deploy/schema").glob("0001_*.sql"))[0]
    first.write_text(first.read_text() + "\n-- edited\n")
    code, out, err = migrate(copy_db, release)
    assert code == 1 and first.name in err and "was edited after it was applied" in err and out == ""


def test_a_newer_database_is_refused(copy_db, release):
    sql(copy_db, "insert into ops.migration (version, name, checksum) values (9000, '9000_x.sql', 'x')")
    (release / "deploy/schema/functions/new.sql").write_text("create function ops.never() returns int"
                                                             " language sql as 'select 1';")
    code, out, err = migrate(copy_db, release)
    assert code == 1 and "9000" in err and "newer" in err and out == ""
    assert sql(copy_db, "select to_regproc('ops.never')") == [(None,)]


def test_a_broken_file_names_itself_and_leaves_nothing(copy_db, release):
    (release / "deploy/schema/functions/ops/aa_broken.sql").write_text(
        "create table ops.half (x int);\ncreate fnction ops.broken();\n")
    before = state(copy_db)
    code, _, err = migrate(copy_db, release)
    assert code == 1 and "functions/ops/aa_broken.sql" in err and "fnction" in err
    assert state(copy_db) == before
    assert sql(copy_db, "select to_regclass('ops.half')") == [(None,)]
    (release / "deploy/schema/functions/ops/aa_broken.sql").unlink()
    assert migrate(copy_db, release)[0] == 0


def test_a_new_migration_and_a_changed_function_are_applied(copy_db, release):
    (release / "deploy/schema/8999_more.sql").write_text("create table ops.more (x int);")
    lease = release / "deploy/schema/functions/ops/lease.sql"
    lease.write_text(lease.read_text() + "\n-- changed\n")
    code, out, _ = migrate(copy_db, release)
    assert (code, out) == (0, "applied 8999_more.sql\napplied functions/ops/lease.sql\n")
    assert migrate(copy_db, release) == (0, "", "")


def test_templates_are_loaded_and_updated(copy_db, release):
    french = json.loads((release / "menus/coko/text/fr.json").read_text())
    key, body = next((k, v) for k, v in french["sms"].items() if isinstance(v, str))
    ask = "select body from messaging.template where key = %s and lang = 'fr'"
    assert sql(copy_db, ask, [key]) == [(body,)]
    french["sms"][key] = body + " !"
    (release / "menus/coko/text/fr.json").write_text(json.dumps(french))
    assert migrate(copy_db, release)[0] == 0
    assert sql(copy_db, ask, [key]) == [(body + " !",)]


def test_a_broken_text_file_names_itself(copy_db, release):
    (release / "menus/coko/text/fr.json").write_text('{\n "sms": {\n')
    code, _, err = migrate(copy_db, release)
    assert code == 1 and "menus/coko/text/fr.json:" in err


def test_another_migrator_is_waited_for(copy_db):
    """Its lease is a row: a dead one's ends by itself, a living one's by its release."""
    sql(copy_db, "insert into ops.migrator (owner, until) values ('other:1', clock_timestamp() + interval '2 s')")
    code, _, err = migrate(copy_db)
    assert (code, err) == (0, "")
    assert sql(copy_db, "select count(*) from ops.migrator") == [(0,)]


def test_a_migrator_that_lost_its_lease_commits_nothing(copy_db, release):
    """Bug: a file that took longer than the lease was committed beside another migrator's work."""
    (release / "deploy/schema/8999_slow.sql").write_text(
        "create table ops.slow (x int);\n"
        "update ops.migrator set owner = 'other:1', until = clock_timestamp() + interval '9 s';\n")
    code, _, err = migrate(copy_db, release)
    assert code == 1 and "8999_slow.sql" in err and "lease" in err
    assert sql(copy_db, "select to_regclass('ops.slow')") == [(None,)]


def test_no_database_and_no_schema_are_told(empty_db, tmp_path):
    code, _, err = migrate("postgresql://nobody@127.0.0.1:1/none")
    assert code == 1 and "cannot connect" in err
    code, _, err = migrate(empty_db, tmp_path)
    assert code == 1 and "no migration found" in err
