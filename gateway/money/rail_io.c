/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See rail_io.h.
 */
#include "gateway/money/rail_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/gsm.h"
#include "gateway/money/amount.h"

/* ---- requests ---- */

struct rail_headers rail_headers_new(struct arena *a)
{
    return (struct rail_headers){.a = a,
                                 .v = arena_zalloc(a, RAIL_HEADERS_OUT_MAX + 1, sizeof(char *))};
}

void rail_header(struct rail_headers *h, const char *name, const char *value)
{
    if (h->v && h->n < RAIL_HEADERS_OUT_MAX)
        h->v[h->n++] = arena_printf(h->a, "%s: %s", name, value);
}

void rail_bearer(struct rail_headers *h, const char *token)
{
    rail_header(h, "Authorization", arena_printf(h->a, "Bearer %s", token));
}

void rail_basic(struct rail_headers *h, const char *user, const char *password)
{
    const char *pair = arena_printf(h->a, "%s:%s", user, password);
    char mem[4 * (2 * RAIL_VALUE_MAX + 3) / 3];
    struct buf b64;

    buf_init_fixed(&b64, mem, sizeof mem);
    base64_encode(&b64, BASE64_STD, pair, strlen(pair));
    rail_header(h, "Authorization", arena_printf(h->a, "Basic %.*s", (int)b64.len, mem));
}

void rail_token_form(struct arena *a, const char *url, const char *user, const char *password,
                     const char *form, struct http_request *rq)
{
    struct rail_headers h = rail_headers_new(a);

    rail_basic(&h, user, password);
    rail_header(&h, "Content-Type", "application/x-www-form-urlencoded");
    *rq = (struct http_request){.method = "POST",
                                .url = url,
                                .headers = h.v,
                                .body = str_c(form),
                                .timeout_ms = RAIL_REQUEST_MS};
}

struct str rail_note(struct arena *a, struct str label, size_t max)
{
    char *mem = arena_alloc(a, max + 1);
    struct buf out, folded;

    buf_init(&folded, 4 * max);
    gsm_fold(label, &folded, GSM_FOLD_ASCII | GSM_FOLD_BASIC);
    buf_init_fixed(&out, mem, max);
    buf_puts(&out, "Coko ");
    for (size_t i = 0; i < folded.len && out.len < max; i++) {
        unsigned char c = (unsigned char)folded.p[i];
        bool plain = c >= 0x20 && c < 0x7F && c != '\'' && c != '"' && c != '\\';

        buf_addc(&out, plain ? (char)c : ' ');
    }
    buf_fini(&folded);
    return str_trim(buf_str(&out));
}

/* ---- answers ---- */

static json_t *json_of(const struct http_response *rs, json_type type)
{
    json_t *root = json_loadb(rs->body.p, rs->body.n, JSON_REJECT_DUPLICATES, NULL);

    if (root && json_typeof(root) == type)
        return root;
    json_decref(root);
    return NULL;
}

json_t *rail_object(const struct http_response *rs)
{
    return json_of(rs, JSON_OBJECT);
}

bool rail_is_own(const struct http_response *rs, const json_t *root)
{
    return root || str_trim(rs->body).n == 0;
}

json_t *rail_array(const struct http_response *rs)
{
    return json_of(rs, JSON_ARRAY);
}

unsigned rail_retry_after_s(const struct http_response *rs)
{
    int64_t s = RAIL_RETRY_S;

    if (!str_to_i64(http_response_header(rs, "retry-after"), 1, INT64_MAX, &s))
        s = RAIL_RETRY_S;
    return (unsigned)MIN(s, RAIL_RETRY_MAX_S);
}

const char *rail_word(json_t *v)
{
    const char *s = json_string_value(json_is_object(v) ? json_object_get(v, "code") : v);

    return s ? s : "";
}

bool rail_one_of(const char *s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(s, words[i]) == 0)
            return true;
    }
    return false;
}

bool rail_is_visible(const char *s)
{
    for (; *s; s++) {
        if (*s <= 0x20 || *s >= 0x7F)
            return false;
    }
    return true;
}

void rail_take_text(char *out, size_t cap, const char *s)
{
    size_t n = 0;

    for (; *s && n + 1 < cap; s++) {
        if (((unsigned char)*s & 0xC0) != 0x80)
            out[n++] = (char)(*s >= 0x20 && *s < 0x7F ? *s : '?');
    }
    out[n] = '\0';
}

void rail_take_id(char *out, size_t cap, json_t *v)
{
    *out = '\0';
    if (json_is_integer(v))
        snprintf(out, cap, "%lld", (long long)json_integer_value(v));
    else if (json_is_string(v))
        rail_take_text(out, cap, json_string_value(v));
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

void rail_take_money(struct rail_verdict *v, json_t *amount, json_t *currency)
{
    const char *word = json_string_value(currency);
    unsigned exponent;
    char mem[40];

    /* cut to fit, "XOFX" would be XOF: another length is no currency (I8) */
    if (word && strlen(word) == sizeof v->currency - 1)
        rail_take_text(v->currency, sizeof v->currency, word);
    exponent = amount_exponent(str_c(v->currency));
    /* a JSON number is in units, not in minor units, like the text form */
    v->has_amount =
        amount_parse(amount_text(amount, exponent, mem, sizeof mem), exponent, &v->amount_minor);
}

bool rail_is_https(const char *s)
{
    return strncmp(s, "https://", 8) == 0 && s[8] && rail_is_visible(s);
}

bool rail_take_link(struct rail_verdict *v, json_t *link)
{
    const char *s = json_string_value(link);

    v->link[0] = '\0';
    if (!s || strlen(s) != json_string_length(link) || strlen(s) > RAIL_LINK_MAX ||
        !rail_is_https(s))
        return false;
    snprintf(v->link, sizeof v->link, "%s", s);
    return true;
}

/* ---- callbacks ---- */

bool rail_bearer_is(struct str header, const char *secret)
{
    return *secret && str_starts(header, STR("Bearer ")) &&
           crypto_eq(str_skip(header, 7), str_c(secret));
}

/* ---- configuration ---- */

bool rail_values_any(const struct rail_value *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (*v[i].value)
            return true;
    }
    return false;
}

/* A line break in a value from the environment would be a header of its own. */
int rail_values_check(const char *section, const struct rail_value *v, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i].needed && !*v[i].value)
            return err_set(e, ERR_BAD_CONFIG, "[%s] %s is missing", section, v[i].key);
    }
    for (size_t i = 0; i < n; i++) {
        if (!rail_is_visible(v[i].value) || strlen(v[i].value) > RAIL_VALUE_MAX)
            return err_set(e, ERR_BAD_CONFIG,
                           "[%s] %s: visible ASCII without spaces, at most %d characters", section,
                           v[i].key, RAIL_VALUE_MAX);
    }
    return 0;
}

int rail_secret_check(const char *section, const char *callback_secret, struct err *e)
{
    if (strlen(callback_secret) >= RAIL_SECRET_MIN)
        return 0;
    return err_set(e, ERR_BAD_CONFIG, "[%s] callback_secret needs %d characters or more", section,
                   RAIL_SECRET_MIN);
}
