/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and what they protect: values that must be found again without standing in clear (lookup),
 * opened again (seal), or only recognised (otp, token). S5: the database and Redis hold what this
 * file makes, never the clear value.
 *
 * A ring holds several 32-byte master keys by id; the first is current: it closes and looks up. The
 * others still open, and give the old lookup values during a rotation. Each master is stretched by
 * HKDF-SHA256 into one key a purpose, the purpose name being the info, so that no two uses share a
 * key.
 *
 * Blob of seal_close: key id u32 BE | nonce 12 (random) | ciphertext | tag 16, AES-256-GCM; the aad
 * names the row the blob belongs to, so that a blob copied to another row does not open. Random
 * nonces: rotate long before 2^32 blobs a key.
 */
#ifndef COKO_LIB_SEAL_H
#define COKO_LIB_SEAL_H

#include "gateway/lib/buf.h"
#include "gateway/lib/crypto.h"

#define SEAL_KEY_LEN  32
#define SEAL_KEYS_MAX 8
#define SEAL_OVERHEAD (4 + 12 + 16)

enum seal_use { SEAL_LOOKUP, SEAL_SEAL, SEAL_OTP, SEAL_TOKEN, SEAL_USES };

struct seal_ring;

/*
 * From text: "id:64 hex digits", separated by commas or white space, the current key first. -1:
 * what is wrong, never the key.
 */
MUST_CHECK int seal_ring_new(struct str text, struct seal_ring **out, struct err *e);

/* Wipes. NULL is allowed. */
void seal_ring_free(struct seal_ring *ring);

size_t seal_ring_count(const struct seal_ring *ring);

/* Id of the i-th key, 0 being the current one. */
uint32_t seal_ring_id(const struct seal_ring *ring, size_t i);

/*
 * HMAC-SHA256 under the current key's `use`: of domain ("phone"), a zero byte, value. Not for
 * SEAL_SEAL.
 */
void seal_mac(const struct seal_ring *ring, enum seal_use use, struct str domain, struct str value,
              uint8_t out[32]);

/* The same under the i-th key: dual look-up while a rotation runs. */
void seal_mac_at(const struct seal_ring *ring, size_t i, enum seal_use use, struct str domain,
                 struct str value, uint8_t out[32]);

/* Short for seal_mac(SEAL_LOOKUP). */
void seal_lookup(const struct seal_ring *ring, struct str domain, struct str value,
                 uint8_t out[32]);

/* Append the sealed blob of plain to out. Failures are the buffer's. */
void seal_close(const struct seal_ring *ring, struct str aad, struct str plain, struct buf *out);

/*
 * Append the clear value to out (buf_wipe it later). -1: ERR_NOT_FOUND unknown key id, ERR_CRYPTO
 * short, forged or other aad.
 */
MUST_CHECK int seal_open(const struct seal_ring *ring, struct str aad, struct str blob,
                         struct buf *out, struct err *e);

/* Key id a blob was closed with; false if it is too short. */
MUST_CHECK bool seal_key_id(struct str blob, uint32_t *id);

#endif
