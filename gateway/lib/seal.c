/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key ring. Subkeys are derived once, when the ring is read; masters are wiped at once.
 */
#include "gateway/lib/seal.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "gateway/lib/basenc.h"

#define NONCE_LEN 12
#define TAG_LEN   16

static const char *const use_names[SEAL_USES] = {
    [SEAL_LOOKUP] = "lookup",
    [SEAL_SEAL] = "seal",
    [SEAL_OTP] = "otp",
    [SEAL_TOKEN] = "token",
};

struct key {
    uint32_t id;
    uint8_t sub[SEAL_USES][SEAL_KEY_LEN];
};

struct seal_ring {
    size_t n;
    EVP_CIPHER *gcm;     /* fetched once: the fetch costs more than sealing a number */
    EVP_CIPHER_CTX *ctx; /* reused, one process, one thread */
    struct key keys[SEAL_KEYS_MAX];
};

static struct seal_ring *ring_alloc(void)
{
    struct seal_ring *ring = calloc(1, sizeof(*ring));

    if (!ring)
        abort();
    ring->gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    ring->ctx = EVP_CIPHER_CTX_new();
    if (!ring->gcm || !ring->ctx)
        abort();
    return ring;
}

void seal_ring_free(struct seal_ring *ring)
{
    if (!ring)
        return;
    EVP_CIPHER_CTX_free(ring->ctx);
    EVP_CIPHER_free(ring->gcm);
    crypto_wipe(ring, sizeof(*ring));
    free(ring);
}

static const struct key *ring_find(const struct seal_ring *ring, uint32_t id)
{
    for (size_t i = 0; i < ring->n; i++) {
        if (ring->keys[i].id == id)
            return &ring->keys[i];
    }
    return NULL;
}

static void key_derive(struct key *key, uint32_t id, const uint8_t master[SEAL_KEY_LEN])
{
    key->id = id;
    for (int use = 0; use < SEAL_USES; use++)
        crypto_hkdf_sha256(str_n(master, SEAL_KEY_LEN), STR("coko"), str_c(use_names[use]),
                           key->sub[use], SEAL_KEY_LEN);
}

/* One "id:hex". */
static int ring_add(struct seal_ring *ring, struct str item, struct err *e)
{
    uint8_t master[SEAL_KEY_LEN];
    struct str id_text, hex;
    int64_t id;

    if (!str_cut(item, ':', &id_text, &hex) || !str_to_i64(id_text, 1, UINT32_MAX, &id))
        return err_set(e, ERR_BAD_CONFIG, "key %zu is not \"id:hex\", id from 1", ring->n + 1);
    if (ring->n == SEAL_KEYS_MAX)
        return err_set(e, ERR_BAD_CONFIG, "more than %d keys", SEAL_KEYS_MAX);
    if (ring_find(ring, (uint32_t)id))
        return err_set(e, ERR_BAD_CONFIG, "key id %lld twice", (long long)id);
    if (hex_decode(hex, master, sizeof(master)) != SEAL_KEY_LEN) {
        crypto_wipe(master, sizeof(master));
        return err_set(e, ERR_BAD_CONFIG, "key %lld is not %d hexadecimal digits", (long long)id,
                       2 * SEAL_KEY_LEN);
    }
    key_derive(&ring->keys[ring->n++], (uint32_t)id, master);
    crypto_wipe(master, sizeof(master));
    return 0;
}

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool next_item(struct str *text, struct str *item)
{
    size_t n = 0;

    while (text->n && is_separator(text->p[0]))
        *text = str_skip(*text, 1);
    while (n < text->n && !is_separator(text->p[n]))
        n++;
    *item = str_head(*text, n);
    *text = str_skip(*text, n);
    return n > 0;
}

int seal_ring_new(struct str text, struct seal_ring **out, struct err *e)
{
    struct seal_ring *ring = ring_alloc();
    struct str item;

    *out = NULL;
    while (next_item(&text, &item)) {
        if (ring_add(ring, item, e) < 0)
            goto fail;
    }
    if (ring->n == 0) {
        err_set(e, ERR_BAD_CONFIG, "no key");
        goto fail;
    }
    *out = ring;
    return 0;
fail:
    seal_ring_free(ring);
    return -1;
}

size_t seal_ring_count(const struct seal_ring *ring)
{
    return ring->n;
}

uint32_t seal_ring_id(const struct seal_ring *ring, size_t i)
{
    assert(i < ring->n);
    return ring->keys[i].id;
}

void seal_mac_at(const struct seal_ring *ring, size_t i, enum seal_use use, struct str domain,
                 struct str value, uint8_t out[32])
{
    struct str parts[] = {domain, str_n("", 1), value};

