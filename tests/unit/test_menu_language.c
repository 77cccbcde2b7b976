/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the menu language says beyond menus and lists: typed amounts, dates and pins, cases with
 * ranges, subflows, safety, guard screens, experiments, variations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "menus/input_value.h"
#include "tests/unit/menu_changes.h"
#include "tests/unit/menu_language.h"

struct fixture {
    struct menu *m;
    struct reader r;
    const char *money;
};

static bool answer(struct reader *r, const struct menu_out *out, struct menu_rows *rows)
{
    const struct fixture *f = r->ctx;

    if (!strcmp(out->action->name, "dial"))
        return ROW(r, rows, "money", f->money);
    return ROW(r, rows, "outcome", "ok", "friend", "Awa");
}

static int setup(void **state)
{
    struct menu_report *report = calloc(1, sizeof *report);
    struct fixture *f = calloc(1, sizeof *f);
    struct err e = {0};

    assert_non_null(f);
    assert_non_null(report);
    f->m = menu_load_files(files, ARRAY_LEN(files), report, &e);
    if (f->m)
        assert_int_equal(menu_check(f->m, report), 0);
    menu_report_print(report, stderr);
    free(report);
    assert_non_null(f->m);
    reader_init(&f->r, f->m, answer, 160, MENU_GSM7);
    f->r.ctx = f;
    f->money = "XOF";
    reader_var(&f->r, "country", "SN");
    reader_var(&f->r, "hash", "\\x07");
    reader_var(&f->r, "step", "one");
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

static void at(struct fixture *f, const char *screen)
{
    assert_string_equal(f->r.out.screen, screen);
}

static const char *walk(struct fixture *f, const char *a, const char *b)
{
    reader_dial(&f->r);
    reader_say(&f->r, a);
    return reader_say(&f->r, b);
}

/* ---- typed inputs ---------------------------------------------------------------------------- */

static void amounts_by_exponent(void **state)
{
    static const struct {
        const char *typed;
        unsigned exponent;
        int64_t minor; /* -1: refused */
    } cases[] = {
        {"1500", 0, 1500},
        {"1 500", 0, 1500},
        {"1.500", 0, 1500},
        {"1,500", 0, 1500},
        {"1'500", 0, 1500},
        {"1.500.000", 0, 1500000},
        {"1,5", 0, -1},
        {"1500,00", 0, -1},
        {"15.00", 0, -1},
        {"1.50.000", 0, -1},
        {"1500.000", 0, -1},
        {"0.500", 0, -1},
        {"1.500,000", 0, -1},
        {"-5", 0, -1},
        {"+5", 0, -1},
        {"1e3", 0, -1},
        {".5", 0, -1},
        {"5.", 0, -1},
        {"", 0, -1},
        {"1500", 2, 150000},
        {"15,5", 2, 1550},
        {"15.50", 2, 1550},
        {"1.500,50", 2, 150050},
        {"1,500.50", 2, 150050},
        {"1.500", 2, 150000},
        {"1.500.000", 2, 150000000},
        {"15.505", 2, 1550500},
        {"1,2,3", 2, -1},
        {"1.500", 3, -1},
        {"1.500,250", 3, 1500250},
        {"1,50", 3, 1500},
        {"9999999999999999", 0, -1},
        {"1234567890123456", 2, -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t minor = -1;

        if (!amount_read(str_c(cases[i].typed), cases[i].exponent, &minor))
            minor = -1;
        if (minor != cases[i].minor)
            fail_msg("%s, exponent %u: %lld", cases[i].typed, cases[i].exponent, (long long)minor);
    }
    assert_false(amount_read(str_n("1\0005", 3), 0, &(int64_t){0})); /* hard case 31 */
}

/* Hard cases 12, 17, 30, 31, 32, 35 at an input; "10" is not below "9". */
static void amounts_as_people_type_them(void **state)
{
    static const struct {
        const char *typed, *shown;
    } cases[] = {
        {"1500", "s 1500 "},
        {"1 500", "s 1500 "},
        {"1\xC2\xA0"
         "500",
         "s 1500 "},
        {"\xD9\xA1\xD9\xA5OO", "s 1500 "},
        {"1500,00", "Montant."},
        {"99", "Limites."},
        {"1000000", "Limites."},
        {"", "Vide."},
        {"   ", "Vide."},
        {"\xFF", "Non."},
        {"15\x01", "Montant."},
        {"1500{sum}", "Montant."},
        {"%s%n", "Montant."},
        {"-1500", "Montant."},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (!strstr(walk(f, "1", cases[i].typed), cases[i].shown))
            fail_msg("%s: %s", cases[i].typed, f->r.text);
    f->money = "GHS";
    assert_non_null(strstr(walk(f, "1", "1.500,50"), "s 150050 "));
    f->money = "EUR"; /* a currency that the menu does not know */
    assert_non_null(strstr(walk(f, "1", "1500"), "Montant."));
}

static void cases_are_ranges_of_numbers(void **state)
{
    struct fixture *f = *state;

    walk(f, "1", "999");
    at(f, "small");
    walk(f, "1", "1000");
    at(f, "middle");
    walk(f, "1", "0100"); /* "0100" < "1000" < "999" as strings */
    at(f, "small");
    walk(f, "1", "10000");
    at(f, "big");
}

static void dates_of_a_real_calendar(void **state)
{
    static const struct {
        const char *typed, *shown;
    } cases[] = {
        {"05031990", "d 1990-03-05 "},
        {"5/3/1990", "d 1990-03-05 "},
        {"5-3-1990", "d 1990-03-05 "},
        {"5 3 1990", "d 1990-03-05 "},
        {"05.03.1990", "d 1990-03-05 "},
        {"29/2/2000", "d 2000-02-29 "},
        {"29/2/1900", "Date."},
        {"29/2/2019", "Date."},
        {"31/4/1990", "Date."},
        {"0/4/1990", "Date."},
        {"1/13/1990", "Date."},
        {"1/0/1990", "Date."},
        {"5/3/90", "Date."},
        {"5/3-1990", "Date."},
        {"5031990", "Date."},
        {"31/12/1919", "Limites."},
        {"1/1/2021", "Limites."},
        {"31122020", "d 2020-12-31 "},
        {"5/3/1990/1", "Date."},
        {"\xD9\xA5/3/1990", "d 1990-03-05 "},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (!strstr(walk(f, "2", cases[i].typed), cases[i].shown))
            fail_msg("%s: %s", cases[i].typed, f->r.text);
}

/* S5, hard case 39: so many digits, to the action and nowhere else; echoed as its length. */
static void a_pin_is_never_kept(void **state)
{
    static const char *const bad[] = {"123", "12345", "12a4", "12 34", "O123", "1234\x01"};
    struct fixture *f = *state;

    reader_dial(&f->r);
    reader_say(&f->r, "3");
    assert_true(f->r.out.sensitive);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_non_null(strstr(reader_say(&f->r, bad[i]), "Code."));
        assert_null(strstr(f->r.text, bad[i]));
    }
    reader_say(&f->r, "4711");
    assert_string_equal(f->r.last_action, "check");
    assert_true(str_eq(f->r.last_args[0], STR("4711")));
    assert_int_equal(str_find(str_n(f->r.stored, f->r.nstored), STR("4711")), -1);
    at(f, "home");
}

/* ---- safety ---------------------------------------------------------------------------------- */

static void safety_is_derived(void **state)
{
    static const struct {
        const char *screen;
        enum menu_safety safety;
    } cases[] = {{"home", MENU_FREE},       {"dial", MENU_FREE},    {"slow", MENU_FREE},
                 {"sum", MENU_INPUT},       {"number", MENU_INPUT}, {"pin", MENU_SENSITIVE},
                 {"check", MENU_SENSITIVE}, {"ask_who", MENU_FREE}};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t no = 0; no < menu_screens(f->m); no++)
            if (!strcmp(menu_screen_name(f->m, no), cases[i].screen))
                assert_int_equal(menu_screen_safety(f->m, no), cases[i].safety);
    assert_int_equal(menu_screen_safety(f->m, 9999), MENU_MONEY);
}

/* Hard case 9: values are walked, a pin from a dial string is not. */
static void a_long_dial_walks_by_safety(void **state)
{
    struct fixture *f = *state;

    reader_var(&f->r, "dial", "1*1500");
    assert_non_null(strstr(reader_dial(&f->r), "s 1500 "));
    at(f, "middle");
    reader_var(&f->r, "dial", "3*4711");
    reader_dial(&f->r);
    at(f, "pin");
    assert_string_equal(f->r.last_action, "dial");
    reader_var(&f->r, "dial", "4*1*2*771234567*30"); /* through subflows */
    assert_non_null(strstr(reader_dial(&f->r), "Merci 221771234567 n 30"));
}

/* ---- subflows -------------------------------------------------------------------------------- */

static void a_subflow_returns_its_result(void **state)
{
    struct fixture *f = *state;
    size_t before;

    assert_non_null(strstr(walk(f, "4", "1"), "Pour XOF ?"));
    at(f, "who");
    reader_say(&f->r, "1");
    assert_non_null(strstr(f->r.text, "f me."));               /* on "self|me" */
    assert_non_null(strstr(reader_say(&f->r, "0"), "Cadeau")); /* the subflow is gone */
    before = f->r.nstored;
    reader_say(&f->r, "1");
    reader_say(&f->r, "2");
    reader_say(&f->r, "771234567");
    at(f, "how_old");
    reader_say(&f->r, "17"); /* the inner result leads back into the outer */
    at(f, "number");
    reader_say(&f->r, "771234567");
    assert_non_null(strstr(reader_say(&f->r, "18"), "Merci 221771234567 n 18"));
    reader_say(&f->r, "0");
    at(f, "gift");
    assert_true(f->r.nstored <= before + 32); /* parameters and results are not kept */
    assert_int_equal(str_find(str_n(f->r.stored, f->r.nstored), STR("Pour")), -1);
}

static void back_leaves_a_subflow_to_its_caller(void **state)
{
    struct fixture *f = *state;

    walk(f, "4", "1");
    reader_say(&f->r, "2");
    reader_say(&f->r, "771234567");
    at(f, "how_old");
    reader_say(&f->r, "0");
    at(f, "number");
    reader_say(&f->r, "0");
    at(f, "who");
    reader_say(&f->r, "0");
    at(f, "gift");
    reader_say(&f->r, "0");
    at(f, "home");
    walk(f, "4", "1");
    reader_say(&f->r, "00");
    at(f, "home");
    reader_say(&f->r, "0");
    at(f, "home");
}

/* A subflow that a first dial led to has nobody to return to: back is home. */
static void back_from_a_subflow_on_nothing_is_home(void **state)
{
    struct fixture *f = *state;
    char *bytes = f->r.stored;

    walk(f, "4", "1");
    assert_int_equal(bytes[10], 4); /* home, gift, ask_who, who: three bytes each */
    bytes[10] = 2;
    memmove(bytes + 11, bytes + 17, f->r.nstored - 17);
    f->r.nstored -= 6;
    reader_say(&f->r, "0");
    at(f, "home");
}

/* ---- guard screens --------------------------------------------------------------------------- */

/* Sends an input and stops at the action, which is not back in time. */
static struct menu_state *hang(struct fixture *f, struct menu_turn *t, const char *input)
{
    struct menu_state *s = reader_restore(&f->r);

    *t = reader_turn(&f->r);
    menu_input(f->m, s, t, str_c(input), &f->r.out);
    assert_int_equal(f->r.out.kind, MENU_ACTION);
    return s;
}

static void guard(struct fixture *f, struct menu_state *s, const struct menu_turn *t)
{
    menu_guard(f->m, s, t, &f->r.out);
    reader_settle(&f->r, s, t);
    assert_non_null(strstr(f->r.text, "Attente.\n1 Voir"));
    assert_false(f->r.out.end);
}

/* Hard case 26. */
static void a_late_result_comes_on_the_next_hop(void **state)
{
    struct fixture *f = *state;
    struct menu_turn t;
    struct menu_state *s;

    reader_dial(&f->r);
    s = hang(f, &t, "5");
    assert_int_equal(f->r.out.action->timeout_ms, 1500);
    assert_int_equal(f->r.out.action->retries, 1);
    assert_false(f->r.out.late);
    guard(f, s, &t);
    reader_var(&f->r, "step", "two");
    s = hang(f, &t, "1");
    assert_true(f->r.out.late && f->r.out.again);
    assert_true(str_eq(f->r.out.args[0], STR("one"))); /* S2: under the first hop's step */
    guard(f, s, &t);                                   /* still running */
    reader_var(&f->r, "step", "three");
    s = hang(f, &t, "anything");
    assert_true(f->r.out.late);
    assert_true(str_eq(f->r.out.args[0], STR("one")));
    reader_settle(&f->r, s, &t);
    assert_non_null(strstr(f->r.text, "Merci Awa"));
    s = reader_restore(&f->r);
    t = reader_turn(&f->r);
    menu_input(f->m, s, &t, STR("0"), &f->r.out);
    assert_int_equal(f->r.out.kind, MENU_SCREEN); /* nothing is waited for any more */
}

static void a_guard_screen_may_be_left(void **state)
{
    struct fixture *f = *state;
    struct menu_turn t;
    struct menu_state *s;

    for (int key = 0; key < 2; key++) {
        reader_dial(&f->r);
        s = hang(f, &t, "5");
        guard(f, s, &t);
        reader_say(&f->r, key ? "00" : "0");
        at(f, "home");
        assert_int_equal(f->r.actions, 0);
    }
    reader_dial(&f->r); /* a failure after all: where he stood, to try again */
    s = hang(f, &t, "5");
    guard(f, s, &t);
    s = hang(f, &t, "1");
    menu_fail(f->m, s, &t, MENU_FAIL_BUSY, &f->r.out);
    reader_settle(&f->r, s, &t);
    assert_non_null(strstr(f->r.text, "Occupe.\n1 Encore"));
    reader_say(&f->r, "1");
    at(f, "home");
}

/* Before the first screen there is nothing to go back to; a repeat or reshow looks too. */
static void the_first_action_may_be_late(void **state)
{
    struct fixture *f = *state;
    struct menu_turn t = reader_turn(&f->r);
    struct menu_state *s = menu_state_new(f->m, &f->r.arena);

    menu_begin(f->m, s, &t, &f->r.out);
    guard(f, s, &t);
    s = hang(f, &t, "0");
    assert_true(f->r.out.late && f->r.out.again);
    guard(f, s, &t);
    assert_non_null(strstr(reader_shown(&f->r, menu_reshow), "Accueil"));
    at(f, "home");
}

/* A pin is not there a second time: the action is not sent again with nothing. */
static void an_action_with_a_secret_is_not_sent_again(void **state)
{
    struct fixture *f = *state;
    struct menu_turn t;
    struct menu_state *s;

    reader_dial(&f->r);
    reader_say(&f->r, "3");
    s = hang(f, &t, "4711");
    guard(f, s, &t);
    assert_int_equal(str_find(str_n(f->r.stored, f->r.nstored), STR("4711")), -1);
    s = hang(f, &t, "1");
    assert_true(f->r.out.late);
    assert_false(f->r.out.again);
    reader_settle(&f->r, s, &t);
    at(f, "home");
}

/* A waiting state cut or with any bit changed is refused or harmless. */
static void a_damaged_wait_is_refused(void **state)
{
    struct fixture *f = *state;
    char bytes[MENU_STATE_MAX];
    struct menu_turn t;
    struct menu_state *s;
    struct err e;
    size_t n;

    walk(f, "4", "1"); /* inside a subflow */
    reader_say(&f->r, "00");
    s = hang(f, &t, "5");
    guard(f, s, &t);
    memcpy(bytes, f->r.stored, n = f->r.nstored);
    for (size_t i = 9; i < n; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(f->r.stored, bytes, n);
            f->r.stored[i] = (char)(f->r.stored[i] ^ (1 << bit));
            arena_reset(&f->r.arena);
            t = reader_turn(&f->r);
            if (menu_state_decode(f->m, str_n(f->r.stored, n), &f->r.arena, &s, &e) != 0)
                continue;
            menu_input(f->m, s, &t, STR("1"), &f->r.out);
            reader_settle(&f->r, s, &t);
        }
    for (size_t cut = 0; cut < n; cut++) {
        arena_reset(&f->r.arena);
        assert_int_equal(menu_state_decode(f->m, str_n(bytes, cut), &f->r.arena, &s, &e), -1);
    }
}

/* ---- experiments and variations -------------------------------------------------------------- */

static void a_user_keeps_his_variant(void **state)
{
    struct fixture *f = *state;
    size_t b = 0;

    assert_int_equal(menu_experiments(f->m), 1);
    assert_string_equal(menu_experiment_name(f->m, 0), "order");
    for (unsigned user = 0; user < 1000; user++) {
        char hash[16];
        struct str variant;

        snprintf(hash, sizeof hash, "\\x%04x", user);
        reader_var(&f->r, "hash", hash);
        reader_dial(&f->r);
        variant = menu_variant(f->m, reader_restore(&f->r), 0);
        b += str_eq(variant, STR("b"));
        assert_int_equal(strstr(f->r.text, "6 ") != NULL, str_eq(variant, STR("b")));
        if (str_eq(variant, STR("b"))) {
            assert_non_null(strstr(f->r.text, "6 Encore plus"));
            reader_say(&f->r, "6");
            at(f, "extra");
        }
        reader_dial(&f->r);
        assert_true(str_eq(menu_variant(f->m, reader_restore(&f->r), 0),
                           str_eq(variant, STR("b")) ? STR("b") : STR("a")));
    }
    assert_in_range(b, 430, 570); /* 1:1 */
    reader_var(&f->r, "hash", "");
    reader_dial(&f->r);
    assert_true(str_eq(menu_variant(f->m, reader_restore(&f->r), 0), STR("a"))); /* the control */
}

static void texts_vary_by_country(void **state)
{
    struct fixture *f = *state;

    reader_dial(&f->r);
    assert_null(strstr(reader_say(&f->r, "4"), "Cocody"));
    reader_var(&f->r, "country", "CI");
    reader_dial(&f->r);
    assert_non_null(strstr(reader_say(&f->r, "4"), "Cadeau de Cocody"));
}

#define X40 "0123456789012345678901234567890123456789"

/* A short text serves the screens below a size; the proof goes by what each screen really shows. */
static void texts_vary_by_the_size_of_the_screen(void **state)
{
    static const struct change narrow[] = {
        {"flow.json", "\"variations\":{",
         "\"variations\":{\"narrow\":{\"var\":\"page_chars\",\"is\":\"..129\"},", "", "", 0},
        {"flow.json", "\"max\":160}", "\"max\":160},{\"charset\":\"gsm7\",\"max\":120}", "", "", 0},
        {"flow.json", "\"to\":\"ask_who\"}",
         "\"to\":\"ask_who\"},{\"text\":\"home\",\"to\":\"@home\",\"when\":{\"var\":\"page_chars\",\"is\":\"165..\"}}",
         "", "", 0},
        {"text/fr.json", "\"gift@CI\":", "\"gift@narrow\":\"Don\",\"gift@CI\":", "", "", 0},
        {"text/fr.json", "\"gift\":\"Cadeau\"", "\"gift\":\"Cadeau " X40 X40 "\"", "", "", 0},
    };
    struct menu_file own[ARRAY_LEN(files)];
    char *made[ARRAY_LEN(narrow)];
    struct menu_report *r = calloc(1, sizeof *r);
    struct reader wide, small;
    struct err e = {0};
    struct menu *m;

    assert_non_null(r);
    memcpy(own, files, sizeof own);
    for (size_t c = 0; c < ARRAY_LEN(narrow); c++)
        made[c] = change_in(own, ARRAY_LEN(own), &narrow[c]);
    m = menu_load_files(own, ARRAY_LEN(own), r, &e);
    menu_report_print(r, stderr);
    assert_non_null(m);
    assert_int_equal(menu_check(m, r), 0);
    assert_true(menu_proves(m, (struct menu_limits){120, MENU_GSM7}));
    assert_true(menu_proves(m, (struct menu_limits){129, MENU_GSM7}));
    assert_false(menu_proves(m, (struct menu_limits){130, MENU_GSM7})); /* the long texts */
    assert_true(menu_proves(m, (struct menu_limits){164, MENU_GSM7}));
    assert_false(menu_proves(m, (struct menu_limits){165, MENU_GSM7})); /* one option more */
    reader_init(&wide, m, answer, 160, MENU_GSM7);
    reader_init(&small, m, answer, 120, MENU_GSM7);
    wide.ctx = small.ctx = *state;
    reader_dial(&wide);
    assert_non_null(strstr(reader_say(&wide, "4"), X40));
    reader_var(&small, "country", "CI"); /* the first variation that holds */
    reader_dial(&small);
    assert_non_null(strstr(reader_say(&small, "4"), "Don"));
    reader_fini(&wide);
    reader_fini(&small);
    menu_free(m);
    for (size_t c = 0; c < ARRAY_LEN(narrow); c++)
        free(made[c]);
    free(r);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_by_exponent),
        T(amounts_as_people_type_them),
        T(cases_are_ranges_of_numbers),
        T(dates_of_a_real_calendar),
        T(a_pin_is_never_kept),
        T(safety_is_derived),
        T(a_long_dial_walks_by_safety),
        T(a_subflow_returns_its_result),
        T(back_leaves_a_subflow_to_its_caller),
        T(back_from_a_subflow_on_nothing_is_home),
        T(a_late_result_comes_on_the_next_hop),
        T(a_guard_screen_may_be_left),
        T(the_first_action_may_be_late),
        T(an_action_with_a_secret_is_not_sent_again),
        T(a_damaged_wait_is_refused),
        T(a_user_keeps_his_variant),
        T(texts_vary_by_country),
        T(texts_vary_by_the_size_of_the_screen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
