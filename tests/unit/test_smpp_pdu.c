/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire codec: every PDU type decoded, encoded again to the same octets and cut at every octet
 * against an unmapped page; what is tolerated, what is refused and with which status; hard cases
 * 1-6.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/smpp_bytes.h"

#define SM_HEAD                                                                                    \
    "'CMT' 00 01 01 'Coko' 00 01 01 '22177' 00 40 00 01 00 '000000120000000R' 00 01 00 08 00"

/* One PDU of every type, TLVs where the type may carry them. */
static const struct sample {
    uint32_t id;
    uint32_t status;
    const char *body;
} samples[] = {
    {SMPP_GENERIC_NACK, SMPP_RINVCMDID, ""},
    {SMPP_BIND_RECEIVER, 0, "'coko' 00 'secret' 00 'VMA' 00 34 01 02 '^221' 00"},
    {SMPP_BIND_RECEIVER_RESP, 0, "'SMSC' 00 0210 0001 34"},
    {SMPP_BIND_TRANSMITTER, 0, "'coko' 00 'password9' 00 00 50 00 00 00"},
    {SMPP_BIND_TRANSMITTER_RESP, 0, "'SMSC' 00"},
    {SMPP_QUERY_SM, 0, "'id7' 00 01 01 '22177' 00"},
    {SMPP_QUERY_SM_RESP, 0, "'id7' 00 '260101120000000+' 00 02 00"},
    {SMPP_SUBMIT_SM, 0, SM_HEAD " 05 'hello'"},
    {SMPP_SUBMIT_SM, 0, SM_HEAD " 00 0424 0003 'abc' 0204 0002 0007"},
    {SMPP_SUBMIT_SM_RESP, 0, "'2B9' 00 0428 0001 50"},
    {SMPP_DELIVER_SM, 0, SM_HEAD " 03 00 40 FF 001E 0004 '2B9' 00 0427 0001 02 7777 0000"},
    {SMPP_DELIVER_SM_RESP, 0, "00"},
    {SMPP_UNBIND, 0, ""},
    {SMPP_UNBIND_RESP, 0, ""},
    {SMPP_REPLACE_SM, 0, "'id7' 00 01 01 '22177' 00 00 00 01 00 02 'hi'"},
    {SMPP_REPLACE_SM_RESP, 0, ""},
    {SMPP_CANCEL_SM, 0, "00 'id7' 00 01 01 '22177' 00 01 01 '22178' 00"},
    {SMPP_CANCEL_SM_RESP, 0, ""},
    {SMPP_BIND_TRANSCEIVER, 0, "'coko' 00 'secret' 00 'VMA' 00 34 01 02 '^221' 00"},
    {SMPP_BIND_TRANSCEIVER_RESP, 0, "'SMSC' 00 0210 0001 34"},
    {SMPP_OUTBIND, 0, "'SMSC' 00 'pw' 00"},
    {SMPP_ENQUIRE_LINK, 0, ""},
    {SMPP_ENQUIRE_LINK_RESP, 0, ""},
    {SMPP_ALERT_NOTIFICATION, 0, "01 01 '22177' 00 01 01 'coko' 00 0422 0001 00"},
    {SMPP_DATA_SM, 0, "'CMT' 00 01 01 'a' 00 01 01 'b' 00 04 01 00 0424 0002 'xy'"},
    {SMPP_DATA_SM_RESP, 0, "'id' 00 0425 0001 01"},
    {SMPP_SUBMIT_MULTI, 0,
     "'CMT' 00 01 01 'Coko' 00 03 01 0101 '22177' 00 02 'readers' 00 01 00 00 00"
     " 40 00 01 00 '000000120000000R' 00 01 00 08 00 05 'hello' 0204 0002 0007"},
    {SMPP_SUBMIT_MULTI_RESP, 0, "'2B9' 00 02 0101 '22177' 00 0000000B 00 00 00 00000014"},
    {SMPP_SUBMIT_MULTI_RESP, 0, "'2B9' 00 00 0428 0001 50"},
    {SMPP_BROADCAST_SM, 0,
     "'CBS' 00 01 01 'Coko' 00 00 01 00 '000000120000000R' 00 00 08 00"
     " 0606 0003 00 'CI' 0601 0003 00 0001 0604 0002 0001 0605 0003 08 0001 0424 0002 'hi'"},
    {SMPP_BROADCAST_SM_RESP, 0, "'B1' 00 0607 0004 00000108 0606 0002 00 'x'"},
    {SMPP_QUERY_BROADCAST_SM, 0, "'B1' 00 01 01 'Coko' 00 0204 0002 0007"},
    {SMPP_QUERY_BROADCAST_SM_RESP, 0, "'B1' 00 0427 0001 02 0606 0003 00 'CI' 0608 0001 64"},
    {SMPP_CANCEL_BROADCAST_SM, 0, "'CBS' 00 'B1' 00 01 01 'Coko' 00 0601 0003 00 0001"},
    {SMPP_CANCEL_BROADCAST_SM_RESP, 0, ""},
};

