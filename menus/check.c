/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs about a loaded menu that need no reader: every text is there, every screen fits or pages
 * in every language and under every limit (S6, here in check.c), every screen is reached, money
 * stands behind a confirm (S2, in check_flow.c).
 *
 * The width of a template is its folded literals plus each variable's declared width: rendering
 * clips variables to that width, so the proof holds for every value.
 */
#include "menus/check.h"

#include "gateway/lib/gsm.h"
#include "menus/load.h"

#define SMS_MAX       160
#define BODY_ROOM_MIN 40 /* a page of text shows at least this much */

/* One language under one limit; faults go to r, the hardest screen to proof: one of them. */
struct fit {
    const struct menu *m;
    struct menu_report *r;
    struct menu_proof *proof;
    struct arena arena;
    size_t lang;
    const struct menu_limits *limit;
};

/* What a screen may take at most, and the note that it then carries. */
struct need {
    unsigned note, head, foot;
    int note_text;
};

static unsigned width_of(struct fit *f, const struct text *t)
{
    unsigned sum = 0;

    for (size_t i = 0; t && i < t->n; i++)
        if (t->pieces[i].var == NONE)
            sum += text_cost(f->limit->charset,
                             text_fold(&f->arena, f->limit->charset, t->pieces[i].literal));
        else
            sum += f->m->vars[t->pieces[i].var].max;
    return sum;
}

/* The widest of a text and its variations: any of them may hold with any of another text's. Only
 * what asks for the screen's size is known here: what comes after it is never shown, or it is not. */
static unsigned width(struct fit *f, int text)
{
    unsigned widest = 0;

    for (size_t i = 0; text != NONE && i < f->m->nvariations; i++) {
        const struct when *w = &f->m->variations[i].when;
        bool sized = w->var == f->m->page_var;

        if (f->m->texts[text].vary[i] == NONE || (sized && !when_fits(w, f->limit->max)))
            continue;
        widest = MAX(widest, width_of(f, text_in(f->m, f->m->texts[text].vary[i], f->lang)));
        if (sized)
            return widest;
    }
    return MAX(widest, width_of(f, text_in(f->m, text, f->lang)));
}

static unsigned nav_width(struct fit *f, enum nav_key key, enum engine_text text)
{
    return (unsigned)f->m->keys[key].n + 1 + width(f, f->m->engine[text]);
}

/* The widest note that a screen may carry, with its line end: reasons for a refused answer, and
 * what a jump that may land here says. */
struct note {
    struct fit *f;
    const struct screen *sc;
    unsigned width;
    int text;
};

static void note_text(struct note *n, int text)
{
    unsigned w = text == NONE ? 0 : width(n->f, text) + 1;

    if (w > n->width) {
        n->width = w;
        n->text = text;
    }
}

static void note_jump(void *ctx, const struct screen *from, struct str label, const struct jump *j)
{
    struct note *n = ctx;
    bool home = j->kind == JUMP_HOME && (int)n->sc->no == n->f->m->home;

    (void)from;
    (void)label;
    if (home || j->kind == JUMP_BACK || j->kind == JUMP_AGAIN || j->kind == JUMP_RETURN ||
        (j->kind == JUMP_SCREEN && j->screen == (int)n->sc->no) ||
        (j->kind == JUMP_SCREEN && !screen_shows(&n->f->m->screens[j->screen])))
        note_text(n, j->say);
}

static struct note widest_note(struct fit *f, const struct screen *sc)
{
    struct note n = {.f = f, .sc = sc, .text = NONE};
    int last = sc->type == SCREEN_INPUT ? TEXT_BAD_DATE : TEXT_BAD_EMPTY;

    if (sc->type == SCREEN_END)
        return n;
    for (int i = TEXT_BAD_CHOICE; i <= last; i++)
        note_text(&n, f->m->engine[i]);
    for (size_t i = 0; i < f->m->nscreens; i++)
        screen_jumps(&f->m->screens[i], note_jump, &n);
    return n;
}

/* What stands below the head at least: one choice and the keys that must be seen. */
static unsigned foot_width(struct fit *f, const struct screen *sc)
{
    unsigned more = nav_width(f, KEY_MORE, TEXT_MORE) + 2, foot = 0;

    if (sc->type == SCREEN_END)
        return 0;
    if (sc->type == SCREEN_CONFIRM) {
        for (size_t i = 0; i < sc->nchoices; i++)
            foot += (unsigned)sc->choices[i].key.n + 2 + width(f, sc->choices[i].text);
        return foot;
    }
    for (size_t i = 0; i < sc->nchoices; i++) {
        bool may_show = sc->choices[i].when.var != f->m->page_var ||
                        when_fits(&sc->choices[i].when, f->limit->max);
        unsigned one = may_show ? 4 + width(f, sc->choices[i].text) : 0;

        foot = sc->type == SCREEN_INPUT ? foot + one : MAX(foot, one); /* an input has no pages */
    }
    if (sc->type == SCREEN_LIST)
        foot = 4 + sc->label_max;
    if (sc->type == SCREEN_TEXT)
        foot = 1 + BODY_ROOM_MIN;
    return foot + 1 + nav_width(f, KEY_BACK, TEXT_BACK) + (sc->type == SCREEN_INPUT ? 0 : more);
}

