/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Web Payment's requests and answers as tables: orders of 26 characters, the page's three secrets, the
 * statuses, notifications, what a half configured rail is told. Case numbers are of the list of hard
 * payment cases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/money/orange_web.h"

#define REF   "0b8f6d6e-9c2a-4f64-8b7a-0d1e2f3a4b5c"
#define ORDER "1E7PTVMW597P92VT1MF2YEJBBG" /* the same 128 bits */
#define OTHER "00000000000000000000000000"

static struct orange_web_config config = {.base_url = "https://rail.test/orange-money-webpay/ci/v1",
                                          .token_url = "https://rail.test/oauth/v3/token",
                                          .client_id = "id",
                                          .client_secret = "secret",
                                          .merchant_key = "mk",
                                          .merchant_name = "Coko",
                                          .callback_url = "https://us.test/pay/orange_web",
                                          .callback_secret = "0123456789abcdef",
                                          .return_url = "https://us.test/back",
                                          .lang = "fr"};
static struct orange_web rail;
static struct arena arena;

static const struct rail_charge charge = {.our_ref = {REF, sizeof REF - 1},
                                          .memo = {"pt1", 3},
                                          .by_link = true,
                                          .amount_minor = 2500,
                                          .currency = {"XOF", 3}};

static int setup(void **state)
{
    struct err e = {0};
    bool on;

    (void)state;
    arena_init(&arena, 4096, 1 << 18);
    return orange_web_init(&rail, &config, &on, &e) == 0 && on ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void is(const struct rail_verdict *v, enum charge_event want, const char *what)
{
    if (v->event != want)
        fail_msg("%s: %s, not %s", what, charge_event_name(v->event), charge_event_name(want));
}

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

/* ---- requests ---- */

static struct http_request submit(const struct rail_charge *c)
{
    struct http_request rq = {.url = NULL};

    rail.rail.type->submit_request(&rail.rail, &arena, c, "tok", &rq);
    return rq;
}

static void test_an_order_has_26_characters_case_30(void **state)
{
    struct http_request rq = submit(&charge);
    struct rail_charge c = charge;

    (void)state;
    assert_string_equal(rq.url, "https://rail.test/orange-money-webpay/ci/v1/webpayment");
    assert_true(rq.no_resend);
    assert_string_equal(header_of(&rq, "Authorization"), "Bearer tok");
    assert_text(rq.body, "{\"merchant_key\":\"mk\",\"currency\":\"XOF\",\"order_id\":\"" ORDER
                         "\",\"amount\":2500,\"return_url\":\"https://us.test/back\","
                         "\"cancel_url\":\"https://us.test/back\",\"notif_url\":"
                         "\"https://us.test/pay/orange_web/0123456789abcdef/" REF
                         "\",\"lang\":\"fr\",\"reference\":\"Coko\"}");
    static const char *const bad[] = {"", "x", REF "0", "0b8f6d6e-9c2a-4f64-8b7a-0d1e2f3a4b5g",
                                      "0b8f6d6e09c2a04f6408b7a00d1e2f3a4b5c"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        c.our_ref = str_c(bad[i]);
        assert_null(submit(&c).url);
    }
    c = charge;
    c.currency = STR("GHS"); /* amounts of this rail are whole */
    assert_null(submit(&c).url);
    c.currency = STR("XAF");
    assert_true(str_find(submit(&c).body, STR("\"currency\":\"XAF\"")) > 0);
}

static void test_the_sandbox_counts_in_ouv_case_16(void **state)
{
    struct orange_web_config dev = config;
    struct orange_web sandbox;
    struct http_request rq = {.url = NULL};
    struct err e = {0};
    bool on;

    (void)state;
    dev.base_url = "https://rail.test/orange-money-webpay/dev/v1";
    assert_int_equal(orange_web_init(&sandbox, &dev, &on, &e), 0);
    sandbox.rail.type->submit_request(&sandbox.rail, &arena, &charge, "tok", &rq);
    assert_true(str_find(rq.body, STR("\"currency\":\"OUV\"")) > 0);
}

static void test_a_question_names_order_amount_and_token(void **state)
{
    struct http_request rq = {.url = NULL};
    struct rail_charge c = charge;

    (void)state;
    rail.rail.type->poll_request(&rail.rail, &arena, &c, "tok", &rq);
    assert_string_equal(rq.url, "https://rail.test/orange-money-webpay/ci/v1/transactionstatus");
    assert_text(rq.body, "{\"order_id\":\"" ORDER "\",\"amount\":2500,\"pay_token\":\"pt1\"}");
    rq.url = NULL;
    c.memo = STR_EMPTY; /* the answer to the init was lost: nobody has a link (case 31) */
    rail.rail.type->poll_request(&rail.rail, &arena, &c, "tok", &rq);
    assert_null(rq.url);
    assert_int_equal(rail.rail.type->unasked, CHARGE_NOT_ISSUED);
    rail.rail.type->token_request(&rail.rail, &arena, &rq);
    assert_string_equal(rq.url, "https://rail.test/oauth/v3/token");
    assert_string_equal(header_of(&rq, "Authorization"), "Basic aWQ6c2VjcmV0");
    assert_text(rq.body, "grant_type=client_credentials");
}

/* ---- answers ---- */

static struct rail_verdict opened(int status, const char *body)
{
    struct http_response rs = {.status = status, .body = str_c(body)};
    struct rail_verdict v;

    rail.rail.type->submit_read(&rail.rail, &charge, &rs, &v);
    return v;
}

#define PAGE(pay, url, notif)                                                                      \
    "{\"status\":201,\"message\":\"OK\",\"pay_token\":" pay ",\"payment_url\":" url                \
    ",\"notif_token\":" notif "}"
#define GOOD PAGE("\"pt1\"", "\"https://p.test/1\"", "\"nt1\"")

static const struct {
    int status;
    const char *body;
    enum charge_event event;
} pages[] = {
    {201, GOOD, CHARGE_ACCEPTED},
    {200, GOOD, CHARGE_ACCEPTED},
    {201, PAGE("\"\"", "\"https://p.test/1\"", "\"nt1\""), CHARGE_UNKNOWN},
    {201, PAGE("\"pt1\"", "\"http://p.test/1\"", "\"nt1\""), CHARGE_UNKNOWN},
    {201, PAGE("\"pt1\"", "\"https://p.test/1\"", "null"), CHARGE_UNKNOWN},
    {201, PAGE("7", "\"https://p.test/1\"", "\"nt1\""), CHARGE_UNKNOWN},
    {201, PAGE("\"a b\"", "\"https://p.test/1\"", "\"nt1\""), CHARGE_UNKNOWN},
    {201, "{}", CHARGE_UNKNOWN},
    {201, "", CHARGE_UNKNOWN},
    {201, "<html>", CHARGE_UNKNOWN},
    {302, GOOD, CHARGE_UNKNOWN},
    {400, "{\"code\":1204,\"message\":\"Duplicate order\"}", CHARGE_REJECTED},
    {403, "{\"code\":1201,\"message\":\"m\"}", CHARGE_REJECTED},
    {400, "{\"message\":\"no code\"}", CHARGE_UNKNOWN},
    {400, "<html>", CHARGE_UNKNOWN},
    {429, "{\"code\":53}", CHARGE_UNKNOWN},
    {500, "{\"code\":1}", CHARGE_UNKNOWN},
    {0, "", CHARGE_UNKNOWN},
};

static void test_all_three_secrets_or_no_link(void **state)
{
    struct rail_verdict v;
    char body[2048], longest[700];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        v = opened(pages[i].status, pages[i].body);
        is(&v, pages[i].event, pages[i].body);
        if (v.event != CHARGE_ACCEPTED)
            assert_true(!*v.link && !*v.memo && !*v.callback_key);
    }
    v = opened(201, GOOD);
    assert_string_equal(v.link, "https://p.test/1");
    assert_string_equal(v.memo, "pt1");
    assert_string_equal(v.callback_key, "nt1");
    assert_true(opened(401, "").token_refused);
    assert_string_equal(opened(400, "{\"code\":1204}").reason, "1204");
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    snprintf(body, sizeof body,
             "{\"pay_token\":\"%s\",\"payment_url\":\"https://p.test/1\",\"notif_token\":\"n\"}",
             longest);
    v = opened(201, body); /* cut, it would never be asked with */
    is(&v, CHARGE_UNKNOWN, "a pay_token that does not fit");
}

