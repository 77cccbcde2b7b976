/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leaves for Wave, signed or not; what comes from it as a webhook; what a configuration needs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/lib/clock.h"
#include "tests/unit/wave_fixture.h"

/* Of test_money_signature.c: one body under three schemes. */
#define TIME      1700000000
#define BODY      "{\"id\":\"EV_1\",\"type\":\"test.test_event\",\"data\":{}}"
#define WAVE_V1   "2b9ee9f10550558cb8c59fe3a5bae800bd5a9d3baccc60a24a6d88a799270ea9"
#define COMMA_V1  "5e3ad3e4ff027979b2c7d42796fcdcf38f8ae202bce5eebf189841e71de6bef8"
#define STRIPE_V1 "a1f5b19d1efb03ed9c1225c0d2a1cf0fd3035badc9b5a3992a23d98fd458818e"
#define NOBODY    "0000000000000000000000000000000000000000000000000000000000000000"
#define T         "t=1700000000"

/* ---- requests ---- */

static void assert_text(struct str got, const char *want)
{
    if (!str_eq_c(got, want))
        fail_msg("%" STR_FMT ", not %s", STR_ARG(got), want);
}

static const char *header_of(const struct http_request *rq, const char *name)
{
    for (const char *const *h = rq->headers; *h; h++) {
        if (strncmp(*h, name, strlen(name)) == 0 && (*h)[strlen(name)] == ':')
            return *h + strlen(name) + 2;
    }
    return NULL;
}

static struct rail_charge made(bool revoke)
{
    struct rail_charge c = charge;

    c.rail_ref = STR(COS);
    c.revoke = revoke;
    return c;
}

static void test_create_request(void **state)
{
    struct http_request rq;

    (void)state;
    rail.rail.type->submit_request(&rail.rail, &arena, &charge, "", &rq);
    assert_string_equal(rq.method, "POST");
    assert_string_equal(rq.url, "https://rail.test/v1/checkout/sessions");
    assert_true(rq.no_resend); /* the money rule of http_client.h */
    assert_true(rq.timeout_ms > 0 && rq.timeout_ms <= 10000);
    assert_string_equal(header_of(&rq, "Authorization"), "Bearer wave_sn_prod_key");
    assert_string_equal(header_of(&rq, "Content-Type"), "application/json");
    assert_null(header_of(&rq, "Wave-Signature"));
    /* nobody's number in it: a relative may pay */
    assert_text(rq.body, "{\"amount\":\"2500\",\"currency\":\"XOF\",\"client_reference\":\"" REF
                         "\",\"success_url\":\"https://us.test/paid\",\"error_url\":"
                         "\"https://us.test/error\"}");
}

static void test_questions(void **state)
{
    struct rail_charge c = made(false);
    struct http_request rq;

    (void)state;
    rail.rail.type->poll_request(&rail.rail, &arena, &c, "", &rq);
    assert_string_equal(rq.method, "GET");
    assert_string_equal(rq.url, "https://rail.test/v1/checkout/sessions/" COS);
    assert_false(rq.no_resend);
    assert_int_equal(rq.body.n, 0);
    rail.rail.type->poll_request(&rail.rail, &arena, &charge, "", &rq);
    assert_string_equal(rq.url,
                        "https://rail.test/v1/checkout/sessions/search?client_reference=" REF);
    c = made(true);
    rail.rail.type->poll_request(&rail.rail, &arena, &c, "", &rq);
    assert_string_equal(rq.method, "POST");
    assert_string_equal(rq.url, "https://rail.test/v1/checkout/sessions/" COS "/expire");
    assert_true(rq.no_resend);
    assert_int_equal(rq.body.n, 0);
}

static void test_refund_request(void **state)
{
    struct rail_refund f = {.charge = made(false)};
    struct http_request rq = {.url = NULL};

    (void)state;
    rail.rail.type->submit_refund_request(&rail.rail, &arena, &f, "", &rq);
    assert_string_equal(rq.method, "POST");
    assert_string_equal(rq.url, "https://rail.test/v1/checkout/sessions/" COS "/refund");
    assert_int_equal(rq.body.n, 0);
    assert_true(rq.no_resend);
    f.charge = charge; /* no session is known: nothing can be given back */
    rq = (struct http_request){.url = NULL};
    rail.rail.type->submit_refund_request(&rail.rail, &arena, &f, "", &rq);
    assert_null(rq.url);
}

static void test_other_currencies_have_decimals(void **state)
{
    struct rail_charge c = charge;
    struct http_request rq;

    (void)state;
    c.currency = STR("GHS");
    c.amount_minor = 150;
    rail.rail.type->submit_request(&rail.rail, &arena, &c, "", &rq);
    assert_true(str_find(rq.body, STR("\"amount\":\"1.50\",\"currency\":\"GHS\"")) > 0);
}

