/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names with several addresses (smpp.md hard case 23): a link asks a name server of this test for
 * carrier.example, whose answers each test chooses, and must come to the one address where a message
 * centre (smpp/server) answers. All in one loop, on loopback.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/lib/clock.h"
#include "smpp/dial.h"
#include "smpp/link.h"
#include "smpp/server.h"

#define LIST_MAX 8

static struct bench {
    struct loop *loop;
    struct evdns_server_port *dns;
    char dns_at[32];
    struct in_addr v4[LIST_MAX];
    struct in6_addr v6[LIST_MAX];
    int nv4, nv6;
    bool no_such_name;
    unsigned asked;
    struct smpp_server *server;
    struct smsc_account account;
    uint16_t port;
    int mute; /* a listener that takes connections and says nothing; -1: none */
    struct link *link;
    unsigned ups;
    struct dial dial;
    unsigned resolved, count;
    const char *why;
} * b;

/* resolve.c, but asking the test's name server. */
static struct evdns_base *test_dns_base(struct event_base *base, int flags)
{
    struct evdns_base *dns = evdns_base_new(base, flags & ~(int)EVDNS_BASE_INITIALIZE_NAMESERVERS);

    assert_int_equal(evdns_base_nameserver_ip_add(dns, b->dns_at), 0);
    return dns;
}

#define evdns_base_new test_dns_base
#include "smpp/resolve.c"
#undef evdns_base_new

/* ---- the name server ------------------------------------------------------------------------- */

static void on_question(struct evdns_server_request *req, void *arg)
{
    (void)arg;
    b->asked++;
    for (int i = 0; i < req->nquestions && !b->no_such_name; i++) {
        const struct evdns_server_question *q = req->questions[i];

        assert_int_equal(evutil_ascii_strcasecmp(q->name, "carrier.example"), 0);
        if (q->type == EVDNS_TYPE_A && b->nv4 > 0)
            (void)evdns_server_request_add_a_reply(req, q->name, b->nv4, b->v4, 60);
        if (q->type == EVDNS_TYPE_AAAA && b->nv6 > 0)
            (void)evdns_server_request_add_aaaa_reply(req, q->name, b->nv6, b->v6, 60);
    }
    (void)evdns_server_request_respond(req, b->no_such_name ? DNS_ERR_NOTEXIST : 0);
}

