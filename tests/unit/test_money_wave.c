/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Wave rail's answers as tables: the two words of a session, what a create and a refund may get,
 * sessions found by our reference, and money that is not ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wave_fixture.h"

#define LINK "https://pay.wave.com/c/" COS "?a=2500&c=XOF&m=Coko"
/* A session: id, reference, amount (with its quotes), currency, checkout, payment, more members. */
#define S(id, ref, amount, currency, checkout, payment, more)                                      \
    "{\"id\":\"" id "\",\"client_reference\":\"" ref "\",\"amount\":" amount                       \
    ",\"currency\":\"" currency "\",\"checkout_status\":\"" checkout                               \
    "\",\"payment_status\":\"" payment "\",\"wave_launch_url\":\"" LINK "\"" more "}"
#define OURS(checkout, payment)     S(COS, REF, "\"2500\"", "XOF", checkout, payment, "")
#define PAID(ref, amount, currency) S(COS, ref, amount, currency, "complete", "succeeded", TXN)
#define TXN                         ",\"transaction_id\":\"TCN4Y4ZC3FM\""
#define NOT_FOUND                   "{\"code\":\"checkout-session-not-found\",\"message\":\"m\"}"
#define PAGE                        "<html>Request Rejected</html>"

static struct http_response answer(int status, const char *body)
{
    return (struct http_response){.status = status, .body = str_c(body)};
}

static struct rail_charge charge_with(const char *rail_ref, bool revoke)
{
    struct rail_charge c = charge;

    c.rail_ref = str_c(rail_ref);
    c.revoke = revoke;
    return c;
}

static struct rail_verdict ask_as(const char *rail_ref, bool revoke, int status, const char *body)
{
    struct rail_charge c = charge_with(rail_ref, revoke);
    struct http_response rs = answer(status, body);
    struct rail_verdict v;

    rail.rail.type->poll_read(&rail.rail, &c, &rs, &v);
    return v;
}

static struct rail_verdict ask(int status, const char *body)
{
    return ask_as(COS, false, status, body);
}

static struct rail_verdict look(const char *result)
{
    return ask_as("", false, 200, result);
}

static struct rail_verdict submit(int status, const char *body)
{
    struct http_response rs = answer(status, body);
    struct rail_verdict v;

    rail.rail.type->submit_read(&rail.rail, &charge, &rs, &v);
    return v;
}

/* The answer to the request that v wanted. */
static struct rail_verdict follow(struct rail_verdict v, const char *rail_ref, bool revoke,
                                  int status, const char *body)
{
    struct rail_charge c = charge_with(rail_ref, revoke);
    struct http_response rs = answer(status, body);

    assert_true(v.more);
    v.more = false;
    rail.rail.type->follow_read(&rail.rail, &c, &rs, &v);
    return v;
}

static void is(struct rail_verdict v, enum charge_event want, const char *what)
{
    if (v.event != want)
        fail_msg("%s: %s, not %s", what, charge_event_name(v.event), charge_event_name(want));
}

/* ---- the state of a session ---- */

static const struct {
    const char *body;
    enum charge_event event;
    bool new_word;
} states[] = {
    {OURS("open", "processing"), CHARGE_PENDING, false},
    {OURS("open", "cancelled"), CHARGE_PENDING, false}, /* one attempt failed: still payable */
    {OURS("complete", "processing"), CHARGE_PENDING, false},
    {OURS("expired", "cancelled"), CHARGE_EXPIRED, false},
    {OURS("expired", "processing"), CHARGE_EXPIRED, false},
    {PAID(REF, "\"2500\"", "XOF"), CHARGE_SUCCESS, false},
    /* one of the two words is not enough */
    {OURS("open", "succeeded"), CHARGE_UNKNOWN, true},
    {OURS("expired", "succeeded"), CHARGE_UNKNOWN, true},
    {OURS("complete", "cancelled"), CHARGE_UNKNOWN, true},
    /* words that Wave never published (case 47, I12) */
    {OURS("complete", "refunded"), CHARGE_UNKNOWN, true},
    {OURS("paused", "processing"), CHARGE_UNKNOWN, true},
    {OURS("Complete", "Succeeded"), CHARGE_UNKNOWN, true},
    {OURS("", ""), CHARGE_UNKNOWN, false},
    {"{\"id\":\"" COS "\"}", CHARGE_UNKNOWN, false},
    {"{\"id\":\"" COS "\",\"checkout_status\":7,\"payment_status\":true}", CHARGE_UNKNOWN, false},
    /* not the one that was asked for */
    {S("cos-other", REF, "\"2500\"", "XOF", "complete", "succeeded", ""), CHARGE_UNKNOWN, false},
    {"{}", CHARGE_UNKNOWN, false},
    {PAGE, CHARGE_UNKNOWN, false},
    {"", CHARGE_UNKNOWN, false},
    {"[" OURS("complete", "succeeded") "]", CHARGE_UNKNOWN, false},
    {"{\"id\":\"" COS "\",\"payment_status\":\"succeeded\",\"payment_status\":\"cancelled\"}",
     CHARGE_UNKNOWN, false},
};

