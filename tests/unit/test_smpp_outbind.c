/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A carrier that connects to us (v3.4 2.2.1, 4.1.7; hard case 21: outbind of a stranger): the link
 * binds on the connection of the one that knows the password; whoever says something else, too much,
 * too slowly, or is one too many, is closed and hears nothing; over TLS too. Sockets on loopback in one
 * loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/lib/clock.h"
#include "smpp/link.h"
#include "smpp/outbind.h"
#include "tests/unit/smpp_bytes.h"
#include "tests/unit/tls_cert.h"

#define CLIENTS 16
#define GOOD    "'SMSC' 00 'pw' 00"

static struct bench {
    struct loop *loop;
    struct loop_timer poll;
    struct link *link;
    struct link_config config;
    uint16_t port;
    unsigned ups, downs, delivers, stopped;
    int fds[CLIENTS];
    unsigned count;
} * b;

static void on_up(void *ctx)
{
    ((struct bench *)ctx)->ups++;
}

static void on_down(void *ctx, enum session_end why)
{
    (void)why;
    ((struct bench *)ctx)->downs++;
}

static void on_deliver(void *ctx, const struct link_delivery *d, const struct pdu *p)
{
    (void)p;
    ((struct bench *)ctx)->delivers++;
    link_respond(b->link, d, 0);
}

static void on_stopped(void *ctx)
{
    ((struct bench *)ctx)->stopped++;
}

static const struct link_sink sink = {
    .up = on_up, .down = on_down, .deliver = on_deliver, .stopped = on_stopped};

static void wake(void *arg)
{
    (void)arg;
}

static void turn(void)
{
    loop_timer_set(&b->poll, 2);
    loop_turn(b->loop, true);
}

#define UNTIL(what)                                                                                \
    do {                                                                                           \
        int64_t give_up = clock_mono_ms() + 20000;                                                 \
        while (!(what)) {                                                                          \
            if (clock_mono_ms() > give_up)                                                         \
                fail_msg("never: %s", #what);                                                      \
            turn();                                                                                \
        }                                                                                          \
    } while (0)

static struct link_status status(void)
{
    struct link_status st;

    link_status_get(b->link, &st);
    return st;
}

/* host: the last octet of its address, 127.0.0.host. */
static int client_from(uint8_t host)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(b->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in self = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&self, sizeof self), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    b->fds[b->count++] = fd;
    return fd;
}

static int client(void)
{
    return client_from(1);
}

