# SPDX-License-Identifier: Apache-2.0
"""messaging.submit and what an ESME may ask about its messages; receipts until the ESME has them."""
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from database import Held
from sqlfixtures import *  # noqa: F401,F403
from sqlworld import key
from support import wait_until

NUMBER = "+2250501020304"


def row(n=0, number=NUMBER, **more):
    row.made += 1
    return {"n": n, "dedupe": f"esme:{row.made}", "lookup": key(number).hex(), "sealed": (b"sealed" + number[-2:].encode()).hex(),
            "key_id": 1, "country": "CI", "network": "+" + number[1:8], "body": b"sealed text".hex(), "source": "SHOP",
            "source_kind": "alphanumeric", "coding": None, "plain": True, "udhi": False, "parts": 1, "priority": 2, "due_s": 0,
            "validity_s": 3600, "registered": 1, **more}


row.made = 0


def submit(world, *rows, esme="shop", networks="{}", conn=None):
    return world.call("messaging.submit", esme, networks, list(rows), conn=conn)


def one(world, esme="shop", **more):
    (got,) = submit(world, row(**more), esme=esme)
    assert got["outcome"] == "queued", got
    return got["message_id"]


def message(world, made):
    return world.row("select * from messaging.message where id = %s", made)


def receipts(world, esme="shop", holder="esme:a", limit=10):
    return world.call("messaging.esme_take", esme, holder, limit)


def answered(world, *pairs):
    return world.value("select messaging.esme_answered(%s)", json.dumps([{"id": i, "answer": a} for i, a in pairs]))


def test_a_submit_is_a_row_of_the_outbox(world):
    made = one(world, coding=245, udhi=True, due_s=60)
    m = message(world, made)
    assert (m["kind"], m["state"], m["priority"], m["account"], m["body"]) == ("esme", "queued", 2, "lab", None)
    assert bytes(m["body_sealed"]) == b"sealed text"
    assert (m["due_at"] - m["created_at"]).total_seconds() == 60 and (m["expires_at"] - m["due_at"]).total_seconds() == 3600
    assert world.one("messaging.wire_of", "lab", made, "esme") == {"sender": "SHOP", "kind": "alphanumeric", "coding": 245, "udhi": True, "fold": None}
    assert world.claim_sms() == []  # its schedule is honoured
    world.later("61 seconds")
    assert [c["message_id"] for c in world.claim_sms()] == [made]


def multi(world, *numbers, no=1, dedupe="esme:multi", **more):
    """A submit_multi: the first row has the body of all."""
    rows = [row(n, number, multi=no, dedupe=f"{dedupe}.{n}", **more) for n, number in enumerate(numbers)]
    for later in rows[1:]:
        del later["body"]
    return rows


def test_a_submit_multi_is_one_id_and_a_message_a_number(world):
    numbers = [f"+22505010203{n:02}" for n in range(5)]
    rows = multi(world, *numbers, country="CI")
    rows[2]["country"] = "XX"
    got = submit(world, *rows, row(9, "+2250501020399"))
    by = {g["n"]: g for g in got}
    (shared,) = {g["message_id"] for n, g in by.items() if n < 5 and n != 2}
    assert by[2] == {"n": 2, "outcome": "no_route", "message_id": None} and by[9]["message_id"] != shared
    made = world.rows("select m.id, m.body_sealed from messaging.esme_multi g join messaging.message m on m.id = g.message_id"
                      " where g.multi = %s order by 1", shared)
    assert len(made) == 4 and made[0]["id"] == shared and {bytes(m["body_sealed"]) for m in made} == {b"sealed text"}
    again = {g["n"]: g["message_id"] for g in submit(world, *rows)}
    assert again == {0: shared, 1: shared, 2: None, 3: shared, 4: shared}  # its answer was lost: the same id, nothing twice
    assert world.value("select count(*) from messaging.message") == 5
    two = submit(world, *multi(world, *numbers[:2], dedupe="esme:m2"), *[{**r, "n": r["n"] + 2} for r in multi(
        world, *numbers[:2], no=2, dedupe="esme:m3")])
    assert len({g["message_id"] for g in two}) == 2  # two in one batch are two


