/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule_delivery_time and validity_period (v3.4 7.1.1): both forms, distances to UTC, and what is
 * no time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "smpp/time.h"

#define NOW INT64_C(1767225600) /* 2026-01-01 00:00:00 UTC */

static void times_that_are(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {
        {"260101000000000+", 0},
        {"260101013000000+", 5400},
        {"260101013000004+", 1800}, /* one hour east of UTC */
        {"251231230000004-", 0},
        {"260228000000000+", 58 * 86400},
        {"251231235959000+", -1},
        {"000000000000000R", 0},
        {"000001020304000R", 86400 + 7384},
        {"010100000000000R", (365 + 30) * 86400},
    };
    int64_t got;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(smpp_time_parse(str_c(rows[i].text), NOW, &got), 0);
        assert_int_equal(got, rows[i].seconds);
    }
}

static void times_that_are_not(void **state)
{
    static const char *const rows[] = {
        "",
        "2601010000000",
        "260101000000000",
        "260101000000000x",
        "26010100000000+0",
        "261301000000000+",
        "260230000000000+",
        "260100000000000+",
        "260101240000000+",
        "260101006000000+",
        "260101000060000+",
        "260101000000049+",
        "2601010000000000+",
        "26-101000000000+",
    };
    int64_t got;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(smpp_time_parse(str_c(rows[i]), NOW, &got), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_that_are),
        cmocka_unit_test(times_that_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
