/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSL_CTX builders: TLS 1.2 or later, peers verified, reload without dropping connections.
 *
 * Order of calls: tls_client_new or tls_server_new; tls_session for each connection; tls_reload on
 * SIGHUP (old connections keep the old context by OpenSSL's reference count); tls_free.
 * Never: an unverified peer, a renegotiation, compression.
 */
#ifndef COKO_IO_TLS_H
#define COKO_IO_TLS_H

#include <stdint.h>

#include "gateway/lib/base.h"
#include "gateway/lib/err.h"

struct tls_config {
    const char *ca_file; /* PEM; client: NULL for the system's. Server: clients must show a cert */
    const char *cert_file; /* PEM chain; needed for a server, optional for a client */
    const char *key_file;
};

struct ssl_st; /* OpenSSL: its headers are needed by the .c files only */
struct tls;

/* Context for outgoing connections. Strings are copied. NULL and err with the file at fault. */
struct tls *tls_client_new(const struct tls_config *c, struct err *e);

/* Context for accepted connections. */
struct tls *tls_server_new(const struct tls_config *c, struct err *e);

/* Reads the files again; on error the old context stays in use. */
MUST_CHECK int tls_reload(struct tls *t, struct err *e);

/*
 * A session for one connection. Client: host is the name or address to be verified, also sent as
 * SNI when a name. Server: host NULL. The caller frees it (SSL_free), or its stream does.
 */
struct ssl_st *tls_session(struct tls *t, const char *host, struct err *e);

/* Unix time when our certificate expires, 0 without one: for coko_tls_cert_expiry. */
int64_t tls_cert_expiry(const struct tls *t);

void tls_free(struct tls *t);

#endif
