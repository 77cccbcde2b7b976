# SPDX-License-Identifier: Apache-2.0
"""The outbox in SQL: claims, parts and receipts, STOP, keywords, instalments (M1-M4, S2)."""
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import key


def say(world, reader, keyword, arg="", dedupe=None, number="+2250501020304"):
    say.n += 1
    return world.one("messaging.inbound", "lab", key(number), b"sealed", 1, "CI", "mtn", keyword, arg, "fr",
                     dedupe or f"d{say.n}".encode())


say.n = 0


def notice(world, reader, dedupe=None, kind="notice", template="help"):
    return world.one("messaging.enqueue", reader["identity_id"], kind, "fr", template, {}, dedupe)


def state(world, message):
    return world.value("select state from messaging.message where id = %s", message)


def chapter(world, reader, book, step=None):
    return world.one("messaging.enqueue_instalment", reader["user_id"], reader["identity_id"], book, step)


def place(world, reader, book):
    got = world.row("select part, at from reading.position where user_id = %s and book_id = %s", reader["user_id"], book)
    return got["part"], got["at"]


def test_enqueue_outcomes(world):
    reader = world.dial()
    first = notice(world, reader, "once")
    assert first["outcome"] == "queued"
    assert notice(world, reader, "once") == {"outcome": "seen", "message_id": first["message_id"]}
    assert notice(world, reader, template="nothing")["outcome"] == "no_template"
    assert world.value("select count(*) from ops.audit where kind = 'alert.template_missing'") == 1
    world.one("auth.stop", reader["identity_id"], "s")
    assert notice(world, reader)["outcome"] == "stopped"
    assert notice(world, reader, kind="receipt")["outcome"] == "queued"


def test_template_language_and_substitution(world):
    assert world.value("select messaging.render('locked', 'en', '{\"title\": \"{x}\"}')") == "Coko : la suite de {x} demande un pass."
    assert world.value("select messaging.render('help', 'en', '{}')").startswith("Coko: NEXT")


def test_claim_orders_by_urgency_and_respects_max_and_due(world):
    reader = world.dial()
    late = notice(world, reader)["message_id"]
    soon = notice(world, reader, kind="receipt")["message_id"]
    reply = notice(world, reader, kind="reply")["message_id"]
    future = notice(world, reader, kind="reply")["message_id"]
    world.rows("update messaging.message set due_at = ops.now() + interval '1 hour' where id = %s", future)
    world.one("auth.request_otp", key("+2250501020304"), b"s", 1, "CI", "mtn", b"h", b"sealed body", None)
    first = world.claim_sms(limit=2)
    assert [m["kind"] for m in first] == ["otp", "receipt"] and first[1]["message_id"] == soon
    assert bytes(first[0]["body_sealed"]) == b"sealed body" and first[0]["body"] is None and bytes(first[0]["number_sealed"])
    assert [m["message_id"] for m in world.claim_sms()] == [reply, late]
    assert world.claim_sms() == [] and state(world, late) == "sending"


def test_claim_returns_at_most_max(world):
    reader = world.dial()
    for _ in range(5):
        notice(world, reader)
    assert [len(world.claim_sms(limit=n)) for n in (0, -1, 2, 100)] == [0, 0, 2, 3]