static struct need screen_need(struct fit *f, const struct screen *sc)
{
    struct note n = widest_note(f, sc);

    return (struct need){n.width, width(f, sc->text), foot_width(f, sc), n.text};
}

static void check_fit(struct fit *f, const struct screen *sc)
{
    struct need n = screen_need(f, sc);
    unsigned need = n.note + n.head + n.foot;

    if (need > f->limit->max)
        report_add(f->r, "flow.json", sc->line,
                   "screen \"%s\" in %" STR_FMT " may need %u of %u %s (note %u, text %u, keys %u)",
                   sc->name, STR_ARG(f->m->langs[f->lang]), need, f->limit->max,
                   menu_charset_name(f->limit->charset), n.note, n.head, n.foot);
}

/* The engine's own screens: what happened, one key, back. */
static void check_engine(struct fit *f, enum engine_text text, enum engine_text key)
{
    unsigned foot = 4 + width(f, f->m->engine[key]) + nav_width(f, KEY_BACK, TEXT_BACK);

    if (width(f, f->m->engine[text]) + foot > f->limit->max)
        report_add(f->r, "flow.json", f->m->limit_lines[f->limit - f->m->limits],
                   "\"%" STR_FMT "\" in %" STR_FMT " is too long for a screen",
                   STR_ARG(f->m->texts[f->m->engine[text]].key), STR_ARG(f->m->langs[f->lang]));
}

static void check_failures(struct fit *f)
{
    for (int i = TEXT_FAIL_BUSY; i <= TEXT_FAIL_GONE; i++)
        check_engine(f, (enum engine_text)i, TEXT_RETRY);
    check_engine(f, TEXT_WAIT, TEXT_LOOK);
}

static void check_ask(struct fit *f)
{
    unsigned need = width(f, f->m->engine[TEXT_BAD_CHOICE]) + width(f, f->m->engine[TEXT_RESUME]) +
                    width(f, f->m->engine[TEXT_RESUME_YES]) +
                    width(f, f->m->engine[TEXT_RESUME_NEW]) + 3 + 2 * 2;

    if (need > f->limit->max)
        report_add(f->r, "flow.json", f->m->limit_lines[f->limit - f->m->limits],
                   "the question before a reader is taken back may need %u of %u in %" STR_FMT,
                   need, f->limit->max, STR_ARG(f->m->langs[f->lang]));
}

static void check_language(struct fit *f)
{
    for (size_t i = 0; i < f->m->nscreens; i++)
        if (screen_shows(&f->m->screens[i]))
            check_fit(f, &f->m->screens[i]);
    check_failures(f);
    if (f->m->engine[TEXT_RESUME] != NONE)
        check_ask(f);
}

static void prove_screen(struct fit *f, const struct screen *sc)
{
    struct menu_worst *worst = &f->proof->worst[f->limit - f->m->limits];
    struct need n = screen_need(f, sc);

    f->proof->proved++;
    if (n.note + n.head + n.foot > worst->need)
        *worst = (struct menu_worst){sc->no, f->lang, *f->limit, n.note + n.head + n.foot,
                                     n.note, n.head,  n.foot,    n.note_text};
}

static void prove_language(struct fit *f)
{
    for (size_t i = 0; i < f->m->nscreens; i++)
        if (screen_shows(&f->m->screens[i]))
            prove_screen(f, &f->m->screens[i]);
}

static void each_fit(struct fit f, void (*fn)(struct fit *))
{
    for (size_t lim = 0; lim < f.m->nlimits; lim++)
        for (f.lang = 0; f.lang < f.m->nlangs; f.lang++) {
            arena_init(&f.arena, 16384, 1u << 22);
            f.limit = &f.m->limits[lim];
            fn(&f);
            arena_fini(&f.arena);
        }
}

/* ---- texts ----------------------------------------------------------------------------------- */

static void text_file(const struct menu *m, size_t lang, char file[32])
{
    snprintf(file, 32, "text/%" STR_FMT ".json", STR_ARG(m->langs[lang]));
}

