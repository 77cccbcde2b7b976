/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway/io/pg.h for the simulation: the daemons' own statements, run on a real PostgreSQL, one
 * after the other, each with its moment of the simulated time.
 *
 *   pg_exec -> on its way -> run -> its answer on its way -> done
 *                |            |          |
 *                lost         |          lost or late: failed, and carried out
 *                             +-- a crash before, or right after (sim.crash_at, FAULT_CRASH)
 *
 * A daemon that dies leaves its statements on their way: each runs or not, by chance, as with a
 * connection that broke.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/sim.h"

#define DEADLINE_US (3 * SIM_SECOND)
#define WAKE_US     20000
#define TOPICS_MAX  4

struct pg {
    int daemon;
    struct sim_db db;
    struct {
        const char *topic;
        void (*fn)(void *arg, const char *topic);
        void *arg;
    } listen[TOPICS_MAX];
    size_t nlisten;
};

/* A statement in flight. Freed when its answer was delivered or dropped. */
struct request {
    struct op_record record;
    struct pg *pg;
    const struct pg_stmt *stmt;
    unsigned n;
    char *value[PG_PARAMS_MAX];
    int len[PG_PARAMS_MAX];
    int binary[PG_PARAMS_MAX];
    bool answered; /* by its deadline */
    PGresult *res;
    char sqlstate[6];
};

struct sim_db sim_world_db;
static struct pg pgs[SIM_DAEMONS];

/* ---- one session ---- */

void sim_db_open(struct sim_db *db, const char *url)
{
    *db = (struct sim_db){.conn = PQconnectdb(url)};
    if (PQstatus(db->conn) != CONNECTION_OK) {
        fprintf(stderr, "money_sim: %s", PQerrorMessage(db->conn));
        exit(2);
    }
    PQclear(PQexec(db->conn, "set client_min_messages = error; set lock_timeout = '20ms';"
                             "set statement_timeout = '30s'; set jit = off;"
                             "set plan_cache_mode = force_generic_plan"));
    PQclear(PQprepare(db->conn, "sim.set",
                      "select set_config('sim.us', $1, false), set_config('sim.doing', $2, false),"
                      " set_config('sim.told', $3, false)",
                      3, NULL));
}

void sim_db_close(struct sim_db *db)
{
    PQfinish(db->conn);
    db->conn = NULL;
}

void sim_db_seed(struct sim_db *db, uint64_t seed)
{
    char text[64];

    snprintf(text, sizeof text, "select setseed(%f)", (double)(seed % 1000003) / 1000003);
    PQclear(PQexec(db->conn, text));
}

/* The moment of the next statement. One flush carries both. told: a JSON object, what each charge's own
 * moves are done by, where it is not doing; NULL: none. */
static void set_moment(struct sim_db *db, const char *doing, const char *told)
{
    char us[24];
    const char *values[] = {us, doing, told ? told : "{}"};

    snprintf(us, sizeof us, "%lld", (long long)(sim.now + sim.db_skew));
    PQsendQueryPrepared(db->conn, "sim.set", 3, values, NULL, NULL, 0);
}

/* The results of the pipeline; that of its second statement. */
static PGresult *collect(struct sim_db *db)
{
    PGresult *last = NULL, *res;
    unsigned ends = 0; /* a NULL ends the results of each statement */
    bool synced = false;

    while (!synced) {
        res = PQgetResult(db->conn);
        if (!res) {
            ends++;
            assert(ends < 8);
            continue;
        }
        synced = PQresultStatus(res) == PGRES_PIPELINE_SYNC;
        if (!synced && ends == 1) {
            PQclear(last);
            last = res;
        } else {
            PQclear(res);
        }
    }
    return last;
}

static PGresult *run_named(struct sim_db *db, const char *doing, const char *told, const char *name,
                           unsigned n, char *const *values, const int *lens, const int *binary)
{
    PGresult *res;

    if (PQtransactionStatus(db->conn) == PQTRANS_INERROR)
        PQclear(PQexec(db->conn, "rollback"));
    PQenterPipelineMode(db->conn);
    set_moment(db, doing, told);
    PQsendQueryPrepared(db->conn, name, (int)n, (const char *const *)values, lens, binary, 0);
    PQpipelineSync(db->conn);
    res = collect(db);
    PQexitPipelineMode(db->conn);
    return res;
}

static bool worked(const PGresult *res)
{
    return PQresultStatus(res) == PGRES_TUPLES_OK || PQresultStatus(res) == PGRES_COMMAND_OK;
}

static const char *sqlstate(const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    return state ? state : "?????";
}

/* A lock not had is the world's; any other error of ours is a bug of ours. */
static void judge_error(const char *doing, const PGresult *res)
{
    if (strcmp(sqlstate(res), "55P03") != 0)
        sim_violation("sql", "%s: %s %s", doing, sqlstate(res),
                      PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY));
}

