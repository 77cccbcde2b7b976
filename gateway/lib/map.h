/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash map from byte strings to pointers. Open addressing with linear probing, SipHash-1-3 under a
 * random process key, so that peers cannot choose colliding keys. Keys are copied in; values belong
 * to the caller. Insertion order is not kept.
 */
#ifndef COKO_LIB_MAP_H
#define COKO_LIB_MAP_H

#include "gateway/lib/str.h"

struct map_slot;

struct map {
    struct map_slot *slots;
    size_t cap; /* power of two or 0 */
    size_t count;
};

/* Empty, nothing allocated. A zeroed struct is an empty map too. */
void map_init(struct map *m);

/* Free keys and table; values are the caller's. */
void map_fini(struct map *m);

/* The value, or NULL. */
void *map_get(const struct map *m, struct str key);

/* Set; returns the value that was there, or NULL. value must not be NULL. Out of memory aborts. */
void *map_put(struct map *m, struct str key, void *value);

/* Remove; returns the value that was there, or NULL. */
void *map_remove(struct map *m, struct str key);

/*
 * Walk: size_t at = 0; while (map_next(m, &at, &key, &value)) ...
 * The current key may be removed only by restarting the walk.
 */
bool map_next(const struct map *m, size_t *at, struct str *key, void **value);

/* The keyed hash, for other tables. */
uint64_t map_hash(struct str key);

#endif
