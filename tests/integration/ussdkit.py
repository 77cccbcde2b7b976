# SPDX-License-Identifier: Apache-2.0
"""A reader's habits with a phone of tests/lab/ussd_client.py: options are found by their words."""
import contextlib
import os
import signal

import psycopg2

from database import sql


def pick(phone, *words):
    """Choose the option whose label has one of the words, on this page or a later one."""
    for _page in range(5):
        for line in phone.last.splitlines():
            key, _, label = line.partition(" ")
            if key.isdigit() and any(w.lower() in label.lower() for w in words):
                return phone.send(key)
        phone.send("98")
    raise AssertionError(f"no option with {words} in:\n{phone.last}")


def ask_of(phone):
    """Whether the screen asks a reader who dials again if he wants to go on where he was."""
    return "1 Oui, reprendre" in phone.last or "1 Yes, continue" in phone.last


def dial_home(phone, code=None):
    """Dials; a newcomer agrees to the notice. Without more dialled: home, whatever dropped before."""
    phone.dial(code)
    if "Bienvenue" in phone.last or "Welcome" in phone.last:
        phone.send("1")
    elif code is None and ask_of(phone):
        phone.send("2")
    elif code is None:
        phone.send("00")
    return phone.last


def place(url, code):
    """Where the reader of this book stands: part and character."""
    return sql(url, "select p.part, p.at from reading.position p join catalog.book b on b.id ="
               " p.book_id where b.code = %s order by p.updated_at desc limit 1", (code,))[0]


@contextlib.contextmanager
def frozen(server):
    """PostgreSQL standing still: no process of it runs, its sockets stay open."""
    with psycopg2.connect(server.url_of("postgres")) as conn, conn.cursor() as cursor:
        cursor.execute("select pid from pg_stat_activity where pid <> pg_backend_pid()")
        pids = [row[0] for row in cursor.fetchall()] + [server.postmaster()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
