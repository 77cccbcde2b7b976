/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the HTTP server: one connection. Shared by http_server.c (listeners, mounts, limits),
 * http_conn.c (the connection's states), http_reply.c (what is written) and http_peer.c (who it is).
 * Nobody else includes it.
 */
#ifndef COKO_IO_HTTP_CONN_H
#define COKO_IO_HTTP_CONN_H

#include <sys/socket.h>
#include <time.h>

#include "gateway/io/http_server.h"
#include "gateway/io/nets.h"
#include "gateway/io/stream.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/list.h"
#include "gateway/lib/log.h"
#include "gateway/lib/map.h"

#define HTTP_MOUNTS_MAX   32
#define HTTP_LISTEN_MAX   16
#define HTTP_STATUS_SLOTS 48

enum http_conn_state {
    CONN_IDLE,    /* between requests */
    CONN_HEAD,    /* some bytes of a head */
    CONN_BODY,    /* the head is whole, the body is not */
    CONN_HANDLER, /* the handler has it */
    CONN_WRITE,   /* the reply waits for the socket */
    CONN_LINGER,  /* last reply sent, FIN sent: reading on so that no RST overtakes it */
    CONN_DEAD,
    CONN_STATES
};

struct http_mount {
    char *prefix;
    size_t len;
    char *name;
    http_handler *fn;
    void *arg;
    size_t body_max;
    struct counter *total[HTTP_METHODS][HTTP_STATUS_SLOTS]; /* by status, filled as they come */
    struct counter *took;
};

/* Connections of one address. */
struct http_source {
    unsigned count;
    unsigned char key[16];
};

struct http_listener {
    struct event ev;
    struct http_server *server;
    int fd;
};

struct http_server {
    struct loop *loop;
    struct http_limits limits;
    struct nets *proxies;                           /* trusted_proxies; NULL: none are named */
    struct http_mount *mounts[HTTP_MOUNTS_MAX + 1]; /* longest prefix first; the last is "none" */
    unsigned nmounts;
    struct http_mount *none; /* metrics of what no mount took */
    struct http_listener listeners[HTTP_LISTEN_MAX];
    unsigned nlisteners;
    struct list conns;
    unsigned nconns;
    struct map sources;
    struct loop_timer accept_timer; /* accept paused: descriptors ran out */
    struct loop_timer drain_timer;
    int reserve_fd;
    bool draining;
    uint64_t next_id;
    time_t date_at;
    char date[40];
};

struct http_conn {
    struct http_exchange x; /* first: an exchange is its connection */
    struct list node;
    struct http_server *server;
    struct http_mount *mount;
    struct stream stream;
    struct log_tag tag;
    enum http_conn_state state;
    int64_t deadline_ms; /* 0: none; kept by the timer, which may fire early and look again */
    int64_t timer_ms;    /* when the timer fires, 0 when not set */
    struct loop_timer timer;
    struct buf in;      /* the request from its first byte; then what follows it */
    size_t seen;        /* scanned by the head parser */
    size_t unsent;      /* WRITE: when its deadline was set */
    size_t raw_at;      /* chunked: next raw byte */
    size_t body_len;    /* chunked: decoded so far */
    size_t request_end; /* bytes of `in` that belong to this request */
    struct http_chunks chunks;
    struct http_head head;
    struct buf path;            /* decoded */
    struct buf fields;          /* the reply's own fields */
    struct buf body;            /* http_reply_buf */
    bool closing;               /* no request after this one */
    bool body_awaited;          /* body deadline set, 100 Continue said */
    bool running;               /* conn_run is on the stack: do not run it again */
    struct http_source *source; /* NULL: not counted */
    struct sockaddr_storage peer;
};

/* ---- http_conn.c ---- */

/* Takes the accepted descriptor. ssl may be NULL. */
void http_conn_start(struct http_server *s, int fd, const struct sockaddr_storage *peer,
                     struct ssl_st *ssl, struct http_source *source);

/* The reply stands in the stream's output: write it, then the next request. */
void http_conn_replied(struct http_conn *c);

/* Ends it now; on_gone if a handler has it. */
void http_conn_close(struct http_conn *c, const char *why);

/* Server drain: an idle connection is closed. */
void http_conn_drain(struct http_conn *c);

/* ---- http_reply.c ---- */

/* The server's own refusal: problem+json, then the connection is closed. */
void http_refuse(struct http_conn *c, unsigned status);

/* Counts a request answered with this status. */
void http_count(struct http_conn *c, unsigned status);

/* ---- http_server.c ---- */

struct http_mount *http_mount_find(struct http_server *s, struct str path);
void http_source_drop(struct http_server *s, struct http_source *source);
void http_conn_gone(struct http_server *s); /* after one was freed */

/* ---- http_peer.c ---- */

/* c->x.peer: the socket's address, or through trusted proxies the one they forwarded. */
void http_peer_name(struct http_conn *c);

#endif
