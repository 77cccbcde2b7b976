/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link against a small SMSC on a loopback socket in the same loop: bind, submit, deliveries,
 * reconnect after each kind of loss, refusals, leaving; each tag is reported exactly once (M4).
 * With COKO_BENCH set it prints how many submits a second one link carries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "gateway/lib/clock.h"
#include "smpp/link.h"
#include "tests/unit/smpp_bytes.h"

#define TAGS 200000

/* ---- the SMSC -------------------------------------------------------------------------------- */

struct smsc {
    struct evconnlistener *listener;
    struct bufferevent *peer;
    uint16_t port;
    uint32_t bind_status; /* answers the next binds */
    bool silent;          /* answers nothing but binds */
    unsigned drop_after;  /* closes when so many submits came; 0: never */
    unsigned connections, binds, submits, unbinds, deliver_resps;
    uint32_t deliver_status;
};

static void smsc_send(struct smsc *m, uint32_t id, uint32_t status, uint32_t seq, const char *body)
{
    uint8_t bytes[512];

    bufferevent_write(m->peer, bytes, make_pdu(bytes, sizeof bytes, id, status, seq, body));
}

static void smsc_drop(struct smsc *m)
{
    if (m->peer != NULL)
        bufferevent_free(m->peer);
    m->peer = NULL;
}

static void smsc_pdu(struct smsc *m, const struct pdu *p)
{
    switch (p->id) {
    case SMPP_BIND_TRANSCEIVER:
        m->binds++;
        smsc_send(m, p->id | PDU_RESP, m->bind_status, p->seq, m->bind_status ? "" : "'lab' 00");
        break;
    case SMPP_SUBMIT_SM:
        m->submits++;
        if (!m->silent)
            smsc_send(m, p->id | PDU_RESP, 0, p->seq, "'id' 00");
        break;
    case SMPP_UNBIND:
        m->unbinds++;
        if (!m->silent)
            smsc_send(m, p->id | PDU_RESP, 0, p->seq, "");
        break;
    case SMPP_DELIVER_SM_RESP:
        m->deliver_resps++;
        m->deliver_status = p->status;
        break;
    case SMPP_ENQUIRE_LINK: smsc_send(m, p->id | PDU_RESP, 0, p->seq, ""); break;
    default: break;
    }
}

static void smsc_read(struct bufferevent *bev, void *arg)
{
    struct evbuffer *in = bufferevent_get_input(bev);
    size_t have = evbuffer_get_length(in), used = 0, n;
    const uint8_t *at = evbuffer_pullup(in, -1);
    struct smsc *m = arg;
    struct pdu p;
    struct err e;

    while (pdu_frame(at + used, have - used, PDU_MAX, &n) == PDU_READY) {
        assert_int_equal(pdu_decode(at + used, n, &p, &e), 0);
        smsc_pdu(m, &p);
        used += n;
    }
    evbuffer_drain(in, used);
    if (m->drop_after > 0 && m->submits >= m->drop_after)
        smsc_drop(m);
}

static void smsc_event(struct bufferevent *bev, short what, void *arg)
{
    struct smsc *m = arg;

    (void)what;
    if (m->peer == bev)
        smsc_drop(m);
}

static void smsc_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
                        int len, void *arg)
{
    struct smsc *m = arg;

    (void)sa, (void)len;
    smsc_drop(m);
    m->connections++;
    m->peer = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(m->peer, smsc_read, NULL, smsc_event, m);
    bufferevent_enable(m->peer, EV_READ | EV_WRITE);
}

static void smsc_open(struct smsc *m, struct loop *l)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;

    m->listener = evconnlistener_new_bind(loop_base(l), smsc_accept, m, LEV_OPT_CLOSE_ON_FREE, 16,
                                          (struct sockaddr *)&sa, (int)sizeof sa);
    assert_non_null(m->listener);
    assert_int_equal(getsockname(evconnlistener_get_fd(m->listener), (struct sockaddr *)&sa, &len),
                     0);
    m->port = ntohs(sa.sin_port);
}

/* ---- the owner ------------------------------------------------------------------------------- */

