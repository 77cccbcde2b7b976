/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codings of outgoing texts: national tables, Latin-1, other meanings of data_coding 0, marks in
 * place of headers, characters beyond U+FFFF, senders; and the way back. Hard cases 27 and 28.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "smpp/segment.h"
#include "smpp/sender.h"
#include "tests/unit/guard.h"

#define TABLES (SEGMENT_SPANISH | SEGMENT_PORTUGUESE)

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

/* What a phone shows of part no: header read, tables obeyed. */
static struct str shown(const struct segment *s, unsigned no, struct buf *out)
{
    uint8_t octets[SEGMENT_OCTETS];
    size_t n = segment_part(s, no, octets);

    assert_true(s->coding.air != ALPHABET_GSM7 ||
                n <= coding_room(&s->coding, s->header) + s->header);
    assert_true(s->coding.air == ALPHABET_GSM7 || n <= 140);
    assert_int_equal(alphabet_decode_shifted(s->alphabet, s->coding.shift,
                                             str_n(octets + s->header, n - s->header), out),
                     0);
    return buf_str(out);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const char spanish[] =
    "\u00e7^{}\\[~]|\u00c1\u00cd\u00d3\u00da\u00e1\u20ac\u00ed\u00f3\u00fa";
static const char portuguese[] =
    "\u00ea\u00e7\u00d4\u00f4\u00c1\u00e1\u00ca\u00c0\u00cd\u00d3\u00da"
    "\u00c3\u00d5\u00c2\u20ac\u00ed\u00f3\u00fa\u00e3\u00f5\u00e2";
static const char locked[] =
    "@\u00a3$\u00a5\u00ea\u00e9\u00fa\u00ed\u00f3\u00e7\n\u00d4\u00f4\r\u00c1"
    "\u00e1\u0394_\u00aa\u00c7\u00c0\u221e^\\\u20ac\u00d3|\u00c2\u00e2\u00ca"
    "\u00c9\u00ba\u00cd\u00c3\u00d5\u00da\u00dc\u00a7~\u00e3\u00f5`\u00fc"
    "\u00e0 azAZ09";

static void tables_hold_their_letters_and_give_them_back(void **state)
{
    static const struct {
        struct gsm_shift t;
        const char *letters;
        size_t septets_each;
    } cases[] = {
        {{GSM_SPANISH, 0}, spanish, 2},
        {{GSM_PORTUGUESE, 0}, portuguese, 2},
        {{0, GSM_PORTUGUESE}, locked, 1},
        {{GSM_PORTUGUESE, GSM_PORTUGUESE}, locked, 1},
    };
    struct buf septets, back;

    (void)state;
    buf_init(&septets, 1000);
    buf_init(&back, 1000);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str s = str_c(cases[i].letters);

        buf_reset(&septets);
        buf_reset(&back);
        assert_int_equal(gsm_shift_septets(cases[i].t, s), utf8_count(s) * cases[i].septets_each);
        assert_true(gsm_shift_encode(cases[i].t, s, &septets));
        assert_int_equal(gsm_shift_decode(cases[i].t, (uint8_t *)septets.p, septets.len, &back), 0);
        assert_true(str_eq(buf_str(&back), s));
    }
    assert_int_equal(gsm_shift_code((struct gsm_shift){GSM_PORTUGUESE, 0}, 0x00EA), 0x1B05);
    assert_int_equal(gsm_shift_code((struct gsm_shift){GSM_PORTUGUESE, 0}, 0x00E2), 0x1B7F);
    assert_int_equal(gsm_shift_code((struct gsm_shift){GSM_SPANISH, 0}, 0x00C1), 0x1B41);
    assert_int_equal(gsm_shift_code((struct gsm_shift){0, GSM_PORTUGUESE}, 0x00CD), 0x40);
    assert_int_equal(gsm_shift_code((struct gsm_shift){0, GSM_PORTUGUESE}, GSM_ESC), -1);
    assert_false(gsm_shift_known((struct gsm_shift){0, GSM_SPANISH}));
    buf_fini(&septets);
    buf_fini(&back);
}

