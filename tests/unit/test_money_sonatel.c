/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orange Money's answers as tables: onestep and its errors, the search and what it lists, statuses,
 * links, cash-ins, callbacks. Case numbers are of the list of hard payment cases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sonatel_fixture.h"

#define OTHER "11111111-2222-4333-8444-555555555555"
#define ITEM(status, value, unit, ref)                                                             \
    "{\"transactionId\":\"MP1\",\"reference\":\"" ref "\",\"status\":\"" status                    \
    "\",\"amount\":{\"value\":" value ",\"unit\":\"" unit "\"}}"
#define GOOD ITEM("SUCCESS", "2500.0", "XOF", REF)

static void is(const struct rail_verdict *v, enum charge_event want, const char *what)
{
    if (v->event != want)
        fail_msg("%s: %s, not %s", what, charge_event_name(v->event), charge_event_name(want));
}

static struct http_response answer(int status, const char *body)
{
    return (struct http_response){.status = status, .body = str_c(body)};
}

/* ---- onestep ---- */

static struct rail_verdict submit(int status, const char *body)
{
    struct http_response rs = answer(status, body);
    struct rail_verdict v;

    onestep.rail.type->submit_read(&onestep.rail, &charge, &rs, &v);
    return v;
}

#define DONE(status)                                                                               \
    "{\"transactionId\":\"MP1\",\"status\":\"" status "\",\"reference\":\"" REF "\"}"
#define PROBLEM(code, title)                                                                       \
    "{\"type\":\"about:blank\",\"title\":\"" title "\",\"status\":\"400\",\"code\":\"" code        \
    "\",\"detail\":\"d\"}"

static const struct {
    int status;
    const char *body;
    enum charge_event event;
} submits[] = {
    {200, DONE("PENDING"), CHARGE_PENDING},
    {201, DONE("INITIATED"), CHARGE_PENDING},
    {200, DONE("PRE_INITIATED"), CHARGE_PENDING},
    {200, DONE("ACCEPTED"), CHARGE_PENDING},
    {200, DONE("FAILED"), CHARGE_DECLINED},
    {200, DONE("REJECTED"), CHARGE_DECLINED},
    {200, DONE("CANCELLED"), CHARGE_DECLINED},
    {200, DONE("QUARANTINED"), CHARGE_UNKNOWN},
    {200, "{\"transactionId\":\"MP1\",\"status\":\"SUCCESS\",\"reference\":\"" OTHER "\"}",
     CHARGE_MISMATCH}, /* case 17 */
    {200, "{\"status\":\"FAILED\",\"reference\":\"" OTHER "\"}", CHARGE_UNKNOWN},
    {200, "{\"status\":7}", CHARGE_UNKNOWN},
    {200, "", CHARGE_UNKNOWN},
    {200, "[]", CHARGE_UNKNOWN},
    {200, "<html>", CHARGE_UNKNOWN},
    {200, "{\"status\":\"SUCCESS\"", CHARGE_UNKNOWN},
    {202, DONE("SUCCESS"), CHARGE_UNKNOWN},
    {302, "", CHARGE_UNKNOWN},
    {400, PROBLEM("2001", "Invalid customer MSISDN"), CHARGE_DECLINED},
    {400, PROBLEM("2000", "x"), CHARGE_DECLINED},
    {400, PROBLEM("2020", "Insufficient"), CHARGE_DECLINED},
    {400, PROBLEM("2021", "Ceiling"), CHARGE_DECLINED},
    {400, PROBLEM("2040", "Invalid OTP"), CHARGE_CODE_REFUSED},
    {403, PROBLEM("9999", "otp expired"), CHARGE_CODE_REFUSED},
    {422, "{\"code\":\"77\",\"detail\":\"The Otp was used\"}", CHARGE_CODE_REFUSED},
    {400, PROBLEM("27", "Invalid body field"), CHARGE_REJECTED},
    {403, PROBLEM("50", "Access denied"), CHARGE_REJECTED},
    {415, PROBLEM("27", "Unsupported"), CHARGE_REJECTED},
    {400, "{\"title\":\"Invalid OTP\"}", CHARGE_UNKNOWN}, /* no code: not this rail's word */
    {400, "{\"code\":2040,\"title\":\"Invalid OTP\"}", CHARGE_UNKNOWN},
    {400, "<html>otp</html>", CHARGE_UNKNOWN},
    {404, "", CHARGE_UNKNOWN},
    {408, PROBLEM("2040", "Invalid OTP"), CHARGE_UNKNOWN},
    {409, PROBLEM("2040", "Invalid OTP"), CHARGE_UNKNOWN},
    {429, PROBLEM("1", "Slow down"), CHARGE_UNKNOWN},
    {500, PROBLEM("2040", "Invalid OTP"), CHARGE_UNKNOWN},
    {500, PROBLEM("2020", "Insufficient"), CHARGE_UNKNOWN},
    {503, "", CHARGE_UNKNOWN},
    {0, "", CHARGE_UNKNOWN},
};

