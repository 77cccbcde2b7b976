/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Airtime: an operator bills the price to the payer's own line, for carriers that sell this (direct
 * carrier billing), shaped like CAMARA's Carrier Billing and Carrier Billing Refund.
 *
 * A payment is made in one step: the payer has confirmed the price on our screens, and the operator
 * takes it from his credit or puts it on his bill, at once or a little later. Our reference is both
 * clientCorrelator, which makes a repetition none, and referenceCode, which the operator keeps; x-correlator
 * carries it through his logs.
 *
 * There is no question by a reference of ours. While the operator's id is not known, because the answer
 * was lost, payments are listed by the minutes around our submits, page by page, and ours is looked for
 * among them (struct rail_charge, first_sent_s). Not found is said of a list that was read to its end
 * and of nothing less.
 *
 * One section of coko.ini is one operator's contract. Which networks it bills are rows of
 * billing.rail_route; the schema has none.
 */
#ifndef COKO_MONEY_AIRTIME_H
#define COKO_MONEY_AIRTIME_H

#include "gateway/lib/option.h"
#include "gateway/money/rail.h"

struct airtime_config {
    const char *base_url;   /* with name and version: https://host/carrier-billing/v0.5 */
    const char *refund_url; /* likewise, carrier-billing-refund; empty: refunds are made by hand */
    const char *token_url;  /* of the OAuth server, whole */
    const char *client_id;
    const char *client_secret;
    const char *callback_url; /* https address of ours that ends in /pay/airtime; empty: none */
    const char *callback_secret;
    const char *callback_token; /* the bearer that notifications bring (sinkCredential) */
};

struct airtime {
    struct rail rail;
    const struct airtime_config *c;
};

/* Fills r. *on is false when no option is set. An incomplete rail is an error that names what is missing. */
MUST_CHECK int airtime_init(struct airtime *r, const struct airtime_config *c, bool *on,
                            struct err *e);

extern const struct rail_module airtime_module;

#endif
