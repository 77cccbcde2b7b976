/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session against a scripted peer and a virtual clock: binding and submitting; hard cases
 * 6-10, 16 and 17 as far as one connection goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/smpp_peer.h"

/* ---- bind ------------------------------------------------------------------------------------ */

static void a_refused_bind_tells_its_status(void **state)
{
    struct session_config c = plain_config();

    (void)state;
    open_with(&c);
    peer_says(SMPP_BIND_TRANSCEIVER_RESP, SMPP_RINVPASWD, 1, "");
    assert_int_equal(b->bind_status, SMPP_RINVPASWD);
    assert_int_equal(b->why, SESSION_END_REFUSED);
    assert_int_equal(b->closed, 1);
}

static void a_bind_without_answer_ends(void **state)
{
    struct session_config c = plain_config();

    (void)state;
    c.bind_ms = 7000;
    open_with(&c);
    advance(6999);
    assert_int_equal(b->closed, 0);
    advance(1);
    assert_int_equal(b->why, SESSION_END_BIND_TIMEOUT);
}

static void a_nack_refuses_the_bind(void **state)
{
    struct session_config c = plain_config();

    (void)state;
    open_with(&c);
    peer_says(SMPP_GENERIC_NACK, 0, 1, "");
    assert_int_equal(b->bind_status, SMPP_RUNKNOWNERR);
    assert_int_equal(b->why, SESSION_END_REFUSED);
}

static void hard_7_the_sequence_number_decides_not_the_command(void **state)
{
    struct session_config c = plain_config();

    (void)state;
    c.bind = SESSION_RX;
    open_with(&c);
    peer_says(0x80000002, 0, 1, "'x' 00"); /* bind_receiver answered as a transmitter */
    assert_int_equal(b->s.state, SESSION_BOUND_RX);
    assert_int_equal(submit(1), ERR_BAD_STATE);
}

static void nothing_goes_out_before_the_bind(void **state)
{
    struct session_config c = plain_config();

    (void)state;
    open_with(&c);
    assert_int_equal(submit(1), ERR_BAD_STATE);
    assert_int_equal(session_room(&b->s, b->now), 0);
}

/* ---- submits --------------------------------------------------------------------------------- */

static void a_submit_is_answered_with_its_id(void **state)
{
    uint32_t seq;

    (void)state;
    bind_plain();
    seq = submit_seq(7);
    peer_says(SMPP_SUBMIT_SM_RESP, 0, seq, "'2B9' 00");
    assert_int_equal(b->done[7], 1);
    assert_string_equal(b->last_id, "2B9");
    peer_says(SMPP_SUBMIT_SM_RESP, 0, seq, "'2B9' 00"); /* case 7: again */
    assert_int_equal(b->done[7], 1);
    assert_int_equal(b->s.stats.unknown_responses, 1);
    sent_nothing_more(); /* a response is never nacked */
    seq = submit_seq(8);
    peer_says(SMPP_DATA_SM | PDU_RESP, 0, seq, "'2BA' 00"); /* case 7: another command's response */
    assert_int_equal(b->done[8], 1);
    assert_string_equal(b->last_id, "2BA");
}

static void hard_6_odd_responses_complete_the_submit(void **state)
{
    static const struct {
        uint32_t id, status;
        const char *body;
    } cases[] = {
        {SMPP_SUBMIT_SM_RESP, 0x0B, ""},   {SMPP_SUBMIT_SM_RESP, 0x0B, "00"},
        {SMPP_SUBMIT_SM_RESP, 0, ""},      {SMPP_SUBMIT_SM_RESP, 0, "'no end'"},
        {SMPP_DATA_SM_RESP, 0, "'id' 00"}, {0x80000777, 0, "0102"},
        {SMPP_GENERIC_NACK, 0x03, ""},     {SMPP_SUBMIT_SM_RESP, 0x4FF, "'id' 00 0425"},
    };

    (void)state;
    bind_plain();
    for (uint64_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t seq = submit_seq(i);

        peer_says(cases[i].id, cases[i].status, seq, cases[i].body);
        assert_int_equal(b->done[i], 1);
        assert_int_equal(b->status[i], cases[i].status);
    }
    assert_int_equal(b->s.window.used, 0);
}