def test_two_claimers_never_share_a_row(world):
    reader = world.dial()
    for _ in range(300):
        notice(world, reader)
    conns = [world.connect() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        got = list(pool.map(lambda c: [m["message_id"] for _ in range(5) for m in world.claim_sms(limit=10, conn=c)], conns))
    flat = [i for g in got for i in g]
    assert len(flat) == len(set(flat)) == 300
    [c.close() for c in conns]


def test_an_older_epoch_claims_nothing(world):
    notice(world, world.dial())
    world.one("messaging.recover", "lab", 7)
    assert world.claim_sms(epoch=6) == [] and len(world.claim_sms(epoch=7)) == 1


def test_expired_message_is_not_sent(world):
    reader = world.dial()
    world.one("auth.request_otp", key("+2250501020304"), b"s", 1, "CI", "mtn", b"h", b"sealed body", None)
    world.later("11 minutes")
    assert world.claim_sms() == []
    (m,) = world.messages(reader)
    assert (m["state"], m["body_sealed"]) == ("expired", None)


def test_otp_body_is_wiped_once_accepted(world):  # S5
    reader = world.dial()
    world.one("auth.request_otp", key("+2250501020304"), b"s", 1, "CI", "mtn", b"h", b"sealed body", None)
    (m,) = world.claim_sms()
    world.accept(m["message_id"], "r1")
    assert world.messages(reader)[0]["body_sealed"] is None


def test_all_parts_delivered(world):
    reader = world.dial()
    m = notice(world, reader)["message_id"]
    world.claim_sms()
    world.accept(m, "r", parts=3)
    assert state(world, m) == "accepted"
    world.receipt("r")
    world.receipt("rb")
    assert state(world, m) == "accepted"
    world.receipt("rc")
    assert state(world, m) == "delivered"


def test_responses_in_several_batches(world):
    m = notice(world, world.dial())["message_id"]
    world.claim_sms()
    world.call("messaging.record", "lab", 1, [{"m": m, "no": 1, "of": 2, "ref": "a", "status": "accepted", "code": 0}])
    assert state(world, m) == "sending"
    world.call("messaging.record", "lab", 1, [{"m": m, "no": 2, "of": 2, "ref": "b", "status": "accepted", "code": 0}])
    assert state(world, m) == "accepted"


@pytest.mark.parametrize("states, want", [(("DELIVRD", "UNDELIV"), "partial"), (("UNDELIV", "EXPIRED"), "failed"),
                                          (("delivered", "2"), "delivered"), (("ENROUTE", "ACCEPTD"), "accepted"),
                                          (("WEIRD", "DELIVRD"), "accepted")])
def test_aggregation(world, states, want):
    m = notice(world, world.dial())["message_id"]
    world.claim_sms()
    world.accept(m, "r", parts=2)
    world.receipt("r", states[0])
    world.receipt("rb", states[1])
    assert state(world, m) == want


def test_final_states_are_sticky(world):
    m = notice(world, world.dial())["message_id"]
    world.claim_sms()
    world.accept(m, "r")
    for word in ("ENROUTE", "1", "NONSENSE"):
        world.receipt("r", word)
        assert state(world, m) == "accepted"
    for word in ("DELIVRD", "UNDELIV", "EXPIRED", "DELIVRD", "ENROUTE", "ACCEPTD", "8", "NONSENSE"):
        world.receipt("r", word)
        assert state(world, m) == "delivered" and world.value("select state from messaging.part") == "delivered"
    world.accept(m, "r")  # the response again
    assert state(world, m) == "delivered" and world.value("select count(*) from messaging.part") == 1


def test_receipt_before_the_response(world):
    m = notice(world, world.dial())["message_id"]
    world.claim_sms()
    assert world.receipt("early") == []
    world.receipt("early")
    got = world.accept(m, "early")
    assert [(g["message_id"], g["state"]) for g in got] == [(m, "delivered")]
    assert world.value("select count(*) from messaging.part") == 1


@pytest.mark.parametrize("receipt_first", [True, False])
def test_other_forms_of_the_ref(world, receipt_first):
    m = notice(world, world.dial())["message_id"]
    world.claim_sms()
    if receipt_first:
        world.receipt("ff", alt=["255", "00ff"])
        world.accept(m, "255")
    else:
        world.accept(m, "255")
        world.receipt("ff", alt=["255", "00ff"])
    assert state(world, m) == "delivered" and world.value("select count(*) from messaging.part") == 1


def test_receipt_and_response_at_the_same_time(world):
    reader = world.dial()
    ids = [notice(world, reader)["message_id"] for _ in range(60)]
    world.claim_sms()
    a, b = world.connect(), world.connect()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(lambda: [world.accept(i, f"r{i}", conn=a) for i in ids])
        two = pool.submit(lambda: [world.receipt(f"r{i}", conn=b) for i in ids])
        one.result()
        two.result()
    assert {state(world, i) for i in ids} == {"delivered"}
    a.close()
    b.close()


def test_receipt_in_another_form_while_its_response_commits(world):
    """Neither transaction saw the other: the receipt stayed an orphan until a periodic job."""
    reader = world.dial()
    ids = [notice(world, reader)["message_id"] for _ in range(60)]
    world.claim_sms()
    a, b = world.connect(), world.connect()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(lambda: [world.accept(i, str(i), conn=a) for i in ids])
        two = pool.submit(lambda: [world.receipt(f"{i:x}-hex", alt=[str(i)], conn=b) for i in ids])
        one.result()
        two.result()
    assert {state(world, i) for i in ids} == {"delivered"}
    a.close()
    b.close()


def test_one_ref_for_many_messages(world):
    """A carrier that answers a constant id: the phone tells the parts apart."""
    one, two = world.dial("+2250501"), world.dial("+2250502")
    a, b = notice(world, one)["message_id"], notice(world, two)["message_id"]
    world.claim_sms()
    world.accept(a, "same")
    world.accept(b, "same")
    assert (state(world, a), state(world, b)) == ("accepted", "accepted")
    world.receipt("same", lookup=key("+2250502"))
    assert (state(world, a), state(world, b)) == ("accepted", "delivered")
    world.receipt("same", lookup=key("+2250501"))
    assert state(world, a) == "delivered"


def test_one_ref_twice_in_a_batch(world):
    one, two = world.dial("+2250501"), world.dial("+2250502")
    a, b = notice(world, one)["message_id"], notice(world, two)["message_id"]
    world.claim_sms()
    world.call("messaging.record", "lab", 1, [{"m": i, "no": 1, "of": 1, "ref": "same", "status": "accepted", "code": 0} for i in (a, b)])
    for number in ("+2250502", "+2250501"):
        world.receipt("same", lookup=key(number))
    assert (state(world, a), state(world, b)) == ("delivered", "delivered")


def test_same_account_and_ref_on_two_accounts(world):
    world.rows("insert into messaging.account (name) values ('other')")
    world.call("messaging.receipts", "other", [{"ref": "r", "state": "UNDELIV", "err": 1}])
    m = notice(world, world.dial())["message_id"]
    world.claim_sms()
    world.accept(m, "r")
    assert state(world, m) == "accepted"


def test_lost_link_is_unknown_and_never_sent_again(world):  # M4
    m = notice(world, world.dial())["message_id"]
    world.claim_sms(epoch=1)
    assert world.one("messaging.recover", "lab", 2)["recovered"] == 1
    assert state(world, m) == "unknown" and world.claim_sms(epoch=2) == []
    world.accept(m, "late", epoch=1)  # a late response still tells the truth
    assert state(world, m) == "accepted"
    world.receipt("late")
    assert state(world, m) == "delivered"


def test_otp_of_a_lost_link_is_sent_once_more(world):
    world.dial()
    world.one("auth.request_otp", key("+2250501020304"), b"s", 1, "CI", "mtn", b"h", b"sealed body", None)
    for epoch in (1, 2, 3):
        got = world.claim_sms(epoch=epoch)
        assert len(got) == (1 if epoch < 3 else 0)
        world.one("messaging.recover", "lab", epoch + 1)


def test_no_answer_for_a_part_is_unknown_until_its_receipt(world):
    reader = world.dial()
    m = notice(world, reader)["message_id"]
    world.claim_sms()
    world.call("messaging.record", "lab", 1, [{"m": m, "no": 1, "of": 2, "ref": "x", "status": "accepted", "code": 0},
                                              {"m": m, "no": 2, "of": 2, "ref": None, "status": "unknown", "code": 0}])
    assert state(world, m) == "unknown"
    world.receipt("x")
    world.receipt("y", alt=[f"m{m}.2"])  # our own reference came back in the receipt
    assert state(world, m) == "delivered"
    assert [r["ref"] for r in world.rows("select ref from messaging.part order by no")] == ["x", "y"]


def test_orphan_after_five_minutes_belongs_to_the_unknown_part_of_its_phone(world):
    m = notice(world, world.dial())["message_id"]
    world.claim_sms()
    world.one("messaging.recover", "lab", 2)
    world.call("messaging.record", "lab", 1, [{"m": m, "no": 1, "of": 1, "ref": None, "status": "unknown", "code": 0}])
    world.receipt("z", lookup=key("+2250501020304"))
    assert world.value("select messaging.match_orphans('lab', 10)") == 0
    world.later("6 minutes")
    assert world.value("select messaging.match_orphans('lab', 10)") == 1
    assert state(world, m) == "delivered"


def test_retry_goes_back_to_the_queue_then_fails(world):
    m = notice(world, world.dial())["message_id"]
    for n in range(5):
        (got,) = world.claim_sms()
        assert got["message_id"] == m
        world.call("messaging.record", "lab", 1, [{"m": m, "no": 1, "of": 1, "status": "retry", "code": 88}])
        assert world.claim_sms() == []
        world.later("1 hour")
    assert state(world, m) == "failed"


def test_retry_after_part_of_it_was_taken_is_not_resent(world):
    m = notice(world, world.dial())["message_id"]
    world.claim_sms()
    world.call("messaging.record", "lab", 1, [{"m": m, "no": 1, "of": 2, "ref": "x", "status": "accepted", "code": 0},
                                              {"m": m, "no": 2, "of": 2, "status": "retry", "code": 88}])
    world.later("1 hour")
    assert world.claim_sms() == []
    world.receipt("x")
    assert state(world, m) == "partial"


def test_message_without_route_waits(world):  # M1
    world.rows("delete from messaging.route")
    m = notice(world, world.dial())["message_id"]
    assert world.claim_sms() == []
    world.rows("insert into messaging.route (country, network, account) values ('CI', 'mtn', 'lab')")
    world.one("messaging.recover", "lab", 1)
    assert [x["message_id"] for x in world.claim_sms()] == [m]


# ---- STOP ----

def test_stop_cancels_what_is_queued_and_confirms_once(world):  # M3
    reader, book = world.dial(), world.book()
    m = chapter(world, reader, book)["message_id"]
    kept = notice(world, reader, kind="receipt")["message_id"]
    assert place(world, reader, book) != (1, 0)
    assert say(world, reader, "Arrêt")["outcome"] == "stopped"
    assert state(world, m) == "cancelled" and place(world, reader, book) == (1, 0)
    assert [x["message_id"] for x in world.claim_sms()][0] == kept
    assert say(world, reader, "stop")["outcome"] == "already"
    assert len([x for x in world.messages(reader, "reply") if "plus nos SMS" in x["body"]]) == 1
    assert chapter(world, reader, book)["outcome"] == "stopped"
    assert say(world, reader, "START")["outcome"] == "started"
    assert chapter(world, reader, book)["outcome"] == "queued"
    assert [c["granted"] for c in world.rows("select granted from auth.consent order by id")] == [False, True]


@pytest.mark.parametrize("how", ["accepted", "cancelled", "recover"])
def test_stop_confirmation_waits_until_nothing_is_being_sent(world, how):  # M3
    reader, book = world.dial(), world.book()
    m = chapter(world, reader, book)["message_id"]
    world.claim_sms()
    world.one("auth.stop", reader["identity_id"], "s1")
    assert world.claim_sms() == []
    assert [x["message_id"] for x in world.call("messaging.cancelled", "lab")] == [m]
    parts = world.value("select segments from messaging.message where id = %s", m)
    if how == "accepted":
        world.accept(m, "r", parts=parts)
    elif how == "cancelled":
        world.call("messaging.record", "lab", 1, [{"m": m, "no": n + 1, "of": parts, "status": "cancelled"} for n in range(parts)])
        assert state(world, m) == "cancelled" and place(world, reader, book) == (1, 0)
    else:
        world.one("messaging.recover", "lab", 2)
    (got,) = world.claim_sms(epoch=2)
    assert "plus nos SMS" in got["body"]


def test_stop_by_step_runs_once(world):  # S2
    reader = world.dial()
    first = world.one("auth.stop", reader["identity_id"], "s1")
    world.one("auth.start_again", reader["identity_id"], "s2")
    assert world.one("auth.stop", reader["identity_id"], "s1") == first
    assert world.value("select stopped_at from auth.identity") is None


# ---- keywords ----

def test_keywords(world):
    reader = world.dial()
    assert say(world, reader, "SUITE")["outcome"] == "none"
    assert say(world, reader, "aide")["outcome"] == "help"
    assert say(world, reader, "bonjour")["outcome"] == "unknown"
    book = world.book(code=321)
    assert say(world, reader, "LIRE", "999")["outcome"] == "none"
    assert say(world, reader, "LIRE", "321")["outcome"] == "queued"
    assert say(world, reader, "SUITE")["outcome"] == "busy"
    for m in world.claim_sms():
        world.accept(m["message_id"], f"r{m['message_id']}", parts=9)
    world.rows("update reading.position set part = 2, at = 0 where book_id = %s", book)
    assert say(world, reader, "suite ")["outcome"] == "locked"
    assert "demande un pass" in world.messages(reader, "reply")[-1]["body"]


def test_keyword_delivered_twice_runs_once(world):
    reader = world.dial()
    world.book(code=321)
    first = say(world, reader, "LIRE", "321", dedupe=b"same")
    assert first["outcome"] == "queued"
    assert say(world, reader, "LIRE", "321", dedupe=b"same") == first
    assert len(world.messages(reader, "instalment")) == 1


def test_unknown_words_are_answered_once_an_hour(world):
    reader = world.dial()
    for n in range(5):
        say(world, reader, f"bla{n}")
    assert len(world.messages(reader)) == 1
    world.later("61 minutes")
    say(world, reader, "bla")
    assert len(world.messages(reader)) == 2


def test_first_text_of_a_stranger_makes_a_reader_in_his_language(world):
    got = world.one("messaging.inbound", "lab", key("+233240000000"), b"s", 1, "GH", "mtn", "HELP", "", "", b"d")
    assert got["outcome"] == "help"
    assert world.value("select body from messaging.message").startswith("Coko: NEXT")


# ---- instalments ----

def test_instalment_moves_the_position_and_counts_the_allowance(world):
    reader, book = world.dial(), world.book()
    got = chapter(world, reader, book, "k1")
    assert got["outcome"] == "queued" and 1 <= got["segments"] <= 5 and got["part"] == 1
    assert chapter(world, reader, book, "k1") == got  # S2
    m = world.row("select * from messaging.message where id = %s", got["message_id"])
    assert m["body"].startswith("Chapitre 1\n") and m["body"].endswith("\nSUITE pour lire la suite")
    assert place(world, reader, book) == (m["to_part"], m["to_at"]) and (m["from_part"], m["from_at"]) == (1, 0)
    assert world.value("select segments from messaging.usage") == got["segments"]
    assert chapter(world, reader, book)["outcome"] == "busy"
    assert world.rows("select kind from recommendation.interaction") == [{"kind": "read_start"}]


def test_two_requests_at_once_make_one_instalment(world):
    reader, book = world.dial(), world.book()
    conns = [world.connect() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda c: world.one("messaging.enqueue_instalment", reader["user_id"], reader["identity_id"], book, None, conn=c)["outcome"], conns))
    [c.close() for c in conns]
    assert sorted(got) == ["busy"] * 7 + ["queued"]


