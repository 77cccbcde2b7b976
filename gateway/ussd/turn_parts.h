/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between turn.c (the machine) and turn_menu.c (what a turn tells the menu and the database).
 */
#ifndef COKO_USSD_TURN_PARTS_H
#define COKO_USSD_TURN_PARTS_H

#include "gateway/ussd/turn.h"

#define TURN_ARENA_CHUNK 2048 /* what a first dial holds while it waits for its rows */
#define TURN_ARENA_MAX   (256u << 10)

/* Fills t->mt: the variables the caller knows. with_identity: the number's lookup and sealed form
 * too, which cost a hash and a cipher and only a beginning needs. */
void turn_vars(struct turn *t, bool with_identity);

/* The menu's first step of this turn, by t->hop; fills bench.out. */
void turn_menu_enter(struct turn *t);

/* Sends t->action to the database; t->op completes. */
void turn_action_send(struct turn *t);

/* The action's rows, or its failure, go back to the menu; fills bench.out. */
void turn_action_done(struct turn *t);

/* Whether this beginning may take the reader back: he dialled the code and nothing behind it, or
 * answered a screen that we no longer know. */
bool turn_may_resume(struct turn *t);

/* The reader's pointer as it is stored: where it leads becomes t->menu, if it may. */
void turn_resume(struct turn *t, struct str pointer);

/* What is stored after this turn, on the bench: its session and his pointer. -1 on our own fault. */
MUST_CHECK int turn_write(struct turn *t, struct store_write *w);

#endif
