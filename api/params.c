/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and checking parameters. See params.h.
 */
#include "api/params.h"

#include <jansson.h>

#include "api/jwt.h"
#include "gateway/lib/basenc.h"
#include "gateway/lib/utf8.h"

struct reading {
    const struct route *route;
    struct arena *arena;
    struct param_value *values;
    struct problem *problem;
    uint32_t seen;
};

int route_param_find(const struct route *r, struct str name)
{
    for (unsigned i = 0; i < r->nparams; i++) {
        if (str_eq(name, str_c(r->params[i].name)))
            return (int)i;
    }
    return -1;
}

/* ---- one value ---- */

static bool only(struct str s, const char *ranges)
{
    for (size_t i = 0; i < s.n; i++) {
        const char *r = ranges;

        while (*r && !(s.p[i] >= r[0] && s.p[i] <= r[1]))
            r += 2;
        if (!*r)
            return false;
    }
    return s.n > 0;
}

/* Plain digits: no sign but '-', no leading zero, no exponent, so one number has one spelling. */
static const char *check_int(const struct route_param *row, struct str text, struct param_value *v)
{
    struct str digits = text.n > 0 && text.p[0] == '-' ? str_skip(text, 1) : text;

    if (!only(digits, "09") || (digits.n > 1 && digits.p[0] == '0'))
        return "must be a whole number";
    if (!str_to_i64(text, row->min, row->max, &v->number))
        return "is out of range";
    return NULL;
}

static bool type_fits(enum param_type type, struct str text)
{
    switch (type) {
    case PARAM_BOOL: return str_eq(text, STR("true")) || str_eq(text, STR("false"));
    case PARAM_UUID: return jwt_is_uuid(text);
    case PARAM_SLUG: return only(text, "az09--");
    case PARAM_LANG: return only(text, "az") && text.n >= 2 && text.n <= 3;
    case PARAM_COUNTRY: return only(text, "AZ") && text.n == 2;
    case PARAM_DIGITS: return only(text, "09");
    case PARAM_STRING:
    case PARAM_INT:
    case PARAM_TYPES: break;
    }
    return true;
}

const char *params_check(const struct route_param *row, struct str text, struct param_value *v)
{
    const char *fault = NULL;

    if (memchr(text.p, '\0', text.n) || !utf8_valid(text))
        return "is not clean UTF-8 text";
    if (row->type == PARAM_INT) {
        fault = check_int(row, text, v);
    } else {
        int64_t n = (int64_t)utf8_count(text);

        if (!type_fits(row->type, text))
            fault = "does not have the right form";
        else if (n < row->min || n > row->max)
            fault = "is too short or too long";
    }
    if (!fault) {
        v->present = true;
        v->text = text;
    }
    return fault;
}

static void refuse(struct reading *rd, enum param_place place, struct str name, const char *code,
                   const char *detail)
{
    if (place == IN_BODY)
        problem_pointer(rd->problem, name, code, detail);
    else
        problem_parameter(rd->problem, name, code, detail);
}

static void take(struct reading *rd, enum param_place place, struct str name, struct str text)
{
    int i = route_param_find(rd->route, name);
    const char *fault;

    if (i < 0 || rd->route->params[i].place != place) {
        refuse(rd, place, name, "unknown", "is not known here");
        return;
    }
    if (rd->seen & 1u << i) {
        refuse(rd, place, name, "repeated", "is given more than once");
        return;
    }
    rd->seen |= 1u << i;
    fault = params_check(&rd->route->params[i], text, &rd->values[i]);
    if (fault)
        refuse(rd, place, name, "invalid", fault);
}

/* ---- path and query ---- */

static void read_path(struct reading *rd, const struct str *path, unsigned npath)
{
    unsigned n = 0;

    for (unsigned i = 0; i < rd->route->nparams && n < npath; i++) {
        if (rd->route->params[i].place == IN_PATH)
            take(rd, IN_PATH, str_c(rd->route->params[i].name), path[n++]);
    }
}

