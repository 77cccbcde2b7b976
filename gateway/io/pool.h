/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread for slow pure work (password hashes): SCHED_IDLE, so that the loop always wins the
 * core; a queue of POOL_QUEUE_MAX, then ERR_BUSY (the caller answers 503).
 *
 * Create it after the fork. The work function runs on the thread and touches only its job's memory;
 * completion comes back through an eventfd and the loop's ready queue.
 */
#ifndef COKO_IO_POOL_H
#define COKO_IO_POOL_H

#include "gateway/io/loop.h"
#include "gateway/io/op.h"
#include "gateway/lib/base.h"
#include "gateway/lib/err.h"

#define POOL_QUEUE_MAX 8

struct pool;

struct pool *pool_new(struct loop *l, struct err *e);

/* Waits for the running job, fails the waiting ones with ERR_CLOSED. NULL is allowed. */
void pool_free(struct pool *p);

/*
 * work(job) on the thread, then op completes with result = job and release = free_job. After
 * op_cancel the job is still freed by free_job, once the thread has left it. On refusal (ERR_BUSY)
 * the op fails and job is freed. free_job may be NULL.
 */
void pool_run(struct pool *p, struct op *op, void (*work)(void *job), void *job,
              void (*free_job)(void *job));

#endif
