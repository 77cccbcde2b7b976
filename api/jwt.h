/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access tokens: JWT by RFC 9068, HS256 only, 15 minutes.
 *
 * The header of a token is one constant text a key ({"alg":"HS256","typ":"at+jwt","kid":"1"}): a
 * received header is compared with those texts and never parsed, so no algorithm, type or key
 * reference of a stranger is ever acted on (RFC 8725; hard case 20). The signing key is derived
 * from the ring's key for that purpose; the ring's key id is the kid, and old keys still verify.
 */
#ifndef COKO_API_JWT_H
#define COKO_API_JWT_H

#include "gateway/lib/seal.h"

#define JWT_TEXT_MAX 1024
#define JWT_UUID_LEN 36
#define JWT_SKEW_S   30 /* how far a clock of ours may be ahead of another of ours */

struct jwt_key {
    uint8_t key[CRYPTO_SHA256_LEN];
    char header[80]; /* base64url of the header's text */
};

struct jwt {
    const char *issuer, *audience;
    int64_t ttl_s;
    struct jwt_key keys[SEAL_KEYS_MAX];
    size_t nkeys;
};

/* Who a token speaks for. */
struct jwt_claims {
    char user[JWT_UUID_LEN + 1];    /* sub: the reader's public id */
    char session[JWT_UUID_LEN + 1]; /* sid */
};

enum jwt_verdict { JWT_OK, JWT_EXPIRED, JWT_BAD };

/* issuer and audience are borrowed; both are plain text without quotes (checked: false). */
MUST_CHECK bool jwt_init(struct jwt *j, const struct seal_ring *ring, const char *issuer,
                         const char *audience, int64_t ttl_s);

/* Overwrites the keys. */
void jwt_wipe(struct jwt *j);

/* Appends a token of its own jti. */
void jwt_mint(const struct jwt *j, const struct jwt_claims *c, int64_t now_s, struct buf *out);

/* The same hash is computed for every text that fits JWT_TEXT_MAX, whatever is wrong with it. */
enum jwt_verdict jwt_verify(const struct jwt *j, struct str token, int64_t now_s,
                            struct jwt_claims *c);

/* 8-4-4-4-12 lower-case hexadecimal digits. */
bool jwt_is_uuid(struct str s);

#endif
