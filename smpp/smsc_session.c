/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which request is heard in which state stands in `rules`; set_state is the only writer of
 * s->state, finish the only way to CLOSED.
 */
#include "smpp/smsc_session.h"

#include <assert.h>
#include <string.h>

#define DELIVERIES_MAX (1024u * 1024u)
#define VERSION_50     0x50u
#define IN(s)          (1u << SMSC_##s)
#define BOUND          (IN(BOUND_TX) | IN(BOUND_RX) | IN(BOUND_TRX))
#define MAY_SUBMIT     (IN(BOUND_TX) | IN(BOUND_TRX) | IN(UNBINDING))
#define UNBOUND        (IN(OPEN) | IN(BINDING))

static const struct {
    const char *name;
    unsigned next; /* legal next states */
} states[SMSC_STATES] = {
    [SMSC_OPEN] = {"open", IN(BINDING) | IN(CLOSED)},
    [SMSC_BINDING] = {"binding", BOUND | IN(CLOSED)},
    [SMSC_BOUND_TX] = {"bound_tx", IN(UNBINDING) | IN(CLOSED)},
    [SMSC_BOUND_RX] = {"bound_rx", IN(UNBINDING) | IN(CLOSED)},
    [SMSC_BOUND_TRX] = {"bound_trx", IN(UNBINDING) | IN(CLOSED)},
    [SMSC_UNBINDING] = {"unbinding", IN(CLOSED)},
    [SMSC_CLOSED] = {"closed", 0},
};

const char *smsc_state_name(enum smsc_state s)
{
    return states[s].name;
}

const char *smsc_end_name(enum smsc_end e)
{
    static const char *const names[SMSC_ENDS] = {
        "none",       "unbound",  "peer_unbound", "refused", "bind_timeout", "dead",
        "bad_length", "slow_pdu", "flooded",      "deaf",    "lost",
    };

    return names[e];
}

static bool in(const struct smsc_session *s, unsigned mask)
{
    return (mask >> s->state & 1u) != 0;
}

static void set_state(struct smsc_session *s, enum smsc_state next)
{
    assert(states[s->state].next >> next & 1u);
    s->state = next;
}

static void tell_unknown(struct smsc_session *s, uint64_t tag, bool ended)
{
    s->stats.unknown++;
    if (s->events->unknown != NULL)
        s->events->unknown(s->ctx, tag, ended);
}

static void finish(struct smsc_session *s, enum smsc_end why)
{
    uint64_t tag;

    if (s->state == SMSC_CLOSED)
        return;
    set_state(s, SMSC_CLOSED);
    s->end = why;
    if (s->account != NULL) {
        s->account->queued -= s->queued;
        s->account->binds--;
        s->queued = 0;
        while (window_drain(&s->window, &tag))
            tell_unknown(s, tag, true);
    }
    s->events->closed(s->ctx, why);
}

/* An answer or a link check; a peer that reads none of them is let go. */
static void say(struct smsc_session *s, const struct pdu *p, const struct smpp_tlv *tlvs,
                size_t count)
{
    if (!wire_say(&s->wire, p, tlvs, count))
        finish(s, SMSC_END_FLOODED);
}

static void say_plain(struct smsc_session *s, uint32_t id, uint32_t status, uint32_t seq)
{
    if (!wire_say_plain(&s->wire, id, status, seq))
        finish(s, SMSC_END_FLOODED);
}

static enum wire_phase phase_of(const struct smsc_session *s)
{
    if (in(s, UNBOUND))
        return WIRE_STRANGER;
    return s->state == SMSC_UNBINDING ? WIRE_LEAVING : WIRE_BOUND;
}

/* ---- begin and end --------------------------------------------------------------------------- */

void smsc_init(struct smsc_session *s, const struct smsc_config *config,
               const struct smsc_events *events, void *ctx, int64_t now)
{
    memset(s, 0, sizeof *s);
    s->config = *config;
#define OTHERWISE(field, value)                                                                    \
    if (s->config.field == 0)                                                                      \
    s->config.field = (value)
    OTHERWISE(window, 10);
    OTHERWISE(deaf_max, 20);
    OTHERWISE(bind_ms, 10000);
    OTHERWISE(response_ms, 60000);
    OTHERWISE(enquire_ms, 60000);
    OTHERWISE(enquire_timeout_ms, 10000);
    OTHERWISE(unbind_ms, 5000);
    OTHERWISE(partial_ms, 10000);
#undef OTHERWISE
    s->events = events;
    s->ctx = ctx;
    struct wire_times times = {.enquire_ms = s->config.enquire_ms,
                               .enquire_timeout_ms = s->config.enquire_timeout_ms,
                               .partial_ms = s->config.partial_ms};

    wire_init(&s->wire, &times, DELIVERIES_MAX, now);
    s->wire.bind_deadline = now + s->config.bind_ms;
}

