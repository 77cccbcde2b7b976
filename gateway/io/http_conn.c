/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP connection.
 *
 *          first byte        head whole          body whole        http_reply       written
 *   IDLE ------------> HEAD -----------> BODY ---------------> HANDLER -------> WRITE ------> IDLE
 *     |                  |                 |                      |                |
 *     | idle, EOF        | fault: refuse   | fault: refuse        | EOF: on_gone   | last one
 *     v                  +--------+--------+                      v                v
 *    DEAD                         +-----------------------------> DEAD           LINGER --> DEAD
 *
 * States follow each other inside conn_run as long as bytes are there; the loop calls it for bytes,
 * for room to write, and http_reply for the next pipelined request. A request that is whole in one
 * read goes from IDLE to HANDLER without touching a timer.
 *
 * The request lies in one buffer from its first byte, so that head strings point into it; while a
 * handler has it, the buffer may fill up but is never moved.
 */
#include "gateway/io/http_conn.h"

#include <assert.h>
#include <stdlib.h>

#include "gateway/lib/clock.h"

#define IN_FIRST     4096u
#define IN_KEEP      (32u * 1024u) /* a larger request buffer is given back between requests */
#define IN_SLACK     (4 * IN_FIRST)
#define RUN_MAX      32 /* pipelined requests served in one go */
#define LINGER_MS    2000
#define LINGER_BYTES (256u * 1024u)
#define WRITE_RATE   8u /* bytes a millisecond a reader must take at least */

static struct counter inflight = GAUGE("coko_http_inflight", "HTTP requests with a handler");
static struct counter expired =
    COUNTER("coko_http_deadline_total", "HTTP connections closed by a deadline");

static void conn_run(struct http_conn *c);

/* ---- state and deadline ---- */

static const char *const state_names[CONN_STATES] = {
    [CONN_IDLE] = "idle",       [CONN_HEAD] = "head",   [CONN_BODY] = "body",
    [CONN_HANDLER] = "handler", [CONN_WRITE] = "write", [CONN_LINGER] = "linger",
    [CONN_DEAD] = "dead",
};

#define TO(s) (1u << CONN_##s)
static const unsigned legal_next[CONN_STATES] = {
    [CONN_IDLE] = TO(HEAD) | TO(DEAD),
    [CONN_HEAD] = TO(BODY) | TO(HANDLER) | TO(WRITE) | TO(DEAD),
    [CONN_BODY] = TO(HANDLER) | TO(WRITE) | TO(DEAD),
    [CONN_HANDLER] = TO(WRITE) | TO(DEAD),
    [CONN_WRITE] = TO(IDLE) | TO(LINGER) | TO(DEAD),
    [CONN_LINGER] = TO(DEAD),
};

static void set_state(struct http_conn *c, enum http_conn_state next)
{
    assert(legal_next[c->state] & (1u << next));
    if (c->state == CONN_HANDLER)
        counter_move(&inflight, -1);
    if (next == CONN_HANDLER)
        counter_move(&inflight, 1);
    c->state = next;
}

/* The timer is moved only when it would fire too late: it looks again when it fires too early. */
static void set_deadline(struct http_conn *c, int64_t ms)
{
    int64_t now = loop_now_ms(c->server->loop);

    c->deadline_ms = ms == 0 ? 0 : now + ms;
    if (ms != 0 && (c->timer_ms == 0 || c->timer_ms > c->deadline_ms)) {
        c->timer_ms = c->deadline_ms;
        loop_timer_set(&c->timer, ms);
    }
}

/* A large reply has more than one deadline, as long as the reader takes its part in each. */
static bool reader_keeps_up(struct http_conn *c)
{
    size_t part = (size_t)c->server->limits.write_ms * WRITE_RATE, now = stream_unsent(&c->stream);

    if (c->unsent < part || now > c->unsent - part)
        return false;
    c->unsent = now;
    set_deadline(c, c->server->limits.write_ms);
    return true;
}

