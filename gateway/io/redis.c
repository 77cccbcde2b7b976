/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redis commands and replies: requests in the order of the wire, replies given to the oldest, one
 * path for a lost connection. How a connection comes up is in redis_connect.c.
 */
#include "gateway/io/redis.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/io/openssl.h"
#include "gateway/io/redis_conn.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"

#define READ_SIZE (16u * 1024u)
#define REPLY_MAX (64u << 20) /* bytes of one unfinished reply */
#define ARGS_MAX  1024

static struct counter took =
    HISTOGRAM("coko_redis_command_duration_seconds", "Time from a command to its reply");
static struct counter errors = COUNTER("coko_redis_errors_total", "Failed Redis commands");
static struct counter up = GAUGE("coko_redis_up", "1 when Redis answers");

static void error_count(const char *labels)
{
    counter_inc(counter_with(&errors, labels));
}

/* ---- requests ---- */

static struct redis_req *req_new(struct redis *r, enum redis_kind kind, size_t tail_len)
{
    struct redis_req *q = calloc(1, sizeof *q + tail_len);

    if (q == NULL)
        abort();
    q->kind = kind;
    q->started_us = clock_mono_us();
    q->deadline_ms = loop_now_ms(r->loop) + r->config.command_timeout_ms;
    return q;
}

/* The bytes stand in the stream's output: the request waits for its reply. */
static void req_sent(struct redis *r, struct redis_req *q)
{
    list_push_back(&r->pending, &q->node);
    r->npending++;
    if (!loop_timer_is_set(&r->deadline))
        loop_timer_set(&r->deadline, r->config.command_timeout_ms);
    stream_flush_later(&r->stream);
}

static struct redis_req *req_pop(struct redis *r)
{
    struct list *node = list_pop_front(&r->pending);

    if (node == NULL)
        return NULL;
    r->npending--;
    return container_of(node, struct redis_req, node);
}

static void on_deadline(void *arg)
{
    struct redis *r = arg;
    struct redis_req *oldest = list_first(&r->pending, struct redis_req, node);
    int64_t now = loop_now_ms(r->loop);

    if (oldest == NULL)
        return;
    if (oldest->deadline_ms > now)
        loop_timer_set(&r->deadline, oldest->deadline_ms - now);
    else
        redis_lost(r, ERR_TIMEOUT, "no reply before the deadline");
}

/* ---- wire form ---- */

static void wire_head(struct buf *out, int argc)
{
    buf_addc(out, '*');
    buf_add_u64(out, (uint64_t)argc);
    buf_add(out, "\r\n", 2);
}

static void wire_arg(struct buf *out, const char *p, size_t len)
{
    buf_addc(out, '$');
    buf_add_u64(out, len);
    buf_add(out, "\r\n", 2);
    buf_add(out, p, len);
    buf_add(out, "\r\n", 2);
}

static size_t arg_len(const char **argv, const size_t *argvlen, int i)
{
    return argvlen != NULL ? argvlen[i] : strlen(argv[i]);
}

static size_t wire_size(int argc, const char **argv, const size_t *argvlen)
{
    size_t size = 16;

    for (int i = 0; i < argc; i++)
        size += arg_len(argv, argvlen, i) + 26;
    return size;
}

void redis_step(struct redis *r, enum redis_kind kind, ...)
{
    const char *argv[4];
    int argc = 0;
    va_list ap;

    va_start(ap, kind);
    while (argc < 4 && (argv[argc] = va_arg(ap, const char *)) != NULL)
        argc++;
    va_end(ap);
    wire_head(&r->stream.out, argc);
    for (int i = 0; i < argc; i++)
        wire_arg(&r->stream.out, argv[i], strlen(argv[i]));
    req_sent(r, req_new(r, kind, 0));
}

/* ---- commands ---- */

