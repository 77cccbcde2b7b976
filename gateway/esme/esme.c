/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room itself: its lease, its listener, who is bound as whom.
 *
 *               lease taken                      another epoch, or draining
 *   AWAY ----------------------> LISTENING ----------------------------------> STOPPING
 *    ^                             (in doubt it keeps listener and binds)          |
 *    +---------- all have left, all that was submitted is answered -------------- +
 *
 * A listener that cannot be opened is tried again each second. A bind that may be waits until it is
 * counted with those on other machines (node.c).
 */
#include "gateway/esme/esme.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/esme/esme_parts.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"

#define POLL_MS     1000
#define DEADLINE_MS 8000

PG_STMT(release_stmt, "esme.release", PG_BATCH, 1, "select messaging.esme_release($1)");

static struct counter binds = COUNTER("coko_esme_binds_total", "Binds of ESMEs by our answer");

static struct esme_peer *peer_of(struct esme *s, uint64_t id)
{
    struct esme_peer *p = &s->peers[(uint32_t)id];

    return p->id == id ? p : NULL;
}

static struct esme_account *account_of(struct esme *s, uint64_t id)
{
    struct esme_peer *p = peer_of(s, id);

    return p != NULL ? p->account : NULL;
}

/* ---- who may bind ---- */

static unsigned bind_bit(uint32_t id)
{
    switch (id) {
    case SMPP_BIND_TRANSMITTER: return ESME_TRANSMITTER;
    case SMPP_BIND_RECEIVER: return ESME_RECEIVER;
    default: return ESME_TRANSCEIVER;
    }
}

static bool may_bind_as(const struct esme_account *a, uint32_t id)
{
    for (size_t i = 0; i < a->config.binds.n; i++) {
        if (esme_bind_bit(a->config.binds.v[i]) == bind_bit(id))
            return true;
    }
    return false;
}

/* 0 and the account, or why not. What an account may is told to who knows its password only. */
static uint32_t judge(struct esme *s, const char *address, const struct pdu *p,
                      struct esme_account **out)
{
    struct esme_account *a = account_find(s, p->bind.system_id);

    *out = a;
    if (a == NULL)
        return SMPP_RINVSYSID;
    if (!crypto_eq(p->bind.password, str_c(a->config.password)))
        return SMPP_RINVPASWD;
    if (s->draining || s->stopping || !esme_address_allowed(&a->config.addresses, address) ||
        !may_bind_as(a, p->id))
        return SMPP_RBINDFAIL;
    return a->smsc.binds + a->joining >= a->config.max_binds ? SMPP_RALYBND : 0;
}

static const char *bind_label(uint32_t status)
{
    switch (status) {
    case 0: return "outcome=\"accepted\"";
    case SMPP_RINVSYSID:
    case SMPP_RINVPASWD: return "outcome=\"credentials\"";
    case SMPP_RALYBND: return "outcome=\"max_binds\"";
    default: return "outcome=\"forbidden\"";
    }
}

void esme_refuse(struct esme *s, uint64_t peer, uint32_t status)
{
    counter_inc(counter_with(&binds, bind_label(status)));
    if (s->server != NULL)
        smpp_server_refuse(s->server, peer, status);
}

void esme_accept(struct esme *s, uint64_t peer, struct esme_account *a, bool receives)
{
    struct esme_peer *place = &s->peers[(uint32_t)peer], before = *place;

    if (a->gone) {
        esme_refuse(s, peer, SMPP_RBINDFAIL);
        return;
    }
    /* before accept, which may end it at once; another may have its place by now */
    *place = (struct esme_peer){.id = peer, .account = a, .receives = receives};
    if (s->server == NULL || !smpp_server_accept(s->server, peer, &a->smsc)) {
        *place = before; /* it left, or waited too long: the others are told that it is not here */
        return;
    }
    counter_inc(counter_with(&binds, bind_label(0)));
    log_info(NULL, "esme bound", "esme=%s receives=%d", a->config.name, receives);
    deliver_wake(a);
}

static void on_bind(void *ctx, uint64_t peer, const char *address, const struct pdu *p)
{
    struct esme *s = ctx;
    struct esme_account *a;
    uint32_t status = judge(s, address, p, &a);

    if (status != 0) {
        log_warn(NULL, "esme bind refused", "system_id=%" STR_FMT " address=%s status=0x%x",
                 STR_ARG(p->bind.system_id), address, (unsigned)status);
        esme_refuse(s, peer, status);
        return;
    }
    log_info(NULL, "esme binds", "esme=%s address=%s as=%s", a->config.name, address,
             smpp_command_name(p->id));
    node_join(s, a, peer, p->id != SMPP_BIND_TRANSMITTER);
}

