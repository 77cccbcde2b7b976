/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST to a carrier's ring address: a row, and its answer after the commit only. See ring.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"
#include "gateway/ussd/ring_parts.h"

#define TEXT_MAX 480 /* of messaging.ring.body */

static struct counter asked =
    COUNTER("coko_ussd_rings_asked_total", "Requests to ring a reader, by what came of them");

PG_STMT(put_stmt, "ring.number", PG_WRITE, 7,
        "select outcome from messaging.ring_number($1::bytea, $2::bytea, $3::int, $4, $5, $6, $7)");

struct ask {
    struct list node;
    struct ring *r;
    struct op op;
    struct http_exchange *x; /* NULL: it left before the answer */
};

static void ask_free(struct ask *a)
{
    if (a->x)
        a->x->on_gone = NULL;
    list_remove(&a->node);
    a->r->nasks--;
    op_cancel(&a->op);
    op_release(&a->op);
    free(a);
}

/* The row is made all the same: who asks again meets it. */
static void on_gone(struct http_exchange *x)
{
    struct ask *a = x->user;

    a->x = NULL;
}

static void answer(struct http_exchange *x, unsigned status, const char *outcome)
{
    char labels[48];

    snprintf(labels, sizeof labels, "outcome=\"%s\"", outcome);
    counter_inc(counter_with(&asked, labels));
    if (x) {
        x->on_gone = NULL;
        http_reply(x, status, status == 202 ? NULL : "text/plain",
                   status == 202 ? STR_EMPTY : str_c(outcome));
    }
}

static void on_put(struct op *op)
{
    struct ask *a = container_of(op, struct ask, op);
    const char *outcome = op_failed(op) ? "database" : pg_text(op, 0, 0);
    bool made = str_eq_c(str_c(outcome), "queued") || str_eq_c(str_c(outcome), "seen");

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "ring not written", &op->err);
    else if (made)
        pg_wake_dirty(a->r->u->d.pg, RING_TOPIC);
    answer(a->x, made ? 202 : str_eq_c(str_c(outcome), "stopped") ? 409 : 503, outcome);
    a->x = NULL;
    ask_free(a);
}

/* What auth.identity_find takes of a number: as a dial would bring it. */
static void put(struct ask *a, const struct carrier *c, const struct msisdn *number,
                struct str text)
{
    const struct seal_ring *ring = a->r->u->d.ring;
    char mem[SEAL_OVERHEAD + MSISDN_MAX], network[MSISDN_NETWORK_MAX + 1];
    struct pg_params p;
    struct buf sealed;
    uint8_t lookup[32];

    seal_lookup(ring, STR("phone"), str_c(number->digits), lookup);
    buf_init_fixed(&sealed, mem, sizeof mem);
    seal_close(ring, STR("auth.identity"), str_c(number->digits), &sealed);
    msisdn_network(STR_EMPTY, number, network);
    pg_params_init(&p);
    pg_p_bytea(&p, lookup, sizeof lookup);
    pg_p_bytea(&p, sealed.p, sealed.len);
    pg_p_int(&p, seal_ring_id(ring, 0));
    pg_p_text(&p, *number->country ? number->country : c->country);
    pg_p_text(&p, network);
    pg_p_text(&p, c->profile.name);
    pg_p_str(&p, text);
    pg_exec(a->r->u->d.pg, &a->op, &put_stmt, &p);
}

void ring_ask(struct ring *r, const struct carrier *c, struct str number, struct str text,
              struct http_exchange *x)
{
    struct msisdn to;
    struct err e = {0};
    struct ask *a;

    if (msisdn_parse(number, c->country, &to, &e) != 0 || text.n > TEXT_MAX) {
        answer(x, 400, text.n > TEXT_MAX ? "text" : "number");
        return;
    }
    if (r->draining || r->nasks >= RING_ASKS_MAX) {
        answer(x, 503, "busy");
        return;
    }
    a = calloc(1, sizeof *a);
    if (!a)
        abort();
    *a = (struct ask){.r = r, .x = x};
    op_init(&a->op, r->u->d.loop, on_put);
    list_push_back(&r->asks, &a->node);
    r->nasks++;
    x->user = a;
    x->on_gone = on_gone;
    put(a, c, &to, text);
}

void ring_asks_free(struct ring *r)
{
    list_for_each_safe(node, &r->asks)
    {
        ask_free(container_of(node, struct ask, node));
    }
    counter_forget(&asked);
}
