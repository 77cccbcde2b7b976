/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens and cursors of strangers: none is ever accepted as it comes. The payload of a token is also
 * signed with our own key, so that the reader of claims sees any bytes.
 */
#include <stdlib.h>

#include "api/cursor.h"
#include "api/jwt.h"
#include "gateway/lib/basenc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1800000000

static struct seal_ring *ring;
static struct jwt jwt;

static void need(bool ok)
{
    if (!ok)
        abort();
}

static void close_all(void)
{
    seal_ring_free(ring);
}

static void open_once(void)
{
    struct err e;

    if (ring)
        return;
    need(seal_ring_new(STR("1:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"),
                       &ring, &e) == 0);
    need(jwt_init(&jwt, ring, "coko", "coko-api", 900));
    atexit(close_all);
}

static void check_signed(struct str payload)
{
    struct jwt_claims c;
    uint8_t mac[32];
    struct buf b;

    buf_init(&b, 4096);
    buf_puts(&b, jwt.keys[0].header);
    buf_addc(&b, '.');
    base64_encode(&b, BASE64_URL, payload.p, payload.n);
    crypto_hmac_sha256(str_n(jwt.keys[0].key, 32), buf_str(&b), mac);
    buf_addc(&b, '.');
    base64_encode(&b, BASE64_URL, mac, sizeof mac);
    if (jwt_verify(&jwt, buf_str(&b), NOW, &c) == JWT_OK)
        need(jwt_is_uuid(str_c(c.user)) && jwt_is_uuid(str_c(c.session)));
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n(data, size), keys[CURSOR_KEYS_MAX];
    char mem[CURSOR_TEXT_MAX];
    struct jwt_claims c;

    if (size > 2048)
        return 0;
    open_once();
    need(jwt_verify(&jwt, text, NOW, &c) == JWT_BAD);
    need(!cursor_read(ring, STR("scope"), text, mem, keys, 2));
    check_signed(text);
    return 0;
}
