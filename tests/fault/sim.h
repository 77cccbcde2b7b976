/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seeded simulation of the charge machine: gateway/money as it is, on a loop, a network and a
 * clock of our own, with the real functions in a real PostgreSQL, against a rail that keeps its own
 * books.
 *
 *   sim_main    seeds, phases, the sweep of crashes; prints the seed and what it broke
 *   sim_loop    time: one queue of events, and gateway/io/loop.h on it
 *   sim_pg      gateway/io/pg.h: one connection a daemon; stalls, lost answers, crashes at writes
 *   sim_http    gateway/io/http_client.h and the callbacks' side of http_server.h: loss, delay,
 *               copies, cut answers
 *   sim_rail    the rail: its books, its answers, its lies; sim_payer: prompts, debits, callbacks
 *   sim_refund  the rail's refunds
 *   sim_daemon  two daemons that race, die and start anew
 *   sim_world   readers who dial, dial again and pay anew; persons who refund
 *   sim_check   the oracles: I1-I13 and "rail debits = grants + credits + refunds + review"
 *
 * Nothing here reads the machine's clock or its randomness: one seed, one story. Everything runs on
 * one thread, an event after the other; what two sessions of PostgreSQL do at the same instant is
 * the matter of tests/integration/test_sql_*.py.
 */
#ifndef COKO_TESTS_SIM_H
#define COKO_TESTS_SIM_H

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/io/http_client.h"
#include "gateway/io/http_server.h"
#include "gateway/io/pg.h"
#include "gateway/lib/seal.h"
#include "gateway/money/money_parts.h"

#define SIM_DAEMONS 2
#define SIM_WORLD   (-1) /* an event that outlives every daemon */
#define SIM_SECOND  INT64_C(1000000)
#define SIM_MINUTE  (60 * SIM_SECOND)
#define SIM_HOUR    (60 * SIM_MINUTE)

/* ---- chance ---- */

/* A number below n (n > 0). */
uint64_t sim_below(uint64_t n);
/* True p times in a thousand; never once the faults are off (for faults only: sim_fault). */
bool sim_chance(unsigned per_thousand);
/* A moment from lo to hi microseconds. */
int64_t sim_span(int64_t lo, int64_t hi);

/* How often each fault strikes in this seed, in a thousand; most are 0 in most seeds. */
enum sim_fault {
    FAULT_NOT_SENT,    /* no connection: not a byte left */
    FAULT_LOST,        /* the request never arrives */
    FAULT_REPLY_LOST,  /* it arrives, its answer does not */
    FAULT_DELAY,       /* seconds to minutes on the way */
    FAULT_TWICE,       /* a request arrives twice */
    FAULT_CUT,         /* the answer ends in its middle */
    FAULT_HTML,        /* a page instead of an answer */
    FAULT_THROTTLED,   /* 429 */
    FAULT_ERROR,       /* 5xx, before or after the work */
    FAULT_REDIRECT,    /* 302 */
    FAULT_DENIED,      /* 404 for what the rail has */
    FAULT_STALE,       /* PENDING for what has ended */
    FAULT_ODD_WORD,    /* a status never published */
    FAULT_WRONG_MONEY, /* another amount, currency, reference or transaction */
    FAULT_TOKEN,       /* tokens that end early, and none */
    FAULT_CALLBACK,    /* lost, late, copied, repeated for hours */
    FAULT_FORGED,      /* a callback by somebody who knows the address */
    FAULT_DB_LOST,     /* the statement, or its answer, is lost */
    FAULT_DB_SLOW,     /* past the deadline */
    FAULT_WAKE_LOST,
    FAULT_CRASH,
    FAULT_PAUSE, /* a daemon sleeps over its leases */
    FAULT_CLOCK, /* the database's and the host's clocks step */
    FAULTS,
};

/* Does it strike now? Always false in the liveness phase. */
bool sim_fault(enum sim_fault f);

/* ---- the simulation as a whole ---- */

struct sim {
    uint64_t seed;
    uint64_t play;     /* on this database: its readers and steps are its own */
    int64_t now;       /* microseconds since 1970, of an observer outside */
    int64_t db_skew;   /* ops.now() is so much ahead */
    int64_t wall_skew; /* of the daemons' wall clock */
    bool calm;         /* the liveness phase: no faults */
    bool over;         /* the seed has ended: events free what they hold and do nothing */
    bool small;        /* one reader, two purchases: for the sweep */
    unsigned rate[FAULTS];
    unsigned struck[FAULTS];
    unsigned writes;   /* statements of daemons, run or about to run */
    unsigned crash_at; /* 1..: the daemon of this statement dies at it; 0: by chance alone */
    bool crash_after;  /* after its commit, before its answer */
    unsigned events;
    bool verbose;
    unsigned violations;
    const struct seal_ring *ring;
};
extern struct sim sim;

