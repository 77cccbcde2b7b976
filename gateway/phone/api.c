/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See api.h.
 */
#include "gateway/phone/api.h"

#include <jansson.h>

#include "gateway/lib/jsonw.h"

#define HOPS_MAX 1000

static struct str text(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    return str_n(json_string_value(v), json_string_length(v));
}

static const char *word(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s && strlen(s) <= PROFILE_STATE_MAX ? s : "";
}

static const struct profile *profile_of(const struct phone_profiles *all, const json_t *q)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->p[i] && str_eq_c(text(q, "carrier"), all->p[i]->name))
            return all->p[i];
    }
    return NULL;
}

static void error(struct buf *out, const char *why)
{
    struct jsonw j;

    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "error", why);
    jsonw_end(&j);
}

/* ---- a hop ---- */

static void put_text(struct buf *b, struct str s)
{
    buf_reset(b);
    buf_adds(b, s);
}

/* The phone as the page left it. */
static void restore(struct phone_call *c, const json_t *q)
{
    const json_t *keys = json_object_get(q, "keys"), *key;
    json_int_t hops = json_integer_value(json_object_get(q, "hops"));
    size_t i;

    (void)!str_to_c(text(q, "session"), c->session, sizeof c->session);
    c->hops = hops > 0 && hops < HOPS_MAX ? (unsigned)hops : 0;
    c->open = true;
    put_text(&c->path, text(q, "path"));
    put_text(&c->screen.step, text(q, "step"));
    put_text(&c->screen.token, text(q, "token"));
    put_text(&c->screen.state, text(q, "state"));
    json_array_foreach(keys, i, key) {
        if (i < MENU_OPTIONS_MAX)
            c->screen.choices[c->screen.nchoices++].key =
                str_n(json_string_value(key), json_string_length(key));
    }
}

static int act(struct phone_call *c, const json_t *q, struct err *e)
{
    if (json_object_get(q, "dial"))
        return phone_dial(c, text(q, "dial"), e);
    restore(c, q);
    if (json_object_get(q, "leave"))
        return phone_leave(c, str_eq_c(text(q, "leave"), "timeout") ? USSD_TIMEOUT : USSD_ABORT, e);
    return phone_answer(c, text(q, "answer"), e);
}

static void put_headers(struct jsonw *j, const struct phone_request *rq)
{
    struct str rest = buf_str(&rq->lines), line, name, value;

    jsonw_key(j, "headers");
    jsonw_object(j);
    while (str_split(&rest, '\n', &line)) {
        if (!str_cut(line, ':', &name, &value))
            continue;
        jsonw_key_str(j, name);
        jsonw_str(j, str_trim(value));
    }
    if (rq->type) {
        jsonw_key(j, "Content-Type");
        jsonw_cstr(j, rq->type);
    }
    jsonw_end(j);
}

static void put_call(const struct phone_call *c, struct buf *out)
{
    const struct phone_request *rq = &c->request;
    struct jsonw j;

    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "session", c->session);
    jsonw_kv_i64(&j, "hops", c->hops);
    jsonw_kv_str(&j, "path", buf_str(&c->path));
    jsonw_kv_cstr(&j, "method",
                  rq->method == HTTP_GET   ? "GET"
                  : rq->method == HTTP_PUT ? "PUT"
                                           : "POST");
    jsonw_kv_str(&j, "target", buf_str(&rq->target));
    put_headers(&j, rq);
    jsonw_kv_str(&j, "body", buf_str(&rq->body));
    jsonw_end(&j);
}

void phone_api_write(const struct phone_profiles *all, struct str question, struct buf *out)
{
    json_t *q = json_loadb(question.p, question.n, JSON_REJECT_DUPLICATES, NULL);
    const struct profile *p = profile_of(all, q);
    const struct phone_sim sim = {.number = word(q, "number"),
                                  .code = word(q, "code"),
                                  .network = word(q, "network"),
                                  .user = word(q, "user"),
                                  .password = word(q, "password")};
    struct phone_call c;
    struct err e = {0};

    if (!p) {
        error(out, "no such carrier");
    } else {
        phone_call_init(&c, p, &sim);
        if (act(&c, q, &e) == 0)
            put_call(&c, out);
        else
            error(out, e.msg);
        phone_call_fini(&c);
    }
    json_decref(q);
}

/* ---- a screen ---- */

static struct str header(void *arg, const char *name)
{
    char lower[64];
    size_t n = strlen(name);

    if (n >= sizeof lower)
        return STR_EMPTY;
    for (size_t i = 0; i <= n; i++)
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    return text(arg, lower);
}

static void put_screen(const struct profile *p, const struct phone_screen *s, struct buf *out)
{
    char count[48];
    bool fits = phone_screen_count(p, buf_str(&s->text), count, sizeof count);
    bool links = strstr(p->row[0], "$link") != NULL;
    struct jsonw j;

    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kv_str(&j, "text", buf_str(&s->text));
    jsonw_kv_bool(&j, "open", s->kind != REPLY_END);
    jsonw_kv_str(&j, "step", buf_str(&s->step));
    jsonw_kv_str(&j, "token", buf_str(&s->token));
    jsonw_kv_str(&j, "state", buf_str(&s->state));
    jsonw_kv_cstr(&j, "count", count);
    jsonw_kv_bool(&j, "over", !fits);
    jsonw_key(&j, "keys");
    jsonw_array(&j);
    for (size_t i = 0; links && i < s->nchoices; i++)
        jsonw_str(&j, s->choices[i].key);
    jsonw_end(&j);
    jsonw_end(&j);
}

void phone_api_read(const struct phone_profiles *all, struct str question, struct buf *out)
{
    json_t *q = json_loadb(question.p, question.n, JSON_REJECT_DUPLICATES, NULL);
    const struct profile *p = profile_of(all, q);
    struct phone_screen s;
    struct err e = {0};

    phone_screen_init(&s);
    if (!p)
        error(out, "no such carrier");
    else if (json_integer_value(json_object_get(q, "status")) != 200)
        error(out, "the status is not 200");
    else if (phone_read(p, text(q, "body"), header, json_object_get(q, "headers"), false, &s, &e) !=
             0)
        error(out, e.msg);
    else
        put_screen(p, &s, out);
    phone_screen_fini(&s);
    json_decref(q);
}
