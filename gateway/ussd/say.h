/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a turn says, in its carrier's words: the screen, its options as links or rows, the count or
 * the token of the answer that it waits for.
 */
#ifndef COKO_USSD_SAY_H
#define COKO_USSD_SAY_H

#include "gateway/ussd/turn.h"

/* Appends the reply of t->hop. out: the screen; NULL for a text alone, which may be empty. */
void say_turn(const struct turn *t, enum profile_reply kind, const struct menu_out *out,
              struct str text, struct buf *b);

/* The same without a turn: nothing of the dialogue is known. */
void say_event(const struct carrier *c, const struct ussd_event *ev, enum profile_reply kind,
               struct str text, struct buf *b);

/* The answer to a carrier that asks whether a session lives. */
void say_status(const struct carrier *c, const struct ussd_event *ev, bool active, struct buf *b);

#endif
