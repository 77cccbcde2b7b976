/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts to submits in the four ways of joining parts, validity, forms of ids, batches as JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "gateway/sms/batch.h"
#include "gateway/sms/compose.h"

static struct bind_config link_of(enum bind_concat concat)
{
    return (struct bind_config){.account = "lab",
                                .service_type = "",
                                .sender = "2626",
                                .sender_ton = 3,
                                .dest_ton = 1,
                                .dest_npi = 1,
                                .concat = (int)concat,
                                .encoding = BIND_ENCODING_GSM7,
                                .receipts = true};
}

static void fill(const struct bind_config *link, const struct segment *seg, unsigned no,
                 struct bind_scratch *scratch, struct smpp_submit *out)
{
    struct compose c = {.link = link, .seg = seg, .number = "2250701020304", .validity = ""};

    memset(out, 0, sizeof *out);
    compose_fill(&c, no, scratch, out);
    assert_int_equal(out->sm.registered_delivery, 1); /* on every part: M2 */
    assert_true(str_eq_c(out->sm.source, "2626"));
    assert_true(str_eq_c(out->sm.dest, "2250701020304"));
}

static char text[801];

static void plan(const struct bind_config *link, struct segment *seg)
{
    struct err e;

    memset(text, 'x', 800);
    assert_int_equal(
        compose_plan(link, &(struct compose_text){.text = str_c(text), .ref = 0x1234}, seg, &e), 0);
}

static void test_header(void **state)
{
    struct bind_config link = link_of(BIND_CONCAT_UDH8);
    struct bind_scratch scratch;
    struct smpp_submit m;
    struct segment seg;

    (void)state;
    plan(&link, &seg);
    assert_int_equal(compose_parts(&link, &seg), 6);
    fill(&link, &seg, 2, &scratch, &m);
    assert_int_equal(m.sm.esm_class, SMPP_ESM_UDHI);
    assert_memory_equal(m.sm.message.p, "\x05\x00\x03\x34\x06\x02", 6);
    assert_int_equal(m.sm.message.n, 6 + 153);
    segment_fini(&seg);
    link.concat = BIND_CONCAT_UDH16;
    plan(&link, &seg);
    fill(&link, &seg, 6, &scratch, &m);
    assert_memory_equal(m.sm.message.p, "\x06\x08\x04\x12\x34\x06\x06", 7);
    segment_fini(&seg);
}

static void test_sar_and_payload(void **state)
{
    struct bind_config link = link_of(BIND_CONCAT_SAR);
    struct bind_scratch scratch;
    struct smpp_submit m;
    struct segment seg;

    (void)state;
    plan(&link, &seg);
    fill(&link, &seg, 3, &scratch, &m);
    assert_int_equal(m.sm.esm_class, 0); /* never both: 0xC4 */
    assert_int_equal(m.sm.message.n, 153);
    assert_int_equal(m.tlv_count, 3);
    assert_memory_equal(m.tlvs[0].value.p, "\x00\x34", 2);
    assert_memory_equal(m.tlvs[1].value.p, "\x06", 1);
    assert_memory_equal(m.tlvs[2].value.p, "\x03", 1);
    segment_fini(&seg);
    link.concat = BIND_CONCAT_PAYLOAD;
    plan(&link, &seg);
    assert_int_equal(compose_parts(&link, &seg), 1);
    fill(&link, &seg, 1, &scratch, &m);
    assert_int_equal(m.sm.message.n, 0);
    assert_int_equal(m.tlv_count, 1);
    assert_int_equal(m.tlvs[0].value.n, 800);
    segment_fini(&seg);
}

