/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A non-blocking byte stream on a socket, plain or TLS: what the HTTP server and Redis stand on.
 *
 *   stream_accepted -> [HANDSHAKE] -> OPEN -> CLOSED
 *   stream_connect  -> CONNECTING -> [HANDSHAKE] -> OPEN -> CLOSED
 *
 * A libevent bufferevent costs an ioctl a read and two epoll_ctl a write; here a small request is
 * one read and one send. Output is bounded; what the socket does not take at once waits in `out`.
 *
 * Events (struct stream_ops) come from the loop only, never from inside stream_read or stream_write.
 * After on_closed nothing more comes; the owner calls stream_close (legal inside every event) and
 * frees the memory around the stream by loop_defer.
 */
#ifndef COKO_IO_STREAM_H
#define COKO_IO_STREAM_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "gateway/io/loop.h"
#include "gateway/lib/base.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/err.h"

struct ssl_st;

struct stream_ops {
    void (*on_open)(void *arg);     /* connected, TLS finished; may be NULL */
    void (*on_readable)(void *arg); /* call stream_read */
    void (*on_drained)(void *arg);  /* output that had to wait is written; may be NULL */
    void (*on_closed)(void *arg, const struct err *why); /* ERR_CLOSED: the peer's orderly end */
};

enum stream_state { STREAM_CLOSED, STREAM_CONNECTING, STREAM_HANDSHAKE, STREAM_OPEN };

struct stream {
    struct loop *loop;
    const struct stream_ops *ops;
    void *arg;
    int fd;
    enum stream_state state;
    bool paused;       /* the owner wants no on_readable */
    bool filled;       /* the last read filled its buffer */
    bool want_write;   /* wr is armed */
    bool flush_queued; /* stream_write_later waits for the end of the turn */
    bool failed;       /* why is set, on_closed not yet told */
    struct ssl_st *ssl;
    struct event rd, wr;
    struct buf out;
    size_t out_at; /* written so far of out */
    struct err why;
};

/* Takes an accepted, non-blocking descriptor and the session (NULL: plain); both are owned now. A
 * session of this descriptor whose handshake is over is OPEN at once, as a plain one; on_open is not
 * told of either. */
void stream_accepted(struct stream *s, struct loop *l, int fd, struct ssl_st *ssl, size_t out_max,
                     const struct stream_ops *ops, void *arg);

/* Starts to connect. -1 and err when it fails at once (fd and ssl are then released). */
MUST_CHECK int stream_connect(struct stream *s, struct loop *l, const struct sockaddr *sa,
                              socklen_t len, struct ssl_st *ssl, size_t out_max,
                              const struct stream_ops *ops, void *arg, struct err *e);

/*
 * Bytes read, 0 when there are none now, -1 when the stream ended (on_closed follows from the loop).
 */
MUST_CHECK ptrdiff_t stream_read(struct stream *s, void *p, size_t cap);

/* True when another stream_read may give bytes without a new on_readable. */
bool stream_has_more(const struct stream *s);

/* No on_readable until stream_resume; the peer's end is not seen meanwhile. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Writes s->out, to which the owner has appended (buf_*): now. Overflow closes the stream. */
void stream_flush(struct stream *s);

/* The same at the end of the turn, once for all appends of the turn. */
void stream_flush_later(struct stream *s);

/* Bytes not yet taken by the socket. */
size_t stream_unsent(const struct stream *s);

/* Our half is finished: FIN after what was written. Plain TCP's; TLS sends close_notify. */
void stream_shutdown(struct stream *s);

/* Ends it at once, no event follows. Legal when closed or zeroed. */
void stream_close(struct stream *s);

#endif
