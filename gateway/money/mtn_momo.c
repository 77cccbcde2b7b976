/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MTN rail's requests and answers. See mtn_momo.h.
 *
 * Traps of this rail, each with a test: a failed payment is HTTP 200; `reason` is a string in old
 * answers and an object in new ones; logical errors come as HTTP 500 with a code; a 2xx page of
 * HTML is no answer; an apostrophe in the body is refused.
 *
 * Collections take, Disbursement gives back: the same service, but two products with a user, a key
 * and tokens each. A refund names the reference of the charge, so the payer's number is not sent
 * again. Its answers are those of a charge, and it is asked about by its own reference.
 *
 * Pre-approval is of Collections too: POST and GET v2_0/preapproval, DELETE v1_0/preapproval. Its
 * callback names neither our reference nor anything else that we sent, so the address we give has
 * the reference as its last part.
 */
#include "gateway/money/mtn_momo.h"

#include <stdio.h>
#include <string.h>

#include "gateway/lib/jsonw.h"
#include "gateway/money/amount.h"
#include "gateway/money/rail_io.h"

#define CONF(field) offsetof(struct mtn_momo_config, field)
#define NOTE_MAX    160 /* payerMessage and payeeNote */

static const struct option_row options[] = {
    {"mtn_momo", "base_url", OPTION_STRING, CONF(base_url), .def = "",
     .help = "https://proxy.momoapi.mtn.com, or the sandbox; empty: the rail is off"},
    {"mtn_momo", "target_environment", OPTION_STRING, CONF(target_environment), .def = "",
     .help = "sandbox, mtnivorycoast, mtnbenin, ...: X-Target-Environment"},
    {"mtn_momo", "user_id", OPTION_STRING, CONF(user_id), .def = "", .help = "API user, a UUID"},
    {"mtn_momo", "api_key", OPTION_SECRET, CONF(api_key), .def = "", .help = "Key of the API user"},
    {"mtn_momo", "subscription_key", OPTION_SECRET, CONF(subscription_key), .def = "",
     .help = "Ocp-Apim-Subscription-Key of the Collections product"},
    {"mtn_momo", "callback_url", OPTION_STRING, CONF(callback_url), .def = "",
     .help = "Public address ending in /pay/mtn_momo; empty: no callbacks, polling only"},
    {"mtn_momo", "callback_secret", OPTION_SECRET, CONF(callback_secret), .def = "",
     .help = "Unguessable last part of the callback address"},
    {"mtn_momo", "token_body", OPTION_BOOL, CONF(token_body), .def = "no",
     .help = "Send a JSON body when asking for a token"},
    {"mtn_momo", "disbursement_user_id", OPTION_STRING, CONF(disbursement_user_id), .def = "",
     .help = "API user of the Disbursement product, a UUID; empty: refunds are made by hand"},
    {"mtn_momo", "disbursement_api_key", OPTION_SECRET, CONF(disbursement_api_key), .def = "",
     .help = "Key of that user"},
    {"mtn_momo", "disbursement_key", OPTION_SECRET, CONF(disbursement_key), .def = "",
     .help = "Ocp-Apim-Subscription-Key of the Disbursement product"},
};

/* Codes that say how the payer's attempt ended; everything else that FAILED is a decline. */
static const char *const expired_codes[] = {"EXPIRED", "COULD_NOT_PERFORM_TRANSACTION"};

/* What a code says about a submit. A 500 with another code may have been carried out. */
static const struct {
    const char *code;
    enum charge_event event;
} refused_codes[] = {
    {"INVALID_CURRENCY", CHARGE_REJECTED},
    {"NOT_ALLOWED_TARGET_ENVIRONMENT", CHARGE_REJECTED},
    {"INVALID_CALLBACK_URL_HOST", CHARGE_REJECTED},
    {"NOT_ALLOWED", CHARGE_REJECTED},
    {"PAYEE_NOT_ALLOWED_TO_RECEIVE", CHARGE_REJECTED},
    {"PAYEE_NOT_FOUND", CHARGE_REJECTED},
    {"PAYER_NOT_FOUND", CHARGE_DECLINED},
    {"PAYER_LIMIT_REACHED", CHARGE_DECLINED},
    {"NOT_ENOUGH_FUNDS", CHARGE_DECLINED},
    {"SENDER_ACCOUNT_NOT_ACTIVE", CHARGE_DECLINED},
    /* these prove nothing against the charge, whatever status they come with */
    {"RESOURCE_ALREADY_EXIST", CHARGE_DUPLICATE},
    {"INTERNAL_PROCESSING_ERROR", CHARGE_UNKNOWN},
    {"SERVICE_UNAVAILABLE", CHARGE_UNKNOWN},
};

