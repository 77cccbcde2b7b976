# SPDX-License-Identifier: Apache-2.0
"""Redis killed, paused, emptied and failed over under a few dozen phones: every hop is answered within
the budget (S3), no step has two effects (S2), and afterwards all goes on. Real servers, real Sentinels."""
import os
import signal
import sys
import threading
import time

import pytest
import redis as redis_client

from database import sql
from sentinel import Sentinels
from support import TOP, wait_until
from ussdkit import ask_of, dial_home, pick

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone, HubtelPhone, Nonconformity  # noqa: E402

BUDGET_S = 4.5  # 3.5 s of ours and room for a sanitized build
PHONES = 24


class Crowd:
    """Phones that read, ask for parts by SMS and buy, each hop with an effect delivered twice at once."""

    def __init__(self, coko, first_number):
        self.coko, self.first = coko, first_number
        self.slowest, self.hops, self.faults = 0.0, 0, []
        self.accepts, self.texts = {}, {}  # by phone: steps that may have had an effect
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.live, args=(n,), daemon=True) for n in range(PHONES)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        if kind is None:
            assert not self.faults, self.faults[:5]
            assert self.slowest < BUDGET_S, f"{self.slowest:.2f} s"

    def hops_after(self, n):
        """n more hops from now on."""
        until = self.hops + n
        wait_until(lambda: self.hops >= until or self.faults, f"{n} hops", 60)

    def effects_after(self, n, url, before):
        """n more hops, and then as many as a first charge and a first part take on this machine."""
        self.hops_after(n)
        wait_until(lambda: all(now > then for now, then in zip(effects(url), before)) or self.faults,
                   "a charge and a part", 60)

    def live(self, n):
        kind = (AtPhone, HubtelPhone)[n % 2]
        phone = kind(self.coko.url, "demo", f"+{('22507000', '23324000')[n % 2]}{self.first + n}")
        sent = phone.post_raw

        def timed(body):
            reply = sent(body)
            with self.lock:
                self.hops += 1
                self.slowest = max(self.slowest, reply.seconds)
            return reply

        phone.post_raw = timed
        while not self.stopping.is_set():
            try:
                self.reader(phone, n)
            except (AssertionError, OSError) as fault:
                excused = phone.ended and not isinstance(fault, (Nonconformity, OSError))
                if not excused:  # an END in the middle of a step is an answer; what breaks the rules is none
                    self.faults.append(repr(fault)[:300])
                    return

    @staticmethod
    def option(phone, word):
        """The key of the first option that has the word; None when the screen has none."""
        return next((line.split(" ")[0] for line in phone.last.splitlines()
                     if word in line and line.split(" ")[0].isdigit()), None)

    def twice(self, phone, kept, n, key):
        """The answer with an effect, delivered again by a carrier that has not heard."""
        kept[n] = kept.get(n, 0) + 1
        phone.send(key)
        for reply in phone.repeat(2, concurrent=True):
            assert reply.status == 200

    def reader(self, phone, n):
        dial_home(phone)
        if phone.ended:
            return
        phone.dial("*384*26*%d#" % (103 if n % 2 == 0 else 203))
        key = self.option(phone, "SMS")
        if key and not phone.ended:
            self.twice(phone, self.texts, n, key)
        if not phone.ended:
            phone.dial()
            if not phone.ended and ask_of(phone):
                phone.send("2")
        for _screen in range(2):  # a reader who has paid already sees that, and leaves
            key = self.option(phone, " pass")
            if phone.ended or not key:
                return
            phone.send(key)
        if not phone.ended and "1 " in phone.last:
            phone.send("1")
        if not phone.ended and "\n9 " in phone.last:
            self.twice(phone, self.accepts, n, "9")


def effects(url):
    return (sql(url, "select count(*) from billing.charge")[0][0],
            sql(url, "select count(*) from messaging.message where kind = 'instalment'")[0][0])


