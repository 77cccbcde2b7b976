# SPDX-License-Identifier: Apache-2.0
"""Wireshark's dissector as the third opinion on the wire: PDUs made from a seed, put into a capture, read by
tshark and by `coko smpp decode`, and compared with what was written, field by field."""
import random
import shutil
import struct
import subprocess
import zlib

import pytest

SEED = 34
EACH = 4
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

BIND = ["s:system_id:15", "s:password:8", "s:system_type:12", "b:interface_version", "b:addr_ton", "b:addr_npi",
        "s:address_range:40"]
ADDRESSES = ["b:source_addr_ton", "b:source_addr_npi", "s:source_addr:20",
             "b:dest_addr_ton", "b:dest_addr_npi", "s:destination_addr:20"]
SM = ["s:service_type:5", *ADDRESSES, "e:esm_class", "b:protocol_id", "b:priority_flag", "0", "0",
      "e:registered_delivery", "b:replace_if_present_flag", "b:data_coding", "b:sm_default_msg_id", "m:message"]
SOURCE = ADDRESSES[:3]
ID = ["s:message_id:64"]
COMMANDS = {
    "bind_receiver": (0x1, BIND), "bind_transmitter": (0x2, BIND), "bind_transceiver": (0x9, BIND),
    "bind_transceiver_resp": (0x80000009, ["s:system_id:15"]),
    "outbind": (0xB, ["s:system_id:15", "s:password:8"]),
    "submit_sm": (0x4, SM), "deliver_sm": (0x5, SM),
    "submit_sm_resp": (0x80000004, ID),
    "data_sm": (0x103, ["s:service_type:5", *ADDRESSES, "e:esm_class", "e:registered_delivery", "b:data_coding"]),
    "query_sm": (0x3, ID + SOURCE),
    "query_sm_resp": (0x80000003, [*ID, "0", "b:message_state", "b:error_code"]),
    "cancel_sm": (0x8, ["s:service_type:5", *ID, *ADDRESSES]),
    "replace_sm": (0x7, [*ID, *SOURCE, "0", "0", "e:registered_delivery", "b:sm_default_msg_id", "m:message"]),
    "alert_notification": (0x102, [*SOURCE, "b:esme_addr_ton", "b:esme_addr_npi", "s:esme_addr:64"]),
    "submit_multi": (0x21, ["s:service_type:5", *SOURCE, "d:dests", "e:esm_class", "b:protocol_id", "b:priority_flag", "0", "0",
                            "e:registered_delivery", "b:replace_if_present_flag", "b:data_coding", "b:sm_default_msg_id", "m:message"]),
    "submit_multi_resp": (0x80000021, [*ID, "f:failed"]),
    "broadcast_sm": (0x111, ["s:service_type:5", *SOURCE, "0", "b:priority_flag", "0", "0", "b:replace_if_present_flag",
                             "b:data_coding", "b:sm_default_msg_id"]),
    "query_broadcast_sm": (0x112, ID + SOURCE), "query_broadcast_sm_resp": (0x80000112, ID),
    "cancel_broadcast_sm": (0x113, ["s:service_type:5", *ID, *SOURCE]),
    "enquire_link": (0x15, []), "unbind": (0x6, []), "generic_nack": (0x80000000, []),
}
OPTIONS = ["submit_sm", "deliver_sm", "data_sm", "alert_notification", "submit_multi", "query_broadcast_sm"]

# What coko calls the fields of the standard.
OURS = {"source_addr_ton": "source_ton", "source_addr_npi": "source_npi", "source_addr": "source",
        "dest_addr_ton": "dest_ton", "dest_addr_npi": "dest_npi", "destination_addr": "dest",
        "priority_flag": "priority", "replace_if_present_flag": "replace_if_present",
        "sm_default_msg_id": "default_msg_id", "esme_addr_ton": "esme_ton", "esme_addr_npi": "esme_npi",
        "esme_addr": "esme"}


