/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few primitives, over OpenSSL. A failure of the library here is not the world's fault: it
 * aborts.
 */
#ifndef COKO_LIB_CRYPTO_H
#define COKO_LIB_CRYPTO_H

#include "gateway/lib/buf.h"
#include "gateway/lib/str.h"

#define CRYPTO_SHA256_LEN 32

void crypto_sha256(struct str data, uint8_t out[CRYPTO_SHA256_LEN]);
void crypto_hmac_sha256(struct str key, struct str data, uint8_t out[CRYPTO_SHA256_LEN]);

/* The same over the concatenation of n parts. */
void crypto_hmac_sha256_parts(struct str key, const struct str *parts, size_t n,
                              uint8_t out[CRYPTO_SHA256_LEN]);

/* Only where a carrier's protocol wants it: it protects nothing. */
#define CRYPTO_MD5_LEN 16
void crypto_md5(struct str data, uint8_t out[CRYPTO_MD5_LEN]);

/* HKDF-SHA256 (RFC 5869), n <= 255 * 32. */
void crypto_hkdf_sha256(struct str key, struct str salt, struct str info, uint8_t *out, size_t n);

/* Appends clear under the public RSA key (SubjectPublicKeyInfo, DER), PKCS#1 v1.5: as long as the key.
 * False: der is no such key of at most 4096 bits, or clear is too long for it. */
#define CRYPTO_RSA_MAX 512
MUST_CHECK bool crypto_rsa_encrypt(struct str der, struct str clear, struct buf *out);

/* Bytes of the CSPRNG. */
void crypto_random(void *out, size_t n);

/* n uniform decimal digits and a NUL: out[n + 1]. */
void crypto_random_digits(char *out, size_t n);

/* Equal, in time that depends on the lengths only. */
bool crypto_eq(struct str a, struct str b);

/* Overwrite so that the compiler cannot leave it out. */
void crypto_wipe(void *p, size_t n);

#endif
