/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leaves for Orange Money: headers, bodies, national numbers, the PIN under the rail's key; what is
 * not sent at all; what a half configured rail is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "gateway/lib/basenc.h"
#include "gateway/lib/clock.h"
#include "tests/unit/sonatel_fixture.h"

static const char *header_of(const struct http_request *rq, const char *name)
{
    for (const char *const *h = rq->headers; *h; h++) {
        if (strncmp(*h, name, strlen(name)) == 0 && (*h)[strlen(name)] == ':')
            return *h + strlen(name) + 2;
    }
    return NULL;
}

static void assert_text(struct str got, const char *want)
{
    if (!str_eq_c(got, want))
        fail_msg("%" STR_FMT ", not %s", STR_ARG(got), want);
}

static struct http_request build(const struct sonatel *r, const struct rail_charge *c)
{
    struct http_request rq = {.url = NULL};

    r->rail.type->submit_request(&r->rail, &arena, c, "tok", &rq);
    return rq;
}

static void test_a_code_goes_out_with_nine_digits(void **state)
{
    struct http_request rq;

    (void)state;
    clock_set_fake(1, INT64_C(1700000000) * 1000000);
    rq = build(&onestep, &charge);
    clock_set_real();
    assert_string_equal(rq.method, "POST");
    assert_string_equal(rq.url, "https://rail.test/api/eWallet/v1/payments/onestep");
    assert_true(rq.no_resend); /* the money rule of http_client.h */
    assert_int_equal(rq.timeout_ms, 6000);
    assert_string_equal(header_of(&rq, "Authorization"), "Bearer tok");
    assert_string_equal(header_of(&rq, "Content-Type"), "application/json");
    assert_text(rq.body,
                "{\"customer\":{\"idType\":\"MSISDN\",\"id\":\"771234567\",\"otp\":\"012345\"},"
                "\"partner\":{\"idType\":\"CODE\",\"id\":\"123456\"},"
                "\"amount\":{\"value\":2500,\"unit\":\"XOF\"},\"reference\":\"" REF
                "\",\"metadata\":{},\"requestDate\":\"2023-11-14T22:13:20.000000Z\","
                "\"receiveNotification\":true}");
}

/* Refused at build, not by the rail (cases 16, 30, 40). */
static void test_what_is_not_sent(void **state)
{
    static const struct {
        const char *payer, *country, *otp, *currency;
    } rows[] = {
        {"221771234567", "SN", "", "XOF"},
        {"221771234567", "SN", "123", "XOF"},
        {"221771234567", "SN", "123456789", "XOF"},
        {"221771234567", "SN", "12345a", "XOF"},
        {"22177123456", "SN", "123456", "XOF"},
        {"2250701020304", "CI", "123456", "XOF"},
        {"221771234567", "CI", "123456", "XOF"},
        {"221771234567", "", "123456", "XOF"},
        {"221771234567", "SN", "123456", "XAF"},
        {"221771234567", "SN", "123456", "EUR"},
        {"", "SN", "123456", "XOF"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rail_charge c = charge;

        c.payer = str_c(rows[i].payer);
        c.country = str_c(rows[i].country);
        c.otp = str_c(rows[i].otp);
        c.currency = str_c(rows[i].currency);
        assert_null(build(&onestep, &c).url);
    }
}

static void test_a_link_request(void **state)
{
    struct http_request rq;
    struct rail_charge c = charge;

    (void)state;
    clock_set_fake(1, INT64_C(1700000000) * 1000000);
    rq = build(&qr, &charge);
    assert_string_equal(rq.url, "https://rail.test/api/eWallet/v4/qrcode");
    assert_string_equal(header_of(&rq, "X-Callback-Url"),
                        "https://us.test/pay/orange_qr/0123456789abcdef");
    assert_string_equal(header_of(&rq, "Authorization"), "Bearer tok");
    assert_text(rq.body, "{\"code\":\"123456\",\"name\":\"Coko\",\"validity\":1800,"
                         "\"amount\":{\"value\":2500,\"unit\":\"XOF\"},\"reference\":\"" REF
                         "\",\"metadata\":{},\"requestDate\":\"2023-11-14T22:13:20.000000Z\","
                         "\"restrictions\":{\"isSingleUse\":true}}");
    config.return_url = "https://us.test/back";
    rq = build(&qr, &charge);
    config.return_url = "";
    clock_set_real();
    assert_true(str_find(rq.body, STR("\"callbackSuccessUrl\":\"https://us.test/back\"")) > 0);
    c.currency = STR("XAF");
    assert_null(build(&qr, &c).url);
}

static void test_questions(void **state)
{
    struct http_request rq;

    (void)state;
    onestep.rail.type->poll_request(&onestep.rail, &arena, &charge, "tok", &rq);
    assert_string_equal(rq.method, "GET");
    assert_string_equal(rq.url, "https://rail.test/api/eWallet/v1/transactions?reference=" REF);
    assert_string_equal(header_of(&rq, "Content-Type"), "application/json"); /* or 415 */
    assert_null(strstr(rq.url, "type="));
    onestep.rail.type->token_request(&onestep.rail, &arena, &rq);
    assert_string_equal(rq.url, "https://rail.test/oauth/v1/token");
    assert_string_equal(header_of(&rq, "Content-Type"), "application/x-www-form-urlencoded");
    assert_text(rq.body, "grant_type=client_credentials&client_id=id&client_secret=a%2Bb%2Fc");
}

/* ---- the PIN of a cash-in ---- */

static EVP_PKEY *fresh_key(char *base64, size_t cap)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    struct buf b;

    assert_true(n > 0);
    buf_init_fixed(&b, base64, cap - 1);
    base64_encode(&b, BASE64_STD, der, (size_t)n);
    base64[b.len] = '\0';
    OPENSSL_free(der);
    return key;
}

