/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Wave rail's requests and answers. See wave.h.
 *
 *   submit   POST sessions                     -> the link
 *   poll     GET sessions/ID                   -> its state
 *            POST sessions/ID/expire, GET      -> the same, when nobody should pay it any more
 *            GET sessions/search, when the create was not answered:
 *                none -> not issued   one -> adopted   more -> all but one expired, and searched again
 *   refund   POST sessions/ID/refund, as often as asked: the rail pays back once
 *
 * Traps of this rail, each with a test: an attempt that failed leaves the session open, so only the
 * end of the session fails a charge; success takes two words, payment_status and checkout_status;
 * amounts are texts; an expire that comes too late is a 409, and may be a payment.
 */
#include "gateway/money/wave.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/lib/clock.h"
#include "gateway/lib/jsonw.h"
#include "gateway/money/amount.h"
#include "gateway/money/rail_io.h"
#include "gateway/money/signature.h"

#define CONF(field) offsetof(struct wave_config, field)
#define SESSIONS    "/v1/checkout/sessions"
#define BODY_MAX    1024
#define LIFE_MAX_S  (7 * 86400)

static const char *const webhook_words[] = {"signature", "bearer", NULL};

static const struct option_row options[] = {
    {"wave", "base_url", OPTION_STRING, CONF(base_url), .def = "", .help = "https://api.wave.com"},
    {"wave", "api_key", OPTION_SECRET, CONF(api_key), .def = "",
     .help = "Key of one business wallet, with the Checkout API"},
    {"wave", "signing_secret", OPTION_SECRET, CONF(signing_secret), .def = "",
     .help = "wave_..._AKS_...: signs our requests where the key wants that; empty: unsigned"},
    {"wave", "webhook_secret", OPTION_SECRET, CONF(webhook_secret), .def = "",
     .help = "wave_..._WHS_...: of the webhook that calls callback_secret's address"},
    {"wave", "webhook_secret_previous", OPTION_SECRET, CONF(webhook_secret_previous), .def = "",
     .help = "The one before it, believed as well while the change is under way"},
    {"wave", "webhook", OPTION_ENUM, CONF(webhook), .def = "signature", .words = webhook_words,
     .help = "Security strategy of the webhook: signature, or bearer (shared secret)"},
    {"wave", "callback_secret", OPTION_SECRET, CONF(callback_secret), .def = "",
     .help = "Unguessable last part of the webhook's address, .../pay/wave/SECRET"},
    {"wave", "success_url", OPTION_STRING, CONF(success_url), .def = "",
     .help = "https page of yours that tells a payer that he has paid"},
    {"wave", "error_url", OPTION_STRING, CONF(error_url), .def = "",
     .help = "https page of yours that tells a payer that it did not work"},
};

/* What the two words of a session mean together; any other pair waits and calls a person (I12). */
static const struct {
    const char *checkout, *payment;
    enum charge_event event;
} pairs[] = {
    {"open", "processing", CHARGE_PENDING},
    {"open", "cancelled", CHARGE_PENDING}, /* an attempt failed: it may still be paid */
    {"complete", "processing", CHARGE_PENDING},
    {"complete", "succeeded", CHARGE_SUCCESS},
    {"expired", "cancelled", CHARGE_EXPIRED},
    {"expired", "processing", CHARGE_EXPIRED}, /* should it succeed yet, that is a late success */
};

/* Requests that follow the first one of a question. */
enum step { STEP_FIRST, STEP_SHOW, STEP_EXPIRE, STEP_SEARCH };

static const struct wave *wave_of(const struct rail *r)
{
    return container_of(r, const struct wave, rail);
}

/* ---- requests ---- */

static void sign(const struct wave *w, struct rail_headers *h, struct str body)
{
    char mem[128];
    struct buf b;

    if (!*w->c->signing_secret)
        return;
    buf_init_fixed(&b, mem, sizeof mem);
    signature_make(SIGNATURE_WAVE, body, str_c(w->c->signing_secret), clock_wall_us() / 1000000,
                   &b);
    buf_addc(&b, '\0');
    rail_header(h, "Wave-Signature", mem);
}

