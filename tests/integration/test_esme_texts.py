# SPDX-License-Identifier: Apache-2.0
"""Readers' texts to an ESME's own number, from the lab's SMSC to npm "smpp": stored before the carrier hears that we have
them, given until the ESME has them; and what an ESME may do on all machines together."""
import signal
import time

from daemon import render_ini
from database import Locked
from kannel import listens
from lab_fixtures import node_peer  # noqa: F401
from support import free_port, wait_until
from test_esme import RALYBND, READER, RTHROTTLED, gateway, goodbye, submit  # noqa: F401


def says(gateway, text, to="7070", wait=30000, **more):  # noqa: F811
    return gateway.smsc.control("POST", f"/mo?wait_ms={wait}", {"from": READER, "to": to, "text": text, **more})["statuses"]


def heard(peer, count):
    while len([e for e in peer.seen if e["event"] == "deliver"]) < count:
        peer.expect("deliver", timeout=60)
    return [e for e in peer.seen if e["event"] == "deliver"]


def gone(gateway):  # noqa: F811
    gateway.wait_sql("select 1 where not exists (select 1 from messaging.esme_text)", "the texts to be acknowledged")


def test_a_text_to_its_number_is_its_own(gateway):  # noqa: F811
    """Expected: no keyword runs, no reply leaves; the ESME gets octets and coding as they came, a long text in its parts."""
    gateway.start(esme_shop={"numbers": "7070 22507070"}, esme_other={"numbers": "8080"})
    shop, other = gateway.bound(), gateway.bound("other")
    assert says(gateway, "STOP") == [0]
    assert says(gateway, "Ɗan Hausa", to="+22507070") == [0]
    long = "La pirogue glisse sur le fleuve et personne ne parle. " * 4
    assert says(gateway, long) == [0, 0]
    stop, hausa, *parts = heard(shop, 4)
    assert (stop["from"], stop["to"], stop["text"], stop["esm_class"], stop.get("receipted_message_id")) == (READER, "7070", "STOP", 0, None)
    assert (hausa["text"], hausa["data_coding"]) == ("Ɗan Hausa", 8)
    one, two = sorted(parts, key=lambda part: part["udh"][0][-2:])  # they come in any order, as from any carrier
    assert one["text"] + two["text"] == long and one["udh"][0][-2:] == "01" and two["udh"][0][-2:] == "02" and one["esm_class"] == 0x40
    assert says(gateway, "bonjour", to="8080") == [0]
    assert [e["text"] for e in heard(other, 1)] == ["bonjour"]
    assert len(heard(shop, 4)) == 4
    gone(gateway)
    assert gateway.sql("select count(*) from messaging.inbound") == [(0,)]
    assert gateway.sql("select count(*) from auth.identity where stopped_at is not null") == [(0,)]
    assert gateway.sql("select count(*) from messaging.message") == [(0,)]
    wait_until(lambda: gateway.one.metric("coko_esme_text_answers_total", "taken") == 5, "the metric")
    assert says(gateway, "AIDE", to="26") == [0]  # ours is as it was
    gateway.wait_sql("select 1 from messaging.inbound", "the keyword")


def test_a_text_that_cannot_be_stored_is_the_carrier_s(gateway):  # noqa: F811
    gateway.start(esme_shop={"numbers": "7070"})
    shop = gateway.bound()
    with Locked(gateway.database, "messaging.esme_text"):
        says(gateway, "bonjour", wait=0)
        wait_until(lambda: gateway.has_logged("text to an esme not stored"), "a failed attempt")
        assert gateway.smsc.control("GET", "/stats")["deliver_acked"] == 0
    assert [e["text"] for e in heard(shop, 1)] == ["bonjour"]
    gone(gateway)


def test_texts_wait_for_an_esme_and_come_again_after_an_error_or_kill_9(gateway):  # noqa: F811
    gateway.start(esme_shop={"numbers": "7070"})
    texts = [f"texte {n}" for n in range(15)]
    for text in texts:
        assert says(gateway, text) == [0]
    assert gateway.sql("select count(*) from messaging.esme_text") == [(15,)]
    deaf = gateway.peer()
    deaf.tell("deaf", deaf=True)
    deaf.expect("deaf")
    assert deaf.bind("shop", "secret-shop", "receiver")["status"] == 0
    heard(deaf, 10)
    gateway.one.kill()
    deaf.expect("closed")
    gateway.one.start()
    gateway.wait_open()
    angry = gateway.peer()
    angry.tell("deliver_status", status=0x64)
    angry.expect("deliver_status")
    assert angry.bind("shop", "secret-shop", "receiver")["status"] == 0
    heard(angry, 15)
    gateway.wait_sql("select 1 where (select count(*) from messaging.esme_text where holder is null and tries > 0) = 15", "the refusals")
    goodbye(angry)
    gateway.sql("update messaging.esme_text set due_at = ops.now()")  # the clock would move the leases too
    assert sorted(e["text"] for e in heard(gateway.bound(kind="receiver"), 15)) == sorted(texts)
    gone(gateway)


