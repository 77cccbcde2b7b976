/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SMPP server alone, for tests/integration/test_smpp_server.py: an SMSC with one account.
 *
 *   esme_probe [CERT KEY [CA]]   on a free port of 127.0.0.1, printed as "listening PORT"; with CERT
 *                                it speaks TLS, with CA each client must show a certificate
 *
 * system_id shop, password secret, 100 submits a second with a burst of 3. A submit is answered m1,
 * m2 ...; one that asks a receipt gets it on the same bind, and its answer is printed. SIGTERM unbinds all and exits 0.
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gateway/lib/log.h"
#include "smpp/server.h"

#define POLL_MS 10

static struct probe {
    struct loop *loop;
    struct smpp_server *server;
    struct smsc_account account;
    struct loop_timer poll;
    unsigned submits;
} probe;

static void fail(const char *what, const struct err *e)
{
    fprintf(stderr, "%s: %s\n", what, e->msg);
    exit(2);
}

static void on_bind(void *ctx, uint64_t peer, const char *address, const struct pdu *p)
{
    (void)ctx, (void)address;
    if (!str_eq_c(p->bind.system_id, "shop"))
        smpp_server_refuse(probe.server, peer, SMPP_RINVSYSID);
    else if (!str_eq_c(p->bind.password, "secret"))
        smpp_server_refuse(probe.server, peer, SMPP_RINVPASWD);
    else
        smpp_server_accept(probe.server, peer, &probe.account);
}

static void send_receipt(uint64_t peer, const struct pdu *submit, struct str id)
{
    struct smpp_tlv tlv = {SMPP_TAG_RECEIPTED_MESSAGE_ID, id};
    char text[64];
    struct pdu p;
    struct err e;

    (void)snprintf(text, sizeof text, "id:%.*s stat:DELIVRD err:000", (int)id.n, id.p);
    pdu_start(&p, SMPP_DELIVER_SM, 0, 0);
    p.sm.source = submit->sm.dest;
    p.sm.dest = submit->sm.source;
    p.sm.esm_class = SMPP_ESM_RECEIPT;
    p.sm.message = str_c(text);
    if (smpp_server_deliver(probe.server, peer, &p.sm, &tlv, 1, probe.submits, &e) != 0)
        fprintf(stderr, "receipt: %s\n", e.msg);
}

static void on_submit(void *ctx, uint64_t peer, const struct pdu *p)
{
    char id[16];

    (void)ctx;
    (void)snprintf(id, sizeof id, "m%u", ++probe.submits);
    smpp_server_respond(probe.server, peer, p->id, p->seq, 0, str_c(id));
    if (p->id == SMPP_SUBMIT_SM && p->sm.registered_delivery & 1)
        send_receipt(peer, p, str_c(id));
}

static void on_done(void *ctx, uint64_t peer, uint64_t tag, uint32_t status, bool late)
{
    (void)ctx, (void)peer, (void)late;
    printf("receipt %llu answered %u\n", (unsigned long long)tag, (unsigned)status);
    (void)fflush(stdout);
}

static void on_closed(void *ctx, uint64_t peer, enum smsc_end why)
{
    (void)ctx, (void)peer;
    printf("closed %s\n", smsc_end_name(why));
    (void)fflush(stdout);
}

static const struct smpp_server_sink sink = {
    .bind = on_bind,
    .submit = on_submit,
    .deliver_done = on_done,
    .closed = on_closed,
};

static int listen_somewhere(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, len) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&sa, &len) != 0) {
        perror("listen");
        exit(2);
    }
    printf("listening %u\n", ntohs(sa.sin_port));
    (void)fflush(stdout);
    return fd;
}

static void on_poll(void *arg)
{
    struct smpp_server_stats stats;

    (void)arg;
    smpp_server_stats_get(probe.server, &stats);
    if (stats.connections == 0)
        loop_stop(probe.loop);
    else
        loop_timer_set(&probe.poll, POLL_MS);
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    smpp_server_stop(probe.server);
    loop_timer_set(&probe.poll, POLL_MS);
}

int main(int argc, char **argv)
{
    struct tls_config files = {.ca_file = argc > 3 ? argv[3] : NULL,
                               .cert_file = argc > 2 ? argv[1] : NULL,
                               .key_file = argc > 2 ? argv[2] : NULL};
    struct smpp_server_config config = {.session.system_id = STR("coko")};
    struct event *term;
    struct err e;

    log_init(LOG_LEVEL_INFO, "probe", "esme");
    probe.loop = loop_new(&e);
    if (argc > 2 && (config.tls = tls_server_new(&files, &e)) == NULL)
        fail("certificate", &e);
    probe.account.queue_max = 100;
    rate_init(&probe.account.rate, 100, 3, loop_now_ms(probe.loop));
    probe.server = smpp_server_new(probe.loop, listen_somewhere(), &config, &sink, NULL);
    loop_timer_init(&probe.poll, probe.loop, on_poll, NULL);
    term = evsignal_new(loop_base(probe.loop), SIGTERM, on_term, NULL);
    evsignal_add(term, NULL);
    loop_run(probe.loop);
    event_free(term);
    smpp_server_free(probe.server);
    loop_free(probe.loop);
    tls_free(config.tls);
    return 0;
}
