/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call's machine. See call.h for the picture.
 */
#include "api/call.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/auth.h"
#include "api/call_reply.h"
#include "api/headers.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"

#define ARENA_CHUNK 4096
#define ARENA_MAX   (512u << 10)
#define SPARE_MAX   64

static struct counter calls = COUNTER("coko_api_calls_total", "REST calls answered");
static struct counter problems = COUNTER("coko_api_problems_total", "REST problems, by code");
static struct counter took = HISTOGRAM("coko_api_call_duration_seconds", "Request to reply, by us");

static enum call_state route_enter(struct call *c);
static enum call_state auth_enter(struct call *c);
static enum call_state params_enter(struct call *c);
static enum call_state lookup_enter(struct call *c);
static enum call_state lookup_ready(struct call *c);
static enum call_state sql_enter(struct call *c);
static enum call_state sql_ready(struct call *c);
static enum call_state reply_enter(struct call *c);
static enum call_state failed_enter(struct call *c);
static enum call_state done_enter(struct call *c);

#define TO(s) (1u << CALL_##s)

static const struct call_rule {
    const char *name;
    enum call_state (*enter)(struct call *c); /* start work: the next state, or CALL_WAIT */
    enum call_state (*ready)(struct call *c); /* c->op finished; it may have failed */
    unsigned out;
} rules[CALL_STATES] = {
    [CALL_ROUTE] = {"route", route_enter, NULL, TO(AUTH) | TO(REPLY) | TO(FAILED)},
    [CALL_AUTH] = {"auth", auth_enter, NULL, TO(PARAMS) | TO(FAILED)},
    [CALL_PARAMS] = {"params", params_enter, NULL, TO(LOOKUP) | TO(SQL) | TO(FAILED)},
    [CALL_LOOKUP] = {"lookup", lookup_enter, lookup_ready, TO(SQL) | TO(FAILED)},
    [CALL_SQL] = {"sql", sql_enter, sql_ready, TO(REPLY) | TO(FAILED)},
    [CALL_REPLY] = {"reply", reply_enter, NULL, TO(DONE) | TO(FAILED)},
    [CALL_FAILED] = {"failed", failed_enter, NULL, TO(DONE)},
    [CALL_DONE] = {"done", done_enter, NULL, 0},
};

const char *call_state_name(enum call_state s)
{
    return s < CALL_STATES ? rules[s].name : "wait";
}

unsigned call_state_out(enum call_state s)
{
    return rules[s].out;
}

static void call_run(struct call *c, enum call_state next)
{
    while (next != CALL_WAIT) {
        assert(next == CALL_ROUTE || rules[c->state].out & 1u << next);
        c->state = next;
        next = rules[next].enter(c);
    }
}

/* The only way back into a call. */
static void call_on_op(struct op *op)
{
    struct call *c = container_of(op, struct call, op);

    call_run(c, rules[c->state].ready(c));
}

static enum call_state refuse(struct call *c, enum problem_code code)
{
    problem_set(&c->problem, code, NULL);
    return CALL_FAILED;
}

/* ---- what handlers use ---- */

static void var_add(struct call *c, const char *name, struct str value, bool is_bytes)
{
    assert(c->nvars < CALL_VARS_MAX);
    value = arena_str(&c->arena, value);
    if (!value.p)
        problem_set(&c->problem, PROBLEM_INTERNAL, NULL);
    c->vars[c->nvars++] = (struct call_var){name, value, is_bytes};
}

void call_var_text(struct call *c, const char *name, struct str value)
{
    var_add(c, name, value, false);
}

void call_var_bytes(struct call *c, const char *name, const void *p, size_t n)
{
    var_add(c, name, str_n(p, n), true);
}

const struct param_value *call_param(const struct call *c, const char *name)
{
    int i = route_param_find(c->route, str_c(name));

    assert(i >= 0);
    return &c->values[i];
}

/* ---- states ---- */

static enum call_state judge_rate(struct call *c)
{
    const struct route *r = c->route;
    unsigned wait = 0;

    if (r->rate_burst > 0)
        wait = bucket_take(c->a->buckets, str_c(c->x->peer), (uint64_t)(uintptr_t)r, r->rate_burst,
                           r->rate_per_minute, clock_mono_ms());
    if (wait == 0)
        return CALL_AUTH;
    c->problem.retry_after_s = wait;
    return refuse(c, PROBLEM_RATE_LIMITED);
}

static enum call_state route_enter(struct call *c)
{
    struct http_exchange *x = c->x;
    enum router_verdict v;

