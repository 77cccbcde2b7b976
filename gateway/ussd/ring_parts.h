/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between ring.c (what is claimed and pushed), ring_ask.c (who asks for it) and ring_token.c (what
 * the carrier wants with it).
 */
#ifndef COKO_USSD_RING_PARTS_H
#define COKO_USSD_RING_PARTS_H

#include "gateway/io/token.h"
#include "gateway/ussd/ring.h"

#define PURPOSE_MAX   15
#define MESSAGE_TOPIC "coko_message"

struct ring {
    struct ussd *u;
    struct op claim;
    struct loop_timer poll;
    bool draining;
    struct list pushes;
    unsigned npushes;
    struct list asks; /* requests that wait for their row */
    unsigned nasks;
    struct token *tokens[USSD_CARRIERS_MAX]; /* as the carriers stand; NULL: it wants none */
};

/* Cuts loose who waits. */
void ring_asks_free(struct ring *r);

/* Of the carriers that have a token_url. */
void ring_tokens_open(struct ring *r);

/* The token of this carrier's pushes; NULL: it wants none. */
struct token *ring_token(const struct ring *r, const struct carrier *c);

/* After the pushes that wait for one. */
void ring_tokens_free(struct ring *r);

#endif
