# SPDX-License-Identifier: Apache-2.0
"""The renewal figures: RENEWALS passes end in one moment while readers dial and leaf through lists.

Nothing is renewed without a yes (push to renew): each end is a reminder by SMS, every fifth reader answers it with the
word that asks her wallet, the rail (rail.c) prompts and is paid, and the receipt is an SMS too. Two loads at a modest
fixed rate are measured before the passes end and after: hops of one select, and dials, which write. Two workers,
PostgreSQL with fsync, message centre, rail and load share both cores.
"""
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from daemon import Daemon, template_values
from database import fill, sql
from money_figures import Rail
from sms_figures import WINDOW, Smsc
from support import Postgres, wait_until

RENEWALS = int(os.environ.get("BENCH_RENEWALS", "100000"))
IDLE_S = int(os.environ.get("BENCH_IDLE_S", "60"))
SPREAD_S = int(os.environ.get("BENCH_SPREAD_S", "300"))     # of the load after the passes ended
A_MINUTE = int(os.environ.get("BENCH_A_MINUTE", "0"))       # of lane '*'; 0: the schema's
ANSWERS = 5         # every so many readers renew
READERS = 200       # who dial and leaf
HOPS, DIALS = 8, 4  # connections
PAUSE_MS = 80       # of each before a request
PAGES = ("98", "97")
LIMIT_S = 120

# Noon, so that no hour of the day keeps the reminders back.
NOON = "update ops.clock set shift = date_trunc('day', clock_timestamp()) + interval '1 day 12 hours' - clock_timestamp()"
CROWD = """
with u as (insert into auth.users (lang, country, created_at) select 'fr', 'CI', ops.now() from generate_series(1, %(n)s) returning id),
     i as (insert into auth.identity (user_id, lookup, sealed, key_id, country, network, last_seen_at, created_at)
           select u.id, sha256(('crowd' || u.id)::bytea), s.sealed, s.key_id, 'CI', 'mtn', ops.now(), ops.now()
           from u, (select * from auth.identity order by id limit 1) s returning user_id)
insert into billing.entitlement (user_id, plan_id, origin, starts_at, ends_at, anchor_day, created_at, remind_at)
select i.user_id, p.id, 'trial', e.at - interval '7 days', e.at, 1, ops.now() - interval '7 days', e.at
from i, billing.plan p, (select ops.now() + make_interval(secs => %(in)s) as at) e where p.code = 'week'"""
ANSWER = """
with m as (select max(id) as last from messaging.message),
     a as (select x.user_id, x.identity_id from messaging.message x, m
           where x.id > %(from)s and x.id <= m.last and x.kind = 'notice' and x.user_id %% %(every)s = 0)
select m.last, (select count(r.outcome) from a, billing.renew(a.user_id, a.identity_id, 'sms') r) from m"""
TOLD = """
select count(*), count(distinct user_id), extract(epoch from max(created_at) - %s) from messaging.message where kind = 'notice'"""
PLACED = """
select count(*) filter (where remind_place is not null), count(*) filter (where remind_place is null and remind_at <= ops.now()),
    extract(epoch from max(remind_place) - %s) from billing.entitlement"""
OPEN = "select count(*) from billing.charge where state not in ('SUCCEEDED', 'FAILED', 'EXPIRED')"


