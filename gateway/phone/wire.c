/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hop into a request: see wire.h.
 *
 *   kind -> the values that tell it -> the fields, each in its place unless that is taken -> bytes
 */
#include "gateway/phone/wire.h"

#include <stdio.h>

#include "gateway/phone/parts.h"

#define OTHER_WORD "Request" /* a value that the profile has no word for */

void phone_request_init(struct phone_request *rq)
{
    *rq = (struct phone_request){.method = HTTP_POST};
    buf_init(&rq->target, PHONE_TARGET_MAX);
    buf_init(&rq->body, PHONE_BODY_MAX);
    buf_init(&rq->lines, 4096);
}

void phone_request_fini(struct phone_request *rq)
{
    buf_fini(&rq->target);
    buf_fini(&rq->body);
    buf_fini(&rq->lines);
}

/* ---- places ---- */

struct writing {
    const struct profile *p;
    const struct phone_hop *h;
    struct phone_values values;
    char no[12], number[USSD_NUMBER_MAX + 8];
    struct buf path; /* of a carrier that sends the whole */
};

static bool same_place(const struct profile_source *a, const struct phone_value *v)
{
    return a->place == v->place &&
           (a->place == PLACE_PATH ? a->segment == v->segment : strcmp(a->name, v->name) == 0);
}

/* The first value of a place stays. */
static void put(struct writing *w, const struct profile_source *at, struct str text)
{
    struct phone_values *all = &w->values;

    for (size_t i = 0; i < all->n; i++) {
        if (same_place(at, &all->v[i]))
            return;
    }
    if (all->n == PHONE_PLACES_MAX)
        return;
    struct phone_value *v = &all->v[all->n++];

    *v = (struct phone_value){.place = at->place, .segment = at->segment, .text = text};
    memcpy(v->name, at->name, sizeof v->name);
}

static bool is_field(const struct profile *p, const struct profile_source *at)
{
    for (int f = 0; f < FIELDS; f++) {
        for (unsigned i = 0; i < p->fields[f].n; i++) {
            const struct profile_source *way = &p->fields[f].way[i];

            if (way->place == at->place && strcmp(way->name, at->name) == 0)
                return true;
        }
    }
    return false;
}

/* ---- what tells the kind ---- */

static int url_of(const struct profile *p, enum ussd_kind kind)
{
    for (unsigned i = 0; i < p->nurls; i++) {
        if (p->urls[i].kind == kind)
            return (int)i;
    }
    return -1;
}

static bool is_explicit(const char *word)
{
    return *word && strcmp(word, "*") != 0;
}

/* The row of kinds that says it: a word of its own before absence, and that before any word. */
static int row_of(const struct profile *p, enum ussd_kind kind)
{
    int best = -1;

    for (unsigned i = 0; i < p->nkinds; i++) {
        const char *word = p->kinds[i].word;

        if (p->kinds[i].kind != kind)
            continue;
        if (is_explicit(word))
            return (int)i;
        if (best < 0 || !*word)
            best = (int)i;
    }
    return best;
}

static bool has_word(const struct profile *p, unsigned asked, const char *word)
{
    for (unsigned i = 0; i < p->nkinds; i++) {
        if (p->kinds[i].asked == asked && str_case_eq(str_c(p->kinds[i].word), str_c(word)))
            return true;
    }
    return false;
}

/* A value that is there and that no other word of the row means. */
static const char *any_word(const struct profile *p, unsigned asked)
{
    if (has_word(p, asked, "true"))
        return "false";
    if (has_word(p, asked, "false"))
        return "true";
    if (!has_word(p, asked, "0"))
        return "0";
    return OTHER_WORD;
}

static void put_word(struct writing *w, unsigned asked, const char *word)
{
    const struct profile_source *at = &w->p->asked[asked].way[0];
    size_t before = w->values.n;

    put(w, at, str_c(word));
    if (w->values.n > before)
        w->values.v[before].is_bool = strcmp(word, "true") == 0 || strcmp(word, "false") == 0;
}

static void put_kind(struct writing *w, unsigned row)
{
    const struct profile *p = w->p;
    unsigned asked = p->kinds[row].asked;
    const char *word = p->kinds[row].word;

    if (is_explicit(word))
        put_word(w, asked, word);
    else if (*word && !is_field(p, &p->asked[asked].way[0]))
        put_word(w, asked, any_word(p, asked));
    /* an earlier row where absence means something must have a word that means nothing */
    for (unsigned i = 0; i < asked; i++) {
        if (has_word(p, i, "") && !is_field(p, &p->asked[i].way[0]))
            put_word(w, i, OTHER_WORD);
    }
}

