# SPDX-License-Identifier: Apache-2.0
"""MTN gives money back by Disbursement: one credit under one reference, whatever is lost on the way (hard case 34);
and by hand where that product is not configured. Each test buys once and gives the pass back in parts."""
import pytest

from money_kit import Till
from test_money_wave import drive_refund, refunded

PART = 10


@pytest.fixture
def till(daemon, mtn, migrated_db):
    return Till(daemon(mtn=mtn), mtn, migrated_db)


def paid(till):
    charge = till.start()
    till.drive(charge, "SUCCEEDED")
    return charge


def oracle(till, charge):
    return till.mtn.control("GET", f"/lab/refunds?of={till.charge(charge)['our_ref']}")


def clearing(till, charge):
    return int(till.value("select sum(e.amount_minor) from billing.ledger_entry e join billing.ledger_txn t on t.id = e.txn_id"
                          " where t.charge_id = %s and e.account = 'clearing'", charge))


def ops(till, refund):
    """What was asked of the rail about one refund, questions that follow each other told once."""
    told = [r["op"] for r in till.journal(reference=str(refund["our_ref"]))]
    return [op for n, op in enumerate(told) if op == "refund" or told[n - 1:n] != [op]]


NOTHING_LOST = ["refund", "refund_status"]
SENT_AGAIN = ["refund", "refund_status", "refund", "refund_status"]
# name: faults of the rail's ops, then what it was asked
LOST = {
    "nothing": ([], NOTHING_LOST),
    "reply cut": ([("refund", "cut", {})], NOTHING_LOST),
    "page for a reply": ([("refund", "html_after", {})], NOTHING_LOST),
    "503 behind the work": ([("refund", "error_after", {"status": 503})], NOTHING_LOST),
    "never arrived": ([("refund", "drop", {})], SENT_AGAIN),
    "sent again, a 409": ([("refund", "cut", {})] + [("refund_status", "not_found", {})] * 4, SENT_AGAIN),
    "question fails": ([("refund_status", "error", {"status": 500}), ("refund_status", "html", {})], NOTHING_LOST),
    "a word never seen": ([("refund_status", "wrong", {"set": {"status": "QUARANTINED"}})], NOTHING_LOST),
    "token over": ([("refund", "unauthorized", {})], ["refund"] + NOTHING_LOST),
    "no answer in time": ([("refund", "hang_after", {})], NOTHING_LOST),
}


def test_whatever_is_lost_a_refund_is_one_credit_case_34(till):
    charge = paid(till)
    for n, (name, (faults, asked)) in enumerate(LOST.items(), 1):
        till.heal()
        for op, fault, more in faults:
            till.fault(op, fault, **more)
        refund = drive_refund(till, refunded(till, charge, PART), "REFUNDED")
        given = oracle(till, charge)["credits"]
        assert len(given) == n and given[-1]["reference"] == str(refund["our_ref"]), name
        assert (given[-1]["amount"], given[-1]["payer"], refund["rail_txn"]) == (
            str(PART), till.payer, given[-1]["financialTransactionId"]), name
        assert ops(till, refund) == asked, name
        assert clearing(till, charge) == 100 - n * PART and till.ledger_sum() == 0, name
    assert oracle(till, charge)["duplicate_submits"] == 1
    assert till.sql("select * from billing.refund_request(%s, 1, 'more', 'awa')", charge)[0]["outcome"] == "above"
    # a token of its own, and nobody's number behind the charge itself
    assert {r["path"] for r in till.journal(op="refund_token")} == {"/disbursement/token/"}
    assert not any(till.payer in r["body"] for r in till.journal(op="refund"))
    assert till.messages(charge).count("receipt") == 1 and len(till.debits()) == 1


def test_refused_is_booked_back_and_calls_a_person(till):
    """By the answer to the question, by the answer to the submit; then nothing of it is sent again."""
    charge = paid(till)
    till.mtn.control("POST", "/lab/refund", {"behaviour": "fail", "reason": "PAYEE_NOT_ALLOWED_TO_RECEIVE"})
    row = drive_refund(till, refunded(till, charge, PART), "REFUND_FAILED")
    assert (row["answer"], row["attempts"]) == ("PAYEE_NOT_ALLOWED_TO_RECEIVE", 1)
    till.mtn.control("POST", "/lab/refund", {"behaviour": "approve"})
    till.fault("refund", "error", status=500, code="NOT_ENOUGH_FUNDS")
    row = drive_refund(till, refunded(till, charge, PART), "REFUND_FAILED")
    assert (row["answer"], row["attempts"], row["due_at"]) == ("NOT_ENOUGH_FUNDS", 1, None)
    assert oracle(till, charge)["credits"] == [] and clearing(till, charge) == 100 and till.ledger_sum() == 0
    assert till.value("select count(*) from ops.audit where kind = 'alert.refund_failed' and subject = %s", f"charge:{charge}") == 2
    # a pending one is asked about until it ends, and sent once
    till.mtn.control("POST", "/lab/refund", {"behaviour": "pending"})
    pending = drive_refund(till, refunded(till, charge), "REFUNDING", polls=3)
    assert ops(till, pending) == NOTHING_LOST and oracle(till, charge)["credits"] == []


def test_without_disbursement_it_is_for_a_persons_hand_and_not_tried_again(daemon, mtn, migrated_db):
    """Once it was retried every five minutes for ever: nothing leaves, and it is the person's at once."""
    off = dict.fromkeys(("disbursement_user_id", "disbursement_api_key", "disbursement_key"))
    till = Till(daemon(mtn=mtn, config={"mtn_momo": off}), mtn, migrated_db)
    charge = paid(till)
    row = drive_refund(till, refunded(till, charge), "REFUND_FAILED")
    assert (row["answer"], row["attempts"], row["due_at"]) == ("by hand", 1, None)
    assert clearing(till, charge) == 100 and till.ledger_sum() == 0
    assert [r for r in till.journal() if r["op"].startswith("refund")] == []
    assert till.sql("select * from billing.refund_ask(%s, null, 'double', 'awa', true)", charge)[0]["outcome"] == "ok"