static void says(int fd, uint32_t id, uint32_t seq, const char *body)
{
    uint8_t bytes[256];
    size_t n = make_pdu(bytes, sizeof bytes, id, 0, seq, body);

    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

/* The next PDU's command; 0: closed. */
static uint32_t hears(int fd, uint32_t *seq)
{
    uint8_t bytes[256];
    size_t have = 0, n = 4;
    struct pdu p;
    struct err e;

    while (have < n) {
        ssize_t got = recv(fd, bytes + have, n - have, MSG_DONTWAIT);

        if (got == 0 || (got < 0 && errno != EAGAIN))
            return 0;
        have += got > 0 ? (size_t)got : 0;
        if (have == 4)
            n = bytes[3];
        if (got < 0)
            turn();
    }
    assert_int_equal(pdu_decode(bytes, n, &p, &e), 0);
    *seq = p.seq;
    return p.id;
}

static void is_closed(int fd)
{
    uint32_t seq;

    assert_int_equal(hears(fd, &seq), 0);
}

static void is_bound_on(int fd)
{
    unsigned before = b->ups;
    uint32_t seq;

    assert_int_equal(hears(fd, &seq), SMPP_BIND_RECEIVER);
    says(fd, SMPP_BIND_RECEIVER_RESP, seq, "'SMSC' 00");
    UNTIL(b->ups == before + 1);
}

static uint16_t any_port(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    close(fd);
    return ntohs(sa.sin_port);
}

static void listens(int64_t wait_ms)
{
    struct err e;

    b->config.outbind_ms = wait_ms;
    b->link = link_new(b->loop, &b->config, &sink, b, &e);
    assert_non_null(b->link);
    link_start(b->link);
    assert_int_equal(status().state, LINK_LISTENING);
}

static int setup(void **state)
{
    struct err e;

    (void)state;
    b = calloc(1, sizeof *b);
    b->loop = loop_new(&e);
    b->port = any_port();
    loop_timer_init(&b->poll, b->loop, wake, NULL);
    b->config = (struct link_config){
        .name = "lab",
        .host = "unused.example",
        .listen_host = "127.0.0.1",
        .listen_port = b->port,
        .outbind_system_id = "SMSC",
        .outbind_password = "pw",
        .retry_min_ms = 5,
        .session = {.bind = SESSION_RX, .system_id = STR("coko"), .password = STR("secret")},
    };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    link_free(b->link);
    loop_turn(b->loop, false);
    for (unsigned i = 0; i < b->count; i++)
        close(b->fds[i]);
    loop_timer_clear(&b->poll);
    loop_free(b->loop);
    free(b);
    return 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void an_outbind_is_followed_by_our_bind(void **state)
{
    uint32_t seq;
    int fd;

    (void)state;
    listens(0);
    fd = client();
    says(fd, SMPP_OUTBIND, 1, GOOD);
    is_bound_on(fd);
    says(fd, SMPP_DELIVER_SM, 2,
         "00 0101 '22507' 00 0000 '26' 00 04 00 00 00 00 00 00 00 00 02 'ok'");
    assert_int_equal(hears(fd, &seq), SMPP_DELIVER_SM_RESP);
    assert_int_equal(b->delivers, 1);
    shutdown(fd, SHUT_RDWR);
    UNTIL(b->downs == 1 && status().state == LINK_LISTENING);
    fd = client();
    says(fd, SMPP_OUTBIND, 1, GOOD);
    is_bound_on(fd); /* and the next time again */
    link_stop(b->link);
    assert_int_equal(hears(fd, &seq), SMPP_UNBIND);
    says(fd, SMPP_UNBIND_RESP, seq, "");
    UNTIL(b->stopped == 1);
}

static void hard_21_outbind_of_a_stranger(void **state)
{
    static const char *const wrong[] = {"'SMSC' 00 'no' 00", "'SMSc' 00 'pw' 00", "00 00",
                                        "'SMSC' 00 'pw'", "'SMSC' 00 00"};
    int fd;

    (void)state;
    listens(0);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        fd = client();
        says(fd, SMPP_OUTBIND, 1, wrong[i]);
        is_closed(fd);
    }
    fd = client();
    says(fd, SMPP_ENQUIRE_LINK, 1, ""); /* something else, be it harmless */
    is_closed(fd);
    fd = client();
    assert_int_equal(send(fd, "\0\0\x10\x01", 4, MSG_NOSIGNAL), 4); /* 4,097 octets */
    is_closed(fd);
    assert_int_equal(status().outbinds_refused, ARRAY_LEN(wrong) + 2);
    assert_int_equal(status().state, LINK_LISTENING);
    assert_int_equal(b->ups, 0);
    fd = client();
    says(fd, SMPP_OUTBIND, 1, GOOD);
    is_bound_on(fd);
}

static void hard_21_strangers_are_few_and_have_little_time(void **state)
{
    int silent[OUTBIND_STRANGERS], fd;

    (void)state;
    listens(100);
    for (unsigned i = 0; i < OUTBIND_STRANGERS; i++) {
        silent[i] = client_from((uint8_t)(1 + i / OUTBIND_ADDRESS));
        assert_int_equal(send(silent[i], "\0\0", 2, MSG_NOSIGNAL), 2);
    }
    fd = client_from(100);
    is_closed(fd); /* one too many, or late itself */
    for (unsigned i = 0; i < OUTBIND_STRANGERS; i++)
        is_closed(silent[i]);
    assert_int_equal(status().outbinds_refused, OUTBIND_STRANGERS + 1);
    fd = client();
    says(fd, SMPP_OUTBIND, 1, GOOD);
    is_bound_on(fd);
}

static void hard_21_one_address_leaves_places_to_the_others(void **state)
{
    int fd;

    (void)state;
    listens(10000);
    for (unsigned i = 0; i < OUTBIND_ADDRESS; i++)
        (void)client_from(2);
    is_closed(client_from(2)); /* long before the others are late */
    assert_int_equal(status().outbinds_refused, 1);
    fd = client();
    says(fd, SMPP_OUTBIND, 1, GOOD);
    is_bound_on(fd);
}

static void an_outbind_octet_by_octet_with_the_response_behind_it(void **state)
{
    uint8_t bytes[256];
    size_t n = make_pdu(bytes, sizeof bytes, SMPP_OUTBIND, 0, 1, GOOD);
    int fd;

    (void)state;
    n += make_pdu(bytes + n, sizeof bytes - n, SMPP_BIND_RECEIVER_RESP, 0, 1, "'SMSC' 00");
    listens(0);
    fd = client();
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(send(fd, bytes + i, 1, MSG_NOSIGNAL), 1);
        if (i % 8 == 0)
            turn();
    }
    UNTIL(b->ups == 1); /* what follows the outbind is the session's, whole */
}

static void a_second_outbind_leaves_the_bind_alone(void **state)
{
    int first, second;

    (void)state;
    listens(0);
    first = client();
    says(first, SMPP_OUTBIND, 1, GOOD);
    is_bound_on(first);
    second = client();
    says(second, SMPP_OUTBIND, 1, GOOD);
    is_closed(second);
    assert_int_equal(status().state, LINK_BOUND);
    assert_int_equal(b->downs, 0);
}

/* ---- TLS ------------------------------------------------------------------------------------- */

struct secure {
    char dir[64], cert[96], key[96];
    struct tls *server, *client;
    SSL *ssl;
};

