/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wave Checkout: a session is made, its launch URL goes to the reader by SMS, and whoever opens it pays.
 *
 * The payer is not restricted to the reader's number: a relative with a smartphone may pay. The
 * session's client_reference is our_ref, its id the charge's rail_ref. Money moves only when somebody
 * opens the link, so a session whose create was not answered is looked for by our reference, adopted
 * when there is one, and made anew when there is none (hard case 31). A link that nobody should pay
 * any more is expired at the rail (hard case 32, I13).
 *
 * Webhooks are signed (signature.h) or carry the shared secret, as the account at Wave says.
 */
#ifndef COKO_MONEY_WAVE_H
#define COKO_MONEY_WAVE_H

#include "gateway/lib/option.h"
#include "gateway/money/rail.h"

enum wave_webhook { WAVE_WEBHOOK_SIGNATURE, WAVE_WEBHOOK_BEARER };

struct wave_config {
    const char *base_url; /* https://api.wave.com */
    const char *api_key;
    const char *signing_secret;          /* when the key wants signed requests; empty: unsigned */
    const char *webhook_secret;          /* of the webhook at Wave */
    const char *webhook_secret_previous; /* while it is being changed; empty: none */
    int webhook;                         /* enum wave_webhook */
    const char *callback_secret;         /* unguessable last part of /pay/wave/... */
    const char *success_url, *error_url; /* https pages that a payer's browser ends on */
};

struct wave {
    struct rail rail;
    const struct wave_config *c;
};

/* Fills r. *on is false when no option is set. An incomplete rail is an error that names what is missing. */
MUST_CHECK int wave_init(struct wave *r, const struct wave_config *c, bool *on, struct err *e);

extern const struct rail_module wave_module;

#endif
