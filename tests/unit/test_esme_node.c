/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an account pays for parts that other machines took: their use, a burst of debt at most, and of
 * a long time only what the bucket holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/esme/node.c"
#include "gateway/lib/clock.h"

#define BURST 50

static struct esme room;
static struct esme_account account;

static uint32_t left(void)
{
    return rate_room(&account.smsc.rate, loop_now_ms(room.loop));
}

/* Milliseconds on; the loop reads its clock once a turn. */
static void later(int64_t ms)
{
    clock_advance_us(ms * 1000);
    loop_turn(room.loop, false);
}

static int set_up(void **state)
{
    struct err e;

    (void)state;
    clock_set_fake(1000000, 1783168496123456);
    room.loop = loop_new(&e);
    account = (struct esme_account){.room = &room, .elsewhere = -1};
    rate_init(&account.smsc.rate, 10, BURST, loop_now_ms(room.loop));
    return room.loop != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(room.loop);
    clock_set_real();
    return 0;
}

static void test_what_others_took_is_not_there(void **state)
{
    (void)state;
    pay(&account, 1000); /* the first that we hear of them: when it was, nobody knows */
    assert_int_equal(left(), BURST);
    later(250);
    pay(&account, 1020);
    assert_int_equal(left(), BURST - 20);
    pay(&account, 1020);
    assert_int_equal(left(), BURST - 20);
}

static void test_debt_is_a_burst_at_most(void **state)
{
    (void)state;
    pay(&account, 0);
    pay(&account, 3);
    later(250);
    pay(&account, 2);       /* one has left */
    pay(&account, 1000000); /* and is back, with all that it ever took */
    assert_int_equal(left(), 0);
    later(5000); /* a burst at 10 a second */
    assert_int_equal(left(), 0);
    later(100);
    assert_int_equal(left(), 1);
}

static void test_of_a_long_time_there_is_no_debt(void **state)
{
    (void)state;
    pay(&account, 0);
    later(60000);
    pay(&account, 5000);
    assert_int_equal(left(), 0);
    later(100);
    assert_int_equal(left(), 1);
}

static void test_without_a_limit_nothing_is_owed(void **state)
{
    (void)state;
    rate_init(&account.smsc.rate, 0, 0, loop_now_ms(room.loop));
    pay(&account, 0);
    pay(&account, INT64_MAX);
    assert_int_equal(left(), UINT32_MAX);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_others_took_is_not_there),
        TEST(test_debt_is_a_burst_at_most),
        TEST(test_of_a_long_time_there_is_no_debt),
        TEST(test_without_a_limit_nothing_is_owed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
