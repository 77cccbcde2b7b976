# SPDX-License-Identifier: Apache-2.0
"""SMPP 3.4 PDUs for the lab: bytes in, objects out, and back. No I/O, nothing shared with the daemon.

Order of use: Framer.feed() cuts a byte stream into whole PDUs, header() opens one, parse_sm() or
parse_bind() reads its body, text_of() and concat_of() explain a short message, pack() and the
build_* functions write. Every parser reads inside the one PDU it was given and raises Malformed
(with the status to answer) instead of guessing; it never raises anything else on network bytes.
"""

import struct

import gsm0338

MAX_PDU = 65536 + 4096           # message_payload may carry 64 KiB
MAX_PDU_UNBOUND = 4096

BIND_RX, BIND_TX, QUERY_SM, SUBMIT_SM, DELIVER_SM = 0x1, 0x2, 0x3, 0x4, 0x5
UNBIND, BIND_TRX, OUTBIND, ENQUIRE_LINK, DATA_SM = 0x6, 0x9, 0xB, 0x15, 0x103
RESP = 0x80000000
GENERIC_NACK = 0x80000000

OK, RINVMSGLEN, RINVCMDLEN, RINVCMDID, RINVBNDSTS, RALYBND = 0x0, 0x1, 0x2, 0x3, 0x4, 0x5
RSYSERR, RINVSRCADR, RINVDSTADR, RINVMSGID, RBINDFAIL = 0x8, 0xA, 0xB, 0xC, 0xD
RINVPASWD, RINVSYSID, RMSGQFUL, RINVSERTYP, RINVESMCLASS = 0xE, 0xF, 0x14, 0x15, 0x43
RTHROTTLED, RINVSCHED, RINVEXPIRY, RQUERYFAIL = 0x58, 0x61, 0x62, 0x67
RINVOPTPARSTREAM, RINVOPTPARAMVAL = 0xC0, 0xC4

T_RECEIPTED_ID, T_SAR_REF, T_SAR_TOTAL, T_SAR_SEQ = 0x001E, 0x020C, 0x020E, 0x020F
T_SC_VERSION, T_NETWORK_ERROR, T_PAYLOAD, T_STATE = 0x0210, 0x0423, 0x0424, 0x0427
T_USER_REF, T_USSD_OP, T_ITS_SESSION = 0x0204, 0x0501, 0x1383

# receipt word -> message_state (SMPP 3.4 5.2.28 and appendix B)
STATES = {"ENROUTE": 1, "DELIVRD": 2, "EXPIRED": 3, "DELETED": 4,
          "UNDELIV": 5, "ACCEPTD": 6, "UNKNOWN": 7, "REJECTD": 8}

_HEAD = struct.Struct(">IIII")
_TLV = struct.Struct(">HH")


class Malformed(Exception):
    """Bytes that are no PDU. status is what generic_nack should carry; fatal: framing is lost."""

    def __init__(self, status, why, seq=0, fatal=False):
        super().__init__(why)
        self.status, self.why, self.seq, self.fatal = status, why, seq, fatal


class Framer:
    """Cuts a stream into PDUs. `limit` grows after the bind, so a stranger cannot make us hoard."""

    def __init__(self, limit=MAX_PDU_UNBOUND):
        self.limit = limit
        self.buffer = b""

    def feed(self, data):
        """Yield whole PDUs; Malformed (fatal) at a command_length that cannot be. A change of
        `limit` between two PDUs counts for the second."""
        buffer = self.buffer + data if self.buffer else bytes(data)
        at, have = 0, len(buffer)
        try:
            while have - at >= 4:
                length = int.from_bytes(buffer[at:at + 4], "big")
                if length < 16 or length > self.limit:
                    raise Malformed(RINVCMDLEN, f"command_length {length}", fatal=True)
                if have - at < length:
                    return
                pdu = buffer[at:at + length]
                at += length
                yield pdu
        finally:
            self.buffer = buffer[at:]


def header(pdu):
    """(command_id, status, sequence) of one PDU that Framer returned."""
    _, command, status, seq = _HEAD.unpack_from(pdu)
    return command, status, seq


def _cstring(pdu, at, size, status, name):
    end = pdu.find(b"\0", at, at + size)
    if end < 0:
        raise Malformed(status, f"{name}: no NUL within {size} octets")
    return pdu[at:end], end + 1


def parse_tlvs(pdu, at):
    """{tag: value}, first wins. 1 to 3 stray octets at the end are tolerated, a cut value is not."""
    tlvs, end = {}, len(pdu)
    while end - at >= 4:
        tag, length = _TLV.unpack_from(pdu, at)
        at += 4
        if at + length > end:
            raise Malformed(RINVOPTPARSTREAM, f"TLV {tag:#06x} runs past the PDU")
        tlvs.setdefault(tag, pdu[at:at + length])
        at += length
    return tlvs


class Bind:
    __slots__ = ("system_id", "password", "system_type", "version", "address_range")


