/* SPDX-License-Identifier: Apache-2.0 */
/* buf, arena, json, err: ceilings, sticky failures, escapers (hard case 32). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "gateway/lib/arena.h"
#include "gateway/lib/jsonw.h"
#include "tests/unit/guard.h"

static void the_ceiling_sticks(void **state)
{
    struct buf b;
    struct err e;

    (void)state;
    buf_init(&b, 10);
    buf_puts(&b, "12345678");
    buf_puts(&b, "abc"); /* does not fit: nothing of it is written */
    buf_puts(&b, "x");   /* would fit: refused all the same */
    assert_int_equal(buf_check(&b, &e), -1);
    assert_int_equal(e.code, ERR_TOO_BIG);
    assert_true(str_eq_c(buf_str(&b), "12345678"));
    buf_reset(&b);
    buf_puts(&b, "1234567890");
    assert_int_equal(buf_check(&b, &e), 0);
    assert_string_equal(buf_cstr(&b), "1234567890");
    buf_fini(&b);
}

static void fixed_memory_is_never_left(void **state)
{
    struct guard g;
    char *mem;
    struct buf b;

    (void)state;
    mem = guard_copy(&g, "........", 8);
    buf_init_fixed(&b, mem, 8);
    buf_addf(&b, "%d-%s", 1234, "abc");
    assert_true(str_eq_c(buf_str(&b), "1234-abc"));
    assert_string_equal(buf_cstr(&b), ""); /* no room for the terminator */
    buf_addc(&b, 'x');
    assert_int_equal(b.failed, ERR_TOO_BIG);
    buf_fini(&b);
    guard_free(&g);
}

static void long_formats_grow(void **state)
{
    struct buf b;
    size_t n;
    char *taken;

    (void)state;
    buf_init(&b, 5000);
    buf_addf(&b, "%01000d", 7);
    buf_addf(&b, "%s", "end");
    assert_int_equal(b.len, 1003);
    buf_consume(&b, 999);
    assert_true(str_eq_c(buf_str(&b), "7end"));
    buf_truncate(&b, 2);
    taken = buf_take(&b, &n);
    assert_int_equal(n, 2);
    assert_string_equal(taken, "7e");
    free(taken);
    assert_int_equal(b.len, 0);
    buf_add_i64(&b, INT64_MIN);
    buf_addc(&b, ' ');
    buf_add_u64(&b, UINT64_MAX);
    buf_add_i64(&b, 0);
    assert_true(str_eq_c(buf_str(&b), "-9223372036854775808 184467440737095516150"));
    buf_fini(&b);
}

