/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire: what both ends of SMPP do alike on one connection. Cuts bytes into PDUs, keeps what waits to
 * be sent, watches that the peer lives. session.c and smsc_session.c ask it and decide: it knows no
 * state machine, no window, and ends nothing by itself.
 *
 *   bytes in     wire_next until it says no more, then wire_fed; the ceiling is PDU_MAX_UNBOUND for a
 *                stranger, PDU_MAX once bound; an impossible length is answered with generic_nack
 *                ESME_RINVCMDLEN, sequence 0 (v3.4 3.2)
 *   bytes out    wire_say in front (answers, link checks), bulk behind (new requests); wire_take
 *   life         any whole PDU is life (wire_heard); idle for enquire_ms: wire_check sends an
 *                enquire_link; nothing for enquire_timeout_ms more: WIRE_DEAD
 *   time         wire_due names what is over, wire_deadline when the next will be
 *
 *   phase           timers that run
 *   WIRE_STRANGER   bind_deadline, an incomplete PDU
 *   WIRE_BOUND      link check, an incomplete PDU
 *   WIRE_LEAVING    unbind_deadline, an incomplete PDU
 *
 * Time is given, in milliseconds of any steady clock. INT64_MAX: a timer that does not run.
 */
#ifndef COKO_SMPP_WIRE_H
#define COKO_SMPP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/buf.h"
#include "smpp/pdu.h"

#define WIRE_URGENT_MAX (256u * 1024u) /* 16,000 unread answers: the peer floods us */

enum wire_phase { WIRE_STRANGER, WIRE_BOUND, WIRE_LEAVING };

enum wire_due {
    WIRE_NOTHING,
    WIRE_BIND_LATE,  /* bind_deadline */
    WIRE_SLOW,       /* a PDU stayed incomplete for partial_ms */
    WIRE_DEAD,       /* enquire_link was not answered, nothing else came */
    WIRE_UNBIND_LATE /* unbind_deadline */
};

/* How long things may take, in ms. */
struct wire_times {
    int64_t enquire_ms; /* idle time before our enquire_link */
    int64_t enquire_timeout_ms;
    int64_t partial_ms;
};

struct wire {
    struct wire_times times;
    struct buf urgent, bulk;
    int64_t bind_deadline, unbind_deadline; /* the owner's to set */
    int64_t last_in;                        /* when the peer last showed life */
    int64_t partial_since;                  /* -1: no incomplete PDU */
    int64_t enquire_deadline, enquire_sent;
    int64_t enquire_rtt;  /* ms that the last answer to enquire_link took */
    uint32_t enquire_seq; /* waiting for an answer; 0: none */
};

/* bulk_max: octets of new requests. Nothing is allocated before there is something to send. */
void wire_init(struct wire *w, const struct wire_times *times, size_t bulk_max, int64_t now);
void wire_fini(struct wire *w);

/* ---- in ---- */

/*
 * The next whole PDU of p[n], of which *used octets are done: PDU_READY, it is *length octets at
 * p + *used before *used grows past it. PDU_BAD_LENGTH: the nack is written, close.
 */
enum pdu_framing wire_next(struct wire *w, const uint8_t *p, size_t n, size_t *used, size_t *length,
                           enum wire_phase phase);

/* After the last wire_next of one arrival: octets that wait for their rest start partial_ms. whole:
 * what is left begins with a whole PDU. */
void wire_fed(struct wire *w, size_t n, size_t used, bool whole, int64_t now);

/* Commands that the codec reads and neither end serves (v5 broadcast) are answered like unknown ones:
 * SMPP_RINVCMDID. */
bool wire_serves(uint32_t id);

/* A PDU of the peer is a sign of life. */
void wire_heard(struct wire *w, int64_t now);

/* ---- out ---- */

/* Puts an answer or a link check in front. false: it does not fit, or the peer reads none of them
 * and they pile up: let it go. */
MUST_CHECK bool wire_say(struct wire *w, const struct pdu *p, const struct smpp_tlv *tlvs,
                         size_t count);
/* The same of a PDU with no more than its header and empty fields. */
MUST_CHECK bool wire_say_plain(struct wire *w, uint32_t id, uint32_t status, uint32_t seq);

/* Refuses a request: its response with status, generic_nack for SMPP_RINVCMDID, silence for commands
 * that have no response. *nacked: it was a generic_nack. */
MUST_CHECK bool wire_refuse(struct wire *w, const struct pdu *p, uint32_t status, bool *nacked);

/* Appends the bytes to send, urgent ones first, and forgets them here. with_bulk false leaves new
 * requests behind: for a peer that does not read. false: out is full, nothing was taken. */
MUST_CHECK bool wire_take(struct wire *w, struct buf *out, bool with_bulk);

/* Gives back the memory of buffers that hold nothing: an idle connection keeps none. */
void wire_trim(struct wire *w);

/* ---- life and time ---- */

/* Is it time to ask whether the peer lives? Then wire_enquire with a sequence number. WIRE_BOUND. */
bool wire_check(const struct wire *w, int64_t now);
MUST_CHECK bool wire_enquire(struct wire *w, uint32_t seq, int64_t now);

/* True: seq answers our enquire_link. */
bool wire_enquire_answered(struct wire *w, uint32_t seq, int64_t now);

/* What is over at now. */
enum wire_due wire_due(const struct wire *w, enum wire_phase phase, int64_t now);

/* When wire_due or wire_check will next say something; INT64_MAX: never. */
int64_t wire_deadline(const struct wire *w, enum wire_phase phase);

#endif
