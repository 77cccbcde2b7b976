/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receipt that an ESME gets: the text of v3.4 appendix B and the number of its state. Pure.
 */
#ifndef COKO_ESME_RECEIPT_TEXT_H
#define COKO_ESME_RECEIPT_TEXT_H

#include <stdint.h>

#include "gateway/lib/str.h"

#define RECEIPT_TEXT_MAX 160

struct receipt_owed {
    const char *id;
    const char *state; /* of messaging.esme_receipt */
    int64_t parts, delivered, code;
    const char *submitted, *done; /* YYMMDDhhmm */
};

/* message_state (v3.4 5.2.28) of a message in the outbox's words; ENROUTE while it is not over. */
uint8_t receipt_text_state(const char *state);

/* Writes the text; code is cut to three digits. The message itself is not repeated: it is wiped. */
void receipt_text_write(const struct receipt_owed *r, char out[RECEIPT_TEXT_MAX]);

#endif
