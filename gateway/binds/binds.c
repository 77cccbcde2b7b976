/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part's tag on the link is client, key and number, so that a late response still says whose it
 * was when its job is long gone:  client 8 | key 48 | no 8.
 */
#include "gateway/binds/binds_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/log.h"

#define FIGURES_MS 1000
#define DRAIN_MS   20

#define EACH_CLIENT(b, slot)                                                                       \
    (struct bind_client_slot *slot = (b)->set->clients; slot < (b)->set->clients + BIND_CLIENTS;   \
     slot++) if (slot->ops != NULL)

static void link_open(struct bind *b);

/* We, or the operator for this account, want to be without the bind. */
static bool leaving(const struct bind *b)
{
    return b->set->draining || b->wish == BIND_DRAIN;
}

/* ---- jobs ---- */

static uint64_t tag_of(const struct bind_job *job, unsigned no)
{
    return (uint64_t)job->client << 56 | job->key << 8 | no;
}

static struct bind_job *job_find(const struct bind *b, uint64_t tag)
{
    uint64_t name = tag >> 8;

    return map_get(&b->jobs, str_n(&name, sizeof name));
}

static void job_forget(struct bind *b, struct bind_job *job)
{
    uint64_t name = tag_of(job, 0) >> 8;

    job->queued = false;
    map_remove(&b->jobs, str_n(&name, sizeof name));
}

static struct bind_client_slot *client_of(struct bind *b, unsigned client)
{
    return &b->set->clients[client];
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

    bind_queue_landed(&b->queue, job);
    b->busy = job;
    if (who->ops != NULL && who->ops->done != NULL)
        who->ops->done(who->arg, job, no, outcome, status, id);
    b->busy = NULL;
    job_check_over(b, job);
    loop_timer_set(&b->pump, 0);
}

/* ---- writing ---- */

static unsigned writable(const struct bind *b)
{
    bool bulk = lease_held(&b->lease) && b->queue.flying + b->reserved < (uint32_t)b->c->window;

    if (!b->up || !bind_owned(b))
        return 0;
    return bulk || (b->reserved == 0 && lease_held(&b->lease)) ? BIND_ALL_CLASSES
                                                               : BIND_CLASS_BIT(BIND_TALK);
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
    if (link_submit(b->link, &m, tag_of(job, no), &e) == 0) {
        bind_queue_took(&b->queue, job, no);
        return true;
    }
    if (e.code == ERR_BUSY || e.code == ERR_BAD_STATE)
        return false;
    log_err(LOG_LEVEL_WARN, NULL, "part cannot be written", &e);
    bind_queue_took(&b->queue, job, no);
    job_done(b, job, no, BIND_REFUSED, SMPP_RINVPARLEN, STR_EMPTY);
    return true;
}

static void on_pump(void *arg)
{
    struct bind *b = arg;
    struct bind_job *job;
    unsigned no;

    while ((job = bind_queue_next(&b->queue, writable(b), &no)) != NULL) {
        if (!write_part(b, job, no))
            break;
    }
    for
        EACH_CLIENT(b, who)
        {
            if (who->ops->room != NULL)
                who->ops->room(who->arg, b);
        }
}

/* ---- the link's events ---- */

static void tell_changed(struct bind *b)
{
    for
        EACH_CLIENT(b, who)
        {
            if (who->ops->changed != NULL)
                who->ops->changed(who->arg, b);
        }
    loop_timer_set(&b->pump, 0);
}

static void on_up(void *ctx)
{
    struct bind *b = ctx;

    b->up = b->c->mode != BIND_MODE_RX;
    tell_changed(b);
}

static void on_down(void *ctx, enum session_end why)
{
    struct bind *b = ctx;

    log_at(b->stopping ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, NULL, "bind down", "account=%s why=%s",
           b->c->account, session_end_name(why));
    b->up = false;
    tell_changed(b);
}

static void on_submit_done(void *ctx, uint64_t tag, uint32_t status, struct str id, bool late)
{
    struct bind *b = ctx;
    struct bind_job *job = job_find(b, tag);
    struct bind_client_slot *who = client_of(b, (unsigned)(tag >> 56));

    if (late) {
        if (who->ops != NULL && who->ops->late != NULL)
            who->ops->late(who->arg, b, tag >> 8 & (BIND_KEY_MAX - 1), tag & 0xFF, status, id);
    } else if (job != NULL) {
        job_done(b, job, tag & 0xFF, status == 0 ? BIND_ACCEPTED : BIND_REFUSED, status, id);
    }
}

static void on_throttled(void *ctx, uint64_t tag)
{
    struct bind *b = ctx;
    struct bind_job *job = job_find(b, tag);

    if (job == NULL)
        return;
    bind_queue_landed(&b->queue, job);
    bind_queue_back(&b->queue, job, tag & 0xFF);
    job_check_over(b, job);
    loop_timer_set(&b->pump, 0);
}

