/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment: a text becomes the parts of one message. Chooses one alphabet for all of them (M2):
 * GSM-7 if the text fits it, after folding where that is allowed, else UCS-2. More than one part
 * gets a concatenation header (3GPP TS 23.040 9.2.3.24.1, .8):
 *
 *     septets / units a part      alone   8-bit reference   16-bit reference
 *     GSM-7                       160     153               152
 *     UCS-2                       70      67                66
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
#include "smpp/alphabet.h"

#define SEGMENT_PARTS_MAX 255
#define SEGMENT_OCTETS    167 /* of the largest part: a 7-octet header and 160 septets */

struct segment_opts {
    bool fold;           /* transliterate what GSM-7 lacks; lib/gsm says how */
    unsigned fold_flags; /* enum gsm_fold_flag */
    bool ref16;          /* 16-bit reference */
    uint16_t ref;        /* its low 8 bits without ref16 */
    unsigned max_parts;  /* refuse a longer text; 0: SEGMENT_PARTS_MAX */
};

struct segment {
    enum alphabet alphabet; /* ALPHABET_GSM7 or ALPHABET_UCS2 */
    uint8_t data_coding;    /* 0 or 8 */
    uint8_t header;         /* octets of the concatenation header: 0, 6 or 7 */
    unsigned parts;         /* at least 1: an empty text is one empty part */
    size_t units;           /* septets or UTF-16 units of the whole text */
    size_t lost;            /* characters folding could only show as '?' */
    unsigned folded_parts;  /* UCS-2 only: parts the same text would take folded into GSM-7 */
    bool ref16;
    uint16_t ref;
    struct buf octets;                /* all parts, without headers */
    uint32_t ends[SEGMENT_PARTS_MAX]; /* where each part ends in octets */
};

/* Cuts text (UTF-8) into parts. -1: not UTF-8 (ERR_BAD_INPUT) or more than max_parts parts
 * (ERR_TOO_BIG). On success the caller owns *out until segment_fini; on failure nothing is
 * owned. */
MUST_CHECK int segment_plan(struct str text, const struct segment_opts *opts, struct segment *out,
                            struct err *e);

/* Writes part no (1..parts), header included, into out[SEGMENT_OCTETS]; returns its octets. The PDU
 * needs esm_class SMPP_ESM_UDHI when header > 0. */
size_t segment_part(const struct segment *s, unsigned no, uint8_t out[SEGMENT_OCTETS]);

void segment_fini(struct segment *s);

#endif
