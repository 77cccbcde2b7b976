# SPDX-License-Identifier: Apache-2.0
"""USSD over SMPP on the real daemon: five dialects walk one menu, hard cases 35 and 36, a question that
the carrier refuses, a reader who is rung, and bulk that leaves talk its share of the window."""
import json
import os
import signal
import sys
import time
import uuid

import pytest

from daemon import Daemon, template_values
from database import sql
from support import TOP, Lab, wait_until

sys.path.insert(0, str(TOP / "tests/lab"))
import smpp_codec as codec  # noqa: E402
from ussd_smpp import INFO, OP, OPS, SmppPhone  # noqa: E402

NUMBER = "+2250700000611"
BUDGET_S = 2.0  # hard case 36


def stats(smsc, **wanted):
    more = "&".join(f"{k}={v}" for k, v in wanted.items())
    return smsc.control("GET", f"/stats?wait_ms=15000&{more}" if more else "/stats")


@pytest.fixture(scope="module")
def smsc(work_dir):
    one = Lab("smsc.py", work_dir / f"smsc-{uuid.uuid4().hex[:6]}.log", "--port", "0", "--control-port", "0")
    yield one
    one.stop()


class Spoken:
    """The daemon of the tests that want a dialect and nothing else, as long as it is the same one."""

    def __init__(self):
        self.dialect = self.one = None

    def close(self):
        one, self.dialect, self.one = self.one, None, None
        if one:
            one.stop()


@pytest.fixture(scope="module")
def spoken(smsc):
    shared = Spoken()
    yield shared
    shared.close()


@pytest.fixture
def talk(daemon, smsc, spoken, work_dir, migrated_db, redis, tmp_path):
    """talk("6d") gives a daemon whose bind, which has just been made, speaks that dialect; one of the test's own where it wants
    more. Its profile is the shipped one, but for a deadline that a busy machine keeps; as_shipped: that one too."""
    def start(dialect="tata", as_shipped=False, **more):
        own = as_shipped or bool(more)
        profile = json.loads((TOP / f"gateway/ussd/profiles/smpp_{dialect}.json").read_text())
        (tmp_path / f"smpp_{dialect}.json").write_text(json.dumps({**profile, "deadline_ms": 4500}))
        config = {"coko": {"workers": 1, **({} if as_shipped else {"profiles_dir": tmp_path})}, **more.pop("config", {}),
                  f"carrier smpp_{dialect}": {"link": "lab", "short_code": "*384*26#", "country": "CI",
                                              "secret": "ring", "ring_most": 4}}
        if own or spoken.dialect != dialect:
            spoken.close()
        smsc.control("POST", "/reset")
        if own:
            one = daemon(config=config, smsc=smsc, **more)
        elif spoken.one:
            smsc.control("POST", "/kick", {"how": "rst"})
        else:
            spoken.dialect, folder = dialect, work_dir / f"spoken-{uuid.uuid4().hex[:6]}"
            spoken.one = Daemon(folder, template_values(migrated_db, redis.url, smsc), config)
        stats(smsc, bound=1, binds=1)
        if not own:
            spoken.one.next_test()
        return one if own else spoken.one
    return start


def pick(phone, word):
    for line in phone.last.splitlines()[1:]:
        key, _, label = line.partition(" ")
        if key.isdigit() and word.lower() in label.lower():
            return phone.send(key)
    raise AssertionError(f"no option with {word!r} in:\n{phone.last}")


