/* SPDX-License-Identifier: Apache-2.0 */
/* What a carrier means by its own statuses: rules read, rules refused, who decides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "smpp/statuses.h"
#include "tests/unit/smpp_peer.h"

static void the_first_rule_that_holds_a_status_decides(void **state)
{
    static const char text[] = " 0x5A permanent, 148 permanent,0x401-0x40f throttle ,"
                               "0x400-0x4FF once, 0x45 retry, 0xFFFFFFFF route, 0x14  vendor ";
    static const struct {
        uint32_t status;
        enum smpp_class want;
    } cases[] = {
        {0, SMPP_CLASS_OK},           {0x5A, SMPP_CLASS_PERMANENT}, {0x94, SMPP_CLASS_PERMANENT},
        {0x400, SMPP_CLASS_ONCE},     {0x401, SMPP_CLASS_THROTTLE}, {0x40F, SMPP_CLASS_THROTTLE},
        {0x410, SMPP_CLASS_ONCE},     {0x4FF, SMPP_CLASS_ONCE},     {0x500, SMPP_CLASS_VENDOR},
        {0x45, SMPP_CLASS_RETRY},     {0x14, SMPP_CLASS_VENDOR},    {0xFFFFFFFF, SMPP_CLASS_ROUTE},
        {0x0B, SMPP_CLASS_PERMANENT}, /* pdu.def */
        {0x58, SMPP_CLASS_THROTTLE},
    };
    struct statuses s;
    struct err e;

    (void)state;
    assert_int_equal(statuses_parse(str_c(text), &s, &e), 0);
    assert_int_equal(s.n, 7);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(statuses_class(&s, cases[i].status), cases[i].want);
    assert_int_equal(statuses_class(NULL, 0x400), SMPP_CLASS_VENDOR);
    assert_int_equal(statuses_parse(STR("  "), &s, &e), 0);
    assert_int_equal(statuses_class(&s, 0x5A), SMPP_CLASS_VENDOR);
}

static void what_is_no_rule_is_named(void **state)
{
    static const char *const cases[] = {"0x5A",
                                        "permanent",
                                        "0x5A sometimes",
                                        "0 permanent",
                                        "0x0 retry",
                                        "0x0-0x5 retry",
                                        "0x4FF-0x400 once",
                                        "0x retry",
                                        "0x1G retry",
                                        "-5 retry",
                                        "0x100000000 ok",
                                        "0x400- once",
                                        "0x5A permanent, ",
                                        "0x5A ok",
                                        "4294967296 retry",
                                        "0x5A once more",
                                        ",",
                                        "0x1-0x2-0x3 retry"};
    char mem[8 * (STATUSES_MAX + 1)];
    struct buf many;
    struct statuses s;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(statuses_parse(str_c(cases[i]), &s, &e), -1);
    buf_init_fixed(&many, mem, sizeof mem);
    for (unsigned n = 0; n <= STATUSES_MAX; n++)
        buf_adds(&many, STR("1 retry,"));
    assert_int_equal(statuses_parse(str_head(buf_str(&many), 8 * STATUSES_MAX - 1), &s, &e), 0);
    assert_int_equal(statuses_parse(str_head(buf_str(&many), many.len - 1), &s, &e), -1);
}

/* What the carrier calls by 0x401 pauses the account as 0x58 does; a reload of the table holds at once. */
static void a_session_throttles_by_the_carriers_word(void **state)
{
    struct session_config c = plain_config();
    struct statuses table = {0};
    struct err e;

    (void)state;
    c.statuses = &table;
    bind_with(&c);
    peer_says(SMPP_SUBMIT_SM_RESP, 0x401, submit_seq(1), "");
    assert_int_equal(b->done[1], 1);
    assert_int_equal(statuses_parse(STR("0x401 throttle, 0x58 once"), &table, &e), 0);
    peer_says(SMPP_SUBMIT_SM_RESP, 0x58, submit_seq(2), "");
    assert_int_equal(b->done[2], 1);
    peer_says(SMPP_SUBMIT_SM_RESP, 0x401, submit_seq(3), "");
    assert_int_equal(b->throttled[3], 1);
    assert_int_equal(submit(4), ERR_BUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_holds_a_status_decides),
        cmocka_unit_test(what_is_no_rule_is_named),
        cmocka_unit_test_setup_teardown(a_session_throttles_by_the_carriers_word, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
