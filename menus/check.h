/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two halves of menu_check: check.c measures, check_flow.c follows the jumps.
 */
#ifndef COKO_MENUS_CHECK_H
#define COKO_MENUS_CHECK_H

#include "menus/engine.h"

/* Reach, loops, outcomes, reserved keys, confirm before pay. Adds faults to r. */
void check_flow(const struct menu *m, struct menu_report *r);

/* Calls fn for every jump of a screen, with a word for where it stands ("2", "ok", "else"...). */
typedef void jump_fn(void *ctx, const struct screen *from, struct str label, const struct jump *j);
void screen_jumps(const struct screen *sc, jump_fn *fn, void *ctx);

#endif
