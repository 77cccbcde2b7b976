/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pipelined PostgreSQL connection.
 *
 *   DOWN --timer--> CONNECTING --PQconnectPoll ok--> UP --lost, stuck--> DOWN
 *     ^                  | refused, timed out                             |
 *     +------------------+------------------------------------------------+
 *
 * In the pipeline each request is [Parse] Bind/Execute Sync. Answers come in order: results are
 * given to the oldest request, its sync finishes it. After an error the rest up to that sync is
 * PGRES_PIPELINE_ABORTED, which concerns the same request only.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/io/pg_conn.h"
#include "gateway/lib/crypto.h"

#define NAME_MAX_LEN 64

static struct counter connect_failures =
    COUNTER("coko_db_connect_failures_total", "Connection attempts that PostgreSQL refused");
static struct counter lost =
    COUNTER("coko_db_connections_lost_total", "Live PostgreSQL connections that ended");

static void on_conn_event(evutil_socket_t fd, short what, void *arg);

/* ---- settings of a lane ---- */

/* Of all of them: our statements are short, and what forbids a scan makes one that cannot be helped look
 * dear enough to be compiled first. */
#define ALL_OPTIONS " -c jit=off"

static const char *const lane_options[PG_LANES] = {
    [PG_READ] = " -c statement_timeout=800 -c plan_cache_mode=force_generic_plan"
                " -c default_transaction_read_only=on",
    /* A plan made while a table was young is kept: a scan of it would be the plan of all its life. */
    [PG_WRITE] = " -c statement_timeout=1500 -c lock_timeout=300"
                 " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off",
    [PG_SLOW] = " -c statement_timeout=10000 -c lock_timeout=1000"
                " -c plan_cache_mode=force_generic_plan",
    [PG_BATCH] = " -c statement_timeout=10000 -c lock_timeout=1000"
                 " -c plan_cache_mode=force_generic_plan -c enable_hashjoin=off"
                 " -c enable_mergejoin=off -c enable_seqscan=off",
    [PG_WAKE] = " -c statement_timeout=1500 -c synchronous_commit=off",
};

#define KEYWORDS_MAX 64

struct keywords {
    const char *names[KEYWORDS_MAX + 1];
    const char *values[KEYWORDS_MAX + 1];
    unsigned n;
    char options[1024];
};

static void keyword_add(struct keywords *k, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0' || k->n == KEYWORDS_MAX)
        return;
    k->names[k->n] = name;
    k->values[k->n++] = value;
}

/* What the url says, then ours: the lane's settings behind the url's own options. */
static void keywords_build(struct keywords *k, const struct pg *pg, enum pg_lane lane,
                           PQconninfoOption *parsed)
{
    const char *options = "";

    memset(k, 0, sizeof *k);
    keyword_add(k, "keepalives_idle", "10");
    keyword_add(k, "keepalives_interval", "3");
    keyword_add(k, "keepalives_count", "3");
    keyword_add(k, "tcp_user_timeout", "5000");
    for (PQconninfoOption *o = parsed; o->keyword != NULL; o++) {
        if (strcmp(o->keyword, "options") == 0)
            options = o->val != NULL ? o->val : "";
        else
            keyword_add(k, o->keyword, o->val);
    }
    snprintf(k->options, sizeof k->options, "%s%s%s", options, ALL_OPTIONS, lane_options[lane]);
    keyword_add(k, "options", k->options);
    keyword_add(k, "application_name", pg->application_name);
    keyword_add(k, "client_encoding", "UTF8");
}

static void on_notice(void *arg, const PGresult *res)
{
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    (void)arg;
    log_debug(NULL, "postgresql notice", "%s", text != NULL ? text : "");
}

/* ---- connecting ---- */

static void conn_watch(struct pg_conn *c, short what)
{
    event_del(&c->rd);
    event_del(&c->wr);
    event_assign(&c->rd, loop_base(c->lane->pg->loop), PQsocket(c->c), EV_READ | EV_PERSIST,
                 on_conn_event, c);
    event_assign(&c->wr, loop_base(c->lane->pg->loop), PQsocket(c->c), EV_WRITE | EV_PERSIST,
                 on_conn_event, c);
    if (what & EV_READ)
        event_add(&c->rd, NULL);
    if (what & EV_WRITE)
        event_add(&c->wr, NULL);
}

static void conn_up(struct pg_conn *c)
{
    c->state = PG_CONN_UP;
    loop_timer_clear(&c->timer);
    PQsetnonblocking(c->c, 1);
    if (PQenterPipelineMode(c->c) != 1) {
        pg_conn_lost(c, "no pipeline mode");
        return;
    }
    memset(c->prepared, 0, sizeof c->prepared);
    memset(c->generation, 0, sizeof c->generation);
    conn_watch(c, EV_READ);
    c->backoff_ms = 0;
    if (c->told_down)
        log_info(NULL, "postgresql is back", "lane=%s", pg_lane_name(c->lane->id));
    c->told_down = false;
    pg_lane_changed(c->lane, c);
}

