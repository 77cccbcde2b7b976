/* SPDX-License-Identifier: Apache-2.0 */
/* The hashing pool: results come through the loop, the queue is bounded, cancelled jobs are freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "gateway/io/pool.h"

static struct loop *loop;
static struct pool *pool;
static int done, failed, freed;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_int ran;

static int set_up(void **state)
{
    struct err e;

    (void)state;
    done = failed = freed = 0;
    atomic_store(&ran, 0);
    loop = loop_new(&e);
    pool = pool_new(loop, &e);
    return loop != NULL && pool != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    pool_free(pool);
    loop_free(loop);
    return 0;
}

static void on_done(struct op *op)
{
    done++;
    failed += op_failed(op);
    if (!op_failed(op))
        assert_int_equal(*(int *)op->result, 42);
    op_release(op);
}

static void work(void *job)
{
    pthread_mutex_lock(&gate); /* held by the test while it fills the queue */
    pthread_mutex_unlock(&gate);
    *(int *)job = 42;
    atomic_fetch_add(&ran, 1);
}

static void free_job(void *job)
{
    freed++;
    free(job);
}

static void run(struct op *op)
{
    op_init(op, loop, on_done);
    pool_run(pool, op, work, calloc(1, sizeof(int)), free_job);
}

static void result_comes_through_the_loop(void **state)
{
    struct op op;

    (void)state;
    run(&op);
    while (done == 0)
        loop_turn(loop, true);
    assert_int_equal(failed, 0);
    assert_int_equal(freed, 1);
}

static void ninth_job_is_refused(void **state)
{
    struct op ops[POOL_QUEUE_MAX + 1];

    (void)state;
    pthread_mutex_lock(&gate);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        run(&ops[i]);
    assert_int_equal(done, 0); /* never inline, refusal too */
    loop_turn(loop, false);
    assert_int_equal(done, 1);
    assert_int_equal(failed, 1);
    assert_int_equal(ops[POOL_QUEUE_MAX].err.code, ERR_BUSY);
    pthread_mutex_unlock(&gate);
    while (done < (int)ARRAY_LEN(ops))
        loop_turn(loop, true);
    assert_int_equal(freed, ARRAY_LEN(ops));
    assert_int_equal(atomic_load(&ran), POOL_QUEUE_MAX);
}

static void cancelled_job_is_freed_once_left(void **state)
{
    struct op op;

    (void)state;
    pthread_mutex_lock(&gate);
    run(&op);
    op_cancel(&op);
    assert_int_equal(freed, 0); /* the thread may stand on it */
    pthread_mutex_unlock(&gate);
    while (freed == 0)
        loop_turn(loop, true);
    assert_int_equal(done, 0);
}

static void closing_fails_what_waits(void **state)
{
    struct op ops[4];

    (void)state;
    pthread_mutex_lock(&gate);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        run(&ops[i]);
    pthread_mutex_unlock(&gate);
    pool_free(pool);
    pool = NULL;
    loop_turn(loop, false);
    assert_int_equal(done, ARRAY_LEN(ops));
    assert_int_equal(freed, ARRAY_LEN(ops));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(result_comes_through_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ninth_job_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancelled_job_is_freed_once_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_fails_what_waits, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
