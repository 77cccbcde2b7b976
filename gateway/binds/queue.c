/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list a class, sorted by order. See queue.h for the picture.
 */
#include "gateway/binds/queue.h"

#include <assert.h>
#include <string.h>

void bind_queue_init(struct bind_queue *q)
{
    memset(q, 0, sizeof *q);
    for (unsigned i = 0; i < BIND_CLASSES; i++)
        list_init(&q->classes[i]);
}

bool bind_job_wants(const struct bind_job *job, unsigned no)
{
    return (job->todo[no / 8] >> no % 8 & 1) != 0;
}

static void mark(struct bind_job *job, unsigned no, bool on)
{
    uint8_t bit = (uint8_t)(1u << no % 8);

    assert(no >= 1 && no <= job->parts);
    job->todo[no / 8] = (uint8_t)(on ? job->todo[no / 8] | bit : job->todo[no / 8] & ~bit);
}

/* From the back: a new job belongs there, one that comes back is near the front of a short list. */
static void insert_sorted(struct bind_queue *q, struct bind_job *job)
{
    struct list *head = &q->classes[job->class], *at = head;

    while (at->prev != head && container_of(at->prev, struct bind_job, node)->order > job->order)
        at = at->prev;
    list_insert_before(at, &job->node);
}

void bind_queue_add(struct bind_queue *q, struct bind_job *job)
{
    assert(job->class < BIND_CLASSES && job->parts >= 1 && !job->queued);
    list_init(&job->node);
    memset(job->todo, 0, sizeof job->todo);
    for (unsigned no = 1; no <= job->parts; no++)
        mark(job, no, true);
    job->queued = true;
    job->dropped = job->held = false;
    job->left = job->parts;
    job->flying = 0;
    job->order = q->next_order++;
    q->left += job->left;
    insert_sorted(q, job);
}

void bind_room_set(struct bind_room *room, unsigned line, unsigned classes)
{
    room->line[line] = classes;
    room->any = 0;
    for (unsigned i = 1; i <= BIND_LINES_MAX; i++)
        room->any |= room->line[i];
}

/* Of the jobs in front, only those of a full line are passed over: what has no line fits any. */
static struct bind_job *next_of_class(struct bind_queue *q, const struct bind_room *room,
                                      unsigned class)
{
    list_for_each(node, &q->classes[class])
    {
        struct bind_job *job = container_of(node, struct bind_job, node);

        if (job->flying == 0 && room->gone[job->line])
            job->line = 0;
        if (job->line == 0 || (room->line[job->line] & BIND_CLASS_BIT(class)) != 0)
            return job;
    }
    return NULL;
}

struct bind_job *bind_queue_next(struct bind_queue *q, const struct bind_room *room, unsigned *no)
{
    for (unsigned i = 0; i < BIND_CLASSES; i++) {
        struct bind_job *job =
            (room->any & BIND_CLASS_BIT(i)) != 0 ? next_of_class(q, room, i) : NULL;

        if (job == NULL)
            continue;
        for (*no = 1; !bind_job_wants(job, *no); ++*no)
            assert(*no < job->parts);
        return job;
    }
    return NULL;
}

void bind_queue_took(struct bind_queue *q, struct bind_job *job, unsigned no)
{
    assert(bind_job_wants(job, no));
    mark(job, no, false);
    job->left--;
    job->flying++;
    q->left--;
    q->flying++;
    if (job->left == 0)
        list_remove(&job->node);
}

void bind_queue_landed(struct bind_queue *q, struct bind_job *job)
{
    assert(job->flying > 0 && q->flying > 0);
    job->flying--;
    q->flying--;
}

void bind_queue_back(struct bind_queue *q, struct bind_job *job, unsigned no)
{
    assert(!bind_job_wants(job, no));
    mark(job, no, true);
    if (job->dropped)
        return;
    if (job->left++ == 0 && !job->held)
        insert_sorted(q, job);
    q->left++;
    q->held += job->held;
}

void bind_queue_hold(struct bind_queue *q, struct bind_job *job)
{
    list_remove(&job->node);
    if (job->held || job->dropped)
        return;
    job->held = true;
    q->held += job->left;
}

void bind_queue_unhold(struct bind_queue *q, struct bind_job *job)
{
    if (job->held)
        q->held -= job->left;
    job->held = false;
    if (job->left > 0 && !list_linked(&job->node))
        insert_sorted(q, job);
}

void bind_queue_drop(struct bind_queue *q, struct bind_job *job)
{
    list_remove(&job->node);
    q->left -= job->left;
    if (job->held)
        q->held -= job->left;
    job->held = false;
    job->left = 0;
    job->dropped = true;
}
