/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streaming JSON writer on a buf: commas and nesting are its work, names and order are the
 * caller's.
 *
 *     struct json j;
 *     json_init(&j, &out);
 *     json_object(&j);
 *     json_key(&j, "id"); json_i64(&j, 7);
 *     json_key(&j, "tags"); json_array(&j); json_str(&j, STR("a")); json_end(&j);
 *     json_end(&j);
 *
 * Misuse (value without key in an object, unbalanced end, deeper than JSON_DEPTH) is a bug:
 * asserts. Failures of the buffer stick in the buffer. Reading JSON: jansson, not here.
 */
#ifndef COKO_LIB_JSON_H
#define COKO_LIB_JSON_H

#include "gateway/lib/buf.h"

#define JSON_DEPTH 64

struct json {
    struct buf *out;
    unsigned depth;
    uint64_t is_object; /* bit d: level d is an object */
    bool comma;         /* a value was written at this level */
    bool keyed;         /* a key waits for its value */
};

void json_init(struct json *j, struct buf *out);

void json_object(struct json *j);
void json_array(struct json *j);
/* Close the innermost object or array. */
void json_end(struct json *j);

/* Plain keys of ours: written unescaped. */
void json_key(struct json *j, const char *key);
/* Any bytes as key. */
void json_key_str(struct json *j, struct str key);

void json_str(struct json *j, struct str s);
void json_cstr(struct json *j, const char *s); /* NULL gives null */
void json_i64(struct json *j, int64_t v);
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
/* A value that already is JSON (a json column), copied verbatim. */
void json_raw(struct json *j, struct str json);

/* key and value in one call. */
void json_kv_str(struct json *j, const char *key, struct str s);
void json_kv_cstr(struct json *j, const char *key, const char *s);
void json_kv_i64(struct json *j, const char *key, int64_t v);
void json_kv_bool(struct json *j, const char *key, bool v);
void json_kv_raw(struct json *j, const char *key, struct str json);

/* Everything closed? (for asserts and tests) */
bool json_done(const struct json *j);

#endif
