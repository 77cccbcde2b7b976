# SPDX-License-Identifier: Apache-2.0
"""SMS through `coko serve`: a reader's keywords, and workers that die with the bind in their hands."""
import os
import signal

from database import Turnstile, sql
from support import alive, wait_until

NUMBER = "2250701020399"


def texts(smsc, to=NUMBER, count=1, **query):
    more = "".join(f"&{k}={v}" for k, v in query.items())
    return smsc.control("GET", f"/messages?to={to}&count={count}&wait_ms=30000{more}")["messages"]


def stats(smsc, **wanted):
    more = "&".join(f"{k}={v}" for k, v in wanted.items())
    return smsc.control("GET", f"/stats?wait_ms=30000&{more}" if more else "/stats")


def say(smsc, text, number=NUMBER):
    got = smsc.control("POST", "/mo?wait_ms=30000", {"from": number, "to": "26", "text": text})
    assert got["statuses"] == [0], got


def owner_pid(daemon, database):
    """The worker that holds the lease of the bind."""
    slot = sql(database, "select owner from ops.lease where name = 'bind:lab'")[0][0].rsplit(":", 1)[1]
    pids = [line["pid"] for line in daemon.log_lines()
            if line["event"] == "worker ready" and line["msg"].startswith(f"slot={slot}")]
    return pids[-1]


def test_reader_asks_for_help_and_a_chapter(daemon, smsc, migrated_db):
    one = daemon(smsc=smsc)
    stats(smsc, bound=1)
    say(smsc, "aide")
    assert "STOP" in texts(smsc)[0]["text"]
    code = sql(migrated_db, "select code from catalog.book where status = 'published' order by id limit 1")[0][0]
    say(smsc, f"LIRE {code}")
    chapter = texts(smsc, count=2)[1]
    assert chapter["total"] > 1 and not chapter["defects"]
    wait_until(lambda: sql(migrated_db, "select 1 from messaging.message where kind = 'instalment' and state = 'delivered'"),
               "receipts of the chapter")
    wait_until(lambda: one.metric("coko_smpp_bind_up") == 1, "the metric of the bind")
    assert one.metric("coko_sms_mo_total") >= 2
    assert one.metric("coko_sms_parts_total", "accepted") == stats(smsc)["accepted"]
    assert NUMBER not in one.process.log.read_text()


def test_every_keyword_over_the_air(daemon, smsc, migrated_db):
    one = daemon(smsc=smsc)
    stats(smsc, bound=1)
    for count, (word, answer) in enumerate([("AIDE", "REPETER"), ("menu", "*384*26#"), ("Pause", "REPRENDRE"), ("Reprendre", "reprennent"),
                                            ("Arrêt", "renouvelé"), ("START", "reprennent")], 1):
        say(smsc, word)
        assert answer in texts(smsc, count=count)[count - 1]["text"], word
    code = sql(migrated_db, "select code from catalog.book where status = 'published' order by id limit 1")[0][0]
    say(smsc, f"LIRE {code}")
    first = texts(smsc, count=7)[6]["text"]
    wait_until(lambda: sql(migrated_db, "select 1 from messaging.message where kind = 'instalment' and state = 'delivered'"),
               "receipts of the chapter")
    say(smsc, "répéter")
    assert texts(smsc, count=8)[7]["text"] == first
    assert [row[0] for row in sql(migrated_db, "select what from auth.consent order by id")] == ["pause", "resume", "stop", "start"]
    assert NUMBER not in one.process.log.read_text()


def test_one_bind_whatever_the_workers_and_whoever_dies(daemon, smsc, migrated_db):
    one = daemon(config={"coko": {"workers": 2}, "link lab": {"lease": "2s"}}, smsc=smsc)
    stats(smsc, bound=1)
    before = stats(smsc)["bind_attempts"]
    for turn in range(3):
        say(smsc, "aide", f"22507010204{turn:02}")
        texts(smsc, f"22507010204{turn:02}")
        victim = owner_pid(one, migrated_db)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda pid=victim: not alive(pid), "the owner to die")
        stats(smsc, bind_attempts=before + turn + 1)
        wait_until(lambda: stats(smsc)["bound"] == 1, "one bind")
    say(smsc, "aide", "2250701020499")
    texts(smsc, "2250701020499")
    assert stats(smsc)["duplicate_texts"] == 0 and stats(smsc)["bound"] == 1


def test_a_database_that_takes_no_outcome_does_not_hold_the_end_up(daemon, lab, migrated_db):
    """Expected: SIGTERM ends the daemon at its drain limit; the next one learns from the receipt what became of the text (M1, M4)."""
    smsc = lab("smsc.py", "--port", "0", "--control-port", "0", "--deliver-attempts", "1000")  # as patient as a carrier's
    one = daemon(config={"coko": {"drain_limit": "500ms"}}, smsc=smsc)
    stats(smsc, bound=1)
    answer = "select state from messaging.message order by id desc limit 1"  # to the one text of this test
    with Turnstile(migrated_db, 2650, "hashtext('lab')"):  # messaging.record waits for it
        say(smsc, "aide")
        wait_until(lambda: "outcomes not recorded yet" in one.process.log.read_text(), "an outcome that is not recorded")
        one.stop()
        assert sql(migrated_db, answer) == [("sending",)]
    events = [line["event"] for line in one.log_lines()]
    assert "drained" in events and "worker killed" not in events
    one.start()
    wait_until(lambda: sql(migrated_db, answer) == [("delivered",)], "the receipt of the text")
    assert stats(smsc)["accepted"] == 1