/* ---- the other events ---- */

static void on_submit(void *ctx, uint64_t peer, const struct pdu *p)
{
    submit_take(account_of(ctx, peer), peer, p);
}

static void on_manage(void *ctx, uint64_t peer, const struct pdu *p)
{
    manage_take(account_of(ctx, peer), peer, p);
}

static void on_deliver_done(void *ctx, uint64_t peer, uint64_t tag, uint32_t status, bool late)
{
    deliver_answered(ctx, account_of(ctx, peer), tag, status, late);
}

static void on_unknown(void *ctx, uint64_t peer, uint64_t tag, bool ended)
{
    (void)peer;
    deliver_unanswered(ctx, tag, ended);
}

static void on_closed(void *ctx, uint64_t peer, enum smsc_end why)
{
    struct esme_peer *p = peer_of(ctx, peer);

    log_info(NULL, "esme gone", "esme=%s why=%s", p->account->config.name, smsc_end_name(why));
    *p = (struct esme_peer){0};
    node_wake(ctx, 0); /* another may bind elsewhere */
}

static const struct smpp_server_sink sink = {
    .bind = on_bind,
    .submit = on_submit,
    .manage = on_manage,
    .deliver_done = on_deliver_done,
    .unknown = on_unknown,
    .closed = on_closed,
};

/* ---- lease and listener ---- */

bool esme_may_deliver(const struct esme *s)
{
    return s->server != NULL && !s->stopping && lease_held(&s->lease) &&
           s->released == s->lease.epoch;
}

static void server_start(struct esme *s)
{
    const struct esme_server_config *c = s->config;
    struct smpp_server_config config = {.session = {.system_id = str_c(c->system_id),
                                                    .bind_ms = c->bind_ms,
                                                    .response_ms = c->response_ms,
                                                    .deaf_max = (uint32_t)c->unanswered_max,
                                                    .enquire_ms = c->enquire_ms,
                                                    .enquire_timeout_ms = c->enquire_timeout_ms},
                                        .tls = s->tls,
                                        .max_connections = (unsigned)c->max_connections,
                                        .max_strangers = (unsigned)c->max_strangers,
                                        .max_strangers_address = (unsigned)c->max_strangers_address,
                                        .max_failures = (unsigned)c->max_failures};
    struct err e;
    int fd = s->listen(c->listen, true, &e);

    if (fd < 0) {
        log_err(LOG_LEVEL_ERROR, NULL, "esmes cannot bind", &e);
        return;
    }
    s->server = smpp_server_new(s->loop, fd, &config, &sink, s);
    s->stopping = false;
    memset(&s->counted, 0, sizeof s->counted);
    log_info(NULL, "esmes may bind", "listen=%s tls=%d", c->listen, s->tls != NULL);
    node_wake(s, 0);
}

static bool all_answered(const struct esme *s)
{
    for (size_t i = 0; i < s->naccounts; i++) {
        if (!submit_idle(s->accounts[i]))
            return false;
    }
    return list_empty(&s->manages) && list_empty(&s->joinings) && deliver_idle(s) && texts_idle(s);
}

/* Peer numbers are of one server: it stays until nothing is to be answered to any. */
static void server_over(struct esme *s)
{
    struct smpp_server_stats stats;

    smpp_server_stats_get(s->server, &stats);
    if (stats.connections > 0 || !all_answered(s))
        return;
    esme_figures(s);
    smpp_server_free(s->server);
    s->server = NULL;
    s->stopping = false;
}

static void server_stop(struct esme *s)
{
    if (s->server == NULL || s->stopping)
        return;
    s->stopping = true;
    smpp_server_stop(s->server);
}

static void on_released(struct op *op)
{
    struct esme *s = container_of(op, struct esme, release_op);

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "receipts not made due", &op->err);
    else
        s->released = s->lease.epoch;
    op_release(op);
    for (size_t i = 0; i < s->naccounts; i++)
        deliver_wake(s->accounts[i]);
}

static void release(struct esme *s)
{
    struct pg_params p;

    if (s->released == s->lease.epoch || op_pending(&s->release_op))
        return;
    pg_params_init(&p);
    pg_p_text(&p, s->lease_name);
    pg_exec_opts(s->pg, &s->release_op, &release_stmt, &p,
                 &(struct pg_exec_opts){.prio = PG_PRIO_NORMAL, .deadline_ms = DEADLINE_MS});
}

