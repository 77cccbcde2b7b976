# SPDX-License-Identifier: Apache-2.0
"""What all workers of a run need alike is made once: the first that wants it makes it, those who want it meanwhile wait,
and each copies it as files.

    once(name, make)      the folder `name` of this run, which make(folder) made
    filled_cluster()      a stopped PostgreSQL with the database TEMPLATE_DB: migrated, seeded, with the sample books
    begin_run(), end_run()   by conftest.py, in the process that starts the workers

A worker that is killed in make() lets its lock go and leaves a half-made folder under a name that nobody looks for.
"""
import contextlib
import fcntl
import os
import shutil
import uuid
from pathlib import Path

from database import fill, sql
from support import TOP, Postgres

TEMPLATE_DB = "coko_template"
RUN = "COKO_TEST_RUN"  # the folder of the run, for the workers that inherit it


def begin_run():
    """Whether this process is the one that ends the run."""
    mine = RUN not in os.environ
    os.environ.setdefault(RUN, str(TOP / "build/tests" / f"run-{uuid.uuid4().hex[:12]}"))
    return mine


def end_run():
    shutil.rmtree(os.environ.pop(RUN), ignore_errors=True)


def once(name, make):
    run = Path(os.environ[RUN])
    run.mkdir(parents=True, exist_ok=True)
    done = run / name
    with open(run / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            half = run / f"{name}-{uuid.uuid4().hex[:8]}"
            make(half)
            half.rename(done)
    return done


def make_cluster(folder):
    server = Postgres(folder)
    with contextlib.ExitStack() as undo:
        undo.callback(server.stop)
        server.log_in_cheaply()
        sql(server.url_of("postgres"), f"create database {TEMPLATE_DB}")
        fill(server.url_of(TEMPLATE_DB))
        undo.pop_all()
    server.rest()


def filled_cluster():
    return once("cluster", make_cluster)