static void on_conn_timer(void *arg)
{
    struct http_conn *c = arg;
    int64_t now = clock_mono_ms();

    c->timer_ms = 0;
    if (c->deadline_ms == 0)
        return;
    if (now < c->deadline_ms) {
        c->timer_ms = c->deadline_ms;
        loop_timer_set(&c->timer, c->deadline_ms - now);
        return;
    }
    if (c->state == CONN_WRITE && reader_keeps_up(c))
        return;
    if (c->state != CONN_IDLE && c->state != CONN_LINGER)
        counter_inc(counter_with(&expired, c->state == CONN_WRITE  ? "phase=\"write\""
                                           : c->state == CONN_BODY ? "phase=\"body\""
                                                                   : "phase=\"head\""));
    if (c->state == CONN_HEAD || c->state == CONN_BODY)
        http_refuse(c, 408);
    else
        http_conn_close(c, "deadline");
}

/* ---- birth and death ---- */

static void conn_tag_print(const void *obj, struct buf *out)
{
    const struct http_conn *c = obj;

    log_field_i64(out, "http", (int64_t)c->x.id);
}

static void conn_free(void *arg)
{
    struct http_conn *c = arg;
    struct http_server *s = c->server;

    buf_fini(&c->in);
    buf_fini(&c->path);
    buf_fini(&c->fields);
    buf_fini(&c->body);
    free(c);
    http_conn_gone(s);
}

void http_conn_close(struct http_conn *c, const char *why)
{
    enum http_conn_state last = c->state;

    if (last == CONN_DEAD)
        return;
    log_debug(&c->tag, "http connection ends", "%s in %s", why, state_names[last]);
    set_state(c, CONN_DEAD);
    stream_close(&c->stream);
    loop_timer_clear(&c->timer);
    list_remove(&c->node);
    if (c->source != NULL)
        http_source_drop(c->server, c->source);
    if (last == CONN_HANDLER && c->x.on_gone != NULL)
        c->x.on_gone(&c->x);
    loop_defer(c->server->loop, conn_free, c);
}

void http_conn_drain(struct http_conn *c)
{
    if (c->state == CONN_IDLE || c->state == CONN_LINGER)
        http_conn_close(c, "drain");
}

/* ---- the request ---- */

static void exchange_fill(struct http_conn *c, struct str body)
{
    struct http_exchange *x = &c->x;

    x->id = ++c->server->next_id;
    x->method_name = c->head.method_name;
    x->target = c->head.target;
    x->query = c->head.query;
    x->host = c->head.host;
    x->path = buf_str(&c->path);
    x->body = body;
    x->rest = str_skip(x->path, c->mount->len);
    if (x->rest.n > 0 && x->rest.p[0] == '/')
        x->rest = str_skip(x->rest, 1);
    x->started_us = clock_mono_us();
    x->mount_arg = c->mount->arg;
    x->user = NULL;
    x->on_gone = NULL;
    http_peer_name(c);
}

static void request_whole(struct http_conn *c, struct str body)
{
    exchange_fill(c, body);
    set_state(c, CONN_HANDLER);
    set_deadline(c, 0);
    c->mount->fn(&c->x, c->mount->arg);
}

/* Path and mount of a fresh head: 1, or the negated status to refuse it with. */
static int head_route(struct http_conn *c)
{
    ptrdiff_t n;

    if (c->head.method == HTTP_OTHER)
        return HTTP_NOT_IMPLEMENTED;
    if (c->head.target.p[0] == '*')
        return -204; /* OPTIONS *: the server as a whole is there */
    buf_reset(&c->path);
    if (buf_reserve(&c->path, c->head.path.n) == NULL)
        return -500;
    n = http_path_decode(c->head.path, c->path.p, c->path.cap);
    if (n < 0)
        return HTTP_BAD;
    buf_advance(&c->path, (size_t)n);
    c->mount = http_mount_find(c->server, buf_str(&c->path));
    if (c->mount == NULL)
        return -404;
    if (c->head.has_length && c->head.content_length > c->mount->body_max)
        return -413;
    return 1;
}

static void say_continue(struct http_conn *c)
{
    if (!c->head.expect_continue || c->in.len > c->head.size)
        return;
    buf_puts(&c->stream.out, "HTTP/1.1 100 Continue\r\n\r\n");
    stream_flush(&c->stream);
}