static int bound_socket(int type, const char *at, uint16_t *port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_int_equal(inet_pton(AF_INET, at, &sa.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    *port = ntohs(sa.sin_port);
    return fd;
}

static void has(const char *address)
{
    if (strchr(address, ':') != NULL)
        assert_int_equal(inet_pton(AF_INET6, address, &b->v6[b->nv6++]), 1);
    else
        assert_int_equal(inet_pton(AF_INET, address, &b->v4[b->nv4++]), 1);
}

/* ---- the message centre and the link --------------------------------------------------------- */

static void on_bind(void *ctx, uint64_t peer, const char *address, const struct pdu *p)
{
    (void)ctx, (void)address, (void)p;
    smpp_server_accept(b->server, peer, &b->account);
}

static void on_submit(void *ctx, uint64_t peer, const struct pdu *p)
{
    (void)ctx;
    smpp_server_respond(b->server, peer, p->id, p->seq, 0, STR("id"));
}

static const struct smpp_server_sink server_sink = {.bind = on_bind, .submit = on_submit};

static void on_up(void *ctx)
{
    (void)ctx;
    b->ups++;
}

static const struct link_sink link_sink = {.up = on_up};

#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        int64_t give_up = clock_mono_ms() + 20000;                                                 \
        while (!(condition)) {                                                                     \
            if (clock_mono_ms() > give_up)                                                         \
                fail_msg("never: %s", #condition);                                                 \
            loop_turn(b->loop, true);                                                              \
        }                                                                                          \
    } while (0)

static void link_opens(void)
{
    struct link_config c = {
        .name = "lab",
        .host = "carrier.example",
        .port = b->port,
        .connect_ms = 2000,
        .retry_min_ms = 60000, /* one attempt: no second one may save the test */
        .session = {.system_id = STR("coko"), .password = STR("pw"), .bind_ms = 100, .window = 1}};
    struct err e;

    b->link = link_new(b->loop, &c, &link_sink, b, &e);
    assert_non_null(b->link);
    link_start(b->link);
}

static struct link_status status(void)
{
    struct link_status st;

    link_status_get(b->link, &st);
    return st;
}

static int setup(void **state)
{
    struct smpp_server_config config = {.session.system_id = STR("lab")};
    uint16_t dns_port = 0;
    struct err e;

    (void)state;
    b = calloc(1, sizeof *b);
    b->mute = -1;
    b->loop = loop_new(&e);
    b->account.queue_max = 10;
    rate_init(&b->account.rate, 0, 0, loop_now_ms(b->loop));
    b->dns = evdns_add_server_port_with_base(
        loop_base(b->loop), bound_socket(SOCK_DGRAM, "127.0.0.1", &dns_port), 0, on_question, NULL);
    (void)snprintf(b->dns_at, sizeof b->dns_at, "127.0.0.1:%u", dns_port);
    b->server = smpp_server_new(b->loop, bound_socket(SOCK_STREAM, "127.0.0.1", &b->port), &config,
                                &server_sink, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    link_free(b->link);
    dial_cancel(&b->dial);
    smpp_server_free(b->server);
    if (b->mute >= 0)
        close(b->mute);
    loop_turn(b->loop, false);
    evdns_close_server_port(b->dns);
    loop_turn(b->loop, false);
    loop_free(b->loop);
    free(b);
    return 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void hard_23_several_addresses_one_dead(void **state)
{
    (void)state;
    has("127.0.0.2"); /* the port is open on 127.0.0.1 alone */
    has("127.0.0.3");
    has("127.0.0.1");
    link_opens();
    UNTIL(b->ups == 1);
    assert_int_equal(status().connects, 1);
    assert_int_equal(b->asked, 2); /* A and AAAA */
}

static void hard_23_ipv6_first_and_dead(void **state)
{
    (void)state;
    has("::1");
    has("2001:db8::1");
    has("127.0.0.1");
    link_opens();
    UNTIL(b->ups == 1);
}

/* TCP lives there, SMPP does not: the next address, not a pause and the same one again. */
static void hard_23_an_address_that_never_answers_the_bind(void **state)
{
    (void)state;
    b->mute = bound_socket(SOCK_STREAM, "127.0.0.2", &b->port);
    has("127.0.0.2");
    has("127.0.0.1");
    link_opens();
    UNTIL(b->ups == 1);
    assert_int_equal(status().connects, 2);
    assert_int_equal(status().bind_failures, 0);
}

static void hard_23_all_dead_waits(void **state)
{
    (void)state;
    has("127.0.0.2");
    has("::1");
    link_opens();
    UNTIL(status().state == LINK_WAITING);
    assert_int_equal(status().connects, 0);
    assert_true(status().last_error[0] != '\0');
}

static void a_name_without_address_is_told(void **state)
{
    (void)state;
    b->no_such_name = true;
    link_opens();
    UNTIL(status().state == LINK_WAITING);
    assert_non_null(strstr(status().last_error, "name lookup"));
}

static void on_resolved(void *arg, unsigned count, const char *why)
{
    (void)arg;
    b->resolved++;
    b->count = count;
    b->why = why;
}

static void hard_23_families_take_turns(void **state)
{
    sa_family_t first;

    (void)state;
    has("127.0.0.1");
    has("127.0.0.2");
    has("127.0.0.3");
    has("::1");
    has("::2");
    dial_init(&b->dial, b->loop, on_resolved, NULL);
    dial_look_up(&b->dial, "carrier.example", 2775);
    UNTIL(b->resolved == 1);
    assert_int_equal(b->count, 5);
    first = b->dial.addresses[0].sa.ss_family;
    for (unsigned i = 1; i < 4; i++)
        assert_int_not_equal(b->dial.addresses[i].sa.ss_family,
                             b->dial.addresses[i - 1].sa.ss_family);
    assert_int_equal(b->dial.addresses[4].sa.ss_family, AF_INET);
    assert_true(first == AF_INET || first == AF_INET6);
    assert_true(dial_left(&b->dial));
}

static void a_cancelled_lookup_says_nothing(void **state)
{
    (void)state;
    has("127.0.0.1");
    dial_init(&b->dial, b->loop, on_resolved, NULL);
    dial_look_up(&b->dial, "carrier.example", 2775);
    dial_cancel(&b->dial);
    link_opens(); /* asks the same; by the time it is bound the first answer has been dropped */
    UNTIL(b->ups == 1);
    assert_int_equal(b->resolved, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(hard_23_several_addresses_one_dead),
        T(hard_23_ipv6_first_and_dead),
        T(hard_23_an_address_that_never_answers_the_bind),
        T(hard_23_all_dead_waits),
        T(a_name_without_address_is_told),
        T(hard_23_families_take_turns),
        T(a_cancelled_lookup_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
