/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn: from an input, over jumps and actions, to the next screen.
 *
 *   begin / input / reshow
 *        |
 *        v          has an action                     rows
 *      enter ---------------------> MENU_ACTION ----------------> menu_resume
 *        |  ^                            |                         |      |
 *        |  | jump (@back @home @again)  | failed                  | load | call
 *        |  +----------------------------|-------------------------|------+
 *        v                               v                         v
 *      show  -------> MENU_SCREEN <-- menu_fail               set variables, show
 *
 * Shown screens stand on the stack; calls, pays and switches pass through. Entering a screen that
 * stands on the stack unwinds to it, so the stack is bounded by the flow, not by the reader. The
 * copy `before` is the state as the turn found it: a failed action goes back to it and nothing has
 * advanced. A long dial is walked through the same path, input by input, and stops before anything
 * with an effect (hard case 9).
 */
#include <stdlib.h>

#include "menus/engine.h"

#define HOPS_MAX 16 /* screens passed in one turn */

static void enter(const struct step *st, int screen);
static void show(const struct step *st, bool fresh);
static void apply(const struct step *st, struct str input);

/* ---- failure --------------------------------------------------------------------------------- */

static void fail(const struct step *st, enum engine_text why)
{
    struct menu_state *s = st->s;
    bool end = s->beginning || !s->before;

    if (s->before)
        *s = *s->before;
    s->pending = PENDING_NONE;
    s->rows = NULL;
    s->nwalk = 0;
    s->note = NONE;
    s->invalid = false;
    s->ended = end;
    s->faulted = !end;
    render_failure(st, why, end);
}

/* ---- the stack ------------------------------------------------------------------------------- */

static void page_reset(struct menu_state *s)
{
    s->ntrail = 0;
    s->has_next = false;
    s->next = (struct place){ 0, 0 };
    s->bound = (struct bound){ 0 };
}

static void push(const struct step *st, int screen)
{
    struct menu_state *s = st->s;
    size_t i = 0;

    if (screen == st->m->home)
        s->depth = 0;
    while (i < s->depth && s->stack[i].screen != screen)
        i++;
    if (i < s->depth) { /* already there: unwind to it */
        s->depth = (uint8_t)i;
    } else if (s->depth == STACK_MAX) { /* forget the oldest but the root */
        memmove(&s->stack[1], &s->stack[2], (STACK_MAX - 2) * sizeof s->stack[0]);
        s->depth--;
    }
    s->stack[s->depth++] = (struct frame){ .screen = (uint16_t)screen };
    page_reset(s);
}

static void pop(struct menu_state *s)
{
    if (s->depth)
        s->depth--;
    page_reset(s);
}

/* ---- actions --------------------------------------------------------------------------------- */

static struct str arg_value(const struct step *st, int var)
{
    if (var == st->m->page_var)
        return str_c(arena_printf(st->t->arena, "%u", st->limit));
    return state_var(st, var);
}

static bool walking(const struct menu_state *s)
{
    return s->walked > 0;
}

/* Back to where the walk stood before its last step. */
static void walk_stop(const struct step *st)
{
    struct menu_state *s = st->s, *before = s->before;

    *s = *s->before;
    s->before = before;
    s->pending = PENDING_NONE;
    s->nwalk = s->walked = 0;
    show(st, true);
}

static void run_action(const struct step *st, const struct screen *sc, enum pending pending)
{
    const struct action *a = &st->m->actions[sc->action];
    struct menu_state *s = st->s;

    if (walking(s) && a->pub.lane == MENU_LANE_WRITE && !sc->safe) {
        walk_stop(st);
        return;
    }
    if (++s->actions > MENU_ACTIONS_A_TURN) {
        fail(st, TEXT_FAIL_BUG);
        return;
    }
    s->pending = pending;
    s->pending_screen = (int)sc->no;
    *st->out = (struct menu_out){ .kind = MENU_ACTION, .screen = sc->name, .screen_no = sc->no,
                                  .action = &a->pub, .nargs = a->pub.nargs };
    for (size_t i = 0; i < a->pub.nargs; i++)
        st->out->args[i] = arg_value(st, a->args[i]);
}

/* ---- jumps ----------------------------------------------------------------------------------- */

static void go_home(const struct step *st)
{
    enter(st, st->m->home);
}

static void go_back(const struct step *st)
{
    struct menu_state *s = st->s;

    if (s->depth <= 1) {
        go_home(st);
        return;
    }
    pop(s);
    show(st, true);
}

