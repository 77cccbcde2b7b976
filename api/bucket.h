/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token buckets by key in a table of fixed size, in this process: the first fence before a route
 * that costs money. What must hold across workers stands in SQL.
 *
 * Two keys that meet in one slot share its bucket while it is not full: strict, never lax.
 */
#ifndef COKO_API_BUCKET_H
#define COKO_API_BUCKET_H

#include "gateway/lib/str.h"

#define BUCKET_SLOTS 4096

struct bucket {
    uint64_t key;
    int64_t tokens; /* in thousandths */
    int64_t at_ms;
};

struct bucket_table {
    struct bucket slots[BUCKET_SLOTS];
};

/* 0: go on; else seconds to wait. salt tells the routes apart. */
unsigned bucket_take(struct bucket_table *t, struct str key, uint64_t salt, unsigned burst,
                     unsigned per_minute, int64_t now_ms);

#endif
