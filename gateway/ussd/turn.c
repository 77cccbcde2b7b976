/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The turn's machine. See turn.h for the picture.
 */
#include "gateway/ussd/turn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/lib/clock.h"
#include "gateway/lib/counter.h"
#include "gateway/lib/crypto.h"
#include "gateway/lib/log.h"
#include "gateway/ussd/insight.h"
#include "gateway/ussd/say.h"
#include "gateway/ussd/turn_parts.h"

#define SPARE_MAX  64
#define SAVE_TRIES 2

static struct counter verdicts = COUNTER("coko_ussd_verdicts_total", "Callbacks by what they were");
static struct counter screens = COUNTER("coko_ussd_screen_views_total", "Screens shown");
static struct counter invalid = COUNTER("coko_ussd_invalid_total", "Inputs refused with a reason");
static struct counter clipped = COUNTER("coko_ussd_clipped_total", "Screens the last guard cut");
static struct counter lost =
    COUNTER("coko_ussd_races_lost_total", "Turns answered with another worker's reply");
static struct counter failed =
    COUNTER("coko_ussd_failed_total", "Turns that ended in a polite END");
static struct counter took =
    HISTOGRAM("coko_ussd_hop_duration_seconds", "From callback to reply, by us");

static enum turn_state new_enter(struct turn *t);
static enum turn_state load_enter(struct turn *t);
static enum turn_state load_ready(struct turn *t);
static enum turn_state look_enter(struct turn *t);
static enum turn_state look_ready(struct turn *t);
static enum turn_state menu_enter(struct turn *t);
static enum turn_state fetch_enter(struct turn *t);
static enum turn_state fetch_ready(struct turn *t);
static enum turn_state hand_enter(struct turn *t);
static enum turn_state hand_ready(struct turn *t);
static enum turn_state act_enter(struct turn *t);
static enum turn_state act_ready(struct turn *t);
static enum turn_state guard_enter(struct turn *t);
static enum turn_state guard_ready(struct turn *t);
static enum turn_state save_enter(struct turn *t);
static enum turn_state save_ready(struct turn *t);
static enum turn_state failed_enter(struct turn *t);
static enum turn_state reply_enter(struct turn *t);
static enum turn_state late_enter(struct turn *t);
static enum turn_state late_ready(struct turn *t);
static enum turn_state keep_enter(struct turn *t);
static enum turn_state keep_ready(struct turn *t);
static enum turn_state done_enter(struct turn *t);

#define TO(s) (1u << TURN_##s)

static const struct turn_rule {
    const char *name;
    enum turn_state (*enter)(struct turn *t); /* start work: the next state, or TURN_WAIT */
    enum turn_state (*ready)(struct turn *t); /* t->op, of ACT and LATE t->act, ended or failed */
    unsigned out;
} rules[TURN_STATES] = {
    [TURN_NEW] = {"new", new_enter, NULL, TO(LOAD) | TO(FAILED)},
    [TURN_LOAD] = {"load", load_enter, load_ready,
                   TO(LOOK) | TO(MENU) | TO(SAVE) | TO(REPLY) | TO(FAILED)},
    [TURN_LOOK] = {"look", look_enter, look_ready, TO(MENU) | TO(FAILED)},
    [TURN_MENU] = {"menu", menu_enter, NULL,
                   TO(ACT) | TO(HAND) | TO(FETCH) | TO(SAVE) | TO(FAILED)},
    [TURN_FETCH] = {"fetch", fetch_enter, fetch_ready, TO(ACT) | TO(SAVE) | TO(FAILED)},
    [TURN_HAND] = {"hand", hand_enter, hand_ready, TO(ACT) | TO(FAILED)},
    [TURN_ACT] = {"act", act_enter, act_ready, TO(ACT) | TO(GUARD) | TO(SAVE) | TO(FAILED)},
    [TURN_GUARD] = {"guard", guard_enter, guard_ready, TO(SAVE) | TO(FAILED)},
    [TURN_SAVE] = {"save", save_enter, save_ready, TO(REPLY) | TO(SAVE) | TO(FAILED)},
    [TURN_FAILED] = {"failed", failed_enter, NULL, TO(REPLY)},
    [TURN_REPLY] = {"reply", reply_enter, NULL, TO(LATE) | TO(DONE)},
    [TURN_LATE] = {"late", late_enter, late_ready, TO(KEEP)},
    [TURN_KEEP] = {"keep", keep_enter, keep_ready, TO(DONE)},
    [TURN_DONE] = {"done", done_enter, NULL, 0},
};

