/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hexadecimal and base64 (RFC 4648), strict: canonical padding bits, no white space.
 */
#ifndef COKO_LIB_BASENC_H
#define COKO_LIB_BASENC_H

#include <sys/types.h>

#include "gateway/lib/buf.h"

enum base64_kind {
    BASE64_STD, /* + /, padded; decoding wants the padding */
    BASE64_URL, /* - _, no padding (JWT); decoding refuses padding */
};

/* 0..15 of one hexadecimal digit, either case; -1 for any other character. */
int hex_value(char c);

/* Lower-case hex of n bytes. */
void hex_encode(struct buf *b, const void *p, size_t n);

/*
 * Either case. Bytes written to out, or -1: odd length, a foreign character, more than cap bytes.
 */
MUST_CHECK ssize_t hex_decode(struct str s, void *out, size_t cap);

void base64_encode(struct buf *b, enum base64_kind kind, const void *p, size_t n);

/* Bytes written to out, or -1: malformed or more than cap bytes. */
MUST_CHECK ssize_t base64_decode(struct str s, enum base64_kind kind, void *out, size_t cap);

#endif
