/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work with a rail beside charges, refunds and mandates alike: ask the rail once, record the answer.
 *
 *   claim -> token -> call -> record -> over
 *              ^      | ^       +-> record   the database was away: again, until the lease is over
 *              |      +-+ more: the rail wants one more request before its verdict holds
 *              +- 401, once: from the first request
 *              +-> record       no token, too late, or a rail that cannot do it here: nothing was sent
 *
 * As a charge (charge.c): what is submitted was committed before we were called (I2), what may have
 * left is asked about and never sent again on a guess (M4), and an answer carries the version of its
 * claim. What a row is and what its answers are called is the kind's; here nobody decides.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"
#include "gateway/money/errand.h"

#define ERRANDS_MAX     8 /* in flight in a worker, of a kind */
#define RECORD_RETRY_MS 1000
#define RECORD_TRIES    20 /* below the leases */

static void record(struct errand *w);

/* ---- the rail ---- */

/* Nothing of it left this process. */
static void unsent(struct errand *w, enum charge_event submitted, const char *reason)
{
    w->verdict = (struct rail_verdict){.event = w->submit ? submitted : CHARGE_UNKNOWN};
    snprintf(w->verdict.reason, sizeof w->verdict.reason, "%s", reason);
    record(w);
}

static struct token *token_of(const struct errand *w)
{
    bool own = w->of->kind->refund_token && w->mr->rail->type->refund_token_request;

    return own ? &w->mr->refund_token : &w->mr->token;
}

/* By the same rule as a charge's; what moves money may be a later request than the first, which asked
 * for a key. */
static bool too_late(const struct errand *w)
{
    return w->submit && (w->follows == 0 || w->money) &&
           loop_now_ms(w->m->d.loop) > w->claimed_at_ms + MONEY_SEND_WITHIN_MS;
}

static void call(struct errand *w)
{
    struct http_request rq = {.url = NULL};

    w->of->kind->request(w, &rq);
    w->money = rq.no_resend;
    if (too_late(w))
        unsent(w, CHARGE_NOT_SENT, "too late to send");
    else if (rq.url)
        http_client_send(w->m->d.client, &w->call, &rq);
    else
        unsent(w, CHARGE_REJECTED, "not to be sent");
}

static void on_token(struct token_waiter *waiter, const char *value)
{
    struct errand *w = container_of(waiter, struct errand, waiter);

    if (!value) {
        unsent(w, CHARGE_NOT_SENT, "no token");
        return;
    }
    w->token = arena_cstr(&w->arena, str_c(value));
    call(w);
}

