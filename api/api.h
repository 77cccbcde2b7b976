/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The REST room: a table of routes from files, one statement a call, rows straight into the reply.
 *
 * Order of calls: api_new (reads routes, mounts /api); serving; wait for api_idle; api_free.
 * Routes are data: api/routes/<service>/routes.json and the *.sql beside it. A new read needs no C.
 * It never opens a right by itself: whose rows these are stands in the SQL of the route (R2).
 */
#ifndef COKO_API_API_H
#define COKO_API_API_H

#include <stdbool.h>

#include "gateway/io/http_server.h"
#include "gateway/io/pg.h"
#include "gateway/lib/option.h"
#include "gateway/lib/seal.h"

#define API_BODY_MAX  (64u << 10) /* a request's JSON: also a bound on the time to read it */
#define API_CALLS_MAX 4096        /* in flight in a worker; beyond it 503 at once */

struct api_config {
    const char *routes_dir; /* not an option: <data_dir>/api/routes */
    const char *issuer;
    const char *audience;
    int64_t access_ttl_ms;
    struct option_list cors_allowed_origins; /* environment: CORS_ALLOWED_ORIGINS */
    struct option_list allowed_hosts;        /* environment: ALLOWED_HOSTS */
    const char *otp_country_default;
};

extern const struct option_row api_options[];
extern const size_t api_options_count;

/* Borrowed; they outlive the room. */
struct api_deps {
    struct loop *loop;
    struct pg *pg;
    struct http_server *http;
    const struct seal_ring *ring;
};

struct api;

/*
 * Loads the routes, makes their statements (api.<route name>) and mounts /api. NULL and err when
 * anything is wrong; every fault of a route file is logged with file:line. The strings of c are
 * borrowed.
 */
struct api *api_new(const struct api_config *c, const struct api_deps *d, struct err *e);

/* True when no call is in flight. */
bool api_idle(const struct api *a);

/* Calls still in flight are cut loose from their exchanges, unanswered. NULL is allowed. */
void api_free(struct api *a);

#endif
