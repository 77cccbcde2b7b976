/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The M-Pesa rail's requests and answers. See mpesa.h.
 *
 *   submit   POST processrequest   -> the id of the request, kept sealed
 *   poll     POST query, by that id; nothing at all while there is none
 *
 * Traps of this rail, each with a test: numbers come as texts and texts as numbers; a charge that
 * is still being processed is an HTTP 500; the same error code is a phone that is busy and a
 * password that is wrong; an unreachable phone (1037) may have paid all the same.
 */
#include "gateway/money/mpesa.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/jsonw.h"
#include "gateway/money/amount.h"
#include "gateway/money/rail_io.h"

#define CONF(field)   offsetof(struct mpesa_config, field)
#define BODY_MAX      2048 /* of the longest values that a configuration may have */
#define REFERENCE_MAX 12   /* of AccountReference, what a payer reads on the prompt */
#define DESC_MAX      13
#define STAMP_MAX     15 /* yyyyMMddHHmmss and NUL */
#define NAIROBI_S     (3 * 3600)

static const struct option_row options[] = {
    {"mpesa", "base_url", OPTION_STRING, CONF(base_url), .def = "",
     .help = "https://api.safaricom.co.ke, or the sandbox"},
    {"mpesa", "consumer_key", OPTION_SECRET, CONF(consumer_key), .def = "",
     .help = "Of the app at Daraja"},
    {"mpesa", "consumer_secret", OPTION_SECRET, CONF(consumer_secret), .def = "",
     .help = "Of the app at Daraja"},
    {"mpesa", "short_code", OPTION_STRING, CONF(short_code), .def = "",
     .help = "Paybill, or the store's number of a till"},
    {"mpesa", "till", OPTION_STRING, CONF(till), .def = "",
     .help = "Till that is paid (buy goods); empty: the paybill itself"},
    {"mpesa", "passkey", OPTION_SECRET, CONF(passkey), .def = "",
     .help = "Of M-Pesa Express, for short_code"},
    {"mpesa", "callback_url", OPTION_STRING, CONF(callback_url), .def = "",
     .help = "Public address ending in /pay/mpesa"},
    {"mpesa", "callback_secret", OPTION_SECRET, CONF(callback_secret), .def = "",
     .help = "Unguessable part of the callback address"},
};

/* ResultCode of a payment; what is not here waits and calls a person (I12). */
static const struct {
    const char *code;
    enum charge_event event;
    const char *reason;
} results[] = {
    {"0", CHARGE_SUCCESS, ""},
    {"1", CHARGE_DECLINED, "1 not enough funds"},
    {"17", CHARGE_DECLINED, "17 limit of the payer"},
    {"1001", CHARGE_DECLINED, "1001 another session on the phone"},
    {"1019", CHARGE_EXPIRED, "1019 expired"},
    {"1025", CHARGE_EXPIRED, "1025 prompt not sent"},
    {"1032", CHARGE_DECLINED, "1032 cancelled by the payer"},
    {"1037", CHARGE_UNKNOWN, "1037 phone unreachable"}, /* the prompt may be answered yet */
    {"2001", CHARGE_DECLINED, "2001 wrong PIN"},
    {"9999", CHARGE_EXPIRED, "9999 prompt not sent"},
};

static const struct mpesa *mpesa_of(const struct rail *r)
{
    return container_of(r, const struct mpesa, rail);
}

/* ---- requests ---- */

static void token_request(const struct rail *r, struct arena *a, struct http_request *rq)
{
    const struct mpesa *m = mpesa_of(r);
    struct rail_headers h = rail_headers_new(a);

    rail_basic(&h, m->c->consumer_key, m->c->consumer_secret);
    *rq = (struct http_request){
        .method = "GET",
        .url =
            arena_printf(a, "%s/oauth/v1/generate?grant_type=client_credentials", m->c->base_url),
        .headers = h.v,
        .timeout_ms = RAIL_REQUEST_MS};
}

static void post(const struct rail *r, struct arena *a, const char *path, const char *token,
                 struct str body, struct http_request *rq)
{
    struct rail_headers h = rail_headers_new(a);

    rail_bearer(&h, token);
    rail_header(&h, "Content-Type", "application/json");
    *rq = (struct http_request){.method = "POST",
                                .url = arena_printf(a, "%s%s", mpesa_of(r)->c->base_url, path),
                                .headers = h.v,
                                .body = body,
                                .timeout_ms = RAIL_REQUEST_MS};
}

/* Now in Nairobi, which has no summer time. */
static void stamp(char out[STAMP_MAX])
{
    time_t now = (time_t)(clock_wall_us() / 1000000) + NAIROBI_S;
    struct tm tm;

    strftime(out, STAMP_MAX, "%Y%m%d%H%M%S", gmtime_r(&now, &tm));
}

