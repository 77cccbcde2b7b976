/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text on a small screen: what it costs, how it is folded, cut, filled and paged. GSM-7 is counted
 * in septets by gateway/lib/gsm; a page of running text ends at a sentence where it can.
 */
#include "gateway/lib/gsm.h"
#include "menus/engine.h"

#define FILL_MAX 8192

unsigned text_cost(enum menu_charset cs, struct str s)
{
    ssize_t septets;

    if (cs == MENU_UCS2)
        return (unsigned)ucs2_units(s);
    if (cs != MENU_GSM7)
        return (unsigned)utf8_count(s);
    septets = gsm_septets(s);
    return septets < 0 ? MENU_LIMIT_MAX * 4u : (unsigned)septets; /* unfolded: never fits */
}

size_t text_skip_chars(struct str s, size_t n)
{
    struct str rest = s;

    while (rest.n && n--)
        utf8_next(&rest);
    return s.n - rest.n;
}

struct str text_clip(enum menu_charset cs, struct str s, unsigned max)
{
    if (cs == MENU_UCS2)
        return str_head(s, ucs2_cut(s, max));
    if (cs == MENU_GSM7)
        return str_head(s, gsm_cut(s, max));
    return str_head(s, text_skip_chars(s, max));
}

/* One character as the charset shows it. */
static void fold_char(enum menu_charset cs, int32_t cp, struct str raw, struct buf *out)
{
    if (cp == UTF8_BAD)
        buf_addc(out, '?');
    else if (cp == '\n' || (cp >= 0x20 && cp < 0x7F))
        buf_adds(out, raw);
    else if (cp < 0xA0)
        return; /* controls */
    else if (cs == MENU_LATIN1 && cp > 0xFF)
        gsm_fold(raw, out, GSM_FOLD_ASCII);
    else
        buf_adds(out, raw);
}

static void fold_into(enum menu_charset cs, struct str s, struct buf *out)
{
    if (cs == MENU_GSM7) {
        gsm_fold(s, out, 0);
        return;
    }
    while (s.n) {
        const char *at = s.p;
        int32_t cp = utf8_next(&s);

        fold_char(cs, cp, str_n(at, (size_t)(s.p - at)), out);
    }
}

/* The arena's copy of what fits; nothing when the arena is full. */
static struct str settle(struct arena *a, const struct buf *b)
{
    struct str s = arena_str(a, buf_str(b));

    return s.p ? s : STR_EMPTY;
}

struct str text_fold(struct arena *a, enum menu_charset cs, struct str s)
{
    char mem[FILL_MAX];
    struct buf b;

    buf_init_fixed(&b, mem, sizeof mem);
    fold_into(cs, s, &b);
    return settle(a, &b);
}

/* A value of at most max, its cut shown by two dots. */
static void add_value(enum menu_charset cs, struct str value, unsigned max, struct buf *out)
{
    char mem[FILL_MAX];
    struct str folded;
    struct buf b;

    buf_init_fixed(&b, mem, sizeof mem);
    fold_into(cs, value, &b);
    folded = buf_str(&b);
    if (text_cost(cs, folded) <= max) {
        buf_adds(out, folded);
    } else if (max < 4) {
        buf_adds(out, text_clip(cs, folded, max));
    } else {
        buf_adds(out, str_trim(text_clip(cs, folded, max - 2)));
        buf_puts(out, "..");
    }
}

/* An empty variable leaves no double space behind. */
static void add_literal(enum menu_charset cs, struct str literal, struct buf *b)
{
    bool gap = !b->len || b->p[b->len - 1] == ' ';

    fold_into(cs, gap && str_starts(literal, STR(" ")) ? str_skip(literal, 1) : literal, b);
}

struct str text_fill(const struct step *st, const struct text *t)
{
    enum menu_charset cs = st->t->limits.charset;
    char mem[FILL_MAX];
    struct buf b;

    buf_init_fixed(&b, mem, sizeof mem);
    for (size_t i = 0; t && i < t->n; i++) {
        const struct piece *p = &t->pieces[i];

        if (p->var == NONE)
            add_literal(cs, p->literal, &b);
        else
            add_value(cs, state_var(st, p->var), st->m->vars[p->var].max, &b);
    }
    return settle(st->t->arena, &b);
}

struct str text_fill_raw(const struct step *st, const struct text *t)
{
    char mem[FILL_MAX];
    struct buf b;

    buf_init_fixed(&b, mem, sizeof mem);
    for (size_t i = 0; t && i < t->n; i++)
        buf_adds(&b,
                 t->pieces[i].var == NONE ? t->pieces[i].literal : state_var(st, t->pieces[i].var));
    return settle(st->t->arena, &b);
}

