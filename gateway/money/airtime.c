/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The airtime rail's requests and answers. See airtime.h.
 *
 *   submit   POST payments                     -> its id and state; or a refusal, and there is no payment
 *   poll     GET payments/ID                   -> its state
 *            GET payments?from,to,page, while no id is known:
 *                ours is on the page -> its id and state     the last page -> not found
 *                else the next page; after RAIL_FOLLOW_MAX more of them nothing is known
 *   refund   POST payments/ID/refunds          -> its id and state
 *            GET payments/ID/refunds/REFUND, or their list while that id is not known
 *
 * Traps of this rail, each with a test: a referenceCode used twice is a 409, but a clientCorrelator used
 * twice is the 400 of any malformed body, told apart by its message alone; amounts are JSON numbers; the
 * pages of a list may be shorter than was asked; a notification has no reference of ours, so its path
 * does; a refund says of its tax what its payment said (isTaxIncluded).
 */
#include "gateway/money/airtime.h"

#include <string.h>

#include "gateway/lib/clock.h"
#include "gateway/lib/jsonw.h"
#include "gateway/money/amount.h"
#include "gateway/money/rail_io.h"

#define CONF(field)     offsetof(struct airtime_config, field)
#define BODY_MAX        2048
#define DESCRIPTION_MAX 60
#define PAGE_ASKED      100
#define PAGE_LEAST      10           /* the default of perPage: fewer is the end of a list */
#define AROUND_S        180          /* of a submit: its answer, and two clocks */
#define CREDENTIAL_S    (14 * 86400) /* beyond any late notification */

static const struct option_row options[] = {
    {"airtime", "base_url", OPTION_STRING, CONF(base_url), .def = "",
     .help = "Carrier Billing with its version, https://HOST/carrier-billing/v0.5"},
    {"airtime", "refund_url", OPTION_STRING, CONF(refund_url), .def = "",
     .help = "Carrier Billing Refund with its version; empty: refunds are made by hand"},
    {"airtime", "token_url", OPTION_STRING, CONF(token_url), .def = "",
     .help = "Where the operator gives tokens (OAuth client credentials)"},
    {"airtime", "client_id", OPTION_STRING, CONF(client_id), .def = "",
     .help = "Of the contract with the operator"},
    {"airtime", "client_secret", OPTION_SECRET, CONF(client_secret), .def = "",
     .help = "Of the same client"},
    {"airtime", "callback_url", OPTION_STRING, CONF(callback_url), .def = "",
     .help = "Public https address ending in /pay/airtime; empty: no notifications, polling only"},
    {"airtime", "callback_secret", OPTION_SECRET, CONF(callback_secret), .def = "",
     .help = "Unguessable part of the notifications' address"},
    {"airtime", "callback_token", OPTION_SECRET, CONF(callback_token), .def = "",
     .help = "Bearer that the operator's notifications must bring"},
};

/* paymentStatus and refundStatus; what is not here waits and calls a person (I12). */
static const struct {
    const char *word;
    enum charge_event event;
} states[] = {
    {"processing", CHARGE_PENDING},
    {"pending_validation", CHARGE_PENDING}, /* these two are of payments in two steps */
    {"reserved", CHARGE_PENDING},
    {"succeeded", CHARGE_SUCCESS},
    {"denied", CHARGE_DECLINED},
    {"cancelled", CHARGE_EXPIRED}, /* we cancel none: it lapsed at the operator */
};

/* Refusals that are the payer's or a refund's; any other code of a 4xx is ours to mend. */
static const char *const declines[] = {
    "CARRIER_BILLING.PAYMENT_DENIED",
    "CARRIER_BILLING.USER_AMOUNT_THRESHOLD_OVERPASSED",
    "IDENTIFIER_NOT_FOUND",
    "SERVICE_NOT_APPLICABLE",
    "CARRIER_BILLING_REFUND.REFUND_DENIED",
    "CARRIER_BILLING_REFUND.PAYMENT_NOT_ELIGIBLE_FOR_REFUND",
    "CARRIER_BILLING_REFUND.USER_AMOUNT_THRESHOLD_OVERPASSED",
};

