/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view on bytes owned by somebody else: pointer and length, no terminator needed, NUL is an
 * ordinary byte. Never allocates. UTF-8 is in utf8.h, hex and base64 in basenc.h.
 */
#ifndef COKO_LIB_STR_H
#define COKO_LIB_STR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "gateway/lib/base.h"

struct str {
    const char *p;
    size_t n;
};

/* A literal as an expression, and as a static initialiser. */
#define STR(lit) ((struct str){"" lit, sizeof(lit) - 1})
#define STR_INIT(lit)                                                                              \
    {                                                                                              \
        "" lit, sizeof(lit) - 1                                                                    \
    }
#define STR_EMPTY ((struct str){"", 0})

/* printf: "%" STR_FMT, STR_ARG(s). Cut at 4096 bytes so that a length never overflows an int. */
#define STR_FMT    ".*s"
#define STR_ARG(s) (int)((s).n > 4096 ? 4096 : (s).n), (s).p

static inline struct str str_n(const void *p, size_t n)
{
    return (struct str){p ? (const char *)p : "", p ? n : 0};
}

/* A terminated string; NULL is the empty string. */
static inline struct str str_c(const char *s)
{
    return s ? (struct str){s, strlen(s)} : STR_EMPTY;
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_eq_c(struct str a, const char *b)
{
    return str_eq(a, str_c(b));
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* s without its first n bytes (or empty). */
static inline struct str str_skip(struct str s, size_t n)
{
    if (s.n == 0)
        return s; /* may be NULL, and NULL + 0 is undefined */
    n = MIN(n, s.n);
    return (struct str){s.p + n, s.n - n};
}

/* The first n bytes of s (or all). */
static inline struct str str_head(struct str s, size_t n)
{
    return (struct str){s.p, MIN(n, s.n)};
}

/* Equal with A-Z folded to a-z (ASCII only, no locale). */
bool str_case_eq(struct str a, struct str b);

/* Order as memcmp, the shorter first. */
int str_cmp(struct str a, struct str b);

/* Index of c, or -1. */
ptrdiff_t str_find_char(struct str s, char c);

/* Index of needle, or -1; an empty needle is found at 0. */
ptrdiff_t str_find(struct str s, struct str needle);

/* Without ASCII space, tab, CR, LF, VT, FF at both ends. */
struct str str_trim(struct str s);

/*
 * The walk over separated pieces, empty ones included: "a,,b" gives "a", "", "b"; "" gives one "".
 *     struct str rest = s, piece;
 *     while (str_split(&rest, ',', &piece)) ...
 * false when there is no further piece. The walk keeps its end in rest->p == NULL.
 */
bool str_split(struct str *rest, char sep, struct str *piece);

/* Cut at the first sep: false (head = s, tail empty) when there is none. */
bool str_cut(struct str s, char sep, struct str *head, struct str *tail);

/*
 * A whole decimal number, optional '-', at least one digit, nothing else (no '+', no space, no
 * "0x"), inside [min, max]. Leading zeros are accepted. false leaves *out alone.
 */
MUST_CHECK bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *out);

/*
 * Copy with a terminator into dst[cap]; false if it does not fit or holds a NUL (dst is then
 * empty).
 */
MUST_CHECK bool str_to_c(struct str s, char *dst, size_t cap);

#endif
