/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl multi on the loop. One transfer a `struct transfer`: an easy handle, its copy of the
 * request, the answer being filled. curl's sockets are libevent events, curl's timer a loop timer.
 *
 *   send -> RUNNING -> finished -> the op completes (an HTTP answer) or fails (none)
 *              | op_cancel: the transfer is taken off curl and freed
 */
#include "gateway/io/http_client.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "gateway/lib/buf.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/list.h"

#define FIELDS_MAX   64
#define FIELDS_BYTES (32u * 1024u)
#define REQUEST_MAX  (4u << 20)

struct transfer {
    struct op_record record; /* first */
    struct list node;
    struct http_client *hc;
    CURL *easy;
    struct curl_slist *headers, *resolve;
    struct buf request; /* the body to send */
    size_t request_at;
    struct buf body, fields;
    struct http_response rs;
    bool too_big;
    int64_t started_us;
};

struct http_client {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer timer;
    struct list transfers;
    unsigned pending, pending_max;
    char *ca_file, *user_agent;
};

/* One socket of curl's. */
struct watch {
    struct event ev;
    struct http_client *hc;
};

static struct counter outgoing =
    COUNTER("coko_http_client_requests_total", "Outgoing HTTP requests by outcome");
static struct counter took =
    HISTOGRAM("coko_http_client_duration_seconds", "Time of outgoing HTTP requests");

/* ---- the response's life ---- */

struct answer {
    struct http_response rs; /* first: what the op carries */
    struct buf body, fields;
    struct http_response_header headers[FIELDS_MAX];
};

static void answer_free(void *result)
{
    struct answer *a = result;

    buf_fini(&a->body);
    buf_fini(&a->fields);
    free(a);
}

/* "Name: value" lines of the last head, cut into a's table. */
static void fields_cut(struct answer *a)
{
    struct str rest = buf_str(&a->fields), line;

    while (a->rs.nheaders < FIELDS_MAX && str_split(&rest, '\n', &line)) {
        struct http_response_header *h = &a->headers[a->rs.nheaders];

        if (!str_cut(line, ':', &h->name, &h->value))
            continue;
        h->value = str_trim(h->value);
        a->rs.nheaders++;
    }
    a->rs.headers = a->headers;
}

static struct answer *answer_new(struct transfer *t)
{
    struct answer *a = calloc(1, sizeof *a);

    if (a == NULL)
        abort();
    a->rs = t->rs;
    a->body = t->body;
    a->fields = t->fields;
    buf_init(&t->body, 0);
    buf_init(&t->fields, 0);
    buf_cstr(&a->body);
    a->rs.body = buf_str(&a->body);
    fields_cut(a);
    return a;
}

/* ---- curl's callbacks of a transfer ---- */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;

    if (t->body.len + size * n > HTTP_CLIENT_BODY_MAX) {
        t->too_big = true;
        return 0;
    }
    buf_add(&t->body, data, size * n);
    return size * n;
}

static size_t on_field(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * n;

    if (len > 5 && memcmp(data, "HTTP/", 5) == 0)
        buf_reset(&t->fields); /* a new head: 100 Continue came before */
    if (t->fields.len + len > FIELDS_BYTES) {
        t->too_big = true;
        return 0;
    }
    buf_add(&t->fields, data, len);
    return len;
}

/* There is no seek callback: curl cannot rewind, so it cannot send the body twice (I3). */
static size_t on_send(char *out, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t left = t->request.len - t->request_at, len = MIN(left, size * n);

    if (len > 0)
        memcpy(out, t->request.p + t->request_at, len);
    t->request_at += len;
    return len;
}

/* ---- the end of a transfer ---- */

static void transfer_free(struct transfer *t)
{
    list_remove(&t->node);
    t->hc->pending--;
    curl_multi_remove_handle(t->hc->multi, t->easy);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->resolve);
    buf_wipe(&t->request);
    buf_fini(&t->body);
    buf_fini(&t->fields);
    free(t);
}

/*
 * Whether the peer can have seen the request: name and connection faults say no, and so does a TLS
 * handshake that failed; anything after the first byte says maybe (M4, I3).
 */
static enum http_sent_state sent_state(CURL *easy, CURLcode code)
{
    long bytes = 0;

    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return HTTP_NOT_SENT;
    case CURLE_OPERATION_TIMEDOUT:
        curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes);
        return bytes == 0 ? HTTP_NOT_SENT : HTTP_MAYBE_SENT;
    default: return HTTP_MAYBE_SENT;
    }
}

static enum err_code code_of(const struct transfer *t, CURLcode code)
{
    if (t->too_big)
        return ERR_TOO_BIG;
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return ERR_TIMEOUT;
    case CURLE_COULDNT_CONNECT: return ERR_REFUSED;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE: return ERR_TLS;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return ERR_BAD_INPUT;
    default: return ERR_IO;
    }
}

