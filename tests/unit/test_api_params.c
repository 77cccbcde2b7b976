/* SPDX-License-Identifier: Apache-2.0 */
/* Typed parameters: hard cases 10, 11 and 12; nothing that is refused leaves a value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/params.h"

enum { SLUG, LIMIT, LANG, NEEDS, QUERY_PARAMS };
enum { NAME, AGE, OK_FLAG, CODE };

static const struct route query_route = {
    .name = "t",
    .nparams = QUERY_PARAMS,
    .params = {
        [SLUG] = {"slug", IN_PATH, PARAM_SLUG, 1, 20, NULL, NULL, true},
        [LIMIT] = {"limit", IN_QUERY, PARAM_INT, 1, 100, "20", NULL, false},
        [LANG] = {"lang", IN_QUERY, PARAM_LANG, 1, 3, NULL, NULL, false},
        [NEEDS] = {"q", IN_QUERY, PARAM_STRING, 1, 5, NULL, "lang", false},
    }};

static const struct route body_route = {
    .name = "t",
    .nparams = 4,
    .has_body = true,
    .params = {
        [NAME] = {"name", IN_BODY, PARAM_STRING, 1, 5, NULL, NULL, true},
        [AGE] = {"age", IN_BODY, PARAM_INT, 0, INT64_MAX, NULL, NULL, false},
        [OK_FLAG] = {"ok", IN_BODY, PARAM_BOOL, 1, 5, NULL, NULL, false},
        [CODE] = {"code", IN_BODY, PARAM_DIGITS, 6, 6, NULL, NULL, false},
    }};

struct world {
    struct arena arena;
    struct param_value values[ROUTE_PARAMS_MAX];
    struct problem problem;
};

static bool read_both(struct world *w, const struct route *r, struct str query, struct str body)
{
    struct str slug = STR("awa");

    problem_init(&w->problem);
    return params_read(r, &slug, r == &query_route, query, body, &w->arena, w->values, &w->problem);
}

static void queries(void **state)
{
    static const struct {
        const char *query, *where; /* where: of the first fault; NULL: accepted */
    } rows[] = {
        {"", NULL},
        {"limit=1", NULL},
        {"limit=100&lang=fr", NULL},
        {"lang=wol&q=%C5%8B%C5%8B%C5%8B%C5%8B%C5%8B", NULL}, /* five characters */
        {"lang=fr&q=a+b", NULL},
        /* hard case 11 */
        {"limit=0", "limit"},
        {"limit=-1", "limit"},
        {"limit=101", "limit"},
        {"limit=abc", "limit"},
        {"limit=", "limit"},
        {"limit", "limit"},
        {"limit=99999999999999999999", "limit"},
        {"limit=1e1", "limit"},
        {"limit=+5", "limit"},
        {"limit=05", "limit"},
        {"limit=5.0", "limit"},
        {"limit=%35", NULL}, /* the same five */
        {"limit=5&limit=5", "limit"},
        {"lang=FR", "lang"},
        {"lang=fr&q=123456", "q"},
        {"q=abc", "lang"}, /* needs a language */
        {"lang=fr&q=%00", "q"},
        {"lang=fr&q=%FF", "q"},
        {"lang=fr&q=%4", ""},
        {"lang=fr&q=%zz", ""},
        {"role=admin", "role"}, /* hard case 12 */
        {"slug=x", "slug"},     /* belongs to the path */
        {"&", ""},
    };
    struct world w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        arena_init(&w.arena, 1024, 1 << 16);
        bool ok = read_both(&w, &query_route, str_c(rows[i].query), STR_EMPTY);

        if (ok != !rows[i].where)
            fail_msg("%s: %s", rows[i].query, ok ? "accepted" : w.problem.errors[0].detail);
        if (!ok) {
            assert_string_equal(w.problem.errors[0].where, rows[i].where);
            assert_int_equal(problem_status(w.problem.code), 400);
        } else {
            assert_true(str_eq_c(w.values[SLUG].text, "awa"));
            assert_in_range(w.values[LIMIT].number, 1, 100);
        }
        arena_fini(&w.arena);
    }
}