static struct bench {
    struct loop *loop;
    struct smsc smsc;
    struct link *link;
    unsigned ups, downs, stopped, done, unknown, throttled, delivers, ready;
    enum session_end why;
    struct link_delivery delivery;
    bool answer_delivers, free_when_stopped;
    uint8_t reported[TAGS];
    uint64_t next_tag, wanted; /* submits to make as room allows */
} * b;

static int submit(uint64_t tag)
{
    struct smpp_submit m = {.sm = {.source = STR("Coko"),
                                   .dest = STR("221770000001"),
                                   .message = STR("a page"),
                                   .service_type = STR_EMPTY,
                                   .schedule = STR_EMPTY,
                                   .validity = STR_EMPTY}};
    struct err e;

    return link_submit(b->link, &m, tag, &e) == 0 ? 0 : (int)e.code;
}

static void submit_wanted(void)
{
    while (b->next_tag < b->wanted && submit(b->next_tag) == 0)
        b->next_tag++;
}

static void on_up(void *ctx)
{
    ((struct bench *)ctx)->ups++;
}

static void on_down(void *ctx, enum session_end why)
{
    ((struct bench *)ctx)->downs++;
    ((struct bench *)ctx)->why = why;
}

static void on_done(void *ctx, uint64_t tag, uint32_t status, struct str id, bool late)
{
    struct bench *t = ctx;

    assert_int_equal(status, 0);
    assert_true(str_eq_c(id, "id"));
    assert_false(late);
    t->reported[tag]++;
    t->done++;
    submit_wanted();
}

static void on_unknown(void *ctx, uint64_t tag)
{
    ((struct bench *)ctx)->reported[tag]++;
    ((struct bench *)ctx)->unknown++;
}

static void on_deliver(void *ctx, const struct link_delivery *d, const struct pdu *p)
{
    struct bench *t = ctx;

    assert_true(str_eq_c(p->sm.message, "SUITE"));
    t->delivers++;
    t->delivery = *d;
    if (t->answer_delivers)
        link_respond(t->link, d, 0);
}

static void on_ready(void *ctx)
{
    ((struct bench *)ctx)->ready++;
    submit_wanted();
}

static void on_stopped(void *ctx)
{
    struct bench *t = ctx;

    t->stopped++;
    if (t->free_when_stopped) {
        link_free(t->link);
        t->link = NULL;
    }
}

static const struct link_sink sink = {
    .up = on_up,
    .down = on_down,
    .submit_done = on_done,
    .unknown = on_unknown,
    .deliver = on_deliver,
    .ready = on_ready,
    .stopped = on_stopped,
};

/* Turns the loop until the condition holds; 20 s are an error, not a wait. */
#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        int64_t give_up = clock_mono_ms() + 20000;                                                 \
        while (!(condition)) {                                                                     \
            if (clock_mono_ms() > give_up)                                                         \
                fail_msg("never: %s", #condition);                                                 \
            loop_turn(b->loop, true);                                                              \
        }                                                                                          \
    } while (0)

static struct link_config plain_config(void)
{
    return (struct link_config){
        .name = "lab",
        .host = "127.0.0.1",
        .port = b->smsc.port,
        .retry_min_ms = 5,
        .retry_max_ms = 20,
        .session = {.system_id = STR("coko"), .password = STR("pw"), .window = 10},
    };
}

static void link_with(const struct link_config *c)
{
    struct err e;

    b->link = link_new(b->loop, c, &sink, b, &e);
    if (b->link == NULL)
        fail_msg("%s", e.msg);
    link_start(b->link);
}

static void bound_with(const struct link_config *c)
{
    link_with(c);
    UNTIL(b->ups == 1);
}

static void bound(void)
{
    struct link_config c = plain_config();

    bound_with(&c);
}

