/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See callback.h.
 *
 *   name, secret, network, certificate -> route -> credentials -> parse -> rate -> a turn
 *            404                         404 405       404         END     END
 *
 * Who is not let in gets a bare status. Who is gets the carrier's own success status whatever he
 * sends: gateways show their subscriber a bare error at anything else.
 */
#include "gateway/ussd/callback.h"

#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/log.h"
#include "gateway/ussd/insight.h"
#include "gateway/ussd/link.h"
#include "gateway/ussd/post.h"
#include "gateway/ussd/ring.h"
#include "gateway/ussd/say.h"
#include "gateway/ussd/whose.h"

static struct counter refused =
    COUNTER("coko_ussd_refused_total", "Callbacks refused before a turn");

/* ---- replies ---- */

static void reply_headers(struct http_exchange *x, const struct profile *p, enum profile_reply said)
{
    bool cached = false;

    for (unsigned i = 0; !p->asynchronous && i < p->nheaders; i++) {
        const char *value = p->headers[i].value[said];

        cached |= str_case_eq(str_c(p->headers[i].name), STR("Cache-Control"));
        if (*value)
            http_reply_header(x, p->headers[i].name, str_c(value));
    }
    if (!cached)
        http_reply_header(x, "Cache-Control", STR("no-store"));
}

static void reply_send(struct http_exchange *x, const struct carrier *c, struct str number,
                       struct str body)
{
    const struct profile *p = &c->profile;

    reply_headers(x, p, profile_said(p, &body));
    if (!profile_marked(body)) {
        http_reply(x, 200, p->content_type, body);
        return;
    }
    profile_fill(p, body, &(struct profile_fill){.url = str_c(c->url), .number = number},
                 http_reply_buf(x));
    http_reply_buf_send(x, 200, p->content_type);
}

static void refuse(struct http_exchange *x, unsigned status, const char *reason)
{
    counter_inc(counter_with(&refused, reason));
    http_reply(x, status, NULL, STR_EMPTY);
}

static void refuse_method(struct http_exchange *x, const char *allow)
{
    http_reply_header(x, "Allow", str_c(allow));
    refuse(x, 405, "reason=\"method\"");
}

/* Without a turn: nothing of the dialogue is looked at. */
static void answer(struct ussd *u, const struct carrier *c, const struct ussd_event *ev,
                   enum profile_reply kind, struct str text, struct http_exchange *x)
{
    struct buf b;

    buf_init_fixed(&b, u->bench.reply, sizeof u->bench.reply);
    say_event(c, ev, kind, text, &b);
    reply_send(x, c, ev->number, buf_str(&b));
}

/* A polite END at once, counted; key of the menu's "fail" texts. */
static void sorry(struct ussd *u, const struct carrier *c, const struct ussd_event *ev,
                  const char *reason, const char *key, struct http_exchange *x)
{
    struct arena arena;
    struct menu_turn mt = {.arena = &arena, .limits = c->profile.limits};

    arena_init(&arena, 2048, 1 << 16);
    counter_inc(counter_with(&refused, reason));
    counter_inc(c->hops[REPLIES]);
    answer(u, c, ev, REPLY_END, menu_sorry(u->menus.generations[0]->menu, &mt, STR_EMPTY, key), x);
    arena_fini(&arena);
}

static void tell_status(struct ussd *u, const struct carrier *c, const struct ussd_event *ev,
                        bool active, struct http_exchange *x)
{
    struct buf b;

    buf_init_fixed(&b, u->bench.reply, sizeof u->bench.reply);
    say_status(c, ev, active, &b);
    reply_send(x, c, ev->number, buf_str(&b));
}

/* Nobody waits for a screen after a notice, nor in the reply of a carrier that is called back; a
 * session of which nothing is known is left alone. */
static bool wants_screen(const struct carrier *c, const struct ussd_event *ev)
{
    return !c->profile.asynchronous && ev->kind < USSD_ABORT;
}

/* The end of a dialogue that is told by its session alone. */
static bool is_bare(const struct ussd_event *ev)
{
    return (ev->kind == USSD_ABORT || ev->kind == USSD_TIMEOUT) && ev->number.n == 0;
}

static void answer_blank(struct ussd *u, const struct carrier *c, const struct ussd_event *ev,
                         const char *reason, struct http_exchange *x)
{
    bool silent = !c->profile.asynchronous || is_bare(ev);

    counter_inc(counter_with(&refused, reason));
    if (ev->kind == USSD_STATUS)
        tell_status(u, c, ev, true, x);
    else
        answer(u, c, ev, silent ? REPLY_SILENT : REPLY_ACK, STR_EMPTY, x);
}

/* Full: the same as for any trouble (S3). */
static void shed(struct ussd *u, const struct carrier *c, const struct ussd_event *ev,
                 const char *reason, struct http_exchange *x)
{
    if (!wants_screen(c, ev)) {
        answer_blank(u, c, ev, reason, x);
        return;
    }
    insight_shed(c);
    sorry(u, c, ev, reason, "busy", x);
}

