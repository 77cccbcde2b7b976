/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callbacks of rails: judged, stored sealed and raw, then acknowledged (I6).
 *
 *   path's secret -> 404   signature (callback_verify) -> 401   row, proof (inbox_store) -> 401 | 200
 *
 * Nothing is believed (I7), signed or not: a reference found in the body only pulls the next
 * question forward. A known and an unknown reference get the same answer. When the row cannot be
 * stored the answer is 503, so that the rail sends it again; a rail that does not is asked anyway.
 * What is refused is not read, not stored, and counted.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"
#include "gateway/money/money_parts.h"

#define CALLBACK_MAX (32u << 10)
#define HEADER_KEPT  700 /* bytes of a header that a person may want to see later */

static struct counter callbacks =
    COUNTER("coko_webhooks_in_total", "Callbacks of payment rails, by outcome");

PG_STMT(put_stmt, "inbox.put", PG_WRITE, 7,
        "select outcome from billing.inbox_store($1, $2, $3, $4, $5::boolean, $6, $7::bytea)");

struct callback {
    struct list node;
    struct money *m;
    struct http_exchange *x; /* NULL: the rail is gone, the row is stored all the same */
    struct op op;
    struct arena arena;
};

static void callback_free(struct callback *c)
{
    list_remove(&c->node);
    op_cancel(&c->op);
    op_release(&c->op);
    arena_fini(&c->arena);
    free(c);
}

static void callback_reap(void *arg)
{
    callback_free(arg);
}

static void count(const char *outcome)
{
    char labels[64];

    snprintf(labels, sizeof labels, "outcome=\"%s\"", outcome);
    counter_inc(counter_with(&callbacks, labels));
}

static void on_stored(struct op *op)
{
    struct callback *c = container_of(op, struct callback, op);
    bool ok = !op_failed(op);
    bool fresh = ok && str_eq_c(pg_str(op, 0, 0), "new");
    bool refused = ok && str_eq_c(pg_str(op, 0, 0), "refused");

    if (!ok)
        log_err(LOG_LEVEL_ERROR, NULL, "callback not stored", &op->err);
    count(!ok ? "unstored" : refused ? "refused" : fresh ? "new" : "seen");
    if (fresh)
        pg_wake_dirty(c->m->d.pg, MONEY_CHARGE_TOPIC);
    if (c->x)
        http_reply(c->x, !ok ? 503 : refused ? 401 : 200, NULL, STR_EMPTY);
    c->x = NULL;
    loop_defer(c->m->d.loop, callback_reap, c);
}

static void on_gone(struct http_exchange *x)
{
    struct callback *c = x->user;

    c->x = NULL;
}

static struct str sealed(struct callback *c, struct str clear)
{
    struct buf b;
    struct str kept;

    buf_init(&b, CALLBACK_MAX + 256);
    seal_close(c->m->d.ring, STR("billing.inbox"), clear, &b);
    kept = arena_str(&c->arena, buf_str(&b));
    buf_wipe(&b);
    return kept;
}

/* The headers that the verdict was made by, one a line. */
static struct str headers_text(struct callback *c, const struct rail_callback *cb)
{
    char *mem = arena_alloc(&c->arena, RAIL_HEADERS * (HEADER_KEPT + 64));
    struct buf b;

    buf_init_fixed(&b, mem, RAIL_HEADERS * (HEADER_KEPT + 64));
    for (size_t i = 0; i < RAIL_HEADERS; i++) {
        if (cb->header[i].n > 0 && cb->header[i].n < HEADER_KEPT)
            buf_addf(&b, "%s: %" STR_FMT "\n", rail_header_names[i], STR_ARG(cb->header[i]));
    }
    return buf_str(&b);
}

/* One event, one key (I6). An id counts only when it is the rail's: anyone may write one. */
static void p_dedupe(struct pg_params *p, uint8_t *key, const struct rail_hint *h, struct str body,
                     bool trusted)
{
    struct str id[] = {STR("event:"), h->event_id};

    if (trusted && h->event_id.n > 0)
        crypto_hmac_sha256_parts(STR("billing.inbox"), id, ARRAY_LEN(id), key);
    else
        crypto_sha256(body, key);
    pg_p_bytea(p, key, CRYPTO_SHA256_LEN);
}

