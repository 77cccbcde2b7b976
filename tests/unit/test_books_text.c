/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text format of a book, and the cleaning that every book's text goes through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/books/book.h"
#include "gateway/lib/utf8.h"

static struct err fault;

static struct book *read_book(struct str text)
{
    static struct book b;

    fault = (struct err){0};
    book_init(&b);
    if (book_read_text(&b, text, &fault) == 0)
        return &b;
    book_fini(&b);
    return NULL;
}

static void check_refused(const char *text, const char *why)
{
    struct book *b = read_book(str_c(text));

    if (b)
        fail_msg("accepted: %s", text);
    if (!strstr(fault.msg, why))
        fail_msg("\"%s\" is not in \"%s\"", why, fault.msg);
}

#define assert_str(s, text) assert_true(str_eq(s, STR(text)))

static void every_header(void **state)
{
    struct book *b = read_book(STR("Title: Le vélo\nCode: 205\nLanguage: fr\nAuthor: Awa\n"
                                   "Author: Moussa\nCategory: roman\nCategory: polar\n"
                                   "Summary: Deux  roues.\nSlug: le-velo-2\n\n# Un\n\nTexte.\n"));

    (void)state;
    assert_non_null(b);
    assert_str(b->title, "Le vélo");
    assert_str(b->language, "fr");
    assert_str(b->summary, "Deux roues.");
    assert_str(b->slug, "le-velo-2");
    assert_int_equal(b->code, 205);
    assert_int_equal(b->nauthors, 2);
    assert_str(b->authors[1], "Moussa");
    assert_int_equal(b->ncategories, 2);
    assert_str(b->categories[0], "roman");
    assert_int_equal(b->nparts, 1);
    assert_str(b->parts[0].title, "Un");
    assert_str(b->parts[0].body, "Texte.");
    book_fini(b);
}

static void bom_and_crlf(void **state)
{
    struct book *b =
        read_book(STR("\xEF\xBB\xBFTitle: A\r\nLanguage: en\r\n\r\n# One\r\n\r\nFirst\r\n"
                      "line.\r\n\r\nSecond.\r\n# Two\r\nEnd.\r"));

    (void)state;
    assert_non_null(b);
    assert_str(b->title, "A");
    assert_int_equal(b->nparts, 2);
    assert_str(b->parts[0].title, "One");
    assert_str(b->parts[0].body, "First line.\n\nSecond.");
    assert_str(b->parts[1].body, "End.");
    book_fini(b);
}

static void faults_name_their_line(void **state)
{
    (void)state;
    check_refused("Title: A\nno colon\n\n# x\ny", "line 2: \"Key: value\"");
    check_refused("Title: A\nColour: red\n\n# x\ny", "line 2: unknown key");
    check_refused("Title: A\nAuthor:  \n\n# x\ny", "line 2: no value");
    check_refused("Code: many\n\n# x\ny", "line 1: a code");
    check_refused("Code: 1000000\n\n# x\ny", "line 1: a code");
    check_refused("Code: 0\n\n# x\ny", "line 1: a code");
    check_refused("Title: A\nSlug: Le Vélo\n\n# x\ny", "line 2: a slug");
    check_refused("Title: A\nSlug: -a\n\n# x\ny", "line 2: a slug");
    check_refused("Title: A\n\nA lost paragraph.\n# x\ny", "line 3: text before");
}

static void what_a_book_must_have(void **state)
{
    (void)state;
    check_refused("", "no part");
    check_refused("Title: A", "no part");
    check_refused("Title: A\n", "no part");
    check_refused("Title: A\n\n", "no part");
    check_refused("Title: A\n\n# only a title\n", "no text");
    check_refused("Title: A\n\n# x\n \n\xC2\xA0\n", "no text");
    check_refused("Language: fr\n\n# x\ny", "no title");
    check_refused("Title: \xFF\n\n# x\ny", "not UTF-8");
    check_refused("Title: A\n\n# x\ncut \xC3", "not UTF-8");
    check_refused("Title: A\n\n# x\nsurrogate \xED\xA0\x80", "not UTF-8");
    check_refused("Title: \xC2\xAD\n\n# x\ny", "no value");
}

static void too_many_names(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 16);
    for (int i = 0; i <= BOOK_NAMES_MAX; i++)
        buf_addf(&b, "Author: Nom %d\n", i);
    buf_puts(&b, "Title: A\n\n# x\ny");
    check_refused(buf_cstr(&b), "line 13: more than 12");
    buf_fini(&b);
}

static void parts_have_a_ceiling(void **state)
{
    struct buf b;

    (void)state;
    for (int n = BOOK_PARTS_MAX; n <= BOOK_PARTS_MAX + 1; n++) {
        buf_init(&b, 1 << 20);
        buf_puts(&b, "Title: A\n\n");
        for (int i = 0; i < n; i++)
            buf_addf(&b, "# %d\nTexte %d.\n", i, i);
        struct book *book = read_book(buf_str(&b));

        assert_int_equal(book != NULL, n == BOOK_PARTS_MAX);
        if (book)
            book_fini(book);
        else
            assert_non_null(strstr(fault.msg, "more than 2000 parts"));
        buf_fini(&b);
    }
}

