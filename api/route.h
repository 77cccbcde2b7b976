/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A route as it is written in api/routes/<service>/routes.json, compiled. See route_load.c for the
 * language. Constant after the load; strings live in the table's arena.
 */
#ifndef COKO_API_ROUTE_H
#define COKO_API_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/problem.h"
#include "gateway/io/http_parse.h"
#include "gateway/io/pg.h"
#include "gateway/lib/arena.h"
#include "gateway/lib/fault.h"

#define ROUTE_PARAMS_MAX     16
#define ROUTE_COLUMNS_MAX    24
#define ROUTE_ARGS_MAX       16
#define ROUTE_STATEMENTS_MAX 4
#define ROUTE_KEYS_MAX       3
#define ROUTE_SEGMENTS_MAX   12
#define ROUTE_REFUSALS_MAX   4
#define ROUTES_MAX           256

enum param_place { IN_PATH, IN_QUERY, IN_BODY, PLACES };

enum param_type {
    PARAM_STRING,
    PARAM_INT,
    PARAM_BOOL,
    PARAM_UUID,
    PARAM_SLUG,    /* a-z 0-9 - */
    PARAM_LANG,    /* "fr", "wol" */
    PARAM_COUNTRY, /* "CI" */
    PARAM_DIGITS,
    PARAM_TYPES
};

/* min and max: of the number, or of the length in characters. */
struct route_param {
    const char *name;
    enum param_place place;
    enum param_type type;
    int64_t min, max;
    const char *def;   /* NULL: none */
    const char *needs; /* another parameter that must be given with it; NULL: none */
    bool required;
};

enum column_type {
    COLUMN_STRING,
    COLUMN_INT,
    COLUMN_BOOL,
    COLUMN_JSON, /* copied verbatim */
    COLUMN_UUID,
    COLUMN_TIME, /* "timestamp at time zone 'utc'" */
    COLUMN_TYPES
};

struct route_column {
    const char *name;
    enum column_type type;
};

enum route_auth { AUTH_NONE, AUTH_OPTIONAL, AUTH_USER, AUTHS };
enum route_shape { SHAPE_OBJECT, SHAPE_LIST, SHAPES };
enum route_cache { CACHE_NONE, CACHE_PUBLIC, CACHE_PRIVATE, CACHES };

/* What a statement's $n is bound to. */
enum arg_kind { ARG_PARAM, ARG_USER, ARG_SESSION, ARG_ROWS, ARG_AFTER, ARG_VAR };

struct route_arg {
    enum arg_kind kind;
    unsigned index;   /* of the parameter or the key */
    const char *name; /* of the handler's variable */
};

struct route_statement {
    uint32_t when; /* bits of parameters that must be present */
    struct route_arg args[ROUTE_ARGS_MAX];
    unsigned nargs;
    struct pg_stmt *stmt;
};

/* A word in the first column that is answered by a problem, and not by the row. */
struct route_refusal {
    const char *word;
    enum problem_code code;
};

struct call_handler;

struct route {
    const char *name; /* "catalog.books" */
    const char *path; /* "/api/v1/catalog/books/{slug}" */
    enum http_method method;
    enum route_auth auth;
    enum route_shape shape;
    enum route_cache cache;
    enum pg_lane lane;
    struct route_param params[ROUTE_PARAMS_MAX];
    unsigned nparams;
    bool has_body;
    struct route_column columns[ROUTE_COLUMNS_MAX];
    unsigned ncolumns;
    struct route_refusal refusals[ROUTE_REFUSALS_MAX];
    unsigned nrefusals;
    struct route_statement statements[ROUTE_STATEMENTS_MAX]; /* the first that fits is sent */
    unsigned nstatements;
    struct route_statement lookup; /* sent first when it has a stmt: its row is variables */
    unsigned nkeys;                /* of keyset paging; 0: the list is whole */
    const char *key_columns[ROUTE_KEYS_MAX];
    const char *key_first[ROUTE_KEYS_MAX]; /* the values before the first row */
    unsigned limit, cursor;                /* parameter numbers, when nkeys > 0 */
    unsigned rate_burst;                   /* calls at once from an address; 0: no own limit */
    unsigned rate_per_minute;
    const char *wake;                   /* topic told after the statement; NULL: none */
    const struct call_handler *handler; /* NULL: SQL alone */
};

struct route_table {
    struct arena arena;
    struct route *routes[ROUTES_MAX];
    size_t count;
};

/* Number of a parameter, or -1. */
int route_param_find(const struct route *r, struct str name);

/*
 * Reads dir/<service>/routes.json of every service and the SQL beside it, and makes the statements.
 * -1 when a fault was added to the list. handlers: those that a row may name, NULL ended.
 */
MUST_CHECK int route_load(struct route_table *t, const char *dir,
                          const struct call_handler *const *handlers, struct fault_list *faults);

/*
 * The same from the bytes of one file; sql(arg, name) gives a statement's text or NULL. For tests,
 * too: make_statements false leaves stmt NULL.
 */
struct route_source {
    const char *file;
    const char *(*sql)(void *arg, const char *name);
    void *arg;
    const struct call_handler *const *handlers;
    bool make_statements;
};
MUST_CHECK int route_load_bytes(struct route_table *t, const struct route_source *src,
                                struct str bytes, struct fault_list *faults);

void route_table_init(struct route_table *t);
void route_table_fini(struct route_table *t);

#endif
