/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The five dialects of USSD over SMPP, as their profiles say them: what a delivery is, whose
 * dialogue it belongs to, and the exact fields of the reply. Hard case 35 as far as one message goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/ussd/profile.h"
#include "tests/unit/smpp_bytes.h"

#define PROFILES COKO_SOURCE_DIR "/gateway/ussd/profiles/"

enum { TATA, SIXDEE, MICA, HUAWEI, NOWSMS, DIALECTS };

static const char *const names[DIALECTS] = {"smpp_tata", "smpp_6d", "smpp_mica", "smpp_huawei",
                                            "smpp_nowsms"};
static struct profile profiles[DIALECTS];

static int load(void **state)
{
    struct fault_list faults;
    int rc = 0;

    (void)state;
    fault_init(&faults);
    for (int i = 0; i < DIALECTS; i++) {
        char path[256];

        snprintf(path, sizeof path, PROFILES "%s.json", names[i]);
        rc |= profile_load(path, &profiles[i], &faults);
    }
    fault_fini(&faults);
    return rc;
}

/* A delivery: TLVs as hex, "" for none. */
struct said {
    const char *service_type, *op, *info, *reference, *text;
};

static size_t add_hex(struct smpp_tlv *tlvs, size_t n, uint16_t tag, const char *hex, uint8_t *mem)
{
    size_t len = from_hex(hex, mem, 64);

    if (len > 0)
        tlvs[n++] = (struct smpp_tlv){.tag = tag, .value = str_n(mem, len)};
    return n;
}

/* Through the wire and back, against an unmapped page. */
static int hear(int dialect, const struct said *s, struct dialect_talk *talk, char *text)
{
    uint8_t mem[3][64], wire[2048];
    struct smpp_tlv tlvs[3];
    struct pdu p;
    struct buf out;
    struct err e = {0};
    struct guard g;
    size_t n = 0;

    pdu_start(&p, SMPP_DELIVER_SM, 0, 7);
    p.sm.service_type = str_c(s->service_type);
    p.sm.source = STR("2250700000041");
    p.sm.source_ton = p.sm.source_npi = 1;
    p.sm.dest = dialect == MICA ? STR_EMPTY : STR("*384*26#");
    p.sm.dest_npi = 1;
    p.sm.message = str_c(s->text);
    n = add_hex(tlvs, n, SMPP_TAG_USSD_SERVICE_OP, s->op, mem[0]);
    n = add_hex(tlvs, n, SMPP_TAG_ITS_SESSION_INFO, s->info, mem[1]);
    n = add_hex(tlvs, n, SMPP_TAG_USER_MESSAGE_REFERENCE, s->reference, mem[2]);
    buf_init_fixed(&out, wire, sizeof wire);
    assert_int_equal(pdu_encode(&out, &p, tlvs, n, &e), 0);
    guard_init(&g, sizeof wire);
    assert_int_equal(pdu_decode(guard_lay(&g, wire, out.len), out.len, &p, &e), 0);
    buf_init_fixed(&out, text, DIALECT_INPUT_MAX);
    int rc = dialect_decode(&profiles[dialect].dialect, &p, ALPHABET_GSM7, talk, &out, &e);

    text[out.len] = '\0';
    guard_fini(&g);
    return rc;
}

