/* SPDX-License-Identifier: Apache-2.0 */
/*
 * National language tables of 3GPP TS 23.038 annex A, Spanish (2) and Portuguese (3). A single shift
 * table takes the place of the extension table, a locking shift table that of the default alphabet;
 * the user data header of each message says which (3GPP TS 23.040 9.2.3.24.15, .16). Pure. Septets
 * stand one an octet, as in gsm.h. Without a table everything here is gsm.h.
 */
#ifndef COKO_LIB_GSM_SHIFT_H
#define COKO_LIB_GSM_SHIFT_H

#include "gateway/lib/gsm.h"

/* National language identifiers, 23.038 6.2.1.2.4. */
enum gsm_language { GSM_DEFAULT = 0, GSM_SPANISH = 2, GSM_PORTUGUESE = 3 };

struct gsm_shift {
    uint8_t single, locking; /* enum gsm_language; Spanish has no locking table */
};

/* The tables that exist here; others read as the default ones (23.038 6.2.1.2.1: a receiver that
 * does not know a table falls back to it). */
bool gsm_shift_known(struct gsm_shift t);

/* Code of a character under these tables: basic, GSM_ESC << 8 | code, or -1. */
int gsm_shift_code(struct gsm_shift t, uint32_t cp);

/* Septets of s, or -1 if a character is in none of the tables or the UTF-8 is bad. */
MUST_CHECK ssize_t gsm_shift_septets(struct gsm_shift t, struct str s);

/* Length in bytes of the longest prefix that takes at most max_septets; stops before what is in none
 * of the tables. */
size_t gsm_shift_cut(struct gsm_shift t, struct str s, size_t max_septets);

/* Append the septets of s; false, nothing appended: outside the tables (or out is full). */
MUST_CHECK bool gsm_shift_encode(struct gsm_shift t, struct str s, struct buf *out);

/* Append the text of n septets; returns how many were not clean, as gsm_decode. */
size_t gsm_shift_decode(struct gsm_shift t, const uint8_t *septets, size_t n, struct buf *out);

#endif
