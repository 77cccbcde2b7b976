# SPDX-License-Identifier: Apache-2.0
"""A rail that misbehaves: answers lost, late, false or huge; what the payer does twice. The rail's own
ledger is the oracle: a paid charge is one debit and one pass."""
import pytest

from money_kit import Till
from support import free_port, wait_until
from ussd_client import at_once


@pytest.fixture
def till(mtn_shop):
    return mtn_shop.till()


@pytest.fixture
def new_till(mtn_shop):
    """Of a daemon that has just started: it has no token, and its log no word."""
    mtn_shop.close()
    return mtn_shop.till()


# ---- the submit ----

def test_cut_after_processing_is_asked_about_never_sent_again_case_2(till):
    till.fault("pay", "cut")
    charge = till.start()
    till.drive(charge, "UNKNOWN", "PENDING", "SUCCEEDED")
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert len(till.journal(op="pay")) == 1


@pytest.mark.parametrize("fault, more", [("html_after", {}), ("error_after", {"status": 500, "code": "INTERNAL_PROCESSING_ERROR"}),
                                         ("error_after", {"status": 503}), ("cut_after", {"octets": 5})], ids=str)
def test_processed_but_not_said_plainly_is_one_debit(till, fault, more):
    till.fault("pay", fault, **more)
    charge = till.start()
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert len(till.journal(op="pay")) == 1


def test_a_reply_after_the_deadline_is_unknown_then_paid_once(till):
    till.fault("pay", "hang_after")
    charge = till.start()
    till.nudge(charge)
    wait_until(lambda: till.state(charge) != "SUBMITTING" and till.charge(charge)["attempts"] == 1, "the deadline of the submit", 60)
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert len(till.journal(op="pay")) == 1


def not_founds_then_resubmit(till, charge):
    """The same reference again, after three not-founds, 60 s or more after the first."""
    ref = str(till.charge(charge)["our_ref"])
    done = till.drive(charge, "SUCCEEDED")
    pays = till.journal(op="pay")
    asks = [e for e in till.journal(op="status", reference=ref) if e["seq"] < pays[1]["seq"]]
    assert [p["reference"] for p in pays] == [ref, ref]
    assert len(asks) >= 3 and all(e["status"] == 404 for e in asks), asks
    assert done["attempts"] == 2
    till.paid_once(charge)


@pytest.mark.parametrize("fault, more", [("drop", {}), ("html", {}), ("throttle", {}), ("redirect", {}),
                                         ("error", {"status": 502, "code": "X"})], ids=str)
def test_not_processed_is_found_out_and_sent_with_the_same_reference_I3(till, fault, more):
    till.fault("pay", fault, **more)
    charge = till.start()
    not_founds_then_resubmit(till, charge)


def test_lost_202_then_409_on_the_resubmit_case_4(till):
    """The rail has it, loses the answer and denies it three times: the same reference, no second debit."""
    till.behave("approve", delay_ms=600_000)
    till.fault("pay", "cut")
    till.fault("status", "not_found", -1)
    charge = till.start()
    till.nudge_until(charge, lambda: len(till.journal(op="pay")) == 2, "the resubmit")
    till.heal()
    till.drive(charge, "PENDING")
    attempts = till.sql("select n, http_status, event from billing.attempt where charge_id = %s order by n", charge)
    assert attempts[1] == {"n": 2, "http_status": 409, "event": "duplicate"}
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_a_404_of_a_proxy_is_not_the_rails_word(till):
    """It never leads to a resubmit, however often it comes."""
    till.fault("pay", "drop")
    till.fault("status", "raw", -1, status=404, body='{"statusCode":404,"message":"Resource not found"}')
    charge = till.start()
    till.drive(charge, "UNKNOWN")
    for _ in range(6):
        till.ask_once(charge)
    assert till.state(charge) == "UNKNOWN" and len(till.journal(op="pay")) == 1
    till.heal()
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_nobody_listens_is_not_sent_and_later_paid_once(mtn_shop, daemon, lab, migrated_db):
    class Nowhere:
        port = free_port()
    mtn_shop.close()
    d = daemon(mtn=Nowhere)
    rail = lab("mtn_rail.py", "--port", "0", "--currency", "XOF", "--environment", "mtnivorycoast")
    till = Till(d, rail, migrated_db)
    charge = till.start()
    till.nudge_until(charge, lambda: till.charge(charge)["attempts"] >= 2, "a second attempt")
    assert {r["event"] for r in till.sql("select event from billing.attempt where charge_id = %s and done_at is not null",
                                         charge)} == {"not_sent"}
    rail.stop()
    till.mtn = lab("mtn_rail.py", "--port", Nowhere.port, "--currency", "XOF", "--environment", "mtnivorycoast",
                   "--delay-ms", "0")
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert len(till.journal(op="pay")) == 1


