/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A code for a payment rail in the menu language: an input with options beside it, digits from so many
 * to so many, and an action to which the code is no argument (S5); the faults that the loader and the
 * proofs tell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/menu_changes.h"

static const char flow[] =
    "{\n" /* line 1 */
    "\"languages\":[\"fr\"],\"start\":\"home\",\"home\":\"home\",\n"
    "\"limits\":[{\"charset\":\"gsm7\",\"max\":100}],\n"
    "\"vars\":{\"lang\":{\"max\":5},\"otp\":{\"max\":8},\"x\":{\"max\":2},\"plan\":{\"max\":9},\n"
    "\"step\":{\"max\":40,\"caller\":true}},\n"
    "\"screens\":{\n" /* line 6 */
    "\"home\":{\"type\":\"menu\",\"text\":\"home\",\"options\":[{\"text\":\"go\",\"to\":\"code\"},\n"
    "{\"text\":\"go\",\"to\":\"offers\"}]},\n"
    "\"code\":{\"type\":\"input\",\"text\":\"code\",\"var\":\"otp\",\"kind\":\"pin\",\"digits\":[4,8],\n" /* 9 */
    "\"to\":\"type\",\"options\":[{\"text\":\"how\",\"to\":\"how\"},\n"
    "{\"text\":\"link\",\"to\":\"@home\",\"when\":{\"var\":\"x\"}},{\"text\":\"leave\",\"to\":\"@home\"}]},\n"
    "\"how\":{\"type\":\"text\",\"body_text\":\"how\"},\n"
    "\"type\":{\"type\":\"call\",\"action\":\"type\",\"on\":{\"wrong\":\"code\",\"ok\":\"home\"}},\n" /* 13 */
    "\"offers\":{\"type\":\"list\",\"text\":\"home\",\"action\":\"offers\",\"max_items\":8,\n"
    "\"keep\":{\"plan\":\"id\"},\"to\":\"confirm\",\"empty\":\"@back\"},\n"
    "\"confirm\":{\"type\":\"confirm\",\"text\":\"ask\",\"evidence\":[\"plan\"],\n"
    "\"accept\":{\"text\":\"go\",\"to\":\"pay\"},\"refuse\":{\"text\":\"go\",\"to\":\"@back\"}},\n"
    "\"pay\":{\"type\":\"pay\",\"action\":\"pay\",\"on\":{\"created\":\"done\",\"code\":\"done\"},\n" /* 18 */
    "\"else\":\"home\"},\n"
    "\"done\":{\"type\":\"end\",\"text\":\"home\"}}}";

static const char texts[] =
    "{\"nav\":{\"back\":\"Retour\",\"home\":\"Accueil\",\"more\":\"Suite\",\"previous\":\"Avant\"},\n"
    "\"reason\":{\"choice\":\"Non.\",\"empty\":\"Vide.\",\"long\":\"Long.\",\"number\":\"Nombre.\",\n"
    "\"range\":\"Limites.\",\"text\":\"Lettres.\",\"msisdn\":\"Numero.\",\"code\":\"Mauvais.\"},\n"
    "\"fail\":{\"busy\":\"Occupe.\",\"down\":\"Panne.\",\"bug\":\"Souci.\",\"gone\":\"Fini.\",\n"
    "\"retry\":\"Encore\",\"wait\":\"Attente.\",\"look\":\"Voir\"},\n"
    "\"screens\":{\"home\":\"Accueil\",\"go\":\"Choix\",\"code\":\"Votre code ?\",\"how\":\"Avoir un code\",\n"
    "\"link\":\"Lien\",\"leave\":\"Annuler\",\"ask\":\"{plan} ?\"}}";

static const struct menu_file files[] = {
    {"flow.json", {flow, sizeof flow - 1}},
    {"text/fr.json", {texts, sizeof texts - 1}},
    {"actions/type.sql", STR_INIT("-- lane: write\n-- code: otp\n-- args: step\n-- cols: outcome\n"
                                  "-- outcomes: wrong ok\nselect $1")},
    {"actions/offers.sql", STR_INIT("-- lane: read\n-- cols: id label\nselect 1")},
    {"actions/pay.sql", STR_INIT("-- lane: write\n-- args: plan\n-- cols: outcome\n"
                                 "-- outcomes: created code none\nselect $1")},
};

struct fixture {
    struct menu *m;
    struct reader r;
    char code[16];
    bool given, late, again;
};