def test_a_default_that_is_another_here_is_named(gateway):  # noqa: F811
    """Expected: data_coding 0 of a carrier whose default is Latin-1 reaches an ESME of GSM-7 as data_coding 3."""
    gateway.config["link lab"] = {"alphabet": "latin1"}
    gateway.start(esme_shop={"numbers": "7070"}, esme_other={"numbers": "8080", "alphabet": "latin1"})
    shop, other = gateway.bound(), gateway.bound("other")
    assert says(gateway, "bonjour", data_coding=0) == [0] and says(gateway, "bonjour", to="8080", data_coding=0) == [0]
    assert [e["data_coding"] for e in heard(shop, 1) + heard(other, 1)] == [3, 0]
    gone(gateway)


def test_neither_texts_nor_receipts_wait_for_all_of_the_other(gateway):  # noqa: F811
    """Expected: through a window of one, receipts and texts come in turn."""
    gateway.start(esme_shop={"numbers": "7070", "window": 1})
    writer = gateway.bound(kind="transmitter")
    for _ in range(20):
        submit(writer)
    gateway.wait_sql("select 1 where (select count(*) from messaging.esme_receipt) = 20", "the receipts")
    for n in range(5):
        assert says(gateway, f"texte {n}") == [0]
    got = heard(gateway.bound(kind="receiver"), 25)
    texts = [n for n, e in enumerate(got) if "receipted_message_id" not in e]
    assert len(texts) == 5 and texts[-1] < 15, texts
    gone(gateway)


def test_a_number_may_move_with_a_reload_and_has_one_owner(gateway):  # noqa: F811
    gateway.start(esme_shop={"numbers": "7070"})
    other = gateway.bound("other")
    gateway.config["esme shop"]["numbers"] = "9090"
    gateway.config["esme other"]["numbers"] = "7070"
    gateway.one.ini.write_text(render_ini(gateway.one.values, gateway.config))
    gateway.one.process.signal(signal.SIGHUP)
    wait_until(lambda: gateway.has_logged("esmes reloaded"), "the reload")
    assert says(gateway, "bonjour") == [0]
    assert [e["text"] for e in heard(other, 1)] == ["bonjour"]
    gateway.config["esme shop"]["numbers"] = "+7070"
    gateway.one.ini.write_text(render_ini(gateway.one.values, gateway.config))
    gateway.one.process.signal(signal.SIGHUP)
    wait_until(lambda: "another section has one of them" in gateway.one.process.log.read_text(), "the fault")


class Machines:
    """Two listeners of one installation."""

    def __init__(self, gateway, daemon, **limits):  # noqa: F811
        self.gateway, self.there = gateway.start(coko={"instance": "a"}, smpp_server={"lease": "2s"}, esme_shop=limits), free_port()
        daemon(config={**gateway.config, "coko": {"instance": "b"}, "smpp_server": {"listen": f"127.0.0.1:{self.there}", "lease": "2s"}},
               smsc=gateway.smsc)
        wait_until(lambda: listens(self.there), "the listener of the other machine", 30)

    def peer(self, port, status=0):
        peer = self.gateway.peers("smpp_client.js", "--port", port)
        assert peer.bind("shop", "secret-shop")["status"] == status
        return peer

    def here(self, status=0):
        return self.peer(self.gateway.port, status)

    def beside(self, status=0):
        return self.peer(self.there, status)


def taken(peer, count):
    """How many of so many submits at once are taken; the others are over the rate."""
    for n in range(count):
        peer.tell("submit", to=f"22507010203{n:02}", text="x", schedule_delivery_time="000000010000000R", **{"from": "SHOP"})
    got = [peer.expect("submitted", timeout=60)["status"] for _ in range(count)]
    assert set(got) <= {0, RTHROTTLED}
    return got.count(0)


def test_binds_are_counted_on_all_machines(gateway, daemon):  # noqa: F811
    """Expected: one bind over max_binds is refused wherever it comes; a place that is left is free for both."""
    both = Machines(gateway, daemon, max_binds=2)
    both.here()
    other = both.beside()
    both.here(RALYBND)
    both.beside(RALYBND)
    goodbye(other)
    gateway.wait_sql("select 1 where (select sum(binds) from messaging.esme_node) = 1", "the others to be told")
    both.here()
    both.beside(RALYBND)
    gateway.wait_sql("select 1 where (select sum(binds) from messaging.esme_node) = 2", "the second")
    gateway.one.kill()
    gateway.wait_sql("select 1 from ops.lease where name = 'esme:a' and until < ops.now()", "the lease of the dead to end")
    both.beside()
    both.beside()


def test_the_rate_is_one_on_all_machines(gateway, daemon):  # noqa: F811
    """Expected: what was taken here is missing there, once it is told: with the next bind, or within a second."""
    both = Machines(gateway, daemon, max_binds=4, rate=1, burst=50)
    here, other, began = both.here(), both.beside(), time.monotonic()
    assert taken(here, 50) == 50
    gateway.wait_sql("select 1 from messaging.esme_node where holder = 'esme:a' and used >= 50", "the others to be told")
    both.beside()
    assert taken(other, 50) <= time.monotonic() - began + 1
