/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both rails of Sonatel's eWallet API have in common. See sonatel.h.
 *
 *   poll:  search by our reference -> [one or more]  their statuses
 *                                  -> []             we have the rail's id: its status
 *                                                    a link nobody has: it was never issued
 *                                                    else: not found
 *
 * A status without an amount proves no money (I8): it is PENDING until the search lists it.
 */
#include "gateway/money/sonatel.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "gateway/lib/clock.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/msisdn.h"
#include "gateway/money/amount.h"
#include "gateway/money/rail_io.h"
#include "gateway/money/signature.h"

#define NATIONAL_DIGITS 9

/* ---- requests ---- */

void sonatel_request(const struct rail *r, struct arena *a, const char *token, const char *method,
                     const char *path, struct http_request *rq)
{
    struct rail_headers h = rail_headers_new(a);

    rail_bearer(&h, token);
    rail_header(&h, "Content-Type", "application/json"); /* also of a GET, or 415 */
    rail_header(&h, "Accept", "application/json");
    *rq = (struct http_request){.method = method,
                                .url = arena_printf(a, "%s%s", sonatel_config(r)->base_url, path),
                                .headers = h.v,
                                .timeout_ms = RAIL_REQUEST_MS};
}

void sonatel_token_request(const struct rail *r, struct arena *a, struct http_request *rq)
{
    const struct sonatel_config *c = sonatel_config(r);

    token_ask_form(a, arena_printf(a, "%s%s", c->base_url, c->token_path), c->client_id,
                   c->client_secret, rq);
    rq->timeout_ms = RAIL_REQUEST_MS;
}

bool sonatel_token_read(const struct rail *r, const struct http_response *rs, struct token_value *t)
{
    (void)r;
    return token_take(rs, t);
}

struct str sonatel_national(const struct rail_charge *c)
{
    char country[3] = "";
    const char *dial;
    struct str rest;

    if (c->country.n == 2)
        memcpy(country, c->country.p, 2);
    dial = msisdn_dial_code(country);
    if (!dial || !str_starts(c->payer, str_c(dial)))
        return STR_EMPTY;
    rest = str_skip(c->payer, strlen(dial));
    return rest.n == NATIONAL_DIGITS ? rest : STR_EMPTY;
}

void sonatel_open_party(struct jsonw *j, const char *key, const char *kind, struct str id)
{
    jsonw_key(j, key);
    jsonw_object(j);
    jsonw_kv_cstr(j, "idType", kind);
    jsonw_kv_str(j, "id", id);
}

void sonatel_money(struct jsonw *j, int64_t amount_minor, struct str currency, struct str our_ref)
{
    char value[32], at[CLOCK_ISO_LEN];
    struct buf b;

    buf_init_fixed(&b, value, sizeof value);
    amount_format(amount_minor, amount_exponent(currency), &b);
    clock_iso(clock_wall_us(), at);
    jsonw_key(j, "amount");
    jsonw_object(j);
    jsonw_kv_raw(j, "value", buf_str(&b));
    jsonw_kv_str(j, "unit", currency);
    jsonw_end(j);
    jsonw_kv_str(j, "reference", our_ref);
    jsonw_kv_raw(j, "metadata", STR("{}"));
    jsonw_kv_cstr(j, "requestDate", at);
}

void sonatel_search(const struct rail *r, struct arena *a, struct str our_ref, const char *token,
                    struct http_request *rq)
{
    sonatel_request(
        r, a, token, "GET",
        arena_printf(a, "/api/eWallet/v1/transactions?reference=%" STR_FMT, STR_ARG(our_ref)), rq);
}

void sonatel_poll_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                          const char *token, struct http_request *rq)
{
    sonatel_search(r, a, c->our_ref, token, rq);
}