static bool is_unsaid(const struct profile *p, enum ussd_kind kind)
{
    return (kind == USSD_BEGIN || kind == USSD_CONTINUE) &&
           (p->nasked == 0 || row_of(p, USSD_UNSAID) >= 0);
}

bool phone_tells(const struct profile *p, enum ussd_kind kind)
{
    if (p->body == PROFILE_SMPP)
        return kind == USSD_BEGIN || kind == USSD_CONTINUE ||
               (kind == USSD_ABORT && p->dialect.heard[DIALECT_ABORT].n > 0);
    if (p->nurls > 0)
        return url_of(p, kind) >= 0;
    return row_of(p, kind) >= 0 || is_unsaid(p, kind);
}

static void choose_kind(struct writing *w)
{
    const struct profile *p = w->p;
    int row = row_of(p, w->h->kind);

    if (p->nurls > 0)
        return;
    if (row < 0 && p->nasked > 0)
        row = row_of(p, USSD_UNSAID);
    if (row >= 0)
        put_kind(w, (unsigned)row);
}

/* ---- the fields ---- */

static bool is_browser(const struct profile *p)
{
    return p->fields[FIELD_NUMBER].way[0].place == PLACE_HEADER;
}

/* As the carriers write it: in a form with '+', in a header as a tel: address. */
static struct str number_of(struct writing *w)
{
    const struct profile *p = w->p;
    const char *head = is_browser(p) ? "tel:+" : p->body == PROFILE_FORM ? "+" : "";

    snprintf(w->number, sizeof w->number, "%s%" STR_FMT, head, STR_ARG(w->h->number));
    return str_c(w->number);
}

static struct str without_hash(struct str code)
{
    return str_ends(code, STR("#")) ? str_head(code, code.n - 1) : code;
}

/* On a shared code the path begins with the code's last part. */
static struct str path_of(struct writing *w)
{
    struct str code = without_hash(w->h->code);

    if (!w->p->code_in_path)
        return w->h->path;
    for (size_t i = code.n; i > 0; i--) {
        if (code.p[i - 1] == '*') {
            code = str_skip(code, i);
            break;
        }
    }
    buf_adds(&w->path, code);
    if (w->h->path.n > 0) {
        buf_addc(&w->path, '*');
        buf_adds(&w->path, w->h->path);
    }
    return buf_str(&w->path);
}

static struct str input_of(struct writing *w, bool *absent)
{
    *absent = w->h->kind == USSD_BEGIN && is_browser(w->p);
    return w->p->path ? path_of(w) : w->h->input;
}

static struct str value_of(struct writing *w, enum profile_field f, bool *absent)
{
    const struct phone_hop *h = w->h;
    bool later = h->state.n > 0; /* what the sealed state brings is not said again */
    struct str v;

    switch (f) {
    case FIELD_SESSION: return h->session;
    case FIELD_INPUT: return input_of(w, absent);
    case FIELD_NUMBER: *absent = later; return number_of(w);
    case FIELD_SERVICE_CODE: return h->code;
    case FIELD_SEQUENCE: return w->p->step == STEP_ECHO && h->step.n > 0 ? h->step : str_c(w->no);
    case FIELD_MESSAGE: return str_c(w->no);
    case FIELD_NETWORK: v = h->network; break;
    case FIELD_LANGUAGE: *absent = true; return STR_EMPTY;
    case FIELD_TOKEN: v = h->token; break;
    case FIELD_STATE: v = h->state; break;
    case FIELD_USER: v = h->user; break;
    case FIELD_PASSWORD: v = h->password; break;
    default: *absent = later; return STR("1");
    }
    *absent = v.n == 0;
    return v;
}

static size_t shared(const char *a, const char *b)
{
    size_t n = 0, level = 0;

    for (; a[n] && a[n] == b[n]; n++) {
        if (a[n] == '/')
            level = n;
    }
    return level;
}

