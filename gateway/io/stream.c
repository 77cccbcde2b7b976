/* SPDX-License-Identifier: Apache-2.0 */
/* The stream of stream.h. */
#include "gateway/io/stream.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/io/openssl.h"

#define OUT_KEEP (64u * 1024u) /* a larger output buffer is given back when it is empty */

static void on_stream_read(evutil_socket_t fd, short what, void *arg);
static void on_stream_write(evutil_socket_t fd, short what, void *arg);

/* ---- the socket, plain or TLS: bytes, 0 for "not now", -1 for the end (s->why is set) ---- */

static ptrdiff_t stream_fail(struct stream *s, enum err_code code, int sys, const char *what)
{
    if (s->failed)
        return -1;
    s->failed = true;
    if (sys != 0)
        err_sys(&s->why, code, sys, "%s", what);
    else
        err_set(&s->why, code, "%s", what);
    event_active(&s->wr, EV_WRITE, 0); /* on_closed comes from the loop, never from here */
    return -1;
}

static ptrdiff_t tls_outcome(struct stream *s, int rc, const char *what)
{
    int sys = errno;

    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return 0;
    case SSL_ERROR_ZERO_RETURN: return stream_fail(s, ERR_CLOSED, 0, "closed by the peer");
    case SSL_ERROR_SYSCALL: return stream_fail(s, sys != 0 ? ERR_IO : ERR_CLOSED, sys, what);
    default: {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());

        return stream_fail(s, ERR_TLS, 0, reason != NULL ? reason : what);
    }
    }
}