static const struct mtn_momo *mtn_of(const struct rail *r)
{
    return container_of(r, const struct mtn_momo, rail);
}

/* ---- requests ---- */

/* What one product of the service is asked with. */
struct product {
    const char *path, *user_id, *api_key, *subscription_key;
};

static struct product collection(const struct mtn_momo *m)
{
    return (struct product){"collection", m->c->user_id, m->c->api_key, m->c->subscription_key};
}

static struct product disbursement(const struct mtn_momo *m)
{
    return (struct product){"disbursement", m->c->disbursement_user_id, m->c->disbursement_api_key,
                            m->c->disbursement_key};
}

static void mint(const struct mtn_momo *m, struct product p, struct arena *a,
                 struct http_request *rq)
{
    struct rail_headers h = rail_headers_new(a);

    rail_header(&h, "Ocp-Apim-Subscription-Key", p.subscription_key);
    rail_basic(&h, p.user_id, p.api_key);
    if (m->c->token_body)
        rail_header(&h, "Content-Type", "application/json");
    *rq = (struct http_request){
        .method = "POST",
        .url = arena_printf(a, "%s/%s/token/", m->c->base_url, p.path),
        .headers = h.v,
        .body = m->c->token_body ? STR("{\"grant_type\":\"client_credentials\"}") : STR_EMPTY,
        .timeout_ms = RAIL_REQUEST_MS};
}

static void token_request(const struct rail *r, struct arena *a, struct http_request *rq)
{
    mint(mtn_of(r), collection(mtn_of(r)), a, rq);
}

static void refund_token_request(const struct rail *r, struct arena *a, struct http_request *rq)
{
    mint(mtn_of(r), disbursement(mtn_of(r)), a, rq);
}

static struct rail_headers headers(const struct mtn_momo *m, struct product p, struct arena *a,
                                   const char *token)
{
    struct rail_headers h = rail_headers_new(a);

    rail_header(&h, "Ocp-Apim-Subscription-Key", p.subscription_key);
    rail_header(&h, "X-Target-Environment", m->c->target_environment);
    rail_bearer(&h, token);
    return h;
}

/* A charge of c's payer or, with what it refunds, a refund of that charge. */
static struct str money_body(struct arena *a, const struct rail_charge *c, struct str our_ref,
                             struct str refunds)
{
    char *mem = arena_alloc(a, 1024), amount[32];
    /* an apostrophe is refused by this rail (hard case 29) */
    struct str note = rail_note(a, c->label, NOTE_MAX);
    struct buf out, am;
    struct jsonw j;

    buf_init_fixed(&out, mem, 1024);
    buf_init_fixed(&am, amount, sizeof amount);
    amount_format(c->amount_minor, amount_exponent(c->currency), &am);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    jsonw_kv_str(&j, "amount", buf_str(&am));
    jsonw_kv_str(&j, "currency", c->currency);
    jsonw_kv_str(&j, "externalId", our_ref);
    if (refunds.n > 0) {
        jsonw_kv_str(&j, "referenceIdToRefund", refunds);
    } else {
        jsonw_key(&j, "payer");
        jsonw_object(&j);
        jsonw_kv_cstr(&j, "partyIdType", "MSISDN");
        jsonw_kv_str(&j, "partyId", c->payer);
        jsonw_end(&j);
    }
    jsonw_kv_str(&j, "payerMessage", note);
    jsonw_kv_str(&j, "payeeNote", note);
    jsonw_end(&j);
    return buf_str(&out);
}

/* Money is asked for under our reference, which is what makes a repetition none. */
static void money_request(const struct mtn_momo *m, struct product p, const char *verb,
                          struct rail_headers *h, struct str our_ref, struct http_request *rq)
{
    rail_header(h, "X-Reference-Id", arena_printf(h->a, "%" STR_FMT, STR_ARG(our_ref)));
    rail_header(h, "Content-Type", "application/json");
    *rq = (struct http_request){.method = "POST",
                                .url = arena_printf(h->a, "%s/%s/%s", m->c->base_url, p.path, verb),
                                .headers = h->v,
                                .timeout_ms = RAIL_REQUEST_MS,
                                .no_resend = true};
}

