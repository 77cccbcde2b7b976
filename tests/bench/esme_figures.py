# SPDX-License-Identifier: Apache-2.0
"""The ESME figures: npm "smpp" submits to our listener; each submit is answered after its commit, with fsync on.

No carrier is there to send to: what is measured is the way from a submit_sm to its row and back.
"""
import os
from contextlib import ExitStack

from daemon import Daemon, template_values
from database import fill, sql
from kannel import listens
from lab_fixtures import Peer
from machine import OTHER_CORE, SERVER_CORE, cpu_seconds
from sms_figures import children
from support import Postgres, free_port, wait_until

SUBMITS = int(os.environ.get("BENCH_ESME", "20000"))
WINDOW = 100
SECRET = "bench-secret"


class Listener:
    """`coko serve` with [smpp_server] on its own PostgreSQL."""

    def __init__(self, machine):
        with ExitStack() as started:
            self.start(machine, started.callback)
            self.started = started.pop_all()

    def start(self, machine, at_the_end):
        with machine.on_core(OTHER_CORE):
            self.pg = Postgres(machine.folder / "pg-esme", fsync="on")
        at_the_end(self.pg.stop)
        fill(self.pg.url)
        self.port = free_port()
        config = {"coko": {"workers": 1}, "link lab": {"port": free_port()},
                  "smpp_server": {"listen": f"127.0.0.1:{self.port}"},
                  "esme bench": {"password": SECRET, "rate": 0, "queue": 1000}}
        with machine.on_core(SERVER_CORE):
            self.daemon = Daemon(machine.folder / "esme", template_values(self.pg.url, machine.redis.url), config, "gateway",
                                 wait=False)
        at_the_end(self.daemon.stop)
        self.daemon.wait_ready()
        self.worker = machine.worker_of(self.daemon)
        wait_until(lambda: listens(self.port), "the listener", 30)
        with machine.on_core(OTHER_CORE):
            self.peer = Peer("smpp_client.js", "--port", self.port)
        at_the_end(self.peer.stop)
        assert self.peer.bind("bench", SECRET)["status"] == 0

    def pg_cpu(self):
        return {pid: cpu_seconds(pid) for pid in children(self.pg.postmaster())}

    def flood(self, count):
        self.peer.tell("flood", count=count, window=WINDOW, to="2250701020", digits=3, text="La pirogue glisse sur le fleuve")
        got = self.peer.expect("flood", timeout=300)
        assert got["refused"] == 0, got
        return got["per_s"]

    def stop(self):
        self.started.close()


def esme(machine, line):
    listener = Listener(machine)
    try:
        listener.flood(1000)  # the thousand numbers are known, statements prepared
        worker, server = cpu_seconds(listener.worker), listener.pg_cpu()
        rate = listener.flood(SUBMITS)
        worker = cpu_seconds(listener.worker) - worker
        server = sum(cpu - server.get(pid, 0) for pid, cpu in listener.pg_cpu().items())
        stored = sql(listener.pg.url, "select count(*) from messaging.message where kind = 'esme' and state = 'queued'")[0][0]
        assert stored == SUBMITS + 1000, stored
    finally:
        listener.stop()
    yield line("ESME: submit_sm a second, stored", rate, unit="/s")
    yield line("ESME: worker CPU a submit", worker * 1e6 / SUBMITS, unit="us")
    yield line("ESME: PostgreSQL CPU a submit", server * 1e6 / SUBMITS, unit="us")
