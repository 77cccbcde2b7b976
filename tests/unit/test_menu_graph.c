/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drawing of the service's own flow: parts, cards, edges from the option's line, and figures
 * that are shared out over the calls between two screens. The JSON says the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "menus/parts.h"
#include "tests/unit/menu_coko.h"

static const struct menu_screen_stat screens[] = {
    {"notice", 100, 60, 2, 0, 40, 3},
    {"home", 60, 60, 0, 0, 0, 2},
    {"gone_since", 5, 5, 0, 0, 5, 2},
};
static const struct menu_step_stat steps[] = {
    {"", "notice", 100}, {"", "home", 7},           {"notice", "home", 60},
    {"home", "book", 9}, {"gone_since", "home", 5}, {"book", "locked", 4},
};
static const struct menu_stats stats = {screens, ARRAY_LEN(screens), steps, ARRAY_LEN(steps)};

static size_t screen(const struct menu *m, const char *name)
{
    int no = menu_find_screen(m, str_c(name));

    assert_true(no >= 0);
    return (size_t)no;
}

static char *drawn(const struct menu *m, const struct menu_stats *s)
{
    char *dot = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&dot, &n);

    assert_non_null(out);
    menu_graph(m, 0, s, out);
    fclose(out);
    return dot;
}

static void every_screen_and_option_is_drawn(void **state)
{
    struct menu *m = coko_menu();
    char *dot = drawn(m, NULL), find[128];

    (void)state;
    for (size_t i = 0; i < menu_screens(m); i++) {
        snprintf(find, sizeof find, "\"%s\" [label=<<table", menu_screen_name(m, i));
        assert_non_null(strstr(dot, find));
    }
    assert_non_null(strstr(dot, "port=\"o1\">2  Découvrir"));
    assert_non_null(strstr(dot, "\"home\":o1:e -> \"discover\" [label=\"\""));
    assert_non_null(
        strstr(dot, "\"dial\" -> \"notice\" [label=\"new\", color=\"#94a3b8\", style=dashed"));
    assert_non_null(strstr(dot, "\"confirm\":o0:e -> \"pay\" [label=\"\", color=\"#b91c1c\"]"));
    assert_null(strstr(dot, "penwidth"));
    free(dot);
    menu_free(m);
}

static void parts_are_home_s_options(void **state)
{
    static const struct {
        const char *screen;
        unsigned part;
    } rows[] = {{"dial", 0},   {"notice", 0}, {"continue", 1}, {"discover", 2}, {"genres", 2},
                {"offers", 3}, {"pay", 3},    {"account", 4},  {"daily", 4},    {"help_how", 5}};
    struct menu *m = coko_menu();
    struct parts p;

    (void)state;
    parts_find(m, &p);
    assert_int_equal(p.n, 6);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(p.of[screen(m, rows[i].screen)], rows[i].part);
    menu_free(m);
}

static void steps_are_shared_out_over_calls(void **state)
{
    struct menu *m = coko_menu();
    struct walked *w = calloc(1, sizeof *w);

    (void)state;
    assert_non_null(w);
    walked_find(m, &stats, w);
    assert_int_equal(walked_times(w, screen(m, "dial"), screen(m, "notice")), 100);
    assert_int_equal(walked_times(w, screen(m, "dial"), screen(m, "came")), 7);
    assert_int_equal(walked_times(w, screen(m, "came"), screen(m, "route")), 7);
    assert_int_equal(walked_times(w, screen(m, "notice"), screen(m, "welcomed")), 60);
    assert_int_equal(walked_times(w, screen(m, "welcomed"), screen(m, "route")), 60);
    assert_int_equal(walked_times(w, screen(m, "route"), screen(m, "home")), 67);
    assert_int_equal(walked_times(w, screen(m, "book"), screen(m, "sms_next")), 4);
    assert_int_equal(walked_times(w, screen(m, "sms_next"), screen(m, "locked")), 4);
    assert_int_equal(w->most, 100);
    free(w);
    menu_free(m);
}

static void figures_colour_the_cards(void **state)
{
    struct menu *m = coko_menu();
    char *dot = drawn(m, &stats);

    (void)state;
    assert_non_null(strstr(dot, "100 seen  40.0 % lost  3 ms"));
    assert_non_null(strstr(dot, "60 seen  0.0 % lost  2 ms"));
    assert_non_null(strstr(dot, "not seen"));
    assert_non_null(strstr(dot, "penwidth=8.0, xlabel=\"100\""));
    assert_null(strstr(dot, "gone_since"));
    free(dot);
    menu_free(m);
}

static json_t *find(json_t *list, const char *key, const char *value, const char *key2,
                    const char *value2)
{
    size_t i;
    json_t *one;

    json_array_foreach(list, i, one) {
        if (!strcmp(json_string_value(json_object_get(one, key)), value) &&
            (!key2 || !strcmp(json_string_value(json_object_get(one, key2)), value2)))
            return one;
    }
    fail_msg("no %s \"%s\"", key, value);
    return NULL;
}

static int64_t number(json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static void json_says_the_same(void **state)
{
    struct menu *m = coko_menu();
    struct buf b;
    json_t *root, *home, *seen;

    (void)state;
    buf_init(&b, 1 << 20);
    menu_graph_json(m, 1, &stats, &b);
    root = json_loadb(b.p, b.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_int_equal(json_array_size(json_object_get(root, "screens")), menu_screens(m));
    assert_string_equal(json_string_value(json_array_get(json_object_get(root, "parts"), 2)),
                        "Discover");
    home = find(json_object_get(root, "screens"), "name", "home", NULL, NULL);
    assert_string_equal(
        json_string_value(json_object_get(
            find(json_object_get(home, "options"), "to", "discover", NULL, NULL), "key")),
        "2");
    seen = json_object_get(find(json_object_get(root, "screens"), "name", "notice", NULL, NULL),
                           "seen");
    assert_int_equal(number(seen, "entered"), 100);
    assert_int_equal(number(seen, "dropped"), 40);
    assert_int_equal(
        number(find(json_object_get(root, "edges"), "from", "route", "to", "home"), "times"), 67);
    json_decref(root);
    buf_fini(&b);
    menu_free(m);
}

static void back_is_told_by_its_keys(void **state)
{
    struct menu *m = coko_menu();

    (void)state;
    assert_true(menu_goes_back(m, STR("0")));
    assert_true(menu_goes_back(m, STR(" 00 ")));
    assert_true(menu_goes_back(m, STR("O"))); /* the letter, hard case 35 */
    assert_false(menu_goes_back(m, STR("10")));
    assert_false(menu_goes_back(m, STR("98")));
    assert_false(menu_goes_back(m, STR("")));
    menu_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_screen_and_option_is_drawn),
        cmocka_unit_test(parts_are_home_s_options),
        cmocka_unit_test(steps_are_shared_out_over_calls),
        cmocka_unit_test(figures_colour_the_cards),
        cmocka_unit_test(json_says_the_same),
        cmocka_unit_test(back_is_told_by_its_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