static const struct airtime *airtime_of(const struct rail *r)
{
    return container_of(r, const struct airtime, rail);
}

/* ---- requests ---- */

static void token_request(const struct rail *r, struct arena *a, struct http_request *rq)
{
    const struct airtime_config *c = airtime_of(r)->c;

    rail_token_form(a, c->token_url, c->client_id, c->client_secret,
                    "grant_type=client_credentials&scope=carrier-billing%3Apayments%3Acreate"
                    "+carrier-billing%3Apayments%3Aread",
                    rq);
}

static void refund_token_request(const struct rail *r, struct arena *a, struct http_request *rq)
{
    const struct airtime_config *c = airtime_of(r)->c;

    rail_token_form(a, c->token_url, c->client_id, c->client_secret,
                    "grant_type=client_credentials&scope=carrier-billing-refund%3Arefunds%3Acreate"
                    "+carrier-billing-refund%3Arefunds%3Aread",
                    rq);
}

/* GET, or POST with a body. our_ref goes along as x-correlator, for a person who reads two logs. */
static void request(struct arena *a, const char *token, struct str our_ref, const char *url,
                    struct str body, struct http_request *rq)
{
    struct rail_headers h = rail_headers_new(a);

    rail_bearer(&h, token);
    rail_header(&h, "x-correlator", arena_printf(a, "%" STR_FMT, STR_ARG(our_ref)));
    if (body.n > 0)
        rail_header(&h, "Content-Type", "application/json");
    *rq = (struct http_request){.method = body.n > 0 ? "POST" : "GET",
                                .url = url,
                                .headers = h.v,
                                .body = body,
                                .timeout_ms = RAIL_REQUEST_MS,
                                .no_resend = body.n > 0};
}

/* Prices are with tax. */
static void put_money(struct jsonw *j, struct arena *a, const struct rail_charge *c)
{
    char mem[32];
    struct buf amount;

    buf_init_fixed(&amount, mem, sizeof mem);
    amount_format(c->amount_minor, amount_exponent(c->currency), &amount);
    jsonw_key(j, "chargingInformation");
    jsonw_object(j);
    jsonw_kv_raw(j, "amount", buf_str(&amount));
    jsonw_kv_str(j, "currency", c->currency);
    jsonw_kv_str(j, "description", rail_note(a, c->label, DESCRIPTION_MAX));
    jsonw_kv_bool(j, "isTaxIncluded", true);
    jsonw_end(j);
}

static void put_references(struct jsonw *j, struct str our_ref)
{
    jsonw_kv_str(j, "clientCorrelator", our_ref);
    jsonw_kv_str(j, "referenceCode", our_ref);
}

/* Where notifications of this payment go, and what proves them. */
static void put_sink(struct jsonw *j, const struct airtime_config *c, struct arena *a,
                     struct str our_ref)
{
    char until[CLOCK_ISO_LEN];

    clock_iso(clock_wall_us() + (int64_t)CREDENTIAL_S * 1000000, until);
    jsonw_kv_cstr(
        j, "sink",
        arena_printf(a, "%s/%s/%" STR_FMT, c->callback_url, c->callback_secret, STR_ARG(our_ref)));
    jsonw_key(j, "sinkCredential");
    jsonw_object(j);
    jsonw_kv_cstr(j, "credentialType", "ACCESSTOKEN");
    jsonw_kv_cstr(j, "accessToken", c->callback_token);
    jsonw_kv_cstr(j, "accessTokenExpiresUtc", until);
    jsonw_kv_cstr(j, "accessTokenType", "bearer");
    jsonw_end(j);
}

