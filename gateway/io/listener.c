/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening listening sockets. See listener.h.
 */
#include "gateway/io/listener.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/lib/str.h"

static int resolve(const char *address, struct addrinfo **out, struct err *e)
{
    const char *colon = strrchr(address, ':');
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_NUMERICHOST,
                             .ai_socktype = SOCK_STREAM};
    struct str host = str_n(address, colon ? (size_t)(colon - address) : 0);
    char name[64];

    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_n(host.p + 1, host.n - 2);
    if (!colon || !str_to_c(host, name, sizeof name))
        return err_set(e, ERR_BAD_CONFIG, "%s: an address is \"ip:port\"", address);
    if (strcmp(name, "*") == 0)
        name[0] = '\0';
    int rc = getaddrinfo(*name ? name : NULL, colon + 1, &hints, out);

    if (rc != 0)
        return err_set(e, ERR_BAD_CONFIG, "%s: %s", address, gai_strerror(rc));
    return 0;
}

int listener_open(const char *address, bool shared, struct err *e)
{
    struct addrinfo *ai = NULL;
    int on = 1;

    if (resolve(address, &ai, e) != 0)
        return -1;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
              bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, LISTENER_BACKLOG) == 0;
    int sys = errno;

    freeaddrinfo(ai);
    if (ok)
        return fd;
    if (fd >= 0)
        close(fd);
    return err_sys(e, ERR_IO, sys, "cannot listen on %s", address);
}
