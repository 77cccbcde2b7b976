/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The M-Pesa rail as tables: requests, what a submit and a question may get, result codes, callbacks,
 * and what a configuration needs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/lib/clock.h"
#include "gateway/money/mpesa.h"
#include "gateway/money/rail_io.h"

#define REF  "0b8f6d6e-9c2a-4f64-8b7a-0d1e2f3a4b5c"
#define ID   "ws_CO_191220191020363925708374149"
#define TIME 1700000000 /* 2023-11-14 22:13:20 UTC, the next day in Nairobi */
#define PAGE "<html>Request Rejected</html>"

static struct mpesa_config config = {.base_url = "https://rail.test",
                                     .consumer_key = "key",
                                     .consumer_secret = "secret",
                                     .short_code = "174379",
                                     .till = "",
                                     .passkey = "pass",
                                     .callback_url = "https://us.test/pay/mpesa",
                                     .callback_secret = "0123456789abcdef"};
static struct mpesa rail;
static struct arena arena;

static const struct rail_charge charge = {.our_ref = {REF, sizeof REF - 1},
                                          .payer = {"254708374149", 12},
                                          .amount_minor = 15000,
                                          .currency = {"KES", 3},
                                          .label = {"Pasi ya siku", 12}};

static int setup(void **state)
{
    bool on;
    struct err e = {0};

    (void)state;
    arena_init(&arena, 4096, 1 << 18);
    clock_set_fake(1, (int64_t)TIME * 1000000);
    return mpesa_init(&rail, &config, &on, &e) == 0 && on ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    clock_set_real();
    arena_fini(&arena);
    return 0;
}

static void is(struct rail_verdict v, enum charge_event want, const char *what)
{
    if (v.event != want)
        fail_msg("%s: %s, not %s", what, charge_event_name(v.event), charge_event_name(want));
}

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

/* base64("174379" "pass" "20231115011320") */
#define WHO                                                                                        \
    "\"BusinessShortCode\":\"174379\",\"Password\":\"MTc0Mzc5cGFzczIwMjMxMTE1MDExMzIw\","          \
    "\"Timestamp\":\"20231115011320\""

static void test_push_request(void **state)
{
    struct http_request rq = {.url = NULL};

    (void)state;
    rail.rail.type->submit_request(&rail.rail, &arena, &charge, "tok", &rq);
    assert_string_equal(rq.url, "https://rail.test/mpesa/stkpush/v1/processrequest");
    assert_true(rq.no_resend); /* the money rule of http_client.h */
    assert_string_equal(header_of(&rq, "Authorization"), "Bearer tok");
    assert_text(rq.body, "{" WHO ",\"TransactionType\":\"CustomerPayBillOnline\",\"Amount\":150,"
                         "\"PartyA\":\"254708374149\",\"PartyB\":\"174379\",\"PhoneNumber\":"
                         "\"254708374149\",\"CallBackURL\":\"https://us.test/pay/mpesa/"
                         "0123456789abcdef/" REF "\",\"AccountReference\":\"0b8f6d6e9c2a\","
                         "\"TransactionDesc\":\"Coko Pasi ya\"}");
}

static void test_a_till_is_paid_by_buying_goods(void **state)
{
    struct mpesa_config c = config;
    struct mpesa m;
    struct http_request rq = {.url = NULL};
    struct err e = {0};
    bool on;

    (void)state;
    c.till = "555111";
    assert_int_equal(mpesa_init(&m, &c, &on, &e), 0);
    m.rail.type->submit_request(&m.rail, &arena, &charge, "tok", &rq);
    assert_true(str_find(rq.body, STR("\"TransactionType\":\"CustomerBuyGoodsOnline\"")) > 0);
    assert_true(str_find(rq.body, STR("\"PartyB\":\"555111\"")) > 0);
    assert_true(str_find(rq.body, STR("\"BusinessShortCode\":\"174379\"")) > 0);
}

