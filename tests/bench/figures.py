# SPDX-License-Identifier: Apache-2.0
"""The figures, one function each: it yields lines. Budgets are DESIGN's; README.md explains them."""
import http.client
import itertools
import os
import re
import signal
import statistics
import subprocess
import time
from pathlib import Path

import redis as redis_client

import esme_figures
import money_figures
import renewal_figures
import sms_figures
import smpp_figures
from machine import CONNECTIONS, FLOOR, SECONDS, SERVER_CORE, Hubtel, Server, pss_kib, rss_kib
from support import TOP, alive, wait_until

REPEATS = int(os.environ.get("BENCH_REPEATS", "3"))
SESSIONS = 256  # many more than connections: no session is ever in flight twice
MENU = ("00", "1")   # home, then discover: neither asks the database
PAGES = ("98", "97")  # each draws the list of new books again: one select a hop


class Line:
    """One printed figure. at_most or at_least bounds the ratio, or ours where there is no peer."""

    def __init__(self, name, ours, peer=None, unit="", at_most=None, at_least=None, of="ratio"):
        self.name, self.ours, self.peer, self.unit = name, ours, peer, unit
        self.ratio = ours / peer if peer else None
        value = self.ratio if of == "ratio" and peer else ours
        self.missed = bool((at_most is not None and value > at_most) or
                           (at_least is not None and value < at_least))
        bounds = [f"<= {at_most:g}"] if at_most is not None else []
        bounds += [f">= {at_least:g}"] if at_least is not None else []
        self.budget = (bounds or ["-"])[0] + (" MISSED" if self.missed else "")

    def __str__(self):
        def cell(v):
            return "-" if v is None else f"{v:.5g} {self.unit}".strip()
        ratio = "-" if self.ratio is None else f"{self.ratio:.2f}"
        return f"{self.name:<34} {cell(self.ours):>14} {cell(self.peer):>14} {ratio:>7}  {self.budget}"


class Skip(Line):
    def __init__(self, name, why):
        super().__init__(name, 0)
        self.why = why

    def __str__(self):
        return f"{self.name:<34} skipped: {self.why}"


def median(loads, field):
    return statistics.median(getattr(load, field) for load in loads)


def in_turn(*measures):
    """Each measure REPEATS times, in turn, so that a slow minute meets all of them."""
    rounds = [[measure() for measure in measures] for _ in range(REPEATS)]
    return [list(column) for column in zip(*rounds)]


# ---- a hop ----

def against_floor(machine, prefix, inputs, *floor_args):
    floor = Server(machine, "floor", [FLOOR], *floor_args)
    try:
        return in_turn(
            lambda: machine.ours(prefix, SESSIONS, *inputs),
            lambda: machine.hops(floor.url + "/", floor.worker, prefix, SESSIONS, *inputs))
    finally:
        floor.stop()


def hop_menu(machine):
    screen = machine.dial_all("m", SESSIONS, *MENU)
    assert "1 " in screen, screen
    ours, floor = against_floor(machine, "m", MENU)
    yield Line("hop, menu: server CPU", median(ours, "cpu_us"), median(floor, "cpu_us"), "us",
               at_most=1.25)
    yield Line("hop, menu: p99", median(ours, "p99_us"), median(floor, "p99_us"), "us", at_most=2)
    yield Line("hop, menu: hops a second", median(ours, "rate"), median(floor, "rate"), "/s")


def hop_sql(machine):
    screen = machine.dial_all("s", SESSIONS, "1", "1")
    assert "98" in screen, f"the list of new books has one page:\n{screen}"
    ours, floor = against_floor(
        machine, "s", PAGES, "--select", TOP / "menus/coko/actions/books_new.sql", "--arg", "fr")
    yield Line("hop, one select: hops a second", median(ours, "rate"), median(floor, "rate"), "/s",
               at_least=0.6)
    yield Line("hop, one select: server CPU", median(ours, "cpu_us"), median(floor, "cpu_us"), "us")
    yield Line("hop, one select: p99", median(ours, "p99_us"), median(floor, "p99_us"), "us")


NPM_MENU = TOP / "build/peers/ussd_menu.js"


def session_bytes(machine, keys):
    """What Redis says that one stored session takes, the median of those that match."""
    store = redis_client.Redis.from_url(machine.redis.url)
    return statistics.median(store.memory_usage(key) for key in store.scan_iter(keys, count=1000))


