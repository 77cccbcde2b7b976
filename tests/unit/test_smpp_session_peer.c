/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session against a scripted peer and a virtual clock: what the peer asks, how a link is
 * checked and left, framing; hard cases 1, 2, 19, 20, 21, 24 as far as one connection goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/smpp_peer.h"

/* ---- link checks ----------------------------------------------------------------------------- */

static void an_idle_link_is_checked_and_a_dead_one_ends(void **state)
{
    struct pdu p;

    (void)state;
    bind_plain();
    advance(29999);
    sent_nothing_more();
    advance(1);
    p = next_sent();
    assert_int_equal(p.id, SMPP_ENQUIRE_LINK);
    peer_says(SMPP_ENQUIRE_LINK_RESP, 0, p.seq, "");
    advance(30000);
    assert_int_equal(next_sent().id, SMPP_ENQUIRE_LINK);
    advance(9999);
    assert_int_equal(b->closed, 0);
    advance(1);
    assert_int_equal(b->why, SESSION_END_DEAD);
}

static void any_pdu_is_a_sign_of_life(void **state)
{
    (void)state;
    bind_plain();
    for (int i = 0; i < 20; i++) {
        advance(29000);
        peer_says(SMPP_SUBMIT_SM_RESP, 0, 0x7000, "");
    }
    sent_nothing_more();
    advance(30000);
    assert_int_equal(next_sent().id, SMPP_ENQUIRE_LINK);
    peer_says(SMPP_DELIVER_SM, 0, 3, "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
    advance(20000);
    assert_int_equal(b->closed, 0);
}

static void hard_19_a_silent_peer_is_found_while_sending(void **state)
{
    (void)state;
    bind_plain();
    for (uint64_t i = 0; b->closed == 0 && i < 100; i++) {
        (void)submit(i);
        advance(1000);
    }
    assert_int_equal(b->why, SESSION_END_DEAD);
    assert_in_range(b->now, 40000, 42000);
}

static void hard_20_answers_go_before_new_requests(void **state)
{
    (void)state;
    bind_plain();
    for (uint64_t i = 0; i < 50; i++)
        assert_int_equal(submit(i), 0);
    peer_says(SMPP_ENQUIRE_LINK, 0, 77, "");
    assert_int_equal(next_sent().id, SMPP_ENQUIRE_LINK_RESP);
    assert_int_equal(next_sent().id, SMPP_SUBMIT_SM);
}

static void hard_20_enquire_before_the_bind_and_a_flood(void **state)
{
    struct session_config c = plain_config();

    (void)state;
    open_with(&c);
    (void)next_sent();
    peer_says(SMPP_ENQUIRE_LINK, 0, 5, "");
    assert_int_equal(next_sent().id, SMPP_ENQUIRE_LINK_RESP);
    for (unsigned i = 0; i < 100000 && b->closed == 0; i++)
        peer_says(SMPP_ENQUIRE_LINK, 0, i, ""); /* nobody takes the answers */
    assert_int_equal(b->why, SESSION_END_FLOODED);
    assert_true(b->s.wire.urgent.len <= 256 * 1024);
}

/* ---- requests of the peer -------------------------------------------------------------------- */

#define DELIVER "00 01 01 '22177' 00 01 01 '38' 00 00 00 00 00 00 00 00 00 00 05 'SUITE'"

static void a_delivery_is_handed_out_and_answered(void **state)
{
    struct pdu p;

    (void)state;
    bind_plain();
    peer_says(SMPP_DELIVER_SM, 0, 0x90000001, DELIVER);
    p = next_sent();
    assert_int_equal(b->delivers, 1);
    assert_int_equal(p.id, SMPP_DELIVER_SM_RESP);
    assert_int_equal(p.seq, 0x90000001);
    assert_int_equal(p.length, 17); /* an empty message_id */
    peer_says(SMPP_DATA_SM, 0, 4, "00 01 01 'a' 00 01 01 'b' 00 04 00 00");
    assert_int_equal(next_sent().id, SMPP_DATA_SM_RESP);
}

static void unanswered_deliveries_are_bounded(void **state)
{
    struct session_config c = plain_config();
    struct pdu p;

    (void)state;
    c.max_unanswered = 3;
    b->answer_delivers = false;
    bind_with(&c);
    for (uint32_t i = 1; i <= 4; i++)
        peer_says(SMPP_DELIVER_SM, 0, i, DELIVER);
    p = next_sent();
    assert_int_equal(p.seq, 4);
    assert_int_equal(p.status, SMPP_RX_T_APPN); /* the carrier keeps it and tries again */
    session_respond(&b->s, SMPP_DELIVER_SM, 2, 0);
    assert_int_equal(next_sent().seq, 2);
    peer_says(SMPP_DELIVER_SM, 0, 5, DELIVER);
    assert_int_equal(b->delivers, 4);
}

static void bad_requests_are_answered_in_their_kind(void **state)
{
    static const struct {
        uint32_t id;
        const char *body;
        uint32_t answer, status;
    } cases[] = {
        {0x00000777, "", SMPP_GENERIC_NACK, SMPP_RINVCMDID},
        {SMPP_SUBMIT_MULTI, "00 0000 00 01 02 'all' 00 00 00 00 00 00 00 00 00 00 00",
         SMPP_SUBMIT_MULTI_RESP, SMPP_RINVBNDSTS},
        {SMPP_QUERY_BROADCAST_SM, "00 00 00 00", SMPP_GENERIC_NACK, SMPP_RINVCMDID},
        {SMPP_SUBMIT_SM, "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", SMPP_SUBMIT_SM_RESP,
         SMPP_RINVBNDSTS},
        {SMPP_BIND_TRANSCEIVER, "00 00 00 34 00 00 00", SMPP_BIND_TRANSCEIVER_RESP,
         SMPP_RINVBNDSTS},
        {SMPP_DELIVER_SM, DELIVER " 0424 0001 41", SMPP_DELIVER_SM_RESP, SMPP_ROPTPARNOTALLWD},
        {SMPP_DELIVER_SM, "00 01", SMPP_DELIVER_SM_RESP, SMPP_RINVCMDLEN},
    };

    (void)state;
    bind_plain();
    for (uint32_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pdu p;

        peer_says(cases[i].id, 0, 40 + i, cases[i].body);
        p = next_sent();
        assert_int_equal(p.id, cases[i].answer);
        assert_int_equal(p.status, cases[i].status);
        assert_int_equal(p.seq, 40 + i);
    }
    peer_says(SMPP_OUTBIND, 0, 9, "'x' 00 00"); /* case 21: has no answer */
    peer_says(SMPP_ALERT_NOTIFICATION, 0, 9, "01 01 '22177' 00 01 01 'coko' 00");
    assert_int_equal(b->alerts, 1);
    sent_nothing_more();
}

static void a_delivery_before_the_bind_is_refused(void **state)
{
    struct session_config c = plain_config();

    (void)state;
    open_with(&c);
    (void)next_sent();
    peer_says(SMPP_DELIVER_SM, 0, 2, DELIVER);
    assert_int_equal(next_sent().status, SMPP_RINVBNDSTS);
    assert_int_equal(b->delivers, 0);
}

/* ---- unbind ---------------------------------------------------------------------------------- */

static void hard_21_the_carrier_unbinds_with_a_full_window(void **state)
{
    (void)state;
    bind_plain();
    for (uint64_t i = 0; i < 100; i++)
        (void)submit_seq(i);
    peer_says(SMPP_UNBIND, 0, 9, "");
    assert_int_equal(next_sent().id, SMPP_UNBIND_RESP);
    assert_int_equal(b->why, SESSION_END_PEER_UNBOUND);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(b->unknown[i], 1);
}

static void we_leave_when_everything_is_answered(void **state)
{
    uint32_t seq;
    struct pdu p;

    (void)state;
    bind_plain();
    seq = submit_seq(1);
    session_unbind(&b->s, b->now);
    assert_int_equal(submit(2), ERR_BAD_STATE);
    sent_nothing_more();
    peer_says(SMPP_DELIVER_SM, 0, 6, DELIVER); /* still served */
    assert_int_equal(next_sent().id, SMPP_DELIVER_SM_RESP);
    peer_says(SMPP_SUBMIT_SM_RESP, 0, seq, "'x' 00");
    p = next_sent();
    assert_int_equal(p.id, SMPP_UNBIND);
    peer_says(SMPP_UNBIND_RESP, 0, p.seq, "");
    assert_int_equal(b->why, SESSION_END_UNBOUND);
    assert_int_equal(b->done[1], 1);
    assert_int_equal(b->unknown[1], 0);
}

static void hard_21_no_unbind_resp_ends_after_5_s(void **state)
{
    int64_t start;

    (void)state;
    bind_plain();
    (void)submit_seq(1);
    start = b->now;
    session_unbind(&b->s, b->now);
    advance(2500);
    assert_int_equal(next_sent().id, SMPP_UNBIND);
    advance(2499);
    assert_int_equal(b->closed, 0);
    advance(1);
    assert_int_equal(b->why, SESSION_END_UNBOUND);
    assert_int_equal(b->now - start, 5000);
    assert_int_equal(b->unknown[1], 1);
}

static void leaving_before_bound_is_immediate(void **state)
{
    struct session_config c = plain_config();

    (void)state;
    open_with(&c);
    session_unbind(&b->s, b->now);
    assert_int_equal(b->why, SESSION_END_UNBOUND);
    assert_int_equal(session_deadline(&b->s, b->now), INT64_MAX);
}

/* ---- framing --------------------------------------------------------------------------------- */

static void hard_1_fed_octet_by_octet_and_100_at_once(void **state)
{
    static uint8_t bytes[100 * 128];
    size_t n = 0, kept = 0;

    (void)state;
    bind_plain();
    for (uint32_t i = 0; i < 100; i++)
        n += make_pdu(bytes + n, sizeof bytes - n, SMPP_DELIVER_SM, 0, i, DELIVER);
    assert_int_equal(session_feed(&b->s, bytes, n, 0, b->now), n);
    assert_int_equal(b->delivers, 100);
    for (size_t at = 0; at < n; at++) {
        size_t used = session_feed(&b->s, bytes + kept, at + 1 - kept, 0, b->now);

        kept += used;
    }
    assert_int_equal(kept, n);
    assert_int_equal(b->delivers, 200);
    kept = session_feed(&b->s, bytes, n, 10, b->now); /* bounded work */
    assert_int_equal(b->delivers, 210);
    assert_int_equal(kept, n / 10);
}

static void hard_2_a_broken_length_ends_it(void **state)
{
    static const char *const lengths[] = {"00000000", "00000004", "0000000F", "7FFFFFFF",
                                          "FFFFFFFF"};

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        uint8_t bytes[16] = {0};
        struct pdu p;

        if (i > 0) {
            teardown(state);
            setup(state);
        }
        bind_plain();
        (void)from_hex(lengths[i], bytes, sizeof bytes);
        assert_int_equal(session_feed(&b->s, bytes, sizeof bytes, 0, b->now), sizeof bytes);
        p = next_sent();
        assert_int_equal(p.id, SMPP_GENERIC_NACK);
        assert_int_equal(p.status, SMPP_RINVCMDLEN);
        assert_int_equal(p.seq, 0);
        assert_int_equal(b->why, SESSION_END_BAD_LENGTH);
    }
}

