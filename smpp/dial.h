/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dial: from a host name to a socket that connects. Owns the lookup and the addresses of one attempt
 * of a link; each address is tried once, IPv6 and IPv4 in turn, whichever family came first: a family
 * that is down costs one wait, not one for each of its addresses.
 *
 * Order of calls: dial_init; dial_look_up, then its event; dial_next until a stream connects and the
 * owner is content with it, or dial_left says that none is left. For link.c alone.
 */
#ifndef COKO_SMPP_DIAL_H
#define COKO_SMPP_DIAL_H

#include "gateway/io/stream.h"
#include "gateway/io/tls.h"
#include "smpp/resolve.h"

/* The addresses are there, or count is 0 and why is a phrase for people. Comes from the loop. */
typedef void dial_fn(void *arg, unsigned count, const char *why);

struct dial {
    struct loop *loop;
    dial_fn *fn;
    void *arg;
    struct resolve *lookup; /* NULL: none runs */
    struct resolve_address addresses[RESOLVE_MAX];
    unsigned count, next;
};

/* What a stream is to be told. tls NULL: plain; host is the name that its certificate must have. */
struct dial_stream {
    struct stream *stream;
    const struct stream_ops *ops;
    void *arg;
    struct tls *tls;
    const char *host;
    size_t out_max;
};

void dial_init(struct dial *d, struct loop *l, dial_fn *fn, void *arg);

/* Forgets the addresses of before and asks anew. */
void dial_look_up(struct dial *d, const char *host, uint16_t port);

/* No event follows. */
void dial_cancel(struct dial *d);

/* Is there an address that was not tried? */
bool dial_left(const struct dial *d);

/* Starts to connect to the next address. -1: that one failed at once. Needs dial_left. */
MUST_CHECK int dial_next(struct dial *d, const struct dial_stream *to, struct err *e);

#endif
