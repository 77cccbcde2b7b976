/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an ESME submits, judged: which octets are carried as they came, which texts are cut again, and
 * the status of each refusal; hard cases 27 (headers), 5 (lengths), 26 (its own parts). Its receipts,
 * and the networks it may come from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/esme/esme_parts.h"
#include "gateway/esme/receipt_text.h"
#include "smpp/receipt.h"

#define NOW INT64_C(1767225600) /* 2026-01-01 00:00:00 UTC */

static const char *const two_senders[] = {"2626", "SHOP"};
static const char *const two_prefixes[] = {"22507", "221"};

static struct esme_config config_of(void)
{
    return (struct esme_config){.name = "shop",
                                .country = "CI",
                                .validity_ms = 86400000,
                                .alphabet = ALPHABET_GSM7,
                                .receipts = true};
}

static struct pdu pdu_of(const char *text)
{
    struct pdu p;

    pdu_start(&p, SMPP_SUBMIT_SM, 0, 1);
    p.sm.source = STR("SHOP");
    p.sm.dest = STR("2250701020304");
    p.sm.message = str_c(text);
    p.sm.registered_delivery = 1;
    return p;
}

static struct esme_request r;

static uint32_t judge(const struct esme_config *c, const struct pdu *p)
{
    memset(&r, 0xEE, sizeof r);
    return esme_request_read(c, p, NOW, &r);
}

static void a_text_is_kept_as_text(void **state)
{
    struct esme_config c = config_of();
    struct pdu p = pdu_of("caf\x05"); /* GSM-7 */

    (void)state;
    assert_int_equal(judge(&c, &p), 0);
    assert_string_equal(r.number.digits, "2250701020304");
    assert_string_equal(r.source, "SHOP");
    assert_string_equal(r.source_kind, "alphanumeric");
    assert_true(str_eq(str_n(r.body, r.len), STR("caf\xC3\xA9")));
    assert_int_equal(r.coding, -1);
    assert_int_equal(r.parts, 1);
    assert_int_equal(r.priority, 3);
    assert_int_equal(r.due_s, 0);
    assert_int_equal(r.validity_s, 86400);
    assert_int_equal(r.registered, 1);
    assert_true(r.plain && !r.udhi);
    c.receipts = false;
    p.sm.priority = 1;
    assert_int_equal(judge(&c, &p), 0);
    assert_int_equal(r.registered, 0);
    assert_int_equal(r.priority, 2);
}

static void a_payload_is_cut_again(void **state)
{
    struct esme_config c = config_of();
    char payload[4001];
    struct smpp_tlv tlv = {SMPP_TAG_MESSAGE_PAYLOAD, {payload, 4000}};
    struct pdu p = pdu_of(""), got;
    struct buf bytes;
    struct err e;

    (void)state;
    memset(payload, 'x', sizeof payload);
    for (size_t n = 4000; n <= 4001; n++) {
        tlv.value.n = n;
        buf_init(&bytes, 8192);
        assert_int_equal(pdu_encode(&bytes, &p, &tlv, 1, &e), 0);
        assert_int_equal(pdu_decode((const uint8_t *)bytes.p, bytes.len, &got, &e), 0);
        assert_int_equal(judge(&c, &got), n == 4000 ? 0 : SMPP_RINVMSGLEN);
        if (n == 4000) {
            assert_int_equal(r.parts, 27); /* of 153 septets */
            assert_int_equal(r.len, 4000);
        }
        buf_fini(&bytes);
    }
}

static void its_own_parts_go_as_they_came(void **state)
{
    static const char part[] = "\x05\x00\x03\x07\x02\x01"
                               "bonjour";
    struct esme_config c = config_of();
    struct pdu p = pdu_of("");

    (void)state;
    p.sm.esm_class = SMPP_ESM_UDHI;
    p.sm.message = str_n(part, sizeof part - 1);
    assert_int_equal(judge(&c, &p), 0);
    assert_true(r.udhi && r.parts == 1 && r.coding == 0);
    assert_true(str_eq(str_n(r.body, r.len), p.sm.message));
    p.sm.data_coding = 0xF5; /* to a port of the phone's */
    assert_int_equal(judge(&c, &p), 0);
    assert_int_equal(r.coding, 0xF5);
}

static void sar_becomes_a_header(void **state)
{
    static const struct smpp_tlv sar[] = {{SMPP_TAG_SAR_MSG_REF_NUM, {"\x12\x34", 2}},
                                          {SMPP_TAG_SAR_TOTAL_SEGMENTS, {"\x03", 1}},
                                          {SMPP_TAG_SAR_SEGMENT_SEQNUM, {"\x02", 1}}};
    struct esme_config c = config_of();
    struct pdu p = pdu_of("deux"), got;
    struct buf bytes;
    struct err e;

    (void)state;
    buf_init(&bytes, 512);
    assert_int_equal(pdu_encode(&bytes, &p, sar, 3, &e), 0);
    assert_int_equal(pdu_decode((const uint8_t *)bytes.p, bytes.len, &got, &e), 0);
    assert_int_equal(judge(&c, &got), 0);
    assert_true(r.udhi);
    assert_true(str_eq(str_n(r.body, r.len), STR("\x05\x00\x03\x34\x03\x02"
                                                 "deux")));
    got.sm.esm_class = SMPP_ESM_UDHI;
    got.sm.message = STR("\x05\x00\x03\x07\x02\x01x");
    assert_int_equal(judge(&c, &got), SMPP_RINVOPTPARAMVAL);
    buf_fini(&bytes);
}

