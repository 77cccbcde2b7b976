/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Background work: jobs claimed from ops.job in batches, and the scheduler that enqueues the
 * periodic ones.
 *
 *   job:  ready --claim--> running --done--> done
 *           ^                 |
 *           +--- fail, retry -+--- fail, no attempt left --> dead (alert)
 *           +--- lease of the claim passed (worker killed)
 *
 * A job's work is one SQL statement by its kind, so that its effect and nothing else is a
 * transaction; a kind may therefore run twice and must not mind. Only the leader of the lease
 * "scheduler" enqueues periodic jobs, each under a key of its period: one tick, one job, whoever
 * leads.
 *
 * Where jobs are claimed, codes for lost numbers are made too (recovery.h): that takes the keys, and
 * so C between two statements.
 *
 * Order of calls: jobs_new; jobs_start; (jobs_drain, wait for jobs_idle); jobs_free.
 */
#ifndef COKO_JOBS_JOBS_H
#define COKO_JOBS_JOBS_H

#include <stdbool.h>

#include "gateway/io/pg.h"

#define JOBS_TOPIC "coko_job"

struct seal_ring;

struct jobs_config {
    const char *owner;            /* "instance:slot" */
    unsigned concurrency;         /* jobs in flight in this worker */
    bool worker;                  /* claim jobs, make codes for lost numbers */
    bool scheduler;               /* stand for the lease */
    const struct seal_ring *ring; /* of a worker; borrowed */
};

struct jobs;

struct jobs *jobs_new(struct loop *loop, struct pg *pg, const struct jobs_config *c);
void jobs_start(struct jobs *j);

/* Claims no more, gives the lease back. */
void jobs_drain(struct jobs *j);
bool jobs_idle(const struct jobs *j);

/* Jobs in flight are cut loose: their claim runs out and another worker takes them. NULL is allowed. */
void jobs_free(struct jobs *j);

#endif
