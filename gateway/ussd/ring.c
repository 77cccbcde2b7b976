/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See ring.h.
 */
#include "gateway/ussd/ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/io/http_client.h"
#include "gateway/lib/basenc.h"
#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"
#include "gateway/ussd/post.h"
#include "gateway/ussd/ring_parts.h"
#include "gateway/ussd/say.h"
#include "gateway/ussd/talk.h"

#define POLL_MS         1000
#define SEND_MS         10000
#define SEND_BY_MS      10000 /* after the claim: with SEND_MS and the record, below its lease */
#define RECORD_RETRY_MS 1000
#define RECORD_TRIES    20 /* below the lease of a claim (messaging.ring_claim) */
#define SESSION_BYTES   16
#define NAMES_MAX       (USSD_CARRIERS_MAX * (PROFILE_NAME_MAX + 1) + 2)
#define NUMBERS_MAX     (USSD_CARRIERS_MAX * 12 + 2)
#define WHY_MAX         80

static struct counter results =
    COUNTER("coko_ussd_rings_total", "Readers rung, by what became of the push");
static struct counter flying = GAUGE("coko_ussd_rings_in_flight", "Pushes not answered yet");

PG_STMT(claim_stmt, "ring.claim", PG_BATCH, 3,
        "select ring_id, epoch, carrier, purpose, body, number_sealed"
        " from messaging.ring_claim($1, $2::text[], $3::int[])");
PG_STMT(end_stmt, "ring.end", PG_BATCH, 4,
        "select outcome from messaging.ring_end($1::bigint, $2::bigint, $3, $4)");

static const char *const events[RING_EVENTS] = {[RING_ACCEPTED] = "accepted",
                                                [RING_REFUSED] = "refused",
                                                [RING_UNKNOWN] = "unknown",
                                                [RING_NOT_SENT] = "not_sent"};

struct push {
    struct list node;
    struct ring *r;
    const struct carrier *c;
    int64_t id, epoch;
    char number[MSISDN_MAX + 1];
    char purpose[PURPOSE_MAX + 1];
    int64_t since_ms;
    struct turn *turn;          /* TURN */
    struct token_waiter waiter; /* TOKEN */
    struct buf body, bearer;    /* SEND: with its marks, and under which token; empty: none */
    bool refused;               /* a token was, once */
    struct op op;               /* SEND, then RECORD */
    bool ended;                 /* RECORD */
    enum ring_event event;
    char why[WHY_MAX];
    unsigned tries;
    struct loop_timer again;
};

/* ---- the record ------------------------------------------------------------------------------ */

static void push_free(struct push *p)
{
    list_remove(&p->node);
    counter_set(&flying, --p->r->npushes);
    loop_timer_clear(&p->again);
    op_cancel(&p->op);
    op_release(&p->op);
    token_forget(&p->waiter);
    buf_wipe(&p->body);
    buf_wipe(&p->bearer);
    crypto_wipe(p->number, sizeof p->number);
    free(p);
}

static void record(struct push *p)
{
    struct pg_params q;

    pg_params_init(&q);
    pg_p_int(&q, p->id);
    pg_p_int(&q, p->epoch);
    pg_p_text(&q, events[p->event]);
    pg_p_text(&q, p->why);
    pg_exec(p->r->u->d.pg, &p->op, &end_stmt, &q);
}

static void on_again(void *arg)
{
    record(arg);
}

static void on_recorded(struct push *p)
{
    if (!op_failed(&p->op)) {
        pg_wake_dirty(p->r->u->d.pg, MESSAGE_TOPIC); /* a confirmation of STOP may have waited */
        push_free(p);
        return;
    }
    log_err(LOG_LEVEL_WARN, NULL, "ring's end not recorded", &p->op.err);
    op_release(&p->op);
    if (++p->tries == RECORD_TRIES)
        push_free(p); /* its lease runs out: unknown, as far as the database knows */
    else
        loop_timer_set(&p->again, RECORD_RETRY_MS);
}