static void test_the_two_words_of_a_session(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct rail_verdict v = ask(200, states[i].body);

        is(v, states[i].event, states[i].body);
        assert_int_equal(v.new_word, states[i].new_word);
        assert_false(v.more);
    }
}

static void test_a_success_carries_its_money_and_transaction_I8(void **state)
{
    struct rail_verdict v = ask(200, PAID(REF, "\"2500\"", "XOF"));

    (void)state;
    assert_true(v.has_amount);
    assert_int_equal(v.amount_minor, 2500);
    assert_string_equal(v.currency, "XOF");
    assert_string_equal(v.rail_txn, "TCN4Y4ZC3FM");
}

/* Integers compare in SQL; what is no amount must not look like one (cases 15, 16). */
static const struct {
    const char *body;
    bool has_amount;
    int64_t minor;
} amounts[] = {
    {PAID(REF, "\"2500.00\"", "XOF"), true, 2500},
    {PAID(REF, "2500", "XOF"), true, 2500},
    {PAID(REF, "2500.0", "XOF"), true, 2500},
    {PAID(REF, "\"250000\"", "XOF"), true, 250000},
    {PAID(REF, "\"0\"", "XOF"), true, 0},
    {PAID(REF, "\"-1\"", "XOF"), false, 0},
    {PAID(REF, "\"9223372036854775808\"", "XOF"), false, 0},
    {PAID(REF, "\"0x9C4\"", "XOF"), false, 0},
    {PAID(REF, "\"NaN\"", "XOF"), false, 0},
    {PAID(REF, "2500.5", "XOF"), false, 0},
    {PAID(REF, "null", "XOF"), false, 0},
    {PAID(REF, "\"25.00\"", "GHS"), true, 2500},
};

static void test_amounts_case_15(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
        struct rail_verdict v = ask(200, amounts[i].body);

        is(v, CHARGE_SUCCESS, amounts[i].body);
        assert_int_equal(v.has_amount, amounts[i].has_amount);
        if (v.has_amount)
            assert_int_equal(v.amount_minor, amounts[i].minor);
    }
}

static void test_the_reference_of_another_charge_case_17(void **state)
{
    (void)state;
    is(ask(200, PAID("11111111-2222-4333-8444-555555555555", "\"2500\"", "XOF")), CHARGE_MISMATCH,
       "another's");
    is(ask(200, PAID("", "\"2500\"", "XOF")), CHARGE_MISMATCH, "nobody's");
}

static void test_the_reason_is_the_last_attempts(void **state)
{
    struct rail_verdict v =
        ask(200, S(COS, REF, "\"2500\"", "XOF", "open", "cancelled",
                   ",\"last_payment_error\":{\"code\":\"insufficient-funds\",\"message\":\"m\"}"));

    (void)state;
    is(v, CHARGE_PENDING, "failed attempt");
    assert_string_equal(v.reason, "insufficient-funds");
}

