/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder follows Unicode table 3-7: the second byte's range depends on the first, the rest is
 * 80..BF.
 */
#include "gateway/lib/utf8.h"

#include <assert.h>

struct lead {
    unsigned len;
    unsigned char low, high; /* range of the second byte */
};

static struct lead lead_of(unsigned char c)
{
    if (c >= 0xC2 && c <= 0xDF)
        return (struct lead){2, 0x80, 0xBF};
    if (c >= 0xE0 && c <= 0xEF)
        return (struct lead){3, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF};
    if (c >= 0xF0 && c <= 0xF4)
        return (struct lead){4, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF};
    return (struct lead){0, 0, 0};
}

int32_t utf8_next(struct str *s)
{
    const unsigned char *p = (const unsigned char *)s->p;
    struct lead lead;
    uint32_t cp;
    unsigned i;

    assert(s->n > 0);
    if (p[0] < 0x80) {
        *s = str_skip(*s, 1);
        return p[0];
    }
    lead = lead_of(p[0]);
    cp = lead.len ? p[0] & (0x7FU >> lead.len) : 0;
    for (i = 1; i < lead.len && i < s->n; i++) {
        unsigned char low = i == 1 ? lead.low : 0x80, high = i == 1 ? lead.high : 0xBF;

        if (p[i] < low || p[i] > high)
            break;
        cp = cp << 6 | (p[i] & 0x3FU);
    }
    *s = str_skip(*s, i);
    return lead.len && i == lead.len ? (int32_t)cp : UTF8_BAD;
}

bool utf8_valid(struct str s)
{
    while (s.n) {
        if (utf8_next(&s) == UTF8_BAD)
            return false;
    }
    return true;
}

size_t utf8_count(struct str s)
{
    size_t n = 0;

    for (; s.n; n++)
        (void)utf8_next(&s);
    return n;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    assert(cp <= 0x10FFFF && (cp < 0xD800 || cp > 0xDFFF));
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

void utf8_put(struct buf *b, uint32_t cp)
{
    char bytes[4];

    buf_add(b, bytes, utf8_encode(cp, bytes));
}

size_t utf8_cut(struct str s, size_t max)
{
    struct str rest = s;
    size_t fits = 0;

    while (rest.n) {
        (void)utf8_next(&rest);
        if (s.n - rest.n > max)
            break;
        fits = s.n - rest.n;
    }
    return fits;
}

bool utf8_is_combining(uint32_t cp)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x0300, 0x036F}, /* combining diacritical marks */
        {0x0483, 0x0489}, /* Cyrillic */
        {0x064B, 0x065F}, /* Arabic vowel signs */
        {0x0670, 0x0670}, {0x06D6, 0x06DC}, {0x06DF, 0x06E4}, {0x06E7, 0x06E8}, {0x06EA, 0x06ED},
        {0x07EB, 0x07F3}, /* N'Ko tones */
        {0x135D, 0x135F}, /* Ethiopic */
        {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20F0}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F},
    };

    if (cp < ranges[0].first)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        if (cp >= ranges[i].first && cp <= ranges[i].last)
            return true;
    }
    return false;
}
