# SPDX-License-Identifier: Apache-2.0
"""A trial, a voucher, a gift and a cancel on the screen and over REST, on one daemon: the same functions, and nothing
of a code or of a friend's number in Redis, a table or the log (S5)."""
import hmac
import hashlib
import os
import subprocess
import sys
import uuid

import psycopg2
import redis as redis_client
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from apiclient import Api
from database import sql
from support import COKO, TEST_KEYS, TOP
from ussdkit import dial_home, pick

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone  # noqa: E402

GIVER, FRIEND, CLIENT = "+2250701020304", "+2250709080706", "+2250701020305"
CODES = ["482913570264", "771020304050"]


def mac(code):
    """The keyed hash of a code by our own reading of the key ring's rule."""
    key = HKDF(hashes.SHA256(), 32, b"coko", b"token").derive(bytes.fromhex(TEST_KEYS.split(":")[1]))
    return hmac.new(key, b"reader.code\0" + code.encode(), hashlib.sha256).digest()


def make_vouchers(url):
    with psycopg2.connect(url) as conn, conn.cursor() as cur:
        cur.execute("select outcome from billing.voucher_make('week', 'CI', %s, 0, ops.now() + interval '9 days', '', 'awa')",
                    ([mac(c) for c in CODES],))
        assert cur.fetchone()[0] == "ok"


def test_the_command_prints_codes_that_the_database_knows_by_their_hashes_only(migrated_db):
    def vouchers(*args, code=0):
        env = {**os.environ, "DATABASE_URL": migrated_db, "COKO_KEYS": TEST_KEYS}
        done = subprocess.run([str(COKO), "vouchers", *args], capture_output=True, text=True, check=False, env=env, cwd="/")
        assert done.returncode == code, done.stderr
        return done.stdout

    codes = [line.replace(" ", "") for line in vouchers("make", "day", "40", "--country", "ci", "--amount", "100", "--by", "awa").splitlines()]
    assert len(set(codes)) == 40 and all(len(c) == 12 and c.isdigit() for c in codes)
    with psycopg2.connect(migrated_db) as conn, conn.cursor() as cur:
        cur.execute("select count(*) from billing.voucher where code_mac = any (%s)", ([mac(c) for c in codes],))
        assert cur.fetchone()[0] == 40
        cur.execute("select max(batch_id) from billing.voucher")
        batch = str(cur.fetchone()[0])
    assert vouchers("list").splitlines()[-1].split()[:5] == [batch, "day", "CI", "40", "0"]
    vouchers("close", batch)
    assert "closed" in vouchers("list")
    vouchers("make", "nothing", "1", code=1)
    for bad in (("make", "day", "0"), ("make", "day", "10001"), ("make", "day"), ("close", "x"), ("spend",)):
        vouchers(*bad, code=2)


def on_the_screen(phone, url):
    dial_home(phone)
    pick(phone, "Mon pass")
    pick(phone, "Essai ou code")
    pick(phone, "Essai gratuit : 3 jours")
    assert "sans rien payer" in phone.last
    pick(phone, "Commencer")
    assert "Essai commencé" in phone.last

    pick(phone, "Mon pass")
    pick(phone, "Plus")
    pick(phone, "code")
    phone.send("0000 0000 0000")
    assert "Code inconnu" in phone.last
    phone.send("4829-1357-0264")
    assert "Pass semaine est à vous" in phone.last

    dial_home(phone)
    pick(phone, "Mon pass")
    pick(phone, "Plus")
    pick(phone, "Ne pas renouveler")
    pick(phone, "Oui")
    assert "aucun rappel" in phone.last
    assert sql(url, "select count(*) from billing.entitlement where cancelled_at is not null")[0][0] == 1

    dial_home(phone)
    pick(phone, "Mon pass")
    pick(phone, "Plus")
    pick(phone, "Offrir")
    phone.send(GIVER[4:])
    assert "Ce numéro est" in phone.last
    phone.send("07 09 08 07 06")
    pick(phone, "Pass jour")
    assert "..06 : 100 F" in phone.last
    phone.send("9")
    assert phone.ended and "100 F" in phone.last
    charge = sql(url, "select gift_by = (select user_id from auth.identity where id = identity_id), consent from billing.charge")[0]
    assert charge[0] and "..06" in charge[1] and FRIEND[4:] not in charge[1]


