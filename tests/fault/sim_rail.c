/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rail of the simulation: MTN MoMo Collections as the reference tables have it, with its own
 * books. It shares no code with the daemon's rail and never looks at what the daemon believes.
 *
 * A reference is accepted once; its payer (sim_payer.c) does the rest. Its answers may lie for a while:
 * deny what it has, call pending what has ended, say a word of its own, tell of other money. Whoever
 * was told of other money is marked: a person will look at it.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/sim_rail.h"

#define ACCOUNTS_MAX 256
#define TOKENS_MAX   8

struct bearer {
    char value[24];
    int64_t until;
};

static struct account accounts[ACCOUNTS_MAX];
static struct bearer tokens[TOKENS_MAX];
static size_t naccounts, ntokens;

void sim_rail_clear(void)
{
    memset(accounts, 0, sizeof accounts);
    naccounts = ntokens = 0;
    sim_refunds_clear();
    sim_payers_clear();
}

struct account *sim_rail_find(const char *ref)
{
    for (size_t i = 0; i < naccounts; i++) {
        if (strcmp(accounts[i].ref, ref) == 0)
            return &accounts[i];
    }
    return NULL;
}

/* ---- what it says of a reference ---- */

json_t *sim_rail_view(const struct account *a)
{
    static const char *const words[] = {"PENDING", "SUCCESSFUL", "FAILED"};
    char amount[32];
    json_t *o = json_object();

    snprintf(amount, sizeof amount, "%lld",
             (long long)(a->status == SUCCESSFUL ? a->debited : a->amount));
    json_object_set_new(o, "amount", json_string(amount));
    json_object_set_new(o, "currency", json_string(a->currency));
    json_object_set_new(o, "externalId", json_string(a->external));
    json_object_set_new(o, "payer",
                        json_pack("{s:s,s:s}", "partyIdType", "MSISDN", "partyId", a->payer));
    json_object_set_new(o, "status", json_string(words[a->status]));
    if (a->status == SUCCESSFUL)
        json_object_set_new(o, "financialTransactionId", json_string(a->txn));
    if (a->status == FAILED && sim_chance(500))
        json_object_set_new(o, "reason", json_string(a->reason));
    else if (a->status == FAILED)
        json_object_set_new(o, "reason", json_pack("{s:s}", "code", a->reason));
    return o;
}

void sim_rail_write(json_t *o, char *out, size_t cap)
{
    char *text = json_dumps(o, JSON_COMPACT);

    snprintf(out, cap, "%s", text);
    free(text);
    json_decref(o);
}

/* The same amount in another dress: text with decimals, a number. */
static void dress(json_t *o, const struct account *a)
{
    char decimals[32];

    switch (sim_below(4)) {
    case 0:
        snprintf(decimals, sizeof decimals, "%lld.00", (long long)a->debited);
        json_object_set_new(o, "amount", json_string(decimals));
        break;
    case 1: json_object_set_new(o, "amount", json_integer(a->debited)); break;
    case 2: json_object_set_new(o, "amount", json_real((double)a->debited)); break;
    default: break;
    }
}

/* Another account that succeeded, or NULL. */
static struct account *another(const struct account *a)
{
    for (size_t i = 0; i < naccounts; i++) {
        if (&accounts[i] != a && accounts[i].status == SUCCESSFUL)
            return &accounts[i];
    }
    return NULL;
}

/* TOLD_TRUTH: its money is right; whose transaction it is only the other charge can tell. */
static enum sim_told wrong_money(json_t *o, struct account *a)
{
    struct account *other = another(a);

    a->told = true;
    switch (sim_below(7)) {
    case 0: json_object_set_new(o, "amount", json_integer(a->debited * 100)); break;
    case 1: json_object_set_new(o, "amount", json_real((double)a->debited + 0.5)); break;
    case 2: json_object_del(o, "amount"); break;
    case 3: json_object_set_new(o, "currency", json_string("XAF")); break;
    case 4: json_object_del(o, "currency"); break;
    case 5: json_object_set_new(o, "externalId", json_string(other ? other->ref : "x")); break;
    default:
        if (!other) {
            json_object_set_new(o, "amount", json_integer(a->debited - 1));
            break;
        }
        other->told = true;
        json_object_set_new(o, "financialTransactionId", json_string(other->txn));
        return TOLD_TRUTH;
    }
    return TOLD_WRONG;
}

/* ---- the calls ---- */

void sim_rail_refuse(struct sim_reply *rs, int status, const char *code)
{
    *rs = (struct sim_reply){.status = status, .told = status == 409 ? TOLD_THERE : TOLD_TRUTH};
    snprintf(rs->body, sizeof rs->body, "{\"code\":\"%s\",\"message\":\"%s\"}", code, code);
}

static void mint(struct sim_reply *rs)
{
    static const int64_t lives[] = {3600, 3600, 299, 90, 5};
    struct bearer *t = &tokens[ntokens++ % TOKENS_MAX];
    int64_t life = lives[sim_fault(FAULT_TOKEN) ? sim_below(ARRAY_LEN(lives)) : 0];

    if (sim_fault(FAULT_TOKEN)) {
        *rs = (struct sim_reply){.status = sim_chance(500) ? 500 : 200};
        return;
    }
    snprintf(t->value, sizeof t->value, "secret-token-%zu", ntokens);
    t->until = sim.now + life * SIM_SECOND;
    *rs = (struct sim_reply){.status = 200};
    snprintf(rs->body, sizeof rs->body,
             "{\"access_token\":\"%s\",\"token_type\":\"access_token\",\"expires_in\":%lld}",
             t->value, (long long)life);
}

