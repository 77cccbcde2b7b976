/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The airtime rail's requests: payments, questions, refunds, tokens; its notifications, and what a
 * configuration needs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/airtime_fixture.h"

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

#define MONEY(amount)                                                                              \
    "{\"chargingInformation\":{\"amount\":" amount ",\"currency\":\"XOF\",\"description\":\"Coko " \
    "Pass d un jour\",\"isTaxIncluded\":true}}"
#define PAYMENT                                                                                    \
    "{\"amountTransaction\":{\"phoneNumber\":\"+2250700000001\"," REFERENCES(                      \
        REF) ",\"paymentAmount\":" MONEY("100") "}"

static void test_payment_request(void **state)
{
    struct http_request rq = {.url = NULL};

    (void)state;
    rail.rail.type->submit_request(&rail.rail, &arena, &charge, "tok", &rq);
    assert_string_equal(rq.method, "POST");
    assert_string_equal(rq.url, "https://op.test/carrier-billing/v0.5/payments");
    assert_true(rq.no_resend); /* the money rule of http_client.h */
    assert_string_equal(header_of(&rq, "Authorization"), "Bearer tok");
    assert_string_equal(header_of(&rq, "x-correlator"), REF);
    assert_text(rq.body,
                PAYMENT ",\"sink\":\"https://us.test/pay/airtime/0123456789abcdef/" REF
                        "\",\"sinkCredential\":{\"credentialType\":\"ACCESSTOKEN\",\"accessToken\":"
                        "\"" TOKEN "\",\"accessTokenExpiresUtc\":\"2023-11-28T22:13:20.000000Z\","
                        "\"accessTokenType\":\"bearer\"}}");
}

static void test_without_callbacks_no_sink_is_named(void **state)
{
    struct airtime_config c = config;
    struct airtime r;
    struct http_request rq = {.url = NULL};
    struct rail_charge cents = charge;
    struct err e = {0};
    bool on;

    (void)state;
    c.callback_url = c.callback_secret = c.callback_token = "";
    assert_int_equal(airtime_init(&r, &c, &on, &e), 0);
    r.rail.type->submit_request(&r.rail, &arena, &charge, "tok", &rq);
    assert_text(rq.body, PAYMENT "}");
    cents.currency = STR("GHS"); /* a number with its fraction, and no float of ours */
    cents.amount_minor = 1050;
    r.rail.type->submit_request(&r.rail, &arena, &cents, "tok", &rq);
    assert_true(str_find(rq.body, STR("\"amount\":10.50,\"currency\":\"GHS\"")) > 0);
}

/* Values as long as they may be: the body is whole, not cut. */
static void test_the_longest_values_fit(void **state)
{
    char longest[RAIL_VALUE_MAX + 1] = "https://";
    struct airtime_config c = config;
    struct rail_charge wide = charge;
    struct http_request rq = {.url = NULL};
    struct airtime r;
    struct err e = {0};
    bool on;

    (void)state;
    memset(longest + 8, 'x', RAIL_VALUE_MAX - 8);
    longest[RAIL_VALUE_MAX] = '\0';
    c.callback_url = c.callback_secret = c.callback_token = longest;
    wide.label = str_c(longest);
    wide.amount_minor = INT64_MAX / 2;
    assert_int_equal(airtime_init(&r, &c, &on, &e), 0);
    r.rail.type->submit_request(&r.rail, &arena, &wide, "tok", &rq);
    assert_true(str_ends(rq.body, STR("\"accessTokenType\":\"bearer\"}}")));
}

static void test_questions(void **state)
{
    struct rail_charge c = known_as(ID), none = charge;
    struct rail_verdict v = {.more = true, .step = 3};
    struct http_request rq = {.url = NULL};

    (void)state;
    rail.rail.type->poll_request(&rail.rail, &arena, &c, "tok", &rq);
    assert_string_equal(rq.method, "GET");
    assert_string_equal(rq.url, "https://op.test/carrier-billing/v0.5/payments/" ID);
    assert_string_equal(header_of(&rq, "x-correlator"), REF);
    /* its id was lost with the answer: the minutes around the submits, 22:13:20 to 22:14:20 */
    rail.rail.type->poll_request(&rail.rail, &arena, &charge, "tok", &rq);
    assert_string_equal(rq.url, "https://op.test/carrier-billing/v0.5/payments"
                                "?paymentCreationDate.gte=2023-11-14T22:10:20.000000Z"
                                "&paymentCreationDate.lte=2023-11-14T22:17:20.000000Z"
                                "&order=asc&perPage=100&page=1");
    rail.rail.type->follow_request(&rail.rail, &arena, &charge, "tok", &v, &rq);
    assert_true(str_ends(str_c(rq.url), STR("&perPage=100&page=3")));
    /* nothing left: there is nothing to look for, and that is no word of failure */
    none.first_sent_s = none.last_sent_s = 0;
    rq.url = NULL;
    rail.rail.type->poll_request(&rail.rail, &arena, &none, "tok", &rq);
    assert_null(rq.url);
    assert_int_equal(rail.rail.type->unasked, 0);
}

