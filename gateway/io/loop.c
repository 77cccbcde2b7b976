/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of loop.h: libevent turns, each followed by one drain of the ready queue and one reap.
 * When a drain leaves operations behind (LOOP_DRAIN_MAX), the next turn does not block.
 */
#include "gateway/io/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "gateway/io/op.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/list.h"

/* One call for the end of the turn. */
struct deferred {
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    struct event_base *base;
    struct list ready;
    struct deferred *deferred;
    size_t ndeferred, cap_deferred;
    struct event *lag_timer;
    int64_t lag_due_us;
    int64_t now_ms;
    bool in_turn; /* now_ms is fresh */
    bool stopping;
};

#define LAG_PERIOD_MS 100

static struct counter lag =
    HISTOGRAM("coko_event_loop_lag_seconds", "How late the event loop ran a timer");

static void on_lag(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    struct timeval tv = {.tv_usec = LAG_PERIOD_MS * 1000};
    int64_t now = clock_mono_us();

    (void)fd, (void)what;
    counter_observe_us(&lag, now - l->lag_due_us);
    l->lag_due_us = now + LAG_PERIOD_MS * 1000;
    event_add(l->lag_timer, &tv);
}

static void lag_start(struct loop *l)
{
    struct timeval tv = {.tv_usec = LAG_PERIOD_MS * 1000};

    l->lag_due_us = clock_mono_us() + LAG_PERIOD_MS * 1000;
    event_add(l->lag_timer, &tv);
}

static struct event_base *base_new(void)
{
    struct event_config *cfg = event_config_new();
    struct event_base *base;

    if (cfg == NULL)
        return NULL;
    event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
    base = event_base_new_with_config(cfg);
    event_config_free(cfg);
    return base;
}

struct loop *loop_new(struct err *e)
{
    struct loop *l = calloc(1, sizeof *l);

    if (l == NULL)
        abort();
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    list_init(&l->ready);
    l->base = base_new();
    if (l->base != NULL)
        l->lag_timer = evtimer_new(l->base, on_lag, l);
    if (l->lag_timer == NULL) {
        err_set(e, ERR_IO, "libevent cannot make an event base");
        loop_free(l);
        return NULL;
    }
    lag_start(l);
    return l;
}

/* Hands out what was ready when the pass began, at most LOOP_DRAIN_MAX. */
static void drain(struct loop *l)
{
    for (int i = 0; i < LOOP_DRAIN_MAX; i++) {
        struct list *node = list_pop_front(&l->ready);

        if (node == NULL)
            return;
        op_deliver(container_of(node, struct op, node));
    }
}

static void reap(struct loop *l)
{
    for (size_t i = 0; i < l->ndeferred; i++) {
        struct deferred d = l->deferred[i];

        d.fn(d.arg);
    }
    l->ndeferred = 0;
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    while (!list_empty(&l->ready) || l->ndeferred > 0) {
        drain(l);
        reap(l);
    }
    if (l->lag_timer != NULL)
        event_free(l->lag_timer);
    if (l->base != NULL)
        event_base_free(l->base);
    free(l->deferred);
    free(l);
}

void loop_turn(struct loop *l, bool may_block)
{
    bool work = !list_empty(&l->ready) || l->ndeferred > 0 || l->stopping;

    l->in_turn = false;
    event_base_loop(l->base, EVLOOP_ONCE | (may_block && !work ? 0 : EVLOOP_NONBLOCK));
    drain(l);
    reap(l);
    l->in_turn = false;
}

void loop_run(struct loop *l)
{
    do {
        loop_turn(l, true);
    } while (!l->stopping);
    l->stopping = false;
}

void loop_stop(struct loop *l)
{
    l->stopping = true;
    event_base_loopbreak(l->base);
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

int64_t loop_now_ms(struct loop *l)
{
    if (!l->in_turn) {
        l->now_ms = clock_mono_ms();
        l->in_turn = true;
    }
    return l->now_ms;
}

/* ---- timers ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *t = arg;

    (void)fd, (void)what;
    t->fn(t->arg);
}

void loop_timer_init(struct loop_timer *t, struct loop *l, void (*fn)(void *arg), void *arg)
{
    t->loop = l;
    t->fn = fn;
    t->arg = arg;
    evtimer_assign(&t->ev, l->base, on_timer, t);
}

void loop_timer_set(struct loop_timer *t, int64_t ms)
{
    struct timeval tv;

    assert(t->loop != NULL && ms >= 0);
    tv.tv_sec = (time_t)(ms / 1000);
    tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
    evtimer_add(&t->ev, &tv);
}

void loop_timer_clear(struct loop_timer *t)
{
    if (t->loop != NULL)
        evtimer_del(&t->ev);
}

bool loop_timer_is_set(const struct loop_timer *t)
{
    return t->loop != NULL && evtimer_pending(&t->ev, NULL);
}

/* ---- queues ---- */

void loop_post(struct loop *l, struct op *op)
{
    list_push_back(&l->ready, &op->node);
}

void loop_defer(struct loop *l, void (*fn)(void *arg), void *arg)
{
    if (l->ndeferred == l->cap_deferred) {
        size_t cap = l->cap_deferred != 0 ? l->cap_deferred * 2 : 16;
        struct deferred *grown = realloc(l->deferred, cap * sizeof *grown);

        if (grown == NULL)
            abort();
        l->deferred = grown;
        l->cap_deferred = cap;
    }
    l->deferred[l->ndeferred++] = (struct deferred){.fn = fn, .arg = arg};
}