def test_not_sent_for_an_hour_ends_without_a_late_prompt(new_till):
    """The reader is told and free to pay anew; the old confirmation never becomes a prompt."""
    till = new_till
    till.fault("token", "error", -1, status=503)
    charge = till.start()
    till.nudge_until(charge, lambda: till.charge(charge)["attempts"] >= 2, "two attempts")
    till.later_between_attempts(charge, 3600)
    till.drive(charge, "EXPIRED")
    till.not_paid(charge, "expired")
    till.heal()
    second = till.start()
    till.drive(second, "SUCCEEDED")
    till.paid_once(second)
    assert len(till.journal(op="pay")) == 1


@pytest.mark.parametrize("fault", ["environment", "bad_request"])
def test_a_refusal_of_the_submit_fails_it_and_calls_a_person(till, fault):
    if fault == "environment":
        till.mtn.control("POST", "/lab/settings", {"environment": "mtnbenin"})
    else:
        till.fault("pay", "error", status=400, code="BAD_REQUEST")
    charge = till.start()
    till.drive(charge, "FAILED")
    till.not_paid(charge, "declined")
    assert till.value("select count(*) from ops.audit where kind = 'alert.charge_rejected' and subject = %s",
                      f"charge:{charge}") == 1
    assert till.charge(charge)["due_at"] is None


def test_a_refusal_after_an_unknown_submit_is_asked_about_M4(till):
    """The first submit was carried out; the refusal of the second is no proof against it."""
    till.behave("approve", delay_ms=600_000)
    till.fault("pay", "cut")
    till.fault("status", "not_found", -1)
    charge = till.start()
    till.nudge_until(charge, lambda: till.charge(charge)["not_found"] >= 2, "two not-founds")
    till.fault("pay", "error", status=400, code="BAD_REQUEST")
    till.drive(charge, "FAILED")
    assert till.charge(charge)["attempts"] == 2
    till.heal()
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    till.drive(charge, "SUCCEEDED_LATE")
    assert till.entitlements(charge) == 1 and len(till.debits()) == 1


# ---- the token ----

def drive_all(pairs, state="SUCCEEDED", timeout=60):
    def there():
        left = [(t, c) for t, c in pairs if t.state(c) != state]
        for t, c in left:
            t.nudge(c)
        return not left
    wait_until(there, lambda: f"{state}: {[t.story(c) for t, c in pairs if t.state(c) != state][:2]}", timeout, 0.1)


def test_a_401_storm_is_a_mint_a_worker_and_a_replay_each_case_19(till):
    warm = till.start()
    till.drive(warm, "SUCCEEDED")
    workers = len(till.daemon.children())
    minted = len(till.journal(op="token"))
    till.mtn.control("POST", "/lab/settings", {"drop_tokens": True})
    pairs = [(t, t.start()) for t in [till.another() for _ in range(10)]]
    drive_all(pairs)
    for one, charge in pairs:
        one.paid_once(charge)
        pays = till.journal(op="pay", reference=str(one.charge(charge)["our_ref"]))
        assert [p["status"] for p in pays] in ([202], [401, 202]), pays
    assert len(till.journal(op="token")) - minted <= 2 * workers


