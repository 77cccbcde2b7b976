/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link: one bind to one carrier over TCP or TLS, kept up. Owns the socket, the name resolution, the
 * timers and one session at a time; a session is what speaks SMPP.
 *
 *                                  +-------- next address: this one failed, or it
 *                                  v         |  connects and never answers the bind
 *   link_start -> RESOLVING -> CONNECTING -> BINDING -> BOUND
 *                  ^               |            |         |  refused, lost, unbound,
 *                  +--- WAITING <--+------------+---------+  no address left
 *
 *   With listen_port the carrier connects to us (outbind, v3.4 4.1.7): LISTENING stands for RESOLVING,
 *   and leads to CONNECTING when it has said an outbind with the right credentials; we then bind on
 *   its connection. Somebody else's, or a second one, is closed.
 *
 *   link_stop: BOUND -> LEAVING (unbind, <= unbind_ms) -> STOPPED; from elsewhere STOPPED at once
 *
 * WAITING lasts 1, 2, 4 .. 60 s with a quarter of jitter; a bind that held stable_ms starts the
 * series anew. A wrong password, system id or system type waits minutes and raises the alarm;
 * "already bound" waits out the carrier's timeout. The old socket is closed before the wait begins.
 *
 * Order of calls: link_new, link_start; link_submit while bound; link_stop and the stopped event;
 * link_free. Nothing is sent again by itself (M4): when the connection is lost each submit in
 * flight is reported as unknown. Events come from the loop, never from inside link_submit or
 * link_respond.
 */
#ifndef COKO_SMPP_LINK_H
#define COKO_SMPP_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/io/loop.h"
#include "gateway/io/tls.h"
#include "gateway/lib/base.h"
#include "gateway/lib/err.h"
#include "smpp/session.h"

struct link;

enum link_state {
    LINK_IDLE, /* made, not started */
    LINK_RESOLVING,
    LINK_LISTENING,
    LINK_CONNECTING,
    LINK_BINDING,
    LINK_BOUND,
    LINK_LEAVING,
    LINK_WAITING,
    LINK_STOPPED,
    LINK_STATES
};

/* Strings are copied. 0 means the default. */
struct link_config {
    const char *name;              /* the account, for logs */
    const char *host;              /* name or address; every address of a name is tried in turn */
    uint16_t port;                 /* 2775 */
    struct tls *tls;               /* NULL: plain. Stays the caller's, must outlive the link */
    struct session_config session; /* its strings are copied too; a shared rate outlives the link */
    /* The carrier connects to us: host and port are not dialled, tls is a server's. */
    const char *listen_host;                          /* in digits */
    uint16_t listen_port;                             /* 0: we connect */
    const char *outbind_system_id, *outbind_password; /* what it must say */
    int64_t outbind_ms;                               /* how long it may take to say it; 10000 */
    int64_t connect_ms;                               /* one address, TLS included; 10000 */
    int64_t retry_min_ms;                             /* 1000 */
    int64_t retry_max_ms;                             /* 60000 */
    int64_t refused_ms;       /* after a permanent bind error; 120000, doubles to 900000 */
    int64_t already_bound_ms; /* after ESME_RALYBND; 45000 */
    int64_t stable_ms;        /* a bind that held so long was a good one; 30000 */
};

/* A delivery that is to be answered; copy it. */
struct link_delivery {
    uint32_t epoch; /* of the connection: an answer to a lost one is dropped */
    uint32_t id, seq;
};

/* What the owner is told. Handlers may call every link function; link_free only in stopped. NULL:
 * not interested. */
struct link_sink {
    void (*up)(void *ctx);
    /* Not bound any more; what was in flight has been reported. */
    void (*down)(void *ctx, enum session_end why);
    /* See struct session_events for these. */
    void (*submit_done)(void *ctx, uint64_t tag, uint32_t status, struct str message_id, bool late);
    void (*throttled)(void *ctx, uint64_t tag);
    void (*unknown)(void *ctx, uint64_t tag);
    void (*deliver)(void *ctx, const struct link_delivery *d, const struct pdu *pdu);
    void (*ready)(void *ctx);
    /* After link_stop, once. */
    void (*stopped)(void *ctx);
};

/* Values for metrics and the status command. */
struct link_status {
    enum link_state state;
    uint32_t in_flight, room;
    int64_t wait_ms;     /* WAITING: until the next attempt */
    int64_t state_ms;    /* for how long it has been in this state */
    int64_t enquire_rtt; /* ms of the last answered enquire_link */
    uint32_t rate_now;   /* parts a second allowed now; 0: no limit */
    int64_t bound_ms;    /* BOUND: since when */
    uint64_t connects, binds, bind_failures, losses;
    uint32_t last_bind_status; /* of the last bind_resp */
    enum session_end last_end;
    bool alarm;                 /* the carrier refuses our credentials */
    bool paused;                /* throttled */
    struct session_stats stats; /* over all connections */
    uint64_t outbinds_refused;  /* connections that came to listen_port and were closed */
    char last_error[96];        /* of the transport; "" when none */
};

/* A link that does nothing yet. sink and ctx are kept. NULL and err: no host, a port of 0,
 * TLS with listen_port. */
struct link *link_new(struct loop *l, const struct link_config *config,
                      const struct link_sink *sink, void *ctx, struct err *e);

/* Connects, binds, and keeps at it. IDLE only. */
void link_start(struct link *k);

/* One submit_sm; its tag comes back in exactly one of submit_done, throttled, unknown. -1 and
 * nothing sent: ERR_BAD_STATE not bound, ERR_BUSY window or rate used up (ready follows), else a
 * bad field. */
MUST_CHECK int link_submit(struct link *k, const struct smpp_submit *m, uint64_t tag,
                           struct err *e);

/* Submits that would be accepted right now. */
uint32_t link_window_free(struct link *k);

/* Answers a delivery, once. Dropped when its connection is gone: the carrier will deliver again. */
void link_respond(struct link *k, const struct link_delivery *d, uint32_t status);

/*
 * Reload: window, rate and burst hold at once; host, TLS, credentials and timers from the next
 * connection on, while the present one stays. A link that waits to try a host or credentials that
 * are others now tries at once. -1 and nothing changed: as link_new. The old tls may be freed then.
 */
MUST_CHECK int link_reconfigure(struct link *k, const struct link_config *config, struct err *e);

/* Leaves: waits for responses in flight, unbinds, closes; stopped follows from the loop.
 * Idempotent. */
void link_stop(struct link *k);

void link_status_get(struct link *k, struct link_status *out);

/* Ends it at once: in-flight submits are reported as unknown, no other event follows. The memory
 * goes at the end of the turn. NULL is allowed. */
void link_free(struct link *k);

const char *link_state_name(enum link_state s);

#endif
