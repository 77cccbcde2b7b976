# SPDX-License-Identifier: Apache-2.0
"""Many readers who buy at once behind three rails, while a test kills the daemon under them.

    rush = Rush(daemon, labs, url, seed, 100)     labs: {"mtn_momo", "wave", "orange_sonatel": Lab}
    rush.buy()                                    threads: every reader dials until rows say that she has a charge
    rush.clock, rush.openers                      threads: the database's clock ahead of time; people who open links
    rush.pay_anew(), rush.refund()                second charges of who hangs, money that goes back

What each reader does, and what her rail does to her, is drawn when she is made, so a seed has one crowd. When it happens
is the machine's.
"""
import os
import random
import threading
import time

import psycopg2
import psycopg2.extras

from daemon import TEMPLATE, parse_ini
from money_kit import Till
from support import http_request, wait_until
from ussdkit import StubbornPhone, lookup_of

SECTIONS = parse_ini(TEMPLATE.read_text())
THREADS = 4
# A code that died with its process: nobody can tell from here whether it left, and a person is called after a day.
NOBODYS = "(rail = 'orange_sonatel' and state = 'UNRESOLVED' and not_found >= 3)"
TOLD_S = 10          # of real time: a callback is under way so long at most
LEASE_S = 1.5        # of real time: a claim as old as this is taken for one of the dead
STEP_S = 130         # the clock jumps no further while readers are buying: a charge unsent for an hour would end
PAY_FAULTS = [("cut", {}), ("drop", {}), ("error_after", {"status": 500, "code": "X"}), ("cut_after", {"octets": 5}),
              ("html_after", {}), ("delay_after", {"delay_ms": 700}), ("delay", {"delay_ms": 900}), ("unauthorized", {})]
LATER_FAULTS = [("mtn_momo", "status", "cut"), ("mtn_momo", "status", "not_found"), ("mtn_momo", "status", "html"),
                ("mtn_momo", "token", "error"), ("mtn_momo", "callback", "duplicate"), ("mtn_momo", "callback", "early"),
                ("mtn_momo", "callback", "drop"), ("mtn_momo", "callback", "forge"), ("wave", "create", "cut"),
                ("wave", "create", "delay_after"), ("wave", "create", "error"), ("wave", "show", "cut"), ("wave", "search", "html"),
                ("wave", "refund", "cut"), ("wave", "refund", "error_after"), ("wave", "callback", "duplicate"),
                ("wave", "callback", "drop"), ("wave", "callback", "reorder"), ("orange_sonatel", "search", "cut"),
                ("orange_sonatel", "callback", "duplicate")]


class Customer(Till):
    """A reader. `plan` is what she and her rail will do."""

    plans = ()
    seen = ""           # the last screen of a walk that led nowhere

    def __init__(self, rush, number, plan, dice):
        self.rush, self.daemon, self.sql, self.plan = rush, rush.daemon, rush.sql, plan
        self.mtn = rush.labs[self.rail]
        self.number = f"{self.prefix}{number:0{self.digits}}"
        self.payer = self.number[1:]
        self.prepare(dice)

    def prepare(self, dice):
        """Tells the rail."""

    def phone(self):
        return StubbornPhone(self.daemon.url, "demo", self.number, network_code=self.network)

    def charges(self):
        """Hers, oldest first."""
        rows = self.sql("select c.* from billing.charge c join auth.identity i on i.id = c.identity_id where i.lookup = %s order by c.id",
                        lookup_of(self.number))
        if rows:
            self.user, self.identity = rows[0]["user_id"], rows[0]["identity_id"]
        return rows

    def buys(self):
        """Until there is a charge: a polite END or a dialogue that was lost is dialled over."""
        def bought():
            phone = self.phone()
            try:
                self.to_confirm(phone).send("9")
            except AssertionError:
                self.seen = phone.last
            return self.charges()
        wait_until(bought, lambda: f"a charge of {self.number}, who saw {self.seen!r}", 120)


class MtnCustomer(Customer):
    rail, network, prefix, digits = "mtn_momo", "61205", "+22505", 8
    plans = (("approve", 56), ("reject", 8), ("no_funds", 6), ("ignore", 6), ("late", 10), ("stuck", 8), ("other amount", 6))

    def prepare(self, dice):
        behaviour = {"stuck": "pending", "other amount": "approve"}.get(self.plan, self.plan)
        self.behave(behaviour, delay_ms=dice.choice([0, 0, 100, 700]), lapse_ms=dice.choice([200, 900]), late_ms=dice.choice([100, 900]),
                    takes=95 if self.plan == "other amount" else None)
        if dice.random() < 0.4:
            fault, more = dice.choice(PAY_FAULTS)
            self.fault("pay", fault, payer=self.payer, **more)


class WaveCustomer(Customer):
    rail, network, prefix, digits = "wave", "60802", "+22176", 7
    plans = (("pay", 60), ("fails first", 10), ("refund", 18), ("late", 6), ("never", 6))

    def opens(self, link, charge):
        """What she does with her link now; True once it is done with."""
        if self.plan == "never":
            return True
        if self.plan == "late" and charge["state"] != "EXPIRED":
            return False
        if self.plan == "fails first":
            self.mtn.control("POST", "/lab/fail", {"link": link, "code": "insufficient-funds"})
        self.mtn.control("POST", "/lab/pay", {"link": link, "late": self.plan == "late"})
        return True


