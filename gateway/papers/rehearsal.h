/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dialogue of a reader who dials for the first time, played without a socket, a database or Redis:
 * the phone's side writes the callback, and the daemon's own code reads it (profile_route,
 * profile_parse), decides what it is (hop_decide), walks the menu and renders the reply (say_turn).
 * What comes out are the bytes that a running daemon would answer, so that a document of them cannot
 * drift from it. Tokens and sealed values are made with a key of the rehearsal's own.
 *
 * Order of calls: rehearsal_new, rehearsal_dial, rehearsal_answer and rehearsal_leave as often as it
 * pleases, each giving one struct rehearsed; rehearsal_free.
 */
#ifndef COKO_PAPERS_REHEARSAL_H
#define COKO_PAPERS_REHEARSAL_H

#include "gateway/phone/carrier.h"
#include "menus/menu.h"

/* Borrowed; they outlive the rehearsal. */
struct rehearsal_of {
    const struct profile *profile;
    const struct menu *menu;
    struct phone_sim sim;
    const char *url;                       /* our callback address, as links hold it */
    const char *lang;                      /* of the reader */
    const char *send_user, *send_password; /* of replies that are posted */
};

/* One hop; everything lives until the next. */
struct rehearsed {
    const struct phone_request *request;
    enum profile_reply said; /* CONTINUE, END or SILENT */
    struct str reply;        /* with its marks filled */
    struct str ack;          /* of a carrier whose reply is posted */
    struct str screen;       /* as the subscriber reads it */
};

struct rehearsal;

struct rehearsal *rehearsal_new(const struct rehearsal_of *of);
void rehearsal_free(struct rehearsal *r);

/* -1: the menu asked for more than a first dial's own data, or the carrier tells no such kind. */
MUST_CHECK int rehearsal_dial(struct rehearsal *r, struct rehearsed *out, struct err *e);
MUST_CHECK int rehearsal_answer(struct rehearsal *r, struct str input, struct rehearsed *out,
                                struct err *e);
MUST_CHECK int rehearsal_leave(struct rehearsal *r, enum ussd_kind kind, struct rehearsed *out,
                               struct err *e);

/*
 * The menu alone, for a carrier over SMPP, of which the calls above know nothing: the first screen
 * (input NULL), or the next. Lives until the next call; *end: it is the last.
 */
MUST_CHECK int rehearsal_screen(struct rehearsal *r, const struct str *input, struct str *text,
                                bool *end, struct err *e);

/* A dial by what is no number: the last screen. */
MUST_CHECK int rehearsal_stranger(struct rehearsal *r, struct rehearsed *out, struct err *e);

#endif
