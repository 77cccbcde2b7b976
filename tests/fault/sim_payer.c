/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payers, and what the rail tells of them by itself. A payer approves, refuses, lets the prompt lapse,
 * approves what has lapsed, or pays another amount, in his own time. The rail tells it by a callback:
 * lost, late, copied, repeated until it is thanked for; and somebody else may tell what is not true.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/crypto.h"
#include "tests/fault/sim_rail.h"

#define HEARD_MAX 2048

/* A body that we were thanked for. */
static struct {
    char sha256[65];
    unsigned acks;
} heard[HEARD_MAX];
static size_t nheard;
static uint64_t next_txn;

enum act { APPROVE, APPROVE_OTHER, REFUSE, NO_FUNDS, LAPSE, APPROVE_LATE };

/* What a payer will do. */
struct intent {
    struct account *account;
    enum act act;
};

/* A callback under way. */
struct told {
    struct account *account; /* NULL: somebody else's */
    char path[200], body[1024];
    unsigned tries;
};

void sim_payers_clear(void)
{
    nheard = 0;
    next_txn = sim.play * 1000;
}

json_t *sim_payers_heard(void)
{
    json_t *all = json_array();

    for (size_t i = 0; i < nheard; i++)
        json_array_append_new(
            all, json_pack("{s:s,s:i}", "sha256", heard[i].sha256, "acks", (int)heard[i].acks));
    return all;
}

/* ---- callbacks ---- */

static void note_heard(const char *body)
{
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct buf hex;
    char text[65] = "";

    crypto_sha256(str_c(body), digest);
    buf_init_fixed(&hex, text, 64);
    hex_encode(&hex, digest, sizeof digest);
    for (size_t i = 0; i < nheard; i++) {
        if (memcmp(heard[i].sha256, text, 64) == 0) {
            heard[i].acks++;
            return;
        }
    }
    assert(nheard < HEARD_MAX);
    memcpy(heard[nheard].sha256, text, 65);
    heard[nheard++].acks = 1;
}

static void tell(struct told *t, int64_t at);

static void on_thanked(void *arg, int status)
{
    static const int64_t pauses[] = {2 * SIM_SECOND, SIM_MINUTE, 20 * SIM_MINUTE};
    struct told *t = arg;

    if (status == 200 && !sim.over)
        note_heard(t->body);
    else if (status == 404 && t->account && !sim.over)
        sim_violation("I6", "the rail's own callback was answered 404");
    if (status != 200 && t->account && t->tries < ARRAY_LEN(pauses) && !sim.over) {
        tell(t, sim.now + pauses[t->tries++]);
        return;
    }
    free(t);
}

static void on_tell(void *arg)
{
    struct told *t = arg;

    if (sim.over) {
        free(t);
        return;
    }
    sim_callback(sim_chance(500) ? "PUT" : "POST", t->path, t->body, on_thanked, t);
}

static void tell(struct told *t, int64_t at)
{
    sim_at(at, SIM_WORLD, on_tell, t);
}

static struct told *told_new(struct account *a, const char *path)
{
    struct told *t = calloc(1, sizeof *t);

    if (!t)
        abort();
    t->account = a;
    snprintf(t->path, sizeof t->path, "%s", path);
    return t;
}

static void announce(struct account *a)
{
    unsigned copies = sim_fault(FAULT_CALLBACK) ? (unsigned)sim_below(5) : 1;

    if (!*a->callback)
        return;
    for (unsigned i = 0; i < copies; i++) {
        struct told *t = told_new(a, a->callback);
        bool late = sim_fault(FAULT_CALLBACK);

        sim_rail_write(sim_rail_view(a), t->body, sizeof t->body);
        tell(t, sim.now + (late ? sim_span(SIM_MINUTE, 3 * SIM_HOUR) : sim_span(0, SIM_SECOND)));
    }
}

