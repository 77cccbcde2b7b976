# SPDX-License-Identifier: Apache-2.0
"""Each lint rule fires on what it forbids and stays silent on what it allows."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import banned  # noqa: E402
import duplicates  # noqa: E402
import layers  # noqa: E402
import length  # noqa: E402
import words  # noqa: E402


@pytest.mark.parametrize("path, include, faults", [
    ("gateway/io/pg.c", '"gateway/lib/err.h"', 0),
    ("gateway/lib/err.c", '"gateway/io/pg.h"', 1),
    ("gateway/lib/err.c", "<event2/event.h>", 1),
    ("menus/step.c", '"gateway/lib/gsm.h"', 0),
    ("menus/step.c", '"gateway/io/loop.h"', 1),
    ("menus/coko/x.c", '"smpp/pdu.h"', 1),
    ("smpp/link.c", '"gateway/io/loop.h"', 0),
    ("smpp/pdu.c", '"gateway/io/loop.h"', 1),
    ("smpp/pdu.c", '"sessions/store.h"', 1),
    ("gateway/ussd/turn.c", '"sessions/store.h"', 0),
    ("gateway/ussd/turn.c", '"gateway/sms/outbox.h"', 1),
    ("gateway/sms/outbox.c", '"api/router.h"', 1),
    ("api/routes/auth.c", '"gateway/io/pg.h"', 0),
    ("gateway/app.c", '"gateway/sms/outbox.h"', 0),
    ("gateway/app.c", '"gateway/commands/commands.h"', 1),
    ("gateway/main.c", '"gateway/commands/commands.h"', 0),
    ("gateway/commands/status.c", '"gateway/config.h"', 0),
    ("gateway/commands/status.c", '"gateway/papers/carrier.h"', 1),
    ("gateway/phone/wire.c", '"gateway/ussd/profile.h"', 0),
    ("gateway/phone/wire.c", '"gateway/config.h"', 1),
    ("gateway/binds/queue.c", '"sessions/store.h"', 1),
    ("gateway/ussd/turn.c", '"turn.h"', 1),
    ("tests/lab/smsc.c", '"smpp/pdu.h"', 1),
    ("tests/unit/test_pdu.c", '"smpp/pdu.c"', 0),
])
def test_layers(path, include, faults):
    assert len(layers.check(path, f"/* x */\n#include {include}\n")) == faults


def test_layers_ignore_comments():
    assert layers.check("menus/step.c", '/*\n#include "smpp/pdu.h"\n*/\n') == []


def test_layers_name_the_line():
    fault, = layers.check("menus/step.c", '\n\n#include "smpp/pdu.h"\n')
    assert fault.startswith("menus/step.c:3: ")


@pytest.mark.parametrize("line, faults", [
    ("strcpy(a, b);", 1),
    ("x = atoi (s);", 1),
    ("buf_sprintf(a);", 0),
    ("snprintf(a, 3, s);", 0),
    ("/* strcpy(a, b) */", 0),
    ('log("system(x)");', 0),
    ("ops->system(x);", 0),
    ("sscanf(s); /* lint: allow sscanf: bounded widths */", 0),
    ("sscanf(s); /* lint: allow sscanf */", 1),
    ("f(); /* lint: allow sscanf: bounded widths */", 1),
])
def test_banned_c(line, faults):
    assert len(banned.check_c("x.c", line + "\n")[0]) == faults


@pytest.mark.parametrize("line, faults", [
    ("perform pg_notify('a', 'b');", 1),
    ("  NOTIFY sms;", 1),
    ("-- pg_notify('a') is banned", 0),
    ("select notify_at from x;", 0),
])
def test_banned_sql(line, faults):
    assert len(banned.check_sql("x.sql", line)) == faults


@pytest.mark.parametrize("path, lines, body, faulty", [
    ("smpp/x.c", 60, "", False),
    ("smpp/x.c", 61, "", True),
    ("smpp/x.c", 100, length.SWITCH_MARK, False),
    ("smpp/x.c", 101, length.SWITCH_MARK, True),
    ("smpp/x.c", 20, length.SWITCH_MARK, True),
    ("tests/unit/test_x.c", 100, "", False),
])
def test_length(path, lines, body, faulty):
    assert bool(length.check_function(path, "f", 1, lines, body)) == faulty


@pytest.mark.parametrize("count, first, faulty", [
    (600, "", False), (601, "", True), (601, length.TABLE_MARK, False), (9, length.TABLE_MARK, True),
])
def test_file_length(count, first, faulty):
    assert bool(length.check_file("a.c", [first] + ["x"] * (count - 1))) == faulty


def test_ctags_sees_the_end_of_a_function(tmp_path):
    (tmp_path / "x.c").write_text("int a(void)\n{\n    return 1;\n}\nstatic int b(int c)\n{\n}\n")
    assert length.functions(["x.c"], tmp_path) == [("x.c", "a", 1, 4), ("x.c", "b", 5, 7)]


def test_duplicates_see_copied_code_and_not_tables():
    body = "\n".join(f"    value{i} = step(value{i}, {i});" for i in range(duplicates.LINES))
    copy = body.replace("\n", "\n\n    /* a comment */\n")
    table = "\n".join("    { 1, 2 }," for _ in range(2 * duplicates.LINES))
    assert duplicates.copies({"a.c": body, "b.c": "int x;\n" + copy}) == [("b.c", 2, "a.c", 1)]
    assert duplicates.copies({"a.c": body, "b.c": body.replace("value3", "other")}) == []
    assert duplicates.copies({"a.c": table, "b.c": table}) == []


@pytest.mark.parametrize("path, text, faults", [
    ("a.c", f"/* {words.SPDX} */\n", 0),
    ("a.c", f"\n/* {words.SPDX} */\n", 1),
    ("a.sh", f"#!/bin/bash\n# {words.SPDX}\n", 0),
    ("a.py", "print()\n", 1),
    ("a.json", "{}\n", 0),
])
def test_spdx(path, text, faults):
    assert len(words.check_spdx(path, text)) == faults


@pytest.mark.parametrize("line, faults", [
    ("cd /wo" + "rk/main", 1),
    ("WORKDIR /srv", 0),
    ("a/wo" + "rk/b", 0),
    ('  "resolved": "https://somewhere"', 1),
    ("/* TO" + "DO: later */", 1),
    ("<" * 7 + " HEAD", 1),
])
def test_words(line, faults):
    assert len(words.check_words("x", line)) == faults
