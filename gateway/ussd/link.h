/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The place of a dialogue in an address of ours, for carriers whose screens are pages with links: a
 * short token that says which screen is answered, signed for its carrier, session, number and
 * dialogue (hard case 44: an old link is bookmarked, replayed, or somebody else's). Pure.
 */
#ifndef COKO_USSD_LINK_H
#define COKO_USSD_LINK_H

#include "gateway/lib/seal.h"
#include "gateway/ussd/event.h"

#define LINK_TOKEN_LEN 16 /* base64url of step 4 and mac 8 */

/* The token of the answer to a screen. */
void link_token(const struct seal_ring *ring, const char *carrier, const struct ussd_event *ev,
                const uint8_t mark[SESSION_MARK_LEN], uint32_t step, char out[LINK_TOKEN_LEN + 1]);

/* The step that a token claims; false where it is none. */
MUST_CHECK bool link_step(struct str token, uint32_t *step);

/* Whether ev->token was given in this dialogue for ev->sequence, in constant time. */
bool link_genuine(const struct seal_ring *ring, const char *carrier, const struct ussd_event *ev,
                  const uint8_t mark[SESSION_MARK_LEN]);

#define LINK_KEPT_MAX 24

/*
 * The number, and a word to keep, as a text that comes back with the next hop of carriers that tell
 * them only once; sealed, since it stands in the stored reply (S5), for the carrier and this session of
 * it, so that nobody answers in another's name (hard case 19). A longer word is left out.
 */
void link_seal(const struct seal_ring *ring, const char *carrier, struct str session,
               struct str number, struct str kept, struct buf *out);

/* Both again, standing in mem. -1: not of ours, or not for this session. */
MUST_CHECK int link_open(const struct seal_ring *ring, const char *carrier, struct str session,
                         struct str state, struct buf *mem, struct str *number, struct str *kept,
                         struct err *e);

#endif