static const struct {
    int status;
    const char *body;
    enum charge_event event;
} questions[] = {
    {404, NOT_FOUND, CHARGE_NOT_FOUND},
    {404, "{\"message\":\"no route\"}", CHARGE_UNKNOWN}, /* a proxy's */
    {404, PAGE, CHARGE_UNKNOWN},
    {403, "{\"code\":\"unauthorized-wallet\"}", CHARGE_UNKNOWN},
    {409, OURS("complete", "succeeded"), CHARGE_UNKNOWN},
    {429, "{\"code\":\"rate-limit-exceeded\"}", CHARGE_UNKNOWN},
    {500, OURS("complete", "succeeded"), CHARGE_UNKNOWN},
    {503, "{\"code\":\"service-unavailable\"}", CHARGE_UNKNOWN},
    {302, "", CHARGE_UNKNOWN},
};

static void test_a_question_that_is_not_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(questions); i++)
        is(ask(questions[i].status, questions[i].body), questions[i].event, questions[i].body);
    assert_true(ask(401, "{\"code\":\"api-key-revoked\"}").token_refused);
}

/* ---- the create ---- */

#define MADE(more)      S(COS, REF, "\"2500\"", "XOF", "open", "processing", more)
#define TIMES(from, to) ",\"when_created\":\"" from "\",\"when_expires\":\"" to "\""

static const struct {
    int status;
    const char *body;
    enum charge_event event;
} creates[] = {
    {200, MADE(""), CHARGE_ACCEPTED},
    {201, MADE(""), CHARGE_ACCEPTED},
    /* a link to other money, of another reference, or none, is never handed out */
    {200, S(COS, REF, "\"250000\"", "XOF", "open", "processing", ""), CHARGE_UNKNOWN},
    {200, S(COS, REF, "\"2500\"", "XAF", "open", "processing", ""), CHARGE_UNKNOWN},
    {200, S(COS, "other", "\"2500\"", "XOF", "open", "processing", ""), CHARGE_UNKNOWN},
    {200, S("pt-185sewgm8100t", REF, "\"2500\"", "XOF", "open", "processing", ""), CHARGE_UNKNOWN},
    {200, S("cos-", REF, "\"2500\"", "XOF", "open", "processing", ""), CHARGE_UNKNOWN},
    {200, S("cos-../../v1/payout", REF, "\"2500\"", "XOF", "open", "processing", ""),
     CHARGE_UNKNOWN},
    {200,
     "{\"id\":\"" COS "\",\"client_reference\":\"" REF "\",\"amount\":\"2500\",\"currency\":"
     "\"XOF\",\"wave_launch_url\":\"http://pay.wave.com/c/x\"}",
     CHARGE_UNKNOWN},
    {200,
     "{\"id\":\"" COS "\",\"client_reference\":\"" REF "\",\"amount\":\"2500\",\"currency\":"
     "\"XOF\"}",
     CHARGE_UNKNOWN},
    {200, "{}", CHARGE_UNKNOWN},
    {200, "", CHARGE_UNKNOWN},
    {200, PAGE, CHARGE_UNKNOWN},
    {202, MADE(""), CHARGE_UNKNOWN},
    {302, "", CHARGE_UNKNOWN},
    {400, "{\"code\":\"request-validation-error\"}", CHARGE_REJECTED},
    {403, "{\"code\":\"disabled-wallet\"}", CHARGE_REJECTED},
    {422, "{\"code\":\"request-validation-error\",\"details\":[]}", CHARGE_REJECTED},
    {422, "{\"error\":{\"code\":\"request-validation-error\"}}", CHARGE_REJECTED},
    {422, "", CHARGE_UNKNOWN},
    {400, PAGE, CHARGE_UNKNOWN},
    {404, "", CHARGE_UNKNOWN},
    {408, "{\"code\":\"x\"}", CHARGE_UNKNOWN},
    {409, "{\"code\":\"x\"}", CHARGE_UNKNOWN},
    {429, "", CHARGE_NOT_SENT},
    {500, "{\"code\":\"internal-server-error\"}", CHARGE_UNKNOWN},
    {503, "{\"code\":\"service-unavailable\"}", CHARGE_UNKNOWN},
    {0, "", CHARGE_UNKNOWN},
};

