/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text into parts and parts into text: capacities, one encoding (M2), nothing split that belongs
 * together; alphabets of data_coding; headers and reassembly. Hard cases 26 to 30.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/lib/gsm.h"
#include "smpp/concat.h"
#include "smpp/segment.h"
#include "tests/unit/smpp_bytes.h"

static struct buf text;

static int setup(void **state)
{
    (void)state;
    buf_init(&text, 1u << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&text);
    return 0;
}

static void repeat(const char *piece, size_t times)
{
    while (times-- > 0)
        buf_puts(&text, piece);
}

static struct segment plan(struct segment_opts opts)
{
    struct segment s;
    struct err e;

    if (segment_plan(buf_str(&text), &opts, &s, &e) != 0)
        fail_msg("%s", e.msg);
    return s;
}

static void counts(struct segment_opts opts, enum alphabet a, unsigned parts)
{
    struct segment s = plan(opts);

    assert_int_equal(s.alphabet, a);
    assert_int_equal(s.parts, parts);
    segment_fini(&s);
    buf_reset(&text);
}

static void capacities_are_those_of_the_table(void **state)
{
    static const struct {
        const char *piece;
        size_t times;
        bool ref16;
        enum alphabet a;
        unsigned parts;
    } cases[] = {
        {"", 0, false, ALPHABET_GSM7, 1},         {"a", 160, false, ALPHABET_GSM7, 1},
        {"a", 161, false, ALPHABET_GSM7, 2},      {"a", 306, false, ALPHABET_GSM7, 2},
        {"a", 307, false, ALPHABET_GSM7, 3},      {"a", 304, true, ALPHABET_GSM7, 2},
        {"a", 305, true, ALPHABET_GSM7, 3},       {"\u20ac", 80, false, ALPHABET_GSM7, 1},
        {"\u20ac", 81, false, ALPHABET_GSM7, 2},  {"\u1e63", 70, false, ALPHABET_UCS2, 1},
        {"\u1e63", 71, false, ALPHABET_UCS2, 2},  {"\u1e63", 134, false, ALPHABET_UCS2, 2},
        {"\u1e63", 135, false, ALPHABET_UCS2, 3}, {"\u1e63", 132, true, ALPHABET_UCS2, 2},
        {"\u1e63", 133, true, ALPHABET_UCS2, 3},  {"a", 255 * 153, false, ALPHABET_GSM7, 255},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        repeat(cases[i].piece, cases[i].times);
        counts((struct segment_opts){.ref16 = cases[i].ref16}, cases[i].a, cases[i].parts);
    }
}

static void too_long_or_not_utf8_is_refused(void **state)
{
    struct segment_opts opts = {.max_parts = 2};
    struct segment s;
    struct err e;

    (void)state;
    repeat("a", 307);
    assert_int_equal(segment_plan(buf_str(&text), &opts, &s, &e), -1);
    assert_int_equal(e.code, ERR_TOO_BIG);
    opts.max_parts = 0;
    repeat("a", 255 * 153);
    assert_int_equal(segment_plan(buf_str(&text), &opts, &s, &e), -1);
    assert_int_equal(segment_plan(STR("a\xff"), &opts, &s, &e), -1);
    assert_int_equal(e.code, ERR_BAD_INPUT);
}

/* The header of each part, and that the parts joined are the text again. */
static void parts_join_to_the_text(struct segment_opts opts)
{
    struct segment s = plan(opts);
    struct buf joined, back;

    buf_init(&joined, 1u << 20);
    buf_init(&back, 1u << 20);
    for (unsigned no = 1; no <= s.parts; no++) {
        uint8_t out[SEGMENT_OCTETS];
        size_t n = segment_part(&s, no, out);

        assert_true(n <= (s.alphabet == ALPHABET_UCS2 ? 140u : s.parts > 1 ? 159u : 160u));
        if (s.header > 0) {
            assert_int_equal(out[0], s.header - 1);
            assert_int_equal(out[s.header - 2], s.parts);
            assert_int_equal(out[s.header - 1], no);
        }
        buf_add(&joined, out + s.header, n - s.header);
    }
    assert_int_equal(alphabet_decode(s.alphabet, buf_str(&joined), &back), 0);
    assert_true(str_eq(buf_str(&back), buf_str(&text)));
    buf_fini(&joined);
    buf_fini(&back);
    segment_fini(&s);
}