static void test_answers_to_a_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(submits); i++) {
        char what[400];
        struct rail_verdict v = submit(submits[i].status, submits[i].body);

        snprintf(what, sizeof what, "onestep %d %s", submits[i].status, submits[i].body);
        is(&v, submits[i].event, what);
        assert_false(v.more);
    }
    assert_true(submit(401, PROBLEM("41", "Expired")).token_refused);
    assert_true(submit(200, DONE("QUARANTINED")).new_word); /* case 47 */
}

static struct rail_verdict follow(struct rail_verdict v, int status, const char *body)
{
    struct http_response rs = answer(status, body);

    v.more = false;
    onestep.rail.type->follow_read(&onestep.rail, &charge, &rs, &v);
    return v;
}

/* Success has no amount: the search says it, or the charge waits (I8). */
static void test_success_is_believed_from_the_search(void **state)
{
    struct rail_verdict first = submit(200, DONE("SUCCESS")), v;
    struct http_request rq = {.url = NULL};

    (void)state;
    assert_true(first.more);
    assert_string_equal(first.rail_ref, "MP1");
    onestep.rail.type->follow_request(&onestep.rail, &arena, &charge, "tok", &first, &rq);
    assert_string_equal(rq.url, "https://rail.test/api/eWallet/v1/transactions?reference=" REF);
    v = follow(first, 200, "[" GOOD "]");
    is(&v, CHARGE_SYNC_SUCCESS, "listed");
    assert_true(v.has_amount && v.amount_minor == 2500);
    assert_string_equal(v.currency, "XOF");
    assert_string_equal(v.rail_txn, "MP1");
    assert_string_equal(v.rail_ref, "MP1");
    static const struct {
        int status;
        const char *body;
    } later[] = {{200, "[]"}, {200, "{}"}, {200, "<html>"}, {503, ""}, {404, PROBLEM("60", "x")},
                 {401, ""}};

    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        v = follow(first, later[i].status, later[i].body);
        is(&v, CHARGE_PENDING, "success that is not listed yet");
        assert_false(v.token_refused || v.more); /* the code is used up: nothing is sent again */
        assert_string_equal(v.rail_ref, "MP1");
    }
    v = follow(first, 200, "[" ITEM("PENDING", "2500.0", "XOF", REF) "]");
    is(&v, CHARGE_PENDING, "listed as open");
}

/* ---- the search ---- */

static struct rail_verdict ask_of(const struct rail_charge *c, int status, const char *body)
{
    struct http_response rs = answer(status, body);
    struct rail_verdict v;

    onestep.rail.type->poll_read(&onestep.rail, c, &rs, &v);
    return v;
}

