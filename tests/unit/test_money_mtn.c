/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MTN rail's answers as tables: every published reason, the statuses that prove
 * something and those that prove nothing, bodies that are no answer, money that is not ours.
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

static struct rail_verdict submit_n(int status, const char *body, size_t n)
{
    struct http_response rs = {.status = status, .body = str_n(body, n)};
    struct rail_verdict v;

    rail.rail.type->submit_read(&rail.rail, &charge, &rs, &v);
    return v;
}

static struct rail_verdict submit(int status, const char *body)
{
    return submit_n(status, body, strlen(body));
}

static struct rail_verdict poll_n(int status, const char *body, size_t n)
{
    struct http_response rs = {.status = status, .body = str_n(body, n)};
    struct rail_verdict v;

    rail.rail.type->poll_read(&rail.rail, &charge, &rs, &v);
    return v;
}

static struct rail_verdict ask(int status, const char *body)
{
    return poll_n(status, body, strlen(body));
}

static void is(struct rail_verdict v, enum charge_event want, const char *what)
{
    if (v.event != want)
        fail_msg("%s: %s, not %s", what, charge_event_name(v.event), charge_event_name(want));
}

/* ---- submit ---- */

static const struct {
    int status;
    const char *body;
    enum charge_event event;
} submits[] = {
    {202, "", CHARGE_ACCEPTED},
    {202, "\r\n", CHARGE_ACCEPTED},
    {202, "{}", CHARGE_ACCEPTED},
    {202, "<html>Request Rejected</html>", CHARGE_UNKNOWN}, /* a page is no answer (case 21) */
    {200, "", CHARGE_UNKNOWN},
    {200, "<html>Request Rejected</html>", CHARGE_UNKNOWN},
    {201, "{}", CHARGE_UNKNOWN},
    {204, "", CHARGE_UNKNOWN},
    {302, "", CHARGE_UNKNOWN},
    {409, "", CHARGE_DUPLICATE},
    {409, "{\"code\":\"RESOURCE_ALREADY_EXIST\"}", CHARGE_DUPLICATE},
    {409, "<html>Request Rejected</html>", CHARGE_UNKNOWN}, /* seed 20262: of a proxy in between */
    {400, "{\"code\":\"RESOURCE_ALREADY_EXIST\"}", CHARGE_DUPLICATE},
    {500, "{\"code\":\"RESOURCE_ALREADY_EXIST\"}", CHARGE_DUPLICATE},
    {400, "{\"code\":\"BAD_REQUEST\",\"message\":\"m\"}", CHARGE_REJECTED},
    {400, "", CHARGE_UNKNOWN},
    {400, "<html>", CHARGE_UNKNOWN},
    {400, "{\"message\":\"no code\"}", CHARGE_UNKNOWN},
    {400, "{\"code\":\"INTERNAL_PROCESSING_ERROR\"}", CHARGE_UNKNOWN},
    {403, "{\"statusCode\":403,\"message\":\"Out of call volume quota\"}", CHARGE_UNKNOWN},
    {404, "{\"statusCode\":404,\"message\":\"Resource not found\"}", CHARGE_UNKNOWN},
    {408, "{\"code\":\"X\"}", CHARGE_UNKNOWN},
    {415, "{\"code\":\"UNSUPPORTED_MEDIA_TYPE\"}", CHARGE_REJECTED},
    {429, "{\"statusCode\":429,\"message\":\"Rate limit is exceeded.\"}", CHARGE_UNKNOWN},
    {500, "", CHARGE_UNKNOWN},
    {500, "{\"code\":\"INTERNAL_PROCESSING_ERROR\"}", CHARGE_UNKNOWN},
    {500, "{\"code\":\"SERVICE_UNAVAILABLE\"}", CHARGE_UNKNOWN},
    {500, "{\"code\":\"A_WORD_NEVER_SEEN\"}", CHARGE_UNKNOWN},
    {500, "{\"code\":\"INVALID_CURRENCY\"}", CHARGE_REJECTED},
    {500, "{\"code\":\"NOT_ALLOWED_TARGET_ENVIRONMENT\"}", CHARGE_REJECTED},
    {500, "{\"code\":\"INVALID_CALLBACK_URL_HOST\"}", CHARGE_REJECTED},
    {500, "{\"code\":\"NOT_ALLOWED\"}", CHARGE_REJECTED},
    {500, "{\"code\":\"PAYEE_NOT_FOUND\"}", CHARGE_REJECTED},
    {500, "{\"code\":\"PAYEE_NOT_ALLOWED_TO_RECEIVE\"}", CHARGE_REJECTED},
    {500, "{\"code\":\"PAYER_NOT_FOUND\"}", CHARGE_DECLINED},
    {500, "{\"code\":\"PAYER_LIMIT_REACHED\"}", CHARGE_DECLINED},
    {500, "{\"code\":\"NOT_ENOUGH_FUNDS\"}", CHARGE_DECLINED},
    {500, "{\"code\":\"SENDER_ACCOUNT_NOT_ACTIVE\"}", CHARGE_DECLINED},
    {502, "<html>", CHARGE_UNKNOWN},
    {503, "{\"code\":\"SERVICE_UNAVAILABLE\"}", CHARGE_UNKNOWN},
    {504, "", CHARGE_UNKNOWN},
    {0, "", CHARGE_UNKNOWN},
    {400, "{\"code\":17}", CHARGE_UNKNOWN},
    {400, "[\"code\"]", CHARGE_UNKNOWN},
    {400, "{\"code\":\"BAD_REQUEST\",\"code\":\"NOT_ALLOWED\"}", CHARGE_UNKNOWN}, /* twice */
};

