/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a file to a book in the library: read in the confined child, measured, stored by
 * catalog.import_book in one transaction. A refused file leaves nothing behind.
 */
#ifndef COKO_BOOKS_IMPORT_H
#define COKO_BOOKS_IMPORT_H

#include <libpq-fe.h>

#include "gateway/books/book.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/err.h"

struct import_result {
    char outcome[16]; /* created | replaced | same */
    char title[BOOK_TITLE_MAX + 1];
    size_t parts;
};

/* Imports one FILE.epub or FILE.txt over an open connection (blocking: for the command line). */
MUST_CHECK int import_file(PGconn *db, const char *path, struct import_result *r, struct err *e);

#endif
