# SPDX-License-Identifier: Apache-2.0
"""The main job, from the dial to the second instalment, through each carrier."""
import sys

import pytest

from lab_fixtures import npm_smsc  # noqa: F401
from story import Story, book_text, letters
from support import TOP, wait_until

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone, HubtelPhone  # noqa: E402

WORKERS = 2
SPENT = {"XOF": 100, "GHS": 150}


@pytest.fixture
def rail(lab):
    def start(currency):
        return lab("mtn_rail.py", "--port", "0", "--control-port", "0", "--currency", currency,
                   "--environment", "mtnivorycoast", "--delay-ms", "200")
    return start


def tell(story, code, currency):
    # dial, discover, read a free page on the screen
    story.dial()
    story.choose("couvrir", "Discover")
    story.choose("Nouveaut", "New")
    assert story.key_of("98") is None and not story.phone.ended
    # buy a day pass: END first, then the push
    story.buy_day_pass()
    assert story.phone.ended and story.sees("MTN MoMo")
    debits = story.mtn.control("GET", "/lab/ledger?count=1&wait_ms=30000")["debits"]
    assert len(debits) == 1
    receipt = story.wait_sms("pass" if currency == "GHS" else "Pass")
    mine = f"where user_id = {story.user}"
    assert story.rows(f"select count(*) from billing.entitlement {mine}")[0][0] == 1
    assert story.rows(f"select amount_minor, currency from billing.charge {mine}") == [
        (SPENT[currency], currency)], receipt
    # the first instalment, with a receipt on every part
    story.send_by_sms(code)
    story.wait_instalment_state(1, "delivered")
    # SUITE brings the next
    story.text_back("SUITE")
    story.wait_instalment_state(2, "delivered")
    first, second = story.instalments()
    assert (first[4], first[5]) == (second[2], second[3]), "no gap, no overlap"
    sent = [letters(m["text"]) for m in story.messages(0)]
    whole = letters(book_text(story, code))
    for row in (first, second):
        body = letters(row[6])
        assert sum(body in text or text in body for text in sent if len(text) > 100) == 1
    assert whole[:200] in letters(first[6]), "it begins where the book does"
    for part in story.smsc.control("GET", f"/parts?to={story.number}")["parts"]:
        assert part["registered_delivery"] == 1 and part["receipts"] == 1
    # the same reader by REST
    token = story.login()
    positions = story.rest("GET", "/reading/positions", token=token)
    assert positions.status == 200, positions
    mine = positions.json()["data"]
    assert [p["book"]["code"] if "book" in p else p["code"] for p in mine] == [code]
    assert (mine[0]["part"], mine[0]["at"]) == (second[4], second[5])
    held = story.rest("GET", "/billing/pass", token=token)
    assert held.status == 200 and "active" in held.text


def test_the_story_through_africas_talking(daemon, npm_smsc, rail):  # noqa: F811
    mtn = rail("XOF")
    coko = daemon(smsc=npm_smsc, mtn=mtn)
    tell(Story(coko, npm_smsc, mtn, AtPhone(coko.url, "demo", "+2250500000001")), 101, "XOF")
    assert npm_smsc.control("GET", "/stats")["duplicate_texts"] == 0


def test_the_story_through_hubtel(daemon, npm_smsc, rail):  # noqa: F811
    mtn = rail("GHS")
    coko = daemon(smsc=npm_smsc, mtn=mtn)
    wait_until(coko.is_ready, "ready")
    tell(Story(coko, npm_smsc, mtn, HubtelPhone(coko.url, "demo", "+233240000001",
                                                operator="mtn")), 201, "GHS")
