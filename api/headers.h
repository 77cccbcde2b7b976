/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the head of a request says, and the fields that every reply carries.
 */
#ifndef COKO_API_HEADERS_H
#define COKO_API_HEADERS_H

#include "api/call.h"

/* The client's X-Request-Id when it is sane (8-64 of A-Z a-z 0-9 . _ -), else one of ours. */
void headers_request_id(const struct http_exchange *x, char out[CALL_REQUEST_ID + 1]);

/* Is the Host one that is served? An empty list serves all. */
bool headers_host_ok(const struct option_list *allowed, struct str host);

/* Does Accept take JSON? */
bool headers_accept_ok(const struct http_exchange *x);

/* Is the body said to be JSON in UTF-8? */
bool headers_json_ok(const struct http_exchange *x);

/* Does a list of entity tags (If-None-Match) name this one? Weak comparison. */
bool headers_etag_match(struct str list, struct str etag);

/*
 * X-Content-Type-Options, X-Request-Id, Cache-Control, Vary and the CORS fields. failed: nothing of
 * it is kept by anyone.
 */
void headers_common(struct call *c, bool failed);

/* The fields of a preflight's answer. */
void headers_preflight(struct call *c);

#endif
