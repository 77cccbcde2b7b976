/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts: text/<lang>.json is an object of groups (nav, reason, fail, say, screens, sms), each an
 * object of templates. A template is plain text with {variables}; "{{" is a brace.
 *
 * Every language adds to one table of keys, so that a text missing in one language shows as an
 * empty place there (menu_check tells it; rendering falls back to the first language).
 *
 * "review" lists what no native reader has read yet: groups ("sms") or texts ("screens.home").
 */
#include "menus/load.h"

#include <stdio.h>

#define PIECES_MAX 32

static const char *const groups[] = {"nav", "reason", "fail", "say", "screens", "sms"};

int menu_find_text(const struct menu *m, struct str key)
{
    for (size_t i = 0; i < m->ntexts; i++)
        if (str_eq(m->texts[i].key, key))
            return (int)i;
    return NONE;
}

static int find_sms_var(const struct menu *m, struct str name)
{
    for (size_t i = 0; i < m->nsms_vars; i++)
        if (str_eq(m->sms_vars[i].name, name))
            return (int)i;
    return NONE;
}

/* The variable in a template's braces: a screen's or, in the sms group, a message's. */
static int template_var(struct loader *l, const char *path, struct str name, bool sms)
{
    int var = sms ? find_sms_var(l->m, name) : menu_find_var(l->m, name);

    if (var == NONE)
        load_fault(l, path, "unknown variable {%" STR_FMT "}%s", STR_ARG(name),
                   sms ? " (sms_vars in flow.json)" : "");
    else if (!sms)
        l->m->vars[var].used = true;
    return var;
}

static void add_piece(struct piece *pieces, size_t *n, struct str literal, int var)
{
    if (var != NONE || literal.n)
        pieces[(*n)++] = (struct piece){literal, var};
}

struct text load_template(struct loader *l, const char *path, struct str source, bool sms)
{
    struct piece pieces[PIECES_MAX + 2];
    struct text text = {.line = where_line(&l->where, path)};
    struct str rest = source, head, name;

    if (!utf8_valid(source))
        load_fault(l, path, "is not UTF-8");
    while (str_cut(rest, '{', &head, &rest) && text.n < PIECES_MAX) {
        add_piece(pieces, &text.n, head, NONE);
        if (rest.n && rest.p[0] == '{') {
            add_piece(pieces, &text.n, str_head(rest, 1), NONE);
            rest = str_skip(rest, 1);
        } else if (str_cut(rest, '}', &name, &rest)) {
            add_piece(pieces, &text.n, STR_EMPTY, template_var(l, path, name, sms));
        } else {
            load_fault(l, path, "a { without its }");
            rest = STR_EMPTY;
        }
        head = rest;
    }
    if (text.n >= PIECES_MAX)
        load_fault(l, path, "more than %d pieces", PIECES_MAX);
    else
        add_piece(pieces, &text.n, head, NONE);
    text.pieces = load_alloc(l, text.n, sizeof *pieces);
    if (text.n)
        memcpy(text.pieces, pieces, text.n * sizeof *pieces);
    return text;
}

static struct text_key *text_slot(struct loader *l, const char *path, struct str key)
{
    int i = menu_find_text(l->m, key);

    if (i != NONE)
        return &l->m->texts[i];
    if (l->m->ntexts == TEXTS_MAX) {
        load_fault(l, path, "more than %d texts", TEXTS_MAX);
        return NULL;
    }
    l->m->texts[l->m->ntexts].key = load_keep(l, key);
    for (size_t v = 0; v < VARIATIONS_MAX; v++)
        l->m->texts[l->m->ntexts].vary[v] = NONE;
    return &l->m->texts[l->m->ntexts++];
}

static void load_group(struct loader *l, const struct node *group, const char *name, size_t lang)
{
    const char *key;
    json_t *value;

    json_object_foreach(group->json, key, value) {
        struct node item = node_key(group, key);
        char full[128];
        struct text_key *slot;
        int n = snprintf(full, sizeof full, "%s.%s", name, key);

        if (n < 0 || (size_t)n >= sizeof full) {
            load_fault(l, item.path, "key too long");
            continue;
        }
        slot = text_slot(l, item.path, str_c(full));
        if (slot)
            slot->by_lang[lang] =
                load_template(l, item.path, load_str(l, &item), !strcmp(name, "sms"));
    }
}

static bool names_text(struct str item, struct str key)
{
    return str_starts(key, item) && (key.n == item.n || key.p[item.n] == '.');
}

