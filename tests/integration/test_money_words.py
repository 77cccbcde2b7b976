# SPDX-License-Identifier: Apache-2.0
"""Words that stand in two places: the gateway's events and the database's, currencies' exponents, and
the statements that the money room runs."""
import json
import re

import pytest

from database import coko_run, sql
from support import TOP

MONEY = TOP / "gateway/money"


def gateway_events():
    """What charge_event_name() may say: the table of event.c, in the order of rail.h."""
    table = dict(re.findall(r'\[(CHARGE_[A-Z_]+)\] = "([a-z_]+)"', (MONEY / "event.c").read_text()))
    body = re.search(r"enum charge_event \{(.*?)\}", (MONEY / "rail.h").read_text(), re.S).group(1)
    names = [n for n in re.findall(r"CHARGE_[A-Z_]+", body) if n != "CHARGE_EVENTS"]
    assert set(table) == set(names), "event.c and rail.h name the same events"
    return [table[n] for n in names]


def database_events():
    text = (TOP / "deploy/schema/functions/billing/charge_event.sql").read_text()
    listed = re.search(r"if v_event not in \((.*?)\)", text, re.S).group(1)
    return re.findall(r"'([a-z_]+)'", listed)


def test_events_are_the_same_words():
    """'unresolved' is the database's own: no answer of a rail means it."""
    assert len(set(gateway_events())) == len(gateway_events())
    assert set(gateway_events()) == set(database_events()) - {"unresolved"}


def test_every_word_is_taken_and_no_other(migrated_db):
    step = ("select event from billing.charge_event(null::billing.charge, null::billing.rail,"
            " jsonb_populate_record(null::billing.rail_said, jsonb_build_object('event', %s::text)), ops.now())")
    for word in gateway_events():
        assert sql(migrated_db, step, [word]) == [(word,)]
    for word in ("", "SUCCESS", "unkown", "success "):
        with pytest.raises(Exception, match="no such charge event"):
            sql(migrated_db, step, [word])


def test_every_move_has_words_of_the_list(migrated_db):
    rows = sql(migrated_db, "select from_state, event, to_state from billing.charge_transition")
    assert {r[1] for r in rows} == set(database_events())
    assert not [r for r in rows if r[0] in ("SUCCEEDED", "SUCCEEDED_LATE", "REVIEW")]  # I10


def test_no_answer_has_a_move_from_every_state_that_asks(migrated_db):
    """A poll's verdict never falls through: each state that is claimed for a question takes each word a poll can say."""
    said = {"success", "mismatch", "pending", "declined", "expired", "unknown", "not_found", "not_issued", "not_sent"}
    rows = set(sql(migrated_db, "select from_state, event from billing.charge_transition"))
    for state in ("PENDING", "UNKNOWN", "UNRESOLVED", "FAILED", "EXPIRED"):
        assert not [w for w in said if (state, w) not in rows], state


def test_no_sign_of_failure_is_a_success(migrated_db):
    paid = sql(migrated_db, "select distinct event from billing.charge_transition where to_state like 'SUCCEEDED%'")
    assert {r[0] for r in paid} == {"success", "sync_success"}


def test_a_resubmit_has_three_reasons_only_M4(migrated_db):
    back = sql(migrated_db, "select from_state, event from billing.charge_transition where to_state = 'READY'")
    assert set(back) == {("SUBMITTING", "not_sent"), ("UNKNOWN", "not_found"), ("UNKNOWN", "not_issued")}


def test_currencies_have_the_exponent_of_the_database(migrated_db):
    source = (MONEY / "amount.c").read_text()
    whole = set(re.findall(r'"([A-Z]{3})"', re.search(r"whole\[\] = \{(.*?)\}", source, re.S).group(1)))
    for currency, exponent in sql(migrated_db, "select distinct currency, exponent from ops.country"):
        assert (0 if currency in whole else 2) == exponent, currency


def test_the_rooms_statements_are_listed(migrated_db):
    rows = [json.loads(line) for line in coko_run("sql", url=migrated_db).splitlines()]
    named = {r["name"]: r for r in rows}
    for name, params in (("charge.claim", 2), ("charge.event", 1), ("charge.events", 1), ("inbox.put", 7), ("inbox.match", 0)):
        assert named[name]["params"] == params