static void on_unknown(void *ctx, uint64_t tag)
{
    struct bind *b = ctx;
    struct bind_job *job = job_find(b, tag);

    if (job != NULL)
        job_done(b, job, tag & 0xFF, BIND_UNKNOWN, 0, STR_EMPTY);
}

static void on_deliver(void *ctx, const struct link_delivery *d, const struct pdu *pdu)
{
    bind_deliver(ctx, d, pdu);
}

static void on_ready(void *ctx)
{
    struct bind *b = ctx;

    loop_timer_set(&b->pump, 0);
}

static void on_stopped(void *ctx)
{
    struct bind *b = ctx;

    loop_timer_set(&b->reap, 0);
}

static const struct link_sink link_sink = {
    .up = on_up,
    .down = on_down,
    .submit_done = on_submit_done,
    .throttled = on_throttled,
    .unknown = on_unknown,
    .deliver = on_deliver,
    .ready = on_ready,
    .stopped = on_stopped,
};

/* ---- the lease and the life of the link ---- */

static void link_open(struct bind *b)
{
    struct link_config config = bind_link_config(b->c, b->tls);
    struct err e;

    b->link = link_new(b->set->loop, &config, &link_sink, b, &e);
    if (b->link == NULL) { /* binds_new has tried the same */
        log_err(LOG_LEVEL_ERROR, NULL, "link not made", &e);
        return;
    }
    b->generation++;
    b->stopping = false;
    b->counted = (struct session_stats){0};
    b->counted_binds = 0;
    link_start(b->link);
}

static void link_leave(struct bind *b)
{
    if (b->link == NULL || b->stopping)
        return;
    b->stopping = true;
    b->up = false; /* it still hears answers, and takes nothing new */
    link_stop(b->link);
}

static void on_reap(void *arg)
{
    struct bind *b = arg;

    bind_figures(b);
    link_free(b->link);
    b->link = NULL;
    b->up = false;
    b->stopping = false;
    if (bind_owned(b) && !leaving(b))
        link_open(b);
    else if (leaving(b))
        lease_stop(&b->lease);
}

static void on_lease(void *arg, enum lease_state was, enum lease_state now)
{
    struct bind *b = arg;

    (void)was;
    if (now == LEASE_HELD && b->link == NULL && !leaving(b))
        link_open(b);
    if (now == LEASE_WANTED)
        link_leave(b);
    tell_changed(b);
}

/* ---- the set ---- */

static bool clients_quiet(struct bind *b)
{
    for
        EACH_CLIENT(b, who)
        {
            if (who->ops->quiet != NULL && !who->ops->quiet(who->arg, b))
                return false;
        }
    return b->queue.flying == 0;
}

static void drain_step(struct bind *b)
{
    if (b->lease.state == LEASE_WANTED)
        lease_stop(&b->lease); /* another has it: not taken back from it */
    if (b->stopping || b->lease.state == LEASE_STOPPED)
        return;
    if (b->link == NULL)
        lease_stop(&b->lease);
    else if (clients_quiet(b))
        link_leave(b);
}

static void on_second(void *arg)
{
    struct binds *bs = arg;
    bool soon = bs->draining;

    for (size_t i = 0; i < bs->n; i++) {
        struct bind *b = &bs->all[i];

        if (leaving(b)) {
            drain_step(b);
            soon |= !lease_idle(&b->lease);
        }
        bind_figures(b);
    }
    binds_want(bs);
    loop_timer_set(&bs->timer, soon ? DRAIN_MS : FIGURES_MS);
}

void binds_want(struct binds *bs)
{
    for (size_t i = 0; bs->started && i < bs->n; i++) {
        struct bind *b = &bs->all[i];

        if (!leaving(b) && b->link == NULL && lease_idle(&b->lease))
            lease_start(&b->lease);
    }
}

void bind_set_wish(struct bind *b, enum bind_wish wish)
{
    if (b->wish == wish)
        return;
    b->wish = wish;
    tell_changed(b);
    loop_timer_set(&b->set->timer, 0);
}

static int bind_init(struct binds *bs, struct bind *b, const struct bind_config *c,
                     const char *owner, struct err *e)
{
    int rc;
    const char *ear = c->mode == BIND_MODE_RX ? "-rx" : ""; /* may stand beside a transmitter */

    for (struct bind *other = bs->all; other < b; other++) {
        bool pair = other->c->mode != c->mode && other->c->mode != BIND_MODE_TRX &&
                    c->mode != BIND_MODE_TRX;

        if (!pair && strcmp(other->c->account, c->account) == 0)
            return err_set(e, ERR_BAD_CONFIG, "two links of account %s", c->account);
    }
    b->set = bs;
    b->config = *c;
    b->c = &b->config;
    (void)snprintf(b->lease_name, sizeof b->lease_name, "bind:%s%s", c->account, ear);
    (void)snprintf(b->label, sizeof b->label, "bind=\"%s%s\"", c->account, ear);
    bind_queue_init(&b->queue);
    map_init(&b->jobs);
    loop_timer_init(&b->pump, bs->loop, on_pump, b);
    loop_timer_init(&b->reap, bs->loop, on_reap, b);
    lease_init(&b->lease, bs->loop, bs->pg, b->lease_name, owner, c->lease_ms);
    b->lease.on_change = on_lease;
    b->lease.arg = b;
    bs->n++;
    b->tls = bind_tls_new(c, &rc, e);
    if (rc != 0 || bind_try(b, c, b->tls, e) != 0)
        return err_wrap(e, "link %s", c->account);
    return 0;
}

