/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an operation: the drawing is in op.h. */
#include "gateway/io/op.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gateway/io/loop.h"

void op_init(struct op *op, struct loop *l, void (*done)(struct op *op))
{
    memset(op, 0, sizeof *op);
    list_init(&op->node);
    op->loop = l;
    op->done = done;
}

void op_attach(struct op *op, struct op_record *record)
{
    assert(op->state == OP_IDLE);
    op_release(op);
    err_clear(&op->err);
    op->unknown = false;
    op->sqlstate[0] = '\0';
    op->state = OP_PENDING;
    op->record = record;
    if (record != NULL)
        record->op = op;
}

/* Both pointers are cut before anybody else runs. */
static struct op_record *op_detach(struct op *op)
{
    struct op_record *record = op->record;

    if (record != NULL)
        record->op = NULL;
    op->record = NULL;
    return record;
}

static void op_ready(struct op *op)
{
    assert(op->state == OP_PENDING);
    op_detach(op);
    op->state = OP_READY;
    loop_post(op->loop, op);
}

void op_complete(struct op *op, void *result, void (*release)(void *result))
{
    op->result = result;
    op->release = release;
    op_ready(op);
}

void op_fail(struct op *op, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    assert(code != ERR_OK);
    op->err.code = code;
    op->err.sys = 0;
    va_start(ap, fmt);
    vsnprintf(op->err.msg, sizeof op->err.msg, fmt, ap);
    va_end(ap);
    op_ready(op);
}

void op_fail_err(struct op *op, const struct err *e)
{
    assert(e->code != ERR_OK);
    op->err = *e;
    op_ready(op);
}

void op_cancel(struct op *op)
{
    struct op_record *record = op_detach(op);

    if (op->state == OP_READY)
        list_remove(&op->node);
    op->state = OP_IDLE;
    op_release(op);
    if (record != NULL && record->on_cancel != NULL)
        record->on_cancel(record);
}

void op_release(struct op *op)
{
    void *result = op->result;

    assert(op->state != OP_PENDING);
    op->result = NULL;
    if (result != NULL && op->release != NULL)
        op->release(result);
    op->release = NULL;
}

void *op_take(struct op *op)
{
    void *result = op->result;

    op->result = NULL;
    op->release = NULL;
    return result;
}

void op_deliver(struct op *op)
{
    assert(op->state == OP_READY);
    op->state = OP_IDLE;
    op->done(op);
}