def test_allowance_of_a_day_and_a_month(world):
    reader, book = world.dial(), world.book(parts=1, sentences=400)
    world.rows("update billing.plan set seg_day = 7, seg_month = 12 where code = 'free'")
    if world.now().day > 26:
        world.later("6 days")  # into a month that has three days more
    outcomes, used = [], []
    for day in range(3):
        for _ in range(4):
            got = chapter(world, reader, book)
            outcomes.append(got["outcome"])
            used.append(got["segments"])
            for m in world.claim_sms():
                world.accept(m["message_id"], f"r{m['message_id']}", parts=5)
        assert got["outcome"] == "allowance"
        world.later("1 day")
    assert sum(used[:4]) <= 7 and sum(used) <= 12 and all(o == "allowance" for o in outcomes[8:])
    world.later("31 days")
    assert chapter(world, reader, book)["outcome"] == "queued"


def test_end_of_the_book(world):
    reader, book = world.dial(), world.book(parts=1, sentences=3)
    assert chapter(world, reader, book)["outcome"] == "queued"
    (m,) = world.claim_sms()
    world.accept(m["message_id"], "r")
    assert chapter(world, reader, book)["outcome"] == "end"
    assert world.row("select finished_at is not null as f from reading.position")["f"]
    assert world.call("reading.continue", reader["user_id"]) == []
    assert world.value("select count(*) from recommendation.interaction where kind = 'read_complete'") == 1


