# SPDX-License-Identifier: Apache-2.0
"""What the figures are measured on: the servers, pinned; the load generator; a process's figures."""
import http.client
import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

from daemon import Daemon, template_values
from database import fill
from support import TOP, Postgres, Process, Redis, free_port, shell, wait_until

FLOOR = TOP / "build/release/bench/floor"
SERVER_CORE, OTHER_CORE = 0, 1
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
CONNECTIONS = 16
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """utime + stime of a process, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def pss_kib(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def rss_kib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


class Load:
    """One run of wrk: requests, seconds, p50_us, p99_us, errors, and cpu_us a request of the server."""

    def __init__(self, figures, cpu):
        self.__dict__.update(figures)
        self.rate = self.requests / self.seconds
        self.cpu_us = cpu * 1e6 / max(self.requests, 1)


class Server:
    """Another program that answers hops, on the core of ours."""

    def __init__(self, machine, name, program, *args):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        with machine.on_core(SERVER_CORE):
            self.process = Process(
                [*program, "--port", self.port, "--redis", machine.redis_port, *args],
                machine.folder / f"{name}.log", env={"DATABASE_URL": machine.pg.url, "NODE_ENV": "production"})
        self.worker = self.process.pid
        wait_until(self.listens, lambda: f"{name}: {self.process.tail()}")

    def listens(self):
        assert self.process.running(), self.process.tail()
        try:
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=1).connect()
            return True
        except OSError:
            return False

    def stop(self):
        assert self.process.stop() == 0, self.process.tail()


class OnCores:
    """What is started meanwhile inherits these cores."""

    def __init__(self, *cores):
        self.cores = set(cores)

    def __enter__(self):
        self.before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self.cores)

    def __exit__(self, *exc):
        os.sched_setaffinity(0, self.before)


class Machine:
    def __init__(self, folder):
        self.folder = folder
        self.started = ExitStack()  # closing it ends all, also when one of them will not end well
        self.sequence = 10

    def on_core(self, core):
        return OnCores(core)

    def on_both_cores(self):
        return OnCores(SERVER_CORE, OTHER_CORE)

    def start(self):
        print(shell('build_coko release coko bench_floor bench_smsc bench_link bench_binds bench_rail').strip(), flush=True)
        with self.on_core(OTHER_CORE):
            self.pg = self.keep(Postgres(self.folder / "pg"))
            self.redis = self.keep(Redis(self.folder / "redis"))
        self.redis_port = int(self.redis.url.rsplit(":", 1)[1].split("/")[0])
        fill(self.pg.url)
        os.sched_setaffinity(0, {OTHER_CORE})
        self.daemon = self.keep(self.serve("coko"))
        self.worker = self.worker_of(self.daemon)

    def keep(self, one):
        self.started.callback(one.stop)
        return one

    def serve(self, name):
        values = template_values(self.pg.url, self.redis.url)
        with self.on_core(SERVER_CORE):
            return Daemon(self.folder / name, values, {"coko": {"workers": 1}}, "api,gateway")

    @staticmethod
    def worker_of(daemon):
        workers = daemon.children()
        assert len(workers) == 1, workers
        return workers[0]

    def stop(self):
        self.started.close()

    @staticmethod
    def wrk(url, worker, script, *args, connections=CONNECTIONS, seconds=SECONDS):
        """Drives one server; args go to the script."""
        before = cpu_seconds(worker)
        done = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency",
             "-s", str(TOP / "tests/bench" / script), url, "--", *map(str, args)],
            capture_output=True, text=True, check=False, timeout=seconds + 30)
        cpu = cpu_seconds(worker) - before
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        assert done.returncode == 0 and lines, f"wrk: {done.stdout}{done.stderr}"
        load = Load(json.loads(lines[-1]), cpu)
        assert load.requests > 100 and load.errors == 0, f"wrk: {lines[-1]} from {url}"
        return load

    def hops(self, url, worker, prefix, sessions, *inputs, pause=0, **how):
        """Hops over sessions that dial_all opened; the sequence is above all earlier ones."""
        self.sequence += 1_000_000
        return self.wrk(url, worker, "hop.lua", prefix, sessions, self.sequence, pause, *inputs, **how)

    def ours(self, prefix, sessions, *inputs):
        """Hops of the daemon; fails unless every one was an input that the menu took."""
        marks = [("coko_ussd_verdicts_total", 'verdict="input"'), ("coko_ussd_failed_total", ""),
                 ("coko_ussd_actions_failed_total", "")]
        before = [self.daemon.metric(*mark) for mark in marks]
        load = self.hops(f"{self.daemon.url}/ussd/hubtel/demo", self.worker, prefix, sessions,
                         *inputs)
        taken, *faults = [self.daemon.metric(*m) - b for m, b in zip(marks, before)]
        assert taken >= load.requests and not any(faults), f"{load.requests} {taken} {faults}"
        return load

    def dial_all(self, prefix, sessions, *inputs, daemon=None):
        """Opens sessions PREFIX1 ... and sends the inputs on each; returns the last screen."""
        link = http.client.HTTPConnection("127.0.0.1", (daemon or self.daemon).port, timeout=10)
        for k in range(1, sessions + 1):
            phone = Hubtel(link, f"{prefix}{k}", k)
            if "Bienvenue" in phone.send("*384*26#", "initiation"):
                phone.send("1")
            for text in inputs:
                phone.send(text)
        link.close()
        return phone.screen


class Hubtel:
    """A phone on a kept connection; its number is the one that hop.lua sends for session k."""

    def __init__(self, link, session, k, path="/ussd/hubtel/demo", goes_on="response"):
        self.link, self.session, self.number, self.sequence = link, session, f"22507{k:08d}", 0
        self.path, self.goes_on = path, goes_on

    def body(self, text, kind="response"):
        self.sequence += 1
        return json.dumps({
            "Type": kind, "Message": text, "ServiceCode": "384*26", "Operator": "mtn",
            "ClientState": "", "Mobile": self.number, "SessionId": self.session,
            "Sequence": str(self.sequence), "Platform": "USSD"})

    def send(self, text, kind="response"):
        self.link.request("POST", self.path, self.body(text, kind),
                          {"Content-Type": "application/json"})
        answer = json.loads(self.link.getresponse().read())
        assert answer["Type"] == self.goes_on, answer
        self.screen = answer["Message"]
        return self.screen