def test_a_token_of_one_second_still_serves(new_till):
    till = new_till
    till.mtn.control("POST", "/lab/settings", {"token_ttl": 1})
    charge = till.start()
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


@pytest.mark.parametrize("op, fault", [("pay", "unauthorized"), ("token", "unauthorized"), ("token", "html"),
                                       ("token", "drop")])
def test_refused_credentials_send_nothing_and_are_told_case_19(new_till, op, fault):
    till = new_till
    till.fault(op, fault, -1)
    charge = till.start()
    till.nudge_until(charge, lambda: till.charge(charge)["attempts"] >= 3, "three attempts")
    assert till.debits() == []
    words = {x.get("event") for x in till.daemon.log_lines()}
    assert words & {"rail refuses our credentials", "no token"}
    till.heal()
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


# ---- the question ----

GOOD = '{"amount":"100","currency":"XOF","externalId":"%s","status":"SUCCESSFUL"}'


@pytest.mark.parametrize("fault, more", [
    ("html", {}), ("redirect", {}), ("throttle", {}), ("drop", {}), ("big", {"octets": 2 << 20}), ("truncate", {}),
    ("error", {"status": 500, "code": "NOT_ENOUGH_FUNDS"}),
    ("raw", {"body": "\ufeff" + GOOD}), ("raw", {"body": '{"status":"SUCCESSFUL","status":"FAILED"}'}),
    ("raw", {"body": '{"status":"FAILED"', "status": 200}), ("raw", {"body": '{"status":"FAILED"}', "status": 500}),
    ("raw", {"body": "[" * 100000}), ("unauthorized", {})], ids=lambda x: str(x)[:60])
def test_an_answer_that_is_none_changes_nothing_case_21(till, fault, more):
    till.hold_pushes()
    charge = till.start()
    more = {k: v.replace("%s", str(till.charge(charge)["our_ref"])) if isinstance(v, str) else v for k, v in more.items()}
    till.fault("status", fault, -1, **more)
    till.drive(charge, "PENDING")
    for _ in range(2):
        assert till.ask_once(charge)["state"] == "PENDING"
    assert till.entitlements(charge) == 0
    till.heal()
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_a_rail_that_never_answers_does_not_hold_the_others_case_21(till):
    """Slow: each question has its deadline, and another charge goes from its submit to its receipt within one."""
    till.behave("pending")
    charge = till.start()
    till.drive(charge, "PENDING")
    till.fault("status", "hang", -1, payer=till.payer)

    def asked():
        """The charge while its question waits for the rail."""
        now = till.charge(charge)
        if now["claimed_by"] is None:
            till.nudge(charge, now["version"])
        return now["claimed_by"] is not None and now

    def another_is_paid_meanwhile():
        other = till.another()
        other.reader()
        before = wait_until(asked, "a question")
        second = other.start()
        other.drive(second, "SUCCEEDED")
        other.paid_once(second)
        return till.charge(charge)["version"] == before["version"]
    wait_until(another_is_paid_meanwhile, "a charge that is paid while the question of another waits for its answer", 120)
    assert till.journal(op="status", fault="hang")
    till.heal()
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


# ---- the reader ----

def test_end_is_answered_before_the_push_case_23(till):
    till.hold_pushes(60)
    phone = till.to_confirm()
    phone.send("9")
    assert phone.ended
    charge = till.value("select max(id) from billing.charge")
    made = till.charge(charge)
    assert (made["state"], (made["due_at"] - made["created_at"]).total_seconds()) == ("READY", 60) and till.journal(op="pay") == []
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert till.value("select sent_at from billing.attempt where charge_id = %s", charge) >= made["due_at"]


