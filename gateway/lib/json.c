/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack of bits says which levels are objects; a comma goes before every value or key that is not
 * the first.
 */
#include "gateway/lib/json.h"

#include <assert.h>

void json_init(struct json *j, struct buf *out)
{
    *j = (struct json){.out = out};
}

static bool in_object(const struct json *j)
{
    return j->depth && (j->is_object >> (j->depth - 1) & 1);
}

/* Before any value: the comma of an array, or the consumption of the key. */
static void json_value(struct json *j)
{
    assert(j->keyed == in_object(j));
    assert(j->depth || !j->comma); /* one value at the top */
    if (j->comma && !j->keyed)
        buf_addc(j->out, ',');
    j->keyed = false;
    j->comma = true;
}

static void json_open(struct json *j, bool object)
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

void json_object(struct json *j)
{
    json_open(j, true);
}

void json_array(struct json *j)
{
    json_open(j, false);
}

void json_end(struct json *j)
{
    assert(j->depth && !j->keyed);
    buf_addc(j->out, in_object(j) ? '}' : ']');
    j->depth--;
    j->comma = true;
}

static void json_before_key(struct json *j)
{
    assert(in_object(j) && !j->keyed);
    if (j->comma)
        buf_addc(j->out, ',');
    j->keyed = true;
}

void json_key(struct json *j, const char *key)
{
    json_before_key(j);
    buf_addc(j->out, '"');
    buf_puts(j->out, key);
    buf_add(j->out, "\":", 2);
}

void json_key_str(struct json *j, struct str key)
{
    json_before_key(j);
    buf_json_string(j->out, key);
    buf_addc(j->out, ':');
}

void json_str(struct json *j, struct str s)
{
    json_value(j);
    buf_json_string(j->out, s);
}

void json_cstr(struct json *j, const char *s)
{
    if (s)
        json_str(j, str_c(s));
    else
        json_null(j);
}

void json_i64(struct json *j, int64_t v)
{
    json_value(j);
    buf_add_i64(j->out, v);
}

void json_bool(struct json *j, bool v)
{
    json_value(j);
    buf_puts(j->out, v ? "true" : "false");
}

void json_null(struct json *j)
{
    json_value(j);
    buf_puts(j->out, "null");
}

void json_raw(struct json *j, struct str json)
{
    json_value(j);
    buf_adds(j->out, json);
}

void json_kv_str(struct json *j, const char *key, struct str s)
{
    json_key(j, key);
    json_str(j, s);
}

void json_kv_cstr(struct json *j, const char *key, const char *s)
{
    json_key(j, key);
    json_cstr(j, s);
}

void json_kv_i64(struct json *j, const char *key, int64_t v)
{
    json_key(j, key);
    json_i64(j, v);
}

void json_kv_bool(struct json *j, const char *key, bool v)
{
    json_key(j, key);
    json_bool(j, v);
}

void json_kv_raw(struct json *j, const char *key, struct str json)
{
    json_key(j, key);
    json_raw(j, json);
}

bool json_done(const struct json *j)
{
    return j->depth == 0 && j->comma;
}