static void submit_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           const char *token, struct http_request *rq)
{
    const struct airtime_config *conf = airtime_of(r)->c;
    char *mem = arena_alloc(a, BODY_MAX);
    struct buf out;
    struct jsonw j;

    buf_init_fixed(&out, mem, BODY_MAX);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    jsonw_key(&j, "amountTransaction");
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "phoneNumber", arena_printf(a, "+%" STR_FMT, STR_ARG(c->payer)));
    put_references(&j, c->our_ref);
    jsonw_key(&j, "paymentAmount");
    jsonw_object(&j);
    put_money(&j, a, c);
    jsonw_end(&j);
    jsonw_end(&j);
    if (*conf->callback_url)
        put_sink(&j, conf, a, c->our_ref);
    jsonw_end(&j);
    request(a, token, c->our_ref, arena_printf(a, "%s/payments", conf->base_url), buf_str(&out),
            rq);
}

/* One page of the payments made while ours may have been. */
static void list_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                         const char *token, unsigned page, struct http_request *rq)
{
    char from[CLOCK_ISO_LEN], to[CLOCK_ISO_LEN];

    if (c->first_sent_s == 0)
        return; /* nothing left under this reference */
    clock_iso((c->first_sent_s - AROUND_S) * 1000000, from);
    clock_iso((c->last_sent_s + AROUND_S) * 1000000, to);
    request(a, token, c->our_ref,
            arena_printf(a,
                         "%s/payments?paymentCreationDate.gte=%s&paymentCreationDate.lte=%s"
                         "&order=asc&perPage=%d&page=%u",
                         airtime_of(r)->c->base_url, from, to, PAGE_ASKED, page),
            STR_EMPTY, rq);
}

static void poll_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                         const char *token, struct http_request *rq)
{
    if (c->rail_ref.n == 0)
        list_request(r, a, c, token, 1, rq);
    else
        request(a, token, c->our_ref,
                arena_printf(a, "%s/payments/%" STR_FMT, airtime_of(r)->c->base_url,
                             STR_ARG(c->rail_ref)),
                STR_EMPTY, rq);
}

static void follow_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           const char *token, const struct rail_verdict *v, struct http_request *rq)
{
    list_request(r, a, c, token, v->step, rq);
}

/* ---- answers ---- */

static bool token_read(const struct rail *r, const struct http_response *rs, struct token_value *t)
{
    (void)r;
    return token_take(rs, t);
}

static const char *text_of(json_t *object, const char *key)
{
    return rail_word(json_object_get(object, key));
}

/* A payment or refund under this reference of ours. */
static bool is_ours(json_t *it, struct str our_ref)
{
    json_t *transaction = json_object_get(it, "amountTransaction");
    const char *correlator = text_of(transaction, "clientCorrelator");

    return str_eq_c(our_ref, text_of(transaction, "referenceCode")) &&
           (!*correlator || str_eq_c(our_ref, correlator));
}

/* Its id, when it may stand in an address; one that may not is found by our reference each time. */
static void take_ref(char out[RAIL_REF_MAX], const char *id)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

    if (id[strspn(id, legal)] == '\0' && strlen(id) < RAIL_REF_MAX)
        rail_take_text(out, RAIL_REF_MAX, id);
}

/* What the two APIs call the same things. */
struct words {
    const char *id, *status, *amount;
};
static const struct words payment = {"paymentId", "paymentStatus", "paymentAmount"};
static const struct words refund = {"refundId", "refundStatus", "refundAmount"};

/* The state of one that is ours. Only a success carries money (I8). */
static void read_state(json_t *it, const struct words *w, struct rail_verdict *v)
{
    json_t *transaction = json_object_get(it, "amountTransaction");
    json_t *money = json_object_get(json_object_get(transaction, w->amount), "chargingInformation");
    const char *status = text_of(it, w->status), *txn = text_of(transaction, "serverReferenceCode");
    bool known = false;

    rail_take_text(v->reason, sizeof v->reason, status);
    take_ref(v->rail_ref, text_of(it, w->id));
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (strcmp(status, states[i].word) == 0) {
            v->event = states[i].event;
            known = true;
        }
    }
    v->new_word = !known && *status;
    if (v->event != CHARGE_SUCCESS)
        return;
    rail_take_text(v->rail_txn, sizeof v->rail_txn, *txn ? txn : text_of(it, w->id));
    rail_take_money(v, json_object_get(money, "amount"), json_object_get(money, "currency"));
}

