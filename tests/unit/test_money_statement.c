/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements of rails by their formats: the shipped ones load, lines become integers or faults with
 * their number, and no prefix of a file is read beyond.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/money/statement.h"
#include "tests/unit/guard.h"

#define FOLDER COKO_SOURCE_DIR "/gateway/money/statements"

static void shipped(const char *rail, struct statement_format *f)
{
    struct fault_list faults;
    char path[512];

    (void)snprintf(path, sizeof path, FOLDER "/%s.json", rail);
    fault_init(&faults);
    if (statement_format_load(path, f, &faults) != 0)
        fail_msg("%s", buf_cstr(&faults.text));
    assert_string_equal(f->name, rail);
    fault_fini(&faults);
}

static void shipped_formats_load(void **state)
{
    DIR *dir = opendir(FOLDER);
    unsigned n = 0;

    (void)state;
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        struct str rail, ext;
        char name[64];
        struct statement_format f;

        if (!str_cut(str_c(e->d_name), '.', &rail, &ext) || !str_eq_c(ext, "json"))
            continue;
        assert_true(str_to_c(rail, name, sizeof name));
        shipped(name, &f);
        n++;
    }
    closedir(dir);
    assert_int_equal(n, 5);
}

/* The lines, or the faults, of a file of this rail. */
static const char *told(const char *rail, struct str bytes, struct buf *out)
{
    static struct fault_list faults;
    struct statement_format f;
    size_t lines;

    shipped(rail, &f);
    fault_fini(&faults);
    fault_init(&faults);
    buf_init(out, 1 << 20);
    if (statement_read(&f, "f", bytes, out, &lines, &faults) == 0)
        return buf_cstr(out);
    return buf_cstr(&faults.text);
}

#define MTN  "Id,External Transaction Id,Date,Status,Type,From,Amount,Fee,Currency\n"
#define WAVE "timestamp;transaction_id;transaction_type;amount;fee;currency;client_reference\n"
#define SON  "Date,Transaction ID,Reference,Service,Statut,Montant,Frais,Retenue\n"
#define PESA                                                                                        \
    "Organization:,Coko\nReceipt No.,Completion Time,Details,Transaction Status,Paid In,Withdrawn," \
    "Reason Type,A/C No.\n"

