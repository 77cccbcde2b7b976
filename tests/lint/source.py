# SPDX-License-Identifier: Apache-2.0
"""What the lint rules share: the files of the checkout, C text without comments and strings, and
inline exceptions.

An exception stands on the line it excuses, names its rule and says why:

    n = sscanf(...); /* lint: allow sscanf: the width of every field is bounded */

A rule calls `Exceptions.use()` for each it accepts; one that excuses nothing is itself a fault, so
that the list of exceptions only holds living ones. Their number is printed at the end.
"""
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
C_ROOTS = ("gateway/", "menus/", "sessions/", "smpp/", "api/", "tests/")
ALLOW = re.compile(r"lint: allow ([\w-]+): \S")
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def files(*suffixes, top=TOP):
    """Paths, relative to the top, of the files git knows or would add; a suffix may be a name."""
    out = subprocess.run(
        ["git", "-C", str(top), "ls-files", "-co", "--exclude-standard"],
        check=True, capture_output=True, text=True).stdout
    names = sorted(set(out.splitlines()))
    return [n for n in names if n.endswith(suffixes) and (Path(top) / n).is_file()]


def c_files(top=TOP):
    return [n for n in files(".c", ".h", top=top) if n.startswith(C_ROOTS)]


def strip_c(text, keep_includes=False):
    """Blanks comments and literals, keeping every newline, so that line numbers stay true."""
    def blank(match):
        token = match.group()
        if keep_includes and token.startswith('"'):
            return token
        return re.sub(r"[^\n]", " ", token)
    return TOKEN.sub(blank, text)


class Exceptions:
    """The `lint: allow RULE: why` marks of one file."""

    def __init__(self, text, rules):
        self.at = {}
        for number, line in enumerate(text.splitlines(), 1):
            for rule in ALLOW.findall(line):
                if rule in rules:
                    self.at[(number, rule)] = False

    def use(self, line, rule):
        if (line, rule) in self.at:
            self.at[(line, rule)] = True
            return True
        return False

    def unused(self):
        return [key for key, used in self.at.items() if not used]

    def count(self):
        return len(self.at)


def finish(name, faults, exceptions=0):
    """Prints path:line: text for each fault and the rule's own summary; ends the program."""
    for fault in faults:
        print(fault)
    print(f"{name}: {len(faults)} faults, {exceptions} exceptions")
    sys.exit(1 if faults else 0)
