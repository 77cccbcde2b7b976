/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: the language of routes.json with its faults by line, and the trie made from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/call.h"

static const char *const no_vars[] = {"lookup", NULL};
static const struct call_handler handler = {.name = "login", .vars = no_vars};
static const struct call_handler *const handlers[] = {&handler, NULL};

static const char *sql_of(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "absent.sql") == 0 ? NULL : "select 1";
}

static int load(struct route_table *t, const char *text, struct fault_list *faults)
{
    struct route_source src = {.file = "r.json", .sql = sql_of, .handlers = handlers};

    route_table_init(t);
    fault_init(faults);
    return route_load_bytes(t, &src, str_c(text), faults);
}

static void unload(struct route_table *t, struct fault_list *faults)
{
    route_table_fini(t);
    fault_fini(faults);
}

#define TAIL                                                                                       \
    "\"auth\":\"none\",\"lane\":\"read\",\"sql\":[{\"file\":\"a.sql\"}],\"columns\":{\"id\":\"int\"}}"
#define SLUG "\"params\":[{\"name\":\"slug\",\"in\":\"path\",\"type\":\"slug\"}],"
#define GET(name, path, more)                                                                      \
    "{\"name\":\"" name "\",\"method\":\"GET\",\"path\":\"/api/v1/" path "\"," more TAIL

static const char good[] =
    "{\"routes\":[" GET("b.list", "books", "") ",\n" GET("b.one", "books/{slug}", SLUG) ",\n" GET(
        "b.parts", "books/{slug}/parts",
        SLUG) ",\n"
              "{\"name\":\"b.put\",\"method\":\"PUT\",\"path\":\"/api/v1/books/{slug}\"," SLUG TAIL
              "]}";

static void finds(void **state)
{
    static const struct {
        enum http_method method;
        const char *path;
        enum router_verdict verdict;
        const char *route, *value;
    } rows[] = {
        {HTTP_GET, "/api/v1/books", ROUTER_FOUND, "b.list", NULL},
        {HTTP_GET, "/api/v1/books/", ROUTER_FOUND, "b.list", NULL}, /* a trailing slash */
        {HTTP_HEAD, "/api/v1/books", ROUTER_FOUND, "b.list", NULL},
        {HTTP_GET, "/api/v1/books/awa", ROUTER_FOUND, "b.one", "awa"},
        {HTTP_PUT, "/api/v1/books/awa/", ROUTER_FOUND, "b.put", "awa"},
        {HTTP_GET, "/api/v1/books/awa/parts", ROUTER_FOUND, "b.parts", "awa"},
        /* hard case 13: no word is reserved */
        {HTTP_GET, "/api/v1/books/search", ROUTER_FOUND, "b.one", "search"},
        {HTTP_GET, "/api/v1/books/books", ROUTER_FOUND, "b.one", "books"},
        {HTTP_DELETE, "/api/v1/books/awa", ROUTER_NO_METHOD, NULL, "awa"},
        {HTTP_OTHER, "/api/v1/books", ROUTER_NO_METHOD, NULL, NULL},
        {HTTP_POST, "/api/v1/books", ROUTER_NO_METHOD, NULL, NULL},
        {HTTP_GET, "/api/v1/books//", ROUTER_NO_PATH, NULL, NULL},
        {HTTP_GET, "/api/v1/books//parts", ROUTER_NO_PATH, NULL, NULL},
        {HTTP_GET, "/api/v1/book", ROUTER_NO_PATH, NULL, NULL},
        {HTTP_GET, "/api/v1/bookss", ROUTER_NO_PATH, NULL, NULL},
        {HTTP_GET, "/api/v1", ROUTER_NO_PATH, NULL, NULL},
        {HTTP_GET, "/", ROUTER_NO_PATH, NULL, NULL},
        {HTTP_GET, "", ROUTER_NO_PATH, NULL, NULL},
        {HTTP_GET, "api/v1/books", ROUTER_NO_PATH, NULL, NULL},
        {HTTP_GET, "/api/v1/books/awa/parts/1", ROUTER_NO_PATH, NULL, NULL},
    };
    struct route_table t;
    struct fault_list faults;

    (void)state;
    if (load(&t, good, &faults) != 0)
        fail_msg("%s", buf_cstr(&faults.text));
    struct router *r = router_new(&t, &faults);

    assert_non_null(r);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct router_match m;
        enum router_verdict v = router_find(r, rows[i].method, str_c(rows[i].path), &m);

        if (v != rows[i].verdict)
            fail_msg("row %zu: verdict %d", i, v);
        if (rows[i].route)
            assert_string_equal(m.route->name, rows[i].route);
        assert_int_equal(m.nvalues, rows[i].value ? 1 : v == ROUTER_NO_PATH ? m.nvalues : 0);
        if (rows[i].value)
            assert_true(str_eq_c(m.values[0], rows[i].value));
    }
    router_free(r);
    unload(&t, &faults);
}