static struct pdu decode_ok(const uint8_t *p, size_t n)
{
    struct pdu pdu;
    struct err e;

    if (pdu_decode(p, n, &pdu, &e) != 0)
        fail_msg("%s", e.msg);
    return pdu;
}

static struct pdu body_ok(uint32_t id, uint32_t status, const char *body)
{
    static uint8_t bytes[PDU_MAX];

    return decode_ok(bytes, make_pdu(bytes, sizeof bytes, id, status, 7, body));
}

static void refused(uint32_t id, const char *body, uint32_t fault)
{
    uint8_t bytes[1024];
    struct pdu pdu;
    struct err e;
    size_t n = make_pdu(bytes, sizeof bytes, id, 0, 7, body);

    assert_int_equal(pdu_decode(bytes, n, &pdu, &e), -1);
    assert_int_equal(pdu.fault, fault);
    assert_int_equal(pdu.seq, 7);
    assert_int_equal(e.code, ERR_PROTOCOL);
}

static void assert_str(struct str got, const char *want)
{
    if (!str_eq_c(got, want))
        fail_msg("'%" STR_FMT "' is not '%s'", STR_ARG(got), want);
}

static size_t encode_again(const struct pdu *p, uint8_t *out, size_t cap)
{
    struct smpp_tlv tlvs[8];
    struct str rest = p->tlvs;
    struct buf b;
    struct err e;
    size_t count = 0;

    while (count < 8 && pdu_tlv_next(&rest, &tlvs[count]))
        count++;
    buf_init_fixed(&b, out, cap);
    if (pdu_encode(&b, p, tlvs, count, &e) != 0)
        fail_msg("%s", e.msg);
    return b.len;
}

static void every_type_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        uint8_t bytes[512], again[512];
        size_t n = make_pdu(bytes, sizeof bytes, samples[i].id, samples[i].status, 0xFEDCBA98,
                            samples[i].body);
        struct pdu pdu = decode_ok(bytes, n);

        assert_int_equal(pdu.seq, 0xFEDCBA98);
        assert_int_equal(pdu.flags, 0);
        assert_int_equal(encode_again(&pdu, again, sizeof again), n);
        assert_memory_equal(bytes, again, n);
        assert_string_not_equal(smpp_command_name(pdu.id), "unknown");
    }
}

static void fields_of_submit_sm_are_where_they_belong(void **state)
{
    struct pdu p = body_ok(SMPP_SUBMIT_SM, 0, SM_HEAD " 05 'h' 00 'llo' 0204 0002 0102");
    uint32_t reference = 0;

    (void)state;
    assert_str(p.sm.service_type, "CMT");
    assert_str(p.sm.source, "Coko");
    assert_str(p.sm.dest, "22177");
    assert_int_equal(p.sm.esm_class, 0x40);
    assert_int_equal(p.sm.priority, 1);
    assert_str(p.sm.schedule, "");
    assert_str(p.sm.validity, "000000120000000R");
    assert_int_equal(p.sm.registered_delivery, 1);
    assert_int_equal(p.sm.data_coding, 8);
    assert_int_equal(p.sm.message.n, 5); /* case 3: a NUL inside short_message is a character */
    assert_memory_equal(p.sm.message.p, "h\0llo", 5);
    assert_true(pdu_tlv_number(&p, SMPP_TAG_USER_MESSAGE_REFERENCE, &reference));
    assert_int_equal(reference, 0x0102);
}

/* Whatever the length field says, nothing is read behind the octets that came. */
static void cut_at_every_octet_stays_inside(void **state)
{
    struct guard g;

    (void)state;
    guard_init(&g, 512);
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        uint8_t bytes[512];
        size_t n =
            make_pdu(bytes, sizeof bytes, samples[i].id, samples[i].status, 7, samples[i].body);

        for (size_t cut = 0; cut <= n; cut++) {
            const uint8_t *at = guard_lay(&g, bytes, cut);
            struct pdu pdu;
            struct err e;
            size_t length;

            assert_int_equal(pdu_frame(at, cut, PDU_MAX, &length), cut < n ? PDU_MORE : PDU_READY);
            if (cut < PDU_HEADER)
                continue;
            if (pdu_decode(at, cut, &pdu, &e) != 0)
                assert_true(pdu.fault != 0 && !pdu_is_response(pdu.id));
            (void)pdu_text(&pdu, NULL);
        }
    }
    guard_fini(&g);
}