static void store(struct callback *c, const struct rail *r, const struct rail_callback *cb,
                  bool verified)
{
    uint8_t key[CRYPTO_SHA256_LEN], proof[CRYPTO_SHA256_LEN];
    struct str headers = sealed(c, headers_text(c, cb));
    struct str body = sealed(c, cb->body);
    struct rail_hint h = {.our_ref = STR_EMPTY};
    struct pg_params p;

    r->type->callback_hint(&c->arena, cb, &h);
    pg_params_init(&p);
    pg_p_text(&p, r->type->code);
    p_dedupe(&p, key, &h, cb->body, verified || h.wants_proof);
    pg_p_bytea(&p, headers.p, headers.n);
    pg_p_bytea(&p, body.p, body.n);
    pg_p_bool(&p, verified);
    if (h.our_ref.n > 0 && h.our_ref.n <= RAIL_REF_MAX)
        pg_p_str(&p, h.our_ref);
    else
        pg_p_null(&p);
    if (h.wants_proof) {
        seal_mac(c->m->d.ring, SEAL_TOKEN, STR(MONEY_CALLBACK_KEY), h.proof, proof);
        pg_p_bytea(&p, proof, sizeof proof);
    } else {
        pg_p_null(&p);
    }
    pg_exec(c->m->d.pg, &c->op, &put_stmt, &p);
}

/* The rail whose secret the path has; *tail is what stands behind it. */
static const struct rail *rail_of_path(struct money *m, struct str rest, struct str *tail)
{
    struct str code, secret;
    const struct money_rail *mr;

    str_cut(rest, '/', &code, &secret);
    str_cut(secret, '/', &secret, tail);
    mr = money_rail_find(m, code);
    if (!mr || !*mr->rail->callback_secret || !crypto_eq(secret, str_c(mr->rail->callback_secret)))
        return NULL;
    return tail->n == 0 || mr->rail->type->callback_tail ? mr->rail : NULL;
}

/* False: it was answered. */
static bool judge(const struct rail *r, const struct rail_callback *cb, struct http_exchange *x,
                  bool *verified)
{
    enum callback_trust trust =
        r->type->callback_verify ? r->type->callback_verify(r, cb) : CALLBACK_UNSIGNED;

    *verified = trust == CALLBACK_VERIFIED;
    if (trust != CALLBACK_REFUSED)
        return true;
    count("refused");
    http_reply(x, 401, NULL, STR_EMPTY);
    return false;
}

static struct rail_callback callback_of(const struct http_exchange *x, struct str tail)
{
    struct rail_callback cb = {.tail = tail, .body = x->body, .now_s = clock_wall_us() / 1000000};

    for (size_t i = 0; i < RAIL_HEADERS; i++) {
        struct str v = http_header(x, rail_header_names[i]);

        cb.header[i] = v.p ? v : STR_EMPTY;
    }
    return cb;
}

void inbox_on_callback(struct http_exchange *x, void *arg)
{
    struct money *m = arg;
    struct str tail = STR_EMPTY;
    const struct rail *r = rail_of_path(m, x->rest, &tail);
    struct rail_callback cb;
    bool verified;

    if (!r) {
        count("unknown");
        http_reply(x, 404, NULL, STR_EMPTY);
        return;
    }
    if (x->method != HTTP_POST && x->method != HTTP_PUT) {
        http_reply_header(x, "Allow", STR("POST, PUT"));
        http_reply(x, 405, NULL, STR_EMPTY);
        return;
    }
    cb = callback_of(x, tail);
    if (!judge(r, &cb, x, &verified))
        return;
    struct callback *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    c->m = m;
    c->x = x;
    arena_init(&c->arena, 4096, 1 << 18);
    op_init(&c->op, m->d.loop, on_stored);
    list_push_back(&m->callbacks, &c->node);
    x->user = c;
    x->on_gone = on_gone;
    store(c, r, &cb, verified);
}

void inbox_free_all(struct money *m)
{
    while (!list_empty(&m->callbacks)) {
        struct callback *c = container_of(m->callbacks.next, struct callback, node);

        if (c->x) {
            c->x->on_gone = NULL;
            c->x->user = NULL;
        }
        callback_free(c);
    }
}
