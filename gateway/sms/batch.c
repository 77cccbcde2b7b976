/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows are refused while the buffer still has room for the largest of them, so a batch never fails in
 * the middle of one.
 */
#include "gateway/sms/batch.h"

#include <assert.h>

#define ROW_MAX 2048

static const char *const status_names[] = {
    [BATCH_ACCEPTED] = "accepted", [BATCH_FAILED] = "failed",       [BATCH_UNKNOWN] = "unknown",
    [BATCH_RETRY] = "retry",       [BATCH_CANCELLED] = "cancelled",
};

const char *batch_status_name(enum batch_status s)
{
    return status_names[s];
}

void batch_init(struct batch *b)
{
    buf_init(&b->text, BATCH_BYTES);
    batch_reset(b);
}

void batch_reset(struct batch *b)
{
    buf_reset(&b->text);
    b->n = 0;
    b->cancelled = false;
    jsonw_init(&b->json, &b->text);
    jsonw_array(&b->json);
}

void batch_fini(struct batch *b)
{
    buf_fini(&b->text);
}

static bool has_room(const struct batch *b)
{
    return b->text.len + ROW_MAX <= b->text.max;
}

bool batch_result(struct batch *b, const struct batch_part *p)
{
    struct jsonw *j = &b->json;

    if (!has_room(b))
        return false;
    jsonw_object(j);
    jsonw_kv_i64(j, "m", (int64_t)p->message);
    jsonw_kv_i64(j, "no", p->no);
    jsonw_kv_i64(j, "of", p->of);
    jsonw_kv_cstr(j, "status", status_names[p->status]);
    jsonw_kv_i64(j, "code", MIN(p->code, (int64_t)INT32_MAX)); /* a status is any 32 bits */
    if (p->ref.n > 0)
        jsonw_kv_str(j, "ref", str_head(p->ref, 100));
    jsonw_end(j);
    b->n++;
    b->cancelled |= p->status == BATCH_CANCELLED;
    return true;
}

static void add_lookup(struct jsonw *j, const uint8_t *lookup)
{
    char hex[65];

    for (size_t i = 0; i < 32; i++) {
        hex[2 * i] = "0123456789abcdef"[lookup[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[lookup[i] & 15];
    }
    jsonw_kv_str(j, "number_lookup", str_n(hex, 64));
}

bool batch_receipt(struct batch *b, const struct batch_receipt *r)
{
    struct jsonw *j = &b->json;

    assert(r->nrefs > 0 || (r->reference != 0 && r->lookup != NULL));
    if (!has_room(b))
        return false;
    jsonw_object(j);
    if (r->nrefs > 0)
        jsonw_kv_cstr(j, "ref", r->refs[0]);
    jsonw_key(j, "alt");
    jsonw_array(j);
    for (size_t i = 1; i < r->nrefs; i++)
        jsonw_cstr(j, r->refs[i]);
    jsonw_end(j);
    jsonw_kv_cstr(j, "state", r->state);
    if (r->err >= 0)
        jsonw_kv_i64(j, "err", r->err);
    if (r->lookup != NULL)
        add_lookup(j, r->lookup);
    if (r->reference != 0)
        jsonw_kv_i64(j, "own", r->reference);
    jsonw_end(j);
    b->n++;
    return true;
}

struct str batch_json(struct batch *b)
{
    if (!jsonw_done(&b->json))
        jsonw_end(&b->json);
    return buf_str(&b->text);
}
