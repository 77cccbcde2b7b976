/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SMSC side against a scripted ESME and a virtual clock: binding, what is heard in which state,
 * rate and queue of an account, deliveries, leaving; the server halves of hard cases 1, 2, 19, 20,
 * 21, 25, 26, 37 and 39 as far as one connection goes.
 */
#include "tests/unit/smsc_bench.h"

#define SM_BODY    "00 0000 'Shop' 00 0101 '221770000001' 00 00 00 00 00 00 01 00 00 00 02 'hi'"
#define SM_NO_DEST "00 0500 'Shop' 00 0101 00 00 00 00 00 00 01 00 00 00 02 'hi'"

static int deliver(uint64_t tag)
{
    struct pdu p;
    struct err e;

    pdu_start(&p, SMPP_DELIVER_SM, 0, 0);
    p.sm.dest = STR("Shop");
    p.sm.message = STR("id:1 stat:DELIVRD");
    return smsc_deliver(&b->s, &p.sm, NULL, 0, tag, b->now, &e) == 0 ? 0 : (int)e.code;
}

/* ---- bind ------------------------------------------------------------------------------------ */

static void the_version_answered_is_the_lower_one(void **state)
{
    static const struct {
        const char *theirs;
        int ours; /* -1: no TLV, 3.3 knows none */
    } cases[] = {{"00", -1}, {"33", -1}, {"34", 0x34}, {"50", 0x50}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[128];
        struct pdu p;
        uint32_t v = 0;

        (void)snprintf(body, sizeof body, "'shop' 00 'secret' 00 00 %s 00 00 00", cases[i].theirs);
        says(SMPP_BIND_TRANSCEIVER, 0, 7, body);
        p = next_sent();
        assert_true(str_eq_c(p.bind_resp.system_id, "coko"));
        assert_int_equal(pdu_tlv_number(&p, SMPP_TAG_SC_INTERFACE_VERSION, &v), cases[i].ours >= 0);
        assert_int_equal(v, cases[i].ours >= 0 ? cases[i].ours : 0);
        smsc_fini(&b->s);
        start();
    }
    says(SMPP_BIND_TRANSCEIVER, 0, 8, "'shop' 00 'secret' 00 00 51 00 00 00");
    hears(SMPP_BIND_TRANSCEIVER_RESP, SMPP_RBINDFAIL, 8);
    assert_int_equal(b->why, SMSC_END_REFUSED);
}

static void an_esme_of_3_3_is_given_no_tlvs(void **state)
{
    static const char *const versions[] = {"33", "34"};
    struct smpp_tlv id = {SMPP_TAG_RECEIPTED_MESSAGE_ID, STR("1")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        char body[128];
        struct pdu p;
        struct str v;
        struct err e;

        (void)snprintf(body, sizeof body, "'shop' 00 'secret' 00 00 %s 00 00 00", versions[i]);
        says(SMPP_BIND_TRANSCEIVER, 0, 7, body);
        (void)next_sent();
        pdu_start(&p, SMPP_DELIVER_SM, 0, 0);
        p.sm.message = STR("id:1 stat:DELIVRD");
        assert_int_equal(smsc_deliver(&b->s, &p.sm, &id, 1, 1, b->now, &e), 0);
        p = next_sent();
        assert_int_equal(pdu_tlv(&p, SMPP_TAG_RECEIPTED_MESSAGE_ID, &v), i == 1);
        assert_int_equal(p.sm.message.n, 17);
        smsc_fini(&b->s);
        start();
    }
}

static void a_bind_may_be_answered_later(void **state)
{
    (void)state;
    b->late_check = true;
    says(SMPP_BIND_TRANSMITTER, 0, 1, BIND_BODY);
    hears_nothing_more();
    says(SMPP_SUBMIT_SM, 0, 2, SM_BODY);
    hears(SMPP_SUBMIT_SM_RESP, SMPP_RINVBNDSTS, 2);
    says(SMPP_ENQUIRE_LINK, 0, 3, "");
    hears(SMPP_ENQUIRE_LINK_RESP, 0, 3);
    smsc_accept(&b->s, &b->account, b->now);
    hears(SMPP_BIND_TRANSMITTER_RESP, 0, 1);
    assert_int_equal(b->account.binds, 1);
}

