/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What readers type, as a table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/sms/keyword.h"

static const struct {
    const char *text, *word, *arg;
} rows[] = {
    {"SUITE", "SUITE", ""},
    {"suite", "SUITE", ""},
    {"  Suite \n", "SUITE", ""},
    {"\xC2\xAB Suite ! \xC2\xBB", "SUITE", "! \""},
    {"stop.", "STOP", ""},
    {"S.T.O.P", "STOP", ""},
    {"Arr\xC3\xAAt", "ARRET", ""},
    {"ARRE\xCC\x82T", "ARRET", ""}, /* e and a combining circumflex */
    {"lir\xC3\xA9 12345", "LIRE", "12345"},
    {"LIRE12345", "LIRE", "12345"},
    {"Read   42  please", "READ", "42  please"},
    {"next", "NEXT", ""},
    {"12345", "12345", ""},
    {"*384*26#", "38426", ""},
    {"ARR\xC3\x8AT", "ARRET", ""},
    {"STOP,merci", "STOP", ",merci"},
    {"LIRE: 12", "LIRE", "12"},
    {"Stop!!", "STOP", "!!"},
    {"\xEF\xBC\xB3\xEF\xBC\xB4\xEF\xBC\xAF\xEF\xBC\xB0\xEF\xBC\x8E", "STOP", ""}, /* full-width */
    {"\xEF\xBC\xAC\xEF\xBD\x89\xEF\xBD\x92\xEF\xBD\x85\xE3\x80\x80\xEF\xBC\x91\xEF\xBC\x92", "LIRE",
     "12"},
    {"\xE2\x80\x8BSTOP", "STOP", ""}, /* a zero-width space first */
    {"", "", ""},
    {"   ", "", ""},
    {"?!", "", ""},
    {"\xF0\x9F\x98\x80", "", ""},         /* only a picture */
    {"\xE6\x97\xA5\xE6\x9C\xAC", "", ""}, /* no letter of ours */
    {"\xFF\xFE stop", "STOP", ""},        /* not UTF-8 */
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct keyword k;

        keyword_parse(str_c(rows[i].text), &k);
        assert_string_equal(k.word, rows[i].word);
        assert_string_equal(k.arg, rows[i].arg);
    }
}

static void test_long_and_strange(void **state)
{
    char text[5000];
    struct keyword k;

    (void)state;
    memset(text, 'a', sizeof text);
    keyword_parse(str_n(text, sizeof text), &k);
    assert_int_equal(strlen(k.word), KEYWORD_MAX);
    memset(text + 4, ' ', 1);
    keyword_parse(str_n(text, sizeof text), &k);
    assert_string_equal(k.word, "AAAA");
    assert_int_equal(strlen(k.arg), KEYWORD_ARG_MAX);
    keyword_parse(str_n("STOP\0x", 6), &k);
    assert_string_equal(k.word, "STOPX"); /* a NUL is no blank */
    for (int byte = 0; byte < 256; byte++) {
        char one = (char)byte;

        keyword_parse(str_n(&one, 1), &k);
        assert_true(strlen(k.word) <= 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_long_and_strange),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
