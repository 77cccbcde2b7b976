/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EPUB files, whole and broken: the package, the archive's guards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/books/book.h"
#include "gateway/books/zip.h"
#include "tests/unit/epub_make.h"

static struct err fault;
static struct book book;

/* Reads and closes; the caller calls book_fini(&book). */
static int read_fd(int fd)
{
    fault = (struct err){0};
    book_init(&book);
    int rc = book_read_epub(&book, fd, &fault);

    close(fd);
    return rc;
}

static void check_refused_fd(int fd, const char *why)
{
    if (read_fd(fd) == 0)
        fail_msg("accepted, wanted: %s", why);
    if (!strstr(fault.msg, why))
        fail_msg("\"%s\" is not in \"%s\"", why, fault.msg);
    book_fini(&book);
}

/* Container, package and one page. */
static void begin(struct epub_make *m, const char *opf)
{
    epub_make_init(m);
    epub_make_add(m, "mimetype", "application/epub+zip");
    epub_make_add(m, "META-INF/container.xml", EPUB_CONTAINER);
    if (opf)
        epub_make_add(m, "OEBPS/book.opf", opf);
}

static int simple(const char *opf)
{
    struct epub_make m;

    begin(&m, opf);
    epub_make_add(&m, "OEBPS/a.xhtml", EPUB_PAGE("<h1>Un</h1><p>Texte un.</p>"));
    epub_make_add(&m, "OEBPS/b.xhtml", EPUB_PAGE("<h1>Deux</h1><p>Texte deux.</p>"));
    return epub_make_fd(&m);
}

#define TWO_ITEMS EPUB_ITEM("a", "a.xhtml") EPUB_ITEM("b", "b.xhtml")
#define TWO_REFS  "<itemref idref='b'/><itemref idref='a'/>"
#define WHOLE     EPUB_OPF(EPUB_META, TWO_ITEMS, TWO_REFS)

#define assert_str(s, text) assert_true(str_eq(s, STR(text)))

static void reading_order(void **state)
{
    (void)state;
    assert_int_equal(read_fd(simple(WHOLE)), 0);
    assert_str(book.title, "Le livre");
    assert_str(book.language, "fr");
    assert_int_equal(book.nauthors, 1);
    assert_str(book.authors[0], "Awa Sy");
    assert_int_equal(book.nparts, 2);
    assert_str(book.parts[0].title, "Deux");
    assert_str(book.parts[0].body, "Texte deux.");
    assert_str(book.parts[1].body, "Texte un.");
    book_fini(&book);
}

static void not_linear_is_left_out(void **state)
{
    (void)state;
    assert_int_equal(read_fd(simple(EPUB_OPF(EPUB_META, TWO_ITEMS,
                                             "<itemref idref='a'/>"
                                             "<itemref idref='b' linear='no'/>"))),
                     0);
    assert_int_equal(book.nparts, 1);
    book_fini(&book);
}

static void of_two_equal_ids_the_first(void **state)
{
    (void)state;
    assert_int_equal(
        read_fd(simple(EPUB_OPF(EPUB_META, EPUB_ITEM("a", "a.xhtml") EPUB_ITEM("a", "b.xhtml"),
                                "<itemref idref='a'/>"))),
        0);
    assert_int_equal(book.nparts, 1);
    assert_str(book.parts[0].title, "Un");
    book_fini(&book);
}