const char *turn_state_name(enum turn_state s)
{
    return s < TURN_STATES ? rules[s].name : "wait";
}

unsigned turn_state_out(enum turn_state s)
{
    return rules[s].out;
}

static void turn_set_state(struct turn *t, enum turn_state next)
{
    assert(next == TURN_NEW || rules[t->state].out & 1u << next);
    log_debug(NULL, "turn", "session=%.8s %s -> %s", t->key.id.n ? t->key.id.p : "-",
              rules[t->state].name, rules[next].name);
    t->state = next;
}

static void turn_run(struct turn *t, enum turn_state next)
{
    while (next != TURN_WAIT) {
        turn_set_state(t, next);
        next = rules[next].enter(t);
    }
}

/* The only way back into a turn. */
static void turn_on_op(struct op *op)
{
    struct turn *t = container_of(op, struct turn, op);

    turn_run(t, rules[t->state].ready(t));
}

/* The action came back; while the screen for meanwhile is being stored it waits for LATE. */
static void turn_on_act(struct op *op)
{
    struct turn *t = container_of(op, struct turn, act);

    if (t->state == TURN_ACT || t->state == TURN_LATE)
        turn_run(t, rules[t->state].ready(t));
}

static enum turn_state give_up(struct turn *t, const char *sorry)
{
    t->sorry = sorry;
    return TURN_FAILED;
}

static enum turn_state act_too_long(struct turn *t);

static void on_deadline(void *arg)
{
    struct turn *t = arg;

    op_cancel(&t->op);
    turn_run(t, t->state == TURN_ACT    ? act_too_long(t)
                : t->state == TURN_HAND ? TURN_ACT
                                        : give_up(t, "busy"));
}

static void set_deadline(struct turn *t, unsigned after_ms)
{
    int64_t gone_ms = (clock_mono_us() - t->started_us) / 1000;

    loop_timer_set(&t->deadline, MAX(after_ms - gone_ms, 1));
}

static void count_labelled(struct counter *family, const char *label, const char *value)
{
    char labels[96];

    snprintf(labels, sizeof labels, "%s=\"%s\"", label, value);
    counter_inc(counter_with(family, labels));
}

/* ---- states ---- */

static enum turn_state new_enter(struct turn *t)
{
    const struct carrier *c = t->carrier;
    struct err e = {0};

    if (msisdn_parse(t->ev.number, c->country, &t->number, &e) != 0)
        return give_up(t, "bug");
    store_key(t->u->d.redis, t->u->d.ring, str_c(c->profile.name), t->ev.session,
              str_c(t->number.digits), &t->key);
    return TURN_LOAD;
}

static enum turn_state load_enter(struct turn *t)
{
    store_load(t->u->d.redis, &t->op, &t->key);
    return TURN_WAIT;
}

/* kind of the reply, which may be of an outcome's template of its own. */
static void render(struct turn *t, enum profile_reply kind, const struct menu_out *out,
                   struct str text)
{
    struct buf b;

    buf_init_fixed(&b, t->u->bench.reply, sizeof t->u->bench.reply);
    say_turn(t, kind, out, text, &b);
    t->reply_kind = kind < REPLIES ? kind : REPLY_SILENT;
    t->reply = arena_str(&t->arena, buf_str(&b));
}

/* An answer without a screen: nothing is shown, nothing stored. */
static enum turn_state reply_blank(struct turn *t, enum profile_reply kind)
{
    render(t, kind, NULL, STR_EMPTY);
    return TURN_REPLY;
}

/* A carrier that has each session begin once asks whether it lives, and begins it again after its
 * end: the end must be stored, and a last screen with it for an answer that the notice overtook (hard
 * case 22). It is stored where nothing is yet, too: the first hop is at work. The place where he was
 * stays for who dials again. */
