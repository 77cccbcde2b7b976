/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one callback is, against the stored session: a beginning, an input, a repetition, a straggler.
 *
 * The step of a carrier with a sequence is the sequence; of a carrier that sends the whole path it
 * is the path (its length and a keyed hash are kept, never its text: S5); of one that brings our own
 * count back, that count, and a link's token must be of this very dialogue (hard case 44); where
 * nothing counts, the message itself, alike within repeat_ms of its first sight; where it has a name
 * of its own, however late, and the names of earlier hops are known too. Equal step: the stored reply
 * again (S1). Pure.
 */
#ifndef COKO_USSD_HOP_H
#define COKO_USSD_HOP_H

#include "gateway/lib/seal.h"
#include "gateway/ussd/event.h"
#include "gateway/ussd/profile.h"
#include "sessions/session.h"

enum hop_kind {
    HOP_BEGIN,  /* no dialogue yet, or a new one under a reused id */
    HOP_INPUT,  /* apply input to the present screen */
    HOP_REPLAY, /* send the stored reply again: repeated, stale, or after the end */
    HOP_RESHOW, /* out of step with us, or Redis lost writes: show the present screen, apply nothing */
    HOP_SILENT,  /* the dialogue is over: no screen wanted */
    HOP_REFUSED, /* a second beginning, of a carrier that wants it refused */
};

struct hop {
    enum hop_kind kind;
    const char *why;                /* closed set, for counters */
    struct str input;               /* HOP_INPUT; a view into the event */
    uint8_t step[SESSION_STEP_LEN]; /* to be stored with the reply */
    uint32_t sequence;
};

/* s: the stored session, or NULL. run: the mark of the Redis we speak to now (store_run). */
void hop_decide(const struct profile *p, const struct seal_ring *ring, const struct ussd_event *ev,
                const struct ussd_session *s, const uint8_t run[SESSION_RUN_LEN], struct hop *out);

/*
 * What was dialled after the short code: "101" of "*384*26*101#" where short_code is "*384*26#"; of
 * a path carrier the whole first path. Full-width stars and hashes count (hard case 11). out gets at
 * most cap bytes; longer dials are cut to nothing rather than into something else.
 */
struct str hop_dial(const struct profile *p, struct str short_code, struct str input, char *out,
                    size_t cap);

#endif
