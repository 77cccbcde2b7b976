# SPDX-License-Identifier: Apache-2.0
"""A reader over REST: log-in by a code sent over SMS, her positions and her pass, and nobody else's."""
import base64
import hashlib
import hmac
import json
import threading
import uuid

import pytest

from apiclient import Api, problem, serving, unseal
from support import TEST_KEYS, wait_until

PHONE, OTHER = "+2250701020304", "+2250705060708"


@pytest.fixture(scope="module")
def server(work_dir, migrated_db, redis, coko_bin):
    with serving(work_dir, migrated_db, redis.url) as one:
        yield one


@pytest.fixture
def api(server, migrated_db):
    one = Api(server, migrated_db)
    one.forget_limits()
    yield one
    one.sql("update ops.clock set shift = '0'")


def parse(token):
    return [json.loads(base64.urlsafe_b64decode(p + "=" * (-len(p) % 4))) for p in token.split(".")[:2]]


def test_log_in(api):
    answer = api.login(PHONE)
    header, claims = parse(answer["access_token"])
    assert header == {"alg": "HS256", "typ": "at+jwt", "kid": TEST_KEYS.split(":")[0]}
    assert claims["iss"] == "coko" and claims["aud"] == "coko-api" and claims["exp"] - claims["iat"] == answer["expires_in"] == 900
    assert claims["sub"] == answer["user"]["id"] and answer["token_type"] == "Bearer"
    assert len(answer["refresh_token"]) == 43
    row = api.sql("""select u.public_id::text, s.id::text, s.refresh_hash, i.sealed, i.verified_at is not null
                     from auth.session s join auth.users u on u.id = s.user_id join auth.identity i on i.id = s.identity_id
                     order by s.created_at desc limit 1""")[0]
    assert row[0] == claims["sub"] and row[1] == claims["sid"] and row[4]
    assert answer["refresh_token"].encode() not in bytes(row[2])
    assert unseal(bytes(row[3]), b"auth.identity") == PHONE[1:].encode()


def test_two_log_ins_differ(api):
    """Hard case 22."""
    first, second = api.login(PHONE), api.login(PHONE)
    assert first["access_token"] != second["access_token"] and first["refresh_token"] != second["refresh_token"]
    assert first["user"] == second["user"]


def test_every_spelling_is_one_reader(api):
    """Hard case 23: with and without the country's code."""
    ids = set()
    for phone, more in (("+2250701020304", {}), ("002250701020304", {}), ("07 01 02 03 04", {}), ("0701020304", {"country": "CI"})):
        api.forget_limits()
        request_id, code = api.ask_code(phone, **more)
        ids.add(api.verify(request_id, PHONE, code).json()["user"]["id"])
    assert len(ids) == 1


