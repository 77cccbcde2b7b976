/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer into a screen, by the reply's templates: see wire.h.
 *
 * A template is literals with names between; a name takes as little as lets the rest match, and
 * never what its escape could not have written (a '"' in JSON, a '<' in XML). $options takes as many
 * rows as there are. The tries are counted: an answer that needs more than TRIES_MAX matches nothing.
 */
#include "gateway/phone/wire.h"

#include <jansson.h>

#define TRIES_MAX 200000

enum captured {
    CAP_TEXT,
    CAP_HEAD,
    CAP_STEP,
    CAP_TOKEN,
    CAP_STATE,
    CAP_LINK,
    CAP_KEY,
    CAP_LABEL,
    CAPS
};

static const char *const cap_names[CAPS] = {
    [CAP_TEXT] = "text",   [CAP_HEAD] = "head", [CAP_STEP] = "step", [CAP_TOKEN] = "token",
    [CAP_STATE] = "state", [CAP_LINK] = "link", [CAP_KEY] = "key",   [CAP_LABEL] = "label"};

struct matcher {
    const struct profile *p;
    struct str cap[CAPS]; /* still escaped; .p NULL: not there */
    struct {
        struct str key, label;
    } rows[MENU_OPTIONS_MAX];
    size_t nrows;
    unsigned tries;
};

/* ---- matching ---- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_' || c == '.';
}

/* The name behind a '$': its length. "$$" has one of 1. */
static size_t name_len(struct str t)
{
    size_t n = 0;

    if (t.n > 0 && t.p[0] == '$')
        return 1;
    while (n < t.n && is_word(t.p[n]))
        n++;
    while (n > 0 && t.p[n - 1] == '.')
        n--;
    return str_starts(t, STR("echo.")) ? n : MIN(n, strcspn(t.p, "."));
}

/* Whether a value that goes on at s could hold its first byte. */
static bool may_hold(const struct profile *p, struct str s)
{
    switch (p->escape) {
    case ESCAPE_JSON: return *s.p != '"' && (unsigned char)*s.p >= 0x20;
    case ESCAPE_XML: return *s.p != '<' && *s.p != '"';
    case ESCAPE_HTML: return (*s.p != '<' || str_starts(s, STR("<br/>"))) && *s.p != '"';
    case ESCAPE_PIPE: return *s.p != '|';
    case ESCAPE_NONE:
    case ESCAPE_URL: break;
    }
    return true;
}

static size_t step_of(const struct profile *p, struct str s)
{
    if (p->escape == ESCAPE_HTML && *s.p == '<')
        return 5; /* <br/> */
    return p->escape == ESCAPE_JSON && *s.p == '\\' && s.n > 1 ? 2 : 1;
}

static bool match(struct matcher *m, struct str t, struct str s, struct str *rest);

/* As many rows as there are; what is behind them stays in *s. */
static void take_rows(struct matcher *m, struct str *s)
{
    struct str between = str_c(m->p->between);

    while (m->nrows < MENU_OPTIONS_MAX) {
        struct str at = *s, behind;

        if (m->nrows > 0 && !str_starts(at, between))
            return;
        at = str_skip(at, m->nrows > 0 ? between.n : 0);
        if (!match(m, str_c(m->p->row[0]), at, &behind) &&
            !match(m, str_c(m->p->row[1]), at, &behind))
            return;
        m->rows[m->nrows].key = m->cap[CAP_KEY];
        m->rows[m->nrows++].label = m->cap[CAP_LABEL];
        *s = behind;
    }
}

static bool match_name(struct matcher *m, struct str name, struct str t, struct str s,
                       struct str *rest)
{
    size_t n = 0;

    if (str_eq_c(name, "options")) {
        m->nrows = 0;
        take_rows(m, &s);
        return match(m, t, s, rest);
    }
    for (;;) {
        if (match(m, t, str_skip(s, n), rest))
            break;
        if (n >= s.n || m->tries > TRIES_MAX || !may_hold(m->p, str_skip(s, n)))
            return false;
        n += step_of(m->p, str_skip(s, n));
    }
    for (int c = 0; c < CAPS; c++) {
        if (str_eq_c(name, cap_names[c]))
            m->cap[c] = str_head(s, n);
    }
    return true;
}

/* rest NULL: the whole of s; else what is behind the match. */
static bool match(struct matcher *m, struct str t, struct str s, struct str *rest)
{
    ptrdiff_t at = str_find_char(t, '$');
    struct str literal = at < 0 ? t : str_head(t, (size_t)at);

    if (m->tries++ > TRIES_MAX || !str_starts(s, literal))
        return false;
    s = str_skip(s, literal.n);
    if (at < 0) {
        if (rest)
            *rest = s;
        return rest || s.n == 0;
    }
    t = str_skip(t, literal.n + 1);
    size_t n = name_len(t);
    struct str name = str_head(t, n);

    if (str_eq_c(name, "$"))
        return str_starts(s, STR("$")) && match(m, str_skip(t, 1), str_skip(s, 1), rest);
    return match_name(m, name, str_skip(t, n), s, rest);
}

/* ---- unescaping ---- */

static void from_json(struct str v, struct buf *out)
{
    struct buf b;
    json_t *text;

    buf_init(&b, PHONE_BODY_MAX + 2);
    buf_addc(&b, '"');
    buf_adds(&b, v);
    buf_addc(&b, '"');
    text = json_loadb(b.p, b.len, JSON_DECODE_ANY, NULL);
    buf_adds(out, str_n(json_string_value(text), json_string_length(text)));
    json_decref(text);
    buf_fini(&b);
}

