/* SPDX-License-Identifier: Apache-2.0 */
/* Framing and timers of both ends. See wire.h. */
#include "smpp/wire.h"

#include <string.h>

#define MARGIN (PDU_HEADER * 8) /* urgent octets that must stay free after an answer */

void wire_init(struct wire *w, const struct wire_times *times, size_t bulk_max, int64_t now)
{
    memset(w, 0, sizeof *w);
    w->times = *times;
    buf_init(&w->urgent, WIRE_URGENT_MAX);
    buf_init(&w->bulk, bulk_max);
    w->bind_deadline = w->unbind_deadline = w->enquire_deadline = INT64_MAX;
    w->last_in = now;
    w->partial_since = -1;
}

void wire_fini(struct wire *w)
{
    buf_fini(&w->urgent);
    buf_fini(&w->bulk);
}

/* ---- in -------------------------------------------------------------------------------------- */

enum pdu_framing wire_next(struct wire *w, const uint8_t *p, size_t n, size_t *used, size_t *length,
                           enum wire_phase phase)
{
    size_t ceiling = phase == WIRE_STRANGER ? PDU_MAX_UNBOUND : PDU_MAX;

    if (*used == n) /* p may be NULL */
        return PDU_MORE;
    enum pdu_framing framing = pdu_frame(p + *used, n - *used, ceiling, length);

    if (framing == PDU_BAD_LENGTH)
        pdu_encode_header(&w->urgent, SMPP_GENERIC_NACK, SMPP_RINVCMDLEN, 0);
    return framing;
}

void wire_fed(struct wire *w, size_t n, size_t used, bool whole, int64_t now)
{
    if (whole || used == n)
        w->partial_since = -1;
    else if (used > 0 || w->partial_since < 0)
        w->partial_since = now;
}

bool wire_serves(uint32_t id)
{
    return id != SMPP_BROADCAST_SM && id != SMPP_QUERY_BROADCAST_SM &&
           id != SMPP_CANCEL_BROADCAST_SM;
}

void wire_heard(struct wire *w, int64_t now)
{
    w->last_in = now;
    w->enquire_deadline = INT64_MAX;
}

/* ---- out ------------------------------------------------------------------------------------- */

bool wire_say(struct wire *w, const struct pdu *p, const struct smpp_tlv *tlvs, size_t count)
{
    struct err e;

    return pdu_encode(&w->urgent, p, tlvs, count, &e) == 0 &&
           w->urgent.len + MARGIN <= WIRE_URGENT_MAX;
}

bool wire_say_plain(struct wire *w, uint32_t id, uint32_t status, uint32_t seq)
{
    struct pdu p;

    pdu_start(&p, id, status, seq);
    return wire_say(w, &p, NULL, 0);
}

bool wire_refuse(struct wire *w, const struct pdu *p, uint32_t status, bool *nacked)
{
    *nacked = status == SMPP_RINVCMDID;
    if (*nacked)
        return wire_say_plain(w, SMPP_GENERIC_NACK, status, p->seq);
    if (p->id == SMPP_ALERT_NOTIFICATION || p->id == SMPP_OUTBIND)
        return true;
    return wire_say_plain(w, p->id | PDU_RESP, status, p->seq);
}

bool wire_take(struct wire *w, struct buf *out, bool with_bulk)
{
    size_t start = out->len;

    buf_adds(out, buf_str(&w->urgent));
    if (with_bulk)
        buf_adds(out, buf_str(&w->bulk));
    if (out->failed != ERR_OK) {
        out->failed = ERR_OK;
        buf_truncate(out, start);
        return false;
    }
    buf_reset(&w->urgent);
    if (with_bulk)
        buf_reset(&w->bulk);
    return true;
}

void wire_trim(struct wire *w)
{
    struct buf *const all[] = {&w->urgent, &w->bulk};

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i]->len == 0)
            buf_fini(all[i]);
    }
}

/* ---- life and time --------------------------------------------------------------------------- */

bool wire_check(const struct wire *w, int64_t now)
{
    return w->enquire_deadline == INT64_MAX && now - w->last_in >= w->times.enquire_ms;
}

bool wire_enquire(struct wire *w, uint32_t seq, int64_t now)
{
    w->enquire_seq = seq;
    w->enquire_deadline = now + w->times.enquire_timeout_ms;
    w->enquire_sent = now;
    return wire_say_plain(w, SMPP_ENQUIRE_LINK, 0, seq);
}

bool wire_enquire_answered(struct wire *w, uint32_t seq, int64_t now)
{
    if (seq == 0 || seq != w->enquire_seq)
        return false;
    w->enquire_seq = 0;
    w->enquire_rtt = now - w->enquire_sent;
    return true;
}

static int64_t partial_deadline(const struct wire *w)
{
    return w->partial_since < 0 ? INT64_MAX : w->partial_since + w->times.partial_ms;
}

enum wire_due wire_due(const struct wire *w, enum wire_phase phase, int64_t now)
{
    if (phase == WIRE_STRANGER && now >= w->bind_deadline)
        return WIRE_BIND_LATE;
    if (now >= partial_deadline(w))
        return WIRE_SLOW;
    if (phase == WIRE_BOUND && now >= w->enquire_deadline)
        return WIRE_DEAD;
    if (phase == WIRE_LEAVING && now >= w->unbind_deadline)
        return WIRE_UNBIND_LATE;
    return WIRE_NOTHING;
}

int64_t wire_deadline(const struct wire *w, enum wire_phase phase)
{
    int64_t at = partial_deadline(w);

    switch (phase) {
    case WIRE_STRANGER: return MIN(at, w->bind_deadline);
    case WIRE_LEAVING: return MIN(at, w->unbind_deadline);
    case WIRE_BOUND: break;
    }
    if (w->enquire_deadline != INT64_MAX)
        return MIN(at, w->enquire_deadline);
    return MIN(at, w->last_in + w->times.enquire_ms);
}