class Crowd:
    """Whatever fails, at the start or at the end, what it started is ended."""

    def __init__(self, machine):
        self.machine = machine
        with ExitStack() as started, machine.on_both_cores():
            self.start(machine, started.callback)
            self.started = started.pop_all()

    def start(self, machine, at_the_end):
        self.rail = Rail(machine)
        at_the_end(self.rail.stop)
        self.smsc = Smsc(machine, "renewals")
        at_the_end(self.smsc.stop)
        self.pg = Postgres(machine.folder / "pg-renewals", fsync="on")
        at_the_end(self.pg.stop)
        self.url = self.pg.url
        fill(self.url)
        sql(self.url, NOON)
        if A_MINUTE:
            sql(self.url, "update billing.reminder_pace set a_minute = %s where lane = '*'", (A_MINUTE,))
        self.daemon = Daemon(machine.folder / "renewals", template_values(self.url, machine.redis.url), {
            "coko": {"workers": 2}, "mtn_momo": {"base_url": self.rail.url},
            "link lab": {"port": self.smsc.port, "window": WINDOW, "validity": "no"}}, wait=False)
        at_the_end(self.daemon.stop)
        self.daemon.wait_ready()
        wait_until(lambda: self.daemon.metric("coko_smpp_bind_up") == 1, "the bind", 30)

    def fill(self):
        """The readers who dial, and the crowd; returns when its passes end."""
        screen = self.machine.dial_all("r", READERS, "1", "1", daemon=self.daemon)
        assert "98" in screen, screen
        sql(self.url, CROWD, {"n": RENEWALS, "in": IDLE_S + 30 + RENEWALS // 1000})
        sql(self.url, "vacuum analyze")
        return sql(self.url, "select max(ends_at) from billing.entitlement")[0][0]

    def load(self, prefix, seconds):
        """Both loads at once: hops and dials, as wrk tells them."""
        worker, url = self.daemon.children()[0], f"{self.daemon.url}/ussd/hubtel/demo"
        failed = [self.daemon.metric(m) for m in ("coko_ussd_failed_total", "coko_ussd_actions_failed_total")]
        with ThreadPoolExecutor(2) as pool:
            hops = pool.submit(self.machine.hops, url, worker, "r", READERS, *PAGES, pause=PAUSE_MS, connections=HOPS, seconds=seconds)
            dials = pool.submit(self.machine.wrk, url, worker, "dial.lua", prefix, READERS, PAUSE_MS, connections=DIALS, seconds=seconds)
            seen = hops.result(), dials.result()
        now = [self.daemon.metric(m) for m in ("coko_ussd_failed_total", "coko_ussd_actions_failed_total")]
        assert now == failed, f"hops failed: {failed}, then {now}"
        return seen

    def until(self, at):
        left = sql(self.url, "select extract(epoch from %s - ops.now())", (at,))[0][0]
        assert left > 0, "the passes ended before the idle load: BENCH_IDLE_S is too long for this machine"
        time.sleep(float(left))

    def settled(self):
        """Nobody answers any more, and every charge has ended."""
        return not sql(self.url, OPEN)[0][0] or None

    def stop(self):
        self.started.close()


class Answers(threading.Thread):
    """Each second the readers who were reminded since answer, but for most of them."""

    def __init__(self, url):
        super().__init__()
        self.url, self.last, self.given, self.over, self.fault = url, 0, 0, threading.Event(), None

    def run(self):
        try:
            while not self.over.wait(1):
                last, given = sql(self.url, ANSWER, {"from": self.last, "every": ANSWERS})[0]
                self.last, self.given = last or 0, self.given + given
        except Exception as fault:  # noqa: BLE001: told where the thread is joined
            self.fault = fault

    def end(self):
        self.over.set()
        self.join()
        assert self.fault is None, self.fault


def renewals(machine, line):
    crowd = Crowd(machine)
    try:
        yield from spread(crowd, line)
    finally:
        crowd.stop()


def spread(crowd, line):
    due = crowd.fill()
    idle = crowd.load("idle", IDLE_S)
    crowd.until(due)
    answers = Answers(crowd.url)
    answers.start()
    try:
        busy = crowd.load("busy", SPREAD_S)
    finally:
        answers.end()
    # of one moment: the job goes on
    placed, waiting, last_place, told, readers, last_told = sql(crowd.url, f"select * from ({PLACED}) p, ({TOLD}) t", (due, due))[0]
    smsc = crowd.smsc.figures()
    wait_until(crowd.settled, lambda: sql(crowd.url, "select state, count(*) from billing.charge group by 1"), LIMIT_S)
    paid, books = sql(crowd.url, "select count(*) from billing.charge where state = 'SUCCEEDED'")[0][0], crowd.rail.books()
    assert told == readers and told + placed + waiting == RENEWALS, (told, readers, placed, waiting)
    assert paid == answers.given == books["debits"] == books["asked"] and books["again"] == 0, (paid, answers.given, books)
    names = (f"hops of one select: p99 while {RENEWALS} end", f"dials: p99 while {RENEWALS} end")
    for name, quiet, loud in zip(names, idle, busy):
        yield line(name, loud.p99_us / 1000, quiet.p99_us / 1000, "ms", at_most=2)
    yield line("hops and dials a second", sum(x.rate for x in busy), sum(x.rate for x in idle), "/s")
    yield line("renewals: reminders a second", told / min(SPREAD_S, float(last_told)), unit="/s")
    yield line("renewals: SMS a second", smsc["submits"] / SPREAD_S, unit="/s")
    yield line("renewals: charges a second", paid / SPREAD_S, unit="/s")
    yield line("renewals: without a place yet", waiting)
    yield line("renewals: minutes to spread", float(max(last_place or 0, last_told)) / 60)