static const struct {
    const char *rail, *file, *want;
} cases[] = {
    {"mtn_momo", MTN, "[]"},
    {"mtn_momo", MTN "77,ab-cd,2026-11-29 10:00:01,SUCCESSFUL,Payment,225,\"2,500\",25,XOF\n",
     "[{\"no\":2,\"id\":\"77\",\"ref\":\"ab-cd\",\"kind\":\"payment\",\"gross\":2500,\"fee\":25,"
     "\"withheld\":0,\"currency\":\"XOF\",\"at\":\"2026-11-29T10:00:01\"}]"},
    {"mtn_momo", MTN "77,x,2026-11-29 10:00:01,Failed,Payment,225,2500,25,XOF\n", "[]"},
    {"mtn_momo", MTN "77,x,2026-11-29 10:00:01,Successful,Payment,225,2500.00,-25.0,XOF\n",
     "[{\"no\":2,\"id\":\"77\",\"ref\":\"x\",\"kind\":\"payment\",\"gross\":2500,\"fee\":25,"
     "\"withheld\":0,\"currency\":\"XOF\",\"at\":\"2026-11-29T10:00:01\"}]"},
    {"mtn_momo", MTN "77,x,2026-11-29 10:00:01,Successful,Payment,225,25.50,0,GHS\n",
     "[{\"no\":2,\"id\":\"77\",\"ref\":\"x\",\"kind\":\"payment\",\"gross\":2550,\"fee\":0,"
     "\"withheld\":0,\"currency\":\"GHS\",\"at\":\"2026-11-29T10:00:01\"}]"},
    {"mtn_momo", MTN "77,x,2026-11-29 10:00:01,Successful,Payment,225,25.5,0,XOF\n",
     "f:2: \"Amount\": \"25.5\" is no whole amount of XOF\n"},
    {"mtn_momo", MTN "77,x,2026-11-29 10:00:01,Odd,Payment,225,25,0,XOF\n",
     "f:2: \"Status\": no word of mtn_momo has \"Odd\"\n"},
    {"mtn_momo", MTN "77,x,2026-11-29 10:00:01,Successful,Gift,225,25,0,XOF\n",
     "f:2: \"Type\": no word of mtn_momo has \"Gift\"\n"},
    {"mtn_momo", MTN "77,x,29/11/2026,Successful,Payment,225,25,0,XOF\n",
     "f:2: \"Date\": \"29/11/2026\" is not of the form %Y-%m-%d %H:%M:%S\n"},
    {"mtn_momo", MTN "77,x,2026-11-29 10:00:01,Successful,Payment,225,25,0\n",
     "f:2: 8 fields where the head has 9\n"},
    {"mtn_momo", MTN ",x,2026-11-29 10:00:01,Successful,Payment,225,25,0,XOF\n\"\n",
     "f:2: \"Id\": no id of a transaction\nf:3: a quote is never closed\n"},
    {"mtn_momo", MTN "7,x,2026-11-29 10:00:01,Successful,Payment,225,,0,XOF\n",
     "f:2: a payment of 0\n"},
    {"mtn_momo", MTN "7,x,2026-11-29 10:00:01,Successful,Payment,225,-5,0,XOF\n",
     "f:2: a payment of -5\n"},
    {"mtn_momo", MTN "7,x,2026-11-29 10:00:01,Successful,Payment,225,25,26,XOF\n",
     "f:2: a payment of 25 with 26 taken off\n"},
    {"mtn_momo", MTN "7,x,2026-11-29 10:00:01,Successful,Payment,225,5,0,F CFA\n",
     "f:2: \"F CFA\" is no currency\n"},
    {"mtn_momo", "Id,Date\n1,2\n",
     "f: no line of the first 40 names all columns of mtn_momo: is it that rail's file?\n"},
    {"wave",
     WAVE "2026-11-29T10:00:01.123Z;T_1;api_checkout;2500;25;XOF;r\n"
          "2026-11-29T11:00:01+01:00;T_2;api_checkout_refund;-100;;XOF;\n"
          "2026-11-29T11:00:01;T_3;b2b;-9;;XOF;\n",
     "[{\"no\":2,\"id\":\"T_1\",\"ref\":\"r\",\"kind\":\"payment\",\"gross\":2500,\"fee\":25,"
     "\"withheld\":0,\"currency\":\"XOF\",\"at\":\"2026-11-29T10:00:01Z\"},"
     "{\"no\":3,\"id\":\"T_2\",\"ref\":\"\",\"kind\":\"refund\",\"gross\":100,\"fee\":0,"
     "\"withheld\":0,\"currency\":\"XOF\",\"at\":\"2026-11-29T11:00:01+01:00\"},"
     "{\"no\":4,\"id\":\"T_3\",\"ref\":\"\",\"kind\":\"other\",\"gross\":-9,\"fee\":0,"
     "\"withheld\":0,\"currency\":\"XOF\",\"at\":\"2026-11-29T11:00:01\"}]"},
    {"wave", WAVE "2026-11-29T10:00:01Z;T;api_checkout_refund;100;;XOF;\n",
     "f:2: a refund of 100\n"},
    {"orange_sonatel",
     SON "29/11/2026 09:00:00,MP1,r,Paiement marchand,Succès,\"2\xC2\xA0"
         "500\",25,\"12,00\"\n",
     "[{\"no\":2,\"id\":\"MP1\",\"ref\":\"r\",\"kind\":\"payment\",\"gross\":2500,\"fee\":25,"
     "\"withheld\":12,\"currency\":\"XOF\",\"at\":\"2026-11-29T09:00:00\"}]"},
    {"orange_sonatel", SON "29/11/2026 09:00:00,MP1,r,Commission,Success,30,0,0\n",
     "[{\"no\":2,\"id\":\"MP1\",\"ref\":\"r\",\"kind\":\"fee\",\"gross\":0,\"fee\":30,"
     "\"withheld\":0,\"currency\":\"XOF\",\"at\":\"2026-11-29T09:00:00\"}]"},
    {"orange_sonatel", SON "29/11/2026 09:00:00,MP1,r,Commission,Success,\"2,5\",0,0\n",
     "f:2: \"Montant\": \"2,5\" is no whole amount of XOF\n"},
    {"mpesa",
     PESA
     "TK1,2026-11-29 10:00:00,Pay Bill from 254,Completed,\"1,200.50\",,Pay Bill Online,0a1b2c\n"
     "TK1,2026-11-29 10:00:00,Pay Bill Charge,Completed,,-12.00,Pay Bill Charge,\n"
     "TK2,2026-11-29 10:00:00,Reversal,Completed,,30.00,Transaction Reversal,\n",
     "[{\"no\":3,\"id\":\"TK1\",\"ref\":\"0a1b2c\",\"kind\":\"payment\",\"gross\":120050,\"fee\":0,"
     "\"withheld\":0,\"currency\":\"KES\",\"at\":\"2026-11-29T10:00:00\"},"
     "{\"no\":4,\"id\":\"TK1\",\"ref\":\"\",\"kind\":\"fee\",\"gross\":0,\"fee\":1200,"
     "\"withheld\":0,\"currency\":\"KES\",\"at\":\"2026-11-29T10:00:00\"},"
     "{\"no\":5,\"id\":\"TK2\",\"ref\":\"\",\"kind\":\"refund\",\"gross\":3000,\"fee\":0,"
     "\"withheld\":0,\"currency\":\"KES\",\"at\":\"2026-11-29T10:00:00\"}]"},
    {"mpesa", PESA "TK1,2026-11-29 10:00:00,x,Completed,5,5,Pay Bill Online,\n",
     "f:3: one of \"Paid In\" and \"Withdrawn\" has an amount\n"},
    {"mpesa", PESA "TK1,2026-11-29 10:00:00,x,Completed,,,Pay Bill Online,\n",
     "f:3: one of \"Paid In\" and \"Withdrawn\" has an amount\n"},
};

