/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MTN MoMo Collections: requesttopay with our X-Reference-Id, status by the same reference.
 *
 * Credentials are three: the subscription key of the product, the API user (a UUID), its API key.
 * Base URL and target environment are configuration: sandbox and each country differ.
 * Refunds are of the Disbursement product, which has three of its own; without them a refund is made
 * by hand.
 */
#ifndef COKO_MONEY_MTN_MOMO_H
#define COKO_MONEY_MTN_MOMO_H

#include "gateway/lib/option.h"
#include "gateway/money/rail.h"

struct mtn_momo_config {
    const char *base_url; /* https://proxy.momoapi.mtn.com; empty: the rail is off */
    const char *target_environment;
    const char *user_id;
    const char *api_key;
    const char *subscription_key;
    const char *callback_url; /* https address of ours that ends in /pay/mtn_momo; empty: none */
    const char *callback_secret;
    bool token_body; /* some deployments want {"grant_type":"client_credentials"} */
    const char *disbursement_user_id; /* all three or none */
    const char *disbursement_api_key;
    const char *disbursement_key; /* of its subscription */
};

struct mtn_momo {
    struct rail rail;
    const struct mtn_momo_config *c;
};

/* Fills r. False when base_url is empty. An incomplete rail is an error that names what is missing. */
MUST_CHECK int mtn_momo_init(struct mtn_momo *r, const struct mtn_momo_config *c, bool *on,
                             struct err *e);

extern const struct rail_module mtn_momo_module;

#endif
