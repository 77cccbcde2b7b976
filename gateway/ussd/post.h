/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carriers that are answered by a call of ours: the callback is acknowledged at once, then the
 * turn's reply is posted to the carrier's own address.
 *
 * An exchange is one callback and its reply. It ends with the carrier's answer, or is dropped with a
 * count: a reply that fails is tried once more inside the window of POST_WINDOW_MS, then nobody
 * waits for it any more (hard case 42). A callback that comes again while its exchange is open gets
 * no second reply (S1); after that it is the same step, and the stored reply is posted again.
 *
 * Order of calls: post_new; post_begin; post_idle until true; post_free, after the turns are gone
 * and before the client.
 */
#ifndef COKO_USSD_POST_H
#define COKO_USSD_POST_H

#include "gateway/io/http_client.h"
#include "gateway/ussd/turn.h"

#define POST_MAX       1024 /* exchanges of a worker */
#define POST_WINDOW_MS 10000
#define POST_TRY_MS    4000 /* one attempt */

struct post;

struct post *post_new(struct ussd *u);

/* No exchange is open. */
bool post_idle(const struct post *ps);

/* Begins the turn of an acknowledged callback. -1: too many exchanges, it is dropped. */
MUST_CHECK int post_begin(struct post *ps, const struct carrier *c, const struct ussd_event *ev);

/*
 * One call of ours to a carrier's own address: what was rendered, its marks filled, with headers.
 * open; header any number of times, whose value may hold marks; send, which ends it.
 */
struct post_letter {
    struct buf body, lines;
    size_t
        at[1 + PROFILE_HEADERS_MAX]; /* where each line begins; the first is the content's type */
    unsigned nlines;
    struct profile_fill fill;
};

void post_letter_open(struct post_letter *l, const struct carrier *c, struct str number,
                      struct str body);
void post_letter_header(struct post_letter *l, const char *name, const char *value);

/* how: the address and its time; op completes as of http_client_send. */
void post_letter_send(struct post_letter *l, struct http_client *client, struct op *op,
                      const struct http_request *how);

/* Replies in flight are cut loose. NULL is allowed. */
void post_free(struct post *ps);

#endif
