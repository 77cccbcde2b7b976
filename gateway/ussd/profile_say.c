/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reply out, by its profile: templates in which our values stand, each escaped for the place it
 * goes to (hard case 32). See profile.h for the names.
 */
#include <string.h>

#include "gateway/ussd/profile_parts.h"

enum name {
    NAME_TEXT,
    NAME_HEAD,
    NAME_OPTIONS,
    NAME_SESSION,
    NAME_CODE,
    NAME_NETWORK,
    NAME_INPUT,
    NAME_TOKEN,
    NAME_STATE,
    NAME_STEP,
    NAME_URL,
    NAME_LINK,
    NAME_KEY,
    NAME_LABEL,
    NAME_OWN,
    NAME_ACTIVE,
    NAME_USER, /* this and the next four in the order of their marks */
    NAME_PASSWORD,
    NAME_STAMP,
    NAME_DIGEST,
    NAME_NUMBER,
    NAMES,
    NAME_DOLLAR, /* "$$" */
    NAME_ECHO,   /* and the number of the field */
};

static const char *const names[NAMES] = {
    [NAME_TEXT] = "text",       [NAME_HEAD] = "head",     [NAME_OPTIONS] = "options",
    [NAME_SESSION] = "session", [NAME_NUMBER] = "number", [NAME_CODE] = "code",
    [NAME_NETWORK] = "network", [NAME_INPUT] = "input",   [NAME_TOKEN] = "token",
    [NAME_STATE] = "state",     [NAME_STEP] = "step",     [NAME_URL] = "url",
    [NAME_LINK] = "link",       [NAME_KEY] = "key",       [NAME_LABEL] = "label",
    [NAME_OWN] = "own",         [NAME_USER] = "user",     [NAME_PASSWORD] = "password",
    [NAME_STAMP] = "stamp",     [NAME_DIGEST] = "digest", [NAME_ACTIVE] = "active",
};

/* The word at the start of *rest, cut off it. */
static struct str take_word(struct str *rest)
{
    size_t n = 0;

    while (n < rest->n && ((rest->p[n] >= 'a' && rest->p[n] <= 'z') || rest->p[n] == '_'))
        n++;
    struct str word = str_head(*rest, n);

    *rest = str_skip(*rest, n);
    return word;
}

/* The name behind a '$', cut off *rest; -1 for none that we know. */
static int take_name(const struct profile *p, struct str *rest)
{
    if (rest->n > 0 && rest->p[0] == '$') {
        *rest = str_skip(*rest, 1);
        return NAME_DOLLAR;
    }
    struct str word = take_word(rest);

    for (int i = 0; i < NAMES; i++) {
        if (str_eq_c(word, names[i]))
            return i;
    }
    if (!str_eq_c(word, "echo") || rest->n == 0 || rest->p[0] != '.')
        return -1;
    *rest = str_skip(*rest, 1);
    word = take_word(rest);
    for (int i = 0; i < USSD_ECHOES; i++) {
        if (*p->echo[i] && str_eq_c(word, p->echo[i]))
            return NAME_ECHO + i;
    }
    return -1;
}

bool profile_template_ok(const struct profile *p, const char *text, bool in_row)
{
    struct str rest = str_c(text);
    ptrdiff_t at;

    while ((at = str_find_char(rest, '$')) >= 0) {
        rest = str_skip(rest, (size_t)at + 1);
        int name = take_name(p, &rest);

        if (name < 0 || (!in_row && (name == NAME_KEY || name == NAME_LABEL)) ||
            (in_row && name == NAME_OPTIONS))
            return false;
    }
    return true;
}

/* ---- escapes ---- */

/* Without its quotes: the template has quotes of its own. */
static void add_json(struct str v, struct buf *out)
{
    size_t at = out->len;

    buf_json_string(out, v);
    if (out->failed)
        return;
    memmove(out->p + at, out->p + at + 1, out->len - at - 2);
    buf_truncate(out, out->len - 2);
}

static void add_lines(struct str v, const char *end, struct buf *out)
{
    struct str line;

    for (bool first = true; str_split(&v, '\n', &line); first = false) {
        if (!first)
            buf_puts(out, end);
        buf_xml_text(out, line);
    }
}

static void add_pipe(struct str v, struct buf *out)
{
    for (size_t i = 0; i < v.n; i++)
        buf_addc(out, v.p[i] == '|' ? '/' : v.p[i]);
}

static void add_value(const struct profile *p, struct str v, struct buf *out)
{
    switch (p->escape) {
    case ESCAPE_NONE: buf_adds(out, v); break;
    case ESCAPE_JSON: add_json(v, out); break;
    case ESCAPE_XML: add_lines(v, "&#10;", out); break; /* an attribute would have a blank */
    case ESCAPE_HTML: add_lines(v, "<br/>", out); break;
    case ESCAPE_URL: buf_url_component(out, v); break;
    case ESCAPE_PIPE: add_pipe(v, out); break;
    }
}

/* ---- templates ---- */

struct rendering {
    const struct profile *p;
    const struct profile_say *say;
    struct buf *out;
};

static void render(const struct rendering *r, const char *template, const struct menu_option *o);

static void add_options(const struct rendering *r)
{
    const struct profile_say *say = r->say;

    for (size_t i = 0; i < say->noptions; i++) {
        if (i > 0)
            buf_puts(r->out, r->p->between);
        render(r, r->p->row[say->options[i].kind != MENU_OPT_CHOICE], &say->options[i]);
    }
}

