/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faulty menus: each row changes one thing in a sound flow and names the fault that must be told,
 * with its file and line. The sound flow itself has none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/menu_changes.h"

static const char flow[] =
    "{\n" /* line 1 */
    "\"languages\":[\"fr\",\"en\"], \"start\":\"home\", \"home\":\"home\",\n"
    "\"limits\":[{\"charset\":\"gsm7\",\"max\":160}],\n"
    "\"vars\":{\"lang\":{\"max\":5},\"plan\":{\"max\":9},\"price\":{\"max\":9},\n"
    "\"pin\":{\"max\":8}}, \"sms_vars\":{\"code\":6},\n"
    "\"screens\":{\n" /* line 6 */
    "\"home\":{\"type\":\"menu\",\"text\":\"home\",\"options\":[\n"
    "{\"text\":\"go\",\"to\":\"offers\"},{\"text\":\"go\",\"to\":\"pin\"}]},\n"
    "\"offers\":{\"type\":\"list\",\"text\":\"home\",\"action\":\"offers\",\"max_items\":8,\n" /* 9 */
    "\"keep\":{\"plan\":\"id\",\"price\":\"price\"},\"to\":\"confirm\",\"empty\":\"@back\"},\n"
    "\"pin\":{\"type\":\"input\",\"text\":\"home\",\"var\":\"pin\",\"kind\":\"code\",\"max\":8,\n"
    "\"sensitive\":true,\"to\":\"check\"},\n"
    "\"check\":{\"type\":\"call\",\"action\":\"check\",\"on\":{\"ok\":\"home\",\"bad\":\"pin\"}},\n"
    "\"confirm\":{\"type\":\"confirm\",\"text\":\"ask\",\"evidence\":[\"price\"],\n" /* 14 */
    "\"accept\":{\"text\":\"go\",\"to\":\"pay\"},\"refuse\":{\"text\":\"go\",\"to\":\"@back\"}},\n"
    "\"pay\":{\"type\":\"pay\",\"action\":\"pay\",\"on\":{\"created\":\"done\"},\n" /* 16 */
    "\"else\":\"home\"},\n"
    "\"done\":{\"type\":\"end\",\"text\":\"home\"}}}";

static const char texts[] =
    "{\"nav\":{\"back\":\"Retour\",\"home\":\"Accueil\",\"more\":\"Suite\",\"previous\":\"Avant\"},\n"
    "\"reason\":{\"choice\":\"Non.\",\"empty\":\"Vide.\",\"long\":\"Long.\",\"number\":\"Nombre.\",\n"
    "\"range\":\"Limites.\",\"text\":\"Lettres.\",\"msisdn\":\"Numero.\",\"code\":\"Code.\"},\n"
    "\"fail\":{\"busy\":\"Occupe.\",\"down\":\"Panne.\",\"bug\":\"Souci.\",\"gone\":\"Fini.\",\n"
    "\"retry\":\"Encore\",\"wait\":\"Attente.\",\"look\":\"Voir\"},\n"
    "\"sms\":{\"otp\":\"Code {code}\"},\n"
    "\"screens\":{\"home\":\"Accueil\",\"go\":\"Choix\",\"ask\":\"{plan} {price} ?\"}}";

#define X40 "0123456789012345678901234567890123456789"

