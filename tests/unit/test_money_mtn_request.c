/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leaves for the MTN rail: headers, bodies, texts made safe; what a token and a configured
 * value may hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/lib/gsm.h"
#include "tests/unit/mtn_fixture.h"

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

static size_t header_count(const struct http_request *rq)
{
    size_t n = 0;

    while (rq->headers[n])
        n++;
    return n;
}

static void test_submit_request(void **state)
{
    struct http_request rq;

    (void)state;
    rail.rail.type->submit_request(&rail.rail, &arena, &charge, "tok", &rq);
    assert_string_equal(rq.method, "POST");
    assert_string_equal(rq.url, "https://rail.test/collection/v1_0/requesttopay");
    assert_true(rq.no_resend); /* the money rule of http_client.h */
    assert_true(rq.timeout_ms > 0 && rq.timeout_ms <= 10000);
    assert_int_equal(header_count(&rq), 6);
    assert_string_equal(header_of(&rq, "Authorization"), "Bearer tok");
    assert_string_equal(header_of(&rq, "Ocp-Apim-Subscription-Key"), "sub");
    assert_string_equal(header_of(&rq, "X-Target-Environment"), "mtnivorycoast");
    assert_string_equal(header_of(&rq, "X-Reference-Id"), REF);
    assert_string_equal(header_of(&rq, "Content-Type"), "application/json");
    assert_string_equal(header_of(&rq, "X-Callback-Url"),
                        "https://us.test/pay/mtn_momo/0123456789abcdef");
    assert_text(rq.body, "{\"amount\":\"2500\",\"currency\":\"XOF\",\"externalId\":\"" REF
                         "\",\"payer\":{\"partyIdType\":\"MSISDN\",\"partyId\":\"2250500000001\"},"
                         "\"payerMessage\":\"Coko Pass jour\",\"payeeNote\":\"Coko Pass jour\"}");
}

static void test_status_request(void **state)
{
    struct http_request rq;

    (void)state;
    rail.rail.type->poll_request(&rail.rail, &arena, &charge, "tok", &rq);
    assert_string_equal(rq.method, "GET");
    assert_string_equal(rq.url, "https://rail.test/collection/v1_0/requesttopay/" REF);
    assert_int_equal(rq.body.n, 0);
    assert_int_equal(header_count(&rq), 3);
    assert_string_equal(header_of(&rq, "Authorization"), "Bearer tok");
}

static void test_token_request(void **state)
{
    struct http_request rq;

    (void)state;
    rail.rail.type->token_request(&rail.rail, &arena, &rq);
    assert_string_equal(rq.url, "https://rail.test/collection/token/");
    assert_string_equal(header_of(&rq, "Authorization"),
                        "Basic MTExMTExMTEtMjIyMi00MzMzLTg0NDQtNTU1NTU1NTU1NTU1OmtleQ==");
    assert_null(header_of(&rq, "Content-Type"));
    assert_int_equal(rq.body.n, 0);
    config.token_body = true;
    rail.rail.type->token_request(&rail.rail, &arena, &rq);
    config.token_body = false;
    assert_string_equal(header_of(&rq, "Content-Type"), "application/json");
    assert_true(str_eq_c(rq.body, "{\"grant_type\":\"client_credentials\"}"));
}

/* ---- refunds: another product, its own credentials, no number of a payer ---- */

#define REFUND "7d1f0f0e-2b3c-4d5e-8f90-a1b2c3d4e5f6"

static const struct rail_refund refund = {.charge = {.our_ref = {REF, sizeof REF - 1},
                                                     .payer = {"2250500000001", 13},
                                                     .amount_minor = 1000,
                                                     .currency = {"XOF", 3},
                                                     .label = {"Pass d'un jour", 14}},
                                          .our_ref = {REFUND, sizeof REFUND - 1}};

