/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes go socket -> rx -> session -> out -> socket. after() is the one place that moves what the
 * session wants to say, arms the timer and tears down a session that has ended; it runs at the end
 * of a turn, once, however many submits the turn brought.
 */
#include "smpp/link.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/io/stream.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"
#include "smpp/dial.h"
#include "smpp/link_config.h"

#define READ_CHUNK     (64u * 1024u)
#define OUT_MAX        (16u * 1024u * 1024u)
#define OUT_BUSY       (128u * 1024u) /* unsent bytes above which new requests wait */
#define STRINGS        512
#define REFUSED_MAX_MS 900000

struct link {
    struct loop *loop;
    struct link_config config;
    char strings[STRINGS]; /* what config points at */
    const struct link_sink *sink;
    void *ctx;
    struct log_tag tag;
    enum link_state state;
    bool dead;         /* link_free was called */
    bool after_queued; /* after() comes at the end of the turn */
    struct loop_timer timer;
    struct dial dial; /* RESOLVING, CONNECTING, BINDING */
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

static const struct {
    const char *name;
    unsigned next;
} states[LINK_STATES] = {
#define TO(s) (1u << LINK_##s)
    [LINK_IDLE] = {"idle", TO(RESOLVING) | TO(STOPPED)},
    [LINK_RESOLVING] = {"resolving", TO(CONNECTING) | TO(WAITING) | TO(STOPPED)},
    [LINK_CONNECTING] = {"connecting", TO(CONNECTING) | TO(BINDING) | TO(WAITING) | TO(STOPPED)},
    [LINK_BINDING] = {"binding", TO(BOUND) | TO(CONNECTING) | TO(WAITING) | TO(STOPPED)},
    [LINK_BOUND] = {"bound", TO(LEAVING) | TO(WAITING) | TO(STOPPED)},
    [LINK_LEAVING] = {"leaving", TO(STOPPED)},
    [LINK_WAITING] = {"waiting", TO(RESOLVING) | TO(STOPPED)},
    [LINK_STOPPED] = {"stopped", 0},
#undef TO
};

const char *link_state_name(enum link_state s)
{
    return states[s].name;
}

static void set_state(struct link *k, enum link_state next)
{
    assert(states[k->state].next >> next & 1u);
    log_debug(&k->tag, "link state", "%s -> %s", states[k->state].name, states[next].name);
    k->state = next;
    k->state_at = loop_now_ms(k->loop);
}

#define TELL(k, event, ...)                                                                        \
    do {                                                                                           \
        if ((k)->sink->event != NULL && !(k)->dead)                                                \
            (k)->sink->event((k)->ctx, ##__VA_ARGS__);                                             \
    } while (0)

static void try_next_address(struct link *k);
static void after(struct link *k);

static struct rate *rate_of(struct link *k)
{
    return k->config.session.rate != NULL ? k->config.session.rate : &k->rate;
}

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

    set_state(k, LINK_WAITING);
    k->wait_until = loop_now_ms(k->loop) + ms;
    log_info(&k->tag, "link waits", "ms=%lld end=%s status=0x%x %s", (long long)ms,
             session_end_name(k->status.last_end), (unsigned)k->status.last_bind_status,
             k->status.last_error);
    loop_timer_set(&k->timer, ms);
}

static void become_stopped(struct link *k)
{
    set_state(k, LINK_STOPPED);
    loop_timer_clear(&k->timer);
    TELL(k, stopped);
}

/* ---- the session's events -------------------------------------------------------------------- */

static void on_bound(void *ctx, const struct pdu *resp)
{
    struct link *k = ctx;

    (void)resp;
    set_state(k, LINK_BOUND);
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

static void add_stats(struct session_stats *sum, const struct session_stats *one)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)one;

    _Static_assert(sizeof *sum % sizeof *to == 0, "session_stats holds counters only");
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

static void drop_session(struct link *k)
{
    if (!k->has_session)
        return;
    session_lost(&k->session);
    k->has_session = false;
    k->next_seq = k->session.window.next_seq;
    add_stats(&k->status.stats, &k->session.stats);
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

    drop_session(k);
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
    config.rate = rate_of(k);
    session_init(&k->session, &config, &session_events, k, now);
    k->has_session = true;
    k->epoch++;
    k->status.connects++;
    set_state(k, LINK_BINDING);
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
        char *at = buf_reserve(&k->rx, READ_CHUNK);

        assert(at != NULL); /* one incomplete PDU and a chunk always fit */
        n = stream_read(&k->stream, at, READ_CHUNK);
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

static void after_later(struct link *k)
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
            set_state(k, LINK_CONNECTING);
            loop_timer_set(&k->timer, k->config.connect_ms);
            return;
        }
        note_error(k, err_name(e.code), e.msg);
    }
    wait_then_retry(k);
}

static void on_addresses(void *arg, unsigned count, const char *why)
{
    struct link *k = arg;

    if (count == 0)
        note_error(k, "name lookup", why);
    try_next_address(k);
}

