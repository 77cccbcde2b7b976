/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A callback in, by its profile. See profile.h. Every byte here comes from a network.
 */
#include "gateway/ussd/profile.h"

#include <string.h>

#include "gateway/lib/utf8.h"
#include "gateway/ussd/profile_names.h"
#include "gateway/ussd/profile_read.h"

static const size_t field_max[FIELDS] = {
    [FIELD_SESSION] = USSD_SESSION_MAX,
    [FIELD_NUMBER] = USSD_NUMBER_MAX,
    [FIELD_SERVICE_CODE] = USSD_CODE_MAX,
    [FIELD_NETWORK] = USSD_NETWORK_MAX,
    [FIELD_LANGUAGE] = 64,
    [FIELD_INPUT] = USSD_INPUT_MAX,
    [FIELD_SEQUENCE] = 10,
    [FIELD_MESSAGE] = USSD_SESSION_MAX,
    [FIELD_TOKEN] = PROFILE_TOKEN_MAX,
    [FIELD_STATE] = PROFILE_STATE_MAX,
    [FIELD_USER] = 64,
    [FIELD_PASSWORD] = 64,
    [FIELD_ECHO] = USSD_ECHO_MAX,
    [FIELD_ECHO + 1] = USSD_ECHO_MAX,
    [FIELD_ECHO + 2] = USSD_ECHO_MAX,
    [FIELD_ECHO + 3] = USSD_ECHO_MAX,
};

size_t profile_field_max(enum profile_field f)
{
    return field_max[f];
}

/* ---- the address ---- */

static bool segments_match(struct str path, struct str tail)
{
    struct str want, got;

    for (;;) {
        bool more = str_split(&path, '/', &want), have = str_split(&tail, '/', &got);

        if (more != have)
            return false;
        if (!more)
            return true;
        if (!str_eq_c(want, "?") && !str_eq(want, got))
            return false;
    }
}

static bool method_fits(enum profile_method want, enum http_method got)
{
    switch (want) {
    case METHOD_GET: return got == HTTP_GET;
    case METHOD_POST: return got == HTTP_POST;
    case METHOD_PUT: return got == HTTP_PUT;
    case METHOD_ANY: break;
    }
    return got == HTTP_GET || got == HTTP_POST;
}

static unsigned segment_count(struct str tail)
{
    struct str piece;
    unsigned n = 0;

    while (tail.n > 0 && str_split(&tail, '/', &piece))
        n++;
    return n;
}

unsigned profile_route(const struct profile *p, const struct profile_request *rq)
{
    unsigned status = 404;

    if (p->nurls == 0 && segment_count(rq->tail) <= p->segments)
        return method_fits(p->method, rq->method) ? 0 : 405;
    for (unsigned i = 0; i < p->nurls; i++) {
        if (!segments_match(str_c(p->urls[i].path), rq->tail))
            continue;
        if (method_fits(p->urls[i].method, rq->method))
            return 0;
        status = 405;
    }
    return status;
}

static enum ussd_kind url_kind(const struct profile *p, const struct profile_request *rq)
{
    for (unsigned i = 0; i < p->nurls; i++) {
        if (method_fits(p->urls[i].method, rq->method) &&
            segments_match(str_c(p->urls[i].path), rq->tail))
            return p->urls[i].kind;
    }
    return USSD_UNSAID;
}

/* ---- what the fields mean ---- */