static void decode_prefix(const char *p, size_t n, void *ctx)
{
    struct buf out;

    (void)ctx;
    buf_init(&out, 4096);
    for (uint8_t t = 0; t <= 4; t++) {
        buf_reset(&out);
        (void)gsm_shift_decode((struct gsm_shift){t, 0}, (const uint8_t *)p, n, &out);
        (void)gsm_shift_decode((struct gsm_shift){t, t}, (const uint8_t *)p, n, &out);
        assert_true(utf8_valid(buf_str(&out)));
    }
    buf_fini(&out);
}

static void any_septets_read_to_the_edge(void **state)
{
    uint8_t octets[512];

    (void)state;
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = i % 2 ? GSM_ESC : (uint8_t)(i / 2);
    guard_each_cut(octets, sizeof octets, decode_prefix, NULL);
}

static void hard_27_an_unknown_table_reads_as_the_default_one(void **state)
{
    static const uint8_t octets[] = {'a', GSM_ESC, 0x65, 0x05, GSM_ESC, 0x41};

    (void)state;
    assert_int_equal(gsm_shift_decode((struct gsm_shift){1, 9}, octets, sizeof octets, &text), 1);
    assert_string_equal(buf_cstr(&text), "a\u20ac\u00e9"
                                         "A");
}

/* ---- the choice ------------------------------------------------------------------------------ */

static void capacities_with_tables(void **state)
{
    static const struct {
        const char *piece;
        size_t times; /* of a letter that wants a table, then of 'a' */
        size_t as;
        bool ref16;
        struct gsm_shift shift;
        unsigned parts, header;
    } cases[] = {
        {"\u00e1", 1, 153, false, {GSM_SPANISH, 0}, 1, 4}, /* 155 septets */
        {"\u00e1", 1, 154, false, {GSM_SPANISH, 0}, 2, 9}, /* 156 */
        {"\u00e1", 1, 296, false, {GSM_SPANISH, 0}, 2, 9}, /* 298 = 2 * 149 */
        {"\u00e1", 1, 297, false, {GSM_SPANISH, 0}, 3, 9},
        {"\u00e1", 1, 294, true, {GSM_SPANISH, 0}, 2, 10}, /* 2 * 148 */
        {"\u00e1", 1, 295, true, {GSM_SPANISH, 0}, 3, 10},
        {"\u00e3", 155, 0, false, {0, GSM_PORTUGUESE}, 1, 4},
        {"\u00e3", 298, 0, false, {0, GSM_PORTUGUESE}, 2, 9},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct segment s;

        buf_reset(&text);
        repeat(cases[i].piece, cases[i].times);
        repeat("a", cases[i].as);
        s = plan((struct segment_opts){.tables = cases[i].shift.single ? SEGMENT_SPANISH
                                                                       : SEGMENT_PORTUGUESE,
                                       .ref16 = cases[i].ref16});
        assert_int_equal(s.coding.shift.single, cases[i].shift.single);
        assert_int_equal(s.coding.shift.locking, cases[i].shift.locking);
        assert_int_equal(s.parts, cases[i].parts);
        assert_int_equal(s.header, cases[i].header);
        assert_int_equal(s.data_coding, 0);
        segment_fini(&s);
    }
}

static void both_tables_where_each_alone_lacks_a_letter(void **state)
{
    uint8_t out[SEGMENT_OCTETS];
    struct segment s;

    (void)state;
    repeat("\u00e3", 285); /* one septet in the locking table, two behind an escape */
    repeat("\u03a6", 3);   /* only in the single shift table, once the locking one is on */
    s = plan((struct segment_opts){.tables = TABLES});
    assert_int_equal(s.coding.shift.single, GSM_PORTUGUESE);
    assert_int_equal(s.coding.shift.locking, GSM_PORTUGUESE);
    assert_int_equal(s.parts, 2);
    assert_int_equal(segment_part(&s, 1, out), 12 + 146);
    assert_memory_equal(out, "\x0b\x24\x01\x03\x25\x01\x03\x00\x03\x00\x02\x01", 12);
    segment_fini(&s);
}

