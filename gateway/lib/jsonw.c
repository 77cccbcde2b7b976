/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack of bits says which levels are objects; a comma goes before every value or key that is not
 * the first.
 */
#include "gateway/lib/jsonw.h"

#include <assert.h>

void jsonw_init(struct jsonw *j, struct buf *out)
{
    *j = (struct jsonw){.out = out};
}

static bool in_object(const struct jsonw *j)
{
    return j->depth && (j->is_object >> (j->depth - 1) & 1);
}

/* Before any value: the comma of an array, or the consumption of the key. */
static void json_value(struct jsonw *j)
{
    assert(j->keyed == in_object(j));
    assert(j->depth || !j->comma); /* one value at the top */
    if (j->comma && !j->keyed)
        buf_addc(j->out, ',');
    j->keyed = false;
    j->comma = true;
}

static void json_open(struct jsonw *j, bool object)
{
    json_value(j);
    assert(j->depth < JSON_DEPTH);
    if (object)
        j->is_object |= 1ULL << j->depth;
    else
        j->is_object &= ~(1ULL << j->depth);
    j->depth++;
    j->comma = false;
    buf_addc(j->out, object ? '{' : '[');
}

void jsonw_object(struct jsonw *j)
{
    json_open(j, true);
}

void jsonw_array(struct jsonw *j)
{
    json_open(j, false);
}

void jsonw_end(struct jsonw *j)
{
    assert(j->depth && !j->keyed);
    buf_addc(j->out, in_object(j) ? '}' : ']');
    j->depth--;
    j->comma = true;
}

static void json_before_key(struct jsonw *j)
{
    assert(in_object(j) && !j->keyed);
    if (j->comma)
        buf_addc(j->out, ',');
    j->keyed = true;
}

void jsonw_key(struct jsonw *j, const char *key)
{
    json_before_key(j);
    buf_addc(j->out, '"');
    buf_puts(j->out, key);
    buf_add(j->out, "\":", 2);
}

void jsonw_key_str(struct jsonw *j, struct str key)
{
    json_before_key(j);
    buf_json_string(j->out, key);
    buf_addc(j->out, ':');
}

void jsonw_str(struct jsonw *j, struct str s)
{
    json_value(j);
    buf_json_string(j->out, s);
}

void jsonw_cstr(struct jsonw *j, const char *s)
{
    if (s)
        jsonw_str(j, str_c(s));
    else
        jsonw_null(j);
}

void jsonw_i64(struct jsonw *j, int64_t v)
{
    json_value(j);
    buf_add_i64(j->out, v);
}

void jsonw_bool(struct jsonw *j, bool v)
{
    json_value(j);
    buf_puts(j->out, v ? "true" : "false");
}

void jsonw_null(struct jsonw *j)
{
    json_value(j);
    buf_puts(j->out, "null");
}

void jsonw_raw(struct jsonw *j, struct str json)
{
    json_value(j);
    buf_adds(j->out, json);
}

void jsonw_kv_str(struct jsonw *j, const char *key, struct str s)
{
    jsonw_key(j, key);
    jsonw_str(j, s);
}

void jsonw_kv_cstr(struct jsonw *j, const char *key, const char *s)
{
    jsonw_key(j, key);
    jsonw_cstr(j, s);
}

void jsonw_kv_i64(struct jsonw *j, const char *key, int64_t v)
{
    jsonw_key(j, key);
    jsonw_i64(j, v);
}

void jsonw_kv_bool(struct jsonw *j, const char *key, bool v)
{
    jsonw_key(j, key);
    jsonw_bool(j, v);
}

void jsonw_kv_raw(struct jsonw *j, const char *key, struct str json)
{
    jsonw_key(j, key);
    jsonw_raw(j, json);
}

bool jsonw_done(const struct jsonw *j)
{
    return j->depth == 0 && j->comma;
}
