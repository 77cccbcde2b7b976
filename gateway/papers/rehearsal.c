/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See rehearsal.h. It stands where a turn stands: what the turn waits for (Redis, PostgreSQL) is
 * kept or known here.
 */
#include "gateway/papers/rehearsal.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/ussd/link.h"
#include "gateway/ussd/say.h"

#define ARENA_MAX   (4u << 20)
#define ACTIONS_MAX 4
#define STRANGER    "1000000002"
#define STEP_MS     10000 /* between two hops, where nothing but time tells them apart */

/* A key for this only: what it signs opens nothing. */
static const char example_key[] =
    "1:" /* one byte, 32 times */
    "4545454545454545454545454545454545454545454545454545454545454545";

struct rehearsal {
    struct rehearsal_of of;
    struct seal_ring *ring;
    struct ussd *u;
    struct carrier *c;
    struct arena arena;
    struct phone_call call;
    struct menu_state *menu;
    struct ussd_session stored;
    struct profile_scratch scratch;
    struct menu_out out;
    struct buf reply, ack;
};

struct rehearsal *rehearsal_new(const struct rehearsal_of *of)
{
    struct rehearsal *r = calloc(1, sizeof *r);
    struct err e = {0};

    if (!r)
        abort();
    r->of = *of;
    r->u = calloc(1, sizeof *r->u);
    r->c = calloc(1, sizeof *r->c);
    if (!r->u || !r->c || seal_ring_new(str_c(example_key), &r->ring, &e) != 0)
        abort();
    r->u->d.ring = r->ring;
    r->c->profile = *of->profile;
    r->c->short_code = str_c(of->sim.code);
    arena_init(&r->arena, 1 << 16, ARENA_MAX);
    buf_init(&r->reply, 64 * 1024);
    buf_init(&r->ack, 16 * 1024);
    phone_call_init(&r->call, of->profile, &of->sim);
    return r;
}

void rehearsal_free(struct rehearsal *r)
{
    if (!r)
        return;
    phone_call_fini(&r->call);
    buf_fini(&r->reply);
    buf_fini(&r->ack);
    arena_fini(&r->arena);
    seal_ring_free(r->ring);
    free(r->c);
    free(r->u);
    free(r);
}

/* ---- the request, as the server hands it over ---- */

static void head_of(const struct phone_request *rq, struct http_head *head)
{
    struct str rest = buf_str(&rq->lines), line;

    *head = (struct http_head){.method = rq->method};
    while (str_split(&rest, '\n', &line) && head->nheaders < HTTP_HEADERS_MAX) {
        struct http_header *h = &head->headers[head->nheaders];

        if (!str_cut(line, ':', &h->name, &h->value))
            continue;
        h->value = str_trim(h->value);
        head->nheaders++;
    }
}

static int parse(struct rehearsal *r, struct ussd_event *ev, struct err *e)
{
    const struct phone_request *out = &r->call.request;
    struct profile_request rq = {
        .method = out->method, .body = buf_str(&out->body), .short_code = str_c(r->of.sim.code)};
    struct http_head head;

    head_of(out, &head);
    rq.head = &head;
    (void)!str_cut(buf_str(&out->target), '?', &rq.tail, &rq.query);
    if (str_starts(rq.tail, STR("/")))
        rq.tail = str_skip(rq.tail, 1);
    if (profile_route(&r->c->profile, &rq) != 0)
        return err_set(e, ERR_BAD_INPUT, "the address is not the profile's");
    return profile_parse(&r->c->profile, &rq, &r->scratch, ev, e);
}

/* What callback.c adds to it: the number kept in a state, the step of a link, of a bare message. */
static int complete(struct rehearsal *r, struct ussd_event *ev, struct err *e)
{
    struct profile_scratch *s = &r->scratch;
    const struct profile *p = &r->c->profile;
    struct buf b;

    if (s->value[FIELD_STATE].n > 0) {
        buf_init_fixed(&b, s->text + s->used, sizeof s->text - s->used);
        if (link_open(r->ring, p->name, ev->session, s->value[FIELD_STATE], &b, &ev->number,
                      &ev->echo[0], e) != 0)
            return -1;
    }
    if (ev->token.n > 0 && !link_step(ev->token, &ev->sequence))
        return err_set(e, ERR_BAD_INPUT, "no token of ours");
    if (p->repeat_ms > 0) {
        ev->has_step = true;
        ev->sequence = r->call.hops * STEP_MS;
        ev->step[0] = (uint8_t)r->call.hops;
    }
    return 0;
}

