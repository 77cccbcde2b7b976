#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom. The two tables are the whole rule; everything else reads them.

A room is a folder; main.c, above all of them, has a row of its own. A file may include headers of
its own room and of the rooms its row names. Rooms on one level never include each other: they meet
in the database.
"""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from source import TOP, c_files, finish, strip_c  # noqa: E402

LOW = {"gateway/lib", "gateway/io"}
MIDDLE = LOW | {"smpp", "sessions", "menus", "gateway/binds"}

MAY_INCLUDE = {
    "gateway/lib": set(),
    "gateway/io": {"gateway/lib"},
    "menus": {"gateway/lib"},
    "smpp": LOW,
    "sessions": LOW,
    "gateway/binds": LOW | {"smpp"},
    "gateway/ussd": MIDDLE,
    "gateway/sms": MIDDLE,
    "gateway/esme": MIDDLE,
    "gateway/money": MIDDLE,
    "gateway/books": MIDDLE,
    "gateway/jobs": MIDDLE,
    "api": MIDDLE,
    "gateway/phone": LOW | {"gateway/ussd"},
    "gateway": MIDDLE | {"gateway/ussd", "gateway/sms", "gateway/esme", "gateway/money", "gateway/books",
                         "gateway/jobs", "gateway/phone", "api"},
    "gateway/commands": LOW | {"smpp", "menus", "gateway/books", "gateway/money", "gateway/phone", "gateway"},
    "gateway/papers": LOW | {"smpp", "sessions", "menus", "gateway/ussd", "gateway/phone", "gateway",
                             "gateway/commands"},
    "gateway/main.c": {"gateway/lib", "gateway/books", "gateway/commands", "gateway/papers"},
    "tests/lab": set(),  # the lab shares no code with the daemon
}

# Pure places see no socket, no event loop, no database: bytes and time in, bytes and events out.
PURE = ("gateway/lib/", "menus/", "smpp/pdu", "smpp/alphabet", "smpp/segment", "smpp/receipt",
        "smpp/window", "smpp/wire", "smpp/rate", "smpp/ussd", "smpp/session", "smpp/smsc_session")
IMPURE = ("event2/", "libpq", "hiredis", "sys/socket.h", "sys/epoll.h", "netinet/", "arpa/",
          "curl/", "netdb.h", "gateway/io/")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def room_of(path):
    """The longest room that holds the path, or None for what has no rule (tests)."""
    parts = path.split("/")
    while parts:
        room = "/".join(parts)
        if room in MAY_INCLUDE:
            return room
        parts.pop()
    return None


def check(path, text):
    room = room_of(path)
    faults = []
    if room is None:
        return faults
    for match in INCLUDE.finditer(strip_c(text, keep_includes=True)):
        kind, name = match.groups()
        where = f"{path}:{text[:match.start(2)].count(chr(10)) + 1}"
        other = room_of(name) if kind == '"' else None
        if path.startswith(PURE) and name.startswith(IMPURE):
            faults.append(f"{where}: pure code includes {name}")
        elif kind == '"' and other is None:
            faults.append(f"{where}: \"{name}\": write includes from the top, room first")
        elif other and other != room and other not in MAY_INCLUDE[room]:
            faults.append(f"{where}: {room} may not include {other} ({name})")
    return faults


if __name__ == "__main__":
    FAULTS = []
    for FILE in c_files():
        FAULTS += check(FILE, (TOP / FILE).read_text())
    finish("layers", FAULTS)
