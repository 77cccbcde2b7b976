# SPDX-License-Identifier: Apache-2.0
"""The SMS room attacked: carriers that refuse in the worst order, leases that flip, floods from one phone, deaths between
write and commit. Each test is named for what once went wrong, or for a hard case of smpp.md."""
import re
import subprocess
import threading

from database import Locked, sql
from smsworld import NUMBER, sealed, sms  # noqa: F401
from sqlfixtures import sql_server, world  # noqa: F401
from sqlworld import key
from support import http_request, wait_until

OTHER = "+2250505060708"


def text_in(world, keyword, n, number="+2250501020304"):  # noqa: F811
    return world.one("messaging.inbound", "lab", key(number), b"s", 1, "CI", "mtn", keyword, "", "fr", f"t{n}".encode())["outcome"]


def ask_code(sms, number=OTHER):  # noqa: F811
    body, _ = sealed("otp.body", "Coko : votre code est 123456.")
    blob, lookup = sealed("auth.identity", number[1:])
    sms.world.one("auth.request_otp", lookup, blob, 1, "CI", "orange", b"h" * 32, body, None)
    return sms.world.value("select max(id) from messaging.message where kind = 'otp'")


# --- M4: nothing twice -----------------------------------------------------------------------------
def test_rest_is_told_only_when_every_part_has_landed(sms):  # noqa: F811
    """A refused part was recorded as 'retry' while others were in flight: the whole message went back to the queue, and what the
    carrier had taken was sent again."""
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.fault(resp_status={"value": 0x45, "count": 7})
    sms.fault(drop_resp=3)
    sms.room(response_timeout="1s")
    sms.wait_state(made["message_id"], "unknown")
    assert sms.world.value("select tries from messaging.message where id = %s", made["message_id"]) == 1
    sms.world.later("5 minutes")
    sms.notice(sms.reader(OTHER))
    sms.texts(OTHER)
    assert sms.stats()["duplicate_parts"] == 0 and len(sms.parts()) == 3


def test_lease_lost_and_won_back_with_a_code_in_flight(sms):  # noqa: F811
    """The code goes back to the queue under the new epoch while its first write is unanswered: it was claimed onto the link that
    was leaving, and an assertion fell over two jobs of one name."""
    sms.fault(resp_delay_ms=8000)
    sms.room(lease="1s", response_timeout="9s")
    ask_code(sms)
    sms.stats(accepted=1)
    epoch = sms.world.value("select epoch from ops.lease where name = 'bind:lab'")
    sms.world.rows("update ops.lease set owner = 'x:9', epoch = epoch + 1, until = now() + interval '300 ms' where name = 'bind:lab'")
    wait_until(lambda: sms.world.value("select epoch from ops.lease where name = 'bind:lab'") > epoch + 1, "the lease to come back")
    sms.fault(resp_delay_ms=0)
    sms.stats(binds=2)
    sms.wait_state(sms.notice(sms.reader()), "delivered")
    assert sms.rooms[0].running()
    assert sms.stats()["accepted"] <= 3, "a code is sent once more at most"


def test_claim_and_takeover_at_once_leave_nothing_sending(world):  # noqa: F811
    """A takeover that ran between a claim's check and its commit missed the claimed rows: 'sending' for ever."""
    message = world.one("messaging.enqueue", world.dial()["identity_id"], "notice", "fr", "help", {}, None)["message_id"]
    slow = world.connect()
    slow.autocommit = False
    assert len(world.call("messaging.claim", "lab", "a:0", 1, 10, conn=slow)) == 1
    taker = threading.Thread(target=lambda: world.one("messaging.recover", "lab", 2, conn=world.connect()))
    taker.start()
    wait_until(lambda: not taker.is_alive() or world.value("select count(*) from pg_locks where not granted") > 0, "the takeover")
    slow.commit()
    taker.join(10)
    slow.close()
    assert world.value("select state from messaging.message where id = %s", message) == "unknown"


