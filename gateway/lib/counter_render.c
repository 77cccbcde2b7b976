/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adding up slabs and writing the Prometheus text format 0.0.4: entries of all slabs are sorted by
 * (name, labels), equal ones added, HELP and TYPE written once a family.
 */
#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/counter_slab.h"

struct sum {
    struct str name, labels, help;
    uint32_t kind;
    uint64_t sum, bucket[COUNTER_BUCKETS];
};

static struct str bounded(const char *p, size_t size)
{
    return str_n(p, strnlen(p, size));
}

static void sum_read(struct sum *s, const struct counter_entry *e, uint32_t kind)
{
    s->name = bounded(e->name, sizeof(e->name));
    s->labels = bounded(e->labels, sizeof(e->labels));
    s->help = bounded(e->help, sizeof(e->help));
    s->kind = kind;
    s->sum = atomic_load_explicit(&e->sum, memory_order_relaxed);
    for (size_t i = 0; i < COUNTER_BUCKETS; i++)
        s->bucket[i] = atomic_load_explicit(&e->bucket[i], memory_order_relaxed);
}

/* Up to max entries of one slab into sums (NULL: only counted). */
static size_t slab_read(const struct counter_slab *slab, struct sum *sums, size_t max)
{
    size_t n = 0;

    if (!slab || slab->magic != COUNTER_SLAB_MAGIC ||
        slab->entry_size != sizeof(struct counter_entry))
        return 0;
    for (; n < slab->entries && n < max; n++) {
        const struct counter_entry *e = &slab->entry[n];
        uint32_t kind = atomic_load_explicit(&e->kind, memory_order_acquire);

        if (kind < COUNTER_COUNT || kind > COUNTER_DELAYS)
            break;
        if (sums)
            sum_read(&sums[n], e, kind);
    }
    return n;
}

static int sum_cmp(const void *a, const void *b)
{
    const struct sum *x = a, *y = b;
    int order = str_cmp(x->name, y->name);

    if (order == 0)
        order = (x->kind > y->kind) - (x->kind < y->kind);
    return order ? order : str_cmp(x->labels, y->labels);
}

static void render_head(struct buf *out, const struct sum *s)
{
    static const char *const types[] = {
        [COUNTER_COUNT] = "counter",
        [COUNTER_GAUGE] = "gauge",
        [COUNTER_HISTOGRAM] = "histogram",
        [COUNTER_DELAYS] = "histogram",
    };

    buf_puts(out, "# HELP ");
    buf_adds(out, s->name);
    buf_addc(out, ' ');
    for (size_t i = 0; i < s->help.n; i++) {
        char c = s->help.p[i];

        if (c == '\\' || c == '\n')
            buf_addc(out, '\\');
        buf_addc(out, c == '\n' ? 'n' : c);
    }
    buf_puts(out, "\n# TYPE ");
    buf_adds(out, s->name);
    buf_addc(out, ' ');
    buf_puts(out, types[s->kind]);
    buf_addc(out, '\n');
}

/* name[suffix]{labels[,le="..."]} and a space. */
static void render_name(struct buf *out, const struct sum *s, const char *suffix, const char *le)
{
    buf_adds(out, s->name);
    buf_puts(out, suffix);
    if (s->labels.n || le) {
        buf_addc(out, '{');
        buf_adds(out, s->labels);
        if (le)
            buf_addf(out, "%sle=\"%s\"", s->labels.n ? "," : "", le);
        buf_addc(out, '}');
    }
    buf_addc(out, ' ');
}

static void render_histogram(struct buf *out, const struct sum *s)
{
    uint64_t n = 0;

    for (size_t i = 0; i < COUNTER_BUCKETS; i++) {
        n += s->bucket[i];
        render_name(out, s, "_bucket", counter_bucket_le(s->kind, i));
        buf_add_u64(out, n);
        buf_addc(out, '\n');
    }
    render_name(out, s, "_sum", NULL);
    buf_addf(out, "%llu.%06llu\n", (unsigned long long)(s->sum / 1000000),
             (unsigned long long)(s->sum % 1000000));
    render_name(out, s, "_count", NULL);
    buf_add_u64(out, n);
    buf_addc(out, '\n');
}

static void render_value(struct buf *out, const struct sum *s)
{
    if (s->kind >= COUNTER_HISTOGRAM) {
        render_histogram(out, s);
        return;
    }
    render_name(out, s, "", NULL);
    if (s->kind == COUNTER_GAUGE)
        buf_add_i64(out, (int64_t)s->sum);
    else
        buf_add_u64(out, s->sum);
    buf_addc(out, '\n');
}

static void sum_merge(struct sum *to, const struct sum *from)
{
    to->sum += from->sum;
    for (size_t i = 0; i < COUNTER_BUCKETS; i++)
        to->bucket[i] += from->bucket[i];
}

static void render_sorted(struct buf *out, struct sum *sums, size_t n)
{
    const struct sum *family = NULL;

    for (size_t i = 0; i < n;) {
        struct sum *s = &sums[i];

        while (++i < n && sum_cmp(s, &sums[i]) == 0)
            sum_merge(s, &sums[i]);
        if (!family || !str_eq(family->name, s->name)) {
            family = s;
            render_head(out, s);
        }
        if (s->kind == family->kind) /* another kind under one name would spoil the whole page */
            render_value(out, s);
    }
}

void counter_render(struct buf *out, const void *const slabs[], size_t n)
{
    size_t most = 0, used = 0;
    struct sum *sums;

    for (size_t i = 0; i < n; i++)
        most += slab_read(slabs[i], NULL, SIZE_MAX);
    sums = calloc(MAX(most, (size_t)1), sizeof(*sums));
    if (!sums)
        abort();
    for (size_t i = 0; i < n; i++) /* what was born between the two readings: next scrape */
        used += slab_read(slabs[i], sums + used, most - used);
    qsort(sums, used, sizeof(*sums), sum_cmp);
    render_sorted(out, sums, used);
    free(sums);
}