/* Somebody who knows the address, or guesses at it. */
static void forge(const struct account *a)
{
    struct told *t = told_new(NULL, a->callback);
    json_t *o;

    switch (sim_below(4)) {
    case 0: /* of a charge that waits */
    case 1: {
        struct account rich = *a;

        rich.status = SUCCESSFUL;
        rich.debited = a->amount;
        snprintf(rich.txn, sizeof rich.txn, "forged");
        sim_rail_write(sim_rail_view(&rich), t->body, sizeof t->body);
        break;
    }
    case 2:
        o = json_pack("{s:s,s:s,s:I}", "externalId", "11111111-2222-4333-8444-555555555555",
                      "status", "SUCCESSFUL", "amount", (json_int_t)sim.play);
        sim_rail_write(o, t->body, sizeof t->body);
        break;
    default:
        snprintf(t->path, sizeof t->path, "mtn_momo/guess-%llu", (unsigned long long)sim_below(99));
        snprintf(t->body, sizeof t->body, "{\"externalId\":");
    }
    tell(t, sim.now + sim_span(0, 5 * SIM_MINUTE));
}

/* ---- payers ---- */

static void approve(struct account *a, int64_t amount)
{
    a->status = SUCCESSFUL;
    a->debits++;
    a->debited = amount;
    snprintf(a->txn, sizeof a->txn, "T%llu", (unsigned long long)next_txn++);
    announce(a);
}

static void end(struct account *a, const char *reason)
{
    a->status = FAILED;
    a->reason = reason;
    announce(a);
}

static void on_intent(void *arg)
{
    struct intent *n = arg;
    struct account *a = n->account;
    bool waits = a->status == PENDING;

    if (!sim.over) {
        sim_say("payer of %s: act %d", a->ref, (int)n->act);
        switch (n->act) {
        case APPROVE:
            if (waits)
                approve(a, a->amount);
            break;
        case APPROVE_OTHER:
            if (waits)
                approve(a, a->amount + 1 + (int64_t)sim_below(400));
            break;
        case REFUSE:
            if (waits)
                end(a, sim_chance(500) ? "APPROVAL_REJECTED" : "PAYMENT_NOT_APPROVED");
            break;
        case NO_FUNDS:
            if (waits)
                end(a, "NOT_ENOUGH_FUNDS");
            break;
        case LAPSE:
            if (waits)
                end(a, sim_chance(500) ? "EXPIRED" : "COULD_NOT_PERFORM_TRANSACTION");
            break;
        case APPROVE_LATE:
            if (a->status != SUCCESSFUL)
                approve(a, a->amount);
            break;
        }
    }
    free(n);
}

static void intend(struct account *a, enum act act, int64_t in)
{
    struct intent *n = malloc(sizeof *n);

    if (!n)
        abort();
    *n = (struct intent){.account = a, .act = act};
    sim_at(sim.now + in, SIM_WORLD, on_intent, n);
}

void sim_payer_asked(struct account *a)
{
    unsigned dice = (unsigned)sim_below(100);

    if (dice < 52) {
        intend(a, APPROVE, sim_span(0, 90 * SIM_SECOND));
    } else if (dice < 64) {
        intend(a, REFUSE, sim_span(SIM_SECOND, SIM_MINUTE));
    } else if (dice < 72) {
        intend(a, NO_FUNDS, sim_span(0, 5 * SIM_SECOND));
    } else if (dice < 82) {
        intend(a, LAPSE, 5 * SIM_MINUTE);
    } else if (dice < 91) {
        intend(a, LAPSE, 5 * SIM_MINUTE);
        intend(a, APPROVE_LATE, sim_span(6 * SIM_MINUTE, 20 * SIM_HOUR));
    } else if (dice < 93) {
        intend(a, APPROVE_OTHER, sim_span(SIM_SECOND, SIM_MINUTE));
    } else {
        int64_t in = sim_chance(700) ? sim_span(5 * SIM_MINUTE, 2 * SIM_HOUR)
                                     : sim_span(20 * SIM_HOUR, 27 * SIM_HOUR);

        intend(a, sim_chance(600) ? APPROVE : LAPSE, in);
    }
    while (sim_fault(FAULT_FORGED))
        forge(a);
}
