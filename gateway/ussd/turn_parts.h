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

/* Encodes the session that follows this turn, on the bench; NULL-string on our own fault. */
struct str turn_session_bytes(struct turn *t);

#endif
