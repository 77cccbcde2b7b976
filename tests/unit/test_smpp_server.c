/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server over loopback sockets in one loop: a bind with a submit and a delivery, and its
 * ceilings: hard case 24 (a peer that does not read), 25 (a thousand strangers, guessed passwords),
 * 20 (link checks while both go on), a thousand idle binds in less than 50 MB.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "smpp/server.h"
#include "tests/unit/smpp_bytes.h"

#define CLIENTS 1001
#ifdef __SANITIZE_ADDRESS__
#define IDLE_MAX_MB 100u /* red zones and what was freed and is kept */
#else
#define IDLE_MAX_MB 50u
#endif
#define BIND_BODY "'shop' 00 'secret' 00 00 34 00 00 00"
#define SM_BODY   "00 0000 'Shop' 00 0101 '221770000001' 00 00 00 00 00 00 01 00 00 00 02 'hi'"

static struct bench {
    struct loop *loop;
    struct loop_timer poll;
    struct smpp_server *server;
    struct smpp_server_stats stats;
    struct smsc_account account;
    uint32_t refuse_with;
    uint64_t peer;
    unsigned submits, manages, done, unknown, closed;
    struct sockaddr_in at;
    int fds[CLIENTS];
    unsigned count;
} * b;

static void on_bind(void *ctx, uint64_t peer, const char *address, const struct pdu *p)
{
    (void)ctx;
    assert_string_equal(address, "127.0.0.1");
    assert_true(str_eq_c(p->bind.system_id, "shop"));
    if (b->refuse_with != 0)
        smpp_server_refuse(b->server, peer, b->refuse_with);
    else
        smpp_server_accept(b->server, peer, &b->account);
    b->peer = peer;
}

static void on_manage(void *ctx, uint64_t peer, const struct pdu *p)
{
    struct pdu_query_resp found = {.message_id = STR("1"), .message_state = 2};

    (void)ctx;
    b->manages++;
    if (p->id == SMPP_QUERY_SM)
        smpp_server_respond_query(b->server, peer, p->seq, &found);
    else
        smpp_server_respond(b->server, peer, p->id, p->seq, smsc_manage_refusal(p->id), STR_EMPTY);
}

static void on_submit(void *ctx, uint64_t peer, const struct pdu *p)
{
    (void)ctx;
    b->submits++;
    smpp_server_respond(b->server, peer, p->id, p->seq, 0, STR("m1"));
}

static void on_done(void *ctx, uint64_t peer, uint64_t tag, uint32_t status, bool late)
{
    (void)ctx, (void)peer, (void)late;
    assert_int_equal(tag, 7);
    assert_int_equal(status, 0);
    b->done++;
}

static void on_unknown(void *ctx, uint64_t peer, uint64_t tag, bool ended)
{
    (void)ctx, (void)peer, (void)tag, (void)ended;
    b->unknown++;
}

static void on_closed(void *ctx, uint64_t peer, enum smsc_end why)
{
    (void)ctx, (void)peer, (void)why;
    b->closed++;
}

static const struct smpp_server_sink sink = {
    .bind = on_bind,
    .submit = on_submit,
    .manage = on_manage,
    .deliver_done = on_done,
    .unknown = on_unknown,
    .closed = on_closed,
};

static void wake(void *arg)
{
    (void)arg;
}

static void turn(void)
{
    loop_timer_set(&b->poll, 2);
    loop_turn(b->loop, true);
    smpp_server_stats_get(b->server, &b->stats);
}

#define UNTIL(what)                                                                                \
    while (!(what))                                                                                \
    turn()

static void serve(const struct smpp_server_config *config)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), small = 4096;
    socklen_t len = sizeof b->at;

    b->at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&b->at, sizeof b->at), 0);
    assert_int_equal(listen(fd, 128), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&b->at, &len), 0);
    b->server = smpp_server_new(b->loop, fd, config, &sink, NULL);
}

static int client(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&b->at, sizeof b->at), 0);
    b->fds[b->count++] = fd;
    return fd;
}