/* path: behind the sessions' address. */
static void request(const struct rail *r, struct arena *a, const char *method, const char *path,
                    struct str body, struct http_request *rq)
{
    const struct wave *w = wave_of(r);
    struct rail_headers h = rail_headers_new(a);

    rail_bearer(&h, w->c->api_key);
    if (body.n > 0)
        rail_header(&h, "Content-Type", "application/json");
    sign(w, &h, body);
    *rq = (struct http_request){.method = method,
                                .url = arena_printf(a, "%s" SESSIONS "%s", w->c->base_url, path),
                                .headers = h.v,
                                .body = body,
                                .timeout_ms = RAIL_REQUEST_MS,
                                .no_resend = strcmp(method, "GET") != 0};
}

static void session_request(const struct rail *r, struct arena *a, struct str id, const char *verb,
                            struct http_request *rq)
{
    const char *path = arena_printf(a, "/%" STR_FMT "%s", STR_ARG(id), verb);

    request(r, a, *verb ? "POST" : "GET", path, STR_EMPTY, rq);
}

static void search_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           struct http_request *rq)
{
    const char *path = arena_printf(a, "/search?client_reference=%" STR_FMT, STR_ARG(c->our_ref));

    request(r, a, "GET", path, STR_EMPTY, rq);
}

/* No restrict_payer_mobile: a relative may pay. */
static struct str create_body(const struct wave *w, struct arena *a, const struct rail_charge *c)
{
    char *mem = arena_alloc(a, BODY_MAX), amount[32];
    struct buf out, am;
    struct jsonw j;

    buf_init_fixed(&out, mem, BODY_MAX);
    buf_init_fixed(&am, amount, sizeof amount);
    amount_format(c->amount_minor, amount_exponent(c->currency), &am);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    jsonw_kv_str(&j, "amount", buf_str(&am));
    jsonw_kv_str(&j, "currency", c->currency);
    jsonw_kv_str(&j, "client_reference", c->our_ref);
    jsonw_kv_cstr(&j, "success_url", w->c->success_url);
    jsonw_kv_cstr(&j, "error_url", w->c->error_url);
    jsonw_end(&j);
    return buf_str(&out);
}

static void submit_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           const char *token, struct http_request *rq)
{
    (void)token;
    request(r, a, "POST", "", create_body(wave_of(r), a, c), rq);
}

static void poll_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                         const char *token, struct http_request *rq)
{
    (void)token;
    if (c->rail_ref.n == 0)
        search_request(r, a, c, rq);
    else
        session_request(r, a, c->rail_ref, c->revoke ? "/expire" : "", rq);
}

static void follow_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                           const char *token, const struct rail_verdict *v, struct http_request *rq)
{
    (void)token;
    if (v->step == STEP_EXPIRE)
        session_request(r, a, str_c(v->aim), "/expire", rq);
    else if (v->step == STEP_SEARCH)
        search_request(r, a, c, rq);
    else
        session_request(r, a, c->rail_ref, "", rq);
}

/* ---- answers ---- */

static const char *text_of(json_t *session, const char *key)
{
    return rail_word(json_object_get(session, key));
}

/* Its own error code; "" when the body is not the rail's. */
static const char *error_code(json_t *root)
{
    const char *code = text_of(root, "code");

    return *code ? code : text_of(root, "error");
}

/* What goes into an address: "cos-" and letters, digits, '-'. */
static bool is_session_id(const char *id)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

    return strncmp(id, "cos-", 4) == 0 && id[4] && strlen(id) < RAIL_REF_MAX &&
           id[strspn(id, legal)] == '\0';
}