static const struct {
    int status;
    const char *body;
    enum charge_event event;
} searches[] = {
    {200, "[" GOOD "]", CHARGE_SUCCESS},
    {200, "[]", CHARGE_NOT_FOUND},
    {200, "[" ITEM("SUCCESS", "2500.0", "XOF", OTHER) "]", CHARGE_NOT_FOUND}, /* case 17 */
    {200, "[{\"status\":\"SUCCESS\"}]", CHARGE_NOT_FOUND},
    {200, "[7,null,[]]", CHARGE_NOT_FOUND},
    {200, "[" ITEM("PENDING", "2500.0", "XOF", REF) "]", CHARGE_PENDING},
    {200, "[" ITEM("FAILED", "2500.0", "XOF", REF) "]", CHARGE_DECLINED},
    {200, "[" ITEM("CANCELLED", "2500.0", "XOF", REF) "]", CHARGE_DECLINED},
    {200, "[" ITEM("STRANGE", "2500.0", "XOF", REF) "]", CHARGE_UNKNOWN},
    {200, "[" ITEM("FAILED", "2500.0", "XOF", REF) "," GOOD "]", CHARGE_SUCCESS},
    {200, "[" GOOD "," ITEM("FAILED", "2500.0", "XOF", REF) "]", CHARGE_SUCCESS},
    {200, "[" ITEM("PENDING", "1", "XOF", REF) "," ITEM("FAILED", "1", "XOF", REF) "]",
     CHARGE_PENDING},
    {200, "[" GOOD "," GOOD "]", CHARGE_MISMATCH}, /* two debits */
    {200, "{}", CHARGE_UNKNOWN},
    {200, "[" GOOD, CHARGE_UNKNOWN},
    {200, "", CHARGE_UNKNOWN},
    {200, "<html>", CHARGE_UNKNOWN},
    {200, "\xEF\xBB\xBF[]", CHARGE_UNKNOWN},
    {200, "[{\"status\":\"FAILED\",\"status\":\"SUCCESS\"}]", CHARGE_UNKNOWN},
    {201, "[" GOOD "]", CHARGE_UNKNOWN},
    {404, PROBLEM("60", "Not found"), CHARGE_UNKNOWN},
    {500, "[" GOOD "]", CHARGE_UNKNOWN},
    {0, "", CHARGE_UNKNOWN},
};

static void test_what_the_search_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(searches); i++) {
        struct rail_verdict v = ask_of(&charge, searches[i].status, searches[i].body);

        is(&v, searches[i].event, searches[i].body);
    }
    assert_true(ask_of(&charge, 401, "").token_refused);
}

static const struct {
    const char *value, *unit;
    bool has;
    int64_t minor;
} amounts[] = {
    {"2500.0", "XOF", true, 2500},   {"2500", "XOF", true, 2500},
    {"\"2500\"", "XOF", true, 2500}, {"2500.5", "XOF", false, 0},
    {"-2500.0", "XOF", false, 0},    {"1e300", "XOF", false, 0},
    {"null", "XOF", false, 0},       {"{}", "XOF", false, 0},
    {"\"0x9C4\"", "XOF", false, 0},  {"250000.0", "XOF", true, 250000},
    {"0.0", "XOF", true, 0},         {"9223372036854775807", "XOF", false, 0},
};

static void test_amounts_come_back_as_floats_case_15(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
        char body[400];
        struct rail_verdict v;

        snprintf(body, sizeof body,
                 "[{\"status\":\"SUCCESS\",\"reference\":\"" REF
                 "\",\"amount\":{\"value\":%s,\"unit\":\"%s\"}}]",
                 amounts[i].value, amounts[i].unit);
        v = ask_of(&charge, 200, body);
        is(&v, CHARGE_SUCCESS, body);
        if (v.has_amount != amounts[i].has || (v.has_amount && v.amount_minor != amounts[i].minor))
            fail_msg("%s: has=%d %lld", body, v.has_amount, (long long)v.amount_minor);
    }
}