/* The same rule stands in messaging.part_reference: test_sql_references.py has the same figures. */
static void test_reference(void **state)
{
    struct bind_config link = link_of(BIND_CONCAT_SAR);
    struct bind_scratch scratch;
    struct smpp_submit m;
    struct segment seg;

    (void)state;
    assert_int_equal(compose_reference(1, 1), 259);
    assert_int_equal(compose_reference(255, 2), 3);
    assert_int_equal(compose_reference(281474976710655, 255), 256);
    plan(&link, &seg);
    struct compose c = {.link = &link, .seg = &seg, .number = "1", .validity = "", .message = 255};

    link.reference = true;
    memset(&m, 0, sizeof m);
    compose_fill(&c, 2, &scratch, &m);
    assert_int_equal(m.tlv_count, 4); /* beside those of SAR */
    assert_int_equal(m.tlvs[3].tag, SMPP_TAG_USER_MESSAGE_REFERENCE);
    assert_memory_equal(m.tlvs[3].value.p, "\x00\x03", 2);
    assert_memory_equal(m.tlvs[2].value.p, "\x02", 1);
    segment_fini(&seg);
}

static void test_folding(void **state)
{
    struct bind_config link = link_of(BIND_CONCAT_UDH8);
    struct segment seg;
    struct err e;

    (void)state;
    /* hard case 29: one curly quote does not turn a chapter into UCS-2 */
    assert_int_equal(
        compose_plan(&link,
                     &(struct compose_text){.text = STR("l\xE2\x80\x99\xC5\x93uvre"), .ref = 1},
                     &seg, &e),
        0);
    assert_int_equal(seg.data_coding, 0);
    segment_fini(&seg);
    /* what folding would lose is sent as it is */
    assert_int_equal(
        compose_plan(&link,
                     &(struct compose_text){.text = STR("\xE6\x97\xA5\xE6\x9C\xAC"), .ref = 1},
                     &seg, &e),
        0);
    assert_int_equal(seg.data_coding, 8);
    segment_fini(&seg);
    link.encoding = BIND_ENCODING_AUTO;
    assert_int_equal(
        compose_plan(&link,
                     &(struct compose_text){.text = STR("l\xE2\x80\x99\xC5\x93uvre"), .ref = 1},
                     &seg, &e),
        0);
    assert_int_equal(seg.data_coding, 8);
    compose_wipe(&seg);
    assert_int_equal(
        compose_plan(&link, &(struct compose_text){.text = STR("\xFF"), .ref = 1}, &seg, &e), -1);
}

/* Repeats unit n times in text, behind first. */
static void fill_text(const char *first, const char *unit, size_t n)
{
    size_t at = strlen(first);

    memcpy(text, first, at);
    for (size_t i = 0; i < n; i++, at += strlen(unit))
        memcpy(text + at, unit, strlen(unit));
    text[at] = '\0';
}