struct binds *binds_new(const struct binds_config *c, const struct binds_deps *d, struct err *e)
{
    size_t n = MIN(c->nlinks, (size_t)BINDS_MAX);
    struct binds *bs = calloc(1, sizeof *bs + n * sizeof *bs->all);

    if (bs == NULL)
        abort();
    bs->loop = d->loop;
    bs->pg = d->pg;
    loop_timer_init(&bs->timer, d->loop, on_second, bs);
    binds_report_init(bs);
    for (size_t i = 0; i < n; i++) {
        if (bind_init(bs, &bs->all[i], &c->links[i], c->owner, e) != 0) {
            binds_free(bs);
            return NULL;
        }
    }
    return bs;
}

void binds_set_client(struct binds *bs, enum bind_client who, const struct bind_client_ops *ops,
                      void *arg)
{
    bs->clients[who] = (struct bind_client_slot){.ops = ops, .arg = arg};
}

void binds_set_sink(struct binds *bs, enum bind_sink_kind kind, bind_sink_fn *fn, void *arg)
{
    bs->sinks[kind] = (struct bind_sink_slot){.fn = fn, .arg = arg};
}

void binds_set_talk(struct binds *bs, bind_talk_fn *fn, void *arg)
{
    bs->talk = fn;
    bs->talk_arg = arg;
}

void binds_start(struct binds *bs)
{
    loop_timer_set(&bs->timer, 0);
    binds_report_start(bs);
}

void binds_drain(struct binds *bs)
{
    bs->draining = true;
    loop_timer_set(&bs->timer, 0);
}

bool binds_idle(const struct binds *bs)
{
    for (size_t i = 0; i < bs->n; i++) {
        if (bs->all[i].link != NULL || !lease_idle(&bs->all[i].lease))
            return false;
    }
    return true;
}

static void bind_fini(struct bind *b)
{
    link_free(b->link); /* reports what is in flight as unknown */
    b->link = NULL;
    lease_fini(&b->lease);
    loop_timer_clear(&b->pump);
    loop_timer_clear(&b->reap);
    map_fini(&b->jobs);
    tls_free(b->tls);
    bind_forget_texts(b);
}

void binds_free(struct binds *bs)
{
    if (bs == NULL)
        return;
    loop_timer_clear(&bs->timer);
    binds_report_stop(bs);
    for (size_t i = 0; i < bs->n; i++)
        bind_fini(&bs->all[i]);
    bind_figures_forget();
    free(bs);
}

size_t binds_count(const struct binds *bs)
{
    return bs->n;
}

struct bind *binds_at(struct binds *bs, size_t i)
{
    return i < bs->n ? &bs->all[i] : NULL;
}

struct bind *binds_find(struct binds *bs, struct str account)
{
    for (size_t i = 0; i < bs->n; i++) {
        if (str_eq_c(account, bs->all[i].c->account))
            return &bs->all[i];
    }
    return NULL;
}

/* ---- one bind ---- */

const struct bind_config *bind_config_of(const struct bind *b)
{
    return b->c;
}

bool bind_held(const struct bind *b)
{
    return lease_held(&b->lease) && !b->set->draining && b->wish == BIND_RUN;
}

enum bind_wish bind_wish_of(const struct bind *b)
{
    return b->wish;
}

bool bind_owned(const struct bind *b)
{
    return b->lease.state == LEASE_HELD || b->lease.state == LEASE_DOUBT;
}

int64_t bind_epoch(const struct bind *b)
{
    return b->lease.epoch;
}

void bind_reserve(struct bind *b, uint32_t places)
{
    b->reserved = MIN(places, (uint32_t)b->c->window - 1);
}

bool bind_up(const struct bind *b)
{
    return b->up;
}

uint32_t bind_waiting(const struct bind *b)
{
    return b->queue.left - b->queue.held;
}

uint32_t bind_flying(const struct bind *b)
{
    return b->queue.flying;
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
    loop_timer_set(&b->pump, 0);
}

void bind_retry(struct bind *b, struct bind_job *job, unsigned no)
{
    bind_queue_back(&b->queue, job, no);
    bind_queue_hold(&b->queue, job);
}

void bind_release(struct bind *b, struct bind_job *job)
{
    bind_queue_unhold(&b->queue, job);
    loop_timer_set(&b->pump, 0);
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
    b->queue.flying -= job->flying;
    job->flying = 0;
    job_forget(b, job);
}
