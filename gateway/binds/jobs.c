/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs of the clients on their way through the queue to a line and back.
 *
 * A part's tag on the link is client, key and number, so that a late response still says whose it
 * was when its job is long gone:  client 8 | key 48 | no 8.
 */
#include <assert.h>

#include "gateway/binds/binds_parts.h"
#include "gateway/lib/log.h"

static uint64_t tag_of(const struct bind_job *job, unsigned no)
{
    return (uint64_t)job->client << 56 | job->key << 8 | no;
}

static struct bind_job *job_find(const struct bind *b, uint64_t tag)
{
    uint64_t name = tag >> 8;

    return map_get(&b->jobs, str_n(&name, sizeof name));
}

static uint64_t reader_of(const struct bind_job *job)
{
    return job->reader << 3 | job->class;
}

static struct bind_job *last_of_reader(const struct bind *b, const struct bind_job *job)
{
    uint64_t name = reader_of(job);

    return job->reader != 0 ? map_get(&b->readers, str_n(&name, sizeof name)) : NULL;
}

static void job_forget(struct bind *b, struct bind_job *job)
{
    uint64_t name = tag_of(job, 0) >> 8, reader = reader_of(job);

    job->queued = false;
    map_remove(&b->jobs, str_n(&name, sizeof name));
    if (last_of_reader(b, job) == job)
        map_remove(&b->readers, str_n(&reader, sizeof reader));
}

static struct bind_client_slot *client_of(struct bind *b, unsigned client)
{
    return &b->set->clients[client];
}

static struct bind_line *line_of(struct bind *b, const struct bind_job *job)
{
    assert(job->line >= 1 && job->line <= BIND_LINES_MAX);
    return &b->lines[job->line - 1];
}

static void job_took(struct bind *b, struct bind_job *job, unsigned no)
{
    uint64_t reader = reader_of(job);

    if (job->reader != 0 && job->left == job->parts)
        map_put(&b->readers, str_n(&reader, sizeof reader), job);
    bind_queue_took(&b->queue, job, no);
    line_of(b, job)->flying++;
}

static void job_landed(struct bind *b, struct bind_job *job)
{
    bind_queue_landed(&b->queue, job);
    line_of(b, job)->flying--;
}

static void job_check_over(struct bind *b, struct bind_job *job)
{
    struct bind_client_slot *who = client_of(b, job->client);

    if (!job->queued || !bind_job_over(job))
        return;
    job_forget(b, job);
    if (who->ops != NULL && who->ops->over != NULL)
        who->ops->over(who->arg, job);
}

static void job_done(struct bind *b, struct bind_job *job, unsigned no, enum bind_outcome outcome,
                     uint32_t status, struct str id)
{
    struct bind_client_slot *who = client_of(b, job->client);

    job_landed(b, job);
    b->busy = job;
    if (who->ops != NULL && who->ops->done != NULL)
        who->ops->done(who->arg, job, no, outcome, status, id);
    b->busy = NULL;
    job_check_over(b, job);
    bind_pump_soon(b);
}

/* ---- writing ---- */

/* Classes that the line may take now, as far as lease and reserved places say. */
static unsigned writable(const struct bind_line *line)
{
    const struct bind *b = line->bind;
    uint32_t window = (uint32_t)b->c->window, reserved = MIN(b->reserved, window - 1);

    if (!line->up || !bind_owned(b))
        return 0;
    if (!lease_held(&b->lease) || (reserved > 0 && line->flying + reserved >= window))
        return BIND_CLASS_BIT(BIND_TALK);
    return BIND_ALL_CLASSES;
}

static void look_for_room(struct bind *b, struct bind_room *room)
{
    *room = (struct bind_room){0};
    for
        EACH_LINE(b, line)
        {
            room->gone[line->no] = !line->up;
            bind_room_set(room, line->no, writable(line));
        }
}

/* The line with the fewest parts in flight; the next one of those that are alike. */
static unsigned choose_line(const struct bind *b, const struct bind_room *room, unsigned class)
{
    unsigned best = 0;

    for (unsigned i = 0; i < BIND_LINES_MAX; i++) {
        unsigned no = (b->last_line + i) % BIND_LINES_MAX + 1;

        if ((room->line[no] & BIND_CLASS_BIT(class)) != 0 &&
            (best == 0 || b->lines[no - 1].flying < b->lines[best - 1].flying))
            best = no;
    }
    assert(best != 0);
    return best;
}

/* A message to the same phone is on its way by a line: this one goes behind it. */
static bool follow(const struct bind *b, const struct bind_room *room, struct bind_job *job)
{
    const struct bind_job *before = last_of_reader(b, job);

    if (before == NULL || before->line == 0 || room->gone[before->line])
        return false;
    job->line = before->line;
    return true;
}

