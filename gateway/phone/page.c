/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See page.h.
 */
#include "gateway/phone/page.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/file.h"
#include "gateway/lib/jsonw.h"
#include "gateway/phone/api.h"

#define FILE_BYTES_MAX (64 * 1024)
#define POLICY_MAX     512
#define ETAG_BYTES     12
#define CONFIG_JSON    "config.json"
#define POLICY_BASE                                                                                \
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const struct {
    const char *rest; /* of /phone/ */
    const char *file;
    const char *type;
} table[] = {
    {"", "index.html", "text/html; charset=utf-8"},
    {"phone.css", "phone.css", "text/css; charset=utf-8"},
    {"phone.js", "phone.js", "text/javascript; charset=utf-8"},
    {"icon.svg", "icon.svg", "image/svg+xml"},
    {CONFIG_JSON, NULL, "application/json"},
};

struct page_file {
    struct buf body;
    char etag[2 * ETAG_BYTES + 3];
};

struct phone_page {
    struct page_file files[ARRAY_LEN(table)];
    char policy[POLICY_MAX];
    struct phone_profiles profiles;
};

/* ---- what is answered ---- */

static void reply_headers(struct http_exchange *x, const struct phone_page *p, const char *etag)
{
    http_reply_header(x, "Content-Security-Policy", str_c(p->policy));
    http_reply_header(x, "X-Content-Type-Options", STR("nosniff"));
    http_reply_header(x, "Referrer-Policy", STR("no-referrer"));
    http_reply_header(x, "Cache-Control", STR("no-cache"));
    http_reply_header(x, "ETag", str_c(etag));
}

static void on_question(struct http_exchange *x, const struct phone_page *p, bool write)
{
    struct buf *out = http_reply_buf(x);

    if (write)
        phone_api_write(&p->profiles, x->body, out);
    else
        phone_api_read(&p->profiles, x->body, out);
    http_reply_header(x, "Cache-Control", STR("no-store"));
    http_reply_buf_send(x, 200, "application/json");
}

static void on_page(struct http_exchange *x, void *arg)
{
    const struct phone_page *p = arg;
    bool write = str_eq_c(x->rest, "write");

    if (x->method == HTTP_POST && (write || str_eq_c(x->rest, "read"))) {
        on_question(x, p, write);
        return;
    }
    if (x->method != HTTP_GET) {
        http_reply_header(x, "Allow", STR("GET, HEAD"));
        http_reply(x, 405, NULL, STR_EMPTY);
        return;
    }
    if (str_eq(x->path, STR("/phone"))) { /* the page's links are relative */
        http_reply_header(x, "Location", STR("/phone/"));
        http_reply(x, 308, NULL, STR_EMPTY);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct page_file *f = &p->files[i];

        if (!str_eq_c(x->rest, table[i].rest))
            continue;
        reply_headers(x, p, f->etag);
        if (str_eq_c(http_header(x, "if-none-match"), f->etag))
            http_reply(x, 304, NULL, STR_EMPTY);
        else
            http_reply(x, 200, table[i].type, buf_str(&f->body));
        return;
    }
    http_reply(x, 404, NULL, STR_EMPTY);
}

/* ---- what is loaded ---- */

static int read_file(const char *dir, const char *name, struct buf *out, struct err *e)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return file_read(path, out, e) != 0 ? err_wrap(e, "%s", path) : 0;
}

/* A carrier that this page cannot be: it has no address to call, or answers elsewhere. */
static bool is_out(const struct profile *p)
{
    return !p || p->body == PROFILE_SMPP || p->asynchronous;
}

static void write_config(const struct phone_page *p, const struct phone_page_config *c,
                         struct buf *out)
{
    char number[MSISDN_MAX + 1];
    struct jsonw j;

    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "sms_url", c->sms_url);
    jsonw_key(&j, "carriers");
    jsonw_array(&j);
    for (size_t i = 0; i < c->ncarriers; i++) {
        const struct profile *carrier = p->profiles.p[i];

        if (is_out(carrier))
            continue;
        phone_example(*c->carriers[i].country ? c->carriers[i].country : carrier->country, number);
        jsonw_object(&j);
        jsonw_kv_cstr(&j, "name", c->carriers[i].profile);
        jsonw_kv_cstr(&j, "code", c->carriers[i].short_code);
        jsonw_kv_cstr(&j, "number", number);
        jsonw_kv_bool(&j, "user", carrier->fields[FIELD_USER].n > 0);
        jsonw_end(&j);
    }
    jsonw_end(&j);
    jsonw_end(&j);
}

