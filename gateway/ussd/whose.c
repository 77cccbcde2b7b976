/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See whose.h.
 *
 *   keep:    KEPT --> gone
 *   notice:  NUMBER --found--> a turn
 *            NUMBER --none---> gone
 *   status:  NUMBER --found--> SESSION --> told, by the session
 *            NUMBER --none---> told: not active
 *
 * Redis not answering tells a status as active: the carrier then leaves the reader alone.
 */
#include "gateway/ussd/whose.h"

#include <stdlib.h>

#define SEALED_MAX (SEAL_OVERHEAD + USSD_NUMBER_MAX)
#define KEPT_MAX   (USSD_SESSION_MAX + USSD_CODE_MAX + USSD_NETWORK_MAX + USSD_ECHOES * USSD_ECHO_MAX)

enum question { KEPT, NUMBER, SESSION };

struct asked {
    struct list node;
    struct whose *w;
    const struct carrier *c;
    enum question question;
    struct op op;
    struct ussd_event ev; /* its strings stand in mem */
    char mem[KEPT_MAX + USSD_NUMBER_MAX];
    struct buf kept;         /* of mem */
    struct http_exchange *x; /* a status; NULL: a notice */
    whose_tell *tell;
};

struct whose {
    struct ussd *u;
    struct list asked;
    unsigned count;
};

static void asked_free(struct asked *a)
{
    if (a->x)
        a->x->on_gone = NULL;
    list_remove(&a->node);
    a->w->count--;
    op_cancel(&a->op);
    op_release(&a->op);
    buf_wipe(&a->kept);
    free(a);
}

static void on_gone(struct http_exchange *x)
{
    struct asked *a = x->user;

    a->x = NULL;
    asked_free(a);
}

/* ---- the number under the session ---- */

/* No number is spelt so: a key of its own beside those of the sessions. */
static void number_key(const struct whose *w, const struct carrier *c, struct str session,
                       struct store_key *out)
{
    store_key(w->u->d.redis, w->u->d.ring, str_c(c->profile.name), session, STR("whose"), out);
}

static void tell_status(struct asked *a, bool active)
{
    struct http_exchange *x = a->x;

    x->on_gone = NULL;
    a->x = NULL;
    a->tell(a->w->u, a->c, &a->ev, active, x);
}

static bool number_found(struct asked *a)
{
    struct str sealed = op_failed(&a->op) ? STR_EMPTY : store_loaded(&a->op);
    size_t at = a->kept.len;
    struct err e = {0};

    if (sealed.n == 0 || seal_open(a->w->u->d.ring, STR("ussd whose"), sealed, &a->kept, &e) != 0)
        return false;
    a->ev.number = str_skip(buf_str(&a->kept), at);
    return true;
}

/* A turn without a port: the carrier has its answer. */
static void turn_of(struct asked *a)
{
    if (a->w->u->inflight < USSD_TURNS_MAX)
        turn_go(turn_new(a->w->u, a->c, &a->ev, (struct ussd_port){.send = NULL}));
}

/* The session's key is made from the number as a turn makes it. */
static bool ask_session(struct asked *a)
{
    struct store_key key;
    struct msisdn number;
    struct err e = {0};

    if (msisdn_parse(a->ev.number, a->c->country, &number, &e) != 0)
        return false;
    store_key(a->w->u->d.redis, a->w->u->d.ring, str_c(a->c->profile.name), a->ev.session,
              str_c(number.digits), &key);
    op_release(&a->op);
    a->question = SESSION;
    store_load(a->w->u->d.redis, &a->op, &key);
    return true;
}

static bool session_lives(const struct asked *a)
{
    struct ussd_session s;
    struct err e = {0};

    return session_decode(store_loaded(&a->op), &s, &e) == 0 && !s.ended;
}

static void on_answer(struct op *op)
{
    struct asked *a = container_of(op, struct asked, op);
    bool down = op_failed(op), found = a->question == NUMBER && number_found(a);

    if (found && !a->x)
        turn_of(a);
    else if (found && ask_session(a))
        return;
    else if (a->x)
        tell_status(a, down || (a->question == SESSION && session_lives(a)));
    asked_free(a);
}

/* ---- asking ---- */

static void keep_str(struct asked *a, struct str *s)
{
    size_t at = a->kept.len;

    buf_adds(&a->kept, *s);
    *s = str_skip(buf_str(&a->kept), at);
}

/* NULL when too many are in flight. */
static struct asked *asked_new(struct whose *w, const struct carrier *c,
                               const struct ussd_event *ev, enum question question)
{
    struct asked *a;

    if (w->count >= WHOSE_MAX)
        return NULL;
    a = calloc(1, sizeof *a);
    if (!a)
        abort();
    *a = (struct asked){.w = w, .c = c, .question = question, .ev = *ev};
    buf_init_fixed(&a->kept, a->mem, sizeof a->mem);
    keep_str(a, &a->ev.session);
    keep_str(a, &a->ev.service_code);
    keep_str(a, &a->ev.network);
    for (size_t i = 0; i < USSD_ECHOES; i++)
        keep_str(a, &a->ev.echo[i]);
    a->ev.number = a->ev.input = a->ev.token = STR_EMPTY; /* a notice has none */
    op_init(&a->op, w->u->d.loop, on_answer);
    list_push_back(&w->asked, &a->node);
    w->count++;
    return a;
}

void whose_keep(struct whose *w, const struct carrier *c, const struct ussd_event *ev)
{
    struct asked *a = asked_new(w, c, ev, KEPT);
    struct store_key key;
    char mem[SEALED_MAX];
    struct buf sealed;

    if (!a)
        return;
    number_key(w, c, ev->session, &key);
    buf_init_fixed(&sealed, mem, sizeof mem);
    seal_close(w->u->d.ring, STR("ussd whose"), ev->number, &sealed);
    redis_cmdf(w->u->d.redis, &a->op, "SET %s %b PX %d", key.text, sealed.p, sealed.len,
               WHOSE_TTL_MS);
}

static void ask_number(struct asked *a)
{
    struct store_key key;

    number_key(a->w, a->c, a->ev.session, &key);
    store_load(a->w->u->d.redis, &a->op, &key);
}

void whose_notice(struct whose *w, const struct carrier *c, const struct ussd_event *ev)
{
    struct asked *a = asked_new(w, c, ev, NUMBER);

    if (a)
        ask_number(a);
}

void whose_status(struct whose *w, const struct carrier *c, const struct ussd_event *ev,
                  struct http_exchange *x, whose_tell *tell)
{
    struct asked *a = asked_new(w, c, ev, NUMBER);

    if (!a) {
        tell(w->u, c, ev, true, x);
        return;
    }
    a->x = x;
    a->tell = tell;
    x->user = a;
    x->on_gone = on_gone;
    ask_number(a);
}

/* ---- life ---- */

struct whose *whose_new(struct ussd *u)
{
    struct whose *w = calloc(1, sizeof *w);

    if (!w)
        abort();
    w->u = u;
    list_init(&w->asked);
    return w;
}

bool whose_idle(const struct whose *w)
{
    return w->count == 0;
}

void whose_free(struct whose *w)
{
    if (!w)
        return;
    list_for_each_safe(node, &w->asked)
    {
        asked_free(container_of(node, struct asked, node));
    }
    free(w);
}
