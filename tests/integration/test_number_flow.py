# SPDX-License-Identifier: Apache-2.0
"""A lost number through `coko serve`: the code comes by SMS, is typed on the new phone and stands nowhere in clear (S5); at the
desk two persons ask, and the phone that would lose says no on its screen; a recycled number's next holder is a stranger."""
import os
import re
import subprocess
import sys

import redis as redis_client

from database import sql
from story import Story
from support import COKO, TEST_KEYS, TOP
from ussdkit import pick

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone  # noqa: E402

OLD, NEW, OTHER = "+2250700000081", "+2250700000082", "+2250700000083"


def story_of(coko, smsc, number):
    return Story(coko, smsc, None, AtPhone(coko.url, "demo", number))


def to_number(story):
    story.dial()
    pick(story.phone, "Mon compte")
    pick(story.phone, "Changer de num")


def the_code_comes_and_moves_her(old, new):
    old.dial()
    for words in ("Mon pass", "Essai ou code", "Essai gratuit", "Commencer"):
        pick(old.phone, words)
    to_number(old)
    pick(old.phone, "Mon code")
    assert old.sees("arrive par SMS"), old.phone.last
    code = re.search(r"\d{5} \d{5} \d{5}", old.wait_sms("secours")).group()

    to_number(new)
    pick(new.phone, "chang")
    new.phone.send("00000 00000 00000")
    assert new.sees("Code inconnu"), new.phone.last
    new.phone.send(code)
    assert new.sees("lectures sont ici"), new.phone.last
    pick(new.phone, "Mon pass")
    assert new.sees("Essai", "actif"), new.phone.last
    assert "nouveau" in old.wait_sms("nouveau")
    again = re.search(r"\d{5} \d{5} \d{5}", new.wait_sms("secours")).group()
    old.phone.dial("*384*26#")
    assert old.sees("Bienvenue"), old.phone.last
    return [code, again]


def at_the_desk(url, new):
    def coko(*args, key=None, code=0):
        env = {**os.environ, "DATABASE_URL": url, "COKO_KEYS": TEST_KEYS, "COKO_OPERATOR": "root"}
        done = subprocess.run([str(COKO), *args], input=key and key + "\n", capture_output=True, text=True, check=False, env=env, cwd="/")
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    key = {who: coko("staff", "join", who, "--country", "ci").strip() for who in ("awa", "binta")}
    asked = coko("reader", "move", NEW, OTHER, "--reason", "SIM perdue", key=key["awa"])
    move = asked.split()[-1]
    assert "another person" in coko("reader", "approve", move, key=key["awa"], code=1)
    assert "72 h" in coko("reader", "approve", move, key=key["binta"])
    assert "NON" in new.wait_sms("NON")
    new.phone.dial("*384*26#")
    assert new.sees("autre num"), new.phone.last
    pick(new.phone, "tout garder")
    assert new.sees("rien ne change"), new.phone.last
    assert re.search(rf"{move} +desk +kept +awa, binta", coko("reader", "requests"))
    assert NEW[1:] not in coko("reader", "requests")
    move = coko("reader", "recycle", NEW, "--reason", "rendue", key=key["awa"]).split()[-1]
    coko("reader", "approve", move, key=key["binta"])
    new.phone.dial("*384*26#")
    assert new.sees("Bienvenue"), new.phone.last
    for bad in (("move", NEW, "--reason", "x"), ("move", NEW, OTHER), ("approve", "x"), ("recycle",), ("requests", "1"), ("spend",)):
        coko("reader", *bad, code=2)
    assert "country" in coko("reader", "recycle", "12", "--reason", "x", key=key["awa"], code=1)
    assert "nobody" in coko("reader", "recycle", OTHER, "--reason", "x", key="0" * 32, code=1)


def test_a_reader_keeps_what_is_hers_when_her_number_changes(daemon, smsc, migrated_db, clean_redis):
    coko = daemon(smsc=smsc)
    old, new = story_of(coko, smsc, OLD), story_of(coko, smsc, NEW)
    codes = the_code_comes_and_moves_her(old, new)
    at_the_desk(migrated_db, new)
    assert sql(migrated_db, "select kind, state from auth.number_move order by id") == [("code", "done"), ("desk", "kept"), ("recycled", "done")]
    client = redis_client.Redis.from_url(clean_redis.url)
    kept = b"".join(client.dump(k) or b"" for k in client.keys("*"))
    dump = subprocess.run(["pg_dump", "--data-only", migrated_db], capture_output=True, text=True, check=True).stdout
    log = "\n".join(str(line) for line in coko.log_lines())
    for secret in [c for code in codes for c in (code, code.replace(" ", ""))] + [OLD[1:], NEW[1:], OTHER[1:]]:
        assert secret.encode() not in kept and secret not in dump and secret not in log