def test_failed_instalment_gives_its_text_back(world):
    reader, book = world.dial(), world.book()
    m = chapter(world, reader, book)["message_id"]
    world.claim_sms()
    world.call("messaging.record", "lab", 1, [{"m": m, "no": 1, "of": 1, "status": "failed", "code": 11}])
    assert state(world, m) == "failed" and place(world, reader, book) == (1, 0)
    assert chapter(world, reader, book)["outcome"] == "queued"


def test_instalment_with_a_receipt_is_never_repeated(world):
    reader, book = world.dial(), world.book()
    first = world.row("select * from messaging.message where id = %s", chapter(world, reader, book)["message_id"])
    n = first["segments"]
    world.claim_sms(epoch=1)
    world.call("messaging.record", "lab", 1, [{"m": first["id"], "no": 1, "of": n, "ref": "r", "status": "accepted", "code": 0}])
    world.receipt("r")
    world.one("messaging.recover", "lab", 2)
    assert state(world, first["id"]) == "unknown"
    world.later("2 minutes")
    again = world.row("select * from messaging.message where id = %s", chapter(world, reader, book)["message_id"])
    assert (again["from_part"], again["from_at"]) == (first["to_part"], first["to_at"])


def test_receipts_of_an_instalment_whose_sender_died_before_the_record(world):
    """kill -9 between the write and the record: the receipts come under ids that nobody noted."""
    reader, book = world.dial(), world.book()
    first = world.row("select * from messaging.message where id = %s", chapter(world, reader, book)["message_id"])
    world.claim_sms(epoch=1)
    world.one("messaging.recover", "lab", 2)
    assert chapter(world, reader, book)["outcome"] == "busy"
    for n in range(first["segments"]):
        world.receipt(f"lost{n}", lookup=key("+2250501020304"))
    got = chapter(world, reader, book)
    assert got["outcome"] == "queued" and state(world, first["id"]) == "delivered"
    again = world.row("select * from messaging.message where id = %s", got["message_id"])
    assert (again["from_part"], again["from_at"]) == (first["to_part"], first["to_at"])
    assert world.value("select count(*) from messaging.part where message_id is null") == 0


