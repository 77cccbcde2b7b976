/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work with a rail beside charges: a claimed row becomes a request, its answer a record. The machine
 * is errand.c's; a kind (refund.c, mandate.c) says what its rows are and which functions of the rail
 * they want. Order of calls: errands_init; errands_claim as often as wanted; errands_idle;
 * errands_free, which cuts what is in flight loose: its lease runs out.
 */
#ifndef COKO_MONEY_ERRAND_H
#define COKO_MONEY_ERRAND_H

#include "gateway/money/money_parts.h"

struct counter;

/* One piece of work. payer: E.164 digits, of a submit alone, wiped before the record (S5). */
struct errand {
    struct list node;
    struct errands *of;
    struct money *m;
    struct money_rail *mr; /* NULL: not configured here */
    struct arena arena;
    struct op call, record;
    struct token_waiter waiter;
    struct loop_timer again;
    int64_t id, version;
    int64_t claimed_at_ms;
    bool submit; /* the claim's action: what it asks for may begin to exist */
    bool reminted;
    bool money;       /* the request in flight is never sent by itself again */
    unsigned follows; /* requests after the first */
    unsigned record_tries;
    const char *token;
    struct str payer;
    struct rail_verdict verdict;
    int http_status;
    void *what; /* the kind's own, in the arena */
};

struct errand_kind {
    const char *name; /* in logs */
    /* (owner, places): rows with id, version, action, rail, payer_sealed and what take wants */
    const struct pg_stmt *claim;
    /* (id, version, event, http, reason, params' own, next_poll_s): outcome, state */
    const struct pg_stmt *event;
    struct counter *events;
    bool refund_token; /* of the rail's refund product, where that has its own */
    bool (*able)(const struct rail *r);
    void (*take)(struct errand *w, const struct op *rows, int row); /* fills what */
    void (*request)(struct errand *w, struct http_request *rq);
    void (*read)(struct errand *w, const struct http_response *rs);
    void (*params)(struct errand *w, struct pg_params *p);
};

extern const struct errand_kind refund_kind, mandate_kind;

/* A text column of a claimed row, in the work's arena. */
struct str errand_keep(struct errand *w, const struct op *rows, int row, const char *col);

/* The payer's number is needed no more. */
void errand_wipe(struct errand *w);

#endif
