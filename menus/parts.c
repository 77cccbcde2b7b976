/* SPDX-License-Identifier: Apache-2.0 */
#include "menus/parts.h"

#include "menus/engine.h"

/* ---- parts: one walk in rings from all of home's options at once ------------------------------- */

struct ring {
    struct parts *p;
    bool seen[SCREENS_MAX];
    uint16_t queue[SCREENS_MAX];
    size_t head, tail;
    uint8_t part;
};

static void reach(struct ring *g, int screen, uint8_t part)
{
    if (screen == NONE || g->seen[screen])
        return;
    g->seen[screen] = true;
    g->p->of[screen] = part;
    g->queue[g->tail++] = (uint16_t)screen;
}

static void reach_jump(void *ctx, const struct screen *from, struct str label, const struct jump *j)
{
    struct ring *g = ctx;

    (void)from;
    (void)label;
    if (j->kind == JUMP_SCREEN)
        reach(g, j->screen, g->part);
}

static void walk(struct ring *g)
{
    while (g->head < g->tail) {
        size_t at = g->queue[g->head++];

        g->part = g->p->of[at];
        screen_jumps(&g->p->m->screens[at], reach_jump, g);
    }
}

void parts_find(const struct menu *m, struct parts *p)
{
    const struct screen *home = &m->screens[m->home];
    struct ring g = {.p = p};

    *p = (struct parts){.m = m, .n = home->nchoices + 1};
    g.seen[m->home] = true;
    for (size_t i = 0; i < home->nchoices; i++)
        if (home->choices[i].jump.kind == JUMP_SCREEN)
            reach(&g, home->choices[i].jump.screen, (uint8_t)(i + 1));
    walk(&g);
    reach(&g, m->start, 0);
    walk(&g);
}

struct str part_name(const struct parts *p, size_t lang, size_t part, struct arena *a)
{
    const struct screen *home = &p->m->screens[p->m->home];

    if (part == 0)
        return STR_EMPTY;
    return template_text(p->m, text_in(p->m, home->choices[part - 1].text, lang), a);
}

/* ---- words ------------------------------------------------------------------------------------- */

struct str template_text(const struct menu *m, const struct text *t, struct arena *a)
{
    char mem[4096];
    struct buf b;
    struct str s;

    buf_init_fixed(&b, mem, sizeof mem);
    for (size_t i = 0; t && i < t->n; i++) {
        const struct piece *piece = &t->pieces[i];

        if (piece->var == NONE)
            buf_adds(&b, piece->literal);
        else if (m->vars[piece->var].constant)
            buf_adds(&b, m->vars[piece->var].value);
        else
            buf_addf(&b, "{%" STR_FMT "}", STR_ARG(m->vars[piece->var].name));
    }
    s = arena_str(a, buf_str(&b));
    return s.p ? s : STR_EMPTY;
}

const char *screen_type_name(enum screen_type type)
{
    static const char *const names[SCREEN_TYPES] = {
        [SCREEN_MENU] = "menu",       [SCREEN_LIST] = "list", [SCREEN_INPUT] = "input",
        [SCREEN_CONFIRM] = "confirm", [SCREEN_TEXT] = "text", [SCREEN_END] = "end",
        [SCREEN_CALL] = "call",       [SCREEN_PAY] = "pay",   [SCREEN_SWITCH] = "switch",
        [SCREEN_SUB] = "sub",
    };

    return names[type];
}

bool choice_repeats(const struct screen *sc, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (sc->choices[j].text == sc->choices[i].text &&
            sc->choices[j].jump.screen == sc->choices[i].jump.screen)
            return true;
    return false;
}

struct str choice_key_shown(const struct screen *sc, size_t i, char mem[8])
{
    unsigned number = 1;

    if (sc->choices[i].key.n)
        return sc->choices[i].key;
    for (size_t j = 0; j < i; j++)
        number += !sc->choices[j].key.n && !choice_repeats(sc, j);
    snprintf(mem, 8, "%u", number);
    return str_c(mem);
}

/* ---- small facts ------------------------------------------------------------------------------- */

bool menu_goes_back(const struct menu *m, struct str input)
{
    char mem[8];
    struct str digits = input_digits(mem, sizeof mem, input);

    return str_eq(digits, m->keys[KEY_BACK]) || str_eq(digits, m->keys[KEY_HOME]);
}

struct str menu_lang(const struct menu *m, size_t lang)
{
    return lang < m->nlangs ? m->langs[lang] : STR_EMPTY;
}

unsigned menu_reviews(const struct menu *m, size_t lang)
{
    return lang < m->nlangs ? m->reviews[lang] : 0;
}

/* ---- what readers walked ----------------------------------------------------------------------- */

/* Calls and switches between two screens that were seen: each jump on the way counts. */
struct trace {
    const struct menu *m;
    int from[SCREENS_MAX]; /* the screen a screen was reached from, or NONE */
    uint16_t queue[SCREENS_MAX];
    size_t head, tail;
    int at;
};

static void trace_jump(void *ctx, const struct screen *from, struct str label, const struct jump *j)
{
    struct trace *t = ctx;

    (void)from;
    (void)label;
    if (j->kind != JUMP_SCREEN || t->from[j->screen] != NONE)
        return;
    t->from[j->screen] = t->at;
    if (!screen_shows(&t->m->screens[j->screen]))
        t->queue[t->tail++] = (uint16_t)j->screen;
}

static bool trace_find(struct trace *t, int from, int to)
{
    for (size_t i = 0; i < t->m->nscreens; i++)
        t->from[i] = NONE;
    t->head = t->tail = 0;
    for (t->at = from;; t->at = t->queue[t->head++]) {
        screen_jumps(&t->m->screens[t->at], trace_jump, t);
        if (t->from[to] != NONE || t->head == t->tail)
            return t->from[to] != NONE;
    }
}

static void walked_add(struct walked *w, int from, int to, uint64_t times)
{
    size_t i = 0;

    while (i < w->n && (w->ways[i].from != from || w->ways[i].to != to))
        i++;
    if (i == WAYS_MAX)
        return;
    w->n = MAX(w->n, i + 1);
    w->ways[i] = (struct way){from, to, w->ways[i].times + times};
    w->most = MAX(w->most, w->ways[i].times);
}

static void walked_step(struct walked *w, struct trace *t, const struct menu_step_stat *step)
{
    int from = *step->from ? menu_find_screen(t->m, str_c(step->from)) : t->m->start;
    int to = menu_find_screen(t->m, str_c(step->to));

    if (from == NONE || to == NONE || from == to || !trace_find(t, from, to))
        return;
    for (int at = to; at != from; at = t->from[at])
        walked_add(w, t->from[at], at, step->times);
}

void walked_find(const struct menu *m, const struct menu_stats *stats, struct walked *w)
{
    struct trace t = {.m = m};

    memset(w, 0, sizeof *w);
    for (size_t i = 0; stats && i < stats->nsteps; i++)
        walked_step(w, &t, &stats->steps[i]);
}

uint64_t walked_times(const struct walked *w, size_t from, size_t to)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->ways[i].from == (int)from && w->ways[i].to == (int)to)
            return w->ways[i].times;
    return 0;
}