static int64_t time_of(json_t *session, const char *key)
{
    struct tm tm = {0};
    const char *rest = strptime(text_of(session, key), "%Y-%m-%dT%H:%M:%S", &tm);

    return rest && (*rest == 'Z' || *rest == '.') ? (int64_t)timegm(&tm) : 0;
}

/* By the rail's clock alone; 0 when it does not say. */
static unsigned life_s(json_t *session)
{
    int64_t from = time_of(session, "when_created"), to = time_of(session, "when_expires");

    return from > 0 && to > from ? (unsigned)MIN(to - from, LIFE_MAX_S) : 0;
}

static bool has_reference(const struct rail_charge *c, json_t *session)
{
    return str_eq_c(c->our_ref, text_of(session, "client_reference"));
}

static bool is_paid(json_t *session)
{
    return strcmp(text_of(session, "payment_status"), "succeeded") == 0;
}

static bool is_dead(json_t *session)
{
    return strcmp(text_of(session, "checkout_status"), "expired") == 0 && !is_paid(session);
}

/* An open session for our money: its id and link may be the charge's. */
static bool take_session(const struct rail_charge *c, json_t *session, struct rail_verdict *v)
{
    struct rail_verdict got = {.event = CHARGE_UNKNOWN};
    const char *id = text_of(session, "id");

    rail_take_money(&got, json_object_get(session, "amount"), json_object_get(session, "currency"));
    if (!is_session_id(id) || !has_reference(c, session) || !got.has_amount ||
        got.amount_minor != c->amount_minor || !str_eq_c(c->currency, got.currency) ||
        !rail_take_link(v, json_object_get(session, "wave_launch_url")))
        return false;
    rail_take_text(v->rail_ref, sizeof v->rail_ref, id);
    v->expires_s = life_s(session);
    return true;
}

/* The state of the charge's session. Only an exact success carries money (I8). */
static void read_session(const struct rail_charge *c, json_t *session, struct rail_verdict *v)
{
    const char *checkout = text_of(session, "checkout_status");
    const char *payment = text_of(session, "payment_status");
    const char *failed = text_of(session, "last_payment_error");
    bool known = false;

    rail_take_text(v->reason, sizeof v->reason, *failed ? failed : checkout);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (strcmp(checkout, pairs[i].checkout) == 0 && strcmp(payment, pairs[i].payment) == 0) {
            v->event = pairs[i].event;
            known = true;
        }
    }
    v->new_word = !known && *checkout && *payment;
    if (v->new_word)
        rail_take_text(v->reason, sizeof v->reason, payment);
    if (v->event != CHARGE_SUCCESS)
        return;
    rail_take_id(v->rail_txn, sizeof v->rail_txn, json_object_get(session, "transaction_id"));
    rail_take_money(v, json_object_get(session, "amount"), json_object_get(session, "currency"));
    if (!has_reference(c, session))
        v->event = CHARGE_MISMATCH; /* another charge's (hard case 17) */
}

/* One that nobody may pay: it is expired, and the search begins anew. */
static void expire_first(json_t *session, struct rail_verdict *v)
{
    const char *id = text_of(session, "id");

    if (!is_session_id(id))
        return; /* it stays unknown: there is no address to expire it at */
    rail_take_text(v->aim, sizeof v->aim, id);
    v->more = true;
    v->step = STEP_EXPIRE;
}

static void adopt_paid(const struct rail_charge *c, json_t *session, struct rail_verdict *v)
{
    const char *id = text_of(session, "id");

    if (is_session_id(id))
        rail_take_text(v->rail_ref, sizeof v->rail_ref, id);
    read_session(c, session, v);
}

