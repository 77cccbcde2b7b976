/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The typed values that have a grammar of their own: amounts and dates. Pure: text in, text out.
 */
#ifndef COKO_MENUS_INPUT_VALUE_H
#define COKO_MENUS_INPUT_VALUE_H

#include "gateway/lib/str.h"

/* "1 500", "1.500", "1,500", "1'500", "1500", with exponent 2 also "1500,5" and "1.500,50": minor
 * units. False for anything that could mean two amounts, for a fraction where the currency has
 * none (exponent 0), for signs and for what int64_t does not hold. */
bool amount_read(struct str typed, unsigned exponent, int64_t *minor);

/* "05031990", "5/3/1990", "05-03-1990", "5.3.1990", "5 3 1990": day, month, year as 19900305. False
 * when the calendar has no such day. Years 1000 to 9999. */
bool date_read(struct str typed, int64_t *yyyymmdd);

/* "1990-03-05", as values are kept and bounds are written. */
bool date_iso(struct str iso, int64_t *yyyymmdd);

#define DATE_LEN 10

#endif
