/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL: pipelined connections in lanes, and our own bounded queue before each lane.
 *
 * A statement's row names its lane; a lane opens its connections with its own settings:
 *
 *   lane      connections  in flight  settings
 *   PG_READ   2            8          read only, statement_timeout 800 ms, generic plans
 *   PG_WRITE  4            2          no sequential scan, statement_timeout 1500 ms, lock_timeout
 *                                     300 ms, generic plans
 *   PG_SLOW   1            1          search, exports, admin: statement_timeout 10 s, generic plans
 *   PG_BATCH  4            1          no hash or merge join, no sequential scan, 10 s, generic plans
 *   PG_WAKE   1            8          LISTEN and NOTIFY, synchronous_commit off
 *
 * All with jit off. Plans are made once a connection, so a statement must be a lookup on the tables of the
 * first minute too (tests/integration/test_sql_grown.py).
 *
 * Each request ends with its own sync, so neighbours in a pipeline never fail together. A statement
 * is prepared on its first use on a connection; SQLSTATE 0A000 (cached plan) and 26000 (no such
 * statement) prepare and send again once, never with PG_MONEY. PQcancel is never used.
 *
 * A request that waits in the queue is failed at its deadline with ERR_TIMEOUT and was not executed.
 * A request that was sent when its connection died fails with ERR_DB and op->unknown set: it may
 * have been executed. A request past its deadline after it was sent fails with ERR_TIMEOUT and
 * op->unknown; its answer is dropped when it comes.
 *
 * libpq looks a host's name up inside PQconnectStart and blocks meanwhile: give hostaddr=, a number or
 * a socket's folder where the resolver is not on the same machine.
 *
 * Order of calls: pg_open; pg_exec any number of times; pg_close (fails what is left).
 * Never: sends SQL text built from input; re-sends a write on its own.
 */
#ifndef COKO_IO_PG_H
#define COKO_IO_PG_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/io/loop.h"
#include "gateway/io/op.h"
#include "gateway/lib/base.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"

#define PG_STMT_MAX   1024 /* statements of one process, static and loaded */
#define PG_PARAMS_MAX 32
#define PG_BODY_MAX   (2u << 20) /* bytes of all parameters of one request */
#define PG_QUEUE_MAX  256        /* waiting requests of one lane */

enum pg_lane { PG_READ, PG_WRITE, PG_SLOW, PG_BATCH, PG_WAKE, PG_LANES };

/* Who is served first when a lane's queue is not empty. */
enum pg_prio { PG_PRIO_HIGH, PG_PRIO_NORMAL, PG_PRIO_LOW, PG_PRIOS };

struct counter;

enum pg_stmt_flags {
    PG_MONEY = 1u << 0, /* moves money: never sent twice, whatever the error */
    PG_ONCE = 1u << 1,  /* sent without preparing: utility statements */
    PG_TEXT = 0,        /* results come as text: the only format in use */
};

/* One statement: a constant row, or one loaded from a file at run time. */
struct pg_stmt {
    const char *name; /* unique, [a-z0-9_.]: the metric label and the prepared name */
    const char *sql;  /* one statement, parameters $1..$n */
    enum pg_lane lane;
    unsigned nparams;
    unsigned flags;
    unsigned id;          /* set at registration: index of the bitset a connection */
    struct counter *took; /* its histogram, set at first use */
    struct pg_stmt *next; /* the list of all statements */
};

/*
 * Defines and registers `static struct pg_stmt var`. With flags: PG_STMT_FLAGS.
 *   PG_STMT(find_user, "auth.find_user", PG_READ, 1, "SELECT id FROM auth.users WHERE key = $1")
 */
#define PG_STMT(var, name_, lane_, nparams_, sql_)                                                 \
    PG_STMT_FLAGS(var, name_, lane_, nparams_, 0, sql_)
#define PG_STMT_FLAGS(var, name_, lane_, nparams_, flags_, sql_)                                   \
    static struct pg_stmt var = {.name = (name_),                                                  \
                                 .sql = (sql_),                                                    \
                                 .lane = (lane_),                                                  \
                                 .nparams = (nparams_),                                            \
                                 .flags = (flags_)};                                               \
    __attribute__((constructor)) static void var##_register(void)                                  \
    {                                                                                              \
        pg_stmt_register(&var);                                                                    \
    }                                                                                              \
    struct pg_stmt /* swallows the caller's semicolon */

/* Puts a row with static life on the list. Called by PG_STMT before main. */
void pg_stmt_register(struct pg_stmt *s);

/*
 * A statement from a file: strings are copied, the row lives until the process ends or until
 * pg_stmt_free_all. NULL and err for a name already taken, a bad name, too many parameters.
 */
struct pg_stmt *pg_stmt_new(const char *name, const char *sql, enum pg_lane lane, unsigned nparams,
                            unsigned flags, struct err *e);

/* Frees every statement made by pg_stmt_new. For a clean exit; no pg may be open. */
void pg_stmt_free_all(void);

/* The list of all statements, in no particular order. */
const struct pg_stmt *pg_stmt_first(void);
const struct pg_stmt *pg_stmt_find(const char *name);