/* Which way each rule takes, by the parts that it costs. */
static void test_rules_of_books(void **state)
{
    static const struct {
        enum compose_fold fold;
        const char *first, *unit;
        size_t n;
        unsigned tables;
        bool latin1;
        uint8_t data_coding, single;
        unsigned parts;
    } rows[] = {
        /* one letter in 200 characters: 3 parts of UCS-2 or 2 folded */
        {COMPOSE_KEEP, "\u00EA", "a", 200, 0, false, 8, 0, 3},
        {COMPOSE_CHEAP, "\u00EA", "a", 200, 0, false, 0, 0, 2},
        {COMPOSE_ALWAYS, "\u00EA", "a", 200, 0, false, 0, 0, 2},
        {COMPOSE_AS_LINK, "\u00EA", "a", 200, 0, false, 8, 0, 3},
        /* short enough for one part either way: cheap keeps the letter, always does not */
        {COMPOSE_CHEAP, "\u00EA", "a", 69, 0, false, 8, 0, 1},
        {COMPOSE_ALWAYS, "\u00EA", "a", 69, 0, false, 0, 0, 1},
        {COMPOSE_CHEAP, "\u00EA", "a", 70, 0, false, 0, 0, 1},
        /* signs are no letters: keep folds them to stay out of UCS-2, and only then */
        {COMPOSE_KEEP, "\u201C\u2019", "a", 199, 0, false, 0, 0, 2},
        {COMPOSE_KEEP, "\u201C\u2019", "a", 60, 0, false, 8, 0, 1},
        {COMPOSE_KEEP, "\u201C\u00EA", "a", 199, 0, false, 8, 0, 3},
        /* a shift table that the route takes keeps the letter; cheap counts its header */
        {COMPOSE_KEEP, "\u00EA", "a", 200, SEGMENT_PORTUGUESE, false, 0, 3, 2},
        {COMPOSE_CHEAP, "\u00EA", "a", 200, SEGMENT_PORTUGUESE, false, 0, 3, 2},
        {COMPOSE_CHEAP, "\u00EA", "a", 159, SEGMENT_PORTUGUESE, false, 0, 0, 1},
        {COMPOSE_KEEP, "\u00EA", "a", 159, SEGMENT_PORTUGUESE, false, 0, 3, 2},
        {COMPOSE_KEEP, "\u201C\u00EA", "a", 200, SEGMENT_PORTUGUESE, false, 0, 3, 2},
        {COMPOSE_KEEP, "\u00EA", "a", 120, 0, true, 3, 0, 1},
        /* what has no counterpart is never folded */
        {COMPOSE_ALWAYS, "\u65E5", "a", 200, 0, false, 8, 0, 3},
        {COMPOSE_CHEAP, "\u65E5", "a", 200, 0, false, 8, 0, 3},
        /* plain text asks nothing */
        {COMPOSE_KEEP, "\u00E9", "a", 200, SEGMENT_PORTUGUESE, true, 0, 0, 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bind_config link = link_of(BIND_CONCAT_UDH8);
        struct segment seg;
        struct err e;

        link.encoding = BIND_ENCODING_AUTO; /* of no weight where a rule is given */
        link.tables = (int)rows[i].tables;
        link.latin1 = rows[i].latin1;
        fill_text(rows[i].first, rows[i].unit, rows[i].n);
        assert_int_equal(
            compose_plan(&link, &(struct compose_text){.text = str_c(text), .fold = rows[i].fold},
                         &seg, &e),
            0);
        assert_int_equal(seg.data_coding, rows[i].data_coding);
        assert_int_equal(seg.coding.shift.single, rows[i].single);
        assert_int_equal(seg.parts, rows[i].parts);
        segment_fini(&seg);
    }
}

/* UCS-2 would need more parts than there may be: the folded text is sent all the same. */
static void test_too_long_for_ucs2_only(void **state)
{
    struct bind_config link = link_of(BIND_CONCAT_UDH8);
    struct segment seg;
    struct err e;
    char *big = malloc(30003);

    (void)state;
    assert_non_null(big);
    memset(big, 'a', 30002);
    memcpy(big, "\u00EA", 2);
    big[30002] = '\0';
    assert_int_equal(compose_plan(&link,
                                  &(struct compose_text){.text = str_c(big), .fold = COMPOSE_CHEAP},
                                  &seg, &e),
                     0);
    assert_int_equal(seg.data_coding, 0);
    segment_fini(&seg);
    assert_int_equal(compose_plan(&link,
                                  &(struct compose_text){.text = str_c(big), .fold = COMPOSE_KEEP},
                                  &seg, &e),
                     -1);
    free(big);
}

static void test_words_of_rules(void **state)
{
    (void)state;
    assert_int_equal(compose_fold_word(STR("keep")), COMPOSE_KEEP);
    assert_int_equal(compose_fold_word(STR("cheap")), COMPOSE_CHEAP);
    assert_int_equal(compose_fold_word(STR("always")), COMPOSE_ALWAYS);
    assert_int_equal(compose_fold_word(STR("")), COMPOSE_AS_LINK);
    assert_int_equal(compose_fold_word(STR("other")), COMPOSE_AS_LINK);
}

static void test_plain_numbered_messages(void **state)
{
    struct bind_config link = link_of(BIND_CONCAT_NONE);
    struct bind_scratch scratch;
    struct smpp_submit m;
    struct segment seg;
    struct err e;

    (void)state;
    link.sender = "Biblioth\u00e8que"; /* hard case 28: a name, 11 characters, no accents */
    link.sender_ton = 0;
    link.tables = SEGMENT_PORTUGUESE; /* they need a header: not used here */
    memset(text, 'x', 400);
    for (size_t i = 4; i < 400; i += 5)
        text[i] = ' ';
    text[400] = '\0';
    assert_int_equal(
        compose_plan(&link, &(struct compose_text){.text = str_c(text), .ref = 0x1234}, &seg, &e),
        0);
    assert_int_equal(compose_parts(&link, &seg), 3);
    memset(&m, 0, sizeof m);
    compose_fill(&(struct compose){.link = &link, .seg = &seg, .number = "225", .validity = ""}, 2,
                 &scratch, &m);
    assert_int_equal(m.sm.esm_class, 0);
    assert_int_equal(m.tlv_count, 0);
    assert_int_equal(m.sm.registered_delivery, 1);
    assert_true(str_starts(m.sm.message, STR("(2/3) xxxx ")));
    assert_true(str_eq_c(m.sm.source, "Bibliothequ"));
    assert_int_equal(m.sm.source_ton, 5);
    segment_fini(&seg);
}

static void test_national_tables(void **state)
{
    struct bind_config link = link_of(BIND_CONCAT_UDH8);
    struct bind_scratch scratch;
    struct smpp_submit m;
    struct segment seg;
    struct err e;

    (void)state;
    link.encoding = BIND_ENCODING_AUTO;
    link.tables = SEGMENT_PORTUGUESE;
    assert_int_equal(
        compose_plan(&link, &(struct compose_text){.text = STR("S\u00e3o Tom\u00e9"), .ref = 1},
                     &seg, &e),
        0);
    assert_int_equal(compose_parts(&link, &seg), 1);
    fill(&link, &seg, 1, &scratch, &m);
    assert_int_equal(m.sm.esm_class, SMPP_ESM_UDHI); /* a header though it is one part */
    assert_int_equal(m.sm.data_coding, 0);
    assert_memory_equal(m.sm.message.p, "\x03\x24\x01\x03S\x1b\x7bo Tom\x05", 13);
    segment_fini(&seg);
    link.concat = BIND_CONCAT_SAR; /* hard case 27: SAR and a header exclude each other */
    assert_int_equal(
        compose_plan(&link, &(struct compose_text){.text = STR("S\u00e3o Tom\u00e9"), .ref = 1},
                     &seg, &e),
        0);
    fill(&link, &seg, 1, &scratch, &m);
    assert_int_equal(m.sm.esm_class, 0);
    assert_int_equal(m.sm.data_coding, 8);
    segment_fini(&seg);
}

static void test_validity(void **state)
{
    static const struct {
        int64_t s;
        const char *text;
    } rows[] = {{600, "000000001000000R"},   {1, "000000000001000R"},
                {43200, "000000120000000R"}, {86399, "000000235959000R"},
                {90061, "000001010101000R"}, {0, "000000000001000R"},
                {-5, "000000000001000R"},    {INT64_MAX, "000028000000000R"}};
    char out[COMPOSE_VALIDITY];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        compose_validity(rows[i].s, out);
        assert_string_equal(out, rows[i].text);
        assert_int_equal(strlen(out), 16);
    }
}