/* Whole shillings alone, and no other money (hard case 30). */
static void test_what_the_rail_cannot_take_is_not_sent(void **state)
{
    static const struct {
        int64_t minor;
        const char *currency;
    } bad[] = {{15050, "KES"}, {50, "KES"}, {0, "KES"}, {15000, "TZS"}, {150, "XOF"}, {15000, ""}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct rail_charge c = charge;
        struct http_request rq = {.url = NULL};

        c.amount_minor = bad[i].minor;
        c.currency = str_c(bad[i].currency);
        rail.rail.type->submit_request(&rail.rail, &arena, &c, "tok", &rq);
        assert_null(rq.url);
    }
}

/* Values as long as they may be: the body is whole, not cut. */
static void test_the_longest_values_fit(void **state)
{
    char longest[RAIL_VALUE_MAX + 1];
    struct mpesa_config c = config;
    struct http_request rq = {.url = NULL};
    struct err e = {0};
    struct mpesa m;
    bool on;

    (void)state;
    memset(longest, 'x', RAIL_VALUE_MAX);
    longest[RAIL_VALUE_MAX] = '\0';
    c.short_code = c.till = c.passkey = c.callback_url = c.callback_secret = longest;
    assert_int_equal(mpesa_init(&m, &c, &on, &e), 0);
    m.rail.type->submit_request(&m.rail, &arena, &charge, "tok", &rq);
    assert_true(str_ends(rq.body, STR("\"TransactionDesc\":\"Coko Pasi ya\"}")));
}

static void test_question(void **state)
{
    struct rail_charge c = charge;
    struct http_request rq = {.url = NULL};

    (void)state;
    c.memo = STR(ID);
    rail.rail.type->poll_request(&rail.rail, &arena, &c, "tok", &rq);
    assert_string_equal(rq.url, "https://rail.test/mpesa/stkpushquery/v1/query");
    assert_text(rq.body, "{" WHO ",\"CheckoutRequestID\":\"" ID "\"}");
    /* the answer to the submit was lost: nothing can be asked, and no word of it is one of failure */
    rq = (struct http_request){.url = NULL};
    rail.rail.type->poll_request(&rail.rail, &arena, &charge, "tok", &rq);
    assert_null(rq.url);
    assert_int_equal(rail.rail.type->unasked, 0);
}

static void test_token(void **state)
{
    struct http_response rs = {.status = 200,
                               .body = STR("{\"access_token\":\"abc\",\"expires_in\":\"3599\"}")};
    struct http_request rq;
    struct token_value t;

    (void)state;
    rail.rail.type->token_request(&rail.rail, &arena, &rq);
    assert_string_equal(rq.method, "GET");
    assert_string_equal(rq.url,
                        "https://rail.test/oauth/v1/generate?grant_type=client_credentials");
    assert_string_equal(header_of(&rq, "Authorization"), "Basic a2V5OnNlY3JldA==");
    assert_true(rail.rail.type->token_read(&rail.rail, &rs, &t));
    assert_int_equal(t.expires_s, 3599);
    rs.body = STR("{\"access_token\":\"abc\",\"expires_in\":\"soon\"}");
    assert_false(rail.rail.type->token_read(&rail.rail, &rs, &t));
}

/* ---- submit ---- */

#define TAKEN(code)                                                                                \
    "{\"MerchantRequestID\":\"m\",\"CheckoutRequestID\":\"" ID "\",\"ResponseCode\":" code "}"
#define ERROR(code, m) "{\"requestId\":\"r\",\"errorCode\":\"" code "\",\"errorMessage\":\"" m "\"}"
#define LOCKED                                                                                     \
    "Unable to lock subscriber, a transaction is already in process for the current subscriber"

