/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smsc_session: the other side of session.h. An ESME connected to us; bytes, answers and time in,
 * bytes and events out.
 *
 *          bind_*               smsc_accept              smsc_unbind
 *   OPEN ----------> BINDING ----------------> BOUND_* ---------------> UNBINDING
 *     | bind_ms         | smsc_refuse,           | peer's unbind,           | unbind_resp,
 *     | is over         | no answer of ours      | dead, bad length         | unbind_ms
 *     +-----------------+-----------+------------+--------------------------+
 *                                   v
 *                                 CLOSED      (smsc_lost leads here from anywhere)
 *
 *   OPEN       nothing but a bind is read beyond its header; frames over PDU_MAX_UNBOUND end it
 *   BINDING    the bind event is out, its answer may come later; not answered in bind_ms: 0x08
 *   BOUND_TX, BOUND_RX, BOUND_TRX   as the ESME asked: TX submits to us, RX takes deliveries
 *   UNBINDING  no new delivery; requests are answered; unbind leaves once nothing is in flight
 *   CLOSED     every delivery in flight has been reported as unknown; bytes are ignored
 *
 *   bind_*              OPEN; elsewhere 0x05
 *   submit, multi, data, query, cancel, replace   BOUND_TX, BOUND_TRX, UNBINDING; elsewhere 0x04
 *   enquire_link, unbind                   anywhere
 *   what we do not know                    generic_nack 0x03
 *
 * Order of calls: smsc_init; then smsc_feed, smsc_tick when smsc_deadline has come, smsc_take after
 * each call that may have made bytes (all do); smsc_lost when the transport is gone; smsc_fini.
 *
 * Rate and queue belong to the account, over all its binds: a submit over the rate is answered 0x58,
 * one over the queue, or while the store is behind (account.behind), 0x14. None of these is told.
 * A response is never answered, and answers leave ahead of deliveries. Never sends a delivery twice.
 *
 * A bind that answers link checks and no delivery is deaf: once deaf_max deliveries in a row, two
 * windows at the least, have had no answer in time, it is sent unbind and closed.
 *
 * Time is given, in milliseconds of any steady clock; now never goes back between calls.
 */
#ifndef COKO_SMPP_SMSC_SESSION_H
#define COKO_SMPP_SMSC_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"
#include "smpp/pdu.h"
#include "smpp/rate.h"
#include "smpp/window.h"
#include "smpp/wire.h"

enum smsc_state {
    SMSC_OPEN,
    SMSC_BINDING,
    SMSC_BOUND_TX,
    SMSC_BOUND_RX,
    SMSC_BOUND_TRX,
    SMSC_UNBINDING,
    SMSC_CLOSED,
    SMSC_STATES
};

enum smsc_end {
    SMSC_END_NONE,         /* not closed */
    SMSC_END_UNBOUND,      /* we asked, the peer agreed or took too long */
    SMSC_END_PEER_UNBOUND, /* the peer sent unbind */
    SMSC_END_REFUSED,      /* its bind was refused */
    SMSC_END_BIND_TIMEOUT, /* it never sent a bind, or we never answered it */
    SMSC_END_DEAD,         /* enquire_link was not answered, nothing else came */
    SMSC_END_BAD_LENGTH,   /* a command_length below 16 or above the ceiling */
    SMSC_END_SLOW,         /* a PDU stayed incomplete for partial_ms */
    SMSC_END_FLOODED,      /* our answers pile up unread */
    SMSC_END_DEAF,         /* it answers no delivery */
    SMSC_END_LOST,         /* smsc_lost */
    SMSC_ENDS
};

/* What all binds of one system_id share. Outlives them; its owner fills rate and queue_max. */
struct smsc_account {
    struct rate rate;   /* rate_init */
    uint32_t queue_max; /* submits told and not yet answered */
    uint32_t queued;
    uint32_t binds;                 /* sessions bound to it now */
    uint32_t window;                /* deliveries in flight of each bind; 0: the session's own */
    bool behind;                    /* the store is behind: submits get 0x14, links live */
    uint64_t used;                  /* tokens taken, ever: the owner adds those of further parts */
    uint64_t over_rate, over_queue; /* submits so refused, over all binds ever */
    uint64_t bad_requests;          /* other PDUs answered with an error here, likewise */
};

/* 0 means the default. system_id is ours, in bind_resp; it must outlive the session. */
struct smsc_config {
    struct str system_id;
    uint32_t window;            /* deliveries in flight; 10 */
    uint32_t deaf_max;          /* deliveries in a row without an answer; 20 */
    int64_t bind_ms;            /* 10000 */
    int64_t response_ms;        /* 60000 */
    int64_t enquire_ms;         /* idle time before enquire_link; 60000 */
    int64_t enquire_timeout_ms; /* 10000 */
    int64_t unbind_ms;          /* 5000 */
    int64_t partial_ms;         /* 10000 */
};

/*
 * Events, called from inside smsc_feed, smsc_tick, smsc_lost, smsc_unbind, smsc_refuse. A handler
 * may call smsc_accept, smsc_refuse, smsc_respond, smsc_deliver, smsc_unbind; it may not feed, tick,
 * take or free. Views in a pdu live until the handler returns. bind, submit and closed are needed.
 */
