/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rails answered, on its way into billing.rail_answers.
 *
 *   put -> WAITS -> TOGETHER -> over       many in one transaction: one commit, and what each
 *                      |                   function needs is made ready once
 *                      v busy, refused, lost
 *   urgent --------> ALONE -> over
 *                    ^   |
 *                    +---+ the database was away: again each second, RECORD_TRIES times
 *
 * An answer that finds no batch on its way leaves at once, with what else this turn brought. While one is
 * on its way the next is being filled; it leaves when that one is back or, as there may be
 * RECORD_BATCHES, when it is full. An answer is in one list at a time, so in one batch. TOGETHER
 * never waits for a lock: an answer whose reader is busy is given back and goes ALONE, as does each one
 * of a batch that failed, whatever became of it: the version of the claim makes the second record of one
 * answer a stale one, which changes nothing. A charge has two answers at a time only when its claim
 * lapsed and it was asked about again: then they have two versions, and the older one is stale, whichever
 * comes first.
 */
#include <assert.h>
#include <stdlib.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/jsonw.h"
#include "gateway/lib/log.h"
#include "gateway/money/money_parts.h"

#define RECORD_BYTES    (16u << 10) /* of one answer as JSON, each of its bytes escaped */
#define RECORD_RETRY_MS 1000
#define RECORD_TRIES    20   /* with BATCH_LIMIT_MS below billing.rail.poll_lease_s, 30 */
#define BATCH_MAX       32   /* answers: the rows of their readers are locked meanwhile */
#define BATCH_LIMIT_MS  5000 /* then each goes alone */

#define ANSWERS_SQL(wait) "select outcome, state from billing.rail_answers($1::jsonb, " wait ")"

PG_STMT_FLAGS(alone_stmt, "charge.event", PG_WRITE, 1, PG_MONEY, ANSWERS_SQL("true"));
PG_STMT_FLAGS(batch_stmt, "charge.events", PG_BATCH, 1, PG_MONEY, ANSWERS_SQL("false"));

/* ---- one answer as JSON ---- */

static void kv_hex(struct jsonw *j, const char *key, struct str bytes)
{
    struct buf hex;

    buf_init(&hex, 2 * bytes.n);
    hex_encode(&hex, bytes.p, bytes.n);
    jsonw_kv_str(j, key, buf_str(&hex));
    buf_fini(&hex);
}

static void kv_text(struct jsonw *j, const char *key, const char *text)
{
    if (*text)
        jsonw_kv_cstr(j, key, text);
}

static void kv_sealed(struct jsonw *j, const char *key, struct money *m, const char *aad,
                      const char *clear)
{
    struct buf b;

    if (!*clear)
        return;
    buf_init(&b, RAIL_MEMO_MAX + SEAL_OVERHEAD);
    seal_close(m->d.ring, str_c(aad), str_c(clear), &b);
    kv_hex(j, key, buf_str(&b));
    buf_fini(&b);
}

/* What the rail made: its id, the payer's link, what its questions and callbacks will need. */
static void kv_made(struct jsonw *j, struct money *m, const struct rail_verdict *v)
{
    uint8_t mac[CRYPTO_SHA256_LEN];

    kv_text(j, "rail_ref", v->rail_ref);
    kv_text(j, "link", v->link);
    kv_sealed(j, "link_sealed", m, MONEY_LINK_AAD, v->link);
    kv_sealed(j, "memo_sealed", m, MONEY_MEMO_AAD, v->memo);
    if (*v->callback_key) {
        seal_mac(m->d.ring, SEAL_TOKEN, STR(MONEY_CALLBACK_KEY), str_c(v->callback_key), mac);
        kv_hex(j, "callback_mac", str_n((const char *)mac, sizeof mac));
    }
    jsonw_kv_i64(j, "expires_s", v->expires_s);
}

static void write_answer(struct jsonw *j, struct money *m, const struct charge_answer *a)
{
    const struct rail_verdict *v = a->verdict;

    jsonw_object(j);
    jsonw_kv_i64(j, "charge", a->charge);
    jsonw_kv_i64(j, "version", a->version);
    jsonw_kv_cstr(j, "event", charge_event_name(v->event));
    jsonw_kv_i64(j, "http", a->http_status);
    jsonw_kv_cstr(j, "reason", v->reason);
    kv_text(j, "txn", v->rail_txn);
    if (v->has_amount)
        jsonw_kv_i64(j, "amount", v->amount_minor);
    kv_text(j, "currency", v->currency);
    jsonw_kv_i64(j, "next_poll_s", v->next_poll_s);
    kv_made(j, m, v);
    jsonw_end(j);
}

/* ---- alone ---- */

static void over(struct charge_record *r, const char *outcome, const char *state)
{
    list_remove(&r->node);
    r->over(r, outcome, state);
}

static void go_alone(struct charge_record *r)
{
    struct pg_params p;
    struct buf b;

    list_remove(&r->node);
    buf_init(&b, RECORD_BYTES + 2);
    buf_addc(&b, '[');
    buf_add(&b, r->json.p, r->json.n);
    buf_addc(&b, ']');
    pg_params_init(&p);
    pg_p_str(&p, buf_str(&b));
    /* readers on the same lane go first: they look at a screen, but for a code so does its payer */
    pg_exec_opts(r->m->d.pg, &r->op, &alone_stmt, &p,
                 &(struct pg_exec_opts){.prio = r->urgent ? PG_PRIO_NORMAL : PG_PRIO_LOW});
    buf_fini(&b);
}