static void hard_8_a_late_answer_is_merged_once(void **state)
{
    uint32_t seq;

    (void)state;
    bind_plain();
    seq = submit_seq(3);
    advance(10000);
    assert_int_equal(b->unknown[3], 1);
    peer_says(SMPP_SUBMIT_SM_RESP, 0, seq, "'77' 00");
    assert_int_equal(b->late[3], 1);
    assert_int_equal(b->done[3], 0);
    assert_string_equal(b->last_id, "77");
    peer_says(SMPP_SUBMIT_SM_RESP, 0, seq, "'77' 00");
    assert_int_equal(b->late[3], 1);
    assert_int_equal(b->s.stats.unknown_responses, 1);
}

static void hard_9_stray_nacks_fail_nothing(void **state)
{
    (void)state;
    bind_plain();
    (void)submit_seq(1);
    peer_says(SMPP_GENERIC_NACK, SMPP_RINVCMDLEN, 0, "");
    peer_says(SMPP_GENERIC_NACK, SMPP_RINVCMDLEN, 16, "");
    peer_says(SMPP_GENERIC_NACK, 0, 0xFFFFFFFF, "");
    assert_int_equal(b->done[1], 0);
    assert_int_equal(b->s.window.used, 1);
    assert_int_equal(b->s.stats.nacks_in, 3);
    assert_int_equal(b->closed, 0);
}

/* osmo-msc answers with the length where the sequence belongs: by chance that of another submit. */
static void hard_9_a_nack_that_names_a_length_fails_no_other(void **state)
{
    struct session_config c = plain_config();
    uint32_t seq = 0, length;

    (void)state;
    bind_with(&c);
    for (uint64_t tag = 1; seq < 16; tag++)
        seq = submit_seq(tag);
    length = b->s.longest;
    assert_in_range(length, 17, 99);
    peer_says(SMPP_GENERIC_NACK, SMPP_RINVCMDID, 16, "");
    while (seq < length)
        seq = submit_seq(seq);
    peer_says(SMPP_GENERIC_NACK, SMPP_RINVCMDLEN, length, "");
    for (uint64_t tag = 1; tag <= length; tag++)
        assert_int_equal(b->done[tag], 0);
    assert_int_equal(b->s.stats.unknown_responses, 2);
    peer_says(SMPP_SUBMIT_SM_RESP, 0, 16, "'its own' 00");
    assert_int_equal(b->s.stats.accepted, 1);
    seq = submit_seq(200);
    assert_true(seq > length);
    peer_says(SMPP_GENERIC_NACK, SMPP_RINVCMDID, seq, "");
    assert_int_equal(b->done[200], 1);
    advance(10000);
    assert_int_equal(b->s.stats.unknown, length - 2); /* 1 was the bind's */
}

