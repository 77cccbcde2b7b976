/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One normaliser of phone numbers (hard case 18): every form that carriers and people write, to the
 * digits of E.164 without '+'. Understood: +221771234567, 221771234567, 00221771234567, 771234567
 * and 0771234567 (national, by country), tel:+221..., %2B221..., a leading space left by a raw '+',
 * spaces, dots, hyphens and brackets between digits, full-width and Arabic-Indic digits. Ivory
 * Coast's and Benin's numbers from before the 10-digit plan are brought to the new one. Masked
 * (2217712****), hashed, too short, too long or impossible numbers are refused.
 */
#ifndef COKO_LIB_MSISDN_H
#define COKO_LIB_MSISDN_H

#include "gateway/lib/err.h"
#include "gateway/lib/str.h"

#define MSISDN_MAX 15 /* digits, E.164 */

struct msisdn {
    char digits[MSISDN_MAX + 1]; /* "221771234567", terminated */
    char country[3];             /* ISO 3166 "SN"; "" where the table has no row */
};

/*
 * country: ISO code for national forms (the carrier's), NULL or "" if unknown. -1 ERR_BAD_INPUT;
 * the message has no digits.
 */
MUST_CHECK int msisdn_parse(struct str in, const char *country, struct msisdn *out, struct err *e);

#define MSISDN_NETWORK_MAX 24

/*
 * What auth.identity_find takes as a network: what the carrier said, '+', and the first digits, which
 * place a number whose carrier said nothing. A word too long to name a network is left out.
 */
void msisdn_network(struct str said, const struct msisdn *number, char out[MSISDN_NETWORK_MAX + 1]);

#define MSISDN_MASK_LEN 8

/* "***67": all that may be logged of a number (S5). */
const char *msisdn_mask(struct str digits, char out[MSISDN_MASK_LEN]);

/* Dialling code of a country ("221"), NULL if the table has no row. */
const char *msisdn_dial_code(const char *country);

#endif
