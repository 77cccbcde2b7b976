/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies and fields of a call's answer: rows, pages, entity tags, problems.
 */
#include "api/call_reply.h"

#include "api/auth.h"
#include "api/headers.h"
#include "api/json_rows.h"
#include "gateway/lib/basenc.h"
#include "gateway/lib/log.h"

#define JSON_TYPE "application/json"
#define SCOPE_MAX (64u << 10)
#define ETAG_MAX  48

struct page {
    int rows; /* shown */
    bool more;
    char cursor[CURSOR_TEXT_MAX];
    size_t cursor_len;
};

void call_scope(const struct call *c, struct buf *out)
{
    const struct route *r = c->route;

    buf_puts(out, r->name);
    for (unsigned i = 0; i < r->nparams; i++) {
        if ((r->nkeys > 0 && (i == r->limit || i == r->cursor)) || !c->values[i].present)
            continue;
        buf_addf(out, "\n%s=%zu:", r->params[i].name, c->values[i].text.n);
        buf_adds(out, c->values[i].text);
    }
    if (c->has_user)
        buf_addf(out, "\nuser=%s", c->who.user);
}

/* ---- pages ---- */

static bool page_cursor(struct call *c, struct page *p)
{
    struct str keys[ROUTE_KEYS_MAX];
    struct buf scope, out;

    for (unsigned i = 0; i < c->route->nkeys; i++) {
        int col = pg_col(&c->op, c->route->key_columns[i]);

        keys[i] = pg_str(&c->op, p->rows - 1, col);
        if (col < 0 || keys[i].n == 0 || keys[i].n > CURSOR_KEY_MAX)
            return false;
    }
    buf_init(&scope, SCOPE_MAX);
    buf_init_fixed(&out, p->cursor, sizeof p->cursor);
    call_scope(c, &scope);
    cursor_write(c->a->d.ring, buf_str(&scope), keys, c->route->nkeys, &out);
    p->cursor_len = out.len;
    bool ok = !scope.failed && !out.failed;

    buf_fini(&scope);
    return ok;
}

/* The statement was asked for one row more than the page shows. */
static bool page_read(struct call *c, struct page *p)
{
    *p = (struct page){.rows = pg_rows(&c->op)};
    if (c->route->nkeys == 0)
        return true;
    int limit = (int)c->values[c->route->limit].number;

    p->more = p->rows > limit;
    p->rows = MIN(p->rows, limit);
    return !p->more || page_cursor(c, p);
}

static void link_target(const struct call *c, const struct page *next, struct buf *out)
{
    const char *sep = "?";

    buf_puts(out, "<");
    buf_adds(out, c->x->path);
    for (unsigned i = 0; i < c->route->nparams; i++) {
        if (i == c->route->cursor || c->route->params[i].place != IN_QUERY || !c->values[i].present)
            continue;
        buf_addf(out, "%s%s=", sep, c->route->params[i].name);
        buf_url_component(out, c->values[i].text);
        sep = "&";
    }
    if (next)
        buf_addf(out, "%scursor=%.*s", sep, (int)next->cursor_len, next->cursor);
    buf_puts(out, ">; rel=");
    buf_puts(out, next ? "\"next\"" : "\"first\"");
}

static void page_links(struct call *c, const struct page *p)
{
    char mem[2048];
    struct buf b;

    if (c->route->nkeys == 0)
        return;
    buf_init_fixed(&b, mem, sizeof mem);
    link_target(c, NULL, &b);
    if (p->more) {
        buf_puts(&b, ", ");
        link_target(c, p, &b);
    }
    if (!b.failed)
        http_reply_header(c->x, "Link", buf_str(&b));
}

/* ---- rows ---- */

static void write_list(struct call *c, const int at[], const struct page *p, struct jsonw *j)
{
    jsonw_object(j);
    jsonw_key(j, "data");
    jsonw_array(j);
    for (int row = 0; row < p->rows; row++) {
        if (row > 0 || c->route->auth == AUTH_NONE || !pg_is_null(&c->op, row, at[0]))
            json_rows_object(c->route, &c->op, at, row, j);
    }
    jsonw_end(j);
    if (c->route->nkeys > 0) {
        if (p->more)
            jsonw_kv_str(j, "next_cursor", str_n(p->cursor, p->cursor_len));
        else
            jsonw_kv_cstr(j, "next_cursor", NULL);
        jsonw_kv_bool(j, "has_more", p->more);
    }
    jsonw_end(j);
}