static void test_refund_requests(void **state)
{
    struct rail_refund f = refund_of(ID, ""), told = refund_of(ID, RID), lost = refund_of("", "");
    struct http_request rq = {.url = NULL};

    (void)state;
    f.charge.amount_minor = 40;
    rail.rail.type->submit_refund_request(&rail.rail, &arena, &f, "tok", &rq);
    assert_string_equal(rq.url,
                        "https://op.test/carrier-billing-refund/v0.3/payments/" ID "/refunds");
    assert_true(rq.no_resend);
    assert_string_equal(header_of(&rq, "x-correlator"), REFUND);
    assert_text(rq.body, "{\"type\":\"partial\",\"amountTransaction\":{" REFERENCES(
                             REFUND) ",\"refundAmount\":" MONEY("40") "}}");
    rail.rail.type->poll_refund_request(&rail.rail, &arena, &f, "tok", &rq);
    assert_true(str_ends(str_c(rq.url), STR("/payments/" ID "/refunds?perPage=100")));
    rail.rail.type->poll_refund_request(&rail.rail, &arena, &told, "tok", &rq);
    assert_true(str_ends(str_c(rq.url), STR("/payments/" ID "/refunds/" RID)));
    /* a payment whose id is not known cannot be refunded here: it is not sent */
    rq.url = NULL;
    rail.rail.type->submit_refund_request(&rail.rail, &arena, &lost, "tok", &rq);
    assert_null(rq.url);
    rail.rail.type->poll_refund_request(&rail.rail, &arena, &lost, "tok", &rq);
    assert_null(rq.url);
}

static void test_tokens_are_of_their_scopes(void **state)
{
    struct http_response rs = {.status = 200,
                               .body = STR("{\"access_token\":\"abc\",\"expires_in\":3600}")};
    struct http_request rq;
    struct token_value t;

    (void)state;
    rail.rail.type->token_request(&rail.rail, &arena, &rq);
    assert_string_equal(rq.method, "POST");
    assert_string_equal(rq.url, "https://op.test/oauth2/token");
    assert_string_equal(header_of(&rq, "Authorization"), "Basic aWQ6c2VjcmV0");
    assert_string_equal(header_of(&rq, "Content-Type"), "application/x-www-form-urlencoded");
    assert_text(rq.body, "grant_type=client_credentials&scope=carrier-billing%3Apayments%3Acreate"
                         "+carrier-billing%3Apayments%3Aread");
    rail.rail.type->refund_token_request(&rail.rail, &arena, &rq);
    assert_text(rq.body,
                "grant_type=client_credentials&scope=carrier-billing-refund%3Arefunds%3Acreate"
                "+carrier-billing-refund%3Arefunds%3Aread");
    assert_true(rail.rail.type->token_read(&rail.rail, &rs, &t));
    assert_int_equal(t.expires_s, 3600);
}

/* ---- notifications and configuration ---- */

static void test_notifications(void **state)
{
    static const char *const bad[] = {"",
                                      "Bearer ",
                                      "Bearer sink-beare",
                                      "Bearer sink-bearers",
                                      "bearer " TOKEN,
                                      "Basic " TOKEN,
                                      TOKEN};
    struct rail_callback cb = {.tail = STR(REF),
                               .body = STR("{\"id\":\"sd5e-1\",\"type\":\"org.camaraproject."
                                           "carrier-billing.v0.payment-completed\",\"data\":{"
                                           "\"paymentId\":\"" ID "\",\"status\":\"succeeded\"}}")};
    struct rail_hint h = {.our_ref = STR_EMPTY};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cb.header[RAIL_AUTHORIZATION] = str_c(bad[i]);
        assert_int_equal(rail.rail.type->callback_verify(&rail.rail, &cb), CALLBACK_REFUSED);
    }
    cb.header[RAIL_AUTHORIZATION] = STR("Bearer " TOKEN);
    assert_int_equal(rail.rail.type->callback_verify(&rail.rail, &cb), CALLBACK_VERIFIED);
    rail.rail.type->callback_hint(&arena, &cb, &h);
    assert_text(h.our_ref, REF);
    assert_text(h.event_id, "sd5e-1");
}

static void test_half_a_configuration_names_what_is_missing(void **state)
{
    static const struct {
        const char **field;
        const char *value, *said;
    } bad[] = {
        {&config.base_url, "", "[airtime] base_url is missing"},
        {&config.token_url, "", "[airtime] token_url is missing"},
        {&config.client_id, "", "[airtime] client_id is missing"},
        {&config.client_secret, "", "[airtime] client_secret is missing"},
        {&config.callback_url, "", "[airtime] callback_url is missing"},
        {&config.callback_secret, "", "[airtime] callback_secret is missing"},
        {&config.callback_token, "", "[airtime] callback_token is missing"},
        {&config.callback_secret, "short", "[airtime] callback_secret needs 16"},
        {&config.callback_url, "http://us.test/pay/airtime", "https:// is needed"},
        {&config.client_id, "a\nb", "[airtime] client_id: visible ASCII"},
    };
    static const struct airtime_config none = {"", "", "", "", "", "", "", ""};
    struct airtime r;
    bool on;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *kept = *bad[i].field;
        struct err e = {0};

        *bad[i].field = bad[i].value;
        assert_int_equal(airtime_init(&r, &config, &on, &e), -1);
        *bad[i].field = kept;
        if (!strstr(e.msg, bad[i].said))
            fail_msg("%s, not %s", e.msg, bad[i].said);
    }
    assert_int_equal(airtime_init(&r, &none, &on, &(struct err){0}), 0);
    assert_false(on);
    assert_false(rail.rail.refunds_by_hand);
    assert_true(r.rail.refunds_by_hand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payment_request),
        cmocka_unit_test(test_without_callbacks_no_sink_is_named),
        cmocka_unit_test(test_the_longest_values_fit),
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_refund_requests),
        cmocka_unit_test(test_tokens_are_of_their_scopes),
        cmocka_unit_test(test_notifications),
        cmocka_unit_test(test_half_a_configuration_names_what_is_missing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
