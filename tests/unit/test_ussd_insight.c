/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A turn as a record: its kind by what the callback was and what came of it, and the ceiling of what
 * waits for the database.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/ussd/insight.c"
#include "tests/unit/menu_coko.h"

static const struct row {
    enum hop_kind hop;
    const char *why, *input, *sorry;
    bool invalid, end;
    const char *kind, *outcome;
} rows[] = {
    {HOP_BEGIN, "begin", "", NULL, false, false, "begin", NULL},
    {HOP_BEGIN, "begin", "", NULL, false, true, "begin", "end"},
    {HOP_INPUT, "input", "1", NULL, false, false, "answered", NULL},
    {HOP_INPUT, "input", "98", NULL, false, false, "answered", NULL},
    {HOP_INPUT, "input", "0", NULL, false, false, "back", NULL},
    {HOP_INPUT, "input", "00", NULL, false, false, "back", NULL},
    {HOP_INPUT, "input", "0", NULL, true, false, "invalid", NULL},
    {HOP_INPUT, "input", "77", NULL, true, false, "invalid", NULL},
    {HOP_INPUT, "input", "9", NULL, false, true, "answered", "end"},
    {HOP_INPUT, "input", "9", "busy", false, true, "failed", "error"},
    {HOP_RESHOW, "redis", "1", NULL, false, false, "reshow", NULL},
    {HOP_SILENT, "abort", "", NULL, false, false, "abort", "abort"},
    {HOP_SILENT, "timeout", "", NULL, false, false, "timeout", "timeout"},
};

static void a_turn_is_of_one_kind(void **state)
{
    struct carrier carrier = {.profile = {.name = "hubtel"}};
    struct ussd u = {0};
    struct generation gen = {.menu = coko_menu()};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct turn t = {
            .u = &u,
            .gen = &gen,
            .carrier = &carrier,
            .hop = {.kind = rows[i].hop, .why = rows[i].why, .input = str_c(rows[i].input)},
            .sorry = rows[i].sorry,
            .invalid = rows[i].invalid,
            .end = rows[i].end};
        const char *outcome = outcome_of(&t);

        assert_string_equal(kind_of(&t), rows[i].kind);
        assert_string_equal(outcome ? outcome : "-", rows[i].outcome ? rows[i].outcome : "-");
    }
    menu_free(gen.menu);
}

/* What was shown to nobody is no screen; a failure's END is no end of the dialogue's own. */
static void a_failure_keeps_where_it_happened(void **state)
{
    struct carrier carrier = {.profile = {.name = "hubtel"}};
    struct ussd u = {0};
    struct generation gen = {.menu = coko_menu()};
    struct turn t = {.u = &u,
                     .gen = &gen,
                     .carrier = &carrier,
                     .hop = {.kind = HOP_INPUT, .input = STR("1")},
                     .from = "home",
                     .screen = "discover",
                     .sorry = "down",
                     .end = true};
    struct record r;

    (void)state;
    assert_false(has_mark(&t));
    t.stored.mark[7] = 1;
    t.stored.hops = 4;
    assert_true(has_mark(&t));
    fill(&r, &t);
    assert_string_equal(r.from, "home");
    assert_string_equal(r.screen, "");
    assert_false(r.ended);
    assert_int_equal(r.n, 5);
    assert_int_equal(r.session[7], 1);
    menu_free(gen.menu);
}

/* bug: a turn that failed before its session was read has no verdict yet (Redis down) */
static void a_failure_without_a_verdict_is_counted_only(void **state)
{
    struct carrier carrier = {.profile = {.name = "africastalking", .path = true}};
    struct ussd u = {0};
    struct generation gen = {.menu = coko_menu()};
    struct turn t = {.u = &u,
                     .gen = &gen,
                     .carrier = &carrier,
                     .ev = {.input = STR("1*2")},
                     .sorry = "down",
                     .end = true};
    struct insight in = {0};

    (void)state;
    insight_turn(&in, &t);
    assert_int_equal(in.fresh.n, 0);
    counter_forget(&sessions);
    counter_forget(&session_hops);
    menu_free(gen.menu);
}

static void what_waits_has_a_ceiling(void **state)
{
    struct batch b = {0};

    (void)state;
    for (size_t i = 0; i < INSIGHT_BATCH_MAX; i++)
        assert_non_null(batch_add(&b));
    assert_null(batch_add(&b));
    assert_int_equal(b.n, INSIGHT_BATCH_MAX);
    assert_true(b.room * sizeof *b.records < 1 << 20);
    b.n = 0;
    assert_non_null(batch_add(&b));
    free(b.records);
}

/* The longest record, times the most there can be, fits what one request may carry. */
static void a_full_batch_fits_a_request(void **state)
{
    struct record r = {
        .at_us = INT64_MAX / 10, .n = UINT16_MAX, .ms = UINT32_MAX, .kind = "answered"};
    struct jsonw j;
    struct buf b;

    (void)state;
    memset(r.carrier, 'c', sizeof r.carrier - 1);
    memset(r.from, 'f', sizeof r.from - 1);
    memset(r.screen, 's', sizeof r.screen - 1);
    memset(r.country, 'C', sizeof r.country - 1);
    memset(r.lang, 'l', sizeof r.lang - 1);
    buf_init(&b, BATCH_BYTES);
    jsonw_init(&j, &b);
    put_record(&j, &r);
    assert_true((b.len + 1) * INSIGHT_BATCH_MAX + 2 <= BATCH_BYTES);
    assert_true(BATCH_BYTES <= PG_BODY_MAX);
    buf_fini(&b);
}

static void refusals_are_told_from_absence(void **state)
{
    static const struct {
        enum err_code code;
        const char *sqlstate;
        bool refused;
    } ends[] = {{ERR_DB, "22P02", true},  {ERR_DB, "23514", true},
                {ERR_DB, "42P01", true},  {ERR_DB, "57P01", false},
                {ERR_DB, "", false},      {ERR_TIMEOUT, "", false},
                {ERR_DB, "40001", false}, {ERR_DB_TIMEOUT, "57014", false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct op op = {.err = {.code = ends[i].code}};

        snprintf(op.sqlstate, sizeof op.sqlstate, "%s", ends[i].sqlstate);
        assert_int_equal(refuses(&op), ends[i].refused);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_is_of_one_kind),
        cmocka_unit_test(a_failure_keeps_where_it_happened),
        cmocka_unit_test(a_failure_without_a_verdict_is_counted_only),
        cmocka_unit_test(what_waits_has_a_ceiling),
        cmocka_unit_test(a_full_batch_fits_a_request),
        cmocka_unit_test(refusals_are_told_from_absence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
