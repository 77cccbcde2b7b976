/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens: hard cases 20 and 22. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "api/jwt.h"
#include "gateway/lib/basenc.h"

#define NOW 1800000000
#define TTL 900

static const struct jwt_claims reader = {"0d7d4bca-3f0e-4f6d-9d6d-1d1f0a2b3c4d",
                                         "11111111-2222-4333-8444-555555555555"};
static const char good_payload[] =
    "{\"iss\":\"coko\",\"aud\":\"coko-api\",\"sub\":\"0d7d4bca-3f0e-4f6d-9d6d-1d1f0a2b3c4d\","
    "\"sid\":\"11111111-2222-4333-8444-555555555555\",\"iat\":1800000000,\"exp\":1800000900,"
    "\"jti\":\"x\"}";

struct world {
    struct seal_ring *ring;
    struct jwt jwt;
};

static void ring_of(struct world *w, const char *text)
{
    struct err e;

    if (seal_ring_new(str_c(text), &w->ring, &e) != 0)
        fail_msg("%s", e.msg);
    assert_true(jwt_init(&w->jwt, w->ring, "coko", "coko-api", TTL));
}

#define KEY1 "1:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
#define KEY2 "2:6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b"

static int set_up(void **state)
{
    static struct world w;

    ring_of(&w, KEY1);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    jwt_wipe(&w->jwt);
    seal_ring_free(w->ring);
    return 0;
}

static struct str mint(const struct world *w, int64_t now, struct buf *b)
{
    buf_init(b, JWT_TEXT_MAX);
    jwt_mint(&w->jwt, &reader, now, b);
    return buf_str(b);
}

/* Signs any header and payload with our own key: what is refused is refused for its content. */
static struct str forge(const struct world *w, const char *header, const char *payload,
                        struct buf *b)
{
    uint8_t mac[32];

    buf_init(b, 16384);
    base64_encode(b, BASE64_URL, header, strlen(header));
    buf_addc(b, '.');
    base64_encode(b, BASE64_URL, payload, strlen(payload));
    crypto_hmac_sha256(str_n(w->jwt.keys[0].key, 32), buf_str(b), mac);
    buf_addc(b, '.');
    base64_encode(b, BASE64_URL, mac, sizeof mac);
    return buf_str(b);
}

static void round_trip(void **state)
{
    struct world *w = *state;
    struct jwt_claims c;
    struct buf b;
    struct str token = mint(w, NOW, &b);

    assert_int_equal(jwt_verify(&w->jwt, token, NOW, &c), JWT_OK);
    assert_string_equal(c.user, reader.user);
    assert_string_equal(c.session, reader.session);
    assert_int_equal(jwt_verify(&w->jwt, token, NOW + TTL - 1, &c), JWT_OK);
    assert_int_equal(jwt_verify(&w->jwt, token, NOW + TTL, &c), JWT_EXPIRED); /* by 1 s */
    assert_int_equal(jwt_verify(&w->jwt, token, NOW - JWT_SKEW_S, &c), JWT_OK);
    assert_int_equal(jwt_verify(&w->jwt, token, NOW - JWT_SKEW_S - 1, &c), JWT_BAD);
    buf_fini(&b);
}

/* Hard case 22: two logins in one instant. */
static void never_twice(void **state)
{
    struct world *w = *state;
    struct buf a, b;

    assert_false(str_eq(mint(w, NOW, &a), mint(w, NOW, &b)));
    buf_fini(&a);
    buf_fini(&b);
}

