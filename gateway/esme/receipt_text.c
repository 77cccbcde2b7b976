/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See receipt_text.h.
 */
#include "gateway/esme/receipt_text.h"

#include <stdio.h>

#include "smpp/receipt.h"

static const struct {
    const char *state;
    enum receipt_state number;
} states[] = {
    {"delivered", RECEIPT_DELIVERED}, {"expired", RECEIPT_EXPIRED},
    {"cancelled", RECEIPT_DELETED},   {"failed", RECEIPT_UNDELIVERABLE},
    {"unknown", RECEIPT_UNKNOWN},     {"partial", RECEIPT_UNDELIVERABLE},
};

uint8_t receipt_text_state(const char *state)
{
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (strcmp(states[i].state, state) == 0)
            return (uint8_t)states[i].number;
    }
    return RECEIPT_ENROUTE;
}

void receipt_text_write(const struct receipt_owed *r, char out[RECEIPT_TEXT_MAX])
{
    enum receipt_state s = (enum receipt_state)receipt_text_state(r->state);

    (void)snprintf(
        out, RECEIPT_TEXT_MAX,
        "id:%.20s sub:%03u dlvrd:%03u submit date:%.10s done date:%.10s stat:%s err:%03u "
        "text:",
        r->id, (unsigned)(r->parts % 1000), (unsigned)(r->delivered % 1000), r->submitted, r->done,
        receipt_state_name(s), (unsigned)(MAX(r->code, 0) % 1000));
}
