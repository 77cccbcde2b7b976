/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of a profile: the requests that a carrier's gateway sends, and what it makes of
 * the answers, both from the file that the daemon reads (profile.h). So `coko phone`, the page at
 * /phone/ and `coko carrier` speak every carrier that has a file, and a new one needs no code.
 *
 *   phone_hop --phone_write--> phone_request ----> the daemon ----> bytes --phone_read--> phone_screen
 *
 * The writer turns the daemon's reading around: each field stands in the first of its places, the
 * fields that tell the kind have values that mean it. The reader matches the bytes with the reply's
 * templates; what matches none is what the carrier would refuse. Both have ceilings, since answers
 * come from a network. Pure.
 *
 * Sharing the profile, it shares the profile's faults: that a profile is the carrier's real format
 * is judged by the lab's phones, which share nothing with it (tests/lab).
 */
#ifndef COKO_PHONE_WIRE_H
#define COKO_PHONE_WIRE_H

#include "gateway/lib/buf.h"
#include "gateway/ussd/profile.h"

#define PHONE_TARGET_MAX  (16u * 1024)
#define PHONE_BODY_MAX    (64u * 1024)
#define PHONE_HEADERS_MAX 12

/* What a gateway knows when it sends a hop. Strings are borrowed; those that it has not are empty. */
struct phone_hop {
    enum ussd_kind kind; /* BEGIN, CONTINUE, ABORT, TIMEOUT */
    unsigned no;         /* of the session, from 1 */
    struct str session;
    struct str number; /* digits of E.164 */
    struct str code;   /* ours: "*384*26#" */
    struct str network;
    struct str input; /* the last one; at the beginning what was dialled */
    struct str path;  /* all inputs, '*' between, without the code */
    struct str user, password;
    struct str step, token, state; /* of the last screen */
};

struct phone_request {
    enum http_method method;
    struct buf target; /* behind the secret: "", "/x/y", "?a=b" */
    struct buf body;
    struct buf lines; /* headers, "Name: value\n" each */
    const char *type; /* of the body; NULL: there is none */
};

void phone_request_init(struct phone_request *rq);
void phone_request_fini(struct phone_request *rq);

/* Whether the carrier has a word for such a hop. */
bool phone_tells(const struct profile *p, enum ussd_kind kind);

/* Writes the hop into *rq, which is emptied first. -1: the carrier tells no such kind, or too long. */
MUST_CHECK int phone_write(const struct profile *p, const struct phone_hop *h,
                           struct phone_request *rq, struct err *e);

/* ---- an answer ---- */

/* A choice of a screen that the gateway draws itself. */
struct phone_choice {
    struct str key, label;
};

struct phone_screen {
    enum profile_reply kind;       /* CONTINUE, END, INPUT or SILENT */
    struct buf text;               /* as the subscriber reads it, choices included */
    struct buf step, token, state; /* to be sent with the next hop */
    struct phone_choice choices[MENU_OPTIONS_MAX];
    size_t nchoices;  /* 0: whatever is typed is sent */
    struct buf words; /* memory of the choices */
};

void phone_screen_init(struct phone_screen *s);
void phone_screen_fini(struct phone_screen *s);

/* The value of an answer's header, .p NULL where it has none. */
typedef struct str phone_header(void *arg, const char *name);

/*
 * Reads what came with status 200 into *s, which is emptied first. silent: an abort was sent, no
 * screen is wanted. -1 ERR_PROTOCOL: the carrier would have dropped the session.
 */
MUST_CHECK int phone_read(const struct profile *p, struct str body, phone_header *header, void *arg,
                          bool silent, struct phone_screen *s, struct err *e);

#endif
