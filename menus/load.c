/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From files to a compiled menu: hashes them, reads the head of flow.json (languages,
 * keys, limits, variables) and lets the other loaders do texts, actions and screens.
 *
 * A menu with any fault is never given out; each fault is told with its line and loading goes on.
 */
#include "menus/load.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#define MENU_MEMORY_MAX (8u << 20)

static const char *const engine_keys[ENGINE_TEXTS] = {
    [TEXT_BACK] = "nav.back",
    [TEXT_HOME] = "nav.home",
    [TEXT_MORE] = "nav.more",
    [TEXT_PREVIOUS] = "nav.previous",
    [TEXT_BAD_CHOICE] = "reason.choice",
    [TEXT_BAD_EMPTY] = "reason.empty",
    [TEXT_BAD_LONG] = "reason.long",
    [TEXT_BAD_NUMBER] = "reason.number",
    [TEXT_BAD_RANGE] = "reason.range",
    [TEXT_BAD_TEXT] = "reason.text",
    [TEXT_BAD_MSISDN] = "reason.msisdn",
    [TEXT_BAD_CODE] = "reason.code",
    [TEXT_BAD_AMOUNT] = "reason.amount",
    [TEXT_BAD_DATE] = "reason.date",
    [TEXT_FAIL_BUSY] = "fail.busy",
    [TEXT_FAIL_DOWN] = "fail.down",
    [TEXT_FAIL_BUG] = "fail.bug",
    [TEXT_FAIL_GONE] = "fail.gone",
    [TEXT_RETRY] = "fail.retry",
    [TEXT_WAIT] = "fail.wait",
    [TEXT_LOOK] = "fail.look",
    [TEXT_RESUME] = "nav.resume",
    [TEXT_RESUME_YES] = "nav.resume_yes",
    [TEXT_RESUME_NEW] = "nav.resume_new",
};

/* ---- faults ---------------------------------------------------------------------------------- */

void report_add(struct menu_report *r, const char *file, unsigned line, const char *fmt, ...)
{
    va_list ap;

    if (r->count < MENU_FAULTS_MAX) {
        struct menu_fault *f = &r->faults[r->count];

        snprintf(f->file, sizeof f->file, "%s", file);
        f->line = line;
        va_start(ap, fmt);
        vsnprintf(f->text, sizeof f->text, fmt, ap);
        va_end(ap);
    }
    r->count++;
}

void load_fault(struct loader *l, const char *path, const char *fmt, ...)
{
    char text[200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    report_add(l->r, l->file, where_line(&l->where, path), "%s", text);
}

void menu_report_print(const struct menu_report *r, FILE *out)
{
    for (size_t i = 0; i < r->count && i < MENU_FAULTS_MAX; i++)
        fprintf(out, "%s:%u: %s\n", r->faults[i].file, r->faults[i].line, r->faults[i].text);
    if (r->count > MENU_FAULTS_MAX)
        fprintf(out, "... and %zu more\n", r->count - MENU_FAULTS_MAX);
}

/* ---- small reads ----------------------------------------------------------------------------- */

void *load_alloc(struct loader *l, size_t n, size_t size)
{
    void *p = arena_zalloc(&l->m->arena, n ? n : 1, size);

    if (!p)
        abort(); /* files are bounded well below the arena's ceiling */
    return p;
}

struct str load_keep(struct loader *l, struct str s)
{
    char *p = load_alloc(l, s.n + 1, 1);

    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct str){p, s.n};
}

struct node node_key(const struct node *n, const char *key)
{
    struct node child = {.json = json_object_get(n->json, key)};
    int len = snprintf(child.path, sizeof child.path, "%s/%s", n->path, key);

    if (len < 0 || (size_t)len >= sizeof child.path)
        memcpy(child.path, n->path, sizeof child.path);
    return child;
}

struct node node_at(const struct node *n, size_t i)
{
    char key[24];
    struct node child;

    snprintf(key, sizeof key, "%zu", i);
    child = node_key(n, key);
    child.json = json_array_get(n->json, i);
    return child;
}