static void the_cheapest_coding_is_taken_and_of_equals_the_plainest(void **state)
{
    static const struct {
        const char *piece;
        size_t times;
        struct segment_opts opts;
        enum alphabet a;
        unsigned parts, single, locking;
    } cases[] = {
        {"bonjour ", 30, {.tables = TABLES, .latin1 = true}, ALPHABET_GSM7, 2, 0, 0},
        {"for\u00eat ", 26, {0}, ALPHABET_UCS2, 3, 0, 0},
        {"for\u00eat ", 26, {.tables = SEGMENT_PORTUGUESE}, ALPHABET_GSM7, 2, 3, 0},
        {"for\u00eat ", 26, {.tables = SEGMENT_SPANISH}, ALPHABET_UCS2, 3, 0, 0},
        {"for\u00eat ", 23, {.latin1 = true}, ALPHABET_LATIN1, 1, 0, 0},
        {"\u00e3\u00f5", 70, {.tables = TABLES}, ALPHABET_GSM7, 1, 0, 3},
        {"[", 100, {0}, ALPHABET_GSM7, 2, 0, 0}, /* 200 septets; 100 units are 2 parts as well */
        {"[", 100, {.latin1 = true}, ALPHABET_LATIN1, 1, 0, 0},
        {"\u00ee", 60, {.tables = TABLES}, ALPHABET_UCS2, 1, 0, 0}, /* in neither table */
        {"\u1ecd", 60, {.tables = TABLES, .latin1 = true}, ALPHABET_UCS2, 1, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf back;
        struct segment s;

        buf_init(&back, 1u << 16);
        buf_reset(&text);
        repeat(cases[i].piece, cases[i].times);
        s = plan(cases[i].opts);
        assert_int_equal(s.alphabet, cases[i].a);
        assert_int_equal(s.parts, cases[i].parts);
        assert_int_equal(s.coding.shift.single, cases[i].single);
        assert_int_equal(s.coding.shift.locking, cases[i].locking);
        for (unsigned no = 1; no <= s.parts; no++)
            (void)shown(&s, no, &back);
        assert_true(str_eq(buf_str(&back), buf_str(&text)));
        buf_fini(&back);
        segment_fini(&s);
    }
}

static void hard_28_no_part_ends_in_an_escape_under_a_table(void **state)
{
    (void)state;
    for (size_t before = 140; before < 150; before++) {
        struct segment s;

        buf_reset(&text);
        repeat("a", before);
        repeat("\u00e1", 120);
        s = plan((struct segment_opts){.tables = SEGMENT_SPANISH});
        assert_int_equal(s.coding.shift.single, GSM_SPANISH);
        for (unsigned no = 1; no <= s.parts; no++) {
            uint8_t out[SEGMENT_OCTETS];
            size_t n = segment_part(&s, no, out);

            assert_int_not_equal(out[n - 1], GSM_ESC);
        }
        segment_fini(&s);
    }
}

static void data_coding_0_of_another_kind(void **state)
{
    uint8_t out[SEGMENT_OCTETS];
    struct segment s;

    (void)state;
    repeat("@\u00e9[", 1);
    s = plan((struct segment_opts){.plain = ALPHABET_LATIN1});
    assert_int_equal(s.data_coding, 0);
    assert_int_equal(s.units, 4); /* septets: the phone gets GSM-7 */
    assert_int_equal(segment_part(&s, 1, out), 3);
    assert_memory_equal(out, "@\xe9[", 3); /* hard case 28: '@' is not 0x00 here */
    segment_fini(&s);
    s = plan((struct segment_opts){.plain = ALPHABET_ASCII});
    assert_int_equal(s.alphabet, ALPHABET_UCS2);
    segment_fini(&s);
    s = plan(
        (struct segment_opts){.plain = ALPHABET_ASCII, .fold = true, .fold_flags = GSM_FOLD_ASCII});
    assert_int_equal(segment_part(&s, 1, out), 3);
    assert_memory_equal(out, "@e[", 3);
    segment_fini(&s);
    buf_reset(&text);
    repeat("x", 152);
    repeat("[", 160);
    s = plan((struct segment_opts){.plain = ALPHABET_LATIN1}); /* no part over 153 septets */
    assert_int_equal(segment_part(&s, 1, out), 6 + 152);
    segment_fini(&s);
}

static void emoji_where_the_route_knows_no_pairs(void **state)
{
    struct segment_opts opts = {.astral = SEGMENT_ASTRAL_REFUSE};
    struct segment s;
    struct err e;
    struct buf back;

    (void)state;
    buf_init(&back, 100);
    repeat("a\U0001F469\u200d\U0001F680\ufe0fb\U0001F600", 1);
    assert_int_equal(segment_plan(buf_str(&text), &opts, &s, &e), -1);
    assert_int_equal(e.code, ERR_BAD_INPUT);
    s = plan((struct segment_opts){.astral = SEGMENT_ASTRAL_REPLACE});
    assert_int_equal(s.alphabet, ALPHABET_GSM7);
    assert_true(str_eq_c(shown(&s, 1, &back), "a?b?"));
    segment_fini(&s);
    s = plan((struct segment_opts){0});
    assert_int_equal(s.alphabet, ALPHABET_UCS2);
    segment_fini(&s);
    buf_fini(&back);
}

/* ---- marks ----------------------------------------------------------------------------------- */

/* Every part is "(no/total) words", and the words in order are the text. */
static void marked_parts_are_the_text(struct segment_opts opts, unsigned parts)
{
    struct segment s = plan(opts);
    struct buf part, all;
    char mark[16];

    buf_init(&part, 1000);
    buf_init(&all, 1u << 20);
    assert_int_equal(s.parts, parts);
    assert_int_equal(s.header, 0);
    for (unsigned no = 1; no <= s.parts; no++) {
        struct str t;

        buf_reset(&part);
        t = shown(&s, no, &part);
        if (no > 1)
            buf_addc(&all, ' ');
        if (opts.marks == SEGMENT_MARK_BEFORE) {
            (void)snprintf(mark, sizeof mark, "(%u/%u) ", no, parts);
            assert_true(str_starts(t, str_c(mark)));
            buf_adds(&all, str_skip(t, strlen(mark)));
        } else {
            (void)snprintf(mark, sizeof mark, " (%u/%u)", no, parts);
            assert_true(str_ends(t, str_c(mark)));
            buf_adds(&all, str_head(t, t.n - strlen(mark)));
        }
    }
    assert_true(str_eq(buf_str(&all), str_trim(buf_str(&text))));
    buf_fini(&part);
    buf_fini(&all);
    segment_fini(&s);
}

static void marked_messages_are_cut_between_words(void **state)
{
    static const int marks[] = {SEGMENT_MARK_BEFORE, SEGMENT_MARK_BEHIND};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        buf_reset(&text);
        repeat("abcd ", 90); /* 31 words of 4 fit behind "(1/3) ": 154 septets */
        marked_parts_are_the_text((struct segment_opts){.marks = marks[i]}, 3);
        buf_reset(&text);
        repeat("for\u00eat ", 40); /* 64 units: 10 words */
        marked_parts_are_the_text((struct segment_opts){.marks = marks[i]}, 4);
        buf_reset(&text);
        repeat("abcd ", 31 * 9 + 1); /* nine parts are not enough: two digits, narrower parts */
        marked_parts_are_the_text((struct segment_opts){.marks = marks[i]}, 10);
        buf_reset(&text);
        repeat("\u20ac\u20ac\u20ac\u20ac ", 51); /* 9 septets a word, 17 words a part */
        marked_parts_are_the_text((struct segment_opts){.marks = marks[i]}, 3);
    }
}

