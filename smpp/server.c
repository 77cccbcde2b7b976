/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes go socket -> rx -> session -> out -> socket. after() is the one place that moves what a
 * session wants to say, holds back a peer that does not read, and ends one whose session has ended:
 * FIN, then LINGER_MS for the peer to read what was said, then close.
 */
#include "smpp/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/io/stream.h"
#include "gateway/lib/log.h"

#define CHUNK       (16u * 1024u)
#define OUT_MAX     (2u * 1024u * 1024u)
#define OUT_BUSY    (64u * 1024u) /* unsent octets above which a peer is not read */
#define LINGER_MS   1000
#define ACCEPT_TURN 64
#define AGAIN_MS    200
#define FAILURES    256 /* addresses whose refused passwords are counted */
#define FAILURE_MS  60000

struct peer {
    struct smpp_server *server;
    uint64_t id;
    struct stream stream;
    struct smsc_session session;
    struct buf rx;
    struct loop_timer timer;
    struct in6_addr address;
    char text[INET6_ADDRSTRLEN];
    bool was_bound, ending, gone, after_queued;
};

struct failure {
    struct in6_addr address;
    int64_t since;
    unsigned count; /* 0: free */
};

struct smpp_server {
    struct loop *loop;
    struct smpp_server_config config;
    const struct smpp_server_sink *sink;
    void *ctx;
    int fd;
    struct event accept;
    struct loop_timer again; /* out of descriptors: accepting goes on a little later */
    struct peer **slots;     /* max_connections */
    uint32_t generation;
    struct failure failures[FAILURES];
    struct smpp_server_stats stats;
};

static struct peer *peer_of(const struct smpp_server *v, uint64_t id)
{
    struct peer *p = (uint32_t)id < v->config.max_connections ? v->slots[(uint32_t)id] : NULL;

    return p != NULL && p->id == id && !p->ending ? p : NULL;
}

/* ---- refused passwords ----------------------------------------------------------------------- */

static struct failure *failure_of(struct smpp_server *v, const struct in6_addr *a, int64_t now)
{
    for (size_t i = 0; i < FAILURES; i++) {
        struct failure *f = &v->failures[i];

        if (f->count > 0 && now - f->since >= FAILURE_MS)
            f->count = 0;
        if (f->count > 0 && memcmp(&f->address, a, sizeof *a) == 0)
            return f;
    }
    return NULL;
}

static void note_failure(struct smpp_server *v, const struct in6_addr *a, int64_t now)
{
    struct failure *f = failure_of(v, a, now);

    if (f == NULL) { /* a free row, else the oldest */
        f = &v->failures[0];
        for (size_t i = 1; i < FAILURES && f->count > 0; i++)
            if (v->failures[i].count == 0 || v->failures[i].since < f->since)
                f = &v->failures[i];
        *f = (struct failure){.address = *a, .since = now};
    }
    f->count++;
}

/* ---- the session's events -------------------------------------------------------------------- */

static void on_bind(void *ctx, const struct pdu *pdu)
{
    struct peer *p = ctx;

    p->server->sink->bind(p->server->ctx, p->id, p->text, pdu);
}

static void on_submit(void *ctx, const struct pdu *pdu)
{
    struct peer *p = ctx;

    p->server->sink->submit(p->server->ctx, p->id, pdu);
}

static void on_manage(void *ctx, const struct pdu *pdu)
{
    struct peer *p = ctx;

    if (p->server->sink->manage != NULL) {
        p->server->sink->manage(p->server->ctx, p->id, pdu);
        return;
    }
    smsc_respond(&p->session, pdu->id, pdu->seq, smsc_manage_refusal(pdu->id), STR_EMPTY);
}

static void on_deliver_done(void *ctx, uint64_t tag, uint32_t status, bool late)
{
    struct peer *p = ctx;

    if (p->server->sink->deliver_done != NULL)
        p->server->sink->deliver_done(p->server->ctx, p->id, tag, status, late);
}

static void on_unknown(void *ctx, uint64_t tag, bool ended)
{
    struct peer *p = ctx;

    if (p->server->sink->unknown != NULL)
        p->server->sink->unknown(p->server->ctx, p->id, tag, ended);
}

static void on_session_closed(void *ctx, enum smsc_end why)
{
    struct peer *p = ctx;
    struct smpp_server *v = p->server;

    v->stats.ends[why]++;
    if (!p->was_bound)
        v->stats.strangers--;
    else if (v->sink->closed != NULL)
        v->sink->closed(v->ctx, p->id, why);
}

