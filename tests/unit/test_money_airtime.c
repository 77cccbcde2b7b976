/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The airtime rail's answers as tables: what a payment and a refund may be answered, money that is not
 * ours, and the pages of a list that is searched for ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/airtime_fixture.h"

#define PAGE "<html>Request Rejected</html>"
static void is(struct rail_verdict v, enum charge_event want, const char *what)
{
    if (v.event != want)
        fail_msg("%s: %s, not %s", what, charge_event_name(v.event), charge_event_name(want));
}

/* id, status, correlator and reference, amount, currency, more of the transaction */
#define P(id, status, refs, amount, currency, more)                                                \
    "{\"paymentId\":\"" id "\",\"paymentStatus\":\"" status "\",\"amountTransaction\":{" refs      \
    ",\"paymentAmount\":{\"chargingInformation\":{\"amount\":" amount ",\"currency\":\"" currency  \
    "\"}}" more "}}"
#define TXN          ",\"serverReferenceCode\":\"OP1\""
#define OURS(status) P(ID, status, REFERENCES(REF), "100", "XOF", TXN)
#define THEIRS(status)                                                                             \
    P("AK9", status, "\"referenceCode\":\"" OTHER "\"", "100", "XOF",                              \
      ",\"serverReferenceCode\":\"OP9\"")
#define MIXED(status)                                                                              \
    P(ID, status, "\"clientCorrelator\":\"" OTHER "\",\"referenceCode\":\"" REF "\"", "100",       \
      "XOF", TXN)
#define ERROR(code, m)  "{\"status\":400,\"code\":\"" code "\",\"message\":\"" m "\"}"
#define CORRELATOR_USED ERROR("INVALID_ARGUMENT", "clientCorrelator already exist on server.")

static const struct {
    int status;
    const char *body;
    enum charge_event event;
} submits[] = {
    {201, OURS("succeeded"), CHARGE_SUCCESS},
    {201, OURS("processing"), CHARGE_ACCEPTED},
    {201, OURS("pending_validation"), CHARGE_ACCEPTED},
    {201, OURS("reserved"), CHARGE_ACCEPTED},
    {202, OURS("processing"), CHARGE_ACCEPTED},
    {201, OURS("denied"), CHARGE_DECLINED},
    {201, OURS("cancelled"), CHARGE_EXPIRED},
    {201, OURS("charged"), CHARGE_UNKNOWN},
    {201, P("a/b", "processing", REFERENCES(REF), "100", "XOF", ""), CHARGE_ACCEPTED},
    {201, THEIRS("succeeded"), CHARGE_UNKNOWN}, /* no answer to this: the list is searched */
    {201, MIXED("denied"), CHARGE_UNKNOWN},
    {201, "{\"paymentId\":\"" ID "\",\"paymentStatus\":\"denied\"}", CHARGE_UNKNOWN},
    {201, "[" OURS("succeeded") "]", CHARGE_UNKNOWN},
    {201, "", CHARGE_UNKNOWN},
    {200, PAGE, CHARGE_UNKNOWN},
    {400, ERROR("INVALID_ARGUMENT", "Currency is unknown or not authorized."), CHARGE_REJECTED},
    {400, CORRELATOR_USED, CHARGE_DUPLICATE}, /* the same code: only its message tells */
    {400, ERROR("INVALID_SINK", "sink not valid"), CHARGE_REJECTED},
    {400, "", CHARGE_UNKNOWN},
    {400, PAGE, CHARGE_UNKNOWN},
    {403, ERROR("CARRIER_BILLING.PAYMENT_DENIED", "Payment denied by business."), CHARGE_DECLINED},
    {403, ERROR("PERMISSION_DENIED", "m"), CHARGE_REJECTED},
    {403, PAGE, CHARGE_UNKNOWN},
    {404, ERROR("IDENTIFIER_NOT_FOUND", "phoneNumber not found."), CHARGE_DECLINED},
    {404, ERROR("NOT_FOUND", "m"), CHARGE_REJECTED},
    {404, PAGE, CHARGE_UNKNOWN},
    {409, ERROR("ALREADY_EXISTS", "m"), CHARGE_DUPLICATE},
    {409, PAGE, CHARGE_UNKNOWN}, /* of a proxy in between */
    {422, ERROR("CARRIER_BILLING.USER_AMOUNT_THRESHOLD_OVERPASSED", "m"), CHARGE_DECLINED},
    {422, ERROR("SERVICE_NOT_APPLICABLE", "m"), CHARGE_DECLINED},
    {422, ERROR("CARRIER_BILLING.UNAUTHORIZED_AMOUNT", "m"), CHARGE_REJECTED},
    {422, ERROR("UNNECESSARY_IDENTIFIER", "m"), CHARGE_REJECTED},
    {429, ERROR("TOO_MANY_REQUESTS", "Rate limit reached."), CHARGE_NOT_SENT},
    {408, ERROR("TIMEOUT", "m"), CHARGE_UNKNOWN},
    {500, ERROR("INTERNAL", "m"), CHARGE_UNKNOWN},
    {500, ERROR("CARRIER_BILLING.PAYMENT_DENIED", "m"), CHARGE_UNKNOWN}, /* unknown is not failed */
    {503, CORRELATOR_USED, CHARGE_UNKNOWN},
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
    for (size_t i = 0; i < ARRAY_LEN(submits); i++)
        is(submit(submits[i].status, submits[i].body), submits[i].event, submits[i].body);
    assert_true(submit(401, ERROR("UNAUTHENTICATED", "m")).token_refused);
    assert_string_equal(submit(201, OURS("processing")).rail_ref, ID);
    /* an id that cannot stand in an address is none: the list is searched each time */
    assert_string_equal(submit(201, submits[8].body).rail_ref, "");
    assert_int_equal(submit(429, "").next_poll_s, RAIL_RETRY_S);
    assert_true(submit(201, OURS("charged")).new_word); /* I12 */
    assert_string_equal(submit(201, OURS("charged")).reason, "charged");
}

