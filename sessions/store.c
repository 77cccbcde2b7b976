/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redis side of the sessions. See store.h.
 */
#include "sessions/store.h"

#include <stdio.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/crypto.h"

/*
 * KEYS[1] session; ARGV[1] the version expected as its 4 stored bytes, zero for none; ARGV[2] new
 * bytes; ARGV[3] milliseconds. 1 when written, else what is stored. A value too short to have a
 * version counts as none.
 */
static struct redis_script save_script = {
    .lua = "local cur = redis.call('GET', KEYS[1])\n"
           "local version = '\\0\\0\\0\\0'\n"
           "if cur and #cur >= 5 then version = string.sub(cur, 2, 5) end\n"
           "if version ~= ARGV[1] then return cur end\n"
           "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
           "return 1\n"};

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

    struct buf key;

    buf_init_fixed(&key, out->text, sizeof out->text);
    buf_addf(&key, "%.40s:s:", redis_prefix(r));
    size_t at = key.len;

    hex_encode(&key, mac, 16);
    out->id = str_n(out->text + at, 32);
    out->text[key.len] = '\0';
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

void store_save(struct redis *r, struct op *op, const struct store_key *k, uint32_t expected,
                struct str bytes, int64_t ttl_ms)
{
    char version[4] = {(char)(expected >> 24), (char)(expected >> 16), (char)(expected >> 8),
                       (char)expected};
    char ttl[24];
    int n = snprintf(ttl, sizeof ttl, "%lld", (long long)ttl_ms);
    const char *argv[] = {k->text, version, bytes.p, ttl};
    size_t len[] = {strlen(k->text), sizeof version, bytes.n, (size_t)n};

    redis_eval(r, op, &save_script, 1, 4, argv, len);
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