static void test_submit_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(submits); i++) {
        char what[160];

        snprintf(what, sizeof what, "submit %d %s", submits[i].status, submits[i].body);
        is(submit(submits[i].status, submits[i].body), submits[i].event, what);
    }
}

static void test_401_asks_for_a_token_and_nothing_else(void **state)
{
    struct rail_verdict v = submit(401, "{\"code\":\"NOT_ENOUGH_FUNDS\"}");

    (void)state;
    assert_true(v.token_refused);
    is(v, CHARGE_UNKNOWN, "401 of a submit");
    v = ask(401, "{\"status\":\"SUCCESSFUL\"}");
    assert_true(v.token_refused);
    is(v, CHARGE_UNKNOWN, "401 of a question");
}

/* ---- status ---- */

static const struct {
    const char *reason;
    enum charge_event event;
} reasons[] = {
    {"PAYEE_NOT_FOUND", CHARGE_DECLINED},
    {"PAYER_NOT_FOUND", CHARGE_DECLINED},
    {"NOT_ALLOWED", CHARGE_DECLINED},
    {"NOT_ALLOWED_TARGET_ENVIRONMENT", CHARGE_DECLINED},
    {"INVALID_CALLBACK_URL_HOST", CHARGE_DECLINED},
    {"INVALID_CURRENCY", CHARGE_DECLINED},
    {"SERVICE_UNAVAILABLE", CHARGE_DECLINED},
    {"INTERNAL_PROCESSING_ERROR", CHARGE_DECLINED},
    {"NOT_ENOUGH_FUNDS", CHARGE_DECLINED},
    {"PAYER_LIMIT_REACHED", CHARGE_DECLINED},
    {"PAYEE_NOT_ALLOWED_TO_RECEIVE", CHARGE_DECLINED},
    {"PAYMENT_NOT_APPROVED", CHARGE_DECLINED},
    {"RESOURCE_NOT_FOUND", CHARGE_DECLINED},
    {"APPROVAL_REJECTED", CHARGE_DECLINED},
    {"EXPIRED", CHARGE_EXPIRED},
    {"TRANSACTION_CANCELED", CHARGE_DECLINED},
    {"RESOURCE_ALREADY_EXIST", CHARGE_DECLINED},
    {"COULD_NOT_PERFORM_TRANSACTION", CHARGE_EXPIRED},
    {"SENDER_ACCOUNT_NOT_ACTIVE", CHARGE_DECLINED},
    {"", CHARGE_DECLINED},
};

