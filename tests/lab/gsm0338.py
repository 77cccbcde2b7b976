# SPDX-License-Identifier: Apache-2.0
"""The 3GPP TS 23.038 default alphabet and the national tables of its annex A, for the lab alone.

The daemon has its own tables; this file must never be generated from them, because the lab
judges them. Text is carried unpacked: one septet in one octet, as SMPP short_message does.
"""

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\",
    0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}
ESC = 0x1B

SPANISH, PORTUGUESE = 2, 3  # national language identifiers, 6.2.1.2.4
# A.3.3; Spanish has no locking table (A.3.2 is void). Eight columns of sixteen, as the clause prints them.
LOCKING = {PORTUGUESE: (
    "@£$¥êéúíóç\nÔô\rÁá"
    "Δ_ªÇÀ∞^\\€Ó|\x1bÂâÊÉ"
    " !\"#º%&'()*+,-./"
    "0123456789:;<=>?"
    "ÍABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÃÕÚÜ§"
    "~abcdefghijklmno"
    "pqrstuvwxyzãõ`üà"
)}
# A.2.2 and A.2.3: each takes the place of the extension table.
SINGLE = {
    SPANISH: {
        0x09: "ç", 0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|",
        0x41: "Á", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x61: "á", 0x65: "€", 0x69: "í", 0x6F: "ó", 0x75: "ú",
    },
    PORTUGUESE: {
        0x05: "ê", 0x09: "ç", 0x0A: "\f", 0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á", 0x12: "Φ", 0x13: "Γ", 0x14: "^",
        0x15: "Ω", 0x16: "Π", 0x17: "Ψ", 0x18: "Σ", 0x19: "Θ", 0x1F: "Ê", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[",
        0x3D: "~", 0x3E: "]", 0x40: "|", 0x41: "À", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x5B: "Ã", 0x5C: "Õ", 0x61: "Â",
        0x65: "€", 0x69: "í", 0x6F: "ó", 0x75: "ú", 0x7B: "ã", 0x7C: "õ", 0x7F: "â",
    },
}

assert len(BASIC) == 128 and all(len(table) == 128 for table in LOCKING.values())

_ENCODE = {c: bytes([i]) for i, c in enumerate(BASIC) if i != ESC}
_ENCODE.update({c: bytes([ESC, i]) for i, c in EXTENSION.items()})
# bytes.translate cannot widen, so the fast path maps every octet to one code point through latin-1
_TABLE = {i: c for i, c in enumerate(BASIC)}


class AlphabetError(ValueError):
    """The octets are no GSM 03.38 text, or the text does not fit the alphabet."""


def encode(text):
    """Unpacked septets of text; AlphabetError when a character has no place in the alphabet."""
    try:
        return b"".join([_ENCODE[c] for c in text])
    except KeyError as missing:
        raise AlphabetError(f"not in GSM 03.38: {missing.args[0]!r}") from None


def fits(text):
    return all(c in _ENCODE for c in text)


def septets(text):
    """How many septets text costs; an extension character costs two."""
    return len(encode(text))


def decode(octets, single=0, locking=0):
    """(text, defects): defects names what a handset could not have shown as the sender meant.

    single, locking: the national tables that the header of the message named; 0 is the default one."""
    basic, extension = LOCKING.get(locking, BASIC), SINGLE.get(single, EXTENSION)
    defects = []
    if max(octets, default=0) > 0x7F:
        defects.append("gsm_octet_over_7f")
        octets = bytes(o & 0x7F for o in octets)
    if ESC not in octets and basic is BASIC:
        return octets.decode("latin-1").translate(_TABLE), defects
    out, i, end = [], 0, len(octets)
    while i < end:
        o = octets[i]
        i += 1
        if o != ESC:
            out.append(basic[o])
        elif i == end:
            defects.append("escape_at_end_of_part")
        elif octets[i] in extension:
            out.append(extension[octets[i]])
            i += 1
        else:
            defects.append("unknown_extension")
            out.append(basic[octets[i]] if octets[i] != ESC else " ")
            i += 1
    return "".join(out), defects