static void jump(const struct step *st, const struct jump *j)
{
    if (j->say != NONE)
        st->s->note = j->say;
    switch (j->kind) {
    case JUMP_SCREEN:
        enter(st, j->screen);
        break;
    case JUMP_BACK:
        go_back(st);
        break;
    case JUMP_HOME:
        go_home(st);
        break;
    case JUMP_AGAIN:
        if (st->s->depth)
            show(st, true);
        else
            go_home(st);
        break;
    case JUMP_NONE:
        fail(st, TEXT_FAIL_BUG);
        break;
    }
}

static const struct jump *branch(const struct screen *sc, struct str value)
{
    for (size_t i = 0; i < sc->non; i++)
        if (sc->on[i].value.n == value.n && (!value.n || str_eq(sc->on[i].value, value)))
            return &sc->on[i].jump;
    return &sc->otherwise;
}

static void apply_sets(const struct step *st, const struct assign *sets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        state_set(st, sets[i].var, text_fill_raw(st, &sets[i].value));
}

static void enter(const struct step *st, int screen)
{
    const struct screen *sc = &st->m->screens[screen];

    if (++st->s->hops > HOPS_MAX) {
        fail(st, TEXT_FAIL_BUG);
        return;
    }
    st->s->rows = NULL;
    if (sc->type == SCREEN_SWITCH) {
        jump(st, branch(sc, state_var(st, sc->var)));
    } else if (!screen_shows(sc)) {
        run_action(st, sc, PENDING_CALL);
    } else {
        push(st, screen);
        show(st, true);
    }
}

/* ---- showing --------------------------------------------------------------------------------- */

/* Lists and texts need their rows whenever they are drawn; a menu only when it is entered. */
static bool needs_rows(const struct screen *sc, bool fresh)
{
    return sc->action != NONE && (fresh || sc->type == SCREEN_LIST || sc->type == SCREEN_TEXT);
}

static void present(const struct step *st)
{
    struct menu_state *s = st->s;
    const struct screen *sc = &st->m->screens[state_top(s)->screen];

    render_screen(st); /* a walked screen too: it binds its numbers */
    s->ended = st->out->end;
    s->note = NONE;
    s->invalid = false;
    s->rows = NULL;
    if (s->walked == s->nwalk || !sc->walk || s->ended)
        return;
    s->before = state_snapshot(st);
    if (s->before)
        apply(st, s->walk[s->walked++]);
}

static void show(const struct step *st, bool fresh)
{
    const struct screen *sc = &st->m->screens[state_top(st->s)->screen];

    if (!st->s->rows && needs_rows(sc, fresh)) {
        run_action(st, sc, PENDING_LOAD);
        return;
    }
    present(st);
}

static void refuse(const struct step *st, enum engine_text reason)
{
    if (walking(st->s)) {
        st->s->nwalk = st->s->walked = 0;
        show(st, false);
        return;
    }
    st->s->note = st->m->engine[reason];
    st->s->invalid = true;
    show(st, false);
}

/* ---- resuming -------------------------------------------------------------------------------- */

static void set_columns(const struct step *st, const struct menu_rows *rows)
{
    for (size_t c = 0; rows->nrows && c < rows->ncols; c++) {
        int var = menu_find_var(st->m, rows->cols[c]);

        if (var != NONE && !st->m->vars[var].caller && !st->m->vars[var].constant)
            state_set(st, var, rows->cells[c]);
    }
}

static struct str outcome_of(const struct menu_rows *rows)
{
    struct str outcome = rows_cell(rows, 0, STR("outcome"));

    if (outcome.p)
        return outcome;
    return rows->nrows ? STR("ok") : STR("none");
}

static void resume_call(const struct step *st, const struct screen *sc,
                        const struct menu_rows *rows)
{
    set_columns(st, rows);
    apply_sets(st, sc->sets, sc->nsets);
    jump(st, branch(sc, outcome_of(rows)));
}

static void resume_list(const struct step *st, const struct screen *sc,
                        const struct menu_rows *rows)
{
    if (rows->nrows == 0) {
        pop(st->s);
        if (sc->empty.kind == JUMP_BACK && st->s->depth) { /* popped already */
            st->s->note = sc->empty.say;
            show(st, true);
        } else {
            jump(st, &sc->empty);
        }
        return;
    }
    st->s->rows = rows;
    list_bind(st, sc);
    present(st);
}

