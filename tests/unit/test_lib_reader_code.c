/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people type of a code on paper, and what leaves the process of it (S5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/lib/msisdn.h"
#include "gateway/lib/private_number.h"
#include "gateway/lib/reader_code.h"

#define KEY_A "1:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY_B "2:ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

static struct seal_ring *ring_of(const char *text)
{
    struct seal_ring *ring = NULL;
    struct err e;

    assert_int_equal(seal_ring_new(str_c(text), &ring, &e), 0);
    return ring;
}

static void codes_as_typed(void **state)
{
    static const struct {
        const char *typed, *code; /* NULL: no code */
    } rows[] = {
        {"123456789012", "123456789012"},
        {" 1234-5678-9012 ", "123456789012"},
        {"1234 5678 90", "1234567890"},
        {"12345678901234567890", "12345678901234567890"},
        {"123456789012345678901", NULL},
        {"123456789", NULL},
        {"", NULL},
        {"12345678901a", NULL},
        {"1234567890\xd9\xa1", NULL}, /* the menu has made ASCII of it, and SMS folds it */
        {"1234567890;drop", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char got[READER_CODE_MAX + 1];

        assert_int_equal(reader_code_read(str_c(rows[i].typed), got), rows[i].code != NULL);
        assert_string_equal(got, rows[i].code ? rows[i].code : "");
    }
}

static void one_hash_a_key(void **state)
{
    struct seal_ring *a = ring_of(KEY_A), *both = ring_of(KEY_B "," KEY_A);
    char old[READER_CODE_MACS_MAX], now[READER_CODE_MACS_MAX], other[READER_CODE_MACS_MAX];

    (void)state;
    reader_code_macs(a, STR("123456789012"), old);
    reader_code_macs(both, STR("123456789012"), now);
    reader_code_macs(a, STR("123456789013"), other);
    assert_int_equal(strlen(old), 2 + 6 + 64 - 1);
    assert_memory_equal(old, "{\"\\\\x", 5);
    assert_null(strstr(old, "123456789012"));
    assert_string_not_equal(old, other);
    /* During a rotation the older key's hash is still among them. */
    assert_non_null(strstr(now, str_c(old + 1).n ? old + strlen(old) - 30 : ""));
    seal_ring_free(a);
    seal_ring_free(both);
}

static void a_number_is_in_no_clear_form(void **state)
{
    struct seal_ring *ring = ring_of(KEY_A);
    char json[PRIVATE_NUMBER_MAX];
    struct msisdn number;
    struct err e;

    (void)state;
    assert_int_equal(msisdn_parse(STR("07 09 08 07 06"), "CI", &number, &e), 0);
    private_number(ring, &number, json);
    assert_null(strstr(json, "0709080706"));
    assert_non_null(strstr(json, "\"mark\":\"06\"}"));
    assert_non_null(strstr(json, "\"country\":\"CI\""));
    assert_non_null(strstr(json, "\"key_id\":1"));
    assert_true(strlen(json) < PRIVATE_NUMBER_MAX - 1);
    seal_ring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_as_typed),
        cmocka_unit_test(one_hash_a_key),
        cmocka_unit_test(a_number_is_in_no_clear_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
