/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States and what they allow stand in `states`, requests of the peer and who handles them in
 * `rules`. set_state is the only writer of s->state, end_session the only way to CLOSED.
 */
#include <assert.h>
#include <string.h>

#include "smpp/session.h"

#define BULK_MAX  (8u * 1024u * 1024u)
#define IN(s)     (1u << SESSION_##s)
#define ANY_BOUND (IN(BOUND_TX) | IN(BOUND_RX) | IN(BOUND_TRX))

static const struct {
    const char *name;
    unsigned next; /* legal next states */
} states[SESSION_STATES] = {
    [SESSION_OPEN] = {"open", IN(BINDING) | IN(CLOSED)},
    [SESSION_BINDING] = {"binding", ANY_BOUND | IN(CLOSED)},
    [SESSION_BOUND_TX] = {"bound_tx", IN(UNBINDING) | IN(CLOSED)},
    [SESSION_BOUND_RX] = {"bound_rx", IN(UNBINDING) | IN(CLOSED)},
    [SESSION_BOUND_TRX] = {"bound_trx", IN(UNBINDING) | IN(CLOSED)},
    [SESSION_UNBINDING] = {"unbinding", IN(CLOSED)},
    [SESSION_CLOSED] = {"closed", 0},
};

const char *session_state_name(enum session_state s)
{
    return states[s].name;
}

const char *session_end_name(enum session_end e)
{
    static const char *const names[] = {
        [SESSION_END_NONE] = "none",
        [SESSION_END_UNBOUND] = "unbound",
        [SESSION_END_PEER_UNBOUND] = "peer_unbound",
        [SESSION_END_REFUSED] = "bind_refused",
        [SESSION_END_BIND_TIMEOUT] = "bind_timeout",
        [SESSION_END_DEAD] = "dead",
        [SESSION_END_BAD_LENGTH] = "bad_length",
        [SESSION_END_SLOW] = "slow_pdu",
        [SESSION_END_FLOODED] = "flooded",
        [SESSION_END_LOST] = "lost",
    };

    return names[e];
}

static bool in(const struct session *s, unsigned mask)
{
    return (mask >> s->state & 1u) != 0;
}

static void set_state(struct session *s, enum session_state next)
{
    assert(states[s->state].next >> next & 1u);
    s->state = next;
}

