/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens (RFC 6750). See auth.h.
 */
#include "api/auth.h"

#include "gateway/lib/clock.h"

#define SCHEME STR("Bearer ")

static bool bearer(const struct http_exchange *x, struct str *token)
{
    struct str field = http_header(x, "authorization");

    if (!field.p || !str_case_eq(str_head(field, SCHEME.n), SCHEME))
        return false;
    *token = str_trim(str_skip(field, SCHEME.n));
    return true;
}

bool auth_check(struct call *c)
{
    struct str token;

    if (c->route->auth == AUTH_NONE)
        return true;
    if (!bearer(c->x, &token)) {
        if (c->route->auth == AUTH_OPTIONAL && !http_header(c->x, "authorization").p)
            return true;
        problem_set(&c->problem, PROBLEM_UNAUTHORIZED, NULL);
        return false;
    }
    switch (jwt_verify(&c->a->jwt, token, clock_wall_us() / 1000000, &c->who)) {
    case JWT_OK: c->has_user = true; return true;
    case JWT_EXPIRED: problem_set(&c->problem, PROBLEM_TOKEN_EXPIRED, NULL); return false;
    case JWT_BAD: break;
    }
    problem_set(&c->problem, PROBLEM_UNAUTHORIZED, NULL);
    return false;
}

/* No error code where no token was sent (RFC 6750, 3.1). */
void auth_challenge(struct call *c)
{
    bool had_token = http_header(c->x, "authorization").p != NULL;

    http_reply_header(c->x, "WWW-Authenticate",
                      had_token ? STR("Bearer realm=\"coko\", error=\"invalid_token\"")
                                : STR("Bearer realm=\"coko\""));
}
