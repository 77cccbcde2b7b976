/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who calls: the bearer token of a request. Whether the session still lives is asked by the route's
 * own SQL, in the same statement that reads the data.
 */
#ifndef COKO_API_AUTH_H
#define COKO_API_AUTH_H

#include "api/call.h"

/* Fills c->who and c->has_user by the route's need. false: the problem is set (401). */
MUST_CHECK bool auth_check(struct call *c);

/* The WWW-Authenticate field of a 401. */
void auth_challenge(struct call *c);

#endif
