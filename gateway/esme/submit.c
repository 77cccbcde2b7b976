/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From submits to rows: judged here (request.c), collected into batches of one account, committed by
 * messaging.submit, then answered one by one with the id of their row. A submit_multi is a row a
 * number, all in one batch, and one answer (multi.c).
 *
 *   FILLING --flush--> SENT --commit--> answered 0 with an id, or with the refusal of the rules
 *                       | ^
 *                failed | | again, under the same names: a batch that was committed all the same
 *                       v |     gives the same ids, so no answer is invented and none is lost
 *                      BEHIND (new submits get 0x14) --GIVE_UP_MS--> answered 0x08
 *
 * One batch of an account is there at a time: what it submits stays in order.
 */
#include <stdlib.h>

#include "gateway/esme/esme_parts.h"
#include "gateway/esme/multi.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"

#define FLUSH_MS   3
#define RETRY_MS   250
#define GIVE_UP_MS 6000
#define ROWS_MAX   320        /* of one statement: a full submit_multi and some more */
#define BATCH_MAX  (1u << 20) /* ROWS_MAX rows fit, ESME_SUBMITS_MAX of them with the longest body */
#define TOLD_MS    1000

PG_STMT(submit_stmt, "esme.submit", PG_WRITE, 3,
        "select n, outcome, message_id from messaging.submit($1, $2::text[], $3::jsonb)");

static struct counter submits = COUNTER("coko_esme_submits_total", "Submits of ESMEs by outcome");
static struct counter took =
    HISTOGRAM("coko_esme_submit_duration_seconds", "A submit to its answer");

struct submitted {
    uint64_t peer;
    uint32_t id, seq;
    int64_t at;          /* loop's ms */
    struct multi *multi; /* NULL: to one number */
};

struct submit_batch {
    struct list node;
    struct buf text;
    struct jsonw json;
    bool closed;
    unsigned n, nrows;
    struct submitted who[ESME_SUBMITS_MAX];
    struct {
        uint8_t who, dest; /* dest: of its submit_multi */
    } rows[ROWS_MAX];
};

/* ---- answers ---- */

/* One line a second says how many: a peer that is refused fast fills no disk. */
static void tell(struct esme_account *a, uint32_t status)
{
    int64_t now = loop_now_ms(a->room->loop);

    a->untold++;
    if (a->told_at != 0 && now - a->told_at < TOLD_MS)
        return;
    log_warn(NULL, "submit refused", "esme=%s status=0x%x refused=%u", a->config.name,
             (unsigned)status, a->untold);
    a->told_at = now;
    a->untold = 0;
}

static void count(struct esme_account *a, const struct submitted *w, uint32_t status)
{
    counter_inc(counter_with(&submits, status == 0                 ? "outcome=\"accepted\""
                                       : status == SMPP_RSYSERR    ? "outcome=\"failed\""
                                       : status == SMPP_RTHROTTLED ? "outcome=\"throttled\""
                                                                   : "outcome=\"refused\""));
    counter_observe_us(&took, (loop_now_ms(a->room->loop) - w->at) * 1000);
    if (status != 0)
        tell(a, status);
}

static void answer(struct esme_account *a, const struct submitted *w, uint32_t status,
                   struct str message_id)
{
    count(a, w, status);
    smpp_server_respond(a->room->server, w->peer, w->id, w->seq, status, message_id);
}

static void answer_multi(struct esme_account *a, const struct submitted *w)
{
    uint32_t status = multi_status(w->multi);
    struct pdu_list failed;
    struct buf store;

    if (status != 0) {
        answer(a, w, status, STR_EMPTY);
        return;
    }
    buf_init(&store, MULTI_FAILED_MAX);
    multi_failed(w->multi, &store, &failed);
    if (failed.count > 0)
        tell(a, SMPP_RSUBMITFAIL);
    count(a, w, 0);
    smpp_server_respond_multi(a->room->server, w->peer, w->seq, multi_id(w->multi), &failed);
    buf_wipe(&store);
}

static struct submit_batch *first_of(struct submit *s)
{
    return list_first(&s->batches, struct submit_batch, node);
}

