/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See profile_read.h.
 */
#include "gateway/ussd/profile_read.h"

#include "gateway/ussd/profile_xml.h"

#define ABSENT ((struct str){NULL, 0})

static bool is_json(const struct profile *p, struct str body)
{
    body = str_trim(body);
    return p->body == PROFILE_JSON || (p->body == PROFILE_ANY && body.n > 0 && body.p[0] == '{');
}

int profile_read_open(struct profile_reader *r, const struct profile *p,
                      const struct profile_request *rq, struct profile_scratch *s, struct err *e)
{
    *r = (struct profile_reader){.p = p, .rq = rq, .s = s, .form = rq->query};
    if (rq->method == HTTP_GET || p->body == PROFILE_QUERY)
        return 0;
    r->form = rq->body;
    if (p->body == PROFILE_XML) {
        r->xml = profile_xml_parse(rq->body);
        return r->xml ? 0 : err_set(e, ERR_BAD_INPUT, "%s: the body is not XML we take", p->name);
    }
    if (!is_json(p, rq->body))
        return 0;
    r->json = json_loadb(rq->body.p, rq->body.n, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(r->json))
        return err_set(e, ERR_BAD_INPUT, "%s: the body is not a JSON object", p->name);
    return 0;
}

void profile_read_close(struct profile_reader *r)
{
    json_decref(r->json);
    profile_xml_free(r->xml);
}

/* ---- the places: each writes at most b's room; -1 malformed, 1 found, 0 absent ---- */

static int form_value(struct str form, const char *name, size_t max, struct buf *b)
{
    ptrdiff_t n = http_form_value(form, name, b->p, max + 1);

    if (n == -2)
        return -1;
    b->len = n > 0 ? (size_t)n : 0;
    return n >= 0;
}

/* Carriers send numbers as strings and strings as numbers: both are taken (hard case 33). */
static int json_value(json_t *root, struct str path, struct buf *b)
{
    struct str name;

    while (root && str_split(&path, '.', &name))
        root = json_is_object(root) ? json_object_getn(root, name.p, name.n) : NULL;
    if (!root || json_is_null(root))
        return 0;
    if (json_is_string(root))
        buf_add(b, json_string_value(root), json_string_length(root));
    else if (json_is_integer(root))
        buf_add_i64(b, json_integer_value(root));
    else if (json_is_boolean(root))
        buf_puts(b, json_is_true(root) ? "true" : "false");
    else
        return -1;
    return 1;
}

static int header_value(const struct http_head *head, const char *name, struct buf *b)
{
    int found = 0;

    for (unsigned i = 0; head && i < head->nheaders; i++) {
        if (!str_case_eq(head->headers[i].name, str_c(name)))
            continue;
        if (found++)
            return -1;
        buf_adds(b, str_trim(head->headers[i].value));
    }
    return found;
}

static int segment_value(struct str tail, unsigned no, struct buf *b)
{
    struct str piece;

    for (unsigned i = 0; tail.n > 0 && str_split(&tail, '/', &piece); i++) {
        if (i == no) {
            buf_adds(b, piece);
            return 1;
        }
    }
    return 0;
}

static int place_value(struct profile_reader *r, const struct profile_source *at, size_t max,
                       struct buf *b)
{
    switch (at->place) {
    case PLACE_QUERY: return form_value(r->rq->query, at->name, max, b);
    case PLACE_HEADER: return header_value(r->rq->head, at->name, b);
    case PLACE_PATH: return segment_value(r->rq->tail, at->segment, b);
    case PLACE_BODY: break;
    }
    if (r->json)
        return json_value(r->json, str_c(at->name), b);
    if (r->xml)
        return profile_xml_value(r->xml, str_c(at->name), b);
    return form_value(r->form, at->name, max, b);
}

int profile_read(struct profile_reader *r, const struct profile_ways *ways, size_t max,
                 struct str *value)
{
    struct profile_scratch *s = r->s;

    *value = ABSENT;
    for (unsigned i = 0; i < ways->n && value->n == 0; i++) {
        struct buf b;
        int found;

        if (sizeof s->text - s->used < max + 1)
            return -1;
        buf_init_fixed(&b, s->text + s->used, max);
        found = place_value(r, &ways->way[i], max, &b);
        if (found < 0 || b.failed)
            return -1;
        if (found && (b.len > 0 || !value->p))
            *value = str_n(b.p, b.len);
    }
    s->used += value->n + (value->n > 0);
    return 0;
}
