/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time. One heap of events and the timers of the daemons' loops; the clocks of lib/clock follow.
 *
 * A daemon looks for work each second. While nothing is due its look would find nothing: the walk is
 * put off, second by second of its own grid, until something is, so that a day costs no more than
 * what happens in it.
 */
#include "gateway/io/loop.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/io/op.h"
#include "gateway/lib/clock.h"
#include "tests/fault/sim.h"

#define TIMERS_MAX 128
#define EVENTS_MAX 65536

struct event_of_sim {
    int64_t at;
    uint64_t seq;
    int daemon;
    void (*fn)(void *arg);
    void *arg;
};

struct deferred {
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    int daemon;
    struct list ready;
    struct deferred deferred[256];
    size_t ndeferred;
};

struct active {
    struct loop_timer *t;
    int64_t at;
    uint64_t seq;
    bool put_off; /* a claim or a match with nothing to find */
};

static struct event_of_sim heap[EVENTS_MAX];
static size_t nheap;
static struct active timers[TIMERS_MAX];
static size_t ntimers;
static uint64_t seq;
static struct loop loops[SIM_DAEMONS];
static int64_t next_due; /* of sim_next_due; what is not in the future is asked for again */
static bool match_wanted;

/* ---- the heap ---- */

static bool earlier(const struct event_of_sim *a, const struct event_of_sim *b)
{
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void swap(size_t i, size_t j)
{
    struct event_of_sim e = heap[i];

    heap[i] = heap[j];
    heap[j] = e;
}

void sim_at(int64_t at, int daemon, void (*fn)(void *arg), void *arg)
{
    size_t i = nheap++;

    assert(nheap <= EVENTS_MAX);
    heap[i] = (struct event_of_sim){
        .at = MAX(at, sim.now), .seq = seq++, .daemon = daemon, .fn = fn, .arg = arg};
    for (; i > 0 && earlier(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(i, (i - 1) / 2);
}

static struct event_of_sim heap_pop(void)
{
    struct event_of_sim top = heap[0];
    size_t i = 0, least;

    heap[0] = heap[--nheap];
    for (;; i = least) {
        least = i;
        for (size_t kid = 2 * i + 1; kid <= 2 * i + 2; kid++)
            if (kid < nheap && earlier(&heap[kid], &heap[least]))
                least = kid;
        if (least == i)
            return top;
        swap(i, least);
    }
}

void sim_queue_clear(void)
{
    sim.over = true;
    while (nheap > 0) {
        struct event_of_sim e = heap_pop();

        e.fn(e.arg);
    }
    sim_drain();
    assert(ntimers == 0);
    sim.over = false;
    seq = 0;
    next_due = 0;
    match_wanted = false;
}

/* ---- walks to the database ---- */

static int64_t on_grid(int64_t at, int64_t from)
{
    int64_t over = (at - from) % SIM_SECOND;

    return at <= from ? from : over == 0 ? at : at + SIM_SECOND - over;
}

void sim_work_changed(bool callback)
{
    next_due = 0;
    for (size_t i = 0; i < ntimers; i++) {
        if (timers[i].put_off)
            timers[i].at = MIN(timers[i].at, on_grid(sim.now, timers[i].at % SIM_SECOND));
        timers[i].put_off = false;
    }
    match_wanted |= callback;
}

/* True: the walk would find nothing before its new time. */
static bool put_off(struct active *a)
{
    int64_t due;

    if (sim_is_match(a->t)) {
        if (match_wanted) {
            match_wanted = false;
            return false;
        }
        due = INT64_MAX;
    } else if (sim_is_claim(a->t)) {
        /* what was due may be ended by a claim that hands out nothing, and by nobody else */
        if (next_due <= a->at)
            next_due = sim_next_due();
        due = next_due;
    } else {
        return false;
    }
    if (due <= a->at)
        return false;
    a->at = due == INT64_MAX ? a->at + 24 * SIM_HOUR : on_grid(due, a->at);
    a->put_off = true;
    return true;
}

/* ---- one step ---- */

static struct active *first_timer(void)
{
    struct active *first = NULL;

    for (size_t i = 0; i < ntimers; i++) {
        if (!first || timers[i].at < first->at ||
            (timers[i].at == first->at && timers[i].seq < first->seq))
            first = &timers[i];
    }
    return first;
}

static void set_clocks(void)
{
    clock_set_fake(sim.now, sim.now + sim.wall_skew);
}

static void run_timer(struct active *a)
{
    struct loop_timer *t = a->t;
    int64_t awake = sim_daemon_awake_at(t->loop->daemon);

    if (awake > a->at) {
        a->at = awake;
        return;
    }
    if (put_off(a))
        return;
    sim.now = MAX(sim.now, a->at);
    set_clocks();
    *a = timers[--ntimers];
    t->fn(t->arg);
}

static void run_event(void)
{
    struct event_of_sim e = heap_pop();
    int64_t awake = e.daemon == SIM_WORLD ? 0 : sim_daemon_awake_at(e.daemon);

    if (awake > e.at) {
        sim_at(awake, e.daemon, e.fn, e.arg);
        return;
    }
    sim.now = MAX(sim.now, e.at);
    set_clocks();
    e.fn(e.arg);
}

bool sim_step(int64_t until)
{
    struct active *a = first_timer();
    bool timer = a && (nheap == 0 || a->at < heap[0].at);

    if ((!a && nheap == 0) || (timer ? a->at : heap[0].at) > until)
        return false;
    sim.events++;
    if (timer)
        run_timer(a);
    else
        run_event();
    sim_drain();
    return true;
}

/* ---- loop.h ---- */

struct loop *sim_loop_of(int daemon)
{
    struct loop *l = &loops[daemon];

    if (!l->ready.next) {
        l->daemon = daemon;
        list_init(&l->ready);
    }
    return l;
}

static bool drain_one(struct loop *l)
{
    struct list *node = l->ready.next ? list_pop_front(&l->ready) : NULL;

    if (!node)
        return false;
    op_deliver(container_of(node, struct op, node));
    return true;
}

void sim_drain(void)
{
    for (size_t d = 0; d < SIM_DAEMONS; d++) {
        struct loop *l = &loops[d];

        do {
            while (drain_one(l)) {
            }
            for (size_t i = 0; i < l->ndeferred; i++)
                l->deferred[i].fn(l->deferred[i].arg);
            l->ndeferred = 0;
        } while (l->ready.next && !list_empty(&l->ready));
    }
}

int64_t loop_now_ms(struct loop *l)
{
    (void)l;
    return sim.now / 1000;
}

void loop_timer_init(struct loop_timer *t, struct loop *l, void (*fn)(void *arg), void *arg)
{
    t->loop = l;
    t->fn = fn;
    t->arg = arg;
}

void loop_timer_clear(struct loop_timer *t)
{
    for (size_t i = 0; i < ntimers; i++) {
        if (timers[i].t == t) {
            timers[i] = timers[--ntimers];
            return;
        }
    }
}

bool loop_timer_is_set(const struct loop_timer *t)
{
    for (size_t i = 0; i < ntimers; i++) {
        if (timers[i].t == t)
            return true;
    }
    return false;
}

void loop_timer_set(struct loop_timer *t, int64_t ms)
{
    loop_timer_clear(t);
    assert(ntimers < TIMERS_MAX);
    timers[ntimers++] = (struct active){.t = t, .at = sim.now + ms * 1000, .seq = seq++};
}

void loop_post(struct loop *l, struct op *op)
{
    list_push_back(&l->ready, &op->node);
}

void loop_defer(struct loop *l, void (*fn)(void *arg), void *arg)
{
    assert(l->ndeferred < ARRAY_LEN(l->deferred));
    l->deferred[l->ndeferred++] = (struct deferred){.fn = fn, .arg = arg};
}
