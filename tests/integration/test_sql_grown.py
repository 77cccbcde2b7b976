# SPDX-License-Identifier: Apache-2.0
"""A plan is made once a connection: one made while the tables were empty must be good when they are not.

A new country opens on an empty database and its first day is its busiest: until autovacuum has counted a table, every
daemon's connection keeps the plan of the first minute. On empty tables all indexes cost the same, so a statement with two
that fit ("of this reader", "not over yet") may get the one that grows. No node may touch more than ROWS_MAX rows of a hot
table where a table has ROWS of them.
"""
import psycopg2
import pytest

from sqlfixtures import *  # noqa: F401,F403
from sqlworld import World
from test_sql_explain import BATCH, CALLS, FILL, HOT, Notices, inside, nodes

ROWS, ROWS_MAX = 2000, 400
# The walk is the work: all that changed since the last time; the lines of a day, at an operator's word; orphans, which are
# few where a carrier is sane, and gone after three days.
WHOLE = {"refresh_popularity", "statement_match", "match_orphans", "named", "recover"}
SETTINGS = ("set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on; set auto_explain.log_format = json; set auto_explain.log_level = notice;"
            " set auto_explain.log_analyze = on; set auto_explain.log_timing = off; set plan_cache_mode = force_generic_plan")
BATCH_SETTINGS = "; set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off"
CALLED = [name for name in CALLS if CALLS[name] and name not in WHOLE]


class Line:
    """One connection of a lane: its plans live as long as it does."""

    def __init__(self, url, batch):
        self.conn = psycopg2.connect(url)
        with self.conn.cursor() as cur:
            cur.execute(SETTINGS + (BATCH_SETTINGS if batch else ""))
        self.conn.commit()

    def run(self, statement):
        """Undone at once; the plans of what ran inside. What finds no row to work on may fail."""
        self.conn.notices = Notices()
        try:
            with self.conn.cursor() as cur:
                cur.execute(statement)
        except psycopg2.Error:
            pass
        self.conn.rollback()
        return list(self.conn.notices.plans())


@pytest.fixture(scope="module")
def grown(sql_server):
    """The plans of each call after the tables grew, made before."""
    world = World(sql_server.database("grown"))
    lines = {batch: Line(world.url, batch) for batch in (True, False)}
    for name in CALLED:
        lines[name in BATCH].run(CALLS[name])
    for statement in (FILL % {"n": ROWS}).split(";\n"):
        if statement.strip() and statement.strip() != "analyze":
            world.rows(statement)
    yield lambda name: lines[name in BATCH].run(CALLS[name])
    for line in lines.values():
        line.conn.close()
    world.close()


def touched(node):
    """Rows that a node read in all, those it threw away too."""
    read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return read * node["Actual Loops"]


@pytest.mark.parametrize("name", CALLED)
def test_a_plan_of_the_first_minute(grown, name):
    seen = grown(name)
    assert seen, "auto_explain showed nothing"
    bad = {f"{touched(n)} rows of {n['Relation Name']} by {n.get('Index Name', 'sequence')}: {' '.join(query.split())[:110]}"
           for query, plan in inside(seen) for n in nodes(plan) if n.get("Relation Name") in HOT and touched(n) > ROWS_MAX}
    assert not bad, "\n".join(sorted(bad))
