# SPDX-License-Identifier: Apache-2.0
"""`coko serve` under test: its own folder, ports and configuration, ready by asking, and at the end
exit code 0 and a log without a sanitizer's report, a broken assertion, or a key of a rail (S5).

The configuration is deploy/sample/coko.ini.in, the demo's own template, with the test's overrides
on top: {"section": {"key": value}}; a value of None removes the key, and @HTTP_PORT@ and the like stand
for the daemon's own.
"""
import json
import re
import signal
from pathlib import Path

from support import COKO, FAULT_MARKS, TEST_KEYS, TOP, Process, free_port, http_request, wait_until

TEMPLATE = TOP / "deploy/sample/coko.ini.in"
RAILS = ("mtn_momo", "wave", "orange_sonatel", "mpesa", "airtime")


def parse_ini(text):
    """Sections in order: {name: {key: value}}. The template holds nothing more than that."""
    sections, current = {}, {}
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            current = sections.setdefault(line[1:-1], {})
        elif line and line[0] not in "#;":
            key, value = line.split("=", 1)
            current[key.strip()] = value.strip()
    return sections


def render_ini(values, overrides):
    sections = parse_ini(TEMPLATE.read_text())
    for name, keys in overrides.items():
        section = sections.setdefault(name, {})
        for key, value in keys.items():
            if value is None:
                section.pop(key, None)
            else:
                section[key] = str(value)
    lines = []
    for name, keys in sections.items():
        lines += [f"[{name}]", *(f"{k} = {v}" for k, v in keys.items()), ""]
    text = "\n".join(lines)
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def rail_secrets(text):
    """What rails and we prove ourselves with, by a coko.ini; a value too short to look for is left out."""
    sections = parse_ini(text)
    return {value for name in RAILS for key, value in sections.get(name, {}).items()
            if re.search("secret|key|pin|user_id|callback_token", key) and len(value) > 6}


def write_secrets(folder, database_url):
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "keys").write_text(TEST_KEYS + "\n")
    (folder / "database_url").write_text(database_url + "\n")
    return folder


def template_values(database_url, redis_url, smsc=None, mtn=None, wave=None, sonatel=None):
    """What stands between @ signs in the template, but for what the daemon's own folder gives."""
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url,
            "SMPP_PORT": smsc.port if smsc else 1, "SMPP_PASSWORD": "secret",
            "SMSC_URL": smsc.control_url if smsc else "",
            "MTN_PORT": mtn.port if mtn else 1,
            "WAVE_PORT": wave.port if wave else 1,
            "SONATEL_PORT": sonatel.port if sonatel else 1}


class Daemon:
    def __init__(self, folder, values, overrides=None, roles=None, env=None, wait=True):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.metrics_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.metrics_url = f"http://127.0.0.1:{self.metrics_port}"
        self.ini = folder / "coko.ini"
        self.values = {**values, "RUN_DIR": folder, "HTTP_PORT": self.port,
                       "METRICS_PORT": self.metrics_port, "ROLES": roles or "all",
                       "SECRETS": write_secrets(folder / "secrets", values["DATABASE_URL"])}
        self.ini.write_text(render_ini(self.values, overrides or {}))
        self.env = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
                    "UBSAN_OPTIONS": "print_stacktrace=1", **(env or {})}
        self.killed = False
        self.figures, self.log_at = [], 0
        self.start(wait)

    def start(self, wait=True):
        self.process = Process([COKO, "serve", "-c", self.ini], self.folder / "coko.log",
                               env=self.env, cwd=TOP)
        if wait:
            self.wait_ready()

    @property
    def pid(self):
        return self.process.pid

    def wait_ready(self, timeout=30.0):
        wait_until(self.is_ready, lambda: f"/health/ready of {self.url}:\n{self.process.tail()}",
                   timeout)

    def is_ready(self):
        assert self.process.running(), f"coko ended before it was ready:\n{self.process.tail()}"
        try:
            return http_request("GET", self.url + "/health/ready", timeout=2).status == 200
        except OSError:
            return False

    def get(self, path, **kwargs):
        return http_request("GET", self.url + path, **kwargs)

    def post(self, path, body=None, **kwargs):
        return http_request("POST", self.url + path, body, **kwargs)

    def next_test(self):
        """From here metric() and log_lines() tell what those of a daemon that has just started would (see Shared)."""
        self.figures = self.samples()
        self.log_at = self.process.log.stat().st_size

    def samples(self):
        return http_request("GET", self.metrics_url + "/metrics").text.splitlines()

    def metric(self, name, labels=""):
        """The sum of a counter's samples whose label text contains `labels`."""
        def total(lines):
            return sum(float(line.rsplit(" ", 1)[1]) for line in lines
                       if line.split("{")[0].split(" ")[0] == name and labels in line)
        return total(self.samples()) - total(self.figures)

    def log_lines(self):
        """The log's JSON objects, in order."""
        lines = self.process.log.read_bytes()[self.log_at:].decode(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def children(self):
        """Pids of the worker processes."""
        return [int(pid) for task in Path(f"/proc/{self.pid}/task").iterdir()
                for pid in (task / "children").read_text().split()]

    def kill(self):
        """kill -9 of the supervisor: its exit code is not checked at the end."""
        self.killed = True
        self.process.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        code = self.process.stop()
        log = self.process.log.read_bytes()
        fault = FAULT_MARKS.search(log)
        assert not fault, f"{fault.group()} in {self.process.log}:\n{self.process.tail(120)}"
        told = [s for s in (*rail_secrets(self.ini.read_text()), TEST_KEYS.split(":")[1]) if s.encode() in log]
        assert not told, f"in {self.process.log}: {told}"
        assert self.killed or code == 0, f"coko ended with {code}:\n{self.process.tail()}"


class Shared:
    """One daemon for the tests of a module: started for the first that wants it, and again after close(). A test that brings
    its own closes it before: two at once would take each other's work. make() starts it."""

    def __init__(self, make):
        self.make, self.one = make, None

    def next_test(self):
        if self.one is None:
            self.one = self.make()
        elif not self.one.process.running():
            self.one.start()
        self.one.next_test()
        return self.one

    def close(self):
        """It ended with 0 and its log is clean."""
        if self.one:
            self.one.stop()
