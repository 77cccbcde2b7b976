/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes go socket -> rx -> session -> out -> socket. after() is the one place that moves what the
 * session wants to say, arms the timer and tears down a session that has ended; it runs at the end
 * of a turn, once, however many submits the turn brought.
 */
#include "smpp/link_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/lib/crypto.h"
#include "smpp/link_config.h"

#define OUT_MAX        (16u * 1024u * 1024u)
#define OUT_BUSY       (128u * 1024u) /* unsent bytes above which new requests wait */
#define REFUSED_MAX_MS 900000

static const struct {
    const char *name;
    unsigned next;
} states[LINK_STATES] = {
#define TO(s) (1u << LINK_##s)
    [LINK_IDLE] = {"idle", TO(RESOLVING) | TO(LISTENING) | TO(WAITING) | TO(STOPPED)},
    [LINK_RESOLVING] = {"resolving", TO(CONNECTING) | TO(WAITING) | TO(STOPPED)},
    [LINK_LISTENING] = {"listening", TO(CONNECTING) | TO(WAITING) | TO(STOPPED)},
    [LINK_CONNECTING] = {"connecting", TO(CONNECTING) | TO(BINDING) | TO(WAITING) | TO(STOPPED)},
    [LINK_BINDING] = {"binding", TO(BOUND) | TO(CONNECTING) | TO(WAITING) | TO(STOPPED)},
    [LINK_BOUND] = {"bound", TO(LEAVING) | TO(WAITING) | TO(STOPPED)},
    [LINK_LEAVING] = {"leaving", TO(STOPPED)},
    [LINK_WAITING] = {"waiting", TO(RESOLVING) | TO(LISTENING) | TO(STOPPED)},
    [LINK_STOPPED] = {"stopped", 0},
#undef TO
};

const char *link_state_name(enum link_state s)
{
    return states[s].name;
}

void link_set_state(struct link *k, enum link_state next)
{
    assert(states[k->state].next >> next & 1u);
    log_debug(&k->tag, "link state", "%s -> %s", states[k->state].name, states[next].name);
    k->state = next;
    k->state_at = loop_now_ms(k->loop);
}

static void try_next_address(struct link *k);
static void after(struct link *k);

static void note_error(struct link *k, const char *what, const char *why)
{
    (void)snprintf(k->status.last_error, sizeof k->status.last_error, "%s: %.70s", what, why);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static int64_t wait_after(struct link *k)
{
    bool refused = k->status.last_end == SESSION_END_REFUSED;

    if (refused && k->status.alarm)
        return link_backoff(k->config.refused_ms, k->refusals++, REFUSED_MAX_MS);
    if (refused && k->status.last_bind_status == SMPP_RALYBND)
        return k->config.already_bound_ms;
    return link_backoff(k->config.retry_min_ms, k->failures++, k->config.retry_max_ms);
}

static void wait_then_retry(struct link *k)
{
    int64_t ms = link_jitter(wait_after(k));

    link_set_state(k, LINK_WAITING);
    k->wait_until = loop_now_ms(k->loop) + ms;
    log_info(&k->tag, "link waits", "ms=%lld end=%s status=0x%x %s", (long long)ms,
             session_end_name(k->status.last_end), (unsigned)k->status.last_bind_status,
             k->status.last_error);
    loop_timer_set(&k->timer, ms);
}

static void become_stopped(struct link *k)
{
    link_set_state(k, LINK_STOPPED);
    loop_timer_clear(&k->timer);
    TELL(k, stopped);
}

/* ---- the session's events -------------------------------------------------------------------- */

static void on_bound(void *ctx, const struct pdu *resp)
{
    struct link *k = ctx;

    (void)resp;
    link_set_state(k, LINK_BOUND);
    k->bound_at = loop_now_ms(k->loop);
    k->status.binds++;
    k->status.last_bind_status = 0;
    k->status.alarm = false;
    k->status.last_error[0] = '\0';
    k->refusals = 0;
    log_info(&k->tag, "link bound", "peer version 0x%02x", k->session.peer_version);
    TELL(k, up);
}

static void on_bind_failed(void *ctx, uint32_t status)
{
    struct link *k = ctx;

    k->status.bind_failures++;
    k->status.last_bind_status = status;
    k->status.alarm =
        status == SMPP_RINVPASWD || status == SMPP_RINVSYSID || status == SMPP_RINVSYSTYP;
    log_write(k->status.alarm ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, &k->tag, "bind refused",
              "status=0x%x %s", (unsigned)status, smpp_status_text(status));
}

static void on_submit_done(void *ctx, uint64_t tag, uint32_t status, struct str id, bool late)
{
    struct link *k = ctx;

    TELL(k, submit_done, tag, status, id, late);
}

static void on_throttled(void *ctx, uint64_t tag)
{
    struct link *k = ctx;

    TELL(k, throttled, tag);
}

static void on_unknown(void *ctx, uint64_t tag)
{
    struct link *k = ctx;

    if (k->sink->unknown != NULL) /* also while dying: each tag is reported (M4) */
        k->sink->unknown(k->ctx, tag);
}

static void on_deliver(void *ctx, const struct pdu *p)
{
    struct link *k = ctx;
    struct link_delivery d = {.epoch = k->epoch, .id = p->id, .seq = p->seq};

    if (k->sink->deliver != NULL)
        k->sink->deliver(k->ctx, &d, p);
    else
        session_respond(&k->session, p->id, p->seq, SMPP_RX_T_APPN);
}

static void on_ready(void *ctx)
{
    struct link *k = ctx;

    TELL(k, ready);
}

static void on_session_closed(void *ctx, enum session_end why)
{
    struct link *k = ctx;

    k->status.last_end = why;
}

static const struct session_events session_events = {
    .bound = on_bound,
    .bind_failed = on_bind_failed,
    .submit_done = on_submit_done,
    .throttled = on_throttled,
    .unknown = on_unknown,
    .deliver = on_deliver,
    .ready = on_ready,
    .closed = on_session_closed,
};

/* ---- one connection -------------------------------------------------------------------------- */

void link_add_stats(struct session_stats *sum, const struct session_stats *one)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)one;

    _Static_assert(sizeof *sum % sizeof *to == 0, "session_stats holds counters only");
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

