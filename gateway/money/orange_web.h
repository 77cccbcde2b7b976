/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orange Money Web Payment: a page of Orange's that the payer opens from a link by SMS. For countries
 * where Orange offers no call that takes a payer's code.
 *
 * Traps of this rail, each with a test: an order's name has 30 characters, fewer than a UUID; the three
 * addresses have 120; the currency of the sandbox is OUV; the notification names no order and no
 * amount, and its only secret is notif_token; the status is told to whoever names order, amount and
 * pay_token; it never says why a payment failed.
 */
#ifndef COKO_MONEY_ORANGE_WEB_H
#define COKO_MONEY_ORANGE_WEB_H

#include "gateway/lib/option.h"
#include "gateway/money/rail.h"

struct orange_web_config {
    const char *base_url;  /* https://api.orange.com/orange-money-webpay/ci/v1: its whole prefix */
    const char *token_url; /* https://api.orange.com/oauth/v3/token */
    const char *client_id;
    const char *client_secret;
    const char *merchant_key;
    const char *merchant_name;
    const char *callback_url; /* https address of ours that ends in /pay/orange_web */
    const char *callback_secret;
    const char *return_url; /* where the page leads after it was paid, and after it was not */
    const char *lang;       /* of the page */
};

struct orange_web {
    struct rail rail;
    const struct orange_web_config *c;
    bool sandbox; /* base_url is of the environment "dev": amounts are in OUV */
};

/* Fills r. *on is false when nothing is configured; an incomplete rail is an error that names what is
 * missing. */
MUST_CHECK int orange_web_init(struct orange_web *r, const struct orange_web_config *c, bool *on,
                               struct err *e);

extern const struct rail_module orange_web_module;

#endif
