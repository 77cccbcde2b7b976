/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of the SMSC's side: a session, what it told and what it sent, a scripted ESME (says,
 * hears) and a clock that only advance() moves. One program has one bench, `b`.
 */
#ifndef COKO_TESTS_SMSC_BENCH_H
#define COKO_TESTS_SMSC_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "smpp/smsc_session.h"
#include "tests/unit/smpp_bytes.h"

#define BIND_BODY "'shop' 00 'secret' 00 00 34 00 00 00"

struct bench {
    struct smsc_session s;
    struct smsc_account account;
    int64_t now;
    struct buf sent;
    size_t read_at;
    bool late_check; /* the bind event is not answered inside it */
    unsigned binds, submits, manages, done, unknown, closed;
    uint32_t submit_id, submit_seq, done_status;
    bool done_late, keep_submits;
    enum smsc_end why;
};

static struct bench *b;

static inline void on_bind(void *ctx, const struct pdu *p)
{
    struct bench *t = ctx;

    t->binds++;
    assert_true(str_eq_c(p->bind.system_id, "shop"));
    assert_true(str_eq_c(p->bind.password, "secret"));
    if (!t->late_check)
        smsc_accept(&t->s, &t->account, t->now);
}

static inline void on_submit(void *ctx, const struct pdu *p)
{
    struct bench *t = ctx;

    t->submits++;
    t->submit_id = p->id;
    t->submit_seq = p->seq;
    if (!t->keep_submits)
        smsc_respond(&t->s, p->id, p->seq, 0, STR("m1"));
}

static inline void on_done(void *ctx, uint64_t tag, uint32_t status, bool late)
{
    struct bench *t = ctx;

    (void)tag;
    t->done++;
    t->done_status = status;
    t->done_late = late;
}

static inline void on_unknown(void *ctx, uint64_t tag, bool ended)
{
    (void)tag, (void)ended;
    ((struct bench *)ctx)->unknown++;
}

static inline void on_closed(void *ctx, enum smsc_end why)
{
    struct bench *t = ctx;

    t->closed++;
    t->why = why;
}

static const struct smsc_events events = {
    .bind = on_bind,
    .submit = on_submit,
    .deliver_done = on_done,
    .unknown = on_unknown,
    .closed = on_closed,
};

static inline void start(void)
{
    struct smsc_config config = {.system_id = STR("coko"), .window = 4, .response_ms = 10000};

    smsc_init(&b->s, &config, &events, b, b->now);
}

static inline int setup(void **state)
{
    (void)state;
    b = calloc(1, sizeof *b);
    b->now = 1000;
    b->account.queue_max = 100;
    rate_init(&b->account.rate, 0, 0, b->now);
    buf_init(&b->sent, 1u << 20);
    start();
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    smsc_fini(&b->s);
    assert_int_equal(b->account.binds, 0);
    assert_int_equal(b->account.queued, 0);
    buf_fini(&b->sent);
    free(b);
    return 0;
}

static inline void says(uint32_t id, uint32_t status, uint32_t seq, const char *body)
{
    static uint8_t bytes[PDU_MAX];
    size_t n = make_pdu(bytes, sizeof bytes, id, status, seq, body);

    assert_int_equal(smsc_feed(&b->s, bytes, n, b->now), n);
}

static inline struct pdu next_sent(void)
{
    const uint8_t *at;
    struct pdu p;
    struct err e;
    size_t n;

    assert_true(smsc_take(&b->s, &b->sent, true));
    at = (const uint8_t *)b->sent.p + b->read_at;
    assert_int_equal(pdu_frame(at, b->sent.len - b->read_at, PDU_MAX, &n), PDU_READY);
    assert_int_equal(pdu_decode(at, n, &p, &e), 0);
    b->read_at += n;
    return p;
}

static inline void hears(uint32_t id, uint32_t status, uint32_t seq)
{
    struct pdu p = next_sent();

    assert_int_equal(p.id, id);
    assert_int_equal(p.status, status);
    assert_int_equal(p.seq, seq);
}

static inline void hears_nothing_more(void)
{
    assert_true(smsc_take(&b->s, &b->sent, true));
    assert_int_equal(b->sent.len, b->read_at);
}

static inline void bind_as(uint32_t id)
{
    says(id, 0, 1, BIND_BODY);
    hears(id | PDU_RESP, 0, 1);
    assert_true(smsc_is_bound(&b->s));
}

static inline void advance(int64_t ms)
{
    int64_t end = b->now + ms, at;

    while ((at = smsc_deadline(&b->s)) <= end) {
        b->now = MAX(at, b->now);
        smsc_tick(&b->s, b->now);
        assert_true(smsc_deadline(&b->s) > b->now); /* never spins */
    }
    b->now = end;
}

#endif