static void test_every_reason_as_text_and_as_object(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        char body[256];
        struct rail_verdict v;

        snprintf(body, sizeof body, "{\"status\":\"FAILED\",\"reason\":\"%s\"}", reasons[i].reason);
        v = ask(200, body);
        is(v, reasons[i].event, body);
        assert_string_equal(v.reason, *reasons[i].reason ? reasons[i].reason : "FAILED");
        snprintf(body, sizeof body,
                 "{\"status\":\"FAILED\",\"reason\":{\"code\":\"%s\",\"message\":\"m\"}}",
                 reasons[i].reason);
        v = ask(200, body);
        is(v, reasons[i].event, body);
        assert_string_equal(v.reason, *reasons[i].reason ? reasons[i].reason : "FAILED");
    }
}

#define GOOD                                                                                       \
    "{\"amount\":\"2500\",\"currency\":\"XOF\",\"externalId\":\"" REF                              \
    "\",\"financialTransactionId\":\"363440463\",\"status\":\"SUCCESSFUL\"}"

static const struct {
    int status;
    const char *body;
    enum charge_event event;
} polls[] = {
    {200, GOOD, CHARGE_SUCCESS},
    {200, "{\"status\":\"PENDING\"}", CHARGE_PENDING},
    {200, "{\"status\":\"CREATED\"}", CHARGE_PENDING},
    {200, "{\"status\":\"FAILED\"}", CHARGE_DECLINED},
    {200, "{\"status\":\"SUCCESSFUL\"}", CHARGE_MISMATCH},                          /* whose? */
    {200, "{\"status\":\"SUCCESSFUL\",\"externalId\":\"other\"}", CHARGE_MISMATCH}, /* case 17 */
    {200, "{\"status\":\"successful\"}", CHARGE_UNKNOWN},
    {200, "{\"status\":\"SUCCESS\"}", CHARGE_UNKNOWN},
    {200, "{\"status\":\"REVERSED\"}", CHARGE_UNKNOWN},
    {200, "{\"status\":7}", CHARGE_UNKNOWN},
    {200, "{\"status\":null}", CHARGE_UNKNOWN},
    {200, "{}", CHARGE_UNKNOWN},
    {200, "[]", CHARGE_UNKNOWN},
    {200, "null", CHARGE_UNKNOWN},
    {200, "", CHARGE_UNKNOWN},
    {200, "<html>Request Rejected</html>", CHARGE_UNKNOWN},
    {200, "\xEF\xBB\xBF" GOOD, CHARGE_UNKNOWN},          /* BOM */
    {200, "{\"status\":\"SUCCESSFUL\"", CHARGE_UNKNOWN}, /* truncated */
    {200, GOOD "{}", CHARGE_UNKNOWN},                    /* two values */
    {200, "{\"status\":\"FAILED\",\"status\":\"SUCCESSFUL\"}", CHARGE_UNKNOWN},
    {200, "{\"status\":\"FAILED\",\"reason\":\"\xff\xfe\"}", CHARGE_UNKNOWN}, /* bad UTF-8 */
    {200, "{\"status\":\"FAILED\",\"reason\":\"\\u0000\"}", CHARGE_UNKNOWN},
    {200, "{\"status\":\"FAILED\",\"reason\":\"\\ud800\"}", CHARGE_UNKNOWN}, /* lone surrogate */
    {200, "{\"status\":\"SUCCESSFUL\",\"amount\":9223372036854775808}", CHARGE_UNKNOWN},
    {200, "{\"status\":\"SUCCESSFUL\",\"amount\":NaN}", CHARGE_UNKNOWN},
    {200, "{\"status\":\"SUCCESSFUL\",\"amount\":1e999}", CHARGE_UNKNOWN},
    {201, GOOD, CHARGE_UNKNOWN},
    {202, GOOD, CHARGE_UNKNOWN},
    {302, GOOD, CHARGE_UNKNOWN},
    {404, "{\"code\":\"RESOURCE_NOT_FOUND\",\"message\":\"m\"}", CHARGE_NOT_FOUND},
    {404, "{\"statusCode\":404,\"message\":\"Resource not found\"}", CHARGE_UNKNOWN},
    {404, "{\"code\":\"PAYEE_NOT_FOUND\"}", CHARGE_UNKNOWN},
    {404, "<html>", CHARGE_UNKNOWN},
    {404, "", CHARGE_UNKNOWN},
    {400, "{\"code\":\"BAD_REQUEST\"}", CHARGE_UNKNOWN},
    {409, "{\"code\":\"RESOURCE_ALREADY_EXIST\"}", CHARGE_UNKNOWN},
    {429, "{\"statusCode\":429}", CHARGE_UNKNOWN},
    {500, "{\"code\":\"NOT_ENOUGH_FUNDS\"}",
     CHARGE_UNKNOWN}, /* of the question, not of the charge */
    {500, GOOD, CHARGE_UNKNOWN},
    {503, "", CHARGE_UNKNOWN},
    {0, "", CHARGE_UNKNOWN},
};

