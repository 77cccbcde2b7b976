/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A callback in, by its profile; a reply out. See profile.h. Every byte here comes from a network.
 */
#include "gateway/ussd/profile.h"

#include <jansson.h>
#include <string.h>

#include "gateway/io/http_parse.h"
#include "gateway/lib/utf8.h"

static const size_t field_max[FIELDS] = {[FIELD_SESSION] = USSD_SESSION_MAX,
                                         [FIELD_NUMBER] = USSD_NUMBER_MAX,
                                         [FIELD_SERVICE_CODE] = USSD_CODE_MAX,
                                         [FIELD_NETWORK] = USSD_NETWORK_MAX,
                                         [FIELD_INPUT] = USSD_INPUT_MAX,
                                         [FIELD_KIND] = PROFILE_FIELD_MAX - 1,
                                         [FIELD_SEQUENCE] = 10};

/* ---- where fields stand ---- */

static int value_bad(const struct profile *p, enum profile_field f, struct err *e)
{
    return err_set(e, ERR_BAD_INPUT, "%s: field %s malformed or too long", p->name, p->fields[f]);
}

static int form_field(const struct profile *p, struct str form, enum profile_field f, char *out,
                      struct str *value, struct err *e)
{
    ptrdiff_t n = http_form_value(form, p->fields[f], out, field_max[f] + 1);

    if (n == -2)
        return value_bad(p, f, e);
    *value = n < 0 ? (struct str){NULL, 0} : str_n(out, (size_t)n);
    return 0;
}

/* Carriers send numbers as strings and strings as numbers: both are taken (hard case 33). */
static int json_field(const struct profile *p, json_t *root, enum profile_field f, char *out,
                      struct str *value, struct err *e)
{
    json_t *v = json_object_get(root, p->fields[f]);
    struct buf b;

    *value = (struct str){NULL, 0};
    if (!v || json_is_null(v))
        return 0;
    buf_init_fixed(&b, out, field_max[f]);
    if (json_is_string(v))
        buf_add(&b, json_string_value(v), json_string_length(v));
    else if (json_is_integer(v))
        buf_add_i64(&b, json_integer_value(v));
    else if (json_is_boolean(v))
        buf_puts(&b, json_is_true(v) ? "true" : "false");
    else
        return value_bad(p, f, e);
    if (b.failed)
        return value_bad(p, f, e);
    *value = str_n(out, b.len);
    return 0;
}

static bool clean(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c == 0x7F)
            return false;
    }
    return utf8_valid(s);
}

/* ---- what they mean ---- */

static int set_kind(const struct profile *p, struct str word, struct ussd_event *ev, struct err *e)
{
    for (unsigned i = 0; i < p->nkinds; i++) {
        if (str_case_eq(word, str_c(p->kinds[i].word))) {
            ev->kind = p->kinds[i].kind;
            return 0;
        }
    }
    return err_set(e, ERR_BAD_INPUT, "%s: %s has an unknown value", p->name, p->fields[FIELD_KIND]);
}

static int set_sequence(const struct profile *p, struct str word, struct ussd_event *ev,
                        struct err *e)
{
    int64_t n = 0;

    if (!str_to_i64(word, 0, UINT32_MAX, &n))
        return value_bad(p, FIELD_SEQUENCE, e);
    ev->has_sequence = true;
    ev->sequence = (uint32_t)n;
    return 0;
}

static int set_field(const struct profile *p, enum profile_field f, struct str v,
                     struct ussd_event *ev, struct err *e)
{
    bool required = f == FIELD_SESSION || f == FIELD_NUMBER || f == FIELD_KIND;

    if (v.p == NULL || (required && v.n == 0)) {
        if (required || f == FIELD_SEQUENCE)
            return err_set(e, ERR_BAD_INPUT, "%s: field %s is missing", p->name, p->fields[f]);
        return 0;
    }
    /* what a subscriber typed may hold anything: the menu refuses it with a screen */
    if (f != FIELD_INPUT && !clean(v))
        return value_bad(p, f, e);
    switch (f) {
    case FIELD_SESSION: ev->session = v; break;
    case FIELD_NUMBER: ev->number = v; break;
    case FIELD_SERVICE_CODE: ev->service_code = v; break;
    case FIELD_NETWORK: ev->network = v; break;
    case FIELD_INPUT: ev->input = v; break;
    case FIELD_KIND: return set_kind(p, v, ev, e);
    case FIELD_SEQUENCE: return set_sequence(p, v, ev, e);
    case FIELDS: break;
    }
    return 0;
}

int profile_parse(const struct profile *p, struct str query, struct str body,
                  struct profile_scratch *s, struct ussd_event *ev, struct err *e)
{
    json_t *root = NULL;
    int rc = 0;

    *ev = (struct ussd_event){.kind = USSD_UNSAID,
                              .session = STR_EMPTY,
                              .number = STR_EMPTY,
                              .service_code = STR_EMPTY,
                              .network = STR_EMPTY,
                              .input = STR_EMPTY};
    if (p->body == PROFILE_JSON) {
        root = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(root))
            rc = err_set(e, ERR_BAD_INPUT, "%s: the body is not a JSON object", p->name);
    }
    for (int f = 0; rc == 0 && f < FIELDS; f++) {
        struct str v = {.p = NULL, .n = 0};

        if (!*p->fields[f])
            continue;
        rc = root ? json_field(p, root, f, s->text[f], &v, e)
                  : form_field(p, p->body == PROFILE_FORM ? body : query, f, s->text[f], &v, e);
        if (rc == 0)
            rc = set_field(p, f, v, ev, e);
    }
    json_decref(root);
    return rc;
}

/* ---- the reply ---- */

static void add_value(const struct profile *p, struct str v, struct buf *out)
{
    size_t at = out->len;

    if (!p->json_reply) {
        buf_adds(out, v);
        return;
    }
    buf_json_string(out, v); /* with its quotes; the template has quotes of its own */
    if (out->failed)
        return;
    memmove(out->p + at, out->p + at + 1, out->len - at - 2);
    buf_truncate(out, out->len - 2);
}

void profile_render(const struct profile *p, enum profile_reply kind, struct str text,
                    struct str session, struct buf *out)
{
    struct str rest = str_c(p->reply[kind]);
    ptrdiff_t at;

    while ((at = str_find_char(rest, '$')) >= 0) {
        buf_add(out, rest.p, (size_t)at);
        rest = str_skip(rest, (size_t)at);
        if (str_starts(rest, STR("$text"))) {
            add_value(p, text, out);
            rest = str_skip(rest, 5);
        } else if (str_starts(rest, STR("$session"))) {
            add_value(p, session, out);
            rest = str_skip(rest, 8);
        } else {
            buf_addc(out, '$');
            rest = str_skip(rest, 1);
        }
    }
    buf_adds(out, rest);
}
