/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server: a listening socket on which other systems bind to us, each connection an smsc_session on a
 * stream, plain or TLS. Owns connections and their ceilings; knows no account and no store.
 *
 * Order of calls: smpp_server_new on a socket that listens; each bind event is answered with
 * smpp_server_accept or smpp_server_refuse, each submit event with smpp_server_respond;
 * smpp_server_stop says goodbye to all, smpp_server_free ends what is left.
 *
 * A peer is a number that is not used again: what is answered to a peer that has left is nothing.
 *
 * Ceilings: connections, connections without a bind (all, and of one address), refused passwords of
 * one address in a minute; what is over one is closed at once and counted. A peer that does not read
 * is not read (its answers wait in OUT_BUSY octets) and ends as dead by its own link check.
 */
#ifndef COKO_SMPP_SERVER_H
#define COKO_SMPP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/io/loop.h"
#include "gateway/io/tls.h"
#include "smpp/smsc_session.h"

struct smpp_server;

/* 0 means the default. session.system_id must outlive the server. */
struct smpp_server_config {
    struct smsc_config session;
    struct tls *tls;                /* NULL: plain; kept by the owner */
    unsigned max_connections;       /* 1000 */
    unsigned max_strangers;         /* connections that are not bound; 100 */
    unsigned max_strangers_address; /* of one address; 10 */
    unsigned max_failures;          /* refused passwords of one address in a minute; 5 */
};

/* As the events of smsc_session.h, with the peer. bind and submit are needed; without manage query,
 * cancel and replace are refused. */
struct smpp_server_sink {
    /* address: "192.0.2.1", lives until the handler returns. */
    void (*bind)(void *ctx, uint64_t peer, const char *address, const struct pdu *p);
    void (*submit)(void *ctx, uint64_t peer, const struct pdu *p);
    void (*manage)(void *ctx, uint64_t peer, const struct pdu *p);
    void (*deliver_done)(void *ctx, uint64_t peer, uint64_t tag, uint32_t status, bool late);
    void (*unknown)(void *ctx, uint64_t peer, uint64_t tag, bool ended);
    /* A peer whose bind had been accepted is gone. */
    void (*closed)(void *ctx, uint64_t peer, enum smsc_end why);
};

struct smpp_server_stats {
    unsigned connections, strangers;                          /* now */
    uint64_t accepted;                                        /* connections taken */
    uint64_t over_connections, over_strangers, over_failures; /* closed at once */
    uint64_t refused;                                         /* binds */
    uint64_t paused; /* times a peer was not read because it did not read */
    uint64_t ends[SMSC_ENDS];
};

/* Takes the listening, non-blocking descriptor. sink and ctx are kept. */
struct smpp_server *smpp_server_new(struct loop *l, int fd, const struct smpp_server_config *config,
                                    const struct smpp_server_sink *sink, void *ctx);

/* Answers a bind event. accept false: it has left, or waited too long. */
bool smpp_server_accept(struct smpp_server *v, uint64_t peer, struct smsc_account *account);
void smpp_server_refuse(struct smpp_server *v, uint64_t peer, uint32_t status);

/* Answers a submit or manage event: smsc_respond. */
void smpp_server_respond(struct smpp_server *v, uint64_t peer, uint32_t id, uint32_t seq,
                         uint32_t status, struct str message_id);

/* Answers a submit_multi: smsc_respond_multi. */
void smpp_server_respond_multi(struct smpp_server *v, uint64_t peer, uint32_t seq,
                               struct str message_id, const struct pdu_list *failed);

/* Answers a query_sm: smsc_respond_query. */
void smpp_server_respond_query(struct smpp_server *v, uint64_t peer, uint32_t seq,
                               const struct pdu_query_resp *found);

/* Deliveries that this peer would take now; 0: none, or it has left. */
uint32_t smpp_server_room(const struct smpp_server *v, uint64_t peer);

/* Says goodbye to this one. */
void smpp_server_unbind(struct smpp_server *v, uint64_t peer);

/* smsc_deliver to a peer; ERR_BAD_STATE when it has left. */
MUST_CHECK int smpp_server_deliver(struct smpp_server *v, uint64_t peer, const struct pdu_sm *sm,
                                   const struct smpp_tlv *tlvs, size_t count, uint64_t tag,
                                   struct err *e);

/* Listens no more and unbinds every peer; stats.connections tells when all are gone. */
void smpp_server_stop(struct smpp_server *v);

void smpp_server_stats_get(const struct smpp_server *v, struct smpp_server_stats *out);

/* Ends every connection (closed is told) and frees; not from inside an event. NULL is allowed. */
void smpp_server_free(struct smpp_server *v);

#endif
