# SPDX-License-Identifier: Apache-2.0
"""Thousands of instalments through a carrier that forgets, repeats, reorders, throttles and hangs up, while
`coko serve` is killed again and again: in the end the carrier's ledger and the outbox agree part by part.

Each word of a text says whose it is, so a part at the carrier is known by its text and the number in its
header. The short form counts accepted parts between two blows, so that a slow machine gets as many; the long
one (COKO_LONG) goes by the clock: a cut every 10 s, a kill every 15 s. COKO_CHAOS_SEED chooses the dice,
COKO_CHAOS_MESSAGES the size.
"""
import os
import random
import re
import subprocess
import time
from collections import Counter, defaultdict

import psycopg2.extras

from smsworld import PROBE
from sqlworld import World
from support import TEST_KEYS, wait_until

LONG = "COKO_LONG" in os.environ
SEED = int(os.environ.get("COKO_CHAOS_SEED") or 1)
MESSAGES = int(os.environ.get("COKO_CHAOS_MESSAGES") or (50000 if LONG else 2000))
EACH = 4                     # messages of one phone
LINK = {"rate": 1000 if LONG else 500, "burst": 100, "window": 50, "lease": "3s", "retry": "50ms", "stable": "500ms",
        "response_timeout": "2s", "enquire_link": "1s", "enquire_timeout": "1s"}
WHOLE = 0.9                  # of the messages: a blow loses what flies and no more
WORD = re.compile(r"\b(\d{6})\.\d{3}\b")


class Every:
    """Says when the next blow falls, on a scale that only grows: seconds or parts."""

    def __init__(self, dice, step, now):
        self.dice, self.step = dice, step
        self.at = now + step

    def due(self, now):
        if now < self.at:
            return False
        self.at = now + self.step * self.dice.uniform(0.7, 1.3)
        return True


def seal_all(numbers):
    """(sealed, look-up) of each number."""
    rows = []
    for at in range(0, len(numbers), 5000):
        out = subprocess.run([str(PROBE), "seal", "auth.identity", *numbers[at:at + 5000]], capture_output=True, text=True,
                             env={**os.environ, "COKO_KEYS": TEST_KEYS}, check=True).stdout.split()
        rows += [(bytes.fromhex(out[i]), bytes.fromhex(out[i + 1])) for i in range(0, len(out), 2)]
    return rows


