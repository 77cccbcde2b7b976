/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a text may be cut: what always holds of the cuts, and the sentences of French and English.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/books/measure.h"
#include "gateway/lib/gsm.h"
#include "gateway/lib/utf8.h"

/* Byte offset of a character. */
static size_t byte_of(struct str s, uint32_t chars)
{
    size_t at = 0;

    while (chars-- > 0) {
        at++;
        while (at < s.n && ((unsigned char)s.p[at] & 0xC0) == 0x80)
            at++;
    }
    return at;
}

static uint32_t folded_septets(struct str s)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    gsm_fold(s, &b, 0);
    ssize_t n = gsm_septets(buf_str(&b));

    assert_true(n >= 0);
    buf_fini(&b);
    return (uint32_t)n;
}

static uint32_t units_of(struct str s)
{
    return (uint32_t)ucs2_units(s);
}

/* What holds of every text. */
static void check_always(struct str body)
{
    size_t n;
    struct cut *c = measure_cuts(body, &n);
    struct cut was = {0};

    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(c[i].chars > was.chars);
        assert_true(c[i].septets >= was.septets);
        assert_true(c[i].septets - was.septets <= MEASURE_SENTENCE_MAX);
        assert_int_equal(c[i].septets, folded_septets(str_head(body, byte_of(body, c[i].chars))));
        assert_int_equal(c[i].units, units_of(str_head(body, byte_of(body, c[i].chars))));
        was = c[i];
    }
    assert_int_equal(was.chars, utf8_count(body));
    free(c);
}

/* The sentences of body, joined by '|'. */
static void check_cuts(const char *body, const char *joined)
{
    struct str s = str_c(body);
    struct buf out;
    size_t n, at = 0;
    struct cut *c = measure_cuts(s, &n);

    check_always(s);
    buf_init(&out, 4096);
    for (size_t i = 0; i < n; i++) {
        size_t end = byte_of(s, c[i].chars);

        buf_addf(&out, "%s%.*s", i > 0 ? "|" : "", (int)(end - at), s.p + at);
        at = end;
    }
    assert_string_equal(buf_cstr(&out), joined);
    buf_fini(&out);
    free(c);
}

static void sentences(void **state)
{
    (void)state;
    check_cuts("Un. Deux! Trois? Quatre", "Un. |Deux! |Trois? |Quatre");
    check_cuts("Une seule phrase.", "Une seule phrase.");
    check_cuts("a", "a");
    check_cuts("Quoi ?! Rien.", "Quoi ?! |Rien.");
    check_cuts("Il dit.\n\nelle part.", "Il dit.\n\n|elle part.");
    check_cuts("Titre sans point\n\nLe texte.", "Titre sans point\n\n|Le texte.");
}

static void no_sentence_ends_here(void **state)
{
    (void)state;
    check_cuts("M. Faye vend. Il rit.", "M. Faye vend. |Il rit.");
    check_cuts("Le prix est 3.5 francs. Bon.", "Le prix est 3.5 francs. |Bon.");
    check_cuts("Il attend... puis part. Fin.", "Il attend... puis part. |Fin.");
    check_cuts("etc. et le reste. Fin.", "etc. et le reste. |Fin.");
    check_cuts("Voir coko.example pour tout.", "Voir coko.example pour tout.");
}

static void closers_belong_to_the_sentence(void **state)
{
    (void)state;
    check_cuts("« Viens. » Il vint.", "« Viens. » |Il vint.");
    check_cuts("« Viens ! » dit-elle. Bien.", "« Viens ! » dit-elle. |Bien.");
    check_cuts("\"Come.\" He came.", "\"Come.\" |He came.");
    check_cuts("(Il pleut.) On reste.", "(Il pleut.) |On reste.");
    check_cuts("“Go.” She went. Il sait… Oui.", "“Go.” |She went. |Il sait… |Oui.");
}

static void characters_not_bytes(void **state)
{
    size_t n;
    struct cut *c = measure_cuts(STR("Été. Noël."), &n);

    (void)state;
    assert_int_equal(n, 2);
    assert_int_equal(c[0].chars, 5);
    assert_int_equal(c[1].chars, 10);
    free(c);
}

static void euro_costs_two_and_what_folds_costs_its_fold(void **state)
{
    size_t n;
    struct cut *c = measure_cuts(STR("5 € {ok}… œ"), &n);

    (void)state;
    assert_int_equal(c[n - 1].septets, folded_septets(STR("5 € {ok}… œ")));
    free(c);
    check_always(STR("ɛ̃ ɔ̃ e\xCC\x81 ŋ ɖ ƒ \xF0\x9F\x98\x80 \xD8\xB3\xD9\x84 a\xCC\x80\xCC\xA3."));
}