def test_two_daemons_of_one_name_do_not_fight_for_the_bind(sms):  # noqa: F811
    """Both are 'a:0': each took the other's lease back at once, for ever. Now the newer keeps it."""
    first = sms.room("a:0", lease="6s")
    twin = type(first)(first.log.parent / "twin", sms.url, sms.smsc.port, "a:0", {"lease": "6s"})
    sms.rooms.append(twin)
    sms.stats(bind_attempts=2)
    wait_until(lambda: sms.stats()["bound"] == 1, "one bind")
    wait_until(lambda: first.log.read_text().count("held -> wanted") == 1, "the first to give way")
    epoch = sms.world.value("select epoch from ops.lease where name = 'bind:lab'")
    since = sms.world.value("select until from ops.lease where name = 'bind:lab'")
    wait_until(lambda: sms.world.value("select until > %s + interval '2 s' from ops.lease where name = 'bind:lab'", since), "renewals")
    assert sms.world.value("select epoch from ops.lease where name = 'bind:lab'") == epoch
    sms.wait_state(sms.notice(sms.reader()), "delivered")


# --- the carrier says wait (hard case 16) --------------------------------------------------------------
def test_queue_of_one_phone_full_does_not_hold_the_others(sms):  # noqa: F811
    """0x14 for one number: the parts that waited for their second try counted as work in hand, and nobody else was claimed."""
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.fault(resp_status={"value": 0x14, "count": 1000, "to": NUMBER[1:]})
    sms.room(rate=4, burst=8)
    wait_until(lambda: sms.stats()["refused"] >= 1, "the first refusals")
    other = sms.notice(sms.reader(OTHER))
    sms.wait_state(other, "delivered")
    assert sms.state(made["message_id"]) == "sending", "the other message overtook"


def test_rest_of_a_chapter_waits_for_a_full_queue(sms):  # noqa: F811
    """0x14 for one number from its second part on: after 7 s the rest was given up, and what the reader had was worth nothing."""
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.room(rate=1, burst=1, window=1)
    sms.stats(accepted=1)
    sms.fault(resp_status={"value": 0x14, "count": 4})
    sms.wait_state(made["message_id"], "delivered", 60)
    assert sms.stats()["refused"] == 4 and sms.stats()["duplicate_parts"] == 0


def test_a_status_of_the_carrier_s_own_means_what_its_link_says(sms):  # noqa: F811
    """Taken for one to try again, a vendor's "no such subscriber" cost four submits a message."""
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.fault(resp_status={"value": 0x45F, "count": 1000})
    sms.room(window=1, statuses="0x400-0x4FF permanent")
    sms.wait_state(made["message_id"], "failed")
    assert sms.stats()["submits"] == 1


def test_message_past_its_end_is_not_written_after_a_pause(sms):  # noqa: F811
    """0x58 for as long as it pleases: what was claimed in time was written whenever the carrier woke up."""
    sms.fault(resp_status={"value": 0x58, "count": -1})
    reader = sms.reader()
    sms.room()
    with sms.world.connect() as conn:                    # it ends soon from the moment that a room may see it
        conn.autocommit = False
        message = sms.world.one("messaging.enqueue", reader["identity_id"], "notice", "fr", "help", {}, None, conn=conn)["message_id"]
        sms.world.rows("update messaging.message set expires_at = ops.now() + interval '4 s' where id = %s", message, conn=conn)
        conn.commit()
    wait_until(lambda: sms.stats()["refused"] > 0, "a refusal")
    wait_until(lambda: sms.state(message) == "queued", "it to be handed back")
    sms.world.later("1 minute")
    sms.fault(resp_status=0)
    sms.wait_state(message, "expired")
    assert sms.stats()["accepted"] == 0


# --- STOP (hard case 31) -----------------------------------------------------------------------------
def test_stop_with_parts_queued_in_flight_and_to_be_tried_again(sms):  # noqa: F811
    reader = sms.reader()
    one = sms.chapter(reader, sms.world.book("un"))
    two = sms.chapter(reader, sms.world.book("deux"))
    sms.fault(resp_status={"value": 0x14, "count": 2})
    sms.fault(resp_delay_ms=400)
    sms.room(window=2, rate=50)
    wait_until(lambda: sms.stats()["refused"] >= 1, "a refusal")
    assert sms.type("STOP") == [0]
    confirmation = sms.texts(contains="recevrez")[0]
    wait_until(lambda: not sms.world.rows("select 1 from messaging.message where state in ('queued', 'sending')"), "all to end")
    assert sms.parts()[-1]["id"] == confirmation["parts"][0]["id"], "nothing after the confirmation (M3)"
    assert {sms.state(m["message_id"]) for m in (one, two)} <= {"cancelled", "partial"}
    assert sms.stats()["duplicate_parts"] == 0


