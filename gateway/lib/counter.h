/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics in a slab of memory that the caller gives: shared between a worker and its supervisor
 * (one slab a slot, one writing process), or plain memory in tests. Entries describe themselves, so
 * that the supervisor can add up slabs without knowing their names.
 *
 *     static struct counter hops = COUNTER("coko_ussd_hops_total", "USSD hops answered");
 *     counter_inc(counter_with(&hops, "carrier=\"hubtel\",outcome=\"end\""));
 *
 *     static struct counter took = HISTOGRAM("coko_ussd_hop_seconds", "Callback to reply");
 *     counter_observe_us(&took, us);
 *
 *     static struct counter waited = DELAYS("coko_sms_dlr_latency_seconds", "...");  from 1 s to a day
 *
 * Label values come from closed sets (carrier, outcome, lane, ...), never from peers. Handles may
 * be used before attach: what they count then goes nowhere. After a fork attach again: handles
 * notice by themselves. Adding is one relaxed atomic add and safe from any thread; counter_with and
 * the first use of a handle belong to the process's main thread.
 */
#ifndef COKO_LIB_COUNTER_H
#define COKO_LIB_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

#include "gateway/lib/buf.h"
#include "gateway/lib/map.h"

enum counter_kind {
    COUNTER_COUNT = 1,
    COUNTER_GAUGE = 2,
    COUNTER_HISTOGRAM = 3,
    COUNTER_DELAYS = 4 /* a histogram of what takes seconds to hours */
};

/* The last is +Inf; bounds in counter.c: 0.5 ms ... 30 s, of delays 1 s ... 1 day. */
#define COUNTER_BUCKETS 16

/* One metric with one label set, in the slab. */
struct counter_entry {
    _Atomic uint32_t kind; /* 0: free; written last */
    char name[76];
    char labels[128]; /* text between the braces, "" if none */
    char help[104];
    _Atomic uint64_t sum; /* count, gauge (two's complement), or microseconds of a histogram */
    _Atomic uint64_t bucket[COUNTER_BUCKETS];
};

/* A handle: static, one a family. Fields are private. */
struct counter {
    const char *name, *labels, *help;
    enum counter_kind kind;
    unsigned generation; /* of the attach that `entry` belongs to */
    struct counter_entry *entry;
    struct map with; /* labels -> struct counter */
};

/*
 * Name ends in _total for counts, in _seconds for histograms (asserted at first use); no labels in
 * it.
 */
#define COUNTER(name_, help_)                                                                      \
    {                                                                                              \
        .name = (name_), .help = (help_), .labels = "", .kind = COUNTER_COUNT                      \
    }
#define GAUGE(name_, help_)                                                                        \
    {                                                                                              \
        .name = (name_), .help = (help_), .labels = "", .kind = COUNTER_GAUGE                      \
    }
#define HISTOGRAM(name_, help_)                                                                    \
    {                                                                                              \
        .name = (name_), .help = (help_), .labels = "", .kind = COUNTER_HISTOGRAM                  \
    }
#define DELAYS(name_, help_)                                                                       \
    {                                                                                              \
        .name = (name_), .help = (help_), .labels = "", .kind = COUNTER_DELAYS                     \
    }

/* Bytes of a slab for so many metrics. */
size_t counter_slab_size(size_t entries);

/*
 * Count into mem from now on. A zeroed slab is formatted; one of an earlier process of this slot is
 * continued: counts and histograms keep their values, gauges start at 0 again. -1: mem is of
 * another layout or too small.
 */
MUST_CHECK int counter_attach(void *mem, size_t size, struct err *e);

/* Count nowhere again (tests, before the slab is unmapped). */
void counter_detach(void);

/*
 * The member of the family with these labels: `carrier="hubtel",outcome="end"`. Looked up once,
 * then cached.
 */
struct counter *counter_with(struct counter *family, const char *labels);

/* Free the cache of counter_with (at exit, so that leak checkers stay silent). */
void counter_forget(struct counter *family);

extern unsigned counter_generation;
void counter_bind(struct counter *c);

static inline struct counter_entry *counter_entry_of(struct counter *c)
{
    if (c->generation != counter_generation)
        counter_bind(c);
    return c->entry;
}

static inline void counter_add(struct counter *c, uint64_t n)
{
    atomic_fetch_add_explicit(&counter_entry_of(c)->sum, n, memory_order_relaxed);
}

static inline void counter_inc(struct counter *c)
{
    counter_add(c, 1);
}

/* Gauges only. */
static inline void counter_set(struct counter *c, int64_t v)
{
    atomic_store_explicit(&counter_entry_of(c)->sum, (uint64_t)v, memory_order_relaxed);
}

static inline void counter_move(struct counter *c, int64_t by)
{
    counter_add(c, (uint64_t)by);
}

/* Histograms only: one observation of so many microseconds (negative counts as 0). */
void counter_observe_us(struct counter *c, int64_t us);

/*
 * The value of a count or gauge, the number of observations of a histogram. For tests and status
 * pages.
 */
int64_t counter_value(struct counter *c);

/* Metrics that found no room in the slab since attach. */
uint64_t counter_overflow(void);

/*
 * Prometheus text format 0.0.4 of the sum of n slabs (unformatted ones are skipped). Families
 * sorted by name.
 */
void counter_render(struct buf *out, const void *const slabs[], size_t n);

#endif
