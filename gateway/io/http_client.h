/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outgoing HTTP on libcurl multi, on the loop.
 *
 * The money rule: libcurl silently sends a POST again on a fresh connection when a kept-alive peer
 * closed. With no_resend the body is given by a read callback without a seek callback, so that such
 * a re-send becomes CURLE_SEND_FAIL_REWIND (65) = MAYBE_SENT: the caller asks for the status.
 *
 * Never: follows redirects, verifies less than peer and host, keeps more than HTTP_CLIENT_BODY_MAX
 * of an answer, uses a proxy from the environment, any scheme but http and https.
 */
#ifndef COKO_IO_HTTP_CLIENT_H
#define COKO_IO_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/io/loop.h"
#include "gateway/io/op.h"
#include "gateway/lib/base.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"

#define HTTP_CLIENT_BODY_MAX (1u << 20)

struct http_client_config {
    const char *ca_file;      /* NULL: the system's */
    const char *user_agent;   /* NULL: "coko" */
    unsigned max_connections; /* in all; 0: 32 */
    unsigned max_per_host;    /* 0: 8 */
    unsigned pending_max;     /* requests not finished; 0: 256, then ERR_BUSY */
};

/* Everything is copied by http_client_send. */
struct http_request {
    const char *method;          /* "GET", "POST", ... */
    const char *url;             /* http:// or https:// */
    const char *const *headers;  /* "Name: value", NULL-terminated; may be NULL */
    struct str body;             /* .n 0: none */
    unsigned timeout_ms;         /* whole exchange; 0: 10000 */
    unsigned connect_timeout_ms; /* 0: 3000 */
    bool no_resend;              /* money: see above */
    const char *resolve;         /* "host:port:address" pins the address (after an SSRF check) */
    const char *client_cert;     /* PEM files for mutual TLS; may be NULL */
    const char *client_key;
};

enum http_sent_state {
    HTTP_NOT_SENT,   /* no byte of the request can have reached the peer */
    HTTP_MAYBE_SENT, /* it may have been received and executed */
};

struct http_response {
    int status;      /* 0 when no answer came */
    struct str body; /* NUL after the last byte */
    struct http_response_header {
        struct str name;
        struct str value;
    } * headers;
    unsigned nheaders;
    enum http_sent_state sent_state;
    int curl_code; /* CURLcode, 0 when an answer came whole */
};

struct http_client;

struct http_client *http_client_new(struct loop *l, const struct http_client_config *c,
                                    struct err *e);

/* Fails what is running (ERR_CLOSED). NULL is allowed. */
void http_client_free(struct http_client *hc);

/*
 * Sends. Any HTTP answer, 5xx too, completes the op. Otherwise it fails: ERR_TIMEOUT, ERR_IO,
 * ERR_TOO_BIG, ERR_TLS, ERR_BUSY, ERR_BAD_INPUT; http_client_response(op) is set in both cases (not
 * after ERR_BUSY and ERR_BAD_INPUT: not sent), and op->unknown says MAYBE_SENT.
 */
void http_client_send(struct http_client *hc, struct op *op, const struct http_request *rq);

/* Of a finished op; lives until op_release. */
const struct http_response *http_client_response(const struct op *op);

/* First field with this name, any case; .p NULL when absent. */
struct str http_response_header(const struct http_response *r, const char *name);

#endif
