/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running half of the menu, between its files: turn.c is its door, step.c moves (stack, jumps, actions), input.c
 * understands what was typed, list.c binds rows to numbers, render.c makes the screen, text.c
 * measures, folds and fills templates. All work on one struct step; nothing is kept between calls
 * but the state.
 */
#ifndef COKO_MENUS_ENGINE_H
#define COKO_MENUS_ENGINE_H

#include "menus/model.h"

/* ---- text.c ---------------------------------------------------------------------------------- */

/* What s takes on the screen: septets, UTF-16 units or characters. s must be folded. */
unsigned text_cost(enum menu_charset cs, struct str s);
/* The longest prefix of folded s that takes at most max. */
struct str text_clip(enum menu_charset cs, struct str s, unsigned max);
/* s as the charset can show it: controls dropped, letters transliterated. In the arena. */
struct str text_fold(struct arena *a, enum menu_charset cs, struct str s);
/* A template filled and folded; each variable at most its declared width (S6). */
struct str text_fill(const struct step *st, const struct text *t);
/* The same without folding nor clipping, for values that are stored. */
struct str text_fill_raw(const struct step *st, const struct text *t);
/* Text number `no` in the state's language, else in the first; NONE gives "". */
struct str text_show(const struct step *st, int no);
const struct text *text_in(const struct menu *m, int no, size_t lang);
size_t step_lang(const struct step *st);
/* How many bytes of body make a page of `room`, and the page itself: ends at a sentence where one
 * ends in its last part, else at a word. At least one character when there is any room. */
size_t text_page(const struct step *st, struct str body, unsigned room, struct str *page);
/* Byte offset of the n-th character. */
size_t text_skip_chars(struct str s, size_t n);

/* ---- vary.c ---------------------------------------------------------------------------------- */

bool when_holds(const struct step *st, const struct when *w);
/* Whether a condition on page_chars holds on a screen of this limit. */
bool when_fits(const struct when *w, unsigned limit);
/* The text that stands in for `no` here: of the first variation that holds and has one. */
int text_pick(const struct step *st, int no);
/* Draws every experiment's variant into its variable. */
void experiments_draw(const struct step *st);

/* ---- state.c --------------------------------------------------------------------------------- */

/* p == NULL when unset. Constants and the caller's variables included. */
struct str state_var(const struct step *st, int var);
/* Copies and bounds: at most the variable's width in characters. NULL p unsets. */
void state_set(const struct step *st, int var, struct str value);
/* A copy to go back to; NULL when the arena is full. */
struct menu_state *state_snapshot(const struct step *st);

/* ---- step.c ---------------------------------------------------------------------------------- */

/* Goes to a screen: shows it, or runs it and follows its branch. */
void step_enter(const struct step *st, int screen);
/* Shows the top screen; `fresh`: its action runs again. */
void step_show(const struct step *st, bool fresh);
/* Applies an input to the top screen. */
void step_apply(const struct step *st, struct str input);
void step_home(const struct step *st);
void step_back(const struct step *st);
/* Forgets pages and bound rows: another screen comes to the top. */
void step_page_reset(struct menu_state *s);
/* Parks the pending action and shows the guard screen. */
void step_guard(const struct step *st);
/* The reader leaves the guard screen by back; `kind` was parked. */
void step_unwait(const struct step *st, enum pending kind);
/* Gives the parked action again, its turn's `late` being filled; see menu_guard. */
void step_late(const struct step *st);
/* Back to the state before the turn, with a polite screen (or END when there was none). */
void step_fail(const struct step *st, enum engine_text why);
/* The rows of a call's, a list's or another screen's action. */
void step_resume_call(const struct step *st, const struct screen *sc, const struct menu_rows *rows);
void step_resume_list(const struct step *st, const struct screen *sc, const struct menu_rows *rows);
void step_resume_load(const struct step *st, const struct screen *sc, const struct menu_rows *rows);

/* ---- input.c --------------------------------------------------------------------------------- */

/* A choice as digits: spaces, dots, brackets and '+' gone, every kind of digit and the letter O
 * made ASCII (hard case 35). Empty when it is no number. */
struct str input_digits(char *mem, size_t cap, struct str input);
/* Without leading zeros; 0 when it is no choice number. */
unsigned input_number(struct str digits);
/* A typed value for an input screen: 0 and *value in the arena, or the reason's text. */
int input_value(const struct step *st, const struct screen *sc, struct str input, struct str *value,
                enum engine_text *reason);

/* ---- list.c ---------------------------------------------------------------------------------- */

/* Binds the rows at hand to numbers, or finds the bound ones among them again. */
void list_bind(const struct step *st, const struct screen *sc);
/* The rows from bound index `first` on, at most max; *more when others follow. */
size_t list_items(const struct step *st, const struct screen *sc, size_t first,
                  struct menu_option *items, size_t *index, size_t max, bool *more);
/* Takes over what was kept with number `no`; false when it was never shown. */
bool list_choose(const struct step *st, const struct screen *sc, unsigned no);
/* A cell of the rows at hand by column name; p == NULL when absent. */
struct str rows_cell(const struct menu_rows *rows, size_t row, struct str col);

/* ---- render.c -------------------------------------------------------------------------------- */

/* Draws the screen on top of the stack into the out struct. */
void render_screen(const struct step *st);
/* Draws menu_fail's screen (offering to try again) or, with `end`, its last words. */
void render_failure(const struct step *st, enum engine_text why, bool end);
/* Draws menu_guard's screen for the screen whose action is waited for. */
void render_guard(const struct step *st, const struct screen *sc);
/* Draws the question before a reader is taken back; the screen on top waits behind it. */
void render_ask(const struct step *st);
/* The visible choices of a menu: their numbers in sc->choices and their keys. */
struct choice_key {
    const struct choice *choice;
    struct str key;
};
size_t menu_choices(const struct step *st, const struct screen *sc,
                    struct choice_key out[CHOICES_MAX]);
/* The text of a confirm as it was shown: the evidence of consent. */
struct str render_consent(const struct step *st, const struct screen *sc);

#endif
