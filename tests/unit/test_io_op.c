/* SPDX-License-Identifier: Apache-2.0 */
/* Loop and operations: never inline, cancel in every state, order, bounded drain, reap, timers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/io/loop.h"
#include "gateway/io/op.h"

struct waiter {
    struct op op;
    int calls;
    struct op *cancel_me;
    int restarts;
};

static struct loop *loop;
static int released;
static int cancelled_records;
static char result_byte;

static void count_release(void *result)
{
    assert_ptr_equal(result, &result_byte);
    released++;
}

static void on_record_cancel(struct op_record *r)
{
    assert_null(r->op);
    cancelled_records++;
}

static void on_done(struct op *op)
{
    struct waiter *w = container_of(op, struct waiter, op);

    w->calls++;
    if (w->cancel_me != NULL)
        op_cancel(w->cancel_me);
    if (w->restarts > 0) {
        w->restarts--;
        op_attach(op, NULL);
        op_complete(op, &result_byte, count_release);
    }
}

static int set_up(void **state)
{
    struct err e;

    (void)state;
    released = cancelled_records = 0;
    loop = loop_new(&e);
    return loop != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void start(struct waiter *w, struct op_record *r)
{
    *w = (struct waiter){0};
    op_init(&w->op, loop, on_done);
    op_attach(&w->op, r);
}

static void completion_is_never_inline(void **state)
{
    struct waiter ok, bad;

    (void)state;
    start(&ok, NULL);
    start(&bad, NULL);
    op_complete(&ok.op, &result_byte, count_release);
    op_fail(&bad.op, ERR_BUSY, "queue of %d is full", 8);
    assert_int_equal(ok.calls + bad.calls, 0);
    assert_true(op_pending(&ok.op));
    loop_turn(loop, false);
    assert_int_equal(ok.calls, 1);
    assert_int_equal(bad.calls, 1);
    assert_false(op_failed(&ok.op));
    assert_int_equal(bad.op.err.code, ERR_BUSY);
    assert_string_equal(bad.op.err.msg, "queue of 8 is full");
    assert_int_equal(released, 0);
    op_release(&ok.op);
    op_release(&ok.op);
    assert_int_equal(released, 1);
}

static void cancel_pending_cuts_both_pointers(void **state)
{
    struct op_record r = {.on_cancel = on_record_cancel};
    struct waiter w;

    (void)state;
    start(&w, &r);
    assert_ptr_equal(r.op, &w.op);
    op_cancel(&w.op);
    assert_null(r.op);
    assert_null(w.op.record);
    assert_int_equal(cancelled_records, 1);
    assert_false(op_pending(&w.op));
    op_cancel(&w.op);
    loop_turn(loop, false);
    assert_int_equal(w.calls, 0);
    assert_int_equal(cancelled_records, 1);
}

static void cancel_ready_frees_the_result(void **state)
{
    struct waiter w;

    (void)state;
    start(&w, NULL);
    op_complete(&w.op, &result_byte, count_release);
    op_cancel(&w.op);
    assert_int_equal(released, 1);
    loop_turn(loop, false);
    assert_int_equal(w.calls, 0);
}

static void one_completion_may_cancel_the_next(void **state)
{
    struct waiter a, b;

    (void)state;
    start(&a, NULL);
    start(&b, NULL);
    a.cancel_me = &b.op;
    op_complete(&a.op, NULL, NULL);
    op_complete(&b.op, &result_byte, count_release);
    loop_turn(loop, false);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 0);
    assert_int_equal(released, 1);
}

static void done_may_cancel_itself(void **state)
{
    struct waiter w;

    (void)state;
    start(&w, NULL);
    w.cancel_me = &w.op;
    op_complete(&w.op, &result_byte, count_release);
    loop_turn(loop, false);
    assert_int_equal(w.calls, 1);
    assert_int_equal(released, 1);
}

/* An op that restarts itself for ever must not hold the loop: I/O runs between two passes. */
static void drain_is_bounded(void **state)
{
    struct waiter w;

    (void)state;
    start(&w, NULL);
    w.restarts = 3 * LOOP_DRAIN_MAX;
    op_complete(&w.op, &result_byte, count_release);
    loop_turn(loop, true);
    assert_int_equal(w.calls, LOOP_DRAIN_MAX);
    loop_turn(loop, true);
    assert_int_equal(w.calls, 2 * LOOP_DRAIN_MAX);
    while (op_pending(&w.op))
        loop_turn(loop, true);
    assert_int_equal(w.calls, 3 * LOOP_DRAIN_MAX + 1);
    op_release(&w.op);
    assert_int_equal(released, w.calls);
}

static char order[8];
static size_t order_len;

static void note_op(struct op *op)
{
    (void)op;
    order[order_len++] = 'o';
}

static void note_reap(void *arg)
{
    order[order_len++] = *(const char *)arg;
    if (*(const char *)arg == 'r')
        loop_defer(loop, note_reap, (void *)(uintptr_t) "s");
}

static void note_timer(void *arg)
{
    struct op *op = arg;

    order[order_len++] = 't';
    loop_defer(loop, note_reap, (void *)(uintptr_t) "r");
    op_attach(op, NULL);
    op_complete(op, NULL, NULL);
}

static void turn_runs_events_then_ops_then_reap(void **state)
{
    struct loop_timer t;
    struct op op;

    (void)state;
    order_len = 0;
    op_init(&op, loop, note_op);
    loop_timer_init(&t, loop, note_timer, &op);
    assert_false(loop_timer_is_set(&t));
    loop_timer_set(&t, 0);
    assert_true(loop_timer_is_set(&t));
    loop_turn(loop, true);
    assert_int_equal(order_len, 4);
    assert_memory_equal(order, "tors", 4);
    assert_false(loop_timer_is_set(&t));
}

static void cleared_timer_does_not_fire(void **state)
{
    struct loop_timer t, never = {0};
    struct op op;

    (void)state;
    order_len = 0;
    op_init(&op, loop, note_op);
    loop_timer_init(&t, loop, note_timer, &op);
    loop_timer_set(&t, 0);
    loop_timer_clear(&t);
    loop_timer_clear(&never);
    loop_turn(loop, false);
    assert_int_equal(order_len, 0);
}

static void on_stop(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static void stop_ends_run_after_the_drain(void **state)
{
    struct loop_timer t;
    struct waiter w;

    (void)state;
    start(&w, NULL);
    op_complete(&w.op, NULL, NULL);
    loop_timer_init(&t, loop, on_stop, NULL);
    loop_timer_set(&t, 0);
    loop_run(loop);
    assert_int_equal(w.calls, 1);
    loop_stop(loop);
    loop_run(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(completion_is_never_inline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancel_pending_cuts_both_pointers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancel_ready_frees_the_result, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_completion_may_cancel_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(done_may_cancel_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drain_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(turn_runs_events_then_ops_then_reap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cleared_timer_does_not_fire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stop_ends_run_after_the_drain, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
