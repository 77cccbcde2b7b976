# SPDX-License-Identifier: Apache-2.0
"""One-shot access to a test's database, by SQL and by the program's own commands."""
import os
import subprocess

import psycopg2

from support import COKO, TEST_KEYS, TOP


def coko_run(*args, url, stdin=None):
    """Runs one coko command against a database; fails with its output unless it exits 0."""
    env = {**os.environ, "DATABASE_URL": url, "COKO_KEYS": TEST_KEYS}
    done = subprocess.run([str(COKO), *map(str, args)], env=env, cwd=TOP, capture_output=True, text=True, input=stdin, check=False)
    assert done.returncode == 0, f"coko {args[0]}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def sql(url, statement, params=None):
    """Runs one statement, committed at once; rows as tuples, or None where there are none."""
    conn = psycopg2.connect(url)
    conn.autocommit = True
    try:
        with conn.cursor() as cursor:
            cursor.execute(statement, params)
            return cursor.fetchall() if cursor.description else None
    finally:
        conn.close()


class Held:
    """What a statement locks, held meanwhile; let go even when the test fails, so that what waits for it can end."""

    def __init__(self, url, statement):
        self.conn, self.statement = psycopg2.connect(url), statement

    def __enter__(self):
        with self.conn.cursor() as cur:
            cur.execute(self.statement)

    def __exit__(self, *_):
        self.conn.rollback()
        self.conn.close()


class Locked(Held):
    """A table that nobody else can touch meanwhile."""

    def __init__(self, url, table):
        super().__init__(url, f"lock table {table} in access exclusive mode")


class Turnstile(Held):
    """An advisory lock held alone meanwhile."""

    def __init__(self, url, *key):
        super().__init__(url, f"select pg_advisory_xact_lock({', '.join(str(k) for k in key)})")


def fill(url):
    """Migrates an empty database, then loads the seed and the sample books."""
    coko_run("migrate", url=url)
    seed = TOP / "deploy/sample/seed.sql"
    if seed.exists():
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(seed), url],
                       check=True, capture_output=True)
    books = sorted((TOP / "deploy/sample/books").glob("*.txt"))
    if books:
        coko_run("import", *books, url=url)
