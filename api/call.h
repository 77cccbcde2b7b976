/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call: one REST exchange, from the request to the reply.
 *
 *   ROUTE -> AUTH -> PARAMS -+-> LOOKUP -> SQL -> REPLY -> DONE
 *     |                      +------------->^
 *     +-> REPLY   OPTIONS                        FAILED -> DONE   a problem, from anywhere
 *
 * ROUTE also judges host, media types and the address's rate. LOOKUP is only of routes whose
 * handler needs a row before it can speak. A call holds everything that survives a wait. When the
 * client leaves first, what is in flight is cut loose and the call ends unanswered.
 */
#ifndef COKO_API_CALL_H
#define COKO_API_CALL_H

#include "api/api.h"
#include "api/cursor.h"
#include "api/jwt.h"
#include "api/params.h"
#include "api/problem.h"
#include "api/bucket.h"
#include "api/router.h"
#include "gateway/lib/list.h"

#define CALL_VARS_MAX   12
#define CALL_REQUEST_ID 64

enum call_state {
    CALL_ROUTE,
    CALL_AUTH,
    CALL_PARAMS,
    CALL_LOOKUP,
    CALL_SQL,
    CALL_REPLY,
    CALL_FAILED,
    CALL_DONE,
    CALL_STATES,
    CALL_WAIT = CALL_STATES, /* not a state: an op is pending */
};

/* A value that a handler gives to SQL. */
struct call_var {
    const char *name;
    struct str value;
    bool is_bytes;
};

struct call {
    struct list node; /* in api.calls, or in the free list */
    struct api *a;
    struct http_exchange *x; /* NULL once answered or gone */
    enum call_state state;
    struct arena arena;
    struct op op;
    struct router_match match;
    const struct route *route; /* NULL until found */
    char request_id[CALL_REQUEST_ID + 1];
    bool has_user;
    struct jwt_claims who;
    struct param_value values[ROUTE_PARAMS_MAX];
    char cursor_mem[CURSOR_TEXT_MAX];
    struct str after[ROUTE_KEYS_MAX];
    struct call_var vars[CALL_VARS_MAX];
    unsigned nvars;
    void *scratch; /* the handler's own, in the arena */
    struct problem problem;
    unsigned status; /* of a reply without problem */
};

/* The C part of a route that SQL alone cannot serve. Hooks may set c->problem: then it is sent. */
struct call_handler {
    const char *name;
    const char *const *vars;         /* names it sets, NULL ended */
    void (*begin)(struct call *c);   /* after the parameters, before LOOKUP */
    void (*prepare)(struct call *c); /* before SQL; c->op has the row of LOOKUP if there is one */
    void (*render)(struct call *c,
                   struct buf *out); /* c->op has the rows of SQL; NULL: as columns */
};

struct api {
    struct api_config c;
    struct api_deps d;
    struct jwt jwt;
    struct route_table table;
    struct router *router;
    struct bucket_table *buckets;
    struct list calls, spare;
    unsigned inflight, nspare;
};

/* Takes the exchange; the reply may be sent before this returns. */
void call_start(struct api *a, struct http_exchange *x);

/* Frees every call; those in flight are cut loose from their exchanges. */
void call_free_all(struct api *a);

/* For handlers: a variable whose bytes live as long as the call (copied into its arena). */
void call_var_text(struct call *c, const char *name, struct str value);
void call_var_bytes(struct call *c, const char *name, const void *p, size_t n);

/* The value of a parameter; .present false when it was not given. */
const struct param_value *call_param(const struct call *c, const char *name);

/* The table's facts, for the test that checks every state machine. */
const char *call_state_name(enum call_state s);
unsigned call_state_out(enum call_state s);

#endif
