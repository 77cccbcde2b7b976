/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a text may be cut for SMS: after which characters a sentence ends, how many septets the
 * folded text has up to there, how many units the text in UCS-2, and what folding would change.
 * Stored with the part, so that SQL decides the slices as they will be sent.
 *
 * A sentence ends after . ! ? or an ellipsis (closing quotes and brackets included) when white space
 * and something other than a small letter follow, and at a paragraph mark. White space behind it
 * belongs to it. One letter and a point ("M. Faye") is a short form, no end. No cut is further
 * than MEASURE_SENTENCE_MAX septets from the one before it: a longer sentence is cut at its last
 * space before that, a longer word anywhere. Pure.
 */
#ifndef COKO_BOOKS_MEASURE_H
#define COKO_BOOKS_MEASURE_H

#include <stdint.h>

#include "gateway/lib/str.h"

#define MEASURE_SENTENCE_MAX 450

/* What a text needs to be written in the alphabet of phones. */
enum measure_folds {
    MEASURE_NOTHING,   /* at most signs are folded */
    MEASURE_LETTERS,   /* letters are folded */
    MEASURE_IMPOSSIBLE /* it has characters without a counterpart: UCS-2 */
};

struct cut {
    uint32_t chars;   /* characters up to here */
    uint32_t septets; /* of the folded text up to here */
    uint32_t units;   /* UTF-16 units of the text as it is, up to here */
    uint32_t folds;   /* enum measure_folds of what stands since the cut before: never less */
};

/* Of a whole text. */
enum measure_folds measure_folds(struct str text);

/*
 * The cuts of a body (valid UTF-8) in order, the last at its end; memory to be freed by the caller.
 * Never fails: out of memory aborts.
 */
struct cut *measure_cuts(struct str body, size_t *n);

#endif