/* Sessions under our reference, of which nobody has a link (hard case 31). */
static void read_search(const struct rail_charge *c, json_t *list, struct rail_verdict *v)
{
    json_t *session, *paid = NULL, *other = NULL;
    struct rail_verdict kept = {.event = CHARGE_PENDING};
    bool have = false;
    size_t i;

    json_array_foreach(list, i, session) {
        if (!has_reference(c, session) || is_dead(session))
            continue;
        if (is_paid(session) && paid) { /* two debits: a person decides */
            v->event = CHARGE_MISMATCH;
            return;
        }
        if (is_paid(session))
            paid = session;
        else if (have || c->revoke || !take_session(c, session, &kept))
            other = session;
        else
            have = true;
    }
    if (paid)
        adopt_paid(c, paid, v);
    else if (other)
        expire_first(other, v);
    else if (have)
        *v = kept;
    else
        v->event = c->revoke ? CHARGE_EXPIRED : CHARGE_NOT_ISSUED;
}

/* The rail's own word; a 404 of a proxy in between is not. */
static bool is_not_found(const struct http_response *rs, const char *code)
{
    return rs->status == 404 && strcmp(code, "checkout-session-not-found") == 0;
}

/* Asked to expire: whatever the rail made of it, its state is asked for. */
static void read_expire(const struct http_response *rs, const char *code, enum step next,
                        struct rail_verdict *v)
{
    v->more = rs->status == 200 || rs->status == 409;
    v->step = next;
    if (next == STEP_SHOW && is_not_found(rs, code))
        v->event = CHARGE_NOT_FOUND;
}

static void read_step(enum step step, const struct rail_charge *c, const struct http_response *rs,
                      struct rail_verdict *v)
{
    json_t *root = rail_object(rs);
    json_t *list = json_object_get(root, "result");
    const char *code = error_code(root);

    rail_take_text(v->reason, sizeof v->reason, code);
    if (rs->status == 401)
        v->token_refused = true;
    else if (step == STEP_EXPIRE)
        read_expire(rs, code, c->rail_ref.n > 0 ? STEP_SHOW : STEP_SEARCH, v);
    else if (step == STEP_SEARCH && rs->status == 200 && json_is_array(list))
        read_search(c, list, v);
    else if (step == STEP_SHOW && rs->status == 200 && str_eq_c(c->rail_ref, text_of(root, "id")))
        read_session(c, root, v);
    else if (step == STEP_SHOW && is_not_found(rs, code))
        v->event = CHARGE_NOT_FOUND;
    json_decref(root);
}

static void poll_read(const struct rail *r, const struct rail_charge *c,
                      const struct http_response *rs, struct rail_verdict *v)
{
    enum step step = c->rail_ref.n == 0 ? STEP_SEARCH : c->revoke ? STEP_EXPIRE : STEP_SHOW;

    (void)r;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    read_step(step, c, rs, v);
}

static void follow_read(const struct rail *r, const struct rail_charge *c,
                        const struct http_response *rs, struct rail_verdict *v)
{
    enum step step = (enum step)v->step;

    (void)r;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    read_step(step, c, rs, v);
}

/* A refusal that the rail explains; without its own error body a 4xx proves nothing. */
static void read_refusal(const struct http_response *rs, const char *code, struct rail_verdict *v)
{
    int s = rs->status;

    if (s == 401) {
        v->token_refused = true;
    } else if (s == 429) { /* documented: not carried out */
        v->event = CHARGE_NOT_SENT;
        v->next_poll_s = rail_retry_after_s(rs);
    } else if (*code && (s == 400 || s == 403 || s == 404 || s == 422)) {
        v->event = CHARGE_REJECTED;
    }
    rail_take_text(v->reason, sizeof v->reason, code);
}

static void submit_read(const struct rail *r, const struct rail_charge *c,
                        const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = rail_object(rs);

    (void)r;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    if (rs->status != 200 && rs->status != 201)
        read_refusal(rs, error_code(root), v);
    else if (root && take_session(c, root, v))
        v->event = CHARGE_ACCEPTED;
    else /* nothing that a reader may be sent; the search finds what there is */
        rail_take_text(v->reason, sizeof v->reason, root ? "not our session" : "no session");
    json_decref(root);
}

/* ---- refunds: the whole session; nobody calls us about them ---- */

