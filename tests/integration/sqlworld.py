# SPDX-License-Identifier: Apache-2.0
"""A small world on a migrated database: readers, a book, a clock that the test moves; calls of functions as dicts."""
import hashlib
import json
import os

import psycopg2
import psycopg2.extras

SENTENCE = "La pirogue glisse sur le fleuve et personne ne parle. "


def key(text):
    """A stand-in for the keyed hash of a number."""
    return hashlib.sha256(text.encode()).digest()


def book_json(slug, parts=3, sentences=40, language="fr", **more):
    """A book and its parts as the importer gives them; ASCII, so septets equal characters."""
    made = []
    for no in range(1, parts + 1):
        ends, body = [], ""
        for n in range(sentences):
            body += f"Partie {no}, phrase {n}. " + SENTENCE
            ends.append(len(body))
        body = body.rstrip()
        ends[-1] = len(body)
        made.append({"no": no, "title": f"Chapitre {no}", "body": body, "ends": ends, "septets": ends})
    return {"slug": slug, "title": f"Le livre {slug}", "language": language, "summary": "Une histoire.",
            "authors": ["Awa Ndiaye"], "categories": ["roman"], **more}, made


class World:
    def __init__(self, url):
        self.url = url
        self.conn = self.connect()

    def connect(self):
        """One more connection, autocommit: each call is one transaction, as in the daemon."""
        conn = psycopg2.connect(self.url)
        conn.autocommit = True
        return conn

    def close(self):
        self.conn.close()

    def rows(self, statement, *params, conn=None):
        with (conn or self.conn).cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cur:
            cur.execute(statement, params or None)
            return [dict(r) for r in cur.fetchall()] if cur.description else []

    def row(self, statement, *params, conn=None):
        found = self.rows(statement, *params, conn=conn)
        assert len(found) == 1, f"{len(found)} rows: {statement} {params}"
        return found[0]

    def value(self, statement, *params, conn=None):
        return next(iter(self.row(statement, *params, conn=conn).values()))

    def call(self, function, *params, conn=None):
        """All rows of a function; json for lists and dicts."""
        params = [json.dumps(p) if isinstance(p, (list, dict)) else p for p in params]
        marks = ", ".join(["%s"] * len(params))
        return self.rows(f"select * from {function}({marks})", *params, conn=conn)

    def one(self, function, *params, conn=None):
        found = self.call(function, *params, conn=conn)
        assert len(found) == 1, f"{function}{params}: {len(found)} rows"
        return found[0]

    def later(self, interval):
        """Moves the clock of every rule."""
        self.rows("update ops.clock set shift = shift + %s::interval", interval)

    def now(self):
        return self.value("select ops.now()")

    def dial(self, number="+2250501020304", country="CI", network="mtn", conn=None):
        return self.one("auth.dial", key(number), b"sealed" + number[-2:].encode(), 1, country, network, "", conn=conn)

    def book(self, slug="pirogue", **more):
        book, parts = book_json(slug, **more)
        return self.one("catalog.import_book", book, parts)["book_id"]

    def offer(self, reader, plan="day"):
        return self.row("select o.* from billing.offers(%s, 'fr') o join billing.plan p on p.id = o.plan_id where p.code = %s",
                        reader["user_id"], plan)

    def start(self, reader, plan="day", step=None, conn=None):
        offer = self.row("select p.id as plan_id, (select id from billing.price r where r.plan_id = p.id and r.country = u.country"
                         " order by valid_from desc limit 1) as price_id from billing.plan p, auth.users u"
                         " where p.code = %s and u.id = %s", plan, reader["user_id"], conn=conn)
        return self.one("billing.start_charge", reader["user_id"], reader["identity_id"], offer["plan_id"], offer["price_id"],
                        step or os.urandom(8).hex(), "100 F, 1 jour", "ussd", conn=conn)

    def claim_one(self):
        """The one due charge, whatever its wait: the clock moves to it."""
        self.rows("update ops.clock set shift = shift + greatest((select min(due_at) from billing.charge) - ops.now(), '0')")
        return self.one("billing.claim_rail_work", "w:1", 1, 10)

    def answer(self, claim, event, conn=None, **said):
        """What a rail answered about a claimed charge, recorded alone; said: more of what billing.rail_answers reads."""
        one = {"charge": claim["charge_id"], "version": claim["version"], "event": event, "http": 200, **said}
        return self.one("billing.rail_answers", json.dumps([one]), True, conn=conn)

    def event(self, claim, event, txn=None, amount=100, currency="XOF", reason=None, wait=0, conn=None):
        return self.answer(claim, event, conn, reason=reason, txn=txn, amount=amount, currency=currency, next_poll_s=wait)

    def buy(self, reader, plan="day", amount=100):
        """A pass, the whole way: start, submit, poll, success."""
        started = self.start(reader, plan)
        assert started["outcome"] == "created", started
        assert self.event(self.claim_one(), "accepted")["state"] == "PENDING"
        done = self.event(self.claim_one(), "success", os.urandom(6).hex(), amount)
        assert done["state"] == "SUCCEEDED", done
        return started

    def messages(self, reader, kind=None):
        return self.rows("select * from messaging.message where identity_id = %s and (%s is null or kind = %s) order by id",
                         reader["identity_id"], kind, kind)

    def claim_sms(self, epoch=1, limit=100, account="lab", conn=None):
        return self.call("messaging.claim", account, "w:1", epoch, limit, conn=conn)

    def accept(self, message, ref, parts=1, epoch=1, conn=None):
        """Every part accepted under ref, ref+'b' ..."""
        return self.call("messaging.record", "lab", epoch, [
            {"m": message, "no": n + 1, "of": parts, "ref": ref + "bcdefghij"[n - 1:n] if n else ref, "status": "accepted", "code": 0}
            for n in range(parts)], conn=conn)

    def receipt(self, ref, state="DELIVRD", lookup=None, alt=(), conn=None):
        return self.call("messaging.receipts", "lab", [
            {"ref": ref, "alt": list(alt), "state": state, "err": 0, "number_lookup": lookup and lookup.hex()}], conn=conn)
