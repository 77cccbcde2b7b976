/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA with a key that a partner publishes. The key is the world's: what is none is refused.
 */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "gateway/lib/crypto.h"

bool crypto_rsa_encrypt(struct str der, struct str clear, struct buf *out)
{
    const unsigned char *p = (const unsigned char *)der.p;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)der.n);
    EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    unsigned char mem[CRYPTO_RSA_MAX];
    size_t n = sizeof mem;
    bool ok = ctx && EVP_PKEY_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_size(key) <= (int)n &&
              EVP_PKEY_encrypt_init(ctx) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
              EVP_PKEY_encrypt(ctx, mem, &n, (const unsigned char *)clear.p, clear.n) == 1;

    if (ok)
        buf_add(out, mem, n);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}
