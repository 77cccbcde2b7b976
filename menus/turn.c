/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public calls of a turn: each makes a struct step, prepares the state and lets step.c move.
 * Order within one turn: begin, input or reshow once; then resume, fail or guard for each action.
 */
#include "gateway/lib/utf8.h"
#include "menus/engine.h"

static struct step step_of(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                           struct menu_out *out)
{
    unsigned max = t->limits.max;

    max = MIN(MAX(max, MENU_LIMIT_MIN), MENU_LIMIT_MAX);
    return (struct step){.m = m, .s = s, .t = t, .out = out, .limit = max};
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
    s->late = (struct waiting){.kind = PENDING_NONE};
    s->before = NULL;
}

/* "1234*2*1": a first number of the right length is a book's code, the rest are inputs. */
static void read_dial(const struct step *st)
{
    const struct menu *m = st->m;
    struct str rest = state_var(st, m->dial_var), piece;
    bool first = true;

    state_set(st, m->code_var, (struct str){NULL, 0});
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

    s->ended = s->faulted = s->asking = false;
    s->waiting = (struct waiting){.kind = PENDING_NONE};
    s->depth = 0;
    step_page_reset(s);
    turn_start(&st); /* nothing to go back to: a failure here is the end */
    s->beginning = true;
    experiments_draw(&st);
    read_dial(&st);
    step_enter(&st, m->start);
}

/* The hop after a guard screen: away from it, or a look at what became of the action. Before the
 * first screen there is nothing to go away to. */
static void end_wait(const struct step *st, struct str digits)
{
    struct menu_state *s = st->s;
    struct waiting w = s->waiting;

    s->waiting = (struct waiting){.kind = PENDING_NONE};
    turn_start(st);
    s->before = state_snapshot(st);
    if (s->depth && str_eq(digits, st->m->keys[KEY_BACK])) {
        step_unwait(st, w.kind);
    } else if (s->depth && str_eq(digits, st->m->keys[KEY_HOME])) {
        step_home(st);
    } else {
        s->late = w;
        step_late(st);
    }
}

/* The screen he stood on, its rows fetched again. */
static void resume(const struct step *st)
{
    st->s->asking = false;
    st->s->before = state_snapshot(st);
    step_show(st, true);
}

/* 1, 2 or home: none of them means anything to the screen that waits behind the question. */
static void answer_asked(const struct step *st, struct str digits)
{
    unsigned choice = input_number(digits);

    if (choice == 1) {
        resume(st);
    } else if (choice == 2) {
        menu_begin(st->m, st->s, st->t, st->out);
    } else if (str_eq(digits, st->m->keys[KEY_HOME])) {
        st->s->asking = false;
        st->s->before = state_snapshot(st);
        step_home(st);
    } else {
        st->s->note = st->m->engine[TEXT_BAD_CHOICE];
        st->s->invalid = true;
        render_ask(st);
    }
}

void menu_input(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                struct str input, struct menu_out *out)
{
    struct step st = step_of(m, s, t, out);
    char mem[8];
    struct str digits = input_digits(mem, sizeof mem, str_head(input, 64));

    if (s->waiting.kind != PENDING_NONE) {
        end_wait(&st, digits);
        return;
    }
    if (s->ended || !s->depth) {
        menu_begin(m, s, t, out);
        return;
    }
    turn_start(&st);
    if (s->asking) {
        answer_asked(&st, digits);
        return;
    }
    s->before = state_snapshot(&st);
    if (!s->faulted) {
        step_apply(&st, input);
        return;
    }
    s->faulted = false;
    if (str_eq(digits, m->keys[KEY_BACK]))
        step_back(&st);
    else if (str_eq(digits, m->keys[KEY_HOME]))
        step_home(&st);
    else
        step_show(&st, true);
}

void menu_reshow(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                 struct menu_out *out)
{
    struct step st = step_of(m, s, t, out);

    if (s->waiting.kind != PENDING_NONE) {
        end_wait(&st, STR_EMPTY);
        return;
    }
    if (!s->depth || s->ended) {
        menu_begin(m, s, t, out);
        return;
    }
    turn_start(&st);
    s->before = state_snapshot(&st);
    s->faulted = false;
    if (s->asking)
        render_ask(&st);
    else
        step_show(&st, false);
}

void menu_again(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                struct menu_out *out)
{
    struct step st = step_of(m, s, t, out);

    turn_start(&st);
    s->faulted = false;
    s->waiting = (struct waiting){.kind = PENDING_NONE}; /* a read: what shows it sends it anew */
    s->asking = menu_resume_policy(m, s) == MENU_RESUME_ASK;
    if (s->asking)
        render_ask(&st);
    else
        resume(&st);
}

void menu_resume(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                 const struct menu_rows *rows, struct menu_out *out)
{
    struct step st = step_of(m, s, t, out);
    enum pending pending = s->pending;
    const struct screen *sc = &m->screens[s->pending_screen];

    s->pending = PENDING_NONE;
    s->late = (struct waiting){.kind = PENDING_NONE}; /* further actions are this hop's own */
    if (pending == PENDING_CALL)
        step_resume_call(&st, sc, rows);
    else if (pending == PENDING_NONE)
        step_fail(&st, TEXT_FAIL_BUG);
    else if (sc->type == SCREEN_LIST)
        step_resume_list(&st, sc, rows);
    else
        step_resume_load(&st, sc, rows);
    s->rows = NULL; /* they live only as long as this call */
}

void menu_fail(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
               enum menu_failure why, struct menu_out *out)
{
    static const enum engine_text texts[] = {[MENU_FAIL_BUSY] = TEXT_FAIL_BUSY,
                                             [MENU_FAIL_DOWN] = TEXT_FAIL_DOWN,
                                             [MENU_FAIL_BUG] = TEXT_FAIL_BUG};
    struct step st = step_of(m, s, t, out);

    step_fail(&st, texts[why]);
}

void menu_guard(const struct menu *m, struct menu_state *s, const struct menu_turn *t,
                struct menu_out *out)
{
    struct step st = step_of(m, s, t, out);

    step_guard(&st);
}

/* ---- looking --------------------------------------------------------------------------------- */

enum menu_resume menu_resume_policy(const struct menu *m, const struct menu_state *s)
{
    const struct frame *top = state_top(s);

    if (!top || s->ended)
        return MENU_RESUME_NEVER;
    if (s->waiting.kind != PENDING_NONE &&
        action_has_effect(&m->actions[m->screens[s->waiting.screen].action]))
        return MENU_RESUME_NEVER;
    return m->screens[top->screen].resume;
}

unsigned menu_resume_minutes(const struct menu *m)
{
    return m->resume_minutes;
}

bool menu_asking(const struct menu_state *s)
{
    return s->asking;
}

const char *menu_at(const struct menu *m, const struct menu_state *s)
{
    const struct frame *top = state_top(s);

    return top ? m->screens[top->screen].name : "";
}

enum menu_safety menu_screen_safety(const struct menu *m, size_t no)
{
    return no < m->nscreens ? m->screens[no].safety : MENU_MONEY;
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
