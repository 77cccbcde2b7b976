/* SPDX-License-Identifier: Apache-2.0 */
/* The oldest place is given away: what is repeated so late counts as new. See repeat.h. */
#include "gateway/binds/repeat.h"

#include "gateway/lib/clock.h"

#define REPEAT_MS 60000

static bool may_be_repeated(const struct repeat *r, const struct bind_delivery *d, int64_t now)
{
    if (!r->stored)
        return true;
    return now - r->stored_at < REPEAT_MS &&
           (r->generation != d->generation || r->epoch != d->d.epoch);
}

struct repeat *repeat_of(struct repeats *all, uint64_t hash, const struct bind_delivery *d,
                         int64_t now)
{
    struct repeat *r;

    for (unsigned i = 0; i < REPEATS; i++) {
        r = &all->all[i];
        if (r->nonce != 0 && r->hash == hash && may_be_repeated(r, d, now))
            return r;
    }
    r = &all->all[all->at++ % REPEATS];
    *r = (struct repeat){.hash = hash, .nonce = clock_wall_us()};
    r->generation = d->generation;
    r->epoch = d->d.epoch;
    return r;
}

void repeat_stored(struct repeat *r, uint64_t hash, const struct bind_delivery *d, int64_t now)
{
    if (r->hash != hash)
        return;
    r->stored = true;
    r->stored_at = now;
    r->generation = d->generation;
    r->epoch = d->d.epoch;
}
