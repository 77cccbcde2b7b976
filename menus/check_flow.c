/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the jumps of a flow lead: unreached screens, loops that show nothing, outcomes without a
 * branch, keys that mean two things, and the rules of money: a pay is entered only from a confirm
 * by its accept key, that key means nothing on any screen from which the confirm is shown (S2), the
 * confirm shows its evidence in every language, and a charge once made closes the dialogue.
 */
#include "menus/check.h"

#include "menus/load.h"
#include "menus/match.h"

struct walk {
    const struct menu *m;
    struct menu_report *r;
    int owner[SCREENS_MAX]; /* its subflow, or NONE */
    bool seen[SCREENS_MAX], returned[SCREENS_MAX];
    int target;
    bool hit;
    unsigned depth;
};

static void fault(struct walk *w, unsigned line, const struct screen *sc, const char *what)
{
    report_add(w->r, "flow.json", line, "screen \"%s\": %s", sc->name, what);
}

void screen_jumps(const struct screen *sc, jump_fn *fn, void *ctx)
{
    for (size_t i = 0; i < sc->nchoices; i++)
        fn(ctx, sc, sc->choices[i].key, &sc->choices[i].jump);
    for (size_t i = 0; i < sc->non; i++)
        fn(ctx, sc, sc->on[i].value, &sc->on[i].jump);
    if (sc->to.kind != JUMP_NONE)
        fn(ctx, sc, STR("next"), &sc->to);
    if (sc->empty.kind != JUMP_NONE)
        fn(ctx, sc, STR("empty"), &sc->empty);
    if (sc->otherwise.kind != JUMP_NONE)
        fn(ctx, sc, STR("else"), &sc->otherwise);
}

/* ---- reach ----------------------------------------------------------------------------------- */

static void mark(struct walk *w, int screen);

static void mark_jump(void *ctx, const struct screen *from, struct str label, const struct jump *j)
{
    (void)from;
    (void)label;
    if (j->kind == JUMP_SCREEN)
        mark(ctx, j->screen);
}

static void mark(struct walk *w, int screen)
{
    if (w->seen[screen])
        return;
    w->seen[screen] = true;
    if (w->m->screens[screen].type == SCREEN_SUB)
        mark(w, w->m->subflows[w->m->screens[screen].flow].start);
    screen_jumps(&w->m->screens[screen], mark_jump, w);
}

static void check_reach(struct walk *w)
{
    mark(w, w->m->start);
    mark(w, w->m->home);
    for (size_t i = 0; i < w->m->nscreens; i++)
        if (!w->seen[i])
            fault(w, w->m->screens[i].line, &w->m->screens[i], "cannot be reached");
}

/* ---- through what shows nothing --------------------------------------------------------------- */

/* Does a path over calls, switches and the edges of subflows alone lead from here to w->target? */
static void follow(void *ctx, const struct screen *from, struct str label, const struct jump *j);

static void follow_into(struct walk *w, int screen)
{
    const struct screen *sc = &w->m->screens[screen];

    if (screen == w->target) {
        w->hit = true;
    } else if (!screen_shows(sc) && !w->seen[screen]) {
        w->seen[screen] = true;
        if (sc->type == SCREEN_SUB)
            follow_into(w, w->m->subflows[sc->flow].start);
        else
            screen_jumps(sc, follow, w);
    }
}

/* @return leads on as every screen that calls the subflow does. */
static void follow_return(struct walk *w, const struct screen *from)
{
    for (size_t i = 0; i < w->m->nscreens; i++) {
        const struct screen *sc = &w->m->screens[i];

        if (sc->type != SCREEN_SUB || sc->flow != w->owner[from->no] || w->returned[i])
            continue;
        w->returned[i] = true;
        screen_jumps(sc, follow, w);
    }
}

static void follow(void *ctx, const struct screen *from, struct str label, const struct jump *j)
{
    struct walk *w = ctx;

    (void)label;
    if (w->hit)
        return;
    if (j->kind == JUMP_RETURN)
        follow_return(w, from);
    else if (j->kind == JUMP_SCREEN)
        follow_into(w, j->screen);
}