/* ---- the menu ---- */

/* What auth.dial answers to a number that was never seen. */
static void first_dial(struct rehearsal *r, const struct menu_turn *mt)
{
    bool french = strcmp(r->of.lang, "fr") == 0; /* the other language, as most countries have it */
    const struct str cols[] = {STR("outcome"), STR("identity"), STR("user"),
                               STR("lang"),    STR("lang2"),    STR("lang2_name")};
    const struct str cells[] = {STR("new"),
                                STR("1"),
                                STR("1"),
                                str_c(r->of.lang),
                                french ? STR("en") : STR("fr"),
                                french ? STR("English") : STR("Français")};
    const struct menu_rows rows = {
        .nrows = 1, .ncols = ARRAY_LEN(cols), .cols = cols, .cells = cells};

    menu_resume(r->of.menu, r->menu, mt, &rows, &r->out);
}

/* What auth.welcomed answers to everybody. */
static void welcomed(struct rehearsal *r, const struct menu_turn *mt)
{
    const struct str cols[] = {STR("outcome")}, cells[] = {STR("ok")};
    const struct menu_rows rows = {.nrows = 1, .ncols = 1, .cols = cols, .cells = cells};

    menu_resume(r->of.menu, r->menu, mt, &rows, &r->out);
}

static bool asks_for(const struct rehearsal *r, const char *action)
{
    return r->out.kind == MENU_ACTION && strcmp(r->out.action->name, action) == 0;
}

static int walk(struct rehearsal *r, const struct hop *hop, struct err *e)
{
    const struct menu_var vars[] = {{STR("carrier"), str_c(r->c->profile.name)},
                                    {STR("country"), str_c(r->c->profile.country)},
                                    {STR("service_code"), str_c(r->of.sim.code)},
                                    {STR("step"), STR("rehearsal")},
                                    {STR("dial"), STR_EMPTY}};
    const struct menu_turn mt = {
        .arena = &r->arena, .limits = r->c->profile.limits, .vars = vars, .nvars = ARRAY_LEN(vars)};

    if (hop->kind == HOP_BEGIN) {
        r->menu = menu_state_new(r->of.menu, &r->arena);
        menu_begin(r->of.menu, r->menu, &mt, &r->out);
    } else {
        menu_input(r->of.menu, r->menu, &mt, hop->input, &r->out);
    }
    if (asks_for(r, "dial"))
        first_dial(r, &mt);
    if (asks_for(r, "welcomed"))
        welcomed(r, &mt);
    if (r->out.kind == MENU_SCREEN)
        return 0;
    return err_set(e, ERR_BAD_STATE, "the menu asks the database: %s", r->out.action->name);
}

/* ---- the reply ---- */

static void answer(struct rehearsal *r, const struct turn *t, enum profile_reply kind,
                   const struct menu_out *out, struct str text, struct rehearsed *done)
{
    const struct profile_fill fill = {.url = str_c(r->of.url),
                                      .user = str_c(r->of.send_user),
                                      .password = str_c(r->of.send_password),
                                      .stamp = STR("20260101120000"),
                                      .digest = STR("(MD5 of user, password and time)"),
                                      .number = t->ev.number};
    struct buf b;
    struct str body;

    buf_init(&b, 16 * 1024);
    say_turn(t, kind, out, text, &b);
    body = buf_str(&b);
    done->said = profile_said(t->carrier ? &t->carrier->profile : r->of.profile, &body);
    if (r->c->profile.nheaders == 0 && !r->c->profile.asynchronous)
        done->said = kind;
    buf_reset(&r->reply);
    buf_reset(&r->ack);
    profile_fill(&r->c->profile, body, &fill, &r->reply);
    if (r->c->profile.asynchronous)
        say_event(r->c, &t->ev, REPLY_ACK, STR_EMPTY, &r->ack);
    buf_fini(&b);
    done->request = &r->call.request;
    done->reply = buf_str(&r->reply);
    done->ack = r->ack.len > 0 ? str_skip(buf_str(&r->ack), 1) : STR_EMPTY;
    done->screen = text;
}