static void test_create_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(creates); i++) {
        struct rail_verdict v = submit(creates[i].status, creates[i].body);

        is(v, creates[i].event, creates[i].body);
        assert_int_equal(v.link[0] != '\0', creates[i].event == CHARGE_ACCEPTED);
        assert_int_equal(v.rail_ref[0] != '\0', creates[i].event == CHARGE_ACCEPTED);
    }
    assert_true(submit(401, "{\"code\":\"missing-signature\"}").token_refused);
}

static void test_a_link_is_good_as_long_as_the_rail_says(void **state)
{
    (void)state;
    struct rail_verdict v =
        submit(200, MADE(TIMES("2022-11-08T15:05:32Z", "2022-11-09T15:05:32Z")));

    assert_string_equal(v.link, LINK);
    assert_string_equal(v.rail_ref, COS);
    assert_int_equal(v.expires_s, 86400);
    v = submit(200, MADE(TIMES("2024-02-28T23:45:00.123456Z", "2024-02-29T00:15:00.5Z")));
    assert_int_equal(v.expires_s, 1800);
    v = submit(200, MADE(TIMES("2022-11-08T15:05:32Z", "2032-11-09T15:05:32Z")));
    assert_int_equal(v.expires_s, 7 * 86400);
    v = submit(200, MADE(TIMES("2022-11-08T15:05:32Z", "2022-11-08T15:05:32Z")));
    assert_int_equal(v.expires_s, 0);
    v = submit(200, MADE(TIMES("yesterday", "2022-11-09T15:05:32+01:00")));
    assert_int_equal(v.expires_s, 0);
    assert_int_equal(submit(200, MADE("")).expires_s, 0);
}

static void test_429_waits_as_long_as_it_says(void **state)
{
    static const struct {
        const char *value;
        unsigned wait_s;
    } waits[] = {{"7", 7}, {"86400", 300}, {"0", 30}, {"-3", 30}, {"soon", 30}, {NULL, 30}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        struct http_response_header h = {STR("Retry-After"), str_c(waits[i].value)};
        struct http_response rs = {
            .status = 429, .body = STR_EMPTY, .headers = &h, .nheaders = waits[i].value ? 1 : 0};
        struct rail_verdict v;

        rail.rail.type->submit_read(&rail.rail, &charge, &rs, &v);
        is(v, CHARGE_NOT_SENT, "429");
        assert_int_equal(v.next_poll_s, waits[i].wait_s);
    }
}

/* ---- a create that was not answered (case 31) ---- */

#define LIST(...) "{\"result\":[" __VA_ARGS__ "]}"
#define OPEN(id)  S(id, REF, "\"2500\"", "XOF", "open", "processing", "")
#define WRONG(id) S(id, REF, "\"9\"", "XOF", "open", "processing", "")
#define DEAD(id)  S(id, REF, "\"2500\"", "XOF", "expired", "cancelled", "")
#define DONE(id, t)                                                                                \
    S(id, REF, "\"2500\"", "XOF", "complete", "succeeded", ",\"transaction_id\":\"" t "\"")
#define FOREIGN S("cos-foreign", "else", "\"2500\"", "XOF", "open", "processing", "")