static void from_xml(struct str v, struct buf *out)
{
    static const struct {
        struct str code;
        char c;
    } codes[] = {{STR_INIT("&lt;"), '<'},   {STR_INIT("&gt;"), '>'},   {STR_INIT("&quot;"), '"'},
                 {STR_INIT("&#39;"), '\''}, {STR_INIT("&#10;"), '\n'}, {STR_INIT("<br/>"), '\n'},
                 {STR_INIT("&amp;"), '&'}};

    while (v.n > 0) {
        size_t i = 0;

        while (i < ARRAY_LEN(codes) && !str_starts(v, codes[i].code))
            i++;
        buf_addc(out, i < ARRAY_LEN(codes) ? codes[i].c : v.p[0]);
        v = str_skip(v, i < ARRAY_LEN(codes) ? codes[i].code.n : 1);
    }
}

static void unescape(const struct profile *p, struct str v, struct buf *out)
{
    if (!v.p)
        return;
    if (p->escape == ESCAPE_JSON)
        from_json(v, out);
    else if (p->escape == ESCAPE_XML || p->escape == ESCAPE_HTML)
        from_xml(v, out);
    else
        buf_adds(out, v);
}

/* ---- the screen ---- */

void phone_screen_init(struct phone_screen *s)
{
    *s = (struct phone_screen){.kind = REPLY_SILENT};
    buf_init(&s->text, PHONE_BODY_MAX);
    buf_init(&s->step, 64);
    buf_init(&s->token, 2 * PROFILE_TOKEN_MAX);
    buf_init(&s->state, PROFILE_STATE_MAX);
    buf_init(&s->words, PHONE_BODY_MAX);
}

void phone_screen_fini(struct phone_screen *s)
{
    buf_fini(&s->text);
    buf_fini(&s->step);
    buf_fini(&s->token);
    buf_fini(&s->state);
    buf_fini(&s->words);
}

static void screen_reset(struct phone_screen *s)
{
    buf_reset(&s->text);
    buf_reset(&s->step);
    buf_reset(&s->token);
    buf_reset(&s->state);
    buf_reset(&s->words);
    s->nchoices = 0;
    s->kind = REPLY_SILENT;
}

/* The token is the last part of a link. */
static struct str last_part(struct str link)
{
    for (size_t i = link.n; i > 0; i--) {
        if (link.p[i - 1] == '/')
            return str_skip(link, i);
    }
    return link;
}

/* A gateway draws a choice as its key and its label. */
static void add_choices(const struct matcher *m, struct phone_screen *s)
{
    size_t key[MENU_OPTIONS_MAX], label[MENU_OPTIONS_MAX], end[MENU_OPTIONS_MAX];

    for (size_t i = 0; i < m->nrows; i++) {
        key[i] = s->words.len;
        unescape(m->p, m->rows[i].key, &s->words);
        label[i] = s->words.len;
        unescape(m->p, m->rows[i].label, &s->words);
        end[i] = s->words.len;
    }
    s->nchoices = s->words.failed ? 0 : m->nrows;
    for (size_t i = 0; i < s->nchoices; i++) {
        s->choices[i].key = str_n(s->words.p + key[i], label[i] - key[i]);
        s->choices[i].label = str_n(s->words.p + label[i], end[i] - label[i]);
        if (s->text.len > 0)
            buf_addc(&s->text, '\n');
        buf_adds(&s->text, s->choices[i].key);
        buf_addc(&s->text, ' ');
        buf_adds(&s->text, s->choices[i].label);
    }
}

static void fill(const struct matcher *m, struct phone_screen *s)
{
    const struct profile *p = m->p;

    unescape(p, m->cap[CAP_TEXT].p ? m->cap[CAP_TEXT] : m->cap[CAP_HEAD], &s->text);
    unescape(p, m->cap[CAP_STEP], &s->step);
    unescape(p, m->cap[CAP_STATE], &s->state);
    unescape(p, m->cap[CAP_TOKEN].p ? m->cap[CAP_TOKEN] : last_part(m->cap[CAP_LINK]), &s->token);
    add_choices(m, s);
}

/* ---- which template ---- */

static enum profile_reply outcome(enum profile_reply kind)
{
    return kind == REPLY_INPUT ? REPLY_CONTINUE : kind;
}

static bool headers_say(const struct profile *p, enum profile_reply kind, phone_header *header,
                        void *arg)
{
    for (unsigned i = 0; !p->asynchronous && i < p->nheaders; i++) {
        const char *want = p->headers[i].value[outcome(kind)];

        if (*want && !str_eq_c(header(arg, p->headers[i].name), want))
            return false;
    }
    return true;
}

static bool read_as(const struct profile *p, enum profile_reply kind, struct str body,
                    struct phone_screen *s)
{
    struct matcher m = {.p = p};

    if (!match(&m, str_c(p->reply[kind]), body, NULL))
        return false;
    s->kind = kind;
    fill(&m, s);
    return true;
}

int phone_read(const struct profile *p, struct str body, phone_header *header, void *arg,
               bool silent, struct phone_screen *s, struct err *e)
{
    static const enum profile_reply spoken[] = {REPLY_END, REPLY_INPUT, REPLY_CONTINUE};
    static const enum profile_reply mute[] = {REPLY_SILENT, REPLY_END};
    const enum profile_reply *kinds = silent ? mute : spoken;

    screen_reset(s);
    for (size_t i = 0; i < (silent ? ARRAY_LEN(mute) : ARRAY_LEN(spoken)); i++) {
        if (headers_say(p, kinds[i], header, arg) && read_as(p, kinds[i], body, s))
            return buf_check(&s->text, e);
    }
    return err_set(e, ERR_PROTOCOL, "%s: the answer has the form of no reply of this carrier",
                   p->name);
}
