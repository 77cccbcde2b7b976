/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session against a scripted peer and a virtual clock: every state, every timer, and the hard cases
 * 1, 2, 6-10, 16, 17, 20, 21 as far as one connection goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "smpp/session.h"
#include "tests/unit/smpp_bytes.h"

#define TAGS 5000

/* The session, what it told, and what it sent. */
struct bench {
    struct session s;
    int64_t now;
    struct buf sent;
    size_t read_at; /* of sent: next PDU for next_sent */
    unsigned bound, ready, delivers, alerts, closed;
    uint32_t bind_status, deliver_seq, deliver_id;
    enum session_end why;
    unsigned done[TAGS], throttled[TAGS], unknown[TAGS], late[TAGS];
    uint32_t status[TAGS];
    char last_id[128];
    bool answer_delivers;
};

static struct bench *b;

static void on_bound(void *ctx, const struct pdu *resp)
{
    (void)resp;
    ((struct bench *)ctx)->bound++;
}

static void on_bind_failed(void *ctx, uint32_t status)
{
    ((struct bench *)ctx)->bind_status = status;
}

static void on_done(void *ctx, uint64_t tag, uint32_t status, struct str id, bool late)
{
    struct bench *t = ctx;

    if (late)
        t->late[tag]++;
    else
        t->done[tag]++;
    t->status[tag] = status;
    (void)!str_to_c(id, t->last_id, sizeof t->last_id);
}

static void on_throttled(void *ctx, uint64_t tag)
{
    ((struct bench *)ctx)->throttled[tag]++;
}

static void on_unknown(void *ctx, uint64_t tag)
{
    ((struct bench *)ctx)->unknown[tag]++;
}

static void on_deliver(void *ctx, const struct pdu *p)
{
    struct bench *t = ctx;

    t->delivers++;
    t->deliver_seq = p->seq;
    t->deliver_id = p->id;
    if (t->answer_delivers)
        session_respond(&t->s, p->id, p->seq, 0);
}

static void on_alert(void *ctx, const struct pdu *p)
{
    (void)p;
    ((struct bench *)ctx)->alerts++;
}

static void on_ready(void *ctx)
{
    ((struct bench *)ctx)->ready++;
}

static void on_closed(void *ctx, enum session_end why)
{
    struct bench *t = ctx;

    t->closed++;
    t->why = why;
}

static const struct session_events events = {
    .bound = on_bound,
    .bind_failed = on_bind_failed,
    .submit_done = on_done,
    .throttled = on_throttled,
    .unknown = on_unknown,
    .deliver = on_deliver,
    .alert = on_alert,
    .ready = on_ready,
    .closed = on_closed,
};

static struct session_config plain_config(void)
{
    return (struct session_config){
        .system_id = STR("coko"),
        .password = STR("secret"),
        .window = 100,
        .response_ms = 10000,
        .enquire_ms = 30000,
        .enquire_timeout_ms = 10000,
    };
}

static void collect(void)
{
    assert_true(session_take(&b->s, &b->sent, true));
}

/* The next PDU that the session sent; fails when there is none. */
static struct pdu next_sent(void)
{
    const uint8_t *at = (const uint8_t *)b->sent.p + b->read_at;
    struct pdu p;
    struct err e;
    size_t n;

    collect();
    at = (const uint8_t *)b->sent.p + b->read_at;
    assert_int_equal(pdu_frame(at, b->sent.len - b->read_at, PDU_MAX, &n), PDU_READY);
    assert_int_equal(pdu_decode(at, n, &p, &e), 0);
    b->read_at += n;
    return p;
}

static void sent_nothing_more(void)
{
    collect();
    assert_int_equal(b->sent.len, b->read_at);
}

static void peer_says(uint32_t id, uint32_t status, uint32_t seq, const char *body)
{
    static uint8_t bytes[PDU_MAX];
    size_t n = make_pdu(bytes, sizeof bytes, id, status, seq, body);

    assert_int_equal(session_feed(&b->s, bytes, n, 0, b->now), n);
}