static bool leads_to(struct walk *w, const struct screen *from, int target)
{
    memset(w->seen, 0, sizeof w->seen);
    memset(w->returned, 0, sizeof w->returned);
    w->target = target;
    w->hit = false;
    if (from->type == SCREEN_SUB)
        follow_into(w, w->m->subflows[from->flow].start);
    else
        screen_jumps(from, follow, w);
    return w->hit;
}

static void check_loops(struct walk *w)
{
    for (size_t i = 0; i < w->m->nscreens; i++)
        if (!screen_shows(&w->m->screens[i]) && leads_to(w, &w->m->screens[i], (int)i))
            fault(w, w->m->screens[i].line, &w->m->screens[i],
                  "is in a loop that shows nothing to the reader");
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static bool has_outcome(const struct action *a, struct str value)
{
    for (size_t i = 0; i < a->noutcomes; i++)
        if (str_eq(a->outcomes[i], value))
            return true;
    return false;
}

static bool has_outcomes(const struct action *a, const struct match *m)
{
    for (size_t i = 0; i < m->nwords; i++)
        if (!has_outcome(a, m->words[i]))
            return false;
    return m->nwords > 0;
}

static bool has_branch(const struct screen *sc, struct str value)
{
    for (size_t i = 0; i < sc->non; i++)
        if (match_holds(&sc->on[i].match, value))
            return true;
    return sc->otherwise.kind != JUMP_NONE;
}

static bool has_col(const struct action *a, struct str col)
{
    for (size_t i = 0; i < a->ncols; i++)
        if (str_eq(a->cols[i], col))
            return true;
    return false;
}

static void check_outcomes(struct walk *w, const struct screen *sc)
{
    const struct action *a = sc->action == NONE ? NULL : &w->m->actions[sc->action];

    if (!a)
        return;
    if (a->code != NONE && (!w->m->vars[a->code].secret || sc->type != SCREEN_CALL))
        fault(w, sc->line, sc, "S5: a code comes from a sensitive input and goes to a call");
    for (size_t i = 0; i < sc->non; i++)
        if (!has_outcomes(a, &sc->on[i].match))
            report_add(w->r, "flow.json", sc->on[i].line,
                       "\"%" STR_FMT "\" is not among the outcomes of %s", STR_ARG(sc->on[i].value),
                       a->file);
    for (size_t i = 0; !screen_shows(sc) && i < a->noutcomes; i++)
        if (!has_branch(sc, a->outcomes[i]))
            report_add(w->r, "flow.json", sc->line,
                       "screen \"%s\": no branch for outcome \"%" STR_FMT "\"", sc->name,
                       STR_ARG(a->outcomes[i]));
    if (sc->type == SCREEN_LIST && !has_col(a, STR("label")))
        fault(w, sc->line, sc, "its action gives no column \"label\"");
    for (size_t i = 0; i < sc->nkeep; i++)
        if (!has_col(a, sc->keep[i].col))
            report_add(w->r, "flow.json", sc->line,
                       "screen \"%s\" keeps \"%" STR_FMT "\", which %s does not give", sc->name,
                       STR_ARG(sc->keep[i].col), a->file);
    if (sc->body_var != NONE && !has_col(a, w->m->vars[sc->body_var].name))
        fault(w, sc->line, sc, "its action does not give its body");
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* A key of one to three digits is no date, no phone number and no pin. */
static bool input_takes(const struct screen *sc, struct str key, int64_t number)
{
    switch (sc->kind) {
    case INPUT_NUMBER: return number >= sc->min && number <= sc->max;
    case INPUT_MSISDN:
    case INPUT_DATE:
    case INPUT_PIN: return false;
    default: return sc->min <= key.n || sc->kind == INPUT_AMOUNT;
    }
}

/* What presses option i of an input when all are shown; one that is hidden lets the others move up. */
static int64_t option_number(const struct screen *sc, size_t i)
{
    int64_t number = 0;

    return sc->choices[i].key.n && str_to_i64(sc->choices[i].key, 0, 999, &number) ? number
                                                                                   : (int64_t)i + 1;
}

static struct str option_key(const struct screen *sc, size_t i)
{
    return sc->choices[i].key.n ? sc->choices[i].key : STR("1");
}

static void check_keys(struct walk *w, const struct screen *sc)
{
    const struct menu *m = w->m;

    for (size_t i = 0; sc->type == SCREEN_INPUT && i < sc->nchoices; i++)
        if (input_takes(sc, option_key(sc, i), option_number(sc, i)))
            fault(w, sc->choices[i].line, sc, "an option's key is a valid answer");
    for (size_t i = 0; sc->type != SCREEN_CONFIRM && i < sc->nchoices; i++) {
        struct str key = sc->choices[i].key;

        for (int k = 0; key.n && k < KEY_ACCEPT; k++)
            if (str_eq(key, m->keys[k]))
                fault(w, sc->choices[i].line, sc, "an option takes a reserved key");
        for (size_t j = 0; key.n && j < i; j++)
            if (str_eq(key, sc->choices[j].key))
                fault(w, sc->choices[i].line, sc, "two options have one key");
    }
    if (sc->type == SCREEN_INPUT && (sc->kind == INPUT_NUMBER || sc->kind == INPUT_AMOUNT) &&
        sc->min == 0)
        fault(w, sc->line, sc, "0 is the key for back: a number begins at 1");
    for (int k = 0; sc->more_key.n && k < KEY_ACCEPT; k++)
        if (k != KEY_MORE && str_eq(sc->more_key, m->keys[k]))
            fault(w, sc->line, sc, "more_key is a reserved key");
}

/* ---- what a screen may show ------------------------------------------------------------------ */

/* A variable of the turn is gone when the screen is drawn again without its action. */
static void check_one_text(struct walk *w, const struct screen *sc, int text)
{
    bool loads = sc->action != NONE && (sc->type == SCREEN_TEXT || sc->type == SCREEN_LIST);

    for (size_t lang = 0; text != NONE && lang < w->m->nlangs; lang++) {
        const struct text *t = text_in(w->m, text, lang);

        for (size_t i = 0; i < t->n; i++) {
            int var = t->pieces[i].var;

            if (var != NONE && w->m->vars[var].secret)
                fault(w, sc->line, sc, "shows a sensitive variable");
            else if (var != NONE && w->m->vars[var].turn && !loads)
                fault(w, sc->line, sc, "shows a variable that lives for one turn only");
        }
    }
}

static void check_turn_vars(struct walk *w, const struct screen *sc, int text)
{
    check_one_text(w, sc, text);
    for (size_t i = 0; text != NONE && i < w->m->nvariations; i++)
        check_one_text(w, sc, w->m->texts[text].vary[i]);
}

static void check_shown(struct walk *w, const struct screen *sc)
{
    check_turn_vars(w, sc, sc->text);
    for (size_t i = 0; i < sc->nchoices; i++)
        check_turn_vars(w, sc, sc->choices[i].text);
    if (sc->sensitive &&
        (sc->to.kind != JUMP_SCREEN || screen_shows(&w->m->screens[sc->to.screen])))
        fault(w, sc->line, sc, "a sensitive value must go straight to a call");
}

/* ---- money ----------------------------------------------------------------------------------- */

/* Would the accept key be a valid answer on this screen? */
static bool takes_key(const struct menu *m, const struct screen *sc, struct str key)
{
    int64_t number = 0;

    if (!str_to_i64(key, 1, 999, &number))
        return true;
    for (size_t i = 0; i < sc->nchoices; i++)
        if (sc->choices[i].key.n && str_eq(sc->choices[i].key, key))
            return true;
    switch (sc->type) {
    case SCREEN_MENU: return number <= (int64_t)sc->nchoices;
    case SCREEN_LIST: return number <= (int64_t)sc->max_items;
    case SCREEN_INPUT: return number <= (int64_t)sc->nchoices || input_takes(sc, key, number);
    case SCREEN_TEXT: return str_eq(sc->more_key, key) || str_eq(m->keys[KEY_MORE], key);
    case SCREEN_CONFIRM: return true;
    default: return false;
    }
}

static bool text_shows(const struct text *t, int var)
{
    for (size_t i = 0; t && i < t->n; i++)
        if (t->pieces[i].var == var)
            return true;
    return false;
}

/* In every variation. */
static bool shows_var(const struct menu *m, int text, size_t lang, int var)
{
    bool all = text_shows(text_in(m, text, lang), var);

    for (size_t i = 0; text != NONE && i < m->nvariations; i++)
        if (m->texts[text].vary[i] != NONE)
            all &= text_shows(text_in(m, m->texts[text].vary[i], lang), var);
    return all;
}

static void check_confirm(struct walk *w, const struct screen *sc)
{
    if (sc->nevidence == 0)
        fault(w, sc->line, sc, "a confirm lists its \"evidence\": the price, the period");
    for (size_t lang = 0; lang < w->m->nlangs; lang++)
        for (size_t i = 0; i < sc->nevidence; i++)
            if (!shows_var(w->m, sc->text, lang, sc->evidence[i]))
                report_add(w->r, "flow.json", sc->line,
                           "confirm \"%s\" does not show {%" STR_FMT "} in %" STR_FMT, sc->name,
                           STR_ARG(w->m->vars[sc->evidence[i]].name), STR_ARG(w->m->langs[lang]));
    for (size_t i = 0; i < w->m->nscreens; i++) {
        const struct screen *from = &w->m->screens[i];

        if (screen_shows(from) && leads_to(w, from, (int)sc->no) &&
            takes_key(w->m, from, w->m->keys[KEY_ACCEPT]))
            report_add(w->r, "flow.json", from->line,
                       "S2: the accept key of confirm \"%s\" is valid on screen \"%s\" before it",
                       sc->name, from->name);
    }
}

struct pay_entry {
    struct walk *w;
    int pay;
};

static void check_entry(void *ctx, const struct screen *from, struct str label,
                        const struct jump *j)
{
    const struct pay_entry *p = ctx;

    (void)label;
    if (j->kind != JUMP_SCREEN || j->screen != p->pay)
        return;
    if (from->type != SCREEN_CONFIRM || j != &from->choices[0].jump)
        fault(p->w, from->line, from, "leads to a pay, which only a confirm's accept may");
}

static void check_pay(struct walk *w, const struct screen *sc)
{
    struct pay_entry p = {w, (int)sc->no};

    for (size_t i = 0; i < w->m->nscreens; i++)
        screen_jumps(&w->m->screens[i], check_entry, &p);
    for (size_t i = 0; i < sc->non; i++)
        if ((match_holds(&sc->on[i].match, STR("created")) ||
             match_holds(&sc->on[i].match, STR("code"))) &&
            (sc->on[i].jump.kind != JUMP_SCREEN ||
             w->m->screens[sc->on[i].jump.screen].type != SCREEN_END))
            fault(w, sc->on[i].line, sc,
                  "a charge that was made must lead to an end: END first, then push or code");
}

void check_flow(const struct menu *m, struct menu_report *r)
{
    struct walk w = {.m = m, .r = r};

    check_subflows(m, r, w.owner);
    check_reach(&w);
    check_loops(&w);
    for (size_t i = 0; i < m->nscreens; i++) {
        const struct screen *sc = &m->screens[i];

        check_outcomes(&w, sc);
        check_keys(&w, sc);
        check_shown(&w, sc);
        if (sc->type == SCREEN_CONFIRM)
            check_confirm(&w, sc);
        if (sc->type == SCREEN_PAY)
            check_pay(&w, sc);
    }
}
