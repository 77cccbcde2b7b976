/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rail of the money figures: MTN MoMo Collections as far as a charge goes, each answer LATENCY_MS
 * late, and a payer who approves APPROVE_MS after he was asked. The lab's rail (tests/lab/mtn_rail.py)
 * has the faults; this one has the speed, on libevent's own server and jansson, which the daemon does
 * not serve or parse requests with.
 *
 *     rail              prints {"port": N}; SIGUSR1 and SIGTERM print its books as a JSON line
 *
 *   POST token/            a bearer
 *   POST requesttopay      202; 409 when it has the reference, and `again` counts it
 *   GET requesttopay/REF   PENDING, then SUCCESSFUL: that is the debit, told of once or more
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LATENCY_MS 50
#define APPROVE_MS 8000
#define SLOTS      (1u << 20) /* of accounts: a power of two, never more than half full */
#define REF_LEN    36

struct account {
    char ref[REF_LEN + 1], amount[16], currency[4];
    int64_t asked_ms;
    bool debited;
};

/* An answer that is still under way. */
struct answer {
    struct evhttp_request *rq;
    struct event *timer;
    int status;
    json_t *body; /* NULL: none */
};

static struct {
    struct event_base *base;
    struct account *accounts;
    uint64_t asked, again, questions, debits;
} g;

static void die(const char *what)
{
    fprintf(stderr, "rail: %s\n", what);
    exit(1);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the books ---- */

/* The account of a reference, or the free one where it belongs. */
static struct account *account_of(const char *ref)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (const char *c = ref; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    for (uint32_t i = hash;; i++) {
        struct account *a = &g.accounts[i & (SLOTS - 1)];

        if (!*a->ref || strcmp(a->ref, ref) == 0)
            return a;
    }
}

static void print_books(void)
{
    printf("{\"asked\": %llu, \"again\": %llu, \"questions\": %llu, \"debits\": %llu}\n",
           (unsigned long long)g.asked, (unsigned long long)g.again,
           (unsigned long long)g.questions, (unsigned long long)g.debits);
    fflush(stdout);
}

/* ---- answers ---- */

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    struct answer *a = arg;
    struct evbuffer *body = evbuffer_new();
    char *text = a->body ? json_dumps(a->body, JSON_COMPACT) : NULL;

    (void)fd;
    (void)what;
    if (!body)
        die("no memory");
    if (text)
        evbuffer_add(body, text, strlen(text));
    evhttp_add_header(evhttp_request_get_output_headers(a->rq), "Content-Type", "application/json");
    evhttp_send_reply(a->rq, a->status, NULL, body);
    free(text);
    json_decref(a->body);
    evbuffer_free(body);
    event_free(a->timer);
    free(a);
}

static void answer(struct evhttp_request *rq, int status, json_t *body)
{
    static const struct timeval late = {.tv_usec = LATENCY_MS * 1000};
    struct answer *a = calloc(1, sizeof *a);

    if (!a)
        die("no memory");
    *a = (struct answer){.rq = rq, .status = status, .body = body};
    a->timer = evtimer_new(g.base, on_due, a);
    if (!a->timer || evtimer_add(a->timer, &late) != 0)
        die("no timer");
}

/* ---- the calls ---- */

static void on_token(struct evhttp_request *rq, void *arg)
{
    (void)arg;
    answer(rq, 200,
           json_pack("{s:s,s:s,s:i}", "access_token", "bench", "token_type", "access_token",
                     "expires_in", 3600));
}

static void on_pay(struct evhttp_request *rq, void *arg)
{
    const char *ref = evhttp_find_header(evhttp_request_get_input_headers(rq), "X-Reference-Id");
    struct evbuffer *in = evhttp_request_get_input_buffer(rq);
    const char *amount, *currency;
    json_t *order =
        json_loadb((const char *)evbuffer_pullup(in, -1), evbuffer_get_length(in), 0, NULL);
    struct account *a;

    (void)arg;
    if (!ref || strlen(ref) != REF_LEN ||
        json_unpack(order, "{s:s,s:s}", "amount", &amount, "currency", &currency) != 0)
        die("an order that it cannot read");
    a = account_of(ref);
    if (*a->ref) {
        g.again++;
        answer(rq, 409, json_pack("{s:s}", "code", "RESOURCE_ALREADY_EXIST"));
    } else {
        if (++g.asked > SLOTS / 2)
            die("too many accounts");
        snprintf(a->ref, sizeof a->ref, "%s", ref);
        snprintf(a->amount, sizeof a->amount, "%s", amount);
        snprintf(a->currency, sizeof a->currency, "%s", currency);
        a->asked_ms = now_ms();
        answer(rq, 202, NULL);
    }
    json_decref(order);
}

static void on_question(struct evhttp_request *rq, void *arg)
{
    const char *ref = strrchr(evhttp_request_get_uri(rq), '/') + 1;
    struct account *a = account_of(ref);
    char txn[24];

    (void)arg;
    g.questions++;
    if (!*a->ref) {
        answer(rq, 404, json_pack("{s:s}", "code", "RESOURCE_NOT_FOUND"));
        return;
    }
    if (now_ms() - a->asked_ms < APPROVE_MS) {
        answer(rq, 200, json_pack("{s:s}", "status", "PENDING"));
        return;
    }
    g.debits += !a->debited;
    a->debited = true;
    snprintf(txn, sizeof txn, "%td", a - g.accounts);
    answer(rq, 200,
           json_pack("{s:s,s:s,s:s,s:s,s:s}", "status", "SUCCESSFUL", "amount", a->amount,
                     "currency", a->currency, "externalId", a->ref, "financialTransactionId", txn));
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    (void)arg;
    print_books();
    if (fd == SIGTERM)
        event_base_loopbreak(g.base);
}

int main(void)
{
    struct sockaddr_in addr;
    socklen_t n = sizeof addr;
    struct evhttp_bound_socket *bound;
    struct evhttp *http;

    signal(SIGPIPE, SIG_IGN);
    g.accounts = calloc(SLOTS, sizeof *g.accounts);
    g.base = event_base_new();
    http = g.base ? evhttp_new(g.base) : NULL;
    bound = http ? evhttp_bind_socket_with_handle(http, "127.0.0.1", 0) : NULL;
    if (!g.accounts || !bound ||
        getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&addr, &n) != 0)
        die("cannot listen");
    evhttp_set_cb(http, "/collection/token/", on_token, NULL);
    evhttp_set_cb(http, "/collection/v1_0/requesttopay", on_pay, NULL);
    evhttp_set_gencb(http, on_question, NULL);
    evsignal_add(evsignal_new(g.base, SIGUSR1, on_signal, NULL), NULL);
    evsignal_add(evsignal_new(g.base, SIGTERM, on_signal, NULL), NULL);
    printf("{\"port\": %d}\n", ntohs(addr.sin_port));
    fflush(stdout);
    event_base_dispatch(g.base);
    return 0;
}
