/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges over SMPP. See talk.h.
 *
 *   HEARD -- the turn's reply --> QUEUED -- written --> FLYING -- answered, or never --> gone
 *     |                             |                      |
 *     +------ moved on: gone -------+                      +-- moved on: its answer says nothing
 */
#include "gateway/ussd/talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/binds/binds.h"
#include "gateway/lib/basenc.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"
#include "gateway/lib/map.h"
#include "gateway/ussd/ring.h"

#define REPLY_MS       10000 /* a reply that could not be written by then meets nobody */
#define LOST_LINK_MS   10000 /* how late a carrier delivers again after a lost connection */
#define LOST_WORKER_MS 60000 /* the same after a killed worker, whose lease must end first */
#define RECENT         256   /* dialogues whose last message is known again */
#define SESSION_TEXT   64
#define WINDOW_SHARE   4 /* a quarter of the window is kept from bulk */
#define IDENTITY_BYTES 2048

static struct counter heard = COUNTER("coko_ussd_talk_heard_total", "Deliveries of USSD binds");
static struct counter replies = COUNTER("coko_ussd_talk_replies_total", "Replies over SMPP");
static struct counter alarm =
    GAUGE("coko_ussd_dialect_alarm", "1: the carrier refuses our questions, the profile is wrong");

/* The last message of a dialogue. */
struct recent {
    uint64_t dialogue;
    uint8_t step[SESSION_STEP_LEN];
    int64_t at_ms; /* wall clock, of its first sight; 0: empty */
    const struct bind *bind;
    uint32_t generation, epoch; /* of its connection */
    uint32_t repeat_ms;         /* how long before at_ms another process may have seen it first */
};

/* The connection that last brought something of a carrier. */
struct source {
    uint32_t generation, epoch;
    int64_t since_ms;
};

struct exchange {
    struct list node;
    struct bind_job job;
    struct talk *tk;
    const struct carrier *c;
    struct dialect_peer peer;
    uint32_t generation; /* of the connection that brought it; 0: we ring */
    char session[SESSION_TEXT];
    struct turn *turn; /* HEARD */
    uint64_t ring;     /* the row that is told what became of the push; 0: none, or told */
    char purpose[16];
    enum dialect_word ask;
    bool asks;     /* the reply waits for an answer */
    bool moved_on; /* the dialogue: what becomes of the reply says nothing */
    struct dialect_reply reply;
    struct loop_timer late;
};

struct talk {
    struct ussd *u;
    struct list exchanges;
    unsigned count;
    uint64_t next_key;
    struct recent recent[RECENT];
    unsigned recent_at;
    struct source *sources; /* one a carrier */
};

static void count(struct counter *family, const struct carrier *c, const char *label,
                  const char *value)
{
    char labels[96];

    snprintf(labels, sizeof labels, "carrier=\"%s\",%s=\"%s\"", c->profile.name, label, value);
    counter_inc(counter_with(family, labels));
}

/* ---- exchanges ---- */

/* What became of a push: told once. */
static void tell_ring(struct exchange *x, enum ring_event event, const char *why)
{
    uint64_t id = x->ring;

    x->ring = 0;
    if (id != 0)
        ring_over(x->tk->u->ring, id, event, why);
}

static void exchange_free(struct exchange *x)
{
    tell_ring(x, RING_NOT_SENT, "nothing was written");
    list_remove(&x->node);
    x->tk->count--;
    loop_timer_clear(&x->late);
    free(x);
}

/* Nobody waits for its reply any more. */
static void exchange_drop(struct exchange *x, const char *why)
{
    if (x->moved_on)
        return;
    count(&replies, x->c, "result", why);
    x->moved_on = true;
    if (x->turn) {
        turn_gone(x->turn);
        exchange_free(x);
    } else if (bind_drop(x->c->bind, &x->job)) {
        exchange_free(x);
    }
}

static void on_late(void *arg)
{
    exchange_drop(arg, "late");
}