/* Nothing is listed: what that proves depends on who could have paid. */
static void test_absence_case_31(void **state)
{
    struct rail_charge c = charge;
    struct rail_verdict v;
    struct http_request rq = {.url = NULL};

    (void)state;
    c.rail_ref = STR("MP1");
    v = ask_of(&c, 200, "[]");
    assert_true(v.more);
    onestep.rail.type->follow_request(&onestep.rail, &arena, &c, "tok", &v, &rq);
    assert_string_equal(rq.url, "https://rail.test/api/eWallet/v1/transactions/MP1/status");
    v.more = false;
    struct http_response rs = answer(200, "{\"status\":\"SUCCESS\"}");
    struct rail_verdict own = v;

    onestep.rail.type->follow_read(&onestep.rail, &c, &rs, &own);
    is(&own, CHARGE_PENDING, "its own status says success, and not how much");
    rs = answer(200, "{\"status\":\"FAILED\"}");
    own = v;
    onestep.rail.type->follow_read(&onestep.rail, &c, &rs, &own);
    is(&own, CHARGE_DECLINED, "its own status");
    rs = answer(404, PROBLEM("60", "none"));
    own = v;
    onestep.rail.type->follow_read(&onestep.rail, &c, &rs, &own);
    is(&own, CHARGE_NOT_FOUND, "a contract without the call");

    c.by_link = true;
    v = ask_of(&c, 200, "[]");
    is(&v, CHARGE_NOT_ISSUED, "a link that nobody has");
    c.link = STR("https://s.test/1");
    v = ask_of(&c, 200, "[]");
    is(&v, CHARGE_NOT_FOUND, "a link that is out");
    assert_false(v.more); /* the rail's id of a link is no transaction */
    c.revoke = true;
    v = ask_of(&c, 200, "[]");
    is(&v, CHARGE_EXPIRED, "a link whose time is over");
    v = ask_of(&c, 200, "[" GOOD "]");
    is(&v, CHARGE_SUCCESS, "a link that was paid in time");
}

/* Every prefix of a good answer: never a success, a decline or a not-found. */
static void test_a_cut_answer_proves_nothing(void **state)
{
    static const char good[] = "[" GOOD "]";

    (void)state;
    for (size_t n = 0; n < sizeof good - 1; n++) {
        char *part = malloc(n + 1); /* its end is guarded by ASan */
        struct http_response rs = {.status = 200, .body = str_n(part, n)};
        struct rail_verdict v;

        memcpy(part, good, n);
        part[n] = '\0';
        onestep.rail.type->poll_read(&onestep.rail, &charge, &rs, &v);
        is(&v, CHARGE_UNKNOWN, "cut answer");
        free(part);
    }
}

/* ---- links ---- */

static struct rail_verdict linked(int status, const char *body)
{
    struct http_response rs = answer(status, body);
    struct rail_verdict v;

    qr.rail.type->submit_read(&qr.rail, &charge, &rs, &v);
    return v;
}

static void test_a_link_is_the_shortest_that_is_one(void **state)
{
    struct rail_verdict v;

    (void)state;
    v = linked(
        200,
        "{\"qrId\":\"q1\",\"shortLink\":\"https://s.test/1\",\"deepLink\":\"https://d.test/1\","
        "\"validity\":600}");
    is(&v, CHARGE_ACCEPTED, "short");
    assert_string_equal(v.link, "https://s.test/1");
    assert_string_equal(v.rail_ref, "q1");
    assert_int_equal(v.expires_s, 600);
    v = linked(201, "{\"shortLink\":\"javascript:1\",\"deepLink\":null,"
                    "\"deepLinks\":{\"OM\":\"https://om.test/1\"},\"validity\":-5}");
    assert_string_equal(v.link, "https://om.test/1");
    assert_int_equal(v.expires_s, 1800);
    static const char *const none[] = {"{}", "{\"shortLink\":\"http://s.test/1\"}", "[]", "",
                                       "{\"shortLink\":\"https://s.test/a b\"}"};

    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        v = linked(200, none[i]);
        is(&v, CHARGE_UNKNOWN, none[i]);
        assert_string_equal(v.link, "");
    }
    v = linked(400, PROBLEM("27", "Invalid OTP"));
    is(&v, CHARGE_REJECTED, "nobody typed one");
    assert_true(linked(401, "").token_refused);
}

/* ---- refunds ---- */

static const struct rail_refund refund = {.charge = {.payer = {"221771234567", 12},
                                                     .country = {"SN", 2},
                                                     .amount_minor = 100,
                                                     .currency = {"XOF", 3}},
                                          .our_ref = {OTHER, sizeof OTHER - 1}};