static void a_bind_we_never_answer_ends_with_0x08(void **state)
{
    (void)state;
    b->late_check = true;
    advance(9000);
    says(SMPP_BIND_TRANSMITTER, 0, 1, BIND_BODY);
    advance(10000);
    hears(SMPP_BIND_TRANSMITTER_RESP, SMPP_RSYSERR, 1);
    assert_int_equal(b->why, SMSC_END_BIND_TIMEOUT);
    smsc_accept(&b->s, &b->account, b->now); /* too late: nothing */
    hears_nothing_more();
}

static void hard_25_a_stranger_has_ten_seconds_and_4_kb(void **state)
{
    static uint8_t big[8] = {0, 0, 0x10, 0x01, 0, 0, 0, 9};

    (void)state;
    for (int i = 0; i < 9; i++) { /* link checks buy no time */
        advance(1000);
        says(SMPP_ENQUIRE_LINK, 0, 1, "");
    }
    assert_int_equal(b->closed, 0);
    advance(1000);
    assert_int_equal(b->why, SMSC_END_BIND_TIMEOUT);
    smsc_fini(&b->s);
    start();
    b->read_at = b->sent.len;
    (void)smsc_feed(&b->s, big, sizeof big, b->now);
    hears(SMPP_GENERIC_NACK, SMPP_RINVCMDLEN, 0);
    assert_int_equal(b->why, SMSC_END_BAD_LENGTH);
}

