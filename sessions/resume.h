/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader's pointer: where his last dialogue stood, for the dialogue after it.
 *
 * One a reader, over all carriers and workers (S4): its key is a keyed hash of his number. It holds
 * the menu's state of the last screen that allows to come back, and no reply: the screen is drawn
 * anew, for the carrier that asks. Whatever may not be kept is not in a menu state either (S5).
 *
 *   offset  size  field
 *        0     1  format, RESUME_FORMAT
 *        1     8  the mark of the dialogue that wrote it: only its own end takes it away
 *        9        menu state
 *
 * Pure: bytes in, bytes out. store.h reads and writes them.
 */
#ifndef COKO_SESSIONS_RESUME_H
#define COKO_SESSIONS_RESUME_H

#include "sessions/session.h"

#define RESUME_FORMAT 1
#define RESUME_HEADER (1 + SESSION_MARK_LEN)
#define RESUME_MAX    (RESUME_HEADER + SESSION_STATE_MAX)

/* Appends the stored form. Fails on an empty state and on one over its ceiling. */
MUST_CHECK int resume_encode(const uint8_t mark[SESSION_MARK_LEN], struct str state,
                             struct buf *out, struct err *e);

/* The menu state within the stored bytes; empty when they are no pointer of this format. */
struct str resume_state(struct str bytes);

#endif
