/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A paper for a carrier's engineer, as Markdown or as one HTML page that needs nothing else: title,
 * sections, paragraphs, tables, blocks of bytes. What stands between backticks is code in both.
 *
 * Order of calls: document_open; any of the others; document_close; then d->out holds it all.
 */
#ifndef COKO_PAPERS_DOCUMENT_H
#define COKO_PAPERS_DOCUMENT_H

#include <stdbool.h>

#include "gateway/lib/buf.h"

#define DOCUMENT_MAX (4u << 20)

struct document {
    struct buf out;
    bool html;
};

void document_open(struct document *d, bool html, const char *title);
void document_section(struct document *d, const char *title);
void document_text(struct document *d, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* heads and cells end with a NULL; a table ends with document_table_end. */
void document_table(struct document *d, const char *const *heads);
void document_row(struct document *d, const char *const *cells);
void document_table_end(struct document *d);

/* A block, byte for byte but for what HTML escapes; kind is the word behind Markdown's fence. */
void document_block(struct document *d, const char *kind, struct str bytes);

void document_close(struct document *d);

#endif
