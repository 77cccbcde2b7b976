/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token buckets. See bucket.h.
 */
#include "api/bucket.h"

#include "gateway/lib/map.h"

#define TOKEN 1000 /* thousandths */

/* A minute's tokens, spread: per_minute * 1000 thousandths in 60000 ms. */
static int64_t refilled(const struct bucket *s, int64_t burst, unsigned per_minute, int64_t now_ms)
{
    int64_t passed = MIN(MAX(now_ms - s->at_ms, 0), (int64_t)24 * 3600 * 1000);

    return MIN(s->tokens + passed * per_minute / 60, burst * TOKEN);
}

unsigned bucket_take(struct bucket_table *t, struct str key, uint64_t salt, unsigned burst,
                     unsigned per_minute, int64_t now_ms)
{
    uint64_t hash = map_hash(key) ^ salt * 0x9E3779B97F4A7C15u;
    struct bucket *s = &t->slots[hash % BUCKET_SLOTS];

    hash |= 1; /* 0 is a free slot */
    int64_t tokens = s->key ? refilled(s, burst, per_minute, now_ms) : (int64_t)burst * TOKEN;

    if (tokens < TOKEN)
        return (unsigned)((TOKEN - tokens) * 60 / (TOKEN * (int64_t)per_minute)) + 1;
    *s = (struct bucket){.key = hash, .tokens = tokens - TOKEN, .at_ms = now_ms};
    return 0;
}