# --- receipts (hard cases 11, 13) ------------------------------------------------------------------------
def test_receipts_of_a_transmitter_come_to_its_receiver(sms):  # noqa: F811
    """smpp.md hard case 11, on another bind: two links of one account were refused, and apart they shared no receipts."""
    made = sms.chapter(sms.reader(), sms.world.book())
    sms.room(mode="transmitter")
    sms.stats(bound=2)
    sms.wait_state(made["message_id"], "delivered")
    assert sms.type("AIDE") == [0]
    sms.texts(count=2)
    assert sms.world.value("select count(*) from messaging.part where message_id is null") == 0


def test_receipt_three_days_later_after_a_restart(sms):  # noqa: F811
    """smpp.md hard case 11: the process that sent is gone, the receipt comes to the next one."""
    sms.fault(hold_receipts=True)
    first = sms.room("a:0")
    message = sms.notice(sms.reader())
    sms.wait_state(message, "accepted")
    first.end()
    sms.world.later("3 days")
    sms.room("b:0", wait=False)
    sms.fault(hold_receipts=False)
    sms.wait_state(message, "delivered")


def test_id_used_again_after_a_week_and_by_another_carrier(world):  # noqa: F811
    """smpp.md hard case 13: an id names a part only with its account and, when reused, its phone."""
    world.rows("insert into messaging.account (name) values ('tno')")
    phones = ["+2250501020304", "+2250501020305", "+2250501020306"]
    a, b, c = [world.one("messaging.enqueue", world.dial(p)["identity_id"], "notice", "fr", "help", {}, None)["message_id"] for p in phones]
    world.rows("update messaging.message set account = 'tno' where id = %s", b)
    state = lambda m: world.value("select state from messaging.message where id = %s", m)  # noqa: E731

    def send(account, message):
        assert [m["message_id"] for m in world.call("messaging.claim", account, "w", 1, 1)] == [message]
        world.call("messaging.record", account, 1, [{"m": message, "no": 1, "of": 1, "ref": "77", "status": "accepted", "code": 0}])

    def receipt(account, phone):
        world.call("messaging.receipts", account, [{"ref": "77", "alt": [], "state": "DELIVRD", "number_lookup": key(phone).hex()}])

    send("lab", a)
    send("tno", b)
    receipt("tno", phones[1])
    assert state(b) == "delivered" and state(a) == "accepted"
    receipt("lab", phones[0])
    world.rows("update messaging.message set expires_at = expires_at + interval '9 days' where id = %s", c)
    world.later("8 days")
    send("lab", c)
    assert state(a) == "delivered" and state(c) == "accepted", "the old receipt is not the new part's"
    receipt("lab", phones[2])
    assert state(c) == "delivered"


def test_receipts_of_strangers_do_not_starve_ours(world):  # noqa: F811
    """The oldest orphans filled every round for three days."""
    message = world.one("messaging.enqueue", world.dial()["identity_id"], "notice", "fr", "help", {}, None)["message_id"]
    world.call("messaging.receipts", "lab", [{"ref": f"s{n}", "alt": [], "state": "DELIVRD", "number_lookup": "ff" * 32} for n in range(30)])
    world.later("1 minute")
    world.call("messaging.claim", "lab", "w", 1, 1)
    world.call("messaging.record", "lab", 1, [{"m": message, "no": 1, "of": 1, "status": "unknown", "code": 0}])
    world.call("messaging.receipts", "lab", [{"ref": "ours", "alt": [], "state": "DELIVRD", "number_lookup": key("+2250501020304").hex()}])
    world.later("6 minutes")
    world.call("messaging.match_orphans", "lab", 10)
    assert world.value("select state from messaging.message where id = %s", message) == "delivered"
    world.later("3 days")
    world.call("messaging.match_orphans", "lab", 10)
    assert world.value("select count(*) from messaging.part where message_id is null") == 0


# --- deaths (hard cases 17, 18) ---------------------------------------------------------------------------
def test_killed_with_a_full_window_and_nothing_recorded(sms):  # noqa: F811
    """smpp.md hard cases 17 and 18: killed between write and commit; every text is there once, no row is left behind."""
    sms.fault(hold_resp=True)
    book = sms.world.book()
    made = [sms.chapter(sms.reader(f"+22507010203{n:02}"), book)["message_id"] for n in range(20)]
    first = sms.room("a:0", window=100, rate=0)
    sms.stats(accepted=100)
    first.kill()
    sms.fault(hold_resp=False)
    sms.room("a:0", wait=False)
    wait_until(lambda: {sms.state(m) for m in made} <= {"unknown", "delivered"}, lambda: str([sms.state(m) for m in made]))
    sms.wait_state(sms.notice(sms.reader(OTHER)), "delivered")
    assert sms.stats()["duplicate_parts"] == 0 and sms.stats()["accepted"] == 101
    assert not sms.world.rows("select 1 from messaging.message where state in ('queued', 'sending')")