static void before_the_bind_4_kb_are_enough(void **state)
{
    uint8_t bytes[4] = {0, 0, 0x10, 0x01};
    struct session_config c = plain_config();

    (void)state;
    open_with(&c);
    (void)session_feed(&b->s, bytes, sizeof bytes, 0, b->now);
    assert_int_equal(b->why, SESSION_END_BAD_LENGTH);
}

static void hard_24_a_slow_writer_ends(void **state)
{
    uint8_t bytes[] = {0, 0, 0, 0x40, 0, 0, 0, 5};

    (void)state;
    bind_plain();
    for (size_t i = 1; i <= 8; i++) {
        assert_int_equal(session_feed(&b->s, bytes, i, 0, b->now), 0);
        advance(1249);
    }
    assert_int_equal(b->closed, 0);
    advance(10);
    assert_int_equal(b->why, SESSION_END_SLOW);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_idle_link_is_checked_and_a_dead_one_ends),
        T(any_pdu_is_a_sign_of_life),
        T(hard_19_a_silent_peer_is_found_while_sending),
        T(hard_20_answers_go_before_new_requests),
        T(hard_20_enquire_before_the_bind_and_a_flood),
        T(a_delivery_is_handed_out_and_answered),
        T(unanswered_deliveries_are_bounded),
        T(bad_requests_are_answered_in_their_kind),
        T(a_delivery_before_the_bind_is_refused),
        T(hard_21_the_carrier_unbinds_with_a_full_window),
        T(we_leave_when_everything_is_answered),
        T(hard_21_no_unbind_resp_ends_after_5_s),
        T(leaving_before_bound_is_immediate),
        T(hard_1_fed_octet_by_octet_and_100_at_once),
        T(hard_2_a_broken_length_ends_it),
        T(before_the_bind_4_kb_are_enough),
        T(hard_24_a_slow_writer_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
