# SPDX-License-Identifier: Apache-2.0
"""A reader's habits with a phone of tests/lab/ussd_client.py: options are found by their words."""
import contextlib
import hashlib
import hmac
import http.client
import os
import signal
import sys

import psycopg2

from database import sql
from support import TEST_KEYS, TOP, wait_until

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone  # noqa: E402


class StubbornPhone(AtPhone):
    """Repeats a hop that met a closed door, as a carrier does, with the same octets."""

    def post_raw(self, body, *args, **more):
        answers = []

        def once():
            try:
                answers.append(super(StubbornPhone, self).post_raw(body, *args, **more))
            except (OSError, http.client.HTTPException):
                return False
            return answers[-1].status == 200

        wait_until(once, "an answer to a hop", 30)
        return answers[-1]


def pick(phone, *words):
    """Choose the option whose label has one of the words, on this page or a later one."""
    for _page in range(5):
        for line in phone.last.splitlines():
            key, _, label = line.partition(" ")
            if key.isdigit() and any(w.lower() in label.lower() for w in words):
                return phone.send(key)
        phone.send("98")
    raise AssertionError(f"no option with {words} in:\n{phone.last}")


def dial_in(phone, code=None):
    """Dials until a screen waits for an answer: the first dial after a daemon's start may meet a polite END on a busy machine,
    and what follows is not about that."""
    wait_until(lambda: [phone.dial(code)] and not phone.ended, lambda: f"a screen: {phone.last!r}", 30, every=0.2)


def welcome(phone, code=None):
    """From the dial past what only a new reader sees."""
    dial_in(phone, code)
    if "Bienvenue" in phone.last or "Welcome" in phone.last:
        phone.send("1")
    return phone


def ask_of(phone):
    """Whether the screen asks a reader who dials again if he wants to go on where he was."""
    return "1 Oui, reprendre" in phone.last or "1 Yes, continue" in phone.last


def dial_home(phone, code=None):
    """Dials; a newcomer agrees to the notice. Without more dialled: home, whatever dropped before."""
    dial_in(phone, code)
    if "Bienvenue" in phone.last or "Welcome" in phone.last:
        phone.send("1")
    elif code is None and ask_of(phone):
        phone.send("2")
    elif code is None:
        phone.send("00")
    return phone.last


def lookup_of(number):
    """The keyed hash that an identity is found by: HKDF-SHA256 of the ring's key, then HMAC."""
    master = bytes.fromhex(TEST_KEYS.split(":")[1])
    extracted = hmac.digest(b"coko", master, "sha256")
    key = hmac.digest(extracted, b"lookup\x01", "sha256")
    return hmac.new(key, b"phone\0" + number.lstrip("+").encode(), hashlib.sha256).digest()


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
