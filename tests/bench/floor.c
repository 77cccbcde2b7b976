/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of a USSD hop: what the libraries cost alone. evhttp takes Hubtel's JSON POST, hiredis
 * does GET and SETEX of one string a session over its libevent adapter, the reply is a fixed screen.
 * No menu, no steps, no deadlines, no checks: nothing that answers a carrier may be cheaper.
 *
 *     floor --port N --redis PORT [--select FILE --arg TEXT]   DATABASE_URL names the database
 *
 * With --select one prepared statement (the file's, with one text parameter) runs between GET and
 * SETEX, pipelined on --conns connections (2, as many as a worker's read lane has).
 *
 *   POST -> GET -> [select] -> SETEX -> reply
 *
 * It ends on SIGTERM. Faults end it at once: a benchmark with errors has no figures.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <getopt.h>
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNS_MAX 8
#define VALUE_LEN 400 /* a stored session of the daemon has about as many bytes */
#define SQL_MAX   8192
#define SCREEN                                                                                     \
    "Coko\\n1 Decouvrir des histoires\\n2 Mon pass\\n3 Mon compte\\n4 Aide\\n0 Retour\\n00 Accueil"

struct hop {
    struct evhttp_request *req;
    struct hop *next; /* behind us on the same database connection */
    char session[64];
    char key[80];
};

struct db {
    PGconn *conn;
    struct event *readable, *writable;
    struct hop *first, *last;
};

static struct {
    struct event_base *base;
    redisAsyncContext *redis;
    struct db db[CONNS_MAX];
    unsigned ndb, at;
    const char *arg;
    char value[VALUE_LEN];
} g;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "floor: %s: %s\n", what, why);
    exit(1);
}

/* ---- the hop, from its end to its beginning ---- */

static void hop_reply(redisAsyncContext *c, void *r, void *arg)
{
    struct hop *h = arg;
    struct evbuffer *out = evbuffer_new();

    if (!r)
        die("redis", c->errstr);
    evbuffer_add_printf(out,
                        "{\"SessionId\":\"%s\",\"Type\":\"response\",\"Message\":\"" SCREEN
                        "\",\"Label\":\"Coko\",\"ClientState\":\"\",\"DataType\":\"input\","
                        "\"FieldType\":\"text\"}",
                        h->session);
    evhttp_add_header(evhttp_request_get_output_headers(h->req), "Content-Type",
                      "application/json; charset=utf-8");
    evhttp_send_reply(h->req, HTTP_OK, "OK", out);
    evbuffer_free(out);
    free(h);
}

static void hop_save(struct hop *h)
{
    redisAsyncCommand(g.redis, hop_reply, h, "SETEX %s 600 %b", h->key, g.value, sizeof g.value);
}

static void db_flush(struct db *d)
{
    int rc = PQflush(d->conn);

    if (rc < 0)
        die("select", PQerrorMessage(d->conn));
    if (rc > 0)
        event_add(d->writable, NULL);
}

static void hop_select(struct hop *h)
{
    struct db *d = &g.db[g.at++ % g.ndb];

    h->next = NULL;
    if (d->first)
        d->last->next = h;
    else
        d->first = h;
    d->last = h;
    if (!PQsendQueryPrepared(d->conn, "s", 1, &g.arg, NULL, NULL, 0) || !PQpipelineSync(d->conn))
        die("select", PQerrorMessage(d->conn));
    db_flush(d);
}

static void hop_loaded(redisAsyncContext *c, void *r, void *arg)
{
    if (!r)
        die("redis", c->errstr);
    if (g.ndb > 0)
        hop_select(arg);
    else
        hop_save(arg);
}