static void says(int fd, uint32_t id, uint32_t seq, const char *body)
{
    uint8_t bytes[512];
    size_t n = make_pdu(bytes, sizeof bytes, id, 0, seq, body);

    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

/* The id of the next PDU, its status in *status; 0: the server has closed. */
static uint32_t hears(int fd, uint32_t *status)
{
    uint8_t bytes[512];
    size_t have = 0, n = 4;

    while (have < n) {
        ssize_t got = recv(fd, bytes + have, n - have, MSG_DONTWAIT);

        if (got == 0 || (got < 0 && errno != EAGAIN))
            return 0;
        have += got > 0 ? (size_t)got : 0;
        if (have == 4)
            n = (size_t)bytes[2] << 8 | bytes[3];
        if (got < 0)
            turn();
    }
    *status = bytes[11];
    return (uint32_t)bytes[4] << 24 | bytes[7];
}

static int bound_client(void)
{
    uint32_t status = 1;
    int fd = client();

    says(fd, SMPP_BIND_TRANSCEIVER, 1, BIND_BODY);
    assert_int_equal(hears(fd, &status), SMPP_BIND_TRANSCEIVER_RESP);
    assert_int_equal(status, b->refuse_with);
    return fd;
}

static int setup(void **state)
{
    struct err e;

    (void)state;
    b = calloc(1, sizeof *b);
    b->loop = loop_new(&e);
    loop_timer_init(&b->poll, b->loop, wake, NULL);
    b->account.queue_max = 1000;
    rate_init(&b->account.rate, 0, 0, loop_now_ms(b->loop));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    smpp_server_free(b->server);
    assert_int_equal(b->account.binds, 0);
    loop_timer_clear(&b->poll);
    for (unsigned i = 0; i < b->count; i++)
        close(b->fds[i]);
    loop_free(b->loop);
    free(b);
    return 0;
}

/* ---- */

static void a_bind_a_submit_a_delivery_and_goodbye(void **state)
{
    struct smpp_server_config config = {.session.system_id = STR("coko")};
    uint32_t status;
    struct pdu p;
    struct err e;
    int fd;

    (void)state;
    serve(&config);
    fd = bound_client();
    says(fd, SMPP_SUBMIT_SM, 2, SM_BODY);
    assert_int_equal(hears(fd, &status), SMPP_SUBMIT_SM_RESP);
    assert_int_equal(b->submits, 1);
    pdu_start(&p, SMPP_DELIVER_SM, 0, 0);
    assert_int_equal(smpp_server_deliver(b->server, b->peer, &p.sm, NULL, 0, 7, &e), 0);
    assert_int_equal(hears(fd, &status), SMPP_DELIVER_SM);
    says(fd, SMPP_DELIVER_SM_RESP, 1, "00");
    UNTIL(b->done == 1);
    smpp_server_stop(b->server);
    assert_int_equal(hears(fd, &status), SMPP_UNBIND);
    says(fd, SMPP_UNBIND_RESP, 2, "");
    UNTIL(b->closed == 1);
    assert_int_equal(hears(fd, &status), 0);
    close(fd);
    b->count = 0;
    UNTIL(b->stats.connections == 0);
    assert_int_equal(smpp_server_deliver(b->server, b->peer, &p.sm, NULL, 0, 7, &e), -1);
}

/* What asks about messages reaches the owner; a window of the account's own; one peer sent away. */
static void queries_room_and_one_goodbye(void **state)
{
    struct smpp_server_config config = {.session.system_id = STR("coko")};
    uint32_t status;
    struct pdu p;
    struct err e;
    int fd;

    (void)state;
    b->account.window = 2;
    serve(&config);
    fd = bound_client();
    says(fd, SMPP_QUERY_SM, 2, "'1' 00 0000 00");
    assert_int_equal(hears(fd, &status), SMPP_QUERY_SM_RESP);
    assert_int_equal(status, 0);
    says(fd, SMPP_CANCEL_SM, 3, "00 '1' 00 0000 00 0000 00");
    assert_int_equal(hears(fd, &status), SMPP_CANCEL_SM_RESP);
    assert_int_equal(status, SMPP_RCANCELFAIL);
    assert_int_equal(b->manages, 2);
    pdu_start(&p, SMPP_DELIVER_SM, 0, 0);
    for (unsigned room = 2; room > 0; room--) {
        assert_int_equal(smpp_server_room(b->server, b->peer), room);
        assert_int_equal(smpp_server_deliver(b->server, b->peer, &p.sm, NULL, 0, 7, &e), 0);
        assert_int_equal(hears(fd, &status), SMPP_DELIVER_SM);
    }
    assert_int_equal(smpp_server_room(b->server, b->peer), 0);
    says(fd, SMPP_DELIVER_SM_RESP, 1, "00");
    says(fd, SMPP_DELIVER_SM_RESP, 2, "00");
    UNTIL(b->done == 2);
    smpp_server_unbind(b->server, b->peer);
    assert_int_equal(hears(fd, &status), SMPP_UNBIND);
    assert_int_equal(smpp_server_room(b->server, b->peer), 0);
}

static void want_descriptors(void)
{
    struct rlimit r;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
    r.rlim_cur = MAX(r.rlim_cur, MIN(r.rlim_max, 3000u));
    if (r.rlim_cur < 2200 || setrlimit(RLIMIT_NOFILE, &r) != 0)
        skip();
}

static void hard_25_a_thousand_strangers(void **state)
{
    struct smpp_server_config config = {
        .session.system_id = STR("coko"), .max_strangers = 100, .max_strangers_address = 90};
    uint32_t status;
    int fd;

    (void)state;
    want_descriptors();
    serve(&config);
    fd = bound_client();
    for (unsigned i = 1; i <= 1000; i++) {
        (void)client();
        UNTIL(b->stats.accepted + b->stats.over_strangers == i + 1);
    }
    assert_int_equal(b->stats.strangers, 90);
    assert_int_equal(b->stats.over_strangers, 910);
    says(fd, SMPP_ENQUIRE_LINK, 2, ""); /* who is bound notices nothing */
    assert_int_equal(hears(fd, &status), SMPP_ENQUIRE_LINK_RESP);
}

static void hard_25_guessed_passwords_close_the_door(void **state)
{
    struct smpp_server_config config = {.session.system_id = STR("coko"), .max_failures = 3};
    uint32_t status;

    (void)state;
    serve(&config);
    b->refuse_with = SMPP_RINVPASWD;
    for (int i = 0; i < 3; i++)
        assert_int_equal(hears(bound_client(), &status), 0); /* answered 0x0E, then closed */
    assert_int_equal(hears(client(), &status), 0);
    UNTIL(b->stats.over_failures == 1);
    assert_int_equal(b->stats.refused, 3);
}

static void hard_24_a_peer_that_does_not_read_is_not_read(void **state)
{
    struct smpp_server_config config = {.session.system_id = STR("coko")};
    uint32_t status;
    unsigned sent = 0;
    uint8_t one[PDU_HEADER];
    int fd, other;

    (void)state;
    serve(&config);
    fd = bound_client();
    other = bound_client();
    (void)make_pdu(one, sizeof one, SMPP_ENQUIRE_LINK, 0, 9, "");
    while (b->stats.paused == 0) {
        for (unsigned i = 0; i < 1000; i++)
            sent += send(fd, one, sizeof one, MSG_DONTWAIT) == (ssize_t)sizeof one;
        turn();
    }
    says(other, SMPP_ENQUIRE_LINK, 2, "");
    assert_int_equal(hears(other, &status), SMPP_ENQUIRE_LINK_RESP);
    for (unsigned i = 0; i < sent; i++) /* it reads again: every answer is there, in order */
        assert_int_equal(hears(fd, &status), SMPP_ENQUIRE_LINK_RESP);
    assert_int_equal(b->closed, 0);
}

/* It takes our link checks for life and no delivery: what waits for it stays below a ceiling whatever we
 * have for it, it is told we have no room, and it ends as dead. What flew is unknown, once each. */
static void hard_24_a_peer_that_never_reads_its_deliveries(void **state)
{
    struct smpp_server_config config = {.session = {.system_id = STR("coko"),
                                                    .window = 4096,
                                                    .enquire_ms = 200,
                                                    .enquire_timeout_ms = 200,
                                                    .response_ms = 60000}};
    static const char text[60000];
    struct smpp_tlv payload = {SMPP_TAG_MESSAGE_PAYLOAD, {text, sizeof text}};
    unsigned flown = 0;
    struct pdu p;
    struct err e;

    (void)state;
    serve(&config);
    (void)bound_client();
    pdu_start(&p, SMPP_DELIVER_SM, 0, 0);
    while (smpp_server_deliver(b->server, b->peer, &p.sm, &payload, 1, flown, &e) == 0) {
        assert_true(++flown < 200); /* 12 MB are far more than it may cost us */
        turn();
    }
    assert_int_equal(e.code, ERR_BUSY);
    UNTIL(b->closed == 1);
    assert_int_equal(b->stats.ends[SMSC_END_DEAD], 1);
    assert_int_equal(b->unknown, flown);
}

static size_t resident(void)
{
    unsigned long size = 0, rss = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &size, &rss), 2);
    (void)fclose(f);
    return rss * (size_t)sysconf(_SC_PAGESIZE);
}

static void a_thousand_idle_binds_take_less_than_50_mb(void **state)
{
    struct smpp_server_config config = {.session.system_id = STR("coko")};
    size_t before;

    (void)state;
    want_descriptors();
    serve(&config);
    before = resident();
    for (unsigned i = 0; i < 1000; i++)
        (void)bound_client();
    assert_int_equal(b->account.binds, 1000);
    print_message("1000 idle binds: %zu KB\n", (resident() - before) / 1024);
    assert_true(resident() - before < IDLE_MAX_MB << 20);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_bind_a_submit_a_delivery_and_goodbye),
        T(queries_room_and_one_goodbye),
        T(hard_25_a_thousand_strangers),
        T(hard_25_guessed_passwords_close_the_door),
        T(hard_24_a_peer_that_does_not_read_is_not_read),
        T(hard_24_a_peer_that_never_reads_its_deliveries),
        T(a_thousand_idle_binds_take_less_than_50_mb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