static void hard_1_frames_are_found_at_every_split(void **state)
{
    uint8_t bytes[512];
    size_t n = make_pdu(bytes, sizeof bytes, SMPP_SUBMIT_SM, 0, 1, SM_HEAD " 01 'x'"), length;

    (void)state;
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(pdu_frame(bytes, cut, PDU_MAX, &length), PDU_MORE);
    assert_int_equal(pdu_frame(bytes, n, PDU_MAX, &length), PDU_READY);
    assert_int_equal(pdu_frame(bytes, n + 300, PDU_MAX, &length), PDU_READY);
    assert_int_equal(length, n);
}

static void hard_2_impossible_lengths_are_named(void **state)
{
    static const struct {
        const char *hex;
        enum pdu_framing want;
    } cases[] = {
        {"00000000", PDU_BAD_LENGTH}, {"00000004", PDU_BAD_LENGTH}, {"0000000F", PDU_BAD_LENGTH},
        {"00000010", PDU_MORE},       {"7FFFFFFF", PDU_BAD_LENGTH}, {"FFFFFFFF", PDU_BAD_LENGTH},
        {"000000", PDU_MORE},         {"00001000", PDU_MORE},       {"00001001", PDU_BAD_LENGTH},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t bytes[4];
        size_t length, n = from_hex(cases[i].hex, bytes, sizeof bytes);

        assert_int_equal(pdu_frame(bytes, n, PDU_MAX_UNBOUND, &length), cases[i].want);
    }
    refused(SMPP_SUBMIT_SM, "", SMPP_RINVSERTYP); /* 16 with the body missing */
    refused(SMPP_BIND_TRANSCEIVER, "", SMPP_RINVSYSID);
}

static void hard_3_strings_without_end_full_and_over(void **state)
{
    struct pdu p = body_ok(SMPP_QUERY_SM, 0, "'id' 00 00 00 '12345678901234567890' 00");

    (void)state;
    assert_int_equal(p.query.source.n, 20);
    p = body_ok(SMPP_SUBMIT_SM, 0, SM_HEAD " 03 'a' 00 'b'");
    assert_true(str_eq(p.sm.message, STR("a\0b")));
    refused(SMPP_QUERY_SM, "'id' 00 00 00 '123456789012345678901' 00", SMPP_RINVSRCADR);
    refused(SMPP_QUERY_SM, "'id' 00 00 00 '1234'", SMPP_RINVSRCADR);
    refused(SMPP_QUERY_SM, "'id' 00 00", SMPP_RINVCMDLEN);
}

static void hard_4_tlv_streams(void **state)
{
    struct pdu p =
        body_ok(SMPP_DELIVER_SM, 0, SM_HEAD " 00 FFFF 0001 07 0427 0001 02 0427 0001 05 04");
    uint32_t v = 0;

    (void)state;
    assert_true(pdu_tlv_number(&p, SMPP_TAG_MESSAGE_STATE, &v));
    assert_int_equal(v, 2); /* the first wins */
    assert_int_equal(p.duplicate_tlvs, 1);
    assert_true(pdu_tlv_number(&p, 0xFFFF, &v)); /* unknown ones are kept */
    assert_int_equal(v, 7);
    assert_int_equal(p.flags, PDU_TRAILING); /* half a tag behind the last */
    refused(SMPP_DELIVER_SM, SM_HEAD " 00 0427 0009 02", SMPP_RINVOPTPARSTREAM);
    p = body_ok(SMPP_SUBMIT_SM_RESP, 0, "'id' 00 0428 0001 50 0427 0009 02");
    assert_int_equal(p.flags, PDU_BODY_BAD); /* a response counts all the same */
    assert_true(pdu_tlv_number(&p, SMPP_TAG_CONGESTION_STATE, &v));
}

