/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the browser phone asks of us: a hop as the carrier's gateway would send it, and a screen out
 * of the answer. The page itself sends the hop and has the session; nothing is kept here.
 *
 *   write {carrier number code user password session hops path step token state keys, and one of
 *          dial, answer, leave}
 *         -> {session hops path method target headers type body} | {error}
 *   read  {carrier status headers body} -> {text open step token state keys count over} | {error}
 */
#ifndef COKO_PHONE_API_H
#define COKO_PHONE_API_H

#include "gateway/phone/carrier.h"

#define PHONE_API_MAX (256u * 1024) /* of a question, and of its answer */

/* Profiles by number; NULL where a carrier cannot be spoken. */
struct phone_profiles {
    struct profile **p;
    size_t n;
};

/* Both append a JSON object to out; a question that is none gives {error}. */
void phone_api_write(const struct phone_profiles *all, struct str question, struct buf *out);
void phone_api_read(const struct phone_profiles *all, struct str question, struct buf *out);

#endif