static void test_requests_are_signed_where_the_key_wants_it(void **state)
{
    struct wave_config c = config;
    struct wave w;
    struct http_request rq;
    struct err e = {0};
    bool on;

    (void)state;
    clock_set_fake(1, (int64_t)TIME * 1000000);
    c.signing_secret = "wave_sn_AKS_test";
    assert_int_equal(wave_init(&w, &c, &on, &e), 0);
    w.rail.type->submit_request(&w.rail, &arena, &charge, "", &rq);
    /* python3: hmac.new(b"wave_sn_AKS_test", b"1700000000" + body, "sha256") */
    assert_string_equal(header_of(&rq, "Wave-Signature"),
                        T ",v1=de77edb753aad6774e4d3a0dab7007c5dd39df2d7c7ea26420b361efe9d43b74");
    w.rail.type->poll_request(&w.rail, &arena, &charge, "", &rq); /* no body: the time alone */
    assert_string_equal(header_of(&rq, "Wave-Signature"),
                        T ",v1=53a44b14e8fab41d2d6c0787b46c9567b790671533454baa50822ea58da7b4f3");
    clock_set_real();
}

/* ---- webhooks ---- */

static struct rail_callback webhook(const char *signature, const char *bearer, int64_t now_s)
{
    struct rail_callback cb = {.tail = STR_EMPTY, .body = STR(BODY), .now_s = now_s};

    for (size_t i = 0; i < RAIL_HEADERS; i++)
        cb.header[i] = STR_EMPTY;
    cb.header[RAIL_WAVE_SIGNATURE] = str_c(signature);
    cb.header[RAIL_AUTHORIZATION] = str_c(bearer);
    return cb;
}

static enum callback_trust trust(const struct wave_config *c, const struct rail_callback *cb)
{
    struct wave w;
    struct err e = {0};
    bool on;

    assert_int_equal(wave_init(&w, c, &on, &e), 0);
    return w.rail.type->callback_verify(&w.rail, cb);
}

static const struct {
    const char *header;
    int64_t now_s;
    enum callback_trust trust;
} signed_by[] = {
    {T ",v1=" WAVE_V1, TIME, CALLBACK_VERIFIED},
    {T ",v1=" NOBODY ",v1=" WAVE_V1, TIME, CALLBACK_VERIFIED}, /* rotation (case 13) */
    {T ",v1=" WAVE_V1, TIME + 300, CALLBACK_VERIFIED},
    {T ",v1=" WAVE_V1, TIME + 301, CALLBACK_REFUSED}, /* late: the poll settles (case 14) */
    {T ",v1=" WAVE_V1, TIME - 31, CALLBACK_REFUSED},
    {T ",v1=" STRIPE_V1, TIME, CALLBACK_REFUSED}, /* t.body */
    {T ",v1=" COMMA_V1, TIME, CALLBACK_REFUSED},  /* t,body is Sonatel's */
    {T ",v1=" NOBODY, TIME, CALLBACK_REFUSED},
    {T, TIME, CALLBACK_REFUSED},
    {"", TIME, CALLBACK_REFUSED},
};

static void test_webhook_signatures_cases_12_13_14(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(signed_by); i++) {
        struct rail_callback cb = webhook(signed_by[i].header, "", signed_by[i].now_s);

        assert_int_equal(trust(&config, &cb), signed_by[i].trust);
        /* the secret itself is no signature under this strategy */
        cb = webhook("", "Bearer coko-test-secret", TIME);
        assert_int_equal(trust(&config, &cb), CALLBACK_REFUSED);
    }
}

static void test_our_own_rotation_of_the_secret(void **state)
{
    struct wave_config c = config;
    struct rail_callback cb = webhook(T ",v1=" WAVE_V1, "", TIME);

    (void)state;
    c.webhook_secret = "the-new-secret";
    assert_int_equal(trust(&c, &cb), CALLBACK_REFUSED);
    c.webhook_secret_previous = "coko-test-secret";
    assert_int_equal(trust(&c, &cb), CALLBACK_VERIFIED);
}

static void test_the_shared_secret_strategy(void **state)
{
    static const struct {
        const char *header;
        enum callback_trust trust;
    } bearers[] = {{"Bearer coko-test-secret", CALLBACK_VERIFIED},
                   {"Bearer the-old-secret", CALLBACK_VERIFIED},
                   {"Bearer coko-test-secreT", CALLBACK_REFUSED},
                   {"Bearer coko-test-secret ", CALLBACK_REFUSED},
                   {"Bearer ", CALLBACK_REFUSED},
                   {"Basic coko-test-secret", CALLBACK_REFUSED},
                   {"coko-test-secret", CALLBACK_REFUSED},
                   {"", CALLBACK_REFUSED}};
    struct wave_config c = config;

    (void)state;
    c.webhook = WAVE_WEBHOOK_BEARER;
    c.webhook_secret_previous = "the-old-secret";
    for (size_t i = 0; i < ARRAY_LEN(bearers); i++) {
        struct rail_callback cb = webhook(T ",v1=" WAVE_V1, bearers[i].header, TIME);

        assert_int_equal(trust(&c, &cb), bearers[i].trust);
    }
    c.webhook_secret_previous = ""; /* an empty one verifies nothing */
    struct rail_callback cb = webhook("", "Bearer ", TIME);

    assert_int_equal(trust(&c, &cb), CALLBACK_REFUSED);
}

