/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random readers on the service's own menu: whatever they send and whatever the database answers,
 * there is always a screen, within the limit (S6), and back and home always lead somewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "menus/model.h"
#include "tests/unit/menu_coko.h"
#include "tests/unit/menu_language.h"

static const char *const inputs[] = {
    "1", "2",   "3",   "4",        "5",    "9",    "0",       "00",          "98",  "97",  "",
    " ", "01",  "1.",  "٢",        "O",    "+1",   "-1",      "99999999999", "xyz", "awa", "#",
    "*", "1*2", "été", "\xff\xfe", "CON ", "%s%n", "{title}", "771234567",   "7",   "12",
};

static void walk_one(const struct menu *m, struct menu_limits limits, uint64_t seed,
                     size_t *largest)
{
    struct reader r;
    unsigned clipped = 0;

    reader_init(&r, m, coko_answer, limits.max, limits.charset);
    r.seed = seed * 2654435761u + 88172645463325252u;
    coko_vars(&r);
    r.hang = seed % 3 == 0 ? 7 : 0; /* guard screens between */
    reader_var(&r, "dial", seed % 5 == 0 ? "1234*2*1" : seed % 7 == 0 ? "2*1*1*1" : "");
    reader_dial(&r);
    for (int hop = 0; hop < 60; hop++) {
        reader_say(&r, inputs[reader_random(&r) % ARRAY_LEN(inputs)]);
        clipped += r.out.clipped;
        *largest = MAX(*largest, r.nstored);
    }
    assert_int_equal(clipped, 0); /* the guard was never needed: the proof holds */
    reader_say(&r, "00");
    assert_true(r.out.noptions > 0 || r.out.end);
    reader_fini(&r);
}

static void random_readers_never_leave_the_limits(void **state)
{
    static const struct menu_limits limits[] = {
        {160, MENU_GSM7},
        {182, MENU_GSM7},
        {160, MENU_LATIN1},
        {160, MENU_UTF8},
    };
    struct menu *m = coko_menu();
    size_t largest = 0;

    (void)state;
    for (size_t lim = 0; lim < ARRAY_LEN(limits); lim++)
        for (uint64_t seed = 1; seed <= 60; seed++)
            walk_one(m, limits[lim], seed, &largest);
    print_message("largest stored state: %zu bytes\n", largest);
    assert_true(largest <= 1500);
    menu_free(m);
}

/* What he does next: NULL dials anew, "reshow" and "again" are the carrier's and the resumption's. */
static void hop(struct reader *r, const char *input)
{
    if (!input)
        reader_dial(r);
    else if (!strcmp(input, "reshow"))
        reader_shown(r, menu_reshow);
    else if (!strcmp(input, "again"))
        reader_shown(r, menu_again);
    else
        reader_say(r, input);
}

static void hop_alike(struct reader *a, struct reader *b, const char *input)
{
    hop(a, input);
    hop(b, input);
    assert_string_equal(a->text, b->text);
    assert_string_equal(a->last_action, b->last_action);
    for (size_t i = 0; i < MENU_ARGS_MAX; i++)
        assert_true(str_eq(a->last_args[i], b->last_args[i]));
}

static const char *next_hop(struct reader *r, int n)
{
    if (n % 9 == 8)
        return "00";
    if (n % 7 == 6)
        return "0";
    if (n % 23 == 22)
        return "reshow";
    if (n % 29 == 28 && menu_resume_policy(r->m, reader_restore(r)) != MENU_RESUME_NEVER)
        return "again";
    return inputs[reader_random(r) % ARRAY_LEN(inputs)];
}

/* Both dice thrown alike, whoever of them chose. */
static size_t visit(struct reader *a, struct reader *b)
{
    size_t saved = 0;

    hop_alike(a, b, NULL);
    for (int n = 0; n < 120; n++) {
        const char *input = next_hop(a, n);

        b->seed = a->seed;
        hop_alike(a, b, input);
        assert_true(b->nstored >= a->nstored);
        saved = MAX(saved, b->nstored - a->nstored);
    }
    return saved;
}