def parse_bind(pdu):
    bind = Bind()
    bind.system_id, at = _cstring(pdu, 16, 16, RINVSYSID, "system_id")
    bind.password, at = _cstring(pdu, at, 9, RINVPASWD, "password")
    bind.system_type, at = _cstring(pdu, at, 13, RSYSERR, "system_type")
    if len(pdu) < at + 3:
        raise Malformed(RINVCMDLEN, "bind body is short")
    bind.version = pdu[at]
    bind.address_range, _ = _cstring(pdu, at + 3, 41, RINVCMDLEN, "address_range")
    return bind


class Sm:
    """One short message, as submit_sm, deliver_sm or data_sm carries it."""

    __slots__ = ("service_type", "src_ton", "src_npi", "src", "dst_ton", "dst_npi", "dst",
                 "esm_class", "protocol_id", "priority", "schedule", "validity",
                 "registered_delivery", "data_coding", "message", "tlvs")


def parse_sm(pdu):
    """Body of submit_sm or deliver_sm (v3.4 4.4.1, 4.6.1)."""
    sm, end = Sm(), len(pdu)
    sm.service_type, at = _cstring(pdu, 16, 6, RINVSERTYP, "service_type")
    if at + 2 > end:
        raise Malformed(RINVCMDLEN, "body ends before source_addr")
    sm.src_ton, sm.src_npi = pdu[at], pdu[at + 1]
    sm.src, at = _cstring(pdu, at + 2, 21, RINVSRCADR, "source_addr")
    if at + 2 > end:
        raise Malformed(RINVCMDLEN, "body ends before destination_addr")
    sm.dst_ton, sm.dst_npi = pdu[at], pdu[at + 1]
    sm.dst, at = _cstring(pdu, at + 2, 21, RINVDSTADR, "destination_addr")
    if at + 3 > end:
        raise Malformed(RINVCMDLEN, "body ends before esm_class")
    sm.esm_class, sm.protocol_id, sm.priority = pdu[at], pdu[at + 1], pdu[at + 2]
    sm.schedule, at = _cstring(pdu, at + 3, 17, RINVSCHED, "schedule_delivery_time")
    sm.validity, at = _cstring(pdu, at, 17, RINVEXPIRY, "validity_period")
    if at + 5 > end:
        raise Malformed(RINVCMDLEN, "body ends before sm_length")
    sm.registered_delivery, sm.data_coding, length = pdu[at], pdu[at + 2], pdu[at + 4]
    at += 5
    if at + length > end:
        raise Malformed(RINVMSGLEN, f"sm_length {length} runs past the PDU")
    sm.message = pdu[at:at + length]
    at += length
    sm.tlvs = parse_tlvs(pdu, at) if at < end else {}
    if T_PAYLOAD in sm.tlvs:
        if length:
            raise Malformed(RINVMSGLEN, "short_message and message_payload together")
        sm.message = sm.tlvs[T_PAYLOAD]
    return sm


def parse_data_sm(pdu):
    """Body of data_sm (v3.4 4.7.1): addresses are longer, the text is in message_payload."""
    sm, end = Sm(), len(pdu)
    sm.service_type, at = _cstring(pdu, 16, 6, RINVSERTYP, "service_type")
    if at + 2 > end:
        raise Malformed(RINVCMDLEN, "body ends before source_addr")
    sm.src_ton, sm.src_npi = pdu[at], pdu[at + 1]
    sm.src, at = _cstring(pdu, at + 2, 65, RINVSRCADR, "source_addr")
    if at + 2 > end:
        raise Malformed(RINVCMDLEN, "body ends before destination_addr")
    sm.dst_ton, sm.dst_npi = pdu[at], pdu[at + 1]
    sm.dst, at = _cstring(pdu, at + 2, 65, RINVDSTADR, "destination_addr")
    if at + 3 > end:
        raise Malformed(RINVCMDLEN, "body ends before esm_class")
    sm.esm_class, sm.registered_delivery, sm.data_coding = pdu[at], pdu[at + 1], pdu[at + 2]
    sm.protocol_id, sm.priority, sm.schedule, sm.validity = 0, 0, b"", b""
    sm.tlvs = parse_tlvs(pdu, at + 3)
    sm.message = sm.tlvs.get(T_PAYLOAD, b"")
    return sm


def parse_query(pdu):
    """message_id asked by query_sm."""
    return _cstring(pdu, 16, 65, RINVMSGID, "message_id")[0]


def split_udh(sm):
    """(udh, rest) of a message; Malformed when the header claims more than there is."""
    if not sm.esm_class & 0x40:
        return b"", sm.message
    if not sm.message or sm.message[0] + 1 > len(sm.message):
        raise Malformed(RINVESMCLASS, "UDHI set, but the header runs past the message")
    cut = sm.message[0] + 1
    return sm.message[:cut], sm.message[cut:]


