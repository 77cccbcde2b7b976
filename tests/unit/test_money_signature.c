/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of rails: the vector that Wave publishes, one body under the three schemes that are
 * about, and every header that must not be believed (hard cases 12, 13, 14).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/lib/crypto.h"
#include "gateway/money/signature.h"

/* https://docs.wave.com/webhook, the signing secret strategy */
#define WAVE_SECRET "wave_sn_WHS_xz4m6g8rjs9bshxy05xj4khcvjv7j3hcp4fbpvv6met0zdrjvezg"
#define WAVE_TIME   1667920421
#define WAVE_V1     "53c971695230e9c51b1030d673eee76e70bbcdf8a7c5b8c1d44e0b8b1329647b"
#define WAVE_BODY                                                                                  \
    "{\"id\": \"AE_ijzo7oGgrlM7\", \"type\": \"checkout.session.completed\", \"data\": {"          \
    "\"id\": \"cos-1b01sghpg100j\", \"amount\": \"100\", \"checkout_status\": \"complete\", "      \
    "\"client_reference\": null, \"currency\": \"XOF\", "                                          \
    "\"error_url\": \"https://example.com/error\", \"last_payment_error\": null, "                 \
    "\"business_name\": \"Annas Apiaries\", \"payment_status\": \"succeeded\", "                   \
    "\"success_url\": \"https://example.com/success\", \"wave_launch_url\": "                      \
    "\"https://pay.wave.com/c/cos-1b01sghpg100j?a=100&c=XOF&m=Annas%20Apiaries\", "                \
    "\"when_completed\": \"2022-11-08T15:05:45Z\", \"when_created\": \"2022-11-08T15:05:32Z\", "   \
    "\"when_expires\": \"2022-11-09T15:05:32Z\", \"transaction_id\": \"TCN4Y4ZC3FM\"}}"

/* One body and secret under three schemes; the third was made with npm "stripe". */
#define SECRET     "coko-test-secret"
#define OTHER      "coko-test-secret-of-another"
#define TIME       1700000000
#define T          "t=1700000000"
#define BODY       "{\"id\":\"EV_1\",\"type\":\"test.test_event\",\"data\":{}}"
#define WAVE_OK    "2b9ee9f10550558cb8c59fe3a5bae800bd5a9d3baccc60a24a6d88a799270ea9"
#define SONATEL_OK "5e3ad3e4ff027979b2c7d42796fcdcf38f8ae202bce5eebf189841e71de6bef8"
#define STRIPE_OK  "a1f5b19d1efb03ed9c1225c0d2a1cf0fd3035badc9b5a3992a23d98fd458818e"
#define NOBODY     "0000000000000000000000000000000000000000000000000000000000000000"

static enum signature_result check(enum signature_scheme scheme, const char *header,
                                   const char *body, const char *secret, const char *previous,
                                   int64_t now_s)
{
    return signature_verify(scheme, str_c(header), str_c(body), str_c(secret), str_c(previous),
                            now_s);
}

static void is(enum signature_result got, enum signature_result want, const char *what)
{
    if (got != want)
        fail_msg("%s: %s, not %s", what, signature_result_name(got), signature_result_name(want));
}

static void test_the_vector_that_wave_publishes(void **state)
{
    const char *header = "t=1667920421,v1=" WAVE_V1;

    (void)state;
    assert_int_equal(sizeof WAVE_BODY - 1, 624);
    is(check(SIGNATURE_WAVE, header, WAVE_BODY, WAVE_SECRET, "", WAVE_TIME + 30), SIGNATURE_GOOD,
       "published");
    is(check(SIGNATURE_SONATEL, header, WAVE_BODY, WAVE_SECRET, "", WAVE_TIME + 30),
       SIGNATURE_WRONG, "published, other scheme");
}

static const struct {
    const char *what, *v1;
    enum signature_result wave, sonatel;
} schemes[] = {
    {"t body", WAVE_OK, SIGNATURE_GOOD, SIGNATURE_WRONG},
    {"t,body", SONATEL_OK, SIGNATURE_WRONG, SIGNATURE_GOOD},
    {"t.body", STRIPE_OK, SIGNATURE_WRONG, SIGNATURE_WRONG},
};

static void test_three_schemes_and_only_ones_own_is_believed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        char header[160];

        snprintf(header, sizeof header, T ",v1=%s", schemes[i].v1);
        is(check(SIGNATURE_WAVE, header, BODY, SECRET, "", TIME), schemes[i].wave, schemes[i].what);
        is(check(SIGNATURE_SONATEL, header, BODY, SECRET, "", TIME), schemes[i].sonatel,
           schemes[i].what);
    }
}

