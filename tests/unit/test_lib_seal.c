/* SPDX-License-Identifier: Apache-2.0 */
/* crypto and seal: published vectors, rotation, tampering at every byte (S5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/seal.h"
#include "tests/unit/guard.h"

#define KEY_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"

static void assert_hex(const void *p, size_t n, const char *want)
{
    struct buf b;

    buf_init(&b, 1000);
    hex_encode(&b, p, n);
    assert_string_equal(buf_cstr(&b), want);
    buf_fini(&b);
}

/* FIPS 180-4 "abc"; RFC 4231 cases 1 and 6; RFC 5869 cases 1 and 3. */
static void published_vectors(void **state)
{
    uint8_t out[42], key[131], ikm[22], salt[13], info[10];

    (void)state;
    crypto_sha256(STR("abc"), out);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    memset(key, 0x0b, 20);
    crypto_hmac_sha256(str_n(key, 20), STR("Hi There"), out);
    assert_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    memset(key, 0xaa, sizeof(key));
    crypto_hmac_sha256(str_n(key, sizeof(key)),
                       STR("Test Using Larger Than Block-Size Key - Hash Key First"), out);
    assert_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    memset(ikm, 0x0b, sizeof(ikm));
    for (uint8_t i = 0; i < sizeof(salt); i++)
        salt[i] = i;
    for (uint8_t i = 0; i < sizeof(info); i++)
        info[i] = (uint8_t)(0xf0 + i);
    crypto_hkdf_sha256(str_n(ikm, 22), str_n(salt, 13), str_n(info, 10), out, 42);
    assert_hex(
        out, 42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    crypto_hkdf_sha256(str_n(ikm, 22), STR_EMPTY, STR_EMPTY, out, 42);
    assert_hex(
        out, 42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

static struct seal_ring *ring_of(const char *text)
{
    struct seal_ring *ring;
    struct err e;

    assert_int_equal(seal_ring_new(str_c(text), &ring, &e), 0);
    return ring;
}

static void rings_are_read_strictly(void **state)
{
    static const char *const bad[] = {
        "",
        "1",
        "1:",
        "0:" KEY_A,
        "x:" KEY_A,
        "4294967296:" KEY_A,
        "1:00",
        "1:" KEY_A "00",
        "1:" KEY_A ",1:" KEY_B,
        "1:zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    };
    struct seal_ring *ring;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(seal_ring_new(str_c(bad[i]), &ring, &e), -1);
        assert_int_equal(e.code, ERR_BAD_CONFIG);
        assert_null(ring);
        assert_null(strstr(e.msg, "0102")); /* never the key */
    }
    ring = ring_of(" 7:" KEY_A ",\n3:" KEY_B "\n");
    assert_int_equal(seal_ring_count(ring), 2);
    assert_int_equal(seal_ring_id(ring, 0), 7);
    assert_int_equal(seal_ring_id(ring, 1), 3);
    seal_ring_free(ring);
    seal_ring_free(NULL);
}

static void lookups_are_stable_and_separate(void **state)
{
    struct seal_ring *a = ring_of("1:" KEY_A), *ba = ring_of("2:" KEY_B ",1:" KEY_A);
    uint8_t x[32], y[32];

    (void)state;
    seal_lookup(a, STR("phone"), STR("221771234567"), x);
    seal_lookup(a, STR("phone"), STR("221771234567"), y);
    assert_memory_equal(x, y, 32);
    seal_mac_at(ba, 1, SEAL_LOOKUP, STR("phone"), STR("221771234567"), y);
    assert_memory_equal(x, y, 32); /* the old key of a rotation finds old rows */
    seal_lookup(ba, STR("phone"), STR("221771234567"), y);
    assert_memory_not_equal(x, y, 32);
    seal_mac(a, SEAL_OTP, STR("phone"), STR("221771234567"), y);
    assert_memory_not_equal(x, y, 32); /* one key a use */
    seal_lookup(a, STR("phon"), STR("e221771234567"), y);
    assert_memory_not_equal(x, y, 32);
    seal_ring_free(a);
    seal_ring_free(ba);
}

static void sealed_values_open_only_whole(void **state)
{
    struct seal_ring *a = ring_of("1:" KEY_A), *b = ring_of("2:" KEY_B ",1:" KEY_A),
                     *c = ring_of("2:" KEY_B);
    struct buf blob, again, clear;
    uint32_t id;
    struct err e;

    (void)state;
    buf_init(&blob, 1000);
    buf_init(&again, 1000);
    buf_init(&clear, 1000);
    seal_close(a, STR("identity:5"), STR("221771234567"), &blob);
    seal_close(a, STR("identity:5"), STR("221771234567"), &again);
    assert_int_equal(blob.len, 12 + SEAL_OVERHEAD);
    assert_false(str_eq(buf_str(&blob), buf_str(&again))); /* fresh nonce */
    assert_true(seal_key_id(buf_str(&blob), &id) && id == 1);
    assert_int_equal(seal_open(b, STR("identity:5"), buf_str(&blob), &clear, &e), 0);
    assert_true(str_eq_c(buf_str(&clear), "221771234567"));
    buf_reset(&clear);
    assert_int_equal(seal_open(c, STR("identity:5"), buf_str(&blob), &clear, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(seal_open(a, STR("identity:6"), buf_str(&blob), &clear, &e), -1);
    assert_int_equal(e.code, ERR_CRYPTO);
    for (size_t i = 0; i < blob.len; i++) {
        blob.p[i] ^= 0x40;
        assert_int_equal(seal_open(a, STR("identity:5"), buf_str(&blob), &clear, &e), -1);
        blob.p[i] ^= 0x40;
    }
    assert_int_equal(clear.len, 0);
    for (size_t cut = 0; cut < blob.len; cut++) {
        struct guard g;
        const char *p = guard_copy(&g, blob.p, cut);

        assert_int_equal(seal_open(a, STR("identity:5"), str_n(p, cut), &clear, &e), -1);
        guard_free(&g);
    }
    buf_reset(&blob);
    seal_close(a, STR_EMPTY, STR_EMPTY, &blob);
    assert_int_equal(seal_open(a, STR_EMPTY, buf_str(&blob), &clear, &e), 0);
    assert_int_equal(clear.len, 0);
    buf_wipe(&blob);
    buf_fini(&again);
    buf_wipe(&clear);
    seal_ring_free(a);
    seal_ring_free(b);
    seal_ring_free(c);
}

static void ceilings_hold(void **state)
{
    struct seal_ring *a = ring_of("1:" KEY_A);
    struct buf blob, small;
    struct err e;

    (void)state;
    buf_init(&blob, 40);
    seal_close(a, STR_EMPTY, STR("too long for it"), &blob);
    assert_int_equal(buf_check(&blob, &e), -1);
    buf_reset(&blob);
    seal_close(a, STR_EMPTY, STR("12345678"), &blob);
    assert_int_equal(buf_check(&blob, &e), 0);
    buf_init(&small, 4);
    assert_int_equal(seal_open(a, STR_EMPTY, buf_str(&blob), &small, &e), -1);
    assert_int_equal(e.code, ERR_TOO_BIG);
    buf_fini(&small);
    buf_fini(&blob);
    seal_ring_free(a);
}

static void random_and_comparison(void **state)
{
    char digits[201];
    uint8_t x[32], y[32];
    unsigned seen = 0;

    (void)state;
    crypto_random_digits(digits, 200);
    assert_int_equal(strlen(digits), 200);
    for (int i = 0; i < 200; i++) {
        assert_in_range(digits[i], '0', '9');
        seen |= 1U << (digits[i] - '0');
    }
    assert_int_equal(seen, 0x3FF); /* fails once in 10^8 runs */
    crypto_random(x, 32);
    crypto_random(y, 32);
    assert_memory_not_equal(x, y, 32);
    assert_true(crypto_eq(STR("abc"), STR("abc")));
    assert_false(crypto_eq(STR("abc"), STR("abd")));
    assert_false(crypto_eq(STR("abc"), STR("abcd")));
    assert_true(crypto_eq(STR_EMPTY, STR_EMPTY));
    crypto_wipe(x, 32);
    memset(y, 0, 32);
    assert_memory_equal(x, y, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(rings_are_read_strictly),
        cmocka_unit_test(lookups_are_stable_and_separate),
        cmocka_unit_test(sealed_values_open_only_whole),
        cmocka_unit_test(ceilings_hold),
        cmocka_unit_test(random_and_comparison),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