DIALECTS = ["6d", "mica", "huawei", "nowsms", "tata"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_walks_the_menu_to_a_charge(talk, smsc, migrated_db, dialect):
    one = talk(dialect)
    phone = SmppPhone(smsc.control, f"+22507000006{DIALECTS.index(dialect):02}", dialect)
    before = sql(migrated_db, "select count(*) from billing.charge")[0][0]
    assert "Bienvenue" in phone.dial() and not phone.ended
    phone.send("1")
    pick(phone, "découvrir")
    assert pick(phone, "chercher") and not phone.ended  # bug: a screen that wants a text was answered by silence
    phone.send("0")
    phone.send(" 0")  # alike within a second and a half it were the same message
    pick(phone, "pass")
    pick(phone, "pass")
    phone.send("1")
    phone.send("9")
    assert phone.ended
    assert sql(migrated_db, "select count(*) from billing.charge")[0][0] == before + 1
    assert one.metric("coko_ussd_talk_replies_total", 'result="refused"') == 0
    assert one.metric("coko_ussd_dialect_alarm") == 0
    assert phone.number[1:] not in one.process.log.read_text()


def test_35_two_sessions_of_one_number_and_a_number_used_again(talk, smsc):
    talk("tata")
    first = SmppPhone(smsc.control, NUMBER, session="0a00")
    second = SmppPhone(smsc.control, NUMBER, session="0b00")
    assert "Bienvenue" in first.dial()
    home = first.send("1")
    discover = first.send("1")
    assert second.dial() != discover, "the second dialogue begins where it begins"
    place = first.send("1")
    assert place not in (home, discover), "and the first one goes on where it was"
    again = SmppPhone(smsc.control, NUMBER, session="0a00")
    again.after = first.after
    assert again.dial("*384*26*101#") != place, "a new op 1 on an open key closes the old dialogue"


def test_35_an_abort_a_strange_op_and_a_long_text(talk, smsc):
    one = talk("6d")
    phone = SmppPhone(smsc.control, NUMBER, "6d")
    phone.dial()
    assert phone.deliver("07", "1") == [0x65], "a reserved op concludes nothing"
    assert phone.deliver("02", "1") == [0x65], "our own question come back"
    assert phone.deliver("begin", "1", tlvs={INFO: ""}) == [0x65], "no session"
    assert phone.deliver("answer", "", tlvs={"0424": "31" * 2000}) == [0x65], "2,000 octets of answer"
    assert one.metric("coko_ussd_talk_heard_total", 'what="malformed"') == 4
    assert phone.send("1") and not phone.ended, "the dialogue is where it was"
    assert phone.send("") and not phone.ended, "an empty answer shows a screen"
    assert phone.hang_up() == [0]
    assert phone.deliver("abort", tlvs={INFO: "0001"}) == [0], "of a dialogue nobody knows"
    assert not phone.parts()


@pytest.mark.parametrize("info", ["06", "01020304", "0102030405060708"])
def test_35_session_info_of_another_width_goes_back_as_it_came(talk, smsc, info):
    talk("6d")
    phone = SmppPhone(smsc.control, NUMBER, "6d", session=info)
    phone.dial()
    phone.send("7")
    assert phone.part["tlvs"][INFO] == info


def test_35_an_abort_that_races_our_reply_raises_no_alarm(talk, smsc):
    one = talk("tata")
    phone = SmppPhone(smsc.control, NUMBER)
    phone.dial()
    wait_until(lambda: one.metric("coko_ussd_talk_replies_total", 'result="accepted"') == 1, "the first")
    smsc.control("POST", "/faults", {"hold_resp": True, "resp_status": 0x0B})
    phone.deliver("answer", "1")
    stats(smsc, submits=2)
    assert phone.hang_up() == [0]
    smsc.control("POST", "/faults", {"hold_resp": False})
    wait_until(lambda: one.metric("coko_ussd_talk_replies_total", 'result="aborted"') == 1, "the abort")
    SmppPhone(smsc.control, "+2250700000612").dial()
    wait_until(lambda: one.metric("coko_ussd_talk_replies_total", 'result="accepted"') == 2, "a later answer")
    assert one.metric("coko_ussd_dialect_alarm") == 0
    assert one.metric("coko_ussd_talk_replies_total", 'result="refused"') == 0


def test_s1_a_delivery_sent_twice_is_one_step(talk, smsc):
    one = talk("tata")
    phone = SmppPhone(smsc.control, NUMBER)
    # both together, so that no pause of the machine parts them by the second and a half that makes a new key
    twice = b"".join(codec.build_sm(codec.DELIVER_SM, 0x20000 + n, src=phone.number[1:].encode(), dst=phone.code.encode(),
                                    message=phone.code.encode(), src_ton=1, src_npi=1, service_type=b"USSD",
                                    tlvs=[(int(OP, 16), bytes.fromhex(OPS["begin"])), (int(INFO, 16), bytes.fromhex(phone.session))])
                     for n in (1, 2))
    smsc.control("POST", "/raw", {"hex": twice.hex()})
    screen = phone.reply()
    wait_until(lambda: one.metric("coko_ussd_talk_heard_total", 'what="repeated"') == 1, "the second known again")
    assert not phone.parts(), "one connection: one reply"
    smsc.control("POST", "/kick", {"how": "rst"})
    wait_until(lambda: stats(smsc)["binds"] == 2 and stats(smsc)["bound"] == 1, "the link to be back", 20)
    assert phone.dial() == screen, "it may not have heard: the stored reply again"
    assert one.metric("coko_ussd_verdicts_total", 'verdict="repeated"') == 1


def at_ease(smsc):
    """Somebody else is shown a screen: the worker that took over has its connections, however busy the machine is."""
    def shown():
        other = SmppPhone(smsc.control, "+2250700000621")
        other.after = other.parts()[-1]["seq"] if other.parts() else 0
        return "Bienvenue" in other.dial()

    wait_until(shown, "a screen from the worker that took over", 40)


def test_s2_a_delivery_sent_again_after_its_worker_was_killed_is_one_step(talk, smsc, migrated_db):
    """More than the second and a half later that tells repetitions apart: the lease of the dead outlives it."""
    one = talk("tata", config={"coko": {"workers": 2}, "link lab": {"lease": "6s"}})
    before = sql(migrated_db, "select count(*) from billing.charge")[0][0]
    phone = SmppPhone(smsc.control, "+2250700000620")
    phone.dial()
    phone.send("1")
    pick(phone, "pass")
    pick(phone, "pass")
    screen = phone.send("1")
    for pid in one.children():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: stats(smsc)["binds"] == 2 and stats(smsc)["bound"] == 1, "the link to be back", 40)
    at_ease(smsc)
    smsc.control("POST", "/kick", {"how": "rst"})
    wait_until(lambda: stats(smsc)["binds"] == 3 and stats(smsc)["bound"] == 1, "the link to be young again", 40)
    assert 1.5 < time.time() - phone.sent_at < 60, "late, and not too late"
    assert phone.deliver("answer", phone.previous) == [0]
    assert phone.reply() == screen, "the same screen, not the next"
    phone.send("9")
    assert phone.ended
    assert sql(migrated_db, "select count(*) from billing.charge")[0][0] == before + 1


