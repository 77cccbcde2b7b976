# SPDX-License-Identifier: Apache-2.0
"""What a person decides in the outbox and of an account, in SQL: M4 by hand, an audit row each."""
import pytest

from sqlfixtures import *  # noqa: F401,F403
from test_sql_messaging import chapter, notice, place, state


def unknown(world, kind="receipt", reader=None):
    """A message that was written and never answered."""
    message = notice(world, reader or world.dial(), kind=kind)["message_id"]
    world.claim_sms()
    world.call("messaging.record", "lab", 1, [{"m": message, "no": 1, "of": 1, "status": "unknown"}])
    assert state(world, message) == "unknown"
    return message


def decide(world, action, *ids):
    rows = world.rows("select * from messaging.outbox_decide('awa', %s, %s)", action, list(ids))
    return {r["message_id"]: r["outcome"] for r in rows}


def audited(world, kind):
    return [r["subject"] for r in world.rows("select subject from ops.audit where kind = %s and actor = 'operator:awa' order by id", kind)]


def test_unknown_is_requeued_by_a_person_only_and_sent_once_more(world):
    message = unknown(world)
    world.later("1 day - 1 hour")
    assert not world.claim_sms(), "M4: nobody sends it again by himself"
    assert decide(world, "requeue", message) == {message: "requeued"}
    assert audited(world, "outbox.requeue") == [f"message:{message}"]
    assert [r["message_id"] for r in world.claim_sms()] == [message]
    world.accept(message, "again")
    world.receipt("again")
    assert state(world, message) == "delivered"
    assert decide(world, "requeue", message) == {message: "not_unknown"}
    assert audited(world, "outbox.requeue") == [f"message:{message}"], "a refusal decides nothing"


def test_requeue_refuses_what_a_receipt_exists_for(world):
    """Expected: one part is delivered, one unknown; sending all of it again would repeat text."""
    reader, book = world.dial(), world.book()
    made = chapter(world, reader, book)
    world.claim_sms()
    message = made["message_id"]
    world.call("messaging.record", "lab", 1, [{"m": message, "no": 1, "of": 2, "ref": "one", "status": "accepted"},
                                              {"m": message, "no": 2, "of": 2, "status": "unknown"}])
    assert decide(world, "requeue", message) == {message: "part_accepted"}
    world.receipt("one")
    assert state(world, message) == "unknown"
    assert decide(world, "requeue", message) == {message: "has_receipt"}
    assert decide(world, "give_up", message) == {message: "given_up"}
    assert state(world, message) == "partial"


def test_requeue_refuses_what_is_past_its_end_or_stopped(world):
    reader = world.dial()
    late, stopped = unknown(world, "reply", reader), unknown(world, "notice", reader)
    world.one("auth.stop", reader["identity_id"], "s")
    world.later("2 hours")
    assert decide(world, "requeue", late, stopped) == {late: "expired", stopped: "stopped"}
    assert audited(world, "outbox.requeue") == []


def test_given_up_instalment_gives_its_text_back(world):
    reader, book = world.dial(), world.book()
    made = chapter(world, reader, book)
    before = place(world, reader, book)
    world.claim_sms()
    world.call("messaging.recover", "lab", 2)           # the owner died: no part has a row yet
    assert state(world, made["message_id"]) == "unknown"
    assert decide(world, "give_up", made["message_id"]) == {made["message_id"]: "given_up"}
    assert state(world, made["message_id"]) == "failed"
    assert place(world, reader, book) != before and place(world, reader, book) == (1, 0)
    assert audited(world, "outbox.give_up") == [f"message:{made['message_id']}"]


def test_unknowns_are_listed_by_account_and_age(world):
    old = unknown(world)
    world.later("2 hours")
    young = unknown(world)
    rows = world.rows("select message_id, receipts, unknown from messaging.outbox_unknown('', '0s', 10)")
    assert [(r["message_id"], r["unknown"], r["receipts"]) for r in rows] == [(old, 1, 0), (young, 1, 0)]
    assert [r["message_id"] for r in world.rows("select * from messaging.outbox_unknown('lab', '1h', 10)")] == [old]
    assert not world.rows("select * from messaging.outbox_unknown('other', '0s', 10)")
    assert len(world.rows("select * from messaging.outbox_unknown('', '0s', 1)")) == 1


@pytest.mark.parametrize("wish", ["pause", "drain", "run"])
def test_wish_is_audited_and_heard(world, wish):
    was = world.value("select wish from messaging.account where name = 'lab'")
    got = world.one("messaging.link_wish", "awa", "lab", wish)
    assert got == {"outcome": "same" if wish == was else "set", "was": was}
    assert audited(world, f"link.{wish}") == ["account:lab"]
    assert world.value("select messaging.account_state('lab') = 'paused'") == (wish != "run"), "routes go round it"
    assert {"account": "lab", "wish": wish} in world.call("messaging.bind_report", [])
    assert world.one("messaging.link_wish", "awa", "nobody", wish)["outcome"] == "no_account"
    with pytest.raises(Exception, match="account_wish_check"):
        world.one("messaging.link_wish", "awa", "lab", "dance")


def test_bind_report_of_an_older_epoch_is_not_heard(world):
    row = {"name": "lab", "account": "lab", "owner": "b:0", "epoch": 2, "state": "bound", "since_ms": 4000, "window_used": 3,
           "window_size": 10, "waiting": 7, "rate_now": 5, "rate_full": 10, "answered": 20, "over_ms": 2000, "throttled": True,
           "error": ""}
    world.call("messaging.bind_report", [row])
    world.call("messaging.bind_report", [{**row, "owner": "a:0", "epoch": 1}])
    world.one("ops.lease_take", "bind:lab", "b:0", 10)
    unknown(world)
    notice(world, world.dial())
    got = world.row("select * from ops.links() where bind = 'lab'")
    assert (got["owner"], got["state"], got["sent_per_s"], got["throttled"]) == ("b:0", "bound", 10, True)
    assert 4 <= got["since_s"] < 60 and (got["unsent"], got["unknown"]) == (1, 1)
    world.later("8 seconds")
    assert world.value("select state from ops.links() where bind = 'lab'") == "bound"
    world.one("ops.lease_take", "bind:lab", "b:0", 60)
    world.later("20 seconds")
    assert world.value("select state from ops.links() where bind = 'lab'") == "silent"
    world.later("1 minute")
    assert world.value("select state from ops.links() where bind = 'lab'") == "free"
