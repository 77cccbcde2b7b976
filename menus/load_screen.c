/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Screens: two passes over "screens", first their names (so that any may name any), then each one
 * by its type. What a type may hold is one row of `types`; what it must hold is read by its reader.
 */
#include "menus/load.h"

static const struct {
    const char *name;
    const char *keys;
} types[SCREEN_TYPES] = {
    [SCREEN_MENU] = {"menu", "type text action on set options walk safe"},
    [SCREEN_LIST] = {"list", "type text action on keep to empty label_max per_page max_items walk"},
    [SCREEN_INPUT] = {"input", "type text var kind min max sensitive to walk"},
    [SCREEN_CONFIRM] = {"confirm", "type text evidence accept refuse"},
    [SCREEN_TEXT] = {"text", "type text action on set body body_text more_key slice walk safe"},
    [SCREEN_END] = {"end", "type text"},
    [SCREEN_CALL] = {"call", "type action on else set safe"},
    [SCREEN_PAY] = {"pay", "type action on else set"},
    [SCREEN_SWITCH] = {"switch", "type var cases else"},
};

static struct jump load_target(struct loader *l, const struct node *n, struct str to)
{
    struct jump j = {JUMP_SCREEN, NONE, NONE};

    if (str_eq(to, STR("@back"))) {
        j.kind = JUMP_BACK;
    } else if (str_eq(to, STR("@home"))) {
        j.kind = JUMP_HOME;
    } else if (str_eq(to, STR("@again"))) {
        j.kind = JUMP_AGAIN;
    } else {
        j.screen = menu_find_screen(l->m, to);
        if (j.screen == NONE) {
            load_fault(l, n->path, "unknown screen \"%" STR_FMT "\"", STR_ARG(to));
            j.kind = JUMP_NONE;
        }
    }
    return j;
}

/* "screen" or {"to": "screen", "say": "text"}. */
static struct jump load_jump(struct loader *l, const struct node *n)
{
    struct jump j = {JUMP_NONE, NONE, NONE};

    if (!n->json)
        return j;
    if (json_is_object(n->json)) {
        struct node to = node_key(n, "to"), say = node_key(n, "say");

        load_known_keys(l, n, "to say");
        j = load_target(l, n, load_str(l, &to));
        j.say = load_text_ref(l, &say, "say", load_str(l, &say));
        return j;
    }
    return load_target(l, n, load_str(l, n));
}

static struct jump need_jump(struct loader *l, const struct node *parent, const char *key)
{
    struct node n = node_key(parent, key);

    if (!n.json)
        load_fault(l, parent->path, "needs \"%s\"", key);
    return load_jump(l, &n);
}

static int need_text(struct loader *l, const struct node *n)
{
    struct node text = node_key(n, "text");

    if (!text.json)
        load_fault(l, n->path, "needs \"text\"");
    return load_text_ref(l, &text, "screens", load_str(l, &text));
}

static int need_var(struct loader *l, const struct node *parent, const char *key)
{
    struct node n = node_key(parent, key);

    if (!n.json) {
        load_fault(l, parent->path, "needs \"%s\"", key);
        return NONE;
    }
    return load_var(l, &n, load_str(l, &n));
}

/* A variable that the flow may set. */
static int need_settable(struct loader *l, const struct node *n, struct str name)
{
    int var = load_var(l, n, name);

    if (var != NONE && (l->m->vars[var].caller || l->m->vars[var].constant)) {
        load_fault(l, n->path, "\"%" STR_FMT "\" cannot be set", STR_ARG(name));
        return NONE;
    }
    return var;
}

static struct assign *load_sets(struct loader *l, const struct node *parent, size_t *count)
{
    struct node sets = node_key(parent, "set");
    size_t n = json_object_size(sets.json);
    struct assign *a = load_alloc(l, n, sizeof *a);
    const char *key;
    json_t *value;

    *count = 0;
    json_object_foreach(sets.json, key, value) {
        struct node item = node_key(&sets, key);
        int var = need_settable(l, &item, str_c(key));

        if (var != NONE)
            a[(*count)++] =
                (struct assign){var, load_template(l, item.path, load_str(l, &item), false)};
    }
    return a;
}

static struct branch *load_branches(struct loader *l, const struct node *map, size_t *count)
{
    size_t n = json_object_size(map->json);
    struct branch *b = load_alloc(l, n, sizeof *b);
    const char *key;
    json_t *value;

    *count = 0;
    if (map->json && !json_is_object(map->json))
        load_fault(l, map->path, "must be an object");
    json_object_foreach(map->json, key, value) {
        struct node item = node_key(map, key);

        b[*count].value = load_keep(l, str_c(key));
        b[*count].line = where_line(&l->where, item.path);
        b[(*count)++].jump = load_jump(l, &item);
    }
    return b;
}

static struct when load_when(struct loader *l, const struct node *parent)
{
    struct node n = node_key(parent, "when"), is = node_key(&n, "is"), not = node_key(&n, "not");
    struct when w = {WHEN_ALWAYS, NONE, STR_EMPTY};

