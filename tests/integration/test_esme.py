# SPDX-License-Identifier: Apache-2.0
"""Other systems bind to the daemon and submit: from the ESME's submit_sm over the outbox and the lab's SMSC to the receipt
that comes back to it. npm "smpp" and Kannel's bearerbox are the ESMEs; the accounts are shop and other."""
import os
import re
import signal
import subprocess

import pytest

from daemon import render_ini
from database import Locked, coko_run, sql
from kannel import Kannel, listens
from lab_fixtures import node_peer  # noqa: F401
from support import COKO, TEST_KEYS, alive, free_port, wait_until
from test_smpp_server import certificate

READER = "2250701020304"
ENROUTE, DELIVERED, DELETED = 1, 2, 4
RCNTSUBDL, RSUBMITFAIL = 0x44, 0x45
RSYSERR, RALYBND, RINVSRCADR, RINVDSTADR, RINVMSGID, RBINDFAIL, RINVPASWD, RCANCELFAIL, RREPLACEFAIL, RMSGQFUL, RTHROTTLED, RX_R_APPN = (
    0x08, 0x05, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x11, 0x13, 0x14, 0x58, 0x66)


class Gateway:
    """A daemon with the accounts shop and other, an npm client a bind."""

    def __init__(self, daemon, peers, smsc, database):
        self.make, self.peers, self.smsc, self.database = daemon, peers, smsc, database
        self.port = free_port()
        self.config = {"smpp_server": {"listen": f"127.0.0.1:{self.port}", "lease": "10s"},
                       "esme shop": {"password": "secret-shop", "country": "CI", "rate": 0},
                       "esme other": {"password": "secret-other", "rate": 0}}
        self.one = None

    def start(self, **more):
        for section, keys in more.items():
            self.config.setdefault(section.replace("esme_", "esme "), {}).update(keys)
        self.one = self.make(config=self.config, smsc=self.smsc)
        self.wait_open()
        return self

    def wait_open(self):
        wait_until(lambda: listens(self.port), lambda: f"the listener: {self.one.process.tail()}", 30)

    def peer(self, *args):
        return self.peers("smpp_client.js", "--port", self.port, *args)

    def bound(self, account="shop", kind="transceiver", password=None, status=0):
        peer = self.peer()
        assert peer.bind(account, password or f"secret-{account}", kind)["status"] == status
        return peer

    def sql(self, statement, params=None):
        return sql(self.database, statement, params)

    def wait_sql(self, statement, what, timeout=60):
        return wait_until(lambda: self.sql(statement), lambda: f"{what}: {self.one.process.tail()}", timeout)

    def texts(self, to=READER, count=1):
        """The messages at the carrier once there are so many and no part of one is still on its way."""
        def whole():
            found = self.smsc.control("GET", f"/messages?to={to}&count={count}&wait_ms=30000")["messages"]
            return found if len(found) >= count and all(m["complete"] for m in found) else None
        return wait_until(whole, f"{count} whole messages", 60)

    def fault(self, **faults):
        self.smsc.control("POST", "/faults", faults)

    def has_logged(self, event, word=""):
        return [r for r in self.one.log_lines() if r["event"] == event and word in r["msg"]]


@pytest.fixture
def gateway(daemon, node_peer, smsc, migrated_db):  # noqa: F811
    sql(migrated_db, "truncate messaging.message, messaging.part cascade")
    sql(migrated_db, "update auth.identity set stopped_at = null")
    made = Gateway(daemon, node_peer, smsc, migrated_db)
    yield made
    log = made.one.process.log.read_text()
    for secret in (READER, "secret-shop", "La pirogue"):
        assert secret not in log, f"{secret} stands in the log"


def submit(peer, text="La pirogue glisse", to=READER, **more):
    peer.tell("submit", to=to, text=text, **{"from": "SHOP", **more})
    got = peer.expect("submitted")
    assert got["status"] == 0, got
    return got["message_id"]


def refused(peer, status, text="La pirogue glisse", to=READER, **more):
    peer.tell("submit", to=to, text=text, **{"from": "SHOP", **more})
    got = peer.expect("submitted")
    assert (got["status"], got.get("message_id")) == (status, None), got


