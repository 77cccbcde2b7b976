# SPDX-License-Identifier: Apache-2.0
"""What becomes of messages of unknown outcome, class by class (messaging.unknown_policy), and of old ones."""
import pytest

from sqlfixtures import sql_server, world  # noqa: F401
from sqlworld import key

NUMBER = "+2250501020304"


def settle(world):  # noqa: F811
    return world.one("messaging.settle_unknown", "lab", 100)


def state(world, message):  # noqa: F811
    return world.value("select state from messaging.message where id = %s", message)


def unknown(world, kind):  # noqa: F811
    """A message of this kind that was written and never answered."""
    if kind == "otp":
        world.one("auth.request_otp", key(NUMBER), b"sealed04", 1, "CI", "mtn", b"h" * 32, b"body", None)
    elif kind == "instalment":
        reader = world.dial(NUMBER)
        assert world.one("messaging.enqueue_instalment", reader["user_id"], reader["identity_id"], world.book(), None)["outcome"] == "queued"
    else:
        world.one("messaging.enqueue", world.dial(NUMBER)["identity_id"], kind, "fr", "help", {}, None)
    (got,) = world.claim_sms()
    unanswered(world, got["message_id"])
    return got["message_id"]


def unanswered(world, m):  # noqa: F811
    world.call("messaging.record", "lab", 1, [{"m": m, "no": 1, "of": 1, "ref": None, "status": "unknown", "code": 0}])
    assert state(world, m) == "unknown"


def test_code_is_sent_once_more_while_it_is_of_use(world):  # noqa: F811
    m = unknown(world, "otp")
    assert settle(world) == {"resent": 0, "given_up": 0}
    world.later("21 seconds")
    assert settle(world) == {"resent": 1, "given_up": 0}
    (again,) = world.claim_sms()
    assert again["message_id"] == m and bytes(again["body_sealed"]) == b"body"
    unanswered(world, m)
    world.later("21 seconds")
    assert settle(world) == {"resent": 0, "given_up": 0}, "once"
    world.later("1 hour")
    assert settle(world)["given_up"] == 1 and state(world, m) == "expired"


def test_code_with_a_receipt_is_not_sent_again(world):  # noqa: F811
    m = unknown(world, "otp")
    world.receipt("z", lookup=key(NUMBER))
    world.later("6 minutes")
    world.value("select messaging.match_orphans('lab', 10)")
    assert settle(world)["resent"] == 0 and state(world, m) == "delivered"


def test_code_whose_late_answer_came_before_it_was_sent_again(world):  # noqa: F811
    """Hard case 8: it waited to be sent once more, the carrier said that it had it, and it was sent all the same."""
    m = unknown(world, "otp")
    world.later("21 seconds")
    assert settle(world)["resent"] == 1 and state(world, m) == "queued"
    world.accept(m, "late")
    assert state(world, m) == "accepted" and world.claim_sms() == []
    world.receipt("late")
    assert state(world, m) == "delivered"


@pytest.mark.parametrize("kind, after, want", [
    ("reply", "2 hours", "expired"), ("notice", "2 hours", "unknown"), ("notice", "2 days", "expired"),
    ("receipt", "4 days", "unknown"), ("instalment", "4 days", "unknown")])
def test_what_is_not_a_code_is_never_sent_again(world, kind, after, want):  # noqa: F811
    m = unknown(world, kind)
    world.later(after)
    assert settle(world)["resent"] == 0
    assert state(world, m) == want and world.claim_sms() == []


def test_old_messages_go_with_their_parts(world):  # noqa: F811
    done, waiting = unknown(world, "receipt"), None
    waiting = world.one("messaging.enqueue", world.dial(NUMBER)["identity_id"], "notice", "fr", "help", {}, None)["message_id"]
    world.later("91 days")
    world.value("select messaging.count_deliveries()")  # nothing leaves uncounted
    assert world.value("select ops.expire_rows(100)") >= 1
    assert [r["id"] for r in world.rows("select id from messaging.message order by id")] == [waiting], done
    assert world.rows("select 1 from messaging.part") == []


@pytest.mark.parametrize("kind", ["notice", "instalment"])
def test_stop_ends_what_a_policy_would_send_again(world, kind):  # noqa: F811  # M3
    """Found as a notice that came after STOP was confirmed: of unknown outcome it was neither cancelled nor flagged."""
    world.rows("insert into messaging.unknown_policy values (%s, 'resend', '1 minute', 3) on conflict (kind)"
               " do update set action = 'resend', after = '1 minute', max = 3", kind)
    m = unknown(world, kind)
    reader = world.dial(NUMBER)
    confirmation = world.one("auth.stop", reader["identity_id"], "s")["message_id"]
    assert world.value("select due_at <= ops.now() from messaging.message where id = %s", confirmation), "nothing is being sent"
    world.later("2 minutes")
    assert settle(world)["resent"] == 0 and state(world, m) == "unknown"
    assert [x["kind"] for x in world.claim_sms()] == ["reply"]
    world.call("messaging.record", "lab", 1, [{"m": m, "no": 1, "of": 1, "ref": "late", "status": "accepted", "code": 0}])
    world.receipt("late")
    assert state(world, m) == "delivered", "what the carrier says holds"


def test_stop_flagged_what_a_dead_sender_had(world):  # noqa: F811  # M3
    world.rows("update messaging.unknown_policy set action = 'resend', max = 3 where kind = 'notice'")
    reader = world.dial(NUMBER)
    m = world.one("messaging.enqueue", reader["identity_id"], "notice", "fr", "help", {}, None)["message_id"]
    world.claim_sms()
    world.one("auth.stop", reader["identity_id"], "s")
    world.one("messaging.recover", "lab", 2)
    assert state(world, m) == "unknown" and [x["kind"] for x in world.claim_sms(epoch=2)] == ["reply"]