def hop_npm(machine):
    """The same hops through the npm stack. Its sessions keep the whole route and walk it again at each hop, so that
    each run of it begins with new ones: a session has tens of hops, not thousands."""
    if not (NPM_MENU.parent / "node_modules/ussd-menu-builder").is_dir():
        yield Skip("hop, npm stack", "build/peers has no ussd-menu-builder")
        return
    redis_client.Redis.from_url(machine.redis.url).flushall()
    screen = machine.dial_all("n", SESSIONS, *MENU)
    peer = Server(machine, "npm", ["node", NPM_MENU])
    fresh = (f"n{k}-" for k in itertools.count())
    try:
        link = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=10)
        phone = Hubtel(link, "check", 1, "/", "Response")
        for text in MENU:
            phone.send(text)
        assert phone.screen == screen, f"the peer shows {phone.screen!r}, ours {screen!r}"
        ours, npm = in_turn(
            lambda: machine.ours("n", SESSIONS, *MENU),
            lambda: machine.hops(peer.url + "/", peer.worker, next(fresh), SESSIONS, *MENU))
        rss = rss_kib(machine.worker) / 1024, rss_kib(peer.worker) / 1024
    finally:
        peer.stop()
    yield Line("hop, npm stack: server CPU", median(ours, "cpu_us"), median(npm, "cpu_us"), "us")
    yield Line("hop, npm stack: p99", median(ours, "p99_us"), median(npm, "p99_us"), "us")
    yield Line("hop, npm stack: hops a second", median(ours, "rate"), median(npm, "rate"), "/s")
    yield Line("hop, npm stack: RSS of the worker", *rss, "MB")
    yield Line("hop, npm stack: a key in Redis", session_bytes(machine, "*:s:*"), session_bytes(machine, "menu:*"), "B")


# ---- REST ----

LIST = "/api/v1/catalog/books"


def pgbench_script(machine):
    """The route's own statement with pgbench's variables for its parameters."""
    sql = (TOP / "api/routes/catalog/books.sql").read_text()
    sql = re.sub(r"--[^\n]*", "", sql)
    sql = re.sub(r"\$(\d)", r":a\1", " ".join(sql.split()))
    path = machine.folder / "books.pgbench"
    path.write_text(sql + ";\n")
    return path


def pgbench_rate(machine, script):
    """The same statement on the server's core, as many clients as the load has connections."""
    with machine.on_core(SERVER_CORE):
        done = subprocess.run(
            ["/usr/lib/postgresql/15/bin/pgbench", "-n", "-M", "prepared", "-f", script, "-c",
             str(CONNECTIONS), "-j", "1", "-T", str(max(1, round(SECONDS))), "-D", "a1=infinity",
             "-D", "a2=9223372036854775807", "-D", "a3=21", machine.pg.url],
            capture_output=True, text=True, check=False, timeout=SECONDS + 30)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert done.returncode == 0 and found, f"pgbench: {done.stdout}{done.stderr}"
    return float(found.group(1))


def rest_list(machine):
    answer = machine.daemon.get(LIST)
    if answer.status != 200:
        yield Skip("REST, 20 books", f"GET {LIST} answers {answer.status}")
        return
    url, script = machine.daemon.url + LIST, pgbench_script(machine)
    ours, peer = in_turn(lambda: machine.wrk(url, machine.worker, "get.lua"),
                         lambda: pgbench_rate(machine, script))
    rate = median(ours, "rate")
    yield Line("REST, 20 books: calls a second", rate, statistics.median(peer), "/s", at_least=0.7)
    yield Line("REST, 20 books: server CPU", median(ours, "cpu_us"), unit="us")
    pause = max(1, round(2000 * CONNECTIONS / rate))
    half = [machine.wrk(url, machine.worker, "get.lua", pause) for _ in range(REPEATS)]
    yield Line("REST, 20 books: p99 at half load", median(half, "p99_us") / 1000, unit="ms",
               at_most=20)


# ---- memory ----

def walk_bytes(machine):
    """Bytes of one stored session after each screen of a walk through the whole service."""
    store = redis_client.Redis.from_url(machine.redis.url)
    store.flushall()
    link = http.client.HTTPConnection("127.0.0.1", machine.daemon.port, timeout=10)
    phone, sizes, screens = Hubtel(link, "walk", 9_000_001), [], set()
    walk = ["*384*26#", "1", "1", "1", "98", "1", "1", "1", "1", "1", "0", "3", "98", "0", "00", "1",
            "2", "2", "00", "2", "1", "1", "2", "00", "1", "4", "la", "00", "4", "1"]
    for text in walk:
        screens.add(phone.send(text, "response" if sizes else "initiation"))
        keys = store.keys("*:s:*")
        assert len(keys) == 1, keys
        sizes.append(store.strlen(keys[0]))
    used = store.memory_usage(keys[0])
    link.close()
    assert len(screens) >= 20, f"only {len(screens)} screens"
    return sizes, used


PARKED = 240  # fewer than the write lane holds: 4 connections, 2 in flight each, 256 waiting


def backends(machine):
    """Pids of PostgreSQL's processes but the postmaster."""
    postmaster = machine.pg.postmaster()
    path = f"/proc/{postmaster}/task/{postmaster}/children"
    return [int(pid) for pid in Path(path).read_text().split()]


