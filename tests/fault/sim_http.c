/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network between the daemons and the rail: gateway/io/http_client.h for the one way, and as much
 * of http_server.h as the callbacks of the other need.
 *
 *   send -> arrives -> the rail works -> its answer -> done
 *     |       |  |            |             |
 *     |       |  +-- again    |             lost, cut, a page, too late
 *     |       lost            refused before, or an error after the work
 *     never left
 *
 * Past its deadline an exchange has failed with op->unknown, wherever its bytes are: they may still
 * arrive minutes later.
 */
#include "gateway/io/http_client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/sim.h"

#define HEADERS_MAX 10

struct http_client {
    int daemon;
};

/* One request; freed when nothing of it is on its way any more. */
struct call {
    struct op_record record;
    int daemon;
    unsigned events; /* that hold it */
    char *method, *path, *body, *headers[HEADERS_MAX + 1];
    struct sim_reply reply;
    bool broken; /* its answer ends without an end */
    bool copied;
    bool refused; /* proven not carried out: no copy is, either */
};

struct answer {
    struct http_response rs;
    char body[sizeof((struct sim_reply *)0)->body];
};

static struct http_client clients[SIM_DAEMONS];

struct http_client *sim_client_of(int daemon)
{
    clients[daemon].daemon = daemon;
    return &clients[daemon];
}

/* ---- the call ---- */

static void call_at(struct call *c, int64_t at, int daemon, void (*fn)(void *arg))
{
    c->events++;
    sim_at(at, daemon, fn, c);
}

static void call_drop(struct call *c)
{
    if (--c->events > 0)
        return;
    if (c->record.op) {
        c->record.op->record = NULL;
        c->record.op = NULL;
    }
    free(c->method);
    free(c->path);
    free(c->body);
    for (size_t i = 0; c->headers[i]; i++)
        free(c->headers[i]);
    free(c);
}

static struct sim_request request_of(const struct call *c)
{
    struct sim_request rq = {.method = c->method, .path = c->path, .body = c->body};

    for (size_t i = 0; c->headers[i]; i++)
        rq.headers[i] = c->headers[i];
    return rq;
}

const char *sim_request_header(const struct sim_request *rq, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; rq->headers[i]; i++) {
        if (strncmp(rq->headers[i], name, n) == 0 && rq->headers[i][n] == ':')
            return rq->headers[i] + n + 2;
    }
    return "";
}

static bool is_submit(const struct call *c)
{
    return strcmp(c->path, "/collection/v1_0/requesttopay") == 0;
}

static bool is_refund(const struct call *c)
{
    static const char path[] = SIM_REFUND_PATH;

    return strncmp(c->path, path, sizeof path - 1) == 0;
}

static const char *reference_of(const struct call *c)
{
    const struct sim_request rq = request_of(c);

    return strcmp(c->method, "POST") == 0 ? sim_request_header(&rq, "X-Reference-Id")
                                          : strrchr(c->path, '/') + 1;
}

/* ---- answers ---- */

static void answer_free(void *result)
{
    free(result);
}

static void fail(struct call *c, enum err_code code, bool unknown)
{
    if (!c->record.op)
        return;
    c->record.op->unknown = unknown;
    op_fail(c->record.op, code, "simulated");
}

static void on_reply(void *arg)
{
    struct call *c = arg;

    if (sim.over || !c->record.op) {
        call_drop(c);
        return;
    }
    if (c->broken) {
        fail(c, ERR_IO, true);
        call_drop(c);
        return;
    }
    struct answer *a = calloc(1, sizeof *a);

    if (!a)
        abort();
    memcpy(a->body, c->reply.body, sizeof a->body);
    a->rs = (struct http_response){.status = c->reply.status, .body = str_c(a->body)};
    sim_say("%s %s: %d %s", c->method, c->path, a->rs.status, a->body);
    sim_check_answer(c->daemon, reference_of(c), strcmp(c->method, "POST") == 0, &c->reply);
    op_complete(c->record.op, a, answer_free);
    call_drop(c);
}

static void on_timeout(void *arg)
{
    struct call *c = arg;

    if (!sim.over)
        fail(c, ERR_TIMEOUT, true);
    call_drop(c);
}

static void on_refused_connection(void *arg)
{
    struct call *c = arg;

    if (!sim.over)
        fail(c, ERR_IO, false);
    call_drop(c);
}

static void page(struct sim_reply *rs, int status)
{
    *rs = (struct sim_reply){.status = status, .html = true};
    snprintf(rs->body, sizeof rs->body,
             "<html><head><title>Request Rejected</title></head></html>");
}

