# SPDX-License-Identifier: Apache-2.0
"""The 3GPP TS 23.038 default alphabet, for the lab alone.

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

assert len(BASIC) == 128

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


def decode(octets):
    """(text, defects): defects names what a handset could not have shown as the sender meant."""
    defects = []
    if max(octets, default=0) > 0x7F:
        defects.append("gsm_octet_over_7f")
        octets = bytes(o & 0x7F for o in octets)
    if ESC not in octets:
        return octets.decode("latin-1").translate(_TABLE), defects
    out, i, end = [], 0, len(octets)
    while i < end:
        o = octets[i]
        i += 1
        if o != ESC:
            out.append(BASIC[o])
        elif i == end:
            defects.append("escape_at_end_of_part")
        elif octets[i] in EXTENSION:
            out.append(EXTENSION[octets[i]])
            i += 1
        else:
            defects.append("unknown_extension")
            out.append(BASIC[octets[i]] if octets[i] != ESC else " ")
            i += 1
    return "".join(out), defects
