/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS streams: a client and a server on one loop with certificates made on the spot. The peer's name
 * is verified, an unknown authority is refused, large data crosses whole, reload changes the context.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/io/openssl.h"
#include "gateway/io/stream.h"
#include "gateway/io/tls.h"
#include "tests/unit/tls_cert.h"

static char dir[] = "/tmp/test_io_tls.XXXXXX";
static char cert[64], key[64], other_cert[64], other_key[64];

static int make_files(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(cert, sizeof cert, "%s/cert", dir);
    snprintf(key, sizeof key, "%s/key", dir);
    snprintf(other_cert, sizeof other_cert, "%s/other-cert", dir);
    snprintf(other_key, sizeof other_key, "%s/other-key", dir);
    return make_cert(cert, key) | make_cert(other_cert, other_key);
}

static int remove_files(void **state)
{
    (void)state;
    unlink(cert);
    unlink(key);
    unlink(other_cert);
    unlink(other_key);
    return rmdir(dir);
}

/* One side of a connection. */
struct side {
    struct stream s;
    bool open, closed;
    struct err why;
    size_t received;
    unsigned sum;
};

static void on_open(void *arg)
{
    ((struct side *)arg)->open = true;
}

static void on_readable(void *arg)
{
    struct side *side = arg;
    unsigned char data[5000];

    do {
        ptrdiff_t n = stream_read(&side->s, data, sizeof data);

        if (n <= 0)
            return;
        side->received += (size_t)n;
        for (ptrdiff_t i = 0; i < n; i++)
            side->sum += data[i];
    } while (stream_has_more(&side->s));
}

static void on_closed(void *arg, const struct err *why)
{
    struct side *side = arg;

    side->closed = true;
    side->why = *why;
}

static const struct stream_ops ops = {on_open, on_readable, NULL, on_closed};

struct pair {
    struct loop *loop;
    struct tls *server_tls, *client_tls;
    struct side server, client;
};

static void pair_start(struct pair *p, const char *ca, const char *name)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    struct err e;
    int lfd = socket(AF_INET, SOCK_STREAM, 0), fd;

    memset(p, 0, sizeof *p);
    p->loop = loop_new(&e);
    p->server_tls = tls_server_new(&(struct tls_config){.cert_file = cert, .key_file = key}, &e);
    p->client_tls = tls_client_new(&(struct tls_config){.ca_file = ca}, &e);
    assert_non_null(p->server_tls);
    assert_non_null(p->client_tls);
    assert_int_equal(bind(lfd, (struct sockaddr *)&sa, sizeof sa) | listen(lfd, 1) |
                         getsockname(lfd, (struct sockaddr *)&sa, &len),
                     0);
    assert_int_equal(stream_connect(&p->client.s, p->loop, (struct sockaddr *)&sa, sizeof sa,
                                    tls_session(p->client_tls, name, &e), 8 << 20, &ops, &p->client,
                                    &e),
                     0);
    fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK);
    assert_true(fd >= 0);
    close(lfd);
    stream_accepted(&p->server.s, p->loop, fd, tls_session(p->server_tls, NULL, &e), 8 << 20, &ops,
                    &p->server);
}

static void pair_end(struct pair *p)
{
    stream_close(&p->client.s);
    stream_close(&p->server.s);
    tls_free(p->client_tls);
    tls_free(p->server_tls);
    loop_free(p->loop);
}

static void data_crosses_both_ways(void **state)
{
    struct pair p;
    const size_t size = 3000000;
    unsigned sum = 0;

    (void)state;
    pair_start(&p, cert, "localhost");
    while (!p.client.open || !p.server.open)
        loop_turn(p.loop, true);
    for (size_t i = 0; i < size; i++) {
        buf_addc(&p.client.s.out, (char)(i * 7));
        sum += (unsigned char)(i * 7);
    }
    stream_flush(&p.client.s);
    buf_puts(&p.server.s.out, "hello");
    stream_flush_later(&p.server.s);
    while (p.server.received < size || p.client.received < 5)
        loop_turn(p.loop, true);
    assert_int_equal(p.server.received, size);
    assert_int_equal(p.server.sum, sum);
    stream_shutdown(&p.client.s);
    while (!p.server.closed)
        loop_turn(p.loop, true);
    assert_int_equal(p.server.why.code, ERR_CLOSED);
    pair_end(&p);
}

static void another_name_is_refused(void **state)
{
    struct pair p;

    (void)state;
    pair_start(&p, cert, "other.example");
    while (!p.client.closed)
        loop_turn(p.loop, true);
    assert_int_equal(p.client.why.code, ERR_TLS);
    assert_false(p.client.open);
    pair_end(&p);
}

static void unknown_authority_is_refused(void **state)
{
    struct pair p;

    (void)state;
    pair_start(&p, other_cert, "localhost");
    while (!p.client.closed)
        loop_turn(p.loop, true);
    assert_int_equal(p.client.why.code, ERR_TLS);
    pair_end(&p);
}

static void faults_name_the_file(void **state)
{
    struct err e;

    (void)state;
    assert_null(tls_client_new(&(struct tls_config){.ca_file = "/no/such/ca"}, &e));
    assert_non_null(strstr(e.msg, "/no/such/ca"));
    assert_null(tls_server_new(&(struct tls_config){.cert_file = cert, .key_file = other_key}, &e));
    assert_int_equal(e.code, ERR_TLS);
    assert_null(tls_server_new(&(struct tls_config){0}, &e));
    assert_int_equal(e.code, ERR_BAD_CONFIG);
}

static void reload_keeps_the_old_on_a_fault(void **state)
{
    struct err e;
    struct tls *t = tls_server_new(&(struct tls_config){.cert_file = cert, .key_file = key}, &e);
    char hidden[80];

    (void)state;
    assert_true(tls_cert_expiry(t) > 1600000000);
    assert_int_equal(tls_reload(t, &e), 0);
    snprintf(hidden, sizeof hidden, "%s.gone", cert);
    assert_int_equal(rename(cert, hidden), 0);
    assert_int_equal(tls_reload(t, &e), -1);
    assert_true(tls_cert_expiry(t) > 1600000000);
    assert_int_equal(rename(hidden, cert), 0);
    tls_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_crosses_both_ways),
        cmocka_unit_test(another_name_is_refused),
        cmocka_unit_test(unknown_authority_is_refused),
        cmocka_unit_test(faults_name_the_file),
        cmocka_unit_test(reload_keeps_the_old_on_a_fault),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
