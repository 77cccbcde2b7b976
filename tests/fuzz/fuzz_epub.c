/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An uploaded EPUB is anybody's bytes. First byte even: the rest is the archive. Odd: it is a page
 * or a package, read without the archive that a fuzzer cannot keep whole. What is accepted is a
 * book inside its ceilings.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/books/book.h"
#include "gateway/books/xhtml.h"
#include "gateway/lib/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct book *b)
{
    if (b->title.n == 0 || b->title.n > BOOK_TITLE_MAX || b->language.n != 2 || b->nparts == 0 ||
        b->nparts > BOOK_PARTS_MAX || !utf8_valid(b->title))
        abort();
    for (size_t i = 0; i < b->nparts; i++) {
        if (b->parts[i].body.n == 0 || b->parts[i].body.n > BOOK_PART_BYTES ||
            !utf8_valid(b->parts[i].body) || !utf8_valid(b->parts[i].title))
            abort();
    }
}

static void archive(struct str bytes)
{
    int fd = memfd_create("fuzz", 0);
    struct book b;
    struct err e = {0};

    if (fd < 0 || write(fd, bytes.p, bytes.n) != (ssize_t)bytes.n)
        abort();
    lseek(fd, 0, SEEK_SET);
    book_init(&b);
    if (book_read_epub(&b, fd, &e) == 0)
        check(&b);
    book_fini(&b);
    close(fd);
}

static void page(struct str bytes)
{
    struct xhtml x;
    struct book b;
    struct err e = {0};
    xmlDoc *d = xhtml_parse(bytes);

    if (d)
        (void)xhtml_find(xmlDocGetRootElement(d), "spine");
    xmlFreeDoc(d);
    xhtml_read(&x, bytes);
    book_init(&b);
    b.title = STR("t");
    if (book_add_part(&b, buf_str(&x.heading), buf_str(&x.text), &e) == 0 &&
        book_finish(&b, &e) == 0)
        check(&b);
    book_fini(&b);
    xhtml_fini(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        page(str_n(data + 1, size - 1));
    else
        archive(str_n(data + 1, size - 1));
    return 0;
}
