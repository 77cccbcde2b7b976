/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes and their queues: a request waits here, ordered by priority, until a connection of its lane
 * has room; a tick fails what is past its deadline and gives up connections that stopped answering.
 */
#include "gateway/io/pg.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/io/pg_conn.h"
#include "gateway/lib/clock.h"

#define TICK_MS 25

static struct counter took =
    HISTOGRAM("coko_db_query_duration_seconds", "Time from pg_exec to the result");
static struct counter errors = COUNTER("coko_db_errors_total", "Failed requests by SQLSTATE class");
static struct counter pool_up = GAUGE("coko_db_pool_connections", "Live connections of a lane");
static struct counter pool_waiting = GAUGE("coko_db_pool_waiting", "Requests waiting for a lane");

static const struct pg_lane_config lane_defaults[PG_LANES] = {
    [PG_READ] = {2, 8},  [PG_WRITE] = {4, 2}, [PG_SLOW] = {1, 1},
    [PG_BATCH] = {0, 1}, [PG_WAKE] = {1, 8},
};

/* The lane's statement_timeout and two seconds: a live server has answered by then. */
static const unsigned lane_stuck_ms[PG_LANES] = {
    [PG_READ] = 2800, [PG_WRITE] = 3500, [PG_SLOW] = 12000, [PG_BATCH] = 12000, [PG_WAKE] = 3500,
};

/* ---- the end of a request ---- */

static const struct {
    char sqlstate[6];
    enum err_code code;
} codes[] = {
    {"23505", ERR_DB_UNIQUE},  {"23503", ERR_DB_FOREIGN}, {"23514", ERR_DB_CHECK},
    {"23502", ERR_DB_CHECK},   {"40001", ERR_DB_SERIAL},  {"40P01", ERR_DB_SERIAL},
    {"57014", ERR_DB_TIMEOUT}, {"55P03", ERR_DB_TIMEOUT}, {"P0001", ERR_DB_RAISED},
};

static enum err_code code_of(const char *sqlstate)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (strcmp(codes[i].sqlstate, sqlstate) == 0)
            return codes[i].code;
    return ERR_DB;
}

static void error_count(const struct pg_req *r)
{
    char labels[48];

    if (r->sqlstate[0] != '\0')
        snprintf(labels, sizeof labels, "class=\"%.2s\"", r->sqlstate);
    else
        snprintf(labels, sizeof labels, "class=\"%s\"", err_name(r->err.code));
    counter_inc(counter_with(&errors, labels));
}

static void duration_count(struct pg_req *r)
{
    struct pg_stmt *s = r->stmt;
    char labels[80];

    if (s->flags & PG_ONCE)
        return;
    if (s->took == NULL) {
        snprintf(labels, sizeof labels, "statement=\"%.60s\"", s->name);
        s->took = counter_with(&took, labels);
    }
    counter_observe_us(s->took, clock_mono_us() - r->started_us);
}

static void res_release(void *res)
{
    PQclear(res);
}

/* The request leaves: its lane's counts, its result unless somebody took it, its memory. */
static void req_free(struct pg_req *r)
{
    r->lane->pg->requests--;
    PQclear(r->res);
    free(r);
}

void pg_req_finish(struct pg_req *r)
{
    struct op *op = r->record.op;

    duration_count(r);
    if (r->err.code != ERR_OK) {
        error_count(r);
        r->err.code = r->err.code == ERR_DB ? code_of(r->sqlstate) : r->err.code;
    }
    if (op != NULL && r->err.code != ERR_OK) {
        memcpy(op->sqlstate, r->sqlstate, sizeof op->sqlstate);
        op_fail_err(op, &r->err);
    } else if (op != NULL) {
        op_complete(op, r->res, res_release);
        r->res = NULL;
    }
    req_free(r);
}

void pg_req_fail(struct pg_req *r, enum err_code code, bool unknown, const char *msg)
{
    if (r->err.code == ERR_OK)
        err_set(&r->err, code, "%s", msg);
    if (r->record.op != NULL)
        r->record.op->unknown = unknown;
    pg_req_finish(r);
}

/* ---- queues ---- */

static void waiting_change(struct pg_lane_state *lane, int by)
{
    lane->waiting = (unsigned)((int)lane->waiting + by);
    counter_set(lane->waiting_gauge, lane->waiting);
}

static void req_unqueue(struct pg_req *r)
{
    list_remove(&r->node);
    waiting_change(r->lane, -1);
}

/* Nobody waits any more: a queued request is withdrawn, a sent one stays to take its answer. */
static void on_req_cancel(struct op_record *record)
{
    struct pg_req *r = container_of(record, struct pg_req, record);

    if (r->in_pipeline)
        return;
    req_unqueue(r);
    req_free(r);
}

void pg_req_again(struct pg_req *r)
{
    r->retried = true;
    r->in_pipeline = false;
    r->preparing = false;
    err_clear(&r->err);
    r->sqlstate[0] = '\0';
    PQclear(r->res);
    r->res = NULL;
    list_push_front(&r->lane->queue[PG_PRIO_HIGH], &r->node);
    waiting_change(r->lane, 1);
}

