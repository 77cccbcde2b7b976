/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: one SMPP connection without its socket. Bytes, commands and time in; bytes and events
 * out.
 *
 *          session_bind            bind_resp ok             session_unbind
 *   OPEN ----------------> BINDING -----------------> BOUND_* ----------------> UNBINDING
 *     |                       | refused,                 | peer's unbind,          | unbind_resp,
 *     |                       | no answer                | dead, bad length        | or 5 s
 *     +-----------------------+-------------+------------+-------------------------+
 *                                           v
 *                                         CLOSED     (session_lost leads here from anywhere)
 *
 *   OPEN       connected; answers enquire_link, sends nothing by itself
 *   BINDING    our bind is out; frames over PDU_MAX_UNBOUND end the session
 *   BOUND_TX, BOUND_RX, BOUND_TRX   by config.bind; submits where TX, deliveries where RX
 *   UNBINDING  no new submit; the peer's requests are still answered; waits for what is in flight,
 *              then sends unbind (at half of unbind_ms at the latest), then waits for its response
 *   CLOSED     every submit in flight has been reported as unknown; bytes are ignored
 *
 * Order of calls: session_init, session_bind once the transport is up; then session_feed with what
 * arrived, session_tick when session_deadline has come, session_take after each call that may have
 * made bytes (all do); session_lost when the transport is gone; session_fini. A session is not
 * used again.
 *
 * Each accepted submit is reported exactly once: submit_done, throttled or unknown (M4); nothing
 * is ever sent again by itself. A response that comes after its timer is one more event: late.
 *
 * Responses and link checks leave before new requests. A response is never answered with an error,
 * an unknown one is counted, and so is a generic_nack whose sequence may be a length. Any PDU from the peer is a sign of life.
 *
 * Time is given, in milliseconds of any steady clock; now never goes back between calls.
 */
#ifndef COKO_SMPP_SESSION_H
#define COKO_SMPP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"
#include "smpp/pdu.h"
#include "smpp/rate.h"
#include "smpp/statuses.h"
#include "smpp/window.h"
#include "smpp/wire.h"

enum session_state {
    SESSION_OPEN,
    SESSION_BINDING,
    SESSION_BOUND_TX,
    SESSION_BOUND_RX,
    SESSION_BOUND_TRX,
    SESSION_UNBINDING,
    SESSION_CLOSED,
    SESSION_STATES
};

enum session_end {
    SESSION_END_NONE,         /* not closed */
    SESSION_END_UNBOUND,      /* we asked, the peer agreed or took too long */
    SESSION_END_PEER_UNBOUND, /* the peer sent unbind */
    SESSION_END_REFUSED,      /* the bind was refused, bind_failed told the status */
    SESSION_END_BIND_TIMEOUT, /* the bind was never answered */
    SESSION_END_DEAD,         /* enquire_link was not answered, nothing else came */
    SESSION_END_BAD_LENGTH,   /* a command_length below 16 or above the ceiling */
    SESSION_END_SLOW,         /* a PDU stayed incomplete for partial_ms */
    SESSION_END_FLOODED,      /* our answers to its requests pile up unread */
    SESSION_END_LOST          /* session_lost */
};

enum session_bind { SESSION_TRX, SESSION_TX, SESSION_RX };

/* Strings must outlive the session. 0 in a time or count means the default. */
struct session_config {
    enum session_bind bind;
    struct str system_id, password, system_type, address_range;
    uint8_t addr_ton, addr_npi;
    uint32_t window;   /* submits in flight; 10 */
    struct rate *rate; /* the owner's, shared by the sessions of an account; NULL: our own */
    const struct statuses *statuses; /* the owner's, read at each refusal; NULL: the standard */
    uint32_t parts_per_s;            /* of our own rate; 0: no limit */
    uint32_t burst;                  /* parts; 0: one second's */
    uint32_t first_seq;              /* 1 */
    uint32_t max_unanswered; /* deliveries handed out and not yet answered; 1000; more get 0x64 */
    int64_t bind_ms;         /* 15000 */
    int64_t response_ms;     /* 60000 */
    int64_t enquire_ms;      /* idle time before enquire_link; 30000 */
    int64_t enquire_timeout_ms; /* 10000 */
    int64_t unbind_ms;          /* 5000 */
    int64_t partial_ms;         /* 10000 */
};

/* What to send. Views are copied before session_submit returns. sm.message up to 255 octets; a
 * longer text goes as message_payload among the TLVs, with sm.message empty. */
struct smpp_submit {
    struct pdu_sm sm;
    const struct smpp_tlv *tlvs;
    size_t tlv_count;
};

/*
 * Events, called from inside session_feed, session_tick, session_lost, session_unbind. A handler
 * may call session_submit, session_respond, session_unbind; it may not feed, tick, take or free.
 * Any pointer may be NULL. Views in a pdu or message_id live until the handler returns.
 */
