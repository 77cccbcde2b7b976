# SPDX-License-Identifier: Apache-2.0
"""The simulation of the charge machine (tests/fault): a few hundred seeds, and three rules taken out. The long run
has as many seeds as its time allows and every mutant."""
import sys

import psycopg2
import pytest

from support import TOP

sys.path.insert(0, str(TOP / "tests/fault"))
import mutants  # noqa: E402
from simulation import PROGRAM, Simulation, play_mutant  # noqa: E402

AT_LEAST, SEEDS, SECONDS = 20, 300, 40      # a slow machine plays the first of them, a fast one them all


@pytest.fixture(scope="module")
def sim():
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built")
    with Simulation() as made:
        yield made


def test_no_seed_breaks_an_invariant(sim):
    """I1-I13 and "rail debits = grants + credits + refunds + review", under every fault of the list."""
    for some in (("--from", 1, "--count", AT_LEAST), ("--from", AT_LEAST + 1, "--count", SEEDS - AT_LEAST, "--seconds", SECONDS)):
        done = sim.play(*some)
        assert done.code == 0 and not done.broken and done.seeds > 0, done.output


def test_a_crash_at_each_statement_loses_no_money(sim):
    """One small story again and again: its daemon dies at its first statement, at its second ... before and after the commit."""
    done = sim.play("--from", 1, "--count", 2, "--sweep")
    assert done.code == 0 and not done.broken, done.output
    assert done.seeds > 50, done.output


def test_a_seed_is_one_story(sim):
    done = sim.play("--from", 1, "--count", 3, "--twice")
    assert done.code == 0, done.output


@pytest.mark.parametrize("name", mutants.FEW)
def test_a_rule_taken_out_is_seen(sim, name):
    assert play_mutant(sim, name), f"no seed sees that it is gone: {name}"


def test_the_list_of_mutants_is_long_and_each_is_named_once():
    assert len(mutants.SQL) + len(mutants.C) >= 15
    assert set(mutants.FEW) <= {*mutants.SQL, *mutants.C} and not set(mutants.SQL) & set(mutants.C)


def test_each_mutant_still_finds_its_text(sim):
    """What is no longer there cannot be taken out: the long run would stop at it."""
    for name, (source, old, _) in mutants.C.items():
        assert (TOP / source).read_text().count(old) == 1, name
    with sim.database() as url, psycopg2.connect(url) as conn, conn.cursor() as cur:
        cur.execute("select p.oid::regproc::text, pg_get_functiondef(p.oid) from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
                    " where n.nspname = 'billing'")
        bodies = dict(cur.fetchall())
    for name, changes in mutants.SQL.items():
        for function, old, _ in (c for c in changes if not isinstance(c, str)):
            assert old in bodies[function], f"{name}: {function} no longer has: {old}"