void link_drop_session(struct link *k)
{
    if (!k->has_session)
        return;
    session_lost(&k->session);
    k->has_session = false;
    k->next_seq = k->session.window.next_seq;
    link_add_stats(&k->status.stats, &k->session.stats);
    session_fini(&k->session);
}

/* The address takes connections and says nothing, or hangs up: another one may be the one that works.
 * A refusal is the carrier's word, whatever the address. */
static bool is_silent(const struct link *k)
{
    return k->state == LINK_BINDING && k->status.last_end != SESSION_END_REFUSED &&
           dial_left(&k->dial);
}

/* The only teardown of a connection: reports, closes, then decides what comes next. */
static void drop_connection(struct link *k)
{
    enum link_state was = k->state;

    link_drop_session(k);
    stream_close(&k->stream);
    buf_reset(&k->rx);
    loop_timer_clear(&k->timer);
    if (was == LINK_BOUND || was == LINK_LEAVING) {
        k->status.losses += was == LINK_BOUND;
        if (loop_now_ms(k->loop) - k->bound_at >= k->config.stable_ms)
            k->failures = 0;
        TELL(k, down, k->status.last_end);
    }
    if (k->state == LINK_STOPPED || k->dead)
        return;
    if (k->state == LINK_LEAVING)
        become_stopped(k);
    else if (k->state == LINK_CONNECTING || is_silent(k))
        try_next_address(k);
    else
        wait_then_retry(k);
}

static void on_open(void *arg)
{
    struct link *k = arg;
    struct session_config config = k->config.session;
    int64_t now = loop_now_ms(k->loop);
    struct err e;

    config.first_seq = k->next_seq;
    config.rate = link_rate_of(k);
    session_init(&k->session, &config, &session_events, k, now);
    k->has_session = true;
    k->epoch++;
    k->status.connects++;
    link_set_state(k, LINK_BINDING);
    if (session_bind(&k->session, now, &e) != 0)
        abort(); /* link_new has checked the credentials */
    after(k);
}

static void feed(struct link *k)
{
    size_t used =
        session_feed(&k->session, (const uint8_t *)k->rx.p, k->rx.len, 0, loop_now_ms(k->loop));

    buf_consume(&k->rx, used);
}

static void on_readable(void *arg)
{
    struct link *k = arg;
    ptrdiff_t n;
    int rounds = 0;

    do {
        char *at = buf_reserve(&k->rx, LINK_READ_CHUNK);

        assert(at != NULL); /* one incomplete PDU and a chunk always fit */
        n = stream_read(&k->stream, at, LINK_READ_CHUNK);
        if (n <= 0)
            break;
        buf_advance(&k->rx, (size_t)n);
        feed(k);
    } while (stream_has_more(&k->stream) && ++rounds < 8 && k->session.state != SESSION_CLOSED);
    if (rounds == 8) { /* others first; resuming asks for the rest */
        stream_pause(&k->stream);
        stream_resume(&k->stream);
    }
    after(k);
}

