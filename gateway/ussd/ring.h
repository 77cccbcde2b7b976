/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings: USSD that we begin. A row of messaging.ring is claimed, pushed, and told what became of it.
 *
 *                                              +- 401, once -+
 *                                              v             |
 *   claimed -- no body --> TURN -- a question --> TOKEN --> SEND --+
 *      |                     |                      |              |
 *      |                     |                      +-- none ----->|
 *      |                     +-- none ---------------------------->|
 *      +----- a body --------------------> TOKEN --> SEND -------->+--> RECORD --> gone
 *      |                                                           |
 *      +----- over SMPP -------------------> TALK ---------------->+
 *
 * TURN: the first screen of a dialogue, from the menu, told why (the variable "ring"). TOKEN: where
 * the section has a token_url, a bearer token that is good; none: nothing was sent. SEND: one POST to
 * the carrier's send_url, in the words of its profile's "push". TALK: talk.h pushes it over the
 * bind, which only the worker that holds it may do. RECORD: messaging.ring_end.
 *
 * M1: the row is there before the network. M4: it is pushed once; no answer is unknown, and unknown
 * is not pushed again. Only what certainly did not leave waits for another try; a 401 to a token is an
 * answer that nothing was done, and has it sent again under a new one. S5: the number is opened for
 * the call alone.
 *
 * Woken by RING_TOPIC, and each second. Order of calls: ring_new; ring_ask, ring_over; ring_drain;
 * ring_idle until true; ring_free, before the turns and the talk.
 */
#ifndef COKO_USSD_RING_H
#define COKO_USSD_RING_H

#include "gateway/io/http_server.h"
#include "gateway/ussd/turn.h"

#define RING_TOPIC    "coko_ring"
#define RING_MAX      64 /* of a worker in flight */
#define RING_ASKS_MAX 64 /* requests that wait for their row */

enum ring_event { RING_ACCEPTED, RING_REFUSED, RING_UNKNOWN, RING_NOT_SENT, RING_EVENTS };

struct ring;

struct ring *ring_new(struct ussd *u);

/*
 * Somebody asks to ring a number of this carrier: a row, then 202; 409 when the reader does not want
 * it (STOP), 400 no number, 503 no room or no database. With a text only that is told.
 */
void ring_ask(struct ring *r, const struct carrier *c, struct str number, struct str text,
              struct http_exchange *x);

/* What became of a push over SMPP; id is what talk_ring was given. NULL is allowed. */
void ring_over(struct ring *r, uint64_t id, enum ring_event event, const char *why);

/* Claims no more. NULL is allowed. */
void ring_drain(struct ring *r);

/* Nothing is in flight. NULL is idle. */
bool ring_idle(const struct ring *r);

/* What is in flight is cut loose: its lease runs out and it is unknown. NULL is allowed. */
void ring_free(struct ring *r);

#endif