void smsc_lost(struct smsc_session *s)
{
    finish(s, SMSC_END_LOST);
}

void smsc_fini(struct smsc_session *s)
{
    smsc_lost(s);
    if (s->account != NULL)
        window_free(&s->window);
    wire_fini(&s->wire);
}

int smsc_outbind(struct smsc_session *s, struct str system_id, struct str password, struct err *e)
{
    struct pdu p;

    assert(s->state == SMSC_OPEN);
    pdu_start(&p, SMPP_OUTBIND, 0, 1);
    p.outbind = (struct pdu_outbind){.system_id = system_id, .password = password};
    return pdu_encode(&s->wire.urgent, &p, NULL, 0, e);
}

/* ---- answers --------------------------------------------------------------------------------- */

static enum smsc_state bound_as(uint32_t bind_id)
{
    if (bind_id == SMPP_BIND_TRANSMITTER)
        return SMSC_BOUND_TX;
    return bind_id == SMPP_BIND_RECEIVER ? SMSC_BOUND_RX : SMSC_BOUND_TRX;
}

void smsc_accept(struct smsc_session *s, struct smsc_account *account, int64_t now)
{
    char version = (char)MIN(s->peer_version, VERSION_50);
    struct smpp_tlv tlv = {SMPP_TAG_SC_INTERFACE_VERSION, {&version, 1}};
    struct pdu p;

    if (s->state != SMSC_BINDING)
        return;
    s->account = account;
    account->binds++;
    window_init(&s->window, account->window != 0 ? account->window : s->config.window,
                s->config.response_ms, 1);
    set_state(s, bound_as(s->bind_id));
    wire_heard(&s->wire, now);
    pdu_start(&p, s->bind_id | PDU_RESP, 0, s->bind_seq);
    p.bind_resp.system_id = s->config.system_id;
    /* 3.3 and older know no TLVs */
    say(s, &p, &tlv, s->peer_version >= SMPP_VERSION_34 ? 1 : 0);
}

void smsc_refuse(struct smsc_session *s, uint32_t status)
{
    assert(status != 0);
    if (s->state != SMSC_BINDING)
        return;
    say_plain(s, s->bind_id | PDU_RESP, status, s->bind_seq);
    finish(s, SMSC_END_REFUSED);
}

/* One that was told is answered now. */
static void settle(struct smsc_session *s, uint32_t id)
{
    assert(s->unanswered > 0);
    s->unanswered--;
    if (id == SMPP_SUBMIT_SM || id == SMPP_SUBMIT_MULTI || id == SMPP_DATA_SM) {
        s->queued--;
        s->account->queued--;
    }
}

void smsc_respond(struct smsc_session *s, uint32_t id, uint32_t seq, uint32_t status,
                  struct str message_id)
{
    struct pdu p;

    if (s->state == SMSC_CLOSED)
        return;
    settle(s, id);
    pdu_start(&p, id | PDU_RESP, status, seq);
    if (p.shape == PDU_SHAPE_message_id)
        p.message_id.message_id = str_head(message_id, 64);
    else if (p.shape == PDU_SHAPE_multi_resp)
        p.multi_resp.message_id = str_head(message_id, 64);
    else if (p.shape == PDU_SHAPE_query_resp)
        p.query_resp.message_id = str_head(message_id, 64);
    say(s, &p, NULL, 0);
}

void smsc_respond_multi(struct smsc_session *s, uint32_t seq, struct str message_id,
                        const struct pdu_list *failed)
{
    struct pdu p;

    if (s->state == SMSC_CLOSED)
        return;
    settle(s, SMPP_SUBMIT_MULTI);
    pdu_start(&p, SMPP_SUBMIT_MULTI_RESP, 0, seq);
    p.multi_resp.message_id = str_head(message_id, 64);
    p.multi_resp.failed = *failed;
    say(s, &p, NULL, 0);
}