class OrangeCustomer(Customer):
    rail, network, prefix, digits = "orange_sonatel", "60801", "+22177", 7
    plans = (("approve", 70), ("no_funds", 15), ("fail", 15))

    def prepare(self, dice):
        self.behave(self.plan)
        self.wrong_first = dice.random() < 0.5

    def buys(self):
        """Then she fetches codes and types them, as long as she is asked for one."""
        super().buys()

        def typed():
            if self.charges()[-1]["state"] != "CREATED":
                return True
            phone = self.phone()
            try:
                phone.dial()
                if "Tapez le code" in phone.last:
                    phone.send(self.code())
            except AssertionError:
                pass
            self.seen = phone.last
            return False
        wait_until(typed, lambda: f"an end of the codes of {self.number}, who saw {self.seen!r}", 120)

    def code(self):
        if self.wrong_first:
            self.wrong_first = False
            code = f"{int.from_bytes(os.urandom(4), 'big') % 10 ** 8:08}"
        else:
            code = self.mtn.control("POST", "/lab/otp", {"msisdn": self.payer})["otp"]
        self.rush.codes.append(code)
        return code


class Worker(threading.Thread):
    """Something done again and again; what it raised is raised by stop()."""

    def __init__(self, what, every):
        super().__init__(daemon=True)
        self.what, self.every, self.over, self.fault = what, every, threading.Event(), None
        self.start()

    def run(self):
        try:
            while not self.over.wait(self.every):
                self.what()
        except Exception as fault:               # handed to the test by stop()
            self.fault = fault

    def stop(self):
        self.over.set()
        self.join()
        if self.fault:
            raise self.fault


