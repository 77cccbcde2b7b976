/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amounts on the wire (hard case 15): equal values written otherwise are taken, all else is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/money/amount.h"

static const struct {
    const char *text;
    unsigned exponent;
    bool ok;
    int64_t minor;
} rows[] = {
    {"2500", 0, true, 2500},
    {"2500.0", 0, true, 2500},
    {"2500.00", 0, true, 2500},
    {"250000", 0, true, 250000}, /* read as it stands; another value than 2500 */
    {"02500", 0, true, 2500},
    {"0", 0, true, 0},
    {"0.000000000000000000000000000000", 0, true, 0},
    {"999999999999999", 0, true, 999999999999999},
    {"25.00", 2, true, 2500},
    {"25", 2, true, 2500},
    {"25.5", 2, true, 2550},
    {"25.500", 2, true, 2550},
    {"0.01", 2, true, 1},
    {"999999999999999.99", 2, true, 99999999999999999},
    {"2500.01", 0, false, 0},
    {"25.001", 2, false, 0},
    {"", 0, false, 0},
    {".", 0, false, 0},
    {".5", 2, false, 0},
    {"25.", 2, false, 0},
    {"25.0.0", 2, false, 0},
    {"-1", 0, false, 0},
    {"-0", 0, false, 0},
    {"-0.50", 2, false, 0},
    {"0.-5", 2, false, 0},
    {"+1", 0, false, 0},
    {" 1", 0, false, 0},
    {"1 ", 0, false, 0},
    {"1 000", 0, false, 0},
    {"1,000", 0, false, 0},
    {"0x9C4", 0, false, 0},
    {"2.5e3", 0, false, 0},
    {"NaN", 0, false, 0},
    {"inf", 0, false, 0},
    {"1000000000000000", 0, false, 0},
    {"9223372036854775807", 0, false, 0},
    {"9223372036854775808", 0, false, 0},  /* 2^63 */
    {"18446744073709554116", 0, false, 0}, /* 2^64 + 2500 */
    {"\xd9\xa2\xd9\xa5", 0, false, 0},     /* Arabic digits */
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t minor = -7;
        bool ok = amount_parse(str_c(rows[i].text), rows[i].exponent, &minor);

        if (ok != rows[i].ok || minor != (ok ? rows[i].minor : -7))
            fail_msg("row %zu \"%s\": ok=%d minor=%lld", i, rows[i].text, ok, (long long)minor);
    }
}

static void test_a_nul_is_no_end(void **state)
{
    int64_t minor = -7;

    (void)state;
    assert_false(amount_parse(str_n("25\0"
                                    "00",
                                    5),
                              0, &minor));
    assert_int_equal(minor, -7);
}

/* "-0.50" read as fifty pesewas before. */
static void test_a_negative_fraction_is_no_amount(void **state)
{
    int64_t minor = -7;

    (void)state;
    assert_false(amount_parse(STR("-0.50"), 2, &minor));
    assert_int_equal(minor, -7);
}

static void test_what_is_written_reads_back(void **state)
{
    static const int64_t some[] = {0, 1, 9, 10, 99, 100, 101, 2500, 123456789, 99999999999999};

    (void)state;
    for (unsigned exponent = 0; exponent <= 2; exponent += 2) {
        for (size_t i = 0; i < ARRAY_LEN(some); i++) {
            char mem[40];
            struct buf b;
            int64_t back;

            buf_init_fixed(&b, mem, sizeof mem);
            amount_format(some[i], exponent, &b);
            assert_true(amount_parse(buf_str(&b), exponent, &back));
            assert_int_equal(back, some[i]);
        }
    }
}

static void test_exponents(void **state)
{
    (void)state;
    assert_int_equal(amount_exponent(STR("XOF")), 0);
    assert_int_equal(amount_exponent(STR("XAF")), 0);
    assert_int_equal(amount_exponent(STR("GNF")), 0);
    assert_int_equal(amount_exponent(STR("GHS")), 2);
    assert_int_equal(amount_exponent(STR("NGN")), 2);
    assert_int_equal(amount_exponent(STR("EUR")), 2);
    assert_int_equal(amount_exponent(STR("XOFX")), 2); /* no prefix match */
    assert_int_equal(amount_exponent(STR("")), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_a_nul_is_no_end),
        cmocka_unit_test(test_a_negative_fraction_is_no_amount),
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_exponents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