static struct rail_verdict asked(const struct rail_charge *c, int status, const char *body)
{
    struct http_response rs = {.status = status, .body = str_c(body)};
    struct rail_verdict v;

    rail.rail.type->poll_read(&rail.rail, c, &rs, &v);
    return v;
}

#define STATUS(word, order) "{\"status\":\"" word "\",\"order_id\":\"" order "\",\"txnid\":\"MP1\"}"

static const struct {
    int status;
    const char *body;
    enum charge_event event;
} statuses[] = {
    {201, STATUS("SUCCESS", ORDER), CHARGE_SUCCESS},
    {200, STATUS("SUCCESS", ORDER), CHARGE_SUCCESS},
    {201, STATUS("SUCCESS", OTHER), CHARGE_MISMATCH}, /* case 17 */
    {201, "{\"status\":\"SUCCESS\"}", CHARGE_MISMATCH},
    {201, STATUS("INITIATED", ORDER), CHARGE_PENDING},
    {201, STATUS("PENDING", ORDER), CHARGE_PENDING},
    {201, STATUS("FAILED", ORDER), CHARGE_DECLINED},
    {201, STATUS("FAILURE", ORDER), CHARGE_DECLINED},
    {201, STATUS("EXPIRED", ORDER), CHARGE_EXPIRED},
    {201, STATUS("FAILED", OTHER), CHARGE_UNKNOWN},
    {201, STATUS("QUARANTINED", ORDER), CHARGE_UNKNOWN},
    {201, STATUS("success", ORDER), CHARGE_UNKNOWN},
    {201, "{\"status\":7}", CHARGE_UNKNOWN},
    {201, "[]", CHARGE_UNKNOWN},
    {201, "", CHARGE_UNKNOWN},
    {201, "<html>", CHARGE_UNKNOWN},
    {201, "{\"status\":\"FAILED\",\"status\":\"SUCCESS\",\"order_id\":\"" ORDER "\"}",
     CHARGE_UNKNOWN},
    {302, STATUS("SUCCESS", ORDER), CHARGE_UNKNOWN},
    {404, "{\"code\":60}", CHARGE_UNKNOWN},
    {500, STATUS("SUCCESS", ORDER), CHARGE_UNKNOWN},
    {0, "", CHARGE_UNKNOWN},
};

