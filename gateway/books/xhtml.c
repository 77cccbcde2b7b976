/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See xhtml.h.
 */
#include "gateway/books/xhtml.h"

#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <string.h>

#define TEXT_MAX    (8u << 20)
#define HEADING_MAX 600

enum { XML_FLAGS = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA };
enum {
    HTML_FLAGS = HTML_PARSE_NONET | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_RECOVER |
                 HTML_PARSE_NODEFDTD
};

static const char *const blocks[] = {
    "p",       "div",     "h1",         "h2",      "h3",        "h4", "h5",    "h6",
    "li",      "dt",      "dd",         "tr",      "pre",       "ul", "ol",    "dl",
    "section", "article", "blockquote", "caption", "figure",    "hr", "table", "body",
    "header",  "footer",  "aside",      "address", "figcaption"};
/* Not text to read: among them form controls, which some converters use for paragraph numbers. */
static const char *const skipped[] = {"head",   "script", "style",  "nav",    "svg",   "math",
                                      "object", "label",  "button", "select", "input", "textarea"};

static bool is_one(const xmlNode *n, const char *const *set, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp((const char *)n->name, set[i]) == 0)
            return true;
    }
    return false;
}

static bool is_heading(const xmlNode *n)
{
    return n->name[0] == 'h' && n->name[1] >= '1' && n->name[1] <= '6' && n->name[2] == '\0';
}

static struct str content(const xmlNode *n)
{
    return str_c((const char *)n->content);
}

/* A name that HTML knows becomes its character; any other entity stays unexpanded and is dropped. */
static void entity(struct buf *out, const xmlNode *n)
{
    const htmlEntityDesc *d = htmlEntityLookup(n->name);
    char utf8[8];
    int len = (int)sizeof utf8;

    if (!d)
        return;
    len = xmlCopyChar(0, (xmlChar *)utf8, (int)d->value);
    if (len > 0)
        buf_add(out, utf8, (size_t)len);
}

/* Newlines inside a paragraph are mere white space; the paragraph mark is ours to set. */
static void add_flow(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_addc(out, s.p[i] == '\n' || s.p[i] == '\r' ? ' ' : s.p[i]);
}

static void walk(struct xhtml *x, struct buf *out, xmlNode *n, unsigned depth)
{
    for (; n && depth < XHTML_DEPTH_MAX; n = n->next) {
        if (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE) {
            add_flow(out, content(n));
        } else if (n->type == XML_ENTITY_REF_NODE) {
            entity(out, n);
        } else if (n->type == XML_ELEMENT_NODE && !is_one(n, skipped, ARRAY_LEN(skipped))) {
            bool first_heading = is_heading(n) && out == &x->text && x->heading.len == 0;
            bool block = is_one(n, blocks, ARRAY_LEN(blocks));

            if (block)
                buf_puts(out, "\n\n");
            if (strcmp((const char *)n->name, "br") == 0 ||
                strcmp((const char *)n->name, "td") == 0)
                buf_addc(out, ' ');
            walk(x, first_heading ? &x->heading : out, n->children, depth + 1);
            if (block)
                buf_puts(out, "\n\n");
        }
    }
}

xmlDoc *xhtml_parse(struct str bytes)
{
    xmlDoc *d;

    if (bytes.n == 0 || bytes.n > TEXT_MAX)
        return NULL;
    d = xmlReadMemory(bytes.p, (int)bytes.n, "", NULL, XML_FLAGS);
    if (d)
        return d;
    return htmlReadMemory(bytes.p, (int)bytes.n, "", "UTF-8", HTML_FLAGS);
}

/* The node after n in document order; NULL when everything below `top` was seen. */
static xmlNode *after(xmlNode *n, const xmlNode *top)
{
    if (n->type == XML_ELEMENT_NODE && n->children)
        return n->children;
    while (!n->next) {
        n = n->parent;
        if (!n || n == top)
            return NULL;
    }
    return n->next;
}

/* A walk, not a recursion: the HTML parser nests as deep as a file asks. */
xmlNode *xhtml_find(xmlNode *from, const char *name)
{
    const xmlNode *top = from ? from->parent : NULL;

    for (xmlNode *n = from; n; n = after(n, top)) {
        if (n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, name) == 0)
            return n;
    }
    return NULL;
}

void xhtml_read(struct xhtml *x, struct str bytes)
{
    xmlDoc *d = xhtml_parse(bytes);

    buf_init(&x->text, TEXT_MAX);
    buf_init(&x->heading, HEADING_MAX);
    if (!d)
        return;
    walk(x, &x->text, xmlDocGetRootElement(d), 0);
    xmlFreeDoc(d);
}

void xhtml_fini(struct xhtml *x)
{
    buf_fini(&x->text);
    buf_fini(&x->heading);
}