static unsigned sms_width(const struct menu *m, const struct text *t)
{
    unsigned sum = 0;
    struct arena a;

    arena_init(&a, 4096, 1u << 20);
    for (size_t i = 0; i < t->n; i++)
        sum += t->pieces[i].var == NONE
                   ? text_cost(MENU_GSM7, text_fold(&a, MENU_GSM7, t->pieces[i].literal))
                   : m->sms_vars[t->pieces[i].var].max;
    arena_fini(&a);
    return sum;
}

/* A message goes out as one segment (gateway/lib/gsm folds it). */
static void check_sms(const struct menu *m, struct menu_report *r, const struct text_key *key,
                      size_t lang)
{
    unsigned sum = sms_width(m, &key->by_lang[lang]);
    char file[32];

    text_file(m, lang, file);
    if (sum > SMS_MAX)
        report_add(r, file, key->by_lang[lang].line,
                   "\"%" STR_FMT "\" may take %u septets, more than one SMS", STR_ARG(key->key),
                   sum);
}

static void check_text(const struct menu *m, struct menu_report *r, const struct text_key *key)
{
    bool sms = str_starts(key->key, STR("sms."));
    char file[32];

    for (size_t lang = 0; lang < m->nlangs; lang++) {
        text_file(m, lang, file);
        if (!key->by_lang[lang].line)
            report_add(r, file, 0, "text \"%" STR_FMT "\" is missing", STR_ARG(key->key));
        else if (!key->used && !sms)
            report_add(r, file, key->by_lang[lang].line, "text \"%" STR_FMT "\" is not used",
                       STR_ARG(key->key));
        else if (sms)
            check_sms(m, r, key, lang);
    }
}

static void check_unused(const struct menu *m, struct menu_report *r)
{
    for (size_t i = 0; i < m->nactions; i++)
        if (!m->actions[i].used)
            report_add(r, m->actions[i].file, 0, "action \"%s\" is not used",
                       m->actions[i].pub.name);
    for (size_t i = 0; i < m->nvars; i++)
        if (!m->vars[i].used && !m->vars[i].caller && (int)i != m->page_var &&
            (int)i != m->consent_var && (int)i != m->lang_var)
            report_add(r, "flow.json", m->vars[i].line, "variable \"%" STR_FMT "\" is not used",
                       STR_ARG(m->vars[i].name));
}

int menu_check(const struct menu *m, struct menu_report *r)
{
    size_t before = r->count;

    for (size_t i = 0; i < m->ntexts; i++)
        check_text(m, r, &m->texts[i]);
    check_unused(m, r);
    check_flow(m, r);
    check_values(m, r);
    each_fit((struct fit){.m = m, .r = r}, check_language);
    return r->count == before ? 0 : -1;
}

static bool tells_apart(const struct menu *m, const struct when *w, unsigned a, unsigned b)
{
    return w->var == m->page_var && when_fits(w, a) != when_fits(w, b);
}

/* What was proved on a narrower screen holds where the same texts and options are shown. */
static bool same_shown(const struct menu *m, unsigned a, unsigned b)
{
    for (size_t i = 0; i < m->nvariations; i++)
        if (tells_apart(m, &m->variations[i].when, a, b))
            return false;
    for (size_t s = 0; s < m->nscreens; s++)
        for (size_t i = 0; i < m->screens[s].nchoices; i++)
            if (tells_apart(m, &m->screens[s].choices[i].when, a, b))
                return false;
    return true;
}

bool menu_proves(const struct menu *m, struct menu_limits limits)
{
    for (size_t i = 0; i < m->nlimits; i++)
        if (m->limits[i].charset == limits.charset && m->limits[i].max <= limits.max &&
            same_shown(m, m->limits[i].max, limits.max))
            return true;
    return false;
}

static void prove_messages(const struct menu *m, struct menu_proof *p)
{
    for (size_t i = 0; i < m->ntexts; i++)
        for (size_t lang = 0; lang < m->nlangs && str_starts(m->texts[i].key, STR("sms."));
             lang++) {
            unsigned width = sms_width(m, &m->texts[i].by_lang[lang]);

            p->messages += lang == 0;
            if (width > p->sms_need) {
                p->sms_need = width;
                p->sms_key = m->texts[i].key;
                p->sms_lang = lang;
            }
        }
}

void menu_prove(const struct menu *m, struct menu_proof *p)
{
    *p = (struct menu_proof){.limits = m->nlimits, .langs = m->nlangs};
    for (size_t i = 0; i < m->nscreens; i++)
        p->screens += screen_shows(&m->screens[i]);
    each_fit((struct fit){.m = m, .proof = p}, prove_language);
    prove_messages(m, p);
}
