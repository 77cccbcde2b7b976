/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow as a Graphviz digraph: a box a screen, an edge a jump. Jumps back and home are keys of
 * every screen and are left out.
 */
#include "menus/check.h"

static const char *const shapes[SCREEN_TYPES] = {
    [SCREEN_MENU] = "box",        [SCREEN_LIST] = "folder",       [SCREEN_INPUT] = "parallelogram",
    [SCREEN_CONFIRM] = "octagon", [SCREEN_TEXT] = "note",         [SCREEN_END] = "doublecircle",
    [SCREEN_CALL] = "component",  [SCREEN_PAY] = "doubleoctagon", [SCREEN_SWITCH] = "diamond",
};

struct graph {
    const struct menu *m;
    FILE *out;
};

/* Names come from files: a quote in one must not end the string. */
static void quoted(FILE *out, struct str s)
{
    fputc('"', out);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            fputc('\\', out);
        fputc(s.p[i], out);
    }
    fputc('"', out);
}

static void edge(void *ctx, const struct screen *from, struct str label, const struct jump *j)
{
    const struct graph *g = ctx;

    if (j->kind != JUMP_SCREEN)
        return;
    fputs("  ", g->out);
    quoted(g->out, str_c(from->name));
    fputs(" -> ", g->out);
    quoted(g->out, str_c(g->m->screens[j->screen].name));
    fputs(" [label=", g->out);
    quoted(g->out, label);
    fputs("];\n", g->out);
}

void menu_graph(const struct menu *m, FILE *out)
{
    struct graph g = {m, out};

    fprintf(out, "digraph menu {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    for (size_t i = 0; i < m->nscreens; i++) {
        fputs("  ", out);
        quoted(out, str_c(m->screens[i].name));
        fprintf(out, " [shape=%s];\n", shapes[m->screens[i].type]);
    }
    for (size_t i = 0; i < m->nscreens; i++)
        screen_jumps(&m->screens[i], edge, &g);
    fputs("}\n", out);
}
