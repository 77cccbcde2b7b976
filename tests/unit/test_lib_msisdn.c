/* SPDX-License-Identifier: Apache-2.0 */
/* Hard case 18: one normaliser for every phone format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/lib/base.h"
#include "gateway/lib/msisdn.h"

static void spellings(void **state)
{
    static const struct {
        const char *in, *country, *digits, *iso;
    } rows[] = {
        {"+221771234567", NULL, "221771234567", "SN"},
        {"221771234567", "SN", "221771234567", "SN"},
        {"221771234567", NULL, "221771234567", "SN"},
        {"00221771234567", NULL, "221771234567", "SN"},
        {"771234567", "SN", "221771234567", "SN"},
        {"771234567", "sn", "221771234567", "SN"},
        {"tel:+221771234567", NULL, "221771234567", "SN"},
        {"TEL: +221 77 123 45 67", NULL, "221771234567", "SN"},
        {"%2B221771234567", NULL, "221771234567", "SN"},
        {"%2b221771234567", "GH", "221771234567", "SN"},
        {" 221771234567", NULL, "221771234567", "SN"}, /* a raw + in a form body */
        {"77 123-45.67", "SN", "221771234567", "SN"},
        {"(+233) 24 412 3456", NULL, NULL, NULL}, /* the plus is not in front */
        {"+233 (0) 24 412 3456", NULL, "233244123456", "GH"},
        {"0244123456", "GH", "233244123456", "GH"},
        {"244123456", "GH", "233244123456", "GH"},
        {"２２１７７１２３４５６７", NULL, "221771234567", "SN"},
        {"٢٢١٧٧١٢٣٤٥٦٧", NULL, "221771234567", "SN"},
        {"08031234567", "NG", "2348031234567", "NG"},
        {"0712345678", "KE", "254712345678", "KE"},
        {"066123456", "CG", "242066123456", "CG"}, /* Congo's 0 is part of the number */
        {"+33612345678", "SN", "33612345678", ""},
        {"33612345678", "SN", "33612345678", ""},
        {"+27821234567", NULL, "27821234567", "ZA"},
        /* a second trunk 0 would be dropped again by who reads the result */
        {"2000000000", NULL, NULL, NULL},
        {"+233 00 12345678", NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct msisdn m;
        struct err e;
        int r = msisdn_parse(str_c(rows[i].in), rows[i].country, &m, &e);

        if (!rows[i].digits) {
            assert_int_equal(r, -1);
            continue;
        }
        if (r != 0)
            fail_msg("%s: %s", rows[i].in, e.msg);
        assert_string_equal(m.digits, rows[i].digits);
        assert_string_equal(m.country, rows[i].iso);
    }
}

static void number_plan_migrations(void **state)
{
    static const struct {
        const char *in, *country, *digits;
    } rows[] = {
        {"0712345678", "CI", "2250712345678"},
        {"+2250712345678", NULL, "2250712345678"},
        {"07123456", "CI", "2250707123456"},
        {"+22507123456", NULL, "2250707123456"},
        {"47123456", "CI", "2250747123456"},
        {"05123456", "CI", "2250505123456"},
        {"64123456", "CI", "2250564123456"},
        {"01123456", "CI", "2250101123456"},
        {"40123456", "CI", "2250140123456"},
        {"2722123456", "CI", "2252722123456"},
        {"22123456", "CI", NULL}, /* an old fixed line: its new prefix cannot be known */
        {"97123456", "BJ", "2290197123456"},
        {"22997123456", NULL, "2290197123456"},
        {"0197123456", "BJ", "2290197123456"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct msisdn m;
        struct err e;
        int r = msisdn_parse(str_c(rows[i].in), rows[i].country, &m, &e);

        assert_int_equal(r, rows[i].digits ? 0 : -1);
        assert_string_equal(m.digits, rows[i].digits ? rows[i].digits : "");
    }
}

static void impossible_numbers(void **state)
{
    static const struct {
        const char *in, *country;
    } rows[] = {
        {"", "SN"},
        {"+", "SN"},
        {"2217712****", "SN"},
        {"3f79bb7b435b05321651daefd374cd", "SN"},
        {"+22177123456", NULL},
        {"+2217712345678", NULL},
        {"7712345", "SN"},
        {"123456789012345678901234567890", NULL},
        {"+1234567890123456", NULL},
        {"99999", NULL},
        {"077", "GH"},
        {"0771234567", NULL}, /* national without a country */
        {"+221771234567;ext=1", NULL},
        {"771234567\x00", "SN"},
        {"+221\x1B"
         "771234567",
         NULL},
        {"++221771234567", NULL},
        {"\xE9"
         "221771234567",
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct msisdn m;
        struct err e;

        if (i == 13) {
            assert_int_equal(msisdn_parse(str_n(rows[i].in, 10), rows[i].country, &m, &e), -1);
        } else if (msisdn_parse(str_c(rows[i].in), rows[i].country, &m, &e) == 0) {
            fail_msg("%s became %s", rows[i].in, m.digits);
        }
        assert_int_equal(e.code, ERR_BAD_INPUT);
        assert_int_equal(m.digits[0], 0);
        assert_null(strstr(e.msg, "7712")); /* S5: no number in a message */
    }
}

static void masks(void **state)
{
    char out[MSISDN_MASK_LEN];

    (void)state;
    assert_string_equal(msisdn_mask(STR("221771234567"), out), "***67");
    assert_string_equal(msisdn_mask(STR("36777"), out), "***");
    assert_string_equal(msisdn_mask(STR_EMPTY, out), "***");
    assert_string_equal(msisdn_dial_code("SN"), "221");
    assert_null(msisdn_dial_code("XX"));
    assert_null(msisdn_dial_code(NULL));
}

static void network_of_a_callback(void **state)
{
    const struct msisdn m = {.digits = "2250501020304", .country = "CI"};
    const struct msisdn shorter = {.digits = "22505", .country = "CI"};
    char out[MSISDN_NETWORK_MAX + 1];

    (void)state;
    msisdn_network(STR("61205"), &m, out);
    assert_string_equal(out, "61205+2250501");
    msisdn_network(STR_EMPTY, &m, out);
    assert_string_equal(out, "+2250501");
    msisdn_network(STR("sixteen letters."), &m, out);
    assert_string_equal(out, "sixteen letters.+2250501");
    msisdn_network(STR("seventeen letters"), &m, out);
    assert_string_equal(out, "+2250501");
    msisdn_network(STR_EMPTY, &shorter, out);
    assert_string_equal(out, "+22505");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings),
        cmocka_unit_test(number_plan_migrations),
        cmocka_unit_test(impossible_numbers),
        cmocka_unit_test(masks),
        cmocka_unit_test(network_of_a_callback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