/* True when the command must not leave; the op has failed then. */
static bool refused(struct redis *r, struct op *op, size_t size)
{
    op_attach(op, NULL);
    if (r->state != REDIS_UP || r->lost_queued) {
        error_count("class=\"down\"");
        op_fail(op, ERR_IO, "redis is down");
        return true;
    }
    if (r->npending >= r->config.pending_max ||
        size > r->config.out_max - stream_unsent(&r->stream)) {
        error_count("class=\"busy\"");
        op_fail(op, ERR_BUSY, "too much is waiting for redis");
        return true;
    }
    return false;
}

static void req_start(struct redis *r, struct op *op, struct redis_req *q)
{
    op->record = &q->record;
    q->record.op = op;
    req_sent(r, q);
}

void redis_cmd(struct redis *r, struct op *op, int argc, const char **argv, const size_t *argvlen)
{
    assert(argc > 0 && argc <= ARGS_MAX);
    if (refused(r, op, wire_size(argc, argv, argvlen)))
        return;
    wire_head(&r->stream.out, argc);
    for (int i = 0; i < argc; i++)
        wire_arg(&r->stream.out, argv[i], arg_len(argv, argvlen, i));
    req_start(r, op, req_new(r, REDIS_USER, 0));
}

void redis_cmdf(struct redis *r, struct op *op, const char *fmt, ...)
{
    char *wire = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = redisvFormatCommand(&wire, fmt, ap);
    va_end(ap);
    assert(n > 0);
    if (!refused(r, op, (size_t)n)) {
        buf_add(&r->stream.out, wire, (size_t)n);
        req_start(r, op, req_new(r, REDIS_USER, 0));
    }
    redisFreeCommand(wire);
}

/* ---- scripts ---- */

static void script_sha(struct redis_script *s)
{
    unsigned char md[20];
    unsigned len = sizeof md;

    if (EVP_Digest(s->lua, strlen(s->lua), md, &len, EVP_sha1(), NULL) != 1)
        abort();
    for (unsigned i = 0; i < sizeof md; i++)
        snprintf(s->sha + 2 * i, 3, "%02x", md[i]);
}

static void script_write(struct redis *r, struct redis_req *q, bool whole)
{
    const char *verb = whole ? "EVAL" : "EVALSHA", *what = whole ? q->script->lua : q->script->sha;

    wire_head(&r->stream.out, q->argc + 3);
    wire_arg(&r->stream.out, verb, strlen(verb));
    wire_arg(&r->stream.out, what, strlen(what));
    buf_add(&r->stream.out, q->tail, q->tail_len);
}

void redis_eval(struct redis *r, struct op *op, struct redis_script *s, int nkeys, int argc,
                const char **argv, const size_t *argvlen)
{
    size_t size = wire_size(argc, argv, argvlen) + 64;
    struct redis_req *q;
    struct buf tail;
    char keys[12];

    assert(argc >= nkeys && argc <= ARGS_MAX);
    if (refused(r, op, size + strlen(s->lua)))
        return;
    if (s->sha[0] == '\0')
        script_sha(s);
    q = req_new(r, REDIS_USER, size);
    buf_init_fixed(&tail, q->tail, size);
    snprintf(keys, sizeof keys, "%d", nkeys);
    wire_arg(&tail, keys, strlen(keys));
    for (int i = 0; i < argc; i++)
        wire_arg(&tail, argv[i], arg_len(argv, argvlen, i));
    assert(tail.failed == ERR_OK);
    q->tail_len = tail.len;
    q->argc = argc;
    q->script = s;
    script_write(r, q, false);
    req_start(r, op, q);
}

/* ---- replies ---- */

static void reply_release(void *reply)
{
    freeReplyObject(reply);
}

/* The script is not in the server's cache, so nothing ran: the same request as EVAL. */
static bool script_again(struct redis *r, struct redis_req *q, const struct redisReply *reply)
{
    if (q->script == NULL || q->record.op == NULL || strncmp(reply->str, "NOSCRIPT", 8) != 0)
        return false;
    script_write(r, q, true);
    q->script = NULL;
    req_sent(r, q);
    return true;
}