def receipts(peer, count):
    """The first so many receipts that it got, in their order, whatever it heard in between."""
    def heard():
        return [e for e in peer.seen if e["event"] == "deliver"]
    while len(heard()) < count:
        peer.expect("deliver", timeout=60)
    return heard()


def ids(peer, count):
    return [e["receipted_message_id"] for e in receipts(peer, count)]


def goodbye(peer):
    peer.tell("unbind")
    peer.expect("closed")


def test_submit_to_receipt_and_back(gateway):
    shop = gateway.start().bound()
    made = submit(shop)
    (receipt,) = receipts(shop, 1)
    assert (receipt["receipted_message_id"], receipt["message_state"], receipt["esm_class"]) == (made, DELIVERED, 4)
    assert (receipt["from"], receipt["to"]) == (READER, "SHOP")
    assert re.fullmatch(rf"id:{made} sub:001 dlvrd:001 submit date:\d{{10}} done date:\d{{10}} stat:DELIVRD err:000 text:", receipt["text"])
    (text,) = gateway.texts()
    assert (text["text"], text["from"], text["total"]) == ("La pirogue glisse", "SHOP", 1) and not text["defects"]
    gateway.wait_sql("select 1 where not exists (select 1 from messaging.esme_receipt)", "the receipt to be gone")
    assert gateway.sql("select body, body_sealed from messaging.message where kind = 'esme'") == [(None, None)]
    wait_until(lambda: gateway.one.metric("coko_esme_receipts_total", "taken") == 1, "the metric of receipts")
    wait_until(lambda: gateway.one.metric("coko_esme_binds", "shop") == 1, "the metric of binds")
    assert gateway.one.metric("coko_esme_submits_total", "accepted") == 1


def test_every_way_of_saying_it_arrives_whole(gateway):
    shop = gateway.start().bound()
    long = "La pirogue glisse sur le fleuve et personne ne parle. " * 9
    shop.tell("submit_long", to=READER, text=long, **{"from": "SHOP"})
    parts = {shop.expect("submitted")["message_id"] for _ in range(4)}
    assert len(parts) == 4
    shop.tell("data", to=READER, text=long, **{"from": "SHOP"})
    assert shop.expect("submitted")["status"] == 0
    submit(shop, "")
    submit(shop, "", message_payload=long + "fin")
    submit(shop, "Ɗan Hausa")  # UCS-2
    texts = [m["text"] for m in gateway.texts(count=5)]
    assert sorted(texts) == sorted([long, long, "", long + "fin", "Ɗan Hausa"])
    assert not any(m["defects"] for m in gateway.texts(count=5))
    assert parts < set(ids(shop, 8))


def test_submit_multi_is_a_message_a_number(gateway):
    """Expected: one id for all, a receipt a number under it; lists, bad numbers and who said STOP stand in unsuccess_sme."""
    shop = gateway.start().bound()
    numbers = [f"22507010204{n:02}" for n in range(40)]
    gateway.smsc.control("POST", "/mo?wait_ms=9000", {"from": numbers[0], "to": "26", "text": "STOP"})
    gateway.wait_sql("select 1 from auth.identity where stopped_at is not null", "STOP")
    shop.tell("multi", to=[*numbers, "123", numbers[1]], lists=["staff"], text="bonjour")
    got = shop.expect("submitted")
    assert got["status"] == 0 and got["failed"] == {"123": RINVDSTADR, "staff": RCNTSUBDL, numbers[0]: RX_R_APPN}
    told = receipts(shop, 39)
    assert {r["from"] for r in told} == set(numbers[1:]) and {r["receipted_message_id"] for r in told} == {got["message_id"]}
    assert [m["text"] for m in gateway.texts(numbers[1])] == ["bonjour"]  # named twice, sent once
    assert gateway.sql("select count(*), count(distinct message_id) from messaging.esme_multi") == [(39, 39)]
    shop.tell("query", message_id=got["message_id"])
    assert shop.expect("queried")["state"] == DELIVERED