/* bugs: links upwards and accented names were chapters that vanished without a word */
static void names_of_chapters(void **state)
{
    static const char opf[] =
        EPUB_OPF(EPUB_META,
                 EPUB_ITEM("a", "un%20chapitre.xhtml") EPUB_ITEM("b", "../text/deux.xhtml#haut")
                     EPUB_ITEM("c", "./x/../trois.html") EPUB_ITEM("d", "%C3%A9t%c3%a9.xhtml")
                         EPUB_ITEM("e", "no\xC3\xABl.xhtml") EPUB_ITEM("f", "cent%.xht"),
                 "<itemref idref='a'/><itemref idref='b'/><itemref idref='c'/>"
                 "<itemref idref='d'/><itemref idref='e'/><itemref idref='f'/>");
    struct epub_make m;

    (void)state;
    begin(&m, opf);
    epub_make_add(&m, "OEBPS/un chapitre.xhtml", EPUB_PAGE("<p>1</p>"));
    epub_make_add(&m, "text/deux.xhtml", EPUB_PAGE("<p>2</p>"));
    epub_make_add(&m, "OEBPS/trois.html", EPUB_PAGE("<p>3</p>"));
    epub_make_add(&m, "OEBPS/\xC3\xA9t\xC3\xA9.xhtml", EPUB_PAGE("<p>4</p>"));
    epub_make_add(&m, "OEBPS/no\xC3\xABl.xhtml", EPUB_PAGE("<p>5</p>"));
    epub_make_add(&m, "OEBPS/cent%.xht", EPUB_PAGE("<p>6</p>"));
    if (read_fd(epub_make_fd(&m)) != 0)
        fail_msg("%s", fault.msg);
    assert_int_equal(book.nparts, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(book.parts[i].body.p[0], '1' + (int)i);
    book_fini(&book);
}

static void pictures_in_the_order_are_skipped(void **state)
{
    (void)state;
    assert_int_equal(read_fd(simple(EPUB_OPF(
                         EPUB_META, TWO_ITEMS "<item id='c' href='c.svg' media-type='image/svg'/>",
                         "<itemref idref='c'/>" TWO_REFS))),
                     0);
    assert_int_equal(book.nparts, 2);
    book_fini(&book);
}

/* bug: a package that names what the archive lacks was half a book in the library */
static void no_half_book(void **state)
{
    (void)state;
    check_refused_fd(simple(EPUB_OPF(EPUB_META, TWO_ITEMS EPUB_ITEM("c", "c.xhtml"),
                                     TWO_REFS "<itemref idref='c'/>")),
                     "a chapter is missing: OEBPS/c.xhtml");
    check_refused_fd(simple(EPUB_OPF(EPUB_META, TWO_ITEMS, TWO_REFS "<itemref idref='zz'/>")),
                     "names \"zz\"");
    check_refused_fd(
        simple(EPUB_OPF(EPUB_META, EPUB_ITEM("a", "../../a.xhtml"), "<itemref idref='a'/>")),
        "a chapter is missing");
}

static void broken_packages(void **state)
{
    struct epub_make m;

    (void)state;
    check_refused_fd(simple(EPUB_OPF(EPUB_META, TWO_ITEMS, "")), "no text");
    check_refused_fd(simple("<package><spine/></package>"), "no manifest or no spine");
    check_refused_fd(simple(EPUB_OPF("<metadata/>", TWO_ITEMS, TWO_REFS)), "no title");
    check_refused_fd(simple(NULL), "package document is missing");
    check_refused_fd(simple("\x01\x02"), "");
    epub_make_init(&m);
    epub_make_add(&m, "a.xhtml", EPUB_PAGE("<p>x</p>"));
    check_refused_fd(epub_make_fd(&m), "container.xml names no package");
    epub_make_init(&m);
    epub_make_add(&m, "META-INF/container.xml", "<container><rootfiles/></container>");
    check_refused_fd(epub_make_fd(&m), "container.xml names no package");
}

/* bug: an empty name was an author */
static void an_author_has_a_name(void **state)
{
    (void)state;
    assert_int_equal(
        read_fd(simple(EPUB_OPF("<metadata xmlns:dc='d'><dc:title>T</dc:title><dc:creator/>"
                                "<dc:creator> </dc:creator><dc:creator>Awa</dc:creator></metadata>",
                                TWO_ITEMS, TWO_REFS))),
        0);
    assert_int_equal(book.nauthors, 1);
    assert_str(book.authors[0], "Awa");
    book_fini(&book);
}

static void a_package_declares_no_entity(void **state)
{
    (void)state;
    check_refused_fd(simple("<?xml version='1.0'?><!DOCTYPE package [<!ENTITY a 'aaaaaaaaaa'>"
                            "<!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
                            "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]>"
                            "<package><metadata><title>&c;</title></metadata><manifest>" EPUB_ITEM(
                                "a", "&c;") "</manifest><spine/></package>"),
                     "");
    check_refused_fd(simple("<?xml version='1.0'?><!DOCTYPE package [<!ENTITY a SYSTEM "
                            "'file:///etc/passwd'>]><package><metadata><title>&a;</title>"
                            "</metadata><manifest/><spine/></package>"),
                     "package document is missing or broken");
}

/* Each itemref looked the whole manifest up, in memory that was never given back. */
static void a_long_manifest_is_read_in_time(void **state)
{
    struct epub_make m;
    struct buf opf;

    (void)state;
    buf_init(&opf, 8 << 20);
    buf_puts(&opf, "<package>" EPUB_META "<manifest>");
    for (int i = 0; i < 20000; i++)
        buf_addf(&opf, "<item id='picture%d' href='p%d.png' media-type='image/png'/>", i, i);
    buf_puts(&opf, EPUB_ITEM("a", "a.xhtml") "</manifest><spine>");
    for (int i = 0; i < BOOK_PARTS_MAX; i++)
        buf_puts(&opf, "<itemref idref='a'/>");
    buf_puts(&opf, "</spine></package>");
    begin(&m, buf_cstr(&opf));
    epub_make_add(&m, "OEBPS/a.xhtml", EPUB_PAGE("<p>x</p>"));
    assert_int_equal(read_fd(epub_make_fd(&m)), 0);
    assert_int_equal(book.nparts, BOOK_PARTS_MAX);
    book_fini(&book);
    buf_fini(&opf);
}

/* ---- the archive ---- */

static void check_zip(int fd, const char *why)
{
    struct zip z;
    struct err e = {0};
    int rc = zip_read(&z, fd, &e);

    close(fd);
    zip_fini(&z);
    assert_int_equal(rc, why ? -1 : 0);
    if (why && !strstr(e.msg, why))
        fail_msg("\"%s\" is not in \"%s\"", why, e.msg);
}

static void zeros(struct epub_make *m, const char *name, size_t n)
{
    char *p = calloc(1, n);

    epub_make_type(m, name, str_n(p, n), AE_IFREG);
    free(p);
}

static void bombs(void **state)
{
    struct epub_make m;
    char name[64];

    (void)state;
    epub_make_init(&m);
    zeros(&m, "a.xhtml", 4 << 20);
    check_zip(epub_make_fd(&m), "packed beyond reason");

    epub_make_init(&m);
    zeros(&m, "a.png", 12 << 20); /* never unpacked */
    epub_make_add(&m, "a.xhtml", "<p/>");
    check_zip(epub_make_fd(&m), NULL);

    epub_make_init(&m);
    for (int i = 0; i <= ZIP_ENTRIES_MAX; i++) {
        snprintf(name, sizeof name, "p%d.png", i);
        epub_make_add(&m, name, "");
    }
    check_zip(epub_make_fd(&m), "more than 8192 files");
}

static void too_much_text(void **state)
{
    struct epub_make m;
    char *noise = malloc(ZIP_ENTRY_MAX);
    uint32_t seed = 1;

    (void)state;
    for (size_t i = 0; i < ZIP_ENTRY_MAX; i++) /* packs to a sixteenth or so */
        noise[i] = (char)("ab"[(seed = seed * 1103515245u + 12345u) >> 31]);
    epub_make_init(&m);
    epub_make_type(&m, "a.xhtml", str_n(noise, ZIP_ENTRY_MAX), AE_IFREG);
    epub_make_type(&m, "b.xhtml", str_n(noise, 1 << 20), AE_IFREG);
    check_zip(epub_make_fd(&m), NULL);

    char *more = realloc(noise, ZIP_ENTRY_MAX + 1);

    more[ZIP_ENTRY_MAX] = 'a';
    epub_make_init(&m);
    epub_make_type(&m, "a.xhtml", str_n(more, ZIP_ENTRY_MAX + 1), AE_IFREG);
    check_zip(epub_make_fd(&m), "unpacks to more");

    epub_make_init(&m);
    archive_write_zip_set_compression_store(m.a);
    for (int i = 0; i < 7; i++) {
        char name[] = "0.xhtml";

        name[0] = (char)('0' + i);
        epub_make_type(&m, name, str_n(more, ZIP_ENTRY_MAX), AE_IFREG);
    }
    check_zip(epub_make_fd(&m), "unpacks to more");
    free(more);
}

static void names_that_lead_out(void **state)
{
    static const char *const bad[] = {"../a.xhtml", "/etc/a.xhtml", "x/../../a.xhtml",
                                      "x/../a.xhtml"};
    struct epub_make m;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        epub_make_init(&m);
        epub_make_add(&m, bad[i], "<p/>");
        check_zip(epub_make_fd(&m), "impossible name");
    }
}