/* I8, hard case 15: a success says the money it is of, in whatever number. */
static void test_money_of_a_success(void **state)
{
    static const struct {
        const char *body;
        bool has;
        int64_t minor;
    } rows[] = {
        {OURS("succeeded"), true, 100},
        {P(ID, "succeeded", REFERENCES(REF), "100.0", "XOF", ""), true, 100},
        {P(ID, "succeeded", REFERENCES(REF), "\"100\"", "XOF", ""), true, 100},
        {P(ID, "succeeded", REFERENCES(REF), "1e2", "XOF", ""), true, 100},
        {P(ID, "succeeded", REFERENCES(REF), "100.5", "XOF", ""), false, 0},
        {P(ID, "succeeded", REFERENCES(REF), "-100", "XOF", ""), false, 0},
        {P(ID, "succeeded", REFERENCES(REF), "null", "XOF", ""), false, 0},
        {"{\"paymentId\":\"" ID
         "\",\"paymentStatus\":\"succeeded\",\"amountTransaction\":{" REFERENCES(REF) "}}",
         false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rail_verdict v = submit(201, rows[i].body);

        is(v, CHARGE_SUCCESS, rows[i].body);
        assert_int_equal(v.has_amount, rows[i].has);
        assert_true(!v.has_amount || v.amount_minor == rows[i].minor);
    }
    assert_string_equal(submit(201, rows[0].body).rail_txn, "OP1");
    assert_string_equal(submit(201, rows[1].body).rail_txn, ID); /* it names none: its id is one */
    assert_false(submit(201, OURS("denied")).has_amount);
}

static struct rail_verdict ask(const char *rail_ref, int status, const char *body)
{
    struct rail_charge c = known_as(rail_ref);
    struct http_response rs = {.status = status, .body = str_c(body)};
    struct rail_verdict v;

    rail.rail.type->poll_read(&rail.rail, &c, &rs, &v);
    return v;
}

static void test_a_payment_that_is_shown(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum charge_event event;
    } rows[] = {
        {200, OURS("succeeded"), CHARGE_SUCCESS},
        {200, OURS("processing"), CHARGE_PENDING},
        {200, OURS("denied"), CHARGE_DECLINED},
        {200, OURS("cancelled"), CHARGE_EXPIRED},
        {200, OURS("Succeeded"), CHARGE_UNKNOWN},
        {200, THEIRS("succeeded"), CHARGE_MISMATCH}, /* hard case 17 */
        {200, MIXED("succeeded"), CHARGE_MISMATCH},
        {200, THEIRS("denied"), CHARGE_UNKNOWN}, /* another's failure is none of ours */
        {200, "{}", CHARGE_UNKNOWN},
        {200, PAGE, CHARGE_UNKNOWN},
        {404, ERROR("NOT_FOUND", "m"), CHARGE_NOT_FOUND},
        {404, PAGE, CHARGE_UNKNOWN},
        {403, ERROR("PERMISSION_DENIED", "m"), CHARGE_UNKNOWN},
        {429, "", CHARGE_UNKNOWN},
        {500, OURS("succeeded"), CHARGE_UNKNOWN},
        {503, "", CHARGE_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        is(ask(ID, rows[i].status, rows[i].body), rows[i].event, rows[i].body);
    assert_true(ask(ID, 401, "").token_refused);
    assert_int_equal(ask(ID, 429, "").next_poll_s, RAIL_RETRY_S);
    assert_string_equal(ask(ID, 200, THEIRS("succeeded")).rail_txn, "");
}

/* ---- the list ---- */

#define NINE                                                                                       \
    THEIRS("denied")                                                                               \
    "," THEIRS("succeeded") "," THEIRS("denied") "," THEIRS("denied") "," THEIRS(                  \
        "denied") "," THEIRS("denied") "," THEIRS("denied") "," THEIRS("denied") "," THEIRS("denied")

static struct rail_verdict page_of(unsigned page, const char *body, const char *total)
{
    struct http_response_header h = {STR("X-Total-Count"), str_c(total)};
    struct http_response rs = {
        .status = 200, .body = str_c(body), .headers = &h, .nheaders = *total ? 1 : 0};
    struct rail_verdict v = {.step = page};

    if (page == 1)
        rail.rail.type->poll_read(&rail.rail, &charge, &rs, &v);
    else
        rail.rail.type->follow_read(&rail.rail, &charge, &rs, &v);
    return v;
}

static void test_ours_is_found_among_others(void **state)
{
    struct rail_verdict v = page_of(1, "[" THEIRS("denied") "," OURS("succeeded") "]", "");

    (void)state;
    is(v, CHARGE_SUCCESS, "among others");
    assert_string_equal(v.rail_ref, ID);
    assert_int_equal(v.amount_minor, 100);
    assert_false(v.more);
    is(page_of(1, "[" OURS("processing") "]", ""), CHARGE_PENDING, "processing");
    is(page_of(2, "[" NINE "," OURS("denied") "]", "99"), CHARGE_DECLINED, "on another page");
    is(page_of(1, "[" OURS("denied") "," OURS("succeeded") "]", ""), CHARGE_SUCCESS, "one paid");
    is(page_of(1, "[" OURS("succeeded") "," OURS("denied") "]", ""), CHARGE_SUCCESS, "one paid");
    is(page_of(1, "[" OURS("succeeded") "," OURS("succeeded") "]", ""), CHARGE_MISMATCH, "two");
}

/* Not found is said of a list that ends, however short its pages are. */
static void test_where_the_list_ends(void **state)
{
    static const struct {
        unsigned page;
        const char *body, *total;
        enum charge_event event;
        unsigned next; /* page; 0: no more */
    } rows[] = {
        {1, "[]", "", CHARGE_NOT_FOUND, 0},
        {1, "[" NINE "]", "", CHARGE_NOT_FOUND, 0},
        {1, "[" NINE "," THEIRS("denied") "]", "", CHARGE_UNKNOWN, 2},
        {1, "[" NINE "," THEIRS("denied") "]", "10", CHARGE_NOT_FOUND, 0},
        {1, "[" NINE "," THEIRS("denied") "]", "11", CHARGE_UNKNOWN, 2},
        {1, "[" NINE "," THEIRS("denied") "]", "some", CHARGE_UNKNOWN, 2},
        {2, "[" NINE "," THEIRS("denied") "]", "10", CHARGE_UNKNOWN, 3},
        {4, "[" NINE "," MIXED("succeeded") "]", "", CHARGE_UNKNOWN, 5},
        {4, "[]", "", CHARGE_NOT_FOUND, 0},
        {1, "{}", "", CHARGE_UNKNOWN, 0},
        {1, PAGE, "", CHARGE_UNKNOWN, 0},
        {1, "[1,null,\"x\"]", "", CHARGE_NOT_FOUND, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rail_verdict v = page_of(rows[i].page, rows[i].body, rows[i].total);

        is(v, rows[i].event, rows[i].body);
        assert_int_equal(v.more, rows[i].next != 0);
        assert_int_equal(v.step, rows[i].next);
    }
    is(ask("", 404, ERROR("NOT_FOUND", "m")), CHARGE_NOT_FOUND, "no list");
    is(ask("", 503, "[]"), CHARGE_UNKNOWN, "503");
    assert_true(ask("", 401, "").token_refused);
}

/* ---- refunds ---- */

#define R(id, status, ref)                                                                         \
    "{\"refundId\":\"" id "\",\"refundStatus\":\"" status                                          \
    "\",\"type\":\"partial\",\"amountTransaction\":{" REFERENCES(                                  \
        ref) ",\"refundAmount\":{\"chargingInformation\":{\"amount\":100,\"currency\":\"XOF\"}}}}"

static void test_refund_answers(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum charge_event event;
    } rows[] = {
        {201, R(RID, "succeeded", REFUND), CHARGE_SUCCESS},
        {201, R(RID, "processing", REFUND), CHARGE_ACCEPTED},
        {201, R(RID, "denied", REFUND), CHARGE_DECLINED},
        {201, R(RID, "succeeded", OTHER), CHARGE_UNKNOWN},
        {201, OURS("succeeded"), CHARGE_UNKNOWN},
        {201, "", CHARGE_UNKNOWN},
        {400, CORRELATOR_USED, CHARGE_DUPLICATE},
        {409, "", CHARGE_DUPLICATE},
        {403, ERROR("CARRIER_BILLING_REFUND.REFUND_DENIED", "m"), CHARGE_DECLINED},
        {403, ERROR("CARRIER_BILLING_REFUND.PAYMENT_NOT_ELIGIBLE_FOR_REFUND", "m"),
         CHARGE_DECLINED},
        {422, ERROR("CARRIER_BILLING_REFUND.TAXES_MANAGEMENT_MISMATCH", "m"), CHARGE_REJECTED},
        {422, ERROR("CARRIER_BILLING_REFUND.INVALID_PAYMENT_STATUS", "m"), CHARGE_REJECTED},
        {429, "", CHARGE_NOT_SENT},
        {500, "", CHARGE_UNKNOWN},
    };
    struct rail_refund f = refund_of(ID, "");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_response rs = {.status = rows[i].status, .body = str_c(rows[i].body)};
        struct rail_verdict v;

        rail.rail.type->submit_refund_read(&rail.rail, &f, &rs, &v);
        is(v, rows[i].event, rows[i].body);
        assert_string_equal(v.rail_ref, i < 3 ? RID : "");
    }
}

static void test_refund_questions(void **state)
{
    static const struct {
        const char *known, *body;
        enum charge_event event;
    } rows[] = {
        {RID, R(RID, "succeeded", REFUND), CHARGE_SUCCESS},
        {RID, R(RID, "processing", REFUND), CHARGE_PENDING},
        {RID, R(RID, "succeeded", OTHER), CHARGE_MISMATCH},
        {"", "[" R("RF-0", "succeeded", OTHER) "," R(RID, "succeeded", REFUND) "]", CHARGE_SUCCESS},
        {"", "[" R("RF-0", "succeeded", OTHER) "]", CHARGE_NOT_FOUND},
        {"", "[]", CHARGE_NOT_FOUND},
        {"", "[" NINE "," NINE "]", CHARGE_UNKNOWN}, /* it goes on: nothing is proved */
        {"", PAGE, CHARGE_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rail_refund f = refund_of(ID, rows[i].known);
        struct http_response rs = {.status = 200, .body = str_c(rows[i].body)};
        struct rail_verdict v;

        rail.rail.type->poll_refund_read(&rail.rail, &f, &rs, &v);
        is(v, rows[i].event, rows[i].body);
        assert_false(v.more); /* a question about a refund is one request */
        assert_string_equal(v.rail_txn, v.event == CHARGE_SUCCESS ? RID : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_submit_answers),
        cmocka_unit_test(test_money_of_a_success),
        cmocka_unit_test(test_a_payment_that_is_shown),
        cmocka_unit_test(test_ours_is_found_among_others),
        cmocka_unit_test(test_where_the_list_ends),
        cmocka_unit_test(test_refund_answers),
        cmocka_unit_test(test_refund_questions),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
