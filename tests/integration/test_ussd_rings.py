# SPDX-License-Identifier: Apache-2.0
"""Readers are rung: a row of messaging.ring becomes one push to the carrier's own address, by what its profile says.
Over SMPP: test_ussd_smpp.py; the rules: test_sql_rings.py."""
import json
import time

import pytest
import redis as redis_client

from database import sql
from support import http_request, wait_until
from test_ussd_golden import GOLDEN, compare
from ussd_carriers_kit import carriers, CLIENT, CODE, KEYED, pick  # noqa: F401
from ussdkit import dial_home, welcome

from carriers.script import parse, Player

PUSHING = "mtn_madapi"


def identity(url):
    return sql(url, "select max(id) from auth.identity")[0][0]


@pytest.fixture
def reader(carriers, migrated_db):  # noqa: F811
    """A reader of that carrier, at home; phone.who is her identity."""
    phone = welcome(carriers.phone(PUSHING))
    phone.who = identity(migrated_db)
    phone.gateway.arrived.clear()
    yield phone
    phone.gateway.heal()


def ring(url, reader, purpose="asked", body=None, carrier=PUSHING):
    return sql(url, "select outcome, ring_id from messaging.ring_put(%s, %s, %s, %s, '0', '1 hour', null)",
               (reader.who, carrier, purpose, body))[0]


def states(url, reader):
    return [row[0] for row in sql(url, "select state from messaging.ring where identity_id = %s order by id", (reader.who,))]


def becomes(url, reader, state):
    wait_until(lambda: states(url, reader)[-1] == state, lambda: f"{state}: {states(url, reader)}", 30)


def test_your_pass_is_active_read_now(carriers, migrated_db, reader):  # noqa: F811
    """The golden transcript: a dialogue that begins with us, and goes on as any other."""
    assert ring(migrated_db, reader, "pass_active")[0] == "queued"
    player = Player(reader)
    compare(GOLDEN / f"ring.{PUSHING}.txt", player.play(parse((GOLDEN / "ring.dial").read_text())))
    becomes(migrated_db, reader, "accepted")
    assert carriers.metric("coko_ussd_rings_total", 'result="accepted"') >= 1
    assert reader.digits not in carriers.process.log.read_text()


def test_s5_a_ring_leaves_no_number_in_redis(carriers, migrated_db, reader, redis):  # noqa: F811
    ring(migrated_db, reader)
    assert "Découvrir" in reader.rung() and not reader.ended, "rung for nothing in particular: home"
    store = redis_client.Redis.from_url(redis.url)
    for key in store.scan_iter("*:s:*"):
        assert reader.digits[4:].encode() not in store.get(key)


ANSWERS = {"taken": (200, None, "accepted"), "another word": (200, b'{"statusCode":"4000"}', "refused"),
           "no json": (200, b"<ok/>", "refused"), "credentials": (403, None, "refused"),
           "trouble over there": (500, None, "unknown"), "nobody answers": (0, None, "unknown")}


@pytest.mark.parametrize("case", ANSWERS)
def test_m4_what_the_carriers_answer_means(carriers, migrated_db, reader, case):  # noqa: F811
    """Pushed once, whatever comes: only what certainly did not leave is tried again."""
    gateway, (status, body, state) = reader.gateway, ANSWERS[case]
    gateway.answer = [status, 200]
    gateway.confirmation = body or gateway.confirmation
    ring(migrated_db, reader, body="Bonjour")
    assert reader.rung() == "Bonjour" and reader.ended
    becomes(migrated_db, reader, state)
    sql(migrated_db, "update messaging.ring set due_at = now() where state = 'queued'")
    assert gateway.take(lambda push: push and push["msisdn"] == reader.digits, 2.5) is None


def test_a_carrier_that_is_full_is_asked_again(carriers, migrated_db, reader):  # noqa: F811
    reader.gateway.answer = [503, 200]
    ring(migrated_db, reader, body="Bonjour")
    assert reader.rung() == "Bonjour"
    becomes(migrated_db, reader, "queued")
    sql(migrated_db, "update messaging.ring set due_at = now() where state = 'queued'")
    assert reader.rung() == "Bonjour"
    becomes(migrated_db, reader, "accepted")