def judge(crowd, url, before):
    """At most one charge an accepted confirm and one part an asked step; and there were some."""
    charges, parts = (now - then for now, then in zip(effects(url), before))
    assert 0 < charges <= sum(crowd.accepts.values())
    assert 0 < parts <= sum(crowd.texts.values())
    assert sql(url, "select max(n) from (select count(*) n from billing.charge where state not in"
               " ('failed', 'cancelled', 'expired') group by user_id) x")[0][0] <= 1


def well_again(coko, number):
    wait_until(coko.is_ready, "ready again", 30)

    def dials():
        phone = AtPhone(coko.url, "demo", number)
        phone.dial()
        return not phone.ended
    wait_until(dials, "dials answered with a screen", 30)


def killed(server):
    os.kill(server.pid, signal.SIGKILL)


def test_27_redis_killed_paused_and_emptied_under_load(daemon, own_redis, migrated_db):
    coko = daemon(config={"coko": {"workers": 2}}, redis_url=own_redis.url)
    before = effects(migrated_db)
    with Crowd(coko, 1100) as crowd:
        crowd.hops_after(150)
        redis_client.Redis.from_url(own_redis.url).flushall()
        crowd.hops_after(100)
        os.kill(own_redis.pid, signal.SIGSTOP)
        crowd.hops_after(60)
        os.kill(own_redis.pid, signal.SIGCONT)
        crowd.hops_after(100)
        killed(own_redis)
        crowd.hops_after(60)
        own_redis.start()
        well_again(coko, "+2250700001190")
        crowd.effects_after(100, migrated_db, before)
    judge(crowd, migrated_db, before)


@pytest.fixture
def sentinels(work_dir):
    one = Sentinels(work_dir / f"sentinels-{time.monotonic_ns()}")
    yield one
    one.stop()


def test_27_redis_fails_over_under_load(daemon, sentinels, migrated_db):
    coko = daemon(config={"coko": {"workers": 2}}, redis_url=sentinels.url)
    before = effects(migrated_db)
    with Crowd(coko, 1200) as crowd:
        crowd.hops_after(100)
        old = sentinels.kill_master()
        began = time.monotonic()
        wait_until(lambda: sentinels.master() != old, "another master", 30)
        well_again(coko, "+2250700001290")
        assert time.monotonic() - began < 15, "writes go on within seconds"
        crowd.effects_after(100, migrated_db, before)
    judge(crowd, migrated_db, before)
    assert sentinels.client(sentinels.master()).dbsize() > 0


def test_a_session_goes_on_over_a_failover_and_its_key_is_not_applied_twice(daemon, sentinels):
    coko = daemon(config={"coko": {"workers": 1}}, redis_url=sentinels.url)
    phone = AtPhone(coko.url, "demo", "+2250700001301")
    first = dial_home(phone)
    pick(phone, "Aide")
    shown = phone.last
    assert shown != first
    old = sentinels.master()
    sentinels.client(old).wait(1, 2000)  # the replica has it
    sentinels.kill_master()
    wait_until(lambda: sentinels.master() != old, "another master", 30)
    wait_until(coko.is_ready, "the other master found", 30)
    phone.send("1")
    assert phone.last == shown, "the replica may lack the last writes: shown again, nothing applied"
    assert coko.metric("coko_ussd_verdicts_total", 'verdict="redis"') == 1
    phone.send("1")
    assert phone.last != shown and not phone.ended


def test_a_replica_is_never_written_to(daemon, sentinels):
    """An ordered failover: the old master lives on as a replica, and answers READONLY."""
    coko = daemon(config={"coko": {"workers": 1}}, redis_url=sentinels.url)
    phone = AtPhone(coko.url, "demo", "+2250700001302")
    dial_home(phone)
    old = sentinels.master()
    sentinels.client(sentinels.ports[0]).execute_command("SENTINEL", "FAILOVER", "coko")
    wait_until(lambda: sentinels.master() != old, "another master", 30)

    def dials():
        phone.dial()
        assert phone.last_reply.seconds < BUDGET_S
        return not phone.ended
    wait_until(dials, "a dial answered by the new master", 30)
    assert sentinels.client(sentinels.master()).dbsize() > 0
