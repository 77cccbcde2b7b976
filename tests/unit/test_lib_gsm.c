/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GSM 03.38: alphabet, septets, folding for every language of the service, packing, cutting, UCS-2.
 * Hard cases 29, 30, 31.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/lib/gsm.h"
#include "tests/unit/guard.h"

static void all_codes_round_trip(void **state)
{
    (void)state;
    for (int code = 0; code < 0x80; code++) {
        if (code != GSM_ESC)
            assert_int_equal(gsm_from_unicode(gsm_to_unicode(code)), code);
    }
    for (uint32_t cp = 0, ext = 0; cp <= 0x10FFFF; cp++) {
        int code = gsm_from_unicode(cp);

        if (code >= 0)
            assert_int_equal(gsm_to_unicode(code), cp);
        ext += code > 0x7F;
        if (cp == 0x10FFFF)
            assert_int_equal(ext, 10);
    }
    assert_int_equal(gsm_from_unicode('@'), 0);
    assert_int_equal(gsm_from_unicode('`'), -1);
    assert_int_equal(gsm_from_unicode(0xC7), 9);  /* capital C with cedilla */
    assert_int_equal(gsm_from_unicode(0xE7), -1); /* its small form is not in 3GPP's table */
    assert_int_equal(gsm_from_unicode(0x20AC), GSM_ESC << 8 | 0x65);
    assert_int_equal(gsm_from_unicode(GSM_ESC), -1);
    assert_int_equal(gsm_to_unicode(GSM_ESC << 8 | 'A'), 'A');
}

