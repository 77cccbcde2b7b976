/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an account needs before and beside sending:
 *
 *   a new epoch of the lease    messaging.take_over settles what earlier owners left; then we may claim
 *   rows claimed, not begun     messaging.hand_back returns them (drain, no link, a claim's lost answer)
 *   the link, each 5 s          messaging.report tells whether it is up, and takes what accounts that
 *                               are down have queued for our routes
 *   each 10 s                   messaging.match_orphans finds parts for receipts that nobody named, and
 *                               messaging.settle_unknown applies the policy of each class
 */
#include <stdio.h>

#include "gateway/lib/counter.h"
#include "gateway/sms/sms_parts.h"

#define ORPHANS_MS  10000
#define ORPHANS_MAX 500
#define REPORT_MS   5000
#define REPORT_MAX  1000 /* messages taken over at a time */

PG_STMT(recover_stmt, "sms.recover", PG_BATCH, 3,
        "select recovered, exists (select from messaging.account a where a.name = $1)"
        " from messaging.take_over($1, $2::bigint, $3::boolean)");
PG_STMT(back_stmt, "sms.hand_back", PG_BATCH, 4,
        "select messaging.hand_back($1, $2, $3::bigint, $4::bigint[])");
PG_STMT(orphans_stmt, "sms.match_orphans", PG_BATCH, 2,
        "select messaging.match_orphans($1, $2::int), s.resent, s.given_up,"
        " (select count(*) from messaging.part p where p.account = $1 and p.message_id is null)"
        " from messaging.settle_unknown($1, $2::int) s");

static struct counter orphan_dlr =
    GAUGE("coko_sms_orphan_dlr", "Receipts whose part is not known yet");

PG_STMT(report_stmt, "sms.report", PG_BATCH, 4,
        "select messaging.report($1, $2::bigint, $3::boolean, $4::int)");

bool takeover_ready(const struct sms_account *a)
{
    return a->ready_epoch != 0 && a->ready_epoch == bind_epoch(a->bind);
}

/* ---- recover ---- */

static void on_recovered(struct op *op)
{
    struct sms_account *a = container_of(op, struct sms_account, recover_op);

    if (op_failed(op)) {
        log_err(LOG_LEVEL_WARN, NULL, "account not recovered yet", &op->err);
    } else {
        a->ready_epoch = a->asked_epoch;
        if (!pg_bool(op, 0, 1))
            log_error(NULL, "no such account in messaging.account", "account=%s", a->link->account);
        log_info(NULL, "account taken over", "account=%s epoch=%lld unknown=%lld", a->link->account,
                 (long long)a->ready_epoch, (long long)pg_i64(op, 0, 0));
    }
    op_release(op);
    sender_wake(a); /* a failure is tried again each second */
}

static void recover(struct sms_account *a)
{
    struct pg_params p;

    a->asked_epoch = bind_epoch(a->bind);
    pg_params_init(&p);
    pg_p_text(&p, a->link->account);
    pg_p_int(&p, a->asked_epoch);
    pg_p_text(&p, a->link->concat == BIND_CONCAT_PAYLOAD ? "true" : "false");
    sms_exec(a, &a->recover_op, &recover_stmt, &p);
}

/* ---- hand back ---- */

static void on_handed_back(struct op *op)
{
    struct sms_account *a = container_of(op, struct sms_account, back_op);

    if (op_failed(op)) {
        log_err(LOG_LEVEL_WARN, NULL, "outbox rows not handed back yet", &op->err);
    } else {
        a->hand_back = false;
        log_info(NULL, "outbox rows handed back", "account=%s rows=%lld", a->link->account,
                 (long long)pg_i64(op, 0, 0));
    }
    op_release(op);
    sender_wake(a);
}

static void hand_back(struct sms_account *a)
{
    struct pg_params p;
    struct buf kept;

    buf_init(&kept, 64u << 10);
    buf_addc(&kept, '{');
    list_for_each(node, &a->live)
    {
        struct outgoing *o = container_of(node, struct outgoing, node);

        if (kept.len > 1)
            buf_addc(&kept, ',');
        buf_add_u64(&kept, o->id);
    }
    buf_addc(&kept, '}');
    if (kept.failed == ERR_OK) {
        pg_params_init(&p);
        pg_p_text(&p, a->link->account);
        pg_p_text(&p, a->s->owner);
        pg_p_int(&p, bind_epoch(a->bind));
        pg_p_str(&p, buf_str(&kept));
        sms_exec(a, &a->back_op, &back_stmt, &p);
    }
    buf_fini(&kept);
}

/* ---- orphans ---- */

static const char *account_label(const struct sms_account *a, char room[80])
{
    (void)snprintf(room, 80, "account=\"%.60s\"", a->link->account);
    return room;
}

static void orphans_told(struct sms_account *a, const struct op *op)
{
    char label[80];

    counter_set(counter_with(&orphan_dlr, account_label(a, label)), pg_i64(op, 0, 3));
    if (pg_i64(op, 0, 1) + pg_i64(op, 0, 2) > 0)
        log_info(NULL, "unknown outcomes settled", "resent=%lld given_up=%lld",
                 (long long)pg_i64(op, 0, 1), (long long)pg_i64(op, 0, 2));
}

static void on_orphans(struct op *op)
{
    struct sms_account *a = container_of(op, struct sms_account, orphan_op);

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "receipts not matched", &op->err);
    else
        orphans_told(a, op);
    op_release(op);
}

