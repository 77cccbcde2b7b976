# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the lab's own tests and of the story tests: the npm peers and a callback catcher.

Import what you need by name:  from lab_fixtures import node_peer, npm_smsc  # noqa: F401
    node_peer   node_peer("smpp_client.js", "--port", 2775) -> Peer, JSON lines in and out
    npm_smsc    an SMSC made of npm "smpp" (Lab: port, control())
    catcher     an HTTP server that keeps what it is sent (callbacks) and answers what it is told
"""
import http.server
import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid

import pytest

from support import TOP, Lab, Process, wait_until

PEERS = TOP / "tests/peers"
sys.path.insert(0, str(TOP / "tests/lab"))


def peer_modules():
    """The folder with the npm peers; installs them from the lock file when no one has."""
    for folder in (TOP / "build/peers/node_modules", PEERS / "node_modules"):
        if all((folder / name).is_dir() for name in ("smpp", "mtn-momo", "mpesa-node")):
            return folder
    home = TOP / "build/peers"
    home.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        (home / name).write_bytes((PEERS / name).read_bytes())
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=home,
                          capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, f"npm ci in {home}: {done.stderr}"
    return home / "node_modules"


def peer_env():
    return {**os.environ, "NODE_PATH": str(peer_modules())}


class Peer:
    """A node program that takes JSON lines and tells JSON lines."""

    def __init__(self, script, *args):
        self.child = subprocess.Popen(
            ["node", str(PEERS / script), *map(str, args)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=peer_env(), text=True)
        self.lines, self.seen = queue.Queue(), []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def tell(self, op, **fields):
        self.child.stdin.write(json.dumps({"op": op, **fields}) + "\n")
        self.child.stdin.flush()

    def expect(self, event, timeout=60, **fields):
        """The next event of this kind whose fields match; what came before stays in `seen`."""
        end = time.monotonic() + timeout
        while True:
            try:
                got = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {event} {fields}; seen: {self.seen[-10:]}") from None
            assert got is not None, f"the peer ended before {event}; seen: {self.seen[-10:]}"
            self.seen.append(got)
            if got["event"] == event and all(got.get(k) == v for k, v in fields.items()):
                return got

    def ask(self, op, **fields):
        """For peers that answer each order with an event of the same name."""
        self.tell(op, **fields)
        return self.expect(op)

    def bind(self, system_id="coko", password="secret", kind="transceiver"):
        self.tell("bind", **{"as": kind}, system_id=system_id, password=password)
        return self.expect("bound")

    def stop(self):
        if self.child.poll() is None:
            self.child.stdin.close()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.child.stdout.close()


@pytest.fixture
def node_peer():
    """A factory of npm clients; all are ended."""
    started = []

    def start(script, *args):
        started.append(Peer(script, *args))
        return started[-1]

    yield start
    for one in started:
        one.stop()


class NodeLab(Lab):
    """A server of tests/peers with the lab's ready line and control API."""

    def __init__(self, script, log, *args):             # Lab's own starts Python
        Process.__init__(self, ["node", PEERS / script, *args], log, env=peer_env())
        self.ready = wait_until(self.ready_line, lambda: f"{script} to be ready: {self.tail()}")
        self.port = self.ready["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.control_url = f"http://127.0.0.1:{self.ready['control_port']}"


@pytest.fixture
def npm_smsc(work_dir):
    server = NodeLab("smpp_server.js", work_dir / f"npm-smsc-{uuid.uuid4().hex[:6]}.log",
                     "--port", "0", "--control-port", "0")
    yield server
    assert server.stop() == 0


class Catcher:
    """An HTTP server on a free port: keeps every request, answers answer(request)."""

    def __init__(self):
        self.requests = []
        self.answer = lambda request: (200, "text/plain", b"")
        catcher = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self):
                length = int(self.headers.get("Content-Length", 0))
                request = {"method": self.command, "path": self.path,
                           "headers": {k.lower(): v for k, v in self.headers.items()},
                           "body": self.rfile.read(length)}
                catcher.requests.append(request)
                status, kind, body = catcher.answer(request)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_any

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def wait(self, count, timeout=30):
        wait_until(lambda: len(self.requests) >= count,
                   lambda: f"{count} requests, {len(self.requests)} came", timeout)
        return self.requests

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def catcher():
    one = Catcher()
    yield one
    one.stop()