static void lines_are_integers_or_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out;

        assert_string_equal(told(cases[i].rail, str_c(cases[i].file), &out), cases[i].want);
        buf_fini(&out);
    }
}

/* Hard case 15, as statements write it. Grouping is a comma in MTN's. */
static const struct {
    const char *text;
    long long minor; /* -1: refused */
} amounts[] = {{"2500", 2500},
               {"2,500", 2500},
               {"2,500.00", 2500},
               {"1,002,500", 1002500},
               {"+2500", 2500},
               {" 2500 ", 2500},
               {"02500", 2500},
               {"25,00", -1},
               {"2,5000", -1},
               {",500", -1},
               {"2,,500", -1},
               {"2500,", -1},
               {"2500,00", -1},
               {"2.500", -1},
               {"2500.", -1},
               {".5", -1},
               {"0x9C4", -1},
               {"1e3", -1},
               {"NaN", -1},
               {"--5", -1},
               {"2 500", -1},
               {"2500.001", -1},
               {"9999999999999999", -1},
               {"9223372036854775808", -1},
               {"12345678901234567890123456789012", -1},
               {"1,234,567,890,123,456,789,012,345", -1},
               {"\xD9\xA2\xD9\xA5", -1}};

static void amounts_are_whole_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
        char file[512], want[64];
        struct buf out;

        (void)snprintf(file, sizeof file,
                       MTN "7,x,2026-11-29 10:00:01,Successful,Payment,225,\"%s\",0,XOF\n",
                       amounts[i].text);
        const char *got = told("mtn_momo", str_c(file), &out);

        (void)snprintf(want, sizeof want, "\"gross\":%lld,", amounts[i].minor);
        if (amounts[i].minor < 0 ? strncmp(got, "f:2: \"Amount\"", 13) != 0 : !strstr(got, want))
            fail_msg("%s: %s", amounts[i].text, got);
        buf_fini(&out);
    }
}

static const struct {
    const char *pattern, *text, *want; /* NULL: refused */
} times[] = {
    {"%Y-%m-%d %H:%M:%S", "2026-11-29 23:59:59", "2026-11-29T23:59:59"},
    {"%Y-%m-%d %H:%M:%S", "2026-11-29 24:00:00", NULL},
    {"%Y-%m-%d %H:%M:%S", "2026-02-29 10:00:00", NULL},
    {"%Y-%m-%d %H:%M:%S", "2028-02-29 10:00:00", "2028-02-29T10:00:00"},
    {"%Y-%m-%d %H:%M:%S", "2026-11-29 10:00", NULL},
    {"%Y-%m-%d %H:%M:%S", "2026-11-29 10:00:00 ", NULL},
    {"%Y-%m-%d %H:%M:%S", "0026-11-29 10:00:00", NULL},
    {"%d/%m/%Y %H:%M", "9/1/2026 7:05", "2026-01-09T07:05:00"},
    {"%d/%m/%Y", "31/13/2026", NULL},
    {"%d-%b-%Y %I:%M %p", "29-Nov-2026 12:05 AM", "2026-11-29T00:05:00"},
    {"%d-%b-%Y %I:%M %p", "29-nov-2026 12:05 pm", "2026-11-29T12:05:00"},
    {"%d-%b-%Y %I:%M %p", "29-Nov-2026 13:05 PM", NULL},
    {"%d-%b-%Y %I:%M %p", "29-Nox-2026 01:05 PM", NULL},
    {"%Y%m%d%H%M%S%f%z", "20261129100000.5-0330", "2026-11-29T10:00:00-03:30"},
    {"%Y%m%d%H%M%S%f%z", "20261129100000.", NULL},
    {"%Y%m%d%H%M%S%z", "20261129100000+15:00", NULL},
    {"%Y%m%d%H%M%S%z", "20261129100000?", NULL},
};

static void times_are_by_the_pattern(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        char out[32] = "";
        bool ok = statement_time(times[i].pattern, str_c(times[i].text), out);

        if (ok != (times[i].want != NULL) || (ok && strcmp(out, times[i].want) != 0))
            fail_msg("%s: %d %s", times[i].text, ok, out);
    }
}

