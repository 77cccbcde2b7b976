/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single flight of a rail's token. See token.h.
 */
#include "gateway/money/token.h"

#include <string.h>

#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"

#define TOKEN_MARGIN_S 60 /* a token this near its end is not used any more */

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
    bool ok =
        !op_failed(op) && t->rail->type->token_read(t->rail, http_client_response(op), &t->current);

    if (ok) {
        int64_t life = (int64_t)t->current.expires_s;

        /* a very short life is used for half of it rather than not at all */
        life = life > 2 * TOKEN_MARGIN_S ? life - TOKEN_MARGIN_S : life / 2;
        t->good_until_ms = loop_now_ms(t->loop) + life * 1000;
    } else {
        log_error(NULL, "no token from the rail", "rail=%s status=%d %s", t->rail->type->code,
                  op_failed(op) ? 0 : http_client_response(op)->status, op->err.msg);
    }
    op_release(op);
    arena_reset(&t->arena);
    answer(t, ok ? t->current.value : NULL);
}

void token_init(struct token *t, struct loop *loop, struct http_client *client,
                const struct rail *rail,
                void (*request)(const struct rail *r, struct arena *a, struct http_request *rq))
{
    *t = (struct token){.loop = loop, .client = client, .rail = rail, .request = request};
    op_init(&t->op, loop, on_minted);
    arena_init(&t->arena, 2048, 1 << 16);
    list_init(&t->waiters);
}

void token_want(struct token *t, struct token_waiter *w)
{
    struct http_request rq;

    if (!t->rail->type->needs_token) {
        w->fn(w, "");
        return;
    }
    if (t->good_until_ms > loop_now_ms(t->loop)) {
        w->fn(w, t->current.value);
        return;
    }
    list_push_back(&t->waiters, &w->node);
    if (op_pending(&t->op))
        return;
    t->request(t->rail, &t->arena, &rq);
    http_client_send(t->client, &t->op, &rq);
}

void token_forget(struct token_waiter *w)
{
    list_remove(&w->node);
}

void token_refused(struct token *t, const char *value)
{
    if (strcmp(value, t->current.value) == 0)
        t->good_until_ms = 0;
}

void token_fini(struct token *t)
{
    op_cancel(&t->op);
    op_release(&t->op);
    arena_fini(&t->arena);
    crypto_wipe(&t->current, sizeof t->current);
}