class Chaos:
    def __init__(self, coko, smsc, url, seed):
        self.coko, self.smsc, self.dice = coko, smsc, random.Random(seed)
        self.world = World(url)
        self.bodies, self.of = {}, {}            # message id -> text, word -> message id
        self.cuts = self.kills = 0

    def enqueue(self, count):
        numbers = [f"22507{n:08d}" for n in range((count + EACH - 1) // EACH)]
        readers = [self.world.one("auth.dial", lookup, blob, 1, "CI", "orange", "") for blob, lookup in seal_all(numbers)]
        rows = []
        for n in range(count):
            reader, segments = readers[n // EACH], self.dice.randint(1, 4)
            words = " ".join(f"{n:06d}.{w:03d}" for w in range(60))
            body = words[:(segments - 1) * 153 + self.dice.randint(40, 150)]
            rows.append((reader["identity_id"], reader["user_id"], body, segments))
        with self.world.conn.cursor() as cur:
            made = psycopg2.extras.execute_values(
                cur, "insert into messaging.message (account, kind, priority, lang, due_at, expires_at, created_at, identity_id,"
                " user_id, body, segments) values %s returning id, body", rows, fetch=True,
                template="('lab', 'instalment', 3, 'fr', ops.now(), ops.now() + interval '1 day', ops.now(), %s, %s, %s, %s)")
        for message, body in made:
            self.bodies[message], self.of[body[:6]] = body, message

    def misbehave(self):
        self.smsc.control("POST", "/faults", {
            "receipt_delay_ms": 20, "receipt_spread_ms": 300,
            "chance": {"seed": self.dice.randrange(1 << 30), "drop_resp": 0.05, "duplicate_receipt": 0.05,
                       "receipt_before_resp": 0.1, "resp_status": {"p": 0.0005, "value": 0x58, "run": 60}}})

    def open(self):
        return self.world.value("select count(*) from messaging.message where account = 'lab' and state in"
                                " ('queued', 'claimed', 'sending')")

    def cut(self):
        self.cuts += 1
        self.smsc.control("POST", "/kick", {"how": self.dice.choice(["rst", "fin"])})

    def kill(self):
        self.kills += 1
        self.coko.kill()
        self.coko.start(wait=False)
        self.coko.killed = False

    def run(self, timeout):
        """Blows until every message has left the queue."""
        end, start = time.monotonic() + timeout, time.monotonic()
        parts = sum(-(-len(body) // 153) for body in self.bodies.values())
        cuts = Every(self.dice, 10 if LONG else parts // 20, 0)
        kills = Every(self.dice, 15 if LONG else parts // 8, 0)
        accepted = 0
        while self.open() > 0:
            assert time.monotonic() < end, f"{self.open()} messages are not sent; {self.figures()}"
            accepted = self.smsc.control("GET", f"/stats?wait_ms=200&accepted={accepted + parts // 100}")["accepted"]
            now = time.monotonic() - start if LONG else accepted
            if kills.due(now):
                self.kill()
            if cuts.due(now):
                self.cut()

    def calm(self):
        """No more blows: the last receipts arrive, and those that nobody named wait no longer."""
        self.smsc.control("POST", "/faults", {"chance": {}})
        wait_until(self.coko.is_ready, "the daemon to be ready", 60)
        quiet = ("receipts_planned", "deliver_queued", "deliver_outstanding")
        wait_until(lambda: not any(self.stats()[name] for name in quiet), lambda: f"all receipts: {self.stats()}", 120, every=0.1)
        self.world.later("6 minutes")
        while self.world.value("select messaging.match_orphans('lab', 500)") > 0:
            pass

    def stats(self):
        return self.smsc.control("GET", "/stats")

    def figures(self):
        states = self.world.rows("select state, count(*) as n from messaging.message group by 1 order by 1")
        return (f"seed {SEED}: {self.kills} kills, {self.cuts} cuts, {self.stats()['binds']} binds; "
                f"{ {r['state']: r['n'] for r in states} }; struck {self.smsc.control('GET', '/faults')['struck']}")

    # ---- the judge ----

    def ledger(self):
        """The carrier's side: (message, part) -> its rows [seq, to, n, text, id, receipts, state]."""
        found, after = defaultdict(list), 0
        while True:
            page = self.smsc.control("GET", f"/ledger?after={after}")["parts"]
            if not page:
                return found
            for row in page:
                found[self.of[WORD.search(row[3]).group(1)], row[2]].append(row)
            after = page[-1][0]

    def judge(self):
        taken, faults = self.ledger(), []
        stored = {(r["message_id"], r["no"]): r for r in self.world.rows(
            "select message_id, no, state, ref from messaging.part where message_id is not null and account = 'lab'")}
        for place, rows in taken.items():
            if len(rows) > 1:
                faults.append(f"{place} was sent {len(rows)} times: {rows}")
        for place in taken.keys() | stored.keys():
            told = place in taken and taken[place][0][5] > 0
            state = stored[place]["state"] if place in stored else "absent"
            if (state == "delivered") != told:
                faults.append(f"{place} is {state}, the carrier has {taken.get(place)}")
            elif not told and place not in taken and state not in ("unknown", "failed"):
                faults.append(f"{place} is {state}, the carrier never had it")
        faults += self.judge_messages(taken, stored)
        whole = self.world.value("select count(*) from messaging.message where account = 'lab' and state = 'delivered'")
        if whole < WHOLE * len(self.bodies):
            faults.append(f"{whole} of {len(self.bodies)} arrived whole")
        assert not faults, f"{len(faults)} faults; {self.figures()}\n" + "\n".join(faults[:20])

    def judge_messages(self, taken, stored):
        states = {r["id"]: r["state"] for r in self.world.rows("select id, state from messaging.message where account = 'lab'")}
        totals, have = Counter(m for m, _ in stored), Counter(m for m, _ in taken)
        for message, body in self.bodies.items():
            whole = totals[message] > 0 and have[message] == totals[message]
            if whole and "".join(taken[message, n + 1][0][3] for n in range(have[message])) != body:
                yield f"message {message}: another text"
            if (states[message] == "delivered") != whole:
                yield f"message {message} is {states[message]}, the carrier has {have[message]} of {totals[message]}"
            if states[message] not in ("delivered", "unknown", "partial", "failed"):
                yield f"message {message} ends {states[message]}"


def test_nothing_lost_and_nothing_twice_in_chaos(daemon, smsc, migrated_db):
    """smpp.md hard cases 8, 11, 15, 16, 17, 18."""
    coko = daemon(config={"coko": {"workers": 2}, "link lab": LINK}, roles="gateway", smsc=smsc)
    chaos = Chaos(coko, smsc, migrated_db, SEED)
    chaos.misbehave()
    chaos.enqueue(MESSAGES)
    chaos.run(3600 if LONG else 600)
    chaos.calm()
    print(chaos.figures())
    chaos.judge()