def shares(weighted, size):
    """So many of each, by weight, at least one; the first takes what is left over."""
    whole = sum(w for _, w in weighted)
    counts = [max(1, size * w // whole) for _, w in weighted]
    counts[0] += size - sum(counts)
    return [one for (one, _), n in zip(weighted, counts) for _ in range(n)]


class Rush:
    def __init__(self, daemon, labs, url, seed, size):
        self.daemon, self.labs, self.url, self.dice = daemon, labs, url, random.Random(seed)
        self.codes, self.links, self.opened, self.claims = [], [], set(), {}
        self.step_s = STEP_S
        self.conns = threading.local()
        self.sql("update billing.rail set enabled = true, lab = true, push_delay_s = 0")
        labs["wave"].control("POST", "/lab/settings", {"webhook_url": f"{daemon.url}/pay/wave/{SECTIONS['wave']['callback_secret']}"})
        labs["orange_sonatel"].control("POST", "/lab/settings", {
            "otp_digits": 8, "callback_url": f"{daemon.url}/pay/orange_sonatel/{SECTIONS['orange_sonatel']['callback_secret']}"})
        first = int.from_bytes(os.urandom(2), "big") * 100
        kinds = shares([(MtnCustomer, 64), (WaveCustomer, 28), (OrangeCustomer, 8)], size)
        plans = [(kind, plan) for kind in dict.fromkeys(kinds) for plan in shares(kind.plans, kinds.count(kind))]
        self.dice.shuffle(plans)
        self.customers = [kind(self, first + n, plan, self.dice) for n, (kind, plan) in enumerate(plans)]
        self.by_link = {}

    def sql(self, statement, *params):
        """One statement, committed, on this thread's own connection; rows as dicts."""
        if getattr(self.conns, "one", None) is None:
            self.conns.one = psycopg2.connect(self.url)
            self.conns.one.autocommit = True
        with self.conns.one.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cur:
            cur.execute(statement, params or None)
            return [dict(r) for r in cur.fetchall()] if cur.description else []

    def start(self):
        waiting = iter(self.customers)
        self.threads = [Worker(lambda: self.next_of(waiting), 0.01) for _ in range(THREADS)]
        self.clock = Worker(self.hurry, 0.05)
        self.openers = Worker(self.open_links, 0.2)

    # ---- threads ----

    lock = threading.Lock()

    def next_of(self, waiting):
        with self.lock:
            customer = next(waiting, None)
        if customer:
            customer.buys()
        else:
            threading.current_thread().over.set()

    def all_bought(self):
        return not any(t.is_alive() for t in self.threads)

    def hurry(self):
        """The clock goes to what is due next, over a claim only when it is an old one."""
        now = time.monotonic()
        rows = self.sql("select id, version, claimed_by is not null claimed, extract(epoch from due_at - ops.now()) wait"
                        " from billing.charge where due_at is not null and not " + NOBODYS +
                        " union all select -id, version, claimed_by is not null, extract(epoch from due_at - ops.now())"
                        " from billing.refund where due_at is not null")
        self.claims = {(r["id"], r["version"]): self.claims.get((r["id"], r["version"]), now) for r in rows if r["claimed"]}
        waits = [float(r["wait"]) for r in rows
                 if not r["claimed"] or self.claims[r["id"], r["version"]] < now - LEASE_S]
        if waits and 0 < min(waits) <= self.step_s:
            self.sql("update ops.clock set shift = shift + make_interval(secs => %s)", min(waits) + 0.01)
            self.sql("notify coko_charge")

    def open_links(self):
        """Whoever has a link by SMS does with it what its reader's plan says."""
        for row in self.sql("select c.id, c.state, i.lookup, m.body from billing.charge c join messaging.message m on m.id = c.link_message"
                            " join auth.identity i on i.id = c.identity_id where c.rail = 'wave' and c.id <> all (%s)", list(self.opened)):
            link = next(word for word in row["body"].split() if "/c/" in word)
            customer = self.of(row["lookup"])
            if link not in self.links:
                self.links.append(link)
            if customer.opens(link, row):
                self.opened.add(row["id"])

    def of(self, lookup):
        if not self.by_link:
            self.by_link = {lookup_of(c.number): c for c in self.customers}
        return self.by_link[bytes(lookup)]

    # ---- the second act ----

    def planned(self, *plans):
        return [c for c in self.customers if c.plan in plans]

    def strike(self):
        """One more thing that goes wrong at a rail."""
        rail, op, fault = self.dice.choice(LATER_FAULTS)
        self.labs[rail].control("POST", "/lab/faults", {"op": op, "fault": fault, "count": self.dice.randint(1, 4), "status": 503,
                                                        "copies": 3, "delay_ms": 300})

    def heal(self):
        for lab in self.labs.values():
            lab.control("POST", "/lab/faults", {"clear": True})

    def wait_all(self, customers, column, *values):
        """Until the newest charge of each stands so, and those charges."""
        def there():
            now = [c.charges()[-1] for c in customers]
            return all(n[column] in values for n in now) and now
        return wait_until(there, lambda: f"{column} {values} of {[c.charges()[-1] for c in customers]}", 60, 0.2)

    def pay_anew(self):
        """Who hangs since an hour pays another time; then the first payment is approved after all (I1, I13)."""
        stuck = self.planned("stuck")
        old = self.wait_all(stuck, "state", "PENDING", "UNRESOLVED")
        self.sql("update ops.clock set shift = shift + interval '20 minutes'")
        for c in stuck:
            self.sql("select billing.supersede_charge(%s, %s)", c.user, os.urandom(6).hex())
            c.behave("approve", delay_ms=600)
            c.start()
        self.wait_all(stuck, "attempts", 1, 2, 3)
        for charge in old[:-1]:                  # of the last one the prompt lapses
            self.labs["mtn_momo"].control("POST", "/lab/approve", {"reference": str(charge["our_ref"])})
        return len(stuck)

    def refund(self):
        """Two persons give back what the plans say."""
        double = self.wait_all(self.planned("refund"), "settlement", "granted")
        for charge in double:
            row = self.sql("select * from billing.refund_request(%s, null, 'double', 'awa')", charge["id"])[0]
            assert row["outcome"] == "ok", row
            assert self.sql("select outcome from billing.refund_approve(%s, 'binta')", row["refund_id"])[0]["outcome"] == "ok"
        self.sql("notify coko_charge")
        return len(double)

    # ---- the end ----

    def debits(self):
        """What the rails took, by their own ledgers: {reference: [francs]}."""
        found = {}
        for lab in self.labs.values():
            for debit in lab.control("GET", "/lab/ledger")["debits"]:
                found.setdefault(debit["reference"], []).append(int(debit["amount"]))
        return found

    def end_prompts(self):
        """Who hung and paid no more: the rail's prompt lapses."""
        stuck = {c.payer for c in self.planned("stuck")}
        for one in self.labs["mtn_momo"].control("GET", "/lab/pending")["pending"]:
            if one["payer"]["partyId"] in stuck:
                http_request("POST", self.labs["mtn_momo"].control_url + "/lab/expire", {"reference": one["reference"]})

    def settle(self, timeout):
        """No faults any more, and no limit for the clock: until nothing is due and no link waits for somebody; then until
        a rail told us of its latest debits, as far as it does. What it never told is for the oracles."""
        self.step_s = 10 ** 6
        self.heal()

        def left():
            self.end_prompts()
            return self.sql("select c.id, c.rail, c.state, c.reason, c.due_at, c.claimed_by, c.polls from billing.charge c"
                            f" where c.due_at is not null and not {NOBODYS} or c.link_message is not null and c.rail = 'wave' and c.id <> all (%s)"
                            " union all select -id, 'refund', state, answer, due_at, claimed_by, polls from billing.refund"
                            " where due_at is not null", list(self.opened))

        def untold():
            known = {str(r["our_ref"]) for r in self.sql("select our_ref from billing.charge where settlement is not null")}
            return self.debits().keys() - known
        wait_until(lambda: not left(), lambda: f"the end of {left()}", timeout, 0.2)
        patience = time.monotonic() + TOLD_S
        wait_until(lambda: not left() and (not untold() or time.monotonic() > patience), lambda: f"the end of {left()}", timeout, 0.2)