    if (c->a->inflight > API_CALLS_MAX) {
        c->problem.retry_after_s = 1;
        return refuse(c, PROBLEM_UNAVAILABLE);
    }
    if (!headers_host_ok(&c->a->c.allowed_hosts, x->host))
        return refuse(c, PROBLEM_BAD_HOST);
    v = router_find(c->a->router, x->method, x->path, &c->match);
    if (v == ROUTER_NO_PATH)
        return refuse(c, PROBLEM_NOT_FOUND);
    if (x->method == HTTP_OPTIONS)
        return CALL_REPLY;
    if (v == ROUTER_NO_METHOD)
        return refuse(c, PROBLEM_METHOD);
    c->route = c->match.route;
    if (!headers_accept_ok(x))
        return refuse(c, PROBLEM_NOT_ACCEPTABLE);
    if (c->route->has_body && !headers_json_ok(x))
        return refuse(c, PROBLEM_MEDIA_TYPE);
    if (x->body.n > API_BODY_MAX)
        return refuse(c, PROBLEM_TOO_LARGE);
    return judge_rate(c);
}

static enum call_state auth_enter(struct call *c)
{
    return auth_check(c) ? CALL_PARAMS : CALL_FAILED;
}

static bool read_cursor(struct call *c)
{
    const struct route *r = c->route;
    struct buf scope;
    bool ok;

    for (unsigned i = 0; i < r->nkeys; i++)
        c->after[i] = str_c(r->key_first[i]);
    if (r->nkeys == 0 || !c->values[r->cursor].present)
        return true;
    buf_init(&scope, 64 << 10);
    call_scope(c, &scope);
    ok = !scope.failed && cursor_read(c->a->d.ring, buf_str(&scope), c->values[r->cursor].text,
                                      c->cursor_mem, c->after, r->nkeys);
    buf_fini(&scope);
    return ok;
}

static enum call_state params_enter(struct call *c)
{
    const struct call_handler *h = c->route->handler;

    if (!params_read(c->route, c->match.values, c->match.nvalues, c->x->query, c->x->body,
                     &c->arena, c->values, &c->problem))
        return CALL_FAILED;
    if (!read_cursor(c))
        return refuse(c, PROBLEM_BAD_CURSOR);
    if (h && h->begin)
        h->begin(c);
    if (c->problem.code != PROBLEM_NONE)
        return CALL_FAILED;
    return c->route->lookup.stmt ? CALL_LOOKUP : CALL_SQL;
}

static void bind_var(struct call *c, const char *name, struct pg_params *p)
{
    for (unsigned i = 0; i < c->nvars; i++) {
        if (strcmp(c->vars[i].name, name) != 0)
            continue;
        if (c->vars[i].is_bytes)
            pg_p_bytea(p, c->vars[i].value.p, c->vars[i].value.n);
        else
            pg_p_str(p, c->vars[i].value);
        return;
    }
    pg_p_null(p);
}

static void bind_arg(struct call *c, const struct route_arg *a, struct pg_params *p)
{
    switch (a->kind) {
    case ARG_PARAM:
        if (c->values[a->index].present)
            pg_p_str(p, c->values[a->index].text);
        else
            pg_p_null(p);
        break;
    case ARG_USER: pg_p_text(p, c->has_user ? c->who.user : NULL); break;
    case ARG_SESSION: pg_p_text(p, c->has_user ? c->who.session : NULL); break;
    case ARG_ROWS: pg_p_int(p, c->values[c->route->limit].number + 1); break;
    case ARG_AFTER: pg_p_str(p, c->after[a->index]); break;
    case ARG_VAR: bind_var(c, a->name, p); break;
    }
}

static void statement_send(struct call *c, const struct route_statement *s)
{
    struct pg_params p;

    pg_params_init(&p);
    for (unsigned i = 0; i < s->nargs; i++)
        bind_arg(c, &s->args[i], &p);
    pg_exec(c->a->d.pg, &c->op, s->stmt, &p);
}

static enum call_state lookup_enter(struct call *c)
{
    statement_send(c, &c->route->lookup);
    return CALL_WAIT;
}

/* The text of the database's own message stays in the log (hard case 55). */
static enum call_state sql_failed(struct call *c)
{
    enum err_code code = c->op.err.code;
    bool outside = code == ERR_BUSY || code == ERR_CLOSED || code == ERR_DB_SERIAL ||
                   (code == ERR_DB && !c->op.sqlstate[0]);

    log_warn(NULL, "call's statement failed", "route=%s request_id=%s error=%s sqlstate=%s",
             c->route->name, c->request_id, err_name(code), c->op.sqlstate);
    c->problem.retry_after_s = 1;
    if (code == ERR_TIMEOUT || code == ERR_DB_TIMEOUT)
        return refuse(c, PROBLEM_TIMEOUT);
    if (outside)
        return refuse(c, PROBLEM_UNAVAILABLE);
    c->problem.retry_after_s = 0;
    return refuse(c, PROBLEM_INTERNAL);
}

