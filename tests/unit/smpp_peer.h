/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the session's tests: a session, what it told and what it sent, a scripted peer (peer_says)
 * and a clock that only advance() moves. One program has one bench, `b`.
 */
#ifndef COKO_TESTS_SMPP_PEER_H
#define COKO_TESTS_SMPP_PEER_H

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

static inline void on_bound(void *ctx, const struct pdu *resp)
{
    (void)resp;
    ((struct bench *)ctx)->bound++;
}

static inline void on_bind_failed(void *ctx, uint32_t status)
{
    ((struct bench *)ctx)->bind_status = status;
}

static inline void on_done(void *ctx, uint64_t tag, uint32_t status, struct str id, bool late)
{
    struct bench *t = ctx;

    if (late)
        t->late[tag]++;
    else
        t->done[tag]++;
    t->status[tag] = status;
    (void)!str_to_c(id, t->last_id, sizeof t->last_id);
}

static inline void on_throttled(void *ctx, uint64_t tag)
{
    ((struct bench *)ctx)->throttled[tag]++;
}

static inline void on_unknown(void *ctx, uint64_t tag)
{
    ((struct bench *)ctx)->unknown[tag]++;
}

static inline void on_deliver(void *ctx, const struct pdu *p)
{
    struct bench *t = ctx;

    t->delivers++;
    t->deliver_seq = p->seq;
    t->deliver_id = p->id;
    if (t->answer_delivers)
        session_respond(&t->s, p->id, p->seq, 0);
}

static inline void on_alert(void *ctx, const struct pdu *p)
{
    (void)p;
    ((struct bench *)ctx)->alerts++;
}

static inline void on_ready(void *ctx)
{
    ((struct bench *)ctx)->ready++;
}

static inline void on_closed(void *ctx, enum session_end why)
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

static inline struct session_config plain_config(void)
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

static inline void collect(void)
{
    assert_true(session_take(&b->s, &b->sent, true));
}

/* The next PDU that the session sent; fails when there is none. */
static inline struct pdu next_sent(void)
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

static inline void sent_nothing_more(void)
{
    collect();
    assert_int_equal(b->sent.len, b->read_at);
}

static inline void peer_says(uint32_t id, uint32_t status, uint32_t seq, const char *body)
{
    static uint8_t bytes[PDU_MAX];
    size_t n = make_pdu(bytes, sizeof bytes, id, status, seq, body);

    assert_int_equal(session_feed(&b->s, bytes, n, 0, b->now), n);
}

static inline void advance(int64_t ms)
{
    int64_t end = b->now + ms, at;

    while ((at = session_deadline(&b->s, b->now)) <= end) {
        b->now = MAX(at, b->now);
        session_tick(&b->s, b->now);
        assert_true(session_deadline(&b->s, b->now) > b->now); /* never spins */
    }
    b->now = end;
}

static inline void open_with(const struct session_config *c)
{
    struct err e;

    session_init(&b->s, c, &events, b, b->now);
    assert_int_equal(session_bind(&b->s, b->now, &e), 0);
}

static inline void bind_with(const struct session_config *c)
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

static inline void bind_plain(void)
{
    struct session_config c = plain_config();

    bind_with(&c);
}

static inline int submit_with(uint64_t tag, const struct smpp_tlv *tlvs, size_t count)
{
    struct smpp_submit m = {.sm =
                                {
                                    .service_type = STR_EMPTY,
                                    .source = STR("Coko"),
                                    .dest = STR("221770000001"),
                                    .schedule = STR_EMPTY,
                                    .validity = STR_EMPTY,
                                    .message = STR("page"),
                                },
                            .tlvs = tlvs,
                            .tlv_count = count};
    struct err e;

    return session_submit(&b->s, &m, tag, b->now, &e) == 0 ? 0 : (int)e.code;
}

static inline int submit(uint64_t tag)
{
    return submit_with(tag, NULL, 0);
}

static inline uint32_t submit_seq(uint64_t tag)
{
    struct pdu p;

    assert_int_equal(submit(tag), 0);
    p = next_sent();
    assert_int_equal(p.id, SMPP_SUBMIT_SM);
    return p.seq;
}

static inline int setup(void **state)
{
    (void)state;
    b = calloc(1, sizeof *b);
    b->now = 1000;
    b->answer_delivers = true;
    buf_init(&b->sent, 64u << 20);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    session_fini(&b->s);
    buf_fini(&b->sent);
    free(b);
    return 0;
}

#endif
