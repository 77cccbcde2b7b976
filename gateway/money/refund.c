/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refunds as errands: money goes back to the payer of a charge. A rail that gives nothing back by
 * itself refuses, for a person's hand. Two persons let it go (billing.refund_approve).
 */
#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/money/errand.h"

static struct counter events =
    COUNTER("coko_refund_events_total", "What rails answered about refunds");

PG_STMT_FLAGS(
    claim_stmt, "refund.claim", PG_BATCH, 2, PG_MONEY,
    "select refund_id as id, our_ref, version, action, rail, amount_minor, currency, refund_ref,"
    " charge_ref, rail_ref, rail_txn, memo_sealed, payer_sealed, payer_country,"
    " payer_network, plan_label"
    " from billing.claim_refund_work($1, $2::int)");
PG_STMT_FLAGS(event_stmt, "refund.event", PG_WRITE, 10, PG_MONEY,
              "select outcome, state from billing.refund_event($1::bigint, $2::int, $3, $4::int,"
              " $5, $6, $7, $8::bigint, $9, $10::int)");

static bool able(const struct rail *r)
{
    return r->type->submit_refund_request && !r->refunds_by_hand;
}

static void take(struct errand *w, const struct op *rows, int row)
{
    struct rail_refund *f = arena_zalloc(&w->arena, 1, sizeof *f);

    if (!f)
        abort();
    *f = (struct rail_refund){
        .charge = {.our_ref = errand_keep(w, rows, row, "charge_ref"),
                   .rail_ref = errand_keep(w, rows, row, "rail_ref"),
                   .link = STR_EMPTY,
                   .country = errand_keep(w, rows, row, "payer_country"),
                   .network = errand_keep(w, rows, row, "payer_network"),
                   .payer = w->payer,
                   .otp = STR_EMPTY,
                   .amount_minor = pg_i64(rows, row, pg_col(rows, "amount_minor")),
                   .currency = errand_keep(w, rows, row, "currency"),
                   .label = errand_keep(w, rows, row, "plan_label")},
        .rail_txn = errand_keep(w, rows, row, "rail_txn"),
        .our_ref = errand_keep(w, rows, row, "our_ref"),
        .rail_refund_ref = errand_keep(w, rows, row, "refund_ref"),
    };
    /* what does not open is "": a rail that needs it builds no request */
    (void)!money_open_sealed(w->m, &w->arena, rows, row, "memo_sealed", MONEY_MEMO_AAD,
                             &f->charge.memo);
    w->what = f;
}

static void request(struct errand *w, struct http_request *rq)
{
    const struct rail *r = w->mr->rail;

    if (w->follows > 0)
        r->type->follow_refund_request(r, &w->arena, w->what, w->token, &w->verdict, rq);
    else if (w->submit)
        r->type->submit_refund_request(r, &w->arena, w->what, w->token, rq);
    else
        r->type->poll_refund_request(r, &w->arena, w->what, w->token, rq);
}

static void read(struct errand *w, const struct http_response *rs)
{
    const struct rail *r = w->mr->rail;

    if (w->follows > 0)
        r->type->follow_refund_read(r, w->what, rs, &w->verdict);
    else if (w->submit)
        r->type->submit_refund_read(r, w->what, rs, &w->verdict);
    else
        r->type->poll_refund_read(r, w->what, rs, &w->verdict);
}

static void params(struct errand *w, struct pg_params *p)
{
    const struct rail_verdict *v = &w->verdict;

    pg_p_text(p, v->rail_ref);
    pg_p_text(p, v->rail_txn);
    if (v->has_amount)
        pg_p_int(p, v->amount_minor);
    else
        pg_p_null(p);
    pg_p_text(p, *v->currency ? v->currency : NULL);
}

const struct errand_kind refund_kind = {
    .name = "refund",
    .claim = &claim_stmt,
    .event = &event_stmt,
    .events = &events,
    .refund_token = true,
    .able = able,
    .take = take,
    .request = request,
    .read = read,
    .params = params,
};