static void headers(void **state)
{
    static const struct {
        const char *header;
        enum jwt_verdict verdict;
    } rows[] = {
        {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"1\"}", JWT_OK},
        {"{\"alg\":\"none\",\"typ\":\"at+jwt\",\"kid\":\"1\"}", JWT_BAD},
        {"{\"alg\":\"None\",\"typ\":\"at+jwt\",\"kid\":\"1\"}", JWT_BAD},
        {"{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"1\"}", JWT_BAD},
        {"{\"alg\":\"HS512\",\"typ\":\"at+jwt\",\"kid\":\"1\"}", JWT_BAD},
        {"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"1\"}", JWT_BAD},
        {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"2\"}", JWT_BAD},
        {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"../../dev/null\"}", JWT_BAD},
        {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"1' or '1'='1\"}", JWT_BAD},
        {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", JWT_BAD},
        {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"1\",\"jku\":\"http://x\"}", JWT_BAD},
        {"", JWT_BAD},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jwt_claims c;
        struct buf b;
        enum jwt_verdict v =
            jwt_verify(&w->jwt, forge(w, rows[i].header, good_payload, &b), NOW, &c);

        if (v != rows[i].verdict)
            fail_msg("%s: %d", rows[i].header, v);
        buf_fini(&b);
    }
}

static void payloads(void **state)
{
    static const struct {
        const char *was, *is;
        enum jwt_verdict verdict;
    } rows[] = {
        {"coko-api", "coko-api", JWT_OK},
        {"\"coko\"", "\"other\"", JWT_BAD},
        {"coko-api", "admin-api", JWT_BAD},
        {"\"aud\"", "\"avd\"", JWT_BAD},
        {"0d7d4bca", "0D7D4BCA", JWT_BAD},
        {"11111111-", "1111111'-", JWT_BAD},
        {"\"iat\":1800000000", "\"iat\":1800000031", JWT_BAD}, /* in the future */
        {"\"iat\":1800000000", "\"iat\":18e8", JWT_BAD},
        {"\"exp\":1800000900", "\"exp\":\"1800000900\"", JWT_BAD},
        {"\"exp\":1800000900", "\"exp\":1800000000", JWT_EXPIRED},
        {"\"exp\":1800000900", "\"exp\":1800000900,\"exp\":1900000000", JWT_BAD},
        {"\"jti\":\"x\"", "\"jti\":1", JWT_BAD},
        {"{\"iss\"", "[{\"iss\"", JWT_BAD},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str head, tail, all = str_c(good_payload);
        struct jwt_claims c;
        struct buf text, b;
        ptrdiff_t at = str_find(all, str_c(rows[i].was));

        assert_true(at >= 0);
        head = str_head(all, (size_t)at);
        tail = str_skip(all, (size_t)at + strlen(rows[i].was));
        buf_init(&text, 4096);
        buf_adds(&text, head);
        buf_puts(&text, rows[i].is);
        buf_adds(&text, tail);
        struct str token =
            forge(w, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"1\"}", buf_cstr(&text), &b);
        enum jwt_verdict v = jwt_verify(&w->jwt, token, NOW, &c);

        if (v != rows[i].verdict)
            fail_msg("%s: %d", rows[i].is, v);
        buf_fini(&b);
        buf_fini(&text);
    }
}

/* Every changed byte, every cut, every addition. */
static void tampered(void **state)
{
    struct world *w = *state;
    struct jwt_claims c;
    struct buf b;
    struct str token = mint(w, NOW, &b);

    for (size_t i = 0; i < token.n; i++) {
        char was = b.p[i];

        b.p[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(jwt_verify(&w->jwt, token, NOW, &c), JWT_BAD);
        b.p[i] = was;
        assert_int_equal(jwt_verify(&w->jwt, str_head(token, i), NOW, &c), JWT_BAD);
    }
    buf_puts(&b, "=");
    assert_int_equal(jwt_verify(&w->jwt, buf_str(&b), NOW, &c), JWT_BAD);
    buf_fini(&b);
}

/* Hard case 20: 8 KB are refused by their length, before any hash. */
static void too_long(void **state)
{
    struct world *w = *state;
    struct jwt_claims c;
    static char text[8192];

    memset(text, 'A', sizeof text);
    assert_int_equal(jwt_verify(&w->jwt, str_n(text, sizeof text), NOW, &c), JWT_BAD);
    assert_int_equal(jwt_verify(&w->jwt, STR_EMPTY, NOW, &c), JWT_BAD);
    assert_int_equal(jwt_verify(&w->jwt, STR("..."), NOW, &c), JWT_BAD);
}

static void keys_rotate(void **state)
{
    struct world *w = *state, next, gone;
    struct jwt_claims c;
    struct buf b;
    struct str token = mint(w, NOW, &b);

    ring_of(&next, KEY2 "," KEY1);
    ring_of(&gone, KEY2);
    assert_int_equal(jwt_verify(&next.jwt, token, NOW, &c), JWT_OK);
    assert_int_equal(jwt_verify(&gone.jwt, token, NOW, &c), JWT_BAD);
    seal_ring_free(next.ring);
    seal_ring_free(gone.ring);
    buf_fini(&b);
}

static void names_refused(void **state)
{
    struct world *w = *state;
    struct jwt j;

    assert_false(jwt_init(&j, w->ring, "", "a", TTL));
    assert_false(jwt_init(&j, w->ring, "a\"b", "a", TTL));
    assert_false(jwt_init(&j, w->ring, "a", "a b", TTL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),  cmocka_unit_test(never_twice),   cmocka_unit_test(headers),
        cmocka_unit_test(payloads),    cmocka_unit_test(tampered),      cmocka_unit_test(too_long),
        cmocka_unit_test(keys_rotate), cmocka_unit_test(names_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