/* Calls an event that has a handler. */
#define TELL(s, event, ...)                                                                        \
    do {                                                                                           \
        if ((s)->events->event != NULL)                                                            \
            (s)->events->event((s)->ctx, ##__VA_ARGS__);                                           \
    } while (0)

static void end_session(struct session *s, enum session_end why)
{
    uint64_t tag;

    if (s->state == SESSION_CLOSED)
        return;
    set_state(s, SESSION_CLOSED);
    s->end = why;
    s->wants_ready = false;
    while (window_drain(&s->window, &tag)) {
        s->stats.unknown++;
        TELL(s, unknown, tag);
    }
    TELL(s, closed, why);
}

static void reply(struct session *s, uint32_t id, uint32_t status, uint32_t seq)
{
    if (!wire_say_plain(&s->wire, id, status, seq))
        end_session(s, SESSION_END_FLOODED);
}

static enum wire_phase phase_of(const struct session *s)
{
    if (in(s, ANY_BOUND))
        return WIRE_BOUND;
    return s->state == SESSION_UNBINDING ? WIRE_LEAVING : WIRE_STRANGER;
}

/* ---- begin and end --------------------------------------------------------------------------- */

static void fill_defaults(struct session_config *c)
{
#define DEFAULT(field, value) c->field = c->field ? c->field : (value)
    DEFAULT(window, WINDOW_DEFAULT);
    DEFAULT(first_seq, 1);
    DEFAULT(max_unanswered, 1000);
    DEFAULT(bind_ms, 15000);
    DEFAULT(response_ms, 60000);
    DEFAULT(enquire_ms, 30000);
    DEFAULT(enquire_timeout_ms, 10000);
    DEFAULT(unbind_ms, 5000);
    DEFAULT(partial_ms, 10000);
#undef DEFAULT
}

void session_init(struct session *s, const struct session_config *config,
                  const struct session_events *events, void *ctx, int64_t now)
{
    memset(s, 0, sizeof *s);
    s->config = *config;
    fill_defaults(&s->config);
    s->events = events;
    s->ctx = ctx;
    window_init(&s->window, s->config.window, s->config.response_ms, s->config.first_seq);
    rate_init(&s->own_rate, s->config.parts_per_s, s->config.burst, now);
    s->rate = config->rate != NULL ? config->rate : &s->own_rate;
    struct wire_times times = {.enquire_ms = s->config.enquire_ms,
                               .enquire_timeout_ms = s->config.enquire_timeout_ms,
                               .partial_ms = s->config.partial_ms};

    wire_init(&s->wire, &times, BULK_MAX, now);
}

void session_fini(struct session *s)
{
    session_lost(s);
    window_free(&s->window);
    wire_fini(&s->wire);
}

void session_set_window(struct session *s, uint32_t window)
{
    window_set_limit(&s->window, window ? window : WINDOW_DEFAULT);
}

void session_lost(struct session *s)
{
    end_session(s, SESSION_END_LOST);
}

/* ---- commands -------------------------------------------------------------------------------- */

static int write_bind(struct buf *out, const struct session_config *c, uint32_t seq, struct err *e)
{
    static const uint32_t ids[] = {
        [SESSION_TRX] = SMPP_BIND_TRANSCEIVER,
        [SESSION_TX] = SMPP_BIND_TRANSMITTER,
        [SESSION_RX] = SMPP_BIND_RECEIVER,
    };
    struct pdu p;

    pdu_start(&p, ids[c->bind], 0, seq);
    p.bind = (struct pdu_bind){
        .system_id = c->system_id,
        .password = c->password,
        .system_type = c->system_type,
        .interface_version = SMPP_VERSION_34,
        .addr_ton = c->addr_ton,
        .addr_npi = c->addr_npi,
        .address_range = c->address_range,
    };
    return pdu_encode(out, &p, NULL, 0, e);
}

int session_check(const struct session_config *config, struct err *e)
{
    char mem[PDU_HEADER + 256];
    struct buf out;

    buf_init_fixed(&out, mem, sizeof mem);
    return write_bind(&out, config, 1, e);
}

int session_bind(struct session *s, int64_t now, struct err *e)
{
    uint32_t seq = window_reserve(&s->window);

    assert(s->state == SESSION_OPEN);
    if (write_bind(&s->wire.urgent, &s->config, seq, e) != 0)
        return err_wrap(e, "bind");
    s->bind_seq = seq;
    s->wire.bind_deadline = now + s->config.bind_ms;
    set_state(s, SESSION_BINDING);
    return 0;
}

uint32_t session_room(struct session *s, int64_t now)
{
    if (!in(s, IN(BOUND_TX) | IN(BOUND_TRX)) || s->wire.bulk.len > BULK_MAX - PDU_MAX)
        return 0;
    return MIN(window_room(&s->window), rate_room(s->rate, now));
}

/* It said so in its bind_resp; many of 3.4 say nothing. */
static bool speaks_33(const struct session *s)
{
    return s->peer_version != 0 && s->peer_version < SMPP_VERSION_34;
}

/* Without these it would be another message: no text, no dialogue. */
static bool lives_by_tlvs(const struct smpp_submit *m)
{
    for (size_t i = 0; i < m->tlv_count; i++) {
        uint16_t tag = m->tlvs[i].tag;

        if (tag == SMPP_TAG_MESSAGE_PAYLOAD || tag == SMPP_TAG_USSD_SERVICE_OP)
            return true;
    }
    return false;
}

int session_submit(struct session *s, const struct smpp_submit *m, uint64_t tag, int64_t now,
                   struct err *e)
{
    size_t start = s->wire.bulk.len;
    struct pdu p;
    bool plain = speaks_33(s);
    uint32_t length;

    if (!in(s, IN(BOUND_TX) | IN(BOUND_TRX)))
        return err_set(e, ERR_BAD_STATE, "the link is %s", states[s->state].name);
    if (session_room(s, now) == 0) {
        s->wants_ready = true;
        return err_set(e, ERR_BUSY, "window or rate is used up");
    }
    if (plain && lives_by_tlvs(m))
        return err_set(e, ERR_BAD_INPUT, "the peer speaks 3.3, which has no TLVs");
    pdu_start(&p, SMPP_SUBMIT_SM, 0, 0);
    p.sm = m->sm;
    if (pdu_encode(&s->wire.bulk, &p, m->tlvs, plain ? 0 : m->tlv_count, e) != 0)
        return -1;
    length = (uint32_t)(s->wire.bulk.len - start);
    s->shortest = s->stats.submits == 0 ? length : MIN(s->shortest, length);
    s->longest = MAX(s->longest, length);
    pdu_set_seq(&s->wire.bulk, start, window_open(&s->window, tag, now));
    (void)rate_take(s->rate, now);
    s->stats.submits++;
    return 0;
}

void session_respond(struct session *s, uint32_t id, uint32_t seq, uint32_t status)
{
    if (s->state == SESSION_CLOSED)
        return;
    assert(s->unanswered > 0);
    s->unanswered--;
    reply(s, id | PDU_RESP, status, seq);
}

static void send_unbind(struct session *s)
{
    if (s->unbind_seq != 0)
        return;
    s->unbind_seq = window_reserve(&s->window);
    pdu_encode_header(&s->wire.bulk, SMPP_UNBIND, 0, s->unbind_seq);
}

void session_unbind(struct session *s, int64_t now)
{
    if (in(s, IN(OPEN) | IN(BINDING)))
        end_session(s, SESSION_END_UNBOUND);
    if (!in(s, ANY_BOUND))
        return;
    set_state(s, SESSION_UNBINDING);
    s->wants_ready = false;
    s->wire.unbind_deadline = now + s->config.unbind_ms;
    if (s->window.used == 0)
        send_unbind(s);
}

bool session_take(struct session *s, struct buf *out, bool with_bulk)
{
    return wire_take(&s->wire, out, with_bulk);
}

/* ---- responses of the peer ------------------------------------------------------------------- */

static void on_bind_response(struct session *s, const struct pdu *p, uint32_t status)
{
    static const enum session_state bound[] = {
        [SESSION_TRX] = SESSION_BOUND_TRX,
        [SESSION_TX] = SESSION_BOUND_TX,
        [SESSION_RX] = SESSION_BOUND_RX,
    };
    uint32_t version;

    s->bind_seq = 0;
    if (status != 0) {
        TELL(s, bind_failed, status);
        end_session(s, SESSION_END_REFUSED);
        return;
    }
    if (pdu_tlv_number(p, SMPP_TAG_SC_INTERFACE_VERSION, &version) && version <= UINT8_MAX)
        s->peer_version = (uint8_t)version;
    set_state(s, bound[s->config.bind]);
    TELL(s, bound, p);
}

static struct str message_id_of(const struct pdu *p)
{
    return p->shape == PDU_SHAPE_message_id ? p->message_id.message_id : STR_EMPTY;
}

static void on_submit_response(struct session *s, const struct pdu *p, uint32_t status,
                               uint64_t tag, int64_t now)
{
    if (statuses_class(s->config.statuses, status) == SMPP_CLASS_THROTTLE) {
        s->stats.throttled++;
        rate_throttled(s->rate, now);
        TELL(s, throttled, tag);
        return;
    }
    if (status == 0) {
        s->stats.accepted++;
        rate_accepted(s->rate, now);
    } else {
        s->stats.refused++;
    }
    TELL(s, submit_done, tag, status, message_id_of(p), false);
}

static void on_window_response(struct session *s, const struct pdu *p, uint32_t status, int64_t now)
{
    uint64_t tag;

    switch (window_match(&s->window, p->seq, &tag)) {
    case WINDOW_LIVE: on_submit_response(s, p, status, tag, now); break;
    case WINDOW_WAS_LATE:
        s->stats.late++;
        TELL(s, submit_done, tag, status, message_id_of(p), true);
        break;
    case WINDOW_UNKNOWN: s->stats.unknown_responses++; break;
    }
    if (s->state == SESSION_UNBINDING && s->window.used == 0)
        send_unbind(s);
}

/* A nack that says for whose sake it came with a length, its own or that of the refused PDU, would
 * fail another submit, whose text is then sent again: as good as no answer, its timer decides (M4). */
static bool may_be_length(const struct session *s, const struct pdu *p)
{
    return p->id == SMPP_GENERIC_NACK &&
           (p->seq == PDU_HEADER || (p->seq >= s->shortest && p->seq <= s->longest));
}

/* By sequence number alone: peers answer with the wrong command id, or with generic_nack. */
static void on_response(struct session *s, const struct pdu *p, int64_t now)
{
    uint32_t status = p->status, congestion;

    if (p->id == SMPP_GENERIC_NACK) {
        s->stats.nacks_in++;
        status = status ? status : SMPP_RUNKNOWNERR;
    }
    if (pdu_tlv_number(p, SMPP_TAG_CONGESTION_STATE, &congestion))
        rate_congestion(s->rate, (uint8_t)MIN(congestion, 100u), now);
    if (p->seq == 0 || may_be_length(s, p))
        s->stats.unknown_responses++;
    else if (p->seq == s->bind_seq)
        on_bind_response(s, p, status);
    else if (wire_enquire_answered(&s->wire, p->seq, now))
        s->stats.enquires_answered++;
    else if (p->seq == s->unbind_seq)
        end_session(s, SESSION_END_UNBOUND);
    else
        on_window_response(s, p, status, now);
}

/* ---- requests of the peer -------------------------------------------------------------------- */

static void on_enquire(struct session *s, const struct pdu *p)
{
    s->stats.enquires_in++;
    reply(s, SMPP_ENQUIRE_LINK_RESP, 0, p->seq);
}

static void on_unbind(struct session *s, const struct pdu *p)
{
    reply(s, SMPP_UNBIND_RESP, 0, p->seq);
    end_session(s, s->state == SESSION_UNBINDING ? SESSION_END_UNBOUND : SESSION_END_PEER_UNBOUND);
}

static bool text_is_given_twice(const struct pdu *p)
{
    bool twice;

    (void)pdu_text(p, &twice);
    if (p->shape != PDU_SHAPE_sm)
        return false;
    return twice && !(p->sm.esm_class & (SMPP_ESM_RECEIPT | SMPP_ESM_ACK | SMPP_ESM_INTERMEDIATE));
}

static void on_deliver(struct session *s, const struct pdu *p)
{
    s->stats.delivers++;
    if (text_is_given_twice(p)) {
        s->stats.bad_requests++;
        reply(s, p->id | PDU_RESP, SMPP_ROPTPARNOTALLWD, p->seq);
    } else if (s->unanswered >= s->config.max_unanswered || s->events->deliver == NULL) {
        s->stats.deliver_shed++;
        reply(s, p->id | PDU_RESP, SMPP_RX_T_APPN, p->seq);
    } else {
        s->unanswered++;
        s->events->deliver(s->ctx, p);
    }
}

static void on_alert(struct session *s, const struct pdu *p)
{
    TELL(s, alert, p);
}

static void refuse(struct session *s, const struct pdu *p, uint32_t status)
{
    bool nacked;

    s->stats.bad_requests++;
    if (!wire_refuse(&s->wire, p, status, &nacked))
        end_session(s, SESSION_END_FLOODED);
    s->stats.nacks_out += nacked;
}

static const struct rule {
    uint32_t id;
    unsigned states; /* elsewhere it is answered SMPP_RINVBNDSTS */
    void (*handle)(struct session *s, const struct pdu *p);
} rules[] = {
    {SMPP_ENQUIRE_LINK, ~0u, on_enquire},
    {SMPP_UNBIND, ~0u, on_unbind},
    {SMPP_DELIVER_SM, IN(BOUND_RX) | IN(BOUND_TRX) | IN(UNBINDING), on_deliver},
    {SMPP_DATA_SM, IN(BOUND_RX) | IN(BOUND_TRX) | IN(UNBINDING), on_deliver},
    {SMPP_ALERT_NOTIFICATION, ANY_BOUND | IN(UNBINDING), on_alert},
};

static void on_request(struct session *s, const struct pdu *p)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (rules[i].id == p->id && in(s, rules[i].states)) {
            rules[i].handle(s, p);
            return;
        }
    }
    refuse(s, p, SMPP_RINVBNDSTS);
}

