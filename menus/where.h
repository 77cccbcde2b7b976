/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line on which each value of a JSON document begins, by path ("/screens/home/options/2"), so
 * that a fault of meaning can be told as file:line. jansson only knows the lines of faults of form.
 */
#ifndef COKO_MENUS_WHERE_H
#define COKO_MENUS_WHERE_H

#include "gateway/lib/map.h"

#define WHERE_PATH_MAX 256

struct where {
    struct map lines; /* path -> line number as a pointer */
};

/* Indexes a document that jansson has accepted. Other bytes give an incomplete index, no more. */
void where_init(struct where *w, struct str json);
void where_fini(struct where *w);

/* The line of path, of its nearest indexed parent, else 0. */
unsigned where_line(const struct where *w, const char *path);

#endif
