/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One claimed refund: ask the rail once, record the answer.
 *
 *   claim -> token -> call -> record -> over
 *              ^      | ^       +-> record   the database was away: again, until the lease is over
 *              |      +-+ more: the rail wants one more request before its verdict holds
 *              +- 401, once: from the first request
 *              +-> record       no token, or a rail that is not configured here: nothing was sent;
 *                               one that gives nothing back by itself: refused, for a person's hand
 *
 * As a charge (charge.c): the attempt row was committed before we were called (I2), what may have
 * left is asked about and never sent again on a guess (M4), and an answer carries the version of its
 * claim. Two persons let it go (billing.refund_approve); here nobody decides.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"
#include "gateway/money/money_parts.h"

#define REFUNDS_MAX     8 /* in flight in a worker */
#define RECORD_RETRY_MS 1000
#define RECORD_TRIES    20

static struct counter events =
    COUNTER("coko_refund_events_total", "What rails answered about refunds");

PG_STMT_FLAGS(
    claim_stmt, "refund.claim", PG_BATCH, 2, PG_MONEY,
    "select refund_id, our_ref, version, action, rail, amount_minor, currency, refund_ref,"
    " charge_ref, rail_ref, rail_txn, memo_sealed, payer_sealed, payer_country,"
    " payer_network, plan_label"
    " from billing.claim_refund_work($1, $2::int)");
PG_STMT_FLAGS(event_stmt, "refund.event", PG_WRITE, 10, PG_MONEY,
              "select outcome, state from billing.refund_event($1::bigint, $2::int, $3, $4::int,"
              " $5, $6, $7, $8::bigint, $9, $10::int)");

struct work {
    struct list node;
    struct money *m;
    struct money_rail *mr; /* NULL: not configured here */
    struct arena arena;
    struct op call, record;
    struct token_waiter waiter;
    struct loop_timer again;
    int64_t id, version;
    bool submit;
    bool reminted;
    bool money;       /* the request in flight may give money: it is never sent by itself again */
    unsigned follows; /* requests after the first */
    unsigned record_tries;
    const char *token;
    struct rail_refund refund;
    struct rail_verdict verdict;
    int http_status;
};

static void record(struct work *w);

/* ---- the rail ---- */

static void wipe_payer(struct work *w)
{
    struct str *payer = &w->refund.charge.payer;

    if (payer->n > 0)
        crypto_wipe((char *)payer->p, payer->n);
    payer->n = 0;
}

/* Nothing of it left this process. */
static void unsent(struct work *w, enum charge_event submitted, const char *reason)
{
    w->verdict = (struct rail_verdict){.event = w->submit ? submitted : CHARGE_UNKNOWN};
    snprintf(w->verdict.reason, sizeof w->verdict.reason, "%s", reason);
    record(w);
}

static struct token *token_of(const struct work *w)
{
    return w->mr->rail->type->refund_token_request ? &w->mr->refund_token : &w->mr->token;
}

static void call(struct work *w)
{
    const struct rail *r = w->mr->rail;
    struct http_request rq = {.url = NULL};

    if (w->follows > 0)
        r->type->follow_refund_request(r, &w->arena, &w->refund, w->token, &w->verdict, &rq);
    else if (w->submit)
        r->type->submit_refund_request(r, &w->arena, &w->refund, w->token, &rq);
    else
        r->type->poll_refund_request(r, &w->arena, &w->refund, w->token, &rq);
    w->money = rq.no_resend;
    if (rq.url)
        http_client_send(w->m->d.client, &w->call, &rq);
    else
        unsent(w, CHARGE_REJECTED, "not to be sent");
}

static void on_token(struct token_waiter *waiter, const char *value)
{
    struct work *w = container_of(waiter, struct work, waiter);

    if (!value) {
        unsent(w, CHARGE_NOT_SENT, "no token");
        return;
    }
    w->token = arena_cstr(&w->arena, str_c(value));
    call(w);
}

