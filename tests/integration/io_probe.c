/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives gateway/io from outside, one order a line, fields separated by tabs; tests/integration/
 * test_io_*.py speak to it. Answers are lines too; it ends at the end of its input, leak-free.
 *
 *   io_probe pg URL        stmt NAME LANE NPARAMS FLAGS SQL | run TAG NAME [ARG...] | cancel TAG
 *                          listen TOPIC | dirty TOPIC | up | waiting LANE
 *   io_probe redis URL [CA]  cmd TAG ARG... | eval TAG ARG | up | runid
 *   io_probe client [CA]   send TAG METHOD URL MONEY BODY
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/io/http_client.h"
#include "gateway/io/pg.h"
#include "gateway/io/redis.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/log.h"

#define FIELDS_MAX 24

struct job {
    struct op op;
    struct list node;
    char tag[32];
};

static struct loop *loop;
static struct pg *pg;
static struct redis *redis;
static struct http_client *client;
static struct list jobs;
static struct buf input;

static void job_end(struct job *j)
{
    list_remove(&j->node);
    op_cancel(&j->op);
    free(j);
}

static void print_failure(const struct job *j)
{
    printf("%s\tfail\t%s\t%s\t%s\t%s\n", j->tag, err_name(j->op.err.code), j->op.sqlstate,
           j->op.unknown ? "unknown" : "known", j->op.err.msg);
}

static void print_reply(const struct job *j, const struct redisReply *r)
{
    if (r->type == REDIS_REPLY_INTEGER)
        printf("%s\tok\t%lld\n", j->tag, r->integer);
    else
        printf("%s\tok\t%s\n", j->tag, r->str != NULL ? r->str : "nil");
}

static void on_done(struct op *op)
{
    struct job *j = container_of(op, struct job, op);

    if (op_failed(op))
        print_failure(j);
    else if (pg != NULL)
        printf("%s\tok\t%d\t%s\n", j->tag, pg_rows(op), pg_text(op, 0, 0));
    else if (redis != NULL)
        print_reply(j, redis_reply(op));
    else
        printf("%s\tok\t%d\t%s\n", j->tag, http_client_response(op)->status,
               http_client_response(op)->body.p);
    fflush(stdout);
    job_end(j);
}

static struct op *job_new(const char *tag)
{
    struct job *j = calloc(1, sizeof *j);

    if (j == NULL)
        abort();
    snprintf(j->tag, sizeof j->tag, "%s", tag);
    op_init(&j->op, loop, on_done);
    list_push_back(&jobs, &j->node);
    return &j->op;
}

static void on_topic(void *arg, const char *topic)
{
    (void)arg;
    printf("woken\t%s\n", topic);
    fflush(stdout);
}

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

static void define(char **f)
{
    enum pg_lane lane;
    struct err e;

    if (pg_lane_parse(f[2], &lane) != 0 ||
        pg_stmt_new(f[1], f[5], lane, number(f[3]), number(f[4]), &e) == NULL)
        printf("bad statement\n");
}

static void run(char **f, int n)
{
    const struct pg_stmt *s = pg_stmt_find(f[2]);
    struct pg_params p;

    pg_params_init(&p);
    for (int i = 3; i < n; i++)
        pg_p_text(&p, f[i]);
    pg_exec(pg, job_new(f[1]), s, &p);
}

static void cancel(const char *tag)
{
    list_for_each_safe(node, &jobs)
    {
        struct job *j = container_of(node, struct job, node);

        if (strcmp(j->tag, tag) == 0)
            job_end(j);
    }
}

