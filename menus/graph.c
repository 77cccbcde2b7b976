/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow as a Graphviz digraph: a card a screen with the text a reader sees, an edge a jump that
 * leaves from the option's own line, a frame a part of the service, a legend. Back and home are
 * keys of every screen and are left out.
 *
 * With figures a card's colour is the share of readers who were last seen there, and an edge is as
 * wide as the way is walked.
 */
#include <math.h>

#include "gateway/lib/utf8.h"
#include "menus/engine.h"
#include "menus/parts.h"

#define CARD_COLUMNS 34 /* of a card's text, then it wraps */
#define CARD_LINES   7

static const struct {
    const char *head, *body;
} colours[SCREEN_TYPES] = {
    [SCREEN_MENU] = {"#2f6f8f", "#eef5f9"},   [SCREEN_LIST] = {"#3d7a4e", "#eef7f0"},
    [SCREEN_INPUT] = {"#7a5ea8", "#f4f0fa"},  [SCREEN_CONFIRM] = {"#b45309", "#fdf3e3"},
    [SCREEN_TEXT] = {"#4b5563", "#f6f6f4"},   [SCREEN_END] = {"#1f2937", "#e5e7eb"},
    [SCREEN_CALL] = {"#94a3b8", "#f8fafc"},   [SCREEN_PAY] = {"#b91c1c", "#fdecec"},
    [SCREEN_SWITCH] = {"#a1a1aa", "#fafafa"}, [SCREEN_SUB] = {"#0f766e", "#ecfaf8"},
};

struct graph {
    const struct menu *m;
    size_t lang;
    const struct menu_stats *stats;
    FILE *out;
    struct arena arena;
    struct parts parts;
    struct walked walked;
};

/* ---- escaping: texts and names come from files ------------------------------------------------- */

static void html(FILE *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        default: fputc(s.p[i], out);
        }
    }
}

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

/* ---- figures ----------------------------------------------------------------------------------- */

static const struct menu_screen_stat *stat_of(const struct graph *g, const struct screen *sc)
{
    for (size_t i = 0; g->stats && i < g->stats->nscreens; i++)
        if (!strcmp(g->stats->screens[i].screen, sc->name))
            return &g->stats->screens[i];
    return NULL;
}

static double drop_rate(const struct menu_screen_stat *s)
{
    return s && s->entered ? MIN((double)s->dropped / (double)s->entered, 1.0) : 0;
}

/* White for none, a full red where half of the readers or more are lost. */
static void drop_colour(const struct menu_screen_stat *s, char out[8])
{
    double share = MIN(drop_rate(s) * 2, 1.0);

    if (!s || !s->entered)
        snprintf(out, 8, "#ffffff");
    else
        snprintf(out, 8, "#%02x%02x%02x", 255 - (unsigned)(share * 35),
                 250 - (unsigned)(share * 180), 245 - (unsigned)(share * 185));
}

/* ---- cards ------------------------------------------------------------------------------------- */

static void row(const struct graph *g, const char *attrs, struct str text)
{
    fprintf(g->out, "<tr><td align=\"left\" %s>", attrs);
    html(g->out, text);
    fputs("</td></tr>", g->out);
}

/* A text in lines of a phone's width; what is longer than a card is cut with dots. */
static void rows_of_text(const struct graph *g, struct str text)
{
    struct str line;
    unsigned lines = 0;

    while (text.n && lines++ < CARD_LINES) {
        size_t cut = text_skip_chars(text, CARD_COLUMNS), at = cut;

        while (cut < text.n && at > 0 && text.p[at] != ' ')
            at--;
        line = str_head(text, at ? at : cut);
        text = str_trim(str_skip(text, line.n));
        row(g, "", line);
    }
    if (text.n)
        row(g, "", STR("..."));
}

static struct str text_of(struct graph *g, int no)
{
    return template_text(g->m, text_in(g->m, no, g->lang), &g->arena);
}

static void row_of_key(struct graph *g, size_t port, struct str key, struct str label)
{
    char attrs[32];
    const char *line =
        arena_printf(&g->arena, "%" STR_FMT "  %" STR_FMT, STR_ARG(key), STR_ARG(label));

    snprintf(attrs, sizeof attrs, "port=\"o%zu\"", port);
    row(g, attrs, line ? str_c(line) : key);
}

static void card_choices(struct graph *g, const struct screen *sc)
{
    char mem[8];

    for (size_t i = 0; i < sc->nchoices; i++)
        if (!choice_repeats(sc, i))
            row_of_key(g, i, choice_key_shown(sc, i, mem), text_of(g, sc->choices[i].text));
}

static void card_action(struct graph *g, const struct screen *sc)
{
    const char *line = sc->action == NONE
                           ? NULL
                           : arena_printf(&g->arena, "%s.sql", g->m->actions[sc->action].pub.name);

    if (line && !screen_shows(sc))
        row(g, "", str_c(line));
    if (sc->type == SCREEN_SWITCH)
        row(g, "", g->m->vars[sc->var].name);
}

static void card_figures(struct graph *g, const struct screen *sc)
{
    const struct menu_screen_stat *s = stat_of(g, sc);
    const char *line;

    if (!g->stats || !screen_shows(sc))
        return;
    line = s ? arena_printf(&g->arena, "%llu seen  %.1f %% lost  %u ms",
                            (unsigned long long)s->entered, 100 * drop_rate(s), s->ms)
             : "not seen";
    fprintf(g->out, "<tr><td align=\"left\" bgcolor=\"#ffffff\"><b>%s</b></td></tr>",
            line ? line : "");
}

