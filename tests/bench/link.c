/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link by itself: smpp/link with its session binds to a message centre on loopback and keeps the
 * window full of submit_sm until COUNT of them are answered. No database, no outbox, no receipts.
 *
 *     link PORT COUNT WINDOW     prints {"submits": N, "us": N, "cpu_us": N}
 *
 * Times run from the first submit to the last answer; cpu_us is this process's user and system time.
 * Faults end it at once: a benchmark with errors has no figures.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "gateway/lib/log.h"
#include "smpp/link.h"

#define TEXT_OCTETS 140 /* a part of a long message */

static struct {
    struct loop *loop;
    struct link *link;
    uint8_t text[TEXT_OCTETS];
    uint64_t count, sent, done;
    int64_t first_us, first_cpu_us;
} g;

static void die(const char *what)
{
    fprintf(stderr, "link: %s\n", what);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return ((int64_t)u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

static void fill_window(void)
{
    char number[32];
    struct smpp_submit m = {.sm = {.source = STR("Coko"),
                                   .source_ton = 5,
                                   .dest_ton = 1,
                                   .dest_npi = 1,
                                   .service_type = STR_EMPTY,
                                   .schedule = STR_EMPTY,
                                   .validity = STR_EMPTY,
                                   .message = str_n(g.text, sizeof g.text)}};
    struct err e;

    while (g.sent < g.count) {
        (void)snprintf(number, sizeof number, "22507%08llu", (unsigned long long)g.sent);
        m.sm.dest = str_c(number);
        if (link_submit(g.link, &m, g.sent, &e) != 0) {
            if (e.code != ERR_BUSY)
                die(e.msg);
            return;
        }
        g.sent++;
    }
}

static void on_up(void *ctx)
{
    (void)ctx;
    g.first_us = now_us();
    g.first_cpu_us = cpu_us();
    fill_window();
}

static void on_submit_done(void *ctx, uint64_t tag, uint32_t status, struct str id, bool late)
{
    (void)ctx, (void)tag;
    if (status != 0 || late || id.n == 0)
        die("a submit was not accepted");
    if (++g.done < g.count)
        return;
    printf("{\"submits\": %llu, \"us\": %lld, \"cpu_us\": %lld}\n", (unsigned long long)g.done,
           (long long)(now_us() - g.first_us), (long long)(cpu_us() - g.first_cpu_us));
    link_stop(g.link);
}

static void on_ready(void *ctx)
{
    (void)ctx;
    fill_window();
}

static void on_unknown(void *ctx, uint64_t tag)
{
    (void)ctx, (void)tag;
    die("a submit without an answer");
}

static void on_stopped(void *ctx)
{
    (void)ctx;
    loop_stop(g.loop);
}

static const struct link_sink sink = {
    .up = on_up,
    .submit_done = on_submit_done,
    .unknown = on_unknown,
    .ready = on_ready,
    .stopped = on_stopped,
};

int main(int argc, char **argv)
{
    struct link_config config = {.name = "bench", .host = "127.0.0.1"};
    struct err e;

    if (argc != 4)
        return 2;
    config.port = (uint16_t)strtoul(argv[1], NULL, 10);
    g.count = strtoull(argv[2], NULL, 10);
    config.session = (struct session_config){.system_id = STR("coko"),
                                             .password = STR("secret"),
                                             .system_type = STR_EMPTY,
                                             .address_range = STR_EMPTY,
                                             .window = (uint32_t)strtoul(argv[3], NULL, 10)};
    for (size_t i = 0; i < sizeof g.text; i++)
        g.text[i] = (uint8_t)('a' + i % 26);
    g.loop = loop_new(&e);
    g.link = g.loop != NULL ? link_new(g.loop, &config, &sink, NULL, &e) : NULL;
    if (g.link == NULL)
        die(e.msg);
    link_start(g.link);
    loop_run(g.loop);
    link_free(g.link);
    loop_free(g.loop);
    return 0;
}
