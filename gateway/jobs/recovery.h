/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codes for lost numbers, made where the keys are. SQL says who wants one (auth.recovery_wanted, a
 * minute's lease a phone) and with which words; here a code is drawn, put into them, sealed, and
 * given back with its keyed hash in one statement (auth.recovery_give). It is in clear in this
 * process only, for that long (S5).
 *
 *   REST --poll--> ASK --rows--> GIVE --> REST, or ASK again after a full batch
 *                   +--none----> REST
 *
 * A worker that dies between the two has given nothing: after the lease another draws another code.
 */
#ifndef COKO_JOBS_RECOVERY_H
#define COKO_JOBS_RECOVERY_H

#include "gateway/io/pg.h"
#include "gateway/lib/seal.h"

struct recovery;

/* ring: borrowed, for as long as the object lives. */
struct recovery *recovery_new(struct loop *loop, struct pg *pg, const struct seal_ring *ring);
void recovery_start(struct recovery *r);

/* Asks for no more. */
void recovery_drain(struct recovery *r);
bool recovery_idle(const struct recovery *r);

/* NULL is allowed. */
void recovery_free(struct recovery *r);

/*
 * One element of auth.recovery_give's array appended to j: a new code of the CSPRNG within the text
 * at the place of {recovery}. False, and nothing appended: the text has no such place, or is too long.
 */
struct jsonw;
MUST_CHECK bool recovery_draw(const struct seal_ring *ring, int64_t identity, struct str text,
                              struct jsonw *j);

#endif
