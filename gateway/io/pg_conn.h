/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the PostgreSQL client: lanes, connections, requests. Shared by pg.c (lanes and queues),
 * pg_conn.c (one connection), pg_stmt.c (statements, parameters) and pg_wake.c (LISTEN / NOTIFY).
 * Nobody else includes it.
 */
#ifndef COKO_IO_PG_CONN_H
#define COKO_IO_PG_CONN_H

#include "gateway/io/pg.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/list.h"
#include "gateway/lib/log.h"

#define PG_CONNS_MAX  16 /* of one lane */
#define PG_TOPICS_MAX 16

/* One request: the record of its op, in a lane's queue or in a connection's pipeline. */
struct pg_req {
    struct op_record record; /* first */
    struct list node;
    struct pg_lane_state *lane;
    struct pg_stmt *stmt;
    int64_t deadline_ms;
    int64_t started_us;
    int64_t sent_ms;
    enum pg_prio prio;
    bool in_pipeline;
    bool preparing; /* a Parse message went ahead of it */
    bool retried;
    PGresult *res;
    struct err err;
    char sqlstate[6];
    unsigned nparams;
    int *lengths, *formats; /* nparams each, behind values; then the parameters' bytes */
    const char *values[];
};

enum pg_conn_state { PG_CONN_DOWN, PG_CONN_CONNECTING, PG_CONN_UP };

struct pg_conn {
    struct pg_lane_state *lane;
    PGconn *c;
    enum pg_conn_state state;
    struct event rd, wr;
    struct list pipeline; /* requests sent, oldest first */
    unsigned depth;
    struct loop_timer timer; /* CONNECTING: its timeout; DOWN: the next attempt */
    unsigned backoff_ms;
    bool told_down; /* the fault was logged */
    uint64_t prepared[PG_STMT_MAX / 64];
    unsigned char generation[PG_STMT_MAX]; /* a new name each time a plan became stale */
};

struct pg_lane_state {
    struct pg *pg;
    enum pg_lane id;
    struct pg_lane_config config;
    unsigned stuck_ms; /* a sent request older than this: the connection is dead */
    struct pg_conn *conns;
    struct list queue[PG_PRIOS];
    unsigned waiting;
    struct counter *up_gauge, *waiting_gauge;
};

struct pg_topic {
    char name[32];
    struct pg_stmt listen, notify;
    char listen_sql[64], notify_sql[64];
    struct op listen_op, notify_op;
    bool dirty;
    int64_t sent_ms;
    void (*fn)(void *arg, const char *topic);
    void *arg;
    const char *given; /* the caller's string */
};

struct pg {
    struct loop *loop;
    struct pg_config config;
    char *url, *application_name;
    struct pg_lane_state lanes[PG_LANES];
    unsigned requests; /* waiting and sent */
    struct loop_timer tick;
    struct pg_topic *topics[PG_TOPICS_MAX];
    unsigned ntopics;
    struct loop_timer wake_timer;
    bool closing;
};

/* ---- pg_stmt.c ---- */

/* A request with its parameters copied; NULL and err when they do not fit the statement. */
struct pg_req *pg_req_new(struct pg_stmt *s, const struct pg_params *p, struct err *e);

/* ---- pg.c ---- */

/* Finished, in order: its op completes or fails (if anybody waits), the request is freed. */
void pg_req_finish(struct pg_req *r);
/* The same after an error that is set here; unknown: it may have been executed. */
void pg_req_fail(struct pg_req *r, enum err_code code, bool unknown, const char *msg);
/* Back to the front of its lane's queue, to be prepared again. */
void pg_req_again(struct pg_req *r);
/* Sends what waits as far as connections have room. */
void pg_lane_pump(struct pg_lane_state *lane);
/* A connection came up or went down. */
void pg_lane_changed(struct pg_lane_state *lane, struct pg_conn *c);

/* ---- pg_conn.c ---- */

void pg_conn_init(struct pg_conn *c, struct pg_lane_state *lane);
void pg_conn_start(struct pg_conn *c);
void pg_conn_send(struct pg_conn *c, struct pg_req *r);
/* The connection is given up: its requests fail as unknown; the next attempt is timed. */
void pg_conn_lost(struct pg_conn *c, const char *why);
void pg_conn_fini(struct pg_conn *c);

/* ---- pg_wake.c ---- */

void pg_wake_connected(struct pg *pg);
void pg_wake_notified(struct pg *pg, const char *topic);
/* Nobody waits for LISTEN and NOTIFY any more; then, after the lanes, the topics are freed. */
void pg_wake_stop(struct pg *pg);
void pg_wake_fini(struct pg *pg);

#endif