/* What a proxy or a rail in trouble says; after: the work was done. Nothing here proves anything. */
static void trouble(struct sim_reply *rs, bool after)
{
    static const int statuses[] = {500, 502, 503, 504, 408};
    static const char *const codes[] = {"", "INTERNAL_PROCESSING_ERROR", "SERVICE_UNAVAILABLE",
                                        "SOMETHING_NEW"};
    const char *code = codes[sim_below(after ? 3 : ARRAY_LEN(codes))];

    *rs = (struct sim_reply){.status = statuses[sim_below(ARRAY_LEN(statuses))]};
    if (*code)
        snprintf(rs->body, sizeof rs->body, "{\"code\":\"%s\",\"message\":\"m\"}", code);
}

/* An answer without the work; false: the rail works. */
static bool instead(struct call *c)
{
    static const char *const proofs[] = {"NOT_ALLOWED", "INVALID_CURRENCY", "PAYER_NOT_FOUND",
                                         "PAYER_LIMIT_REACHED"};
    struct sim_reply *rs = &c->reply;

    if (sim_fault(FAULT_HTML)) {
        static const int statuses[] = {200, 202, 403, 404, 503};

        page(rs, statuses[sim_below(ARRAY_LEN(statuses))]);
    } else if (sim_fault(FAULT_THROTTLED)) {
        *rs = (struct sim_reply){.status = 429, .body = "{\"message\":\"Rate limit\"}"};
    } else if (sim_fault(FAULT_REDIRECT)) {
        *rs = (struct sim_reply){.status = 302};
    } else if (sim_fault(FAULT_ERROR)) {
        trouble(rs, false);
        if (is_submit(c) && !c->copied && sim_chance(200)) {
            c->refused = true;
            rs->status = 500;
            rs->told = TOLD_TRUTH;
            snprintf(rs->body, sizeof rs->body, "{\"code\":\"%s\",\"message\":\"m\"}",
                     proofs[sim_below(ARRAY_LEN(proofs))]);
        }
    } else {
        return false;
    }
    return true;
}

/* What the way back does to the answer. */
static void damage(struct call *c)
{
    struct sim_reply *rs = &c->reply;

    if (sim_fault(FAULT_CUT) && *rs->body) {
        rs->body[sim_below(strlen(rs->body))] = '\0';
        rs->told = TOLD_NOTHING;
        c->broken = sim_chance(500);
    } else if (sim_fault(FAULT_HTML)) {
        page(rs, rs->status);
    } else if (sim_fault(FAULT_ERROR)) {
        trouble(rs, true);
    }
}

static int64_t way(void)
{
    return sim_fault(FAULT_DELAY) ? sim_span(SIM_SECOND, 8 * SIM_MINUTE) : sim_span(2000, 80000);
}

static void on_arrival(void *arg)
{
    struct call *c = arg;
    const struct sim_request rq = request_of(c);

    if (sim.over || c->refused) {
        call_drop(c);
        return;
    }
    if (!instead(c)) {
        sim_rail_call(&rq, &c->reply);
        damage(c);
    }
    if (!sim_fault(FAULT_REPLY_LOST))
        call_at(c, sim.now + way(), c->daemon, on_reply);
    call_drop(c);
}

/* A copy that nobody waits for. */
static void on_copy(void *arg)
{
    struct call *c = arg;
    const struct sim_request rq = request_of(c);
    struct sim_reply rs = {.status = 0};

    if (!sim.over && !c->refused)
        sim_rail_call(&rq, &rs);
    call_drop(c);
}

/* ---- http_client.h ---- */

static char *copy(const char *p, size_t n)
{
    char *s = strndup(p ? p : "", n);

    if (!s)
        abort();
    return s;
}

static struct call *call_new(struct http_client *hc, const struct http_request *rq)
{
    struct call *c = calloc(1, sizeof *c);
    const char *path = strchr(strstr(rq->url, "//") + 2, '/');

    if (!c)
        abort();
    c->daemon = hc->daemon;
    c->method = copy(rq->method, strlen(rq->method));
    c->path = copy(path, strlen(path));
    c->body = copy(rq->body.p, rq->body.n);
    for (size_t i = 0; rq->headers && rq->headers[i]; i++) {
        assert(i < HEADERS_MAX);
        c->headers[i] = copy(rq->headers[i], strlen(rq->headers[i]));
    }
    return c;
}