def test_wrong_codes_in_parallel(api):
    """Hard case 23: twelve wrong tries at once, at most five are counted, then the right one is refused too."""
    request_id, code = api.ask_code(PHONE)
    wrong = f"{(int(code) + 1) % 1000000:06d}"
    answers = []

    def tries():
        """Again where the row was not to be had in time (R3): nothing was counted."""
        def answered():
            answer = api.verify(request_id, PHONE, wrong)
            return answer.status not in (503, 504) and answer
        answers.append(wait_until(answered, "an answer"))
    threads = [threading.Thread(target=tries) for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    codes = sorted(a.json()["code"] for a in answers)
    assert all(a.status == 401 for a in answers)
    assert codes == ["otp_locked"] * 8 + ["otp_wrong"] * 4
    assert sorted(a.json()["tries_left"] for a in answers if a.json()["code"] == "otp_wrong") == [1, 2, 3, 4]
    assert api.sql("select tries from auth.otp_request where public_id = %s", (request_id,))[0][0] == 5
    problem(api.verify(request_id, PHONE, code), 401, "otp_locked")


def test_only_the_last_code(api):
    """Hard case 23: two codes in flight; a code of another number; used twice; too late."""
    first = api.ask_code(PHONE)
    second = api.ask_code(PHONE)
    problem(api.verify(first[0], PHONE, first[1]), 401, "otp_expired")
    problem(api.verify(second[0], OTHER, second[1]), 401, "otp_expired")
    assert api.verify(second[0], PHONE, second[1]).status == 200
    problem(api.verify(second[0], PHONE, second[1]), 401, "otp_expired")
    third = api.ask_code(PHONE)
    api.move_clock("10 minutes")
    problem(api.verify(third[0], PHONE, third[1]), 401, "otp_expired")
    problem(api.verify("00000000-0000-4000-8000-000000000000", PHONE, "123456"), 401, "otp_expired")


def test_limits_of_codes(api):
    """Three in ten minutes a number; the same for numbers never seen."""
    for phone in (PHONE, "+2250799887766"):
        for _ in range(3):
            assert api.post("/auth/otp/request", {"phone": phone}).status == 200
        refused = api.post("/auth/otp/request", {"phone": phone})
        problem(refused, 429, "rate_limited")
        assert 0 < int(refused.headers["retry-after"]) <= 600
    api.move_clock("10 minutes")
    assert api.post("/auth/otp/request", {"phone": PHONE}).status == 200


def test_the_address_is_limited_before_sql(api):
    answers = [api.post("/auth/otp/request", {"phone": "nonsense"}).status for _ in range(60)]
    assert 429 in answers and set(answers) == {400, 429}


def test_known_and_unknown_numbers_look_alike(api):
    api.login(PHONE)
    known, unknown = (api.post("/auth/otp/request", {"phone": p}) for p in (PHONE, "+2250744332211"))
    shape = [{**a.json(), "request_id": "x"} for a in (known, unknown)]
    assert shape[0] == shape[1]
    volatile = {"date", "x-request-id"}
    assert {k: v for k, v in known.headers.items() if k not in volatile} == {k: v for k, v in unknown.headers.items() if k not in volatile}


@pytest.mark.parametrize("body, pointer", [
    ({}, "/phone"), ({"phone": "12"}, "/phone"), ({"phone": "+33612345678"}, "/phone"), ({"phone": 5}, "/phone"),
    ({"phone": "2250****0304"}, "/phone"), ({"phone": PHONE, "role": "admin"}, "/role"), ({"phone": PHONE, "user_id": 1}, "/user_id"),
    ({"phone": PHONE, "country": "ci"}, "/country"), ({"phone": "0" * 41}, "/phone"),
])
def test_bad_bodies(api, body, pointer):
    """Hard case 12, and numbers that are none or are not served."""
    before = api.sql("select count(*) from auth.identity")
    assert problem(api.post("/auth/otp/request", body), 400, "bad_body")["errors"][0]["pointer"] == pointer
    assert api.sql("select count(*) from auth.identity") == before


def test_broken_bodies(api):
    """Hard case 10, and the size."""
    kind = {"Content-Type": "application/json"}
    for body in (b"", b"{", b"[]", b'{"phone":"a","phone":"b"}', b"{" * 33, b'{"phone":"\xff"}', b'{"phone":"a\\u0000"}'):
        problem(api.post("/auth/otp/request", body, headers=kind), 400, "bad_body")
    big = b'{"phone":"' + b"1" * (64 << 10) + b'"}'
    assert api.post("/auth/otp/request", big, headers=kind).status == 413


def test_positions_and_pass(api):
    token = api.login(PHONE)["access_token"]
    me = api.sql("select user_id from auth.session order by created_at desc limit 1")[0][0]
    assert api.get("/reading/positions", token).json() == {"data": [], "next_cursor": None, "has_more": False}
    books = api.sql("select id, slug, parts from catalog.book where status = 'published' order by id limit 5")
    for n, (book, _, _) in enumerate(books):
        api.sql("select * from reading.save_position(%s, %s, 2, %s, 'ussd')", (me, book, n))
        api.move_clock("1 second")
    shown = api.walk("/reading/positions?limit=2", token)
    assert [(p["book"]["slug"], p["part"], p["at"], p["source"]) for p in shown] == \
        [(slug, 2, n, "ussd") for n, (_, slug, _) in reversed(list(enumerate(books)))]
    answer = api.get("/reading/positions", token)
    assert answer.headers["cache-control"] == "private, no-cache" and answer.headers["vary"] == "Authorization"
    assert api.get("/reading/positions", token, headers={"If-None-Match": answer.headers["etag"]}).status == 304

    assert api.get("/billing/pass", token).json()["state"] == "none"
    offer = api.sql("select plan_id, price_id, amount_minor from billing.offers(%s, 'fr') limit 1", (me,))[0]
    identity = api.sql("select id from auth.identity where user_id = %s", (me,))[0][0]
    charge = api.sql("select charge_id from billing.start_charge(%s, %s, %s, %s, 'api-step', 'yes', 'ussd')", (me, identity, *offer[:2]))[0][0]
    assert api.get("/billing/pass", token).json()["state"] == "pending"
    pay(api, charge, offer[2])
    bought = api.get("/billing/pass", token).json()
    assert bought["state"] == "active" and bought["label"] and bought["until"].endswith("Z") and bought["segments_left_today"] > 0


@pytest.fixture
def renewing(api):
    """A reader with a month's pass where an operator lets MTN debit: her token, her rows."""
    token = api.login("+2250505060701")["access_token"]
    me, identity = api.sql("select user_id, identity_id from auth.session order by created_at desc limit 1")[0]
    assert api.get("/billing/auto-renewal", token).json()["state"] == "none"
    api.sql("select billing.grant_pass(%s, (select id from billing.plan where code = 'month'), 'trial', null, null, 0)", (me,))
    assert api.get("/billing/auto-renewal", token).json()["state"] == "none", "no operator turned it on"
    api.sql("update billing.auto_debit set enabled = true where country = 'CI' and rail = 'mtn_momo'")
    yield token, me, identity
    api.sql("update billing.auto_debit set enabled = false")


def agree(api, token, offer, **more):
    body = {"plan": offer["plan"], "price": offer["price"], "key": str(uuid.uuid4()), "consent": "1 500 F par mois, sans demande", **more}
    return api.post("/billing/auto-renewal", {k: v for k, v in body.items() if v is not None},
                    headers={"Authorization": f"Bearer {token}"})


def test_a_pass_renews_itself_by_the_words_she_agreed_to(api, renewing):
    token, me, identity = renewing
    offer = api.get("/billing/auto-renewal", token).json()
    assert (offer["state"], offer["amount_minor"], offer["currency"], offer["rail"]) == ("offer", 1500, "XOF", "mtn_momo")
    assert offer["label"] and offer["period"] and "1 500" in offer["amount_text"]
    key = str(uuid.uuid4())
    first = agree(api, token, offer, key=key).json()
    assert (first["state"], first["amount_minor"], first["currency"]) == ("created", 1500, "XOF") and first["hint"]
    assert agree(api, token, offer, key=key).json() == first, "the same key is the same agreement"
    assert agree(api, token, offer).json()["state"] == "already"
    assert api.sql("""select m.identity_id, m.state, c.body, c.channel, c.amount_minor from billing.mandate m
                      join billing.mandate_consent c on c.mandate_id = m.id where m.user_id = %s""", (me,)) == \
        [(identity, "WANTED", "1 500 F par mois, sans demande", "rest", 1500)]
    assert api.get("/billing/auto-renewal", token).json()["state"] == "asked"
    for event in ("accepted", "success"):
        api.move_clock("10 minutes")
        work = api.sql("select mandate_id, version from billing.claim_mandates('test', 10)")[0]
        api.sql("select * from billing.mandate_event(%s, %s, %s, 200, null, 0)", (*work, event))
    shown = api.get("/billing/auto-renewal", token).json()
    assert (shown["state"], shown["amount_minor"], shown["plan"]) == ("on", 1500, offer["plan"])
    ended = api.post("/billing/cancel", {"key": str(uuid.uuid4())}, headers={"Authorization": f"Bearer {token}"}).json()
    assert ended == {"state": "cancelled"}
    assert api.sql("select state from billing.mandate where user_id = %s", (me,)) == [("ENDING",)]
    assert api.get("/billing/auto-renewal", token).json()["state"] == "offer"


def test_no_mandate_but_by_her_own_yes_to_what_was_shown(api, renewing):
    token, me, _identity = renewing
    offer = api.get("/billing/auto-renewal", token).json()
    problem(api.get("/billing/auto-renewal"), 401, "unauthorized")
    problem(api.post("/billing/auto-renewal", {}), 401, "unauthorized")
    for left_out in ("plan", "price", "key", "consent"):
        assert agree(api, token, offer, **{left_out: None}).status == 400, left_out
    for wrong in ({"plan": 0}, {"price": "x"}, {"key": "1"}, {"consent": ""}, {"consent": "x" * 301}):
        assert agree(api, token, offer, **wrong).status == 400, wrong
    assert agree(api, token, offer, price=offer["price"] + 1).json()["state"] == "price_changed"
    other = api.login(OTHER)["access_token"]  # R2: another reader's pass is nothing that she may renew
    assert api.get("/billing/auto-renewal", other).json()["state"] == "none"
    assert agree(api, other, offer).json()["state"] == "none"
    assert api.sql("select count(*) from billing.mandate where state not in ('ENDING', 'ENDED') and user_id >= %s", (me,)) == [(0,)]


def pay(api, charge, amount):
    """What the money room does when the payer approves."""
    api.move_clock("1 minute")
    claimed = {row[0]: row[1] for row in api.sql("select charge_id, version from billing.claim_rail_work('test', 1, 10)")}
    said = {"charge": charge, "version": claimed[charge], "event": "sync_success", "txn": "rail-1", "amount": amount, "currency": "XOF"}
    state = api.sql("select state from billing.rail_answers(%s, true)", (json.dumps([said]),))
    assert state[0][0] == "SUCCEEDED"


def test_nobody_elses(api):
    """R2 and hard case 18: another reader's cursor; her own rows only."""
    mine, hers = api.login(PHONE)["access_token"], api.login(OTHER)["access_token"]
    me = api.sql("select u.id from auth.users u where u.public_id = %s", (parse(mine)[1]["sub"],))[0][0]
    for (book,) in api.sql("select id from catalog.book where status = 'published' limit 3"):
        api.sql("select * from reading.save_position(%s, %s, 1, 5, 'sms')", (me, book))
        api.move_clock("1 second")
    cursor = api.get("/reading/positions?limit=1", mine).json()["next_cursor"]
    assert api.get(f"/reading/positions?cursor={cursor}", mine).status == 200
    problem(api.get(f"/reading/positions?cursor={cursor}", hers), 400, "bad_cursor")
    assert api.get("/reading/positions", hers).json()["data"] == []


def test_tokens_refused(api):
    """Hard case 20, over HTTP: 401 with a challenge, for each in the same words."""
    token = api.login(PHONE)["access_token"]
    head, payload, mac = token.split(".")

    def b64(obj):
        return base64.urlsafe_b64encode(json.dumps(obj, separators=(",", ":")).encode()).decode().rstrip("=")
    none = b64({"alg": "none", "typ": "at+jwt", "kid": "1"})
    stranger = b64({"alg": "HS256", "typ": "at+jwt", "kid": "../../dev/null"})
    forged = hmac.new(b"", f"{stranger}.{payload}".encode(), hashlib.sha256).digest()
    tries = [f"{none}.{payload}.", f"{none}.{payload}.{mac}", f"{head}.{payload}.", f"{head}.{payload}.{mac[:-1]}", "x", "..", "A" * 7000,
             f"{stranger}.{payload}.{base64.urlsafe_b64encode(forged).decode().rstrip('=')}",
             f"{head}.{b64({**parse(token)[1], 'sub': '0d7d4bca-3f0e-4f6d-9d6d-1d1f0a2b3c4d'})}.{mac}"]
    for forged_token in tries:
        refused = api.get("/reading/positions", forged_token)
        problem(refused, 401, "unauthorized")
        assert refused.headers["www-authenticate"] == 'Bearer realm="coko", error="invalid_token"'
    bare = api.get("/reading/positions")
    problem(bare, 401, "unauthorized")
    assert bare.headers["www-authenticate"] == 'Bearer realm="coko"'
    problem(api.get("/reading/positions", headers={"Authorization": "Basic YTpi"}), 401, "unauthorized")
    assert api.get("/reading/positions", headers={"Authorization": f"bearer {token}"}).status == 200


@pytest.mark.parametrize("end", [
    "update auth.session set revoked_at = ops.now()",
    "update auth.session set expires_at = ops.now()",
    "update auth.users set status = 'suspended' where public_id = %(sub)s",
])
def test_a_live_token_of_an_ended_session(api, end):
    """Hard case 26: at once, not at the token's end, and never as an empty list."""
    token = api.login("+2250755443322")["access_token"]
    assert api.get("/reading/positions", token).status == 200
    api.sql(end, {"sub": parse(token)[1]["sub"]})
    try:
        for path in ("/reading/positions", "/billing/pass"):
            problem(api.get(path, token), 401, "session_ended")
    finally:
        api.sql("update auth.users set status = 'active' where status = 'suspended'")


def test_the_message_and_the_log(api):
    """S5 and hard case 55: the code is sealed in its row; neither code, number nor token is in any log line."""
    answer = api.login(PHONE)
    request_id, code = api.ask_code(PHONE)
    problem(api.verify(request_id, PHONE, f"{(int(code) + 1) % 1000000:06d}"), 401, "otp_wrong")
    api.post("/auth/otp/request", {"phone": "07010203"})
    kind, body, lang = api.sql("select kind, body, lang from messaging.message order by id desc limit 1")[0]
    assert kind == "otp" and body is None and lang == "fr"
    log = api.daemon.process.log.read_text()
    for secret in (code, PHONE[1:], PHONE[4:], "07010203", answer["access_token"], answer["refresh_token"]):
        assert secret not in log


def test_postgres_goes_and_comes_back(daemon, own_pg, own_db):
    """Hard case 47 and R3: a clear 503 while it is down, right answers afterwards."""
    api = Api(daemon(database=own_db), own_db)
    assert api.get("/catalog/books").status == 200
    own_pg.crash()
    down = wait_until(lambda: (lambda a: a if a.status >= 500 else None)(api.get("/catalog/books")), "a 5xx")
    assert down.status in (503, 504) and down.headers["retry-after"] == "1"
    problem(down, down.status, {503: "unavailable", 504: "timeout"}[down.status])
    own_pg.start()
    wait_until(lambda: api.get("/catalog/books").status == 200, "PostgreSQL's return")
