/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of a worker: one libevent base, one thread.
 *
 * Primitives: loop_new / loop_run / loop_stop / loop_free; timers embedded in their owner; a ready
 * queue of completed operations (op.h) and a reap queue for what must die.
 *
 * Order inside one turn: libevent callbacks run, then the ready queue is drained (at most
 * LOOP_DRAIN_MAX operations a pass, the rest next turn, I/O in between), then the reap queue. So no
 * completion runs inside the call that started it, and nothing is freed inside a callback.
 *
 * Never: called from another thread (io/pool has the only one, and an eventfd between).
 */
#ifndef COKO_IO_LOOP_H
#define COKO_IO_LOOP_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/err.h"

#define LOOP_DRAIN_MAX 256 /* completed operations handed out in one pass */

struct loop;
struct op;

/* A one-shot timer, embedded in its owner. Zeroed memory is a timer that was never initialised. */
struct loop_timer {
    struct event ev;
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
};

/*
 * A loop with its event base. NULL and err when libevent cannot be set up. SIGPIPE is ignored from
 * now on in the process: a closed peer is an error of its stream.
 */
struct loop *loop_new(struct err *e);

/*
 * Drains what is still ready or deferred, then frees the loop. Every object that uses the loop must
 * be closed before. NULL is allowed.
 */
void loop_free(struct loop *l);

/* Runs until loop_stop. */
void loop_run(struct loop *l);

/* One turn: waits at most until the first event, runs its callbacks, drains. For tests. */
void loop_turn(struct loop *l, bool may_block);

/* loop_run returns at the end of the current turn. Legal before loop_run: it then runs one turn. */
void loop_stop(struct loop *l);

/* The libevent base, for io files that own an event. */
struct event_base *loop_base(struct loop *l);

/* Monotonic milliseconds, read once a turn: for deadlines, never for wall time. */
int64_t loop_now_ms(struct loop *l);

/* Prepares a timer; nothing runs until loop_timer_set. */
void loop_timer_init(struct loop_timer *t, struct loop *l, void (*fn)(void *arg), void *arg);

/* fn(arg) once, ms milliseconds (>= 0) from now; a timer already set is moved. */
void loop_timer_set(struct loop_timer *t, int64_t ms);

/* Stops the timer; a timer never initialised or not set is left alone. */
void loop_timer_clear(struct loop_timer *t);

/* True between loop_timer_set and the call of fn. */
bool loop_timer_is_set(const struct loop_timer *t);

/* Queues a completed operation for this turn's drain. Only op.c calls it. */
void loop_post(struct loop *l, struct op *op);

/*
 * fn(arg) at the end of the turn, after the drain: the place to free what a callback still stands
 * on. Deferring inside a deferred call runs in the same reap.
 */
void loop_defer(struct loop *l, void (*fn)(void *arg), void *arg);

#endif