static struct exchange *exchange_new(struct talk *tk, const struct carrier *c,
                                     const struct dialect_talk *t)
{
    struct exchange *x = calloc(1, sizeof *x);
    struct buf session;

    if (!x)
        abort();
    x->tk = tk;
    x->c = c;
    x->peer = t->peer;
    x->ask = DIALECT_ASK;
    if (!*x->peer.code && !str_to_c(c->short_code, x->peer.code, sizeof x->peer.code))
        x->peer.code[0] = '\0'; /* longer than an address: the carrier knows whose bind it is */
    buf_init_fixed(&session, x->session, sizeof x->session - 1);
    hex_encode(&session, t->key, t->key_len);
    if (t->key_len == 0)
        buf_addf(&session, "code:%s", x->peer.code);
    loop_timer_init(&x->late, tk->u->d.loop, on_late, x);
    loop_timer_set(&x->late, REPLY_MS);
    list_push_back(&tk->exchanges, &x->node);
    tk->count++;
    return x;
}

/* Those of one dialogue before x: it has moved on. x only names it when it is not to be heard. */
static void drop_earlier(struct exchange *x, const char *why)
{
    list_for_each_safe(node, &x->tk->exchanges)
    {
        struct exchange *other = container_of(node, struct exchange, node);

        if (other != x && other->c == x->c && strcmp(other->session, x->session) == 0 &&
            strcmp(other->peer.number, x->peer.number) == 0)
            exchange_drop(other, why);
    }
}

/* ---- the reply ---- */

static void queue_reply(struct exchange *x, enum dialect_word word, struct str text)
{
    struct talk *tk = x->tk;

    x->asks = word != DIALECT_CLOSE && word != DIALECT_PUSH_TELL;
    dialect_reply(&x->c->profile.dialect, &x->peer, word, text, &x->reply);
    if (x->reply.cut)
        count(&replies, x->c, "result", "cut");
    x->job = (struct bind_job){
        .key = tk->next_key++ % BIND_KEY_MAX, .client = BIND_USSD, .class = BIND_TALK, .parts = 1};
    bind_prefer(x->c->bind, &x->job, x->generation);
    bind_submit(x->c->bind, &x->job);
}

static void on_reply(void *arg, const struct profile *p, struct str body)
{
    struct exchange *x = arg;

    (void)p;
    x->turn = NULL;
    if (body.n == 0 || !bind_up(x->c->bind)) {
        count(&replies, x->c, "result", body.n == 0 ? "silent" : "down");
        exchange_free(x);
        return;
    }
    if (x->ring != 0 && body.p[0] == PROFILE_SAYS_END) {
        count(&replies, x->c, "result", "silent"); /* nobody is rung to be told nothing */
        exchange_free(x);
        return;
    }
    queue_reply(x, body.p[0] == PROFILE_SAYS_END ? DIALECT_CLOSE : x->ask, str_skip(body, 1));
}

static void on_detach(void *arg)
{
    exchange_free(arg);
}

static void turn_begin(struct exchange *x, enum ussd_kind kind, struct str input,
                       const struct recent *step)
{
    struct ussd_port port = {.send = on_reply, .detach = on_detach, .arg = x};
    struct ussd_event ev = {.kind = kind,
                            .session = str_c(x->session),
                            .number = str_c(x->peer.number),
                            .service_code = str_c(x->peer.code),
                            .network = STR_EMPTY,
                            .input = input,
                            .sequence = (uint32_t)step->at_ms,
                            .has_step = true,
                            .ring = str_c(x->purpose),
                            .repeat_ms = step->repeat_ms};

    memcpy(ev.step, step->step, sizeof ev.step);
    x->turn = turn_new(x->tk->u, x->c, &ev, port);
    turn_go(x->turn);
}

/* ---- the bind's client ---- */

static void fill(void *arg, struct bind_job *job, unsigned no, struct bind_scratch *scratch,
                 struct smpp_submit *out)
{
    const struct exchange *x = container_of(job, struct exchange, job);

