/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a Redis connection comes up.
 *
 *   DOWN -> RESOLVING -> ASKING (Sentinel only) -> RESOLVING -> GREETING -> UP
 *     ^         |              |                      |            |
 *     +---------+--------------+----------------------+------------+  any fault, or the attempt's limit
 *
 * The greeting is AUTH, SELECT, ROLE (behind Sentinel: it may still name the old master) and INFO
 * server, pipelined; UP is entered with INFO's answer.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/io/redis_conn.h"
#include "gateway/lib/counter.h"

static void address_connect(struct redis *r, const struct sockaddr *sa, socklen_t len)
{
    bool ask = r->state == REDIS_ASKING;
    struct ssl_st *ssl = NULL;
    struct err e;

    if (r->tls != NULL && !ask && (ssl = tls_session(r->tls, r->server.name, &e)) == NULL) {
        redis_lost(r, e.code, e.msg);
        return;
    }
    r->reader = redisReaderCreate();
    if (r->reader == NULL)
        abort();
    if (stream_connect(&r->stream, r->loop, sa, len, ssl, r->config.out_max, &redis_stream_ops, r,
                       &e) != 0)
        redis_lost(r, e.code, e.msg);
}

static void on_resolved(int rc, struct evutil_addrinfo *found, void *arg)
{
    struct redis *r = arg;

    r->lookup = NULL;
    if (rc == EVUTIL_EAI_CANCEL)
        return;
    if (rc != 0 || found == NULL) {
        redis_lost(r, ERR_IO, "the host's name does not resolve");
    } else {
        r->state = r->url.sentinel && r->server.name[0] == '\0' ? REDIS_ASKING : REDIS_GREETING;
        address_connect(r, found->ai_addr, (socklen_t)found->ai_addrlen);
    }
    if (found != NULL)
        evutil_freeaddrinfo(found);
}

/* Numbers at once; names by libevent's resolver, which reads /etc/hosts and resolv.conf. */
static void host_connect(struct redis *r, const struct redis_host *host)
{
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = EVUTIL_AI_NUMERICHOST | EVUTIL_AI_NUMERICSERV};
    struct evutil_addrinfo *found = NULL;

    r->state = REDIS_RESOLVING;
    if (evutil_getaddrinfo(host->name, host->port, &hints, &found) == 0) {
        on_resolved(0, found, r);
        return;
    }
    hints.ai_flags = EVUTIL_AI_NUMERICSERV;
    if (r->dns == NULL)
        r->dns = evdns_base_new(loop_base(r->loop), EVDNS_BASE_INITIALIZE_NAMESERVERS |
                                                        EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (r->dns == NULL)
        redis_lost(r, ERR_IO, "no resolver");
    else
        r->lookup = evdns_getaddrinfo(r->dns, host->name, host->port, &hints, on_resolved, r);
}

void redis_lookup_cancel(struct redis *r)
{
    if (r->lookup != NULL)
        evdns_getaddrinfo_cancel(r->lookup);
    r->lookup = NULL;
}

void redis_attempt(struct redis *r)
{
    loop_timer_set(&r->timer, r->config.connect_timeout_ms);
    if (!r->url.sentinel) {
        r->server = r->url.hosts[0];
        host_connect(r, &r->server);
        return;
    }
    r->server.name[0] = '\0'; /* not known yet */
    host_connect(r, &r->url.hosts[r->sentinel_at++ % r->url.nhosts]);
}

void redis_opened(struct redis *r)
{
    char db[8];

    if (r->state == REDIS_ASKING) {
        redis_step(r, REDIS_MASTER, "SENTINEL", "get-master-addr-by-name", r->url.master, NULL);
        return;
    }
    if (r->url.user[0] != '\0')
        redis_step(r, REDIS_STEP, "AUTH", r->url.user, r->url.password, NULL);
    else if (r->url.password[0] != '\0')
        redis_step(r, REDIS_STEP, "AUTH", r->url.password, NULL);
    snprintf(db, sizeof db, "%u", r->url.db);
    if (r->url.db != 0)
        redis_step(r, REDIS_STEP, "SELECT", db, NULL);
    if (r->url.sentinel)
        redis_step(r, REDIS_ROLE, "ROLE", NULL);
    redis_step(r, REDIS_INFO, "INFO", "server", NULL);
}

/* ---- answers ---- */

static void master_known(struct redis *r, const struct redisReply *reply)
{
    const struct redisReply *name, *port;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        redis_lost(r, ERR_IO, "this Sentinel knows no such master");
        return;
    }
    name = reply->element[0];
    port = reply->element[1];
    if (name->str == NULL || port->str == NULL ||
        !str_to_c(str_n(name->str, (size_t)name->len), r->server.name, sizeof r->server.name) ||
        !str_to_c(str_n(port->str, (size_t)port->len), r->server.port, sizeof r->server.port)) {
        redis_lost(r, ERR_IO, "Sentinel's answer is no address");
        return;
    }
    stream_close(&r->stream);
    redisReaderFree(r->reader);
    r->reader = NULL;
    host_connect(r, &r->server);
}

static void run_id_read(struct redis *r, struct str info)
{
    struct str line;

    r->run_id[0] = '\0';
    while (str_split(&info, '\n', &line)) {
        if (!str_starts(line, STR("run_id:")))
            continue;
        if (!str_to_c(str_head(str_skip(line, 7), 40), r->run_id, sizeof r->run_id))
            r->run_id[0] = '\0';
    }
}

static void greeted(struct redis *r, const struct redisReply *info)
{
    if (info->type == REDIS_REPLY_STRING)
        run_id_read(r, str_n(info->str, (size_t)info->len));
    if (strlen(r->run_id) != 40) {
        redis_lost(r, ERR_PROTOCOL, "INFO without a run id");
        return;
    }
    r->state = REDIS_UP;
    r->backoff_ms = 0;
    loop_timer_clear(&r->timer);
    if (r->told_down)
        log_info(NULL, "redis is back", "run_id=%s", r->run_id);
    r->told_down = false;
}

static bool is_master(const struct redisReply *role)
{
    return role->type == REDIS_REPLY_ARRAY && role->elements > 0 &&
           role->element[0]->type == REDIS_REPLY_STRING &&
           strcmp(role->element[0]->str, "master") == 0;
}

void redis_step_reply(struct redis *r, enum redis_kind kind, const struct redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        redis_lost(r, ERR_REDIS, reply->str);
        return;
    }
    switch (kind) {
    case REDIS_MASTER: master_known(r, reply); break;
    case REDIS_INFO: greeted(r, reply); break;
    case REDIS_ROLE:
        if (!is_master(reply))
            redis_lost(r, ERR_IO, "Sentinel named a replica");
        break;
    case REDIS_STEP:
    case REDIS_USER: break;
    }
}