void sonatel_follow_request(const struct rail *r, struct arena *a, const struct rail_charge *c,
                            const char *token, const struct rail_verdict *v,
                            struct http_request *rq)
{
    if (v->step == SONATEL_PAID) {
        sonatel_search(r, a, c->our_ref, token, rq);
        return;
    }
    sonatel_request(
        r, a, token, "GET",
        arena_printf(a, "/api/eWallet/v1/transactions/%" STR_FMT "/status", STR_ARG(c->rail_ref)),
        rq);
}

/* ---- answers ---- */

void sonatel_status(const char *word, struct rail_verdict *v)
{
    static const struct {
        const char *word;
        enum charge_event event;
    } words[] = {
        {"SUCCESS", CHARGE_SUCCESS},   {"PRE_INITIATED", CHARGE_PENDING},
        {"INITIATED", CHARGE_PENDING}, {"PENDING", CHARGE_PENDING},
        {"ACCEPTED", CHARGE_PENDING},  {"FAILED", CHARGE_DECLINED},
        {"REJECTED", CHARGE_DECLINED}, {"CANCELLED", CHARGE_DECLINED},
    };

    v->event = CHARGE_UNKNOWN;
    rail_take_text(v->reason, sizeof v->reason, word);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(word, words[i].word) == 0) {
            v->event = words[i].event;
            return;
        }
    }
    v->new_word = *word != '\0'; /* I12 */
}

/* No list of the codes for one-time codes is published: their errors name the thing. */
static bool names_otp(json_t *root)
{
    static const char *const members[] = {"title", "detail", "description", "type"};

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const char *s = rail_word(json_object_get(root, members[i]));

        for (; *s; s++) {
            if (tolower((unsigned char)s[0]) == 'o' && tolower((unsigned char)s[1]) == 't' &&
                tolower((unsigned char)s[2]) == 'p')
                return true;
        }
    }
    return false;
}

/* The payer's: a number that is no customer, no funds, a ceiling. Everything else is ours to mend. */
static const char *const payer_codes[] = {"2000", "2001", "2020", "2021"};

void sonatel_refusal(const struct http_response *rs, json_t *root, struct rail_verdict *v)
{
    static const int proofs[] = {400, 403, 404, 415, 422};
    const char *code = rail_word(json_object_get(root, "code"));
    bool proven = false;

    for (size_t i = 0; i < ARRAY_LEN(proofs); i++)
        proven |= rs->status == proofs[i] && *code;
    v->event = CHARGE_UNKNOWN;
    rail_take_text(v->reason, sizeof v->reason, code);
    v->token_refused = rs->status == 401;
    if (!proven)
        return; /* a page of something in between, or an error after the deed (M4) */
    v->event = rail_one_of(code, payer_codes, ARRAY_LEN(payer_codes)) ? CHARGE_DECLINED
               : names_otp(root)                                      ? CHARGE_CODE_REFUSED
                                                                      : CHARGE_REJECTED;
}

static bool is_ours(json_t *item, struct str our_ref)
{
    const char *ref = json_string_value(json_object_get(item, "reference"));

    return ref && str_eq_c(our_ref, ref);
}

static void take_success(json_t *item, struct rail_verdict *v)
{
    json_t *amount = json_object_get(item, "amount");

    rail_take_id(v->rail_txn, sizeof v->rail_txn, json_object_get(item, "transactionId"));
    rail_take_money(v, json_object_get(amount, "value"), json_object_get(amount, "unit"));
}

/* Two debits under one reference are nobody's plan: a person looks (I5). */
void sonatel_found(json_t *list, struct str our_ref, struct rail_verdict *v)
{
    struct rail_verdict one;
    unsigned paid = 0;
    json_t *item;
    size_t i;

    v->event = CHARGE_NOT_FOUND;
    json_array_foreach(list, i, item) {
        if (!is_ours(item, our_ref))
            continue;
        one = (struct rail_verdict){.event = CHARGE_UNKNOWN};
        sonatel_status(rail_word(json_object_get(item, "status")), &one);
        if (one.event == CHARGE_SUCCESS && paid++ == 0) {
            take_success(item, &one);
            memcpy(v->rail_txn, one.rail_txn, sizeof v->rail_txn);
            memcpy(v->currency, one.currency, sizeof v->currency);
            v->has_amount = one.has_amount;
            v->amount_minor = one.amount_minor;
        }
        if (v->event == CHARGE_SUCCESS ||
            (v->event == CHARGE_PENDING && one.event != CHARGE_SUCCESS))
            continue;
        v->event = one.event;
        v->new_word = one.new_word;
        memcpy(v->reason, one.reason, sizeof v->reason);
    }
    if (paid > 1)
        v->event = CHARGE_MISMATCH;
}