/* ---- the turn's port ---- */

static void port_send(void *arg, const struct profile *p, struct str body)
{
    struct http_exchange *x = arg;
    const struct turn *t = x->user;

    reply_send(x, container_of(p, struct carrier, profile), t->ev.number, body);
}

static void port_gone(struct http_exchange *x)
{
    turn_gone(x->user);
}

static void port_detach(void *arg)
{
    struct http_exchange *x = arg;

    x->on_gone = NULL;
    x->user = NULL;
}

/* ---- who comes in ---- */

static bool subject_right(const struct http_exchange *x, const struct carrier *c)
{
    if (!*c->subject)
        return true;
    return x->via_proxy && crypto_eq(http_header(x, c->subject_header), str_c(c->subject));
}

static struct carrier *carrier_find(struct ussd *u, const struct http_exchange *x, struct str *tail)
{
    struct str name, secret;

    str_cut(x->rest, '/', &name, &secret);
    str_cut(secret, '/', &secret, tail);
    while (tail->n > 0 && tail->p[tail->n - 1] == '/')
        tail->n--;
    for (size_t i = 0; i < u->ncarriers; i++) {
        struct carrier *c = &u->carriers[i];

        if (!str_eq(name, str_c(c->profile.name)))
            continue;
        bool right = *c->secret && crypto_eq(secret, str_c(c->secret));

        return right && (!c->nets || nets_have_address(c->nets, x->peer)) && subject_right(x, c)
                   ? c
                   : NULL;
    }
    return NULL;
}

/* What the carrier puts into each callback: an app id, or credentials that all its customers share. */
static bool credentials_right(const struct carrier *c, const struct profile_scratch *s)
{
    bool user = !*c->user || crypto_eq(s->value[FIELD_USER], str_c(c->user));
    bool password = !*c->password || crypto_eq(s->value[FIELD_PASSWORD], str_c(c->password));

    return user && password;
}

/* ---- what a callback brings ---- */

/*
 * The step of a message that nothing numbers: all that a repetition says again, under a key (S5). A
 * name of its own makes it the same however late it comes; else only within the profile's time.
 */
static void set_step(const struct ussd *u, const struct carrier *c, struct str message,
                     struct ussd_event *ev)
{
    char mem[USSD_INPUT_MAX + 2 * USSD_SESSION_MAX + 64];
    uint8_t mac[32];
    struct buf b;

    buf_init_fixed(&b, mem, sizeof mem);
    buf_addf(&b, "%s %d %zu %zu ", c->profile.name, (int)ev->kind, ev->session.n, message.n);
    buf_adds(&b, ev->session);
    buf_adds(&b, message);
    buf_adds(&b, ev->input);
    seal_lookup(u->d.ring, STR("ussd step"), buf_str(&b), mac);
    memcpy(ev->step, mac, SESSION_STEP_LEN);
    ev->has_step = true;
    ev->named = message.n > 0;
    ev->sequence = ev->named ? 0 : (uint32_t)(clock_wall_us() / 1000);
    buf_wipe(&b);
}

/* A number told once and brought back sealed; what else counts the steps. */
static int complete(const struct ussd *u, const struct carrier *c, struct profile_scratch *s,
                    struct ussd_event *ev, struct err *e)
{
    const struct profile *p = &c->profile;
    struct buf b;

    if (s->value[FIELD_STATE].n > 0) {
        buf_init_fixed(&b, s->text + s->used, sizeof s->text - s->used);
        if (link_open(u->d.ring, p->name, ev->session, s->value[FIELD_STATE], &b, &ev->number,
                      &ev->echo[0], e) != 0)
            return -1;
    }
    if (ev->token.n > 0 && !link_step(ev->token, &ev->sequence))
        ev->sequence = 0; /* it will not be genuine */
    if (p->repeat_ms > 0)
        set_step(u, c, s->value[FIELD_MESSAGE], ev);
    return 0;
}

/* POST number=..[&text=..] to /ussd/NAME/SECRET/ring: a row, which some worker pushes (ring.h). */
static void on_ring(struct ussd *u, const struct carrier *c, struct http_exchange *x)
{
    char number[USSD_NUMBER_MAX + 1], text[1024];
    ptrdiff_t n = http_form_value(x->body, "number", number, sizeof number);
    ptrdiff_t m = http_form_value(x->body, "text", text, sizeof text);

    if (x->method != HTTP_POST)
        refuse_method(x, "POST");
    else if (n <= 0 || m == -2)
        refuse(x, 400, "reason=\"malformed\"");
    else
        ring_ask(u->ring, c, str_n(number, (size_t)n), str_n(text, m > 0 ? (size_t)m : 0), x);
}

