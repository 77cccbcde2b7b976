/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between turn.c (the machine), turn_menu.c (what a turn tells the menu and the database), turn_late.c
 * (an action that takes longer than its carrier waits) and turn_code.c (a code for a payment rail).
 */
#ifndef COKO_USSD_TURN_PARTS_H
#define COKO_USSD_TURN_PARTS_H

#include "gateway/ussd/turn.h"

#define TURN_ARENA_CHUNK 3072 /* what a first dial holds while it waits for its rows */
#define TURN_ARENA_MAX   (256u << 10)
#define TURN_LATE_MS     20000 /* how long an action may take in all */

/* Fills t->mt: the variables the caller knows. with_identity: the number's lookup and sealed form
 * too, which cost a hash and a cipher and only a beginning needs. */
void turn_vars(struct turn *t, bool with_identity);

/* The menu's first step of this turn, by t->hop; fills bench.out. */
void turn_menu_enter(struct turn *t);

/* What the menu asked for, from bench.out, which does not outlive a wait. False: our own fault. */
MUST_CHECK bool turn_action_take(struct turn *t);

/* Argument i of an action as the database is given it: what a reader typed of a code or of somebody's number leaves
 * this process in no clear form (S5). An unset one stays NULL. */
struct str turn_argument(struct turn *t, const struct menu_action *a, size_t i, struct str value);

/* How long after the callback an action may be waited for, so that a screen is still in time. */
unsigned turn_action_ms(const struct turn *t);

/* Sends t->action to the database; t->act completes. */
void turn_action_send(struct turn *t);

/* Whether it failed and may be tried once more in this turn; counts that. */
bool turn_action_again(struct turn *t);

/* The action's rows, or its failure, go back to the menu; fills bench.out. */
void turn_action_done(struct turn *t);

/* It is not waited for: the menu's excuse into bench.out. */
void turn_action_late(struct turn *t);

/* Rows of a result, as the menu reads them: views. */
struct menu_rows turn_rows(struct turn *t, const PGresult *r);

/* What an action's failure is to the menu. */
enum menu_failure turn_failure(const struct op *op);

/* A write may have left a message or a charge: whoever waits for those rows looks now. */
void turn_wake(const struct turn *t);

/* ---- turn_code.c ---- */

/* HAND: gives the typed code away and forgets it. False: there is nowhere to give it. */
MUST_CHECK bool turn_code_hand(struct turn *t);

/* How long after the callback the rail may be waited for, so that its outcome can still be read. */
unsigned turn_code_ms(const struct turn *t);

/* Lets go of the counters with labels. */
void turn_code_forget(void);

/* ---- turn_late.c ---- */

/* Fills t->late, by t->step. */
void turn_late_key(struct turn *t);

/* Whether the action in flight may go on behind a screen for meanwhile. */
bool turn_may_wait(const struct turn *t);

/* GUARD: says in Redis that it runs; then, by what t->op found, the screen into bench.out. */
void turn_promise(struct turn *t);
void turn_promised(struct turn *t);

/* FETCH: what was found goes to the menu, into bench.out. False: nothing, and it may be sent. */
MUST_CHECK bool turn_fetched(struct turn *t, struct str bytes);

/* KEEP: the action's end to Redis; false when it cannot be kept. Then what became of that. */
MUST_CHECK bool turn_keep(struct turn *t);
void turn_kept(struct turn *t);

/* The turn is over: it counts as late no more. */
void turn_late_over(struct turn *t);

/* Lets go of the counters with labels. */
void turn_late_forget(void);

/* Whether this beginning may take the reader back: he dialled the code and nothing behind it, or
 * answered a screen that we no longer know. */
bool turn_may_resume(struct turn *t);

/* The reader's pointer as it is stored: where it leads becomes t->menu, if it may. */
void turn_resume(struct turn *t, struct str pointer);

/* What is stored after this turn, on the bench: its session and his pointer. -1 on our own fault. */
MUST_CHECK int turn_write(struct turn *t, struct store_write *w);

#endif
