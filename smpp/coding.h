/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coding: one way to write a text on a route: the alphabet the phone gets, the octets the message
 * centre gets, the national tables, data_coding; and what fits a part under it.
 *
 *     units a part behind a header of h octets (all of it in 140 octets)
 *     GSM-7   (140 - h) * 8 / 7 septets       160, 155 one table, 153 and 152 concatenated,
 *                                             149 concatenated + one table, 146 + both
 *     Latin-1  140 - h octets                 140, 134, 133
 *     UCS-2   (140 - h) / 2 UTF-16 units      70, 67, 66
 *
 * data_coding 0 is what the message centre says it is. Where it reads ASCII or Latin-1 it still puts
 * GSM-7 on the air: a text must then be in both alphabets, and its length counts in septets.
 *
 * Pure. Text is valid UTF-8. segment chooses among codings and cuts.
 */
#ifndef COKO_SMPP_CODING_H
#define COKO_SMPP_CODING_H

#include "gateway/lib/gsm_shift.h"
#include "smpp/alphabet.h"

struct coding {
    enum alphabet air;  /* ALPHABET_GSM7, ALPHABET_LATIN1 or ALPHABET_UCS2 */
    enum alphabet wire; /* of the octets; another than air under data_coding 0 only */
    struct gsm_shift shift;
    uint8_t data_coding; /* 0, 3 or 8 */
};

/* Units of text, -1: it has a character that this coding lacks. */
MUST_CHECK ssize_t coding_units(const struct coding *c, struct str text);

/* Units that fit a part behind a header of so many octets. */
size_t coding_room(const struct coding *c, size_t header);

/* Bytes of the longest prefix of at most room units that splits no escape, no surrogate pair and no
 * combining sequence that fits a part; at least one character if room >= 2. The text has no
 * character that the coding lacks. */
size_t coding_cut(const struct coding *c, struct str text, size_t room);

/* Append the octets of such a text. A failure sticks in out. */
void coding_put(const struct coding *c, struct str text, struct buf *out);

/* Octets that the header needs for the national tables, without its length octet. */
size_t coding_shift_octets(const struct coding *c);

/* Writes these elements; returns how many octets. */
size_t coding_shift_header(const struct coding *c, uint8_t *out);

#endif
