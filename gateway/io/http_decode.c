/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows a parsed head: percent-decoding of paths and forms, and chunked bodies.
 *
 *   chunked body:  SIZE -> (EXT ->) SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE ...
 *                  size 0: SIZE_LF -> TRAILER -> (TRAILER_LINE -> TRAILER_LF -> TRAILER) -> END_LF
 */
#include "gateway/io/http_parse.h"

#include <string.h>

#include "gateway/lib/utf8.h"
#include "gateway/lib/basenc.h"

#define CHUNK_NOTE_MAX 1024u /* bytes of extensions and trailers of one body */

/* The byte at p[*i], decoded; moves *i past it. -1 for a bad escape. */
static int byte_decode(struct str s, size_t *i)
{
    int hi, lo;

    if (s.p[*i] != '%')
        return (unsigned char)s.p[(*i)++];
    if (s.n - *i < 3)
        return -1;
    hi = hex_value(s.p[*i + 1]);
    lo = hex_value(s.p[*i + 2]);
    *i += 3;
    return hi < 0 || lo < 0 ? -1 : hi * 16 + lo;
}

static bool has_dot_segment(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        size_t n = 0;

        if (p[i] != '/')
            continue;
        while (i + 1 + n < len && p[i + 1 + n] == '.')
            n++;
        if ((n == 1 || n == 2) && (i + 1 + n == len || p[i + 1 + n] == '/'))
            return true;
    }
    return false;
}

ptrdiff_t http_path_decode(struct str path, char *out, size_t cap)
{
    size_t len = 0;

    for (size_t i = 0; i < path.n;) {
        bool escaped = path.p[i] == '%';
        int c = byte_decode(path, &i);

        if (c < 0x20 || c == 0x7f || c == '\\' || (c == '/' && escaped) || len == cap)
            return -1;
        out[len++] = (char)c;
    }
    return has_dot_segment(out, len) || !utf8_valid(str_n(out, len)) ? -1 : (ptrdiff_t)len;
}

static int form_byte(struct str s, size_t *i)
{
    if (s.p[*i] == '+') {
        (*i)++;
        return ' ';
    }
    return byte_decode(s, i);
}

static bool form_name_is(struct str raw, const char *name)
{
    size_t i = 0, n = strlen(name), k = 0;

    while (i < raw.n) {
        int c = form_byte(raw, &i);

        if (c < 0 || k == n || c != (unsigned char)name[k++])
            return false;
    }
    return k == n;
}

static ptrdiff_t form_decode(struct str raw, char *out, size_t cap)
{
    size_t len = 0;

    for (size_t i = 0; i < raw.n;) {
        int c = form_byte(raw, &i);

        if (c <= 0 || len + 1 >= cap)
            return -2;
        out[len++] = (char)c;
    }
    if (cap == 0)
        return -2;
    out[len] = '\0';
    return utf8_valid(str_n(out, len)) ? (ptrdiff_t)len : -2;
}

ptrdiff_t http_form_value(struct str form, const char *name, char *out, size_t cap)
{
    const char *p = form.p, *end = form.p + form.n;
    ptrdiff_t found = -1;

    while (p < end) {
        const char *amp = memchr(p, '&', (size_t)(end - p));
        const char *stop = amp != NULL ? amp : end;
        const char *eq = memchr(p, '=', (size_t)(stop - p));
        struct str key = {.p = p, .n = (size_t)((eq != NULL ? eq : stop) - p)};
        struct str value = {.p = eq != NULL ? eq + 1 : stop, .n = 0};

        value.n = (size_t)(stop - value.p);
        if (form_name_is(key, name)) {
            if (found != -1)
                return -2; /* twice: which one would be a guess */
            found = form_decode(value, out, cap);
        }
        p = amp != NULL ? amp + 1 : end;
    }
    return found;
}

/* ---- chunked bodies ---- */

enum chunk_state {
    CHUNK_SIZE,
    CHUNK_EXT,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER,
    CHUNK_TRAILER_LINE,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF,
    CHUNK_DONE,
    CHUNK_BAD,
};

static unsigned note_byte(struct http_chunks *c, char ch, unsigned stay, unsigned at_cr)
{
    if (ch == '\r')
        return at_cr;
    if (((unsigned char)ch < 0x20 && ch != '\t') || ch == 0x7f || ++c->trailer > CHUNK_NOTE_MAX)
        return CHUNK_BAD;
    return stay;
}

static unsigned size_byte(struct http_chunks *c, char ch)
{
    int digit = hex_value(ch);

    if (digit >= 0) {
        if (++c->digits > 15)
            return CHUNK_BAD;
        c->left = c->left * 16 + (uint64_t)digit;
        return CHUNK_SIZE;
    }
    if (c->digits == 0)
        return CHUNK_BAD;
    if (ch == ';')
        return CHUNK_EXT;
    return ch == '\r' ? CHUNK_SIZE_LF : CHUNK_BAD;
}

static unsigned size_end(struct http_chunks *c)
{
    c->digits = 0;
    return c->left == 0 ? CHUNK_TRAILER : CHUNK_DATA;
}

/* One byte of framing: the next state. */
static unsigned frame_byte(struct http_chunks *c, char ch)
{
    switch ((enum chunk_state)c->state) {
    case CHUNK_SIZE: return size_byte(c, ch);
    case CHUNK_EXT: return note_byte(c, ch, CHUNK_EXT, CHUNK_SIZE_LF);
    case CHUNK_SIZE_LF: return ch == '\n' ? size_end(c) : (unsigned)CHUNK_BAD;
    case CHUNK_DATA_CR: return ch == '\r' ? CHUNK_DATA_LF : CHUNK_BAD;
    case CHUNK_DATA_LF: return ch == '\n' ? CHUNK_SIZE : CHUNK_BAD;
    case CHUNK_TRAILER: return note_byte(c, ch, CHUNK_TRAILER_LINE, CHUNK_END_LF);
    case CHUNK_TRAILER_LINE: return note_byte(c, ch, CHUNK_TRAILER_LINE, CHUNK_TRAILER_LF);
    case CHUNK_TRAILER_LF: return ch == '\n' ? CHUNK_TRAILER : CHUNK_BAD;
    case CHUNK_END_LF: return ch == '\n' ? CHUNK_DONE : CHUNK_BAD;
    case CHUNK_DATA:
    case CHUNK_DONE:
    case CHUNK_BAD: break;
    }
    return CHUNK_BAD;
}

static void data_move(struct http_chunks *c, char *data, size_t len, size_t *in, size_t *out)
{
    size_t n = len - *in;

    if (n > c->left)
        n = (size_t)c->left;
    memmove(data + *out, data + *in, n);
    *in += n;
    *out += n;
    c->left -= n;
    if (c->left == 0)
        c->state = CHUNK_DATA_CR;
}

int http_chunks_feed(struct http_chunks *c, char *data, size_t len, size_t *in, size_t *out)
{
    while (*in < len && c->state != CHUNK_DONE) {
        if (c->state == CHUNK_DATA) {
            data_move(c, data, len, in, out);
            continue;
        }
        c->state = frame_byte(c, data[(*in)++]);
        if (c->state == CHUNK_BAD)
            return HTTP_BAD;
    }
    return c->state == CHUNK_DONE ? 1 : HTTP_MORE;
}