/* Nothing is listed: what that means depends on who could have paid. */
static void read_absence(const struct rail_charge *c, struct rail_verdict *v)
{
    if (c->by_link)
        v->event = c->link.n == 0 ? CHARGE_NOT_ISSUED /* I3, hard case 31 */
                   : c->revoke    ? CHARGE_EXPIRED    /* its time is over, and nobody paid */
                                  : CHARGE_NOT_FOUND;
    else if (c->rail_ref.n > 0) {
        v->more = true;
        v->step = SONATEL_UNSEEN;
    }
}

/* False: the answer is no list, and v says what it is. */
static bool read_list(const struct http_response *rs, struct str our_ref, struct rail_verdict *v)
{
    json_t *list = rs->status == 200 ? rail_array(rs) : NULL;

    v->event = CHARGE_UNKNOWN;
    v->token_refused = rs->status == 401;
    if (!list)
        return false;
    sonatel_found(list, our_ref, v);
    json_decref(list);
    return true;
}

void sonatel_poll_read(const struct rail *r, const struct rail_charge *c,
                       const struct http_response *rs, struct rail_verdict *v)
{
    (void)r;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    if (read_list(rs, c->our_ref, v) && v->event == CHARGE_NOT_FOUND)
        read_absence(c, v);
}

/* Onestep said success and the search does not list it yet: the next question will. */
static void read_paid(const struct rail_charge *c, const struct http_response *rs,
                      struct rail_verdict *v)
{
    if (!read_list(rs, c->our_ref, v) || v->event == CHARGE_NOT_FOUND)
        v->event = CHARGE_PENDING;
    if (v->event == CHARGE_SUCCESS)
        v->event = CHARGE_SYNC_SUCCESS;
    v->token_refused = false; /* the submit was carried out: it is not sent again for a token */
}

static void read_own_status(const struct http_response *rs, struct rail_verdict *v)
{
    json_t *root = rs->status == 200 ? rail_object(rs) : NULL;

    v->event = rs->status == 404 ? CHARGE_NOT_FOUND : CHARGE_UNKNOWN; /* some contracts have none */
    v->token_refused = rs->status == 401;
    if (root)
        sonatel_status(rail_word(json_object_get(root, "status")), v);
    if (v->event == CHARGE_SUCCESS)
        v->event = CHARGE_PENDING; /* how much, it does not say (I8) */
    json_decref(root);
}

void sonatel_follow_read(const struct rail *r, const struct rail_charge *c,
                         const struct http_response *rs, struct rail_verdict *v)
{
    enum sonatel_step step = (enum sonatel_step)v->step;
    struct rail_verdict kept = *v;

    (void)r;
    *v = (struct rail_verdict){.event = CHARGE_UNKNOWN};
    memcpy(v->rail_ref, kept.rail_ref, sizeof v->rail_ref);
    if (step == SONATEL_PAID)
        read_paid(c, rs, v);
    else
        read_own_status(rs, v);
}

/* ---- callbacks ---- */

enum callback_trust sonatel_callback_verify(const struct rail *r, const struct rail_callback *cb)
{
    const struct sonatel_config *c = sonatel_config(r);
    struct str basic = cb->header[RAIL_AUTHORIZATION], scheme, key;

