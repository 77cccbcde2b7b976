# SPDX-License-Identifier: Apache-2.0
"""The release program carries what CokoFlags.cmake asks for, read from the file itself."""
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
COKO = TOP / "build/release/coko"


@pytest.fixture(scope="module")
def elf():
    if not (TOP / "gateway/main.c").exists():
        pytest.skip("there is no daemon yet")
    done = subprocess.run(["bash", "-c", f'. "{TOP}/deploy/lib/setup.sh"; build_coko release'],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return subprocess.run(["readelf", "-W", "-h", "-l", "-d", "--dyn-syms", COKO],
                          capture_output=True, text=True, check=True).stdout


def test_position_independent(elf):
    assert "DYN (Position-Independent Executable file)" in elf


def test_relocations_are_read_only_and_bound_at_start(elf):
    assert "GNU_RELRO" in elf
    assert "BIND_NOW" in elf or "Flags: NOW" in elf


def test_stack_is_not_executable(elf):
    line, = [row for row in elf.splitlines() if row.strip().startswith("GNU_STACK")]
    assert " RW " in line and "RWE" not in line


def test_no_segment_is_writable_and_executable(elf):
    loads = [row for row in elf.splitlines() if row.strip().startswith("LOAD")]
    assert loads and not any("RWE" in row for row in loads)


def test_stack_protector_and_fortify(elf):
    assert "__stack_chk_fail" in elf
    assert "__memcpy_chk" in elf or "__snprintf_chk" in elf or "__vsnprintf_chk" in elf


def test_asserts_stay_on(elf):
    assert "__assert_fail" in elf
