/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order of parts on one bind: classes, messages, parts, and those that come back (M2; smpp.md hard
 * case 16: 0x58 on part 4 of 7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/binds/queue.h"

static struct bind_job job_of(uint64_t key, enum bind_class class, unsigned parts)
{
    return (struct bind_job){.key = key, .class = (uint8_t) class, .parts = (uint8_t)parts};
}

/* Takes the next part and tells it as key * 1000 + number; 0 when there is none. What may go by any
 * line goes by the first that takes it. */
static uint64_t take_in(struct bind_queue *q, const struct bind_room *room)
{
    unsigned no;
    struct bind_job *job = bind_queue_next(q, room, &no);

    if (job == NULL)
        return 0;
    for (unsigned line = 1; job->line == 0; line++) {
        if ((room->line[line] & BIND_CLASS_BIT(job->class)) != 0)
            job->line = (uint8_t)line;
    }
    bind_queue_took(q, job, no);
    return job->key * 1000 + no;
}

/* The same with one line. */
static uint64_t take(struct bind_queue *q, unsigned mask)
{
    struct bind_room room = {0};

    bind_room_set(&room, 1, mask);
    return take_in(q, &room);
}

static void test_urgent_first_then_order_then_number(void **state)
{
    struct bind_queue q;
    struct bind_job slow = job_of(1, BIND_INSTALMENT, 2), next = job_of(2, BIND_INSTALMENT, 1),
                    code = job_of(3, BIND_OTP, 1);

    (void)state;
    bind_queue_init(&q);
    bind_queue_add(&q, &slow);
    bind_queue_add(&q, &next);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 1001);
    bind_queue_add(&q, &code);
    assert_int_equal(q.left, 3);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 3001);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 1002);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 2001);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 0);
    assert_int_equal(q.left, 0);
    assert_int_equal(q.flying, 4);
}

static void test_mask_of_a_doubtful_lease(void **state)
{
    struct bind_queue q;
    struct bind_job chapter = job_of(1, BIND_INSTALMENT, 1), talk = job_of(2, BIND_TALK, 1);

    (void)state;
    bind_queue_init(&q);
    bind_queue_add(&q, &chapter);
    bind_queue_add(&q, &talk);
    assert_int_equal(take(&q, BIND_CLASS_BIT(BIND_TALK)), 2001);
    assert_int_equal(take(&q, BIND_CLASS_BIT(BIND_TALK)), 0);
    assert_int_equal(take(&q, 0), 0);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 1001);
}

/* Parts 4..7 of the first and 1 of the second fly; 4, 6 and the second's come back in any order. */
static void test_what_comes_back_goes_first(void **state)
{
    struct bind_queue q;
    struct bind_job a = job_of(1, BIND_INSTALMENT, 7), b = job_of(2, BIND_INSTALMENT, 2);

    (void)state;
    bind_queue_init(&q);
    bind_queue_add(&q, &a);
    bind_queue_add(&q, &b);
    for (int i = 0; i < 8; i++)
        assert_int_not_equal(take(&q, BIND_ALL_CLASSES), 0);
    bind_queue_landed(&q, &b);
    bind_queue_back(&q, &b, 1);
    bind_queue_landed(&q, &a);
    bind_queue_back(&q, &a, 6);
    bind_queue_landed(&q, &a);
    bind_queue_back(&q, &a, 4);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 1004);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 1006);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 2001);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 2002);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 0);
}

static void test_held_job_lets_others_pass_and_comes_back(void **state)
{
    struct bind_queue q;
    struct bind_job a = job_of(1, BIND_REPLY, 2), b = job_of(2, BIND_REPLY, 2);

    (void)state;
    bind_queue_init(&q);
    bind_queue_add(&q, &a);
    bind_queue_add(&q, &b);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 1001);
    bind_queue_landed(&q, &a);
    bind_queue_back(&q, &a, 1);
    bind_queue_hold(&q, &a);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 2001);
    bind_queue_unhold(&q, &a);
    bind_queue_unhold(&q, &a);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 1001);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 1002);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 2002);
}

static void test_dropped_job_writes_nothing_and_remembers_its_rest(void **state)
{
    struct bind_queue q;
    struct bind_job a = job_of(1, BIND_INSTALMENT, 3);

    (void)state;
    bind_queue_init(&q);
    bind_queue_add(&q, &a);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 1001);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 1002);
    bind_queue_drop(&q, &a);
    assert_int_equal(q.left, 0);
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 0);
    assert_false(bind_job_over(&a));
    bind_queue_landed(&q, &a);
    bind_queue_back(&q, &a, 2); /* 0x58 after STOP: not written again */
    assert_int_equal(take(&q, BIND_ALL_CLASSES), 0);
    bind_queue_landed(&q, &a);
    assert_true(bind_job_over(&a));
    assert_false(bind_job_wants(&a, 1));
    assert_true(bind_job_wants(&a, 2));
    assert_true(bind_job_wants(&a, 3));
}

