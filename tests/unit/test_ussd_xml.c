/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carriers' XML: what stands where, and what is never read (hard case 33).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/ussd/profile_xml.h"
#include "tests/unit/guard.h"

static void expect(const char *xml, const char *path, int found, const char *value)
{
    struct profile_xml *x = profile_xml_parse(str_c(xml));
    struct buf b;

    buf_init(&b, 1024);
    assert_non_null(x);
    int rc = profile_xml_value(x, str_c(path), &b);

    if (rc != found || (found == 1 && !str_eq_c(buf_str(&b), value)))
        fail_msg("%s in %s: %d %s", path, xml, rc, buf_cstr(&b));
    profile_xml_free(x);
    buf_fini(&b);
}

static void test_values(void **state)
{
    static const char soap[] =
        "<s:Envelope xmlns:s=\"urn:s\" xmlns:n=\"urn:n\"><s:Header><n:H><n:id>7</n:id></n:H>"
        "</s:Header><s:Body><n:notify><n:text>a &amp; b &#10;&lt;<!-- c --><![CDATA[<d>]]></n:text>"
        "<n:empty/></n:notify></s:Body></s:Envelope>";

    (void)state;
    expect(soap, "Header/H/id", 1, "7");
    expect(soap, "Body/notify/text", 1, "a & b \n<<d>");
    expect(soap, "Body/?/text", 1, "a & b \n<<d>");
    expect(soap, "Body/notify/empty", 1, "");
    expect(soap, "Body/other/text", 0, "");
    expect(soap, "Body/notify", -1, ""); /* elements, where a text should be */
    expect("<r k=\"v &quot;\"><c d='1'/></r>", "@k", 1, "v \"");
    expect("<r k=\"v\"><c d='1'/></r>", "c/@d", 1, "1");
    expect("<r k=\"v\"><c d='1'/></r>", "c/@e", 0, "");
    expect("<r><c>1</c><c>2</c></r>", "c", -1, "");
    expect("<r xmlns:a='u' xmlns:b='w' a:k='1' b:k='2'/>", "@k", -1, "");
    expect("<r>t</r>", "?", 0, "");
    expect("<?xml version='1.0' encoding='ISO-8859-1'?><r><c>\xE9</c></r>", "c", 1, "é");
}

static void test_33_what_is_not_taken(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "text",
        "<r>",
        "<r></s>",
        "<r/><r/>",
        "<r a='1' a='2'/>",
        "<r>&unknown;</r>",
        "<r>\x01</r>",
        "<r>\xff\xfe</r>",
        "<!DOCTYPE r><r/>",
        "<!DOCTYPE r SYSTEM \"http://192.0.2.1/x.dtd\"><r/>",
        "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><r>&x;</r>",
        "<!DOCTYPE r [<!ENTITY % p SYSTEM \"http://192.0.2.1/p\">%p;]><r/>",
        "<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
        "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]><r>&c;</r>",
        "<!DOCTYPE r [<!ATTLIST r k CDATA \"given\">]><r/>",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (profile_xml_parse(str_c(rows[i])) != NULL)
            fail_msg("taken: %s", rows[i]);
    }
}

static size_t nest(char *out, unsigned depth)
{
    struct buf b;

    buf_init_fixed(&b, out, 7 * depth);
    for (unsigned i = 0; i < depth; i++)
        buf_puts(&b, "<a>");
    for (unsigned i = 0; i < depth; i++)
        buf_puts(&b, "</a>");
    return b.len;
}

static void test_33_depth_and_size_have_ceilings(void **state)
{
    static char xml[PROFILE_XML_MAX + 64];
    struct profile_xml *x = profile_xml_parse(str_n(xml, nest(xml, PROFILE_XML_DEPTH)));

    (void)state;
    assert_non_null(x);
    profile_xml_free(x);
    assert_null(profile_xml_parse(str_n(xml, nest(xml, PROFILE_XML_DEPTH + 1))));
    assert_null(profile_xml_parse(str_n(xml, nest(xml, 2000))));
    memset(xml, ' ', sizeof xml);
    memcpy(xml, "<r/>", 4);
    x = profile_xml_parse(str_n(xml, PROFILE_XML_MAX));
    assert_non_null(x);
    profile_xml_free(x);
    assert_null(profile_xml_parse(str_n(xml, PROFILE_XML_MAX + 1)));
}

static void cut(const char *bytes, size_t n, void *ctx)
{
    struct profile_xml *x = profile_xml_parse(str_n(bytes, n));

    (void)ctx;
    profile_xml_free(x);
}

static void test_every_cut_stays_inside(void **state)
{
    static const char xml[] = "<?xml version=\"1.0\"?><a:r xmlns:a='u' k='&#38;'><!-- c --><b>&lt;"
                              "<![CDATA[x]]></b><?p i?></a:r>";

    (void)state;
    guard_each_cut(xml, sizeof xml - 1, cut, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_33_what_is_not_taken),
        cmocka_unit_test(test_33_depth_and_size_have_ceilings),
        cmocka_unit_test(test_every_cut_stays_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