static void add_link(const struct rendering *r)
{
    buf_addc(r->out, PROFILE_URL_MARK);
    buf_addc(r->out, '/');
    buf_adds(r->out, r->say->token);
}

/* Which may be the number, for want of another (hard case 8). */
static void add_session(const struct rendering *r)
{
    const struct ussd_event *ev = r->say->ev;

    if (ev->number.n > 0 && str_eq(ev->session, ev->number))
        buf_addc(r->out, PROFILE_NUMBER_MARK);
    else
        add_value(r->p, ev->session, r->out);
}

static struct str value_of(const struct profile_say *say, int name, const struct menu_option *o)
{
    const struct ussd_event *ev = say->ev;

    switch (name) {
    case NAME_TEXT: return say->text;
    case NAME_HEAD: return say->head;
    case NAME_CODE: return ev->service_code;
    case NAME_NETWORK: return ev->network;
    case NAME_INPUT: return ev->input;
    case NAME_TOKEN: return say->token;
    case NAME_STATE: return say->state;
    case NAME_OWN: return say->own;
    case NAME_KEY: return o ? o->key : STR_EMPTY;
    case NAME_LABEL: return o ? o->label : STR_EMPTY;
    default: return name >= NAME_ECHO ? ev->echo[name - NAME_ECHO] : STR_EMPTY;
    }
}

static void add_name(const struct rendering *r, int name, const struct menu_option *o)
{
    switch (name) {
    case NAME_DOLLAR: buf_addc(r->out, '$'); break;
    case NAME_OPTIONS: add_options(r); break;
    case NAME_STEP: buf_add_u64(r->out, r->say->step); break;
    case NAME_ACTIVE: buf_puts(r->out, r->say->active ? "true" : "false"); break;
    case NAME_URL: buf_addc(r->out, PROFILE_URL_MARK); break;
    case NAME_LINK: add_link(r); break;
    case NAME_USER:
    case NAME_PASSWORD:
    case NAME_STAMP:
    case NAME_DIGEST:
    case NAME_NUMBER: buf_addc(r->out, (char)(PROFILE_USER_MARK + name - NAME_USER)); break;
    case NAME_SESSION: add_session(r); break;
    default: add_value(r->p, value_of(r->say, name, o), r->out);
    }
}

static void render(const struct rendering *r, const char *template, const struct menu_option *o)
{
    struct str rest = str_c(template);
    ptrdiff_t at;

    while ((at = str_find_char(rest, '$')) >= 0) {
        buf_add(r->out, rest.p, (size_t)at);
        rest = str_skip(rest, (size_t)at + 1);
        add_name(r, take_name(r->p, &rest), o);
    }
    buf_adds(r->out, rest);
}

static bool is_marked(const struct profile *p)
{
    return p->nheaders > 0 || p->asynchronous;
}

void profile_render(const struct profile *p, const struct profile_say *say, struct buf *out)
{
    static const char marks[TEMPLATES] = {
        [REPLY_CONTINUE] = PROFILE_SAYS_ASK,    [REPLY_END] = PROFILE_SAYS_END,
        [REPLY_SILENT] = PROFILE_SAYS_NOTHING,  [REPLY_INPUT] = PROFILE_SAYS_ASK,
        [REPLY_REFUSED] = PROFILE_SAYS_NOTHING, [REPLY_STATUS] = PROFILE_SAYS_NOTHING,
        [REPLY_ACK] = PROFILE_SAYS_NOTHING,     [REPLY_PUSH_ASK] = PROFILE_SAYS_ASK,
        [REPLY_PUSH_TELL] = PROFILE_SAYS_END};
    const struct rendering r = {.p = p, .say = say, .out = out};

    if (is_marked(p))
        buf_addc(out, marks[say->kind]);
    render(&r, p->reply[say->kind], NULL);
}

enum profile_reply profile_said(const struct profile *p, struct str *body)
{
    char mark = body->n > 0 ? body->p[0] : PROFILE_SAYS_NOTHING;

    if (!is_marked(p))
        return REPLY_CONTINUE;
    *body = str_skip(*body, 1);
    return mark == PROFILE_SAYS_ASK   ? REPLY_CONTINUE
           : mark == PROFILE_SAYS_END ? REPLY_END
                                      : REPLY_SILENT;
}

static bool is_mark(char c)
{
    return c >= PROFILE_URL_MARK && c <= PROFILE_NUMBER_MARK;
}

bool profile_marked(struct str body)
{
    for (size_t i = 0; i < body.n; i++) {
        if (is_mark(body.p[i]))
            return true;
    }
    return false;
}

void profile_fill(const struct profile *p, struct str body, const struct profile_fill *f,
                  struct buf *out)
{
    const struct str *values[] = {&f->user, &f->password, &f->stamp, &f->digest, &f->number};
    size_t from = 0;

    for (size_t i = 0; i < body.n; i++) {
        if (!is_mark(body.p[i]))
            continue;
        buf_add(out, body.p + from, i - from);
        from = i + 1;
        if (body.p[i] == PROFILE_URL_MARK)
            buf_adds(out, f->url);
        else
            add_value(p, *values[body.p[i] - PROFILE_USER_MARK], out);
    }
    buf_adds(out, str_skip(body, from));
}
