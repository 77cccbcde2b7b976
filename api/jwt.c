/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Minting and verifying access tokens. See jwt.h.
 */
#include "api/jwt.h"

#include <jansson.h>
#include <stdio.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/jsonw.h"

#define SIGNATURE_TEXT 43 /* 32 bytes in base64url */
#define PAYLOAD_MAX    768

static bool plain(const char *s)
{
    for (const char *p = s; *p; p++) {
        if (*p < 0x21 || *p > 0x7E || *p == '"' || *p == '\\')
            return false;
    }
    return *s != '\0' && strlen(s) <= 128;
}

bool jwt_init(struct jwt *j, const struct seal_ring *ring, const char *issuer, const char *audience,
              int64_t ttl_s)
{
    *j = (struct jwt){.issuer = issuer, .audience = audience, .ttl_s = ttl_s};
    j->nkeys = seal_ring_count(ring);
    for (size_t i = 0; i < j->nkeys; i++) {
        struct jwt_key *k = &j->keys[i];
        struct buf b;
        char text[64];
        int n = snprintf(text, sizeof text, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%u\"}",
                         seal_ring_id(ring, i));

        seal_mac_at(ring, i, SEAL_TOKEN, STR("api.jwt"), STR("HS256"), k->key);
        buf_init_fixed(&b, k->header, sizeof k->header - 1);
        base64_encode(&b, BASE64_URL, text, (size_t)n);
        k->header[b.len] = '\0';
    }
    return plain(issuer) && plain(audience);
}

void jwt_wipe(struct jwt *j)
{
    crypto_wipe(j->keys, sizeof j->keys);
}

static void payload_write(const struct jwt *j, const struct jwt_claims *c, int64_t now_s,
                          struct buf *out)
{
    uint8_t jti[16];
    char mem[sizeof jti * 2];
    struct buf hex;
    struct jsonw w;

    crypto_random(jti, sizeof jti);
    buf_init_fixed(&hex, mem, sizeof mem);
    hex_encode(&hex, jti, sizeof jti);
    jsonw_init(&w, out);
    jsonw_object(&w);
    jsonw_kv_cstr(&w, "iss", j->issuer);
    jsonw_kv_cstr(&w, "aud", j->audience);
    jsonw_kv_cstr(&w, "sub", c->user);
    jsonw_kv_cstr(&w, "sid", c->session);
    jsonw_kv_i64(&w, "iat", now_s);
    jsonw_kv_i64(&w, "exp", now_s + j->ttl_s);
    jsonw_kv_str(&w, "jti", buf_str(&hex));
    jsonw_end(&w);
}

void jwt_mint(const struct jwt *j, const struct jwt_claims *c, int64_t now_s, struct buf *out)
{
    char mem[PAYLOAD_MAX];
    uint8_t mac[CRYPTO_SHA256_LEN];
    struct buf payload;
    size_t start = out->len;

    buf_init_fixed(&payload, mem, sizeof mem);
    payload_write(j, c, now_s, &payload);
    buf_puts(out, j->keys[0].header);
    buf_addc(out, '.');
    base64_encode(out, BASE64_URL, payload.p, payload.len);
    crypto_hmac_sha256(str_n(j->keys[0].key, sizeof j->keys[0].key), str_skip(buf_str(out), start),
                       mac);
    buf_addc(out, '.');
    base64_encode(out, BASE64_URL, mac, sizeof mac);
}

bool jwt_is_uuid(struct str s)
{
    if (s.n != JWT_UUID_LEN)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = s.p[i];

        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

static bool text_is(const json_t *root, const char *name, const char *want)
{
    const char *have = json_string_value(json_object_get(root, name));

    return have && strcmp(have, want) == 0;
}

static bool take_uuid(const json_t *root, const char *name, char out[JWT_UUID_LEN + 1])
{
    struct str s = str_c(json_string_value(json_object_get(root, name)));

    return jwt_is_uuid(s) && str_to_c(s, out, JWT_UUID_LEN + 1);
}

static enum jwt_verdict judge(const struct jwt *j, const json_t *root, int64_t now_s,
                              struct jwt_claims *c)
{
    const json_t *exp = json_object_get(root, "exp"), *iat = json_object_get(root, "iat");

    if (!text_is(root, "iss", j->issuer) || !text_is(root, "aud", j->audience) ||
        !take_uuid(root, "sub", c->user) || !take_uuid(root, "sid", c->session) ||
        !json_is_string(json_object_get(root, "jti")) || !json_is_integer(exp) ||
        !json_is_integer(iat) || json_integer_value(iat) > now_s + JWT_SKEW_S)
        return JWT_BAD;
    return json_integer_value(exp) > now_s ? JWT_OK : JWT_EXPIRED;
}

static enum jwt_verdict payload_read(const struct jwt *j, struct str text, int64_t now_s,
                                     struct jwt_claims *c)
{
    char mem[PAYLOAD_MAX];
    ssize_t n = base64_decode(text, BASE64_URL, mem, sizeof mem);
    json_t *root = n > 0 ? json_loadb(mem, (size_t)n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    enum jwt_verdict v = json_is_object(root) ? judge(j, root, now_s, c) : JWT_BAD;

    json_decref(root);
    return v;
}

enum jwt_verdict jwt_verify(const struct jwt *j, struct str token, int64_t now_s,
                            struct jwt_claims *c)
{
    struct str header, rest, payload, signature;
    uint8_t want[CRYPTO_SHA256_LEN], have[CRYPTO_SHA256_LEN] = {0};
    size_t key = 0;
    bool known = false;

    if (token.n > JWT_TEXT_MAX)
        return JWT_BAD;
    str_cut(token, '.', &header, &rest);
    str_cut(rest, '.', &payload, &signature);
    for (size_t i = 0; i < j->nkeys; i++) {
        if (str_eq(header, str_c(j->keys[i].header))) {
            key = i;
            known = true;
        }
    }
    size_t signed_len = MIN(header.n + 1 + payload.n, token.n);

    crypto_hmac_sha256(str_n(j->keys[key].key, CRYPTO_SHA256_LEN), str_head(token, signed_len),
                       want);
    bool decoded = signature.n == SIGNATURE_TEXT &&
                   base64_decode(signature, BASE64_URL, have, sizeof have) == sizeof have;
    bool fits = crypto_eq(str_n(want, sizeof want), str_n(have, sizeof have));

    return known && decoded && fits ? payload_read(j, payload, now_s, c) : JWT_BAD;
}