#define GOOD                                                                                       \
    "\"name\":\"x\",\"columns\":{\"id\":\"I\",\"at\":\"T\",\"amount\":\"A\"},\"time\":\"%Y%m%d\""
static const char *const bad_formats[] = {
    "[]",
    "{",
    "{\"name\":\"x\"}",
    "{" GOOD "}",                                         /* no currency */
    "{" GOOD ",\"currency\":\"XOF\",\"odd\":1}",          /* no such key */
    "{" GOOD ",\"currency\":\"XOF\",\"grouping\":\".\"}", /* as the decimal mark */
    "{" GOOD ",\"currency\":\"XOF\",\"separator\":\"|\"}",
    "{" GOOD ",\"currency\":\"XOF\",\"signed\":\"yes\"}",
    "{" GOOD ",\"currency\":\"XOF\",\"kinds\":{\"*\":\"payment\"}}", /* of no column */
    "{\"name\":\"x\",\"columns\":{\"id\":\"I\",\"at\":\"T\",\"in\":\"A\"},\"time\":\"%Y%m%d\","
    "\"currency\":\"XOF\"}",
    "{\"name\":\"x\",\"columns\":{\"id\":\"I\",\"at\":\"T\",\"amount\":\"A\",\"kind\":\"K\"},"
    "\"time\":\"%Y%m%d\",\"currency\":\"XOF\",\"kinds\":{\"a\":\"gift\"}}",
    "{\"name\":\"x\",\"columns\":{\"id\":\"I\",\"at\":\"T\",\"amount\":\"A\"},\"time\":\"%Y%m%q\","
    "\"currency\":\"XOF\"}",
    "{\"name\":\"x\",\"columns\":{\"id\":\"I\",\"at\":\"T\",\"amount\":\"A\"},\"time\":\"%H:%M\","
    "\"currency\":\"XOF\"}",
};

static void formats_that_cannot_be_meant_are_refused(void **state)
{
    struct statement_format f;
    struct fault_list faults;

    (void)state;
    fault_init(&faults);
    assert_int_equal(
        statement_format_read("g", str_c("{" GOOD ",\"currency\":\"XOF\"}"), &f, &faults), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad_formats); i++) {
        if (statement_format_read("g", str_c(bad_formats[i]), &f, &faults) == 0)
            fail_msg("%s", bad_formats[i]);
    }
    fault_fini(&faults);
}

static void net_amounts_become_gross(void **state)
{
    static const char format[] =
        "{\"name\":\"x\",\"columns\":{\"id\":\"I\",\"at\":\"T\",\"amount\":\"A\",\"fee\":\"F\","
        "\"withheld\":\"W\"},\"time\":\"%Y%m%d\",\"currency\":\"XOF\",\"net\":true}";
    struct statement_format f;
    struct fault_list faults;
    struct buf out;
    size_t lines;

    (void)state;
    fault_init(&faults);
    buf_init(&out, 1 << 16);
    assert_int_equal(statement_format_read("g", str_c(format), &f, &faults), 0);
    assert_int_equal(statement_read(&f, "f", STR("I\tT\tA\tF\tW\n1\t20261129\t2463\t25\t12\n"),
                                    &out, &lines, &faults),
                     0);
    assert_non_null(strstr(buf_cstr(&out), "\"gross\":2500,\"fee\":25,\"withheld\":12,"));
    assert_int_equal(lines, 1);
    buf_fini(&out);
    fault_fini(&faults);
}

static void read_cut(const char *p, size_t n, void *ctx)
{
    const struct statement_format *f = ctx;
    struct fault_list faults;
    struct buf out;
    size_t lines;

    fault_init(&faults);
    buf_init(&out, 1 << 16);
    (void)!statement_read(f, "f", str_n(p, n), &out, &lines, &faults);
    assert_true(lines <= 2);
    buf_fini(&out);
    fault_fini(&faults);
}

static void no_prefix_is_read_beyond(void **state)
{
    static const char file[] =
        "\xEF\xBB\xBF" WAVE "2026-11-29T10:00:01.123Z;\"T_1\";api_checkout;2500;25;XOF;r\r\n"
        "2026-11-29T11:00:01+01:00;T_2;api_checkout_refund;-100;;XOF;\"\"\"\"\r\n";
    struct statement_format f;

    (void)state;
    shipped("wave", &f);
    guard_each_cut(file, sizeof file - 1, read_cut, &f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_formats_load),
        cmocka_unit_test(lines_are_integers_or_faults),
        cmocka_unit_test(amounts_are_whole_or_refused),
        cmocka_unit_test(times_are_by_the_pattern),
        cmocka_unit_test(formats_that_cannot_be_meant_are_refused),
        cmocka_unit_test(net_amounts_become_gross),
        cmocka_unit_test(no_prefix_is_read_beyond),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