/* What became of it; from here on only the database is waited for. */
static void push_end(struct push *p, enum ring_event event, const char *why)
{
    char labels[96];

    p->ended = true;
    p->event = event;
    snprintf(p->why, sizeof p->why, "%s", why);
    snprintf(labels, sizeof labels, "carrier=\"%s\",result=\"%s\"", p->c->profile.name,
             events[event]);
    counter_inc(counter_with(&results, labels));
    log_info(NULL, "ring", "ring=%lld carrier=%s purpose=%s result=%s %s", (long long)p->id,
             p->c->profile.name, p->purpose, events[event], why);
    op_release(&p->op);
    record(p);
}

/* ---- over HTTP ------------------------------------------------------------------------------- */

static void post(struct push *p)
{
    const struct profile *pr = &p->c->profile;
    struct post_letter letter;

    post_letter_open(&letter, p->c, str_c(p->number), buf_str(&p->body));
    letter.fill.token = buf_str(&p->bearer);
    for (unsigned i = 0; i < pr->push.nheaders; i++) {
        if (profile_push_has(pr->push.headers[i].value, &letter.fill))
            post_letter_header(&letter, pr->push.headers[i].name, pr->push.headers[i].value);
    }
    post_letter_send(
        &letter, p->r->u->d.client, &p->op,
        &(struct http_request){.url = p->c->send_url, .timeout_ms = SEND_MS, .no_resend = true});
}

static void on_token(struct token_waiter *w, const char *value)
{
    struct push *p = container_of(w, struct push, waiter);

    if (!value) {
        push_end(p, RING_NOT_SENT, "no token");
    } else if (loop_now_ms(p->r->u->d.loop) - p->since_ms > SEND_BY_MS) {
        push_end(p, RING_NOT_SENT, "too late");
    } else {
        buf_reset(&p->bearer);
        buf_puts(&p->bearer, value);
        post(p);
    }
}

static void send_push(struct push *p)
{
    struct token *token = ring_token(p->r, p->c);

    if (token)
        token_want(token, &p->waiter);
    else
        post(p);
}

/* A 401 under a token: it may have ended early. True: sent again under a new one, once. */
static bool sent_again(struct push *p, const struct http_response *rs)
{
    if (p->bearer.len == 0 || rs->status != 401)
        return false;
    token_refused(ring_token(p->r, p->c), buf_cstr(&p->bearer));
    if (p->refused) {
        log_error(NULL, "carrier refuses our credentials", "carrier=%s", p->c->profile.name);
        return false;
    }
    p->refused = true;
    op_release(&p->op);
    send_push(p);
    return true;
}

/* 2xx, and the word that the profile wants: taken. A no that was said is a refusal; trouble over
 * there says nothing about what was done. */
static void on_answer(struct push *p)
{
    const struct http_response *rs = op_failed(&p->op) ? NULL : http_client_response(&p->op);
    char why[WHY_MAX];

    if (!rs) {
        push_end(p, p->op.unknown ? RING_UNKNOWN : RING_NOT_SENT, err_name(p->op.err.code));
        return;
    }
    if (sent_again(p, rs))
        return;
    bool taken = profile_push_taken(&p->c->profile, rs->body);

    snprintf(why, sizeof why, "http %d", rs->status);
    if (rs->status >= 200 && rs->status < 300)
        push_end(p, taken ? RING_ACCEPTED : RING_REFUSED, taken ? "" : "another word than success");
    else if (rs->status == 429 || rs->status == 503)
        push_end(p, RING_NOT_SENT, why);
    else
        push_end(p, rs->status < 500 ? RING_REFUSED : RING_UNKNOWN, why);
}

static void on_op(struct op *op)
{
    struct push *p = container_of(op, struct push, op);

    if (p->ended)
        on_recorded(p);
    else
        on_answer(p);
}

/* A name of ours for the dialogue: the answers come under it. */
static void name_session(char out[2 * SESSION_BYTES])
{
    uint8_t raw[SESSION_BYTES];
    struct buf b;

    crypto_random(raw, sizeof raw);
    buf_init_fixed(&b, out, 2 * SESSION_BYTES);
    hex_encode(&b, raw, sizeof raw);
}

static struct ussd_event event_of(const struct push *p, const char session[2 * SESSION_BYTES])
{
    struct ussd_event ev = {.kind = USSD_BEGIN,
                            .session = str_n(session, 2 * SESSION_BYTES),
                            .number = str_c(p->number),
                            .service_code = p->c->short_code,
                            .network = STR_EMPTY,
                            .input = STR_EMPTY,
                            .token = STR_EMPTY,
                            .ring = str_c(p->purpose)};

