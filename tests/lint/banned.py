#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Functions that this code never calls, with what to use instead."""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from source import TOP, Exceptions, c_files, files, finish, strip_c  # noqa: E402

BANNED_C = {
    "strcpy": "a bounded builder (gateway/lib/buf) or memcpy with a checked length",
    "strcat": "a bounded builder (gateway/lib/buf)",
    "strncpy": "memcpy with a checked length: strncpy may leave no NUL",
    "strncat": "a bounded builder (gateway/lib/buf)",
    "sprintf": "snprintf or buf_printf",
    "vsprintf": "vsnprintf",
    "gets": "nothing",
    "atoi": "a checked parser: atoi cannot say no",
    "atol": "a checked parser",
    "atoll": "a checked parser",
    "strtok": "a scanner that keeps its place in the struct",
    "sscanf": "a checked parser: %d overflow is undefined",
    "system": "nothing: the daemon runs no shell",
    "popen": "nothing: the daemon runs no shell",
    "alloca": "the arena",
    "PQcancel": "the lane's own deadline",
}
BANNED_SQL = {
    "pg_notify": "the worker's wake connection: pg_notify holds one global lock through the commit",
    "notify": "the worker's wake connection",
}


def check_c(path, text):
    marks = Exceptions(text, BANNED_C)
    calls = re.compile(r"(?<![\w.>])(" + "|".join(BANNED_C) + r")\s*\(")
    faults = []
    for number, line in enumerate(strip_c(text).splitlines(), 1):
        for name in calls.findall(line):
            if not marks.use(number, name):
                faults.append(f"{path}:{number}: {name}() is banned: use {BANNED_C[name]}")
    for number, name in marks.unused():
        faults.append(f"{path}:{number}: exception for {name} excuses nothing")
    return faults, marks.count()


def check_sql(path, text):
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        code = line.split("--")[0]
        if re.search(r"\bpg_notify\s*\(", code, re.I):
            faults.append(f"{path}:{number}: pg_notify is banned: use {BANNED_SQL['pg_notify']}")
        elif re.match(r"\s*(perform\s+)?notify\s+\w", code, re.I):
            faults.append(f"{path}:{number}: NOTIFY is banned: use {BANNED_SQL['notify']}")
    return faults


if __name__ == "__main__":
    FAULTS, COUNT = [], 0
    for FILE in c_files():
        found, marked = check_c(FILE, (TOP / FILE).read_text())
        FAULTS += found
        COUNT += marked
    for FILE in files(".sql"):
        FAULTS += check_sql(FILE, (TOP / FILE).read_text())
    finish("banned functions", FAULTS, COUNT)
