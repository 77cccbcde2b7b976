/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See scheduler.h. One statement a tick enqueues whatever is due by the database's clock.
 */
#include "gateway/jobs/scheduler.h"

#include <stdlib.h>

#include "gateway/binds/lease.h"
#include "gateway/jobs/figures.h"
#include "gateway/jobs/jobs.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"

#define SCHEDULER_TTL_MS  15000
#define SCHEDULER_TICK_MS 10000

static struct counter leader =
    GAUGE("coko_scheduler_leader", "1 where the scheduler's lease is held");
static struct counter ticks = COUNTER("coko_scheduler_ticks_total", "Ticks of the leader");

/* One row a periodic job: name, period in seconds. Nothing under an epoch that is over. */
PG_STMT(
    tick_stmt, "scheduler.tick", PG_BATCH, 2,
    "select ops.enqueue('default', t.kind, '{}', ops.now(),"
    " t.kind || ':' || floor(extract(epoch from ops.now()) / t.period_s)::bigint)"
    " from (values ('expire_rows', 3600), ('audit_partitions', 86400),"
    " ('archive_months', 86400), ('hop_days', 86400),"
    " ('refresh_popularity', 3600), ('count_deliveries', 3600), ('margin', 86400),"
    " ('run_schedule', 60), ('run_reminders', 10), ('ring_endings', 300),"
    " ('number_papers', 30), ('run_moves', 300), ('run_renewals', 60)) as t(kind, period_s)"
    " where exists (select 1 from ops.lease l where l.name = 'scheduler' and l.owner = $1"
    " and l.epoch = $2::bigint)"
    " and not exists (select 1 from ops.job j where j.queue = 'default'"
    " and j.unique_key = t.kind || ':' || floor(extract(epoch from ops.now()) / t.period_s)::bigint)");

struct scheduler {
    struct loop *loop;
    struct pg *pg;
    struct lease lease;
    struct op op;
    struct loop_timer timer;
    struct figures figures;
};

static void on_tick(void *arg)
{
    struct scheduler *s = arg;

    loop_timer_set(&s->timer, SCHEDULER_TICK_MS);
    if (!lease_held(&s->lease))
        return;
    figures_tick(&s->figures);
    if (op_pending(&s->op))
        return;
    struct pg_params p;

    counter_inc(&ticks);
    pg_params_init(&p);
    pg_p_text(&p, s->lease.owner);
    pg_p_int(&p, s->lease.epoch);
    pg_exec(s->pg, &s->op, &tick_stmt, &p);
}

static void on_op(struct op *op)
{
    struct scheduler *s = container_of(op, struct scheduler, op);

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "scheduler tick failed", &op->err);
    else if (pg_rows(op) > 0)
        pg_wake_dirty(s->pg, JOBS_TOPIC);
    op_release(op);
}

static void on_lease(void *arg, enum lease_state was, enum lease_state now)
{
    struct scheduler *s = arg;

    (void)was;
    counter_set(&leader, now == LEASE_HELD);
    if (now == LEASE_HELD)
        loop_timer_set(&s->timer, 0);
    else
        figures_clear(&s->figures);
}

struct scheduler *scheduler_new(struct loop *loop, struct pg *pg, const char *owner)
{
    struct scheduler *s = calloc(1, sizeof *s);

    if (!s)
        abort();
    s->loop = loop;
    s->pg = pg;
    lease_init(&s->lease, loop, pg, "scheduler", owner, SCHEDULER_TTL_MS);
    s->lease.on_change = on_lease;
    s->lease.arg = s;
    op_init(&s->op, loop, on_op);
    loop_timer_init(&s->timer, loop, on_tick, s);
    figures_init(&s->figures, loop, pg);
    return s;
}

void scheduler_start(struct scheduler *s)
{
    lease_start(&s->lease);
}

void scheduler_drain(struct scheduler *s)
{
    loop_timer_clear(&s->timer);
    lease_stop(&s->lease);
}

bool scheduler_idle(const struct scheduler *s)
{
    return lease_idle(&s->lease) && !op_pending(&s->op) && !op_pending(&s->figures.op);
}

void scheduler_free(struct scheduler *s)
{
    if (!s)
        return;
    loop_timer_clear(&s->timer);
    op_cancel(&s->op);
    op_release(&s->op);
    lease_fini(&s->lease);
    figures_fini(&s->figures);
    free(s);
}
