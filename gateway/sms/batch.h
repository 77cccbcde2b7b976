/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outcomes of parts and receipts, collected as the JSON that messaging.record and messaging.receipts
 * take. Pure.
 *
 * Order of calls: batch_init; batch_result or batch_receipt any number of times; batch_json once;
 * batch_reset; batch_fini at the end.
 */
#ifndef COKO_SMS_BATCH_H
#define COKO_SMS_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/buf.h"
#include "gateway/lib/jsonw.h"

#define BATCH_BYTES (1u << 20)

struct batch {
    struct buf text;
    struct jsonw json;
    unsigned n;     /* rows */
    bool cancelled; /* one of them is a cancelled part: a held confirmation may be free now */
};

enum batch_status {
    BATCH_ACCEPTED,
    BATCH_FAILED,
    BATCH_UNKNOWN,
    BATCH_RETRY,
    BATCH_CANCELLED,
    BATCH_STATUSES
};

struct batch_part {
    uint64_t message;
    unsigned no, of; /* of 0: not known any more */
    enum batch_status status;
    int64_t code;
    struct str ref; /* the carrier's id, normalised; "" when it gave none */
};

void batch_init(struct batch *b);
void batch_reset(struct batch *b);
void batch_fini(struct batch *b);

/* False: the batch is full, nothing was added. */
MUST_CHECK bool batch_result(struct batch *b, const struct batch_part *p);

struct batch_receipt {
    const char *const *refs; /* forms of the id, likeliest first; none: reference and lookup */
    size_t nrefs;
    const char *state;     /* the carrier's word */
    int64_t err;           /* negative: none */
    const uint8_t *lookup; /* of the reader's number, 32 bytes; NULL: none */
    uint16_t reference;    /* our own name of the part, come back; 0: none */
};

MUST_CHECK bool batch_receipt(struct batch *b, const struct batch_receipt *r);

/* The whole array; valid until batch_reset. */
struct str batch_json(struct batch *b);

/* "accepted" ... */
const char *batch_status_name(enum batch_status s);

#endif