struct str load_str(struct loader *l, const struct node *n)
{
    if (!n->json)
        return STR_EMPTY;
    if (!json_is_string(n->json)) {
        load_fault(l, n->path, "must be a string");
        return STR_EMPTY;
    }
    return load_keep(l, str_n(json_string_value(n->json), json_string_length(n->json)));
}

unsigned load_uint(struct loader *l, const struct node *n, unsigned dflt, unsigned min,
                   unsigned max)
{
    json_int_t v;

    if (!n->json)
        return dflt;
    v = json_integer_value(n->json);
    if (!json_is_integer(n->json) || v < (json_int_t)min || v > (json_int_t)max) {
        load_fault(l, n->path, "must be a whole number from %u to %u", min, max);
        return dflt;
    }
    return (unsigned)v;
}

bool load_bool(struct loader *l, const struct node *n, bool dflt)
{
    if (!n->json)
        return dflt;
    if (!json_is_boolean(n->json))
        load_fault(l, n->path, "must be true or false");
    return json_is_true(n->json);
}

static bool listed(const char *keys, struct str key)
{
    struct str rest = str_c(keys), piece;

    while (str_split(&rest, ' ', &piece))
        if (str_eq(piece, key))
            return true;
    return false;
}

bool load_known_keys(struct loader *l, const struct node *n, const char *keys)
{
    const char *key;
    json_t *value;
    bool ok = true;

    if (!json_is_object(n->json)) {
        load_fault(l, n->path, "must be an object");
        return false;
    }
    json_object_foreach(n->json, key, value) {
        struct node child = node_key(n, key);

        if (!listed(keys, str_c(key))) {
            load_fault(l, child.path, "unknown key \"%s\" (known: %s)", key, keys);
            ok = false;
        }
    }
    return ok;
}

json_t *load_json(struct loader *l, const struct menu_file *f)
{
    json_error_t je;
    json_t *root = json_loadb(f->bytes.p, f->bytes.n, JSON_REJECT_DUPLICATES, &je);

    l->file = f->name;
    map_init(&l->where.lines);
    if (!root) {
        report_add(l->r, f->name, je.line > 0 ? (unsigned)je.line : 1, "%s", je.text);
        return NULL;
    }
    if (!json_is_object(root)) {
        report_add(l->r, f->name, 1, "must be a JSON object");
        json_decref(root);
        return NULL;
    }
    where_init(&l->where, f->bytes);
    return root;
}

void load_json_end(struct loader *l, json_t *root)
{
    where_fini(&l->where);
    json_decref(root);
}

/* ---- look-ups -------------------------------------------------------------------------------- */

int menu_find_var(const struct menu *m, struct str name)
{
    for (size_t i = 0; i < m->nvars; i++)
        if (str_eq(m->vars[i].name, name))
            return (int)i;
    return NONE;
}

int menu_find_lang(const struct menu *m, struct str lang)
{
    for (size_t i = 0; i < m->nlangs; i++)
        if (str_eq(m->langs[i], lang))
            return (int)i;
    return NONE;
}

int menu_find_screen(const struct menu *m, struct str name)
{
    for (size_t i = 0; i < m->nscreens; i++)
        if (str_eq_c(name, m->screens[i].name))
            return (int)i;
    return NONE;
}

int load_var(struct loader *l, const struct node *n, struct str name)
{
    int var = menu_find_var(l->m, name);

    if (var == NONE)
        load_fault(l, n->path, "unknown variable \"%" STR_FMT "\"", STR_ARG(name));
    else
        l->m->vars[var].used = true;
    return var;
}

/* ---- the head of flow.json ------------------------------------------------------------------- */

