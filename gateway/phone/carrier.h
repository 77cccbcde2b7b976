/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A subscriber's phone and the USSD gateway of its carrier, without a socket: what is typed becomes
 * the carrier's callback, the answer becomes a screen. The service cannot tell it from the carrier's
 * own gateway; what the carrier speaks is its profile's (wire.h).
 *
 *          phone_dial               request sent, phone_answered
 *   (no session) -----> request ------------------------------> open | ended
 *                           ^             phone_answer              |
 *                           +---------------------------------------+ open
 *
 * phone_call.request stays until the next input, so that the same hop can be delivered again. An
 * answer that the carrier would not accept ends the session with the reason in err, as it would on a
 * network.
 */
#ifndef COKO_PHONE_CARRIER_H
#define COKO_PHONE_CARRIER_H

#include "gateway/lib/msisdn.h"
#include "gateway/phone/wire.h"

#define PHONE_SCREEN_UCS2 80 /* UTF-16 units when one character is outside GSM 03.38 */
#define PHONE_ANSWER_MAX  (64 * 1024)
#define PHONE_SESSION_MAX 32

/* A card in the phone. Strings are borrowed; NULL and "" are the same. */
struct phone_sim {
    const char *number; /* E.164, with + or without; none: an example of the profile's country */
    const char *code;   /* "*384*26#" */
    const char *network;
    const char *user, *password; /* what the carrier's callbacks bring, where they do */
    const char *session;         /* the name of each session; none: drawn anew */
};

struct phone_call {
    const struct profile *profile;
    struct phone_sim sim;
    char number[MSISDN_MAX + 1];
    char session[PHONE_SESSION_MAX + 1];
    unsigned hops;   /* inputs of this session, the dial included */
    bool open;       /* the service waits for an answer */
    struct buf path; /* all that was typed, '*' between */
    struct phone_request request;
    struct buf last; /* the answer to it, its octets */
    struct phone_screen screen;
};

/* Reads NAME.json of dir; NULL after the reason in err. free() it. */
struct profile *phone_profile(const char *dir, const char *name, struct err *e);

/* The names of dir's profiles, sorted, with blanks between. */
void phone_profiles(const char *dir, struct buf *out);

/* A possible number of a country, "2250700000001"; of CI where the country is not known. */
void phone_example(const char *country, char out[MSISDN_MAX + 1]);

/* The profile is borrowed. */
void phone_call_init(struct phone_call *c, const struct profile *p, const struct phone_sim *sim);
void phone_call_fini(struct phone_call *c);

/*
 * Opens a new session: c->request is what to send. dialled "" is the service code; a longer one
 * ("*384*26*1*2#") is a long dial. -1: the code is not under the service code, nothing changed.
 */
MUST_CHECK int phone_dial(struct phone_call *c, struct str dialled, struct err *e);

/* Answers the screen: c->request is what to send. -1: no session is open, or the screen has links
 * and this is none of them; nothing changed. */
MUST_CHECK int phone_answer(struct phone_call *c, struct str input, struct err *e);

/* The carrier's notice of an end, USSD_ABORT or USSD_TIMEOUT. -1: it tells none, nothing changed. */
MUST_CHECK int phone_leave(struct phone_call *c, enum ussd_kind kind, struct err *e);

/* The answer of the service to c->request. -1: the carrier would have dropped the session. */
MUST_CHECK int phone_answered(struct phone_call *c, int status, struct str body,
                              phone_header *header, void *arg, struct err *e);

/* "97/160", or "12/80 UCS-2" when the text leaves GSM 03.38. Returns true when it fits. */
bool phone_screen_count(const struct profile *p, struct str screen, char *out, size_t cap);

#endif