def half_sent(port, k):
    """A first dial on its own connection, but for the last byte; returns what sends that byte."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    body = Hubtel(link, f"p{time.monotonic_ns()}", 9_100_000 + k).body("*384*26#", "initiation").encode()
    link.putrequest("POST", "/ussd/hubtel/demo")
    link.putheader("Content-Type", "application/json")
    link.putheader("Content-Length", str(len(body)))
    link.endheaders()
    link.send(body[:-1])
    return link, body[-1:]


def parked_bytes(machine):
    """What first dials that wait for a frozen PostgreSQL add to connections that hold their request."""
    daemon = machine.serve(f"parked{time.monotonic()}")
    worker = machine.worker_of(daemon)
    links, frozen = [], []
    try:
        links = [half_sent(daemon.port, k) for k in range(PARKED)]
        wait_until(lambda: daemon.metric("coko_http_connections") >= PARKED, "the connections")
        before = pss_kib(worker)
        frozen = backends(machine)
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        for link, last in links:
            link.send(last)
        wait_until(lambda: daemon.metric("coko_db_pool_waiting", 'lane="write"') >= PARKED - 8,
                   lambda: f"{PARKED} turns to be parked", 3)
        return (pss_kib(worker) - before) * 1024 / PARKED
    finally:
        for pid in frozen:
            if alive(pid):
                os.kill(pid, signal.SIGCONT)
        for link, _ in links:
            link.close()
        daemon.stop()


def memory(machine):
    daemon = machine.serve("idle")
    try:
        yield Line("memory: idle worker (Pss)", pss_kib(machine.worker_of(daemon)) / 1024, unit="MB",
                   at_most=30)
    finally:
        daemon.stop()
    sizes, used = walk_bytes(machine)
    yield Line("memory: stored session, median", statistics.median(sizes), unit="B", at_most=600)
    yield Line("memory: stored session, largest", max(sizes), unit="B")
    yield Line("memory: its key in Redis, at the end", used, unit="B")
    yield Line("memory: a parked turn", parked_bytes(machine), unit="B", at_most=2048)


# ---- start and growth ----

def start(machine):
    def once():
        before = time.monotonic()
        daemon = machine.serve(f"start{before}")
        took = time.monotonic() - before
        daemon.stop()
        return took
    yield Line("start: exec to ready", statistics.median(once() for _ in range(REPEATS)), unit="s",
               at_most=1)


def fill_sessions(machine, have, want):
    """Stored sessions of nobody: copies of a real one, ten minutes to live."""
    store = redis_client.Redis.from_url(machine.redis.url)
    value = store.get(store.keys("*:s:*")[0])
    for at in range(have, want, 10_000):
        pipe = store.pipeline(transaction=False)
        for k in range(at, min(at + 10_000, want)):
            pipe.set(f"coko:s:{k:032x}", value, ex=600)
        pipe.execute()


def growth(machine):
    small, large = 1_000, 1_000_000 if os.environ.get("COKO_LONG") else 200_000
    store = redis_client.Redis.from_url(machine.redis.url)

    def at(count, prefix):
        store.flushall()
        machine.dial_all(prefix, SESSIONS, *MENU)
        fill_sessions(machine, SESSIONS, count)
        return machine.ours(prefix, SESSIONS, *MENU)

    many, few = in_turn(lambda: at(large, "gl"), lambda: at(small, "gs"))
    yield Line(f"growth: CPU a hop, {large // 1000} k : 1 k", median(many, "cpu_us"),
               median(few, "cpu_us"), "us", at_most=1.2)
    yield Line(f"growth: p99, {large // 1000} k : 1 k", median(many, "p99_us"),
               median(few, "p99_us"), "us", at_most=1.2)


# ---- SMS ----

def sms_outbox(machine):
    yield from sms_figures.sms_outbox(machine, Line)


def smpp_link(machine):
    yield from smpp_figures.smpp_link(machine, Line)


def smpp_binds(machine):
    yield from smpp_figures.smpp_binds(machine, Line)


def kannel(machine):
    yield from sms_figures.kannel(machine, Line)


def esme(machine):
    yield from esme_figures.esme(machine, Line)


# ---- money ----

def charges(machine):
    yield from money_figures.charges(machine, Line)


def renewals(machine):
    yield from renewal_figures.renewals(machine, Line)


FIGURES = {"hop_menu": hop_menu, "hop_sql": hop_sql, "hop_npm": hop_npm, "rest_list": rest_list, "memory": memory,
           "start": start, "growth": growth,
           "smpp_link": smpp_link, "smpp_binds": smpp_binds, "sms_outbox": sms_outbox, "kannel": kannel,
           "esme": esme, "charges": charges, "renewals": renewals}
