/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MTN's pre-approval on the wire: what is asked, in three ways, and what each answer means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/mtn_fixture.h"

static struct rail_mandate leave(enum rail_mandate_act act)
{
    return (struct rail_mandate){.act = act,
                                 .our_ref = STR(REF),
                                 .payer = act == MANDATE_ASK ? STR("2250500000001") : STR_EMPTY,
                                 .country = STR("CI"),
                                 .currency = STR("XOF"),
                                 .label = STR("Pass d'un mois"),
                                 .valid_days = 365};
}

static struct http_request asked(struct rail_mandate m)
{
    struct http_request rq = {.url = NULL};

    rail.rail.type->mandate_request(&rail.rail, &arena, &m, "tok", &rq);
    return rq;
}

static bool has(const struct http_request *rq, const char *header)
{
    for (const char *const *h = rq->headers; *h; h++) {
        if (strcmp(*h, header) == 0)
            return true;
    }
    return false;
}

static void test_an_ask_has_our_reference_and_where_to_answer(void **state)
{
    struct http_request rq = asked(leave(MANDATE_ASK));

    (void)state;
    assert_string_equal(rq.method, "POST");
    assert_string_equal(rq.url, "https://rail.test/collection/v2_0/preapproval");
    assert_true(rq.no_resend);
    assert_true(has(&rq, "X-Reference-Id: " REF));
    assert_true(has(&rq, "X-Target-Environment: mtnivorycoast"));
    assert_true(has(&rq, "Authorization: Bearer tok"));
    assert_true(has(&rq, "X-Callback-Url: https://us.test/pay/mtn_momo/0123456789abcdef/" REF));
    assert_true(str_eq_c(rq.body,
                         "{\"payer\":{\"partyIdType\":\"MSISDN\",\"partyId\":\"2250500000001\"},"
                         "\"payerCurrency\":\"XOF\",\"payerMessage\":\"Coko Pass d un mois\","
                         "\"validityTime\":31536000}"));
}

/* A number that does not open is no payer: nothing leaves. */
static void test_nobody_is_not_asked(void **state)
{
    struct rail_mandate m = leave(MANDATE_ASK);

    (void)state;
    m.payer = STR_EMPTY;
    assert_null(asked(m).url);
}

static void test_questions_and_ends_name_no_number_S5(void **state)
{
    struct http_request rq = asked(leave(MANDATE_QUESTION));

    (void)state;
    assert_string_equal(rq.method, "GET");
    assert_string_equal(rq.url, "https://rail.test/collection/v2_0/preapproval/" REF);
    assert_int_equal(rq.body.n, 0);
    rq = asked(leave(MANDATE_END));
    assert_string_equal(rq.method, "DELETE");
    assert_string_equal(rq.url, "https://rail.test/collection/v1_0/preapproval/" REF);
    assert_int_equal(rq.body.n, 0);
    assert_false(rq.no_resend); /* ended twice is ended */
}