size_t step_lang(const struct step *st)
{
    int lang = menu_find_lang(st->m, state_var(st, st->m->lang_var));

    return lang == NONE ? 0 : (size_t)lang;
}

const struct text *text_in(const struct menu *m, int no, size_t lang)
{
    const struct text_key *key = no == NONE ? NULL : &m->texts[no];

    if (!key)
        return NULL;
    return key->by_lang[lang].line ? &key->by_lang[lang] : &key->by_lang[0];
}

struct str text_show(const struct step *st, int no)
{
    return text_fill(st, text_in(st->m, text_pick(st, no), step_lang(st)));
}

/* ---- pages of running text ------------------------------------------------------------------- */

struct pager {
    size_t bytes; /* of the body, consumed */
    size_t out;   /* of the page, made */
    unsigned cost;
};

static bool is_blank(int32_t cp)
{
    return cp == ' ' || cp == '\n' || cp == '\r' || cp == '\t' || cp == 0xA0 || cp == 0x202F;
}

/* A mark after which a sentence may be over, or one that may stand behind such a mark. */
static bool ends_sentence(int32_t cp)
{
    return cp == '.' || cp == '!' || cp == '?' || cp == 0x2026 || cp == 0x061F || cp == 0x06D4;
}

static bool closes(int32_t cp)
{
    return cp == '"' || cp == ')' || cp == 0xBB || cp == 0x201D || cp == 0x2019 || cp == '\'';
}

static size_t skip_blanks(struct str body)
{
    struct str rest = body;

    while (rest.n) {
        struct str look = rest;

        if (!is_blank(utf8_next(&look)))
            break;
        rest = look;
    }
    return body.n - rest.n;
}

/* French sets these behind a blank: no page begins with them, nor is one left alone on a page. */
static bool hangs(struct str rest)
{
    int32_t cp = 0;

    rest = str_skip(rest, skip_blanks(rest));
    if (rest.n)
        cp = utf8_next(&rest);
    return cp == 0xBB || cp == '!' || cp == '?' || cp == ':' || cp == ';' || cp == ')';
}

/* Adds one character with its combining marks; blanks in a row show as the first of them. */
static size_t take_char(enum menu_charset cs, struct str rest, bool after_blank, struct buf *b,
                        int32_t *cp)
{
    struct str left = rest;

    *cp = utf8_next(&left);
    while (left.n) {
        struct str look = left;
        int32_t mark = utf8_next(&look);

        if (mark < 0 || !utf8_is_combining((uint32_t)mark))
            break;
        left = look;
    }
    if (!is_blank(*cp))
        fold_into(cs, str_head(rest, rest.n - left.n), b);
    else if (!after_blank)
        buf_addc(b, *cp == '\n' ? '\n' : ' ');
    return rest.n - left.n;
}

size_t text_page(const struct step *st, struct str body, unsigned room, struct str *page)
{
    enum menu_charset cs = st->t->limits.charset;
    struct pager at = {.bytes = skip_blanks(body)}, word = {0}, sentence = {0}, *cut = &at;
    char mem[FILL_MAX];
    bool blank = true, full = false, bound = false; /* bound: the blank is part of its sentence */
    int32_t mark = 0, cp;
    struct buf b;

    buf_init_fixed(&b, mem, sizeof mem);
    while (at.bytes < body.n && !b.failed) {
        size_t used = take_char(cs, str_skip(body, at.bytes), blank, &b, &cp);
        unsigned cost = text_cost(cs, str_skip(buf_str(&b), at.out));

        if (is_blank(cp) && !blank) {
            bound = hangs(str_skip(body, at.bytes));
            word = bound ? word : at;
            sentence = bound || !mark ? sentence : at;
        }
        if (at.cost + cost > room && !is_blank(cp)) {
            full = true;
            break;
        }
        blank = is_blank(cp);
        if (ends_sentence(cp))
            mark = cp;
        else if (blank ? !bound : !closes(cp))
            mark = 0;
        at = (struct pager){at.bytes + used, b.len, at.cost + cost};
    }
    if (full && sentence.cost * 2 >= room)
        cut = &sentence;
    else if (full && word.out)
        cut = &word;
    *page = arena_str(st->t->arena, str_trim(str_head(buf_str(&b), cut->out)));
    if (!page->p)
        *page = STR_EMPTY;
    return cut->bytes + skip_blanks(str_skip(body, cut->bytes));
}