def test_a_submit_multi_is_asked_about_and_changed_as_one(world):
    numbers = [f"+22505010203{n:02}" for n in range(3)]
    shared = submit(world, *multi(world, *numbers))[0]["message_id"]
    ids = [r["message_id"] for r in world.rows("select message_id from messaging.esme_multi order by 1")]
    assert world.value("select messaging.esme_replace('shop', %s, 'other'::bytea, 1, null, null, 1)", shared) == "replaced"
    assert {bytes(message(world, i)["body_sealed"]) for i in ids} == {b"other"}
    assert world.call("messaging.esme_query", "shop", ids[1]) == []  # an id that the ESME was never told
    assert world.value("select messaging.esme_cancel('other', %s)", shared) == "not_found"
    (sent,) = [c["message_id"] for c in world.claim_sms(limit=1)]
    assert world.value("select messaging.esme_replace('shop', %s, 'x'::bytea, 1, null, null, 1)", shared) == "too_late"
    assert world.one("messaging.esme_query", "shop", shared)["state"] in ("queued", "sending")
    assert world.value("select messaging.esme_cancel('shop', %s)", shared) == "cancelled"
    assert world.value("select messaging.esme_cancel('shop', %s)", shared) == "too_late"
    world.accept(sent, "r1")
    world.receipt("r1")
    assert sorted(message(world, i)["state"] for i in ids) == ["cancelled", "cancelled", "delivered"]
    assert world.one("messaging.esme_query", "shop", shared)["state"] == "cancelled"  # delivered would mean: all
    told = receipts(world)
    assert {r["message_id"] for r in told} == {shared} and sorted(r["state"] for r in told) == ["cancelled", "cancelled", "delivered"]


def test_without_a_source_the_contract_or_the_link_names_the_sender(world):
    made = one(world, source="", source_kind="")
    assert world.one("messaging.wire_of", "lab", made, "esme") == {"sender": None, "kind": None, "coding": None, "udhi": False, "fold": None}
    world.rows("insert into messaging.sender (account, country, kind, sender, two_way) values ('lab', 'CI', 'short_code', '2626', true)")
    assert world.one("messaging.wire_of", "lab", made, "esme")["sender"] == "2626"
    ours = world.one("messaging.enqueue", world.dial()["identity_id"], "notice", "fr", "help", {}, None)["message_id"]
    assert world.one("messaging.wire_of", "lab", ours, "notice") == {"sender": "2626", "kind": "short_code", "coding": None, "udhi": False, "fold": None}


def test_a_message_that_came_while_its_claim_waited_goes_as_it_was_submitted(world):
    """Found as a UCS-2 text that was lost as "not UTF-8": claim saw the message, wire_of looked with the eyes of before."""
    claim = ("select c.message_id, s.* from messaging.claim('lab', 'w:1', 1, 10) c"
             " left join lateral messaging.wire_of('lab', c.message_id, c.kind) s on true")
    sender, shop = world.connect(), world.connect()
    shop.autocommit = False
    made = submit(world, row(coding=8), conn=shop)[0]["message_id"]
    world.rows("update messaging.message set fold = 'keep' where id = %s", made, conn=shop)
    with ThreadPoolExecutor(1) as pool:
        with Held(world.url, "select 1 from messaging.account where name = 'lab' for no key update"):
            claimed = pool.submit(world.rows, claim, conn=sender)
            wait_until(lambda: world.value("select count(*) from pg_locks where not granted") > 0, "the claim to wait")
            shop.commit()
    assert claimed.result() == [{"message_id": made, "sender": "SHOP", "kind": "alphanumeric", "coding": 8, "udhi": False, "fold": "keep"}]
    shop.close()
    sender.close()


def test_every_submit_is_a_message_and_a_repeated_batch_is_not(world):
    batch = [row(0), row(1), row(2, number="+2250501020399")]
    first = submit(world, *batch)
    assert len({g["message_id"] for g in first}) == 3
    assert sorted(map(str, submit(world, *batch))) == sorted(map(str, first))  # its answer was lost
    assert world.value("select count(*) from messaging.message") == 3


def test_batches_at_once_with_the_same_new_numbers(world):
    numbers = [f"+22505010203{n:02}" for n in range(40)]
    batches = [[row(n, number=x) for n, x in enumerate(order)] for order in (numbers, numbers[::-1], numbers[20:] + numbers[:20])]
    conns = [world.connect() for _ in batches]
    with ThreadPoolExecutor(len(batches)) as pool:
        got = list(pool.map(lambda k: submit(world, *batches[k], conn=conns[k]), range(len(batches))))
    [c.close() for c in conns]
    assert {g["outcome"] for batch in got for g in batch} == {"queued"}
    assert world.value("select count(*) from auth.identity") == 40