/* Of several elements, the one where the values before already stand. */
static const struct profile_source *way_of(const struct writing *w, const struct profile_ways *ways)
{
    const struct profile_source *best = &ways->way[0];
    size_t most = 0;

    for (unsigned i = 0; w->p->body == PROFILE_XML && i < ways->n; i++) {
        for (size_t k = 0; k < w->values.n; k++) {
            size_t n = shared(ways->way[i].name, w->values.v[k].name);

            if (n > most) {
                most = n;
                best = &ways->way[i];
            }
        }
    }
    return best;
}

static void put_fields(struct writing *w)
{
    bool over = w->h->kind == USSD_ABORT || w->h->kind == USSD_TIMEOUT;

    for (int f = 0; f < FIELDS; f++) {
        const struct profile_ways *ways = &w->p->fields[f];
        bool absent = false;

        if (ways->n == 0 || (over && f == FIELD_INPUT))
            continue;
        struct str v = value_of(w, (enum profile_field)f, &absent);

        if (!absent)
            put(w, way_of(w, ways), v);
    }
}

/* ---- the address ---- */

static const struct phone_value *segment(const struct writing *w, unsigned no)
{
    for (size_t i = 0; i < w->values.n; i++) {
        if (w->values.v[i].place == PLACE_PATH && w->values.v[i].segment == no)
            return &w->values.v[i];
    }
    return NULL;
}

static void write_path(const struct writing *w, struct buf *out)
{
    int url = url_of(w->p, w->h->kind);
    struct str path = str_c(url >= 0 ? w->p->urls[url].path : "?"), piece;

    for (unsigned i = 0; str_split(&path, '/', &piece); i++) {
        const struct phone_value *v = segment(w, i);

        if (!v && str_eq_c(piece, "?"))
            return;
        buf_addc(out, '/');
        if (str_eq_c(piece, "?"))
            buf_url_component(out, v->text);
        else
            buf_adds(out, piece);
    }
}

static enum http_method method_of(const struct profile *p, enum ussd_kind kind)
{
    int url = url_of(p, kind);
    enum profile_method m = url >= 0 ? p->urls[url].method : p->method;

    return m == METHOD_GET ? HTTP_GET : m == METHOD_PUT ? HTTP_PUT : HTTP_POST;
}

static void write_query(const struct writing *w, struct phone_request *rq)
{
    bool bare = rq->method == HTTP_GET || w->p->body == PROFILE_QUERY;
    struct buf b;

    buf_init(&b, PHONE_TARGET_MAX);
    phone_pairs(&w->values, PLACE_QUERY, &b);
    if (bare) {
        if (b.len > 0)
            buf_addc(&b, '&');
        phone_pairs(&w->values, PLACE_BODY, &b);
    }
    if (str_ends(buf_str(&b), STR("&")))
        buf_truncate(&b, b.len - 1);
    if (b.len > 0)
        buf_addc(&rq->target, '?');
    buf_adds(&rq->target, buf_str(&b));
    buf_fini(&b);
    if (!bare)
        phone_body(w->p, &w->values, rq);
}

static void write_headers(const struct writing *w, struct buf *out)
{
    for (size_t i = 0; i < w->values.n; i++) {
        const struct phone_value *v = &w->values.v[i];

        if (v->place == PLACE_HEADER && str_find_char(v->text, '\n') < 0)
            buf_addf(out, "%s: %" STR_FMT "\n", v->name, STR_ARG(v->text));
    }
}

int phone_write(const struct profile *p, const struct phone_hop *h, struct phone_request *rq,
                struct err *e)
{
    struct writing w = {.p = p, .h = h};

    buf_reset(&rq->target);
    buf_reset(&rq->body);
    buf_reset(&rq->lines);
    rq->type = NULL;
    if (!phone_tells(p, h->kind) || p->body == PROFILE_SMPP)
        return err_set(e, ERR_BAD_INPUT, "%s: the carrier does not tell it", p->name);
    snprintf(w.no, sizeof w.no, "%u", h->no);
    buf_init(&w.path, PHONE_TARGET_MAX);
    rq->method = method_of(p, h->kind);
    choose_kind(&w);
    put_fields(&w);
    write_path(&w, &rq->target);
    write_query(&w, rq);
    write_headers(&w, &rq->lines);
    buf_fini(&w.path);
    if (buf_check(&rq->target, e) != 0 || buf_check(&rq->lines, e) != 0)
        return -1;
    return buf_check(&rq->body, e);
}
