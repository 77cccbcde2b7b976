/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growth and the appends that are too long for the header. Escapers for JSON, XML and URLs live
 * here, since every room that writes a peer's bytes into a structured text must use the same ones
 * (hard case 32).
 */
#include "gateway/lib/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/utf8.h"

#define BUF_FIRST 64

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_init_fixed(struct buf *b, void *mem, size_t size)
{
    *b = (struct buf){.p = mem, .cap = size, .max = size, .fixed = true};
}

void buf_fini(struct buf *b)
{
    if (b->fixed) {
        buf_reset(b);
        return;
    }
    free(b->p);
    buf_init(b, b->max);
}

void buf_wipe(struct buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->cap);
    buf_fini(b);
}

bool buf_grow(struct buf *b, size_t more)
{
    size_t want, cap;
    char *p;

    if (more > b->max - b->len) {
        b->failed = ERR_TOO_BIG;
        return false;
    }
    want = b->len + more;
    assert(!b->fixed); /* cap == max there, so the test above caught it */
    cap = MIN(MAX(b->cap, BUF_FIRST), b->max);
    while (cap < want)
        cap = cap > b->max / 2 ? b->max : cap * 2;
    p = realloc(b->p, cap + 1); /* one more for the terminator of buf_cstr */
    if (!p) {
        b->failed = ERR_NOMEM;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(b, fmt, ap);
    va_end(ap);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;
    char *at;
    int n;

    va_copy(again, ap);
    n = vsnprintf(small, sizeof(small), fmt, ap);
    if (n >= 0 && (size_t)n < sizeof(small)) {
        buf_add(b, small, (size_t)n);
    } else if (n >= 0) {
        char *big =
            malloc((size_t)n + 1); /* a fixed or full buffer has no room for vsnprintf's NUL */

        if ((at = buf_reserve(b, (size_t)n)) && big) {
            (void)vsnprintf(big, (size_t)n + 1, fmt, again);
            memcpy(at, big, (size_t)n);
            b->len += (size_t)n;
        } else if (!big && !b->failed) {
            b->failed = ERR_NOMEM;
        }
        free(big);
    }
    va_end(again);
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_add(b, digits + at, sizeof(digits) - at);
}

void buf_add_i64(struct buf *b, int64_t v)
{
    if (v < 0)
        buf_addc(b, '-');
    buf_add_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

/* One code point of a JSON string that is not plain ASCII. */
static void json_escape(struct buf *b, struct str *s)
{
    unsigned char c = (unsigned char)s->p[0];

    if (c >= 0x80) {
        int32_t cp = utf8_next(s);

        utf8_put(b, cp == UTF8_BAD ? UTF8_REPLACEMENT : (uint32_t)cp);
        return;
    }
    *s = str_skip(*s, 1);
    switch (c) {
    case '"': buf_puts(b, "\\\""); break;
    case '\\': buf_puts(b, "\\\\"); break;
    case '\n': buf_puts(b, "\\n"); break;
    case '\r': buf_puts(b, "\\r"); break;
    case '\t': buf_puts(b, "\\t"); break;
    default: buf_addf(b, "\\u%04x", c); break;
    }
}

static inline bool json_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7F && c != '"' && c != '\\';
}

void buf_json_string(struct buf *b, struct str s)
{
    buf_addc(b, '"');
    while (s.n) {
        size_t run = 0;

        while (run < s.n && json_plain(s.p[run]))
            run++;
        buf_add(b, s.p, run);
        s = str_skip(s, run);
        if (s.n)
            json_escape(b, &s);
    }
    buf_addc(b, '"');
}

static bool xml_allows(int32_t cp)
{
    return cp == '\t' || cp == '\n' || cp == '\r' || (cp >= 0x20 && cp != 0xFFFE && cp != 0xFFFF);
}

void buf_xml_text(struct buf *b, struct str s)
{
    while (s.n) {
        int32_t cp = utf8_next(&s);

        switch (cp) {
        case '&': buf_puts(b, "&amp;"); break;
        case '<': buf_puts(b, "&lt;"); break;
        case '>': buf_puts(b, "&gt;"); break;
        case '"': buf_puts(b, "&quot;"); break;
        case '\'': buf_puts(b, "&#39;"); break;
        case UTF8_BAD: utf8_put(b, UTF8_REPLACEMENT); break;
        default:
            if (xml_allows(cp))
                utf8_put(b, (uint32_t)cp);
        }
    }
}

static bool url_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void buf_url_component(struct buf *b, struct str s)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (url_unreserved(c)) {
            buf_addc(b, (char)c);
        } else {
            char code[3] = {'%', hex[c >> 4], hex[c & 15]};

            buf_add(b, code, sizeof(code));
        }
    }
}

void buf_truncate(struct buf *b, size_t len)
{
    assert(len <= b->len);
    b->len = len;
}

void buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->len);
    if (n)
        memmove(b->p, b->p + n, b->len - n);
    b->len -= n;
}

const char *buf_cstr(struct buf *b)
{
    if (b->failed || !b->p || (b->fixed && b->len == b->cap))
        return "";
    b->p[b->len] = '\0';
    return b->p;
}

int buf_check(const struct buf *b, struct err *e)
{
    if (!b->failed)
        return 0;
    return err_set(e, b->failed, "%s (limit %zu bytes)", err_text(b->failed), b->max);
}

char *buf_take(struct buf *b, size_t *n)
{
    char *p = NULL;

    assert(!b->fixed);
    *n = 0;
    if (!b->failed && (b->p || buf_grow(b, 0))) {
        p = b->p;
        *n = b->len;
        p[*n] = '\0';
        b->p = NULL;
    }
    buf_fini(b);
    return p;
}
