/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readable text of a chapter, and what a hostile one tries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/books/book.h"
#include "gateway/books/xhtml.h"

#define DOCTYPE "<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.1//EN' 'http://w3.example/x.dtd'>"

/* Reads a page as a part of a book; heading and text as given, the text cleaned. */
static void check_page(struct str page, const char *heading, const char *text)
{
    struct xhtml x;
    struct book b;
    struct err e = {0};

    xhtml_read(&x, page);
    book_init(&b);
    assert_int_equal(book_add_part(&b, buf_str(&x.heading), buf_str(&x.text), &e), 0);
    struct str body = b.nparts ? b.parts[0].body : STR_EMPTY;
    struct str title = b.nparts ? b.parts[0].title : STR_EMPTY;

    if (!str_eq_c(body, text))
        fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(body), text);
    if (heading && !str_eq_c(title, heading))
        fail_msg("heading \"%.*s\" is not \"%s\"", STR_ARG(title), heading);
    book_fini(&b);
    xhtml_fini(&x);
}

#define BODY(inner) STR("<html><head><title>no</title></head><body>" inner "</body></html>")

static void blocks(void **state)
{
    (void)state;
    check_page(BODY("<p>Un <b>gros</b>\n mot.</p><p>Deux.</p>"), NULL, "Un gros mot.\n\nDeux.");
    check_page(BODY("<div>A<p>B</p>C</div>"), NULL, "A\n\nB\n\nC");
    check_page(BODY("<ul><li>un</li><li>deux</li></ul>"), NULL, "un\n\ndeux");
    check_page(BODY("<p>un<br/>deux</p>"), NULL, "un deux");
    check_page(BODY("<table><tr><td>a</td><td>b</td></tr></table>"), NULL, "a b");
    check_page(BODY("<p><![CDATA[a < b]]></p>"), NULL, "a < b");
    check_page(BODY("<p>a<!-- no -->b<?php no ?>c</p>"), NULL, "abc");
}

static void headings(void **state)
{
    (void)state;
    check_page(BODY("<h2>Chapitre <i>un</i></h2><p>T.</p><h3>Deux</h3>"), "Chapitre un",
               "T.\n\nDeux");
    check_page(BODY("<p>T.</p>"), "", "T.");
    check_page(BODY("<h1/><h2>Vrai</h2><p>T.</p>"), "Vrai", "T.");
}

static void what_is_not_read(void **state)
{
    (void)state;
    check_page(BODY("<script>no()</script><style>p{}</style><p>oui</p><nav>no</nav>"
                    "<svg><text>no</text></svg><label>12</label><button>no</button>"),
               NULL, "oui");
}

static void entities(void **state)
{
    (void)state;
    check_page(
        STR("<?xml version='1.0'?>" DOCTYPE "<html><body><p>&Eacute;t&eacute;&nbsp;! "
            "&lt;b&gt; &amp; &#233; &#x20AC; &hellip; &laquo;a&raquo; &nope;z</p></body></html>"),
        NULL, "Été ! <b> & é € … «a» z");
    /* no DTD: the XML parser gives up, the HTML one knows the names */
    check_page(BODY("<p>caf&eacute;&nbsp;noir</p>"), NULL, "café noir");
}

static void only_html_entities_are_expanded(void **state)
{
    (void)state;
    check_page(STR("<?xml version='1.0'?><!DOCTYPE html [<!ENTITY x SYSTEM 'file:///etc/passwd'>"
                   "<!ENTITY y 'oh'>]><html><body><p>a&x;&y;b</p></body></html>"),
               NULL, "ab");
    check_page(STR("<?xml version='1.0'?><!DOCTYPE html [<!ENTITY % x SYSTEM "
                   "'file:///etc/passwd'> %x;]><html><body><p>ab</p></body></html>"),
               NULL, "ab");
}