static void lost_later(void *arg)
{
    struct redis *r = arg;

    if (r->lost_queued)
        redis_lost(r, ERR_IO, "the server became a replica");
}

/* True when the request goes on (a script sent again). */
static bool error_reply(struct redis *r, struct redis_req *q, const struct redisReply *reply)
{
    if (script_again(r, q, reply))
        return true;
    error_count("class=\"reply\"");
    if (q->record.op != NULL)
        op_fail(q->record.op, ERR_REDIS, "%.100s", reply->str);
    if (strncmp(reply->str, "READONLY", 8) == 0 && !r->lost_queued) {
        r->lost_queued = true;
        loop_defer(r->loop, lost_later, r);
    }
    return false;
}

static void user_reply(struct redis *r, struct redis_req *q, struct redisReply *reply)
{
    bool goes_on = false;

    counter_observe_us(&took, clock_mono_us() - q->started_us);
    if (reply->type == REDIS_REPLY_ERROR) {
        goes_on = error_reply(r, q, reply);
        freeReplyObject(reply);
    } else if (q->record.op != NULL) {
        op_complete(q->record.op, reply, reply_release);
    } else {
        freeReplyObject(reply); /* cancelled: nobody wants it */
    }
    if (!goes_on)
        free(q);
}

/* False when the reader or the server is broken; the connection is lost then. */
static bool replies_read(struct redis *r)
{
    for (;;) {
        void *reply = NULL;
        struct redis_req *q;
        enum redis_kind kind;

        if (redisReaderGetReply(r->reader, &reply) != REDIS_OK ||
            (reply == NULL && r->reader->len - r->reader->pos > REPLY_MAX)) {
            redis_lost(r, ERR_PROTOCOL, "not a Redis reply");
            return false;
        }
        if (reply == NULL)
            return true;
        q = req_pop(r);
        if (q == NULL) {
            freeReplyObject(reply);
            redis_lost(r, ERR_PROTOCOL, "a reply that nobody asked for");
            return false;
        }
        kind = q->kind;
        if (kind == REDIS_USER) {
            user_reply(r, q, reply);
            continue;
        }
        free(q);
        redis_step_reply(r, kind, reply);
        freeReplyObject(reply);
        counter_set(&up, r->state == REDIS_UP);
        if (r->reader == NULL)
            return false; /* lost, or on its way to the master */
    }
}

static void on_redis_readable(void *arg)
{
    struct redis *r = arg;
    char data[READ_SIZE];

    do {
        ptrdiff_t n = stream_read(&r->stream, data, sizeof data);

        if (n <= 0)
            return;
        if (redisReaderFeed(r->reader, data, (size_t)n) != REDIS_OK)
            abort(); /* only for want of memory */
        if (!replies_read(r))
            return;
    } while (stream_has_more(&r->stream));
}

static void on_redis_open(void *arg)
{
    redis_opened(arg);
}

static void on_redis_closed(void *arg, const struct err *why)
{
    redis_lost(arg, ERR_IO, why->msg);
}

const struct stream_ops redis_stream_ops = {
    .on_open = on_redis_open,
    .on_readable = on_redis_readable,
    .on_closed = on_redis_closed,
};

/* ---- loss and life ---- */

/* Doubles up to the longest pause; between half and all of it. */
static unsigned backoff_next(struct redis *r)
{
    uint32_t dice;

    r->backoff_ms = r->backoff_ms == 0 ? r->config.reconnect_min_ms
                                       : MIN(r->backoff_ms * 2, r->config.reconnect_max_ms);
    crypto_random(&dice, sizeof dice);
    return r->backoff_ms / 2 + dice % (r->backoff_ms / 2 + 1);
}