static void test_status_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(polls); i++) {
        char what[400];

        snprintf(what, sizeof what, "status %d %s", polls[i].status, polls[i].body);
        is(ask(polls[i].status, polls[i].body), polls[i].event, what);
    }
}

/* Every prefix of a good answer: never a success, a decline or a not-found. */
static void test_a_cut_answer_proves_nothing(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof GOOD - 1; n++) {
        char *part = malloc(n + 1); /* its end is guarded by ASan */

        memcpy(part, GOOD, n);
        is(poll_n(200, part, n), CHARGE_UNKNOWN, "cut answer");
        free(part);
    }
}

/* I12: what the rail never published is neither a success nor a failure. */
static void test_a_new_word_is_kept_and_told(void **state)
{
    struct rail_verdict v = ask(200, "{\"status\":\"QUARANTINED\",\"reason\":\"EXPIRED\"}");

    (void)state;
    assert_true(v.new_word);
    assert_string_equal(v.reason, "QUARANTINED");
    assert_false(ask(200, GOOD).new_word);
    assert_false(ask(200, "{\"status\":\"PENDING\"}").new_word);
}

/* ---- money in an answer ---- */

static struct rail_verdict success_with(const char *amount, const char *currency)
{
    char body[512];

    snprintf(body, sizeof body,
             "{%s%s%s\"currency\":%s,\"externalId\":\"" REF "\",\"status\":\"SUCCESSFUL\"}",
             amount ? "\"amount\":" : "", amount ? amount : "", amount ? "," : "", currency);
    return ask(200, body);
}

static const struct {
    const char *amount, *currency;
    bool has;
    int64_t minor;
} amounts[] = {
    {"\"2500\"", "\"XOF\"", true, 2500},
    {"\"2500.00\"", "\"XOF\"", true, 2500},
    {"\"2500.0\"", "\"XOF\"", true, 2500},
    {"2500", "\"XOF\"", true, 2500},
    {"2500.0", "\"XOF\"", true, 2500},
    {"2500.5", "\"XOF\"", false, 0},
    {"250000", "\"XOF\"", true, 250000},
    {"0", "\"XOF\"", true, 0},
    {"-1", "\"XOF\"", false, 0},
    {"-0.0", "\"XOF\"", false, 0},
    {"-2500.0", "\"XOF\"", false, 0},
    {"1e300", "\"XOF\"", false, 0},
    {"9223372036854775807", "\"XOF\"", false, 0},
    {"\"0x9C4\"", "\"XOF\"", false, 0},
    {"\"NaN\"", "\"XOF\"", false, 0},
    {NULL, "\"XOF\"", false, 0},
    {"null", "\"XOF\"", false, 0},
    {"true", "\"XOF\"", false, 0},
    {"{}", "\"XOF\"", false, 0},
    {"[2500]", "\"XOF\"", false, 0},
    {"\"25.00\"", "\"GHS\"", true, 2500},
    {"25", "\"GHS\"", true, 2500},
    {"25.1", "\"GHS\"", true, 2510},
    {"25.01", "\"GHS\"", true, 2501},
    {"0.29", "\"GHS\"", true, 29},
    {"25.001", "\"GHS\"", false, 0},
};

