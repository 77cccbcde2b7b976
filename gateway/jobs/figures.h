/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gauges of money for /metrics: charges whose end is not known, differences with the rails' statements,
 * suspense, days that nobody closed (billing.money_figures). One process of all tells them, the leader
 * of the scheduler's lease; the others have them at 0, so an alarm takes the maximum.
 */
#ifndef COKO_JOBS_FIGURES_H
#define COKO_JOBS_FIGURES_H

#include "gateway/io/pg.h"

#define FIGURES_MAX 128 /* gauges with their labels */

struct figures {
    struct pg *pg;
    struct op op;
    bool mine;
    int64_t due_ms;
    size_t n;
    struct counter *told[FIGURES_MAX];
};

void figures_init(struct figures *f, struct loop *loop, struct pg *pg);

/* The leader, at each tick: asks once a minute. */
void figures_tick(struct figures *f);

/* No leader any more: all at 0. */
void figures_clear(struct figures *f);

/* Cuts what is in flight: before the memory goes. */
void figures_fini(struct figures *f);

#endif
