/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /health/ and /health/ready.
 *
 * Liveness is the answer itself: a blocked loop does not give it. Readiness says whether a load
 * balancer should send work here: the database answers, Redis answers, we are not draining. A lost
 * dependency does not make a worker useless (a hop still gets its polite END), so readiness names
 * what is missing.
 */
#ifndef COKO_HEALTH_H
#define COKO_HEALTH_H

#include <stdbool.h>

#include "gateway/io/http_server.h"
#include "gateway/io/pg.h"
#include "gateway/io/redis.h"

struct health {
    const struct pg *pg;
    const struct redis *redis;
    bool draining;
};

/* Mounts both paths; h must outlive the server. */
MUST_CHECK int health_mount(struct http_server *s, struct health *h, struct err *e);

/* True when work is welcome. */
bool health_ready(const struct health *h);

#endif
