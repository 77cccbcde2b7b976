/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures in the header form t=<unix seconds>,v1=<hex>[,v1=<hex>...]: HMAC-SHA256 with a shared
 * secret over the time and the raw body. Rails differ in what stands between the two, and in
 * nothing else:
 *
 *   Wave     t body       Sonatel  t , body
 *
 * The popular third form, t . body, belongs to no rail of ours and verifies under neither scheme.
 * Any of several v1 may be good, under the present secret or the one before it, so that a rail and
 * we can rotate without a moment when nothing is believed.
 *
 * Verify the bytes that came, before anything is parsed. A good signature only says who speaks: the
 * rail is asked all the same (I7).
 */
#ifndef COKO_MONEY_SIGNATURE_H
#define COKO_MONEY_SIGNATURE_H

#include <stdint.h>

#include "gateway/lib/buf.h"
#include "gateway/lib/str.h"

#define SIGNATURE_OLD_S      300  /* an older t is a replay */
#define SIGNATURE_FUTURE_S   30   /* clocks differ by less */
#define SIGNATURE_HEADER_MAX 1024 /* a longer header is not read */
#define SIGNATURE_V1_MAX     8

enum signature_scheme { SIGNATURE_WAVE, SIGNATURE_SONATEL, SIGNATURE_SCHEMES };

enum signature_result {
    SIGNATURE_GOOD,
    SIGNATURE_ABSENT,    /* no header, or no secret to check it with */
    SIGNATURE_MALFORMED, /* not the form above: no t or two, no v1 or too many, upper-case hex */
    SIGNATURE_OLD,
    SIGNATURE_FUTURE,
    SIGNATURE_WRONG, /* well made, and by somebody else or over other bytes */
    SIGNATURE_RESULTS,
};

/* The word of a result, for logs and labels. */
const char *signature_result_name(enum signature_result r);

/*
 * Is header a signature of body? secret and previous may be empty: an empty one verifies nothing.
 * now_s is the wall clock. Time depends on lengths only, never on how much of a digest agrees.
 */
MUST_CHECK enum signature_result signature_verify(enum signature_scheme scheme, struct str header,
                                                  struct str body, struct str secret,
                                                  struct str previous, int64_t now_s);

/* Appends the header's value for a request of ours, "t=...,v1=...". */
void signature_make(enum signature_scheme scheme, struct str body, struct str secret, int64_t now_s,
                    struct buf *out);

#endif