def test_one_lost_receipt_is_enough_not_to_repeat(world):
    reader, book = world.dial(), world.book()
    first = world.row("select * from messaging.message where id = %s", chapter(world, reader, book)["message_id"])
    assert first["segments"] > 1
    world.claim_sms(epoch=1)
    world.one("messaging.recover", "lab", 2)
    world.receipt("lost", lookup=key("+2250501020304"))
    world.receipt("stranger", lookup=key("+2250700000000"))
    world.later("61 seconds")
    again = world.row("select * from messaging.message where id = %s", chapter(world, reader, book)["message_id"])
    assert (again["from_part"], again["from_at"]) == (first["to_part"], first["to_at"])
    assert world.value("select count(*) from messaging.part where message_id is null") == 1


def test_late_record_after_recovery_replaces_its_places(world):
    reader, book = world.dial(), world.book()
    m = world.row("select * from messaging.message where id = %s", chapter(world, reader, book)["message_id"])
    world.claim_sms(epoch=1)
    world.one("messaging.recover", "lab", 2)
    assert world.value("select count(*) from messaging.part") == m["segments"]
    world.accept(m["id"], "late", parts=m["segments"] - 1, epoch=1)
    assert state(world, m["id"]) == "accepted" and world.value("select count(*) from messaging.part") == m["segments"] - 1


