# SPDX-License-Identifier: Apache-2.0
"""A pass that renews itself under MTN's pre-approval, on one daemon: agreed on the screen, asked under one reference
whatever is lost or killed, debited without a prompt, and ended by every hand. The rail's own ledger is the oracle; its
payers never answer a prompt here, so what is debited was debited by their leave."""
import os
import signal

import pytest

from money_kit import Till
from support import wait_until
from ussdkit import dial_home, pick


class Reader(Till):
    """A reader with a month's pass, whose phone may agree."""
    usual = "ignore"

    def bought(self):
        self.behave("approve")
        self.drive(self.start(plan="month"), "SUCCEEDED")
        self.behave("ignore")
        return self

    def leave(self, **more):
        return self.mtn.control("POST", "/lab/leave", {"msisdn": self.payer, **more})

    def leaves(self):
        return self.mtn.control("GET", f"/lab/leaves?payer={self.payer}")

    def mandate(self):
        rows = self.sql("select * from billing.mandate where user_id = %s order by id desc limit 1", self.user)
        return rows[0] if rows else None

    def story_of_mandate(self):
        m = self.mandate()
        return {k: str(v) for k, v in m.items()}, [(r["op"], r["fault"], r["status"]) for r in self.journal(reference=str(m["our_ref"]))]

    def drive_mandate(self, *states, timeout=60):
        """Asks for work until the mandate is in one of the states, and free."""
        def there():
            m = self.mandate()
            if m and m["state"] in states and m["claimed_by"] is None:
                return m
            if m:
                self.sql("update ops.clock set shift = shift + greatest(m.due_at - ops.now(), '0') from billing.mandate m"
                         " where m.id = %s and m.claimed_by is null and m.due_at is not null and m.version = %s", m["id"], m["version"])
            self.wake()
            return None
        return wait_until(there, lambda: f"{states}: {self.story_of_mandate()}", timeout, 0.05)

    def agree(self, *states):
        """Says yes on the screen, and what her wallet says is read."""
        phone = self.phone()
        dial_home(phone)
        for words in ("Mon pass", "Plus", "Renouvellement auto", "Continuer"):
            pick(phone, words)
        assert "1 500 F" in phone.last and "1 mois" in phone.last and "RESILIER" in phone.last
        phone.send("9")
        assert phone.ended and "Une demande MTN MoMo arrive" in phone.last, phone.last
        return self.drive_mandate(*(states or ("ACTIVE",)))

    def job(self):
        """The job looks at once at who is due, as the scheduler would have it within the minute."""
        key = os.urandom(8).hex()
        self.sql("select ops.enqueue('default', 'run_renewals', '{}', ops.now(), %s)", key)
        wait_until(lambda: self.value("select count(*) from ops.job where unique_key = %s and state <> 'done'", key) == 0,
                   "the job to end")

    def debit(self, *states):
        """From notice to debit: the charge that began by itself, at its end."""
        before = self.value("select coalesce(max(id), 0) from billing.charge where user_id = %s", self.user)
        for _ in range(8):
            self.sql("update ops.clock set shift = shift + greatest((select renew_at from billing.mandate where id = %s) - ops.now(), '0')",
                     self.mandate()["id"])
            self.job()
            found = self.sql("select id from billing.charge where user_id = %s and id > %s", self.user, before)
            if found:
                done = self.drive(found[0]["id"], *(states or ("SUCCEEDED",)))
                self.later(61)
                self.job()
                return done
        raise AssertionError(self.story_of_mandate())

    def asked(self):
        """What the rail was asked about the leave, equal questions in a row told once."""
        told = [r["op"] for r in self.journal(reference=str(self.mandate()["our_ref"])) if r["op"] != "callback"]
        return [op for n, op in enumerate(told) if op == "leave" or told[n - 1:n] != [op]]

    def heard(self, words):
        return self.value("select count(*) from messaging.message where identity_id = %s and body like %s", self.identity, f"%{words}%")


@pytest.fixture
def till(daemon, mtn, migrated_db):
    first = Reader(daemon(mtn=mtn), mtn, migrated_db)
    first.sql("update billing.auto_debit set enabled = true where country = 'CI'")
    return first


def renewal_is_one_debit_and_one_receipt(till):
    till.bought()
    assert till.leaves()["leaves"] == []
    till.agree()
    one, = till.leaves()["leaves"]
    assert (one["reference"], one["status"], one["validity"]) == (str(till.mandate()["our_ref"]), "SUCCESSFUL", 365 * 86400)
    assert till.heard("se renouvelle seul") == 1
    done = till.debit()
    debits = till.debits()
    assert [d["leave"] for d in debits] == [None, one["reference"]] and debits[-1]["amount"] == "1500"
    assert debits[-1]["reference"] == str(done["our_ref"]) and till.entitlements(done["id"]) == 1
    assert till.heard("sera renouvelé") == 1 and till.heard("renouvelé, fin") == 1 and till.ledger_sum() == 0
    assert "its mandate" not in str(till.journal(op="pay")) and done["attempts"] == 1


