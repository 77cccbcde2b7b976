/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of an action for the next hop: rows come back as they were and only under their own
 * key; whatever is cut, changed or not ours is nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/ussd/kept.h"
#include "tests/unit/guard.h"

static struct seal_ring *ring;
static struct arena arena;
static const struct str cols[] = {STR_INIT("id"), STR_INIT("label")};
static const struct str cells[] = {
    STR_INIT("7"), STR_INIT("Le taxi de nuit"), {NULL, 0}, STR_INIT("")};
static const struct kept rows = {.what = KEPT_ROWS,
                                 .rows = {.nrows = 2, .ncols = 2, .cols = cols, .cells = cells}};
#define KEY STR("coko:l:00")

static int open_ring(void **state)
{
    struct err e = {0};

    (void)state;
    arena_init(&arena, 1024, 64 << 10);
    return seal_ring_new(STR("1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
                         &ring, &e);
}

static int close_ring(void **state)
{
    (void)state;
    arena_fini(&arena);
    seal_ring_free(ring);
    return 0;
}

static void encode(const struct kept *k, struct buf *b)
{
    struct err e = {0};

    buf_init(b, KEPT_MAX);
    assert_int_equal(kept_encode(ring, KEY, k, b, &e), 0);
}

static void test_rows_come_back(void **state)
{
    struct kept got;
    struct buf b;

    (void)state;
    encode(&rows, &b);
    assert_null(memmem(b.p, b.len, "taxi", 4));
    kept_decode(ring, KEY, buf_str(&b), &arena, &got);
    assert_int_equal(got.what, KEPT_ROWS);
    assert_int_equal(got.rows.nrows, 2);
    assert_int_equal(got.rows.ncols, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(str_eq(got.rows.cols[i], cols[i]));
    for (size_t i = 0; i < 4; i++) {
        assert_true(str_eq(got.rows.cells[i], cells[i]));
        assert_int_equal(got.rows.cells[i].p == NULL, cells[i].p == NULL);
    }
    kept_decode(ring, STR("coko:l:01"), buf_str(&b), &arena, &got);
    assert_int_equal(got.what, KEPT_NOTHING); /* another step's */
    buf_fini(&b);
}

static void test_other_ends_come_back(void **state)
{
    static const struct kept ends[] = {{.what = KEPT_RUNNING},
                                       {.what = KEPT_FAILED, .why = MENU_FAIL_BUG},
                                       {.what = KEPT_FAILED, .why = MENU_FAIL_DOWN},
                                       {.what = KEPT_ROWS}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct kept got;
        struct buf b;

        encode(&ends[i], &b);
        kept_decode(ring, KEY, buf_str(&b), &arena, &got);
        assert_int_equal(got.what, ends[i].what);
        assert_int_equal(got.why, ends[i].why);
        assert_int_equal(got.rows.nrows, 0);
        buf_fini(&b);
    }
}

static void test_every_cut_and_change_is_nothing(void **state)
{
    struct buf b;

    (void)state;
    encode(&rows, &b);
    for (size_t n = 0; n < b.len; n++) {
        struct guard g;
        char *p = guard_copy(&g, b.p, n);
        struct kept got;

        kept_decode(ring, KEY, str_n(p, n), &arena, &got);
        assert_int_equal(got.what, KEPT_NOTHING);
        guard_free(&g);
    }
    for (size_t at = 0; at < b.len; at++) {
        struct kept got;

        b.p[at] ^= 0x40;
        kept_decode(ring, KEY, buf_str(&b), &arena, &got);
        assert_int_equal(got.what, KEPT_NOTHING);
        b.p[at] ^= 0x40;
        arena_reset(&arena);
    }
    buf_fini(&b);
}

/* Sealed by us and still not rows: lengths that lie, something left over. */
static void test_what_opens_must_add_up(void **state)
{
    static const struct str lies[] = {
        STR_INIT(""),
        STR_INIT("\0\1\0"),
        STR_INIT("\0\1\0\1\0\5abc"),
        STR_INIT("\377\377\377\377\0\0"),
        STR_INIT("\0\1\0\0\0\1a!"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct kept got;
        struct buf b;

        buf_init(&b, KEPT_MAX);
        buf_addc(&b, KEPT_FORMAT);
        buf_addc(&b, KEPT_ROWS);
        seal_close(ring, KEY, lies[i], &b);
        kept_decode(ring, KEY, buf_str(&b), &arena, &got);
        assert_int_equal(got.what, KEPT_NOTHING);
        buf_fini(&b);
    }
}

static void test_too_much_is_refused(void **state)
{
    static char big[KEPT_NULL - 1];
    struct str cell = str_n(big, sizeof big);
    struct kept k = {.what = KEPT_ROWS,
                     .rows = {.nrows = 1, .ncols = 1, .cols = cols, .cells = &cell}};
    struct err e = {0};
    struct buf b;

    (void)state;
    buf_init(&b, KEPT_MAX);
    assert_int_equal(kept_encode(ring, KEY, &k, &b, &e), -1);
    assert_int_equal(e.code, ERR_TOO_BIG);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_come_back),
        cmocka_unit_test(test_other_ends_come_back),
        cmocka_unit_test(test_every_cut_and_change_is_nothing),
        cmocka_unit_test(test_what_opens_must_add_up),
        cmocka_unit_test(test_too_much_is_refused),
    };

    return cmocka_run_group_tests(tests, open_ring, close_ring);
}