static void what_one_part_holds(void **state)
{
    static const struct {
        uint8_t coding, esm_class;
        size_t len;
        uint32_t status;
        int kept; /* coding of octets, -1: text */
        unsigned parts;
    } rows[] = {
        {0, 0, 160, 0, -1, 1},
        {0, 0, 161, 0, -1, 2},
        {0, SMPP_ESM_UDHI, 159, 0, 0, 1}, /* 6 octets and 153 septets */
        {0, SMPP_ESM_UDHI, 160, SMPP_RINVMSGLEN, 0, 0},
        {0x10, 0, 160, 0, 0x10, 1}, /* flash */
        {0x10, 0, 161, 0, -1, 2},
        {1, 0, 160, 0, -1, 1},
        {8, 0, 140, 0, 8, 1},
        {8, 0, 142, 0, -1, 1}, /* fits GSM-7 */
        {8, SMPP_ESM_UDHI, 140, 0, 8, 1},
        {8, SMPP_ESM_UDHI, 142, SMPP_RINVMSGLEN, 0, 0},
        {4, 0, 140, 0, 4, 1},
        {4, 0, 141, SMPP_RINVMSGLEN, 0, 0},
    };
    struct esme_config c = config_of();
    char octets[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pdu p = pdu_of("");

        for (size_t k = 0; k < sizeof octets; k++)
            octets[k] = rows[i].coding == 4   ? (char)0x80
                        : k % 2               ? 'A'
                        : rows[i].coding == 8 ? 0
                                              : 'B';
        if (rows[i].esm_class != 0)
            memcpy(octets, "\x05\x00\x03\x07\x02\x01", 6);
        p.sm.message = str_n(octets, rows[i].len);
        p.sm.data_coding = rows[i].coding;
        p.sm.esm_class = rows[i].esm_class;
        assert_int_equal(judge(&c, &p), rows[i].status);
        if (rows[i].status == 0) {
            assert_int_equal(r.coding, rows[i].kept);
            assert_int_equal(r.parts, rows[i].parts);
        }
    }
}

static void flags_that_are_refused(void **state)
{
    struct esme_config c = config_of();
    struct pdu p = pdu_of("x");

    (void)state;
#define REFUSED(field, value, with)                                                                \
    do {                                                                                           \
        struct pdu q = p;                                                                          \
        q.sm.field = (value);                                                                      \
        assert_int_equal(judge(&c, &q), (with));                                                   \
    } while (0)
    REFUSED(dest, STR(""), SMPP_RINVDSTADR);
    REFUSED(dest, STR("BANK"), SMPP_RINVDSTADR);
    REFUSED(dest, STR("999999999999999"), SMPP_RINVDSTADR);
    REFUSED(source, STR("a name too long"), SMPP_RINVSRCADR);
    REFUSED(source, STR("1234567890123456"), SMPP_RINVSRCADR);
    REFUSED(source, STR("caf\xE9"), SMPP_RINVSRCADR);
    REFUSED(esm_class, 2, SMPP_RINVESMCLASS);
    REFUSED(esm_class, SMPP_ESM_RECEIPT, SMPP_RINVESMCLASS);
    REFUSED(esm_class, SMPP_ESM_UDHI, SMPP_RINVESMCLASS); /* 'x' is no header */
    REFUSED(priority, 4, SMPP_RINVPRTFLG);
    REFUSED(service_type, STR("USSD"), SMPP_RINVSERTYP);
    REFUSED(replace_if_present, 1, SMPP_RINVREPFLAG);
    REFUSED(default_msg_id, 1, SMPP_RINVDFTMSGID);
    REFUSED(schedule, STR("251231000000000+"), SMPP_RINVSCHED);
    REFUSED(schedule, STR("000200000000000R"), SMPP_RINVSCHED); /* 60 days */
    REFUSED(schedule, STR("soon"), SMPP_RINVSCHED);
    REFUSED(validity, STR("251231000000000+"), SMPP_RINVEXPIRY);
    REFUSED(validity, STR("never"), SMPP_RINVEXPIRY);
#undef REFUSED
}

static void schedule_and_validity(void **state)
{
    struct esme_config c = config_of();
    struct pdu p = pdu_of("x");

    (void)state;
    p.sm.schedule = STR("000000010000000R");
    p.sm.validity = STR("260101030000000+");
    assert_int_equal(judge(&c, &p), 0);
    assert_int_equal(r.due_s, 3600);
    assert_int_equal(r.validity_s, 7200);
    p.sm.validity = STR("260101010000000+"); /* ends as it begins */
    assert_int_equal(judge(&c, &p), SMPP_RINVEXPIRY);
    p.sm.schedule = STR("251231235900000+"); /* a clock that differs */
    p.sm.validity = STR("990000000000000R");
    assert_int_equal(judge(&c, &p), 0);
    assert_int_equal(r.due_s, 0);
    assert_int_equal(r.validity_s, 28 * 86400);
}

