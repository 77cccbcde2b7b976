/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A book on its way into the library: what a file said, as plain NFC text.
 *
 * Order of calls: book_init; a reader (book_read_text, book_read_epub) fills it; book_fini. Readers
 * work on untrusted bytes: they run in the confined child (child.h) and every size has a ceiling.
 */
#ifndef COKO_BOOKS_BOOK_H
#define COKO_BOOKS_BOOK_H

#include "gateway/lib/arena.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"

#define BOOK_FILE_MAX    (64u << 20) /* a file as uploaded */
#define BOOK_TEXT_MAX    (24u << 20) /* all text of a book */
#define BOOK_PARTS_MAX   2000
#define BOOK_PART_BYTES  (128u << 10) /* a longer chapter becomes several parts */
#define BOOK_NAMES_MAX   12
#define BOOK_TITLE_MAX   200 /* bytes */
#define BOOK_SUMMARY_MAX 2000
#define BOOK_SLUG_MAX    96

struct book_part {
    struct str title;
    struct str body; /* paragraphs parted by one empty line */
};

struct book {
    struct arena arena;
    struct str title;
    struct str language; /* two letters */
    struct str summary;
    struct str slug; /* "" when the file gives none */
    int64_t code;    /* 0 when the file gives none */
    struct str authors[BOOK_NAMES_MAX];
    size_t nauthors;
    struct str categories[BOOK_NAMES_MAX];
    size_t ncategories;
    struct book_part *parts;
    size_t nparts, cap;
    size_t text; /* bytes of all bodies */
};

void book_init(struct book *b);
void book_fini(struct book *b);

/* A trimmed NFC copy of a line of text, white space folded, cut at max bytes between characters. */
struct str book_line(struct book *b, struct str raw, size_t max);

/*
 * Adds a part; body is cleaned (NFC, white space folded, empty lines between paragraphs). A body
 * without text is left out; a long one becomes "title", "title (2)", ... -1 over a ceiling.
 */
MUST_CHECK int book_add_part(struct book *b, struct str title, struct str body, struct err *e);

/* What every book must have: a title, a part, a language of two letters ("fr" when unknown). */
MUST_CHECK int book_finish(struct book *b, struct err *e);

/* deploy/sample/README.md has the format: "Key: value" lines, an empty line, parts under "# title". */
MUST_CHECK int book_read_text(struct book *b, struct str file, struct err *e);

/* An EPUB 2 or 3 without encryption, from an open, seekable descriptor. */
MUST_CHECK int book_read_epub(struct book *b, int fd, struct err *e);

#endif
