/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine on small flows written here: choices as people type them, lists whose rows move under
 * the reader, typed inputs, paging, the stored state, actions that fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/menu_fixture.h"

static const char flow[] =
    "{\"languages\":[\"fr\"],\"start\":\"home\",\"home\":\"home\","
    "\"limits\":[{\"charset\":\"gsm7\",\"max\":160}],"
    "\"constants\":{\"care\":\"2600\"},"
    "\"vars\":{\"lang\":{\"max\":5},\"id\":{\"max\":20},\"n\":{\"max\":12},\"w\":{\"max\":10},"
    "\"pin\":{\"max\":8},\"story\":{\"max\":900,\"turn\":true},\"country\":{\"max\":2,\"caller\":true}},"
    "\"screens\":{"
    "\"home\":{\"type\":\"menu\",\"text\":\"home\",\"options\":["
    "{\"text\":\"a\",\"to\":\"list\"},{\"text\":\"a\",\"to\":\"number\"},"
    "{\"text\":\"a\",\"to\":\"word\"},{\"text\":\"a\",\"to\":\"story\"},"
    "{\"text\":\"a\",\"to\":\"pin\"},{\"text\":\"a\",\"to\":\"phone\"}]},"
    "\"list\":{\"type\":\"list\",\"text\":\"home\",\"action\":\"rows\",\"label_max\":20,"
    "\"keep\":{\"id\":\"id\"},\"to\":\"item\",\"empty\":\"@back\"},"
    "\"item\":{\"type\":\"menu\",\"text\":\"item\",\"options\":[{\"text\":\"a\",\"to\":\"@back\"}]},"
    "\"number\":{\"type\":\"input\",\"text\":\"home\",\"var\":\"n\",\"kind\":\"number\",\"min\":1,"
    "\"max\":9,\"to\":\"item\"},"
    "\"word\":{\"type\":\"input\",\"text\":\"home\",\"var\":\"w\",\"kind\":\"text\",\"min\":2,"
    "\"max\":10,\"to\":\"item\"},"
    "\"phone\":{\"type\":\"input\",\"text\":\"home\",\"var\":\"n\",\"kind\":\"msisdn\",\"to\":\"item\"},"
    "\"pin\":{\"type\":\"input\",\"text\":\"home\",\"var\":\"pin\",\"kind\":\"code\",\"min\":4,"
    "\"max\":8,\"sensitive\":true,\"to\":\"check\"},"
    "\"check\":{\"type\":\"call\",\"action\":\"check\",\"else\":\"home\"},"
    "\"story\":{\"type\":\"text\",\"action\":\"story\",\"body\":\"story\"}}}";

static const char text[] =
    "{\"nav\":{\"back\":\"Retour\",\"home\":\"Accueil\",\"more\":\"Suite\",\"previous\":\"Avant\"},"
    "\"reason\":{\"choice\":\"Non.\",\"empty\":\"Vide.\",\"long\":\"Long.\",\"number\":\"Nombre.\","
    "\"range\":\"Limites.\",\"text\":\"Lettres.\",\"msisdn\":\"Numero.\",\"code\":\"Code.\"},"
    "\"fail\":{\"busy\":\"Occupe.\",\"down\":\"Panne.\",\"bug\":\"Souci.\",\"gone\":\"Fini.\","
    "\"retry\":\"Encore\",\"wait\":\"Attente.\",\"look\":\"Voir\"},"
    "\"screens\":{\"home\":\"Accueil {care}\",\"a\":\"Choix\",\"item\":\"id {id} n {n} w {w}.\"}}";

static const struct menu_file files[] = {
    {"flow.json", STR_INIT("")},
    {"text/fr.json", STR_INIT("")},
    {"actions/rows.sql", STR_INIT("-- lane: read\n-- args: lang\n-- cols: id label\nselect $1")},
    {"actions/story.sql", STR_INIT("-- lane: read\n-- cols: story\nselect 1")},
    {"actions/check.sql", STR_INIT("-- lane: write\n-- args: pin\n-- cols: outcome\nselect $1;")},
};

struct fixture {
    struct menu *m;
    struct reader r;
    unsigned rows[30];
    size_t nrows;
    const char *story;
    bool down;
};

static bool answer(struct reader *r, const struct menu_out *out, struct menu_rows *rows)
{
    struct fixture *f = r->ctx;

    if (f->down)
        return false;
    if (!strcmp(out->action->name, "story"))
        return ROW(r, rows, "story", f->story);
    if (!strcmp(out->action->name, "check"))
        return ROW(r, rows, "outcome", "ok");
    rows->ncols = 2;
    rows->nrows = f->nrows;
    r->cols[0] = STR("id");
    r->cols[1] = STR("label");
    for (size_t i = 0; i < f->nrows; i++) {
        r->cells[2 * i] = str_c(arena_printf(&r->arena, "%u", f->rows[i]));
        r->cells[2 * i + 1] = str_c(arena_printf(&r->arena, "livre %u", f->rows[i]));
    }
    return true;
}

