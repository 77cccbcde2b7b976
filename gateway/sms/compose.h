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

/* Segments the text as the link wants it. GSM-7 folds; a text that folding would spoil with '?' goes
 * as it is. -1: the text cannot be sent (not UTF-8, too long, refused). On success segment_fini is
 * the caller's. */
MUST_CHECK int compose_plan(const struct bind_config *link, struct str text, uint16_t ref,
                            struct segment *out, struct err *e);

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
