/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The refunds of the simulation's rail, on its own side and on ours: a call under our reference, once
 * ("/refunds/<reference>", POST to ask, GET to look). The daemon's refund machine sends and reads
 * them as it does those of any rail.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/money/rail_io.h"
#include "tests/fault/sim_rail.h"

#define REFUNDS_MAX 256

static struct refund {
    char ref[40];
    struct account *account;
    int64_t amount;
    enum status status;
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

    for (size_t i = 0; i < nrefunds; i++)
        json_array_append_new(all, json_pack("{s:s,s:I,s:b}", "ref", refunds[i].ref, "amount",
                                             (json_int_t)refunds[i].amount, "done",
                                             refunds[i].status == SUCCESSFUL));
    return all;
}

static void on_done(void *arg)
{
    struct refund *f = arg;

    if (!sim.over && f->status == PENDING)
        f->status = sim_chance(850) ? SUCCESSFUL : FAILED;
}

static void ask(const char *ref, const char *body, struct sim_reply *rs)
{
    json_t *o = json_loads(body, 0, NULL);
    const char *charge = json_string_value(json_object_get(o, "charge"));
    const char *currency = json_string_value(json_object_get(o, "currency"));
    const char *amount = json_string_value(json_object_get(o, "amount"));
    struct account *a = charge ? sim_rail_find(charge) : NULL;
    int64_t minor = amount ? strtoll(amount, NULL, 10) : 0;

    if (find(ref)) {
        sim_rail_refuse(rs, 409, "RESOURCE_ALREADY_EXIST");
    } else if (!a || a->status != SUCCESSFUL || !currency || strcmp(currency, a->currency) != 0 ||
               minor > a->debited - sim_refunded(a, true) || sim_chance(50)) {
        sim_rail_refuse(rs, 400, "NOT_ALLOWED");
    } else {
        struct refund *f = &refunds[nrefunds++];

        assert(nrefunds <= REFUNDS_MAX);
        *f = (struct refund){.account = a, .amount = minor, .status = PENDING};
        snprintf(f->ref, sizeof f->ref, "%s", ref);
        *rs = (struct sim_reply){.status = 202, .told = TOLD_TRUTH};
        sim_at(sim.now + sim_span(0, 10 * SIM_MINUTE), SIM_WORLD, on_done, f);
    }
    json_decref(o);
}

static void look(const char *ref, struct sim_reply *rs)
{
    static const char *const words[] = {"PENDING", "SUCCESSFUL", "FAILED"};
    const struct refund *f = find(ref);

    if (!f || sim_fault(FAULT_DENIED)) {
        sim_rail_refuse(rs, 404, "RESOURCE_NOT_FOUND");
        return;
    }
    *rs = (struct sim_reply){.status = 200, .told = TOLD_TRUTH};
    sim_rail_write(json_pack("{s:s,s:I,s:s,s:s}", "status", words[f->status], "amount",
                             (json_int_t)f->amount, "currency", f->account->currency, "id", f->ref),
                   rs->body, sizeof rs->body);
}

void sim_refund_call(const struct sim_request *rq, struct sim_reply *rs)
{
    const char *ref = strrchr(rq->path, '/') + 1;

    if (strcmp(rq->method, "POST") == 0)
        ask(ref, rq->body, rs);
    else
        look(ref, rs);
}

/* ---- our side: what a rail's file in gateway/money would have ---- */

static void request(struct arena *a, const struct rail_refund *f, const char *token,
                    struct http_request *rq)
{
    struct rail_headers h = rail_headers_new(a);

    rail_bearer(&h, token);
    *rq = (struct http_request){
        .method = "GET",
        .url = arena_printf(a, "https://rail.test/refunds/%" STR_FMT, STR_ARG(f->our_ref)),
        .headers = h.v,
        .timeout_ms = RAIL_REQUEST_MS};
}

static void submit_request(const struct rail *r, struct arena *a, const struct rail_refund *f,
                           const char *token, struct http_request *rq)
{
    (void)r;
    request(a, f, token, rq);
    rq->method = "POST";
    rq->no_resend = true;
    rq->body = str_c(arena_printf(
        a, "{\"charge\":\"%" STR_FMT "\",\"amount\":\"%lld\",\"currency\":\"%" STR_FMT "\"}",
        STR_ARG(f->charge.our_ref), (long long)f->charge.amount_minor,
        STR_ARG(f->charge.currency)));
}

static void poll_request(const struct rail *r, struct arena *a, const struct rail_refund *f,
                         const char *token, struct http_request *rq)
{
    (void)r;
    request(a, f, token, rq);
}

static void submit_read(const struct rail *r, const struct rail_refund *f,
                        const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = rail_object(rs);
    const char *code = rail_word(json_object_get(root, "code"));

    (void)r;
    (void)f;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN, .token_refused = rs->status == 401};
    if (rs->status == 202 && str_trim(rs->body).n == 0)
        v->event = CHARGE_ACCEPTED;
    else if (rs->status == 409)
        v->event = CHARGE_DUPLICATE;
    else if (rs->status == 400 && strcmp(code, "NOT_ALLOWED") == 0)
        v->event = CHARGE_REJECTED;
    rail_take_text(v->reason, sizeof v->reason, code);
    json_decref(root);
}

static void poll_read(const struct rail *r, const struct rail_refund *f,
                      const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = rail_object(rs);
    const char *status = rail_word(json_object_get(root, "status"));

    (void)r;
    (void)f;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN, .token_refused = rs->status == 401};
    if (rs->status == 404 &&
        strcmp(rail_word(json_object_get(root, "code")), "RESOURCE_NOT_FOUND") == 0)
        v->event = CHARGE_NOT_FOUND;
    else if (rs->status != 200)
        v->event = CHARGE_UNKNOWN;
    else if (strcmp(status, "PENDING") == 0)
        v->event = CHARGE_PENDING;
    else if (strcmp(status, "FAILED") == 0)
        v->event = CHARGE_DECLINED;
    else if (strcmp(status, "SUCCESSFUL") == 0)
        v->event = CHARGE_SUCCESS;
    rail_take_id(v->rail_txn, sizeof v->rail_txn, json_object_get(root, "id"));
    rail_take_money(v, json_object_get(root, "amount"), json_object_get(root, "currency"));
    json_decref(root);
}

void sim_refund_equip(struct rail *r)
{
    static struct rail_type type;

    if (r->type->submit_refund_request)
        return;
    type = *r->type;
    type.submit_refund_request = submit_request;
    type.submit_refund_read = submit_read;
    type.poll_refund_request = poll_request;
    type.poll_refund_read = poll_read;
    r->type = &type;
}