/* false: a broken escape. */
static bool percent_decode(struct arena *a, struct str in, struct str *out)
{
    char *p = arena_alloc(a, in.n + 1);
    size_t n = 0;

    if (!p)
        return false;
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == '%') {
            if (hex_decode(str_head(str_skip(in, i + 1), 2), p + n, 1) != 1)
                return false;
            i += 2;
        } else {
            p[n] = in.p[i] == '+' ? ' ' : in.p[i];
        }
        n++;
    }
    *out = str_n(p, n);
    return true;
}

static void read_query(struct reading *rd, struct str query)
{
    struct str piece, name, value;

    if (query.n == 0)
        return;
    while (rd->problem->nerrors < PROBLEM_ERRORS_MAX && str_split(&query, '&', &piece)) {
        str_cut(piece, '=', &name, &value);
        if (!percent_decode(rd->arena, name, &name) || !percent_decode(rd->arena, value, &value))
            problem_parameter(rd->problem, STR_EMPTY, "escape", "is not well escaped");
        else
            take(rd, IN_QUERY, name, value);
    }
}

/* ---- body ---- */

/* jansson recurses: the depth is bounded before it starts. Brackets inside strings do not count. */
static bool too_deep(struct str body)
{
    unsigned depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < body.n; i++) {
        char c = body.p[i];

        if (quoted) {
            if (c == '\\')
                i++;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if ((c == '{' || c == '[') && ++depth > PARAMS_DEPTH_MAX) {
            return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

static bool member_text(struct arena *a, const struct route_param *row, const json_t *v,
                        struct str *out)
{
    if (row->type == PARAM_INT) {
        *out = str_c(arena_printf(a, "%lld", (long long)json_integer_value(v)));
        return json_is_integer(v);
    }
    if (row->type == PARAM_BOOL) {
        *out = json_is_true(v) ? STR("true") : STR("false");
        return json_is_boolean(v);
    }
    *out = arena_str(a, str_n(json_string_value(v), json_string_length(v)));
    return json_is_string(v) && out->p;
}

static void read_member(struct reading *rd, const char *key, const json_t *v)
{
    struct str name = arena_str(rd->arena, str_c(key)), text = STR_EMPTY;
    int i = route_param_find(rd->route, name);

    if (i >= 0 && rd->route->params[i].place == IN_BODY &&
        !member_text(rd->arena, &rd->route->params[i], v, &text)) {
        rd->seen |= 1u << i;
        refuse(rd, IN_BODY, name, "type", "has the wrong JSON type");
        return;
    }
    take(rd, IN_BODY, name, text);
}

static void read_body(struct reading *rd, struct str body)
{
    json_t *root = NULL, *v;
    const char *key;

    if (!rd->route->has_body)
        return;
    if (!too_deep(body))
        root = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(root)) {
        problem_pointer(rd->problem, STR_EMPTY, "json",
                        "is not one JSON object with unique names, at most 32 deep");
    } else {
        json_object_foreach(root, key, v)
            read_member(rd, key, v);
    }
    json_decref(root);
}

/* ---- the whole ---- */

static void complete(struct reading *rd)
{
    for (unsigned i = 0; i < rd->route->nparams; i++) {
        const struct route_param *row = &rd->route->params[i];
        struct str name = str_c(row->name);

        if (rd->seen & 1u << i) {
            int other = row->needs ? route_param_find(rd->route, str_c(row->needs)) : -1;

            if (other >= 0 && !(rd->seen & 1u << other))
                refuse(rd, rd->route->params[other].place, str_c(row->needs), "missing",
                       "is needed with another parameter that was given");
        } else if (row->required) {
            refuse(rd, row->place, name, "missing", "is needed");
        } else if (row->def) {
            const char *fault = params_check(row, str_c(row->def), &rd->values[i]);

            if (fault)
                problem_set(rd->problem, PROBLEM_INTERNAL, NULL);
        }
    }
}

bool params_read(const struct route *r, const struct str *path, unsigned npath, struct str query,
                 struct str body, struct arena *a, struct param_value values[ROUTE_PARAMS_MAX],
                 struct problem *p)
{
    struct reading rd = {.route = r, .arena = a, .values = values, .problem = p};

    memset(values, 0, ROUTE_PARAMS_MAX * sizeof *values);
    read_path(&rd, path, npath);
    read_query(&rd, query);
    read_body(&rd, body);
    if (p->code == PROBLEM_NONE)
        complete(&rd);
    return p->code == PROBLEM_NONE;
}
