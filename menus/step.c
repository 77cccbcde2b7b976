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
 *
 * A subflow's `sub` screen stands on the stack below the subflow's own screens while it runs:
 *
 *   home, gift, [sub], who, sure  --@return-->  home, gift, then the sub's jump
 *                                 --back x 2->  home, gift
 *
 * The checker proves that subflows do not nest in themselves and that their screens fit the stack, so
 * a subflow's frames are never forgotten before it returns.
 */
#include <stdlib.h>

#include "menus/engine.h"
#include "menus/match.h"

#define HOPS_MAX 16 /* screens passed in one turn */

/* ---- the stack ------------------------------------------------------------------------------- */

void step_page_reset(struct menu_state *s)
{
    s->ntrail = 0;
    s->has_next = false;
    s->next = (struct place){0, 0};
    s->bound = (struct bound){0};
}

static const struct screen *screen_at(const struct step *st, size_t depth)
{
    return &st->m->screens[st->s->stack[depth].screen];
}

/* Frames from `depth` on go; a subflow that is left takes its parameters and result along. */
static void cut_stack(const struct step *st, size_t depth)
{
    while (st->s->depth > depth) {
        const struct screen *sc = screen_at(st, --st->s->depth);
        const struct subflow *f;

        if (sc->type != SCREEN_SUB)
            continue;
        f = &st->m->subflows[sc->flow];
        for (size_t i = 0; i < f->nparams; i++)
            state_set(st, f->params[i], (struct str){NULL, 0});
        state_set(st, f->result, (struct str){NULL, 0});
    }
}

static void drop_subs(const struct step *st)
{
    while (st->s->depth && screen_at(st, st->s->depth - 1u)->type == SCREEN_SUB)
        cut_stack(st, st->s->depth - 1u);
}

static void push(const struct step *st, int screen)
{
    struct menu_state *s = st->s;
    size_t i = 0;

    if (screen == st->m->home)
        cut_stack(st, 0);
    while (i < s->depth && s->stack[i].screen != screen)
        i++;
    cut_stack(st, i);            /* already there: unwind to it */
    if (s->depth == STACK_MAX) { /* forget the oldest but the root */
        memmove(&s->stack[1], &s->stack[2], (STACK_MAX - 2) * sizeof s->stack[0]);
        s->depth--;
    }
    s->stack[s->depth++] = (struct frame){.screen = (uint16_t)screen};
    step_page_reset(s);
}

static void drop_top(const struct step *st)
{
    if (st->s->depth)
        cut_stack(st, st->s->depth - 1u);
    step_page_reset(st->s);
}

/* The top goes, and a subflow whose first screen it was. */
static void pop(const struct step *st)
{
    drop_top(st);
    drop_subs(st);
}

/* ---- failure --------------------------------------------------------------------------------- */

void step_fail(const struct step *st, enum engine_text why)
{
    struct menu_state *s = st->s;
    bool end = s->beginning || !s->before;

    if (s->before)
        *s = *s->before;
    drop_subs(st); /* a subflow that was waited for before its first screen */
    end |= !s->depth;
    s->pending = PENDING_NONE;
    s->rows = NULL;
    s->nwalk = 0;
    s->note = NONE;
    s->invalid = false;
    s->ended = end;
    s->faulted = !end;
    render_failure(st, why, end);
}

/* ---- actions --------------------------------------------------------------------------------- */

static struct str arg_value(const struct step *st, int var)
{
    if (var == st->m->page_var)
        return str_c(arena_printf(st->t->arena, "%u", st->limit));
    if (var == st->m->step_var && st->s->late.kind != PENDING_NONE)
        return st->s->late.step;
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
    step_show(st, true);
}

/* A screen's own action is let run where it changes nothing: the walk stops on the screen. */
static bool stops_walk(const struct step *st, const struct screen *sc)
{
    return screen_shows(sc) ? action_has_effect(&st->m->actions[sc->action])
                            : sc->safety >= MENU_SENSITIVE;
}

static void run_action(const struct step *st, const struct screen *sc, enum pending pending)
{
    const struct action *a = &st->m->actions[sc->action];
    struct menu_state *s = st->s;

    if (walking(s) && stops_walk(st, sc)) {
        walk_stop(st);
        return;
    }
    if (++s->actions > MENU_ACTIONS_A_TURN) {
        step_fail(st, TEXT_FAIL_BUG);
        return;
    }
    s->pending = pending;
    s->pending_screen = (int)sc->no;
    *st->out = (struct menu_out){.kind = MENU_ACTION,
                                 .screen = sc->name,
                                 .screen_no = sc->no,
                                 .action = &a->pub,
                                 .nargs = a->pub.nargs};
    for (size_t i = 0; i < a->pub.nargs; i++)
        st->out->args[i] = arg_value(st, a->args[i]);
    st->out->code = a->code == NONE ? (struct str){NULL, 0} : state_var(st, a->code);
}

/* ---- the guard ------------------------------------------------------------------------------- */

