/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values 0..15 are SMPP's own; 16 and up are GSM 03.38 (3GPP TS 23.038 clause 4) coding groups
 * that an SMSC passed through.
 */
#include "gateway/lib/gsm.h"
#include "gateway/lib/utf8.h"
#include "smpp/alphabet.h"

static const char *const names[] = {
    [ALPHABET_GSM7] = "gsm7", [ALPHABET_ASCII] = "ascii", [ALPHABET_LATIN1] = "latin1",
    [ALPHABET_UTF8] = "utf8", [ALPHABET_UCS2] = "ucs2",   [ALPHABET_BINARY] = "binary",
};

static enum alphabet of_smpp(uint8_t dcs, enum alphabet smsc_default)
{
    switch (dcs) {
    case 1: return ALPHABET_ASCII;
    case 2:
    case 4: return ALPHABET_BINARY;
    case 3: return ALPHABET_LATIN1;
    case 8: return ALPHABET_UCS2;
    default: return smsc_default;
    }
}

/* Groups 00xx and 01xx: bit 5 says compressed, bits 3 and 2 the character set. */
static enum alphabet of_general_group(uint8_t dcs)
{
    if (dcs & 0x20)
        return ALPHABET_BINARY;
    switch (dcs >> 2 & 3) {
    case 1: return ALPHABET_BINARY;
    case 2: return ALPHABET_UCS2;
    default: return ALPHABET_GSM7;
    }
}

enum alphabet alphabet_of(uint8_t dcs, enum alphabet smsc_default)
{
    if (dcs < 0x10)
        return of_smpp(dcs, smsc_default);
    if (dcs < 0x80)
        return of_general_group(dcs);
    if (dcs < 0xC0)
        return smsc_default;
    if (dcs < 0xF0)
        return dcs < 0xE0 ? ALPHABET_GSM7 : ALPHABET_UCS2;
    return dcs & 4 ? ALPHABET_BINARY : ALPHABET_GSM7;
}

static size_t decode_single(struct str octets, struct buf *out, uint32_t top)
{
    size_t bad = 0;

    for (size_t i = 0; i < octets.n; i++) {
        uint32_t c = (uint8_t)octets.p[i];

        if (c > top) {
            c = UTF8_REPLACEMENT;
            bad++;
        }
        utf8_put(out, c);
    }
    return bad;
}

static size_t decode_utf8(struct str octets, struct buf *out)
{
    size_t bad = 0;

    while (octets.n > 0) {
        int32_t c = utf8_next(&octets);

        if (c == UTF8_BAD) {
            c = UTF8_REPLACEMENT;
            bad++;
        }
        utf8_put(out, (uint32_t)c);
    }
    return bad;
}

static size_t decode_binary(struct str octets, struct buf *out)
{
    for (size_t i = 0; i < octets.n; i++) {
        uint8_t c = (uint8_t)octets.p[i];

        if (c > 0x7E || (c < 0x20 && c != '\n' && c != '\r'))
            return octets.n;
    }
    buf_adds(out, octets);
    return 0;
}

size_t alphabet_decode(enum alphabet a, struct str octets, struct buf *out)
{
    switch (a) {
    case ALPHABET_GSM7: return gsm_decode((const uint8_t *)octets.p, octets.n, out);
    case ALPHABET_ASCII: return decode_single(octets, out, 0x7F);
    case ALPHABET_LATIN1: return decode_single(octets, out, 0xFF);
    case ALPHABET_UTF8: return decode_utf8(octets, out);
    case ALPHABET_UCS2: return ucs2_decode((const uint8_t *)octets.p, octets.n, out);
    case ALPHABET_BINARY: break;
    }
    return decode_binary(octets, out);
}

size_t alphabet_decode_shifted(enum alphabet a, struct gsm_shift shift, struct str octets,
                               struct buf *out)
{
    if (a != ALPHABET_GSM7)
        return alphabet_decode(a, octets, out);
    return gsm_shift_decode(shift, (const uint8_t *)octets.p, octets.n, out);
}

const char *alphabet_name(enum alphabet a)
{
    return names[a];
}

bool alphabet_from_name(struct str name, enum alphabet *out)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq_c(name, names[i])) {
            *out = (enum alphabet)i;
            return true;
        }
    }
    return false;
}
