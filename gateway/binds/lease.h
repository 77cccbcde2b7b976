/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lease row held by this process: who owns a bind, who is the scheduler.
 *
 *              taken                     deadline passed, not renewed
 *   WANTED ------------> HELD --------------------------------------> DOUBT
 *     ^                  |  ^                                          |  |
 *     |                  |  +------------- renewed -------------------+  |
 *     +------------------+---------- another epoch exists ---------------+
 *                        (lease_stop releases: STOPPED)
 *
 * HELD: our writes carry the epoch and are good. DOUBT: the monotonic deadline passed without a
 * renewal; the holder stops claiming and submitting, but keeps its bind and answers on it, since
 * nobody may have taken over. WANTED: tries to take it; a row whose owner is us is taken back at
 * once, under a new epoch (a restarted slot). Who lost it to another holder goes by a name with its
 * process id from then on, so that two daemons of one instance name do not take it from each other
 * for ever.
 *
 * The database's clock ends leases, our monotonic clock only makes us careful earlier: the deadline
 * counts from before the renewal was sent.
 */
#ifndef COKO_BINDS_LEASE_H
#define COKO_BINDS_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/io/pg.h"

enum lease_state { LEASE_STOPPED, LEASE_WANTED, LEASE_HELD, LEASE_DOUBT, LEASE_STATES };

struct lease {
    enum lease_state state;
    const char *name;
    const char *owner;
    char alias[96]; /* our name once another of the same name has taken it */
    int64_t ttl_ms;
    int64_t epoch;
    struct loop *loop;
    struct pg *pg;
    struct op op;
    struct loop_timer timer; /* next attempt or renewal */
    struct loop_timer deadline;
    int64_t asked_ms; /* when the pending request was sent */
    int64_t until_ms; /* monotonic deadline of what is held */
    void (*on_change)(void *arg, enum lease_state was, enum lease_state now);
    void *arg;
};

/*
 * Prepares; strings are borrowed. ttl_ms is rounded up to whole seconds in the row. on_change is
 * called after every change of state, outside any call of ours.
 */
void lease_init(struct lease *l, struct loop *loop, struct pg *pg, const char *name,
                const char *owner, int64_t ttl_ms);

/* Starts wanting it. */
void lease_start(struct lease *l);

/* Gives it back and stops; lease_idle tells when the release was answered. Idempotent. */
void lease_stop(struct lease *l);

/* True when stopped with nothing in flight. */
bool lease_idle(const struct lease *l);

/* Cuts whatever is in flight: before the memory goes. Idempotent. */
void lease_fini(struct lease *l);

/*
 * May we claim and submit now? Asks the clock, not only the state: a process that was stopped runs
 * its other timers before the deadline's, and must not submit in between.
 */
static inline bool lease_held(const struct lease *l)
{
    return l->state == LEASE_HELD && loop_now_ms(l->loop) < l->until_ms;
}

/* "stopped", "wanted", "held", "doubt". */
const char *lease_state_name(enum lease_state s);

#endif
