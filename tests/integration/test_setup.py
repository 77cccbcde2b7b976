# SPDX-License-Identifier: Apache-2.0
"""The frame itself: private servers start, recover from a crash and leave nothing behind."""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest
import redis as redis_client

import moulds
from daemon import parse_ini, render_ini
from database import sql
from support import TOP, Postgres, Redis, alive, free_port, shell, wait_until


def test_postgres_is_private_and_survives_a_crash(own_pg):
    assert sql(own_pg.url, "show listen_addresses") == [("127.0.0.1",)]
    sql(own_pg.url, "create table kept (n int)")
    sql(own_pg.url, "insert into kept values (7)")
    own_pg.crash()
    with pytest.raises(psycopg2.OperationalError):
        sql(own_pg.url, "select 1")
    own_pg.start()
    assert sql(own_pg.url, "select n from kept") == [(7,)]


def test_postgres_wants_its_password(own_pg):
    url = own_pg.url.replace(own_pg.url.split(":")[2].split("@")[0], "wrong")
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(url)


def test_postgres_in_a_folder_its_user_cannot_reach(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = Postgres(closed / "pg")
    real = os.path.realpath(closed / "pg/pg.data")
    assert sql(server.url, "select 1") == [(1,)]
    server.stop()
    assert not os.path.exists(real)
    assert not os.path.lexists(closed / "pg/pg.data")


def test_a_mould_is_made_once_and_one_who_is_killed_in_it_is_followed(tmp_path, monkeypatch):
    monkeypatch.setenv(moulds.RUN, str(tmp_path))
    killed = subprocess.run([sys.executable, "-c", "import moulds, os; moulds.once('m', lambda folder: (folder.mkdir(), os.kill(os.getpid(), 9)))"],
                            cwd=Path(moulds.__file__).parent, check=False)
    assert killed.returncode == -9 and not (tmp_path / "m").exists()
    made = []

    def make(folder):
        folder.mkdir()
        (folder / "whole").touch()
        made.append(folder)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: moulds.once("m", make), range(4))) == {tmp_path / "m"}
    assert len(made) == 1 and (tmp_path / "m/whole").exists()


def test_redis_keeps_nothing(tmp_path):
    server = Redis(tmp_path / "redis")
    client = redis_client.Redis.from_url(server.url)
    client.set("a", "1")
    pid = server.pid
    server.stop()
    assert not alive(pid)
    server.start()
    assert client.get("a") is None
    server.stop()


def test_stop_pid_leaves_a_reused_pid_alone(tmp_path):
    """A pid file from another boot or a long run may name somebody else's process."""
    sleeper = subprocess.Popen(["sleep", "60"])
    (tmp_path / "pid").write_text(f"{sleeper.pid} 1\n")
    shell('stop_pid "$1"', tmp_path / "pid")
    assert sleeper.poll() is None
    shell('remember_pid "$1" "$2"; stop_pid "$1"', tmp_path / "pid", sleeper.pid)
    assert sleeper.wait() == -15


def test_a_failed_step_names_itself_and_its_log(tmp_path):
    done = subprocess.run(
        ["bash", "-c", f'. "{TOP}/deploy/lib/setup.sh"; COKO_LOGS="$1"; step boom boom.log false',
         "x", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"boom: FAILED (exit 1), see {tmp_path}/boom.log\n"


def test_wait_until_gives_up():
    with pytest.raises(AssertionError, match="the moon"):
        wait_until(lambda: False, "the moon", timeout=0.05)


def test_free_ports_are_free():
    assert free_port() > 1024


def test_the_template_is_complete_and_overrides_win():
    values = {name: "x" for name in ("DATABASE_URL", "REDIS_URL", "SMPP_PORT", "MTN_PORT", "WAVE_PORT", "SONATEL_PORT", "RUN_DIR",
                                     "SMPP_PASSWORD", "SMSC_URL", "SECRETS", "HTTP_PORT", "METRICS_PORT", "ROLES")}
    text = render_ini(values, {"coko": {"environment": "test"}, "extra one": {"a": 1}})
    assert "@" not in text
    assert parse_ini(text)["coko"]["environment"] == "test"
    assert parse_ini(text)["extra one"] == {"a": "1"}