static void symlinks_are_nothing(void **state)
{
    struct epub_make m;
    struct zip z;
    struct err e = {0};

    (void)state;
    epub_make_init(&m);
    epub_make_type(&m, "a.xhtml", STR("/etc/passwd"), AE_IFLNK);
    int fd = epub_make_fd(&m);

    assert_int_equal(zip_read(&z, fd, &e), 0);
    assert_null(zip_entry(&z, STR("a.xhtml")).p);
    zip_fini(&z);
    close(fd);
}

/* Sets the encrypted flag in every header of the archive. */
static void encrypted(void **state)
{
    struct buf b;

    (void)state;
    epub_make_bytes(simple(WHOLE), &b);
    for (size_t i = 0; i + 10 < b.len; i++) {
        if (memcmp(b.p + i, "PK\3\4", 4) == 0)
            b.p[i + 6] |= 1;
        else if (memcmp(b.p + i, "PK\1\2", 4) == 0)
            b.p[i + 8] |= 1;
    }
    check_refused_fd(epub_make_from(b.p, b.len), "encrypted");
    buf_fini(&b);
}

static void keys_of_a_seller(void **state)
{
    struct epub_make m;

    (void)state;
    begin(&m, WHOLE);
    epub_make_add(&m, "OEBPS/a.xhtml", EPUB_PAGE("<p>x</p>"));
    epub_make_add(&m, "META-INF/encryption.xml", "<encryption><EncryptedKey/></encryption>");
    check_refused_fd(epub_make_fd(&m), "DRM");
}

