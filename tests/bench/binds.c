/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smpp/server by itself, on loopback, for the memory of idle binds: accepts every bind and nothing
 * else ever happens.
 *
 *     binds     prints {"port": N}; runs until SIGTERM
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "smpp/server.h"

#define BINDS_MAX 2000

static struct {
    struct loop *loop;
    struct smpp_server *server;
    struct smsc_account account;
} g;

static void die(const char *what)
{
    fprintf(stderr, "binds: %s\n", what);
    exit(1);
}

static void on_bind(void *ctx, uint64_t peer, const char *address, const struct pdu *p)
{
    (void)ctx, (void)address, (void)p;
    smpp_server_accept(g.server, peer, &g.account);
}

static void on_submit(void *ctx, uint64_t peer, const struct pdu *p)
{
    (void)ctx;
    smpp_server_respond(g.server, peer, p->id, p->seq, SMPP_RX_T_APPN, STR_EMPTY);
}

static const struct smpp_server_sink sink = {.bind = on_bind, .submit = on_submit};

static void on_term(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    loop_stop(g.loop);
}

int main(void)
{
    struct smpp_server_config config = {.session.system_id = STR("coko"),
                                        .max_connections = BINDS_MAX};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct event *term;
    struct err e;

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        die("no port");
    g.loop = loop_new(&e);
    if (g.loop == NULL)
        die(e.msg);
    rate_init(&g.account.rate, 0, 0, loop_now_ms(g.loop));
    g.server = smpp_server_new(g.loop, fd, &config, &sink, NULL);
    term = evsignal_new(loop_base(g.loop), SIGTERM, on_term, NULL);
    event_add(term, NULL);
    printf("{\"port\": %d}\n", ntohs(at.sin_port));
    fflush(stdout);
    loop_run(g.loop);
    event_free(term);
    smpp_server_free(g.server);
    loop_free(g.loop);
    return 0;
}
