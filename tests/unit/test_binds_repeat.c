/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which delivery repeats which: not stored, or stored and its connection lost since; never two on one
 * healthy connection (a reader who types SUITE twice means it).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/binds/repeat.h"
#include "gateway/lib/clock.h"

#define SUITE 77u

static struct repeats all;

static struct bind_delivery by(uint32_t generation, uint32_t epoch)
{
    return (struct bind_delivery){.generation = generation, .d = {.epoch = epoch}};
}

/* The nonce of a delivery at this time; each call is a microsecond later. */
static int64_t nonce(struct bind_delivery d, int64_t now)
{
    clock_advance_us(1);
    return repeat_of(&all, SUITE, &d, now)->nonce;
}

static void stored(struct bind_delivery d, int64_t now)
{
    repeat_stored(repeat_of(&all, SUITE, &d, now), SUITE, &d, now);
}

static int set_up(void **state)
{
    (void)state;
    all = (struct repeats){0};
    clock_set_fake(1000, 1783168496123456);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    clock_set_real();
    return 0;
}

static void test_not_stored_comes_again_under_its_name(void **state)
{
    int64_t first = nonce(by(1, 1), 0);

    (void)state;
    assert_int_equal(nonce(by(1, 1), 5), first);
    assert_int_equal(nonce(by(2, 1), 100000), first);
}

static void test_stored_is_repeated_by_another_connection_for_a_minute(void **state)
{
    int64_t first = nonce(by(1, 1), 0);

    (void)state;
    stored(by(1, 1), 0);
    assert_int_equal(nonce(by(1, 2), 10), first);
    assert_int_equal(nonce(by(2, 1), 59999), first);
    assert_int_not_equal(nonce(by(2, 1), 60000), first);
}

static void test_twice_on_one_connection_is_meant(void **state)
{
    int64_t first = nonce(by(1, 1), 0);

    (void)state;
    stored(by(1, 1), 0);
    assert_int_not_equal(nonce(by(1, 1), 10), first);
}

static void test_a_place_that_was_given_away_is_not_marked(void **state)
{
    struct bind_delivery d = by(1, 1);
    struct repeat *first = repeat_of(&all, SUITE, &d, 0);

    (void)state;
    for (unsigned i = 1; i <= REPEATS; i++)
        (void)repeat_of(&all, SUITE + i, &d, 0);
    repeat_stored(first, SUITE, &d, 0);
    assert_int_equal(first->hash, SUITE + REPEATS);
    assert_false(first->stored);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_not_stored_comes_again_under_its_name),
        TEST(test_stored_is_repeated_by_another_connection_for_a_minute),
        TEST(test_twice_on_one_connection_is_meant),
        TEST(test_a_place_that_was_given_away_is_not_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
