/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, and lists of networks "10.0.0.0/8, 2001:db8::/32, 192.0.2.7" that have them or not.
 * An address is compared by its key: 16 bytes, IPv4 as mapped (RFC 4291 2.5.5.2).
 */
#ifndef COKO_IO_NETS_H
#define COKO_IO_NETS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "gateway/lib/base.h"
#include "gateway/lib/err.h"
#include "gateway/lib/str.h"

#define NETS_KEY_LEN 16

struct nets;

/* -1 ERR_BAD_CONFIG: a word that is no network. An empty list has nobody. */
MUST_CHECK int nets_new(const char *list, struct nets **out, struct err *e);

/* NULL is allowed. */
void nets_free(struct nets *s);

/* A list that is NULL has nobody. */
bool nets_have(const struct nets *s, const unsigned char key[NETS_KEY_LEN]);

/* The same of an address as http_exchange.peer has it; what is none is in no list. */
bool nets_have_address(const struct nets *s, const char *address);

/* The key of an address in its text form; false when it is none. */
bool nets_key(struct str address, unsigned char key[NETS_KEY_LEN]);

/* Of a socket's peer; all zero for a Unix socket. */
void nets_socket_key(const struct sockaddr_storage *sa, unsigned char key[NETS_KEY_LEN]);

/* The text form, with its end. */
void nets_print(const unsigned char key[NETS_KEY_LEN], char out[INET6_ADDRSTRLEN]);

#endif
