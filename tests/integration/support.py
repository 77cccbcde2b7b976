# SPDX-License-Identifier: Apache-2.0
"""What the integration tests are built from: processes that are ended by pid, waiting by asking, a
small HTTP client, private PostgreSQL and Redis servers, and the daemon.

Nothing sleeps for luck: `wait_until` asks a question until it is answered or its time is over. Every
object here has `stop()`, which leaves no process and no folder behind.
"""
import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
import urllib.parse
from pathlib import Path

import psycopg2

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("COKO_BUILD", TOP / "build/debug"))
COKO = BUILD / "coko"
TEST_KEYS = "1:" + "5a" * 32  # the seal ring of every test
# What no log of ours may hold: a sanitizer's report or a broken assertion.
FAULT_MARKS = re.compile(rb"AddressSanitizer|LeakSanitizer|runtime error:|Assertion .* failed")


def wait_until(ask, what, timeout=30.0, every=0.02):
    """Asks until the answer is true and returns it; fails with `what` when the time is over. It is asked once more after the
    time: a test that was not let run for as long has not seen what happened meanwhile."""
    end = time.monotonic() + timeout
    while True:
        over = time.monotonic() > end
        answer = ask()
        if answer:
            return answer
        if over:
            raise AssertionError(f"waited {timeout} s for {what() if callable(what) else what}")
        time.sleep(every)


def alive(pid):
    """Whether a process runs; a zombie that nobody reaps does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(") ", 1)[1][0] != "Z"


RESERVED = []  # sockets whose names keep our latest ports from other tests
RESERVED_MOST = 100


def ports_of_ours():
    """Below those that the kernel gives to whoever connects or asks for any, unless it gives all."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return range(10000, first if first > 12000 else 65536)


def free_port():
    """A port that stays free until it is listened on, and while its listener is down: not one that may be any connection's by
    then, or that of the very client that tries it in vain, and no other test's."""
    for port in random.sample(ports_of_ours(), 200):
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0coko-test-port-{port}")
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        RESERVED.append(name)
        if len(RESERVED) > RESERVED_MOST:
            RESERVED.pop(0).close()
        return port
    raise AssertionError("no free port")


class Response:
    def __init__(self, raw, body):
        self.status = raw.status
        self.headers = {k.lower(): v for k, v in raw.getheaders()}
        self.body = body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:200]!r}>"


def http_request(method, url, body=None, headers=None, timeout=60.0):
    """One request on its own connection. A dict body is sent as JSON, a list of pairs as a form."""
    parts = urllib.parse.urlsplit(url)
    headers = dict(headers or {})
    if isinstance(body, dict):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    elif isinstance(body, list):
        body = urllib.parse.urlencode(body).encode()
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    conn = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        conn.request(method, target, body=body, headers=headers)
        raw = conn.getresponse()
        return Response(raw, raw.read())
    finally:
        conn.close()


class Process:
    """A child in its own session with its output in a file."""

    def __init__(self, args, log, env=None, cwd=None):
        self.log = Path(log)
        self.args = [str(a) for a in args]
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(
                self.args, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})}, cwd=cwd, start_new_session=True)
        self.pid = self.child.pid

    def running(self):
        return self.child.poll() is None

    def tail(self, lines=40):
        return b"\n".join(self.log.read_bytes().splitlines()[-lines:]).decode(errors="replace")

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, timeout=60.0):
        return self.child.wait(timeout)

    def stop(self, timeout=60.0):
        """SIGTERM, then SIGKILL to the whole session if it does not end; returns the exit code."""
        if self.running():
            self.child.terminate()
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self.child.wait()
            raise AssertionError(f"{self.args[0]} ignored SIGTERM for {timeout} s:\n{self.tail()}")