static enum turn_state close_once(struct turn *t)
{
    t->gen = menus_current(&t->u->menus);
    turn_vars(t, false);
    render(t, REPLY_END, NULL, menu_sorry(t->gen->menu, &t->mt, STR_EMPTY, "gone"));
    t->tombstone = t->reply;
    render(t, REPLY_SILENT, NULL, STR_EMPTY);
    t->end = true;
    t->stored.pointed = false;
    return TURN_SAVE;
}

static enum turn_state load_ready(struct turn *t)
{
    struct err e = {0};

    if (op_failed(&t->op))
        return give_up(t, "down");
    struct str bytes = arena_str(&t->arena, store_loaded(&t->op));
    bool found = bytes.n > 0 && session_decode(bytes, &t->stored, &e) == 0;

    if (!found)
        t->stored = (struct ussd_session){.version = store_version(bytes)};
    store_run(t->u->d.redis, t->run);
    hop_decide(&t->carrier->profile, t->u->d.ring, &t->ev, found ? &t->stored : NULL, t->run,
               &t->hop);
    count_labelled(&verdicts, "verdict", t->hop.why);
    if (t->hop.kind == HOP_BEGIN) {
        crypto_random(t->stored.mark, sizeof t->stored.mark);
        t->stored.pointed = false;
        return turn_may_resume(t) ? TURN_LOOK : TURN_MENU;
    }
    if (t->hop.kind == HOP_SILENT && !t->stored.ended && t->carrier->profile.one_start)
        return close_once(t);
    if (t->hop.kind == HOP_SILENT)
        return reply_blank(t, REPLY_SILENT);
    if (t->hop.kind == HOP_REFUSED)
        return reply_blank(t, REPLY_REFUSED);
    if (t->hop.kind == HOP_REPLAY) {
        t->reply = t->stored.reply;
        return TURN_REPLY;
    }
    return TURN_MENU;
}

static enum turn_state look_enter(struct turn *t)
{
    store_pointer_key(t->u->d.redis, t->u->d.ring, str_c(t->number.digits), &t->pointer);
    store_load(t->u->d.redis, &t->op, &t->pointer);
    return TURN_WAIT;
}

/* A pointer that cannot be read (an answer of the server) is none; a server that is gone is. */
static enum turn_state look_ready(struct turn *t)
{
    if (!op_failed(&t->op))
        turn_resume(t, arena_str(&t->arena, store_loaded(&t->op)));
    else if (t->op.err.code != ERR_REDIS)
        return give_up(t, "down");
    return TURN_MENU;
}

static enum turn_state menu_gave(struct turn *t)
{
    const struct menu_out *out = &t->u->bench.out;

    if (out->kind == MENU_ACTION) {
        if (!turn_action_take(t))
            return give_up(t, "bug");
        return out->late ? TURN_FETCH : t->code.n ? TURN_HAND : TURN_ACT;
    }
    count_labelled(&screens, "screen", out->screen);
    t->screen = out->screen;
    t->invalid = out->invalid;
    if (out->invalid)
        counter_inc(&invalid);
    if (out->clipped)
        counter_inc(&clipped);
    t->end = out->end;
    render(t, t->end ? REPLY_END : REPLY_CONTINUE, out, out->text);
    return TURN_SAVE;
}

static enum turn_state menu_enter(struct turn *t)
{
    turn_menu_enter(t);
    return menu_gave(t);
}

static enum turn_state fetch_enter(struct turn *t)
{
    turn_late_key(t);
    store_load(t->u->d.redis, &t->op, &t->late);
    return TURN_WAIT;
}

static enum turn_state fetch_ready(struct turn *t)
{
    if (op_failed(&t->op))
        return give_up(t, "down");
    return turn_fetched(t, store_loaded(&t->op)) ? menu_gave(t) : TURN_ACT;
}

static enum turn_state hand_enter(struct turn *t)
{
    if (!turn_code_hand(t))
        return TURN_ACT;
    set_deadline(t, turn_code_ms(t));
    return TURN_WAIT;
}

/* However it ended: the rows say it. */
static enum turn_state hand_ready(struct turn *t)
{
    op_release(&t->op);
    return TURN_ACT;
}