static void hard_4_sixteen_thousand_empty_tlvs(void **state)
{
    static uint8_t bytes[PDU_MAX];
    size_t n = make_pdu(bytes, sizeof bytes, SMPP_DELIVER_SM, 0, 1, SM_HEAD " 00");
    struct smpp_tlv tlv;
    struct str rest;
    struct pdu p;
    size_t count = 0;

    (void)state;
    memset(bytes + n, 0, 64000);
    bytes[2] = (uint8_t)((n + 64000) >> 8);
    bytes[3] = (uint8_t)(n + 64000);
    p = decode_ok(bytes, n + 64000);
    assert_int_equal(p.duplicate_tlvs, 15999);
    for (rest = p.tlvs; pdu_tlv_next(&rest, &tlv);)
        count++;
    assert_int_equal(count, 16000);
}

static void hard_5_message_lengths(void **state)
{
    uint8_t bytes[1024];
    struct pdu p;
    size_t n = make_pdu(bytes, sizeof bytes, SMPP_SUBMIT_SM, 0, 1, SM_HEAD " FF");
    bool twice;

    (void)state;
    refused(SMPP_SUBMIT_SM, SM_HEAD " 06 'hello'", SMPP_RINVMSGLEN);
    memset(bytes + n, 'x', 255);
    p = decode_ok(bytes, n + 255);
    assert_int_equal(p.sm.message.n, 255);
    p = body_ok(SMPP_SUBMIT_SM, 0, SM_HEAD " 02 'ab' 0424 0003 'xyz'");
    assert_str(pdu_text(&p, &twice), "ab");
    assert_true(twice);
    p = body_ok(SMPP_SUBMIT_SM, 0, SM_HEAD " 00 0424 0003 'xyz'");
    assert_str(pdu_text(&p, &twice), "xyz");
    assert_false(twice);
    p = body_ok(SMPP_SUBMIT_SM, 0, SM_HEAD " 00");
    assert_str(pdu_text(&p, &twice), "");
}

static void hard_6_submit_responses_in_every_shape(void **state)
{
    struct pdu p = body_ok(SMPP_SUBMIT_SM_RESP, SMPP_RTHROTTLED, "");

    (void)state;
    assert_int_equal(p.flags, PDU_BODY_NONE);
    p = body_ok(SMPP_SUBMIT_SM_RESP, SMPP_RTHROTTLED, "00");
    assert_int_equal(p.flags, 0);
    p = body_ok(SMPP_SUBMIT_SM_RESP, 0x4A1, "'id' 00 001D 0003 'why'");
    assert_str(p.message_id.message_id, "id");
    p = body_ok(SMPP_SUBMIT_SM_RESP, 0, "");
    assert_str(p.message_id.message_id, "");
    p = body_ok(SMPP_SUBMIT_SM_RESP, 0, "'no end'");
    assert_str(p.message_id.message_id, "no end");
    assert_int_equal(p.flags, PDU_BODY_BAD);
}

static void hard_6_long_ids_are_kept(void **state)
{
    char body[256];

    (void)state;
    for (int n = 64; n <= 200; n += 68) {
        struct pdu p;

        (void)snprintf(body, sizeof body, "'%0*d' 00", n, 7);
        p = body_ok(SMPP_SUBMIT_SM_RESP, 0, body);
        assert_int_equal(p.message_id.message_id.n, n);
        assert_int_equal(p.flags, n > 64 ? PDU_BODY_BAD : 0);
    }
}

static void unknown_commands_keep_their_header(void **state)
{
    uint8_t bytes[64];
    struct pdu p;
    struct err e;
    size_t n = make_pdu(bytes, sizeof bytes, 0x80000777, 3, 9, "0102");

    (void)state;
    refused(0x00000777, "", SMPP_RINVCMDID);
    assert_int_equal(pdu_decode(bytes, n, &p, &e), -1);
    assert_int_equal(p.fault, 0); /* never answered */
    assert_int_equal(p.seq, 9);
    assert_int_equal(p.status, 3);
}

static void a_body_too_long_is_only_noted(void **state)
{
    struct pdu p = body_ok(SMPP_ENQUIRE_LINK, 0, "010203040506");

    (void)state;
    assert_int_equal(p.flags, PDU_TRAILING);
    p = body_ok(SMPP_BIND_TRANSCEIVER, 0, "'a' 00 'b' 00 00 50 00 00 00 1400 0001 00");
    assert_int_equal(p.flags, PDU_TRAILING);
    assert_int_equal(p.bind.interface_version, 0x50);
}