/* The correlator was seen before: the first request arrived, whatever became of its answer. */
static bool is_repeated(const struct http_response *rs, json_t *error)
{
    return (rs->status == 409 && rail_is_own(rs, error)) ||
           (rs->status == 400 && strcasestr(text_of(error, "message"), "correlator"));
}

/* A refusal that the rail explains; without its own error body a 4xx proves nothing. */
static void read_refusal(const struct http_response *rs, json_t *error, struct rail_verdict *v)
{
    const char *code = text_of(error, "code");
    int s = rs->status;

    rail_take_text(v->reason, sizeof v->reason, code);
    if (s == 401) {
        v->token_refused = true;
    } else if (is_repeated(rs, error)) {
        v->event = CHARGE_DUPLICATE;
    } else if (s == 429) { /* documented: not carried out */
        v->event = CHARGE_NOT_SENT;
        v->next_poll_s = rail_retry_after_s(rs);
    } else if (*code && (s == 400 || s == 403 || s == 404 || s == 422)) {
        v->event =
            rail_one_of(code, declines, ARRAY_LEN(declines)) ? CHARGE_DECLINED : CHARGE_REJECTED;
    }
}

/* To a POST of ours: what was made, or why nothing was. */
static void read_made(const struct http_response *rs, struct str our_ref, const struct words *w,
                      struct rail_verdict *v)
{
    json_t *root = rail_object(rs);

    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    if (rs->status != 200 && rs->status != 201 && rs->status != 202)
        read_refusal(rs, root, v);
    else if (is_ours(root, our_ref))
        read_state(root, w, v);
    else /* the question finds what there is */
        rail_take_text(v->reason, sizeof v->reason, "not an answer to this");
    if (v->event == CHARGE_PENDING)
        v->event = CHARGE_ACCEPTED;
    json_decref(root);
}

static void submit_read(const struct rail *r, const struct rail_charge *c,
                        const struct http_response *rs, struct rail_verdict *v)
{
    (void)r;
    read_made(rs, c->our_ref, &payment, v);
}

/* A question that was not answered, or is of nothing that the rail has. */
static void read_silence(const struct http_response *rs, json_t *error, struct rail_verdict *v)
{
    const char *code = text_of(error, "code");

    rail_take_text(v->reason, sizeof v->reason, code);
    if (rs->status == 401)
        v->token_refused = true;
    else if (rs->status == 429)
        v->next_poll_s = rail_retry_after_s(rs);
    else if (rs->status == 404 && strcmp(code, "NOT_FOUND") == 0)
        v->event = CHARGE_NOT_FOUND; /* a 404 of a proxy in between is not the rail's word */
}

/* By its id. Another's success is no money of ours, and another's failure no failure (hard case 17). */
static void read_shown(const struct http_response *rs, struct str our_ref, const struct words *w,
                       struct rail_verdict *v)
{
    json_t *root = rail_object(rs);

    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    if (rs->status == 200 && root)
        read_state(root, w, v);
    else
        read_silence(rs, root, v);
    if (rs->status == 200 && root && !is_ours(root, our_ref)) {
        *v = (struct rail_verdict){.event = v->event == CHARGE_SUCCESS ? CHARGE_MISMATCH
                                                                       : CHARGE_UNKNOWN};
        rail_take_text(v->reason, sizeof v->reason, "another's");
    }
    json_decref(root);
}

/* Whether the list ends with this page: pages may be shorter than what was asked for. */
static bool is_last(const struct http_response *rs, unsigned page, size_t n)
{
    int64_t total;

    return n < PAGE_LEAST ||
           (page == 1 &&
            str_to_i64(http_response_header(rs, "x-total-count"), 0, INT64_MAX, &total) &&
            (uint64_t)total <= n);
}