static void match_orphans(struct sms_account *a)
{
    struct pg_params p;

    a->orphans_at = loop_now_ms(a->s->loop) + ORPHANS_MS;
    pg_params_init(&p);
    pg_p_text(&p, a->link->account);
    pg_p_int(&p, ORPHANS_MAX);
    sms_exec(a, &a->orphan_op, &orphans_stmt, &p);
}

/* ---- health ---- */

static void on_reported(struct op *op)
{
    struct sms_account *a = container_of(op, struct sms_account, report_op);
    int64_t moved = op_failed(op) ? 0 : pg_i64(op, 0, 0);

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "health of the account not reported", &op->err);
    op_release(op);
    if (moved == 0)
        return;
    log_info(NULL, "messages of accounts that are down taken over", "account=%s messages=%lld",
             a->link->account, (long long)moved);
    if (moved >= REPORT_MAX)
        a->report_at = 0; /* there may be more */
    sender_wake(a);
}

static void report(struct sms_account *a)
{
    bool up = bind_up(a->bind);
    int64_t now = loop_now_ms(a->s->loop);
    struct pg_params p;

    if (op_pending(&a->report_op) || a->s->draining || (up == a->reported_up && now < a->report_at))
        return;
    a->reported_up = up;
    a->report_at = now + REPORT_MS;
    pg_params_init(&p);
    pg_p_text(&p, a->link->account);
    pg_p_int(&p, bind_epoch(a->bind));
    pg_p_text(&p, up ? "true" : "false");
    pg_p_int(&p, REPORT_MAX);
    sms_exec(a, &a->report_op, &report_stmt, &p);
}

/* ---- life ---- */

void takeover_step(struct sms_account *a)
{
    int64_t now = loop_now_ms(a->s->loop);

    if (!bind_owned(a->bind) || a->link->mode == BIND_MODE_RX)
        return; /* a receiver sends nothing: its account is its transmitter's to take over */
    report(a);
    if (!takeover_ready(a)) {
        if (!op_pending(&a->recover_op))
            recover(a);
        return;
    }
    /* an outcome not yet recorded would look like a row not begun */
    if (a->hand_back && now >= a->back_at && record_idle(a) && !op_pending(&a->back_op) &&
        !op_pending(&a->claim_op))
        hand_back(a);
    if (!a->s->draining && now >= a->orphans_at && !op_pending(&a->orphan_op))
        match_orphans(a);
}

void takeover_init(struct sms_account *a)
{
    op_init(&a->recover_op, a->s->loop, on_recovered);
    op_init(&a->back_op, a->s->loop, on_handed_back);
    op_init(&a->orphan_op, a->s->loop, on_orphans);
    op_init(&a->report_op, a->s->loop, on_reported);
}

bool takeover_idle(const struct sms_account *a)
{
    return !op_pending(&a->back_op) && (!a->hand_back || !bind_owned(a->bind));
}

void takeover_fini(struct sms_account *a)
{
    struct op *const ops[] = {&a->recover_op, &a->back_op, &a->orphan_op, &a->report_op};

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        op_cancel(ops[i]);
        op_release(ops[i]);
    }
}

void takeover_forget_counters(void)
{
    counter_forget(&orphan_dlr);
}
