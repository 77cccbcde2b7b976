/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer that says anything, at any time, cut anywhere. The input is a script: one octet chooses
 * what happens (bytes arrive, time passes, we submit, answer, leave), the next ones say how much.
 * At the end each accepted submit must have been reported exactly once, and all sent bytes must be
 * whole PDUs.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smpp/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TAGS 4096

struct script {
    struct session s;
    const uint8_t *at;
    size_t left;
    int64_t now;
    uint64_t tags;
    uint8_t reported[TAGS], late[TAGS];
    struct buf in, out;
    unsigned closed, pending;
    uint32_t pending_id[64], pending_seq[64];
};

static void on_done(void *ctx, uint64_t tag, uint32_t status, struct str id, bool late)
{
    struct script *t = ctx;

    (void)status, (void)id;
    if (late)
        assert(t->late[tag]++ == 0 && t->reported[tag] == 1);
    else
        assert(t->reported[tag]++ == 0);
}

static void on_tag(void *ctx, uint64_t tag)
{
    assert(((struct script *)ctx)->reported[tag]++ == 0);
}

static void on_deliver(void *ctx, const struct pdu *p)
{
    struct script *t = ctx;

    if (t->pending == 64) {
        session_respond(&t->s, p->id, p->seq, 0);
        return;
    }
    t->pending_id[t->pending] = p->id;
    t->pending_seq[t->pending++] = p->seq;
}

static void on_closed(void *ctx, enum session_end why)
{
    assert(why != SESSION_END_NONE);
    assert(((struct script *)ctx)->closed++ == 0);
}

static const struct session_events events = {
    .submit_done = on_done,
    .throttled = on_tag,
    .unknown = on_tag,
    .deliver = on_deliver,
    .closed = on_closed,
};

static uint8_t next(struct script *t)
{
    if (t->left == 0)
        return 0;
    t->left--;
    return *t->at++;
}

static void bytes_arrive(struct script *t, size_t n)
{
    size_t used;

    n = MIN(n, t->left);
    buf_add(&t->in, t->at, n);
    t->at += n;
    t->left -= n;
    used = session_feed(&t->s, (const uint8_t *)t->in.p, t->in.len, 0, t->now);
    buf_consume(&t->in, used);
}

/* A well-formed response to what is in flight: the fuzzer need not find sequence numbers. */
static void answer_arrives(struct script *t, uint8_t status, uint8_t back)
{
    struct buf out;

    buf_init(&out, 64);
    pdu_encode_header(&out, SMPP_SUBMIT_SM_RESP, status & 1 ? SMPP_RTHROTTLED : status,
                      t->s.window.next_seq - 1 - back % 16);
    if (t->in.len == 0)
        (void)session_feed(&t->s, (const uint8_t *)out.p, out.len, 0, t->now);
    buf_fini(&out);
}

static void submit(struct script *t)
{
    struct smpp_submit m = {.sm = {.message = STR("page"),
                                   .service_type = STR_EMPTY,
                                   .schedule = STR_EMPTY,
                                   .validity = STR_EMPTY,
                                   .source = STR_EMPTY,
                                   .dest = STR("221770000001")}};
    struct err e;

    if (t->tags < TAGS && session_submit(&t->s, &m, t->tags, t->now, &e) == 0)
        t->tags++;
}

static void step(struct script *t)
{
    switch (next(t) % 8) {
    case 0:
    case 1: bytes_arrive(t, (size_t)next(t) + 1); break;
    case 2:
        t->now += (int64_t)next(t) * 100;
        session_tick(&t->s, t->now);
        break;
    case 3:
        for (unsigned n = next(t) % 32; n > 0; n--)
            submit(t);
        break;
    case 4:
        if (t->pending > 0) {
            t->pending--;
            session_respond(&t->s, t->pending_id[t->pending], t->pending_seq[t->pending], 0);
        }
        break;
    case 5: answer_arrives(t, next(t), next(t)); break;
    case 6: bytes_arrive(t, 16 + next(t) % 64); break;
    default:
        if (next(t) == 0xEE)
            session_unbind(&t->s, t->now);
    }
}

static void sent_whole_pdus(struct script *t)
{
    size_t at = 0, n;

    while (at < t->out.len) {
        assert(pdu_frame((const uint8_t *)t->out.p + at, t->out.len - at, PDU_MAX, &n) ==
               PDU_READY);
        at += n;
    }
}

static void bind(struct script *t)
{
    struct session_config config = {
        .system_id = STR("coko"), .password = STR("secret"), .window = 16};
    struct err e;

    session_init(&t->s, &config, &events, t, t->now);
    if (session_bind(&t->s, t->now, &e) != 0)
        abort();
    if (next(t) & 1) {
        struct buf out;

        buf_init(&out, 64);
        pdu_encode_header(&out, SMPP_BIND_TRANSCEIVER_RESP, 0, 1);
        (void)session_feed(&t->s, (const uint8_t *)out.p, out.len, 0, t->now);
        buf_fini(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script *t = calloc(1, sizeof *t);

    if (t == NULL)
        abort();
    t->at = data;
    t->left = size;
    t->now = 1000;
    buf_init(&t->in, 1u << 20);
    buf_init(&t->out, 8u << 20);
    bind(t);
    while (t->left > 0 && t->closed == 0) {
        step(t);
        (void)session_deadline(&t->s, t->now);
        if (!session_take(&t->s, &t->out, true))
            abort();
    }
    session_fini(&t->s);
    assert(t->closed == 1);
    for (uint64_t i = 0; i < t->tags; i++)
        assert(t->reported[i] == 1);
    sent_whole_pdus(t);
    buf_fini(&t->in);
    buf_fini(&t->out);
    free(t);
    return 0;
}