static struct pg_conn *conn_with_room(struct pg_lane_state *lane)
{
    struct pg_conn *best = NULL;

    for (unsigned i = 0; i < lane->config.connections; i++) {
        struct pg_conn *c = &lane->conns[i];

        if (c->state == PG_CONN_UP && c->depth < lane->config.in_flight &&
            (best == NULL || c->depth < best->depth))
            best = c;
    }
    return best;
}

static struct pg_req *next_waiting(struct pg_lane_state *lane)
{
    for (unsigned p = 0; p < PG_PRIOS; p++)
        if (!list_empty(&lane->queue[p]))
            return list_first(&lane->queue[p], struct pg_req, node);
    return NULL;
}

void pg_lane_pump(struct pg_lane_state *lane)
{
    int64_t now = loop_now_ms(lane->pg->loop);

    while (lane->waiting > 0) {
        struct pg_conn *c = conn_with_room(lane);
        struct pg_req *r = c != NULL ? next_waiting(lane) : NULL;

        if (r == NULL)
            return;
        req_unqueue(r);
        if (r->deadline_ms <= now)
            pg_req_fail(r, ERR_TIMEOUT, false, "waited past its deadline");
        else
            pg_conn_send(c, r);
    }
}

static unsigned lane_live(const struct pg_lane_state *lane)
{
    unsigned n = 0;

    for (unsigned i = 0; i < lane->config.connections; i++)
        n += lane->conns[i].state == PG_CONN_UP;
    return n;
}

void pg_lane_changed(struct pg_lane_state *lane, struct pg_conn *c)
{
    counter_set(lane->up_gauge, lane_live(lane));
    if (c->state == PG_CONN_UP && lane->id == PG_WAKE)
        pg_wake_connected(lane->pg);
    if (c->state == PG_CONN_UP)
        pg_lane_pump(lane);
}

/* ---- deadlines ---- */

static void queue_expire(struct pg_lane_state *lane, int64_t now)
{
    for (unsigned p = 0; p < PG_PRIOS; p++) {
        list_for_each_safe(node, &lane->queue[p])
        {
            struct pg_req *r = container_of(node, struct pg_req, node);

            if (r->deadline_ms > now)
                continue;
            req_unqueue(r);
            pg_req_fail(r, ERR_TIMEOUT, false, "waited past its deadline");
        }
    }
}

/* The op fails now; its record stays in the pipeline and takes the late answer. */
static void pipeline_expire(struct pg_conn *c, int64_t now)
{
    struct pg_req *oldest = list_first(&c->pipeline, struct pg_req, node);

    list_for_each(node, &c->pipeline)
    {
        struct pg_req *r = container_of(node, struct pg_req, node);

        if (r->deadline_ms > now || r->record.op == NULL)
            continue;
        r->record.op->unknown = true;
        op_fail(r->record.op, ERR_TIMEOUT, "%s: no answer before its deadline", r->stmt->name);
        counter_inc(counter_with(&errors, "class=\"timeout\""));
    }
    if (oldest != NULL && now - oldest->sent_ms > c->lane->stuck_ms)
        pg_conn_lost(c, "stopped answering");
}

static void on_tick(void *arg)
{
    struct pg *pg = arg;
    int64_t now = loop_now_ms(pg->loop);

    for (unsigned i = 0; i < PG_LANES; i++) {
        queue_expire(&pg->lanes[i], now);
        for (unsigned k = 0; k < pg->lanes[i].config.connections; k++)
            pipeline_expire(&pg->lanes[i].conns[k], now);
    }
    if (pg->requests > 0)
        loop_timer_set(&pg->tick, TICK_MS);
}

/* ---- running a statement ---- */

static void op_refuse(struct op *op, enum err_code code, const char *msg)
{
    op_attach(op, NULL);
    op_fail(op, code, "%s", msg);
}

void pg_exec_opts(struct pg *pg, struct op *op, const struct pg_stmt *s, const struct pg_params *p,
                  const struct pg_exec_opts *o)
{
    struct pg_lane_state *lane = &pg->lanes[s->lane];
    unsigned deadline_ms = o->deadline_ms != 0 ? o->deadline_ms : pg->config.deadline_ms;
    struct pg_req *r;
    struct err e;

    if (pg->closing || lane->config.connections == 0) {
        op_refuse(op, pg->closing ? ERR_CLOSED : ERR_BAD_CONFIG, "the lane is not open");
        return;
    }
    if (lane->waiting >= pg->config.queue_max) {
        counter_inc(counter_with(&errors, "class=\"busy\""));
        op_refuse(op, ERR_BUSY, "the lane's queue is full");
        return;
    }
    r = pg_req_new((struct pg_stmt *)(uintptr_t)s, p, &e);
    if (r == NULL) {
        op_refuse(op, e.code, e.msg);
        return;
    }
    r->lane = lane;
    r->prio = o->prio < PG_PRIOS ? o->prio : PG_PRIO_LOW;
    r->started_us = clock_mono_us();
    r->deadline_ms = loop_now_ms(pg->loop) + deadline_ms;
    r->record.on_cancel = on_req_cancel;
    op_attach(op, &r->record);
    if (pg->requests++ == 0)
        loop_timer_set(&pg->tick, TICK_MS);
    list_push_back(&lane->queue[r->prio], &r->node);
    waiting_change(lane, 1);
    pg_lane_pump(lane);
}