/* A 401 proves that nothing was carried out. */
static void without_token(struct work *w)
{
    w->follows = 0;
    token_refused(token_of(w), w->token);
    if (!w->reminted) {
        w->reminted = true;
        token_want(token_of(w), &w->waiter);
        return;
    }
    log_error(NULL, "rail refuses our credentials", "rail=%s", w->mr->rail->type->code);
    unsent(w, CHARGE_NOT_SENT, "credentials refused");
}

static void on_answer(struct op *op)
{
    struct work *w = container_of(op, struct work, call);
    const struct rail *r = w->mr->rail;
    const struct http_response *rs = http_client_response(op);

    if (op_failed(op)) {
        bool unsent = w->submit && (!op->unknown || !w->money);

        w->verdict = (struct rail_verdict){.event = unsent ? CHARGE_NOT_SENT : CHARGE_UNKNOWN};
        snprintf(w->verdict.reason, sizeof w->verdict.reason, "%s", err_name(op->err.code));
    } else {
        w->http_status = rs->status;
        w->verdict.more = false;
        if (w->follows > 0)
            r->type->follow_refund_read(r, &w->refund, rs, &w->verdict);
        else if (w->submit)
            r->type->submit_refund_read(r, &w->refund, rs, &w->verdict);
        else
            r->type->poll_refund_read(r, &w->refund, rs, &w->verdict);
    }
    op_release(op);
    if (w->verdict.token_refused)
        without_token(w);
    else if (w->verdict.more && w->follows++ < RAIL_FOLLOW_MAX)
        call(w);
    else
        record(w);
}

/* ---- the record ---- */

static void record(struct work *w)
{
    const struct rail_verdict *v = &w->verdict;
    struct pg_params p;

    wipe_payer(w);
    pg_params_init(&p);
    pg_p_int(&p, w->id);
    pg_p_int(&p, w->version);
    pg_p_text(&p, charge_event_name(v->event));
    pg_p_int(&p, w->http_status);
    pg_p_text(&p, v->reason);
    pg_p_text(&p, v->rail_ref);
    pg_p_text(&p, v->rail_txn);
    if (v->has_amount)
        pg_p_int(&p, v->amount_minor);
    else
        pg_p_null(&p);
    pg_p_text(&p, *v->currency ? v->currency : NULL);
    pg_p_int(&p, v->next_poll_s);
    pg_exec(w->m->d.pg, &w->record, &event_stmt, &p);
}

static void on_again(void *arg)
{
    record(arg);
}

static void work_free(struct work *w)
{
    list_remove(&w->node);
    token_forget(&w->waiter);
    loop_timer_clear(&w->again);
    op_cancel(&w->call);
    op_release(&w->call);
    op_cancel(&w->record);
    op_release(&w->record);
    wipe_payer(w);
    crypto_wipe(&w->verdict, sizeof w->verdict);
    arena_fini(&w->arena);
    w->m->nrefunds--;
    free(w);
}

static void work_reap(void *arg)
{
    work_free(arg);
}

static void tell(const struct work *w)
{
    char labels[96];

    snprintf(labels, sizeof labels, "rail=\"%s\",event=\"%s\"",
             w->mr ? w->mr->rail->type->code : "none", charge_event_name(w->verdict.event));
    counter_inc(counter_with(&events, labels));
    log_info(NULL, "refund", "refund=%lld event=%s outcome=%s state=%s http=%d", (long long)w->id,
             charge_event_name(w->verdict.event), pg_text(&w->record, 0, 0),
             pg_text(&w->record, 0, 1), w->http_status);
}

static void on_recorded(struct op *op)
{
    struct work *w = container_of(op, struct work, record);

    if (op_failed(op)) {
        log_err(LOG_LEVEL_WARN, NULL, "refund event not recorded", &op->err);
        op_release(op);
        if (++w->record_tries < RECORD_TRIES) {
            loop_timer_set(&w->again, RECORD_RETRY_MS);
            return;
        }
    } else {
        tell(w);
        pg_wake_dirty(w->m->d.pg, MONEY_MESSAGE_TOPIC);
    }
    loop_defer(w->m->d.loop, work_reap, w);
}

