# SPDX-License-Identifier: Apache-2.0
"""The main story while processes of the daemon are killed at random points: nobody is charged twice,
no pass is lost, no instalment that has a receipt comes again.

The oracles are outside the daemon: the rail's own ledger and the message centre's inbox. The seed is
in the test's id; COKO_KILLS and COKO_STORY_SEEDS make it longer.
"""
import os
import random
import signal
import threading

import pytest

from story import Story, letters
from support import wait_until
from ussdkit import StubbornPhone

KILLS = int(os.environ.get("COKO_KILLS", "24"))
SEEDS = [int(s) for s in os.environ.get("COKO_STORY_SEEDS", "1").split(",")]


class Killer(threading.Thread):
    """Kills workers, now and then the supervisor (started again at once), until told to stop. The more
    it killed the more seldom it does, so that the story ends on a slow machine too."""

    def __init__(self, coko, seed):
        super().__init__(daemon=True)
        self.coko, self.random = coko, random.Random(seed)
        self.kills, self.over = 0, threading.Event()

    def run(self):
        while not self.over.wait(self.random.uniform(0.05, 0.9) * (1 + self.kills / KILLS) ** 2):
            if self.random.random() < 0.1:
                self.coko.kill()
                self.coko.start(wait=False)
                self.coko.killed = False
            else:
                workers = self.coko.children()
                if not workers:
                    continue
                os.kill(self.random.choice(workers), signal.SIGKILL)
            self.kills += 1

    def stop(self):
        self.over.set()
        self.join()


class StubbornStory(Story):
    def until(self, what, done, attempt):
        """Dials again until the story got where it should: a polite END is a legal answer here."""
        def tried():
            if not done():
                try:
                    attempt()
                except AssertionError:  # the session ended, or the screen was another
                    pass
            return done()

        wait_until(tried, what, 90, every=0.2)


@pytest.mark.parametrize("seed", SEEDS)
def test_kill_9_at_random_points_of_the_story(daemon, smsc, mtn, seed):
    coko = daemon(config={"coko": {"workers": 2}, "link lab": {"lease": "2s"}}, smsc=smsc, mtn=mtn)
    mtn.control("POST", "/lab/payer", {"msisdn": "*", "behaviour": "approve", "delay_ms": 400})
    story = StubbornStory(coko, smsc, mtn, StubbornPhone(coko.url, "demo", f"+22505000{seed:05d}"))
    story.dial()
    killer = Killer(coko, seed)
    killer.start()
    try:
        story.until("a charge", lambda: charges(story), story.buy_day_pass)
        hurry(story, "the pass", lambda: passes(story) == 1)
        for n in (1, 2, 3):
            story.until(f"instalment {n}", lambda n=n: len(story.instalments()) >= n,
                        (lambda: story.send_by_sms(101)) if n == 1 else (lambda: ask_more(story)))
            hurry(story, f"the end of instalment {n}",
                  lambda n=n: story.instalments()[n - 1][1] in ("delivered", "unknown"))
        wait_until(lambda: killer.kills >= KILLS, "enough kills", 120)
    finally:
        killer.stop()
    wait_until(coko.is_ready, "ready after the last kill", 60)
    hurry(story, "every instalment settled",
          lambda: all(row[1] != "sending" for row in story.instalments()))
    judge(story)


def charges(story):
    return story.rows(f"select 1 from billing.charge where user_id = {story.user}")


def passes(story):
    return story.rows(f"select count(*) from billing.entitlement where user_id = {story.user}")[0][0]


def ask_more(story):
    try:
        story.text_back("SUITE")
    except OSError:
        pass


def hurry(story, what, done):
    """Waits with the database's clock running ahead, so that ladders and holds are no waiting."""
    ahead = [story.rows("select extract(epoch from shift)::int from ops.clock")[0][0]]

    def step():
        if done():
            return True
        ahead[0] += 2
        story.rows_done(f"update ops.clock set shift = make_interval(secs => {ahead[0]})")
        return False

    wait_until(step, lambda: f"{what}: {story.instalments()} "
               f"{story.rows('select state, reason, polls from billing.charge')}", 120, every=0.25)


def judge(story):
    ledger = story.mtn.control("GET", "/lab/ledger")
    assert len(ledger["debits"]) == 1, "charged once"
    assert passes(story) == 1, "the pass is there, once"
    assert story.rows("select coalesce(sum(amount_minor), 0) from billing.ledger_entry") == [(0,)]
    receipts = story.rows("select count(*) from messaging.message where kind = 'receipt' and"
                          f" user_id = {story.user} and body like '%Pass jour%'")
    assert receipts == [(1,)], "one receipt"
    delivered = [letters(row[6]) for row in story.instalments() if row[1] == "delivered"]
    texts = [letters(m["text"]) for m in story.messages(0)]
    for body in delivered:
        assert sum(1 for text in texts if body[:300] in text) == 1, "no delivered instalment twice"
