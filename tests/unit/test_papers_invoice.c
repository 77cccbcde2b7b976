/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of an invoice: the same bytes each time, whatever stands in it; and what of a number may
 * stand there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/papers/invoice.h"

static struct invoice_paper paper(void)
{
    return (struct invoice_paper){.number = "SN-2026-F000001",
                                  .kind = "invoice",
                                  .of_number = "",
                                  .lang = "fr",
                                  .issued = "24/11/2026",
                                  .issued_at = "20261124103000",
                                  .seller_name = "Coko",
                                  .seller_particulars = "",
                                  .label = "Pass mois",
                                  .ht = "2 119 FCFA",
                                  .tva = "381 FCFA",
                                  .ttc = "2 500 FCFA",
                                  .rate = "18",
                                  .credit = "",
                                  .rail = "Wave",
                                  .rail_txn = "T1",
                                  .reference = "0a1b2c3d",
                                  .payer = "+221 *******01"};
}

static struct buf drawn(const struct invoice_paper *p)
{
    struct buf out;
    struct err e = {0};

    buf_init(&out, INVOICE_PDF_MAX);
    if (invoice_pdf(p, &out, &e) != 0)
        fail_msg("%s", e.msg);
    return out;
}

static void assert_on_page(const struct invoice_paper *p, const char *text, bool there)
{
    struct buf out = drawn(p);

    assert_int_equal(memmem(out.p, out.len, text, strlen(text)) != NULL, there);
    buf_fini(&out);
}

static void same_invoice_same_bytes(void **state)
{
    struct invoice_paper p = paper();
    struct buf one = drawn(&p), two = drawn(&p);

    (void)state;
    assert_true(str_starts(buf_str(&one), STR("%PDF-")));
    assert_true(str_eq(buf_str(&one), buf_str(&two)));
    assert_true(one.len < 16 << 10);
    p.ttc = "2 501 FCFA";
    buf_fini(&two);
    two = drawn(&p);
    assert_false(str_eq(buf_str(&one), buf_str(&two)));
    buf_fini(&one);
    buf_fini(&two);
}

static void its_dates_are_its_own(void **state)
{
    struct invoice_paper p = paper();

    (void)state;
    assert_on_page(&p, "/CreationDate (D:20261124103000Z", true);
    assert_on_page(&p, "/ModDate (D:20261124103000Z", true);
}

static void words_of_both_languages_and_kinds(void **state)
{
    struct invoice_paper p = paper();

    (void)state;
    assert_on_page(&p, "(Facture SN-2026-F000001)", true);
    assert_on_page(&p, "(TVA 18 \\045)", true);
    p.lang = "en";
    assert_on_page(&p, "(Invoice SN-2026-F000001)", true);
    assert_on_page(&p, "(VAT 18 \\045)", true);
    p.kind = "credit";
    p.number = "SN-2026-A000001";
    p.of_number = "SN-2026-F000001";
    assert_on_page(&p, "(Credit note SN-2026-A000001)", true);
    assert_on_page(&p, "(on invoice SN-2026-F000001)", true);
}

static void letters_become_those_of_the_page(void **state)
{
    static const struct {
        const char *label, *shown;
    } rows[] = {
        {"L'\xc3\xa9t\xc3\xa9 \xc3\xa0 Thi\xc3\xa8s", "L'\\351t\\351 \\340 Thi\\350s"},
        {"c\xc5\x93ur", "c\\234ur"},
        {"\xc5\x8b"
         "aaw", /* eng, of Wolof: not in WinAnsi */
         "(naaw)"},
        {"(a) \\ b", "\\050a\\051 \\134 b"},
        {"a\nb", "(a b)"},
        {"a\xff\xfe"
         "b",
         "(a??b)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct invoice_paper p = paper();

        p.label = rows[i].label;
        assert_on_page(&p, rows[i].shown, true);
    }
}

/* A title of any length stays in its column, and on the page. */
static void what_is_too_wide_is_cut(void **state)
{
    static char wide[4096];
    struct invoice_paper p = paper();

    (void)state;
    memset(wide, 'W', sizeof wide - 1);
    p.label = wide;
    p.seller_name = wide;
    p.seller_particulars = "1\n2\n\n4\n5\n6\n7\n8\n9\n10";
    p.rail_txn = wide;
    assert_on_page(&p, "WWW...)", true);
    assert_on_page(&p, "(8)", true);
    assert_on_page(&p, "(9)", false);
    for (size_t n = 500; n < 700; n++) {
        wide[n] = '\0';
        struct buf out = drawn(&p);

        buf_fini(&out);
        wide[n] = 'W';
    }
}

static void a_time_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {"", "2026112410300", "202611241030000", "20261124x03000",
                                      "20261324103000"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct invoice_paper p = paper();
        struct buf out;
        struct err e = {0};

        p.issued_at = bad[i];
        buf_init(&out, INVOICE_PDF_MAX);
        assert_int_equal(invoice_pdf(&p, &out, &e), -1);
        assert_int_equal(e.code, ERR_BAD_INPUT);
        assert_int_equal(out.len, 0);
        buf_fini(&out);
    }
}

static void of_a_number_the_country_and_two_digits(void **state)
{
    static const struct {
        const char *number, *prefix, *shown;
    } rows[] = {{"+2250501020304", "225", "+225 ********04"},
                {"+221771234501", "221", "+221 *******01"},
                {"+22177", "221", ""},
                {"2250501020304", "225", ""},
                {"+2330501020304", "225", ""},
                {"+225050102030405060708090", "225", ""},
                {"", "225", ""}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char shown[32];

        invoice_mask(str_c(rows[i].number), rows[i].prefix, shown);
        assert_string_equal(shown, rows[i].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_invoice_same_bytes),
        cmocka_unit_test(its_dates_are_its_own),
        cmocka_unit_test(words_of_both_languages_and_kinds),
        cmocka_unit_test(letters_become_those_of_the_page),
        cmocka_unit_test(what_is_too_wide_is_cut),
        cmocka_unit_test(a_time_that_is_none_is_refused),
        cmocka_unit_test(of_a_number_the_country_and_two_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
