/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A refusal by RFC 9457: application/problem+json with type, title, status, detail, instance, and
 * our members code, request_id and errors[].
 *
 * A code is stable and has one status and one title: the rows of problem.c. The detail never holds
 * what the database or the library said, nor a value of the request.
 */
#ifndef COKO_API_PROBLEM_H
#define COKO_API_PROBLEM_H

#include <stdbool.h>

#include "gateway/lib/buf.h"

#define PROBLEM_ERRORS_MAX 8
#define PROBLEM_TYPE       "application/problem+json"

enum problem_code {
    PROBLEM_NONE,
    PROBLEM_BAD_PARAMETER,
    PROBLEM_BAD_BODY,
    PROBLEM_BAD_CURSOR,
    PROBLEM_BAD_HOST,
    PROBLEM_UNAUTHORIZED,
    PROBLEM_TOKEN_EXPIRED,
    PROBLEM_SESSION_ENDED,
    PROBLEM_OTP_WRONG,
    PROBLEM_OTP_EXPIRED,
    PROBLEM_OTP_LOCKED,
    PROBLEM_FORBIDDEN,
    PROBLEM_NOT_FOUND,
    PROBLEM_METHOD,
    PROBLEM_NOT_ACCEPTABLE,
    PROBLEM_FAMILY_FULL,
    PROBLEM_TOO_LARGE,
    PROBLEM_MEDIA_TYPE,
    PROBLEM_RATE_LIMITED,
    PROBLEM_INTERNAL,
    PROBLEM_UNAVAILABLE,
    PROBLEM_TIMEOUT,
    PROBLEM_CODES
};

struct problem_error {
    char where[72]; /* JSON pointer of a body, name of a parameter */
    bool is_pointer;
    const char *code;
    const char *detail;
};

struct problem {
    enum problem_code code;
    const char *detail; /* NULL: the code's own sentence */
    unsigned retry_after_s;
    int tries_left; /* of a wrong one-time code; -1: not told */
    struct problem_error errors[PROBLEM_ERRORS_MAX];
    unsigned nerrors; /* beyond the maximum the rest is left off */
};

void problem_init(struct problem *p);

/* Sets the code, unless one is set already. detail: a constant, or NULL. */
void problem_set(struct problem *p, enum problem_code code, const char *detail);

/* One faulty member or parameter; sets the code. */
void problem_parameter(struct problem *p, struct str name, const char *code, const char *detail);
void problem_pointer(struct problem *p, struct str member, const char *code, const char *detail);

unsigned problem_status(enum problem_code code);
const char *problem_name(enum problem_code code); /* "not_found" */

/* The code of that name; PROBLEM_NONE: there is none. */
enum problem_code problem_find(const char *name);

void problem_write(const struct problem *p, struct str instance, struct str request_id,
                   struct buf *out);

#endif
