/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input laid against an unmapped page: one byte read behind its end is a crash, in every build.
 *
 *     char *p = guard_copy(&g, bytes, n);  ... use p[0..n) ...  guard_free(&g);
 *     guard_each_cut(bytes, n, f, ctx);    f sees every prefix of the bytes, each at the edge
 */
#ifndef COKO_TESTS_GUARD_H
#define COKO_TESTS_GUARD_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
    char *map;
    size_t size; /* of the readable pages; one unreadable page follows */
};

static inline void guard_init(struct guard *g, size_t room)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    g->size = (room + page) / page * page;
    g->map = mmap(NULL, g->size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->map == MAP_FAILED || mprotect(g->map + g->size, page, PROT_NONE) != 0) {
        perror("guard page");
        abort();
    }
}

static inline void guard_free(struct guard *g)
{
    munmap(g->map, g->size + (size_t)sysconf(_SC_PAGESIZE));
}

/* The bytes at the edge of guard memory that has room for them. */
static inline char *guard_put(struct guard *g, const void *bytes, size_t n)
{
    char *at = g->map + g->size - n;

    if (n)
        memcpy(at, bytes, n);
    return at;
}

static inline char *guard_copy(struct guard *g, const void *bytes, size_t n)
{
    guard_init(g, n);
    return guard_put(g, bytes, n);
}

static inline void guard_each_cut(const void *bytes, size_t n,
                                  void (*f)(const char *p, size_t n, void *ctx), void *ctx)
{
    struct guard g;

    guard_init(&g, n);
    for (size_t cut = 0; cut <= n; cut++)
        f(guard_put(&g, bytes, cut), cut, ctx);
    guard_free(&g);
}

#endif
