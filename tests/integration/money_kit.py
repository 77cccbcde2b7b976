# SPDX-License-Identifier: Apache-2.0
"""A till for the tests of money: a reader who dials and buys, the rail that debits, the oracle.

    till = Till(d, mtn, migrated_db)      d is a running daemon that knows this mtn
    charge = till.buy()                   by USSD, the whole menu; till.start() by SQL
    till.drive(charge, "SUCCEEDED")       moves the database's clock from due time to due time
    till.books_balance()                  the oracle: rail debits = passes + credits + held money

Shop is a daemon and an MTN that a module's tests share (the fixture mtn_shop): a till for each, in front of a rail that
remembers nothing but the tokens it gave.
"""
import itertools
import json
import os
import re
import sys

import psycopg2.extras
import redis as redis_client

from daemon import Daemon, Shared, template_values
from support import TOP, Lab, http_request, wait_until
from ussdkit import ask_of

sys.path.insert(0, str(TOP / "tests/lab"))
from ussd_client import AtPhone  # noqa: E402

SECRET = "lab-callback-secret-0001"
OPEN = ("CREATED", "READY", "SUBMITTING", "PENDING", "UNKNOWN", "UNRESOLVED")
numbers = itertools.count(int.from_bytes(os.urandom(2), "big") * 100)


