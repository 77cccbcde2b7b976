/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USSD over SMPP: what a bind delivers becomes a turn, and the turn's reply one submit_sm.
 *
 *   deliver_sm -> dialect -> answered at once -> turn -> reply -> BIND_TALK queue -> submit_sm
 *
 * An exchange is one delivery and its reply. It is dropped, unanswered, as soon as the dialogue moves
 * on: an abort, the next message of the same session, the end of the network's patience, a lost link.
 * A reply is written once: it is never tried again (M4), never split, and asks for no receipt.
 *
 * S1: nothing numbers the messages of a dialogue, so a step is the message itself. The same octets
 * within 1.5 s on one connection are one delivery and get one reply; from a connection lost meanwhile
 * they are the same step, and the stored reply is sent again.
 *
 * Order of calls: talk_new; talk_ring; talk_idle until true; talk_free, after the turns are gone.
 */
#ifndef COKO_USSD_TALK_H
#define COKO_USSD_TALK_H

#include "gateway/ussd/turn.h"

#define TALK_MAX 1024 /* exchanges of a worker; more are answered ESME_RMSGQFUL */

struct talk;

/* Registers with the binds: sink of what is said, client of class BIND_TALK. */
struct talk *talk_new(struct ussd *u);

/* No exchange is open. */
bool talk_idle(const struct talk *tk);

/* A reader to ring: without a text a dialogue begins, and the menu is told the purpose. */
struct talk_ring {
    uint64_t id;       /* ring_over gets it back, once, with what became of the push */
    struct str number; /* E.164 digits */
    struct str purpose, text;
};

/*
 * Rings a reader. -1, and nothing is heard of it again: ERR_BAD_STATE this worker does not hold the
 * carrier's bind, ERR_BUSY too many exchanges.
 */
MUST_CHECK int talk_ring(struct talk *tk, const struct carrier *c, const struct talk_ring *r,
                         struct err *e);

/* The binds forget our jobs; what is written and not answered stays unknown. NULL is allowed. */
void talk_free(struct talk *tk);

#endif
