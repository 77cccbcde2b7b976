/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One claimed charge: ask the rail once, record the answer (charge_record.c).
 *
 *   TOKEN -> SEND -> RECORD -> DONE
 *     ^      ^ |
 *     |      +-+ more
 *     +-- 401, once
 *     |
 *     +-> RECORD        no token, or too late to send: nothing was sent
 *
 *   SEND -> SEND: the rail wants one more request before its verdict holds (struct rail_verdict)
 *
 * The claim committed the attempt row and the state SUBMITTING before we were called (I2). If we
 * die anywhere here, the lease runs out and the charge is asked about by its reference, never sent
 * again on a guess (M4). Recording carries the version of the claim: a late answer of a lapsed claim
 * changes nothing.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"
#include "gateway/money/amount.h"
#include "gateway/money/money_parts.h"

#define LABEL_MAX 200 /* bytes of a plan's label that a rail may see */

static struct counter events =
    COUNTER("coko_charge_events_total", "What rails answered about charges");

enum work_state { WORK_TOKEN, WORK_SEND, WORK_RECORD, WORK_DONE, WORK_STATES, WORK_WAIT };

struct work {
    struct list node;
    struct money *m;
    struct money_rail *mr;
    enum work_state state;
    struct arena arena;
    struct op op;
    struct token_waiter waiter;
    struct charge_record record;
    int64_t id;
    int64_t version;
    int64_t send_by_ms; /* a submit that starts later would leave under a lease of the past */
    bool submit;
    bool reminted;
    unsigned follows; /* requests after the first */
    const char *token;
    struct rail_charge charge;
    struct rail_verdict verdict;
    int http_status;
    struct charge_typed *typed; /* NULL: no code was typed for it */
};

static enum work_state token_enter(struct work *w);
static enum work_state send_enter(struct work *w);
static enum work_state send_ready(struct work *w);
static enum work_state record_enter(struct work *w);
static enum work_state done_enter(struct work *w);

#define TO(s) (1u << WORK_##s)

static const struct {
    const char *name;
    enum work_state (*enter)(struct work *w);
    enum work_state (*ready)(struct work *w);
    unsigned out;
} rules[WORK_STATES] = {
    [WORK_TOKEN] = {"token", token_enter, NULL, TO(SEND) | TO(RECORD)},
    [WORK_SEND] = {"send", send_enter, send_ready, TO(TOKEN) | TO(SEND) | TO(RECORD)},
    [WORK_RECORD] = {"record", record_enter, NULL, TO(DONE)},
    [WORK_DONE] = {"done", done_enter, NULL, 0},
};

static void work_run(struct work *w, enum work_state next)
{
    while (next != WORK_WAIT) {
        assert(rules[w->state].out & 1u << next || (w->state == WORK_TOKEN && next == WORK_TOKEN));
        log_debug(NULL, "charge work", "charge=%lld %s -> %s", (long long)w->id,
                  rules[w->state].name, rules[next].name);
        w->state = next;
        next = rules[next].enter(w);
    }
}

static void work_on_op(struct op *op)
{
    struct work *w = container_of(op, struct work, op);

    work_run(w, rules[w->state].ready(w));
}

/* ---- token ---- */

static void on_token(struct token_waiter *waiter, const char *value)
{
    struct work *w = container_of(waiter, struct work, waiter);

    w->token = value ? arena_cstr(&w->arena, str_c(value)) : NULL;
    if (w->token) {
        work_run(w, WORK_SEND);
        return;
    }
    /* nothing of the charge left this process */
    w->verdict.event = w->submit ? CHARGE_NOT_SENT : CHARGE_UNKNOWN;
    snprintf(w->verdict.reason, sizeof w->verdict.reason, "no token");
    work_run(w, WORK_RECORD);
}

static enum work_state token_enter(struct work *w)
{
    w->waiter.fn = on_token;
    token_want(&w->mr->token, &w->waiter);
    return WORK_WAIT;
}

/* ---- the rail ---- */

static void build(struct work *w, struct http_request *rq)
{
    const struct rail *r = w->mr->rail;

    *rq = (struct http_request){.url = NULL};
    if (w->follows > 0)
        r->type->follow_request(r, &w->arena, &w->charge, w->token, &w->verdict, rq);
    else if (w->submit)
        r->type->submit_request(r, &w->arena, &w->charge, w->token, rq);
    else
        r->type->poll_request(r, &w->arena, &w->charge, w->token, rq);
}

/* The rail builds no request: nothing leaves (hard case 30), or there is nothing to ask about. */
static enum work_state unbuilt(struct work *w)
{
    enum charge_event unasked = w->mr->rail->type->unasked;

    if (w->follows > 0)
        return WORK_RECORD;
    w->verdict.event = w->submit ? CHARGE_REJECTED : unasked ? unasked : CHARGE_UNKNOWN;
    snprintf(w->verdict.reason, sizeof w->verdict.reason, w->submit ? "not to be sent" : "");
    return WORK_RECORD;
}