static const struct {
    const char *header;
    enum signature_result result;
} headers[] = {
    {T ",v1=" WAVE_OK, SIGNATURE_GOOD},
    {"v1=" WAVE_OK "," T, SIGNATURE_GOOD},            /* order says nothing */
    {T ",v0=abc,v1=" WAVE_OK ",v2=", SIGNATURE_GOOD}, /* versions we do not know */
    {T ",v1=" NOBODY ",v1=" WAVE_OK, SIGNATURE_GOOD}, /* rotation at the rail (case 13) */
    {T ",v1=" WAVE_OK ",v1=" NOBODY, SIGNATURE_GOOD},
    {T ",v1=" NOBODY ",v1=" NOBODY, SIGNATURE_WRONG},
    {"", SIGNATURE_ABSENT},
    {T, SIGNATURE_MALFORMED}, /* no v1 */
    {T ",", SIGNATURE_MALFORMED},
    {"v1=" WAVE_OK, SIGNATURE_MALFORMED},          /* no t */
    {T "," T ",v1=" WAVE_OK, SIGNATURE_MALFORMED}, /* t twice, though equal */
    {T ",t=1,v1=" WAVE_OK, SIGNATURE_MALFORMED},
    {"t=,v1=" WAVE_OK, SIGNATURE_MALFORMED},
    {"t=-1700000000,v1=" WAVE_OK, SIGNATURE_MALFORMED},
    {"t=+1700000000,v1=" WAVE_OK, SIGNATURE_MALFORMED},
    {"t=1700000000.0,v1=" WAVE_OK, SIGNATURE_MALFORMED},
    {"t=9999999999999,v1=" WAVE_OK, SIGNATURE_MALFORMED},
    {"t=0001700000000,v1=" WAVE_OK, SIGNATURE_MALFORMED},
    {"t=01700000000,v1=" WAVE_OK, SIGNATURE_WRONG}, /* its digits are what is signed */
    {T ";v1=" WAVE_OK, SIGNATURE_MALFORMED},
    {T ", v1=" WAVE_OK, SIGNATURE_MALFORMED},
    {T ",v1:" WAVE_OK, SIGNATURE_MALFORMED},
    {T ",V1=" WAVE_OK, SIGNATURE_MALFORMED},
    {T ",v1=", SIGNATURE_MALFORMED},
    {T ",v1=" WAVE_OK "00", SIGNATURE_MALFORMED},
    {T ",v1=2b9ee9f10550558c", SIGNATURE_MALFORMED}, /* a head of the digest is no digest */
    {T ",v1=2B9EE9F10550558CB8C59FE3A5BAE800BD5A9D3BACCC60A24A6D88A799270EA9", SIGNATURE_MALFORMED},
    {T ",v1=zb9ee9f10550558cb8c59fe3a5bae800bd5a9d3baccc60a24a6d88a799270ea9", SIGNATURE_MALFORMED},
    {WAVE_OK, SIGNATURE_MALFORMED},
    {",,,", SIGNATURE_MALFORMED},
};

static void test_headers_case_12(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        is(check(SIGNATURE_WAVE, headers[i].header, BODY, SECRET, "", TIME), headers[i].result,
           headers[i].header);
}

static void test_a_body_of_one_other_bit(void **state)
{
    char body[] = BODY;

    (void)state;
    for (size_t i = 0; i < sizeof body - 1; i++) {
        body[i] = (char)(body[i] ^ 1);
        is(check(SIGNATURE_WAVE, T ",v1=" WAVE_OK, body, SECRET, "", TIME), SIGNATURE_WRONG, body);
        body[i] = (char)(body[i] ^ 1);
    }
    is(check(SIGNATURE_WAVE, T ",v1=" WAVE_OK, "", SECRET, "", TIME), SIGNATURE_WRONG, "no body");
}

static const struct {
    int64_t after_s;
    enum signature_result result;
} ages[] = {{0, SIGNATURE_GOOD},       {300, SIGNATURE_GOOD}, {301, SIGNATURE_OLD},
            {86400, SIGNATURE_OLD},    {-30, SIGNATURE_GOOD}, {-31, SIGNATURE_FUTURE},
            {-86400, SIGNATURE_FUTURE}};