def over_rest(coko, url):
    api = Api(coko, url)
    who = {"Authorization": "Bearer " + api.login(CLIENT)["access_token"]}
    post = lambda path, **body: api.post("/billing" + path, body, headers=who)  # noqa: E731
    key = lambda: str(uuid.uuid4())  # noqa: E731

    plans = {p["label"]: p for p in api.get("/billing/plans", headers=who).json()["data"]}
    assert plans["Pass jour"]["amount_minor"] == 100 and plans["Essai"]["kind"] == "trial"
    assert post("/trial", key=key(), consent="3 jours, rien à payer").json()["state"] == "granted"
    once = key()
    got = post("/vouchers/redeem", code="7710 2030 4050", key=once)
    assert got.json()["state"] == "granted" and post("/vouchers/redeem", code="771020304050", key=once).json() == got.json()
    assert post("/vouchers/redeem", code=CODES[0], key=key()).json()["state"] == "used"
    assert post("/vouchers/redeem", code="abc", key=key()).status == 400
    assert post("/cancel", key=key()).json()["state"] == "cancelled"
    day, once = plans["Pass jour"], key()
    bought = post("/subscribe", plan=day["plan"], price=day["price"], key=once, consent="Pass jour : 100 F, 1 jour").json()
    assert bought["state"] == "created"
    assert post("/subscribe", plan=day["plan"], price=day["price"], key=once, consent="Pass jour : 100 F, 1 jour").json() == bought
    assert post("/subscribe", plan=day["plan"], price=day["price"], key=key(), consent="c").json()["state"] == "pending"
    assert post("/gift", phone=CLIENT, plan=day["plan"], price=day["price"], key=key(), consent="c").json()["state"] == "self"
    assert post("/retry", key=key()).json()["state"] == "too_early"
    (paid,) = api.get("/billing/charges", headers=who).json()["data"]
    assert (paid["reference"], paid["state"], paid["label"], paid["gift"]) == (bought["reference"], "pending", "Pass jour", False)
    assert {w["rail"] for w in api.get("/billing/wallets", headers=who).json()["data"]} == {"mtn_momo", "wave"}
    assert post("/wallets", rail="mtn_momo").json()["state"] == "ok"
    book = sql(url, "select public_id::text from catalog.book where parts > free_parts order by id limit 1")[0][0]
    assert api.get(f"/billing/books/{book}/price", headers=who).json()["amount_minor"] == 300
    assert api.get("/billing/plans").status == 401
    papers_over_rest(api, url, who)


BOUGHT = """do $$
declare
    s auth.session;
    c billing.charge;
begin
    update billing.charge set superseded = true;
    select * into s from auth.session order by created_at desc limit 1;
    perform billing.start_charge(s.user_id, s.identity_id, p.id, billing.price_of(s.user_id, p.id), 'paper', '1 500 F', 'rest')
    from billing.plan p where p.code = 'month';
    update billing.charge set state = 'PENDING', due_at = null, prompt_expires_at = ops.now()
    where id = (select max(id) from billing.charge) returning * into c;
    perform billing.rail_answers(jsonb_build_array(jsonb_build_object('charge', c.id, 'version', c.version, 'event', 'success',
        'txn', 'T-paper', 'amount', 1500, 'currency', 'XOF')), true);
end $$"""


def papers_over_rest(api, url, who):
    assert api.get("/billing/invoices", headers=who).json()["data"] == []
    sql(url, BOUGHT)
    sql(url, "select billing.number_papers(50)")
    (paper,) = api.get("/billing/invoices", headers=who).json()["data"]
    assert paper["number"].endswith("-F000001") and paper["label"].startswith("Pass mois, ") and paper["of_number"] is None
    assert [paper[f"{part}_minor"] for part in ("ht", "tva", "ttc")] == [1271, 229, 1500]
    assert api.get("/billing/invoices").status == 401
    assert api.get("/author/royalties", headers=who).json()["data"] == []


def test_a_pass_by_trial_voucher_and_gift_and_nothing_private_is_kept(daemon, migrated_db, clean_redis):
    make_vouchers(migrated_db)
    coko = daemon()
    phone = AtPhone(coko.url, "demo", GIVER)
    on_the_screen(phone, migrated_db)
    over_rest(coko, migrated_db)
    bodies = [b for b, in sql(migrated_db, "select body from messaging.message where body is not null")]
    assert len(bodies) >= 6 and not [b for b in bodies if "{" in b], "every variable of a text was given"
    secrets = CODES + [FRIEND[1:], FRIEND[4:]]
    client = redis_client.Redis.from_url(clean_redis.url)
    kept = b"".join(client.dump(k) or b"" for k in client.keys("*"))
    dump = subprocess.run(["pg_dump", "--data-only", migrated_db], capture_output=True, text=True, check=True).stdout
    log = "\n".join(str(line) for line in coko.log_lines())
    for secret in secrets:
        assert secret.encode() not in kept and secret not in dump and secret not in log
    assert "Pass jour" in dump
