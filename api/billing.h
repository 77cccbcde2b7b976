/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers of billing routes: what a client sends of a code or of somebody's number goes to SQL in
 * no clear form (S5). Their rows are rendered as the route's columns.
 *
 *   redeem   body "code" -> $macs, the keyed hashes of a voucher's code
 *   gift     body "phone", "country" -> $friend, as private_number.h writes it
 */
#ifndef COKO_API_BILLING_H
#define COKO_API_BILLING_H

#include "api/call.h"

extern const struct call_handler redeem_handler, gift_handler;

#endif