static void advance(int64_t ms)
{
    int64_t end = b->now + ms, at;

    while ((at = session_deadline(&b->s, b->now)) <= end) {
        b->now = MAX(at, b->now);
        session_tick(&b->s, b->now);
        assert_true(session_deadline(&b->s, b->now) > b->now); /* never spins */
    }
    b->now = end;
}

static void open_with(const struct session_config *c)
{
    struct err e;

    session_init(&b->s, c, &events, b, b->now);
    assert_int_equal(session_bind(&b->s, b->now, &e), 0);
}

static void bind_with(const struct session_config *c)
{
    struct pdu p;

    open_with(c);
    p = next_sent();
    assert_int_equal(p.id, SMPP_BIND_TRANSCEIVER);
    assert_int_equal(p.bind.interface_version, 0x34);
    assert_true(str_eq_c(p.bind.password, "secret"));
    peer_says(SMPP_BIND_TRANSCEIVER_RESP, 0, p.seq, "'SMSC' 00 0210 0001 34");
    assert_int_equal(b->bound, 1);
    assert_int_equal(b->s.state, SESSION_BOUND_TRX);
    assert_int_equal(b->s.peer_version, 0x34);
}

static void bind_plain(void)
{
    struct session_config c = plain_config();

    bind_with(&c);
}

static int submit(uint64_t tag)
{
    struct smpp_submit m = {.sm = {
                                .service_type = STR_EMPTY,
                                .source = STR("Coko"),
                                .dest = STR("221770000001"),
                                .schedule = STR_EMPTY,
                                .validity = STR_EMPTY,
                                .message = STR("page"),
                            }};
    struct err e;

    return session_submit(&b->s, &m, tag, b->now, &e) == 0 ? 0 : (int)e.code;
}

static uint32_t submit_seq(uint64_t tag)
{
    struct pdu p;

    assert_int_equal(submit(tag), 0);
    p = next_sent();
    assert_int_equal(p.id, SMPP_SUBMIT_SM);
    return p.seq;
}

static int setup(void **state)
{
    (void)state;
    b = calloc(1, sizeof *b);
    b->now = 1000;
    b->answer_delivers = true;
    buf_init(&b->sent, 64u << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    session_fini(&b->s);
    buf_fini(&b->sent);
    free(b);
    return 0;
}

/* ---- bind -------------------------------------------------------------------------------------- */

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

/* ---- submits ----------------------------------------------------------------------------------- */

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
        while (b->read_at < b->sent.len || b->s.urgent.len > 0)
            if (next_sent().id == SMPP_ENQUIRE_LINK)
                peer_says(SMPP_ENQUIRE_LINK_RESP, 0, b->s.enquire_seq, "");
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

/* ---- link checks ------------------------------------------------------------------------------- */

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
    assert_true(b->s.urgent.len <= 256 * 1024);
}

/* ---- requests of the peer ---------------------------------------------------------------------- */

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

/* ---- unbind ------------------------------------------------------------------------------------ */

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

/* ---- framing ----------------------------------------------------------------------------------- */

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
        T(a_refused_bind_tells_its_status),
        T(a_bind_without_answer_ends),
        T(a_nack_refuses_the_bind),
        T(hard_7_the_sequence_number_decides_not_the_command),
        T(nothing_goes_out_before_the_bind),
        T(a_submit_is_answered_with_its_id),
        T(hard_6_odd_responses_complete_the_submit),
        T(hard_8_a_late_answer_is_merged_once),
        T(hard_9_stray_nacks_fail_nothing),
        T(hard_10_the_sequence_wraps_over_a_full_window),
        T(a_slot_still_in_use_is_skipped),
        T(hard_10_the_peers_numbers_are_echoed),
        T(hard_16_throttled_on_part_4_of_7),
        T(hard_16_throttled_for_an_hour_backs_off_to_30_s),
        T(hard_17_a_lost_link_reports_each_of_100_once),
        T(the_rate_counts_parts_with_a_burst),
        T(congestion_slows_and_stops),
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