struct smsc_events {
    /* Credentials to be checked: answer with smsc_accept or smsc_refuse, here or later. */
    void (*bind)(void *ctx, const struct pdu *pdu);
    /* submit_sm, submit_multi or data_sm. MUST be answered once with smsc_respond(s, pdu->id,
     * pdu->seq ...), a submit_multi also with smsc_respond_multi. */
    void (*submit)(void *ctx, const struct pdu *pdu);
    /* query_sm, cancel_sm, replace_sm: the same. NULL: 0x67, 0x11, 0x13. */
    void (*manage)(void *ctx, const struct pdu *pdu);
    /* A delivery was answered; late: it had been reported as unknown before. */
    void (*deliver_done)(void *ctx, uint64_t tag, uint32_t status, bool late);
    /* No answer in time, or (ended) the session is over: the peer may have it or not. */
    void (*unknown)(void *ctx, uint64_t tag, bool ended);
    /* The last event. Take the bytes left, then close the transport. */
    void (*closed)(void *ctx, enum smsc_end why);
};

struct smsc_stats {
    uint64_t pdus_in, submits, over_rate, over_queue, wrong_state, bad_requests;
    uint64_t delivers, delivered, unknown, late;
    uint64_t enquires_in, enquires_out, unknown_responses, nacks_out;
};

struct smsc_session {
    struct smsc_config config;
    const struct smsc_events *events;
    void *ctx;
    enum smsc_state state;
    enum smsc_end end;
    struct smsc_account *account; /* from smsc_accept on */
    struct window window;         /* the same: a stranger costs no window */
    struct wire wire;             /* framing, what waits to be sent, link checks */
    uint32_t bind_id, bind_seq;   /* of the bind that waits for us */
    uint32_t unbind_seq;
    uint32_t unheard;     /* deliveries in a row that timed out */
    uint32_t unanswered;  /* submits and others that were told */
    uint32_t queued;      /* of them, those that count in account->queued */
    uint8_t peer_version; /* interface_version of its bind */
    struct smsc_stats stats;
};

/* Copies config with its defaults filled in; events and ctx are kept. */
void smsc_init(struct smsc_session *s, const struct smsc_config *config,
               const struct smsc_events *events, void *ctx, int64_t now);

/* Frees buffers. A session that is not CLOSED is lost first. */
void smsc_fini(struct smsc_session *s);

/* Asks the ESME we connected to to bind as a receiver (v3.4 4.1.7). State OPEN. -1: a field that
 * does not fit. */
MUST_CHECK int smsc_outbind(struct smsc_session *s, struct str system_id, struct str password,
                            struct err *e);

/* The bind is good. sc_interface_version is the lower of theirs and 5.0. Without effect unless
 * BINDING. */
void smsc_accept(struct smsc_session *s, struct smsc_account *account, int64_t now);

/* It is not: answers with status (not 0), then closed. Without effect unless BINDING. */
void smsc_refuse(struct smsc_session *s, uint32_t status);

/* Answers a submit or manage event by id and seq of its PDU; message_id is written for status 0
 * where the response has one, at most 64 octets. Without effect once CLOSED. */
void smsc_respond(struct smsc_session *s, uint32_t id, uint32_t seq, uint32_t status,
                  struct str message_id);

/* The status that says no to a query_sm, cancel_sm or replace_sm. */
uint32_t smsc_manage_refusal(uint32_t id);

/* Answers a submit_multi that was taken, with those of its destinations that were not. */
void smsc_respond_multi(struct smsc_session *s, uint32_t seq, struct str message_id,
                        const struct pdu_list *failed);

/* Answers a query_sm with what is known of the message; otherwise as smsc_respond with status 0. */
void smsc_respond_query(struct smsc_session *s, uint32_t seq, const struct pdu_query_resp *found);

/* One deliver_sm; an ESME of 3.3 or older gets no TLVs beside a text. tag comes back in exactly one
 * event, deliver_done or unknown. -1 and nothing sent: ERR_BAD_STATE not bound for it, ERR_BUSY window
 * or buffer, else a field that does not fit. */
MUST_CHECK int smsc_deliver(struct smsc_session *s, const struct pdu_sm *sm,
                            const struct smpp_tlv *tlvs, size_t count, uint64_t tag, int64_t now,
                            struct err *e);

/* Deliveries that would be accepted right now. */
uint32_t smsc_room(const struct smsc_session *s);

/* We leave; before BOUND it closes at once. Repeating it changes nothing. */
void smsc_unbind(struct smsc_session *s, int64_t now);

/* Bytes arrived. Returns how many were used: keep the rest and give it again, with more behind. */
size_t smsc_feed(struct smsc_session *s, const uint8_t *p, size_t n, int64_t now);

/* Does what is due at now. */
void smsc_tick(struct smsc_session *s, int64_t now);

/* When smsc_tick is due next; INT64_MAX: never. */
int64_t smsc_deadline(const struct smsc_session *s);

/* The transport is gone. */
void smsc_lost(struct smsc_session *s);

/* Appends the bytes to send, answers first, and forgets them here. false: out is full, nothing was
 * taken. */
MUST_CHECK bool smsc_take(struct smsc_session *s, struct buf *out, bool with_bulk);

static inline bool smsc_is_bound(const struct smsc_session *s)
{
    return s->state >= SMSC_BOUND_TX && s->state <= SMSC_BOUND_TRX;
}

const char *smsc_state_name(enum smsc_state s);
const char *smsc_end_name(enum smsc_end e);

#endif