def test_submit_multi_that_nobody_can_get(gateway):
    """Expected: the status that all failed with, or 0x45; nothing is kept of it."""
    gateway.start(esme_shop={"rate": 20, "burst": 20, "queue": 300})
    shop = gateway.bound()
    for to, lists, status in ((["123", "456"], [], RINVDSTADR), ([], ["staff", "all"], RCNTSUBDL), (["123"], ["staff"], RSUBMITFAIL)):
        shop.tell("multi", to=to, lists=lists, text="x")
        assert shop.expect("submitted")["status"] == status
    full = [f"2250701{n:06}" for n in range(254)]

    def taken():
        """It is more than the burst: it waits for a full bucket."""
        shop.tell("multi", to=full, text="x", schedule_delivery_time="000000010000000R")
        got = shop.expect("submitted", timeout=30)
        assert got["status"] in (0, RTHROTTLED) and not got["failed"]
        return got if got["status"] == 0 else None
    made = wait_until(taken, "a full bucket", every=0.2)
    refused(shop, RTHROTTLED)  # 254 numbers at 20 a second: the bucket is in debt
    assert gateway.sql("select count(*) from messaging.message where kind = 'esme'") == [(254,)]
    shop.tell("cancel", message_id=made["message_id"])
    assert shop.expect("cancelled")["status"] == 0
    assert {r["message_state"] for r in receipts(shop, 254)} == {DELETED}
    assert {r["from"] for r in receipts(shop, 254)} == set(full)


def test_an_outbox_full_of_one_esme_s_takes_no_more_of_it(gateway):
    """Its messages for tomorrow had no ceiling but the disk. Another's are taken; its own again once there is room."""
    gateway.start(esme_shop={"outbox": 254, "queue": 300})
    shop, other = gateway.bound(), gateway.bound("other")
    shop.tell("multi", to=[f"2250701{n:06}" for n in range(250)], text="x", schedule_delivery_time="000000010000000R")
    made = shop.expect("submitted", timeout=30)
    assert made["status"] == 0
    later = [submit(shop, schedule_delivery_time="000000010000000R") for _ in range(4)]
    refused(shop, RMSGQFUL)
    assert submit(other)
    wait_until(lambda: refused(shop, RMSGQFUL) or gateway.one.metric("coko_esme_outbox", "shop") == 254, "the count", every=0.2)
    assert len(gateway.has_logged("submit refused", "status=0x14")) >= 1
    for one in later[:2]:
        shop.tell("cancel", message_id=one)
        assert shop.expect("cancelled")["status"] == 0

    def taken():
        shop.tell("submit", to=READER, text="x", schedule_delivery_time="000000010000000R", **{"from": "SHOP"})
        got = shop.expect("submitted")["status"]
        assert got in (0, RMSGQFUL)
        return got == 0
    wait_until(taken, "room again", every=0.2)
    assert gateway.sql("select count(*) from messaging.message where kind = 'esme' and state = 'queued'") == [(253,)]


def test_what_is_refused_and_how(gateway):
    gateway.start(esme_shop={"senders": "SHOP 2626", "prefixes": "22507", "networks": "CI/orange SN", "rate": 20, "burst": 12})
    shop = gateway.bound()
    refused(shop, RINVDSTADR, to="123")
    refused(shop, RINVDSTADR, to="2250501020304")
    refused(shop, RINVSRCADR, **{"from": "BANK"})
    refused(shop, 0x61, schedule_delivery_time="200101000000000+")
    refused(shop, 0x62, validity_period="200101000000000+")
    refused(shop, 0x43, esm_class=0x40)
    submit(shop)
    gateway.smsc.control("POST", "/mo?wait_ms=9000", {"from": READER, "to": "26", "text": "STOP"})
    gateway.wait_sql("select 1 from auth.identity where stopped_at is not null", "STOP")
    refused(shop, RX_R_APPN)
    shop.tell("flood", count=90, window=20, to="2250702020", text="x")
    got = shop.expect("flood", timeout=60)
    assert got["count"] == 90 and got["refused"] > 20
    wait_until(lambda: gateway.one.metric("coko_esme_throttled_total", "shop") > 20, "the metric of 0x58")
    assert gateway.has_logged("submit refused", "esme=shop")
    assert gateway.sql("select count(*) from messaging.message where kind = 'esme'") == [(91 - got["refused"],)]


