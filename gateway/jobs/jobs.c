/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claiming and running jobs. See jobs.h for the picture.
 */
#include "gateway/jobs/jobs.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/jobs/recovery.h"
#include "gateway/jobs/scheduler.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"

#define JOBS_QUEUE    "default"
#define JOBS_POLL_MS  1000 /* a wake-up may be lost: look each second anyway */
#define JOBS_LEASE_S  60
#define JOBS_MAX      32
#define JOB_FAIL_NOTE 200

static struct counter finished = COUNTER("coko_jobs_finished_total", "Jobs ended, by outcome");
static struct counter took = HISTOGRAM("coko_job_duration_seconds", "From claim to end of a job");

PG_STMT(claim_stmt, "job.claim", PG_BATCH, 4,
        "select id, kind, args from ops.job_claim($1, $2, $3::int, $4::int)");
PG_STMT(done_stmt, "job.done", PG_BATCH, 2, "select ops.job_done($1::bigint, $2)");
PG_STMT(fail_stmt, "job.fail", PG_BATCH, 3, "select outcome from ops.job_fail($1::bigint, $2, $3)");

/* Each kind is one statement with the job's args as its only parameter. */
PG_STMT(expire_stmt, "job.expire_rows", PG_BATCH, 1,
        "select ops.expire_rows(coalesce(($1::jsonb ->> 'max')::int, 5000))");
PG_STMT(partitions_stmt, "job.audit_partitions", PG_BATCH, 1,
        "select ops.audit_partitions(coalesce(($1::jsonb ->> 'months')::int, 2))");
PG_STMT(archive_stmt, "job.archive_months", PG_BATCH, 1,
        "select messaging.archive_months(coalesce(($1::jsonb ->> 'keep')::int, 13))");
PG_STMT(hop_days_stmt, "job.hop_days", PG_BATCH, 1,
        "select ops.hop_days(coalesce(($1::jsonb ->> 'keep')::int, 60))");
PG_STMT(popularity_stmt, "job.refresh_popularity", PG_BATCH, 1,
        "select recommendation.refresh_popularity("
        "ops.now() - make_interval(hours => coalesce(($1::jsonb ->> 'hours')::int, 2)))");

PG_STMT(margin_stmt, "job.margin", PG_BATCH, 1,
        "select billing.margin_alert(coalesce(($1::jsonb ->> 'days')::int, 30))");
PG_STMT(schedule_stmt, "job.run_schedule", PG_BATCH, 1,
        "select messaging.run_schedule(coalesce(($1::jsonb ->> 'max')::int, 200))");

/* 50 a transaction: a reader who dials waits for no longer one. */
PG_STMT(reminders_stmt, "job.run_reminders", PG_BATCH, 1,
        "select billing.run_reminders(coalesce(($1::jsonb ->> 'max')::int, 50))");

PG_STMT(renewals_stmt, "job.run_renewals", PG_BATCH, 1,
        "select billing.run_renewals(coalesce(($1::jsonb ->> 'max')::int, 50))");

PG_STMT(count_stmt, "job.count_deliveries", PG_BATCH, 1,
        "select messaging.count_deliveries() where $1::jsonb is not null");

PG_STMT(moves_stmt, "job.run_moves", PG_BATCH, 1,
        "select auth.run_moves(coalesce(($1::jsonb ->> 'max')::int, 1))");

PG_STMT(endings_stmt, "job.ring_endings", PG_BATCH, 1,
        "select messaging.ring_endings(coalesce(($1::jsonb ->> 'max')::int, 200))");

PG_STMT(papers_stmt, "job.number_papers", PG_BATCH, 1,
        "select billing.number_papers(coalesce(($1::jsonb ->> 'max')::int, 500))");

