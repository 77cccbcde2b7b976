# SPDX-License-Identifier: Apache-2.0
"""The SMS figures: the durable outbox and Kannel's bearerbox against one message centre, smsc.c.

    smsc = Smsc(machine, "ours")      a bench SMSC on the other core; smsc.figures() asks it
    outbox = Outbox(machine)          `coko serve` on its own PostgreSQL, with fsync on

Both senders use a window of WINDOW, and the SMSC sends a receipt of each part at once.
"""
import http.client
import json
import os
import signal
import subprocess
from contextlib import ExitStack

from daemon import Daemon, template_values
from database import fill, sql
from machine import OTHER_CORE, SERVER_CORE, Hubtel, cpu_seconds, pss_kib
from support import TOP, Postgres, Process, free_port, wait_until

SMSC = TOP / "build/release/bench/smsc"
WINDOW = 100
PARTS = 5  # of a chapter's instalment
READERS = 200
INSTALMENTS = int(os.environ.get("BENCH_INSTALMENTS", "4000"))
QUEUED = 1_000_000 if os.environ.get("COKO_LONG") else int(os.environ.get("BENCH_QUEUED", "100000"))
KANNEL_MESSAGES = int(os.environ.get("BENCH_KANNEL", "10000"))
LIMIT_S = 300
SENTENCE = "La pirogue glisse sur le fleuve et personne ne parle. "
TEXT = (SENTENCE * 15)[:153 * PARTS - 10]


class Smsc:
    def __init__(self, machine, name):
        with machine.on_core(OTHER_CORE):
            self.process = Process([SMSC], machine.folder / f"smsc-{name}.log")
        self.port = wait_until(self.lines, lambda: f"the SMSC: {self.process.tail()}")[0]["port"]

    def lines(self):
        assert self.process.running(), self.process.tail()
        return [json.loads(line) for line in self.process.log.read_text().splitlines() if line.endswith("}")]

    def figures(self):
        before = len(self.lines())
        self.process.signal(signal.SIGUSR1)
        return wait_until(lambda: self.lines()[before:], "the SMSC's figures")[-1]

    def wait(self, field, count):
        """Its figures once `field` has reached count."""
        last = {}

        def reached():
            last.update(self.figures())
            return last if last[field] >= count else None
        return wait_until(reached, lambda: f"{count} {field}: {last}", LIMIT_S)

    def stop(self):
        assert self.process.stop() == 0, self.process.tail()


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(child) for child in f.read().split()]


class Outbox:
    """Whatever fails, at the start or at the end, what it started is ended."""

    def __init__(self, machine):
        with ExitStack() as started:
            self.start(machine, started.callback)
            self.started = started.pop_all()

    def start(self, machine, at_the_end):
        self.smsc = Smsc(machine, "ours")
        at_the_end(self.smsc.stop)
        with machine.on_core(OTHER_CORE):
            self.pg = Postgres(machine.folder / "pg-durable", fsync="on")
        at_the_end(self.pg.stop)
        self.url = self.pg.url
        fill(self.url)
        values = template_values(self.url, machine.redis.url)
        link = {"port": self.smsc.port, "rate": 0, "window": WINDOW, "validity": "no"}
        with machine.on_core(SERVER_CORE):
            self.daemon = Daemon(machine.folder / "outbox", values,
                                 {"coko": {"workers": 1}, "link lab": link}, "gateway", wait=False)
        at_the_end(self.daemon.stop)
        self.daemon.wait_ready()
        self.worker = machine.worker_of(self.daemon)
        wait_until(lambda: self.daemon.metric("coko_smpp_bind_up") == 1, "the bind", 30)
        self.dial_readers()

    def dial_readers(self):
        link = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=10)
        for k in range(READERS):
            Hubtel(link, f"o{k}", k + 1).send("*384*26#", "initiation")
        link.close()

    def queue(self, count):
        sql(self.url, "insert into messaging.message (account, identity_id, kind, priority, body, lang, segments,"
                      " due_at, expires_at, created_at)"
                      " select 'lab', i.id, 'instalment', 3, %s, 'fr', %s, ops.now(), ops.now() + interval '1 day', ops.now()"
                      " from generate_series(1, %s) n join (select id, row_number() over () as k from auth.identity) i"
                      " on i.k = 1 + n %% %s", (TEXT, PARTS, count, READERS))
        sql(self.url, "analyze messaging.message")

    def pg_cpu(self):
        """Of every process of the server that is still there."""
        return {pid: cpu_seconds(pid) for pid in children(self.pg.postmaster())}

    def delivered(self):
        return sql(self.url, "select count(*) from messaging.part where state = 'delivered'")[0][0]

    def stop(self):
        self.started.close()


def sms_outbox(machine, line):
    outbox = Outbox(machine)
    try:
        yield from outbox_figures(outbox, line)
    finally:
        outbox.stop()


