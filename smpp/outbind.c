/* SPDX-License-Identifier: Apache-2.0 */
/* Strangers with one PDU to say. See outbind.h. */
#include "smpp/outbind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/io/openssl.h"
#include "gateway/lib/log.h"

#define BACKLOG  16
#define TOLD_MS  1000
#define AGAIN_MS 500

struct stranger {
    struct outbind *set;
    int fd;             /* -1: the place is free */
    struct ssl_st *ssl; /* NULL: plain */
    struct event readable;
    struct loop_timer late;
    size_t have;
    uint8_t octets[PDU_MAX_UNBOUND];
    char address[INET6_ADDRSTRLEN];
};

struct outbind {
    struct loop *loop;
    int fd;
    struct event acceptable;
    struct loop_timer again; /* no descriptor was free */
    struct tls *tls;
    int64_t wait_ms;
    outbind_fn *fn;
    void *ctx;
    uint64_t refused;
    int64_t told_at; /* loop's ms: when the log last heard of one turned away */
    unsigned untold;
    struct stranger strangers[OUTBIND_STRANGERS];
};

/* The place is free again; the connection is closed unless it has been taken. */
static void leave(struct stranger *s, bool taken)
{
    event_del(&s->readable);
    loop_timer_clear(&s->late);
    if (!taken) {
        SSL_free(s->ssl);
        close(s->fd);
    }
    s->ssl = NULL;
    s->fd = -1;
}

/* One line a second says how many: who comes in crowds fills no disk. */
static void tell(struct outbind *o, const char *address, const char *why)
{
    int64_t now = loop_now_ms(o->loop);

    o->refused++;
    o->untold++;
    if (o->told_at != 0 && now - o->told_at < TOLD_MS)
        return;
    log_warn(NULL, "outbind refused", "address=%s %s refused=%u", address, why, o->untold);
    o->told_at = now;
    o->untold = 0;
}

static void refuse(struct stranger *s, const char *why)
{
    tell(s->set, s->address, why);
    leave(s, false);
}

static void judge(struct stranger *s)
{
    struct pdu p;
    struct err e;

    if (pdu_decode(s->octets, s->have, &p, &e) != 0 || p.id != SMPP_OUTBIND) {
        refuse(s, "another PDU");
        return;
    }
    event_del(&s->readable); /* before another may wait on the descriptor */
    if (s->set->fn(s->set->ctx, s->fd, s->ssl, &p, s->address))
        leave(s, true);
    else
        refuse(s, "not for us");
}

/* Octets read; 0: none now; -1: it has ended. SSL_read shakes hands first; our part of that fits into
 * the buffer of a fresh socket, so that only its reading is ever waited for. */