static const struct change changes[] = {
    {"flow.json", "\"to\":\"offers\"", "\"to\":\"nowhere\"", "unknown screen \"nowhere\"",
     "flow.json", 8},
    {"flow.json", "\"text\":\"ask\"", "\"text\":\"aks\"", "unknown text \"screens.aks\"",
     "flow.json", 14},
    {"flow.json", "\"type\":\"end\"", "\"type\":\"fin\"", "unknown screen type", "flow.json", 18},
    {"flow.json", "\"action\":\"check\"", "\"action\":\"chek\"", "unknown action", "flow.json", 13},
    {"flow.json", "\"max_items\":8", "\"max_itmes\":8", "unknown key \"max_itmes\"", "flow.json",
     9},
    {"flow.json", "\"sensitive\":true", "\"sensitive\":1", "must be true or false", "flow.json",
     12},
    {"flow.json", "\"start\":\"home\"", "\"start\":\"x\"", "\"start\" names no screen", "flow.json",
     2},
    {"flow.json", "\"limits\":[", "\"limits\":[,", "", "flow.json", 3},
    {"flow.json", "\"done\":{\"type\"", "\"done\":{},\"done\":{\"type\"", "duplicate", "flow.json",
     18},
    {"flow.json", "\"max\":9},\"price\"", "\"max\":0},\"price\"", "whole number", "flow.json", 4},
    {"flow.json", "\"max_items\":8", "\"max_items\":8,\"resume\":\"may\"", "never, ask or auto",
     "flow.json", 9},
    {"flow.json", "\"sensitive\":true", "\"sensitive\":true,\"resume\":\"auto\"",
     "a sensitive input is never resumed", "flow.json", 12},
    {"flow.json", "\"type\":\"confirm\"", "\"type\":\"confirm\",\"resume\":\"ask\"",
     "unknown key \"resume\"", "flow.json", 14},
    {"flow.json", "\"max_items\":8", "\"max_items\":8,\"resume\":\"ask\"",
     "unknown text \"nav.resume\"", "flow.json", 0},
    /* checks of meaning */
    {"flow.json", "\"to\":\"offers\"", "\"to\":\"done\"", "cannot be reached", "flow.json", 9},
    {"flow.json", "\"max_items\":8", "\"max_items\":9", "S2: the accept key", "flow.json", 9},
    {"flow.json", "\"to\":\"offers\"", "\"to\":\"pay\"", "only a confirm's accept", "flow.json", 7},
    {"flow.json", "\"bad\":\"pin\"", "\"odd\":\"pin\"", "not among the outcomes", "flow.json", 13},
    {"flow.json", ",\"bad\":\"pin\"", "", "no branch for outcome \"bad\"", "flow.json", 13},
    {"flow.json", "\"created\":\"done\"", "\"created\":\"home\"", "must lead to an end",
     "flow.json", 16},
    {"flow.json", "\"ok\":\"home\"", "\"ok\":\"check\"", "loop that shows nothing", "flow.json",
     13},
    {"flow.json", "{\"text\":\"go\",\"to\":\"pin\"}",
     "{\"key\":\"00\",\"text\":\"go\",\"to\":\"pin\"}", "reserved key", "flow.json", 8},
    {"flow.json", "\"to\":\"check\"", "\"to\":\"home\"", "straight to a call", "flow.json", 11},
    {"text/fr.json", "{price} ?", "?", "does not show {price} in fr", "flow.json", 14},
    {"text/fr.json", "\"ask\":\"", "\"ask\":\"{pin}", "shows a sensitive variable", "flow.json",
     14},
    {"text/fr.json", "\"home\":\"Accueil\",\"go\"", "\"home\":\"" X40 X40 X40 X40 "\",\"go\"",
     "may need", "flow.json", 7},
    {"text/fr.json", "\"go\":", "\"gone\":\"x\",\"go\":", "is not used", "text/fr.json", 7},
    {"text/en.json", "\"go\":", "\"gone\":\"x\",\"go\":", "is missing", "text/fr.json", 0},
    {"text/fr.json", "{price} ?", "{price ?", "a { without its }", "text/fr.json", 7},
    {"text/fr.json", "{plan}", "{plane}", "unknown variable {plane}", "text/fr.json", 7},
    {"text/fr.json", "Code {code}", "Code {code} " X40 X40 X40 X40, "more than one SMS",
     "text/fr.json", 6},
    {"text/fr.json", "\"nav\":", "\"review\":[\"screens\",\"say\"],\"nav\":",
     "\"say\" names no text", "text/fr.json", 1},
    {"text/fr.json", "\"nav\":", "\"review\":\"screens\",\"nav\":", "must list groups or texts",
     "text/fr.json", 1},
    {"actions/check.sql", "write", "wirte", "needs \"-- lane", "actions/check.sql", 1},
    {"actions/check.sql", "args: pin", "args: nip", "unknown variable \"nip\"", "actions/check.sql",
     2},
    {"actions/check.sql", "$1", "$2", "parameter $2", "actions/check.sql", 0},
    {"actions/check.sql", "select", "select 1; select", "exactly one statement",
     "actions/check.sql", 0},
};