def test_instalment_without_any_answer_is_repeated_only_when_asked_for_after_the_hold(world):  # M4
    reader, book = world.dial(), world.book()
    first = chapter(world, reader, book)["message_id"]
    world.claim_sms(epoch=1)
    world.one("messaging.recover", "lab", 2)
    assert world.claim_sms(epoch=2) == []
    assert chapter(world, reader, book)["outcome"] == "busy"
    world.later("61 seconds")
    again = world.row("select * from messaging.message where id = %s", chapter(world, reader, book)["message_id"])
    assert again["id"] != first and (again["from_part"], again["from_at"]) == (1, 0)


def test_position_that_moved_on_is_not_pulled_back(world):
    reader, book = world.dial(), world.book()
    m = chapter(world, reader, book)["message_id"]
    world.one("reading.save_position", reader["user_id"], book, 1, 1500, "ussd")
    world.one("auth.stop", reader["identity_id"], "s")
    assert state(world, m) == "cancelled" and place(world, reader, book) == (1, 1500)


def test_stop_between_enqueue_and_claim_of_two_books(world):
    reader = world.dial()
    one, two = world.book("un"), world.book("deux")
    chapter(world, reader, one)
    chapter(world, reader, two)
    world.one("auth.stop", reader["identity_id"], "s")
    assert place(world, reader, one) == place(world, reader, two) == (1, 0)
    assert [m["kind"] for m in world.claim_sms()] == ["reply"]