static void order_pg(char **f, int n)
{
    static char topics[4][32];
    static int ntopics;
    enum pg_lane lane;

    if (strcmp(f[0], "stmt") == 0 && n == 6) {
        define(f);
    } else if (strcmp(f[0], "run") == 0) {
        run(f, n);
    } else if (strcmp(f[0], "cancel") == 0) {
        cancel(f[1]);
    } else if (strcmp(f[0], "listen") == 0) {
        snprintf(topics[ntopics], sizeof topics[0], "%s", f[1]);
        pg_wake_listen(pg, topics[ntopics++], on_topic, NULL);
    } else if (strcmp(f[0], "dirty") == 0) {
        pg_wake_dirty(pg, f[1]);
    } else if (strcmp(f[0], "up") == 0) {
        printf("up\t%d\n", pg_up(pg));
    } else if (strcmp(f[0], "waiting") == 0 && pg_lane_parse(f[1], &lane) == 0) {
        printf("waiting\t%u\n", pg_lane_waiting(pg, lane));
    }
}

static void order_redis(char **f, int n)
{
    static struct redis_script script = {.lua = "return ARGV[1] .. redis.call('get', KEYS[1])"};
    const char *argv[2] = {"probe", f[2]};

    if (strcmp(f[0], "cmd") == 0 && n > 2)
        redis_cmd(redis, job_new(f[1]), n - 2, (const char **)(uintptr_t)&f[2], NULL);
    else if (strcmp(f[0], "eval") == 0)
        redis_eval(redis, job_new(f[1]), &script, 1, 2, argv, NULL);
    else if (strcmp(f[0], "up") == 0)
        printf("up\t%d\n", redis_up(redis));
    else if (strcmp(f[0], "runid") == 0)
        printf("runid\t%s\n", redis_run_id(redis));
}

static void order_client(char **f, int n)
{
    struct http_request rq = {.method = f[2], .url = f[3], .timeout_ms = 3000};

    if (n < 6)
        return;
    rq.no_resend = f[4][0] == '1';
    rq.body = str_c(f[5]);
    http_client_send(client, job_new(f[1]), &rq);
}

static void order(char *line)
{
    char *f[FIELDS_MAX] = {0};
    int n = 0;

    for (char *p = line; p != NULL && n < FIELDS_MAX; n++)
        f[n] = strsep(&p, "\t");
    if (pg != NULL)
        order_pg(f, n);
    else if (redis != NULL)
        order_redis(f, n);
    else
        order_client(f, n);
    fflush(stdout);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    char *at = buf_reserve(&input, 65536);
    ssize_t n = read((int)fd, at, 65536);
    char *lf;

    (void)what, (void)arg;
    if (n <= 0) {
        loop_stop(loop);
        return;
    }
    buf_advance(&input, (size_t)n);
    while ((lf = memchr(input.p, '\n', input.len)) != NULL) {
        *lf = '\0';
        order(input.p);
        buf_consume(&input, (size_t)(lf - input.p) + 1);
    }
}

static int open_all(int argc, char **argv, struct err *e)
{
    if (argc > 2 && strcmp(argv[1], "pg") == 0) {
        struct pg_config c;

        pg_config_defaults(&c);
        c.url = argv[2];
        c.lanes[PG_BATCH].connections = 1;
        return (pg = pg_open(loop, &c, e)) != NULL ? 0 : -1;
    }
    if (argc > 2 && strcmp(argv[1], "redis") == 0) {
        struct redis_config c = {.url = argv[2], .ca_file = argc > 3 ? argv[3] : NULL};

        return (redis = redis_open(loop, &c, e)) != NULL ? 0 : -1;
    }
    client = http_client_new(loop,
                             &(struct http_client_config){.ca_file = argc > 2 ? argv[2] : NULL}, e);
    return client != NULL ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct err e;
    struct event *ev;

    log_set_fd(2);
    list_init(&jobs);
    buf_init(&input, 1u << 20);
    loop = loop_new(&e);
    if (loop == NULL || open_all(argc, argv, &e) != 0) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    ev = event_new(loop_base(loop), 0, EV_READ | EV_PERSIST, on_input, NULL);
    event_add(ev, NULL);
    loop_run(loop);
    event_free(ev);
    list_for_each_safe(node, &jobs) job_end(container_of(node, struct job, node));
    pg_close(pg);
    redis_close(redis);
    http_client_free(client);
    loop_free(loop);
    pg_stmt_free_all();
    buf_fini(&input);
    return 0;
}