static void outcome_count(const struct transfer *t, enum err_code code)
{
    char labels[48];

    if (code == ERR_OK)
        snprintf(labels, sizeof labels, "outcome=\"%dxx\"", t->rs.status / 100 % 10);
    else
        snprintf(labels, sizeof labels, "outcome=\"%s\"", err_name(code));
    counter_inc(counter_with(&outgoing, labels));
    counter_observe_us(&took, clock_mono_us() - t->started_us);
}

static void transfer_done(struct transfer *t, CURLcode code)
{
    struct op *op = t->record.op;
    enum err_code err = code == CURLE_OK ? ERR_OK : code_of(t, code);
    long status = 0;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->rs.status = (int)status;
    t->rs.curl_code = (int)code;
    t->rs.sent_state = code == CURLE_OK ? HTTP_MAYBE_SENT : sent_state(t->easy, code);
    outcome_count(t, err);
    if (op != NULL) {
        struct answer *a = answer_new(t);

        op->unknown = err != ERR_OK && t->rs.sent_state == HTTP_MAYBE_SENT;
        if (err == ERR_OK) {
            op_complete(op, a, answer_free);
        } else {
            op->result = a;
            op->release = answer_free;
            op_fail(op, err, "curl %d: %s", (int)code, curl_easy_strerror(code));
        }
    }
    transfer_free(t);
}

static void finished_read(struct http_client *hc)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(hc->multi, &left)) != NULL) {
        char *private = NULL;
        CURLcode code = msg->data.result;

        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private);
        transfer_done((struct transfer *)(void *)private, code);
    }
}

/* ---- curl's sockets and timer on the loop ---- */

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;
    struct http_client *hc = w->hc;
    int flags = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    curl_multi_socket_action(hc->multi, fd, flags, &running); /* may free w */
    finished_read(hc);
}

static int on_watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *sock)
{
    struct http_client *hc = arg;
    struct watch *w = sock;

    (void)easy;
    if (w != NULL)
        event_del(&w->ev);
    if (what == CURL_POLL_REMOVE) {
        free(w);
        curl_multi_assign(hc->multi, fd, NULL);
        return 0;
    }
    if (w == NULL) {
        w = calloc(1, sizeof *w);
        if (w == NULL)
            abort();
        w->hc = hc;
        curl_multi_assign(hc->multi, fd, w);
    }
    event_assign(&w->ev, loop_base(hc->loop), fd,
                 (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
                         (what & CURL_POLL_OUT ? EV_WRITE : 0)),
                 on_socket, w);
    event_add(&w->ev, NULL);
    return 0;
}

static void on_client_timer(void *arg)
{
    struct http_client *hc = arg;
    int running;

    curl_multi_socket_action(hc->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finished_read(hc);
}

static int on_curl_timer(CURLM *multi, long ms, void *arg)
{
    struct http_client *hc = arg;

    (void)multi;
    if (ms < 0)
        loop_timer_clear(&hc->timer);
    else
        loop_timer_set(&hc->timer, ms);
    return 0;
}

/* ---- sending ---- */

static void on_transfer_cancel(struct op_record *record)
{
    struct transfer *t = container_of(record, struct transfer, record);

    transfer_free(t);
}

static void body_set(struct transfer *t, const struct http_request *rq)
{
    CURL *c = t->easy;

    buf_adds(&t->request, rq->body);
    if (rq->no_resend && rq->body.n == 0)
        curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L); /* nothing to rewind: never reuse */
    if (rq->body.n == 0 && !rq->no_resend) {
        if (strcmp(rq->method, "POST") == 0 || strcmp(rq->method, "PUT") == 0)
            curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
        return;
    }
    curl_easy_setopt(c, CURLOPT_POST, 1L);
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->request.len);
    if (rq->no_resend) {
        curl_easy_setopt(c, CURLOPT_READFUNCTION, on_send);
        curl_easy_setopt(c, CURLOPT_READDATA, t);
    } else {
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, t->request.p);
    }
}

static void header_add(struct curl_slist **list, const char *line)
{
    struct curl_slist *grown = curl_slist_append(*list, line);

    if (grown == NULL)
        abort();
    *list = grown;
}

static void transport_set(struct transfer *t, const struct http_request *rq)
{
    struct http_client *hc = t->hc;
    CURL *c = t->easy;

    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_USERAGENT, hc->user_agent);
    if (hc->ca_file != NULL)
        curl_easy_setopt(c, CURLOPT_CAINFO, hc->ca_file);
    if (rq->client_cert != NULL)
        curl_easy_setopt(c, CURLOPT_SSLCERT, rq->client_cert);
    if (rq->client_key != NULL)
        curl_easy_setopt(c, CURLOPT_SSLKEY, rq->client_key);
    if (rq->resolve != NULL) {
        header_add(&t->resolve, rq->resolve);
        curl_easy_setopt(c, CURLOPT_RESOLVE, t->resolve);
    }
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, rq->timeout_ms != 0 ? (long)rq->timeout_ms : 10000L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
                     rq->connect_timeout_ms != 0 ? (long)rq->connect_timeout_ms : 3000L);
}

