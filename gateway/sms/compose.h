/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a text to the submits of its parts: one alphabet, one reference, one way of joining them (M2).
 * Also how a carrier writes ids. Pure.
 *
 * Order of calls: compose_plan; compose_fill for each part; segment_fini (or compose_wipe).
 */
#ifndef COKO_SMS_COMPOSE_H
#define COKO_SMS_COMPOSE_H

#include "gateway/binds/binds.h"
#include "smpp/receipt.h"
#include "smpp/segment.h"

#define COMPOSE_REFS     4096 /* counters of references, by hash of the number */
#define COMPOSE_VALIDITY 17

/* What may be done to letters that the alphabet of phones lacks: the rule of a book, or the link's
 * `encoding` for what has none. Signs (quotes, dashes) are no letters: all but AS_LINK with `auto`
 * may fold them, where that keeps a text out of UCS-2. */
enum compose_fold {
    COMPOSE_AS_LINK, /* gsm7: as ALWAYS; auto: the text as it is */
    COMPOSE_KEEP,    /* never folded: a shift table that the route takes, Latin-1, else UCS-2 */
    COMPOSE_CHEAP,   /* folded where that makes fewer parts */
    COMPOSE_ALWAYS   /* folded */
};

/* "keep", "cheap", "always" of messaging.message.fold; anything else is COMPOSE_AS_LINK. */
enum compose_fold compose_fold_word(struct str word);

struct compose_text {
    struct str text; /* UTF-8 */
    uint16_t ref;    /* of the concatenation */
    enum compose_fold fold;
};

/* Segments the text in the way that its rule allows and that takes the fewest parts; of equal ones
 * the most faithful. A text that folding would spoil with '?' is not folded. -1: the text cannot be
 * sent (not UTF-8, too long, refused). On success segment_fini is the caller's. */
MUST_CHECK int compose_plan(const struct bind_config *link, const struct compose_text *t,
                            struct segment *out, struct err *e);

/* One part that came as octets and goes as it came, header and all. -1: more than a part holds. */
MUST_CHECK int compose_octets(struct str octets, uint8_t data_coding, struct segment *out,
                              struct err *e);

/* Submits the segments need on this link. */
unsigned compose_parts(const struct bind_config *link, const struct segment *seg);

struct compose {
    const struct bind_config *link;
    const struct segment *seg;
    const char *number;   /* digits of E.164 */
    const char *validity; /* "" for none */
    uint64_t message;     /* its id: each part carries compose_reference of it; 0 for none */
};

/* Our own 16-bit name of a part, which many carriers give back in its receipt
 * (user_message_reference): the rule of messaging.part_reference. Never 0. */
uint16_t compose_reference(uint64_t message, unsigned no);

/* Fills part no (1..compose_parts). */
void compose_fill(const struct compose *c, unsigned no, struct bind_scratch *scratch,
                  struct smpp_submit *out);

/* Overwrites the text, then segment_fini: for codes (S5). */
void compose_wipe(struct segment *seg);

/* Relative validity_period of v3.4 7.1.1 for so many seconds, at most 28 days. */
void compose_validity(int64_t seconds, char out[COMPOSE_VALIDITY]);

/* Forms under which the id of a receipt may be stored, likeliest first; returns how many.
 * Ids are stored as receipt_normal_id writes those of responses. room: for a converted one. */
size_t compose_receipt_ids(enum bind_id_form form, const struct receipt *r,
                           char room[RECEIPT_ID_MAX], const char *out[RECEIPT_IDS]);

#endif