def concat_of(udh, tlvs):
    """(width, ref, total, n) from the user data header or the SAR TLVs, or None when not split.

    An element that cannot be (total 0, n 0, n over total) is ignored: 3GPP TS 23.040 9.2.3.24.1.
    """
    at, end = 1, len(udh)
    while at + 2 <= end:
        iei, length = udh[at], udh[at + 1]
        value = udh[at + 2:at + 2 + length]
        at += 2 + length
        if len(value) < length:
            break
        if iei == 0x00 and length == 3:
            found = (8, value[0], value[1], value[2])
        elif iei == 0x08 and length == 4:
            found = (16, value[0] << 8 | value[1], value[2], value[3])
        else:
            continue
        return found if 1 <= found[3] <= found[2] else None
    if T_SAR_REF in tlvs and T_SAR_TOTAL in tlvs and T_SAR_SEQ in tlvs:
        ref = int.from_bytes(tlvs[T_SAR_REF], "big")
        total = int.from_bytes(tlvs[T_SAR_TOTAL], "big")
        n = int.from_bytes(tlvs[T_SAR_SEQ], "big")
        return ("sar", ref, total, n) if 1 <= n <= total else None
    return None


def alphabet_of(data_coding):
    """gsm7, ascii, latin1, ucs2 or binary (v3.4 5.2.19 and 3GPP TS 23.038 section 4)."""
    if data_coding & 0xC0 == 0 and data_coding & 0x30:
        return ("gsm7", "binary", "ucs2", "binary")[data_coding >> 2 & 3]
    if data_coding & 0xF0 == 0xF0:
        return "binary" if data_coding & 4 else "gsm7"
    return {0: "gsm7", 1: "ascii", 3: "latin1", 8: "ucs2"}.get(data_coding, "binary")


def tables_of(udh):
    """(single, locking): national tables that the header names (3GPP TS 23.040 9.2.3.24.15, .16); 0 is the default."""
    at, named = 1, {}
    while at + 2 < len(udh):
        iei, length = udh[at], udh[at + 1]
        if iei in (0x24, 0x25) and length == 1:
            named[iei] = udh[at + 2]
        at += 2 + length
    return named.get(0x24, 0), named.get(0x25, 0)


def text_of(data_coding, octets, udh=b""):
    """(text, defects) of the user data, its header apart; binary comes back as hex."""
    kind = alphabet_of(data_coding)
    if kind == "gsm7":
        return gsm0338.decode(octets, *tables_of(udh))
    if kind == "ascii":
        return octets.decode("ascii", "replace"), []
    if kind == "latin1":
        return octets.decode("latin-1"), []
    if kind != "ucs2":
        return octets.hex(), []
    defects = ["ucs2_odd_length"] if len(octets) & 1 else []
    text = octets[:len(octets) & ~1].decode("utf-16-be", "surrogatepass")
    if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        defects.append("lone_surrogate")
    return text, defects


def too_long(data_coding, udh, rest):
    """True when the part does not fit the 140 octets of one TP-User-Data."""
    if alphabet_of(data_coding) in ("gsm7", "ascii"):
        return len(rest) > (140 - len(udh)) * 8 // 7
    return len(udh) + len(rest) > 140


def pack(command, status, seq, body=b""):
    return _HEAD.pack(16 + len(body), command, status, seq) + body


def tlv(tag, value):
    return _TLV.pack(tag, len(value)) + value


def build_sm(command, seq, *, src, dst, message, src_ton=1, src_npi=1, dst_ton=1, dst_npi=1,
             service_type=b"", esm_class=0, registered_delivery=0, data_coding=0, tlvs=()):
    """A submit_sm or deliver_sm; over 254 octets the text goes into message_payload."""
    extra = b"".join(tlv(tag, value) for tag, value in tlvs)
    if len(message) > 254:
        extra, message = tlv(T_PAYLOAD, message) + extra, b""
    body = b"".join((
        service_type, b"\0", bytes((src_ton, src_npi)), src, b"\0", bytes((dst_ton, dst_npi)), dst,
        b"\0", bytes((esm_class, 0, 0)), b"\0\0", bytes((registered_delivery, 0, data_coding, 0)),
        bytes((len(message),)), message, extra))
    return pack(command, 0, seq, body)


def split_text(text, ref):
    """[(esm_class, data_coding, octets)] of a text a phone would send: GSM 7-bit or else UCS-2."""
    if gsm0338.fits(text):
        coding, one, many = 0, 160, 153
        units = [gsm0338.encode(c) for c in text]
    else:
        coding, one, many = 8, 140, 134
        units = [c.encode("utf-16-be", "surrogatepass") for c in text]
    if sum(map(len, units)) <= one:
        return [(0, coding, b"".join(units))]
    parts, current, used = [], [], 0
    for unit in units:
        if used + len(unit) > many:
            parts.append(b"".join(current))
            current, used = [], 0
        current.append(unit)
        used += len(unit)
    parts.append(b"".join(current))
    if len(parts) > 255:
        raise ValueError("more than 255 parts")
    return [(0x40, coding, bytes((5, 0, 3, ref & 0xFF, len(parts), n)) + octets)
            for n, octets in enumerate(parts, 1)]
