/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of submit_multi and its response: entries of both kinds, the ceiling of 254, what breaks a list
 * and with which status, and what of a broken one in a response can still be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/smpp_bytes.h"

#define HEAD "00 00 00 00 "
#define TAIL " 00 00 00 00 00 00 00 00 00 02 'hi'"

static uint8_t bytes[PDU_MAX];

static int decode(uint32_t id, const char *body, struct pdu *out)
{
    struct err e;

    return pdu_decode(bytes, make_pdu(bytes, sizeof bytes, id, 0, 7, body), out, &e);
}

static void refused(const char *body, uint32_t fault)
{
    struct pdu p;

    assert_int_equal(decode(SMPP_SUBMIT_MULTI, body, &p), -1);
    assert_int_equal(p.fault, fault);
}

static void both_kinds_of_destination(void **state)
{
    struct pdu_dest d;
    struct str rest;
    struct pdu p;

    (void)state;
    assert_int_equal(
        decode(SMPP_SUBMIT_MULTI, HEAD "02 01 0501 '22507' 00 02 'readers' 00" TAIL, &p), 0);
    assert_int_equal(p.multi.dests.count, 2);
    assert_true(str_eq_c(p.multi.message, "hi"));
    assert_true(str_eq_c(pdu_text(&p, NULL), "hi"));
    rest = p.multi.dests.entries;
    assert_true(pdu_dest_next(&rest, &d));
    assert_false(d.is_list);
    assert_int_equal(d.ton, 5);
    assert_int_equal(d.npi, 1);
    assert_true(str_eq_c(d.address, "22507"));
    assert_true(pdu_dest_next(&rest, &d));
    assert_true(d.is_list);
    assert_true(str_eq_c(d.address, "readers"));
    assert_false(pdu_dest_next(&rest, &d));
}

static void a_broken_list_has_its_status(void **state)
{
    (void)state;
    refused(HEAD "00" TAIL, SMPP_RINVNUMDESTS);
    refused(HEAD "FF 01 0101 '1' 00", SMPP_RINVNUMDESTS);
    refused(HEAD "02 01 0101 '1' 00", SMPP_RINVNUMDESTS); /* one is all that is there */
    refused(HEAD "01 01 01", SMPP_RINVNUMDESTS);
    refused(HEAD "01 03 0101 '1' 00" TAIL, SMPP_RINVDESTFLAG);
    refused(HEAD "01 00 0101 '1' 00" TAIL, SMPP_RINVDESTFLAG);
    refused(HEAD "01 01 0101 '123456789012345678901' 00" TAIL, SMPP_RINVDSTADR);
    refused(HEAD "01 02 '123456789012345678901' 00" TAIL, SMPP_RINVDLNAME);
    refused(HEAD "01 02 'no end'", SMPP_RINVDLNAME);
    refused(HEAD, SMPP_RINVCMDLEN);
    refused(HEAD "01 02 'all' 00", SMPP_RINVCMDLEN);
}

static void a_broken_response_keeps_what_it_can(void **state)
{
    struct pdu_failed f;
    struct str rest;
    struct pdu p;

    (void)state;
    assert_int_equal(decode(SMPP_SUBMIT_MULTI_RESP,
                            "'id' 00 03 0101 '1' 00 0000000B 0101 '2' 00 00000014 01", &p),
                     0);
    assert_int_equal(p.flags, PDU_BODY_BAD);
    assert_true(str_eq_c(p.multi_resp.message_id, "id"));
    assert_int_equal(p.multi_resp.failed.count, 2);
    rest = p.multi_resp.failed.entries;
    assert_true(pdu_failed_next(&rest, &f));
    assert_int_equal(f.status, SMPP_RINVDSTADR);
    assert_true(pdu_failed_next(&rest, &f));
    assert_int_equal(f.status, SMPP_RMSGQFUL);
    assert_true(str_eq_c(f.address, "2"));
    assert_false(pdu_failed_next(&rest, &f));
    assert_int_equal(decode(SMPP_SUBMIT_MULTI_RESP, "'id' 00 FF 0101 '1' 00 0000000B", &p), 0);
    assert_int_equal(p.flags, PDU_BODY_BAD);
    assert_int_equal(p.multi_resp.failed.count, 0);
}