static void test_old_and_future_times_case_14(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        char what[32];

        snprintf(what, sizeof what, "%lld s after t", (long long)ages[i].after_s);
        is(check(SIGNATURE_WAVE, T ",v1=" WAVE_OK, BODY, SECRET, "", TIME + ages[i].after_s),
           ages[i].result, what);
    }
    /* who cannot sign does not learn our clock */
    is(check(SIGNATURE_WAVE, T ",v1=" NOBODY, BODY, SECRET, "", TIME + 301), SIGNATURE_WRONG,
       "old and wrong");
}

static const struct {
    const char *secret, *previous;
    enum signature_result result;
} secrets[] = {
    {SECRET, "", SIGNATURE_GOOD},    {OTHER, SECRET, SIGNATURE_GOOD},
    {SECRET, OTHER, SIGNATURE_GOOD}, {"", SECRET, SIGNATURE_GOOD},
    {OTHER, "", SIGNATURE_WRONG},    {"", OTHER, SIGNATURE_WRONG},
    {OTHER, OTHER, SIGNATURE_WRONG}, {"", "", SIGNATURE_ABSENT},
};

static void test_secrets_in_rotation_case_13(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        char what[16];

        snprintf(what, sizeof what, "secrets %zu", i);
        is(check(SIGNATURE_WAVE, T ",v1=" WAVE_OK, BODY, secrets[i].secret, secrets[i].previous,
                 TIME),
           secrets[i].result, what);
    }
}

/* What everybody can compute: the digest under the empty secret. */
static void test_an_empty_secret_verifies_nothing(void **state)
{
    char mem[SIGNATURE_HEADER_MAX];
    struct buf b;

    (void)state;
    buf_init_fixed(&b, mem, sizeof mem);
    signature_make(SIGNATURE_WAVE, STR(BODY), STR_EMPTY, TIME, &b);
    is(signature_verify(SIGNATURE_WAVE, buf_str(&b), STR(BODY), STR_EMPTY, STR(OTHER), TIME),
       SIGNATURE_WRONG, "empty secret");
}

static void test_a_header_of_10_kb_and_one_of_many_v1(void **state)
{
    static char big[10 << 10];
    char many[SIGNATURE_HEADER_MAX];
    size_t n;

    (void)state;
    memset(big, 'a', sizeof big);
    memcpy(big, T ",v1=" WAVE_OK ",x=", sizeof T + sizeof WAVE_OK + 6);
    is(signature_verify(SIGNATURE_WAVE, str_n(big, sizeof big), STR(BODY), STR(SECRET), STR_EMPTY,
                        TIME),
       SIGNATURE_MALFORMED, "10 kB");
    n = (size_t)snprintf(many, sizeof many, "%s", T);
    for (int i = 0; i < SIGNATURE_V1_MAX; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, ",v1=%s", WAVE_OK);
    is(check(SIGNATURE_WAVE, many, BODY, SECRET, "", TIME), SIGNATURE_GOOD, "as many as may be");
    snprintf(many + n, sizeof many - n, ",v1=%s", WAVE_OK);
    is(check(SIGNATURE_WAVE, many, BODY, SECRET, "", TIME), SIGNATURE_MALFORMED, "one more");
}

static void test_what_is_made_is_good(void **state)
{
    char mem[SIGNATURE_HEADER_MAX];
    struct buf b;

    (void)state;
    buf_init_fixed(&b, mem, sizeof mem);
    signature_make(SIGNATURE_WAVE, STR(BODY), STR(SECRET), TIME, &b);
    assert_true(str_eq_c(buf_str(&b), T ",v1=" WAVE_OK));
    buf_reset(&b);
    signature_make(SIGNATURE_SONATEL, STR(BODY), STR(SECRET), TIME, &b);
    assert_true(str_eq_c(buf_str(&b), T ",v1=" SONATEL_OK));
    buf_reset(&b);
    signature_make(SIGNATURE_WAVE, STR_EMPTY, STR(SECRET), TIME, &b); /* a GET has no body */
    is(signature_verify(SIGNATURE_WAVE, buf_str(&b), STR_EMPTY, STR(SECRET), STR_EMPTY, TIME),
       SIGNATURE_GOOD, "empty body");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_vector_that_wave_publishes),
        cmocka_unit_test(test_three_schemes_and_only_ones_own_is_believed),
        cmocka_unit_test(test_headers_case_12),
        cmocka_unit_test(test_a_body_of_one_other_bit),
        cmocka_unit_test(test_old_and_future_times_case_14),
        cmocka_unit_test(test_secrets_in_rotation_case_13),
        cmocka_unit_test(test_an_empty_secret_verifies_nothing),
        cmocka_unit_test(test_a_header_of_10_kb_and_one_of_many_v1),
        cmocka_unit_test(test_what_is_made_is_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