/* A header that says this outcome, whoever asks. */
struct said {
    const struct profile *p;
    enum profile_reply kind;
};

static struct str said_header(void *arg, const char *name)
{
    const struct said *s = arg;

    for (unsigned i = 0; i < s->p->nheaders; i++) {
        if (strcmp(s->p->headers[i].name, name) == 0)
            return str_c(s->p->headers[i].value[s->kind]);
    }
    return STR_EMPTY;
}

/* The daemon's side of the request that the phone holds. */
static int hear(struct rehearsal *r, struct rehearsed *done, struct err *e)
{
    struct turn t = {.u = r->u, .carrier = r->c};
    const uint8_t run[SESSION_RUN_LEN] = {0};

    if (parse(r, &t.ev, e) != 0 || complete(r, &t.ev, e) != 0)
        return -1;
    hop_decide(&r->c->profile, r->ring, &t.ev, r->stored.version > 0 ? &r->stored : NULL, run,
               &t.hop);
    if (t.hop.kind == HOP_SILENT) {
        answer(r, &t, REPLY_SILENT, NULL, STR_EMPTY, done);
        return 0;
    }
    if (t.hop.kind != HOP_BEGIN && t.hop.kind != HOP_INPUT)
        return err_set(e, ERR_BAD_STATE, "the hop was taken for %s", t.hop.why);
    if (walk(r, &t.hop, e) != 0)
        return -1;
    answer(r, &t, r->out.end ? REPLY_END : REPLY_CONTINUE, &r->out, r->out.text, done);
    r->stored = (struct ussd_session){.version = 1, .sequence = t.hop.sequence};
    memcpy(r->stored.step, t.hop.step, SESSION_STEP_LEN);
    return phone_answered(&r->call, 200, done->reply, said_header,
                          &(struct said){&r->c->profile, done->said}, e);
}

int rehearsal_screen(struct rehearsal *r, const struct str *input, struct str *text, bool *end,
                     struct err *e)
{
    const struct hop hop = {.kind = input ? HOP_INPUT : HOP_BEGIN,
                            .input = input ? *input : STR_EMPTY};

    if (walk(r, &hop, e) != 0)
        return -1;
    *text = r->out.text;
    *end = r->out.end;
    return 0;
}

int rehearsal_dial(struct rehearsal *r, struct rehearsed *out, struct err *e)
{
    r->stored = (struct ussd_session){0};
    if (phone_dial(&r->call, STR_EMPTY, e) != 0)
        return -1;
    return hear(r, out, e);
}

int rehearsal_answer(struct rehearsal *r, struct str input, struct rehearsed *out, struct err *e)
{
    if (phone_answer(&r->call, input, e) != 0)
        return -1;
    return hear(r, out, e);
}

int rehearsal_leave(struct rehearsal *r, enum ussd_kind kind, struct rehearsed *out, struct err *e)
{
    if (phone_leave(&r->call, kind, e) != 0)
        return -1;
    return hear(r, out, e);
}

int rehearsal_stranger(struct rehearsal *r, struct rehearsed *out, struct err *e)
{
    struct menu_turn mt = {.arena = &r->arena, .limits = r->c->profile.limits};
    struct turn t = {.u = r->u, .carrier = r->c};

    snprintf(r->call.number, sizeof r->call.number, "12");
    if (r->of.sim.session)
        r->call.sim.session = STRANGER;
    if (phone_dial(&r->call, STR_EMPTY, e) != 0 || parse(r, &t.ev, e) != 0 ||
        complete(r, &t.ev, e) != 0)
        return -1;
    answer(r, &t, REPLY_END, NULL, menu_sorry(r->of.menu, &mt, STR_EMPTY, "bug"), out);
    return 0;
}