static int setup(void **state)
{
    struct err e;

    (void)state;
    b = calloc(1, sizeof *b);
    b->answer_delivers = true;
    b->loop = loop_new(&e);
    smsc_open(&b->smsc, b->loop);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    link_free(b->link);
    smsc_drop(&b->smsc);
    if (b->smsc.listener != NULL)
        evconnlistener_free(b->smsc.listener);
    loop_free(b->loop);
    free(b);
    return 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void submits_flow_through_a_window(void **state)
{
    struct link_status st;

    (void)state;
    bound();
    assert_int_equal(link_window_free(b->link), 10);
    b->wanted = 1000;
    submit_wanted();
    assert_int_equal(b->next_tag, 10);
    assert_int_equal(submit(0), ERR_BUSY);
    UNTIL(b->done == 1000);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(b->reported[i], 1);
    assert_true(b->ready > 0);
    link_status_get(b->link, &st);
    assert_int_equal(st.state, LINK_BOUND);
    assert_int_equal(st.stats.accepted, 1000);
    assert_int_equal(st.in_flight, 0);
    assert_int_equal(st.binds, 1);
}

static void a_name_is_looked_up(void **state)
{
    struct link_config c = plain_config();

    (void)state;
    c.host = "localhost";
    bound_with(&c);
}

static void hard_17_a_lost_link_reports_each_tag_once_and_returns(void **state)
{
    struct link_config c = plain_config();

    (void)state;
    c.session.window = 100;
    b->smsc.silent = true;
    b->smsc.drop_after = 100;
    bound_with(&c);
    b->wanted = 100;
    submit_wanted();
    UNTIL(b->downs == 1);
    assert_int_equal(b->unknown, 100);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(b->reported[i], 1);
    assert_int_equal(b->why, SESSION_END_LOST);
    b->smsc.drop_after = 0;
    b->smsc.silent = false;
    UNTIL(b->ups == 2);
    assert_int_equal(b->smsc.submits, 100); /* nothing was sent again */
    assert_int_equal(submit(100), 0);
    UNTIL(b->done == 1);
}

static void a_refused_password_waits_minutes_and_alarms(void **state)
{
    struct link_config c = plain_config();
    struct link_status st;

    (void)state;
    b->smsc.bind_status = SMPP_RINVPASWD;
    link_with(&c);
    UNTIL((link_status_get(b->link, &st), st.state == LINK_WAITING));
    assert_true(st.alarm);
    assert_in_range(st.wait_ms, 60000, 180000);
    assert_int_equal(st.last_bind_status, SMPP_RINVPASWD);
    assert_int_equal(b->ups + b->downs, 0);
}

static void hard_22_already_bound_is_waited_out(void **state)
{
    struct link_config c = plain_config();
    struct link_status st;

    (void)state;
    b->smsc.bind_status = SMPP_RALYBND;
    link_with(&c);
    UNTIL((link_status_get(b->link, &st), st.state == LINK_WAITING));
    assert_false(st.alarm);
    assert_in_range(st.wait_ms, 30000, 60000);
    assert_int_equal(b->smsc.binds, 1);
}

static void a_busy_carrier_is_tried_again_soon(void **state)
{
    struct link_config c = plain_config();

    (void)state;
    b->smsc.bind_status = SMPP_RSYSERR;
    link_with(&c);
    UNTIL(b->smsc.binds == 3);
    b->smsc.bind_status = 0;
    UNTIL(b->ups == 1);
}

static void nobody_listens_then_somebody_does(void **state)
{
    struct link_config c = plain_config();
    struct link_status st;

    (void)state;
    evconnlistener_disable(b->smsc.listener);
    evconnlistener_free(b->smsc.listener);
    b->smsc.listener = NULL;
    link_with(&c);
    UNTIL((link_status_get(b->link, &st), st.state == LINK_WAITING));
    assert_string_not_equal(st.last_error, "");
    link_free(b->link);
    smsc_open(&b->smsc, b->loop);
    bound();
}

static void deliveries_are_answered_on_their_own_connection(void **state)
{
    static const char body[] =
        "00 01 01 '22177' 00 01 01 '38' 00 00 00 00 00 00 00 00 00 00 05 'SUITE'";
    struct link_delivery old;

    (void)state;
    bound();
    smsc_send(&b->smsc, SMPP_DELIVER_SM, 0, 77, body);
    UNTIL(b->smsc.deliver_resps == 1);
    b->answer_delivers = false;
    smsc_send(&b->smsc, SMPP_DELIVER_SM, 0, 78, body);
    UNTIL(b->delivers == 2);
    old = b->delivery;
    smsc_drop(&b->smsc);
    UNTIL(b->ups == 2);
    link_respond(b->link, &old, 0); /* dropped: the carrier will deliver it again */
    b->answer_delivers = true;
    smsc_send(&b->smsc, SMPP_DELIVER_SM, 0, 1, body);
    UNTIL(b->smsc.deliver_resps == 2);
    assert_int_equal(b->smsc.deliver_status, 0);
}

static void leaving_unbinds_first(void **state)
{
    struct link_status st;

    (void)state;
    bound();
    assert_int_equal(submit(1), 0);
    link_stop(b->link);
    link_stop(b->link);
    assert_int_equal(submit(2), ERR_BAD_STATE);
    UNTIL(b->stopped == 1);
    assert_int_equal(b->done, 1);
    assert_int_equal(b->smsc.unbinds, 1);
    assert_int_equal(b->why, SESSION_END_UNBOUND);
    link_status_get(b->link, &st);
    assert_int_equal(st.state, LINK_STOPPED);
}

static void hard_21_leaving_a_silent_carrier_takes_unbind_ms(void **state)
{
    struct link_config c = plain_config();
    int64_t start;

    (void)state;
    c.session.unbind_ms = 100;
    b->free_when_stopped = true;
    b->smsc.silent = true;
    bound_with(&c);
    assert_int_equal(submit(1), 0);
    start = clock_mono_ms();
    link_stop(b->link);
    UNTIL(b->stopped == 1);
    assert_in_range(clock_mono_ms() - start, 90, 5000);
    assert_int_equal(b->smsc.unbinds, 1);
    assert_int_equal(b->unknown, 1);
}

static void stopping_before_it_is_bound_is_told_too(void **state)
{
    struct link_config c = plain_config();

    (void)state;
    b->free_when_stopped = true;
    link_with(&c);
    link_stop(b->link);
    UNTIL(b->stopped == 1);
    assert_int_equal(b->smsc.binds, 0);
}

static void freeing_reports_what_is_in_flight(void **state)
{
    (void)state;
    b->smsc.silent = true;
    bound();
    assert_int_equal(submit(1), 0);
    UNTIL(b->smsc.submits == 1);
    link_free(b->link);
    b->link = NULL;
    assert_int_equal(b->unknown, 1);
    assert_int_equal(b->downs + b->stopped, 0);
}

static void bad_settings_are_named(void **state)
{
    struct link_config c = plain_config();
    struct err e;

    (void)state;
    c.session.system_id = STR("sixteen letters!");
    assert_null(link_new(b->loop, &c, &sink, b, &e));
    assert_non_null(strstr(e.msg, "system_id"));
    c = plain_config();
    c.host = "";
    assert_null(link_new(b->loop, &c, &sink, b, &e));
    assert_int_equal(e.code, ERR_BAD_CONFIG);
}

static void the_speed_of_one_link(void **state)
{
    struct link_config c = plain_config();
    int64_t start;

    (void)state;
    c.session.window = 100;
    bound_with(&c);
    b->wanted = getenv("COKO_BENCH") != NULL ? TAGS : 2000;
    start = clock_mono_us();
    submit_wanted();
    UNTIL(b->done == b->wanted);
    if (b->wanted == TAGS)
        print_message("%.0f submits/s, window 100, peer in the same thread\n",
                      TAGS * 1e6 / (double)(clock_mono_us() - start));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(submits_flow_through_a_window),
        T(a_name_is_looked_up),
        T(hard_17_a_lost_link_reports_each_tag_once_and_returns),
        T(a_refused_password_waits_minutes_and_alarms),
        T(hard_22_already_bound_is_waited_out),
        T(a_busy_carrier_is_tried_again_soon),
        T(nobody_listens_then_somebody_does),
        T(deliveries_are_answered_on_their_own_connection),
        T(leaving_unbinds_first),
        T(hard_21_leaving_a_silent_carrier_takes_unbind_ms),
        T(stopping_before_it_is_bound_is_told_too),
        T(freeing_reports_what_is_in_flight),
        T(bad_settings_are_named),
        T(the_speed_of_one_link),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