static const struct {
    const char *body;
    enum charge_event event;
    const char *adopted, *expired;
} searches[] = {
    {LIST(), CHARGE_NOT_ISSUED, "", ""},
    {LIST(OPEN("cos-1")), CHARGE_PENDING, "cos-1", ""},
    {LIST(OPEN("cos-1") "," OPEN("cos-2")), CHARGE_UNKNOWN, "", "cos-2"},
    {LIST(OPEN("cos-1") "," OPEN("cos-2") "," OPEN("cos-3")), CHARGE_UNKNOWN, "", "cos-3"},
    {LIST(DEAD("cos-1")), CHARGE_NOT_ISSUED, "", ""},
    {LIST(DEAD("cos-1") "," OPEN("cos-2")), CHARGE_PENDING, "cos-2", ""},
    {LIST(WRONG("cos-1")), CHARGE_UNKNOWN, "", "cos-1"}, /* other money is never handed out */
    {LIST(WRONG("cos-1") "," OPEN("cos-2")), CHARGE_UNKNOWN, "", "cos-1"},
    {LIST(FOREIGN), CHARGE_NOT_ISSUED, "", ""}, /* and nobody else's is touched (case 17) */
    {LIST(FOREIGN "," OPEN("cos-2")), CHARGE_PENDING, "cos-2", ""},
    {LIST(OPEN("cos-1") "," DONE("cos-2", "T2")), CHARGE_SUCCESS, "cos-2", ""},
    {LIST(DONE("cos-1", "T1") "," DONE("cos-2", "T2")), CHARGE_MISMATCH, "", ""}, /* two debits */
    {LIST(OPEN("pay-1")), CHARGE_UNKNOWN, "", ""}, /* no address to expire it at */
    {LIST("7,null,[],{}"), CHARGE_NOT_ISSUED, "", ""},
    {"{\"result\":{}}", CHARGE_UNKNOWN, "", ""},
    {"{\"result\":null}", CHARGE_UNKNOWN, "", ""},
    {"{}", CHARGE_UNKNOWN, "", ""},
    {"[]", CHARGE_UNKNOWN, "", ""},
    {PAGE, CHARGE_UNKNOWN, "", ""},
};

static void test_search_adopts_expires_or_starts_anew_case_31(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(searches); i++) {
        struct rail_verdict v = look(searches[i].body);

        is(v, searches[i].event, searches[i].body);
        assert_string_equal(v.rail_ref, searches[i].adopted);
        assert_string_equal(v.more ? v.aim : "", searches[i].expired);
        assert_int_equal(v.link[0] != '\0', v.event == CHARGE_PENDING);
    }
}

static void test_a_search_that_fails_stays_unknown_case_31(void **state)
{
    static const int statuses[] = {0, 204, 302, 404, 422, 429, 500, 503};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        is(ask_as("", false, statuses[i], LIST()), CHARGE_UNKNOWN, "search");
    is(ask_as("", false, 404, NOT_FOUND), CHARGE_UNKNOWN, "search, not found");
}

static void test_two_hits_one_is_expired_and_the_other_adopted_case_31(void **state)
{
    struct rail_verdict v = look(LIST(OPEN("cos-1") "," OPEN("cos-2")));

    (void)state;
    v = follow(v, "", false, 200, "");
    is(v, CHARGE_UNKNOWN, "expired");
    v = follow(v, "", false, 200, LIST(OPEN("cos-1") "," DEAD("cos-2")));
    is(v, CHARGE_PENDING, "searched again");
    assert_string_equal(v.rail_ref, "cos-1");
    assert_false(v.more);
    /* paid while we were at it */
    v = follow(look(LIST(OPEN("cos-1") "," OPEN("cos-2"))), "", false, 409, "");
    v = follow(v, "", false, 200, LIST(OPEN("cos-1") "," DONE("cos-2", "T")));
    is(v, CHARGE_SUCCESS, "paid meanwhile");
    assert_string_equal(v.rail_ref, "cos-2");
    /* the expire fails: nothing is adopted on a guess, nor is what was aimed at kept */
    v = follow(look(LIST(OPEN("cos-1") "," OPEN("cos-2"))), "", false, 503, "");
    is(v, CHARGE_UNKNOWN, "not expired");
    assert_false(v.more);
    assert_string_equal(v.rail_ref, "");
    v = follow(look(LIST(OPEN("cos-1") "," OPEN("cos-2"))), "", false, 404, NOT_FOUND);
    is(v, CHARGE_UNKNOWN, "gone");
}

/* ---- a link that nobody should pay any more (case 32, I13) ---- */