static void not_a_zip(void **state)
{
    static const char *const texts[] = {
        "", "PK", "hello", "%PDF-1.7", "PK\3\4\0\0\0\0", "PK\5\6aaaaaaaaaaaaaaaaaaaaaaaa"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        check_refused_fd(epub_make_from(texts[i], strlen(texts[i])), "");
}

static void cut_anywhere_it_is_refused(void **state)
{
    struct buf b;

    (void)state;
    epub_make_bytes(simple(WHOLE), &b);
    for (size_t i = 0; i < 50; i++)
        check_refused_fd(epub_make_from(b.p, b.len * i / 50), "");
    for (size_t cut = 1; cut < 22; cut++)
        check_refused_fd(epub_make_from(b.p, b.len - cut), "");
    buf_fini(&b);
}

/* A byte changed in what was packed is found by its checksum, never read as text. */
static void a_changed_byte_is_found(void **state)
{
    struct buf b;
    unsigned refused = 0;

    (void)state;
    epub_make_bytes(simple(WHOLE), &b);
    for (size_t i = 0; i < b.len; i += 3) {
        b.p[i] ^= 0x20;
        if (read_fd(epub_make_from(b.p, b.len)) == 0) {
            for (size_t k = 0; k < book.nparts; k++)
                assert_true(str_starts(book.parts[k].body, STR("Texte ")));
        } else {
            refused++;
        }
        book_fini(&book);
        b.p[i] ^= 0x20;
    }
    assert_true(refused > 50);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_order),
        cmocka_unit_test(not_linear_is_left_out),
        cmocka_unit_test(of_two_equal_ids_the_first),
        cmocka_unit_test(names_of_chapters),
        cmocka_unit_test(pictures_in_the_order_are_skipped),
        cmocka_unit_test(no_half_book),
        cmocka_unit_test(broken_packages),
        cmocka_unit_test(an_author_has_a_name),
        cmocka_unit_test(a_package_declares_no_entity),
        cmocka_unit_test(a_long_manifest_is_read_in_time),
        cmocka_unit_test(bombs),
        cmocka_unit_test(too_much_text),
        cmocka_unit_test(names_that_lead_out),
        cmocka_unit_test(symlinks_are_nothing),
        cmocka_unit_test(encrypted),
        cmocka_unit_test(keys_of_a_seller),
        cmocka_unit_test(not_a_zip),
        cmocka_unit_test(cut_anywhere_it_is_refused),
        cmocka_unit_test(a_changed_byte_is_found),
    };

    return cmocka_run_group_tests_name("books/epub", tests, NULL, NULL);
}