static void test_answers_to_a_cash_in(void **state)
{
    struct http_response rs = answer(200, "{\"key\":\"QUJD\",\"keyId\":\"1\"}");
    struct rail_verdict v, key;

    (void)state;
    onestep.rail.type->submit_refund_read(&onestep.rail, &refund, &rs, &key);
    assert_true(key.more && key.step == SONATEL_KEY);
    assert_string_equal(key.memo, "QUJD");
    static const char *const no_key[] = {"{}", "{\"key\":\"\"}", "{\"key\":\"a b\"}", "[]", ""};

    for (size_t i = 0; i < ARRAY_LEN(no_key); i++) {
        rs = answer(200, no_key[i]);
        onestep.rail.type->submit_refund_read(&onestep.rail, &refund, &rs, &v);
        is(&v, CHARGE_NOT_SENT, no_key[i]); /* no money moved yet */
        assert_false(v.more);
    }
    static const struct {
        int status;
        const char *body;
        enum charge_event event;
    } rows[] = {
        {200, "{\"transactionId\":\"CI1\",\"status\":\"SUCCESS\",\"reference\":\"" OTHER "\"}",
         CHARGE_SUCCESS},
        {200, "{\"transactionId\":\"CI1\",\"status\":\"SUCCESS\",\"reference\":\"" REF "\"}",
         CHARGE_UNKNOWN},
        {200, "{\"status\":\"PENDING\"}", CHARGE_PENDING},
        {200, "{\"status\":\"FAILED\"}", CHARGE_DECLINED},
        {400, PROBLEM("2001", "x"), CHARGE_DECLINED},
        {400, PROBLEM("2010", "Wrong PIN"), CHARGE_REJECTED},
        {500, PROBLEM("1", "x"), CHARGE_UNKNOWN},
        {200, "<html>", CHARGE_UNKNOWN},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        v = key;
        v.more = false;
        rs = answer(rows[i].status, rows[i].body);
        onestep.rail.type->follow_refund_read(&onestep.rail, &refund, &rs, &v);
        is(&v, rows[i].event, rows[i].body);
        assert_false(v.more);
    }
}

/* 4003: the key was revoked between the two calls. Once more from the start, and no third time. */
static void test_a_revoked_key_is_fetched_again_once(void **state)
{
    struct http_response revoked = answer(400, PROBLEM("4003", "Key revoked"));
    struct http_response key = answer(200, "{\"key\":\"QUJD\"}");
    struct rail_verdict v;
    struct http_request rq = {.url = NULL};

    (void)state;
    onestep.rail.type->submit_refund_read(&onestep.rail, &refund, &key, &v);
    v.more = false;
    onestep.rail.type->follow_refund_read(&onestep.rail, &refund, &revoked, &v);
    assert_true(v.more && v.step == SONATEL_FIRST);
    onestep.rail.type->follow_refund_request(&onestep.rail, &arena, &refund, "tok", &v, &rq);
    assert_string_equal(rq.url, "https://rail.test/api/account/v1/publicKeys");
    v.more = false;
    onestep.rail.type->follow_refund_read(&onestep.rail, &refund, &key, &v);
    assert_true(v.more && v.step == SONATEL_KEY_AGAIN);
    v.more = false;
    onestep.rail.type->follow_refund_read(&onestep.rail, &refund, &revoked, &v);
    is(&v, CHARGE_REJECTED, "revoked again");
    assert_false(v.more);
}

/* ---- callbacks ---- */

#define BODY   "{\"id\":\"EV_1\",\"type\":\"test.test_event\",\"data\":{}}"
#define MINE   "5e3ad3e4ff027979b2c7d42796fcdcf38f8ae202bce5eebf189841e71de6bef8" /* t , body */
#define STRIPE "a1f5b19d1efb03ed9c1225c0d2a1cf0fd3035badc9b5a3992a23d98fd458818e" /* t . body */
#define WAVE   "2b9ee9f10550558cb8c59fe3a5bae800bd5a9d3baccc60a24a6d88a799270ea9" /* t body */
#define T      "t=1700000000"

