/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Screens: two passes over "screens", first their names (so that any may name any), then each one
 * by its type. What a type may hold is one row of `types`; what it must hold is read by its reader.
 */
#include "menus/load.h"
#include "menus/match.h"

static const struct {
    const char *name;
    const char *keys;
} types[SCREEN_TYPES] = {
    [SCREEN_MENU] = {"menu", "type text action on set options safety resume"},
    [SCREEN_LIST] = {"list",
                     "type text action on keep to empty label_max per_page max_items safety "
                     "resume"},
    [SCREEN_INPUT] = {"input",
                      "type text var kind min max digits currency earliest latest sensitive "
                      "to options safety resume"},
    [SCREEN_CONFIRM] = {"confirm", "type text evidence accept refuse"},
    [SCREEN_TEXT] = {"text", "type text action on set body body_text more_key slice safety resume"},
    [SCREEN_END] = {"end", "type text"},
    [SCREEN_CALL] = {"call", "type action on else set safety"},
    [SCREEN_PAY] = {"pay", "type action on else set"},
    [SCREEN_SWITCH] = {"switch", "type var cases else"},
    [SCREEN_SUB] = {"sub", "type flow with var on else"},
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
    } else if (str_eq(to, STR("@return"))) {
        j.kind = JUMP_RETURN;
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

int load_settable(struct loader *l, const struct node *n, struct str name)
{
    int var = load_var(l, n, name);

    if (var != NONE && (l->m->vars[var].caller || l->m->vars[var].constant)) {
        load_fault(l, n->path, "\"%" STR_FMT "\" cannot be set", STR_ARG(name));
        return NONE;
    }
    return var;
}

static struct assign *load_sets(struct loader *l, const struct node *parent, const char *name,
                                size_t *count)
{
    struct node sets = node_key(parent, name);
    size_t n = json_object_size(sets.json);
    struct assign *a = load_alloc(l, n, sizeof *a);
    const char *key;
    json_t *value;

    *count = 0;
    json_object_foreach(sets.json, key, value) {
        struct node item = node_key(&sets, key);
        int var = load_settable(l, &item, str_c(key));

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
        if (!match_parse(b[*count].value, &b[*count].match))
            load_fault(l, item.path, "a case is up to %d words \"a|b\" or a range \"1..9\"",
                       MATCH_WORDS_MAX);
        b[*count].line = where_line(&l->where, item.path);
        b[(*count)++].jump = load_jump(l, &item);
    }
    return b;
}

struct when load_when(struct loader *l, const struct node *parent, const char *key)
{
    struct node n = node_key(parent, key), is = node_key(&n, "is"), not = node_key(&n, "not");
    struct when w = {.kind = WHEN_ALWAYS, .var = NONE};

    if (!n.json || !load_known_keys(l, &n, "var is not"))
        return w;
    w.var = need_var(l, &n, "var");
    if (w.var == NONE)
        return w;
    if (l->m->vars[w.var].turn && w.var != l->m->page_var) /* a carrier's screen stays as it is */
        load_fault(l, n.path, "a variable of the turn is gone when the answer comes");
    w.kind = is.json ? WHEN_IS : not .json ? WHEN_NOT : WHEN_SET;
    if (!match_parse(load_str(l, is.json ? &is : &not ), &w.match))
        load_fault(l, n.path, "a condition is up to %d words \"a|b\" or a range \"1..9\"",
                   MATCH_WORDS_MAX);
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
    c.when = load_when(l, n, "when");
    c.sets = load_sets(l, n, "set", &c.nsets);
    return c;
}

static void read_options(struct loader *l, const struct node *n, struct screen *sc)
{
    struct node options = node_key(n, "options");

    sc->nchoices = json_array_size(options.json);
    if (sc->nchoices > CHOICES_MAX) {
        load_fault(l, n->path, "a screen has up to %d options", CHOICES_MAX);
        sc->nchoices = 0;
    }
    sc->choices = load_alloc(l, sc->nchoices, sizeof *sc->choices);
    for (size_t i = 0; i < sc->nchoices; i++) {
        struct node item = node_at(&options, i);

        sc->choices[i] = load_choice(l, &item);
    }
}

static void read_menu(struct loader *l, const struct node *n, struct screen *sc)
{
    sc->text = need_text(l, n);
    read_options(l, n, sc);
    if (sc->nchoices == 0)
        load_fault(l, n->path, "a menu has 1 to %d options", CHOICES_MAX);
}

static void read_keep(struct loader *l, const struct node *n, struct screen *sc)
{
    struct node keep = node_key(n, "keep");
    const char *key;
    json_t *value;

    json_object_foreach(keep.json, key, value) {
        struct node item = node_key(&keep, key);
        int var = load_settable(l, &item, str_c(key));

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

static const char *const input_kinds[INPUT_KINDS] = {
    [INPUT_TEXT] = "text", [INPUT_NUMBER] = "number", [INPUT_MSISDN] = "msisdn",
    [INPUT_CODE] = "code", [INPUT_AMOUNT] = "amount", [INPUT_DATE] = "date",
    [INPUT_PIN] = "pin",
};

static enum input_kind read_kind(struct loader *l, const struct node *n)
{
    struct node kind = node_key(n, "kind");
    struct str name = load_str(l, &kind);
    size_t k = 0;

    while (k < INPUT_KINDS && !str_eq_c(name, input_kinds[k]))
        k++;
    if (k < INPUT_KINDS)
        return (enum input_kind)k;
    load_fault(l, kind.path, "kind is text, number, msisdn, code, amount, date or pin");
    return INPUT_TEXT;
}

static struct text need_template(struct loader *l, const struct node *n, const char *key)
{
    struct node item = node_key(n, key);

    if (!item.json)
        load_fault(l, n->path, "needs \"%s\"", key);
    return load_template(l, item.path, load_str(l, &item), false);
}

/* A pin has so many digits, or from so many to so many. */
static void read_digits(struct loader *l, const struct node *n, struct screen *sc)
{
    struct node digits = node_key(n, "digits"), from = digits, to = digits;

    if (json_is_array(digits.json)) {
        from = node_at(&digits, 0);
        to = node_at(&digits, 1);
    }
    if (!from.json || !to.json)
        load_fault(l, n->path, "needs \"digits\": how many, or [least, most]");
    sc->min = load_uint(l, &from, PIN_MIN, PIN_MIN, PIN_MAX);
    sc->max = load_uint(l, &to, PIN_MIN, PIN_MIN, PIN_MAX);
    if (sc->min > sc->max)
        load_fault(l, n->path, "\"digits\": the least is above the most");
}

/* What a kind takes: numbers and amounts lie between min and max, the others are that long. */
static void read_bounds(struct loader *l, const struct node *n, struct screen *sc)
{
    struct node min = node_key(n, "min"), max = node_key(n, "max");
    bool number = sc->kind == INPUT_NUMBER || sc->kind == INPUT_AMOUNT;

    if (sc->kind == INPUT_PIN) {
        read_digits(l, n, sc);
        return;
    }
    sc->min = load_uint(l, &min, 1, 0, 1000000000);
    sc->max = load_uint(l, &max, number ? 1000000000 : 60, 1, 1000000000);
    if (sc->min > sc->max)
        load_fault(l, n->path, "\"min\" is above \"max\"");
}

static void read_input(struct loader *l, const struct node *n, struct screen *sc)
{
    struct node secret = node_key(n, "sensitive"), var = node_key(n, "var");

    sc->kind = read_kind(l, n);
    sc->text = need_text(l, n);
    sc->var = load_settable(l, &var, load_str(l, &var));
    read_bounds(l, n, sc);
    if (sc->kind == INPUT_AMOUNT)
        sc->currency = need_template(l, n, "currency");
    if (sc->kind == INPUT_DATE) {
        sc->earliest = need_template(l, n, "earliest");
        sc->latest = need_template(l, n, "latest");
    }
    sc->sensitive = load_bool(l, &secret, sc->kind == INPUT_PIN);
    if (sc->kind == INPUT_PIN && !sc->sensitive)
        load_fault(l, secret.path, "a pin is sensitive");
    sc->to = need_jump(l, n, "to");
    read_options(l, n, sc);
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

/* The parameters are set as by an option; what comes back is branched on as by a switch. */
static void read_sub(struct loader *l, const struct node *n, struct screen *sc)
{
    struct node flow = node_key(n, "flow"), var = node_key(n, "var");
    struct str name = load_str(l, &flow);

    for (size_t i = 0; i < l->m->nsubflows; i++)
        if (str_eq(l->m->subflows[i].name, name))
            sc->flow = (int)i;
    if (sc->flow == NONE)
        load_fault(l, flow.json ? flow.path : n->path, "unknown subflow \"%" STR_FMT "\"",
                   STR_ARG(name));
    sc->sets = load_sets(l, n, "with", &sc->nsets);
    if (var.json)
        sc->var = load_settable(l, &var, load_str(l, &var));
    if (sc->otherwise.kind == JUMP_NONE)
        load_fault(l, n->path, "needs \"else\"");
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
    case SCREEN_SUB: read_sub(l, n, sc); break;
    case SCREEN_TYPES: break;
    }
}

/* What the screen's type, input and action make of it. */
static enum menu_safety derived_safety(const struct menu *m, const struct screen *sc)
{
    if (sc->type == SCREEN_CONFIRM || sc->type == SCREEN_PAY)
        return MENU_MONEY;
    if (sc->sensitive || sc->slice_at != NONE ||
        (sc->action != NONE && action_has_effect(&m->actions[sc->action])))
        return MENU_SENSITIVE;
    return sc->type == SCREEN_INPUT ? MENU_INPUT : MENU_FREE;
}

static void read_safety(struct loader *l, const struct node *n, struct screen *sc)
{
    static const char *const names[] = {"free", "input", "sensitive", "money"};
    enum menu_safety derived = derived_safety(l->m, sc);
    struct node safety = node_key(n, "safety");
    struct str name = load_str(l, &safety);
    size_t i = 0;

    sc->safety = derived;
    if (!safety.json)
        return;
    while (i < ARRAY_LEN(names) && !str_eq_c(name, names[i]))
        i++;
    if (i == ARRAY_LEN(names))
        load_fault(l, safety.path, "safety is free, input, sensitive or money");
    else if (i <= (size_t)derived)
        load_fault(l, safety.path, "is \"%s\" by itself: \"safety\" only makes it stricter",
                   names[derived]);
    else
        sc->safety = (enum menu_safety)i;
}

/*
 * What is taken up again must have no effect but to show: no write, no secret half typed (the types
 * that may not say it at all are the others: a confirm, an end, whatever shows nothing).
 */
static void read_resume(struct loader *l, const struct node *n, struct screen *sc)
{
    static const char *const words[] = {
        [MENU_RESUME_NEVER] = "never", [MENU_RESUME_ASK] = "ask", [MENU_RESUME_AUTO] = "auto"};
    struct node resume = node_key(n, "resume");
    struct str word = load_str(l, &resume);
    size_t k = 0;

    if (!resume.json)
        return;
    while (k < ARRAY_LEN(words) && !str_eq_c(word, words[k]))
        k++;
    if (k == ARRAY_LEN(words)) {
        load_fault(l, resume.path, "resume is never, ask or auto");
        return;
    }
    sc->resume = (enum menu_resume)k;
    if (k != MENU_RESUME_NEVER && sc->sensitive)
        load_fault(l, resume.path, "a sensitive input is never resumed");
    if (k != MENU_RESUME_NEVER && sc->action != NONE &&
        action_has_effect(&l->m->actions[sc->action]))
        load_fault(l, resume.path, "an action with an effect is never resumed");
}

static void read_screen(struct loader *l, const struct node *n, struct screen *sc)
{
    struct node type = node_key(n, "type"), action = node_key(n, "action"), on = node_key(n, "on"),
                otherwise = node_key(n, "else");
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
    sc->action = load_action_ref(l, &action, load_str(l, &action));
    sc->sets = load_sets(l, n, "set", &sc->nsets);
    if (sc->type != SCREEN_SWITCH) {
        sc->on = load_branches(l, &on, &sc->non);
        sc->otherwise = load_jump(l, &otherwise);
    }
    read_body(l, n, sc);
    read_safety(l, n, sc);
    read_resume(l, n, sc);
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
            .flow = NONE,
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
