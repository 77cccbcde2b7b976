# SPDX-License-Identifier: Apache-2.0
"""The SMS room between a migrated database and the lab's SMSC: what test_sms_*.py stand on.

    sms.room()                 one sms_probe, bound; sms.room(owner="b:0") another process of the same account
    sms.reader("+2250701...")  an identity as the gateway makes it: number sealed under the tests' key
    sms.smsc, sms.world        the lab, and the database of sqlworld
"""
import os
import subprocess

import pytest

from sqlworld import World
from support import BUILD, FAULT_MARKS, TEST_KEYS, Lab, Process, wait_until

PROBE = BUILD / "probes/sms_probe"
NUMBER = "+2250701020304"
LINK = {"host": "127.0.0.1", "system_id": "coko", "password": "secret", "sender": "2626", "rate": 200,
        "window": 10, "retry": "50ms", "country": "CI",
        "lease": "10s", "response_timeout": "15s",  # longer than a busy machine pauses; a test about their end says less
        "reference": "no"}     # a carrier that does not give our name of a part back


def sealed(aad, text):
    """The sealed value and the look-up of a text, as bytes."""
    out = subprocess.run([str(PROBE), "seal", aad, text], env={**os.environ, "COKO_KEYS": TEST_KEYS},
                         capture_output=True, text=True, check=True).stdout.split()
    return bytes.fromhex(out[0]), bytes.fromhex(out[1])


class Room(Process):
    """One process with binds and the SMS room."""

    def __init__(self, folder, url, port, owner, options):
        folder.mkdir(parents=True, exist_ok=True)
        ini = folder / f"{owner.replace(':', '-')}.ini"
        rows = {**LINK, "port": port, **options}
        text = "[link lab]\n" + "".join(f"{k} = {v}\n" for k, v in rows.items())
        if options.get("mode") == "transmitter":
            text += "[link ear]\naccount = lab\n" + "".join(f"{k} = {v}\n" for k, v in {**rows, "mode": "receiver"}.items())
        ini.write_text(text)
        super().__init__([PROBE, ini, owner], folder / f"{owner.replace(':', '-')}.log",
                         env={"DATABASE_URL": url, "COKO_KEYS": TEST_KEYS,
                              "ASAN_OPTIONS": "detect_leaks=1:exitcode=99"})
        self.killed = False

    def kill(self):
        self.killed = True
        self.child.kill()
        self.child.wait()

    def has_logged(self, event):
        return f'"event":"{event}"' in self.log.read_text()

    def end(self):
        code = self.stop(timeout=30)
        text = self.log.read_bytes()
        fault = FAULT_MARKS.search(text)
        assert not fault, f"{fault.group()}:\n{self.tail(60)}"
        assert self.killed or code == 0, f"exit {code}:\n{self.tail(30)}"
        for secret in (NUMBER[1:].encode(), b"La pirogue"):
            assert secret not in text, f"{secret} stands in the log"


class Centre:
    """The lab's SMSC for the tests of a module: each gets it empty and without a link; one that a test ended is followed by
    another."""

    def __init__(self, log):
        self.log, self.one = log, None

    def next_test(self):
        if self.one and self.one.running():
            self.one.control("POST", "/kick", {"how": "rst"})
            wait_until(lambda: not self.one.control("GET", "/links")["links"], "the links to close")
            self.one.control("POST", "/reset")
        else:
            self.log.unlink(missing_ok=True)
            self.one = Lab("smsc.py", self.log, "--port", "0", "--control-port", "0")
        return self.one

    def stop(self):
        if self.one:
            self.one.stop()


class Sms:
    def __init__(self, folder, url, smsc):
        self.folder, self.url, self.smsc = folder, url, smsc
        self.world = World(url)
        self.rooms = []

    def room(self, owner="a:0", wait=True, port=None, url=None, **options):
        one = Room(self.folder, url or self.url, port or self.smsc.port, owner, options)
        self.rooms.append(one)
        if wait:
            wait_until(lambda: self.stats()["bound"] >= 1 and one.has_logged("account taken over"),
                       lambda: f"{owner} to bind:\n{one.tail()}", 60)
        return one

    def reader(self, number=NUMBER, country="CI", network="orange"):
        blob, lookup = sealed("auth.identity", number[1:])
        return self.world.one("auth.dial", lookup, blob, 1, country, network, "")

    def stats(self, **wanted):
        """Once each figure that is wanted is at least that."""
        more = "&".join(f"{k}={v}" for k, v in wanted.items())
        got = self.smsc.control("GET", f"/stats?wait_ms=30000&{more}" if more else "/stats")
        assert all(got[k] >= v for k, v in wanted.items()), (wanted, got)
        return got

    def fault(self, **faults):
        self.smsc.control("POST", "/faults", faults)

    def texts(self, to=NUMBER, count=1, wait=30000, **query):
        more = "".join(f"&{k}={v}" for k, v in query.items())
        got = self.smsc.control("GET", f"/messages?to={to[1:]}&count={count}&wait_ms={wait}{more}")
        return got["messages"]

    def parts(self, to=NUMBER):
        return self.smsc.control("GET", f"/parts?to={to[1:]}")["parts"]

    def type(self, text, number=NUMBER, wait=30000, **more):
        """A reader types a text; the statuses that the room answered."""
        return self.smsc.control("POST", f"/mo?wait_ms={wait}",
                                 {"from": number, "to": "2626", "text": text, **more})["statuses"]

    def chapter(self, reader, book):
        got = self.world.one("messaging.enqueue_instalment", reader["user_id"], reader["identity_id"], book, None)
        assert got["outcome"] == "queued", got
        return got

    def notice(self, reader, template="help", kind="notice"):
        return self.world.one("messaging.enqueue", reader["identity_id"], kind, "fr", template, {}, None)["message_id"]

    def state(self, message):
        return self.world.value("select state from messaging.message where id = %s", message)

    def wait_state(self, message, state, timeout=60):
        wait_until(lambda: self.state(message) == state,
                   lambda: f"message {message} to be {state}: it is {self.state(message)}; "
                           f"{self.world.rows('select * from messaging.part')}\n{self.rooms[-1].tail()}", timeout)

    def part_states(self, message):
        return [r["state"] for r in self.world.rows(
            "select state from messaging.part where message_id = %s order by no", message)]

    def end(self):
        faults = []
        for one in self.rooms:
            try:
                one.end()
            except AssertionError as fault:
                faults.append(str(fault))
        self.world.close()
        assert not faults, "\n".join(faults)


@pytest.fixture
def sms(sql_server, work_dir, request, sms_centre):
    if not PROBE.exists():
        pytest.skip(f"{PROBE} is not built")
    folder = work_dir / request.node.name.replace("[", "-").replace("]", "")
    folder.mkdir(parents=True, exist_ok=True)
    url = sql_server.database("sms")
    made = Sms(folder, url, sms_centre.next_test())
    try:
        yield made
    finally:
        made.end()
        sql_server.drop(url)