static void step(struct esme *s)
{
    if (s->lease.state == LEASE_HELD && !s->draining) {
        release(s);
        if (s->server == NULL)
            server_start(s);
    } else if (s->lease.state != LEASE_DOUBT || s->draining) {
        server_stop(s);
    }
    if (s->stopping)
        server_over(s);
    if (s->draining && s->server == NULL)
        lease_stop(&s->lease);
}

static void on_lease(void *arg, enum lease_state was, enum lease_state now)
{
    (void)was, (void)now;
    step(arg);
}

static void on_topic(void *arg, const char *topic)
{
    struct esme *s = arg;

    (void)topic;
    for (size_t i = 0; i < s->naccounts; i++)
        deliver_wake(s->accounts[i]);
}

static void on_poll(void *arg)
{
    struct esme *s = arg;

    step(s);
    on_topic(s, ESME_TOPIC);
    esme_figures(s);
    loop_timer_set(&s->poll, s->stopping ? POLL_MS / 20 : POLL_MS);
}

/* ---- life ---- */

static int tls_open(struct esme *s, struct err *e)
{
    const struct esme_server_config *c = s->config;
    struct tls_config files = {.ca_file = *c->client_ca ? c->client_ca : NULL,
                               .cert_file = c->tls_cert,
                               .key_file = c->tls_key};

    if (!*c->listen || !*c->tls_cert)
        return 0;
    s->tls = tls_server_new(&files, e);
    return s->tls != NULL ? 0 : -1;
}

struct esme *esme_new(const struct esme_room_config *c, const struct esme_deps *d, struct err *e)
{
    struct esme *s = calloc(1, sizeof *s);

    if (s == NULL)
        abort();
    s->loop = d->loop;
    s->pg = d->pg;
    s->ring = d->ring;
    s->binds = d->binds;
    s->listen = d->listen;
    s->config = c->server;
    s->peers = calloc((size_t)c->server->max_connections, sizeof *s->peers);
    if (s->peers == NULL)
        abort();
    list_init(&s->manages);
    answers_init(s);
    texts_init(s);
    node_init(s);
    op_init(&s->release_op, s->loop, on_released);
    loop_timer_init(&s->poll, s->loop, on_poll, s);
    (void)snprintf(s->lease_name, sizeof s->lease_name, "esme:%.60s", c->instance);
    lease_init(&s->lease, s->loop, s->pg, s->lease_name, c->owner, c->server->lease_ms);
    s->lease.on_change = on_lease;
    s->lease.arg = s;
    accounts_set(s, c->esmes, c->nesmes);
    if (tls_open(s, e) != 0) {
        esme_free(s);
        return NULL;
    }
    if (*c->server->listen) {
        pg_wake_listen(s->pg, ESME_TOPIC, on_topic, s);
        lease_start(&s->lease);
        loop_timer_set(&s->poll, POLL_MS);
    }
    return s;
}

void esme_reload(struct esme *s, const struct esme_server_config *server,
                 const struct esme_config *fresh, size_t n)
{
    struct err e;

    for (size_t i = 0; i < esme_server_options_count; i++) {
        if (option_differs(&esme_server_options[i], s->config, server))
            log_warn(NULL, "option wants a restart", "section=smpp_server key=%s",
                     esme_server_options[i].key);
    }
    if (s->tls != NULL && tls_reload(s->tls, &e) != 0)
        log_err(LOG_LEVEL_ERROR, NULL, "certificate of esmes not reloaded", &e);
    accounts_set(s, fresh, n);
    for (int64_t i = 0; i < s->config->max_connections; i++) {
        struct esme_peer *p = &s->peers[i];

        if (p->id != 0 && p->account->gone)
            smpp_server_unbind(s->server, p->id);
    }
    log_info(NULL, "esmes reloaded", "sections=%zu", n);
}

void esme_drain(struct esme *s)
{
    s->draining = true;
    step(s);
    if (*s->config->listen)
        loop_timer_set(&s->poll, 0);
}

bool esme_idle(const struct esme *s)
{
    return s->server == NULL && lease_idle(&s->lease) && all_answered(s);
}

void esme_free(struct esme *s)
{
    if (s == NULL)
        return;
    loop_timer_clear(&s->poll);
    smpp_server_free(s->server);
    s->server = NULL;
    manage_fini(s);
    node_fini(s);
    texts_fini(s);
    accounts_fini(s);
    answers_fini(s);
    op_cancel(&s->release_op);
    op_release(&s->release_op);
    lease_fini(&s->lease);
    tls_free(s->tls);
    counter_forget(&binds);
    submit_forget_counters();
    ceiling_forget_counters();
    manage_forget_counters();
    deliver_forget_counters();
    texts_forget_counters();
    esme_figures_forget();
    free(s->peers);
    free(s);
}
