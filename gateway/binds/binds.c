/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of binds and the lease of each; the lines are lines.c's, what goes over them jobs.c's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/binds/binds_parts.h"
#include "gateway/lib/log.h"

#define FIGURES_MS 1000
#define DRAIN_MS   20

bool bind_leaving(const struct bind *b)
{
    return b->set->draining || b->wish == BIND_DRAIN;
}

void bind_tell_changed(struct bind *b)
{
    for
        EACH_CLIENT(b, who)
        {
            if (who->ops->changed != NULL)
                who->ops->changed(who->arg, b);
        }
    bind_pump_soon(b);
}

/* ---- the lease ---- */

static void on_lease(void *arg, enum lease_state was, enum lease_state now)
{
    struct bind *b = arg;

    (void)was;
    if (now == LEASE_HELD && !bind_leaving(b))
        bind_lines_fit(b);
    if (now == LEASE_WANTED)
        bind_lines_leave(b);
    bind_tell_changed(b);
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
    if (b->lease.state == LEASE_STOPPED)
        return;
    if (bind_lines_gone(b))
        lease_stop(&b->lease);
    else if (clients_quiet(b))
        bind_lines_leave(b);
}

static void on_second(void *arg)
{
    struct binds *bs = arg;
    bool soon = bs->draining;

    for (size_t i = 0; i < bs->n; i++) {
        struct bind *b = &bs->all[i];

        if (bind_leaving(b)) {
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

        if (!bind_leaving(b) && bind_lines_gone(b) && lease_idle(&b->lease))
            lease_start(&b->lease);
    }
}

void bind_set_wish(struct bind *b, enum bind_wish wish)
{
    if (b->wish == wish)
        return;
    b->wish = wish;
    bind_tell_changed(b);
    loop_timer_set(&b->set->timer, 0);
}

static int bind_init(struct binds *bs, struct bind *b, const struct bind_config *c,
                     const char *owner, struct err *e)
{
    int rc;

    for (struct bind *other = bs->all; other < b; other++) {
        bool pair = other->c->mode != c->mode && other->c->mode != BIND_MODE_TRX &&
                    c->mode != BIND_MODE_TRX;

        if (!pair && strcmp(other->c->account, c->account) == 0)
            return err_set(e, ERR_BAD_CONFIG, "two links of account %s", c->account);
    }
    b->set = bs;
    b->config = *c;
    b->c = &b->config;
    bind_jobs_init(b, bs->loop);
    bind_lines_init(b);
    (void)snprintf(b->lease_name, sizeof b->lease_name, "bind:%s", b->lines[0].name);
    rate_init(&b->rate, (uint32_t)c->rate, (uint32_t)c->burst, loop_now_ms(bs->loop));
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

enum smpp_class bind_status_class(const struct bind *b, uint32_t status)
{
    return statuses_class(&b->statuses, status);
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

void binds_set_forward(struct binds *bs, bind_forward_fn *fn, void *arg)
{
    bs->forward = fn;
    bs->forward_arg = arg;
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
        if (!bind_lines_gone(&bs->all[i]) || !lease_idle(&bs->all[i].lease))
            return false;
    }
    return true;
}

static void bind_fini(struct bind *b)
{
    bind_lines_fini(b);
    lease_fini(&b->lease);
    bind_jobs_fini(b);
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
    b->reserved = places;
}