class Till:
    rail = "mtn_momo"
    network, prefix, digits = "61205", "+22505", 8       # MTN in Ivory Coast
    usual = "approve"                                    # of the rail's payers

    def __init__(self, daemon, mtn, url, delay_ms=0, first=True):
        self.daemon, self.mtn, self.url = daemon, mtn, url
        self.conn = None
        self.number = f"{self.prefix}{next(numbers) % 10 ** self.digits:0{self.digits}}"
        self.payer = self.number[1:]
        self.behave(self.usual, delay_ms=delay_ms)
        if not first:
            return
        # what an earlier test left behind is not asked about again
        self.sql("update billing.charge set due_at = null, superseded = true where due_at is not null")
        # the rail of each test counts its transactions anew, from the second it started in
        self.sql("update billing.charge set rail_txn = 'old-' || id where rail_txn is not null")
        self.sql("delete from billing.rail_gate")
        self.hold_pushes(0)

    def hold_pushes(self, seconds=60):
        """Nothing is sent for a new charge before drive() moves the clock: time to arrange its answers."""
        self.sql("update billing.rail set push_delay_s = %s where code = %s", seconds, self.rail)

    def another(self):
        """One more reader at the same till."""
        return type(self)(self.daemon, self.mtn, self.url, first=False)

    # ---- the database ----

    def sql(self, statement, *params):
        """One statement, committed; rows as dicts. A server that was restarted is met again."""
        for last in (False, True):
            try:
                if self.conn is None or self.conn.closed:
                    self.conn = psycopg2.connect(self.url)
                    self.conn.autocommit = True
                with self.conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cur:
                    cur.execute(statement, params or None)
                    return [dict(r) for r in cur.fetchall()] if cur.description else []
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                self.conn = None
                if last:
                    raise
        return None

    def value(self, statement, *params):
        return next(iter(self.sql(statement, *params)[0].values()))

    def charge(self, charge_id):
        return self.sql("select * from billing.charge where id = %s", charge_id)[0]

    def state(self, charge_id):
        return self.charge(charge_id)["state"]

    def later(self, seconds):
        self.sql("update ops.clock set shift = shift + make_interval(secs => %s)", seconds)
        self.wake()

    def later_between_attempts(self, charge_id, seconds):
        """The time passes while the charge waits for its next attempt: never under a worker that has
        just claimed it, whose submit would then be one that may have been sent (M4)."""
        wait_until(lambda: self.sql(
            "update ops.clock set shift = shift + make_interval(secs => %s) where exists (select 1 from billing.charge"
            " where id = %s and state = 'READY' and claimed_by is null and due_at > ops.now() + interval '1 s')"
            " returning 1", seconds, charge_id), lambda: f"the last attempt to end: {self.story(charge_id)}", 30)
        self.wake()

    def wake(self):
        self.sql("notify coko_charge")

    def nudge(self, charge_id, version=None):
        """The clock moves to the charge's due time, unless somebody works on it now. version: nor when it is no longer as it was
        seen, for what became of it meanwhile would be passed by."""
        self.sql("update ops.clock set shift = shift + greatest(c.due_at - ops.now(), '0') from billing.charge c"
                 " where c.id = %s and c.claimed_by is null and c.due_at is not null and c.version = coalesce(%s, c.version)",
                 charge_id, version)
        self.wake()

    def nudge_until(self, charge_id, ask, what, timeout=60):
        """Asks for work, a step at a time, until the answer is true: no further step is begun once it is."""
        def step():
            version = self.charge(charge_id)["version"]
            answer = ask()
            if not answer:
                self.nudge(charge_id, version)
            return answer
        return wait_until(step, lambda: f"{what}: {self.story(charge_id)}", timeout)

    def drive(self, charge_id, *states, timeout=60):
        """Asks for work until the charge is in one of the states."""
        def there():
            now = self.charge(charge_id)
            if now["state"] in states:
                return now
            self.nudge(charge_id, now["version"])
            return None
        return wait_until(there, lambda: f"{states}: {self.story(charge_id)}", timeout, 0.05)

    def ask_once(self, charge_id, timeout=60):
        """One more question to the rail about this charge, answered and recorded: a claim and a record."""
        def free():
            c = self.charge(charge_id)
            return c["claimed_by"] is None and c

        def asked():
            c = free()
            if c and c["version"] >= before + 2:
                return c
            if c:
                self.nudge(charge_id, c["version"])
            return None
        before = wait_until(free, "the charge to be free", timeout)["version"]
        return wait_until(asked, lambda: f"a question: {self.story(charge_id)}", timeout)

    def leave_alone(self, charge_id):
        """No question about the charge is due before one is asked for: what a test reads of it now stays so."""
        wait_until(lambda: self.sql("update billing.charge set due_at = ops.now() + interval '1 hour' where id = %s and claimed_by is null"
                                    " returning 1", charge_id), "the charge to be free")

    def ask_to_the_end(self, charge_id, timeout=60):
        """Every question that is still owed is asked. Their number is the rail's to change: its own
        callback about the lapse pulls one forward, between any two of ours."""
        def silent():
            self.nudge(charge_id)
            c = self.charge(charge_id)
            return c["due_at"] is None and c["claimed_by"] is None
        wait_until(silent, lambda: f"the last question: {self.story(charge_id)}", timeout)

    def story(self, charge_id):
        c = self.charge(charge_id)
        return ({k: str(c[k]) for k in ("state", "reason", "rail_txn", "polls", "attempts", "not_found", "due_at",
                                        "claimed_by", "version")},
                self.sql("select n, http_status, event from billing.attempt where charge_id = %s order by n", charge_id),
                [(r["op"], r["fault"], r["status"]) for r in self.journal(reference=str(c["our_ref"]))])

    # ---- the reader ----

    def phone(self):
        return AtPhone(self.daemon.url, "demo", self.number, network_code=self.network)

    def reader(self):
        """(user, identity) of this number, by the dial that makes them: again where a slow machine got a polite END."""
        before = self.value("select coalesce(max(id), 0) from auth.identity")

        def made():
            phone = self.phone()
            phone.dial()
            phone.ended = True
            return self.sql("select user_id, id from auth.identity where kind = 'phone' and id > %s", before)
        row, = wait_until(made, "a reader who is not an earlier test's", 30)
        self.user, self.identity = row["user_id"], row["id"]
        return self.user, self.identity

    def start(self, step=None, plan="day"):
        """A confirmed charge, straight by SQL; its id. The reader dialled once before."""
        if not hasattr(self, "user"):
            self.reader()
        offer = self.sql("select o.plan_id, o.price_id from billing.offers(%s, 'fr') o join billing.plan p"
                         " on p.id = o.plan_id where p.code = %s", self.user, plan)[0]
        row = self.sql("select * from billing.start_charge(%s, %s, %s, %s, %s, 'Pass jour : 100 F, 1 jour', 'ussd')",
                       self.user, self.identity, offer["plan_id"], offer["price_id"], step or os.urandom(8).hex())[0]
        assert row["outcome"] == "created", row
        self.wake()
        return row["charge_id"]

    @staticmethod
    def choose(phone, label):
        """Presses the key of the line that says so."""
        line = next((x for x in phone.last.splitlines() if label in x), None)
        assert line, f"no {label!r} on the screen: {phone.last!r}"
        return phone.send(re.match(r"\D*(\d+)", line).group(1))

    def to_confirm(self, phone=None):
        """Dials and walks to the confirm screen; the phone is on it."""
        phone = phone or self.phone()
        phone.dial()
        if "Continuer" in phone.last:
            self.choose(phone, "Continuer")
        elif ask_of(phone):                  # she was cut off among the passes
            phone.send("2")
        self.choose(phone, "Mon pass")
        self.choose(phone, "Voir les pass")
        self.choose(phone, "Pass jour")
        assert "Payer" in phone.last, phone.last
        return phone

    def buy(self):
        """A pass bought by USSD: (charge id, phone on its END screen)."""
        phone = self.to_confirm()
        phone.send("9")
        assert phone.ended, phone.last
        row = self.sql("select c.id, c.user_id, c.identity_id from billing.charge c order by id desc limit 1")[0]
        self.user, self.identity = row["user_id"], row["identity_id"]
        return row["id"], phone

    # ---- the rail ----

    def behave(self, behaviour, **more):
        self.mtn.control("POST", "/lab/payer", {"msisdn": self.payer, "behaviour": behaviour, **more})

    def fault(self, op, fault, count=1, **more):
        self.mtn.control("POST", "/lab/faults", {"op": op, "fault": fault, "count": count, **more})

    def heal(self):
        self.mtn.control("POST", "/lab/faults", {"clear": True})

    def release(self):
        """What the rail was told to hold goes on."""
        self.mtn.control("POST", "/lab/release")

    def journal(self, **query):
        text = "&".join(f"{k}={v}" for k, v in query.items())
        return self.mtn.control("GET", f"/lab/requests?{text}")["requests"]

    def wait_journal(self, count=1, **query):
        found = self.journal(count=count, wait_ms=30000, **query)
        assert len(found) >= count, (query, found)
        return found

    def debits(self):
        return self.mtn.control("GET", f"/lab/ledger?payer={self.payer}")["debits"]

    def callback(self, body, method="PUT", secret=SECRET):
        return http_request(method, f"{self.daemon.url}/pay/mtn_momo/{secret}", json.dumps(body).encode(),
                            {"Content-Type": "application/json"})

    # ---- the oracle ----

    def messages(self, charge_id):
        """Templates of the SMS about a charge, in order."""
        return [r["dedupe"].split(":")[2] for r in self.sql(
            "select dedupe from messaging.message where dedupe like %s order by id", f"charge:{charge_id}:%")]

    def entitlements(self, charge_id):
        return self.value("select count(*) from billing.entitlement where charge_id = %s", charge_id)

    def ledger_sum(self):
        return self.value("select coalesce(sum(abs(s)), 0) from (select sum(amount_minor) s"
                          " from billing.ledger_entry group by txn_id, currency) x")

    def paid_once(self, charge_id):
        """The whole truth about a charge that was paid: one debit, one pass, one receipt, zero sums."""
        assert len(self.debits()) == 1, self.debits()
        assert self.debits()[0]["reference"] == str(self.charge(charge_id)["our_ref"])
        assert self.entitlements(charge_id) == 1
        assert self.messages(charge_id).count("receipt") == 1, self.messages(charge_id)
        assert self.ledger_sum() == 0
        assert self.value("select sum(e.amount_minor) from billing.ledger_entry e join billing.ledger_txn t on t.id = e.txn_id"
                          " where t.charge_id = %s and e.account = 'clearing'", charge_id) == 100

    def not_paid(self, charge_id, template):
        assert self.debits() == []
        assert self.entitlements(charge_id) == 0
        assert self.messages(charge_id) == [template]
        assert self.value("select count(*) from billing.ledger_txn where charge_id = %s", charge_id) == 0