def test_who_may_bind_and_how_often(gateway):
    gateway.start(esme_shop={"binds": "transmitter, receiver", "max_binds": 2}, esme_other={"addresses": "192.0.2.0/24"})
    gateway.bound(password="guess", status=RINVPASWD)
    gateway.bound(kind="transceiver", status=RBINDFAIL)
    gateway.bound("other", status=RBINDFAIL)
    gateway.bound(kind="transmitter")
    second = gateway.bound(kind="receiver")
    gateway.bound(kind="receiver", status=RALYBND)
    goodbye(second)
    wait_until(lambda: gateway.has_logged("esme gone"), "the second to leave")
    gateway.bound(kind="receiver")


def test_receipts_wait_for_an_esme_that_is_away(gateway):
    tx = gateway.start().bound(kind="transmitter")
    made = [submit(tx, f"texte {n}") for n in range(25)]
    goodbye(tx)
    gateway.wait_sql("select 1 where (select count(*) from messaging.esme_receipt) = 25", "the receipts to be owed")
    assert "shop receipts" in coko_run("status", url=gateway.database)
    owed = gateway.sql("select message_id from messaging.esme_receipt order by id")
    rx = gateway.bound(kind="receiver")
    assert ids(rx, 25) == [str(r[0]) for r in owed]  # oldest first
    assert set(ids(rx, 25)) == set(made)
    gateway.wait_sql("select 1 where not exists (select 1 from messaging.esme_receipt)", "all to be acknowledged")


def test_a_receipt_answered_with_an_error_comes_again(gateway):
    shop = gateway.start().bound()
    shop.tell("deliver_status", status=0x64)
    shop.expect("deliver_status")
    made = submit(shop)
    assert ids(shop, 1) == [made]
    gateway.wait_sql("select 1 from messaging.esme_receipt where holder is null and tries = 1", "the refusal to be recorded")
    shop.tell("deliver_status", status=0)
    shop.expect("deliver_status")
    gateway.sql("update messaging.esme_receipt set due_at = ops.now()")  # the clock would move the leases too
    assert ids(shop, 2) == [made, made]
    gateway.wait_sql("select 1 where not exists (select 1 from messaging.esme_receipt)", "the receipt to be gone")


def test_kill_9_loses_no_submit_and_no_receipt(gateway):
    """A deaf ESME has a window of receipts when the daemon dies: none was acknowledged, all come again."""
    deaf, tx = gateway.start().bound(kind="receiver"), gateway.bound(kind="transmitter")
    deaf.tell("deaf", deaf=True)
    deaf.expect("deaf")
    made = [submit(tx, f"texte {n}") for n in range(30)]
    receipts(deaf, 10)
    gateway.one.kill()
    deaf.expect("closed")
    gateway.one.start()
    gateway.wait_open()
    assert set(ids(gateway.bound(), 30)) == set(made)
    gateway.wait_sql("select 1 where not exists (select 1 from messaging.esme_receipt)", "all to be acknowledged")
    assert sorted(m["text"] for m in gateway.texts(count=30)) == sorted(f"texte {n}" for n in range(30))


def test_a_deaf_esme_is_asked_later_and_let_go(gateway):
    """It answers no receipt: each one waits longer, its bind is closed after 20 in a row, and all come to the next bind."""
    gateway.start(smpp_server={"response_timeout": "300ms"})
    tx = gateway.bound(kind="transmitter")
    made = [submit(tx, f"texte {n}") for n in range(30)]
    gateway.wait_sql("select 1 where (select count(*) from messaging.esme_receipt) = 30", "the receipts to be owed")
    deaf = gateway.peer()
    deaf.tell("deaf", deaf=True)
    deaf.expect("deaf")
    assert deaf.bind("shop", "secret-shop", "receiver")["status"] == 0
    deaf.expect("unbind", timeout=30)
    wait_until(lambda: gateway.has_logged("esme gone", "why=deaf"), "the log of it")
    wait_until(lambda: gateway.one.metric("coko_esme_receipts_total", "unanswered") >= 20, "the metric")
    gateway.wait_sql("select 1 where not exists (select 1 from messaging.esme_receipt where holder is not null)", "all to be recorded")
    heard = {e["receipted_message_id"] for e in deaf.seen if e["event"] == "deliver"}
    assert len(heard) >= 20
    waits = gateway.sql("select message_id::text from messaging.esme_receipt where due_at > created_at and tries between 1 and 2")
    assert len(waits) >= 20 and {w[0] for w in waits} <= heard
    assert gateway.sql("select count(*) from messaging.esme_receipt") == [(30,)]
    gateway.sql("update messaging.esme_receipt set due_at = ops.now()")  # the clock would move the leases too
    assert set(ids(gateway.bound(kind="receiver"), 30)) == set(made)
    gateway.wait_sql("select 1 where not exists (select 1 from messaging.esme_receipt)", "all to be acknowledged")


