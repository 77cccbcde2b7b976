/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From method and path to a route: a trie of path segments, built once from the route table.
 *
 * A segment is literal or a parameter, never both under one parent: the load refuses a table in
 * which a name could shadow a value (hard case 13). A trailing slash is an alias. HEAD is GET.
 * Pure: no I/O, nothing allocated by a match.
 */
#ifndef COKO_API_ROUTER_H
#define COKO_API_ROUTER_H

#include "api/route.h"

struct router;

enum router_verdict { ROUTER_FOUND, ROUTER_NO_PATH, ROUTER_NO_METHOD };

struct router_match {
    const struct route *route;             /* FOUND */
    struct str values[ROUTE_SEGMENTS_MAX]; /* of the path's parameters, in order; views */
    unsigned nvalues;
    unsigned allow; /* bits of enum http_method: GET brings HEAD; OPTIONS always. Not for NO_PATH */
};

/* The table is borrowed. NULL when a fault was added: same path and method twice, shadowing. */
struct router *router_new(const struct route_table *t, struct fault_list *faults);
void router_free(struct router *r);

enum router_verdict router_find(const struct router *r, enum http_method method, struct str path,
                                struct router_match *m);

/* "GET, HEAD, OPTIONS" of m->allow, into out. */
#define ROUTER_ALLOW_MAX 64
void router_allow(unsigned allow, char out[ROUTER_ALLOW_MAX]);

#endif