def test_validity_is_what_is_left(world):
    reader, book = world.dial(), world.book()
    chapter(world, reader, book)
    world.later("11 hours")
    (m,) = world.claim_sms()
    assert abs(m["validity_s"] - timedelta(hours=1).total_seconds()) < 10


def test_texts_and_hops_of_one_reader_do_not_deadlock(world):
    """A new network in each event makes every call refresh the identity, the rare path that takes both rows."""
    reader, book = world.dial(), world.book(code=321)
    conns = [world.connect() for _ in range(6)]

    def busy(n):
        for k in range(12):
            if n % 3 == 0:
                world.one("messaging.inbound", "lab", key("+2250501020304"), b"s", 1, "CI", f"n{n}{k}", "SUITE", "", "fr", f"{n}-{k}".encode(),
                          conn=conns[n])
            elif n % 3 == 1:
                world.one("messaging.enqueue_instalment", reader["user_id"], reader["identity_id"], book, None, conn=conns[n])
            else:
                world.one("auth.stop" if k % 2 else "auth.start_again", reader["identity_id"], None, conn=conns[n])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(busy, range(6)))
    [c.close() for c in conns]


def test_a_reader_of_an_unlisted_country_can_read(world):
    reader, book = world.dial("+33600000000", "FR", ""), world.book()
    assert chapter(world, reader, book)["outcome"] == "queued"
    assert world.start(reader)["outcome"] == "price_changed"