static void one_part_has_no_mark(void **state)
{
    struct segment_opts opts = {.marks = SEGMENT_MARK_BEFORE};
    uint8_t out[SEGMENT_OCTETS];
    struct segment s;

    (void)state;
    s = plan(opts);
    assert_int_equal(s.parts, 1);
    assert_int_equal(segment_part(&s, 1, out), 0);
    segment_fini(&s);
    repeat("a", 160);
    s = plan(opts);
    assert_int_equal(s.parts, 1);
    assert_int_equal(segment_part(&s, 1, out), 160);
    segment_fini(&s);
    buf_reset(&text);
    repeat(" ", 400);
    s = plan(opts);
    assert_int_equal(s.parts, 1);
    segment_fini(&s);
}

static void hard_28_a_long_word_is_cut_where_nothing_breaks(void **state)
{
    static const char *const pieces[] = {"\U0001F600", "e\u0323", "\u20ac"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct segment s;

        buf_reset(&text);
        repeat("x", 1);
        repeat(pieces[i], 200);
        s = plan((struct segment_opts){.marks = SEGMENT_MARK_BEHIND});
        for (unsigned no = 1; no <= s.parts; no++) {
            struct buf part;
            struct str t;

            buf_init(&part, 1000);
            t = shown(&s, no, &part); /* decodes without a fault: no half pair, no half escape */
            assert_true(no == 1 || str_starts(t, str_c(pieces[i])));
            buf_fini(&part);
        }
        segment_fini(&s);
    }
}

