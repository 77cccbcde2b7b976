/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The refunds of the simulation's rail, its Disbursement product: asked for under a reference, once,
 * and looked at by it.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/sim_rail.h"

#define REFUNDS_MAX 256

static struct refund {
    char ref[40];
    struct account *account;
    int64_t amount;
    enum status status;
    bool
        refused; /* a second copy of the same request hears the same: else its payer could have both */
} refunds[REFUNDS_MAX];
static size_t nrefunds;

/* ---- the rail's side ---- */

void sim_refunds_clear(void)
{
    nrefunds = 0;
}

static struct refund *find(const char *ref)
{
    for (size_t i = 0; i < nrefunds; i++) {
        if (strcmp(refunds[i].ref, ref) == 0)
            return &refunds[i];
    }
    return NULL;
}

int64_t sim_refunded(const struct account *a, bool asked)
{
    int64_t sum = 0;

    for (size_t i = 0; i < nrefunds; i++) {
        if (refunds[i].account == a &&
            (refunds[i].status == SUCCESSFUL || (asked && refunds[i].status == PENDING)))
            sum += refunds[i].amount;
    }
    return sum;
}

json_t *sim_refund_books(void)
{
    json_t *all = json_array();

    for (size_t i = 0; i < nrefunds; i++) {
        if (!refunds[i].refused)
            json_array_append_new(all, json_pack("{s:s,s:I,s:b}", "ref", refunds[i].ref, "amount",
                                                 (json_int_t)refunds[i].amount, "done",
                                                 refunds[i].status == SUCCESSFUL));
    }
    return all;
}

static void on_done(void *arg)
{
    struct refund *f = arg;

    if (!sim.over && f->status == PENDING)
        f->status = sim_chance(850) ? SUCCESSFUL : FAILED;
}

static struct refund *keep(const char *ref, struct refund f)
{
    struct refund *kept = &refunds[nrefunds++];

    assert(nrefunds <= REFUNDS_MAX);
    *kept = f;
    snprintf(kept->ref, sizeof kept->ref, "%s", ref);
    return kept;
}

static void ask(const char *ref, const char *body, struct sim_reply *rs)
{
    const struct refund *known = find(ref);
    json_t *o = json_loads(body, 0, NULL);
    const char *charge = json_string_value(json_object_get(o, "referenceIdToRefund"));
    const char *currency = json_string_value(json_object_get(o, "currency"));
    const char *amount = json_string_value(json_object_get(o, "amount"));
    struct account *a = charge ? sim_rail_find(charge) : NULL;
    int64_t minor = amount ? strtoll(amount, NULL, 10) : 0;

    if (known && known->refused) {
        sim_rail_refuse(rs, 400, "NOT_ALLOWED");
    } else if (known) {
        sim_rail_refuse(rs, 409, "RESOURCE_ALREADY_EXIST");
    } else if (!a || a->status != SUCCESSFUL || !currency || strcmp(currency, a->currency) != 0 ||
               minor > a->debited - sim_refunded(a, true) || sim_chance(50)) {
        keep(ref, (struct refund){.status = FAILED, .refused = true});
        sim_rail_refuse(rs, 400, "NOT_ALLOWED");
    } else {
        struct refund *f = keep(ref, (struct refund){.account = a, .amount = minor});

        *rs = (struct sim_reply){.status = 202, .told = TOLD_TRUTH};
        sim_at(sim.now + sim_span(0, 10 * SIM_MINUTE), SIM_WORLD, on_done, f);
    }
    json_decref(o);
}

static void look(const char *ref, struct sim_reply *rs)
{
    static const char *const words[] = {"PENDING", "SUCCESSFUL", "FAILED"};
    const struct refund *f = find(ref);

    if (!f || f->refused || sim_fault(FAULT_DENIED)) {
        sim_rail_refuse(rs, 404, "RESOURCE_NOT_FOUND");
        return;
    }
    *rs = (struct sim_reply){.status = 200, .told = TOLD_TRUTH};
    sim_rail_write(json_pack("{s:s,s:I,s:s,s:s,s:s}", "status", words[f->status], "amount",
                             (json_int_t)f->amount, "currency", f->account->currency, "externalId",
                             f->ref, "financialTransactionId", f->ref),
                   rs->body, sizeof rs->body);
}

void sim_refund_call(const struct sim_request *rq, struct sim_reply *rs)
{
    if (strcmp(rq->method, "POST") == 0)
        ask(sim_request_header(rq, "X-Reference-Id"), rq->body, rs);
    else
        look(strrchr(rq->path, '/') + 1, rs);
}