    if (!n.json || !load_known_keys(l, &n, "var is not"))
        return w;
    w.var = need_var(l, &n, "var");
    if (w.var == NONE)
        return w;
    if (l->m->vars[w.var].turn)
        load_fault(l, n.path, "a variable of the turn is gone when the answer comes");
    w.kind = is.json ? WHEN_IS : not .json ? WHEN_NOT : WHEN_SET;
    w.value = load_str(l, is.json ? &is : &not );
    return w;
}

static struct choice load_choice(struct loader *l, const struct node *n)
{
    struct node key = node_key(n, "key");
    struct choice c = {.line = where_line(&l->where, n->path)};

    if (!load_known_keys(l, n, "key text to when set"))
        return c;
    c.key = load_str(l, &key);
    c.text = need_text(l, n);
    c.jump = need_jump(l, n, "to");
    c.when = load_when(l, n);
    c.sets = load_sets(l, n, &c.nsets);
    return c;
}

static void read_menu(struct loader *l, const struct node *n, struct screen *sc)
{
    struct node options = node_key(n, "options");

    sc->text = need_text(l, n);
    sc->nchoices = json_array_size(options.json);
    if (sc->nchoices == 0 || sc->nchoices > CHOICES_MAX) {
        load_fault(l, n->path, "a menu has 1 to %d options", CHOICES_MAX);
        sc->nchoices = 0;
    }
    sc->choices = load_alloc(l, sc->nchoices, sizeof *sc->choices);
    for (size_t i = 0; i < sc->nchoices; i++) {
        struct node item = node_at(&options, i);

        sc->choices[i] = load_choice(l, &item);
    }
}

static void read_keep(struct loader *l, const struct node *n, struct screen *sc)
{
    struct node keep = node_key(n, "keep");
    const char *key;
    json_t *value;

    json_object_foreach(keep.json, key, value) {
        struct node item = node_key(&keep, key);
        int var = need_settable(l, &item, str_c(key));

        if (sc->nkeep == KEEP_MAX) {
            load_fault(l, item.path, "keeps more than %d columns", KEEP_MAX);
            return;
        }
        if (var != NONE)
            sc->keep[sc->nkeep++] = (struct keep){var, load_str(l, &item)};
    }
}

static void read_list(struct loader *l, const struct node *n, struct screen *sc)
{
    struct node label = node_key(n, "label_max"), page = node_key(n, "per_page"),
                max = node_key(n, "max_items");

    sc->text = need_text(l, n);
    sc->label_max = load_uint(l, &label, 30, 4, 120);
    sc->per_page = load_uint(l, &page, 5, 1, 9);
    sc->max_items = load_uint(l, &max, ITEMS_MAX, 1, ITEMS_MAX);
    sc->to = need_jump(l, n, "to");
    sc->empty = need_jump(l, n, "empty");
    read_keep(l, n, sc);
    if (sc->action == NONE)
        load_fault(l, n->path, "a list needs \"action\"");
    if (sc->nkeep == 0)
        load_fault(l, n->path, "a list must \"keep\" something of the chosen row");
}

static void read_input(struct loader *l, const struct node *n, struct screen *sc)
{
    static const char *const kinds[] = {"text", "number", "msisdn", "code"};
    struct node kind = node_key(n, "kind"), min = node_key(n, "min"), max = node_key(n, "max"),
                secret = node_key(n, "sensitive"), var = node_key(n, "var");
    struct str name = load_str(l, &kind);
    size_t k = 0;

    while (k < ARRAY_LEN(kinds) && !str_eq_c(name, kinds[k]))
        k++;
    if (k == ARRAY_LEN(kinds)) {
        load_fault(l, kind.path, "kind is text, number, msisdn or code");
        k = 0;
    }
    sc->kind = (enum input_kind)k;
    sc->text = need_text(l, n);
    sc->var = need_settable(l, &var, load_str(l, &var));
    sc->min = load_uint(l, &min, 1, 0, 1000000000);
    sc->max = load_uint(l, &max, k == INPUT_NUMBER ? 1000000000 : 60, 1, 1000000000);
    sc->sensitive = load_bool(l, &secret, false);
    sc->to = need_jump(l, n, "to");
    if (sc->sensitive && sc->var != NONE) {
        l->m->vars[sc->var].turn = true;
        l->m->vars[sc->var].secret = true;
    }
}

static void read_confirm(struct loader *l, const struct node *n, struct screen *sc)
{
    static const char *const names[] = {"accept", "refuse"};
    struct node evidence = node_key(n, "evidence");

    sc->text = need_text(l, n);
    sc->nchoices = 2;
    sc->choices = load_alloc(l, 2, sizeof *sc->choices);
    for (size_t i = 0; i < 2; i++) {
        struct node item = node_key(n, names[i]);

        if (!item.json)
            load_fault(l, n->path, "needs \"%s\"", names[i]);
        else
            sc->choices[i] = load_choice(l, &item);
        sc->choices[i].key = l->m->keys[i == 0 ? KEY_ACCEPT : KEY_BACK];
    }
    for (size_t i = 0; i < json_array_size(evidence.json) && i < KEEP_MAX; i++) {
        struct node item = node_at(&evidence, i);
        int var = load_var(l, &item, load_str(l, &item));

        if (var != NONE)
            sc->evidence[sc->nevidence++] = var;
    }
}

