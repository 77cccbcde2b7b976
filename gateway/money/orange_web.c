/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Web Payment's requests and answers. See orange_web.h.
 *
 *   submit -> payment_url   the link goes out; pay_token is kept sealed, notif_token as a hash
 *          -> no answer     nobody has the link: no pay_token to ask with is CHARGE_NOT_ISSUED, and the
 *                           next submit has a new order (I3)
 *   poll   -> order, amount and pay_token name one order: its status is of this amount (I8)
 */
#include "gateway/money/orange_web.h"

#include <stdio.h>
#include <string.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/jsonw.h"
#include "gateway/money/amount.h"
#include "gateway/money/rail_io.h"

#define CONF(field)   offsetof(struct orange_web_config, field)
#define BODY_MAX      2048
#define URL_MAX       120
#define ORDER_LEN     26 /* 128 bits in base 32 */
#define REFERENCE_MAX 30
#define UUID_LEN      36
#define SANDBOX       "/dev/"
#define SANDBOX_MONEY "OUV"

static const struct option_row options[] = {
    {"orange_web", "base_url", OPTION_STRING, CONF(base_url), .def = "",
     .help =
         "https://api.orange.com/orange-money-webpay/ci/v1: with country and version; \"dev\" is "
         "the sandbox"},
    {"orange_web", "token_url", OPTION_STRING, CONF(token_url),
     .def = "https://api.orange.com/oauth/v3/token", .help = "Where a token is had"},
    {"orange_web", "client_id", OPTION_STRING, CONF(client_id), .def = "",
     .help = "Of the application at developer.orange.com"},
    {"orange_web", "client_secret", OPTION_SECRET, CONF(client_secret), .def = "",
     .help = "Of the same"},
    {"orange_web", "merchant_key", OPTION_SECRET, CONF(merchant_key), .def = "",
     .help = "Who is paid, from the Web Payment contract"},
    {"orange_web", "merchant_name", OPTION_STRING, CONF(merchant_name), .def = "Coko", .min = 1,
     .max = REFERENCE_MAX, .help = "On the page"},
    {"orange_web", "callback_url", OPTION_STRING, CONF(callback_url), .def = "",
     .help = "Public address ending in /pay/orange_web"},
    {"orange_web", "callback_secret", OPTION_SECRET, CONF(callback_secret), .def = "",
     .help = "Unguessable part of the callback address behind it"},
    {"orange_web", "return_url", OPTION_STRING, CONF(return_url), .def = "",
     .help = "Page that the payer sees at the end, at most 120 characters"},
    {"orange_web", "lang", OPTION_STRING, CONF(lang), .def = "fr", .min = 2, .max = 2,
     .help = "Language of the page"},
};

static const struct orange_web *web_of(const struct rail *r)
{
    return container_of(r, const struct orange_web, rail);
}

/* ---- requests ---- */

static void token_request(const struct rail *r, struct arena *a, struct http_request *rq)
{
    const struct orange_web *w = web_of(r);

    rail_token_form(a, w->c->token_url, w->c->client_id, w->c->client_secret,
                    "grant_type=client_credentials", rq);
}

/* Our reference in 26 characters: the same order for the same reference, and no other. */
static bool order_of(struct str our_ref, char out[ORDER_LEN + 1])
{
    static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    unsigned char bytes[17] = {0};
    char hex[32];
    size_t n = 0;

    if (our_ref.n != UUID_LEN)
        return false;
    for (size_t i = 0; i < our_ref.n; i++) {
        if (our_ref.p[i] == '-')
            continue;
        if (n == sizeof hex)
            return false;
        hex[n++] = our_ref.p[i];
    }
    if (hex_decode(str_n(hex, n), bytes, 16) != 16)
        return false;
    for (size_t i = 0; i < ORDER_LEN; i++) {
        size_t bit = 5 * i;
        unsigned two = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];

        out[i] = letters[two >> (11 - bit % 8) & 31];
    }
    out[ORDER_LEN] = '\0';
    return true;
}

static void request(const struct orange_web *w, struct arena *a, const char *token,
                    const char *call, struct str body, struct http_request *rq)
{
    struct rail_headers h = rail_headers_new(a);

    rail_bearer(&h, token);
    rail_header(&h, "Content-Type", "application/json");
    rail_header(&h, "Accept", "application/json");
    *rq = (struct http_request){.method = "POST",
                                .url = arena_printf(a, "%s/%s", w->c->base_url, call),
                                .headers = h.v,
                                .body = body,
                                .timeout_ms = RAIL_REQUEST_MS,
                                .no_resend = true};
}