static struct receipt receipt_of(const char *id)
{
    struct receipt r;
    struct err e;
    char line[128];

    (void)snprintf(line, sizeof line, "id:%s stat:DELIVRD err:000", id);
    assert_int_equal(receipt_parse_text(str_c(line), &r, &e), 0);
    return r;
}

static void test_forms_of_ids(void **state)
{
    const char *refs[RECEIPT_IDS];
    char room[RECEIPT_ID_MAX], stored[RECEIPT_ID_MAX];
    struct receipt r = receipt_of("255");

    (void)state;
    assert_int_equal(compose_receipt_ids(BIND_ID_SAME, &r, room, refs), 1);
    assert_string_equal(refs[0], "255");
    assert_int_equal(compose_receipt_ids(BIND_ID_RECEIPT_DEC, &r, room, refs), 1);
    receipt_normal_id(STR("000000FF"), stored);
    assert_string_equal(refs[0], stored);
    r = receipt_of("00ff");
    assert_int_equal(compose_receipt_ids(BIND_ID_RECEIPT_HEX, &r, room, refs), 1);
    assert_string_equal(refs[0], "255");
    assert_true(compose_receipt_ids(BIND_ID_AUTO, &r, room, refs) >= 2);
    assert_string_equal(refs[0], "ff");
    r = receipt_of("b1946ac9-2f34-4f4a-8e3a-000000000001"); /* no number: untouched */
    assert_int_equal(compose_receipt_ids(BIND_ID_RECEIPT_DEC, &r, room, refs), 1);
    assert_string_equal(refs[0], "b1946ac9-2f34-4f4a-8e3a-000000000001");
    r = (struct receipt){.id_count = 0};
    assert_int_equal(compose_receipt_ids(BIND_ID_AUTO, &r, room, refs), 0);
}

