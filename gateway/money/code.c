/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A code that a payer typed, on its way to the rail (S5).
 *
 *   money_code -> CLAIM -> one charge's work (charge.c) with the code in its hands -> the waiter
 *                   |
 *                   +-> no row: no charge waits, or this step was claimed before -> the waiter
 *
 * The code stands in this process's memory, from the call to the end of the one request that carries
 * it, and nowhere else. The waiter learns only that there is something to read; what, the rows say. One
 * that leaves changes nothing: the charge is worked on all the same, and its reader gets an SMS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"
#include "gateway/money/money_parts.h"

#define CODES_MAX 64 /* in a worker */

static struct counter codes =
    COUNTER("coko_typed_codes_total", "Codes that payers typed, by what was done with them");

PG_STMT_FLAGS(claim_stmt, "code.claim", PG_WRITE, 3, PG_MONEY,
              "select charge_id, our_ref, rail, state, amount_minor, currency, payer_sealed,"
              " plan_label, version, action, rail_ref, memo_sealed, link_sealed, payer_country,"
              " payer_network, flow, 0 as first_sent_s, 0 as last_sent_s"
              " from billing.claim_code($1, $2::bigint, $3)");

struct code {
    struct list node;
    struct money *m;
    struct op claim;
    struct op_record waiter; /* op NULL: it left */
    struct charge_typed typed;
    char digits[MONEY_CODE_MAX];
};

static void count(const char *what)
{
    char labels[32];

    snprintf(labels, sizeof labels, "done=\"%s\"", what);
    counter_inc(counter_with(&codes, labels));
}

static void code_free(struct code *c)
{
    list_remove(&c->node);
    op_cancel(&c->claim);
    op_release(&c->claim);
    crypto_wipe(c->digits, sizeof c->digits);
    c->m->ncodes--;
    free(c);
}

static void code_reap(void *arg)
{
    code_free(arg);
}

static void code_over(struct code *c)
{
    if (c->waiter.op)
        op_complete(c->waiter.op, NULL, NULL);
    loop_defer(c->m->d.loop, code_reap, c);
}

static void on_work_over(struct charge_typed *t)
{
    code_over(container_of(t, struct code, typed));
}

static void on_claimed(struct op *op)
{
    struct code *c = container_of(op, struct code, claim);
    bool row = !op_failed(op) && pg_rows(op) == 1;

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "typed code not claimed for", &op->err);
    count(op_failed(op) ? "lost" : row ? "sent" : "unwanted");
    if (row)
        charge_work_start(c->m, op, 0, &c->typed);
    crypto_wipe(c->digits, sizeof c->digits);
    op_release(op);
    if (!row)
        code_over(c);
}

static struct code *code_new(struct money *m, struct op *waiter, struct str code)
{
    struct code *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    c->m = m;
    m->ncodes++;
    list_push_back(&m->codes, &c->node);
    op_init(&c->claim, m->d.loop, on_claimed);
    op_attach(waiter, &c->waiter);
    memcpy(c->digits, code.p, code.n);
    c->typed = (struct charge_typed){.code = str_n(c->digits, code.n), .over = on_work_over};
    return c;
}

void money_code(struct money *m, struct op *waiter, const struct money_code *typed)
{
    struct pg_params p;

    if (!m || m->nrails == 0 || m->ncodes == CODES_MAX || typed->code.n > MONEY_CODE_MAX) {
        count("refused");
        op_attach(waiter, NULL);
        op_complete(waiter, NULL, NULL);
        return;
    }
    struct code *c = code_new(m, waiter, typed->code);

    c->typed.claimed_at_ms = loop_now_ms(m->d.loop);
    pg_params_init(&p);
    pg_p_text(&p, m->owner);
    pg_p_str(&p, typed->user);
    pg_p_str(&p, typed->step);
    pg_exec(m->d.pg, &c->claim, &claim_stmt, &p);
}

void money_codes_free(struct money *m)
{
    while (!list_empty(&m->codes)) {
        struct code *c = container_of(m->codes.next, struct code, node);

        if (c->waiter.op)
            op_fail(c->waiter.op, ERR_CLOSED, "the room closes");
        code_free(c);
    }
    counter_forget(&codes);
}