static void hard_25_a_second_bind_is_refused_0x05(void **state)
{
    (void)state;
    bind_as(SMPP_BIND_TRANSCEIVER);
    says(SMPP_BIND_TRANSMITTER, 0, 2, BIND_BODY);
    hears(SMPP_BIND_TRANSMITTER_RESP, SMPP_RALYBND, 2);
    assert_int_equal(b->binds, 1);
    assert_int_equal(b->closed, 0);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void before_a_bind_all_is_0x04(void **state)
{
    static const uint32_t ids[] = {SMPP_SUBMIT_SM, SMPP_SUBMIT_MULTI, SMPP_DATA_SM,   SMPP_QUERY_SM,
                                   SMPP_CANCEL_SM, SMPP_REPLACE_SM,   SMPP_DELIVER_SM};

    (void)state;
    for (uint32_t i = 0; i < ARRAY_LEN(ids); i++) {
        says(ids[i], 0, 10 + i, "FFFFFFFF"); /* its body is not read */
        hears(ids[i] | PDU_RESP, SMPP_RINVBNDSTS, 10 + i);
    }
    says(SMPP_OUTBIND, 0, 20, "");
    says(SMPP_SUBMIT_SM_RESP, 0, 21, ""); /* a response is never answered */
    hears_nothing_more();
    says(0x00000777, 0, 22, "");
    hears(SMPP_GENERIC_NACK, SMPP_RINVCMDID, 22);
}

static void a_receiver_may_not_submit(void **state)
{
    (void)state;
    bind_as(SMPP_BIND_RECEIVER);
    says(SMPP_SUBMIT_SM, 0, 2, SM_BODY);
    hears(SMPP_SUBMIT_SM_RESP, SMPP_RINVBNDSTS, 2);
    assert_int_equal(deliver(1), 0);
}

static void a_submit_is_answered_with_our_id(void **state)
{
    struct pdu p;

    (void)state;
    bind_as(SMPP_BIND_TRANSMITTER);
    says(SMPP_SUBMIT_SM, 0, 0xFFFFFFF0, SM_BODY);
    p = next_sent();
    assert_int_equal(p.id, SMPP_SUBMIT_SM_RESP);
    assert_int_equal(p.seq, 0xFFFFFFF0); /* case 10: any number is echoed */
    assert_true(str_eq_c(p.message_id.message_id, "m1"));
    assert_int_equal(deliver(1), ERR_BAD_STATE);
}

static void hard_39_an_empty_destination_is_told_as_it_is(void **state)
{
    (void)state;
    bind_as(SMPP_BIND_TRANSMITTER);
    says(SMPP_SUBMIT_SM, 0, 2, SM_NO_DEST);
    hears(SMPP_SUBMIT_SM_RESP, 0, 2); /* the owner decides; the session reads it and lives */
    assert_int_equal(b->submits, 1);
}

static void a_malformed_submit_gets_its_status(void **state)
{
    (void)state;
    bind_as(SMPP_BIND_TRANSMITTER);
    says(SMPP_SUBMIT_SM, 0, 2, "00 0000 'ABCDEFGHIJKLMNOPQRSTUVW' 00");
    assert_int_not_equal(next_sent().status, 0);
    says(SMPP_SUBMIT_SM, 0, 3, SM_BODY "0424 0002 'ho'");
    hears(SMPP_SUBMIT_SM_RESP, SMPP_ROPTPARNOTALLWD, 3);
    assert_int_equal(b->submits, 0);
    assert_int_equal(b->closed, 0);
    assert_int_equal(b->account.bad_requests, 2);
}

static void what_is_not_offered_says_so(void **state)
{
    (void)state;
    bind_as(SMPP_BIND_TRANSCEIVER);
    says(SMPP_QUERY_SM, 0, 2, "'1' 00 0000 00");
    hears(SMPP_QUERY_SM_RESP, SMPP_RQUERYFAIL, 2);
    says(SMPP_CANCEL_SM, 0, 3, "00 '1' 00 0000 00 0000 00");
    hears(SMPP_CANCEL_SM_RESP, SMPP_RCANCELFAIL, 3);
    says(SMPP_REPLACE_SM, 0, 4, "'1' 00 0000 00 00 00 00 00 00");
    hears(SMPP_REPLACE_SM_RESP, SMPP_RREPLACEFAIL, 4);
    says(SMPP_BROADCAST_SM, 0, 6, "00"); /* whatever its body */
    hears(SMPP_GENERIC_NACK, SMPP_RINVCMDID, 6);
}

/* ---- flow ------------------------------------------------------------------------------------ */

static void hard_26_the_second_part_over_the_rate_is_0x58(void **state)
{
    (void)state;
    rate_init(&b->account.rate, 1, 1, b->now);
    bind_as(SMPP_BIND_TRANSMITTER);
    says(SMPP_SUBMIT_SM, 0, 2, SM_BODY);
    hears(SMPP_SUBMIT_SM_RESP, 0, 2);
    says(SMPP_SUBMIT_SM, 0, 3, SM_BODY);
    hears(SMPP_SUBMIT_SM_RESP, SMPP_RTHROTTLED, 3);
    advance(1000); /* the same part again, a second later */
    says(SMPP_SUBMIT_SM, 0, 4, SM_BODY);
    hears(SMPP_SUBMIT_SM_RESP, 0, 4);
    assert_int_equal(b->submits, 2);
}

static void over_the_queue_is_0x14(void **state)
{
    (void)state;
    b->keep_submits = true;
    b->account.queue_max = 2;
    bind_as(SMPP_BIND_TRANSMITTER);
    for (uint32_t seq = 2; seq < 5; seq++)
        says(SMPP_SUBMIT_SM, 0, seq, SM_BODY);
    hears(SMPP_SUBMIT_SM_RESP, SMPP_RMSGQFUL, 4);
    assert_int_equal(b->account.queued, 2);
    smsc_respond(&b->s, SMPP_SUBMIT_SM, 2, 0, STR("m1"));
    assert_int_equal(b->account.queued, 1);
    smsc_lost(&b->s);
    assert_int_equal(b->account.queued, 0);
    smsc_respond(&b->s, SMPP_SUBMIT_SM, 3, 0, STR("m1")); /* after the end: nothing */
}

static void hard_37_a_store_behind_sheds_submits_and_keeps_the_link(void **state)
{
    (void)state;
    bind_as(SMPP_BIND_TRANSCEIVER);
    b->account.behind = true;
    for (uint32_t i = 0; i < 60; i++) { /* a minute */
        advance(1000);
        says(SMPP_SUBMIT_SM, 0, 2 * i + 2, SM_BODY);
        hears(SMPP_SUBMIT_SM_RESP, SMPP_RMSGQFUL, 2 * i + 2);
        says(SMPP_ENQUIRE_LINK, 0, 2 * i + 3, "");
        hears(SMPP_ENQUIRE_LINK_RESP, 0, 2 * i + 3);
    }
    assert_int_equal(b->account.queued, 0);
    b->account.behind = false;
    says(SMPP_SUBMIT_SM, 0, 999, SM_BODY);
    hears(SMPP_SUBMIT_SM_RESP, 0, 999);
}

static void hard_20_link_checks_go_ahead_of_deliveries(void **state)
{
    (void)state;
    bind_as(SMPP_BIND_TRANSCEIVER);
    for (uint64_t tag = 1; tag <= 4; tag++)
        assert_int_equal(deliver(tag), 0);
    assert_int_equal(deliver(5), ERR_BUSY);
    says(SMPP_ENQUIRE_LINK, 0, 77, "");
    hears(SMPP_ENQUIRE_LINK_RESP, 0, 77);
    hears(SMPP_DELIVER_SM, 0, 1);
}

static void hard_20_a_flood_of_link_checks_ends_unread(void **state)
{
    uint8_t one[PDU_HEADER];
    unsigned n = 0;

    (void)state;
    bind_as(SMPP_BIND_TRANSCEIVER);
    (void)make_pdu(one, sizeof one, SMPP_ENQUIRE_LINK, 0, 1, "");
    for (; b->closed == 0 && n < 20000; n++)
        (void)smsc_feed(&b->s, one, sizeof one, b->now);
    assert_int_equal(b->why, SMSC_END_FLOODED);
    assert_in_range(b->s.wire.urgent.len, 1, 256 * 1024);
}

static void hard_19_a_silent_esme_is_dead_in_interval_and_timer(void **state)
{
    (void)state;
    bind_as(SMPP_BIND_TRANSCEIVER);
    assert_int_equal(deliver(1), 0);
    advance(60000);
    assert_int_equal(b->unknown, 1);
    hears(SMPP_ENQUIRE_LINK, 0, 2);
    hears(SMPP_DELIVER_SM, 0, 1);
    advance(9999);
    assert_int_equal(b->closed, 0);
    advance(1);
    assert_int_equal(b->why, SMSC_END_DEAD);
}

static void a_delivery_is_told_once_and_late_once(void **state)
{
    uint32_t seq;

    (void)state;
    bind_as(SMPP_BIND_RECEIVER);
    assert_int_equal(deliver(1), 0);
    seq = next_sent().seq;
    says(SMPP_DELIVER_SM_RESP, 0, seq, "00");
    says(SMPP_DELIVER_SM_RESP, 0, seq, "00");
    assert_int_equal(b->done, 1);
    assert_int_equal(b->s.stats.unknown_responses, 1);
    assert_int_equal(deliver(2), 0);
    seq = next_sent().seq;
    advance(10000);
    assert_int_equal(b->unknown, 1);
    says(SMPP_GENERIC_NACK, 0, seq, "");
    assert_int_equal(b->done, 2);
    assert_true(b->done_late);
    assert_int_equal(b->done_status, SMPP_RUNKNOWNERR);
}

/* ---- leaving --------------------------------------------------------------------------------- */

static void hard_21_the_esme_unbinds_with_a_full_window(void **state)
{
    (void)state;
    bind_as(SMPP_BIND_TRANSCEIVER);
    for (uint64_t tag = 1; tag <= 4; tag++)
        assert_int_equal(deliver(tag), 0);
    says(SMPP_UNBIND, 0, 50, "");
    hears(SMPP_UNBIND_RESP, 0, 50);
    assert_int_equal(b->unknown, 4);
    assert_int_equal(b->why, SMSC_END_PEER_UNBOUND);
}

static void hard_21_unbind_resp_never_comes(void **state)
{
    (void)state;
    bind_as(SMPP_BIND_TRANSCEIVER);
    assert_int_equal(deliver(1), 0);
    hears(SMPP_DELIVER_SM, 0, 1);
    smsc_unbind(&b->s, b->now);
    hears_nothing_more(); /* one is in flight */
    assert_int_equal(deliver(2), ERR_BAD_STATE);
    says(SMPP_SUBMIT_SM, 0, 9, SM_BODY); /* still answered */
    hears(SMPP_SUBMIT_SM_RESP, 0, 9);
    says(SMPP_DELIVER_SM_RESP, 0, 1, "00");
    hears(SMPP_UNBIND, 0, 2);
    advance(5000);
    assert_int_equal(b->why, SMSC_END_UNBOUND);
}

static void an_outbind_is_followed_by_a_bind(void **state)
{
    struct err e;
    struct pdu p;

    (void)state;
    assert_int_equal(smsc_outbind(&b->s, STR("coko"), STR("pw"), &e), 0);
    p = next_sent();
    assert_int_equal(p.id, SMPP_OUTBIND);
    assert_true(str_eq_c(p.outbind.system_id, "coko"));
    bind_as(SMPP_BIND_RECEIVER);
    assert_int_equal(deliver(1), 0);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void hard_1_split_at_every_byte(void **state)
{
    uint8_t bytes[512];
    size_t n = make_pdu(bytes, sizeof bytes, SMPP_BIND_TRANSCEIVER, 0, 1, BIND_BODY);

    (void)state;
    n += make_pdu(bytes + n, sizeof bytes - n, SMPP_SUBMIT_SM, 0, 2, SM_BODY);
    n += make_pdu(bytes + n, sizeof bytes - n, SMPP_UNBIND, 0, 3, "");
    for (size_t cut = 1; cut < n; cut++) {
        size_t used = smsc_feed(&b->s, bytes, cut, b->now);

        used += smsc_feed(&b->s, bytes + used, n - used, b->now);
        assert_int_equal(used, n);
        hears(SMPP_BIND_TRANSCEIVER_RESP, 0, 1);
        hears(SMPP_SUBMIT_SM_RESP, 0, 2);
        hears(SMPP_UNBIND_RESP, 0, 3);
        assert_int_equal(b->why, SMSC_END_PEER_UNBOUND);
        smsc_fini(&b->s);
        start();
    }
}

static void hard_2_a_bad_length_is_nacked_and_ends(void **state)
{
    static const char *const lengths[] = {"00000000", "0000000F", "7FFFFFFF", "FFFFFFFF"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        uint8_t bytes[4];

        bind_as(SMPP_BIND_TRANSCEIVER);
        (void)smsc_feed(&b->s, bytes, from_hex(lengths[i], bytes, sizeof bytes), b->now);
        hears(SMPP_GENERIC_NACK, SMPP_RINVCMDLEN, 0);
        assert_int_equal(b->why, SMSC_END_BAD_LENGTH);
        smsc_fini(&b->s);
        start();
    }
}

static void hard_24_one_byte_a_second_is_too_slow(void **state)
{
    uint8_t bytes[128];

    (void)state;
    bind_as(SMPP_BIND_TRANSCEIVER);
    (void)make_pdu(bytes, sizeof bytes, SMPP_SUBMIT_SM, 0, 2, SM_BODY);
    for (size_t n = 1; n <= 10; n++) {
        assert_int_equal(smsc_feed(&b->s, bytes, n, b->now), 0);
        advance(1000);
    }
    assert_int_equal(b->why, SMSC_END_SLOW);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_version_answered_is_the_lower_one),
        T(an_esme_of_3_3_is_given_no_tlvs),
        T(a_bind_may_be_answered_later),
        T(a_bind_we_never_answer_ends_with_0x08),
        T(hard_25_a_stranger_has_ten_seconds_and_4_kb),
        T(hard_25_a_second_bind_is_refused_0x05),
        T(before_a_bind_all_is_0x04),
        T(a_receiver_may_not_submit),
        T(a_submit_is_answered_with_our_id),
        T(hard_39_an_empty_destination_is_told_as_it_is),
        T(a_malformed_submit_gets_its_status),
        T(what_is_not_offered_says_so),
        T(hard_26_the_second_part_over_the_rate_is_0x58),
        T(over_the_queue_is_0x14),
        T(hard_37_a_store_behind_sheds_submits_and_keeps_the_link),
        T(hard_20_link_checks_go_ahead_of_deliveries),
        T(hard_20_a_flood_of_link_checks_ends_unread),
        T(hard_19_a_silent_esme_is_dead_in_interval_and_timer),
        T(a_delivery_is_told_once_and_late_once),
        T(hard_21_the_esme_unbinds_with_a_full_window),
        T(hard_21_unbind_resp_never_comes),
        T(an_outbind_is_followed_by_a_bind),
        T(hard_1_split_at_every_byte),
        T(hard_2_a_bad_length_is_nacked_and_ends),
        T(hard_24_one_byte_a_second_is_too_slow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