static void fill(struct pdu *p, struct buf *store, unsigned count)
{
    struct pdu_dest d = {.ton = 1, .npi = 1, .address = STR("22507010203")};
    struct err e;

    pdu_start(p, SMPP_SUBMIT_MULTI, 0, 7);
    buf_reset(store);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(pdu_dest_add(&p->multi.dests, store, &d, &e), 0);
}

static void as_many_as_254(void **state)
{
    struct pdu_dest d = {.is_list = true, .address = STR("one more")};
    struct buf store, wire;
    struct pdu p, read;
    struct str rest;
    struct err e;
    unsigned count = 0;

    (void)state;
    buf_init(&store, 1u << 16);
    buf_init(&wire, PDU_MAX);
    fill(&p, &store, PDU_LIST_MAX);
    assert_int_equal(pdu_dest_add(&p.multi.dests, &store, &d, &e), -1);
    assert_int_equal(e.code, ERR_TOO_BIG);
    assert_int_equal(pdu_encode(&wire, &p, NULL, 0, &e), 0);
    assert_int_equal(pdu_decode((uint8_t *)wire.p, wire.len, &read, &e), 0);
    assert_int_equal(read.multi.dests.count, PDU_LIST_MAX);
    for (rest = read.multi.dests.entries; pdu_dest_next(&rest, &d);)
        count++;
    assert_int_equal(count, PDU_LIST_MAX);
    buf_fini(&store);
    buf_fini(&wire);
}

static void encoding_refuses_a_list_that_is_none(void **state)
{
    struct pdu_failed f = {.address = STR("123456789012345678901")};
    struct pdu_list failed = {.entries = STR_EMPTY};
    struct buf store, wire;
    struct pdu p;
    struct err e;

    (void)state;
    buf_init(&store, 1u << 16);
    buf_init(&wire, PDU_MAX);
    fill(&p, &store, 0);
    assert_int_equal(pdu_encode(&wire, &p, NULL, 0, &e), -1); /* no destination */
    fill(&p, &store, 2);
    p.multi.dests.count = 3;
    assert_int_equal(pdu_encode(&wire, &p, NULL, 0, &e), -1);
    p.multi.dests.count = 1;
    assert_int_equal(pdu_encode(&wire, &p, NULL, 0, &e), -1);
    assert_int_equal(wire.len, 0);
    assert_int_equal(pdu_failed_add(&failed, &store, &f, &e), -1);
    f.address = str_n("a\0b", 3);
    assert_int_equal(pdu_failed_add(&failed, &store, &f, &e), -1);
    assert_int_equal(e.code, ERR_BAD_INPUT);
    buf_fini(&store);
    buf_fini(&wire);
}

static void v5_names_are_known(void **state)
{
    (void)state;
    assert_string_equal(smpp_tag_name(SMPP_TAG_BROADCAST_AREA_IDENTIFIER),
                        "broadcast_area_identifier");
    assert_string_equal(smpp_tag_name(0x060B), "billing_identification");
    assert_string_equal(smpp_tag_name(0x0613), "dest_addr_np_country");
    assert_string_equal(smpp_status_name(0x112), "RINVBCASTCHANIND");
    assert_int_equal(smpp_status_class(0x10D), SMPP_CLASS_PERMANENT);
    assert_string_equal(smpp_command_name(0x80000113), "cancel_broadcast_sm_resp");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds_of_destination),
        cmocka_unit_test(a_broken_list_has_its_status),
        cmocka_unit_test(a_broken_response_keeps_what_it_can),
        cmocka_unit_test(as_many_as_254),
        cmocka_unit_test(encoding_refuses_a_list_that_is_none),
        cmocka_unit_test(v5_names_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
