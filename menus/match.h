/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a value is held against: the cases of a switch, the results of a subflow, and `when`.
 *
 *   fr|en     one of the words          5..10   a whole number in the range
 *   (empty)   an unset or empty value   5..     ..10
 */
#ifndef COKO_MENUS_MATCH_H
#define COKO_MENUS_MATCH_H

#include "menus/model.h"

/* Reads a pattern; the words point into it. False: too many words, or a range that holds nothing. */
bool match_parse(struct str pattern, struct match *out);

/* Numbers are compared as numbers: "10" is not in "1..9", "09" is. */
bool match_holds(const struct match *m, struct str value);

/* Whether a value exists that both hold: the second would never be taken for it. */
bool match_overlap(const struct match *a, const struct match *b);

#endif