    for (size_t i = 0; i < USSD_ECHOES; i++)
        ev.echo[i] = STR_EMPTY;
    ev.sequence = (uint32_t)(clock_wall_us() / 1000);
    ev.has_step = true;
    crypto_random(ev.step, sizeof ev.step);
    return ev;
}

static void tell(struct push *p, struct str text)
{
    char session[2 * SESSION_BYTES], mem[SESSION_REPLY_MAX];
    struct arena arena;
    struct ussd_event ev;
    struct buf b;
    struct str body;

    name_session(session);
    ev = event_of(p, session);
    arena_init(&arena, 1024, 1 << 16);
    buf_init_fixed(&b, mem, sizeof mem);
    say_event(p->c, &ev, REPLY_PUSH_TELL, menu_fit(&arena, p->c->profile.limits, text), &b);
    arena_fini(&arena);
    body = buf_str(&b);
    (void)profile_said(&p->c->profile, &body);
    buf_adds(&p->body, body);
    send_push(p);
}

/* A first screen that asks is pushed; one that ends has nothing that a reader should be rung for. */
static void port_send(void *arg, const struct profile *pr, struct str body)
{
    struct push *p = arg;
    bool asks = !p->turn->end && !p->turn->sorry;

    p->turn = NULL;
    (void)profile_said(pr, &body);
    buf_adds(&p->body, body);
    if (asks)
        send_push(p);
    else
        push_end(p, RING_NOT_SENT, "no question to ask");
}

static void port_detach(void *arg)
{
    struct push *p = arg;

    p->turn = NULL;
}

static void ask(struct push *p)
{
    char session[2 * SESSION_BYTES];
    struct ussd_event ev;

    name_session(session);
    ev = event_of(p, session);
    p->turn = turn_new(p->r->u, p->c, &ev,
                       (struct ussd_port){.send = port_send, .detach = port_detach, .arg = p});
    turn_go(p->turn);
}

/* ---- over SMPP ------------------------------------------------------------------------------- */

void ring_over(struct ring *r, uint64_t id, enum ring_event event, const char *why)
{
    if (!r)
        return;
    list_for_each(node, &r->pushes)
    {
        struct push *p = container_of(node, struct push, node);

        if ((uint64_t)p->id == id && !p->ended) {
            push_end(p, event, why);
            return;
        }
    }
}

static void talk(struct push *p, struct str text)
{
    struct err e = {0};

    if (talk_ring(p->r->u->talk, p->c,
                  &(struct talk_ring){.id = (uint64_t)p->id,
                                      .number = str_c(p->number),
                                      .purpose = str_c(p->purpose),
                                      .text = text},
                  &e) != 0)
        push_end(p, RING_NOT_SENT, e.msg);
}

/* ---- claiming -------------------------------------------------------------------------------- */

static const struct carrier *carrier_named(const struct ussd *u, struct str name)
{
    for (size_t i = 0; i < u->ncarriers; i++) {
        if (str_eq_c(name, u->carriers[i].profile.name))
            return &u->carriers[i];
    }
    return NULL;
}

static bool open_number(struct push *p, const struct op *op, int row)
{
    char sealed[SEAL_OVERHEAD + MSISDN_MAX + 1];
    ptrdiff_t n = pg_bytea(op, row, 5, sealed, sizeof sealed);
    struct err e = {0};
    struct buf b;

    buf_init_fixed(&b, p->number, sizeof p->number - 1);
    return n > 0 &&
           seal_open(p->r->u->d.ring, STR("auth.identity"), str_n(sealed, (size_t)n), &b, &e) == 0;
}

static void push_begin(struct ring *r, const struct op *op, int row)
{
    struct push *p = calloc(1, sizeof *p);
    struct str body = pg_str(op, row, 4);

    if (!p)
        abort();
    p->r = r;
    p->id = pg_i64(op, row, 0);
    p->epoch = pg_i64(op, row, 1);
    p->c = carrier_named(r->u, pg_str(op, row, 2)); /* we asked for ours only */
    snprintf(p->purpose, sizeof p->purpose, "%s", pg_text(op, row, 3));
    p->since_ms = loop_now_ms(r->u->d.loop);
    p->waiter.fn = on_token;
    list_init(&p->waiter.node);
    buf_init(&p->body, SESSION_REPLY_MAX);
    buf_init(&p->bearer, sizeof(struct token_value));
    op_init(&p->op, r->u->d.loop, on_op);
    loop_timer_init(&p->again, r->u->d.loop, on_again, p);
    list_push_back(&r->pushes, &p->node);
    counter_set(&flying, ++r->npushes);
    if (!open_number(p, op, row))
        push_end(p, RING_REFUSED, "its number does not open");
    else if (p->c->bind)
        talk(p, body);
    else if (body.n > 0)
        tell(p, body);
    else
        ask(p);
}

