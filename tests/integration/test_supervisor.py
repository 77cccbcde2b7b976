# SPDX-License-Identifier: Apache-2.0
"""The supervisor and its workers: deaths, drains, reloads, orphans, and no hop lost meanwhile."""
import http.client
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from support import TOP, alive, http_request, wait_until

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone  # noqa: E402


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def backlog(port):
    """Connections that wait to be accepted, over all sockets of the port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].split(":")[1], 16) for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port)


class Hammer:
    """Clients that ask /health/ in a row, a connection each time, until stopped; counts failures."""

    def __init__(self, daemon, clients=3):
        self.port, self.over = daemon.port, threading.Event()
        self.good, self.failures, self.slowest = 0, [], 0.0
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.over.is_set():
            began = time.monotonic()
            try:
                conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                conn.request("GET", "/health/")
                assert conn.getresponse().read()
                conn.close()
                self.good += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
            except Exception as fault:  # pylint: disable=broad-except
                if not self.over.is_set():
                    self.failures.append(repr(fault))

    def asked(self, more):
        wanted = self.good + more
        wait_until(lambda: self.good >= wanted, f"{more} more answers; failures {self.failures[:3]}", 60)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def hammer():
    made = []

    def start(daemon, **kwargs):
        made.append(Hammer(daemon, **kwargs))
        return made[-1]

    yield start
    for one in made:
        one.stop()


def kill_worker(d, pid):
    os.kill(pid, signal.SIGKILL)
    # dead is not enough: until the supervisor has seen it, a zombie still counts as its child
    wait_until(lambda: pid not in d.children(), "the worker to be buried")


def test_no_connection_is_refused_while_a_slot_is_down(daemon, hammer):
    """The neighbour adopts the listener; what a killed worker had accepted is all that may fail."""
    d = daemon({"coko": {"workers": "2"}})
    load = hammer(d)
    load.asked(20)
    restarts = d.metric("coko_worker_restarts_total")
    for turn in range(4):
        wait_until(lambda: len(d.children()) == 2, "two workers")
        kill_worker(d, d.children()[turn % 2])
        load.asked(30)
    wait_until(lambda: d.metric("coko_worker_restarts_total") == restarts + 4, "4 restarts")
    load.stop()
    refused = [f for f in load.failures if "refused" in f.lower() or "timed out" in f.lower()]
    assert not refused, refused
    assert len(load.failures) <= 4 * len(load.threads), load.failures


def test_a_listener_is_adopted_once_however_often_its_slot_dies(daemon):
    """Bug: each death added one more listener to the neighbour, until its table was full."""
    d = daemon({"coko": {"workers": "2"}})
    keeper = min(d.children())
    for _ in range(6):
        wait_until(lambda: len(d.children()) == 2, "two workers")
        other = next(pid for pid in d.children() if pid != keeper)
        d.get("/health/")
        kill_worker(d, other)
    wait_until(lambda: len(d.children()) == 2, "two workers")
    listening = [line for line in os.popen(f"ls -l /proc/{keeper}/fd").read().splitlines() if "socket" in line]
    assert listening and not [r for r in d.log_lines() if r.get("event") == "listener not adopted"]


def test_counters_go_on_over_restarts(daemon):
    d = daemon({"coko": {"workers": "1"}})
    for _ in range(5):
        d.get("/health/")
    before = d.metric("coko_http_requests_total")
    assert before >= 5
    for _ in range(4):
        wait_until(lambda: len(d.children()) == 1, "a worker")
        kill_worker(d, d.children()[0])
    wait_until(lambda: len(d.children()) == 1, "a worker")
    wait_until(d.is_ready, "ready")
    assert d.metric("coko_http_requests_total") > before
    assert d.metric("coko_worker_restarts_total") == 4
    assert d.metric("coko_workers") == 1
    starts = [r for r in d.log_lines() if r.get("event") == "worker started"]
    assert len(starts) == 5


def test_a_drain_under_load_fails_no_request(daemon, hammer):
    """Requests that were accepted are answered; then the exit code is 0. A keep-alive client."""
    d = daemon({"coko": {"workers": "2", "drain_wait": "3s"}})
    failures, good, over = [], [], threading.Event()

    def client():
        conn = http.client.HTTPConnection("127.0.0.1", d.port, timeout=60)
        while not over.is_set():
            try:
                conn.request("GET", "/health/")
                answer = conn.getresponse()
                body = answer.read()
                good.append(b'"draining":true' in body)
                if b'"draining":true' in body:
                    return  # as a load balancer does when it sees that we are leaving
            except OSError as fault:
                failures.append(repr(fault))
                return

    threads = [threading.Thread(target=client) for _ in range(6)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(good) > 30, "load")
    d.process.signal(signal.SIGTERM)
    for thread in threads:
        thread.join(60)
    over.set()
    assert not failures and sum(good) == 6, (failures, sum(good))
    assert d.process.wait(20) == 0


def test_ready_says_draining_while_hops_are_answered(daemon):
    d = daemon({"coko": {"workers": "1", "drain_wait": "6s"}})
    d.process.signal(signal.SIGTERM)
    wait_until(lambda: d.get("/health/ready").status == 503, "not ready")
    assert d.get("/health/").status == 200
    answer = d.post("/ussd/africastalking/demo", [
        ("sessionId", "drain"), ("serviceCode", "*384*26#"), ("phoneNumber", "+2250700000009"),
        ("networkCode", "62003"), ("text", "")])
    assert answer.status == 200 and answer.text.startswith("CON "), answer
    assert d.process.wait(20) == 0


def test_a_broken_configuration_keeps_the_old_one(daemon):
    d = daemon({"coko": {"workers": "1"}})
    assert d.metric("coko_config_reload_success") == 1
    good = d.ini.read_text()
    d.ini.write_text(good.replace("[http]", "[http]\nno_such_key = 1") + "\n[what]\na = b\n")
    d.process.signal(signal.SIGHUP)
    wait_until(lambda: d.metric("coko_config_reload_success") == 0, "the reload to fail")
    refused = wait_until(lambda: [r for r in d.log_lines() if r.get("event") == "configuration refused"], "the log")
    text = str(refused[-1])
    assert text.count(f"{d.ini}:") == 2 and "no_such_key" in text and "what" in text
    assert d.is_ready()
    d.ini.write_text(good)
    d.process.signal(signal.SIGHUP)
    wait_until(lambda: d.metric("coko_config_reload_success") == 1, "the reload to succeed")
    assert d.is_ready() and len(d.children()) == 1


def test_a_killed_supervisor_leaves_no_orphan(daemon):
    d = daemon({"coko": {"workers": "2"}})
    workers = d.children()
    d.kill()
    wait_until(lambda: not any(alive(pid) for pid in workers), "the workers to drain and end", 20)
    gone = [r for r in d.log_lines() if r.get("event") == "supervisor gone"]
    assert len(gone) == 2
    d.killed = True


def test_a_taken_port_is_told_with_exit_code_1(daemon):
    d = daemon({"coko": {"workers": "1"}})
    other = daemon({"http": {"metrics_listen": f"127.0.0.1:{d.metrics_port}"}}, wait=False)
    assert other.process.wait(20) == 1
    other.killed = True
    assert f"cannot listen on 127.0.0.1:{d.metrics_port}" in other.process.tail()


def test_health_says_what_is_asked(daemon):
    d = daemon({"coko": {"workers": "1"}})
    assert d.get("/health/nothing").status == 404
    assert d.post("/health/", {}).status == 405
    assert http_request("HEAD", d.url + "/health/ready").status == 200
    assert d.get("/health/live").json()["status"] == "ok"


def test_a_worker_takes_no_hop_before_its_stores_have_answered(daemon, own_redis):
    """Found as a polite END in the first second of a daemon with two workers: one was ready, its neighbour not yet.
    Nor through the door of a neighbour that died meanwhile."""
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        coko = daemon(config={"coko": {"workers": 2, "accept_wait": "90s"}}, redis_url=own_redis.url, wait=False)
        wait_until(lambda: len(coko.children()) == 2, "two workers")
        wait_until(lambda: connects(coko.port), "the listening sockets")
        before = backlog(coko.port)
        readers = [AtPhone(coko.url, "demo", f"+22507000007{n}0") for n in range(8)]
        dials = [threading.Thread(target=reader.dial, args=("*384*26#",)) for reader in readers]
        for dial in dials:
            dial.start()
        wait_until(lambda: backlog(coko.port) - before >= len(dials), "the hops to wait before the door")
        kill_worker(coko, coko.children()[0])
        wait_until(lambda: "neighbour died" in coko.process.log.read_text(), "the neighbour to know")
        wait_until(lambda: coko.process.log.read_text().count("redis does not answer") >= 2, "both loops to turn a while")
        assert backlog(coko.port) - before >= len(dials), "a door was opened"
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    for dial in dials:
        dial.join()
    assert [reader.last for reader in readers if reader.ended] == [], "a polite END where a screen was to be had"


def test_a_store_that_is_down_is_not_waited_for(daemon, own_redis):
    """Expected: the worker accepts after accept_wait, and says politely that it cannot serve."""
    own_redis.stop()
    try:
        coko = daemon(config={"coko": {"accept_wait": "200ms"}}, redis_url=own_redis.url, wait=False)
        wait_until(lambda: connects(coko.port), "the listening socket")
        reader = AtPhone(coko.url, "demo", "+2250700000799")
        assert "Coko" in reader.dial("*384*26#") and reader.ended
        assert coko.get("/health/ready").status == 503
    finally:
        own_redis.start()