static const struct {
    int status;
    const char *body;
    enum charge_event event;
} submits[] = {
    {200, TAKEN("\"0\""), CHARGE_ACCEPTED},
    {200, TAKEN("0"), CHARGE_ACCEPTED},
    {200, TAKEN("\"1\""), CHARGE_REJECTED},
    {200, "{\"ResponseCode\":\"0\"}", CHARGE_UNKNOWN}, /* taken, and no name to ask about it by */
    {200, "{\"CheckoutRequestID\":\"" ID "\"}", CHARGE_UNKNOWN},
    {200, "{}", CHARGE_UNKNOWN},
    {200, "", CHARGE_UNKNOWN},
    {200, PAGE, CHARGE_UNKNOWN},
    {202, TAKEN("\"0\""), CHARGE_UNKNOWN},
    {400, ERROR("400.002.02", "Bad Request - Invalid PhoneNumber"), CHARGE_REJECTED},
    {400, "", CHARGE_UNKNOWN},
    {400, PAGE, CHARGE_UNKNOWN},
    {403, "", CHARGE_UNKNOWN},
    {500, ERROR("500.001.1001", LOCKED), CHARGE_NOT_SENT}, /* the phone was not asked */
    {500, ERROR("500.001.1001", "Wrong credentials"), CHARGE_UNKNOWN},
    {500, ERROR("500.001.1001", "The transaction is being processed"), CHARGE_UNKNOWN},
    {500, ERROR("500.003.02", "System is busy"), CHARGE_UNKNOWN},
    {500, ERROR("500.003.02", LOCKED), CHARGE_UNKNOWN},
    {500, "", CHARGE_UNKNOWN},
    {503, "", CHARGE_UNKNOWN},
    {429, ERROR("429.001.01", "Spike arrest"), CHARGE_UNKNOWN},
    {302, "", CHARGE_UNKNOWN},
    {0, "", CHARGE_UNKNOWN},
};

static struct rail_verdict submit(int status, const char *body)
{
    struct http_response rs = {.status = status, .body = str_c(body)};
    struct rail_verdict v;

    rail.rail.type->submit_read(&rail.rail, &charge, &rs, &v);
    return v;
}

static void test_submit_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(submits); i++) {
        struct rail_verdict v = submit(submits[i].status, submits[i].body);

        is(v, submits[i].event, submits[i].body);
        /* the id ends with the payer's number: sealed, and nowhere else (S5) */
        assert_string_equal(v.memo, v.event == CHARGE_ACCEPTED ? ID : "");
        assert_string_equal(v.rail_ref, "");
        assert_null(strstr(v.reason, "708374149"));
    }
    assert_true(submit(404, ERROR("404.001.03", "Invalid Access Token")).token_refused);
    assert_true(submit(401, "").token_refused);
    assert_false(submit(404, ERROR("404.001.01", "Resource not found")).token_refused);
}

/* ---- question ---- */

#define RESULT(code)                                                                               \
    "{\"ResponseCode\":\"0\",\"CheckoutRequestID\":\"" ID "\",\"ResultCode\":" code "}"

static const struct {
    int status;
    const char *body;
    enum charge_event event;
    bool new_word;
} questions[] = {
    {200, RESULT("\"0\""), CHARGE_SUCCESS, false},
    {200, RESULT("0"), CHARGE_SUCCESS, false},
    {200, RESULT("\"1\""), CHARGE_DECLINED, false},
    {200, RESULT("\"17\""), CHARGE_DECLINED, false},
    {200, RESULT("\"1001\""), CHARGE_DECLINED, false}, /* another session was active */
    {200, RESULT("\"1019\""), CHARGE_EXPIRED, false},
    {200, RESULT("\"1025\""), CHARGE_EXPIRED, false},
    {200, RESULT("\"9999\""), CHARGE_EXPIRED, false},
    {200, RESULT("\"1032\""), CHARGE_DECLINED, false},
    {200, RESULT("1032"), CHARGE_DECLINED, false},
    {200, RESULT("\"1037\""), CHARGE_UNKNOWN, false}, /* unreachable is not failed */
    {200, RESULT("\"2001\""), CHARGE_DECLINED, false},
    {200, RESULT("\"8006\""), CHARGE_UNKNOWN, true},
    {200, RESULT("\"00\""), CHARGE_UNKNOWN, true},
    {200, RESULT("0.0"), CHARGE_UNKNOWN, false},
    {200, RESULT("null"), CHARGE_UNKNOWN, false},
    {200, RESULT("\"\""), CHARGE_UNKNOWN, false},
    {200, "{\"CheckoutRequestID\":\"ws_CO_other\",\"ResultCode\":\"0\"}", CHARGE_UNKNOWN, false},
    {200, "{\"ResultCode\":\"0\"}", CHARGE_UNKNOWN, false},
    {200, "{\"CheckoutRequestID\":\"" ID "\",\"ResultCode\":\"1\",\"ResultCode\":\"0\"}",
     CHARGE_UNKNOWN, false},
    {200, PAGE, CHARGE_UNKNOWN, false},
    {500, RESULT("\"0\""), CHARGE_UNKNOWN, false},
    {500, ERROR("500.001.1001", "The transaction is being processed"), CHARGE_PENDING, false},
    {500, ERROR("500.001.1001", "Wrong credentials"), CHARGE_UNKNOWN, false},
    {400, ERROR("400.002.02", "Bad Request - Invalid CheckoutRequestID"), CHARGE_UNKNOWN, false},
    {503, "", CHARGE_UNKNOWN, false},
};

