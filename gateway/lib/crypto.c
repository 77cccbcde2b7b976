/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMAC and HKDF are written out over SHA-256: OpenSSL 3 fetches its MAC at each one-shot call,
 * which costs more than hashing a phone number.
 */
#include "gateway/lib/crypto.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

#define BLOCK 64

static void need(int ok)
{
    if (ok != 1)
        abort();
}

/* Global on purpose: EVP_sha256() would make each init look its implementation up again. */
static EVP_MD *sha256_md;

static void sha256_fetch(void)
{
    sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256_md)
        abort();
}

static const EVP_MD *sha256(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT; /* hashing threads come here too */

    if (pthread_once(&once, sha256_fetch) != 0)
        abort();
    return sha256_md;
}

void crypto_sha256(struct str data, uint8_t out[CRYPTO_SHA256_LEN])
{
    need(EVP_Digest(data.p, data.n, out, NULL, sha256(), NULL));
}

void crypto_md5(struct str data, uint8_t out[CRYPTO_MD5_LEN])
{
    need(EVP_Digest(data.p, data.n, out, NULL, EVP_md5(), NULL));
}

/* RFC 2104: one inner and one outer hash. */
void crypto_hmac_sha256_parts(struct str key, const struct str *parts, size_t n,
                              uint8_t out[CRYPTO_SHA256_LEN])
{
    uint8_t pad[BLOCK] = {0}, folded[CRYPTO_SHA256_LEN];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (!ctx)
        abort();
    if (key.n > BLOCK) {
        crypto_sha256(key, folded);
        key = str_n(folded, sizeof(folded));
    }
    if (key.n)
        memcpy(pad, key.p, key.n);
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36;
    need(EVP_DigestInit_ex2(ctx, sha256(), NULL));
    need(EVP_DigestUpdate(ctx, pad, BLOCK));
    for (size_t i = 0; i < n; i++)
        need(EVP_DigestUpdate(ctx, parts[i].p, parts[i].n));
    need(EVP_DigestFinal_ex(ctx, out, NULL));
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36 ^ 0x5C;
    need(EVP_DigestInit_ex2(ctx, sha256(), NULL));
    need(EVP_DigestUpdate(ctx, pad, BLOCK));
    need(EVP_DigestUpdate(ctx, out, CRYPTO_SHA256_LEN));
    need(EVP_DigestFinal_ex(ctx, out, NULL));
    EVP_MD_CTX_free(ctx);
    crypto_wipe(pad, sizeof(pad));
    crypto_wipe(folded, sizeof(folded));
}

void crypto_hmac_sha256(struct str key, struct str data, uint8_t out[CRYPTO_SHA256_LEN])
{
    crypto_hmac_sha256_parts(key, &data, 1, out);
}

void crypto_hkdf_sha256(struct str key, struct str salt, struct str info, uint8_t *out, size_t n)
{
    uint8_t prk[CRYPTO_SHA256_LEN], block[CRYPTO_SHA256_LEN];
    uint8_t counter = 1;
    size_t have = 0;

    assert(n <= 255 * sizeof(block));
    crypto_hmac_sha256(salt, key, prk);
    while (n) {
        struct str parts[] = {str_n(block, have), info, str_n(&counter, 1)};
        size_t take = MIN(n, sizeof(block));

        crypto_hmac_sha256_parts(str_n(prk, sizeof(prk)), parts, ARRAY_LEN(parts), block);
        have = sizeof(block);
        memcpy(out, block, take);
        out += take;
        n -= take;
        counter++;
    }
    crypto_wipe(prk, sizeof(prk));
    crypto_wipe(block, sizeof(block));
}

void crypto_random(void *out, size_t n)
{
    assert(n <= INT32_MAX);
    need(RAND_bytes(out, (int)n));
}

void crypto_random_digits(char *out, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint8_t byte;

        crypto_random(&byte, 1);
        if (byte < 250) /* 250 = 25 * 10: no digit is likelier than another */
            out[i++] = (char)('0' + byte % 10);
    }
    out[n] = '\0';
}

bool crypto_eq(struct str a, struct str b)
{
    return a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}

void crypto_wipe(void *p, size_t n)
{
    explicit_bzero(p, n);
}
