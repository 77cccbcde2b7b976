/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-16BE, which is what networks call UCS-2; declared in gsm.h.
 */
#include "gateway/lib/gsm.h"

static uint32_t next_scalar(struct str *s)
{
    int32_t cp = utf8_next(s);

    return cp == UTF8_BAD ? UTF8_REPLACEMENT : (uint32_t)cp;
}

size_t ucs2_units(struct str s)
{
    size_t n = 0;

    while (s.n)
        n += next_scalar(&s) > 0xFFFF ? 2 : 1;
    return n;
}

static void put_unit(struct buf *out, uint32_t unit)
{
    char octets[2] = {(char)(unit >> 8), (char)unit};

    buf_add(out, octets, 2);
}

void ucs2_encode(struct str s, struct buf *out)
{
    while (s.n) {
        uint32_t cp = next_scalar(&s);

        if (cp > 0xFFFF) {
            cp -= 0x10000;
            put_unit(out, 0xD800 | cp >> 10);
            put_unit(out, 0xDC00 | (cp & 0x3FF));
        } else {
            put_unit(out, cp);
        }
    }
}

static uint32_t unit_at(const uint8_t *octets, size_t i)
{
    return (uint32_t)octets[i] << 8 | octets[i + 1];
}

size_t ucs2_decode(const uint8_t *octets, size_t len, struct buf *out)
{
    size_t bad = len % 2, even = len - len % 2;

    for (size_t i = 0; i < even; i += 2) {
        uint32_t cp = unit_at(octets, i);

        if (cp >= 0xD800 && cp <= 0xDBFF && i + 2 < even && unit_at(octets, i + 2) >> 10 == 0x37) {
            i += 2;
            cp = 0x10000 + ((cp & 0x3FF) << 10) + (unit_at(octets, i) & 0x3FF);
        } else if (cp >= 0xD800 && cp <= 0xDFFF) {
            bad++;
            cp = UTF8_REPLACEMENT;
        }
        utf8_put(out, cp);
    }
    if (len % 2)
        utf8_put(out, UTF8_REPLACEMENT);
    return bad;
}

size_t ucs2_cut(struct str s, size_t max_units)
{
    struct str rest = s;
    size_t units = 0, cluster = 0; /* where the cluster being read begins */

    while (rest.n) {
        size_t at = s.n - rest.n;
        uint32_t cp = next_scalar(&rest);

        if (!utf8_is_combining(cp))
            cluster = at;
        units += cp > 0xFFFF ? 2 : 1;
        if (units > max_units) /* a cluster longer than the room is cut after all: progress */
            return cluster ? cluster : at;
    }
    return s.n;
}