/* ---- bytes and time -------------------------------------------------------------------------- */

static void maybe_ready(struct session *s, int64_t now)
{
    if (!s->wants_ready || session_room(s, now) == 0)
        return;
    s->wants_ready = false;
    TELL(s, ready);
}

static void on_frame(struct session *s, const uint8_t *at, size_t n, int64_t now)
{
    struct pdu p;
    struct err e;
    int rc = pdu_decode(at, n, &p, &e);

    s->stats.pdus_in++;
    s->stats.bytes_in += n;
    wire_heard(&s->wire, now);
    if (p.duplicate_tlvs > 0 || p.flags & (PDU_BODY_BAD | PDU_TRAILING))
        s->stats.odd_pdus++;
    if (pdu_is_response(p.id))
        on_response(s, &p, now);
    else if (rc != 0 || !wire_serves(p.id))
        refuse(s, &p, wire_serves(p.id) ? p.fault : SMPP_RINVCMDID);
    else
        on_request(s, &p);
}

size_t session_feed(struct session *s, const uint8_t *p, size_t n, size_t max, int64_t now)
{
    enum pdu_framing framing = PDU_MORE;
    size_t used = 0, length;

    for (size_t count = 0; s->state != SESSION_CLOSED && (max == 0 || count < max); count++) {
        framing = wire_next(&s->wire, p, n, &used, &length, phase_of(s));
        if (framing != PDU_READY)
            break;
        on_frame(s, p + used, length, now);
        used += length;
    }
    if (framing == PDU_BAD_LENGTH) {
        s->stats.nacks_out++;
        end_session(s, SESSION_END_BAD_LENGTH);
    }
    if (s->state == SESSION_CLOSED)
        return n;
    wire_fed(&s->wire, n, used, framing == PDU_READY, now);
    maybe_ready(s, now);
    return used;
}