    (void)arg;
    (void)no;
    (void)scratch;
    dialect_submit(&x->reply, &out->sm);
    out->tlvs = x->reply.tlvs;
    out->tlv_count = x->reply.ntlvs;
}

/* A question refused while its dialogue lives: our dialect is not the carrier's (node-smpp 221). */
static void raise_alarm(const struct exchange *x, bool on, uint32_t status)
{
    char labels[64];

    snprintf(labels, sizeof labels, "carrier=\"%s\"", x->c->profile.name);
    struct counter *gauge = counter_with(&alarm, labels);

    if (on && counter_value(gauge) == 0)
        log_error(NULL, "ussd question refused", "carrier=%s status=%s (0x%x): check its profile",
                  x->c->profile.name, smpp_status_name(status), status);
    counter_set(gauge, on);
}

static void done(void *arg, struct bind_job *job, unsigned no, enum bind_outcome outcome,
                 uint32_t status, struct str id)
{
    static const char *const results[] = {
        [BIND_ACCEPTED] = "accepted", [BIND_REFUSED] = "refused", [BIND_UNKNOWN] = "unknown"};
    static const enum ring_event ends[] = {[BIND_ACCEPTED] = RING_ACCEPTED,
                                           [BIND_REFUSED] = RING_REFUSED,
                                           [BIND_UNKNOWN] = RING_UNKNOWN};
    struct exchange *x = container_of(job, struct exchange, job);
    bool rung = x->ring != 0;

    (void)arg;
    (void)no;
    (void)id;
    tell_ring(x, ends[outcome], outcome == BIND_REFUSED ? smpp_status_name(status) : "");
    if (x->moved_on)
        return; /* counted when it did */
    count(&replies, x->c, "result", results[outcome]);
    if (x->asks && !rung && outcome != BIND_UNKNOWN) /* a phone that is away refuses no dialect */
        raise_alarm(x, outcome == BIND_REFUSED, status);
}

static void over(void *arg, struct bind_job *job)
{
    (void)arg;
    exchange_free(container_of(job, struct exchange, job));
}

static void changed(void *arg, struct bind *b)
{
    struct talk *tk = arg;

    if (bind_up(b))
        return;
    list_for_each_safe(node, &tk->exchanges)
    {
        struct exchange *x = container_of(node, struct exchange, node);

        if (x->c->bind == b && !x->turn)
            exchange_drop(x, "down");
    }
}

static bool quiet(void *arg, const struct bind *b)
{
    struct talk *tk = arg;

    list_for_each(node, &tk->exchanges)
    {
        if (container_of(node, struct exchange, node)->c->bind == b)
            return false;
    }
    return true;
}

static const struct bind_client_ops client = {
    .fill = fill, .done = done, .over = over, .changed = changed, .quiet = quiet};

/* ---- deliveries ---- */

static const struct carrier *carrier_of(const struct talk *tk, const struct bind *b)
{
    for (size_t i = 0; i < tk->u->ncarriers; i++) {
        if (tk->u->carriers[i].bind == b)
            return &tk->u->carriers[i];
    }
    return NULL;
}

/* All that the carrier would send again alike, under a key: it may hold what a reader typed (S5). */
static void identify(const struct talk *tk, const struct carrier *c, const struct dialect_talk *t,
                     struct str text, struct recent *out)
{
    char mem[IDENTITY_BYTES];
    uint8_t mac[32];
    struct buf b;

    buf_init_fixed(&b, mem, sizeof mem);
    buf_addf(&b, "%s %s %s ", c->profile.name, t->peer.number, t->peer.code);
    hex_encode(&b, t->key, t->key_len);
    out->dialogue = map_hash(buf_str(&b));
    buf_addf(&b, " %d %u ", (int)t->kind, t->peer.reference);
    hex_encode(&b, t->peer.info, t->peer.info_len);
    buf_addc(&b, ' ');
    buf_adds(&b, text);
    seal_lookup(tk->u->d.ring, STR("ussd step"), buf_str(&b), mac);
    memcpy(out->step, mac, SESSION_STEP_LEN);
    buf_wipe(&b);
}

