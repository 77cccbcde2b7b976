#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long things may be: a function 60 lines, a file 600.

A function that is one flat dispatch switch may reach 100 lines when it says so inside:
`/* lint: long-switch */`. A test function may reach 100 as well: its length is its table. A file that
is one table, such as an alphabet, says `/* lint: table */` in its first lines and may be long.
"""
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from source import TOP, c_files, files, finish  # noqa: E402

FUNCTION_MAX = 60
SWITCH_MAX = 100
FILE_MAX = 600
SWITCH_MARK = "/* lint: long-switch */"
TABLE_MARK = "/* lint: table */"


def check_file(path, lines):
    marked = path.endswith(".c") and any(TABLE_MARK in line for line in lines[:30])
    if len(lines) > FILE_MAX and not marked:
        return f"{path}:{len(lines)}: {len(lines)} lines, {FILE_MAX} allowed"
    if marked and len(lines) <= FILE_MAX:
        return f"{path}:1: short: its table mark excuses nothing"
    return None


def functions(names, top=TOP):
    """(path, name, first line, last line) of every C function, by ctags."""
    if not names:
        return []
    out = subprocess.run(
        ["ctags", "--output-format=json", "--languages=C", "--langmap=C:.c.h", "--kinds-C=f",
         "--fields=+ne", "-I", "MUST_CHECK", "-f", "-", "-L", "-"],
        input="\n".join(names), cwd=top, check=True, capture_output=True, text=True).stdout
    found = []
    for line in out.splitlines():
        tag = json.loads(line)
        if tag.get("_type") == "tag" and "end" in tag:
            found.append((tag["path"], tag["name"], tag["line"], tag["end"]))
    return found


def check_function(path, name, first, last, body):
    lines = last - first + 1
    marked = SWITCH_MARK in body
    limit = SWITCH_MAX if marked or path.startswith("tests/") else FUNCTION_MAX
    if lines > limit:
        return f"{path}:{first}: {name}() has {lines} lines, {limit} allowed"
    if marked and lines <= FUNCTION_MAX:
        return f"{path}:{first}: {name}() is short: its long-switch mark excuses nothing"
    return None


if __name__ == "__main__":
    FAULTS, MARKS = [], 0
    TEXTS = {f: (TOP / f).read_text().splitlines() for f in files(".c", ".h", ".py", ".sh")}
    for FILE, LINES in TEXTS.items():
        FAULT = check_file(FILE, LINES)
        if FAULT:
            FAULTS.append(FAULT)
        if FILE.endswith(".c"):
            MARKS += sum(SWITCH_MARK in line or TABLE_MARK in line for line in LINES)
    for PATH, NAME, FIRST, LAST in functions(c_files()):
        FAULT = check_function(PATH, NAME, FIRST, LAST, "\n".join(TEXTS[PATH][FIRST - 1:LAST]))
        if FAULT:
            FAULTS.append(FAULT)
    finish("length", FAULTS, MARKS)