def outbox_figures(outbox, line):
    parts = INSTALMENTS * PARTS
    small = pss_kib(outbox.worker)
    worker, server = cpu_seconds(outbox.worker), outbox.pg_cpu()
    outbox.queue(INSTALMENTS)
    seen = outbox.smsc.wait("receipts", parts)
    worker = cpu_seconds(outbox.worker) - worker
    server = sum(cpu - server.get(pid, 0) for pid, cpu in outbox.pg_cpu().items())
    assert outbox.delivered() == parts and seen["submits"] == parts and seen["refused"] == 0, seen
    yield line("outbox: parts a second, with receipt", parts / (seen["receipt_us"] / 1e6), unit="/s", at_least=6000)
    yield line("outbox: worker CPU a part", worker * 1e6 / parts, unit="us")
    yield line("outbox: PostgreSQL CPU a part", server * 1e6 / parts, unit="us")
    yield line("outbox: enquire_link p99", seen["enquire_p99_us"] / 1000, unit="ms", at_most=10)
    outbox.queue(QUEUED)
    outbox.smsc.wait("receipts", parts + 2 * parts)
    yield line(f"outbox: worker with {QUEUED // 1000} k queued (Pss)", pss_kib(outbox.worker) / 1024, small / 1024,
               "MB", at_most=30, of="ours")


# ---- Kannel ----

def kannel_conf(folder, ports, smsc, durable):
    spool, dlr = folder / "store", folder / "dlr"
    for one in (spool, dlr):
        one.mkdir(parents=True)
    store = f"store-type = spool\nstore-location = {spool}\n" if durable else ""
    dlrs = f"dlr-storage = spool\ndlr-spool = {dlr}\n" if durable else ""
    path = folder / "kannel.conf"
    path.write_text(
        f"group = core\nadmin-port = {ports[0]}\nadmin-interface = 127.0.0.1\nadmin-password = bench\n"
        f"smsbox-port = {ports[1]}\nsmsbox-interface = 127.0.0.1\nlog-level = 2\nsms-incoming-queue-limit = -1\n"
        f"sms-outgoing-queue-limit = 10000000\nsmsbox-max-pending = 1000\n{store}{dlrs}\n"
        f"group = smsbox\nbearerbox-host = 127.0.0.1\n\n"  # it will not start without one
        f"group = smsc\nsmsc = smpp\nsmsc-id = bench\nhost = 127.0.0.1\nport = {smsc.port}\n"
        f"smsc-username = coko\nsmsc-password = secret\nsystem-type = x\ntransceiver-mode = true\n"
        f"max-pending-submits = {WINDOW}\nreconnect-delay = 1\n")
    return path


def kannel_rate(machine, name, durable):
    """Messages a second of one bearerbox, fed by mtbatch; with durable, each with its receipt."""
    folder = machine.folder / f"kannel-{name}"
    folder.mkdir()
    smsc, ports = Smsc(machine, name), (free_port(), free_port())
    texts, numbers = folder / "text", folder / "numbers"
    texts.write_text(SENTENCE * 2 + "\n")
    numbers.write_text("".join(f"22507{k:08d}\n" for k in range(KANNEL_MESSAGES)))
    with machine.on_core(SERVER_CORE):
        box = Process(["/usr/sbin/bearerbox", "-v", "2", kannel_conf(folder, ports, smsc, durable)], folder / "log")
    try:
        wait_until(lambda: smsc.figures()["binds"] > 0, lambda: f"bearerbox: {box.tail()}", 30)
        asked = ["-D", "31", "-u", "http://127.0.0.1/"] if durable else []
        subprocess.run(["mtbatch", "-v", "4", "-b", "127.0.0.1", "-p", str(ports[1]), "-f", "26", *asked, texts, numbers],
                       check=True, capture_output=True, timeout=LIMIT_S)
        field, took = ("receipts", "receipt_us") if durable else ("submits", "submit_us")
        seen = smsc.wait(field, KANNEL_MESSAGES)
        return KANNEL_MESSAGES / (seen[took] / 1e6)
    finally:
        box.stop(60)
        smsc.stop()


def kannel(machine, line):
    """As many parts on both sides: ours five to an instalment, bearerbox one to a message."""
    yield line("Kannel, memory, no receipts", kannel_rate(machine, "memory", False), unit="/s")
    theirs = kannel_rate(machine, "spool", True)
    yield line("Kannel, spool, receipts in spool", theirs, unit="/s")
    outbox = Outbox(machine)
    try:
        outbox.queue(KANNEL_MESSAGES // PARTS)
        seen = outbox.smsc.wait("receipts", KANNEL_MESSAGES)
    finally:
        outbox.stop()
    yield line("outbox : Kannel's spool, receipts", KANNEL_MESSAGES / (seen["receipt_us"] / 1e6), theirs, "/s",
               at_least=3)
