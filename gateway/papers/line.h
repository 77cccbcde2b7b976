/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A carrier's side of a live link, for commands: sends one request, waits for its answer and, of a
 * carrier whose screens are posted, for the post, which it hears on an address of its own.
 *
 * Order of calls: line_open; line_send any number of times; line_close.
 */
#ifndef COKO_PAPERS_LINE_H
#define COKO_PAPERS_LINE_H

#include "gateway/io/http_client.h"
#include "gateway/phone/ear.h"
#include "gateway/phone/wire.h"

#define LINE_WAIT_MS 12000

struct line {
    struct loop *loop;
    struct http_client *client;
    struct phone_ear ear; /* closed: screens come with the answer */
    struct op op, twin;
    struct loop_timer timer;
    unsigned waiting;  /* answers and posts that are still to come */
    struct buf posted; /* the last post's body */
    bool heard;
};

/* What came. The response lives until the next send. */
struct line_answer {
    const struct http_response *r; /* NULL: none, see why */
    const char *why;
    struct str posted; /* .p NULL: nothing */
    unsigned ms;
    bool same; /* with twin: both answers are one, byte for byte */
};

/* listen: "HOST:PORT" where the daemon's posts arrive; "": none are expected. */
MUST_CHECK int line_open(struct line *l, const char *listen, struct err *e);
void line_close(struct line *l);

/*
 * Sends rq to url + its target, as another method where that is not NULL. twin: on two connections at
 * once. post: waits for what is posted as well.
 */
void line_send(struct line *l, const char *url, const struct phone_request *rq, const char *method,
               bool twin, bool post, struct line_answer *out);

/* For phone_read; arg is a struct http_response. */
struct str line_header(void *arg, const char *name);

#endif
