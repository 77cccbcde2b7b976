/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody's phone number on its way to the database: never in clear. As JSON of one object:
 *
 *   {"lookup": 64 hex digits, "sealed": hex, "key_id": 1, "country": "CI", "network": "+2250501",
 *    "mark": "06"}
 *
 * lookup, sealed and network are what auth.identity_find takes; mark is the last two digits, which may
 * be shown to who typed the number.
 */
#ifndef COKO_LIB_PRIVATE_NUMBER_H
#define COKO_LIB_PRIVATE_NUMBER_H

#include "gateway/lib/msisdn.h"
#include "gateway/lib/seal.h"

#define PRIVATE_NUMBER_MAX 400

/* The object of a number of a known country; of another one its "country" is "". NUL-terminated. */
void private_number(const struct seal_ring *ring, const struct msisdn *number,
                    char out[PRIVATE_NUMBER_MAX]);

#endif