def test_redial_while_pending_shows_it_and_opens_no_second_case_24(till):
    till.behave("pending")
    charge, _ = till.buy()
    till.drive(charge, "PENDING")
    phone = till.phone()
    phone.dial()
    assert "Paiement à valider" in phone.last or "Paiement a valider" in phone.last, phone.last
    row = till.sql("select outcome, charge_id from billing.start_charge(%s, %s, (select plan_id from billing.charge where id = %s),"
                   " (select price_id from billing.charge where id = %s), 'second', 'c', 'ussd')",
                   till.user, till.identity, charge, charge)[0]
    assert row == {"outcome": "pending", "charge_id": charge}
    assert till.value("select count(*) from billing.charge where user_id = %s", till.user) == 1


def test_a_double_press_is_one_charge_case_25(till):
    phone = till.to_confirm()
    phone.send("9")
    first = phone.last_reply
    assert all(r.same(first) for r in phone.repeat(8, concurrent=True))
    till.drive(till.value("select max(id) from billing.charge"), "SUCCEEDED")
    user = till.value("select user_id from billing.charge order by id desc limit 1")
    assert till.value("select count(*) from billing.charge where user_id = %s", user) == 1
    assert len(till.debits()) == 1


def test_two_sessions_confirm_at_once_one_charge_case_25(till):
    till.behave("pending")                   # the second must meet a charge that waits, not a pass that is paid
    phones = [till.to_confirm(), till.to_confirm()]
    at_once([lambda p=p: p.send("9") for p in phones])
    user = till.value("select user_id from billing.charge order by id desc limit 1")
    assert till.value("select count(*) from billing.charge where user_id = %s", user) == 1
    assert all(p.ended or "Paiement" in p.last for p in phones), [p.last for p in phones]


def test_price_change_between_menu_and_confirm_charges_nothing_case_36(till):
    phone = till.to_confirm()
    assert "100 F" in phone.last
    till.sql("insert into billing.price (plan_id, country, amount_minor, currency, valid_from) select id, 'CI', 120, 'XOF',"
             " ops.now() from billing.plan where code = 'day'")
    try:
        phone.send("9")
        assert "prix a chang" in phone.last and not phone.ended, phone.last
        assert till.value("select count(*) from billing.charge c join auth.identity i on i.id = c.identity_id"
                          " where i.id = (select max(id) from auth.identity where kind = 'phone')") == 0
    finally:
        till.sql("delete from billing.price where amount_minor = 120")


# ---- what leaves ----

def test_no_number_and_no_secret_in_the_log_I11(till):
    till.fault("status", "wrong", 1, set={"status": "X" * 300})
    charge = till.start()
    till.drive(charge, "SUCCEEDED")
    log = till.daemon.process.log.read_text()
    for word in (till.payer, "lab-api-key", "lab-subscription-key", "lab-callback-secret", "X" * 64):
        assert word not in log, word
    pay = till.journal(op="pay")[0]
    assert "'" not in pay["body"] and pay["body"].isascii()


# ---- a rail that is down (the circuit breaker) ----

def test_a_rail_that_is_down_is_sent_one_charge_at_a_time_and_people_hear_of_it(till):
    def told(event):
        return [x for x in till.daemon.log_lines() if x.get("event") == event and "rail=mtn_momo" in x["msg"]]

    till.fault("pay", "error", -1, status=503, code="SERVICE_UNAVAILABLE")
    charge = till.start()
    till.nudge_until(charge, lambda: till.sql("select 1 from billing.rail_gate where state = 'open'"), "the gate to open")
    assert len(till.journal(op="pay")) == 5 and till.debits() == []
    wait_until(lambda: told("rail does not answer, charges wait"), "the log")
    till.heal()
    till.drive(charge, "SUCCEEDED", timeout=60)
    till.paid_once(charge)
    assert till.value("select state from billing.rail_gate") == "closed"
    wait_until(lambda: told("rail answers again"), "the log")
    assert till.daemon.metric("coko_rail_gate_changes_total", 'state="open"') == 1