static void escapers(void **state)
{
    static const struct {
        struct str in;
        const char *json, *xml, *url;
    } rows[] = {
        {STR_INIT("a\"b\\c"), "\"a\\\"b\\\\c\"", "a&quot;b\\c", "a%22b%5Cc"},
        {STR_INIT("\r\n\t\0\x1B\x7F"), "\"\\r\\n\\t\\u0000\\u001b\\u007f\"", "\r\n\t\x7F",
         "%0D%0A%09%00%1B%7F"},
        {STR_INIT("<&\"]]>'"), "\"<&\\\"]]>'\"", "&lt;&amp;&quot;]]&gt;&#39;",
         "%3C%26%22%5D%5D%3E%27"},
        {STR_INIT("\xC3\xA9\xC3"), "\"\xC3\xA9\xEF\xBF\xBD\"", "\xC3\xA9\xEF\xBF\xBD", "%C3%A9%C3"},
        {STR_INIT("az-._~09 +"), "\"az-._~09 +\"", "az-._~09 +", "az-._~09%20%2B"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;

        buf_init(&b, 200);
        buf_json_string(&b, rows[i].in);
        assert_string_equal(buf_cstr(&b), rows[i].json);
        buf_reset(&b);
        buf_xml_text(&b, rows[i].in);
        assert_string_equal(buf_cstr(&b), rows[i].xml);
        buf_reset(&b);
        buf_url_component(&b, rows[i].in);
        assert_string_equal(buf_cstr(&b), rows[i].url);
        buf_fini(&b);
    }
}

static void json_nests(void **state)
{
    struct jsonw j;
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    jsonw_init(&j, &b);
    jsonw_object(&j);
    jsonw_kv_i64(&j, "id", -7);
    jsonw_key(&j, "tags");
    jsonw_array(&j);
    jsonw_str(&j, STR("a"));
    jsonw_array(&j);
    jsonw_end(&j);
    jsonw_object(&j);
    jsonw_end(&j);
    jsonw_null(&j);
    jsonw_end(&j);
    jsonw_kv_cstr(&j, "none", NULL);
    jsonw_kv_bool(&j, "yes", true);
    jsonw_kv_raw(&j, "raw", STR("[1,2]"));
    jsonw_key_str(&j, STR("k\"k"));
    jsonw_bool(&j, false);
    assert_false(jsonw_done(&j));
    jsonw_end(&j);
    assert_true(jsonw_done(&j));
    assert_string_equal(buf_cstr(&b), "{\"id\":-7,\"tags\":[\"a\",[],{},null],\"none\":null,"
                                      "\"yes\":true,\"raw\":[1,2],\"k\\\"k\":false}");
    buf_fini(&b);
}

static void arena_has_a_ceiling(void **state)
{
    struct arena a;
    char *p, *big;

    (void)state;
    arena_init(&a, 64, 1000);
    for (int round = 0; round < 3; round++) {
        p = arena_cstr(&a, STR("hello"));
        assert_string_equal(p, "hello");
        big = arena_zalloc(&a, 30, 10);
        assert_non_null(big);
        assert_int_equal((uintptr_t)big % 16, 0);
        assert_int_equal(big[299], 0);
        assert_string_equal(p, "hello");
        assert_string_equal(arena_printf(&a, "%d/%s", 3, "x"), "3/x");
        assert_null(arena_alloc(&a, 900));
        assert_null(arena_zalloc(&a, SIZE_MAX / 2, 4));
        assert_null(arena_str(&a, str_n(big, 900)).p);
        arena_reset(&a);
    }
    for (int i = 0; i < 62; i++)
        assert_non_null(arena_alloc(&a, 1));
    assert_non_null(arena_alloc(&a, 8));
    assert_null(arena_alloc(&a, 1));
    arena_fini(&a);
}

static void errors_carry_context(void **state)
{
    struct err e;

    (void)state;
    err_clear(&e);
    assert_int_equal(e.code, ERR_OK);
    assert_int_equal(err_sys(&e, ERR_IO, 2, "open %s", "x"), -1);
    assert_int_equal(err_wrap(&e, "config"), -1);
    assert_string_equal(e.msg, "config: open x: No such file or directory");
    assert_int_equal(e.sys, 2);
    assert_int_equal(e.code, ERR_IO);
    for (int i = 0; i < 40; i++)
        (void)err_wrap(&e, "deeper and deeper");
    assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
    assert_int_equal(err_set(&e, ERR_DB_UNIQUE, "%0500d", 1), -1);
    assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
    (void)err_wrap(&e, "%0500d", 1);
    assert_string_equal(err_name(ERR_DB_UNIQUE), "db_unique");
    assert_string_equal(err_name((enum err_code)1000), "?");
    for (int i = 0; i < ERR_CODES; i++)
        assert_true(err_name((enum err_code)i)[0] && err_text((enum err_code)i)[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ceiling_sticks),   cmocka_unit_test(fixed_memory_is_never_left),
        cmocka_unit_test(long_formats_grow),    cmocka_unit_test(escapers),
        cmocka_unit_test(json_nests),           cmocka_unit_test(arena_has_a_ceiling),
        cmocka_unit_test(errors_carry_context),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
