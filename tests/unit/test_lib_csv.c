/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CSV reader: RFC 4180 and what exports make of it, faults by their line, and every prefix of a
 * file laid against an unreadable page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/lib/buf.h"
#include "gateway/lib/csv.h"
#include "tests/unit/guard.h"

/* The whole text as one line: fields between <>, a record "line:", a fault "line!why". */
static void read_all(struct str bytes, char sep, struct buf *out)
{
    struct csv *c = malloc(sizeof *c);
    enum csv_result rc;

    assert_non_null(c);
    csv_init(c, bytes, sep);
    while ((rc = csv_next(c)) != CSV_END) {
        buf_addf(out, "%u%s", c->line, rc == CSV_FAULT ? "!" : ":");
        if (rc == CSV_FAULT)
            buf_puts(out, c->fault);
        for (size_t i = 0; rc == CSV_RECORD && i < c->nfields; i++)
            buf_addf(out, "<%" STR_FMT ">", STR_ARG(c->field[i]));
        buf_addc(out, ' ');
    }
    free(c);
}

static const struct {
    char sep;
    const char *bytes, *want;
} cases[] = {
    {',', "", ""},
    {',', "\xEF\xBB\xBF", ""},
    {',', "\n\r\n\n", ""},
    {',', "a,b", "1:<a><b> "},
    {',', "a,b\n", "1:<a><b> "},
    {',', "a,b\r\nc,d\r\n", "1:<a><b> 2:<c><d> "},
    {',', "\xEF\xBB\xBF\"a\",b\n", "1:<a><b> "},
    {';', "a,b;c\n", "1:<a,b><c> "},
    {'\t', "a\tb c\n", "1:<a><b c> "},
    {',', ",\n,,\n", "1:<><> 2:<><><> "},
    {',', "a,\n", "1:<a><> "},
    {',', "\"\"\n", "1:<> "},
    {',', "\"a,b\",\"c\"\"d\"\"\"\n", "1:<a,b><c\"d\"> "},
    {',', "\"a\nb\",c\n\nd\n", "1:<a\nb><c> 4:<d> "},
    {',', "\"a\r\nb\"\r\nc", "1:<a\r\nb> 3:<c> "},
    {',', "\"x\"\"\",\"\"\"y\"\n", "1:<x\"><\"y> "},
    {',', "a\"b,c\nd\n", "1!a quote inside a field 2:<d> "},
    {',', "\"a\"b\nc\n", "1!text behind a closing quote 2:<c> "},
    {',', "\"a\" ,b\nc\n", "1!text behind a closing quote 2:<c> "},
    {',', "a\rb\nc\n", "1!a bare CR or a NUL 2:<c> "},
    {',', "a\r", "1!a bare CR or a NUL "},
    {',', "\"a\r", "1!a quote is never closed "},
    {',', "x\n\"a\nb,c\n", "1:<x> 2!a quote is never closed 3:<b><c> "},
    {',', "\"", "1!a quote is never closed "},
    {',', "\"\"\"", "1!a quote is never closed "},
};

static void reads_what_exports_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;

        buf_init(&out, 1 << 16);
        read_all(str_c(cases[i].bytes), cases[i].sep, &out);
        assert_string_equal(buf_cstr(&out), cases[i].want);
        buf_fini(&out);
    }
}

static void nuls_are_refused(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 16);
    read_all(STR("a\0b\n\"a\0\"\nc\n"), ',', &out);
    assert_string_equal(buf_cstr(&out), "1!a bare CR or a NUL 2!a NUL 3:<c> ");
    buf_fini(&out);
}

/* n times one byte, then an end of line. */
static enum csv_result one_record(const char *unit, size_t n, struct csv *c, char *room)
{
    size_t len = strlen(unit);

    for (size_t i = 0; i < n; i++)
        memcpy(room + i * len, unit, len);
    memcpy(room + n * len, "\nz\n", 3);
    csv_init(c, str_n(room, n * len + 3), ',');
    return csv_next(c);
}

static void ceilings_are_faults_and_the_next_record_is_read(void **state)
{
    struct csv *c = malloc(sizeof *c);
    char *room = malloc(4 * CSV_RECORD_MAX);

    (void)state;
    assert_true(c && room);
    assert_int_equal(one_record(",", CSV_FIELDS_MAX - 1, c, room), CSV_RECORD);
    assert_int_equal(c->nfields, CSV_FIELDS_MAX);
    assert_int_equal(one_record(",", CSV_FIELDS_MAX, c, room), CSV_FAULT);
    assert_int_equal(csv_next(c), CSV_RECORD);
    assert_true(str_eq_c(c->field[0], "z"));
    assert_int_equal(one_record("a", CSV_RECORD_MAX, c, room), CSV_RECORD);
    assert_int_equal(one_record("a", CSV_RECORD_MAX + 1, c, room), CSV_FAULT);
    assert_int_equal(csv_next(c), CSV_RECORD);
    /* all of it quotes: text is filled, never overrun */
    assert_int_equal(one_record("\"\"", CSV_RECORD_MAX / 2 - 1, c, room), CSV_RECORD);
    assert_int_equal(one_record("\"\"", CSV_RECORD_MAX, c, room), CSV_FAULT);
    assert_int_equal(csv_next(c), CSV_RECORD);
    free(room);
    free(c);
}

static void any_prefix(const char *p, size_t n, void *ctx)
{
    struct buf out;

    (void)ctx;
    buf_init(&out, 1 << 16);
    read_all(str_n(p, n), ',', &out);
    assert_true(n == 0 || n < 4 || out.len > 0);
    buf_fini(&out);
}

static void no_prefix_is_read_beyond(void **state)
{
    static const char file[] =
        "\xEF\xBB\xBFid,\"the \"\"amount\"\"\",at\r\nT1,\"2,500\",\"2026\r\n\"\r\n"
        "x\"y,z\n\"open\n";

    (void)state;
    guard_each_cut(file, sizeof file - 1, any_prefix, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_exports_write),
        cmocka_unit_test(nuls_are_refused),
        cmocka_unit_test(ceilings_are_faults_and_the_next_record_is_read),
        cmocka_unit_test(no_prefix_is_read_beyond),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
