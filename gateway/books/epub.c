/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EPUB 2 and 3: container.xml names the package, the package's metadata is the book's, its spine is
 * the reading order. Each document of the spine with text in it becomes a part. A chapter that is
 * named and not there refuses the book: half a story must not be sold. See book.h.
 */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "gateway/books/book.h"
#include "gateway/books/xhtml.h"
#include "gateway/books/zip.h"
#include "gateway/lib/basenc.h"

#define PATH_MAX_BYTES 1024

struct epub {
    struct book *b;
    struct zip zip;
    struct err *e;
    xmlDoc *package;
    struct map items;   /* of the manifest: id -> xmlNode * */
    const char *folder; /* of the package, "" or with a slash at its end */
    size_t folder_n;
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

/*
 * Attributes and titles are read with their entities replaced, and a few nested ones are gigabytes:
 * a document that declares any is no package of ours.
 */
static xmlDoc *parse_plain(struct str bytes)
{
    xmlDoc *d = xhtml_parse(bytes);

    if (d && d->intSubset && d->intSubset->entities) {
        xmlFreeDoc(d);
        return NULL;
    }
    return d;
}

static int open_package(struct epub *x)
{
    struct str bytes = zip_entry(&x->zip, STR("META-INF/container.xml"));
    xmlDoc *container = bytes.p ? parse_plain(bytes) : NULL;
    xmlNode *root = container ? xhtml_find(xmlDocGetRootElement(container), "rootfile") : NULL;
    struct str path = root ? attribute(x, root, "full-path") : STR_EMPTY;

    xmlFreeDoc(container);
    if (path.n == 0 || path.n > PATH_MAX_BYTES)
        return err_set(x->e, ERR_BAD_INPUT, "META-INF/container.xml names no package");
    size_t slash = path.n;

    while (slash > 0 && path.p[slash - 1] != '/')
        slash--;
    x->folder = path.p;
    x->folder_n = slash;
    bytes = zip_entry(&x->zip, path);
    x->package = bytes.p ? parse_plain(bytes) : NULL;
    if (!x->package || !xmlDocGetRootElement(x->package))
        return err_set(x->e, ERR_BAD_INPUT, "the package document is missing or broken");
    return 0;
}

static void add_author(struct book *b, struct str name)
{
    if (name.n > 0 && b->nauthors < BOOK_NAMES_MAX)
        b->authors[b->nauthors++] = name;
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
        else if (strcmp(name, "creator") == 0)
            add_author(b, text_of(x, n, BOOK_TITLE_MAX));
    }
}

/* ---- spine ---- */

/* Takes "." and ".." out of a path in place; one that leaves the archive becomes empty. */
static struct str normal_path(struct buf *path)
{
    struct str rest = buf_str(path), piece;
    size_t n = 0;

    while (str_split(&rest, '/', &piece)) {
        if (str_eq(piece, STR("..")) && n == 0)
            return STR_EMPTY;
        if (str_eq(piece, STR(".."))) {
            while (n > 0 && path->p[--n] != '/')
                continue;
        } else if (piece.n > 0 && !str_eq(piece, STR("."))) {
            if (n > 0)
                path->p[n++] = '/';
            memmove(path->p + n, piece.p, piece.n);
            n += piece.n;
        }
    }
    return str_n(path->p, n);
}

/* folder + href, percent signs decoded, fragment dropped. */
static struct str resolve(struct epub *x, struct str href)
{
    char *mem = arena_alloc(&x->b->arena, x->folder_n + href.n + 1);
    struct buf out;

    if (!mem)
        return STR_EMPTY;
    buf_init_fixed(&out, mem, x->folder_n + href.n + 1);
    buf_add(&out, x->folder, x->folder_n);
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
    return normal_path(&out);
}

/* By id, the first of two with the same: the reading order names thousands of them. */
static void index_manifest(struct epub *x, xmlNode *manifest)
{
    for (xmlNode *n = manifest->children; n; n = n->next) {
        if (n->type != XML_ELEMENT_NODE)
            continue;
        struct str id = attribute(x, n, "id");

        if (id.n > 0 && !map_get(&x->items, id))
            map_put(&x->items, id, n);
    }
}

static int add_document(struct epub *x, xmlNode *item)
{
    struct str path = resolve(x, attribute(x, item, "href"));
    struct str bytes = zip_entry(&x->zip, path);
    struct xhtml doc;
    int rc;

    if (!bytes.p && str_find(attribute(x, item, "media-type"), STR("html")) < 0)
        return 0; /* a picture */
    if (!bytes.p)
        return err_set(x->e, ERR_BAD_INPUT, "a chapter is missing: %" STR_FMT,
                       STR_ARG(str_head(path, 100)));
    xhtml_read(&doc, bytes);
    rc = buf_check(&doc.text, x->e);
    if (rc == 0)
        rc = book_add_part(x->b, buf_str(&doc.heading), buf_str(&doc.text), x->e);
    xhtml_fini(&doc);
    return rc;
}

static int add_itemref(struct epub *x, xmlNode *ref)
{
    struct str id = attribute(x, ref, "idref");
    xmlNode *item = map_get(&x->items, id);

    if (str_eq(attribute(x, ref, "linear"), STR("no")))
        return 0;
    if (!item)
        return err_set(x->e, ERR_BAD_INPUT,
                       "the reading order names \"%" STR_FMT "\", which "
                       "the manifest lacks",
                       STR_ARG(str_head(id, 100)));
    return add_document(x, item);
}

static int read_spine(struct epub *x)
{
    xmlNode *root = xmlDocGetRootElement(x->package);
    xmlNode *manifest = xhtml_find(root, "manifest");
    xmlNode *spine = xhtml_find(root, "spine");

    if (!manifest || !spine)
        return err_set(x->e, ERR_BAD_INPUT, "the package has no manifest or no spine");
    index_manifest(x, manifest);
    for (xmlNode *n = spine->children; n; n = n->next) {
        if (n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, "itemref") == 0 &&
            add_itemref(x, n) != 0)
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
    map_fini(&x.items);
    xmlFreeDoc(x.package);
    zip_fini(&x.zip);
    return rc == 0 ? book_finish(b, e) : -1;
}
