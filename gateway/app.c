/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a worker:
 *
 *   open resources -> open rooms -> wait for the stores, a while -> accept -> run
 *        -> (APP_DRAIN) not ready, wait drain_wait, stop accepting, rooms drain
 *        -> everything idle, or drain_limit over -> close rooms, close resources, exit
 *
 * The supervisor's death closes the control socket, which drains too: no orphan keeps a bind.
 */
#include "gateway/app_parts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"

#define DRAIN_POLL_MS  50
#define ACCEPT_POLL_MS 10

/* ---- rooms ---- */

static bool room_wanted(const struct app *a, const struct room *r)
{
    return (a->cfg->roles & r->roles) != 0;
}

static int rooms_open(struct app *a, struct err *e)
{
    for (const struct room *r = rooms; r->name; r++) {
        if (room_wanted(a, r) && r->open(a, e) != 0)
            return err_wrap(e, "%s", r->name);
    }
    return 0;
}

static void rooms_drain(struct app *a)
{
    for (const struct room *r = rooms; r->name; r++) {
        if (room_wanted(a, r) && r->drain)
            r->drain(a);
    }
}

static bool rooms_idle(const struct app *a)
{
    bool idle = true;

    for (const struct room *r = rooms; r->name; r++)
        idle &= !room_wanted(a, r) || !r->idle || r->idle(a);
    return idle;
}

static void rooms_close(struct app *a)
{
    const struct room *r = rooms;

    while (r->name)
        r++;
    while (r-- > rooms) {
        if (r->close)
            r->close(a);
    }
}

/* ---- resources ---- */

static int stores_open(struct app *a, struct err *e)
{
    const struct config_store *st = &a->cfg->store;
    struct pg_config pg;
    struct redis_config redis = {.url = st->redis_url,
                                 .prefix = st->redis_prefix,
                                 .ca_file = *st->redis_ca ? st->redis_ca : NULL};

    pg_config_defaults(&pg);
    pg.url = st->database_url;
    pg.application_name = a->owner;
    if (a->cfg->roles & (ROLE_GATEWAY | ROLE_WORKER | ROLE_SCHEDULER))
        pg.lanes[PG_BATCH].connections = 4;
    a->pg = pg_open(a->loop, &pg, e);
    a->redis = a->pg ? redis_open(a->loop, &redis, e) : NULL;
    return a->redis ? 0 : -1;
}

/* A rail is asked about as many charges at once as it has places (billing.rail.places); each waits
 * on a connection of its own. */
static const struct http_client_config outgoing = {
    .max_connections = 512, .max_per_host = 256, .pending_max = 1024};

static int http_open(struct app *a, struct err *e)
{
    const struct config_http *h = &a->cfg->http;
    struct http_limits limits = {.body_max = (size_t)h->max_body,
                                 .trusted_proxies = h->trusted_proxies};

    if (*h->tls_cert) {
        a->tls = tls_server_new(
            &(struct tls_config){.cert_file = h->tls_cert, .key_file = h->tls_key}, e);
        if (!a->tls)
            return -1;
        limits.tls = a->tls;
    }
    a->http = http_server_new(a->loop, &limits, e);
    a->client = a->http ? http_client_new(a->loop, &outgoing, e) : NULL;
    if (!a->client)
        return -1;
    a->health = (struct health){.pg = a->pg, .redis = a->redis};
    return health_mount(a->http, &a->health, e);
}

static int resources_open(struct app *a, struct err *e)
{
    if (counter_attach(a->env->slab, a->env->slab_size, e) != 0)
        return -1;
    if (seal_ring_new(str_c(a->cfg->core.keys), &a->ring, e) != 0)
        return err_wrap(e, "[coko] keys");
    a->loop = loop_new(e);
    if (!a->loop || stores_open(a, e) != 0)
        return -1;
    return http_open(a, e);
}

static void resources_close(struct app *a)
{
    if (a->control)
        event_free(a->control);
    if (a->loop) {
        loop_timer_clear(&a->drain_timer);
        loop_timer_clear(&a->accept_timer);
    }
    http_server_free(a->http);
    http_client_free(a->client);
    tls_free(a->tls);
    redis_close(a->redis);
    pg_close(a->pg);
    if (a->loop)
        loop_free(a->loop);
    pg_stmt_free_all();
    seal_ring_free(a->ring);
    counter_detach();
    config_free(a->cfg);
}

/* ---- drain and reload ---- */

static void on_drain_poll(void *arg)
{
    struct app *a = arg;
    bool over = loop_now_ms(a->loop) >= a->drain_until_ms;

    if (over || (http_server_idle(a->http) && rooms_idle(a))) {
        log_at(over ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, NULL, "drained", "connections=%u",
               http_server_connections(a->http));
        loop_stop(a->loop);
        return;
    }
    loop_timer_set(&a->drain_timer, DRAIN_POLL_MS);
}

static void on_drain_begin(void *arg)
{
    struct app *a = arg;

    loop_timer_clear(&a->accept_timer);
    http_server_drain(a->http);
    rooms_drain(a);
    a->drain_until_ms = loop_now_ms(a->loop) + a->cfg->core.drain_limit_ms;
    loop_timer_init(&a->drain_timer, a->loop, on_drain_poll, a);
    loop_timer_set(&a->drain_timer, 0);
}

