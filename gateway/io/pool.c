/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hashing thread. Shared between the loop and the thread, under one mutex: the two lists and
 * `stop`. A job is in `waiting`, then on the thread, then in `finished`, from where the loop takes it
 * when the eventfd says so; its op may be cancelled at any of these points.
 */
#include "gateway/io/pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/list.h"

struct pool_job {
    struct op_record record; /* the loop's side only */
    struct list node;
    void (*work)(void *job);
    void *job;
    void (*free_job)(void *job);
};

struct pool {
    struct loop *loop;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct list waiting;
    struct list finished;
    bool stop;
    unsigned jobs; /* the loop's side: not yet taken back */
    int fd;
    struct event ev;
};

static struct counter refused = COUNTER("coko_pool_refused_total", "Jobs refused by a full pool");

static void *pool_thread(void *arg)
{
    struct pool *p = arg;
    struct sched_param none = {0};
    uint64_t one = 1;

    pthread_setschedparam(pthread_self(), SCHED_IDLE, &none); /* best effort */
    pthread_mutex_lock(&p->lock);
    for (;;) {
        struct list *node;
        struct pool_job *j;

        while (list_empty(&p->waiting) && !p->stop)
            pthread_cond_wait(&p->more, &p->lock);
        if (p->stop)
            break;
        node = list_pop_front(&p->waiting);
        j = container_of(node, struct pool_job, node);
        pthread_mutex_unlock(&p->lock);
        j->work(j->job);
        pthread_mutex_lock(&p->lock);
        list_push_back(&p->finished, &j->node);
        if (write(p->fd, &one, sizeof one) != sizeof one)
            abort(); /* an eventfd takes 2^64 - 2 of them */
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void job_free(struct pool *p, struct pool_job *j, bool with_job)
{
    if (with_job && j->free_job != NULL)
        j->free_job(j->job);
    free(j);
    p->jobs--;
}

static void on_finished(evutil_socket_t fd, short what, void *arg)
{
    struct pool *p = arg;
    struct list done, *node;
    uint64_t n;

    (void)what;
    list_init(&done);
    if (read(fd, &n, sizeof n) != sizeof n)
        return;
    pthread_mutex_lock(&p->lock);
    list_splice_back(&done, &p->finished);
    pthread_mutex_unlock(&p->lock);
    while ((node = list_pop_front(&done)) != NULL) {
        struct pool_job *j = container_of(node, struct pool_job, node);
        struct op *op = j->record.op;

        if (op != NULL)
            op_complete(op, j->job, j->free_job);
        job_free(p, j, op == NULL);
    }
}

struct pool *pool_new(struct loop *l, struct err *e)
{
    struct pool *p = calloc(1, sizeof *p);
    int sys;

    if (p == NULL)
        abort();
    p->loop = l;
    list_init(&p->waiting);
    list_init(&p->finished);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->more, NULL);
    p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    sys = p->fd < 0 ? errno : pthread_create(&p->thread, NULL, pool_thread, p);
    if (sys != 0) {
        err_sys(e, ERR_IO, sys, "hashing thread");
        if (p->fd >= 0)
            close(p->fd);
        free(p);
        return NULL;
    }
    event_assign(&p->ev, loop_base(l), p->fd, EV_READ | EV_PERSIST, on_finished, p);
    event_add(&p->ev, NULL);
    return p;
}

static void jobs_fail(struct pool *p, struct list *from)
{
    struct list *node;

    while ((node = list_pop_front(from)) != NULL) {
        struct pool_job *j = container_of(node, struct pool_job, node);

        if (j->record.op != NULL)
            op_fail(j->record.op, ERR_CLOSED, "closed");
        job_free(p, j, true);
    }
}

void pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->more);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    jobs_fail(p, &p->finished);
    jobs_fail(p, &p->waiting);
    event_del(&p->ev);
    close(p->fd);
    pthread_cond_destroy(&p->more);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void pool_run(struct pool *p, struct op *op, void (*work)(void *job), void *job,
              void (*free_job)(void *job))
{
    struct pool_job *j;

    if (p->jobs >= POOL_QUEUE_MAX) {
        counter_inc(&refused);
        op_attach(op, NULL);
        op_fail(op, ERR_BUSY, "the hashing queue is full");
        if (free_job != NULL)
            free_job(job);
        return;
    }
    j = calloc(1, sizeof *j);
    if (j == NULL)
        abort();
    *j = (struct pool_job){.work = work, .job = job, .free_job = free_job};
    p->jobs++;
    op_attach(op, &j->record);
    pthread_mutex_lock(&p->lock);
    list_push_back(&p->waiting, &j->node);
    pthread_cond_signal(&p->more);
    pthread_mutex_unlock(&p->lock);
}