/* "read", "write", "slow", "batch", "wake". */
const char *pg_lane_name(enum pg_lane lane);
/* 0 and *lane, or -1 when the word names no lane. */
MUST_CHECK int pg_lane_parse(const char *word, enum pg_lane *lane);

/*
 * Parameters of one request. Pointers are kept until pg_exec, which copies the bytes: values may
 * live on the stack. A fault (too many, NUL inside a text) is sticky and fails the request.
 */
struct pg_params {
    unsigned n;
    bool bad;
    struct {
        const void *data; /* NULL: SQL NULL; the number itself when is_int */
        size_t len;
        int64_t number;
        bool is_int;
        bool binary;
    } v[PG_PARAMS_MAX];
};

void pg_params_init(struct pg_params *p);
void pg_p_text(struct pg_params *p, const char *text); /* NULL gives SQL NULL */
void pg_p_str(struct pg_params *p, struct str text);   /* .p NULL gives SQL NULL */
void pg_p_int(struct pg_params *p, int64_t number);    /* smallint, int or bigint */
void pg_p_bool(struct pg_params *p, bool truth);
void pg_p_bytea(struct pg_params *p, const void *data, size_t len);
void pg_p_null(struct pg_params *p);

struct pg_lane_config {
    unsigned connections; /* 0: the lane is not opened, its statements fail with ERR_BAD_CONFIG */
    unsigned in_flight;   /* requests in one pipeline */
};

struct pg_config {
    const char *url;              /* postgresql://... or keyword = value */
    const char *application_name; /* may be NULL */
    struct pg_lane_config lanes[PG_LANES];
    unsigned queue_max;          /* waiting requests a lane; 0: PG_QUEUE_MAX */
    unsigned connect_timeout_ms; /* one attempt; 0: 3000 */
    unsigned reconnect_min_ms; /* first pause; 0: 50. Doubles with jitter up to reconnect_max_ms */
    unsigned reconnect_max_ms; /* 0: 1000 */
    unsigned deadline_ms;      /* of a request without its own; 0: 3000 */
};

/* The table above; batch 0 unless the caller owns a bind or runs jobs. */
void pg_config_defaults(struct pg_config *c);

struct pg_exec_opts {
    enum pg_prio prio;
    unsigned deadline_ms; /* from now: queue + execution; 0: the configured one */
};

struct pg;

/* Starts connecting and returns at once; requests wait meanwhile. NULL and err for a bad url. */
struct pg *pg_open(struct loop *l, const struct pg_config *c, struct err *e);

/* Fails every waiting and sent request (ERR_CLOSED), closes the connections. NULL is allowed. */
void pg_close(struct pg *pg);

/* True when every opened lane has a live connection. */
bool pg_up(const struct pg *pg);
/* True when the lane has a live connection. */
bool pg_lane_up(const struct pg *pg, enum pg_lane lane);
/* Requests waiting in our queue before this lane. */
unsigned pg_lane_waiting(const struct pg *pg, enum pg_lane lane);

/*
 * Runs a statement; op completes with a PGresult (see pg_result) or fails:
 * ERR_BUSY queue full, ERR_TIMEOUT deadline, ERR_DB error or lost connection (op->sqlstate,
 * op->unknown), ERR_BAD_INPUT bad parameters, ERR_BAD_CONFIG lane not opened, ERR_CLOSED.
 * p may be NULL for a statement without parameters.
 */
void pg_exec(struct pg *pg, struct op *op, const struct pg_stmt *s, const struct pg_params *p);
void pg_exec_opts(struct pg *pg, struct op *op, const struct pg_stmt *s, const struct pg_params *p,
                  const struct pg_exec_opts *o);

/* The result of a finished op; it lives until op_release. NULL when it failed. */
PGresult *pg_result(const struct op *op);
/* Number of rows; 0 when it failed. */
int pg_rows(const struct op *op);
/* Column number by name, -1 when absent. */
int pg_col(const struct op *op, const char *name);
bool pg_is_null(const struct op *op, int row, int col);
/* NUL-terminated text; "" for NULL or a column out of range. */
const char *pg_text(const struct op *op, int row, int col);
struct str pg_str(const struct op *op, int row, int col);
/* The number; 0 for NULL or what is no number. */
int64_t pg_i64(const struct op *op, int row, int col);
/* True for 't'. */
bool pg_bool(const struct op *op, int row, int col);
/* Decodes a bytea column into out; length, 0 for NULL, -1 for no bytea or over cap. */
MUST_CHECK ptrdiff_t pg_bytea(const struct op *op, int row, int col, void *out, size_t cap);

/*
 * Marks a topic ([a-z_], at most 31) dirty: at most one NOTIFY each PG_WAKE_MS leaves, whatever the
 * number of marks. Call it after the commit. Best effort: consumers also poll.
 */
#define PG_WAKE_MS 20
void pg_wake_dirty(struct pg *pg, const char *topic);

/*
 * fn(arg, topic) at each notification, ours included, and once after each (re)connect of the wake
 * connection. The topic's string must live as long as pg. Needs an opened PG_WAKE lane.
 */
void pg_wake_listen(struct pg *pg, const char *topic, void (*fn)(void *arg, const char *topic),
                    void *arg);

#endif
