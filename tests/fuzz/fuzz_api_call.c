/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's path, query and body against the routes: lines 1 and 2, then the rest. Any bytes end
 * in a value that fits its row, or in a problem with a place. What is accepted is in range and
 * clean; what is refused writes a well-formed problem.
 */
#include <jansson.h>
#include <stdlib.h>

#include "api/call.h"
#include "gateway/lib/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROUTE(name, method, path, params)                                                          \
    "{\"name\":\"" name "\",\"method\":\"" method "\",\"path\":\"/api/v1/" path                    \
    "\",\"auth\":\"none\",\"lane\":\"read\",\"params\":[" params                                   \
    "],\"sql\":[{\"file\":\"x\"}],\"columns\":{\"id\":\"int\"}}"

static const char text[] = "{\"routes\":[" ROUTE(
    "list", "GET", "books",
    "{\"name\":\"lang\",\"type\":\"lang\"},{\"name\":\"q\",\"max\":9,\"needs\":\"lang\"},"
    "{\"name\":\"limit\",\"type\":\"int\",\"min\":1,\"max\":100,\"default\":\"20\"}") "," ROUTE("one",
                                                                                                "GET",
                                                                                                "books/{slug}",
                                                                                                "{\"name\":\"slug\",\"in\":\"path\",\"type\":\"slug\"}") "," ROUTE("part",
                                                                                                                                                                   "GET",
                                                                                                                                                                   "books/{slug}/parts/{no}",
                                                                                                                                                                   "{\"name\":\"slug\",\"in\":\"path\",\"type\":\"slug\"},"
                                                                                                                                                                   "{\"name\":\"no\",\"in\":\"path\",\"type\":\"int\",\"min\":1,\"max\":9999}") "," ROUTE("put",
                                                                                                                                                                                                                                                          "POST",
                                                                                                                                                                                                                                                          "books",
                                                                                                                                                                                                                                                          "{\"name\":\"id\",\"in\":\"body\",\"type\":\"uuid\",\"required\":true},"
                                                                                                                                                                                                                                                          "{\"name\":\"name\",\"in\":\"body\",\"max\":9},"
                                                                                                                                                                                                                                                          "{\"name\":\"n\",\"in\":\"body\",\"type\":\"int\"},"
                                                                                                                                                                                                                                                          "{\"name\":\"ok\",\"in\":\"body\",\"type\":\"bool\"}") "]}";

static struct route_table table;
static struct router *router;

static void need(bool ok)
{
    if (!ok)
        abort();
}

static const char *sql_of(void *arg, const char *name)
{
    (void)arg;
    return name;
}

static void close_all(void)
{
    router_free(router);
    route_table_fini(&table);
}

static void open_once(void)
{
    struct route_source src = {.file = "fuzz", .sql = sql_of};
    struct fault_list faults;

    if (router)
        return;
    route_table_init(&table);
    fault_init(&faults);
    need(route_load_bytes(&table, &src, str_c(text), &faults) == 0);
    router = router_new(&table, &faults);
    need(router != NULL);
    fault_fini(&faults);
    atexit(close_all);
}

static void check_values(const struct route *r, const struct param_value *values)
{
    for (unsigned i = 0; i < r->nparams; i++) {
        const struct param_value *v = &values[i];

        need(v->present || !r->params[i].required);
        if (!v->present)
            continue;
        need(utf8_valid(v->text) && !memchr(v->text.p, '\0', v->text.n));
        if (r->params[i].type == PARAM_INT)
            need(v->number >= r->params[i].min && v->number <= r->params[i].max);
        else
            need((int64_t)utf8_count(v->text) <= r->params[i].max);
    }
}

static void check_problem(const struct problem *p)
{
    struct buf b;

    buf_init(&b, 1 << 16);
    problem_write(p, STR("/x"), STR("r"), &b);
    json_t *root = json_loadb(b.p, b.len, 0, NULL);

    need(problem_status(p->code) == 400 && json_is_object(root));
    need(json_array_size(json_object_get(root, "errors")) > 0);
    json_decref(root);
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct param_value values[ROUTE_PARAMS_MAX];
    struct str path, query, body, rest = str_n(data, size);
    struct router_match m;
    struct problem p;
    struct arena arena;

    open_once();
    str_cut(rest, '\n', &path, &rest);
    str_cut(rest, '\n', &query, &body);
    enum http_method method = body.n > 0 ? HTTP_POST : HTTP_GET;

    if (router_find(router, method, path, &m) != ROUTER_FOUND)
        return 0;
    arena_init(&arena, 4096, 1 << 20);
    problem_init(&p);
    if (params_read(m.route, m.values, m.nvalues, query, body, &arena, values, &p))
        check_values(m.route, values);
    else
        check_problem(&p);
    arena_fini(&arena);
    return 0;
}
