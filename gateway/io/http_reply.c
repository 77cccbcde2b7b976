/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the HTTP server writes: replies of handlers and its own refusals. The head is built straight
 * into the stream's output, the body is copied behind it, one send follows.
 */
#include <assert.h>
#include <stdio.h>

#include "gateway/io/http_conn.h"
#include "gateway/lib/clock.h"

static struct counter requests = COUNTER("coko_http_requests_total", "HTTP requests answered");

static const struct {
    unsigned short status;
    const char *text;
} statuses[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

_Static_assert(ARRAY_LEN(statuses) < HTTP_STATUS_SLOTS, "a slot a status, one for the others");

static size_t status_slot(unsigned status)
{
    size_t i = 0;

    while (i < ARRAY_LEN(statuses) && statuses[i].status != status)
        i++;
    return i;
}

const char *http_status_text(unsigned status)
{
    size_t i = status_slot(status);

    return i < ARRAY_LEN(statuses) ? statuses[i].text : "";
}

static const char *const method_labels[HTTP_METHODS] = {
    [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
    [HTTP_OPTIONS] = "OPTIONS", [HTTP_OTHER] = "other",
};

void http_count(struct http_conn *c, unsigned status)
{
    struct http_mount *m = c->mount != NULL ? c->mount : c->server->none;
    size_t slot = status_slot(status);
    struct counter **at = &m->total[c->x.method][slot];
    char labels[120], code[8];

    if (*at == NULL) {
        snprintf(code, sizeof code, "%u", status);
        snprintf(labels, sizeof labels, "mount=\"%s\",method=\"%s\",code=\"%s\"", m->name,
                 method_labels[c->x.method], slot < ARRAY_LEN(statuses) ? code : "other");
        *at = counter_with(&requests, labels);
    }
    counter_inc(*at);
    if (c->state == CONN_HANDLER)
        counter_observe_us(m->took, clock_mono_us() - c->x.started_us);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", once a second. */
static const char *date_now(struct http_server *s)
{
    time_t now = (time_t)(clock_wall_us() / 1000000);
    struct tm tm;

    if (now != s->date_at || s->date[0] == '\0') {
        s->date_at = now;
        gmtime_r(&now, &tm);
        strftime(s->date, sizeof s->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    }
    return s->date;
}

static bool has_no_body(unsigned status)
{
    return status == 204 || status == 304 || status < 200;
}

static void head_write(struct http_conn *c, unsigned status, const char *content_type, size_t len)
{
    struct buf *out = &c->stream.out;

    buf_puts(out, "HTTP/1.1 ");
    buf_add_u64(out, status);
    buf_addc(out, ' ');
    buf_puts(out, http_status_text(status));
    buf_puts(out, "\r\nDate: ");
    buf_puts(out, date_now(c->server));
    if (content_type != NULL) {
        buf_puts(out, "\r\nContent-Type: ");
        buf_puts(out, content_type);
    }
    if (!has_no_body(status)) {
        buf_puts(out, "\r\nContent-Length: ");
        buf_add_u64(out, len);
    }
    if (c->closing)
        buf_puts(out, "\r\nConnection: close");
    else if (c->head.minor == 0)
        buf_puts(out, "\r\nConnection: keep-alive");
    buf_puts(out, "\r\n");
    buf_adds(out, buf_str(&c->fields));
    buf_puts(out, "\r\n");
}

static void reply_write(struct http_conn *c, unsigned status, const char *content_type,
                        struct str body)
{
    if (c->server->draining)
        c->closing = true;
    head_write(c, status, content_type, body.n);
    if (!c->x.head_only && !has_no_body(status))
        buf_adds(&c->stream.out, body);
    http_count(c, status);
    http_conn_replied(c);
}

static struct http_conn *conn_of(struct http_exchange *x)
{
    struct http_conn *c = container_of(x, struct http_conn, x);

    assert(c->state == CONN_HANDLER); /* one reply an exchange, none after on_gone */
    return c;
}

void http_reply_header(struct http_exchange *x, const char *name, struct str value)
{
    struct buf *out = &conn_of(x)->fields;

    assert(strpbrk(name, "\r\n: ") == NULL);
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < 0x20 && value.p[i] != '\t')
            return; /* would split the reply */
    buf_puts(out, name);
    buf_puts(out, ": ");
    buf_adds(out, value);
    buf_puts(out, "\r\n");
}

void http_reply(struct http_exchange *x, unsigned status, const char *content_type, struct str body)
{
    struct http_conn *c = conn_of(x);

    if (c->fields.failed != ERR_OK || body.n > c->server->limits.output_max) {
        log_error(&c->tag, "reply over its limit", "status=%u body=%zu", status, body.n);
        buf_reset(&c->fields);
        c->closing = true;
        reply_write(c, 500, NULL, STR_EMPTY);
        return;
    }
    reply_write(c, status, content_type, body);
}

struct buf *http_reply_buf(struct http_exchange *x)
{
    struct http_conn *c = conn_of(x);

    buf_reset(&c->body);
    return &c->body;
}

void http_reply_buf_send(struct http_exchange *x, unsigned status, const char *content_type)
{
    struct http_conn *c = conn_of(x);
    struct err e;

    if (buf_check(&c->body, &e) != 0) {
        log_err(LOG_LEVEL_ERROR, &c->tag, "reply over its limit", &e);
        c->closing = true;
        http_reply(x, 500, NULL, STR_EMPTY);
        return;
    }
    http_reply(x, status, content_type, buf_str(&c->body));
}

void http_reply_close(struct http_exchange *x)
{
    conn_of(x)->closing = true;
}

void http_refuse(struct http_conn *c, unsigned status)
{
    char body[160];
    int n = snprintf(body, sizeof body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u}",
                     http_status_text(status), status);

    c->closing = true;
    buf_reset(&c->fields);
    reply_write(c, status, "application/problem+json", str_n(body, (size_t)n));
}