static void secure_start(struct secure *t, bool asks_for_a_certificate)
{
    struct tls_config server = {.cert_file = t->cert, .key_file = t->key};
    struct tls_config client = {.ca_file = t->cert};
    struct err e;

    (void)snprintf(t->dir, sizeof t->dir, "/tmp/test_outbind.XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    (void)snprintf(t->cert, sizeof t->cert, "%s/cert", t->dir);
    (void)snprintf(t->key, sizeof t->key, "%s/key", t->dir);
    assert_int_equal(make_cert(t->cert, t->key), 0);
    server.ca_file = asks_for_a_certificate ? t->cert : NULL;
    t->server = tls_server_new(&server, &e);
    t->client = tls_client_new(&client, &e);
    assert_non_null(t->server);
    assert_non_null(t->client);
    b->config.tls = t->server;
}

static void secure_connect(struct secure *t)
{
    int fd = client();
    struct err e;

    t->ssl = tls_session(t->client, "localhost", &e);
    assert_int_equal(SSL_set_fd(t->ssl, fd), 1);
    assert_int_equal(evutil_make_socket_nonblocking(fd), 0);
    SSL_set_connect_state(t->ssl);
    UNTIL(SSL_do_handshake(t->ssl) == 1);
}

static void secure_end(struct secure *t)
{
    link_free(b->link);
    b->link = NULL;
    loop_turn(b->loop, false);
    SSL_free(t->ssl);
    tls_free(t->server);
    tls_free(t->client);
    assert_int_equal(unlink(t->cert) | unlink(t->key) | rmdir(t->dir), 0);
}

/* Waits for one PDU over TLS; 0: closed. */
static uint32_t secure_hears(struct secure *t, uint32_t *seq)
{
    uint8_t bytes[256];
    struct pdu p;
    struct err e;
    int n = 0;

    UNTIL((n = SSL_read(t->ssl, bytes, sizeof bytes)) > 0 || !SSL_want_read(t->ssl));
    if (n <= 0)
        return 0;
    assert_int_equal(pdu_decode(bytes, (size_t)n, &p, &e), 0);
    *seq = p.seq;
    return p.id;
}

static void over_tls_the_session_is_handed_on_with_what_it_has_read(void **state)
{
    struct secure t = {0};
    uint8_t bytes[256];
    size_t n = make_pdu(bytes, sizeof bytes, SMPP_OUTBIND, 0, 1, GOOD);
    uint32_t seq;

    (void)state;
    secure_start(&t, false);
    listens(0);
    secure_connect(&t);
    /* the response to our bind comes in the outbind's own record: no octet of it wakes the socket */
    n += make_pdu(bytes + n, sizeof bytes - n, SMPP_BIND_RECEIVER_RESP, 0, 1, "'SMSC' 00");
    assert_int_equal(SSL_write(t.ssl, bytes, (int)n), n);
    UNTIL(b->ups == 1);
    assert_int_equal(secure_hears(&t, &seq), SMPP_BIND_RECEIVER);
    n = make_pdu(bytes, sizeof bytes, SMPP_ENQUIRE_LINK, 0, 7, "");
    assert_int_equal(SSL_write(t.ssl, bytes, (int)n), n);
    assert_int_equal(secure_hears(&t, &seq), SMPP_ENQUIRE_LINK_RESP);
    assert_int_equal(seq, 7);
    secure_end(&t);
}

static void over_tls_a_stranger_is_closed(void **state)
{
    struct secure t = {0};
    uint8_t bytes[256];
    size_t n = make_pdu(bytes, sizeof bytes, SMPP_OUTBIND, 0, 1, "'SMSC' 00 'no' 00");
    uint32_t seq;
    int fd;

    (void)state;
    secure_start(&t, false);
    listens(0);
    fd = client();
    says(fd, SMPP_OUTBIND, 1, GOOD); /* in the clear, where TLS is spoken */
    UNTIL(status().outbinds_refused == 1);
    secure_connect(&t);
    assert_int_equal(SSL_write(t.ssl, bytes, (int)n), n);
    assert_int_equal(secure_hears(&t, &seq), 0);
    assert_int_equal(status().outbinds_refused, 2);
    assert_int_equal(status().state, LINK_LISTENING);
    secure_end(&t);
}

static void over_tls_without_the_certificate_that_is_asked_for(void **state)
{
    struct secure t = {0};

    (void)state;
    secure_start(&t, true);
    listens(0);
    secure_connect(&t); /* TLS 1.3: the client is content before we are */
    UNTIL(status().outbinds_refused == 1);
    assert_int_equal(b->ups, 0);
    secure_end(&t);
}

static void bad_settings_are_named(void **state)
{
    struct err e;

    (void)state;
    assert_null(outbind_new(b->loop, "not.digits", 1, NULL, 0, NULL, NULL, &e));
    assert_int_equal(e.code, ERR_BAD_CONFIG);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_outbind_is_followed_by_our_bind),
        T(hard_21_outbind_of_a_stranger),
        T(hard_21_strangers_are_few_and_have_little_time),
        cmocka_unit_test_setup_teardown(hard_21_one_address_leaves_places_to_the_others, setup,
                                        teardown),
        T(an_outbind_octet_by_octet_with_the_response_behind_it),
        T(a_second_outbind_leaves_the_bind_alone),
        T(over_tls_the_session_is_handed_on_with_what_it_has_read),
        T(over_tls_a_stranger_is_closed),
        T(over_tls_without_the_certificate_that_is_asked_for),
        T(bad_settings_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