def test_texts_to_one_number_keep_their_order(world):
    got = submit(world, *[row(n) for n in range(30)])
    by_n = [g["message_id"] for g in sorted(got, key=lambda g: g["n"])]
    assert by_n == sorted(by_n)


def test_stop_refuses_and_ends_what_is_queued(world):
    made = one(world)
    reader = world.dial()
    world.one("auth.stop", reader["identity_id"], "s1")
    assert message(world, made)["state"] == "cancelled"
    assert submit(world, row())[0] == {"n": 0, "outcome": "stopped", "message_id": None}
    assert [(r["message_id"], r["state"]) for r in receipts(world)] == [(made, "cancelled")]
    world.one("auth.start_again", reader["identity_id"], "s2")
    assert one(world)


def test_networks_and_routes(world):
    assert submit(world, row(), networks="{SN}")[0]["outcome"] == "not_allowed"
    assert submit(world, row(), networks="{CI/orange}")[0]["outcome"] == "not_allowed"
    assert submit(world, row(), networks="{CI/mtn}")[0]["outcome"] == "queued"  # by the number's first digits
    assert submit(world, row(), networks="{SN,CI}")[0]["outcome"] == "queued"
    assert submit(world, row(number="+33612345678", country="FR"))[0]["outcome"] == "no_route"
    world.rows("delete from messaging.route")
    assert submit(world, row())[0]["outcome"] == "no_route"


def deliver(world, made, ref, state="DELIVRD"):
    assert made in [c["message_id"] for c in world.claim_sms()]
    world.accept(made, ref)
    world.receipt(ref, state)


def test_a_receipt_is_owed_until_it_is_answered(world):
    made = one(world)
    deliver(world, made, "r1")
    (got,) = receipts(world)
    assert (got["message_id"], got["state"], got["parts"], got["delivered"], got["source"]) == (made, "delivered", 1, 1, "SHOP")
    assert bytes(got["number_sealed"]) == b"sealed04" and len(got["submitted"]) == len(got["done"]) == 10
    assert receipts(world) == []  # on a bind
    answered(world, (got["receipt_id"], "lost"))
    (again,) = receipts(world)
    assert again["receipt_id"] == got["receipt_id"]
    answered(world, (got["receipt_id"], "refused"))
    assert receipts(world) == []
    world.later("20 seconds")
    assert len(receipts(world)) == 1
    assert answered(world, (got["receipt_id"], "done")) == 1 and answered(world, (got["receipt_id"], "done")) == 0
    world.later("10 minutes")
    assert receipts(world) == []


def test_a_deaf_esme_is_asked_less_and_less(world):
    deliver(world, one(world), "r1")
    (got,) = receipts(world)
    for wait in (5, 10, 20, 40, 80, 160, 320, 600, 600):
        answered(world, (got["receipt_id"], "unanswered"))
        world.later(f"{wait - 1} seconds")
        assert receipts(world) == []
        world.later("1 second")
        assert [r["receipt_id"] for r in receipts(world)] == [got["receipt_id"]]
    assert answered(world, (got["receipt_id"], "done")) == 1


def test_a_dead_holder_s_receipts_are_due_again(world):
    made = [one(world) for _ in range(3)]
    for n, m in enumerate(made):
        world.claim_sms()
        world.accept(m, f"d{n}")
        world.receipt(f"d{n}")
    first = receipts(world, limit=2)
    assert [r["message_id"] for r in first] == made[:2]  # oldest first
    assert world.value("select messaging.esme_release('esme:b')") == 0
    assert world.value("select messaging.esme_release('esme:a')") == 2
    assert [r["message_id"] for r in receipts(world)] == made
    world.later("4 minutes")  # a holder on a machine that never came back
    assert len(receipts(world, holder="esme:b")) == 3


@pytest.mark.parametrize("registered,state,owed", [(0, "DELIVRD", None), (0, "UNDELIV", None), (1, "UNDELIV", "failed"), (2, "DELIVRD", None),
                                                   (2, "UNDELIV", "failed"), (3, "DELIVRD", "delivered"), (3, "EXPIRED", None),
                                                   (1, "EXPIRED", "expired")])
