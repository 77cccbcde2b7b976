/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs about values: cases that exclude each other, inputs whose variable holds all they take,
 * experiments whose variants are all used and known, variations that vary something.
 */
#include "menus/check.h"

#include "menus/input_value.h"
#include "menus/load.h"
#include "menus/match.h"

struct vary {
    const struct menu *m;
    struct menu_report *r;
};

static void fault(const struct vary *v, unsigned line, struct str name, const char *what)
{
    report_add(v->r, "flow.json", line, "\"%" STR_FMT "\": %s", STR_ARG(name), what);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void check_cases(const struct vary *v, const struct screen *sc)
{
    for (size_t i = 0; i < sc->non; i++)
        for (size_t j = 0; j < i; j++)
            if (match_overlap(&sc->on[i].match, &sc->on[j].match))
                fault(v, sc->on[i].line, str_c(sc->name), "two cases take one value");
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static unsigned decimal_width(unsigned n)
{
    unsigned width = 1;

    while (n >= 10) {
        n /= 10;
        width++;
    }
    return width;
}

/* What the longest value of an input takes. */
static unsigned value_width(const struct screen *sc)
{
    switch (sc->kind) {
    case INPUT_NUMBER:
    case INPUT_AMOUNT: return decimal_width(sc->max);
    case INPUT_MSISDN: return 15;
    case INPUT_DATE: return DATE_LEN;
    default: return sc->max;
    }
}

/* The text of a template without variables; p == NULL when it has some. */
static struct str constant_of(const struct text *t)
{
    if (t->n == 0)
        return STR_EMPTY;
    return t->n == 1 && t->pieces[0].var == NONE ? t->pieces[0].literal : (struct str){NULL, 0};
}

static void check_currency(const struct vary *v, const struct screen *sc)
{
    struct str code = constant_of(&sc->currency);

    for (size_t i = 0; i < v->m->ncurrencies; i++)
        if (!code.p || str_eq(v->m->currencies[i].code, code))
            return;
    fault(v, sc->line, str_c(sc->name), "its currency is not among \"currencies\"");
}

static void check_days(const struct vary *v, const struct screen *sc)
{
    struct str from = constant_of(&sc->earliest), to = constant_of(&sc->latest);
    int64_t first = 0, last = INT64_MAX;

    if ((from.p && !date_iso(from, &first)) || (to.p && !date_iso(to, &last)))
        fault(v, sc->line, str_c(sc->name), "\"earliest\" and \"latest\" are days: YYYY-MM-DD");
    else if (first > last)
        fault(v, sc->line, str_c(sc->name), "\"earliest\" is after \"latest\"");
}

static void check_input(const struct vary *v, const struct screen *sc)
{
    if (value_width(sc) > v->m->vars[sc->var].max)
        fault(v, sc->line, str_c(sc->name), "its variable is narrower than what it takes");
    if (sc->kind == INPUT_AMOUNT)
        check_currency(v, sc);
    if (sc->kind == INPUT_DATE)
        check_days(v, sc);
}

/* ---- experiments ----------------------------------------------------------------------------- */

static bool has_variant(const struct experiment *x, struct str name)
{
    for (size_t i = 0; i < x->nvariants; i++)
        if (str_eq(x->variants[i].name, name))
            return true;
    return false;
}

static void check_words(const struct vary *v, const struct experiment *x, const struct match *m,
                        unsigned line)
{
    bool known = m->nwords > 0;

    for (size_t i = 0; i < m->nwords; i++)
        known &= has_variant(x, m->words[i]);
    if (!known)
        fault(v, line, x->name, "a condition names a variant that it has not");
}

/* Could this option show to a reader of the variant? */
static bool may_show(const struct experiment *x, const struct when *w, struct str variant)
{
    if (w->var != x->var || w->kind == WHEN_ALWAYS || w->kind == WHEN_SET)
        return true;
    return match_holds(&w->match, variant) == (w->kind == WHEN_IS);
}

static void check_options(const struct vary *v, const struct experiment *x, const struct screen *sc)
{
    for (size_t k = 0; k < x->nvariants; k++) {
        size_t shown = 0;

        for (size_t i = 0; i < sc->nchoices; i++)
            shown += may_show(x, &sc->choices[i].when, x->variants[k].name);
        if (!shown)
            report_add(v->r, "flow.json", sc->line,
                       "screen \"%s\" has no option in variant \"%" STR_FMT "\"", sc->name,
                       STR_ARG(x->variants[k].name));
    }
}

static void check_conditions(const struct vary *v, const struct experiment *x)
{
    for (size_t i = 0; i < v->m->nvariations; i++)
        if (v->m->variations[i].when.var == x->var && v->m->variations[i].when.kind > WHEN_SET)
            check_words(v, x, &v->m->variations[i].when.match, v->m->variations[i].line);
    for (size_t i = 0; i < v->m->nscreens; i++) {
        const struct screen *sc = &v->m->screens[i];

        for (size_t c = 0; c < sc->nchoices; c++)
            if (sc->choices[c].when.var == x->var && sc->choices[c].when.kind > WHEN_SET)
                check_words(v, x, &sc->choices[c].when.match, sc->choices[c].line);
        for (size_t c = 0; sc->type == SCREEN_SWITCH && sc->var == x->var && c < sc->non; c++)
            check_words(v, x, &sc->on[c].match, sc->on[c].line);
        if (sc->type == SCREEN_MENU)
            check_options(v, x, sc);
    }
}

static bool sets_var(const struct assign *sets, size_t n, int var)
{
    for (size_t i = 0; i < n; i++)
        if (sets[i].var == var)
            return true;
    return false;
}

static bool screen_sets(const struct screen *sc, int var)
{
    bool hit = sets_var(sc->sets, sc->nsets, var) ||
               ((sc->type == SCREEN_INPUT || sc->type == SCREEN_SUB) && sc->var == var);

    for (size_t i = 0; i < sc->nchoices; i++)
        hit |= sets_var(sc->choices[i].sets, sc->choices[i].nsets, var);
    for (size_t i = 0; i < sc->nkeep; i++)
        hit |= sc->keep[i].var == var;
    return hit;
}

static bool action_gives(const struct action *a, struct str col)
{
    for (size_t i = 0; i < a->ncols; i++)
        if (str_eq(a->cols[i], col))
            return true;
    return false;
}

/* A variant that anything else sets is not the one that was counted. */
static void check_unset(const struct vary *v, const struct experiment *x)
{
    bool hit = false;

    for (size_t i = 0; i < v->m->nscreens; i++)
        hit |= screen_sets(&v->m->screens[i], x->var);
    for (size_t i = 0; i < v->m->nactions; i++)
        hit |= action_gives(&v->m->actions[i], v->m->vars[x->var].name);
    if (hit)
        fault(v, x->line, x->name, "its variable is set by something else");
}

static void check_experiment(const struct vary *v, const struct experiment *x)
{
    const struct var *var = &v->m->vars[x->var];
    unsigned sum = 0;

    for (size_t i = 0; i < x->nvariants; i++) {
        sum += x->variants[i].weight;
        if (x->variants[i].name.n == 0 || x->variants[i].name.n > var->max)
            fault(v, x->line, x->name, "its variable is narrower than a variant's name");
    }
    if (x->nvariants < 2 || sum == 0)
        fault(v, x->line, x->name, "an experiment has two variants or more, and a weight");
    if (!v->m->vars[x->by].caller)
        fault(v, x->line, x->name, "\"by\" is a hash that the caller gives");
    check_unset(v, x);
    check_conditions(v, x);
}

/* ---- variations ------------------------------------------------------------------------------ */

static void check_variation(const struct vary *v, size_t i)
{
    size_t texts = 0;

    for (size_t t = 0; t < v->m->ntexts; t++)
        texts += v->m->texts[t].vary[i] != NONE;
    if (!texts)
        fault(v, v->m->variations[i].line, v->m->variations[i].name, "no text varies by it");
}

void check_values(const struct menu *m, struct menu_report *r)
{
    const struct vary v = {m, r};

    for (size_t i = 0; i < m->nscreens; i++) {
        check_cases(&v, &m->screens[i]);
        if (m->screens[i].type == SCREEN_INPUT)
            check_input(&v, &m->screens[i]);
    }
    for (size_t i = 0; i < m->nexperiments; i++)
        check_experiment(&v, &m->experiments[i]);
    for (size_t i = 0; i < m->nvariations; i++)
        check_variation(&v, i);
}
