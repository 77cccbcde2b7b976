/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room: its rails, and the walk to the database for due charges. See money.h.
 *
 * Woken by MONEY_CHARGE_TOPIC and every second besides; also when MONEY_CLAIM_STEP works ended, or as
 * many as are left, whatever the claim before found: it may have met a rail all of whose places were
 * taken, and each end frees one. A rail of fewer places than the step would else wait for its second
 * behind one slow answer. A claim asks for no more than there is room for, so a charge is
 * never leased to a process that only queues it. Callbacks that came before
 * their charge was visible are matched every MONEY_MATCH_MS (hard case 6).
 */
#include "gateway/money/money.h"

#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"
#include "gateway/money/errand.h"

#define MONEY_POLL_MS  1000
#define MONEY_MATCH_MS 5000
#define MONEY_CLAIM_STEP                                                                           \
    32 /* works that end before the next claim: one by one would cost a claim each */

static struct counter in_flight = GAUGE("coko_charges_in_flight", "Charges being asked about now");

/* Charges are claimed row by row, not under a bind's lease: the epoch is 0. */
PG_STMT_FLAGS(claim_stmt, "charge.claim", PG_BATCH, 2, PG_MONEY,
              "select charge_id, our_ref, rail, state, amount_minor, currency, payer_sealed,"
              " plan_label, version, action, rail_ref, memo_sealed, link_sealed, payer_country,"
              " payer_network, flow, first_sent_s, last_sent_s"
              " from billing.claim_rail_work($1, 0, $2::int), billing.sends_of(charge_id)");

PG_STMT(match_stmt, "inbox.match", PG_BATCH, 0, "select billing.inbox_match(100)");

struct money_rail *money_rail_find(struct money *m, struct str code)
{
    for (size_t i = 0; i < m->nrails; i++) {
        if (str_eq_c(code, m->rails[i].rail->type->code))
            return &m->rails[i];
    }
    return NULL;
}

static void claim_charges(struct money *m)
{
    /* typed codes are worked on beyond it */
    unsigned room = m->nworks < MONEY_WORKS_MAX ? MONEY_WORKS_MAX - m->nworks : 0;
    struct pg_params p;

    if (!m->running || room == 0 || m->nrails == 0)
        return;
    if (op_pending(&m->claim)) {
        m->again = true;
        return;
    }
    m->claimed_at_ms = loop_now_ms(m->d.loop);
    m->ended = 0;
    pg_params_init(&p);
    pg_p_text(&p, m->owner);
    pg_p_int(&p, room);
    pg_exec(m->d.pg, &m->claim, &claim_stmt, &p);
}

static void claim_errands(struct money *m)
{
    errands_claim(&m->refunds);
    errands_claim(&m->mandates);
}

static void claim(void *arg)
{
    struct money *m = arg;

    loop_timer_set(&m->poll, MONEY_POLL_MS);
    if (m->running && m->nrails > 0)
        claim_errands(m);
    claim_charges(m);
}

static void claim_more(struct money *m)
{
    if (!op_pending(&m->claim) && m->ended > 0 && m->ended >= MIN(MONEY_CLAIM_STEP, m->nworks))
        claim_charges(m);
}

static void claim_on_op(struct op *op)
{
    struct money *m = container_of(op, struct money, claim);

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "charges not claimed", &op->err);
    for (int i = 0; !op_failed(op) && i < pg_rows(op); i++)
        charge_work_start(m, op, i, NULL);
    op_release(op);
    counter_set(&in_flight, m->nworks);
    if (m->again && m->running)
        loop_timer_set(&m->poll, 0);
    else
        claim_more(m); /* what ended meanwhile */
    m->again = false;
}

void money_work_ended(struct money *m)
{
    counter_set(&in_flight, m->nworks);
    m->ended++;
    claim_more(m);
}

static void match(void *arg)
{
    struct money *m = arg;

    loop_timer_set(&m->match_timer, MONEY_MATCH_MS);
    money_gate_ask(m);
    if (!op_pending(&m->match))
        pg_exec(m->d.pg, &m->match, &match_stmt, NULL);
}

static void match_on_op(struct op *op)
{
    struct money *m = container_of(op, struct money, match);

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "callbacks not matched", &op->err);
    else if (pg_i64(op, 0, 0) > 0)
        pg_wake_dirty(m->d.pg, MONEY_CHARGE_TOPIC);
    op_release(op);
}

