# SPDX-License-Identifier: Apache-2.0
"""The SMS room when something around it breaks: the database, the link, the answer to a reader's text."""
from database import Locked
from smsworld import NUMBER, sealed, sms  # noqa: F401
from sqlfixtures import sql_server  # noqa: F401
from support import wait_until

OTHER = "+2250505060708"


def count(sms, where):
    return sms.world.value(f"select count(*) from {where}")


def test_urgent_code_overtakes_chapters(sms):  # noqa: F811
    book = sms.world.book()
    for n in range(4):
        sms.chapter(sms.reader(f"+22507010203{n:02}"), book)
    sms.room(rate=2, burst=1)
    sms.stats(accepted=1)
    body, _ = sealed("otp.body", "Coko : votre code est 123456.")
    blob, lookup = sealed("auth.identity", OTHER[1:])
    sms.world.one("auth.request_otp", lookup, blob, 1, "CI", "orange", b"h" * 32, body, None)
    sms.texts(OTHER)
    assert sms.stats()["accepted"] <= 12, "the code waited for the chapters"


def test_text_that_could_not_be_stored_comes_again_and_runs_once(sms):  # noqa: F811
    sms.room()
    with Locked(sms.world.url, "messaging.inbound"):
        sms.type("AIDE", wait=0)
        sms.stats(deliver_retries=1)
    sms.texts()
    wait_until(lambda: sms.stats()["deliver_acked"] >= 1, "the text to be acknowledged")
    assert count(sms, "messaging.inbound") == 1 and count(sms, "messaging.message") == 1
    assert sms.stats()["deliver_refused"] == 0


def test_text_whose_answer_was_lost_runs_once(sms):  # noqa: F811
    """The carrier did not hear our response: it delivers again on the next link (S2)."""
    sms.room()
    sms.fault(stop_reading=True)
    sms.type("AIDE", wait=0)
    wait_until(lambda: count(sms, "messaging.inbound") == 1, "the text to be stored")
    sms.smsc.control("POST", "/kick", {"how": "rst"})
    sms.fault(stop_reading=False)
    wait_until(lambda: sms.stats()["binds"] >= 2 and sms.stats()["deliver_sent"] >= 2, "the text to come again")
    wait_until(lambda: sms.stats()["deliver_outstanding"] == 0, "its answer")
    assert count(sms, "messaging.inbound") == 1 and count(sms, "messaging.message") == 1


def test_long_text_survives_a_busy_database(sms):  # noqa: F811
    """Its first parts are acknowledged already: the whole is kept here and tried again."""
    sms.room()
    with Locked(sms.world.url, "messaging.inbound"):
        sms.type("Aide " + "je ne comprends pas " * 20, wait=0)
        wait_until(lambda: sms.rooms[0].has_logged("text not stored"), "a failed attempt")
    sms.texts()
    assert sms.stats()["deliver_retries"] == 0 and count(sms, "messaging.inbound") == 1


def test_same_keyword_twice_is_meant_twice(sms):  # noqa: F811
    sms.room()
    assert sms.type("AIDE") == [0] and sms.type("AIDE") == [0]
    sms.texts(count=2)
    assert count(sms, "messaging.inbound") == 2


def test_database_gone_in_the_middle_of_a_chapter(sms):  # noqa: F811
    """Cut connections while parts are sent and receipts arrive: nothing lost, nothing twice, the bind stays."""
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.fault(receipt_delay_ms=300)
    sms.room(rate=4, burst=1)
    kill = ("select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()")
    for accepted in (1, 2, 3, 4, 5):
        sms.stats(accepted=accepted)
        sms.world.rows(kill)
    sms.wait_state(made["message_id"], "delivered", 40)
    stats = sms.stats()
    assert stats["accepted"] == 5 and stats["duplicate_parts"] == 0 and stats["binds"] == 1
    assert stats["deliver_refused"] == 0


def test_messages_not_begun_return_to_the_outbox_without_a_link(sms):  # noqa: F811
    book = sms.world.book()
    made = [sms.chapter(sms.reader(f"+22507010203{n:02}"), book)["message_id"] for n in range(6)]
    sms.room(rate=20, burst=1, window=1)
    sms.stats(accepted=1)
    sms.smsc.child.kill()
    sms.smsc.child.wait()
    wait_until(lambda: sms.rooms[0].has_logged("outbox rows handed back"), lambda: sms.rooms[0].tail(), 15)
    assert sms.state(made[-1]) == "queued"
    assert sms.world.value("select max(tries) from messaging.message where state = 'queued'") == 0
    assert len(sms.part_states(made[0])) >= 1, "what was written stays where it is"
    sms.rooms[0].end()                      # ends without a link: the rest of the begun one is given up
    assert not sms.world.rows("select 1 from messaging.message where state = 'sending'")


def test_wrong_password_is_an_alarm_not_a_hammer(sms):  # noqa: F811
    sms.room(wait=False, password="guess")
    wait_until(lambda: sms.rooms[0].has_logged("bind refused"), "the refusal")
    message = sms.notice(sms.reader())
    sms.world.later("1 second")
    assert sms.state(message) == "queued"
    assert sms.stats()["bind_attempts"] == 1


def test_carrier_that_unbinds_is_bound_again(sms):  # noqa: F811
    """smpp.md hard case 21."""
    sms.room()
    sms.smsc.control("POST", "/kick", {"how": "unbind"})
    sms.stats(binds=2)
    sms.wait_state(sms.notice(sms.reader()), "delivered")


def test_constant_message_id(sms):  # noqa: F811
    """smpp.md hard case 13: one id for everything; receipts find their phone's oldest open part."""
    sms.fault(id_form={"resp": "constant", "receipt": "constant"})
    readers = [sms.reader(), sms.reader(OTHER)]
    messages = [sms.notice(r) for r in readers]
    sms.room()
    for message in messages:
        sms.wait_state(message, "delivered")


def test_outcomes_that_cannot_be_recorded_yet_have_a_ceiling(sms):  # noqa: F811
    """Expected: behind by 2,000 outcomes the room claims no more: what a kill would leave unknown stays bounded. Then all goes on."""
    queued, ceiling, in_hand = 5000, 2000, 1000 + 500  # of a link without a rate, and one claim
    sms.room(rate=0, window=100)
    lock = sms.world.connect()
    lock.autocommit = False
    lock.cursor().execute("select pg_advisory_xact_lock(2650, hashtext('lab'))")  # messaging.record waits for it, a claim does not
    sms.world.rows(
        "insert into messaging.message (account, identity_id, kind, priority, body, lang, segments, due_at, expires_at, created_at)"
        " select 'lab', %s, 'notice', 2, 'Bonjour', 'fr', 1, t, t + interval '1 day', t"
        " from (select ops.now() as t) x, generate_series(1, %s)", sms.reader()["identity_id"], queued)

    def at_rest():
        """More than the ceiling is accepted, and nothing else is claimed."""
        accepted = sms.stats()["accepted"]
        return accepted > ceiling and accepted == count(sms, "messaging.message where state = 'sending'") and accepted
    accepted = wait_until(at_rest, lambda: f"claims to stop: {sms.stats()['accepted']} accepted", 60)
    assert accepted <= ceiling + in_hand
    lock.rollback()
    lock.close()
    wait_until(lambda: count(sms, "messaging.message where state in ('accepted', 'delivered')") == queued, "the rest to follow", 90)
    assert sms.stats()["accepted"] == queued
