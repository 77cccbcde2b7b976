# SPDX-License-Identifier: Apache-2.0
"""Callbacks are hints: stored once, sealed, answered alike, believed never (I6, I7)."""
import uuid

import pytest

from money_kit import SECRET, Till
from support import http_request, wait_until
from ussd_client import at_once


@pytest.fixture
def till(mtn_shop):
    return mtn_shop.till()


def inbox(till, ref):
    return till.sql("select * from billing.inbox where our_ref_hint = %s order by id", str(ref))


def pending(till):
    till.behave("pending")
    charge = till.start()
    till.drive(charge, "PENDING")
    return charge, str(till.charge(charge)["our_ref"])


def test_a_callback_overtakes_the_202_case_5(till):
    till.fault("callback", "early")
    till.fault("pay", "hold_after")
    charge = till.start()
    ref = till.charge(charge)["our_ref"]
    till.nudge_until(charge, lambda: inbox(till, ref), "the early callback")
    assert till.state(charge) in ("SUBMITTING", "UNKNOWN"), "the 202 is held"
    till.release()
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    assert [r["charge_id"] for r in inbox(till, ref)] == [charge]


def test_a_callback_before_our_commit_is_kept_and_matched_case_6(till):
    till.reader()
    till.sql("select 1")
    conn, till.conn = till.conn, None
    conn.autocommit = False
    with conn.cursor() as cur:
        cur.execute("select o.plan_id, o.price_id from billing.offers(%s, 'fr') o join billing.plan p on p.id = o.plan_id"
                    " where p.code = 'day'", (till.user,))
        plan, price = cur.fetchone()
        cur.execute("select charge_id, our_ref from billing.start_charge(%s, %s, %s, %s, 'hidden', 'c', 'ussd')",
                    (till.user, till.identity, plan, price))
        charge, ref = cur.fetchone()
        answer = till.callback({"externalId": str(ref), "status": "SUCCESSFUL"})
        assert answer.status == 200 and inbox(till, ref)[0]["charge_id"] is None
        conn.commit()
    conn.close()
    wait_until(lambda: inbox(till, ref)[0]["charge_id"] == charge, "the callback to find its charge")
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)


def test_sixty_four_copies_at_once_case_7(till):
    charge, ref = pending(till)
    till.mtn.control("POST", "/lab/approve", {"msisdn": till.payer})
    done = till.mtn.control("POST", "/lab/callback", {"reference": ref, "copies": 64})
    assert done["statuses"] == [200] * 64
    till.drive(charge, "SUCCEEDED")
    till.paid_once(charge)
    rows = inbox(till, ref)
    assert len(rows) == 1 and rows[0]["seen"] >= 64


def test_failed_after_success_is_ignored_case_8(till):
    charge = till.start()
    till.drive(charge, "SUCCEEDED")
    ref = str(till.charge(charge)["our_ref"])
    assert till.callback({"externalId": ref, "status": "FAILED", "reason": "EXPIRED"}).status == 200
    version = till.charge(charge)["version"]
    till.later(60)
    other = Till.start(till, plan="week")     # whoever works does so on what is due
    till.drive(other, "SUCCEEDED")
    assert (till.state(charge), till.charge(charge)["version"]) == ("SUCCEEDED", version)
    assert till.entitlements(charge) == 1 and till.messages(charge) == ["receipt"]


def test_a_forged_success_is_one_early_question_and_no_state_case_11(till):
    charge, ref = pending(till)
    till.ask_once(charge)
    asked = till.charge(charge)["polls"]
    for n in range(20):
        assert till.callback({"externalId": ref, "status": "SUCCESSFUL", "amount": "100", "currency": "XOF",
                              "financialTransactionId": str(n)}).status == 200
    soon = till.value("select due_at - last_polled_at <= interval '10 seconds' from billing.charge where id = %s", charge)
    early = till.value("select due_at >= last_polled_at + interval '10 seconds' from billing.charge where id = %s", charge)
    assert soon and early
    early_one = till.ask_once(charge)
    assert (early_one["state"], early_one["polls"]) == ("PENDING", asked + 1)
    assert till.entitlements(charge) == 0 and len(inbox(till, ref)) == 20


def test_known_and_unknown_references_are_answered_alike_case_11(till):
    _, ref = pending(till)
    answers = [till.callback({"externalId": r, "status": "SUCCESSFUL"})
               for r in (ref, str(uuid.uuid4()), "' or 1=1 --", "x" * 5000, None, 7)]
    answers.append(http_request("POST", f"{till.daemon.url}/pay/mtn_momo/{SECRET}", b"\xff{not json",
                                {"Content-Type": "application/json"}))
    answers.append(http_request("PUT", f"{till.daemon.url}/pay/mtn_momo/{SECRET}", b""))
    shown = {(a.status, a.body, tuple(sorted((k, v) for k, v in a.headers.items() if k != "date"))) for a in answers}
    assert len(shown) == 1 and answers[0].status == 200, shown


def test_other_doors_are_closed(till):
    base = f"{till.daemon.url}/pay"
    for path in ("/mtn_momo", "/mtn_momo/", "/mtn_momo/guess", f"/mtn_momo/{SECRET}x", f"/mtn_momo/{SECRET[:-1]}",
                 f"/orange_web/{SECRET}", f"//{SECRET}", "/"):
        assert http_request("POST", base + path, b"{}").status == 404, path
    assert http_request("GET", f"{base}/mtn_momo/{SECRET}").status == 405
    assert http_request("POST", f"{base}/mtn_momo/{SECRET}", b"x" * (33 << 10)).status == 413


def test_a_callback_is_stored_sealed_S5(till):
    charge, ref = pending(till)
    till.mtn.control("POST", "/lab/callback", {"reference": ref})
    row = wait_until(lambda: inbox(till, ref), "the callback")[0]
    assert till.payer.encode() not in bytes(row["body_sealed"]) and b"PENDING" not in bytes(row["body_sealed"])
    assert not row["verified"] and row["charge_id"] == charge
    assert till.payer not in till.daemon.process.log.read_text()


def test_not_stored_is_503_and_the_rail_may_send_it_again_case_42(till):
    """The database refuses for a while; nothing is acknowledged that is not stored."""
    charge, ref = pending(till)
    till.sql("alter table billing.inbox rename to inbox_away")
    try:
        assert till.callback({"externalId": ref, "status": "SUCCESSFUL"}).status == 503
    finally:
        till.sql("alter table billing.inbox_away rename to inbox")
    assert till.callback({"externalId": ref, "status": "SUCCESSFUL"}).status == 200
    assert len(inbox(till, ref)) == 1


def test_callers_that_leave_before_the_answer_leak_nothing(till):
    """The exchange goes, the row is stored; the daemon's end is watched for leaks."""
    import socket
    charge, ref = pending(till)
    body = ('{"externalId":"%s","n":%%d}' % ref)

    def leave(n):
        text = (body % n).encode()
        with socket.create_connection(("127.0.0.1", till.daemon.port)) as s:
            s.sendall(b"PUT /pay/mtn_momo/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (SECRET.encode(), len(text)) + text)
    at_once([lambda n=n: leave(n) for n in range(30)])
    wait_until(lambda: len(inbox(till, ref)) == 30, lambda: f"30 rows, {len(inbox(till, ref))} came")
