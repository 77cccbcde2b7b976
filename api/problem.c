/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue of problems, and their JSON. See problem.h.
 */
#include "api/problem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "gateway/lib/jsonw.h"
#include "gateway/lib/utf8.h"

static const struct {
    const char *name;
    unsigned status;
    const char *title, *detail;
} rows[PROBLEM_CODES] = {
    [PROBLEM_NONE] = {"none", 500, "No problem", ""},
    [PROBLEM_BAD_PARAMETER] = {"bad_parameter", 400, "Bad request parameter",
                               "A parameter is unknown, missing or out of its range."},
    [PROBLEM_BAD_BODY] = {"bad_body", 400, "Bad request body",
                          "The body is not the JSON object that this operation takes."},
    [PROBLEM_BAD_CURSOR] = {"bad_cursor", 400, "Bad cursor",
                            "The cursor was not made by this server for this list and filter."},
    [PROBLEM_BAD_HOST] = {"bad_host", 400, "Unknown host", "This host name is not served here."},
    [PROBLEM_UNAUTHORIZED] = {"unauthorized", 401, "Authentication needed",
                              "A valid access token is needed."},
    [PROBLEM_TOKEN_EXPIRED] = {"token_expired", 401, "Token expired",
                               "The access token has expired."},
    [PROBLEM_SESSION_ENDED] = {"session_ended", 401, "Session ended",
                               "The session of this token has ended; log in again."},
    [PROBLEM_OTP_WRONG] = {"otp_wrong", 401, "Wrong code",
                           "The code is not the one that was sent."},
    [PROBLEM_OTP_EXPIRED] = {"otp_expired", 401, "Code expired",
                             "The code is too old, used, or replaced by a newer one."},
    [PROBLEM_OTP_LOCKED] = {"otp_locked", 401, "Too many tries",
                            "Too many wrong codes; ask for a new one."},
    [PROBLEM_FORBIDDEN] = {"forbidden", 403, "Not allowed", "This is not allowed."},
    [PROBLEM_NOT_FOUND] = {"not_found", 404, "Not found", "There is nothing at this address."},
    [PROBLEM_METHOD] = {"method_not_allowed", 405, "Method not allowed",
                        "The methods of this address stand in Allow."},
    [PROBLEM_NOT_ACCEPTABLE] = {"not_acceptable", 406, "Not acceptable",
                                "Answers are application/json."},
    [PROBLEM_FAMILY_FULL] = {"family_full", 409, "The family is full",
                             "Every place under this pass is taken or offered."},
    [PROBLEM_TOO_LARGE] = {"too_large", 413, "Body too large", "The body is over 64 KiB."},
    [PROBLEM_MEDIA_TYPE] = {"unsupported_media_type", 415, "Unsupported media type",
                            "The body must be application/json in UTF-8."},
    [PROBLEM_RATE_LIMITED] = {"rate_limited", 429, "Too many requests",
                              "Wait as long as Retry-After says."},
    [PROBLEM_INTERNAL] = {"internal", 500, "Internal error", "The fault is ours; it was recorded."},
    [PROBLEM_UNAVAILABLE] = {"unavailable", 503, "Service unavailable",
                             "A part of the service is down or too busy. Nothing was lost."},
    [PROBLEM_TIMEOUT] = {"timeout", 504, "Timeout", "The answer did not come in time."},
};

void problem_init(struct problem *p)
{
    p->code = PROBLEM_NONE;
    p->detail = NULL;
    p->retry_after_s = 0;
    p->tries_left = -1;
    p->nerrors = 0;
}

void problem_set(struct problem *p, enum problem_code code, const char *detail)
{
    if (p->code != PROBLEM_NONE)
        return;
    p->code = code;
    p->detail = detail;
}

/* Names come from the peer: cut at a character, escaped as a JSON pointer where they are one. */
static void add_error(struct problem *p, bool is_pointer, struct str name, const char *code,
                      const char *detail)
{
    struct problem_error *at;
    struct buf b;

    if (p->nerrors == PROBLEM_ERRORS_MAX)
        return;
    at = &p->errors[p->nerrors++];
    *at = (struct problem_error){.is_pointer = is_pointer, .code = code, .detail = detail};
    buf_init_fixed(&b, at->where, sizeof at->where - 1);
    if (is_pointer && name.n > 0)
        buf_addc(&b, '/');
    name.n = utf8_cut(name, 32);
    for (size_t i = 0; i < name.n; i++) {
        if (is_pointer && (name.p[i] == '~' || name.p[i] == '/'))
            buf_puts(&b, name.p[i] == '~' ? "~0" : "~1");
        else
            buf_addc(&b, name.p[i] == '\0' ? ' ' : name.p[i]);
    }
    at->where[b.len] = '\0';
}

void problem_parameter(struct problem *p, struct str name, const char *code, const char *detail)
{
    problem_set(p, PROBLEM_BAD_PARAMETER, NULL);
    add_error(p, false, name, code, detail);
}

void problem_pointer(struct problem *p, struct str member, const char *code, const char *detail)
{
    problem_set(p, PROBLEM_BAD_BODY, NULL);
    add_error(p, true, member, code, detail);
}

unsigned problem_status(enum problem_code code)
{
    return rows[code].status;
}

const char *problem_name(enum problem_code code)
{
    return rows[code].name;
}

enum problem_code problem_find(const char *name)
{
    enum problem_code code = PROBLEM_CODES - 1;

    while (code != PROBLEM_NONE && strcmp(rows[code].name, name) != 0)
        code--;
    return code;
}

static void write_errors(const struct problem *p, struct jsonw *j)
{
    jsonw_key(j, "errors");
    jsonw_array(j);
    for (unsigned i = 0; i < p->nerrors; i++) {
        const struct problem_error *e = &p->errors[i];

        jsonw_object(j);
        jsonw_kv_cstr(j, e->is_pointer ? "pointer" : "parameter", e->where);
        jsonw_kv_cstr(j, "code", e->code);
        jsonw_kv_cstr(j, "detail", e->detail);
        jsonw_end(j);
    }
    jsonw_end(j);
}

void problem_write(const struct problem *p, struct str instance, struct str request_id,
                   struct buf *out)
{
    char type[64];
    struct jsonw j;

    assert(p->code != PROBLEM_NONE);
    snprintf(type, sizeof type, "/api/v1/problems/%s", rows[p->code].name);
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kv_cstr(&j, "type", type);
    jsonw_kv_cstr(&j, "title", rows[p->code].title);
    jsonw_kv_i64(&j, "status", rows[p->code].status);
    jsonw_kv_cstr(&j, "detail", p->detail ? p->detail : rows[p->code].detail);
    jsonw_kv_str(&j, "instance", instance);
    jsonw_kv_cstr(&j, "code", rows[p->code].name);
    jsonw_kv_str(&j, "request_id", request_id);
    if (p->tries_left >= 0)
        jsonw_kv_i64(&j, "tries_left", p->tries_left);
    if (p->nerrors > 0)
        write_errors(p, &j);
    jsonw_end(&j);
}
