/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readable text of one XHTML document: paragraphs, the first heading. Pure.
 *
 * No network, no DTD, no entity but the named characters of HTML is ever expanded.
 */
#ifndef COKO_BOOKS_XHTML_H
#define COKO_BOOKS_XHTML_H

#include <libxml/tree.h>

#include "gateway/lib/buf.h"
#include "gateway/lib/str.h"

#define XHTML_DEPTH_MAX 200

struct xhtml {
    struct buf text;    /* UTF-8, an empty line between blocks; heading not in it */
    struct buf heading; /* of the first h1..h6, else empty */
};

/* Never fails: a broken document gives what could be read. Free with xhtml_fini. */
void xhtml_read(struct xhtml *x, struct str bytes);
void xhtml_fini(struct xhtml *x);

/* A document by the rules above, or NULL; xmlFreeDoc it. */
xmlDoc *xhtml_parse(struct str bytes);

/* First element with this local name among `from`, its later siblings and all below; or NULL. */
xmlNode *xhtml_find(xmlNode *from, const char *name);

#endif
