/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What readers did, hop by hop: counters, and one row a hop in ops.hop.
 *
 *   turn's reply -> insight_turn -> fresh --each second--> sent -> ops.hops_put
 *                                     |                     ^ |
 *                        full: dropped, counted             +-+ the database is away: again, the same batch
 *
 * A hop costs no statement: its record waits in memory for the second's one insert, which runs in
 * the slow lane, where nobody waits for an answer. Both places are bounded; a batch of unknown fate
 * is sent again, since its rows have keys. No number and no identity is recorded: a dialogue is its mark,
 * which was drawn at random when it began.
 *
 * Order of calls: insight_new; insight_turn any number of times; insight_settle until true;
 * insight_free.
 */
#ifndef COKO_USSD_INSIGHT_H
#define COKO_USSD_INSIGHT_H

#include "gateway/ussd/turn.h"

#define INSIGHT_BATCH_MAX 4096 /* records waiting for a second's insert, and as many in flight */

struct insight;

struct insight *insight_new(struct loop *loop, struct pg *pg);

/* A turn that has its reply: counts it, and records it when it belongs to a dialogue. Repetitions
 * and races lost are no hops. */
void insight_turn(struct insight *in, const struct turn *t);

/* A dialogue turned away before it had a turn. */
void insight_shed(const struct carrier *c);

/* Writes what waits at once; true when nothing is left, or the database did not take it. */
bool insight_settle(struct insight *in);

/* Forgets what was not written. NULL is allowed. */
void insight_free(struct insight *in);

#endif
