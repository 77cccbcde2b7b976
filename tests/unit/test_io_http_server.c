/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server over real sockets, client and server on one loop. Hard cases HTTP 1-5, 50, 52 and
 * R1: one test each, named for what must hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/io/http_server.h"

static struct loop *loop;
static struct http_server *server;
static int listener, port;
static int handled, gone;
static struct http_exchange *parked;
static char got[1 << 20];

/* ---- the handlers ---- */

static void echo(struct http_exchange *x, void *arg)
{
    char text[512], value[64] = "";
    int n;

    handled++;
    assert_string_equal(arg, "echo");
    if (http_query_get(x, "q", value, sizeof value) < 0)
        value[0] = '-';
    n = snprintf(text, sizeof text,
                 "%" STR_FMT " %" STR_FMT " rest=%" STR_FMT " q=%s body=%" STR_FMT,
                 STR_ARG(x->method_name), STR_ARG(x->path), STR_ARG(x->rest), value,
                 STR_ARG(str_head(x->body, 100)));
    http_reply_header(x, "X-Peer", str_c(x->peer));
    http_reply_header(x, "X-Split", STR("a\r\nX-Evil: 1"));
    http_reply(x, 200, "text/plain", str_n(text, (size_t)n));
}

static void on_parked_gone(struct http_exchange *x)
{
    assert_ptr_equal(x, parked);
    gone++;
    parked = NULL;
}

static void park(struct http_exchange *x, void *arg)
{
    (void)arg;
    handled++;
    parked = x;
    x->on_gone = on_parked_gone;
}

static void big(struct http_exchange *x, void *arg)
{
    struct buf *b = http_reply_buf(x);

    (void)arg;
    handled++;
    for (int i = 0; i < 400000; i++)
        buf_puts(b, "0123456789");
    http_reply_buf_send(x, 200, "text/plain");
}

/* ---- the harness ---- */

static int start(const struct http_limits *limits)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    struct err e;

    handled = gone = 0;
    parked = NULL;
    loop = loop_new(&e);
    server = http_server_new(loop, limits, &e);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server == NULL || bind(listener, (struct sockaddr *)&sa, sizeof sa) != 0 ||
        listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&sa, &len) != 0)
        return -1;
    port = ntohs(sa.sin_port);
    return 0;
}

static int mount_all(void)
{
    static char echo_arg[] = "echo";
    struct err e;

    return http_mount(server, "/echo", echo, echo_arg, &(struct http_mount_opts){"echo", 1000},
                      &e) |
           http_mount(server, "/park", park, NULL, NULL, &e) |
           http_mount(server, "/big", big, NULL, NULL, &e) |
           http_mount(server, "/echo/deep", park, NULL, NULL, &e) |
           http_server_listen_fd(server, listener, &e);
}

static int set_up(void **state)
{
    (void)state;
    return start(NULL) | mount_all();
}

static int tear_down(void **state)
{
    (void)state;
    http_server_free(server);
    loop_free(loop);
    close(listener);
    return 0;
}

static void turns(int n)
{
    while (n-- > 0)
        loop_turn(loop, false);
}

static int dial(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void say(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n > 0) {
            text += n;
            len -= (size_t)n;
        } else if (errno != EAGAIN) {
            return;
        }
        turns(2);
    }
}

static void tell(int fd, const char *text)
{
    say(fd, text, strlen(text));
}

/* What comes until `want` bytes' end text stands, or the server closes (then true). */
static bool hear(int fd, const char *until)
{
    size_t len = 0;

    for (int quiet = 0; quiet < 3000;) {
        ssize_t n = recv(fd, got + len, sizeof got - 1 - len, 0);

        if (n == 0)
            return true;
        if (n > 0) {
            len += (size_t)n;
            got[len] = '\0';
            quiet = 0;
            if (until != NULL && strstr(got, until) != NULL)
                return false;
            continue;
        }
        got[len] = '\0';
        if (errno != EAGAIN)
            return true;
        quiet++;
        turns(1);
        if (quiet > 1000)
            usleep(1000); /* the kernel's turn, not a guess about ours */
    }
    fail_msg("neither \"%s\" nor the end came: %s", until != NULL ? until : "", got);
    return false;
}

static bool ask(const char *text, const char *until)
{
    int fd = dial();
    bool closed;

    say(fd, text, strlen(text));
    closed = hear(fd, until);
    close(fd);
    turns(3);
    return closed;
}

static int count(const char *needle)
{
    int n = 0;

    for (const char *p = got; (p = strstr(p, needle)) != NULL; p += strlen(needle))
        n++;
    return n;
}

