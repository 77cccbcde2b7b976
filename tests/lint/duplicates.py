#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""No copied code: a run of LINES lines of C that stands in two places should be one function.

Lines are compared without comments, indentation and blank or brace-only lines; includes and the
rows of tables are left out. Tests may repeat themselves: a reader wants a test whole.
"""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from source import TOP, c_files, finish, strip_c  # noqa: E402

LINES = 10
DULL = re.compile(r'^([{}();,\s]*|#.*|\{.*\},?|"?.*",?|\.\w+ = .*,|break;|case .*:|default:|else|return.*;)$')


def code_lines(text):
    """(line number, text) of the lines that count."""
    stripped = strip_c(text).splitlines()
    whole = text.splitlines()
    lines = []
    for number, line in enumerate(stripped, 1):
        if line.strip() and not re.match(r"^[{}();,\s]*$", line.strip()):
            lines.append((number, " ".join(whole[number - 1].split())))
    return lines


def copies(texts):
    """(path, line, path, line) of each first line of a run seen before."""
    seen, found = {}, []
    for path, text in texts.items():
        lines = code_lines(text)
        at = 0
        while at + LINES <= len(lines):
            run = [line for _number, line in lines[at:at + LINES]]
            number = lines[at][0]
            if sum(not DULL.match(line) for line in run) < LINES // 2:
                at += 1
                continue
            first = seen.setdefault("\n".join(run), (path, number))
            if first != (path, number):
                found.append((path, number, *first))
                at += LINES
            else:
                at += 1
    return found


if __name__ == "__main__":
    TEXTS = {f: (TOP / f).read_text() for f in c_files() if not f.startswith("tests/")}
    finish("duplicates", [f"{path}:{line}: the same {LINES} lines as {other}:{at}"
                          for path, line, other, at in copies(TEXTS)])