static void card(struct graph *g, const struct screen *sc)
{
    char heat[8];
    const char *body = colours[sc->type].body;

    if (g->stats) {
        drop_colour(stat_of(g, sc), heat);
        body = heat;
    }
    fputs("    ", g->out);
    quoted(g->out, str_c(sc->name));
    fprintf(g->out,
            " [label=<<table border=\"1\" cellborder=\"0\" cellspacing=\"0\" cellpadding=\"3\" "
            "color=\"%s\" bgcolor=\"%s\"><tr><td align=\"left\" bgcolor=\"%s\">"
            "<font color=\"white\"><b>",
            colours[sc->type].head, body, colours[sc->type].head);
    html(g->out, str_c(sc->name));
    fputs("</b></font></td></tr>", g->out);
    rows_of_text(g, text_of(g, sc->text != NONE ? sc->text : sc->body_text));
    if (sc->type == SCREEN_LIST)
        row(g, "", STR("1 ...  2 ...  3 ..."));
    card_choices(g, sc);
    card_action(g, sc);
    card_figures(g, sc);
    fputs("</table>>];\n", g->out);
}

/* ---- edges ------------------------------------------------------------------------------------- */

static void edge_style(const struct graph *g, const struct screen *from, const struct jump *j)
{
    const struct screen *to = &g->m->screens[j->screen];
    uint64_t times = walked_times(&g->walked, from->no, (size_t)j->screen);
    bool money = to->type == SCREEN_PAY || from->type == SCREEN_PAY;

    fprintf(g->out, ", color=\"%s\"",
            money                ? "#b91c1c"
            : screen_shows(from) ? "#475569"
                                 : "#94a3b8");
    if (!screen_shows(from))
        fputs(", style=dashed", g->out);
    if (g->stats)
        fprintf(g->out, ", penwidth=%.1f",
                0.5 + 7.5 * sqrt((double)times / (double)MAX(g->walked.most, UINT64_C(1))));
    if (times)
        fprintf(g->out, ", xlabel=\"%llu\"", (unsigned long long)times);
}

static void edge(void *ctx, const struct screen *from, struct str label, const struct jump *j)
{
    struct graph *g = ctx;
    ptrdiff_t port = -1;

    if (j->kind != JUMP_SCREEN)
        return;
    for (size_t i = 0; i < from->nchoices; i++)
        if (j == &from->choices[i].jump)
            port = choice_repeats(from, i) ? -2 : (ptrdiff_t)i;
    if (port == -2)
        return;
    fputs("  ", g->out);
    quoted(g->out, str_c(from->name));
    if (port >= 0)
        fprintf(g->out, ":o%td:e", port);
    fputs(" -> ", g->out);
    quoted(g->out, str_c(g->m->screens[j->screen].name));
    fputs(" [label=", g->out);
    quoted(g->out, port >= 0 ? STR_EMPTY : label);
    edge_style(g, from, j);
    fputs("];\n", g->out);
}

/* ---- the whole --------------------------------------------------------------------------------- */

static void cluster(struct graph *g, size_t part)
{
    struct str name = part_name(&g->parts, g->lang, part, &g->arena);

    fprintf(g->out, "  subgraph cluster_%zu {\n    label=", part);
    quoted(g->out, part ? name : STR("*"));
    fputs(";\n    style=\"rounded,filled\"; color=\"#cbd5e1\"; fillcolor=\"#fcfcfd\";"
          " fontsize=20; fontcolor=\"#334155\";\n",
          g->out);
    for (size_t i = 0; i < g->m->nscreens; i++)
        if (g->parts.of[i] == part && (int)i != g->m->home)
            card(g, &g->m->screens[i]);
    fputs("  }\n", g->out);
}

static void legend(struct graph *g)
{
    fputs("  subgraph cluster_legend {\n    label=\"\"; style=rounded; color=\"#cbd5e1\";\n"
          "    legend [label=<<table border=\"0\" cellborder=\"0\" cellspacing=\"4\"><tr>",
          g->out);
    for (int i = 0; i < SCREEN_TYPES && !g->stats; i++)
        fprintf(g->out, "<td bgcolor=\"%s\"><font color=\"white\">%s</font></td>", colours[i].head,
                screen_type_name((enum screen_type)i));
    for (unsigned share = 0; share <= 50 && g->stats; share += 10) {
        struct menu_screen_stat s = {.entered = 100, .dropped = share};
        char heat[8];

        drop_colour(&s, heat);
        fprintf(g->out, "<td bgcolor=\"%s\">%u %% lost</td>", heat, share);
    }
    fputs("</tr></table>>];\n  }\n", g->out);
}

void menu_graph(const struct menu *m, size_t lang, const struct menu_stats *stats, FILE *out)
{
    struct graph g = {.m = m, .lang = lang, .stats = stats, .out = out};

    arena_init(&g.arena, 16384, 4u << 20);
    parts_find(m, &g.parts);
    walked_find(m, stats, &g.walked);
    fprintf(out, "digraph menu {\n  rankdir=LR; ranksep=0.9; nodesep=0.25; bgcolor=\"white\";\n"
                 "  fontname=\"DejaVu Sans\"; newrank=true;\n"
                 "  node [shape=plain, fontname=\"DejaVu Sans Mono\", fontsize=11];\n"
                 "  edge [fontname=\"DejaVu Sans\", fontsize=10, arrowsize=0.7];\n");
    card(&g, &m->screens[m->home]);
    for (size_t part = 0; part < g.parts.n; part++)
        cluster(&g, part);
    for (size_t i = 0; i < m->nscreens; i++)
        screen_jumps(&m->screens[i], edge, &g);
    legend(&g);
    fputs("}\n", out);
    arena_fini(&g.arena);
}
