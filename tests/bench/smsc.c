/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The message centre of the SMS figures: takes every submit_sm, answers with an id of its own, and
 * sends the receipt that was asked for. Every PDU is made and read by libsmpp34, so this shares no
 * code with the daemon. Its peers are ours and on loopback; on a network it would not be safe.
 *
 *     smsc [--window N]     prints {"port": N}; SIGUSR1 and SIGTERM print its figures as a JSON line
 *
 * --window: receipts that may wait for their answer, of one peer; more are kept in a queue. What is
 * answered with ESME_RX_T_APPN is delivered again, as carriers do.
 *
 *   submit_sm -> submit_sm_resp, and when a receipt is asked for: queue -> deliver_sm -> its answer
 *
 * It asks enquire_link of each peer ten times a second and keeps how long the answers took.
 * Receipts go to the peer that submitted. Faults end it at once: a benchmark with errors has no
 * figures. Single-threaded, as the library must be.
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* clang-format off: the library's headers need this order */
#include <smpp34.h>
#include <smpp34_structs.h>
#include <smpp34_params.h>
/* clang-format on */

#define PDU_MAX    2048 /* ours; the longest that a peer may send */
#define ENQUIRE_MS 100
#define TIMES_MAX  65536
#define SLOTS      8192 /* far more than any window */
#define REFUSED    0x64 /* ESME_RX_T_APPN: deliver it again */
#define RESP       0x80000000u

struct receipt {
    struct receipt *next;
    char id[24], number[21], sender[21];
};

struct peer {
    struct bufferevent *bev;
    struct event *probe;
    struct receipt *first, *last;
    unsigned flying;
    struct receipt *out[SLOTS]; /* unanswered, by sequence number */
    uint32_t seq, probe_seq;
    int64_t probe_at; /* 0: none is out */
};

static struct {
    struct event_base *base;
    unsigned window;
    uint64_t binds, submits, receipts, again, refused, nacks;
    int64_t first_us, last_submit_us, last_receipt_us;
    uint32_t times_us[TIMES_MAX];
    size_t ntimes;
} g = {.window = 500};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "smsc: %s: %s\n", what, why);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- the library ---- */

static void send_pdu(struct peer *p, void *pdu)
{
    uint8_t bytes[PDU_MAX];
    int n = 0;

    if (smpp34_pack2(bytes, sizeof bytes, &n, pdu) != 0 || n <= 0)
        die("pack", smpp34_strerror);
    bufferevent_write(p->bev, bytes, (size_t)n);
}

static void read_pdu(void *pdu, const uint8_t *bytes, uint32_t n)
{
    if (smpp34_unpack2(pdu, bytes, (int)n) != 0)
        die("unpack", smpp34_strerror);
}

static void answer_empty(struct peer *p, uint32_t id, uint32_t seq)
{
    enquire_link_t pdu = {.command_id = id, .sequence_number = seq}; /* all headers are alike */

    send_pdu(p, &pdu);
}

/* The library writes into its own arrays of octets: text that fits is the caller's promise. */
static void put(uint8_t *to, const char *text)
{
    memcpy(to, text, strlen(text) + 1);
}

/* ---- receipts ---- */

static void send_receipt(struct peer *p, struct receipt *r)
{
    deliver_sm_t d = {.command_id = DELIVER_SM,
                      .sequence_number = ++p->seq,
                      .source_addr_ton = 1,
                      .source_addr_npi = 1,
                      .esm_class = SMPP34_DELIVERY_RECEIPT};
    int n = snprintf((char *)d.short_message, sizeof d.short_message,
                     "id:%s sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 "
                     "stat:DELIVRD err:000 text:",
                     r->id);

    d.sm_length = (uint8_t)n;
    put(d.source_addr, r->number);
    put(d.destination_addr, r->sender);
    if (p->out[p->seq % SLOTS])
        die("receipt", "an answer is long overdue");
    p->out[p->seq % SLOTS] = r;
    send_pdu(p, &d);
    p->flying++;
}

static void send_receipts(struct peer *p)
{
    while (p->first && p->flying < g.window) {
        struct receipt *r = p->first;

        p->first = r->next;
        send_receipt(p, r);
    }
}

static void queue_receipt(struct peer *p, struct receipt *r)
{
    r->next = NULL;
    if (p->first)
        p->last->next = r;
    else
        p->first = r;
    p->last = r;
}

static void on_receipt_answer(struct peer *p, uint32_t seq, uint32_t status)
{
    struct receipt *r = p->out[seq % SLOTS];

    if (!r)
        die("receipt", "an answer to nothing");
    p->out[seq % SLOTS] = NULL;
    p->flying--;
    if (status == REFUSED) {
        g.again++;
        queue_receipt(p, r);
        return;
    }
    free(r);
    g.receipts++;
    g.refused += status != 0;
    g.last_receipt_us = now_us();
}

/* ---- what comes in ---- */

static void on_submit(struct peer *p, const uint8_t *bytes, uint32_t n)
{
    static submit_sm_t m;
    submit_sm_resp_t resp = {.command_id = SUBMIT_SM_RESP};

    read_pdu(&m, bytes, n);
    g.last_submit_us = now_us();
    if (g.submits++ == 0)
        g.first_us = g.last_submit_us;
    resp.sequence_number = m.sequence_number;
    snprintf((char *)resp.message_id, sizeof resp.message_id, "c%llx",
             (unsigned long long)g.submits);
    send_pdu(p, &resp);
    if (m.registered_delivery & 1) {
        struct receipt *r = calloc(1, sizeof *r);

        if (!r)
            die("receipt", "no memory");
        snprintf(r->id, sizeof r->id, "%.20s", (char *)resp.message_id);
        snprintf(r->number, sizeof r->number, "%s", (char *)m.destination_addr);
        snprintf(r->sender, sizeof r->sender, "%s", (char *)m.source_addr);
        queue_receipt(p, r);
    }
    if (m.tlv)
        destroy_tlv(m.tlv);
    m.tlv = NULL;
}