static void on_drained(void *arg)
{
    struct link *k = arg;

    if (k->has_session)
        session_tick(&k->session, loop_now_ms(k->loop));
    after(k);
}

static void on_transport_closed(void *arg, const struct err *why)
{
    struct link *k = arg;

    note_error(k, err_name(why->code), why->msg);
    k->status.last_end = SESSION_END_LOST;
    drop_connection(k);
}

static const struct stream_ops stream_ops = {
    .on_open = on_open,
    .on_readable = on_readable,
    .on_drained = on_drained,
    .on_closed = on_transport_closed,
};

static void arm(struct link *k)
{
    int64_t now = loop_now_ms(k->loop), at = session_deadline(&k->session, now);

    if (at == INT64_MAX)
        loop_timer_clear(&k->timer);
    else
        loop_timer_set(&k->timer, MAX(at - now, 0));
}

/* Moves what the session has to say; a session that ended takes its connection with it. */
static void after(struct link *k)
{
    if (!k->has_session || k->dead)
        return;
    if (session_take(&k->session, &k->stream.out, stream_unsent(&k->stream) < OUT_BUSY))
        stream_flush(&k->stream);
    if (k->session.state == SESSION_CLOSED)
        drop_connection(k);
    else
        arm(k);
}

static void after_deferred(void *arg)
{
    struct link *k = arg;

    k->after_queued = false;
    after(k);
}

void link_after_later(struct link *k)
{
    if (k->after_queued)
        return;
    k->after_queued = true;
    loop_defer(k->loop, after_deferred, k);
}

/* ---- names and addresses --------------------------------------------------------------------- */

static void try_next_address(struct link *k)
{
    struct dial_stream to = {.stream = &k->stream,
                             .ops = &stream_ops,
                             .arg = k,
                             .tls = k->config.tls,
                             .host = k->config.host,
                             .out_max = OUT_MAX};
    struct err e;

    while (dial_left(&k->dial)) {
        if (dial_next(&k->dial, &to, &e) == 0) {
            link_set_state(k, LINK_CONNECTING);
            loop_timer_set(&k->timer, k->config.connect_ms);
            return;
        }
        note_error(k, err_name(e.code), e.msg);
    }
    wait_then_retry(k);
}

void link_on_addresses(void *arg, unsigned count, const char *why)
{
    struct link *k = arg;

    if (count == 0)
        note_error(k, "name lookup", why);
    try_next_address(k);
}

/* ---- the carrier connects to us -------------------------------------------------------------- */

bool link_on_outbind(void *ctx, int fd, struct ssl_st *ssl, const struct pdu *p,
                     const char *address)
{
    struct link *k = ctx;

    if (k->state != LINK_LISTENING ||
        !str_eq_c(p->outbind.system_id, k->config.outbind_system_id) ||
        !crypto_eq(p->outbind.password, str_c(k->config.outbind_password)))
        return false;
    log_info(&k->tag, "outbind", "address=%s", address);
    stream_accepted(&k->stream, k->loop, fd, ssl, OUT_MAX, &stream_ops, k);
    link_set_state(k, LINK_CONNECTING);
    on_open(k);
    return true;
}

/* The socket stays while the link lives; one that cannot be had is tried again like a connection. */
static void wait_for_outbind(struct link *k)
{
    struct err e;

    if (k->outbind == NULL)
        k->outbind = outbind_new(k->loop, k->config.listen_host, k->config.listen_port,
                                 k->config.tls, k->config.outbind_ms, link_on_outbind, k, &e);
    if (k->outbind != NULL) {
        link_set_state(k, LINK_LISTENING);
        return;
    }
    note_error(k, err_name(e.code), e.msg);
    wait_then_retry(k);
}

void link_attempt(struct link *k)
{
    k->status.last_end = SESSION_END_NONE;
    if (k->config.listen_port != 0) {
        wait_for_outbind(k);
        return;
    }
    link_set_state(k, LINK_RESOLVING);
    loop_timer_set(&k->timer, k->config.connect_ms);
    dial_look_up(&k->dial, k->config.host, k->config.port);
}

void link_on_timer(void *arg)
{
    struct link *k = arg;

    switch (k->state) {
    case LINK_WAITING: link_attempt(k); break;
    case LINK_RESOLVING:
        dial_cancel(&k->dial);
        note_error(k, "name lookup", "timeout");
        wait_then_retry(k);
        break;
    case LINK_CONNECTING:
        note_error(k, "connect", "timeout");
        drop_connection(k);
        break;
    case LINK_STOPPED: TELL(k, stopped); break;
    default:
        if (k->has_session)
            session_tick(&k->session, loop_now_ms(k->loop));
        after(k);
    }
}