static void every_dialect_reads_its_deliveries(void **state)
{
    static const struct {
        int dialect;
        struct said said;
        enum dialect_kind kind;
        const char *key; /* hex */
    } rows[] = {
        {TATA, {"USSD", "01", "05 02", "", "*384*26#"}, DIALECT_BEGIN, "05 02"},
        {TATA, {"", "12", "05 02", "", "1"}, DIALECT_ANSWER, "05 02"},
        {TATA, {"USSD", "12", "05 03", "", ""}, DIALECT_ABORT, "05 02"}, /* the end bit */
        {TATA, {"USSD", "81", "05 02", "", ""}, DIALECT_ABORT, "05 02"},
        {TATA, {"USSD", "13", "05 02", "", ""}, DIALECT_TOLD, "05 02"},
        {SIXDEE, {"USSD", "01", "7F FE", "", "*384*26#"}, DIALECT_BEGIN, "7F FE"},
        {SIXDEE, {"USSD", "12", "7F FE", "", "9"}, DIALECT_ANSWER, "7F FE"},
        {SIXDEE, {"USSD", "81", "7F FF", "", ""}, DIALECT_ABORT, "7F FE"},
        {MICA, {"USSD", "01", "", "01 02", "*384*26#"}, DIALECT_BEGIN, "01 02"},
        {MICA, {"USSD", "12", "", "01 02", "2"}, DIALECT_ANSWER, "01 02"},
        {MICA, {"USSD", "81", "", "01 02", ""}, DIALECT_ABORT, "01 02"},
        {HUAWEI, {"BR", "", "", "", "*384*26#"}, DIALECT_BEGIN, ""},
        {HUAWEI, {"CA", "", "", "", "1"}, DIALECT_ANSWER, ""},
        {HUAWEI, {"CR", "", "", "", "1"}, DIALECT_ANSWER, ""},
        {HUAWEI, {"EF", "", "", "", ""}, DIALECT_ABORT, ""},
        {HUAWEI, {"AF", "", "", "", ""}, DIALECT_ABORT, ""},
        {NOWSMS, {"USSD", "01", "2A 00", "", "*384*26#"}, DIALECT_BEGIN, "2A 00"},
        {NOWSMS, {"USSD", "12", "2A 01", "", "1"}, DIALECT_ANSWER, "2A 00"}, /* not an end here */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialect_talk talk;
        char text[DIALECT_INPUT_MAX + 1];
        uint8_t key[64];
        size_t n = from_hex(rows[i].key, key, sizeof key);

        if (hear(rows[i].dialect, &rows[i].said, &talk, text) != 0)
            fail_msg("row %zu is refused", i);
        if (talk.kind != rows[i].kind || talk.key_len != n || memcmp(talk.key, key, n) != 0)
            fail_msg("row %zu: kind %d, a key of %u octets", i, talk.kind, talk.key_len);
        assert_string_equal(text, rows[i].said.text);
        assert_string_equal(talk.peer.number, "2250700000041");
    }
}