static bool same_connection(const struct recent *a, const struct recent *b)
{
    return a->bind == b->bind && a->generation == b->generation && a->epoch == b->epoch;
}

/*
 * A connection so young that what it brings may be the unanswered rest of one that a killed worker
 * had: what that worker remembered died with it, the session tells then (hop.h).
 */
static bool is_young(const struct talk *tk, const struct carrier *c, const struct recent *seen)
{
    struct source *s = &tk->sources[c - tk->u->carriers];

    if (s->generation != seen->generation || s->epoch != seen->epoch)
        *s = (struct source){seen->generation, seen->epoch, seen->at_ms};
    return seen->at_ms - s->since_ms <= LOST_LINK_MS;
}

/*
 * Where the dialogue's last message is kept, now this one; *again tells that it is the same once more,
 * whose first sight then stands. A reader may type the same after something else.
 */
static struct recent *recent_of(struct talk *tk, const struct carrier *c, const struct recent *seen,
                                bool *again)
{
    bool young = is_young(tk, c, seen);
    struct recent *r = NULL;

    for (unsigned i = 0; i < RECENT && !r; i++) {
        if (tk->recent[i].at_ms != 0 && tk->recent[i].dialogue == seen->dialogue)
            r = &tk->recent[i];
    }
    *again =
        r && memcmp(r->step, seen->step, SESSION_STEP_LEN) == 0 &&
        seen->at_ms - r->at_ms <= (same_connection(r, seen) ? PROFILE_REPEAT_MS : LOST_LINK_MS);
    if (*again)
        return r;
    young = young && !r;
    if (!r)
        r = &tk->recent[tk->recent_at++ % RECENT];
    *r = *seen;
    r->repeat_ms = young ? LOST_WORKER_MS : 0;
    return r;
}

static void hear(struct talk *tk, const struct carrier *c, const struct dialect_talk *t,
                 struct str text, const struct recent *step)
{
    struct exchange *x = exchange_new(tk, c, t);

    x->generation = step->generation;
    drop_earlier(x, t->kind == DIALECT_ABORT ? "aborted" : "moved_on");
    if (t->kind == DIALECT_ABORT || t->kind == DIALECT_TOLD) {
        exchange_free(x);
        return;
    }
    if (t->kind == DIALECT_BEGIN && text.n == 0)
        text = str_c(x->peer.code); /* what was dialled may stand in the address alone */
    turn_begin(x, t->kind == DIALECT_BEGIN ? USSD_BEGIN : USSD_CONTINUE, text, step);
}

/* ROK, or why it is not taken. */
static uint32_t take(struct talk *tk, const struct carrier *c, const struct bind_delivery *d,
                     const struct pdu *pdu, struct buf *text)
{
    static const char *const kinds[DIALECT_KINDS] = {"begin", "answer", "told", "abort"};
    enum alphabet alphabet = (enum alphabet)bind_config_of(d->bind)->alphabet;
    struct recent seen = {.at_ms = clock_wall_us() / 1000,
                          .bind = d->bind,
                          .generation = d->generation,
                          .epoch = d->d.epoch};
    struct dialect_talk t;
    struct err e = {0};
    bool again;

    if (dialect_decode(&c->profile.dialect, pdu, alphabet, &t, text, &e) != 0) {
        log_info(NULL, "ussd delivery refused", "carrier=%s %s", c->profile.name, e.msg);
        count(&heard, c, "what", "malformed");
        return SMPP_RX_P_APPN;
    }
    if (tk->count >= TALK_MAX || tk->u->inflight >= USSD_TURNS_MAX) {
        count(&heard, c, "what", "full");
        return SMPP_RMSGQFUL;
    }
    identify(tk, c, &t, buf_str(text), &seen);
    struct recent *r = recent_of(tk, c, &seen, &again);

    if (again && same_connection(r, &seen)) {
        count(&heard, c, "what", "repeated");
        return SMPP_ROK;
    }
    r->generation = d->generation;
    r->epoch = d->d.epoch;
    count(&heard, c, "what", kinds[t.kind]);
    hear(tk, c, &t, buf_str(text), r);
    return SMPP_ROK;
}

