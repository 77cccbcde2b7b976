/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One callback of a carrier, in our words: what every profile reduces its request to.
 */
#ifndef COKO_USSD_EVENT_H
#define COKO_USSD_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/str.h"
#include "sessions/session.h"

enum ussd_kind {
    USSD_UNSAID,   /* the carrier does not say: the first sight of a session begins it */
    USSD_BEGIN,    /* a dialogue starts */
    USSD_CONTINUE, /* an answer to our last screen */
    USSD_ABORT,    /* the subscriber or the network closed it: no screen is wanted */
    USSD_TIMEOUT,  /* the same, by a timer */
    USSD_IGNORE,   /* to be acknowledged, and nothing else */
    USSD_STATUS,   /* the carrier asks whether the session lives */
};

/* Ceilings of what a field may hold; longer is malformed. */
#define USSD_SESSION_MAX 128
#define USSD_NUMBER_MAX  40
#define USSD_CODE_MAX    64
#define USSD_NETWORK_MAX 32
#define USSD_INPUT_MAX   2048 /* a whole path of hops (hard case 16) */
#define USSD_ECHO_MAX    128
#define USSD_ECHOES      4

struct ussd_event {
    enum ussd_kind kind;
    struct str session;           /* the carrier's id of the dialogue */
    struct str number;            /* as sent */
    struct str service_code;      /* as sent, may be empty */
    struct str network;           /* as sent, may be empty */
    struct str language;          /* its first word, two or three letters; may be empty */
    struct str input;             /* last input, or the whole path */
    struct str echo[USSD_ECHOES]; /* what only comes back in the reply */
    bool test;                    /* the carrier's own trials: no rail may see it (hard case 43) */
    struct str token;             /* of the link that was followed (link.h), may be empty */
    bool has_sequence;
    uint32_t sequence; /* with has_step: milliseconds of the clock at the message's first sight */
    bool has_step;     /* the message's own identity, hashed: nothing else tells its step */
    bool named;        /* and it has a name of its own: known however late it comes */
    uint8_t step[SESSION_STEP_LEN];
    struct str ring;    /* we began it: why, for the menu */
    uint32_t repeat_ms; /* alike within this it is the same step, where the profile's is shorter */
};

#endif