static void test_amounts_of_an_answer_case_15(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
        struct rail_verdict v = success_with(amounts[i].amount, amounts[i].currency);

        if (v.event != CHARGE_SUCCESS || v.has_amount != amounts[i].has ||
            (v.has_amount && v.amount_minor != amounts[i].minor))
            fail_msg("row %zu %s: %s has=%d %lld", i, amounts[i].amount, charge_event_name(v.event),
                     v.has_amount, (long long)v.amount_minor);
    }
}

/* "XOFX" cut to three letters would be our currency. */
static void test_another_length_is_no_currency(void **state)
{
    (void)state;
    assert_string_equal(success_with("2500", "\"XOF\"").currency, "XOF");
    assert_string_equal(success_with("2500", "\"XOFX\"").currency, "");
    assert_string_equal(success_with("2500", "\"XO\"").currency, "");
    assert_string_equal(success_with("2500", "\"\"").currency, "");
    assert_string_equal(success_with("2500", "952").currency, "");
    assert_string_equal(success_with("2500", "\"\xc3\xa9X\"").currency, "?X");
}

/* Cut inside a character it was no text for PostgreSQL, and the success was never recorded. */
static void test_text_of_the_rail_is_cut_between_characters(void **state)
{
    char body[1024], word[400] = "";
    struct rail_verdict v;

    (void)state;
    for (size_t i = 0; i < 200; i++)
        word[i] = "\xc3\xa9"[i % 2];
    snprintf(body, sizeof body,
             "{\"status\":\"SUCCESSFUL\",\"externalId\":\"" REF "\",\"reason\":\"%s\","
             "\"financialTransactionId\":\"x%s\"}",
             word, word);
    v = ask(200, body);
    is(v, CHARGE_SUCCESS, "long words");
    assert_int_equal(strlen(v.reason), sizeof v.reason - 1);
    assert_int_equal(strspn(v.reason, "?"), sizeof v.reason - 1);
    assert_int_equal(strspn(v.rail_txn, "x?"), sizeof v.rail_txn - 1);
    v = ask(200, "{\"status\":\"FAILED\",\"reason\":\"a\\nb\\u001b[2J\\u007f\"}");
    assert_string_equal(v.reason, "a?b?[2J?");
}

static void test_a_transaction_id_may_be_a_number(void **state)
{
    (void)state;
    assert_string_equal(ask(200, GOOD).rail_txn, "363440463");
    assert_string_equal(ask(200, "{\"status\":\"SUCCESSFUL\",\"externalId\":\"" REF
                                 "\",\"financialTransactionId\":363440463}")
                            .rail_txn,
                        "363440463");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_submit_answers),
        cmocka_unit_test(test_401_asks_for_a_token_and_nothing_else),
        cmocka_unit_test(test_every_reason_as_text_and_as_object),
        cmocka_unit_test(test_status_answers),
        cmocka_unit_test(test_a_cut_answer_proves_nothing),
        cmocka_unit_test(test_a_new_word_is_kept_and_told),
        cmocka_unit_test(test_amounts_of_an_answer_case_15),
        cmocka_unit_test(test_another_length_is_no_currency),
        cmocka_unit_test(test_text_of_the_rail_is_cut_between_characters),
        cmocka_unit_test(test_a_transaction_id_may_be_a_number),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
