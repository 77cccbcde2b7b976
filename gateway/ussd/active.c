/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See active.h. A ring of seconds; the timer turns it while something is in it.
 */
#include "gateway/ussd/active.h"

#include <string.h>

#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"

#define TURN_MS 1000

static struct counter open_now = GAUGE(
    "coko_ussd_sessions_active", "Dialogues that wait for an answer: the sum, a worker has a part");

static int32_t *due_at(struct active *a, int64_t second)
{
    return &a->due[second % ACTIVE_RING];
}

/* Forgets what is over. A wall clock that was set back by more than the ring forgets all. */
static void turn_to(struct active *a, int64_t now)
{
    if (now - a->now >= ACTIVE_RING || a->now - now >= ACTIVE_SKEW) {
        memset(a->due, 0, sizeof a->due);
        a->sum = 0;
        a->now = a->until = now;
    }
    while (a->now < now) {
        int32_t *due = due_at(a, ++a->now);

        a->sum -= *due;
        *due = 0;
    }
}

static void put(struct active *a, int64_t over, int by)
{
    if (over <= a->now || over > a->now + ACTIVE_S + ACTIVE_SKEW)
        return;
    *due_at(a, over) += by;
    a->sum += by;
    a->until = MAX(a->until, over);
}

static void show(struct active *a)
{
    counter_set(&open_now, a->sum);
    if (a->until > a->now && !loop_timer_is_set(&a->timer))
        loop_timer_set(&a->timer, TURN_MS);
}

static void on_second(void *arg)
{
    struct active *a = arg;

    turn_to(a, clock_wall_us() / 1000000);
    show(a);
}

void active_init(struct active *a, struct loop *loop)
{
    *a = (struct active){0};
    loop_timer_init(&a->timer, loop, on_second, a);
}

void active_hop(struct active *a, uint32_t before, uint32_t opened)
{
    turn_to(a, clock_wall_us() / 1000000);
    if (before != 0)
        put(a, (int64_t)before + ACTIVE_S, -1);
    if (opened != 0)
        put(a, (int64_t)opened + ACTIVE_S, 1);
    show(a);
}

void active_fini(struct active *a)
{
    loop_timer_clear(&a->timer);
}
