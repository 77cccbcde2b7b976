/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed parameters of a call, from its path, query and body, by the route's rows.
 *
 * Everything is checked before SQL sees a byte: unknown and repeated names, types without
 * conversion ("5" is no number in a body, 1e3 is no integer), ranges, lengths in characters, NUL,
 * bad UTF-8, depth. Faults go into the problem with the parameter's name or JSON pointer (hard
 * cases 10-12). Pure; values live in the arena or are views of the request.
 */
#ifndef COKO_API_PARAMS_H
#define COKO_API_PARAMS_H

#include "api/problem.h"
#include "api/route.h"

#define PARAMS_DEPTH_MAX 32

struct param_value {
    bool present;    /* given, or a default */
    struct str text; /* as SQL takes it: checked, numbers in plain decimal digits */
    int64_t number;  /* of an integer */
};

/* false: the problem is set. path: values in the order of the path's parameters. */
MUST_CHECK bool params_read(const struct route *r, const struct str *path, unsigned npath,
                            struct str query, struct str body, struct arena *a,
                            struct param_value values[ROUTE_PARAMS_MAX], struct problem *p);

/* One value against its row: NULL, or what is wrong with it. */
const char *params_check(const struct route_param *row, struct str text, struct param_value *v);

#endif
