/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slab: a header, then fixed entries, filled from the front and never freed. `kind` is
 * published last (release), so that a reader in another process sees either nothing or a complete
 * entry. Readers trust no string to be terminated.
 */
#include "gateway/lib/counter.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/lib/counter_slab.h"

/* Upper bounds of the buckets in microseconds, and the text of `le`; the last bucket is +Inf. */
struct bound {
    int64_t us;
    const char *le;
};
#define SECONDS(s_) ((s_)*INT64_C(1000000))
static const struct bound times[COUNTER_BUCKETS - 1] = {
    {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},
    {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},
    {1000000, "1"},   {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"}, {30000000, "30"},
};
static const struct bound delays[COUNTER_BUCKETS - 1] = {
    {SECONDS(1), "1"},         {SECONDS(2), "2"},         {SECONDS(5), "5"},
    {SECONDS(10), "10"},       {SECONDS(30), "30"},       {SECONDS(60), "60"},
    {SECONDS(120), "120"},     {SECONDS(300), "300"},     {SECONDS(900), "900"},
    {SECONDS(1800), "1800"},   {SECONDS(3600), "3600"},   {SECONDS(10800), "10800"},
    {SECONDS(21600), "21600"}, {SECONDS(43200), "43200"}, {SECONDS(86400), "86400"},
};

/* The process's slab; where there is none, or no room, values go to nowhere. */
static struct counter_slab *current;
static struct counter_entry nowhere;
static uint64_t overflow;
unsigned counter_generation = 1;

static const struct bound *bounds_of(uint32_t kind)
{
    return kind == COUNTER_DELAYS ? delays : times;
}

const char *counter_bucket_le(uint32_t kind, size_t i)
{
    return i < COUNTER_BUCKETS - 1 ? bounds_of(kind)[i].le : "+Inf";
}

size_t counter_slab_size(size_t entries)
{
    return sizeof(struct counter_slab) + entries * sizeof(struct counter_entry);
}

static void gauges_reset(struct counter_slab *s)
{
    for (uint32_t i = 0; i < s->entries; i++) {
        if (atomic_load_explicit(&s->entry[i].kind, memory_order_acquire) == COUNTER_GAUGE)
            atomic_store_explicit(&s->entry[i].sum, 0, memory_order_relaxed);
    }
}

int counter_attach(void *mem, size_t size, struct err *e)
{
    struct counter_slab *s = mem;
    size_t entries;

    if (size < counter_slab_size(1))
        return err_set(e, ERR_TOO_BIG, "metrics slab of %zu bytes holds no entry", size);
    entries = (size - sizeof(*s)) / sizeof(s->entry[0]);
    if (s->magic == 0) {
        s->entry_size = sizeof(s->entry[0]);
        s->entries = (uint32_t)MIN(entries, (size_t)UINT32_MAX);
        s->magic = COUNTER_SLAB_MAGIC;
    }
    if (s->magic != COUNTER_SLAB_MAGIC || s->entry_size != sizeof(s->entry[0]) ||
        s->entries > entries)
        return err_set(e, ERR_BAD_INPUT, "metrics slab of another layout");
    gauges_reset(s);
    current = s;
    overflow = 0;
    counter_generation++;
    return 0;
}

void counter_detach(void)
{
    current = NULL;
    counter_generation++;
}

static bool ends_in(const char *name, const char *suffix)
{
    return str_ends(str_c(name), str_c(suffix));
}

/* What promtool would complain about is a bug of ours. */
static void counter_assert_named(const struct counter *c)
{
    assert(strlen(c->name) < sizeof(nowhere.name) - sizeof("_bucket"));
    assert(strlen(c->labels) < sizeof(nowhere.labels));
    assert(strlen(c->help) < sizeof(nowhere.help) && c->help[0]);
    assert(strspn(c->name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(c->name));
    assert((c->kind == COUNTER_COUNT) == ends_in(c->name, "_total"));
    assert(c->kind < COUNTER_HISTOGRAM || ends_in(c->name, "_seconds"));
}

static bool entry_is(const struct counter_entry *e, const struct counter *c)
{
    return strncmp(e->name, c->name, sizeof(e->name)) == 0 &&
           strncmp(e->labels, c->labels, sizeof(e->labels)) == 0;
}

static void entry_fill(struct counter_entry *e, const struct counter *c)
{
    memcpy(e->name, c->name, strlen(c->name) + 1);
    memcpy(e->labels, c->labels, strlen(c->labels) + 1);
    memcpy(e->help, c->help, strlen(c->help) + 1);
    atomic_store_explicit(&e->kind, c->kind, memory_order_release);
}

static struct counter_entry *entry_find(const struct counter *c)
{
    for (uint32_t i = 0; i < current->entries; i++) {
        struct counter_entry *e = &current->entry[i];
        uint32_t kind = atomic_load_explicit(&e->kind, memory_order_acquire);

        if (kind == 0) {
            entry_fill(e, c);
            return e;
        }
        if (kind == c->kind && entry_is(e, c))
            return e;
    }
    overflow++;
    return &nowhere;
}

void counter_bind(struct counter *c)
{
    counter_assert_named(c);
    c->entry = current ? entry_find(c) : &nowhere;
    c->generation = counter_generation;
}

/* name="value"[,name="value"...] without quotes, backslashes or newlines inside the values. */
static bool labels_ok(const char *p)
{
    for (;;) {
        size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789_");

        if (n == 0 || p[n] != '=' || p[n + 1] != '"')
            return false;
        p += n + 2;
        p += strcspn(p, "\"\\\n");
        if (*p++ != '"')
            return false;
        if (*p == '\0')
            return true;
        if (*p++ != ',')
            return false;
    }
}

struct counter *counter_with(struct counter *family, const char *labels)
{
    struct counter *c = map_get(&family->with, str_c(labels));
    char *copy;

    if (c)
        return c;
    assert(labels_ok(labels) && strlen(labels) < sizeof(nowhere.labels));
    c = calloc(1, sizeof(*c));
    copy = strdup(labels);
    if (!c || !copy)
        abort();
    c->name = family->name;
    c->help = family->help;
    c->kind = family->kind;
    c->labels = copy;
    (void)map_put(&family->with, str_c(labels), c);
    return c;
}

void counter_forget(struct counter *family)
{
    struct str key;
    size_t at = 0;
    void *value;

    while (map_next(&family->with, &at, &key, &value)) {
        struct counter *c = value;

        free((char *)(uintptr_t)c->labels);
        free(c);
    }
    map_fini(&family->with);
}

void counter_observe_us(struct counter *c, int64_t us)
{
    struct counter_entry *e = counter_entry_of(c);
    const struct bound *bounds = bounds_of(c->kind);
    size_t i = 0;

    us = MAX(us, 0);
    while (i < COUNTER_BUCKETS - 1 && us > bounds[i].us)
        i++;
    atomic_fetch_add_explicit(&e->bucket[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&e->sum, (uint64_t)us, memory_order_relaxed);
}

static uint64_t entry_observations(const struct counter_entry *e)
{
    uint64_t n = 0;

    for (size_t i = 0; i < COUNTER_BUCKETS; i++)
        n += atomic_load_explicit(&e->bucket[i], memory_order_relaxed);
    return n;
}

int64_t counter_value(struct counter *c)
{
    const struct counter_entry *e = counter_entry_of(c);

    if (e == &nowhere)
        return 0;
    if (c->kind >= COUNTER_HISTOGRAM)
        return (int64_t)entry_observations(e);
    return (int64_t)atomic_load_explicit(&e->sum, memory_order_relaxed);
}

uint64_t counter_overflow(void)
{
    return overflow;
}