/* bug: the title was cut at 200 bytes through a character, and the book refused as unreadable */
static void a_long_title_is_cut_between_characters(void **state)
{
    struct buf b;

    (void)state;
    for (size_t pad = 0; pad < 2; pad++) {
        buf_init(&b, 4096);
        buf_puts(&b, pad ? "Title: x" : "Title: ");
        for (int i = 0; i < 150; i++)
            buf_puts(&b, "é");
        buf_puts(&b, "\n\n# x\ny");
        struct book *book = read_book(buf_str(&b));

        assert_non_null(book);
        assert_true(utf8_valid(book->title));
        assert_int_equal(book->title.n, BOOK_TITLE_MAX - pad);
        book_fini(book);
        buf_fini(&b);
    }
}

static void languages(void **state)
{
    static const char *const pairs[][2] = {{"fr", "fr"}, {"EN-gb", "en"}, {"wol", "wo"},
                                           {"x", "fr"},  {"12", "fr"},    {"é", "fr"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char text[100];

        snprintf(text, sizeof text, "Title: A\nLanguage: %s\n\n# x\ny", pairs[i][0]);
        struct book *b = read_book(str_c(text));

        assert_non_null(b);
        assert_true(str_eq_c(b->language, pairs[i][1]));
        book_fini(b);
    }
}

/* ---- cleaning ---- */

static void check_clean(struct str raw, const char *want)
{
    struct book b;
    struct err e = {0};

    book_init(&b);
    assert_int_equal(book_add_part(&b, STR("t"), raw, &e), 0);
    assert_int_equal(b.nparts, want[0] != '\0');
    if (b.nparts && !str_eq_c(b.parts[0].body, want))
        fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(b.parts[0].body), want);
    book_fini(&b);
}

static void text_is_cleaned(void **state)
{
    (void)state;
    check_clean(STR("e\xCC\x81te\xCC\x81"), "été"); /* NFD to NFC */
    check_clean(STR("\xE2\x80\xA6 A\xCC\x8A"), "… Å");
    check_clean(STR("Quoi\xC2\xA0?\xE2\x80\xAFOui\xE2\x80\x83!"), "Quoi ? Oui !");
    check_clean(STR("a\x01"
                    "b\x1B[0mc\x7F"
                    "d\0e\xC2\x85"),
                "ab[0mcde");
    check_clean(STR("  a \t b\r\nc\r\n\r\n\r\nd  "), "a b c\n\nd");
    check_clean(STR("a\n \xC2\xA0\nb"), "a\n\nb");
    /* bug: a soft hyphen stayed in its word, and a zero-width space tore it apart */
    check_clean(STR("mer\xC2\xADveille\xE2\x80\x8Buse \xEF\xBB\xBFoui"), "merveilleuse oui");
    check_clean(STR("\xE2\x80\x8F\xD8\xB3\xD9\x84\xE2\x80\x8E"), "\xD8\xB3\xD9\x84");
    check_clean(STR(" \n\t\xC2\xA0"), "");
    check_clean(STR("\xE2\x80\x8B\xC2\xAD"), "");
}

static void check_split(const char *unit, struct str title, const char *second)
{
    struct book b;
    struct buf body;
    struct err e = {0};
    size_t bytes = 0;

    book_init(&b);
    buf_init(&body, 1 << 20);
    while (body.len < 3 * BOOK_PART_BYTES)
        buf_puts(&body, unit);
    assert_int_equal(book_add_part(&b, title, buf_str(&body), &e), 0);
    assert_true(b.nparts >= 3 && b.nparts <= 7);
    for (size_t i = 0; i < b.nparts; i++) {
        assert_true(b.parts[i].body.n > 0 && b.parts[i].body.n <= BOOK_PART_BYTES);
        assert_true(utf8_valid(b.parts[i].body));
        assert_true(str_eq(b.parts[i].body, str_trim(b.parts[i].body)));
        bytes += b.parts[i].body.n;
    }
    assert_true(bytes + 2 * b.nparts + 2 >= body.len); /* nothing lost but white space */
    assert_true(str_eq_c(b.parts[1].title, second));
    buf_fini(&body);
    book_fini(&b);
}

static void long_chapters_are_parted(void **state)
{
    (void)state;
    check_split("Une phrase de plus, avec des accents é.\n\n", STR("Un"), "Un (2)");
    check_split("mot ", STR("Un"), "Un (2)");
    check_split("é", STR("Un"), "Un (2)");
    check_split("\xF0\x9F\x98\x80", STR(""), "(2)");
}

static void text_has_a_ceiling(void **state)
{
    struct book b;
    struct buf body;
    struct err e = {0};
    int rc = 0;

    (void)state;
    book_init(&b);
    buf_init(&body, 8 << 20);
    while (body.len < (7u << 20))
        buf_puts(&body, "encore un peu de texte ");
    for (int i = 0; rc == 0 && i < 5; i++)
        rc = book_add_part(&b, STR("t"), buf_str(&body), &e);
    assert_int_equal(rc, -1);
    assert_int_equal(e.code, ERR_TOO_BIG);
    assert_true(b.nparts > 100);
    buf_fini(&body);
    book_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_header),
        cmocka_unit_test(bom_and_crlf),
        cmocka_unit_test(faults_name_their_line),
        cmocka_unit_test(what_a_book_must_have),
        cmocka_unit_test(too_many_names),
        cmocka_unit_test(parts_have_a_ceiling),
        cmocka_unit_test(a_long_title_is_cut_between_characters),
        cmocka_unit_test(languages),
        cmocka_unit_test(text_is_cleaned),
        cmocka_unit_test(long_chapters_are_parted),
        cmocka_unit_test(text_has_a_ceiling),
    };

    return cmocka_run_group_tests_name("books/text", tests, NULL, NULL);
}