static void allows(void **state)
{
    struct route_table t;
    struct fault_list faults;
    struct router_match m;
    char text[ROUTER_ALLOW_MAX];

    (void)state;
    assert_int_equal(load(&t, good, &faults), 0);
    struct router *r = router_new(&t, &faults);

    assert_int_equal(router_find(r, HTTP_DELETE, STR("/api/v1/books/x"), &m), ROUTER_NO_METHOD);
    router_allow(m.allow, text);
    assert_string_equal(text, "GET, HEAD, PUT, OPTIONS");
    assert_int_equal(router_find(r, HTTP_OPTIONS, STR("/api/v1/books"), &m), ROUTER_NO_METHOD);
    router_allow(m.allow, text);
    assert_string_equal(text, "GET, HEAD, OPTIONS");
    router_free(r);
    unload(&t, &faults);
}

static void tables_refused(void **state)
{
    static const char *const rows[] = {
        "{\"routes\":[" GET("a", "x/{slug}", SLUG) "," GET("b", "x/search", "") "]}",
        "{\"routes\":[" GET("a", "x", "") "," GET("b", "x", "") "]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route_table t;
        struct fault_list faults;

        if (load(&t, rows[i], &faults) != 0)
            fail_msg("%s", buf_cstr(&faults.text));
        assert_null(router_new(&t, &faults));
        assert_int_equal(faults.count, 1);
        unload(&t, &faults);
    }
}