class Shop(Shared):
    """A daemon and its MTN: a till for each test of a module."""

    def __init__(self, folder, url, redis_url, workers):
        name = os.urandom(3).hex()
        self.url = url
        self.mtn = Lab("mtn_rail.py", folder / f"mtn-{name}.log", "--port", "0", "--control-port", "0", "--currency", "XOF",
                       "--environment", "mtnivorycoast")
        super().__init__(lambda: Daemon(folder / f"shop-{name}", template_values(url, redis_url, mtn=self.mtn),
                                        {"coko": {"workers": workers}}))

    def till(self):
        """For the next test, when nothing is left of the one before."""
        daemon = self.next_test()
        last = Till(daemon, self.mtn, self.url)
        wait_until(lambda: self.is_at_rest(last), "the last test's charges to be left alone", 30)
        self.mtn.control("POST", "/lab/reset?tokens=kept")
        return Till(daemon, self.mtn, self.url)

    @staticmethod
    def is_at_rest(till):
        """What a worker holds it still records, and the record makes it due once more."""
        till.sql("update billing.charge set due_at = null, superseded = true where due_at is not null and claimed_by is null")
        return not till.value("select count(*) from billing.charge where claimed_by is not null or due_at is not null")

    def end(self):
        self.close()
        assert self.mtn.stop() == 0


def read_sms(smsc, till, words, wait_s=30):
    """The newest whole SMS of this till's reader that has these words."""
    found = smsc.control("GET", f"/messages?to={till.payer}&contains={words}&count=1&wait_ms={wait_s * 1000}&complete=1")
    assert found["messages"], f"no SMS with {words!r}"
    return found["messages"][-1]["text"]


def clear_places(daemon, redis, url):
    """Where nothing of a payer may stand in clear: (log, figures and Redis; {table: its rows}) (S5)."""
    store = redis_client.Redis.from_url(redis.url)
    text = daemon.process.log.read_text() + http_request("GET", daemon.metrics_url + "/metrics").text
    for key in store.keys():
        text += key.decode("latin-1") + str(store.dump(key))
    with psycopg2.connect(url) as conn, conn.cursor() as cur:
        cur.execute("select format('%I.%I', table_schema, table_name) from information_schema.tables where table_type = 'BASE TABLE'"
                    " and table_schema in ('auth', 'billing', 'messaging', 'ops', 'reading', 'catalog')")
        tables = {}
        for name, in cur.fetchall():
            cur.execute(f"select coalesce(string_agg(t::text, '\n'), '') from {name} t")
            tables[name] = cur.fetchone()[0]
    return text, tables
