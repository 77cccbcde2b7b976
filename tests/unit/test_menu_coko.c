/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's menu as a reader meets it: first dial, discovering, reading page by page, paying,
 * dialling a code. The database is a script that answers as the schema's functions do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/lib/gsm.h"
#include "menus/model.h"
#include "tests/unit/menu_coko.h"

/* What the script answers; tests change it between hops. */
struct world {
    const char *dial;   /* outcome */
    const char *charge; /* outcome */
    const char *slice;  /* outcome */
    const char *joined; /* outcome */
    int at;             /* offset asked for last */
    bool down;
    const char *stage, *typed;
    char code[16]; /* as the turn would give it to the rail */
    size_t nargs;
};

static bool list_of(struct reader *r, struct menu_rows *rows, size_t n)
{
    rows->ncols = 2;
    rows->nrows = n;
    r->cols[0] = STR("id");
    r->cols[1] = STR("label");
    for (size_t i = 0; i < n; i++) {
        r->cells[2 * i] = str_c(arena_printf(&r->arena, "%zu", 1000001 + i));
        r->cells[2 * i + 1] = str_c(arena_printf(&r->arena, "Livre numéro %zu", i + 1));
    }
    return true;
}

static bool slice_of(struct reader *r, struct menu_rows *rows, struct world *w, struct str at)
{
    struct str rest = str_c(coko_body);
    int64_t offset = 0;

    if (!str_to_i64(at, 0, 100000, &offset))
        offset = 0;
    w->at = (int)offset;
    if (offset >= (int64_t)utf8_count(str_c(coko_body)))
        return ROW(r, rows, "outcome", "end", "part", "3", "at", "0", "body", "");
    for (int64_t i = 0; i < offset; i++)
        utf8_next(&rest);
    return ROW(r, rows, "outcome", w->slice, "part", "3", "part_title", "La mer", "at",
               arena_printf(&r->arena, "%d", w->at), "body", rest.p);
}

/* As ops.language: every language but the present one. */
static bool languages_of(struct reader *r, struct menu_rows *rows, struct str lang)
{
    size_t n = 0;

    rows->ncols = 2;
    r->cols[0] = STR("id");
    r->cols[1] = STR("label");
    for (size_t i = 0; menu_lang(r->m, i).n; i++) {
        if (str_eq(menu_lang(r->m, i), lang))
            continue;
        r->cells[2 * n] = menu_lang(r->m, i);
        r->cells[2 * n++ + 1] = menu_lang(r->m, i);
    }
    rows->nrows = n;
    return true;
}

static bool script(struct reader *r, const struct menu_out *out, struct menu_rows *rows)
{
    struct world *w = r->ctx;
    const char *a = out->action->name;

    if (w->down)
        return false;
    if (!strcmp(a, "dial"))
        return ROW(r, rows, "outcome", w->dial, "identity", "11", "user", "12", "lang", "fr",
                   "lang2", "wo", "lang2_name", "Wolof", "continue_title", "", "pass_until", "",
                   "hint", "", "place", "31", "plan_label", "Pass famille");
    if (!strcmp(a, "family_join"))
        return ROW(r, rows, "outcome", w->joined);
    if (!strcmp(a, "set_language"))
        return ROW(r, rows, "outcome", "ok", "lang",
                   arena_printf(&r->arena, "%" STR_FMT, STR_ARG(out->args[1])), "lang2", "fr",
                   "lang2_name", "Français");
    if (!strcmp(a, "languages"))
        return languages_of(r, rows, out->args[0]);
    if (!strcmp(a, "book_card") || !strcmp(a, "book_by_code"))
        return ROW(r, rows, "outcome", "ok", "book", "1000002", "title", "La bague d'Awa", "author",
                   "Fatou Sow", "parts", "6", "free_parts", "2");
    if (!strcmp(a, "read_page"))
        return slice_of(r, rows, w, out->args[3]);
    if (!strcmp(a, "offers"))
        return ROW(r, rows, "id", "1", "label", "Pass 1 jour : 100 FCFA", "price", "77",
                   "plan_label", "Pass 1 jour", "amount", "100 FCFA", "period", "1 jour");
    if (!strcmp(a, "taken_over"))
        return ROW(r, rows, "outcome", "plain", "left_days", "0", "more_days", "0");
    if (!strcmp(a, "start_charge"))
        return ROW(r, rows, "outcome", w->charge, "hint", "Tapez votre code secret.", "amount",
                   "100 FCFA");
    if (!strcmp(a, "type_code")) {
        snprintf(w->code, sizeof w->code, "%" STR_FMT, STR_ARG(out->code));
        w->nargs = out->nargs;
        return ROW(r, rows, "outcome", w->typed, "plan_label", "Pass jour", "until_text",
                   "01/12 10:00", "seg_left", "30");
    }
    if (!strcmp(a, "my_pass"))
        return ROW(r, rows, "outcome", "none", "plan_label", "", "until_text", "", "seg_left", "0");
    if (!strcmp(a, "pending_state"))
        return ROW(r, rows, "outcome", w->stage, "amount", "100 FCFA", "link", "");
    return list_of(r, rows, 12);
}