static void start_attempt(struct link *k)
{
    set_state(k, LINK_RESOLVING);
    k->status.last_end = SESSION_END_NONE;
    loop_timer_set(&k->timer, k->config.connect_ms);
    dial_look_up(&k->dial, k->config.host, k->config.port);
}

static void on_timer(void *arg)
{
    struct link *k = arg;

    switch (k->state) {
    case LINK_WAITING: start_attempt(k); break;
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

/* ---- the owner's calls ----------------------------------------------------------------------- */

static void print_tag(const void *obj, struct buf *out)
{
    log_field(out, "link", str_c(((const struct link *)obj)->config.name));
}

struct link *link_new(struct loop *l, const struct link_config *config,
                      const struct link_sink *sink, void *ctx, struct err *e)
{
    struct link *k = calloc(1, sizeof *k);

    if (k == NULL)
        abort();
    if (link_config_copy(&k->config, config, k->strings, sizeof k->strings, e) != 0) {
        free(k);
        return NULL;
    }
    k->loop = l;
    k->sink = sink;
    k->ctx = ctx;
    k->next_seq = config->session.first_seq;
    k->tag = (struct log_tag){.print = print_tag, .obj = k};
    buf_init(&k->rx, PDU_MAX + 2 * READ_CHUNK);
    rate_init(&k->rate, config->session.parts_per_s, config->session.burst, loop_now_ms(l));
    dial_init(&k->dial, l, on_addresses, k);
    loop_timer_init(&k->timer, l, on_timer, k);
    return k;
}

void link_start(struct link *k)
{
    assert(k->state == LINK_IDLE);
    start_attempt(k);
}

int link_submit(struct link *k, const struct smpp_submit *m, uint64_t tag, struct err *e)
{
    if (k->state != LINK_BOUND)
        return err_set(e, ERR_BAD_STATE, "the link is %s", states[k->state].name);
    if (session_submit(&k->session, m, tag, loop_now_ms(k->loop), e) != 0) {
        if (e->code == ERR_BUSY)
            after_later(k); /* arms the timer that says ready */
        return -1;
    }
    after_later(k);
    return 0;
}

uint32_t link_window_free(struct link *k)
{
    return k->state == LINK_BOUND ? session_room(&k->session, loop_now_ms(k->loop)) : 0;
}

void link_respond(struct link *k, const struct link_delivery *d, uint32_t status)
{
    if (!k->has_session || d->epoch != k->epoch)
        return;
    session_respond(&k->session, d->id, d->seq, status);
    after_later(k);
}

int link_reconfigure(struct link *k, const struct link_config *config, struct err *e)
{
    const struct session_config *s = &config->session;
    char mem[STRINGS];
    struct link_config fresh;
    int rc = link_config_copy(&fresh, config, mem, sizeof mem, e);

    /* it fits: so it does below. A session keeps no view of strings after its bind */
    if (rc == 0) {
        if (k->state == LINK_WAITING && !link_config_alike(&k->config, &fresh))
            loop_timer_set(&k->timer, 0);
        (void)!link_config_copy(&k->config, config, k->strings, sizeof k->strings, e);
        if (k->has_session)
            session_set_window(&k->session, s->window);
        rate_set(&k->rate, s->parts_per_s, s->burst, loop_now_ms(k->loop));
        after_later(k);
    }
    crypto_wipe(mem, sizeof mem);
    return rc;
}

void link_stop(struct link *k)
{
    if (k->state == LINK_LEAVING || k->state == LINK_STOPPED)
        return;
    if (k->state == LINK_BOUND) {
        set_state(k, LINK_LEAVING);
        session_unbind(&k->session, loop_now_ms(k->loop));
        after_later(k);
        return;
    }
    dial_cancel(&k->dial);
    drop_session(k);
    stream_close(&k->stream);
    set_state(k, LINK_STOPPED);
    loop_timer_set(&k->timer, 0);
}

void link_status_get(struct link *k, struct link_status *out)
{
    int64_t now = loop_now_ms(k->loop);

    *out = k->status;
    out->state = k->state;
    out->state_ms = now - k->state_at;
    out->room = link_window_free(k);
    out->wait_ms = k->state == LINK_WAITING ? MAX(k->wait_until - now, 0) : 0;
    out->bound_ms = k->state == LINK_BOUND ? now - k->bound_at : 0;
    if (!k->has_session)
        return;
    out->in_flight = k->session.window.used;
    out->paused = rate_of(k)->paused_until > now;
    out->rate_now = rate_now(rate_of(k));
    out->enquire_rtt = k->session.wire.enquire_rtt;
    add_stats(&out->stats, &k->session.stats);
}

static void free_link(void *arg)
{
    struct link *k = arg;

    buf_fini(&k->rx);
    crypto_wipe(k->strings, sizeof k->strings);
    free(k);
}

void link_free(struct link *k)
{
    if (k == NULL)
        return;
    k->dead = true;
    dial_cancel(&k->dial);
    loop_timer_clear(&k->timer);
    drop_session(k);
    stream_close(&k->stream);
    loop_defer(k->loop, free_link, k);
}