static const struct job_kind {
    const char *name;
    const struct pg_stmt *stmt;
    bool repeat;   /* works in steps: again while it answers more than 0 */
    int64_t pause; /* ms between two steps: as long as it lasts, the readers have the database */
} kinds[] = {{"expire_rows", &expire_stmt, true, 0},
             {"audit_partitions", &partitions_stmt, false, 0},
             {"archive_months", &archive_stmt, false, 0},
             {"refresh_popularity", &popularity_stmt, false, 0},
             {"margin", &margin_stmt, false, 0},
             {"run_schedule", &schedule_stmt, true, 0},
             {"hop_days", &hop_days_stmt, false, 0},
             {"count_deliveries", &count_stmt, false, 0},
             {"run_reminders", &reminders_stmt, true, 100},
             {"ring_endings", &endings_stmt, true, 0},
             {"number_papers", &papers_stmt, true, 0},
             {"run_moves", &moves_stmt, true, 0},
             {"run_renewals", &renewals_stmt, true, 100}};

/* FREE -- claimed --> WORK -- its last step, or a fault --> END -- recorded --> FREE; between two steps
 * of WORK the timer of a kind that pauses is set. */
enum run_phase { RUN_FREE, RUN_WORK, RUN_END };

struct run {
    struct jobs *j;
    enum run_phase phase;
    const struct job_kind *kind;
    char *args; /* for the next step; ours */
    int64_t id;
    int64_t started_us;
    struct loop_timer pause;
    struct op op;
};

struct jobs {
    struct loop *loop;
    struct pg *pg;
    struct jobs_config c;
    struct op claim;
    struct loop_timer poll;
    bool draining;
    bool again; /* woken while a claim was pending */
    unsigned nruns;
    struct run runs[JOBS_MAX];
    struct scheduler *scheduler;
    struct recovery *recovery; /* where jobs are claimed */
};

static const struct job_kind *kind_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_eq_c(name, kinds[i].name))
            return &kinds[i];
    }
    return NULL;
}

/* ---- one job ---- */

static void run_end(struct run *r, bool ok, const char *why)
{
    struct pg_params p;

    r->phase = RUN_END;
    free(r->args);
    r->args = NULL;
    counter_inc(counter_with(&finished, ok ? "outcome=\"done\"" : "outcome=\"failed\""));
    counter_observe_us(&took, clock_mono_us() - r->started_us);
    pg_params_init(&p);
    pg_p_int(&p, r->id);
    pg_p_text(&p, r->j->c.owner);
    if (!ok)
        pg_p_text(&p, why);
    pg_exec(r->j->pg, &r->op, ok ? &done_stmt : &fail_stmt, &p);
}

/* Whether a job that works in steps has another one, and its lease has time for it. */
static bool run_has_more(const struct run *r)
{
    return r->kind->repeat && !op_failed(&r->op) && pg_rows(&r->op) == 1 &&
           pg_i64(&r->op, 0, 0) > 0 && !r->j->draining &&
           clock_mono_us() - r->started_us < JOBS_LEASE_S * 1000000LL / 2;
}

static void run_step(struct run *r)
{
    struct pg_params p;

    pg_params_init(&p);
    pg_p_text(&p, r->args);
    pg_exec(r->j->pg, &r->op, r->kind->stmt, &p);
}

static void run_on_pause(void *arg)
{
    struct run *r = arg;

    if (r->j->draining)
        run_end(r, true, NULL);
    else
        run_step(r);
}

static void run_on_op(struct op *op)
{
    struct run *r = container_of(op, struct run, op);

    if (r->phase == RUN_WORK && run_has_more(r)) {
        op_release(op);
        loop_timer_set(&r->pause, r->kind->pause);
        return;
    }
    if (r->phase == RUN_WORK) {
        char why[JOB_FAIL_NOTE];

        snprintf(why, sizeof why, "%s", op->err.msg);
        run_end(r, !op_failed(op), why);
        return;
    }
    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "job's end not recorded", &op->err);
    op_release(op);
    r->phase = RUN_FREE;
    r->j->nruns--;
    if (!r->j->draining)
        loop_timer_set(&r->j->poll, 0);
}