/* 1: the next state is entered, 0: more bytes are needed. */
static int head_step(struct http_conn *c)
{
    int rc = http_parse_head(c->in.p, c->in.len, &c->seen, &c->head);

    if (rc == HTTP_MORE) {
        if (c->state == CONN_IDLE) {
            set_state(c, CONN_HEAD);
            set_deadline(c, c->server->limits.header_ms);
        }
        return 0;
    }
    if (c->state == CONN_IDLE)
        set_state(c, CONN_HEAD);
    c->x.method = c->head.method;
    c->x.head_only = c->head.method == HTTP_HEAD;
    c->closing = !c->head.keep_alive;
    c->mount = NULL;
    if (rc > 0)
        rc = head_route(c);
    if (rc < 0) {
        http_refuse(c, (unsigned)-rc);
        return 1;
    }
    c->raw_at = c->head.size;
    c->body_len = 0;
    c->body_awaited = false;
    c->in.max = MAX(c->in.max, HTTP_HEAD_MAX + IN_SLACK + c->mount->body_max);
    c->chunks = (struct http_chunks){0};
    set_state(c, CONN_BODY);
    return 1;
}

/* Growing the buffer moved it: the strings of the head are cut again. */
static void head_again(struct http_conn *c)
{
    size_t seen = 0;
    int rc = http_parse_head(c->in.p, c->head.size, &seen, &c->head);

    assert(rc == 1);
    (void)rc;
}

static int body_chunked(struct http_conn *c)
{
    size_t out = c->head.size + c->body_len, in = c->raw_at;
    int rc = http_chunks_feed(&c->chunks, c->in.p, c->in.len, &in, &out);

    c->raw_at = in;
    c->body_len = out - c->head.size;
    if (rc < 0)
        return rc;
    if (c->body_len > c->mount->body_max)
        return -413;
    if (rc == HTTP_MORE) { /* raw bytes are all read: the next ones go right behind the body */
        c->in.len = out;
        c->raw_at = out;
    }
    c->request_end = in;
    return rc;
}

static int body_step(struct http_conn *c)
{
    const char *was = c->head.method_name.p;
    int rc = 1;

    if (c->head.chunked) {
        rc = body_chunked(c);
    } else {
        c->body_len = (size_t)c->head.content_length;
        c->request_end = c->head.size + c->body_len;
        rc = c->in.len >= c->request_end ? 1 : HTTP_MORE;
    }
    if (rc < 0) {
        http_refuse(c, (unsigned)-rc);
        return 1;
    }
    if (rc == HTTP_MORE) {
        if (!c->body_awaited) {
            c->body_awaited = true;
            set_deadline(c, c->server->limits.body_ms);
            say_continue(c);
        }
        return 0;
    }
    if (was != c->in.p)
        head_again(c);
    request_whole(c, str_n(c->in.p + c->head.size, c->body_len));
    return 1;
}

/* ---- reading ---- */

/* Room behind what is there: how much, 0 when the buffer must not or need not grow. */
static size_t in_room(struct http_conn *c)
{
    size_t spare = c->in.cap - c->in.len, more;

    if (c->state == CONN_HANDLER || c->state == CONN_WRITE)
        return spare; /* strings point into it: filled, never moved */
    if (spare >= IN_FIRST / 4)
        return spare;
    more = MIN(MAX(c->in.cap, IN_FIRST), c->in.max - c->in.len);
    return buf_reserve(&c->in, more) != NULL ? c->in.cap - c->in.len : 0;
}

static void linger_read(struct http_conn *c)
{
    char waste[4096];
    ptrdiff_t n = stream_read(&c->stream, waste, sizeof waste);

    if (n < 0)
        return;
    c->request_end += (size_t)n;
    if (c->request_end > LINGER_BYTES)
        http_conn_close(c, "linger");
}

static void on_conn_readable(void *arg)
{
    struct http_conn *c = arg;
    ptrdiff_t n;

    if (c->state == CONN_IDLE && c->in.len > 0)
        conn_run(c); /* what was pipelined behind the last request */
    if (c->state == CONN_LINGER)
        linger_read(c);
    while (c->state != CONN_DEAD && c->state != CONN_LINGER) {
        size_t room = in_room(c);

        if (room == 0) {
            stream_pause(&c->stream);
            return;
        }
        n = stream_read(&c->stream, c->in.p + c->in.len, room);
        if (n <= 0)
            return;
        c->in.len += (size_t)n;
        conn_run(c);
        if (!stream_has_more(&c->stream))
            return;
    }
}