static void what_an_account_may(void **state)
{
    struct esme_config c = config_of();
    struct pdu p = pdu_of("x");

    (void)state;
    c.senders = (struct option_list){2, two_senders};
    c.prefixes = (struct option_list){2, two_prefixes};
    assert_int_equal(judge(&c, &p), 0);
    p.sm.source = STR("OTHER");
    assert_int_equal(judge(&c, &p), SMPP_RINVSRCADR);
    p.sm.source = STR_EMPTY;
    assert_int_equal(judge(&c, &p), 0);
    assert_string_equal(r.source, "2626");
    assert_string_equal(r.source_kind, "short_code");
    p.sm.dest = STR("0501020304"); /* national, of a network that is not its own */
    assert_int_equal(judge(&c, &p), SMPP_RINVDSTADR);
    p.sm.dest = STR("0701020304");
    assert_int_equal(judge(&c, &p), 0);
    assert_string_equal(r.number.digits, "2250701020304");
}

static void a_replacement(void **state)
{
    struct esme_config c = config_of();
    struct pdu p;

    (void)state;
    pdu_start(&p, SMPP_REPLACE_SM, 0, 1);
    p.replace.message = STR("autre");
    assert_int_equal(esme_request_replace(&c, &p, NOW, &r), 0);
    assert_true(str_eq(str_n(r.body, r.len), STR("autre")));
    assert_true(r.due_s == -1 && r.validity_s == -1);
    p.replace.schedule = STR("000000010000000R");
    p.replace.validity = STR("000000020000000R");
    assert_int_equal(esme_request_replace(&c, &p, NOW, &r), 0);
    assert_true(r.due_s == 3600 && r.validity_s == 3600);
    p.replace.message = STR("\xFF");
    assert_int_equal(esme_request_replace(&c, &p, NOW, &r), SMPP_RREPLACEFAIL);
}

static void receipts_read_back(void **state)
{
    static const struct {
        const char *state;
        enum receipt_state number;
    } rows[] = {{"delivered", RECEIPT_DELIVERED},
                {"failed", RECEIPT_UNDELIVERABLE},
                {"expired", RECEIPT_EXPIRED},
                {"cancelled", RECEIPT_DELETED}};
    struct receipt_owed owed = {.id = "9223372036854775807",
                                .parts = 27,
                                .delivered = 26,
                                .code = 11,
                                .submitted = "2601010000",
                                .done = "2601010001"};
    char text[RECEIPT_TEXT_MAX];
    struct receipt got;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        owed.state = rows[i].state;
        receipt_text_write(&owed, text);
        assert_int_equal(receipt_parse_text(str_c(text), &got, &e), 0);
        assert_int_equal(got.state, rows[i].number);
        assert_string_equal(got.ids[0], "9223372036854775807");
        assert_string_equal(got.err, "011");
        assert_string_equal(got.done_date, "2601010001");
        assert_non_null(strstr(text, "sub:027 dlvrd:026 submit date:2601010000 "));
    }
    assert_int_equal(receipt_text_state("sending"), RECEIPT_ENROUTE);
    owed.code = -1; /* not the carrier's: the part could not be made */
    receipt_text_write(&owed, text);
    assert_non_null(strstr(text, " err:000 "));
}

static void where_it_may_come_from(void **state)
{
    static const char *const networks[] = {"192.0.2.0/25", "2001:db8::/33", "198.51.100.7"};
    static const char *const bad[] = {"", "host", "192.0.2.0/33", "192.0.2.0/x", "1.2.3", "::/129"};
    struct option_list list = {3, networks}, none = {0, NULL};

    (void)state;
    assert_true(esme_address_allowed(&none, "203.0.113.1"));
    assert_true(esme_address_allowed(&list, "192.0.2.127"));
    assert_false(esme_address_allowed(&list, "192.0.2.128"));
    assert_true(esme_address_allowed(&list, "2001:db8:7fff::1"));
    assert_false(esme_address_allowed(&list, "2001:db8:8000::1"));
    assert_true(esme_address_allowed(&list, "198.51.100.7"));
    assert_false(esme_address_allowed(&list, "198.51.100.6"));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(esme_network_good(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_kept_as_text),
        cmocka_unit_test(a_payload_is_cut_again),
        cmocka_unit_test(its_own_parts_go_as_they_came),
        cmocka_unit_test(sar_becomes_a_header),
        cmocka_unit_test(what_one_part_holds),
        cmocka_unit_test(flags_that_are_refused),
        cmocka_unit_test(schedule_and_validity),
        cmocka_unit_test(what_an_account_may),
        cmocka_unit_test(a_replacement),
        cmocka_unit_test(receipts_read_back),
        cmocka_unit_test(where_it_may_come_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