static bool script(struct reader *r, const struct menu_out *out, struct menu_rows *rows)
{
    struct fixture *f = r->ctx;

    f->given = out->code.p != NULL;
    f->late = out->late;
    f->again = out->again;
    snprintf(f->code, sizeof f->code, "%" STR_FMT, STR_ARG(out->code));
    return ROW(r, rows, "outcome", "wrong");
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct menu_report *report = calloc(1, sizeof *report);
    struct err e = {0};

    assert_non_null(f);
    assert_non_null(report);
    f->m = menu_load_files(files, ARRAY_LEN(files), report, &e);
    if (f->m)
        (void)!menu_check(f->m, report);
    menu_report_print(report, stderr);
    assert_true(f->m && report->count == 0);
    free(report);
    reader_init(&f->r, f->m, script, 100, MENU_GSM7);
    f->r.ctx = f;
    reader_var(&f->r, "step", "s:1");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    reader_fini(&f->r);
    menu_free(f->m);
    free(f);
    return 0;
}

static const char *to_code(struct fixture *f)
{
    reader_dial(&f->r);
    return reader_say(&f->r, "1");
}

static void the_code_is_handed_over_and_kept_nowhere_S5(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(to_code(f), "Votre code ?\n1 Avoir un code\n2 Annuler\n0 Retour");
    reader_say(&f->r, "0042");
    assert_true(f->given && !f->late);
    assert_string_equal(f->code, "0042"); /* zeros in front are digits */
    assert_int_equal(f->r.out.noptions, 3);
    assert_true(str_eq(f->r.last_args[0], STR("s:1")));
    assert_int_equal(str_find(str_n(f->r.stored, f->r.nstored), STR("0042")), -1);
    assert_null(strstr(f->r.text, "0042"));
    reader_say(&f->r, "12345678");
    assert_string_equal(f->code, "12345678");
}

static void the_length_lies_between_two(void **state)
{
    static const char *const bad[] = {"123", "123456789", "12a4", "12 345", "O1234"};
    struct fixture *f = *state;

    to_code(f);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_non_null(strstr(reader_say(&f->r, bad[i]), "Mauvais."));
    assert_false(f->given);
}

static void options_stand_beside_the_input(void **state)
{
    struct fixture *f = *state;

    to_code(f);
    reader_say(&f->r, "1");
    assert_string_equal(f->r.out.screen, "how");
    reader_say(&f->r, "0");
    assert_string_equal(f->r.out.screen, "code");
    assert_non_null(
        strstr(reader_say(&f->r, "3"), "Mauvais.")); /* hidden: no option, and no code */
    reader_say(&f->r, "2");
    assert_string_equal(f->r.out.screen, "home");
    assert_false(f->given);
}

/* The statement behind the guard may be sent again: it only tells. The code is never given twice. */
static void a_guard_gives_no_code_again_S2(void **state)
{
    struct fixture *f = *state;

    to_code(f);
    f->r.hang = 1;
    reader_say(&f->r, "4711");
    f->r.hang = 0;
    assert_false(f->given);
    reader_say(&f->r, "1");
    assert_true(f->late && f->again && !f->given);
}

static const struct change changes[] = {
    {"flow.json", "\"digits\":[4,8]", "\"digits\":[8,4]", "the least is above the most",
     "flow.json", 9},
    {"flow.json", "\"digits\":[4,8]", "\"digits\":[4]", "needs \"digits\"", "flow.json", 9},
    {"flow.json", "\"digits\":[4,8]", "\"digits\":[1,8]", "4", "flow.json", 9},
    {"flow.json", "\"kind\":\"pin\",\"digits\":[4,8]",
     "\"kind\":\"code\",\"max\":8,\"sensitive\":true", "an option's key is a valid answer",
     "flow.json", 10},
    {"flow.json", "{\"text\":\"how\",\"to\":\"how\"}",
     "{\"key\":\"0\",\"text\":\"how\",\"to\":\"how\"}", "an option takes a reserved key",
     "flow.json", 10},
    {"flow.json", "\"kind\":\"pin\",\"digits\":[4,8]", "\"kind\":\"text\",\"min\":4",
     "S5: a code comes from a sensitive input", "flow.json", 13},
    {"flow.json", "\"code\":\"done\"", "\"code\":\"home\"", "must lead to an end", "flow.json", 18},
    {"actions/type.sql", "-- code: otp", "-- code: otq", "unknown variable \"otq\" in code",
     "actions/type.sql", 2},
    {"actions/type.sql", "-- args: step", "-- args: otp", "the code is no argument",
     "actions/type.sql", 2},
    {"text/fr.json", "\"link\":\"Lien\"",
     "\"link\":\"0123456789012345678901234567890123456789012345678901234567890\"", "may need",
     "flow.json", 9},
};

static void faults_are_told(void **state)
{
    struct menu_report *r = calloc(1, sizeof *r);

    (void)state;
    assert_non_null(r);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++)
        try_change(files, ARRAY_LEN(files), &changes[i], r);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_code_is_handed_over_and_kept_nowhere_S5, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_length_lies_between_two, setup, teardown),
        cmocka_unit_test_setup_teardown(options_stand_beside_the_input, setup, teardown),
        cmocka_unit_test_setup_teardown(a_guard_gives_no_code_again_S2, setup, teardown),
        cmocka_unit_test(faults_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
