/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EPUB 2 and 3: container.xml names the package, the package's metadata is the book's, its spine is
 * the reading order. Each document of the spine with text in it becomes a part. See book.h.
 */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "gateway/books/book.h"
#include "gateway/books/xhtml.h"
#include "gateway/books/zip.h"

#define PATH_MAX_BYTES 1024

struct epub {
    struct book *b;
    struct zip zip;
    struct err *e;
    xmlDoc *package;
    char folder[PATH_MAX_BYTES]; /* of the package, "" or with a slash at its end */
};

static struct str attribute(struct epub *x, xmlNode *n, const char *name)
{
    xmlChar *v = xmlGetProp(n, (const xmlChar *)name);
    struct str s = arena_str(&x->b->arena, str_c((const char *)v));

    xmlFree(v);
    return s;
}

static struct str text_of(struct epub *x, xmlNode *n, size_t max)
{
    xmlChar *v = n ? xmlNodeGetContent(n) : NULL;
    struct str s = v ? book_line(x->b, str_c((const char *)v), max) : STR_EMPTY;

    xmlFree(v);
    return s;
}

/* ---- package ---- */

static int open_package(struct epub *x)
{
    struct str bytes = zip_entry(&x->zip, STR("META-INF/container.xml"));
    xmlDoc *container = bytes.p ? xhtml_parse(bytes) : NULL;
    xmlNode *root = container ? xhtml_find(xmlDocGetRootElement(container), "rootfile") : NULL;
    struct str path = root ? attribute(x, root, "full-path") : STR_EMPTY;

    xmlFreeDoc(container);
    if (path.n == 0 || path.n >= sizeof x->folder)
        return err_set(x->e, ERR_BAD_INPUT, "META-INF/container.xml names no package");
    size_t slash = path.n;

    while (slash > 0 && path.p[slash - 1] != '/')
        slash--;
    memcpy(x->folder, path.p, slash);
    bytes = zip_entry(&x->zip, path);
    x->package = bytes.p ? xhtml_parse(bytes) : NULL;
    if (!x->package || !xmlDocGetRootElement(x->package))
        return err_set(x->e, ERR_BAD_INPUT, "the package document is missing or broken");
    return 0;
}

static void read_metadata(struct epub *x)
{
    struct book *b = x->b;
    xmlNode *meta = xhtml_find(xmlDocGetRootElement(x->package), "metadata");

    for (xmlNode *n = meta ? meta->children : NULL; n; n = n->next) {
        const char *name = (const char *)n->name;

        if (n->type != XML_ELEMENT_NODE)
            continue;
        if (strcmp(name, "title") == 0 && b->title.n == 0)
            b->title = text_of(x, n, BOOK_TITLE_MAX);
        else if (strcmp(name, "language") == 0 && b->language.n == 0)
            b->language = str_head(text_of(x, n, 16), 2);
        else if (strcmp(name, "description") == 0 && b->summary.n == 0)
            b->summary = text_of(x, n, BOOK_SUMMARY_MAX);
        else if (strcmp(name, "creator") == 0 && b->nauthors < BOOK_NAMES_MAX)
            b->authors[b->nauthors++] = text_of(x, n, BOOK_TITLE_MAX);
    }
}

/* ---- spine ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* folder + href, percent signs decoded, fragment dropped; links upwards stay unresolved. */
static struct str resolve(struct epub *x, struct str href)
{
    char *mem = arena_alloc(&x->b->arena, 2 * PATH_MAX_BYTES);
    struct buf out;

    if (!mem || href.n >= PATH_MAX_BYTES)
        return STR_EMPTY;
    buf_init_fixed(&out, mem, 2 * PATH_MAX_BYTES);
    buf_puts(&out, x->folder);
    for (size_t i = 0; i < href.n && href.p[i] != '#'; i++) {
        int hi = i + 2 < href.n ? hex_value(href.p[i + 1]) : -1;
        int lo = i + 2 < href.n ? hex_value(href.p[i + 2]) : -1;

        if (href.p[i] == '%' && hi >= 0 && lo >= 0) {
            buf_addc(&out, (char)(hi << 4 | lo));
            i += 2;
        } else {
            buf_addc(&out, href.p[i]);
        }
    }
    return buf_str(&out);
}

static struct str manifest_href(struct epub *x, xmlNode *manifest, struct str id)
{
    for (xmlNode *n = manifest->children; n; n = n->next) {
        if (n->type == XML_ELEMENT_NODE && str_eq(attribute(x, n, "id"), id))
            return attribute(x, n, "href");
    }
    return STR_EMPTY;
}

static int add_document(struct epub *x, struct str path)
{
    struct str bytes = zip_entry(&x->zip, path);
    struct xhtml doc;
    int rc;

    if (!bytes.p)
        return 0; /* a cover picture, or a document the archive does not hold */
    xhtml_read(&doc, bytes);
    rc = book_add_part(x->b, buf_str(&doc.heading), buf_str(&doc.text), x->e);
    xhtml_fini(&doc);
    return rc;
}

static int read_spine(struct epub *x)
{
    xmlNode *root = xmlDocGetRootElement(x->package);
    xmlNode *manifest = xhtml_find(root, "manifest");
    xmlNode *spine = xhtml_find(root, "spine");

    if (!manifest || !spine)
        return err_set(x->e, ERR_BAD_INPUT, "the package has no manifest or no spine");
    for (xmlNode *n = spine->children; n; n = n->next) {
        if (n->type != XML_ELEMENT_NODE || strcmp((const char *)n->name, "itemref") != 0 ||
            str_eq(attribute(x, n, "linear"), STR("no")))
            continue;
        struct str href = manifest_href(x, manifest, attribute(x, n, "idref"));

        if (href.n > 0 && add_document(x, resolve(x, href)) != 0)
            return -1;
    }
    return 0;
}

int book_read_epub(struct book *b, int fd, struct err *e)
{
    struct epub x = {.b = b, .e = e};
    int rc = zip_read(&x.zip, fd, e);

    if (rc == 0 && zip_entry(&x.zip, STR("META-INF/encryption.xml")).p &&
        str_find(zip_entry(&x.zip, STR("META-INF/encryption.xml")), STR("EncryptedKey")) >= 0)
        rc = err_set(e, ERR_UNSUPPORTED, "encrypted: a book with DRM cannot be read");
    if (rc == 0)
        rc = open_package(&x);
    if (rc == 0) {
        read_metadata(&x);
        rc = read_spine(&x);
    }
    xmlFreeDoc(x.package);
    zip_fini(&x.zip);
    return rc == 0 ? book_finish(b, e) : -1;
}
