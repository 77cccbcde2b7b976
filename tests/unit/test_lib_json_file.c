/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that has to be one JSON object: what is, and the line of what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/lib/json_file.h"

static void an_object_comes_without_a_fault(void **state)
{
    struct fault_list faults;
    json_t *root;

    (void)state;
    fault_init(&faults);
    root = json_file_object("x.json", STR("\n {\"a\": {\"b\": 1}, \"b\": 2}\n"), &faults);
    assert_int_equal(json_integer_value(json_object_get(root, "b")), 2);
    assert_int_equal(faults.count, 0);
    json_decref(root);
    fault_fini(&faults);
}

static void what_is_none_is_a_fault_at_its_line(void **state)
{
    static const struct {
        struct str bytes;
        const char *says;
    } rows[] = {
        {STR(""), "x.json:1: '[' or '{' expected near end of file\n"},
        {STR("{\n\"a\": 1,\n\"a\": 2}"), "x.json:3: duplicate object key near '\"a\"'\n"},
        {STR("{\n\"a\": 1,\n}"), "x.json:3: string or '}' expected near '}'\n"},
        {STR("{}\n{}"), "x.json:2: end of file expected near '{'\n"},
        {STR("{\"a\":"), "x.json:1: unexpected token near end of file\n"},
        {STR("{\"a\":\"\xff\"}"), "x.json:1: unable to decode byte 0xff near '\"'\n"},
        {STR("\n\n[1]"), "x.json:1: not an object\n"},
        {STR("7"), "x.json:1: '[' or '{' expected near '7'\n"},
        {STR("{\"a\":\x01}"), "x.json:1: invalid token near '\\x01'\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault_list faults;

        fault_init(&faults);
        assert_null(json_file_object("x.json", rows[i].bytes, &faults));
        assert_string_equal(buf_cstr(&faults.text), rows[i].says);
        assert_int_equal(faults.count, 1);
        fault_fini(&faults);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_comes_without_a_fault),
        cmocka_unit_test(what_is_none_is_a_fault_at_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
