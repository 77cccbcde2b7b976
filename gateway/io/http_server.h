/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict HTTP/1.1 server: streams (stream.h), our own parser (http_parse.h), a table of mounts.
 * A small request costs one epoll wake-up, one read and one send; bare evhttp, over bufferevents,
 * spends more than twice the CPU on it.
 *
 * Order of calls: http_server_new; http_mount for each prefix; http_server_listen_fd for each
 * listening socket; http_server_drain on SIGTERM, wait for http_server_idle; http_server_free.
 *
 * A handler is called with the whole request (head and body inside limits) and answers once, now or
 * later, by http_reply. Requests pipelined on one connection are served one at a time, in order. If
 * the client leaves before the answer, on_gone is called once and the exchange is dead when it
 * returns.
 *
 * An exchange is memory of its connection: nothing is allocated per request once a connection is
 * warm. Its strings live until http_reply returns.
 *
 * The server itself answers OPTIONS * (204), unknown methods (501), what no mount takes (404), limits
 * (408, 413, 414, 431), each as problem+json, and closes.
 *
 * R1: every ambiguous request is answered 400 and the connection closed; the handler never sees it.
 */
#ifndef COKO_IO_HTTP_SERVER_H
#define COKO_IO_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/io/http_parse.h"
#include "gateway/io/loop.h"
#include "gateway/io/op.h"
#include "gateway/io/tls.h"
#include "gateway/lib/base.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"

struct http_limits {
    unsigned header_ms;          /* from the first byte to the end of the head; 0: 10000 */
    unsigned body_ms;            /* from the head to the end of the body; 0: 30000 */
    unsigned idle_ms;            /* between requests; 0: 60000 */
    unsigned write_ms;           /* a reply not taken at 8 KB/s, looked at this often; 0: 30000 */
    unsigned connections;        /* in all; 0: 10000 */
    unsigned connections_per_ip; /* 0: 256; trusted proxies and loopback are not counted */
    size_t body_max;             /* of a mount without its own; 0: 128 KiB */
    size_t output_max;           /* one reply; 0: 64 MiB */
    const char *trusted_proxies; /* "10.0.0.0/8, ::1": X-Forwarded-For believed from these only */
    struct tls *tls;             /* NULL: plain */
};

struct http_server;

struct http_exchange {
    uint64_t id; /* unique in the process */
    enum http_method method;
    bool head_only; /* HEAD: handlers may ignore it, the body is not sent */
    struct str method_name;
    struct str target; /* as sent */
    struct str path;   /* decoded once, no "." or ".." segment, no NUL, valid UTF-8 */
    struct str rest;   /* path after the mount's prefix, without the first slash */
    struct str query;  /* raw, after '?' */
    struct str body;
    struct str host;
    const struct http_head *head;
    char peer[46];  /* the client's address; through trusted proxies the real one */
    bool via_proxy; /* a trusted proxy brought it: its headers may be believed */
    bool is_tls;
    int64_t started_us; /* monotonic */
    void *mount_arg;    /* of http_mount */
    void *user;         /* the handler's own; NULL at the start of each request */
    void (*on_gone)(struct http_exchange *x); /* the client left first; NULL: nothing to cancel */
};

typedef void http_handler(struct http_exchange *x, void *arg);

/* limits may be NULL for the defaults; strings are copied, tls is borrowed. */
struct http_server *http_server_new(struct loop *l, const struct http_limits *limits,
                                    struct err *e);

/* Closes every connection; exchanges not yet answered get on_gone. NULL is allowed. */
void http_server_free(struct http_server *s);

/* Accepts on a bound, listening, non-blocking socket; the server does not own the descriptor. */
MUST_CHECK int http_server_listen_fd(struct http_server *s, int fd, struct err *e);

/*
 * Requests whose path is prefix, or starts with prefix + "/", go to fn(x, arg); the longest prefix
 * wins; "/" takes the rest. name is the metric label. body_max 0: the default.
 */
struct http_mount_opts {
    const char *name;
    size_t body_max;
};
MUST_CHECK int http_mount(struct http_server *s, const char *prefix, http_handler *fn, void *arg,
                          const struct http_mount_opts *o, struct err *e);

/* Stops accepting, answers with Connection: close, closes idle connections. */
void http_server_drain(struct http_server *s);

/* True when no connection is left. */
bool http_server_idle(const struct http_server *s);

/* Open connections. */
unsigned http_server_connections(const struct http_server *s);

/* ---- the request ---- */

/* A field by lower-case name; .p NULL when absent. */
struct str http_header(const struct http_exchange *x, const char *name);

/* Decoded value of a name: length, -1 absent, -2 malformed, repeated or no room. out gets a NUL. */
MUST_CHECK ptrdiff_t http_query_get(const struct http_exchange *x, const char *name, char *out,
                                    size_t cap);
MUST_CHECK ptrdiff_t http_form_get(const struct http_exchange *x, const char *name, char *out,
                                   size_t cap);

/* ---- the reply ---- */

/* A field of the reply, before http_reply. Value with CR, LF or NUL is dropped (asserts in name). */
void http_reply_header(struct http_exchange *x, const char *name, struct str value);

/*
 * Answers: bytes are copied into the output before return. content_type NULL: none. Content-Length,
 * Date and Connection are ours. The exchange must not be touched afterwards.
 */
void http_reply(struct http_exchange *x, unsigned status, const char *content_type,
                struct str body);

/* The connection's own empty buffer to write a body into; then http_reply_buf_send. */
struct buf *http_reply_buf(struct http_exchange *x);
void http_reply_buf_send(struct http_exchange *x, unsigned status, const char *content_type);

/* The connection is closed after this reply. */
void http_reply_close(struct http_exchange *x);

/* "OK", "Not Found", ... "" for an unknown one. */
const char *http_status_text(unsigned status);

#endif