static void tick_window(struct session *s, int64_t now)
{
    uint64_t tag;

    while (window_expire(&s->window, now, &tag)) {
        s->stats.unknown++;
        TELL(s, unknown, tag);
    }
}

static void tick_enquire(struct session *s, int64_t now)
{
    if (!in(s, ANY_BOUND) || !wire_check(&s->wire, now))
        return;
    s->stats.enquires_out++;
    if (!wire_enquire(&s->wire, window_reserve(&s->window), now))
        end_session(s, SESSION_END_FLOODED);
}

/* What is in flight has half of unbind_ms, the answer to our unbind the other half. */
static int64_t unbind_at(const struct session *s)
{
    return s->wire.unbind_deadline - s->config.unbind_ms / 2;
}

static void tick_unbind(struct session *s, int64_t now)
{
    if (s->state == SESSION_UNBINDING && (s->window.used == 0 || now >= unbind_at(s)))
        send_unbind(s);
}

void session_tick(struct session *s, int64_t now)
{
    static const enum session_end ends[] = {
        [WIRE_BIND_LATE] = SESSION_END_BIND_TIMEOUT,
        [WIRE_SLOW] = SESSION_END_SLOW,
        [WIRE_DEAD] = SESSION_END_DEAD,
        [WIRE_UNBIND_LATE] = SESSION_END_UNBOUND,
    };
    enum wire_due due = wire_due(&s->wire, phase_of(s), now);

    if (s->state == SESSION_CLOSED)
        return;
    tick_window(s, now);
    if (due != WIRE_NOTHING)
        end_session(s, ends[due]);
    tick_enquire(s, now);
    tick_unbind(s, now);
    maybe_ready(s, now);
}

int64_t session_deadline(struct session *s, int64_t now)
{
    int64_t at = MIN(window_deadline(&s->window), wire_deadline(&s->wire, phase_of(s)));

    if (s->state == SESSION_CLOSED)
        return INT64_MAX;
    if (s->state == SESSION_UNBINDING && s->unbind_seq == 0)
        at = MIN(at, unbind_at(s));
    if (s->wants_ready && window_room(&s->window) > 0)
        at = MIN(at, now + rate_wait(s->rate, now));
    return at;
}
