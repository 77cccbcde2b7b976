# SPDX-License-Identifier: Apache-2.0
"""The simulation's program and its databases.

    with Simulation() as sim:
        done = sim.play("--seed", 7)            on a fresh database: done.code, done.output, done.broken
        with sim.database() as url: ...         a migrated database with sim.sql
"""
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import psycopg2

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(TOP / "tests/integration"))
from sqltest import Server  # noqa: E402
from support import BUILD  # noqa: E402
import mutants  # noqa: E402

PROGRAM = BUILD / "fault/sim"
# Freed memory is watched for a while, not for ever: a seed makes and frees megabytes.
ENV = {**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=8:max_malloc_fill_size=64:malloc_context_size=8"}
CHUNK = 400      # seeds on one database: its tables stay small
MUTANT_SEEDS = 300
Played = namedtuple("Played", "code output broken seeds")


def execute(url, *statements):
    conn = psycopg2.connect(url)
    try:
        with conn.cursor() as cur:
            for one in statements:
                cur.execute(one)
        conn.commit()
    finally:
        conn.close()


class Simulation:
    def __init__(self, server=None):
        self.own = server is None
        self.server = server or Server()
        self.one_at_a_time = Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.own:
            self.server.stop()

    @contextmanager
    def database(self):
        with self.one_at_a_time:     # the first makes the template
            url = self.server.database("sim")
        try:
            execute(url, (HERE / "sim.sql").read_text())
            yield url
        finally:
            self.server.drop(url)

    def play(self, *args, program=PROGRAM, url=None, timeout=None):
        if url is None:
            with self.database() as made:
                return self.play(*args, program=program, url=made, timeout=timeout)
        done = subprocess.run([str(program), "--url", url, *map(str, args)], capture_output=True, text=True, check=False, timeout=timeout,
                              env=ENV)
        broken = re.findall(r"^seed (\d+): ([\w]+): (.*)$", done.stdout, re.M)
        count = re.search(r"^money_sim: (\d+) seeds", done.stdout, re.M)
        return Played(done.returncode, done.stdout + done.stderr, broken, int(count.group(1)) if count else 0)


def play_seeds(sim, first, count, until, jobs):
    """Chunks of seeds side by side; True when nothing broke. until: time.monotonic() of the end, when count is None."""
    began, played, broken = time.monotonic(), 0, []
    starts = itertools.count(first, CHUNK) if count is None else iter(range(first, first + count, CHUNK))

    def one(start):
        if until is not None and time.monotonic() >= until:
            return None
        size = CHUNK if count is None else min(CHUNK, first + count - start)
        return sim.play("--from", start, "--count", size)

    with ThreadPoolExecutor(jobs) as pool:
        waiting = []
        for start in starts:
            waiting.append(pool.submit(one, start))
            if len(waiting) <= jobs:
                continue
            done = waiting.pop(0).result()
            if done is None:
                break
            played, broken = account(done, played, broken)
        for left in waiting:
            done = left.result()
            if done is not None:
                played, broken = account(done, played, broken)
    took = time.monotonic() - began
    print(f"money_sim: {played} seeds in {took:.0f} s ({played / took:.1f}/s), {len({b[0] for b in broken})} broken")
    return not broken


def apply_sql(url, changes):
    """Statements as they are; functions with one text for another, which must be there."""
    conn = psycopg2.connect(url)
    with conn, conn.cursor() as cur:
        for change in changes:
            if isinstance(change, str):
                cur.execute(change)
                continue
            function, old, new = change
            cur.execute("select pg_get_functiondef(p.oid) from pg_proc p where p.oid = %s::regproc", (function,))
            body = cur.fetchone()[0]
            assert old in body, f"{function} no longer has: {old}"
            cur.execute(body.replace(old, new))
    conn.close()


def build_mutant(folder, source, old, new):
    """The simulation with one file of the rooms compiled from a changed text; the path of the program."""
    text = (TOP / source).read_text()
    assert text.count(old) == 1, f"{source} has {text.count(old)} times: {old}"
    changed, program = folder / Path(source).name, folder / "sim"
    changed.write_text(text.replace(old, new))
    row = next(r for r in json.loads((BUILD / "compile_commands.json").read_text()) if r["file"] == str(TOP / source))
    compiled = shlex.split(row["command"])
    compiled[compiled.index("-o") + 1] = str(folder / "mutant.o")
    compiled[compiled.index("-c") + 1] = str(changed)
    subprocess.run([a for a in compiled if a not in ("-MD", "ccache")], cwd=BUILD, check=True, capture_output=True)
    linked = subprocess.run(["ninja", "-C", str(BUILD), "-t", "commands", "fault/sim"], check=True, capture_output=True, text=True).stdout
    link = shlex.split(linked.splitlines()[-1])
    link = link[link.index("&&") + 1:len(link) - link[::-1].index("&&") - 1] if "&&" in link else link
    link[link.index("-o") + 1] = str(program)
    first_room = next(i for i, a in enumerate(link) if a.endswith(".a"))
    subprocess.run([*link[:first_room], str(folder / "mutant.o"), *link[first_room:]], cwd=BUILD, check=True, capture_output=True)
    return program


def play_mutant(sim, name, first=1, count=MUTANT_SEEDS):
    """(rule, text, seeds) of what the first seed that saw it broke; None when the mutant lives."""
    with tempfile.TemporaryDirectory(prefix="coko-mutant-") as folder, sim.database() as url:
        program = PROGRAM
        if name in mutants.SQL:
            apply_sql(url, mutants.SQL[name])
        else:
            program = build_mutant(Path(folder), *mutants.C[name])
        done = sim.play("--from", first, "--count", count, "--first", program=program, url=url)
    seen = [b for b in done.broken if not (b[1] == "sql" and re.search(r": (42|22)\w{3} ", b[2]))]
    assert done.code in (0, 1) and bool(seen) == bool(done.broken), f"{name}: the mutant is no statement: {done.output}"
    return (seen[0][1], seen[0][2], done.seeds) if seen else None


def play_mutants(sim, names, first):
    """Each is told with the rule that saw it; True when none lives."""
    lives = []
    for name in names or [*mutants.SQL, *mutants.C]:
        found = play_mutant(sim, name, first)
        lives += [] if found else [name]
        print(f"{name}: " + (f"seen by {found[0]} after {found[2]} seeds ({found[1]})" if found else "LIVES"), flush=True)
    print(f"money_sim: {len(names or [*mutants.SQL, *mutants.C]) - len(lives)} mutants seen, {len(lives)} live")
    return not lives


def account(done, played, broken):
    print(done.output, end="", flush=True)
    if done.code not in (0, 1):
        broken = [*broken, ("?", "program", f"exit {done.code}")]
    return played + done.seeds, broken + done.broken