/* A user's route always has a row while the session lives (see route_load.c). */
static bool rows_missing(struct call *c, const int at[])
{
    bool none = pg_rows(&c->op) == 0;

    if (none && c->has_user)
        problem_set(&c->problem, PROBLEM_SESSION_ENDED, NULL);
    else if (c->route->shape == SHAPE_OBJECT && (none || pg_is_null(&c->op, 0, at[0])))
        problem_set(&c->problem, PROBLEM_NOT_FOUND, NULL);
    return c->problem.code != PROBLEM_NONE;
}

/* The first column's word is one that the route answers by a problem. */
static bool row_refused(struct call *c, const int at[])
{
    const struct route *r = c->route;

    for (unsigned i = 0; i < r->nrefusals; i++) {
        if (str_eq(pg_str(&c->op, 0, at[0]), str_c(r->refusals[i].word)))
            problem_set(&c->problem, r->refusals[i].code, NULL);
    }
    return c->problem.code != PROBLEM_NONE;
}

static void write_rows(struct call *c, struct buf *out)
{
    int at[ROUTE_COLUMNS_MAX];
    struct page page;
    struct jsonw j;
    struct err e;

    if (json_rows_columns(c->route, &c->op, at, &e) != 0) {
        log_err(LOG_LEVEL_ERROR, NULL, "route and statement differ", &e);
        problem_set(&c->problem, PROBLEM_INTERNAL, NULL);
        return;
    }
    if (rows_missing(c, at) || row_refused(c, at))
        return;
    jsonw_init(&j, out);
    if (c->route->shape == SHAPE_OBJECT) {
        json_rows_object(c->route, &c->op, at, 0, &j);
        return;
    }
    if (!page_read(c, &page)) {
        problem_set(&c->problem, PROBLEM_INTERNAL, NULL);
        return;
    }
    write_list(c, at, &page, &j);
    page_links(c, &page);
}

/* Strong: the bytes themselves, hashed. It knows nothing of the token (hard case 19). */
static struct str etag_of(const struct buf *body, char mem[ETAG_MAX])
{
    uint8_t hash[CRYPTO_SHA256_LEN];
    struct buf b;

    crypto_sha256(buf_str(body), hash);
    buf_init_fixed(&b, mem, ETAG_MAX);
    buf_addc(&b, '"');
    base64_encode(&b, BASE64_URL, hash, 16);
    buf_addc(&b, '"');
    return buf_str(&b);
}

static bool is_conditional(const struct call *c)
{
    return c->route->cache != CACHE_NONE && c->route->method == HTTP_GET;
}

bool call_render(struct call *c)
{
    struct buf *out = http_reply_buf(c->x);
    char mem[ETAG_MAX];

    if (c->route->handler && c->route->handler->render)
        c->route->handler->render(c, out);
    else
        write_rows(c, out);
    if (c->problem.code != PROBLEM_NONE)
        return false;
    headers_common(c, false);
    c->status = 200;
    if (is_conditional(c) && !out->failed) {
        struct str etag = etag_of(out, mem);

        http_reply_header(c->x, "ETag", etag);
        if (headers_etag_match(http_header(c->x, "if-none-match"), etag)) {
            c->status = 304;
            buf_reset(out);
        }
    }
    return true;
}

void call_send(struct call *c)
{
    http_reply_buf_send(c->x, c->status, c->status == 304 ? NULL : JSON_TYPE);
}

void call_send_options(struct call *c)
{
    headers_common(c, true);
    headers_preflight(c);
    c->status = 204;
    http_reply(c->x, 204, NULL, STR_EMPTY);
}

static void problem_fields(struct call *c, unsigned status)
{
    char allow[ROUTER_ALLOW_MAX], number[16];

    headers_common(c, true);
    if (status == 401)
        auth_challenge(c);
    if (status == 405) {
        router_allow(c->match.allow, allow);
        http_reply_header(c->x, "Allow", str_c(allow));
    }
    if (status == 415)
        http_reply_header(c->x, "Accept", STR(JSON_TYPE));
    if (c->problem.retry_after_s > 0) {
        struct buf b;

        buf_init_fixed(&b, number, sizeof number);
        buf_add_u64(&b, c->problem.retry_after_s);
        http_reply_header(c->x, "Retry-After", buf_str(&b));
    }
}

void call_send_problem(struct call *c)
{
    c->status = problem_status(c->problem.code);
    problem_fields(c, c->status);
    problem_write(&c->problem, c->x->path, str_c(c->request_id), http_reply_buf(c->x));
    http_reply_buf_send(c->x, c->status, PROBLEM_TYPE);
}
