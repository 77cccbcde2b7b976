# SPDX-License-Identifier: Apache-2.0
"""A family on one daemon, from the dial: a host asks numbers on the screen and over REST, one says yes on her first dial and
one by SMS, who is in leaves, and nothing of a number is kept (S5)."""
import re
import subprocess
import uuid

import redis as redis_client

from apiclient import Api, problem
from database import sql
from story import Story
from ussdkit import AtPhone, dial_home, pick

HOST, HERS, HIS = "+2250700000091", "+2250700000092", "+2250700000093"

PASS = """do $$
declare
    u bigint := (select user_id from auth.identity order by id limit 1);
begin
    perform 1 from auth.users where id = u for no key update;
    perform billing.grant_pass(u, (select id from billing.plan where code = 'family'), 'trial', null, null, 0);
end $$"""


def story_of(coko, smsc, number):
    return Story(coko, smsc, None, AtPhone(coko.url, "demo", number))


def to_family(phone):
    dial_home(phone)
    pick(phone, "Mon pass")
    assert "Pass famille actif" in phone.last
    pick(phone, "Ma famille")


def on_the_screen(host, hers, url):
    dial_home(host.phone)
    sql(url, PASS)
    to_family(host.phone)
    pick(host.phone, "Voir")
    assert host.sees("Personne encore"), host.phone.last
    pick(host.phone, "Inviter")
    host.phone.send(HOST[4:])
    assert host.sees("Ce num"), host.phone.last
    host.phone.send("07 00 00 00 92")
    assert host.sees("Invitation envoy"), host.phone.last
    pick(host.phone, "Voir")
    assert host.sees("..92 ?"), host.phone.last

    assert "FAMILLE" in hers.wait_sms("FAMILLE")
    hers.phone.dial("*384*26#")
    assert hers.sees("Bienvenue"), hers.phone.last
    hers.phone.send("1")
    assert "Un proche vous invite" in hers.phone.last and "9 Oui" in hers.phone.last
    hers.phone.send("9")
    assert hers.sees("Bonne lecture"), hers.phone.last
    assert "..92" in host.wait_sms("..92")
    pick(hers.phone, "Mon pass")
    assert "Pass famille actif" in hers.phone.last and "Quitter ce pass" in hers.phone.last
    row, = sql(url, "select consent, channel, state from billing.family_member")
    assert row[0].startswith("Un proche vous invite à lire avec son Pass famille") and row[1:] == ("ussd", "member")


def log_in(api, story):
    """By the code as her phone shows it."""
    asked = api.post("/auth/otp/request", {"phone": "+" + story.number}).json()["request_id"]
    code = re.search(r"\d{6}", story.wait_sms("minutes")).group()
    return {"Authorization": "Bearer " + api.verify(asked, "+" + story.number, code).json()["access_token"]}


def over_rest(coko, host, his, url):
    api = Api(coko, url)
    who = {HOST: log_in(api, host), HIS: log_in(api, his)}

    def post(path, number=HOST, **body):
        return api.post("/billing/family" + path, {"key": str(uuid.uuid4()), **body}, headers=who[number])

    assert post("", phone=HIS).json() == {"state": "ok", "places": 2}
    assert "FAMILLE" in his.wait_sms("FAMILLE")
    his.text_back("famille")
    assert "vous lisez avec" in his.wait_sms("quitter")
    mine, = api.get("/billing/family", headers=who[HIS]).json()["data"]
    assert (mine["role"], mine["state"], mine["mark"], mine["label"]) == ("member", "member", None, "Pass famille")
    assert api.get("/billing/pass", headers=who[HIS]).json()["state"] == "active"

    for n in (94, 95):
        assert post("", phone=f"+22507000000{n}").json()["state"] == "ok"
    problem(post("", phone="+2250700000096"), 409, "family_full")  # rest case 36: the sixth
    places = api.get("/billing/family", headers=who[HOST]).json()["data"]
    assert [(p["mark"], p["state"]) for p in places] == [("92", "member"), ("93", "member"), ("94", "invited"), ("95", "invited")]
    assert post(f"/{places[0]['member']}/end", HIS).json()["state"] == "none", "nobody else's"
    assert post(f"/{places[2]['member']}/join", HIS, consent="oui").json()["state"] == "none"
    assert post(f"/{mine['member']}/end", HIS).json()["state"] == "left"
    assert "..93" in host.wait_sms("libre")
    assert api.get("/billing/pass", headers=who[HIS]).json()["state"] == "none"
    assert post("", phone="x").status == 400 and api.get("/billing/family").status == 401


def she_leaves(hers):
    dial_home(hers.phone)
    pick(hers.phone, "Mon pass")
    pick(hers.phone, "Quitter")
    pick(hers.phone, "Oui")
    assert hers.sees("C'est fait"), hers.phone.last
    pick(hers.phone, "Mon pass")
    assert hers.sees("pas de pass"), hers.phone.last


def test_a_family_reads_under_one_pass(daemon, smsc, migrated_db, clean_redis):
    coko = daemon(smsc=smsc)
    host, hers, his = (story_of(coko, smsc, n) for n in (HOST, HERS, HIS))
    on_the_screen(host, hers, migrated_db)
    over_rest(coko, host, his, migrated_db)
    she_leaves(hers)
    assert sql(migrated_db, "select ended_why from billing.family_member where ended_at is not null order by id") == [("left",), ("left",)]
    client = redis_client.Redis.from_url(clean_redis.url)
    kept = b"".join(client.dump(k) or b"" for k in client.keys("*"))
    dump = subprocess.run(["pg_dump", "--data-only", migrated_db], capture_output=True, text=True, check=True).stdout
    log = "\n".join(str(line) for line in coko.log_lines())
    for number in (HERS, HIS):
        assert number[1:].encode() not in kept and number[1:] not in dump and number[1:] not in log
