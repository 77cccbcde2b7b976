/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment: a text becomes the parts of one message. Chooses one coding for all of them (M2), after
 * folding where that is allowed: the one that takes the fewest parts, and of those the plainest,
 * in the order data_coding 0, national single shift table, locking table, both, Latin-1, UCS-2.
 * coding.h has what a part holds.
 *
 * Parts are told apart by a concatenation header (3GPP TS 23.040 9.2.3.24.1, .8), or, where a route
 * carries none, by a mark for the reader, "(2/5) text" or "text (2/5)". Marked parts are cut
 * between words, and the space there is dropped; a word longer than a part is cut as others are.
 *
 * A part never ends between ESC and its character, inside a surrogate pair or before a combining
 * mark.
 *
 * Order of calls: segment_plan, then segment_part for 1..parts, segment_fini. It never sends and
 * never chooses the reference: the caller counts it for each sender and number, so that two
 * messages on their way do not mix.
 */
#ifndef COKO_SMPP_SEGMENT_H
#define COKO_SMPP_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"
#include "smpp/coding.h"

#define SEGMENT_PARTS_MAX 255
#define SEGMENT_OCTETS    167 /* of the largest part: a 7-octet header and 160 septets */

enum segment_marks { SEGMENT_UNMARKED, SEGMENT_MARK_BEFORE, SEGMENT_MARK_BEHIND };

/* Characters above U+FFFF, most of them emoji, on routes that know UCS-2 but not UTF-16. */
enum segment_astral { SEGMENT_ASTRAL_SEND, SEGMENT_ASTRAL_REPLACE, SEGMENT_ASTRAL_REFUSE };

/* Bits of segment_opts.tables: national tables that a route takes. */
enum segment_tables { SEGMENT_SPANISH = 1, SEGMENT_PORTUGUESE = 2 };

struct segment_opts {
    bool fold;           /* transliterate what GSM-7 lacks; lib/gsm says how */
    unsigned fold_flags; /* enum gsm_fold_flag */
    bool ref16;          /* 16-bit reference */
    uint16_t ref;        /* its low 8 bits without ref16 */
    unsigned max_parts;  /* refuse a longer text; 0: SEGMENT_PARTS_MAX */
    int marks;           /* enum segment_marks: other than 0, no header at all */
    unsigned tables;     /* enum segment_tables; not with marks: they need the header */
    enum alphabet plain; /* what data_coding 0 is: ALPHABET_GSM7, _ASCII or _LATIN1 */
    bool latin1;         /* the route takes data_coding 3 */
    int astral;          /* enum segment_astral */
};

struct segment {
    enum alphabet alphabet; /* of the octets */
    struct coding coding;
    uint8_t data_coding;   /* 0, 3 or 8 */
    uint8_t header;        /* octets of the user data header, 0 to 13 */
    unsigned parts;        /* at least 1: an empty text is one empty part */
    size_t units;          /* septets, octets or UTF-16 units of the whole text without marks */
    size_t lost;           /* characters folding could only show as '?' */
    unsigned folded_parts; /* UCS-2 only: parts the same text would take folded into GSM-7 */
    int marks;
    bool ref16;
    uint16_t ref;
    struct buf octets;                /* all parts, without headers */
    uint32_t ends[SEGMENT_PARTS_MAX]; /* where each part ends in octets */
};

/* Cuts text (UTF-8) into parts. -1: not UTF-8, or beyond U+FFFF where that is refused
 * (ERR_BAD_INPUT), or more than max_parts parts (ERR_TOO_BIG). On success the caller owns *out until
 * segment_fini; on failure nothing is owned. */
MUST_CHECK int segment_plan(struct str text, const struct segment_opts *opts, struct segment *out,
                            struct err *e);

/* Writes part no (1..parts), header included, into out[SEGMENT_OCTETS]; returns its octets. The PDU
 * needs esm_class SMPP_ESM_UDHI when header > 0. */
size_t segment_part(const struct segment *s, unsigned no, uint8_t out[SEGMENT_OCTETS]);

void segment_fini(struct segment *s);

#endif
