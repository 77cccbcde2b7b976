# SPDX-License-Identifier: Apache-2.0
"""Random walks over the service's menus through three carriers, many phones at once, while workers are killed:
no violation of S1-S6, and never another subscriber's screen.

    COKO_LONG=1                  10,000 walks instead of 300
    COKO_WALK_SEED=7             another seed
    COKO_WALK_SEED=7:4000-9999   some of its walks, as the rest of a run that was stopped
    COKO_WALK_SEED=7:123         one walk of it; 7:123:0-4,9 only these of its steps; 7:123:0-4,9:calm without kills

A walk that fails prints what was typed and seen, and a shorter command that fails likewise where one was found.
"""
import concurrent.futures
import os
import random
import re
import signal
import sys
import threading
import time
from collections import Counter
from types import SimpleNamespace

import psycopg2
import pytest
import redis as redis_client

from database import sql
from support import TOP, wait_until
from ussdkit import lookup_of
from walk_kit import DIALECT, Plan, Violation, Walk

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_map import Map, letters  # noqa: E402

WALKS = 10_000 if os.environ.get("COKO_LONG") else 300
WANTED = os.environ.get("COKO_WALK_SEED", "1").split(":")
ROUND = 300      # walks between two looks at the rows, Redis and the log
PHONES = 8       # at once
WORKERS = 2
KILL_HOPS = 100  # steps of all walks to a kill, on a machine too fast for one every few seconds to meet many
SHRINK_S = 60
STORED_MAX = 600  # bytes of a session, and of a reader's pointer


# ---- the world --------------------------------------------------------------------------------------

class Kills(threading.Thread):
    """kill -9 of a worker every few seconds, the more seldom the longer the last one needed to be replaced, or after as many
    steps as are usually taken in that time.

    A kill is over when its slot accepts again and the bind is held: how long that takes is the machine's speed, so a
    walk asks whether it met a kill (during), not how many seconds ago one was.
    """

    def __init__(self, coko, smsc, seed):
        super().__init__(daemon=True)
        self.coko, self.smsc, self.random = coko, smsc, random.Random(seed)
        self.times, self.ends, self.over = [], [], threading.Event()
        self.log_at, self.ready, self.fault, self.hops = 0, 0, None, 0

    def run(self):
        pause = 1.0
        wait_until(lambda: self.accepted() == WORKERS, "the first workers", 60)
        while self.goes_on_after(self.random.uniform(0.5, 1.5), pause):
            wanted = self.accepted() + 1
            self.times.append(time.monotonic())
            os.kill(self.random.choice(self.coko.children()), signal.SIGKILL)
            try:
                wait_until(lambda n=wanted: self.accepted() >= n and self.is_whole(), "a worker again", 60)
            except AssertionError as fault:
                self.fault = fault
                return
            self.ends.append(time.monotonic())
            pause = max(2.0, 3 * (self.ends[-1] - self.times[-1]))

    def goes_on_after(self, share, pause):
        until, hops = time.monotonic() + share * pause, self.hops + share * KILL_HOPS
        while time.monotonic() < until and self.hops < hops:
            if self.over.wait(0.05):
                return False
        return not self.over.is_set()

    def accepted(self):
        """How many workers have said that they are ready, dead ones too."""
        with open(self.coko.process.log, "rb") as log:
            log.seek(self.log_at)
            lines = log.read().rpartition(b"\n")[0]
        self.log_at += len(lines)
        self.ready += lines.count(b'"event":"worker ready"')
        return self.ready

    def is_whole(self):
        return len(self.coko.children()) == WORKERS and self.coko.is_ready() and self.smsc.control("GET", "/stats")["bound"] == 1

    def since(self, moment):
        return bool(self.times) and self.times[-1] >= moment

    def during(self, moment):
        """Whether at this moment or later a worker was dead or not yet replaced."""
        return len(self.times) > len(self.ends) or bool(self.ends) and self.ends[-1] >= moment

    def wait_over(self):
        wait_until(lambda: self.fault or len(self.times) == len(self.ends), "the end of a kill", 70)

    def stop(self):
        self.over.set()
        if self.is_alive():
            self.join()


