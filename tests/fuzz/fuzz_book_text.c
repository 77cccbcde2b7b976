/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A book as plain text: what is accepted is clean, inside its ceilings, and has cuts that lie in
 * order, at most a sentence's ceiling apart, the last at the end.
 */
#include <stdlib.h>

#include "gateway/books/book.h"
#include "gateway/books/measure.h"
#include "gateway/lib/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_part(const struct book_part *p)
{
    size_t n;
    struct cut was = {0}, *c = measure_cuts(p->body, &n);

    if (p->body.n == 0 || p->body.n > BOOK_PART_BYTES || !utf8_valid(p->body) ||
        !utf8_valid(p->title) || !str_eq(p->body, str_trim(p->body)))
        abort();
    for (size_t i = 0; i < n; i++) {
        if (c[i].chars <= was.chars || c[i].septets < was.septets ||
            c[i].septets - was.septets > MEASURE_SENTENCE_MAX)
            abort();
        was = c[i];
    }
    if (was.chars != utf8_count(p->body))
        abort();
    free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct book b;
    struct err e = {0};

    book_init(&b);
    if (book_read_text(&b, str_n(data, size), &e) == 0) {
        if (b.title.n == 0 || b.title.n > BOOK_TITLE_MAX || b.language.n != 2 || b.nparts == 0)
            abort();
        for (size_t i = 0; i < b.nparts; i++)
            check_part(&b.parts[i]);
    } else if (e.msg[0] == '\0') {
        abort();
    }
    book_fini(&b);
    return 0;
}