static void check_leaving(const struct call *c, bool leaves)
{
    json_t *root = json_loads(c->body, 0, NULL);

    if (is_submit(c) || (is_refund(c) && strcmp(c->method, "POST") == 0))
        sim_check_submit(is_refund(c), reference_of(c),
                         json_string_value(json_object_get(root, "amount")),
                         json_string_value(json_object_get(root, "currency")), leaves);
    json_decref(root);
}

void http_client_send(struct http_client *hc, struct op *op, const struct http_request *rq)
{
    struct call *c = call_new(hc, rq);
    bool leaves = !sim_fault(FAULT_NOT_SENT);

    op_attach(op, &c->record);
    sim_say("%s %s by %d%s", c->method, c->path, c->daemon, leaves ? "" : " (never left)");
    check_leaving(c, leaves);
    if (!leaves) {
        call_at(c, sim.now + sim_span(1000, 3 * SIM_SECOND), c->daemon, on_refused_connection);
        return;
    }
    c->copied = sim_fault(FAULT_TWICE);
    call_at(c, sim.now + (int64_t)rq->timeout_ms * 1000, c->daemon, on_timeout);
    if (!sim_fault(FAULT_LOST))
        call_at(c, sim.now + way(), SIM_WORLD, on_arrival);
    if (c->copied)
        call_at(c, sim.now + sim_span(0, 5 * SIM_MINUTE), SIM_WORLD, on_copy);
}

const struct http_response *http_client_response(const struct op *op)
{
    static const struct http_response none = {.status = 0, .body = STR_INIT("")};

    return op->result ? &((const struct answer *)op->result)->rs : &none;
}

struct str http_response_header(const struct http_response *r, const char *name)
{
    (void)r;
    (void)name;
    return (struct str){.p = NULL};
}

/* ---- callbacks: what http_server.h gives to inbox_on_callback ---- */

struct exchange {
    struct http_exchange x;
    struct list node; /* taken and not answered */
    int daemon;
    int status;
    char *path, *body;
    bool put;
    void (*done)(void *arg, int status);
    void *arg;
};

static struct list taken = LIST_INIT(taken);

static void on_answered(void *arg)
{
    struct exchange *e = arg;

    e->done(e->arg, e->status);
    free(e->path);
    free(e->body);
    free(e);
}

static void answered(struct exchange *e, int status)
{
    list_remove(&e->node);
    e->status = status;
    sim_at(sim.now + sim_span(1000, 50000), SIM_WORLD, on_answered, e);
}

static void on_callback(void *arg)
{
    struct exchange *e = arg;
    int first = (int)sim_below(SIM_DAEMONS);
    struct money *m = NULL;

    for (int i = 0; i < SIM_DAEMONS && !m && !sim.over; i++) {
        e->daemon = (first + i) % SIM_DAEMONS;
        m = sim_daemon_money(e->daemon);
    }
    list_push_back(&taken, &e->node);
    if (!m) {
        answered(e, 0);
        return;
    }
    e->x.method = e->put ? HTTP_PUT : HTTP_POST;
    e->x.rest = str_c(e->path);
    e->x.body = str_c(e->body);
    inbox_on_callback(&e->x, m);
}

void sim_callback(const char *method, const char *path, const char *body,
                  void (*done)(void *arg, int status), void *arg)
{
    struct exchange *e = calloc(1, sizeof *e);

    if (!e)
        abort();
    *e = (struct exchange){.put = strcmp(method, "PUT") == 0,
                           .path = copy(path, strlen(path)),
                           .body = copy(body, strlen(body)),
                           .done = done,
                           .arg = arg};
    sim_at(sim.now + sim_span(1000, 50000), SIM_WORLD, on_callback, e);
}

void sim_http_crashed(int daemon)
{
    struct list *node, *next;

    for (node = taken.next; node != &taken; node = next) {
        struct exchange *e = container_of(node, struct exchange, node);

        next = node->next;
        if (e->daemon == daemon)
            answered(e, 0);
    }
}

struct str http_header(const struct http_exchange *x, const char *name)
{
    (void)x;
    return strcmp(name, "content-type") == 0 ? STR("application/json") : (struct str){.p = NULL};
}

void http_reply(struct http_exchange *x, unsigned status, const char *content_type, struct str body)
{
    (void)content_type;
    (void)body;
    answered(container_of(x, struct exchange, x), (int)status);
}

void http_reply_header(struct http_exchange *x, const char *name, struct str value)
{
    (void)x;
    (void)name;
    (void)value;
}

int http_mount(struct http_server *s, const char *prefix, http_handler *fn, void *arg,
               const struct http_mount_opts *o, struct err *e)
{
    (void)s;
    (void)prefix;
    (void)fn;
    (void)arg;
    (void)o;
    (void)e;
    return 0;
}
