/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ESME that answers link checks and no delivery, against a virtual clock: its bind ends after so
 * many in a row, two windows at the least; one answer, be it late, shows that it hears.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "smpp/smsc_session.h"
#include "tests/unit/smpp_bytes.h"

#define WINDOW      4
#define RESPONSE_MS 10000

static struct bench {
    struct smsc_session s;
    struct smsc_account account;
    int64_t now;
    unsigned unknown, ended, late;
    enum smsc_end why;
} * b;

static void on_bind(void *ctx, const struct pdu *p)
{
    (void)ctx, (void)p;
    smsc_accept(&b->s, &b->account, b->now);
}

static void on_submit(void *ctx, const struct pdu *p)
{
    (void)ctx, (void)p;
    fail_msg("it submits nothing");
}

static void on_done(void *ctx, uint64_t tag, uint32_t status, bool late)
{
    (void)ctx, (void)tag, (void)status;
    b->late += late;
}

static void on_unknown(void *ctx, uint64_t tag, bool ended)
{
    (void)ctx, (void)tag;
    b->unknown++;
    b->ended += ended;
}

static void on_closed(void *ctx, enum smsc_end why)
{
    (void)ctx;
    b->why = why;
}

static const struct smsc_events events = {.bind = on_bind,
                                          .submit = on_submit,
                                          .deliver_done = on_done,
                                          .unknown = on_unknown,
                                          .closed = on_closed};

static void says(uint32_t id, uint32_t seq, const char *body)
{
    uint8_t bytes[256];
    size_t n = make_pdu(bytes, sizeof bytes, id, 0, seq, body);

    assert_int_equal(smsc_feed(&b->s, bytes, n, b->now), n);
}

static void bound(uint32_t deaf_max)
{
    struct smsc_config config = {.system_id = STR("coko"),
                                 .window = WINDOW,
                                 .deaf_max = deaf_max,
                                 .response_ms = RESPONSE_MS};

    smsc_init(&b->s, &config, &events, b, b->now);
    says(SMPP_BIND_RECEIVER, 1, "'shop' 00 'secret' 00 00 34 00 00 00");
    assert_int_equal(b->s.state, SMSC_BOUND_RX);
}

static void deliver(unsigned count)
{
    struct pdu p;
    struct err e;

    pdu_start(&p, SMPP_DELIVER_SM, 0, 0);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(smsc_deliver(&b->s, &p.sm, NULL, 0, i, b->now, &e), 0);
}

/* Time goes by and it shows that it lives. */
static void pass(int64_t ms)
{
    b->now += ms;
    smsc_tick(&b->s, b->now);
    if (b->why == SMSC_END_NONE)
        says(SMPP_ENQUIRE_LINK, 900, "");
}

static int setup(void **state)
{
    (void)state;
    b = calloc(1, sizeof *b);
    b->now = 1000;
    b->account.queue_max = 100;
    rate_init(&b->account.rate, 0, 0, b->now);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    smsc_fini(&b->s);
    assert_int_equal(b->account.binds, 0);
    free(b);
    return 0;
}

static void it_is_sent_unbind_and_closed(void **state)
{
    struct buf out;
    struct pdu p;
    struct err e;

    (void)state;
    bound(9);
    for (unsigned round = 1; round <= 2; round++) {
        deliver(WINDOW);
        pass(RESPONSE_MS);
        assert_int_equal(b->unknown, round * WINDOW);
    }
    assert_int_equal(b->why, SMSC_END_NONE);
    deliver(1);
    pass(RESPONSE_MS / 2);
    deliver(1);
    pass(RESPONSE_MS / 2);
    assert_int_equal(b->why, SMSC_END_DEAF);
    assert_int_equal(b->unknown, 10);
    assert_int_equal(b->ended, 1); /* the one that still had time */
    buf_init(&out, 1u << 16);
    assert_true(smsc_take(&b->s, &out, true));
    assert_int_equal(pdu_decode((const uint8_t *)out.p + out.len - PDU_HEADER, PDU_HEADER, &p, &e),
                     0);
    assert_int_equal(p.id, SMPP_UNBIND);
    buf_fini(&out);
}

static void one_answer_even_late_begins_the_count_anew(void **state)
{
    (void)state;
    bound(1); /* two windows at the least */
    for (unsigned n = 0; n < 2 * WINDOW - 1; n++) {
        deliver(1);
        pass(RESPONSE_MS);
    }
    says(SMPP_DELIVER_SM_RESP, b->s.window.next_seq - 1, "00");
    assert_int_equal(b->late, 1);
    for (unsigned n = 0; n < 2 * WINDOW - 1; n++) {
        deliver(1);
        pass(RESPONSE_MS);
    }
    assert_int_equal(b->why, SMSC_END_NONE);
    deliver(1);
    pass(RESPONSE_MS);
    assert_int_equal(b->why, SMSC_END_DEAF);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_is_sent_unbind_and_closed),
        T(one_answer_even_late_begins_the_count_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