    /* Who signs is judged by the signature alone: the key is shown in clear to whoever asks for it. */
    if (*c->signing_secret)
        return signature_verify(SIGNATURE_SONATEL, cb->header[RAIL_SONATEL_SIGNATURE], cb->body,
                                str_c(c->signing_secret), str_c(c->signing_secret_previous),
                                cb->now_s) == SIGNATURE_GOOD
                   ? CALLBACK_VERIFIED
                   : CALLBACK_REFUSED;
    if (str_cut(basic, ' ', &scheme, &key) && str_case_eq(scheme, STR("basic")) &&
        crypto_eq(str_trim(key), str_c(c->callback_api_key)))
        return CALLBACK_VERIFIED;
    return CALLBACK_REFUSED;
}

void sonatel_callback_hint(struct arena *a, const struct rail_callback *cb, struct rail_hint *h)
{
    json_t *root = json_loadb(cb->body.p, cb->body.n, JSON_REJECT_DUPLICATES, NULL);
    json_t *ref = json_is_object(root) ? json_object_get(root, "reference") : NULL;

    if (json_is_string(ref))
        h->our_ref = arena_str(a, str_n(json_string_value(ref), json_string_length(ref)));
    h->event_id = cb->header[RAIL_SONATEL_IDEMPOTENCY_KEY];
    json_decref(root);
}

/* ---- configuration ---- */

static bool all_digits(const char *s, size_t n)
{
    return strlen(s) == n && strspn(s, "0123456789") == n;
}

static int check_callback(const struct sonatel_config *c, struct err *e)
{
    if (!*c->callback_url && !*c->callback_secret)
        return 0;
    if (rail_secret_check("orange_sonatel", c->callback_secret, e) != 0)
        return -1;
    if (!*c->signing_secret && !*c->callback_api_key)
        return err_set(e, ERR_BAD_CONFIG,
                       "[orange_sonatel] signing_secret or callback_api_key is missing: a callback "
                       "that nothing proves is not taken");
    return 0;
}

static int check_parties(const struct sonatel_config *c, struct err *e)
{
    if (!all_digits(c->merchant_code, 6))
        return err_set(e, ERR_BAD_CONFIG, "[orange_sonatel] merchant_code: six digits");
    if (!*c->retailer != !*c->retailer_pin)
        return err_set(e, ERR_BAD_CONFIG, "[orange_sonatel] %s is missing",
                       *c->retailer ? "retailer_pin" : "retailer");
    if (*c->retailer && !all_digits(c->retailer, NATIONAL_DIGITS))
        return err_set(e, ERR_BAD_CONFIG, "[orange_sonatel] retailer: nine digits");
    return 0;
}

int sonatel_init(struct sonatel *r, const struct rail_type *type, const struct sonatel_config *c,
                 bool *on, struct err *e)
{
    const struct rail_value all[] = {
        {"token_path", c->token_path, true}, /* has a default, and says nothing of what is wanted */
        {"base_url", c->base_url, true},
        {"client_id", c->client_id, true},
        {"client_secret", c->client_secret, true},
        {"merchant_code", c->merchant_code, true},
        {"callback_url", c->callback_url, false},
        {"callback_secret", c->callback_secret, false},
        {"callback_api_key", c->callback_api_key, false},
        {"signing_secret", c->signing_secret, false},
        {"signing_secret_previous", c->signing_secret_previous, false},
        {"return_url", c->return_url, false},
        {"retailer", c->retailer, false},
        {"retailer_pin", c->retailer_pin, false},
    };

    *on = false;
    for (size_t i = 1; i < ARRAY_LEN(all); i++)
        *on |= *all[i].value != '\0';
    if (*on && (rail_values_check("orange_sonatel", all, ARRAY_LEN(all), e) != 0 ||
                check_parties(c, e) != 0 || check_callback(c, e) != 0))
        return -1;
    *r = (struct sonatel){.rail = {.type = type, .callback_secret = c->callback_secret}, .c = c};
    return 0;
}
