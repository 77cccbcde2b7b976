/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery receipts as carriers write them: hard cases 11, 12, 14 as far as one receipt
 * goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "smpp/receipt.h"
#include "tests/unit/smpp_bytes.h"

#define SM(esm, dcs) "00 01 01 '22177' 00 01 01 '38' 00 " esm " 00 00 00 00 00 00 " dcs " 00 "

static void texts_are_read_by_key(void **state)
{
    static const struct {
        const char *text, *id;
        enum receipt_state want;
        const char *err, *done;
    } cases[] = {
        {"id:0123456789 sub:001 dlvrd:001 submit date:2601011200 done date:2601011201 stat:DELIVRD "
         "err:000 text:Il etait une fois",
         "123456789", RECEIPT_DELIVERED, "000", "2601011201"},
        {"id:AB12 stat:UNDELIV err:0045", "ab12", RECEIPT_UNDELIVERABLE, "0045", ""},
        {"stat:EXPIRED id:77", "77", RECEIPT_EXPIRED, "", ""},
        {"err: 0 stat: ACCEPTD id: 77", "77", RECEIPT_ACCEPTED, "0", ""},
        {"ID:77 STAT:delivered", "77", RECEIPT_DELIVERED, "", ""},
        {"id:77 done date:260101120159 stat:REJECTD", "77", RECEIPT_REJECTED, "", "260101120159"},
        {"id:77 stat:BUFFRED", "77", RECEIPT_ENROUTE, "", ""},
        {"id:77 stat:ENROUTE", "77", RECEIPT_ENROUTE, "", ""},
        {"id:77 stat:ACKED", "77", RECEIPT_ACCEPTED, "", ""},
        {"id:77 stat:FAILED", "77", RECEIPT_UNDELIVERABLE, "", ""},
        {"id:77 stat:0", "77", RECEIPT_DELIVERED, "", ""},
        {"id:77 stat:5", "77", RECEIPT_UNDELIVERABLE, "", ""},
        {"id:77,stat:DELETED;err:1", "77", RECEIPT_DELETED, "1", ""},
        {"id:77 status:UNKNOWN error:12", "77", RECEIPT_UNKNOWN, "12", ""},
        {"text:id:99 id:77 stat:DELIVRD", "99", RECEIPT_DELIVERED, "", ""},
        {"id:77 stat:DELIVRD text:stat:EXPIRED id:88 err:9", "77", RECEIPT_DELIVERED, "", ""},
        {"id:550e8400-E29B-41d4-a716-446655440000 stat:DELIVRD",
         "550e8400-e29b-41d4-a716-446655440000", RECEIPT_DELIVERED, "", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct receipt r;
        struct err e;

        if (receipt_parse_text(str_c(cases[i].text), &r, &e) != 0)
            fail_msg("%s: %s", cases[i].text, e.msg);
        assert_string_equal(r.ids[0], cases[i].id);
        assert_int_equal(r.state, cases[i].want);
        assert_string_equal(r.err, cases[i].err);
        assert_string_equal(r.done_date, cases[i].done);
    }
}

static void hard_14_every_cut_of_a_text_is_safe(void **state)
{
    static const char whole[] = "id:0123456789 sub:001 dlvrd:001 submit date:2601011200 done "
                                "date:2601011201 stat:DELIVRD err:000 text:Il etait";
    struct guard g;

    (void)state;
    guard_init(&g, sizeof whole);
    for (size_t n = 0; n < sizeof whole; n++) {
        struct receipt r;
        struct err e;
        int rc = receipt_parse_text(str_n(guard_lay(&g, whole, n), n), &r, &e);

        if (n >= strlen("id:0123456789"))
            assert_string_equal(r.ids[0], "123456789");
        assert_int_equal(rc, n >= (size_t)(strstr(whole, "DELIVRD") - whole) + 7 ? 0 : -1);
    }
    guard_fini(&g);
}

static void what_names_nothing_is_refused(void **state)
{
    static const char *const texts[] = {
        "", "hello", "stat:DELIVRD", "id:77", "id: stat:DELIVRD", "id:77 stat:", "id:77 stat:WHAT"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct receipt r;
        struct err e;

        assert_int_equal(receipt_parse_text(str_c(texts[i]), &r, &e), -1);
        assert_int_equal(e.code, ERR_PROTOCOL);
    }
}

static void hard_12_ids_come_in_every_reading(void **state)
{
    static const struct {
        const char *raw, *want;
    } normal[] = {
        {"0000ABCD", "abcd"},
        {" 77 ", "77"},
        {"000", "0"},
        {"", ""},
        {"00-12", "00-12"},
        {"msg_id_not_implemented", "msg_id_not_implemented"},
        {"000000000000000000000000", "000000000000000000000000"}, /* no number is so long */
    };
    struct receipt r;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(normal); i++) {
        char id[RECEIPT_ID_MAX];

        receipt_normal_id(str_c(normal[i].raw), id);
        assert_string_equal(id, normal[i].want);
    }
    assert_int_equal(receipt_parse_text(STR("id:0000000697 stat:DELIVRD"), &r, &e), 0);
    assert_int_equal(r.id_count, 3); /* 697, its hexadecimal 2b9, and 0x697 in decimal */
    assert_string_equal(r.ids[0], "697");
    assert_string_equal(r.ids[1], "2b9");
    assert_string_equal(r.ids[2], "1687");
    assert_int_equal(receipt_parse_text(STR("id:2B9 stat:DELIVRD"), &r, &e), 0);
    assert_int_equal(r.id_count, 2);
    assert_string_equal(r.ids[1], "697");
    assert_int_equal(receipt_parse_text(STR("id:5 stat:DELIVRD"), &r, &e), 0);
    assert_int_equal(r.id_count, 1);
    assert_int_equal(receipt_parse_text(STR("id:ffffffffffffffffffff stat:DELIVRD"), &r, &e), 0);
    assert_int_equal(r.id_count, 1); /* more than 64 bits: no other reading */
}