/* Ours of a page; one that succeeded before any other. Two successes are two debits. */
static json_t *find_ours(json_t *list, struct str our_ref, const struct words *w, bool *twice)
{
    json_t *it, *found = NULL;
    bool paid = false;
    size_t i;

    *twice = false;
    json_array_foreach(list, i, it) {
        bool succeeded = strcmp(text_of(it, w->status), "succeeded") == 0;

        if (!is_ours(it, our_ref))
            continue;
        *twice |= succeeded && paid;
        if (!found || succeeded)
            found = it;
        paid |= succeeded;
    }
    return found;
}

/* One page of a list: ours, the next page, or at its end nothing. */
static void read_page(const struct http_response *rs, struct str our_ref, const struct words *w,
                      unsigned page, struct rail_verdict *v)
{
    json_t *list = rs->status == 200 ? rail_array(rs) : NULL;
    json_t *error = rs->status == 200 ? NULL : rail_object(rs);
    bool twice;
    json_t *ours = find_ours(list, our_ref, w, &twice);

    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    if (twice) {
        v->event = CHARGE_MISMATCH; /* a person decides */
    } else if (ours) {
        read_state(ours, w, v);
    } else if (!list) {
        read_silence(rs, error, v);
    } else if (is_last(rs, page, json_array_size(list))) {
        v->event = CHARGE_NOT_FOUND;
    } else {
        v->more = true;
        v->step = page + 1;
    }
    json_decref(list);
    json_decref(error);
}

static void poll_read(const struct rail *r, const struct rail_charge *c,
                      const struct http_response *rs, struct rail_verdict *v)
{
    (void)r;
    if (c->rail_ref.n == 0)
        read_page(rs, c->our_ref, &payment, 1, v);
    else
        read_shown(rs, c->our_ref, &payment, v);
}

static void follow_read(const struct rail *r, const struct rail_charge *c,
                        const struct http_response *rs, struct rail_verdict *v)
{
    (void)r;
    read_page(rs, c->our_ref, &payment, v->step, v);
}

/* ---- refunds: nobody calls us about them ---- */

static const char *refunds_url(const struct rail *r, struct arena *a, const struct rail_refund *f,
                               struct str more)
{
    return arena_printf(a, "%s/payments/%" STR_FMT "/refunds%" STR_FMT,
                        airtime_of(r)->c->refund_url, STR_ARG(f->charge.rail_ref), STR_ARG(more));
}

/* partial names its amount: what two persons let go is what leaves, be it the whole. */
static void refund_request(const struct rail *r, struct arena *a, const struct rail_refund *f,
                           const char *token, struct http_request *rq)
{
    char *mem = arena_alloc(a, BODY_MAX);
    struct buf out;
    struct jsonw j;

    if (f->charge.rail_ref.n == 0)
        return; /* the payment has no address */
    buf_init_fixed(&out, mem, BODY_MAX);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "type", "partial");
    jsonw_key(&j, "amountTransaction");
    jsonw_object(&j);
    put_references(&j, f->our_ref);
    jsonw_key(&j, "refundAmount");
    jsonw_object(&j);
    put_money(&j, a, &f->charge);
    jsonw_end(&j);
    jsonw_end(&j);
    jsonw_end(&j);
    request(a, token, f->our_ref, refunds_url(r, a, f, STR_EMPTY), buf_str(&out), rq);
}

static void refund_read(const struct rail *r, const struct rail_refund *f,
                        const struct http_response *rs, struct rail_verdict *v)
{
    (void)r;
    read_made(rs, f->our_ref, &refund, v);
}

static void poll_refund_request(const struct rail *r, struct arena *a, const struct rail_refund *f,
                                const char *token, struct http_request *rq)
{
    const char *tail = f->rail_refund_ref.n > 0
                           ? arena_printf(a, "/%" STR_FMT, STR_ARG(f->rail_refund_ref))
                           : arena_printf(a, "?perPage=%d", PAGE_ASKED);

    if (f->charge.rail_ref.n > 0)
        request(a, token, f->our_ref, refunds_url(r, a, f, str_c(tail)), STR_EMPTY, rq);
}