static void refund_request(const struct rail *r, struct arena *a, const struct rail_refund *f,
                           const char *token, struct http_request *rq)
{
    (void)token;
    if (f->charge.rail_ref.n > 0)
        session_request(r, a, f->charge.rail_ref, "/refund", rq);
}

static void refund_read(const struct rail *r, const struct rail_refund *f,
                        const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = rail_object(rs);
    const char *code = error_code(root);

    (void)r;
    (void)f;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    if (rs->status == 200 && (root || str_trim(rs->body).n == 0)) /* a page is no answer */
        v->event = CHARGE_SUCCESS;
    else if (strcmp(code, "checkout-refund-failed") == 0) /* one that was paid back says 200 */
        v->event = CHARGE_DECLINED;
    else
        read_refusal(rs, code, v);
    if (*code)
        rail_take_text(v->reason, sizeof v->reason, code);
    json_decref(root);
}

/* ---- webhooks ---- */

static enum callback_trust callback_verify(const struct rail *r, const struct rail_callback *cb)
{
    const struct wave_config *c = wave_of(r)->c;
    struct str auth = cb->header[RAIL_AUTHORIZATION];
    bool good;

    if (c->webhook == WAVE_WEBHOOK_BEARER)
        good = rail_bearer_is(auth, c->webhook_secret) ||
               rail_bearer_is(auth, c->webhook_secret_previous);
    else
        good = signature_verify(SIGNATURE_WAVE, cb->header[RAIL_WAVE_SIGNATURE], cb->body,
                                str_c(c->webhook_secret), str_c(c->webhook_secret_previous),
                                cb->now_s) == SIGNATURE_GOOD;
    return good ? CALLBACK_VERIFIED : CALLBACK_REFUSED;
}

static void callback_hint(struct arena *a, const struct rail_callback *cb, struct rail_hint *h)
{
    json_t *root = json_loadb(cb->body.p, cb->body.n, JSON_REJECT_DUPLICATES, NULL);
    json_t *data = json_object_get(root, "data");
    const char *reference = text_of(data, "client_reference");

    h->event_id = arena_str(a, str_c(text_of(root, "id")));
    h->our_ref = arena_str(a, str_c(*reference ? reference : text_of(data, "id")));
    json_decref(root);
}

static const struct rail_type wave_type = {
    .code = "wave",
    .submit_request = submit_request,
    .submit_read = submit_read,
    .poll_request = poll_request,
    .poll_read = poll_read,
    .follow_request = follow_request,
    .follow_read = follow_read,
    .submit_refund_request = refund_request,
    .submit_refund_read = refund_read,
    .poll_refund_request = refund_request, /* idempotent: to ask is to send it again */
    .poll_refund_read = refund_read,
    .callback_verify = callback_verify,
    .callback_hint = callback_hint,
};

int wave_init(struct wave *r, const struct wave_config *c, bool *on, struct err *e)
{
    const struct rail_value all[] = {
        {"base_url", c->base_url, true},
        {"api_key", c->api_key, true},
        {"webhook_secret", c->webhook_secret, true},
        {"callback_secret", c->callback_secret, true},
        {"success_url", c->success_url, true},
        {"error_url", c->error_url, true},
        {"signing_secret", c->signing_secret, false},
        {"webhook_secret_previous", c->webhook_secret_previous, false}};

    *on = rail_values_any(all, ARRAY_LEN(all));
    if (*on && (rail_values_check("wave", all, ARRAY_LEN(all), e) != 0 ||
                rail_secret_check("wave", c->callback_secret, e) != 0))
        return -1;
    if (*on && (!rail_is_https(c->success_url) || !rail_is_https(c->error_url)))
        return err_set(e, ERR_BAD_CONFIG, "[wave] success_url and error_url: https:// is needed");
    *r = (struct wave){.rail = {.type = &wave_type, .callback_secret = c->callback_secret}, .c = c};
    return 0;
}

RAIL_MODULE(wave);
