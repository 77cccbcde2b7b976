/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening TCP sockets, as the supervisor opens them: non-blocking, close-on-exec.
 */
#ifndef COKO_IO_LISTENER_H
#define COKO_IO_LISTENER_H

#include <stdbool.h>

#include "gateway/lib/base.h"
#include "gateway/lib/err.h"

#define LISTENER_BACKLOG 1024

/*
 * A socket listening on "127.0.0.1:8080", "[::1]:8080" or "*:8080". With shared, SO_REUSEPORT is
 * set, so that one address has a socket a worker. The descriptor, or -1 with the address in err.
 */
MUST_CHECK int listener_open(const char *address, bool shared, struct err *e);

#endif