/* ---- the claim ---- */

static struct str keep(struct work *w, const struct op *rows, int row, const char *col)
{
    return arena_str(&w->arena, pg_str(rows, row, pg_col(rows, col)));
}

static void take_row(struct work *w, const struct op *rows, int row)
{
    struct rail_refund *f = &w->refund;

    w->id = pg_i64(rows, row, pg_col(rows, "refund_id"));
    w->version = pg_i64(rows, row, pg_col(rows, "version"));
    w->submit = str_eq_c(pg_str(rows, row, pg_col(rows, "action")), "submit");
    w->mr = money_rail_find(w->m, pg_str(rows, row, pg_col(rows, "rail")));
    *f = (struct rail_refund){
        .charge = {.our_ref = keep(w, rows, row, "charge_ref"),
                   .rail_ref = keep(w, rows, row, "rail_ref"),
                   .link = STR_EMPTY,
                   .country = keep(w, rows, row, "payer_country"),
                   .network = keep(w, rows, row, "payer_network"),
                   .otp = STR_EMPTY,
                   .amount_minor = pg_i64(rows, row, pg_col(rows, "amount_minor")),
                   .currency = keep(w, rows, row, "currency"),
                   .label = keep(w, rows, row, "plan_label")},
        .rail_txn = keep(w, rows, row, "rail_txn"),
        .our_ref = keep(w, rows, row, "our_ref"),
        .rail_refund_ref = keep(w, rows, row, "refund_ref"),
    };
    /* what does not open is "": a rail that needs it builds no request */
    (void)!money_open_sealed(w->m, &w->arena, rows, row, "memo_sealed", MONEY_MEMO_AAD,
                             &f->charge.memo);
    if (w->submit)
        (void)!money_open_sealed(w->m, &w->arena, rows, row, "payer_sealed", "auth.identity",
                                 &f->charge.payer);
}

static void work_start(struct money *m, const struct op *rows, int row)
{
    struct work *w = calloc(1, sizeof *w);

    if (!w)
        abort();
    w->m = m;
    w->waiter.fn = on_token;
    arena_init(&w->arena, 4096, 1 << 18);
    op_init(&w->call, m->d.loop, on_answer);
    op_init(&w->record, m->d.loop, on_recorded);
    loop_timer_init(&w->again, m->d.loop, on_again, w);
    list_init(&w->waiter.node);
    list_push_back(&m->refunds, &w->node);
    m->nrefunds++;
    take_row(w, rows, row);
    if (w->mr && w->mr->rail->type->submit_refund_request && !w->mr->rail->refunds_by_hand) {
        token_want(token_of(w), &w->waiter);
        return;
    }
    log_error(NULL, "refund cannot be worked on here", "refund=%lld", (long long)w->id);
    if (w->mr)
        unsent(w, CHARGE_REJECTED, "by hand");
    else
        unsent(w, CHARGE_NOT_SENT, "rail not configured");
}

static void on_claimed(struct op *op)
{
    struct money *m = container_of(op, struct money, refund_claim);

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "refunds not claimed", &op->err);
    for (int i = 0; !op_failed(op) && i < pg_rows(op); i++)
        work_start(m, op, i);
    op_release(op);
}

void money_refunds_init(struct money *m)
{
    list_init(&m->refunds);
    op_init(&m->refund_claim, m->d.loop, on_claimed);
}

void money_refunds_claim(struct money *m)
{
    struct pg_params p;

    if (m->nrefunds == REFUNDS_MAX || op_pending(&m->refund_claim))
        return;
    pg_params_init(&p);
    pg_p_text(&p, m->owner);
    pg_p_int(&p, REFUNDS_MAX - m->nrefunds);
    pg_exec(m->d.pg, &m->refund_claim, &claim_stmt, &p);
}

void money_refunds_free(struct money *m)
{
    op_cancel(&m->refund_claim);
    while (!list_empty(&m->refunds))
        work_free(container_of(m->refunds.next, struct work, node));
}