static struct pdu delivered(uint32_t id, const char *body)
{
    static uint8_t bytes[1024];
    struct pdu p;
    struct err e;

    if (pdu_decode(bytes, make_pdu(bytes, sizeof bytes, id, 0, 1, body), &p, &e) != 0)
        fail_msg("%s", e.msg);
    return p;
}

static struct receipt read_ok(struct pdu p)
{
    struct receipt r;
    struct err e;

    assert_true(receipt_is(&p));
    if (receipt_parse(&p, &r, &e) != 0)
        fail_msg("%s", e.msg);
    return r;
}

static void esm_class_or_tlvs_make_a_receipt(void **state)
{
    static const struct {
        const char *body;
        bool want;
    } cases[] = {
        {SM("04", "00") "00", true},
        {SM("08", "00") "00", true},
        {SM("20", "00") "00", true},
        {SM("44", "00") "00", true},
        {SM("00", "00") "00", false},
        {SM("40", "00") "00", false},
        {SM("00", "00") "11 'id:1 stat:DELIVRD'", false}, /* a reader typed it */
        {SM("00", "00") "00 001E 0003 '77' 00 0427 0001 02", true},
        {SM("00", "00") "00 001E 0003 '77' 00", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t bytes[256];
        struct pdu p;
        struct err e;
        size_t n = make_pdu(bytes, sizeof bytes, SMPP_DELIVER_SM, 0, 1, cases[i].body);

        assert_int_equal(pdu_decode(bytes, n, &p, &e), 0);
        assert_int_equal(receipt_is(&p), cases[i].want);
    }
}

static void hard_12_id_in_tlv_in_text_and_different(void **state)
{
    struct receipt r =
        read_ok(delivered(SMPP_DELIVER_SM, SM("04", "00") "00 001E 0003 '2B9' 0427 0001 02"
                                                          " 0423 0003 03 0021 0204 0002 0107"));

    (void)state;
    assert_string_equal(r.ids[0], "2b9");
    assert_true(r.id_by_tlv && r.state_by_tlv);
    assert_int_equal(r.state, RECEIPT_DELIVERED);
    assert_int_equal(r.network_type, 3);
    assert_int_equal(r.network_code, 0x21);
    assert_int_equal(r.reference, 0x107);
    r = read_ok(delivered(SMPP_DELIVER_SM,
                          SM("04", "00") "12 'id:99 stat:EXPIRED' 001E 0003 'XY' 00 0427 0001 02"));
    assert_string_equal(r.ids[0], "xy"); /* the TLV first, the text's behind it */
    assert_string_equal(r.ids[1], "99");
    assert_int_equal(r.state, RECEIPT_DELIVERED);
}

static void hard_14_in_data_sm_in_payload_and_in_ucs2(void **state)
{
    struct receipt r = read_ok(delivered(
        SMPP_DATA_SM, "00 01 01 'a' 00 01 01 'b' 00 04 00 00 0424 0012 'id:77 stat:DELIVRD'"));

    (void)state;
    assert_string_equal(r.ids[0], "77");
    r = read_ok(delivered(SMPP_DELIVER_SM, SM("04", "00") "00 0424 0012 'id:77 stat:EXPIRED'"));
    assert_int_equal(r.state, RECEIPT_EXPIRED);
    r = read_ok(delivered(SMPP_DELIVER_SM,
                          SM("04", "08") "24 0069 0064 003A 0037 0037 0020 0073 0074 0061 0074 003A"
                                         " 0044 0045 004C 0049 0056 0052 0044"));
    assert_string_equal(r.ids[0], "77");
    r = read_ok(
        delivered(SMPP_DELIVER_SM, SM("44", "00") "19 050003 070101 'id:a_7 stat:DELIVRD'"));
    assert_string_equal(r.ids[0], "a_7"); /* a header in front; '_' is not the GSM one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_by_key),
        cmocka_unit_test(hard_14_every_cut_of_a_text_is_safe),
        cmocka_unit_test(what_names_nothing_is_refused),
        cmocka_unit_test(hard_12_ids_come_in_every_reading),
        cmocka_unit_test(esm_class_or_tlvs_make_a_receipt),
        cmocka_unit_test(hard_12_id_in_tlv_in_text_and_different),
        cmocka_unit_test(hard_14_in_data_sm_in_payload_and_in_ucs2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
