/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each lookup has an evdns base of its own, freed by loop_defer after evdns has called back: evdns
 * may call inside evdns_getaddrinfo (hosts file), and always calls after a cancel.
 */
#include "smpp/resolve.h"

#include <event2/dns.h>
#include <event2/util.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resolve {
    struct loop *loop;
    resolve_fn *fn; /* NULL: cancelled */
    void *arg;
    struct evdns_base *dns;
    struct evdns_getaddrinfo_request *request; /* NULL: answered */
    bool answered;
    const char *why;
    struct resolve_address list[RESOLVE_MAX];
    unsigned count;
};

static void deliver(void *ctx)
{
    struct resolve *r = ctx;

    if (r->dns != NULL)
        evdns_base_free(r->dns, 0);
    if (r->fn != NULL)
        r->fn(r->arg, r->list, r->count, r->why);
    free(r);
}

static void answer(struct resolve *r, const struct evutil_addrinfo *list, const char *why)
{
    for (; list != NULL && r->count < RESOLVE_MAX; list = list->ai_next) {
        struct resolve_address *a = &r->list[r->count];

        if (list->ai_addrlen > sizeof a->sa)
            continue;
        memcpy(&a->sa, list->ai_addr, list->ai_addrlen);
        a->len = list->ai_addrlen;
        r->count++;
    }
    r->answered = true;
    r->request = NULL;
    r->why = r->count > 0 ? "" : why;
    loop_defer(r->loop, deliver, r);
}

static void on_answer(int result, struct evutil_addrinfo *list, void *arg)
{
    answer(arg, list, result != 0 ? evutil_gai_strerror(result) : "no address");
    if (list != NULL)
        evutil_freeaddrinfo(list);
}

static void ask(struct resolve *r, const char *host, const char *port)
{
    struct evutil_addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    struct evdns_getaddrinfo_request *request;

    r->dns = evdns_base_new(loop_base(r->loop),
                            EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (r->dns == NULL) {
        answer(r, NULL, "no name server is configured");
        return;
    }
    request = evdns_getaddrinfo(r->dns, host, port, &hints, on_answer, r);
    if (!r->answered)
        r->request = request;
}

struct resolve *resolve_start(struct loop *l, const char *host, uint16_t port, resolve_fn *fn,
                              void *arg)
{
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_protocol = IPPROTO_TCP,
                                    .ai_flags = EVUTIL_AI_NUMERICHOST};
    struct evutil_addrinfo *list = NULL;
    struct resolve *r = calloc(1, sizeof *r);
    char service[8];

    if (r == NULL)
        abort();
    r->loop = l;
    r->fn = fn;
    r->arg = arg;
    (void)snprintf(service, sizeof service, "%u", port);
    if (evutil_getaddrinfo(host, service, &hints, &list) == 0)
        on_answer(0, list, r);
    else
        ask(r, host, service);
    return r;
}

void resolve_cancel(struct resolve *r)
{
    if (r == NULL)
        return;
    r->fn = NULL;
    if (r->request != NULL)
        evdns_getaddrinfo_cancel(r->request);
}
