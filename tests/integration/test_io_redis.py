# SPDX-License-Identifier: Apache-2.0
"""gateway/io/redis against a real redis-server: order, scripts, deadlines, restarts, passwords."""
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
import redis as redis_client
from io_probe import Probe
from support import Process, free_port, wait_until


@pytest.fixture
def probe(own_redis):
    one = Probe("redis", own_redis.url)
    wait_until(lambda: one.ask("up") == ["1"], "redis")
    yield one
    one.stop()


def test_commands_in_order(probe):
    for n in range(200):
        probe.say("cmd", f"t{n}", "ECHO", n)
    assert [probe.next() for _ in range(200)] == [[f"t{n}", "ok", str(n)] for n in range(200)]
    probe.say("cmd", "a", "GET", "no such key")
    assert probe.answer("a") == ["ok", "nil"]
    probe.say("cmd", "a", "NOSUCH")
    assert probe.answer("a")[:2] == ["fail", "redis"]


def test_script_survives_a_flush(probe, own_redis):
    probe.say("cmd", "a", "SET", "probe", "value")
    assert probe.answer("a") == ["ok", "OK"]
    for _ in range(2):
        for n in range(3):
            probe.say("eval", f"e{n}", "my ")
        for n in range(3):
            assert probe.answer(f"e{n}") == ["ok", "my value"]
        redis_client.Redis.from_url(own_redis.url).script_flush()


def test_frozen_server_meets_the_deadline_and_recovers(probe, own_redis):
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for n in range(40):
            probe.say("cmd", f"t{n}", "INCR", "frozen")
        for n in range(40):
            answer = probe.answer(f"t{n}")
            assert answer[:2] in (["fail", "timeout"], ["fail", "io"])
        assert time.monotonic() - began < 10, "one deadline, not forty of 300 ms one after another"
        assert probe.ask("up") == ["0"]
        assert probe.ask("runid") == [""]
        probe.say("cmd", "down", "PING")
        assert probe.answer("down")[:2] == ["fail", "io"]  # at once: a hop cannot wait
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    wait_until(lambda: probe.ask("up") == ["1"], "redis to be back")
    probe.say("cmd", "a", "PING")
    assert probe.answer("a") == ["ok", "PONG"]


def test_restart_changes_the_run_id(probe, own_redis):
    before = probe.ask("runid")
    assert len(before[0]) == 40
    own_redis.stop()
    wait_until(lambda: probe.ask("up") == ["0"], "the loss to be seen")
    own_redis.start()
    assert own_redis.url == probe.child.args[2]  # the same port again
    wait_until(lambda: probe.ask("up") == ["1"], "redis to be back")
    after = probe.ask("runid")
    assert len(after[0]) == 40 and after != before


class Fake(threading.Thread):
    """A server that answers every connection's bytes with what a test says, then closes it."""

    def __init__(self, answers):
        super().__init__(daemon=True)
        self.port = free_port()
        self.sock = socket.create_server(("127.0.0.1", self.port))
        self.answers = answers
        self.start()

    def run(self):
        for answer in self.answers:
            conn, _ = self.sock.accept()
            conn.recv(65536)
            conn.sendall(answer)
            time.sleep(0.05)
            conn.close()
        self.sock.close()


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text), text)


def test_sentinel_names_the_master(own_redis):
    port = own_redis.url.rsplit(":", 1)[1].split("/")[0].encode()
    sentinel = Fake([b"*-1\r\n", b"*2\r\n" + bulk(b"127.0.0.1") + bulk(port)])
    dead = free_port()
    one = Probe("redis",
                f"redis+sentinel://127.0.0.1:{dead},127.0.0.1:{sentinel.port}/mymaster/0")
    try:
        wait_until(lambda: one.ask("up") == ["1"], "the master through Sentinel")
        one.say("cmd", "a", "PING")
        assert one.answer("a") == ["ok", "PONG"]
    finally:
        one.stop()


@pytest.mark.parametrize("garbage", [b"?what\r\n", b"$-7\r\n", b"HTTP/1.1 400\r\n\r\n",
                                     b"+OK\r\n+OK\r\n"])
def test_not_redis_is_dropped(garbage):
    fake = Fake([garbage, garbage])
    one = Probe("redis", f"redis://127.0.0.1:{fake.port}")
    try:
        fake.join(10)
        assert not fake.is_alive()  # it was tried again, after the first garbage
        assert one.ask("up") == ["0"]
    finally:
        one.stop()


@pytest.fixture
def tls_redis(tmp_path):
    cert, key, port = tmp_path / "cert", tmp_path / "key", free_port()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=test", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    server = Process(["redis-server", "--port", 0, "--tls-port", port, "--bind", "127.0.0.1",
                      "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert,
                      "--tls-auth-clients", "no", "--save", "", "--dir", tmp_path],
                     tmp_path / "log")
    yield f"rediss://127.0.0.1:{port}", str(cert)
    server.stop()


def test_tls_is_verified(tls_redis):
    url, ca = tls_redis
    good, bad = Probe("redis", url, ca), Probe("redis", url)
    try:
        wait_until(lambda: good.ask("up") == ["1"], "redis over TLS")
        good.say("cmd", "a", "SET", "large", "x" * 60000)
        assert good.answer("a") == ["ok", "OK"]
        good.say("cmd", "a", "GET", "large")
        assert good.answer("a") == ["ok", "x" * 60000]
        wait_until(lambda: any("does not answer" in line for line in bad.stderr), "the refusal")
        assert bad.ask("up") == ["0"]
    finally:
        good.stop()
        bad.stop()


def test_password_and_database(own_redis):
    admin = redis_client.Redis.from_url(own_redis.url)
    admin.config_set("requirepass", "p@ss word")
    try:
        address = own_redis.url.split("//", 1)[1].split("@")[-1].split("/")[0]
        one = Probe("redis", f"redis://:p%40ss%20word@{address}/3")
        try:
            wait_until(lambda: one.ask("up") == ["1"], "the login")
            one.say("cmd", "a", "SET", "here", "x")
            one.answer("a")
        finally:
            one.stop()
        check = redis_client.Redis(host=address.split(":")[0], port=int(address.split(":")[1]),
                                   db=3, password="p@ss word")
        assert check.get("here") == b"x"
    finally:
        admin.execute_command("AUTH", "p@ss word")
        admin.config_set("requirepass", "")