static void a_billion_laughs(void **state)
{
    struct buf b;
    struct xhtml x;

    (void)state;
    buf_init(&b, 1 << 16);
    buf_puts(&b, "<?xml version='1.0'?><!DOCTYPE html [<!ENTITY l0 'lol'>");
    for (int i = 1; i < 12; i++) {
        buf_addf(&b, "<!ENTITY l%d '", i);
        for (int k = 0; k < 10; k++)
            buf_addf(&b, "&l%d;", i - 1);
        buf_puts(&b, "'>");
    }
    buf_puts(&b, "]><html><body><p title='&l11;'>a&l11;b</p></body></html>");
    xhtml_read(&x, buf_str(&b));
    assert_true(x.text.len < 100000);
    xhtml_fini(&x);
    buf_fini(&b);
}

static void nested(struct buf *b, const char *open, const char *close, int depth)
{
    buf_init(b, 8 << 20);
    buf_puts(b, "<html><body>");
    for (int i = 0; i < depth; i++)
        buf_puts(b, open);
    buf_puts(b, "<p>fond</p>");
    for (int i = 0; i < depth; i++)
        buf_puts(b, close);
    buf_puts(b, "</body></html>");
}

static void deep_nesting_is_bounded(void **state)
{
    struct xhtml x;
    struct buf b;

    (void)state;
    nested(&b, "<div>", "</div>", 100);
    check_page(buf_str(&b), NULL, "fond");
    buf_fini(&b);
    for (int depth = 1000; depth <= 10000; depth *= 10) {
        nested(&b, "<div>", "</div>", depth);
        xhtml_read(&x, buf_str(&b));
        xhtml_fini(&x);
        buf_fini(&b);
        nested(&b, "<span>", "", depth); /* for the HTML parser */
        xhtml_read(&x, buf_str(&b));
        xhtml_fini(&x);
        buf_fini(&b);
    }
}

/* bug: the search went one call deeper a level, and a file decides how many there are */
static void a_search_does_not_recurse(void **state)
{
    xmlDoc *d = xmlNewDoc((const xmlChar *)"1.0");
    xmlNode *at = xmlNewNode(NULL, (const xmlChar *)"a"), *root = at;

    (void)state;
    xmlDocSetRootElement(d, root);
    for (int i = 0; i < 500000; i++)
        at = xmlAddChild(at, xmlNewNode(NULL, (const xmlChar *)"b"));
    xmlAddChild(root, xmlNewNode(NULL, (const xmlChar *)"last"));
    xmlNode *deep = xmlAddChild(at, xmlNewNode(NULL, (const xmlChar *)"deep"));

    assert_ptr_equal(xhtml_find(root, "deep"), deep);
    assert_non_null(xhtml_find(root, "last"));
    assert_null(xhtml_find(root, "none"));
    assert_null(xhtml_find(deep, "last"));
    assert_null(xhtml_find(NULL, "a"));
    xmlFreeDoc(d);
}

static void broken_pages_give_what_they_have(void **state)
{
    (void)state;
    check_page(STR(""), NULL, "");
    check_page(STR("<"), NULL, "");
    check_page(STR("\0\0\0"), NULL, "");
    check_page(STR("<html><body><p>un<p>deux"), NULL, "un\n\ndeux");
    check_page(STR("<html><body><p>un</div><p>deux</p>"), NULL, "un\n\ndeux");
    check_page(STR("plain words"), NULL, "plain words");
}

static void charsets(void **state)
{
    (void)state;
    check_page(STR("<?xml version='1.0' encoding='ISO-8859-1'?><html><body><p>\xE9t\xE9</p>"
                   "</body></html>"),
               NULL, "été");
    check_page(STR("\xEF\xBB\xBF<html><body><p>\xC3\xA9t\xC3\xA9</p></body></html>"), NULL, "été");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks),
        cmocka_unit_test(headings),
        cmocka_unit_test(what_is_not_read),
        cmocka_unit_test(entities),
        cmocka_unit_test(only_html_entities_are_expanded),
        cmocka_unit_test(a_billion_laughs),
        cmocka_unit_test(deep_nesting_is_bounded),
        cmocka_unit_test(a_search_does_not_recurse),
        cmocka_unit_test(broken_pages_give_what_they_have),
        cmocka_unit_test(charsets),
    };

    return cmocka_run_group_tests_name("books/xhtml", tests, NULL, NULL);
}