static void a_peer_of_33_is_sent_no_tlvs(void **state)
{
    static const char ours[] = "\x12\x34", text[] = "a long text", op[] = "\x02";
    const struct smpp_tlv reference = {SMPP_TAG_USER_MESSAGE_REFERENCE, str_n(ours, 2)},
                          payload = {SMPP_TAG_MESSAGE_PAYLOAD, str_n(text, sizeof text - 1)},
                          dialogue = {SMPP_TAG_USSD_SERVICE_OP, str_n(op, 1)};
    static const struct {
        const char *said; /* TLVs of its bind_resp */
        bool plain;
    } cases[] = {
        {"'SMSC' 00 0210 0001 33", true}, {"'SMSC' 00 0210 0001 34", false}, {"'SMSC' 00", false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct session_config c = plain_config();
        uint32_t value;
        struct pdu p;

        if (i > 0) {
            collect();
            session_fini(&b->s);
            b->read_at = b->sent.len;
        }
        open_with(&c);
        p = next_sent();
        peer_says(SMPP_BIND_TRANSCEIVER_RESP, 0, p.seq, cases[i].said);
        assert_int_equal(submit_with(1, &reference, 1), 0);
        p = next_sent();
        assert_true(str_eq_c(p.sm.message, "page"));
        assert_int_equal(pdu_tlv_number(&p, SMPP_TAG_USER_MESSAGE_REFERENCE, &value),
                         !cases[i].plain);
        assert_int_equal(submit_with(2, &payload, 1), cases[i].plain ? ERR_BAD_INPUT : 0);
        assert_int_equal(submit_with(3, &dialogue, 1), cases[i].plain ? ERR_BAD_INPUT : 0);
    }
}

static void hard_10_the_sequence_wraps_over_a_full_window(void **state)
{
    struct session_config c = plain_config();
    uint32_t seqs[300], low = 0;

    (void)state;
    c.first_seq = SMPP_SEQ_MAX - 50;
    c.window = 100;
    bind_with(&c);
    for (uint64_t i = 0; i < 100; i++)
        seqs[i] = submit_seq(i);
    assert_int_equal(submit(100), ERR_BUSY);
    for (unsigned i = 0; i < 100; i++) {
        assert_in_range(seqs[i], 1, SMPP_SEQ_MAX);
        low += seqs[i] < 100;
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(seqs[i], seqs[j]);
    }
    assert_true(low > 0);
    for (unsigned i = 100; i-- > 0;)
        peer_says(SMPP_SUBMIT_SM_RESP, 0, seqs[i], "'x' 00");
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(b->done[i], 1);
    assert_int_equal(b->ready, 1);
}

static void a_slot_still_in_use_is_skipped(void **state)
{
    struct session_config c = plain_config();
    uint32_t first;

    (void)state;
    c.window = 2;
    c.response_ms = 1000000;
    c.enquire_ms = 1000000;
    bind_with(&c);
    first = submit_seq(0);
    for (uint64_t i = 1; i < 1000; i++) {
        uint32_t seq = submit_seq(i);

        assert_int_not_equal(seq & b->s.window.mask, first & b->s.window.mask);
        peer_says(SMPP_SUBMIT_SM_RESP, 0, seq, "'x' 00");
    }
    peer_says(SMPP_SUBMIT_SM_RESP, 0, first, "'x' 00");
    assert_int_equal(b->done[0], 1);
}

static void hard_10_the_peers_numbers_are_echoed(void **state)
{
    static const uint32_t numbers[] = {0, 0x80000000, 0xFFFFFFFF};

    (void)state;
    bind_plain();
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct pdu p;

        peer_says(SMPP_ENQUIRE_LINK, 0, numbers[i], "");
        p = next_sent();
        assert_int_equal(p.id, SMPP_ENQUIRE_LINK_RESP);
        assert_int_equal(p.seq, numbers[i]);
    }
}

static void hard_16_throttled_on_part_4_of_7(void **state)
{
    uint32_t seqs[8];

    (void)state;
    bind_plain();
    for (uint64_t i = 1; i <= 7; i++)
        seqs[i] = submit_seq(i);
    for (unsigned i = 1; i <= 7; i++)
        peer_says(SMPP_SUBMIT_SM_RESP, i == 4 ? SMPP_RTHROTTLED : 0, seqs[i], "00");
    assert_int_equal(b->throttled[4], 1);
    assert_int_equal(b->done[4], 0);
    assert_int_equal(b->done[5] + b->done[6] + b->done[7], 3);
    assert_int_equal(submit(4), ERR_BUSY); /* the whole bind stands still */
    advance(999);
    assert_int_equal(b->ready, 0);
    advance(1);
    assert_int_equal(b->ready, 1);
    assert_int_equal(submit(4), 0);
    assert_int_equal(b->s.stats.throttled, 1);
}

static void hard_16_throttled_for_an_hour_backs_off_to_30_s(void **state)
{
    unsigned tries = 0;
    int64_t end = b->now + 3600 * 1000, gap = 0, last = b->now;

    (void)state;
    bind_plain();
    while (b->now < end) {
        if (submit(1) == 0) {
            gap = b->now - last;
            last = b->now;
            tries++;
            peer_says(SMPP_SUBMIT_SM_RESP, SMPP_RTHROTTLED, next_sent().seq, "");
            continue;
        }
        advance(MAX(session_deadline(&b->s, b->now) - b->now, 1));
        while (b->read_at < b->sent.len || b->s.wire.urgent.len > 0)
            if (next_sent().id == SMPP_ENQUIRE_LINK)
                peer_says(SMPP_ENQUIRE_LINK_RESP, 0, b->s.wire.enquire_seq, "");
    }
    assert_int_equal(b->closed, 0);
    assert_int_equal(gap, 30000);
    assert_in_range(tries, 100, 140);
    assert_int_equal(b->throttled[1], tries);
}