def test_killed_between_response_and_commit(sms):  # noqa: F811
    """smpp.md hard case 18: the carrier has it and said so; nobody wrote it down. Not sent again; its receipt settles it."""
    sms.fault(hold_receipts=True)
    first = sms.room("a:0")
    with Locked(sms.world.url, "messaging.part"):
        message = sms.notice(sms.reader())
        sms.stats(accepted=1)
        first.kill()
        sms.world.rows("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                       " and query like '%%messaging.record%%' and pid <> pg_backend_pid()")
    sms.room("a:0", wait=False)
    sms.wait_state(message, "unknown")
    sms.fault(hold_receipts=False)
    wait_until(lambda: sms.world.rows("select 1 from messaging.part where message_id is null"), "the receipt, as an orphan")
    sms.world.later("6 minutes")
    sms.world.call("messaging.match_orphans", "lab", 100)
    assert sms.state(message) == "delivered"
    sms.wait_state(sms.notice(sms.reader(OTHER)), "delivered")
    assert sms.stats()["accepted"] == 2


# --- floods from one phone --------------------------------------------------------------------------------
def test_flood_from_one_phone_costs_no_replies(world):  # noqa: F811
    """Each AIDE made a row and a reply, START and STOP in turn too."""
    seen = [text_in(world, ("AIDE", "STOP", "START", "BONJOUR")[n % 4], n) for n in range(300)]
    assert "limited" in seen
    assert world.value("select count(*) from messaging.message") <= 60
    assert world.value("select count(*) from messaging.inbound") <= 135
    assert text_in(world, "STOP", "s") in ("stopped", "already"), "STOP always has its effect"
    assert world.value("select stopped_at is not null from auth.identity")
    world.later("61 minutes")
    assert text_in(world, "AIDE", "again") == "help"
    assert text_in(world, "AIDE", "x", "+2250501020399") == "help", "another phone is not limited"


def test_suite_a_hundred_times_at_once_sends_one_instalment(sms):  # noqa: F811
    book = sms.world.book()
    code = sms.world.value("select code from catalog.book where id = %s", book)
    sms.room(rate=1, burst=1)
    sms.type(f"LIRE {code}")
    for n in range(100):
        sms.type("Suite" + " " * (n % 7), wait=0)
    wait_until(lambda: sms.stats()["deliver_acked"] >= 101, lambda: str(sms.stats()), 60)
    assert sms.world.value("select count(*) from messaging.message where kind = 'instalment'") == 1
    sms.type("STOP")


# --- bytes of the network -----------------------------------------------------------------------------------
def test_strange_deliveries_leave_the_bind_and_the_room_alive(sms):  # noqa: F811
    sms.room()
    for text in ("", "\0", "STOP\0\0", "@" * 160, "é" * 300, "\U0001F600" * 70, "x" * 5000):
        sms.smsc.control("POST", "/mo", {"from": NUMBER, "to": "2626", "text": text})
    for source in ("", "ORANGE", "+", "00000000000000000000", "2626", "+225 07", "é"):
        try:
            sms.smsc.control("POST", "/mo", {"from": source, "to": "2626", "text": "AIDE"})
        except AssertionError:
            pass                # the lab cannot write it
    for dcs, esm, body in ((0, 0x40, b"\xff"), (0, 0x40, b""), (8, 0, b"\xd8"), (8, 0x40, b"\x05\x00\x03\x01\x00\x00"),
                           (0, 0x40, b"\x05\x00\x03\x01\xff\xff"), (0xF1, 0, b"x"), (0, 0x04, b"id:"), (0, 0x44, b"\x02\x70\x00id:1")):
        sm = b"\0\1\1" + NUMBER[1:].encode() + b"\0\1\1" + b"2626\0" + bytes((esm, 0, 0)) + b"\0\0" + bytes((0, 0, dcs, 0, len(body))) + body
        pdu = (16 + len(sm)).to_bytes(4, "big") + (5).to_bytes(4, "big") + bytes(4) + (9000 + dcs).to_bytes(4, "big") + sm
        sms.smsc.control("POST", "/raw", {"hex": pdu.hex()})
    sms.wait_state(sms.notice(sms.reader(OTHER)), "delivered")
    assert sms.stats()["binds"] == 1


# --- codes (S5) -----------------------------------------------------------------------------------------------
def test_code_whose_answer_was_lost_is_wiped_after_its_end(sms):  # noqa: F811
    """A code of unknown outcome, or one that nobody ever claimed, kept its sealed body for good."""
    sms.fault(drop_resp=1)
    sms.room(response_timeout="1s")
    lost = ask_code(sms)
    sms.wait_state(lost, "unknown")
    sms.world.rows("update auth.identity set network = 'none', country = 'XX'")
    sms.world.rows("delete from messaging.route")
    never = ask_code(sms, NUMBER)
    sms.world.later("11 minutes")
    sms.world.rows("select ops.expire_rows(100)")
    rows = sms.world.rows("select id, state, body_sealed from messaging.message order by id")
    assert [(r["id"], r["state"], r["body_sealed"]) for r in rows] == [(lost, "unknown", None), (never, "expired", None)]


def test_refused_code_is_wiped(sms):  # noqa: F811
    sms.fault(resp_status={"value": 0x0B, "count": 1})
    sms.room()
    code = ask_code(sms)
    sms.wait_state(code, "failed")
    assert sms.world.value("select body_sealed is null from messaging.message where id = %s", code)
    assert "123456" not in sms.rooms[0].log.read_text()


def test_codes_by_text_message_from_request_to_session(daemon, smsc, migrated_db):
    """The carrier refuses, loses its answer, repeats a receipt: what arrives is the code that logs in. No number and no code stands
    in the log, the metrics or the database."""
    one = daemon(config={"link lab": {"response_timeout": "2s"}}, smsc=smsc)
    phone, codes = "+2250701987654", []
    smsc.control("GET", "/stats?wait_ms=30000&bound=1")

    def ask():
        answer = one.post("/api/v1/auth/otp/request", {"phone": phone})
        assert answer.status == 200, answer
        return answer.json()["request_id"]

    def received(count):
        got = smsc.control("GET", f"/messages?to={phone[1:]}&count={count}&wait_ms=30000")["messages"]
        assert len(got) == count
        codes.append(re.search(r"\b\d{6}\b", got[-1]["text"]).group())
        return codes[-1]

    def verify(request, code):
        return one.post("/api/v1/auth/otp/verify", {"request_id": request, "phone": phone, "code": code}).status

    smsc.control("POST", "/faults", {"resp_status": {"value": 0x0B, "count": 1}})
    ask()
    wait_until(lambda: sql(migrated_db, "select 1 from messaging.message where kind = 'otp' and state = 'failed'"), "the refusal")
    smsc.control("POST", "/faults", {"drop_resp": 1})
    second = ask()
    assert verify(second, received(1)) == 200, "the answer was lost, the code was not"
    smsc.control("POST", "/faults", {"duplicate_receipt": 3})
    third = ask()
    code = received(2)
    assert verify(second, code) == 401 and verify(third, code) == 200
    smsc.control("POST", "/mo?wait_ms=9000", {"from": phone, "to": "26", "text": f"AIDE {code}"})
    wait_until(lambda: sql(migrated_db, "select 1 from messaging.message where kind = 'otp' and state = 'delivered'"), "the receipt")
    metrics = http_request("GET", one.metrics_url + "/metrics").text
    one.stop()
    assert sql(migrated_db, "select count(*) from messaging.message where kind = 'otp' and state <> 'unknown'"
                            " and body_sealed is not null") == [(0,)]
    dump = subprocess.run(["pg_dump", "--data-only", migrated_db], check=True, capture_output=True, text=True).stdout
    log = one.process.log.read_text()
    for name, text in (("log", log), ("metrics", metrics), ("database", dump)):
        assert phone[1:] not in text and phone[4:] not in text, f"the number stands in the {name}"
        for secret in codes:
            found = re.search(rf"(?<![0-9a-fA-F.]){secret}(?![0-9a-fA-F])", text)
            assert not found, f"a code stands in the {name}: {text[found.start() - 60:found.end() + 20]}"