static void on_wake(void *arg, const char *topic)
{
    struct money *m = arg;

    (void)topic;
    if (m->running)
        claim(m);
}

static void ask_token(const void *owner, struct arena *a, struct http_request *rq)
{
    const struct rail *r = owner;

    r->type->token_request(r, a, rq);
}

static void ask_refund_token(const void *owner, struct arena *a, struct http_request *rq)
{
    const struct rail *r = owner;

    r->type->refund_token_request(r, a, rq);
}

static bool read_token(const void *owner, const struct http_response *rs, struct token_value *t)
{
    const struct rail *r = owner;

    return r->type->token_read(r, rs, t);
}

static const struct token_mint minted = {ask_token, read_token},
                               minted_refund = {ask_refund_token, read_token},
                               unneeded = {NULL, NULL};

/* Opens the rails that are configured; a half configured one is an error. */
static int open_rails(struct money *m, const void *const *config, struct err *e)
{
    for (size_t i = 0; i < rail_modules_count; i++) {
        const struct rail_module *mod = rail_modules[i];
        struct rail *r = calloc(1, mod->size);
        bool on = false;

        if (!r)
            abort();
        if (mod->init(r, config[i], &on, e) != 0 || !on) {
            free(r);
            if (e->code != ERR_OK)
                return -1;
            continue;
        }
        struct money_rail *mr = &m->rails[m->nrails++];

        mr->rail = r;
        token_init(&mr->token, m->d.loop, m->d.client, r->type->needs_token ? &minted : &unneeded,
                   r, r->type->code);
        token_init(&mr->refund_token, m->d.loop, m->d.client,
                   r->type->refund_token_request ? &minted_refund : &unneeded, r, r->type->code);
    }
    return 0;
}

struct money *money_new(const struct money_config *c, const struct money_deps *d, struct err *e)
{
    struct money *m = calloc(1, sizeof *m);

    if (!m)
        abort();
    m->d = *d;
    m->owner = c->owner;
    op_init(&m->claim, d->loop, claim_on_op);
    loop_timer_init(&m->poll, d->loop, claim, m);
    op_init(&m->match, d->loop, match_on_op);
    loop_timer_init(&m->match_timer, d->loop, match, m);
    list_init(&m->works);
    charge_records_init(m);
    errands_init(&m->refunds, &refund_kind, m);
    errands_init(&m->mandates, &mandate_kind, m);
    money_gate_init(m);
    list_init(&m->codes);
    list_init(&m->callbacks);
    if (open_rails(m, c->rails, e) != 0) {
        money_free(m);
        return NULL;
    }
    return m;
}

int money_mount(struct money *m, struct http_server *http, struct err *e)
{
    return http_mount(http, "/pay", inbox_on_callback, m,
                      &(struct http_mount_opts){.name = "pay", .body_max = 32 << 10}, e);
}

void money_start(struct money *m)
{
    m->running = true;
    pg_wake_listen(m->d.pg, MONEY_CHARGE_TOPIC, on_wake, m);
    loop_timer_set(&m->poll, 0);
    loop_timer_set(&m->match_timer, MONEY_MATCH_MS);
}

void money_drain(struct money *m)
{
    m->running = false;
    loop_timer_clear(&m->poll);
    loop_timer_clear(&m->match_timer);
}

bool money_idle(const struct money *m)
{
    return m->nworks == 0 && !op_pending(&m->claim) && !op_pending(&m->match) &&
           !op_pending(&m->news) && errands_idle(&m->refunds) && errands_idle(&m->mandates) &&
           list_empty(&m->codes) && list_empty(&m->callbacks);
}

void money_free(struct money *m)
{
    if (!m)
        return;
    loop_timer_clear(&m->poll);
    loop_timer_clear(&m->match_timer);
    op_cancel(&m->claim);
    op_cancel(&m->match);
    op_cancel(&m->news);
    money_codes_free(m);
    charge_work_free_all(m);
    charge_records_free(m);
    errands_free(&m->refunds);
    errands_free(&m->mandates);
    inbox_free_all(m);
    for (size_t i = 0; i < m->nrails; i++) {
        token_fini(&m->rails[i].token);
        token_fini(&m->rails[i].refund_token);
        free(m->rails[i].rail);
    }
    free(m);
}
