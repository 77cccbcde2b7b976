/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submit_multi at the SMSC side of a session: told once, answered once, with those that failed; one
 * that is none is refused and not told.
 */
#include "tests/unit/smsc_bench.h"

static int bound(void **state)
{
    setup(state);
    b->keep_submits = true;
    bind_as(SMPP_BIND_TRANSMITTER);
    return 0;
}

#define MULTI(count, dests) "00 0500 'Shop' 00 " count dests "00 00 00 00 00 01 00 00 00 02 'hi'"

static void submit_multi_is_answered_with_what_failed(void **state)
{
    struct pdu_list failed = {0};
    struct pdu_failed one = {.ton = 1, .npi = 1, .address = STR("221"), .status = SMPP_RINVDSTADR};
    struct str rest;
    struct buf store;
    struct pdu p;
    struct err e;

    (void)state;
    says(SMPP_SUBMIT_MULTI, 0, 2, MULTI("02", "01 0101 '221770000001' 00 01 0101 '221' 00"));
    assert_int_equal(b->submits, 1);
    assert_int_equal(b->submit_id, SMPP_SUBMIT_MULTI);
    assert_int_equal(b->account.queued, 1);
    buf_init(&store, 256);
    assert_int_equal(pdu_failed_add(&failed, &store, &one, &e), 0);
    smsc_respond_multi(&b->s, 2, STR("17"), &failed);
    assert_int_equal(b->account.queued, 0);
    p = next_sent();
    assert_int_equal(p.id, SMPP_SUBMIT_MULTI_RESP);
    assert_int_equal(p.status, 0);
    assert_true(str_eq(p.multi_resp.message_id, STR("17")));
    assert_int_equal(p.multi_resp.failed.count, 1);
    rest = p.multi_resp.failed.entries;
    assert_true(pdu_failed_next(&rest, &one));
    assert_true(str_eq(one.address, STR("221")));
    assert_int_equal(one.status, SMPP_RINVDSTADR);
    buf_fini(&store);
    says(SMPP_SUBMIT_MULTI, 0, 3, MULTI("01", "02 'all' 00"));
    smsc_respond(&b->s, SMPP_SUBMIT_MULTI, 3, SMPP_RCNTSUBDL, STR_EMPTY);
    hears(SMPP_SUBMIT_MULTI_RESP, SMPP_RCNTSUBDL, 3);
}

/* Hard cases 2 to 5 of its own: a count of none, more than there are, an entry cut, a flag unknown. */
static void a_submit_multi_that_is_none_is_refused_and_not_told(void **state)
{
    static const struct {
        const char *body;
        uint32_t status;
    } cases[] = {
        {MULTI("00", ""), SMPP_RINVNUMDESTS},
        {MULTI("FF", "01 0101 '221770000001' 00"), SMPP_RINVNUMDESTS},
        {"00 0500 'Shop' 00 02 01 0101 '221770000001' 00", SMPP_RINVNUMDESTS},
        {MULTI("01", "03 0101 '221770000001' 00"), SMPP_RINVDESTFLAG},
        {MULTI("01", "01 0101 '2217700000010000000000' 00"), SMPP_RINVDSTADR},
        {MULTI("01", "02 'a list of more than twenty octets' 00"), SMPP_RINVDLNAME},
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_LEN(cases); i++) {
        says(SMPP_SUBMIT_MULTI, 0, 10 + i, cases[i].body);
        hears(SMPP_SUBMIT_MULTI_RESP, cases[i].status, 10 + i);
    }
    assert_int_equal(b->submits, 0);
    assert_int_equal(b->account.queued, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, bound, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(submit_multi_is_answered_with_what_failed),
        T(a_submit_multi_that_is_none_is_refused_and_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