static void submit_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           const char *token, struct http_request *rq)
{
    const struct mtn_momo *m = mtn_of(r);
    struct rail_headers h = headers(m, collection(m), a, token);

    if (*m->c->callback_url)
        rail_header(&h, "X-Callback-Url",
                    arena_printf(a, "%s/%s", m->c->callback_url, m->c->callback_secret));
    money_request(m, collection(m), "v1_0/requesttopay", &h, c->our_ref, rq);
    rq->body = money_body(a, c, c->our_ref, STR_EMPTY);
}

/* Nobody calls us about refunds: they are asked about. */
static void refund_request(const struct rail *r, struct arena *a, const struct rail_refund *f,
                           const char *token, struct http_request *rq)
{
    const struct mtn_momo *m = mtn_of(r);
    struct rail_headers h = headers(m, disbursement(m), a, token);

    money_request(m, disbursement(m), "v1_0/refund", &h, f->our_ref, rq);
    rq->body = money_body(a, &f->charge, f->our_ref, f->charge.our_ref);
}

static void status_request(const struct mtn_momo *m, struct product p, const char *verb,
                           struct rail_headers h, struct str our_ref, struct http_request *rq)
{
    *rq = (struct http_request){.method = "GET",
                                .url = arena_printf(h.a, "%s/%s/%s/%" STR_FMT, m->c->base_url,
                                                    p.path, verb, STR_ARG(our_ref)),
                                .headers = h.v,
                                .timeout_ms = RAIL_REQUEST_MS};
}

static void poll_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                         const char *token, struct http_request *rq)
{
    const struct mtn_momo *m = mtn_of(r);
    struct product p = collection(m);

    status_request(m, p, "v1_0/requesttopay", headers(m, p, a, token), c->our_ref, rq);
}

static void poll_refund_request(const struct rail *r, struct arena *a, const struct rail_refund *f,
                                const char *token, struct http_request *rq)
{
    const struct mtn_momo *m = mtn_of(r);
    struct product p = disbursement(m);

    status_request(m, p, "v1_0/refund", headers(m, p, a, token), f->our_ref, rq);
}

/* ---- pre-approval ---- */

static struct str leave_body(struct arena *a, const struct rail_mandate *ma)
{
    char *mem = arena_alloc(a, 1024);
    struct buf out;
    struct jsonw j;

    buf_init_fixed(&out, mem, 1024);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    jsonw_key(&j, "payer");
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "partyIdType", "MSISDN");
    jsonw_kv_str(&j, "partyId", ma->payer);
    jsonw_end(&j);
    jsonw_kv_str(&j, "payerCurrency", ma->currency);
    jsonw_kv_str(&j, "payerMessage", rail_note(a, ma->label, NOTE_MAX));
    jsonw_kv_i64(&j, "validityTime", (int64_t)ma->valid_days * 86400);
    jsonw_end(&j);
    return buf_str(&out);
}

static void mandate_request(const struct rail *r, struct arena *a, const struct rail_mandate *ma,
                            const char *token, struct http_request *rq)
{
    const struct mtn_momo *m = mtn_of(r);
    struct product p = collection(m);
    struct rail_headers h = headers(m, p, a, token);

    if (ma->act != MANDATE_ASK) {
        bool ends = ma->act == MANDATE_END;

        status_request(m, p, ends ? "v1_0/preapproval" : "v2_0/preapproval", h, ma->our_ref, rq);
        rq->method = ends ? "DELETE" : "GET";
        return;
    }
    if (ma->payer.n == 0)
        return;
    if (*m->c->callback_url)
        rail_header(&h, "X-Callback-Url",
                    arena_printf(a, "%s/%s/%" STR_FMT, m->c->callback_url, m->c->callback_secret,
                                 STR_ARG(ma->our_ref)));
    money_request(m, p, "v2_0/preapproval", &h, ma->our_ref, rq);
    rq->body = leave_body(a, ma);
}

/* ---- answers ---- */

static bool token_read(const struct rail *r, const struct http_response *rs, struct token_value *t)
{
    (void)r;
    return token_take(rs, t);
}