void pg_exec(struct pg *pg, struct op *op, const struct pg_stmt *s, const struct pg_params *p)
{
    static const struct pg_exec_opts ordinary = {.prio = PG_PRIO_NORMAL};

    pg_exec_opts(pg, op, s, p, &ordinary);
}

/* ---- opening and closing ---- */

void pg_config_defaults(struct pg_config *c)
{
    memset(c, 0, sizeof *c);
    memcpy(c->lanes, lane_defaults, sizeof c->lanes);
}

static unsigned or_default(unsigned given, unsigned fallback)
{
    return given != 0 ? given : fallback;
}

static char *copy(const char *s)
{
    char *c = strdup(s != NULL ? s : "coko");

    if (c == NULL)
        abort();
    return c;
}

static void lane_init(struct pg *pg, enum pg_lane id)
{
    struct pg_lane_state *lane = &pg->lanes[id];
    char labels[32];

    lane->pg = pg;
    lane->id = id;
    lane->config = pg->config.lanes[id];
    lane->config.connections = MIN(lane->config.connections, PG_CONNS_MAX);
    lane->config.in_flight = or_default(lane->config.in_flight, 1);
    lane->stuck_ms = lane_stuck_ms[id];
    snprintf(labels, sizeof labels, "lane=\"%s\"", pg_lane_name(id));
    lane->up_gauge = counter_with(&pool_up, labels);
    lane->waiting_gauge = counter_with(&pool_waiting, labels);
    for (unsigned p = 0; p < PG_PRIOS; p++)
        list_init(&lane->queue[p]);
    lane->conns = calloc(lane->config.connections + 1, sizeof *lane->conns);
    if (lane->conns == NULL)
        abort();
    for (unsigned i = 0; i < lane->config.connections; i++) {
        pg_conn_init(&lane->conns[i], lane);
        pg_conn_start(&lane->conns[i]);
    }
}

struct pg *pg_open(struct loop *l, const struct pg_config *c, struct err *e)
{
    char *fault = NULL;
    PQconninfoOption *parsed = PQconninfoParse(c->url, &fault);
    struct pg *pg;

    if (parsed == NULL) {
        /* libpq quotes the whole url, password included: its words are not passed on */
        err_set(e, ERR_BAD_CONFIG, "the PostgreSQL url cannot be read");
        PQfreemem(fault);
        return NULL;
    }
    PQconninfoFree(parsed);
    pg = calloc(1, sizeof *pg);
    if (pg == NULL)
        abort();
    pg->loop = l;
    pg->config = *c;
    pg->url = copy(c->url);
    pg->application_name = copy(c->application_name);
    pg->config.queue_max = or_default(c->queue_max, PG_QUEUE_MAX);
    pg->config.connect_timeout_ms = or_default(c->connect_timeout_ms, 3000);
    pg->config.reconnect_min_ms = or_default(c->reconnect_min_ms, 50);
    pg->config.reconnect_max_ms = or_default(c->reconnect_max_ms, 1000);
    pg->config.deadline_ms = or_default(c->deadline_ms, 3000);
    loop_timer_init(&pg->tick, l, on_tick, pg);
    for (unsigned i = 0; i < PG_LANES; i++)
        lane_init(pg, (enum pg_lane)i);
    return pg;
}

static void lane_fini(struct pg_lane_state *lane)
{
    struct pg_req *r;

    while ((r = next_waiting(lane)) != NULL) {
        req_unqueue(r);
        pg_req_fail(r, ERR_CLOSED, false, "closed");
    }
    for (unsigned i = 0; i < lane->config.connections; i++)
        pg_conn_fini(&lane->conns[i]);
    free(lane->conns);
}

void pg_close(struct pg *pg)
{
    if (pg == NULL)
        return;
    pg->closing = true;
    pg_wake_stop(pg);
    for (unsigned i = 0; i < PG_LANES; i++)
        lane_fini(&pg->lanes[i]);
    pg_wake_fini(pg);
    assert(pg->requests == 0);
    loop_timer_clear(&pg->tick);
    free(pg->url);
    free(pg->application_name);
    free(pg);
}

bool pg_lane_up(const struct pg *pg, enum pg_lane lane)
{
    return lane_live(&pg->lanes[lane]) > 0;
}

bool pg_up(const struct pg *pg)
{
    for (unsigned i = 0; i < PG_LANES; i++)
        if (pg->lanes[i].config.connections > 0 && lane_live(&pg->lanes[i]) == 0)
            return false;
    return true;
}

unsigned pg_lane_waiting(const struct pg *pg, enum pg_lane lane)
{
    return pg->lanes[lane].waiting;
}