void smsc_respond_query(struct smsc_session *s, uint32_t seq, const struct pdu_query_resp *found)
{
    struct pdu p;

    if (s->state == SMSC_CLOSED)
        return;
    settle(s, SMPP_QUERY_SM);
    pdu_start(&p, SMPP_QUERY_SM_RESP, 0, seq);
    p.query_resp = *found;
    say(s, &p, NULL, 0);
}

/* ---- deliveries ------------------------------------------------------------------------------ */

uint32_t smsc_room(const struct smsc_session *s)
{
    if (!in(s, IN(BOUND_RX) | IN(BOUND_TRX)) || s->wire.bulk.len > DELIVERIES_MAX - PDU_MAX)
        return 0;
    return window_room(&s->window);
}

int smsc_deliver(struct smsc_session *s, const struct pdu_sm *sm, const struct smpp_tlv *tlvs,
                 size_t count, uint64_t tag, int64_t now, struct err *e)
{
    size_t start = s->wire.bulk.len;
    struct pdu p;

    if (!in(s, IN(BOUND_RX) | IN(BOUND_TRX)))
        return err_set(e, ERR_BAD_STATE, "the ESME is %s", states[s->state].name);
    if (smsc_room(s) == 0)
        return err_set(e, ERR_BUSY, "the window is used up");
    pdu_start(&p, SMPP_DELIVER_SM, 0, 0);
    p.sm = *sm;
    /* 3.3 and older know no TLVs; a text that is in one has no other place */
    if (s->peer_version < SMPP_VERSION_34 && sm->message.n > 0)
        count = 0;
    if (pdu_encode(&s->wire.bulk, &p, tlvs, count, e) != 0)
        return -1;
    pdu_set_seq(&s->wire.bulk, start, window_open(&s->window, tag, now));
    s->stats.delivers++;
    return 0;
}

static void send_unbind(struct smsc_session *s)
{
    if (s->state != SMSC_UNBINDING || s->unbind_seq != 0 || s->window.used > 0)
        return;
    s->unbind_seq = window_reserve(&s->window);
    pdu_encode_header(&s->wire.bulk, SMPP_UNBIND, 0, s->unbind_seq);
}

void smsc_unbind(struct smsc_session *s, int64_t now)
{
    if (in(s, UNBOUND))
        finish(s, SMSC_END_UNBOUND);
    if (!in(s, BOUND))
        return;
    set_state(s, SMSC_UNBINDING);
    s->wire.unbind_deadline = now + s->config.unbind_ms;
    send_unbind(s);
}

bool smsc_take(struct smsc_session *s, struct buf *out, bool with_bulk)
{
    if (!wire_take(&s->wire, out, with_bulk))
        return false;
    wire_trim(&s->wire);
    return true;
}

/* ---- responses of the ESME ------------------------------------------------------------------- */

static void on_delivery_response(struct smsc_session *s, const struct pdu *p)
{
    uint64_t tag;
    enum window_found found = window_match(&s->window, p->seq, &tag);
    uint32_t status = p->status;

    if (found == WINDOW_UNKNOWN) {
        s->stats.unknown_responses++;
        return;
    }
    s->unheard = 0;
    if (p->id == SMPP_GENERIC_NACK && status == 0)
        status = SMPP_RUNKNOWNERR;
    s->stats.late += found == WINDOW_WAS_LATE;
    s->stats.delivered += status == 0;
    if (s->events->deliver_done != NULL)
        s->events->deliver_done(s->ctx, tag, status, found == WINDOW_WAS_LATE);
    send_unbind(s);
}

/* By sequence number alone, as in session.c. A stranger has nothing to answer. */
static void on_response(struct smsc_session *s, const struct pdu *p, int64_t now)
{
    if (in(s, UNBOUND) || p->seq == 0)
        s->stats.unknown_responses++;
    else if (p->seq == s->unbind_seq)
        finish(s, SMSC_END_UNBOUND);
    else if (!wire_enquire_answered(&s->wire, p->seq, now))
        on_delivery_response(s, p);
}

/* ---- requests of the ESME -------------------------------------------------------------------- */

static void on_bind(struct smsc_session *s, const struct pdu *p, int64_t now)
{
    set_state(s, SMSC_BINDING);
    s->bind_id = p->id;
    s->bind_seq = p->seq;
    s->wire.bind_deadline = now + s->config.bind_ms;
    s->peer_version = p->bind.interface_version;
    if (p->bind.interface_version > VERSION_50)
        smsc_refuse(s, SMPP_RBINDFAIL);
    else
        s->events->bind(s->ctx, p);
}