static void files_refused(void **state)
{
    static const struct {
        const char *text, *fault;
    } rows[] = {
        {"{", "r.json:1:"},
        {"{\"routes\":1}", "a list is needed"},
        {"{\"routes\":[{}]}", "has a \"name\""},
        {"{\"routes\":[\n\n" GET("a", "x", "\"speed\":1,") "]}",
         "r.json:3: \"speed\" is not a key"},
        {"{\"routes\":[" GET("a", "x", "\"shape\":\"blob\",") "]}", "\"shape\": \"blob\""},
        {"{\"routes\":[" GET("a", "x/{slug}", "") "]}", "no parameter of the path"},
        {"{\"routes\":[" GET("a", "x", SLUG) "]}", "differ"},
        {"{\"routes\":[" GET("a", "x", "\"handler\":\"none\",") "]}", "no handler"},
        {"{\"routes\":[" GET("a", "x", "\"page\":{\"columns\":[\"id\"]},") "]}", "\"page\""},
        {"{\"routes\":[" GET(
             "a", "x",
             "\"params\":[{\"name\":\"n\",\"type\":\"int\",\"max\":5,\"default\":\"6"
             "\"}],") "]}",
         "default is not legal"},
        {"{\"routes\":[{\"name\":\"a\",\"method\":\"GET\",\"path\":\"/api/v1/x\",\"auth\":\"user\","
         "\"cache\":\"public\",\"lane\":\"read\",\"sql\":[{\"file\":\"absent.sql\",\"args\":["
         "\"@user\",\"$pin\",\"no\"]}],\"columns\":{\"id\":\"int\"}}]}",
         "never public"},
        {"{\"routes\":[{\"name\":\"a\",\"method\":\"GET\",\"path\":\"/api/v1/x\",\"auth\":\"none\","
         "\"lane\":\"read\",\"sql\":[{\"file\":\"a.sql\",\"args\":[\"@user\"]}],\"columns\":{\"id\":"
         "\"int\"}}]}",
         "\"@user\" needs \"auth\""},
        {"{\"routes\":[{\"name\":\"a\",\"method\":\"GET\",\"path\":\"/api/v1/x\",\"auth\":\"none\","
         "\"lane\":\"batch\",\"sql\":[{\"file\":\"absent.sql\"}],\"columns\":{\"id\":\"int\"}}]}",
         "read, write or slow"},
        {"{\"routes\":[" GET("a", "x", "\"refuse\":{\"full\":\"teapot\"},") "]}",
         "\"teapot\" is no problem"},
        {"{\"routes\":[" GET("a", "x", "\"refuse\":{\"full\":\"none\"},") "]}",
         "\"none\" is no problem"},
        {"{\"routes\":[" GET("a", "x",
                             "\"shape\":\"list\",\"refuse\":{\"full\":\"not_found\"},") "]}",
         "of an object"},
        {"{\"routes\":[" GET(
             "a", "x",
             "\"refuse\":{\"a\":\"not_found\",\"b\":\"not_found\",\"c\":\"not_found\",\"d\":"
             "\"not_found\",\"e\":\"not_found\"},") "]}",
         "at most 4"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route_table t;
        struct fault_list faults;

        assert_int_equal(load(&t, rows[i].text, &faults), -1);
        if (!strstr(buf_cstr(&faults.text), rows[i].fault))
            fail_msg("row %zu: %s", i, buf_cstr(&faults.text));
        unload(&t, &faults);
    }
}

static void refuses(void **state)
{
    struct route_table t;
    struct fault_list faults;

    (void)state;
    assert_int_equal(
        load(&t, "{\"routes\":[" GET("a", "x", "\"refuse\":{\"full\":\"family_full\"},") "]}",
             &faults),
        0);
    assert_int_equal(t.routes[0]->nrefusals, 1);
    assert_string_equal(t.routes[0]->refusals[0].word, "full");
    assert_int_equal(t.routes[0]->refusals[0].code, PROBLEM_FAMILY_FULL);
    assert_int_equal(problem_status(PROBLEM_FAMILY_FULL), 409);
    unload(&t, &faults);
}

/* The service's own routes: each statement's arguments are known, without a database. */
static void ours_load(void **state)
{
    extern const struct call_handler otp_request_handler, otp_verify_handler, redeem_handler,
        gift_handler;
    const struct call_handler *const ours[] = {&otp_request_handler, &otp_verify_handler,
                                               &redeem_handler, &gift_handler, NULL};
    struct route_table t;
    struct fault_list faults;

    (void)state;
    route_table_init(&t);
    fault_init(&faults);
    if (route_load(&t, COKO_SOURCE_DIR "/api/routes", ours, &faults) != 0)
        fail_msg("%s", buf_cstr(&faults.text));
    assert_in_range(t.count, 6, ROUTES_MAX);
    for (size_t i = 0; i < t.count; i++)
        assert_non_null(t.routes[i]->statements[0].stmt);
    struct router *r = router_new(&t, &faults);

    assert_non_null(r);
    router_free(r);
    unload(&t, &faults);
    pg_stmt_free_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds),          cmocka_unit_test(allows),
        cmocka_unit_test(tables_refused), cmocka_unit_test(files_refused),
        cmocka_unit_test(refuses),        cmocka_unit_test(ours_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
