/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A turn: one exchange with a subscriber, from the carrier's callback to the reply.
 *
 *                               +-- the session expired meanwhile: save anew, once;
 *                               v  |   an end that lost to an open step: over that one
 *   NEW -> LOAD -> MENU -----> SAVE -+       compare-and-set; who loses sends the winner's reply
 *          | |     ^ | |        ^ |
 *          | v     | | +> ACT --+ |          ACT: one action, one prepared statement, and the next
 *          | LOOK -+ |    ^ ^|  | |          LOOK: a beginning; did a dialogue of his drop (S4)?
 *          |       HAND --+ ||  | |          HAND: a code for a payment rail goes to it, in memory
 *          |         v    | ++  | |
 *          |       FETCH -+-----+ |          FETCH: what became of an action of an earlier hop
 *          |                      v
 *          +-------------------> REPLY -> DONE     LOAD -> REPLY: a repeated step, the stored reply
 *
 *   LOAD -> SAVE: an abort closes a session that begins only once
 *   FAILED -> REPLY: a polite END, from anywhere before it
 *
 *   ACT -> GUARD -> SAVE -> REPLY -> LATE -> KEEP -> DONE: an action slower than its carrier goes on
 *   behind a screen that says so, and its end is kept for the next hop (turn_late.c; hard case 26)
 *
 * HAND waits for the rail as long as the carrier leaves time for the screen; the statement of ACT then
 * says what became of the code, or that an SMS follows (turn_code.c; S5).
 *
 * S1: one step, one reply, byte for byte: the reply is stored with the state before it is sent, and
 * who loses the compare-and-set sends the winner's. S3: one deadline a turn; on expiry everything
 * in flight is cut loose and the reply is a polite END.
 * A turn holds everything that survives a wait. The carrier may be gone before the reply: the turn
 * goes on, so that the state is right when the carrier repeats (hard case 28).
 */
#ifndef COKO_USSD_TURN_H
#define COKO_USSD_TURN_H

#include "gateway/io/nets.h"
#include "gateway/lib/arena.h"
#include "gateway/lib/list.h"
#include "gateway/lib/msisdn.h"
#include "gateway/ussd/hop.h"
#include "gateway/ussd/menus.h"
#include "gateway/ussd/ussd.h"
#include "menus/menu.h"
#include "sessions/resume.h"
#include "sessions/store.h"
#include "smpp/rate.h"

enum turn_state {
    TURN_NEW,
    TURN_LOAD,
    TURN_LOOK,
    TURN_MENU,
    TURN_FETCH,
    TURN_HAND,
    TURN_ACT,
    TURN_GUARD,
    TURN_SAVE,
    TURN_FAILED,
    TURN_REPLY,
    TURN_LATE,
    TURN_KEEP,
    TURN_DONE,
    TURN_STATES,
    TURN_WAIT = TURN_STATES, /* not a state: an op is pending */
};

/* A carrier in service. */
struct carrier {
    struct profile profile;
    const char *secret;
    char url[512];     /* the callback address, for links */
    struct nets *nets; /* NULL: from anywhere */
    const char *user;  /* "": not asked for */
    const char *password;
    const char *send_url; /* where asynchronous replies go, and as whom */
    const char *send_user;
    const char *send_password;
    const char *token_url; /* "": pushes bring no token */
    const char *client_id;
    const char *client_secret;
    const char *subject;
    char subject_header[64]; /* lower case */
    struct rate rate;        /* of callbacks */
    struct str short_code;
    const char *country;
    struct bind *bind;       /* over SMPP; else NULL */
    unsigned ring_most;      /* pushes at once; 0: its readers are not rung */
    struct counter *hops[4]; /* by outcome */
};

/* Where the reply goes. send is called exactly once, unless turn_gone came first. */
struct ussd_port {
    void (*send)(void *arg, const struct profile *p, struct str body);
    void (*detach)(void *arg); /* the turn dies unanswered (the room closes) */
    void *arg;
};

struct turn {
    struct list node; /* in ussd.turns, or in the free list */
    struct ussd *u;
    const struct carrier *carrier;
    enum turn_state state;
    struct arena arena;
    struct op op;  /* Redis, the port of codes */
    struct op act; /* the action; goes on behind the reply in LATE */
    struct loop_timer deadline;
    int64_t started_us;
    struct ussd_port port;

    struct ussd_event ev;
    struct msisdn number;
    struct store_key key, pointer;
    struct ussd_session stored; /* version 0: none; a beginning's own mark */
    struct hop hop;
    uint8_t run[SESSION_RUN_LEN];

    struct generation *gen; /* the menu that this dialogue stands on */
    struct menu_state *menu;
    bool again; /* menu is where an earlier dialogue of the reader dropped */
    struct menu_turn mt;
    const struct menu_action *action; /* from MENU on, while one is asked for */
    const struct str *args;           /* its, in the arena */
    struct str code;                  /* typed for a rail; from MENU to HAND, then wiped (S5) */
    struct str step;                  /* the key under which it has its effect (S2) */
    bool may_send;                    /* FETCH may send it when nothing is found */
    unsigned retried;                 /* times it was sent again */
    struct store_key late;            /* where its end is kept; set by FETCH and GUARD */
    bool guarded;                     /* the reply is the screen for meanwhile */
    bool keeps;                       /* and the action's end is ours to keep */
    bool end;                         /* the reply closes the dialogue */
    uint32_t opened;                  /* when it was left open, as stored; 0: it was not */
    const char *from, *screen;        /* before and after, the menu's names; NULL: none */
    bool invalid;                     /* the input was refused */
    unsigned tries;                   /* saves that lost their session to expiry */
    struct str reply;
    struct str tombstone; /* stored in place of the reply, where it is not empty */
    enum profile_reply reply_kind;
    const char *sorry; /* text key of the polite END, in FAILED */
};

/* What a step needs while it runs and no turn keeps over a wait: a parked turn stays small. */
struct turn_bench {
    struct menu_out out;
    char reply[SESSION_REPLY_MAX];
    char state[SESSION_STATE_MAX];
    char session[SESSION_MAX];
    char pointer[RESUME_MAX];
};

struct ussd {
    struct ussd_deps d;
    struct turn_bench bench;
    struct menus menus;
    struct carrier *carriers;
    size_t ncarriers;
    struct list turns;
    struct list spare;
    unsigned inflight;
    unsigned nspare;
    unsigned late;     /* turns whose action goes on behind its reply */
    struct talk *talk; /* NULL: no carrier over SMPP */
    struct ring *ring; /* NULL: no readers are rung */
    const char *owner; /* of what we claim */
    struct insight *insight;
    struct post *post;   /* NULL: no asynchronous carrier */
    struct whose *whose; /* NULL: every notice brings its number */
};

/* A turn for this callback, not yet running. The event's strings are copied. */
struct turn *turn_new(struct ussd *u, const struct carrier *c, const struct ussd_event *ev,
                      struct ussd_port port);

/* Runs it. The reply may come through the port before this returns; t is then no longer ours. */
void turn_go(struct turn *t);

/* The port is gone: nothing is sent, the turn ends in its own time. */
void turn_gone(struct turn *t);

/* Lets go of the counters with labels. */
void turn_forget(void);

/* Frees every turn: those in flight are cut loose and detached from their ports. */
void turn_free_all(struct ussd *u);

/* The table's facts, for the test that checks every state machine. */
const char *turn_state_name(enum turn_state s);
unsigned turn_state_out(enum turn_state s); /* bits of the legal next states */

#endif
