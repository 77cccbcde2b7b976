/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See say.h.
 */
#include "gateway/ussd/say.h"

#include "gateway/lib/basenc.h"
#include "gateway/ussd/link.h"

#define OWN_LEN 4 /* of the dialogue's mark */

/* Our name of the dialogue; a token and a sealed number, where the carrier brings them back. */
struct seals {
    char own[2 * OWN_LEN];
    char token[LINK_TOKEN_LEN + 1];
    char state[PROFILE_STATE_MAX];
};

static void add_seals(const struct turn *t, struct profile_say *say, struct seals *s)
{
    const struct profile *p = &t->carrier->profile;
    const struct seal_ring *ring = t->u->d.ring;
    struct buf b;

    buf_init_fixed(&b, s->own, sizeof s->own);
    hex_encode(&b, t->stored.mark, OWN_LEN);
    say->own = buf_str(&b);
    if (p->fields[FIELD_TOKEN].n > 0) {
        link_token(ring, p->name, &t->ev, t->stored.mark, say->step, s->token);
        say->token = str_n(s->token, LINK_TOKEN_LEN);
    }
    if (p->fields[FIELD_STATE].n > 0) {
        buf_init_fixed(&b, s->state, sizeof s->state);
        link_seal(ring, p->name, t->ev.session, t->ev.number, t->ev.echo[0], &b);
        say->state = buf_str(&b);
    }
}

void say_turn(const struct turn *t, enum profile_reply kind, const struct menu_out *out,
              struct str text, struct buf *b)
{
    struct profile_say say = {.kind = kind,
                              .text = text,
                              .head = out ? out->head : text,
                              .ev = &t->ev,
                              .step = t->hop.sequence + 1,
                              .token = STR_EMPTY,
                              .state = STR_EMPTY,
                              .own = STR_EMPTY};
    struct seals seals;

    if (out) {
        say.options = out->options;
        say.noptions = out->noptions;
    }
    if (kind == REPLY_CONTINUE && out && out->input)
        say.kind = REPLY_INPUT;
    if (kind == REPLY_CONTINUE && t->ev.ring.n > 0 && *t->carrier->profile.reply[REPLY_PUSH_ASK])
        say.kind = REPLY_PUSH_ASK;
    if (kind == REPLY_CONTINUE || kind == REPLY_END)
        add_seals(t, &say, &seals);
    profile_render(&t->carrier->profile, &say, b);
}

static struct profile_say plain(const struct ussd_event *ev, enum profile_reply kind,
                                struct str text)
{
    return (struct profile_say){.kind = kind,
                                .text = text,
                                .head = text,
                                .ev = ev,
                                .token = STR_EMPTY,
                                .state = STR_EMPTY,
                                .own = STR_EMPTY};
}

void say_event(const struct carrier *c, const struct ussd_event *ev, enum profile_reply kind,
               struct str text, struct buf *b)
{
    struct profile_say say = plain(ev, kind, text);

    profile_render(&c->profile, &say, b);
}

void say_status(const struct carrier *c, const struct ussd_event *ev, bool active, struct buf *b)
{
    struct profile_say say = plain(ev, REPLY_STATUS, STR_EMPTY);

    say.active = active;
    profile_render(&c->profile, &say, b);
}
