/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MTN rail's requests and answers. See mtn_momo.h.
 *
 * Traps of this rail, each with a test: a failed payment is HTTP 200; `reason` is a string in old
 * answers and an object in new ones; logical errors come as HTTP 500 with a code; a 2xx page of
 * HTML is no answer; an apostrophe in the body is refused.
 */
#include "gateway/money/mtn_momo.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/gsm.h"
#include "gateway/lib/jsonw.h"
#include "gateway/money/amount.h"

#define CONF(field) offsetof(struct mtn_momo_config, field)
#define NOTE_MAX    160 /* payerMessage and payeeNote */
#define REQUEST_MS  10000
#define VALUE_MAX   160 /* of a configured value: two of them in base64 fit one header */
#define HEADERS_MAX 8

const struct option_row mtn_momo_options[] = {
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
};
const size_t mtn_momo_options_count = ARRAY_LEN(mtn_momo_options);

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

struct headers {
    struct arena *a;
    const char **v;
    size_t n;
};

static struct headers headers_new(struct arena *a)
{
    return (struct headers){.a = a, .v = arena_zalloc(a, HEADERS_MAX + 1, sizeof(char *))};
}

static void header(struct headers *h, const char *name, const char *value)
{
    if (h->v && h->n < HEADERS_MAX)
        h->v[h->n++] = arena_printf(h->a, "%s: %s", name, value);
}

static void common(const struct mtn_momo *m, struct headers *h, const char *token)
{
    header(h, "Ocp-Apim-Subscription-Key", m->c->subscription_key);
    if (!token)
        return;
    header(h, "X-Target-Environment", m->c->target_environment);
    h->v[h->n++] = arena_printf(h->a, "Authorization: Bearer %s", token);
}

static void token_request(const struct rail *r, struct arena *a, struct http_request *rq)
{
    const struct mtn_momo *m = mtn_of(r);
    struct headers h = headers_new(a);
    char mem[512];
    struct buf b64;

    buf_init_fixed(&b64, mem, sizeof mem);
    const char *pair = arena_printf(a, "%s:%s", m->c->user_id, m->c->api_key);

    base64_encode(&b64, BASE64_STD, pair, strlen(pair));
    common(m, &h, NULL);
    h.v[h.n++] = arena_printf(a, "Authorization: Basic %.*s", (int)b64.len, mem);
    if (m->c->token_body)
        header(&h, "Content-Type", "application/json");
    *rq = (struct http_request){
        .method = "POST",
        .url = arena_printf(a, "%s/collection/token/", m->c->base_url),
        .headers = h.v,
        .body = m->c->token_body ? STR("{\"grant_type\":\"client_credentials\"}") : STR_EMPTY,
        .timeout_ms = REQUEST_MS};
}

/* ASCII without apostrophes, at most 160 characters: what this rail lets through (hard case 29). */
static struct str note_text(struct arena *a, struct str label)
{
    char *mem = arena_alloc(a, NOTE_MAX + 1);
    struct buf out, folded;

    buf_init(&folded, 4 * NOTE_MAX);
    gsm_fold(label, &folded, GSM_FOLD_ASCII | GSM_FOLD_BASIC);
    buf_init_fixed(&out, mem, NOTE_MAX);
    buf_puts(&out, "Coko ");
    for (size_t i = 0; i < folded.len && out.len < NOTE_MAX; i++) {
        unsigned char c = (unsigned char)folded.p[i];
        bool plain = c >= 0x20 && c < 0x7F && c != '\'' && c != '"' && c != '\\';

        buf_addc(&out, plain ? (char)c : ' ');
    }
    buf_fini(&folded);
    return str_trim(buf_str(&out));
}

static struct str pay_body(struct arena *a, const struct rail_charge *c)
{
    char *mem = arena_alloc(a, 1024), amount[32];
    struct str note = note_text(a, c->label);
    struct buf out, am;
    struct jsonw j;

    buf_init_fixed(&out, mem, 1024);
    buf_init_fixed(&am, amount, sizeof amount);
    amount_format(c->amount_minor, amount_exponent(c->currency), &am);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    jsonw_kv_str(&j, "amount", buf_str(&am));
    jsonw_kv_str(&j, "currency", c->currency);
    jsonw_kv_str(&j, "externalId", c->our_ref);
    jsonw_key(&j, "payer");
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "partyIdType", "MSISDN");
    jsonw_kv_str(&j, "partyId", c->payer);
    jsonw_end(&j);
    jsonw_kv_str(&j, "payerMessage", note);
    jsonw_kv_str(&j, "payeeNote", note);
    jsonw_end(&j);
    return buf_str(&out);
}