/* False: not now. */
static bool write_part(struct bind *b, struct bind_job *job, unsigned no)
{
    struct bind_client_slot *who = client_of(b, job->client);
    struct bind_scratch scratch;
    struct smpp_submit m;
    struct err e;

    memset(&m, 0, sizeof m);
    m.sm.source = m.sm.dest = m.sm.service_type = m.sm.schedule = m.sm.validity = STR_EMPTY;
    m.sm.message = STR_EMPTY;
    who->ops->fill(who->arg, job, no, &scratch, &m);
    if (link_submit(line_of(b, job)->link, &m, tag_of(job, no), &e) == 0) {
        job_took(b, job, no);
        return true;
    }
    if (e.code == ERR_BUSY || e.code == ERR_BAD_STATE)
        return false;
    log_err(LOG_LEVEL_WARN, NULL, "part cannot be written", &e);
    job_took(b, job, no);
    job_done(b, job, no, BIND_REFUSED, SMPP_RINVPARLEN, STR_EMPTY);
    return true;
}

/* A line that says no is asked again when its link is ready; the others go on. */
static void write_all(struct bind *b)
{
    struct bind_room room;
    struct bind_job *job;
    unsigned no;

    look_for_room(b, &room);
    while ((job = bind_queue_next(&b->queue, &room, &no)) != NULL) {
        bool fresh = job->line == 0;

        if (fresh && follow(b, &room, job))
            continue; /* if that line has room */
        unsigned line = fresh ? choose_line(b, &room, job->class) : job->line;

        job->line = (uint8_t)line;
        if (write_part(b, job, no)) { /* job may be gone */
            b->last_line = fresh ? line : b->last_line;
            bind_room_set(&room, line, writable(&b->lines[line - 1]));
        } else {
            job->line = fresh ? 0 : job->line;
            bind_room_set(&room, line, 0);
        }
    }
}

static void on_pump(void *arg)
{
    struct bind *b = arg;

    write_all(b);
    for
        EACH_CLIENT(b, who)
        {
            if (who->ops->room != NULL)
                who->ops->room(who->arg, b);
        }
}

void bind_pump_soon(struct bind *b)
{
    loop_timer_set(&b->pump, 0);
}

/* ---- what a line tells ---- */

void bind_on_answer(struct bind *b, uint64_t tag, uint32_t status, struct str id, bool late)
{
    struct bind_job *job = job_find(b, tag);
    struct bind_client_slot *who = client_of(b, (unsigned)(tag >> 56));

    if (late) {
        if (who->ops != NULL && who->ops->late != NULL)
            who->ops->late(who->arg, b, tag >> 8 & (BIND_KEY_MAX - 1), tag & 0xFF, status, id);
    } else if (job != NULL) {
        job_done(b, job, tag & 0xFF, status == 0 ? BIND_ACCEPTED : BIND_REFUSED, status, id);
    }
}

void bind_on_throttled(struct bind *b, uint64_t tag)
{
    struct bind_job *job = job_find(b, tag);

    if (job == NULL)
        return;
    job_landed(b, job);
    bind_queue_back(&b->queue, job, tag & 0xFF);
    job_check_over(b, job);
    bind_pump_soon(b);
}

void bind_on_unknown(struct bind *b, uint64_t tag)
{
    struct bind_job *job = job_find(b, tag);

    if (job != NULL)
        job_done(b, job, tag & 0xFF, BIND_UNKNOWN, 0, STR_EMPTY);
}

/* ---- the clients' calls ---- */

uint32_t bind_waiting(const struct bind *b)
{
    return b->queue.left - b->queue.held;
}

uint32_t bind_flying(const struct bind *b)
{
    return b->queue.flying;
}

void bind_prefer(const struct bind *b, struct bind_job *job, uint32_t generation)
{
    for (size_t i = 0; i < BIND_LINES_MAX; i++) {
        if (b->lines[i].up && b->lines[i].generation == generation)
            job->line = (uint8_t)b->lines[i].no;
    }
}

void bind_submit(struct bind *b, struct bind_job *job)
{
    uint64_t name = tag_of(job, 0) >> 8;
    void *was;

    assert(job->key < BIND_KEY_MAX && job->client < BIND_CLIENTS);
    was = map_put(&b->jobs, str_n(&name, sizeof name), job);
    assert(was == NULL);
    (void)was;
    bind_queue_add(&b->queue, job);
    bind_pump_soon(b);
}

void bind_retry(struct bind *b, struct bind_job *job, unsigned no)
{
    bind_queue_back(&b->queue, job, no);
    bind_queue_hold(&b->queue, job);
}

void bind_release(struct bind *b, struct bind_job *job)
{
    bind_queue_unhold(&b->queue, job);
    bind_pump_soon(b);
}

bool bind_drop(struct bind *b, struct bind_job *job)
{
    bind_queue_drop(&b->queue, job);
    if (!bind_job_over(job) || b->busy == job)
        return false;
    job_forget(b, job);
    return true;
}

void bind_forget(struct bind *b, struct bind_job *job)
{
    bind_queue_drop(&b->queue, job);
    while (job->flying > 0)
        job_landed(b, job);
    job_forget(b, job);
}

/* ---- life ---- */

void bind_jobs_init(struct bind *b, struct loop *l)
{
    bind_queue_init(&b->queue);
    map_init(&b->jobs);
    map_init(&b->readers);
    loop_timer_init(&b->pump, l, on_pump, b);
}

void bind_jobs_fini(struct bind *b)
{
    loop_timer_clear(&b->pump);
    map_fini(&b->jobs);
    map_fini(&b->readers);
}