class World:
    def __init__(self, coko, smsc, database, redis_url):
        self.coko, self.url, self.control = coko, coko.url, smsc.control
        self.database, self.redis_url = database, redis_url
        self.menu = Map(TOP / "menus/coko")
        rows = sql(database, "select code::text, title from catalog.book")
        self.books = dict(rows)
        self.marks = {letters(title)[:16]: title for _, title in rows}
        assert len(self.marks) == len(rows)
        self.languages = {letters(name): code for code, name in sql(database, "select code, name from ops.language")}
        self.kills = Kills(coko, smsc, WANTED[0])

    def titles_in(self, text):
        said = letters(text)
        return {title for mark, title in self.marks.items() if mark in said}

    def title_in(self, label):
        found = self.titles_in(label)
        return found.pop() if len(found) == 1 else None


@pytest.fixture
def world(daemon, smsc, mtn, migrated_db, clean_redis):
    # noon in Abidjan: no instalment of a schedule falls into the walks
    sql(migrated_db, "update ops.clock set shift = date_trunc('day', clock_timestamp()) + interval '36 hours' - clock_timestamp()")
    coko = daemon(config={"coko": {"workers": WORKERS, "log_level": "debug"}, "link lab": {"lease": "2s"},
                          f"carrier smpp_{DIALECT}": {"link": "lab", "short_code": "*384*26#", "country": "CI"}},
                  smsc=smsc, mtn=mtn)
    mtn.control("POST", "/lab/payer", {"msisdn": "*", "behaviour": "approve", "delay_ms": 400})
    smsc.control("GET", "/stats?bound=1&wait_ms=15000")
    return World(coko, smsc, migrated_db, clean_redis.url)


# ---- S2: rows ---------------------------------------------------------------------------------------

ROWS = """
select i.user_id, u.lang, i.country,
    (select count(*) from billing.charge c where c.identity_id = i.id),
    (select array_agg(c.consent) from billing.charge c where c.identity_id = i.id),
    (select count(*) from messaging.message m where m.identity_id = i.id and m.kind = 'instalment'),
    (select jsonb_object_agg(w.what, w.n) from (select k.what, count(*) n from auth.consent k where k.identity_id = i.id
                                                group by 1) w)
from auth.identity i join auth.users u on u.id = i.user_id where i.lookup = %s"""


def judge_rows(world, walks):
    """S2: as many effects as the walks saw, and no more than they asked for."""
    conn = psycopg2.connect(world.database)
    faults = []
    with conn.cursor() as cursor:
        for walk in walks:
            cursor.execute(ROWS, (lookup_of(walk.plan.phone),))
            rows = cursor.fetchall()
            if len(rows) != 1 and (walk.met or len(rows) > 1):
                faults.append((walk, f"{len(rows)} readers of one number"))
            for row in rows:
                faults += [(walk, f"S2: {why}") for why in wrong_rows(walk, *row)]
    conn.close()
    return faults


def wrong_rows(walk, _user, lang, country, charges, consents, instalments, ledger):
    tries, seen, lost = walk.tries, walk.seen, walk.counts["lost"]
    asked = tries["sms_next"] + tries["sms_repeat"] + lost
    told = seen["sms_next"] + seen["sms_repeat"]
    if country != walk.plan.country or lang not in walk.row:
        yield f"the reader of {country} in {lang}: {walk.row}"
    if not seen["start_charge"] <= charges <= tries["start_charge"]:
        yield f"{charges} charges, {seen['start_charge']} told of, {tries['start_charge']} accepted"
    for consent in consents or []:
        if not any(agrees(consent, screen) for screen in walk.confirmed):
            yield f"a charge whose consent she never saw: {consent!r}"
    if not told <= instalments <= asked:
        yield f"{instalments} instalments, {told} told of, {asked} asked for"
    limits = {"stop": tries["stop"], "pause": tries["pause"], "schedule": tries["set_schedule"], "cancel": tries["cancel_renewal"]}
    again = tries["start_again"]
    for what, n in (ledger or {}).items():
        if n > limits.get(what, again) + lost:
            yield f"{n} x {what} in the ledger: {dict(tries)}"


def agrees(consent, screen):
    """The evidence is the screen that was accepted: each of its lines stood there."""
    return all(letters(line) in letters(screen) for line in consent.splitlines() if letters(line))


