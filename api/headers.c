/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of requests and replies. See headers.h.
 */
#include "api/headers.h"

#include "gateway/lib/basenc.h"

void headers_request_id(const struct http_exchange *x, char out[CALL_REQUEST_ID + 1])
{
    static const char sane[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    struct str given = http_header(x, "x-request-id");
    uint8_t random[8];
    struct buf b;

    if (given.p && given.n >= 8 && str_to_c(given, out, CALL_REQUEST_ID + 1) &&
        out[strspn(out, sane)] == '\0')
        return;
    crypto_random(random, sizeof random);
    buf_init_fixed(&b, out, CALL_REQUEST_ID);
    hex_encode(&b, random, sizeof random);
    out[b.len] = '\0';
}

static struct str without_port(struct str host)
{
    ptrdiff_t bracket = str_find_char(host, ']'), colon;

    if (bracket >= 0)
        return str_head(host, (size_t)bracket + 1);
    colon = str_find_char(host, ':');
    return colon >= 0 ? str_head(host, (size_t)colon) : host;
}

static bool is_below(struct str host, struct str domain)
{
    return host.n > domain.n && str_case_eq(str_skip(host, host.n - domain.n), domain);
}

bool headers_host_ok(const struct option_list *allowed, struct str host)
{
    host = without_port(host);
    for (size_t i = 0; i < allowed->n; i++) {
        struct str one = str_c(allowed->v[i]);

        if (str_eq(one, STR("*")) || str_case_eq(one, host))
            return true;
        if (one.n > 1 && one.p[0] == '.' &&
            (is_below(host, one) || str_case_eq(str_skip(one, 1), host)))
            return true;
    }
    return allowed->n == 0;
}

/* The type without its parameters, trimmed. */
static struct str media_type(struct str field, struct str *parameters)
{
    struct str type;

    str_cut(field, ';', &type, parameters);
    return str_trim(type);
}

bool headers_accept_ok(const struct http_exchange *x)
{
    struct str rest = http_header(x, "accept"), piece, parameters;

    if (!rest.p || str_trim(rest).n == 0)
        return true;
    while (str_split(&rest, ',', &piece)) {
        struct str type = media_type(piece, &parameters);

        if (str_eq(type, STR("*/*")) || str_case_eq(type, STR("application/*")) ||
            str_case_eq(type, STR("application/json")) ||
            str_case_eq(type, STR("application/problem+json")))
            return true;
    }
    return false;
}

static bool charset_ok(struct str parameters)
{
    struct str piece, name, value;

    while (str_split(&parameters, ';', &piece)) {
        str_cut(str_trim(piece), '=', &name, &value);
        value = str_trim(value);
        if (str_case_eq(str_trim(name), STR("charset")) && !str_case_eq(value, STR("utf-8")) &&
            !str_case_eq(value, STR("\"utf-8\"")))
            return false;
    }
    return true;
}

bool headers_json_ok(const struct http_exchange *x)
{
    struct str field = http_header(x, "content-type"), parameters;

    if (!field.p)
        return false;
    return str_case_eq(media_type(field, &parameters), STR("application/json")) &&
           charset_ok(parameters);
}

bool headers_etag_match(struct str list, struct str etag)
{
    struct str piece;

    while (list.n > 0 && str_split(&list, ',', &piece)) {
        piece = str_trim(piece);
        if (str_starts(piece, STR("W/")))
            piece = str_skip(piece, 2);
        if (str_eq(piece, etag) || str_eq(piece, STR("*")))
            return true;
    }
    return false;
}

/* "null" is what a sandboxed or local page sends: it names nobody, so it is never allowed. */
static bool origin_ok(const struct option_list *allowed, struct str origin)
{
    if (!origin.p || str_eq(origin, STR("null")))
        return false;
    for (size_t i = 0; i < allowed->n; i++) {
        if (strcmp(allowed->v[i], "*") == 0 || str_eq(origin, str_c(allowed->v[i])))
            return true;
    }
    return false;
}

/* Tokens travel in a field, never in a cookie, so credentials are not offered. */
static bool cors(struct call *c)
{
    struct str origin = http_header(c->x, "origin");

    if (!origin_ok(&c->a->c.cors_allowed_origins, origin))
        return false;
    http_reply_header(c->x, "Access-Control-Allow-Origin", origin);
    return true;
}

static struct str cache_control(const struct call *c, bool failed)
{
    if (failed || !c->route)
        return STR("no-store");
    switch (c->route->cache) {
    case CACHE_PUBLIC: return STR("public, max-age=60");
    case CACHE_PRIVATE: return STR("private, no-cache");
    case CACHE_NONE:
    case CACHES: break;
    }
    return STR("no-store");
}

static void vary(struct call *c)
{
    bool by_user = c->route && c->route->auth != AUTH_NONE;
    bool by_origin = c->a->c.cors_allowed_origins.n > 0;

    if (by_user && by_origin)
        http_reply_header(c->x, "Vary", STR("Authorization, Origin"));
    else if (by_user || by_origin)
        http_reply_header(c->x, "Vary", by_user ? STR("Authorization") : STR("Origin"));
}

void headers_common(struct call *c, bool failed)
{
    http_reply_header(c->x, "X-Content-Type-Options", STR("nosniff"));
    http_reply_header(c->x, "X-Request-Id", str_c(c->request_id));
    http_reply_header(c->x, "Cache-Control", cache_control(c, failed));
    vary(c);
    if (cors(c))
        http_reply_header(c->x, "Access-Control-Expose-Headers",
                          STR("ETag, Link, Retry-After, X-Request-Id"));
}

void headers_preflight(struct call *c)
{
    char allow[ROUTER_ALLOW_MAX];

    router_allow(c->match.allow, allow);
    http_reply_header(c->x, "Allow", str_c(allow));
    if (!http_header(c->x, "access-control-request-method").p)
        return;
    http_reply_header(c->x, "Access-Control-Allow-Methods", str_c(allow));
    http_reply_header(c->x, "Access-Control-Allow-Headers",
                      STR("Authorization, Content-Type, If-None-Match, X-Request-Id"));
    http_reply_header(c->x, "Access-Control-Max-Age", STR("600"));
}