static void on_post(struct evhttp_request *req, void *arg)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    json_t *root = json_loadb((char *)evbuffer_pullup(in, -1), evbuffer_get_length(in), 0, NULL);
    const char *session = json_string_value(json_object_get(root, "SessionId"));
    struct hop *h = calloc(1, sizeof *h);

    (void)arg;
    if (!h || !session)
        die("request", "no SessionId");
    h->req = req;
    snprintf(h->session, sizeof h->session, "%s", session);
    snprintf(h->key, sizeof h->key, "floor:%.60s", session);
    json_decref(root);
    redisAsyncCommand(g.redis, hop_loaded, h, "GET %s", h->key);
}

/* ---- the database ---- */

static void on_db_readable(evutil_socket_t fd, short what, void *arg)
{
    struct db *d = arg;
    PGresult *r;

    (void)fd;
    (void)what;
    if (!PQconsumeInput(d->conn))
        die("select", PQerrorMessage(d->conn));
    while (d->first && !PQisBusy(d->conn)) {
        r = PQgetResult(d->conn);
        if (!r)
            continue; /* between a query's results and its sync */
        if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
            struct hop *h = d->first;

            d->first = h->next;
            hop_save(h);
        } else if (PQresultStatus(r) != PGRES_TUPLES_OK) {
            die("select", PQerrorMessage(d->conn));
        }
        PQclear(r);
    }
}

static void on_db_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    db_flush(arg);
}

static void db_open(struct db *d, const char *sql)
{
    d->conn = PQconnectdb(getenv("DATABASE_URL") ? getenv("DATABASE_URL") : "");
    if (PQstatus(d->conn) != CONNECTION_OK)
        die("database", PQerrorMessage(d->conn));
    PQclear(PQexec(d->conn, "set plan_cache_mode = force_generic_plan"));
    PGresult *r = PQprepare(d->conn, "s", sql, 0, NULL);

    if (PQresultStatus(r) != PGRES_COMMAND_OK || PQsetnonblocking(d->conn, 1) != 0 ||
        !PQenterPipelineMode(d->conn))
        die("prepare", PQerrorMessage(d->conn));
    PQclear(r);
    d->readable = event_new(g.base, PQsocket(d->conn), EV_READ | EV_PERSIST, on_db_readable, d);
    d->writable = event_new(g.base, PQsocket(d->conn), EV_WRITE, on_db_writable, d);
    event_add(d->readable, NULL);
}

static void select_open(const char *path, unsigned conns)
{
    char sql[SQL_MAX];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(sql, 1, sizeof sql - 1, f) : 0;

    if (n == 0)
        die(path, "not readable");
    fclose(f);
    sql[n] = '\0';
    for (g.ndb = 0; g.ndb < conns && g.ndb < CONNS_MAX; g.ndb++)
        db_open(&g.db[g.ndb], sql);
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_base_loopexit(arg, NULL);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},   {"redis", required_argument, NULL, 'r'},
        {"select", required_argument, NULL, 's'}, {"arg", required_argument, NULL, 'a'},
        {"conns", required_argument, NULL, 'c'},  {NULL, 0, NULL, 0},
    };
    const char *select = NULL;
    int port = 0, redis = 0, conns = 2, c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'p': port = (int)strtol(optarg, NULL, 10); break;
        case 'r': redis = (int)strtol(optarg, NULL, 10); break;
        case 's': select = optarg; break;
        case 'a': g.arg = optarg; break;
        case 'c': conns = (int)strtol(optarg, NULL, 10); break;
        default: return 2;
        }
    }
    g.base = event_base_new();
    memset(g.value, 'v', sizeof g.value);
    g.redis = redisAsyncConnect("127.0.0.1", redis);
    if (!g.redis || g.redis->err || redisLibeventAttach(g.redis, g.base) != REDIS_OK)
        die("redis", "not connected");
    if (select)
        select_open(select, (unsigned)conns);
    struct evhttp *http = evhttp_new(g.base);

    evhttp_set_gencb(http, on_post, NULL);
    if (evhttp_bind_socket(http, "127.0.0.1", (uint16_t)port) != 0)
        die("port", "not free");
    event_add(evsignal_new(g.base, SIGTERM, on_term, g.base), NULL);
    event_base_dispatch(g.base);
    return 0;
}