/* A process that slept over its lease: by now another may have asked, found nothing and sent it. */
static enum work_state too_late(struct work *w)
{
    w->verdict.event = CHARGE_NOT_SENT;
    snprintf(w->verdict.reason, sizeof w->verdict.reason, "too late to send");
    return WORK_RECORD;
}

static enum work_state send_enter(struct work *w)
{
    struct http_request rq;

    if (w->submit && w->follows == 0 && loop_now_ms(w->m->d.loop) > w->send_by_ms)
        return too_late(w);
    build(w, &rq);
    if (!rq.url)
        return unbuilt(w);
    http_client_send(w->m->d.client, &w->op, &rq);
    return WORK_WAIT;
}

static void read_answer(struct work *w)
{
    const struct rail *r = w->mr->rail;
    const struct http_response *rs = http_client_response(&w->op);

    w->http_status = rs->status;
    w->verdict.more = false;
    if (w->follows > 0)
        r->type->follow_read(r, &w->charge, rs, &w->verdict);
    else if (w->submit)
        r->type->submit_read(r, &w->charge, rs, &w->verdict);
    else
        r->type->poll_read(r, &w->charge, rs, &w->verdict);
}

/* No answer: only a submit of which no byte can have left may be sent again (M4). */
static void read_failure(struct work *w)
{
    w->verdict = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    if (w->submit && !w->op.unknown && w->follows == 0)
        w->verdict.event = CHARGE_NOT_SENT;
    snprintf(w->verdict.reason, sizeof w->verdict.reason, "%s", err_name(w->op.err.code));
}

/* A 401 proves that the call was not carried out; the calls before it in the same work were. */
static enum work_state without_token(struct work *w)
{
    bool restart = !w->submit || w->follows == 0;

    token_refused(&w->mr->token, w->token);
    if (!w->reminted && restart) {
        w->reminted = true;
        w->follows = 0;
        w->verdict = (struct rail_verdict){.event = CHARGE_UNKNOWN};
        return WORK_TOKEN;
    }
    log_error(NULL, "rail refuses our credentials", "rail=%s", w->mr->rail->type->code);
    w->verdict.event = w->submit && restart ? CHARGE_NOT_SENT : CHARGE_UNKNOWN;
    return WORK_RECORD;
}

static enum work_state send_ready(struct work *w)
{
    if (op_failed(&w->op))
        read_failure(w);
    else
        read_answer(w);
    op_release(&w->op);
    if (w->verdict.token_refused)
        return without_token(w);
    if (!w->verdict.more)
        return WORK_RECORD;
    if (w->follows++ < RAIL_FOLLOW_MAX)
        return WORK_SEND;
    w->verdict.event = CHARGE_UNKNOWN;
    return WORK_RECORD;
}

/* ---- the record ---- */

static void wipe_typed(struct work *w)
{
    struct str *typed[] = {&w->charge.payer, &w->charge.otp};

    for (size_t i = 0; i < ARRAY_LEN(typed); i++) {
        if (typed[i]->n > 0)
            crypto_wipe((char *)typed[i]->p, typed[i]->n);
        typed[i]->n = 0;
    }
}

static enum work_state record_enter(struct work *w)
{
    wipe_typed(w);
    charge_record_put(&w->record, &w->arena,
                      &(struct charge_answer){.charge = w->id,
                                              .version = w->version,
                                              .http_status = w->http_status,
                                              .verdict = &w->verdict,
                                              .urgent = w->typed != NULL});
    return WORK_WAIT;
}

static void tell_recorded(const struct work *w, const char *outcome, const char *state)
{
    const char *event = charge_event_name(w->verdict.event), *rail = w->mr->rail->type->code;
    char labels[96];

    snprintf(labels, sizeof labels, "rail=\"%s\",event=\"%s\"", rail, event);
    counter_inc(counter_with(&events, labels));
    if (w->verdict.new_word)
        log_error(NULL, "rail says a word never seen", "charge=%lld rail=%s word=%s",
                  (long long)w->id, rail, w->verdict.reason);
    log_info(NULL, "charge", "charge=%lld event=%s outcome=%s state=%s http=%d", (long long)w->id,
             event, outcome, state, w->http_status);
}

static void on_record(struct charge_record *r, const char *outcome, const char *state)
{
    struct work *w = container_of(r, struct work, record);

    if (outcome) {
        tell_recorded(w, outcome, state);
        pg_wake_dirty(w->m->d.pg, MONEY_MESSAGE_TOPIC);
    }
    work_run(w, WORK_DONE);
}

/* ---- life ---- */

static void work_free(struct work *w)
{
    list_remove(&w->node);
    token_forget(&w->waiter);
    charge_record_cancel(&w->record);
    op_cancel(&w->op);
    op_release(&w->op);
    wipe_typed(w);
    crypto_wipe(&w->verdict, sizeof w->verdict);
    arena_fini(&w->arena);
    w->m->nworks--;
    free(w);
}