static void open_pin(EVP_PKEY *key, struct str sealed, char out[64])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    unsigned char der[512];
    ssize_t n = base64_decode(sealed, BASE64_STD, der, sizeof der);
    size_t len = 512;
    unsigned char clear[512];

    assert_int_equal(n, 256);
    assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
    assert_int_equal(EVP_PKEY_decrypt(ctx, clear, &len, der, (size_t)n), 1);
    assert_in_range(len, 1, 63);
    memcpy(out, clear, len);
    out[len] = '\0';
    EVP_PKEY_CTX_free(ctx);
}

static const struct rail_refund refund = {.charge = {.payer = {"221771234567", 12},
                                                     .country = {"SN", 2},
                                                     .amount_minor = 100,
                                                     .currency = {"XOF", 3}},
                                          .our_ref = {REF, sizeof REF - 1}};

static void test_the_pin_leaves_under_the_rails_key(void **state)
{
    struct rail_verdict v = {.step = SONATEL_KEY};
    struct http_request rq = {.url = NULL};
    struct str head, pin, tail;
    char clear[64];
    EVP_PKEY *key = fresh_key(v.memo, sizeof v.memo);

    (void)state;
    onestep.rail.type->submit_refund_request(&onestep.rail, &arena, &refund, "tok", &rq);
    assert_string_equal(rq.url, "https://rail.test/api/account/v1/publicKeys");
    rq.url = NULL;
    onestep.rail.type->follow_refund_request(&onestep.rail, &arena, &refund, "tok", &v, &rq);
    assert_string_equal(rq.url, "https://rail.test/api/eWallet/v1/cashins");
    assert_true(rq.no_resend);
    assert_true(
        str_starts(rq.body, STR("{\"partner\":{\"idType\":\"MSISDN\",\"id\":\"771000001\",")));
    assert_true(
        str_find(rq.body, STR("\"customer\":{\"idType\":\"MSISDN\",\"id\":\"771234567\"},"
                              "\"amount\":{\"value\":100,\"unit\":\"XOF\"},\"reference\":\"" REF)) >
        0);
    assert_true(str_find(rq.body, STR("2468")) < 0);
    head = str_skip(rq.body, (size_t)str_find(rq.body, STR("encryptedPinCode\":\"")) + 19);
    assert_true(str_cut(head, '"', &pin, &tail));
    assert_int_equal(pin.n, 344);
    open_pin(key, pin, clear);
    assert_string_equal(clear, "2468");
    EVP_PKEY_free(key);
}

