/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bearer token of a rail: minted once for all who wait, kept until shortly before its end.
 *
 * Order of calls: token_want; the waiter's fn runs, now or later; token_refused when the rail said
 * 401 to a value, so that the next wish mints a new one. A mint that fails fails all who wait.
 */
#ifndef COKO_MONEY_TOKEN_H
#define COKO_MONEY_TOKEN_H

#include "gateway/lib/list.h"
#include "gateway/money/rail.h"

struct token_waiter {
    struct list node;
    void (*fn)(struct token_waiter *w, const char *value); /* NULL: could not be minted */
};

struct token {
    struct loop *loop;
    struct http_client *client;
    const struct rail *rail;
    void (*request)(const struct rail *r, struct arena *a, struct http_request *rq);
    struct rail_token current;
    int64_t good_until_ms; /* 0: none */
    struct op op;
    struct arena arena;
    struct list waiters;
};

/* request builds what mints it: the rail's token_request or refund_token_request. */
void token_init(struct token *t, struct loop *loop, struct http_client *client,
                const struct rail *rail,
                void (*request)(const struct rail *r, struct arena *a, struct http_request *rq));

/* w->fn is called with a token good for a minute or more, possibly before this returns. */
void token_want(struct token *t, struct token_waiter *w);

/* w is forgotten; legal at any time. */
void token_forget(struct token_waiter *w);

/* The rail refused this value: drop it if it still is the current one. */
void token_refused(struct token *t, const char *value);

/* Wipes. Waiters are not called. */
void token_fini(struct token *t);

#endif
