/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of menu_check: check.c measures, check_flow.c follows the jumps, check_sub.c proves the
 * subflows, check_vary.c the values (cases, inputs, experiments, variations).
 */
#ifndef COKO_MENUS_CHECK_H
#define COKO_MENUS_CHECK_H

#include "menus/engine.h"

/* Reach, loops, outcomes, reserved keys, confirm before pay. Adds faults to r. */
void check_flow(const struct menu *m, struct menu_report *r);

/* Subflows: who owns which screen (its subflow, or NONE), that each returns and is bounded. */
void check_subflows(const struct menu *m, struct menu_report *r, int owner[SCREENS_MAX]);

/* Cases, inputs, experiments, variations. */
void check_values(const struct menu *m, struct menu_report *r);

/* Calls fn for every jump of a screen, with a word for where it stands ("2", "ok", "else"...). */
typedef void jump_fn(void *ctx, const struct screen *from, struct str label, const struct jump *j);
void screen_jumps(const struct screen *sc, jump_fn *fn, void *ctx);

#endif