static void connect_step(struct pg_conn *c)
{
    switch (PQconnectPoll(c->c)) {
    case PGRES_POLLING_READING: conn_watch(c, EV_READ); break;
    case PGRES_POLLING_WRITING: conn_watch(c, EV_WRITE); break;
    case PGRES_POLLING_OK: conn_up(c); break;
    case PGRES_POLLING_FAILED:
    default: pg_conn_lost(c, PQerrorMessage(c->c)); break;
    }
}

void pg_conn_start(struct pg_conn *c)
{
    struct pg *pg = c->lane->pg;
    char *fault = NULL;
    PQconninfoOption *parsed = PQconninfoParse(pg->url, &fault);
    struct keywords k;

    PQfreemem(fault);
    if (parsed == NULL)
        abort(); /* pg_open has parsed it */
    keywords_build(&k, pg, c->lane->id, parsed);
    c->c = PQconnectStartParams(k.names, k.values, 0);
    PQconninfoFree(parsed);
    if (c->c == NULL)
        abort();
    PQsetNoticeReceiver(c->c, on_notice, NULL);
    c->state = PG_CONN_CONNECTING;
    loop_timer_set(&c->timer, pg->config.connect_timeout_ms);
    if (PQstatus(c->c) == CONNECTION_BAD)
        pg_conn_lost(c, PQerrorMessage(c->c));
    else
        conn_watch(c, EV_WRITE);
}

static void on_conn_timer(void *arg)
{
    struct pg_conn *c = arg;

    if (c->state == PG_CONN_CONNECTING)
        pg_conn_lost(c, "connecting took too long");
    else if (c->state == PG_CONN_DOWN)
        pg_conn_start(c);
}

void pg_conn_init(struct pg_conn *c, struct pg_lane_state *lane)
{
    c->lane = lane;
    list_init(&c->pipeline);
    loop_timer_init(&c->timer, lane->pg->loop, on_conn_timer, c);
    event_assign(&c->rd, loop_base(lane->pg->loop), -1, 0, on_conn_event, c);
    event_assign(&c->wr, loop_base(lane->pg->loop), -1, 0, on_conn_event, c);
}

/* ---- the end ---- */

/* Doubles from the first pause to the longest; between half and all of it, so that lanes spread. */
static unsigned backoff_next(struct pg_conn *c)
{
    const struct pg_config *cfg = &c->lane->pg->config;
    uint32_t dice;

    c->backoff_ms =
        c->backoff_ms == 0 ? cfg->reconnect_min_ms : MIN(c->backoff_ms * 2, cfg->reconnect_max_ms);
    crypto_random(&dice, sizeof dice);
    return c->backoff_ms / 2 + dice % (c->backoff_ms / 2 + 1);
}

static void conn_drop(struct pg_conn *c)
{
    event_del(&c->rd);
    event_del(&c->wr);
    loop_timer_clear(&c->timer);
    PQfinish(c->c);
    c->c = NULL;
    c->state = PG_CONN_DOWN;
}

static void pipeline_fail(struct pg_conn *c, enum err_code code, const char *why)
{
    struct list *node;

    c->depth = 0;
    while ((node = list_pop_front(&c->pipeline)) != NULL)
        pg_req_fail(container_of(node, struct pg_req, node), code, true, why);
}

void pg_conn_lost(struct pg_conn *c, const char *why)
{
    char msg[160];
    bool was_up = c->state == PG_CONN_UP;

    snprintf(msg, sizeof msg, "%.*s", (int)MIN(strcspn(why, "\n"), sizeof msg - 1), why);
    if (!c->told_down)
        log_warn(NULL, was_up ? "postgresql connection lost" : "postgresql does not answer",
                 "lane=%s %s", pg_lane_name(c->lane->id), msg);
    c->told_down = true;
    counter_inc(was_up ? &lost : &connect_failures);
    conn_drop(c);
    loop_timer_set(&c->timer, backoff_next(c));
    pipeline_fail(c, ERR_DB, msg);
    if (was_up)
        pg_lane_changed(c->lane, c);
}

void pg_conn_fini(struct pg_conn *c)
{
    if (c->c != NULL)
        conn_drop(c);
    loop_timer_clear(&c->timer);
    pipeline_fail(c, ERR_CLOSED, "closed");
}

/* ---- sending ---- */

static bool is_prepared(const struct pg_conn *c, const struct pg_stmt *s)
{
    return (c->prepared[s->id / 64] >> (s->id % 64) & 1) != 0;
}

static void prepared_set(struct pg_conn *c, const struct pg_stmt *s, bool yes)
{
    uint64_t bit = (uint64_t)1 << (s->id % 64);

    if (yes)
        c->prepared[s->id / 64] |= bit;
    else
        c->prepared[s->id / 64] &= ~bit;
}

/* Not prepared any more, and the old name may be in use on the server: take a new one. */
static void prepared_forget(struct pg_conn *c, const struct pg_stmt *s)
{
    prepared_set(c, s, false);
    c->generation[s->id]++;
}

