/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a request: pairs, a JSON object or an XML document, from names with levels. See
 * parts.h. The names come from a profile, the values from whoever holds the phone.
 */
#include "gateway/phone/parts.h"

#include <jansson.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdlib.h>

#define ROOT      "request"  /* a profile says no root's name: the daemon takes any */
#define ANY_LEVEL "envelope" /* an element that the profile calls '?' */

/* ---- pairs ---- */

void phone_pairs(const struct phone_values *all, enum profile_place place, struct buf *out)
{
    bool first = true;

    for (size_t i = 0; i < all->n; i++) {
        const struct phone_value *v = &all->v[i];

        if (v->place != place)
            continue;
        if (!first)
            buf_addc(out, '&');
        first = false;
        buf_url_component(out, str_c(v->name));
        buf_addc(out, '=');
        buf_url_component(out, v->text);
    }
}

/* ---- JSON ---- */

static void put_json(json_t *root, const struct phone_value *v)
{
    struct str path = str_c(v->name), name, next;

    (void)!str_split(&path, '.', &name);
    while (str_split(&path, '.', &next)) {
        json_t *inner = json_object_getn(root, name.p, name.n);

        if (!json_is_object(inner)) {
            inner = json_object();
            json_object_setn_new(root, name.p, name.n, inner);
        }
        root = inner;
        name = next;
    }
    json_object_setn_new(root, name.p, name.n,
                         v->is_bool ? json_boolean(str_eq_c(v->text, "true"))
                                    : json_stringn(v->text.p, v->text.n));
}

static void json_body(const struct phone_values *all, struct buf *out)
{
    json_t *root = json_object();

    for (size_t i = 0; i < all->n; i++) {
        if (all->v[i].place == PLACE_BODY)
            put_json(root, &all->v[i]);
    }
    char *text = json_dumps(root, JSON_COMPACT);

    buf_puts(out, text ? text : "");
    free(text);
    json_decref(root);
}

/* ---- XML ---- */

/* The element that other names put at this level under the same path, for a '?'. */
static struct str level_of(const struct phone_values *all, struct str before)
{
    for (size_t i = 0; i < all->n; i++) {
        struct str name = str_c(all->v[i].name), head, tail;

        if (all->v[i].place != PLACE_BODY || !str_starts(name, before))
            continue;
        (void)!str_cut(str_skip(name, before.n), '/', &head, &tail);
        if (!str_eq_c(head, "?") && head.n > 0 && head.p[0] != '@')
            return head;
    }
    return STR(ANY_LEVEL);
}

static xmlNode *child(xmlNode *parent, struct str name)
{
    char word[PROFILE_FIELD_MAX];

    if (!str_to_c(name, word, sizeof word))
        return parent;
    for (xmlNode *n = parent->children; n; n = n->next) {
        if (n->type == XML_ELEMENT_NODE && str_eq_c(name, (const char *)n->name))
            return n;
    }
    return xmlNewChild(parent, NULL, BAD_CAST word, NULL);
}

static void put_xml(xmlNode *root, const struct phone_values *all, const struct phone_value *v)
{
    struct str path = str_c(v->name), whole = path, name;
    char text[USSD_INPUT_MAX + 1];

    if (!str_to_c(v->text, text, sizeof text))
        text[0] = '\0';
    while (str_split(&path, '/', &name)) {
        if (name.n > 0 && name.p[0] == '@') {
            xmlNewProp(root, BAD_CAST(name.p + 1), BAD_CAST text);
            return;
        }
        if (str_eq_c(name, "?"))
            name = level_of(all, str_head(whole, (size_t)(name.p - whole.p)));
        root = child(root, name);
    }
    xmlNodeAddContent(root, BAD_CAST text);
}

static void xml_body(const struct phone_values *all, struct buf *out)
{
    xmlDoc *doc = xmlNewDoc(BAD_CAST "1.0");
    xmlNode *root = xmlNewNode(NULL, BAD_CAST ROOT);
    xmlChar *text = NULL;
    int n = 0;

    xmlDocSetRootElement(doc, root);
    for (size_t i = 0; i < all->n; i++) {
        if (all->v[i].place == PLACE_BODY)
            put_xml(root, all, &all->v[i]);
    }
    xmlDocDumpMemoryEnc(doc, &text, &n, "UTF-8");
    buf_adds(out, str_trim(str_n(text, (size_t)n)));
    xmlFree(text);
    xmlFreeDoc(doc);
}

/* ---- which ---- */

void phone_body(const struct profile *p, const struct phone_values *all, struct phone_request *rq)
{
    switch (p->body) {
    case PROFILE_FORM:
        rq->type = "application/x-www-form-urlencoded";
        phone_pairs(all, PLACE_BODY, &rq->body);
        break;
    case PROFILE_JSON:
    case PROFILE_ANY:
        rq->type = "application/json";
        json_body(all, &rq->body);
        break;
    case PROFILE_XML:
        rq->type = "text/xml; charset=utf-8";
        xml_body(all, &rq->body);
        break;
    case PROFILE_QUERY:
    case PROFILE_SMPP: break;
    }
}