static void bodies(void **state)
{
    static const struct {
        const char *body, *where;
    } rows[] = {
        {"{\"name\":\"awa\"}", NULL},
        {"{\"name\":\"awa\",\"age\":9223372036854775807,\"ok\":true,\"code\":\"012345\"}", NULL},
        /* hard case 10 */
        {"", ""},
        {"[]", ""},
        {"null", ""},
        {"{\"name\":\"a\",\"name\":\"b\"}", ""},
        {"{\"name\":\"a\"} x", ""},
        {"{\"name\":\"a\",\"age\":9223372036854775808}", ""},
        {"{\"name\":\"a\",\"age\":1e3}", "/age"},
        {"{\"name\":\"a\",\"age\":5.0}", "/age"},
        {"{\"name\":\"a\",\"age\":\"5\"}", "/age"},
        {"{\"name\":\"a\",\"age\":-1}", "/age"},
        {"{\"name\":\"a\",\"ok\":\"true\"}", "/ok"},
        {"{\"name\":\"a\",\"ok\":1}", "/ok"},
        {"{\"name\":5}", "/name"},
        {"{\"name\":null}", "/name"},
        {"{\"name\":{\"x\":1}}", "/name"},
        {"{\"name\":\"a\\u0000b\"}", ""},
        {"{\"name\":\"\xff\"}", ""},
        {"{\"name\":\"\"}", "/name"},
        {"{\"name\":\"123456\"}", "/name"},
        {"{\"name\":\"a\",\"code\":\"12345\"}", "/code"},
        {"{\"name\":\"a\",\"code\":\"12345\xd9\xa1\"}", "/code"}, /* an Arabic digit */
        {"{\"name\":\"a\",\"code\":123456}", "/code"},
        {"{}", "/name"},
        /* hard case 12 */
        {"{\"name\":\"a\",\"is_staff\":true}", "/is_staff"},
        {"{\"name\":\"a\",\"user_id\":1}", "/user_id"},
        {"{\"name\":\"a\",\"a/b~c\":1}", "/a~1b~0c"},
    };
    struct world w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        arena_init(&w.arena, 1024, 1 << 16);
        bool ok = read_both(&w, &body_route, STR_EMPTY, str_c(rows[i].body));

        if (ok != !rows[i].where)
            fail_msg("%s: %s", rows[i].body, ok ? "accepted" : w.problem.errors[0].detail);
        if (!ok)
            assert_string_equal(w.problem.errors[0].where, rows[i].where);
        arena_fini(&w.arena);
    }
}

/* Hard case 10: 32 levels are read (and refused for their type), 33 are not JSON of ours. */
static void depth(void **state)
{
    struct world w;

    (void)state;
    for (unsigned levels = 31; levels <= 33; levels++) {
        struct buf b;

        buf_init(&b, 1 << 16);
        arena_init(&w.arena, 1024, 1 << 16);
        buf_puts(&b, "{\"name\":\"[[{\\\"[[\",\"age\":");
        for (unsigned i = 1; i < levels; i++)
            buf_addc(&b, '[');
        for (unsigned i = 1; i < levels; i++)
            buf_addc(&b, ']');
        buf_puts(&b, "}");
        assert_false(read_both(&w, &body_route, STR_EMPTY, buf_str(&b)));
        assert_string_equal(w.problem.errors[0].where, levels <= 32 ? "/name" : "");
        buf_fini(&b);
        arena_fini(&w.arena);
    }
}

static void problem_text(void **state)
{
    struct problem p;
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    problem_init(&p);
    for (int i = 0; i < 2 * PROBLEM_ERRORS_MAX; i++)
        problem_parameter(&p, STR("a\"\n"), "unknown", "is not known here");
    problem_set(&p, PROBLEM_NOT_FOUND, NULL); /* the first cause stays */
    problem_write(&p, STR("/api/v1/x\"y"), STR("req-1"), &b);
    assert_int_equal(p.nerrors, PROBLEM_ERRORS_MAX);
    assert_non_null(strstr(buf_cstr(&b), "{\"type\":\"/api/v1/problems/bad_parameter\",\"title\":"
                                         "\"Bad request parameter\",\"status\":400,"));
    assert_non_null(strstr(buf_cstr(&b), "\"instance\":\"/api/v1/x\\\"y\",\"code\":"
                                         "\"bad_parameter\",\"request_id\":\"req-1\",\"errors\":[{"
                                         "\"parameter\":\"a\\\"\\n\",\"code\":\"unknown\""));
    for (enum problem_code c = PROBLEM_BAD_PARAMETER; c < PROBLEM_CODES; c++)
        assert_in_range(problem_status(c), 400, 504);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries),
        cmocka_unit_test(bodies),
        cmocka_unit_test(depth),
        cmocka_unit_test(problem_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
