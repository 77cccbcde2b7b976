/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amounts on the wire: decimal text to and from integer minor units. No floating point anywhere.
 */
#ifndef COKO_MONEY_AMOUNT_H
#define COKO_MONEY_AMOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/buf.h"
#include "gateway/lib/str.h"

/* ISO 4217 exponent of a currency: 0 for XOF, XAF, GNF, UGX, RWF; else 2. */
unsigned amount_exponent(struct str currency);

/* Appends "1500" (exponent 0) or "15.00" (exponent 2). minor >= 0. */
void amount_format(int64_t minor, unsigned exponent, struct buf *out);

/*
 * Reads "1500", "1500.00" and the like: digits, then optionally a point and digits; what is beyond
 * the exponent must be zero. False for anything else: signs, spaces, exponents, more than 15 digits.
 */
MUST_CHECK bool amount_parse(struct str text, unsigned exponent, int64_t *minor);

#endif