static void load_review(struct loader *l, const struct node *root, size_t lang)
{
    struct node list = node_key(root, "review");

    if (list.json && !json_is_array(list.json))
        load_fault(l, list.path, "must list groups or texts");
    for (size_t i = 0; i < json_array_size(list.json); i++) {
        struct node item = node_at(&list, i);
        struct str name = load_str(l, &item);
        unsigned named = 0;

        for (size_t t = 0; t < l->m->ntexts; t++) {
            struct text *text = &l->m->texts[t].by_lang[lang];

            if (!text->line || !names_text(name, l->m->texts[t].key))
                continue;
            named++;
            l->m->reviews[lang] += !text->review;
            text->review = true;
        }
        if (named == 0)
            load_fault(l, item.path, "\"%" STR_FMT "\" names no text", STR_ARG(name));
    }
}

static void load_language(struct loader *l, size_t lang)
{
    const struct where where = l->where;
    const char *file = l->file;
    const struct menu_file *f = NULL;
    struct node root = {.path = ""};
    char name[32];

    snprintf(name, sizeof name, "text/%" STR_FMT ".json", STR_ARG(l->m->langs[lang]));
    for (size_t i = 0; i < l->nfiles; i++)
        if (!strcmp(l->files[i].name, name))
            f = &l->files[i];
    if (!f) {
        load_fault(l, "/languages", "%s is missing", name);
        return;
    }
    root.json = load_json(l, f);
    if (root.json) {
        load_known_keys(l, &root, "nav reason fail say screens sms review");
        for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
            struct node group = node_key(&root, groups[g]);

            load_group(l, &group, groups[g], lang);
        }
        load_review(l, &root, lang);
        load_json_end(l, root.json);
    }
    l->where = where;
    l->file = file;
}

/* A file of a language that flow.json does not list is a mistake, not a reserve. */
static void refuse_strangers(struct loader *l)
{
    for (size_t i = 0; i < l->nfiles; i++) {
        struct str name = str_c(l->files[i].name);

        if (!str_starts(name, STR("text/")))
            continue;
        name = str_skip(name, 5);
        if (!str_ends(name, STR(".json")) ||
            menu_find_lang(l->m, str_head(name, name.n - 5)) == NONE)
            report_add(l->r, l->files[i].name, 0, "this language is not in flow.json");
    }
}

static int find_variation(const struct menu *m, struct str name)
{
    for (size_t i = 0; i < m->nvariations; i++)
        if (str_eq(m->variations[i].name, name))
            return (int)i;
    return NONE;
}

static void vary_fault(struct loader *l, const struct text_key *text, const char *what)
{
    for (size_t lang = 0; lang < l->m->nlangs; lang++) {
        char file[32];

        snprintf(file, sizeof file, "text/%" STR_FMT ".json", STR_ARG(l->m->langs[lang]));
        if (text->by_lang[lang].line)
            report_add(l->r, file, text->by_lang[lang].line, "text \"%" STR_FMT "\" %s",
                       STR_ARG(text->key), what);
    }
}

/* "book@CI" stands in for "book" where the variation CI holds. Messages go to any number and have
 * none. */
static void link_variations(struct loader *l)
{
    for (size_t i = 0; i < l->m->ntexts; i++) {
        struct text_key *text = &l->m->texts[i];
        struct str base, name;
        int of, variation;

        if (!str_cut(text->key, '@', &base, &name))
            continue;
        of = menu_find_text(l->m, base);
        variation = find_variation(l->m, name);
        if (of == NONE)
            vary_fault(l, text, "varies one that is not there");
        else if (variation == NONE || str_starts(base, STR("sms.")))
            vary_fault(l, text, "names a variation that is not there");
        else
            l->m->texts[of].vary[variation] = (int)i;
    }
}

void load_texts(struct loader *l)
{
    l->m->texts = load_alloc(l, TEXTS_MAX, sizeof *l->m->texts);
    for (size_t i = 0; i < l->m->nlangs; i++)
        load_language(l, i);
    link_variations(l);
    refuse_strangers(l);
}

int load_text_ref(struct loader *l, const struct node *n, const char *group, struct str name)
{
    char full[160];
    int text;

    if (!name.n)
        return NONE;
    snprintf(full, sizeof full, "%s.%" STR_FMT, group, STR_ARG(name));
    text = menu_find_text(l->m, str_c(full));
    if (text == NONE) {
        load_fault(l, n->path, "unknown text \"%s\"", full);
        return NONE;
    }
    l->m->texts[text].used = true;
    for (size_t v = 0; v < l->m->nvariations; v++)
        if (l->m->texts[text].vary[v] != NONE)
            l->m->texts[l->m->texts[text].vary[v]].used = true;
    return text;
}
