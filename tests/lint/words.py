#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What every file says (its licence) and what no file says (where it was written, or a secret)."""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from source import TOP, files, finish  # noqa: E402

SPDX = "SPDX-License-Identifier: Apache-2.0"
FIRST_LINE = (".c", ".h", ".sql")
FIRST_LINES = (".py", ".sh", ".cmake", "CMakeLists.txt", ".js", ".css", ".html", "/run",
               "deploy/demo")
BINARY = (".png", ".jpg", ".ico", ".gz", ".epub", ".zip", ".woff2")

# Patterns, not words, so that this file does not trip over itself.
FORBIDDEN = (
    (r"(?<![\w.$}/-])/work[/](?!dir)", "an absolute path of one machine"),
    (r"/ro[o]t/[\w.]", "an absolute path of one machine"),
    (r"registry[.](npm|yarn)", "a package registry's address"),
    (r"(deb|security)[.]debian[.]", "a package registry's address"),
    (r'^\s*"resolved":', "a download address in a lock file"),
    (r"BEGIN (RSA |EC )?PRIVATE KEY", "a private key"),
    (r"^(<{7} |>{7} |={7}$)", "a merge conflict"),
    (r"\b(TO[D]O|FIX[M]E|XX[X])\b", "unfinished work: finish it or file it"),
)
# Whole folders whose text is data: fuzz inputs may hold anything.
SKIP = ("tests/fuzz/seeds/", "tests/fuzz/regression/")


def check_spdx(path, text):
    lines = text.splitlines()
    if path.endswith(FIRST_LINE) and (not lines or SPDX not in lines[0]):
        return [f"{path}:1: the first line is not {SPDX}"]
    if path.endswith(FIRST_LINES) and not any(SPDX in line for line in lines[:4]):
        return [f"{path}:1: no {SPDX} in the first lines"]
    return []


def check_words(path, text):
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, why in FORBIDDEN:
            if re.search(pattern, line):
                faults.append(f"{path}:{number}: {why}")
    return faults


if __name__ == "__main__":
    FAULTS = []
    for FILE in files(""):
        if FILE.startswith(SKIP) or FILE.endswith(BINARY):
            continue
        TEXT = (TOP / FILE).read_text(errors="replace")
        if TEXT:
            FAULTS += check_spdx(FILE, TEXT) + check_words(FILE, TEXT)
    finish("words", FAULTS)