static const struct {
    const char *signature, *basic;
    int64_t now;
    enum callback_trust trust;
} callbacks[] = {
    {T ",v1=" MINE, "", 1700000000, CALLBACK_VERIFIED},
    {T ",v1=" MINE, "", 1700000300, CALLBACK_VERIFIED},
    {T ",v1=" STRIPE ",v1=" MINE, "", 1700000000, CALLBACK_VERIFIED}, /* rotation, case 13 */
    {T ",v1=" MINE, "", 1700000301, CALLBACK_REFUSED},
    {T ",v1=" MINE, "", 1699999900, CALLBACK_REFUSED},
    {T ",v1=" STRIPE, "", 1700000000, CALLBACK_REFUSED},
    {T ",v1=" WAVE, "", 1700000000, CALLBACK_REFUSED},
    {T, "", 1700000000, CALLBACK_REFUSED},
    {"", "", 1700000000, CALLBACK_REFUSED},
    {"", "Basic key-of-callbacks", 1700000000, CALLBACK_REFUSED}, /* the key is no secret */
};

static void test_who_may_call_back_case_12(void **state)
{
    struct rail_callback cb = {.body = STR(BODY)};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callbacks); i++) {
        cb.header[RAIL_SONATEL_SIGNATURE] = str_c(callbacks[i].signature);
        cb.header[RAIL_AUTHORIZATION] = str_c(callbacks[i].basic);
        cb.now_s = callbacks[i].now;
        assert_int_equal(onestep.rail.type->callback_verify(&onestep.rail, &cb),
                         callbacks[i].trust);
    }
    config.signing_secret = "";
    static const struct {
        const char *basic;
        enum callback_trust trust;
    } keys[] = {{"Basic key-of-callbacks", CALLBACK_VERIFIED},
                {"basic  key-of-callbacks", CALLBACK_VERIFIED},
                {"Bearer key-of-callbacks", CALLBACK_REFUSED},
                {"Basic key-of-callback", CALLBACK_REFUSED},
                {"Basic", CALLBACK_REFUSED},
                {"", CALLBACK_REFUSED}};

    cb.header[RAIL_SONATEL_SIGNATURE] = STR(T ",v1=" MINE);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        cb.header[RAIL_AUTHORIZATION] = str_c(keys[i].basic);
        assert_int_equal(onestep.rail.type->callback_verify(&onestep.rail, &cb), keys[i].trust);
    }
    config.signing_secret = "coko-test-secret";
}

static void test_what_a_callback_is_about(void **state)
{
    static const struct {
        const char *body, *ref;
    } rows[] = {{"{\"reference\":\"" REF "\",\"status\":\"SUCCESS\"}", REF},
                {"{\"reference\":7}", ""},
                {"[]", ""},
                {"", ""},
                {"{\"reference\":\"a\",\"reference\":\"b\"}", ""},
                {"\xff", ""}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rail_callback cb = {.body = str_c(rows[i].body)};
        struct rail_hint h = {.our_ref = STR_EMPTY};

        cb.header[RAIL_SONATEL_IDEMPOTENCY_KEY] = STR("one");
        onestep.rail.type->callback_hint(&arena, &cb, &h);
        assert_true(str_eq_c(h.our_ref, rows[i].ref));
        assert_true(str_eq_c(h.event_id, "one") && !h.wants_proof);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_to_a_code),
        cmocka_unit_test(test_success_is_believed_from_the_search),
        cmocka_unit_test(test_what_the_search_lists),
        cmocka_unit_test(test_amounts_come_back_as_floats_case_15),
        cmocka_unit_test(test_absence_case_31),
        cmocka_unit_test(test_a_cut_answer_proves_nothing),
        cmocka_unit_test(test_a_link_is_the_shortest_that_is_one),
        cmocka_unit_test(test_answers_to_a_cash_in),
        cmocka_unit_test(test_a_revoked_key_is_fetched_again_once),
        cmocka_unit_test(test_who_may_call_back_case_12),
        cmocka_unit_test(test_what_a_callback_is_about),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
