/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ESME that says anything, cut anywhere, to our SMSC side. The input is a script: one octet
 * chooses what happens (bytes arrive, time passes, an answer of ours, a delivery), the next says
 * how much. At the end each delivery must have been reported exactly once, the account must be
 * empty again, and all sent bytes must be whole PDUs.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "smpp/smsc_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TAGS 1024

struct script {
    struct smsc_session s;
    struct smsc_account account;
    const uint8_t *at;
    size_t left;
    int64_t now;
    uint64_t tags;
    uint8_t reported[TAGS];
    struct buf in, out;
    unsigned closed, pending;
    uint32_t pending_id[64], pending_seq[64];
};

static void on_bind(void *ctx, const struct pdu *p)
{
    struct script *t = ctx;

    if (p->bind.password.n % 8 == 7)
        smsc_refuse(&t->s, SMPP_RINVPASWD);
    else if (p->bind.password.n % 8 != 6)
        smsc_accept(&t->s, &t->account, t->now);
}

static void on_told(void *ctx, const struct pdu *p)
{
    struct script *t = ctx;

    assert(t->pending < 64); /* account.queue_max keeps it so */
    t->pending_id[t->pending] = p->id;
    t->pending_seq[t->pending++] = p->seq;
}

static void on_done(void *ctx, uint64_t tag, uint32_t status, bool late)
{
    struct script *t = ctx;

    (void)status;
    assert(tag < t->tags && (late || t->reported[tag]++ == 0));
}

static void on_unknown(void *ctx, uint64_t tag, bool ended)
{
    (void)ended;
    assert(((struct script *)ctx)->reported[tag]++ == 0);
}

static void on_closed(void *ctx, enum smsc_end why)
{
    assert(why != SMSC_END_NONE);
    assert(((struct script *)ctx)->closed++ == 0);
}

static const struct smsc_events events = {
    .bind = on_bind,
    .submit = on_told,
    .manage = on_told,
    .deliver_done = on_done,
    .unknown = on_unknown,
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
    n = MIN(n, t->left);
    buf_add(&t->in, t->at, n);
    t->at += n;
    t->left -= n;
    buf_consume(&t->in, smsc_feed(&t->s, (const uint8_t *)t->in.p, t->in.len, t->now));
}

static void deliver(struct script *t)
{
    struct err e;
    struct pdu p;

    pdu_start(&p, SMPP_DELIVER_SM, 0, 0);
    if (t->tags < TAGS && smsc_deliver(&t->s, &p.sm, NULL, 0, t->tags, t->now, &e) == 0)
        t->tags++;
}

static void step(struct script *t)
{
    switch (next(t) % 6) {
    case 0:
    case 1: bytes_arrive(t, (size_t)next(t) + 1); break;
    case 2:
        t->now += (int64_t)next(t) * 100;
        smsc_tick(&t->s, t->now);
        break;
    case 3: deliver(t); break;
    case 4:
        if (t->pending > 0) {
            t->pending--;
            smsc_respond(&t->s, t->pending_id[t->pending], t->pending_seq[t->pending], next(t),
                         STR("id"));
        }
        break;
    default:
        t->account.behind = next(t) & 1;
        if (next(t) == 0xEE)
            smsc_unbind(&t->s, t->now);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script *t = calloc(1, sizeof *t);
    struct smsc_config config = {.system_id = STR("coko"), .window = 8};
    size_t n;

    if (t == NULL)
        abort();
    t->at = data;
    t->left = size;
    t->now = 1000;
    t->account.queue_max = 30;
    rate_init(&t->account.rate, 50, 0, t->now);
    buf_init(&t->in, 1u << 20);
    buf_init(&t->out, 8u << 20);
    smsc_init(&t->s, &config, &events, t, t->now);
    while (t->left > 0 && t->closed == 0) {
        step(t);
        (void)smsc_deadline(&t->s);
        if (!smsc_take(&t->s, &t->out, true))
            abort();
    }
    smsc_fini(&t->s);
    assert(t->closed == 1 && t->account.queued == 0 && t->account.binds == 0);
    for (uint64_t i = 0; i < t->tags; i++)
        assert(t->reported[i] == 1);
    for (size_t at = 0; at < t->out.len; at += n)
        if (pdu_frame((const uint8_t *)t->out.p + at, t->out.len - at, PDU_MAX, &n) != PDU_READY)
            abort();
    buf_fini(&t->in);
    buf_fini(&t->out);
    free(t);
    return 0;
}