static void test_a_refund_names_its_charge_and_no_number_case_34(void **state)
{
    struct http_request rq;

    (void)state;
    rail.rail.type->submit_refund_request(&rail.rail, &arena, &refund, "tok", &rq);
    assert_string_equal(rq.method, "POST");
    assert_string_equal(rq.url, "https://rail.test/disbursement/v1_0/refund");
    assert_true(rq.no_resend);
    assert_int_equal(header_count(&rq), 5); /* nobody calls us about it */
    assert_string_equal(header_of(&rq, "Authorization"), "Bearer tok");
    assert_string_equal(header_of(&rq, "Ocp-Apim-Subscription-Key"), "giver");
    assert_string_equal(header_of(&rq, "X-Target-Environment"), "mtnivorycoast");
    assert_string_equal(header_of(&rq, "X-Reference-Id"), REFUND);
    assert_text(rq.body,
                "{\"amount\":\"1000\",\"currency\":\"XOF\",\"externalId\":\"" REFUND
                "\",\"referenceIdToRefund\":\"" REF "\",\"payerMessage\":\"Coko Pass d un jour\","
                "\"payeeNote\":\"Coko Pass d un jour\"}");
    rail.rail.type->poll_refund_request(&rail.rail, &arena, &refund, "tok", &rq);
    assert_string_equal(rq.method, "GET");
    assert_string_equal(rq.url, "https://rail.test/disbursement/v1_0/refund/" REFUND);
    assert_string_equal(header_of(&rq, "Ocp-Apim-Subscription-Key"), "giver");
    assert_int_equal(header_count(&rq), 3);
    rail.rail.type->refund_token_request(&rail.rail, &arena, &rq);
    assert_string_equal(rq.url, "https://rail.test/disbursement/token/");
    assert_string_equal(header_of(&rq, "Ocp-Apim-Subscription-Key"), "giver");
    assert_string_equal(header_of(&rq, "Authorization"),
                        "Basic MjIyMjIyMjItMzMzMy00NDQ0LTg1NTUtNjY2NjY2NjY2NjY2OmdpdmU=");
}

static struct rail_verdict refund_ask(int status, const char *body)
{
    struct http_response rs = {.status = status, .body = str_c(body)};
    struct rail_verdict v;

    rail.rail.type->poll_refund_read(&rail.rail, &refund, &rs, &v);
    return v;
}

#define DONE(ref)                                                                                  \
    "{\"status\":\"SUCCESSFUL\",\"amount\":\"1000\",\"currency\":\"XOF\",\"externalId\":\"" ref    \
    "\",\"financialTransactionId\":\"9\"}"

/* Read as a charge's answers (test_money_mtn.c), but judged by the refund's own reference. */
static void test_a_refund_is_judged_by_its_own_reference(void **state)
{
    struct http_response rs = {.status = 202, .body = STR_EMPTY};
    struct rail_verdict v;

    (void)state;
    rail.rail.type->submit_refund_read(&rail.rail, &refund, &rs, &v);
    assert_int_equal(v.event, CHARGE_ACCEPTED);
    rs.status = 409;
    rail.rail.type->submit_refund_read(&rail.rail, &refund, &rs, &v);
    assert_int_equal(v.event, CHARGE_DUPLICATE);
    v = refund_ask(200, DONE(REFUND));
    assert_int_equal(v.event, CHARGE_SUCCESS);
    assert_true(v.has_amount && v.amount_minor == 1000);
    assert_string_equal(v.rail_txn, "9");
    assert_int_equal(refund_ask(200, DONE(REF)).event,
                     CHARGE_MISMATCH); /* the charge's own success */
    assert_int_equal(refund_ask(200, "{\"status\":\"FAILED\"}").event, CHARGE_DECLINED);
    assert_int_equal(refund_ask(404, "{\"code\":\"RESOURCE_NOT_FOUND\"}").event, CHARGE_NOT_FOUND);
    assert_int_equal(refund_ask(404, "<html>").event, CHARGE_UNKNOWN);
}

static void test_without_disbursement_refunds_are_made_by_hand(void **state)
{
    struct mtn_momo_config c = config;
    struct mtn_momo m;
    struct err e = {0};
    bool on;

    (void)state;
    assert_false(rail.rail.refunds_by_hand);
    c.disbursement_key = "";
    assert_int_equal(mtn_momo_init(&m, &c, &on, &e), -1);
    assert_non_null(strstr(e.msg, "disbursement_key"));
    c.disbursement_user_id = c.disbursement_api_key = "";
    assert_int_equal(mtn_momo_init(&m, &c, &on, &e), 0);
    assert_true(on && m.rail.refunds_by_hand);
}

static void test_cedis_have_two_decimals(void **state)
{
    struct rail_charge c = charge;
    struct http_request rq;

    (void)state;
    c.currency = STR("GHS");
    c.amount_minor = 150;
    rail.rail.type->submit_request(&rail.rail, &arena, &c, "tok", &rq);
    assert_true(str_find(rq.body, STR("\"amount\":\"1.50\",\"currency\":\"GHS\"")) > 0);
}

