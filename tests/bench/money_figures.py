# SPDX-License-Identifier: Apache-2.0
"""The money figures: charges through the daemon, a rail that answers 50 ms late (rail.c), PostgreSQL with fsync.

CHARGES readers have confirmed a pass; their charges fall due RATE a second. The rail is asked, its payer approves after
eight seconds, and the first question of the poll ladder, ten seconds after the submit, finds it: that alone keeps ten
seconds' worth of charges in flight. Daemon, rail and PostgreSQL share both cores. The receipts wait in the outbox, as
there is no message centre: what sending them costs is sms_outbox's figure.
"""
import http.client
import json
import os
import signal
import time
from contextlib import ExitStack, suppress

from daemon import Daemon, template_values
from database import fill, sql
from machine import Hubtel, cpu_seconds
from sms_figures import children
from support import TOP, Postgres, Process, wait_until

RAIL = TOP / "build/release/bench/rail"
RATE = int(os.environ.get("BENCH_RATE", "1000"))          # charges that fall due a second
SECONDS = int(os.environ.get("BENCH_MONEY_SECONDS", "40"))
FILLING_S = 15      # until as many charges are settled as submitted
LIMIT_S = 180
CHUNK = 1000
BUFFERS = "2GB"     # what PostgreSQL would have of this machine's memory; 128 MB are read and written again and again
PLACES = 200        # of the rail: two requests a charge, 50 ms each, and what the database takes meanwhile

READERS = """
do $$
declare d record; i auth.identity; o record;
begin
    select * into i from auth.identity order by id limit 1;
    select x.plan_id, x.price_id into o from billing.offers(i.user_id, 'fr') x join billing.plan p on p.id = x.plan_id where p.code = 'day';
    for n in %d..%d loop
        select * into d from auth.dial(sha256(('bench' || n)::bytea), i.sealed, i.key_id, i.country::text, i.network, '');
        perform billing.start_charge(d.user_id, d.identity_id, o.plan_id, o.price_id, 'bench' || n, 'Pass jour', 'ussd');
    end loop;
end $$"""
DUE = """update billing.charge c set due_at = ops.now() + interval '3 seconds' + n.k / %s::float8 * interval '1 second'
from (select id, row_number() over (order by id) as k from billing.charge) n where n.id = c.id"""
# A row a second since the first submit: submitted, settled, and in flight at its end.
SECONDS_SQL = """
with t as (select min(submitted_at) as t0 from billing.charge),
     s as (select floor(extract(epoch from c.submitted_at - t.t0))::int as at, floor(extract(epoch from c.ended_at - t.t0))::int as until
           from billing.charge c, t)
select n, count(*) filter (where at = n), count(*) filter (where until = n), count(*) filter (where at <= n and until > n)
from generate_series(0, %s) n, s group by n order by n"""


class Rail:
    def __init__(self, machine):
        self.process = Process([RAIL], machine.folder / "rail.log")
        self.url = f"http://127.0.0.1:{wait_until(self.lines, lambda: f'the rail: {self.process.tail()}')[0]['port']}"

    def lines(self):
        assert self.process.running(), self.process.tail()
        return [json.loads(line) for line in self.process.log.read_text().splitlines() if line.endswith("}")]

    def books(self):
        before = len(self.lines())
        self.process.signal(signal.SIGUSR1)
        return wait_until(lambda: self.lines()[before:], "the rail's books")[-1]

    def stop(self):
        self.process.stop()


class Till:
    def __init__(self, machine):
        with ExitStack() as started, machine.on_both_cores():
            self.start(machine, started.callback)
            self.started = started.pop_all()

    def start(self, machine, at_the_end):
        self.rail = Rail(machine)
        at_the_end(self.rail.stop)
        self.pg = Postgres(machine.folder / "pg-money", fsync="on", buffers=BUFFERS)
        at_the_end(self.pg.stop)
        self.url = self.pg.url
        fill(self.url)
        sql(self.url, "update billing.rail set places = %s", (PLACES,))
        self.daemon = Daemon(machine.folder / "money", template_values(self.url, machine.redis.url),
                             {"coko": {"workers": 2}, "mtn_momo": {"base_url": self.rail.url}}, wait=False)
        at_the_end(self.daemon.stop)
        self.daemon.wait_ready()
        link = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=10)
        Hubtel(link, "m", 1).send("*384*26#", "initiation")
        link.close()

    def cpu(self):
        """Of the workers, and of PostgreSQL's processes."""
        server = {}
        for pid in children(self.pg.postmaster()):
            with suppress(FileNotFoundError):  # autovacuum's come and go
                server[pid] = cpu_seconds(pid)
        return sum(cpu_seconds(pid) for pid in self.daemon.children()), server

    def pay(self, count):
        """All of them paid: (CPU of the workers, of PostgreSQL)."""
        for first in range(1, count + 1, CHUNK):  # each new number takes a lock
            sql(self.url, READERS % (first, min(first + CHUNK - 1, count)))
            sql(self.url, "update billing.charge set due_at = null where due_at is not null")
        sql(self.url, "vacuum analyze")
        workers, server = self.cpu()
        sql(self.url, DUE, (RATE,))
        until = time.monotonic() + LIMIT_S + count / RATE
        while sql(self.url, "select count(*) from billing.charge where due_at is not null")[0][0]:
            assert time.monotonic() < until, sql(self.url, "select state, count(*) from billing.charge group by 1")
            time.sleep(2)
        now = self.cpu()
        return now[0] - workers, sum(cpu - server.get(pid, 0) for pid, cpu in now[1].items())

    def stop(self):
        self.started.close()


def charges(machine, line):
    count, till = RATE * SECONDS, Till(machine)
    try:
        workers, server = till.pay(count)
        books = till.rail.books()
        paid = sql(till.url, "select count(*) from billing.charge c where state = 'SUCCEEDED' and settlement = 'granted' and exists"
                             " (select 1 from billing.entitlement e where e.charge_id = c.id)")[0][0]
        assert paid == count == books["debits"] == books["asked"], (paid, books)
        rows = sql(till.url, SECONDS_SQL, (SECONDS + 60,))
    finally:
        till.stop()
    steady = rows[FILLING_S:SECONDS - 1]
    yield line("charges: submitted a second", sum(r[1] for r in steady) / len(steady), unit="/s", at_least=0.97 * RATE)
    yield line("charges: settled a second", sum(r[2] for r in steady) / len(steady), unit="/s", at_least=0.97 * RATE)
    yield line("charges: in flight, at least", min(r[3] for r in steady), at_least=10 * RATE)
    yield line("charges: questions a charge", books["questions"] / count)
    yield line("charges: workers' CPU a charge", workers * 1e6 / count, unit="us")
    yield line("charges: PostgreSQL CPU a charge", server * 1e6 / count, unit="us")
