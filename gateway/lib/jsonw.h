/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streaming JSON writer on a buf: commas and nesting are its work, names and order are the
 * caller's.
 *
 *     struct jsonw j;
 *     jsonw_init(&j, &out);
 *     jsonw_object(&j);
 *     jsonw_key(&j, "id"); jsonw_i64(&j, 7);
 *     jsonw_key(&j, "tags"); jsonw_array(&j); jsonw_str(&j, STR("a")); jsonw_end(&j);
 *     jsonw_end(&j);
 *
 * Misuse (value without key in an object, unbalanced end, deeper than JSON_DEPTH) is a bug:
 * asserts. Failures of the buffer stick in the buffer. Reading JSON: jansson, not here.
 */
#ifndef COKO_LIB_JSONW_H
#define COKO_LIB_JSONW_H

#include "gateway/lib/buf.h"

#define JSON_DEPTH 64

struct jsonw {
    struct buf *out;
    unsigned depth;
    uint64_t is_object; /* bit d: level d is an object */
    bool comma;         /* a value was written at this level */
    bool keyed;         /* a key waits for its value */
};

void jsonw_init(struct jsonw *j, struct buf *out);

void jsonw_object(struct jsonw *j);
void jsonw_array(struct jsonw *j);
/* Close the innermost object or array. */
void jsonw_end(struct jsonw *j);

/* Plain keys of ours: written unescaped. */
void jsonw_key(struct jsonw *j, const char *key);
/* Any bytes as key. */
void jsonw_key_str(struct jsonw *j, struct str key);

void jsonw_str(struct jsonw *j, struct str s);
void jsonw_cstr(struct jsonw *j, const char *s); /* NULL gives null */
void jsonw_i64(struct jsonw *j, int64_t v);
void jsonw_bool(struct jsonw *j, bool v);
void jsonw_null(struct jsonw *j);
/* A value that already is JSON (a json column), copied verbatim. */
void jsonw_raw(struct jsonw *j, struct str json);

/* key and value in one call. */
void jsonw_kv_str(struct jsonw *j, const char *key, struct str s);
void jsonw_kv_cstr(struct jsonw *j, const char *key, const char *s);
void jsonw_kv_i64(struct jsonw *j, const char *key, int64_t v);
void jsonw_kv_bool(struct jsonw *j, const char *key, bool v);
void jsonw_kv_raw(struct jsonw *j, const char *key, struct str json);

/* Everything closed? (for asserts and tests) */
bool jsonw_done(const struct jsonw *j);

#endif
