/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of one unit of work (a turn, a request, a config): many small allocations, one release.
 * Chunks are kept on reset for the next unit; released memory is poisoned under ASan, so that a
 * pointer which outlives its unit is found. Nothing is freed one by one.
 */
#ifndef COKO_LIB_ARENA_H
#define COKO_LIB_ARENA_H

#include "gateway/lib/str.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *head; /* the chunk being filled; older ones follow */
    size_t chunk;             /* size of an ordinary chunk */
    size_t used;              /* bytes handed out since the last reset */
    size_t max;               /* ceiling of used */
};

/*
 * Chunks of `chunk` bytes, at most max bytes in all (peer-sized data hits the ceiling, not the
 * machine).
 */
void arena_init(struct arena *a, size_t chunk, size_t max);

/* Release everything. */
void arena_fini(struct arena *a);

/* Forget all allocations, keep one ordinary chunk. */
void arena_reset(struct arena *a);

/* n bytes aligned for any type, not zeroed; NULL beyond the ceiling. Out of memory aborts. */
MUST_CHECK void *arena_alloc(struct arena *a, size_t n);

/* The same, zeroed; n * size is checked for overflow. */
MUST_CHECK void *arena_zalloc(struct arena *a, size_t n, size_t size);

/* A terminated copy; NULL beyond the ceiling. */
MUST_CHECK char *arena_cstr(struct arena *a, struct str s);

/* A copy as a view (also terminated); p is NULL beyond the ceiling. */
struct str arena_str(struct arena *a, struct str s);

/* Formatted, terminated; NULL beyond the ceiling. */
MUST_CHECK char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
