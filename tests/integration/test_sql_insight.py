# SPDX-License-Identifier: Apache-2.0
"""The log of hops: batches that may be sent twice, partitions by day with an end, figures of screens and the funnel."""
import json

from sqlfixtures import *  # noqa: F401,F403

SPAN = "ops.now() - interval '1 day', ops.now()"


def hops(world, session, *steps, ago=0):
    """Steps are (from, screen, kind[, ended]); each a second after the one before, the last `ago` seconds ago."""
    now = world.value("select floor(extract(epoch from now()) * 1000000)::bigint")
    return [{"at": now - (ago + len(steps) - n) * 1_000_000, "session": f"{session:016x}", "n": n + 1, "carrier": "hubtel", "country": "GH",
             "lang": "en", "from": s[0], "screen": s[1], "kind": s[2], "ended": len(s) > 3, "ms": 3} for n, s in enumerate(steps)]


def put(world, batch):
    return world.value("select ops.hops_put(%s)", json.dumps(batch))


def stats(world):
    return {r.pop("screen"): tuple(r.values()) for r in world.rows(f"select * from ops.screen_stats({SPAN})")}


def days(world):
    return [r["relname"] for r in world.rows("select c.relname from pg_inherits h join pg_class c on c.oid = h.inhrelid"
                                             " where h.inhparent = 'ops.hop'::regclass and c.relname <> 'hop_other' order by 1")]


def test_a_batch_sent_again_adds_nothing(world):
    batch = hops(world, 1, ("", "home", "begin"), ("home", "help", "answered"))
    assert put(world, batch) == 2 and put(world, batch) == 0
    assert put(world, batch + hops(world, 2, ("", "home", "begin"))) == 1
    assert put(world, []) == 0


def test_time_is_the_clock_of_every_rule(world):
    world.later("40 days")
    put(world, hops(world, 1, ("", "home", "begin")))
    assert world.value("select at between ops.now() - interval '1 minute' and ops.now() from ops.hop")


def test_a_kind_that_is_none_is_refused(world):
    try:
        put(world, hops(world, 1, ("", "home", "jumped")))
    except Exception as fault:  # noqa: BLE001
        assert "hop_kind_check" in str(fault)
    else:
        raise AssertionError("taken")


def test_screens_are_counted(world):
    """Expected: a page turned is an answer but no entry; what was refused stays; the last screen of the lost is told."""
    put(world, hops(world, 1, ("", "home", "begin"), ("home", "read", "answered"), ("read", "read", "answered"), ("read", "read", "invalid"),
                    ("read", "home", "back"), ago=700))
    put(world, hops(world, 2, ("", "home", "begin"), ("home", "", "abort")))
    put(world, hops(world, 3, ("", "home", "begin"), ("home", "pay_sent", "answered", True)))
    put(world, hops(world, 4, ("", "home", "begin"), ("home", "read", "answered")))
    assert stats(world) == {  # entered answered invalid back dropped ms
        "home": (5, 3, 0, 0, 2, 3), "read": (2, 1, 1, 1, 0, 3), "pay_sent": (1, 0, 0, 0, 0, 3)}
    fates = world.rows(f"select last_screen, hops, fate from ops.hop_sessions({SPAN}) order by session")
    assert [tuple(f.values()) for f in fates] == [("home", 5, "dropped"), ("home", 2, "dropped"), ("pay_sent", 2, "ended"), ("read", 2, "open")]
    world.later("11 minutes")
    assert stats(world)["read"][4] == 1, "ten minutes without a hop: lost"


def test_a_reshown_screen_is_no_entry_and_no_loss(world):
    put(world, hops(world, 1, ("", "home", "begin"), ("home", "home", "reshow"), ("home", "bye", "answered", True)))
    assert stats(world)["home"] == (1, 1, 0, 0, 0, 3)


def test_a_failure_on_our_side_is_a_loss_where_it_happened(world):
    put(world, hops(world, 1, ("", "home", "begin"), ("home", "", "failed")))
    assert stats(world) == {"home": (1, 0, 0, 0, 1, 3)}


def test_steps_between_screens(world):
    put(world, hops(world, 1, ("", "home", "begin"), ("home", "read", "answered"), ("read", "read", "answered"), ("read", "home", "back"),
                    ("home", "read", "answered")))
    assert [tuple(r.values()) for r in world.rows(f"select * from ops.screen_steps({SPAN})")] == [("home", "read", 2), ("", "home", 1)]


def test_funnel_from_the_dial_to_the_purchase(world):
    book = (("", "home", "begin"), ("home", "discover", "answered"), ("discover", "book", "answered"))
    offers = (("book", "offers", "answered"), ("offers", "confirm", "answered"))
    put(world, hops(world, 1, *book, *offers, ("confirm", "pay_sent", "answered", True)))
    put(world, hops(world, 2, *book, *offers))
    put(world, hops(world, 3, *book))
    put(world, hops(world, 4, ("", "home", "begin")))
    reader = world.dial()
    world.buy(reader)
    steps = {r["name"]: (r["sessions"], r["of_all"], r["of_last"]) for r in world.rows(f"select * from ops.funnel({SPAN} + interval '1 minute')")}
    assert {k: v[0] for k, v in steps.items()} == {"dial": 4, "choose": 3, "book": 3, "read": 0, "locked": 0, "offers": 2, "confirm": 2,
                                                   "asked": 1, "paid": 1}
    assert steps["dial"][1:] == (100, None) and steps["offers"][1] == 50 and steps["asked"][1:] == (25, 50) and steps["paid"][2] == 100


def test_funnel_steps_name_screens_of_the_flow(world):
    import sqltest
    flow = json.loads((sqltest.TOP / "menus/coko/flow.json").read_text())["screens"]
    named = {s for r in world.rows("select screens from ops.funnel_step") for s in r["screens"]}
    assert named <= set(flow), named - set(flow)


def test_a_day_is_a_partition_and_goes_whole(world):
    assert world.value("select ops.hop_days(2)") == 3 and world.value("select ops.hop_days(2)") == 0
    first = days(world)
    put(world, hops(world, 1, ("", "home", "begin")))
    assert world.value("select tableoid::regclass::text from ops.hop") == "ops." + first[0]
    world.later("2 days")
    assert world.value("select ops.hop_days(2)") == 2 and days(world)[0] == first[0], "kept for two days"
    world.later("1 day")
    assert world.value("select ops.hop_days(2)") == 2, "one made, one dropped"
    assert first[0] not in days(world) and world.value("select count(*) from ops.hop") == 0


def test_rows_before_the_first_partition_end_too(world):
    put(world, hops(world, 1, ("", "home", "begin")))
    assert world.value("select tableoid::regclass::text from ops.hop") == "ops.hop_other"
    assert world.value("select ops.hop_days(2)") == 2, "today's stay in the default partition"
    world.later("4 days")
    world.value("select ops.hop_days(2)")
    assert world.value("select count(*) from ops.hop") == 0


def test_a_hop_names_nobody(world):
    columns = {r["column_name"] for r in world.rows("select column_name from information_schema.columns where table_schema = 'ops'"
                                                    " and table_name = 'hop'")}
    assert columns == {"at", "session", "n", "carrier", "country", "lang", "from_screen", "screen", "kind", "ended", "ms"}
