/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callbacks of rails: stored sealed and raw, then acknowledged (I6). Nothing is believed (I7): a
 * reference found in the body only pulls the next question forward. A known and an unknown
 * reference get the same answer. When the row cannot be stored the answer is 503, so that the rail
 * sends it again; a rail that does not is asked anyway.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"
#include "gateway/money/money_parts.h"

#define CALLBACK_MAX (32u << 10)

static struct counter callbacks =
    COUNTER("coko_webhooks_in_total", "Callbacks of payment rails, by outcome");

PG_STMT(put_stmt, "inbox.put", PG_WRITE, 6,
        "select outcome from billing.inbox_put($1, $2, $3, $4, $5::boolean, $6)");

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

    if (!ok)
        log_err(LOG_LEVEL_ERROR, NULL, "callback not stored", &op->err);
    count(!ok ? "unstored" : fresh ? "new" : "seen");
    if (fresh)
        pg_wake_dirty(c->m->d.pg, MONEY_CHARGE_TOPIC);
    if (c->x)
        http_reply(c->x, ok ? 200 : 503, NULL, STR_EMPTY);
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

/* The headers that a later verification may need, one a line. */
static struct str headers_text(struct callback *c, const struct http_exchange *x)
{
    static const char *const names[] = {"content-type", "x-reference-id", "authorization",
                                        "wave-signature", "x-sonatel-signature"};
    char *mem = arena_alloc(&c->arena, 4096);
    struct buf b;

    buf_init_fixed(&b, mem, 4096);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str v = http_header(x, names[i]);

        if (v.p && v.n < 700)
            buf_addf(&b, "%s: %" STR_FMT "\n", names[i], STR_ARG(v));
    }
    return buf_str(&b);
}

static void store(struct callback *c, const struct money_rail *mr, struct http_exchange *x)
{
    uint8_t key[CRYPTO_SHA256_LEN];
    struct str ref = mr->rail->type->callback_ref(&c->arena, x->body);
    struct str headers = sealed(c, headers_text(c, x));
    struct str body = sealed(c, x->body);
    struct pg_params p;

    crypto_sha256(x->body, key);
    pg_params_init(&p);
    pg_p_text(&p, mr->rail->type->code);
    pg_p_bytea(&p, key, sizeof key);
    pg_p_bytea(&p, headers.p, headers.n);
    pg_p_bytea(&p, body.p, body.n);
    pg_p_bool(&p, false); /* this rail signs nothing */
    if (ref.n > 0 && ref.n <= 64)
        pg_p_str(&p, ref);
    else
        pg_p_null(&p);
    pg_exec(c->m->d.pg, &c->op, &put_stmt, &p);
}

static const struct money_rail *rail_of_path(struct money *m, struct str rest)
{
    struct str code, secret;
    const struct money_rail *mr;

    str_cut(rest, '/', &code, &secret);
    if (secret.n > 0 && secret.p[secret.n - 1] == '/')
        secret.n--;
    mr = money_rail_find(m, code);
    if (!mr || !*mr->rail->callback_secret || !crypto_eq(secret, str_c(mr->rail->callback_secret)))
        return NULL;
    return mr;
}

void inbox_on_callback(struct http_exchange *x, void *arg)
{
    struct money *m = arg;
    const struct money_rail *mr = rail_of_path(m, x->rest);

    if (!mr) {
        count("unknown");
        http_reply(x, 404, NULL, STR_EMPTY);
        return;
    }
    if (x->method != HTTP_POST && x->method != HTTP_PUT) {
        http_reply_header(x, "Allow", STR("POST, PUT"));
        http_reply(x, 405, NULL, STR_EMPTY);
        return;
    }
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
    store(c, mr, x);
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