/* ---- after the reply ---- */

/* What follows this request moves to the front. */
static void request_drop(struct http_conn *c)
{
    size_t end = MIN(c->request_end, c->in.len);

    buf_consume(&c->in, end);
    if (c->in.len == 0 && c->in.cap > IN_KEEP)
        buf_fini(&c->in);
    if (c->body.cap > IN_KEEP)
        buf_fini(&c->body);
    c->seen = 0;
    c->request_end = 0;
    c->mount = NULL;
    c->x.method = HTTP_GET;
    c->x.head_only = false;
    buf_reset(&c->fields);
}

static void reply_sent(struct http_conn *c)
{
    if (c->closing) {
        set_state(c, CONN_LINGER);
        c->request_end = 0;
        stream_shutdown(&c->stream);
        set_deadline(c, LINGER_MS);
    } else {
        request_drop(c);
        set_state(c, CONN_IDLE);
        set_deadline(c, c->server->limits.idle_ms);
    }
    stream_resume(&c->stream);
}

void http_conn_replied(struct http_conn *c)
{
    set_state(c, CONN_WRITE);
    stream_flush(&c->stream);
    if (stream_unsent(&c->stream) == 0) {
        reply_sent(c);
        if (!c->running && c->in.len > 0)
            event_active(&c->stream.rd, EV_READ, 0); /* never inside the stack of the reply */
        return;
    }
    set_deadline(c, c->server->limits.write_ms + (int64_t)(stream_unsent(&c->stream) / WRITE_RATE));
}

static void on_conn_drained(void *arg)
{
    struct http_conn *c = arg;

    if (c->state != CONN_WRITE)
        return;
    reply_sent(c);
    conn_run(c);
}

static void on_conn_closed(void *arg, const struct err *why)
{
    struct http_conn *c = arg;

    http_conn_close(c, why->msg);
}

/* Steps as long as bytes are there; the handler's reply comes back here through c->running. */
static void conn_run(struct http_conn *c)
{
    int more = 1;

    c->running = true;
    for (int i = 0; more && i < 2 * RUN_MAX; i++) {
        if ((c->state == CONN_IDLE && c->in.len > 0) || c->state == CONN_HEAD)
            more = head_step(c);
        else if (c->state == CONN_BODY)
            more = body_step(c);
        else
            more = 0;
    }
    c->running = false;
    if (more)
        event_active(&c->stream.rd, EV_READ, 0); /* others first, then the rest of the pipeline */
}

static const struct stream_ops conn_ops = {
    .on_readable = on_conn_readable,
    .on_drained = on_conn_drained,
    .on_closed = on_conn_closed,
};

void http_conn_start(struct http_server *s, int fd, const struct sockaddr_storage *peer,
                     struct ssl_st *ssl, struct http_source *source)
{
    struct http_conn *c = calloc(1, sizeof *c);

    if (c == NULL)
        abort();
    c->server = s;
    c->peer = *peer;
    c->source = source;
    c->x.is_tls = ssl != NULL;
    c->x.head = &c->head;
    c->tag = (struct log_tag){.print = conn_tag_print, .obj = c};
    buf_init(&c->in, HTTP_HEAD_MAX + IN_SLACK);
    buf_init(&c->path, HTTP_TARGET_MAX);
    buf_init(&c->fields, HTTP_HEAD_MAX);
    buf_init(&c->body, s->limits.output_max);
    c->x.peer[0] = '\0';
    list_push_back(&s->conns, &c->node);
    s->nconns++;
    loop_timer_init(&c->timer, s->loop, on_conn_timer, c);
    stream_accepted(&c->stream, s->loop, fd, ssl, s->limits.output_max + HTTP_HEAD_MAX, &conn_ops,
                    c);
    set_deadline(c, ssl != NULL ? s->limits.header_ms : s->limits.idle_ms);
}
