/* SPDX-License-Identifier: Apache-2.0 */
/* str, utf8, basenc: tables, and every input at a guard page cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/utf8.h"
#include "tests/unit/guard.h"

static void numbers_are_strict(void **state)
{
    static const struct {
        const char *text;
        int64_t min, max;
        bool ok;
        int64_t value;
    } rows[] = {
        {"0", 0, 9, true, 0},
        {"007", 0, 9, true, 7},
        {"-5", -9, 9, true, -5},
        {"10", 0, 9, false, 0},
        {"-1", 0, 9, false, 0},
        {"", 0, 9, false, 0},
        {"-", -9, 9, false, 0},
        {"+1", 0, 9, false, 0},
        {" 1", 0, 9, false, 0},
        {"1 ", 0, 9, false, 0},
        {"1e3", 0, 9999, false, 0},
        {"0x1", 0, 9999, false, 0},
        {"9223372036854775807", INT64_MIN, INT64_MAX, true, INT64_MAX},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, true, INT64_MIN},
        {"9223372036854775808", INT64_MIN, INT64_MAX, false, 0},
        {"-9223372036854775809", INT64_MIN, INT64_MAX, false, 0},
        {"99999999999999999999999", INT64_MIN, INT64_MAX, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t v = 42;
        bool ok = str_to_i64(str_c(rows[i].text), rows[i].min, rows[i].max, &v);

        assert_int_equal(ok, rows[i].ok);
        assert_int_equal(v, ok ? rows[i].value : 42);
    }
}

static void splitting_gives_empty_pieces(void **state)
{
    static const struct {
        const char *text;
        const char *pieces[5];
    } rows[] = {
        {"", {"", NULL}},
        {",", {"", "", NULL}},
        {"a", {"a", NULL}},
        {"a,,b,", {"a", "", "b", "", NULL}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str rest = str_c(rows[i].text), piece;
        size_t n = 0;

        while (str_split(&rest, ',', &piece)) {
            assert_non_null(rows[i].pieces[n]);
            assert_true(str_eq_c(piece, rows[i].pieces[n++]));
        }
        assert_null(rows[i].pieces[n]);
    }
}

static void views_compare_and_search(void **state)
{
    struct str head, tail;
    char copy[4];

    (void)state;
    assert_true(str_case_eq(STR("Content-LENGTH"), STR("content-length")));
    assert_false(str_case_eq(STR("a"), STR("ab")));
    assert_true(str_eq(STR_EMPTY, str_n(NULL, 7)));
    assert_int_equal(str_cmp(STR("a"), STR("ab")), -1);
    assert_true(str_cmp(STR("b"), STR("ab")) > 0);
    assert_int_equal(str_find(STR("hello"), STR("lo")), 3);
    assert_int_equal(str_find(STR("hello"), STR("x")), -1);
    assert_int_equal(str_find(STR_EMPTY, STR("x")), -1);
    assert_true(str_eq_c(str_trim(STR(" \t a b\r\n")), "a b"));
    assert_true(str_cut(STR("k=v=w"), '=', &head, &tail));
    assert_true(str_eq_c(head, "k") && str_eq_c(tail, "v=w"));
    assert_false(str_cut(STR("kv"), '=', &head, &tail));
    assert_true(str_eq_c(head, "kv") && tail.n == 0);
    assert_true(str_to_c(STR("abc"), copy, sizeof(copy)));
    assert_string_equal(copy, "abc");
    assert_false(str_to_c(STR("abcd"), copy, sizeof(copy)));
    assert_string_equal(copy, "");
    assert_false(str_to_c(str_n("a\0b", 3), copy, sizeof(copy)));
}

/* Hard case 30: broken, overlong, surrogate and Latin-1 bytes are not UTF-8. */
static void utf8_is_strict(void **state)
{
    static const struct {
        struct str bytes;
        int32_t first;
        size_t consumed;
    } rows[] = {
        {STR_INIT("\0"), 0, 1},
        {STR_INIT("A"), 'A', 1},
        {STR_INIT("\xC3\xA9"), 0xE9, 2},
        {STR_INIT("\xE1\xBA\xB9"), 0x1EB9, 3},
        {STR_INIT("\xF0\x9F\x93\x9A"), 0x1F4DA, 4},
        {STR_INIT("\xF4\x8F\xBF\xBF"), 0x10FFFF, 4},
        {STR_INIT("\xF4\x90\x80\x80"), UTF8_BAD, 1}, /* above U+10FFFF */
        {STR_INIT("\xED\xA0\x80"), UTF8_BAD, 1},     /* surrogate */
        {STR_INIT("\xC0\x80"), UTF8_BAD, 1},         /* overlong NUL */
        {STR_INIT("\xE0\x80\xAF"), UTF8_BAD, 1},     /* overlong slash */
        {STR_INIT("\xF0\x80\x80\xAF"), UTF8_BAD, 1},
        {STR_INIT("\xE9t\xE9"), UTF8_BAD, 1}, /* Latin-1 */
        {STR_INIT("\x80"), UTF8_BAD, 1},
        {STR_INIT("\xFF"), UTF8_BAD, 1},
        {STR_INIT("\xE2\x80"), UTF8_BAD, 2}, /* cut: the maximal bad prefix */
        {STR_INIT("\xF0\x9F\x93"), UTF8_BAD, 3},
        {STR_INIT("\xE2\x80"
                  "A"),
         UTF8_BAD, 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct guard g;
        struct str s = str_n(guard_copy(&g, rows[i].bytes.p, rows[i].bytes.n), rows[i].bytes.n);

        assert_int_equal(utf8_next(&s), rows[i].first);
        assert_int_equal(rows[i].bytes.n - s.n, rows[i].consumed);
        guard_free(&g);
    }
}

static void utf8_round_trips(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        char bytes[4];
        struct str s;

        if (cp == 0xD800)
            cp = 0xE000;
        s = str_n(bytes, utf8_encode(cp, bytes));
        assert_int_equal(utf8_next(&s), cp);
        assert_int_equal(s.n, 0);
    }
}