static int setup(void **state)
{
    struct menu_file own[ARRAY_LEN(files)];
    struct menu_report *report = calloc(1, sizeof *report);
    struct fixture *f = calloc(1, sizeof *f);
    struct err e = {0};

    memcpy(own, files, sizeof own);
    own[0].bytes = str_c(flow);
    own[1].bytes = str_c(text);
    assert_non_null(f);
    assert_non_null(report);
    f->m = menu_load_files(own, ARRAY_LEN(own), report, &e);
    menu_report_print(report, stderr);
    free(report);
    assert_non_null(f->m);
    reader_init(&f->r, f->m, answer, 160, MENU_GSM7);
    f->r.ctx = f;
    reader_var(&f->r, "country", "SN");
    for (unsigned i = 0; i < 12; i++)
        f->rows[f->nrows++] = 100 + i;
    f->story = "Un. Deux.";
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

/* Hard case 35: every way to type a choice, and what is none. */
static void choices_as_people_type_them(void **state)
{
    static const struct {
        const char *input, *screen;
    } cases[] = {
        {"2", "number"},  {"02", "number"}, {" 2 ", "number"},       {"2.", "number"},
        {"2)", "number"}, {"+2", "number"}, {"\xd9\xa2", "number"},  {"\xef\xbc\x92", "number"},
        {"-2", "home"},   {"2 1", "home"},  {"99999999999", "home"}, {"", "home"},
        {"7", "home"},    {"two", "home"},  {"2x", "home"},          {"258", "home"},
        {"000", "home"},  {"\xff", "home"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        reader_dial(&f->r);
        reader_say(&f->r, cases[i].input);
        at(f, cases[i].screen);
        assert_int_equal(f->r.out.invalid, !strcmp(cases[i].screen, "home"));
    }
    reader_say(&f->r, "2");
    reader_say(&f->r, "O"); /* the letter is a zero: back */
    at(f, "home");
}

/* Hard case 17: a kilobyte is no choice and no value. */
static void very_long_input_is_refused(void **state)
{
    struct fixture *f = *state;
    char big[1500];

    memset(big, '1', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    reader_dial(&f->r);
    reader_say(&f->r, big);
    at(f, "home");
    reader_say(&f->r, "3");
    assert_non_null(strstr(reader_say(&f->r, big), "Long."));
    at(f, "word");
}

/* Hard case 36: rows are bound to their numbers when shown. */
static void numbers_keep_their_meaning(void **state)
{
    struct fixture *f = *state;

    reader_dial(&f->r);
    assert_non_null(strstr(reader_say(&f->r, "1"), "1 livre 100\n2 livre 101"));
    assert_null(strstr(f->r.text, "6 livre"));
    reader_say(&f->r, "6"); /* not yet shown */
    assert_true(f->r.out.invalid);
    f->rows[1] = 999; /* 101 is withdrawn, another book takes its row */
    assert_non_null(strstr(reader_say(&f->r, "98"), "6 livre 105"));
    assert_non_null(strstr(reader_say(&f->r, "97"), "1 livre 100\n3 livre 102"));
    assert_non_null(strstr(reader_say(&f->r, "2"), "id 101 "));     /* what was shown as 2 */
    assert_non_null(strstr(reader_say(&f->r, "0"), "2 livre 999")); /* a fresh visit */
    reader_say(&f->r, "98");
    assert_non_null(strstr(reader_say(&f->r, "3"), "id 102 ")); /* a number of an earlier page */
}

/* Only what was shown is stored; a cell like the one above it takes a byte. */
static void rows_are_stored_briefly(void **state)
{
    static const char alike[] = {3, 2, '7', 0, 0};
    struct fixture *f = *state;

    reader_dial(&f->r);
    reader_say(&f->r, "1");
    assert_int_equal(f->r.stored[f->r.nstored - 21],
                     5); /* of 12: their number, then 3 digits each */
    assert_memory_equal(f->r.stored + f->r.nstored - 20,
                        "\4"
                        "100"
                        "\4"
                        "101",
                        8);
    for (f->nrows = 0; f->nrows < 3;)
        f->rows[f->nrows++] = 7;
    reader_dial(&f->r);
    reader_say(&f->r, "1");
    assert_memory_equal(f->r.stored + f->r.nstored - sizeof alike, alike, sizeof alike);
    assert_non_null(strstr(reader_say(&f->r, "3"), "id 7 "));
}

/* A state of the format before: all rows, shown or not, each with its length. */
static void make_old(struct fixture *f)
{
    struct buf b;

    f->r.nstored -= 21;
    buf_init_fixed(&b, f->r.stored, sizeof f->r.stored);
    b.len = f->r.nstored;
    b.p[0] = 1;
    buf_add(&b, "\14\5", 2);
    for (unsigned i = 0; i < 12; i++)
        buf_addf(&b, "\3%u", f->rows[i]);
    f->r.nstored = b.len;
}

static void the_format_before_is_still_read(void **state)
{
    struct fixture *f = *state;
    struct menu_state *s;
    struct err e;

    reader_dial(&f->r);
    reader_say(&f->r, "1");
    make_old(f);
    for (size_t n = 0; n < f->r.nstored; n++)
        assert_int_equal(menu_state_decode(f->m, str_n(f->r.stored, n), &f->r.arena, &s, &e), -1);
    assert_non_null(strstr(reader_say(&f->r, "98"), "6 livre 105"));
    assert_int_equal(f->r.stored[0], 2);
    assert_non_null(strstr(reader_say(&f->r, "2"), "id 101 "));
}

static void a_first_row_like_none_is_refused(void **state)
{
    struct fixture *f = *state;
    struct menu_state *s;
    struct err e;

    reader_dial(&f->r);
    reader_say(&f->r, "1");
    memmove(f->r.stored + f->r.nstored - 19, f->r.stored + f->r.nstored - 16, 16);
    f->r.stored[f->r.nstored - 20] = 0;
    f->r.nstored -= 3;
    assert_int_equal(menu_state_decode(f->m, str_n(f->r.stored, f->r.nstored), &f->r.arena, &s, &e),
                     -1);
}

static void empty_list_leads_away(void **state)
{
    struct fixture *f = *state;

    f->nrows = 0;
    reader_dial(&f->r);
    reader_say(&f->r, "1");
    at(f, "home");
}

static void numbers_are_ranges_not_strings(void **state)
{
    struct fixture *f = *state;

    reader_dial(&f->r);
    reader_say(&f->r, "2");
    assert_non_null(strstr(reader_say(&f->r, "10"), "Limites.")); /* "10" <= "9" as strings */
    assert_non_null(strstr(reader_say(&f->r, "abc"), "Nombre."));
    assert_non_null(strstr(reader_say(&f->r, "07"), "n 7 "));
}

static void words_are_cleaned(void **state)
{
    struct fixture *f = *state;

    reader_dial(&f->r);
    reader_say(&f->r, "3");
    assert_non_null(strstr(reader_say(&f->r, "a"), "Lettres."));
    assert_non_null(strstr(reader_say(&f->r, "%{}"), "Lettres."));
    assert_non_null(strstr(reader_say(&f->r, " la\x01  {id} "), "w la {id}."));
}

/* Hard case 18, through the one normaliser of lib. */
static void numbers_of_phones_are_normalised(void **state)
{
    struct fixture *f = *state;

    reader_dial(&f->r);
    reader_say(&f->r, "6");
    assert_non_null(strstr(reader_say(&f->r, "77"), "Numero."));
    assert_non_null(strstr(reader_say(&f->r, "77 123 45 67"), "n 221771234567"));
}

/* S5, hard case 39: a sensitive value goes to its action and nowhere else. */
static void sensitive_value_is_not_stored(void **state)
{
    struct fixture *f = *state;

    reader_dial(&f->r);
    reader_say(&f->r, "5");
    assert_true(f->r.out.sensitive);
    reader_say(&f->r, "4711");
    assert_true(str_eq(f->r.last_args[0], STR("4711")));
    assert_int_equal(str_find(str_n(f->r.stored, f->r.nstored), STR("4711")), -1);
    assert_null(strstr(f->r.text, "4711"));
}

/* Every character of a long text is shown once, in order, pages ending at sentences. */
static void text_is_paged_without_loss(void **state)
{
    struct fixture *f = *state;
    char story[900] = "", seen[1200] = "";
    size_t n = 0, len = 0;

    for (int i = 0; i < 30; i++)
        n += (size_t)snprintf(story + n, sizeof story - n, "%sPhrase %d bien courte.", i ? " " : "",
                              i);
    f->story = story;
    reader_dial(&f->r);
    reader_say(&f->r, "4");
    for (int page = 0; page < 30; page++) {
        char *end = strstr(f->r.text, "\n98 ");
        bool last = !end;

        end = last ? strstr(f->r.text, "\n97 ") : end;
        assert_non_null(end);
        assert_true(end[-1] == '.'); /* at a sentence */
        len += (size_t)snprintf(seen + len, sizeof seen - len, "%s%.*s", len ? " " : "",
                                (int)(end - f->r.text), f->r.text);
        if (last)
            break;
        reader_say(&f->r, "98");
    }
    assert_string_equal(seen, story);
}

/* French closes a sentence with a blank and a mark: neither begins a page nor is left alone on one,
 * wherever the page happens to be full. */
static void no_page_begins_with_a_closing_mark(void **state)
{
    struct fixture *f = *state;
    char story[300];

    f->story = story;
    for (int pad = 0; pad < 80; pad++) {
        memset(story, 'x', sizeof story);
        snprintf(story + 60 + pad, sizeof story - 60 - (size_t)pad,
                 " fin. \xC2\xAB Oui ! \xC2\xBB \xC2\xAB Non ? \xC2\xBB");
        story[20] = story[40] = story[60] = ' ';
        reader_dial(&f->r);
        reader_say(&f->r, "4");
        for (int page = 0; page < 6 && strstr(f->r.text, "\n98 "); page++) {
            reader_say(&f->r, "98");
            assert_null(strchr("!?", f->r.text[0]));
            assert_false(str_starts(str_c(f->r.text), STR("\" \"")));
        }
    }
    f->story = NULL;
}

static void failed_action_does_not_advance(void **state)
{
    struct fixture *f = *state;

    reader_dial(&f->r);
    f->down = true;
    assert_non_null(strstr(reader_say(&f->r, "1"), "Occupe.\n1 Encore"));
    at(f, "home");
    f->down = false;
    reader_say(&f->r, "1"); /* try again: the screen as it was */
    at(f, "home");
    reader_say(&f->r, "1");
    at(f, "list");
}

static void reshow_changes_nothing(void **state)
{
    struct fixture *f = *state;
    char before[8192], stored[MENU_STATE_MAX];
    size_t n;

    reader_dial(&f->r);
    reader_say(&f->r, "1");
    reader_say(&f->r, "98");
    memcpy(before, f->r.text, sizeof before);
    memcpy(stored, f->r.stored, n = f->r.nstored);
    assert_string_equal(reader_shown(&f->r, menu_reshow), before);
    assert_int_equal(f->r.nstored, n);
    assert_memory_equal(f->r.stored, stored, n);
}

/* A stored state cut anywhere, or with any byte changed, is refused or harmless; never a crash. */
static void damaged_state_is_refused(void **state)
{
    struct fixture *f = *state;
    char bytes[MENU_STATE_MAX];
    struct menu_state *s;
    struct err e;
    size_t n;

    reader_dial(&f->r);
    reader_say(&f->r, "1");
    memcpy(bytes, f->r.stored, n = f->r.nstored);
    for (size_t cut = 0; cut < n; cut++) {
        arena_reset(&f->r.arena);
        assert_int_equal(menu_state_decode(f->m, str_n(bytes, cut), &f->r.arena, &s, &e), -1);
    }
    for (size_t i = 9; i < n; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct menu_turn t;

            memcpy(f->r.stored, bytes, n);
            f->r.stored[i] = (char)(f->r.stored[i] ^ (1 << bit));
            arena_reset(&f->r.arena);
            t = reader_turn(&f->r);
            if (menu_state_decode(f->m, str_n(f->r.stored, n), &f->r.arena, &s, &e) != 0)
                continue;
            menu_input(f->m, s, &t, STR("1"), &f->r.out);
            reader_settle(&f->r, s, &t);
        }
}

/* Hard case 37: a state of another version is told apart by name. */
static void state_of_another_version_is_refused(void **state)
{
    struct fixture *f = *state;
    struct menu_state *s;
    char version[17];
    struct err e;

    reader_dial(&f->r);
    assert_int_equal(menu_state_version(str_n(f->r.stored, f->r.nstored), version, &e), 0);
    assert_string_equal(version, menu_version(f->m));
    f->r.stored[1] = (char)(f->r.stored[1] ^ 1);
    assert_int_equal(menu_state_decode(f->m, str_n(f->r.stored, f->r.nstored), &f->r.arena, &s, &e),
                     -1);
    assert_int_equal(e.code, ERR_BAD_STATE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(choices_as_people_type_them),
        T(very_long_input_is_refused),
        T(numbers_keep_their_meaning),
        T(empty_list_leads_away),
        T(numbers_are_ranges_not_strings),
        T(words_are_cleaned),
        T(numbers_of_phones_are_normalised),
        T(sensitive_value_is_not_stored),
        T(rows_are_stored_briefly),
        T(the_format_before_is_still_read),
        T(a_first_row_like_none_is_refused),
        T(text_is_paged_without_loss),
        T(no_page_begins_with_a_closing_mark),
        T(failed_action_does_not_advance),
        T(reshow_changes_nothing),
        T(damaged_state_is_refused),
        T(state_of_another_version_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