static void on_enquire(struct smsc_session *s, const struct pdu *p, int64_t now)
{
    (void)now;
    s->stats.enquires_in++;
    say_plain(s, SMPP_ENQUIRE_LINK_RESP, 0, p->seq);
}

static void on_unbind(struct smsc_session *s, const struct pdu *p, int64_t now)
{
    (void)now;
    say_plain(s, SMPP_UNBIND_RESP, 0, p->seq);
    finish(s, s->state == SMSC_UNBINDING ? SMSC_END_UNBOUND : SMSC_END_PEER_UNBOUND);
}

static void note_bad(struct smsc_session *s)
{
    s->stats.bad_requests++;
    if (s->account != NULL)
        s->account->bad_requests++;
}

/* 0, or why this submit is not told. The queue is asked first: what it refuses costs no token. */
static uint32_t admit(struct smsc_session *s, const struct pdu *p, int64_t now)
{
    bool twice;

    (void)pdu_text(p, &twice);
    if (twice) {
        note_bad(s);
        return SMPP_ROPTPARNOTALLWD;
    }
    if (s->account->behind || s->account->queued >= s->account->queue_max) {
        s->stats.over_queue++;
        s->account->over_queue++;
        return SMPP_RMSGQFUL;
    }
    if (!rate_take(&s->account->rate, now)) {
        s->stats.over_rate++;
        s->account->over_rate++;
        return SMPP_RTHROTTLED;
    }
    s->account->used++;
    return 0;
}

static void on_submit(struct smsc_session *s, const struct pdu *p, int64_t now)
{
    uint32_t status = admit(s, p, now);

    s->stats.submits++;
    if (status != 0) {
        say_plain(s, p->id | PDU_RESP, status, p->seq);
        return;
    }
    s->unanswered++;
    s->queued++;
    s->account->queued++;
    s->events->submit(s->ctx, p);
}

uint32_t smsc_manage_refusal(uint32_t id)
{
    switch (id) {
    case SMPP_QUERY_SM: return SMPP_RQUERYFAIL;
    case SMPP_CANCEL_SM: return SMPP_RCANCELFAIL;
    default: return SMPP_RREPLACEFAIL;
    }
}

static void on_manage(struct smsc_session *s, const struct pdu *p, int64_t now)
{
    (void)now;
    if (s->events->manage != NULL && s->unanswered < s->account->queue_max) {
        s->unanswered++;
        s->events->manage(s->ctx, p);
        return;
    }
    note_bad(s);
    say_plain(s, p->id | PDU_RESP, smsc_manage_refusal(p->id), p->seq);
}

static const struct rule {
    uint32_t id;
    unsigned states;
    uint32_t elsewhere; /* what answers it in another state */
    void (*handle)(struct smsc_session *s, const struct pdu *p, int64_t now);
} rules[] = {
    {SMPP_ENQUIRE_LINK, ~0u, 0, on_enquire},
    {SMPP_UNBIND, ~0u, 0, on_unbind},
    {SMPP_BIND_TRANSMITTER, IN(OPEN), SMPP_RALYBND, on_bind},
    {SMPP_BIND_RECEIVER, IN(OPEN), SMPP_RALYBND, on_bind},
    {SMPP_BIND_TRANSCEIVER, IN(OPEN), SMPP_RALYBND, on_bind},
    {SMPP_SUBMIT_SM, MAY_SUBMIT, SMPP_RINVBNDSTS, on_submit},
    {SMPP_SUBMIT_MULTI, MAY_SUBMIT, SMPP_RINVBNDSTS, on_submit},
    {SMPP_DATA_SM, MAY_SUBMIT, SMPP_RINVBNDSTS, on_submit},
    {SMPP_QUERY_SM, MAY_SUBMIT, SMPP_RINVBNDSTS, on_manage},
    {SMPP_CANCEL_SM, MAY_SUBMIT, SMPP_RINVBNDSTS, on_manage},
    {SMPP_REPLACE_SM, MAY_SUBMIT, SMPP_RINVBNDSTS, on_manage},
};

static const struct rule *rule_of(uint32_t id)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (rules[i].id == id)
            return &rules[i];
    return NULL;
}

static void refuse(struct smsc_session *s, const struct pdu *p, uint32_t status)
{
    bool nacked;

    note_bad(s);
    if (!wire_refuse(&s->wire, p, status, &nacked))
        finish(s, SMSC_END_FLOODED);
    s->stats.nacks_out += nacked;
}

