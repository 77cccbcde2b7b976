/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See line.h. A command has one thing to do at a time: it runs the loop until that is done.
 */
#include "gateway/papers/line.h"

#include <stdio.h>

#include "gateway/lib/arena.h"
#include "gateway/lib/clock.h"

static void one_came(struct line *l)
{
    if (l->waiting > 0 && --l->waiting == 0)
        loop_stop(l->loop);
}

static void on_answer(struct op *op)
{
    one_came(container_of(op, struct line, op));
}

static void on_twin(struct op *op)
{
    one_came(container_of(op, struct line, twin));
}

static void on_time(void *arg)
{
    struct line *l = arg;

    l->waiting = 0;
    loop_stop(l->loop);
}

static void on_post(void *arg, struct str body)
{
    struct line *l = arg;

    buf_reset(&l->posted);
    buf_adds(&l->posted, body);
    if (!l->heard)
        one_came(l);
    l->heard = true;
}

int line_open(struct line *l, const char *listen, struct err *e)
{
    *l = (struct line){0};
    buf_init(&l->posted, HTTP_CLIENT_BODY_MAX);
    l->loop = loop_new(e);
    l->client = l->loop ? http_client_new(l->loop, &(struct http_client_config){0}, e) : NULL;
    if (!l->client || phone_ear_open(&l->ear, l->loop, listen, on_post, l, e) != 0) {
        line_close(l);
        return -1;
    }
    op_init(&l->op, l->loop, on_answer);
    op_init(&l->twin, l->loop, on_twin);
    loop_timer_init(&l->timer, l->loop, on_time, l);
    return 0;
}

void line_close(struct line *l)
{
    if (l->client) {
        op_release(&l->op);
        op_release(&l->twin);
        loop_timer_clear(&l->timer);
    }
    phone_ear_close(&l->ear);
    http_client_free(l->client);
    loop_free(l->loop);
    buf_fini(&l->posted);
}

static void fire(struct line *l, struct op *op, const char *url, const struct phone_request *rq,
                 const char *method)
{
    const char *headers[PHONE_HEADERS_MAX + 2];
    struct str rest = buf_str(&rq->lines), line;
    struct arena a;
    size_t n = 0;

    arena_init(&a, 4096, 1 << 20);
    if (rq->type)
        headers[n++] = arena_printf(&a, "Content-Type: %s", rq->type);
    while (str_split(&rest, '\n', &line) && line.n > 0 && n <= PHONE_HEADERS_MAX)
        headers[n++] = arena_cstr(&a, line);
    headers[n] = NULL;
    http_client_send(l->client, op,
                     &(struct http_request){
                         .method = method,
                         .url = arena_printf(&a, "%s%" STR_FMT, url, STR_ARG(buf_str(&rq->target))),
                         .headers = headers,
                         .body = buf_str(&rq->body),
                         .timeout_ms = LINE_WAIT_MS});
    arena_fini(&a);
}

/* An answer that is late by now. */
static void forget(struct op *op)
{
    if (op_pending(op))
        op_cancel(op);
}

static const struct http_response *response(const struct op *op)
{
    return op_failed(op) || op_pending(op) ? NULL : http_client_response(op);
}

void line_send(struct line *l, const char *url, const struct phone_request *rq, const char *method,
               bool twin, bool post, struct line_answer *out)
{
    int64_t began = clock_mono_us();
    const struct http_response *r, *other;

    op_release(&l->op);
    op_release(&l->twin);
    l->heard = false;
    l->waiting = 1u + twin + (post && l->ear.server);
    if (!method)
        method = rq->method == HTTP_GET ? "GET" : rq->method == HTTP_PUT ? "PUT" : "POST";
    fire(l, &l->op, url, rq, method);
    if (twin)
        fire(l, &l->twin, url, rq, method);
    loop_timer_set(&l->timer, LINE_WAIT_MS);
    loop_run(l->loop);
    loop_timer_clear(&l->timer);
    forget(&l->op);
    forget(&l->twin);
    r = response(&l->op);
    other = twin ? response(&l->twin) : r;
    *out = (struct line_answer){.r = r,
                                .why = r                ? ""
                                       : *l->op.err.msg ? l->op.err.msg
                                                        : "no answer in time",
                                .ms = (unsigned)((clock_mono_us() - began) / 1000),
                                .same = r && other && r->status == other->status &&
                                        str_eq(r->body, other->body)};
    if (l->heard)
        out->posted = buf_str(&l->posted);
}

struct str line_header(void *arg, const char *name)
{
    return http_response_header(arg, name);
}