static void test_statuses(void **state)
{
    struct rail_charge c = charge;
    struct rail_verdict v;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        v = asked(&charge, statuses[i].status, statuses[i].body);
        is(&v, statuses[i].event, statuses[i].body);
    }
    v = asked(&charge, 201, STATUS("SUCCESS", ORDER));
    assert_true(v.has_amount && v.amount_minor == 2500); /* it was named with the order (I8) */
    assert_string_equal(v.currency, "XOF");
    assert_string_equal(v.rail_txn, "MP1");
    v = asked(&charge, 201,
              "{\"status\":\"SUCCESS\",\"order_id\":\"" ORDER
              "\",\"amount\":250000,\"currency\":\"XOF\"}");
    assert_true(v.has_amount && v.amount_minor == 250000); /* case 15: a person looks */
    v = asked(&charge, 201, "{\"status\":\"SUCCESS\",\"order_id\":\"" ORDER "\",\"amount\":2500}");
    assert_string_equal(v.currency, "XOF");
    assert_true(asked(&charge, 201, STATUS("QUARANTINED", ORDER)).new_word); /* case 47 */
    assert_true(asked(&charge, 401, "").token_refused);
    c.revoke = true;
    v = asked(&c, 201, STATUS("INITIATED", ORDER));
    is(&v, CHARGE_EXPIRED, "a link whose time is over and that nobody opened");
    v = asked(&c, 201, STATUS("PENDING", ORDER));
    is(&v, CHARGE_PENDING, "somebody is paying");
}

/* ---- notifications ---- */

static void test_a_notification_proves_itself_by_its_token_case_18(void **state)
{
    static const struct {
        const char *body, *proof;
    } rows[] = {{"{\"status\":\"SUCCESS\",\"notif_token\":\"nt1\",\"txnid\":\"MP1\"}", "nt1"},
                {"{\"status\":\"SUCCESS\"}", ""},
                {"{\"notif_token\":7}", ""},
                {"{\"notif_token\":\"a\",\"notif_token\":\"b\"}", ""},
                {"[]", ""},
                {"\xff", ""},
                {"", ""}};

    (void)state;
    assert_true(rail.rail.type->callback_tail);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rail_callback cb = {.tail = STR(REF), .body = str_c(rows[i].body)};
        struct rail_hint h = {.our_ref = STR_EMPTY};

        rail.rail.type->callback_hint(&arena, &cb, &h);
        assert_true(h.wants_proof && str_eq_c(h.our_ref, REF));
        assert_true(str_eq_c(h.proof, rows[i].proof));
    }
}

/* ---- configuration ---- */

#define X50 "01234567890123456789012345678901234567890123456789"

static void test_a_half_configured_rail_says_what_is_missing(void **state)
{
    const struct {
        const char **field;
        const char *value, *says;
    } rows[] = {
        {&config.base_url, "", "[orange_web] base_url is missing"},
        {&config.client_id, "", "client_id is missing"},
        {&config.client_secret, "", "client_secret is missing"},
        {&config.merchant_key, "", "merchant_key is missing"},
        {&config.callback_url, "", "callback_url is missing"},
        {&config.callback_secret, "", "callback_secret is missing"},
        {&config.callback_secret, "short", "callback_secret needs 16"},
        {&config.return_url, "", "return_url is missing"},
        {&config.return_url, "http://us.test/", "public https"},
        {&config.callback_url, "https://localhost/pay/orange_web", "public https"},
        {&config.callback_url, "https://us.test/" X50 "/pay/orange_web",
         "120 at most"}, /* case 30 */
        {&config.return_url, "https://us.test/" X50 X50 "01234", "120 at most"},
    };
    struct orange_web r;
    struct err e = {0};
    bool on;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *before = *rows[i].field;

        *rows[i].field = rows[i].value;
        err_clear(&e);
        assert_int_equal(orange_web_init(&r, &config, &on, &e), -1);
        *rows[i].field = before;
        if (!strstr(e.msg, rows[i].says))
            fail_msg("row %zu: %s", i, e.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_order_has_26_characters_case_30),
        cmocka_unit_test(test_the_sandbox_counts_in_ouv_case_16),
        cmocka_unit_test(test_a_question_names_order_amount_and_token),
        cmocka_unit_test(test_all_three_secrets_or_no_link),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_a_notification_proves_itself_by_its_token_case_18),
        cmocka_unit_test(test_a_half_configured_rail_says_what_is_missing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