static void submit_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           const char *token, struct http_request *rq)
{
    const struct mtn_momo *m = mtn_of(r);
    struct headers h = headers_new(a);

    common(m, &h, token);
    h.v[h.n++] = arena_printf(a, "X-Reference-Id: %" STR_FMT, STR_ARG(c->our_ref));
    header(&h, "Content-Type", "application/json");
    if (*m->c->callback_url)
        h.v[h.n++] =
            arena_printf(a, "X-Callback-Url: %s/%s", m->c->callback_url, m->c->callback_secret);
    *rq = (struct http_request){
        .method = "POST",
        .url = arena_printf(a, "%s/collection/v1_0/requesttopay", m->c->base_url),
        .headers = h.v,
        .body = pay_body(a, c),
        .timeout_ms = REQUEST_MS,
        .no_resend = true};
}

static void poll_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                         const char *token, struct http_request *rq)
{
    const struct mtn_momo *m = mtn_of(r);
    struct headers h = headers_new(a);

    common(m, &h, token);
    *rq = (struct http_request){.method = "GET",
                                .url = arena_printf(a, "%s/collection/v1_0/requesttopay/%" STR_FMT,
                                                    m->c->base_url, STR_ARG(c->our_ref)),
                                .headers = h.v,
                                .timeout_ms = REQUEST_MS};
}

/* ---- answers ---- */

/* NULL unless the body is one JSON object. */
static json_t *body_object(const struct http_response *rs)
{
    json_t *root = json_loadb(rs->body.p, rs->body.n, JSON_REJECT_DUPLICATES, NULL);

    if (json_is_object(root))
        return root;
    json_decref(root);
    return NULL;
}

/* A text, or the "code" of an object (the published form of `reason`). */
static const char *code_of(json_t *v)
{
    const char *s = json_string_value(json_is_object(v) ? json_object_get(v, "code") : v);

    return s ? s : "";
}

static bool one_of(const char *code, const char *const *set, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(code, set[i]) == 0)
            return true;
    }
    return false;
}

/* Visible ASCII only: what may stand in a header line or an address. */
static bool is_visible(const char *s)
{
    for (; *s; s++) {
        if (*s <= 0x20 || *s >= 0x7F)
            return false;
    }
    return true;
}

/* The rail's text into a bounded field: printable ASCII, whole characters; the rest becomes '?'. */
static void take_text(char *out, size_t cap, const char *s)
{
    size_t n = 0;

    for (; *s && n + 1 < cap; s++) {
        if (((unsigned char)*s & 0xC0) != 0x80)
            out[n++] = (char)(*s >= 0x20 && *s < 0x7F ? *s : '?');
    }
    out[n] = '\0';
}