    assert(i < ring->n && use != SEAL_SEAL && (unsigned)use < SEAL_USES);
    assert(str_find_char(domain, '\0') <
           0); /* the zero byte ends the domain, so no two pairs collide */
    crypto_hmac_sha256_parts(str_n(ring->keys[i].sub[use], SEAL_KEY_LEN), parts, ARRAY_LEN(parts),
                             out);
}

void seal_mac(const struct seal_ring *ring, enum seal_use use, struct str domain, struct str value,
              uint8_t out[32])
{
    seal_mac_at(ring, 0, use, domain, value, out);
}

void seal_lookup(const struct seal_ring *ring, struct str domain, struct str value, uint8_t out[32])
{
    seal_mac_at(ring, 0, SEAL_LOOKUP, domain, value, out);
}

static void need(int ok)
{
    if (ok != 1)
        abort();
}

void seal_close(const struct seal_ring *ring, struct str aad, struct str plain, struct buf *out)
{
    const struct key *key = &ring->keys[0];
    unsigned char *at = (unsigned char *)buf_reserve(out, plain.n + SEAL_OVERHEAD);
    unsigned char *nonce, *body, *tag;
    int n;

    if (!at)
        return;
    assert(plain.n < INT32_MAX && aad.n < INT32_MAX);
    nonce = at + 4;
    body = nonce + NONCE_LEN;
    tag = body + plain.n;
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(key->id >> (24 - 8 * i));
    crypto_random(nonce, NONCE_LEN);
    need(EVP_EncryptInit_ex2(ring->ctx, ring->gcm, key->sub[SEAL_SEAL], nonce, NULL));
    need(EVP_EncryptUpdate(ring->ctx, NULL, &n, at, 4)); /* the key id is bound too */
    need(EVP_EncryptUpdate(ring->ctx, NULL, &n, (const unsigned char *)aad.p, (int)aad.n));
    need(EVP_EncryptUpdate(ring->ctx, body, &n, (const unsigned char *)plain.p, (int)plain.n));
    need(EVP_EncryptFinal_ex(ring->ctx, tag, &n));
    need(EVP_CIPHER_CTX_ctrl(ring->ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag));
    buf_advance(out, plain.n + SEAL_OVERHEAD);
}

bool seal_key_id(struct str blob, uint32_t *id)
{
    const unsigned char *p = (const unsigned char *)blob.p;

    if (blob.n < SEAL_OVERHEAD)
        return false;
    *id = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return true;
}

/* Decrypt the blob's body to `to`; false if the tag does not fit. */
static bool gcm_open(const struct seal_ring *ring, const struct key *key, struct str aad,
                     struct str blob, unsigned char *to)
{
    const unsigned char *p = (const unsigned char *)blob.p;
    unsigned char tag[TAG_LEN];
    int n, len = (int)(blob.n - SEAL_OVERHEAD);

    memcpy(tag, p + blob.n - TAG_LEN, TAG_LEN);
    need(EVP_DecryptInit_ex2(ring->ctx, ring->gcm, key->sub[SEAL_SEAL], p + 4, NULL));
    need(EVP_DecryptUpdate(ring->ctx, NULL, &n, p, 4));
    need(EVP_DecryptUpdate(ring->ctx, NULL, &n, (const unsigned char *)aad.p, (int)aad.n));
    need(EVP_DecryptUpdate(ring->ctx, to, &n, p + 4 + NONCE_LEN, len));
    need(EVP_CIPHER_CTX_ctrl(ring->ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag));
    return EVP_DecryptFinal_ex(ring->ctx, to + len, &n) == 1;
}

int seal_open(const struct seal_ring *ring, struct str aad, struct str blob, struct buf *out,
              struct err *e)
{
    const struct key *key;
    size_t len;
    uint32_t id;
    char *at;

    if (!seal_key_id(blob, &id) || blob.n >= INT32_MAX)
        return err_set(e, ERR_CRYPTO, "sealed value of %zu bytes", blob.n);
    key = ring_find(ring, id);
    if (!key)
        return err_set(e, ERR_NOT_FOUND, "no key %u in the ring", id);
    len = blob.n - SEAL_OVERHEAD;
    at = buf_reserve(out, len + 1); /* never NULL for an empty value */
    if (!at)
        return buf_check(out, e);
    if (!gcm_open(ring, key, aad, blob, (unsigned char *)at)) {
        crypto_wipe(at, len);
        return err_set(e, ERR_CRYPTO, "sealed value does not open");
    }
    buf_advance(out, len);
    return 0;
}
