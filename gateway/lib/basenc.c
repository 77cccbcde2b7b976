/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hexadecimal and base64, both alphabets from one coder.
 */
#include "gateway/lib/basenc.h"

static const char alphabets[][65] = {
    [BASE64_STD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

void hex_encode(struct buf *b, const void *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = p;

    for (size_t i = 0; i < n; i++) {
        buf_addc(b, digits[bytes[i] >> 4]);
        buf_addc(b, digits[bytes[i] & 15]);
    }
}

int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

ssize_t hex_decode(struct str s, void *out, size_t cap)
{
    uint8_t *to = out;

    if (s.n % 2 || s.n / 2 > cap)
        return -1;
    for (size_t i = 0; i < s.n; i += 2) {
        int high = hex_value(s.p[i]), low = hex_value(s.p[i + 1]);

        if (high < 0 || low < 0)
            return -1;
        to[i / 2] = (uint8_t)(high << 4 | low);
    }
    return (ssize_t)(s.n / 2);
}

void base64_encode(struct buf *b, enum base64_kind kind, const void *p, size_t n)
{
    const char *digits = alphabets[kind];
    const uint8_t *in = p;

    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t v = (uint32_t)in[i] << 16;
        char four[4] = {0, 0, '=', '='};

        v |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        v |= left > 2 ? in[i + 2] : 0;
        four[0] = digits[v >> 18];
        four[1] = digits[v >> 12 & 63];
        if (left > 1)
            four[2] = digits[v >> 6 & 63];
        if (left > 2)
            four[3] = digits[v & 63];
        buf_add(b, four, kind == BASE64_STD || left > 2 ? 4 : left + 1);
    }
}

static int base64_value(char c, enum base64_kind kind)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == alphabets[kind][62])
        return 62;
    return c == alphabets[kind][63] ? 63 : -1;
}

/* Without its padding; false if the padding is not what the kind wants. */
static bool base64_unpad(struct str *s, enum base64_kind kind)
{
    if (kind == BASE64_URL)
        return true; /* a '=' then is a foreign character */
    if (s->n % 4)
        return false;
    for (int i = 0; i < 2 && s->n && s->p[s->n - 1] == '='; i++)
        s->n--;
    return true;
}

ssize_t base64_decode(struct str s, enum base64_kind kind, void *out, size_t cap)
{
    uint8_t *to = out;
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;

    if (!base64_unpad(&s, kind) || s.n % 4 == 1)
        return -1;
    for (size_t i = 0; i < s.n; i++) {
        int v = base64_value(s.p[i], kind);

        if (v < 0)
            return -1;
        bits = (bits << 6 | (uint32_t)v) & 0xFFFFFF;
        have += 6;
        if (have >= 8) {
            have -= 8;
            if (n == cap)
                return -1;
            to[n++] = (uint8_t)(bits >> have);
        }
    }
    if (bits & ((1U << have) - 1)) /* canonical: the spare bits are zero */
        return -1;
    return (ssize_t)n;
}
