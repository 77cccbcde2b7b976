/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trie. A node's literal children are a list: a service has a handful, and a walk over them
 * touches less memory than a hash would.
 */
#include "api/router.h"

#include <assert.h>
#include <stdlib.h>

struct node {
    struct str literal; /* of the segment that leads here; "" for a parameter */
    struct node *children, *next;
    struct node *param; /* the one parameter child */
    const struct route *routes[HTTP_METHODS];
};

struct router {
    struct node root;
};

static const char *const method_names[HTTP_METHODS] = {
    [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
    [HTTP_OPTIONS] = "OPTIONS",
};

static struct node *node_new(struct str literal)
{
    struct node *n = calloc(1, sizeof *n);

    if (!n)
        abort();
    n->literal = literal;
    return n;
}

static struct node *node_child(const struct node *at, struct str segment)
{
    struct node *n = at->children;

    while (n && !str_eq(n->literal, segment))
        n = n->next;
    return n;
}

static struct node *node_add(struct node *at, struct str segment)
{
    struct node *n;

    if (segment.n > 0 && segment.p[0] == '{') {
        if (!at->param)
            at->param = node_new(STR_EMPTY);
        return at->param;
    }
    n = node_child(at, segment);
    if (!n) {
        n = node_new(segment);
        n->next = at->children;
        at->children = n;
    }
    return n;
}

static void add_route(struct router *r, const struct route *route, struct fault_list *faults)
{
    struct str rest = str_skip(str_c(route->path), 1), segment;
    struct node *at = &r->root;

    while (str_split(&rest, '/', &segment)) {
        at = node_add(at, segment);
    }
    if (at->routes[route->method])
        (void)fault_add(faults, route->path, 0, "%s and %s have the same method and path",
                        at->routes[route->method]->name, route->name);
    at->routes[route->method] = route;
}

static void check_shadows(const struct node *at, struct fault_list *faults)
{
    if (at->param && at->children)
        (void)fault_add(faults, "routes", 0,
                        "\"%.*s\" stands beside a parameter: it would shadow "
                        "that value",
                        (int)at->children->literal.n, at->children->literal.p);
    for (const struct node *n = at->children; n; n = n->next)
        check_shadows(n, faults);
    if (at->param)
        check_shadows(at->param, faults);
}

struct router *router_new(const struct route_table *t, struct fault_list *faults)
{
    struct router *r = calloc(1, sizeof *r);
    size_t before = faults->count;

    if (!r)
        abort();
    for (size_t i = 0; i < t->count; i++)
        add_route(r, t->routes[i], faults);
    check_shadows(&r->root, faults);
    if (faults->count == before)
        return r;
    router_free(r);
    return NULL;
}

static void node_free_below(struct node *at)
{
    while (at->children) {
        struct node *n = at->children;

        at->children = n->next;
        node_free_below(n);
        free(n);
    }
    if (at->param)
        node_free_below(at->param);
    free(at->param);
}

void router_free(struct router *r)
{
    if (!r)
        return;
    node_free_below(&r->root);
    free(r);
}

static unsigned allowed(const struct node *at)
{
    unsigned bits = 0;

    for (unsigned i = 0; i < HTTP_METHODS; i++)
        bits |= at->routes[i] ? 1u << i : 0;
    if (bits & 1u << HTTP_GET)
        bits |= 1u << HTTP_HEAD;
    return bits ? bits | 1u << HTTP_OPTIONS : 0;
}

static const struct node *walk(const struct router *r, struct str path, struct router_match *m)
{
    const struct node *at = &r->root;
    struct str segment;

    while (at && str_split(&path, '/', &segment)) {
        if (at->param) {
            if (segment.n == 0 || m->nvalues == ROUTE_SEGMENTS_MAX)
                return NULL;
            m->values[m->nvalues++] = segment;
            at = at->param;
        } else {
            at = node_child(at, segment);
        }
    }
    return at;
}

enum router_verdict router_find(const struct router *r, enum http_method method, struct str path,
                                struct router_match *m)
{
    *m = (struct router_match){0};
    if (path.n == 0 || path.p[0] != '/')
        return ROUTER_NO_PATH;
    path = str_skip(path, 1);
    if (path.n > 0 && path.p[path.n - 1] == '/')
        path.n--;
    const struct node *at = walk(r, path, m);

    m->allow = at ? allowed(at) : 0;
    if (m->allow == 0)
        return ROUTER_NO_PATH;
    m->route = at->routes[method == HTTP_HEAD ? HTTP_GET : method];
    return m->route ? ROUTER_FOUND : ROUTER_NO_METHOD;
}

void router_allow(unsigned allow, char out[ROUTER_ALLOW_MAX])
{
    struct buf b;

    buf_init_fixed(&b, out, ROUTER_ALLOW_MAX);
    for (unsigned i = 0; i < HTTP_METHODS; i++) {
        if (!(allow & 1u << i) || !method_names[i])
            continue;
        if (b.len > 0)
            buf_puts(&b, ", ");
        buf_puts(&b, method_names[i]);
    }
    (void)buf_cstr(&b);
}