static void too_many_marked_parts_are_refused(void **state)
{
    struct segment_opts opts = {.marks = SEGMENT_MARK_BEFORE, .max_parts = 2};
    struct segment s;
    struct err e;

    (void)state;
    repeat("abcd ", 90);
    assert_int_equal(segment_plan(buf_str(&text), &opts, &s, &e), -1);
    assert_int_equal(e.code, ERR_TOO_BIG);
    opts.max_parts = 0;
    repeat("abcdefghi ", 3700); /* 15 a part from part 100 on */
    assert_int_equal(segment_plan(buf_str(&text), &opts, &s, &e), 0);
    assert_true(s.parts > 245 && s.parts <= 255);
    segment_fini(&s);
    repeat("abcd ", 900);
    assert_int_equal(segment_plan(buf_str(&text), &opts, &s, &e), -1);
    assert_int_equal(e.code, ERR_TOO_BIG);
}

/* ---- senders --------------------------------------------------------------------------------- */

static void hard_28_names_of_senders(void **state)
{
    static const struct {
        const char *sender;
        uint8_t ton, npi;
        const char *want;
        uint8_t want_ton, want_npi;
    } cases[] = {
        {"2626", 3, 0, "2626", 3, 0},
        {"", 0, 0, "", 0, 0},
        {"+22177123", 0, 0, "22177123", 1, 1},
        {"+22177123", 1, 1, "+22177123", 1, 1}, /* as configured */
        {"Coko", 0, 1, "Coko", 5, 0},
        {"Coko", 5, 1, "Coko", 5, 1},
        {"\u00c9ditions\u00c0", 0, 0, "EditionsA", 5, 0},
        {"Biblioth\u00e8que", 0, 0, "Bibliothequ", 5, 0}, /* 12 letters: 11 are shown */
        {"a@coko", 0, 0, "a@coko", 5, 0},                 /* never 0x00, which would end it */
        {"C\u0153ur {1}", 0, 0, "Coeur (1)", 5, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sender_address a;

        sender_address(str_c(cases[i].sender), cases[i].ton, cases[i].npi, &a);
        assert_string_equal(a.text, cases[i].want);
        assert_int_equal(a.ton, cases[i].want_ton);
        assert_int_equal(a.npi, cases[i].want_npi);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tables_hold_their_letters_and_give_them_back),
        T(any_septets_read_to_the_edge),
        T(hard_27_an_unknown_table_reads_as_the_default_one),
        T(capacities_with_tables),
        T(both_tables_where_each_alone_lacks_a_letter),
        T(the_cheapest_coding_is_taken_and_of_equals_the_plainest),
        T(hard_28_no_part_ends_in_an_escape_under_a_table),
        T(data_coding_0_of_another_kind),
        T(emoji_where_the_route_knows_no_pairs),
        T(marked_messages_are_cut_between_words),
        T(one_part_has_no_mark),
        T(hard_28_a_long_word_is_cut_where_nothing_breaks),
        T(too_many_marked_parts_are_refused),
        T(hard_28_names_of_senders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