static void add_amount(struct jsonw *j, const struct rail_charge *c)
{
    char mem[32];
    struct buf b;

    buf_init_fixed(&b, mem, sizeof mem);
    amount_format(c->amount_minor, amount_exponent(c->currency), &b);
    jsonw_kv_raw(j, "amount", buf_str(&b));
}

static struct str init_body(const struct orange_web *w, struct arena *a,
                            const struct rail_charge *c, const char *order)
{
    char *mem = arena_alloc(a, BODY_MAX);
    struct buf out;
    struct jsonw j;

    buf_init_fixed(&out, mem, BODY_MAX);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "merchant_key", w->c->merchant_key);
    jsonw_kv_str(&j, "currency", w->sandbox ? STR(SANDBOX_MONEY) : c->currency);
    jsonw_kv_cstr(&j, "order_id", order);
    add_amount(&j, c);
    jsonw_kv_cstr(&j, "return_url", w->c->return_url);
    jsonw_kv_cstr(&j, "cancel_url", w->c->return_url);
    jsonw_kv_cstr(&j, "notif_url",
                  arena_printf(a, "%s/%s/%" STR_FMT, w->c->callback_url, w->c->callback_secret,
                               STR_ARG(c->our_ref)));
    jsonw_kv_cstr(&j, "lang", w->c->lang);
    jsonw_kv_cstr(&j, "reference", w->c->merchant_name);
    jsonw_end(&j);
    return buf_str(&out);
}

/* Amounts of this rail are whole. */
static void submit_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           const char *token, struct http_request *rq)
{
    char order[ORDER_LEN + 1];

    if (order_of(c->our_ref, order) && amount_exponent(c->currency) == 0)
        request(web_of(r), a, token, "webpayment", init_body(web_of(r), a, c, order), rq);
}

/* Without a pay_token there is nothing to ask with, and nobody has a link: `unasked`. */
static void poll_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                         const char *token, struct http_request *rq)
{
    char *mem = arena_alloc(a, BODY_MAX), order[ORDER_LEN + 1];
    struct buf out;
    struct jsonw j;

    if (c->memo.n == 0 || !order_of(c->our_ref, order))
        return;
    buf_init_fixed(&out, mem, BODY_MAX);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "order_id", order);
    add_amount(&j, c);
    jsonw_kv_str(&j, "pay_token", c->memo);
    jsonw_end(&j);
    request(web_of(r), a, token, "transactionstatus", buf_str(&out), rq);
}

/* ---- answers ---- */

static bool token_read(const struct rail *r, const struct http_response *rs, struct token_value *t)
{
    (void)r;
    return token_take(rs, t);
}

/* A text of the rail's that must come back or be proved as it is: visible ASCII that fits, or none. */
static bool take_secret(char *out, size_t cap, json_t *v)
{
    const char *s = json_string_value(v);

    if (!s || !*s || strlen(s) != json_string_length(v) || strlen(s) >= cap || !rail_is_visible(s))
        return false;
    memcpy(out, s, strlen(s) + 1);
    return true;
}

/* All three or nothing: without its tokens a link could be paid and never be believed. */
static void read_page(json_t *root, struct rail_verdict *v)
{
    if (take_secret(v->memo, sizeof v->memo, json_object_get(root, "pay_token")) &&
        take_secret(v->callback_key, sizeof v->callback_key,
                    json_object_get(root, "notif_token")) &&
        rail_take_link(v, json_object_get(root, "payment_url")))
        v->event = CHARGE_ACCEPTED;
    else
        *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
}

static void submit_read(const struct rail *r, const struct rail_charge *c,
                        const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = rail_object(rs);
    json_t *code = root ? json_object_get(root, "code") : NULL;

    (void)r;
    (void)c;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    if (root && rs->status >= 200 && rs->status < 300)
        read_page(root, v);
    else if (rs->status == 401)
        v->token_refused = true;
    else if (code &&
             (rs->status == 400 || rs->status == 403 || rs->status == 404 || rs->status == 422))
        v->event = CHARGE_REJECTED;
    rail_take_id(v->reason, sizeof v->reason, code);
    json_decref(root);
}

