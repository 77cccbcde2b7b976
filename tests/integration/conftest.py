# SPDX-License-Identifier: Apache-2.0
"""Fixtures. A session has one PostgreSQL and one Redis; a module has its own database, copied from a
template that was migrated, seeded and filled with the sample books once; a test has its own daemon.

    migrated_db     url of this module's database
    daemon          daemon(config={"section": {"key": value}}, roles="all") starts coko serve
    smsc, mtn, sonatel   the lab's message centre and its mobile money rails
    sms_centre      the message centre of a module, sms_centre.next_test(): empty
    two_workers     one daemon for the tests of a module, two_workers.next_test(); mtn_shop likewise with its mtn:
                    mtn_shop.till()
    own_pg          a server of this module's own, for tests that crash it, own_db its filled database; own_redis likewise

What all workers of a run need alike is made once (moulds.py).
"""
import os
import shutil
import sys
import uuid
from pathlib import Path

import pytest
import redis as redis_client

sys.path.insert(0, str(Path(__file__).parent))
from daemon import Daemon, Shared, template_values  # noqa: E402
from database import sql  # noqa: E402
from moulds import TEMPLATE_DB, begin_run, end_run, filled_cluster  # noqa: E402
from support import COKO, TOP, Lab, Postgres, Redis  # noqa: E402

LONGEST = ("test_ussd_walks", "test_ussd_attack", "test_sql_explain", "test_money_faults", "test_money_crash", "test_esme", "test_ussd_smpp",
           "test_ussd_insight", "test_sms_outbox", "test_sms_chaos", "test_story_kill", "test_money_sim", "test_money_kill", "test_ussd_turn")


def pytest_collection_modifyitems(items):
    """The longest files first: last, one would run alone while the other workers stand."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


def pytest_configure(config):
    config.coko_ends_run = begin_run()


def pytest_unconfigure(config):
    if config.coko_ends_run:
        end_run()


@pytest.fixture(scope="session")
def work_dir():
    """One folder a run, under build/: kept when a test failed, so that its logs can be read."""
    folder = TOP / "build/tests" / uuid.uuid4().hex[:12]
    folder.mkdir(parents=True)
    yield folder
    if not getattr(pytest, "coko_failed", False):
        shutil.rmtree(folder)


def pytest_runtest_logreport(report):
    if report.failed:
        pytest.coko_failed = True


@pytest.fixture(scope="session")
def coko_bin():
    if not COKO.exists():
        pytest.skip(f"{COKO} is not built")
    return COKO


@pytest.fixture(scope="session")
def pg(work_dir, coko_bin):
    server = Postgres(work_dir / "pg", mould=filled_cluster())
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis(work_dir):
    server = Redis(work_dir / "redis")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def own_pg(work_dir, coko_bin):
    server = Postgres(work_dir / f"pg-{uuid.uuid4().hex[:8]}", mould=filled_cluster())
    yield server
    server.stop()


@pytest.fixture(scope="module")
def own_db(own_pg):
    sql(own_pg.url_of("postgres"), f"create database own template {TEMPLATE_DB}")
    return own_pg.url_of("own")


@pytest.fixture(scope="module")
def own_redis(work_dir):
    server = Redis(work_dir / f"redis-{uuid.uuid4().hex[:8]}")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def template_db(pg):
    return TEMPLATE_DB


@pytest.fixture(scope="module")
def migrated_db(pg, template_db):
    name = f"t_{uuid.uuid4().hex[:12]}"
    sql(pg.url_of("postgres"), f"create database {name} template {template_db}")
    yield pg.url_of(name)
    sql(pg.url_of("postgres"), f"drop database {name} with (force)")


@pytest.fixture
def clean_redis(redis):
    """This session's Redis, emptied."""
    redis_client.Redis.from_url(redis.url).flushall()
    return redis


def workers_of(module):
    """One worker, where the test's configuration or its module (WORKERS) does not say more: a second one doubles what a
    start costs. The long run has as many as in the field."""
    return 0 if os.environ.get("COKO_LONG") else getattr(module, "WORKERS", 1)


@pytest.fixture
def daemon(work_dir, migrated_db, clean_redis, request, coko_bin):
    """A factory of daemons on this module's database and the emptied Redis; all are stopped."""
    started = []
    workers = workers_of(request.module)

    def start(config=None, roles=None, env=None, wait=True, database=None, redis_url=None,
              smsc=None, mtn=None, sonatel=None):
        config = {**(config or {}), "coko": {"workers": workers, **(config or {}).get("coko", {})}}
        values = template_values(database or migrated_db, redis_url or clean_redis.url, smsc, mtn, sonatel=sonatel)
        folder = work_dir / f"{request.node.name.split('[')[0]}-{len(started)}-{uuid.uuid4().hex[:6]}"
        one = Daemon(folder, values, config, roles, env, wait)
        started.append(one)
        return one

    yield start
    faults = []
    for one in started:
        try:
            one.stop()
        except AssertionError as fault:
            faults.append(str(fault))
    assert not faults, "\n".join(faults)


@pytest.fixture
def lab(work_dir):
    """A factory of lab programs: lab("smsc.py", "--port", "0")."""
    started = []

    def start(script, *args):
        if not (TOP / "tests/lab" / script).exists():
            pytest.skip(f"tests/lab/{script} does not exist")
        one = Lab(script, work_dir / f"{script}-{uuid.uuid4().hex[:6]}.log", *args)
        started.append(one)
        return one

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def smsc(lab):
    return lab("smsc.py", "--port", "0", "--control-port", "0")


@pytest.fixture
def sonatel(lab):
    return lab("sonatel_rail.py", "--port", "0", "--control-port", "0", "--signing-secret", "lab-orange-signing")


@pytest.fixture
def mtn(lab):
    return lab("mtn_rail.py", "--port", "0", "--control-port", "0", "--currency", "XOF",
               "--environment", "mtnivorycoast")


@pytest.fixture(scope="module")
def two_workers(work_dir, migrated_db, redis, coko_bin):
    shared = Shared(lambda: Daemon(work_dir / f"two-{uuid.uuid4().hex[:6]}", template_values(migrated_db, redis.url),
                                   {"coko": {"workers": 2}}))
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def sms_centre(work_dir):
    from smsworld import Centre
    centre = Centre(work_dir / f"smsc-{uuid.uuid4().hex[:6]}.log")
    yield centre
    centre.stop()


@pytest.fixture(scope="module")
def mtn_shop(work_dir, migrated_db, redis, request, coko_bin):
    from money_kit import Shop
    redis_client.Redis.from_url(redis.url).flushall()
    shop = Shop(work_dir, migrated_db, redis.url, workers_of(request.module))
    yield shop
    shop.end()