static unsigned most_of(const struct ring *r, const struct carrier *c)
{
    unsigned flies = 0;

    list_for_each(node, &r->pushes) flies += container_of(node, struct push, node)->c == c;
    return MIN(c->ring_most - MIN(c->ring_most, flies), RING_MAX - r->npushes);
}

/* The carriers that we can push to now, and how many each, as array literals. */
static bool claimable(struct ring *r, struct buf *names, struct buf *most)
{
    bool any = false;

    buf_addc(names, '{');
    buf_addc(most, '{');
    for (size_t i = 0; i < r->u->ncarriers; i++) {
        const struct carrier *c = &r->u->carriers[i];

        if (c->ring_most == 0 || (c->bind && !bind_up(c->bind)))
            continue;
        buf_addf(names, "%s%s", any ? "," : "", c->profile.name);
        buf_addf(most, "%s%u", any ? "," : "", most_of(r, c));
        any = true;
    }
    buf_addc(names, '}');
    buf_addc(most, '}');
    return any;
}

static void claim(void *arg)
{
    struct ring *r = arg;
    char name_mem[NAMES_MAX], most_mem[NUMBERS_MAX];
    struct buf names, most;
    struct pg_params q;

    loop_timer_set(&r->poll, POLL_MS);
    if (r->draining || r->npushes == RING_MAX || op_pending(&r->claim))
        return;
    buf_init_fixed(&names, name_mem, sizeof name_mem);
    buf_init_fixed(&most, most_mem, sizeof most_mem);
    if (!claimable(r, &names, &most))
        return;
    pg_params_init(&q);
    pg_p_text(&q, r->u->owner);
    pg_p_str(&q, buf_str(&names));
    pg_p_str(&q, buf_str(&most));
    pg_exec(r->u->d.pg, &r->claim, &claim_stmt, &q);
}

static void on_claim(struct op *op)
{
    struct ring *r = container_of(op, struct ring, claim);

    if (op_failed(op))
        log_err(LOG_LEVEL_WARN, NULL, "rings not claimed", &op->err);
    for (int i = 0; !op_failed(op) && i < pg_rows(op); i++)
        push_begin(r, op, i);
    op_release(op);
}

static void on_wake(void *arg, const char *topic)
{
    struct ring *r = arg;

    (void)topic;
    if (!r->draining)
        loop_timer_set(&r->poll, 0);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct ring *ring_new(struct ussd *u)
{
    struct ring *r = calloc(1, sizeof *r);

    if (!r)
        abort();
    r->u = u;
    list_init(&r->pushes);
    list_init(&r->asks);
    ring_tokens_open(r);
    op_init(&r->claim, u->d.loop, on_claim);
    loop_timer_init(&r->poll, u->d.loop, claim, r);
    pg_wake_listen(u->d.pg, RING_TOPIC, on_wake, r);
    loop_timer_set(&r->poll, 0);
    return r;
}

void ring_drain(struct ring *r)
{
    if (!r)
        return;
    r->draining = true;
    loop_timer_clear(&r->poll);
}

bool ring_idle(const struct ring *r)
{
    return !r || (r->npushes == 0 && r->nasks == 0 && !op_pending(&r->claim));
}

void ring_free(struct ring *r)
{
    if (!r)
        return;
    loop_timer_clear(&r->poll);
    op_cancel(&r->claim);
    op_release(&r->claim);
    list_for_each_safe(node, &r->pushes)
    {
        struct push *p = container_of(node, struct push, node);

        if (p->turn)
            turn_gone(p->turn);
        push_free(p);
    }
    ring_asks_free(r);
    ring_tokens_free(r);
    counter_forget(&results);
    free(r);
}