static void headers_carry_reference_total_and_number(void **state)
{
    uint8_t out[SEGMENT_OCTETS];
    struct segment s;

    (void)state;
    repeat("a", 200);
    s = plan((struct segment_opts){.ref = 0x1FF});
    assert_int_equal(segment_part(&s, 2, out), 6 + 47);
    assert_memory_equal(out, "\x05\x00\x03\xff\x02\x02", 6); /* 255 is used as well */
    segment_fini(&s);
    s = plan((struct segment_opts){.ref = 0, .ref16 = true});
    assert_int_equal(segment_part(&s, 1, out), 7 + 152);
    assert_memory_equal(out, "\x06\x08\x04\x00\x00\x02\x01", 7); /* 0 is legal */
    segment_fini(&s);
}

static void hard_28_escape_is_never_the_last_septet(void **state)
{
    uint8_t out[SEGMENT_OCTETS];
    struct segment s;

    (void)state;
    repeat("a", 152);
    repeat("\u20ac", 60);
    s = plan((struct segment_opts){0});
    assert_int_equal(segment_part(&s, 1, out), 6 + 152);
    assert_int_not_equal(out[6 + 151], GSM_ESC);
    segment_fini(&s);
    parts_join_to_the_text((struct segment_opts){0});
}

static void hard_28_pairs_and_marks_stay_together(void **state)
{
    static const char *const pieces[] = {"\U0001F600", "e\u0323", "\u1e63"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        for (size_t before = 60; before < 72; before++) {
            struct segment s;
            uint8_t out[SEGMENT_OCTETS];

            buf_reset(&text);
            repeat("x", before);
            repeat(pieces[i], 60);
            s = plan((struct segment_opts){0});
            assert_int_equal(s.alphabet, ALPHABET_UCS2);
            for (unsigned no = 1; no <= s.parts; no++) {
                unsigned first;

                assert_int_equal(segment_part(&s, no, out) % 2, 0);
                first = (unsigned)out[s.header] << 8 | out[s.header + 1];
                assert_false(first >= 0xDC00 && first <= 0xDFFF);
                assert_int_not_equal(first, 0x0323);
            }
            segment_fini(&s);
            parts_join_to_the_text((struct segment_opts){0});
        }
    }
}

static void a_heap_of_marks_is_cut_all_the_same(void **state)
{
    (void)state;
    buf_puts(&text, "e");
    repeat("\u0323", 300);
    parts_join_to_the_text((struct segment_opts){0});
}

static void hard_29_one_curly_quote(void **state)
{
    struct segment s;

    (void)state;
    repeat("a", 1500);
    buf_puts(&text, "\u2019");
    s = plan((struct segment_opts){0});
    assert_int_equal(s.alphabet, ALPHABET_UCS2);
    assert_int_equal(s.parts, 23);
    assert_int_equal(s.folded_parts, 10); /* what the warning says */
    assert_int_equal(s.lost, 0);
    segment_fini(&s);
    counts((struct segment_opts){.fold = true}, ALPHABET_GSM7, 10);
}

static void folding_keeps_one_alphabet_for_all_parts(void **state)
{
    struct segment s;

    (void)state;
    repeat("\u00ea\u0153\u201cfor\u00eat\u201d ", 60);
    s = plan((struct segment_opts){.fold = true});
    assert_int_equal(s.alphabet, ALPHABET_GSM7);
    assert_int_equal(s.data_coding, 0);
    assert_int_equal(s.lost, 0);
    segment_fini(&s);
    parts_join_to_the_text((struct segment_opts){0});
}

/* ---- alphabets ------------------------------------------------------------------------------- */

