/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single flight of a token. See token.h.
 */
#include "gateway/io/token.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "gateway/lib/buf.h"

#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"

#define TOKEN_MARGIN_S 60 /* a token this near its end is not used any more */
#define TOKEN_LIFE_MAX 86400

static void answer(struct token *t, const char *value)
{
    struct list all;
    struct list *node;

    /* a waiter may want again from inside fn: serve only who waits now */
    list_init(&all);
    list_splice_back(&all, &t->waiters);
    while ((node = list_pop_front(&all)) != NULL) {
        struct token_waiter *w = container_of(node, struct token_waiter, node);

        w->fn(w, value);
    }
}

static void on_minted(struct op *op)
{
    struct token *t = container_of(op, struct token, op);
    bool ok = !op_failed(op) && t->mint->read(t->owner, http_client_response(op), &t->current);

    if (ok) {
        int64_t life = (int64_t)t->current.expires_s;

        /* a very short life is used for half of it rather than not at all */
        life = life > 2 * TOKEN_MARGIN_S ? life - TOKEN_MARGIN_S : life / 2;
        t->good_until_ms = loop_now_ms(t->loop) + life * 1000;
    } else {
        log_error(NULL, "no token", "from=%s status=%d %s", t->from,
                  op_failed(op) ? 0 : http_client_response(op)->status, op->err.msg);
    }
    op_release(op);
    arena_reset(&t->arena);
    answer(t, ok ? t->current.text : NULL);
}

void token_init(struct token *t, struct loop *loop, struct http_client *client,
                const struct token_mint *mint, const void *owner, const char *from)
{
    *t = (struct token){.loop = loop, .client = client, .mint = mint, .owner = owner, .from = from};
    op_init(&t->op, loop, on_minted);
    arena_init(&t->arena, 2048, 1 << 16);
    list_init(&t->waiters);
}

void token_want(struct token *t, struct token_waiter *w)
{
    struct http_request rq;

    if (!t->mint->request) {
        w->fn(w, "");
        return;
    }
    if (t->good_until_ms > loop_now_ms(t->loop)) {
        w->fn(w, t->current.text);
        return;
    }
    list_push_back(&t->waiters, &w->node);
    if (op_pending(&t->op))
        return;
    t->mint->request(t->owner, &t->arena, &rq);
    http_client_send(t->client, &t->op, &rq);
}

void token_forget(struct token_waiter *w)
{
    list_remove(&w->node);
}

void token_refused(struct token *t, const char *value)
{
    if (strcmp(value, t->current.text) == 0)
        t->good_until_ms = 0;
}

void token_fini(struct token *t)
{
    op_cancel(&t->op);
    op_release(&t->op);
    arena_fini(&t->arena);
    crypto_wipe(&t->current, sizeof t->current);
}

/* ---- what OAuth makes usual ---- */

void token_ask_form(struct arena *a, const char *url, const char *client_id,
                    const char *client_secret, struct http_request *rq)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    size_t cap = 80 + 3 * (strlen(client_id) + strlen(client_secret));
    char *mem = arena_alloc(a, cap);
    struct buf b;

    buf_init_fixed(&b, mem, cap);
    buf_puts(&b, "grant_type=client_credentials&client_id=");
    buf_url_component(&b, str_c(client_id));
    buf_puts(&b, "&client_secret=");
    buf_url_component(&b, str_c(client_secret));
    *rq = (struct http_request){
        .method = "POST", .url = url, .headers = headers, .body = buf_str(&b)};
}

static bool is_visible(const char *s)
{
    for (; *s; s++) {
        if (*s <= 0x20 || *s >= 0x7F)
            return false;
    }
    return true;
}

/* Seconds, at most a day; 0 for what is no life. */
static unsigned life_of(json_t *v)
{
    int64_t life = json_integer_value(v);

    if (json_is_string(v) && !str_to_i64(str_c(json_string_value(v)), 1, INT64_MAX, &life))
        return 0;
    return life > 0 ? (unsigned)MIN(life, TOKEN_LIFE_MAX) : 0;
}

bool token_take(const struct http_response *rs, struct token_value *t)
{
    json_t *root =
        rs->status == 200 ? json_loadb(rs->body.p, rs->body.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *value = json_string_value(json_object_get(root, "access_token"));
    unsigned life = life_of(json_object_get(root, "expires_in"));
    bool ok = value && *value && strlen(value) < sizeof t->text && is_visible(value) && life > 0;

    if (ok) {
        snprintf(t->text, sizeof t->text, "%s", value);
        t->expires_s = life;
    }
    json_decref(root);
    return ok;
}
