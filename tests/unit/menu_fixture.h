/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader in front of a menu, for tests and fuzz targets: drives turns, stores and restores the
 * state between them as sessions do, and answers actions from a function. Every screen is held
 * against S6 here, so no test can forget it.
 */
#ifndef COKO_TESTS_MENU_FIXTURE_H
#define COKO_TESTS_MENU_FIXTURE_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/gsm.h"
#include "menus/menu.h"

struct reader;

/* The rows of an action; false: the action fails. Cells may live in r->cells. */
typedef bool answer_fn(struct reader *r, const struct menu_out *out, struct menu_rows *rows);

#define READER_CELLS 600
struct reader {
    const struct menu *m;
    struct arena arena;
    struct menu_limits limits;
    answer_fn *answer;
    void *ctx;
    uint64_t seed;
    struct str cols[24], cells[READER_CELLS];
    struct menu_var vars[16];
    size_t nvars;
    struct menu_out out;
    char text[8192]; /* the last screen */
    char stored[MENU_STATE_MAX];
    size_t nstored;
    unsigned actions; /* run in the last turn */
    unsigned hang;    /* one action in so many is not back in time; 0: none */
    char last_action[64];
    struct str last_args[MENU_ARGS_MAX];
    char args_mem[MENU_ARGS_MAX][256];
};

static inline uint64_t reader_random(struct reader *r)
{
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 7;
    r->seed ^= r->seed << 17;
    return r->seed;
}

static inline void reader_init(struct reader *r, const struct menu *m, answer_fn *answer,
                               unsigned max, enum menu_charset cs)
{
    *r = (struct reader){.m = m, .answer = answer, .limits = {max, cs}, .seed = 88172645463325252u};
    arena_init(&r->arena, 16384, 1u << 22);
}

static inline void reader_fini(struct reader *r)
{
    arena_fini(&r->arena);
}

static inline void reader_var(struct reader *r, const char *name, const char *value)
{
    size_t i = 0;

    while (i < r->nvars && !str_eq_c(r->vars[i].name, name))
        i++;
    assert(i < 16);
    r->vars[i] = (struct menu_var){str_c(name), str_c(value)};
    r->nvars = i == r->nvars ? i + 1 : r->nvars;
}

/* S6, and a screen is never silent. */
static inline void reader_hold(struct reader *r)
{
    const struct menu_out *o = &r->out;
    ssize_t septets = gsm_septets(o->text);

    assert(o->kind == MENU_SCREEN);
    assert(o->text.n > 0);
    assert(utf8_valid(o->text));
    if (r->limits.charset == MENU_GSM7)
        assert(septets >= 0 && (unsigned)septets <= r->limits.max && o->units == (unsigned)septets);
    else if (r->limits.charset == MENU_UCS2)
        assert(ucs2_units(o->text) <= r->limits.max);
    else
        assert(utf8_count(o->text) <= r->limits.max);
    assert(o->noptions <= MENU_OPTIONS_MAX);
    assert(o->text.n < sizeof r->text);
    memcpy(r->text, o->text.p, o->text.n);
    r->text[o->text.n] = '\0';
}

static inline void reader_note_action(struct reader *r)
{
    snprintf(r->last_action, sizeof r->last_action, "%s", r->out.action->name);
    for (size_t i = 0; i < r->out.nargs; i++) {
        size_t n = MIN(r->out.args[i].n, sizeof r->args_mem[i]);

        if (n)
            memcpy(r->args_mem[i], r->out.args[i].p, n);
        r->last_args[i] = (struct str){r->out.args[i].p ? r->args_mem[i] : NULL, n};
    }
}

/* Runs actions until there is a screen, then stores the state. */
static inline void reader_settle(struct reader *r, struct menu_state *s, const struct menu_turn *t)
{
    struct err e;
    struct buf b;

    for (r->actions = 0; r->out.kind == MENU_ACTION; r->actions++) {
        struct menu_rows rows = {.cols = r->cols, .cells = r->cells};

        assert(r->actions <= MENU_ACTIONS_A_TURN);
        reader_note_action(r);
        if (r->hang && reader_random(r) % r->hang == 0)
            menu_guard(r->m, s, t, &r->out);
        else if (r->answer(r, &r->out, &rows))
            menu_resume(r->m, s, t, &rows, &r->out);
        else
            menu_fail(r->m, s, t, MENU_FAIL_BUSY, &r->out);
    }
    reader_hold(r);
    buf_init_fixed(&b, r->stored, sizeof r->stored);
    int rc = menu_state_encode(r->m, s, &b, &e);
    assert(rc == 0);
    r->nstored = b.len;
}

static inline struct menu_turn reader_turn(struct reader *r)
{
    return (struct menu_turn){
        .arena = &r->arena, .limits = r->limits, .vars = r->vars, .nvars = r->nvars};
}

static inline const char *reader_dial(struct reader *r)
{
    struct menu_turn t;
    struct menu_state *s;

    arena_reset(&r->arena);
    t = reader_turn(r);
    s = menu_state_new(r->m, &r->arena);
    menu_begin(r->m, s, &t, &r->out);
    reader_settle(r, s, &t);
    return r->text;
}

static inline struct menu_state *reader_restore(struct reader *r)
{
    struct menu_state *s = NULL;
    struct err e = {0};

    arena_reset(&r->arena);
    if (menu_state_decode(r->m, str_n(r->stored, r->nstored), &r->arena, &s, &e) != 0) {
        fprintf(stderr, "own state refused: %s\n", e.msg);
        abort();
    }
    return s;
}

static inline const char *reader_send(struct reader *r, struct str input)
{
    struct menu_state *s = reader_restore(r);
    struct menu_turn t = reader_turn(r);

    menu_input(r->m, s, &t, input, &r->out);
    reader_settle(r, s, &t);
    return r->text;
}

static inline const char *reader_say(struct reader *r, const char *input)
{
    return reader_send(r, str_c(input));
}

/* Shown where he is without an input: menu_reshow, or menu_again as after a drop. */
static inline const char *reader_shown(struct reader *r,
                                       void (*show)(const struct menu *, struct menu_state *,
                                                    const struct menu_turn *, struct menu_out *))
{
    struct menu_state *s = reader_restore(r);
    struct menu_turn t = reader_turn(r);

    show(r->m, s, &t, &r->out);
    reader_settle(r, s, &t);
    return r->text;
}

/* One row: "col", "value", ..., NULL. */
static inline bool reader_row(struct reader *r, struct menu_rows *rows, const char *const *pairs)
{
    rows->nrows = 1;
    rows->ncols = 0;
    for (size_t i = 0; pairs[2 * i]; i++) {
        r->cols[i] = str_c(pairs[2 * i]);
        r->cells[i] = str_c(pairs[2 * i + 1]);
        rows->ncols++;
    }
    return true;
}

#define ROW(r, rows, ...) reader_row(r, rows, (const char *const[]){__VA_ARGS__, NULL, NULL})

#endif
