/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leader's clock: enqueues each periodic job once a period.
 *
 * The job's unique key is its name and the number of the period, so a change of leader in the middle
 * of a period enqueues nothing twice (an enqueue under a key that lives is a no-op).
 */
#ifndef COKO_JOBS_SCHEDULER_H
#define COKO_JOBS_SCHEDULER_H

#include <stdbool.h>

#include "gateway/io/pg.h"

struct scheduler;

/* owner is borrowed. */
struct scheduler *scheduler_new(struct loop *loop, struct pg *pg, const char *owner);
void scheduler_start(struct scheduler *s);
void scheduler_drain(struct scheduler *s);
bool scheduler_idle(const struct scheduler *s);
void scheduler_free(struct scheduler *s);

#endif