def judge_effects(world):
    """S2 once more, from the other side: each effect's row has one recorded step."""
    def counts():
        return sql(world.database, """select
            (select count(*) from billing.charge where channel = 'ussd'),
            (select count(*) from ops.step_effect where action = 'start_charge' and result->>'outcome' = 'created'),
            (select count(*) from messaging.message where kind = 'instalment'),
            (select count(*) from ops.step_effect where action in ('instalment', 'repeat') and result->>'outcome' = 'queued')""")[0]
    a, b, c, d = counts()
    assert (a, c) == (b, d), f"S2: {a} charges by {b} steps, {c} instalments by {d}"


# ---- S5: Redis and the log ----------------------------------------------------------------------------

class Private:
    """What must stand nowhere: the numbers, the PINs typed in the wrong place, the paths."""

    def __init__(self):
        self.words = set()

    def add(self, plan):
        self.words |= {plan.phone[4:].encode(), plan.secret.encode()}

    def found_in(self, octets):
        for run in re.findall(rb"\d{9,}", octets):
            for n in (9, 10, 12):
                if run[-n:] in self.words:
                    return run
        path = re.search(rb"(?<![\d.:])\d{1,3}\*(?:\d{1,3}\*)+\d{1,3}(?![\d.:])", octets)
        return path.group() if path else None


def judge_redis(world, private):
    store = redis_client.Redis.from_url(world.redis_url)
    keys = list(store.scan_iter(count=1000))
    for at in range(0, len(keys), 500):
        for key, value in zip(keys[at:at + 500], store.mget(keys[at:at + 500])):
            found = private.found_in(key + b" " + (value or b""))
            assert not found, f"S5: {found} in Redis: {key} {value}"
            kind = key.rsplit(b":", 2)[1]
            assert kind not in (b"s", b"r") or len(value or b"") <= STORED_MAX, f"{len(value)} bytes: {key} {value}"
    return len(keys)


def judge_log(world, private, start):
    with open(world.coko.process.log, "rb") as log:
        log.seek(start)
        for line in log:
            found = private.found_in(line)
            assert not found, f"S5: {found} in the log: {line}"
        return log.tell()


# ---- walking --------------------------------------------------------------------------------------------

def walk_one(world, plan):
    """(walk, None or what it met)."""
    walk = Walk(world, plan)
    try:
        walk.run()
    except Violation as fault:
        return walk, str(fault)
    return walk, None


def steps_text(kept):
    """[0, 1, 2, 5] as "0-2,5"."""
    out, at = [], 0
    while at < len(kept):
        end = at
        while end + 1 < len(kept) and kept[end + 1] == kept[end] + 1:
            end += 1
        out.append(str(kept[at]) if at == end else f"{kept[at]}-{kept[end]}")
        at = end + 1
    return ",".join(out)


def steps_of(text):
    out = []
    for piece in text.split(","):
        first, _, last = piece.partition("-")
        out += range(int(first), int(last or first) + 1)
    return out


def fails(world, name, kept, attempt):
    walk, fault = walk_one(world, Plan(name, kept, attempt))
    faults = [fault] if fault else [why for _, why in judge_rows(world, [walk])]
    return faults[0] if faults else None


