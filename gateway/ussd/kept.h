/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of an action that took longer than its hop, as it is kept for the next one.
 *
 *   offset  size  field
 *        0     1  format, KEPT_FORMAT
 *        1     1  what: still running, its rows, or why it has none
 *        2        rows: sealed. Clear: columns, rows, the columns' names, then the cells row by row,
 *                 each a length (KEPT_NULL: NULL) and bytes; numbers are 16 bits, big endian
 *
 * Rows may name a book or a number's last digits: they are closed under the action's key, so that
 * they open nowhere else (S5). Pure: bytes in, bytes out; store.h reads and writes them.
 */
#ifndef COKO_USSD_KEPT_H
#define COKO_USSD_KEPT_H

#include "gateway/lib/arena.h"
#include "gateway/lib/seal.h"
#include "menus/menu.h"

#define KEPT_FORMAT 1
#define KEPT_NULL   0xFFFF
#define KEPT_MAX    (32u << 10)

enum kept_what { KEPT_NOTHING, KEPT_RUNNING, KEPT_ROWS, KEPT_FAILED };

struct kept {
    enum kept_what what;
    struct menu_rows rows; /* KEPT_ROWS; views into an arena */
    enum menu_failure why; /* KEPT_FAILED */
};

/* Appends the stored form; key names the action's step. Fails on rows over KEPT_MAX. */
MUST_CHECK int kept_encode(const struct seal_ring *ring, struct str key, const struct kept *k,
                           struct buf *out, struct err *e);

/* Reads it; empty bytes are KEPT_NOTHING, and so is what does not open or add up. */
void kept_decode(const struct seal_ring *ring, struct str key, struct str bytes, struct arena *a,
                 struct kept *out);

#endif