static void pending_fail(struct redis *r, enum err_code code, const char *why)
{
    struct redis_req *q;

    while ((q = req_pop(r)) != NULL) {
        if (q->record.op != NULL) {
            error_count(code == ERR_TIMEOUT ? "class=\"timeout\"" : "class=\"lost\"");
            q->record.op->unknown = true;
            op_fail(q->record.op, code, "%s", why);
        }
        free(q);
    }
}

static void connection_drop(struct redis *r)
{
    r->state = REDIS_DOWN;
    r->lost_queued = false;
    r->run_id[0] = '\0';
    redis_lookup_cancel(r);
    stream_close(&r->stream);
    if (r->reader != NULL)
        redisReaderFree(r->reader);
    r->reader = NULL;
    loop_timer_clear(&r->timer);
    loop_timer_clear(&r->deadline);
    counter_set(&up, 0);
}

void redis_lost(struct redis *r, enum err_code code, const char *why)
{
    char msg[120];

    snprintf(msg, sizeof msg, "%s", why);
    if (!r->told_down)
        log_warn(NULL, r->state == REDIS_UP ? "redis connection lost" : "redis does not answer",
                 "%s", msg);
    r->told_down = true;
    connection_drop(r);
    loop_timer_set(&r->timer, backoff_next(r));
    pending_fail(r, code, msg);
}

static void on_redis_timer(void *arg)
{
    struct redis *r = arg;

    if (r->state == REDIS_DOWN)
        redis_attempt(r);
    else
        redis_lost(r, ERR_TIMEOUT, "connecting took too long");
}

static unsigned or_default(unsigned given, unsigned fallback)
{
    return given != 0 ? given : fallback;
}

static void config_fill(struct redis *r, const struct redis_config *c)
{
    r->config = *c;
    r->config.url = NULL;
    r->config.connect_timeout_ms = or_default(c->connect_timeout_ms, 1000);
    r->config.command_timeout_ms = or_default(c->command_timeout_ms, 300);
    r->config.reconnect_min_ms = or_default(c->reconnect_min_ms, 50);
    r->config.reconnect_max_ms = or_default(c->reconnect_max_ms, 1000);
    r->config.pending_max = or_default(c->pending_max, 4096);
    r->config.out_max = c->out_max != 0 ? c->out_max : 8u << 20;
    r->prefix = strdup(c->prefix != NULL ? c->prefix : "coko");
    if (r->prefix == NULL)
        abort();
}

struct redis *redis_open(struct loop *l, const struct redis_config *c, struct err *e)
{
    struct redis *r = calloc(1, sizeof *r);

    if (r == NULL)
        abort();
    r->loop = l;
    list_init(&r->pending);
    config_fill(r, c);
    loop_timer_init(&r->timer, l, on_redis_timer, r);
    loop_timer_init(&r->deadline, l, on_deadline, r);
    if (redis_url_parse(c->url, &r->url, e) != 0 ||
        (r->url.tls &&
         (r->tls = tls_client_new(&(struct tls_config){.ca_file = c->ca_file}, e)) == NULL)) {
        free(r->prefix);
        free(r);
        return NULL;
    }
    redis_attempt(r);
    return r;
}

static void redis_free(void *arg)
{
    struct redis *r = arg;

    tls_free(r->tls);
    crypto_wipe(r->url.password, sizeof r->url.password);
    free(r->prefix);
    free(r);
}

void redis_close(struct redis *r)
{
    if (r == NULL)
        return;
    connection_drop(r);
    pending_fail(r, ERR_CLOSED, "closed");
    if (r->dns != NULL)
        evdns_base_free(r->dns, 0);
    loop_defer(r->loop, redis_free, r); /* a flush or a loss may stand in the same queue */
}

bool redis_up(const struct redis *r)
{
    return r->state == REDIS_UP;
}

const char *redis_run_id(const struct redis *r)
{
    return r->run_id;
}

const char *redis_prefix(const struct redis *r)
{
    return r->prefix;
}

struct redisReply *redis_reply(const struct op *op)
{
    return op->err.code == ERR_OK ? op->result : NULL;
}