static const struct {
    enum rail_mandate_act act;
    int status;
    const char *body;
    enum charge_event event;
    const char *reason;
} answers[] = {
    {MANDATE_ASK, 202, "", CHARGE_ACCEPTED, ""},
    {MANDATE_ASK, 202, "<html>", CHARGE_UNKNOWN, ""},
    {MANDATE_ASK, 409, "{\"code\":\"RESOURCE_ALREADY_EXIST\"}", CHARGE_DUPLICATE,
     "RESOURCE_ALREADY_EXIST"},
    {MANDATE_ASK, 409, "<html>", CHARGE_UNKNOWN, ""},
    {MANDATE_ASK, 400, "{\"code\":\"BAD_REQUEST\"}", CHARGE_REJECTED, "BAD_REQUEST"},
    {MANDATE_ASK, 404, "<html>", CHARGE_UNKNOWN, ""},
    {MANDATE_ASK, 500, "{\"code\":\"NOT_ALLOWED\"}", CHARGE_REJECTED, "NOT_ALLOWED"},
    {MANDATE_ASK, 500, "{\"code\":\"PAYER_NOT_FOUND\"}", CHARGE_DECLINED, "PAYER_NOT_FOUND"},
    {MANDATE_ASK, 500, "{\"code\":\"INTERNAL_PROCESSING_ERROR\"}", CHARGE_UNKNOWN,
     "INTERNAL_PROCESSING_ERROR"},
    {MANDATE_ASK, 503, "", CHARGE_UNKNOWN, ""},
    {MANDATE_QUESTION, 200, "{\"status\":\"PENDING\"}", CHARGE_PENDING, "PENDING"},
    {MANDATE_QUESTION, 200, "{\"status\":\"CREATED\"}", CHARGE_PENDING, "CREATED"},
    {MANDATE_QUESTION, 200, "{\"status\":\"SUCCESSFUL\"}", CHARGE_SUCCESS, "SUCCESSFUL"},
    {MANDATE_QUESTION, 200, "{\"status\":\"APPROVED\"}", CHARGE_SUCCESS, "APPROVED"},
    {MANDATE_QUESTION, 200, "{\"status\":\"FAILED\",\"reason\":\"APPROVAL_REJECTED\"}",
     CHARGE_DECLINED, "APPROVAL_REJECTED"},
    {MANDATE_QUESTION, 200, "{\"status\":\"FAILED\",\"reason\":{\"code\":\"EXPIRED\"}}",
     CHARGE_EXPIRED, "EXPIRED"},
    {MANDATE_QUESTION, 200, "{\"status\":\"REJECTED\"}", CHARGE_DECLINED, "REJECTED"},
    {MANDATE_QUESTION, 200, "{\"status\":\"CANCELLED\"}", CHARGE_DECLINED, "CANCELLED"},
    {MANDATE_QUESTION, 200, "{\"status\":\"EXPIRED\"}", CHARGE_EXPIRED, "EXPIRED"},
    {MANDATE_QUESTION, 200, "{}", CHARGE_UNKNOWN, ""},
    {MANDATE_QUESTION, 200, "<html>SUCCESSFUL", CHARGE_UNKNOWN, ""},
    {MANDATE_QUESTION, 202, "{\"status\":\"SUCCESSFUL\"}", CHARGE_UNKNOWN, ""},
    {MANDATE_QUESTION, 404, "{\"code\":\"RESOURCE_NOT_FOUND\"}", CHARGE_NOT_FOUND,
     "RESOURCE_NOT_FOUND"},
    {MANDATE_QUESTION, 404, "<html>", CHARGE_UNKNOWN, ""},
    {MANDATE_QUESTION, 500, "{\"status\":\"SUCCESSFUL\"}", CHARGE_UNKNOWN, ""},
    {MANDATE_END, 200, "", CHARGE_SUCCESS, ""},
    {MANDATE_END, 204, "", CHARGE_SUCCESS, ""},
    {MANDATE_END, 200, "<html>", CHARGE_UNKNOWN, ""},
    {MANDATE_END, 404, "{\"code\":\"RESOURCE_NOT_FOUND\"}", CHARGE_NOT_FOUND, "RESOURCE_NOT_FOUND"},
    {MANDATE_END, 404, "", CHARGE_UNKNOWN, ""},
    {MANDATE_END, 500, "", CHARGE_UNKNOWN, ""},
};

static struct rail_verdict read_one(enum rail_mandate_act act, int status, const char *body)
{
    struct rail_mandate m = leave(act);
    struct http_response rs = {.status = status, .body = str_c(body)};
    struct rail_verdict v = {0};

    rail.rail.type->mandate_read(&m, &rs, &v);
    return v;
}

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct rail_verdict v = read_one(answers[i].act, answers[i].status, answers[i].body);

        if (v.event != answers[i].event || strcmp(v.reason, answers[i].reason) != 0)
            fail_msg("%d %s: %s %s", answers[i].status, answers[i].body, charge_event_name(v.event),
                     v.reason);
    }
}

static void test_a_word_never_seen_is_neither_yes_nor_no_I12(void **state)
{
    struct rail_verdict v = read_one(MANDATE_QUESTION, 200, "{\"status\":\"QUARANTINED\"}");

    (void)state;
    assert_int_equal(v.event, CHARGE_UNKNOWN);
    assert_true(v.new_word);
    assert_string_equal(v.reason, "QUARANTINED");
}

static void test_a_token_that_is_over_is_minted_again(void **state)
{
    (void)state;
    for (int act = MANDATE_ASK; act <= MANDATE_END; act++)
        assert_true(read_one((enum rail_mandate_act)act, 401, "{}").token_refused);
}

/* Its callback names nothing of ours: the path does. A charge's still does by its body. */
static void test_a_callback_is_about_the_last_part_of_its_path(void **state)
{
    struct rail_callback cb = {.tail = STR(REF), .body = STR("{\"status\":\"SUCCESSFUL\"}")};
    struct rail_hint h = {.our_ref = STR_EMPTY};

    (void)state;
    rail.rail.type->callback_hint(&arena, &cb, &h);
    assert_true(str_eq_c(h.our_ref, REF));
    cb = (struct rail_callback){.tail = STR_EMPTY, .body = STR("{\"externalId\":\"" REF "\"}")};
    h.our_ref = STR_EMPTY;
    rail.rail.type->callback_hint(&arena, &cb, &h);
    assert_true(str_eq_c(h.our_ref, REF));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_ask_has_our_reference_and_where_to_answer),
        cmocka_unit_test(test_nobody_is_not_asked),
        cmocka_unit_test(test_questions_and_ends_name_no_number_S5),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_a_word_never_seen_is_neither_yes_nor_no_I12),
        cmocka_unit_test(test_a_token_that_is_over_is_minted_again),
        cmocka_unit_test(test_a_callback_is_about_the_last_part_of_its_path),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