/* A refusal that the rail explains; without its own error body a 4xx proves nothing. */
static enum charge_event refusal(int status, const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(refused_codes); i++) {
        if (strcmp(code, refused_codes[i].code) == 0)
            return refused_codes[i].event;
    }
    bool client_fault =
        status == 400 || status == 403 || status == 404 || status == 415 || status == 422;

    return client_fault && *code ? CHARGE_REJECTED : CHARGE_UNKNOWN;
}

/* A 404 of a proxy in between is not the rail's word. */
static bool is_not_found(const struct http_response *rs, const char *code)
{
    return rs->status == 404 && strcmp(code, "RESOURCE_NOT_FOUND") == 0;
}

static void submit_read(const struct rail *r, const struct rail_charge *c,
                        const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = rail_object(rs);
    const char *code = rail_word(root ? json_object_get(root, "code") : NULL);

    (void)r;
    (void)c;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    if (rs->status == 202 && rail_is_own(rs, root))
        v->event = CHARGE_ACCEPTED;
    else if (rs->status == 409 && rail_is_own(rs, root))
        v->event = CHARGE_DUPLICATE;
    else if (rs->status == 401)
        v->token_refused = true;
    else
        v->event = refusal(rs->status, code);
    rail_take_text(v->reason, sizeof v->reason, code);
    json_decref(root);
}

static void read_success(const struct rail_charge *c, json_t *root, struct rail_verdict *v)
{
    const char *external = json_string_value(json_object_get(root, "externalId"));

    v->event = external && str_eq_c(c->our_ref, external) ? CHARGE_SUCCESS : CHARGE_MISMATCH;
    rail_take_id(v->rail_txn, sizeof v->rail_txn, json_object_get(root, "financialTransactionId"));
    rail_take_money(v, json_object_get(root, "amount"), json_object_get(root, "currency"));
}

static void read_status(const struct rail_charge *c, json_t *root, struct rail_verdict *v)
{
    const char *status = rail_word(json_object_get(root, "status"));
    const char *reason = rail_word(json_object_get(root, "reason"));

    rail_take_text(v->reason, sizeof v->reason, *reason ? reason : status);
    if (strcmp(status, "SUCCESSFUL") == 0)
        read_success(c, root, v);
    else if (strcmp(status, "PENDING") == 0 || strcmp(status, "CREATED") == 0)
        v->event = CHARGE_PENDING;
    else if (strcmp(status, "FAILED") == 0)
        v->event = rail_one_of(reason, expired_codes, ARRAY_LEN(expired_codes)) ? CHARGE_EXPIRED
                                                                                : CHARGE_DECLINED;
    else { /* a word never seen: stays unknown, the raw word is kept (I12) */
        rail_take_text(v->reason, sizeof v->reason, status);
        v->new_word = true;
    }
}

static void poll_read(const struct rail *r, const struct rail_charge *c,
                      const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = rail_object(rs);
    const char *code = rail_word(root ? json_object_get(root, "code") : NULL);

    (void)r;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    rail_take_text(v->reason, sizeof v->reason, code);
    if (rs->status == 200 && root)
        read_status(c, root, v);
    else if (is_not_found(rs, code))
        v->event = CHARGE_NOT_FOUND;
    else if (rs->status == 401)
        v->token_refused = true;
    json_decref(root);
}

static void refund_read(const struct rail *r, const struct rail_refund *f,
                        const struct http_response *rs, struct rail_verdict *v)
{
    submit_read(r, &f->charge, rs, v);
}

static void poll_refund_read(const struct rail *r, const struct rail_refund *f,
                             const struct http_response *rs, struct rail_verdict *v)
{
    const struct rail_charge c = {.our_ref = f->our_ref};

    poll_read(r, &c, rs, v);
}

static enum charge_event leave_event(const char *status, const char *reason, bool *new_word)
{
    static const char *const yes[] = {"SUCCESSFUL", "APPROVED"},
                             *const open[] = {"PENDING", "CREATED"},
                             *const no[] = {"FAILED", "REJECTED", "CANCELLED"};

    if (rail_one_of(status, yes, ARRAY_LEN(yes)))
        return CHARGE_SUCCESS;
    if (rail_one_of(status, open, ARRAY_LEN(open)))
        return CHARGE_PENDING;
    if (strcmp(status, "EXPIRED") == 0 ||
        (strcmp(status, "FAILED") == 0 &&
         rail_one_of(reason, expired_codes, ARRAY_LEN(expired_codes))))
        return CHARGE_EXPIRED;
    if (rail_one_of(status, no, ARRAY_LEN(no)))
        return CHARGE_DECLINED;
    *new_word = true; /* neither a yes nor a no (I12) */
    return CHARGE_UNKNOWN;
}