static void request_set(struct transfer *t, const struct http_request *rq)
{
    CURL *c = t->easy;

    curl_easy_setopt(c, CURLOPT_PRIVATE, t);
    curl_easy_setopt(c, CURLOPT_URL, rq->url);
    body_set(t, rq);
    if (strcmp(rq->method, "HEAD") == 0)
        curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, rq->method);
    for (size_t i = 0; rq->headers != NULL && rq->headers[i] != NULL; i++)
        header_add(&t->headers, rq->headers[i]);
    header_add(&t->headers, "Expect:"); /* no 100 Continue: some rails never send it */
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_field);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
}

static bool is_sendable(const struct http_request *rq)
{
    if (rq->body.n > REQUEST_MAX ||
        (strncmp(rq->url, "http://", 7) != 0 && strncmp(rq->url, "https://", 8) != 0))
        return false;
    for (size_t i = 0; rq->headers != NULL && rq->headers[i] != NULL; i++)
        if (strpbrk(rq->headers[i], "\r\n") != NULL)
            return false;
    return strpbrk(rq->url, "\r\n ") == NULL;
}

void http_client_send(struct http_client *hc, struct op *op, const struct http_request *rq)
{
    struct transfer *t;

    if (hc->pending >= hc->pending_max || !is_sendable(rq)) {
        op_attach(op, NULL);
        if (hc->pending >= hc->pending_max)
            op_fail(op, ERR_BUSY, "too many outgoing requests");
        else
            op_fail(op, ERR_BAD_INPUT, "this request cannot be sent");
        return;
    }
    t = calloc(1, sizeof *t);
    if (t == NULL || (t->easy = curl_easy_init()) == NULL)
        abort();
    t->hc = hc;
    t->started_us = clock_mono_us();
    buf_init(&t->request, REQUEST_MAX);
    buf_init(&t->body, HTTP_CLIENT_BODY_MAX + 1);
    buf_init(&t->fields, FIELDS_BYTES + 1);
    request_set(t, rq);
    transport_set(t, rq);
    t->record.on_cancel = on_transfer_cancel;
    op_attach(op, &t->record);
    list_push_back(&hc->transfers, &t->node);
    hc->pending++;
    curl_multi_add_handle(hc->multi, t->easy);
}

/* ---- life ---- */

static char *copy(const char *s)
{
    char *c = s != NULL ? strdup(s) : NULL;

    if (s != NULL && c == NULL)
        abort();
    return c;
}

struct http_client *http_client_new(struct loop *l, const struct http_client_config *c,
                                    struct err *e)
{
    static const struct http_client_config none;
    struct http_client *hc;

    if (c == NULL)
        c = &none;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(e, ERR_IO, "libcurl cannot start");
        return NULL;
    }
    hc = calloc(1, sizeof *hc);
    if (hc == NULL || (hc->multi = curl_multi_init()) == NULL)
        abort();
    hc->loop = l;
    list_init(&hc->transfers);
    hc->pending_max = c->pending_max != 0 ? c->pending_max : 256;
    hc->ca_file = copy(c->ca_file);
    hc->user_agent = copy(c->user_agent != NULL ? c->user_agent : "coko");
    loop_timer_init(&hc->timer, l, on_client_timer, hc);
    curl_multi_setopt(hc->multi, CURLMOPT_SOCKETFUNCTION, on_watch);
    curl_multi_setopt(hc->multi, CURLMOPT_SOCKETDATA, hc);
    curl_multi_setopt(hc->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(hc->multi, CURLMOPT_TIMERDATA, hc);
    curl_multi_setopt(hc->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                      (long)(c->max_connections != 0 ? c->max_connections : 32));
    curl_multi_setopt(hc->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                      (long)(c->max_per_host != 0 ? c->max_per_host : 8));
    return hc;
}

void http_client_free(struct http_client *hc)
{
    if (hc == NULL)
        return;
    list_for_each_safe(node, &hc->transfers)
    {
        struct transfer *t = container_of(node, struct transfer, node);

        if (t->record.op != NULL) {
            t->record.op->unknown = true;
            op_fail(t->record.op, ERR_CLOSED, "closed");
        }
        transfer_free(t);
    }
    curl_multi_cleanup(hc->multi);
    loop_timer_clear(&hc->timer);
    free(hc->ca_file);
    free(hc->user_agent);
    free(hc);
    curl_global_cleanup();
}

const struct http_response *http_client_response(const struct op *op)
{
    return op->result;
}

struct str http_response_header(const struct http_response *r, const char *name)
{
    for (unsigned i = 0; i < r->nheaders; i++)
        if (str_case_eq(r->headers[i].name, str_c(name)))
            return r->headers[i].value;
    return (struct str){NULL, 0};
}