static void free_first(struct submit *s)
{
    struct submit_batch *gone = first_of(s);

    s->since = 0;
    s->rows -= gone->nrows;
    for (unsigned i = 0; i < gone->n; i++)
        multi_free(gone->who[i].multi);
    list_remove(&gone->node);
    buf_wipe(&gone->text);
    free(gone);
}

/* ---- the statement ---- */

/* '{CI,SN/orange}': the loader lets no other characters through. */
static void networks_text(const struct esme_account *a, struct buf *out)
{
    buf_addc(out, '{');
    for (size_t i = 0; i < a->config.networks.n; i++) {
        buf_puts(out, i > 0 ? ",\"" : "\"");
        buf_puts(out, a->config.networks.v[i]);
        buf_addc(out, '"');
    }
    buf_addc(out, '}');
}

static void flush(struct esme_account *a)
{
    struct submit *s = &a->submit;
    struct submit_batch *b = first_of(s);
    struct buf networks;
    struct pg_params p;

    if (op_pending(&s->op) || b == NULL)
        return;
    if (!b->closed)
        jsonw_end(&b->json);
    b->closed = true;
    if (s->since == 0)
        s->since = loop_now_ms(a->room->loop);
    buf_init(&networks, 64u << 10);
    networks_text(a, &networks);
    pg_params_init(&p);
    pg_p_text(&p, a->config.name);
    pg_p_str(&p, buf_str(&networks));
    pg_p_str(&p, buf_str(&b->text));
    pg_exec_opts(a->room->pg, &s->op, &submit_stmt, &p,
                 &(struct pg_exec_opts){.prio = PG_PRIO_NORMAL, .deadline_ms = GIVE_UP_MS / 2});
    buf_fini(&networks);
}

static void on_timer(void *arg)
{
    struct esme_account *a = arg;

    if (first_of(&a->submit) == NULL)
        a->smsc.behind = false; /* the next submit asks whether the database is back */
    flush(a);
}

static uint32_t status_of(const char *outcome)
{
    static const struct {
        const char *outcome;
        uint32_t status;
    } rows[] = {{"queued", 0},
                {"stopped", SMPP_RX_R_APPN}, /* the reader said STOP */
                {"not_allowed", SMPP_RINVDSTADR},
                {"no_route", SMPP_RINVDSTADR}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].outcome, outcome) == 0)
            return rows[i].status;
    }
    return SMPP_RSYSERR;
}

static void row_done(struct esme_account *a, struct submit_batch *b, unsigned row, uint32_t status,
                     struct str id)
{
    const struct submitted *w = &b->who[b->rows[row].who];

    if (w->multi != NULL)
        multi_told(w->multi, b->rows[row].dest, status, id);
    else
        answer(a, w, status, id);
}

static void answer_all(struct esme_account *a, struct op *op)
{
    struct submit_batch *b = first_of(&a->submit);
    bool told[ROWS_MAX] = {false};

    for (int row = 0; row < pg_rows(op); row++) {
        int64_t n = pg_i64(op, row, 0);

        if (n < 0 || n >= b->nrows || told[n])
            continue;
        told[n] = true;
        row_done(a, b, (unsigned)n, status_of(pg_text(op, row, 1)), pg_str(op, row, 2));
    }
    for (unsigned n = 0; n < b->nrows; n++) {
        if (!told[n])
            row_done(a, b, n, SMPP_RSYSERR, STR_EMPTY);
    }
    for (unsigned i = 0; i < b->n; i++) {
        if (b->who[i].multi != NULL)
            answer_multi(a, &b->who[i]);
    }
}

/* The statement itself is wrong for the database, not the moment. */
static bool hopeless(const struct op *op)
{
    return strncmp(op->sqlstate, "22", 2) == 0 || strncmp(op->sqlstate, "23", 2) == 0 ||
           strncmp(op->sqlstate, "42", 2) == 0;
}

static void on_failed(struct esme_account *a, struct op *op)
{
    struct submit *s = &a->submit;

    log_err(LOG_LEVEL_WARN, NULL, "submits not stored", &op->err);
    a->smsc.behind = true;
    if (hopeless(op) || loop_now_ms(a->room->loop) - s->since >= GIVE_UP_MS) {
        answer_all(a, op);
        free_first(s);
    }
    op_release(op);
    loop_timer_set(&s->timer, RETRY_MS);
}