#define H "Host: a\r\n"

/* ---- the tests ---- */

static void request_and_reply(void **state)
{
    (void)state;
    assert_false(ask("GET /echo/a%20b?q=1%2B1&z HTTP/1.1\r\n" H "\r\n", "body="));
    assert_non_null(strstr(got, "HTTP/1.1 200 OK\r\nDate: "));
    assert_non_null(strstr(got, "X-Peer: 127.0.0.1\r\n"));
    assert_non_null(strstr(got, "GET /echo/a b rest=a b q=1+1 body="));
    assert_null(strstr(got, "X-Evil")); /* a value cannot split the reply */
    assert_null(strstr(got, "Connection:"));
}

static void mounts_take_the_longest_prefix(void **state)
{
    (void)state;
    assert_false(ask("GET /echoes HTTP/1.1\r\n" H "\r\n", "}"));
    assert_non_null(strstr(got, "HTTP/1.1 404 Not Found"));
    assert_int_equal(handled, 0);
}

static void http1_ambiguous_is_refused_and_closed(void **state)
{
    static const char *const smuggled[] = {
        "POST /echo HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" H "Content-Length: +0\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" H "Content-Length : 0\r\n\r\n",
        "GET /echo HTTP/1.1\n" H "\n",
        "GET /echo HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" H "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET /echo HTTP/1.1\r\n\r\n",
        "GET http://a/echo HTTP/1.1\r\n" H "\r\n",
        "GET /echo/%00 HTTP/1.1\r\n" H "\r\n",
        "GET /echo/%2e%2e/park HTTP/1.1\r\n" H "\r\n",
    };
    static const char second[] = "GET /echo/second HTTP/1.1\r\n" H "\r\n";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(smuggled); i++) {
        char text[512];

        snprintf(text, sizeof text, "%s%s", smuggled[i], second);
        assert_true(ask(text, NULL));
        assert_int_equal(count("HTTP/1.1 "), 1);
        assert_non_null(strstr(got, "HTTP/1.1 400 Bad Request"));
        assert_non_null(strstr(got, "Connection: close"));
    }
    assert_int_equal(handled, 0);
}

static void http2_unknown_methods(void **state)
{
    (void)state;
    assert_true(ask("BREW /echo HTTP/1.1\r\n" H "\r\n", NULL));
    assert_non_null(strstr(got, "HTTP/1.1 501 "));
    assert_false(ask("PATCH /echo HTTP/1.1\r\n" H "\r\n", "body="));
    assert_non_null(strstr(got, "PATCH /echo"));
    assert_false(ask("OPTIONS /echo HTTP/1.1\r\n" H "\r\n", "body="));
    assert_false(ask("OPTIONS * HTTP/1.1\r\n" H "\r\n", "\r\n\r\n"));
    assert_non_null(strstr(got, "HTTP/1.1 204 "));
}

static void http3_limits(void **state)
{
    static char text[2 << 20];
    int fd = dial();
    size_t n = (size_t)snprintf(text, sizeof text, "GET /echo HTTP/1.1\r\n" H "X: ");

    (void)state;
    memset(text + n, 'a', sizeof text - n);
    say(fd, text, sizeof text); /* 2 MB of headers */
    hear(fd, NULL);
    close(fd);
    fd = dial();
    n = (size_t)snprintf(text, sizeof text, "GET /echo/");
    memset(text + n, 'a', 9000);
    say(fd, text, n + 9000);
    assert_false(hear(fd, "414 URI Too Long"));
    close(fd);
    assert_true(ask("POST /echo HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n", NULL));
    assert_non_null(strstr(got, "HTTP/1.1 413 "));
    assert_int_equal(handled, 0);
}

static void chunked_over_its_limit(void **state)
{
    char text[1400] = "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n4B0\r\n";
    size_t n = strlen(text);
    int fd = dial();

    (void)state;
    memset(text + n, 'x', 1200);
    say(fd, text, n + 1200);
    assert_true(hear(fd, NULL));
    assert_non_null(strstr(got, "HTTP/1.1 413 "));
    close(fd);
    assert_int_equal(handled, 0);
}

static void http5_head_has_the_headers_only(void **state)
{
    (void)state;
    assert_false(ask("HEAD /echo HTTP/1.1\r\n" H "\r\nGET /echo HTTP/1.1\r\n" H "\r\n", "body="));
    assert_int_equal(count("HTTP/1.1 200"), 2);
    assert_int_equal(count("body="), 1); /* of the GET: HEAD sent none and stayed in step */
    assert_int_equal(count("Content-Length: "), 2);
    assert_null(strstr(got, "Content-Length: 0\r\n"));
}