static void septets_are_counted(void **state)
{
    static const struct {
        const char *text;
        int septets;
    } rows[] = {
        {"", 0},
        {"hello", 5},
        {"line\nline", 9},
        {"[x]", 5},
        {"10 \xE2\x82\xAC", 5},
        {"\xC3\xA9t\xC3\xA9", 3},
        {"\xC3\xAAtre", -1},
        {"\xC3", -1},
        {"\xF0\x9F\x93\x9A", -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(gsm_septets(str_c(rows[i].text)), rows[i].septets);
}

/* ussd-carriers 3.3: every character that a language needs and the alphabet lacks. */
static void languages_fold(void **state)
{
    static const struct {
        const char *language, *in, *out;
    } rows[] = {
        {"French", "êëâîïôûÿœçÈÊËÀÂÎÏÔÙÛŒ«»°’…–", "eeaiiouyoecEEEAAIIOUUOE\"\"o'...-"},
        {"French kept", "éèàùäöüæÉÇÆ", "éèàùäöüæÉÇÆ"},
        {"Portuguese", "áâãçêíóôõúÁÂÃÀÊÍÓÔÕÚºª", "aaaceiooouAAAAEIOOOUoa"},
        {"Wolof", "ëóŋÀËÓŊàéñÉÑ", "eonAEONàéñÉÑ"},
        {"Swahili", "ng’ombe", "ng'ombe"},
        {"Hausa", "ɓɗƙƴƁƊƘƳ", "bdkyBDKY"},
        {"Yoruba", "áíóúẹọṣńǹẸỌṢ", "aioueosnnEOS"},
        {"Yoruba tones", "ẹ́ ọ̀ m̀ Ẹ̀", "e o m E"},
        {"Igbo", "ịọụṅỊỌỤṄ", "iounIOUN"},
        {"Fula", "ɓɗŋƴ", "bdny"},
        {"Bambara", "ɛɔɲŋƐƆƝ", "eonnEON"},
        {"Twi, Ewe", "ɛɔɖƒɣŋʋƉƑƔƲ", "eodfgnvDFGV"},
        {"Lingala", "ɛ́ɔ̂áâ", "eoaa"},
        {"decomposed", "e\xCC\x81 e\xCC\x80 e\xCC\x82 n\xCC\x83 c\xCC\xA7 C\xCC\xA7",
         "é è e ñ c Ç"},
        {"typography", "“a” ‘b’ „c‟ — • → 1⁄2 ½ №", "\"a\" 'b' \"c\" - - -> 1/2 1/2 No"},
        {"spaces",
         "a\xC2\xA0"
         "b\xE2\x80\xAF"
         "c\td",
         "a b c d"},
        {"lines",
         "a\xE2\x80\xA8"
         "b\x0B"
         "c\r\nd",
         "a\nb\nc\r\nd"},
        {"invisible",
         "\xEF\xBB\xBF"
         "a\xE2\x80\x8F"
         "b\xC2\xAD"
         "c\xE2\x80\x8D"
         "d",
         "abcd"},
        {"controls",
         "a\x01\x1B\x7F\xC2\x80"
         "b",
         "ab"},
        {"Arabic digits", "١٢٣ ۴ ؟", "123 4 ?"},
        {"full width", "＃１＊", "#1*"},
        {"Greek", "αΩ", "AΩ"},
        {"backtick", "`", "'"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;

        buf_init(&b, 500);
        if (gsm_fold(str_c(rows[i].in), &b, 0) != 0 || strcmp(buf_cstr(&b), rows[i].out) != 0)
            fail_msg("%s: got %s", rows[i].language, buf_cstr(&b));
        assert_true(gsm_septets(buf_str(&b)) >= 0);
        buf_fini(&b);
    }
}

static void fold_flags(void **state)
{
    static const struct {
        const char *in;
        unsigned flags;
        const char *out;
        size_t unknown;
    } rows[] = {
        {"ça", 0, "ca", 0},
        {"ça c\xCC\xA7", GSM_FOLD_CEDILLA, "Ça Ç", 0},
        {"ça Ç", GSM_FOLD_CEDILLA | GSM_FOLD_ASCII, "ca C", 0},
        {"été €5 ß ¿æ [a]", GSM_FOLD_ASCII, "ete EUR5 ss ?ae [a]", 0},
        {"{a}[b]~|\\^€", GSM_FOLD_BASIC, "(a)(b)-//'EUR", 0},
        {"ǘ", 0, "ü", 0},
        {"ǘ", GSM_FOLD_ASCII, "u", 0},
        {"መጽሐፍ", 0, "????", 4},
        {"\xF0\x9F\x93\x9A!", 0, "?!", 1},
        {"\xE9t\xE9", 0, "?t?", 2}, /* Latin-1 where UTF-8 was promised */
        {"?", 0, "?", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;

        buf_init(&b, 500);
        assert_int_equal(gsm_fold(str_c(rows[i].in), &b, rows[i].flags), rows[i].unknown);
        assert_string_equal(buf_cstr(&b), rows[i].out);
        buf_fini(&b);
    }
}

/*
 * Every scalar value under every flag set: inside the alphabet, within the flags, and folding again
 * changes nothing.
 */
/* What `keep` may do to a book's text: letters stay, also those outside the alphabet. */
static void signs_alone_fold(void **state)
{
    static const struct {
        const char *text, *folded;
    } rows[] = {
        {"\u2019\u201C\u00AB\u2014\u2026\u00A0", "'\"\"-... "},
        {"for\u00EAt \u0153uvre \u014B \u0254\u0303", "for\u00EAt \u0153uvre \u014B \u0254\u0303"},
        {"n\u00B0 5, 1\u00AA", "no 5, 1\u00AA"},
        {"\u65E5\U0001F600 \u00D7", "\u65E5\U0001F600 x"},
        {"e\u0301 [\u20AC]", "\u00E9 [\u20AC]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, 256);
        assert_int_equal(gsm_fold(str_c(rows[i].text), &out, GSM_FOLD_SIGNS), 0);
        assert_string_equal(buf_cstr(&out), rows[i].folded);
        buf_fini(&out);
    }
}

static void folding_is_closed(void **state)
{
    struct buf once, twice;

    (void)state;
    buf_init(&once, 64);
    buf_init(&twice, 64);
    for (uint32_t cp = 0; cp <= 0x1FFFF; cp++) {
        if (cp == 0xD800)
            cp = 0xE000;
        for (unsigned flags = 0; flags < 8; flags++) {
            char bytes[4];
            struct str s = str_n(bytes, utf8_encode(cp, bytes));

            buf_reset(&once);
            buf_reset(&twice);
            (void)gsm_fold(s, &once, flags);
            assert_true(gsm_septets(buf_str(&once)) >= 0);
            assert_int_equal(gsm_fold(buf_str(&once), &twice, flags), 0);
            assert_true(str_eq(buf_str(&once), buf_str(&twice)));
            if (flags & GSM_FOLD_BASIC)
                assert_int_equal(gsm_septets(buf_str(&once)), utf8_count(buf_str(&once)));
            if (flags & GSM_FOLD_ASCII)
                assert_int_equal(once.len, utf8_count(buf_str(&once)));
        }
    }
    buf_fini(&once);
    buf_fini(&twice);
}

/* Hard case 29: an escape pair is never split. */
static void cutting(void **state)
{
    (void)state;
    assert_int_equal(gsm_cut(STR("ab[c"), 2), 2);
    assert_int_equal(gsm_cut(STR("ab[c"), 3), 2);
    assert_int_equal(gsm_cut(STR("ab[c"), 4), 3);
    assert_int_equal(gsm_cut(STR("ab[c"), 99), 4);
    assert_int_equal(gsm_cut(STR("a\xC3\xA9z"), 2), 3);
    assert_int_equal(gsm_cut(STR("a\xC3\xAAz"), 9), 1); /* e-circumflex is outside */
    assert_int_equal(gsm_cut(STR("\xE2\x82\xAC"), 1), 0);
    assert_int_equal(ucs2_cut(STR("a\xF0\x9F\x93\x9A"
                                  "b"),
                              2),
                     1);
    assert_int_equal(ucs2_cut(STR("a\xF0\x9F\x93\x9A"
                                  "b"),
                              3),
                     5);
    assert_int_equal(ucs2_cut(STR("ae\xCC\x81x"), 2), 1); /* never between e and its accent */
    assert_int_equal(ucs2_cut(STR("ae\xCC\x81x"), 3), 4);
    assert_int_equal(ucs2_cut(STR("e\xCC\x81"), 1), 1); /* but always forward */
}

static void packing_vectors(void **state)
{
    static const struct {
        const char *text;
        unsigned fill;
        size_t n;
        const char *octets;
    } rows[] = {
        {"hellohello", 0, 9, "\xE8\x32\x9B\xFD\x46\x97\xD9\xEC\x37"},
        {"1234567", 0, 7, "\x31\xD9\x8C\x56\xB3\xDD\x00"},
        {"12345678", 0, 7, "\x31\xD9\x8C\x56\xB3\xDD\x70"},
        {"A", 1, 1, "\x82"},
        {"AB", 6, 3, "\x40\x50\x08"},
        {"", 0, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t septets[16], octets[16], back[16];
        ssize_t n = gsm_encode(str_c(rows[i].text), septets, sizeof(septets));

        assert_int_equal(n, strlen(rows[i].text));
        assert_int_equal(gsm_packed_len((size_t)n, rows[i].fill), rows[i].n);
        assert_int_equal(gsm_pack(septets, (size_t)n, rows[i].fill, octets, sizeof(octets)),
                         rows[i].n);
        assert_memory_equal(octets, rows[i].octets, rows[i].n);
        assert_int_equal(gsm_unpack(octets, rows[i].n, rows[i].fill, back, (size_t)n), 0);
        assert_memory_equal(back, septets, (size_t)n);
        if (rows[i].n)
            assert_int_equal(gsm_pack(septets, (size_t)n, rows[i].fill, octets, rows[i].n - 1), -1);
    }
}

/*
 * TS 23.040: 160 septets in 140 octets; 153 after a 6-octet header and one fill bit; 152 after 7.
 */
static void sms_capacities(void **state)
{
    (void)state;
    assert_int_equal(gsm_packed_len(160, 0), 140);
    assert_int_equal(gsm_packed_len(153, 1), 134);
    assert_int_equal(gsm_packed_len(152, 0), 133);
    assert_int_equal(gsm_packed_len(182, 0), 160); /* a USSD string */
}

static void all_fills_and_lengths_round_trip(void **state)
{
    struct guard g;

    (void)state;
    guard_init(&g, 64);
    for (unsigned fill = 0; fill < 7; fill++) {
        for (size_t n = 0; n <= 40; n++) {
            uint8_t in[40], back[40], octets[64], *edge;
            size_t len = gsm_packed_len(n, fill);

            for (size_t i = 0; i < n; i++)
                in[i] = (uint8_t)((i * 37 + n) & 0x7F);
            assert_int_equal(gsm_pack(in, n, fill, octets, len), len);
            edge = (uint8_t *)guard_put(&g, octets, len);
            assert_int_equal(gsm_unpack(edge, len, fill, back, n), 0);
            assert_memory_equal(in, back, n);
            if (n)
                assert_int_equal(gsm_unpack(edge, len - 1, fill, back, n), -1);
        }
    }
    guard_free(&g);
}

static void decoding(void **state)
{
    static const struct {
        struct str septets;
        const char *text;
        size_t unclean;
    } rows[] = {
        {STR_INIT("\x00\x1B\x65\x1B\x3C"), "@€[", 0},
        {STR_INIT("A\x1B"), "A ", 1}, /* an escape cut off */
        {STR_INIT("\x1B"
                  "A"),
         "A", 1}, /* unknown to the extension table */
        {STR_INIT("\x1B\x1B"), " ", 1},
        {STR_INIT("A\xE9Z"), "A?Z", 1}, /* Latin-1 sent as GSM */
        {STR_INIT("\x1B\xE9"), " ?", 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct guard g;
        const char *p = guard_copy(&g, rows[i].septets.p, rows[i].septets.n);
        struct buf b;

        buf_init(&b, 100);
        assert_int_equal(gsm_decode((const uint8_t *)p, rows[i].septets.n, &b), rows[i].unclean);
        assert_string_equal(buf_cstr(&b), rows[i].text);
        buf_fini(&b);
        guard_free(&g);
    }
}

static void encode_respects_room(void **state)
{
    uint8_t out[3];

    (void)state;
    assert_int_equal(gsm_encode(STR("a["), out, 3), 3);
    assert_memory_equal(out, "a\x1B\x3C", 3);
    assert_int_equal(gsm_encode(STR("ab["), out, 3), -1);
    assert_int_equal(gsm_encode(STR("abcd"), out, 3), -1);
    assert_int_equal(gsm_encode(STR("\xC3\xAA"), out, 3), -1);
}

static void ucs2_vectors(void **state)
{
    static const struct {
        struct str text, octets;
    } rows[] = {
        {STR_INIT("A\xC3\xA9"), STR_INIT("\x00\x41\x00\xE9")},
        {STR_INIT("\xF0\x9F\x93\x9A"), STR_INIT("\xD8\x3D\xDC\xDA")},
        {STR_INIT("\xF4\x8F\xBF\xBF"), STR_INIT("\xDB\xFF\xDF\xFF")},
    };
    static const struct {
        struct str octets;
        const char *text;
        size_t bad;
    } broken[] = {
        {STR_INIT("\xD8\x3D"), "\xEF\xBF\xBD", 1},
        {STR_INIT("\xDC\xDA\x00\x41"),
         "\xEF\xBF\xBD"
         "A",
         1},
        {STR_INIT("\xD8\x3D\x00\x41"),
         "\xEF\xBF\xBD"
         "A",
         1},
        {STR_INIT("\x00\x41\x00"), "A\xEF\xBF\xBD", 1},
    };
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_reset(&b);
        ucs2_encode(rows[i].text, &b);
        assert_true(str_eq(buf_str(&b), rows[i].octets));
        assert_int_equal(ucs2_units(rows[i].text) * 2, b.len);
        buf_reset(&b);
        assert_int_equal(ucs2_decode((const uint8_t *)rows[i].octets.p, rows[i].octets.n, &b), 0);
        assert_true(str_eq(buf_str(&b), rows[i].text));
    }
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        buf_reset(&b);
        assert_int_equal(ucs2_decode((const uint8_t *)broken[i].octets.p, broken[i].octets.n, &b),
                         broken[i].bad);
        assert_string_equal(buf_cstr(&b), broken[i].text);
    }
    buf_fini(&b);
}

static void walk(const char *p, size_t n, void *ctx)
{
    struct str s = str_n(p, n);
    uint8_t out[64];
    struct buf b;

    (void)ctx;
    buf_init(&b, 1000);
    (void)gsm_fold(s, &b, 0);
    (void)!gsm_septets(s);
    (void)!gsm_encode(s, out, sizeof(out));
    for (size_t max = 0; max < n; max++) {
        assert_true(gsm_cut(s, max) <= n);
        assert_true(ucs2_cut(s, max) <= n);
    }
    ucs2_encode(s, &b);
    (void)gsm_decode((const uint8_t *)p, n, &b);
    (void)ucs2_decode((const uint8_t *)p, n, &b);
    buf_fini(&b);
}

static void nothing_reads_behind_its_end(void **state)
{
    static const char text[] = "e\xCC\x81[\xE2\x82\xAC\x1B\xF0\x9F\x93\x9A\xC3";

    (void)state;
    guard_each_cut(text, sizeof(text) - 1, walk, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_codes_round_trip),
        cmocka_unit_test(septets_are_counted),
        cmocka_unit_test(languages_fold),
        cmocka_unit_test(fold_flags),
        cmocka_unit_test(signs_alone_fold),
        cmocka_unit_test(folding_is_closed),
        cmocka_unit_test(cutting),
        cmocka_unit_test(packing_vectors),
        cmocka_unit_test(sms_capacities),
        cmocka_unit_test(all_fills_and_lengths_round_trip),
        cmocka_unit_test(decoding),
        cmocka_unit_test(encode_respects_room),
        cmocka_unit_test(ucs2_vectors),
        cmocka_unit_test(nothing_reads_behind_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