static int load_profiles(struct phone_page *p, const struct phone_page_config *c, struct err *e)
{
    p->profiles.p = calloc(c->ncarriers + 1, sizeof *p->profiles.p);
    if (!p->profiles.p)
        return err_set(e, ERR_NOMEM, "the phone page");
    p->profiles.n = c->ncarriers;
    for (size_t i = 0; i < c->ncarriers; i++) {
        char own[1024];

        snprintf(own, sizeof own, "%s/%s.json", c->own_profiles, c->carriers[i].profile);
        bool mine = *c->own_profiles && access(own, F_OK) == 0;

        p->profiles.p[i] =
            phone_profile(mine ? c->own_profiles : c->profiles_dir, c->carriers[i].profile, e);
        if (!p->profiles.p[i])
            return -1;
    }
    return 0;
}

static void make_etag(struct page_file *f)
{
    uint8_t hash[CRYPTO_SHA256_LEN];
    char mem[2 * ETAG_BYTES + 1];
    struct buf hex;

    crypto_sha256(buf_str(&f->body), hash);
    buf_init_fixed(&hex, mem, sizeof mem);
    hex_encode(&hex, hash, ETAG_BYTES);
    snprintf(f->etag, sizeof f->etag, "\"%" STR_FMT "\"", STR_ARG(buf_str(&hex)));
}

/* Only what an origin is made of may reach a header. */
bool phone_page_is_origin(struct str url)
{
    struct str rest = str_starts(url, STR("http://"))    ? str_skip(url, 7)
                      : str_starts(url, STR("https://")) ? str_skip(url, 8)
                                                         : STR_EMPTY;

    for (size_t i = 0; i < rest.n; i++) {
        if (!isalnum((unsigned char)rest.p[i]) && !strchr(".:-[]", rest.p[i]))
            return false;
    }
    return rest.n > 0 && rest.n < POLICY_MAX / 2;
}

static int make_policy(struct phone_page *p, const char *sms_url, struct err *e)
{
    if (*sms_url && !phone_page_is_origin(str_c(sms_url)))
        return err_set(e, ERR_BAD_CONFIG, "the SMS address is no http://host:port");
    snprintf(p->policy, sizeof p->policy, POLICY_BASE "; connect-src 'self' %s", sms_url);
    return 0;
}

struct phone_page *phone_page_new(const struct phone_page_config *c, struct err *e)
{
    struct phone_page *p = calloc(1, sizeof *p);

    if (!p) {
        (void)err_set(e, ERR_NOMEM, "the phone page");
        return NULL;
    }
    int rc = make_policy(p, c->sms_url, e) != 0 ? -1 : load_profiles(p, c, e);

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(table); i++) {
        struct page_file *f = &p->files[i];

        buf_init(&f->body, FILE_BYTES_MAX);
        if (table[i].file)
            rc = read_file(c->dir, table[i].file, &f->body, e);
        else
            write_config(p, c, &f->body);
        make_etag(f);
    }
    if (rc == 0)
        return p;
    phone_page_free(p);
    return NULL;
}

int phone_page_mount(struct phone_page *p, struct http_server *s, struct err *e)
{
    return http_mount(s, "/phone", on_page, p,
                      &(struct http_mount_opts){.name = "phone", .body_max = PHONE_API_MAX}, e);
}

void phone_page_free(struct phone_page *p)
{
    for (size_t i = 0; p && i < ARRAY_LEN(table); i++)
        buf_fini(&p->files[i].body);
    for (size_t i = 0; p && i < p->profiles.n; i++)
        free(p->profiles.p[i]);
    if (p)
        free(p->profiles.p);
    free(p);
}
