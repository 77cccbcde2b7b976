/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow as JSON, for a console that draws it itself:
 *
 *   {"lang", "version", "parts": [name], "screens": [{"name", "type", "part", "text",
 *    "options": [{"key", "text", "to"}], "seen": {...} with figures}],
 *    "edges": [{"from", "to", "by", "times" with figures}]}
 *
 * Part 0 is what stands before the home screen.
 */
#include "gateway/lib/jsonw.h"
#include "menus/engine.h"
#include "menus/parts.h"

struct drawing {
    const struct menu *m;
    size_t lang;
    const struct menu_stats *stats;
    struct arena arena;
    struct parts parts;
    struct walked walked;
    struct jsonw j;
};

static struct str text_of(struct drawing *d, int no)
{
    return template_text(d->m, text_in(d->m, no, d->lang), &d->arena);
}

static void put_target(struct drawing *d, const struct jump *j)
{
    static const char *const kinds[] = {"", "", "@back", "@home", "@again"};

    jsonw_kv_cstr(&d->j, "to",
                  j->kind == JUMP_SCREEN ? d->m->screens[j->screen].name : kinds[j->kind]);
}

static void put_options(struct drawing *d, const struct screen *sc)
{
    char mem[8];

    jsonw_key(&d->j, "options");
    jsonw_array(&d->j);
    for (size_t i = 0; i < sc->nchoices; i++) {
        if (choice_repeats(sc, i))
            continue;
        jsonw_object(&d->j);
        jsonw_kv_str(&d->j, "key", choice_key_shown(sc, i, mem));
        jsonw_kv_str(&d->j, "text", text_of(d, sc->choices[i].text));
        put_target(d, &sc->choices[i].jump);
        jsonw_end(&d->j);
    }
    jsonw_end(&d->j);
}

static void put_figures(struct drawing *d, const struct screen *sc)
{
    for (size_t i = 0; d->stats && i < d->stats->nscreens; i++) {
        const struct menu_screen_stat *s = &d->stats->screens[i];

        if (strcmp(s->screen, sc->name) != 0)
            continue;
        jsonw_key(&d->j, "seen");
        jsonw_object(&d->j);
        jsonw_kv_i64(&d->j, "entered", (int64_t)s->entered);
        jsonw_kv_i64(&d->j, "answered", (int64_t)s->answered);
        jsonw_kv_i64(&d->j, "invalid", (int64_t)s->invalid);
        jsonw_kv_i64(&d->j, "back", (int64_t)s->back);
        jsonw_kv_i64(&d->j, "dropped", (int64_t)s->dropped);
        jsonw_kv_i64(&d->j, "ms", s->ms);
        jsonw_end(&d->j);
    }
}

static void put_screen(struct drawing *d, const struct screen *sc)
{
    jsonw_object(&d->j);
    jsonw_kv_cstr(&d->j, "name", sc->name);
    jsonw_kv_cstr(&d->j, "type", screen_type_name(sc->type));
    jsonw_kv_i64(&d->j, "part", d->parts.of[sc->no]);
    jsonw_kv_str(&d->j, "text", text_of(d, sc->text != NONE ? sc->text : sc->body_text));
    put_options(d, sc);
    put_figures(d, sc);
    jsonw_end(&d->j);
}

static void put_edge(void *ctx, const struct screen *from, struct str label, const struct jump *j)
{
    struct drawing *d = ctx;

    if (j->kind != JUMP_SCREEN)
        return;
    jsonw_object(&d->j);
    jsonw_kv_cstr(&d->j, "from", from->name);
    put_target(d, j);
    jsonw_kv_str(&d->j, "by", label);
    if (d->stats)
        jsonw_kv_i64(&d->j, "times",
                     (int64_t)walked_times(&d->walked, from->no, (size_t)j->screen));
    jsonw_end(&d->j);
}

static void put_parts(struct drawing *d)
{
    jsonw_key(&d->j, "parts");
    jsonw_array(&d->j);
    for (size_t i = 0; i < d->parts.n; i++)
        jsonw_str(&d->j, part_name(&d->parts, d->lang, i, &d->arena));
    jsonw_end(&d->j);
}

void menu_graph_json(const struct menu *m, size_t lang, const struct menu_stats *stats,
                     struct buf *out)
{
    struct drawing d = {.m = m, .lang = lang, .stats = stats};

    arena_init(&d.arena, 16384, 4u << 20);
    parts_find(m, &d.parts);
    walked_find(m, stats, &d.walked);
    jsonw_init(&d.j, out);
    jsonw_object(&d.j);
    jsonw_kv_str(&d.j, "lang", m->langs[lang]);
    jsonw_kv_cstr(&d.j, "version", m->version);
    put_parts(&d);
    jsonw_key(&d.j, "screens");
    jsonw_array(&d.j);
    for (size_t i = 0; i < m->nscreens; i++)
        put_screen(&d, &m->screens[i]);
    jsonw_end(&d.j);
    jsonw_key(&d.j, "edges");
    jsonw_array(&d.j);
    for (size_t i = 0; i < m->nscreens; i++)
        screen_jumps(&m->screens[i], put_edge, &d);
    jsonw_end(&d.j);
    jsonw_end(&d.j);
    arena_fini(&d.arena);
}