/* A payment's refunds are few: a list that goes on after its first page proves nothing. */
static void poll_refund_read(const struct rail *r, const struct rail_refund *f,
                             const struct http_response *rs, struct rail_verdict *v)
{
    (void)r;
    if (f->rail_refund_ref.n > 0)
        read_shown(rs, f->our_ref, &refund, v);
    else
        read_page(rs, f->our_ref, &refund, 1, v);
    v->more = false;
}

/* ---- notifications ---- */

static enum callback_trust callback_verify(const struct rail *r, const struct rail_callback *cb)
{
    return rail_bearer_is(cb->header[RAIL_AUTHORIZATION], airtime_of(r)->c->callback_token)
               ? CALLBACK_VERIFIED
               : CALLBACK_REFUSED;
}

/* A CloudEvent. It names the payment by the operator's id, which we may never have heard. */
static void callback_hint(struct arena *a, const struct rail_callback *cb, struct rail_hint *h)
{
    json_t *root = json_loadb(cb->body.p, cb->body.n, JSON_REJECT_DUPLICATES, NULL);

    h->our_ref = arena_str(a, cb->tail);
    h->event_id = arena_str(a, str_c(text_of(root, "id")));
    json_decref(root);
}

static const struct rail_type airtime_type = {
    .code = "airtime",
    .needs_token = true,
    .token_request = token_request,
    .token_read = token_read,
    .submit_request = submit_request,
    .submit_read = submit_read,
    .poll_request = poll_request,
    .poll_read = poll_read,
    .follow_request = follow_request,
    .follow_read = follow_read,
    .refund_token_request = refund_token_request,
    .submit_refund_request = refund_request,
    .submit_refund_read = refund_read,
    .poll_refund_request = poll_refund_request,
    .poll_refund_read = poll_refund_read,
    .callback_tail = true,
    .callback_verify = callback_verify,
    .callback_hint = callback_hint,
};

/* ---- configuration ---- */

static int check(const struct airtime_config *c, const struct rail_value *all, size_t n,
                 struct err *e)
{
    const struct rail_value sink[] = {{"callback_url", c->callback_url, true},
                                      {"callback_secret", c->callback_secret, true},
                                      {"callback_token", c->callback_token, true}};

    if (rail_values_check("airtime", all, n, e) != 0)
        return -1;
    if (!rail_values_any(sink, ARRAY_LEN(sink)))
        return 0;
    if (rail_values_check("airtime", sink, ARRAY_LEN(sink), e) != 0 ||
        rail_secret_check("airtime", c->callback_secret, e) != 0)
        return -1;
    if (!rail_is_https(c->callback_url)) /* the operator would refuse each payment for it */
        return err_set(e, ERR_BAD_CONFIG, "[airtime] callback_url: https:// is needed");
    return 0;
}

int airtime_init(struct airtime *r, const struct airtime_config *c, bool *on, struct err *e)
{
    const struct rail_value all[] = {
        {"base_url", c->base_url, true},
        {"token_url", c->token_url, true},
        {"client_id", c->client_id, true},
        {"client_secret", c->client_secret, true},
        {"refund_url", c->refund_url, false},
        {"callback_url", c->callback_url, false},
        {"callback_secret", c->callback_secret, false},
        {"callback_token", c->callback_token, false},
    };

    *on = rail_values_any(all, ARRAY_LEN(all));
    if (*on && check(c, all, ARRAY_LEN(all), e) != 0)
        return -1;
    *r = (struct airtime){.rail = {.type = &airtime_type,
                                   .callback_secret = c->callback_secret,
                                   .refunds_by_hand = !*c->refund_url},
                          .c = c};
    return 0;
}

RAIL_MODULE(airtime);