def test_another_worker_listens_when_one_dies(gateway):
    gateway.start(coko={"workers": 2}, smpp_server={"lease": "2s"})
    submit(gateway.bound())
    owner = gateway.sql("select owner from ops.lease where name like 'esme:%%'")[0][0].rsplit(":", 1)[1]
    pid = [r["pid"] for r in gateway.has_logged("worker ready", f"slot={owner}")][-1]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid), "the owner to die")
    wait_until(lambda: len(gateway.has_logged("esmes may bind")) == 2, "another to listen", 30)
    gateway.wait_open()
    shop = gateway.bound()
    made = submit(shop, "encore")
    while made not in ids(shop, 1):
        shop.expect("deliver", timeout=60)


def test_receipts_find_the_bind_on_another_machine(gateway, daemon):
    gateway.start(coko={"instance": "a"})
    there = free_port()
    daemon(config={**gateway.config, "coko": {"instance": "b"}, "smpp_server": {"listen": f"127.0.0.1:{there}"}}, smsc=gateway.smsc)
    wait_until(lambda: listens(there), "the listener of the other machine", 30)
    rx, tx = gateway.peers("smpp_client.js", "--port", there), gateway.bound(kind="transmitter")
    assert rx.bind("shop", "secret-shop", "receiver")["status"] == 0
    made = [submit(tx, f"texte {n}") for n in range(3)]
    assert set(ids(rx, 3)) == set(made)


def test_two_accounts_see_nothing_of_each_other(gateway):
    gateway.start()
    shop, other = gateway.bound(), gateway.bound("other")
    held = submit(shop, schedule_delivery_time="000000010000000R")
    for peer, status in ((other, RINVMSGID), (shop, 0)):
        peer.tell("query", message_id=held)
        assert peer.expect("queried")["status"] == status
    other.tell("replace", message_id=held, text="x")
    assert other.expect("replaced")["status"] == RINVMSGID
    other.tell("cancel", message_id=held)
    assert other.expect("cancelled")["status"] == RINVMSGID
    made = submit(shop)
    assert ids(shop, 1) == [made]
    for bad in ("", "x", "0", "99999999999999999999", "-1"):
        other.tell("query", message_id=bad)
        assert other.expect("queried")["status"] == RINVMSGID
    assert not [e for e in other.seen if e["event"] == "deliver"]


def test_query_replace_and_cancel(gateway):
    shop = gateway.start().bound()
    held = submit(shop, schedule_delivery_time="000000010000000R")
    shop.tell("query", message_id=held)
    assert shop.expect("queried")["state"] == ENROUTE
    shop.tell("replace", message_id=held, text="un autre texte")
    assert shop.expect("replaced")["status"] == 0
    gateway.sql("update messaging.message set due_at = ops.now() where id = %s", (held,))
    assert ids(shop, 1) == [held]
    assert [m["text"] for m in gateway.texts()] == ["un autre texte"]
    shop.tell("query", message_id=held)
    assert shop.expect("queried")["state"] == DELIVERED
    shop.tell("cancel", message_id=held)
    assert shop.expect("cancelled")["status"] == RCANCELFAIL
    shop.tell("replace", message_id=held, text="x")
    assert shop.expect("replaced")["status"] == RREPLACEFAIL
    gone = submit(shop, schedule_delivery_time="000000010000000R")
    shop.tell("cancel", message_id=gone)
    assert shop.expect("cancelled")["status"] == 0
    receipt = receipts(shop, 2)[1]
    assert (receipt["receipted_message_id"], receipt["message_state"]) == (gone, DELETED)