/* A reader whose variables are kept for ever sees the same, and sends the same to the database. */
static void what_is_forgotten_is_never_missed(void **state)
{
    struct menu *m = coko_menu(), *all = coko_menu();
    size_t saved = 0;

    (void)state;
    assert_true(m->live_always != 0 && m->live_always != UINT64_MAX);
    all->live_always = UINT64_MAX;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct reader a, b;

        reader_init(&a, m, coko_answer, 160, MENU_GSM7);
        reader_init(&b, all, coko_answer, 160, MENU_GSM7);
        a.seed = b.seed = seed * 2654435761u + 88172645463325252u;
        a.hang = b.hang = seed % 3 == 0 ? 7 : 0;
        coko_vars(&a);
        coko_vars(&b);
        saved = MAX(saved, visit(&a, &b));
        reader_fini(&a);
        reader_fini(&b);
    }
    print_message("forgotten: up to %zu bytes\n", saved);
    assert_true(saved > 0);
    menu_free(m);
    menu_free(all);
}

static bool language_answer(struct reader *r, const struct menu_out *out, struct menu_rows *rows)
{
    static const char *const outcomes[] = {"ok", "none"}, *const names[] = {"Awa", "Moussa",
                                                                            "Fatou"};
    const char *name = names[reader_random(r) % ARRAY_LEN(names)];

    if (reader_random(r) % 11 == 0)
        return false;
    if (!strcmp(out->action->name, "dial"))
        return ROW(r, rows, "money", reader_random(r) % 2 ? "XOF" : "GHS");
    if (reader_random(r) % 3 == 0) {
        *rows = (struct menu_rows){.nrows = 0};
        return true;
    }
    return ROW(r, rows, "outcome", outcomes[reader_random(r) % 2], "friend", name);
}

/* The same through subflows, an experiment and switches. */
static void nor_in_a_subflow(void **state)
{
    static const char *const keys[] = {"1", "2", "4", "771234567", "30", "12", "0", "reshow", NULL};
    static struct menu_report report;
    struct err e = {0};
    struct menu *m = menu_load_files(files, ARRAY_LEN(files), &report, &e);
    struct menu *all = menu_load_files(files, ARRAY_LEN(files), &report, &e);
    size_t saved = 0;

    (void)state;
    assert_non_null(m);
    all->live_always = UINT64_MAX;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct reader both[2];

        for (size_t i = 0; i < 2; i++) {
            reader_init(&both[i], i ? all : m, language_answer, 160, MENU_GSM7);
            both[i].seed = seed * 2654435761u + 88172645463325252u;
            both[i].hang = seed % 3 == 0 ? 5 : 0;
            reader_var(&both[i], "country", seed % 2 ? "SN" : "CI");
            reader_var(&both[i], "hash", seed % 4 < 2 ? "\\x07" : "\\x08");
            reader_var(&both[i], "step", "one");
        }
        hop_alike(&both[0], &both[1], NULL);
        for (int n = 0; n < 200; n++) {
            const char *key = keys[reader_random(&both[0]) % (ARRAY_LEN(keys) - (n % 20 > 0))];

            both[1].seed = both[0].seed;
            hop_alike(&both[0], &both[1], key);
            saved = MAX(saved, both[1].nstored - both[0].nstored);
        }
        reader_fini(&both[0]);
        reader_fini(&both[1]);
    }
    assert_true(saved > 0);
    menu_free(m);
    menu_free(all);
}

/* Limits that were not proved (a narrow carrier, UCS-2): the guard keeps S6 all the same. */
static void unproved_limits_are_still_kept(void **state)
{
    static const struct menu_limits limits[] = {{60, MENU_GSM7}, {80, MENU_UCS2}};
    struct menu *m = coko_menu();

    (void)state;
    for (size_t lim = 0; lim < ARRAY_LEN(limits); lim++) {
        struct reader r;

        reader_init(&r, m, coko_answer, limits[lim].max, limits[lim].charset);
        coko_vars(&r);
        reader_dial(&r);
        for (int hop = 0; hop < 600; hop++)
            reader_say(&r, inputs[reader_random(&r) % ARRAY_LEN(inputs)]);
        reader_fini(&r);
    }
    menu_free(m);
}

static void service_passes_its_own_check(void **state)
{
    struct menu_report *report = calloc(1, sizeof *report);
    struct menu *m = coko_menu();
    int rc;

    (void)state;
    assert_non_null(report);
    rc = menu_check(m, report);
    menu_report_print(report, stderr);
    assert_int_equal(rc, 0);
    free(report);
    menu_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service_passes_its_own_check),
        cmocka_unit_test(random_readers_never_leave_the_limits),
        cmocka_unit_test(what_is_forgotten_is_never_missed),
        cmocka_unit_test(nor_in_a_subflow),
        cmocka_unit_test(unproved_limits_are_still_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
