/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cursors. See cursor.h for the text.
 */
#include "api/cursor.h"

#include <assert.h>

#include "gateway/lib/basenc.h"

#define CURSOR_VERSION 1
#define MAC_LEN        16
#define HEAD_LEN       (1 + MAC_LEN)
#define RAW_MAX        (HEAD_LEN + CURSOR_KEYS_MAX * (CURSOR_KEY_MAX + 1))

/* The scope is hashed first, so that no boundary between it and the keys can be moved. */
static void mac_of(const struct seal_ring *ring, size_t key, struct str scope, struct str keys,
                   uint8_t out[32])
{
    uint8_t value[CRYPTO_SHA256_LEN + RAW_MAX];

    assert(keys.n <= RAW_MAX);
    crypto_sha256(scope, value);
    memcpy(value + CRYPTO_SHA256_LEN, keys.p, keys.n);
    seal_mac_at(ring, key, SEAL_TOKEN, STR("api.cursor"), str_n(value, CRYPTO_SHA256_LEN + keys.n),
                out);
}

void cursor_write(const struct seal_ring *ring, struct str scope, const struct str *keys,
                  unsigned nkeys, struct buf *out)
{
    char raw[RAW_MAX];
    uint8_t mac[32];
    size_t n = HEAD_LEN;

    assert(nkeys <= CURSOR_KEYS_MAX);
    for (unsigned i = 0; i < nkeys; i++) {
        assert(keys[i].n <= CURSOR_KEY_MAX && !memchr(keys[i].p, '\0', keys[i].n));
        memcpy(raw + n, keys[i].p, keys[i].n);
        n += keys[i].n;
        raw[n++] = '\0';
    }
    mac_of(ring, 0, scope, str_n(raw + HEAD_LEN, n - HEAD_LEN), mac);
    raw[0] = CURSOR_VERSION;
    memcpy(raw + 1, mac, MAC_LEN);
    base64_encode(out, BASE64_URL, raw, n);
}

static bool mac_fits(const struct seal_ring *ring, struct str scope, struct str raw)
{
    bool fits = false;

    for (size_t i = 0; i < seal_ring_count(ring); i++) {
        uint8_t mac[32];

        mac_of(ring, i, scope, str_skip(raw, HEAD_LEN), mac);
        fits |= crypto_eq(str_n(mac, MAC_LEN), str_n(raw.p + 1, MAC_LEN));
    }
    return fits;
}

bool cursor_read(const struct seal_ring *ring, struct str scope, struct str text,
                 char mem[CURSOR_TEXT_MAX], struct str *keys, unsigned nkeys)
{
    ssize_t n = base64_decode(text, BASE64_URL, mem, RAW_MAX);
    struct str raw, rest;

    if (n < HEAD_LEN || mem[0] != CURSOR_VERSION)
        return false;
    raw = str_n(mem, (size_t)n);
    if (!mac_fits(ring, scope, raw))
        return false;
    rest = str_skip(raw, HEAD_LEN);
    for (unsigned i = 0; i < nkeys; i++) {
        if (!str_cut(rest, '\0', &keys[i], &rest))
            return false;
    }
    return rest.n == 0;
}