def test_hard_37_a_database_that_is_stuck_gives_no_id(gateway):
    """Submits are answered 0x08 when their time is over and 0x14 meanwhile; the link lives; nothing is kept of them."""
    shop = gateway.start(esme_shop={"queue": 5}).bound()
    with Locked(gateway.database, "messaging.esme_message"):
        for n in range(40):
            shop.tell("submit", to=READER, text="x", tag=n)
        got = [shop.expect("submitted", timeout=30) for _ in range(40)]
        assert {g["status"] for g in got} == {RSYSERR, RMSGQFUL} and not any(g.get("message_id") for g in got)
        assert sum(g["status"] == RSYSERR for g in got) <= 5
        shop.tell("enquire")
        assert shop.expect("enquired")["status"] == 0
    made = wait_until(lambda: try_submit(shop), "the database to be back", 30)
    assert gateway.sql("select id from messaging.message where kind = 'esme'") == [(int(made),)]


def try_submit(peer):
    peer.tell("submit", to=READER, text="x")
    got = peer.expect("submitted")
    assert got["status"] in (0, RSYSERR, RMSGQFUL), got
    return got["message_id"] if got["status"] == 0 else None


def test_reload_brings_changes_and_ends_accounts(gateway):
    gateway.start()
    shop, other = gateway.bound(), gateway.bound("other")
    del gateway.config["esme other"]
    gateway.config["esme shop"].update(password="fresh", senders="2626")
    gateway.config["esme third"] = {"password": "secret-third"}
    gateway.config["smpp_server"]["max_failures"] = 9
    gateway.one.ini.write_text(render_ini(gateway.one.values, gateway.config))
    gateway.one.process.signal(signal.SIGHUP)
    other.expect("unbind", timeout=30)
    gateway.bound("third")
    gateway.bound("other", status=0x0F)
    refused(shop, RINVSRCADR)  # the live bind stays, under the new permissions
    submit(shop, **{"from": "2626"})
    gateway.bound("shop", status=RINVPASWD)
    gateway.bound("shop", password="fresh")
    assert gateway.has_logged("option wants a restart", "section=smpp_server key=max_failures")


def test_over_tls_with_a_client_certificate_asked(gateway, tmp_path):
    crt, key = certificate(tmp_path, "server")
    gateway.start(smpp_server={"tls_cert": crt, "tls_key": key})
    shop = gateway.peer("--tls")
    assert shop.bind("shop", "secret-shop")["status"] == 0
    made = submit(shop)
    assert ids(shop, 1) == [made]


def test_a_shutdown_says_goodbye(gateway):
    shop = gateway.start().bound()
    submit(shop)
    gateway.one.process.signal(signal.SIGTERM)
    shop.expect("unbind", timeout=30)
    assert gateway.one.process.wait(60) == 0


def test_kannel_submits_and_takes_its_receipts(gateway, tmp_path):
    gateway.start(esme_shop={"password": "secret"})  # Kannel keeps to the 8 octets of v3.4
    numbers = [f"22507010203{n:02}" for n in range(20)]
    with Kannel(tmp_path, gateway.port, "shop", "secret") as box:
        box.submit(numbers, "bonjour")
        wait_until(lambda: gateway.one.metric("coko_esme_receipts_total", "taken") == 20,
                   lambda: f"{gateway.one.process.tail()} {box.tail()}", 60)
    for number in numbers:
        assert [m["text"] for m in gateway.texts(number)] == ["bonjour"]
    assert gateway.sql("select count(*) from messaging.esme_receipt") == [(0,)]


def test_check_lists_every_fault_of_the_sections(tmp_path):
    ini = tmp_path / "coko.ini"
    ini.write_text(f"[coko]\nkeys = {TEST_KEYS}\n[postgres]\nurl = postgresql:///x\n[smpp_server]\nlisten = nowhere\ntls_cert = a\n"
                   "[esme shop]\npassword = p\nbinds = transponder\naddresses = 192.0.2.0/40 x\nnetworks = ci\n"
                   "[esme two]\nsystem_id = shop\nprefixes = +225\nwindow = 0\npassword = p\n[esme three]\nsystem_id = shop\npassword = p\n")
    done = subprocess.run([str(COKO), "check", "-c", str(ini)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    for line, word in ((6, "listen"), (7, "tls_cert"), (10, "transponder"), (11, "192.0.2.0/40"), (11, '"x"'), (12, "ci"), (16, "window"),
                       (19, "another section has it")):
        assert re.search(rf"coko.ini:{line}: .*{re.escape(word)}", done.stdout + done.stderr), (line, word, done.stdout + done.stderr)