static const struct smsc_events session_events = {
    .bind = on_bind,
    .submit = on_submit,
    .manage = on_manage,
    .deliver_done = on_deliver_done,
    .unknown = on_unknown,
    .closed = on_session_closed,
};

/* ---- one connection -------------------------------------------------------------------------- */

static void free_peer(void *arg)
{
    free(arg);
}

/* The only teardown of a connection. */
static void drop(struct peer *p)
{
    struct smpp_server *v = p->server;

    if (p->gone)
        return;
    p->gone = true;
    smsc_fini(&p->session);
    stream_close(&p->stream);
    buf_fini(&p->rx);
    loop_timer_clear(&p->timer);
    v->slots[(uint32_t)p->id] = NULL;
    v->stats.connections--;
    loop_defer(v->loop, free_peer, p);
}

static void linger(struct peer *p)
{
    p->ending = true;
    buf_fini(&p->rx);
    if (p->stream.state != STREAM_OPEN) {
        drop(p);
        return;
    }
    stream_resume(&p->stream);
    if (stream_unsent(&p->stream) == 0)
        stream_shutdown(&p->stream);
    loop_timer_set(&p->timer, LINGER_MS);
}

static void hold_back(struct peer *p)
{
    if (stream_unsent(&p->stream) < OUT_BUSY) {
        stream_resume(&p->stream);
    } else if (!p->stream.paused) {
        p->server->stats.paused++;
        stream_pause(&p->stream);
    }
}

static void after(struct peer *p)
{
    int64_t at, now = loop_now_ms(p->server->loop);

    if (p->gone || p->ending)
        return;
    if (!smsc_take(&p->session, &p->stream.out, stream_unsent(&p->stream) < OUT_BUSY))
        smsc_lost(&p->session);
    stream_flush(&p->stream);
    if (p->session.state == SMSC_CLOSED) {
        linger(p);
        return;
    }
    hold_back(p);
    at = smsc_deadline(&p->session);
    loop_timer_set(&p->timer, MAX(at - now, 0));
}

static void after_deferred(void *arg)
{
    struct peer *p = arg;

    p->after_queued = false;
    after(p);
}

static void after_later(struct peer *p)
{
    if (p->after_queued)
        return;
    p->after_queued = true;
    loop_defer(p->server->loop, after_deferred, p);
}

static void feed(struct peer *p)
{
    int64_t now = loop_now_ms(p->server->loop);

    buf_consume(&p->rx, smsc_feed(&p->session, (const uint8_t *)p->rx.p, p->rx.len, now));
    if (p->rx.len == 0)
        buf_fini(&p->rx); /* an idle bind keeps no buffer */
}

static void on_readable(void *arg)
{
    struct peer *p = arg;
    ptrdiff_t n;
    int rounds = 0;

    do {
        char *at = buf_reserve(&p->rx, CHUNK);

        assert(at != NULL); /* one incomplete PDU and a chunk always fit */
        n = stream_read(&p->stream, at, CHUNK);
        if (n <= 0)
            break;
        if (p->ending) /* read away, so that what we said last is not reset */
            continue;
        buf_advance(&p->rx, (size_t)n);
        feed(p);
    } while (stream_has_more(&p->stream) && ++rounds < 4 && p->session.state != SMSC_CLOSED);
    if (p->rx.len == 0)
        buf_fini(&p->rx);
    if (stream_has_more(&p->stream)) { /* others first; resuming asks for the rest */
        stream_pause(&p->stream);
        stream_resume(&p->stream);
    }
    after(p);
}

static void on_drained(void *arg)
{
    struct peer *p = arg;

    if (p->ending)
        stream_shutdown(&p->stream);
    after(p);
}

static void on_transport_closed(void *arg, const struct err *why)
{
    (void)why;
    drop(arg);
}

static const struct stream_ops stream_ops = {
    .on_readable = on_readable,
    .on_drained = on_drained,
    .on_closed = on_transport_closed,
};

static void on_timer(void *arg)
{
    struct peer *p = arg;

    if (p->ending) {
        drop(p);
        return;
    }
    smsc_tick(&p->session, loop_now_ms(p->server->loop));
    after(p);
}

/* ---- accepting ------------------------------------------------------------------------------- */