static void encoding_refuses_what_does_not_fit(void **state)
{
    char mem[256];
    struct buf b;
    struct err e;
    struct pdu p;

    (void)state;
    buf_init_fixed(&b, mem, sizeof mem);
    buf_puts(&b, "before");
    pdu_start(&p, SMPP_SUBMIT_SM, 0, 1);
    p.sm.source = STR("123456789012345678901");
    assert_int_equal(pdu_encode(&b, &p, NULL, 0, &e), -1);
    assert_int_equal(e.code, ERR_TOO_BIG);
    p.sm.source = str_n("a\0b", 3);
    assert_int_equal(pdu_encode(&b, &p, NULL, 0, &e), -1);
    assert_int_equal(e.code, ERR_BAD_INPUT);
    p.sm.source = STR_EMPTY;
    p.sm.message = str_n(mem, 256);
    assert_int_equal(pdu_encode(&b, &p, NULL, 0, &e), -1);
    p.sm.message = str_n(mem, 255); /* fits the field, not the buffer */
    assert_int_equal(pdu_encode(&b, &p, NULL, 0, &e), -1);
    assert_str(buf_str(&b), "before");
    p.sm.message = STR("ok");
    assert_int_equal(pdu_encode(&b, &p, NULL, 0, &e), 0);
}

static void a_refusing_response_has_no_body(void **state)
{
    uint8_t bytes[64], again[64];
    size_t n = make_pdu(bytes, sizeof bytes, SMPP_DELIVER_SM_RESP, SMPP_RX_T_APPN, 5, "");
    struct pdu p;

    (void)state;
    pdu_start(&p, SMPP_DELIVER_SM_RESP, SMPP_RX_T_APPN, 5);
    assert_int_equal(encode_again(&p, again, sizeof again), n);
    assert_memory_equal(bytes, again, n);
}

static void statuses_fall_into_their_classes(void **state)
{
    static const struct {
        uint32_t status;
        enum smpp_class class;
    } cases[] = {
        {0, SMPP_CLASS_OK},           {0x08, SMPP_CLASS_RETRY},     {0x14, SMPP_CLASS_DEFER},
        {0x58, SMPP_CLASS_THROTTLE},  {0x64, SMPP_CLASS_RETRY},     {0x45, SMPP_CLASS_ONCE},
        {0xFE, SMPP_CLASS_RETRY},     {0x0A, SMPP_CLASS_PERMANENT}, {0x0B, SMPP_CLASS_PERMANENT},
        {0x01, SMPP_CLASS_PERMANENT}, {0x33, SMPP_CLASS_PERMANENT}, {0x41, SMPP_CLASS_PERMANENT},
        {0x4C, SMPP_CLASS_PERMANENT}, {0x61, SMPP_CLASS_PERMANENT}, {0xC4, SMPP_CLASS_PERMANENT},
        {0x0D, SMPP_CLASS_ROUTE},     {0x0E, SMPP_CLASS_ROUTE},     {0x0F, SMPP_CLASS_ROUTE},
        {0x04, SMPP_CLASS_ROUTE},     {0x05, SMPP_CLASS_ROUTE},     {0x53, SMPP_CLASS_ROUTE},
        {0x400, SMPP_CLASS_VENDOR},   {0x5A, SMPP_CLASS_VENDOR},    {0xFFFFFFFF, SMPP_CLASS_VENDOR},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(smpp_status_class(cases[i].status), cases[i].class);
    assert_string_equal(smpp_status_name(0x58), "RTHROTTLED");
    assert_string_equal(smpp_status_name(0x4FF), "vendor");
    assert_string_equal(smpp_status_name(0x5A), "unknown");
    assert_string_equal(smpp_tag_name(0x0424), "message_payload");
    assert_string_equal(smpp_class_name(SMPP_CLASS_ROUTE), "route");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_back_as_it_was),
        cmocka_unit_test(fields_of_submit_sm_are_where_they_belong),
        cmocka_unit_test(cut_at_every_octet_stays_inside),
        cmocka_unit_test(hard_1_frames_are_found_at_every_split),
        cmocka_unit_test(hard_2_impossible_lengths_are_named),
        cmocka_unit_test(hard_3_strings_without_end_full_and_over),
        cmocka_unit_test(hard_4_tlv_streams),
        cmocka_unit_test(hard_4_sixteen_thousand_empty_tlvs),
        cmocka_unit_test(hard_5_message_lengths),
        cmocka_unit_test(hard_6_submit_responses_in_every_shape),
        cmocka_unit_test(hard_6_long_ids_are_kept),
        cmocka_unit_test(unknown_commands_keep_their_header),
        cmocka_unit_test(a_body_too_long_is_only_noted),
        cmocka_unit_test(encoding_refuses_what_does_not_fit),
        cmocka_unit_test(a_refusing_response_has_no_body),
        cmocka_unit_test(statuses_fall_into_their_classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
