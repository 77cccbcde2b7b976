/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable byte buffer whose ceiling is fixed at init. Builders never check each append: the
 * first failure sticks (further appends are no-ops, the length stays where it was) and buf_check
 * tells it once at the end.
 *
 * Order: buf_init (or buf_init_fixed), appends, buf_check, buf_str / buf_take, buf_fini.
 * Never shrinks by itself, never holds a file descriptor.
 */
#ifndef COKO_LIB_BUF_H
#define COKO_LIB_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/err.h"
#include "gateway/lib/str.h"

struct buf {
    char *p;              /* NULL until the first append */
    size_t len;           /* bytes in use */
    size_t cap;           /* bytes allocated */
    size_t max;           /* ceiling of len */
    enum err_code failed; /* sticky: ERR_OK, ERR_TOO_BIG, ERR_NOMEM */
    bool fixed;           /* p belongs to the caller */
};

/* An empty buffer that may grow to max bytes. Allocates nothing yet. */
void buf_init(struct buf *b, size_t max);

/* An empty buffer in the caller's memory, which also is its ceiling. */
void buf_init_fixed(struct buf *b, void *mem, size_t size);

/* Free; the struct is then as after buf_init with the same ceiling. */
void buf_fini(struct buf *b);

/* Overwrite the bytes, then free: for secrets. */
void buf_wipe(struct buf *b);

/* Empty again, memory kept, sticky failure cleared. */
static inline void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = ERR_OK;
}

/* Slow path of buf_reserve: grow. false and a sticky failure if it cannot. */
bool buf_grow(struct buf *b, size_t more);

/* Room for n more bytes; NULL on (sticky) failure. Write there, then buf_advance(b, written). */
static inline char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed || (n > b->cap - b->len && !buf_grow(b, n)))
        return NULL;
    return b->p + b->len;
}

static inline void buf_advance(struct buf *b, size_t n)
{
    b->len += n;
}

static inline void buf_add(struct buf *b, const void *p, size_t n)
{
    char *at;

    if (n != 0 && (at = buf_reserve(b, n))) {
        memcpy(at, p, n);
        b->len += n;
    }
}

static inline void buf_addc(struct buf *b, char c)
{
    char *at = buf_reserve(b, 1);

    if (at) {
        *at = c;
        b->len++;
    }
}

static inline void buf_adds(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

/* A terminated string (a literal costs a constant length). */
static inline void buf_puts(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

/* Decimal numbers, faster than buf_addf. */
void buf_add_u64(struct buf *b, uint64_t v);
void buf_add_i64(struct buf *b, int64_t v);

/*
 * s as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD; < > & and U+2028/9
 * are left alone.
 */
void buf_json_string(struct buf *b, struct str s);

/*
 * s as XML text or attribute value: & < > " ' escaped, characters XML 1.0 forbids dropped, bad
 * UTF-8 to U+FFFD.
 */
void buf_xml_text(struct buf *b, struct str s);

/* s percent-encoded: all but RFC 3986 unreserved. */
void buf_url_component(struct buf *b, struct str s);

/* Drop everything after len (a mark taken earlier). */
void buf_truncate(struct buf *b, size_t len);

/* Drop the first n bytes, the rest moves down. */
void buf_consume(struct buf *b, size_t n);

/* A view, valid until the next append. */
static inline struct str buf_str(const struct buf *b)
{
    return str_n(b->p, b->len);
}

/* The same as a terminated string (the NUL is not counted in len); "" on failure. */
const char *buf_cstr(struct buf *b);

/* 0, or -1 with the sticky failure in e. */
MUST_CHECK int buf_check(const struct buf *b, struct err *e);

/*
 * Give the memory away (free() it), terminated; *n gets the length. NULL on failure. Not for fixed
 * buffers.
 */
MUST_CHECK char *buf_take(struct buf *b, size_t *n);

#endif