static void test_what_is_no_key_encrypts_nothing(void **state)
{
    static const char *const keys[] = {"", "QUJD", "not base64!",
                                       "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJB"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct rail_verdict v = {.step = SONATEL_KEY};
        struct http_request rq = {.url = NULL};

        snprintf(v.memo, sizeof v.memo, "%s", keys[i]);
        onestep.rail.type->follow_refund_request(&onestep.rail, &arena, &refund, "tok", &v, &rq);
        assert_null(rq.url);
    }
}

static void test_without_a_retailer_refunds_are_made_by_hand(void **state)
{
    struct http_request rq = {.url = NULL};

    (void)state;
    config.retailer = "";
    onestep.rail.type->submit_refund_request(&onestep.rail, &arena, &refund, "tok", &rq);
    config.retailer = "771000001";
    assert_null(rq.url);
}

/* ---- configuration ---- */

struct change {
    const char **field;
    const char *value;
    const char *says; /* NULL: it opens */
};

static void test_a_half_configured_rail_says_what_is_missing(void **state)
{
    const struct change rows[] = {
        {&config.base_url, "", "[orange_sonatel] base_url is missing"},
        {&config.client_id, "", "[orange_sonatel] client_id is missing"},
        {&config.client_secret, "", "[orange_sonatel] client_secret is missing"},
        {&config.merchant_code, "", "[orange_sonatel] merchant_code is missing"},
        {&config.merchant_code, "12345", "merchant_code: six digits"},
        {&config.callback_secret, "short", "callback_secret needs 16"},
        {&config.retailer, "", "retailer is missing"},
        {&config.retailer_pin, "", "retailer_pin is missing"},
        {&config.retailer, "221771000001", "retailer: nine digits"},
        {&config.client_id, "a\r\nX: y", "visible ASCII"},
        {&config.signing_secret, "", NULL}, /* the key proves it then */
        {&config.callback_api_key, "", NULL},
        {&config.token_path, "", "token_path is missing"},
    };
    struct sonatel r;
    struct err e = {0};
    bool on;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *before = *rows[i].field;

        *rows[i].field = rows[i].value;
        err_clear(&e);
        int rc = sonatel_init(&r, &orange_sonatel_type, &config, &on, &e);

        *rows[i].field = before;
        if (rows[i].says ? rc == 0 || !strstr(e.msg, rows[i].says) : rc != 0)
            fail_msg("row %zu: %d %s", i, rc, e.msg);
    }
    const struct sonatel_config none = {.base_url = "",
                                        .token_path = "/oauth/v1/token",
                                        .client_id = "",
                                        .client_secret = "",
                                        .merchant_code = "",
                                        .merchant_name = "Coko",
                                        .callback_url = "",
                                        .callback_secret = "",
                                        .callback_api_key = "",
                                        .signing_secret = "",
                                        .signing_secret_previous = "",
                                        .return_url = "",
                                        .retailer = "",
                                        .retailer_pin = ""};

    assert_int_equal(sonatel_init(&r, &orange_sonatel_type, &none, &on, &e), 0);
    assert_false(on);
    config.signing_secret = config.callback_api_key = "";
    assert_int_equal(sonatel_init(&r, &orange_sonatel_type, &config, &on, &e), -1);
    assert_non_null(strstr(e.msg, "nothing proves"));
    config.signing_secret = "coko-test-secret";
    config.callback_api_key = "key-of-callbacks";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_code_goes_out_with_nine_digits),
        cmocka_unit_test(test_what_is_not_sent),
        cmocka_unit_test(test_a_link_request),
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_the_pin_leaves_under_the_rails_key),
        cmocka_unit_test(test_what_is_no_key_encrypts_nothing),
        cmocka_unit_test(test_without_a_retailer_refunds_are_made_by_hand),
        cmocka_unit_test(test_a_half_configured_rail_says_what_is_missing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