struct fixture {
    struct menu *m;
    struct reader r;
    struct world w;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->m = coko_menu();
    f->w = (struct world){.dial = "ok", .charge = "created", .slice = "ok", .stage = "waiting"};
    reader_init(&f->r, f->m, script, 160, MENU_GSM7);
    f->r.ctx = &f->w;
    coko_vars(&f->r);
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

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void first_dial_tells_cost_and_switches_language(void **state)
{
    struct fixture *f = *state;

    f->w.dial = "new";
    has(reader_dial(&f->r), "tarif opérateur");
    has(f->r.text, "2 Wolof");
    has(reader_say(&f->r, "2"), "Dalal jàmm"); /* hard case 41: one key, to the country's second */
    has(f->r.text, "2 Fran");                  /* and back by the same */
    has(reader_say(&f->r, "1"), "Seet téere");
}

/* Hard case 41: every language stands in the account's list, and its own texts follow. */
static void account_lists_every_language(void **state)
{
    static const char *const homes[] = {"Découvrir", "Discover", "Seet téere",
                                        "Descobrir", "Gundua",   "Nemo littafi"};
    struct fixture *f = *state;

    f->r.limits = (struct menu_limits){160, MENU_UTF8};
    for (size_t want = 1; want < ARRAY_LEN(homes); want++) {
        char number[4];

        reader_dial(&f->r); /* in French: number 1 is the second language */
        reader_say(&f->r, "3");
        has(f->r.text, "1 Langue / Language");
        reader_say(&f->r, "1");
        assert_string_equal(f->r.out.screen, "languages");
        if (want > 4)
            reader_say(&f->r, "98");
        snprintf(number, sizeof number, "%zu", want);
        has(reader_say(&f->r, number), homes[want]);
    }
}

/* Every text of every language folds to GSM-7 without a mark of interrogation that was not there. */
static void every_text_folds(void **state)
{
    struct fixture *f = *state;
    size_t marked = 0;

    for (size_t i = 0; i < f->m->ntexts; i++)
        for (size_t lang = 0; lang < f->m->nlangs; lang++) {
            const struct text *t = &f->m->texts[i].by_lang[lang];

            assert_true(t->line > 0);
            for (size_t p = 0; p < t->n; p++) {
                char mem[2048];
                struct buf b;

                buf_init_fixed(&b, mem, sizeof mem);
                assert_int_equal(gsm_fold(t->pieces[p].literal, &b, 0), 0);
                assert_true(gsm_septets(buf_str(&b)) >= 0);
            }
            marked += t->review;
        }
    assert_int_equal(menu_reviews(f->m, 0) + menu_reviews(f->m, 1), 0);
    assert_int_equal(marked, menu_reviews(f->m, 2) + menu_reviews(f->m, 3) + menu_reviews(f->m, 4) +
                                 menu_reviews(f->m, 5));
    assert_true(marked > 0);
}

static void reading_goes_page_by_page_and_back(void **state)
{
    struct fixture *f = *state;
    char first[8192];
    int at;

    reader_dial(&f->r);
    reader_say(&f->r, "1");
    has(reader_say(&f->r, "1"), "1 Livre num");
    has(reader_say(&f->r, "2"), "La bague d'Awa");
    snprintf(first, sizeof first, "%s", reader_say(&f->r, "1"));
    has(first, "3/6 La mer\nAwa posa le panier.");
    has(first, "1 Suite");
    for (int page = 0; page < 20 && !strcmp(f->r.out.screen, "read"); page++) {
        at = f->w.at;
        reader_say(&f->r, "1");
        assert_true(f->w.at > at); /* always forward, nothing skipped twice */
        if (page == 0)
            assert_string_equal(reader_say(&f->r, "97"), first);
    }
    assert_string_equal(f->r.out.screen, "the_end");
    has(reader_say(&f->r, "0"), "La bague d'Awa");
}

static void paying_needs_two_screens_and_ends(void **state)
{
    struct fixture *f = *state;

    reader_dial(&f->r);
    reader_say(&f->r, "2"); /* my pass: none */
    has(reader_say(&f->r, "1"), "1 Pass 1 jour : 100 FCFA");
    reader_say(&f->r, "9"); /* S2: the accept key means nothing here */
    assert_true(f->r.out.invalid);
    has(reader_say(&f->r, "1"), "100 FCFA, 1 jour. Paiement unique, sans renouvellement.");
    has(f->r.text, "9 Payer 100 FCFA");
    assert_string_not_equal(f->r.last_action, "start_charge");
    reader_say(&f->r, "1"); /* nor does the other screen's key here */
    assert_true(f->r.out.invalid);
    has(reader_say(&f->r, "9"), "Tapez votre code secret.");
    assert_true(f->r.out.end);
    assert_string_equal(f->r.last_action, "start_charge");
    assert_true(str_eq(f->r.last_args[2], STR("1")));
    assert_true(str_eq(f->r.last_args[3], STR("77")));
    assert_true(str_starts(f->r.last_args[5], STR("Pass 1 jour : 100 FCFA, 1 jour.")));
}

static void confirm_is_left_by_paying(void **state)
{
    struct fixture *f = *state;

    f->w.charge = "pending"; /* payments hard case 24 */
    reader_dial(&f->r);
    reader_say(&f->r, "2");
    reader_say(&f->r, "1");
    reader_say(&f->r, "1");
    has(reader_say(&f->r, "9"), "Paiement");
    reader_say(&f->r, "0");
    assert_string_equal(f->r.out.screen, "offers");
}

/* A list shown again has no choice from it, beside all its rows. (The price stays: the screen of a locked
 * part reads it, and its action promises no row that would set it.) */
static void a_list_shown_again_has_no_choice_from_it(void **state)
{
    static const char *const chosen[] = {"plan", "plan_label", "amount", "period", "left_days"};
    struct fixture *f = *state;
    size_t n;

    reader_dial(&f->r);
    reader_say(&f->r, "2");
    reader_say(&f->r, "1");
    n = f->r.nstored;
    has(reader_say(&f->r, "1"), "Paiement unique");
    for (size_t i = 0; i < 4; i++)
        assert_true(menu_var(f->m, reader_restore(&f->r), chosen[i]).n > 0);
    has(reader_say(&f->r, "0"), "1 Pass 1 jour");
    for (size_t i = 0; i < ARRAY_LEN(chosen); i++)
        assert_null(menu_var(f->m, reader_restore(&f->r), chosen[i]).p);
    assert_int_equal(f->r.nstored, n + sizeof "77" + 1);
    has(reader_say(&f->r, "1"), "9 Payer 100 FCFA");
}

/* A list of books over the card of one, by its end: back still leads to that card. */
static void what_back_leads_to_is_not_forgotten(void **state)
{
    struct fixture *f = *state;

    reader_var(&f->r, "dial", "1234");
    reader_dial(&f->r);
    reader_say(&f->r, "1");
    for (int page = 0; page < 20 && strcmp(f->r.out.screen, "the_end"); page++)
        reader_say(&f->r, "1");
    assert_string_equal(f->r.out.screen, "the_end");
    reader_say(&f->r, "1");
    reader_say(&f->r, "1");
    assert_string_equal(f->r.out.screen, "list_new");
    reader_say(&f->r, "0");
    has(reader_say(&f->r, "0"), "La bague d'Awa");
    reader_say(&f->r, "0");
    assert_string_equal(f->r.last_action, "book_card");
    assert_true(str_eq(f->r.last_args[1], STR("1000002")));
}

static void redial_shows_the_pending_charge_first(void **state)
{
    struct fixture *f = *state;

    f->w.dial = "charge";
    reader_dial(&f->r);
    assert_string_equal(f->r.out.screen, "pending");
    reader_say(&f->r, "0");
    assert_string_equal(f->r.out.screen, "home");
}

/* The order of a re-dial: what waits for its code asks for it, and the code stands in no argument. */
static void redial_asks_for_the_code_that_is_waited_for(void **state)
{
    struct fixture *f = *state;

    f->w.dial = "charge";
    f->w.stage = "code";
    has(reader_dial(&f->r), "Tapez le code");
    assert_true(f->r.out.input && f->r.out.sensitive);
    f->w.typed = "wrong";
    has(reader_say(&f->r, "483920"), "Code refusé");
    assert_string_equal(f->r.out.screen, "code");
    assert_string_equal(f->w.code, "483920");
    for (size_t i = 0; i < f->w.nargs; i++)
        assert_false(str_eq_c(f->r.last_args[i], "483920"));
    assert_int_equal(str_find(str_n(f->r.stored, f->r.nstored), STR("483920")), -1);
    f->w.typed = "paid";
    has(reader_say(&f->r, "00112233"), "Payé");
    assert_string_equal(f->r.out.screen, "pass_active");
    f->w.stage = "checking";
    has(reader_dial(&f->r), "en vérification");
}

/* Who is asked into a family is asked before anything else; what she says yes to is the screen. */
static void an_invitation_is_asked_first(void **state)
{
    struct fixture *f = *state;

    f->w.dial = "invited";
    f->w.joined = "ok";
    has(reader_dial(&f->r), "Pass famille");
    assert_string_equal(f->r.out.screen, "invited");
    reader_say(&f->r, "1");
    assert_true(f->r.out.invalid);
    has(reader_say(&f->r, "9"), "Bonne lecture");
    assert_string_equal(f->r.last_action, "family_join");
    assert_true(str_eq_c(f->r.last_args[2], "31"));
    assert_true(str_starts(f->r.last_args[3], STR("Un proche vous invite")));
    assert_string_equal(f->r.out.screen, "home");
    reader_dial(&f->r);
    has(reader_say(&f->r, "0"), "noté");
    assert_string_equal(f->r.last_action, "family_end");
    f->w.joined = "elsewhere";
    reader_dial(&f->r);
    has(reader_say(&f->r, "9"), "Déjà dans une famille");
}

static void code_opens_the_book(void **state)
{
    struct fixture *f = *state;

    reader_var(&f->r, "dial", "1234");
    has(reader_dial(&f->r), "La bague d'Awa");
    reader_say(&f->r, "0");
    assert_string_equal(f->r.out.screen, "home");
}

/* Hard case 9: a long dial walks over safe screens and stops before anything with an effect. */
static void long_dial_never_confirms(void **state)
{
    struct fixture *f = *state;

    reader_var(&f->r, "dial", "2*1*1*9");
    reader_dial(&f->r);
    assert_string_equal(f->r.out.screen, "confirm");
    reader_var(&f->r, "dial", "1234*2");
    reader_dial(&f->r); /* 2 would send an SMS */
    assert_string_equal(f->r.out.screen, "book");
    assert_string_not_equal(f->r.last_action, "sms_next");
    reader_var(&f->r, "dial", "1*99");
    reader_dial(&f->r);
    assert_string_equal(f->r.out.screen, "discover");
}

/* S6: a carrier's screen narrower than what was proved is told at the start, not on a handset. */
static void proof_holds_for_the_limits_of_the_flow_only(void **state)
{
    struct fixture *f = *state;

    assert_true(menu_proves(f->r.m, (struct menu_limits){160, MENU_GSM7}));
    assert_true(menu_proves(f->r.m, (struct menu_limits){170, MENU_GSM7}));
    assert_true(menu_proves(f->r.m, (struct menu_limits){159, MENU_GSM7})); /* the short texts */
    assert_true(menu_proves(f->r.m, (struct menu_limits){120, MENU_GSM7}));
    assert_false(menu_proves(f->r.m, (struct menu_limits){119, MENU_GSM7}));
    assert_false(menu_proves(f->r.m, (struct menu_limits){159, MENU_UTF8}));
    assert_false(menu_proves(f->r.m, (struct menu_limits){160, MENU_UCS2}));
}

/* A path carrier's whole path is walked again when the session is lost: the page stays. */
static void long_dial_turns_no_page(void **state)
{
    struct fixture *f = *state;
    char first[256];

    reader_var(&f->r, "dial", "1234*1");
    reader_dial(&f->r);
    assert_string_equal(f->r.out.screen, "read");
    assert_true(str_to_c(f->r.out.text, first, sizeof first));
    reader_var(&f->r, "dial", "1234*1*1*1*1");
    reader_dial(&f->r);
    assert_string_equal(f->r.out.screen, "read");
    assert_true(str_eq(str_c(first), f->r.out.text));
}

static void failure_is_polite_and_loses_nothing(void **state)
{
    struct fixture *f = *state;

    reader_dial(&f->r);
    reader_say(&f->r, "1");
    f->w.down = true;
    has(reader_say(&f->r, "1"), "1 Réessayer");
    assert_false(f->r.out.end);
    f->w.down = false;
    has(reader_say(&f->r, "1"), "Trouver une histoire");
    f->w.down = true;
    reader_dial(&f->r);
    assert_true(f->r.out.end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_dial_tells_cost_and_switches_language, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(account_lists_every_language, setup, teardown),
        cmocka_unit_test_setup_teardown(every_text_folds, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_goes_page_by_page_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(paying_needs_two_screens_and_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(confirm_is_left_by_paying, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_shown_again_has_no_choice_from_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_back_leads_to_is_not_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(an_invitation_is_asked_first, setup, teardown),
        cmocka_unit_test_setup_teardown(redial_shows_the_pending_charge_first, setup, teardown),
        cmocka_unit_test_setup_teardown(redial_asks_for_the_code_that_is_waited_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(code_opens_the_book, setup, teardown),
        cmocka_unit_test_setup_teardown(long_dial_never_confirms, setup, teardown),
        cmocka_unit_test_setup_teardown(long_dial_turns_no_page, setup, teardown),
        cmocka_unit_test_setup_teardown(proof_holds_for_the_limits_of_the_flow_only, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(failure_is_polite_and_loses_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