static void read_status(json_t *root, const struct rail_charge *c, struct rail_verdict *v)
{
    static const struct {
        const char *word;
        enum charge_event event;
    } words[] = {{"INITIATED", CHARGE_PENDING}, {"PENDING", CHARGE_PENDING},
                 {"SUCCESS", CHARGE_SUCCESS},   {"FAILED", CHARGE_DECLINED},
                 {"FAILURE", CHARGE_DECLINED},  {"EXPIRED", CHARGE_EXPIRED}};
    const char *word = rail_word(json_object_get(root, "status"));

    rail_take_text(v->reason, sizeof v->reason, word);
    v->new_word = *word != '\0';
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(word, words[i].word) == 0) {
            v->event = words[i].event;
            v->new_word = false;
        }
    }
    if (c->revoke && strcmp(word, "INITIATED") == 0)
        v->event = CHARGE_EXPIRED; /* its time is over, and nobody began to pay */
    if (v->event != CHARGE_SUCCESS)
        return;
    rail_take_id(v->rail_txn, sizeof v->rail_txn, json_object_get(root, "txnid"));
    /* the order was named with its amount, and an amount that comes back is looked at all the same */
    v->has_amount = true;
    v->amount_minor = c->amount_minor;
    memcpy(v->currency, c->currency.p, MIN(c->currency.n, sizeof v->currency - 1));
    if (json_object_get(root, "amount"))
        rail_take_money(v, json_object_get(root, "amount"), json_object_get(root, "currency"));
}

static void poll_read(const struct rail *r, const struct rail_charge *c,
                      const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = rail_object(rs);
    const char *named = json_string_value(json_object_get(root, "order_id"));
    char order[ORDER_LEN + 1];

    (void)r;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    v->token_refused = rs->status == 401;
    if (root && rs->status >= 200 && rs->status < 300 && order_of(c->our_ref, order)) {
        read_status(root, c, v);
        if (named ? strcmp(named, order) != 0 : v->event == CHARGE_SUCCESS) /* case 17 */
            v->event = v->event == CHARGE_SUCCESS ? CHARGE_MISMATCH : CHARGE_UNKNOWN;
    }
    json_decref(root);
}

/* The order stands in the path that we gave; the body says no more than its secret (case 18). */
static void callback_hint(struct arena *a, const struct rail_callback *cb, struct rail_hint *h)
{
    json_t *root = json_loadb(cb->body.p, cb->body.n, JSON_REJECT_DUPLICATES, NULL);
    json_t *token = json_is_object(root) ? json_object_get(root, "notif_token") : NULL;

    h->our_ref = cb->tail;
    h->wants_proof = true;
    if (json_is_string(token))
        h->proof = arena_str(a, str_n(json_string_value(token), json_string_length(token)));
    json_decref(root);
}

static const struct rail_type orange_web_type = {
    .code = "orange_web",
    .needs_token = true,
    .unasked = CHARGE_NOT_ISSUED,
    .token_request = token_request,
    .token_read = token_read,
    .submit_request = submit_request,
    .submit_read = submit_read,
    .poll_request = poll_request,
    .poll_read = poll_read,
    .callback_tail = true,
    .callback_hint = callback_hint,
};

/* ---- configuration ---- */

/* The rail refuses addresses of the machine itself. */
static bool is_public(const char *s)
{
    return rail_is_https(s) && strncmp(s, "https://localhost", 17) != 0;
}

/* What the rail would refuse for each charge is refused once, at the start (hard case 30). */
static int check_urls(const struct orange_web_config *c, struct err *e)
{
    size_t notif = strlen(c->callback_url) + 1 + strlen(c->callback_secret) + 1 + UUID_LEN;

    if (rail_secret_check("orange_web", c->callback_secret, e) != 0)
        return -1;
    if (!is_public(c->callback_url) || !is_public(c->return_url))
        return err_set(e, ERR_BAD_CONFIG,
                       "[orange_web] callback_url, return_url: public https addresses");
    if (notif > URL_MAX || strlen(c->return_url) > URL_MAX)
        return err_set(e, ERR_BAD_CONFIG,
                       "[orange_web] callback_url with its secret and %d characters more, and "
                       "return_url, have %d at most",
                       UUID_LEN + 2, URL_MAX);
    return 0;
}

int orange_web_init(struct orange_web *r, const struct orange_web_config *c, bool *on,
                    struct err *e)
{
    const struct rail_value all[] = {
        {"token_url", c->token_url, true}, /* has a default, and says nothing of what is wanted */
        {"base_url", c->base_url, true},           {"client_id", c->client_id, true},
        {"client_secret", c->client_secret, true}, {"merchant_key", c->merchant_key, true},
        {"callback_url", c->callback_url, true},   {"callback_secret", c->callback_secret, true},
        {"return_url", c->return_url, true},
    };

    *on = rail_values_any(all + 1, ARRAY_LEN(all) - 1);
    if (*on &&
        (rail_values_check("orange_web", all, ARRAY_LEN(all), e) != 0 || check_urls(c, e) != 0))
        return -1;
    *r = (struct orange_web){
        .rail = {.type = &orange_web_type, .callback_secret = c->callback_secret},
        .c = c,
        .sandbox = strstr(c->base_url, SANDBOX) != NULL};
    return 0;
}

RAIL_MODULE(orange_web);