def shrink(world, walk):
    """The command for a shorter walk that fails without kills, if there is one in the time; else the walk to its end."""
    name, kept, until = walk.plan.name, walk.plan.kept[:walk.taken], time.monotonic() + SHRINK_S
    attempt = 1
    if not fails(world, name, kept, attempt):
        return f"{name}:{steps_text(kept)}"
    size = max(1, len(kept) // 2)
    while time.monotonic() < until:
        for at in range(0, len(kept), size):
            fewer, attempt = kept[:at] + kept[at + size:], attempt + 1
            if fewer and fails(world, name, fewer, attempt):
                kept = fewer
                break
        else:
            if size == 1:
                break
            size = max(1, size // 2)
    return f"{name}:{steps_text(kept)}:calm"


def report(world, faults):
    walk, why = faults[0]
    world.kills.stop()
    wait_until(world.coko.is_ready, "ready after the last kill", 60)
    command = f"COKO_WALK_SEED={shrink(world, walk)} tests/run integration -k walks"
    lines = [f"{len(faults)} violations; walk {walk.plan.name} over {walk.plan.carrier}: {why}", *walk.story,
             f"tries {dict(walk.tries)}, told of {dict(walk.seen)}", *[f"also {w.plan.name}: {y}" for w, y in faults[1:4]],
             f"again: {command}"]
    return "\n".join(lines)


def wanted():
    """The plans of this run, and whether workers are killed."""
    if len(WANTED) == 1:
        return [f"{WANTED[0]}:{n}" for n in range(WALKS)], None, True
    if len(WANTED) == 2 and "-" in WANTED[1]:
        return [f"{WANTED[0]}:{n}" for n in steps_of(WANTED[1])], None, True
    return [":".join(WANTED[:2])], steps_of(WANTED[2]) if len(WANTED) > 2 else None, "calm" not in WANTED


def test_the_judges_can_fail():
    """One effect too many, an effect that nobody was asked for, private words: each is seen (no daemon needed)."""
    walk = SimpleNamespace(plan=SimpleNamespace(country="CI"), row={"fr"}, confirmed=["Pass jour : 100 F, 1 jour."],
                           tries=Counter(start_charge=1, sms_next=1, set_schedule=1), seen=Counter(start_charge=1, sms_next=1),
                           counts=Counter())
    good = {"lang": "fr", "country": "CI", "charges": 1, "consents": ["Pass jour : 100 F"], "instalments": 1, "ledger": {"schedule": 1}}
    assert not list(wrong_rows(walk, 1, **good))
    for name, value in [("lang", "en"), ("country", "GH"), ("charges", 2), ("charges", 0), ("consents", ["Pass mois : 1500 F"]),
                        ("instalments", 2), ("instalments", 0), ("ledger", {"schedule": 2}), ("ledger", {"stop": 1})]:
        assert len(list(wrong_rows(walk, 1, **{**good, name: value}))) == 1, (name, value)
    private = Private()
    private.add(SimpleNamespace(phone="+2250500007919", secret="482300678736"))
    assert not private.found_in(b'{"ts":"2026-11-29T06:42:09.510938Z","id":12345678901} *384*26#')
    for octets in (b"to=2250500007919", b"0500007919", b"input 482300678736", b"text=1*2*1"):
        assert private.found_in(octets), octets


def test_s1_to_s6_random_walks_while_workers_are_killed(world, smsc):
    names, kept, kills = wanted()
    print(f"COKO_WALK_SEED={WANTED[0]}: {len(names)} walks")
    if kills:
        world.kills.start()
    private, at, totals = Private(), 0, Counter()
    try:
        for start in range(0, len(names), ROUND):
            plans = [Plan(name, kept) for name in names[start:start + ROUND]]
            with concurrent.futures.ThreadPoolExecutor(PHONES) as pool:
                done = list(pool.map(lambda plan: walk_one(world, plan), plans))
            for plan in plans:
                private.add(plan)
            walks = [walk for walk, _ in done]
            faults = [(walk, why) for walk, why in done if why] or judge_rows(world, walks)
            assert not faults, report(world, faults)
            totals.update(sum((walk.counts for walk in walks), Counter()))
            totals.update(f"tried {a}" for walk in walks for a in walk.tries.elements())
            judge_effects(world)
            totals["redis keys"] += judge_redis(world, private)
            at = judge_log(world, private, at)
            smsc.control("POST", "/reset")
    finally:
        world.kills.stop()
    assert not world.kills.fault, world.kills.fault
    print(f"{len(world.kills.times)} kills; {dict(sorted(totals.items()))}")
    wait_until(world.coko.is_ready, "ready after the last kill", 60)
    judge_totals(world, totals, kills and len(names) > 1)


def judge_totals(world, totals, all_of_it):
    """A run that met nothing proves nothing; one that was mostly asked for patience neither. A kill takes at most the
    hop that each phone has under way."""
    hops = sum(totals[f] for f in ("plain", "again", "at once", "straggler", "crossed"))
    assert totals["sorry"] + totals["fail"] <= hops / 20, totals
    assert totals["lost"] <= PHONES * len(world.kills.times), totals
    assert world.coko.metric("coko_ussd_failed_total", 'reason="bug"') == 0
    if all_of_it:
        assert world.kills.times and totals["redis keys"]
        assert totals["asked"] and totals["taken back"], totals
        assert all(totals[f"tried {a}"] for a in ("start_charge", "sms_next", "set_language", "stop")), totals
        assert world.coko.metric("coko_ussd_verdicts_total", 'verdict="repeated"') > 0
        assert world.coko.metric("coko_ussd_verdicts_total", 'verdict="stale"') > 0