def shell(script, *args, env=None):
    """Runs a line of shell with deploy/lib/setup.sh loaded; returns its standard output."""
    done = subprocess.run(
        ["bash", "-c", f'. "{TOP}/deploy/lib/setup.sh"; {script}', "setup", *map(str, args)],
        capture_output=True, text=True, env={**os.environ, **(env or {})}, check=False)
    assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
    return done.stdout


class Postgres:
    """A private server in its own folder. `url` names the database `coko`; `url_of(db)` another.
    fsync "on" and more buffers are for figures: tests need no data after a power cut. mould: the folder of a server at rest, which this
    one begins as a copy of."""

    def __init__(self, folder, fsync="off", mould=None, buffers="128MB"):
        self.folder, self.fsync, self.buffers = Path(folder), fsync, buffers
        if mould:
            self.folder.mkdir(parents=True)
            shell('data=$(pg_place "$1") && cp -a --reflink=auto "$2/pg.data/." "$data" && cp -a "$2/pg.pass" "$1"', self.folder, mould)
        self.start()

    def start(self):
        out = shell('pg_start "$1" && printf "url %s\\n" "$PG_URL"', self.folder,
                    env={"PG_FSYNC": self.fsync, "PG_BUFFERS": self.buffers})
        self.url = re.search(r"^url (\S+)$", out, re.M).group(1)

    def url_of(self, database):
        return f"{self.url.rsplit('/', 1)[0]}/{database}"

    def log_in_cheaply(self):
        """The same password behind one iteration of SCRAM, not 4096: those were a third of what the start of a sanitized
        daemon costs, over its nine connections."""
        word = urllib.parse.urlsplit(self.url).password.encode()
        salt = os.urandom(16)
        salted = hashlib.pbkdf2_hmac("sha256", word, salt, 1)
        stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
        server = hmac.digest(salted, b"Server Key", "sha256")
        salt, stored, server = (base64.b64encode(octets).decode() for octets in (salt, stored, server))
        conn = psycopg2.connect(self.url_of("postgres"))
        conn.autocommit = True
        with conn.cursor() as cur:
            cur.execute(f"alter role current_user password 'SCRAM-SHA-256$1:{salt}${stored}:{server}'")
        conn.close()

    def postmaster(self):
        return int((self.folder / "pg.data/postmaster.pid").read_text().split()[0])

    def crash(self):
        """Ends the server at once, as a power cut would; `start()` recovers it."""
        pid = self.postmaster()
        os.kill(pid, signal.SIGQUIT)
        wait_until(lambda: not alive(pid), "PostgreSQL to end")

    def rest(self):
        """Stops it as one that is wanted again: whole without its log, the data in its folder."""
        shell('pg_stop "$1"', self.folder)

    def stop(self):
        shell('pg_wipe "$1"', self.folder)


class Redis:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.start()

    def start(self):
        out = shell('redis_start "$1" && printf "url %s\\n" "$REDIS_URL"', self.folder)
        self.url = re.search(r"^url (\S+)$", out, re.M).group(1)

    @property
    def pid(self):
        return int((self.folder / "redis.pid").read_text().split()[0])

    def stop(self):
        shell('redis_stop "$1"', self.folder)


class Lab(Process):
    """A program of tests/lab: prints one JSON line when ready, takes orders over HTTP."""

    def __init__(self, script, log, *args):
        super().__init__(["/usr/bin/python3", TOP / "tests/lab" / script, *args], log)
        self.ready = wait_until(self.ready_line, lambda: f"{script} to be ready: {self.tail()}")
        self.port = self.ready["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.control_url = f"http://127.0.0.1:{self.ready.get('control_port', self.port)}"

    def ready_line(self):
        assert self.running(), f"{self.args[1]} ended: {self.tail()}"
        for line in self.log.read_bytes().splitlines():
            if line.startswith(b"{") and line.endswith(b"}"):
                return json.loads(line)
        return None

    def control(self, method, path, body=None):
        answer = http_request(method, self.control_url + path, body)
        assert answer.status < 300, answer
        return answer.json() if answer.body else None
