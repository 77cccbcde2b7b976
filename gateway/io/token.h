/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bearer token that ends: minted once for all who wait, kept in memory only until shortly before
 * its end. Whoever owns it says by a token_mint how it is asked for and read.
 *
 * Order of calls: token_init; token_want; the waiter's fn runs, now or later; token_refused when the
 * other side said 401 to a value, so that the next wish mints a new one; token_fini. A mint that
 * fails fails all who wait, and is logged here. Never: a value in the log.
 */
#ifndef COKO_IO_TOKEN_H
#define COKO_IO_TOKEN_H

#include "gateway/io/http_client.h"
#include "gateway/lib/arena.h"
#include "gateway/lib/list.h"

struct token_value {
    char text[2048];
    unsigned expires_s; /* from when it was minted */
};

/* How one owner's tokens are had. */
struct token_mint {
    /* Fills rq, from the arena or from what outlives the call. NULL: no token is needed. */
    void (*request)(const void *owner, struct arena *a, struct http_request *rq);
    /* False: there is none in this answer. */
    bool (*read)(const void *owner, const struct http_response *rs, struct token_value *t);
};

struct token_waiter {
    struct list node;
    void (*fn)(struct token_waiter *w, const char *value); /* NULL: could not be minted */
};

struct token {
    struct loop *loop;
    struct http_client *client;
    const struct token_mint *mint;
    const void *owner;
    const char *from; /* the owner's name, for the log */
    struct token_value current;
    int64_t good_until_ms; /* 0: none */
    struct op op;
    struct arena arena;
    struct list waiters;
};

/* All but t is borrowed and outlives it. */
void token_init(struct token *t, struct loop *loop, struct http_client *client,
                const struct token_mint *mint, const void *owner, const char *from);

/*
 * w->fn is called, possibly before this returns, with a token good for a minute or more (for half of
 * its life when it has less than two), or "" where none is needed.
 */
void token_want(struct token *t, struct token_waiter *w);

/* w is forgotten; legal at any time. */
void token_forget(struct token_waiter *w);

/* The other side refused this value: drop it if it still is the current one. */
void token_refused(struct token *t, const char *value);

/* Wipes. Waiters are not called. */
void token_fini(struct token *t);

/* ---- what OAuth makes usual (RFC 6749) ---- */

/* Client credentials (4.4.2), with the client in the form (2.3.1), into rq but for its time. */
void token_ask_form(struct arena *a, const char *url, const char *client_id,
                    const char *client_secret, struct http_request *rq);

/*
 * The answer (5.1): 200, access_token of visible ASCII (it goes into a header line), expires_in (a
 * number, also as text; cut at a day); false otherwise.
 */
MUST_CHECK bool token_take(const struct http_response *rs, struct token_value *t);

#endif