/* Who asks: BusinessShortCode, Password, Timestamp. */
static void credentials(const struct mpesa *m, struct arena *a, struct jsonw *j)
{
    char mem[4 * (2 * RAIL_VALUE_MAX + STAMP_MAX + 3) / 3], now[STAMP_MAX];
    const char *clear;
    struct buf b64;

    stamp(now);
    clear = arena_printf(a, "%s%s%s", m->c->short_code, m->c->passkey, now);
    buf_init_fixed(&b64, mem, sizeof mem);
    base64_encode(&b64, BASE64_STD, clear, strlen(clear));
    jsonw_kv_cstr(j, "BusinessShortCode", m->c->short_code);
    jsonw_kv_str(j, "Password", buf_str(&b64));
    jsonw_kv_cstr(j, "Timestamp", now);
}

/* What stands on the prompt and in the statement: the first letters of our reference. */
static struct str short_reference(struct arena *a, struct str our_ref)
{
    char *mem = arena_alloc(a, REFERENCE_MAX);
    size_t n = 0;

    for (size_t i = 0; i < our_ref.n && n < REFERENCE_MAX; i++) {
        if (our_ref.p[i] != '-')
            mem[n++] = our_ref.p[i];
    }
    return str_n(mem, n);
}

/* A whole number: the rail takes no cents. */
static bool whole_units(const struct rail_charge *c, int64_t *units)
{
    int64_t unit = 1;

    for (unsigned n = amount_exponent(c->currency); n > 0; n--)
        unit *= 10;
    *units = c->amount_minor / unit;
    return c->amount_minor % unit == 0 && *units > 0;
}

static struct str push_body(const struct mpesa *m, struct arena *a, const struct rail_charge *c,
                            int64_t units)
{
    const char *callback = arena_printf(a, "%s/%s/%" STR_FMT, m->c->callback_url,
                                        m->c->callback_secret, STR_ARG(c->our_ref));
    char *mem = arena_alloc(a, BODY_MAX);
    struct buf out;
    struct jsonw j;

    buf_init_fixed(&out, mem, BODY_MAX);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    credentials(m, a, &j);
    jsonw_kv_cstr(&j, "TransactionType",
                  *m->c->till ? "CustomerBuyGoodsOnline" : "CustomerPayBillOnline");
    jsonw_kv_i64(&j, "Amount", units);
    jsonw_kv_str(&j, "PartyA", c->payer);
    jsonw_kv_cstr(&j, "PartyB", *m->c->till ? m->c->till : m->c->short_code);
    jsonw_kv_str(&j, "PhoneNumber", c->payer);
    jsonw_kv_cstr(&j, "CallBackURL", callback);
    jsonw_kv_str(&j, "AccountReference", short_reference(a, c->our_ref));
    jsonw_kv_str(&j, "TransactionDesc", rail_note(a, c->label, DESC_MAX));
    jsonw_end(&j);
    return buf_str(&out);
}

static void submit_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           const char *token, struct http_request *rq)
{
    int64_t units;

    if (!whole_units(c, &units) || !str_eq_c(c->currency, "KES"))
        return;
    post(r, a, "/mpesa/stkpush/v1/processrequest", token, push_body(mpesa_of(r), a, c, units), rq);
    rq->no_resend = true;
}

static void poll_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                         const char *token, struct http_request *rq)
{
    char *mem = arena_alloc(a, BODY_MAX);
    struct buf out;
    struct jsonw j;

    if (c->memo.n == 0)
        return; /* the answer to its submit was lost: there is nothing to ask about */
    buf_init_fixed(&out, mem, BODY_MAX);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    credentials(mpesa_of(r), a, &j);
    jsonw_kv_str(&j, "CheckoutRequestID", c->memo);
    jsonw_end(&j);
    post(r, a, "/mpesa/stkpushquery/v1/query", token, buf_str(&out), rq);
}

/* ---- answers ---- */

/* expires_in is a text here. */
static bool token_read(const struct rail *r, const struct http_response *rs, struct token_value *t)
{
    (void)r;
    return token_take(rs, t);
}

/* A code as text, whichever way it came. */
static void take_code(char *out, size_t cap, json_t *root, const char *key)
{
    rail_take_id(out, cap, json_object_get(root, key));
}

static bool error_says(json_t *root, const char *code, const char *words)
{
    const char *text = json_string_value(json_object_get(root, "errorMessage"));
    char got[32];

    take_code(got, sizeof got, root, "errorCode");
    return strcmp(got, code) == 0 && text && strcasestr(text, words);
}