/* A screen whose outcome leads elsewhere is not a place to come back to: it leaves the stack. */
static void resume_load(const struct step *st, const struct screen *sc,
                        const struct menu_rows *rows)
{
    const struct jump *j = branch(sc, outcome_of(rows));

    if (j->kind != JUMP_NONE) {
        pop(st->s);
        if (j->kind == JUMP_BACK && st->s->depth) {
            st->s->note = j->say;
            show(st, true);
        } else {
            jump(st, j);
        }
        return;
    }
    set_columns(st, rows);
    apply_sets(st, sc->sets, sc->nsets);
    st->s->rows = rows;
    present(st);
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static void next_page(const struct step *st, const struct screen *sc)
{
    struct menu_state *s = st->s;
    struct place *at = &s->stack[s->depth - 1].place;

    if (s->ntrail == TRAIL_MAX) {
        memmove(s->trail, s->trail + 1, (TRAIL_MAX - 1) * sizeof s->trail[0]);
        s->ntrail--;
    }
    s->trail[s->ntrail++] = *at;
    *at = s->next;
    if (sc->slice_at != NONE) {
        state_set(st, sc->slice_part, str_c(arena_printf(st->t->arena, "%u", at->part)));
        state_set(st, sc->slice_at, str_c(arena_printf(st->t->arena, "%u", at->at)));
    }
    show(st, false);
}

static void previous_page(const struct step *st, const struct screen *sc)
{
    struct menu_state *s = st->s;
    struct place *at = &s->stack[s->depth - 1].place;

    *at = s->trail[--s->ntrail];
    if (sc->slice_at != NONE) {
        state_set(st, sc->slice_part, str_c(arena_printf(st->t->arena, "%u", at->part)));
        state_set(st, sc->slice_at, str_c(arena_printf(st->t->arena, "%u", at->at)));
    }
    show(st, false);
}

static bool is_key(const struct step *st, struct str digits, enum nav_key key)
{
    return str_eq(digits, st->m->keys[key]);
}

/* Back, home, more and previous; false when the digits are none of them here. */
static bool navigate(const struct step *st, const struct screen *sc, struct str digits)
{
    struct menu_state *s = st->s;

    if (is_key(st, digits, KEY_HOME)) {
        go_home(st);
    } else if (is_key(st, digits, KEY_BACK) && sc->type != SCREEN_CONFIRM) {
        go_back(st);
    } else if (s->has_next && (is_key(st, digits, KEY_MORE) ||
                               (sc->more_key.n && str_eq(digits, sc->more_key)))) {
        next_page(st, sc);
    } else if (s->ntrail && is_key(st, digits, KEY_PREVIOUS)) {
        previous_page(st, sc);
    } else {
        return false;
    }
    return true;
}

static void take_choice(const struct step *st, const struct screen *sc, const struct choice *c)
{
    apply_sets(st, c->sets, c->nsets);
    if (sc->type == SCREEN_CONFIRM && c == &sc->choices[0]) {
        state_set(st, st->m->consent_var, render_consent(st, sc));
        pop(st->s); /* an accepted confirm is no place to come back to */
    }
    jump(st, &c->jump);
}

static void apply_choice(const struct step *st, const struct screen *sc, struct str digits)
{
    struct choice_key choices[CHOICES_MAX];
    size_t n = menu_choices(st, sc, choices);
    unsigned number = input_number(digits);

    for (size_t i = 0; i < n; i++) {
        if (str_eq(choices[i].key, digits) ||
            (number && number == input_number(choices[i].key))) {
            take_choice(st, sc, choices[i].choice);
            return;
        }
    }
    refuse(st, TEXT_BAD_CHOICE);
}

static void apply_value(const struct step *st, const struct screen *sc, struct str input)
{
    struct str value = STR_EMPTY;
    enum engine_text reason;

    if (walking(st->s) && sc->sensitive) { /* never a PIN from a dial string */
        refuse(st, TEXT_BAD_CHOICE);
        return;
    }
    if (input_value(st, sc, input, &value, &reason) != 0) {
        refuse(st, reason);
        return;
    }
    state_set(st, sc->var, value);
    jump(st, &sc->to);
}

static void apply(const struct step *st, struct str input)
{
    const struct screen *sc = &st->m->screens[state_top(st->s)->screen];
    char mem[8];
    struct str digits = input_digits(mem, sizeof mem, str_head(input, 64));

    if (input.n > 64)
        digits = STR_EMPTY;
    if (digits.n && navigate(st, sc, digits))
        return;
    if (sc->type == SCREEN_INPUT)
        apply_value(st, sc, input);
    else if (!digits.n)
        refuse(st, str_trim(input).n ? TEXT_BAD_CHOICE : TEXT_BAD_EMPTY);
    else if (sc->type != SCREEN_LIST)
        apply_choice(st, sc, digits);
    else if (list_choose(st, sc, input_number(digits)))
        jump(st, &sc->to);
    else
        refuse(st, TEXT_BAD_CHOICE);
}

/* ---- the public calls ------------------------------------------------------------------------ */

static struct step step_of(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                           struct menu_out *out)
{
    unsigned max = t->limits.max;

    max = MIN(MAX(max, MENU_LIMIT_MIN), MENU_LIMIT_MAX);
    return (struct step){ .m = m, .s = s, .t = t, .out = out, .limit = max };
}

static void turn_start(const struct step *st)
{
    struct menu_state *s = st->s;

    s->pending = PENDING_NONE;
    s->actions = s->hops = 0;
    s->note = NONE;
    s->invalid = false;
    s->beginning = false;
    s->rows = NULL;
    s->nwalk = s->walked = 0;
    s->before = NULL;
    s->before = state_snapshot(st);
}

/* "1234*2*1": a first number of the right length is a book's code, the rest are inputs. */
static void read_dial(const struct step *st)
{
    const struct menu *m = st->m;
    struct str rest = state_var(st, m->dial_var), piece;
    bool first = true;

    state_set(st, m->code_var, (struct str){ NULL, 0 });
    if (!rest.p || !rest.n || rest.n > INPUT_CHARS_MAX * 4)
        return;
    while (str_split(&rest, '*', &piece) && st->s->nwalk < WALK_MAX) {
        char mem[10];
        struct str digits = input_digits(mem, sizeof mem, piece);

        if (first && m->code_var != NONE && digits.n >= m->code_min && digits.n <= m->code_max)
            state_set(st, m->code_var, digits);
        else
            st->s->walk[st->s->nwalk++] = arena_str(st->t->arena, piece);
        first = false;
    }
}

void menu_begin(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                struct menu_out *out)
{
    struct step st = step_of(m, s, t, out);

    s->ended = s->faulted = false;
    s->depth = 0;
    page_reset(s);
    turn_start(&st);
    s->beginning = true;
    read_dial(&st);
    enter(&st, m->start);
}

void menu_input(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                struct str input, struct menu_out *out)
{
    struct step st = step_of(m, s, t, out);
    char mem[8];
    struct str digits;

    if (s->ended || !s->depth) {
        menu_begin(m, s, t, out);
        return;
    }
    turn_start(&st);
    if (!s->faulted) {
        apply(&st, input);
        return;
    }
    s->faulted = false;
    digits = input_digits(mem, sizeof mem, str_head(input, 64));
    if (is_key(&st, digits, KEY_BACK))
        go_back(&st);
    else if (is_key(&st, digits, KEY_HOME))
        go_home(&st);
    else
        show(&st, true);
}

void menu_reshow(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                 struct menu_out *out)
{
    struct step st = step_of(m, s, t, out);

    if (!s->depth || s->ended) {
        menu_begin(m, s, t, out);
        return;
    }
    turn_start(&st);
    s->faulted = false;
    show(&st, false);
}

void menu_resume(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                 const struct menu_rows *rows, struct menu_out *out)
{
    struct step st = step_of(m, s, t, out);
    enum pending pending = s->pending;
    const struct screen *sc = &m->screens[s->pending_screen];

    s->pending = PENDING_NONE;
    if (pending == PENDING_CALL)
        resume_call(&st, sc, rows);
    else if (pending == PENDING_NONE)
        fail(&st, TEXT_FAIL_BUG);
    else if (sc->type == SCREEN_LIST)
        resume_list(&st, sc, rows);
    else
        resume_load(&st, sc, rows);
    s->rows = NULL; /* they live only as long as this call */
}

void menu_fail(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
               enum menu_failure why, struct menu_out *out)
{
    static const enum engine_text texts[] = { [MENU_FAIL_BUSY] = TEXT_FAIL_BUSY,
                                              [MENU_FAIL_DOWN] = TEXT_FAIL_DOWN,
                                              [MENU_FAIL_BUG] = TEXT_FAIL_BUG };
    struct step st = step_of(m, s, t, out);

    fail(&st, texts[why]);
}

/* ---- looking --------------------------------------------------------------------------------- */

bool menu_may_resume(const struct menu *m, const struct menu_state *s)
{
    const struct frame *top = state_top(s);
    const struct screen *sc = top ? &m->screens[top->screen] : NULL;

    return sc && !s->ended && sc->type != SCREEN_CONFIRM && sc->type != SCREEN_END &&
           !sc->sensitive;
}

const char *menu_at(const struct menu *m, const struct menu_state *s)
{
    const struct frame *top = state_top(s);

    return top ? m->screens[top->screen].name : "";
}

const char *menu_version(const struct menu *m)
{
    return m->version;
}

size_t menu_screens(const struct menu *m)
{
    return m->nscreens;
}

const char *menu_screen_name(const struct menu *m, size_t no)
{
    return no < m->nscreens ? m->screens[no].name : "";
}

size_t menu_actions(const struct menu *m)
{
    return m->nactions;
}

const struct menu_action *menu_action(const struct menu *m, size_t no)
{
    return no < m->nactions ? &m->actions[no].pub : NULL;
}
