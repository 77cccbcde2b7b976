/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See profile_xml.h. A struct profile_xml is libxml2's document; it is stopped, not repaired.
 */
#include "gateway/ussd/profile_xml.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>

enum { FLAGS = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA };

/* ---- parsing ---- */

static void refuse(xmlParserCtxt *c)
{
    c->wellFormed = 0;
    xmlStopParser(c);
}

/* A DOCTYPE, before anything in it is read: no entity is ever declared. */
static void on_dtd(void *arg, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    (void)name;
    (void)external;
    (void)system;
    refuse(arg);
}

static void on_start(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int nns, const xmlChar **ns, int nattrs, int ndefaulted, const xmlChar **attrs)
{
    xmlParserCtxt *c = arg;

    if (c->nodeNr >= PROFILE_XML_DEPTH) {
        refuse(c);
        return;
    }
    xmlSAX2StartElementNs(c, name, prefix, uri, nns, ns, nattrs, ndefaulted, attrs);
}

struct profile_xml *profile_xml_parse(struct str body)
{
    xmlParserCtxt *c;
    xmlDoc *doc;

    if (body.n == 0 || body.n > PROFILE_XML_MAX)
        return NULL;
    c = xmlNewParserCtxt();
    if (!c)
        abort();
    c->sax->internalSubset = on_dtd;
    c->sax->startElementNs = on_start;
    doc = xmlCtxtReadMemory(c, body.p, (int)body.n, NULL, NULL, FLAGS);
    if (doc && (!c->wellFormed || doc->intSubset || doc->extSubset)) {
        xmlFreeDoc(doc);
        doc = NULL;
    }
    xmlFreeParserCtxt(c);
    return (struct profile_xml *)doc;
}

void profile_xml_free(struct profile_xml *x)
{
    if (x)
        xmlFreeDoc((xmlDoc *)x);
}

/* ---- reading ---- */

static bool named(const xmlChar *name, struct str want)
{
    return str_eq_c(want, "?") || str_eq_c(want, (const char *)name);
}

/* The one child element of this name; *twice when there are more. */
static const xmlNode *child_of(const xmlNode *parent, struct str name, bool *twice)
{
    const xmlNode *found = NULL;

    for (const xmlNode *n = parent->children; n; n = n->next) {
        if (n->type != XML_ELEMENT_NODE || !named(n->name, name))
            continue;
        if (found)
            *twice = true;
        found = n;
    }
    return found;
}

static int text_of(const xmlNode *children, struct buf *out)
{
    for (const xmlNode *n = children; n; n = n->next) {
        if (n->type == XML_TEXT_NODE)
            buf_adds(out, str_c((const char *)n->content));
        else if (n->type != XML_COMMENT_NODE)
            return -1;
    }
    return 1;
}

static int attribute_of(const xmlNode *n, struct str name, struct buf *out)
{
    const xmlAttr *found = NULL;

    for (const xmlAttr *a = n->properties; a; a = a->next) {
        if (!named(a->name, name))
            continue;
        if (found)
            return -1;
        found = a;
    }
    return found ? text_of(found->children, out) : 0;
}

int profile_xml_value(const struct profile_xml *x, struct str path, struct buf *out)
{
    const xmlNode *n = xmlDocGetRootElement((xmlDoc *)(uintptr_t)x);
    struct str name;
    bool twice = false;

    while (n && str_split(&path, '/', &name)) {
        if (name.n > 0 && name.p[0] == '@')
            return attribute_of(n, str_skip(name, 1), out);
        n = child_of(n, name, &twice);
        if (twice)
            return -1;
    }
    return n ? text_of(n->children, out) : 0;
}
