/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one lease. See lease.h for the picture.
 */
#include "gateway/binds/lease.h"

#include <assert.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/lib/log.h"

#define RENEW_PART 3 /* renewed three times within its life */

PG_STMT(take_stmt, "lease.take", PG_WRITE, 3,
        "select ok, epoch from ops.lease_take($1, $2, $3::int)");
PG_STMT(renew_stmt, "lease.renew", PG_WRITE, 4,
        "select ops.lease_renew($1, $2, $3::bigint, $4::int) as ok");
PG_STMT(release_stmt, "lease.release", PG_WRITE, 3,
        "select ops.lease_release($1, $2, $3::bigint) as ok");

#define TO(s) (1u << LEASE_##s)

static const struct {
    const char *name;
    unsigned out;
} states[LEASE_STATES] = {
    [LEASE_STOPPED] = {"stopped", TO(WANTED)},
    [LEASE_WANTED] = {"wanted", TO(HELD) | TO(STOPPED)},
    [LEASE_HELD] = {"held", TO(DOUBT) | TO(WANTED) | TO(STOPPED)},
    [LEASE_DOUBT] = {"doubt", TO(HELD) | TO(WANTED) | TO(STOPPED)},
};

const char *lease_state_name(enum lease_state s)
{
    return s < LEASE_STATES ? states[s].name : "?";
}

static void set_state(struct lease *l, enum lease_state now)
{
    enum lease_state was = l->state;

    if (was == now)
        return;
    assert(states[was].out & 1u << now);
    l->state = now;
    log_at(now == LEASE_DOUBT ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, NULL, "lease",
           "%s: %s -> %s epoch=%lld", l->name, states[was].name, states[now].name,
           (long long)l->epoch);
    if (l->on_change)
        l->on_change(l->arg, was, now);
}

static void ask(struct lease *l)
{
    bool renew = l->state != LEASE_WANTED;
    struct pg_params p;

    pg_params_init(&p);
    pg_p_text(&p, l->name);
    pg_p_text(&p, l->owner);
    if (renew)
        pg_p_int(&p, l->epoch);
    pg_p_int(&p, (l->ttl_ms + 999) / 1000);
    l->asked_ms = loop_now_ms(l->loop);
    pg_exec(l->pg, &l->op, renew ? &renew_stmt : &take_stmt, &p);
}

static void on_timer(void *arg)
{
    struct lease *l = arg;

    if (l->state != LEASE_STOPPED && !op_pending(&l->op))
        ask(l);
}

static void on_deadline(void *arg)
{
    struct lease *l = arg;

    if (l->state == LEASE_HELD)
        set_state(l, LEASE_DOUBT);
}

static void extend(struct lease *l)
{
    int64_t left = l->asked_ms + l->ttl_ms - loop_now_ms(l->loop);

    if (left <= 0) /* the answer slept as long as the lease: ask again */
        return;
    l->until_ms = l->asked_ms + l->ttl_ms;
    loop_timer_set(&l->deadline, left);
    set_state(l, LEASE_HELD);
}

static void rename_self(struct lease *l)
{
    if (l->owner == l->alias)
        return;
    (void)snprintf(l->alias, sizeof l->alias, "%.80s~%d", l->owner, (int)getpid());
    l->owner = l->alias;
}

static void on_answer(struct op *op)
{
    struct lease *l = container_of(op, struct lease, op);
    bool ok = !op_failed(op) && pg_rows(op) == 1 && pg_bool(op, 0, 0);

    if (l->state == LEASE_STOPPED) {
        op_release(op); /* the answer to our release: nothing follows */
        return;
    }
    if (op_failed(op)) {
        log_err(LOG_LEVEL_WARN, NULL, "lease not renewed", &op->err); /* DOUBT comes by itself */
    } else if (l->state == LEASE_WANTED && ok) {
        l->epoch = pg_i64(op, 0, 1);
        extend(l);
    } else if (l->state != LEASE_WANTED && ok) {
        extend(l);
    } else if (l->state != LEASE_WANTED) {
        loop_timer_clear(&l->deadline);
        rename_self(l);
        set_state(l, LEASE_WANTED);
    }
    op_release(op);
    if (l->state != LEASE_STOPPED) /* on_change may have stopped us */
        loop_timer_set(&l->timer, l->ttl_ms / RENEW_PART);
}

void lease_init(struct lease *l, struct loop *loop, struct pg *pg, const char *name,
                const char *owner, int64_t ttl_ms)
{
    *l = (struct lease){.state = LEASE_STOPPED,
                        .name = name,
                        .owner = owner,
                        .ttl_ms = ttl_ms,
                        .loop = loop,
                        .pg = pg};
    op_init(&l->op, loop, on_answer);
    loop_timer_init(&l->timer, loop, on_timer, l);
    loop_timer_init(&l->deadline, loop, on_deadline, l);
}

void lease_start(struct lease *l)
{
    set_state(l, LEASE_WANTED);
    loop_timer_set(&l->timer, 0);
}

void lease_stop(struct lease *l)
{
    bool ours = l->state == LEASE_HELD || l->state == LEASE_DOUBT;

    if (l->state == LEASE_STOPPED)
        return;
    loop_timer_clear(&l->timer);
    loop_timer_clear(&l->deadline);
    op_cancel(&l->op);
    set_state(l, LEASE_STOPPED);
    if (!ours)
        return;
    struct pg_params p;

    pg_params_init(&p);
    pg_p_text(&p, l->name);
    pg_p_text(&p, l->owner);
    pg_p_int(&p, l->epoch);
    pg_exec(l->pg, &l->op, &release_stmt, &p); /* if it is lost, the row runs out by itself */
}

bool lease_idle(const struct lease *l)
{
    return l->state == LEASE_STOPPED && !op_pending(&l->op);
}

void lease_fini(struct lease *l)
{
    loop_timer_clear(&l->timer);
    loop_timer_clear(&l->deadline);
    op_cancel(&l->op);
    op_release(&l->op);
    l->state = LEASE_STOPPED;
}
