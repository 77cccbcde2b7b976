/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which variables may still be read from where the reader stands; the others are forgotten (step.c), or
 * a visit would carry every book, search and offer of before, and a list the last choice beside all its
 * rows.
 *
 * The usual analysis, over screens in place of instructions, one bit a variable:
 *
 *   before(screen) = what entering it reads | (what its ways on read - what they set first)
 *   shown(screen)  = what it reads once it stands there: its action has set its columns
 *
 * to the least fixed point. Back and @again are no ways on: they lead to screens that stand on the stack,
 * whose own sets are asked for beside the top's. Home and a new dial are ways on from everywhere. Where it
 * is not sure that a way sets a variable (an action without rows sets no column), it does not.
 */
#include "menus/load.h"

typedef uint64_t vars_t;

_Static_assert(VARS_MAX <= 64, "one bit a variable");

struct live {
    const struct menu *m;
    vars_t before[SCREENS_MAX];
};

static vars_t bit(int var)
{
    return var == NONE ? 0 : UINT64_C(1) << var;
}

static vars_t template_reads(const struct text *t)
{
    vars_t out = 0;

    for (size_t i = 0; i < t->n; i++)
        out |= bit(t->pieces[i].var);
    return out;
}

static vars_t text_reads(const struct menu *m, int no)
{
    vars_t out = 0;

    if (no == NONE)
        return 0;
    for (size_t lang = 0; lang < m->nlangs; lang++)
        out |= template_reads(&m->texts[no].by_lang[lang]);
    for (size_t i = 0; i < m->nvariations; i++)
        if (m->texts[no].vary[i] != NONE)
            out |= text_reads(m, m->texts[no].vary[i]);
    return out;
}

static vars_t sets(const struct assign *a, size_t n)
{
    vars_t out = 0;

    for (size_t i = 0; i < n; i++)
        out |= bit(a[i].var);
    return out;
}

static vars_t sets_read(const struct assign *a, size_t n)
{
    vars_t out = 0;

    for (size_t i = 0; i < n; i++)
        out |= template_reads(&a[i].value);
    return out;
}

/* Behind assignments, of which a later one may read what an earlier one set. */
static vars_t behind(vars_t after, const struct assign *a, size_t n)
{
    return (after & ~sets(a, n)) | sets_read(a, n);
}

static vars_t by_jump(const struct live *l, const struct jump *j)
{
    vars_t out = text_reads(l->m, j->say);

    if (j->kind == JUMP_SCREEN)
        out |= l->before[j->screen];
    else if (j->kind == JUMP_HOME)
        out |= l->before[l->m->home];
    return out;
}

static vars_t columns(const struct live *l, const struct screen *sc)
{
    const struct action *a = &l->m->actions[sc->action];
    vars_t out = 0;

    for (size_t i = 0; i < a->ncols; i++)
        out |= bit(menu_find_var(l->m, a->cols[i]));
    return out;
}

static bool may_be_none(const struct match *m)
{
    for (size_t i = 0; i < m->nwords; i++)
        if (str_eq_c(m->words[i], "none"))
            return true;
    return m->nwords == 0;
}

/* By outcome or value; `always` is set by the time of the jump, `rows` where there are rows. */
static vars_t by_branches(const struct live *l, const struct screen *sc, vars_t always, vars_t rows)
{
    bool none = false;
    vars_t out = 0;

    for (size_t i = 0; i < sc->non; i++) {
        bool here = may_be_none(&sc->on[i].match);

        none |= here;
        out |= by_jump(l, &sc->on[i].jump) & ~(here ? always : always | rows);
    }
    return out | (by_jump(l, &sc->otherwise) & ~(none ? always | rows : always));
}

/* Once it is shown: what stands on it, and where its answers lead. */
static vars_t shown(const struct live *l, const struct screen *sc)
{
    const struct menu *m = l->m;
    vars_t out = text_reads(m, sc->text) | text_reads(m, sc->body_text) | bit(sc->body_var) |
                 bit(sc->slice_part) | bit(sc->slice_at) | template_reads(&sc->currency) |
                 template_reads(&sc->earliest) | template_reads(&sc->latest);
    vars_t taken = sc->type == SCREEN_INPUT ? bit(sc->var) : 0;

    for (size_t i = 0; i < sc->nevidence; i++)
        out |= bit(sc->evidence[i]);
    for (size_t i = 0; i < sc->nkeep; i++)
        taken |= bit(sc->keep[i].var);
    for (size_t i = 0; i < sc->nchoices; i++) {
        const struct choice *c = &sc->choices[i];

        out |= text_reads(m, c->text) | (c->when.kind == WHEN_ALWAYS ? 0 : bit(c->when.var)) |
               behind(by_jump(l, &c->jump), c->sets, c->nsets);
    }
    return out | (by_jump(l, &sc->to) & ~taken);
}

/* An action's own `on` of a screen that shows is left before anything is set. */
static vars_t entered(const struct live *l, const struct screen *sc)
{
    vars_t out, cols = sc->action == NONE ? 0 : columns(l, sc);
    bool none = false;

    switch (sc->type) {
    case SCREEN_SWITCH: return bit(sc->var) | by_branches(l, sc, 0, 0);
    case SCREEN_SUB:
        return sets_read(sc->sets, sc->nsets) | bit(l->m->subflows[sc->flow].result) |
               l->before[l->m->subflows[sc->flow].start] | by_branches(l, sc, 0, 0);
    case SCREEN_CALL:
    case SCREEN_PAY:
        return sets_read(sc->sets, sc->nsets) | by_branches(l, sc, sets(sc->sets, sc->nsets), cols);
    default: break;
    }
    for (size_t i = 0; i < sc->non; i++)
        none |= may_be_none(&sc->on[i].match);
    out = behind(shown(l, sc), sc->sets, sc->nsets);
    if (none && sc->type != SCREEN_LIST)
        out &= ~cols; /* it shows with rows only */
    return out | by_branches(l, sc, 0, 0) | by_jump(l, &sc->empty);
}

static vars_t args(const struct menu *m, const struct screen *sc)
{
    vars_t out = 0;

    for (size_t i = 0; sc->action != NONE && i < m->actions[sc->action].pub.nargs; i++)
        out |= bit(m->actions[sc->action].args[i]);
    return out;
}

/* What the engine and its caller read wherever the reader stands. */
static vars_t read_anywhere(const struct menu *m)
{
    vars_t out = bit(m->lang_var) | bit(menu_find_var(m, STR("user")));

    for (size_t i = 0; i < m->nvariations; i++)
        out |= bit(m->variations[i].when.var);
    for (size_t i = 0; i < m->nexperiments; i++)
        out |= bit(m->experiments[i].var);
    for (size_t i = 0; i < ENGINE_TEXTS; i++)
        out |= text_reads(m, m->engine[i]);
    return out;
}

void load_live(struct menu *m)
{
    struct live l = {.m = m};
    bool moved = true;

    while (moved) {
        moved = false;
        for (size_t i = 0; i < m->nscreens; i++) {
            const struct screen *sc = &m->screens[i];
            vars_t now = entered(&l, sc) | args(m, sc);

            moved |= now != l.before[i];
            l.before[i] = now;
        }
    }
    for (size_t i = 0; i < m->nscreens; i++) {
        m->screens[i].live_before = l.before[i];
        m->screens[i].live_shown = l.before[i] | shown(&l, &m->screens[i]);
    }
    m->live_always = l.before[m->home] | l.before[m->start] | read_anywhere(m);
}
