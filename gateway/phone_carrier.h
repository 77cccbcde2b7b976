/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A subscriber's phone and the USSD gateway of its carrier, without a socket: what is typed becomes
 * the carrier's callback body, the answer becomes a screen. The service cannot tell it from the
 * carrier's own gateway (wire formats: Africa's Talking, Hubtel Programmable Services).
 *
 *          phone_dial               body posted, phone_answered
 *   (no session) -----> body ready ------------------------------> open | ended
 *                           ^             phone_answer               |
 *                           +----------------------------------------+ open
 *
 * phone_call.body stays until the next input, so that the same hop can be delivered again. An
 * answer that the carrier would not accept (status, first word, no JSON) ends the session with the
 * reason in err, as it would on a network.
 *
 * Never: the daemon's own profiles. A phone that shared them would agree with their faults.
 */
#ifndef COKO_PHONE_CARRIER_H
#define COKO_PHONE_CARRIER_H

#include "gateway/lib/buf.h"

#define PHONE_SCREEN_SEPTETS 160 /* what every network shows */
#define PHONE_SCREEN_UCS2    80  /* UTF-16 units when one character is outside GSM 03.38 */
#define PHONE_ANSWER_MAX     (64 * 1024)

struct phone_call;

struct phone_carrier {
    const char *name;           /* the NAME of /ussd/NAME/SECRET */
    const char *title;          /* shown on the handset */
    const char *content_type;   /* of the callback */
    const char *default_number; /* E.164 with + */
    const char *network;        /* network code or operator */
    void (*write)(struct phone_call *c, struct str input, bool first);
    int (*read)(struct phone_call *c, struct str body, struct err *e);
};

struct phone_call {
    const struct phone_carrier *carrier;
    const char *number; /* borrowed, E.164 with + */
    const char *code;   /* borrowed, "*384*26#" */
    char session[40];
    unsigned hops;     /* inputs of this session, the dial included */
    bool open;         /* the service waits for an answer */
    struct buf path;   /* Africa's Talking: everything typed so far */
    struct buf echo;   /* Hubtel: ClientState of the last answer */
    struct buf body;   /* of the last callback */
    struct buf last;   /* answer to it, its octets */
    struct buf screen; /* as the subscriber reads it */
};

/* The carrier of this name, or NULL. */
const struct phone_carrier *phone_carrier_find(const char *name);

/* Names of all carriers, "a|b", for a usage line. */
const char *phone_carrier_names(void);

/* number and code are borrowed; number NULL: the carrier's default. */
void phone_call_init(struct phone_call *c, const struct phone_carrier *carrier, const char *number,
                     const char *code);
void phone_call_fini(struct phone_call *c);

/*
 * Opens a new session: c->body is what to post. dialled "" is the service code; a longer one
 * ("*384*26*1*2#") is a long dial. -1: the code is not under the service code, nothing changed.
 */
MUST_CHECK int phone_dial(struct phone_call *c, struct str dialled, struct err *e);

/* Answers the screen: c->body is what to post. -1: no session is open, nothing changed. */
MUST_CHECK int phone_answer(struct phone_call *c, struct str input, struct err *e);

/* The answer of the service to c->body. -1: the carrier would have dropped the session. */
MUST_CHECK int phone_answered(struct phone_call *c, int status, struct str body, struct err *e);

/* "97/160", or "12/80 UCS-2" when the text leaves GSM 03.38. Returns true when it fits. */
bool phone_screen_count(struct str screen, char *out, size_t cap);

#endif