def test_which_ends_are_told(world, registered, state, owed):
    deliver(world, one(world, registered=registered), "r1", state)
    assert [r["state"] for r in receipts(world)] == ([owed] if owed else [])


def test_what_ends_without_a_carrier_is_told_too(world):
    late, given_up = one(world, validity_s=60), one(world, number="+2250501020399")
    world.later("2 minutes")
    assert [c["message_id"] for c in world.claim_sms()] == [given_up]
    (first,) = receipts(world)
    assert (first["message_id"], first["state"]) == (late, "expired")
    answered(world, (first["receipt_id"], "done"))
    world.call("messaging.record", "lab", 1, [{"m": given_up, "no": 1, "of": 1, "status": "unknown", "code": 0}])
    assert receipts(world) == []  # M4: the carrier may still tell
    world.later("25 hours")
    world.call("messaging.settle_unknown", "lab", 10)
    assert [(r["message_id"], r["state"]) for r in receipts(world)] == [(given_up, "expired")]


def test_an_esme_reads_nothing_of_another_s(world):
    mine, theirs = one(world), one(world, esme="other")
    ours = world.one("messaging.enqueue", world.dial()["identity_id"], "notice", "fr", "help", {}, None)["message_id"]
    for foreign in (theirs, ours, 10 ** 12):
        assert world.call("messaging.esme_query", "shop", foreign) == []
        assert world.value("select messaging.esme_cancel('shop', %s)", foreign) == "not_found"
        assert world.value("select messaging.esme_replace('shop', %s, 'x', 1, null, null, 1)", foreign) == "not_found"
    assert world.one("messaging.esme_query", "shop", mine) == {"state": "queued", "code": None, "done": None}
    assert world.one("messaging.esme_query", "other", theirs)["state"] == "queued"
    deliver(world, theirs, "t1")
    assert receipts(world) == [] and len(receipts(world, "other")) == 1


def test_cancel_and_replace_before_it_is_sent_only(world):
    made = one(world)
    assert world.value("select messaging.esme_replace('shop', %s, 'other'::bytea, 2, 30, 600, 0)", made) == "replaced"
    m = message(world, made)
    assert bytes(m["body_sealed"]) == b"other" and m["segments"] == 2 and (m["expires_at"] - m["due_at"]).total_seconds() == 600
    assert world.value("select messaging.esme_replace('shop', %s, 'x'::bytea, 1, null, null, 1)", one(world, coding=8)) == "octets"
    assert world.value("select messaging.esme_replace('shop', %s, 'x'::bytea, 1, null, null, 1)", one(world, plain=False)) == "octets"
    world.later("31 seconds")
    world.claim_sms()
    assert world.value("select messaging.esme_cancel('shop', %s)", made) == "too_late"
    assert world.value("select messaging.esme_replace('shop', %s, 'x'::bytea, 1, null, null, 1)", made) == "too_late"
    fresh = one(world)
    assert world.value("select messaging.esme_cancel('shop', %s)", fresh) == "cancelled"
    assert message(world, fresh)["body_sealed"] is None
    assert [(r["message_id"], r["state"]) for r in receipts(world)] == [(fresh, "cancelled")]
    assert world.value("select messaging.esme_cancel('shop', %s)", fresh) == "too_late"


def take_texts(world, esme="shop", holder="esme:a", limit=10):
    return world.call("messaging.esme_take_texts", esme, holder, limit)


def texts_answered(world, *pairs):
    rows = [{"id": 7, "answer": "done"}, *({"text": i, "answer": a} for i, a in pairs)]  # receipts stand among them
    return world.value("select messaging.esme_texts_answered(%s)", json.dumps(rows))


def test_a_text_is_kept_once_until_its_esme_has_it(world):
    put = "select messaging.esme_text_put('shop', %s, %s)"
    assert world.value(put, b"d1", b"first") and world.value(put, b"d2", b"second")
    assert not world.value(put, b"d1", b"first")  # the carrier did not hear us
    first, second = take_texts(world)
    assert (bytes(first["pdu_sealed"]), bytes(second["pdu_sealed"])) == (b"first", b"second")
    assert take_texts(world) == [] and take_texts(world, "other") == []
    assert texts_answered(world, (first["text_id"], "refused"), (second["text_id"], "done")) == 1
    assert take_texts(world) == []
    world.later("6 seconds")
    assert [t["text_id"] for t in take_texts(world)] == [first["text_id"]]
    texts_answered(world, (first["text_id"], "lost"))
    assert [t["text_id"] for t in take_texts(world, holder="esme:b")] == [first["text_id"]]
    world.value("select messaging.esme_release('esme:b')")
    assert [t["text_id"] for t in take_texts(world)] == [first["text_id"]]
    assert [r["name"] for r in world.rows("select * from ops.status() where section = 'esme'")] == ["shop texts"]
    world.later("73 hours")
    assert world.value("select ops.expire_rows(100)") >= 1 and world.value("select count(*) from messaging.esme_text") == 0