struct session_events {
    /* The bind was accepted; resp has its TLVs. */
    void (*bound)(void *ctx, const struct pdu *resp);
    /* The bind was refused; closed follows. */
    void (*bind_failed)(void *ctx, uint32_t status);
    /* A submit was answered; 0 is accepted and message_id may still be empty. late: it had been
     * reported as unknown before. */
    void (*submit_done)(void *ctx, uint64_t tag, uint32_t status, struct str message_id, bool late);
    /* A submit got 0x58, or what the carrier says for it, and is not accepted: put it back in front. The session pauses by itself. */
    void (*throttled)(void *ctx, uint64_t tag);
    /* No answer in time, or the session ended: the peer may have it or not (M4). */
    void (*unknown)(void *ctx, uint64_t tag);
    /* deliver_sm or data_sm. MUST be answered once with session_respond(s, pdu->id, pdu->seq,
     * status), here or later. */
    void (*deliver)(void *ctx, const struct pdu *pdu);
    /* alert_notification; has no answer. */
    void (*alert)(void *ctx, const struct pdu *pdu);
    /* A submit that was refused with ERR_BUSY may be tried again. */
    void (*ready)(void *ctx);
    /* The last event. Take the bytes left, then close the transport. */
    void (*closed)(void *ctx, enum session_end why);
};

struct session_stats {
    uint64_t pdus_in, bytes_in;
    uint64_t submits, accepted, refused, throttled, unknown, late;
    uint64_t delivers, deliver_shed, enquires_in, enquires_out, enquires_answered;
    uint64_t unknown_responses, nacks_in, nacks_out;
    uint64_t bad_requests; /* answered with an error */
    uint64_t odd_pdus; /* accepted with a duplicate TLV, trailing bytes or a bad response body */
};

struct session {
    struct session_config config;
    const struct session_events *events;
    void *ctx;
    enum session_state state;
    enum session_end end;
    struct window window;
    struct rate *rate;
    struct rate own_rate;          /* what rate points at when none is shared */
    struct wire wire;              /* framing, what waits to be sent, link checks */
    uint32_t bind_seq, unbind_seq; /* waiting for an answer; 0: none */
    uint32_t unanswered;
    uint8_t peer_version;       /* sc_interface_version of the bind_resp, 0: none */
    bool wants_ready;           /* a submit was refused with ERR_BUSY */
    uint32_t shortest, longest; /* octets of the submits so far */
    struct session_stats stats;
};

/* Do the credentials fit a bind? -1 names the one that does not. */
MUST_CHECK int session_check(const struct session_config *config, struct err *e);

/* Copies config with its defaults filled in. events, ctx and a shared rate are kept. */
void session_init(struct session *s, const struct session_config *config,
                  const struct session_events *events, void *ctx, int64_t now);

/* Frees buffers. A session that is not CLOSED is lost first (its submits are reported). */
void session_fini(struct session *s);

/* The transport is up: sends our bind. State OPEN only. -1: a credential does not fit its field. */
MUST_CHECK int session_bind(struct session *s, int64_t now, struct err *e);

/* One submit_sm. tag comes back in exactly one event. -1 and nothing sent: ERR_BAD_STATE not bound
 * for it, ERR_BUSY window, rate or buffer (the ready event follows), else a field that does not
 * fit. A peer that said interface version 0x33 in its bind_resp is sent no TLVs (v3.4 3.4.1): a
 * text or a dialogue that lives by them is refused there. */
MUST_CHECK int session_submit(struct session *s, const struct smpp_submit *m, uint64_t tag,
                              int64_t now, struct err *e);

/* Answers a delivery: id and seq of its PDU. Without effect once CLOSED. */
void session_respond(struct session *s, uint32_t id, uint32_t seq, uint32_t status);

/* Leaves the service; from OPEN or BINDING it closes at once. Repeating it changes nothing. */
void session_unbind(struct session *s, int64_t now);

/* Bytes arrived. Returns how many were used: keep the rest and give it again, with more behind it.
 * At most max PDUs are handled in one call (0: all). */
size_t session_feed(struct session *s, const uint8_t *p, size_t n, size_t max, int64_t now);

/* Does what is due at now. */
void session_tick(struct session *s, int64_t now);

/* When session_tick is due next; INT64_MAX: never. */
int64_t session_deadline(struct session *s, int64_t now);

/* Reload: the window (0: the default) holds from now on; what is in flight stays. */
void session_set_window(struct session *s, uint32_t window);

/* The transport is gone: everything in flight is unknown, closed(SESSION_END_LOST). */
void session_lost(struct session *s);

/* Appends the bytes to send, urgent ones first, and forgets them here. with_bulk false leaves new
 * requests behind: for a peer that does not read. false: out is full, nothing was taken. */
MUST_CHECK bool session_take(struct session *s, struct buf *out, bool with_bulk);

/* Submits that would be accepted right now: 0 when not bound for it, paused or full. */
uint32_t session_room(struct session *s, int64_t now);

static inline bool session_is_bound(const struct session *s)
{
    return s->state >= SESSION_BOUND_TX && s->state <= SESSION_BOUND_TRX;
}

const char *session_state_name(enum session_state s);
const char *session_end_name(enum session_end e);

#endif