static const struct menu_file files[] = {
    {"flow.json", {flow, sizeof flow - 1}},
    {"text/fr.json", {texts, sizeof texts - 1}},
    {"text/en.json", {texts, sizeof texts - 1}},
    {"actions/offers.sql", STR_INIT("-- lane: read\n-- cols: id label price\nselect 1, 'a', 2")},
    {"actions/check.sql", STR_INIT("-- lane: write\n-- args: pin\n-- cols: outcome\n"
                                   "-- outcomes: ok bad\nselect $1")},
    {"actions/pay.sql", STR_INIT("-- lane: write\n-- args: plan price consent\n-- cols: outcome\n"
                                 "-- outcomes: created\nselect $1, $2, $3")},
};

static void each_fault_is_told_with_its_line(void **state)
{
    struct menu_report *r = calloc(1, sizeof *r);

    (void)state;
    assert_non_null(r);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++)
        try_change(files, ARRAY_LEN(files), &changes[i], r);
    free(r);
}

static void sound_flow_has_no_fault(void **state)
{
    struct menu_report *r = calloc(1, sizeof *r);
    struct err e = {0};
    struct menu *m;
    char *dot = NULL;
    size_t n = 0;
    FILE *out;

    (void)state;
    assert_non_null(r);
    m = menu_load_files(files, ARRAY_LEN(files), r, &e);
    menu_report_print(r, stderr);
    assert_non_null(m);
    assert_int_equal(menu_check(m, r), 0);
    out = open_memstream(&dot, &n);
    assert_non_null(out);
    menu_graph(m, 0, NULL, out);
    fclose(out);
    assert_non_null(strstr(dot, "\"confirm\":o0:e -> \"pay\" [label=\"\", color=\"#b91c1c\"]"));
    free(dot);
    menu_free(m);
    free(r);
}

/* The proof names the hardest screen; the drawing is the renderer's, every value at its width. */
static void proof_tells_the_hardest_screen(void **state)
{
    struct menu_report *r = calloc(1, sizeof *r);
    struct menu_proof p;
    struct err e = {0};
    struct menu *m;
    char *text = NULL;
    size_t n = 0;
    FILE *out;

    (void)state;
    assert_non_null(r);
    m = menu_load_files(files, ARRAY_LEN(files), r, &e);
    assert_non_null(m);
    menu_prove(m, &p);
    assert_int_equal(p.screens, 5);
    assert_int_equal(p.proved, 5 * 2 * 1);
    assert_int_equal(p.messages, 1);
    assert_int_equal(p.sms_need, 5 + 6);
    assert_string_equal(menu_screen_name(m, p.worst[0].screen), "offers");
    /* note "Limites." and its end; "Accueil"; 4 and 30 of a row; end, "0 Retour", "  98 Suite" */
    assert_int_equal(p.worst[0].need, p.worst[0].note + p.worst[0].head + p.worst[0].foot);
    assert_int_equal(p.worst[0].head, 7);
    assert_int_equal(p.worst[0].foot, 4 + 30 + 1 + 8 + 10);
    out = open_memstream(&text, &n);
    assert_non_null(out);
    menu_worst_print(m, &p.worst[0], out);
    fclose(out);
    assert_non_null(strstr(text, "gsm7 160: \"offers\" in fr needs "));
    assert_non_null(strstr(text, "| 1 label..................."));
    assert_non_null(strstr(text, "| Accueil  "));
    free(text);
    menu_free(m);
    free(r);
}

/* All faults at once, not the first alone. */
static void all_faults_are_listed(void **state)
{
    static const struct menu_file bad[] = {
        {"flow.json", STR_INIT("{\"languages\":[\"fr\"],\"screens\":{\"a\":{\"type\":\"x\"},\n"
                               "\"b\":{\"type\":\"y\"}}}")},
    };
    struct menu_report *r = calloc(1, sizeof *r);
    struct err e = {0};

    (void)state;
    assert_non_null(r);
    assert_null(menu_load_files(bad, 1, r, &e));
    assert_true(r->count > 5);
    assert_null(menu_load("/nonexistent", r, &e));
    assert_int_equal(r->count, 1);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_flow_has_no_fault),
        cmocka_unit_test(each_fault_is_told_with_its_line),
        cmocka_unit_test(proof_tells_the_hardest_screen),
        cmocka_unit_test(all_faults_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
