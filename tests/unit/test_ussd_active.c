/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gauge of open dialogues: what two workers count together, whichever of them has which hop, and
 * that nothing stays behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/ussd/active.c"

#define START 1767225600

static struct bench {
    struct loop *loop;
    struct active a, b;
} bench;

static int setup(void **state)
{
    struct err e = {0};

    (void)state;
    clock_set_fake(1, START * INT64_C(1000000));
    bench.loop = loop_new(&e);
    assert_non_null(bench.loop);
    active_init(&bench.a, bench.loop);
    active_init(&bench.b, bench.loop);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    active_fini(&bench.a);
    active_fini(&bench.b);
    loop_free(bench.loop);
    clock_set_real();
    return 0;
}

/* Seconds go by; each worker's timer sees it. */
static void later(int seconds)
{
    clock_advance_us(seconds * INT64_C(1000000));
    on_second(&bench.a);
    on_second(&bench.b);
}

static uint32_t now(void)
{
    return (uint32_t)(clock_wall_us() / 1000000);
}

static int64_t both(void)
{
    return bench.a.sum + bench.b.sum;
}

static void a_dialogue_counts_once_wherever_its_hops_come(void **state)
{
    uint32_t first = now(), second;

    (void)state;
    active_hop(&bench.a, 0, first);
    assert_int_equal(both(), 1);
    later(40);
    second = now();
    active_hop(&bench.b, first, second);
    assert_int_equal(both(), 1);
    later(ACTIVE_S - 40); /* the first hop's time is over at both */
    assert_int_equal(both(), 1);
    active_hop(&bench.a, second, 0);
    assert_int_equal(both(), 0);
    assert_int_equal(bench.b.sum, 1); /* a part */
    later(40);
    assert_int_equal(bench.a.sum, 0);
    assert_int_equal(bench.b.sum, 0);
}

static void who_says_nothing_is_gone_after_a_while(void **state)
{
    uint32_t first = now();

    (void)state;
    active_hop(&bench.a, 0, first);
    later(ACTIVE_S - 1);
    assert_int_equal(both(), 1);
    assert_true(loop_timer_is_set(&bench.a.timer));
    later(1);
    assert_int_equal(both(), 0);
    loop_timer_clear(&bench.a.timer);
    later(1);
    assert_false(loop_timer_is_set(&bench.a.timer)); /* nothing is left to wait for */
    active_hop(&bench.b, first, now());
    assert_int_equal(both(), 1); /* what was over is not taken away again */
}

static void nothing_stays_behind(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        uint32_t first = now();

        active_hop(i % 3 ? &bench.a : &bench.b, 0, first);
        later((int)(i * 7 % 30));
        active_hop(i % 2 ? &bench.a : &bench.b, first, i % 5 ? now() : 0);
    }
    later(ACTIVE_S);
    assert_int_equal(bench.a.sum, 0);
    assert_int_equal(bench.b.sum, 0);
}

static void clocks_differ_and_jump(void **state)
{
    (void)state;
    active_hop(&bench.a, now() + ACTIVE_SKEW - 1, now()); /* a machine that is ahead */
    assert_int_equal(both(), 0);
    active_hop(&bench.a, now() + 7200, 0); /* nobody's clock */
    assert_int_equal(both(), 0);
    later(ACTIVE_S + ACTIVE_SKEW);
    active_hop(&bench.a, 0, now());
    clock_set_fake(1, (START - 86400) * INT64_C(1000000)); /* set back by a day */
    on_second(&bench.a);
    assert_int_equal(bench.a.sum, 0);
    active_hop(&bench.a, 0, now());
    assert_int_equal(bench.a.sum, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        T(a_dialogue_counts_once_wherever_its_hops_come),
        T(who_says_nothing_is_gone_after_a_while),
        T(nothing_stays_behind),
        T(clocks_differ_and_jump),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