static void drain(struct app *a)
{
    if (a->health.draining)
        return;
    a->health.draining = true;
    loop_timer_init(&a->drain_timer, a->loop, on_drain_begin, a);
    loop_timer_set(&a->drain_timer, a->cfg->core.drain_wait_ms);
}

/* The supervisor has read and checked this text, so every worker takes the same generation. */
static void reload(struct app *a, unsigned n)
{
    const struct app_text *text = &a->env->texts[n & 1];
    struct fault_list faults;
    struct err e = {0};

    fault_init(&faults);
    struct config *fresh =
        config_load_text(a->env->config_path, str_n(text->text, text->len), &faults);

    fault_fini(&faults);
    if (!fresh)
        return;
    log_set_level((enum log_level)fresh->core.log_level);
    if (a->tls && tls_reload(a->tls, &e) != 0)
        log_err(LOG_LEVEL_ERROR, NULL, "certificate not reloaded", &e);
    for (const struct room *r = rooms; r->name; r++) {
        if (room_wanted(a, r) && r->reload)
            r->reload(a, fresh);
    }
    config_free(fresh);
}

/* Opens the door of a neighbour that died; one that does not accept yet opens it with its own. */
static void open_adopted(struct app *a, unsigned slot)
{
    struct err e = {0};

    if (!a->accepting)
        return;
    if (http_server_listen_fd(a->http, a->env->listeners[slot], &e) != 0)
        log_err(LOG_LEVEL_WARN, NULL, "listener not adopted", &e);
    else
        log_info(NULL, "listener adopted", "slot=%u", slot);
}

static void adopt(struct app *a, unsigned slot)
{
    if (slot >= a->env->slots || a->health.draining || (a->adopted >> slot & 1))
        return;
    a->adopted |= UINT64_C(1) << slot; /* for good: a slot dies more than once */
    log_info(NULL, "neighbour died", "slot=%u", slot);
    open_adopted(a, slot);
}

static void on_control(evutil_socket_t fd, short what, void *arg)
{
    struct app *a = arg;
    unsigned char m[2];
    ssize_t n;

    (void)what;
    while ((n = read(fd, m, sizeof m)) == (ssize_t)sizeof m) {
        if (m[0] == APP_ADOPT)
            adopt(a, m[1]);
        else if (m[0] == APP_DRAIN)
            drain(a);
        else if (m[0] == APP_RELOAD)
            reload(a, m[1]);
    }
    if (n == 0) {
        log_warn(NULL, "supervisor gone", "draining");
        event_del(a->control);
        drain(a);
    }
}

static int control_open(struct app *a, struct err *e)
{
    a->control =
        event_new(loop_base(a->loop), a->env->control, EV_READ | EV_PERSIST, on_control, a);
    if (!a->control || event_add(a->control, NULL) != 0)
        return err_set(e, ERR_IO, "control socket");
    return 0;
}

/*
 * A worker accepts when it can serve: until its stores have answered, what comes waits in the
 * backlog of its socket, where a hop that it took would get the polite END beside a neighbour that
 * could have served it. Not for ever: a store that is down is answered for, not waited for.
 */
static void on_accept_wait(void *arg)
{
    struct app *a = arg;
    bool wait = !health_ready(&a->health) && !a->health.draining;
    struct err e = {0};

    if (wait && loop_now_ms(a->loop) < a->accept_by_ms) {
        loop_timer_set(&a->accept_timer, ACCEPT_POLL_MS);
        return;
    }
    if (http_server_listen_fd(a->http, a->env->listeners[a->env->slot], &e) != 0) {
        log_err(LOG_LEVEL_ERROR, NULL, "worker cannot accept", &e);
        a->exit_code = 1;
        loop_stop(a->loop);
        return;
    }
    a->accepting = true;
    for (unsigned slot = 0; slot < a->env->slots; slot++) {
        if (a->adopted >> slot & 1)
            open_adopted(a, slot);
    }
    log_info(NULL, "worker ready", "slot=%u", a->env->slot);
}

static void accept_when_ready(struct app *a)
{
    a->accept_by_ms = loop_now_ms(a->loop) + a->cfg->core.accept_wait_ms;
    loop_timer_init(&a->accept_timer, a->loop, on_accept_wait, a);
    loop_timer_set(&a->accept_timer, 0);
}

int app_run(const struct app_env *env)
{
    struct app a = {.env = env, .cfg = env->cfg};
    struct err e = {0};

    snprintf(a.owner, sizeof a.owner, "%.60s:%u", a.cfg->core.instance, env->slot);
    log_init((enum log_level)a.cfg->core.log_level, "worker", a.owner);
    signal(SIGTERM, SIG_IGN); /* the supervisor says when, over the control socket */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (resources_open(&a, &e) != 0 || rooms_open(&a, &e) != 0 || control_open(&a, &e) != 0) {
        log_err(LOG_LEVEL_ERROR, NULL, "worker cannot start", &e);
        a.exit_code = 1;
    } else {
        accept_when_ready(&a);
        loop_run(a.loop);
    }
    if (a.loop)
        loop_turn(a.loop, false); /* what is done is reaped before its room goes */
    rooms_close(&a);
    resources_close(&a);
    return a.exit_code;
}
