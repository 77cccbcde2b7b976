# SPDX-License-Identifier: Apache-2.0
"""Every code of every alphabet, the daemon's against the lab's: 3GPP TS 23.038 6.2.1, 6.2.1.1, A.2.2, A.2.3, A.3.3."""
import subprocess
import sys

import pytest

from support import BUILD, TOP

sys.path.insert(0, str(TOP / "tests/lab"))
import gsm0338  # noqa: E402

PROBE = BUILD / "probes/gsm_probe"
TABLES = [(0, 0), (gsm0338.SPANISH, 0), (gsm0338.PORTUGUESE, 0), (0, gsm0338.PORTUGUESE), (gsm0338.PORTUGUESE, gsm0338.PORTUGUESE)]


@pytest.fixture(scope="module")
def listing():
    """{(single, locking, escaped, code): (text, clean, septets)} as the daemon's tables have it."""
    out = subprocess.run([str(PROBE)], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in out.splitlines():
        single, locking, escaped, code, text, clean, back = line.split()
        found[int(single), int(locking), escaped == "1", int(code)] = (
            bytes.fromhex(text).decode(), clean == "1", b"" if back == "-" else bytes.fromhex(back))
    return found


@pytest.mark.parametrize("single, locking", TABLES)
def test_basic_codes(listing, single, locking):
    for code in range(128):
        if code == gsm0338.ESC:
            continue
        text, clean, back = listing[single, locking, False, code]
        assert (text, clean) == (gsm0338.LOCKING.get(locking, gsm0338.BASIC)[code], True), hex(code)
        assert gsm0338.decode(back, single, locking) == (text, []) and len(back) == 1, hex(code)


@pytest.mark.parametrize("single, locking", TABLES)
def test_codes_behind_an_escape(listing, single, locking):
    """What the table has, and nothing else: another code shows as its basic character and is not clean (6.2.1.1)."""
    table = gsm0338.SINGLE.get(single, gsm0338.EXTENSION)
    for code in range(128):
        text, clean, back = listing[single, locking, True, code]
        assert (text, not clean) == (gsm0338.decode(bytes((gsm0338.ESC, code)), single, locking)[0], code not in table), hex(code)
        if code in table:
            assert text == table[code] and gsm0338.decode(back, single, locking) == (text, []), hex(code)


def test_every_letter_of_portuguese_and_spanish_has_its_place(listing):
    def reach(single, locking):
        return {text for (s, lk, _, _), (text, clean, _) in listing.items() if (s, lk) == (single, locking) and clean}

    assert set("áéíóúñüçÁÉÍÓÚÑÜ¿¡") <= reach(gsm0338.SPANISH, 0)
    portuguese = set("áâãàçéêíóôõúüÁÂÃÀÇÉÊÍÓÔÕÚÜ")
    assert portuguese <= reach(gsm0338.PORTUGUESE, 0) and portuguese <= reach(0, gsm0338.PORTUGUESE)
