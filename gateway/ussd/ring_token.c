/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bearer tokens of the carriers that want one with each push (profile.h, "$token"): one a
 * carrier and worker, had by the client credentials of its section, in memory only.
 */
#include <stdlib.h>

#include "gateway/ussd/ring_parts.h"

#define TOKEN_MS 5000

static void ask_token(const void *owner, struct arena *a, struct http_request *rq)
{
    const struct carrier *c = owner;

    token_ask_form(a, c->token_url, c->client_id, c->client_secret, rq);
    rq->timeout_ms = TOKEN_MS;
}

static bool read_token(const void *owner, const struct http_response *rs, struct token_value *t)
{
    (void)owner;
    return token_take(rs, t);
}

void ring_tokens_open(struct ring *r)
{
    static const struct token_mint mint = {ask_token, read_token};
    const struct ussd *u = r->u;

    for (size_t i = 0; i < u->ncarriers; i++) {
        const struct carrier *c = &u->carriers[i];

        if (!*c->token_url || c->ring_most == 0)
            continue;
        r->tokens[i] = malloc(sizeof *r->tokens[i]);
        if (!r->tokens[i])
            abort();
        token_init(r->tokens[i], u->d.loop, u->d.client, &mint, c, c->profile.name);
    }
}

struct token *ring_token(const struct ring *r, const struct carrier *c)
{
    return r->tokens[c - r->u->carriers];
}

void ring_tokens_free(struct ring *r)
{
    for (size_t i = 0; i < ARRAY_LEN(r->tokens); i++) {
        if (r->tokens[i])
            token_fini(r->tokens[i]);
        free(r->tokens[i]);
    }
}