static void read_text(struct loader *l, const struct node *n, struct screen *sc)
{
    struct node text = node_key(n, "text"), fixed = node_key(n, "body_text"),
                more = node_key(n, "more_key"), slice = node_key(n, "slice");

    sc->text = load_text_ref(l, &text, "screens", load_str(l, &text));
    sc->more_key = load_str(l, &more);
    if (fixed.json)
        sc->body_text = load_text_ref(l, &fixed, "screens", load_str(l, &fixed));
    else
        sc->body_var = need_var(l, n, "body");
    if (!slice.json || !load_known_keys(l, &slice, "part at"))
        return;
    sc->walk = false; /* a path replayed after a loss turns no page that was turned (S4) */
    sc->slice_part = need_var(l, &slice, "part");
    sc->slice_at = need_var(l, &slice, "at");
    if (sc->action == NONE)
        load_fault(l, n->path, "a sliced text needs \"action\"");
}

static void read_call(struct loader *l, const struct node *n, struct screen *sc)
{
    if (sc->action == NONE)
        load_fault(l, n->path, "needs \"action\"");
    if (sc->non == 0 && sc->otherwise.kind == JUMP_NONE)
        load_fault(l, n->path, "needs \"on\" or \"else\"");
}

static void read_switch(struct loader *l, const struct node *n, struct screen *sc)
{
    struct node cases = node_key(n, "cases");

    sc->var = need_var(l, n, "var");
    sc->on = load_branches(l, &cases, &sc->non);
    sc->otherwise = need_jump(l, n, "else");
}

static void read_body(struct loader *l, const struct node *n, struct screen *sc)
{
    switch (sc->type) {
    case SCREEN_MENU: read_menu(l, n, sc); break;
    case SCREEN_LIST: read_list(l, n, sc); break;
    case SCREEN_INPUT: read_input(l, n, sc); break;
    case SCREEN_CONFIRM: read_confirm(l, n, sc); break;
    case SCREEN_TEXT: read_text(l, n, sc); break;
    case SCREEN_END: sc->text = need_text(l, n); break;
    case SCREEN_CALL:
    case SCREEN_PAY: read_call(l, n, sc); break;
    case SCREEN_SWITCH: read_switch(l, n, sc); break;
    case SCREEN_TYPES: break;
    }
}

static void read_screen(struct loader *l, const struct node *n, struct screen *sc)
{
    struct node type = node_key(n, "type"), action = node_key(n, "action"), on = node_key(n, "on"),
                otherwise = node_key(n, "else"), walk = node_key(n, "walk"),
                safe = node_key(n, "safe");
    struct str name = load_str(l, &type);
    size_t t = 0;

    while (t < SCREEN_TYPES && !str_eq_c(name, types[t].name))
        t++;
    if (t == SCREEN_TYPES) {
        load_fault(l, type.json ? type.path : n->path, "unknown screen type \"%" STR_FMT "\"",
                   STR_ARG(name));
        return;
    }
    if (!load_known_keys(l, n, types[t].keys))
        return;
    sc->type = (enum screen_type)t;
    sc->walk = load_bool(l, &walk, sc->type != SCREEN_CONFIRM);
    sc->safe = load_bool(l, &safe, false);
    sc->action = load_action_ref(l, &action, load_str(l, &action));
    sc->sets = load_sets(l, n, &sc->nsets);
    if (sc->type != SCREEN_SWITCH) {
        sc->on = load_branches(l, &on, &sc->non);
        sc->otherwise = load_jump(l, &otherwise);
    }
    read_body(l, n, sc);
}

void load_screens(struct loader *l, const struct node *root)
{
    struct node screens = node_key(root, "screens");
    size_t n = json_object_size(screens.json), i = 0;
    const char *key;
    json_t *value;

    if (n == 0 || n > SCREENS_MAX) {
        load_fault(l, screens.path, "\"screens\" must hold 1 to %d screens", SCREENS_MAX);
        return;
    }
    l->m->screens = load_alloc(l, n, sizeof *l->m->screens);
    json_object_foreach(screens.json, key, value) {
        struct node item = node_key(&screens, key);

        l->m->screens[l->m->nscreens++] = (struct screen){
            .name = load_keep(l, str_c(key)).p,
            .no = i++,
            .line = where_line(&l->where, item.path),
            .type = SCREEN_END,
            .text = NONE,
            .action = NONE,
            .var = NONE,
            .body_var = NONE,
            .body_text = NONE,
            .slice_part = NONE,
            .slice_at = NONE,
        };
    }
    i = 0;
    json_object_foreach(screens.json, key, value) {
        struct node item = node_key(&screens, key);

        read_screen(l, &item, &l->m->screens[i++]);
    }
}
