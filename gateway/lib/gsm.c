/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking up the alphabet, counting, cutting, encoding, packing. Folding is in gsm_fold.c, UCS-2 in
 * ucs2.c.
 */
#include "gateway/lib/gsm.h"

#include <assert.h>

#include "gateway/lib/gsm_tables.h"

int gsm_from_unicode(uint32_t cp)
{
    size_t low = 0, high = gsm_of_other_n;

    if (cp < 0x80)
        return gsm_of_ascii[cp];
    while (low < high) {
        size_t mid = (low + high) / 2;

        if (gsm_of_other[mid].cp == cp)
            return gsm_of_other[mid].code;
        if (gsm_of_other[mid].cp < cp)
            low = mid + 1;
        else
            high = mid;
    }
    return -1;
}

uint32_t gsm_to_unicode(int code)
{
    assert(code >= 0 && (code & 0xFF) < 0x80);
    if (code >> 8 == GSM_ESC) {
        for (size_t i = 0; i < gsm_extension_n; i++) {
            if (gsm_extension[i].code == (code & 0x7F))
                return gsm_extension[i].cp;
        }
    }
    code &= 0x7F;
    return code == GSM_ESC ? ' '
                           : gsm_basic[code]; /* 23.038 6.2.1 note 1: a bare escape is a space */
}

/* Code of the next character, -1 if it has none; *s moves on. */
static int next_code(struct str *s)
{
    unsigned char c = (unsigned char)s->p[0];
    int32_t cp;

    if (c < 0x80) {
        *s = str_skip(*s, 1);
        return gsm_of_ascii[c];
    }
    cp = utf8_next(s);
    return cp == UTF8_BAD ? -1 : gsm_from_unicode((uint32_t)cp);
}

static size_t cost(int code)
{
    return code > 0x7F ? 2 : 1;
}

ssize_t gsm_septets(struct str s)
{
    size_t n = 0;

    while (s.n) {
        int code = next_code(&s);

        if (code < 0)
            return -1;
        n += cost(code);
    }
    return (ssize_t)n;
}

size_t gsm_cut(struct str s, size_t max_septets)
{
    struct str rest = s;
    size_t fits = 0, septets = 0;

    while (rest.n) {
        int code = next_code(&rest);

        if (code < 0 || (septets += cost(code)) > max_septets)
            break;
        fits = s.n - rest.n;
    }
    return fits;
}

ssize_t gsm_encode(struct str s, uint8_t *out, size_t cap)
{
    size_t n = 0;

    while (s.n) {
        int code = next_code(&s);

        if (code < 0 || cap - n < cost(code))
            return -1;
        if (code > 0x7F)
            out[n++] = GSM_ESC;
        out[n++] = (uint8_t)(code & 0x7F);
    }
    return (ssize_t)n;
}

static bool extension_has(uint8_t code)
{
    for (size_t i = 0; i < gsm_extension_n; i++) {
        if (gsm_extension[i].code == code)
            return true;
    }
    return false;
}

size_t gsm_decode(const uint8_t *septets, size_t n, struct buf *out)
{
    size_t unclean = 0;

    for (size_t i = 0; i < n; i++) {
        int code = septets[i];

        if (code > 0x7F) {
            unclean++;
            buf_addc(out, '?');
            continue;
        }
        if (code == GSM_ESC && i + 1 < n && septets[i + 1] < 0x80) {
            code = GSM_ESC << 8 | septets[++i];
            unclean += !extension_has(septets[i]);
        } else if (code == GSM_ESC) {
            unclean++;
        }
        utf8_put(out, gsm_to_unicode(code));
    }
    return unclean;
}

size_t gsm_packed_len(size_t n, unsigned fill_bits)
{
    return (fill_bits + 7 * n + 7) / 8;
}

ssize_t gsm_pack(const uint8_t *septets, size_t n, unsigned fill_bits, uint8_t *out, size_t cap)
{
    size_t octets = gsm_packed_len(n, fill_bits), at = 0;
    unsigned have = fill_bits; /* bits waiting in acc */
    unsigned acc = 0;

    assert(fill_bits < 7);
    if (octets > cap)
        return -1;
    for (size_t i = 0; i < n; i++) {
        acc |= (septets[i] & 0x7FU) << have;
        have += 7;
        if (have >= 8) {
            out[at++] = (uint8_t)acc;
            acc >>= 8;
            have -= 8;
        }
    }
    if (at < octets)
        out[at] = (uint8_t)acc;
    return (ssize_t)octets;
}

int gsm_unpack(const uint8_t *octets, size_t len, unsigned fill_bits, uint8_t *out, size_t n)
{
    size_t bit = fill_bits;

    assert(fill_bits < 7);
    if (n > len * 8 / 7 || gsm_packed_len(n, fill_bits) > len)
        return -1;
    for (size_t i = 0; i < n; i++, bit += 7) {
        unsigned pair = octets[bit / 8];

        if (bit / 8 + 1 < len)
            pair |= (unsigned)octets[bit / 8 + 1] << 8;
        out[i] = (uint8_t)(pair >> bit % 8 & 0x7F);
    }
    return 0;
}
