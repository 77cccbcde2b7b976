/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hardest screen under a limit, as a phone shows it. Nothing is drawn by hand: the renderer is
 * given a state in which every variable has its greatest width, a list all its rows, a text more
 * than a page, and the widest note stands on top.
 */
#include <stdlib.h>

#include "gateway/lib/utf8.h"
#include "menus/engine.h"

#define PHONE_COLUMNS 30
#define PROSE_FROM    100 /* wider values look like running text */

_Static_assert(MENU_PROVED_MAX == LIMITS_MAX, "one worst screen a limit");

const char *menu_charset_name(enum menu_charset cs)
{
    static const char *const names[] = {"gsm7", "ucs2", "latin1", "utf8"};

    return names[cs];
}

/* ---- values at their greatest width ------------------------------------------------------------ */

/* "title......" of exactly max; running text repeats its name; too narrow for a name: digits. */
static struct str wide_value(struct arena *a, struct str name, unsigned max)
{
    char *p = arena_alloc(a, max + 1);

    if (!p)
        return STR_EMPTY;
    for (unsigned i = 0; i < max; i++) {
        size_t at = max > PROSE_FROM ? i % (name.n + 1) : i;

        p[i] = name.n > max ? '9' : at < name.n ? name.p[at] : max > PROSE_FROM ? ' ' : '.';
    }
    return str_n(p, max);
}

static void widen_vars(const struct step *st, struct menu_var *caller, struct menu_turn *t)
{
    for (size_t i = 0; i < st->m->nvars; i++) {
        const struct var *v = &st->m->vars[i];
        struct str value = wide_value(t->arena, v->name, v->max);

        if (v->caller)
            caller[t->nvars++] = (struct menu_var){v->name, value};
        else if (!v->constant)
            st->s->vars[i] = value;
    }
    t->vars = caller;
}

/* As many rows as the list binds, each as wide as its labels may be. */
static void widen_rows(const struct step *st, const struct screen *sc, struct menu_rows *rows)
{
    static const struct str cols[] = {STR_INIT("label")};
    size_t n = sc->max_items;
    struct str *cells = arena_zalloc(st->t->arena, n + 1, sizeof *cells);

    if (!cells)
        return;
    for (size_t i = 0; i < n; i++)
        cells[i] = wide_value(st->t->arena, STR("label"), sc->label_max);
    *rows = (struct menu_rows){.nrows = n, .ncols = 1, .cols = cols, .cells = cells};
    st->s->rows = rows;
    st->s->stack[st->s->depth - 1].place.at = n > 10 ? 9 : 0; /* two digits a number */
    list_bind(st, sc);
}

/* Deep enough that every navigation key is offered. */
static void stand_on(const struct step *st, const struct menu_worst *w)
{
    struct menu_state *s = st->s;

    for (s->depth = 0; s->depth < 3; s->depth++)
        s->stack[s->depth] =
            (struct frame){.screen = (uint16_t)(s->depth < 2 ? (size_t)st->m->home : w->screen)};
    s->ntrail = 1;
    s->note = w->note_text;
}

/* ---- the phone --------------------------------------------------------------------------------- */

static void draw_line(struct str line, FILE *out)
{
    fprintf(out, "    | %" STR_FMT "%*s |\n", STR_ARG(line),
            (int)(PHONE_COLUMNS - MIN(utf8_count(line), (size_t)PHONE_COLUMNS)), "");
}

/* A line of the screen wraps at a blank where there is one in its second half. */
static void draw_wrapped(struct str line, FILE *out)
{
    while (utf8_count(line) > PHONE_COLUMNS) {
        size_t cut = text_skip_chars(line, PHONE_COLUMNS), at = cut;

        while (at > cut / 2 && line.p[at] != ' ')
            at--;
        at = line.p[at] == ' ' ? at : 0;
        draw_line(str_head(line, at ? at : cut), out);
        line = str_skip(line, at ? at + 1 : cut);
    }
    draw_line(line, out);
}

static void draw_phone(struct str text, FILE *out)
{
    static const char edge[] = "--------------------------------";
    struct str line;

    fprintf(out, "    .%s.\n", edge);
    while (str_split(&text, '\n', &line))
        draw_wrapped(line, out);
    fprintf(out, "    '%s'\n", edge);
}

static void show(const struct menu *m, const struct menu_worst *w, struct arena *a, FILE *out)
{
    struct menu_var caller[VARS_MAX];
    struct menu_out *shown = arena_zalloc(a, 1, sizeof *shown);
    struct menu_turn t = {.arena = a, .limits = w->limit};
    struct step st = {m, menu_state_new(m, a), &t, shown, w->limit.max};
    struct menu_rows rows = {0};
    const struct screen *sc = &m->screens[w->screen];

    if (!shown || !st.s)
        return;
    widen_vars(&st, caller, &t);
    st.s->vars[m->lang_var] = m->langs[w->lang];
    stand_on(&st, w);
    if (sc->type == SCREEN_LIST)
        widen_rows(&st, sc, &rows);
    render_screen(&st);
    draw_phone(shown->text, out);
}

void menu_worst_print(const struct menu *m, const struct menu_worst *w, FILE *out)
{
    struct arena a;

    fprintf(out, "%s %u: \"%s\" in %" STR_FMT " needs %u at most (note %u, text %u, keys %u)\n",
            menu_charset_name(w->limit.charset), w->limit.max, m->screens[w->screen].name,
            STR_ARG(m->langs[w->lang]), w->need, w->note, w->head, w->foot);
    arena_init(&a, 16384, 1u << 22);
    show(m, w, &a, out);
    arena_fini(&a);
}