/* fault: what decoding found, 0 for nothing. The state is asked first. */
static void on_request(struct smsc_session *s, const struct pdu *p, uint32_t fault, int64_t now)
{
    const struct rule *rule = rule_of(p->id);

    if (fault == SMPP_RINVCMDID || !wire_serves(p->id)) {
        refuse(s, p, SMPP_RINVCMDID);
    } else if (rule == NULL || !in(s, rule->states)) {
        s->stats.wrong_state++;
        refuse(s, p, rule == NULL ? SMPP_RINVBNDSTS : rule->elsewhere);
    } else if (fault != 0) {
        refuse(s, p, fault);
    } else {
        rule->handle(s, p, now);
    }
}

/* ---- bytes and time -------------------------------------------------------------------------- */

/* A stranger's PDU is its header, except a bind. */
static void on_frame(struct smsc_session *s, const uint8_t *at, size_t n, int64_t now)
{
    struct pdu p;
    struct err e;
    int rc = pdu_decode(at, in(s, UNBOUND) ? PDU_HEADER : n, &p, &e);

    s->stats.pdus_in++;
    if (s->state == SMSC_OPEN && rule_of(p.id) != NULL && rule_of(p.id)->handle == on_bind)
        rc = pdu_decode(at, n, &p, &e);
    if (!in(s, UNBOUND))
        wire_heard(&s->wire, now);
    if (pdu_is_response(p.id))
        on_response(s, &p, now);
    else
        on_request(s, &p, rc != 0 ? p.fault : 0, now);
}

size_t smsc_feed(struct smsc_session *s, const uint8_t *p, size_t n, int64_t now)
{
    enum pdu_framing framing = PDU_MORE;
    size_t used = 0, length;

    while (s->state != SMSC_CLOSED) {
        framing = wire_next(&s->wire, p, n, &used, &length, phase_of(s));
        if (framing != PDU_READY)
            break;
        on_frame(s, p + used, length, now);
        used += length;
    }
    if (framing == PDU_BAD_LENGTH) {
        s->stats.nacks_out++;
        finish(s, SMSC_END_BAD_LENGTH);
    }
    if (s->state == SMSC_CLOSED)
        return n;
    wire_fed(&s->wire, n, used, false, now);
    return used;
}

/* What it is told last it may read; nothing more is waited for. */
static void leave_deaf(struct smsc_session *s)
{
    pdu_encode_header(&s->wire.bulk, SMPP_UNBIND, 0, window_reserve(&s->window));
    finish(s, SMSC_END_DEAF);
}

static void tick_window(struct smsc_session *s, int64_t now)
{
    uint64_t tag;

    while (window_expire(&s->window, now, &tag)) {
        s->unheard++;
        tell_unknown(s, tag, false);
    }
    if (in(s, BOUND) && s->unheard >= MAX(s->config.deaf_max, 2 * s->window.limit))
        leave_deaf(s);
    send_unbind(s);
}

static void tick_enquire(struct smsc_session *s, int64_t now)
{
    if (!in(s, BOUND) || !wire_check(&s->wire, now))
        return;
    s->stats.enquires_out++;
    if (!wire_enquire(&s->wire, window_reserve(&s->window), now))
        finish(s, SMSC_END_FLOODED);
}

void smsc_tick(struct smsc_session *s, int64_t now)
{
    static const enum smsc_end ends[] = {
        [WIRE_BIND_LATE] = SMSC_END_BIND_TIMEOUT,
        [WIRE_SLOW] = SMSC_END_SLOW,
        [WIRE_DEAD] = SMSC_END_DEAD,
        [WIRE_UNBIND_LATE] = SMSC_END_UNBOUND,
    };
    enum wire_due due = wire_due(&s->wire, phase_of(s), now);

    if (s->state == SMSC_CLOSED)
        return;
    if (!in(s, UNBOUND))
        tick_window(s, now);
    if (due == WIRE_BIND_LATE && s->state == SMSC_BINDING)
        say_plain(s, s->bind_id | PDU_RESP, SMPP_RSYSERR, s->bind_seq);
    if (due != WIRE_NOTHING)
        finish(s, ends[due]);
    tick_enquire(s, now);
}

int64_t smsc_deadline(const struct smsc_session *s)
{
    int64_t at = wire_deadline(&s->wire, phase_of(s));

    if (s->state == SMSC_CLOSED)
        return INT64_MAX;
    return in(s, UNBOUND) ? at : MIN(at, window_deadline(&s->window));
}
