/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redis side of the sessions. See store.h.
 */
#include "sessions/store.h"

#include <stdio.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/crypto.h"

/*
 * KEYS[1] session, KEYS[2] pointer if it moves; ARGV[1] the version expected as its 4 stored bytes,
 * zero for none; ARGV[2] new bytes; ARGV[3] milliseconds; ARGV[4] the pointer's bytes, empty to take
 * it away where it has the mark ARGV[6]; ARGV[5] its milliseconds. 1 when written, else what is
 * stored. A value too short to have a version counts as none.
 */
static struct redis_script save_script = {
    .lua = "local cur = redis.call('GET', KEYS[1])\n"
           "local version = '\\0\\0\\0\\0'\n"
           "if cur and #cur >= 5 then version = string.sub(cur, 2, 5) end\n"
           "if version ~= ARGV[1] then return cur end\n"
           "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
           "if not KEYS[2] then return 1 end\n"
           "if ARGV[4] ~= '' then\n"
           "  redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[5])\n"
           "elseif redis.pcall('GETRANGE', KEYS[2], 1, 8) == ARGV[6] then\n"
           "  redis.call('DEL', KEYS[2])\n"
           "end\n"
           "return 1\n"};

/* "<prefix>:<kind>:<half of the mac in hex>" */
static void key_write(const struct redis *r, char kind, const uint8_t mac[32],
                      struct store_key *out)
{
    struct buf key;

    buf_init_fixed(&key, out->text, sizeof out->text);
    buf_addf(&key, "%.40s:%c:", redis_prefix(r), kind);
    size_t at = key.len;

    hex_encode(&key, mac, 16);
    out->id = str_n(out->text + at, 32);
    out->text[key.len] = '\0';
}

void store_key(const struct redis *r, const struct seal_ring *ring, struct str carrier,
               struct str session, struct str number, struct store_key *out)
{
    uint8_t mac[32];
    char mem[600];
    struct buf id;

    /* lengths before values: no two dialogues can spell the same bytes */
    buf_init_fixed(&id, mem, sizeof mem);
    buf_addf(&id, "%zu:%" STR_FMT, carrier.n, STR_ARG(carrier));
    buf_addf(&id, "%zu:%" STR_FMT, session.n, STR_ARG(session));
    buf_adds(&id, number);
    seal_lookup(ring, STR("ussd session"), buf_str(&id), mac);
    key_write(r, 's', mac, out);
}

void store_pointer_key(const struct redis *r, const struct seal_ring *ring, struct str number,
                       struct store_key *out)
{
    uint8_t mac[32];

    seal_lookup(ring, STR("ussd resume"), number, mac);
    key_write(r, 'r', mac, out);
}

void store_late_key(const struct redis *r, const struct seal_ring *ring, struct str step,
                    struct store_key *out)
{
    uint8_t mac[32];

    seal_lookup(ring, STR("ussd late"), step, mac);
    key_write(r, 'l', mac, out);
}

void store_run(const struct redis *r, uint8_t run[SESSION_RUN_LEN])
{
    uint8_t sum[CRYPTO_SHA256_LEN];

    crypto_sha256(str_c(redis_run_id(r)), sum);
    memcpy(run, sum, SESSION_RUN_LEN);
}

void store_load(struct redis *r, struct op *op, const struct store_key *k)
{
    const char *argv[] = {"GET", k->text};

    redis_cmd(r, op, 2, argv, NULL);
}

struct str store_loaded(const struct op *op)
{
    const struct redisReply *reply = redis_reply(op);

    if (!reply || reply->type != REDIS_REPLY_STRING)
        return STR_EMPTY;
    return str_n(reply->str, reply->len);
}

uint32_t store_version(struct str bytes)
{
    const uint8_t *v = (const uint8_t *)bytes.p + SESSION_VERSION_AT;

    if (bytes.n < SESSION_VERSION_AT + 4)
        return 0;
    return (uint32_t)v[0] << 24 | (uint32_t)v[1] << 16 | (uint32_t)v[2] << 8 | v[3];
}

static size_t number_text(char out[24], int64_t n)
{
    return (size_t)snprintf(out, 24, "%lld", (long long)n);
}

void store_save(struct redis *r, struct op *op, const struct store_key *k,
                const struct store_write *w)
{
    char version[4] = {(char)(w->expected >> 24), (char)(w->expected >> 16),
                       (char)(w->expected >> 8), (char)w->expected};
    char ttl[24], resume_ttl[24];
    size_t nttl = number_text(ttl, w->ttl_ms), nresume = number_text(resume_ttl, w->resume_ttl_ms);

    if (w->pointer) {
        const char *argv[] = {k->text, w->pointer->text, version,    w->bytes.p,
                              ttl,     w->resume.p,      resume_ttl, w->mark.p};
        size_t len[] = {strlen(k->text),
                        strlen(w->pointer->text),
                        sizeof version,
                        w->bytes.n,
                        nttl,
                        w->resume.n,
                        nresume,
                        w->mark.n};

        redis_eval(r, op, &save_script, 2, ARRAY_LEN(argv), argv, len);
    } else {
        const char *argv[] = {k->text, version, w->bytes.p, ttl};
        size_t len[] = {strlen(k->text), sizeof version, w->bytes.n, nttl};

        redis_eval(r, op, &save_script, 1, ARRAY_LEN(argv), argv, len);
    }
}

/* argc 5, or 6 with NX */
static void set_bytes(struct redis *r, struct op *op, const struct store_key *k, struct str bytes,
                      int64_t ttl_ms, int argc)
{
    char ttl[24];
    size_t nttl = number_text(ttl, ttl_ms);
    const char *argv[] = {"SET", k->text, bytes.p, "PX", ttl, "NX"};
    size_t len[] = {3, strlen(k->text), bytes.n, 2, nttl, 2};

    redis_cmd(r, op, argc, argv, len);
}

void store_promise(struct redis *r, struct op *op, const struct store_key *k, struct str bytes,
                   int64_t ttl_ms)
{
    set_bytes(r, op, k, bytes, ttl_ms, 6);
}

bool store_promised(const struct op *op)
{
    const struct redisReply *reply = redis_reply(op);

    return reply && reply->type == REDIS_REPLY_STATUS;
}

void store_keep(struct redis *r, struct op *op, const struct store_key *k, struct str bytes,
                int64_t ttl_ms)
{
    const char *del[] = {"DEL", k->text};

    if (bytes.n > 0)
        set_bytes(r, op, k, bytes, ttl_ms, 5);
    else
        redis_cmd(r, op, ARRAY_LEN(del), del, NULL);
}

bool store_saved(const struct op *op, struct str *winner)
{
    const struct redisReply *reply = redis_reply(op);

    *winner = STR_EMPTY;
    if (reply && reply->type == REDIS_REPLY_INTEGER)
        return true;
    if (reply && reply->type == REDIS_REPLY_STRING)
        *winner = str_n(reply->str, reply->len);
    return false;
}
