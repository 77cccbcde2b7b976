/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict HTTP/1.1 request parser: pure, zero-copy, allocates nothing.
 *
 * http_parse_head reads one head (request line and fields) from the start of a buffer; pointers in
 * the result point into it. http_chunk_* decodes a chunked body in place.
 * What could be read in two ways is refused (R1): see the list at http_parse_head.
 *
 * Never: repairs, guesses, or looks past len.
 */
#ifndef COKO_IO_HTTP_PARSE_H
#define COKO_IO_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/str.h"

#define HTTP_HEADERS_MAX 64
#define HTTP_HEAD_MAX    (16u * 1024u)
#define HTTP_TARGET_MAX  (8u * 1024u)

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER, /* a valid token that we do not know: 501 by the server */
    HTTP_METHODS
};

struct http_header {
    struct str name; /* as sent */
    struct str value;
};

struct http_head {
    enum http_method method;
    struct str method_name;
    struct str target; /* as sent, origin form or "*" for OPTIONS */
    struct str path;   /* target before '?', not decoded */
    struct str query;  /* after '?', "" when none */
    struct str host;
    unsigned minor; /* HTTP/1.minor: 0 or 1 */
    unsigned nheaders;
    bool keep_alive;
    bool chunked;
    bool expect_continue;
    bool has_length;
    uint64_t content_length;
    size_t size; /* bytes of the head, final CRLF included */
    struct http_header headers[HTTP_HEADERS_MAX];
};

/* http_parse_head and http_chunk_parse: > 0 done, these otherwise. */
enum http_parse_result {
    HTTP_MORE = 0,   /* incomplete: call again with more bytes */
    HTTP_BAD = -400, /* the negated status to answer before closing */
    HTTP_URI_LONG = -414,
    HTTP_EXPECTATION = -417,
    HTTP_FIELDS_LARGE = -431,
    HTTP_NOT_IMPLEMENTED = -501,
    HTTP_VERSION = -505,
};

/*
 * Reads one head. *seen (0 at first) remembers what was scanned, so that a head that arrives byte
 * by byte costs linear time. Refused with HTTP_BAD: bare LF or CR, space before the colon, folded
 * lines, empty or illegal field names, control characters, Content-Length that is signed, listed,
 * repeated or too long, Content-Length together with Transfer-Encoding, Transfer-Encoding in
 * HTTP/1.0 or repeated, Host absent, repeated or malformed, absolute or authority form, fragments,
 * whitespace other than the two single spaces in the request line, bytes outside visible ASCII in
 * the target.
 * Transfer codings other than "chunked" give HTTP_NOT_IMPLEMENTED. Returns 1 when complete.
 */
MUST_CHECK int http_parse_head(const char *data, size_t len, size_t *seen, struct http_head *h);

/* The value of a field by lower-case name; .p NULL when absent. The first one when repeated. */
struct str http_head_get(const struct http_head *h, const char *name);

/*
 * Decodes %XX once into out (cap bytes): length, or -1 for a bad escape, NUL, control character,
 * encoded slash or backslash, a "." or ".." segment, invalid UTF-8, or no room.
 */
MUST_CHECK ptrdiff_t http_path_decode(struct str path, char *out, size_t cap);

/*
 * One name of a query or an x-www-form-urlencoded body: '+' is a space, %XX decoded once. Length of
 * the value in out, -1 when the name is absent, -2 when it is malformed, has a NUL or no room, or
 * the name stands twice.
 */
MUST_CHECK ptrdiff_t http_form_value(struct str form, const char *name, char *out, size_t cap);

/* Decoder of a chunked body: feeds on raw bytes, moves the data together at the buffer's start. */
struct http_chunks {
    unsigned state;
    unsigned digits;
    unsigned trailer; /* bytes of trailer or extension seen */
    uint64_t left;
};

/*
 * Consumes data[*in..len), writes body bytes to data[*out..): in place, *out <= *in always. Returns 1
 * at the end of the body (*in is after it), HTTP_MORE, or HTTP_BAD (bare LF, bad size, extension or
 * trailer over 1 KiB).
 */
MUST_CHECK int http_chunks_feed(struct http_chunks *c, char *data, size_t len, size_t *in,
                                size_t *out);

#endif
