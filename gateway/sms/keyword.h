/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reader typed: the first word, blind to case and accents, and what follows it. Pure; whether
 * the word means anything is decided by messaging.keyword.
 */
#ifndef COKO_SMS_KEYWORD_H
#define COKO_SMS_KEYWORD_H

#include "gateway/lib/str.h"

#define KEYWORD_MAX     32
#define KEYWORD_ARG_MAX 160

struct keyword {
    char word[KEYWORD_MAX + 1];    /* upper case ASCII letters and digits; "" when none */
    char arg[KEYWORD_ARG_MAX + 1]; /* folded to ASCII, without white space at its ends */
};

/*
 * Reads text (UTF-8, anything). Quotes and punctuation around the word are dropped; "LIRE12" is
 * "LIRE" with "12". A word longer than KEYWORD_MAX is cut: no keyword is that long.
 */
void keyword_parse(struct str text, struct keyword *out);

#endif