static void body_in_every_cut(void **state)
{
    static const char text[] = "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"
                               "POST /echo HTTP/1.1\r\n" H
                               "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n";

    (void)state;
    for (size_t cut = 1; cut < sizeof text - 1; cut += 3) {
        int fd = dial();

        say(fd, text, cut);
        turns(2);
        say(fd, text + cut, sizeof text - 1 - cut);
        assert_false(hear(fd, "body=abcde"));
        assert_int_equal(count("body=hello"), 1);
        close(fd);
        turns(2);
    }
}

static void pipelined_in_order_one_at_a_time(void **state)
{
    int fd = dial();
    static const char text[] = "GET /echo/1 HTTP/1.1\r\n" H "\r\nGET /park HTTP/1.1\r\n" H "\r\n"
                               "GET /echo/3 HTTP/1.1\r\n" H "\r\n";

    (void)state;
    say(fd, text, sizeof text - 1);
    assert_false(hear(fd, "body="));
    turns(5);
    assert_int_equal(handled, 2); /* the third waits for the second */
    assert_non_null(parked);
    http_reply(parked, 200, NULL, STR("parked"));
    assert_int_equal(handled, 2); /* never inside the stack of the reply */
    assert_false(hear(fd, "body="));
    assert_true(strstr(got, "parked") < strstr(got, "/echo/3"));
    close(fd);
}

static void many_pipelined(void **state)
{
    static char text[200 * 40];
    size_t n = 0;
    int fd = dial();

    (void)state;
    for (int i = 0; i < 199; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "GET /echo HTTP/1.1\r\n" H "\r\n");
    n += (size_t)snprintf(text + n, sizeof text - n, "GET /echo/z HTTP/1.1\r\n" H "\r\n");
    say(fd, text, n);
    assert_false(hear(fd, "/echo/z"));
    assert_int_equal(handled, 200);
    close(fd);
}

static void client_gone_is_told(void **state)
{
    int fd = dial();

    (void)state;
    tell(fd, "GET /park HTTP/1.1\r\n" H "\r\n");
    while (parked == NULL)
        turns(1);
    close(fd);
    for (int i = 0; i < 1000 && gone == 0; i++)
        turns(1);
    assert_int_equal(gone, 1);
    while (!http_server_idle(server))
        turns(1);
}

static void expect_continue(void **state)
{
    int fd = dial();
    static const char head[] =
        "POST /echo HTTP/1.1\r\n" H "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";

    (void)state;
    say(fd, head, sizeof head - 1);
    assert_false(hear(fd, "100 Continue\r\n\r\n"));
    tell(fd, "ok");
    assert_false(hear(fd, "body=ok"));
    close(fd);
}