static void hard_17_a_lost_link_reports_each_of_100_once(void **state)
{
    uint32_t seqs[100];

    (void)state;
    bind_plain();
    for (uint64_t i = 0; i < 100; i++)
        seqs[i] = submit_seq(i);
    for (unsigned i = 0; i < 100; i += 2)
        peer_says(SMPP_SUBMIT_SM_RESP, 0, seqs[i], "'x' 00");
    session_lost(&b->s);
    session_lost(&b->s);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(b->done[i] + b->unknown[i], 1);
        assert_int_equal(b->unknown[i], i % 2);
    }
    assert_int_equal(b->closed, 1);
    assert_int_equal(b->why, SESSION_END_LOST);
    assert_int_equal(submit(5), ERR_BAD_STATE);
}

static void the_rate_counts_parts_with_a_burst(void **state)
{
    struct session_config c = plain_config();
    unsigned sent = 0;

    (void)state;
    c.parts_per_s = 50;
    c.burst = 10;
    bind_with(&c);
    while (submit(sent) == 0)
        sent++;
    assert_int_equal(sent, 10);
    for (int i = 0; i < 1000; i++) {
        advance(1);
        while (submit(sent) == 0)
            peer_says(SMPP_SUBMIT_SM_RESP, 0, b->s.window.next_seq - 1, "'x' 00"), sent++;
    }
    assert_in_range(sent, 59, 61);
}

/* A slow rate looked at every millisecond (inbound traffic) gained nothing: each look rounded down. */
static void a_slow_rate_grows_however_often_it_is_looked_at(void **state)
{
    struct rate r;
    unsigned sent = 0;

    (void)state;
    rate_init(&r, 1, 1, 0);
    assert_true(rate_take(&r, 0));
    rate_throttled(&r, 0);
    for (int64_t now = 1; now <= 11000; now++)
        sent += rate_take(&r, now);
    assert_in_range(sent, 4, 6);
}

/* More parts than the bucket ever holds are all paid for, by what comes after them. */
static void a_debt_is_paid_before_the_next_part(void **state)
{
    struct rate r;

    (void)state;
    rate_init(&r, 10, 10, 0);
    rate_spend(&r, 30, 0);
    assert_int_equal(rate_room(&r, 0), 0);
    assert_int_equal(rate_wait(&r, 0), 2100);
    assert_false(rate_take(&r, 2099));
    assert_true(rate_take(&r, 2100));
    rate_init(&r, 0, 0, 0);
    rate_spend(&r, 30, 0);
    assert_true(rate_take(&r, 0));
}

static void congestion_slows_and_stops(void **state)
{
    struct session_config c = plain_config();

    (void)state;
    c.parts_per_s = 100;
    c.burst = 1;
    bind_with(&c);
    peer_says(SMPP_SUBMIT_SM_RESP, 0, submit_seq(1), "'x' 00 0428 0001 64");
    advance(990);
    assert_int_equal(submit(2), ERR_BUSY);
    advance(1010);
    assert_int_equal(submit(2), 0);
    peer_says(SMPP_SUBMIT_SM_RESP, 0, next_sent().seq, "'x' 00 0428 0001 00");
    advance(11);
    assert_int_equal(submit(3), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_rate_grows_however_often_it_is_looked_at),
        cmocka_unit_test(a_debt_is_paid_before_the_next_part),
        T(a_refused_bind_tells_its_status),
        T(a_bind_without_answer_ends),
        T(a_nack_refuses_the_bind),
        T(hard_7_the_sequence_number_decides_not_the_command),
        T(nothing_goes_out_before_the_bind),
        T(a_submit_is_answered_with_its_id),
        T(hard_6_odd_responses_complete_the_submit),
        T(hard_8_a_late_answer_is_merged_once),
        T(hard_9_stray_nacks_fail_nothing),
        T(hard_9_a_nack_that_names_a_length_fails_no_other),
        T(a_peer_of_33_is_sent_no_tlvs),
        T(hard_10_the_sequence_wraps_over_a_full_window),
        T(a_slot_still_in_use_is_skipped),
        T(hard_10_the_peers_numbers_are_echoed),
        T(hard_16_throttled_on_part_4_of_7),
        T(hard_16_throttled_for_an_hour_backs_off_to_30_s),
        T(hard_17_a_lost_link_reports_each_of_100_once),
        T(the_rate_counts_parts_with_a_burst),
        T(congestion_slows_and_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