def test_a_ring_ends_when_its_time_has_come(carriers, migrated_db, reader):  # noqa: F811
    sql(migrated_db, "insert into messaging.ring (carrier, identity_id, purpose, body, due_at, expires_at, created_at)"
        " values (%s, %s, 'asked', 'late', now() - interval '2 s', now() - interval '1 s', now())", (PUSHING, reader.who))
    becomes(migrated_db, reader, "expired")
    assert not [push for _, push in reader.gateway.arrived if push and push["msisdn"] == reader.digits]


def post(coko, body, path=f"/ussd/{PUSHING}/demo/ring", method="POST"):
    return http_request(method, coko.url + path, body, headers={"Content-Type": "application/x-www-form-urlencoded"})


def test_somebody_rings_a_reader(carriers, migrated_db, reader):  # noqa: F811
    number = b"number=" + reader.digits.encode()
    assert post(carriers, number, f"/ussd/{PUSHING}/wrong/ring").status == 404
    assert post(carriers, number, "/ussd/hubtel/demo/ring").status == 404, "a carrier that cannot"
    assert post(carriers, None, method="GET").status == 405
    assert post(carriers, b"number=12").status == 400
    assert post(carriers, number + b"&text=" + b"x" * 500).status == 400
    assert post(carriers, number + b"&text=Votre+livre+est+l%C3%A0").status == 202
    assert reader.rung() == "Votre livre est là" and reader.ended
    becomes(migrated_db, reader, "accepted")
    assert post(carriers, number).status == 202
    assert "Découvrir" in reader.rung() and not reader.ended
    pick(reader, "découvrir")
    assert "Nouveautés" in reader.last


def test_m3_who_said_stop_is_not_rung(carriers, migrated_db, reader):  # noqa: F811
    sql(migrated_db, "select * from auth.stop_by(%s, %s, 'sms')", (reader.who, f"stop{time.time()}"))
    refused = post(carriers, b"number=" + reader.digits.encode())
    assert (refused.status, refused.text) == (409, "stopped")
    assert states(migrated_db, reader) == []


def test_s6_a_text_is_folded_and_cut_to_the_screen(carriers, migrated_db, reader):  # noqa: F811
    ring(migrated_db, reader, body="Fête ŋ " + "x" * 200)
    assert reader.rung() == ("Fete n " + "x" * 200)[:160]


def test_what_is_pushed(carriers, migrated_db, reader):  # noqa: F811
    """The exact bytes, in the members' order of the reference (ussd-carriers 2.9)."""
    ring(migrated_db, reader, body='L\'accent "là" \\')
    reader.rung()
    heads, push = reader.last_push.headers, json.loads(reader.last_push.body)
    assert reader.last_push.body.decode() == json.dumps(
        {"sessionId": push["sessionId"], "messageType": "3", "msisdn": reader.digits, "serviceCode": CODE,
         "ussdString": 'L\'accent "là" \\'}, separators=(",", ":"), ensure_ascii=False)
    assert heads["content-type"].startswith("application/json") and heads["x-api-key"] == reader.gateway.key
    assert heads["authorization"] == f"Bearer {reader.gateway.minted[-1]}"
    assert len(push["sessionId"]) == 32


# ---- the token of a push ----

def due(url):
    sql(url, "update messaging.ring set due_at = now() where state = 'queued'")


def told(url, reader, state="accepted"):
    """Rung with a text, once; what became of it."""
    ring(url, reader, body="Bonjour")
    assert reader.rung() == "Bonjour"
    becomes(url, reader, state)


def events(coko):
    return [line.get("event") for line in coko.log_lines()]


def test_a_carrier_with_an_api_key_alone_asks_for_no_token(carriers, migrated_db, reader):  # noqa: F811
    keyed = carriers.gateways[KEYED]
    wait_until(lambda: ring(migrated_db, reader, body="Bonjour", carrier=KEYED)[0] in ("queued", "seen"), "queued", 30)
    call = keyed.take(lambda push: push and push["msisdn"] == reader.digits, 15)
    assert call and call[0].headers["x-api-key"] == keyed.key and "authorization" not in call[0].headers
    becomes(migrated_db, reader, "accepted")
    assert keyed.minted == [] and keyed.turned_away == 0


