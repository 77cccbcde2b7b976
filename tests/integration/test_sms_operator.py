# SPDX-License-Identifier: Apache-2.0
"""The operator's commands against a running room: pause, drain, resume, status, unknowns."""
import json
import os
import subprocess

import pytest

from smsworld import sms  # noqa: F401
from sqlfixtures import sql_server  # noqa: F401
from support import COKO, TEST_KEYS, TOP, wait_until


def coko(sms, *args, code=0):  # noqa: F811
    done = subprocess.run([str(COKO), *map(str, args)], cwd=TOP, capture_output=True, text=True, check=False,
                          env={**os.environ, "DATABASE_URL": sms.url, "COKO_KEYS": TEST_KEYS, "COKO_OPERATOR": "awa"})
    assert done.returncode == code, f"coko {args}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def link(sms, name="lab"):  # noqa: F811
    return next(r for r in json.loads(coko(sms, "status", "--json"))["links"] if r["account"] == name)


def wait_status(sms, **wanted):  # noqa: F811
    def same():
        row = link(sms)
        return all(row[k] == v for k, v in wanted.items())
    wait_until(same, lambda: f"status {wanted}; it is {link(sms)}", 20)


def test_paused_account_keeps_its_bind_and_sends_nothing_new(sms):  # noqa: F811
    """Expected: readers and receipts are heard, the outbox waits; resume sends it all, nothing twice."""
    reader = sms.reader()
    sms.room()
    coko(sms, "link", "pause", "lab")
    wait_until(lambda: sms.rooms[0].has_logged("account wished"), "the wish to be heard")
    made = sms.notice(reader, template="locked")
    assert sms.type("AIDE") == [0]
    wait_status(sms, wish="pause", state="bound", unsent=2)
    assert sms.stats()["accepted"] == 0 and sms.state(made) == "queued"
    coko(sms, "link", "resume", "lab")
    sms.texts(count=2)
    sms.wait_state(made, "delivered")
    assert sms.stats()["bind_attempts"] == 1 and sms.stats()["duplicate_parts"] == 0
    assert [r["kind"] for r in sms.world.rows("select kind from ops.audit where actor = 'operator:awa' order by id")] == \
        ["link.pause", "link.run"]


def begun(sms, refusals):  # noqa: F811
    """A chapter of which one part is at the carrier, and four questions for the next one were refused: it waits."""
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.room(rate=1, burst=1, window=1)
    sms.stats(accepted=1)
    sms.fault(resp_status={"value": 0x14, "count": refusals})
    wait_until(lambda: sms.stats()["refused"] == 4, "four refusals", 20)
    return made["message_id"]


def test_a_pause_leaves_what_waits_for_a_full_queue_alone(sms):  # noqa: F811
    """It stops claiming, and nothing else: the rest of a chapter that was begun was given up by it."""
    made = begun(sms, 4)
    coko(sms, "link", "pause", "lab")
    wait_until(lambda: sms.rooms[0].has_logged("account wished"), "the wish to be heard")
    sms.wait_state(made, "delivered", 40)
    assert sms.stats()["refused"] == 4 and sms.stats()["duplicate_parts"] == 0


def test_a_drain_asks_once_more_and_waits_no_longer(sms):  # noqa: F811
    """Expected: what no other process can go on with is failed, part by part, and the bind is given up at once."""
    made = begun(sms, 1000)
    assert coko(sms, "link", "drain", "lab", "--wait") == "lab: drain\n"
    assert sms.state(made) == "partial" and sms.part_states(made)[1:] == ["failed"] * 4
    assert sms.stats()["refused"] == 5 and sms.stats()["bound"] == 0


def test_drained_account_ends_what_it_began_and_gives_the_bind_up(sms):  # noqa: F811
    """Expected: the begun chapter is whole, the others wait unwritten, no process binds, also not a new one."""
    book = sms.world.book()
    made = [sms.chapter(sms.reader(f"+22507010203{n:02}"), book)["message_id"] for n in range(4)]
    sms.room(rate=1, burst=1)
    sms.stats(accepted=1)
    assert coko(sms, "link", "drain", "lab", "--wait") == "lab: drain\n"
    states = [sms.state(m) for m in made]
    assert states[0] in ("accepted", "delivered") and states[-1] == "queued", states
    assert set(states) <= {"accepted", "delivered", "queued"}, "nothing is left half sent"
    assert sms.stats()["bound"] == 0
    other = sms.room(owner="b:0", wait=False)
    wait_until(lambda: other.has_logged("account wished"), "the other to hear it")
    wait_status(sms, state="free", wish="drain", owner=None)
    assert sms.stats()["bind_attempts"] == 1
    coko(sms, "link", "resume", "lab")
    for message in made:
        sms.wait_state(message, "delivered", 40)
    assert sms.stats()["duplicate_parts"] == 0 and sms.stats()["bound"] == 1


def test_status_tells_what_a_night_needs(sms):  # noqa: F811
    sms.room(rate=50, window=7)
    sms.notice(sms.reader())
    sms.texts()
    wait_status(sms, state="bound", owner="a:0", window_size=7, rate_full=50, rate_now=50, unsent=0, unknown=0, throttled=False)
    text = coko(sms, "status")
    assert "bound" in text and "a:0" in text and "50/50" in text, text


def test_unknown_is_listed_then_requeued_by_name(sms):  # noqa: F811
    sms.room(response_timeout="2s")
    sms.fault(drop_resp=1, drop_receipt=1)
    made = sms.notice(sms.reader())
    sms.wait_state(made, "unknown")
    assert coko(sms, "outbox", "unknown", "lab").splitlines()[1].split()[:3] == [str(made), "lab", "notice"]
    assert coko(sms, "outbox", "unknown", "--older-than", "1h") == ""
    assert coko(sms, "outbox", "requeue", made) == f"{made} requeued\n"
    sms.wait_state(made, "delivered")
    assert coko(sms, "outbox", "give-up", made, code=1) == f"{made} not_unknown\n"
    assert coko(sms, "outbox", "give-up", "--account", "lab", "--older-than", "1s") == ""
    assert link(sms)["unknown"] == 0


@pytest.mark.parametrize("args", [("link",), ("link", "stop", "lab"), ("link", "pause"), ("outbox",), ("outbox", "requeue"),
                                  ("outbox", "requeue", "x"), ("outbox", "give-up", "1", "--account", "lab"),
                                  ("outbox", "unknown", "--older-than", "soon"), ("outbox", "unknown", "--loud")])
def test_wrong_words_are_usage(sms, args):  # noqa: F811
    coko(sms, *args, code=2)


def test_no_such_account_is_a_fault(sms):  # noqa: F811
    assert coko(sms, "link", "pause", "nobody", code=1) == ""


def test_hard_16_full_queue_of_one_number_defers_that_number_only(sms):  # noqa: F811
    """Expected: 0x14 for one MSISDN; its message waits and comes later, others are not delayed, the bind is not paused."""
    sms.room(rate=0)
    sms.fault(resp_status={"value": 20, "count": 2, "to": "2250701020399"})
    full = sms.notice(sms.reader("+2250701020399"))
    others = [sms.notice(sms.reader(f"+22507010203{n:02}")) for n in range(5)]
    for message in others:
        sms.wait_state(message, "delivered")
    sms.wait_state(full, "delivered", 40)
    assert sms.stats()["duplicate_parts"] == 0
    assert sms.world.value("select tries from messaging.message where id = %s", full) == 1