/* Over SMPP nothing else comes by HTTP, and the address without "ring" is its older name. */
static bool is_ring(const struct carrier *c, struct str tail)
{
    return c->ring_most > 0 && (str_eq_c(tail, "ring") || (c->bind && tail.n == 0));
}

/* For the notices that will name the session alone. */
static void keep_number(struct ussd *u, const struct carrier *c, const struct ussd_event *ev)
{
    if (c->profile.bare_notices && ev->kind == USSD_BEGIN)
        whose_keep(u->whose, c, ev);
}

static void begin_turn(struct ussd *u, const struct carrier *c, const struct ussd_event *ev,
                       struct http_exchange *x)
{
    struct ussd_port port = {.send = port_send, .detach = port_detach, .arg = x};
    struct turn *t = turn_new(u, c, ev, port);

    keep_number(u, c, ev);
    x->user = t;
    x->on_gone = port_gone;
    turn_go(t);
}

/* Acknowledged in any case; what there is no room for gets no screen, and its carrier's timer ends it. */
static void take_async(struct ussd *u, const struct carrier *c, const struct ussd_event *ev,
                       struct http_exchange *x)
{
    answer(u, c, ev, REPLY_ACK, STR_EMPTY, x);
    keep_number(u, c, ev);
    if (post_begin(u->post, c, ev) != 0)
        counter_inc(counter_with(&refused, "reason=\"busy\""));
}

static void take_status(struct ussd *u, const struct carrier *c, const struct ussd_event *ev,
                        struct http_exchange *x)
{
    if (u->whose)
        whose_status(u->whose, c, ev, x, tell_status);
    else
        tell_status(u, c, ev, true, x);
}

/* Nothing is shown to who left; whose dialogue it was may have to be looked up. */
static void take_bare(struct ussd *u, const struct carrier *c, const struct ussd_event *ev,
                      struct http_exchange *x)
{
    answer(u, c, ev, REPLY_SILENT, STR_EMPTY, x);
    if (c->profile.bare_notices)
        whose_notice(u->whose, c, ev);
}

static void take(struct ussd *u, struct carrier *c, const struct ussd_event *ev,
                 struct http_exchange *x)
{
    if (ev->kind == USSD_IGNORE)
        answer(u, c, ev, REPLY_SILENT, STR_EMPTY, x);
    else if (!rate_take(&c->rate, clock_mono_us() / 1000))
        shed(u, c, ev, "reason=\"rate\"", x);
    else if (ev->kind == USSD_STATUS)
        take_status(u, c, ev, x);
    else if (is_bare(ev))
        take_bare(u, c, ev, x);
    else if (u->inflight >= USSD_TURNS_MAX)
        shed(u, c, ev, "reason=\"busy\"", x);
    else if (c->profile.asynchronous)
        take_async(u, c, ev, x);
    else
        begin_turn(u, c, ev, x);
}

/* Who is let in: his credentials first, then what he says. */
static void hear(struct ussd *u, struct carrier *c, const struct profile_request *rq,
                 struct http_exchange *x)
{
    struct profile_scratch scratch;
    struct ussd_event ev;
    struct err e = {0};
    bool parsed = profile_parse(&c->profile, rq, &scratch, &ev, &e) == 0;

    if (!credentials_right(c, &scratch)) {
        refuse(x, 404, "reason=\"credentials\"");
    } else if (parsed && complete(u, c, &scratch, &ev, &e) == 0) {
        take(u, c, &ev, x);
    } else {
        log_info(NULL, "callback malformed", "%s", e.msg);
        if (wants_screen(c, &ev))
            sorry(u, c, &ev, "reason=\"malformed\"", "bug", x);
        else
            answer_blank(u, c, &ev, "reason=\"malformed\"", x);
    }
}

void callback_handle(struct http_exchange *x, void *arg)
{
    static const char *const allowed[] = {[METHOD_GET] = "GET",
                                          [METHOD_POST] = "POST",
                                          [METHOD_PUT] = "PUT",
                                          [METHOD_ANY] = "GET, POST"};
    struct ussd *u = arg;
    struct profile_request rq = {
        .method = x->method, .query = x->query, .body = x->body, .head = x->head};
    struct carrier *c = carrier_find(u, x, &rq.tail);

    if (c && is_ring(c, rq.tail)) {
        on_ring(u, c, x);
        return;
    }
    if (!c || c->bind) {
        refuse(x, 404, "reason=\"unknown\"");
        return;
    }
    rq.short_code = c->short_code;
    unsigned status = profile_route(&c->profile, &rq);

    if (status == 405)
        refuse_method(x, allowed[c->profile.method]);
    else if (status != 0)
        refuse(x, status, "reason=\"unknown\"");
    else
        hear(u, c, &rq, x);
}

void callback_forget(void)
{
    counter_forget(&refused);
}