/* Something that must not be. rule: "I3", "M4", ... Printed with the seed and the time. */
void sim_violation(const char *rule, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* One line of the story, with --verbose. */
void sim_say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* ---- time (sim_loop) ---- */

/*
 * fn(arg) at `at`, in the order of time and then of the calls. A daemon that is paused gets its
 * events when it wakes; one that died as well: fn sees by its op that nobody waits.
 */
void sim_at(int64_t at, int daemon, void (*fn)(void *arg), void *arg);

/* Runs the next event and what it completed; false when there is none before `until`. */
bool sim_step(int64_t until);

struct loop *sim_loop_of(int daemon);
/* Hands out what is ready and reaps what was deferred, in every loop. */
void sim_drain(void);

/* What lies in the queue is called with `sim.over` set, to free itself: between two seeds. */
void sim_queue_clear(void);
/* The work of the periodic claims may have changed, and with a callback that of its match: they look
 * again. */
void sim_work_changed(bool callback);

/* ---- the database (sim_pg) ---- */

/* One session. All time in it is sim.now + sim.db_skew. */
struct sim_db {
    PGconn *conn;
    bool prepared[PG_STMT_MAX]; /* of the daemons' statements, by their id */
    uint64_t own[64];           /* of the simulation's: hashes of their texts */
    unsigned nown;
};

void sim_db_open(struct sim_db *db, const char *url);
void sim_db_close(struct sim_db *db);
/* The session's random() from here on. */
void sim_db_seed(struct sim_db *db, uint64_t seed);

/*
 * A statement with text parameters (NULL: SQL NULL), in its own transaction or the one begun. An
 * error of any kind but a lock not had is a violation. The caller clears the result; NULL on error.
 */
PGresult *sim_db_run(struct sim_db *db, const char *doing, const char *sql, int n, ...);

/* The first field of the first row as a number; 0 when there is none. */
int64_t sim_db_number(struct sim_db *db, const char *doing, const char *sql, int n, ...);

/* The sessions of the daemons. */
struct pg *sim_pg_of(int daemon);
void sim_pg_open(const char *url);
void sim_pg_close(void);
void sim_pg_seed(uint64_t seed);
/* Forgets who listened. */
void sim_pg_crashed(int daemon);
/* The topic's listeners are called, 20 ms from now. */
void sim_wake(const char *topic);
/* Microseconds of the observer's clock at which the next charge or refund is due; INT64_MAX: never. */
int64_t sim_next_due(void);
/* The one session for everything that is no daemon. */
extern struct sim_db sim_world_db;

/* ---- the network (sim_http) ---- */

struct http_client *sim_client_of(int daemon);
/* Callbacks that this daemon had taken and not answered are connections that broke. */
void sim_http_crashed(int daemon);

#define SIM_REFUND_PATH "/disbursement/v1_0/refund"

/* A request as the rail gets it; strings are terminated. */
struct sim_request {
    const char *method, *path, *body;
    const char *headers[12]; /* "Name: value", NULL ends */
};

/* What an answer tells; what is recorded after it is judged by this. */
enum sim_told {
    TOLD_NOTHING, /* none, a page, an error, half of one, an odd word: it ends no charge (M4, I12) */
    TOLD_TRUTH,
    TOLD_WRONG, /* other money: it settles no charge (I8) */
    TOLD_THERE, /* the rail has it already: it waits, and nothing ends */
};

struct sim_reply {
    int status;
    enum sim_told told;
    bool html;
    char body[2048];
};

/* The value of a header of the request; "" when absent. */
const char *sim_request_header(const struct sim_request *rq, const char *name);

/*
 * A callback to the first daemon that lives, answered later: done(arg, status), 0 for a connection
 * that broke. path begins with the rail's code.
 */
void sim_callback(const char *method, const char *path, const char *body,
                  void (*done)(void *arg, int status), void *arg);

/* ---- the rail (sim_rail) ---- */

void sim_rail_clear(void);
/* Serves a call that arrived. */
void sim_rail_call(const struct sim_request *rq, struct sim_reply *rs);
/* The rail's books, for the oracle: see sim.sql. The caller owns it. */
json_t *sim_rail_books(void);
/* ---- daemons (sim_daemon) ---- */

void sim_daemons_open(void);
void sim_daemons_start(void);
void sim_daemons_stop(void);
void sim_daemons_close(void);
/* Drops the machine's memory and starts a new one a moment later. Not inside one of its calls. */
void sim_daemon_crash(int daemon);
/* The machine of a daemon that lives and is awake; NULL otherwise. */
struct money *sim_daemon_money(int daemon);
/* When its events may run: now, or when its pause ends. */
int64_t sim_daemon_awake_at(int daemon);
/* True when t is its walk to the database for due work, or for unmatched callbacks. */
bool sim_is_claim(const struct loop_timer *t);
bool sim_is_match(const struct loop_timer *t);

/* ---- people (sim_world) ---- */

/* This seed's readers and persons, and what they will do before `until`. */
void sim_world_start(int64_t until);
/* The ids of the readers, as a PostgreSQL array. */
const char *sim_world_users(void);
/* A reader's number must stand in no log (I11). Numbers of the seed; NULL after the last. */
const char *sim_world_number(size_t i);

/* ---- the oracles (sim_check) ---- */

/* A new seed: nothing was sent, and the log is empty. */
void sim_check_begin(void);

/*
 * A submit is about to leave: it has its row and its attempt (I2), the charge never had another
 * reference (I3), its money is the row's (I8), and an earlier one that may have left was denied by the
 * rail three times (M4). leaves: not a connection that was refused.
 */
void sim_check_submit(bool refund, const char *our_ref, const char *amount, const char *currency,
                      bool leaves);
/* The machine was given an answer about this reference. */
void sim_check_answer(int daemon, const char *our_ref, bool submit, const struct sim_reply *rs);
/* A daemon claimed this charge: it knows nothing yet. */
void sim_check_claimed(int daemon, const char *charge_id, const char *our_ref);
/* What a daemon that records an event of this charge was told: "charge.event:wrong" ... */
const char *sim_check_doing(int daemon, const char *charge_id);
/* After the liveness phase. */
void sim_check_all(void);
/* Debits that only a statement could bring: their charges are asked about once more. How many. */
unsigned sim_check_statement(void);

#endif