static bool authorised(const struct sim_request *rq)
{
    const char *bearer = sim_request_header(rq, "Authorization");

    if (strncmp(bearer, "Bearer ", 7) != 0 || sim_fault(FAULT_TOKEN))
        return false;
    for (size_t i = 0; i < MIN(ntokens, TOKENS_MAX); i++) {
        if (strcmp(bearer + 7, tokens[i].value) == 0)
            return tokens[i].until > sim.now;
    }
    return false;
}

static bool take_text(json_t *o, const char *key, char *out, size_t cap)
{
    const char *s = json_string_value(json_object_get(o, key));

    if (!s || strlen(s) >= cap)
        return false;
    snprintf(out, cap, "%s", s);
    return true;
}

/* The order of a payment; false: not one. */
static bool read_order(struct account *a, const struct sim_request *rq)
{
    const char *callback = strstr(sim_request_header(rq, "X-Callback-Url"), "/pay/");
    json_t *o = json_loads(rq->body, JSON_REJECT_DUPLICATES, NULL);
    char amount[24];
    bool ok = take_text(o, "amount", amount, sizeof amount) &&
              take_text(o, "currency", a->currency, sizeof a->currency) &&
              take_text(o, "externalId", a->external, sizeof a->external) &&
              take_text(json_object_get(o, "payer"), "partyId", a->payer, sizeof a->payer) &&
              strspn(amount, "0123456789") == strlen(amount) && !strchr(rq->body, '\'');

    if (ok)
        a->amount = strtoll(amount, NULL, 10);
    snprintf(a->ref, sizeof a->ref, "%s", sim_request_header(rq, "X-Reference-Id"));
    snprintf(a->callback, sizeof a->callback, "%s", callback ? callback + strlen("/pay/") : "");
    json_decref(o);
    return ok && strlen(a->ref) == 36 && strspn(a->payer, "0123456789") == strlen(a->payer);
}

static void pay(const struct sim_request *rq, struct sim_reply *rs)
{
    struct account *a = &accounts[naccounts];

    assert(naccounts < ACCOUNTS_MAX);
    if (sim_rail_find(sim_request_header(rq, "X-Reference-Id"))) {
        sim_rail_refuse(rs, 409, "RESOURCE_ALREADY_EXIST");
        return;
    }
    *a = (struct account){.status = PENDING};
    if (!read_order(a, rq)) {
        sim_violation("wire", "the rail cannot read: %s", rq->body);
        sim_rail_refuse(rs, 400, "BAD_REQUEST");
        return;
    }
    naccounts++;
    *rs = (struct sim_reply){.status = 202, .told = TOLD_TRUTH};
    sim_payer_asked(a);
}

static void status(const char *ref, struct sim_reply *rs)
{
    struct account *a = sim_rail_find(ref);
    enum sim_told told = TOLD_TRUTH;
    json_t *o;

    if (!a || sim_fault(FAULT_DENIED)) {
        sim_rail_refuse(rs, 404, "RESOURCE_NOT_FOUND");
        return;
    }
    o = sim_rail_view(a);
    if (a->status == SUCCESSFUL)
        dress(o, a);
    if (sim_fault(FAULT_STALE)) {
        json_object_set_new(o, "status", json_string("PENDING"));
        json_object_del(o, "reason");
    } else if (sim_fault(FAULT_ODD_WORD)) {
        json_object_set_new(o, "status", json_string(sim_chance(500) ? "QUARANTINED" : ""));
        told = TOLD_NOTHING;
    } else if (a->status == SUCCESSFUL && sim_fault(FAULT_WRONG_MONEY)) {
        told = wrong_money(o, a);
    }
    *rs = (struct sim_reply){.status = 200, .told = told};
    sim_rail_write(o, rs->body, sizeof rs->body);
}

void sim_rail_call(const struct sim_request *rq, struct sim_reply *rs)
{
    static const char prefix[] = "/collection/v1_0/requesttopay", back[] = SIM_REFUND_PATH;

    if (strcmp(rq->path, "/collection/token/") == 0 ||
        strcmp(rq->path, "/disbursement/token/") == 0)
        mint(rs);
    else if (!authorised(rq))
        *rs = (struct sim_reply){.status = 401};
    else if (strcmp(rq->path, prefix) == 0)
        pay(rq, rs);
    else if (strncmp(rq->path, back, sizeof back - 1) == 0)
        sim_refund_call(rq, rs);
    else if (strncmp(rq->path, prefix, sizeof prefix - 1) == 0)
        status(rq->path + sizeof prefix, rs);
    else
        sim_rail_refuse(rs, 404, "RESOURCE_NOT_FOUND");
}

/* ---- the books ---- */

json_t *sim_rail_books(void)
{
    static const char *const words[] = {"PENDING", "SUCCESSFUL", "FAILED"};
    json_t *charges = json_array();

    for (size_t i = 0; i < naccounts; i++) {
        const struct account *a = &accounts[i];

        json_array_append_new(charges, json_pack("{s:s,s:s,s:I,s:s,s:i,s:b,s:I}", "ref", a->ref,
                                                 "status", words[a->status], "debited",
                                                 (json_int_t)a->debited, "currency", a->currency,
                                                 "debits", (int)a->debits, "told", (int)a->told,
                                                 "refunded", (json_int_t)sim_refunded(a, false)));
    }
    return json_pack("{s:o,s:o,s:o}", "charges", charges, "refunds", sim_refund_books(),
                     "callbacks", sim_payers_heard());
}
