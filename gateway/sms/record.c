/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outcomes of parts on their way into messaging.record: two batches, one being filled while the other
 * is in the database.
 *
 * A batch that could not be written is kept and tried again, with what came since behind it; the
 * function may take it twice. What the database refuses as wrong is dropped in the end, with an
 * error: its rows stay `sending` and become unknown with the next owner (M4).
 */
#include "gateway/lib/counter.h"
#include "gateway/sms/sms_parts.h"

#define FLUSH_MS     5
#define RETRY_MS     200
#define RETRY_MAX_MS 5000
#define REFUSED_MAX  5

PG_STMT(record_stmt, "sms.record", PG_BATCH, 3,
        "select state from messaging.record($1, $2::bigint, $3::jsonb)");

static struct counter states = COUNTER("coko_sms_recorded_total", "Messages touched by outcomes");
static struct counter lost =
    COUNTER("coko_sms_unrecorded_total", "Outcomes that could not be kept");

static void flush(struct sms_account *a)
{
    struct record *r = &a->record;
    struct batch *full = &r->batches[r->filling];
    struct batch *sent = &r->batches[1 - r->filling];
    struct pg_params p;

    if (op_pending(&r->op))
        return;
    if (sent->n == 0) { /* nothing waits to be tried again */
        if (full->n == 0)
            return;
        r->filling = 1 - r->filling;
        sent = full;
    }
    pg_params_init(&p);
    pg_p_text(&p, a->link->account);
    pg_p_int(&p, bind_epoch(a->bind));
    pg_p_str(&p, batch_json(sent));
    pg_exec(a->s->pg, &r->op, &record_stmt, &p);
}

static void on_timer(void *arg)
{
    flush(arg);
}

/* The statement itself is wrong for the database, not the moment. */
static bool refused(const struct op *op)
{
    return strncmp(op->sqlstate, "22", 2) == 0 || strncmp(op->sqlstate, "23", 2) == 0 ||
           strncmp(op->sqlstate, "42", 2) == 0 || strncmp(op->sqlstate, "P0", 2) == 0;
}

static void on_failed(struct sms_account *a, struct batch *sent)
{
    struct record *r = &a->record;

    r->failures++;
    log_err(LOG_LEVEL_WARN, NULL, "outcomes not recorded yet", &r->op.err);
    if (refused(&r->op) && r->failures >= REFUSED_MAX) {
        log_error(NULL, "outcomes dropped", "parts=%u sqlstate=%s", sent->n, r->op.sqlstate);
        counter_add(&lost, sent->n);
        batch_reset(sent);
        r->failures = 0;
    }
    loop_timer_set(&r->timer, MIN(RETRY_MS << MIN(r->failures, 5u), RETRY_MAX_MS));
}

static void on_recorded(struct op *op)
{
    struct sms_account *a = container_of(op, struct sms_account, record.op);
    struct record *r = &a->record;
    struct batch *sent = &r->batches[1 - r->filling];
    bool freed = sent->cancelled;

    if (op_failed(op)) {
        on_failed(a, sent);
        op_release(op);
        return;
    }
    counter_add(&states, (uint64_t)pg_rows(op));
    r->failures = 0;
    batch_reset(sent);
    op_release(op);
    if (r->batches[r->filling].n > 0)
        loop_timer_set(&r->timer, 0);
    if (freed)
        sender_wake(a); /* the confirmation of STOP */
    takeover_step(a);   /* what waits until all is recorded */
}

void record_part(struct sms_account *a, const struct batch_part *p)
{
    struct record *r = &a->record;

    if (!batch_result(&r->batches[r->filling], p)) {
        counter_inc(&lost);
        log_error(NULL, "outcome dropped", "message=%llu part=%u", (unsigned long long)p->message,
                  p->no);
    }
    if (!op_pending(&r->op) && !loop_timer_is_set(&r->timer))
        loop_timer_set(&r->timer, FLUSH_MS);
}

void record_init(struct sms_account *a)
{
    batch_init(&a->record.batches[0]);
    batch_init(&a->record.batches[1]);
    op_init(&a->record.op, a->s->loop, on_recorded);
    loop_timer_init(&a->record.timer, a->s->loop, on_timer, a);
}

bool record_idle(const struct sms_account *a)
{
    return a->record.batches[0].n == 0 && a->record.batches[1].n == 0;
}

void record_fini(struct sms_account *a)
{
    loop_timer_clear(&a->record.timer);
    op_cancel(&a->record.op);
    op_release(&a->record.op);
    batch_fini(&a->record.batches[0]);
    batch_fini(&a->record.batches[1]);
}

void record_forget_counters(void)
{
    counter_forget(&states);
    counter_forget(&lost);
}