static void work_reap(void *arg)
{
    struct work *w = arg;
    struct money *m = w->m;
    struct charge_typed *typed = w->typed;

    work_free(w);
    money_work_ended(m);
    if (typed)
        typed->over(typed);
}

static enum work_state done_enter(struct work *w)
{
    loop_defer(w->m->d.loop, work_reap, w);
    return WORK_WAIT;
}

void charge_work_free_all(struct money *m)
{
    while (!list_empty(&m->works))
        work_free(container_of(m->works.next, struct work, node));
}

bool money_open_sealed(struct money *m, struct arena *a, const struct op *rows, int row,
                       const char *col, const char *aad, struct str *out)
{
    char blob[1024];
    ptrdiff_t n = pg_bytea(rows, row, pg_col(rows, col), blob, sizeof blob);
    struct err e = {0};
    struct buf clear;
    bool ok;

    *out = STR_EMPTY;
    if (n == 0)
        return true;
    buf_init(&clear, RAIL_MEMO_MAX);
    ok = n > 0 && seal_open(m->d.ring, str_c(aad), str_n(blob, (size_t)n), &clear, &e) == 0;
    if (ok)
        *out = arena_str(a, buf_str(&clear));
    buf_wipe(&clear);
    if (!ok)
        log_error(NULL, "a sealed value does not open", "column=%s %s", col, e.msg);
    return ok;
}

static bool open_sealed(struct work *w, const struct op *rows, int row, const char *col,
                        const char *aad, struct str *out)
{
    return money_open_sealed(w->m, &w->arena, rows, row, col, aad, out);
}

/* The payer's number in clear, for the time of the call only: a question names the charge by a
 * reference, and the number stays sealed (S5). */
static bool open_secrets(struct work *w, const struct op *rows, int row)
{
    struct rail_charge *c = &w->charge;

    return open_sealed(w, rows, row, "memo_sealed", MONEY_MEMO_AAD, &c->memo) &&
           open_sealed(w, rows, row, "link_sealed", MONEY_LINK_AAD, &c->link) &&
           (!w->submit ||
            (open_sealed(w, rows, row, "payer_sealed", "auth.identity", &c->payer) && c->payer.n));
}

static struct str keep(struct work *w, const struct op *rows, int row, const char *col)
{
    return arena_str(&w->arena, pg_str(rows, row, pg_col(rows, col)));
}

void charge_work_start(struct money *m, const struct op *rows, int row, struct charge_typed *typed)
{
    struct work *w = calloc(1, sizeof *w);

    if (!w)
        abort();
    w->m = m;
    w->state = WORK_TOKEN;
    arena_init(&w->arena, 4096, 1 << 18);
    op_init(&w->op, m->d.loop, work_on_op);
    charge_record_init(&w->record, m, on_record);
    list_init(&w->waiter.node);
    list_push_back(&m->works, &w->node);
    m->nworks++;
    w->typed = typed;
    w->id = pg_i64(rows, row, pg_col(rows, "charge_id"));
    w->version = pg_i64(rows, row, pg_col(rows, "version"));
    w->send_by_ms = (typed ? typed->claimed_at_ms : m->claimed_at_ms) + MONEY_SEND_WITHIN_MS;
    w->submit = str_eq_c(pg_str(rows, row, pg_col(rows, "action")), "submit");
    w->mr = money_rail_find(m, pg_str(rows, row, pg_col(rows, "rail")));
    w->charge = (struct rail_charge){
        .our_ref = keep(w, rows, row, "our_ref"),
        .rail_ref = keep(w, rows, row, "rail_ref"),
        .country = keep(w, rows, row, "payer_country"),
        .network = keep(w, rows, row, "payer_network"),
        .otp = typed ? arena_str(&w->arena, typed->code) : STR_EMPTY,
        .by_link = str_eq_c(pg_str(rows, row, pg_col(rows, "flow")), "link"),
        .revoke = str_eq_c(pg_str(rows, row, pg_col(rows, "action")), "revoke"),
        .first_sent_s = pg_i64(rows, row, pg_col(rows, "first_sent_s")),
        .last_sent_s = pg_i64(rows, row, pg_col(rows, "last_sent_s")),
        .amount_minor = pg_i64(rows, row, pg_col(rows, "amount_minor")),
        .currency = keep(w, rows, row, "currency"),
        .label = arena_str(&w->arena,
                           str_head(pg_str(rows, row, pg_col(rows, "plan_label")), LABEL_MAX)),
    };
    if (!w->mr || !open_secrets(w, rows, row)) {
        /* ours to mend: nothing was sent, the charge is seen again after its back-off */
        log_error(NULL, "charge cannot be worked on here", "charge=%lld", (long long)w->id);
        w->verdict.event = w->submit ? CHARGE_NOT_SENT : CHARGE_UNKNOWN;
        snprintf(w->verdict.reason, sizeof w->verdict.reason, "rail not configured");
        w->mr = w->mr ? w->mr : &m->rails[0];
        work_run(w, WORK_RECORD);
        return;
    }
    work_run(w, WORK_TOKEN);
}
