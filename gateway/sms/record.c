/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outcomes of parts on their way into messaging.record: batches of bounded size, so that a statement
 * stays short however far the database is behind. One is there, the last is being filled; behind by
 * more than BEHIND_MAX, nothing new is claimed: what is in memory alone would grow, and after a kill
 * it is unknown.
 *
 * A batch that could not be written is kept and tried again, with what came since behind it; the
 * function may take it twice. What the database refuses as wrong is dropped in the end, with an
 * error: its rows stay `sending` and become unknown with the next owner (M4).
 */
#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/sms/sms_parts.h"

#define FLUSH_MS     5
#define RETRY_MS     200
#define RETRY_MAX_MS 5000
#define REFUSED_MAX  5
#define BEHIND_MAX   (2 * SMS_RECORD_MAX)

PG_STMT(record_stmt, "sms.record", PG_BATCH, 3,
        "select state from messaging.record($1, $2::bigint, $3::jsonb)");

static struct counter states = COUNTER("coko_sms_recorded_total", "Messages touched by outcomes");
static struct counter lost =
    COUNTER("coko_sms_unrecorded_total", "Outcomes that could not be kept");

/* One statement's worth. */
struct record_batch {
    struct list node;
    struct batch rows;
    bool closed; /* its text was made: nothing more goes in */
};

static struct record_batch *first_of(struct record *r)
{
    return list_first(&r->batches, struct record_batch, node);
}

static struct record_batch *open_batch(struct record *r)
{
    struct record_batch *last = list_last(&r->batches, struct record_batch, node);

    if (last != NULL && !last->closed && last->rows.n < SMS_RECORD_MAX)
        return last;
    last = calloc(1, sizeof *last);
    if (last == NULL)
        abort();
    batch_init(&last->rows);
    list_push_back(&r->batches, &last->node);
    return last;
}

static void free_first(struct record *r)
{
    struct record_batch *gone = first_of(r);

    r->done += gone->rows.n;
    list_remove(&gone->node);
    batch_fini(&gone->rows);
    free(gone);
}

static void flush(struct sms_account *a)
{
    struct record *r = &a->record;
    struct record_batch *next = first_of(r);
    struct pg_params p;

    if (op_pending(&r->op) || next == NULL)
        return;
    next->closed = true;
    pg_params_init(&p);
    pg_p_text(&p, a->link->account);
    pg_p_int(&p, bind_epoch(a->bind));
    pg_p_str(&p, batch_json(&next->rows));
    sms_exec(a, &r->op, &record_stmt, &p);
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

static void on_failed(struct record *r)
{
    struct record_batch *first = first_of(r);

    r->failures++;
    log_err(LOG_LEVEL_WARN, NULL, "outcomes not recorded yet", &r->op.err);
    if (refused(&r->op) && r->failures >= REFUSED_MAX) {
        log_error(NULL, "outcomes dropped", "parts=%u sqlstate=%s", first->rows.n, r->op.sqlstate);
        counter_add(&lost, first->rows.n);
        free_first(r);
        r->failures = 0;
    }
    loop_timer_set(&r->timer, MIN(RETRY_MS << MIN(r->failures, 5u), RETRY_MAX_MS));
}

static void on_recorded(struct op *op)
{
    struct sms_account *a = container_of(op, struct sms_account, record.op);
    struct record *r = &a->record;
    bool freed = first_of(r)->rows.cancelled, again;

    if (op_failed(op)) {
        on_failed(r);
        op_release(op);
        receiver_wake(a);
        return;
    }
    counter_add(&states, (uint64_t)pg_rows(op));
    sms_ended(a);
    again = r->failures > 0;
    r->failures = 0;
    op_release(op);
    free_first(r);
    if (!list_empty(&r->batches))
        loop_timer_set(&r->timer, 0);
    if (freed || again || a->more)
        sender_wake(a); /* the confirmation of STOP; claims waited for us */
    receiver_wake(a);
    takeover_step(a); /* what waits until all is recorded */
}

void record_part(struct sms_account *a, const struct batch_part *p)
{
    struct record *r = &a->record;

    if (!batch_result(&open_batch(r)->rows, p))
        abort(); /* SMS_RECORD_MAX rows always fit */
    a->record.added++;
    if (!op_pending(&r->op) && !loop_timer_is_set(&r->timer))
        loop_timer_set(&r->timer, FLUSH_MS);
}

void record_init(struct sms_account *a)
{
    list_init(&a->record.batches);
    op_init(&a->record.op, a->s->loop, on_recorded);
    loop_timer_init(&a->record.timer, a->s->loop, on_timer, a);
}

bool record_idle(const struct sms_account *a)
{
    return list_empty(&a->record.batches);
}

bool record_behind(const struct sms_account *a)
{
    return a->record.added - a->record.done > BEHIND_MAX;
}

void record_fini(struct sms_account *a)
{
    loop_timer_clear(&a->record.timer);
    op_cancel(&a->record.op);
    op_release(&a->record.op);
    while (!list_empty(&a->record.batches))
        free_first(&a->record);
}

void record_forget_counters(void)
{
    counter_forget(&states);
    counter_forget(&lost);
}