/* Hard case 29: an apostrophe costs a 400; accents, emoji and length likewise. */
static void test_labels_are_made_safe_case_29(void **state)
{
    static const char *const labels[] = {"l'abonnement d\xe2\x80\x99un mois",
                                         "\xc3\xa9t\xc3\xa9 \xc3\xa0 No\xc3\xabl",
                                         "\xf0\x9f\x93\x9a livres",
                                         "a\"b\\c\nd\te\x01",
                                         "\xff\xfe bad",
                                         "",
                                         "{}<>&%$#@!^~|`[]",
                                         "\xe2\x82\xac 5"};
    char longest[401];

    (void)state;
    memset(longest, 'x', 400);
    longest[400] = '\0';
    for (size_t i = 0; i <= ARRAY_LEN(labels); i++) {
        struct rail_charge c = charge;
        struct http_request rq;
        struct str note, rest;

        c.label = str_c(i < ARRAY_LEN(labels) ? labels[i] : longest);
        rail.rail.type->submit_request(&rail.rail, &arena, &c, "tok", &rq);
        assert_int_equal(str_find_char(rq.body, '\''), -1);
        assert_int_equal(str_find_char(rq.body, '\\'), -1);
        for (size_t k = 0; k < rq.body.n; k++)
            assert_in_range(rq.body.p[k], 0x20, 0x7E);
        rest = str_skip(rq.body, (size_t)str_find(rq.body, STR("payerMessage\":\"")) + 15);
        assert_true(str_cut(rest, '"', &note, &rest));
        assert_in_range(note.n, 4, 160);
    }
}

/* A label beyond every bound neither crashes nor reaches the rail. */
static void test_a_huge_label_is_cut(void **state)
{
    struct rail_charge c = charge;
    struct http_request rq;
    size_t n = 200000;
    char *huge = malloc(n);

    (void)state;
    memset(huge, '\'', n);
    c.label = str_n(huge, n);
    rail.rail.type->submit_request(&rail.rail, &arena, &c, "tok", &rq);
    assert_in_range(rq.body.n, 100, 1023);
    assert_int_equal(rq.body.p[rq.body.n - 1], '}');
    free(huge);
}

static void test_longest_values_fit_every_header(void **state)
{
    char v[161];
    struct mtn_momo_config c = config;
    struct mtn_momo m;
    struct http_request rq;
    struct err e = {0};
    bool on;

    (void)state;
    memset(v, 'v', 160);
    v[160] = '\0';
    c.user_id = c.api_key = c.subscription_key = c.target_environment = v;
    c.callback_url = c.callback_secret = v;
    assert_int_equal(mtn_momo_init(&m, &c, &on, &e), 0);
    m.rail.type->token_request(&m.rail, &arena, &rq);
    assert_int_equal(strlen(header_of(&rq, "Authorization")), 6 + (321 + 2) / 3 * 4);
    m.rail.type->submit_request(&m.rail, &arena, &charge, "tok", &rq);
    assert_int_equal(header_count(&rq), 6);
    assert_int_equal(strlen(header_of(&rq, "X-Callback-Url")), 321);
}

/* ---- token ---- */

static bool read_token(int status, const char *body, struct token_value *t)
{
    struct http_response rs = {.status = status, .body = str_c(body)};

    return rail.rail.type->token_read(&rail.rail, &rs, t);
}

static void test_token_answers(void **state)
{
    struct token_value t;
    char body[4096], value[3000];

    (void)state;
    assert_true(read_token(200, "{\"access_token\":\"abc\",\"expires_in\":3600}", &t));
    assert_string_equal(t.text, "abc");
    assert_int_equal(t.expires_s, 3600);
    assert_true(read_token(200, "{\"access_token\":\"abc\",\"expires_in\":99999999999}", &t));
    assert_int_equal(t.expires_s, 86400);
    assert_false(read_token(200, "{\"access_token\":\"abc\",\"expires_in\":0}", &t));
    assert_false(read_token(200, "{\"access_token\":\"abc\",\"expires_in\":-5}", &t));
    assert_false(read_token(200, "{\"access_token\":\"abc\"}", &t));
    assert_false(read_token(200, "{\"access_token\":\"\",\"expires_in\":3600}", &t));
    assert_false(read_token(200, "{\"access_token\":7,\"expires_in\":3600}", &t));
    assert_false(read_token(200, "<html>Request Rejected</html>", &t));
    assert_false(read_token(200, "", &t));
    assert_false(read_token(201, "{\"access_token\":\"abc\",\"expires_in\":3600}", &t));
    assert_false(read_token(401, "{\"access_token\":\"abc\",\"expires_in\":3600}", &t));
    memset(value, 'v', sizeof value);
    value[2048] = '\0';
    snprintf(body, sizeof body, "{\"access_token\":\"%s\",\"expires_in\":3600}", value);
    assert_false(read_token(200, body, &t));
}