/* A 401 proves that nothing was carried out. */
static void without_token(struct errand *w)
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
    struct errand *w = container_of(op, struct errand, call);

    if (op_failed(op)) {
        bool unsent = w->submit && (!op->unknown || !w->money);

        w->verdict = (struct rail_verdict){.event = unsent ? CHARGE_NOT_SENT : CHARGE_UNKNOWN};
        snprintf(w->verdict.reason, sizeof w->verdict.reason, "%s", err_name(op->err.code));
    } else {
        w->http_status = http_client_response(op)->status;
        w->verdict.more = false;
        w->of->kind->read(w, http_client_response(op));
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

static void record(struct errand *w)
{
    struct pg_params p;

    errand_wipe(w);
    pg_params_init(&p);
    pg_p_int(&p, w->id);
    pg_p_int(&p, w->version);
    pg_p_text(&p, charge_event_name(w->verdict.event));
    pg_p_int(&p, w->http_status);
    pg_p_text(&p, w->verdict.reason);
    w->of->kind->params(w, &p);
    pg_p_int(&p, w->verdict.next_poll_s);
    pg_exec(w->m->d.pg, &w->record, w->of->kind->event, &p);
}

static void on_again(void *arg)
{
    record(arg);
}

void errand_wipe(struct errand *w)
{
    if (w->payer.n > 0)
        crypto_wipe((char *)w->payer.p, w->payer.n);
    w->payer.n = 0;
}

static void errand_free(struct errand *w)
{
    list_remove(&w->node);
    token_forget(&w->waiter);
    loop_timer_clear(&w->again);
    op_cancel(&w->call);
    op_release(&w->call);
    op_cancel(&w->record);
    op_release(&w->record);
    errand_wipe(w);
    crypto_wipe(&w->verdict, sizeof w->verdict);
    arena_fini(&w->arena);
    w->of->n--;
    free(w);
}

static void errand_reap(void *arg)
{
    errand_free(arg);
}

static void tell(const struct errand *w)
{
    const struct errand_kind *k = w->of->kind;
    const char *rail = w->mr ? w->mr->rail->type->code : "none";
    char labels[96];

    snprintf(labels, sizeof labels, "rail=\"%s\",event=\"%s\"", rail,
             charge_event_name(w->verdict.event));
    counter_inc(counter_with(k->events, labels));
    if (w->verdict.new_word)
        log_error(NULL, "rail says a word never seen", "%s=%lld rail=%s word=%s", k->name,
                  (long long)w->id, rail, w->verdict.reason);
    log_info(NULL, k->name, "%s=%lld event=%s outcome=%s state=%s http=%d", k->name,
             (long long)w->id, charge_event_name(w->verdict.event), pg_text(&w->record, 0, 0),
             pg_text(&w->record, 0, 1), w->http_status);
}

static void on_recorded(struct op *op)
{
    struct errand *w = container_of(op, struct errand, record);

    if (op_failed(op)) {
        log_err(LOG_LEVEL_WARN, NULL, "a rail's answer is not recorded", &op->err);
        op_release(op);
        if (++w->record_tries < RECORD_TRIES) {
            loop_timer_set(&w->again, RECORD_RETRY_MS);
            return;
        }
    } else {
        tell(w);
        pg_wake_dirty(w->m->d.pg, MONEY_MESSAGE_TOPIC);
    }
    loop_defer(w->m->d.loop, errand_reap, w);
}

/* ---- the claim ---- */

struct str errand_keep(struct errand *w, const struct op *rows, int row, const char *col)
{
    return arena_str(&w->arena, pg_str(rows, row, pg_col(rows, col)));
}

static void errand_start(struct errands *of, const struct op *rows, int row)
{
    struct errand *w = calloc(1, sizeof *w);
    struct money *m = of->m;

    if (!w)
        abort();
    w->of = of;
    w->m = m;
    w->waiter.fn = on_token;
    arena_init(&w->arena, 4096, 1 << 18);
    op_init(&w->call, m->d.loop, on_answer);
    op_init(&w->record, m->d.loop, on_recorded);
    loop_timer_init(&w->again, m->d.loop, on_again, w);
    list_init(&w->waiter.node);
    list_push_back(&of->works, &w->node);
    of->n++;
    w->id = pg_i64(rows, row, pg_col(rows, "id"));
    w->version = pg_i64(rows, row, pg_col(rows, "version"));
    w->claimed_at_ms = of->claimed_at_ms;
    w->submit = str_eq_c(pg_str(rows, row, pg_col(rows, "action")), "submit");
    w->mr = money_rail_find(m, pg_str(rows, row, pg_col(rows, "rail")));
    /* what does not open is "": a rail that needs it builds no request */
    if (w->submit)
        (void)!money_open_sealed(m, &w->arena, rows, row, "payer_sealed", "auth.identity",
                                 &w->payer);
    of->kind->take(w, rows, row);
    if (w->mr && of->kind->able(w->mr->rail)) {
        token_want(token_of(w), &w->waiter);
        return;
    }
    log_error(NULL, "a rail cannot do this here", "%s=%lld", of->kind->name, (long long)w->id);
    if (w->mr)
        unsent(w, CHARGE_REJECTED, "by hand");
    else
        unsent(w, CHARGE_NOT_SENT, "rail not configured");
}

static void on_claimed(struct op *op)
{
    struct errands *of = container_of(op, struct errands, claim);

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "work with rails is not claimed", &op->err);
    for (int i = 0; !op_failed(op) && i < pg_rows(op); i++)
        errand_start(of, op, i);
    op_release(op);
}

void errands_init(struct errands *of, const struct errand_kind *kind, struct money *m)
{
    of->kind = kind;
    of->m = m;
    list_init(&of->works);
    op_init(&of->claim, m->d.loop, on_claimed);
}

void errands_claim(struct errands *of)
{
    struct pg_params p;

    if (of->n == ERRANDS_MAX || op_pending(&of->claim))
        return;
    of->claimed_at_ms = loop_now_ms(of->m->d.loop);
    pg_params_init(&p);
    pg_p_text(&p, of->m->owner);
    pg_p_int(&p, ERRANDS_MAX - of->n);
    pg_exec(of->m->d.pg, &of->claim, of->kind->claim, &p);
}

bool errands_idle(const struct errands *of)
{
    return of->n == 0 && !op_pending(&of->claim);
}

void errands_free(struct errands *of)
{
    op_cancel(&of->claim);
    while (!list_empty(&of->works))
        errand_free(container_of(of->works.next, struct errand, node));
}