def meet(world, holder, binds=0, wants=0, used=0, most=3, esme="shop", epoch=1, conn=None):
    rows = [{"esme": esme, "binds": binds, "wants": wants, "max": most, "used": used}]
    (got,) = world.call("messaging.esme_meet", holder, epoch, rows, conn=conn)
    return got["granted"], got["used"]


def test_binds_and_parts_are_counted_over_all_listeners(world):
    for name in ("esme:a", "esme:b"):
        assert world.one("ops.lease_take", name, name + ":0", 10)["ok"]
    assert meet(world, "esme:a", wants=2, used=10) == (2, 0)
    assert meet(world, "esme:b", wants=2, used=5) == (1, 10)
    assert meet(world, "esme:b", binds=1, wants=1, used=6) == (0, 10)
    assert meet(world, "esme:a", binds=2, used=11) == (0, 6)
    assert meet(world, "esme:a", binds=1, used=11) == (0, 6)  # one left there
    assert meet(world, "esme:b", binds=1, wants=2, used=6) == (1, 11)
    assert meet(world, "esme:a", esme="other", wants=3) == (3, 0)
    world.later("11 seconds")  # a listener whose lease is over counts for nothing
    assert world.one("ops.lease_take", "esme:b", "esme:b:0", 10) == {"ok": True, "epoch": 2}
    assert meet(world, "esme:b", binds=2, wants=2, epoch=2) == (1, 0)
    assert world.rows("select esme, holder, binds from messaging.esme_node where esme = 'shop'") == [
        {"esme": "shop", "holder": "esme:b", "binds": 3}]


def test_what_a_dead_listener_told_counts_until_another_has_its_lease(world):
    """Expected: the binds of a killed worker stand in no one's way once its neighbour listens, with or without binds of its own."""
    assert world.one("ops.lease_take", "esme:a", "esme:a:0", 10)["ok"] and world.one("ops.lease_take", "esme:b", "esme:b:0", 60)["ok"]
    assert meet(world, "esme:a", wants=3) == (3, 0)
    assert meet(world, "esme:b", wants=1) == (0, 0)
    world.later("11 seconds")
    assert world.one("ops.lease_take", "esme:a", "esme:a:1", 60) == {"ok": True, "epoch": 2}
    assert meet(world, "esme:b", wants=1) == (1, 0)
    assert meet(world, "esme:a", wants=1, epoch=2) == (1, 0)
    meet(world, "esme:a", binds=3, epoch=1)  # the one before was only slow: what it tells is too late
    assert meet(world, "esme:b", binds=1, wants=2) == (1, 0)


def test_two_listeners_that_ask_at_once_do_not_both_get_the_last(world):
    names = [f"esme:{n}" for n in range(8)]
    for name in names:
        assert world.one("ops.lease_take", name, name, 60)["ok"]
    conns = [world.connect() for _ in names]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: meet(world, n[0], wants=1, conn=n[1])[0], zip(names, conns)))
    [c.close() for c in conns]
    assert sum(got) == 3


def test_the_text_is_wiped_with_its_end(world):
    made = one(world)
    deliver(world, made, "r1")
    assert message(world, made)["body_sealed"] is None


def test_receipts_that_nobody_takes_go_and_so_do_old_messages(world):
    deliver(world, one(world), "r1")
    assert world.rows("select * from ops.status() where section = 'esme'")[0]["name"] == "shop receipts"
    world.later("73 hours")
    assert world.value("select ops.expire_rows(100)") >= 1
    assert receipts(world) == []
    world.later("91 days")
    world.value("select messaging.count_deliveries()")  # nothing leaves uncounted
    world.value("select ops.expire_rows(100)")
    assert world.value("select count(*) from messaging.esme_message") == 0