static void on_again(void *arg)
{
    go_alone(arg);
}

static void on_alone(struct op *op)
{
    struct charge_record *r = container_of(op, struct charge_record, op);

    if (!op_failed(op)) {
        over(r, pg_text(op, 0, 0), pg_text(op, 0, 1));
        return;
    }
    log_err(LOG_LEVEL_WARN, NULL, "charge event not recorded", &op->err);
    op_release(op);
    if (++r->tries == RECORD_TRIES)
        over(r, NULL, NULL); /* the claim lapses, the rail is asked again */
    else
        loop_timer_set(&r->again, RECORD_RETRY_MS);
}

/* ---- together ---- */

static bool full_batch(const struct money *m)
{
    unsigned n = 0;

    list_for_each(node, &m->records)
    {
        if (++n == BATCH_MAX)
            return true;
    }
    return false;
}

/* The one to fill now; NULL: what waits goes on waiting. */
static struct charge_batch *next_batch(struct money *m)
{
    struct charge_batch *idle = NULL;
    unsigned away = 0;

    for (size_t i = 0; i < ARRAY_LEN(m->batches); i++) {
        if (op_pending(&m->batches[i].op))
            away++;
        else
            idle = &m->batches[i];
    }
    return !list_empty(&m->records) && (away == 0 || full_batch(m)) ? idle : NULL;
}

static void send_batch(struct charge_batch *batch)
{
    struct money *m = batch->m;
    struct pg_params p;
    struct buf b;
    int row = 0;

    buf_init(&b, BATCH_MAX * (RECORD_BYTES + 1) + 2);
    while (row < BATCH_MAX && !list_empty(&m->records)) {
        struct charge_record *r = list_first(&m->records, struct charge_record, node);

        buf_addc(&b, row == 0 ? '[' : ',');
        buf_add(&b, r->json.p, r->json.n);
        list_remove(&r->node);
        list_push_back(&batch->sent, &r->node);
        r->row = row++;
    }
    buf_addc(&b, ']');
    pg_params_init(&p);
    pg_p_str(&p, buf_str(&b));
    pg_exec_opts(m->d.pg, &batch->op, &batch_stmt, &p,
                 &(struct pg_exec_opts){.prio = PG_PRIO_NORMAL, .deadline_ms = BATCH_LIMIT_MS});
    buf_fini(&b);
}

static void send_batches(void *arg)
{
    struct charge_batch *batch;

    while ((batch = next_batch(arg)))
        send_batch(batch);
}

static void on_batch(struct op *op)
{
    struct charge_batch *batch = container_of(op, struct charge_batch, op);

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "charge events not recorded together", &op->err);
    while (!list_empty(&batch->sent)) {
        struct charge_record *r = list_first(&batch->sent, struct charge_record, node);

        if (r->row >= pg_rows(op) || str_eq_c(pg_str(op, r->row, 0), "busy"))
            go_alone(r);
        else
            over(r, pg_text(op, r->row, 0), pg_text(op, r->row, 1));
    }
    op_release(op);
    send_batches(batch->m);
}

/* ---- the way in and out ---- */

void charge_record_init(struct charge_record *r, struct money *m,
                        void (*fn)(struct charge_record *r, const char *outcome, const char *state))
{
    *r = (struct charge_record){.m = m, .over = fn};
    list_init(&r->node);
    op_init(&r->op, m->d.loop, on_alone);
    loop_timer_init(&r->again, m->d.loop, on_again, r);
}

void charge_record_put(struct charge_record *r, struct arena *a, const struct charge_answer *answer)
{
    struct money *m = r->m;
    struct jsonw j;
    struct buf b;

    assert(!list_linked(&r->node));
    buf_init(&b, RECORD_BYTES);
    jsonw_init(&j, &b);
    write_answer(&j, m, answer);
    r->json = arena_str(a, buf_str(&b));
    assert(b.failed == ERR_OK && r->json.n > 0);
    buf_fini(&b);
    r->urgent = answer->urgent;
    if (r->urgent) {
        go_alone(r);
        return;
    }
    list_push_back(&m->records, &r->node);
    if (!loop_timer_is_set(&m->records_timer))
        loop_timer_set(&m->records_timer, 0); /* with what else this turn of the loop brings */
}

void charge_record_cancel(struct charge_record *r)
{
    list_remove(&r->node);
    loop_timer_clear(&r->again);
    op_cancel(&r->op);
    op_release(&r->op);
}

void charge_records_init(struct money *m)
{
    list_init(&m->records);
    for (size_t i = 0; i < ARRAY_LEN(m->batches); i++) {
        m->batches[i].m = m;
        list_init(&m->batches[i].sent);
        op_init(&m->batches[i].op, m->d.loop, on_batch);
    }
    loop_timer_init(&m->records_timer, m->d.loop, send_batches, m);
}

void charge_records_free(struct money *m)
{
    assert(list_empty(&m->records));
    loop_timer_clear(&m->records_timer);
    for (size_t i = 0; i < ARRAY_LEN(m->batches); i++) {
        assert(list_empty(&m->batches[i].sent));
        op_cancel(&m->batches[i].op);
        op_release(&m->batches[i].op);
    }
}
