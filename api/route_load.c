/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The route language: api/routes/<service>/routes.json and the SQL files beside it.
 *
 *   {"routes": [{
 *     "name": "catalog.books",            also the statement's name: api.catalog.books
 *     "method": "GET", "path": "/api/v1/catalog/books/{slug}",
 *     "auth": none | optional | user,     "lane": read | write | slow,
 *     "shape": object | list,             "cache": none | public | private,
 *     "params": [{"name", "in": path | query | body, "type", "min", "max", "default", "required",
 *                 "needs": another parameter}],
 *     "page": {"columns": [...], "first": [...], "default": 20, "max": 100},
 *     "sql": [{"when": [parameters], "file": "books.sql", "args": [...]}],
 *     "lookup": {"file", "args"},         sent first, for the handler
 *     "columns": {"title": "string", "authors": "json", ...},
 *     "refuse": {"full": "family_full"},  an object's first column says this word: a problem
 *     "rate": {"burst": 5, "per_minute": 10},     an address
 *     "wake": "coko_message",             topic told after the statement
 *     "handler": "otp_request"            C, where SQL alone cannot do it
 *   }]}
 *
 * An argument is a parameter's name, "@user" or "@session" (of the token), "@rows" (one more than
 * the page shows), "@after1".. (the page's keys), or "$name" (a variable of the handler).
 *
 * Whose rows: a user's route selects FROM auth.session_user(@session, @user) LEFT JOIN what it
 * shows. No row: the session has ended (401). A first column that is NULL: nothing to show.
 */
#include <stdio.h>

#include "api/call.h"
#include "gateway/lib/json_file.h"

struct loader {
    struct route_table *t;
    const struct route_source *src;
    struct fault_list *faults;
    struct str bytes; /* of the file, to find lines */
    int line;         /* of the route being read */
    struct route *r;
};

#define FAULT(l, ...) ((void)fault_add((l)->faults, (l)->src->file, (l)->line, __VA_ARGS__))

static const char *const auth_words[AUTHS] = {"none", "optional", "user"};
static const char *const shape_words[SHAPES] = {"object", "list"};
static const char *const cache_words[CACHES] = {"none", "public", "private"};
static const char *const place_words[PLACES] = {"path", "query", "body"};
static const char *const param_words[PARAM_TYPES] = {"string", "int",  "bool",    "uuid",
                                                     "slug",   "lang", "country", "digits"};
static const char *const column_words[COLUMN_TYPES] = {"string", "int",  "bool",
                                                       "json",   "uuid", "time"};
static const char *const method_words[] = {
    [HTTP_GET] = "GET", [HTTP_HEAD] = "",       [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE"};

static int word_find(struct loader *l, const json_t *o, const char *key, const char *def,
                     const char *const *words, size_t n)
{
    const json_t *v = json_object_get(o, key);
    const char *text = v ? json_string_value(v) : def;

    for (size_t i = 0; text && i < n; i++) {
        if (*words[i] && strcmp(words[i], text) == 0)
            return (int)i;
    }
    FAULT(l, "\"%s\": \"%s\" is not a word for it", key, text ? text : "(nothing)");
    return 0;
}

#define WORD(l, o, key, def, words) word_find(l, o, key, def, words, ARRAY_LEN(words))

static const char *keep(struct loader *l, struct str s)
{
    const char *p = arena_cstr(&l->t->arena, s);

    if (!p) {
        FAULT(l, "the routes are larger than their limit");
        return "";
    }
    return p;
}

static const char *get_text(struct loader *l, const json_t *o, const char *key, bool needed)
{
    const char *text = json_string_value(json_object_get(o, key));

    if (!text && (needed || json_object_get(o, key)))
        FAULT(l, "\"%s\": a text is needed", key);
    return text ? keep(l, str_c(text)) : NULL;
}

static int64_t get_int(struct loader *l, const json_t *o, const char *key, int64_t def)
{
    const json_t *v = json_object_get(o, key);

    if (v && !json_is_integer(v))
        FAULT(l, "\"%s\": a whole number is needed", key);
    return v ? json_integer_value(v) : def;
}

static void check_keys(struct loader *l, json_t *o, const char *const *known, const char *what)
{
    const char *key;
    json_t *v;

    json_object_foreach(o, key, v) {
        const char *const *k = known;

        while (*k && strcmp(*k, key) != 0)
            k++;
        if (!*k)
            FAULT(l, "\"%s\" is not a key of %s", key, what);
    }
}

/* ---- parameters and columns ---- */

static struct route_param *param_add(struct loader *l, const char *name)
{
    if (l->r->nparams == ROUTE_PARAMS_MAX || !name || route_param_find(l->r, str_c(name)) >= 0) {
        FAULT(l, "parameter \"%s\": twice, or more than %d", name ? name : "", ROUTE_PARAMS_MAX);
        return NULL;
    }
    l->r->params[l->r->nparams] = (struct route_param){.name = name};
    return &l->r->params[l->r->nparams++];
}

static void load_param(struct loader *l, json_t *o)
{
    static const char *const known[] = {"name",    "in",       "type",  "min", "max",
                                        "default", "required", "needs", NULL};
    struct route_param *p = param_add(l, get_text(l, o, "name", true));
    struct param_value v;

    check_keys(l, o, known, "a parameter");
    if (!p)
        return;
    p->place = (enum param_place)WORD(l, o, "in", "query", place_words);
    p->type = (enum param_type)WORD(l, o, "type", "string", param_words);
    p->min = get_int(l, o, "min", p->type == PARAM_INT ? INT64_MIN : 1);
    p->max = get_int(l, o, "max", p->type == PARAM_INT ? INT64_MAX : 200);
    p->def = get_text(l, o, "default", false);
    p->needs = get_text(l, o, "needs", false);
    p->required = json_is_true(json_object_get(o, "required")) || p->place == IN_PATH;
    l->r->has_body |= p->place == IN_BODY;
    if (p->def && params_check(p, str_c(p->def), &v))
        FAULT(l, "parameter \"%s\": its default is not legal", p->name);
}

static void load_params(struct loader *l, const json_t *o)
{
    json_t *list = json_object_get(o, "params");

    for (size_t i = 0; i < json_array_size(list); i++)
        load_param(l, json_array_get(list, i));
    for (unsigned i = 0; i < l->r->nparams; i++) {
        const char *needs = l->r->params[i].needs;

        if (needs && route_param_find(l->r, str_c(needs)) < 0)
            FAULT(l, "\"needs\": there is no parameter \"%s\"", needs);
    }
}

static void load_columns(struct loader *l, const json_t *o)
{
    const char *key;
    json_t *v;

    json_object_foreach(json_object_get(o, "columns"), key, v) {
        if (l->r->ncolumns == ROUTE_COLUMNS_MAX) {
            FAULT(l, "more than %d columns", ROUTE_COLUMNS_MAX);
            return;
        }
        struct route_column *c = &l->r->columns[l->r->ncolumns++];

        c->name = keep(l, str_c(key));
        c->type = (enum column_type)WORD(l, json_object_get(o, "columns"), key, NULL, column_words);
    }
    if (l->r->ncolumns == 0 && !(l->r->handler && l->r->handler->render))
        FAULT(l, "\"columns\": what does it answer?");
}

static void load_refusals(struct loader *l, const json_t *o)
{
    const char *word;
    json_t *v;

    json_object_foreach(json_object_get(o, "refuse"), word, v) {
        const char *name = json_string_value(v);
        enum problem_code code = name ? problem_find(name) : PROBLEM_NONE;

        if (code == PROBLEM_NONE)
            FAULT(l, "\"refuse\": \"%s\" is no problem of problem.c", name ? name : "");
        if (l->r->shape != SHAPE_OBJECT || l->r->nrefusals == ROUTE_REFUSALS_MAX) {
            FAULT(l, "\"refuse\": of an object, at most %d", ROUTE_REFUSALS_MAX);
            return;
        }
        l->r->refusals[l->r->nrefusals++] = (struct route_refusal){keep(l, str_c(word)), code};
    }
}

static void load_page(struct loader *l, const json_t *o)
{
    json_t *page = json_object_get(o, "page"), *columns = json_object_get(page, "columns"),
           *first = json_object_get(page, "first");
    int64_t max = get_int(l, page, "max", 100);
    struct route_param *p;

    if (!page)
        return;
    l->r->nkeys = (unsigned)json_array_size(columns);
    if (l->r->nkeys == 0 || l->r->nkeys > ROUTE_KEYS_MAX || json_array_size(first) != l->r->nkeys ||
        l->r->shape != SHAPE_LIST) {
        FAULT(l, "\"page\": a list with 1 to %d columns and as many first values", ROUTE_KEYS_MAX);
        l->r->nkeys = 0;
        return;
    }
    for (unsigned i = 0; i < l->r->nkeys; i++) {
        l->r->key_columns[i] = keep(l, str_c(json_string_value(json_array_get(columns, i))));
        l->r->key_first[i] = keep(l, str_c(json_string_value(json_array_get(first, i))));
    }
    l->r->limit = l->r->nparams;
    p = param_add(l, "limit");
    if (p) {
        *p = (struct route_param){
            .name = "limit", .place = IN_QUERY, .type = PARAM_INT, .min = 1, .max = max};
        p->def = keep(l, str_c(arena_printf(&l->t->arena, "%lld",
                                            (long long)get_int(l, page, "default", 20))));
    }
    l->r->cursor = l->r->nparams;
    p = param_add(l, "cursor");
    if (p)
        *p = (struct route_param){
            .name = "cursor", .place = IN_QUERY, .min = 1, .max = CURSOR_TEXT_MAX};
}

/* ---- statements ---- */

static bool handler_has(const struct call_handler *h, const char *var)
{
    for (const char *const *v = h ? h->vars : NULL; v && *v; v++) {
        if (strcmp(*v, var) == 0)
            return true;
    }
    return false;
}

static struct route_arg arg_parse(struct loader *l, const char *word)
{
    struct route_arg a = {.kind = ARG_VAR};
    int64_t n = 0;
    int i;

    if (strcmp(word, "@user") == 0 || strcmp(word, "@session") == 0) {
        a.kind = word[1] == 'u' ? ARG_USER : ARG_SESSION;
        if (l->r->auth == AUTH_NONE)
            FAULT(l, "argument \"%s\" needs \"auth\"", word);
    } else if (strcmp(word, "@rows") == 0 && l->r->nkeys > 0) {
        a.kind = ARG_ROWS;
    } else if (strncmp(word, "@after", 6) == 0 &&
               str_to_i64(str_c(word + 6), 1, (int64_t)l->r->nkeys, &n)) {
        a.kind = ARG_AFTER;
        a.index = (unsigned)n - 1;
    } else if (*word == '$' && handler_has(l->r->handler, word + 1)) {
        a.name = keep(l, str_c(word + 1));
    } else {
        i = route_param_find(l->r, str_c(word));
        if (i < 0)
            FAULT(l, "argument \"%s\" is nothing that this route has", word);
        a.kind = ARG_PARAM;
        a.index = i < 0 ? 0 : (unsigned)i;
    }
    return a;
}

static void statement_make(struct loader *l, struct route_statement *s, const char *file,
                           const char *suffix)
{
    const char *sql = l->src->sql(l->src->arg, file);
    char name[64];
    struct err e;

    snprintf(name, sizeof name, "api.%s%s", l->r->name, suffix);
    if (!sql) {
        FAULT(l, "\"%s\" cannot be read", file);
        return;
    }
    if (!l->src->make_statements)
        return;
    s->stmt = pg_stmt_new(name, sql, l->r->lane, s->nargs, 0, &e);
    if (!s->stmt)
        FAULT(l, "%s", e.msg);
}

static void load_statement(struct loader *l, json_t *o, struct route_statement *s,
                           const char *suffix)
{
    static const char *const known[] = {"when", "file", "args", NULL};
    json_t *when = json_object_get(o, "when"), *args = json_object_get(o, "args");
    const char *file = get_text(l, o, "file", true);

    check_keys(l, o, known, "a statement");
    for (size_t i = 0; i < json_array_size(when); i++) {
        const char *name = json_string_value(json_array_get(when, i));
        int n = name ? route_param_find(l->r, str_c(name)) : -1;

        if (n < 0)
            FAULT(l, "\"when\": there is no parameter \"%s\"", name ? name : "");
        else
            s->when |= 1u << n;
    }
    if (json_array_size(args) > ROUTE_ARGS_MAX)
        FAULT(l, "more than %d arguments", ROUTE_ARGS_MAX);
    for (size_t i = 0; i < MIN(json_array_size(args), ROUTE_ARGS_MAX); i++) {
        const char *word = json_string_value(json_array_get(args, i));

        s->args[s->nargs++] = arg_parse(l, word ? word : "");
    }
    if (file)
        statement_make(l, s, file, suffix);
}

static void load_statements(struct loader *l, const json_t *o)
{
    static const char *const suffixes[ROUTE_STATEMENTS_MAX] = {"", ".2", ".3", ".4"};
    json_t *list = json_object_get(o, "sql"), *lookup = json_object_get(o, "lookup");
    size_t n = json_array_size(list);

    if (n == 0 || n > ROUTE_STATEMENTS_MAX) {
        FAULT(l, "\"sql\": a list of 1 to %d statements", ROUTE_STATEMENTS_MAX);
        return;
    }
    for (size_t i = 0; i < n; i++)
        load_statement(l, json_array_get(list, i), &l->r->statements[i], suffixes[i]);
    l->r->nstatements = (unsigned)n;
    if (l->r->statements[n - 1].when)
        FAULT(l, "\"sql\": the last statement must fit always");
    if (lookup) {
        enum pg_lane lane = l->r->lane;

        l->r->lane = PG_READ;
        load_statement(l, lookup, &l->r->lookup, ".lookup");
        l->r->lane = lane;
    }
}

/* ---- a route ---- */

/* The line where the route's name stands: good enough to find every fault of its row. */
static int line_of(const struct loader *l, const char *name)
{
    char quoted[80];
    int line = 1;

    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    ptrdiff_t at = str_find(l->bytes, str_c(quoted));

    for (ptrdiff_t i = 0; i < at; i++)
        line += l->bytes.p[i] == '\n';
    return at < 0 ? 0 : line;
}

static void check_path(struct loader *l)
{
    struct str rest = str_c(l->r->path), piece;
    unsigned in_path = 0, n = 0, next = 0;

    if (!str_starts(rest, STR("/api/v1/")))
        FAULT(l, "\"path\" begins with /api/v1/");
    for (unsigned i = 0; i < l->r->nparams; i++)
        in_path += l->r->params[i].place == IN_PATH;
    while (str_split(&rest, '/', &piece)) {
        if (piece.n < 3 || piece.p[0] != '{')
            continue;
        int i = route_param_find(l->r, str_n(piece.p + 1, piece.n - 2));

        if (i < 0 || l->r->params[i].place != IN_PATH || (unsigned)i < next)
            FAULT(l, "%.*s: no parameter of the path, or not in its order", (int)piece.n, piece.p);
        else
            next = (unsigned)i + 1;
        n++;
    }
    if (n != in_path || n > ROUTE_SEGMENTS_MAX)
        FAULT(l, "\"path\" and the parameters in it differ");
}

static void load_handler(struct loader *l, const json_t *o)
{
    const char *name = get_text(l, o, "handler", false);

    for (const struct call_handler *const *h = l->src->handlers; name && h && *h; h++) {
        if (strcmp((*h)->name, name) == 0)
            l->r->handler = *h;
    }
    if (name && !l->r->handler)
        FAULT(l, "there is no handler \"%s\"", name);
}

static void load_rate(struct loader *l, const json_t *o)
{
    json_t *rate = json_object_get(o, "rate");

    if (!rate)
        return;
    l->r->rate_burst = (unsigned)get_int(l, rate, "burst", 0);
    l->r->rate_per_minute = (unsigned)get_int(l, rate, "per_minute", 0);
    if (l->r->rate_burst == 0 || l->r->rate_per_minute == 0 || l->r->rate_burst > 10000 ||
        l->r->rate_per_minute > 100000)
        FAULT(l, "\"rate\": \"burst\" and \"per_minute\"");
}

static void load_lane(struct loader *l, const json_t *o)
{
    const char *lane = get_text(l, o, "lane", true);

    if (lane && (pg_lane_parse(lane, &l->r->lane) != 0 || l->r->lane > PG_SLOW))
        FAULT(l, "\"lane\": read, write or slow");
}

static void load_route(struct loader *l, json_t *o)
{
    static const char *const known[] = {
        "name", "method", "path",    "auth", "lane", "shape",   "cache",   "params", "page",
        "sql",  "lookup", "columns", "rate", "wake", "handler", "comment", "refuse", NULL};
    const char *name = json_string_value(json_object_get(o, "name"));

    l->line = name ? line_of(l, name) : 0;
    l->r = arena_zalloc(&l->t->arena, 1, sizeof *l->r);
    if (!l->r || !name || l->t->count == ROUTES_MAX) {
        FAULT(l, "a route has a \"name\", and there are at most %d", ROUTES_MAX);
        return;
    }
    check_keys(l, o, known, "a route");
    l->r->name = keep(l, str_c(name));
    l->r->method = (enum http_method)WORD(l, o, "method", NULL, method_words);
    l->r->auth = (enum route_auth)WORD(l, o, "auth", NULL, auth_words);
    l->r->shape = (enum route_shape)WORD(l, o, "shape", "object", shape_words);
    l->r->cache = (enum route_cache)WORD(l, o, "cache", "none", cache_words);
    l->r->wake = get_text(l, o, "wake", false);
    l->r->path = get_text(l, o, "path", true);
    load_lane(l, o);
    load_handler(l, o);
    load_rate(l, o);
    load_params(l, o);
    load_page(l, o);
    load_columns(l, o);
    load_refusals(l, o);
    load_statements(l, o);
    if (l->r->cache == CACHE_PUBLIC && l->r->auth != AUTH_NONE)
        FAULT(l, "\"cache\": what depends on the reader is never public");
    if (!l->r->path)
        return;
    check_path(l);
    l->t->routes[l->t->count++] = l->r;
}

int route_load_bytes(struct route_table *t, const struct route_source *src, struct str bytes,
                     struct fault_list *faults)
{
    struct loader l = {.t = t, .src = src, .faults = faults, .bytes = bytes};
    size_t before = faults->count;
    json_t *root = json_file_object(src->file, bytes, faults);
    json_t *list = json_object_get(root, "routes");

    if (root && !json_is_array(list))
        FAULT(&l, "\"routes\": a list is needed");
    for (size_t i = 0; i < json_array_size(list); i++)
        load_route(&l, json_array_get(list, i));
    json_decref(root);
    return faults->count == before ? 0 : -1;
}

void route_table_init(struct route_table *t)
{
    t->count = 0;
    arena_init(&t->arena, 16 << 10, 4 << 20);
}

void route_table_fini(struct route_table *t)
{
    arena_fini(&t->arena);
    t->count = 0;
}
