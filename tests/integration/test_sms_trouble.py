# SPDX-License-Identifier: Apache-2.0
"""The SMS room when something around it breaks: the database, the link, the answer to a reader's text."""
from database import Locked, Turnstile
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
    wait_until(lambda: sms.rooms[0].has_logged("outbox rows handed back"), lambda: sms.rooms[0].tail())
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


QUEUED, BEHIND_MAX, IN_HAND = 5000, 2000, 1000 + 500  # messages; record.c; of a link without a rate, and one claim


def queue_many(sms):  # noqa: F811
    sms.world.rows(
        "insert into messaging.message (account, identity_id, kind, priority, body, lang, segments, due_at, expires_at, created_at)"
        " select 'lab', %s, 'notice', 2, 'Bonjour', 'fr', 1, t, t + interval '1 day', t"
        " from (select ops.now() as t) x, generate_series(1, %s)", sms.reader()["identity_id"], QUEUED)


def unrecorded(sms):  # noqa: F811
    """Messages claimed and without an outcome in the database: never more than the ceiling and what was in hand below it."""
    sending = count(sms, "messaging.message where state = 'sending'")
    assert sending <= BEHIND_MAX + IN_HAND
    return sending


def all_arrive_once(sms):  # noqa: F811
    wait_until(lambda: count(sms, "messaging.message where state in ('accepted', 'delivered')") == QUEUED, "the rest to follow", 90)
    assert sms.stats()["accepted"] == QUEUED


def test_outcomes_that_are_recorded_slowly_have_a_ceiling(sms):  # noqa: F811
    """Expected: behind by 2,000 outcomes the room claims no more: what a kill would leave unknown stays bounded. Then all goes on.

    A batch of 1,000 outcomes ends well, 6 s after it came: no statement of this test fails, so the ceiling alone stops claims."""
    sms.world.rows("create function public.slowly() returns trigger language plpgsql as $$ begin"
                   " while not pg_try_advisory_xact_lock_shared(1) and clock_timestamp() < statement_timestamp() + interval '6 s'"
                   " loop perform pg_sleep(0.02); end loop; return null; end $$")
    sms.world.rows("create trigger slowly before insert on messaging.part for each statement execute function public.slowly()")
    sms.room(rate=0, window=100)
    with Turnstile(sms.world.url, 1):
        queue_many(sms)

        def at_rest():
            """More than the ceiling is not recorded, and the carrier has answered all that was claimed."""
            answered = sms.stats()["accepted"]
            return unrecorded(sms) > BEHIND_MAX and answered == count(sms, "messaging.message where state <> 'queued'")
        wait_until(at_rest, lambda: f"claims to stop: {sms.stats()['accepted']} accepted, {unrecorded(sms)} not recorded", 60)
    all_arrive_once(sms)
    assert not sms.rooms[0].has_logged("outcomes not recorded yet")


def test_nothing_is_claimed_while_outcomes_cannot_be_recorded(sms):  # noqa: F811
    """Expected: the first failure stops claims, however few outcomes wait; what was claimed stays. Then all goes on."""
    sms.room(rate=0, window=100)
    with Turnstile(sms.world.url, 2650, "hashtext('lab')"):  # messaging.record waits for it 1 s, a claim does not
        queue_many(sms)

        def failures():
            return sms.rooms[0].log.read_text().count('"event":"outcomes not recorded yet"')

        def all_answered():
            return 0 < unrecorded(sms) == sms.stats()["accepted"]
        wait_until(lambda: failures() >= 2 and all_answered(), "what was claimed to be answered", 30)
        claimed, before = unrecorded(sms), failures()
        wait_until(lambda: failures() > before, "another failure", 30)
        assert unrecorded(sms) == claimed and all_answered(), "claimed between two failures"
    all_arrive_once(sms)