static enum turn_state act_enter(struct turn *t)
{
    turn_action_send(t);
    set_deadline(t, turn_action_ms(t));
    return TURN_WAIT;
}

static enum turn_state act_ready(struct turn *t)
{
    if (turn_action_again(t))
        return TURN_ACT;
    set_deadline(t, t->carrier->profile.deadline_ms);
    turn_action_done(t);
    return menu_gave(t);
}

/* The carrier does not wait for it: the screen for meanwhile, or the menu's excuse. */
static enum turn_state act_too_long(struct turn *t)
{
    set_deadline(t, t->carrier->profile.deadline_ms);
    if (turn_may_wait(t))
        return TURN_GUARD;
    op_cancel(&t->act);
    turn_action_late(t);
    return menu_gave(t);
}

static enum turn_state guard_enter(struct turn *t)
{
    turn_late_key(t);
    turn_promise(t);
    return TURN_WAIT;
}

static enum turn_state guard_ready(struct turn *t)
{
    if (op_failed(&t->op))
        return give_up(t, "down");
    turn_promised(t);
    return menu_gave(t);
}

static enum turn_state save_enter(struct turn *t)
{
    struct store_write w;

    if (turn_write(t, &w) != 0)
        return give_up(t, "bug");
    store_save(t->u->d.redis, &t->op, &t->key, &w);
    return TURN_WAIT;
}

/*
 * Another hop was stored meanwhile, and its reply is what everybody gets (S1). The end of a dialogue is
 * told of no step: it is stored over that hop's, until one of them is an end.
 */
static enum turn_state save_lost(struct turn *t, const struct ussd_session *winner)
{
    if (t->hop.kind == HOP_SILENT) {
        t->stored = *winner;
        t->stored.pointed = false;
        return winner->ended ? TURN_REPLY : TURN_SAVE;
    }
    counter_inc(&lost);
    t->screen = NULL; /* the winner's is what was seen */
    t->reply = winner->reply;
    return TURN_REPLY;
}

/*
 * Redis lost between load and save: the step's effects are kept by PostgreSQL under the step key,
 * but the place is not. An END closes the dialogue, so that no later input meets an older screen.
 */
static enum turn_state save_ready(struct turn *t)
{
    struct ussd_session winner;
    struct err e = {0};
    struct str bytes;

    if (op_failed(&t->op))
        return give_up(t, "down");
    if (store_saved(&t->op, &bytes))
        return TURN_REPLY;
    if (bytes.n == 0 && ++t->tries < SAVE_TRIES) {
        t->stored.version = 0; /* it expired meanwhile */
        return TURN_SAVE;
    }
    bytes = arena_str(&t->arena, bytes);
    if (session_decode(bytes, &winner, &e) != 0)
        return give_up(t, "busy");
    return save_lost(t, &winner);
}

static enum turn_state failed_enter(struct turn *t)
{
    struct str lang = STR_EMPTY; /* hard case 41: his own, once it is known */

    if (t->menu)
        lang = menu_var(t->gen->menu, t->menu, "lang");
    if (!t->gen)
        t->gen = menus_current(&t->u->menus);
    count_labelled(&failed, "reason", t->sorry);
    turn_vars(t, false);
    render(t, REPLY_END, NULL, menu_sorry(t->gen->menu, &t->mt, lang, t->sorry));
    return TURN_REPLY;
}

static enum turn_state reply_enter(struct turn *t)
{
    counter_inc(t->carrier->hops[t->sorry ? REPLIES : t->reply_kind]);
    counter_observe_us(&took, clock_mono_us() - t->started_us);
    insight_turn(t->u->insight, t);
    if (t->port.send)
        t->port.send(t->port.arg, &t->carrier->profile, t->reply);
    t->port.send = NULL;
    return t->keeps ? TURN_LATE : TURN_DONE;
}

/* The database has a deadline of its own for the action, and Redis one for what follows. */
static enum turn_state late_enter(struct turn *t)
{
    loop_timer_clear(&t->deadline);
    return op_pending(&t->act) ? TURN_WAIT : TURN_KEEP;
}