static ssize_t receive(struct stranger *s, size_t want)
{
    ssize_t n;

    if (s->ssl != NULL) {
        ERR_clear_error();
        n = SSL_read(s->ssl, s->octets + s->have, (int)want);
        if (n <= 0)
            return SSL_want_read(s->ssl) ? 0 : -1;
        return n;
    }
    n = recv(s->fd, s->octets + s->have, want, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n > 0 ? n : -1;
}

/* Up to the length that the PDU tells, never more. What TLS has read already wakes no event: until
 * there is none. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct stranger *s = arg;
    enum pdu_framing framing;
    size_t length = 0;
    ssize_t n;

    (void)fd, (void)what;
    do {
        framing = pdu_frame(s->octets, s->have, sizeof s->octets, &length);
        n = receive(s, (length > 0 ? length : 4) - s->have);
        if (n > 0) {
            s->have += (size_t)n;
            framing = pdu_frame(s->octets, s->have, sizeof s->octets, &length);
        }
    } while (n > 0 && framing == PDU_MORE);
    if (framing == PDU_READY)
        judge(s);
    else if (framing == PDU_BAD_LENGTH)
        refuse(s, "impossible length");
    else if (n < 0)
        refuse(s, "closed by the peer");
}

static void on_late(void *arg)
{
    refuse(arg, "too slow");
}

/* NULL and why: there is none, or not for this address. */
static struct stranger *free_place(struct outbind *o, const char *address, const char **why)
{
    struct stranger *free = NULL;
    unsigned same = 0;

    for (size_t i = 0; i < OUTBIND_STRANGERS; i++) {
        struct stranger *s = &o->strangers[i];

        if (s->fd < 0)
            free = s;
        else if (strcmp(s->address, address) == 0)
            same++;
    }
    *why = same >= OUTBIND_ADDRESS ? "too many of this address" : "no free place";
    return same >= OUTBIND_ADDRESS ? NULL : free;
}

static void print_address(const struct sockaddr_storage *sa, char *out, size_t cap)
{
    const void *at = sa->ss_family == AF_INET6
                         ? (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr
                         : (const void *)&((const struct sockaddr_in *)sa)->sin_addr;

    if (evutil_inet_ntop(sa->ss_family, at, out, cap) == NULL)
        out[0] = '\0';
}

static bool open_tls(struct stranger *s, int fd)
{
    struct err e;

    if (s->set->tls == NULL)
        return true;
    s->ssl = tls_session(s->set->tls, NULL, &e);
    if (s->ssl == NULL)
        return false;
    if (SSL_set_fd(s->ssl, fd) != 1)
        abort(); /* only for want of memory */
    SSL_set_accept_state(s->ssl);
    return true;
}

static void take(struct outbind *o, int fd, const struct sockaddr_storage *sa)
{
    char address[INET6_ADDRSTRLEN];
    const char *why;
    struct stranger *s;

    print_address(sa, address, sizeof address);
    s = free_place(o, address, &why);
    if (s == NULL || !open_tls(s, fd)) {
        tell(o, address, s == NULL ? why : "no TLS session");
        close(fd);
        return;
    }
    s->fd = fd;
    s->have = 0;
    memcpy(s->address, address, sizeof s->address);
    event_assign(&s->readable, loop_base(o->loop), fd, EV_READ | EV_PERSIST, on_readable, s);
    event_add(&s->readable, NULL);
    loop_timer_set(&s->late, o->wait_ms);
}

static void on_acceptable(evutil_socket_t listener, short what, void *arg)
{
    struct outbind *o = arg;
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;
    int fd = accept4(listener, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)what;
    if (fd >= 0) {
        take(o, fd, &sa);
    } else if (errno == EMFILE || errno == ENFILE) {
        log_warn(NULL, "outbind not accepted", "no descriptor is free");
        event_del(&o->acceptable);
        loop_timer_set(&o->again, AGAIN_MS);
    }
}

static void accept_again(void *arg)
{
    event_add(&((struct outbind *)arg)->acceptable, NULL);
}

static int listen_on(const char *host, uint16_t port, struct err *e)
{
    struct sockaddr_storage sa = {0};
    int len = sizeof sa, on = 1;

    if (evutil_parse_sockaddr_port(host, (struct sockaddr *)&sa, &len) != 0)
        return err_set(e, ERR_BAD_CONFIG, "%s is not an address", host);
    if (sa.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&sa)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&sa)->sin_port = htons(port);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, (struct sockaddr *)&sa, (socklen_t)len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int sys = errno;

    if (fd >= 0)
        close(fd);
    return err_sys(e, ERR_IO, sys, "cannot listen on %s port %u", host, port);
}

struct outbind *outbind_new(struct loop *l, const char *host, uint16_t port, struct tls *tls,
                            int64_t wait_ms, outbind_fn *fn, void *ctx, struct err *e)
{
    int fd = listen_on(host, port, e);
    struct outbind *o = fd >= 0 ? calloc(1, sizeof *o) : NULL;

    if (fd < 0)
        return NULL;
    if (o == NULL)
        abort();
    o->loop = l;
    o->fd = fd;
    o->tls = tls;
    o->wait_ms = wait_ms ? wait_ms : OUTBIND_WAIT_MS;
    o->fn = fn;
    o->ctx = ctx;
    for (size_t i = 0; i < OUTBIND_STRANGERS; i++) {
        o->strangers[i].set = o;
        o->strangers[i].fd = -1;
        loop_timer_init(&o->strangers[i].late, l, on_late, &o->strangers[i]);
    }
    loop_timer_init(&o->again, l, accept_again, o);
    event_assign(&o->acceptable, loop_base(l), fd, EV_READ | EV_PERSIST, on_acceptable, o);
    event_add(&o->acceptable, NULL);
    return o;
}

void outbind_set_tls(struct outbind *o, struct tls *tls)
{
    o->tls = tls;
}

uint64_t outbind_refused(const struct outbind *o)
{
    return o->refused;
}

void outbind_free(struct outbind *o)
{
    if (o == NULL)
        return;
    for (size_t i = 0; i < OUTBIND_STRANGERS; i++) {
        if (o->strangers[i].fd >= 0)
            leave(&o->strangers[i], false);
    }
    loop_timer_clear(&o->again);
    event_del(&o->acceptable);
    close(o->fd);
    free(o);
}
