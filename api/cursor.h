/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opaque cursors of keyset paging: the sort keys of the last row shown, under a keyed hash that
 * binds them to the route, its filters and the reader. A cursor carries values, not a position, so
 * a deleted anchor still pages on (hard case 16).
 *
 * Text: base64url of version (1) | mac (16) | keys, each ended by a NUL.
 */
#ifndef COKO_API_CURSOR_H
#define COKO_API_CURSOR_H

#include "gateway/lib/seal.h"

#define CURSOR_KEYS_MAX 3
#define CURSOR_KEY_MAX  64
#define CURSOR_TEXT_MAX 320

/* scope: what the cursor belongs to, the same text when it is written and read. */
void cursor_write(const struct seal_ring *ring, struct str scope, const struct str *keys,
                  unsigned nkeys, struct buf *out);

/*
 * Keys as views into mem. false: malformed, forged, of another scope, version or number of keys
 * (hard case 18). Old keys of the ring still read.
 */
MUST_CHECK bool cursor_read(const struct seal_ring *ring, struct str scope, struct str text,
                            char mem[CURSOR_TEXT_MAX], struct str *keys, unsigned nkeys);

#endif