/* 404.001.03 is an HTTP 404 or 401, by the gateway that says it. */
static bool token_is_refused(const struct http_response *rs, json_t *root)
{
    char code[32];

    take_code(code, sizeof code, root, "errorCode");
    return rs->status == 401 || strcmp(code, "404.001.03") == 0;
}

static void read_refusal(const struct http_response *rs, json_t *root, struct rail_verdict *v)
{
    char code[32];

    take_code(code, sizeof code, root, "errorCode");
    rail_take_text(v->reason, sizeof v->reason, code);
    if (token_is_refused(rs, root)) {
        v->token_refused = true;
    } else if (error_says(root, "500.001.1001", "unable to lock subscriber")) {
        v->event = CHARGE_NOT_SENT; /* the phone is in another session: it was not asked */
    } else if (*code && (rs->status == 400 || rs->status == 403 || rs->status == 404)) {
        v->event = CHARGE_REJECTED;
    }
}

static void submit_read(const struct rail *r, const struct rail_charge *c,
                        const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = rail_object(rs);
    char accepted[32], id[RAIL_MEMO_MAX];

    (void)r;
    (void)c;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    take_code(accepted, sizeof accepted, root, "ResponseCode");
    take_code(id, sizeof id, root, "CheckoutRequestID");
    if (rs->status != 200) {
        read_refusal(rs, root, v);
    } else if (strcmp(accepted, "0") == 0 && *id) {
        v->event = CHARGE_ACCEPTED;
        rail_take_text(v->memo, sizeof v->memo, id);
    } else if (*accepted && strcmp(accepted, "0") != 0) {
        v->event = CHARGE_REJECTED;
        rail_take_text(v->reason, sizeof v->reason, accepted);
    }
    json_decref(root);
}

static void read_result(const struct rail_charge *c, const char *code, struct rail_verdict *v)
{
    rail_take_text(v->reason, sizeof v->reason, code);
    v->new_word = true;
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        if (strcmp(code, results[i].code) == 0) {
            v->event = results[i].event;
            v->new_word = false;
            rail_take_text(v->reason, sizeof v->reason, results[i].reason);
        }
    }
    if (v->event != CHARGE_SUCCESS)
        return;
    /* of the request that has this id: the rail says none (mpesa.h) */
    v->has_amount = true;
    v->amount_minor = c->amount_minor;
    snprintf(v->currency, sizeof v->currency, "KES");
}

static void poll_read(const struct rail *r, const struct rail_charge *c,
                      const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = rail_object(rs);
    const char *id = json_string_value(json_object_get(root, "CheckoutRequestID"));
    char code[32];

    (void)r;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    take_code(code, sizeof code, root, "ResultCode");
    if (rs->status == 200 && *code && id && str_eq_c(c->memo, id))
        read_result(c, code, v);
    else if (error_says(root, "500.001.1001", "is being processed"))
        v->event = CHARGE_PENDING;
    else if (rs->status != 200 && token_is_refused(rs, root))
        v->token_refused = true;
    else
        take_code(v->reason, sizeof v->reason, root, "errorCode");
    json_decref(root);
}

/* The path says whose it is: the body names the charge by an id that we may never have heard. */
static void callback_hint(struct arena *a, const struct rail_callback *cb, struct rail_hint *h)
{
    h->our_ref = arena_str(a, cb->tail);
}

static const struct rail_type mpesa_type = {
    .code = "mpesa",
    .needs_token = true,
    .token_request = token_request,
    .token_read = token_read,
    .submit_request = submit_request,
    .submit_read = submit_read,
    .poll_request = poll_request,
    .poll_read = poll_read,
    .callback_tail = true,
    .callback_hint = callback_hint,
};

int mpesa_init(struct mpesa *r, const struct mpesa_config *c, bool *on, struct err *e)
{
    const struct rail_value all[] = {{"base_url", c->base_url, true},
                                     {"consumer_key", c->consumer_key, true},
                                     {"consumer_secret", c->consumer_secret, true},
                                     {"short_code", c->short_code, true},
                                     {"passkey", c->passkey, true},
                                     {"callback_url", c->callback_url, true},
                                     {"callback_secret", c->callback_secret, true},
                                     {"till", c->till, false}};

    *on = rail_values_any(all, ARRAY_LEN(all));
    if (*on && (rail_values_check("mpesa", all, ARRAY_LEN(all), e) != 0 ||
                rail_secret_check("mpesa", c->callback_secret, e) != 0))
        return -1;
    *r = (struct mpesa){.rail = {.type = &mpesa_type, .callback_secret = c->callback_secret},
                        .c = c};
    return 0;
}

RAIL_MODULE(mpesa);
