/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks in a chain, the newest first; an allocation larger than a chunk gets a chunk of its own
 * behind the head, so that the head goes on being filled.
 */
#include "gateway/lib/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#endif

#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>

/* Not inlined: gcc 12 takes the const argument for a read of memory not yet written. */
static __attribute__((noinline)) void poison(void *p, size_t n)
{
    __asan_poison_memory_region(p, n);
}

static void unpoison(void *p, size_t n)
{
    __asan_unpoison_memory_region(p, n);
}
#else
static void poison(UNUSED void *p, UNUSED size_t n)
{
}

static void unpoison(UNUSED void *p, UNUSED size_t n)
{
}
#endif

#define ARENA_ALIGN 16

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used; /* of data */
    _Alignas(ARENA_ALIGN) char data[];
};

void arena_init(struct arena *a, size_t chunk, size_t max)
{
    *a = (struct arena){.chunk = chunk, .max = max};
}

static struct arena_chunk *chunk_new(size_t size)
{
    struct arena_chunk *c = malloc(sizeof(*c) + size);

    if (!c)
        abort(); /* bounded sizes: the machine is out of memory, not the peer out of line */
    c->next = NULL;
    c->size = size;
    c->used = 0;
    poison(c->data, size);
    return c;
}

static void chunk_free(struct arena_chunk *c)
{
    unpoison(c->data, c->size);
    free(c);
}

void arena_fini(struct arena *a)
{
    struct arena_chunk *c = a->head, *next;

    for (; c; c = next) {
        next = c->next;
        chunk_free(c);
    }
    a->head = NULL;
    a->used = 0;
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *kept = NULL, *c = a->head, *next;

    for (; c; c = next) {
        next = c->next;
        if (!kept && c->size == a->chunk)
            kept = c;
        else
            chunk_free(c);
    }
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
        poison(kept->data, kept->size);
    }
    a->head = kept;
    a->used = 0;
}

static struct arena_chunk *arena_chunk_for(struct arena *a, size_t n)
{
    struct arena_chunk *c = a->head;

    if (c && n <= c->size - c->used)
        return c;
    c = chunk_new(MAX(n, a->chunk));
    if (n > a->chunk && a->head) {
        c->next = a->head->next;
        a->head->next = c;
    } else {
        c->next = a->head;
        a->head = c;
    }
    return c;
}

void *arena_alloc(struct arena *a, size_t n)
{
    struct arena_chunk *c;
    size_t room;
    void *p;

    n = MAX(n, (size_t)1);
    if (n > a->max - a->used)
        return NULL;
    room = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    c = arena_chunk_for(a, room);
    p = c->data + c->used;
    c->used += room;
    a->used += MIN(room, a->max - a->used);
    unpoison(p, n);
    return p;
}

void *arena_zalloc(struct arena *a, size_t n, size_t size)
{
    size_t bytes;
    void *p;

    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    p = arena_alloc(a, bytes);
    if (p && bytes)
        memset(p, 0, bytes);
    return p;
}

char *arena_cstr(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);

    if (!p)
        return NULL;
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = arena_cstr(a, s);

    return (struct str){p, p ? s.n : 0};
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    char *p = NULL;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    if (n >= 0 && (p = arena_alloc(a, (size_t)n + 1)))
        (void)vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return p;
}
