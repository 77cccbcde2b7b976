/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve: a host name becomes socket addresses, without blocking the loop. Numbers are taken as
 * they are, names go to the hosts file and the name servers by evdns, for A and AAAA alike: an address
 * of a family that this machine lacks fails at once when it is tried. The answer always comes from
 * the loop, at the end of a turn, once; never after resolve_cancel. It remembers nothing: the next
 * attempt asks again.
 */
#ifndef COKO_SMPP_RESOLVE_H
#define COKO_SMPP_RESOLVE_H

#include <stdint.h>
#include <sys/socket.h>

#include "gateway/io/loop.h"

#define RESOLVE_MAX 8 /* addresses of one name that are kept */

struct resolve_address {
    struct sockaddr_storage sa;
    socklen_t len;
};

struct resolve;

/* count 0: the name has no address now, and why is a phrase for people. */
typedef void resolve_fn(void *arg, const struct resolve_address *list, unsigned count,
                        const char *why);

/* Starts one lookup; it frees itself after fn or after resolve_cancel. */
struct resolve *resolve_start(struct loop *l, const char *host, uint16_t port, resolve_fn *fn,
                              void *arg);

/* fn will not be called. Legal until fn was called; NULL is allowed. */
void resolve_cancel(struct resolve *r);

#endif