def test_36_redis_down_or_frozen_is_a_plain_text_in_two_seconds(talk, smsc, own_redis):
    one = talk("tata", as_shipped=True, redis_url=own_redis.url)
    phone = SmppPhone(smsc.control, NUMBER)
    phone.dial()
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        phone.send("1")
        assert phone.ended and phone.last and phone.seconds < BUDGET_S
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    own_redis.stop()
    other = SmppPhone(smsc.control, "+2250700000613")
    other.dial()
    assert other.ended and other.last and other.seconds < BUDGET_S
    own_redis.start()
    wait_until(one.is_ready, "ready with Redis again", 30)
    SmppPhone(smsc.control, "+2250700000614").dial()


def test_36_postgres_down_is_a_plain_text_in_two_seconds(talk, smsc, own_pg, own_db):
    one = talk("tata", as_shipped=True, database=own_db)
    SmppPhone(smsc.control, NUMBER).dial()
    own_pg.crash()
    phone = SmppPhone(smsc.control, "+2250700000615")
    phone.dial()
    assert phone.ended and phone.last and phone.seconds < BUDGET_S
    own_pg.start()
    wait_until(one.is_ready, "ready with PostgreSQL again", 30)


def test_a_refused_question_is_counted_rung_and_not_sent_again(talk, smsc):
    one = talk("tata")
    smsc.control("POST", "/faults", {"resp_status": 0x15})
    phone = SmppPhone(smsc.control, NUMBER)
    phone.deliver("begin", phone.code)
    wait_until(lambda: one.metric("coko_ussd_dialect_alarm") == 1, "the alarm")
    assert one.metric("coko_ussd_talk_replies_total", 'result="refused"') == 1
    assert stats(smsc)["submits"] == 1, "written once"
    SmppPhone(smsc.control, "+2250700000616").dial()
    wait_until(lambda: one.metric("coko_ussd_dialect_alarm") == 0, "the alarm to end")


def rung(one, **results):
    for result, n in results.items():
        wait_until(lambda: one.metric("coko_ussd_rings_total", f'result="{result}"') == n, f"{result} rings", 20)


