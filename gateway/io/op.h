/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One asynchronous operation, embedded in the object that waits for it.
 *
 *          op_init            op_attach / start          op_complete, op_fail
 *   (zero) -------> IDLE ----------------------> PENDING --------------------> READY
 *                    ^                             |                             |
 *                    |          op_cancel          |        the loop's drain     |
 *                    +-----------------------------+     done(op) is called      |
 *                    +-----------------------------------------------------------+
 *
 * Order of calls: op_init once; then any number of times: start it (pg_exec, redis_cmd, ...), wait
 * for done(op), read op->err and the typed result (pg_result, redis_reply, ...), op_release.
 * done() may start the same op again: op_release is implied by the next start.
 *
 * The in-flight record (struct op_record) belongs to the connection that carries the request. It
 * points back to the op, and op_cancel cuts both pointers: the late answer is still taken off the
 * wire in its order, and dropped.
 *
 * Never: done() inside the call that started the operation; done() after op_cancel.
 */
#ifndef COKO_IO_OP_H
#define COKO_IO_OP_H

#include <stdbool.h>

#include "gateway/lib/base.h"
#include "gateway/lib/err.h"
#include "gateway/lib/list.h"

struct loop;
struct op;

/* The connection's side of a request in flight; embedded in the connection's own record. */
struct op_record {
    struct op *op;                          /* NULL: nobody waits, drop the answer */
    void (*on_cancel)(struct op_record *r); /* optional: called once by op_cancel, after the cut */
};

enum op_state { OP_IDLE, OP_PENDING, OP_READY };

struct op {
    struct list node; /* in the loop's ready queue while READY */
    struct loop *loop;
    void (*done)(struct op *op);
    enum op_state state;
    bool unknown;     /* failed, and the other side may have executed it (M4, I3) */
    char sqlstate[6]; /* of a failed PostgreSQL request; "" otherwise */
    struct err err;   /* err.code == 0: success */
    void *result;     /* owned by the op until op_release or op_take */
    void (*release)(void *result);
    struct op_record *record; /* in flight: the connection's record */
};

/* Prepares an op; done runs on the loop each time it completes. */
void op_init(struct op *op, struct loop *l, void (*done)(struct op *op));

/* Start of a request: releases the last result, clears err, marks PENDING. record may be NULL. */
void op_attach(struct op *op, struct op_record *record);

/* Success: the op owns result and frees it by release (NULL: nothing to free). PENDING only. */
void op_complete(struct op *op, void *result, void (*release)(void *result));

/* Failure with a message; detaches the record. PENDING only. */
void op_fail(struct op *op, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Failure with an error already made. */
void op_fail_err(struct op *op, const struct err *e);

/*
 * Nobody waits any more: legal in every state, also inside done(). A result not yet delivered is
 * freed, a queued request may be withdrawn by its connection, a late answer is dropped.
 */
void op_cancel(struct op *op);

/* Frees the result. Legal in every state but PENDING; idempotent. */
void op_release(struct op *op);

/* Takes the result away from the op: the caller frees it. */
void *op_take(struct op *op);

/* True from the start until done(op) is entered. */
static inline bool op_pending(const struct op *op)
{
    return op->state != OP_IDLE;
}

/* True inside and after done(op) when the operation failed. */
static inline bool op_failed(const struct op *op)
{
    return op->err.code != 0;
}

/* Called by the loop's drain: state IDLE, then done(op). */
void op_deliver(struct op *op);

#endif