static int field_bad(const struct profile *p, enum profile_field f, struct err *e)
{
    return err_set(e, ERR_BAD_INPUT, "%s: field %s malformed or too long", p->name,
                   p->fields[f].way[0].name);
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

static bool is_silent(enum ussd_kind kind)
{
    return kind >= USSD_ABORT;
}

static bool kind_word(const struct profile *p, unsigned asked, struct str said,
                      struct ussd_event *ev)
{
    for (unsigned i = 0; i < p->nkinds; i++) {
        struct str word = str_c(p->kinds[i].word);

        if (p->kinds[i].asked != asked)
            continue;
        if (str_case_eq(said, word) || (said.n > 0 && str_eq_c(word, "*"))) {
            ev->kind = p->kinds[i].kind;
            return true;
        }
    }
    return false;
}

static int set_kind(struct profile_reader *r, struct ussd_event *ev, struct err *e)
{
    const struct profile *p = r->p;

    if (ev->kind != USSD_UNSAID) /* the address has said it */
        return 0;
    for (unsigned i = 0; i < p->nasked; i++) {
        struct str said;

        if (profile_read(r, &p->asked[i], PROFILE_FIELD_MAX - 1, &said) != 0)
            return err_set(e, ERR_BAD_INPUT, "%s: %s malformed", p->name, p->asked[i].way[0].name);
        if (kind_word(p, i, said.p ? said : STR_EMPTY, ev))
            return 0;
    }
    return p->nasked == 0 ? 0
                          : err_set(e, ERR_BAD_INPUT, "%s: %s has an unknown value", p->name,
                                    p->asked[p->nasked - 1].way[0].name);
}

static int set_sequence(const struct profile *p, struct str word, struct ussd_event *ev,
                        struct err *e)
{
    int64_t n = 0;

    if (!str_to_i64(word, 0, UINT32_MAX, &n))
        return field_bad(p, FIELD_SEQUENCE, e);
    ev->has_sequence = true;
    ev->sequence = (uint32_t)n;
    return 0;
}

/* "fr-CI,fr;q=0.9" is fr: a hint that is none of ours, or none at all, harms no hop. */
static struct str language_word(struct str said)
{
    size_t n = 0;

    while (n < said.n &&
           ((said.p[n] >= 'a' && said.p[n] <= 'z') || (said.p[n] >= 'A' && said.p[n] <= 'Z')))
        n++;
    return n == 2 || n == 3 ? str_head(said, n) : STR_EMPTY;
}

static int set_field(const struct profile *p, enum profile_field f, struct str v,
                     struct profile_scratch *s, struct ussd_event *ev, struct err *e)
{
    /* what a subscriber typed may hold anything: the menu refuses it with a screen */
    if (f != FIELD_INPUT && f != FIELD_LANGUAGE && !clean(v))
        return field_bad(p, f, e);
    switch (f) {
    case FIELD_LANGUAGE: ev->language = language_word(v); break;
    case FIELD_SESSION: ev->session = v; break;
    case FIELD_NUMBER: ev->number = v; break;
    case FIELD_SERVICE_CODE: ev->service_code = v; break;
    case FIELD_NETWORK: ev->network = v; break;
    case FIELD_INPUT: ev->input = v; break;
    case FIELD_TOKEN: ev->token = v; break;
    case FIELD_SEQUENCE: return v.n > 0 ? set_sequence(p, v, ev, e) : 0;
    default:
        s->value[f] = v;
        if (f >= FIELD_ECHO)
            ev->echo[f - FIELD_ECHO] = v;
    }
    return 0;
}

/* What none may lack: an abort needs no number, since it gets no screen. */
static int check_required(const struct profile *p, const struct profile_scratch *s,
                          const struct ussd_event *ev, struct err *e)
{
    enum profile_field missing = FIELDS;

    if (ev->session.n == 0 && ev->kind != USSD_IGNORE)
        missing = FIELD_SESSION;
    else if (is_silent(ev->kind))
        return 0;
    else if (ev->number.n == 0 && s->value[FIELD_STATE].n == 0)
        missing = FIELD_NUMBER;
    else if (!p->path && p->step == STEP_SEQUENCE && !ev->has_sequence)
        missing = FIELD_SEQUENCE;
    if (missing == FIELDS)
        return 0;
    return err_set(e, ERR_BAD_INPUT, "%s: field %s is missing", p->name,
                   p->fields[missing].way[0].name);
}

static bool is_test(const struct profile *p, const struct ussd_event *ev)
{
    struct str number =
        ev->number.n && ev->number.p[0] == '+' ? str_skip(ev->number, 1) : ev->number;

    for (unsigned i = 0; i < PROFILE_TESTS_MAX; i++) {
        if (*p->test_networks[i] && str_case_eq(ev->network, str_c(p->test_networks[i])))
            return true;
        if (*p->test_numbers[i] && str_starts(number, str_c(p->test_numbers[i])))
            return true;
    }
    return false;
}

/* path without `head` and the star behind it; path itself where it does not begin so. */
static struct str without(struct str path, struct str head)
{
    if (head.n == 0 || !str_starts(path, head) || (path.n > head.n && path.p[head.n] != '*'))
        return path;
    return str_skip(path, head.n + (path.n > head.n));
}

/* Hard case 15: "33*2*Dan" or "*415*33*2*Dan#" under the code *415*33#. */
static struct str without_code(struct str code, struct str path)
{
    size_t last = code.n;

    if (code.n > 0 && code.p[code.n - 1] == '#')
        code.n--;
    if (path.n > 0 && path.p[0] == '*') {
        path.n -= path.p[path.n - 1] == '#';
        return without(path, code);
    }
    for (last = code.n; last > 0 && code.p[last - 1] != '*';)
        last--;
    return last > 1 ? without(path, str_skip(code, last)) : path; /* a code of our own: no suffix */
}

/* The next byte of a dial string that is no star or hash, cut off *s; 0 at its end. */
static char next_dialled(struct str *s)
{
    while (s->n > 0 && (s->p[0] == '*' || s->p[0] == '#'))
        *s = str_skip(*s, 1);
    char c = s->n > 0 ? s->p[0] : 0;

    *s = str_skip(*s, s->n > 0);
    return c;
}

/* Hard case 8: where the number stands in for a session id, who dials the code again begins again. */
static bool is_dialled(struct str code, struct str input)
{
    char c = next_dialled(&code);

    if (c == 0)
        return false;
    for (; c != 0; c = next_dialled(&code)) {
        if (next_dialled(&input) != c)
            return false;
    }
    return true;
}

static int read_fields(struct profile_reader *r, int first, int end, struct ussd_event *ev,
                       struct err *e)
{
    const struct profile *p = r->p;

    for (int f = first; f < end; f++) {
        struct str v;

        if (p->fields[f].n == 0)
            continue;
        int rc = profile_read(r, &p->fields[f], field_max[f], &v);

        if (rc != 0 && f == FIELD_LANGUAGE)
            continue;
        if (rc != 0)
            return field_bad(p, (enum profile_field)f, e);
        if (v.p && set_field(p, (enum profile_field)f, v, r->s, ev, e) != 0)
            return -1;
    }
    return 0;
}

/* Who it is from and what it is come first: both count even where the rest is malformed. */
static int parse(struct profile_reader *r, struct ussd_event *ev, struct err *e)
{
    const struct profile *p = r->p;

    if (read_fields(r, FIELD_USER, FIELD_PASSWORD + 1, ev, e) != 0 || set_kind(r, ev, e) != 0 ||
        read_fields(r, FIELD_ECHO, FIELDS, ev, e) != 0 ||
        read_fields(r, FIELD_SESSION, FIELD_USER, ev, e) != 0 ||
        check_required(p, r->s, ev, e) != 0)
        return -1;
    if (p->code_in_path)
        ev->input = without_code(r->rq->short_code, ev->input);
    if (ev->kind == USSD_UNSAID && str_eq(ev->session, ev->number) &&
        is_dialled(r->rq->short_code, ev->input))
        ev->kind = USSD_BEGIN;
    ev->test = is_test(p, ev);
    return 0;
}

int profile_parse(const struct profile *p, const struct profile_request *rq,
                  struct profile_scratch *s, struct ussd_event *ev, struct err *e)
{
    struct profile_reader r;
    int rc;

    s->used = 0;
    *ev = (struct ussd_event){.kind = url_kind(p, rq),
                              .session = STR_EMPTY,
                              .number = STR_EMPTY,
                              .service_code = STR_EMPTY,
                              .network = STR_EMPTY,
                              .language = STR_EMPTY,
                              .input = STR_EMPTY};
    ev->token = STR_EMPTY;
    for (size_t i = 0; i < USSD_ECHOES; i++)
        ev->echo[i] = STR_EMPTY;
    for (size_t i = 0; i < FIELDS; i++)
        s->value[i] = STR_EMPTY;
    rc = profile_read_open(&r, p, rq, s, e);
    if (rc == 0)
        rc = parse(&r, ev, e);
    profile_read_close(&r);
    return rc;
}
