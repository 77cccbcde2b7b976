/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reload does to a session that is at work (hard case 38): the window grows and shrinks under
 * what is in flight, the rate changes and a pause stays; what counts as another door to knock at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "smpp/link_config.h"

#define IN_FLIGHT 50

static void hard_38_a_window_grows_under_what_is_in_flight(void **state)
{
    struct window w;
    uint64_t tag;
    uint32_t seqs[200];

    (void)state;
    window_init(&w, IN_FLIGHT, 1000, SMPP_SEQ_MAX - 20); /* the numbers wrap among them */
    for (unsigned i = 0; i < IN_FLIGHT; i++)
        seqs[i] = window_open(&w, i, i);
    assert_int_equal(window_room(&w), 0);
    window_set_limit(&w, 200);
    assert_int_equal(window_room(&w), 150);
    for (unsigned i = IN_FLIGHT; i < 200; i++)
        seqs[i] = window_open(&w, i, i);
    assert_int_equal(window_match(&w, seqs[7], &tag), WINDOW_LIVE);
    assert_int_equal(tag, 7);
    assert_int_equal(window_match(&w, seqs[150], &tag), WINDOW_LIVE);
    assert_int_equal(tag, 150);
    assert_int_equal(window_deadline(&w), 1000); /* the oldest first, as before */
    for (unsigned i = 0; i < 200; i++) {
        if (i == 7 || i == 150)
            continue;
        assert_true(window_expire(&w, 1000 + i, &tag));
        assert_int_equal(tag, i);
    }
    assert_int_equal(w.used, 0);
    window_free(&w);
}

static void hard_38_a_smaller_window_only_delays(void **state)
{
    struct window w;
    uint64_t tag;
    uint32_t first;

    (void)state;
    window_init(&w, 10, 1000, 1);
    first = window_open(&w, 0, 0);
    for (unsigned i = 1; i < 10; i++)
        (void)window_open(&w, i, 0);
    window_set_limit(&w, 4);
    assert_int_equal(window_room(&w), 0);
    assert_int_equal(window_match(&w, first, &tag), WINDOW_LIVE);
    assert_int_equal(window_room(&w), 0);
    while (window_drain(&w, &tag))
        ;
    assert_int_equal(window_room(&w), 4);
    window_free(&w);
}

static void hard_38_a_new_rate_keeps_the_pause(void **state)
{
    struct rate r;

    (void)state;
    rate_init(&r, 10, 1, 0);
    assert_int_equal(rate_now(&r), 10);
    rate_throttled(&r, 0);
    rate_set(&r, 100, 1, 0);
    assert_int_equal(rate_now(&r), 100);
    assert_int_equal(rate_wait(&r, 0), RATE_PAUSE_MIN_MS);
    rate_set(&r, 0, 0, 0);
    assert_int_equal(rate_now(&r), 0);
}

static void another_door_is_known(void **state)
{
    struct link_config a = {.host = "smsc.example", .port = 2775}, b;

    (void)state;
    a.session.system_id = STR("coko");
    a.session.password = STR("old");
    a.session.system_type = STR_EMPTY;
    b = a;
    b.session.window = 99;
    assert_true(link_config_alike(&a, &b));
    b.session.password = STR("new");
    assert_false(link_config_alike(&a, &b));
    b = a;
    b.port = 2776;
    assert_false(link_config_alike(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hard_38_a_window_grows_under_what_is_in_flight),
        cmocka_unit_test(hard_38_a_smaller_window_only_delays),
        cmocka_unit_test(hard_38_a_new_rate_keeps_the_pause),
        cmocka_unit_test(another_door_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
