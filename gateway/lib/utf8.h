/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict UTF-8 (Unicode 15 table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
 * NUL is a character.
 */
#ifndef COKO_LIB_UTF8_H
#define COKO_LIB_UTF8_H

#include "gateway/lib/buf.h"

#define UTF8_BAD         (-1)
#define UTF8_REPLACEMENT 0xFFFD

/*
 * Take the next code point off the front of *s. UTF8_BAD for a malformed sequence, of which exactly
 * the maximal bad prefix is consumed (at least one byte). s must not be empty.
 */
int32_t utf8_next(struct str *s);

/* All well formed? */
bool utf8_valid(struct str s);

/* Code points in s, a malformed sequence counting one. */
size_t utf8_count(struct str s);

/* Bytes of cp in out (1-4). cp must be a scalar value (assert). */
size_t utf8_encode(uint32_t cp, char out[4]);

/* Append cp. */
void utf8_put(struct buf *b, uint32_t cp);

/* Longest prefix of s of at most max bytes that does not cut a character: its length. */
size_t utf8_cut(struct str s, size_t max);

/*
 * A combining mark (Mn of the Latin, Arabic and common blocks): never to be separated from the
 * character before it.
 */
bool utf8_is_combining(uint32_t cp);

#endif
