/* SPDX-License-Identifier: Apache-2.0 */
/*
 * M-Pesa Express (STK push) of Daraja: the rail asks the payer's phone for a PIN.
 *
 * The submit carries no reference that could be asked about: only the CheckoutRequestID of its
 * answer names the charge. That id ends with digits of the payer's number, so it is kept as the
 * memo, sealed (S5). A submit whose answer was lost cannot be asked about and is never sent again:
 * it stays unknown until a person has looked (M4).
 *
 * The question answers with a result and no amount: the id is of the very request in which we named
 * the amount, and a payer cannot change it. Callbacks are signed by nobody; they only pull the
 * question forward (I7). Refunds are made by hand in the organisation's portal.
 */
#ifndef COKO_MONEY_MPESA_H
#define COKO_MONEY_MPESA_H

#include "gateway/lib/option.h"
#include "gateway/money/rail.h"

struct mpesa_config {
    const char *base_url; /* https://api.safaricom.co.ke */
    const char *consumer_key, *consumer_secret;
    const char *short_code; /* paybill, or the store's number of a till */
    const char *till;       /* of CustomerBuyGoodsOnline; empty: the paybill itself is paid */
    const char *passkey;
    const char *callback_url; /* https address of ours that ends in /pay/mpesa */
    const char *callback_secret;
};

struct mpesa {
    struct rail rail;
    const struct mpesa_config *c;
};

/* Fills r. *on is false when no option is set. An incomplete rail is an error that names what is
 * missing. */
MUST_CHECK int mpesa_init(struct mpesa *r, const struct mpesa_config *c, bool *on, struct err *e);

extern const struct rail_module mpesa_module;

#endif
