# SPDX-License-Identifier: Apache-2.0
"""Infobip tells the end of a session while a hop of it is at work (hard case 22): closed, whichever is stored first, and every
reply the carrier's own. Redis stands behind a gate, so that what another worker stores comes between a turn's read and its
write, each time."""
import socket
import sys
import threading
import uuid

import psycopg2
import pytest
import redis as redis_client

from daemon import template_values
from support import TOP, free_port, wait_until
from ussd_carriers_kit import CODE, Carriers, patient, pick
from ussdkit import welcome

sys.path.insert(0, str(TOP / "tests/lab"))

SILENT = b'{"responseExitCode":200,"responseMessage":""}'


class Gate:
    """Passes bytes on to Redis. Before the next compare-and-set goes, `before` is called once."""

    def __init__(self, port):
        self.to, self.before = port, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, False), daemon=True).start()

    def pump(self, source, sink, asks):
        try:
            while chunk := source.recv(1 << 16):
                if asks and b"\r\nEVAL" in chunk and self.before:
                    self.before.pop(0)()
                sink.sendall(chunk)
        except OSError:
            pass
        finally:
            for one in (source, sink):
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.listener.close()


@pytest.fixture(scope="module")
def gated(work_dir, migrated_db, redis, coko_bin):
    """A daemon of one worker; one.store is what is behind the gate."""
    store = redis_client.Redis.from_url(redis.url)
    store.flushall()
    gate = Gate(int(redis.url.rsplit(":", 1)[1].split("/")[0]))
    folder = work_dir / f"close-{uuid.uuid4().hex[:6]}"
    port = free_port()
    one = Carriers(folder, template_values(migrated_db, gate.url),
                   {"coko": {"workers": 1, "profiles_dir": patient(folder / "profiles")}, "http": {"listen": f"127.0.0.1:{port}"},
                    "carrier infobip": {"secret": "demo", "short_code": CODE, "country": "CI"}}, wait=False)
    one.port, one.url, one.gate, one.store = port, f"http://127.0.0.1:{port}", gate, store
    one.wait_ready(120)
    yield one
    one.stop()
    gate.close()


class Session:
    """What Redis has of one phone's session."""

    def __init__(self, gated):
        self.store = gated.store
        self.had = set(self.keys())

    def keys(self):
        return [key for key in self.store.scan_iter("*:s:*") if self.store.get(key)[:1] in (b"\3", b"\4")]

    @property
    def key(self):
        one, = set(self.keys()) - self.had
        return one

    def bytes(self):
        return self.store.get(self.key)

    def put(self, value):
        self.store.set(self.key, value, px=240_000)

    @property
    def version(self):
        return int.from_bytes(self.bytes()[1:5], "big")

    @property
    def ended(self):
        return bool(self.bytes()[5] & 1)


def a_session(gated, hops=0):
    """A phone at home, its session, and the bytes stored at home and after each of the hops: as of another worker, later."""
    session = Session(gated)
    phone = welcome(gated.phone("infobip"))
    stored = [session.bytes()]
    for n in range(hops):
        pick(phone, "découvrir") if n % 2 == 0 else phone.send("0")
        stored.append(session.bytes())
    session.put(stored[0])
    return phone, session, stored


def end(gated, phone):
    """The notice, taken and acted on."""
    before = gated.metric("coko_ussd_verdicts_total", 'verdict="abort"')
    assert phone.hang_up().body == SILENT
    wait_until(lambda: gated.metric("coko_ussd_verdicts_total", 'verdict="abort"') == before + 1, "the notice at work")


@pytest.mark.parametrize("hops", [1, 2])
def test_22_an_end_that_loses_to_a_hop_closes_the_session_all_the_same(gated, hops):
    phone, session, stored = a_session(gated, hops)
    gated.gate.before = [lambda value=value: session.put(value) for value in stored[1:]]
    end(gated, phone)
    wait_until(lambda: phone.status() is False, "the session closed")
    assert gated.gate.before == [] and session.ended and session.version == int.from_bytes(stored[-1][1:5], "big") + 1
    late = phone.deliver(phone.hop("7"))
    text, closed = phone.judge(late)
    assert closed and "expiré" in text, "a last screen, in the carrier's words"


def test_22_an_end_that_loses_to_an_end_leaves_it(gated):
    phone, session, stored = a_session(gated)
    end(gated, phone)
    wait_until(lambda: session.ended, "the session closed")
    last = session.bytes()
    session.put(stored[0])
    gated.gate.before = [lambda: session.put(last)]
    end(gated, phone)
    wait_until(lambda: gated.gate.before == [], "the race")
    assert phone.status() is False and session.bytes() == last


def test_22_a_hop_that_loses_to_the_end_says_so(gated):
    phone, session, stored = a_session(gated)
    end(gated, phone)
    wait_until(lambda: session.ended, "the session closed")
    last = session.bytes()
    session.put(stored[0])
    gated.gate.before = [lambda: session.put(last)]
    text, closed = phone.judge(phone.deliver(phone.hop("7")))
    assert closed and "expiré" in text and gated.gate.before == []
    assert phone.status() is False and session.bytes() == last


def test_22_an_end_while_the_first_hop_is_at_work(gated, migrated_db):
    """Nothing is stored yet: what the first hop then stores would live on."""
    session, phone, told = Session(gated), gated.phone("infobip"), []
    lock = psycopg2.connect(migrated_db)
    try:
        lock.cursor().execute("lock table auth.identity in access exclusive mode")
        dial = threading.Thread(target=lambda: told.append(phone.dial()))
        dial.start()
        wait_until(lambda: waits(migrated_db), "the first hop at work")
        hang = gated.phone("infobip", phone.digits)
        hang.session = phone.session
        end(gated, hang)
        wait_until(lambda: len(set(session.keys()) - session.had) == 1, "the end stored")
    finally:
        lock.rollback()
        lock.close()
    dial.join()
    assert phone.ended and "expiré" in phone.last and told == [phone.last]
    assert phone.status() is False and session.ended


def waits(url):
    with psycopg2.connect(url) as conn, conn.cursor() as cursor:
        cursor.execute("select count(*) from pg_locks where not granted and relation = 'auth.identity'::regclass")
        return cursor.fetchone()[0] > 0