static void address_of(const struct sockaddr_storage *sa, struct in6_addr *out)
{
    memset(out, 0, sizeof *out);
    if (sa->ss_family == AF_INET6) {
        *out = ((const struct sockaddr_in6 *)sa)->sin6_addr;
    } else if (sa->ss_family == AF_INET) { /* as ::ffff:a.b.c.d */
        memset(&out->s6_addr[10], 0xFF, 2);
        memcpy(&out->s6_addr[12], &((const struct sockaddr_in *)sa)->sin_addr, 4);
    }
}

static void address_print(const struct in6_addr *a, char text[INET6_ADDRSTRLEN])
{
    bool v4 = IN6_IS_ADDR_V4MAPPED(a);

    (void)inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? (const void *)&a->s6_addr[12] : a, text,
                    INET6_ADDRSTRLEN);
}

static unsigned strangers_of(const struct smpp_server *v, const struct in6_addr *a)
{
    unsigned n = 0;

    for (unsigned i = 0; i < v->config.max_connections; i++) {
        const struct peer *p = v->slots[i];

        n += p != NULL && !p->was_bound && memcmp(&p->address, a, sizeof *a) == 0;
    }
    return n;
}

/* Which ceiling this address is over, NULL: none. */
static uint64_t *ceiling(struct smpp_server *v, const struct in6_addr *a)
{
    const struct failure *f = failure_of(v, a, loop_now_ms(v->loop));

    if (f != NULL && f->count >= v->config.max_failures)
        return &v->stats.over_failures;
    if (v->stats.connections >= v->config.max_connections)
        return &v->stats.over_connections;
    if (v->stats.strangers >= v->config.max_strangers ||
        strangers_of(v, a) >= v->config.max_strangers_address)
        return &v->stats.over_strangers;
    return NULL;
}

static void take_connection(struct smpp_server *v, int fd, const struct in6_addr *a,
                            struct ssl_st *ssl)
{
    struct peer *p = calloc(1, sizeof *p);
    uint32_t slot = 0;
    int one = 1;

    if (p == NULL)
        abort();
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    while (v->slots[slot] != NULL)
        slot++;
    v->slots[slot] = p;
    v->stats.accepted++;
    v->stats.connections++;
    v->stats.strangers++;
    p->server = v;
    p->id = (uint64_t)++v->generation << 32 | slot;
    p->address = *a;
    address_print(a, p->text);
    buf_init(&p->rx, PDU_MAX + 2 * CHUNK);
    smsc_init(&p->session, &v->config.session, &session_events, p, loop_now_ms(v->loop));
    loop_timer_init(&p->timer, v->loop, on_timer, p);
    stream_accepted(&p->stream, v->loop, fd, ssl, OUT_MAX, &stream_ops, p);
    after(p);
}

static void admit(struct smpp_server *v, int fd, const struct sockaddr_storage *sa)
{
    struct ssl_st *ssl = NULL;
    struct in6_addr a;
    uint64_t *over;
    struct err e;

    address_of(sa, &a);
    over = ceiling(v, &a);
    if (over != NULL) {
        ++*over;
        close(fd);
        return;
    }
    if (v->config.tls != NULL && (ssl = tls_session(v->config.tls, NULL, &e)) == NULL) {
        close(fd);
        return;
    }
    take_connection(v, fd, &a, ssl);
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
    struct smpp_server *v = arg;

    (void)what;
    for (int i = 0; i < ACCEPT_TURN; i++) {
        struct sockaddr_storage sa = {0};
        socklen_t len = sizeof sa;
        int fd = accept4(listener, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
            log_warn(NULL, "esme not accepted", "no descriptor is free");
            event_del(&v->accept);
            loop_timer_set(&v->again, AGAIN_MS);
        }
        if (fd < 0)
            return;
        admit(v, fd, &sa);
    }
}

static void accept_again(void *arg)
{
    event_add(&((struct smpp_server *)arg)->accept, NULL);
}

/* ---- the owner's calls ----------------------------------------------------------------------- */

struct smpp_server *smpp_server_new(struct loop *l, int fd, const struct smpp_server_config *config,
                                    const struct smpp_server_sink *sink, void *ctx)
{
    struct smpp_server *v = calloc(1, sizeof *v);
    struct smpp_server_config *c;

    if (v == NULL)
        abort();
    v->config = *config;
    c = &v->config;
    c->max_connections = c->max_connections ? c->max_connections : 1000;
    c->max_strangers = c->max_strangers ? c->max_strangers : 100;
    c->max_strangers_address = c->max_strangers_address ? c->max_strangers_address : 10;
    c->max_failures = c->max_failures ? c->max_failures : 5;
    v->slots = calloc(c->max_connections, sizeof *v->slots);
    if (v->slots == NULL)
        abort();
    v->loop = l;
    v->sink = sink;
    v->ctx = ctx;
    v->fd = fd;
    event_assign(&v->accept, loop_base(l), fd, EV_READ | EV_PERSIST, on_accept, v);
    event_add(&v->accept, NULL);
    loop_timer_init(&v->again, l, accept_again, v);
    return v;
}