def test_one_token_serves_many_pushes_and_is_renewed_before_its_end(carriers, migrated_db, reader):  # noqa: F811
    """One that lives a second is near its end at once: each push has a new one, and none is turned away."""
    gateway = reader.gateway
    told(migrated_db, reader)
    before, gateway.turned_away = len(gateway.minted), 0
    told(migrated_db, reader)
    assert len(gateway.minted) == before, "kept"
    gateway.revoke()
    gateway.life = "1"
    told(migrated_db, reader)
    assert (len(gateway.minted), gateway.turned_away) == (before + 1, 1)
    told(migrated_db, reader)
    told(migrated_db, reader)
    assert (len(gateway.minted), gateway.turned_away) == (before + 3, 1)


def test_a_token_that_ended_early_is_renewed_once(carriers, migrated_db, reader):  # noqa: F811
    """M4: a 401 says that nothing was done. The same push under a new token: a screen that asks, and it goes on."""
    gateway = reader.gateway
    told(migrated_db, reader)
    before, gateway.turned_away = len(gateway.minted), 0
    gateway.revoke()
    ring(migrated_db, reader)
    assert "Découvrir" in reader.rung() and not reader.ended
    becomes(migrated_db, reader, "accepted")
    assert (len(gateway.minted), gateway.turned_away) == (before + 1, 1)
    pick(reader, "découvrir")
    assert "Nouveautés" in reader.last


def test_credentials_that_open_nothing_end_the_ring_and_are_told(carriers, migrated_db, reader):  # noqa: F811
    gateway = reader.gateway
    gateway.believes = False
    ring(migrated_db, reader, body="Bonjour")
    becomes(migrated_db, reader, "refused")
    assert gateway.turned_away == 2, "sent again once"
    assert sql(migrated_db, "select max(reason) from messaging.ring where identity_id = %s", (reader.who,)) == [("http 401",)]
    assert "carrier refuses our credentials" in events(carriers)
    gateway.believes = True
    told(migrated_db, reader)


@pytest.mark.parametrize("answer", [0, 401, 503])
def test_without_a_token_a_ring_waits(carriers, migrated_db, reader, answer):  # noqa: F811
    """M4: nothing left; it is tried again, and comes once there is a token."""
    gateway = reader.gateway
    gateway.revoke()
    gateway.token_answer = answer
    ring(migrated_db, reader, body="Bonjour")
    wait_until(lambda: sql(migrated_db, "select state, reason from messaging.ring where identity_id = %s",
                           (reader.who,)) == [("queued", "no token")], "it waits", 30)
    assert "no token" in events(carriers)
    assert gateway.take(lambda push: push and push["msisdn"] == reader.digits, 0) is None
    gateway.token_answer = 200
    due(migrated_db)
    assert reader.rung() == "Bonjour"
    becomes(migrated_db, reader, "accepted")


def test_no_token_stands_in_a_log_or_in_redis(carriers, migrated_db, reader, redis):  # noqa: F811
    """S5. What is looked for was there: one token opens the last push."""
    told(migrated_db, reader)
    store = redis_client.Redis.from_url(redis.url)
    kept = [carriers.process.log.read_bytes()] + [key + (store.get(key) or b"") for key in store.scan_iter("*:s:*")]
    for secret in (reader.gateway.minted[-1], CLIENT[1], reader.gateway.key):
        assert not any(secret.encode() in text for text in kept)


def test_a_token_that_could_not_be_had_or_not_be_sent_stops_the_start(daemon):
    """Every fault at once, by section."""
    broken = daemon({"carrier hubtel": {"secret": "demo", "token_url": "https://h.example/t", "client_id": "c", "client_secret": "hunter"},
                     "carrier mtn_madapi": {"secret": "demo", "token_url": "ftp://m.example/t", "client_secret": "hunter"}}, wait=False)

    def faults():
        return [line["msg"] for line in broken.log_lines() if line.get("event") == "carrier profile fault"]

    wait_until(faults, broken.process.tail)
    broken.kill()
    for fault in ("[carrier hubtel] token_url, client_id", "[carrier mtn_madapi] token_url, client_id",
                  "[carrier mtn_madapi] token_url: an address"):
        assert fault in faults()[0]
    assert "hunter" not in broken.process.log.read_text()