static void test_revoked_is_expired_then_asked_case_32(void **state)
{
    struct rail_verdict v = ask_as(COS, true, 200, "");

    (void)state;
    is(follow(v, COS, true, 200, OURS("expired", "cancelled")), CHARGE_EXPIRED, "expired");
    is(follow(v, COS, true, 200, OURS("open", "processing")), CHARGE_PENDING, "not yet");
    is(follow(v, COS, true, 500, ""), CHARGE_UNKNOWN, "no answer");
    v = ask_as(COS, true, 409, "{\"code\":\"checkout-session-not-open\"}");
    is(follow(v, COS, true, 200, PAID(REF, "\"2500\"", "XOF")), CHARGE_SUCCESS, "paid before");
    is(follow(v, COS, true, 200, OURS("expired", "cancelled")), CHARGE_EXPIRED, "over before");
    /* even a 200 that shows the session says nothing by itself */
    assert_true(ask_as(COS, true, 200, PAID(REF, "\"2500\"", "XOF")).more);
    is(ask_as(COS, true, 404, NOT_FOUND), CHARGE_NOT_FOUND, "not found");
    is(ask_as(COS, true, 503, ""), CHARGE_UNKNOWN, "away");
    assert_true(ask_as(COS, true, 401, "").token_refused);
}

static void test_revoked_before_a_link_was_made_is_never_handed_out(void **state)
{
    struct rail_verdict v = ask_as("", true, 200, LIST(OPEN("cos-1")));

    (void)state;
    assert_string_equal(v.aim, "cos-1");
    assert_string_equal(v.link, "");
    v = follow(v, "", true, 200, "");
    is(follow(v, "", true, 200, LIST(DEAD("cos-1"))), CHARGE_EXPIRED, "expired");
    is(ask_as("", true, 200, LIST()), CHARGE_EXPIRED, "never made");
    is(ask_as("", true, 200, LIST(DONE("cos-1", "T"))), CHARGE_SUCCESS, "paid");
}

/* ---- refunds ---- */

static const struct {
    int status;
    const char *body;
    enum charge_event event;
} refunds[] = {
    {200, "", CHARGE_SUCCESS}, /* also the second time */
    {200, "{}", CHARGE_SUCCESS},
    {200, PAGE, CHARGE_UNKNOWN},
    {201, "", CHARGE_UNKNOWN},
    {400, "{\"code\":\"checkout-refund-failed\",\"message\":\"m\"}", CHARGE_DECLINED},
    {409, "{\"error\":{\"code\":\"checkout-refund-failed\"}}", CHARGE_DECLINED},
    {404, NOT_FOUND, CHARGE_REJECTED},
    {403, "{\"code\":\"unauthorized-wallet\"}", CHARGE_REJECTED},
    {400, "", CHARGE_UNKNOWN},
    {409, "", CHARGE_UNKNOWN},
    {429, "", CHARGE_NOT_SENT},
    {500, "{\"code\":\"internal-server-error\"}", CHARGE_UNKNOWN},
    {503, "", CHARGE_UNKNOWN},
};

static void test_refund_answers_case_34(void **state)
{
    struct rail_refund f = {.charge = charge};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refunds); i++) {
        struct http_response rs = answer(refunds[i].status, refunds[i].body);
        struct rail_verdict v;

        rail.rail.type->submit_refund_read(&rail.rail, &f, &rs, &v);
        is(v, refunds[i].event, refunds[i].body);
        rail.rail.type->poll_refund_read(&rail.rail, &f, &rs, &v);
        is(v, refunds[i].event, refunds[i].body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_two_words_of_a_session),
        cmocka_unit_test(test_a_success_carries_its_money_and_transaction_I8),
        cmocka_unit_test(test_amounts_case_15),
        cmocka_unit_test(test_the_reference_of_another_charge_case_17),
        cmocka_unit_test(test_the_reason_is_the_last_attempts),
        cmocka_unit_test(test_a_question_that_is_not_answered),
        cmocka_unit_test(test_create_answers),
        cmocka_unit_test(test_a_link_is_good_as_long_as_the_rail_says),
        cmocka_unit_test(test_429_waits_as_long_as_it_says),
        cmocka_unit_test(test_search_adopts_expires_or_starts_anew_case_31),
        cmocka_unit_test(test_a_search_that_fails_stays_unknown_case_31),
        cmocka_unit_test(test_two_hits_one_is_expired_and_the_other_adopted_case_31),
        cmocka_unit_test(test_revoked_is_expired_then_asked_case_32),
        cmocka_unit_test(test_revoked_before_a_link_was_made_is_never_handed_out),
        cmocka_unit_test(test_refund_answers_case_34),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
