/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rails share: lists of headers, JSON answers, a rail's texts and amounts made safe, links, what
 * proves a callback, what a configuration needs.
 *
 * A rail's answer is the world's: what cannot be read is "", false or NULL, and never a success.
 */
#ifndef COKO_MONEY_RAIL_IO_H
#define COKO_MONEY_RAIL_IO_H

#include <jansson.h>

#include "gateway/lib/buf.h"
#include "gateway/money/rail.h"

#define RAIL_HEADERS_OUT_MAX 8
#define RAIL_REQUEST_MS      10000
#define RAIL_VALUE_MAX       160 /* of a configured value: two of them in base64 fit one header */
#define RAIL_SECRET_MIN      16  /* characters of what makes an address of ours unguessable */
#define RAIL_RETRY_S         30 /* of a 429 that says nothing, and the longest that one is believed */
#define RAIL_RETRY_MAX_S     300

/* ---- requests ---- */

/* A NULL-terminated list of "Name: value" in the arena. */
struct rail_headers {
    struct arena *a;
    const char **v;
    size_t n;
};

struct rail_headers rail_headers_new(struct arena *a);

/* One more; dropped beyond RAIL_HEADERS_OUT_MAX. */
void rail_header(struct rail_headers *h, const char *name, const char *value);

/* "Authorization: Bearer token" */
void rail_bearer(struct rail_headers *h, const char *token);

/* "Authorization: Basic base64(user:password)" */
void rail_basic(struct rail_headers *h, const char *user, const char *password);

/* POST of a form with Basic authorization: how most rails give a token. form, url: outlive the call. */
void rail_token_form(struct arena *a, const char *url, const char *user, const char *password,
                     const char *form, struct http_request *rq);

/* ASCII without quotes and backslashes, at most max characters: a text for a payer's screen. */
struct str rail_note(struct arena *a, struct str label, size_t max);

/* ---- answers ---- */

/* The body when it is one JSON object; NULL otherwise. json_decref it. */
json_t *rail_object(const struct http_response *rs);

/* Whether an answer whose object is root (NULL: none) can be the rail's own: an object, or nothing at all.
 * A page is of a proxy in between, whatever its status. */
bool rail_is_own(const struct http_response *rs, const json_t *root);

/* The same as rail_object for an array. */
json_t *rail_array(const struct http_response *rs);

/* What a 429 says in Retry-After, in seconds: 1 to RAIL_RETRY_MAX_S; RAIL_RETRY_S when it says nothing. */
unsigned rail_retry_after_s(const struct http_response *rs);

/* A text member, or the "code" of an object member; "" when it is neither. */
const char *rail_word(json_t *v);

/* s is one of the n words. */
bool rail_one_of(const char *s, const char *const *words, size_t n);

/* The rail's text into a bounded field: printable ASCII, whole characters; the rest becomes '?'. */
void rail_take_text(char *out, size_t cap, const char *s);

/* The same, of a text or an integer (ids come as both); "" otherwise. */
void rail_take_id(char *out, size_t cap, json_t *v);

/*
 * An amount in units, as text or number, and a currency, into the verdict (I8). A text must be
 * digits with an optional point; a float must be exact in the currency (2500.0 is 2500).
 */
void rail_take_money(struct rail_verdict *v, json_t *amount, json_t *currency);

/* An https address of visible ASCII, at most RAIL_LINK_MAX bytes, into v->link; false: no link. */
MUST_CHECK bool rail_take_link(struct rail_verdict *v, json_t *link);

/* ---- callbacks ---- */

/* header is "Bearer " and this secret, compared in constant time; an empty secret proves nothing. */
bool rail_bearer_is(struct str header, const char *secret);

/* ---- configuration ---- */

/* Visible ASCII only: what may stand in a header line or an address. */
bool rail_is_visible(const char *s);

/* https:// and something behind it. */
bool rail_is_https(const char *s);

struct rail_value {
    const char *key, *value;
    bool needed;
};

/* Some value is set: the rail is wanted. */
bool rail_values_any(const struct rail_value *v, size_t n);

/* All needed values are there, all are visible and at most RAIL_VALUE_MAX long; says which is not. */
MUST_CHECK int rail_values_check(const char *section, const struct rail_value *v, size_t n,
                                 struct err *e);

/* The last part of a callback address has RAIL_SECRET_MIN characters or more; says so when not. */
MUST_CHECK int rail_secret_check(const char *section, const char *callback_secret, struct err *e);

/*
 * name##_module, the row of rails.c, of a rail with options[], struct name, struct name##_config and
 * name##_init in its file.
 */
#define RAIL_MODULE(name)                                                                          \
    static int init(struct rail *r, const void *config, bool *on, struct err *e)                   \
    {                                                                                              \
        return name##_init(container_of(r, struct name, rail), config, on, e);                     \
    }                                                                                              \
    const struct rail_module name##_module = {                                                     \
        .options = options,                                                                        \
        .noptions = ARRAY_LEN(options),                                                            \
        .config_size = sizeof(struct name##_config),                                               \
        .size = sizeof(struct name),                                                               \
        .init = init,                                                                              \
    }

#endif