/* A line break in a token would have been a header of the rail's own choice. */
static void test_a_token_cannot_carry_a_header(void **state)
{
    struct token_value t;

    (void)state;
    assert_false(
        read_token(200, "{\"access_token\":\"a\\r\\nX-Evil: 1\",\"expires_in\":3600}", &t));
    assert_false(read_token(200, "{\"access_token\":\"a b\",\"expires_in\":3600}", &t));
    assert_false(read_token(200, "{\"access_token\":\"\xc3\xa9\",\"expires_in\":3600}", &t));
}

/* ---- configuration ---- */

static void test_a_value_cannot_carry_a_header(void **state)
{
    const size_t fields[] = {offsetof(struct mtn_momo_config, base_url),
                             offsetof(struct mtn_momo_config, target_environment),
                             offsetof(struct mtn_momo_config, user_id),
                             offsetof(struct mtn_momo_config, api_key),
                             offsetof(struct mtn_momo_config, subscription_key),
                             offsetof(struct mtn_momo_config, disbursement_user_id),
                             offsetof(struct mtn_momo_config, disbursement_api_key),
                             offsetof(struct mtn_momo_config, disbursement_key),
                             offsetof(struct mtn_momo_config, callback_url),
                             offsetof(struct mtn_momo_config, callback_secret)};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct mtn_momo_config c = config;
        struct mtn_momo m;
        struct err e = {0};
        bool on;

        *(const char **)((char *)&c + fields[i]) = "0123456789abcdef\r\nX-Evil: 1";
        assert_int_equal(mtn_momo_init(&m, &c, &on, &e), -1);
        assert_null(strstr(e.msg, "Evil")); /* a secret is never printed */
    }
}

static void test_half_a_configuration_is_refused(void **state)
{
    struct mtn_momo_config c = config;
    struct mtn_momo m;
    struct err e = {0};
    bool on;

    (void)state;
    c.api_key = "";
    assert_int_equal(mtn_momo_init(&m, &c, &on, &e), -1);
    assert_non_null(strstr(e.msg, "api_key"));
    c = config;
    c.callback_secret = "short";
    assert_int_equal(mtn_momo_init(&m, &c, &on, &e), -1);
    c.callback_url = ""; /* the path is mounted all the same */
    assert_int_equal(mtn_momo_init(&m, &c, &on, &e), -1);
    c.callback_secret = "";
    assert_int_equal(mtn_momo_init(&m, &c, &on, &e), 0);
    c.base_url = "";
    assert_int_equal(mtn_momo_init(&m, &c, &on, &e), 0);
    assert_false(on);
}

static void test_no_callback_header_without_an_address(void **state)
{
    struct mtn_momo_config c = config;
    struct mtn_momo m;
    struct http_request rq;
    struct err e = {0};
    bool on;

    (void)state;
    c.callback_url = c.callback_secret = "";
    assert_int_equal(mtn_momo_init(&m, &c, &on, &e), 0);
    m.rail.type->submit_request(&m.rail, &arena, &charge, "tok", &rq);
    assert_null(header_of(&rq, "X-Callback-Url"));
}

static struct str hint_of(const char *body)
{
    struct rail_callback cb = {.body = str_c(body)};
    struct rail_hint h = {.our_ref = STR_EMPTY};

    rail.rail.type->callback_hint(&arena, &cb, &h);
    assert_false(h.wants_proof);
    return h.our_ref;
}

static void test_callback_reference(void **state)
{
    (void)state;
    assert_true(str_eq_c(hint_of("{\"externalId\":\"" REF "\"}"), REF));
    assert_int_equal(hint_of("{\"externalId\":7}").n, 0);
    assert_int_equal(hint_of("[]").n, 0);
    assert_int_equal(hint_of("").n, 0);
    assert_int_equal(hint_of("\xff").n, 0);
    assert_int_equal(hint_of("{\"externalId\":\"a\",\"externalId\":\"b\"}").n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_submit_request),
        cmocka_unit_test(test_status_request),
        cmocka_unit_test(test_token_request),
        cmocka_unit_test(test_a_refund_names_its_charge_and_no_number_case_34),
        cmocka_unit_test(test_a_refund_is_judged_by_its_own_reference),
        cmocka_unit_test(test_without_disbursement_refunds_are_made_by_hand),
        cmocka_unit_test(test_cedis_have_two_decimals),
        cmocka_unit_test(test_labels_are_made_safe_case_29),
        cmocka_unit_test(test_a_huge_label_is_cut),
        cmocka_unit_test(test_longest_values_fit_every_header),
        cmocka_unit_test(test_token_answers),
        cmocka_unit_test(test_a_token_cannot_carry_a_header),
        cmocka_unit_test(test_a_value_cannot_carry_a_header),
        cmocka_unit_test(test_half_a_configuration_is_refused),
        cmocka_unit_test(test_no_callback_header_without_an_address),
        cmocka_unit_test(test_callback_reference),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