static void keep_alive_of_1_0(void **state)
{
    (void)state;
    assert_true(ask("GET /echo HTTP/1.0\r\n\r\n", NULL));
    assert_non_null(strstr(got, "Connection: close"));
    assert_false(ask("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "body="));
    assert_non_null(strstr(got, "Connection: keep-alive"));
}

static void http4_slow_peers_meet_deadlines(void **state)
{
    const struct http_limits quick = {
        .header_ms = 60, .body_ms = 60, .idle_ms = 60, .write_ms = 60};
    int slow_head, slow_body, slow_reader, idle;

    (void)state;
    assert_int_equal(start(&quick) | mount_all(), 0);
    slow_head = dial();
    tell(slow_head, "GET /echo HT");
    slow_body = dial();
    tell(slow_body, "POST /echo HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nabc");
    slow_reader = dial();
    setsockopt(slow_reader, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    tell(slow_reader, "GET /big HTTP/1.1\r\n" H "\r\n");
    idle = dial();
    assert_true(hear(slow_head, NULL));
    assert_non_null(strstr(got, "HTTP/1.1 408 "));
    assert_true(hear(slow_body, NULL));
    assert_non_null(strstr(got, "HTTP/1.1 408 "));
    assert_true(hear(idle, NULL));
    assert_string_equal(got, "");
    assert_int_equal(ask("GET /echo HTTP/1.1\r\n" H "\r\n", "body="), 0); /* others go on */
    close(slow_head);
    close(slow_body);
    while (!http_server_idle(server)) /* the reader is still there, and reads nothing */
        loop_turn(loop, true);
    close(slow_reader);
    close(idle);
}

static void big_reply_arrives_whole(void **state)
{
    int fd = dial();
    size_t total = 0;

    (void)state;
    tell(fd, "GET /big HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    for (;;) {
        ssize_t n = recv(fd, got, sizeof got, 0);

        if (n == 0)
            break;
        if (n > 0)
            total += (size_t)n;
        else
            turns(1);
    }
    assert_true(total > 4000000 && total < 4000400);
    close(fd);
}

static void http50_drain_answers_then_closes(void **state)
{
    int busy = dial(), idle = dial();

    (void)state;
    tell(busy, "GET /park HTTP/1.1\r\n" H "\r\n");
    tell(idle, "GET /echo HTTP/1.1\r\n" H "\r\n");
    assert_false(hear(idle, "body="));
    while (parked == NULL)
        turns(1);
    http_server_drain(server);
    turns(3);
    tell(idle, "GET /echo HTTP/1.1\r\n" H "\r\n"); /* was on its way */
    assert_true(hear(idle, NULL));
    assert_non_null(strstr(got, "Connection: close"));
    assert_non_null(parked);
    http_reply(parked, 200, NULL, STR("last words"));
    assert_true(hear(busy, NULL));
    assert_non_null(strstr(got, "last words"));
    close(busy);
    close(idle);
    while (!http_server_idle(server))
        turns(1);
}

static void http52_out_of_descriptors_pauses(void **state)
{
    struct rlimit was, tight;
    int a = dial(), b;

    (void)state;
    turns(3);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    b = dial();
    tight = was;
    tight.rlim_cur = (rlim_t)b + 1; /* every number below is in use */
    for (int fd = 3; fd < b; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            assert_int_equal(dup2(0, fd), fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    turns(20);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_true(hear(b, NULL)); /* refused by means of the reserve */
    assert_non_null(strstr(got, "503"));
    tell(a, "GET /echo HTTP/1.1\r\n" H "\r\n");
    assert_false(hear(a, "body=")); /* those inside go on */
    close(a);
    close(b);
    assert_false(ask("GET /echo HTTP/1.1\r\n" H "\r\n", "body=")); /* and accepting resumes */
}

static void caps_are_kept(void **state)
{
    const struct http_limits few = {.connections = 2};
    int a, b, c;

    (void)state;
    assert_int_equal(start(&few) | mount_all(), 0);
    a = dial();
    b = dial();
    turns(5);
    c = dial();
    assert_true(hear(c, NULL));
    assert_non_null(strstr(got, "HTTP/1.1 503 "));
    close(a);
    close(b);
    close(c);
}

static void forwarded_only_from_trusted(void **state)
{
    const struct http_limits trusting = {.trusted_proxies = "127.0.0.0/8, 10.0.0.0/8"};
    struct err e;

    (void)state;
    assert_false(ask("GET /echo HTTP/1.1\r\n" H "X-Forwarded-For: 9.9.9.9\r\n\r\n", "body="));
    assert_non_null(strstr(got, "X-Peer: 127.0.0.1\r\n"));
    tear_down(NULL);
    assert_int_equal(start(&trusting) | mount_all(), 0);
    assert_false(ask("GET /echo HTTP/1.1\r\n" H
                     "X-Forwarded-For: 6.6.6.6, 41.82.1.2, 10.1.1.1\r\n\r\n",
                     "body="));
    assert_non_null(strstr(got, "X-Peer: 41.82.1.2\r\n"));
    assert_false(ask("GET /echo HTTP/1.1\r\n" H "X-Forwarded-For: 41.82.1.2, x\r\n\r\n", "body="));
    assert_non_null(strstr(got, "X-Peer: 127.0.0.1\r\n"));
    assert_null(http_server_new(loop, &(struct http_limits){.trusted_proxies = "10.0.0.0/33"}, &e));
    assert_int_equal(e.code, ERR_BAD_CONFIG);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define OWN(f)  cmocka_unit_test_setup_teardown(f, NULL, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(request_and_reply),
        TEST(mounts_take_the_longest_prefix),
        TEST(http1_ambiguous_is_refused_and_closed),
        TEST(http2_unknown_methods),
        TEST(http3_limits),
        TEST(chunked_over_its_limit),
        TEST(http5_head_has_the_headers_only),
        TEST(body_in_every_cut),
        TEST(pipelined_in_order_one_at_a_time),
        TEST(many_pipelined),
        TEST(client_gone_is_told),
        TEST(expect_continue),
        TEST(keep_alive_of_1_0),
        OWN(http4_slow_peers_meet_deadlines),
        TEST(big_reply_arrives_whole),
        TEST(http50_drain_answers_then_closes),
        TEST(http52_out_of_descriptors_pauses),
        OWN(caps_are_kept),
        TEST(forwarded_only_from_trusted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