static json_t *parse(struct batch *b)
{
    struct str s = batch_json(b);
    json_t *j = json_loadb(s.p, s.n, 0, NULL);

    assert_non_null(j);
    return j;
}

static void test_batch(void **state)
{
    const char *refs[] = {"ff", "255"};
    uint8_t lookup[32] = {0xAB};
    struct batch b;
    json_t *j, *row;

    (void)state;
    batch_init(&b);
    assert_true(batch_result(
        &b, &(struct batch_part){
                .message = 7, .no = 2, .of = 5, .status = BATCH_ACCEPTED, .ref = STR("a\"b\\\n")}));
    assert_false(b.cancelled);
    assert_true(batch_result(
        &b, &(struct batch_part){.message = 7, .no = 3, .of = 5, .status = BATCH_CANCELLED}));
    assert_true(b.cancelled);
    j = parse(&b);
    assert_int_equal(json_array_size(j), 2);
    row = json_array_get(j, 0);
    assert_string_equal(json_string_value(json_object_get(row, "ref")), "a\"b\\\n");
    assert_int_equal(json_integer_value(json_object_get(row, "of")), 5);
    assert_null(json_object_get(json_array_get(j, 1), "ref"));
    json_decref(j);
    batch_reset(&b);
    assert_false(b.cancelled);
    assert_true(batch_receipt(
        &b, &(struct batch_receipt){
                .refs = refs, .nrefs = 2, .state = "DELIVRD", .err = 34, .lookup = lookup}));
    j = parse(&b);
    row = json_array_get(j, 0);
    assert_int_equal(json_array_size(json_object_get(row, "alt")), 1);
    assert_int_equal(strlen(json_string_value(json_object_get(row, "number_lookup"))), 64);
    json_decref(j);
    batch_fini(&b);
}

/* One 0xFFFFFFFF of a carrier was out of the column's range: the database refused the batch five times, then up to
 * a thousand outcomes of others were dropped with it. */
static void test_a_status_of_32_bits_fits_the_column(void **state)
{
    struct batch b;
    json_t *j;

    (void)state;
    batch_init(&b);
    assert_true(batch_result(&b, &(struct batch_part){.message = 7,
                                                      .no = 1,
                                                      .of = 1,
                                                      .status = BATCH_FAILED,
                                                      .code = UINT32_MAX,
                                                      .ref = STR_EMPTY}));
    assert_true(batch_result(
        &b,
        &(struct batch_part){
            .message = 8, .no = 1, .of = 1, .status = BATCH_FAILED, .code = -1, .ref = STR_EMPTY}));
    j = parse(&b);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(j, 0), "code")), INT32_MAX);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(j, 1), "code")), -1);
    json_decref(j);
    batch_fini(&b);
}

static void test_full_batch_stays_whole(void **state)
{
    struct batch b;
    unsigned n = 0;
    json_t *j;

    (void)state;
    batch_init(&b);
    while (batch_result(&b, &(struct batch_part){.message = n, .no = 1, .of = 1}))
        n++;
    assert_true(n > 5000);
    assert_int_equal(b.n, n);
    j = parse(&b);
    assert_int_equal(json_array_size(j), n);
    json_decref(j);
    batch_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_sar_and_payload),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_rules_of_books),
        cmocka_unit_test(test_too_long_for_ucs2_only),
        cmocka_unit_test(test_words_of_rules),
        cmocka_unit_test(test_plain_numbered_messages),
        cmocka_unit_test(test_national_tables),
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_forms_of_ids),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_a_status_of_32_bits_fits_the_column),
        cmocka_unit_test(test_full_batch_stays_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
