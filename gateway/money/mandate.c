/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mandates as errands: a payer's leave to debit him without a prompt is asked for, asked about and
 * ended. No money moves here: what is debited under it is a charge (charge.c).
 */
#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/money/errand.h"

static struct counter events =
    COUNTER("coko_mandate_events_total", "What rails answered about mandates");

PG_STMT_FLAGS(claim_stmt, "mandate.claim", PG_BATCH, 2, PG_MONEY,
              "select mandate_id as id, our_ref, version, action, rail, currency, valid_days,"
              " payer_sealed, payer_country, plan_label"
              " from billing.claim_mandates($1, $2::int)");
PG_STMT_FLAGS(event_stmt, "mandate.event", PG_WRITE, 6, PG_MONEY,
              "select outcome, state from billing.mandate_event($1::bigint, $2::int, $3, $4::int,"
              " $5, $6::int)");

static bool able(const struct rail *r)
{
    return r->type->mandate_request != NULL;
}

static void take(struct errand *w, const struct op *rows, int row)
{
    struct rail_mandate *a = arena_zalloc(&w->arena, 1, sizeof *a);
    bool ends = str_eq_c(pg_str(rows, row, pg_col(rows, "action")), "end");

    if (!a)
        abort();
    *a = (struct rail_mandate){
        .act = w->submit ? MANDATE_ASK
               : ends    ? MANDATE_END
                         : MANDATE_QUESTION,
        .our_ref = errand_keep(w, rows, row, "our_ref"),
        .payer = w->payer,
        .country = errand_keep(w, rows, row, "payer_country"),
        .currency = errand_keep(w, rows, row, "currency"),
        .label = errand_keep(w, rows, row, "plan_label"),
        .valid_days = (unsigned)pg_i64(rows, row, pg_col(rows, "valid_days")),
    };
    w->what = a;
}

static void request(struct errand *w, struct http_request *rq)
{
    const struct rail *r = w->mr->rail;

    r->type->mandate_request(r, &w->arena, w->what, w->token, rq);
}

static void read(struct errand *w, const struct http_response *rs)
{
    w->mr->rail->type->mandate_read(w->what, rs, &w->verdict);
}

static void params(struct errand *w, struct pg_params *p)
{
    (void)w;
    (void)p;
}

const struct errand_kind mandate_kind = {
    .name = "mandate",
    .claim = &claim_stmt,
    .event = &event_stmt,
    .events = &events,
    .able = able,
    .take = take,
    .request = request,
    .read = read,
    .params = params,
};