static void on_submitted(struct op *op)
{
    struct esme_account *a = container_of(op, struct esme_account, submit.op);
    struct submit *s = &a->submit;

    if (op_failed(op)) {
        on_failed(a, op);
        return;
    }
    a->smsc.behind = false;
    answer_all(a, op);
    op_release(op);
    free_first(s);
    pg_wake_dirty(a->room->pg, ESME_WAKE_TOPIC);
    if (!list_empty(&s->batches))
        loop_timer_set(&s->timer, 0);
}

/* ---- from PDU to row ---- */

static void hex(struct jsonw *j, const char *key, struct str bytes)
{
    struct buf text;

    buf_init(&text, 2 * (ESME_BODY_MAX + SEAL_OVERHEAD) + 1);
    for (size_t i = 0; i < bytes.n; i++) {
        buf_addc(&text, "0123456789abcdef"[(uint8_t)bytes.p[i] >> 4]);
        buf_addc(&text, "0123456789abcdef"[(uint8_t)bytes.p[i] & 15]);
    }
    jsonw_kv_str(j, key, buf_str(&text));
    buf_fini(&text);
}

void submit_seal(const struct esme *s, const struct esme_request *r, struct buf *out)
{
    seal_close(s->ring, STR("otp.body"), str_n(r->body, r->len), out); /* as sender.c opens it */
}

static void add_number(const struct esme *s, struct jsonw *j, const struct msisdn *number)
{
    struct str digits = str_c(number->digits);
    char sealed[SEAL_OVERHEAD + MSISDN_MAX], network[MSISDN_NETWORK_MAX + 1];
    uint8_t lookup[32];
    struct buf b;

    seal_lookup(s->ring, STR("phone"), digits, lookup);
    hex(j, "lookup", str_n(lookup, sizeof lookup));
    buf_init_fixed(&b, sealed, sizeof sealed);
    seal_close(s->ring, STR("auth.identity"), digits, &b);
    hex(j, "sealed", buf_str(&b));
    jsonw_kv_i64(j, "key_id", seal_ring_id(s->ring, 0));
    jsonw_kv_cstr(j, "country", number->country);
    msisdn_network(STR_EMPTY, number, network);
    jsonw_kv_cstr(j, "network", network);
}

/* A name of this submit, so that the statement may be sent twice. */
static void add_name(struct jsonw *j)
{
    char name[5 + 32 + 1] = "esme:";
    uint8_t random[16];

    crypto_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        name[5 + 2 * i] = "0123456789abcdef"[random[i] >> 4];
        name[6 + 2 * i] = "0123456789abcdef"[random[i] & 15];
    }
    jsonw_kv_str(j, "dedupe", str_n(name, 37));
}

static void add_body(const struct esme *s, struct jsonw *j, const struct esme_request *r)
{
    struct buf sealed;

    buf_init(&sealed, ESME_BODY_MAX + SEAL_OVERHEAD);
    submit_seal(s, r, &sealed);
    hex(j, "body", buf_str(&sealed));
    buf_fini(&sealed);
}

/* For the last of b->who. The first row of a submit_multi has the body of all. */
static void add_row(const struct esme *s, struct submit_batch *b, const struct esme_request *r,
                    const struct msisdn *number, unsigned dest)
{
    bool multi = b->who[b->n - 1].multi != NULL;
    bool begun = b->nrows > 0 && b->rows[b->nrows - 1].who == b->n - 1;
    struct jsonw *j = &b->json;

    jsonw_object(j);
    jsonw_kv_i64(j, "n", b->nrows);
    b->rows[b->nrows].who = (uint8_t)(b->n - 1);
    b->rows[b->nrows++].dest = (uint8_t)dest;
    if (multi)
        jsonw_kv_i64(j, "multi", b->n);
    add_name(j);
    add_number(s, j, number);
    if (!begun)
        add_body(s, j, r);
    jsonw_kv_cstr(j, "source", r->source);
    jsonw_kv_cstr(j, "source_kind", r->source_kind);
    if (r->coding >= 0)
        jsonw_kv_i64(j, "coding", r->coding);
    jsonw_kv_bool(j, "plain", r->plain);
    jsonw_kv_bool(j, "udhi", r->udhi);
    jsonw_kv_i64(j, "parts", r->parts);
    jsonw_kv_i64(j, "priority", r->priority);
    jsonw_kv_i64(j, "due_s", r->due_s);
    jsonw_kv_i64(j, "validity_s", r->validity_s);
    jsonw_kv_i64(j, "registered", r->registered);
    jsonw_end(j);
}