static void hard_30_every_data_coding_has_an_alphabet(void **state)
{
    static const struct {
        uint8_t dcs;
        enum alphabet a;
    } cases[] = {
        {0x00, ALPHABET_LATIN1}, {0x01, ALPHABET_ASCII},  {0x02, ALPHABET_BINARY},
        {0x03, ALPHABET_LATIN1}, {0x04, ALPHABET_BINARY}, {0x08, ALPHABET_UCS2},
        {0x05, ALPHABET_LATIN1}, {0x11, ALPHABET_GSM7},   {0x18, ALPHABET_UCS2},
        {0x15, ALPHABET_BINARY}, {0x24, ALPHABET_BINARY}, {0x48, ALPHABET_UCS2},
        {0x90, ALPHABET_LATIN1}, {0xC0, ALPHABET_GSM7},   {0xE0, ALPHABET_UCS2},
        {0xF1, ALPHABET_GSM7},   {0xF5, ALPHABET_BINARY},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(alphabet_of(cases[i].dcs, ALPHABET_LATIN1), cases[i].a);
    assert_int_equal(alphabet_of(0, ALPHABET_GSM7), ALPHABET_GSM7);
}

static void hard_30_octets_become_text_whatever_they_are(void **state)
{
    static const struct {
        enum alphabet a;
        const char *hex, *want;
        size_t bad;
    } cases[] = {
        {ALPHABET_GSM7, "00 'a' 1B65 05", "@a\u20ac\u00e9", 0},
        {ALPHABET_ASCII, "'ab' E9", "ab\uFFFD", 1},
        {ALPHABET_LATIN1, "'ab' E9", "ab\u00e9", 0},
        {ALPHABET_UTF8, "C3A9 FF", "\u00e9\uFFFD", 1},
        {ALPHABET_UCS2, "0041 D83D DE00", "A\U0001F600", 0},
        {ALPHABET_UCS2, "0041 00", "A\uFFFD", 1},
        {ALPHABET_UCS2, "D83D 0041",
         "\uFFFD"
         "A",
         1},
        {ALPHABET_BINARY, "'STOP'", "STOP", 0},
        {ALPHABET_BINARY, "00FF", "", 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t octets[64];
        size_t n = from_hex(cases[i].hex, octets, sizeof octets);

        buf_reset(&text);
        assert_int_equal(alphabet_decode(cases[i].a, str_n(octets, n), &text), cases[i].bad);
        assert_string_equal(buf_cstr(&text), cases[i].want);
    }
}

static void alphabets_have_names(void **state)
{
    enum alphabet a;

    (void)state;
    assert_true(alphabet_from_name(STR("latin1"), &a));
    assert_int_equal(a, ALPHABET_LATIN1);
    assert_string_equal(alphabet_name(a), "latin1");
    assert_false(alphabet_from_name(STR("ebcdic"), &a));
}

/* ---- inbound parts --------------------------------------------------------------------------- */

#define SM(esm) "00 01 01 '22177' 00 01 01 '38' 00 " esm " 00 00 00 00 00 00 00 00 "

static struct pdu part_pdu(const char *body)
{
    static uint8_t bytes[1024];
    struct pdu p;
    struct err e;

    if (pdu_decode(bytes, make_pdu(bytes, sizeof bytes, SMPP_DELIVER_SM, 0, 1, body), &p, &e) != 0)
        fail_msg("%s", e.msg);
    return p;
}

static struct concat parsed(const char *body)
{
    struct pdu p = part_pdu(body);
    struct concat c;

    concat_parse(&p, &c);
    return c;
}

static void is_part(struct concat c, unsigned width, unsigned ref, unsigned total, unsigned no,
                    const char *want)
{
    assert_int_equal(c.width, width);
    assert_int_equal(c.ref, ref);
    assert_int_equal(c.total, total);
    assert_int_equal(c.no, no);
    assert_true(str_eq_c(c.text, want));
}

static void hard_27_headers_of_every_kind(void **state)
{
    struct concat c;

    (void)state;
    is_part(parsed(SM("40") "08 050003 FF0201 'ab'"), 8, 255, 2, 1, "ab");
    is_part(parsed(SM("40") "09 060804 1234 0703 'ab'"), 16, 0x1234, 7, 3, "ab");
    c = parsed(SM("40") "0E 0B 0504 15B3 0000 0003 07 02 02 'ab'"); /* ports before concat */
    is_part(c, 8, 7, 2, 2, "ab");
    assert_true(c.ported);
    assert_int_equal(c.port, 0x15B3);
    c = parsed(SM("40") "0B 08 2401 03 0003 07 02 02 'ab'"); /* shift before concat */
    is_part(c, 8, 7, 2, 2, "ab");
    assert_int_equal(c.shift.single, 3);
    is_part(parsed(SM("00") "02 'ab' 020C 0002 0007 020E 0001 02 020F 0001 01"), 17, 7, 2, 1, "ab");
    c = parsed(SM("40") "08 050003 090201 'ab' 020C 0002 0007 020E 0001 02 020F 0001 01");
    is_part(c, 8, 9, 2, 1, "ab"); /* SAR beside UDHI: the header counts */
    assert_true(c.sar_ignored);
}

static void hard_27_broken_headers_hide_nothing(void **state)
{
    struct concat c = parsed(SM("40") "03 09 'ab'"); /* UDHL past the end */

    (void)state;
    assert_true(c.bad_header);
    assert_int_equal(c.text.n, 3);
    c = parsed(SM("40") "00"); /* UDHI with empty text */
    assert_int_equal(c.width, 0);
    assert_int_equal(c.text.n, 0);
    c = parsed(SM("40") "06 03 00 05 07 'ab'"); /* an element longer than its header */
    assert_true(c.bad_header);
    assert_int_equal(parsed(SM("40") "08 050003 070001 'ab'").width, 0); /* total 0 */
    assert_int_equal(parsed(SM("40") "08 050003 070203 'ab'").width, 0); /* 3 of 2 */
    assert_int_equal(parsed(SM("40") "08 050003 070200 'ab'").width, 0); /* number 0 */
    is_part(parsed(SM("40") "06 050003 070201"), 8, 7, 2, 1, "");
}

static struct reassembly_config small = {.max_sets = 4, .max_bytes = 1000, .ttl_ms = 60000};

static enum reassembly_result add(struct reassembly *r, const char *account, const char *body,
                                  int64_t now)
{
    struct pdu p = part_pdu(body);
    struct concat c;

    concat_parse(&p, &c);
    buf_reset(&text);
    return reassembly_add(r, str_c(account), &p, &c, alphabet_of(p.sm.data_coding, ALPHABET_GSM7),
                          now, &text);
}

static void hard_26_any_order_duplicates_and_two_senders(void **state)
{
    struct reassembly r;

    (void)state;
    reassembly_init(&r, &small);
    assert_int_equal(add(&r, "a", SM("40") "07 050003 070303 'C'", 0), REASSEMBLY_WAIT);
    assert_int_equal(add(&r, "a", SM("40") "07 050003 070301 'A'", 1), REASSEMBLY_WAIT);
    assert_int_equal(add(&r, "a", SM("40") "07 050003 070301 'A'", 2), REASSEMBLY_DUPLICATE);
    assert_int_equal(add(&r, "b", SM("40") "07 050003 070302 'X'", 3), REASSEMBLY_WAIT);
    assert_int_equal(add(&r, "a", SM("40") "08 060804 0007 0302 'Y'", 3), REASSEMBLY_WAIT);
    assert_int_equal(add(&r, "a", SM("40") "07 050003 070302 'B'", 4), REASSEMBLY_COMPLETE);
    assert_string_equal(buf_cstr(&text), "ABC");
    assert_int_equal(r.sets.count, 2);
    assert_int_equal(r.bytes, 2);
    reassembly_fini(&r);
}

static void hard_26_a_reused_reference_starts_anew(void **state)
{
    struct reassembly r;

    (void)state;
    reassembly_init(&r, &small);
    assert_int_equal(add(&r, "a", SM("40") "07 050003 070201 'A'", 0), REASSEMBLY_WAIT);
    assert_int_equal(add(&r, "a", SM("40") "07 050003 070201 'N'", 5), REASSEMBLY_WAIT);
    assert_int_equal(add(&r, "a", SM("40") "07 050003 070202 'O'", 6), REASSEMBLY_COMPLETE);
    assert_string_equal(buf_cstr(&text), "NO");
    assert_int_equal(r.restarted, 1);
    reassembly_fini(&r);
}

static void reassembly_is_bounded_in_time_sets_and_bytes(void **state)
{
    static const char *const bodies[] = {
        SM("40") "07 050003 010201 'A'", SM("40") "07 050003 020201 'A'",
        SM("40") "07 050003 030201 'A'", SM("40") "07 050003 040201 'A'",
        SM("40") "07 050003 050201 'A'"};
    struct reassembly r;

    (void)state;
    reassembly_init(&r, &small);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        assert_int_equal(add(&r, "a", bodies[i], (int64_t)i), REASSEMBLY_WAIT);
    assert_int_equal(r.sets.count, 4);
    assert_int_equal(r.evicted, 1);
    assert_int_equal(reassembly_expire(&r, 60001),
                     1); /* the first was evicted, the second is old */
    assert_int_equal(add(&r, "a", SM("40") "07 050003 020202 'B'", 60010), REASSEMBLY_WAIT);
    assert_int_equal(r.expired, 4);
    reassembly_fini(&r);
    reassembly_init(&r, &(struct reassembly_config){.max_sets = 4, .max_bytes = 3, .ttl_ms = 1});
    assert_int_equal(add(&r, "a", SM("40") "0A 050003 010201 'AAAA'", 0), REASSEMBLY_REFUSED);
    assert_int_equal(add(&r, "a", SM("40") "08 050003 010201 'AA'", 0), REASSEMBLY_WAIT);
    assert_int_equal(add(&r, "b", SM("40") "08 050003 010201 'AA'", 0), REASSEMBLY_WAIT);
    assert_int_equal(r.evicted, 1);
    assert_int_equal(add(&r, "b", SM("40") "08 050003 010202 'BB'", 0), REASSEMBLY_REFUSED);
    assert_int_equal(r.bytes, 0);
    reassembly_fini(&r);
}

static void hard_26_255_parts(void **state)
{
    struct reassembly r;

    (void)state;
    reassembly_init(&r, &small);
    for (unsigned no = 255; no >= 1; no--) {
        char body[256];

        (void)snprintf(body, sizeof body, SM("40") "07 050003 07FF%02X 'x'", no);
        assert_int_equal(add(&r, "a", body, 0), no > 1 ? REASSEMBLY_WAIT : REASSEMBLY_COMPLETE);
    }
    assert_int_equal(text.len, 255);
    reassembly_fini(&r);
}

static void hard_27_tables_named_by_the_header_are_obeyed(void **state)
{
    struct reassembly r;
    struct concat c = parsed(SM("40") "07 03 2401 02 1B61 'b'");

    (void)state;
    buf_reset(&text);
    assert_int_equal(alphabet_decode_shifted(ALPHABET_GSM7, c.shift, c.text, &text), 0);
    assert_string_equal(buf_cstr(&text), "\u00e1"
                                         "b");
    reassembly_init(&r, &small);
    assert_int_equal(add(&r, "a", SM("40") "0B 08 2501 03 0003 070202 40 7B", 0), REASSEMBLY_WAIT);
    assert_int_equal(add(&r, "a", SM("40") "0A 08 0003 070201 2401 02 41", 0),
                     REASSEMBLY_COMPLETE); /* each part under its own header */
    assert_string_equal(buf_cstr(&text), "A\u00cd\u00e3");
    reassembly_fini(&r);
}

static void hard_28_a_foreign_cut_inside_a_pair_heals(void **state)
{
    struct reassembly r;

    (void)state;
    reassembly_init(&r, &small);
#define UCS2 "00 01 01 '22177' 00 01 01 '38' 00 40 00 00 00 00 00 00 08 00 "
    assert_int_equal(add(&r, "a", UCS2 "08 050003 070202 DE00", 0), REASSEMBLY_WAIT);
    assert_int_equal(add(&r, "a", UCS2 "08 050003 070201 D83D", 0), REASSEMBLY_COMPLETE);
    assert_string_equal(buf_cstr(&text), "\U0001F600");
    assert_int_equal(add(&r, "a", UCS2 "08 050003 080201 0041", 0), REASSEMBLY_WAIT);
    assert_int_equal(add(&r, "a", SM("40") "07 050003 080202 'b'", 0), REASSEMBLY_COMPLETE);
    assert_string_equal(buf_cstr(&text), "Ab");
    reassembly_fini(&r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(capacities_are_those_of_the_table),
        T(too_long_or_not_utf8_is_refused),
        T(headers_carry_reference_total_and_number),
        T(hard_28_escape_is_never_the_last_septet),
        T(hard_28_pairs_and_marks_stay_together),
        T(a_heap_of_marks_is_cut_all_the_same),
        T(hard_29_one_curly_quote),
        T(folding_keeps_one_alphabet_for_all_parts),
        T(hard_30_every_data_coding_has_an_alphabet),
        T(hard_30_octets_become_text_whatever_they_are),
        T(alphabets_have_names),
        T(hard_27_headers_of_every_kind),
        T(hard_27_broken_headers_hide_nothing),
        T(hard_27_tables_named_by_the_header_are_obeyed),
        T(hard_26_any_order_duplicates_and_two_senders),
        T(hard_26_a_reused_reference_starts_anew),
        T(reassembly_is_bounded_in_time_sets_and_bytes),
        T(hard_26_255_parts),
        T(hard_28_a_foreign_cut_inside_a_pair_heals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
