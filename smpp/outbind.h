/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbind: where a message centre connects to us to say that it has something (v3.4 2.2.1, 4.1.7).
 * Owns a listening socket and the strangers on it, until each has said its one PDU:
 *
 *   accepted -> [TLS] -> one outbind, whole, within wait_ms -> the owner judges it -> the owner's
 *       |                                                          |
 *       +--- no TLS of ours, another PDU, over 4 KB, too slow, ----+--- not for us: closed
 *            one too many
 *
 * Not an octet beyond that PDU is read, so descriptor and TLS session can be handed on as they are. A
 * stranger is answered nothing: outbind has no response, and whoever is closed has shown no
 * credentials. wait_ms counts from the accept, the handshake included.
 */
#ifndef COKO_SMPP_OUTBIND_H
#define COKO_SMPP_OUTBIND_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/io/loop.h"
#include "gateway/io/tls.h"
#include "gateway/lib/err.h"
#include "smpp/pdu.h"

#define OUTBIND_STRANGERS 8 /* connections that said nothing yet */
#define OUTBIND_ADDRESS   2 /* of them, from one address */
#define OUTBIND_WAIT_MS   10000

struct outbind;

/* An outbind of a peer at this address ("192.0.2.1"). True: fd, non-blocking, and ssl (NULL: plain;
 * else its handshake is over) are taken; false: they are closed. May not call outbind_free. */
typedef bool outbind_fn(void *ctx, int fd, struct ssl_st *ssl, const struct pdu *p,
                        const char *address);

/* Listens on an address in digits. tls NULL: plain; else a server's, the caller's, which outlives it
 * or is replaced. wait_ms 0: OUTBIND_WAIT_MS. NULL and err: it cannot. */
struct outbind *outbind_new(struct loop *l, const char *host, uint16_t port, struct tls *tls,
                            int64_t wait_ms, outbind_fn *fn, void *ctx, struct err *e);

/* For who comes from now on; the one before may be freed. */
void outbind_set_tls(struct outbind *o, struct tls *tls);

/* Connections that were closed without being taken. */
uint64_t outbind_refused(const struct outbind *o);

/* Closes the socket and the strangers. NULL is allowed. */
void outbind_free(struct outbind *o);

#endif