static void what_folding_changes_is_told_by_sentence(void **state)
{
    static const uint8_t folds[] = {MEASURE_NOTHING,    MEASURE_LETTERS, MEASURE_NOTHING,
                                    MEASURE_IMPOSSIBLE, MEASURE_LETTERS, MEASURE_NOTHING};
    size_t n;
    struct cut *c = measure_cuts(STR("\u00AB L\u2019\u00E9t\u00E9\u2026 \u00BB Une for\u00EAt. "
                                     "Rien. \U0001F600 et \u00EA. Un \u0153uf. Fin."),
                                 &n);

    (void)state;
    assert_int_equal(n, ARRAY_LEN(folds));
    for (size_t i = 0; i < n; i++)
        assert_int_equal(c[i].folds, folds[i]);
    free(c);
    assert_int_equal(measure_folds(STR("L\u2019\u00E9t\u00E9 [1]")), MEASURE_NOTHING);
    assert_int_equal(measure_folds(STR("\u00CEle")), MEASURE_LETTERS);
    assert_int_equal(measure_folds(STR("\u65E5")), MEASURE_IMPOSSIBLE);
    assert_int_equal(measure_folds(STR("")), MEASURE_NOTHING);
}

/* A cut at a space behind which a letter already came: the letter counts for both. */
static void a_cut_at_a_space_forgets_no_letter(void **state)
{
    struct buf b;
    size_t n;

    (void)state;
    buf_init(&b, 4096);
    for (int i = 0; i < 440; i++)
        buf_addc(&b, 'a');
    buf_puts(&b, " \u00EA");
    for (int i = 0; i < 40; i++)
        buf_addc(&b, 'a');
    struct cut *c = measure_cuts(buf_str(&b), &n);

    assert_int_equal(n, 2);
    assert_int_equal(c[0].chars, 441);
    assert_int_equal(c[1].folds, MEASURE_LETTERS);
    free(c);
    buf_fini(&b);
}

/* A filler of n characters, with a space every `word` of them (0: none), and an end. */
static void check_long(size_t n, size_t word, const char *unit, const char *end)
{
    struct buf b;

    buf_init(&b, 1 << 16);
    for (size_t i = 1; i <= n; i++)
        buf_puts(&b, word && i % word == 0 ? " " : unit);
    buf_puts(&b, end);
    check_always(buf_str(&b));
    buf_fini(&b);
}

static void long_sentences_are_cut(void **state)
{
    (void)state;
    /* bug: the cut came after the character that was too much, and again at the point behind it */
    for (size_t n = 440; n < 460; n++) {
        check_long(n, 0, "a", ".");
        check_long(n, 0, "a", ". B");
        check_long(n, 0, "a", "\n\nB.");
        check_long(n, 449, "a", ".");
        check_long(n, 2, "é", "… » Bon.");
        check_long(n, 0, "€", "");
        check_long(n, 7, "…", "!");
    }
    check_long(5000, 9, "ê", ".");
    check_long(5000, 0, "{", ".");
}

static void a_long_sentence_is_cut_at_a_space(void **state)
{
    struct buf b;
    size_t n;

    (void)state;
    buf_init(&b, 4096);
    for (int i = 0; i < 300; i++)
        buf_puts(&b, "mot ");
    struct cut *c = measure_cuts(buf_str(&b), &n);

    for (size_t i = 0; i < n; i++)
        assert_int_equal(b.p[c[i].chars - 1], ' ');
    assert_true(n >= 3 && n <= 4);
    free(c);
    buf_fini(&b);
}

static void many_made_up_texts(void **state)
{
    static const char *const bits[] = {"a", "B",  " ",  "\n\n",    ".",   "!", "…", "é", "»", "« ",
                                       "€", "M.", "\"", "longmot", "3.5", "’", "œ", "ɓ", "^", "?"};
    uint64_t seed = 42;

    (void)state;
    for (int round = 0; round < 300; round++) {
        struct buf b;

        buf_init(&b, 1 << 16);
        for (int i = 0; i < 700; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            buf_puts(&b, bits[(seed >> 33) % ARRAY_LEN(bits)]);
            if (round % 3 == 0 && i % 5 != 0) /* few ends: long runs */
                buf_puts(&b, "xé");
        }
        check_always(buf_str(&b));
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences),
        cmocka_unit_test(no_sentence_ends_here),
        cmocka_unit_test(closers_belong_to_the_sentence),
        cmocka_unit_test(characters_not_bytes),
        cmocka_unit_test(euro_costs_two_and_what_folds_costs_its_fold),
        cmocka_unit_test(what_folding_changes_is_told_by_sentence),
        cmocka_unit_test(a_cut_at_a_space_forgets_no_letter),
        cmocka_unit_test(long_sentences_are_cut),
        cmocka_unit_test(a_long_sentence_is_cut_at_a_space),
        cmocka_unit_test(many_made_up_texts),
    };

    return cmocka_run_group_tests_name("books/measure", tests, NULL, NULL);
}
