/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A USSD session as it is stored: a header, the menu's state as opaque bytes, and the last reply.
 *
 * One string, so that one GET reads it and one compare-and-set replaces it; the last reply stands
 * in it byte for byte, so that a repeated callback is answered without doing anything (S1). For
 * carriers that send the whole path the header keeps its length and a keyed hash, never the path
 * (S5): a PIN typed long ago would stand in it.
 *
 * Carriers use session ids again (hard case 5): the dialogue's mark is drawn when a dialogue begins
 * and kept to its end, so that step keys of two dialogues never meet (S2).
 *
 *   offset  size  field
 *        0     1  format, SESSION_FORMAT
 *        1     4  version, big endian: the compare-and-set key, 1 at first, never 0
 *        5     1  flags
 *        6     8  first half of the Redis run id's hash under which it was written
 *       14    16  hash of the step key whose reply is stored
 *       30     4  step sequence, or length of the path
 *       34     2  hops
 *       36     2  length of the menu state
 *       38     2  length of the reply
 *       40     8  the dialogue's mark
 *       48     4  when its last hop left it open, Unix seconds; 0 once it is closed
 *       52        menu state, reply
 *
 * Where the carrier names each of its messages, the names of the hops before the last one are kept too,
 * so that one which comes late is known (hard case 4): format 4, and before the menu state
 *
 *       52     1  how many, 1 to SESSION_PAST
 *       53  4 * n the first bytes of their step keys' hashes, the latest first
 *
 * Format 2, which a worker of the release before may have stored, has no time: 0.
 *
 * Pure: bytes in, bytes out.
 */
#ifndef COKO_SESSIONS_SESSION_H
#define COKO_SESSIONS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/buf.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"

#define SESSION_FORMAT     3
#define SESSION_FORMAT_4   4 /* with names of earlier hops */
#define SESSION_HEADER     52
#define SESSION_VERSION_AT 1 /* where the compare-and-set script looks */
#define SESSION_RUN_LEN    8
#define SESSION_STEP_LEN   16
#define SESSION_MARK_LEN   8
#define SESSION_PAST       8
#define SESSION_PAST_LEN   4
#define SESSION_STATE_MAX  4096
#define SESSION_REPLY_MAX  4096
#define SESSION_PAST_MAX   (1 + SESSION_PAST * SESSION_PAST_LEN)
#define SESSION_MAX        (SESSION_HEADER + SESSION_PAST_MAX + SESSION_STATE_MAX + SESSION_REPLY_MAX)

struct ussd_session {
    uint32_t version; /* 0: not stored yet */
    bool ended;       /* the last reply closed the dialogue: a tombstone */
    bool pointed;     /* the reader's pointer (resume.h) was last written by this dialogue */
    uint8_t run[SESSION_RUN_LEN];
    uint8_t step[SESSION_STEP_LEN];
    uint8_t mark[SESSION_MARK_LEN];
    uint32_t sequence;
    uint16_t hops;
    uint32_t opened; /* Unix seconds */
    unsigned npast;
    uint8_t past[SESSION_PAST][SESSION_PAST_LEN]; /* the latest first */
    struct str state;                             /* views into the stored bytes after a decode */
    struct str reply;
};

/* Appends the stored form. Fails on a state or reply over its ceiling (our bug upstream). */
MUST_CHECK int session_encode(const struct ussd_session *s, struct buf *out, struct err *e);

/* Reads the stored form; anything that is not exactly one session is refused with ERR_BAD_INPUT. */
MUST_CHECK int session_decode(struct str bytes, struct ussd_session *out, struct err *e);

/* Into next: the hops before it, which are those before s and the one whose reply s holds. */
void session_age(const struct ussd_session *s, struct ussd_session *next);

/* Whether this step is one of the hops before the last. */
bool session_is_past(const struct ussd_session *s, const uint8_t step[SESSION_STEP_LEN]);

#endif