static int messages_send(struct pg_conn *c, struct pg_req *r)
{
    const struct pg_stmt *s = r->stmt;
    char name[NAME_MAX_LEN];

    if (s->flags & PG_ONCE)
        return PQsendQueryParams(c->c, s->sql, (int)r->nparams, NULL, r->values, r->lengths,
                                 r->formats, 0);
    snprintf(name, sizeof name, "%.52s#%u", s->name, c->generation[s->id]);
    r->preparing = !is_prepared(c, s);
    if (r->preparing) {
        if (PQsendPrepare(c->c, name, s->sql, 0, NULL) != 1)
            return 0;
        prepared_set(c, s, true); /* what follows in this pipeline may rely on it */
    }
    return PQsendQueryPrepared(c->c, name, (int)r->nparams, r->values, r->lengths, r->formats, 0);
}

/* Writes what libpq holds; asks for room when the socket took only a part. */
static void conn_flush(struct pg_conn *c)
{
    int rc = PQflush(c->c);

    if (rc < 0)
        event_active(&c->rd, EV_READ, 0); /* reading finds the reason, outside this stack */
    else if (rc > 0)
        event_add(&c->wr, NULL);
    else
        event_del(&c->wr);
}

void pg_conn_send(struct pg_conn *c, struct pg_req *r)
{
    bool ok = messages_send(c, r) == 1 && PQpipelineSync(c->c) == 1;

    r->in_pipeline = true;
    r->sent_ms = loop_now_ms(c->lane->pg->loop);
    list_push_back(&c->pipeline, &r->node);
    c->depth++;
    if (!ok)
        event_active(&c->rd, EV_READ, 0);
    else
        conn_flush(c);
}

/* ---- receiving ---- */

static void error_keep(struct pg_req *r, const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    if (r->err.code != ERR_OK)
        return;
    err_set(&r->err, ERR_DB, "%s", text != NULL ? text : "error without a message");
    snprintf(r->sqlstate, sizeof r->sqlstate, "%.5s", state != NULL ? state : "");
}

/* SQLSTATE 0A000: the plan became stale; 26000: the statement is not known here. */
static bool may_send_again(const struct pg_req *r)
{
    return !r->retried && (r->stmt->flags & (PG_MONEY | PG_ONCE)) == 0 && r->record.op != NULL &&
           (strcmp(r->sqlstate, "0A000") == 0 || strcmp(r->sqlstate, "26000") == 0);
}

static void sync_reached(struct pg_conn *c, struct pg_req *r)
{
    list_remove(&r->node);
    c->depth--;
    if (r->err.code != ERR_OK && (r->stmt->flags & PG_ONCE) == 0 &&
        (r->preparing || strcmp(r->sqlstate, "0A000") == 0 || strcmp(r->sqlstate, "26000") == 0))
        prepared_forget(c, r->stmt);
    if (may_send_again(r))
        pg_req_again(r);
    else
        pg_req_finish(r);
}

static void result_take(struct pg_conn *c, struct pg_req *r, PGresult *res)
{
    switch (PQresultStatus(res)) {
    case PGRES_PIPELINE_SYNC:
        PQclear(res);
        sync_reached(c, r);
        return;
    case PGRES_PIPELINE_ABORTED: PQclear(res); return;
    case PGRES_COMMAND_OK:
        if (r->preparing) {
            r->preparing = false;
            PQclear(res);
            return;
        }
        break;
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY: break;
    default:
        error_keep(r, res);
        PQclear(res);
        return;
    }
    PQclear(r->res);
    r->res = res;
}

static void results_read(struct pg_conn *c)
{
    int nulls = 0;

    while (c->state == PG_CONN_UP && !list_empty(&c->pipeline) && !PQisBusy(c->c)) {
        PGresult *res = PQgetResult(c->c);

        if (res == NULL) {
            if (++nulls == 2)
                return;
            continue;
        }
        nulls = 0;
        struct pg_req *r = list_first(&c->pipeline, struct pg_req, node);

        assert(r != NULL); /* the pipeline was not empty */
        result_take(c, r, res);
    }
}

static void notifications_read(struct pg_conn *c)
{
    PGnotify *n;

    while (c->c != NULL && (n = PQnotifies(c->c)) != NULL) {
        pg_wake_notified(c->lane->pg, n->relname);
        PQfreemem(n);
    }
}

static void on_conn_event(evutil_socket_t fd, short what, void *arg)
{
    struct pg_conn *c = arg;
    bool alive;

    (void)fd;
    if (c->state == PG_CONN_CONNECTING) {
        connect_step(c);
        return;
    }
    if (c->state != PG_CONN_UP)
        return;
    alive = (what & EV_READ) == 0 || PQconsumeInput(c->c) == 1;
    results_read(c);
    notifications_read(c);
    if (!alive || PQstatus(c->c) == CONNECTION_BAD) {
        pg_conn_lost(c, PQerrorMessage(c->c));
        return;
    }
    conn_flush(c);
    pg_lane_pump(c->lane);
}