static bool token_read(const struct rail *r, const struct http_response *rs, struct rail_token *t)
{
    json_t *root = rs->status == 200 ? body_object(rs) : NULL;
    const char *value = json_string_value(json_object_get(root, "access_token"));
    json_int_t life = json_integer_value(json_object_get(root, "expires_in"));
    bool ok = value && *value && strlen(value) < sizeof t->value && is_visible(value) && life > 0;

    (void)r;
    if (ok) {
        snprintf(t->value, sizeof t->value, "%s", value);
        t->expires_s = (unsigned)MIN(life, 86400);
    }
    json_decref(root);
    return ok;
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

static void submit_read(const struct rail *r, const struct http_response *rs,
                        struct rail_verdict *v)
{
    json_t *root = body_object(rs);
    const char *code = code_of(root ? json_object_get(root, "code") : NULL);

    (void)r;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    if (rs->status == 202 && (root || str_trim(rs->body).n == 0)) /* a page is no answer */
        v->event = CHARGE_ACCEPTED;
    else if (rs->status == 409)
        v->event = CHARGE_DUPLICATE;
    else if (rs->status == 401)
        v->token_refused = true;
    else
        v->event = refusal(rs->status, code);
    take_text(v->reason, sizeof v->reason, code);
    json_decref(root);
}

/* The amount as text; "" for what is no number. 2500.0 is 2500: some rails make numbers floats. */
static struct str amount_text(json_t *amount, unsigned exponent, char *mem, size_t size)
{
    double d = json_real_value(amount);

    if (json_is_string(amount))
        return str_n(json_string_value(amount), json_string_length(amount));
    *mem = '\0';
    if (json_is_integer(amount))
        snprintf(mem, size, "%lld", (long long)json_integer_value(amount));
    else if (json_is_real(amount) && d >= 0 && d < 1e13)
        snprintf(mem, size, "%.*f", (int)exponent, d);
    if (json_is_real(amount) && strtod(mem, NULL) != d) /* a fraction that the currency lacks */
        *mem = '\0';
    return str_c(mem);
}

static void read_amount(json_t *root, struct rail_verdict *v)
{
    json_t *amount = json_object_get(root, "amount");
    const char *currency = json_string_value(json_object_get(root, "currency"));

    unsigned exponent;
    char mem[40];

    /* cut to fit, "XOFX" would be XOF: another length is no currency (I8) */
    if (currency && strlen(currency) == sizeof v->currency - 1)
        take_text(v->currency, sizeof v->currency, currency);
    exponent = amount_exponent(str_c(v->currency));
    /* a JSON number is in units, not in minor units, like the text form */
    v->has_amount =
        amount_parse(amount_text(amount, exponent, mem, sizeof mem), exponent, &v->amount_minor);
}

static void read_success(const struct rail_charge *c, json_t *root, struct rail_verdict *v)
{
    const char *external = json_string_value(json_object_get(root, "externalId"));
    json_t *txn = json_object_get(root, "financialTransactionId");

    v->event = external && str_eq_c(c->our_ref, external) ? CHARGE_SUCCESS : CHARGE_MISMATCH;
    if (json_is_integer(txn))
        snprintf(v->rail_txn, sizeof v->rail_txn, "%lld", (long long)json_integer_value(txn));
    else if (json_is_string(txn))
        take_text(v->rail_txn, sizeof v->rail_txn, json_string_value(txn));
    read_amount(root, v);
}

static void read_status(const struct rail_charge *c, json_t *root, struct rail_verdict *v)
{
    const char *status = code_of(json_object_get(root, "status"));
    const char *reason = code_of(json_object_get(root, "reason"));

    take_text(v->reason, sizeof v->reason, *reason ? reason : status);
    if (strcmp(status, "SUCCESSFUL") == 0)
        read_success(c, root, v);
    else if (strcmp(status, "PENDING") == 0 || strcmp(status, "CREATED") == 0)
        v->event = CHARGE_PENDING;
    else if (strcmp(status, "FAILED") == 0)
        v->event = one_of(reason, expired_codes, ARRAY_LEN(expired_codes)) ? CHARGE_EXPIRED
                                                                           : CHARGE_DECLINED;
    else { /* a word never seen: stays unknown, the raw word is kept (I12) */
        take_text(v->reason, sizeof v->reason, status);
        v->new_word = true;
    }
}

static void poll_read(const struct rail *r, const struct rail_charge *c,
                      const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = body_object(rs);
    const char *code = code_of(root ? json_object_get(root, "code") : NULL);

    (void)r;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    take_text(v->reason, sizeof v->reason, code);
    if (rs->status == 200 && root)
        read_status(c, root, v);
    else if (rs->status == 404 && strcmp(code, "RESOURCE_NOT_FOUND") == 0)
        v->event = CHARGE_NOT_FOUND; /* a 404 of a proxy in between is not the rail's word */
    else if (rs->status == 401)
        v->token_refused = true;
    json_decref(root);
}

static struct str callback_ref(struct arena *a, struct str body)
{
    json_t *root = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    json_t *id = json_is_object(root) ? json_object_get(root, "externalId") : NULL;
    struct str ref = STR_EMPTY;

    if (json_is_string(id))
        ref = arena_str(a, str_n(json_string_value(id), json_string_length(id)));
    json_decref(root);
    return ref;
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
    .callback_ref = callback_ref,
};

/* A line break in a value from the environment would be a header of its own. */
static int values_check(const struct mtn_momo_config *c, struct err *e)
{
    const struct {
        const char *key, *value;
    } all[] = {{"base_url", c->base_url},
               {"target_environment", c->target_environment},
               {"user_id", c->user_id},
               {"api_key", c->api_key},
               {"subscription_key", c->subscription_key},
               {"callback_url", c->callback_url},
               {"callback_secret", c->callback_secret}};

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (!is_visible(all[i].value) || strlen(all[i].value) > VALUE_MAX)
            return err_set(e, ERR_BAD_CONFIG,
                           "[mtn_momo] %s: visible ASCII without spaces, at most %d characters",
                           all[i].key, VALUE_MAX);
    }
    return 0;
}

int mtn_momo_init(struct mtn_momo *r, const struct mtn_momo_config *c, bool *on, struct err *e)
{
    const struct {
        const char *key, *value;
    } needed[] = {{"target_environment", c->target_environment},
                  {"user_id", c->user_id},
                  {"api_key", c->api_key},
                  {"subscription_key", c->subscription_key}};

    *on = *c->base_url != '\0';
    for (size_t i = 0; *on && i < ARRAY_LEN(needed); i++) {
        if (!*needed[i].value)
            return err_set(e, ERR_BAD_CONFIG, "[mtn_momo] %s is missing", needed[i].key);
    }
    if (*on && values_check(c, e) != 0)
        return -1;
    if (*on && (*c->callback_url || *c->callback_secret) && strlen(c->callback_secret) < 16)
        return err_set(e, ERR_BAD_CONFIG, "[mtn_momo] callback_secret needs 16 characters or more");
    *r = (struct mtn_momo){.rail = {.type = &mtn_momo_type, .callback_secret = c->callback_secret},
                           .c = c};
    return 0;
}