static enum turn_state late_ready(struct turn *t)
{
    (void)t;
    return TURN_KEEP;
}

static enum turn_state keep_enter(struct turn *t)
{
    return turn_keep(t) ? TURN_WAIT : TURN_DONE;
}

static enum turn_state keep_ready(struct turn *t)
{
    turn_kept(t);
    return TURN_DONE;
}

/* ---- life ---- */

static void drop_ops(struct turn *t)
{
    op_cancel(&t->op);
    op_cancel(&t->act);
}

static void turn_free(struct turn *t)
{
    arena_fini(&t->arena);
    free(t);
}

/* At the end of the loop turn: nobody stands on it any more. */
static void turn_reap(void *arg)
{
    struct turn *t = arg;
    struct ussd *u = t->u;

    list_remove(&t->node);
    u->inflight--;
    if (u->nspare == SPARE_MAX) {
        turn_free(t);
        return;
    }
    u->nspare++;
    list_push_front(&u->spare, &t->node);
}

static enum turn_state done_enter(struct turn *t)
{
    loop_timer_clear(&t->deadline);
    drop_ops(t);
    turn_late_over(t);
    menus_leave(&t->u->menus, t->gen);
    loop_defer(t->u->d.loop, turn_reap, t);
    return TURN_WAIT;
}

void turn_free_all(struct ussd *u)
{
    struct list *node;

    while ((node = list_pop_front(&u->turns)) != NULL) {
        struct turn *t = container_of(node, struct turn, node);

        loop_timer_clear(&t->deadline);
        drop_ops(t);
        if (t->state != TURN_DONE)
            menus_leave(&t->u->menus, t->gen);
        if (t->port.send)
            t->port.detach(t->port.arg);
        turn_free(t);
    }
    while ((node = list_pop_front(&u->spare)) != NULL)
        turn_free(container_of(node, struct turn, node));
    u->inflight = u->nspare = u->late = 0;
}

static struct turn *turn_alloc(struct ussd *u)
{
    struct list *node = list_pop_front(&u->spare);
    struct turn *t;

    if (node) {
        struct arena kept;

        t = container_of(node, struct turn, node);
        u->nspare--;
        arena_reset(&t->arena);
        kept = t->arena;
        *t = (struct turn){.arena = kept};
    } else {
        t = calloc(1, sizeof *t);
        if (!t)
            abort();
        arena_init(&t->arena, TURN_ARENA_CHUNK, TURN_ARENA_MAX);
    }
    t->u = u;
    list_init(&t->node);
    list_push_back(&u->turns, &t->node);
    u->inflight++;
    return t;
}

static void keep_event(struct turn *t, const struct ussd_event *ev)
{
    t->ev = *ev;
    t->ev.session = arena_str(&t->arena, ev->session);
    t->ev.number = arena_str(&t->arena, ev->number);
    t->ev.service_code = arena_str(&t->arena, ev->service_code);
    t->ev.network = arena_str(&t->arena, ev->network);
    t->ev.language = arena_str(&t->arena, ev->language);
    t->ev.input = arena_str(&t->arena, ev->input);
    t->ev.token = arena_str(&t->arena, ev->token);
    t->ev.ring = arena_str(&t->arena, ev->ring);
    for (size_t i = 0; i < USSD_ECHOES; i++)
        t->ev.echo[i] = arena_str(&t->arena, ev->echo[i]);
}

struct turn *turn_new(struct ussd *u, const struct carrier *c, const struct ussd_event *ev,
                      struct ussd_port port)
{
    struct turn *t = turn_alloc(u);

    t->carrier = c;
    t->port = port;
    t->started_us = clock_mono_us();
    keep_event(t, ev);
    op_init(&t->op, u->d.loop, turn_on_op);
    op_init(&t->act, u->d.loop, turn_on_act);
    loop_timer_init(&t->deadline, u->d.loop, on_deadline, t);
    loop_timer_set(&t->deadline, c->profile.deadline_ms);
    return t;
}

void turn_go(struct turn *t)
{
    turn_run(t, TURN_NEW);
}

void turn_gone(struct turn *t)
{
    t->port.send = NULL;
}
