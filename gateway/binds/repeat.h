/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deliveries that come twice. A carrier that did not hear our answer delivers again, and nothing in SMPP
 * marks the repetition. The same octets from the same number count as repeated when the first delivery
 * was not stored, or its connection was lost since; a reader who types SUITE twice on a healthy link
 * means it.
 *
 * Order of calls: zeroed memory; repeat_of for each delivery, whose row is stored under a name made of
 * the octets and the nonce; repeat_stored once it is.
 */
#ifndef COKO_BINDS_REPEAT_H
#define COKO_BINDS_REPEAT_H

#include "gateway/binds/binds.h"

#define REPEATS 256 /* deliveries remembered */

struct repeat {
    uint64_t hash;
    int64_t nonce; /* when it first came; 0: the place is free */
    int64_t stored_at;
    bool stored;
    uint32_t generation, epoch; /* of the connection that brought it */
};

struct repeats {
    struct repeat all[REPEATS];
    unsigned at;
};

/* The first delivery that this one repeats, or a fresh place. now: loop's ms. */
struct repeat *repeat_of(struct repeats *all, uint64_t hash, const struct bind_delivery *d,
                         int64_t now);

/* It is stored; without effect when its place has gone to another meanwhile. */
void repeat_stored(struct repeat *r, uint64_t hash, const struct bind_delivery *d, int64_t now);

#endif