def make_field(rng, row, want):
    kind, _, rest = row.partition(":")
    name, _, limit = rest.partition(":")
    if kind == "0":
        return b"\0"
    if kind == "e":         # tshark shows bits of it: plain here
        return b"\0"
    if kind == "b":
        want[name] = rng.randrange(2 if name == "replace_if_present_flag" else 4)
        if name == "interface_version":
            want.pop(name)  # a word, not a number, in tshark
            return b"\x34"
        return bytes([want[name]])
    if kind == "s":
        want[name] = "".join(rng.choices(LETTERS, k=rng.choice([1, int(limit), rng.randint(1, int(limit))])))
        return want[name].encode() + b"\0"
    if kind == "d":         # an SME and a distribution list
        ton, npi = want["dest_addr_ton"], want["dest_addr_npi"] = rng.randrange(4), rng.randrange(4)
        address, name = ("".join(rng.choices(LETTERS, k=rng.randint(1, 20))) for _ in "ab")
        want.update(destination_addr=address, dl_name=name, shown=[f"{ton} {npi} '{address}'", f"list '{name}'"])
        return bytes((2, 1, ton, npi)) + address.encode() + b"\0\2" + name.encode() + b"\0"
    if kind == "f":
        address = "".join(rng.choices(LETTERS, k=rng.randint(1, 20)))
        want.update(destination_addr=address, error_status_code=0x0B, shown=[f"1 1 '{address}' 0x0B"])
        return b"\1\1\1" + address.encode() + b"\0" + struct.pack(">I", 0x0B)
    text = bytes(rng.choices(LETTERS.encode(), k=rng.choice([1, 160, 254])))
    want["sm_length"], want["message"] = len(text), text
    return bytes([len(text)]) + text


def make_pdu(rng, name, seq):
    """(octets, what they say)"""
    command, rows = COMMANDS[name]
    want = {"command_id": command, "sequence_number": seq}
    body = b"".join(make_field(rng, row, want) for row in rows)
    if name in OPTIONS:
        want["user_message_reference"] = rng.randrange(65536)
        body += struct.pack(">HHH", 0x0204, 2, want["user_message_reference"])
    want["command_length"] = 16 + len(body)
    return struct.pack(">IIII", 16 + len(body), command, 0, seq) + body, want


def capture(path, pdus):
    """A pcap of raw IPv4, a TCP segment a PDU, towards port 2775."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        at = 1
        for i, pdu in enumerate(pdus):
            tcp = struct.pack(">HHIIBBHHH", 40000, 2775, at, 1, 0x50, 0x18, 65535, 0, 0)
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(pdu), i, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
            packet = ip + tcp + pdu
            out.write(struct.pack("<IIII", i, 0, len(packet), len(packet)) + packet)
            at += len(pdu)


def dissect(path, names):
    """For each packet its fields as tshark reads them."""
    args = ["tshark", "-n", "-r", str(path), "-d", "tcp.port==2775,smpp", "-T", "fields", "-E", "separator=|",
            "-E", "occurrence=f"]
    for name in names:
        args += ["-e", "smpp." + name]
    run = subprocess.run(args, capture_output=True, text=True, timeout=300, check=True)
    return [dict(zip(names, line.split("|"))) for line in run.stdout.splitlines()]


def ours(coko_bin, pdu):
    """The first line of `coko smpp decode`, all of it, and its fields."""
    run = subprocess.run([str(coko_bin), "smpp", "decode", pdu.hex()], capture_output=True, text=True, timeout=120,
                         check=True)
    first, *lines = run.stdout.splitlines()
    return first, run.stdout, {line[2:32].strip(): line[33:].split(" ")[0].strip("'") for line in lines}


@pytest.fixture(scope="module")
def pdus():
    rng = random.Random(SEED)
    names = [name for name in COMMANDS for _ in range(EACH)]
    return [(name, *make_pdu(rng, name, 1 + zlib.crc32(b"%d" % i) % 0x7FFFFFFF)) for i, name in enumerate(names)]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_what_was_written(pdus, tmp_path):
    capture(tmp_path / "pdus.pcap", [pdu for _, pdu, _ in pdus])
    names = sorted({key for _, _, want in pdus for key in want} - {"shown"})
    seen = dissect(tmp_path / "pdus.pcap", names)
    assert len(seen) == len(pdus)
    for (name, pdu, want), got in zip(pdus, seen):
        for key in set(want) - {"shown"}:
            shown, value = got[key], want[key]
            if isinstance(value, int):
                shown = int(shown, 0)
            elif isinstance(value, bytes):
                shown = bytes.fromhex(shown.replace(":", ""))
            assert shown == value, (name, key, pdu.hex())


def test_coko_reads_what_was_written(pdus, coko_bin):
    for name, pdu, want in pdus[::EACH]:
        first, text, got = ours(coko_bin, pdu)
        assert first.startswith(f"{name} 0x{want['command_id']:08X}, status 0x00000000"), first
        assert f"sequence {want['sequence_number']}, {want['command_length']} octets" in first
        if "shown" in want:     # lists have rows of their own
            assert all(row in text for row in want["shown"]), text
            continue
        for key, value in want.items():
            if key in ("command_id", "sequence_number", "command_length", "user_message_reference"):
                continue
            value = value.decode() if isinstance(value, bytes) else str(value)
            assert got[OURS.get(key, key)] == value, (name, key, pdu.hex())