static void walk(const char *p, size_t n, void *ctx)
{
    struct str s = str_n(p, n);
    uint8_t out[64];

    (void)ctx;
    (void)utf8_valid(s);
    (void)utf8_count(s);
    for (size_t max = 0; max <= n; max++)
        assert_true(utf8_cut(s, max) <= max);
    (void)!hex_decode(s, out, sizeof(out));
    (void)!base64_decode(s, BASE64_STD, out, sizeof(out));
    (void)!base64_decode(s, BASE64_URL, out, sizeof(out));
}

static void nothing_reads_behind_its_end(void **state)
{
    static const char text[] = "\xC3\xA9\xE1\xBA\xB9\xF0\x9F\x93\x9A"
                               "Zm9vYmE=0123\xE2\x80";

    (void)state;
    guard_each_cut(text, sizeof(text) - 1, walk, NULL);
    assert_int_equal(utf8_cut(STR("a\xC3\xA9"), 2), 1);
    assert_int_equal(utf8_cut(STR("a\xC3\xA9"), 3), 3);
    assert_int_equal(utf8_count(STR("a\xC3\xA9\xFF")), 3);
}

/* RFC 4648 section 10. */
static void base64_vectors(void **state)
{
    static const char *const rows[][3] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"\xFB\xFF", "+/8=", "-_8"},
    };
    static const char *const bad_std[] = {
        "Zg", "Zg=", "Z===", "====", "Zh==", "Zm9=", "Zm 9", "-_8="};
    static const char *const bad_url[] = {"Zg==", "Z", "Zh", "+/8"};
    char out[16];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int kind = BASE64_STD; kind <= BASE64_URL; kind++) {
            struct buf b;
            ssize_t n;

            buf_init(&b, 100);
            base64_encode(&b, (enum base64_kind)kind, rows[i][0], strlen(rows[i][0]));
            assert_true(str_eq_c(buf_str(&b), rows[i][1 + kind]));
            n = base64_decode(buf_str(&b), (enum base64_kind)kind, out, sizeof(out));
            assert_true(n >= 0 && str_eq_c(str_n(out, (size_t)n), rows[i][0]));
            buf_fini(&b);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_std); i++)
        assert_int_equal(base64_decode(str_c(bad_std[i]), BASE64_STD, out, sizeof(out)), -1);
    for (size_t i = 0; i < ARRAY_LEN(bad_url); i++)
        assert_int_equal(base64_decode(str_c(bad_url[i]), BASE64_URL, out, sizeof(out)), -1);
    assert_int_equal(base64_decode(STR("Zm9v"), BASE64_STD, out, 2), -1);
}

static void hex_both_ways(void **state)
{
    uint8_t out[3];
    struct buf b;

    (void)state;
    buf_init(&b, 10);
    hex_encode(&b, "\x00\xAB\xFF", 3);
    assert_true(str_eq_c(buf_str(&b), "00abff"));
    assert_int_equal(hex_decode(STR("00aBFf"), out, 3), 3);
    assert_memory_equal(out, "\x00\xAB\xFF", 3);
    assert_int_equal(hex_decode(STR("00a"), out, 3), -1);
    assert_int_equal(hex_decode(STR("0g"), out, 3), -1);
    assert_int_equal(hex_decode(STR("00000000"), out, 3), -1);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_strict),       cmocka_unit_test(splitting_gives_empty_pieces),
        cmocka_unit_test(views_compare_and_search), cmocka_unit_test(utf8_is_strict),
        cmocka_unit_test(utf8_round_trips),         cmocka_unit_test(nothing_reads_behind_its_end),
        cmocka_unit_test(base64_vectors),           cmocka_unit_test(hex_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