/* Statements of the simulation itself: prepared under a name made of their text. */
static const char *prepared_name(struct sim_db *db, const char *sql, int n)
{
    static char name[32];
    uint64_t h = 1469598103934665603u;

    for (const char *p = sql; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    snprintf(name, sizeof name, "own.%016llx", (unsigned long long)h);
    for (unsigned i = 0; i < db->nown; i++) {
        if (db->own[i] == h)
            return name;
    }
    PGresult *res = PQprepare(db->conn, name, sql, n, NULL);

    if (!worked(res) || db->nown == ARRAY_LEN(db->own)) {
        fprintf(stderr, "money_sim: %s: %s", sql, PQerrorMessage(db->conn));
        exit(2);
    }
    PQclear(res);
    db->own[db->nown++] = h;
    return name;
}

PGresult *sim_db_run(struct sim_db *db, const char *doing, const char *sql, int n, ...)
{
    char *values[PG_PARAMS_MAX];
    const char *name = prepared_name(db, sql, n);
    PGresult *res;
    va_list ap;

    va_start(ap, n);
    for (int i = 0; i < n; i++)
        values[i] = va_arg(ap, char *);
    va_end(ap);
    res = run_named(db, doing, NULL, name, (unsigned)n, values, NULL, NULL);
    sim_work_changed(false);
    if (worked(res))
        return res;
    judge_error(doing, res);
    PQclear(res);
    return NULL;
}

int64_t sim_db_number(struct sim_db *db, const char *doing, const char *sql, int n, ...)
{
    char *values[PG_PARAMS_MAX];
    const char *name = prepared_name(db, sql, n);
    PGresult *res;
    int64_t number = 0;
    va_list ap;

    va_start(ap, n);
    for (int i = 0; i < n; i++)
        values[i] = va_arg(ap, char *);
    va_end(ap);
    res = run_named(db, doing, NULL, name, (unsigned)n, values, NULL, NULL);
    if (!worked(res))
        judge_error(doing, res);
    else if (PQntuples(res) > 0)
        number = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    return number;
}

int64_t sim_next_due(void)
{
    static const char sql[] =
        "select coalesce(extract(epoch from least((select min(due_at) from billing.charge),"
        " (select min(due_at) from billing.refund))) * 1000000, 0)::bigint";
    int64_t due = sim_db_number(&sim_world_db, "next_due", sql, 0);

    return due == 0 ? INT64_MAX : due - sim.db_skew;
}

/* ---- the daemons' sessions ---- */

struct pg *sim_pg_of(int daemon)
{
    return &pgs[daemon];
}

void sim_pg_open(const char *url)
{
    for (int i = 0; i < SIM_DAEMONS; i++) {
        pgs[i] = (struct pg){.daemon = i};
        sim_db_open(&pgs[i].db, url);
    }
}

void sim_pg_close(void)
{
    for (int i = 0; i < SIM_DAEMONS; i++)
        sim_db_close(&pgs[i].db);
}

void sim_pg_seed(uint64_t seed)
{
    for (int i = 0; i < SIM_DAEMONS; i++)
        sim_db_seed(&pgs[i].db, seed * 3 + (uint64_t)i);
}

static void request_free(struct request *r)
{
    if (r->record.op) {
        r->record.op->record = NULL;
        r->record.op = NULL;
    }
    for (unsigned i = 0; i < r->n; i++)
        free(r->value[i]);
    PQclear(r->res);
    free(r);
}

static void release_result(void *res)
{
    PQclear(res);
}

static void fail(struct request *r, enum err_code code, bool unknown)
{
    struct op *op = r->record.op;

    if (!op)
        return;
    op->unknown = unknown;
    snprintf(op->sqlstate, sizeof op->sqlstate, "%s", r->sqlstate);
    op_fail(op, code, "simulated");
}

/* The answer is here: success, an error of the server, or nothing at all. */
static void on_answer(void *arg)
{
    struct request *r = arg;

    if (!sim.over && r->record.op && !r->answered) {
        if (r->res) {
            op_complete(r->record.op, r->res, release_result);
            r->res = NULL;
        } else {
            fail(r, ERR_DB, !*r->sqlstate);
        }
    }
    request_free(r);
}

/* Longer than the deadline: the daemon was told that nobody knows. */
static void on_late_answer(void *arg)
{
    struct request *r = arg;

    if (!sim.over)
        fail(r, ERR_TIMEOUT, true);
    request_free(r);
}

/* Of the answers that a statement records: {"7": "charge.event:truth"}, what the rail said of each. */
static char *told_of(const struct request *r)
{
    json_t *answers = json_loads(r->value[0], 0, NULL), *told = json_object(), *answer;
    char *text;
    size_t i;

    json_array_foreach(answers, i, answer) {
        char id[24];

        snprintf(id, sizeof id, "%lld",
                 (long long)json_integer_value(json_object_get(answer, "charge")));
        json_object_set_new(told, id, json_string(sim_check_doing(r->pg->daemon, id)));
    }
    assert(json_object_size(told) > 0);
    text = json_dumps(told, JSON_COMPACT);
    json_decref(told);
    json_decref(answers);
    return text;
}

static void execute(struct request *r)
{
    struct sim_db *db = &r->pg->db;

    if (!db->prepared[r->stmt->id]) {
        PGresult *res = PQprepare(db->conn, r->stmt->name, r->stmt->sql, (int)r->n, NULL);

        assert(worked(res));
        PQclear(res);
        db->prepared[r->stmt->id] = true;
    }
    bool event = strncmp(r->stmt->name, "charge.event", 12) == 0; /* alone, or charge.events */
    char *told = event ? told_of(r) : NULL;

    r->res = run_named(db, r->stmt->name, told, r->stmt->name, r->n, r->value, r->len, r->binary);
    free(told);
    for (int i = 0; strcmp(r->stmt->name, "charge.claim") == 0 && i < PQntuples(r->res); i++)
        sim_check_claimed(r->pg->daemon, PQgetvalue(r->res, i, 0), PQgetvalue(r->res, i, 1));
    if (!strstr(r->stmt->name, ".claim") || !worked(r->res) || PQntuples(r->res) > 0)
        sim_work_changed(strcmp(r->stmt->name, "inbox.put") == 0);
    sim_say("%s by %d", r->stmt->name, r->pg->daemon);
    if (!worked(r->res)) {
        judge_error(r->stmt->name, r->res);
        snprintf(r->sqlstate, sizeof r->sqlstate, "%s", sqlstate(r->res));
        PQclear(r->res);
        r->res = NULL;
    }
}

/* The statement reaches the server. */
static void on_run(void *arg)
{
    struct request *r = arg;
    int daemon = r->pg->daemon;
    bool orphan = !r->record.op;
    bool planned = !orphan && ++sim.writes == sim.crash_at;
    bool crash = planned || (!orphan && sim_fault(FAULT_CRASH));
    bool after = planned ? sim.crash_after : sim_chance(500);

    if (sim.over || (orphan && sim_chance(500)) || (crash && !after)) {
        request_free(r);
        if (crash)
            sim_daemon_crash(daemon);
        return;
    }
    if (!crash &&
        sim_fault(FAULT_DB_LOST)) { /* the connection breaks before, or after the commit */
        if (sim_chance(500))
            execute(r);
        PQclear(r->res);
        r->res = NULL;
        sim_at(sim.now + sim_span(0, SIM_SECOND), daemon, on_answer, r);
        return;
    }
    execute(r);
    if (crash) {
        sim_daemon_crash(daemon);
        request_free(r);
    } else if (sim_fault(FAULT_DB_SLOW)) {
        sim_at(sim.now + DEADLINE_US, daemon, on_late_answer, r);
    } else {
        sim_at(sim.now + sim_span(100, 20000), daemon, on_answer, r);
    }
}

void pg_exec_opts(struct pg *pg, struct op *op, const struct pg_stmt *s, const struct pg_params *p,
                  const struct pg_exec_opts *o)
{
    struct request *r = calloc(1, sizeof *r);

    (void)o; /* one connection a daemon: nothing waits */
    if (!r)
        abort();
    r->pg = pg;
    r->stmt = s;
    r->n = s->nparams;
    for (unsigned i = 0; i < r->n; i++) {
        char number[24];
        const char *from = p->v[i].data;
        size_t len = p->v[i].len;

        if (p->v[i].is_int) {
            len = (size_t)snprintf(number, sizeof number, "%lld", (long long)p->v[i].number);
            from = number;
        }
        r->len[i] = (int)len;
        r->binary[i] = p->v[i].binary;
        r->value[i] = from ? calloc(1, len + 1) : NULL;
        if (from)
            memcpy(r->value[i], from, len);
    }
    assert(!p || !p->bad);
    op_attach(op, &r->record);
    sim_at(sim.now + sim_span(100, 30000), SIM_WORLD, on_run, r);
}

void pg_exec(struct pg *pg, struct op *op, const struct pg_stmt *s, const struct pg_params *p)
{
    pg_exec_opts(pg, op, s, p, NULL);
}

/* ---- wake-ups ---- */

void sim_pg_crashed(int daemon)
{
    pgs[daemon].nlisten = 0;
}

void pg_wake_listen(struct pg *pg, const char *topic, void (*fn)(void *arg, const char *topic),
                    void *arg)
{
    assert(pg->nlisten < TOPICS_MAX);
    pg->listen[pg->nlisten].topic = topic;
    pg->listen[pg->nlisten].fn = fn;
    pg->listen[pg->nlisten++].arg = arg;
}

static void on_wake(void *arg)
{
    struct pg *pg = arg;

    for (size_t i = 0; i < pg->nlisten && !sim.over; i++)
        pg->listen[i].fn(pg->listen[i].arg, pg->listen[i].topic);
}

void sim_wake(const char *topic)
{
    for (int d = 0; d < SIM_DAEMONS; d++) {
        bool hears = false;

        for (size_t i = 0; i < pgs[d].nlisten; i++)
            hears |= strcmp(pgs[d].listen[i].topic, topic) == 0;
        if (hears && !sim_fault(FAULT_WAKE_LOST))
            sim_at(sim.now + WAKE_US, d, on_wake, &pgs[d]);
    }
}

void pg_wake_dirty(struct pg *pg, const char *topic)
{
    (void)pg;
    sim_wake(topic);
}