def no_money_is_tried_again_and_no_debit(till):
    till.bought().agree()
    till.leave(debits={"behaviour": "no_funds"})
    done = till.debit("FAILED")
    assert (done["reason"], till.mandate()["failures"], till.mandate()["state"]) == ("NOT_ENOUGH_FUNDS", 1, "ACTIVE")
    assert till.heard("pas renouvelé") == 1 and len(till.debits()) == 1
    till.leave(debits={"behaviour": "approve"})
    assert till.debit()["state"] == "SUCCEEDED" and len(till.debits()) == 2


def a_no_of_the_wallet_is_no_mandate(till):
    till.bought().leave(asked="reject")
    assert till.agree("REFUSED")["answer"] == "APPROVAL_REJECTED"
    assert till.heard("ne se renouvelle pas seul") == 1


def what_the_payer_took_back_ends_it(till):
    till.bought().agree()
    assert till.leave(take_back=True)["ended"] == 1
    till.behave("reject")
    assert till.debit("FAILED")["reason"] == "APPROVAL_REJECTED"
    assert till.drive_mandate("ENDED")["why"] == "refused: APPROVAL_REJECTED"
    assert till.heard("accord terminé") == 1 and len(till.debits()) == 1 and till.asked()[-1] == "leave_end"


def her_own_end_is_told_to_the_rail(till):
    till.bought().agree()
    phone = till.phone()
    dial_home(phone)
    for words in ("Mon pass", "Plus", "Ne pas renouveler", "Oui"):
        pick(phone, words)
    till.fault("leave_end", "error", status=503)
    till.drive_mandate("ENDED")
    assert till.leaves()["leaves"][0]["status"] == "CANCELLED" and till.journal(op="leave_end")[-1]["status"] == 200
    assert len(till.debits()) == 1


def a_lost_reply_is_asked_about(till):
    till.bought().fault("leave", "cut")
    till.agree()
    assert till.asked() == ["leave", "leave_status"] and till.leaves()["duplicate_submits"] == 0


def what_seems_not_to_be_there_is_sent_again_under_one_reference(till):
    till.bought().fault("leave", "html_after")
    till.fault("leave_status", "not_found", count=4)
    till.agree()
    assert till.asked() == ["leave", "leave_status", "leave", "leave_status"]
    assert till.leaves()["duplicate_submits"] == 1 and len(till.leaves()["leaves"]) == 1


def a_worker_killed_between_write_and_answer(till):
    till.bought().fault("leave", "hang_after")
    till.fault("pay", "hang_after")
    phone = till.phone()
    dial_home(phone)
    for words in ("Mon pass", "Plus", "Renouvellement auto", "Continuer"):
        pick(phone, words)
    phone.send("9")
    till.later(5)
    till.wait_journal(op="leave", payer=till.payer, fault="hang_after")
    dead = till.daemon.children()[0]
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: set(till.daemon.children()) - {dead}, "the next worker")
    till.later(46)
    till.drive_mandate("ACTIVE")
    assert till.asked() == ["leave", "leave_status"] and len(till.leaves()["leaves"]) == 1
    done = till.debit()      # its own reply is lost too
    assert len(till.debits()) == 2 and done["attempts"] == 1


CASES = [renewal_is_one_debit_and_one_receipt, no_money_is_tried_again_and_no_debit, a_no_of_the_wallet_is_no_mandate,
         what_the_payer_took_back_ends_it, her_own_end_is_told_to_the_rail, a_lost_reply_is_asked_about,
         what_seems_not_to_be_there_is_sent_again_under_one_reference, a_worker_killed_between_write_and_answer]


def test_a_pass_renews_itself_once_whatever_is_lost(till):
    for case in CASES:
        one = till.another()
        one.heal()
        # bought at ten, debited at eight: whatever the hour of this run, no debit comes so late that the night ends it
        one.sql("update ops.clock set shift = shift + date_trunc('day', ops.now()) + interval '34 hours' - ops.now()")
        case(one)
        # what this reader still has under way is not the next one's
        one.sql("update billing.mandate set state = 'ENDED', due_at = null, renew_at = null where user_id = %s", one.user)
        one.sql("update billing.charge set due_at = null where user_id = %s", one.user)
    assert till.ledger_sum() == 0 and not any(till.payer in r["body"] for r in till.journal(op="leave_end"))
