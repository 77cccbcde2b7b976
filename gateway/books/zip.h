/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text entries of a zip archive in memory, under ceilings that a zip bomb meets first.
 *
 * Only entries that a book's text needs are kept (XML, XHTML, OPF, NCX); pictures and fonts are
 * skipped without being unpacked. Names are UTF-8 as they stand; absolute ones and ".." are refused.
 */
#ifndef COKO_BOOKS_ZIP_H
#define COKO_BOOKS_ZIP_H

#include "gateway/lib/arena.h"
#include "gateway/lib/err.h"
#include "gateway/lib/map.h"
#include "gateway/lib/str.h"

#define ZIP_ENTRIES_MAX 8192
#define ZIP_ENTRY_MAX   (8u << 20)
#define ZIP_TOTAL_MAX   (48u << 20)
#define ZIP_RATIO_MAX   200 /* unpacked to packed, for entries over 1 MiB */

struct zip {
    struct arena arena;
    struct map entries; /* name -> struct str * */
};

/* Reads from an open, seekable descriptor. -1 with the reason. zip_fini either way. */
MUST_CHECK int zip_read(struct zip *z, int fd, struct err *e);

/* The entry's bytes; .p NULL when there is none of this name. */
struct str zip_entry(const struct zip *z, struct str name);

void zip_fini(struct zip *z);

#endif