static void load_languages(struct loader *l, const struct node *root)
{
    struct node list = node_key(root, "languages");
    size_t n = json_array_size(list.json);

    if (n == 0 || n > LANGS_MAX) {
        load_fault(l, list.path, "\"languages\" must list 1 to %d languages", LANGS_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct node item = node_at(&list, i);
        struct str lang = load_str(l, &item);

        if (lang.n == 0 || lang.n > 5)
            load_fault(l, item.path, "a language is 2 to 5 letters");
        else if (menu_find_lang(l->m, lang) != NONE)
            load_fault(l, item.path, "language twice");
        else
            l->m->langs[l->m->nlangs++] = lang;
    }
}

static bool only_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

static void load_keys(struct loader *l, const struct node *root)
{
    static const char *const names[NAV_KEYS] = {"back", "home", "more", "previous", "accept"};
    static const char *const dflt[NAV_KEYS] = {"0", "00", "98", "97", "9"};
    struct node keys = node_key(root, "keys");

    if (keys.json)
        load_known_keys(l, &keys, "back home more previous accept");
    for (int i = 0; i < NAV_KEYS; i++) {
        struct node key = node_key(&keys, names[i]);
        struct str value = key.json ? load_str(l, &key) : str_c(dflt[i]);

        if (!only_digits(value) || value.n > 3)
            load_fault(l, key.path, "a key is 1 to 3 digits");
        for (int j = 0; j < i; j++)
            if (str_eq(value, l->m->keys[j]))
                load_fault(l, key.path, "key %" STR_FMT " is \"%s\" already", STR_ARG(value),
                           names[j]);
        l->m->keys[i] = value;
    }
}

static bool load_charset(struct str name, enum menu_charset *cs)
{
    static const char *const names[] = {"gsm7", "ucs2", "latin1", "utf8"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(name, names[i])) {
            *cs = (enum menu_charset)i;
            return true;
        }
    return false;
}

static void load_limits(struct loader *l, const struct node *root)
{
    struct node list = node_key(root, "limits");
    size_t n = json_array_size(list.json);

    if (n == 0 || n > LIMITS_MAX) {
        load_fault(l, list.path, "\"limits\" must list 1 to %d limits to prove", LIMITS_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct node item = node_at(&list, i), cs = node_key(&item, "charset"),
                    max = node_key(&item, "max");
        struct menu_limits *lim = &l->m->limits[l->m->nlimits];

        if (!load_known_keys(l, &item, "charset max"))
            continue;
        lim->max = load_uint(l, &max, 160, MENU_LIMIT_MIN, MENU_LIMIT_MAX);
        if (!load_charset(load_str(l, &cs), &lim->charset)) {
            load_fault(l, cs.path, "charset is gsm7, ucs2, latin1 or utf8");
            continue;
        }
        l->m->limit_lines[l->m->nlimits++] = where_line(&l->where, item.path);
    }
}

static struct var *add_var(struct loader *l, const char *path, struct str name)
{
    struct var *v = &l->m->vars[l->m->nvars];

    if (l->m->nvars == VARS_MAX) {
        load_fault(l, path, "more than %d variables", VARS_MAX);
        return NULL;
    }
    if (menu_find_var(l->m, name) != NONE) {
        load_fault(l, path, "variable \"%" STR_FMT "\" twice", STR_ARG(name));
        return NULL;
    }
    *v = (struct var){.name = name, .line = where_line(&l->where, path)};
    l->m->nvars++;
    return v;
}

static void load_vars(struct loader *l, const struct node *root)
{
    struct node vars = node_key(root, "vars"), constants = node_key(root, "constants");
    const char *key;
    json_t *value;

    json_object_foreach(vars.json, key, value) {
        struct node item = node_key(&vars, key), max = node_key(&item, "max"),
                    caller = node_key(&item, "caller"), turn = node_key(&item, "turn");
        struct var *v = add_var(l, item.path, load_keep(l, str_c(key)));

        if (!v || !load_known_keys(l, &item, "max caller turn"))
            continue;
        if (!max.json)
            load_fault(l, item.path, "variable \"%s\" needs its greatest width, \"max\"", key);
        v->max = load_uint(l, &max, 1, 1, 2000);
        v->caller = load_bool(l, &caller, false);
        v->turn = load_bool(l, &turn, false);
    }
    json_object_foreach(constants.json, key, value) {
        struct node item = node_key(&constants, key);
        struct var *v = add_var(l, item.path, load_keep(l, str_c(key)));

        if (v) {
            v->constant = true;
            v->value = load_str(l, &item);
            v->max = (unsigned)v->value.n;
        }
    }
}

/* Variables that the engine sets itself. */
static void load_engine_vars(struct loader *l)
{
    struct menu *m = l->m;
    struct var *v;

    m->step_var = menu_find_var(m, STR("step"));
    m->lang_var = menu_find_var(m, STR("lang"));
    if (m->lang_var == NONE)
        load_fault(l, "/vars", "the variable \"lang\" is missing");
    v = add_var(l, "/vars", STR("page_chars"));
    m->page_var = v ? (int)(v - m->vars) : NONE;
    if (v)
        v->turn = true, v->max = 4;
    v = add_var(l, "/vars", STR("consent"));
    m->consent_var = v ? (int)(v - m->vars) : NONE;
    if (v)
        v->turn = true, v->max = MENU_LIMIT_MAX;
    v = add_var(l, "/vars", STR("dial"));
    m->dial_var = v ? (int)(v - m->vars) : NONE;
    if (v)
        v->caller = true, v->max = 182;
}

static void load_dial(struct loader *l, const struct node *root)
{
    struct node dial = node_key(root, "dial"), var = node_key(&dial, "var"),
                digits = node_key(&dial, "digits"), lo = node_at(&digits, 0),
                hi = node_at(&digits, 1);

    l->m->code_var = NONE;
    if (!dial.json || !load_known_keys(l, &dial, "var digits"))
        return;
    l->m->code_var = load_var(l, &var, load_str(l, &var));
    l->m->code_min = load_uint(l, &lo, 3, 1, 9);
    l->m->code_max = load_uint(l, &hi, 7, 1, 9);
    if (json_array_size(digits.json) != 2 || l->m->code_min > l->m->code_max)
        load_fault(l, digits.path, "\"digits\" is [least, most]");
}

static void load_sms_vars(struct loader *l, const struct node *root)
{
    struct node vars = node_key(root, "sms_vars");
    const char *key;
    json_t *value;

    json_object_foreach(vars.json, key, value) {
        struct node item = node_key(&vars, key);
        struct sms_var *v = &l->m->sms_vars[l->m->nsms_vars];

        if (l->m->nsms_vars == VARS_MAX) {
            load_fault(l, item.path, "more than %d variables", VARS_MAX);
            return;
        }
        v->name = load_keep(l, str_c(key));
        v->max = load_uint(l, &item, 1, 1, 160);
        l->m->nsms_vars++;
    }
}

/* ---- one menu -------------------------------------------------------------------------------- */

/* FNV-1a 64 over names and bytes: it tells versions apart, it protects nothing. */
static void hash_files(struct loader *l)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < l->nfiles; i++) {
        const struct str parts[2] = {str_n(l->files[i].name, strlen(l->files[i].name) + 1),
                                     l->files[i].bytes};

        for (size_t p = 0; p < 2; p++)
            for (size_t k = 0; k < parts[p].n; k++)
                h = (h ^ (unsigned char)parts[p].p[k]) * UINT64_C(0x100000001b3);
    }
    snprintf(l->m->version, sizeof l->m->version, "%016" PRIx64, h);
}