/* A message begun on a full line waits for it; what comes after it goes by the other (M2). */
static void test_parts_stay_with_the_line_of_the_first(void **state)
{
    struct bind_room room = {0};
    struct bind_queue q;
    struct bind_job a = job_of(1, BIND_INSTALMENT, 3), b = job_of(2, BIND_INSTALMENT, 2);

    (void)state;
    bind_queue_init(&q);
    bind_queue_add(&q, &a);
    bind_queue_add(&q, &b);
    bind_room_set(&room, 1, BIND_ALL_CLASSES);
    bind_room_set(&room, 2, BIND_ALL_CLASSES);
    assert_int_equal(take_in(&q, &room), 1001);
    bind_room_set(&room, 1, BIND_CLASS_BIT(BIND_TALK)); /* all but its reserved places are taken */
    assert_int_equal(take_in(&q, &room), 2001);
    assert_int_equal(b.line, 2);
    bind_room_set(&room, 2, 0);
    assert_int_equal(take_in(&q, &room), 0);
    bind_room_set(&room, 1, BIND_ALL_CLASSES);
    assert_int_equal(take_in(&q, &room), 1002);
    assert_int_equal(a.line, 1);
}

/* Its line is lost: the rest goes by another once no part of it flies, and what was thrown back too. */
static void test_a_lost_line_lets_its_messages_go(void **state)
{
    struct bind_room room = {0};
    struct bind_queue q;
    struct bind_job a = job_of(1, BIND_INSTALMENT, 3);

    (void)state;
    bind_queue_init(&q);
    bind_queue_add(&q, &a);
    bind_room_set(&room, 2, BIND_ALL_CLASSES);
    assert_int_equal(take_in(&q, &room), 1001);
    assert_int_equal(take_in(&q, &room), 1002);
    bind_room_set(&room, 2, 0);
    bind_room_set(&room, 3, BIND_ALL_CLASSES);
    room.gone[2] = true;
    assert_int_equal(take_in(&q, &room), 0);
    bind_queue_landed(&q, &a);
    assert_int_equal(take_in(&q, &room), 0);
    bind_queue_landed(&q, &a);
    bind_queue_back(&q, &a, 2);
    assert_int_equal(take_in(&q, &room), 1002);
    assert_int_equal(a.line, 3);
    assert_int_equal(take_in(&q, &room), 1003);
}

/* Every history of writing, landing and coming back writes each part once at the end. */
static void test_random_histories(void **state)
{
    struct bind_room room = {0};

    (void)state;
    bind_room_set(&room, 1, BIND_ALL_CLASSES);
    srand(26);
    for (int round = 0; round < 300; round++) {
        struct bind_queue q;
        struct bind_job jobs[5];
        uint64_t flying[2000];
        unsigned n = 0, landed = 0, total = 0;

        bind_queue_init(&q);
        for (unsigned i = 0; i < 5; i++) {
            jobs[i] =
                job_of(i, (enum bind_class)(rand() % BIND_CLASSES), 1 + (unsigned)rand() % 255);
            total += jobs[i].parts;
            bind_queue_add(&q, &jobs[i]);
        }
        while (landed < total) {
            unsigned no;
            struct bind_job *job = bind_queue_next(&q, &room, &no);

            if (job != NULL && rand() % 3 != 0) {
                bind_queue_took(&q, job, no);
                flying[n++] = job->key << 8 | no;
            } else if (n > 0) {
                unsigned at = (unsigned)rand() % n;
                struct bind_job *j = &jobs[flying[at] >> 8];

                bind_queue_landed(&q, j);
                if (rand() % 4 == 0)
                    bind_queue_back(&q, j, flying[at] & 0xFF);
                else
                    landed++;
                flying[at] = flying[--n];
            }
        }
        assert_int_equal(q.left, 0);
        assert_int_equal(q.flying, 0);
        for (unsigned i = 0; i < 5; i++)
            assert_true(bind_job_over(&jobs[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urgent_first_then_order_then_number),
        cmocka_unit_test(test_mask_of_a_doubtful_lease),
        cmocka_unit_test(test_what_comes_back_goes_first),
        cmocka_unit_test(test_held_job_lets_others_pass_and_comes_back),
        cmocka_unit_test(test_dropped_job_writes_nothing_and_remembers_its_rest),
        cmocka_unit_test(test_parts_stay_with_the_line_of_the_first),
        cmocka_unit_test(test_a_lost_line_lets_its_messages_go),
        cmocka_unit_test(test_random_histories),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