void step_guard(const struct step *st)
{
    struct menu_state *s = st->s;
    struct waiting w = s->late;

    if (s->pending == PENDING_NONE) {
        step_fail(st, TEXT_FAIL_BUG);
        return;
    }
    if (w.kind == PENDING_NONE)
        w.step = state_var(st, st->m->step_var);
    w.kind = s->pending;
    w.screen = s->pending_screen;
    s->waiting = w;
    s->pending = PENDING_NONE;
    s->note = NONE;
    s->nwalk = s->walked = 0;
    render_guard(st, &st->m->screens[w.screen]);
}

void step_unwait(const struct step *st, enum pending kind)
{
    if (kind == PENDING_LOAD) {
        step_back(st);
        return;
    }
    drop_subs(st);
    if (st->s->depth)
        step_show(st, true);
    else
        step_home(st);
}

/* What lives in one turn, and what the caller did not give again, is not there a second time. */
static bool args_kept(const struct step *st, const struct action *a)
{
    for (size_t i = 0; i < a->pub.nargs; i++) {
        const struct var *v = &st->m->vars[a->args[i]];

        if (a->args[i] == st->m->page_var || a->args[i] == st->m->step_var)
            continue;
        if (v->turn || v->secret || (v->caller && !st->out->args[i].p))
            return false;
    }
    return true;
}

void step_late(const struct step *st)
{
    const struct waiting *w = &st->s->late;
    const struct screen *sc = &st->m->screens[w->screen];

    st->s->beginning = !st->s->depth; /* nothing to go back to */
    run_action(st, sc, w->kind);
    st->out->late = true;
    st->out->step = w->step;
    st->out->again = args_kept(st, &st->m->actions[sc->action]);
}

/* ---- jumps ----------------------------------------------------------------------------------- */

void step_home(const struct step *st)
{
    step_enter(st, st->m->home);
}

void step_back(const struct step *st)
{
    struct menu_state *s = st->s;

    if (s->depth <= 1) {
        step_home(st);
        return;
    }
    pop(st);
    if (s->depth)
        step_show(st, true);
    else
        step_home(st); /* the subflow stood on nothing */
}

static const struct jump *branch(const struct screen *sc, struct str value)
{
    for (size_t i = 0; i < sc->non; i++)
        if (match_holds(&sc->on[i].match, value))
            return &sc->on[i].jump;
    return &sc->otherwise;
}

static void leave_sub(const struct step *st);

static void jump(const struct step *st, const struct jump *j)
{
    if (j->say != NONE)
        st->s->note = j->say;
    switch (j->kind) {
    case JUMP_SCREEN: step_enter(st, j->screen); break;
    case JUMP_BACK: step_back(st); break;
    case JUMP_HOME: step_home(st); break;
    case JUMP_RETURN: leave_sub(st); break;
    case JUMP_AGAIN:
        if (st->s->depth)
            step_show(st, true);
        else
            step_home(st);
        break;
    case JUMP_NONE: step_fail(st, TEXT_FAIL_BUG); break;
    }
}

static void apply_sets(const struct step *st, const struct assign *sets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        state_set(st, sets[i].var, text_fill_raw(st, &sets[i].value));
}

/* @return: the innermost subflow's frames go, its one result goes to the caller, who jumps on. */
static void leave_sub(const struct step *st)
{
    const struct screen *sc = NULL;
    size_t at = st->s->depth;
    struct str value;

    while (at && !sc)
        sc = screen_at(st, --at)->type == SCREEN_SUB ? screen_at(st, at) : NULL;
    if (!sc || ++st->s->hops > HOPS_MAX) { /* a checked menu returns only from a subflow */
        step_fail(st, TEXT_FAIL_BUG);
        return;
    }
    value = state_var(st, st->m->subflows[sc->flow].result);
    cut_stack(st, at);
    step_page_reset(st->s);
    state_set(st, sc->var, value);
    jump(st, branch(sc, value));
}

static void enter_sub(const struct step *st, const struct screen *sc)
{
    push(st, (int)sc->no);
    apply_sets(st, sc->sets, sc->nsets);
    step_enter(st, st->m->subflows[sc->flow].start);
}

void step_enter(const struct step *st, int screen)
{
    const struct screen *sc = &st->m->screens[screen];

    if (++st->s->hops > HOPS_MAX) {
        step_fail(st, TEXT_FAIL_BUG);
        return;
    }
    st->s->rows = NULL;
    if (sc->type == SCREEN_SWITCH) {
        jump(st, branch(sc, state_var(st, sc->var)));
    } else if (sc->type == SCREEN_SUB) {
        enter_sub(st, sc);
    } else if (!screen_shows(sc)) {
        run_action(st, sc, PENDING_CALL);
    } else {
        push(st, screen);
        step_show(st, true);
    }
}

/* ---- showing --------------------------------------------------------------------------------- */