/* The three binds have one layout, and so have their answers. */
static void on_bind(struct peer *p, const uint8_t *bytes, uint32_t n)
{
    static bind_transceiver_t b;
    bind_transceiver_resp_t resp = {0};

    read_pdu(&b, bytes, n);
    resp.command_id = b.command_id | RESP;
    resp.sequence_number = b.sequence_number;
    put(resp.system_id, "bench");
    g.binds++;
    send_pdu(p, &resp);
}

static void on_enquire_answer(struct peer *p, uint32_t seq)
{
    if (p->probe_at == 0 || seq != p->probe_seq)
        die("enquire_link", "an answer to nothing");
    if (g.ntimes < TIMES_MAX)
        g.times_us[g.ntimes++] = (uint32_t)(now_us() - p->probe_at);
    p->probe_at = 0;
}

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void on_pdu(struct peer *p, const uint8_t *bytes, uint32_t n)
{
    uint32_t id = u32(bytes + 4), status = u32(bytes + 8), seq = u32(bytes + 12);

    switch (id) {
    case SUBMIT_SM: on_submit(p, bytes, n); break;
    case BIND_RECEIVER:
    case BIND_TRANSMITTER:
    case BIND_TRANSCEIVER: on_bind(p, bytes, n); break;
    case DELIVER_SM_RESP: on_receipt_answer(p, seq, status); break;
    case ENQUIRE_LINK: answer_empty(p, ENQUIRE_LINK_RESP, seq); break;
    case ENQUIRE_LINK_RESP: on_enquire_answer(p, seq); break;
    case UNBIND: answer_empty(p, UNBIND_RESP, seq); break;
    default: g.nacks++; break;
    }
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct evbuffer *in = bufferevent_get_input(bev);
    struct peer *p = arg;
    size_t have;

    while ((have = evbuffer_get_length(in)) >= 16) {
        uint32_t n = u32(evbuffer_pullup(in, 16));

        if (n < 16 || n > PDU_MAX)
            die("peer", "a PDU of no fit length");
        if (have < n)
            break;
        on_pdu(p, evbuffer_pullup(in, n), n);
        evbuffer_drain(in, n);
    }
    send_receipts(p);
}

/* ---- peers ---- */

static void on_probe(evutil_socket_t fd, short what, void *arg)
{
    struct peer *p = arg;

    (void)fd;
    (void)what;
    if (p->probe_at != 0)
        return;
    p->probe_at = now_us();
    p->probe_seq = ++p->seq;
    answer_empty(p, ENQUIRE_LINK, p->probe_seq);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct peer *p = arg;

    (void)what;
    while (p->first) {
        struct receipt *r = p->first;

        p->first = r->next;
        free(r);
    }
    for (size_t i = 0; i < SLOTS; i++)
        free(p->out[i]);
    event_free(p->probe);
    bufferevent_free(bev);
    free(p);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int len,
                      void *arg)
{
    struct timeval every = {.tv_usec = ENQUIRE_MS * 1000};
    struct peer *p = calloc(1, sizeof *p);
    int on = 1;

    (void)l;
    (void)sa;
    (void)len;
    (void)arg;
    if (!p || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        die("accept", "no memory");
    p->bev = bufferevent_socket_new(g.base, fd, BEV_OPT_CLOSE_ON_FREE);
    p->probe = event_new(g.base, -1, EV_PERSIST, on_probe, p);
    bufferevent_setcb(p->bev, on_read, NULL, on_event, p);
    bufferevent_enable(p->bev, EV_READ | EV_WRITE);
    event_add(p->probe, &every);
}

/* ---- figures ---- */

static int by_time(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void print_figures(void)
{
    qsort(g.times_us, g.ntimes, sizeof *g.times_us, by_time);
    printf(
        "{\"binds\": %llu, \"submits\": %llu, \"receipts\": %llu, \"again\": %llu, \"refused\": %llu, \"nacks\": %llu, "
        "\"submit_us\": %lld, \"receipt_us\": %lld, \"enquires\": %zu, \"enquire_p99_us\": %u}\n",
        (unsigned long long)g.binds, (unsigned long long)g.submits, (unsigned long long)g.receipts,
        (unsigned long long)g.again, (unsigned long long)g.refused, (unsigned long long)g.nacks,
        (long long)(g.last_submit_us - g.first_us), (long long)(g.last_receipt_us - g.first_us),
        g.ntimes, g.ntimes > 0 ? g.times_us[g.ntimes * 99 / 100] : 0);
    fflush(stdout);
}

static void on_usr1(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    print_figures();
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    print_figures();
    event_base_loopexit(g.base, NULL);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"window", required_argument, NULL, 'w'},
        {NULL, 0, NULL, 0},
    };
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    struct evconnlistener *l;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c != 'w')
            return 2;
        g.window = (unsigned)strtoul(optarg, NULL, 10);
    }
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    g.base = event_base_new();
    l = evconnlistener_new_bind(g.base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, -1,
                                (struct sockaddr *)&at, sizeof at);
    if (!l || getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&at, &len) != 0)
        die("port", "not free");
    event_add(evsignal_new(g.base, SIGUSR1, on_usr1, NULL), NULL);
    event_add(evsignal_new(g.base, SIGTERM, on_term, NULL), NULL);
    printf("{\"port\": %d}\n", ntohs(at.sin_port));
    fflush(stdout);
    event_base_dispatch(g.base);
    return 0;
}