static ptrdiff_t socket_read(struct stream *s, void *p, size_t cap)
{
    ptrdiff_t n;

    if (s->ssl != NULL) {
        int rc;

        ERR_clear_error();
        errno = 0;
        rc = SSL_read(s->ssl, p, (int)MIN(cap, 1u << 30));
        return rc > 0 ? rc : tls_outcome(s, rc, "TLS read");
    }
    do {
        n = recv(s->fd, p, cap, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0)
        return n;
    if (n == 0)
        return stream_fail(s, ERR_CLOSED, 0, "closed by the peer");
    return errno == EAGAIN ? 0 : stream_fail(s, ERR_IO, errno, "read");
}

static ptrdiff_t socket_write(struct stream *s, const char *p, size_t len)
{
    ptrdiff_t n;

    if (s->ssl != NULL) {
        int rc;

        ERR_clear_error();
        errno = 0;
        rc = SSL_write(s->ssl, p, (int)MIN(len, 1u << 30));
        return rc > 0 ? rc : tls_outcome(s, rc, "TLS write");
    }
    do {
        n = send(s->fd, p, len, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    return errno == EAGAIN ? 0 : stream_fail(s, ERR_IO, errno, "write");
}

/* ---- interest ---- */

static void want_write(struct stream *s, bool yes)
{
    if (s->want_write == yes)
        return;
    s->want_write = yes;
    if (yes)
        event_add(&s->wr, NULL);
    else
        event_del(&s->wr);
}

static void stream_start(struct stream *s, struct loop *l, int fd, struct ssl_st *ssl,
                         size_t out_max, const struct stream_ops *ops, void *arg)
{
    memset(s, 0, sizeof *s);
    s->loop = l;
    s->ops = ops;
    s->arg = arg;
    s->fd = fd;
    s->ssl = ssl;
    buf_init(&s->out, out_max);
    event_assign(&s->rd, loop_base(l), fd, EV_READ | EV_PERSIST, on_stream_read, s);
    event_assign(&s->wr, loop_base(l), fd, EV_WRITE | EV_PERSIST, on_stream_write, s);
    if (ssl != NULL) {
        SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
        if (SSL_set_fd(ssl, fd) != 1)
            abort(); /* only for want of memory */
    }
}

void stream_accepted(struct stream *s, struct loop *l, int fd, struct ssl_st *ssl, size_t out_max,
                     const struct stream_ops *ops, void *arg)
{
    stream_start(s, l, fd, ssl, out_max, ops, arg);
    bool over = ssl == NULL || SSL_is_init_finished(ssl);

    s->state = over ? STREAM_OPEN : STREAM_HANDSHAKE;
    if (!over)
        SSL_set_accept_state(ssl);
    event_add(&s->rd, NULL);
    if (ssl != NULL && SSL_has_pending(ssl))
        event_active(&s->rd, EV_READ, 0);
}

int stream_connect(struct stream *s, struct loop *l, const struct sockaddr *sa, socklen_t len,
                   struct ssl_st *ssl, size_t out_max, const struct stream_ops *ops, void *arg,
                   struct err *e)
{
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1, sys;

    if (fd >= 0 && (connect(fd, sa, len) == 0 || errno == EINPROGRESS)) {
        if (sa->sa_family != AF_UNIX)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        stream_start(s, l, fd, ssl, out_max, ops, arg);
        s->state = STREAM_CONNECTING;
        if (ssl != NULL)
            SSL_set_connect_state(ssl);
        want_write(s, true);
        return 0;
    }
    sys = errno;
    if (fd >= 0)
        close(fd);
    SSL_free(ssl);
    return err_sys(e, ERR_REFUSED, sys, "connect");
}

/* ---- opening ---- */

static void stream_opened(struct stream *s)
{
    s->state = STREAM_OPEN;
    want_write(s, false);
    event_add(&s->rd, NULL);
    if (s->ops->on_open != NULL)
        s->ops->on_open(s->arg);
}

static void handshake_step(struct stream *s)
{
    int rc;

    ERR_clear_error();
    errno = 0;
    rc = SSL_do_handshake(s->ssl);
    if (rc == 1) {
        stream_opened(s);
        if (s->state == STREAM_OPEN && SSL_pending(s->ssl) > 0)
            event_active(&s->rd, EV_READ, 0);
        return;
    }
    if (tls_outcome(s, rc, "TLS handshake") < 0)
        return;
    want_write(s, SSL_want_write(s->ssl) != 0);
    if (SSL_want_read(s->ssl))
        event_add(&s->rd, NULL);
}

static void connecting_step(struct stream *s)
{
    int sys = 0;
    socklen_t len = sizeof sys;

    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &sys, &len) != 0 || sys != 0) {
        stream_fail(s, ERR_REFUSED, sys, "connect");
        return;
    }
    if (s->ssl == NULL) {
        stream_opened(s);
        return;
    }
    s->state = STREAM_HANDSHAKE;
    handshake_step(s);
}

/* ---- events ---- */

static void stream_tell_closed(struct stream *s)
{
    struct err why = s->why;

    s->state = STREAM_CLOSED;
    event_del(&s->rd);
    event_del(&s->wr);
    s->ops->on_closed(s->arg, &why);
}

static void on_stream_read(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;

    (void)fd, (void)what;
    if (s->failed)
        return;
    if (s->state == STREAM_HANDSHAKE)
        handshake_step(s);
    else if (s->state == STREAM_OPEN && !s->paused)
        s->ops->on_readable(s->arg);
}

static void on_stream_write(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;

    (void)fd, (void)what;
    if (s->failed) {
        stream_tell_closed(s);
    } else if (s->state == STREAM_CONNECTING) {
        connecting_step(s);
    } else if (s->state == STREAM_HANDSHAKE) {
        handshake_step(s);
    } else if (s->state == STREAM_OPEN) {
        stream_flush(s);
        if (!s->failed && stream_unsent(s) == 0 && s->ops->on_drained != NULL)
            s->ops->on_drained(s->arg);
    }
}

/* ---- reading ---- */

ptrdiff_t stream_read(struct stream *s, void *p, size_t cap)
{
    ptrdiff_t n;

    if (s->failed || s->state == STREAM_CLOSED)
        return -1;
    if (s->state != STREAM_OPEN || cap == 0)
        return 0;
    n = socket_read(s, p, cap);
    s->filled = n > 0 && (size_t)n == cap;
    if (n < 0)
        event_del(&s->rd);
    return n;
}

bool stream_has_more(const struct stream *s)
{
    return s->filled || (s->ssl != NULL && SSL_pending(s->ssl) > 0);
}

void stream_pause(struct stream *s)
{
    if (s->paused || s->state != STREAM_OPEN)
        return;
    s->paused = true;
    event_del(&s->rd);
}

void stream_resume(struct stream *s)
{
    if (!s->paused || s->state != STREAM_OPEN || s->failed)
        return;
    s->paused = false;
    event_add(&s->rd, NULL);
    if (stream_has_more(s))
        event_active(&s->rd, EV_READ, 0);
}

/* ---- writing ---- */

size_t stream_unsent(const struct stream *s)
{
    return s->out.len - s->out_at;
}

static void out_reset(struct stream *s)
{
    s->out_at = 0;
    if (s->out.cap > OUT_KEEP)
        buf_fini(&s->out);
    else
        buf_reset(&s->out);
}

void stream_flush(struct stream *s)
{
    if (s->failed || s->state == STREAM_CLOSED)
        return;
    if (s->out.failed != ERR_OK) {
        stream_fail(s, ERR_TOO_BIG, 0, "output over its limit");
        return;
    }
    if (s->state != STREAM_OPEN)
        return;
    while (stream_unsent(s) > 0) {
        ptrdiff_t n = socket_write(s, s->out.p + s->out_at, stream_unsent(s));

        if (n <= 0)
            break;
        s->out_at += (size_t)n;
    }
    if (s->failed)
        return;
    if (stream_unsent(s) == 0)
        out_reset(s);
    want_write(s, stream_unsent(s) > 0);
}

static void stream_flush_queued(void *arg)
{
    struct stream *s = arg;

    if (!s->flush_queued)
        return;
    s->flush_queued = false;
    stream_flush(s);
}

void stream_flush_later(struct stream *s)
{
    if (s->flush_queued || s->state == STREAM_CLOSED)
        return;
    s->flush_queued = true;
    loop_defer(s->loop, stream_flush_queued, s);
}

void stream_shutdown(struct stream *s)
{
    if (s->state != STREAM_OPEN || s->failed)
        return;
    if (s->ssl != NULL)
        SSL_shutdown(s->ssl);
    shutdown(s->fd, SHUT_WR);
}

void stream_close(struct stream *s)
{
    if (s->loop == NULL)
        return;
    s->state = STREAM_CLOSED;
    s->flush_queued = false;
    s->failed = true;
    if (s->fd >= 0) {
        event_del(&s->rd);
        event_del(&s->wr);
        SSL_free(s->ssl);
        close(s->fd);
    }
    s->ssl = NULL;
    s->fd = -1;
    buf_fini(&s->out);
    s->out_at = 0;
}