static void read_leave(json_t *root, struct rail_verdict *v)
{
    const char *status = rail_word(json_object_get(root, "status"));
    const char *reason = rail_word(json_object_get(root, "reason"));

    v->event = leave_event(status, reason, &v->new_word);
    rail_take_text(v->reason, sizeof v->reason, *reason && !v->new_word ? reason : status);
}

static void mandate_read(const struct rail_mandate *ma, const struct http_response *rs,
                         struct rail_verdict *v)
{
    json_t *root = rail_object(rs);
    const char *code = rail_word(root ? json_object_get(root, "code") : NULL);
    bool own = rail_is_own(rs, root);

    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    rail_take_text(v->reason, sizeof v->reason, code);
    if (rs->status == 401)
        v->token_refused = true;
    else if (ma->act == MANDATE_ASK)
        v->event = rs->status == 202 && own   ? CHARGE_ACCEPTED
                   : rs->status == 409 && own ? CHARGE_DUPLICATE
                                              : refusal(rs->status, code);
    else if (is_not_found(rs, code))
        v->event = CHARGE_NOT_FOUND;
    else if (ma->act == MANDATE_END && rs->status >= 200 && rs->status < 300 && own)
        v->event = CHARGE_SUCCESS;
    else if (ma->act == MANDATE_QUESTION && rs->status == 200 && root)
        read_leave(root, v);
    json_decref(root);
}

static void callback_hint(struct arena *a, const struct rail_callback *cb, struct rail_hint *h)
{
    json_t *root = json_loadb(cb->body.p, cb->body.n, JSON_REJECT_DUPLICATES, NULL);
    json_t *id = json_is_object(root) ? json_object_get(root, "externalId") : NULL;

    if (cb->tail.n > 0)
        h->our_ref = arena_str(a, cb->tail);
    else if (json_is_string(id))
        h->our_ref = arena_str(a, str_n(json_string_value(id), json_string_length(id)));
    json_decref(root);
}

static const struct rail_type mtn_momo_type = {
    .code = "mtn_momo",
    .needs_token = true,
    .token_request = token_request,
    .token_read = token_read,
    .submit_request = submit_request,
    .submit_read = submit_read,
    .poll_request = poll_request,
    .poll_read = poll_read,
    .refund_token_request = refund_token_request,
    .submit_refund_request = refund_request,
    .submit_refund_read = refund_read,
    .poll_refund_request = poll_refund_request,
    .poll_refund_read = poll_refund_read,
    .mandate_request = mandate_request,
    .mandate_read = mandate_read,
    .callback_tail = true,
    .callback_hint = callback_hint,
};

int mtn_momo_init(struct mtn_momo *r, const struct mtn_momo_config *c, bool *on, struct err *e)
{
    const struct rail_value all[] = {{"base_url", c->base_url, false},
                                     {"target_environment", c->target_environment, true},
                                     {"user_id", c->user_id, true},
                                     {"api_key", c->api_key, true},
                                     {"subscription_key", c->subscription_key, true},
                                     {"callback_url", c->callback_url, false},
                                     {"callback_secret", c->callback_secret, false}};
    const struct rail_value refunds[] = {{"disbursement_user_id", c->disbursement_user_id, true},
                                         {"disbursement_api_key", c->disbursement_api_key, true},
                                         {"disbursement_key", c->disbursement_key, true}};
    bool gives = rail_values_any(refunds, ARRAY_LEN(refunds));

    *on = *c->base_url != '\0';
    if (*on && rail_values_check("mtn_momo", all, ARRAY_LEN(all), e) != 0)
        return -1;
    if (*on && gives && rail_values_check("mtn_momo", refunds, ARRAY_LEN(refunds), e) != 0)
        return -1;
    if (*on && (*c->callback_url || *c->callback_secret) &&
        rail_secret_check("mtn_momo", c->callback_secret, e) != 0)
        return -1;
    *r = (struct mtn_momo){.rail = {.type = &mtn_momo_type,
                                    .callback_secret = c->callback_secret,
                                    .refunds_by_hand = !gives},
                           .c = c};
    return 0;
}

RAIL_MODULE(mtn_momo);