def test_m4_a_ring_is_pushed_once_whatever_the_centre_says(talk, smsc, migrated_db):
    """Refused is refused and no fault of the dialect; no answer is unknown; without a bind it waits."""
    one = talk("tata", config={"link lab": {"response_timeout": "2s"}})
    number = "2250700000619"
    smsc.control("POST", "/faults", {"resp_status": 0x0B})
    assert one.post("/ussd/smpp_tata/ring", f"number={number}".encode()).status == 202
    rung(one, refused=1)
    assert one.metric("coko_ussd_dialect_alarm") == 0, "a phone that is away"
    smsc.control("POST", "/faults", {"drop_resp": 1})
    assert one.post("/ussd/smpp_tata/ring", f"number={number}&text=la".encode()).status == 202
    rung(one, unknown=1)
    assert stats(smsc)["submits"] == 2
    states = "select state, tries from messaging.ring r join auth.identity i on i.id = r.identity_id order by r.id desc limit 2"
    # it is counted, and then recorded
    wait_until(lambda: sorted(sql(migrated_db, states)) == [("refused", 1), ("unknown", 1)], lambda: str(sql(migrated_db, states)))


def test_a_reader_is_rung(talk, smsc):
    """Push: op 2 begins a dialogue that the reader answers; op 3 only tells."""
    one = talk("tata")
    phone = SmppPhone(smsc.control, "+2250700000617")
    assert one.post("/ussd/smpp_tata/wrong", b"number=2250700000617").status == 404
    assert one.post("/ussd/smpp_tata/ring", b"number=12").status == 400
    assert one.post("/ussd/smpp_tata/ring", b"number=2250700000617").status == 202
    part = phone.parts(1, 9000)[0]
    phone.session, phone.after = part["tlvs"][INFO], part["seq"]
    assert "Bienvenue" in phone.judge(part) and not phone.ended
    assert phone.send("1") and not phone.ended
    rung(one, accepted=1)
    assert one.post("/ussd/smpp_tata/ring", b"number=2250700000617&text=Votre+livre+est+la").status == 202
    told = phone.parts(1, 9000)[0]
    assert told["tlvs"]["0501"] == "03" and told["text"] == "Votre livre est la"
    assert SmppPhone(smsc.control, phone.number, session=told["tlvs"][INFO]).deliver("told") == [0]


def test_bulk_leaves_talk_its_share_of_the_window(talk, smsc, migrated_db):
    talk("tata", config={"link lab": {"window": 2}})
    code = sql(migrated_db, "select code from catalog.book where status = 'published' order by id limit 1")[0][0]
    smsc.control("POST", "/faults", {"resp_delay_ms": 30000})
    reader = "2250700000618"
    said = smsc.control("POST", "/mo?wait_ms=9000", {"from": reader, "to": "26", "text": f"LIRE {code}"})
    assert said["statuses"] == [0]
    smsc.control("GET", f"/parts?to={reader}&count=1&wait_ms=9000")
    phone = SmppPhone(smsc.control, NUMBER)
    phone.dial()
    bulk = smsc.control("GET", f"/parts?to={reader}")["parts"]
    assert len(bulk) == 1 and phone.last, "a chapter of several parts waits, the menu does not"
    smsc.control("POST", "/reset")
    smsc.control("POST", "/kick", {"how": "rst"})  # the end waits for no answer that takes half a minute


def test_full_turn_room_is_0x14_and_has_room_again(talk, smsc):
    """1,024 dialogues wait for a carrier that answers one submit in two seconds: the next deliver_sm is ESME_RMSGQFUL, which the
    carrier keeps and brings again; replies that meet nobody any more make room."""
    one = talk("tata", config={"link lab": {"window": 1, "response_timeout": "2s"}})
    smsc.control("POST", "/faults", {"drop_resp": -1})
    flood = b"".join(codec.build_sm(codec.DELIVER_SM, 0x10000 + n, src=b"22507100%05d" % n, dst=b"*384*26#", message=b"*384*26#",
                                    src_ton=1, src_npi=1, service_type=b"USSD", tlvs=[(0x0501, b"\1"), (0x1383, b"\x0a\0")])
                     for n in range(1100))
    smsc.control("POST", "/raw", {"hex": flood.hex()})
    wait_until(lambda: one.metric("coko_ussd_talk_heard_total", 'what="full"') > 0, "a full room", 20)
    phone = SmppPhone(smsc.control, "+2250700000655")
    assert phone.deliver("begin", phone.code) == [0x14]
    gone = lambda: {w: one.metric("coko_ussd_talk_replies_total", f'result="{w}"') for w in ("late", "unknown", "accepted", "down", "moved_on", "silent")}  # noqa: E731
    wait_until(lambda: gone()["late"] >= 1000, lambda: f"the room to be empty again: {gone()}", 30)
    smsc.control("POST", "/faults", {"drop_resp": 0})
    assert "Bienvenue" in phone.dial()
    assert stats(smsc)["binds"] == 1