bool smpp_server_accept(struct smpp_server *v, uint64_t peer, struct smsc_account *account)
{
    struct peer *p = peer_of(v, peer);

    if (p == NULL || p->session.state != SMSC_BINDING)
        return false;
    p->was_bound = true;
    v->stats.strangers--;
    smsc_accept(&p->session, account, loop_now_ms(v->loop));
    after_later(p);
    return true;
}

void smpp_server_refuse(struct smpp_server *v, uint64_t peer, uint32_t status)
{
    struct peer *p = peer_of(v, peer);

    if (p == NULL || p->session.state != SMSC_BINDING)
        return;
    v->stats.refused++;
    if (status == SMPP_RINVPASWD || status == SMPP_RINVSYSID)
        note_failure(v, &p->address, loop_now_ms(v->loop));
    log_warn(NULL, "esme refused", "address=%s status=0x%x", p->text, (unsigned)status);
    smsc_refuse(&p->session, status);
    after_later(p);
}

void smpp_server_respond(struct smpp_server *v, uint64_t peer, uint32_t id, uint32_t seq,
                         uint32_t status, struct str message_id)
{
    struct peer *p = peer_of(v, peer);

    if (p == NULL)
        return;
    smsc_respond(&p->session, id, seq, status, message_id);
    after_later(p);
}

void smpp_server_respond_multi(struct smpp_server *v, uint64_t peer, uint32_t seq,
                               struct str message_id, const struct pdu_list *failed)
{
    struct peer *p = peer_of(v, peer);

    if (p == NULL)
        return;
    smsc_respond_multi(&p->session, seq, message_id, failed);
    after_later(p);
}

void smpp_server_respond_query(struct smpp_server *v, uint64_t peer, uint32_t seq,
                               const struct pdu_query_resp *found)
{
    struct peer *p = peer_of(v, peer);

    if (p == NULL)
        return;
    smsc_respond_query(&p->session, seq, found);
    after_later(p);
}

uint32_t smpp_server_room(const struct smpp_server *v, uint64_t peer)
{
    const struct peer *p = peer_of(v, peer);

    return p != NULL ? smsc_room(&p->session) : 0;
}

void smpp_server_unbind(struct smpp_server *v, uint64_t peer)
{
    struct peer *p = peer_of(v, peer);

    if (p == NULL)
        return;
    smsc_unbind(&p->session, loop_now_ms(v->loop));
    after_later(p);
}

int smpp_server_deliver(struct smpp_server *v, uint64_t peer, const struct pdu_sm *sm,
                        const struct smpp_tlv *tlvs, size_t count, uint64_t tag, struct err *e)
{
    struct peer *p = peer_of(v, peer);

    if (p == NULL)
        return err_set(e, ERR_BAD_STATE, "the ESME has left");
    if (smsc_deliver(&p->session, sm, tlvs, count, tag, loop_now_ms(v->loop), e) != 0)
        return -1;
    after_later(p);
    return 0;
}

static void stop_listening(struct smpp_server *v)
{
    if (v->fd < 0)
        return;
    event_del(&v->accept);
    loop_timer_clear(&v->again);
    close(v->fd);
    v->fd = -1;
}

void smpp_server_stop(struct smpp_server *v)
{
    stop_listening(v);
    for (unsigned i = 0; i < v->config.max_connections; i++) {
        if (v->slots[i] == NULL)
            continue;
        smsc_unbind(&v->slots[i]->session, loop_now_ms(v->loop));
        after_later(v->slots[i]);
    }
}

void smpp_server_stats_get(const struct smpp_server *v, struct smpp_server_stats *out)
{
    *out = v->stats;
}

static void free_server(void *arg)
{
    struct smpp_server *v = arg;

    free(v->slots);
    free(v);
}

void smpp_server_free(struct smpp_server *v)
{
    if (v == NULL)
        return;
    stop_listening(v);
    for (unsigned i = 0; i < v->config.max_connections; i++)
        if (v->slots[i] != NULL)
            drop(v->slots[i]);
    loop_defer(v->loop, free_server, v); /* behind what its peers have deferred */
}
