/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a link, for link.c (its states and its connection), link_calls.c (what the owner
 * calls) and nobody else.
 */
#ifndef COKO_SMPP_LINK_PARTS_H
#define COKO_SMPP_LINK_PARTS_H

#include "gateway/io/stream.h"
#include "gateway/lib/log.h"
#include "smpp/dial.h"
#include "smpp/link.h"
#include "smpp/outbind.h"

#define LINK_READ_CHUNK (64u * 1024u)
#define LINK_STRINGS    768

struct link {
    struct loop *loop;
    struct link_config config;
    char strings[LINK_STRINGS]; /* what config points at */
    const struct link_sink *sink;
    void *ctx;
    struct log_tag tag;
    enum link_state state;
    bool dead;         /* link_free was called */
    bool after_queued; /* after() comes at the end of the turn */
    struct loop_timer timer;
    struct dial dial;        /* RESOLVING, CONNECTING, BINDING */
    struct outbind *outbind; /* with listen_port, from link_start on */
    struct stream stream;
    struct buf rx;
    struct session session;
    bool has_session;
    uint32_t epoch, next_seq;
    struct rate rate; /* outlives connections: a pause is the carrier's wish, not the socket's;
                         unused when the owner shares one */
    unsigned failures, refusals;
    int64_t bound_at, wait_until, state_at;
    struct link_status status;
};

#define TELL(k, event, ...)                                                                        \
    do {                                                                                           \
        if ((k)->sink->event != NULL && !(k)->dead)                                                \
            (k)->sink->event((k)->ctx, ##__VA_ARGS__);                                             \
    } while (0)

/* The only writer of state. */
void link_set_state(struct link *k, enum link_state next);

/* Begins to look for a connection: looks the name up, or listens. From IDLE and WAITING. */
void link_attempt(struct link *k);

/* Ends the session: what is in flight is reported as unknown. */
void link_drop_session(struct link *k);

/* Moves what the session has to say at the end of the turn. */
void link_after_later(struct link *k);

/* The timer, and the answer of a lookup. */
void link_on_timer(void *arg);
void link_on_addresses(void *arg, unsigned count, const char *why);

/* An outbind came to listen_port. */
bool link_on_outbind(void *ctx, int fd, struct ssl_st *ssl, const struct pdu *p,
                     const char *address);

/* The rate that holds: shared by the owner, or the link's. */
static inline struct rate *link_rate_of(struct link *k)
{
    return k->config.session.rate != NULL ? k->config.session.rate : &k->rate;
}

void link_add_stats(struct session_stats *sum, const struct session_stats *one);

#endif