static const struct menu_file *find_file(const struct loader *l, const char *name)
{
    for (size_t i = 0; i < l->nfiles; i++)
        if (!strcmp(l->files[i].name, name))
            return &l->files[i];
    return NULL;
}

/* Texts that only some menus need: those that ask for an amount, for a date, before they resume. */
static bool needs_text(const struct menu *m, int text)
{
    bool needed = text != TEXT_BAD_AMOUNT && text != TEXT_BAD_DATE && text < TEXT_RESUME;

    for (size_t i = 0; i < m->nscreens && !needed; i++) {
        const struct screen *sc = &m->screens[i];
        bool input = sc->type == SCREEN_INPUT;

        needed = (text == TEXT_BAD_AMOUNT && input && sc->kind == INPUT_AMOUNT) ||
                 (text == TEXT_BAD_DATE && input && sc->kind == INPUT_DATE) ||
                 (text >= TEXT_RESUME && sc->resume == MENU_RESUME_ASK);
    }
    return needed;
}

/* After the screens, which say what is needed. */
static void load_engine_texts(struct loader *l, const struct node *root)
{
    for (int i = 0; i < ENGINE_TEXTS; i++) {
        struct str key = str_c(engine_keys[i]), group, name;
        char g[16];

        l->m->engine[i] = NONE;
        if (!needs_text(l->m, i))
            continue;
        str_cut(key, '.', &group, &name);
        snprintf(g, sizeof g, "%" STR_FMT, STR_ARG(group));
        l->m->engine[i] = load_text_ref(l, root, g, name);
    }
}