/* Lists and texts need their rows whenever they are drawn; a menu only when it is entered. */
static bool needs_rows(const struct screen *sc, bool fresh)
{
    return sc->action != NONE && (fresh || sc->type == SCREEN_LIST || sc->type == SCREEN_TEXT);
}

/* A session carries only what may still be read: where he stands, by the ways on, back, home, or at
 * the next dial. So a list that is shown again has no choice from it. */
static void forget(const struct step *st)
{
    const struct menu_state *s = st->s;
    uint64_t live = st->m->live_always;

    for (size_t i = 0; i < s->depth && !s->ended; i++)
        live |= i + 1u < s->depth ? screen_at(st, i)->live_before : screen_at(st, i)->live_shown;
    for (size_t i = 0; i < st->m->nvars; i++)
        if (s->vars[i].p && !(live >> i & 1))
            state_set(st, (int)i, (struct str){NULL, 0});
}

static void present(const struct step *st)
{
    struct menu_state *s = st->s;
    const struct screen *sc = &st->m->screens[state_top(s)->screen];

    render_screen(st); /* a walked screen too: it binds its numbers */
    s->ended = st->out->end;
    forget(st);
    s->note = NONE;
    s->invalid = false;
    s->rows = NULL;
    if (s->walked == s->nwalk || sc->safety >= MENU_SENSITIVE || s->ended)
        return;
    s->before = state_snapshot(st);
    if (s->before)
        step_apply(st, s->walk[s->walked++]);
}

void step_show(const struct step *st, bool fresh)
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
        step_show(st, false);
        return;
    }
    st->s->note = st->m->engine[reason];
    st->s->invalid = true;
    step_show(st, false);
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

void step_resume_call(const struct step *st, const struct screen *sc, const struct menu_rows *rows)
{
    set_columns(st, rows);
    apply_sets(st, sc->sets, sc->nsets);
    jump(st, branch(sc, outcome_of(rows)));
}

/* A screen that is not shown after all is no place to come back to: it leaves the stack. */
static void leave_by(const struct step *st, const struct jump *j)
{
    if (j->kind == JUMP_AGAIN)
        pop(st); /* the screen before it, not a subflow's beginning */
    else if (j->kind != JUMP_BACK)
        drop_top(st);
    jump(st, j);
}

void step_resume_list(const struct step *st, const struct screen *sc, const struct menu_rows *rows)
{
    if (rows->nrows == 0) {
        leave_by(st, &sc->empty);
        return;
    }
    st->s->rows = rows;
    list_bind(st, sc);
    present(st);
}

void step_resume_load(const struct step *st, const struct screen *sc, const struct menu_rows *rows)
{
    const struct jump *j = branch(sc, outcome_of(rows));

    if (j->kind != JUMP_NONE) {
        leave_by(st, j);
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
    step_show(st, false);
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
    step_show(st, false);
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
        step_home(st);
    } else if (is_key(st, digits, KEY_BACK) && sc->type != SCREEN_CONFIRM) {
        step_back(st);
    } else if (s->has_next &&
               (is_key(st, digits, KEY_MORE) || (sc->more_key.n && str_eq(digits, sc->more_key)))) {
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
        drop_top(st); /* an accepted confirm is no place to come back to */
    }
    jump(st, &c->jump);
}

/* False when the digits are none of its options' keys. */
static bool chosen(const struct step *st, const struct screen *sc, struct str digits)
{
    struct choice_key choices[CHOICES_MAX];
    size_t n = menu_choices(st, sc, choices);
    unsigned number = input_number(digits);

    for (size_t i = 0; i < n; i++) {
        if (str_eq(choices[i].key, digits) || (number && number == input_number(choices[i].key))) {
            take_choice(st, sc, choices[i].choice);
            return true;
        }
    }
    return false;
}

static void apply_value(const struct step *st, const struct screen *sc, struct str input)
{
    struct str value = STR_EMPTY;
    enum engine_text reason;

    if (input_value(st, sc, input, &value, &reason) != 0) {
        refuse(st, reason);
        return;
    }
    state_set(st, sc->var, value);
    jump(st, &sc->to);
}

void step_apply(const struct step *st, struct str input)
{
    const struct screen *sc = &st->m->screens[state_top(st->s)->screen];
    char mem[8];
    struct str digits = input_digits(mem, sizeof mem, str_head(input, 64));

    if (input.n > 64)
        digits = STR_EMPTY;
    if (digits.n && navigate(st, sc, digits))
        return;
    if (digits.n && sc->type != SCREEN_LIST && chosen(st, sc, digits))
        return;
    if (sc->type == SCREEN_INPUT)
        apply_value(st, sc, input);
    else if (!digits.n)
        refuse(st, str_trim(input).n ? TEXT_BAD_CHOICE : TEXT_BAD_EMPTY);
    else if (sc->type != SCREEN_LIST)
        refuse(st, TEXT_BAD_CHOICE);
    else if (list_choose(st, sc, input_number(digits)))
        jump(st, &sc->to);
    else
        refuse(st, TEXT_BAD_CHOICE);
}