static struct rail_verdict ask(int status, const char *body)
{
    struct http_response rs = {.status = status, .body = str_c(body)};
    struct rail_charge c = charge;
    struct rail_verdict v;

    c.memo = STR(ID);
    rail.rail.type->poll_read(&rail.rail, &c, &rs, &v);
    return v;
}

static void test_result_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        struct rail_verdict v = ask(questions[i].status, questions[i].body);

        is(v, questions[i].event, questions[i].body);
        assert_int_equal(v.new_word, questions[i].new_word);
        assert_int_equal(v.has_amount, v.event == CHARGE_SUCCESS);
    }
    assert_true(ask(404, ERROR("404.001.03", "Invalid Access Token")).token_refused);
}

static void test_a_success_is_of_the_amount_that_was_asked(void **state)
{
    struct rail_verdict v = ask(200, RESULT("\"0\""));

    (void)state;
    assert_int_equal(v.amount_minor, 15000);
    assert_string_equal(v.currency, "KES");
    assert_string_equal(v.rail_txn,
                        ""); /* the receipt stands in a callback, which anybody may write */
}

/* ---- callbacks and configuration ---- */

static void test_the_path_names_the_charge(void **state)
{
    struct rail_callback cb = {.tail = STR(REF),
                               .body = STR("{\"Body\":{\"stkCallback\":{\"CheckoutRequestID\":\"" ID
                                           "\",\"ResultCode\":0}}}")};
    struct rail_hint h = {.our_ref = STR_EMPTY};

    (void)state;
    rail.rail.type->callback_hint(&arena, &cb, &h);
    assert_text(h.our_ref, REF);
    assert_null(rail.rail.type->callback_verify); /* unsigned: a hint, never more (I7) */
    assert_false(h.wants_proof);
}

static void test_half_a_configuration_names_what_is_missing(void **state)
{
    static const struct {
        size_t at;
        const char *name;
    } needed[] = {{offsetof(struct mpesa_config, base_url), "base_url"},
                  {offsetof(struct mpesa_config, consumer_key), "consumer_key"},
                  {offsetof(struct mpesa_config, consumer_secret), "consumer_secret"},
                  {offsetof(struct mpesa_config, short_code), "short_code"},
                  {offsetof(struct mpesa_config, passkey), "passkey"},
                  {offsetof(struct mpesa_config, callback_url), "callback_url"},
                  {offsetof(struct mpesa_config, callback_secret), "callback_secret"}};
    struct mpesa_config none = config;
    struct mpesa m;
    struct err e = {0};
    bool on;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        struct mpesa_config c = config;

        *(const char **)((char *)&c + needed[i].at) = "";
        *(const char **)((char *)&none + needed[i].at) = "";
        assert_int_equal(mpesa_init(&m, &c, &on, &e), -1);
        assert_non_null(strstr(e.msg, needed[i].name));
    }
    assert_int_equal(mpesa_init(&m, &none, &on, &e), 0);
    assert_false(on);
    none = config;
    none.callback_secret = "short";
    assert_int_equal(mpesa_init(&m, &none, &on, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_request),
        cmocka_unit_test(test_a_till_is_paid_by_buying_goods),
        cmocka_unit_test(test_what_the_rail_cannot_take_is_not_sent),
        cmocka_unit_test(test_the_longest_values_fit),
        cmocka_unit_test(test_question),
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_submit_answers),
        cmocka_unit_test(test_result_codes),
        cmocka_unit_test(test_a_success_is_of_the_amount_that_was_asked),
        cmocka_unit_test(test_the_path_names_the_charge),
        cmocka_unit_test(test_half_a_configuration_names_what_is_missing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