static void load_resume(struct loader *l, const struct node *root)
{
    struct node minutes = node_key(root, "resume_minutes");

    l->m->resume_minutes = load_uint(l, &minutes, RESUME_MINUTES, 1, 1440);
}

static void load_flow(struct loader *l, json_t *json)
{
    struct node root = {.json = json, .path = ""};
    struct node start = node_key(&root, "start"), home = node_key(&root, "home");

    load_known_keys(l, &root,
                    "$schema languages start home keys dial resume_minutes limits constants vars "
                    "currencies variations experiments subflows sms_vars screens");
    load_languages(l, &root);
    load_keys(l, &root);
    load_limits(l, &root);
    load_vars(l, &root);
    load_engine_vars(l);
    load_dial(l, &root);
    load_sms_vars(l, &root);
    load_currencies(l, &root);
    load_variations(l, &root);
    load_experiments(l, &root);
    load_texts(l);
    load_actions(l);
    load_subflows(l, &root);
    load_screens(l, &root);
    load_subflow_starts(l, &root);
    load_engine_texts(l, &root);
    load_resume(l, &root);
    l->m->start = menu_find_screen(l->m, load_str(l, &start));
    l->m->home = menu_find_screen(l->m, load_str(l, &home));
    if (l->m->start == NONE)
        load_fault(l, start.path, "\"start\" names no screen");
    if (l->m->home == NONE)
        load_fault(l, home.path, "\"home\" names no screen");
    else if (l->m->screens[l->m->home].type != SCREEN_MENU || l->m->screens[l->m->home].action >= 0)
        load_fault(l, home.path, "the home screen must be a menu without an action");
}

static int file_order(const void *a, const void *b)
{
    return strcmp(((const struct menu_file *)a)->name, ((const struct menu_file *)b)->name);
}

struct menu *menu_load_files(const struct menu_file *files, size_t n, struct menu_report *r,
                             struct err *e)
{
    struct menu_file sorted[FILES_MAX];
    struct loader l = {.r = r, .file = "flow.json", .files = sorted, .nfiles = n};
    const struct menu_file *flow;
    json_t *root;

    r->count = 0;
    if (n > FILES_MAX) {
        err_set(e, ERR_TOO_BIG, "more than %d menu files", FILES_MAX);
        return NULL;
    }
    memcpy(sorted, files, n * sizeof *files);
    qsort(sorted, n, sizeof *sorted, file_order);
    l.m = calloc(1, sizeof *l.m);
    if (!l.m)
        abort();
    arena_init(&l.m->arena, 16384, MENU_MEMORY_MAX);
    flow = find_file(&l, "flow.json");
    hash_files(&l);
    if (!flow) {
        report_add(r, "flow.json", 0, "file is missing");
    } else if ((root = load_json(&l, flow)) != NULL) {
        load_flow(&l, root);
        load_json_end(&l, root);
    }
    if (r->count == 0) {
        load_live(l.m);
        return l.m;
    }
    menu_free(l.m);
    err_set(e, ERR_BAD_CONFIG, "%s:%u: %s", r->faults[0].file, r->faults[0].line,
            r->faults[0].text);
    return NULL;
}

void menu_free(struct menu *m)
{
    if (!m)
        return;
    arena_fini(&m->arena);
    free(m);
}