/* Hard case 35: what is not understood concludes nothing. */
static void hard_35_what_a_dialect_does_not_know_is_refused(void **state)
{
    static const struct {
        int dialect;
        struct said said;
    } rows[] = {
        {TATA, {"USSD", "07", "05 02", "", "1"}}, /* a reserved op */
        {TATA, {"USSD", "02", "05 02", "", "1"}}, /* our own, come back (node-smpp 221) */
        {TATA, {"USSD", "17", "05 02", "", "1"}}, /* hexadecimal 17 is not seventeen */
        {TATA, {"USSD", "FF", "05 02", "", "1"}},
        {TATA, {"USSD", "01", "", "", "*384*26#"}}, /* no session */
        {TATA, {"USSD", "01", "00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10", "", ""}},
        {MICA, {"USSD", "01", "05 02", "", "*384*26#"}},
        {HUAWEI, {"", "01", "05 02", "", "*384*26#"}},
        {HUAWEI, {"FR", "", "", "", "1"}}, /* a charge */
        {HUAWEI, {"USSD", "", "", "", "1"}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialect_talk talk;
        char text[DIALECT_INPUT_MAX + 1];

        if (hear(rows[i].dialect, &rows[i].said, &talk, text) == 0)
            fail_msg("row %zu is taken", i);
    }
}

static void assert_tlv(const struct dialect_reply *r, uint16_t tag, const char *hex)
{
    uint8_t want[64];
    size_t n = from_hex(hex, want, sizeof want);

    for (size_t i = 0; i < r->ntlvs; i++) {
        if (r->tlvs[i].tag != tag)
            continue;
        assert_int_equal(r->tlvs[i].value.n, n);
        assert_memory_equal(r->tlvs[i].value.p, want, n);
        return;
    }
    assert_int_equal(n, 0);
}

static void every_dialect_asks_and_closes(void **state)
{
    static const struct {
        int dialect;
        struct said heard;
        enum dialect_word word;
        struct said reply;
    } rows[] = {
        {TATA, {"USSD", "01", "05 02", "", ""}, DIALECT_ASK, {"USSD", "02", "05 02", "", ""}},
        {TATA, {"USSD", "12", "05 02", "", ""}, DIALECT_CLOSE, {"USSD", "02", "05 03", "", ""}},
        {SIXDEE, {"USSD", "01", "7F FE", "", ""}, DIALECT_ASK, {"USSD", "02", "7F FE", "", ""}},
        {SIXDEE, {"USSD", "12", "7F FE", "", ""}, DIALECT_CLOSE, {"USSD", "11", "7F FF", "", ""}},
        {MICA, {"USSD", "01", "", "01 02", ""}, DIALECT_ASK, {"USSD", "02", "", "01 02", ""}},
        {MICA, {"USSD", "12", "", "01 02", ""}, DIALECT_CLOSE, {"USSD", "11", "", "01 02", ""}},
        {HUAWEI, {"BR", "", "", "", ""}, DIALECT_ASK, {"CR", "", "", "", ""}},
        {HUAWEI, {"CA", "", "", "", ""}, DIALECT_CLOSE, {"EF", "", "", "", ""}},
        {NOWSMS, {"USSD", "01", "2A 01", "", ""}, DIALECT_ASK, {"USSD", "02", "2A 01", "", ""}},
        {NOWSMS, {"USSD", "12", "2A 00", "", ""}, DIALECT_CLOSE, {"USSD", "11", "2A 00", "", ""}},
        /* hard case 35: 1, 4 or 8 octets go back as they came, but for the end bit */
        {TATA, {"USSD", "12", "04", "", ""}, DIALECT_CLOSE, {"USSD", "02", "05", "", ""}},
        {TATA,
         {"USSD", "01", "01 02 03 04", "", ""},
         DIALECT_ASK,
         {"USSD", "02", "01 02 03 04", "", ""}},
        {SIXDEE,
         {"USSD", "12", "01 02 03 04 05 06 07 08", "", ""},
         DIALECT_CLOSE,
         {"USSD", "11", "01 02 03 04 05 06 07 09", "", ""}},
        /* the network is rung */
        {TATA, {"USSD", "01", "05 02", "", ""}, DIALECT_PUSH_TELL, {"USSD", "03", "05 02", "", ""}},
        {HUAWEI, {"BR", "", "", "", ""}, DIALECT_PUSH_ASK, {"BR", "", "", "", ""}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct dialect *d = &profiles[rows[i].dialect].dialect;
        struct dialect_reply r;
        struct dialect_talk talk;
        char text[DIALECT_INPUT_MAX + 1];
        struct pdu p;

        assert_int_equal(hear(rows[i].dialect, &rows[i].heard, &talk, text), 0);
        dialect_reply(d, &talk.peer, rows[i].word, STR("Bienvenue"), &r);
        assert_tlv(&r, SMPP_TAG_USSD_SERVICE_OP, rows[i].reply.op);
        assert_tlv(&r, SMPP_TAG_ITS_SESSION_INFO, rows[i].reply.info);
        assert_tlv(&r, SMPP_TAG_USER_MESSAGE_REFERENCE, rows[i].reply.reference);
        pdu_start(&p, SMPP_SUBMIT_SM, 0, 0);
        dialect_submit(&r, &p.sm);
        assert_true(str_eq_c(p.sm.service_type, rows[i].reply.service_type));
        assert_true(str_eq(p.sm.message, STR("Bienvenue")));
        assert_true(str_eq_c(p.sm.dest, "2250700000041"));
        assert_true(str_eq_c(p.sm.source, rows[i].dialect == MICA ? "" : "*384*26#"));
        assert_int_equal(p.sm.registered_delivery, 0);
        assert_int_equal(p.sm.esm_class, 0);
    }
}

/* Hard case 35: a menu over the limit is cut, never concatenated. */
static void hard_35_a_text_over_182_septets_is_cut(void **state)
{
    struct dialect d = profiles[TATA].dialect;
    struct dialect_peer to = {.number = "1", .code = "2"};
    struct dialect_reply r;
    char longest[300];

    (void)state;
    memset(longest, 'a', sizeof longest);
    dialect_reply(&d, &to, DIALECT_ASK, str_n(longest, 160), &r);
    assert_int_equal(r.len, 160);
    assert_false(r.cut);
    dialect_reply(&d, &to, DIALECT_ASK, str_n(longest, 161), &r);
    assert_int_equal(r.len, 160);
    assert_true(r.cut);
    d.limit = 182;
    dialect_reply(&d, &to, DIALECT_ASK, str_n(longest, sizeof longest), &r);
    assert_int_equal(r.len, 182);
    d.limit = 1; /* the euro takes two */
    dialect_reply(&d, &to, DIALECT_ASK, STR("\xE2\x82\xAC"), &r);
    assert_int_equal(r.len, 0);
    d = (struct dialect){.ucs2 = true, .limit = 80, .coding = 8};
    dialect_reply(&d, &to, DIALECT_ASK, str_n(longest, sizeof longest), &r);
    assert_int_equal(r.len, 160);
    assert_true(r.cut);
}

static void texts_are_read_in_their_alphabet(void **state)
{
    static const struct {
        uint8_t coding;
        const char *octets, *text;
    } rows[] = {
        {0x00, "05", "\xC3\xA9"},    {0x0F, "05", "\xC3\xA9"}, {0x48, "00 E9", "\xC3\xA9"},
        {0x08, "00 E9", "\xC3\xA9"}, {0x03, "E9", "\xC3\xA9"}, {0x48, "00", "\xEF\xBF\xBD"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t octets[8];
        size_t n = from_hex(rows[i].octets, octets, sizeof octets);
        char mem[64];
        struct dialect_talk talk;
        struct buf text;
        struct err e = {0};
        struct pdu p;

        pdu_start(&p, SMPP_DELIVER_SM, 0, 1);
        p.sm.service_type = STR("BR");
        p.sm.source = STR("225");
        p.sm.dest = STR_EMPTY;
        p.sm.data_coding = rows[i].coding;
        p.sm.message = str_n(octets, n);
        buf_init_fixed(&text, mem, sizeof mem);
        assert_int_equal(
            dialect_decode(&profiles[HUAWEI].dialect, &p, ALPHABET_GSM7, &talk, &text, &e), 0);
        assert_true(str_eq_c(buf_str(&text), rows[i].text));
    }
}

static void only_letters_are_claimed_by_letters(void **state)
{
    struct pdu p;

    (void)state;
    pdu_start(&p, SMPP_DELIVER_SM, 0, 1);
    p.sm.service_type = STR("BR");
    assert_true(dialect_claims(&profiles[HUAWEI].dialect, &p));
    assert_false(dialect_claims(&profiles[TATA].dialect, &p));
    p.sm.service_type = STR_EMPTY; /* an ordinary SMS */
    assert_false(dialect_claims(&profiles[HUAWEI].dialect, &p));
}

/* '17' beside hexadecimal '12' was never decided in another gateway: here it is a fault. */
static void an_op_in_quotes_is_a_fault(void **state)
{
    static const char text[] =
        "{\"name\":\"x\",\"body\":\"smpp\",\"country\":\"\",\"charset\":\"gsm7\",\"smpp\":"
        "{\"session\":\"short_code\",\"says\":\"ussd_service_op\",\"service_type\":\"\","
        "\"begin\":[1],\"answer\":[\"18\"],\"ask\":2,\"close\":\"17\",\"push_ask\":2,"
        "\"push_tell\":300,\"surprise\":1}}";
    struct fault_list faults;
    struct profile p;

    (void)state;
    fault_init(&faults);
    assert_int_equal(profile_load_bytes("x.json", str_c(text), &p, &faults), -1);
    assert_int_equal(faults.count, 4);
    fault_fini(&faults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dialect_reads_its_deliveries),
        cmocka_unit_test(hard_35_what_a_dialect_does_not_know_is_refused),
        cmocka_unit_test(every_dialect_asks_and_closes),
        cmocka_unit_test(hard_35_a_text_over_182_septets_is_cut),
        cmocka_unit_test(texts_are_read_in_their_alphabet),
        cmocka_unit_test(only_letters_are_claimed_by_letters),
        cmocka_unit_test(an_op_in_quotes_is_a_fault),
    };

    return cmocka_run_group_tests(tests, load, NULL);
}
