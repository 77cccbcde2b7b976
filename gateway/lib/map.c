/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear probing at a load of at most 3/4, removal by shifting back, so that there are no
 * tombstones. Hash: SipHash-1-3 (Aumasson, Bernstein) under a key drawn once a process.
 */
#include "gateway/lib/map.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#define MAP_FIRST 16

struct map_slot {
    uint64_t hash;
    char *key; /* NULL: free */
    size_t key_n;
    void *value;
};

static uint64_t rotate(uint64_t v, unsigned by)
{
    return v << by | v >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static uint64_t sip_hash(const uint64_t key[2], struct str s)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
    uint64_t last = (uint64_t)s.n << 56, word;

    for (; s.n >= 8; s = str_skip(s, 8)) {
        memcpy(&word, s.p, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < s.n; i++)
        last |= (uint64_t)(unsigned char)s.p[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xFF;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t map_hash(struct str s)
{
    static uint64_t key[2]; /* global on purpose: one secret a process */
    static bool drawn;

    if (!drawn) {
        if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
            abort();
        drawn = true;
    }
    return sip_hash(key, s);
}

void map_init(struct map *m)
{
    *m = (struct map){NULL, 0, 0};
}

void map_fini(struct map *m)
{
    for (size_t i = 0; i < m->cap; i++)
        free(m->slots[i].key);
    free(m->slots);
    map_init(m);
}

/* The slot of key, or the free one where it belongs. cap > 0, at least one slot is free. */
static size_t map_find(const struct map *m, uint64_t hash, struct str key)
{
    size_t i = hash & (m->cap - 1);

    for (; m->slots[i].key; i = (i + 1) & (m->cap - 1)) {
        const struct map_slot *s = &m->slots[i];

        if (s->hash == hash && str_eq(str_n(s->key, s->key_n), key))
            break;
    }
    return i;
}

static void map_resize(struct map *m, size_t cap)
{
    struct map old = *m;

    m->slots = calloc(cap, sizeof(*m->slots));
    if (!m->slots)
        abort();
    m->cap = cap;
    for (size_t i = 0; i < old.cap; i++) {
        struct map_slot *s = &old.slots[i];

        if (s->key)
            m->slots[map_find(m, s->hash, str_n(s->key, s->key_n))] = *s;
    }
    free(old.slots);
}

void *map_get(const struct map *m, struct str key)
{
    size_t i;

    if (m->count == 0)
        return NULL;
    i = map_find(m, map_hash(key), key);
    return m->slots[i].key ? m->slots[i].value : NULL;
}

void *map_put(struct map *m, struct str key, void *value)
{
    uint64_t hash = map_hash(key);
    struct map_slot *s;
    void *old;

    assert(value);
    if ((m->count + 1) * 4 > m->cap * 3)
        map_resize(m, m->cap ? m->cap * 2 : MAP_FIRST);
    s = &m->slots[map_find(m, hash, key)];
    if (s->key) {
        old = s->value;
        s->value = value;
        return old;
    }
    s->key = malloc(key.n + 1);
    if (!s->key)
        abort();
    if (key.n)
        memcpy(s->key, key.p, key.n);
    s->key[key.n] = '\0';
    s->key_n = key.n;
    s->hash = hash;
    s->value = value;
    m->count++;
    return NULL;
}

void *map_remove(struct map *m, struct str key)
{
    size_t mask = m->cap - 1, hole, i;
    void *old;

    if (m->count == 0)
        return NULL;
    hole = map_find(m, map_hash(key), key);
    if (!m->slots[hole].key)
        return NULL;
    old = m->slots[hole].value;
    free(m->slots[hole].key);
    for (i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) { /* it may stand in the hole */
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole].key = NULL;
    m->count--;
    return old;
}

bool map_next(const struct map *m, size_t *at, struct str *key, void **value)
{
    for (; *at < m->cap; ++*at) {
        const struct map_slot *s = &m->slots[*at];

        if (s->key) {
            *key = str_n(s->key, s->key_n);
            *value = s->value;
            ++*at;
            return true;
        }
    }
    return false;
}