static const struct {
    const char *body, *event_id, *our_ref;
} hints[] = {
    {"{\"id\":\"EV_1\",\"type\":\"checkout.session.completed\",\"data\":{\"id\":\"" COS
     "\",\"client_reference\":\"" REF "\"}}",
     "EV_1", REF},
    {"{\"id\":\"EV_2\",\"data\":{\"id\":\"" COS "\",\"client_reference\":null}}", "EV_2", COS},
    {"{\"id\":\"EV_3\",\"type\":\"merchant.payment_received\",\"data\":{\"id\":\"T_1\"}}", "EV_3",
     "T_1"},
    {"{\"id\":\"EV_4\",\"type\":\"test.test_event\",\"data\":{}}", "EV_4", ""},
    {"{\"id\":7,\"data\":[]}", "", ""},
    {"[]", "", ""},
    {"not json", "", ""},
    {"", "", ""},
};

static void test_what_a_webhook_is_about(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
        struct rail_callback cb = webhook("", "", TIME);
        struct rail_hint h = {.our_ref = STR_EMPTY};

        cb.body = str_c(hints[i].body);
        rail.rail.type->callback_hint(&arena, &cb, &h);
        assert_text(h.event_id, hints[i].event_id);
        assert_text(h.our_ref, hints[i].our_ref);
        assert_false(h.wants_proof);
    }
}

/* ---- configuration ---- */

static const struct {
    size_t at;
    const char *name;
} needed[] = {
    {offsetof(struct wave_config, base_url), "base_url"},
    {offsetof(struct wave_config, api_key), "api_key"},
    {offsetof(struct wave_config, webhook_secret), "webhook_secret"},
    {offsetof(struct wave_config, callback_secret), "callback_secret"},
    {offsetof(struct wave_config, success_url), "success_url"},
    {offsetof(struct wave_config, error_url), "error_url"},
};

static const char **field(struct wave_config *c, size_t at)
{
    return (const char **)((char *)c + at);
}

static void test_half_a_configuration_names_what_is_missing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        struct wave_config c = config;
        struct wave w;
        struct err e = {0};
        bool on;

        *field(&c, needed[i].at) = "";
        assert_int_equal(wave_init(&w, &c, &on, &e), -1);
        assert_non_null(strstr(e.msg, needed[i].name));
    }
}

static void test_nothing_set_is_off_and_anything_set_is_on(void **state)
{
    struct wave_config none = config, c;
    struct wave w;
    struct err e = {0};
    bool on;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        *field(&none, needed[i].at) = "";
    assert_int_equal(wave_init(&w, &none, &on, &e), 0);
    assert_false(on);
    c = none;
    c.signing_secret =
        "wave_sn_AKS_test"; /* from the environment, say: nobody meant it to be off */
    assert_int_equal(wave_init(&w, &c, &on, &e), -1);
    assert_non_null(strstr(e.msg, "base_url"));
}

static void test_values_that_are_refused(void **state)
{
    static const struct {
        size_t at;
        const char *value;
    } bad[] = {{offsetof(struct wave_config, callback_secret), "short"},
               {offsetof(struct wave_config, success_url), "http://us.test/paid"},
               {offsetof(struct wave_config, error_url), "https://"},
               {offsetof(struct wave_config, api_key), "key\r\nX-Evil: 1"},
               {offsetof(struct wave_config, signing_secret), "sec ret"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct wave_config c = config;
        struct wave w;
        struct err e = {0};
        bool on;

        *field(&c, bad[i].at) = bad[i].value;
        assert_int_equal(wave_init(&w, &c, &on, &e), -1);
        assert_null(strstr(e.msg, "Evil")); /* a secret is never printed */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_request),
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_refund_request),
        cmocka_unit_test(test_other_currencies_have_decimals),
        cmocka_unit_test(test_requests_are_signed_where_the_key_wants_it),
        cmocka_unit_test(test_webhook_signatures_cases_12_13_14),
        cmocka_unit_test(test_our_own_rotation_of_the_secret),
        cmocka_unit_test(test_the_shared_secret_strategy),
        cmocka_unit_test(test_what_a_webhook_is_about),
        cmocka_unit_test(test_half_a_configuration_names_what_is_missing),
        cmocka_unit_test(test_nothing_set_is_off_and_anything_set_is_on),
        cmocka_unit_test(test_values_that_are_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