static void run_start(struct jobs *j, int64_t id, struct str kind, struct str args)
{
    const struct job_kind *k = kind_find(kind);
    struct run *r = j->runs;

    while (r->phase != RUN_FREE)
        r++; /* there is one: the claim asked for no more */
    r->id = id;
    r->started_us = clock_mono_us();
    j->nruns++;
    if (!k) {
        log_error(NULL, "job of unknown kind", "id=%lld kind=%" STR_FMT, (long long)id,
                  STR_ARG(kind));
        run_end(r, false, "no such kind in this release");
        return;
    }
    r->phase = RUN_WORK;
    r->kind = k;
    r->args = strndup(args.p, args.n);
    if (!r->args)
        abort();
    run_step(r);
}

/* ---- claiming ---- */

static unsigned room_for(const struct jobs *j)
{
    return j->c.concurrency - j->nruns;
}

static void claim(void *arg)
{
    struct jobs *j = arg;
    struct pg_params p;

    loop_timer_set(&j->poll, JOBS_POLL_MS);
    if (j->draining || room_for(j) == 0)
        return;
    if (op_pending(&j->claim)) {
        j->again = true;
        return;
    }
    pg_params_init(&p);
    pg_p_text(&p, JOBS_QUEUE);
    pg_p_text(&p, j->c.owner);
    pg_p_int(&p, room_for(j));
    pg_p_int(&p, JOBS_LEASE_S);
    pg_exec(j->pg, &j->claim, &claim_stmt, &p);
}

static void claim_on_op(struct op *op)
{
    struct jobs *j = container_of(op, struct jobs, claim);

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "jobs not claimed", &op->err);
    for (int i = 0; !op_failed(op) && i < pg_rows(op); i++)
        run_start(j, pg_i64(op, i, 0), pg_str(op, i, 1), pg_str(op, i, 2));
    op_release(op);
    if (j->again)
        loop_timer_set(&j->poll, 0);
    j->again = false;
}

static void on_wake(void *arg, const char *topic)
{
    struct jobs *j = arg;

    (void)topic;
    if (!j->draining)
        claim(j);
}

/* ---- life ---- */

struct jobs *jobs_new(struct loop *loop, struct pg *pg, const struct jobs_config *c)
{
    struct jobs *j = calloc(1, sizeof *j);

    if (!j)
        abort();
    j->loop = loop;
    j->pg = pg;
    j->c = *c;
    j->c.concurrency = MIN(MAX(c->concurrency, 1), JOBS_MAX);
    op_init(&j->claim, loop, claim_on_op);
    loop_timer_init(&j->poll, loop, claim, j);
    for (size_t i = 0; i < JOBS_MAX; i++) {
        j->runs[i].j = j;
        op_init(&j->runs[i].op, loop, run_on_op);
        loop_timer_init(&j->runs[i].pause, loop, run_on_pause, &j->runs[i]);
    }
    if (c->scheduler)
        j->scheduler = scheduler_new(loop, pg, c->owner);
    if (c->worker)
        j->recovery = recovery_new(loop, pg, c->ring);
    return j;
}

void jobs_start(struct jobs *j)
{
    if (j->c.worker) {
        pg_wake_listen(j->pg, JOBS_TOPIC, on_wake, j);
        loop_timer_set(&j->poll, 0);
        recovery_start(j->recovery);
    }
    if (j->scheduler)
        scheduler_start(j->scheduler);
}

void jobs_drain(struct jobs *j)
{
    j->draining = true;
    loop_timer_clear(&j->poll);
    if (j->recovery)
        recovery_drain(j->recovery);
    if (j->scheduler)
        scheduler_drain(j->scheduler);
}

bool jobs_idle(const struct jobs *j)
{
    return j->nruns == 0 && !op_pending(&j->claim) &&
           (!j->recovery || recovery_idle(j->recovery)) &&
           (!j->scheduler || scheduler_idle(j->scheduler));
}

void jobs_free(struct jobs *j)
{
    if (!j)
        return;
    loop_timer_clear(&j->poll);
    op_cancel(&j->claim);
    op_release(&j->claim);
    for (size_t i = 0; i < JOBS_MAX; i++) {
        loop_timer_clear(&j->runs[i].pause);
        op_cancel(&j->runs[i].op);
        op_release(&j->runs[i].op);
        free(j->runs[i].args);
    }
    recovery_free(j->recovery);
    scheduler_free(j->scheduler);
    counter_forget(&finished);
    free(j);
}