static struct submit_batch *open_batch(struct submit *s, unsigned rows)
{
    struct submit_batch *last = list_last(&s->batches, struct submit_batch, node);

    if (last != NULL && !last->closed && last->n < ESME_SUBMITS_MAX &&
        last->nrows + rows <= ROWS_MAX)
        return last;
    last = calloc(1, sizeof *last);
    if (last == NULL)
        abort();
    buf_init(&last->text, BATCH_MAX);
    jsonw_init(&last->json, &last->text);
    jsonw_array(&last->json);
    list_push_back(&s->batches, &last->node);
    return last;
}

bool submit_afford(struct esme_account *a, unsigned parts)
{
    struct rate *r = &a->smsc.rate;
    int64_t now = loop_now_ms(a->room->loop);
    unsigned more = parts - 1, burst = r->burst > 0 ? r->burst : 1;

    if (r->full == 0)
        return true;
    if (rate_room(r, now) < MIN(more, burst - 1)) /* more than the burst: when it is full */
        return false;
    rate_spend(r, more, now);
    a->smsc.used += more;
    return true;
}

/* A submit_multi counts as many in the queue as it has numbers; with nothing before it, it has room. */
static bool queue_full(struct esme_account *a, unsigned numbers)
{
    return (numbers > 1 && a->submit.rows > 0 && a->submit.rows + numbers > a->smsc.queue_max) ||
           !ceiling_room(a, numbers);
}

static void queue(struct esme_account *a, const struct submitted *w, const struct esme_request *r,
                  unsigned numbers)
{
    struct submit *s = &a->submit;
    struct submit_batch *b = open_batch(s, numbers);

    b->who[b->n++] = *w;
    s->rows += numbers;
    ceiling_took(a, numbers);
    if (w->multi == NULL)
        add_row(a->room, b, r, &r->number, 0);
    for (unsigned i = 0; w->multi != NULL && i < multi_count(w->multi); i++) {
        if (multi_number(w->multi, i) != NULL)
            add_row(a->room, b, r, multi_number(w->multi, i), i);
    }
    if (!op_pending(&s->op) && !loop_timer_is_set(&s->timer))
        loop_timer_set(&s->timer, FLUSH_MS);
}

void submit_take(struct esme_account *a, uint64_t peer, const struct pdu *p)
{
    struct submitted w = {
        .peer = peer, .id = p->id, .seq = p->seq, .at = loop_now_ms(a->room->loop)};
    struct esme_request r;
    uint32_t status = esme_request_read(&a->config, p, clock_wall_us() / 1000000, &r);
    unsigned numbers = 1;

    if (status == 0 && p->shape == PDU_SHAPE_multi) {
        w.multi = multi_new(&a->config, &p->multi.dests);
        numbers = multi_numbers(w.multi);
    }
    if (status == 0 && queue_full(a, numbers))
        status = SMPP_RMSGQFUL;
    if (status == 0 && numbers > 0 && !submit_afford(a, r.parts * numbers))
        status = SMPP_RTHROTTLED;
    if (status == 0 && numbers > 0) {
        queue(a, &w, &r, numbers);
        w.multi = NULL; /* the batch's */
    } else if (status == 0) {
        answer_multi(a, &w);
    } else {
        answer(a, &w, status, STR_EMPTY);
    }
    multi_free(w.multi);
    crypto_wipe(r.body, sizeof r.body);
}

/* ---- life ---- */

void submit_init(struct esme_account *a)
{
    list_init(&a->submit.batches);
    op_init(&a->submit.op, a->room->loop, on_submitted);
    loop_timer_init(&a->submit.timer, a->room->loop, on_timer, a);
}

bool submit_idle(const struct esme_account *a)
{
    return list_empty(&a->submit.batches);
}

void submit_fini(struct esme_account *a)
{
    loop_timer_clear(&a->submit.timer);
    op_cancel(&a->submit.op);
    op_release(&a->submit.op);
    while (!list_empty(&a->submit.batches))
        free_first(&a->submit);
}

void submit_forget_counters(void)
{
    counter_forget(&submits);
    counter_forget(&took);
}