static enum call_state lookup_ready(struct call *c)
{
    return op_failed(&c->op) ? sql_failed(c) : CALL_SQL;
}

static const struct route_statement *statement_of(const struct call *c)
{
    const struct route_statement *s = c->route->statements;
    uint32_t present = 0;

    for (unsigned i = 0; i < c->route->nparams; i++)
        present |= c->values[i].present ? 1u << i : 0;
    while ((s->when & present) != s->when)
        s++; /* the last one fits always: the load checked it */
    return s;
}

static enum call_state sql_enter(struct call *c)
{
    const struct call_handler *h = c->route->handler;

    if (h && h->prepare)
        h->prepare(c);
    if (c->problem.code != PROBLEM_NONE)
        return CALL_FAILED;
    statement_send(c, statement_of(c));
    return CALL_WAIT;
}

static enum call_state sql_ready(struct call *c)
{
    if (op_failed(&c->op))
        return sql_failed(c);
    if (c->route->wake)
        pg_wake_dirty(c->a->d.pg, c->route->wake);
    return CALL_REPLY;
}

static void count(struct call *c)
{
    char labels[112];

    snprintf(labels, sizeof labels, "route=\"%.60s\",status=\"%u\"",
             c->route ? c->route->name : "none", c->status);
    counter_inc(counter_with(&calls, labels));
    counter_observe_us(&took, clock_mono_us() - c->x->started_us);
}

/* The exchange is dead once a reply was sent: what must be counted of it is counted before. */
static enum call_state reply_enter(struct call *c)
{
    c->x->on_gone = NULL;
    if (!c->route) {
        c->status = 204;
        count(c);
        call_send_options(c);
    } else if (!call_render(c)) {
        return CALL_FAILED;
    } else {
        count(c);
        call_send(c);
    }
    c->x = NULL;
    return CALL_DONE;
}

static enum call_state failed_enter(struct call *c)
{
    char labels[64];

    c->x->on_gone = NULL;
    c->status = problem_status(c->problem.code);
    snprintf(labels, sizeof labels, "code=\"%s\"", problem_name(c->problem.code));
    counter_inc(counter_with(&problems, labels));
    count(c);
    call_send_problem(c);
    c->x = NULL;
    return CALL_DONE;
}

/* ---- life ---- */

static void call_free(struct call *c)
{
    arena_fini(&c->arena);
    free(c);
}

/* At the end of the loop turn: nobody stands on it any more. */
static void call_reap(void *arg)
{
    struct call *c = arg;
    struct api *a = c->a;

    list_remove(&c->node);
    a->inflight--;
    if (a->nspare == SPARE_MAX) {
        call_free(c);
        return;
    }
    a->nspare++;
    list_push_front(&a->spare, &c->node);
}

static enum call_state done_enter(struct call *c)
{
    op_cancel(&c->op);
    op_release(&c->op);
    loop_defer(c->a->d.loop, call_reap, c);
    return CALL_WAIT;
}

/* A statement already sent still runs to its end; only its answer is dropped. */
static void call_gone(struct http_exchange *x)
{
    struct call *c = x->user;

    c->x = NULL;
    c->state = CALL_DONE;
    (void)done_enter(c);
}

static struct call *call_alloc(struct api *a)
{
    struct list *node = list_pop_front(&a->spare);
    struct call *c;

    if (node) {
        struct arena kept;

        c = container_of(node, struct call, node);
        a->nspare--;
        arena_reset(&c->arena);
        kept = c->arena;
        memset(c, 0, sizeof *c);
        c->arena = kept;
    } else {
        c = calloc(1, sizeof *c);
        if (!c)
            abort();
        arena_init(&c->arena, ARENA_CHUNK, ARENA_MAX);
    }
    c->a = a;
    list_init(&c->node);
    list_push_back(&a->calls, &c->node);
    a->inflight++;
    return c;
}

void call_start(struct api *a, struct http_exchange *x)
{
    struct call *c = call_alloc(a);

    c->x = x;
    x->user = c;
    x->on_gone = call_gone;
    op_init(&c->op, a->d.loop, call_on_op);
    problem_init(&c->problem);
    headers_request_id(x, c->request_id);
    call_run(c, CALL_ROUTE);
}

void call_free_all(struct api *a)
{
    struct list *node;

    while ((node = list_pop_front(&a->calls)) != NULL) {
        struct call *c = container_of(node, struct call, node);

        op_cancel(&c->op);
        op_release(&c->op);
        if (c->x) {
            c->x->on_gone = NULL;
            c->x->user = NULL;
        }
        call_free(c);
    }
    while ((node = list_pop_front(&a->spare)) != NULL)
        call_free(container_of(node, struct call, node));
    a->inflight = a->nspare = 0;
    counter_forget(&calls);
    counter_forget(&problems);
}