static void on_delivery(void *arg, const struct bind_delivery *d, const struct pdu *pdu)
{
    struct talk *tk = arg;
    const struct carrier *c = carrier_of(tk, d->bind);
    char mem[4 * DIALECT_INPUT_MAX];
    struct buf text;

    if (!c) {
        bind_answer(d, SMPP_RX_P_APPN);
        return;
    }
    buf_init_fixed(&text, mem, sizeof mem);
    bind_answer(d, take(tk, c, d, pdu, &text));
    buf_wipe(&text);
}

static bool is_talk(void *arg, const struct bind *b, const struct pdu *pdu)
{
    const struct carrier *c = carrier_of(arg, b);

    return c && dialect_claims(&c->profile.dialect, pdu);
}

/* ---- ringing a reader ---- */

int talk_ring(struct talk *tk, const struct carrier *c, const struct talk_ring *r, struct err *e)
{
    struct recent step = {.at_ms = clock_wall_us() / 1000};
    struct dialect_talk t;
    uint16_t session;

    if (!bind_up(c->bind))
        return err_set(e, ERR_BAD_STATE, "the bind of %s is not here", c->profile.name);
    if (tk->count >= TALK_MAX || tk->u->inflight >= USSD_TURNS_MAX)
        return err_set(e, ERR_BUSY, "too many exchanges");
    crypto_random(&session, sizeof session);
    crypto_random(step.step, sizeof step.step);
    dialect_ring(&c->profile.dialect, r->number, session, &t);
    struct exchange *x = exchange_new(tk, c, &t);

    x->ring = r->id;
    if (!str_to_c(r->purpose, x->purpose, sizeof x->purpose))
        x->purpose[0] = '\0'; /* the menu then speaks as to who dialled */
    if (r->text.n > 0) {
        queue_reply(x, DIALECT_PUSH_TELL, r->text);
        return 0;
    }
    x->ask = DIALECT_PUSH_ASK;
    drop_earlier(x, "moved_on");
    turn_begin(x, USSD_BEGIN, STR_EMPTY, &step);
    return 0;
}

/* ---- opening ---- */

struct talk *talk_new(struct ussd *u)
{
    struct talk *tk = calloc(1, sizeof *tk);

    if (!tk || (tk->sources = calloc(u->ncarriers, sizeof *tk->sources)) == NULL)
        abort();
    tk->u = u;
    list_init(&tk->exchanges);
    for (size_t i = 0; i < u->ncarriers; i++) {
        struct bind *b = u->carriers[i].bind;

        if (b)
            bind_reserve(b, MAX(1u, (uint32_t)bind_config_of(b)->window / WINDOW_SHARE));
    }
    binds_set_client(u->d.binds, BIND_USSD, &client, tk);
    binds_set_sink(u->d.binds, BIND_TALK_IN, on_delivery, tk);
    binds_set_talk(u->d.binds, is_talk, tk);
    return tk;
}

bool talk_idle(const struct talk *tk)
{
    return tk->count == 0;
}

void talk_free(struct talk *tk)
{
    if (!tk)
        return;
    list_for_each_safe(node, &tk->exchanges)
    {
        struct exchange *x = container_of(node, struct exchange, node);

        bind_forget(x->c->bind, &x->job);
        exchange_free(x);
    }
    binds_set_client(tk->u->d.binds, BIND_USSD, NULL, NULL);
    binds_set_sink(tk->u->d.binds, BIND_TALK_IN, NULL, NULL);
    binds_set_talk(tk->u->d.binds, NULL, NULL);
    counter_forget(&heard);
    counter_forget(&replies);
    counter_forget(&alarm);
    free(tk->sources);
    free(tk);
}
